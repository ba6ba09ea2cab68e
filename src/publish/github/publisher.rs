//! The releases of a plan at one repository, phase by phase.

use std::fs;

use super::assets::Uploader;
use super::entry::{Done, Entry, PlannedRelease, Start, There};
use super::list::fetch;
use super::model::GithubRelease;
use super::observe::{self, Moment};
use super::read_back::read_back;
use super::repository::Repository;
use super::standing::standing;
use super::{compare, confirm, release};
use crate::artifact::File;
use crate::digest::Digest;
use crate::plan::{Destination, GithubDestination, Step};
use crate::publish::coordination::names;
use crate::publish::failure::{Failure, Failures};
use crate::publish::ledger::Ledger;
use crate::publish::publisher::{Doing, Kind, Phase, Promised, Publisher};
use crate::publish::run::Run;
use crate::publish::verified::Verified;
use crate::receipt::Outcome;

struct ReleasePublisher<'a> {
    repository: Repository<'a>,
    planned: Vec<PlannedRelease<'a>>,
    /// Releases that are there, whatever the list says: GitHub shows a new one only after a while.
    known: Vec<GithubRelease>,
    /// The phase in which its releases are made public.
    opening: Phase,
    observed: Vec<(PlannedRelease<'a>, Start)>,
    entries: Vec<Entry<'a>>,
}

impl Kind for GithubDestination {
    fn publisher<'a>(
        &'a self,
        run: Run<'a>,
        destination: &'a Destination,
    ) -> Result<Box<dyn Publisher + 'a>, Failures> {
        let repository = Repository::new(run, destination, self)?;
        let shared = run.plan.coordination().is_some_and(|(place, _)| place.name == destination.name);
        let mut planned = Vec::new();
        for release in run.releases(destination) {
            let page = self.pages.iter().find(|page| page.tag == release.tag);
            let page = page
                .ok_or_else(|| anyhow::anyhow!("the plan has no title and notes for the release `{}`", release.tag))?;
            let told = if shared { names::told(run.plan, release) } else { Vec::new() };
            planned.push(PlannedRelease { release, page, files: run.files(destination, release), told });
        }
        Ok(Box::new(ReleasePublisher {
            repository,
            planned,
            known: if shared { run.known.to_vec() } else { Vec::new() },
            opening: if shared { Phase::SharedReleases } else { Phase::Releases },
            observed: Vec::new(),
            entries: Vec::new(),
        }))
    }

    fn receipt_names(&self, _: &Step, files: &[File]) -> Vec<(String, Digest)> {
        files.iter().map(|file| (file.name.clone(), file.sha256)).collect()
    }
}

impl<'a> ReleasePublisher<'a> {
    async fn look(&mut self) -> Result<(), Failures> {
        if self.planned.is_empty() {
            return Ok(());
        }
        let api = &self.repository.api;
        let _progress = api.printer.start("Observing", format!("{} on {}", api.repository, api.host()));
        let mut failures: Vec<Failure> = self.planned.iter().flat_map(observe::limits).collect();
        match observe::releases(api).await {
            Ok(releases) => self.repository.releases = observe::with_known(releases, &self.known),
            Err(failure) => {
                failures.push(failure);
                return Failures::of(failures);
            }
        }
        for planned in &self.planned {
            let is_known = self.known.iter().any(|release| release.tag_name == planned.tag());
            let moment = if is_known { Moment::Last } else { Moment::First };
            match observe::start(&self.repository, planned, moment).await {
                Ok(start) => self.observed.push((planned.clone(), start)),
                Err(failure) => failures.push(failure),
            }
        }
        Failures::of(failures)
    }

    async fn compare(&mut self, verified: Verified<'_>) -> Result<(), Failures> {
        let mut failures = Vec::new();
        for (planned, start) in std::mem::take(&mut self.observed) {
            match compare::compare(&self.repository, planned, start, verified).await {
                Ok(entry) => self.entries.push(entry),
                Err(more) => failures.extend(more),
            }
        }
        Failures::of(failures)
    }

    /// Makes public what has not been made public in the meantime, perhaps an hour after it was filled.
    async fn open(&mut self, ledger: &mut Ledger) -> Result<(), Failures> {
        let Self { repository, entries, .. } = self;
        if entries.iter().filter_map(|entry| entry.there.as_ref()).any(There::is_hidden) {
            repository.releases = observe::releases(&repository.api).await?;
        }
        each(entries, async |entry| open(repository, entry, ledger).await).await
    }
}

/// Does the same for every release, unless the next one would only meet the failure again: the same server and the same
/// token wait for it.
async fn each<'a>(
    entries: &mut [Entry<'a>],
    mut act: impl AsyncFnMut(&mut Entry<'a>) -> Result<(), Failure>,
) -> Result<(), Failures> {
    let mut failures = Vec::new();
    for entry in entries {
        let Err(failure) = act(entry).await else { continue };
        let is_hopeless = matches!(failure, Failure::Denied(_) | Failure::Retry { .. });
        failures.push(failure);
        if is_hopeless {
            break;
        }
    }
    Failures::of(failures)
}

/// One release from where it stands until it holds its files.
async fn fill(repository: &Repository<'_>, entry: &mut Entry<'_>, ledger: &mut Ledger) -> Result<(), Failure> {
    let Entry { planned, start, files, there } = entry;
    let (release, outcome) = match start {
        Start::Finished(release) => {
            let (release, done) = (release.clone(), Some(Done::Nothing));
            *there = Some(There { release, outcome: Outcome::AlreadyThere, done });
            return Ok(());
        }
        Start::Fill(release) | Start::Extend(release) => (release.clone(), Outcome::AlreadyThere),
        Start::Create => (release::create(repository, planned.release, planned.page).await?, Outcome::Published),
    };
    ledger.record([repository.receipt(planned.release, &release, outcome, None)])?;
    Uploader { repository, planned, release: &release }.complete(files, ledger).await?;
    *there = Some(There { release, outcome, done: None });
    Ok(())
}

/// Reads a release back that is not public by us or by others.
async fn look_back(repository: &Repository<'_>, entry: &mut Entry<'_>, ledger: &mut Ledger) -> Result<(), Failure> {
    let Entry { planned, files, there, .. } = entry;
    let Some(there) = there.as_ref().filter(|there| there.done.is_none()) else { return Ok(()) };
    read_back(repository, planned, files, &there.release, ledger).await
}

/// One release from holding its files until it is public.
async fn open(repository: &Repository<'_>, entry: &mut Entry<'_>, ledger: &mut Ledger) -> Result<(), Failure> {
    let Entry { planned, files, there: Some(there), .. } = entry else { return Ok(()) };
    let (printer, tag) = (repository.api.printer, planned.tag());
    if there.is_hidden() {
        there.release = observe::again(&repository.api, &there.release).await?;
        if !there.release.draft {
            there.done = Some(Done::Nothing);
        } else if !files.iter().all(|file| file.is_known(&there.release.assets)) {
            read_back(repository, planned, files, &there.release, ledger).await?;
        }
    }
    if there.done == Some(Done::Nothing) {
        printer.step("Unchanged", format!("{tag} is published: {}", there.release.html_url));
        return Ok(());
    }
    if !there.release.draft {
        there.done = Some(Done::Filled);
    } else if repository.github.draft {
        ledger.record([repository.receipt(planned.release, &there.release, there.outcome, Some("digest"))])?;
        printer.step("Drafted", format!("{tag}, ready for you to publish: {}", there.release.html_url));
        return Ok(());
    } else {
        there.release = release::publish(repository, planned, &there.release).await?;
        there.done = Some(Done::Published);
    }
    ledger.record([repository.receipt(planned.release, &there.release, Outcome::Published, None)])
}

impl Publisher for ReleasePublisher<'_> {
    fn observe(&mut self) -> Doing<'_> {
        Box::pin(self.look())
    }

    fn takes_part(&self, phase: Phase) -> bool {
        matches!(phase, Phase::Compare | Phase::Drafts) || phase == self.opening
    }

    fn advance<'s>(&'s mut self, phase: Phase, verified: Verified<'s>, ledger: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move {
            let Self { repository, entries, .. } = self;
            match phase {
                Phase::Compare => self.compare(verified).await,
                Phase::Drafts => each(entries, async |entry| fill(repository, entry, ledger).await).await,
                _ => self.open(ledger).await,
            }
        })
    }

    fn confirm<'s>(&'s mut self, phase: Phase, ledger: &'s mut Ledger) -> Doing<'s> {
        Box::pin(async move {
            let Self { repository, entries, .. } = self;
            if phase == Phase::Drafts {
                return each(entries, async |entry| look_back(repository, entry, ledger).await).await;
            }
            each(entries, async |entry| confirm::confirm(repository, entry, ledger).await).await
        })
    }

    fn lacks<'s>(&'s self, promised: Verified<'s>) -> Doing<'s, Vec<Promised<'s>>> {
        Box::pin(async move {
            let mut lacking = Vec::new();
            for (planned, start) in &self.observed {
                let assets = start.release().map(|release| release.assets.as_slice()).unwrap_or_default();
                for planned in &planned.files {
                    let file = promised.file(*planned)?;
                    if standing(file, assets).right().is_none() {
                        lacking.push(Promised { step: &planned.step.id, file });
                    }
                }
            }
            Ok(lacking)
        })
    }

    fn fetch<'s>(&'s self, promised: &'s Promised<'s>, to: &'s fs::File) -> Doing<'s, bool, Failure> {
        Box::pin(async move {
            let releases = self.observed.iter().filter_map(|(_, start)| start.release());
            fetch(&self.repository.api, releases, promised, to).await
        })
    }
}
