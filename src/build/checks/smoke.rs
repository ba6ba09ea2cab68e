//! Runs what was built, to see that it starts and says the version that was planned.

use std::fs::File;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context;

use crate::artifact::{CheckResult, Subject};
use crate::build::log::Log;
use crate::digest::Digest;
use crate::plan::{SmokeCheck, Step};
use crate::version::Version;
use crate::world::path::resolve;
use crate::world::process::{Cmd, Runner, described};
use crate::world::store::Store;

/// How long one executable may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How much of its output is looked at; the rest is thrown away.
const LONGEST_OUTPUT: usize = 1 << 20;

/// Runs each executable of a step in an empty folder. A check that does not hold is a result, no error.
///
/// # Errors
/// If the step's files are not in the store.
pub fn run(
    runner: &Runner,
    log: &mut Log<'_>,
    store: &Store,
    subject: &Step,
    smoke: &SmokeCheck,
) -> anyhow::Result<CheckResult> {
    let mut result = CheckResult { passed: true, ..CheckResult::default() };
    let mut details = Vec::new();
    for name in subject.outputs() {
        let path = store.file(&subject.id, name);
        let file = File::open(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let (sha256, _) = Digest::of_reader(file)?;
        result.subjects.push(Subject { step: subject.id.to_string(), name: name.to_owned(), sha256 });
        let mut first = First { runner, log, path: &path, name, smoke };
        let Some((end, seen)) = first.run()? else {
            details.push(format!("`{name}` is not run"));
            continue;
        };
        match end {
            End::Holds => {}
            End::Doubt => result.warnings.push(format!("{seen}; {}", advice(smoke))),
            End::Fails => result.passed = false,
        }
        details.push(if end == End::Fails { format!("{seen}; {}", advice(smoke)) } else { seen });
    }
    result.detail = details.join("; ");
    Ok(result)
}

/// What one can do about a first run that says nothing.
fn advice(smoke: &SmokeCheck) -> String {
    let wanted = smoke.contains.as_ref().map(|text| format!(" and prints `{text}`")).unwrap_or_default();
    format!("set `smoke: [ARGUMENT]` of the binary to arguments with which it succeeds{wanted}, or `smoke: false`")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It starts and says its version.
    Holds,
    /// It starts, but how it prints its version is not configured.
    Doubt,
    /// It does not start, is another version, or does not do what is written.
    Fails,
}

struct First<'r, 'l, 's> {
    runner: &'r Runner,
    log: &'r mut Log<'l>,
    path: &'s Path,
    name: &'s str,
    smoke: &'s SmokeCheck,
}

impl First<'_, '_, '_> {
    /// What it proves, and in words what it did; none if it is not to be started.
    fn run(&mut self) -> anyhow::Result<Option<(End, String)>> {
        let (args, assumed) = match self.smoke.programs.get(self.name) {
            Some(None) => return Ok(None),
            Some(Some(args)) => (args, false),
            None => (&self.smoke.args, self.smoke.assumed),
        };
        let (end, seen) = self.with(args, assumed)?;
        // cargo starts its subcommands with their own name: `cargo x --version` is `cargo-x x --version`.
        let Some(subcommand) = self.stem().strip_prefix("cargo-").filter(|_| assumed && end == End::Doubt) else {
            return Ok(Some((end, seen)));
        };
        let args: Vec<String> = std::iter::once(subcommand.to_owned()).chain(args.iter().cloned()).collect();
        let (second, saw) = self.with(&args, assumed)?;
        Ok(Some(if second == End::Doubt { (end, seen) } else { (second, saw) }))
    }

    fn stem(&self) -> &str {
        self.name.strip_suffix(".exe").unwrap_or(self.name)
    }

    fn with(&mut self, args: &[String], assumed: bool) -> anyhow::Result<(End, String)> {
        let empty = tempfile::tempdir().context("cannot make an empty folder")?;
        let path = resolve(self.path)?;
        let program = path.to_str().context("the path of the executable is not UTF-8")?;
        let cmd = Cmd::new(program, empty.path()).args(args.iter().cloned()).timeout(LIMIT);
        self.log.tell(format_args!("$ {cmd}"));
        let mut said = Vec::new();
        let ended = self.runner.stream(&cmd, &mut |_, bytes| {
            let room = LONGEST_OUTPUT - said.len();
            said.extend_from_slice(&bytes[..bytes.len().min(room)]);
        });
        let said = self.runner.redact(&String::from_utf8_lossy(&said));
        for line in said.lines() {
            self.log.tell(line);
        }
        let (end, seen) = match ended {
            Err(error) => (End::Fails, format!("cannot be started: {error:#}")),
            Ok((status, timed_out)) => self.judge(status, timed_out, &said, assumed),
        };
        Ok((
            end,
            format!(
                "`{}` {seen}",
                shell_words::join(std::iter::once(self.name).chain(args.iter().map(String::as_str)))
            ),
        ))
    }

    fn judge(&self, status: ExitStatus, timed_out: bool, said: &str, assumed: bool) -> (End, String) {
        let doubt = if assumed { End::Doubt } else { End::Fails };
        if timed_out {
            return (doubt, format!("did not finish within {} s; it {}", LIMIT.as_secs(), printed(said)));
        }
        if !status.success() {
            let end = if could_not_run(status, said) { End::Fails } else { doubt };
            return (end, format!("failed with {}; it {}", described(status), printed(said)));
        }
        match &self.smoke.contains {
            Some(text) if !said.contains(text) => {
                let end = if version_in(said, self.stem()).is_some() { End::Fails } else { doubt };
                (end, format!("does not print `{text}`; it {}", printed(said)))
            }
            _ => (End::Holds, printed(said)),
        }
    }
}

/// What loaders of Linux (glibc, musl) and macOS say of a program that they cannot start.
const LOADERS: [&str; 6] = [
    "error while loading shared libraries",
    "' not found (required by ",
    "symbol lookup error",
    "Error loading shared library",
    "Error relocating ",
    "Library not loaded",
];

/// Whether a program ended because it cannot run here, and not because it did not like its arguments. One that gives up
/// by itself (a panic that aborts) started.
fn could_not_run(status: ExitStatus, said: &str) -> bool {
    const ABORTED: i32 = 6;
    // STATUS_STACK_BUFFER_OVERRUN, which is how a Rust program aborts on Windows; other such codes are its loader's.
    const FAILED_FAST: i32 = 0xC000_0409_u32.cast_signed();
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    signal.is_some_and(|signal: i32| signal != ABORTED)
        || status.code().is_some_and(|code| code < 0 && code != FAILED_FAST)
        || LOADERS.iter().any(|text| said.contains(text))
}

/// The version that a program says it is, in its first line: `quay 1.2.2`, `quay version v1.2.2 (abc)`, `1.2.2`.
fn version_in(said: &str, program: &str) -> Option<Version> {
    let line = said.lines().find(|line| !line.trim().is_empty())?;
    let named = program.strip_prefix("cargo-").unwrap_or(program);
    let is_name = |word: &&str| {
        let word = word.trim_end_matches([':', ',']);
        [program, named, "version", "cargo"].iter().any(|name| word.eq_ignore_ascii_case(name))
    };
    let word = line.split_whitespace().find(|word| !is_name(word))?;
    word.trim_start_matches('v').trim_end_matches([',', ';', ':']).parse().ok()
}

fn printed(said: &str) -> String {
    let mut lines = said.lines().filter(|line| !line.trim().is_empty());
    match (lines.next(), lines.count()) {
        (None, _) => "printed nothing".into(),
        (Some(line), 0) => format!("printed `{}`", cut(line)),
        (Some(line), more) => format!("printed `{}` and {more} more lines", cut(line)),
    }
}

fn cut(line: &str) -> String {
    line.trim().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_says_another_version_is_told_from_one_that_says_none() {
        let check = |said: &str, expected: Option<&str>| {
            let found = version_in(said, "cargo-quay").map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{said}");
        };
        check("\nquay 1.2.2\nmore", Some("1.2.2"));
        check("cargo-quay version v1.2.2-rc.1, of today", Some("1.2.2-rc.1"));
        check("Quay: 1.2.2", Some("1.2.2"));
        check("1.2.2", Some("1.2.2"));
        check("cargo quay 1.2.2", Some("1.2.2"));
        check("", None);
        check("usage: quay FILE", None);
        check("listening on 127.0.0.1:80", None);
        check("rustc 1.2.2 is needed", None);
    }
}
