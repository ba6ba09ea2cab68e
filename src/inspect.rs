//! ELF, Mach-O and PE bytes to facts: what a binary needs to run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the bytes of one executable say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BinaryFacts {
    /// `elf`, `macho`, `pe`.
    pub format: String,
    /// `x86_64`, `aarch64`, or what the header says.
    pub arch: String,
    /// Whether it needs a dynamic loader or C library of the system.
    pub linkage: crate::target::Linkage,
    /// ELF interpreter (`/lib64/ld-linux-x86-64.so.2`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// Needed libraries, as recorded.
    pub needed: Vec<String>,
    /// Highest `GLIBC_x.y` symbol version, as `x.y[.z]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
    /// Whether symbols and debug information are gone.
    pub stripped: bool,
}
