//! The oldest macOS that something is for: `11.0`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::target::{Arch, Os, Target};

/// The variable by which compilers and linkers are told.
pub const DEPLOYMENT_TARGET: &str = "MACOSX_DEPLOYMENT_TARGET";

/// A version of macOS: major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MacosVersion {
    /// 10, 11 to 15, 26 and later.
    pub major: u32,
    /// Always 0 in tags of wheels from 11 on.
    pub minor: u32,
}

impl MacosVersion {
    /// Rust's default for a target; `None` for other systems.
    pub fn oldest(target: Target) -> Option<Self> {
        (target.os() == Os::Darwin).then_some(match target.arch() {
            Arch::Aarch64 => Self { major: 11, minor: 0 },
            Arch::X86_64 => Self { major: 10, minor: 12 },
        })
    }

    /// Whether Apple made it, and a wheel's tag can name it: 16 to 25 were left out.
    pub fn exists(self) -> bool {
        !(16..26).contains(&self.major) && self.major >= 10
    }
}

impl fmt::Display for MacosVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for MacosVersion {
    type Err = String;

    /// `11`, `11.0` and `11.0.0` are one version; the third number counts nowhere.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let plain = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u32>().ok().filter(|_| plain)
        };
        let numbers: Option<Vec<u32>> = text.split('.').map(number).collect();
        match numbers.as_deref() {
            Some([major]) => Ok(Self { major: *major, minor: 0 }),
            Some([major, minor] | [major, minor, _]) => Ok(Self { major: *major, minor: *minor }),
            _ => Err(format!("`{text}` is not a macOS version")),
        }
    }
}

impl From<MacosVersion> for String {
    fn from(version: MacosVersion) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for MacosVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl schemars::JsonSchema for MacosVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MacosVersion".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let check = |text: &str, expected: &str| {
            let version: MacosVersion = text.parse().unwrap();
            assert_eq!(version.to_string(), expected);
            assert_eq!(expected.parse(), Ok(version));
        };
        check("11", "11.0");
        check("10.12", "10.12");
        check("13.3.1", "13.3");
        for bad in ["", "x", "11.", ".0", "1.2.3.4", "+1.0", "11.0 ", "1234"] {
            assert!(bad.parse::<MacosVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn those_that_exist() {
        let exists = |text: &str| text.parse::<MacosVersion>().unwrap().exists();
        assert!(["10.12", "11.0", "15.0", "26.0"].into_iter().all(exists));
        assert!(!["9.0", "16.0", "25.1"].into_iter().any(exists));
    }
}
