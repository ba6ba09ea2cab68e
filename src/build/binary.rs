//! Compiles executables, one cargo call for all steps with equal settings, or copies prebuilt ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::cargo_config;
use super::log::Log;
use super::machine::Machine;
use super::order::Order;
use super::rustflags::Rustflags;
use super::{asset, pack, package};
use crate::artifact::{self, Mode};
use crate::macos::DEPLOYMENT_TARGET;
use crate::plan::{AssetWork, BinaryWork, PlannedBuilder, Step, WheelBuilder, Work};
use crate::problem::Problem;
use crate::target::Target;
use crate::world::command;
use crate::world::process::{Cmd, Runner, Stream};
use crate::world::store::Store;

#[derive(Clone, Copy)]
pub struct Compilation<'a> {
    pub step: &'a Step,
    pub work: &'a BinaryWork,
    pub target: Target,
}

impl<'a> Compilation<'a> {
    /// Of a step, if it is one with a target.
    pub fn of(step: &'a Step) -> Option<Self> {
        match (&step.work, step.target) {
            (Work::Binary(work), Some(target)) => Some(Self { step, work, target }),
            _ => None,
        }
    }

    /// Whether one cargo call can make both: all that is said to cargo, besides names, is equal.
    pub fn goes_with(&self, other: &Self) -> bool {
        let settings = |work: &BinaryWork| BinaryWork {
            package: String::new(),
            bins: Vec::new(),
            outputs: Vec::new(),
            prebuilt: Vec::new(),
            max_size: None,
            ..work.clone()
        };
        self.target == other.target && settings(self.work) == settings(other.work)
    }

    /// The folder cargo is started in. Its configuration and toolchain files are looked for from there.
    pub fn dir(&self, repository: &Path) -> PathBuf {
        match Path::new(&self.work.manifest).parent() {
            Some(parent) if parent != Path::new("") => repository.join(parent),
            _ => repository.to_owned(),
        }
    }
}

/// The prebuilt files to take for a step instead of making them: from the order's folder, or the planned paths. A step
/// that compiles nothing must have them.
///
/// # Errors
/// A problem if some are there and some are not, or they must be there and are missing.
pub fn supplied(order: &Order<'_>, store: &Store, step: &Step) -> Result<Option<Vec<PathBuf>>, Problem> {
    let (prebuilt, only): (&[String], bool) = match &step.work {
        Work::Binary(work) => (&work.prebuilt, work.builder == PlannedBuilder::Prebuilt),
        Work::Wheel(work) => (&work.prebuilt, work.builder == WheelBuilder::Prebuilt),
        _ => (&[], false),
    };
    let names = || step.outputs().into_iter();
    let mut looked = Vec::new();
    if let Some(folder) = &order.prebuilt {
        let below = names().filter_map(|name| step.prebuilt_path(name)).map(|path| folder.join(path));
        looked.push(below.collect::<Vec<_>>());
    }
    if !prebuilt.is_empty() {
        looked.push(prebuilt.iter().map(|path| store.repository().join(path)).collect());
    }
    for paths in &looked {
        let absent: Vec<&PathBuf> = paths.iter().filter(|path| !path.is_file()).collect();
        match absent.first() {
            None => return Ok(Some(paths.clone())),
            Some(path) if absent.len() < paths.len() => {
                return Err(Problem::new("missing-prebuilt", format!("`{}` does not exist", path.display()))
                    .hint("either all files of a step are prebuilt, or none")
                    .step(&step.id));
            }
            Some(_) => {}
        }
    }
    // What an asset step makes may only be there later.
    if only && step.needs.is_empty() {
        let places: Vec<String> = looked.iter().flatten().map(|path| format!("`{}`", path.display())).collect();
        let places = if places.is_empty() { "no folder is configured".to_owned() } else { places.join(", ") };
        let path = names().next().and_then(|name| step.prebuilt_path(name)).unwrap_or_default();
        return Err(Problem::new("missing-prebuilt", format!("the prebuilt file does not exist: {places}"))
            .hint(format!("put it there, or pass `--prebuilt DIR` with `DIR/{path}`"))
            .step(&step.id));
    }
    Ok(None)
}

/// Copies prebuilt files.
///
/// # Errors
/// If one cannot be copied.
pub fn take(store: &Store, step: &Step, paths: &[PathBuf]) -> anyhow::Result<Vec<artifact::File>> {
    let folder = store.step(&step.id);
    let mode = if matches!(step.work, Work::Binary(_)) { Mode::Executable } else { Mode::Plain };
    let pairs = step.outputs().into_iter().zip(paths);
    pairs.map(|(name, path)| pack::copy(path, &folder, name, mode)).collect()
}

/// Runs all compilations (with equal settings) and keeps the executables of each, in the order given.
///
/// # Errors
/// If a command fails or an executable was not made.
pub fn compile(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    compilations: &[Compilation<'_>],
) -> anyhow::Result<Vec<Vec<artifact::File>>> {
    let store = machine.store;
    let Some(first) = compilations.first() else { return Ok(Vec::new()) };
    let mut runner = machine.runner.clone().passing(&first.work.pass_env);
    for (name, value) in &first.work.env {
        runner = runner.with(name, value);
    }
    // What the machine says of macOS does not count.
    if let Some(version) = first.work.macos {
        runner = runner.with(DEPLOYMENT_TARGET, version.to_string());
    }
    for asset in &first.work.assets {
        let (step, work) = machine.find::<AssetWork>(asset)?;
        asset::lay_out(machine.with(&runner), log, step, work)?;
    }
    for before in &first.work.before {
        log.run(&runner, &command::cmd(before, store.repository()))?;
    }
    if share_a_name(compilations) {
        // Both would be written to one file of the target folder: one after the other, and out of it in between.
        return compilations.iter().map(|one| Ok(build(&runner, log, store, &[*one])?.remove(0))).collect();
    }
    build(&runner, log, store, compilations)
}

/// Whether two packages have a wanted executable of one name.
fn share_a_name(compilations: &[Compilation<'_>]) -> bool {
    let mut owners = BTreeMap::new();
    compilations
        .iter()
        .flat_map(|one| one.work.bins.iter().map(|bin| (bin, &one.work.package)))
        .any(|(bin, package)| *owners.entry(bin).or_insert(package) != package)
}

fn build(
    runner: &Runner,
    log: &mut Log<'_>,
    store: &Store,
    compilations: &[Compilation<'_>],
) -> anyhow::Result<Vec<Vec<artifact::File>>> {
    let dir = compilations[0].dir(store.repository());
    let (cmd, flags) = cargo(runner, &dir, store, compilations)?;
    log.compiled_with(&flags);
    let mut made: BTreeMap<(String, String), PathBuf> = BTreeMap::new();
    let mut clash = None;
    log.run_with(runner, &cmd, &mut |stream, line| {
        if stream == Stream::Err || !line.starts_with('{') {
            return false;
        }
        let Ok(message) = serde_json::from_str::<Message>(line) else { return false };
        if let Some((key, path)) = message.executable() {
            if made.values().any(|other| *other == path) {
                clash = Some(path.clone());
            }
            made.insert(key, path);
        }
        true
    })?;
    if let Some(path) = clash {
        if compilations.len() == 1 {
            bail!("two executables would be written to `{}`; rename one of them", path.display());
        }
        return compilations.iter().map(|one| Ok(build(runner, log, store, &[*one])?.remove(0))).collect();
    }
    let find = |compilation: &Compilation<'_>| {
        let bins = compilation.work.bins.iter().zip(&compilation.work.outputs);
        bins.map(|(bin, output)| {
            let path = made.get(&(compilation.work.package.clone(), bin.clone())).with_context(|| {
                format!("cargo succeeded, but built no executable `{bin}` of package `{}`", compilation.work.package)
            })?;
            let path = on_host(runner, compilation, &dir, path)?;
            pack::copy(&path, &store.step(&compilation.step.id), &output.name, Mode::Executable)
        })
        .collect()
    };
    compilations.iter().map(find).collect()
}

/// The one call. The user's own target folder is kept, so that what cargo already knows is not built again.
fn cargo(
    runner: &Runner,
    dir: &Path,
    store: &Store,
    compilations: &[Compilation<'_>],
) -> anyhow::Result<(Cmd, Rustflags)> {
    let Compilation { step, work, target } = compilations[0];
    let cmd = match work.builder {
        PlannedBuilder::Cargo => Cmd::new("cargo", dir).arg("build"),
        PlannedBuilder::Zigbuild => Cmd::new("cargo", dir).arg("zigbuild"),
        PlannedBuilder::Cross => Cmd::new("cross", dir).arg("build"),
        PlannedBuilder::Prebuilt => {
            bail!("the prebuilt binaries are missing, and no step builds them")
        }
    };
    // cargo-zigbuild takes the glibc to link against behind the triple.
    let triple = match (&work.glibc, work.builder) {
        (Some(glibc), PlannedBuilder::Zigbuild) => format!("{target}.{glibc}"),
        _ => target.to_string(),
    };
    let mut folders = Vec::new();
    let mut cmd = cmd.args(["--message-format", "json-render-diagnostics", "--target", &triple]);
    if step.is_implicit() {
        // Other flags for a triple that may be built without them too: each in its own folder, neither undoes the other.
        let own = cargo_config::own_folder(runner, store, "static")?;
        cmd = cmd.arg("--target-dir").arg(own.to_string_lossy());
        folders.push((own, "/target"));
    }
    let mut named = Vec::new();
    for compilation in compilations {
        named.extend(once(&named, "-p", &package::spec(runner, dir, store.repository(), compilation.work)?));
        for bin in &compilation.work.bins {
            named.extend(once(&named, "--bin", bin));
        }
    }
    cmd = chosen(cmd.args(named.concat()), work);
    let flags = Rustflags::in_force(runner, dir, target, &cargo_config::configs(&work.cargo_args));
    let flags = flags.linking(runner, dir, target, work.linkage)?.remapping(runner, dir, store, &folders);
    Ok((flags.apply(cmd), flags))
}

/// The flags of a step's settings.
fn chosen(mut cmd: Cmd, work: &BinaryWork) -> Cmd {
    cmd = cmd.args(["--profile", &work.profile]);
    for (given, flag) in [
        (work.locked, "--locked"),
        (!work.default_features, "--no-default-features"),
        (work.all_features, "--all-features"),
    ] {
        cmd = if given { cmd.arg(flag) } else { cmd };
    }
    if !work.features.is_empty() {
        cmd = cmd.arg("--features").arg(work.features.join(","));
    }
    cmd.args(work.cargo_args.iter().cloned())
}

/// `flag value`, unless it is there already.
fn once(named: &[[String; 2]], flag: &str, value: &str) -> Option<[String; 2]> {
    let pair = [flag.to_owned(), value.to_owned()];
    (!named.contains(&pair)).then_some(pair)
}

/// cross sees cargo's target folder as `/target` inside its container.
fn on_host(runner: &Runner, compilation: &Compilation<'_>, dir: &Path, path: &Path) -> anyhow::Result<PathBuf> {
    let Ok(rest) = path.strip_prefix("/target") else { return Ok(path.to_owned()) };
    if compilation.work.builder != PlannedBuilder::Cross || path.exists() {
        return Ok(path.to_owned());
    }
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let cmd = Cmd::new("cargo", dir).args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Metadata = serde_json::from_str(&runner.text(&cmd)?)?;
    Ok(metadata.target_directory.join(rest))
}

/// A line of cargo's JSON (<https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>).
#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: Option<String>,
    target: Option<MessageTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
    kind: Vec<String>,
}

impl Message {
    /// Package and name of an executable, and where it lies.
    fn executable(self) -> Option<((String, String), PathBuf)> {
        let target = self.target?;
        if self.reason != "compiler-artifact" || !target.kind.iter().any(|kind| kind == "bin") {
            return None;
        }
        Some(((package_name(&self.package_id?)?, target.name), self.executable?))
    }
}

/// The name in a package id: `path+file:///x/app#1.0.0`, `…/x#app@1.0.0`, and before cargo 1.77 `app 1.0.0 (path+…)`.
fn package_name(id: &str) -> Option<String> {
    if let Some((name, _)) = id.split_once(' ') {
        return Some(name.to_owned());
    }
    let (url, fragment) = id.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name.to_owned()),
        None => {
            url.trim_end_matches('/').rsplit('/').next().map(|name| name.split('?').next().unwrap_or(name).to_owned())
        }
    }
}
