//! What people see while work goes on: lines, progress and warnings on standard error; plain when it is no terminal.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::secret::Secret;

/// Writes to standard error. Standard output belongs to results (see `cli::output`).
#[derive(Clone)]
pub struct Printer {
    level: Level,
    color: bool,
    kind: Kind,
    bars: MultiProgress,
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
        Self { level, color, kind, bars: MultiProgress::new() }
    }

    /// One that says nothing, for tests.
    pub fn silent() -> Self {
        Self { level: Level::Quiet, color: false, kind: Kind::Plain, bars: MultiProgress::new() }
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
        if self.kind == Kind::Actions {
            self.line(&format!("::warning::{}", super::actions::escape(&text.to_string())));
        } else {
            let word = self.paint(Style::new().bold().fg_color(Some(AnsiColor::Yellow.into())), "warning");
            self.line(&format!("{word}: {text}"));
        }
    }

    /// Tells the runner of a GitHub Actions job to hide a secret in its log; says nothing anywhere else.
    pub fn mask(&self, secret: &Secret) {
        if self.kind == Kind::Actions {
            self.line(&format!("::add-mask::{}", super::actions::escape(secret.expose())));
        }
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
            self.line(&format!("::group::{verb} {what}"));
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
            self.printer.line(&super::actions::harmless(line));
        } else {
            self.bar.set_message(line.to_owned());
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if self.grouped {
            self.printer.line("::endgroup::");
        }
    }
}
