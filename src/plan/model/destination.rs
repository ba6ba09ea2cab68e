//! Destinations: where a plan is published, by kind.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::deployment::FileFormat;
use crate::destination::{Existing, ReadBack, Trusted, When};
use crate::reference::{Reference, Repository};
use crate::step_id::StepId;

/// A place releases go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Destination {
    /// Its name in the configuration.
    pub name: String,
    /// Which releases it takes.
    pub when: When,
    /// The environment of the job that publishes to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Names of the environment variables it reads credentials from.
    pub credentials: Vec<String>,
    /// What its kind needs.
    #[serde(flatten)]
    pub kind: DestinationKind,
}

/// A destination by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum DestinationKind {
    /// GitHub Releases.
    Github(GithubDestination),
    /// Registries of images.
    Registry(RegistryDestination),
    /// An index of Python packages.
    Pypi(PypiDestination),
    /// A deployment file.
    File(FileDestination),
    /// A command.
    Command(CommandDestination),
}

impl DestinationKind {
    pub fn github(&self) -> Option<&GithubDestination> {
        match self {
            Self::Github(github) => Some(github),
            _ => None,
        }
    }

    pub fn registry(&self) -> Option<&RegistryDestination> {
        match self {
            Self::Registry(registry) => Some(registry),
            _ => None,
        }
    }

    pub fn pypi(&self) -> Option<&PypiDestination> {
        match self {
            Self::Pypi(pypi) => Some(pypi),
            _ => None,
        }
    }

    pub fn file(&self) -> Option<&FileDestination> {
        match self {
            Self::File(file) => Some(file),
            _ => None,
        }
    }

    pub fn command(&self) -> Option<&CommandDestination> {
        match self {
            Self::Command(command) => Some(command),
            _ => None,
        }
    }

    /// Names of the variables among its credentials that hold no secret, but who logs in.
    pub fn usernames(&self) -> Vec<&String> {
        match self {
            Self::Registry(registry) => registry.hosts.values().filter_map(|host| host.username_env.as_ref()).collect(),
            Self::Pypi(pypi) => pypi.username.iter().collect(),
            Self::Github(_) | Self::File(_) | Self::Command(_) => Vec::new(),
        }
    }
}

/// A file that tells others what was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileDestination {
    /// Path in the repository; git ignores it.
    pub file: String,
    pub format: FileFormat,
    /// Its keys, in order.
    pub set: Vec<DeploymentValue>,
}

impl FileDestination {
    /// What registries are asked for the digest of.
    pub fn asked(&self) -> impl Iterator<Item = &Reference> {
        self.set.iter().flat_map(|one| &one.value).filter_map(|part| match part {
            ValuePart::DigestOf(reference) => Some(reference),
            ValuePart::Text(_) | ValuePart::Sha256Of(_) => None,
        })
    }
}

/// A key of a deployment file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentValue {
    pub key: String,
    /// What its value consists of.
    pub value: Vec<ValuePart>,
}

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValuePart {
    Text(String),
    /// The digest that a registry has for a reference.
    DigestOf(Reference),
    /// The SHA-256 of a file that a step makes.
    Sha256Of(StepFile),
}

/// A file that a step makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepFile {
    pub step: StepId,
    pub name: String,
}

/// What runs when everything that it accepts is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommandDestination {
    pub command: Command,
    /// Globs of the credentials that it gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_env: Vec<String>,
    /// Seconds that it may take.
    pub timeout: u64,
    /// The images and charts that it is told of, as they are pushed: of this run, and of a snapshot also those that are
    /// published already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
}

/// An index of Python packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PypiDestination {
    /// Where files are uploaded to.
    pub upload: String,
    /// Its simple index.
    pub simple: String,
    /// Its JSON API, if it is one that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Whether GitHub's identity is used instead of a token.
    pub trusted: Trusted,
    /// By distribution: the variables a token is looked for in, in order.
    pub tokens: BTreeMap<String, Vec<String>>,
    /// The variable with a user's name; then those hold a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// Registries: what is pushed, where to, and under which tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryDestination {
    /// How hosts are reached that need something said; by host as in references.
    pub hosts: BTreeMap<String, RegistryHost>,
    /// The images, indexes and charts, in the order of publishing.
    pub images: Vec<PublishedImage>,
    /// Images of earlier releases that charts name: nothing is published before they are found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expects: Vec<ExpectedImage>,
    /// Whether it takes snapshots.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snapshots: bool,
    /// Who looks whether they can be read.
    #[serde(default, skip_serializing_if = "is_auto")]
    pub read_back: ReadBack,
}

fn is_auto(read_back: &ReadBack) -> bool {
    *read_back == ReadBack::Auto
}

/// How a registry is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RegistryHost {
    /// The environment variable with the user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_env: Option<String>,
    /// The environment variable with the password or token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// Plain HTTP, or a certificate that is not checked.
    pub insecure: bool,
    /// Further certificate authorities, PEM text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Another host that may be shown our login for a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_service: Option<String>,
}

/// An image that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectedImage {
    pub reference: Reference,
    /// The chart that names it.
    pub by: StepId,
}

/// One image, index or chart as it is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedImage {
    /// The image, index or chart step.
    pub step: StepId,
    /// The repositories it goes to.
    pub repositories: Vec<Repository>,
    /// Fixed tags: set once, never moved. None, and no floating ones: pushed by digest alone, as a part of an index.
    pub tags: Vec<String>,
    /// Tags that follow the newest release of their line; moved last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floating: Vec<FloatingTag>,
    /// The tag under which the next build of the same inputs finds it; never moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
}

/// A tag that follows the newest stable release of its line, never backwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FloatingTag {
    /// The tag.
    pub tag: String,
    /// The line's major version, if the tag names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<u64>,
    /// The line's minor version, if the tag names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minor: Option<u64>,
    /// What stands before the version in a fixed tag of the same image, which tells the versions a registry has.
    pub prefix: String,
    /// What stands behind it.
    pub suffix: String,
}

/// GitHub Releases of one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GithubDestination {
    /// `owner/name`
    pub repository: String,
    /// Host of the forge, `github.com` or a GHES host.
    pub host: String,
    /// Leave the release a draft.
    pub draft: bool,
    /// Which existing release may be filled.
    pub existing: Existing,
    /// One per release, in the order of the plan's releases.
    pub pages: Vec<ReleasePage>,
}

/// How one release looks on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleasePage {
    /// Tag of the release.
    pub tag: String,
    /// Its title.
    pub title: String,
    /// Its notes, header and footer included.
    pub body: String,
    /// Whether GitHub's generated notes go between header and footer: `body` then has a line `{generated}` alone.
    pub generated: bool,
}
