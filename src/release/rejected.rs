//! A configuration, or a plan of it, with everything that is wrong with it and where.

use std::fmt;

use crate::config::{Diagnostic, Source};

/// Every problem of a configuration, to be drawn under its text.
#[derive(Debug)]
pub struct Rejected {
    pub diagnostics: Vec<Diagnostic>,
    pub source: Source,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostics.iter().try_for_each(|diagnostic| writeln!(f, "{}", diagnostic.problem))
    }
}

impl std::error::Error for Rejected {}
