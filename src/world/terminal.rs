//! What people see while work goes on: lines, progress and warnings on standard error; plain when it is no terminal.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::actions;
use crate::secret::Secret;

/// GitHub shows this many annotations of a kind for each step.
pub const ANNOTATIONS: usize = 10;

/// Shorter texts are no secrets, and hiding them would spoil the log.
const SHORTEST_SECRET: usize = 4;

/// Writes to standard error. Standard output belongs to results (see `cli::output`).
#[derive(Clone)]
pub struct Printer {
    level: Level,
    color: bool,
    kind: Kind,
    bars: MultiProgress,
    job: Arc<Mutex<Job>>,
}

/// What the runner of a job was told.
#[derive(Default)]
struct Job {
    /// While it takes no commands: the word that ends this.
    stopped: Option<String>,
    warnings: usize,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `-q`: warnings and errors.
    Quiet,
    /// What happens.
    Normal,
    /// `-v`: also the output of tools.
    Verbose,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person at a terminal.
    Terminal,
    /// A file or pipe.
    Plain,
    /// The log of a GitHub Actions job: groups and annotations.
    Actions,
}

/// A piece of work that is shown while it goes on.
pub struct Progress<'a> {
    printer: &'a Printer,
    bar: ProgressBar,
    grouped: bool,
}

impl Printer {
    /// For standard error as it is. `color` is the `--color` choice, already decided.
    pub fn new(level: Level, color: bool, actions: bool) -> Self {
        let kind = if actions {
            Kind::Actions
        } else if std::io::stderr().is_terminal() {
            Kind::Terminal
        } else {
            Kind::Plain
        };
        Self { level, color, kind, bars: MultiProgress::new(), job: Arc::default() }
    }

    /// One that says nothing, for tests.
    pub fn silent() -> Self {
        Self { level: Level::Quiet, color: false, kind: Kind::Plain, bars: MultiProgress::new(), job: Arc::default() }
    }

    /// Whether text may be coloured.
    pub fn color(&self) -> bool {
        self.color
    }

    /// Who reads.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the output of tools is shown as it comes.
    pub fn verbose(&self) -> bool {
        self.level == Level::Verbose
    }

    /// A line about what happens: a verb and what it happens to.
    pub fn step(&self, verb: &str, what: impl Display) {
        if self.level > Level::Quiet {
            let verb = self.paint(Style::new().bold().fg_color(Some(AnsiColor::Green.into())), &format!("{verb:>12}"));
            self.line(&format!("{verb} {what}"));
        }
    }

    /// A warning.
    pub fn warn(&self, text: impl Display) {
        let text = text.to_string();
        if self.kind == Kind::Actions && self.counts_as_annotation() {
            return self.command("warning", &text);
        }
        let word = self.paint(Style::new().bold().fg_color(Some(AnsiColor::Yellow.into())), "warning");
        self.foreign(&format!("{word}: {text}"));
    }

    fn counts_as_annotation(&self) -> bool {
        let mut job = self.job();
        job.warnings += 1;
        job.warnings <= ANNOTATIONS
    }

    /// Tells the runner of a GitHub Actions job to hide a secret in its log, line by line as it reads; says nothing
    /// anywhere else.
    pub fn mask(&self, secret: &Secret) {
        let lines = secret.expose().lines().map(str::trim).filter(|line| line.len() >= SHORTEST_SECRET);
        if self.kind == Kind::Actions {
            lines.for_each(|line| self.command("add-mask", line));
        }
    }

    /// A workflow command of ours, such as `error file=x`, with its text.
    pub fn command(&self, command: &str, text: &str) {
        let mut job = self.job();
        self.let_on(&mut job);
        self.line(&format!("::{command}::{}", actions::escape(text)));
    }

    /// Text that others had a hand in, such as a tool's output: in a job no command in it is obeyed.
    pub fn foreign(&self, text: &str) {
        if self.kind != Kind::Actions {
            return self.line(text);
        }
        let mut job = self.job();
        if job.stopped.is_none() {
            // A word for each time: whoever saw the last one cannot use it.
            let Ok(word) = actions::random() else { return self.line("(not shown: no random bytes)") };
            self.line(&format!("::stop-commands::{word}"));
            job.stopped = Some(word);
        }
        self.line(text);
    }

    /// Lets the runner of a job take commands again.
    pub fn resume(&self) {
        self.let_on(&mut self.job());
    }

    fn let_on(&self, job: &mut Job) {
        if let Some(word) = job.stopped.take() {
            self.line(&format!("::{word}::"));
        }
    }

    /// Held while lines are written whose order matters: other threads write, too.
    fn job(&self) -> MutexGuard<'_, Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A plain line, also when quiet.
    pub fn line(&self, text: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        });
    }

    /// A block of text, such as a table; nothing when quiet.
    pub fn block(&self, text: &str) {
        if self.level > Level::Quiet {
            self.line(text.trim_end());
        }
    }

    /// Text in a style, if colours are on.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Starts showing a piece of work: a spinner on a terminal, a group in a job's log, a line elsewhere.
    pub fn start(&self, verb: &str, what: impl Display) -> Progress<'_> {
        let grouped = self.kind == Kind::Actions && self.level > Level::Quiet;
        if grouped {
            self.command("group", &format!("{verb} {what}"));
        } else {
            self.step(verb, &what);
        }
        let bar = if self.kind == Kind::Terminal && self.level == Level::Normal {
            let bar = self.bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("             {spinner} {wide_msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        } else {
            ProgressBar::hidden()
        };
        Progress { printer: self, bar, grouped }
    }
}

impl Progress<'_> {
    /// A line of a tool's output, or news of a transfer.
    pub fn tell(&self, line: &str) {
        let line = line.trim_end();
        if self.grouped || self.printer.verbose() {
            self.printer.foreign(line);
        } else {
            self.bar.set_message(line.to_owned());
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if self.grouped {
            self.printer.command("endgroup", "");
        }
    }
}
