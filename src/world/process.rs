//! Starting programs: a command is a value, one runner starts it.

use std::io::{Error, ErrorKind};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio_util::sync::CancellationToken;

use super::busy;
use super::env::Env;
use super::interrupt::{self, Running};
use super::search::Search;

mod cmd;
mod ended;
mod pipes;

pub use cmd::Cmd;
pub use ended::described;
pub use pipes::Stream;

use pipes::{LONGEST_LINE, feed};

#[derive(Clone, Debug)]
pub struct Finished {
    pub status: ExitStatus,
    /// Whether we ended it because its time was over.
    pub timed_out: bool,
    /// Everything it wrote, lossily decoded.
    pub stdout: String,
    pub stderr: String,
}

#[derive(Clone)]
pub struct Runner {
    env: Env,
    hidden: Env,
    stop: CancellationToken,
}

/// How many pieces wait to be taken.
const PIECES: usize = 32;
/// More than a program that has ended can have left to be read: what waits, what is being handed over, and its pipes.
const BACKLOG: usize = (PIECES + 2) * LONGEST_LINE + (2 << 20);

/// How much a program may say where all of it is kept; the lists of git and cargo have a few megabytes.
const LARGEST_OUTPUT: usize = 64 << 20;

/// How often it is looked whether a program is to be interrupted.
const GLANCE: Duration = Duration::from_millis(100);
/// How long one that was interrupted may take to end its own children.
pub const GRACE: Duration = Duration::from_secs(10);
/// How long what a program left running is waited for after it has ended.
const LINGER: Duration = Duration::from_secs(5);

/// How often a program that is "busy" is tried again, 10 ms apart: another thread's child may still hold a copy of the
/// descriptor through which it was written (<https://github.com/golang/go/issues/22315>).
const BUSY_TRIES: u32 = 50;

/// What is between a program and us.
#[derive(Clone, Copy, Default)]
struct How<'a> {
    /// It leads a group of its own, which is told when we are, and ends with it.
    apart: bool,
    /// Whether it is to be interrupted.
    stop: Option<&'a AtomicBool>,
    /// It is started even if we were told to end.
    last: bool,
    /// Its output is handed over line by line.
    lines: bool,
}

impl Runner {
    /// A runner whose children get exactly this environment (see `Env::for_children`).
    pub fn new(env: Env) -> Self {
        Self { env, hidden: Env::default(), stop: CancellationToken::new() }
    }

    /// The same, knowing what is kept from its children (see `Env::hidden_from_children`), for `passing` and `redact`.
    #[must_use]
    pub fn hiding(mut self, hidden: Env) -> Self {
        self.hidden = hidden;
        self
    }

    /// The same until it is stopped: then children and what they started are told to end, and none is started.
    #[must_use]
    pub fn until(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }

    /// Whether nothing more is started.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled() || interrupt::told().is_some()
    }

    /// The same, with one more variable for its children.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.set(name, value);
        self
    }

    /// The same, with a folder searched for programs before all others.
    #[must_use]
    pub fn with_path(self, folder: &Path) -> Self {
        let old = self.env.get("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(old));
        match std::env::join_paths(folders).map(|path| path.to_str().map(ToOwned::to_owned)) {
            Ok(Some(path)) => self.with("PATH", path),
            _ => self,
        }
    }

    /// The same, whose children also get the hidden variables that match one of these globs (`pass-env`).
    #[must_use]
    pub fn passing(mut self, globs: &[String]) -> Self {
        self.env = self.env.and(&self.hidden.matching(globs));
        self
    }

    /// A variable that its children get.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.value(name)
    }

    /// All variables that are kept from its children.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.hidden.iter()
    }

    /// All variables that its children get.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env.iter()
    }

    /// Text with every hidden value in it replaced by `***`: a tool that was handed one may print it.
    pub fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for (_, value) in self.hidden.iter().filter(|(_, value)| value.len() >= 8) {
            if clean.contains(value) {
                clean = clean.replace(value, "***");
            }
        }
        clean
    }

    /// Where a program lies on the children's `PATH`.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        Search::of(&self.env).find(program)
    }

    /// What is started for a command. Windows itself would add no ending but `.exe`, and look for paths elsewhere; Unix would
    /// copy this process to let the copy look for a name, and starts a path without one (`posix_spawn`).
    fn program(cmd: &Cmd, env: &Env) -> PathBuf {
        let search = Search::of(env);
        let found = match cmd.program.contains(['/', '\\']) {
            true if cfg!(windows) => search.beside(&cmd.dir, &cmd.program),
            true => None,
            false => search.started(&cmd.program),
        };
        found.unwrap_or_else(|| PathBuf::from(&cmd.program))
    }

    /// Runs it to its end and returns all it wrote.
    ///
    /// # Errors
    /// If it cannot be started, or says too much: then it is ended.
    pub fn output(&self, cmd: &Cmd) -> anyhow::Result<Finished> {
        self.finish(cmd, How::default(), cmd.most.unwrap_or(LARGEST_OUTPUT))
    }

    /// The same for a foreign program, which may print endlessly: no more than so many bytes of each stream are kept.
    /// It and what it starts end when this process is told to.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn output_within(&self, cmd: &Cmd, most: usize) -> anyhow::Result<Finished> {
        self.finish(cmd, How { apart: true, ..How::default() }, most)
    }

    /// The same for one that puts away what others left: it is also started after this process was told to end.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn tidy(&self, cmd: &Cmd, most: usize) -> anyhow::Result<Finished> {
        self.finish(cmd, How { apart: true, last: true, ..How::default() }, most)
    }

    /// The same with the very bytes of its standard output; anything but success is an error with its output.
    ///
    /// # Errors
    /// If it cannot be started, fails, or says too much.
    pub fn bytes(&self, cmd: &Cmd) -> anyhow::Result<Vec<u8>> {
        let (finished, stdout) = self.collect(cmd, How::default(), cmd.most.unwrap_or(LARGEST_OUTPUT))?;
        succeeded(cmd, &finished).map(|()| stdout)
    }

    fn finish(&self, cmd: &Cmd, how: How<'_>, most: usize) -> anyhow::Result<Finished> {
        let (finished, stdout) = self.collect(cmd, how, most)?;
        Ok(Finished { stdout: text(stdout), ..finished })
    }

    /// How it ended, and the bytes of its standard output. Too much output of a foreign program (`apart`) is dropped without
    /// an error.
    fn collect(&self, cmd: &Cmd, how: How<'_>, most: usize) -> anyhow::Result<(Finished, Vec<u8>)> {
        let is_cut = how.apart;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut whole = true;
        let (status, timed_out) = self.run(cmd, how, &mut |stream, chunk| {
            let kept = match stream {
                Stream::Out => &mut stdout,
                Stream::Err => &mut stderr,
            };
            let room = most.saturating_sub(kept.len());
            kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
            whole = whole && chunk.len() <= room;
            if whole || is_cut { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        ensure!(whole || is_cut, "`{}` printed more than {} KiB and was killed", cmd.program, most >> 10);
        Ok((Finished { status, timed_out, stdout: String::new(), stderr: text(stderr) }, stdout))
    }

    /// Runs it and returns its standard output; anything but success is an error with its output.
    ///
    /// # Errors
    /// If it cannot be started or fails.
    pub fn text(&self, cmd: &Cmd) -> anyhow::Result<String> {
        let finished = self.output(cmd)?;
        succeeded(cmd, &finished).map(|()| finished.stdout)
    }

    /// Runs it and hands over each line (with its ending) as it comes; a very long one comes in pieces.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn stream(&self, cmd: &Cmd, line: &mut dyn FnMut(Stream, &[u8])) -> anyhow::Result<(ExitStatus, bool)> {
        self.run(cmd, How { apart: true, lines: true, ..How::default() }, &mut |stream, chunk| {
            line(stream, chunk);
            ControlFlow::Continue(())
        })
    }

    /// The same for a program that ends its own children when it is interrupted, which it is as soon as `stop` says so.
    /// It is out of reach of the terminal's Ctrl-C, so that it hears of it once.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn stream_until(
        &self,
        cmd: &Cmd,
        stop: &AtomicBool,
        line: &mut dyn FnMut(Stream, &[u8]),
    ) -> anyhow::Result<ExitStatus> {
        let how = How { apart: true, stop: Some(stop), lines: true, ..How::default() };
        let done = self.run(cmd, how, &mut |stream, chunk| {
            line(stream, chunk);
            ControlFlow::Continue(())
        });
        Ok(done?.0)
    }

    fn run(
        &self,
        cmd: &Cmd,
        how: How<'_>,
        take: &mut dyn FnMut(Stream, &[u8]) -> ControlFlow<()>,
    ) -> anyhow::Result<(ExitStatus, bool)> {
        let mut child = self.start(cmd, how)?;
        let _running = Running::new(child.id(), how.apart);
        if let Some(pipe) = child.stdin.take() {
            feed(pipe, &cmd.input);
        }
        let (sender, lines) = mpsc::sync_channel(PIECES);
        let pieces = if how.lines { pipes::lines } else { pipes::blocks };
        let readers = [
            child.stdout.take().map(|pipe| pieces(Box::new(pipe), Stream::Out, sender.clone())),
            child.stderr.take().map(|pipe| pieces(Box::new(pipe), Stream::Err, sender)),
        ];
        let mut watch = Watch::new(self, child, how, cmd.timeout);
        let over = watch.listen(&lines, take)?;
        if over == Over::Closed {
            for reader in readers.into_iter().flatten() {
                let _ = reader.join();
            }
        } else {
            // Another process may hold the pipes open: then the readers are not waited for.
            end_all(&mut watch.child, how.apart).with_context(|| format!("cannot kill `{cmd}`"))?;
        }
        if over == Over::Left {
            let text = format!("`{}` left a process running that held its output\n", cmd.program);
            let _ = take(Stream::Err, text.as_bytes());
        }
        let status = wait(&mut watch.child, watch.end)?;
        ensure!(how.last || !self.stop.is_cancelled(), "interrupted: `{}` was stopped", cmd.program);
        Ok((status, over == Over::TimedOut))
    }

    /// What Ctrl-C does, for one program.
    fn interrupt(&self, child: &mut Child) -> anyhow::Result<()> {
        if cfg!(unix) {
            let pid = child.id().to_string();
            // One that has ended by now cannot be interrupted any more.
            self.output(&Cmd::new("kill", Path::new("/")).args(["-INT", &pid]))?;
            return Ok(());
        }
        Ok(child.kill()?)
    }

    fn start(&self, cmd: &Cmd, How { apart, last, .. }: How<'_>) -> anyhow::Result<Child> {
        ensure!(last || !self.is_stopped(), "interrupted: `{}` is not started", cmd.program);
        let env = self.env.clone().and(&cmd.env);
        #[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
        let mut command = Command::new(Self::program(cmd, &env));
        command
            .args(&cmd.args)
            .current_dir(&cmd.dir)
            .env_clear()
            .envs(env.iter())
            .stdin(if cmd.input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            command.arg0(&cmd.program);
            if apart {
                command.process_group(0);
            }
        }
        #[cfg(not(unix))]
        let _ = apart;
        let is_busy = |error: &Error| error.kind() == ErrorKind::ExecutableFileBusy || busy::is_busy(error);
        let mut tries = 0;
        loop {
            match command.spawn() {
                Err(error) if is_busy(&error) && tries < BUSY_TRIES => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(10));
                }
                result => return result.with_context(|| format!("cannot start `{}`", cmd.program)),
            }
        }
    }
}

/// Why a program is no longer listened to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Closed,
    TimedOut,
    /// It ended, but something that it started holds its output open.
    Left,
    /// Whoever listens has heard enough.
    Enough,
}

/// A program that runs.
struct Watch<'w> {
    runner: &'w Runner,
    child: Child,
    how: How<'w>,
    end: Option<Instant>,
    interrupted: bool,
    /// When it was last looked whether it has ended.
    looked: Instant,
    exited: bool,
    /// What came after its end, and how long nothing did.
    late: usize,
    idle: Duration,
}

impl<'w> Watch<'w> {
    fn new(runner: &'w Runner, child: Child, how: How<'w>, timeout: Option<Duration>) -> Self {
        let (now, idle) = (Instant::now(), Duration::ZERO);
        let end = timeout.map(|limit| now + limit);
        Self { runner, child, how, end, interrupted: false, looked: now, exited: false, late: 0, idle }
    }

    /// Hands on what it says until it is over.
    fn listen(
        &mut self,
        lines: &mpsc::Receiver<(Stream, Vec<u8>)>,
        take: &mut dyn FnMut(Stream, &[u8]) -> ControlFlow<()>,
    ) -> anyhow::Result<Over> {
        loop {
            self.obey()?;
            let wait = self.end.map_or(GLANCE, |end| end.saturating_duration_since(Instant::now()).min(GLANCE));
            let waiting = Instant::now();
            let received = lines.recv_timeout(wait);
            if self.exited {
                self.idle += waiting.elapsed();
            }
            let mut enough = false;
            match received {
                Ok((stream, chunk)) => {
                    self.late += if self.exited { chunk.len() } else { 0 };
                    enough = take(stream, &chunk).is_break();
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(Over::Closed),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            if let Some(over) = self.over(enough)? {
                return Ok(over);
            }
        }
    }

    /// Tells it to end if we were told so; then it has a while for that.
    fn obey(&mut self) -> anyhow::Result<()> {
        let interrupt = self.how.stop.is_some_and(|stop| stop.load(Ordering::SeqCst));
        let stop = !self.how.last && self.runner.stop.is_cancelled();
        if self.interrupted || !interrupt && !stop {
            return Ok(());
        }
        self.interrupted = true;
        self.end = Some(Instant::now() + GRACE);
        if interrupt {
            return self.runner.interrupt(&mut self.child);
        }
        Ok(tell(&mut self.child, self.how.apart)?)
    }

    fn over(&mut self, enough: bool) -> anyhow::Result<Option<Over>> {
        let timed_out = self.end.is_some_and(|end| Instant::now() >= end);
        if self.looked.elapsed() >= GLANCE {
            self.looked = Instant::now();
            self.exited = self.exited || self.child.try_wait()?.is_some();
        }
        // Not by the clock: what it said before it ended may take long to be handed on.
        let left = self.idle >= LINGER || self.late > BACKLOG;
        Ok(match (timed_out, left, enough) {
            (true, _, _) => Some(Over::TimedOut),
            (_, true, _) => Some(Over::Left),
            (_, _, true) => Some(Over::Enough),
            _ => None,
        })
    }
}

/// Tells a program and what it started to end.
fn tell(child: &mut Child, apart: bool) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        interrupt::tell(child.id(), apart);
        Ok(())
    }
    #[cfg(not(unix))]
    {
        let _ = apart;
        child.kill()
    }
}

/// Ends a program, and what it left running beside it.
fn end_all(child: &mut Child, apart: bool) -> std::io::Result<()> {
    #[cfg(unix)]
    if apart {
        interrupt::end(child.id(), true);
    }
    let _ = apart;
    child.kill()
}

/// Waits for a child that closed its pipes; one with a time limit is ended when that is over.
fn wait(child: &mut Child, end: Option<Instant>) -> anyhow::Result<ExitStatus> {
    let Some(end) = end else { return Ok(child.wait()?) };
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= end {
            child.kill()?;
            return Ok(child.wait()?);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn succeeded(cmd: &Cmd, finished: &Finished) -> anyhow::Result<()> {
    let Finished { status, stderr, .. } = finished;
    ensure!(status.success(), "`{cmd}` failed ({}): {}", described(*status), stderr.trim());
    Ok(())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

// Started are the programs of Unix; `make proof` starts those of Windows.
#[cfg(test)]
#[cfg(unix)]
#[path = "process_tests.rs"]
mod tests;
