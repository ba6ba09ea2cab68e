//! Guards of this repository: what review should not have to look for.

mod arrows;
mod documents;
mod parameters;
mod problems;
mod rings;
mod text;
mod words;

/// Fails with every finding, one a line.
fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}\n", findings.join("\n  "));
}
