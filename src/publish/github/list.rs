//! The files that a release lists, and the state of each of ours.

use std::fs;

use super::api::Api;
use super::entry::PlannedRelease;
use super::model::{Asset, GithubRelease};
use super::standing::standing;
use crate::artifact::File;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::publisher::Promised;

/// The conflict of a file with other bytes there, naming both.
pub fn different(tag: &str, file: &File, asset: &Asset) -> Failure {
    let there = asset.digest.clone().unwrap_or_else(|| "other bytes".into());
    let message = format!(
        "`{}` of `{tag}` exists with {there} ({} bytes); ours is {} ({} bytes)",
        file.name, asset.size, file.sha256, file.size
    );
    Failure::Conflict(
        Problem::new("asset-differs", message)
            .hint("nothing is overwritten: publish the bytes that are there, or release the next version"),
    )
}

/// The same in a draft, which is not public: the user may delete the wrong file.
pub fn differs(api: &Api<'_>, release: &GithubRelease, file: &File, asset: &Asset) -> Failure {
    match different(&release.tag_name, file, asset) {
        Failure::Conflict(mut problem) if release.draft => {
            problem.hint = Some(format!(
                "nothing is overwritten, but the draft is not public: `gh release delete-asset {} {} --repo {}` deletes the file, then run the same command again",
                release.tag_name, file.name, api.repository
            ));
            Failure::Conflict(problem)
        }
        other => other,
    }
}

/// Every file of a release, all pages.
pub async fn list(api: &Api<'_>, release: u64) -> Result<Vec<Asset>, Failure> {
    let listed = api.all("list the release's files", &format!("releases/{release}/assets")).await;
    listed.map_err(|failure| match failure {
        Failure::Missing(problem) => {
            Failure::Conflict(problem.hint("the release was deleted in the meantime; run the same command again"))
        }
        other => other,
    })
}

/// A download that has more than ours: where it ends does not matter.
pub fn longer(tag: &str, file: &File) -> Failure {
    let name = &file.name;
    let message = format!("`{name}` of `{tag}` downloads as more than the {} bytes of ours", file.size);
    let hint = "nothing is overwritten: check what the server returns, or release the next version";
    Failure::Conflict(Problem::new("asset-differs", message).hint(hint))
}

/// A name that the server does not keep.
pub fn renamed(name: &str, stored: &str) -> Failure {
    let message = format!("the server stored `{name}` as `{stored}`");
    Failure::Conflict(
        Problem::new("asset-renamed", message)
            .hint(format!("delete `{stored}` from the draft, and give the file a name of `A-Z a-z 0-9 . _ -`")),
    )
}

/// A file that the server is not done with.
pub fn pending(asset: &Asset) -> Failure {
    let message = format!("the server has not finished `{}`: its state is `{}`", asset.name, asset.state);
    Failure::retry(Problem::new("asset-pending", message))
}

/// What has begun and not ended under a name: left by a broken upload, or on its way by another run.
#[derive(Default)]
pub struct Leftover {
    /// Whether an upload of ours broke.
    ours: bool,
    looks: usize,
}

impl Leftover {
    /// How often it is looked at before it counts as left.
    const LOOKS: usize = 3;

    /// The result of an upload. The next attempt observes again.
    pub fn or<T>(&mut self, result: Result<T, Failure>) -> Result<T, Failure> {
        result.map_err(|failure| match failure {
            Failure::AlreadyThere(problem) => Failure::retry(problem),
            // Seen as a passing fault of the upload host.
            Failure::Missing(problem) => Failure::retry(problem),
            other => {
                self.ours = true;
                other
            }
        })
    }

    /// Takes it away, unless another run may be sending it right now.
    pub async fn clear(&mut self, api: &Api<'_>, asset: &Asset) -> Result<(), Failure> {
        if !self.ours && self.looks < Self::LOOKS {
            self.looks += 1;
            return Err(pending(asset));
        }
        let doing = format!("delete the incomplete upload of `{}`", asset.name);
        api.delete(&doing, &format!("releases/assets/{}", asset.id)).await
    }
}

/// An upload that the server keeps under another name would never be found.
pub fn check_renamed(planned: &PlannedRelease<'_>, file: &File, assets: &[Asset]) -> Result<(), Failure> {
    let digest = file.sha256.to_string();
    let same = |asset: &&Asset| asset.digest.as_deref() == Some(&digest) && !planned.holds(&asset.name);
    assets.iter().find(same).map_or(Ok(()), |asset| Err(renamed(&file.name, &asset.name)))
}

/// Writes a file out of a release that has it, if there is one.
pub async fn fetch<'r>(
    api: &Api<'_>,
    mut releases: impl Iterator<Item = &'r GithubRelease>,
    promised: &Promised<'_>,
    to: &fs::File,
) -> Result<bool, Failure> {
    match releases.find_map(|release| standing(promised.file, &release.assets).right()) {
        Some(asset) => api.download(asset.id, &mut promised.sink(to)?).await.map(|()| true),
        None => Ok(false),
    }
}
