//! The release itself: made as a draft, made public when everything in it is right.

use super::api::Reader;
use super::model::{NewRelease, Publication, Release};
use super::observe::{Moment, check_tag, is_latest, two_drafts};
use super::{Job, Site, notes};
use crate::problem::Problem;
use crate::publish::failure::Failure;

/// Makes the draft. Before a repetition the list is read: the first answer may have been lost on its way.
pub async fn create(site: &Site<'_>, job: &Job<'_>) -> Result<Release, Failure> {
    let body = notes::body(site, job).await?;
    let tag = job.release.tag.as_str();
    let new = NewRelease {
        tag_name: tag,
        name: &job.page.title,
        body: &body,
        draft: true,
        prerelease: job.release.prerelease,
    };
    let doing = format!("make a draft of `{tag}`");
    let _progress = site.api.printer.start("Drafting", format!("{tag} on {}", site.api.repository));
    let made = site.api.patience.retry(async |attempt| {
        if attempt > 0 {
            let found = of_tag(site, tag, &doing).await?;
            match found.as_slice() {
                [] => {}
                [draft] if draft.draft => return Ok(draft.clone()),
                [published] => return Err(appeared(tag, published)),
                several => return Err(two_drafts(tag, &several.iter().collect::<Vec<_>>())),
            }
        }
        site.api.post(&doing, "releases", &new).await.map_err(|failure| match failure {
            Failure::AlreadyThere(problem) => Failure::retry(problem),
            other => other,
        })
    });
    let made = made.await.map_err(workflow_hint)?;
    the_only_one(site, tag, made).await
}

/// GitHub lets two drafts have one tag, and shows a new one in its list only after a while: another run, or an attempt
/// of ours whose answer was lost, may have made one too. The lowest number stands; what is deleted is only the draft that
/// this run has just made, and only while it is empty.
async fn the_only_one(site: &Site<'_>, tag: &str, made: Release) -> Result<Release, Failure> {
    let doing = format!("look for other drafts of `{tag}`");
    let found = site.api.patience.retry(async |_| of_tag(site, tag, &doing).await).await?;
    let Some(first) = found.into_iter().filter(|other| other.draft && other.id < made.id).min_by_key(|other| other.id)
    else {
        return Ok(made);
    };
    let path = format!("releases/{}", made.id);
    let doing = format!("delete the second, empty draft of `{tag}`");
    site.api
        .patience
        .retry(async |_| match site.api.look::<Release>(&doing, &path, Reader::Token).await {
            Ok(now) if now.draft && now.assets.is_empty() => site.api.delete(&doing, &path).await,
            Ok(now) => Err(two_drafts(tag, &[&first, &now])),
            Err(Failure::Missing(_)) => Ok(()),
            Err(failure) => Err(failure),
        })
        .await?;
    site.api
        .printer
        .warn(format!("somebody else made a draft of `{tag}` at the same time; it is filled: {}", first.html_url));
    Ok(first)
}

async fn of_tag(site: &Site<'_>, tag: &str, doing: &str) -> Result<Vec<Release>, Failure> {
    let listed = site.api.all::<Release>(doing, "releases").await?;
    Ok(listed.into_iter().filter(|release| release.tag_name == tag).collect())
}

/// Makes a complete draft public, after one more look at the tag.
pub async fn publish(site: &Site<'_>, job: &Job<'_>, draft: &Release) -> Result<Release, Failure> {
    let body = notes::body(site, job).await?;
    let tag = job.release.tag.as_str();
    let make_latest = if is_latest(job.release, &site.releases) { "true" } else { "false" };
    let publication = Publication {
        tag_name: tag,
        name: &job.page.title,
        body: &body,
        draft: false,
        prerelease: job.release.prerelease,
        make_latest,
    };
    let doing = format!("publish `{tag}`");
    let _progress = site.api.printer.start("Publishing", format!("{tag} on {}", site.api.repository));
    let path = format!("releases/{}", draft.id);
    site.api
        .patience
        .retry(async |attempt| {
            if attempt > 0 {
                let now: Release = site.api.look(&doing, &path, Reader::Token).await?;
                if !now.draft {
                    return Ok(now);
                }
            }
            check_tag(&site.api, (tag, site.commit), Moment::Last).await?;
            let after: Release = site.api.patch(&doing, &path, &publication).await?;
            if after.draft {
                let message = format!("`{}` left `{tag}` a draft", site.api.host());
                return Err(Failure::retry(Problem::new("still-a-draft", message)));
            }
            Ok(after)
        })
        .await
        .map_err(workflow_hint)
}

fn appeared(tag: &str, release: &Release) -> Failure {
    let message = format!("`{tag}` was published by somebody else in the meantime: {}", release.html_url);
    Failure::Conflict(Problem::new("release-published", message).hint("run the same command again to compare it"))
}

/// GitHub answers 404 to a write that the token may not do, also when only a workflow file is in the way.
fn workflow_hint(failure: Failure) -> Failure {
    match failure {
        Failure::Missing(problem) => Failure::Denied(problem.hint(
            "the token needs `contents: write`; if the tagged commit changes `.github/workflows`, push it to the default \
             branch first",
        )),
        other => other,
    }
}

/// Whether this release is expected at `releases/latest`.
pub fn expects_latest(site: &Site<'_>, job: &Job<'_>) -> bool {
    is_latest(job.release, &site.releases)
}
