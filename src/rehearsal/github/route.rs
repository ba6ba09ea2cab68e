//! From method and path to what is asked: one table, for api.github.com's paths, GHES's and the browser's.

use crate::world::http::decode;
use axum::http::Method;

/// What a request asks for. Repository paths carry owner and name in [`Target`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Root,
    RateLimit,
    User,
    GraphQl,
    Repository,
    Releases,
    CreateRelease,
    GenerateNotes,
    LatestRelease,
    ReleaseByTag(String),
    Release(u64),
    UpdateRelease(u64),
    DeleteRelease(u64),
    Assets(u64),
    Upload(u64),
    Asset(u64),
    UpdateAsset(u64),
    DeleteAsset(u64),
    Ref(String),
    MatchingRefs(String),
    TagObject(String),
    Tags,
    ImmutableReleases,
    SetImmutableReleases(bool),
    PageAll,
    PageRelease(String),
    PageLatest,
    PageToReleases,
    LatestDownload(String),
    Download { tag: String, name: String },
    Storage(u64),
    NotFound,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) owner: String,
    pub(super) name: String,
    /// Instead of owner and name, as GitHub's `Link` headers do.
    pub(super) id: Option<u64>,
}

/// In whose manner the API is addressed; answers speak of themselves in the same manner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `/repos/…`, as on api.github.com.
    Dotcom,
    /// `/api/v3/repos/…`, as on GitHub Enterprise Server.
    Enterprise,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    Read,
    Create,
    Upload,
    Update,
    /// Any other write.
    Change,
    /// A browser's request: no fault strikes it.
    Page,
}

impl RequestKind {
    pub(super) fn writes(self) -> bool {
        !matches!(self, Self::Read | Self::Page)
    }
}

impl Route {
    pub(super) fn kind(&self) -> RequestKind {
        match self {
            Self::CreateRelease => RequestKind::Create,
            Self::Upload(_) => RequestKind::Upload,
            Self::UpdateRelease(_) => RequestKind::Update,
            Self::UpdateAsset(_) | Self::DeleteRelease(_) | Self::DeleteAsset(_) | Self::SetImmutableReleases(_) => {
                RequestKind::Change
            }
            Self::PageAll
            | Self::PageRelease(_)
            | Self::PageLatest
            | Self::PageToReleases
            | Self::LatestDownload(_)
            | Self::Download { .. }
            | Self::Storage(_) => RequestKind::Page,
            _ => RequestKind::Read,
        }
    }
}

/// Reads a request line. `html` says whether a browser asks.
pub(super) fn read(method: &Method, path: &str, html: bool) -> (Style, Target, Route) {
    let segments: Vec<String> = path.trim_matches('/').split('/').map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    // HEAD is answered as GET; the HTTP layer leaves the body out.
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    match segments.as_slice() {
        ["api", "v3", rest @ ..] => api(Style::Enterprise, method, rest),
        ["api", "graphql"] => (Style::Enterprise, Target::default(), Route::GraphQl),
        ["api", "uploads", "repos", owner, name, "releases", id, "assets"] if method == Method::POST => {
            (Style::Enterprise, target(owner, name), numbered(id, Route::Upload))
        }
        [""] if html => (Style::Dotcom, Target::default(), Route::PageAll),
        ["storage", id] => (Style::Dotcom, Target::default(), numbered(id, Route::Storage)),
        ["" | "rate_limit" | "user" | "graphql"] | ["repos" | "repositories", ..] => {
            api(Style::Dotcom, method, &segments)
        }
        [owner, name, rest @ ..] if method == Method::GET => (Style::Dotcom, target(owner, name), browser(rest)),
        _ => (Style::Dotcom, Target::default(), Route::NotFound),
    }
}

fn api(style: Style, method: &Method, segments: &[&str]) -> (Style, Target, Route) {
    let get = method == Method::GET;
    let (target, route) = match segments {
        [] | [""] if get => (Target::default(), Route::Root),
        ["rate_limit"] if get => (Target::default(), Route::RateLimit),
        ["user"] if get => (Target::default(), Route::User),
        ["graphql"] if method == Method::POST => (Target::default(), Route::GraphQl),
        ["repos", owner, name, rest @ ..] => (target(owner, name), repository(method, rest)),
        ["repositories", id, rest @ ..] => {
            (Target { id: id.parse().ok(), ..Target::default() }, repository(method, rest))
        }
        _ => (Target::default(), Route::NotFound),
    };
    (style, target, route)
}

fn repository(method: &Method, segments: &[&str]) -> Route {
    match (method.as_str(), segments) {
        ("GET", []) => Route::Repository,
        ("GET", ["tags"]) => Route::Tags,
        ("GET", ["git", "ref" | "refs", name @ ..]) if !name.is_empty() => Route::Ref(name.join("/")),
        ("GET", ["git", "matching-refs", prefix @ ..]) => Route::MatchingRefs(prefix.join("/")),
        ("GET", ["git", "tags", sha]) => Route::TagObject((*sha).to_owned()),
        ("GET", ["immutable-releases"]) => Route::ImmutableReleases,
        ("PUT", ["immutable-releases"]) => Route::SetImmutableReleases(true),
        ("DELETE", ["immutable-releases"]) => Route::SetImmutableReleases(false),
        ("GET", ["releases"]) => Route::Releases,
        ("POST", ["releases"]) => Route::CreateRelease,
        ("POST", ["releases", "generate-notes"]) => Route::GenerateNotes,
        ("GET", ["releases", "latest"]) => Route::LatestRelease,
        ("GET", ["releases", "tags", tag @ ..]) => Route::ReleaseByTag(tag.join("/")),
        ("GET", ["releases", "assets", id]) => numbered(id, Route::Asset),
        ("PATCH", ["releases", "assets", id]) => numbered(id, Route::UpdateAsset),
        ("DELETE", ["releases", "assets", id]) => numbered(id, Route::DeleteAsset),
        ("GET", ["releases", id, "assets"]) => numbered(id, Route::Assets),
        ("GET", ["releases", id]) => numbered(id, Route::Release),
        ("PATCH", ["releases", id]) => numbered(id, Route::UpdateRelease),
        ("DELETE", ["releases", id]) => numbered(id, Route::DeleteRelease),
        _ => Route::NotFound,
    }
}

fn browser(segments: &[&str]) -> Route {
    match segments {
        [] => Route::PageToReleases,
        ["releases"] => Route::PageAll,
        ["releases", "latest"] => Route::PageLatest,
        ["releases", "latest", "download", name] => Route::LatestDownload((*name).to_owned()),
        ["releases", "tag", tag @ ..] if !tag.is_empty() => Route::PageRelease(tag.join("/")),
        ["releases", "download", tag @ .., name] if !tag.is_empty() => {
            Route::Download { tag: tag.join("/"), name: (*name).to_owned() }
        }
        _ => Route::NotFound,
    }
}

fn target(owner: &str, name: &str) -> Target {
    Target { owner: owner.to_owned(), name: name.to_owned(), id: None }
}

fn numbered(id: &str, route: impl FnOnce(u64) -> Route) -> Route {
    id.parse().map_or(Route::NotFound, route)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, expected: Route) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(read(&method, path, false).2, expected, "{method} {path}");
    }

    #[test]
    fn reads_the_api() {
        check("GET", "/", Route::Root);
        check("GET", "/repos/o/r/releases", Route::Releases);
        check("GET", "/api/v3/repos/o/r/releases/7", Route::Release(7));
        check("GET", "/repositories/1/releases", Route::Releases);
        check("GET", "/repos/o/r/releases/seven", Route::NotFound);
        check("GET", "/repos/o/r/releases/tags/cli/v1.0.0", Route::ReleaseByTag("cli/v1.0.0".into()));
        check("GET", "/repos/o/r/releases/tags/v1%2B2", Route::ReleaseByTag("v1+2".into()));
        check("GET", "/repos/o/r/git/ref/tags/v1", Route::Ref("tags/v1".into()));
        check("POST", "/api/uploads/repos/o/r/releases/7/assets", Route::Upload(7));
        // api.github.com takes no uploads: they go to where `upload_url` points.
        check("POST", "/repos/o/r/releases/7/assets", Route::NotFound);
        check("PUT", "/repos/o/r/releases/7", Route::NotFound);
    }

    #[test]
    fn reads_what_browsers_ask() {
        let download = |tag: &str| Route::Download { tag: tag.into(), name: "a.zip".into() };
        check("GET", "/o/r/releases/download/v1/a.zip", download("v1"));
        check("HEAD", "/o/r/releases/download/cli/v1/a.zip", download("cli/v1"));
        check("GET", "/o/r/releases/tag/v1", Route::PageRelease("v1".into()));
        check("GET", "/o/r/releases/latest", Route::PageLatest);
        check("GET", "/favicon.ico", Route::NotFound);
        assert_eq!(read(&Method::GET, "/", true).2, Route::PageAll);
    }
}
