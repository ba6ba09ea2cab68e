//! Cargo packages: `cargo metadata --no-deps`, and Cargo.lock read by ourselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context;
use serde::Deserialize;

use super::git;
use crate::link;
use crate::problem::{Failure, Problem};
use crate::version::Version;
use crate::world::path::{relative, resolve};
use crate::world::process::{Cmd, Finished, Runner};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    /// Its version, workspace inheritance applied.
    pub version: Version,
    /// `description`, and `license` as an SPDX expression.
    pub description: Option<String>,
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
    pub features: Vec<String>,
    /// What each feature switches on in turn, `default` among them.
    pub enables: BTreeMap<String, Vec<String>>,
    /// `required-features` of the binaries that have some.
    pub required: BTreeMap<String, Vec<String>>,
    /// Whether `publish` is not `false`.
    pub publish: bool,
    /// Whether the workspace's `default-members` name it, if any are written.
    pub is_default: bool,
    /// The version in Cargo.lock's own entry; `None`: no lock file or no entry.
    pub locked: Option<Version>,
    /// Path of that lock file, if it exists.
    pub lock: Option<String>,
}

impl Package {
    /// Whether its executables are released where nothing else is written; others are mostly tools of the project itself.
    pub fn is_for_others(&self) -> bool {
        self.publish && self.is_default
    }

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

/// The packages of the workspaces of `Cargo.toml` (if it exists) and of `manifests`, sorted by workspace and
/// name.
///
/// # Errors
/// `Failure` with exit 2 if a manifest does not exist or cargo refuses it, or there is no cargo.
pub fn packages(runner: &Runner, root: &Path, manifests: &[String]) -> anyhow::Result<Vec<Package>> {
    let own = root.join("Cargo.toml").is_file().then(|| "Cargo.toml".to_owned());
    let asked: Vec<String> = own.into_iter().chain(manifests.iter().cloned()).collect();
    let answers = thread::scope(|scope| {
        let threads: Vec<_> =
            asked.iter().map(|manifest| scope.spawn(move || metadata(runner, root, manifest))).collect();
        threads.into_iter().map(git::joined).collect::<anyhow::Result<Vec<_>>>()
    })?;
    let mut found = BTreeMap::new();
    for answer in answers {
        let folder = inside(root, &answer.workspace_root).ok_or_else(|| outside(&answer.workspace_root))?;
        let lock = lock_file(root, &folder)?;
        let defaults = written_defaults(&answer);
        for entry in answer.packages {
            // A member may lie elsewhere; it is not of this repository then.
            let Some(manifest) = inside(root, &entry.manifest_path) else { continue };
            let is_default = defaults.as_ref().is_none_or(|defaults| defaults.contains(&entry.id));
            let package = package(entry, manifest.clone(), join(&folder, "Cargo.toml"), lock.as_ref())?;
            found.insert(manifest, Package { is_default, ..package });
        }
    }
    let mut packages: Vec<Package> = found.into_values().collect();
    packages.sort_by(|a, b| (&a.workspace, &a.name).cmp(&(&b.workspace, &b.name)));
    Ok(packages)
}

/// The `default-members` of a workspace without a package at its top, if they are written and some of them has an executable.
/// With such a package cargo's default is that one alone, which says nothing of the others.
fn written_defaults(answer: &Metadata) -> Option<BTreeSet<String>> {
    let top = answer.workspace_root.join("Cargo.toml");
    let defaults: BTreeSet<String> = answer.workspace_default_members.iter().cloned().collect();
    let is_virtual = answer.packages.iter().all(|entry| entry.manifest_path != top);
    let has_bin = |entry: &Entry| entry.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "bin"));
    let is_of_use = answer.packages.iter().any(|entry| defaults.contains(&entry.id) && has_bin(entry));
    (is_virtual && is_of_use && defaults.len() < answer.packages.len()).then_some(defaults)
}

/// What we read of `cargo metadata --format-version 1`:
/// <https://doc.rust-lang.org/cargo/commands/cargo-metadata.html#json-format>.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Entry>,
    workspace_root: PathBuf,
    /// Ids; all members where the manifest names none, or the package at its top.
    #[serde(default)]
    workspace_default_members: Vec<String>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<CargoTarget>,
    features: BTreeMap<String, Vec<String>>,
    description: Option<String>,
    license: Option<String>,
    license_file: Option<String>,
    /// Absent: anywhere. Empty: `publish = false`.
    publish: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
    kind: Vec<String>,
    src_path: PathBuf,
    #[serde(default, rename = "required-features")]
    required: Vec<String>,
}

fn package(entry: Entry, manifest: String, workspace: String, lock: Option<&Lock>) -> anyhow::Result<Package> {
    let is_bin = |target: &CargoTarget| target.kind.iter().any(|kind| kind == "bin");
    let targets: Vec<CargoTarget> = entry.targets.into_iter().filter(is_bin).collect();
    let mut bins: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
    bins.sort();
    let (folder, at) = (entry.manifest_path.parent().unwrap_or(Path::new("")), manifest.trim_end_matches("Cargo.toml"));
    let source = |target: &CargoTarget| {
        let below = resolve(&target.src_path).ok()?.strip_prefix(resolve(folder).ok()?).ok().map(relative)?;
        Some((target.name.clone(), format!("{at}{below}")))
    };
    let sources = targets.iter().filter_map(source).collect();
    let gated = targets.into_iter().filter(|target| !target.required.is_empty());
    let version: Version = entry.version.parse().map_err(anyhow::Error::msg)?;
    Ok(Package {
        locked: lock.and_then(|lock| lock.version(&entry.name, &version)),
        lock: lock.map(|lock| lock.path.clone()),
        name: entry.name,
        version,
        description: entry.description.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
        license: entry.license,
        license_file: entry.license_file.and_then(|file| link::resolve(&format!("{at}{file}"), &BTreeMap::new())),
        manifest,
        workspace,
        bins,
        sources,
        features: entry.features.keys().cloned().collect(),
        enables: entry.features,
        required: gated.map(|target| (target.name, target.required)).collect(),
        publish: entry.publish.is_none_or(|registries| !registries.is_empty()),
        is_default: true,
    })
}

/// Asks cargo about one workspace. `--no-deps` needs no lock file and writes none; `--offline` keeps cargo, and
/// `RUSTUP_AUTO_INSTALL` keeps rustup, from the network.
fn metadata(runner: &Runner, root: &Path, manifest: &str) -> anyhow::Result<Metadata> {
    if !root.join(manifest).is_file() {
        return Err(Failure::usage(
            Problem::new("no-manifest", format!("`{manifest}` does not exist"))
                .hint("`manifest:` is the path of a Cargo.toml, relative to the repository"),
        )
        .into());
    }
    if runner.find("cargo").is_none() {
        let message = format!("`cargo` is not on `PATH`; it is needed to read `{manifest}`");
        return Err(
            Failure::usage(Problem::new("cargo-missing", message).hint("install Rust: https://rustup.rs")).into()
        );
    }
    let finished = ask(runner, root, manifest)?;
    if !finished.status.success() {
        return Err(refusal(manifest, &finished).into());
    }
    serde_json::from_str(&finished.stdout)
        .with_context(|| format!("`cargo metadata` of `{manifest}` has an unknown format"))
}

fn ask(runner: &Runner, root: &Path, manifest: &str) -> anyhow::Result<Finished> {
    let cmd = |dir: &Path, manifest: &str| {
        Cmd::new("cargo", dir)
            .args(["metadata", "--no-deps", "--format-version=1", "--offline", "--color=never", "--manifest-path"])
            .arg(manifest)
            .env("RUSTUP_AUTO_INSTALL", "0")
    };
    let finished = runner.output(&cmd(root, manifest))?;
    if finished.status.success() || !finished.stderr.contains("is not installed") {
        return Ok(finished);
    }
    // The project pins a toolchain that is not here. Compiling needs it, but any cargo can read a manifest: from a
    // folder where the pin is not in force.
    let (Some(elsewhere), Some(path)) = (root.ancestors().last(), root.join(manifest).to_str().map(str::to_owned))
    else {
        return Ok(finished);
    };
    let second = runner.output(&cmd(elsewhere, &path))?;
    Ok(if second.status.success() { second } else { finished })
}

/// What cargo (or rustup) says of a manifest it cannot read.
fn refusal(manifest: &str, finished: &Finished) -> Failure {
    let said = finished.stderr.trim();
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let problem = Problem::new("cargo-manifest", format!("cargo cannot read `{manifest}`: {said}"));
    Failure::usage(if said.contains("is not installed") {
        problem.hint("rustup toolchain install")
    } else {
        problem.hint(format!("cargo metadata --no-deps --format-version 1 --manifest-path {manifest}"))
    })
}

fn outside(folder: &Path) -> anyhow::Error {
    let message = format!("the cargo workspace `{}` is outside the repository", folder.display());
    Failure::usage(Problem::new("workspace-outside", message).hint("run longshore in the repository of the workspace"))
        .into()
}

/// A path of cargo's, relative to the repository. Either may go through links or short names that the other resolved.
fn inside(root: &Path, path: &Path) -> Option<String> {
    let below = |root: &Path, path: &Path| path.strip_prefix(root).ok().map(relative);
    below(root, path).or_else(|| below(&resolve(root).ok()?, &resolve(path).ok()?))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A Cargo.lock: its path and its own entries.
struct Lock {
    path: String,
    own: Vec<LockEntry>,
}

#[derive(Deserialize)]
struct LockText {
    #[serde(default)]
    package: Vec<LockEntry>,
}

#[derive(Deserialize)]
struct LockEntry {
    name: String,
    version: String,
    source: Option<String>,
}

impl Lock {
    /// The version of the entry of a package. Of two entries with one name (a path dependency elsewhere may have it
    /// too) the equal one is meant.
    fn version(&self, name: &str, version: &Version) -> Option<Version> {
        let versions: Vec<Version> =
            self.own.iter().filter(|entry| entry.name == name).filter_map(|entry| entry.version.parse().ok()).collect();
        versions.iter().find(|locked| *locked == version).or(versions.first()).cloned()
    }
}

/// Reads the lock file of a workspace; its own entries are those without a source.
fn lock_file(root: &Path, folder: &str) -> anyhow::Result<Option<Lock>> {
    let path = join(folder, "Cargo.lock");
    let text = match fs::read_to_string(root.join(&path)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{path}`")),
    };
    match toml::from_str::<LockText>(&text) {
        Ok(lock) => {
            let own = lock.package.into_iter().filter(|entry| entry.source.is_none()).collect();
            Ok(Some(Lock { path, own }))
        }
        Err(error) => {
            let message = format!("`{path}` is not a lock file: {}", error.message());
            Err(Failure::usage(Problem::new("cargo-lock", message).hint("cargo generate-lockfile")).into())
        }
    }
}
