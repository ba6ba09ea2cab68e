//! Runs what was built, to see that it starts and says the version that was planned.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::log::Log;
use crate::artifact::{CheckResult, Subject};
use crate::digest::Digest;
use crate::plan::{CheckWork, Plan, Step, Work};
use crate::world::path::resolve;
use crate::world::process::{Cmd, Runner, described};
use crate::world::store::Store;

/// How long one executable may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How much of its output is looked at; the rest is thrown away.
const LONGEST_OUTPUT: usize = 1 << 20;

/// Runs each executable of a check's subject in an empty folder. A check that does not hold is a result, no error.
///
/// # Errors
/// If the subject is not in the plan or not in the store.
pub fn run(runner: &Runner, log: &mut Log<'_>, store: &Store, plan: &Plan, step: &Step) -> anyhow::Result<CheckResult> {
    let Work::Check(work) = &step.work else { bail!("`{}` is no check", step.id) };
    let subject = plan.step(&work.subject).with_context(|| format!("the plan has no step `{}`", work.subject))?;
    let mut result = CheckResult { passed: true, ..CheckResult::default() };
    let mut details = Vec::new();
    for output in &subject.outputs {
        let path = store.file(&subject.id, &output.name);
        let file = File::open(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let (sha256, _) = Digest::of_reader(file)?;
        let subject = Subject { step: subject.id.clone(), name: output.name.clone(), sha256 };
        let command = shell_words::join(std::iter::once(&output.name).chain(&work.smoke));
        let (passed, seen) = smoke(runner, log, &path, work)?;
        result.passed &= passed;
        result.subjects.push(subject);
        details.push(format!("`{command}` {seen}"));
    }
    result.detail = details.join("; ");
    Ok(result)
}

/// Runs one executable; whether it held, and in words what it did.
fn smoke(runner: &Runner, log: &mut Log<'_>, path: &Path, work: &CheckWork) -> anyhow::Result<(bool, String)> {
    let empty = tempfile::tempdir().context("cannot make an empty folder")?;
    let path = resolve(path)?;
    let program = path.to_str().context("the path of the executable is not UTF-8")?;
    let cmd = Cmd::new(program, empty.path()).args(work.smoke.iter().cloned()).timeout(LIMIT);
    log.tell(format_args!("$ {cmd}"));
    let mut said = Vec::new();
    let ended = runner.stream(&cmd, &mut |_, bytes| {
        let room = LONGEST_OUTPUT - said.len();
        said.extend_from_slice(&bytes[..bytes.len().min(room)]);
    });
    let said = runner.redact(&String::from_utf8_lossy(&said));
    for line in said.lines() {
        log.tell(line);
    }
    let (status, timed_out) = match ended {
        Ok(ended) => ended,
        Err(error) => return Ok((false, format!("cannot be started: {error:#}"))),
    };
    if timed_out {
        return Ok((false, format!("did not end within {} s; {}", LIMIT.as_secs(), printed(&said))));
    }
    if !status.success() {
        return Ok((false, format!("ended with {}; {}", described(status), printed(&said))));
    }
    Ok(match &work.contains {
        Some(text) if !said.contains(text) => (false, format!("does not say `{text}`; {}", printed(&said))),
        _ => (true, printed(&said)),
    })
}

fn printed(said: &str) -> String {
    let mut lines = said.lines().filter(|line| !line.trim().is_empty());
    match (lines.next(), lines.count()) {
        (None, _) => "it printed nothing".into(),
        (Some(line), 0) => format!("it printed `{}`", cut(line)),
        (Some(line), more) => format!("it printed `{}` and {more} more lines", cut(line)),
    }
}

fn cut(line: &str) -> String {
    line.trim().chars().take(200).collect()
}
