//! A log as a file over HTTP: conditional, in ranges, streamed.

use std::io::SeekFrom;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::answer::{typed, with};

const PLAIN: &str = "text/plain; charset=utf-8";

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// The file as it is now, or nothing if there is none.
pub(super) async fn answer(path: &Path, method: &Method, headers: &HeaderMap) -> Option<Response> {
    let mut file = File::open(path).await.ok()?;
    let facts = file.metadata().await.ok().filter(std::fs::Metadata::is_file)?;
    let changed: DateTime<Utc> = facts.modified().ok()?.into();
    let length = facts.len();
    let etag = format!("\"{:x}-{length:x}\"", changed.timestamp_micros());
    let described = |response: Response| {
        let response = with(response, header::ETAG, &etag);
        let response = with(response, header::LAST_MODIFIED, &changed.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        with(response, header::ACCEPT_RANGES, "bytes")
    };
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|known| names(known, &etag)) {
        let mut response = described(Response::new(Body::empty()));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(response);
    }
    let same = text(header::IF_RANGE).is_none_or(|known| known == etag);
    let wanted = text(header::RANGE).filter(|_| same).and_then(|range| Range::of(range, length));
    let (status, start, size) = match wanted {
        None => (StatusCode::OK, 0, length),
        Some(Range::Part { start, size }) => (StatusCode::PARTIAL_CONTENT, start, size),
        Some(Range::Beyond) => {
            let response = typed(StatusCode::RANGE_NOT_SATISFIABLE, PLAIN, Body::empty());
            return Some(with(described(response), header::CONTENT_RANGE, &format!("bytes */{length}")));
        }
    };
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        file.seek(SeekFrom::Start(start)).await.ok()?;
        Body::from_stream(ReaderStream::with_capacity(file.take(size), CHUNK))
    };
    let response = with(described(typed(status, PLAIN, body)), header::CONTENT_LENGTH, &size.to_string());
    Some(match status {
        StatusCode::PARTIAL_CONTENT => {
            with(response, header::CONTENT_RANGE, &format!("bytes {start}-{}/{length}", start + size - 1))
        }
        _ => response,
    })
}

fn names(known: &str, etag: &str) -> bool {
    known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == "*" || one == etag)
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Part { start: u64, size: u64 },
    Beyond,
}

impl Range {
    /// The one range of a header; several, and what is malformed, are as if there was none.
    fn of(header: &str, length: u64) -> Option<Self> {
        let (from, to) = header.strip_prefix("bytes=")?.split_once('-')?;
        let (start, end) = match (from, to) {
            ("", tail) => (length.saturating_sub(tail.parse().ok()?), length),
            (from, "") => (from.parse().ok()?, length),
            (from, to) => (from.parse().ok()?, to.parse::<u64>().ok()?.checked_add(1)?.min(length)),
        };
        if start >= length {
            return Some(Self::Beyond);
        }
        (start < end).then(|| Self::Part { start, size: end - start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ranges() {
        let part = |start, size| Some(Range::Part { start, size });
        for (header, expected) in [
            ("bytes=0-", part(0, 10)),
            ("bytes=3-5", part(3, 3)),
            ("bytes=3-99", part(3, 7)),
            ("bytes=-4", part(6, 4)),
            ("bytes=-99", part(0, 10)),
            ("bytes=10-", Some(Range::Beyond)),
            ("bytes=-0", Some(Range::Beyond)),
            ("bytes=5-3", None),
            ("bytes=0-1,3-4", None),
            ("bytes=x-", None),
            ("lines=0-", None),
            ("bytes=0-18446744073709551615", None),
        ] {
            assert_eq!(Range::of(header, 10), expected, "{header}");
        }
        assert_eq!(Range::of("bytes=0-", 0), Some(Range::Beyond));
    }
}
