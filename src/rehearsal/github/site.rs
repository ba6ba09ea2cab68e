//! What a browser or `curl` sees: pages, redirects and downloads.

use axum::http::header;

use super::answer::{Content, GithubAnswer};
use super::asked::Asked;
use super::page;
use super::route::Route;
use super::shared::Shared;
use super::state::{Asset, Repository};
use crate::world::http::encode_path;

/// Answers a visitor, who has no token: drafts are not there.
pub(super) fn answer(shared: &Shared, asked: &Asked<'_>, route: &Route) -> GithubAnswer {
    if let Route::Storage(id) = route {
        return stored(shared, asked, *id);
    }
    let mut state = shared.state();
    if matches!(route, Route::PageAll) && asked.target.owner.is_empty() {
        let pages = page::Pages { to: asked.to, spool: &|id| shared.spooled(id) };
        return GithubAnswer::html(200, pages.all(&state.repositories));
    }
    let missing = || GithubAnswer::html(404, page::missing());
    let Some(repository) = state.repository_mut(asked.target) else { return missing() };
    let pages = page::Pages { to: asked.to, spool: &|id| shared.spooled(id) };
    let home = asked.to.page(repository);
    let latest = repository.latest().map(|release| release.tag.clone());
    match (route, latest) {
        (Route::PageToReleases, _) => GithubAnswer::redirect(format!("{home}/releases")),
        (Route::PageAll, _) => GithubAnswer::html(200, pages.all(std::slice::from_ref(repository))),
        (Route::PageLatest, Some(tag)) => GithubAnswer::redirect(format!("{home}/releases/tag/{}", encode_path(&tag))),
        (Route::LatestDownload(name), Some(tag)) => {
            GithubAnswer::redirect(format!("{home}/releases/download/{}/{}", encode_path(&tag), encode_path(name)))
        }
        (Route::PageRelease(tag), _) => match repository.published(tag) {
            Some(release) => GithubAnswer::html(200, pages.one(repository, release)),
            None => missing(),
        },
        (Route::Download { tag, name }, _) => download(shared, repository, tag, name).unwrap_or_else(missing),
        _ => missing(),
    }
}

fn download(shared: &Shared, repository: &mut Repository, tag: &str, name: &str) -> Option<GithubAnswer> {
    let mut releases = repository.releases.values_mut();
    let release = releases.find(|release| !release.draft && release.tag == tag)?;
    let asset = release.assets.values_mut().find(|asset| asset.name == name)?;
    bytes(shared, asset)
}

/// The storage service: a signed address opens the bytes; a token has no business here.
fn stored(shared: &Shared, asked: &Asked<'_>, id: u64) -> GithubAnswer {
    if asked.headers.contains_key(header::AUTHORIZATION) {
        return GithubAnswer::error(
            400,
            "Only one auth mechanism allowed; the token of the API was sent to the storage service",
        );
    }
    if !shared.opens(asked, id) {
        return GithubAnswer::error(403, "Signature not valid");
    }
    let mut state = shared.state();
    let mut releases = state.repositories.iter_mut().flat_map(|repository| repository.releases.values_mut());
    let asset = releases.find_map(|release| release.assets.get_mut(&id));
    asset.and_then(|asset| bytes(shared, asset)).unwrap_or_else(GithubAnswer::not_found)
}

fn bytes(shared: &Shared, asset: &mut Asset) -> Option<GithubAnswer> {
    let size = asset.stored?.size;
    asset.downloads += 1;
    let content = Content::File { path: shared.spooled(asset.id), size };
    let answer = GithubAnswer { status: 200, content, ..GithubAnswer::default() };
    let disposition = format!("attachment; filename={}", asset.name);
    Some(answer.header(header::CONTENT_TYPE, &asset.content_type).header(header::CONTENT_DISPOSITION, disposition))
}
