//! The one version of a release: SemVer, and what follows from it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(semver::Version);

impl Default for Version {
    /// `0.0.0`
    fn default() -> Self {
        Self(semver::Version::new(0, 0, 0))
    }
}

impl Version {
    /// Whether it is a prerelease (`1.2.0-rc.1`).
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// Major, minor, patch.
    pub fn triple(&self) -> (u64, u64, u64) {
        (self.0.major, self.0.minor, self.0.patch)
    }

    /// Whether it carries build metadata (`1.2.0+5`), which tags and file names cannot hold.
    pub fn has_build(&self) -> bool {
        !self.0.build.is_empty()
    }

    /// The snapshot version `n` commits after this one was released: `{next patch}-dev.{n}`.
    ///
    /// A prerelease base keeps its numbers, for its own release is still to come.
    #[must_use]
    pub fn snapshot(&self, n: u64) -> Self {
        let patch = if self.is_prerelease() { self.0.patch } else { self.0.patch + 1 };
        Self(semver::Version { patch, ..self.0.clone() }).development(n)
    }

    /// The snapshot version on the way to this one, as a manifest announces it: its own numbers and `-dev.{n}`.
    #[must_use]
    pub fn development(&self, n: u64) -> Self {
        let pre = semver::Prerelease::new(&format!("dev.{n}")).unwrap_or(semver::Prerelease::EMPTY);
        Self(semver::Version { pre, build: semver::BuildMetadata::EMPTY, ..self.0.clone() })
    }
}

impl Version {
    /// A snapshot version that says when its inputs were first seen: `1.2.4-dev.20261130160102.5`, with a label behind
    /// the time. Helm and registries take it, and it sorts by time.
    ///
    /// # Errors
    /// If the label is not letters, digits and `-`.
    pub fn dated(&self, time: &str, label: Option<&str>) -> Result<Self, String> {
        let count = self.0.pre.as_str().rsplit('.').next().unwrap_or("0");
        let label = label.map(|label| format!("{label}.")).unwrap_or_default();
        let text = format!("dev.{time}.{label}{count}");
        let pre =
            semver::Prerelease::new(&text).map_err(|why| format!("`{text}` is not a SemVer prerelease: {why}"))?;
        Ok(Self(semver::Version { pre, ..self.0.clone() }))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        semver::Version::parse(text).map(Self).map_err(|error| format!("`{text}` is not a SemVer version: {error}"))
    }
}

impl schemars::JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "SemVer" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(base: &str, n: u64, expected: &str) {
        assert_eq!(base.parse::<Version>().unwrap().snapshot(n).to_string(), expected);
    }

    #[test]
    fn snapshots() {
        check("1.2.3", 4, "1.2.4-dev.4");
        check("1.2.0-rc.1", 2, "1.2.0-dev.2");
        let dated = |label| "1.2.4-dev.5".parse::<Version>().unwrap().dated("20261130160102", label);
        assert_eq!(dated(None).unwrap().to_string(), "1.2.4-dev.20261130160102.5");
        assert_eq!(dated(Some("tail-sampling")).unwrap().to_string(), "1.2.4-dev.20261130160102.tail-sampling.5");
        assert!(dated(Some("a b")).is_err() && dated(Some("01")).is_err());
    }

    proptest! {
        #[test]
        fn prints_what_it_parses(text in "(0|[1-9][0-9]{0,4})\\.(0|[1-9][0-9]{0,4})\\.(0|[1-9][0-9]{0,4})(-(rc|alpha|dev)\\.(0|[1-9][0-9]?))?(\\+[a-z0-9]{1,4})?") {
            let version: Version = text.parse().unwrap();
            prop_assert_eq!(version.to_string(), text);
        }

        #[test]
        fn never_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<Version>();
        }
    }
}
