//! Two distributions of one crate, built for real; and the same with each mistake that hand-made releases shipped.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Output;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::project::Project;
use crate::{kept, python_tool, root, tools};

fn project() -> Project {
    let project = Project::copy(&root().join("tests/tools/duo"), "duo");
    // What checkouts spoil: a link, and a file that is started.
    must(&project, "ln -s count.py python/duo/link.py && echo '#!/bin/sh' > python/duo/run && chmod +x python/duo/run");
    fs::write(project.folder().join("python/duo/count.py"), "ONE = 1\n").unwrap();
    let project = project.commit();
    assert!(sh(&project, "git tag v1.0.0").status.success());
    project
}

/// With maturin and zig on PATH; what they compile is there the next time.
fn sh(project: &Project, line: &str) -> Output {
    assert!(python_tool("maturin").arg("--version").output().unwrap().status.success());
    let path = format!("PATH={}/python/bin:$PATH", tools().display());
    project.sh(&format!(
        "export {path} {}; {line}",
        kept("duo").map(|(name, folder)| format!("{name}={folder}")).join(" ")
    ))
}

fn must(project: &Project, line: &str) -> Output {
    let done = sh(project, line);
    assert!(done.status.success(), "{line}\n{}{}", text(&done.stdout), text(&done.stderr));
    done
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Built once, with the digests of its files and copies of them in `target/made`. What is built again there compiles
/// little, one test at a time.
struct Built {
    project: Project,
    digests: BTreeMap<String, String>,
}

static BUILT: LazyLock<Mutex<Built>> = LazyLock::new(|| {
    let project = project();
    let plan = "longshore plan --only wheel --out target/wheels.json -q";
    let keep = "mkdir target/made && cp target/longshore/steps/*/* target/made";
    must(&project, &format!("{plan} && longshore build --all -q && longshore verify -q && {keep}"));
    let digests = digests(&project);
    Mutex::new(Built { project, digests })
});

fn built() -> MutexGuard<'static, Built> {
    BUILT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Digests of all wheels and sdists by name.
fn digests(project: &Project) -> BTreeMap<String, String> {
    let folder = project.folder().join("target/longshore/artifacts");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let record: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for file in record["files"].as_array().unwrap() {
            found.insert(file["name"].as_str().unwrap().to_owned(), file["sha256"].as_str().unwrap().to_owned());
        }
    }
    found
}

/// The bytes of all members of a wheel.
fn unpacked(wheel: &Path) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(fs::File::open(wheel).unwrap()).unwrap();
    let mut all = Vec::new();
    for index in 0..archive.len() {
        archive.by_index(index).unwrap().read_to_end(&mut all).unwrap();
    }
    all
}

/// Builds with one file given instead of made.
fn with(project: &Project, given: &Path, more: &str) -> Output {
    sh(project, &format!("longshore build {more} --all --prebuilt {} --json", given.display()))
}

#[test]
fn variants_are_real_and_the_same_everywhere() {
    let (here, other) = (built(), project());
    let names: Vec<&str> = here.digests.keys().map(String::as_str).collect();
    let expected = [
        "duo-1.0.0-cp310-abi3-manylinux_2_28_x86_64.whl",
        "duo-1.0.0.tar.gz",
        "duo_client-1.0.0-cp310-abi3-manylinux_2_28_x86_64.whl",
        "duo_client-1.0.0.tar.gz",
    ];
    assert_eq!(names, expected);
    // Another checkout, as on Windows, and other homes; nothing of the first build.
    let clone = "git clone -q -c core.autocrlf=true -c core.symlinks=false . ../clone && cd ../clone";
    let homes = "mkdir ../cargo && ln -s \"$CARGO_HOME/registry\" ../cargo && export CARGO_HOME=$PWD/../cargo";
    let spoiled = "grep -q '\r' python/duo/run && test ! -L python/duo/link.py";
    let build = "unset CARGO_TARGET_DIR; longshore build --all -q && longshore verify -q";
    must(&other, &format!("{clone} && {spoiled} && {homes} && {build} && mv target ../duo"));
    assert_eq!(digests(&other), here.digests);
    let steps = other.folder().join("target/longshore/steps");
    must(&other, "grep -qr 'rustflags: .*--remap-path-prefix' target/longshore/logs");
    // Both distributions and what is built back from their sdists share what is compiled.
    let compiled = must(&other, "cat target/longshore/logs/* | grep -c 'Compiling pyo3 v'");
    assert_eq!(text(&compiled.stdout).trim(), "1");
    for (name, says) in [("duo", "server"), ("duo-client", "client")] {
        let wheel = steps.join(format!("wheel.{name}.x86_64-unknown-linux-gnu"));
        let file = fs::read_dir(wheel).unwrap().next().unwrap().unwrap().path();
        let all = unpacked(&file);
        let holds = |text: &str| memchr::memmem::find(&all, text.as_bytes()).is_some();
        for project in [&other, &here.project] {
            let place = project.folder().parent().unwrap().display().to_string();
            assert!(!holds(&place), "{place} is in {}", file.display());
        }
        // Of a dependency, of the SBOM of the crate, of the file beside it.
        assert!(
            holds("/cargo/registry/src/") && holds("\"path+file://.#duo@1.0.0\"") && holds("given.cdx.json,sha256=")
        );
        let pip = format!("v-{name}/bin/pip install -q --no-index {}", file.display());
        let done = must(&other, &format!("python3 -m venv v-{name} && {pip} && v-{name}/bin/duo"));
        assert_eq!(text(&done.stdout).trim(), says);
    }
}

#[test]
fn an_sdist_whose_features_were_only_on_the_command_line() {
    let built = built();
    let project = &built.project;
    let given = changed_sdist(project, "sed -i /^features/d duo-1.0.0/pyproject.toml");
    let done = with(project, given.path(), "");
    assert_eq!(done.status.code(), Some(7), "{}", text(&done.stdout));
    let said = text(&done.stdout);
    assert!(said.contains("is another variant") && said.contains("lacks the crates"), "{said}");
}

#[test]
fn an_sdist_without_its_path_dependency() {
    let built = built();
    let project = &built.project;
    let given = changed_sdist(project, "rm -r duo-1.0.0/crates");
    let done = with(project, given.path(), "");
    assert_eq!(done.status.code(), Some(7), "{}", text(&done.stdout));
    assert!(text(&done.stdout).contains("it cannot be built"), "{}", text(&done.stdout));
}

#[test]
fn a_client_with_the_servers_features() {
    let built = built();
    let project = &built.project;
    let given =
        raw_wheel(project, "sed -i 's/^name = \"duo\"/name = \"duo-client\"/' pyproject.toml", "--features server");
    let done = with(project, given.path(), "--plan target/wheels.json");
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
    let verified = sh(project, "longshore verify --plan target/wheels.json --json");
    assert_eq!(verified.status.code(), Some(3), "{}", text(&verified.stdout));
    let said = text(&verified.stdout);
    assert!(said.contains("dist-variants") && said.contains("which only the other variant needs"), "{said}");
    // Nobody made its SBOM relative.
    assert!(said.contains("dist-local-path") && said.contains("sboms/duo.cyclonedx.json"), "{said}");
}

#[test]
fn a_server_that_lost_its_features() {
    let built = built();
    let project = &built.project;
    let given = raw_wheel(project, "true", "");
    // The sdist is right, so building it back makes another wheel than this one.
    let done = with(project, given.path(), "");
    assert_eq!(done.status.code(), Some(7), "{}", text(&done.stdout));
    assert!(text(&done.stdout).contains("is another variant"), "{}", text(&done.stdout));
    // On a machine that makes no sdist, verify finds it.
    let done = with(project, given.path(), "--plan target/wheels.json");
    assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
    let verified = sh(project, "longshore verify --plan target/wheels.json --json");
    assert_eq!(verified.status.code(), Some(3), "{}", text(&verified.stdout));
    assert!(text(&verified.stdout).contains("without a trace of its features"), "{}", text(&verified.stdout));
}

#[test]
fn a_wheel_whose_name_was_lost() {
    let built = built();
    let project = &built.project;
    let given = raw_wheel(project, "true", "--features server");
    let to = given.path().join("duo_client-1.0.0-cp310-abi3-manylinux_2_28_x86_64.whl");
    fs::rename(given.path().join("duo-1.0.0-cp310-abi3-manylinux_2_28_x86_64.whl"), to).unwrap();
    let done = with(project, given.path(), "--plan target/wheels.json");
    assert_eq!(done.status.code(), Some(7), "pip refuses it: {}", text(&done.stdout));
    assert!(text(&done.stdout).contains("check.import.duo-client"), "{}", text(&done.stdout));
}

#[test]
fn published_to_an_index_that_loses_an_answer() {
    let built = built();
    let done = must(&built.project, "longshore rehearse --fault pypi.lost-answer --json");
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
    let mut published: BTreeMap<String, String> = BTreeMap::new();
    for receipt in answer["receipts"].as_array().unwrap() {
        assert_eq!(receipt["destination"], "pypi");
        let text = |key: &str| receipt[key].as_str().unwrap().to_owned();
        published.insert(text("name"), text("sha256"));
    }
    assert_eq!(published, built.digests);
    assert_eq!(answer["state"], "complete");
    let url = answer["rehearsal"]["indexes"]["pypi"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
}

#[test]
fn an_expression_of_the_users_tells_variants_apart() {
    let built = built();
    let wheels = tempfile::tempdir().unwrap();
    must(&built.project, &format!("cp target/made/*.whl {}", wheels.path().display()));
    // Nothing is compiled: the wheels are given.
    let check = |expression: &str, exit: i32, expected: &str| {
        let project = Project::copy(&root().join("tests/tools/duo"), "duo");
        let yaml = format!(
            "longshore: 1\ntargets: x86_64-unknown-linux-gnu\nbinaries: false\npublish: {{ github: false, pypi: {{}} }}\n\
             wheels:\n  duo: {{ features: server, sdist: false, variant-check: {{ python: {expression} }} }}\n  duo-client: {{ sdist: false }}\n"
        );
        fs::write(project.folder().join("longshore.yaml"), yaml).unwrap();
        let project = project.commit();
        must(&project, "git tag v1.0.0");
        let done = with(&project, wheels.path(), "");
        assert_eq!(done.status.code(), Some(exit), "{expression}: {}{}", text(&done.stdout), text(&done.stderr));
        assert!(text(&done.stdout).contains(expected), "{expression}: {}", text(&done.stdout));
    };
    check("duo.SERVER", 0, "\"ok\":true");
    check("not duo.SERVER", 7, "is not true");
    check("duo.main is not None", 7, "as in another distribution");
}

/// The sdist of the server, unpacked, changed by a line of shell and packed again.
fn changed_sdist(project: &Project, change: &str) -> tempfile::TempDir {
    let (given, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = scratch.path().display();
    let line = format!(
        "tar xzf target/made/duo-1.0.0.tar.gz -C {open} && cd {open} && {change} && tar czf {}/duo-1.0.0.tar.gz duo-1.0.0",
        given.path().display()
    );
    must(project, &line);
    given
}

/// A wheel as a job of a workflow would build it by hand, alone in a folder.
fn raw_wheel(project: &Project, edit: &str, flags: &str) -> tempfile::TempDir {
    let (given, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (open, built) = (scratch.path().display(), project.folder().join("target/longshore/python"));
    let planned = "--release --zig --compatibility manylinux_2_28 --target x86_64-unknown-linux-gnu";
    let line = format!(
        "git archive HEAD | tar x -C {open} && cd {open} && {edit} && maturin build {planned} {flags} --target-dir {} --out {}",
        built.display(),
        given.path().display()
    );
    must(project, &line);
    given
}
