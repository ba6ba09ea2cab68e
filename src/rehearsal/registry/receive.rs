//! The bytes of uploads: streamed to a file, hashed on the way, and put in their place when the digest is right.

use std::io::Write;

use axum::body::BodyDataStream;
use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use futures_util::StreamExt;

use crate::digest::Digest;
use crate::rehearsal::percent::query;

use super::answer::{CONTENT_DIGEST, Code, RegistryAnswer};
use super::route;
use super::shared::Shared;
use super::state::{Upload, blob_path};

pub(super) type Outcome<T> = Result<T, RegistryAnswer>;

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// How a request that carries bytes ended.
pub(super) enum Uploaded {
    Answered(RegistryAnswer),
    /// In the middle; what arrived stays.
    Interrupted,
}

/// How long the body will be, where the client says it; without any header there is none.
pub(super) fn length(parts: &Parts) -> Option<u64> {
    match parts.headers.get(header::CONTENT_LENGTH) {
        Some(value) => value.to_str().ok()?.parse().ok(),
        None => (!parts.headers.contains_key(header::TRANSFER_ENCODING)).then_some(0),
    }
}

/// Takes the bytes of a body, and ends the upload if a digest came with them.
pub(super) async fn receive(
    shared: &Shared,
    parts: &Parts,
    id: &str,
    body: &mut BodyDataStream,
    interrupt: bool,
) -> Uploaded {
    let asked = parts.uri.query().unwrap_or_default();
    let digest = match query(asked, "digest").map(|text| route::digest(&text)).transpose() {
        Ok(None) if parts.method == "PUT" => {
            return Uploaded::Answered(RegistryAnswer::error(400, Code::DigestInvalid, "`digest` is missing"));
        }
        Ok(digest) => digest,
        Err(answer) => return Uploaded::Answered(answer),
    };
    let length = length(parts);
    let most = shared.quirks.largest_put.filter(|_| digest.is_some()).unwrap_or(u64::MAX);
    let too_large = || Uploaded::Answered(RegistryAnswer::error(413, Code::SizeInvalid, "the body is too large"));
    if length.is_some_and(|length| length > most) {
        return too_large();
    }
    let limit = if interrupt { length.map_or(1, |length| length / 2) } else { most };
    match write(shared, id, body, limit).await {
        Err(answer) => Uploaded::Answered(answer),
        Ok(End::Whole) if interrupt => Uploaded::Interrupted,
        Ok(End::Broken) => Uploaded::Interrupted,
        Ok(End::Limit) if interrupt => Uploaded::Interrupted,
        Ok(End::Limit) => too_large(),
        Ok(End::Whole) => Uploaded::Answered(match digest {
            None => progress(shared, id, 202),
            Some(digest) => finish(shared, id, digest).unwrap_or_else(|refusal| refusal),
        }),
    }
}

enum End {
    Whole,
    /// The client went away.
    Broken,
    /// More came than may, or enough.
    Limit,
}

/// Streams a body into an upload. A chunk is at most a socket buffer, so writing it to the page cache here is cheaper
/// than handing it to another thread.
async fn write(shared: &Shared, id: &str, body: &mut BodyDataStream, limit: u64) -> Outcome<End> {
    let busy = || RegistryAnswer::error(400, Code::BlobUploadInvalid, "another request writes to this upload");
    let taken = shared.state().uploads.get_mut(id).ok_or_else(unknown)?.file.take();
    let mut file = taken.ok_or_else(busy)?;
    let mut received = 0;
    let end = loop {
        match body.next().await {
            _ if limit == 0 => break Ok(End::Limit),
            None => break Ok(End::Whole),
            Some(Err(_)) => break Ok(End::Broken),
            Some(Ok(chunk)) => {
                let room = usize::try_from(limit - received).unwrap_or(usize::MAX);
                let fits = &chunk[..chunk.len().min(room)];
                if let Err(error) = file.write_all(fits) {
                    break Err(failed(&error));
                }
                received += fits.len() as u64;
                if fits.len() < chunk.len() {
                    break Ok(End::Limit);
                }
            }
        }
    };
    if let Some(upload) = shared.state().uploads.get_mut(id) {
        upload.file = Some(file);
        upload.received += received;
        let whole = matches!(end, Ok(End::Whole)) && received > 0;
        upload.short |= whole && shared.quirks.chunk_min.is_some_and(|least| received < least);
    }
    end
}

/// Checks the digest and puts the bytes in their place. A wrong digest ends the upload.
fn finish(shared: &Shared, id: &str, expected: Digest) -> Outcome<RegistryAnswer> {
    let mut state = shared.state();
    let Upload { repository, file, path, .. } = state.uploads.remove(id).ok_or_else(unknown)?;
    let (_, digest, size) = file.ok_or_else(unknown)?.finish();
    if digest != expected {
        let _ = std::fs::remove_file(path);
        let text = format!("the bytes have digest {digest}, not {expected}");
        return Err(RegistryAnswer::error(400, Code::DigestInvalid, &text));
    }
    if state.blobs.contains_key(&digest) {
        // Its bytes are there, and somebody may read them.
        let _ = std::fs::remove_file(path);
    } else {
        std::fs::rename(path, blob_path(&shared.folder, digest)).map_err(|error| failed(&error))?;
    }
    state.add_blob(&repository, digest, size);
    Ok(created(shared, &repository, digest))
}

pub(super) fn created(shared: &Shared, repository: &str, digest: Digest) -> RegistryAnswer {
    let at = shared.location(&format!("/v2/{repository}/blobs/{digest}"));
    RegistryAnswer::empty(201).header(header::LOCATION, at).header(CONTENT_DIGEST, digest.to_string())
}

/// Where an upload stands, and where it goes on.
pub(super) fn progress(shared: &Shared, id: &str, status: u16) -> RegistryAnswer {
    let state = shared.state();
    let Some(upload) = state.uploads.get(id) else { return unknown() };
    let answer = match status {
        416 => RegistryAnswer::error(416, Code::BlobUploadInvalid, "the chunk does not follow the last one"),
        _ => RegistryAnswer::empty(status),
    };
    let received = upload.received;
    // The address has a query of its own, as Docker's registry gives it: clients must add to it.
    let at = format!("/v2/{}/blobs/uploads/{id}?_state={received}", upload.repository);
    // An end is included, so an empty upload cannot be told from one of a byte; Docker's registry writes it so too.
    let range = format!("0-{}", received.saturating_sub(1));
    answer.header(header::LOCATION, shared.location(&at)).header(header::RANGE, range).header(UPLOAD_ID, id)
}

pub(super) fn unknown() -> RegistryAnswer {
    RegistryAnswer::error(404, Code::BlobUploadUnknown, "there is no such upload")
}

pub(super) fn failed(error: &std::io::Error) -> RegistryAnswer {
    RegistryAnswer::error(500, Code::Unknown, &format!("the blob cannot be stored: {error}"))
}
