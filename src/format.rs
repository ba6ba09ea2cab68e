//! Archive formats and their file name endings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An archive format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Format {
    /// gzip-compressed tar.
    #[serde(rename = "tar.gz")]
    TarGz,
    /// zstd-compressed tar.
    #[serde(rename = "tar.zst")]
    TarZst,
    /// ZIP.
    #[serde(rename = "zip")]
    Zip,
    /// The bare executables.
    #[serde(rename = "binary")]
    Binary,
}

impl Format {
    /// The file name ending with its dot; empty for bare executables.
    pub fn extension(self) -> &'static str {
        match self {
            Self::TarGz => ".tar.gz",
            Self::TarZst => ".tar.zst",
            Self::Zip => ".zip",
            Self::Binary => "",
        }
    }
}
