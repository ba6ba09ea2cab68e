//! Versions of engines, as far as they decide what can be asked of them.

use std::fmt;
use std::str::FromStr;

/// Major and minor; no engine adds a feature in a patch release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The first in a text such as `buildah version 1.28.2 (image-spec 1.1.0-rc2)`.
    pub fn first_in(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| word.parse().ok())
    }

    /// BuildKit's by the Dockerfile language that it reads without a frontend: 0.34 reads 1.28.
    pub fn of_language(language: Self) -> Option<Self> {
        (language.major == 1).then(|| Self::new(0, language.minor + 6))
    }
}

impl FromStr for Version {
    type Err = ();

    /// `v0.34.2`, `0.13.1+ds1`, `1.28.0-dev`. What builds without a version say, `v0.0.0+unknown`, is not one.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (major, rest) = text.split_once('.').ok_or(())?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let version = Self::new(major.parse().map_err(drop)?, minor.parse().map_err(drop)?);
        if version == Self::new(0, 0) { Err(()) } else { Ok(version) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_engines_say() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            assert_eq!(Version::first_in(text).map(|version| version.to_string()).as_deref(), expected);
        }
        check("buildah version 1.28.2 (image-spec 1.1.0-rc2, runtime-spec 1.0.2-dev)", Some("1.28"));
        check("podman version 4.3.1", Some("4.3"));
        check("github.com/docker/buildx v0.13.1+ds1 abc", Some("0.13"));
        check("buildctl github.com/moby/buildkit v0.0.0+unknown", None);
        check("", None);
        check("1.", None);
        check("99999999999.1", None);
    }

    #[test]
    fn the_language_tells_the_version() {
        assert_eq!(Version::of_language(Version::new(1, 28)), Some(Version::new(0, 34)));
        assert_eq!(Version::of_language(Version::new(2, 0)), None);
    }
}
