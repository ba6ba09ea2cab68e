//! What comes with a request besides its path.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method};

use super::caller::Caller;

pub(super) struct Asked<'q> {
    pub caller: Caller,
    pub method: Method,
    pub headers: HeaderMap,
    pub query: &'q str,
    pub body: Bytes,
}
