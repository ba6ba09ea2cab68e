//! The addresses of an index.

use crate::world::http::decode;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Page,
    /// `/legacy/`: where uploads go.
    Legacy,
    /// `/legacy`, which redirects there.
    Bare,
    /// `/simple/`: every project.
    Simple,
    /// `/simple/NAME/`: the files of a project.
    Project(String),
    /// `/pypi/NAME/json` and `/pypi/NAME/VERSION/json`.
    Json(String, Option<String>),
    /// `/files/…`: the bytes of a file, or the metadata beside it.
    File(String),
    /// `/integrity/NAME/VERSION/FILE/provenance`.
    Provenance(String, String, String),
    Audience,
    Mint,
    /// `/_/github-oidc`: a mock of GitHub.
    GitHub,
    /// The same path with a slash at the end.
    Slash,
    Unknown,
}

pub(super) fn read(path: &str) -> Route {
    let decoded: Vec<String> = path.split('/').skip(1).map(decode).collect();
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let own = |part: &&str| (*part).to_owned();
    match &parts[..] {
        [""] => Route::Page,
        ["legacy", ""] => Route::Legacy,
        ["legacy"] => Route::Bare,
        ["simple", ""] => Route::Simple,
        ["simple"] | ["simple", _] => Route::Slash,
        ["simple", name, ""] => Route::Project(own(name)),
        ["pypi", name, "json"] | ["pypi", name, "json", ""] => Route::Json(own(name), None),
        ["pypi", name, version, "json"] | ["pypi", name, version, "json", ""] => {
            Route::Json(own(name), Some(own(version)))
        }
        ["files", rest @ ..] => Route::File(rest.join("/")),
        ["integrity", name, version, file, "provenance"] => Route::Provenance(own(name), own(version), own(file)),
        ["_", "oidc", "audience"] => Route::Audience,
        ["_", "oidc", "mint-token"] | ["_", "oidc", "github", "mint-token"] => Route::Mint,
        ["_", "github-oidc"] => Route::GitHub,
        _ => Route::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_paths() {
        for (path, expected) in [
            ("/", Route::Page),
            ("/legacy/", Route::Legacy),
            ("/legacy", Route::Bare),
            ("/simple", Route::Slash),
            ("/simple/", Route::Simple),
            ("/simple/demo", Route::Slash),
            ("/simple/demo/", Route::Project("demo".into())),
            ("/pypi/demo/json", Route::Json("demo".into(), None)),
            ("/pypi/demo/1.0%2B1/json", Route::Json("demo".into(), Some("1.0+1".into()))),
            ("/files/a/b/c.whl.metadata", Route::File("a/b/c.whl.metadata".into())),
            ("/_/oidc/mint-token", Route::Mint),
            ("/pypi", Route::Unknown),
        ] {
            assert_eq!(read(path), expected, "{path}");
        }
    }
}
