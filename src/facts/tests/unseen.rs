//! What git was told not to look at, what it cannot name, and what cargo finds or makes, ignored or not.

use super::*;

#[test]
fn what_git_does_not_look_at_is_looked_at() {
    let repo = Repo::with(&[("same", "x"), ("assumed", "x"), ("skipped", "x")]);
    repo.git("init -q sub");
    repo.git_in(&repo.root.join("sub"), "commit -q --allow-empty -m x");
    repo.write(".gitmodules", "[submodule \"sub\"]\npath = sub\nurl = ./sub\nignore = all\n");
    repo.commit("second");
    let check = |expected: &[&str]| assert_eq!(repo.facts().head.dirty, expected);
    repo.git("update-index --assume-unchanged assumed same");
    repo.git("update-index --skip-worktree skipped");
    check(&[]);
    repo.write("assumed", "y");
    check(&["assumed"]);
    repo.write("skipped", "y");
    check(&["assumed", "skipped"]);
    repo.git("update-index --no-assume-unchanged assumed");
    repo.git("update-index --no-skip-worktree skipped");
    repo.git("checkout -q assumed skipped");
    repo.git_in(&repo.root.join("sub"), "commit -q --allow-empty -m moved");
    check(&["sub"]);
}

#[test]
fn a_program_that_git_ignores_is_none_of_the_commit() {
    let repo = workspace();
    repo.write(".git/info/exclude", "bin/\n");
    repo.write("crates/app/src/bin/ignored.rs", "fn main() {}");
    let facts = repo.facts();
    assert_eq!(facts.packages[0].bins, ["app", "extra", "zulu"]);
    assert_eq!(facts.head.dirty, <[String; 0]>::default());
}

#[cfg(unix)]
#[test]
fn a_text_behind_a_link_that_leads_out_is_refused() {
    let repo = Repo::with(&[("notes.md", "hi")]);
    fs::write(repo.folder.path().join("outside.md"), "1.2.3").unwrap();
    for (to, link) in [("notes.md", "in.md"), ("../outside.md", "out.md"), (".git/HEAD", "git.md")] {
        std::os::unix::fs::symlink(to, repo.root.join(link)).unwrap();
    }
    let texts = |path: &str| repo.gather(&FactsRequest { texts: vec![path.into()], ..FactsRequest::default() });
    assert_eq!(texts("in.md").unwrap().texts["in.md"], "hi");
    for path in ["out.md", "git.md"] {
        assert_eq!(failure(&texts(path).unwrap_err()).0, "bad-text", "{path}");
    }
    let version = FactsRequest { version_files: vec!["out.md".into()], ..FactsRequest::default() };
    let said = &repo.gather(&version).unwrap().version_files["out.md"];
    assert_eq!(*said, Err("is a link that leads out of the repository".into()));
}

/// Where nobody ignores it, cargo's own folder is not a change: the same command goes on.
#[test]
fn what_cargo_compiled_is_no_change() {
    let repo = Repo::with(&[("Cargo.toml", APP), ("src/main.rs", "fn main() {}"), ("Cargo.lock", "")]);
    let dirty = || repo.facts().head.dirty;
    repo.write("target/.rustc_info.json", "{\"rustc_fingerprint\":1}");
    repo.write("target/debug/app", "x");
    repo.write("made/CACHEDIR.TAG", "Signature: 8a4\n# This file is a cache directory tag created by cargo.\n");
    repo.write("made/release/app", "x");
    assert_eq!(dirty(), <[String; 0]>::default());
    assert_eq!(repo.facts().files.len(), 3);
    repo.write("data/CACHEDIR.TAG", "Signature: 8a4\n");
    repo.write("CACHEDIR.TAG", "tag created by cargo");
    repo.write("targets", "x");
    assert_eq!(dirty(), ["CACHEDIR.TAG", "data/CACHEDIR.TAG", "targets"]);
    // What is committed there is of the project.
    repo.commit("second");
    repo.write("target/debug/app", "y");
    assert_eq!(dirty(), ["target/debug/app"]);
}

/// File systems of macOS and Windows take no such names.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let name = |bytes: &'static [u8]| std::ffi::OsStr::from_bytes(bytes);
    let repo = Repo::with(&[("LICENSE", "x"), ("really \u{fffd}", "x")]);
    fs::write(repo.root.join(name(b"LICENSE-\xff")), "x").unwrap();
    repo.commit("second");
    let facts = repo.facts();
    assert_eq!(files(&facts), [("LICENSE", TreeKind::File), ("really \u{fffd}", TreeKind::File)]);
    assert_eq!(
        (facts.whole.not_utf8.as_slice(), facts.head.dirty.len()),
        (["LICENSE-\u{fffd}".to_owned()].as_slice(), 0)
    );
    let any = repo.gather(&FactsRequest { any_clone: true, ..FactsRequest::default() }).unwrap();
    assert_eq!((any.files.len(), any.whole.not_utf8.len()), (2, 1));

    let clone = repo.folder.path().join(name(b"dir\xff"));
    fs::rename(&repo.root, &clone).unwrap();
    let (code, message, hint) = failure(&git::top(&repo.runner, &clone).unwrap_err());
    assert_eq!((code, hint.as_str()), ("wrong-place", "rename it"));
    assert!(message.ends_with("dir\u{fffd}`, or of one above it, is not UTF-8"), "{message}");
}
