//! The problems found so far, each with the place where the user wrote it.

use std::collections::HashSet;
use std::ops::Range;

use super::diagnostic::Diagnostic;
use crate::problem::{At, Problem};

/// At most so many problems are kept.
const MAX: usize = 500;

/// Collects problems; what was said once about a place is not said again.
#[derive(Default)]
pub struct Diagnostics {
    diagnostics: Vec<Diagnostic>,
    said: HashSet<(usize, usize, String)>,
}

impl Diagnostics {
    pub fn at(&mut self, mut problem: Problem, path: &str, key: bool, span: &Range<usize>) {
        if self.diagnostics.len() < MAX && self.said.insert((span.start, span.end, problem.message.clone())) {
            problem.at = Some(At { path: path.to_owned(), key });
            self.diagnostics.push(Diagnostic { problem, span: Some(span.clone()) });
        }
    }

    /// A problem that already has its place, or has none.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Whether a problem of this code was found.
    pub fn has(&self, code: &str) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.problem.code == code)
    }

    /// All, in the order of the file; those without a place first.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.span.as_ref().map(|span| (span.start, span.end)));
        self.diagnostics
    }
}
