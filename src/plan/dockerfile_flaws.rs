//! What is wrong with a Dockerfile, as problems under its own text.

use std::ops::Range;
use std::sync::Arc;

use crate::dockerfile::{Answer, Flaw};
use crate::problem::Problem;

/// A flaw of a Dockerfile under its text.
pub fn problem(flaw: Flaw, path: &str, text: &Arc<str>) -> Problem {
    let problem = Problem::new(flaw.code, flaw.message);
    let problem = match flaw.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    };
    problem.within(path, text, flaw.span)
}

/// Whether nothing fills the image: `FROM scratch`, and then only words for its config.
pub fn is_empty(answer: &Answer) -> bool {
    let is_body = |line: &str| line.starts_with("heredoc ");
    answer.images.is_empty()
        && answer.reads.is_empty()
        && answer.urls.is_empty()
        && !answer.runs
        && !answer.recipe.lines().any(is_body)
}

/// A source that is not in the commit: said how such files get into the context.
pub fn made_elsewhere(flaw: Flaw) -> Flaw {
    if flaw.code != "missing-source" || flaw.hint.is_some() {
        return flaw;
    }
    flaw.hint(
        "a context holds what is committed: `git add` it, or, if a command makes it, make it an asset (`assets:`)",
    )
}

/// Which Dockerfile may be meant by a path that is not there.
pub fn like(path: &str, known: &[&str]) -> String {
    let far = |other: &&&str| strsim::damerau_levenshtein(path, other);
    if let Some(near) = known.iter().min_by_key(far).filter(|near| far(near) <= 3) {
        return format!("did you mean `{near}`?");
    }
    match known {
        [] => "paths are relative to longshore.yaml".into(),
        [one] => format!("the commit has `{one}`"),
        [one, two] => format!("the commit has `{one}` and `{two}`"),
        [one, two, more @ ..] => format!("the commit has `{one}`, `{two}` and {} more", more.len()),
    }
}

/// The bytes of a line, counted from 1.
pub fn line_span(text: &str, line: usize) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let length = text[start..].find('\n').unwrap_or(text.len() - start);
    start..start + length
}
