//! What is there before anything is written: releases, tags, and where each of our releases stands.

use std::{fs, io};

use tokio::task::spawn_blocking;

use super::api::{Api, Reader};
use super::assets::{self, Standing, list};
use super::model::{Object, Pointer, Release};
use super::{Job, Site, notes};
use crate::destination::Adopt;
use crate::digest::Digest;
use crate::plan;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::tag::TagGrammar;
use crate::version::Version;
use crate::world::http::encode;

/// GitHub takes files under 2 GiB: <https://docs.github.com/repositories/releasing-projects-on-github/about-releases>.
const LARGEST_FILE: u64 = 2 << 30;
/// And so many of them.
const MOST_FILES: usize = 1000;
/// How many tag objects may point at each other.
const NESTED_TAGS: usize = 5;

/// Where a release stands.
#[derive(Clone, Debug)]
pub enum Start {
    /// Nothing is there.
    Create,
    /// A draft is there.
    Fill(Release),
    /// A published, mutable release may be filled.
    Extend(Release),
    /// It is published with all its files.
    Finished(Release),
}

/// When a tag is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before anything was written.
    First,
    /// Before a draft becomes public.
    Last,
}

/// What the server would never take.
pub fn limits(job: &Job<'_>) -> Vec<Failure> {
    let refused = |code, message, hint: &str| Failure::Refused(Problem::new(code, message).hint(hint));
    let mut failures = Vec::new();
    for wanted in &job.files {
        let name = &wanted.file.name;
        let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !name.chars().all(legal) || name.starts_with('.') || name.ends_with('.') || name.is_empty() {
            let message = format!("GitHub would store `{name}` under another name");
            failures.push(refused("asset-name", message, "use only `A-Z a-z 0-9 . _ -`, and no dot at either end"));
        }
        if wanted.file.size >= LARGEST_FILE {
            let message = format!("`{name}` has {} bytes; GitHub takes files under 2 GiB", wanted.file.size);
            failures.push(refused("asset-too-large", message, "split it, or pack less into it"));
        }
    }
    if job.files.len() > MOST_FILES {
        let message = format!("`{}` has {} files; GitHub takes {MOST_FILES}", job.release.tag, job.files.len());
        failures.push(refused("too-many-assets", message, "bundle some of them"));
    }
    failures.extend(plan::notes::too_long(&job.release.tag, &job.page.body).map(Failure::Refused));
    failures
}

/// Every release of the repository, drafts included: a draft is not found by its tag.
pub async fn releases(api: &Api<'_>) -> Result<Vec<Release>, Failure> {
    let doing = format!("list the releases of `{}`", api.repository);
    let listed = api.patience.retry(async |_| api.all(&doing, "releases").await).await;
    listed.map_err(|failure| match failure {
        Failure::Missing(mut problem) => {
            let text = format!("does `{}` exist, and may `{}` see it?", api.repository, api.credential);
            problem.hint.get_or_insert(text);
            Failure::Denied(problem)
        }
        other => other,
    })
}

/// A list in which releases stand that are known by number. Another draft of such a tag is one that whoever made it
/// takes away again.
pub fn with_known(mut listed: Vec<Release>, known: &[Release]) -> Vec<Release> {
    listed.retain(|one| !known.iter().any(|other| other.id == one.id || one.draft && other.tag_name == one.tag_name));
    listed.extend_from_slice(known);
    listed
}

/// A release as it is now, with all its files.
pub async fn again(api: &Api<'_>, release: &Release) -> Result<Release, Failure> {
    let (tag, path) = (&release.tag_name, format!("releases/{}", release.id));
    let doing = format!("look at the release `{tag}`");
    let now = api.patience.retry(async |_| api.look::<Release>(&doing, &path, Reader::Token).await).await;
    now.map_err(|failure| gone(tag, failure))
}

/// What was there is not any more.
pub fn gone(tag: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Missing(problem) => {
            let message = format!("the release `{tag}` was deleted in the meantime: {}", problem.message);
            let hint = "see who did, then run the same command again";
            Failure::Conflict(Problem::new("release-deleted", message).hint(hint))
        }
        other => other,
    }
}

/// Where one release stands, and whether it may be continued.
pub async fn start(site: &Site<'_>, job: &Job<'_>, moment: Moment) -> Result<Start, Vec<Failure>> {
    let tag = &job.release.tag;
    check_tag(&site.api, (tag, site.commit), moment).await.map_err(|failure| vec![failure])?;
    let (drafts, published): (Vec<&Release>, Vec<&Release>) =
        site.releases.iter().filter(|release| release.tag_name == *tag).partition(|release| release.draft);
    match (published.as_slice(), drafts.as_slice()) {
        ([], []) => {
            check_bytes(site, job, &[]).await?;
            Ok(Start::Create)
        }
        ([], [draft]) => {
            let draft = with_all_assets(site, job, draft).await?;
            check_different(&site.api, job, &draft)?;
            check_foreign(site, job, &draft).await.map_err(|failure| vec![failure])?;
            check_bytes(site, job, &draft.assets).await?;
            Ok(Start::Fill(draft))
        }
        ([], several) => Err(vec![two_drafts(tag, several)]),
        ([release, ..], drafts) => {
            if !drafts.is_empty() {
                site.api
                    .printer
                    .warn(format!("a draft for `{tag}` lies beside its published release; it is left alone"));
            }
            published_start(site, job, release).await
        }
    }
}

async fn published_start(site: &Site<'_>, job: &Job<'_>, release: &Release) -> Result<Start, Vec<Failure>> {
    let release = with_all_assets(site, job, release).await?;
    check_different(&site.api, job, &release)?;
    let missing: Vec<&str> = job
        .files
        .iter()
        .filter(|wanted| assets::standing(wanted.file, &release.assets).is_absent())
        .map(|wanted| wanted.file.name.as_str())
        .collect();
    if missing.is_empty() {
        for name in foreign(job, &release) {
            site.api.printer.warn(format!("`{}` also holds `{name}`, which is not of this plan", release.tag_name));
        }
        return Ok(Start::Finished(release));
    }
    let tag = &job.release.tag;
    let names = missing.join("`, `");
    let conflict = |code, message, hint: &str| Err(vec![Failure::Conflict(Problem::new(code, message).hint(hint))]);
    if release.immutable == Some(true) {
        return conflict(
            "release-immutable",
            format!("`{tag}` is published and immutable, without `{names}`"),
            "let whatever makes the release make a draft (release-plz: `git_release_draft = true`; \
             release-please: `\"draft\": true`), and release the next version",
        );
    }
    if site.github.adopt == Adopt::Draft {
        return conflict(
            "release-published",
            format!("`{tag}` is published already, without `{names}`"),
            "`adopt: any` lets it be filled; better, let whatever publishes it make a draft",
        );
    }
    check_bytes(site, job, &release.assets).await?;
    Ok(Start::Extend(release))
}

/// A list of releases may show only some of a release's many files; before one counts as missing, all are asked for.
async fn with_all_assets(site: &Site<'_>, job: &Job<'_>, release: &Release) -> Result<Release, Vec<Failure>> {
    let mut release = release.clone();
    let absent = |wanted: &super::Wanted<'_>| assets::standing(wanted.file, &release.assets).is_absent();
    if !release.assets.is_empty() && job.files.iter().any(absent) {
        let listed = site.api.patience.retry(async |_| list(&site.api, release.id).await).await;
        release.assets = listed.map_err(|failure| vec![failure])?;
    }
    Ok(release)
}

/// Files with our names and other bytes: said all at once, never replaced.
fn check_different(api: &Api<'_>, job: &Job<'_>, release: &Release) -> Result<(), Vec<Failure>> {
    let failures: Vec<Failure> = job
        .files
        .iter()
        .filter_map(|wanted| match assets::standing(wanted.file, &release.assets) {
            Standing::Different(asset) => Some(assets::differs(api, release, wanted.file, &asset)),
            _ => None,
        })
        .collect();
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// Files in a draft of ours that are not of this plan would become public with it.
async fn check_foreign(site: &Site<'_>, job: &Job<'_>, draft: &Release) -> Result<(), Failure> {
    let names = foreign(job, draft);
    let all_there = job.files.iter().all(|wanted| !assets::standing(wanted.file, &draft.assets).is_absent());
    if names.is_empty() || site.github.draft && all_there {
        return Ok(());
    }
    let body = notes::body(site, job).await?;
    let ours = draft.name.as_deref().unwrap_or_default() == job.page.title
        && notes::same(draft.body.as_deref().unwrap_or_default(), &body);
    let (tag, names) = (&job.release.tag, names.join("`, `"));
    if ours {
        let message = format!("the draft of `{tag}` holds `{names}`, which is not of this plan");
        let hint = "delete it from the draft if it is left from another attempt";
        return Err(Failure::Conflict(Problem::new("foreign-asset", message).hint(hint)));
    }
    site.api.printer.warn(format!("the draft of `{tag}` was made by somebody else and also holds `{names}`; it stays"));
    Ok(())
}

fn foreign<'r>(job: &Job<'_>, release: &'r Release) -> Vec<&'r str> {
    let names = release.assets.iter().map(|asset| asset.name.as_str());
    let planned = |name: &str| {
        job.files.iter().any(|wanted| wanted.file.name == name) || job.papers.iter().any(|paper| paper == name)
    };
    names.filter(|name| !planned(name)).collect()
}

/// Before the first write, the bytes that will be sent are read once: a server that got wrong ones keeps them.
async fn check_bytes(site: &Site<'_>, job: &Job<'_>, there: &[super::Asset]) -> Result<(), Vec<Failure>> {
    let mut failures = Vec::new();
    for wanted in &job.files {
        if !assets::standing(wanted.file, there).is_absent() {
            continue;
        }
        let path = site.store.file(wanted.step, &wanted.file.name);
        let shown = path.display().to_string();
        let found = spawn_blocking(move || fs::File::open(&path).and_then(Digest::of_reader)).await;
        let what = match found.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(found) if found == (wanted.file.sha256, wanted.file.size) => continue,
            Ok((digest, size)) => format!("is not the verified file: {digest}, {size} bytes"),
            Err(error) => format!("cannot be read: {error}"),
        };
        let problem = Problem::new("file-changed", format!("`{shown}` {what}")).step(wanted.step);
        failures.push(Failure::Refused(problem.hint("run `longshore verify` again, or build it again")));
    }
    if failures.is_empty() { Ok(()) } else { Err(failures) }
}

/// Two drafts for one tag: nobody can say which one is meant.
pub fn two_drafts(tag: &str, drafts: &[&Release]) -> Failure {
    let pages: Vec<&str> = drafts.iter().map(|draft| draft.html_url.as_str()).collect();
    let message = format!("there are {} drafts for `{tag}`: {}", drafts.len(), pages.join(" and "));
    Failure::Conflict(Problem::new("two-drafts", message).hint("delete all but one of them"))
}

/// The tag on the server is the plan's commit.
pub async fn check_tag(api: &Api<'_>, (tag, wanted): (&str, &str), moment: Moment) -> Result<(), Failure> {
    let doing = format!("look at the tag `{tag}`");
    let found = api.patience.retry(async |_| commit_of(api, tag, &doing).await).await;
    let problem = match found {
        Ok(commit) if commit == wanted => return Ok(()),
        Ok(commit) => {
            let message = format!("the tag `{tag}` of `{}` is {commit}, the plan's commit is {wanted}", api.repository);
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

/// Whether a release becomes "latest": it may, it is stable, and no published stable version of its component is higher.
pub fn is_latest(release: &plan::Release, published: &[Release]) -> bool {
    let Ok(grammar) = release.tags.parse::<TagGrammar>() else { return false };
    let mut others = published
        .iter()
        .filter(|other| !other.draft && !other.prerelease)
        .filter_map(|other| grammar.version(&other.tag_name))
        .filter(|version: &Version| !version.is_prerelease());
    release.latest && !release.prerelease && others.all(|version| version <= release.version)
}

/// The published version before this one, of the same component; of a stable version the stable one.
pub fn previous<'r>(release: &plan::Release, published: &'r [Release]) -> Option<&'r str> {
    let grammar: TagGrammar = release.tags.parse().ok()?;
    published
        .iter()
        .filter(|other| !other.draft)
        .filter_map(|other| Some((grammar.version(&other.tag_name)?, other.tag_name.as_str())))
        .filter(|(version, _)| *version < release.version && (release.prerelease || !version.is_prerelease()))
        .max_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal))
        .map(|(_, tag)| tag)
}
