//! Which releases a destination takes, and what it may find there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which releases a destination takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Every release.
    Always,
    /// Only versions without a prerelease part.
    Stable,
    /// Only prereleases.
    Prerelease,
}

impl When {
    /// Whether releases are taken that are a prerelease, or not.
    pub fn takes(self, prerelease: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Stable => !prerelease,
            Self::Prerelease => prerelease,
        }
    }
}

/// Which existing release may be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Only a draft.
    Draft,
    /// Also a published, mutable one.
    Any,
}

/// Who looks whether an image can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadBack {
    /// Anonymous where images are usually public and the repository is public, else with our credentials.
    #[default]
    Auto,
    /// Everybody.
    Anonymous,
    /// We, with our login.
    Own,
}

/// Whether GitHub's identity is used instead of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trusted {
    /// In jobs that may, unless a token is there.
    Auto,
    /// Always; a job that may not is an error.
    Always,
    /// Never.
    Never,
}
