//! A log while it is written: as text that goes on, or as server-sent events that can be resumed.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;

use super::answer::typed;
use crate::serve::log::Follower;

/// A connection that says nothing for longer is cut by proxies.
const QUIET: Duration = Duration::from_secs(15);

/// Longer lines are sent in pieces.
const LONGEST_LINE: usize = 64 << 10;

/// Whether the caller wants events.
pub(super) fn wants_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/event-stream")
}

/// Where a client that was cut off goes on: the byte after the last event it got.
pub(super) fn resumed(headers: &HeaderMap) -> u64 {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    last.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Chunks, as they are written.
pub(super) fn text(follower: Follower) -> Response {
    let chunks = stream::unfold(follower, |mut follower| async {
        let next = follower.next().await.transpose()?;
        Some((next, follower))
    });
    uncached(typed(StatusCode::OK, "text/plain; charset=utf-8", Body::from_stream(chunks)))
}

/// One event for each line; its id is the offset behind it. The last event is named `end`.
pub(super) fn events(follower: Follower, offset: u64) -> Response {
    let events = stream::unfold(Some((follower, Lines::at(offset))), |state| async {
        let (mut follower, mut lines) = state?;
        let next = tokio::time::timeout(QUIET, follower.next()).await;
        Some(match next {
            Err(_) => (sent(": still there\n\n".into()), Some((follower, lines))),
            Ok(Ok(Some(bytes))) => (sent(lines.take(&bytes)), Some((follower, lines))),
            Ok(Ok(None)) => (sent(lines.end() + "event: end\ndata:\n\n"), None),
            // The client comes back, with the id of the last line it got.
            Ok(Err(_)) => (sent(String::new()), None),
        })
    });
    uncached(typed(StatusCode::OK, "text/event-stream", Body::from_stream(events)))
}

fn sent(text: String) -> Result<Bytes, Infallible> {
    Ok(Bytes::from(text))
}

/// Nothing between us and the reader keeps it or waits for more.
fn uncached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Bytes on their way to become lines.
struct Lines {
    /// The offset of what is kept.
    offset: u64,
    kept: Vec<u8>,
}

impl Lines {
    fn at(offset: u64) -> Self {
        Self { offset, kept: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) -> String {
        let mut text = String::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.kept.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.kept.len() >= LONGEST_LINE {
                text.push_str(&self.event());
            }
        }
        text
    }

    fn end(&mut self) -> String {
        if self.kept.is_empty() { String::new() } else { self.event() }
    }

    fn event(&mut self) -> String {
        let kept = std::mem::take(&mut self.kept);
        self.offset += kept.len() as u64;
        let line = String::from_utf8_lossy(kept.strip_suffix(b"\n").unwrap_or(&kept));
        // A carriage return would end the field.
        let fields: String = line.split('\r').map(|part| format!("data: {part}\n")).collect();
        format!("id: {}\n{fields}\n", self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_events_whatever_the_pieces() {
        let whole = "one\ntwo\r50%\r100%\n\nlast";
        let expected =
            "id: 4\ndata: one\n\nid: 17\ndata: two\ndata: 50%\ndata: 100%\n\nid: 18\ndata: \n\nid: 22\ndata: last\n\n";
        for size in [1, 3, 7, 100] {
            let mut lines = Lines::at(0);
            let mut text: String = whole.as_bytes().chunks(size).map(|piece| lines.take(piece)).collect();
            text.push_str(&lines.end());
            assert_eq!(text, expected, "{size}");
        }
        let mut resumed = Lines::at(4);
        assert!(resumed.take(&whole.as_bytes()[4..]).starts_with("id: 17\n"));
    }
}
