//! Whether a checkout is whole: submodules, files of Git LFS, and what a sparse checkout leaves out.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::lfs::is_pointer_text;

/// The question to git for the files of the commit that LFS keeps.
pub const LARGE: [&str; 4] = ["ls-files", "-z", "--", ":(attr:filter=lfs)"];

/// Whether git need be asked that. At the top of a repository something is large only where a file of attributes names LFS; a
/// folder further down may have them from above.
pub fn may_be_large(root: &Path, index: &str) -> bool {
    let names_it = |text: Vec<u8>| text.windows(3).any(|word| word == b"lfs");
    let tracked = index.split('\0').filter_map(|entry| Some(entry.split_once('\t')?.1));
    let mut tracked = tracked.filter(|path| path.rsplit('/').next() == Some(".gitattributes"));
    let mut others = [".gitattributes", ".git/info/attributes"].into_iter();
    !root.join(".git").is_dir()
        || others.any(|path| std::fs::read(root.join(path)).is_ok_and(names_it))
        // One that a sparse checkout leaves out may name it, too.
        || tracked.any(|path| std::fs::read(root.join(path)).map_or(true, names_it))
}

/// What a checkout needs besides git, and what this one lacks. Paths are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    pub submodules: bool,
    /// Whether it has files that LFS keeps.
    pub lfs: bool,
    /// Submodules that are not checked out.
    pub no_modules: Vec<String>,
    /// Files that lie here as LFS pointers.
    pub pointers: Vec<String>,
    /// Files that a sparse checkout leaves out.
    pub sparse: Vec<String>,
    /// Files whose names are not UTF-8, as they are shown: they are in no list of files.
    pub not_utf8: Vec<String>,
}

impl Whole {
    /// From `git ls-files -z -s -v` of a folder (with its path in the repository: empty, or ending in `/`), and the answer
    /// to `LARGE`.
    pub fn of(root: &Path, prefix: &str, index: &str, large: &str) -> Self {
        let top = root.join("../".repeat(prefix.matches('/').count()));
        let of = |folder: &Path| modules(&std::fs::read_to_string(folder.join(".gitmodules")).unwrap_or_default());
        let own = of(&top);
        // One of a submodule is named there.
        let is_named = |path: &str| {
            let inner = |(at, _): (usize, &str)| of(&top.join(&path[..at])).contains(&path[at + 1..]);
            own.contains(path) || path.match_indices('/').any(inner)
        };
        let mut whole = Self { submodules: !own.is_empty(), lfs: !large.is_empty(), ..Self::default() };
        for entry in index.split('\0') {
            let Some((facts, path)) = entry.split_once('\t') else { continue };
            match facts.split(' ').nth(1) {
                // A commit of another repository that `.gitmodules` does not name is nothing that git would fetch.
                Some("160000") if is_named(&format!("{prefix}{path}")) => whole.no_modules.push(path.to_owned()),
                Some("160000") => {}
                _ if facts.starts_with(['S', 's']) && root.join(path).symlink_metadata().is_err() => {
                    whole.sparse.push(path.to_owned());
                }
                // Shown so, but called otherwise.
                _ if path.contains('\u{fffd}') && root.join(path).symlink_metadata().is_err() => {
                    whole.not_utf8.push(path.to_owned());
                }
                _ => {}
            }
        }
        let large = large.split('\0').filter(|path| !path.is_empty() && is_pointer(&root.join(path)));
        whole.pointers = large.map(ToOwned::to_owned).collect();
        whole
    }

    /// What is the same in every clone.
    #[must_use]
    pub fn of_any(self) -> Self {
        Self { submodules: self.submodules, lfs: self.lfs, not_utf8: self.not_utf8, ..Self::default() }
    }
}

/// The paths of the submodules that `git submodule update` fetches.
fn modules(text: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for section in text.split("[submodule").skip(1) {
        let keys = section.lines().filter_map(|line| line.split_once('='));
        let keys: Vec<(&str, &str)> = keys.map(|(key, value)| (key.trim(), value.trim().trim_matches('"'))).collect();
        let value = |name: &str| keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        if value("update") != Some("none") {
            paths.extend(value("path").map(ToOwned::to_owned));
        }
    }
    paths
}

fn is_pointer(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1025).read_to_end(&mut start));
    read.is_ok() && is_pointer_text(&start)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    use crate::facts::TreeKind;
    use crate::facts::tests::Repo;

    /// A clone beside the repository, whose checkout is what these settings make of it.
    fn cloned(repo: &Repo, settings: &str) -> Repo {
        let folder = tempfile::tempdir().unwrap();
        let root = crate::world::path::resolve(folder.path()).unwrap().join("my project");
        repo.git(&format!("clone -q -c protocol.file.allow=always {settings} . '{}'", root.display()));
        Repo { folder, root, runner: repo.runner.clone() }
    }

    #[test]
    fn facts_are_those_of_the_commit_in_every_clone() {
        let repo = Repo::with(&[("CHANGELOG.md", "# 1.0.0\n\n- one\n"), ("run.sh", "#!/bin/sh\n"), ("a/b", "b\n")]);
        std::os::unix::fs::symlink("a/b", repo.root.join("link")).unwrap();
        crate::world::files::set_mode(&repo.root.join("run.sh"), 0o755).unwrap();
        repo.commit("modes and links");
        let windows = cloned(&repo, "-c core.autocrlf=true -c core.symlinks=false -c core.fileMode=false");
        let (here, there) = (repo.facts(), windows.facts());
        assert!(std::fs::read_to_string(windows.root.join("CHANGELOG.md")).unwrap().contains('\r'));
        assert_eq!((&here.files, &here.texts), (&there.files, &there.texts));
        assert_eq!(there.texts["CHANGELOG.md"], "# 1.0.0\n\n- one\n");
        // Changed files keep what this file system cannot say.
        windows.write("run.sh", "#!/bin/sh\nnew\n");
        windows.write("link", "a");
        crate::world::files::set_mode(&windows.root.join("run.sh"), 0o644).unwrap();
        let changed = windows.facts();
        assert_eq!(changed.head.dirty, ["link", "run.sh"]);
        let kind = |path: &str| changed.files.iter().find(|file| file.path == path).unwrap().kind.clone();
        assert_eq!(kind("run.sh"), TreeKind::Executable);
        assert_eq!(kind("link"), TreeKind::Symlink("a".into()));
    }

    #[test]
    fn what_a_checkout_lacks() {
        let (deep, inner) = (Repo::with(&[("y.rs", "")]), Repo::with(&[("x.rs", "")]));
        let add = |to: &Repo, from: &Repo, at: &str| {
            let from = from.root.display();
            to.git(&format!("-c protocol.file.allow=always submodule --quiet add '{from}' {at}"));
            to.commit("module");
        };
        add(&inner, &deep, "deep");
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n";
        let repo = Repo::with(&[
            (".gitattributes", "*.bin filter=lfs\n"),
            ("m/a.bin", pointer),
            ("m/b.bin", "abc"),
            ("c", ""),
        ]);
        assert_eq!(repo.facts().whole.pointers, ["m/a.bin"]);
        assert!(repo.facts().whole.lfs);
        add(&repo, &inner, "vendor/inner");
        let whole = repo.facts().whole;
        // Its own are not checked out along.
        assert!(whole.submodules && whole.no_modules == ["vendor/inner/deep"]);
        assert!(repo.facts().files.iter().any(|file| file.path == "vendor/inner/x.rs"));
        let clone = cloned(&repo, "");
        assert_eq!(clone.facts().whole.no_modules, ["vendor/inner"]);
        clone.git("sparse-checkout set --no-cone /m");
        let whole = clone.facts().whole;
        assert_eq!(whole.sparse, [".gitattributes", ".gitmodules", "c"]);
        assert!(!clone.facts().files.iter().any(|file| file.path == "c"));
    }

    #[test]
    fn submodules_that_git_fetches() {
        let text = "[submodule \"a\"]\n\tpath = vendor/a\n\turl = ../a\n[submodule \"b\"]\n\tpath = \"b b\"\n\tupdate = none\n\
            [submodule \"c\"]\r\n\tpath=c\r\n";
        assert_eq!(modules(text).into_iter().collect::<Vec<_>>(), ["c", "vendor/a"]);
        assert!(modules("").is_empty());
    }
}
