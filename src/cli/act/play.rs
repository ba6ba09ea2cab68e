//! Runs act for every workflow at the same time, and shows what its jobs do.

use std::sync::atomic::AtomicBool;
use std::thread;

use super::log::{Log, News};
use super::workflow::Workflow;
use crate::problem::{Exit, Problem};
use crate::world::process::{Cmd, Runner};
use crate::world::terminal::Printer;

/// What became of a workflow.
pub struct Played {
    /// Everything act said of it.
    pub log: Log,
    /// How act ended, in words, and whether that is well.
    status: String,
    success: bool,
}

impl Played {
    /// What is wrong.
    pub fn problems(&self, workflow: &Workflow) -> Vec<(Exit, Problem)> {
        self.log.problems(workflow, &self.status, self.success)
    }
}

/// Runs the command of each workflow to its end.
///
/// # Errors
/// If one cannot be started.
pub fn play(
    printer: &Printer,
    runner: &Runner,
    commands: &[Cmd],
    workflows: &[Workflow],
    stop: &AtomicBool,
) -> anyhow::Result<Vec<Played>> {
    thread::scope(|scope| {
        let threads: Vec<_> = commands
            .iter()
            .zip(workflows)
            .map(|(cmd, workflow)| scope.spawn(move || one(printer, runner, cmd, workflow.file(), stop)))
            .collect();
        let ended = threads.into_iter().map(|thread| match thread.join() {
            Ok(played) => played,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        // All are waited for, whatever becomes of one.
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}

fn one(printer: &Printer, runner: &Runner, cmd: &Cmd, file: &str, stop: &AtomicBool) -> anyhow::Result<Played> {
    printer.step("Playing", format!("{file} in act"));
    let mut log = Log::default();
    let status = runner.stream_until(cmd, stop, &mut |_, bytes| {
        for news in log.take(&String::from_utf8_lossy(bytes)) {
            show(printer, file, &news);
        }
    })?;
    let words = status.code().map_or_else(|| status.to_string(), |code| code.to_string());
    Ok(Played { log, status: words, success: status.success() })
}

/// Each line begins with its workflow: several run at once.
fn show(printer: &Printer, file: &str, news: &News) {
    match news {
        News::Began(job) => printer.step("Running", format!("{file}: {job}")),
        News::Ended(job, result, took) => {
            let verb = if result == "success" { "Finished" } else { "Failed" };
            printer.step(verb, format!("{file}: {job} after {:.1} s", took.as_secs_f64()));
        }
        News::Said(job, text) if printer.verbose() => {
            for line in text.lines() {
                printer.line(&format!("{file}: {job} | {line}"));
            }
        }
        News::Said(..) => {}
    }
}
