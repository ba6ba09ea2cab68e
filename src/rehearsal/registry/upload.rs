//! Uploads of blobs, in one request or several ("Pushing blobs" of the distribution spec).

use std::fs::File;

use axum::body::BodyDataStream;
use axum::http::request::Parts;
use axum::http::{HeaderName, header};

use crate::digest::Hashing;
use crate::rehearsal::percent::query;

use super::answer::{Code, RegistryAnswer};
use super::options::Mounts;
use super::receive::{Outcome, Uploaded, created, failed, length, progress, receive, unknown};
use super::route;
use super::shared::Shared;
use super::state::Upload;

const CHUNK_MIN: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// end-4a, end-4b and end-11: begins an upload, mounts a blob, or takes one whole.
pub(super) async fn begin(
    shared: &Shared,
    parts: &Parts,
    repository: &str,
    body: &mut BodyDataStream,
    interrupt: bool,
) -> Uploaded {
    let asked = parts.uri.query().unwrap_or_default();
    if let Some(mount) = query(asked, "mount")
        && let Some(answer) = self::mount(shared, repository, &mount, query(asked, "from"))
    {
        return Uploaded::Answered(answer);
    }
    let id = match open(shared, repository) {
        Ok(id) => id,
        Err(answer) => return Uploaded::Answered(answer),
    };
    if query(asked, "digest").is_some() {
        return receive(shared, parts, &id, body, interrupt).await;
    }
    let answer = progress(shared, &id, 202);
    Uploaded::Answered(match shared.quirks.chunk_min {
        Some(least) => answer.header(CHUNK_MIN, least.to_string()),
        None => answer,
    })
}

/// The answer of a mount; nothing if an upload begins instead.
fn mount(shared: &Shared, repository: &str, mount: &str, from: Option<String>) -> Option<RegistryAnswer> {
    match shared.quirks.mounts {
        Mounts::Taken => {}
        Mounts::Ignored => return None,
        Mounts::NotAllowed => return Some(RegistryAnswer::not_allowed()),
    }
    let digest = match route::digest(mount) {
        Ok(digest) => digest,
        Err(answer) => return Some(answer),
    };
    let mut state = shared.state();
    // Without `from` a registry may look elsewhere; this one looks nowhere.
    let size = state.blob(&from?, digest)?;
    state.add_blob(repository, digest, size);
    Some(created(shared, repository, digest))
}

fn open(shared: &Shared, repository: &str) -> Outcome<String> {
    let mut state = shared.state();
    state.begun += 1;
    let id = format!("upload-{}", state.begun);
    let path = shared.folder.join(format!("{id}.part"));
    let file = File::create(&path).map_err(|error| failed(&error))?;
    let file = Some(Hashing::new(file));
    let upload = Upload { repository: repository.to_owned(), file, path, received: 0, short: false };
    state.uploads.insert(id.clone(), upload);
    Ok(id)
}

/// end-5, end-6 and end-13, and `DELETE`, which Docker's registry has too.
pub(super) async fn go_on(
    shared: &Shared,
    parts: &Parts,
    id: &str,
    body: &mut BodyDataStream,
    interrupt: bool,
) -> Uploaded {
    match parts.method.as_str() {
        "GET" => Uploaded::Answered(progress(shared, id, 204)),
        "PATCH" | "PUT" => match expected(shared, parts, id) {
            Ok(()) => receive(shared, parts, id, body, interrupt).await,
            Err(answer) => Uploaded::Answered(answer),
        },
        "DELETE" if !shared.quirks.no_delete => {
            if let Some(Upload { file, path, .. }) = shared.state().uploads.remove(id) {
                drop(file);
                let _ = std::fs::remove_file(path);
            }
            Uploaded::Answered(RegistryAnswer::empty(204))
        }
        _ => Uploaded::Answered(RegistryAnswer::not_allowed()),
    }
}

/// What must hold before a byte is read: the address is that of the last answer, and chunks come in order.
fn expected(shared: &Shared, parts: &Parts, id: &str) -> Outcome<()> {
    let asked = parts.uri.query().unwrap_or_default();
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let length = length(parts);
    let state = shared.state();
    let upload = state.uploads.get(id).ok_or_else(unknown)?;
    let range = match text(header::CONTENT_RANGE) {
        None => None,
        Some(text) => {
            let wrong =
                || RegistryAnswer::error(400, Code::BlobUploadInvalid, &format!("`{text}` is not a range of a chunk"));
            Some(chunk(text).ok_or_else(wrong)?)
        }
    };
    if let Some((start, end)) = range {
        if start != upload.received {
            drop(state);
            return Err(progress(shared, id, 416));
        }
        if length.is_some_and(|length| length != end - start + 1) {
            let text = "`Content-Range` and `Content-Length` differ";
            return Err(RegistryAnswer::error(400, Code::SizeInvalid, text));
        }
    }
    if query(asked, "_state") != Some(upload.received.to_string()) {
        let text = "the address is not that of the last `Location`";
        return Err(RegistryAnswer::error(400, Code::BlobUploadInvalid, text));
    }
    if upload.short && length != Some(0) {
        let text = "a chunk before the last is smaller than `OCI-Chunk-Min-Length`";
        return Err(RegistryAnswer::error(400, Code::SizeInvalid, text));
    }
    Ok(())
}

/// `START-END`, both included, without a unit: "Pushing a blob in chunks".
fn chunk(text: &str) -> Option<(u64, u64)> {
    let (start, end) = text.split_once('-')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number(start).zip(number(end)).filter(|(start, end): &(u64, u64)| start <= end)
}
