//! What is asked of a Dockerfile, and what it answers.

use std::collections::{BTreeMap, BTreeSet};

use super::flaw::Flaw;
use super::path::has_wildcards;
use super::platform::Platform;

/// One build of a Dockerfile.
#[derive(Clone, Debug)]
pub struct Question {
    /// The Dockerfile as messages and rules call it.
    pub file: String,
    /// The last one if None.
    pub stage: Option<String>,
    pub platform: Platform,
    /// Where the build runs.
    pub build_platform: Platform,
    pub args: BTreeMap<String, String>,
    pub contexts: BTreeMap<String, NamedContext>,
    /// `NAME=VALUE` of the configurations of base images, by their references as the Dockerfile writes them once
    /// variables are put in. A base that is missing here has an unknown configuration.
    pub base_env: BTreeMap<String, Vec<String>>,
    /// The triggers in the configurations of base images, without the word `ONBUILD`.
    pub onbuild: BTreeMap<String, Vec<String>>,
    /// Bases that may have unknown triggers.
    pub unknown_bases: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedContext {
    Folder,
    Image,
}

impl Question {
    pub fn new(file: &str, platform: Platform) -> Self {
        Self {
            file: file.to_owned(),
            stage: None,
            build_platform: platform.clone(),
            platform,
            args: BTreeMap::new(),
            contexts: BTreeMap::new(),
            base_env: BTreeMap::new(),
            onbuild: BTreeMap::new(),
            unknown_bases: BTreeSet::new(),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub file: String,
    /// The stages that count, in the order of the file.
    pub stages: Vec<CountedStage>,
    pub reads: Vec<Read>,
    pub images: Vec<ImageUse>,
    /// A stage that counts has a `RUN`.
    pub runs: bool,
    pub secrets: Vec<Secret>,
    pub urls: Vec<Url>,
    pub features: Vec<Feature>,
    pub warnings: Vec<Flaw>,
    /// All of every context must be taken, and why.
    pub wide: Option<String>,
    /// The instructions that count, without comments, with what they refer to: equal texts build equal images from
    /// equal inputs, arguments and platforms.
    pub recipe: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedStage {
    /// Its name, or its number from 0.
    pub name: String,
    pub line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadKind {
    Copy,
    Mount,
    /// The folder is the base of a stage.
    Base,
}

/// A source in a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The main one if None.
    pub context: Option<String>,
    pub kind: ReadKind,
    /// Below the context; empty is all of it. A glob for COPY.
    pub source: String,
    /// Of `--parents`: only what matches this below the source.
    pub include: Option<String>,
    pub excludes: Vec<String>,
    /// The executable bits of files land in the image.
    pub modes: bool,
    pub line: usize,
    /// The instruction and the source as they are written.
    pub text: String,
    /// Why all of the context must be taken instead of the source.
    pub wide: Option<String>,
    pub span: std::ops::Range<usize>,
}

impl Read {
    /// A plain name must be there; a glob may match nothing.
    pub(super) fn must_exist(&self) -> bool {
        !has_wildcards(&self.source) && !self.include.as_deref().is_some_and(has_wildcards)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    From,
    CopyFrom,
    Mount,
    Frontend,
}

/// An image that stands in no stage of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUse {
    pub reference: String,
    /// As the file has it: with variables.
    pub written: String,
    pub role: Role,
    pub line: usize,
    pub platform: Platform,
    /// It is given as a named context.
    pub given: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub id: String,
    pub required: bool,
    pub line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub url: String,
    pub git: bool,
    pub checksum: Option<String>,
    pub line: usize,
}

/// Something that not every engine can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    pub name: &'static str,
    pub line: usize,
}
