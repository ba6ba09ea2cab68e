//! What an index says about a project's files: its JSON, the simple API as JSON, and the simple API as HTML.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use url::Url;

use super::html::{Tag, tags, unescape};
use crate::digest::Digest;
use crate::world::few::few;
use crate::world::http::decode;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct There {
    /// Its digest, if the index says so.
    pub sha256: Option<Digest>,
    /// Bytes.
    pub size: Option<u64>,
    pub url: Option<Url>,
    pub uploaded: Option<DateTime<FixedOffset>>,
}

/// Files by name.
pub type Files = BTreeMap<String, There>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// All files of all versions.
    pub files: Files,
    /// `project-status`: `active`, `archived`, `quarantined`, `deprecated`.
    pub status: Option<String>,
}

/// How many files a page may have; the largest projects of PyPI have some ten thousand.
const MOST_FILES: usize = 200_000;

#[derive(Deserialize)]
struct VersionPage {
    #[serde(deserialize_with = "few::<MOST_FILES, _, _>")]
    urls: Vec<Entry>,
}

#[derive(Deserialize)]
struct Simple {
    #[serde(deserialize_with = "few::<MOST_FILES, _, _>")]
    files: Vec<Entry>,
    #[serde(default, rename = "project-status")]
    status: Status,
}

/// A word, or an object that holds one.
#[derive(Default)]
struct Status(Option<String>);

#[derive(Deserialize)]
struct Inner {
    status: Option<String>,
}

#[derive(Default, Deserialize)]
struct Hashes {
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    filename: String,
    #[serde(default)]
    url: String,
    #[serde(default, alias = "hashes")]
    digests: Hashes,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default, alias = "upload-time", rename = "upload_time_iso_8601")]
    uploaded: Option<String>,
}

/// The files of one version: `/pypi/NAME/VERSION/json`.
pub fn release(bytes: &[u8], base: &Url) -> Result<Files, String> {
    let release: VersionPage = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(release.urls.into_iter().map(|entry| entry.file(base)).collect())
}

/// A project's page in the simple API.
pub fn simple(bytes: &[u8], base: &Url, media: &str) -> Result<Page, String> {
    if media.contains("json") {
        let simple: Simple = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let files = simple.files.into_iter().map(|entry| entry.file(base)).collect();
        return Ok(Page { files, status: simple.status.0 });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    html(text, base)
}

/// What a file that installers take ends with.
const ENDINGS: [&str; 6] = [".whl", ".tar.gz", ".zip", ".egg", ".tar.bz2", ".exe"];

/// A page of HTML, if it is one of an index, with or without files, and not one of a login, a proxy or an error. Indexes say
/// it in a `meta` (<https://peps.python.org/pep-0629/>) or in their heading, else files are what tells them. One whose links
/// cannot be read is not one without files.
fn html(text: &str, base: &Url) -> Result<Page, String> {
    let asks =
        |tag: &Tag<'_>| tag.name == "input" && tag.value("type").is_some_and(|v| v.eq_ignore_ascii_case("password"));
    let mut written = None;
    let (mut files, mut unread) = (Files::new(), 0);
    for tag in tags(text) {
        if asks(&tag) {
            return Err("it is not an index page".into());
        }
        let Some(href) = tag.value("href").map(str::trim) else { continue };
        if tag.name == "base" && written.is_none() {
            written = base.join(href).ok();
        }
        if tag.name != "a" {
            continue;
        }
        let base = written.as_ref().unwrap_or(base);
        let Ok(mut url) = base.join(href) else {
            unread += 1;
            continue;
        };
        let sha256 = url.fragment().and_then(|fragment| fragment.strip_prefix("sha256=")?.parse().ok());
        url.set_fragment(None);
        // Servers cut long names in what people see, not in the address.
        let shown = unescape(tag.text).trim().to_owned();
        let names = [last_part(&url), shown];
        let names = names.into_iter().filter(|name| ENDINGS.iter().any(|end| name.to_ascii_lowercase().ends_with(end)));
        let mut is_file = false;
        for name in names {
            is_file = true;
            files.entry(name).or_insert_with(|| There { sha256, url: Some(url.clone()), ..There::default() });
        }
        if !is_file && !leads_around(&url, base) {
            unread += 1;
        }
        if files.len() > MOST_FILES {
            return Err(format!("it has more than {MOST_FILES} files"));
        }
    }
    let lower = text.to_ascii_lowercase();
    let says = ["pypi:repository-version", "links for", "index of"].iter().any(|mark| lower.contains(mark));
    match (files.is_empty(), says, unread) {
        (false, ..) | (true, true, 0) => Ok(Page { files, status: None }),
        (true, true, _) => Err(format!("it has links ({unread}), but none to a package file")),
        (true, false, _) => Err("it is not an index page".into()),
    }
}

/// Whether a link leads to a folder, to the page itself (sorted in another way) or to what is not a page.
fn leads_around(url: &Url, base: &Url) -> bool {
    url.path().ends_with('/') || url.path() == base.path() || !matches!(url.scheme(), "http" | "https")
}

/// The name of a file at an address, as installers read it.
fn last_part(url: &Url) -> String {
    decode(url.path()).rsplit('/').next().unwrap_or_default().to_owned()
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Self(None))
    }
}

impl<'de> Visitor<'de> for Status {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the status of a project")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Self, E> {
        Ok(Self(Some(word.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self, A::Error> {
        let inner = Inner::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(Self(inner.status))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self)
    }
}

impl Entry {
    fn file(self, base: &Url) -> (String, There) {
        let there = There {
            sha256: self.digests.sha256.and_then(|hex| hex.parse().ok()),
            size: self.size,
            url: base.join(&self.url).ok().filter(|_| !self.url.is_empty()),
            uploaded: self.uploaded.and_then(|text| DateTime::parse_from_rfc3339(&text).ok()),
        };
        (self.filename, there)
    }
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
        check("<h1>Links for x</h1><input type = password>", false);
        // Links that cannot be read are not none.
        check("<h1>Index of x</h1><a href=\"/get?id=7\">x-1-py3-none-any.w..&gt;</a>", false);
        check("<h1>Index of x</h1><a href=\"http://[\">x</a>", false);
        check("<h1>Index of x</h1><a href=\"../\">../</a><a href=\"?C=M;O=A\">Date</a><a name=top></a>", true);
        let json = |text: &str| simple(text.as_bytes(), &base(), "application/json").is_ok();
        assert!(json(r#"{"files":[]}"#) && !json("{}") && !json(r#"{"error":"login"}"#) && !json("<html>"));
    }

    /// What web servers make of a folder, and what minifies pages: the wheel is on each of them.
    #[test]
    fn files_are_found_on_every_kind_of_page() {
        let name = "a_name_that_is_long_enough-1.0.0+local.1-py3-none-manylinux_2_17_x86_64.whl";
        let address = name.replace('+', "%2B");
        let check = |page: String| {
            let page = simple(page.as_bytes(), &base(), "text/html").unwrap_or_else(|why| panic!("{why}: {page}"));
            let url = page.files[name].url.as_ref().map(Url::to_string);
            assert_eq!(url, Some(format!("https://a.example/simple/x/{address}")));
        };
        let nginx = format!("{}..&gt;", &name[..47]);
        check(format!("<h1>Index of /x/</h1><pre><a href=\"../\">../</a>\n<a href=\"{address}\">{nginx}</a> 1</pre>"));
        let apache = "a_name_that_is_long..&gt;";
        check(format!("<h1>Index of /x</h1><a href=\"?C=N;O=D\">Name</a><a href=\"{address}\">{apache}</a>"));
        check(format!("<H1>x</H1><A HREF=\"/\">[To Parent Directory]</A><A HREF=\"/simple/x/{address}\">{name}</A>"));
        check(format!("<!doctype html><h1>Links for x</h1><a href={address}>{name}</a>"));
        check(format!("<h1>Links for x</h1><a\nclass=f href = '{address}'><code>{name}</code></a>"));
        check(format!("<h1>Links for x</h1><a href=\"{}\">x</a>", address.replace('%', "&#37;")));
        check(format!("<base href=\"/simple/x/\"><a href=\"{address}\">{name}</a>"));
    }

    #[test]
    fn the_status_of_a_project_is_a_word_or_in_an_object() {
        let check = |status: &str, expected: Option<&str>| {
            let text = format!("{{\"files\":[],\"project-status\":{status}}}");
            let page = simple(text.as_bytes(), &base(), "application/json").unwrap();
            assert_eq!(page.status.as_deref(), expected, "{status}");
        };
        check("\"archived\"", Some("archived"));
        check("{\"reason\":[{}],\"status\":\"quarantined\"}", Some("quarantined"));
        check("{}", None);
        check("null", None);
        check("[{\"\":0},0]", None);
    }

    #[test]
    fn pages_have_a_limit_of_files() {
        let entry = r#"{"filename":""},"#.repeat(MOST_FILES);
        let text = format!("{{\"files\":[{entry}{{\"filename\":\"x\"}}]}}");
        let error = simple(text.as_bytes(), &base(), "application/json").unwrap_err();
        assert!(error.contains("more than 200000 entries"), "{error}");
    }

    #[test]
    fn a_file_is_named_by_its_address_and_by_its_text() {
        let text = "<h1>Links for x</h1><a href=\"x-1.tar.gz?download=1\">get it</a><a href=\"/get/7\">x-2.tar.gz</a>\
                    <!-- <a href=\"x-3.tar.gz\">x-3.tar.gz</a> --><a href=\"/status\">Status</a>";
        let page = simple(text.as_bytes(), &base(), "text/html").unwrap();
        assert_eq!(page.files.keys().collect::<Vec<_>>(), ["x-1.tar.gz", "x-2.tar.gz"]);
    }
}
