//! Tags: fixed ones once, floating ones forwards only; each is read back before it counts.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use super::{Failure, Ledger, Outcome, Site, Wanted, readers, receipt};
use crate::digest::Digest;
use crate::oci::registry::Registries;
use crate::plan::{FloatingTag, Work};
use crate::problem::Problem;
use crate::reference::{Reference, Repository};
use crate::version::Version;

/// How often a tag is read back: some registries show it a little later.
const LOOKS: u32 = 5;

/// Puts what is missing: images first, then the indexes that name them.
pub async fn fix(site: &Site<'_>, ledger: &mut Ledger) -> anyhow::Result<Vec<Failure>> {
    let mut failures = Vec::new();
    for indexes in [false, true] {
        let of_round = |wanted: &&Wanted<'_>| matches!(wanted.step.work, Work::Index(_)) == indexes;
        let all = site
            .wanted
            .iter()
            .filter(of_round)
            .flat_map(|wanted| wanted.image.tags.iter().map(move |tag| (wanted, tag)));
        let done = join_all(all.map(async |(wanted, tag)| {
            if !wanted.missing.contains(&tag.as_str()) {
                return Ok(receipt(site, wanted, tag, Outcome::AlreadyThere));
            }
            put(site, wanted, tag).await.map(|()| receipt(site, wanted, tag, Outcome::Published))
        }))
        .await;
        let mut receipts = Vec::new();
        for one in done {
            match one {
                Ok(receipt) => receipts.push(receipt),
                Err(failure) if failures.contains(&failure) => {}
                Err(failure) => failures.push(failure),
            }
        }
        ledger.record(receipts)?;
        if !failures.is_empty() {
            return Ok(failures);
        }
    }
    let tags = site.wanted.iter().flat_map(|wanted| {
        let digest = wanted.document.descriptor.digest;
        wanted.image.tags.iter().map(move |tag| (wanted.repository.tagged(tag), digest))
    });
    Ok(readers::look(site, &tags.collect::<Vec<_>>()).await)
}

async fn put(site: &Site<'_>, wanted: &Wanted<'_>, tag: &str) -> Result<(), Failure> {
    let reference = wanted.repository.tagged(tag);
    site.order.registries.put_manifest(&reference, &wanted.document).await?;
    read_back(site.order.registries, &reference, wanted.document.descriptor.digest).await
}

/// Looks until the tag is what we put; something else was put by somebody else.
async fn read_back(registries: &Registries, reference: &Reference, expected: Digest) -> Result<(), Failure> {
    for look in 0..LOOKS {
        match registries.head(reference).await? {
            Some(there) if there.digest == expected => return Ok(()),
            Some(there) if look + 1 == LOOKS => {
                let text = format!("`{reference}` was put as {expected}, but is {} now", there.digest);
                let hint = "somebody else publishes there at the same time: see who, then run the same command again";
                return Err(Failure::Conflict(Problem::new("image-tag-taken", text).hint(hint)));
            }
            _ => sleep(Duration::from_millis(200 << look)).await,
        }
    }
    let text = format!("`{reference}` was put, but cannot be seen");
    Err(Failure::Unconfirmed(Problem::new("image-unconfirmed", text).hint("run the same command again to look again")))
}

/// Moves each floating tag whose line has nothing newer.
pub async fn float(site: &Site<'_>, ledger: &mut Ledger) -> anyhow::Result<Vec<Failure>> {
    let floating: Vec<(&Wanted<'_>, &FloatingTag)> = site
        .wanted
        .iter()
        .flat_map(|wanted| wanted.image.floating.iter().map(move |floating| (wanted, floating)))
        .collect();
    let mut failures = Vec::new();
    let mut repositories: Vec<&Repository> = floating.iter().map(|(wanted, _)| wanted.repository).collect();
    repositories.sort_unstable();
    repositories.dedup();
    // Asked now, not when it all began: others may have released meanwhile.
    let lists = join_all(repositories.iter().map(|repository| site.order.registries.tags(repository))).await;
    let mut known: BTreeMap<&Repository, Vec<String>> = BTreeMap::new();
    for (repository, list) in repositories.into_iter().zip(lists) {
        match list {
            Ok(tags) => drop(known.insert(repository, tags)),
            Err(error) => failures.push(error.into()),
        }
    }
    if !failures.is_empty() {
        return Ok(failures);
    }
    let done = join_all(floating.iter().map(async |(wanted, floating)| {
        let tags = known.get(wanted.repository).map(Vec::as_slice).unwrap_or_default();
        one(site, wanted, floating, tags).await
    }))
    .await;
    let mut receipts = Vec::new();
    for one in done {
        match one {
            Ok(receipt) => receipts.extend(receipt),
            Err(failure) if failures.contains(&failure) => {}
            Err(failure) => failures.push(failure),
        }
    }
    let moved = receipts.iter().filter_map(|receipt| Some((receipt.name.parse().ok()?, receipt.sha256?)));
    let moved: Vec<(Reference, Digest)> = moved.collect();
    ledger.record(receipts)?;
    failures.extend(readers::look(site, &moved).await);
    Ok(failures)
}

async fn one(
    site: &Site<'_>,
    wanted: &Wanted<'_>,
    floating: &FloatingTag,
    tags: &[String],
) -> Result<Option<crate::receipt::Receipt>, Failure> {
    let reference = wanted.repository.tagged(&floating.tag);
    let Some(release) = site.order.plan.release(&wanted.step.component) else { return Ok(None) };
    if let Some(newer) = newer(floating, tags, &release.version) {
        site.printer.step("Left", format!("`{reference}` where it is: {newer} is there"));
        return Ok(None);
    }
    let there = site.order.registries.head(&reference).await?;
    let expected = wanted.document.descriptor.digest;
    if there.as_ref().is_some_and(|there| there.digest == expected) {
        return Ok(Some(receipt(site, wanted, &floating.tag, Outcome::AlreadyThere)));
    }
    site.order.registries.put_manifest(&reference, &wanted.document).await?;
    read_back(site.order.registries, &reference, expected).await?;
    Ok(Some(receipt(site, wanted, &floating.tag, Outcome::Published)))
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
