//! What another part says that it has published, compared with what it promised: a file of that name alone says nothing.

use std::collections::BTreeMap;

use super::paper::Place;
use super::{Meeting, Table, manifest, receipts, there};
use crate::artifact::Manifest;
use crate::digest::Digest;
use crate::plan::{Destination, DestinationKind, Part, Plan, Step};
use crate::publish::failure::Failure;
use crate::publish::takes;
use crate::receipt::{Outcome, Receipts};
use crate::world::http::Limited;

impl Meeting<'_> {
    /// Reads the receipts of every other part, before the release becomes public that they are a part of.
    ///
    /// # Errors
    /// If they are not receipts of this plan, or something that was promised has none.
    pub async fn account(&self) -> Result<(), Failure> {
        for table in &self.tables {
            for part in table.parts.iter().filter(|part| part.file != self.part.file) {
                self.account_of(table, part).await?;
            }
        }
        Ok(())
    }

    async fn account_of(&self, table: &Table<'_>, part: &Part) -> Result<(), Failure> {
        let Some(found) = &table.found else { return Ok(()) };
        let Some(asset) = there(found, &receipts(part)) else { return Ok(()) };
        let paper = there(found, &manifest(part)).and_then(|asset| self.papers.get(&asset.id));
        let Some(paper) = paper else { return Ok(()) };
        let place = Place { api: &self.api, release: found, asset, part };
        place.fits()?;
        let mut bytes = Vec::new();
        self.api
            .patience
            .retry(async |_| {
                bytes.clear();
                self.api.download(asset.id, &mut Limited::new(&mut bytes, asset.size)).await
            })
            .await?;
        let told: Receipts = serde_json::from_slice(&bytes).map_err(|error| place.unreadable(&error))?;
        if told.plan != self.order.plan.digest() {
            return Err(place.unreadable(&format!("they are of the plan {}", told.plan)));
        }
        let missing = promised(self.order.plan, part, &paper.manifest).into_iter().find(|(wanted, digest)| {
            !told.receipts.iter().any(|receipt| {
                (&receipt.destination, &receipt.name) == (&wanted.0, &wanted.1)
                    && receipt.sha256 == Some(*digest)
                    && matches!(receipt.outcome, Outcome::Published | Outcome::AlreadyThere)
            })
        });
        match missing {
            Some(((to, name), digest)) => {
                Err(place.unreadable(&format!("nothing says that `{name}` ({digest}) was published to `{to}`")))
            }
            None => Ok(()),
        }
    }
}

/// Everything with a digest that a part publishes outside the release that the parts make together: destination and name.
fn promised(plan: &Plan, part: &Part, manifest: &Manifest) -> BTreeMap<(String, String), Digest> {
    let meeting = plan.meeting().map(|(destination, _)| destination.name.as_str());
    let mut all = BTreeMap::new();
    for destination in plan.destinations.iter().filter(|one| Some(one.name.as_str()) != meeting) {
        for step in plan.steps.iter().filter(|step| part.publishes(&destination.name, step)) {
            if plan.release(&step.component).is_some_and(|release| takes(destination, release)) {
                let names = names(destination, step, manifest);
                all.extend(names.into_iter().map(|(name, digest)| ((destination.name.clone(), name), digest)));
            }
        }
    }
    all
}

/// The names in receipts of what a step has at a destination.
fn names(destination: &Destination, step: &Step, manifest: &Manifest) -> Vec<(String, Digest)> {
    let artifact = manifest.artifacts.iter().find(|artifact| artifact.step == step.id);
    let files = artifact.map(|artifact| artifact.files.as_slice()).unwrap_or_default();
    let DestinationKind::Registry(registry) = &destination.kind else {
        return files.iter().map(|file| (file.name.clone(), file.sha256)).collect();
    };
    let Some(document) = files.last() else { return Vec::new() };
    let images = registry.images.iter().filter(|image| image.step == step.id);
    let tagged = images.flat_map(|image| {
        image.repositories.iter().flat_map(|repository| image.tags.iter().map(move |tag| format!("{repository}:{tag}")))
    });
    tagged.map(|name| (name, document.sha256)).collect()
}
