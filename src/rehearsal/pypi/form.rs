//! The form of an upload, taken apart: fields in memory, the file on disk with its digests.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use axum::http::request::Parts;
use blake2::{Blake2b256, Digest as _};
use futures_util::{Stream, StreamExt, stream};
use md5::Md5;

use crate::digest::{Digest, Hashing};

/// The longest field that is not a file.
const LONGEST: usize = 8 << 20;

#[derive(Default)]
pub(super) struct Form {
    fields: Vec<(String, String)>,
    pub(super) content: Option<Content>,
    /// A field that came as a file.
    pub(super) tuple: Option<String>,
}

/// A file that was sent; it goes with the form.
pub(super) struct Content {
    pub(super) filename: String,
    pub(super) media_type: String,
    pub(super) path: tempfile::TempPath,
    pub(super) digests: Digests,
}

#[derive(Clone, Debug)]
pub(super) struct Digests {
    pub(super) size: u64,
    pub(super) md5: String,
    pub(super) sha256: Digest,
    /// BLAKE2b with 32 bytes, in hex.
    pub(super) blake2: String,
}

pub(super) enum Failed {
    /// The connection ended, or was to be cut.
    Interrupted,
    Malformed,
}

/// Hashes and writes what passes.
pub(super) struct Measured<W> {
    sha256: Hashing<W>,
    md5: Md5,
    blake2: Blake2b256,
}

impl<W: Write> Measured<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { sha256: Hashing::new(inner), md5: Md5::new(), blake2: Blake2b256::new() }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.md5.update(bytes);
        self.blake2.update(bytes);
        self.sha256.write_all(bytes)
    }

    pub(super) fn finish(self) -> (W, Digests) {
        let (inner, sha256, size) = self.sha256.finish();
        (inner, Digests { size, md5: hex(&self.md5.finalize()), sha256, blake2: hex(&self.blake2.finalize()) })
    }
}

impl Form {
    /// A field that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(key, _)| key == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads a form. `midway` stops in the middle of the body.
    pub(super) async fn read(parts: &Parts, body: Body, folder: &Path, midway: bool) -> Result<Self, Failed> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let length =
            parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let limit = midway.then(|| length.unwrap_or(1) / 2);
        let body = Body::from_stream(until(body, limit, Arc::clone(&interrupted)));
        let read = Self::parts(Request::from_parts(parts.clone(), body), folder).await;
        read.map_err(|()| if interrupted.load(Ordering::Relaxed) { Failed::Interrupted } else { Failed::Malformed })
    }

    async fn parts(request: Request, folder: &Path) -> Result<Self, ()> {
        let mut multipart = Multipart::from_request(request, &()).await.map_err(drop)?;
        let mut form = Self::default();
        while let Some(field) = multipart.next_field().await.map_err(drop)? {
            let name = field.name().unwrap_or_default().to_owned();
            match field.file_name().map(str::to_owned) {
                Some(filename) if name == "content" => form.content = Some(store(field, filename, folder).await?),
                Some(_) if name == "gpg_signature" => {}
                Some(_) => form.tuple = Some(name),
                None => {
                    let value = text(field).await?;
                    // `sanitize` of warehouse/forklift/decorators.py.
                    if value.trim() != "UNKNOWN" {
                        form.fields.push((name, value.replace('\0', "\\x00")));
                    }
                }
            }
        }
        Ok(form)
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn text(mut field: Field<'_>) -> Result<String, ()> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(drop)? {
        if bytes.len() + chunk.len() > LONGEST {
            return Err(());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn store(mut field: Field<'_>, filename: String, folder: &Path) -> Result<Content, ()> {
    let media_type = field.content_type().unwrap_or("text/plain").to_owned();
    let (file, path) = tempfile::NamedTempFile::new_in(folder).map_err(drop)?.into_parts();
    let mut measured = Measured::new(io::BufWriter::new(file));
    while let Some(chunk) = field.chunk().await.map_err(drop)? {
        measured.take(&chunk).map_err(drop)?;
    }
    let (mut file, digests) = measured.finish();
    file.flush().map_err(drop)?;
    Ok(Content { filename, media_type, path, digests })
}

/// The body until it ends, breaks, or `limit` bytes have passed; `interrupted` tells the last two.
fn until(
    body: Body,
    limit: Option<u64>,
    interrupted: Arc<AtomicBool>,
) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static {
    stream::unfold((body.into_data_stream(), limit), move |(mut body, left)| {
        let interrupted = Arc::clone(&interrupted);
        async move {
            let broken = |error: axum::Error| {
                interrupted.store(true, Ordering::Relaxed);
                Err(error)
            };
            if left == Some(0) {
                let error = io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose");
                return Some((broken(axum::Error::new(error)), (body, left)));
            }
            let chunk = match body.next().await? {
                Ok(chunk) => chunk,
                Err(error) => return Some((broken(error), (body, left))),
            };
            let left = left.map(|left| left.saturating_sub(chunk.len() as u64));
            Some((Ok(chunk), (body, left)))
        }
    })
}

#[cfg(test)]
impl Form {
    /// A form without a file.
    pub(super) fn of(fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { fields, ..Self::default() }
    }
}
