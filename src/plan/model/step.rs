//! A step: one thing to do, with everything its carrying out needs, by kind.

mod chart;
mod check;
mod image;
mod member;
mod python;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::outputs::{ArchiveOutput, AssetOutputs, Output};
use crate::command::Command;
use crate::input_list::ANNOTATION;
use crate::macos::MacosVersion;
use crate::platform::Compression;
use crate::step_id::StepId;
use crate::target::{Libc, Linkage, Os, Target};

pub use chart::{ChartDependency, ChartFile, ChartImage, ChartText, ChartWork, DependencySource, RenderCheck};
pub use check::{Check, CheckWork, ContainerCheck, SecretsCheck, SmokeCheck};
pub use image::{
    Assembly, FromDockerfile, ImageConfig, ImageWork, InputDigest, NamedContext, PlannedBase, PulledImage, Recipe,
};
pub use member::{Covered, Member};
pub use python::{Bindings, Import, Rebuild, Resolve, SdistWork, StageWork, Variant, WheelBuilder, WheelWork};

/// One thing to do: what it needs and what it makes are known before anything runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    pub id: StepId,
    /// The component whose release it belongs to.
    pub component: String,
    /// Ids of the steps it needs.
    pub needs: Vec<StepId>,
    /// The destinations its outputs go to.
    pub publish: Vec<String>,
    /// The job that carries it out; absent: `build --merge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The target it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What exactly is done.
    #[serde(flatten)]
    pub work: Work,
}

impl Step {
    /// Where below `--prebuilt DIR` a prebuilt output is taken from: executables out of a folder named like the target
    /// triple, with `-static` for an implicit build whose triple is another build's too; wheels and sdists by their name.
    pub fn prebuilt_path(&self, output: &str) -> Option<String> {
        match self.work {
            Work::Binary(_) => {
                let target = self.target?;
                let implicit = target.libc() == Libc::Gnu && self.is_implicit();
                Some(if implicit { format!("{target}-static/{output}") } else { format!("{target}/{output}") })
            }
            Work::Wheel(_) | Work::Sdist(_) => Some(output.to_owned()),
            _ => None,
        }
    }

    /// The names of the files it makes.
    pub fn outputs(&self) -> Vec<&str> {
        self.work.outputs()
    }

    /// The name of the artifact it is of, as the configuration has it where that is not an id.
    pub fn artifact(&self) -> &str {
        match &self.work {
            Work::Wheel(WheelWork { stage, .. }) | Work::Sdist(SdistWork { stage, .. }) => stage.distribution.as_str(),
            Work::Image(ImageWork { image, .. }) | Work::Index(IndexWork { image, .. }) => image,
            Work::Chart(work) => &work.chart,
            _ => self.id.entry(),
        }
    }

    /// Whether a file is one that it makes. How many layers an engine makes is known afterwards.
    pub fn makes(&self, name: &str) -> bool {
        self.outputs().contains(&name) || self.makes_layer(name)
    }

    /// Whether a file is a layer that an engine made.
    fn makes_layer(&self, name: &str) -> bool {
        let Work::Image(ImageWork { recipe: Recipe::Dockerfile(recipe), .. }) = &self.work else { return false };
        if recipe.reuse && name == self.inputs_file() {
            return true;
        }
        let layer = name.strip_prefix(self.id.as_str()).and_then(|rest| rest.strip_prefix(".layer-"));
        let number = layer.and_then(|layer| layer.split_once(".tar")).map(|(number, _)| number);
        number.is_some_and(|number| number.len() >= 2 && number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// The name of the file that lists the inputs of an image.
    pub fn inputs_file(&self) -> String {
        format!("{}.inputs.json", self.id)
    }

    /// Whether files are what it makes, in that order.
    pub fn made(&self, names: &[&str]) -> bool {
        let planned = self.outputs();
        names
            .split_at_checked(planned.len())
            .is_some_and(|(first, further)| first == planned && further.iter().all(|name| self.makes_layer(name)))
    }

    /// Whether it is a static build for images alone.
    pub fn is_implicit(&self) -> bool {
        matches!(&self.work, Work::Binary(work) if work.implicit)
    }
}

/// What a step does, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Work {
    /// Files made once by the user's commands.
    Asset(AssetWork),
    /// Executables compiled by cargo, or taken as they are.
    Binary(BinaryWork),
    /// Executables and files packed.
    Archive(ArchiveWork),
    /// A file of SHA-256 sums.
    Checksums(ChecksumsWork),
    /// Something run to prove an artifact.
    Check(CheckWork),
    /// A layer of images.
    Layer(LayerWork),
    /// An image for one platform: config and manifest.
    Image(ImageWork),
    /// The index of one flavor's images.
    Index(IndexWork),
    /// A Python wheel.
    Wheel(WheelWork),
    /// A Python source distribution.
    Sdist(SdistWork),
    /// A Helm chart.
    Chart(Box<ChartWork>),
}

impl Work {
    /// The copy of the commit that a distribution is built from.
    pub fn stage(&self) -> Option<&StageWork> {
        match self {
            Self::Wheel(WheelWork { stage, .. }) | Self::Sdist(SdistWork { stage, .. }) => Some(stage),
            _ => None,
        }
    }

    /// The digest of what an image or index is made from, as its annotation has it.
    pub fn inputs(&self) -> Option<&str> {
        let annotations = match self {
            Self::Image(work) => &work.annotations,
            Self::Index(work) => &work.annotations,
            Self::Chart(work) => &work.annotations,
            _ => return None,
        };
        annotations.get(ANNOTATION).map(String::as_str)
    }

    /// The names of the files that it makes, in the order of the records.
    pub fn outputs(&self) -> Vec<&str> {
        let plain: &[Output] = match self {
            Self::Asset(AssetWork { outputs: AssetOutputs::Bundle([output]), .. }) => return vec![&output.name],
            Self::Archive(work) => return work.outputs.iter().map(|output| output.name.as_str()).collect(),
            Self::Asset(AssetWork { outputs: AssetOutputs::Files(outputs), .. })
            | Self::Binary(BinaryWork { outputs, .. })
            | Self::Wheel(WheelWork { outputs, .. }) => outputs,
            Self::Checksums(ChecksumsWork { outputs, .. })
            | Self::Layer(LayerWork { outputs, .. })
            | Self::Index(IndexWork { outputs, .. })
            | Self::Sdist(SdistWork { outputs, .. }) => outputs,
            Self::Image(work) => &work.outputs,
            Self::Chart(work) => &work.outputs,
            Self::Check(_) => &[],
        };
        plain.iter().map(|output| output.name.as_str()).collect()
    }

    /// The word that starts a step's id.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Asset(_) => "asset",
            Self::Binary(_) => "binary",
            Self::Archive(_) => "archive",
            Self::Checksums(_) => "checksums",
            Self::Check(_) => "check",
            Self::Layer(_) => "layer",
            Self::Image(_) => "image",
            Self::Index(_) => "index",
            Self::Wheel(_) => "wheel",
            Self::Sdist(_) => "sdist",
            Self::Chart(_) => "chart",
        }
    }
}

/// Work of one kind, for whoever can do nothing with any other.
pub trait OfKind {
    /// The word that starts a step's id.
    const KIND: &str;

    /// It, if the work is of this kind.
    fn of(work: &Work) -> Option<&Self>;
}

macro_rules! of_kind {
    ($($work:ty: $kind:ident $word:literal,)*) => {$(
        impl OfKind for $work {
            const KIND: &str = $word;

            fn of(work: &Work) -> Option<&Self> {
                match work {
                    Work::$kind(work) => Some(work),
                    _ => None,
                }
            }
        }
    )*};
}

of_kind! {
    AssetWork: Asset "asset",
    LayerWork: Layer "layer",
    ImageWork: Image "image",
    WheelWork: Wheel "wheel",
    SdistWork: Sdist "sdist",
    ChartWork: Chart "chart",
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssetWork {
    pub outputs: AssetOutputs,
    /// The commands that make it.
    pub run: Vec<Command>,
    /// The files, relative to the repository: paths, globs or folders.
    pub files: Vec<FileSpec>,
}

/// A path or glob and where its matches go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileSpec {
    /// Path or glob relative to the repository.
    pub from: String,
    /// Destination path; absent: the path itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whether links become what they point at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follow: bool,
}

/// A compilation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BinaryWork {
    /// The executables: `bins` with the target's ending, in this order.
    pub outputs: Vec<Output>,
    /// Path of the Cargo.toml whose workspace is built, relative to the repository.
    pub manifest: String,
    /// The cargo package.
    pub package: String,
    /// Whether it is a static build for images alone, which no archive holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub implicit: bool,
    /// Names of its binaries, without ending.
    pub bins: Vec<String>,
    /// The program that compiles.
    pub builder: PlannedBuilder,
    /// Paths (relative to the repository, one per binary) of prebuilt binaries to take instead of compiling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prebuilt: Vec<String>,
    /// Cargo profile.
    pub profile: String,
    /// `--features`
    pub features: Vec<String>,
    /// Absent `--no-default-features`.
    pub default_features: bool,
    /// `--all-features`
    pub all_features: bool,
    /// `--locked`
    pub locked: bool,
    /// Further arguments for cargo.
    pub cargo_args: Vec<String>,
    /// Extra environment.
    pub env: BTreeMap<String, String>,
    /// Globs of credential-like variables to pass through.
    pub pass_env: Vec<String>,
    /// Commands run before compiling.
    pub before: Vec<Command>,
    /// Asset steps unpacked before compiling.
    pub assets: Vec<StepId>,
    /// The promised highest glibc symbol version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
    /// The oldest macOS it is for, which the compiler is told; absent elsewhere, and for what others made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macos: Option<MacosVersion>,
    /// The promised linkage.
    pub linkage: Linkage,
    /// Largest size of one executable, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
}

/// The program that compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlannedBuilder {
    /// `cargo build`
    Cargo,
    /// `cargo zigbuild`
    Zigbuild,
    /// `cross build`
    Cross,
    /// Nothing: the executables are given.
    Prebuilt,
}

impl PlannedBuilder {
    /// Whether a machine of `host` can make `target` with it, given the tools: its own triple; another architecture or C
    /// library of the same system with its cross tools; anything that is already made.
    pub fn reaches(self, host: Target, target: Target) -> bool {
        match self {
            Self::Prebuilt => true,
            Self::Cargo => host == target || host.os() == target.os() && host.os() != Os::Linux,
            Self::Zigbuild | Self::Cross => host == target || target.os() == Os::Linux,
        }
    }
}

/// Packing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArchiveWork {
    /// One file per format, for bare executables one per executable.
    pub outputs: Vec<ArchiveOutput>,
    /// The executables: step and file name, and the path inside the archive.
    pub executables: Vec<Member>,
    /// Files of the commit, each with its path inside the archive; sorted by that path.
    pub files: Vec<ArchiveFile>,
    /// Trees that an asset step makes: every file of the asset at or below `path`.
    pub trees: Vec<AssetTree>,
}

/// A file of the commit in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ArchiveFile {
    /// Path in the repository.
    pub source: String,
    /// Path inside the archive.
    pub path: String,
    /// What it is.
    #[serde(flatten)]
    pub entry: EntryKind,
}

/// What a file of an archive is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum EntryKind {
    /// Mode 0644.
    File,
    /// Mode 0755.
    Executable,
    /// A symbolic link that stays inside.
    Symlink {
        /// What it points at, as written in the link.
        link: String,
    },
}

/// A tree out of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssetTree {
    /// The asset step.
    pub step: StepId,
    /// Path in the repository (and in the asset) at or below which files are taken.
    pub path: String,
    /// Path inside the archive that replaces it.
    pub to: String,
}

/// A checksums file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChecksumsWork {
    pub outputs: [Output; 1],
    /// The covered files: step and output name, sorted by name.
    pub covers: Vec<Covered>,
}

/// A layer: one compressed tar, the same bytes on every machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LayerWork {
    /// The blob.
    pub outputs: [Output; 1],
    /// The executables: step and file name, and the path inside, without a leading `/`.
    pub executables: Vec<Member>,
    /// Files of the commit, each with its path inside; sorted by that path.
    pub files: Vec<ArchiveFile>,
    /// Trees that an asset step makes.
    pub trees: Vec<AssetTree>,
    /// Certificates of public authorities, time zones, `/etc/passwd` and `/tmp`: what a scratch image lacks.
    pub system: bool,
    /// How it is compressed.
    pub compression: Compression,
}

/// The index over the platforms of one flavor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IndexWork {
    pub outputs: [Output; 1],
    /// Name of the entry of `images:`.
    pub image: String,
    /// The flavor.
    pub flavor: String,
    /// The image steps, in the order of platforms.
    pub images: Vec<StepId>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}
