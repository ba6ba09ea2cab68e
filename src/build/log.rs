//! The log of a step: commands and their output, on disk, on the terminal and in error messages.

use std::collections::VecDeque;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::rustflags::Rustflags;
use crate::world::mask;
use crate::world::path;
use crate::world::process::{Cmd, Runner, Stream, described};
use crate::world::store::Store;
use crate::world::terminal::Progress;

/// Writes the logs of one or several steps that are carried out together.
pub struct Log<'a> {
    files: Vec<BufWriter<File>>,
    paths: Vec<PathBuf>,
    progress: &'a Progress<'a>,
    /// What comes before each line that is shown.
    name: Option<String>,
    last: VecDeque<String>,
    /// What the record repeats of how it was compiled.
    pub rustflags: Vec<String>,
}

/// What cargo says of a lock file that lacks something, and its advice: a release without its lock file.
const LOCK: (&str, &str) = ("because --locked was passed", "remove the --locked flag");

/// How many lines an error message repeats.
const LAST_LINES: usize = 20;

impl<'a> Log<'a> {
    /// New, empty logs of these steps. `named`: each line that is shown begins with their names.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn create(store: &Store, steps: &[&str], progress: &'a Progress<'a>, named: bool) -> anyhow::Result<Self> {
        let paths: Vec<PathBuf> = steps.iter().map(|step| store.log(step)).collect();
        let mut files = Vec::new();
        for path in &paths {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
            }
            let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
            files.push(BufWriter::new(file));
        }
        let name = named.then(|| steps.join(", "));
        Ok(Self { files, paths, progress, name, last: VecDeque::new(), rustflags: Vec::new() })
    }

    pub fn tell(&mut self, line: impl Display) {
        let line = mask::hide(&line.to_string()).into_owned();
        match &self.name {
            Some(name) => self.progress.tell(&format!("{name}: {line}")),
            None => self.progress.tell(&line),
        }
        // Jobs often set CARGO_TERM_COLOR=always; in a file and in an error message colours are only noise.
        let line = anstream::adapter::strip_str(line.trim_end()).to_string();
        for file in &mut self.files {
            // A full disk is reported by the step's own files; its log is not worth failing for.
            let _ = writeln!(file, "{line}").and_then(|()| file.flush());
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// Says which flags rustc gets, here and in the record.
    pub fn compiled_with(&mut self, flags: &Rustflags) {
        self.tell(flags.said());
        self.rustflags = flags.recorded();
    }

    /// Runs a command to its end; its output goes here.
    ///
    /// # Errors
    /// If it cannot be started, or does not end with success.
    pub fn run(&mut self, runner: &Runner, cmd: &Cmd) -> anyhow::Result<()> {
        self.run_with(runner, cmd, &mut |_, _| false)
    }

    /// Likewise, but lines that `take` accepts are its own and not logged.
    ///
    /// # Errors
    /// If it cannot be started, or does not end with success.
    pub fn run_with(
        &mut self,
        runner: &Runner,
        cmd: &Cmd,
        take: &mut dyn FnMut(Stream, &str) -> bool,
    ) -> anyhow::Result<()> {
        self.tell(format_args!("$ {}", runner.redact(&cmd.to_string())));
        let (status, _) = runner.stream(cmd, &mut |stream, bytes| {
            let line = String::from_utf8_lossy(bytes);
            if !take(stream, &line) {
                self.tell(runner.redact(&line));
            }
        })?;
        if !status.success() {
            bail!("`{}` failed with {}", runner.redact(&cmd.to_string()), described(status));
        }
        Ok(())
    }

    /// For people: where the log lies, and how it ends.
    pub fn hint(&self, store: &Store) -> String {
        let path = self
            .paths
            .first()
            .map_or_else(String::new, |path| path::relative(path.strip_prefix(store.repository()).unwrap_or(path)));
        let mut hint = format!("see the full log in `{path}`");
        let lacks = self.last.iter().any(|line| line.contains(LOCK.0));
        if lacks {
            hint.insert_str(
                0,
                "the committed Cargo.lock does not match Cargo.toml: run `cargo update --workspace`, commit Cargo.lock, and tag that commit; ",
            );
        }
        if !self.last.is_empty() {
            hint.push_str("; it ends with:");
        }
        for line in self.last.iter().filter(|line| !lacks || !line.contains(LOCK.1)) {
            hint.push_str("\n  ");
            hint.push_str(line);
        }
        hint
    }
}
