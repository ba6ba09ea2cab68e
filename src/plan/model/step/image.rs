//! An image for one platform: what it is made of, by whichever recipe, and what its config says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::member::{Covered, Member};
use crate::command::Command;
use crate::digest::Digest;
use crate::plan::model::outputs::Output;
use crate::platform::{BaseFacts, Platform};
use crate::reference::Reference;
use crate::step_id::StepId;

/// An image for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageWork {
    /// Config and manifest. The blobs of a recipe that an engine carries out are further files of the record.
    pub outputs: [Output; 2],
    /// Name of the entry of `images:`.
    pub image: String,
    /// Its flavor; empty for the one Dockerfile of an image.
    pub flavor: String,
    pub platform: Platform,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// Largest sum of its own compressed layers, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
    /// How it is made.
    #[serde(flatten)]
    pub recipe: Recipe,
}

/// How an image is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "recipe", rename_all = "lowercase")]
pub enum Recipe {
    /// Layers of ours on a base image; nothing is run.
    Assembly(Box<Assembly>),
    /// A Dockerfile that an engine carries out.
    Dockerfile(Box<FromDockerfile>),
}

impl ImageWork {
    pub fn assembly(&self) -> Option<&Assembly> {
        match &self.recipe {
            Recipe::Assembly(assembly) => Some(assembly),
            Recipe::Dockerfile(_) => None,
        }
    }

    pub fn from_dockerfile(&self) -> Option<&FromDockerfile> {
        match &self.recipe {
            Recipe::Assembly(_) => None,
            Recipe::Dockerfile(recipe) => Some(recipe),
        }
    }

    /// The base image whose layers stay where they are.
    pub fn base(&self) -> Option<&PlannedBase> {
        self.assembly()?.base.as_ref()
    }

    /// Every image that it is built on or from, but for releases of this project: their tags never move.
    pub fn locked(&self) -> impl Iterator<Item = &PlannedBase> {
        let pulled = self.from_dockerfile().into_iter().flat_map(|recipe| &recipe.bases).map(|pulled| &pulled.base);
        self.base().into_iter().chain(pulled)
    }

    /// Every image that it is built on or from.
    pub fn bases(&self) -> impl Iterator<Item = &PlannedBase> {
        let pulled = self.from_dockerfile().into_iter().flat_map(|recipe| &recipe.bases).map(|pulled| &pulled.base);
        let published = self.from_dockerfile().into_iter().flat_map(|recipe| recipe.contexts.values());
        let published = published.filter_map(|context| match context {
            NamedContext::Published(base) => Some(base),
            NamedContext::Folder(_) | NamedContext::Image(_) => None,
        });
        self.base().into_iter().chain(pulled).chain(published)
    }

    /// The layer steps, bottom to top; none if its layers are its own files.
    pub fn layers(&self) -> &[StepId] {
        self.assembly().map(|assembly| assembly.layers.as_slice()).unwrap_or_default()
    }
}

/// Layers on a base image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assembly {
    /// Its base image; absent: scratch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<PlannedBase>,
    /// What the base provides, copied from the lock file or the built-in table.
    pub facts: BaseFacts,
    /// The layer steps, bottom to top.
    pub layers: Vec<StepId>,
    /// The executables in its layers: these must start on the base.
    pub executables: Vec<Covered>,
    /// What its config says.
    pub config: ImageConfig,
}

/// A build by an engine: everything that it is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FromDockerfile {
    /// Path of the Dockerfile in the repository.
    pub dockerfile: String,
    /// Path of the ignore file in force, in the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Folder of the context in the repository; empty: all of it.
    pub context: String,
    /// The stage that becomes the image; absent: the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Build arguments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
    /// Names of the environment variables that secrets are read from, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// Named contexts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contexts: BTreeMap<String, NamedContext>,
    /// The images that the Dockerfile names, each given to the engine by digest.
    pub bases: Vec<PulledImage>,
    /// Executables in the context, each with its path there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executables: Vec<Member>,
    /// Asset steps, whose files lie in the context at their own paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<StepId>,
    /// Paths in the context that executables and assets get.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<String>,
    /// Commands run in the work tree before the build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Command>,
    /// The engine; absent: the first that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The image of a builder that `docker buildx` starts where its own cannot write OCI layouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<PlannedBase>,
    /// The platform that builds: another one only by emulation.
    pub build_platform: Platform,
    /// Whether steps of the build reach the network.
    pub network: bool,
    /// Whether the engine keeps results for the next build.
    pub cache: bool,
    /// Whether a published image of the same inputs is taken instead of a build.
    pub reuse: bool,
    /// Seconds the build may take.
    pub timeout: u64,
    /// Labels added to its config.
    pub labels: BTreeMap<String, String>,
    /// Paths that the finished image must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<String>,
    /// Whether it has `ONBUILD` instructions for images built on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub onbuild: bool,
    /// Whether others are built on it: it may have nothing to start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_base: bool,
    /// Why a rehearsal puts a stub in its place; absent: it is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stub: Option<String>,
    /// What in the Dockerfile is dubious, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Digest over everything that decides what the image holds, and of how many files that is.
    pub inputs: InputDigest,
}

/// What an image is made from, as one digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputDigest {
    pub digest: Digest,
    /// Files of the repository in it.
    pub files: usize,
    /// Why more than needed may be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wide: Option<String>,
}

/// A named context of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NamedContext {
    /// A folder of the repository.
    Folder(String),
    /// Another image of this plan: its step.
    Image(StepId),
    /// An image that was published before.
    Published(PlannedBase),
}

/// An image that a Dockerfile names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PulledImage {
    /// As the Dockerfile names it, arguments filled in.
    pub name: String,
    /// The platform that is taken of it.
    pub platform: Platform,
    #[serde(flatten)]
    pub base: PlannedBase,
}

/// The base image of one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedBase {
    /// Where it is pulled from.
    pub from: Reference,
    /// Digest of the platform's manifest; absent: not locked, the tag is asked (for loopback destinations only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// What an image's config says, besides what it inherits:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageConfig {
    /// `Entrypoint`; an inherited `Cmd` is dropped with it.
    pub entrypoint: Vec<String>,
    /// `Cmd`
    pub cmd: Vec<String>,
    /// `User`
    pub user: String,
    /// `WorkingDir`
    pub workdir: String,
    /// `Env`: added to, or replacing, what the base has.
    pub env: BTreeMap<String, String>,
    /// `ExposedPorts`, e.g. `8080/tcp`.
    pub expose: Vec<String>,
    /// `Healthcheck`: a command without a shell. Docker's extension.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub healthcheck: Vec<String>,
    /// `Labels`
    pub labels: BTreeMap<String, String>,
}
