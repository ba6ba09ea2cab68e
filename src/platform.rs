//! Platforms of images, and what a base image provides to a binary.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::target::{Arch, Libc, Os, Target};

/// `linux/amd64` or `linux/arm64`: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Platform {
    LinuxAmd64,
    /// 64-bit Arm, variant v8.
    LinuxArm64,
}

impl Platform {
    /// Every platform, in the order images are listed.
    pub const ALL: [Self; 2] = [Self::LinuxAmd64, Self::LinuxArm64];

    pub fn arch(self) -> Arch {
        match self {
            Self::LinuxAmd64 => Arch::X86_64,
            Self::LinuxArm64 => Arch::Aarch64,
        }
    }

    /// `amd64`, `arm64`: the `architecture` of configs and indexes.
    pub fn goarch(self) -> &'static str {
        self.arch().goarch()
    }

    /// `v8` for arm64, as official images write it; nothing for amd64.
    pub fn variant(self) -> Option<&'static str> {
        (self == Self::LinuxArm64).then_some("v8")
    }

    /// Whether a target's executables are for it.
    pub fn takes(self, target: Target) -> bool {
        target.os() == Os::Linux && target.arch() == self.arch()
    }

    pub fn target(self, libc: Libc) -> Option<Target> {
        Target::all().find(|target| self.takes(*target) && target.libc() == libc)
    }

    /// In ids: `linux-amd64`.
    pub fn id(self) -> String {
        format!("linux-{}", self.goarch())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.goarch())
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "linux/amd64" => Ok(Self::LinuxAmd64),
            "linux/arm64" | "linux/arm64/v8" => Ok(Self::LinuxArm64),
            _ => Err(format!("`{text}` is not a known platform: linux/amd64, linux/arm64")),
        }
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

impl TryFrom<String> for Platform {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl JsonSchema for Platform {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Platform".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "enum": ["linux/amd64", "linux/arm64"] })
    }
}

/// What a base image provides to a binary on one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BaseFacts {
    /// Its C library: `none`, `musl`, or `glibc x.y`.
    pub libc: BaseLibc,
    /// Absolute paths of the dynamic loaders it has, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loaders: Vec<String>,
    /// File names of the shared libraries in the loader's folders (`libc.so.6`), sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
}

/// The C library of a base image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum BaseLibc {
    /// None: only static executables start.
    None,
    Musl,
    /// GNU libc with its version, `2.36`.
    Glibc(String),
}

impl fmt::Display for BaseLibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Musl => f.write_str("musl"),
            Self::Glibc(version) => write!(f, "glibc {version}"),
        }
    }
}

impl FromStr for BaseLibc {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("glibc ")) {
            ("none", _) => Ok(Self::None),
            ("musl", _) => Ok(Self::Musl),
            (_, Some(version)) if crate::inspect::parse_version(version).is_some() => {
                Ok(Self::Glibc(version.to_owned()))
            }
            _ => Err(format!("`{text}` is not one of `none`, `musl`, `glibc x.y`")),
        }
    }
}

impl From<BaseLibc> for String {
    fn from(libc: BaseLibc) -> Self {
        libc.to_string()
    }
}

impl TryFrom<String> for BaseLibc {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl JsonSchema for BaseLibc {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BaseLibc".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

/// How layers are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// One gzip member; understood everywhere.
    #[default]
    Gzip,
    /// zstd; containerd 1.5, Docker 23 and later.
    Zstd,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        for platform in Platform::ALL {
            assert_eq!(platform.to_string().parse(), Ok(platform));
            assert!(platform.target(Libc::Musl).is_some_and(|target| platform.takes(target)));
        }
        for text in ["none", "musl", "glibc 2.36"] {
            assert_eq!(text.parse::<BaseLibc>().unwrap().to_string(), text);
        }
        assert!("glibc".parse::<BaseLibc>().is_err() && "linux/s390x".parse::<Platform>().is_err());
    }
}
