//! Platforms of images, and what a base image provides to a binary.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::target::{Arch, Libc, Os, Target};

/// A platform of Linux: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>. Images of binaries exist
/// for the first two; the others are for whatever an engine can build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Platform {
    LinuxAmd64,
    /// 64-bit Arm, variant v8.
    LinuxArm64,
    LinuxArmV7,
    LinuxArmV6,
    LinuxArmV5,
    Linux386,
    LinuxRiscv64,
    LinuxPpc64le,
    LinuxS390x,
    LinuxLoong64,
}

/// What the documents and the headers of executables call a platform.
struct Names {
    /// `architecture` of configs and indexes.
    goarch: &'static str,
    variant: Option<&'static str>,
    /// As ELF headers are read.
    machine: &'static str,
}

impl Platform {
    /// Those that binaries are compiled for, in the order images are listed.
    pub const BINARIES: [Self; 2] = [Self::LinuxAmd64, Self::LinuxArm64];

    /// Every platform.
    pub const ALL: [Self; 10] = [
        Self::LinuxAmd64,
        Self::LinuxArm64,
        Self::LinuxArmV7,
        Self::LinuxArmV6,
        Self::LinuxArmV5,
        Self::Linux386,
        Self::LinuxRiscv64,
        Self::LinuxPpc64le,
        Self::LinuxS390x,
        Self::LinuxLoong64,
    ];

    fn names(self) -> Names {
        let of = |goarch, variant, machine| Names { goarch, variant, machine };
        match self {
            Self::LinuxAmd64 => of("amd64", None, "x86_64"),
            Self::LinuxArm64 => of("arm64", Some("v8"), "aarch64"),
            Self::LinuxArmV7 => of("arm", Some("v7"), "arm"),
            Self::LinuxArmV6 => of("arm", Some("v6"), "arm"),
            Self::LinuxArmV5 => of("arm", Some("v5"), "arm"),
            Self::Linux386 => of("386", None, "i686"),
            Self::LinuxRiscv64 => of("riscv64", None, "riscv"),
            Self::LinuxPpc64le => of("ppc64le", None, "powerpc64le"),
            Self::LinuxS390x => of("s390x", None, "s390x"),
            Self::LinuxLoong64 => of("loong64", None, "loongarch64"),
        }
    }

    /// That of a binary; nothing for platforms that binaries are not compiled for.
    pub fn arch(self) -> Option<Arch> {
        match self {
            Self::LinuxAmd64 => Some(Arch::X86_64),
            Self::LinuxArm64 => Some(Arch::Aarch64),
            _ => None,
        }
    }

    /// `amd64`, `arm64`: the `architecture` of configs and indexes.
    pub fn goarch(self) -> &'static str {
        self.names().goarch
    }

    /// `v8` for arm64, as official images write it; nothing for amd64.
    pub fn variant(self) -> Option<&'static str> {
        self.names().variant
    }

    /// `x86_64`, `aarch64`: the processor, as the headers of its executables are read.
    pub fn machine(self) -> &'static str {
        self.names().machine
    }

    /// Whether a target's executables are for it.
    pub fn takes(self, target: Target) -> bool {
        target.os() == Os::Linux && Some(target.arch()) == self.arch()
    }

    pub fn target(self, libc: Libc) -> Option<Target> {
        Target::all().find(|target| self.takes(*target) && target.libc() == libc)
    }

    /// In ids: `linux-amd64`.
    pub fn id(self) -> String {
        self.to_string().replace('/', "-")
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Names { goarch, variant, .. } = self.names();
        match variant.filter(|_| *self != Self::LinuxArm64) {
            Some(variant) => write!(f, "linux/{goarch}/{variant}"),
            None => write!(f, "linux/{goarch}"),
        }
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = match text {
            "linux/arm64/v8" => "linux/arm64",
            "linux/arm" => "linux/arm/v7",
            text => text,
        };
        let known = || Self::ALL.map(|platform| platform.to_string()).join(", ");
        let found = Self::ALL.into_iter().find(|platform| platform.to_string() == plain);
        found.ok_or_else(|| format!("`{text}` is not a known platform: {}", known()))
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
        schemars::json_schema!({ "type": "string", "enum": Self::ALL.map(|platform| platform.to_string()) })
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
            let is_binary = Platform::BINARIES.contains(&platform);
            assert_eq!(platform.target(Libc::Musl).is_some_and(|target| platform.takes(target)), is_binary);
        }
        for text in ["none", "musl", "glibc 2.36"] {
            assert_eq!(text.parse::<BaseLibc>().unwrap().to_string(), text);
        }
        assert!("glibc".parse::<BaseLibc>().is_err() && "linux/mips".parse::<Platform>().is_err());
    }
}
