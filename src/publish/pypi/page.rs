//! What an index says about a project's files: its JSON, the simple API as JSON, and the simple API as HTML.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::digest::Digest;

/// A file of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct There {
    /// Its digest, if the index says so.
    pub sha256: Option<Digest>,
    /// Bytes.
    pub size: Option<u64>,
    /// Where it is downloaded.
    pub url: Option<Url>,
    /// When it came.
    pub uploaded: Option<DateTime<FixedOffset>>,
}

/// Files by name.
pub type Files = BTreeMap<String, There>;

/// A project in the simple API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// All files of all versions.
    pub files: Files,
    /// `project-status`: `active`, `archived`, `quarantined`, `deprecated`.
    pub status: Option<String>,
}

#[derive(Deserialize)]
struct Release {
    urls: Vec<Entry>,
}

#[derive(Deserialize)]
struct Simple {
    files: Vec<Entry>,
    #[serde(default, rename = "project-status")]
    status: Value,
}

#[derive(Deserialize)]
struct Entry {
    filename: String,
    #[serde(default)]
    url: String,
    #[serde(default, alias = "hashes")]
    digests: BTreeMap<String, String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default, alias = "upload-time", rename = "upload_time_iso_8601")]
    uploaded: Option<String>,
}

/// The files of one version: `/pypi/NAME/VERSION/json`.
pub fn release(bytes: &[u8], base: &Url) -> Result<Files, String> {
    let release: Release = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(release.urls.into_iter().map(|entry| entry.file(base)).collect())
}

/// A project's page in the simple API.
pub fn simple(bytes: &[u8], base: &Url, media: &str) -> Result<Page, String> {
    if media.contains("json") {
        let simple: Simple = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let status = simple.status["status"].as_str().or_else(|| simple.status.as_str()).map(str::to_owned);
        return Ok(Page { files: simple.files.into_iter().map(|entry| entry.file(base)).collect(), status });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let files = html(text, base);
    if is_index(text, &files) { Ok(Page { files, status: None }) } else { Err("it is no page of an index".into()) }
}

/// Whether a page of HTML is one of an index, with or without files, and not one of a login, a proxy or an error. Indexes
/// say it in a `meta` (<https://peps.python.org/pep-0629/>) or in their heading, else files are what tells them.
fn is_index(text: &str, files: &Files) -> bool {
    let text = text.to_ascii_lowercase();
    let asks = ["type=\"password\"", "type='password'", "type=password"].iter().any(|field| text.contains(field));
    let says = ["pypi:repository-version", "links for", "index of"].iter().any(|mark| text.contains(mark));
    let endings = [".whl", ".tar.gz", ".zip", ".egg", ".tar.bz2", ".exe"];
    let has = files.keys().any(|name| endings.iter().any(|ending| name.ends_with(ending)));
    !asks && (says || has)
}

impl Entry {
    fn file(self, base: &Url) -> (String, There) {
        let there = There {
            sha256: self.digests.get("sha256").and_then(|hex| hex.parse().ok()),
            size: self.size,
            url: base.join(&self.url).ok().filter(|_| !self.url.is_empty()),
            uploaded: self.uploaded.and_then(|text| DateTime::parse_from_rfc3339(&text).ok()),
        };
        (self.filename, there)
    }
}

/// Anchors: the file's name is their text, its digest the fragment of their target.
fn html(text: &str, base: &Url) -> Files {
    let anchors = text.split("<a").skip(1).filter_map(|rest| {
        let (tag, rest) = rest.split_once('>')?;
        let name = unescape(rest.split('<').next()?.trim());
        let href = tag.split_once("href=")?.1.trim_start();
        let quote = href.chars().next().filter(|c| "\"'".contains(*c))?;
        let href = unescape(href[1..].split(quote).next()?);
        let mut url = base.join(&href).ok()?;
        let sha256 = url.fragment().and_then(|fragment| fragment.strip_prefix("sha256=")?.parse().ok());
        url.set_fragment(None);
        Some((name, There { sha256, url: Some(url), ..There::default() }))
    });
    anchors.collect()
}

/// Text out of HTML.
pub fn unescape(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&#x27;", "'")];
    let text = pairs.iter().fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain));
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn base() -> Url {
        "https://a.example/simple/x/".parse().unwrap()
    }

    #[test]
    fn the_json_of_a_release() {
        let text = format!(
            r#"{{"info":{{}},"urls":[{{"filename":"x-1.tar.gz","url":"https://f.example/x","size":7,"digests":{{"sha256":"{HEX}","md5":"1"}},"upload_time_iso_8601":"2026-01-02T03:04:05.678901Z"}}]}}"#
        );
        let files = release(text.as_bytes(), &base()).unwrap();
        let there = &files["x-1.tar.gz"];
        assert_eq!((there.sha256, there.size), (HEX.parse().ok(), Some(7)));
        assert!(there.uploaded.is_some() && there.url.is_some());
        assert!(release(b"<html>", &base()).is_err());
    }

    #[test]
    fn the_simple_api_both_ways() {
        let json = format!(
            r#"{{"meta":{{"api-version":"1.4"}},"name":"x","project-status":{{"status":"archived"}},"files":[{{"filename":"x-1.tar.gz","url":"../../f/x","hashes":{{"sha256":"{HEX}"}},"size":null,"upload-time":"2026-01-02T03:04:05Z"}}]}}"#
        );
        let page = simple(json.as_bytes(), &base(), "application/vnd.pypi.simple.v1+json").unwrap();
        assert_eq!(page.status.as_deref(), Some("archived"));
        let there = &page.files["x-1.tar.gz"];
        assert_eq!(there.url.as_ref().unwrap().as_str(), "https://a.example/f/x");
        assert!(there.uploaded.is_some());
        let html = format!(
            "<!DOCTYPE html><html><body><a data-x='1' href='/f/x-1.tar.gz?a=1&amp;b=2#sha256={HEX}'> x-1.tar.gz </a><br><a href=\"y-1.tar.gz#md5=1\">y-1.tar.gz</a></body></html>"
        );
        let page = simple(html.as_bytes(), &base(), "text/html; charset=utf-8").unwrap();
        assert_eq!(page.files["x-1.tar.gz"].sha256, HEX.parse().ok());
        assert_eq!(page.files["x-1.tar.gz"].url.as_ref().unwrap().as_str(), "https://a.example/f/x-1.tar.gz?a=1&b=2");
        assert_eq!(page.files["y-1.tar.gz"].sha256, None);
        assert!(simple(b"hello", &base(), "text/plain").is_err());
    }

    #[test]
    fn a_page_that_is_no_index_is_not_an_empty_one() {
        let check = |text: &str, expected: bool| {
            assert_eq!(simple(text.as_bytes(), &base(), "text/html").is_ok(), expected, "{text}");
        };
        check("<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" content=\"1.0\"></head></html>", true);
        check("<html><body><h1>Links for x</h1></body></html>", true);
        check("<html><h1>root/dev: links for x</h1></html>", true);
        check("<a href=\"x-1.tar.gz\">x-1.tar.gz</a>", true);
        check("<html><body><h1>Sign in</h1><form><input type=\"password\"></form></body></html>", false);
        check("<html><h1>Links for you</h1><form><input name=p type='password'></form></html>", false);
        check("<html><body>We are upgrading. <a href=\"/status\">Status</a></body></html>", false);
        check("<html></html>", false);
        check("", false);
        let json = |text: &str| simple(text.as_bytes(), &base(), "application/json").is_ok();
        assert!(json(r#"{"files":[]}"#) && !json("{}") && !json(r#"{"error":"login"}"#) && !json("<html>"));
    }
}
