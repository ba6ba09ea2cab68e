//! `smoke:` of binaries: how executables are started once, to see that they start and say their version.

use std::collections::BTreeMap;

use super::fields::Fields;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Smoke {
    /// Nothing: `--version`, and an executable that does not print its version is a warning.
    #[default]
    Assumed,
    All(Vec<String>),
    /// Arguments by executable, `None` = off; those that are not named are started as if nothing were written.
    Each(BTreeMap<String, Option<Vec<String>>>),
    Off,
}

impl Smoke {
    pub fn read(fields: Fields<'_>) -> Self {
        if fields.is_off("smoke") {
            return Self::Off;
        }
        let Some(map) = fields.map("smoke") else {
            return fields.texts("smoke").map_or(Self::Assumed, Self::All);
        };
        let names = map.0.entries.iter().map(|entry| &entry.key);
        Self::Each(names.map(|name| (name.clone(), map.texts(name).filter(|_| !map.is_off(name)))).collect())
    }
}
