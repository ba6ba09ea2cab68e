//! Ignore files: `.dockerignore`, and the one that belongs to a Dockerfile.

use super::path::clean;
use super::pattern::{Matcher, Parents, Verdict};

/// What hides files from the build, with the lines that do it.
#[derive(Clone, Debug, Default)]
pub struct IgnoreFile {
    /// The file as messages call it.
    pub name: String,
    rules: Vec<Rule>,
    matcher: Matcher,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Counted from 1.
    pub line: usize,
    /// As it is written, without spaces around it.
    pub text: String,
    cleaned: String,
}

/// A line that the engine refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    pub line: usize,
    pub message: String,
}

impl IgnoreFile {
    pub fn parse(bytes: &[u8]) -> Result<Self, BadLine> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let rules: Vec<Rule> = text.split('\n').enumerate().filter_map(|(n, line)| rule(n + 1, line)).collect();
        let matcher = Matcher::new(rules.iter().map(|r| r.cleaned.as_str())).map_err(|bad| BadLine {
            line: rules[bad.number].line,
            message: format!("`{}` has {}", rules[bad.number].text, bad.reason),
        })?;
        Ok(Self { name: ".dockerignore".to_owned(), rules, matcher })
    }

    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    pub(super) fn verdict(&self, path: &str, above: &Parents) -> Verdict {
        self.matcher.verdict(path, above)
    }

    pub(super) fn rule(&self, number: usize) -> Option<&Rule> {
        self.rules.get(number)
    }
}

fn rule(number: usize, line: &str) -> Option<Rule> {
    // Only a `#` that is the very first sign makes a comment.
    if line.starts_with('#') {
        return None;
    }
    let text = line.trim();
    let (negated, pattern) = match text.strip_prefix('!') {
        Some(rest) => ("!", rest.trim()),
        None => ("", text),
    };
    if text.is_empty() {
        return None;
    }
    let mut cleaned = if pattern.is_empty() { String::new() } else { clean(pattern) };
    if cleaned.len() > 1 && cleaned.starts_with('/') {
        cleaned.remove(0);
    }
    Some(Rule { line: number, text: text.to_owned(), cleaned: format!("{negated}{cleaned}") })
}

/// Where the engine looks for the ignore file of a Dockerfile, both below the context: the first that exists holds.
/// The first stands beside the Dockerfile, the second at the root of the context.
pub fn ignore_file_names(dockerfile: &str) -> [String; 2] {
    [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cleaned_and_counted() {
        let file = IgnoreFile::parse("\u{feff}a\r\n# no\r\n  b/ \r\n\r\n ! /c \r\n #d\r\nx/../e".as_bytes()).unwrap();
        let seen: Vec<_> = file.rules.iter().map(|r| (r.line, r.cleaned.as_str())).collect();
        assert_eq!(seen, [(1, "a"), (3, "b"), (5, "!c"), (6, "#d"), (7, "e")]);
        let bad = IgnoreFile::parse(b"a\n\n! \n").unwrap_err();
        assert_eq!(bad.line, 3);
    }
}
