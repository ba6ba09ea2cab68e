//! The address of a value: `a.b[0].c`, `list[name=X].value`, `annotations."x.io/y"`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::flaw::Flaw;

/// Bytes of a path.
const LONGEST: usize = 1024;

/// At least one step, the first of them a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValuesPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    Key(String),
    /// From 0.
    Index(usize),
    /// The one item whose `key` holds `value`.
    Item {
        key: String,
        value: String,
    },
}

impl ValuesPath {
    /// A key at the top.
    pub fn key(key: impl Into<String>) -> Self {
        Self { steps: vec![Step::Key(key.into())] }
    }

    /// One step further.
    #[must_use]
    pub fn join(&self, step: Step) -> Self {
        Self::below(Some(self), step)
    }

    /// One step further, or the first one.
    pub(super) fn below(above: Option<&Self>, step: Step) -> Self {
        Self { steps: above.into_iter().flat_map(|path| path.steps.iter().cloned()).chain([step]).collect() }
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The key it ends with.
    pub fn last_key(&self) -> Option<&str> {
        match self.steps.last() {
            Some(Step::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// Without its last `fewer` steps; `None` where nothing is left.
    pub fn above(&self, fewer: usize) -> Option<Self> {
        let steps = &self.steps[..self.steps.len().saturating_sub(fewer)];
        (!steps.is_empty()).then(|| Self { steps: steps.to_vec() })
    }
}

impl FromStr for ValuesPath {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        if text.len() > LONGEST {
            return Err(Flaw::new(format!("a values path of more than {LONGEST} bytes"), 0..LONGEST));
        }
        if text.starts_with('.') {
            let hint = "write it without the point in front, and without `.Values`";
            return Err(Flaw::new(format!("`{}` starts with a point", crate::shown::one_line(text)), 0..1).hint(hint));
        }
        let mut cursor = Cursor { text, at: 0 };
        let mut steps = vec![Step::Key(cursor.key()?)];
        while let Some(char) = cursor.next() {
            steps.push(match char {
                '.' => Step::Key(cursor.key()?),
                '[' => cursor.bracket()?,
                _ => return Err(cursor.flaw("needs a `.` or `[` here", cursor.at - char.len_utf8()..cursor.at)),
            });
        }
        Ok(Self { steps })
    }
}

/// A position in a path that is read.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl Cursor<'_> {
    fn next(&mut self) -> Option<char> {
        let char = self.text[self.at..].chars().next()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn flaw(&self, problem: &str, span: Range<usize>) -> Flaw {
        Flaw::new(format!("`{}` {problem}", crate::shown::one_line(self.text)), span)
            .hint("a path looks like `a.b[0].c`, `list[name=x].value` or `annotations.\"x.io/y\"`")
    }

    fn key(&mut self) -> Result<String, Flaw> {
        if self.text[self.at..].starts_with('"') {
            return self.quoted();
        }
        let start = self.at;
        self.at += bare_length(&self.text[start..], bare_in_key);
        if self.at == start {
            return Err(self.flaw("has an empty or unquoted key", start..(start + 1).min(self.text.len()).max(start)));
        }
        Ok(self.text[start..self.at].into())
    }

    fn bracket(&mut self) -> Result<Step, Flaw> {
        let start = self.at;
        let digits = bare_length(&self.text[start..], |char| char.is_ascii_digit());
        if digits > 0 && self.text[start + digits..].starts_with(']') {
            self.at += digits + 1;
            let index = self.text[start..start + digits]
                .parse()
                .ok()
                .filter(|_| digits == 1 || !self.text[start..].starts_with('0'));
            return index.map(Step::Index).ok_or_else(|| self.flaw("has a wrong index", start..start + digits));
        }
        let key = match self.text[start..].starts_with('"') {
            true => self.quoted()?,
            false => self.bare(bare_in_item),
        };
        let wrong = |cursor: &Self| cursor.flaw("needs an index or `key=value` in brackets", start - 1..cursor.at);
        if key.is_empty() || self.next() != Some('=') {
            return Err(wrong(self));
        }
        let value = match self.text[self.at..].starts_with('"') {
            true => self.quoted()?,
            false => self.bare(bare_in_value),
        };
        if self.next() == Some(']') { Ok(Step::Item { key, value }) } else { Err(wrong(self)) }
    }

    fn bare(&mut self, allowed: fn(char) -> bool) -> String {
        let start = self.at;
        self.at += bare_length(&self.text[start..], allowed);
        self.text[start..self.at].into()
    }

    /// `\"` and `\\` are a quote and a backslash.
    fn quoted(&mut self) -> Result<String, Flaw> {
        let start = self.at;
        let mut content = String::new();
        self.next();
        loop {
            match self.next() {
                Some('"') => return Ok(content),
                Some('\\') => match self.next() {
                    Some(char @ ('"' | '\\')) => content.push(char),
                    _ => return Err(self.flaw("has a wrong `\\`", start..self.at)),
                },
                Some(char) => content.push(char),
                None => return Err(self.flaw("has a quote that does not end", start..self.at)),
            }
        }
    }
}

fn bare_length(text: &str, allowed: fn(char) -> bool) -> usize {
    text.find(|char| !allowed(char)).unwrap_or(text.len())
}

fn bare_in_key(char: char) -> bool {
    !matches!(char, '.' | '[' | ']' | '"') && !char.is_whitespace() && !char.is_control()
}

fn bare_in_item(char: char) -> bool {
    char != '=' && bare_in_key(char)
}

fn bare_in_value(char: char) -> bool {
    !matches!(char, ']' | '"') && !char.is_control()
}

impl fmt::Display for ValuesPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    f.write_str(if at == 0 { "" } else { "." })?;
                    word(f, key, bare_in_key)?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Item { key, value } => {
                    f.write_str("[")?;
                    word(f, key, bare_in_item)?;
                    f.write_str("=")?;
                    word(f, value, bare_in_value)?;
                    f.write_str("]")?;
                }
            }
        }
        Ok(())
    }
}

/// In quotes where it could be read as something else.
fn word(f: &mut fmt::Formatter<'_>, word: &str, allowed: fn(char) -> bool) -> fmt::Result {
    if !word.is_empty() && word.chars().all(allowed) {
        return f.write_str(word);
    }
    write!(f, "\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Serialize for ValuesPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ValuesPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
