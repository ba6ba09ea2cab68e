//! What the server holds: repositories, their tags, releases and assets, and who may see them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, SecondsFormat, Utc};

use crate::digest::Digest;

use super::route::Target;

pub(super) struct GithubState {
    pub(super) repositories: Vec<Repository>,
    pub(super) clock: Clock,
    /// Listings from which a new release is missing.
    pub(super) slow_listings: u8,
    pub(super) digests: bool,
}

/// A clock that only writes move, by a second each: the same requests give the same times.
pub(super) struct Clock(pub(super) DateTime<Utc>);

/// Hands out numbers and times while something is changed.
pub(super) struct Writing<'a> {
    pub(super) repository: &'a mut Repository,
    pub(super) now: DateTime<Utc>,
    pub(super) slow_listings: u8,
}

pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) default_branch: String,
    pub(super) head: String,
    pub(super) tags: BTreeMap<String, Commit>,
    pub(super) releases: BTreeMap<u64, StoredRelease>,
    /// What was made latest; it counts only while it may be latest.
    pub(super) latest: Option<u64>,
    /// Tags that an immutable release once had.
    pub(super) burned: BTreeSet<String>,
    pub(super) immutable_releases: bool,
    pub(super) tags_restricted: bool,
    /// Releases and assets count from here, in one row: an id names one thing.
    pub(super) next_id: u64,
}

#[derive(Clone)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) annotated: bool,
    pub(super) date: DateTime<Utc>,
}

pub(super) struct StoredRelease {
    pub(super) id: u64,
    pub(super) tag: String,
    pub(super) target: String,
    pub(super) name: Option<String>,
    pub(super) body: Option<String>,
    pub(super) draft: bool,
    pub(super) prerelease: bool,
    pub(super) immutable: bool,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    pub(super) published: Option<DateTime<Utc>>,
    pub(super) assets: BTreeMap<u64, Asset>,
    /// How many listings it will still be missing from.
    pub(super) hidden: u8,
}

pub(super) struct Asset {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) label: Option<String>,
    pub(super) content_type: String,
    /// Its bytes; absent in state `starter`.
    pub(super) stored: Option<Stored>,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    pub(super) downloads: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Stored {
    pub(super) size: u64,
    pub(super) sha256: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Anonymous,
    /// A token that may not push.
    Reader,
    Writer,
}

impl GithubState {
    pub(super) fn repository(&self, target: &Target) -> Option<&Repository> {
        self.repositories.iter().find(|repository| repository.is(target))
    }

    /// A repository to change; the clock moves.
    pub(super) fn write(&mut self, target: &Target) -> Option<Writing<'_>> {
        let repository = self.repositories.iter_mut().find(|repository| repository.is(target))?;
        self.clock.0 += Duration::seconds(1);
        Some(Writing { repository, now: self.clock.0, slow_listings: self.slow_listings })
    }

    pub(super) fn repository_mut(&mut self, target: &Target) -> Option<&mut Repository> {
        self.repositories.iter_mut().find(|repository| repository.is(target))
    }
}

impl Repository {
    /// GitHub does not mind the case of owner and name.
    fn is(&self, target: &Target) -> bool {
        match target.id {
            Some(id) => id == self.id,
            None => self.owner.eq_ignore_ascii_case(&target.owner) && self.name.eq_ignore_ascii_case(&target.name),
        }
    }

    /// A release if `who` may see it: drafts need push access.
    pub(super) fn visible(&self, id: u64, who: Who) -> Option<&StoredRelease> {
        self.releases.get(&id).filter(|release| !release.draft || who == Who::Writer)
    }

    pub(super) fn published(&self, tag: &str) -> Option<&StoredRelease> {
        self.releases.values().find(|release| !release.draft && release.tag == tag)
    }

    /// All that `who` may see: drafts first, then the youngest first.
    pub(super) fn listed(&self, who: Who) -> Vec<&StoredRelease> {
        let mut releases: Vec<_> = self.releases.values().filter(|r| !r.draft || who == Who::Writer).collect();
        releases.sort_by_key(|release| std::cmp::Reverse((release.draft, release.created, release.id)));
        releases
    }

    /// The release that `releases/latest` names: the one made so, else the youngest stable one.
    pub(super) fn latest(&self) -> Option<&StoredRelease> {
        let eligible = |release: &&StoredRelease| !release.draft && !release.prerelease;
        let made = self.latest.and_then(|id| self.releases.get(&id)).filter(eligible);
        made.or_else(|| self.releases.values().filter(eligible).max_by_key(|r| (r.created, r.published, r.id)))
    }

    /// The release an asset belongs to, if `who` may see it.
    pub(super) fn holder(&self, asset: u64, who: Who) -> Option<&StoredRelease> {
        let release = self.releases.values().find(|release| release.assets.contains_key(&asset))?;
        self.visible(release.id, who)
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The commit a branch, tag or full hash names.
    pub(super) fn resolve(&self, committish: &str) -> Option<String> {
        if committish == self.default_branch || committish == self.head {
            return Some(self.head.clone());
        }
        let known = |commit: &&Commit| commit.sha == committish;
        self.tags.get(committish).or_else(|| self.tags.values().find(known)).map(|commit| commit.sha.clone())
    }
}

impl StoredRelease {
    /// The last part of its page's address: drafts have none that tells their tag.
    pub(super) fn slug(&self) -> String {
        if self.draft {
            format!("untagged-{}", &short_hash(&format!("draft {}", self.id))[..20])
        } else {
            self.tag.clone()
        }
    }

    pub(super) fn title(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.tag)
    }
}

/// 40 hex digits that depend on the text alone, for the hashes GitHub would make up.
pub(super) fn short_hash(text: &str) -> String {
    let mut hex = Digest::of(text.as_bytes()).hex();
    hex.truncate(40);
    hex
}

/// RFC 3339 to the second, as GitHub writes times.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
