//! Wheels and source distributions: maturin, in a copy of the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::log::Log;
use super::machine::Machine;
use super::pack::Body;
use super::rustflags::Rustflags;
use super::{cargo_config, pack, pyo3, python, python_stage, sbom, unpack};
use crate::artifact::{self, Mode};
use crate::format::Format;
use crate::macos::DEPLOYMENT_TARGET;
use crate::plan::{Bindings, SdistWork, StageWork, Step, WheelBuilder, WheelWork};
use crate::target::{Libc, Os, Target};
use crate::wheel::Pythons;
use crate::world::command;
use crate::world::files;
use crate::world::process::{Cmd, Runner};
use crate::world::store::Store;

/// Makes the wheels of one target.
///
/// # Errors
/// If maturin fails, or makes other files than were planned.
pub fn make(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    step: &Step,
    work: &WheelWork,
) -> anyhow::Result<Vec<artifact::File>> {
    let store = machine.store;
    let target = step.target.with_context(|| format!("`{}` has no target", step.id))?;
    let runner = environment(machine.runner, work);
    let stage = python_stage::lay_out(machine.with(&runner), &work.stage, true)?;
    for before in &work.before {
        log.run(&runner, &command::cmd(before, &stage.folder))?;
    }
    pyo3::check(&runner, log, &stage.folder, work, target)?;
    let out = empty(store)?;
    let args = arguments(&runner, work, target.triple(), store)?;
    let (pyproject, manifest) = (work.stage.pyproject.as_str(), Some(work.stage.manifest.as_str()));
    let project = Project { folder: &stage.folder, copies: stage.copies(), pyproject, manifest };
    let flags = project.rustflags(&runner, store, work, target)?;
    log.compiled_with(&flags);
    for interpreters in calls(work, &|pythons| interpreter(&runner, &stage.folder, target, pythons)) {
        let cmd = Cmd::new("maturin", &stage.folder).args(args.iter().cloned()).args(interpreters);
        let cmd = cmd.args(["--manifest-path", work.stage.manifest.as_str()]).args(work.locked.then_some("--locked"));
        log.run(&runner, &flags.apply(cmd).arg("--out").arg(out.path().display().to_string()))?;
    }
    as_planned(step, out.path())?;
    for output in &work.outputs {
        let wheel = out.path().join(&output.name);
        holds(&wheel, &stage.made(&work.stage)?)?;
        sbom::make_relative(&wheel, &stage.top).with_context(|| format!("cannot rewrite `{}`", output.name))?;
    }
    stage.remove()?;
    collect(store, step, out.path())
}

/// What `assets:` and `before:` put into the import package is in the wheel.
fn holds(wheel: &Path, made: &[(String, String)]) -> anyhow::Result<()> {
    let archive = zip::ZipArchive::new(fs::File::open(wheel)?)?;
    let held: BTreeSet<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let missing = made.iter().filter(|(_, inside)| !held.contains(inside));
    let missing: Vec<String> = missing.map(|(path, _)| format!("`{path}`")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (shown, more) = (missing.len().min(3), missing.len().saturating_sub(3));
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    bail!(
        "maturin left out files that `assets:` or `before:` created: {}{more}; list them in `include` of `[tool.maturin]`, or in `exclude`",
        missing[..shown].join(", ")
    )
}

/// As the user wants it; what the machine says of macOS does not count.
fn environment(runner: &Runner, work: &WheelWork) -> Runner {
    let runner = with(runner, &work.pass_env, &work.env);
    match work.macos {
        Some(version) => runner.with(DEPLOYMENT_TARGET, version.to_string()),
        None => runner,
    }
}

fn with(runner: &Runner, pass: &[String], env: &BTreeMap<String, String>) -> Runner {
    env.iter().fold(runner.clone().passing(pass), |runner, (name, value)| runner.with(name, value))
}

pub struct Project<'a> {
    pub folder: &'a Path,
    /// The folder of all copies. Not of this one alone: with other flags cargo compiles all crates again.
    pub copies: &'a Path,
    pub pyproject: &'a str,
    pub manifest: Option<&'a str>,
}

impl Project<'_> {
    /// What rustc is told: the flags that maturin and cargo would take by themselves, and ours. Given in the first place,
    /// maturin keeps them all and adds its own behind them.
    fn rustflags(&self, runner: &Runner, store: &Store, work: &WheelWork, target: Target) -> anyhow::Result<Rustflags> {
        let text = fs::read_to_string(self.folder.join(self.pyproject)).unwrap_or_default();
        let document: toml::Table = text.parse().unwrap_or_default();
        let maturin = document.get("tool").and_then(|tool| tool.get("maturin"));
        let key = |name: &str| maturin.and_then(|maturin| maturin.get(name));
        let mut configs = cargo_config::configs(&work.cargo_args);
        if configs.is_empty() {
            let written = key("config").and_then(toml::Value::as_array).into_iter().flatten();
            configs.extend(written.filter_map(|config| config.as_str().map(ToOwned::to_owned)));
        }
        // Cargo reads the configuration of the folder that it is started in. Where maturin has flags to add, it puts those
        // of the crate's folder in force.
        let adds = target.libc() == Libc::Musl && work.bindings != Bindings::Bin
            || target.os() == Os::Darwin && work.bindings.is_pyo3();
        let mut dir = self.folder.to_owned();
        let manifest = self.manifest.or_else(|| key("manifest-path")?.as_str());
        if adds && let Some(above) = manifest.and_then(|manifest| Path::new(manifest).parent()) {
            // A file is named from the folder that maturin is started in.
            for config in configs.iter_mut().filter(|config| self.folder.join(config.as_str()).is_file()) {
                *config = self.folder.join(config.as_str()).display().to_string();
            }
            dir.push(above);
        }
        let own = cargo_config::own_folder(runner, store, "python")?;
        let folders = [(self.copies.to_owned(), "/build"), (own, "/target")];
        let flags = Rustflags::in_force(runner, &dir, target, &configs);
        Ok(flags.remapping(runner, self.folder, store, &folders))
    }
}

/// How maturin is told of a Python. By name it needs none; but on Windows older versions of pyo3 link the one that is
/// there, and it lies there under no such name.
fn interpreter(runner: &Runner, dir: &Path, target: Target, pythons: Pythons) -> String {
    let name = format!("python{}", pythons.version());
    if !cfg!(windows) || target.os() != Os::Windows || !matches!(pythons, Pythons::Only { .. }) {
        return name;
    }
    python::find(runner, dir, Some(pythons)).map_or(name, |python| python.program)
}

/// What each call of maturin is told of Pythons. It makes wheels of one stable ABI at a time, and which one follows from
/// the interpreter that it is named.
fn calls(work: &WheelWork, interpreter: &dyn Fn(Pythons) -> String) -> Vec<Vec<String>> {
    let named = |pythons: &Pythons| ["--interpreter".to_owned(), interpreter(*pythons)];
    let is_single = |pythons: &&Pythons| matches!(pythons, Pythons::Only { .. });
    let several = work.python.len() > 1;
    let stable = work.python.iter().filter(|pythons| !is_single(pythons)).map(|pythons| match pythons {
        // Alone it is what maturin makes by itself. On Windows older versions of pyo3 need the Python that is there.
        Pythons::Abi3(_) if !several => Vec::new(),
        pythons => named(pythons).to_vec(),
    });
    let single: Vec<String> = work.python.iter().filter(is_single).flat_map(named).collect();
    let calls: Vec<Vec<String>> = stable.chain((!single.is_empty()).then_some(single)).collect();
    if calls.is_empty() { vec![Vec::new()] } else { calls }
}

/// Everything maturin is told besides what to build and where to write. Features are in the copy's pyproject.toml.
fn arguments(runner: &Runner, work: &WheelWork, triple: &str, store: &Store) -> anyhow::Result<Vec<String>> {
    let target = cargo_config::own_folder(runner, store, "python")?;
    let mut args: Vec<String> = ["build", "--target", triple].map(str::to_owned).to_vec();
    args.extend(["--profile".into(), work.profile.clone(), "--target-dir".into(), target.display().to_string()]);
    if work.builder == WheelBuilder::Zig {
        args.push("--zig".into());
    }
    if let Some(compatibility) = &work.compatibility {
        args.extend(["--compatibility".into(), compatibility.clone()]);
    }
    args.extend(work.cargo_args.iter().cloned());
    Ok(args)
}

/// Makes the source distribution.
///
/// # Errors
/// As [`make`].
pub fn make_sdist(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    step: &Step,
    work: &SdistWork,
) -> anyhow::Result<Vec<artifact::File>> {
    let Machine { store, plan, .. } = machine;
    // maturin leaves out crates of the repository that no feature needs, although Cargo.toml names them and cargo then
    // builds nothing. So it is made with every feature, and says its own afterwards.
    let everything = StageWork { all_features: true, ..work.stage.clone() };
    let runner = &with(machine.runner, &work.pass_env, &work.env);
    let stage = python_stage::lay_out(machine.with(runner), &everything, false)?;
    let runner = &without_git(runner, &stage.folder);
    for before in &work.before {
        log.run(runner, &command::cmd(before, &stage.folder))?;
    }
    stage.leave_out(log)?;
    let out = empty(store)?;
    // Without the manifest it leaves optional path dependencies out, silently.
    let cmd =
        Cmd::new("maturin", &stage.folder).args(["sdist", "--manifest-path", work.stage.manifest.as_str(), "--out"]);
    log.run(runner, &cmd.arg(out.path().display().to_string()))?;
    stage.remove()?;
    if work.stage.all_features {
        return collect(store, step, out.path());
    }
    as_planned(step, out.path())?;
    let [output] = &work.outputs;
    let scratch = empty(store)?;
    let members = unpack::tree(Format::TarGz, &out.path().join(&output.name), scratch.path())?;
    for member in &members {
        let top = member.path.matches('/').count() == 1;
        if let (true, Body::File { from, .. }) = (top && member.path.ends_with("/pyproject.toml"), &member.body) {
            fs::write(from, python_stage::without_all_features(&fs::read_to_string(from)?)?)?;
        }
    }
    Ok(vec![pack::write(Format::TarGz, members, plan.commit_time, &store.step(&step.id), &output.name)?])
}

/// Builds an sdist as its users would, beside what is compiled already: its wheels, in a folder of their own.
///
/// # Errors
/// If maturin fails.
pub fn make_back(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    project: &Project<'_>,
    wheel: &Step,
    work: &WheelWork,
) -> anyhow::Result<tempfile::TempDir> {
    let Machine { runner, store, .. } = machine;
    let folder = project.folder;
    let target = wheel.target.with_context(|| format!("`{}` has no target", wheel.id))?;
    let (runner, out) = (without_git(&environment(runner, work), folder), empty(store)?);
    let locked = work.locked && folder.join("Cargo.lock").is_file();
    let args = arguments(&runner, work, target.triple(), store)?;
    let flags = project.rustflags(&runner, store, work, target)?;
    log.compiled_with(&flags);
    for interpreters in calls(work, &|pythons| interpreter(&runner, project.folder, target, pythons)) {
        let cmd = Cmd::new("maturin", folder).args(args.iter().cloned()).args(interpreters);
        let cmd = cmd.args(locked.then_some("--locked")).arg("--out").arg(out.path().display().to_string());
        log.run(&runner, &flags.apply(cmd))?;
    }
    Ok(out)
}

/// Whose children find no repository above a folder.
fn without_git(runner: &Runner, folder: &Path) -> Runner {
    let above = folder.parent().unwrap_or(folder);
    runner.clone().with("GIT_CEILING_DIRECTORIES", above.display().to_string())
}

/// A folder of one build: another one's files would be taken for its own.
fn empty(store: &Store) -> anyhow::Result<tempfile::TempDir> {
    fs::create_dir_all(store.root())?;
    let root = std::path::absolute(store.root())?;
    Ok(tempfile::tempdir_in(root)?)
}

/// Exactly the planned files.
fn collect(store: &Store, step: &Step, out: &Path) -> anyhow::Result<Vec<artifact::File>> {
    as_planned(step, out)?;
    let folder = store.step(&step.id);
    step.outputs().into_iter().map(|name| pack::copy(&out.join(name), &folder, name, Mode::Plain)).collect()
}

fn as_planned(step: &Step, out: &Path) -> anyhow::Result<()> {
    let made: Vec<String> = files::walk(out, "", &[])?.into_iter().map(|(path, _)| path).collect();
    let mut planned = step.outputs();
    planned.sort_unstable();
    if made != planned {
        bail!("maturin built {}, the plan expects {}", made.join(", "), planned.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maturin_is_told_one_stable_abi_at_a_time() {
        let check = |python: &[&str], expected: &[&[&str]]| {
            let work = serde_json::json!({
                "outputs": [],
                "stage": {
                    "distribution": "demo", "version": "1.0.0", "set_version": false, "pyproject": "pyproject.toml",
                    "manifest": "Cargo.toml", "features": [], "default_features": true, "all_features": false,
                    "assets": [], "modules": ["demo"],
                },
                "builder": "zig", "python": python, "profile": "release", "locked": true, "cargo_args": [], "env": {},
                "pass_env": [], "before": [],
            });
            let named = |pythons: Pythons| format!("python{}", pythons.version());
            let calls = calls(&serde_json::from_value(work).unwrap(), &named);
            let calls: Vec<Vec<&str>> = calls
                .iter()
                .map(|call| call.iter().map(String::as_str).filter(|word| *word != "--interpreter").collect())
                .collect();
            assert_eq!(calls, expected, "{python:?}");
        };
        check(&[], &[&[]]);
        check(&["abi3-py310"], &[&[]]);
        check(&["3.12", "3.13"], &[&["python3.12", "python3.13"]]);
        check(&["abi3t-py315"], &[&["python3.15t"]]);
        check(&["abi3-py310", "3.14t", "abi3t-py315"], &[&["python3.10"], &["python3.15t"], &["python3.14t"]]);
    }
}
