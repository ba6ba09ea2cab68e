//! Which Pythons one wheel is for: a single version, or the stable ABI from a version on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One wheel's Pythons; the numbers are minor versions of Python 3. As text what pyo3 calls its features, or a version:
/// `abi3-py310`, `abi3t-py315`, `3.12`, `3.14t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Pythons {
    /// The stable ABI: this version and every later one that is not free-threaded.
    Abi3(u32),
    /// The stable ABI of free-threaded Python, which others can load, too: this version and every later one.
    /// <https://peps.python.org/pep-0803/>
    Abi3t(u32),
    Only {
        minor: u32,
        /// Whether it is the free-threaded build of it.
        threaded: bool,
    },
}

/// The first Python with the stable ABI of free-threaded Python.
pub const FIRST_ABI3T: u32 = 15;

/// The newest released minor version of Python: <https://devguide.python.org/versions/>.
pub const NEWEST: u32 = 14;

impl Pythons {
    /// The Python and ABI parts of its wheel's tag, as maturin writes them.
    pub fn tags(self) -> (String, String) {
        match self {
            Self::Abi3(minor) => (format!("cp3{minor}"), "abi3".into()),
            Self::Abi3t(minor) => (format!("cp3{minor}"), "abi3.abi3t".into()),
            Self::Only { minor, threaded } => {
                (format!("cp3{minor}"), format!("cp3{minor}{}", if threaded { "t" } else { "" }))
            }
        }
    }

    /// The Pythons of a wheel's tag; none for programs and for what is not a CPython.
    pub fn of_tags(python: &str, abi: &str) -> Option<Self> {
        let minor = python.strip_prefix("cp3")?.parse().ok()?;
        match abi {
            "abi3" => Some(Self::Abi3(minor)),
            "abi3.abi3t" | "abi3t" => Some(Self::Abi3t(minor)),
            abi => {
                let rest = abi.strip_prefix(python)?;
                matches!(rest, "" | "t").then_some(Self::Only { minor, threaded: rest == "t" })
            }
        }
    }

    /// The smallest minor version.
    pub fn first(self) -> u32 {
        match self {
            Self::Abi3(minor) | Self::Abi3t(minor) | Self::Only { minor, .. } => minor,
        }
    }

    /// The version by which an interpreter is named that makes it: `3.14t`.
    pub fn version(self) -> String {
        let threaded = matches!(self, Self::Abi3t(_) | Self::Only { threaded: true, .. });
        format!("3.{}{}", self.first(), if threaded { "t" } else { "" })
    }
}

impl fmt::Display for Pythons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abi3(minor) => write!(f, "abi3-py3{minor}"),
            Self::Abi3t(minor) => write!(f, "abi3t-py3{minor}"),
            Self::Only { .. } => f.write_str(&self.version()),
        }
    }
}

impl FromStr for Pythons {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.len() <= 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| plain && (digits == "0" || !digits.starts_with('0')))
        };
        let stable = |prefix: &str| text.strip_prefix(prefix).and_then(number);
        let only = || {
            let version = text.strip_prefix("3.")?;
            let plain = version.strip_suffix('t').unwrap_or(version);
            Some(Self::Only { minor: number(plain)?, threaded: plain != version })
        };
        let found = stable("abi3-py3").map(Self::Abi3).or_else(|| stable("abi3t-py3").map(Self::Abi3t));
        found.or_else(only).ok_or_else(|| format!("`{text}` is not a Python version"))
    }
}

impl From<Pythons> for String {
    fn from(pythons: Pythons) -> Self {
        pythons.to_string()
    }
}

impl TryFrom<String> for Pythons {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl schemars::JsonSchema for Pythons {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pythons".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_tags() {
        let check = |text: &str, python: &str, abi: &str, version: &str| {
            let pythons: Pythons = text.parse().unwrap();
            assert_eq!(pythons.to_string(), text);
            assert_eq!(pythons.tags(), (python.to_owned(), abi.to_owned()));
            assert_eq!(Pythons::of_tags(python, abi), Some(pythons));
            assert_eq!(pythons.version(), version);
        };
        check("abi3-py310", "cp310", "abi3", "3.10");
        check("abi3t-py315", "cp315", "abi3.abi3t", "3.15t");
        check("3.9", "cp39", "cp39", "3.9");
        check("3.14t", "cp314", "cp314t", "3.14t");
        for bad in ["", "3", "3.", "3.t", "4.1", "abi3", "abi3-py3", "3.012", "3.1234", "3.+1", "3.14tt"] {
            assert!(bad.parse::<Pythons>().is_err(), "{bad}");
        }
        for (python, abi) in [("py3", "none"), ("cp312", "cp313"), ("pp311", "pypy311_pp73"), ("cp312", "cp312d")] {
            assert_eq!(Pythons::of_tags(python, abi), None, "{python}-{abi}");
        }
    }
}
