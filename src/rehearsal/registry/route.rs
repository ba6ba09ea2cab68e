//! From method and path to what is asked, as the distribution spec lists its endpoints.

use axum::http::Method;

use crate::digest::Digest;
use crate::reference::Repository;
use crate::rehearsal::percent::query;
use crate::world::http::decode;

use super::answer::{Code, RegistryAnswer};
use super::fault::FaultKind;

/// What a request asks for; repositories are their paths below the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Page,
    Token,
    /// `/v2/`: the spec's end-1.
    Base,
    /// end-2 and end-10.
    Blob(String, Digest),
    /// end-4a, end-4b and end-11.
    Uploads(String),
    /// end-5, end-6 and end-13.
    Upload(String, String),
    /// end-3, end-7 and end-9.
    Manifest(String, Named),
    /// end-8.
    Tags(String),
    /// end-12.
    Referrers(String, Digest),
}

/// The end of a manifest's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Tag(String),
    Digest(Digest),
}

pub(super) fn read(path: &str) -> Result<Route, RegistryAnswer> {
    let Some(rest) = path.strip_prefix("/v2/") else {
        return match path {
            "/" => Ok(Route::Page),
            "/token" => Ok(Route::Token),
            "/v2" => Ok(Route::Base),
            _ => Err(missing()),
        };
    };
    if rest.is_empty() {
        return Ok(Route::Base);
    }
    let segments: Vec<String> = rest.split('/').map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [name @ .., "blobs", "uploads", ""] => Ok(Route::Uploads(repository(name)?)),
        [name @ .., "blobs", "uploads", id] => Ok(Route::Upload(repository(name)?, (*id).to_owned())),
        [name @ .., "blobs", digest] => Ok(Route::Blob(repository(name)?, self::digest(digest)?)),
        [name @ .., "manifests", named] => Ok(Route::Manifest(repository(name)?, self::named(named)?)),
        [name @ .., "tags", "list"] => Ok(Route::Tags(repository(name)?)),
        [name @ .., "referrers", digest] => Ok(Route::Referrers(repository(name)?, self::digest(digest)?)),
        _ => Err(missing()),
    }
}

fn missing() -> RegistryAnswer {
    RegistryAnswer::error(404, Code::Unsupported, "there is nothing at this address")
}

fn repository(segments: &[&str]) -> Result<String, RegistryAnswer> {
    let name = segments.join("/");
    // The grammar of names is that of references, which need a host.
    match format!("localhost/{name}").parse::<Repository>() {
        Ok(_) => Ok(name),
        Err(why) => Err(RegistryAnswer::error(400, Code::NameInvalid, &why)),
    }
}

/// A digest as the spec writes it, with its algorithm.
pub(super) fn digest(text: &str) -> Result<Digest, RegistryAnswer> {
    let hex = text.strip_prefix("sha256:").ok_or_else(|| format!("`{text}` does not begin with `sha256:`"));
    hex.and_then(str::parse).map_err(|why| RegistryAnswer::error(400, Code::DigestInvalid, &why))
}

fn named(text: &str) -> Result<Named, RegistryAnswer> {
    if text.contains(':') {
        return digest(text).map(Named::Digest);
    }
    // A tag that cannot be put is not there either: who reads it gets 404.
    Ok(Named::Tag(text.to_owned()))
}

impl Route {
    /// How faults see a request for it.
    pub(super) fn kind(&self, method: &Method, asked: &str) -> FaultKind {
        match (self, method.as_str()) {
            (Self::Token, _) => FaultKind::Token,
            (Self::Uploads(_), "POST") if query(asked, "digest").is_some() => FaultKind::Finish,
            (Self::Uploads(_), "POST") => FaultKind::Start,
            (Self::Upload(..), "PATCH") => FaultKind::Chunk,
            (Self::Upload(..), "PUT") => FaultKind::Finish,
            (Self::Manifest(..), "PUT") => FaultKind::Manifest,
            (Self::Blob(..), "HEAD") => FaultKind::Probe,
            (Self::Blob(..), "GET") => FaultKind::Fetch,
            _ => FaultKind::Other,
        }
    }

    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Page | Self::Token | Self::Base => None,
            Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Manifest(name, _)
            | Self::Tags(name)
            | Self::Referrers(name, _) => Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_endpoints() {
        let digest = Digest::of(b"x");
        let check = |path: &str, expected: Route| assert_eq!(read(path).unwrap(), expected, "{path}");
        let name = || "a/b".to_owned();
        check("/v2/", Route::Base);
        check(&format!("/v2/a/b/blobs/{digest}"), Route::Blob(name(), digest));
        check("/v2/a/b/blobs/uploads/", Route::Uploads(name()));
        check("/v2/a/b/blobs/uploads/7", Route::Upload(name(), "7".into()));
        check("/v2/a/b/manifests/1.0", Route::Manifest(name(), Named::Tag("1.0".into())));
        check(&format!("/v2/a/b/manifests/sha256%3A{}", digest.hex()), Route::Manifest(name(), Named::Digest(digest)));
        check("/v2/a/b/tags/list", Route::Tags(name()));
        check(&format!("/v2/a/b/referrers/{digest}"), Route::Referrers(name(), digest));
        // Parts of a name may be called as the endpoints are.
        check("/v2/blobs/uploads/tags/list", Route::Tags("blobs/uploads".into()));
    }

    #[test]
    fn refuses_what_no_registry_takes() {
        for (path, status) in [
            ("/v2/A/tags/list", 400),
            ("/v2//tags/list", 400),
            ("/v2/a/blobs/sha512:00", 400),
            ("/v2/a/manifests/sha256:x", 400),
            ("/v2/_catalog", 404),
            ("/v1/", 404),
        ] {
            assert_eq!(read(path).unwrap_err().status, status, "{path}");
        }
    }
}
