//! Manifests: put, read and deleted by tag or digest, and what must be there before one is taken.

use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::oci::media;
use crate::reference::check_tag;

use super::answer::{CONTENT_DIGEST, Code, RegistryAnswer};
use super::route::Named;
use super::shared::Shared;
use super::state::{Manifest, RegistryState, Repository, digest_of};

/// The spec wants 4 MiB taken at least; this is also the most here.
pub(super) const LARGEST: usize = 4 << 20;

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// end-3, end-7 and end-9.
pub(super) fn answer(shared: &Shared, parts: &Parts, repository: &str, named: &Named, body: Bytes) -> RegistryAnswer {
    let headers = &parts.headers;
    let outcome = match parts.method.as_str() {
        "GET" | "HEAD" => get(&shared.state(), headers, repository, named),
        "PUT" => put(shared, headers, repository, named, body),
        "DELETE" if !shared.quirks.no_delete => delete(&mut shared.state(), repository, named),
        _ => Err(RegistryAnswer::not_allowed()),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

fn get(
    state: &RegistryState,
    headers: &HeaderMap,
    repository: &str,
    named: &Named,
) -> Result<RegistryAnswer, RegistryAnswer> {
    let repository = state.repositories.get(repository).ok_or_else(no_repository)?;
    let (digest, manifest) = repository.manifest(named).ok_or_else(unknown)?;
    if !accepts(headers, &manifest.media_type) {
        // Docker's registry answers so: to a client that takes none of its kinds there is no manifest.
        let text = format!("there is a {}, which `Accept` does not name", manifest.media_type);
        return Err(RegistryAnswer::error(404, Code::ManifestUnknown, &text));
    }
    let answer = RegistryAnswer::bytes(200, &manifest.media_type, manifest.bytes.clone());
    Ok(answer.header(CONTENT_DIGEST, digest.to_string()))
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    let fits = |part: &str| {
        let kind = part.split(';').next().unwrap_or_default().trim();
        kind == media_type || kind == "*/*" || kind == "application/*"
    };
    values.peek().is_none() || values.any(|value| value.to_str().is_ok_and(|text| text.split(',').any(fits)))
}

fn put(
    shared: &Shared,
    headers: &HeaderMap,
    name: &str,
    named: &Named,
    body: Bytes,
) -> Result<RegistryAnswer, RegistryAnswer> {
    let invalid = |why: &str| RegistryAnswer::error(400, Code::ManifestInvalid, why);
    if body.len() > LARGEST {
        return Err(RegistryAnswer::error(413, Code::SizeInvalid, "the manifest is larger than 4 MiB"));
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = given.ok_or_else(|| invalid("`Content-Type` is missing"))?;
    let digest = Digest::of(&body);
    match named {
        Named::Tag(tag) => check_tag(tag).map_err(|why| RegistryAnswer::error(400, Code::TagInvalid, &why))?,
        Named::Digest(expected) if *expected == digest => {}
        Named::Digest(expected) => {
            let text = format!("the bytes have digest {digest}, not {expected}");
            return Err(RegistryAnswer::error(400, Code::DigestInvalid, &text));
        }
    }
    let manifest = Manifest::new(media_type, body).map_err(|why| invalid(&why))?;
    if manifest.json["mediaType"].as_str().is_some_and(|own| own != media_type) {
        return Err(invalid("`mediaType` and `Content-Type` differ"));
    }
    let mut state = shared.state();
    complete(&state, name, &manifest)?;
    let subject = manifest.subject.filter(|_| !shared.quirks.no_referrers);
    let repository = state.repositories.entry(name.to_owned()).or_default();
    if let Named::Tag(tag) = named {
        let moved = repository.tags.get(tag).is_some_and(|old| *old != digest);
        if moved && shared.quirks.immutable_tags {
            // Status and code as Amazon's registry gives them.
            let text = format!("tag `{tag}` is there and cannot be overwritten: tags are immutable");
            return Err(RegistryAnswer::error(400, Code::TagInvalid, &text));
        }
        repository.tags.insert(tag.clone(), digest);
    }
    repository.manifests.insert(digest, manifest);
    let reference = match named {
        Named::Tag(tag) => tag.clone(),
        Named::Digest(digest) => digest.to_string(),
    };
    let at = shared.location(&format!("/v2/{name}/manifests/{reference}"));
    let answer = RegistryAnswer::empty(201).header(header::LOCATION, at).header(CONTENT_DIGEST, digest.to_string());
    // "Pushing Manifests with Subject": the header says that the registry will list it.
    Ok(match subject {
        Some(subject) => answer.header(SUBJECT, subject.to_string()),
        None => answer,
    })
}

/// Whether all that a manifest names is there, in the size it says. The subject alone may be missing.
fn complete(state: &RegistryState, name: &str, manifest: &Manifest) -> Result<(), RegistryAnswer> {
    let invalid = |why: &str| RegistryAnswer::error(400, Code::ManifestInvalid, why);
    let kind = manifest.media_type.as_str();
    if !matches!(kind, media::MANIFEST | media::INDEX | media::DOCKER_MANIFEST | media::DOCKER_LIST) {
        return Err(invalid(&format!("`{kind}` is not a manifest media type")));
    }
    let index = matches!(kind, media::INDEX | media::DOCKER_LIST);
    // An image whose bytes also look like an index is what CVE-2021-41190 was about.
    if (index && manifest.json.get("layers").is_some()) || (!index && manifest.json.get("manifests").is_some()) {
        return Err(invalid("it has the fields of an image and of an index"));
    }
    if index {
        if !manifest.json["manifests"].is_array() {
            return Err(invalid("`manifests` is missing"));
        }
        let repository = state.repositories.get(name);
        let size = |digest| Some(repository?.manifests.get(&digest)?.bytes.len() as u64);
        return manifest
            .descriptors("manifests")
            .iter()
            .try_for_each(|child| present(child, &size, Code::ManifestUnknown));
    }
    let config = &manifest.json["config"];
    if !config.is_object() || !manifest.json["layers"].is_array() {
        return Err(invalid("`config` or `layers` is missing"));
    }
    // A layer with addresses of its own lies elsewhere.
    let foreign = |layer: &&Value| layer["urls"].as_array().is_some_and(|urls| !urls.is_empty());
    let layers = manifest.descriptors("layers").iter().filter(|layer| !foreign(layer));
    let size = |digest| state.blob(name, digest);
    std::iter::once(config).chain(layers).try_for_each(|blob| present(blob, &size, Code::ManifestBlobUnknown))
}

fn present(descriptor: &Value, size: &dyn Fn(Digest) -> Option<u64>, missing: Code) -> Result<(), RegistryAnswer> {
    let digest = digest_of(descriptor).map_err(|why| RegistryAnswer::error(400, Code::ManifestInvalid, &why))?;
    let detail = json!({ "digest": digest.to_string() });
    match size(digest) {
        None => Err(RegistryAnswer::detailed(400, missing, &format!("{digest} is not in this repository"), &detail)),
        Some(there) if descriptor["size"].as_u64() == Some(there) => Ok(()),
        Some(there) => {
            let text = format!("{digest} has {there} bytes, its descriptor says {}", descriptor["size"]);
            Err(RegistryAnswer::detailed(400, Code::ManifestInvalid, &text, &detail))
        }
    }
}

fn delete(state: &mut RegistryState, repository: &str, named: &Named) -> Result<RegistryAnswer, RegistryAnswer> {
    let repository: &mut Repository = state.repositories.get_mut(repository).ok_or_else(no_repository)?;
    let there = match named {
        Named::Tag(tag) => repository.tags.remove(tag).is_some(),
        Named::Digest(digest) => {
            repository.tags.retain(|_, tagged| tagged != digest);
            repository.manifests.remove(digest).is_some()
        }
    };
    if there { Ok(RegistryAnswer::empty(202)) } else { Err(unknown()) }
}

fn unknown() -> RegistryAnswer {
    RegistryAnswer::error(404, Code::ManifestUnknown, "there is no such manifest")
}

pub(super) fn no_repository() -> RegistryAnswer {
    RegistryAnswer::error(404, Code::NameUnknown, "there is no such repository")
}
