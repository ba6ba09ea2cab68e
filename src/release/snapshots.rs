//! Versions of published snapshots: registries are asked for what was published from the same inputs.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::session::Session;
use crate::facts::PublishedSnapshot;
use crate::oci::registry::{Error, Registries};
use crate::plan::{Plan, PublishedImage};
use crate::problem::{Failure, Problem};
use crate::reference::Repository;
use crate::step_id::StepKind;
use crate::version::Version;
use crate::world::{clock, runtime};

/// How far in the future a version may be said to be.
const MOST_SECONDS: i64 = 60;

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
    let mut published = BTreeMap::new();
    for (component, inputs) in &plan.snapshots {
        let Some(release) = plan.release(component) else { continue };
        let places: Vec<Place<'_>> = places(plan, component);
        let found = match registries {
            Some(registries) => runtime::block_on(all(registries, &places, &release.version))??,
            None => vec![None; places.len()],
        };
        let version = match found.iter().flatten().map(|found| &found.version).max() {
            Some(version) => version.clone(),
            None => free(session, registries, &places, &release.version)?,
        };
        let complete = found.iter().all(|found| found.as_ref().is_some_and(|found| found.is_whole));
        published.insert(component.clone(), PublishedSnapshot { inputs: *inputs, version, complete });
    }
    Ok(published)
}

/// A repository of an index or chart of a component.
struct Place<'p> {
    image: &'p PublishedImage,
    repository: &'p Repository,
}

/// What is there under the tag of its inputs.
#[derive(Clone)]
struct Found {
    version: Version,
    /// Whether it is there under the tags of this version, too: whoever cleans up a registry may have removed them.
    is_whole: bool,
}

fn places<'p>(plan: &'p Plan, component: &str) -> Vec<Place<'p>> {
    let registries = plan.destinations.iter().filter_map(|one| one.kind.registry()).filter(|one| one.snapshots);
    let is_own = |image: &&PublishedImage| {
        matches!(image.step.kind(), StepKind::Index | StepKind::Chart)
            && plan.step(&image.step).is_some_and(|step| step.component == component)
    };
    let images = registries.flat_map(|registry| &registry.images).filter(is_own);
    images.flat_map(|image| image.repositories.iter().map(move |repository| Place { image, repository })).collect()
}

async fn all(registries: &Registries, places: &[Place<'_>], planned: &Version) -> Result<Vec<Option<Found>>, Error> {
    try_join_all(places.iter().map(|place| one(registries, place, planned))).await
}

/// Nothing where the inputs are not known, or nothing was published from them. `planned` stands in the tags of the plan.
async fn one(registries: &Registries, place: &Place<'_>, planned: &Version) -> Result<Option<Found>, Error> {
    let Some(inputs) = &place.image.inputs else { return Ok(None) };
    let Some(there) = registries.manifest(&place.repository.tagged(inputs.clone())).await? else { return Ok(None) };
    let Some(version) = there.json()["annotations"][VERSION].as_str().and_then(|text| text.parse::<Version>().ok())
    else {
        return Ok(None);
    };
    let (before, after) = (planned.to_string(), version.to_string());
    let mut is_whole = true;
    for tag in place.image.tags.iter().filter(|tag| tag.contains(&before)) {
        let named = registries.head(&place.repository.tagged(tag.replace(&before, &after))).await?;
        is_whole &= named.is_some_and(|named| named.digest == there.descriptor.digest);
    }
    Ok(Some(Found { version, is_whole }))
}

/// The version of now; if another one has it, that of the second after: two changes may be published within one.
fn free(
    session: &Session,
    registries: Option<&Registries>,
    places: &[Place<'_>],
    planned: &Version,
) -> anyhow::Result<Version> {
    let now = clock::utc();
    let version = |later: i64| {
        let time = now + chrono::TimeDelta::seconds(later);
        dated(session, planned, &time.format("%Y%m%d%H%M%S").to_string())
    };
    // What a component has is published together: one place tells it.
    let before = planned.to_string();
    let place = places.first();
    let tag = place.and_then(|place| place.image.tags.iter().find(|tag| tag.contains(&before)));
    let (Some(registries), Some(place), Some(tag)) = (registries, place, tag) else { return version(0) };
    for later in 0..MOST_SECONDS {
        let version = version(later)?;
        let tag = place.repository.tagged(tag.replace(&before, &version.to_string()));
        if runtime::block_on(registries.head(&tag))??.is_none() {
            return Ok(version);
        }
    }
    // Whoever has all of them is told that they are taken.
    version(MOST_SECONDS)
}

fn dated(session: &Session, version: &Version, time: &str) -> anyhow::Result<Version> {
    version.dated(time, session.selection.label.as_deref()).map_err(|why| {
        let problem = Problem::new("bad-label", why).hint("use letters, digits and `-` in `--label`");
        Failure::usage(problem).into()
    })
}
