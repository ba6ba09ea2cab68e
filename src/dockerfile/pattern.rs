//! Patterns of ignore files and of `--exclude`, matched as moby/patternmatcher does.

use super::path::clean;
use super::pattern_text::{self, Node};
use crate::glob;

/// Patterns in their order: the last one that matches a path decides.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    text: String,
    negated: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Exact,
    /// The text without the stars at its end.
    Prefix(String),
    /// The text without the stars at its start.
    Suffix(String),
    Nodes(Vec<Node>),
}

/// Which patterns already match a folder: they match all below it.
#[derive(Clone, Debug, Default)]
pub struct Parents(Option<Vec<bool>>);

pub struct Verdict {
    pub matched: bool,
    /// The number of the pattern that decided, if one matched.
    pub by: Option<usize>,
    pub parents: Parents,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern {
    pub number: usize,
    pub reason: &'static str,
}

impl Matcher {
    /// The number in an error counts the given texts, from 0.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPattern> {
        let mut patterns = Vec::new();
        for (number, text) in texts.into_iter().enumerate() {
            patterns.push(Pattern::new(text).map_err(|reason| BadPattern { number, reason })?);
        }
        Ok(Self { patterns })
    }

    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|p| p.negated)
    }

    /// Whether the path matches, given what is known of the folder it lies in.
    pub fn verdict(&self, path: &str, above: &Parents) -> Verdict {
        let mut known = vec![false; self.patterns.len()];
        let (mut matched, mut by) = (false, None);
        for (number, pattern) in self.patterns.iter().enumerate() {
            let from_above = above.0.as_ref().is_some_and(|a| a[number]);
            // A pattern that could not change the answer is not looked at, and so not known for what lies below.
            if !from_above && pattern.negated != matched {
                continue;
            }
            known[number] = from_above || pattern.matches(path);
            if known[number] {
                matched = !pattern.negated;
                by = Some(number);
            }
        }
        Verdict { matched, by, parents: Parents(Some(known)) }
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, &'static str> {
        let cleaned = clean(text.trim());
        let negated = cleaned.starts_with('!');
        let text = cleaned.strip_prefix('!').unwrap_or(&cleaned).to_owned();
        if text.is_empty() {
            return Err("a `!` without a name");
        }
        if glob::matches(&text, ".").is_err() {
            return Err("a class or an escape that does not end");
        }
        let kind = kind(&text).ok_or("a class or an escape that cannot be read")?;
        Ok(Self { text, negated, kind })
    }

    fn matches(&self, path: &str) -> bool {
        match &self.kind {
            Kind::Exact => path == self.text,
            Kind::Prefix(start) => path.starts_with(start),
            Kind::Suffix(end) => path.ends_with(end) || end.strip_prefix('/').is_some_and(|name| name == path),
            Kind::Nodes(nodes) => pattern_text::matches(nodes, path),
        }
    }
}

/// The original compares texts where it can; which patterns it does that for shows in what they match.
fn kind(text: &str) -> Option<Kind> {
    let translated = pattern_text::translate(text);
    Some(match translated.shape {
        pattern_text::Shape::Exact => Kind::Exact,
        pattern_text::Shape::Prefix => Kind::Prefix(text[..text.len() - 2].to_owned()),
        pattern_text::Shape::Suffix => Kind::Suffix(text[2..].to_owned()),
        pattern_text::Shape::Nodes => Kind::Nodes(pattern_text::compile(&translated.expression)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(patterns: &str, path: &str) -> bool {
        let matcher = Matcher::new(patterns.split(' ')).unwrap();
        let mut above = Parents::default();
        let mut matched = false;
        for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let verdict = matcher.verdict(&path[..at], &above);
            (matched, above) = (verdict.matched, verdict.parents);
        }
        matched
    }

    #[test]
    fn the_last_match_wins_below_folders_too() {
        let check = |patterns: &str, path: &str, expected: bool| {
            assert_eq!(ignored(patterns, path), expected, "{patterns}: {path}");
        };
        check("docs !docs/keep.md", "docs/keep.md", false);
        check("docs !docs/keep.md", "docs/other.md", true);
        check("* !go.*", "go.mod", false);
        check("* !internal/**/*.go", "internal/a/b/c.go", false);
        check("* !internal/**/*.go", "internal/x.go", false);
        check("* !internal/**/*.go", "internal/x.csv", true);
        check("**/*.tmp", "a/b.tmp", true);
        check("**/*.tmp", "b.tmp", true);
        check("**/tmp", "sub/tmp/x", true);
        check("**/tmp", "tmp.txt", false);
        check("spool/**", "spool", false);
        check("spool/**", "spool/a/b", true);
        check("a?c", "abc", true);
        check("[a-c]x", "bx", true);
        check("a.b", "aXb", false);
        check("**foo", "xfoo", true);
        check("**", "anything/at/all", true);
        check("a\\*b", "a*b", true);
        check("a\\*b", "axb", false);
        check("x/**/y", "x/y", true);
        check("x/**/y", "x/1/2/y", true);
        check("../up", "up", false);
    }

    #[test]
    fn bad_patterns_are_named_by_number() {
        let bad = |text: &str| Matcher::new(text.split(' ')).unwrap_err().number;
        assert_eq!(bad("a !"), 1);
        assert_eq!(bad("a b ["), 2);
    }
}
