//! The files that steps make: each kind of work says how many it has, and which is which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::format::Format;

/// A file a step makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Its name, `[A-Za-z0-9._-]+`.
    pub name: String,
}

/// A file that holds others, or a bare executable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArchiveOutput {
    /// Its name, `[A-Za-z0-9._-]+`.
    pub name: String,
    pub format: Format,
}

/// What an asset makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AssetOutputs {
    /// One archive of all its files.
    Bundle([ArchiveOutput; 1]),
    /// Its files under their own names.
    Files(Vec<Output>),
}

impl From<String> for Output {
    fn from(name: String) -> Self {
        Self { name }
    }
}
