//! The berths of a harbor and the ships that lie in them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place where one ship can lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Berth {
    /// Letters, digits and `-`; unique in its harbor.
    pub name: String,
    /// Metres.
    pub length: u32,
    /// The ship that lies there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship: Option<String>,
}

/// All berths, in the order they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Harbor(Vec<Berth>);

/// Why a berth was not added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not a name.
    Name(String),
    /// No ship has a length of zero.
    Length(String),
    /// There is one of this name.
    Taken(String),
}

impl Harbor {
    /// The berths.
    pub fn berths(&self) -> &[Berth] {
        &self.0
    }

    /// Adds a berth.
    pub fn add(&mut self, berth: Berth) -> Result<(), Refused> {
        let legal = |char: char| char.is_ascii_alphanumeric() || char == '-';
        if berth.name.is_empty() || !berth.name.chars().all(legal) {
            return Err(Refused::Name(berth.name));
        }
        if berth.length == 0 {
            return Err(Refused::Length(berth.name));
        }
        if self.0.iter().any(|known| known.name == berth.name) {
            return Err(Refused::Taken(berth.name));
        }
        self.0.push(berth);
        Ok(())
    }

    /// Reads a JSON list of berths.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let berths: Vec<Berth> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut harbor = Self::default();
        for berth in berths {
            harbor.add(berth).map_err(|refused| refused.to_string())?;
        }
        Ok(harbor)
    }

    /// Writes it as [`Harbor::from_json`] reads it.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.0).expect("berths are plain data");
        text.push('\n');
        text
    }
}

/// A table for people.
impl fmt::Display for Harbor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for berth in &self.0 {
            writeln!(f, "{:<12} {:>4} m  {}", berth.name, berth.length, berth.ship.as_deref().unwrap_or("-"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "`{name}` is not a name: use letters, digits and `-`"),
            Self::Length(name) => write!(f, "berth `{name}` has no length"),
            Self::Taken(name) => write!(f, "there is a berth `{name}` already"),
        }
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    fn berth(name: &str, length: u32) -> Berth {
        Berth { name: name.into(), length, ship: None }
    }

    #[test]
    fn refuses_what_cannot_be() {
        let mut harbor = Harbor::default();
        assert_eq!(harbor.add(berth("north-1", 12)), Ok(()));
        assert_eq!(harbor.add(berth("north-1", 20)), Err(Refused::Taken("north-1".into())));
        assert_eq!(harbor.add(berth("north 2", 20)), Err(Refused::Name("north 2".into())));
        assert_eq!(harbor.add(berth("north-2", 0)), Err(Refused::Length("north-2".into())));
        assert_eq!(harbor.berths().len(), 1);
    }

    #[test]
    fn reads_what_it_writes() {
        let mut harbor = Harbor::default();
        harbor.add(Berth { ship: Some("Peregrine".into()), ..berth("north-1", 12) }).unwrap();
        harbor.add(berth("north-2", 30)).unwrap();
        assert_eq!(Harbor::from_json(&harbor.to_json()), Ok(harbor.clone()));
        assert_eq!(harbor.to_string(), "north-1        12 m  Peregrine\nnorth-2        30 m  -\n");
        assert!(Harbor::from_json("[{\"name\":\"a\",\"length\":1},{\"name\":\"a\",\"length\":1}]").is_err());
        assert!(Harbor::from_json("{").is_err());
    }
}
