//! Steps of Python distributions: what they are built from, and what proves them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::macos::MacosVersion;
use crate::plan::model::outputs::Output;
use crate::step_id::StepId;
use crate::target::{Os, Target};
use crate::wheel::{DistributionName, Pythons};

/// The copy of the commit that one distribution is built from. Tracked files are never edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageWork {
    /// The distribution: `[project].name` of the copy.
    pub distribution: DistributionName,
    /// The name in the repository, which references to itself (`opsml[onnx]`) use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// PEP 440.
    pub version: String,
    /// Whether the version is written into the copy, because the manifests have another one: snapshots.
    pub set_version: bool,
    /// Path of the pyproject.toml, relative to the repository.
    pub pyproject: String,
    /// Path of the Cargo.toml, relative to the repository.
    pub manifest: String,
    /// Every cargo feature, written into `[tool.maturin]`.
    pub features: Vec<String>,
    /// Absent `no-default-features`.
    pub default_features: bool,
    /// `all-features`
    pub all_features: bool,
    /// Keys of `[project]` that are replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub project: BTreeMap<String, serde_json::Value>,
    /// Classifiers that are taken although our list does not know them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new_classifiers: Vec<String>,
    /// Asset steps unpacked into it.
    pub assets: Vec<StepId>,
    /// Import packages it brings.
    pub modules: Vec<String>,
}

/// A wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WheelWork {
    /// One for each of `python`, or one for all.
    pub outputs: Vec<Output>,
    /// What it is built from.
    pub stage: StageWork,
    /// How it is linked.
    pub builder: WheelBuilder,
    /// `manylinux_2_28`, `musllinux_1_2`; absent elsewhere than on Linux.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compatibility: Option<String>,
    /// The oldest macOS it is for, which the compiler is told; absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macos: Option<MacosVersion>,
    /// Whether maturin copies libraries of the machine that it links into it, which takes patchelf.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repair: bool,
    /// What Python has to do with it.
    #[serde(default, skip_serializing_if = "Bindings::is_pyo3")]
    pub bindings: Bindings,
    /// Which Pythons each file is for; none: one file for every Python 3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub python: Vec<Pythons>,
    /// Paths (relative to the repository) of prebuilt wheels to take instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prebuilt: Vec<String>,
    /// Cargo profile.
    pub profile: String,
    /// `--locked`
    pub locked: bool,
    /// Further arguments for maturin.
    pub cargo_args: Vec<String>,
    /// Extra environment.
    pub env: BTreeMap<String, String>,
    /// Globs of credential-like variables to pass through.
    pub pass_env: Vec<String>,
    /// Commands run before building.
    pub before: Vec<Command>,
    /// Largest size of one file, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
    /// Texts that must be in its library.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub present: Vec<String>,
    /// Texts that must not be in it: its own, and those that siblings must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
}

/// How Python comes to what is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bindings {
    /// It imports a module that was written with pyo3.
    #[default]
    Pyo3,
    /// Not at all: programs that pip puts beside it.
    Bin,
    /// By functions of C, with the package `cffi`.
    Cffi,
    /// By code that uniffi writes.
    Uniffi,
}

impl Bindings {
    /// Whether its wheels are for some Pythons only.
    pub fn is_pyo3(&self) -> bool {
        *self == Self::Pyo3
    }
}

/// How a wheel's library is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WheelBuilder {
    /// With the system's own linker.
    Native,
    /// With zig, for a glibc of choice.
    Zig,
    /// Not at all: the file is given.
    Prebuilt,
}

impl WheelBuilder {
    /// Whether a machine of `host` can make wheels for `target` with it: for its own system; for any Linux with zig.
    pub fn reaches(self, host: Target, target: Target) -> bool {
        match self {
            Self::Prebuilt => true,
            Self::Native => host == target || host.os() == target.os() && host.os() != Os::Linux,
            Self::Zig => target.os() == Os::Linux,
        }
    }
}

/// A source distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SdistWork {
    pub outputs: [Output; 1],
    /// What it is made from.
    pub stage: StageWork,
    /// Extra environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Globs of credential-like variables to pass through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_env: Vec<String>,
    /// Commands run before it is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Command>,
}

/// What must work once a wheel is installed into an environment of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Import {
    /// Modules that are imported.
    pub modules: Vec<String>,
    /// Console scripts that must be there.
    pub scripts: Vec<String>,
    /// Programs that must be there and start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// An expression that must be true after the import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Expressions that are true of other distributions, and must not be of this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untrue: Vec<String>,
}

/// What two distributions of one crate are told from each other by: the crates that only one's features pull in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resolve {
    /// Path of the Cargo.toml, relative to the repository.
    pub manifest: String,
    /// `--locked`
    pub locked: bool,
    /// What the wheel is built with.
    pub own: Variant,
    /// What its siblings are built with.
    pub others: Vec<Variant>,
}

/// What an sdist must make again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rebuild {
    /// The wheel step of the same machine.
    pub wheel: StepId,
}

/// The features of one distribution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Variant {
    /// The distribution.
    pub distribution: DistributionName,
    /// `--features`
    pub features: Vec<String>,
    /// Absent `--no-default-features`.
    pub default_features: bool,
    /// `--all-features`
    pub all_features: bool,
}
