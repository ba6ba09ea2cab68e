//! `workflows:` read: the generated files, and what each publishes.

use super::fields::Fields;
use super::overrides::{EntryKind, Layers, distinct};
use super::schema::WORKFLOW;
use super::yaml::{Map, Node};

const KIND: EntryKind = EntryKind { key: "workflows", section: &WORKFLOW };

/// The file that there is if none is named.
const FILE: &str = "release.yml";

#[derive(Clone, Debug)]
pub struct Workflow {
    pub file: String,
    /// `publish:`; absent: everything.
    pub publish: Option<Vec<String>>,
    pub setup: Option<String>,
    pub runner: Option<String>,
    /// `jobs: {after-plan: …}`
    pub after_plan: Vec<String>,
    /// `jobs: {after-verify: …}`
    pub after_verify: Vec<String>,
    /// `jobs: {after-publish: …}`
    pub after_publish: Vec<String>,
    pub pull_request: PullRequest,
    /// `split: step`
    pub split_by_step: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullRequest {
    /// `false`
    Off,
    Plan,
    Build,
}

pub fn read(file: &Map, layers: &mut Layers) -> Vec<Workflow> {
    let entries = distinct(file, KIND.key, &mut layers.found);
    if entries.is_empty() {
        return vec![one(FILE, file, None, layers)];
    }
    entries.iter().map(|entry| one(&entry.key, file, Some(&entry.value), layers)).collect()
}

fn one(name: &str, file: &Map, entry: Option<&Node>, layers: &mut Layers) -> Workflow {
    let node = layers.entry(file, KIND, entry);
    let map = node.map().cloned().unwrap_or_default();
    let fields = Fields(&map);
    let jobs = |key: &str| fields.map("jobs").and_then(|jobs| jobs.texts(key)).unwrap_or_default();
    let workflow = Workflow {
        file: name.to_owned(),
        publish: fields.texts("publish"),
        setup: fields.path("setup"),
        runner: fields.text("runner"),
        after_plan: jobs("after-plan"),
        after_verify: jobs("after-verify"),
        after_publish: jobs("after-publish"),
        pull_request: match fields.text("pull-request").as_deref() {
            _ if fields.is_off("pull-request") => PullRequest::Off,
            Some("plan") => PullRequest::Plan,
            _ => PullRequest::Build,
        },
        split_by_step: fields.text("split").as_deref() == Some("step"),
    };
    layers.entries.push((KIND.key, name.to_owned(), node));
    workflow
}
