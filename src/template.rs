//! `{name}`-style text with named places, for file names, tags and titles.

use std::fmt;
use std::str::FromStr;

/// A parsed template: literal text and placeholders; `{{` and `}}` are literal braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Place(String),
}

impl Template {
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The names of its placeholders, in order of appearance.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Place(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Fills it; `Err` names the first placeholder `value` does not know.
    ///
    /// # Errors
    /// The unknown placeholder's name.
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Place(name) => text.push_str(&value(name).ok_or_else(|| name.clone())?),
            }
        }
        Ok(text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Piece::Place(name) => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let after = &rest[at + 1..];
            if after.starts_with(brace) {
                literal.push_str(brace);
                rest = &after[1..];
            } else if brace == "}" {
                return Err("`}` without `{`; write `}}` for a brace".into());
            } else {
                let end = after.find('}').ok_or("`{` is not closed; write `{{` for a brace")?;
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Place(after[..end].to_owned()));
                rest = &after[end + 1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self(pieces))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fills() {
        let template: Template = "{name}-{{x}}-{target}".parse().unwrap();
        let filled = template.fill(|name| Some(name.to_uppercase()));
        assert_eq!(filled.as_deref(), Ok("NAME-{x}-TARGET"));
        assert_eq!(template.fill(|_| None), Err("name".into()));
        assert_eq!(template.to_string(), "{name}-{{x}}-{target}");
        assert!("a}b".parse::<Template>().is_err());
        assert!("a{b".parse::<Template>().is_err());
    }

    proptest! {
        #[test]
        fn prints_what_it_parses(text in "\\PC{0,24}") {
            if let Ok(template) = text.parse::<Template>() {
                prop_assert_eq!(template.to_string().parse::<Template>(), Ok(template));
            }
        }
    }
}
