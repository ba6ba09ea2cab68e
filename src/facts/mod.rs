//! What is true now, read once: git, cargo, and the texts a plan quotes.

pub mod cargo;
pub mod charts;
pub mod contents;
pub mod distance;
pub mod git;
pub mod lock;
pub mod macos;
pub mod python;
pub mod remote;
mod text;
pub mod version_file;
pub mod whole;
pub mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;

use crate::digest::Digest;
use crate::version::Version;
use crate::world::env::Env;
use crate::world::path::relative;
use crate::world::process::Runner;

pub use cargo::Package;
pub use contents::below;
pub use git::{Head, Tag, TreeFile, TreeKind};
pub use remote::Remote;

use text::text;

/// Everything a plan needs to know of the world. No clock, no environment beyond the trigger, no absolute path.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Name of the repository's folder.
    pub folder: String,
    /// From the remote, if there is one.
    pub remote: Option<Remote>,
    /// Names of the remotes, if there are several and nothing says which is meant.
    pub remotes: Vec<String>,
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
    /// Dockerfiles that are not text, by path, with the reason.
    pub unreadable: BTreeMap<String, String>,
    /// Digests of the files that the contexts asked for hold, by path.
    pub contents: BTreeMap<String, Digest>,
    /// Folders of charts, by path.
    pub charts: BTreeMap<String, charts::ChartFolder>,
    /// Which of the paths asked for git does not ignore.
    pub not_ignored: BTreeSet<String>,
    /// What is published of snapshots, by component; none: nobody asked.
    pub published: BTreeMap<String, PublishedSnapshot>,
    /// `longshore.lock`; empty without one.
    pub lock: lock::Lock,
    /// Projects that maturin builds, if they were asked for.
    pub python: Vec<python::PythonProject>,
    /// The oldest macOS that `.cargo/config.toml` of a folder asks for, as written.
    pub macos: BTreeMap<String, String>,
}

/// What a registry has of a component's inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedSnapshot {
    /// Digest over the inputs of all its images and charts; absent: they cannot be told.
    pub inputs: Option<Digest>,
    /// The version they got before, else the one they get now.
    pub version: Version,
    /// Whether each of its images and charts is there.
    pub complete: bool,
}

/// What of the world a configuration asks for.
#[derive(Clone, Debug, Default)]
pub struct FactsRequest {
    /// Cargo.toml files outside the root workspace.
    pub manifests: Vec<String>,
    pub version_files: Vec<String>,
    /// Texts that a plan quotes: changelogs, notes, header, footer. A missing one is simply absent from the facts.
    pub texts: Vec<String>,
    /// Dockerfiles. One that is not text is a fact like others, so that it is told together with all else.
    pub dockerfiles: Vec<String>,
    /// Contexts of builds; their ignore files are among the texts.
    pub contexts: Vec<contents::ContextRequest>,
    /// Folders of charts.
    pub charts: Vec<String>,
    /// Paths of files that git should ignore.
    pub ignored: Vec<String>,
    /// Whether there are wheels: then Python projects are looked for.
    pub python: bool,
    /// Whether the facts are those of any clone: no commit, tag or remote, nor the folder's name, is of this one.
    pub any_clone: bool,
}

/// Reads all facts of the repository whose top folder is `root`. A folder further down stands for itself: its files,
/// but the history, tags and dirt of all (a path outside it begins with `:/`).
///
/// # Errors
/// `Failure` with exit 2 if there is no repository or no commit, or cargo refuses a manifest; else what went wrong.
pub fn gather(runner: &Runner, env: &Env, root: &Path, wanted: &FactsRequest) -> anyhow::Result<Facts> {
    let (git, packages) = thread::scope(|scope| {
        let any = wanted.any_clone;
        let git = scope.spawn(move || if any { git::read_any(runner, root) } else { git::read(runner, env, root) });
        let packages = cargo::packages(runner, root, &wanted.manifests);
        (git::joined(git), packages)
    });
    // Without a repository nothing else matters, so what git says comes first.
    let (git, mut packages) = (git?, packages?);
    for package in &mut packages {
        // Files that are ignored or not committed exist only on this machine.
        let lock = package.lock.as_ref().filter(|lock| git.files.iter().any(|file| file.path == **lock));
        if lock.is_none() {
            (package.lock, package.locked) = (None, None);
        }
        // So is a program that cargo finds by its file alone.
        let sources = &package.sources;
        let is_there = |path: &String| git.files.binary_search_by(|file| file.path.cmp(path)).is_ok();
        package.bins.retain(|bin| sources.get(bin).is_none_or(is_there));
    }
    let mut texts = texts(root, wanted, &git.files, &packages)?;
    let mut unreadable = BTreeMap::new();
    for path in &wanted.dockerfiles {
        match text::read(root, path)? {
            Ok(Some(text)) => drop(texts.insert(path.clone(), text)),
            Ok(None) => {}
            Err(why) => drop(unreadable.insert(path.clone(), why)),
        }
    }
    let contents = contents::read(root, &git.files, &texts, &wanted.contexts);
    let charts = charts::read(root, &git.files, &wanted.charts)?;
    let not_ignored = git::not_ignored(runner, root, &wanted.ignored)?;
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
        contents,
        charts,
        not_ignored,
        published: BTreeMap::new(),
        texts,
        unreadable,
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
    wanted: &FactsRequest,
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

#[cfg(test)]
pub(crate) mod tests;
