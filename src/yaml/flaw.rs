//! What is wrong with a text, and where.

use std::fmt;
use std::ops::Range;

/// One problem of a YAML text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Lower case, no full stop, names in backticks.
    pub text: String,
    pub hint: Option<String>,
    /// Bytes of the text that was read; empty at 0 where nothing is to be shown.
    pub span: Range<usize>,
}

impl Flaw {
    pub fn new(text: impl Into<String>, span: Range<usize>) -> Self {
        Self { text: text.into(), hint: None, span }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Flaw {}

/// The line, counted from 1, on which a byte stands.
pub fn line(text: &str, at: usize) -> usize {
    1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}
