//! The plan: everything that will be built, checked and published, decided before anything runs. Plain data.

pub mod alike;
pub mod archive;
pub mod asset;
pub mod base;
pub mod beside;
pub mod binary;
pub mod bindings;
pub mod changelog;
pub mod crates;
pub mod decide;
pub mod describe;
pub mod explain;
pub mod image;
pub mod include;
pub mod leg;
pub mod links;
pub mod locked;
pub mod macos;
pub mod matrix;
pub mod not_made;
pub mod notes;
pub mod output;
pub mod part;
pub mod registry;
pub mod release;
pub mod request;
pub mod runner;
pub mod scope;
pub mod stable_abi;
pub mod step;
pub mod upload;
pub mod variant;
pub mod wheel;
pub mod whole;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::destination::{Adopt, ReadBack, Trusted, When};
use crate::digest::Digest;
use crate::reference::Repository;
use crate::step_id::StepId;
use crate::target::Target;
use crate::version::Version;

pub use decide::plan;
pub use not_made::NotMade;
pub use part::{Part, PullRequest, Workflow, WorkflowJobs};
pub use request::{Request, WithoutTag};
pub use step::{
    ArchiveFile, ArchiveWork, AssetTree, AssetWork, BinaryWork, Bindings, Check, CheckWork, ChecksumsWork,
    ContainerCheck, Covered, EntryKind, FileSpec, ImageConfig, ImageWork, Import, IndexWork, LayerWork, Member, Output,
    PlannedBase, PlannedBuilder, Rebuild, Resolve, SdistWork, SmokeCheck, StageWork, Step, Variant, WheelBuilder,
    WheelWork, Work,
};

/// The format of `plan.json`.
pub const SCHEMA: &str = "longshore/plan/1";

/// A whole release, planned. Same commit and same arguments, same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// `longshore/plan/1`
    pub schema: String,
    /// The project's name.
    pub name: String,
    /// `owner/name` on the forge; `local/<folder>` without a remote.
    pub repository: String,
    /// The commit it covers, 40 hex digits.
    pub commit: String,
    /// That commit's time, seconds since 1970: the time of every file we write.
    pub commit_time: i64,
    /// Whether the work tree differed from the commit.
    pub dirty: bool,
    /// What a checkout of the commit needs besides git.
    #[serde(default, skip_serializing_if = "Checkout::is_plain")]
    pub checkout: Checkout,
    /// Where the versions come from.
    pub origin: Origin,
    /// Folder for everything made, relative to the repository.
    pub output: String,
    /// The releases it makes, one per component.
    pub releases: Vec<Release>,
    /// Which steps are in.
    pub scope: Scope,
    /// The steps in scope, in an order in which each stands after its needs.
    pub steps: Vec<Step>,
    /// Steps of one runner, container and target: one machine each.
    pub legs: Vec<Leg>,
    /// Which workflow file builds and publishes what.
    pub parts: Vec<Part>,
    /// Workflow files that have nothing to do in this plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<String>,
    /// Where it goes, in the order of publishing.
    pub destinations: Vec<Destination>,
    /// What nobody wrote and was assumed, for people.
    pub assumed: Vec<String>,
}

/// What a checkout of the commit needs besides git.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checkout {
    /// Its submodules.
    #[serde(default)]
    pub submodules: bool,
    /// Files that Git LFS keeps.
    #[serde(default)]
    pub lfs: bool,
}

impl Checkout {
    /// Whether git alone has everything.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the versions of a plan come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A tag that exists.
    Tag,
    /// No tag: the one the manifests' version would get.
    Assumed,
    /// A snapshot.
    Snapshot,
}

/// One release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Release {
    /// Its component; empty for the root.
    pub component: String,
    /// Its version.
    pub version: Version,
    /// Its tag.
    pub tag: String,
    /// Whether the version is a prerelease.
    pub prerelease: bool,
    /// Whether it may become GitHub's "latest".
    pub latest: bool,
    /// What tags of this component look like, e.g. `v{version}`.
    pub tags: String,
}

/// Which steps a plan holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// All, the host's, or a selection.
    pub kind: ScopeKind,
    /// The selectors of `--only`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Ids of the steps of the whole release that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<StepId>,
    /// Which of them this host does not make although they are asked for, and what they wait for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_made: Vec<NotMade>,
}

/// The kinds of scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    /// Every step of the chosen releases.
    All,
    /// What this host can make (or was given prebuilt).
    Host,
    /// What `--only` selects, and all it needs.
    Only,
}

/// Steps of one runner, container and target: one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leg {
    /// Legal as a job and artifact name.
    pub id: String,
    /// 1: assets, needed by others. 2: everything else.
    pub wave: u8,
    /// `runs-on`
    pub runner: String,
    /// The job's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Its target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Ids of its steps, in order.
    pub steps: Vec<StepId>,
    /// What the machine needs before it can start: `rustup target add …`, `pip install …`.
    pub install: Vec<String>,
    /// Whether asset legs must have run before.
    pub needs_assets: bool,
}

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
    /// The images and indexes.
    pub images: Vec<PublishedImage>,
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

/// One image or index as it is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedImage {
    /// The image or index step.
    pub step: StepId,
    /// The repositories it goes to.
    pub repositories: Vec<Repository>,
    /// Fixed tags: set once, never moved. None, and no floating ones: pushed by digest alone, as a part of an index.
    pub tags: Vec<String>,
    /// Tags that follow the newest release of their line; moved last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floating: Vec<FloatingTag>,
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
    pub adopt: Adopt,
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

impl Plan {
    /// The canonical JSON: the bytes of `plan.json`.
    ///
    /// # Panics
    /// Never: every key is a string.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a plan is plain data");
        bytes.push(b'\n');
        bytes
    }

    /// The digest of its canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_json())
    }

    /// A step by id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The release of a component.
    pub fn release(&self, component: &str) -> Option<&Release> {
        self.releases.iter().find(|release| release.component == component)
    }

    /// Whether only loopback destinations may take it: anything but a whole, clean, tagged release.
    pub fn only_loopback(&self) -> Option<&'static str> {
        match (self.origin, self.scope.kind) {
            (Origin::Snapshot, _) => Some("it is a snapshot"),
            (Origin::Assumed, _) => Some("its tag is only assumed"),
            (Origin::Tag, _) if self.dirty => Some("its work tree was dirty"),
            (Origin::Tag, ScopeKind::All) => None,
            (Origin::Tag, ScopeKind::Host | ScopeKind::Only) => Some("it is not the whole release"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
