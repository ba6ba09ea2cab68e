//! What people see while work goes on: lines, progress and warnings on standard error; plain when it is not a terminal.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::env::Env;
use super::{actions, mask};
use crate::secret::Secret;
use crate::shown;

/// GitHub shows this many annotations of a kind for each step.
pub const ANNOTATIONS: usize = 10;

/// Reports progress: on standard error, or in a log. Standard output belongs to results (see `cli::output`).
#[derive(Clone)]
pub struct Printer {
    level: Level,
    colors: Colors,
    kind: Kind,
    sink: Sink,
    bars: MultiProgress,
    ci_log: Arc<Mutex<CiLog>>,
    /// Warnings of steps, each said once.
    said: Arc<Mutex<BTreeSet<String>>>,
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Printer")
    }
}

#[derive(Clone)]
enum Sink {
    Stderr,
    Log(Arc<Mutex<dyn Write + Send>>),
}

/// What the runner of a job was told.
#[derive(Default)]
struct CiLog {
    /// While it takes no commands: the word that ends this.
    stopped: Option<String>,
    warnings: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colors {
    pub out: bool,
    pub err: bool,
}

impl Colors {
    pub const ALL: Self = Self { out: true, err: true };
    pub const NONE: Self = Self { out: false, err: false };

    /// Each stream that is a terminal: one may be, and the other a pipe or file.
    pub fn of_terminals(env: &Env) -> Self {
        Self::of(env, io::stdout().is_terminal(), io::stderr().is_terminal())
    }

    fn of(env: &Env, out: bool, err: bool) -> Self {
        // <https://no-color.org>
        let allowed = env.get("NO_COLOR").is_none() && env.get("TERM") != Some("dumb");
        Self { out: out && allowed, err: err && allowed }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `-q`: warnings and errors.
    Quiet,
    Normal,
    /// `-v`: also the output of tools.
    Verbose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Terminal,
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
    pub fn new(level: Level, colors: Colors, actions: bool) -> Self {
        let kind = if actions {
            Kind::Actions
        } else if io::stderr().is_terminal() {
            Kind::Terminal
        } else {
            Kind::Plain
        };
        Self {
            level,
            colors,
            kind,
            sink: Sink::Stderr,
            bars: MultiProgress::new(),
            ci_log: Arc::default(),
            said: Arc::default(),
        }
    }

    /// For a log: one line after the other, without colours.
    pub fn to(log: impl Write + Send + 'static, level: Level) -> Self {
        Self { sink: Sink::Log(Arc::new(Mutex::new(log))), level, ..Self::silent() }
    }

    pub fn silent() -> Self {
        Self {
            level: Level::Quiet,
            colors: Colors::NONE,
            kind: Kind::Plain,
            sink: Sink::Stderr,
            bars: MultiProgress::new(),
            ci_log: Arc::default(),
            said: Arc::default(),
        }
    }

    pub fn color(&self) -> bool {
        self.colors.err
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Columns of a result on standard output, or of what is shown on standard error, if that is a terminal.
    pub fn width(&self, stream: Stream) -> Option<usize> {
        if self.kind == Kind::Actions {
            return None;
        }
        let size = match stream {
            Stream::Out => terminal_size::terminal_size_of(io::stdout()),
            Stream::Err => terminal_size::terminal_size_of(io::stderr()),
        };
        size.map(|(width, _)| usize::from(width.0))
    }

    /// Whether the output of tools is shown as it comes.
    pub fn verbose(&self) -> bool {
        self.level == Level::Verbose
    }

    /// A line about what happens: a verb and what it happens to.
    pub fn step(&self, verb: &str, what: impl Display) {
        if self.level > Level::Quiet {
            let verb =
                self.paint_here(Style::new().bold().fg_color(Some(AnsiColor::Green.into())), &format!("{verb:>12}"));
            self.line(&format!("{verb} {}", shown::one_line(&what.to_string())));
        }
    }

    pub fn warn(&self, text: impl Display) {
        let text = shown::lines(&text.to_string());
        if self.kind == Kind::Actions && self.counts_as_annotation() {
            return self.command("warning", &text);
        }
        let word = self.paint_here(Style::new().bold().fg_color(Some(AnsiColor::Yellow.into())), "warning");
        self.foreign(&format!("{word}: {text}"));
    }

    /// A warning about a step, once for all steps that it is true of.
    pub fn warn_of(&self, step: &str, text: &str) {
        let is_new = self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned());
        if is_new {
            self.warn(format_args!("`{step}`: {text}"));
        }
    }

    fn counts_as_annotation(&self) -> bool {
        let mut log = self.ci_log();
        log.warnings += 1;
        log.warnings <= ANNOTATIONS
    }

    /// Hides a secret from now on, and tells the runner of a GitHub Actions job to do the same in its log, line by line as
    /// it reads.
    pub fn mask(&self, secret: &Secret) {
        mask::learn(secret);
        let lines = secret.expose().lines().map(str::trim).filter(|line| line.len() >= mask::SHORTEST);
        if self.kind == Kind::Actions && !secret.opens_nothing() {
            let mut log = self.ci_log();
            self.let_on(&mut log);
            lines.for_each(|line| self.write(&format!("::add-mask::{}", actions::escape(line))));
        }
    }

    /// A workflow command of ours, such as `error file=x`, with its text, in which others may have had a hand.
    pub fn command(&self, command: &str, text: &str) {
        let mut log = self.ci_log();
        self.let_on(&mut log);
        self.line(&actions::command(command, text));
    }

    /// Text that others had a hand in, such as a tool's output: in a job no command in it is obeyed.
    pub fn foreign(&self, text: &str) {
        let text = &shown::coloured(text);
        if self.kind != Kind::Actions {
            return self.line(text);
        }
        let mut log = self.ci_log();
        if log.stopped.is_none() {
            // A new word each time: the last one cannot be reused.
            let Ok(word) = actions::random() else { return self.line("(not shown: no random bytes)") };
            self.line(&format!("::stop-commands::{word}"));
            log.stopped = Some(word);
        }
        self.line(text);
    }

    /// Lets the runner of a job take commands again.
    pub fn resume(&self) {
        self.let_on(&mut self.ci_log());
    }

    fn let_on(&self, log: &mut CiLog) {
        if let Some(word) = log.stopped.take() {
            self.line(&format!("::{word}::"));
        }
    }

    /// Held while lines are written whose order matters: other threads write, too.
    fn ci_log(&self) -> MutexGuard<'_, CiLog> {
        self.ci_log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A plain line of ours, also when quiet.
    fn line(&self, text: &str) {
        self.write(&mask::hide(text));
    }

    fn write(&self, text: &str) {
        if let Sink::Log(log) = &self.sink {
            let _ = writeln!(log.lock().unwrap_or_else(PoisonError::into_inner), "{}", strip_str(text));
            return;
        }
        self.bars.suspend(|| {
            // Tells a console of Windows to take escape sequences. What tools write stays as it is.
            let choice = if self.colors.err { ColorChoice::Always } else { ColorChoice::AlwaysAnsi };
            let _ = writeln!(AutoStream::new(io::stderr().lock(), choice), "{text}");
        });
    }

    /// A block of text, such as a table; nothing when quiet.
    pub fn block(&self, text: &str) {
        if self.level > Level::Quiet {
            self.line(&stripped(text.trim_end(), self.colors.err));
        }
    }

    /// Text in a style. It loses that again on a stream without colours: see `block` and `write_result`.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.colors == Colors::NONE { text.to_owned() } else { format!("{style}{text}{style:#}") }
    }

    fn paint_here(&self, style: Style, text: &str) -> String {
        if self.colors.err { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Writes a result to standard output, in our colours and with nothing in it that steers. A reader that went away is
    /// no error of ours.
    ///
    /// # Errors
    /// What the system says, for example of a full disk.
    pub fn write_result(&self, text: &str) -> io::Result<()> {
        self.write_value(&stripped(&shown::coloured(text), self.colors.out))
    }

    /// The same for JSON and what else machines read.
    ///
    /// # Errors
    /// As `write_result`.
    pub fn write_value(&self, text: &str) -> io::Result<()> {
        let text = mask::hide(text);
        let text = if self.kind == Kind::Actions { shown::in_job(&text) } else { text.into_owned() };
        let out = io::stdout().lock();
        let mut out = AutoStream::new(out, if self.colors.out { ColorChoice::Always } else { ColorChoice::AlwaysAnsi });
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
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

/// Our own text without its styles, where a stream takes none.
fn stripped(text: &str, colors: bool) -> Cow<'_, str> {
    if colors { Cow::Borrowed(text) } else { Cow::Owned(strip_str(text).to_string()) }
}

impl Progress<'_> {
    /// A line of a tool's output, or news of a transfer.
    pub fn tell(&self, line: &str) {
        let line = line.trim_end();
        if self.grouped || self.printer.verbose() {
            self.printer.foreign(line);
        } else {
            self.bar.set_message(shown::one_line(&mask::hide(&strip_str(line).to_string())));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_is_asked_for_itself() {
        let of = |vars: &[(&str, &str)], out, err| {
            let colors = Colors::of(&Env::of(vars.iter().copied()), out, err);
            (colors.out, colors.err)
        };
        for (out, err) in [(false, true), (true, false), (true, true), (false, false)] {
            assert_eq!(of(&[("TERM", "xterm")], out, err), (out, err));
        }
        assert_eq!(of(&[("NO_COLOR", "1")], true, true), (false, false));
        assert_eq!(of(&[("TERM", "dumb")], true, true), (false, false));
        assert_eq!(of(&[("NO_COLOR", "")], true, true), (true, true));
    }

    #[test]
    fn a_log_gets_what_a_terminal_would() {
        #[derive(Clone, Default)]
        struct Log(Arc<Mutex<Vec<u8>>>);
        impl Write for Log {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = Log::default();
        let printer = Printer::to(log.clone(), Level::Normal);
        printer.step("Packing", "tide");
        printer.warn("low water");
        printer.start("Compiling", "skiff").tell("not shown");
        printer.foreign("\u{1b}[1mbold\u{1b}[0m");
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "     Packing tide\nwarning: low water\n   Compiling skiff\nbold\n");
    }

    #[test]
    fn styles_go_only_where_they_are_taken() {
        let printer = |colors| Printer { colors, ..Printer::silent() };
        let bold = |colors| printer(colors).paint(Style::new().bold(), "tide");
        assert_eq!(bold(Colors::NONE), "tide");
        // One text may go to either stream.
        for colors in [Colors::ALL, Colors { out: true, err: false }, Colors { out: false, err: true }] {
            assert_eq!(bold(colors), "\u{1b}[1mtide\u{1b}[0m");
        }
        assert_eq!(stripped(&bold(Colors::ALL), false), "tide");
        assert_eq!(stripped(&bold(Colors::ALL), true), bold(Colors::ALL));
        let here = |colors| printer(colors).paint_here(Style::new().bold(), "tide");
        assert_eq!(here(Colors { out: true, err: false }), "tide");
    }
}
