//! Engines as values: which program it is, and how it is started.

use std::fmt;
use std::str::FromStr;

use super::version::Version;

/// A program that builds Dockerfiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `buildctl`, with the daemon that `BUILDKIT_HOST` names.
    Buildkit,
    /// `docker buildx`.
    Docker,
    Buildah,
    Podman,
}

impl Kind {
    /// In the order they are tried.
    pub const ALL: [Self; 4] = [Self::Buildkit, Self::Docker, Self::Buildah, Self::Podman];

    pub fn program(self) -> &'static str {
        match self {
            Self::Buildkit => "buildctl",
            Self::Docker => "docker",
            Self::Buildah => "buildah",
            Self::Podman => "podman",
        }
    }

    /// What builds for it: podman has buildah in it, docker has BuildKit.
    pub fn builder(self) -> &'static str {
        match self {
            Self::Buildkit | Self::Docker => "BuildKit",
            Self::Buildah | Self::Podman => "buildah",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Buildkit => "buildkit",
            other => other.program(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| format!("`{text}` is not a known engine: buildkit, docker, buildah, podman"))
    }
}

/// An engine that answers and can do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    pub kind: Kind,
    /// Of what builds: BuildKit's or buildah's. Nothing where it does not tell.
    pub version: Option<Version>,
    /// Why this one, in words.
    pub why: String,
    /// Whether the machine emulates the processor that was asked for.
    pub emulated: bool,
    pub(super) how: How,
}

/// What else must be known to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// As the user's environment says.
    Plain,
    /// A builder of buildx that the user has; one that did not run before is stopped afterwards.
    Builder { stop: bool },
    /// A builder of our own, made from an image, because the user's cannot write OCI layouts.
    OwnBuilder { image: String },
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            Kind::Docker => "docker buildx",
            other => other.program(),
        };
        match self.version {
            Some(version) => write!(f, "`{name}` ({} {version})", self.kind.builder()),
            None => write!(f, "`{name}`"),
        }
    }
}
