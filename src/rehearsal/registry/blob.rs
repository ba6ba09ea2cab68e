//! Blobs as they are read: whole, in parts, from here or by a redirect to a store that knows no tokens.

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::digest::Digest;
use crate::rehearsal::percent::query;

use super::answer::{CONTENT_DIGEST, Code, Part, RegistryAnswer};
use super::fault::Fault;
use super::shared::Shared;
use super::state::blob_path;

/// end-2 and end-10.
pub(super) fn answer(
    shared: &Shared,
    parts: &Parts,
    repository: &str,
    digest: Digest,
    strike: Option<Fault>,
) -> RegistryAnswer {
    if !matches!(parts.method.as_str(), "GET" | "HEAD") {
        // Registries collect what no manifest names; hardly any deletes blobs on demand.
        return RegistryAnswer::not_allowed();
    }
    let Some(size) = shared.state().blob(repository, digest) else {
        return RegistryAnswer::error(404, Code::BlobUnknown, &format!("blob {digest} is not in `{repository}`"));
    };
    let lies = strike == Some(Fault::LiesAboutSize);
    let spoiled = strike == Some(Fault::WrongBytes);
    if shared.quirks.redirect_blobs && !lies && !spoiled {
        let (store, key) = (shared.store, &shared.key);
        let to = format!("http://{store}/store/{}?signature={key}", digest.hex());
        return RegistryAnswer::empty(307).header(header::LOCATION, to).header(CONTENT_DIGEST, digest.to_string());
    }
    let size = size + u64::from(lies);
    stored(shared, &parts.headers, digest, size, spoiled).header(CONTENT_DIGEST, digest.to_string())
}

/// The second listener. As object stores do, it takes a signature or credentials, not both.
pub(super) fn store(shared: &Shared, headers: &HeaderMap, path: &str, asked: &str) -> RegistryAnswer {
    if headers.contains_key(header::AUTHORIZATION) {
        let text = "<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>";
        return RegistryAnswer::bytes(400, "application/xml", text);
    }
    if query(asked, "signature").as_deref() != Some(&shared.key) {
        return RegistryAnswer::bytes(403, "application/xml", "<Error><Code>AccessDenied</Code></Error>");
    }
    let digest = path.strip_prefix("/store/").and_then(|hex| hex.parse::<Digest>().ok());
    let found = digest.and_then(|digest| Some((digest, *shared.state().blobs.get(&digest)?)));
    match found {
        Some((digest, size)) => stored(shared, headers, digest, size, false),
        None => RegistryAnswer::bytes(404, "application/xml", "<Error><Code>NoSuchKey</Code></Error>"),
    }
}

fn stored(shared: &Shared, headers: &HeaderMap, digest: Digest, size: u64, spoiled: bool) -> RegistryAnswer {
    let path = blob_path(&shared.folder, digest);
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(|text| range(text, size));
    match asked {
        None => RegistryAnswer::part(200, Part { path, start: 0, length: size, spoiled })
            .header(header::ACCEPT_RANGES, "bytes"),
        Some(None) => RegistryAnswer::error(416, Code::SizeInvalid, "nothing lies in this range")
            .header(header::CONTENT_RANGE, format!("bytes */{size}")),
        Some(Some((start, end))) => RegistryAnswer::part(206, Part { path, start, length: end - start + 1, spoiled })
            .header(header::CONTENT_RANGE, format!("bytes {start}-{end}/{size}")),
    }
}

/// First and last byte of a range, nothing inside if it cannot be met; nothing at all if it is to be ignored, as RFC
/// 9110 (14.2) asks for what is malformed. Lists of ranges are ignored too.
fn range(text: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let last_byte = size.checked_sub(1);
    if first.is_empty() {
        let count: u64 = last.parse().ok()?;
        return Some(last_byte.filter(|_| count > 0).map(|end| (size.saturating_sub(count), end)));
    }
    let first: u64 = first.parse().ok()?;
    let last: u64 = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    if last < first {
        return None;
    }
    Some(last_byte.filter(|end| first <= *end).map(|end| (first, last.min(end))))
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn reads_ranges() {
        for (text, expected) in [
            ("bytes=0-3", Some(Some((0, 3)))),
            ("bytes=4-", Some(Some((4, 9)))),
            ("bytes=4-99", Some(Some((4, 9)))),
            ("bytes=-3", Some(Some((7, 9)))),
            ("bytes=-30", Some(Some((0, 9)))),
            ("bytes=10-", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=3-1", None),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Some(None));
    }
}
