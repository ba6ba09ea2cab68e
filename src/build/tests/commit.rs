//! The files of the commit are the same in every clone, whatever its git makes of them on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::fixture::{Fixture, archive, write};
use crate::build::blobs;
use crate::build::commit::{Tree, Wanted, check_out};
use crate::build::head::Checkout;
use crate::build::machine::Machine;
use crate::format::Format;
use crate::plan::{ArchiveFile, ArchiveWork, EntryKind, Work};
use crate::world::files::{Entry, set_mode, walk};
use crate::world::process::Cmd;
use crate::world::store::Store;

/// A repository with everything that a checkout can spoil: line ends, links, modes, names.
fn spoilable() -> Fixture {
    let fixture = Fixture::new(&[("README.md", "one\ntwo\n"), ("tools/start.bat", "rem\nrem\n")]);
    write(&fixture.top().join(".gitattributes"), "*.bat text eol=crlf\n*.bin filter=lfs -text\n");
    write(&fixture.top().join("scripts/run.sh"), "#!/bin/sh\necho\n");
    set_mode(&fixture.top().join("scripts/run.sh"), 0o755).unwrap();
    write(&fixture.top().join("odd/at:10\\20 \"x\".json"), "{}\n");
    fs::write(fixture.top().join("data"), b"\x00\r\n\n").unwrap();
    symlink("scripts", fixture.top().join("links")).unwrap();
    symlink("../README.md", fixture.top().join("scripts/READ")).unwrap();
    symlink("nowhere", fixture.top().join("dangling")).unwrap();
    symlink("..", fixture.top().join("scripts/up")).unwrap();
    commit(fixture.top(), &fixture);
    again(fixture)
}

fn git(fixture: &Fixture, dir: &Path, args: &[&str]) -> String {
    let author = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"];
    fixture.runner.text(&Cmd::new("git", dir).args(author).args(args.iter().copied())).unwrap()
}

fn commit(dir: &Path, fixture: &Fixture) {
    git(fixture, dir, &["add", "-A", "-f"]);
    git(fixture, dir, &["commit", "-q", "--allow-empty", "-m", "more"]);
}

/// With the commit that is HEAD now.
fn again(mut fixture: Fixture) -> Fixture {
    fixture.plan.commit = git(&fixture, fixture.top(), &["rev-parse", "HEAD"]).trim().to_owned();
    fixture
}

/// The same after all that was written is committed.
fn again_with(fixture: Fixture) -> Fixture {
    commit(fixture.top(), &fixture);
    again(fixture)
}

/// The same commit as a clone whose checkout is what these settings make of it.
fn cloned(fixture: &Fixture, settings: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["-c", setting]).collect();
    let place = [".", folder.path().to_str().unwrap()];
    git(fixture, fixture.top(), &[&["clone", "-q", "--recurse-submodules"], &settings[..], &place].concat());
    folder
}

fn tree(fixture: &Fixture, repository: &Path, at: &Path) -> Tree {
    some_of(fixture, repository, at, Wanted::All)
}

fn some_of(fixture: &Fixture, repository: &Path, at: &Path, wanted: Wanted<'_>) -> Tree {
    with_machine(fixture, repository, |machine| check_out(machine, at, wanted).unwrap())
}

fn with_machine<T>(fixture: &Fixture, repository: &Path, act: impl Fn(Machine<'_>) -> T) -> T {
    let store = Store::new(repository, "target/longshore");
    let (runner, plan) = (&fixture.runner, &fixture.plan);
    let checkout = &Checkout::of(runner, repository).unwrap().unwrap();
    act(Machine { runner, store: &store, plan, checkout, registries: None, bases: None })
}

/// The bytes of files without a checkout.
fn blobs_of(fixture: &Fixture, repository: &Path, paths: &[&str]) -> Option<BTreeMap<String, String>> {
    let wanted = paths.iter().map(|path| (*path).to_owned()).collect();
    let found = with_machine(fixture, repository, |machine| blobs::read(machine, &wanted))?;
    Some(found.into_iter().map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap())).collect())
}

/// Every path with its bytes, its mode or its link.
fn content(top: &Path) -> BTreeMap<String, String> {
    let one = |(path, found): (String, Entry)| {
        let text = match found {
            Entry::Link(link) => format!("-> {link}"),
            Entry::File { executable } => format!("{executable} {:?}", fs::read(top.join(&path)).unwrap()),
        };
        (path, text)
    };
    // The odd name is not a path that `walk` gives on Windows; here it does.
    walk(top, "", &[]).unwrap().into_iter().map(one).collect()
}

#[test]
fn every_clone_has_the_bytes_modes_and_links_of_the_commit() {
    let fixture = spoilable();
    let windows = cloned(&fixture, &["core.autocrlf=true", "core.symlinks=false", "core.fileMode=false"]);
    let run = windows.path().join("scripts/run.sh");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(fs::read_to_string(&run).unwrap().contains("\r\n"));
    assert!(fs::read_link(windows.path().join("links")).is_err());
    assert_eq!(git(&fixture, windows.path(), &["status", "--porcelain"]), "");
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, other) = (tree(&fixture, fixture.top(), here.path()), tree(&fixture, windows.path(), there.path()));
    let expected = content(fixture.top());
    assert_eq!(expected["scripts/run.sh"], format!("true {:?}", b"#!/bin/sh\necho\n"));
    assert_eq!(expected["links"], "-> scripts");
    for tree in [&one, &other] {
        let mut found = content(&tree.folder);
        // What everybody who checks it out gets, and here nobody did.
        assert_eq!(
            found.insert("tools/start.bat".into(), expected["tools/start.bat"].clone()).unwrap(),
            format!("false {:?}", b"rem\r\nrem\r\n")
        );
        assert_eq!(found, expected);
        assert_eq!(tree.links.len(), 4);
    }
    one.follow().unwrap();
    other.follow().unwrap();
    let found = content(&one.folder);
    assert_eq!(found, content(&other.folder));
    assert_eq!(found["links/run.sh"], expected["scripts/run.sh"]);
    assert_eq!(found["links/READ"], expected["README.md"]);
    assert_eq!((found["dangling"].as_str(), found["scripts/up"].as_str()), ("-> nowhere", "-> .."));
}

#[test]
fn build_scripts_find_the_git_of_the_commit() {
    let fixture = spoilable();
    git(&fixture, fixture.top(), &["tag", "-a", "-m", "x", "v1.2.3"]);
    let shallow = cloned(&fixture, &[]);
    for repository in [fixture.top(), shallow.path()] {
        let at = tempfile::tempdir().unwrap();
        let tree = tree(&fixture, repository, at.path());
        tree.follow().unwrap();
        write(&tree.folder.join("README.md"), "edited\n");
        tree.assume_unchanged(&fixture.runner, &["README.md".to_owned()]).unwrap();
        let below = tree.folder.join("scripts");
        assert_eq!(git(&fixture, &below, &["describe", "--tags", "--dirty"]).trim(), "v1.2.3");
        assert_eq!(git(&fixture, &below, &["rev-parse", "HEAD"]).trim(), fixture.plan.commit);
        assert_eq!(git(&fixture, &below, &["rev-parse", "--abbrev-ref", "HEAD"]).trim(), "main");
        write(&tree.folder.join("tools/start.bat"), "changed\n");
        assert_eq!(git(&fixture, &below, &["describe", "--tags", "--dirty"]).trim(), "v1.2.3-dirty");
        assert_eq!(git(&fixture, repository, &["status", "--porcelain"]), "");
        tree.forget_git().unwrap();
    }
}

#[test]
fn submodules_and_projects_in_a_folder() {
    let inner = Fixture::new(&[("src/lib.rs", "pub fn one() {}\n")]);
    let fixture = Fixture::new(&[("app/Cargo.toml", "[package]\n"), ("shared", "x\n")]);
    let address = inner.top().to_str().unwrap();
    git(&fixture, fixture.top(), &["submodule", "--quiet", "add", address, "app/vendor/tide"]);
    commit(fixture.top(), &fixture);
    let fixture = again(fixture);
    let windows = cloned(&fixture, &["core.autocrlf=true"]);
    for repository in [fixture.top(), windows.path()] {
        let at = tempfile::tempdir().unwrap();
        let tree = tree(&fixture, &repository.join("app"), at.path());
        assert_eq!(fs::read_to_string(tree.folder.join("vendor/tide/src/lib.rs")).unwrap(), "pub fn one() {}\n");
        assert_eq!(fs::read_to_string(tree.folder.join("../shared")).unwrap(), "x\n");
        let (at, wanted) = (tempfile::tempdir().unwrap(), BTreeSet::from(["vendor/tide/src/lib.rs".to_owned()]));
        let one = some_of(&fixture, &repository.join("app"), at.path(), Wanted::Some(&wanted));
        assert_eq!(content(&one.folder).into_keys().collect::<Vec<_>>(), ["vendor/tide/src/lib.rs"]);
    }
}

#[test]
fn a_dirty_tree_is_taken_as_it_is_and_a_clean_plan_is_the_commit() {
    let mut fixture = spoilable();
    let clone = cloned(&fixture, &["core.symlinks=false", "core.fileMode=false"]);
    let top = clone.path();
    write(&top.join("README.md"), "new\n");
    write(&top.join("scripts/run.sh"), "#!/bin/sh\nnew\n");
    set_mode(&top.join("scripts/run.sh"), 0o644).unwrap();
    fs::write(top.join("links"), "tools").unwrap();
    write(&top.join("untracked/x"), "x\n");
    // What cargo compiled is not of the project, whether it is ignored or not.
    write(&top.join("compiled/.rustc_info.json"), "{\"rustc_fingerprint\":1}");
    write(&top.join("compiled/debug/app"), "x\n");
    fs::remove_file(top.join("data")).unwrap();
    let at = tempfile::tempdir().unwrap();
    let clean = content(&tree(&fixture, top, at.path()).folder);
    assert_eq!(clean["README.md"], format!("false {:?}", b"one\ntwo\n"));
    assert!(clean.contains_key("data") && !clean.contains_key("untracked/x"));
    fixture.plan.dirty = true;
    let at = tempfile::tempdir().unwrap();
    let dirty = content(&tree(&fixture, top, at.path()).folder);
    assert_eq!(dirty["README.md"], format!("false {:?}", b"new\n"));
    assert_eq!(dirty["scripts/run.sh"], format!("true {:?}", b"#!/bin/sh\nnew\n"));
    assert_eq!(dirty["links"], "-> tools");
    assert_eq!(dirty["untracked/x"], format!("false {:?}", b"x\n"));
    assert!(!dirty.contains_key("data") && !dirty.keys().any(|path| path.starts_with("compiled")), "{dirty:?}");
    assert_eq!(dirty["dangling"], "-> nowhere");
}

#[test]
fn without_a_checkout_files_are_those_of_a_checkout_or_none() {
    let fixture = Fixture::new(&[("app/a", "one\ntwo\n"), ("app/b/c", "x\r\n"), ("app/empty", ""), ("d", "d")]);
    write(&fixture.top().join(".gitattributes"), "* text=auto\n*.png -text diff=png\n");
    let mut fixture = again_with(fixture);
    let clone = cloned(&fixture, &["core.autocrlf=true"]);
    for repository in [fixture.top(), clone.path()] {
        let app = repository.join("app");
        let found = blobs_of(&fixture, &app, &["a", "b/c", "empty"]).unwrap();
        let at = tempfile::tempdir().unwrap();
        let tree = tree(&fixture, &app, at.path());
        assert_eq!(found.len(), 3);
        for (path, text) in found {
            assert_eq!(text, fs::read_to_string(tree.folder.join(&path)).unwrap(), "{path}");
        }
        for path in ["none", "b", "../d", "a\nb", "b/../a"] {
            assert_eq!(blobs_of(&fixture, &app, &["a", path]), None, "{path}");
        }
        assert_eq!(blobs_of(&fixture, repository, &["d"]).unwrap()["d"], "d");
    }
    // What differs counts only where the plan is of a tree that differs.
    let top = fixture.top().to_owned();
    write(&top.join("app/a"), "new\n");
    write(&top.join("app/untracked"), "u\n");
    assert_eq!(blobs_of(&fixture, &top, &["app/a"]).unwrap()["app/a"], "one\ntwo\n");
    fixture.plan.dirty = true;
    let found = blobs_of(&fixture, &top.join("app"), &["a", "b/c", "untracked"]).unwrap();
    assert_eq!((found["a"].as_str(), found["b/c"].as_str(), found["untracked"].as_str()), ("new\n", "x\r\n", "u\n"));
    fs::remove_file(top.join("app/a")).unwrap();
    assert_eq!(blobs_of(&fixture, &top, &["app/a"]), None);
}

#[test]
fn what_attributes_change_is_checked_out() {
    let of = |place: &str, text: &str| {
        let fixture = again_with(Fixture::new(&[("app/b/c", "x\n"), (place, text)]));
        blobs_of(&fixture, &fixture.top().join("app"), &["b/c"]).is_some()
    };
    for text in
        ["c eol=crlf", "c ident", "* filter=lfs", "*.txt working-tree-encoding=UTF-16", "[attr]x filter=y", "* crlf"]
    {
        for place in [".gitattributes", "app/.gitattributes", "app/b/.gitattributes"] {
            assert!(!of(place, text), "{place}: {text}");
        }
        assert!(of("other/.gitattributes", text), "{text}");
    }
    assert!(of(".gitattributes", "* text=auto eol=lf\n*.svg linguist-generated export-ignore\n"));
}

#[test]
fn what_a_filter_made_is_taken_from_the_work_tree() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n";
    let fixture = Fixture::new(&[(".gitattributes", "*.bin filter=lfs -text\n"), ("a.bin", pointer)]);
    let store = Store::new(fixture.top(), "target/longshore");
    // As LFS does it: what lies there is the file, what git has is the pointer.
    git(
        &fixture,
        fixture.top(),
        &["config", "filter.lfs.clean", &format!("printf '{}'", pointer.replace('\n', "\\n"))],
    );
    fs::write(fixture.top().join("a.bin"), "abc").unwrap();
    git(&fixture, fixture.top(), &["add", "a.bin"]);
    assert_eq!(git(&fixture, fixture.top(), &["status", "--porcelain"]), "");
    let at = tempfile::tempdir().unwrap();
    let tree = tree(&fixture, store.repository(), at.path());
    assert_eq!(fs::read_to_string(tree.folder.join("a.bin")).unwrap(), "abc");
}

#[test]
fn archives_and_assets_are_the_same_from_every_clone() {
    let mut fixture = spoilable();
    let file = |source: &str, entry: EntryKind| ArchiveFile { source: source.into(), path: source.into(), entry };
    let files = vec![
        file("README.md", EntryKind::File),
        file("data", EntryKind::File),
        file("scripts/READ", EntryKind::Symlink { link: "../README.md".into() }),
        file("scripts/run.sh", EntryKind::Executable),
        file("tools/start.bat", EntryKind::File),
    ];
    let outputs = [("all.tar.gz", Format::TarGz), ("all.zip", Format::Zip)];
    fixture.step("archive.all", &[], Work::Archive(ArchiveWork { files, ..archive(&outputs, &[]) }));
    fixture.asset("", &["scripts/run.sh", "scripts/READ", "README.md"], Some(("ui.tar.gz", Format::TarGz)));
    let windows = cloned(&fixture, &["core.autocrlf=true", "core.symlinks=false", "core.fileMode=false"]);
    fs::set_permissions(windows.path().join("scripts/run.sh"), fs::Permissions::from_mode(0o644)).unwrap();
    let digests = |fixture: &Fixture| -> Vec<String> {
        let records = fixture.run(&[]).unwrap();
        records.iter().flat_map(|record| &record.files).map(|file| format!("{} {}", file.name, file.sha256)).collect()
    };
    let here = digests(&fixture);
    assert_eq!(here.len(), 3);
    fixture.store = Store::new(windows.path(), "target/longshore");
    assert_eq!(digests(&fixture), here);
}

#[test]
fn an_asset_of_links_holds_what_they_point_at_or_says_so() {
    let mut fixture = spoilable();
    fixture.asset("", &["scripts/READ"], Some(("ui.tar.gz", Format::TarGz)));
    let said = fixture.fails(&["asset.ui"], crate::problem::Exit::Build);
    assert!(said.contains("not among the files") && said.contains("links: follow"), "{said}");
    let Work::Asset(work) = &mut fixture.plan.steps[0].work else { panic!("an asset") };
    work.files[0].follow = true;
    fixture.run(&["asset.ui"]).unwrap();
    let path = fixture.store.file("asset.ui", "ui.tar.gz");
    let listed = fixture.sees("tar", &["-xOzf", path.to_str().unwrap(), "scripts/READ"], fixture.top());
    assert_eq!(listed, "one\ntwo\n");
}

#[test]
fn the_index_and_the_work_tree_of_the_user_stay_as_they_are() {
    let mut fixture = spoilable();
    let index = fixture.top().join(".git/index");
    let before = (fs::read(&index).unwrap(), content(fixture.top()));
    // As in a hook of git.
    let runner = fixture.runner.clone().with("GIT_INDEX_FILE", index.to_str().unwrap());
    fixture.runner = runner.with("GIT_WORK_TREE", fixture.top().to_str().unwrap());
    let at = tempfile::tempdir().unwrap();
    let tree = tree(&fixture, fixture.top(), at.path());
    assert!(tree.folder.join("README.md").is_file());
    tree.assume_unchanged(&fixture.runner, &["README.md".to_owned()]).unwrap();
    assert!((fs::read(&index).unwrap(), content(fixture.top())) == before);
}
