//! Where the top of a repository is, without asking git.

use std::fs;
use std::path::Path;

use super::{Repo, failure, git, runner};
use crate::world::git::work_tree;
use crate::world::path::resolve;

/// Files tell it only where git would say the same.
#[test]
fn the_top_is_told_by_files_where_nothing_is_unusual() {
    let repo = Repo::with(&[("a/b/file", "")]);
    let below = repo.root.join("a/b");
    let told = |vars: &[(&str, &str)], dir: &Path| work_tree(&runner(vars), dir);
    assert_eq!(told(&[], &below).as_deref(), Some(repo.root.as_path()));
    repo.git("checkout -q --detach");
    assert_eq!(told(&[], &repo.root).as_deref(), Some(repo.root.as_path()));
    assert_eq!(told(&[("GIT_DIR", ".git")], &below), None);
    assert_eq!(told(&[("GIT_WORK_TREE", ".")], &below), None);
    assert_eq!(told(&[("GIT_CEILING_DIRECTORIES", "/")], &below), None);
    assert_eq!(told(&[], repo.folder.path()), None);
    repo.git("worktree add -q ../other");
    let other = resolve(&repo.folder.path().join("other")).unwrap();
    assert_eq!((told(&[], &other), git::top(&repo.runner, &other).unwrap()), (None, other));
    repo.git("config core.worktree ../a");
    assert_eq!((told(&[], &below), git::top(&repo.runner, &below).unwrap()), (None, repo.root.join("a")));
    repo.git("config --unset core.worktree");
    repo.git("config core.bare true");
    assert_eq!(told(&[], &below), None);
    assert_eq!(failure(&git::top(&repo.runner, &below).unwrap_err()).0, "no-repository");
    // A folder of this name is not a repository.
    fs::create_dir_all(below.join(".git")).unwrap();
    assert_eq!(told(&[], &below), None);
}
