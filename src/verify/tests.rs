//! One whole, correct release in a temporary folder; each test breaks exactly one thing and expects exactly one answer.

mod archives;
mod release;

use std::fs;

use release::{ARM, Release, X86, packed};

use crate::artifact::{Artifact, Manifest};
use crate::digest::Digest;
use crate::inspect::sample::{Elf, gnu, musl};
use crate::problem::{Exit, Failure};
use crate::world::store::read_json;

/// Verifies; expects these codes in this order, each with this text in its message.
fn check(release: &Release, expected: &[(&str, &str)]) {
    let error = release.verify().expect_err("verification must fail");
    let failure = error.downcast::<Failure>().expect("a failure with problems");
    assert_eq!(failure.exit, Exit::Verification);
    let codes: Vec<&str> = failure.problems.iter().map(|problem| problem.code).collect();
    let wanted: Vec<&str> = expected.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, wanted, "{:#?}", failure.problems);
    for (problem, (_, text)) in failure.problems.iter().zip(expected) {
        assert!(problem.message.contains(text), "{:?} lacks {text:?}", problem.message);
        assert!(problem.hint.is_some(), "{problem:?}");
    }
    assert!(!release.store.manifest().exists(), "nothing may be published");
}

#[test]
fn a_whole_release_is_verified() {
    let release = Release::whole();
    let manifest = release.verify().unwrap();
    assert_eq!(manifest, read_json::<Manifest>(&release.store.manifest()).unwrap());
    assert_eq!((manifest.plan, &manifest.commit), (release.plan.digest(), &release.plan.commit));
    let steps: Vec<&str> = manifest.artifacts.iter().map(|artifact| artifact.step.as_str()).collect();
    let planned = release.plan.steps.iter().map(|step| step.id.as_str());
    assert_eq!(steps, planned.filter(|id| *id != "check.smoke.app.aarch64-unknown-linux-gnu").collect::<Vec<_>>());
    let [first, second] = manifest.binaries.as_slice() else { panic!("two executables") };
    assert_eq!((first.name.as_str(), first.size, first.facts.stripped), ("app", 616, true));
    assert_eq!(first.facts.interpreter.as_deref(), Some("/lib64/ld-linux-x86-64.so.2"));
    assert_eq!(first.facts.glibc.as_deref(), Some("2.17"));
    assert_eq!(second.step, "binary.app.aarch64-unknown-linux-gnu");
    assert_eq!(second.facts.interpreter.as_deref(), Some("/lib/ld-linux-aarch64.so.1"));
}

#[test]
fn an_old_manifest_does_not_outlive_a_failure() {
    let release = Release::whole();
    release.verify().unwrap();
    fs::remove_file(release.store.record("checksums.app")).unwrap();
    check(&release, &[("missing-artifact", "`checksums.app` is missing (`build --merge`)")]);
}

#[test]
fn no_record_excuses_itself() {
    let check_record = |step: &str, change: fn(&mut Artifact), code: &str, text: &str| {
        let release = Release::whole();
        release.edit(step, change);
        check(&release, &[(code, text)]);
    };
    let left_out = |record: &mut Artifact| (record.files, record.not_needed) = (Vec::new(), Some("so it says".into()));
    check_record("checksums.app", left_out, "damaged-record", "says it is not needed, but it is");
    let smoke = format!("check.smoke.app.{X86}");
    check_record(&smoke, left_out, "missing-artifact", "says it is not needed, but it is");
    let published = |record: &mut Artifact| record.published = Some("evil.example/app:in-1".parse().unwrap());
    check_record(
        "checksums.app",
        published,
        "damaged-record",
        "`evil.example/app:in-1`, which the plan does not allow",
    );
}

#[test]
fn a_part_is_demanded_alone() {
    let release = Release::whole();
    let mut workflow: crate::plan::Workflow =
        serde_json::from_str(r#"{"file":"one.yml","steps":[],"destinations":[]}"#).unwrap();
    workflow.steps = ["binary.app.", "archive.app."].map(|kind| format!("{kind}{ARM}").as_str().into()).to_vec();
    let verify = || {
        crate::verify::run(&crate::world::terminal::Printer::silent(), &release.store, &release.plan, Some(&workflow))
    };
    let held = |manifest: Manifest| manifest.artifacts.into_iter().map(|one| one.step).collect::<Vec<_>>();
    assert_eq!(held(verify().unwrap()), workflow.steps, "what else was made here is of other workflows");
    fs::remove_file(release.store.record("checksums.app")).unwrap();
    assert_eq!(verify().unwrap().plan, release.plan.digest());
    fs::remove_file(release.store.record(&workflow.steps[1])).unwrap();
    assert!(verify().is_err());
}

// --- binaries

#[test]
fn another_machine_under_a_name() {
    let release = Release::make(|parts| parts.arm = gnu());
    check(
        &release,
        &[(
            "wrong-architecture",
            "`app` is x86_64, but aarch64-unknown-linux-gnu needs aarch64 (job `aarch64-unknown-linux-gnu`)",
        )],
    );
}

#[test]
fn another_format_under_a_name() {
    let release = Release::make(|parts| parts.plan["steps"][1]["target"] = "x86_64-apple-darwin".into());
    check(&release, &[("wrong-format", "`app` is an ELF file, but x86_64-apple-darwin needs a Mach-O file")]);
}

#[test]
fn static_with_an_interpreter() {
    let release = Release::make(|parts| parts.plan["steps"][1]["linkage"] = "static".into());
    check(
        &release,
        &[(
            "not-static",
            "needs `/lib64/ld-linux-x86-64.so.2`, `libc.so.6`, expected static (job `x86_64-unknown-linux-gnu`)",
        )],
    );
    let release = Release::make(|parts| {
        parts.plan["steps"][1]["linkage"] = "static".into();
        parts.x86 = Elf { interpreter: None, ..gnu() };
    });
    check(&release, &[("not-static", "needs `libc.so.6`, expected static")]);
}

#[test]
fn dynamic_without_a_loader() {
    check(&Release::make(|parts| parts.x86 = musl()), &[("not-dynamic", "is static, expected dynamic")]);
    let library = |parts: &mut release::Parts| parts.x86 = Elf { interpreter: None, ..gnu() };
    check(&Release::make(library), &[("wrong-interpreter", "is a library, not a program")]);
}

#[test]
fn a_loader_of_one_machine_only() {
    let check_loader = |loader: &'static str| {
        let release = Release::make(|parts| parts.x86 = Elf { interpreter: Some(loader), ..gnu() });
        check(&release, &[("wrong-interpreter", loader)]);
    };
    check_loader("/nix/store/0c7c96gikmzv87i7lv3vq5s1cmfjd6zf-glibc-2.31-74/lib/ld-linux-x86-64.so.2");
    check_loader("/lib/ld-musl-x86_64.so.1");
    check_loader("/lib/ld-linux-aarch64.so.1");
}

#[test]
fn glibc_above_the_promised_minimum() {
    let minimum = |minimum: &'static str| Release::make(move |parts| parts.plan["steps"][1]["glibc"] = minimum.into());
    check(
        &minimum("2.5"),
        &[("glibc-above-minimum", "needs glibc 2.17, but the minimum is 2.5 (job `x86_64-unknown-linux-gnu`)")],
    );
    minimum("2.17").verify().unwrap();
    minimum("2.28").verify().unwrap();
}

#[test]
fn larger_than_allowed() {
    let budget = |most: u64| Release::make(move |parts| parts.plan["steps"][1]["max_size"] = most.into());
    check(&budget(615), &[("too-large", "has 616 bytes; the limit is 615")]);
    budget(616).verify().unwrap();
}

#[test]
fn no_executable_at_all() {
    let release = Release::make(|parts| parts.script = Some(b"#!/bin/sh\nexec something --else\n".to_vec()));
    check(&release, &[("not-executable", "`app` is not an ELF, Mach-O or PE executable")]);
}

// --- the set

#[test]
fn a_missing_record() {
    let release = Release::whole();
    fs::remove_file(release.store.record(&format!("archive.app.{ARM}"))).unwrap();
    check(
        &release,
        &[("missing-artifact", "`archive.app.aarch64-unknown-linux-gnu` is missing (job `aarch64-unknown-linux-gnu`)")],
    );
}

#[test]
fn a_missing_job() {
    let release = Release::whole();
    for kind in ["binary", "check.smoke", "archive"] {
        fs::remove_file(release.store.record(&format!("{kind}.app.{X86}"))).unwrap();
    }
    check(&release, &[("missing-artifact", "no results of job `x86_64-unknown-linux-gnu`: 3 steps")]);
}

#[test]
fn a_missing_file() {
    let release = Release::whole();
    fs::remove_file(release.store.file(&format!("binary.app.{X86}"), "app")).unwrap();
    check(&release, &[("missing-artifact", "`app` is recorded, but missing (job `x86_64-unknown-linux-gnu`)")]);
}

#[test]
fn what_is_too_much() {
    let release = Release::whole();
    let folder = release.store.root().to_owned();
    fs::write(folder.join("artifacts/archive.other.json"), "{}").unwrap();
    fs::write(folder.join(format!("artifacts/check.smoke.app.{ARM}.json")), "{}").unwrap();
    fs::create_dir(folder.join("steps/binary.old")).unwrap();
    fs::write(folder.join(format!("steps/binary.app.{X86}/app.debug")), "").unwrap();
    check(
        &release,
        &[
            ("extra-artifact", "record `archive.other.json` does not belong to a step of this plan"),
            ("extra-artifact", "record `check.smoke.app.aarch64-unknown-linux-gnu.json` does not belong to a step"),
            (
                "extra-artifact",
                "`binary.app.x86_64-unknown-linux-gnu` has the file `app.debug`, which is not planned (job",
            ),
            ("extra-artifact", "`binary.old` is not a step of this plan"),
        ],
    );
}

#[test]
fn a_swapped_file() {
    let release = Release::whole();
    let file = |triple: &str| release.store.file(&format!("binary.app.{triple}"), "app");
    let (x86, arm) = (fs::read(file(X86)).unwrap(), fs::read(file(ARM)).unwrap());
    fs::write(file(X86), &arm).unwrap();
    fs::write(file(ARM), &x86[..600]).unwrap();
    let digests = format!("`app` is {}, but was built as {} (job `{X86}`)", Digest::of(&arm), Digest::of(&x86));
    let sizes = format!("`app` has 600 bytes, but was built with 616: it was replaced or truncated (job `{ARM}`)");
    check(&release, &[("wrong-digest", &digests), ("wrong-digest", &sizes)]);
}

#[test]
fn records_of_something_else() {
    let check_record = |change: &dyn Fn(&mut Artifact), code: &str, text: &str| {
        let release = Release::whole();
        release.edit(&format!("archive.app.{ARM}"), change);
        check(&release, &[(code, text)]);
    };
    let job = "(job `aarch64-unknown-linux-gnu`)";
    check_record(&|record| record.plan = Digest::of(b"other"), "other-plan", job);
    check_record(&|record| record.commit = "0".repeat(40), "other-commit", job);
    check_record(&|record| record.kind = "binary".into(), "wrong-kind", "has kind `binary`, not `archive`");
    check_record(&|record| record.schema = "longshore/artifact/9".into(), "damaged-record", "longshore/artifact/9");
    check_record(&|record| record.step = format!("archive.app.{X86}"), "duplicate-artifact", "says it belongs to");
    check_record(
        &|record| record.files.clear(),
        "wrong-outputs",
        "produced nothing, but the plan says `app-aarch64-unknown-linux-gnu.tar.gz`",
    );
    check_record(&|record| record.files[0].name = "../app".into(), "damaged-record", "leaves its folder");
    check_record(&|record| record.files[0].name = "other".into(), "wrong-outputs", "produced `other`");
    let executable = crate::artifact::Mode::Executable;
    check_record(&|record| record.files[0].mode = executable, "wrong-mode", "was recorded with mode 0755");
}

#[test]
fn a_damaged_record() {
    let release = Release::whole();
    fs::write(release.store.record("checksums.app"), "{").unwrap();
    check(&release, &[("damaged-record", "is damaged")]);
}

// Elsewhere files have no such bit.
#[cfg(unix)]
#[test]
fn a_lost_executable_bit() {
    let release = Release::whole();
    crate::world::files::set_mode(&release.store.file(&format!("binary.app.{X86}"), "app"), 0o644).unwrap();
    check(&release, &[("wrong-mode", "`app` lost its executable bit in transit (job `x86_64-unknown-linux-gnu`)")]);
}

// --- checks

#[test]
fn checks_must_have_passed_on_these_bytes() {
    let check_result = |change: &dyn Fn(&mut Artifact), code: &str, text: &str| {
        let release = Release::whole();
        release.edit(&format!("check.smoke.app.{X86}"), change);
        check(&release, &[(code, text)]);
    };
    let other = Digest::of(b"older");
    check_result(
        &|record| record.check.as_mut().unwrap().subjects[0].sha256 = other,
        "check-stale",
        "was run on another `app`",
    );
    check_result(&|record| record.check.as_mut().unwrap().subjects.clear(), "check-missing", "was not run on `app`");
    check_result(
        &|record| record.check.as_mut().unwrap().passed = false,
        "check-failed",
        "failed: app 1.2.3 (job `x86_64",
    );
    check_result(&|record| record.check = None, "check-missing", "contains no result");
    let release = Release::whole();
    fs::remove_file(release.store.record(&format!("check.smoke.app.{X86}"))).unwrap();
    check(&release, &[("check-missing", "the result of `check.smoke.app.x86_64-unknown-linux-gnu` is missing (job")]);
}

// --- checksums

#[test]
fn wrong_checksums() {
    let check_list = |change: &dyn Fn(String) -> String, text: &str| {
        let release = Release::whole();
        let list = fs::read_to_string(release.store.file("checksums.app", "SHA256SUMS")).unwrap();
        release.put("checksums.app", "SHA256SUMS", change(list).as_bytes());
        check(&release, &[("checksums-wrong", text)]);
    };
    check_list(&|list| list.lines().skip(1).map(|line| format!("{line}\n")).collect(), "does not list `app-");
    check_list(
        &|list| format!("{list}{}  more\n", "0".repeat(64)),
        "lists `more`, which it should not (`build --merge`)",
    );
    check_list(&|list| format!("{}{}", "0".repeat(64), &list[64..]), "lists a wrong digest for `app-");
    check_list(&|list| list.trim_end().to_owned(), "is truncated");
    check_list(&|list| list.replace("  ", " "), "is not a list for `sha256sum -c`: line 1");
    check_list(&|list| format!("{list}{}\n", list.lines().next().unwrap()), "twice");
    let release = Release::whole();
    let list = fs::read_to_string(release.store.file("checksums.app", "SHA256SUMS")).unwrap();
    release.put("checksums.app", "SHA256SUMS", list.replace("  ", " *").as_bytes());
    release.verify().unwrap();
}

// --- bare executables and assets

#[test]
fn a_bare_executable_of_another_build() {
    let release = Release::whole();
    release.put(&format!("archive.app.{X86}"), &packed(X86, ""), &Elf { padding: 8, ..gnu() }.bytes());
    release.refresh_checksums();
    check(&release, &[("archive-content", "is not the executable that `binary.app.x86_64-unknown-linux-gnu` made")]);
}

#[test]
fn an_empty_asset() {
    let release = Release::whole();
    release.put("asset.ui", "ui.tar.gz", &archives::tar_gz(&[]));
    let missing = ("archive-content", "needs `ui/build`, but `asset.ui` contains nothing there (job");
    let extra = ("archive-content", "contains `www/index.html`, `www/js/app.js`, which is not planned");
    let of_x86 = [missing, extra].repeat(3);
    check(&release, &[&[("archive-content", "`ui.tar.gz` is empty (job `assets`)")], of_x86.as_slice()].concat());
}

#[test]
fn a_missing_asset_is_one_problem() {
    let release = Release::whole();
    fs::remove_file(release.store.record("asset.ui")).unwrap();
    check(&release, &[("missing-artifact", "`asset.ui` is missing (job `assets`)")]);
}

/// Published as it is, nothing opens it before its users do.
#[test]
fn a_pointer_in_place_of_a_bare_asset() {
    let release = Release::make(|parts| {
        let step = serde_json::json!({
            "id": "asset.model", "component": "", "needs": [], "publish": [], "job": "assets", "kind": "asset",
            "outputs": [{ "name": "model.bin" }], "run": [], "files": [{ "from": "model.bin" }]
        });
        parts.plan["steps"].as_array_mut().unwrap().push(step);
    });
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345678\n";
    release.put("asset.model", "model.bin", pointer.replace('7', "8").as_bytes());
    check(&release, &[("lfs-pointer", "`model.bin` is a Git LFS pointer instead of the file (job `assets`)")]);
    release.put("asset.model", "model.bin", b"version https://git-lfs.github.com/spec/v1\nis what a pointer says\n");
    release.verify().unwrap();
}
