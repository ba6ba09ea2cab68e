//! Versions of published snapshots: registries are asked for what was published from the same inputs.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::session::Session;
use crate::facts::PublishedSnapshot;
use crate::oci::registry::{Error, Registries};
use crate::plan::{Plan, PublishedImage};
use crate::problem::{Failure, Problem};
use crate::reference::Reference;
use crate::step_id::StepKind;
use crate::version::Version;
use crate::world::{clock, runtime};

/// The annotation with the version.
const VERSION: &str = "org.opencontainers.image.version";

/// Who is asked for the versions of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// Nobody: they count commits.
    #[default]
    Nobody,
    /// The clock alone, as if nothing were published.
    Clock,
    /// The registries that take snapshots, and the clock for what they do not have.
    Registries,
}

/// What is published of each component of a plan, and the version of what is not.
///
/// # Errors
/// If a registry cannot be asked, or the label cannot be in a version.
pub fn published(
    session: &Session,
    plan: &Plan,
    registries: Option<&Registries>,
) -> anyhow::Result<BTreeMap<String, PublishedSnapshot>> {
    let time: String = clock::now().chars().filter(char::is_ascii_digit).collect();
    let mut published = BTreeMap::new();
    for (component, inputs) in &plan.snapshots {
        let Some(release) = plan.release(component) else { continue };
        let tags: Vec<Option<Reference>> = places(plan, component);
        let found = match registries {
            Some(registries) => runtime::block_on(versions(registries, &tags))??,
            None => vec![None; tags.len()],
        };
        let version = match found.iter().flatten().max() {
            Some(version) => version.clone(),
            None => dated(session, &release.version, &time)?,
        };
        let complete = found.iter().all(Option::is_some);
        published.insert(component.clone(), PublishedSnapshot { inputs: *inputs, version, complete });
    }
    Ok(published)
}

/// The tags of a component's inputs, one for each place of an index or chart; nothing where its inputs are not known.
fn places(plan: &Plan, component: &str) -> Vec<Option<Reference>> {
    let registries = plan.destinations.iter().filter_map(|one| one.kind.registry()).filter(|one| one.snapshots);
    let is_own = |image: &&PublishedImage| {
        matches!(image.step.kind(), StepKind::Index | StepKind::Chart)
            && plan.step(&image.step).is_some_and(|step| step.component == component)
    };
    let images = registries.flat_map(|registry| &registry.images).filter(is_own);
    let tags = |image: &PublishedImage| {
        let tag = image.inputs.clone();
        image.repositories.iter().map(move |one| Some(one.tagged(tag.clone()?))).collect::<Vec<_>>()
    };
    images.flat_map(tags).collect()
}

async fn versions(registries: &Registries, tags: &[Option<Reference>]) -> Result<Vec<Option<Version>>, Error> {
    let version = async |tag: &Option<Reference>| {
        let Some(tag) = tag else { return Ok(None) };
        let found = registries.manifest(tag).await?;
        Ok(found.and_then(|found| found.json()["annotations"][VERSION].as_str()?.parse().ok()))
    };
    try_join_all(tags.iter().map(version)).await
}

fn dated(session: &Session, version: &Version, time: &str) -> anyhow::Result<Version> {
    version.dated(time, session.selection.label.as_deref()).map_err(|why| {
        let problem = Problem::new("bad-label", why).hint("use letters, digits and `-` in `--label`");
        Failure::usage(problem).into()
    })
}
