//! The grammar of a component's tags: `v{version}`, `{component}-v{version}`.

use std::fmt;
use std::str::FromStr;

use crate::template::{Piece, Template};
use crate::version::Version;

/// How the tags of one component look: text before and after its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagGrammar {
    before: String,
    after: String,
}

impl TagGrammar {
    /// From a template with exactly one `{version}`; `{component}` becomes the component's name.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the template.
    pub fn new(template: &Template, component: &str) -> Result<Self, String> {
        let mut sides = vec![String::new()];
        for piece in template.pieces() {
            let side = sides.len() - 1;
            match piece {
                Piece::Text(text) => sides[side].push_str(text),
                Piece::Place(name) if name == "component" => sides[side].push_str(component),
                Piece::Place(name) if name == "version" => sides.push(String::new()),
                Piece::Place(name) => return Err(format!("unknown placeholder `{{{name}}}`")),
            }
        }
        match <[String; 2]>::try_from(sides) {
            Ok([before, after]) => Ok(Self { before, after }),
            Err(_) => Err("a tag needs `{version}` exactly once".into()),
        }
    }

    /// The tag of a version.
    pub fn tag(&self, version: &Version) -> String {
        format!("{}{version}{}", self.before, self.after)
    }

    /// The version in a tag of this grammar, or nothing if the tag is not one of its tags.
    pub fn version(&self, tag: &str) -> Option<Version> {
        tag.strip_prefix(self.before.as_str())?.strip_suffix(self.after.as_str())?.parse().ok()
    }
}

impl fmt::Display for TagGrammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{version}}{}", self.before, self.after)
    }
}

impl FromStr for TagGrammar {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::new(&text.parse()?, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_prints() {
        let grammar = TagGrammar::new(&"{component}-v{version}".parse().unwrap(), "api").unwrap();
        let version: Version = "1.2.3-rc.1".parse().unwrap();
        assert_eq!(grammar.tag(&version), "api-v1.2.3-rc.1");
        assert_eq!(grammar.version("api-v1.2.3-rc.1"), Some(version));
        assert_eq!(grammar.version("v1.2.3"), None);
        assert_eq!(grammar.version("api-v1.2"), None);
        assert_eq!(grammar.to_string().parse(), Ok(grammar));
        assert!("v".parse::<TagGrammar>().is_err());
        assert!("{version}{version}".parse::<TagGrammar>().is_err());
    }
}
