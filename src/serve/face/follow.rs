//! A log while it is written: as text that goes on, or as server-sent events that can be resumed.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::answer::typed;
use super::shared::Shared;
use crate::serve::log::Follower;
use crate::serve::store::Row;

/// A connection that says nothing for longer is cut by proxies.
const QUIET: Duration = Duration::from_secs(15);

/// How often it is looked whether a build that waits was cancelled, or started elsewhere.
const GLANCE: Duration = Duration::from_secs(2);

/// Longer lines are sent in pieces.
pub(super) const LONGEST_LINE: usize = 64 << 10;

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

/// The bytes of a log, as they are written.
pub(super) type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// The log of an attempt from a byte on. That of a build which waits begins when it starts; nothing if it has ended without one.
pub(super) async fn pieces(shared: &Shared, row: &Row, attempt: Option<u32>, offset: u64) -> Option<Pieces> {
    let (store, logs, id) = (shared.store.clone(), shared.logs.clone(), row.id.clone());
    if let Ok(follower) = logs.follow(&id, attempt.unwrap_or(row.attempt), offset).await {
        return Some(read(follower));
    }
    let attempt = attempt.unwrap_or(row.attempt.max(1));
    let started = async move {
        let mut opened = logs.opened();
        loop {
            opened.mark_unchanged();
            let has_ended = match store.get(&id).await {
                Ok(row) => row.is_none_or(|row| row.state.is_end()),
                Err(_) => false,
            };
            // After the row was read: who ended it has written its log before.
            match logs.follow(&id, attempt, offset).await {
                Ok(follower) => return Some(follower),
                Err(_) if has_ended => return None,
                Err(_) => drop(tokio::time::timeout(GLANCE, opened.changed()).await),
            }
        }
    };
    if row.state.is_end() {
        return None;
    }
    Some(stream::once(started).filter_map(std::future::ready).flat_map(read).boxed())
}

fn read(follower: Follower) -> Pieces {
    let next = |mut follower: Follower| async {
        let next = follower.next().await.transpose()?;
        Some((next, follower))
    };
    stream::unfold(follower, next).boxed()
}

/// Chunks, as they are written.
pub(super) fn text(pieces: Pieces) -> Response {
    uncached(typed(StatusCode::OK, "text/plain; charset=utf-8", Body::from_stream(pieces)))
}

/// One event for each line; its id is the offset behind it. The last event is named `end`.
pub(super) fn events(pieces: Pieces, offset: u64) -> Response {
    shaped(pieces, offset, plain)
}

/// The same with other events. A line that is longer than [`LONGEST_LINE`] comes in pieces; only the last one ends in a line break.
pub(super) fn shaped(
    pieces: Pieces,
    offset: u64,
    shape: impl FnMut(&[u8], u64) -> String + Send + 'static,
) -> Response {
    let events = stream::unfold(Some((pieces, Lines::at(offset, shape))), |state| async {
        let (mut pieces, mut lines) = state?;
        let next = tokio::time::timeout(QUIET, pieces.next()).await;
        Some(match next {
            Err(_) => (sent(": still there\n\n".into()), Some((pieces, lines))),
            Ok(Some(Ok(bytes))) => (sent(lines.take(&bytes)), Some((pieces, lines))),
            Ok(None) => (sent(lines.end() + "event: end\ndata:\n\n"), None),
            // The client comes back, with the id of the last line it got.
            Ok(Some(Err(_))) => (sent(String::new()), None),
        })
    });
    uncached(typed(StatusCode::OK, "text/event-stream", Body::from_stream(events)))
}

fn plain(line: &[u8], end: u64) -> String {
    let line = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
    // A carriage return would end the field.
    let fields: String = line.split('\r').map(|part| format!("data: {part}\n")).collect();
    format!("id: {end}\n{fields}\n")
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

/// Bytes on their way to become lines, and those to become events.
struct Lines<S> {
    /// The offset of what is kept.
    offset: u64,
    kept: Vec<u8>,
    shape: S,
}

impl<S: FnMut(&[u8], u64) -> String> Lines<S> {
    fn at(offset: u64, shape: S) -> Self {
        Self { offset, kept: Vec::new(), shape }
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
        (self.shape)(&kept, self.offset)
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
            let mut lines = Lines::at(0, plain);
            let mut text: String = whole.as_bytes().chunks(size).map(|piece| lines.take(piece)).collect();
            text.push_str(&lines.end());
            assert_eq!(text, expected, "{size}");
        }
        let mut resumed = Lines::at(4, plain);
        assert!(resumed.take(&whole.as_bytes()[4..]).starts_with("id: 17\n"));
    }
}
