//! The body of an answer, taken piece by piece.

use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::time::timeout;

use super::{NoAnswer, explain};

/// A body that is on its way to us.
pub struct Incoming {
    response: reqwest::Response,
    host: String,
    stall: Duration,
    /// What came and was not taken yet.
    rest: Bytes,
}

impl Incoming {
    pub(super) fn new(response: reqwest::Response, host: String, stall: Duration) -> Self {
        Self { response, host, stall, rest: Bytes::new() }
    }

    /// All of it, as it comes.
    pub(super) fn stream(self) -> impl Stream<Item = reqwest::Result<Bytes>> {
        self.response.bytes_stream()
    }

    /// So many bytes more; fewer only at its end.
    ///
    /// # Errors
    /// If it ends early.
    pub async fn next(&mut self, length: usize) -> Result<Vec<u8>, NoAnswer> {
        let mut taken = Vec::new();
        while taken.len() < length {
            if self.rest.is_empty() {
                let more = timeout(self.stall, self.response.chunk()).await.map_err(|_| stopped(&self.host))?;
                match more.map_err(|error| explain(error, &self.host))? {
                    Some(chunk) => self.rest = chunk,
                    None => break,
                }
            }
            taken.extend_from_slice(&self.rest.split_to(self.rest.len().min(length - taken.len())));
        }
        Ok(taken)
    }
}

pub(super) fn stopped(host: &str) -> NoAnswer {
    NoAnswer::new(format!("`{host}` stopped in the middle of its answer"))
}
