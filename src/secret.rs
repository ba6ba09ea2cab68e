//! A secret: text that prints as `***`.

use std::fmt;

/// Text that must not reach argv, logs, errors, plans or images.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    open: bool,
}

impl Secret {
    /// Wraps text read from the environment or a file.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), open: false }
    }

    /// One that opens only a rehearsal server: it need not be hidden.
    pub fn open(text: impl Into<String>) -> Self {
        Self { text: text.into(), open: true }
    }

    /// Whether it opens only a rehearsal server.
    pub fn opens_nothing(&self) -> bool {
        self.open
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
