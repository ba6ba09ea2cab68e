//! Receipts of another workflow, compared with what it promised: that a receipts file exists proves nothing.

use std::collections::BTreeMap;

use super::announcement::Place;
use super::names::{manifest, receipts};
use super::shared::{Coordination, SharedRelease, there};
use crate::artifact::Manifest;
use crate::digest::Digest;
use crate::plan::{Plan, Workflow};
use crate::publish::failure::Failure;
use crate::publish::kinds::kind;
use crate::receipt::{Outcome, Receipts};

/// Reads the receipts of every other workflow file, before the release becomes public that they make with us.
///
/// # Errors
/// If they are not receipts of this plan, or something that was promised has none.
pub async fn account(coordination: &Coordination<'_>) -> Result<(), Failure> {
    for shared in &coordination.releases {
        for workflow in shared.makers.iter().filter(|workflow| workflow.file != coordination.workflow.file) {
            account_of(coordination, shared, workflow).await?;
        }
    }
    Ok(())
}

async fn account_of(
    coordination: &Coordination<'_>,
    shared: &SharedRelease<'_>,
    workflow: &Workflow,
) -> Result<(), Failure> {
    let Some(release) = &shared.found else { return Ok(()) };
    let Some(asset) = there(release, &receipts(workflow)) else { return Ok(()) };
    let announced = there(release, &manifest(workflow)).and_then(|asset| coordination.announced.get(&asset.id));
    let Some(announced) = announced else { return Ok(()) };
    let (api, plan) = (&coordination.repository.api, coordination.run.plan);
    let place = Place { api, release, asset, workflow };
    let bytes = coordination.content(&place).await?;
    let told: Receipts = serde_json::from_slice(&bytes).map_err(|error| place.unreadable(&error))?;
    if told.plan != plan.digest() {
        return Err(place.unreadable(&format!("they belong to the plan {}", told.plan)));
    }
    let missing = promised(plan, workflow, &announced.manifest).into_iter().find(|(wanted, digest)| {
        !told.receipts.iter().any(|receipt| {
            (&receipt.destination, &receipt.name) == (&wanted.0, &wanted.1)
                && receipt.sha256 == Some(*digest)
                && matches!(receipt.outcome, Outcome::Published | Outcome::AlreadyThere)
        })
    });
    match missing {
        Some(((to, name), digest)) => {
            Err(place.unreadable(&format!("there is no receipt for `{name}` ({digest}) at `{to}`")))
        }
        None => Ok(()),
    }
}

/// Everything with a digest that a workflow publishes outside the release that the workflows make together: destination and name.
fn promised(plan: &Plan, workflow: &Workflow, manifest: &Manifest) -> BTreeMap<(String, String), Digest> {
    let coordination = plan.coordination().map(|(destination, _)| destination.name.as_str());
    let mut all = BTreeMap::new();
    for destination in plan.destinations.iter().filter(|one| Some(one.name.as_str()) != coordination) {
        for step in plan.steps.iter().filter(|step| workflow.publishes(&destination.name, step)) {
            if plan.release(&step.component).is_some_and(|release| destination.when.takes(release.prerelease)) {
                let artifact = manifest.artifacts.iter().find(|artifact| artifact.step == step.id);
                let files = artifact.map(|artifact| artifact.files.as_slice()).unwrap_or_default();
                let names = kind(destination).receipt_names(step, files);
                all.extend(names.into_iter().map(|(name, digest)| ((destination.name.clone(), name), digest)));
            }
        }
    }
    all
}
