//! Installs a wheel into an environment of its own, to see that it can be imported.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::artifact::{Artifact, CheckResult, Subject};
use crate::build::log::Log;
use crate::build::machine::Machine;
use crate::build::python;
use crate::plan::{Import, Step};
use crate::problem::Problem;
use crate::world::process::{Cmd, Finished, Runner};
use crate::world::store::{Store, read_json};

/// How long one program may take.
pub const LIMIT: Duration = Duration::from_secs(300);
/// How long a program of the wheel may take to say what it is.
const START: Duration = Duration::from_secs(10);

/// Installs each wheel of a step and imports what it brings. One that does not work is a result, no error; one for which
/// there is no Python is a warning.
///
/// # Errors
/// If a wheel is not there, or no Python at all.
pub fn run(machine: Machine<'_>, log: &mut Log<'_>, import: &Import, wheel: &Step) -> anyhow::Result<CheckResult> {
    let Machine { runner, store, .. } = machine;
    let record: Artifact = read_json(&store.record(&wheel.id))?;
    let mut result = CheckResult { passed: true, ..CheckResult::default() };
    let (mut seen, mut rare): (Vec<String>, bool) = (Vec::new(), true);
    for file in &record.files {
        let subject = Subject { step: wheel.id.to_string(), name: file.name.clone(), sha256: file.sha256 };
        let wanted = python::wanted(&file.name);
        let python = match python::find(runner, store.repository(), wanted) {
            Ok(python) => python,
            Err(why) => {
                result.warnings.push(format!(
                    "`{}` was not tested: {why}; its job in CI tests it, with a Python of the runner",
                    file.name
                ));
                result.untried.push(subject);
                rare &= python::is_rare(wanted);
                continue;
            }
        };
        log.tell(format_args!("with `{}`: {}", python.program, file.name));
        result.subjects.push(subject);
        let scratch = tempfile::tempdir_in(store.root())?;
        let path = std::path::absolute(store.file(&wheel.id, &file.name))?;
        let trial = Trial { runner: &python.runner, folder: scratch.path() };
        match trial.one(log, &python.program, &path, import) {
            Ok(what) => seen.push(what),
            Err(error) => {
                result.passed = false;
                seen.push(format!("`{}`: {error:#}", file.name));
            }
        }
    }
    // Version-specific wheels are tried with those that are there; with none of them nothing would be known. A
    // free-threaded one is on few machines.
    ensure!(!result.subjects.is_empty() || rare, "{}: install Python", result.warnings.join("; "));
    result.detail = summary(&seen, result.untried.len());
    Ok(result)
}

/// What was seen, each thing once, and how many wheels were not tested.
fn summary(seen: &[String], untried: usize) -> String {
    let mut parts: Vec<String> = Vec::new();
    for same in seen.chunk_by(|one, other| one == other) {
        parts.push(if same.len() > 1 { format!("{} ({} wheels)", same[0], same.len()) } else { same[0].clone() });
    }
    if untried > 0 {
        parts.push(format!("{untried} of {} wheels not tested", seen.len() + untried));
    }
    parts.join("; ")
}

/// What is missing for a check before anything is compiled. On the machine that the plan names (`every`) each Python must
/// be there, elsewhere one of them; a free-threaded one is on few machines.
pub fn missing(runner: &Runner, store: &Store, check: &Step, wheel: &Step, every: bool) -> Vec<Problem> {
    let wanted: BTreeSet<_> = wheel.outputs().into_iter().map(python::wanted).collect();
    let (mut problems, mut there) = (Vec::new(), false);
    for wanted in wanted {
        match python::find(runner, store.repository(), wanted) {
            Ok(_) => there = true,
            Err(_) if python::is_rare(wanted) => {}
            Err(why) => {
                let hint = "install it (in CI with actions/setup-python in the action that `workflows.*.setup` names, see docs/wheels.md), or remove it from `python:`";
                let text = format!("wheels cannot be tested: {why}");
                problems.push(Problem::new("missing-tool", text).hint(hint).step(&check.id));
            }
        }
    }
    if there && !every { Vec::new() } else { problems }
}

struct Trial<'a> {
    runner: &'a Runner,
    folder: &'a Path,
}

impl Trial<'_> {
    fn one(&self, log: &mut Log<'_>, python: &str, wheel: &Path, import: &Import) -> anyhow::Result<String> {
        let environment = self.folder.join("venv");
        let text = |path: &Path| path.to_str().map(str::to_owned).context("a path is not UTF-8");
        let make = ["-m", "venv", &text(&environment)?];
        self.must(log, python, &[&make[..], &["--without-pip"]].concat())?;
        let bin = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
        let ending = if cfg!(windows) { ".exe" } else { "" };
        let own = text(&bin.join(format!("python{ending}")))?;
        let wheel = text(wheel)?;
        // A pip that is there installs into other environments since 22.3; bringing one along takes seconds.
        let mut pip = (python, vec!["-m", "pip", "--disable-pip-version-check", "--python", own.as_str()]);
        if self.must(log, pip.0, &[&pip.1[..], &["--version"]].concat()).is_err() {
            self.must(log, python, &make)?;
            pip = (own.as_str(), vec!["-m", "pip", "--disable-pip-version-check"]);
        }
        let install = [&pip.1[..], &["install", "--quiet", wheel.as_str()]].concat();
        // With dependencies the index is used, as in any installation.
        if self.must(log, pip.0, &[&install[..], &["--no-index"]].concat()).is_err() {
            self.must(log, pip.0, &install)?;
        }
        for module in &import.modules {
            self.must(log, &own, &["-c", &format!("import {module}")])?;
        }
        self.programs(log, &bin, import)?;
        self.expressions(log, &own, import)?;
        let modules = (!import.modules.is_empty()).then(|| format!("imported {}", import.modules.join(", ")));
        let programs = (!import.programs.is_empty()).then(|| format!("started {}", import.programs.join(", ")));
        let seen: Vec<String> = modules.into_iter().chain(programs).collect();
        Ok(if seen.is_empty() { "installed".into() } else { seen.join(", ") })
    }

    fn programs(&self, log: &mut Log<'_>, bin: &Path, import: &Import) -> anyhow::Result<()> {
        let ending = if cfg!(windows) { ".exe" } else { "" };
        for script in &import.scripts {
            if !bin.join(format!("{script}{ending}")).is_file() {
                bail!("the console script `{script}` is not installed");
            }
        }
        for program in &import.programs {
            let path = bin.join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
            ensure!(path.is_file(), "the program `{program}` is not installed");
            self.starts(log, path.to_str().context("a path is not UTF-8")?)
                .with_context(|| format!("the program `{program}` does not start"))?;
        }
        Ok(())
    }

    /// What must be true of this distribution, and what of its siblings only.
    fn expressions(&self, log: &mut Log<'_>, own: &str, import: &Import) -> anyhow::Result<()> {
        let imports: String = import.modules.iter().map(|module| format!("import {module}; ")).collect();
        if let Some(expression) = &import.expression {
            self.must(log, own, &["-c", &format!("{imports}assert ({expression})")])
                .with_context(|| format!("`{expression}` is not true"))?;
        }
        for expression in &import.untrue {
            // Whatever it raises is as good as an untrue.
            let is_true = self.must(log, own, &["-c", &format!("{imports}assert ({expression})")]);
            if is_true.is_ok() {
                bail!("`{expression}` is true, as in another distribution");
            }
        }
        Ok(())
    }

    /// A program may say what it likes of `--version`, and a server goes on; it must not fail to start, or crash.
    fn starts(&self, log: &mut Log<'_>, program: &str) -> anyhow::Result<()> {
        let cmd = Cmd::new(program, self.folder).args(["--version"]).timeout(START);
        log.tell(format_args!("$ {cmd}"));
        let done = self.runner.output(&cmd)?;
        let said = format!("{}{}", done.stdout, done.stderr);
        said.lines().for_each(|line| log.tell(line));
        let code = done.status.code();
        // What a loader says that misses a library, on Linux and on Windows.
        let missing = code == Some(127) || code == Some(0xC000_0135_u32.cast_signed());
        ensure!(done.timed_out || code.is_some() && !missing, "{}: {}", done.status, said.trim());
        Ok(())
    }

    fn must(&self, log: &mut Log<'_>, program: &str, args: &[&str]) -> anyhow::Result<Finished> {
        let cmd = Cmd::new(program, self.folder).args(args.iter().copied()).env("PYTHONPATH", "").timeout(LIMIT);
        log.tell(format_args!("$ {cmd}"));
        let done = self.runner.output(&cmd)?;
        let said = format!("{}{}", done.stdout, done.stderr);
        said.lines().for_each(|line| log.tell(line));
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim().to_owned();
        match (done.timed_out, done.status.success()) {
            (true, _) => bail!("`{cmd}` did not finish within {} s", LIMIT.as_secs()),
            (false, false) => bail!("`{cmd}` failed: {last}"),
            (false, true) => Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once() {
        let check = |seen: &[&str], untried: usize, expected: &str| {
            let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
            assert_eq!(summary(&seen, untried), expected);
        };
        check(&["imported keel"], 0, "imported keel");
        check(&["imported keel", "imported keel"], 1, "imported keel (2 wheels); 1 of 3 wheels not tested");
        check(&["imported keel", "`x`: no"], 0, "imported keel; `x`: no");
        check(&[], 2, "2 of 2 wheels not tested");
    }
}
