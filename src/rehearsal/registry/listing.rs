//! What a repository has: its tags in pages, and the manifests that refer to another.

use axum::http::{HeaderName, header};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::oci::media;
use crate::rehearsal::percent::query;
use crate::world::http::encode_path;

use super::answer::{Code, RegistryAnswer};
use super::manifest::no_repository;
use super::shared::Shared;

/// A page holds no more, whatever is asked for.
const LARGEST_PAGE: usize = 1000;

const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

/// end-8: "Listing Tags". In order of their bytes.
pub(super) fn tags(shared: &Shared, repository: &str, asked: &str) -> RegistryAnswer {
    let state = shared.state();
    let listed = state.repositories.get(repository).filter(|_| !shared.quirks.no_tag_list);
    let Some(held) = listed else { return no_repository() };
    let count = query(asked, "n").map_or(Ok(LARGEST_PAGE), |text| text.parse::<usize>());
    let Ok(count) = count else { return RegistryAnswer::error(400, Code::Unsupported, "`n` is not a number") };
    let count = count.min(LARGEST_PAGE);
    let last = query(asked, "last").unwrap_or_default();
    let mut rest = held.tags.keys().filter(|tag| **tag > last);
    let page: Vec<_> = rest.by_ref().take(count).collect();
    let answer = RegistryAnswer::json(200, &json!({ "name": repository, "tags": page }));
    match (page.last(), rest.next()) {
        (Some(last), Some(_)) => {
            let to = format!("/v2/{repository}/tags/list?last={}&n={count}", encode_path(last));
            answer.header(header::LINK, format!("<{to}>; rel=\"next\""))
        }
        _ => answer,
    }
}

/// end-12: "Listing Referrers". An unknown digest has an empty list.
pub(super) fn referrers(shared: &Shared, repository: &str, subject: Digest, asked: &str) -> RegistryAnswer {
    if shared.quirks.no_referrers {
        return RegistryAnswer::error(404, Code::Unsupported, "404 page not found");
    }
    let state = shared.state();
    let wanted = query(asked, "artifactType").filter(|text| !text.is_empty());
    let mut found: Vec<Value> = Vec::new();
    for (digest, manifest) in state.repositories.get(repository).into_iter().flat_map(|held| &held.manifests) {
        let kind = manifest.artifact_type();
        if manifest.subject != Some(subject) || wanted.as_deref().is_some_and(|wanted| kind != Some(wanted)) {
            continue;
        }
        let mut descriptor = json!({
            "mediaType": manifest.media_type, "digest": digest.to_string(), "size": manifest.bytes.len(),
        });
        if let Some(kind) = kind {
            descriptor["artifactType"] = kind.into();
        }
        if manifest.json["annotations"].is_object() {
            descriptor["annotations"] = manifest.json["annotations"].clone();
        }
        found.push(descriptor);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": found });
    let answer = RegistryAnswer::bytes(200, media::INDEX, index.to_string());
    if wanted.is_some() { answer.header(FILTERS, "artifactType") } else { answer }
}
