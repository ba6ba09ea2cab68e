//! The target triples we know, and everything that is derived from one. A table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A target triple out of [`ALL`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Target(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    Linux,
    Darwin,
    Windows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    X86_64,
    Aarch64,
}

/// C library a binary is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    Gnu,
    Musl,
    /// Apple's libSystem.
    System,
    /// Microsoft's C runtime.
    Msvc,
}

/// How a binary is linked to its C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Linkage {
    /// Needs the system's C library (ELF: an interpreter).
    Dynamic,
    /// Needs none.
    Static,
}

struct TargetRow {
    triple: &'static str,
    os: Os,
    arch: Arch,
    libc: Libc,
}

const ROWS: &[TargetRow] = &[
    TargetRow { triple: "x86_64-unknown-linux-gnu", os: Os::Linux, arch: Arch::X86_64, libc: Libc::Gnu },
    TargetRow { triple: "aarch64-unknown-linux-gnu", os: Os::Linux, arch: Arch::Aarch64, libc: Libc::Gnu },
    TargetRow { triple: "aarch64-apple-darwin", os: Os::Darwin, arch: Arch::Aarch64, libc: Libc::System },
    TargetRow { triple: "x86_64-apple-darwin", os: Os::Darwin, arch: Arch::X86_64, libc: Libc::System },
    TargetRow { triple: "x86_64-pc-windows-msvc", os: Os::Windows, arch: Arch::X86_64, libc: Libc::Msvc },
    TargetRow { triple: "aarch64-pc-windows-msvc", os: Os::Windows, arch: Arch::Aarch64, libc: Libc::Msvc },
    TargetRow { triple: "x86_64-unknown-linux-musl", os: Os::Linux, arch: Arch::X86_64, libc: Libc::Musl },
    TargetRow { triple: "aarch64-unknown-linux-musl", os: Os::Linux, arch: Arch::Aarch64, libc: Libc::Musl },
];

/// The five triples a project without `targets:` gets.
pub const DEFAULT: [Target; 5] = [Target(0), Target(1), Target(2), Target(3), Target(4)];

impl Target {
    /// Every known target, in table order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..ROWS.len()).map(Self)
    }

    /// Whether rustc knows a triple, as of 1.95: `rustc --print target-list`.
    pub fn is_of_rustc(triple: &str) -> bool {
        include_str!("targets.txt").lines().any(|known| known == triple)
    }

    /// The triple this program itself was compiled for, if it is a known one.
    pub fn host() -> Option<Self> {
        let os = std::env::consts::OS;
        let arch = std::env::consts::ARCH;
        let triple = match os {
            "linux" => format!("{arch}-unknown-linux-gnu"),
            "macos" => format!("{arch}-apple-darwin"),
            "windows" => format!("{arch}-pc-windows-msvc"),
            _ => return None,
        };
        triple.parse().ok()
    }

    fn row(self) -> &'static TargetRow {
        &ROWS[self.0]
    }

    pub fn triple(self) -> &'static str {
        self.row().triple
    }

    pub fn os(self) -> Os {
        self.row().os
    }

    pub fn arch(self) -> Arch {
        self.row().arch
    }

    pub fn libc(self) -> Libc {
        self.row().libc
    }

    /// `.exe` on Windows, else nothing.
    pub fn exe_suffix(self) -> &'static str {
        if self.os() == Os::Windows { ".exe" } else { "" }
    }

    /// `linux-gnu`, `linux-musl`, `darwin`, `windows`: the `{os-abi}` of file names.
    pub fn os_abi(self) -> &'static str {
        match (self.os(), self.libc()) {
            (Os::Linux, Libc::Musl) => "linux-musl",
            (Os::Linux, _) => "linux-gnu",
            (Os::Darwin, _) => "darwin",
            (Os::Windows, _) => "windows",
        }
    }

    /// What a binary of it is unless the configuration says otherwise: static for musl and Windows (CRT).
    pub fn default_linkage(self) -> Linkage {
        match self.libc() {
            Libc::Musl | Libc::Msvc => Linkage::Static,
            Libc::Gnu | Libc::System => Linkage::Dynamic,
        }
    }
}

impl Os {
    /// `linux`, `darwin`, `windows`: the `{os}` of file names, and the keys of `formats`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Darwin => "darwin",
            Self::Windows => "windows",
        }
    }
}

impl Arch {
    /// `x86_64`, `aarch64`: the `{arch}` of file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// `amd64`, `arm64`: the `{goarch}` of file names, and the architecture of OCI platforms.
    pub fn goarch(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ROWS.iter()
            .position(|row| row.triple == text)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a known target triple"))
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.triple().to_owned()
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl schemars::JsonSchema for Target {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let triples: Vec<&str> = ROWS.iter().map(|row| row.triple).collect();
        schemars::json_schema!({ "type": "string", "enum": triples })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        for target in Target::all() {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        assert!("x86_64-linux".parse::<Target>().is_err());
    }

    #[test]
    fn names_for_files() {
        let names = |triple: &str| {
            let target: Target = triple.parse().unwrap();
            format!("{}-{} {} {}", target.arch().name(), target.os_abi(), target.arch().goarch(), target.exe_suffix())
        };
        assert_eq!(names("x86_64-unknown-linux-gnu"), "x86_64-linux-gnu amd64 ");
        assert_eq!(names("aarch64-unknown-linux-musl"), "aarch64-linux-musl arm64 ");
        assert_eq!(names("aarch64-apple-darwin"), "aarch64-darwin arm64 ");
        assert_eq!(names("x86_64-pc-windows-msvc"), "x86_64-windows amd64 .exe");
    }
}
