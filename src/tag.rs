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

/// A tag of any form, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guess<'t> {
    pub version: Version,
    /// What stands before it: `v`, `name-v`, nothing.
    pub before: &'t str,
    pub tag: &'t str,
}

/// What stands between a name and a version.
const BETWEEN: [char; 4] = ['-', '/', '@', '_'];

impl<'t> Guess<'t> {
    /// Of a tag that ends with a version.
    pub fn of(tag: &'t str) -> Option<Self> {
        let is_inside = |at: usize| tag[..at].ends_with(|char: char| char.is_ascii_digit() || char == '.');
        let mut starts = tag.char_indices().filter(|(at, char)| char.is_ascii_digit() && !is_inside(*at));
        starts.find_map(|(at, _)| Some(Self { version: tag[at..].parse().ok()?, before: &tag[..at], tag }))
    }

    /// The name before the version, empty for `1.2.3` and `v1.2.3`; nothing if what stands there is not one.
    pub fn name(&self) -> Option<&'t str> {
        let before = self.before.strip_suffix('v').unwrap_or(self.before);
        if before.is_empty() { Some("") } else { before.strip_suffix(BETWEEN) }
    }

    pub fn template(&self) -> String {
        format!("{}{{version}}", self.before.replace('{', "{{").replace('}', "}}"))
    }
}

/// The version that a tag means which is none of SemVer: `25.07.1` (25.7.1), `v0.13` (0.13.0). The text before it, too.
pub fn loosely(tag: &str) -> Option<(&str, Version)> {
    let at = tag.find(|char: char| char.is_ascii_digit())?;
    let (before, rest) = tag.split_at(at);
    let mut numbers: Vec<String> =
        rest.split('.').map(|part| part.parse::<u64>().ok().map(|number| number.to_string())).collect::<Option<_>>()?;
    let is_form = (2..=3).contains(&numbers.len()) && rest.parse::<Version>().is_err();
    numbers.resize(3, "0".to_owned());
    is_form.then(|| numbers.join(".").parse().ok()).flatten().map(|version| (before, version))
}

/// The tag of the highest version among those without a name and those with one of these names.
pub fn newest<'t>(tags: impl Iterator<Item = &'t str>, names: &[&str]) -> Option<Guess<'t>> {
    let ours = |guess: &Guess<'_>| guess.name().is_some_and(|name| name.is_empty() || names.contains(&name));
    // Of two tags of one version the usual form counts.
    tags.filter_map(Guess::of).filter(ours).max_by_key(|guess| (guess.version.clone(), guess.before == "v"))
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

    #[test]
    fn versions_that_are_none() {
        let check = |tag: &str, expected: Option<(&str, &str)>| {
            let found = loosely(tag).map(|(before, version)| (before.to_owned(), version.to_string()));
            assert_eq!(found, expected.map(|(before, version)| (before.to_owned(), version.to_owned())), "{tag}");
        };
        check("25.07.1", Some(("", "25.7.1")));
        check("v0.13", Some(("v", "0.13.0")));
        check("api-25.07", Some(("api-", "25.7.0")));
        for tag in ["v1.2.3", "v1", "v1.2.3.4", "nightly", "v1.2-rc1", "99999999999999999999.1"] {
            check(tag, None);
        }
    }

    #[test]
    fn forms_of_others() {
        let check = |tag: &str, expected: Option<(&str, Option<&str>, &str)>| {
            let guess = Guess::of(tag);
            let template = guess.as_ref().map(Guess::template).unwrap_or_default();
            let seen = guess.as_ref().map(|guess| (guess.before, guess.name(), template.as_str()));
            assert_eq!(seen, expected, "{tag}");
            assert!(
                guess.is_none_or(|guess| template.parse::<TagGrammar>().unwrap().version(tag) == Some(guess.version))
            );
        };
        check("0.4.2", Some(("", Some(""), "{version}")));
        check("v1.2.3-rc.1", Some(("v", Some(""), "v{version}")));
        check("name2-1.2.3", Some(("name2-", Some("name2"), "name2-{version}")));
        check("a/name/v1.2.3", Some(("a/name/v", Some("a/name"), "a/name/v{version}")));
        check("name@1.2.3", Some(("name@", Some("name"), "name@{version}")));
        check("dev1.2.3", Some(("dev", None, "dev{version}")));
        for tag in ["1.2", "nightly", "v1", "0.1.2.3", "x1.2.3.4"] {
            check(tag, None);
        }
        let of = |tags: &[&'static str]| newest(tags.iter().copied(), &["boat"]).map(|guess| guess.tag);
        assert_eq!(of(&["v0.9.0", "0.10.0", "sail-v7.0.0", "old9.0.0", "latest"]), Some("0.10.0"));
        assert_eq!(of(&["1.0.0", "v1.0.0", "boat-1.0.0"]), Some("v1.0.0"));
        assert_eq!(of(&["v1.0.0", "boat@2.0.0"]), Some("boat@2.0.0"));
        assert_eq!(of(&["nightly"]), None);
    }
}
