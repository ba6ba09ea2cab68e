//! The plan itself: everything that will be built, checked and published. Plain data.

pub mod destination;
pub mod not_made;
pub mod outputs;
pub mod packed;
pub mod step;
pub mod workflow;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::destination::{Destination, PublishedImage};
use self::not_made::NotMade;
use self::step::{OfKind, Step, Work};
use self::workflow::Workflow;
use crate::digest::Digest;
use crate::input_list::InputList;
use crate::problem::Problem;
use crate::step_id::StepId;
use crate::target::Target;
use crate::version::Version;

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
    /// Components of a snapshot whose very inputs are published already, with their versions: nothing of them is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchanged: Vec<Release>,
    /// Which steps are in.
    pub scope: Scope,
    /// The steps in scope, in an order in which each stands after its needs.
    pub steps: Vec<Step>,
    /// Steps of one runner, container and target: one machine each.
    pub jobs: Vec<Job>,
    /// Which workflow file builds and publishes what.
    pub workflows: Vec<Workflow>,
    /// Workflow files that have nothing to do in this plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub idle: Vec<String>,
    /// Where it goes, in the order of publishing.
    pub destinations: Vec<Destination>,
    /// Assumptions in place of configuration, as text.
    pub assumed: Vec<String>,
    /// What images from Dockerfiles are made from, by step. Known where the plan was made; in the file is only the digest.
    #[serde(skip)]
    pub inputs: BTreeMap<StepId, InputList>,
    /// What decides the versions of published snapshots, by component; nothing where that is not known.
    #[serde(skip)]
    pub snapshots: BTreeMap<String, Option<Digest>>,
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
pub struct Job {
    /// Legal as a job and artifact name.
    pub id: String,
    /// 1: assets, needed by others. 2: what is compiled. 3: images from Dockerfiles.
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
    /// Jobs whose results it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
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

    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// A step that is known to be of one kind, with its work.
    pub fn find<W: OfKind>(&self, id: &str) -> Option<(&Step, &W)> {
        let step = self.step(id)?;
        Some((step, W::of(&step.work)?))
    }

    /// Where the image, index or chart of a step is published, by destination.
    pub fn published(&self, id: &str) -> impl Iterator<Item = &PublishedImage> {
        let registries = self.destinations.iter().filter_map(|destination| destination.kind.registry());
        registries.flat_map(|registry| &registry.images).filter(move |image| image.step == *id)
    }

    /// Whether a step makes nothing where no image on it is built: an image that is not published, its checks and its index.
    pub fn may_be_left_out(&self, step: &Step) -> bool {
        matches!(step.work, Work::Image(_) | Work::Index(_) | Work::Check(_))
            && self.published(&step.id).next().is_none()
    }

    /// The images that are built on or from the one of a step.
    pub fn images_on(&self, id: &str) -> impl Iterator<Item = &Step> {
        let is_on = move |step: &&Step| step.needs.iter().any(|need| *need == *id);
        self.steps.iter().filter(|step| matches!(step.work, Work::Image(_))).filter(is_on)
    }

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

    /// A workflow by its file name; without a name all of the plan.
    ///
    /// # Errors
    /// If the plan has no such workflow.
    pub fn workflow(&self, file: Option<&str>) -> Result<Option<&Workflow>, Problem> {
        let Some(file) = file else { return Ok(None) };
        if let Some(workflow) = self.workflows.iter().find(|workflow| workflow.file == file) {
            return Ok(Some(workflow));
        }
        if self.is_idle(Some(file)) {
            let text = format!("`{file}` publishes nothing of this release: there is nothing to do");
            return Err(Problem::new("idle-workflow", text).hint("skip its jobs when the output `empty` is `true`"));
        }
        let known: Vec<&str> =
            self.workflows.iter().map(|workflow| &workflow.file).chain(&self.idle).map(String::as_str).collect();
        let problem = Problem::new("unknown-workflow", format!("the plan has no workflow file `{file}`"));
        Err(problem.hint(format!("known: {}; `longshore generate` writes the files", known.join(", "))))
    }

    /// Whether a workflow file has nothing to do in this plan.
    pub fn is_idle(&self, file: Option<&str>) -> bool {
        file.is_some_and(|file| self.idle.iter().any(|idle| idle == file))
    }

    /// How several workflows coordinate: the GitHub destination whose draft they share, and the coordinating workflow, which
    /// publishes there. Nothing if one workflow does everything.
    pub fn coordination(&self) -> Option<(&Destination, &Workflow)> {
        if self.workflows.len() < 2 {
            return None;
        }
        workflow::coordination(&self.destinations).and_then(|destination| {
            let coordinating = self.workflows.iter().find(|workflow| workflow.goes_to(&destination.name))?;
            Some((destination, coordinating))
        })
    }
}
