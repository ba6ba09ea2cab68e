//! What a server starts with, in plain data.

#[derive(Clone, Debug, Default)]
pub struct Repository {
    pub owner: String,
    pub name: String,
    /// Its default branch; empty: `main`.
    pub default_branch: String,
    /// Commit of the default branch, 40 hex digits; empty: all zeros.
    pub head: String,
    pub tags: Vec<Tag>,
    pub releases: Vec<SeedRelease>,
    /// Whether what is published cannot be changed any more.
    pub immutable_releases: bool,
    /// Whether a rule forbids making tags: publishing a draft without its tag is refused then.
    pub tags_restricted: bool,
}

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

#[derive(Clone, Debug, Default)]
pub struct SeedRelease {
    /// Its tag, which for a published release should be among the repository's.
    pub tag: String,
    pub name: Option<String>,
    pub body: Option<String>,
    pub draft: bool,
    pub prerelease: bool,
    pub assets: Vec<Asset>,
}

#[derive(Clone, Debug, Default)]
pub struct Asset {
    /// File name, kept as it is.
    pub name: String,
    /// Its bytes; absent: an upload that never finished, in state `starter`.
    pub bytes: Option<Vec<u8>>,
}
