//! Installs a wheel into an environment of its own, to see that it can be imported.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::log::Log;
use crate::artifact::{Artifact, CheckResult, Subject};
use crate::plan::{Import, Step};
use crate::wheel::WheelName;
use crate::world::process::{Cmd, Finished, Runner};
use crate::world::store::{Store, read_json};

/// How long one program may take.
const LIMIT: Duration = Duration::from_secs(300);

/// Installs each wheel of a step and imports what it brings. One that does not work is a result, no error.
///
/// # Errors
/// If the wheel is not there, or no Python.
pub fn run(
    runner: &Runner,
    log: &mut Log<'_>,
    store: &Store,
    (import, wheel): (&Import, &Step),
) -> anyhow::Result<CheckResult> {
    let record: Artifact = read_json(&store.record(&wheel.id))?;
    let mut result = CheckResult { passed: true, ..CheckResult::default() };
    let (mut details, mut tried) = (Vec::new(), false);
    for file in &record.files {
        let (step, name) = (wheel.id.clone(), file.name.clone());
        result.subjects.push(Subject { step, name, sha256: file.sha256 });
        let version = only(&file.name);
        let Some(python) = interpreter(runner, store, version.as_deref()) else {
            let name = version.map_or_else(|| "python3".into(), |version| format!("python{version}"));
            details.push(format!("`{}` was not tried, for there is no `{name}`", file.name));
            continue;
        };
        tried = true;
        let scratch = tempfile::tempdir_in(store.root())?;
        let path = std::path::absolute(store.file(&wheel.id, &file.name))?;
        let seen = Trial { runner, folder: scratch.path() }.one(log, (&python, &path), import);
        result.passed &= seen.is_ok();
        details.push(match seen {
            Ok(seen) => seen,
            Err(error) => format!("{error:#}"),
        });
    }
    result.detail = details.join("; ");
    // Wheels for single Pythons are tried with those that are there; with none of them nothing would be known.
    ensure!(tried, "{}: install Python", result.detail);
    Ok(result)
}

/// The one Python that a wheel is for: `3.12` of `cp312-cp312`.
fn only(name: &str) -> Option<String> {
    let tag = name.parse::<WheelName>().ok()?.tag;
    let minor = tag.python.strip_prefix("cp3").filter(|_| tag.abi.starts_with(&tag.python))?;
    Some(format!("3.{minor}"))
}

/// A Python of this version, or any.
fn interpreter(runner: &Runner, store: &Store, version: Option<&str>) -> Option<String> {
    let exact = version.map(|version| format!("python{version}"));
    let is_right = |name: &str| {
        let print = "import sys; print('%d.%d' % sys.version_info[:2])";
        version.is_none_or(|version| {
            let said = runner.text(&Cmd::new(name, store.repository()).args(["-c", print]).timeout(LIMIT));
            said.is_ok_and(|said| said.trim() == version)
        })
    };
    let names = exact.into_iter().chain(["python3".to_owned(), "python".to_owned()]);
    names.into_iter().find(|name| runner.find(name).is_some() && is_right(name))
}

struct Trial<'a> {
    runner: &'a Runner,
    folder: &'a Path,
}

impl Trial<'_> {
    fn one(&self, log: &mut Log<'_>, (python, wheel): (&str, &Path), import: &Import) -> anyhow::Result<String> {
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
        // With dependencies the index is asked, as it is for anybody who installs it.
        if self.must(log, pip.0, &[&install[..], &["--no-index"]].concat()).is_err() {
            self.must(log, pip.0, &install)?;
        }
        for module in &import.modules {
            self.must(log, &own, &["-c", &format!("import {module}")])?;
        }
        for script in &import.scripts {
            if !bin.join(format!("{script}{ending}")).is_file() {
                bail!("the console script `{script}` is not installed");
            }
        }
        let imports: String = import.modules.iter().map(|module| format!("import {module}; ")).collect();
        if let Some(expression) = &import.expression {
            self.must(log, &own, &["-c", &format!("{imports}assert ({expression})")])
                .with_context(|| format!("`{expression}` is not true"))?;
        }
        for expression in &import.untrue {
            // Whatever it raises is as good as an untrue.
            let is_true = self.must(log, &own, &["-c", &format!("{imports}assert ({expression})")]);
            if is_true.is_ok() {
                bail!("`{expression}` is true, as of another distribution");
            }
        }
        Ok(format!("imported {}", import.modules.join(", ")))
    }

    fn must(&self, log: &mut Log<'_>, program: &str, args: &[&str]) -> anyhow::Result<Finished> {
        let cmd = Cmd::new(program, self.folder).args(args.iter().copied()).env("PYTHONPATH", "").timeout(LIMIT);
        log.tell(format_args!("$ {cmd}"));
        let done = self.runner.output(&cmd)?;
        let said = format!("{}{}", done.stdout, done.stderr);
        said.lines().for_each(|line| log.tell(line));
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim().to_owned();
        match (done.timed_out, done.status.success()) {
            (true, _) => bail!("`{cmd}` did not end in {} s", LIMIT.as_secs()),
            (false, false) => bail!("`{cmd}` failed: {last}"),
            (false, true) => Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_python_of_a_wheel() {
        let check = |tag: &str, expected: Option<&str>| {
            assert_eq!(only(&format!("demo-1.0.0-{tag}-win_amd64.whl")).as_deref(), expected, "{tag}");
        };
        check("cp312-cp312", Some("3.12"));
        check("cp39-cp39", Some("3.9"));
        check("cp310-abi3", None);
        check("py3-none", None);
    }
}
