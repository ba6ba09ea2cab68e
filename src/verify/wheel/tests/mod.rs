//! One good wheel and one good sdist in memory; each row breaks one thing and expects one answer.

mod frames;
mod libraries;
mod made;
mod pairs;
mod releases;
mod sdists;
mod wheels;

use super::Flaw;

/// Compares codes and texts; a text in a row is a part of the text of its flaw.
fn same(row: &str, flaws: &[Flaw], expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> = flaws.iter().map(|flaw| (flaw.code, flaw.text.as_str())).collect();
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|((code, text), (wanted, part))| code == wanted && text.contains(part));
    assert!(fits, "{row}:\nfound    {found:#?}\nexpected {expected:#?}");
    assert!(flaws.iter().all(|flaw| !flaw.hint.is_empty()), "{row}");
}
