//! What is said of a finished image.

use crate::shown;

/// Something that was found in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable word.
    pub code: &'static str,
    /// Lower case, no full stop, names in backticks.
    pub text: String,
    pub hint: String,
}

impl Finding {
    pub fn new(code: &'static str, text: &str, hint: &str) -> Self {
        Self { code, text: shown::one_line(text), hint: shown::one_line(hint) }
    }
}

/// All that is said of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// It must not be published.
    pub refusals: Vec<Finding>,
    /// It may be meant.
    pub warnings: Vec<Finding>,
    /// Worth a line in the table, not a warning.
    pub notes: Vec<Finding>,
}
