//! The tools that ordered steps need: all looked for before anything starts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::binary::Compilation;
use super::cargo_config::{self, CargoConfig};
use super::order::Order;
use crate::command::{Command, Shell};
use crate::plan::{Check, CheckWork, Job, PlannedBuilder, Step, WheelBuilder, Work};
use crate::problem::Problem;
use crate::target::{Libc, Os, Target};
use crate::world::env::Env;
use crate::world::process::{Cmd, Runner};
use crate::world::store::Store;

/// Where cargo-zigbuild and maturin look first: <https://github.com/rust-cross/cargo-zigbuild#environment-variables>.
pub const ZIG_PATH: &str = "CARGO_ZIGBUILD_ZIG_PATH";

/// Everything that is missing for the steps, each with the command that installs it. `compiled` are the binary steps
/// that are not supplied.
pub fn missing(runner: &Runner, store: &Store, order: &Order<'_>, compiled: &[Compilation<'_>]) -> Vec<Problem> {
    let mut problems: BTreeMap<String, Problem> = BTreeMap::new();
    let mut add = |found: Vec<Problem>| {
        for problem in found {
            problems.entry(problem.message.clone()).or_insert(problem);
        }
    };
    for step in &order.steps {
        match &step.work {
            Work::Asset(work) => add(for_commands(runner, store.repository(), step, &work.run)),
            Work::Binary(work) if compiled.iter().any(|compilation| compilation.step.id == step.id) => {
                add(for_commands(runner, store.repository(), step, &work.before));
            }
            Work::Wheel(work) if work.builder != WheelBuilder::Prebuilt => {
                add(for_commands(runner, store.repository(), step, &work.before));
            }
            Work::Check(CheckWork { subject, not_run: None, check: Check::Import(_) }) => {
                let wheel = order.plan.step(subject);
                add(wheel.map_or_else(Vec::new, |wheel| {
                    super::checks::import::missing(runner, store, step, wheel, order.every_python)
                }));
            }
            Work::Check(CheckWork { not_run: None, check: Check::Container(_), .. })
                if super::checks::container::engine(runner).is_none() =>
            {
                let text = format!("`{}` needs Docker, Podman or runc, and none of them is available", step.id);
                let hint = "install one of them, start its daemon, or set `smoke: false` of the image";
                add(vec![Problem::new("missing-tool", text).hint(hint)]);
            }
            _ => {}
        }
    }
    let mut asked: Vec<&Compilation<'_>> = Vec::new();
    for compilation in compiled {
        let builder = |other: &&Compilation<'_>| {
            (other.work.builder, other.target) == (compilation.work.builder, compilation.target)
        };
        if asked.iter().any(|other| builder(other) && other.work.manifest == compilation.work.manifest) {
            continue;
        }
        asked.push(compilation);
        let job = order.plan.jobs.iter().find(|job| Some(&job.id) == compilation.step.job.as_ref());
        add(for_compiling(runner, store, job, *compilation));
    }
    problems.into_values().collect()
}

/// Compilers, and we ourselves, need a place for temporary files; without this some would miss it at the very end.
pub fn no_temporary_folder(runner: &Runner) -> Option<Problem> {
    let named = runner.var("TMPDIR").filter(|folder| !folder.is_empty());
    let folder = named.map_or_else(std::env::temp_dir, PathBuf::from);
    let shown = folder.display();
    if !folder.is_dir() {
        let text = format!("the folder for temporary files, `{shown}`, does not exist");
        return Some(Problem::new("no-folder", text).hint("create it, or set `TMPDIR` to another one"));
    }
    let error = tempfile::tempdir_in(&folder).err()?;
    let text = format!("cannot write to `{shown}`, the folder for temporary files: {error}");
    Some(Problem::new("not-writable", text).hint("set `TMPDIR` to another folder"))
}

fn problem(step: &Step, message: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem::new("missing-tool", message).hint(hint).step(&step.id)
}

/// The programs that commands start first. A path may be made by an earlier command, so only bare names are looked for.
fn for_commands(runner: &Runner, repository: &Path, step: &Step, commands: &[Command]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for command in commands {
        let program = match command.shell {
            Some(Shell::Bash) => "bash",
            Some(Shell::Pwsh) => "pwsh",
            None => command.run.first().map_or("", String::as_str),
        };
        let own_path = own(&command.env).value("PATH").is_some();
        if !program.contains(['/', '\\']) && !own_path && runner.find(program).is_none() {
            let hint = format!("install `{program}`, or put its folder on PATH");
            problems.push(problem(step, format!("`{program}` is not on PATH"), hint));
        }
        if let Some(dir) = command.dir.as_ref().filter(|dir| !crate::world::files::is_inside(dir) && *dir != ".") {
            let message = format!("the folder `{dir}` of a command leaves `{}`", repository.display());
            problems.push(problem(step, message, "use a folder of the repository"));
        }
    }
    problems
}

fn for_compiling(runner: &Runner, store: &Store, job: Option<&Job>, compilation: Compilation<'_>) -> Vec<Problem> {
    let Compilation { step, work, target } = compilation;
    let dir = compilation.dir(store.repository());
    if !dir.is_dir() {
        let hint = "the plan is for another tree; plan again";
        return vec![problem(step, format!("the folder of `{}` does not exist", work.manifest), hint)];
    }
    if runner.find("cargo").is_none() {
        let container = job.and_then(|job| job.container.as_ref());
        return vec![match container {
            Some(image) => problem(
                step,
                format!("the container `{image}` has no `cargo`"),
                "use an image that contains Rust, or install Rust in `workflows.*.setup`",
            ),
            None => problem(step, "`cargo` is not installed", "install Rust: https://rustup.rs"),
        }];
    }
    let mut problems = Vec::new();
    match work.builder {
        PlannedBuilder::Cross => {
            if runner.find("cross").is_none() {
                problems.push(problem(step, "`cross` is not installed", "run `cargo install cross --locked`"));
            } else if ["docker", "podman"].iter().all(|engine| runner.find(engine).is_none()) {
                problems.push(problem(step, "`cross` needs `docker` or `podman`", "install one of them"));
            }
            return problems;
        }
        PlannedBuilder::Zigbuild => problems.extend(for_zigbuild(runner, &dir, step)),
        PlannedBuilder::Cargo => problems.extend(for_linking(runner, &dir, compilation)),
        PlannedBuilder::Prebuilt => return problems,
    }
    problems.extend(standard_library(runner, &dir, step, target));
    problems
}

/// Whether there is a zig that cargo-zigbuild and maturin find.
pub fn has_zig(runner: &Runner, dir: &Path) -> bool {
    let as_module = || {
        let asked = Cmd::new("python3", dir).args(["-m", "ziglang", "version"]).timeout(Duration::from_secs(60));
        runner.output(&asked).is_ok_and(|finished| finished.status.success())
    };
    runner.var(ZIG_PATH).is_some() || runner.find("zig").is_some() || as_module()
}

fn for_zigbuild(runner: &Runner, dir: &Path, step: &Step) -> Vec<Problem> {
    let mut problems = Vec::new();
    let hint = "run `pip install cargo-zigbuild ziglang`";
    if runner.find("cargo-zigbuild").is_none() {
        problems.push(problem(step, "`cargo zigbuild` is not installed", hint));
    }
    if !has_zig(runner, dir) {
        problems.push(problem(step, "`zig` is not installed", hint));
    }
    problems
}

/// The target's std is part of the toolchain, not of `PATH`.
fn standard_library(runner: &Runner, dir: &Path, step: &Step, target: Target) -> Option<Problem> {
    let rustc = runner.var("RUSTC").unwrap_or("rustc");
    let sysroot = match runner.text(&Cmd::new(rustc, dir).args(["--print", "sysroot"])) {
        Ok(text) => PathBuf::from(text.trim()),
        Err(error) => {
            return Some(no_rustc(step, &format!("{error:#}")));
        }
    };
    let lib = sysroot.join("lib").join("rustlib").join(target.triple()).join("lib");
    if fs::read_dir(&lib).is_ok_and(|mut entries| entries.next().is_some()) {
        return None;
    }
    let hint = if runner.find("rustup").is_some() {
        format!("run `rustup target add {target}`")
    } else {
        format!("install the standard library of {target} for the `rustc` in `{}`", sysroot.display())
    };
    Some(problem(step, format!("the Rust standard library for `{target}` is not installed"), hint))
}

/// What rustup says goes on with a trace of its own; which toolchain it misses is all that counts.
fn no_rustc(step: &Step, said: &str) -> Problem {
    match said.split_once("toolchain '").and_then(|(_, rest)| rest.split_once("' is not installed")) {
        Some((toolchain, _)) => {
            let text = format!("the Rust toolchain `{toolchain}`, which the project asks for, is not installed");
            problem(step, text, format!("run `rustup toolchain install {toolchain}`"))
        }
        None => {
            let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            problem(step, format!("`rustc` does not run: {first}"), "install Rust: https://rustup.rs")
        }
    }
}

/// Whether plain cargo can link for a target here. On Windows `rustc` finds the linker without `PATH`.
fn for_linking(runner: &Runner, dir: &Path, compilation: Compilation<'_>) -> Option<Problem> {
    let Compilation { step, work, target } = compilation;
    let chosen = CargoConfig::read(runner, dir, &cargo_config::configs(&work.cargo_args)).names_linker(runner, target)
        || own(&work.env).value(&cargo_config::variable(target, "LINKER")).is_some()
        || ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"]
            .iter()
            .any(|name| own(&work.env).value(name).or(runner.var(name)).is_some_and(names_linker));
    if chosen || cfg!(windows) {
        return None;
    }
    let same_system = target.os().name() == host_os();
    let same_arch = target.arch().name() == std::env::consts::ARCH;
    if same_system && (same_arch || target.os() == Os::Darwin) {
        return runner.find("cc").is_none().then(|| {
            let hint = match target.os() {
                Os::Darwin => "run `xcode-select --install`",
                _ => "install a C compiler, e.g. `apt-get install gcc`",
            };
            problem(step, "the linker `cc` is not installed", hint)
        });
    }
    let hint = match (target.os(), target.libc()) {
        (Os::Linux, Libc::Gnu) => format!(
            "install one (`apt-get install gcc-{2}-linux-gnu`) and set `{1}={0}-linux-gnu-gcc`, or write `builder: zigbuild`",
            target.arch().name(),
            cargo_config::variable(target, "LINKER"),
            target.arch().name().replace('_', "-"),
        ),
        (Os::Linux, _) => "write `builder: zigbuild`, or build on a native runner".to_owned(),
        _ => format!("build on a {} runner, or name a linker in cargo's configuration", target.os().name()),
    };
    Some(problem(step, format!("no linker for `{target}` is configured here"), hint))
}

/// Variables of the configuration, by names as this platform compares them.
fn own(env: &BTreeMap<String, String>) -> Env {
    env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn names_linker(flags: &str) -> bool {
    flags.contains("linker=")
}

fn host_os() -> &'static str {
    if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS }
}
