//! Installs a wheel into an environment of its own, to see that it can be imported.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::log::Log;
use crate::artifact::{Artifact, CheckResult, Subject};
use crate::plan::{Import, Step};
use crate::wheel::{Pythons, WheelName};
use crate::world::process::{Cmd, Finished, Runner};
use crate::world::store::{Store, read_json};

/// How long one program may take.
pub const LIMIT: Duration = Duration::from_secs(300);
/// How long a program of the wheel may take to say what it is.
const START: Duration = Duration::from_secs(10);

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
    let (mut details, mut tried, mut rare) = (Vec::new(), false, true);
    for file in &record.files {
        let (step, name) = (wheel.id.clone(), file.name.clone());
        result.subjects.push(Subject { step, name, sha256: file.sha256 });
        let wanted = wanted(&file.name);
        let Some(python) = interpreter(runner, store, wanted) else {
            let name = wanted.map_or_else(|| "python3".into(), needed);
            details.push(format!("`{}` was not tried, for there is no {name}", file.name));
            rare &= wanted.is_some_and(is_rare);
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
    // Wheels for single Pythons are tried with those that are there; with none of them nothing would be known. A
    // free-threaded one is on few machines.
    ensure!(tried || rare, "{}: install Python", result.detail);
    Ok(result)
}

/// The Pythons that a wheel is for; nothing: any.
fn wanted(name: &str) -> Option<Pythons> {
    let tag = name.parse::<WheelName>().ok()?.tag;
    Pythons::of_tags(&tag.python, &tag.abi)
}

/// What has to be there, for people.
fn needed(pythons: Pythons) -> String {
    match pythons {
        Pythons::Abi3(minor) | Pythons::Abi3t(minor) => format!("Python 3.{minor} or later"),
        Pythons::Only { .. } => format!("`python{pythons}`"),
    }
}

/// Whether most machines have no such Python.
fn is_rare(pythons: Pythons) -> bool {
    matches!(pythons, Pythons::Abi3t(_) | Pythons::Only { threaded: true, .. })
}

/// Whether a Python, by its minor version and whether it is free-threaded, takes such a wheel.
fn takes(pythons: Pythons, minor: u32, threaded: bool) -> bool {
    match pythons {
        Pythons::Abi3(first) => minor >= first && !threaded,
        Pythons::Abi3t(first) => minor >= first,
        Pythons::Only { minor: only, threaded: free } => minor == only && threaded == free,
    }
}

/// A Python that takes such a wheel, or any.
pub fn interpreter(runner: &Runner, store: &Store, wanted: Option<Pythons>) -> Option<String> {
    let is_right = |name: &str| {
        let print = "import sys, sysconfig; print(sys.version_info[0], sys.version_info[1], sysconfig.get_config_var('Py_GIL_DISABLED') or 0)";
        wanted.is_none_or(|wanted| {
            let said = runner.text(&Cmd::new(name, store.repository()).args(["-c", print]).timeout(LIMIT));
            let numbers = said.ok().map(|said| said.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>());
            matches!(numbers, Some(Ok(numbers)) if matches!(numbers[..], [3, minor, free] if takes(wanted, minor, free == 1)))
        })
    };
    let exact = wanted.map(|wanted| format!("python{}", wanted.version()));
    let plain = wanted.map(|wanted| format!("python3.{}", wanted.first()));
    let names = exact.into_iter().chain(plain).chain(["python3".to_owned(), "python".to_owned()]);
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
        for program in &import.programs {
            let path = bin.join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
            ensure!(path.is_file(), "the program `{program}` is not installed");
            self.starts(log, &text(&path)?).with_context(|| format!("the program `{program}` does not start"))?;
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
        let modules = (!import.modules.is_empty()).then(|| format!("imported {}", import.modules.join(", ")));
        let programs = (!import.programs.is_empty()).then(|| format!("started {}", import.programs.join(", ")));
        let seen: Vec<String> = modules.into_iter().chain(programs).collect();
        Ok(if seen.is_empty() { "installed".into() } else { seen.join(", ") })
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
        let check = |tag: &str, expected: Option<&str>, taking: &[(u32, bool)]| {
            let wanted = wanted(&format!("demo-1.0.0-{tag}-win_amd64.whl"));
            assert_eq!(wanted.map(Pythons::version).as_deref(), expected, "{tag}");
            let all = [(9, false), (12, false), (14, true), (15, false), (15, true)];
            let takes = |(minor, free): &&(u32, bool)| wanted.is_none_or(|wanted| takes(wanted, *minor, *free));
            assert_eq!(all.iter().filter(takes).copied().collect::<Vec<_>>(), taking, "{tag}");
        };
        check("cp312-cp312", Some("3.12"), &[(12, false)]);
        check("cp39-cp39", Some("3.9"), &[(9, false)]);
        check("cp314-cp314t", Some("3.14t"), &[(14, true)]);
        check("cp310-abi3", Some("3.10"), &[(12, false), (15, false)]);
        check("cp315-abi3.abi3t", Some("3.15t"), &[(15, false), (15, true)]);
        check("py3-none", None, &[(9, false), (12, false), (14, true), (15, false), (15, true)]);
    }
}
