//! The releases that several workflow files make together, and what each of them has put there.

use std::collections::{BTreeMap, BTreeSet};

use super::announcement::{Announcement, Place};
use super::names::{makers, manifest};
use super::wait::Rhythm;
use crate::artifact::Manifest;
use crate::destination::Existing;
use crate::plan::{Plan, Release, Workflow};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::github::list::{Leftover, list, renamed};
use crate::publish::github::model::{Asset, GithubRelease as Draft};
use crate::publish::github::observe::{Moment, again, check_tag, releases, two_drafts};
use crate::publish::github::repository::Repository;
use crate::publish::order::Order;
use crate::publish::run::Run;
use crate::world::http::{Body, Limited};

/// One workflow file at the releases that it makes together with others.
pub struct Coordination<'a> {
    pub run: Run<'a>,
    /// Our workflow file's share.
    pub workflow: &'a Workflow,
    pub coordinating: &'a Workflow,
    pub repository: Repository<'a>,
    pub rhythm: Rhythm,
    pub releases: Vec<SharedRelease<'a>>,
    /// What was read, by the number of its asset.
    pub announced: BTreeMap<u64, Announcement>,
    /// How many requests it takes to list all releases.
    pub pages: u32,
    /// The page of this run, where its files can be found.
    pub url: Option<&'a str>,
}

pub struct SharedRelease<'a> {
    pub release: &'a Release,
    pub makers: Vec<&'a Workflow>,
    pub found: Option<Draft>,
}

impl<'a> Coordination<'a> {
    /// Connects nothing yet; nothing if one run publishes all of the plan.
    ///
    /// # Errors
    /// If the plan names no place to coordinate at, or that may not be reached.
    pub fn new(run: Run<'a>, order: &'a Order<'_>) -> Result<Option<Self>, Failure> {
        let plan = run.plan;
        let own = run.workflow.and_then(|share| plan.workflows.iter().find(|workflow| workflow.file == share.file));
        let Some(workflow) = own.filter(|_| plan.workflows.len() > 1) else { return Ok(None) };
        let place =
            plan.coordination().and_then(|(place, coordinating)| Some((place, place.kind.github()?, coordinating)));
        let Some((destination, github, coordinating)) = place else {
            let text =
                "several workflow files publish this, but there is no `github` destination to coordinate through";
            let hint = "plan again: `longshore plan` says what is missing";
            return Err(Failure::Refused(Problem::new("no-coordination", text).hint(hint)));
        };
        if let Some(problem) = misnamed(plan) {
            return Err(Failure::Refused(problem));
        }
        let repository = Repository::new(run, destination, github)?;
        let taken = plan.releases.iter().filter(|release| destination.when.takes(release.prerelease));
        let shared =
            taken.map(|release| SharedRelease { release, makers: makers(plan, coordinating, release), found: None });
        let releases = shared.filter(|shared| shared.makers.iter().any(|maker| maker.file == workflow.file)).collect();
        let rhythm = Rhythm::new(repository.api.patience.pace(), order.wait);
        let (announced, url) = (BTreeMap::new(), order.run.as_deref());
        Ok(Some(Self { run, workflow, coordinating, repository, rhythm, releases, announced, pages: 1, url }))
    }

    /// Whether another run of this file has promised something else in the meantime.
    pub async fn is_overtaken(&mut self, own: &Manifest) -> bool {
        matches!(self.observe().await, Ok(Some(promised)) if promised.manifest != *own)
    }

    pub fn known(&self) -> Vec<Draft> {
        self.releases.iter().filter_map(|shared| shared.found.clone()).collect()
    }

    /// Whether this run publishes to where they coordinate.
    pub fn publishes_here(&self) -> bool {
        self.run.destinations.contains(&self.repository.destination.name)
    }

    /// Looks at what is there, writes nothing. Returns what stands for this file if it coordinated with the others before.
    ///
    /// # Errors
    /// If a release, a tag or a manifest of another file is not of this plan.
    pub async fn observe(&mut self) -> Result<Option<Announcement>, Failure> {
        let printer = self.run.printer;
        let _progress = printer.start("Observing", format!("who makes {} with us", self.tags()));
        if self.releases.iter().any(|shared| shared.found.is_none()) {
            self.repository.releases = releases(&self.repository.api).await?;
            self.pages = u32::try_from(self.repository.releases.len() / 100).unwrap_or(0) + 1;
        }
        let looks_there = self.publishes_here();
        let api = &self.repository.api;
        for shared in &mut self.releases {
            let tag = &shared.release.tag;
            let mut moment = Moment::First;
            shared.found = match shared.found.take() {
                Some(known) => Some(again(api, &known).await?),
                None => pick(tag, &self.repository.releases)?.cloned(),
            };
            if let Some(found) = &mut shared.found {
                moment = Moment::Last;
                found.assets = api.patience.retry(async |_| list(api, found.id).await).await?;
            }
            // The GitHub publisher checks the tag with everything else.
            if !looks_there {
                check_tag(api, tag, &self.run.plan.commit, moment).await?;
            }
        }
        self.read().await?;
        let own = manifest(self.workflow);
        for found in self.releases.iter().filter_map(|shared| shared.found.as_ref()) {
            match there(found, &own) {
                Some(asset) => return Ok(self.announced.get(&asset.id).cloned()),
                None => self.may_join(found)?,
            }
        }
        Ok(None)
    }

    /// Whether something may still be added to a release.
    pub fn may_join(&self, found: &Draft) -> Result<(), Failure> {
        if found.draft || self.repository.github.existing == Existing::Any && found.immutable != Some(true) {
            return Ok(());
        }
        let message = format!("`{}` was published without what `{}` publishes", found.tag_name, self.workflow.file);
        let hint = "it was published before all workflow files had finished: release the next version";
        Err(Failure::Conflict(Problem::new("release-published", message).hint(hint)))
    }

    /// Reads every manifest there that was not read yet.
    ///
    /// # Errors
    /// If it cannot be read, or is of another plan.
    pub async fn read(&mut self) -> Result<(), Failure> {
        let api = &self.repository.api;
        for shared in &self.releases {
            let Some(release) = &shared.found else { continue };
            for workflow in &shared.makers {
                let Some(asset) = there(release, &manifest(workflow)) else { continue };
                if self.announced.contains_key(&asset.id) {
                    continue;
                }
                let place = Place { api, release, asset, workflow };
                let announcement = place.read(self.run.plan, &self.content(&place).await?)?;
                self.announced.insert(asset.id, announcement);
            }
        }
        Ok(())
    }

    /// What another workflow file has put there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn content(&self, place: &Place<'_>) -> Result<Vec<u8>, Failure> {
        place.fits()?;
        let (api, asset) = (&self.repository.api, place.asset);
        let read = async |_| {
            let mut bytes = Vec::new();
            api.download(asset.id, &mut Limited::new(&mut bytes, asset.size)).await.map(|()| bytes)
        };
        api.patience.retry(read).await
    }

    /// Puts something into a release if it is not there, and says whether it was not. What another run of this workflow
    /// file has put there stands.
    ///
    /// # Errors
    /// If it cannot be put there.
    pub async fn put(&mut self, at: usize, name: &str, bytes: &[u8]) -> Result<bool, Failure> {
        let api = &self.repository.api;
        let Some(found) = &mut self.releases[at].found else { return Ok(false) };
        if there(found, name).is_some() {
            return Ok(false);
        }
        let _progress = api.printer.start("Uploading", format!("{name} for {}", found.tag_name));
        let mut leftover = Leftover::default();
        let put = api.patience.retry(async |_| {
            let assets = list(api, found.id).await?;
            match assets.into_iter().find(|asset| asset.name == name) {
                Some(asset) if asset.state == "uploaded" => return Ok(asset),
                Some(asset) => leftover.clear(api, &asset).await?,
                None => {}
            }
            let body = Body::Bytes { bytes, media: "application/json" };
            leftover.or(api.upload::<Asset>(&found.upload_url, name, body).await)
        });
        let asset = put.await?;
        if asset.name != name {
            return Err(renamed(name, &asset.name));
        }
        found.assets.retain(|other| other.name != asset.name);
        found.assets.push(asset);
        Ok(true)
    }

    /// The files that have not put something of this name there.
    pub fn missing(&self, name: fn(&Workflow) -> String) -> Vec<&'a str> {
        let all: BTreeSet<&'a str> = self.releases.iter().flat_map(|shared| shared.missing(name)).collect();
        all.into_iter().collect()
    }

    fn tags(&self) -> String {
        self.releases.iter().map(|shared| shared.release.tag.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl<'a> SharedRelease<'a> {
    /// The files that have not put something of this name there.
    pub fn missing(&self, name: fn(&Workflow) -> String) -> Vec<&'a str> {
        let absent =
            |workflow: &&&Workflow| self.found.as_ref().is_none_or(|found| there(found, &name(workflow)).is_none());
        self.makers.iter().filter(absent).map(|workflow| workflow.file.as_str()).collect()
    }
}

/// A whole file of a release.
pub fn there<'r>(release: &'r Draft, name: &str) -> Option<&'r Asset> {
    release.assets.iter().find(|asset| asset.name == name && asset.state == "uploaded")
}

/// The release of a tag: the public one, else its draft. Of two drafts the older one stands while the other is empty, for
/// then whoever made it takes it away.
pub fn pick<'r>(tag: &str, listed: &'r [Draft]) -> Result<Option<&'r Draft>, Failure> {
    let of_tag = || listed.iter().filter(|release| release.tag_name == tag);
    if let Some(published) = of_tag().find(|release| !release.draft) {
        return Ok(Some(published));
    }
    let first = of_tag().min_by_key(|release| release.id);
    let filled: Vec<&Draft> =
        of_tag().filter(|release| Some(release.id) == first.map(|one| one.id) || !release.assets.is_empty()).collect();
    if filled.len() > 1 { Err(two_drafts(tag, &filled)) } else { Ok(first) }
}

/// Two files with one stem would write over each other; other letters GitHub would replace.
fn misnamed(plan: &Plan) -> Option<Problem> {
    let mut stems = BTreeSet::new();
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let bad =
        plan.workflows.iter().find(|workflow| !workflow.stem().chars().all(legal) || !stems.insert(workflow.stem()))?;
    let text = format!(
        "`{}` cannot coordinate with the other workflow files: its name becomes part of an asset name",
        bad.file
    );
    let hint = "use only `A-Z a-z 0-9 . _ -` in names of workflow files, and give each its own name";
    Some(Problem::new("coordination-name", text).hint(hint))
}
