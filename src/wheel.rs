//! Names of Python's files: distributions, wheels with their tags, sdists.
//!
//! <https://packaging.python.org/specifications/binary-distribution-format/>,
//! <https://packaging.python.org/specifications/source-distribution-format/>,
//! <https://packaging.python.org/specifications/name-normalization/>.

mod python;
mod stdlib;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::macos::MacosVersion;
use crate::target::{Arch, Libc, Os, Target};

pub use python::{FIRST_ABI3T, NEWEST, Pythons};

/// The name of a distribution as its author writes it: `opsml-client`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DistributionName(String);

impl DistributionName {
    /// Whether PyPI has it for a module of Python's standard library, and reserves it.
    pub fn is_reserved(&self) -> bool {
        let normal = self.normalized();
        stdlib::STDLIB.iter().any(|module| normalized(module.trim_matches('_')) == normal)
    }

    /// As indexes compare it: lower case, runs of `-_.` are one `-`.
    pub fn normalized(&self) -> String {
        normalized(&self.0)
    }

    /// As file names hold it: normalized, with `_`.
    pub fn in_files(&self) -> String {
        self.normalized().replace('-', "_")
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn normalized(name: &str) -> String {
    let mut text = String::new();
    for char in name.chars() {
        match char {
            '-' | '_' | '.' if text.ends_with('-') => {}
            '-' | '_' | '.' => text.push('-'),
            other => text.push(other.to_ascii_lowercase()),
        }
    }
    text
}

impl FromStr for DistributionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if text.chars().all(legal) && ends(text.chars().next()) && ends(text.chars().last()) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is not a valid distribution name: letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit"
        ))
    }
}

impl fmt::Display for DistributionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<DistributionName> for String {
    fn from(name: DistributionName) -> Self {
        name.0
    }
}

impl TryFrom<String> for DistributionName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl schemars::JsonSchema for DistributionName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DistributionName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

/// A wheel tag: `cp310-abi3-manylinux_2_28_x86_64`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WheelTag {
    /// `cp310`; several are joined with dots.
    pub python: String,
    /// `abi3`
    pub abi: String,
    /// `manylinux_2_28_x86_64`; several are joined with dots.
    pub platform: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WheelName {
    /// The distribution as in file names.
    pub distribution: String,
    /// The version, PEP 440.
    pub version: String,
    pub tag: WheelTag,
}

impl fmt::Display for WheelTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.python, self.abi, self.platform)
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}.whl", self.distribution, self.version, self.tag)
    }
}

impl FromStr for WheelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is not a wheel file name: NAME-VERSION-PYTHON-ABI-PLATFORM.whl");
        let parts: Vec<&str> = text.strip_suffix(".whl").ok_or_else(bad)?.split('-').collect();
        // A sixth part would be a build tag, which we never write.
        let [distribution, version, python, abi, platform] = parts.as_slice() else { return Err(bad()) };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(bad());
        }
        let tag = WheelTag { python: (*python).into(), abi: (*abi).into(), platform: (*platform).into() };
        Ok(Self { distribution: (*distribution).into(), version: (*version).into(), tag })
    }
}

pub fn sdist_name(distribution: &DistributionName, version: &str) -> String {
    format!("{}-{version}.tar.gz", distribution.in_files())
}

/// The platform part of a wheel's tag as maturin writes it. `glibc` (`2_28`) is what gnu targets promise; musl is 1.2; for
/// Apple's targets `macos` is promised, without it what Rust starts at.
pub fn platform_tag(target: Target, glibc: &str, macos: Option<MacosVersion>) -> String {
    let arch = target.arch().name();
    match (target.os(), target.libc()) {
        (Os::Linux, Libc::Musl) => format!("musllinux_1_2_{arch}"),
        (Os::Linux, _) => match glibc {
            // The one alias that is still written beside its number.
            "2_17" => format!("manylinux_2_17_{arch}.manylinux2014_{arch}"),
            glibc => format!("manylinux_{glibc}_{arch}"),
        },
        (Os::Darwin, _) => {
            let arch = if target.arch() == Arch::Aarch64 { "arm64" } else { arch };
            let MacosVersion { major, minor } =
                macos.or(MacosVersion::oldest(target)).unwrap_or(MacosVersion { major: 11, minor: 0 });
            format!("macosx_{major}_{minor}_{arch}")
        }
        (Os::Windows, _) => match target.arch() {
            Arch::Aarch64 => "win_arm64".into(),
            Arch::X86_64 => "win_amd64".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalized() {
        let check = |text: &str, normalized: &str, file: &str| {
            let name: DistributionName = text.parse().unwrap();
            assert_eq!((name.normalized().as_str(), name.in_files().as_str()), (normalized, file));
        };
        check("opsml-client", "opsml-client", "opsml_client");
        check("Foo.__Bar", "foo-bar", "foo_bar");
        for bad in ["", "-a", "a-", "a b", "ä", "a/b"] {
            assert!(bad.parse::<DistributionName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn wheel_names_print_what_they_parse() {
        for text in ["opsml_client-3.0.0rc1-cp310-abi3-manylinux_2_28_x86_64.whl", "a-1-py3-none-any.whl"] {
            assert_eq!(text.parse::<WheelName>().unwrap().to_string(), text);
        }
        for bad in ["a-1-py3-none.whl", "a-1-1-py3-none-any.whl", "a-1-py3-none-any.zip", "a--py3-none-any.whl"] {
            assert!(bad.parse::<WheelName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn platforms_as_maturin_writes_them() {
        let check = |triple: &str, expected: &str| {
            assert_eq!(platform_tag(triple.parse().unwrap(), "2_28", None), expected, "{triple}");
        };
        let later = platform_tag("x86_64-apple-darwin".parse().unwrap(), "2_28", "13".parse().ok());
        assert_eq!(later, "macosx_13_0_x86_64");
        check("x86_64-unknown-linux-gnu", "manylinux_2_28_x86_64");
        check("aarch64-unknown-linux-musl", "musllinux_1_2_aarch64");
        check("aarch64-apple-darwin", "macosx_11_0_arm64");
        check("x86_64-apple-darwin", "macosx_10_12_x86_64");
        check("x86_64-pc-windows-msvc", "win_amd64");
    }
}
