//! Tags: fixed ones once, floating ones forwards only; each is read back before it counts.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::time::sleep;

use super::images::{Images, Placement};
use crate::digest::Digest;
use crate::oci::registry::{Error, Registries};
use crate::plan::FloatingTag;
use crate::problem::Problem;
use crate::publish::failure::{Failure, Failures};
use crate::publish::ledger::Ledger;
use crate::receipt::{Outcome, Receipt};
use crate::reference::{Reference, Repository};
use crate::version::Version;

/// How often a tag is read back: some registries show it a little later.
const LOOKS: u32 = 5;

/// Puts what is missing: images first, then the indexes that name them.
///
/// # Errors
/// What could not be put.
pub async fn fix(images: &Images<'_>, placements: &[Placement<'_>], ledger: &mut Ledger) -> Result<(), Failures> {
    for indexes in [false, true] {
        let round = placements.iter().filter(|one| one.planned.is_index() == indexes && !one.planned.is_chart());
        round_of(images, round, ledger).await?;
    }
    Ok(())
}

/// The same for charts, one after the other: the plan has each after those it depends on.
///
/// # Errors
/// What could not be put.
pub async fn fix_charts(
    images: &Images<'_>,
    placements: &[Placement<'_>],
    ledger: &mut Ledger,
) -> Result<(), Failures> {
    for chart in placements.iter().filter(|one| one.planned.is_chart()) {
        round_of(images, std::iter::once(chart), ledger).await?;
    }
    Ok(())
}

async fn round_of<'p>(
    images: &Images<'_>,
    placements: impl Iterator<Item = &'p Placement<'p>>,
    ledger: &mut Ledger,
) -> Result<(), Failures> {
    let all = placements.flat_map(|one| one.planned.image.tags.iter().map(move |tag| (one, tag)));
    let done = join_all(all.map(async |(placement, tag)| {
        if placement.planned.there.contains_key(tag.as_str()) {
            return Ok(placement.receipt(images, tag, Outcome::AlreadyThere));
        }
        put(images, placement, tag).await.map(|()| placement.receipt(images, tag, Outcome::Published))
    }));
    keep(done.await.into_iter().map(|one| one.map(Some)), ledger).map(drop)
}

/// Writes down what was done; each failure is told once.
fn keep(
    done: impl Iterator<Item = Result<Option<Receipt>, Failure>>,
    ledger: &mut Ledger,
) -> Result<Vec<Receipt>, Failures> {
    let (mut receipts, mut failures) = (Vec::new(), Vec::new());
    for one in done {
        match one {
            Ok(receipt) => receipts.extend(receipt),
            Err(failure) if failures.contains(&failure) => {}
            Err(failure) => failures.push(failure),
        }
    }
    ledger.record(receipts.clone())?;
    Failures::of(failures).map(|()| receipts)
}

async fn put(images: &Images<'_>, placement: &Placement<'_>, tag: &str) -> Result<(), Failure> {
    let (registries, reference) = (images.run.registries, placement.planned.repository.tagged(tag));
    registries.put_manifest(&reference, &placement.document).await?;
    read_back(registries, &reference, placement.digest()).await
}

/// Reads until the tag is what we pushed; anything else was pushed by someone else.
async fn read_back(registries: &Registries, reference: &Reference, expected: Digest) -> Result<(), Failure> {
    for look in 0..LOOKS {
        match registries.head(reference).await? {
            Some(there) if there.digest == expected => return Ok(()),
            Some(there) if look + 1 == LOOKS => {
                let text = format!("`{reference}` was pushed as {expected}, but now is {}", there.digest);
                let hint =
                    "something else publishes there at the same time: find out what, then run the same command again";
                return Err(Failure::Conflict(Problem::new("image-tag-taken", text).hint(hint)));
            }
            _ => sleep(Duration::from_millis(200 << look)).await,
        }
    }
    let text = format!("`{reference}` was pushed, but is not visible");
    Err(Failure::Unconfirmed(Problem::new("image-unconfirmed", text).hint("run the same command again to check again")))
}

/// Moves each floating tag whose line has nothing newer, and says what is where then.
///
/// # Errors
/// What could not be moved, or whose target cannot be determined.
pub async fn float(
    images: &Images<'_>,
    placements: &[Placement<'_>],
    ledger: &mut Ledger,
) -> Result<Vec<(Reference, Digest)>, Failures> {
    let floating: Vec<(&Placement<'_>, &FloatingTag)> =
        placements.iter().flat_map(|one| one.planned.image.floating.iter().map(move |tag| (one, tag))).collect();
    let mut repositories: Vec<&Repository> = floating.iter().map(|(one, _)| one.planned.repository).collect();
    repositories.sort_unstable();
    repositories.dedup();
    // Asked now, not when it all began: others may have released meanwhile.
    let looks = repositories.iter().map(|repository| look_around(images.run.registries, placements, repository));
    let (mut known, mut failures) = (BTreeMap::<&Repository, Around<'_>>::new(), Vec::new());
    for (repository, around) in repositories.iter().zip(join_all(looks).await) {
        match around {
            Ok(around) => drop(known.insert(repository, around)),
            Err(failure) => failures.push(failure),
        }
    }
    Failures::of(failures)?;
    let done = join_all(floating.iter().filter_map(|(placement, floating)| {
        let around = known.get(placement.planned.repository)?;
        Some(one(images, placement, floating, around))
    }));
    let receipts = keep(done.await.into_iter(), ledger)?;
    Ok(receipts.iter().filter_map(|receipt| Some((receipt.name.parse().ok()?, receipt.sha256?))).collect())
}

/// A repository before its floating tags move.
struct Around<'a> {
    tags: Vec<String>,
    /// The floating ones that are there.
    floating: BTreeMap<&'a str, Digest>,
}

/// Sees what is in a repository. Which version is the newest, only a whole list of tags says: one without a tag that is
/// known to be there is none, as where a registry or a proxy says "404" or "no tags" for whatever reason.
async fn look_around<'a>(
    registries: &Registries,
    placements: &'a [Placement<'_>],
    repository: &Repository,
) -> Result<Around<'a>, Failure> {
    let ours = || placements.iter().filter(|one| one.planned.repository == repository);
    let looks = ours().flat_map(|one| &one.planned.image.floating).map(async |floating| {
        let there = registries.head(&repository.tagged(&floating.tag)).await?;
        Ok::<_, Error>(there.map(|there| (floating.tag.as_str(), there.digest)))
    });
    let floating: BTreeMap<&str, Digest> = try_join_all(looks).await?.into_iter().flatten().collect();
    let fixed = ours().flat_map(|one| &one.planned.image.tags).map(String::as_str);
    let there: Vec<&str> = fixed.chain(floating.keys().copied()).collect();
    let mut look = 0;
    loop {
        let tags = registries.tags(repository).await?;
        match lacking(&tags, &there) {
            None => return Ok(Around { tags, floating }),
            Some(lacking) if look + 1 == LOOKS => return Err(no_list(repository, lacking)),
            Some(_) => sleep(Duration::from_millis(200 << look)).await,
        }
        look += 1;
    }
}

/// The first tag that is there, but not in the list.
fn lacking<'t>(tags: &[String], there: &[&'t str]) -> Option<&'t str> {
    there.iter().copied().find(|tag| !tags.iter().any(|listed| listed == tag))
}

fn no_list(repository: &Repository, lacking: &str) -> Failure {
    let text = format!(
        "the tag list of `{repository}` lacks `{lacking}`, which exists: there may be a newer release, so floating tags are not moved"
    );
    let hint = "the release itself is published: run the same command again when the registry lists its tags (`/v2/NAME/tags/list`); if it never does, remove floating tags from `tags:`";
    Failure::Unconfirmed(Problem::new("tags-unreadable", text).hint(hint))
}

async fn one(
    images: &Images<'_>,
    placement: &Placement<'_>,
    floating: &FloatingTag,
    around: &Around<'_>,
) -> Result<Option<Receipt>, Failure> {
    let reference = placement.planned.repository.tagged(&floating.tag);
    let Some(release) = images.run.plan.release(&placement.planned.step.component) else { return Ok(None) };
    if let Some(newer) = newer(floating, &around.tags, &release.version) {
        images.run.printer.step("Skipped", format!("`{reference}`: already points to newer {newer}"));
        return Ok(None);
    }
    if around.floating.get(floating.tag.as_str()) == Some(&placement.digest()) {
        return Ok(Some(placement.receipt(images, &floating.tag, Outcome::AlreadyThere)));
    }
    put(images, placement, &floating.tag).await?;
    Ok(Some(placement.receipt(images, &floating.tag, Outcome::Published)))
}

/// The newest stable version in the tag's line that is newer than ours.
fn newer(floating: &FloatingTag, tags: &[String], ours: &Version) -> Option<Version> {
    let in_line = |version: &Version| {
        let (major, minor, _) = version.triple();
        floating.major.is_none_or(|wanted| wanted == major) && floating.minor.is_none_or(|wanted| wanted == minor)
    };
    let versions = tags.iter().filter_map(|tag| {
        tag.strip_prefix(floating.prefix.as_str())?.strip_suffix(floating.suffix.as_str())?.parse::<Version>().ok()
    });
    versions.filter(|version| !version.is_prerelease() && in_line(version) && version > ours).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_what_is_there_is_none() {
        let check = |tags: &[&str], there: &[&str], expected: Option<&str>| {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            assert_eq!(lacking(&tags, there), expected, "{tags:?} {there:?}");
        };
        check(&["1.2.3", "2.0.0", "latest"], &["1.2.3", "latest"], None);
        check(&[], &["1.2.3"], Some("1.2.3"));
        // The second page did not come.
        check(&["1", "1.2.3"], &["1.2.3", "1", "latest"], Some("latest"));
        // Only floating tags, in a repository that does not exist yet.
        check(&[], &[], None);
        check(&[], &["latest"], Some("latest"));
    }

    #[test]
    fn floating_tags_stay_in_their_line_and_never_go_back() {
        let tags = ["1.2.3", "1.2.9", "1.3.0", "2.0.0", "3.0.0-rc.1", "1.2.99-alpine", "latest", "1", "x1.2.50"];
        let tags: Vec<String> = tags.map(str::to_owned).to_vec();
        let check = |(major, minor): (Option<u64>, Option<u64>), suffix: &str, ours: &str, expected: Option<&str>| {
            let (prefix, suffix) = (String::new(), suffix.to_owned());
            let floating = FloatingTag { tag: "t".into(), major, minor, prefix, suffix };
            let found = newer(&floating, &tags, &ours.parse().unwrap()).map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{major:?} {minor:?} {suffix:?} {ours}", suffix = floating.suffix);
        };
        check((None, None), "", "1.2.4", Some("2.0.0"));
        check((None, None), "", "2.0.1", None);
        check((Some(1), None), "", "1.2.10", Some("1.3.0"));
        check((Some(1), Some(2)), "", "1.2.4", Some("1.2.9"));
        check((Some(1), Some(2)), "", "1.2.10", None);
        check((Some(1), Some(2)), "-alpine", "1.2.10", Some("1.2.99"));
        check((None, None), "", "2.0.0", None);
    }
}
