//! A problem with its place in the file.

use std::ops::Range;

use crate::problem::Problem;

/// A problem with its place in the file.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub problem: Problem,
    /// Byte range in the file.
    pub span: Option<Range<usize>>,
}
