//! What a command asks of a plan: which releases, which steps, how strict.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::step_id::StepId;
use crate::target::Target;

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub tags: Vec<String>,
    pub components: Vec<String>,
    /// Every component, whatever tags are at this commit, and however many of them (`check`).
    pub every_component: bool,
    pub only: Vec<String>,
    /// Only these steps, and what they need (`--affected`).
    pub kept: Option<BTreeSet<StepId>>,
    pub snapshot: bool,
    /// What published snapshots have in their versions (`--label`).
    pub label: Option<String>,
    /// For no release in particular (`generate`): every component, every destination whenever it takes part, and no version.
    /// Only what does not depend on one means anything in such a plan.
    pub every_release: bool,
    /// What happens when no tag says what is released.
    pub without_tag: WithoutTag,
    /// Only what this host can make, and what `prebuilt` supplies.
    pub host: Option<Target>,
    /// Other targets that this host can make, as the user says: `host` alone would leave them to other machines.
    pub also: Vec<Target>,
    /// The one machine that carries out everything, whatever the jobs say (`release`): it runs the checks it can run.
    pub machine: Option<Target>,
    /// Base images are stubs: what is locked lends its facts, not its digests (`rehearse`).
    pub stub_bases: bool,
    /// Which images from Dockerfiles are stubs instead of builds (`rehearse`).
    pub stub_builds: StubBuilds,
    /// Files in the folder of `--prebuilt`, as [`super::Step::prebuilt_path`] names them.
    pub prebuilt: BTreeSet<String>,
}

/// What happens when no tag says what is released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutTag {
    /// The tag is assumed from the manifests' version.
    #[default]
    Assume,
    Snapshot,
    /// It is an error, and so is a dirty tree: something would become public.
    Refuse,
}

/// Images from Dockerfiles that a rehearsal cannot build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StubBuilds {
    /// Why none can be built; absent: an engine is there.
    pub all: Option<String>,
    /// Those that name other images: their base images are stubs.
    pub based: bool,
}

impl StubBuilds {
    /// Why an image is a stub, if it is one.
    pub fn reason(&self, is_based: bool) -> Option<String> {
        let based = (self.based && is_based).then(|| {
            "base images are not fetched in a rehearsal; `--bases LAYOUT` takes them from an OCI layout".to_owned()
        });
        based.or_else(|| self.all.clone())
    }
}
