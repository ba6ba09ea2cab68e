//! What is true now, read once: git, cargo, and the texts a plan quotes.

pub mod cargo;
pub mod distance;
pub mod git;
pub mod lock;
pub mod macos;
pub mod python;
pub mod remote;
pub mod version_file;
pub mod whole;
pub mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::thread;

use anyhow::Context;

use crate::portable::is_of_git;
use crate::problem::{Failure, Problem};
use crate::version::Version;
use crate::world::env::Env;
use crate::world::path::{relative, resolve};
use crate::world::process::Runner;

/// Everything a plan needs to know of the world. No clock, no environment beyond the trigger, no absolute path.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Name of the repository's folder.
    pub folder: String,
    /// From the remote, if there is one.
    pub remote: Option<Remote>,
    /// Names of the remotes, if there are several and nothing says which is meant.
    pub remotes: Vec<String>,
    /// HEAD.
    pub head: Head,
    /// Every local tag, sorted by name: name and dereferenced commit.
    pub tags: Vec<Tag>,
    /// `GITHUB_REF`'s tag, if the run was triggered by one.
    pub trigger: Option<String>,
    /// Files of the commit (for a dirty tree also untracked, not ignored ones), sorted by path.
    pub files: Vec<TreeFile>,
    /// What a checkout needs besides git, and what this one lacks.
    pub whole: whole::Whole,
    /// Every cargo package of the root workspace and of the manifests asked for.
    pub packages: Vec<Package>,
    /// Versions in the files asked for (`version-files`), by path: text or why there is none.
    pub version_files: BTreeMap<String, Result<String, String>>,
    /// Texts asked for (changelogs, notes, header, footer) that exist, and each changelog beside or above a package, a
    /// Python project or a version file, by path.
    pub texts: BTreeMap<String, String>,
    /// `longshore.lock`; empty without one.
    pub lock: lock::Lock,
    /// Projects that maturin builds, if they were asked for.
    pub python: Vec<python::PythonProject>,
    /// The oldest macOS that `.cargo/config.toml` of a folder asks for, as written.
    pub macos: BTreeMap<String, String>,
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
    /// Commits reachable from it; counted only if there is no tag.
    pub count: u64,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Name without `refs/tags/`.
    pub name: String,
    /// The commit it stands for, dereferenced.
    pub commit: String,
    /// Commits between it and HEAD; 0: it is at HEAD; absent: not an ancestor, or one with a higher version is.
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
    /// `description`, and `license` as an SPDX expression.
    pub description: Option<String>,
    /// See `description`.
    pub license: Option<String>,
    /// `license-file`, relative to the repository.
    pub license_file: Option<String>,
    /// Its own Cargo.toml, relative to the repository.
    pub manifest: String,
    /// The Cargo.toml to hand to cargo (of the workspace root), relative to the repository.
    pub workspace: String,
    /// Names of its binaries, sorted.
    pub bins: Vec<String>,
    /// The file that each of them begins in, if it lies in the package's folder.
    pub sources: BTreeMap<String, String>,
    /// Names of its features.
    pub features: Vec<String>,
    /// What each feature switches on in turn, `default` among them.
    pub enables: BTreeMap<String, Vec<String>>,
    /// `required-features` of the binaries that have some.
    pub required: BTreeMap<String, Vec<String>>,
    /// Whether `publish` is not `false`.
    pub publish: bool,
    /// The version in Cargo.lock's own entry; `None`: no lock file or no entry.
    pub locked: Option<Version>,
    /// Path of that lock file, if it exists.
    pub lock: Option<String>,
}

impl Package {
    /// The binaries that cargo compiles with these features; it passes over those whose `required-features` are not
    /// all on.
    pub fn compiled(&self, features: &[String], default: bool, all: bool) -> Vec<&str> {
        let mut on = BTreeSet::new();
        let mut next: Vec<&str> = features.iter().map(String::as_str).chain(default.then_some("default")).collect();
        while let Some(feature) = next.pop() {
            if on.insert(feature) {
                next.extend(self.enables.get(feature).into_iter().flatten().map(String::as_str));
                // `dependency/feature` switches the dependency on too; `dependency?/feature` does not.
                next.extend(
                    feature.split_once('/').map(|(dependency, _)| dependency).filter(|name| !name.ends_with('?')),
                );
            }
        }
        let is_on = |feature: &String| all || on.contains(feature.as_str());
        let compiled = |bin: &&String| self.required.get(*bin).is_none_or(|needed| needed.iter().all(is_on));
        self.bins.iter().filter(compiled).map(String::as_str).collect()
    }
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
    /// Whether there are wheels: then Python projects are looked for.
    pub python: bool,
    /// Whether the facts are those of any clone: no commit, tag or remote, nor the folder's name, is of this one.
    pub any_clone: bool,
}

/// The longest text a plan quotes, bytes.
const TEXT_LIMIT: u64 = 1 << 20;

/// Reads all facts of the repository whose top folder is `root`. A folder further down stands for itself: its files,
/// but the history, tags and dirt of all (a path outside it begins with `:/`).
///
/// # Errors
/// `Failure` with exit 2 if there is no repository or no commit, or cargo refuses a manifest; else what went wrong.
pub fn gather(runner: &Runner, env: &Env, root: &Path, wanted: &Wanted) -> anyhow::Result<Facts> {
    let (git, packages) = thread::scope(|scope| {
        let any = wanted.any_clone;
        let git = scope.spawn(move || if any { git::read_any(runner, root) } else { git::read(runner, env, root) });
        let packages = cargo::packages(runner, root, &wanted.manifests);
        (git::joined(git), packages)
    });
    // Without a repository nothing else matters, so what git says comes first.
    let (git, mut packages) = (git?, packages?);
    for package in &mut packages {
        // What git ignores, or nobody has committed, is on this machine alone.
        let lock = package.lock.as_ref().filter(|lock| git.files.iter().any(|file| file.path == **lock));
        if lock.is_none() {
            (package.lock, package.locked) = (None, None);
        }
        // So is a program that cargo finds by its file alone.
        let sources = &package.sources;
        let is_there = |path: &String| git.files.binary_search_by(|file| file.path.cmp(path)).is_ok();
        package.bins.retain(|bin| sources.get(bin).is_none_or(is_there));
    }
    let texts = texts(root, wanted, &git.files, &packages)?;
    let python = if wanted.python { python::projects(root, &git.files)? } else { Vec::new() };
    let version = |path: &String| (path.clone(), version_file::read(root, path));
    let macos = macos::asked(root, &git.files)?;
    let folder = root.file_name().filter(|_| !wanted.any_clone);
    let trigger = env.get("GITHUB_REF").filter(|_| !wanted.any_clone);
    Ok(Facts {
        folder: folder.map_or_else(|| "project".into(), |name| name.to_string_lossy().into_owned()),
        remote: git.remote,
        remotes: git.remotes,
        head: git.head,
        tags: git.tags,
        trigger: trigger.and_then(|name| name.strip_prefix("refs/tags/")).map(str::to_owned),
        files: git.files,
        whole: git.whole,
        packages,
        version_files: wanted.version_files.iter().map(version).collect(),
        texts,
        lock: lock::read(root)?,
        python,
        macos,
    })
}

/// What a changelog in Markdown may be called, in any case; the first in a folder counts.
const CHANGELOGS: [&str; 5] = ["changelog.md", "changes.md", "history.md", "releases.md", "changelog"];

/// Whether a file is a changelog by its name, and which of several in a folder comes first.
pub fn is_changelog(path: &str) -> Option<usize> {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    CHANGELOGS.iter().position(|known| *known == name)
}

/// The texts asked for, and each changelog beside a package or a version file, or in a folder above one: which of them
/// a component uses is known only when its packages are.
fn texts(
    root: &Path,
    wanted: &Wanted,
    files: &[TreeFile],
    packages: &[Package],
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut paths: BTreeSet<String> = wanted.texts.iter().cloned().collect();
    let manifests = packages.iter().map(|package| package.manifest.as_str());
    let versions = wanted.version_files.iter().map(|path| version_file::path(path).0);
    let projects = files.iter().map(|file| file.path.as_str()).filter(|path| path.ends_with("pyproject.toml"));
    let places = manifests.chain(versions).chain(projects.filter(|_| wanted.python));
    let folders: BTreeSet<String> = places.flat_map(|path| Path::new(path).ancestors().skip(1)).map(relative).collect();
    let is_near = |file: &&TreeFile| {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        is_changelog(&file.path).is_some() && (folder.is_empty() || folders.contains(folder))
    };
    paths.extend(files.iter().filter(is_near).map(|file| file.path.clone()));
    let mut texts = BTreeMap::new();
    for path in paths {
        if let Some(text) = text(root, &path)? {
            texts.insert(path, text);
        }
    }
    Ok(texts)
}

/// Whether a path leads out of the repository through links, or to where git keeps it.
fn leads_out(root: &Path, path: &str) -> bool {
    let home = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root);
    let (Ok(home), Ok(place)) = (resolve(home), resolve(&root.join(path))) else { return false };
    place.strip_prefix(home).map_or(true, |inside| is_of_git(&relative(inside)))
}

/// One text, if it exists.
fn text(root: &Path, path: &str) -> anyhow::Result<Option<String>> {
    let refuse = |why: &str| {
        let problem = Problem::new("bad-text", format!("`{path}` {why}"));
        Err(Failure::usage(problem.hint("it must be UTF-8 text of at most 1 MiB inside the repository")).into())
    };
    if !version_file::stays_inside(path) {
        return refuse("lies outside the repository");
    }
    if leads_out(root, path) {
        return refuse("is a link that leads out of the repository");
    }
    // Asked first: Windows does not open folders.
    if root.join(path).is_dir() {
        return refuse("is a folder");
    }
    let file = match File::open(root.join(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(|| format!("cannot read `{path}`"))?,
    };
    let mut bytes = Vec::new();
    file.take(TEXT_LIMIT + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read `{path}`"))?;
    if bytes.len() as u64 > TEXT_LIMIT {
        return refuse("is too long");
    }
    // A checkout of another system may have other line ends; the plan is the commit's.
    let unix = |text: String| Ok(Some(text.replace("\r\n", "\n")));
    String::from_utf8(bytes).map_or_else(|_| refuse("is not text"), unix)
}

#[cfg(test)]
pub(crate) mod tests;
