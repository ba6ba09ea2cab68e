//! A problem in the user's input: a stable code, a message, a hint, and where it stands.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

/// One problem. `at` is a dotted path into `longshore.yaml` (`archives.app.file`), resolved to a line when it is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A stable word, the heading under which the documentation explains it.
    pub code: &'static str,
    /// Lower case, no full stop, names in backticks.
    pub message: String,
    pub hint: Option<String>,
    /// Its place in the configuration, if it has one.
    pub at: Option<At>,
    /// The step it belongs to, for problems found after planning.
    pub step: Option<Box<str>>,
    /// Its place in a file that is not the configuration.
    #[serde(skip)]
    pub within: Option<Box<Within>>,
}

/// A place in a file other than the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Within {
    /// As messages call it.
    pub file: String,
    pub text: Arc<str>,
    /// Bytes.
    pub span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct At {
    /// Dotted path: `archives.app.file`, list items by index: `targets.2`.
    pub path: String,
    /// Whether the key itself is meant, or its value.
    pub key: bool,
}

impl Problem {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, at: None, step: None, within: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, standing at the value of a configuration path.
    #[must_use]
    pub fn at_value(mut self, path: impl Into<String>) -> Self {
        self.at = Some(At { path: path.into(), key: false });
        self
    }

    /// The same, standing at the key of a configuration path.
    #[must_use]
    pub fn at_key(mut self, path: impl Into<String>) -> Self {
        self.at = Some(At { path: path.into(), key: true });
        self
    }

    /// The same, standing in another file.
    #[must_use]
    pub fn within(mut self, file: &str, text: &Arc<str>, span: Range<usize>) -> Self {
        self.within = Some(Box::new(Within { file: file.to_owned(), text: Arc::clone(text), span }));
        self
    }

    #[must_use]
    pub fn step(mut self, id: impl Into<String>) -> Self {
        self.step = Some(id.into().into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// How a command ends; the exit code of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exit {
    /// Done, also "already done".
    Done = 0,
    /// An internal error.
    #[default]
    Unexpected = 1,
    /// Usage, configuration, version mismatch; nothing was started.
    Usage = 2,
    /// Verification failed; nothing is public.
    Verification = 3,
    /// Something different is public; nothing was overwritten.
    Conflict = 4,
    /// A credential or permission is missing.
    Denied = 5,
    /// Partly public, unreachable or unconfirmed; the same command continues.
    Unfinished = 6,
    /// A build step failed.
    Build = 7,
    /// A generated file is not what it would be now.
    Drift = 8,
    /// The user ended it (128 + SIGINT, as shells count).
    Interrupted = 130,
    /// It was terminated (128 + SIGTERM).
    Terminated = 143,
}

/// Why a stage stopped: an exit code and every problem it found. Travels inside `anyhow::Error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    /// All problems, at least one.
    pub problems: Vec<Problem>,
}

impl Failure {
    pub fn new(exit: Exit, problem: Problem) -> Self {
        Self { exit, problems: vec![problem] }
    }

    /// A problem of usage or configuration: nothing was started.
    pub fn usage(problem: Problem) -> Self {
        Self::new(Exit::Usage, problem)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
