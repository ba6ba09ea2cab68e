//! The body of an answer, taken piece by piece.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;

use super::no_answer::{NoAnswer, explain};
use super::pace::{LONGEST, Pace};

/// A body that is on its way to us.
pub struct Incoming {
    response: reqwest::Response,
    host: String,
    pace: Pace,
    /// What came and was not taken yet.
    rest: Bytes,
}

impl Incoming {
    pub(super) fn new(response: reqwest::Response, host: String, stall: Duration) -> Self {
        Self { response, host, pace: Pace::new(stall, LONGEST), rest: Bytes::new() }
    }

    pub(super) fn stream(self) -> impl Stream<Item = reqwest::Result<Bytes>> {
        self.response.bytes_stream()
    }

    /// So many bytes more; fewer only at its end.
    ///
    /// # Errors
    /// If it ends early, or is too slow.
    pub async fn next(&mut self, length: usize) -> Result<Vec<u8>, NoAnswer> {
        let mut taken = Vec::new();
        while taken.len() < length {
            if self.rest.is_empty() {
                let more = self.pace.wait(&self.host, self.response.chunk()).await?;
                match more.map_err(|error| explain(error, &self.host))? {
                    Some(chunk) => {
                        self.pace.count(&self.host, chunk.len())?;
                        self.rest = chunk;
                    }
                    None => break,
                }
            }
            taken.extend_from_slice(&self.rest.split_to(self.rest.len().min(length - taken.len())));
        }
        Ok(taken)
    }
}

/// A sink that refuses more than was promised: a server may lie about sizes, our disk must not pay for it.
pub struct Limited<W> {
    inner: W,
    /// `None` as soon as more has arrived.
    left: Option<u64>,
}

impl<W: Write> Limited<W> {
    /// So many bytes go into a sink.
    pub fn new(inner: W, most: u64) -> Self {
        Self { inner, left: Some(most) }
    }

    /// Whether more came.
    pub fn is_over(&self) -> bool {
        self.left.is_none()
    }
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.and_then(|left| left.checked_sub(bytes.len() as u64));
        if self.left.is_none() {
            return Err(io::Error::other("it is longer than it should be"));
        }
        self.inner.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
