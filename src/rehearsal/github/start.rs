//! The state that a server starts with.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::digest::Digest;

use super::fault::Fault;
use super::options::Options;
use super::seed::{Asset, Repository, SeedRelease, Tag};
use super::state::{self, Clock, Commit, GithubState, Stored};

/// The state at the start; bytes of assets go to the spool folder.
pub(super) fn state(options: &Options) -> anyhow::Result<GithubState> {
    let clock = options.clock.parse::<DateTime<Utc>>();
    let clock = clock.with_context(|| format!("`{}` is not a time in RFC 3339", options.clock))?;
    let repositories = options.repositories.iter().zip(1..).map(|(seed, id)| repository(seed, id, clock, options));
    Ok(GithubState {
        repositories: repositories.collect::<anyhow::Result<_>>()?,
        clock: Clock(clock),
        slow_listings: if options.faults.contains(&Fault::SlowListing) { 2 } else { 0 },
        digests: !options.faults.contains(&Fault::NoDigest),
    })
}

pub(super) fn commit(tag: &Tag, now: DateTime<Utc>) -> Commit {
    Commit { sha: tag.commit.clone(), annotated: tag.annotated, date: tag.date.parse().unwrap_or(now) }
}

fn repository(seed: &Repository, id: u64, now: DateTime<Utc>, options: &Options) -> anyhow::Result<state::Repository> {
    let or = |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    let mut repository = state::Repository {
        id,
        owner: seed.owner.clone(),
        name: seed.name.clone(),
        default_branch: or(&seed.default_branch, "main"),
        head: or(&seed.head, &"0".repeat(40)),
        tags: seed.tags.iter().map(|tag| (tag.name.clone(), commit(tag, now))).collect(),
        releases: BTreeMap::new(),
        latest: None,
        burned: BTreeSet::new(),
        immutable_releases: seed.immutable_releases,
        tags_restricted: seed.tags_restricted,
        // Far apart, so that an id of one repository is none of another.
        next_id: id * 1_000_000,
    };
    for release in &seed.releases {
        let release = self::release(&mut repository, release, now, options)?;
        repository.releases.insert(release.id, release);
    }
    Ok(repository)
}

fn release(
    repository: &mut state::Repository,
    seed: &SeedRelease,
    now: DateTime<Utc>,
    options: &Options,
) -> anyhow::Result<state::StoredRelease> {
    let created = repository.tags.get(&seed.tag).map_or(now, |commit| commit.date);
    let id = repository.new_id();
    let mut assets = BTreeMap::new();
    for asset in &seed.assets {
        let id = repository.new_id();
        assets.insert(id, self::asset(asset, id, now, options)?);
    }
    Ok(state::StoredRelease {
        id,
        tag: seed.tag.clone(),
        target: repository.default_branch.clone(),
        name: seed.name.clone(),
        body: seed.body.clone(),
        draft: seed.draft,
        prerelease: seed.prerelease,
        immutable: repository.immutable_releases && !seed.draft,
        created,
        updated: now,
        published: (!seed.draft).then_some(now),
        assets,
        hidden: 0,
    })
}

fn asset(seed: &Asset, id: u64, now: DateTime<Utc>, options: &Options) -> anyhow::Result<state::Asset> {
    let stored = match &seed.bytes {
        None => None,
        Some(bytes) => {
            let path = options.spool.join(format!("{id}.asset"));
            std::fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
            Some(Stored { size: bytes.len() as u64, sha256: Digest::of(bytes) })
        }
    };
    let (name, content_type) = (seed.name.clone(), "application/octet-stream".to_owned());
    Ok(state::Asset { id, name, label: None, content_type, stored, created: now, updated: now, downloads: 0 })
}
