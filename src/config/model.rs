//! The checked configuration: plain data.

use std::collections::BTreeMap;

use crate::command::Command;
use crate::destination::When;
use crate::format::Format;
use crate::macos::MacosVersion;
use crate::platform::{Compression, Platform};
use crate::reference::{Reference, Repository};
use crate::target::{Libc, Linkage, Os, Target};
use crate::template::Template;
use crate::wheel::DistributionName;
use crate::yaml::ValuesPath;

use super::fields::FileItem;
use super::publish::{Destination, Publish};
use super::smoke::Smoke;
use super::workflow::Workflow;

/// The checked configuration: every string parsed, every default in place, overlays, defaults and overrides applied.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether a file was read, or everything is assumed.
    pub written: bool,
    /// `name:`; absent: the repository's name.
    pub name: Option<String>,
    /// `output:`, relative to the repository.
    pub output: String,
    /// `snapshot:` of an overlay.
    pub snapshot: bool,
    /// `host:` of an overlay.
    pub host: bool,
    pub targets: Vec<Target>,
    /// Tag grammar, version files and changelog of the root component.
    pub root: Component,
    /// `components:`, in the order written.
    pub components: Vec<Component>,
    pub binaries: Binaries,
    pub archives: Archives,
    /// `assets:`, in the order written.
    pub assets: Vec<Asset>,
    /// `images:`, in the order written.
    pub images: Vec<Image>,
    /// `bases:`, in the order written.
    pub bases: Vec<Base>,
    /// `wheels:`, in the order written.
    pub wheels: Vec<Wheel>,
    /// `charts:`, in the order written.
    pub charts: Vec<Chart>,
    /// `publish:`; the destination `github` is here unless it was written `false`.
    pub destinations: Vec<Destination>,
    /// `workflows:`; one file, `release.yml`, unless some are named.
    pub workflows: Vec<Workflow>,
}

#[derive(Clone, Debug)]
pub struct Component {
    /// Its name; empty for the root.
    pub name: String,
    /// `tag:` = `v{version}` for the root, `{component}-v{version}` for others.
    pub tag: Template,
    /// `version-files:`; absent: the manifests of its artifacts.
    pub version_files: Option<Vec<String>>,
    /// `changelog:`; absent: the nearest CHANGELOG.md.
    pub changelog: Option<String>,
    /// `latest:`; absent: true for the root or a lone component.
    pub latest: Option<bool>,
}

#[derive(Clone, Debug)]
pub enum Binaries {
    /// `binaries: false`
    Off,
    /// Not written: one per workspace package with binaries. Holds what such a one is, under an empty name.
    Implied(Box<Binary>),
    Listed(Vec<Binary>),
}

#[derive(Clone, Debug)]
pub struct Binary {
    /// Its key.
    pub name: String,
    pub component: Option<String>,
    /// One per target, in the order of its targets, overrides applied.
    pub builds: Vec<(Target, BinarySettings)>,
}

/// The settings of one binary entry for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinarySettings {
    /// `package:`; absent: the entry's name.
    pub package: Option<String>,
    /// `manifest:`, a Cargo.toml outside the workspace.
    pub manifest: Option<String>,
    /// `bins:`; empty: all.
    pub bins: Vec<String>,
    pub features: Vec<String>,
    pub default_features: bool,
    pub all_features: bool,
    pub profile: String,
    /// `locked:`; absent: if there is a lock file in the commit.
    pub locked: Option<bool>,
    pub cargo_args: Vec<String>,
    pub builder: Builder,
    pub runner: Option<String>,
    pub container: Option<String>,
    /// `glibc:`, the promised minimum, e.g. `2.28`.
    pub glibc: Option<String>,
    /// `macos:`, the oldest it is for.
    pub macos: Option<MacosVersion>,
    /// `linkage:`; absent: the target's own.
    pub linkage: Option<Linkage>,
    /// `static-target:`: how the implicit static build for images is made, `Musl` or `Gnu`.
    pub static_target: Libc,
    /// What the implicit static build with `static-target: gnu` is: these settings after the `+static` overrides. Absent: none.
    pub static_build: Option<Box<Self>>,
    pub prebuilt: Option<Template>,
    pub assets: Vec<String>,
    /// `before:`, those that apply to this target.
    pub before: Vec<Command>,
    pub env: BTreeMap<String, String>,
    /// `pass-env:`, globs of variable names.
    pub pass_env: Vec<String>,
    pub smoke: Smoke,
    /// `max-size:` in bytes.
    pub max_size: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    /// cargo on the native runner, zigbuild for linux-musl.
    Auto,
    /// `cargo build`
    Cargo,
    /// `cargo zigbuild`
    Zigbuild,
    /// `cross build`
    Cross,
}

#[derive(Clone, Debug)]
pub struct Archives {
    /// `archives: false`
    pub off: bool,
    pub items: Vec<Archive>,
    /// Keys written as `NAME: false`.
    pub dropped: Vec<String>,
    /// The default archive, under an empty name.
    pub implied: Archive,
}

#[derive(Clone, Debug)]
pub struct Archive {
    /// Its key.
    pub name: String,
    /// `name:` = key; fills `{name}`.
    pub title: Option<String>,
    pub component: Option<String>,
    /// `binaries:`; absent: the one named like it, else the only one.
    pub binaries: Option<Vec<String>>,
    pub file: Template,
    /// `targets:`; absent: those of its binaries.
    pub targets: Option<Vec<Target>>,
    pub formats: Formats,
    /// `directory:`; `None` = flat.
    pub directory: Option<Template>,
    /// `include:`; absent: README, LICENSE, COPYING, UNLICENSE, NOTICE nearest to the packages, none required.
    pub include: Option<Vec<FileItem>>,
    pub publish: Publish,
    /// `override:`: the whole archive for each target that an override means.
    pub overrides: Vec<(Target, Archive)>,
}

impl Archive {
    /// What it is for a target, overrides applied.
    pub fn for_target(&self, target: Target) -> &Self {
        self.overrides.iter().find(|(key, _)| *key == target).map_or(self, |(_, archive)| archive)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formats {
    pub by_os: Vec<(Os, Vec<Format>)>,
    /// For any other (`"*"`).
    pub other: Vec<Format>,
}

impl Formats {
    pub fn of(&self, os: Os) -> &[Format] {
        self.by_os.iter().find(|(key, _)| *key == os).map_or(&self.other, |(_, formats)| formats)
    }
}

#[derive(Clone, Debug)]
pub struct Asset {
    /// Its key.
    pub name: String,
    /// `name:` = key.
    pub title: Option<String>,
    pub component: Option<String>,
    pub run: Vec<Command>,
    pub files: Vec<FileItem>,
    /// `file:` and the format its extension says.
    pub file: Option<(Template, Format)>,
    pub runner: Option<String>,
    pub publish: Publish,
}

#[derive(Clone, Debug)]
pub struct Image {
    /// Its key.
    pub name: String,
    /// `name:` = key; fills `{name}`.
    pub title: Option<String>,
    pub component: Option<String>,
    /// `repositories:`; absent: `{registry prefix}/{name}`.
    pub repositories: Option<Vec<Repository>>,
    /// `binaries:`; absent: the one named like it, else the only one.
    pub binaries: Option<Vec<String>>,
    pub platforms: Vec<Platform>,
    /// `flavors:`, `all` spelled out; the first is the default flavor.
    pub flavors: Vec<String>,
    /// `include:`; every item has a `to`.
    pub include: Vec<FileItem>,
    /// `tags:` of the index of each flavor.
    pub tags: Vec<ImageTag>,
    /// `platform-tags:` of each platform's image.
    pub platform_tags: Vec<ImageTag>,
    /// `entrypoint:`; absent: the first executable.
    pub entrypoint: Option<Vec<String>>,
    pub cmd: Vec<String>,
    /// `user:`; absent: the base's own, else `65532:65532`.
    pub user: Option<String>,
    pub workdir: String,
    pub env: BTreeMap<String, String>,
    /// `expose:`, e.g. `8080/tcp`.
    pub expose: Vec<String>,
    /// `healthcheck:`, a command without a shell.
    pub healthcheck: Option<Vec<String>>,
    pub labels: BTreeMap<String, Template>,
    pub annotations: BTreeMap<String, Template>,
    pub compression: Compression,
    /// `smoke:`; `None` = off.
    pub smoke: Option<ImageSmoke>,
    /// `max-size:` of one image's compressed layers without the base, bytes.
    pub max_size: Option<u64>,
    /// `dockerfile:`, one build per flavor; empty: an image of binaries.
    pub dockerfiles: Vec<Dockerfile>,
    pub publish: Publish,
}

/// A build by an engine.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// Empty where there is only one.
    pub flavor: String,
    pub dockerfile: String,
    /// `context:` = the folder of the Dockerfile; empty: the whole repository.
    pub context: String,
    pub stage: Option<String>,
    pub args: BTreeMap<String, Template>,
    /// Names of environment variables, by id.
    pub secrets: BTreeMap<String, String>,
    pub before: Vec<Command>,
    pub contexts: BTreeMap<String, BuildContext>,
    pub binaries: Vec<String>,
    pub assets: Vec<String>,
    pub platforms: Vec<Platform>,
    pub runners: Runners,
    pub emulate: bool,
    /// `engine:`; absent: the first that answers.
    pub engine: Option<String>,
    /// `network: default`
    pub network: bool,
    pub cache: Option<bool>,
    /// `reuse: inputs`
    pub reuse: Option<bool>,
    pub contains: Vec<String>,
    /// Seconds.
    pub timeout: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildContext {
    Folder(String),
    /// Another image of the file.
    Image(String),
}

/// `runner:` of an image: one label, or one per platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runners {
    pub all: Option<String>,
    pub by_platform: BTreeMap<Platform, String>,
}

impl Runners {
    /// The label written for a platform.
    pub fn of(&self, platform: Platform) -> Option<&str> {
        self.by_platform.get(&platform).or(self.all.as_ref()).map(String::as_str)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageTag {
    pub tag: Template,
    pub when: When,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSmoke {
    Args(Vec<String>),
    /// A path that must answer over HTTP on the first exposed port.
    Http(String),
}

#[derive(Clone, Debug)]
pub struct Base {
    /// Its key: the flavor.
    pub flavor: String,
    /// `from:`; absent: the built-in one of this flavor.
    pub from: Option<Reference>,
    /// `platforms:`; absent: all.
    pub platforms: Option<Vec<Platform>>,
    /// `user:` of images on it.
    pub user: Option<String>,
    /// `include:`, files every image on it gets; every item has a `to`.
    pub include: Vec<FileItem>,
}

#[derive(Clone, Debug)]
pub struct Chart {
    /// Its key.
    pub name: String,
    /// `name:`; absent: Chart.yaml's.
    pub title: Option<String>,
    pub component: Option<String>,
    /// `path:` = `charts/<its key>`.
    pub path: String,
    /// `repositories:`; absent: `{registry prefix}/charts/{name}`.
    pub repositories: Option<Vec<Repository>>,
    /// `version: release`: Chart.yaml says anything.
    pub is_set: bool,
    /// `app-version:`, a component or a template; absent: unchanged.
    pub app_version: Option<Template>,
    /// `images:`, the places of each, in the order written.
    pub images: Vec<(String, Vec<ValuesPath>)>,
    /// `values:`, in the order written.
    pub values: Vec<(ValuesPath, Template)>,
    /// `pin: digest`
    pub pin_digest: bool,
    /// `dependencies: build`
    pub fetches: bool,
    pub render: bool,
    /// `allow:`, globs of references.
    pub allow: Vec<String>,
    pub publish: Publish,
}

#[derive(Clone, Debug)]
pub struct Wheel {
    /// Its key: the name of the distribution.
    pub name: DistributionName,
    pub component: Option<String>,
    /// `python:`; empty: what the crate says.
    pub python: Vec<String>,
    pub sdist: bool,
    /// `project:`, keys of `[project]`.
    pub project: BTreeMap<String, serde_json::Value>,
    pub new_classifiers: Vec<String>,
    pub variant_check: VariantCheck,
    pub publish: Publish,
    /// One per target, overrides applied.
    pub builds: Vec<(Target, WheelSettings)>,
}

/// The settings of a distribution for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelSettings {
    /// What is the same as for an executable.
    pub cargo: BinarySettings,
    /// `compatibility:`, e.g. `2_28`.
    pub compatibility: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariantCheck {
    /// Crates that only one of two distributions needs.
    Auto,
    Off,
    /// Texts in its library and not in it, and an expression.
    Written {
        present: Vec<String>,
        absent: Vec<String>,
        python: Option<String>,
    },
}
