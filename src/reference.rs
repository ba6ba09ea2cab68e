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
    /// The repository.
    pub repository: Repository,
    /// The tag.
    pub tag: Option<String>,
    /// The digest of a manifest or index.
    pub digest: Option<Digest>,
}

/// The longest path of a repository, and the longest tag.
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

/// Why a text is no tag; nothing if it is one.
///
/// # Errors
/// What is wrong with it, for people.
pub fn check_tag(text: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty() {
        return Err("a tag cannot be empty".into());
    }
    if text.len() > LONGEST_TAG {
        return Err(format!("tag `{text}` has {} characters, a registry takes {LONGEST_TAG}", text.len()));
    }
    if let Some(bad) = text.chars().find(|c| !legal(*c)) {
        return Err(format!("tag `{text}` holds `{bad}`: letters, digits, `.`, `_` and `-` are legal"));
    }
    if text.starts_with(['.', '-']) {
        return Err(format!("tag `{text}` begins with `.` or `-`"));
    }
    Ok(())
}

impl Repository {
    /// The same on another registry or path.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn join(&self, name: &str) -> Result<Self, String> {
        format!("{}/{name}", self.to_string().trim_end_matches('/')).parse()
    }

    /// What stands before the names of several repositories: a host with an owner, or a host alone. Docker Hub's owners
    /// are no images of its own.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn prefix(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let inner: Self = match text.parse::<Self>() {
            Err(_) if !text.contains('/') && text.contains(['.', ':']) => format!("{text}/x/x").parse()?,
            Err(why) => return Err(why),
            Ok(_) => format!("{text}/x").parse()?,
        };
        let path = inner.path.strip_suffix("x/x").or_else(|| inner.path.strip_suffix("/x")).unwrap_or(&inner.path);
        Ok(Self { path: path.trim_end_matches('/').to_owned(), registry: inner.registry })
    }

    /// With a tag.
    pub fn tagged(&self, tag: impl Into<String>) -> Reference {
        Reference { repository: self.clone(), tag: Some(tag.into()), digest: None }
    }

    /// With a digest.
    pub fn at(&self, digest: Digest) -> Reference {
        Reference { repository: self.clone(), tag: None, digest: Some(digest) }
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

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(format!("`{text}` begins with `{scheme}://`: a repository is written without it, `{rest}`"));
        }
        let (first, rest) = text.split_once('/').unwrap_or(("", text));
        // A first part with a dot or port, or `localhost`, is a host; anything else belongs to Docker Hub.
        let is_host = first.contains(['.', ':']) || first == "localhost";
        let (registry, path) = if is_host { (first, rest) } else { ("docker.io", text) };
        let registry =
            if matches!(registry, "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { registry };
        check_host(registry).map_err(|why| format!("`{text}` {why}"))?;
        check_path(path).map_err(|why| format!("`{text}` {why}"))?;
        let official = registry == "docker.io" && !path.contains('/');
        let path = if official { format!("library/{path}") } else { path.to_owned() };
        Ok(Self { registry: registry.to_ascii_lowercase(), path })
    }
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, port)) if inner.chars().all(|c| c.is_ascii_hexdigit() || c == ':') => {
            ("v6", port.strip_prefix(':'))
        }
        Some(_) => ("", None),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !name.split('.').all(label) || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(format!("has no legal registry host: `{host}`"));
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("names no repository".into());
    }
    if path.len() > LONGEST_NAME {
        return Err(format!("is longer than {LONGEST_NAME} characters"));
    }
    if path.contains(['@', ':']) {
        return Err("has a tag or digest; only the repository belongs here".into());
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!("holds upper case: repositories are lower case, `{}`", path.to_ascii_lowercase()));
    }
    let legal = |part: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let inner = part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
        // Separators: one dot, one or two underscores, any number of dashes.
        let runs = !["..", "___", "._", "_.", ".-", "-.", "_-", "-_"].iter().any(|bad| part.contains(bad));
        inner && runs && ends(part.chars().next()) && ends(part.chars().last())
    };
    match path.split('/').find(|part| !legal(part)) {
        Some("") => Err("holds an empty part".into()),
        Some(part) => Err(format!("holds `{part}`, which no registry takes as part of a name")),
        None => Ok(()),
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
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
mod tests {
    use super::*;

    #[test]
    fn repositories_are_spelled_out() {
        let check = |text: &str, expected: &str| {
            let repository: Repository = text.parse().unwrap();
            assert_eq!(repository.to_string(), expected);
            assert_eq!(repository.to_string().parse(), Ok(repository));
        };
        check("debian", "docker.io/library/debian");
        check("demml/opsml", "docker.io/demml/opsml");
        check("index.docker.io/demml/opsml", "docker.io/demml/opsml");
        check("ghcr.io/Owner/app".to_lowercase().as_str(), "ghcr.io/owner/app");
        check("localhost:5000/a/b_c/d--e", "localhost:5000/a/b_c/d--e");
        check("[::1]:5000/a", "[::1]:5000/a");
    }

    #[test]
    fn bad_repositories_say_why() {
        let check = |text: &str, part: &str| {
            let why = text.parse::<Repository>().unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        };
        check("https://ghcr.io/a/b", "without it, `ghcr.io/a/b`");
        check("ghcr.io/Owner/app", "`owner/app`");
        check("ghcr.io/a/b:1", "only the repository");
        check("ghcr.io/", "names no repository");
        check("ghcr.io/a//b", "empty part");
        check("ghcr.io/a/-b", "`-b`");
        check("gh_cr.io/a", "no legal registry host");
        check("localhost:99999/a", "no legal registry host");
    }

    #[test]
    fn references_print_what_they_parse() {
        let digest = Digest::of(b"x");
        for text in [
            "docker.io/library/debian:stable-slim",
            "localhost:5000/a",
            &format!("ghcr.io/a/b@{digest}"),
            &format!("ghcr.io/a/b:1@{digest}"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        assert_eq!("debian".parse::<Reference>().unwrap().identifier(), "latest");
        assert!("debian@sha512:00".parse::<Reference>().is_err());
        assert!("debian:a+b".parse::<Reference>().unwrap_err().contains('+'));
    }

    #[test]
    fn tags_have_a_length_and_an_alphabet() {
        assert_eq!(check_tag(&"a".repeat(128)), Ok(()));
        assert!(check_tag(&"a".repeat(129)).unwrap_err().contains("129"));
        assert!(check_tag("1.0.0+5").unwrap_err().contains("`+`"));
        assert!(check_tag(".a").is_err() && check_tag("").is_err());
    }
}
