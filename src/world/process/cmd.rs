//! A program to start, as a value.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::world::env::Env;

/// A program to start. Prints as a line one could type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cmd {
    /// Name on `PATH`, or a path.
    pub program: String,
    pub args: Vec<String>,
    /// Variables set on top of the runner's.
    pub env: Env,
    pub dir: PathBuf,
    /// What it reads from its standard input; not shown.
    pub input: String,
    /// How long it may take; absent: as long as it likes.
    pub timeout: Option<Duration>,
    /// How many bytes of its output are kept; absent: 64 MiB.
    pub most: Option<usize>,
}

impl Cmd {
    pub fn new(program: impl Into<String>, dir: &Path) -> Self {
        Self { program: program.into(), dir: dir.to_owned(), ..Self::default() }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    #[must_use]
    pub fn args<T: Into<String>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.set(name, value);
        self
    }

    /// With something to read.
    #[must_use]
    pub fn input(mut self, text: impl Into<String>) -> Self {
        self.input = text.into();
        self
    }

    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// With a limit of what it may say where that is kept.
    #[must_use]
    pub fn most(mut self, bytes: usize) -> Self {
        self.most = Some(bytes);
        self
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = std::iter::once(self.program.as_str()).chain(self.args.iter().map(String::as_str));
        f.write_str(&shell_words::join(words))
    }
}
