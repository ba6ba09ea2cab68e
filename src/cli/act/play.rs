//! Runs act for every workflow at the same time, and shows what its jobs do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::log::{Log, News};
use super::workflow::WorkflowFile;
use crate::problem::{Exit, Problem};
use crate::world::process::{Cmd, Runner};
use crate::world::terminal::Printer;

pub struct Played {
    pub log: Log,
    /// What is wrong; nothing of one that was cut short.
    pub problems: Vec<(Exit, Problem)>,
    /// Whether act did not end when it was interrupted.
    pub killed: bool,
}

pub struct Stop {
    /// act is interrupted.
    pub now: AtomicBool,
    pub by_user: AtomicBool,
    /// Whether the workflows wait for each other: then one that fails ends all.
    pub together: bool,
}

/// Runs the command of each workflow to its end.
///
/// # Errors
/// If one cannot be started.
pub fn play(
    printer: &Printer,
    runner: &Runner,
    commands: &[Cmd],
    workflows: &[WorkflowFile],
    stop: &Stop,
) -> anyhow::Result<Vec<Played>> {
    thread::scope(|scope| {
        let threads: Vec<_> = commands
            .iter()
            .zip(workflows)
            .map(|(cmd, workflow)| scope.spawn(move || one(printer, runner, cmd, workflow, stop)))
            .collect();
        let ended = threads.into_iter().map(|thread| match thread.join() {
            Ok(played) => played,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        // All are waited for, whatever becomes of one.
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}

fn one(printer: &Printer, runner: &Runner, cmd: &Cmd, workflow: &WorkflowFile, stop: &Stop) -> anyhow::Result<Played> {
    let file = workflow.file();
    printer.step("Playing", format!("{file} in act"));
    let mut log = Log::default();
    let ended = runner.stream_until(cmd, &stop.now, &mut |_, bytes| {
        for news in log.take(&String::from_utf8_lossy(bytes)) {
            show(printer, file, &news);
        }
    });
    let problems = match &ended {
        _ if stop.now.load(Ordering::SeqCst) => Vec::new(),
        Ok(status) => {
            let words = status.code().map_or_else(|| status.to_string(), |code| code.to_string());
            log.problems(workflow, &words, status.success())
        }
        Err(_) => Vec::new(),
    };
    if stop.together && (ended.is_err() || !problems.is_empty()) {
        stop.now.store(true, Ordering::SeqCst);
    }
    // act catches what interrupts it: one that ended by a signal did not, or was not given the time.
    let killed = ended?.code().is_none();
    Ok(Played { log, problems, killed })
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
                printer.foreign(&format!("{file}: {job} | {line}"));
            }
        }
        News::Said(..) => {}
    }
}
