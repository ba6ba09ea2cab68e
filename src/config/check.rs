//! Checks the tree and makes the [`Config`](super::Config); collects every problem of the file.

use super::{Config, Diagnostic, Source};

/// Reads `longshore.yaml`. `name` is shown in diagnostics; `overlays` are applied in order.
///
/// # Errors
/// Every problem of the file.
pub fn parse(_name: &str, _text: &str, _overlays: &[String]) -> Result<(Config, Source), (Source, Vec<Diagnostic>)> {
    unreachable!("not written yet")
}

/// The configuration of a project without a file: every default.
pub fn none() -> Config {
    unreachable!("not written yet")
}
