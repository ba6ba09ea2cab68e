//! How a server is set up.

use std::path::PathBuf;

use crate::secret::Secret;

use super::fault::Fault;
use super::seed::Repository;

/// What a server has and knows from the start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    pub repositories: Vec<Repository>,
    /// The token that may write and see drafts. Any other token but `reader` is refused with 401.
    pub token: Secret,
    /// A token that may not write: 403.
    pub reader: Option<Secret>,
    pub faults: Vec<Fault>,
    /// An existing folder for the bytes of assets.
    pub spool: PathBuf,
    /// The time of the first write, RFC 3339; each further write is a second later.
    pub clock: String,
}
