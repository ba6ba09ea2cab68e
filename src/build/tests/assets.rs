//! Assets: made, bundled, laid out for a compilation, packed into archives; and what children may see.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::fixture::{Fixture, archive, bash, manifest, outputs, workspace};
use crate::format::Format;
use crate::plan::{AssetOutputs, AssetTree, Work};
use crate::problem::Exit;
use crate::world::env::Env;
use crate::world::files;

const MAKE_UI: &str = "mkdir -p ui/build/js; echo page > ui/build/index.html; echo script > ui/build/js/a.js; \
                       printf '#!/bin/sh\\n' > ui/build/run; chmod +x ui/build/run; ln -s js/a.js ui/build/link";

fn tree(path: &str, to: &str) -> AssetTree {
    AssetTree { step: "asset.ui".into(), path: path.into(), to: to.into() }
}

#[test]
fn a_bundle_feeds_a_compilation_and_an_archive() {
    for (name, format) in [("ui.tar.gz", Format::TarGz), ("ui.tar.zst", Format::TarZst), ("ui.zip", Format::Zip)] {
        let mut it = Fixture::new(&[
            ("Cargo.toml", &manifest("alpha")),
            ("src/main.rs", "fn main() { print!(\"{}\", include_str!(\"../ui/build/link\")); }\n"),
            (".gitignore", "/target\n/ui\n"),
        ]);
        it.asset(MAKE_UI, &["ui/build"], Some((name, format)));
        it.binary("alpha", |work| {
            work.assets = vec!["asset.ui".into()];
            work.locked = false;
        });
        let mut work = archive(&[("all.tar.gz", Format::TarGz)], &[("binary.alpha", "alpha")]);
        work.trees = vec![tree("ui/build", "web")];
        it.step("archive.all", &["binary.alpha", "asset.ui"], Work::Archive(work));
        it.run(&["asset.ui"]).unwrap();
        // Another machine has the bundle only.
        fs::remove_dir_all(it.top().join("ui")).unwrap();
        it.run(&["binary.alpha", "archive.all"]).unwrap();
        let said = it.sees(it.store.file("binary.alpha", "alpha").to_str().unwrap(), &[], it.top());
        assert_eq!(said, "script\n");
        assert!(files::is_executable(&fs::File::open(it.top().join("ui/build/run")).unwrap()).unwrap());
        let listed = it.sees("tar", &["-tvf", "all.tar.gz"], &it.store.step("archive.all"));
        let listed: Vec<String> = listed
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                format!("{} {}", words[0], words[5..].join(" "))
            })
            .collect();
        let expected = [
            "-rwxr-xr-x bin/alpha",
            "-rw-r--r-- web/index.html",
            "-rw-r--r-- web/js/a.js",
            "lrwxrwxrwx web/link -> js/a.js",
            "-rwxr-xr-x web/run",
        ];
        assert_eq!(listed, expected);
    }
}

#[test]
fn laying_out_touches_only_what_differs_and_nothing_tracked() {
    let mut it = workspace();
    it.asset("", &["alpha/src", "made"], Some(("ui.tar.gz", Format::TarGz)));
    it.binary("beta", |work| work.assets = vec!["asset.ui".into()]);
    fs::write(it.top().join("made"), "made").unwrap();
    it.run(&["asset.ui"]).unwrap();
    fs::remove_file(it.top().join("made")).unwrap();
    it.run(&["binary.beta"]).unwrap();
    assert!(it.log("binary.beta").contains("unpacked `asset.ui`: 1 files written, 1 up to date"));
    fs::write(it.top().join("alpha/src/main.rs"), "// changed here\n").unwrap();
    let said = it.fails(&["binary.beta"], Exit::Build);
    assert!(said.contains("would overwrite `alpha/src/main.rs`, which git tracks"), "{said}");
    assert_eq!(fs::read_to_string(it.top().join("alpha/src/main.rs")).unwrap(), "// changed here\n");
}

#[test]
fn what_is_not_there_or_leaves_the_tree_is_an_error() {
    let check = |run: &str, files: &[&str], expected: &str| {
        let mut it = workspace();
        it.asset(run, files, Some(("ui.tar.gz", Format::TarGz)));
        let said = it.fails(&[], Exit::Build);
        assert!(said.contains(&format!("step-failed: `asset.ui` failed: {expected}")), "{said}");
    };
    check("", &["ui/*.js"], "the glob `ui/*.js` matches nothing");
    check("", &["ui/build"], "`ui/build` does not exist; the commands of this asset should have created it");
    check("mkdir ui", &["ui"], "the folder `ui` is empty");
    check("mkdir ui; ln -s ../.. ui/x", &["ui"], "the link `ui/x` points outside the tree, to `../..`");
    check("mkdir ui; ln -s /etc/passwd ui/x", &["ui"], "the link `ui/x` points outside the tree, to `/etc/passwd`");
    check("", &["../x"], "the path `../x` leaves the repository");
    check("echo oh >&2; false", &["ui"], "`bash -euo pipefail -c 'echo oh >&2; false'` failed with exit status: 1");
}

#[cfg(unix)]
#[test]
fn neither_git_nor_results_of_steps_get_into_an_asset() {
    let check = |run: &str, (file, follow): (&str, bool), expected: &str| {
        let mut it = workspace();
        it.asset(&format!("mkdir -p ui target/longshore; {run}"), &[file], Some(("ui.tar.gz", Format::TarGz)));
        let Work::Asset(work) = &mut it.plan.steps[0].work else { panic!("an asset") };
        work.files[0].follow = follow;
        let said = it.fails(&[], Exit::Build);
        assert!(said.contains(expected), "{file}: {said}");
    };
    let git = "is inside `.git`";
    check("ln -s ../.git/config ui/x", ("ui", true), git);
    check("ln -s ../.git ui/x", ("ui", true), git);
    check("ln -s .git g", ("g/config", false), git);
    check("ln -s .git g", ("g/con*", false), git);
    check("", (".git/config", false), git);
    let results = "is inside the output folder, which holds the results of steps";
    check("ln -s ../target/longshore ui/x", ("ui", true), results);
    check("echo x > target/longshore/x", ("target/longshore/x", false), results);
    check("ln -s /etc e", ("e/passwd", false), "`e` leaves the repository");
    check("ln -s /etc e", ("e/pass*", false), "`e` leaves the repository");
    check("ln -s nowhere ui/x", ("ui", true), "the link `ui/x` points to `nowhere`: `ui/x` does not exist");
}

#[test]
fn loose_files_are_those_that_were_planned() {
    let mut it = workspace();
    it.asset("mkdir ui; echo a > ui/a.txt; echo b > ui/b.txt; chmod +x ui/b.txt", &["ui/a.txt", "ui/b.txt"], None);
    let plan = |it: &mut Fixture, names: &[&str]| {
        let Work::Asset(work) = &mut it.plan.steps[0].work else { unreachable!() };
        work.outputs = AssetOutputs::Files(outputs(names));
    };
    plan(&mut it, &["b.txt", "a.txt"]);
    let records = it.run(&[]).unwrap();
    let names: Vec<(&str, u32)> = records[0].files.iter().map(|file| (file.name.as_str(), file.mode.bits())).collect();
    assert_eq!(names, [("b.txt", 0o755), ("a.txt", 0o644)]);
    plan(&mut it, &["a.txt"]);
    fs::remove_dir_all(it.top().join("ui")).unwrap();
    assert!(it.fails(&[], Exit::Build).contains("`b.txt` is not one of the planned files"));
}

#[test]
fn two_files_on_one_path_are_an_error() {
    let mut it = workspace();
    let mut work = archive(&[("a.zip", Format::Zip)], &[]);
    for source in ["README.md", "Cargo.toml"] {
        work.files.push(crate::plan::ArchiveFile {
            source: source.into(),
            path: "same".into(),
            entry: crate::plan::EntryKind::File,
        });
    }
    it.step("archive.a", &[], Work::Archive(work.clone()));
    let said = it.fails(&[], Exit::Build);
    assert!(said.contains("`archive.a` failed: two members of the archive would become `same`"), "{said}");
    work.files[1].path = "same/below".into();
    it.plan.steps[0].work = Work::Archive(work);
    assert!(it.fails(&[], Exit::Build).contains("`same` is a file of the archive, and `same/below` is below it"));
}

#[test]
fn children_see_no_secret_unless_it_is_passed() {
    let mut it = workspace();
    it.runner =
        it.runner.clone().hiding(Env::of([("GITHUB_TOKEN", "canary-github-1"), ("NPM_TOKEN", "canary-npm-22")]));
    it.binary("alpha", |work| work.before = vec![bash("env; test -z \"${GITHUB_TOKEN-}${NPM_TOKEN-}\"")]);
    it.binary("beta", |work| {
        work.pass_env = vec!["NPM_*".into()];
        work.env = BTreeMap::from([("MINE".to_owned(), "yes".to_owned())]);
        work.before = vec![bash("env; test \"$NPM_TOKEN\" = canary-npm-\"$((20 + 2))\"")];
    });
    it.run(&[]).unwrap();
    let (alpha, beta) = (it.log("binary.alpha"), it.log("binary.beta"));
    assert!(alpha.contains("SOURCE_DATE_EPOCH=1714979290") && !alpha.contains("canary"), "{alpha}");
    assert!(beta.contains("NPM_TOKEN=***") && beta.contains("MINE=yes"), "{beta}");
    assert!(!beta.contains("canary-npm-22") && !beta.contains("canary-github"), "{beta}");
}

#[test]
fn a_build_can_be_stopped_from_outside() {
    let mut it = Fixture::new(&[("README.md", "read me\n"), (".gitignore", "/target\n")]);
    it.asset("touch .git/begun; sleep 60", &["README.md"], None);
    let (stop, begun) = (CancellationToken::new(), it.top().join(".git/begun"));
    it.runner = it.runner.clone().until(stop.clone());
    let user = std::thread::spawn(move || {
        while !begun.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        stop.cancel();
    });
    let said = it.fails(&[], Exit::Interrupted);
    assert!(said.starts_with("interrupted: the build was stopped\n"), "{said}");
    user.join().unwrap();
}
