//! Who can read the repository that a release is made from, as GitHub says in the same run.

use serde::Deserialize;

use super::api::{Api, Reader};

#[derive(Deserialize)]
struct Repository {
    private: bool,
}

/// Whether everybody can read it; nothing if GitHub does not say.
pub async fn is_public(api: &Api<'_>) -> Option<bool> {
    let look = async |_| api.look::<Repository>("look at the repository", "", Reader::Token).await;
    api.patience.retry(look).await.ok().map(|repository| !repository.private)
}
