//! Wheels that are installed and imported with the Pythons that there are: one, in the tool cache of a runner.

use std::fs;
use std::io::Write;

use super::fixture::{Fixture, given_wheel, workspace, write};
use crate::artifact::CheckResult;
use crate::plan::Check;
use crate::problem::Exit;
use crate::verify;
use crate::world::files::set_mode;
use crate::world::terminal::Printer;

/// A wheel of this tag that pip takes here.
fn file(tag: &str) -> String {
    format!("keel-1.2.3-{tag}-linux_{}.whl", std::env::consts::ARCH)
}

/// The minor version of the `python3` of this machine.
fn minor(it: &Fixture) -> u32 {
    let said = it.sees("python3", &["-c", "import sys; print(sys.version_info[1])"], it.top());
    said.trim().parse().unwrap()
}

/// Finished wheels of these tags, their check, and no Python but that of this machine in a tool cache.
fn given(tags: &dyn Fn(u32) -> Vec<String>) -> Fixture {
    let mut it = workspace();
    let own = minor(&it);
    let real = it.sees("python3", &["-c", "import os, sys; print(os.path.realpath(sys.executable))"], it.top());
    let names: Vec<String> = tags(own).iter().map(|tag| file(tag)).collect();
    let folder = it.top().join("given");
    for name in &names {
        write(&folder.join(name), "");
        let mut wheel = zip::ZipWriter::new(fs::File::create(folder.join(name)).unwrap());
        let tag = name.trim_start_matches("keel-1.2.3-").trim_end_matches(".whl");
        let plain = zip::write::SimpleFileOptions::default();
        let mut put = |path: &str, text: &str| {
            wheel.start_file(path, plain).unwrap();
            wheel.write_all(text.as_bytes()).unwrap();
        };
        put("keel.py", "");
        put("keel-1.2.3.dist-info/METADATA", "Metadata-Version: 2.1\nName: keel\nVersion: 1.2.3\n");
        put("keel-1.2.3.dist-info/WHEEL", &format!("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"));
        put("keel-1.2.3.dist-info/RECORD", "");
        wheel.finish().unwrap();
    }
    it.prebuilt = Some(folder);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    it.step("wheel.keel", &[], given_wheel(&names));
    let import = serde_json::from_value(serde_json::json!({ "modules": ["keel"], "scripts": [] })).unwrap();
    it.proof("check.import.keel", "wheel.keel", Check::Import(import));
    it.only(&["git", "cargo", "rustc", "uname", "sh"]);
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let cached = it.top().join(format!(".git/tools/Python/3.{own}.1/{arch}/bin/python3"));
    write(&cached, &format!("#!/bin/sh\nexec {} \"$@\"\n", real.trim()));
    set_mode(&cached, 0o755).unwrap();
    it.runner = it.runner.clone().with("RUNNER_TOOL_CACHE", it.top().join(".git/tools").to_str().unwrap());
    it
}

fn seen(it: &Fixture) -> CheckResult {
    it.run(&[]).unwrap().into_iter().find_map(|record| record.check).unwrap()
}

#[test]
fn a_wheel_that_was_not_tried_is_no_subject_and_warned_of() {
    let it = given(&|own| vec![format!("cp3{own}-cp3{own}"), "cp399-cp399".into(), "cp314-cp314t".into()]);
    let own = minor(&workspace());
    let result = seen(&it);
    assert_eq!((result.passed, result.detail.as_str()), (true, "imported keel; 2 of 3 wheels not tested"));
    let names = |subjects: &[crate::artifact::Subject]| subjects.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&result.subjects), [file(&format!("cp3{own}-cp3{own}"))]);
    assert_eq!(names(&result.untried), ["cp399-cp399", "cp314-cp314t"].map(file));
    let there = format!("(on PATH no Python; in `{}` 3.{own}.1)", it.top().join(".git/tools/Python").display());
    let expected = [("cp399-cp399", "3.99"), ("cp314-cp314t", "3.14t")]
        .map(|(tag, python)| format!("`{}` was not tested: there is no `python{python}` {there}; its job in CI tests it, with a Python of the runner", file(tag)));
    assert_eq!(result.warnings, expected);
    // Verifying demands a word on every wheel, and this is one.
    let checks = |it: &Fixture| {
        let error = verify::run(&Printer::silent(), &it.store, &it.plan, None).err();
        error.map(|error| format!("{error:#}")).unwrap_or_default().contains("check.import")
    };
    assert!(!checks(&it));
    let record = it.store.record("check.import.keel");
    let mut artifact: crate::artifact::Artifact = crate::world::store::read_json(&record).unwrap();
    artifact.check.as_mut().unwrap().untried.clear();
    it.store.write_record(&artifact).unwrap();
    assert!(checks(&it));
}

#[test]
fn in_a_job_every_python_of_the_plan_must_be_there() {
    let mut it = given(&|own| vec![format!("cp3{own}-cp3{own}"), "cp399-cp399".into(), "cp314-cp314t".into()]);
    it.install = true;
    let said = it.fails(&[], Exit::Usage);
    assert!(said.starts_with("missing-tool: wheels cannot be tested: there is no `python3.99` (on PATH no "), "{said}");
    assert!(said.contains("actions/setup-python") && !said.contains("3.14t"), "{said}");
}

#[test]
fn where_none_can_be_tried_nothing_is_compiled() {
    let it = given(&|_| vec!["cp399-abi3".into()]);
    let said = it.fails(&[], Exit::Usage);
    assert!(said.starts_with("missing-tool: wheels cannot be tested: there is no Python 3.99 or later ("), "{said}");
    let rare = given(&|_| vec!["cp314-cp314t".into()]);
    assert_eq!(seen(&rare).detail, "1 of 1 wheels not tested");
}
