//! Who can read the repository that a release is made from, as GitHub says in the same run.

use serde::Deserialize;

use super::api::Reader;
use super::repository::Repository;
use crate::publish::run::Run;

#[derive(Deserialize)]
struct Visibility {
    private: bool,
}

/// Whether the source repository of a run is public; `None` if no GitHub tells.
pub async fn is_public(run: Run<'_>) -> Option<bool> {
    let named = |name: &String| run.plan.destinations.iter().find(|one| one.name == *name);
    let ours = run.destinations.iter().filter_map(named);
    let place = ours.chain(run.plan.coordination().map(|(destination, _)| destination));
    let (destination, github) = place.filter_map(|one| Some((one, one.kind.github()?))).next()?;
    let api = Repository::new(run, destination, github).ok()?.api;
    let look = async |_| api.look::<Visibility>("read the repository", "", Reader::Token).await;
    api.patience.retry(look).await.ok().map(|repository| !repository.private)
}
