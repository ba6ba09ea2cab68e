//! Whether what a plan publishes is there: at the servers of the rehearsal, with the digests that `publish` saw.

use std::collections::BTreeMap;
use std::path::Path;

use super::workflow::WorkflowFile;
use crate::cli::servers::Servers;
use crate::digest::Digest;
use crate::plan::{DestinationKind, Plan, Step, Workflow};
use crate::problem::Problem;
use crate::receipt::{Receipt, Receipts};
use crate::rehearsal::github::Effect;
use crate::world::store;

/// A thing in a place: destination, tag of the release, name.
pub type Place = (String, String, String);

pub struct Seen<'a> {
    /// At the servers.
    pub there: BTreeMap<Place, Digest>,
    pub receipts: &'a [Receipts],
}

/// What every `publish` left here.
///
/// # Errors
/// If a file cannot be read.
pub fn receipts(folder: &Path) -> anyhow::Result<Vec<Receipts>> {
    let mut files =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    files.sort();
    files.iter().map(|file| store::read_json(file)).collect()
}

/// Everything of the plan that these workflows publish and that is missing, or is not what was verified.
pub fn missing(plan: &Plan, workflows: &[WorkflowFile], seen: &Seen<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(other) = seen.receipts.iter().find(|receipts| receipts.plan != plan.digest()) {
        let text = format!("the workflow published plan {}, not {}", other.plan, plan.digest());
        let hint = "the plan job must get the same flags as this command";
        problems.push(Problem::new("rehearsed-other-plan", text).hint(hint));
    }
    let receipt = |place: &Place| {
        let same =
            |receipt: &&Receipt| (&receipt.destination, &receipt.tag, &receipt.name) == (&place.0, &place.1, &place.2);
        seen.receipts.iter().flat_map(|receipts| &receipts.receipts).find(same)
    };
    for place in wanted(plan, workflows) {
        let (destination, _, name) = &place;
        let text = match (seen.there.get(&place), receipt(&place).and_then(|receipt| receipt.sha256)) {
            (Some(there), Some(seen)) if *there == seen => continue,
            (Some(there), Some(seen)) => format!("`{name}` at `{destination}` is {there}, but {seen} was published"),
            (Some(_), None) => format!("`{name}` is at `{destination}`, but no `publish` has recorded it"),
            (None, _) => format!("`{name}` was not published to `{destination}`"),
        };
        let hint = "no job failed, so the workflow skips what publishes it; `longshore generate` writes a complete one";
        problems.push(Problem::new("not-published", text).hint(hint));
    }
    problems
}

/// What the workflows publish of a plan. A file that the plan does not know publishes all.
fn wanted(plan: &Plan, workflows: &[WorkflowFile]) -> Vec<Place> {
    let planned: Option<Vec<&Workflow>> =
        workflows.iter().map(|file| plan.workflows.iter().find(|workflow| workflow.file == file.file())).collect();
    let ours = |destination: &str, step: &Step| {
        planned.as_ref().is_none_or(|planned| planned.iter().any(|workflow| workflow.publishes(destination, step)))
    };
    let mut wanted = Vec::new();
    for destination in &plan.destinations {
        let name = &destination.name;
        let tag = |step: &Step| plan.release(&step.component).map(|release| release.tag.clone()).unwrap_or_default();
        match &destination.kind {
            DestinationKind::Registry(registry) => {
                for image in &registry.images {
                    let Some(step) = plan.step(&image.step).filter(|step| ours(name, step)) else { continue };
                    let places = image
                        .repositories
                        .iter()
                        .flat_map(|repository| image.tags.iter().map(move |tag| format!("{repository}:{tag}")));
                    wanted.extend(places.map(|place| (name.clone(), tag(step), place)));
                }
            }
            // They are on this machine, and a rehearsal leaves it alone.
            DestinationKind::File(_) | DestinationKind::Command(_) => {}
            _ => {
                for step in plan.steps.iter().filter(|step| step.publish.contains(name) && ours(name, step)) {
                    let outputs = step.outputs().into_iter().map(str::to_owned);
                    wanted.extend(outputs.map(|file| (name.clone(), tag(step), file)));
                }
            }
        }
    }
    wanted
}

/// What the servers hold: of a GitHub only what is public, unless the plan leaves drafts.
pub fn there(plan: &Plan, servers: &Servers) -> BTreeMap<Place, Digest> {
    let (assets, public) = assets(servers);
    let mut there = BTreeMap::new();
    for destination in &plan.destinations {
        let name = &destination.name;
        match &destination.kind {
            DestinationKind::Github(github) => {
                let shown = assets.iter().filter(|((tag, _), _)| github.draft || public.contains(tag));
                there.extend(shown.map(|((tag, file), digest)| ((name.clone(), tag.clone(), file.clone()), *digest)));
            }
            DestinationKind::File(_) | DestinationKind::Command(_) => {}
            _ => {
                for (file, digest) in servers.shown(name) {
                    let at = |tag: &str| (name.clone(), tag.to_owned(), file.clone());
                    there.extend(plan.releases.iter().map(|release| (at(&release.tag), digest)));
                }
            }
        }
    }
    there
}

/// The assets of all releases by tag and name, and the tags that are public.
fn assets(servers: &Servers) -> (BTreeMap<(String, String), Digest>, Vec<String>) {
    let (mut tags, mut assets, mut public) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for effect in servers.events().into_iter().flat_map(|event| event.effects) {
        match effect {
            Effect::ReleaseCreated { id, tag, .. } => {
                tags.insert(id, tag);
            }
            Effect::AssetUploaded { release, name, sha256, .. } => {
                assets.insert((tags.get(&release).cloned().unwrap_or_default(), name), sha256);
            }
            Effect::AssetDeleted { release, name, .. } => {
                assets.remove(&(tags.get(&release).cloned().unwrap_or_default(), name));
            }
            Effect::ReleasePublished { tag, .. } => public.push(tag),
            _ => {}
        }
    }
    (assets, public)
}
