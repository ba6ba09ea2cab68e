//! What we read of GitHub's answers, and what we send; everything else in them is ignored.
//!
//! From GitHub's OpenAPI description: <https://github.com/github/rest-api-description>.

use serde::{Deserialize, Serialize};

use crate::world::few::few;

pub trait Numbered {
    fn id(&self) -> u64;
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GithubRelease {
    pub id: u64,
    /// Its tag; for a draft the tag it will have.
    pub tag_name: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub body: Option<String>,
    /// Whether only those with push access see it.
    pub draft: bool,
    #[serde(default)]
    pub prerelease: bool,
    /// Whether its files can no longer be changed.
    #[serde(default)]
    pub immutable: Option<bool>,
    /// Where files are uploaded to, a URI template.
    pub upload_url: String,
    pub html_url: String,
    /// Its files; GitHub keeps up to 1000.
    #[serde(default, deserialize_with = "few::<10_000, _, _>")]
    pub assets: Vec<Asset>,
}

impl Numbered for GithubRelease {
    fn id(&self) -> u64 {
        self.id
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Asset {
    pub id: u64,
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
    pub object: Object,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Object {
    /// `commit`, `tag`, `tree` or `blob`.
    #[serde(rename = "type")]
    pub kind: String,
    pub sha: String,
}

/// `POST /repos/{o}/{r}/releases`. No `target_commitish`: the tag exists, and naming a commit makes GitHub ask for a right
/// that no `GITHUB_TOKEN` has when the commit touches `.github/workflows`.
#[derive(Debug, Serialize)]
pub struct NewRelease<'a> {
    pub tag_name: &'a str,
    pub name: &'a str,
    pub body: &'a str,
    /// Always a draft at first.
    pub draft: bool,
    pub prerelease: bool,
}

/// `PATCH /repos/{o}/{r}/releases/{id}` that makes a draft public.
#[derive(Debug, Serialize)]
pub struct Publication<'a> {
    pub tag_name: &'a str,
    pub name: &'a str,
    pub body: &'a str,
    pub draft: bool,
    pub prerelease: bool,
    /// Whether it becomes "latest": `true`, `false` or `legacy`, a text and not a boolean.
    pub make_latest: &'static str,
}

/// `POST /repos/{o}/{r}/releases/generate-notes`
#[derive(Debug, Deserialize)]
pub struct Notes {
    pub body: String,
}
