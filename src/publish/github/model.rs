//! What we read of GitHub's answers, and what we send; everything else in them is ignored.
//!
//! From GitHub's OpenAPI description: <https://github.com/github/rest-api-description>.

use serde::{Deserialize, Serialize};

use crate::world::few::few;

/// What lists hold.
pub trait Numbered {
    /// Its number.
    fn id(&self) -> u64;
}

/// A release, draft or published.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Release {
    /// Its number.
    pub id: u64,
    /// Its tag; for a draft the tag it will have.
    pub tag_name: String,
    /// Its title.
    #[serde(default)]
    pub name: Option<String>,
    /// Its notes.
    #[serde(default)]
    pub body: Option<String>,
    /// Whether only those with push access see it.
    pub draft: bool,
    /// Whether it is marked as a prerelease.
    #[serde(default)]
    pub prerelease: bool,
    /// Whether its files can no longer be changed.
    #[serde(default)]
    pub immutable: Option<bool>,
    /// Where files are uploaded to, a URI template.
    pub upload_url: String,
    /// Its page.
    pub html_url: String,
    /// Its files; GitHub keeps up to 1000.
    #[serde(default, deserialize_with = "few::<10_000, _, _>")]
    pub assets: Vec<Asset>,
}

impl Numbered for Release {
    fn id(&self) -> u64 {
        self.id
    }
}

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Asset {
    /// Its number.
    pub id: u64,
    /// The name the server gave it.
    pub name: String,
    /// `uploaded`, `open`, or `starter` for what an upload that broke left behind (in no enum of the description).
    pub state: String,
    /// Bytes.
    pub size: u64,
    /// `sha256:<hex>`; absent on older servers and older files.
    #[serde(default)]
    pub digest: Option<String>,
    /// Where the public finds it.
    pub browser_download_url: String,
}

impl Numbered for Asset {
    fn id(&self) -> u64 {
        self.id
    }
}

/// `GET /repos/{o}/{r}/git/ref/tags/{tag}`, and the object a tag object points at.
#[derive(Clone, Debug, Deserialize)]
pub struct Pointer {
    /// What is pointed at.
    pub object: Object,
}

/// A git object.
#[derive(Clone, Debug, Deserialize)]
pub struct Object {
    /// `commit`, `tag`, `tree` or `blob`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub sha: String,
}

/// `POST /repos/{o}/{r}/releases`. No `target_commitish`: the tag exists, and naming a commit makes GitHub ask for a right
/// that no `GITHUB_TOKEN` has when the commit touches `.github/workflows`.
#[derive(Debug, Serialize)]
pub struct NewRelease<'a> {
    /// Its tag.
    pub tag_name: &'a str,
    /// Its title.
    pub name: &'a str,
    /// Its notes.
    pub body: &'a str,
    /// Always a draft at first.
    pub draft: bool,
    /// Whether it is a prerelease.
    pub prerelease: bool,
}

/// `PATCH /repos/{o}/{r}/releases/{id}` that makes a draft public.
#[derive(Debug, Serialize)]
pub struct Publication<'a> {
    /// Its tag.
    pub tag_name: &'a str,
    /// Its title.
    pub name: &'a str,
    /// Its notes.
    pub body: &'a str,
    /// No longer.
    pub draft: bool,
    /// Whether it is a prerelease.
    pub prerelease: bool,
    /// Whether it becomes "latest": `true`, `false` or `legacy`, a text and not a boolean.
    pub make_latest: &'static str,
}

/// `POST /repos/{o}/{r}/releases/generate-notes`
#[derive(Debug, Deserialize)]
pub struct Notes {
    /// Markdown.
    pub body: String,
}
