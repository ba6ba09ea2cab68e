//! What an image is based on, and what its config says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::reference::Reference;

/// The base image of one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedBase {
    /// Where it is pulled from.
    pub from: Reference,
    /// Digest of the platform's manifest; absent: not locked, the tag is asked (for loopback destinations only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// What an image's config says, besides what it inherits:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageConfig {
    /// `Entrypoint`; an inherited `Cmd` is dropped with it.
    pub entrypoint: Vec<String>,
    /// `Cmd`
    pub cmd: Vec<String>,
    /// `User`
    pub user: String,
    /// `WorkingDir`
    pub workdir: String,
    /// `Env`: added to, or replacing, what the base has.
    pub env: BTreeMap<String, String>,
    /// `ExposedPorts`, e.g. `8080/tcp`.
    pub expose: Vec<String>,
    /// `Healthcheck`: a command without a shell. Docker's extension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub healthcheck: Vec<String>,
    /// `Labels`
    pub labels: BTreeMap<String, String>,
}
