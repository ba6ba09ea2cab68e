//! What a request sends: nothing, bytes, or a file that is read while it is sent.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::NoAnswer;

/// How much is handed to a connection at once.
pub(super) const PIECE: usize = 64 << 10;

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// Nothing.
    Empty,
    /// Bytes in memory.
    Bytes {
        /// They.
        bytes: &'a [u8],
        /// Their media type.
        media: &'a str,
    },
    /// A file, streamed with its length.
    File {
        /// Where it lies.
        path: &'a Path,
        /// Its length in bytes; never more is read.
        size: u64,
        /// Its media type.
        media: &'a str,
        /// Counts the bytes handed to the connection.
        sent: Arc<AtomicU64>,
    },
    /// A file between two pieces of text, as a form holds one; streamed with the length of all three.
    Framed {
        /// What stands before it.
        head: &'a [u8],
        /// Where it lies.
        path: &'a Path,
        /// Its length in bytes; never more is read.
        size: u64,
        /// What stands after it.
        tail: &'a [u8],
        /// The media type of the whole.
        media: &'a str,
        /// Counts the bytes of the file handed to the connection.
        sent: Arc<AtomicU64>,
    },
}

/// Bytes as a body, in pieces, so that it is known how many were taken.
pub(super) fn pieces(bytes: &[u8], sent: &Arc<AtomicU64>) -> reqwest::Body {
    let (mut rest, sent) = (Bytes::copy_from_slice(bytes), Arc::clone(sent));
    let pieces = std::iter::from_fn(move || {
        let piece = rest.split_to(rest.len().min(PIECE));
        sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        (!piece.is_empty()).then_some(Ok::<_, io::Error>(piece))
    });
    reqwest::Body::wrap_stream(stream::iter(pieces))
}

/// A file as a body.
pub(super) async fn stream(path: &Path, size: u64, sent: &Arc<AtomicU64>) -> Result<reqwest::Body, NoAnswer> {
    Ok(reqwest::Body::wrap_stream(chunks(path, size, sent).await?))
}

/// A file between a head and a tail.
pub(super) async fn framed(
    (head, tail): (&[u8], &[u8]),
    (path, size): (&Path, u64),
    sent: &Arc<AtomicU64>,
) -> Result<reqwest::Body, NoAnswer> {
    let piece = |bytes: &[u8]| {
        let bytes = Bytes::copy_from_slice(bytes);
        stream::once(async move { Ok(bytes) })
    };
    let all = piece(head).chain(chunks(path, size, sent).await?).chain(piece(tail));
    Ok(reqwest::Body::wrap_stream(all))
}

async fn chunks(
    path: &Path,
    size: u64,
    sent: &Arc<AtomicU64>,
) -> Result<impl Stream<Item = io::Result<Bytes>> + use<>, NoAnswer> {
    let file = tokio::fs::File::open(path)
        .await
        .map_err(|error| NoAnswer::new(format!("cannot read `{}`: {error}", path.display())))?;
    let sent = Arc::clone(sent);
    Ok(ReaderStream::with_capacity(file.take(size), PIECE).inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
    }))
}
