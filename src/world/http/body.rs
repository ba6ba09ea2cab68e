//! What a request sends: nothing, bytes, or a file that is read, and compared with its digest, while it is sent.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::incoming::Incoming;
use super::no_answer::{Changed, NoAnswer};
use crate::digest::{Digest, Hashing};

/// How much is handed to a connection at once.
pub(super) const PIECE: usize = 64 << 10;

#[derive(Clone, Debug)]
pub enum Body<'a> {
    Empty,
    Bytes {
        bytes: &'a [u8],
        media: &'a str,
    },
    /// A file, streamed with its length.
    File {
        path: &'a Path,
        /// Its length in bytes; never more is read.
        size: u64,
        /// Its digest: with other bytes the request is never whole.
        sha256: Digest,
        media: &'a str,
        /// Counts the bytes handed to the connection.
        sent: Arc<AtomicU64>,
    },
    /// A file between two pieces of text, as a form holds one; streamed with the length of all three.
    Framed {
        /// What stands before it.
        head: &'a [u8],
        path: &'a Path,
        /// Its length in bytes; never more is read.
        size: u64,
        /// Its digest: with other bytes the request is never whole.
        sha256: Digest,
        /// What stands after it.
        tail: &'a [u8],
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

/// What another server sends, compared before its last piece is handed on.
pub(super) fn passed_on(incoming: Incoming, size: u64, sha256: Digest) -> impl Stream<Item = io::Result<Bytes>> {
    let inner = Box::pin(incoming.stream().map(|chunk| chunk.map_err(io::Error::other)));
    Checked { inner, hashing: Some(Hashing::new(io::sink())), left: size, file: None, sha256 }
}

/// The chunks of a file between a head and a tail.
pub(super) fn framed(
    head: &[u8],
    file: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    tail: &[u8],
) -> reqwest::Body {
    let piece = |bytes: &[u8]| {
        let bytes = Bytes::copy_from_slice(bytes);
        stream::once(async move { Ok(bytes) })
    };
    reqwest::Body::wrap_stream(piece(head).chain(file).chain(piece(tail)))
}

/// The chunks of a file. The last one is only handed out when all of them together have the right digest: a server that
/// gets wrong bytes may keep them.
struct Checked<S> {
    inner: S,
    hashing: Option<Hashing<io::Sink>>,
    left: u64,
    /// Our own file; `None` for what another server sends.
    file: Option<String>,
    sha256: Digest,
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Stream for Checked<S> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(Pin::new(&mut self.inner).poll_next(context));
        Poll::Ready(self.checked(next))
    }
}

impl<S> Checked<S> {
    fn checked(&mut self, next: Option<io::Result<Bytes>>) -> Option<io::Result<Bytes>> {
        use io::Write;
        let changed = |text: String| Some(Err(io::Error::other(Changed(text))));
        let chunk = match (next, &self.file) {
            (Some(Ok(chunk)), _) => chunk,
            (Some(Err(error)), Some(file)) => return changed(format!("cannot read `{file}`: {error}")),
            (None, Some(file)) if self.left > 0 => {
                return changed(format!("`{file}` is {} bytes shorter than before", self.left));
            }
            (other, _) => return other,
        };
        self.left = self.left.saturating_sub(chunk.len() as u64);
        let Some(hashing) = &mut self.hashing else { return Some(Ok(chunk)) };
        if let Err(error) = hashing.write_all(&chunk) {
            return Some(Err(error));
        }
        if self.left > 0 {
            return Some(Ok(chunk));
        }
        let found = self.hashing.take().map(|hashing| hashing.finish().1);
        match found {
            Some(found) if found != self.sha256 => changed(match &self.file {
                Some(file) => {
                    format!("`{file}` is no longer the verified file: it has {found}, not {}", self.sha256)
                }
                None => format!("{} arrived as {found}", self.sha256),
            }),
            _ => Some(Ok(chunk)),
        }
    }
}

/// The chunks of a file, which count themselves.
pub(super) async fn file(
    path: &Path,
    size: u64,
    sha256: Digest,
    sent: &Arc<AtomicU64>,
) -> Result<impl Stream<Item = io::Result<Bytes>> + use<>, NoAnswer> {
    let name = path.display().to_string();
    let opened = tokio::fs::File::open(path)
        .await
        .map_err(|error| NoAnswer { changed: true, ..NoAnswer::new(format!("cannot read `{name}`: {error}")) })?;
    let inner = ReaderStream::with_capacity(opened.take(size), 64 << 10);
    let checked = Checked { inner, hashing: Some(Hashing::new(io::sink())), left: size, file: Some(name), sha256 };
    let sent = Arc::clone(sent);
    Ok(checked.inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
    }))
}
