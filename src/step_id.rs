//! The id of a step: what kind it is, the entry of the configuration it was made from, and which of its variants.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest id: it is the name of a folder and of a file with an ending.
pub const LONGEST: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    Asset,
    Binary,
    Archive,
    Checksums,
    Layer,
    Image,
    Index,
    Wheel,
    Sdist,
    Chart,
    SmokeCheck,
    ImageCheck,
    SecretsCheck,
    ImportCheck,
    FeaturesCheck,
    ReadmeCheck,
    SdistCheck,
    RenderCheck,
}

impl StepKind {
    const ALL: [Self; 18] = [
        Self::Asset,
        Self::Binary,
        Self::Archive,
        Self::Checksums,
        Self::Layer,
        Self::Image,
        Self::Index,
        Self::Wheel,
        Self::Sdist,
        Self::Chart,
        Self::SmokeCheck,
        Self::ImageCheck,
        Self::SecretsCheck,
        Self::ImportCheck,
        Self::FeaturesCheck,
        Self::ReadmeCheck,
        Self::SdistCheck,
        Self::RenderCheck,
    ];

    /// The words an id starts with.
    pub fn words(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Binary => "binary",
            Self::Archive => "archive",
            Self::Checksums => "checksums",
            Self::Layer => "layer",
            Self::Image => "image",
            Self::Index => "index",
            Self::Wheel => "wheel",
            Self::Sdist => "sdist",
            Self::Chart => "chart",
            Self::SmokeCheck => "check.smoke",
            Self::ImageCheck => "check.image",
            Self::SecretsCheck => "check.secrets",
            Self::ImportCheck => "check.import",
            Self::FeaturesCheck => "check.features",
            Self::ReadmeCheck => "check.readme",
            Self::SdistCheck => "check.sdist",
            Self::RenderCheck => "check.render",
        }
    }
}

/// `kind.entry` or `kind.entry.variant`, `[a-z0-9][a-z0-9._-]{0,99}`. An entry has no dot, a variant may.
#[derive(Clone)]
pub struct StepId {
    text: String,
    kind: StepKind,
    /// Where the entry ends.
    end: usize,
}

impl StepId {
    /// That of an entry without variants.
    pub fn of(kind: StepKind, entry: &str) -> Self {
        Self::new(kind, entry, "")
    }

    /// Names are written in the characters of ids: lower case, others as `-`.
    pub fn new(kind: StepKind, entry: &str, variant: &str) -> Self {
        let mut text = format!("{}.", kind.words());
        text.extend(plain(entry).map(|c| if c == '.' { '-' } else { c }));
        let end = text.len();
        if !variant.is_empty() {
            text.push('.');
            text.extend(plain(variant));
        }
        Self { text, kind, end }
    }

    /// The same entry and variant as another kind.
    pub fn with_kind(&self, kind: StepKind) -> Self {
        Self::new(kind, self.entry(), self.variant())
    }

    /// Whether a text is an id, and so no way out of the folders that are named like it.
    pub fn is_one(text: &str) -> bool {
        text.parse::<Self>().is_ok()
    }

    pub fn kind(&self) -> StepKind {
        self.kind
    }

    /// The name of the entry, as ids write it.
    pub fn entry(&self) -> &str {
        &self.text[self.kind.words().len() + 1..self.end]
    }

    pub fn is_of(&self, entry: &str) -> bool {
        plain(entry).map(|c| if c == '.' { '-' } else { c }).eq(self.entry().chars())
    }

    /// The target triple, flavor and platform, …; empty if the entry has no variants.
    pub fn variant(&self) -> &str {
        self.text.get(self.end + 1..).unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A name in the characters of ids: lower case, others as `-`.
pub fn plain(name: &str) -> impl Iterator<Item = char> + '_ {
    let legal = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    name.chars().flat_map(char::to_lowercase).map(legal)
}

impl FromStr for StepId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not the id of a step", text.escape_default());
        let of_kind = |kind: &StepKind| text.strip_prefix(kind.words()).is_some_and(|rest| rest.starts_with('.'));
        let kind = StepKind::ALL.into_iter().find(of_kind).ok_or_else(wrong)?;
        let rest = &text[kind.words().len() + 1..];
        let (entry, variant) = rest.split_once('.').unwrap_or((rest, ""));
        let id = Self::new(kind, entry, variant);
        // Only the canonical form is accepted.
        if entry.is_empty() || id.text != text || text.len() > LONGEST { Err(wrong()) } else { Ok(id) }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl Deref for StepId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Borrow<str> for StepId {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl std::hash::Hash for StepId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialEq for StepId {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for StepId {}

impl PartialOrd for StepId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StepId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl PartialEq<str> for StepId {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<String> for StepId {
    fn eq(&self, other: &String) -> bool {
        self.text == *other
    }
}

impl PartialEq<&str> for StepId {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl PartialEq<StepId> for String {
    fn eq(&self, other: &StepId) -> bool {
        *self == other.text
    }
}

impl PartialEq<StepId> for &str {
    fn eq(&self, other: &StepId) -> bool {
        *self == other.text
    }
}

impl From<StepId> for String {
    fn from(id: StepId) -> Self {
        id.text
    }
}

impl From<&StepId> for String {
    fn from(id: &StepId) -> Self {
        id.text.clone()
    }
}

impl AsRef<str> for StepId {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl AsRef<std::path::Path> for StepId {
    fn as_ref(&self) -> &std::path::Path {
        self.text.as_ref()
    }
}

impl Serialize for StepId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for StepId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for StepId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StepId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,99}$" })
    }
}

#[cfg(test)]
impl From<&str> for StepId {
    fn from(text: &str) -> Self {
        text.parse().expect("an id")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts() {
        let check = |text: &str, kind: StepKind, entry: &str, variant: &str| {
            let id: StepId = text.parse().unwrap();
            assert_eq!((id.kind(), id.entry(), id.variant()), (kind, entry, variant), "{text}");
        };
        check("asset.web", StepKind::Asset, "web", "");
        check("binary.app.x86_64-apple-darwin", StepKind::Binary, "app", "x86_64-apple-darwin");
        check("image.app.debian.linux-amd64", StepKind::Image, "app", "debian.linux-amd64");
        check("check.image.app.debian.linux-amd64", StepKind::ImageCheck, "app", "debian.linux-amd64");
        check("checksums.app", StepKind::Checksums, "app", "");
    }

    #[test]
    fn names_are_written_in_the_characters_of_ids() {
        let id = StepId::new(StepKind::Wheel, "Zope.Interface", "3.14");
        assert_eq!(id.as_str(), "wheel.zope-interface.3.14");
        assert!(id.is_of("zope-interface") && id.is_of("Zope.Interface") && !id.is_of("zope"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "asset",
            "asset.",
            ".asset.a",
            "../x",
            "asset.a/../b",
            "sums.a",
            "check.app",
            "asset.A",
            "asset.a b",
            "asset.a\n",
            "asset.a.",
        ] {
            assert!(text.parse::<StepId>().is_err(), "{text}");
        }
        assert!(format!("asset.{}", "a".repeat(94)).parse::<StepId>().is_ok());
        assert!(format!("asset.{}", "a".repeat(95)).parse::<StepId>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed(kind in 0..StepKind::ALL.len(), entry in ".{1,20}", variant in ".{0,20}") {
            let id = StepId::new(StepKind::ALL[kind], &entry, &variant);
            let parsed: StepId = id.to_string().parse().unwrap();
            prop_assert_eq!((parsed.kind(), parsed.entry(), parsed.variant()), (id.kind(), id.entry(), id.variant()));
        }
    }
}
