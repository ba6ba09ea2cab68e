//! A Helm chart: what its packaged copy has that the folder has not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chart::edit::Versions;
use crate::digest::Digest;
use crate::plan::model::outputs::Output;
use crate::reference::{Reference, Repository};
use crate::step_id::StepId;
use crate::yaml::{Change, Image, ValuesPath};

use super::image::InputDigest;

/// A Helm chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChartWork {
    /// Config and manifest of the artifact in a registry, and the package.
    pub outputs: [Output; 3],
    /// Name of the entry of `charts:`.
    pub chart: String,
    /// Its name in Chart.yaml.
    pub name: String,
    /// Its folder in the repository.
    pub path: String,
    /// `version` of the packaged Chart.yaml.
    pub version: String,
    /// `appVersion` of the packaged Chart.yaml; absent: unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    /// Its files in Helm's order, but for what it depends on.
    pub files: Vec<ChartFile>,
    /// The images that its values name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ChartImage>,
    /// Other texts of its values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ChartText>,
    /// What it depends on and is not in its folder, or gets another version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<ChartDependency>,
    /// Annotations of its manifest besides those that Chart.yaml says.
    pub annotations: BTreeMap<String, String>,
    /// What is dubious in it, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Digest over everything that decides what it holds.
    pub inputs: InputDigest,
}

impl ChartWork {
    /// Every file of the repository that it holds.
    pub fn sources(&self) -> impl Iterator<Item = &ChartFile> {
        let beside = self.dependencies.iter().flat_map(|one| match &one.from {
            DependencySource::Folder(files) => files.as_slice(),
            _ => &[],
        });
        self.files.iter().chain(beside)
    }

    /// What its Chart.yaml gets.
    pub fn versions(&self) -> Versions {
        let of_plan = |one: &&ChartDependency| matches!(one.from, DependencySource::Chart(_));
        let dependencies = self.dependencies.iter().filter(of_plan).map(|one| (one.name.clone(), one.version.clone()));
        Versions {
            version: Some(self.version.clone()),
            app_version: self.app_version.clone(),
            dependencies: dependencies.collect(),
        }
    }

    /// What its values get, with the digests of the images that are pinned.
    pub fn changes(&self, digest: impl Fn(&ChartImage) -> Option<Digest>) -> Vec<Change> {
        let images = self.images.iter().flat_map(|image| {
            let named = image.named(digest(image).filter(|_| image.digest));
            image.paths.iter().map(move |path| Change::Image { path: path.clone(), image: named.clone() })
        });
        let texts = self.values.iter().map(|one| Change::Text {
            path: one.path.clone(),
            text: one.text.clone(),
            quotes: false,
        });
        images.chain(texts).collect()
    }
}

impl ChartImage {
    /// Its reference in the parts that values have.
    pub fn named(&self, digest: Option<Digest>) -> Image {
        Image {
            registry: self.reference.repository.registry.clone(),
            repository: self.reference.repository.path.clone(),
            tag: self.reference.tag.clone().unwrap_or_default(),
            digest: digest.map(|digest| digest.to_string()),
        }
    }
}

/// An image that values name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChartImage {
    /// Name of the entry of `images:`.
    pub image: String,
    /// Where it is pulled from.
    pub reference: Reference,
    /// Where it is pushed to, which has the same tags.
    pub pushed: Reference,
    /// Whether the reference gets its digest, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub digest: bool,
    /// The index of this plan that is meant; absent: it was released before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// Its places in values.yaml.
    #[schemars(with = "Vec<String>")]
    pub paths: Vec<ValuesPath>,
}

/// A file of a chart's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChartFile {
    /// Path below the folder.
    pub path: String,
    /// Path in the repository, links followed.
    pub source: String,
}

/// A text that values get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChartText {
    #[schemars(with = "String")]
    pub path: ValuesPath,
    pub text: String,
}

/// A dependency that the folder does not hold as it is packaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChartDependency {
    /// Its name in Chart.yaml.
    pub name: String,
    /// The exact version.
    pub version: String,
    #[serde(flatten)]
    pub from: DependencySource,
}

/// Where a dependency is taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DependencySource {
    /// A chart of this plan: its step.
    Chart(StepId),
    /// A folder of the repository: its files.
    Folder(Vec<ChartFile>),
    /// A package in a registry, by the digest of its manifest.
    Registry { repository: Repository, digest: Digest },
    /// A package of an HTTP repository, by its own digest.
    Url { url: String, sha256: Digest },
    /// A chart without templates, in a rehearsal.
    Stub,
}

/// A rendering by Helm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RenderCheck {
    /// Whether it is a library chart, which can only be linted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub library: bool,
    /// A version of Kubernetes that the chart says it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
    /// Files of values to render it with, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Globs of images that are not looked up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}
