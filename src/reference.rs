//! Names of images: registry, repository, tag and digest, as Docker and the distribution spec write them.
//!
//! Grammar: <https://github.com/distribution/reference/blob/main/reference.go>; tags and digests:
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// A repository of a registry: `docker.io/library/debian`. Docker Hub's short forms are spelled out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Repository {
    /// Host and port as in references: `docker.io`, `localhost:5000`. Where it is reached is another matter.
    pub registry: String,
    /// Path below it: `library/debian`.
    pub path: String,
}

/// An image or other artifact: a repository with a tag, a digest, or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Reference {
    pub repository: Repository,
    pub tag: Option<String>,
    /// The digest of a manifest or index.
    pub digest: Option<Digest>,
}

/// Whether a registry's host, with its port, is this machine.
pub fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_matches(['[', ']']);
    let numbers = || name.split('.').map(str::parse::<u8>);
    name == "localhost"
        || name == "::1"
        || (name.starts_with("127.") && numbers().count() == 4 && numbers().all(|one| one.is_ok()))
}

/// What stands before the names of several repositories: a registry, with or without the path of an owner or team below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// Host and port as in references.
    pub registry: String,
    /// Path below it; empty: the registry alone.
    pub path: String,
}

/// The longest path of a repository, and the longest tag.
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;
/// The longest name of a host: RFC 1035.
const LONGEST_HOST: usize = 253;

/// Why a text is not a tag; nothing if it is one.
///
/// # Errors
/// What is wrong with it, for people.
pub fn check_tag(text: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() {
        return Err("a tag cannot be empty".into());
    }
    if text.len() > LONGEST_TAG {
        return Err(format!("tag `{text}` has {} characters; the limit is {LONGEST_TAG}", text.len()));
    }
    if let Some(bad) = text.chars().find(|c| !legal(*c)) {
        return Err(format!("tag `{text}` contains `{bad}`: use letters, digits, `.`, `_` and `-`"));
    }
    if text.starts_with(['.', '-']) {
        return Err(format!("tag `{text}` starts with `.` or `-`"));
    }
    Ok(())
}

impl Repository {
    pub fn tagged(&self, tag: impl Into<String>) -> Reference {
        Reference { repository: self.clone(), tag: Some(tag.into()), digest: None }
    }

    pub fn at(&self, digest: Digest) -> Reference {
        Reference { repository: self.clone(), tag: None, digest: Some(digest) }
    }

    /// What stands behind a prefix, if it is below it.
    pub fn below(&self, prefix: &Prefix) -> Option<&str> {
        match prefix.path.as_str() {
            _ if self.registry != prefix.registry => None,
            "" => Some(&self.path),
            path => self.path.strip_prefix(path)?.strip_prefix('/'),
        }
    }
}

impl Reference {
    /// What stands after `manifests/` in the API: the digest if there is one, else the tag, else `latest`.
    pub fn identifier(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".into(),
        }
    }
}

impl Prefix {
    /// The repository of a name below it.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn join(&self, name: &str) -> Result<Repository, String> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        let repository = Repository { registry: self.registry.clone(), path };
        check_path(&repository.path).map_err(|why| format!("`{repository}` {why}"))?;
        Ok(repository)
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (registry, path) = split(text.trim_end_matches('/'))?;
        let path = path.unwrap_or_default();
        if path.is_empty() {
            // Whose images would they be? Docker's own have no owner.
            if registry == HUB {
                return Err(format!("`{text}` has no owner: Docker Hub needs one before the name, `{HUB}/owner`"));
            }
            return Ok(Self { registry, path: String::new() });
        }
        check_path(path).map_err(|why| format!("`{text}` {why}"))?;
        Ok(Self { registry, path: path.to_owned() })
    }
}

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (registry, path) = split(text)?;
        let alone = || match text.contains(['/', '.']) || !text.contains(':') {
            true => format!("`{text}` has no repository"),
            false => format!("`{text}` has a tag or digest; only the repository belongs here"),
        };
        let path = path.filter(|path| !path.is_empty()).ok_or_else(alone)?;
        let official = registry == HUB && !path.contains('/');
        let path = if official { format!("library/{path}") } else { path.to_owned() };
        check_path(&path).map_err(|why| format!("`{text}` {why}"))?;
        Ok(Self { registry, path })
    }
}

/// Docker Hub, as references call it.
const HUB: &str = "docker.io";

/// The registry of a text, and what stands below it; nothing if it is a registry alone. A first part with a dot or a port,
/// or `localhost`, is a host; anything else belongs to Docker Hub.
fn split(text: &str) -> Result<(String, Option<&str>), String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(format!("`{text}` starts with `{scheme}://`: write it without, `{rest}`"));
    }
    let (first, rest) = text.split_once('/').map_or((text, None), |(first, rest)| (first, Some(rest)));
    let is_host = first.contains(['.', ':', '[']) || first.eq_ignore_ascii_case("localhost");
    if !is_host {
        return Ok((HUB.to_owned(), Some(text)));
    }
    // `debian:12` is not a host; the parser of repositories reports it.
    if rest.is_none() && first.contains(':') && host(first).is_err() {
        return Ok((HUB.to_owned(), Some(text)));
    }
    Ok((host(first).map_err(|why| format!("`{text}` {why}"))?, rest))
}

/// A registry's host as references have it: lower case, Docker Hub by its short name.
///
/// # Errors
/// Why it is not one.
pub fn host(text: &str) -> Result<String, String> {
    let host = text.to_ascii_lowercase();
    let bad = || format!("has no valid registry host: `{text}`");
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(bad)?,
        None => host.find(':').map_or((host.as_str(), ""), |at| host.split_at(at)),
    };
    let is_port = port.strip_prefix(':').is_some_and(|port| {
        !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
    });
    let is_host = name == "localhost" || name.contains('.') || !port.is_empty();
    let is_name = is_host && name.len() <= LONGEST_HOST && name.split('.').all(is_label);
    // `1.2` and `0x7f.1` are other addresses to whoever connects to them, and so is `[0::1]` to whoever compares.
    let bare = &host[..host.len() - port.len()];
    let same = url::Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.host_str() == Some(bare));
    if !(host.starts_with('[') || is_name) || !(port.is_empty() || is_port) || !same {
        return Err(bad());
    }
    Ok(if matches!(host.as_str(), "index.docker.io" | "registry-1.docker.io") { HUB.to_owned() } else { host })
}

fn is_label(label: &str) -> bool {
    let inner = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("has no repository".into());
    }
    if path.len() > LONGEST_NAME {
        return Err(format!("is longer than {LONGEST_NAME} characters"));
    }
    if path.contains(['@', ':']) {
        return Err("has a tag or digest; only the repository belongs here".into());
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!("contains upper case: repositories are lower case, `{}`", path.to_ascii_lowercase()));
    }
    match path.split('/').find(|part| !is_legal(part)) {
        Some("") => Err("contains an empty part".into()),
        Some(part) => Err(format!("contains `{part}`, which is not valid in a repository name")),
        None => Ok(()),
    }
}

fn is_legal(part: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
    // Separators: one dot, one or two underscores, any number of dashes.
    let runs = !["..", "___", "._", "_.", ".-", "-.", "_-", "-_"].iter().any(|bad| part.contains(bad));
    inner && runs && ends(part.chars().next()) && ends(part.chars().last())
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.registry),
            path => write!(f, "{}/{path}", self.registry),
        }
    }
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if digest.starts_with("sha256:") => (rest, Some(digest.parse()?)),
            Some((_, digest)) => return Err(format!("`{text}` has no sha256 digest: `{digest}`")),
            None => (text, None),
        };
        let at = rest.rfind(':').filter(|at| !rest[*at..].contains('/'));
        let (name, tag) = at.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        Ok(Self { repository: name.parse()?, tag: tag.map(str::to_owned), digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

macro_rules! text {
    ($($ty:ty, $name:literal);*) => {$(
        impl From<$ty> for String {
            fn from(value: $ty) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $ty {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl schemars::JsonSchema for $ty {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    )*};
}

text!(Repository, "Repository"; Reference, "Reference");

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
