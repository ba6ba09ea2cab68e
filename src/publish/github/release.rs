//! The release itself: made as a draft, made public when everything in it is right.

use super::api::{Api, Reader};
use super::entry::PlannedRelease;
use super::model::{GithubRelease, NewRelease, Publication};
use super::notes;
use super::observe::{Moment, check_tag, two_drafts};
use super::rank::is_latest;
use super::repository::Repository;
use crate::plan::{self, ReleasePage};
use crate::problem::Problem;
use crate::publish::failure::Failure;

/// Makes the draft. Before a repetition the list is read: the first answer may have been lost on its way.
pub async fn create(
    repository: &Repository<'_>,
    release: &plan::Release,
    page: &ReleasePage,
) -> Result<GithubRelease, Failure> {
    let (api, tag) = (&repository.api, release.tag.as_str());
    let body = notes::body(repository, release, page).await?;
    let new = NewRelease { tag_name: tag, name: &page.title, body: &body, draft: true, prerelease: release.prerelease };
    let doing = format!("create a draft of `{tag}`");
    let _progress = api.printer.start("Drafting", format!("{tag} on {}", api.repository));
    let made = api.patience.retry(async |attempt| {
        if attempt > 0 {
            let found = of_tag(api, tag, &doing).await?;
            match found.as_slice() {
                [] => {}
                [draft] if draft.draft => return Ok(draft.clone()),
                [published] => return Err(appeared(tag, published)),
                several => return Err(two_drafts(tag, &several.iter().collect::<Vec<_>>())),
            }
        }
        api.post(&doing, "releases", &new).await.map_err(|failure| match failure {
            Failure::AlreadyThere(problem) => Failure::retry(problem),
            other => other,
        })
    });
    let made = made.await.map_err(workflow_hint)?;
    the_only_one(api, tag, made).await
}

/// GitHub lets two drafts have one tag, and shows a new one in its list only after a while: another run, or an attempt
/// of ours whose answer was lost, may have made one too. The lowest number stands; what is deleted is only the draft that
/// this run has just made, and only while it is empty.
async fn the_only_one(api: &Api<'_>, tag: &str, made: GithubRelease) -> Result<GithubRelease, Failure> {
    let doing = format!("look for other drafts of `{tag}`");
    let found = api.patience.retry(async |_| of_tag(api, tag, &doing).await).await?;
    let Some(first) = found.into_iter().filter(|other| other.draft && other.id < made.id).min_by_key(|other| other.id)
    else {
        return Ok(made);
    };
    let path = format!("releases/{}", made.id);
    let doing = format!("delete the second, empty draft of `{tag}`");
    api.patience
        .retry(async |_| match api.look::<GithubRelease>(&doing, &path, Reader::Token).await {
            Ok(now) if now.draft && now.assets.is_empty() => api.delete(&doing, &path).await,
            Ok(now) => Err(two_drafts(tag, &[&first, &now])),
            Err(Failure::Missing(_)) => Ok(()),
            Err(failure) => Err(failure),
        })
        .await?;
    api.printer.warn(format!("another run created a draft of `{tag}` at the same time; using it: {}", first.html_url));
    Ok(first)
}

async fn of_tag(api: &Api<'_>, tag: &str, doing: &str) -> Result<Vec<GithubRelease>, Failure> {
    let listed = api.all::<GithubRelease>(doing, "releases").await?;
    Ok(listed.into_iter().filter(|release| release.tag_name == tag).collect())
}

/// Makes a complete draft public, after one more look at the tag.
pub async fn publish(
    repository: &Repository<'_>,
    planned: &PlannedRelease<'_>,
    draft: &GithubRelease,
) -> Result<GithubRelease, Failure> {
    let (api, tag) = (&repository.api, planned.tag());
    let body = notes::body(repository, planned.release, planned.page).await?;
    let make_latest = if is_latest(planned.release, &repository.releases) { "true" } else { "false" };
    let publication = Publication {
        tag_name: tag,
        name: &planned.page.title,
        body: &body,
        draft: false,
        prerelease: planned.release.prerelease,
        make_latest,
    };
    let doing = format!("publish `{tag}`");
    let _progress = api.printer.start("Publishing", format!("{tag} on {}", api.repository));
    let path = format!("releases/{}", draft.id);
    api.patience
        .retry(async |attempt| {
            if attempt > 0 {
                let now: GithubRelease = api.look(&doing, &path, Reader::Token).await?;
                if !now.draft {
                    return Ok(now);
                }
            }
            check_tag(api, tag, &repository.plan.commit, Moment::Last).await?;
            let after: GithubRelease = api.patch(&doing, &path, &publication).await?;
            if after.draft {
                let message = format!("`{}` kept `{tag}` a draft", api.host());
                return Err(Failure::retry(Problem::new("still-a-draft", message)));
            }
            Ok(after)
        })
        .await
        .map_err(workflow_hint)
}

fn appeared(tag: &str, release: &GithubRelease) -> Failure {
    let message = format!("`{tag}` was published by another run in the meantime: {}", release.html_url);
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
