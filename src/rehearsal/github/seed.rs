//! What a server starts with, in plain data.

/// A repository.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// `owner` of `owner/name`.
    pub owner: String,
    /// `name` of `owner/name`.
    pub name: String,
    /// Its default branch; empty: `main`.
    pub default_branch: String,
    /// Commit of the default branch, 40 hex digits; empty: all zeros.
    pub head: String,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Releases that are there already.
    pub releases: Vec<Release>,
    /// Whether what is published cannot be changed any more.
    pub immutable_releases: bool,
    /// Whether a rule forbids making tags: publishing a draft without its tag is refused then.
    pub tags_restricted: bool,
}

/// A tag.
#[derive(Clone, Debug, Default)]
pub struct Tag {
    /// Without `refs/tags/`.
    pub name: String,
    /// The commit, 40 hex digits.
    pub commit: String,
    /// Whether it has an object of its own.
    pub annotated: bool,
    /// Date of the commit, RFC 3339; empty: the server's start.
    pub date: String,
}

/// A release that is there already.
#[derive(Clone, Debug, Default)]
pub struct Release {
    /// Its tag, which for a published release should be among the repository's.
    pub tag: String,
    /// Title.
    pub name: Option<String>,
    /// Notes.
    pub body: Option<String>,
    /// Not public yet.
    pub draft: bool,
    /// Marked as prerelease.
    pub prerelease: bool,
    /// Its assets.
    pub assets: Vec<Asset>,
}

/// An asset that is there already.
#[derive(Clone, Debug, Default)]
pub struct Asset {
    /// File name, kept as it is.
    pub name: String,
    /// Its bytes; absent: an upload that never finished, in state `starter`.
    pub bytes: Option<Vec<u8>>,
}
