//! What is true now, read once: git, cargo, and the texts a plan quotes.

pub mod cargo;
pub mod git;

use std::collections::BTreeMap;
use std::path::Path;

use crate::version::Version;
use crate::world::env::Env;
use crate::world::process::Runner;

/// Everything a plan needs to know of the world. No clock, no environment beyond the trigger, no absolute path.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Name of the repository's folder.
    pub folder: String,
    /// From the remote, if there is one.
    pub remote: Option<Remote>,
    /// HEAD.
    pub head: Head,
    /// Every local tag that is reachable from HEAD or at HEAD: name and dereferenced commit.
    pub tags: Vec<Tag>,
    /// `GITHUB_REF`'s tag, if the run was triggered by one.
    pub trigger: Option<String>,
    /// Files of the commit (for a dirty tree also untracked, not ignored ones), sorted by path.
    pub files: Vec<TreeFile>,
    /// Every cargo package of the root workspace and of the manifests asked for.
    pub packages: Vec<Package>,
    /// Versions in the files asked for (`version-files`), by path: text or why there is none.
    pub version_files: BTreeMap<String, Result<String, String>>,
    /// Texts asked for (changelogs, notes, header, footer) that exist, by path.
    pub texts: BTreeMap<String, String>,
}

/// A git remote on a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// `github.com`
    pub host: String,
    /// `owner`
    pub owner: String,
    /// `name`
    pub name: String,
}

/// The commit that is checked out.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// 40 hex digits.
    pub commit: String,
    /// Seconds since 1970.
    pub time: i64,
    /// Paths that differ from the commit or are untracked (first 20); empty: clean.
    pub dirty: Vec<String>,
    /// Whether history is cut off (tags may be hidden).
    pub shallow: bool,
    /// Commits reachable from it.
    pub count: u64,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Name without `refs/tags/`.
    pub name: String,
    /// The commit it stands for, dereferenced.
    pub commit: String,
    /// Commits between it and HEAD; 0: it is at HEAD; absent: not an ancestor.
    pub distance: Option<u64>,
}

/// A file of the work tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Relative to the repository, `/`.
    pub path: String,
    /// What it is.
    pub kind: TreeKind,
}

/// What a file of the work tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeKind {
    /// Mode 0644.
    File,
    /// Mode 0755.
    Executable,
    /// A link and what it points at.
    Symlink(String),
}

/// A cargo package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, workspace inheritance applied.
    pub version: Version,
    /// Its own Cargo.toml, relative to the repository.
    pub manifest: String,
    /// The Cargo.toml to hand to cargo (of the workspace root), relative to the repository.
    pub workspace: String,
    /// Names of its binaries, sorted.
    pub bins: Vec<String>,
    /// Names of its features.
    pub features: Vec<String>,
    /// Whether `publish` is not `false`.
    pub publish: bool,
    /// The version in Cargo.lock's own entry; `None`: no lock file or no entry.
    pub locked: Option<Version>,
    /// Path of that lock file, if it exists.
    pub lock: Option<String>,
}

/// What of the world a configuration asks for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Cargo.toml files outside the root workspace.
    pub manifests: Vec<String>,
    /// `version-files`
    pub version_files: Vec<String>,
    /// Texts that a plan quotes: changelogs, notes, header, footer. A missing one is simply absent from the facts.
    pub texts: Vec<String>,
}

/// Reads all facts of the repository whose top folder is `root`.
///
/// # Errors
/// `Failure` with exit 2 if there is no repository or no commit, or cargo refuses a manifest; else what went wrong.
pub fn gather(_runner: &Runner, _env: &Env, _root: &Path, _wanted: &Wanted) -> anyhow::Result<Facts> {
    unreachable!("not written yet")
}
