//! The facts of an executable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::target::Linkage;

/// What the bytes of one executable say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BinaryFacts {
    /// `elf`, `macho`, `pe`.
    pub format: String,
    /// `x86_64`, `aarch64`, or what the header says; a universal Mach-O lists all it holds: `x86_64+aarch64`.
    pub arch: String,
    /// Whether it needs a dynamic loader or C library of the system.
    pub linkage: Linkage,
    /// ELF interpreter (`/lib64/ld-linux-x86-64.so.2`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// Needed libraries, as recorded.
    pub needed: Vec<String>,
    /// Highest `GLIBC_x.y` symbol version, as `x.y[.z]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
    /// The oldest macOS that starts it, as `x.y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macos: Option<String>,
    /// Whether symbols and debug information are gone.
    pub stripped: bool,
}

/// A version that an ELF file takes symbols from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The library that must define it, by its `DT_SONAME`.
    pub library: String,
    /// `GLIBC_2.34`
    pub version: String,
    /// Whether the loader goes on without it.
    pub weak: bool,
}

/// What the loader of Linux reads of a program or a library before it starts or maps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// As in [`BinaryFacts`].
    pub arch: String,
    pub interpreter: Option<String>,
    pub needed: Vec<String>,
    pub soname: Option<String>,
    /// `DT_RPATH` and `DT_RUNPATH`: folders divided by `:`.
    pub rpath: Option<String>,
    pub runpath: Option<String>,
    pub wants: Vec<Want>,
    /// Versions that it defines.
    pub defines: Vec<String>,
}

/// The numbers of `x.y[.z]`, comparable: 2.4 is below 2.34.
pub fn parse_version(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|number| number.parse().ok()).collect()
}
