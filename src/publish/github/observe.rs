//! What is there before anything is written: releases, tags, and where each of our releases stands.

use super::api::{Api, Reader};
use super::entry::{PlannedRelease, Start};
use super::list::list;
use super::model::{GithubRelease, Object, Pointer};
use super::notes;
use super::repository::Repository;
use super::standing::is_absent;
use crate::destination::Existing;
use crate::plan;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::run::PlannedFile;
use crate::world::http::encode;

/// How many files GitHub takes: <https://docs.github.com/repositories/releasing-projects-on-github/about-releases>.
const MOST_FILES: usize = 1000;
/// How many tag objects may point at each other.
const NESTED_TAGS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before anything was written.
    First,
    /// Before a draft becomes public.
    Last,
}

/// What the server would never take, however large the files become.
pub fn limits(planned: &PlannedRelease<'_>) -> Vec<Failure> {
    let refused = |code, message, hint: &str| Failure::Refused(Problem::new(code, message).hint(hint));
    let mut failures = Vec::new();
    for PlannedFile { name, .. } in &planned.files {
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !name.chars().all(legal) || name.starts_with('.') || name.ends_with('.') || name.is_empty() {
            let message = format!("GitHub would rename `{name}`");
            failures.push(refused(
                "asset-name",
                message,
                "use only `A-Z a-z 0-9 . _ -`, and no dot at the start or end",
            ));
        }
    }
    if planned.files.len() > MOST_FILES {
        let message = format!("`{}` has {} files; GitHub's limit is {MOST_FILES}", planned.tag(), planned.files.len());
        failures.push(refused("too-many-assets", message, "bundle some of them"));
    }
    failures.extend(plan::notes::too_long(planned.tag(), &planned.page.body).map(Failure::Refused));
    failures
}

/// Every release of the repository, drafts included: a draft is not found by its tag.
pub async fn releases(api: &Api<'_>) -> Result<Vec<GithubRelease>, Failure> {
    let doing = format!("list the releases of `{}`", api.repository);
    let listed = api.patience.retry(async |_| api.all(&doing, "releases").await).await;
    listed.map_err(|failure| match failure {
        Failure::Missing(mut problem) => {
            let text = format!("does `{}` exist, and does `{}` have access to it?", api.repository, api.credential);
            problem.hint.get_or_insert(text);
            Failure::Denied(problem)
        }
        other => other,
    })
}

/// A list in which releases stand that are known by number. Another draft of such a tag is one that whoever made it
/// takes away again.
pub fn with_known(mut listed: Vec<GithubRelease>, known: &[GithubRelease]) -> Vec<GithubRelease> {
    listed.retain(|one| !known.iter().any(|other| other.id == one.id || one.draft && other.tag_name == one.tag_name));
    listed.extend_from_slice(known);
    listed
}

/// A release as it is now, with all its files.
pub async fn again(api: &Api<'_>, release: &GithubRelease) -> Result<GithubRelease, Failure> {
    let (tag, path) = (&release.tag_name, format!("releases/{}", release.id));
    let doing = format!("read the release `{tag}`");
    let now = api.patience.retry(async |_| api.look::<GithubRelease>(&doing, &path, Reader::Token).await).await;
    now.map_err(|failure| gone(tag, failure))
}

/// What was there is not any more.
pub fn gone(tag: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Missing(problem) => {
            let message = format!("the release `{tag}` was deleted in the meantime: {}", problem.message);
            let hint = "find out who deleted it, then run the same command again";
            Failure::Conflict(Problem::new("release-deleted", message).hint(hint))
        }
        other => other,
    }
}

/// Where one release stands, and whether it may be continued.
pub async fn start(
    repository: &Repository<'_>,
    planned: &PlannedRelease<'_>,
    moment: Moment,
) -> Result<Start, Failure> {
    let tag = planned.tag();
    check_tag(&repository.api, tag, &repository.plan.commit, moment).await?;
    let (drafts, published): (Vec<&GithubRelease>, Vec<&GithubRelease>) =
        repository.releases.iter().filter(|release| release.tag_name == *tag).partition(|release| release.draft);
    match (published.as_slice(), drafts.as_slice()) {
        ([], []) => Ok(Start::Create),
        ([], [draft]) => {
            let draft = with_all_assets(&repository.api, planned, draft).await?;
            check_foreign(repository, planned, &draft).await?;
            Ok(Start::Fill(draft))
        }
        ([], several) => Err(two_drafts(tag, several)),
        ([release, ..], drafts) => {
            if !drafts.is_empty() {
                let text = format!("a draft for `{tag}` exists besides the published release; it is not changed");
                repository.api.printer.warn(text);
            }
            published_start(repository, planned, release).await
        }
    }
}

async fn published_start(
    repository: &Repository<'_>,
    planned: &PlannedRelease<'_>,
    release: &GithubRelease,
) -> Result<Start, Failure> {
    let release = with_all_assets(&repository.api, planned, release).await?;
    let missing = absent(planned, &release);
    if missing.is_empty() {
        for name in foreign(planned, &release) {
            let text = format!("`{}` also contains `{name}`, which is not in this plan", release.tag_name);
            repository.api.printer.warn(text);
        }
        return Ok(Start::Finished(release));
    }
    let (tag, names) = (planned.tag(), missing.join("`, `"));
    let conflict = |code, message, hint: &str| Err(Failure::Conflict(Problem::new(code, message).hint(hint)));
    if release.immutable == Some(true) {
        return conflict(
            "release-immutable",
            format!("`{tag}` is published and immutable, without `{names}`"),
            "configure whatever creates the release to create a draft (release-plz: `git_release_draft = true`; \
             release-please: `\"draft\": true`), and release the next version",
        );
    }
    if repository.github.existing == Existing::Draft {
        return conflict(
            "release-published",
            format!("`{tag}` is published already, without `{names}`"),
            "`existing: any` allows filling it; better, configure whatever publishes it to create a draft",
        );
    }
    Ok(Start::Extend(release))
}

/// The planned files that are still to be uploaded.
fn absent<'p>(planned: &PlannedRelease<'p>, release: &GithubRelease) -> Vec<&'p str> {
    planned.files.iter().map(|file| file.name).filter(|name| is_absent(name, &release.assets)).collect()
}

/// A list of releases may show only some of a release's many files; before one counts as missing, all are asked for.
async fn with_all_assets(
    api: &Api<'_>,
    planned: &PlannedRelease<'_>,
    release: &GithubRelease,
) -> Result<GithubRelease, Failure> {
    let mut release = release.clone();
    if !release.assets.is_empty() && !absent(planned, &release).is_empty() {
        release.assets = api.patience.retry(async |_| list(api, release.id).await).await?;
    }
    Ok(release)
}

/// Files in our draft that are not in this plan would become public with it.
async fn check_foreign(
    repository: &Repository<'_>,
    planned: &PlannedRelease<'_>,
    draft: &GithubRelease,
) -> Result<(), Failure> {
    let names = foreign(planned, draft);
    if names.is_empty() || repository.github.draft && absent(planned, draft).is_empty() {
        return Ok(());
    }
    let body = notes::body(repository, planned.release, planned.page).await?;
    let ours = draft.name.as_deref().unwrap_or_default() == planned.page.title
        && notes::same(draft.body.as_deref().unwrap_or_default(), &body);
    let (tag, names) = (planned.tag(), names.join("`, `"));
    if ours {
        let message = format!("the draft of `{tag}` contains `{names}`, which is not in this plan");
        let hint = "delete it from the draft if it is left over from another attempt";
        return Err(Failure::Conflict(Problem::new("foreign-asset", message).hint(hint)));
    }
    let text = format!("the draft of `{tag}` was created by another user and also contains `{names}`; it is kept");
    repository.api.printer.warn(text);
    Ok(())
}

fn foreign<'r>(planned: &PlannedRelease<'_>, release: &'r GithubRelease) -> Vec<&'r str> {
    let names = release.assets.iter().map(|asset| asset.name.as_str());
    names.filter(|name| !planned.holds(name) && !planned.told.iter().any(|told| told == name)).collect()
}

/// Two drafts for one tag: ambiguous.
pub fn two_drafts(tag: &str, drafts: &[&GithubRelease]) -> Failure {
    let pages: Vec<&str> = drafts.iter().map(|draft| draft.html_url.as_str()).collect();
    let message = format!("there are {} drafts for `{tag}`: {}", drafts.len(), pages.join(" and "));
    Failure::Conflict(Problem::new("two-drafts", message).hint("delete all but one of them"))
}

/// The tag on the server is the plan's commit.
pub async fn check_tag(api: &Api<'_>, tag: &str, wanted: &str, moment: Moment) -> Result<(), Failure> {
    let doing = format!("read the tag `{tag}`");
    let found = api.patience.retry(async |_| commit_of(api, tag, &doing).await).await;
    let problem = match found {
        Ok(commit) if commit == wanted => return Ok(()),
        Ok(commit) => {
            let message =
                format!("the tag `{tag}` of `{}` points to {commit}, but the plan is for {wanted}", api.repository);
            return Err(Failure::Conflict(Problem::new("tag-moved", message).hint("release the next version")));
        }
        Err(Failure::Missing(_)) => {
            let message = format!("`{}` has no tag `{tag}`", api.repository);
            Problem::new("tag-missing", message).hint(format!("git push origin {tag}"))
        }
        Err(other) => return Err(other),
    };
    Err(if moment == Moment::First { Failure::Refused(problem) } else { Failure::Conflict(problem) })
}

/// The commit a tag stands for, through annotated tags.
async fn commit_of(api: &Api<'_>, tag: &str, doing: &str) -> Result<String, Failure> {
    let first: Pointer = api.look(doing, &format!("git/ref/tags/{}", encode(tag)), Reader::Token).await?;
    let mut object: Object = first.object;
    for _ in 0..NESTED_TAGS {
        if object.kind != "tag" {
            break;
        }
        let next: Pointer = api.look(doing, &format!("git/tags/{}", encode(&object.sha)), Reader::Token).await?;
        object = next.object;
    }
    Ok(if object.kind == "commit" { object.sha } else { format!("{} {}", object.kind, object.sha) })
}
