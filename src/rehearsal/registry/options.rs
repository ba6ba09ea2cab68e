//! How a registry is set up: who may do what, and in what it differs from others.

use std::path::PathBuf;

use crate::secret::Secret;

use super::fault::Fault;

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    pub auth: Auth,
    /// In what it differs from other registries.
    pub quirks: Quirks,
    /// What goes wrong on purpose, and how often.
    pub faults: Vec<(Fault, usize)>,
    /// Where blobs lie; a temporary folder otherwise.
    pub folder: Option<PathBuf>,
}

#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Everybody may do everything.
    #[default]
    None,
    Basic {
        user: String,
        password: Secret,
    },
    /// Tokens from `/token`, as Docker's token authentication describes them. Without the password they allow reading.
    Bearer {
        user: String,
        /// The password; `POST /token` takes it as a refresh token too.
        password: Secret,
    },
}

/// In what registries differ while they keep to the spec, and where some do not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quirks {
    /// `Location` holds a whole URL; a path otherwise ("Pushing blobs" allows both).
    pub absolute_locations: bool,
    pub mounts: Mounts,
    /// No referrers API: 404, and no `OCI-Subject` ("Unavailable Referrers API").
    pub no_referrers: bool,
    /// A request that holds the end of a blob is refused with 413 if its body is larger.
    pub largest_put: Option<u64>,
    /// `OCI-Chunk-Min-Length`: a smaller chunk must be the last ("Pushing a blob in chunks").
    pub chunk_min: Option<u64>,
    /// A tag cannot be moved: 400 `TAG_INVALID`.
    pub immutable_tags: bool,
    /// Blobs are redirected to a store that refuses requests with an `Authorization` header.
    pub redirect_blobs: bool,
    /// `DELETE` is not supported: 405.
    pub no_delete: bool,
    /// Tags are not listed: 404, as if the repository did not exist.
    pub no_tag_list: bool,
}

/// What becomes of mounts ("Mounting a blob from another repository").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mounts {
    /// 201 if the blob is where it is said to be.
    #[default]
    Taken,
    /// 202 always: an upload begins.
    Ignored,
    /// 405.
    NotAllowed,
}
