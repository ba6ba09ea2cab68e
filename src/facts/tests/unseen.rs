//! What git was told not to look at, what cargo finds although git ignores it, and links that lead elsewhere.

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
    let texts = |path: &str| repo.gather(&Wanted { texts: vec![path.into()], ..Wanted::default() });
    assert_eq!(texts("in.md").unwrap().texts["in.md"], "hi");
    for path in ["out.md", "git.md"] {
        assert_eq!(failure(&texts(path).unwrap_err()).0, "bad-text", "{path}");
    }
    let version = Wanted { version_files: vec!["out.md".into()], ..Wanted::default() };
    let said = &repo.gather(&version).unwrap().version_files["out.md"];
    assert_eq!(*said, Err("is a link that leads out of the repository".into()));
}
