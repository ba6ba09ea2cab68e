//! What was seen at a destination: the ledger `receipts.json`. Evidence, never a decision: remote state is the truth.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The format of `receipts.json`.
pub const SCHEMA: &str = "longshore/receipts/1";

/// Everything observed while publishing one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipts {
    /// `longshore/receipts/1`
    pub schema: String,
    /// Digest of the plan.
    pub plan: Digest,
    /// One entry per thing published, in order.
    pub receipts: Vec<Receipt>,
}

/// One thing at one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// Name of the destination in the plan.
    pub destination: String,
    /// Tag of the release it belongs to.
    pub tag: String,
    /// File name, or `release` for the release itself.
    pub name: String,
    /// Digest of the file, as planned bytes have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where the public finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What happened.
    pub outcome: Outcome,
    /// How equality was established: `digest` (the server's), `download` (we hashed it), absent when unconfirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
    /// When it was seen, RFC 3339; informative only.
    pub at: String,
}

/// What happened to one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// We put it there in this run.
    Published,
    /// It was there already, with equal bytes.
    AlreadyThere,
    /// It is there, but its bytes could not be read back.
    Unconfirmed,
    /// Something different is there.
    Conflict,
}
