//! What a finished step left behind, and the manifest: the complete, verified set.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::inspect::BinaryFacts;
use crate::reference::Reference;

/// The format of `artifacts/<step>.json`.
pub const ARTIFACT_SCHEMA: &str = "longshore/artifact/1";
pub const MANIFEST_SCHEMA: &str = "longshore/manifest/1";

/// The record of one finished step: `artifacts/<step>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// `longshore/artifact/1`
    pub schema: String,
    /// Id of the step that made it.
    #[serde(deserialize_with = "plain")]
    pub step: String,
    /// Kind of that step: `binary`, `archive`, `asset`, `checksums`, `check`, `layer`, `image`, `index`.
    pub kind: String,
    /// Digest of the plan it was made for.
    pub plan: Digest,
    /// Commit it was made from.
    pub commit: String,
    /// Its files, in the order of the step's outputs.
    pub files: Vec<File>,
    /// For a check: what it proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckResult>,
    /// For what was compiled: the flags that rustc got, without those that only keep folders of the machine out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rustflags: Vec<String>,
    /// For an image that was published before from the same inputs: where, and there its layers are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Reference>,
    /// Why nothing was made: no image on it had to be built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_needed: Option<String>,
}

impl Artifact {
    /// The manifest of an image, or an index: the config of an image comes before it, layers that are its own after it.
    pub fn document(&self) -> Option<&File> {
        document(&self.files)
    }
}

/// The manifest or index among the files of a step.
pub fn document(files: &[File]) -> Option<&File> {
    files.get(1).or(files.first())
}

/// One finished file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Its name, without a folder.
    #[serde(deserialize_with = "plain")]
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Digest of its bytes.
    pub sha256: Digest,
    /// Permission bits.
    pub mode: Mode,
    /// For the layer of an image: digest of the tar inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<Digest>,
}

/// A name that stays in its folder, wherever it is joined to one. Records and manifests come from other machines.
fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let leaves = |char: char| matches!(char, '/' | '\\' | ':') || char.is_control();
    if matches!(name.as_str(), "" | "." | "..") || name.contains(leaves) {
        return Err(serde::de::Error::custom(format_args!("the name {name:?} leaves its folder")));
    }
    Ok(name)
}

/// The two modes we hand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// A plain file.
    #[serde(rename = "0644")]
    Plain,
    /// An executable.
    #[serde(rename = "0755")]
    Executable,
}

impl Mode {
    pub fn bits(self) -> u32 {
        match self {
            Self::Plain => 0o644,
            Self::Executable => 0o755,
        }
    }
}

/// What a check step found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// Whether it held.
    pub passed: bool,
    /// Step, name and digest of each file it was run on.
    pub subjects: Vec<Subject>,
    /// Files that it could not be run on; `warnings` says why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untried: Vec<Subject>,
    /// What it saw, short and for people.
    pub detail: String,
    /// What it could not prove and does not insist on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// For the features of a wheel: the crates (`axum-0.8.1`) that it has and another distribution has not, by the name
    /// of that one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crates: BTreeMap<String, Vec<String>>,
    /// The same the other way round: the crates that the other one has and it has not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lacks: BTreeMap<String, Vec<String>>,
}

/// A file a check was run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Step that made it.
    pub step: String,
    /// File name.
    pub name: String,
    /// Digest of the very bytes that were checked.
    pub sha256: Digest,
}

/// The complete, verified set of a plan's artifacts: `manifest.json`. Only this can be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// `longshore/manifest/1`
    pub schema: String,
    /// Digest of the plan.
    pub plan: Digest,
    /// Commit of the plan.
    pub commit: String,
    /// Every artifact in the plan's order of steps.
    pub artifacts: Vec<Artifact>,
    /// What was read from each executable.
    pub binaries: Vec<InspectedBinary>,
    /// What was read from each image that an engine built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<InspectedImage>,
}

/// One image and what its files and config say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InspectedImage {
    /// Step that made it.
    pub step: String,
    /// What it starts: entrypoint and arguments.
    pub starts: Vec<String>,
    /// The user it runs as; empty: root.
    pub user: String,
    /// Bytes of its layers, compressed.
    pub size: u64,
    /// Files, folders and links in it; absent: its layers were not read, as they were when it was published before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
    /// What is dubious in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// One executable and what its bytes say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InspectedBinary {
    /// Step that made it.
    pub step: String,
    /// File name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// What was read.
    #[serde(flatten)]
    pub facts: BinaryFacts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        let read = |name: &str| {
            let sha256 = Digest::of(b"");
            let text = serde_json::json!({ "name": name, "size": 0, "sha256": sha256, "mode": "0644" });
            serde_json::from_value::<File>(text).map(|file| file.name).map_err(|error| error.to_string())
        };
        for name in ["a", "app_1.0-x.tar.gz", ".hidden", "a..b", "opsml-1.0+local.whl"] {
            assert_eq!(read(name).as_deref(), Ok(name));
        }
        for name in ["", ".", "..", "../a", "a/b", "/etc/passwd", "a\\b", "C:x", "a\nb", "a\0"] {
            assert!(read(name).unwrap_err().contains("leaves its folder"), "{name:?}");
        }
    }
}
