//! A request as the endpoints see it.

use axum::http::HeaderMap;

use super::json::Addresses;
use super::route::Target;
use super::state::Who;

/// What was asked, by whom, and of which repository.
pub(super) struct Asked<'a> {
    pub(super) target: &'a Target,
    pub(super) who: Who,
    pub(super) to: &'a Addresses,
    /// Undecoded.
    pub(super) query: &'a str,
    /// Path without query, for links to other pages.
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}
