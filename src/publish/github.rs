//! GitHub Releases: find or draft, upload what is missing, read back, make public, confirm as an anonymous reader.
//!
//! Every stage starts from what the server says, never from what an earlier run remembers. The API:
//! <https://docs.github.com/rest/releases>.

mod answer;
pub mod api;
pub mod assets;
mod confirm;
pub mod model;
mod notes;
pub mod observe;
mod release;
#[cfg(test)]
mod tests;
pub mod visibility;

use self::api::Api;
use self::confirm::Done;
use self::model::{Asset, Release};
use self::observe::{Moment, Start};
use super::Order;
use super::failure::Failure;
use super::ledger::Ledger;
use crate::artifact::File;
use crate::plan::{self, Destination, GithubDestination, ReleasePage};
use crate::receipt::{Outcome, Receipt};
use crate::world::clock;
use crate::world::patience::Pace;
use crate::world::store::Store;
use crate::world::terminal::Printer;

/// One destination, observed and ready to be written to.
pub struct Site<'a> {
    api: Api<'a>,
    destination: &'a Destination,
    github: &'a GithubDestination,
    commit: &'a str,
    store: &'a Store,
    releases: Vec<Release>,
    jobs: Vec<(Job<'a>, Start)>,
}

impl Site<'_> {
    /// Whether everybody can read the repository; nothing if GitHub does not say.
    pub async fn is_public(&self) -> Option<bool> {
        visibility::is_public(&self.api).await
    }
}

/// One release to be made.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    release: &'a plan::Release,
    page: &'a ReleasePage,
    files: Vec<Wanted<'a>>,
    /// Names of what the parts of the plan tell each other there.
    papers: Vec<String>,
}

/// One file to be published.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    step: &'a str,
    file: &'a File,
}

/// Looks at everything, writes nothing: what is there, whether the tags are right, whether the bytes are still ours.
/// Releases that are known by number are there, whatever the list says: GitHub shows a new one only after a while.
///
/// # Errors
/// If nothing at all can be observed on this machine. What the server or the plan is to blame for is in the list.
pub async fn prepare<'a>(
    printer: &'a Printer,
    order: &'a Order<'a>,
    destination: &'a Destination,
    pace: Option<Pace>,
    known: &[Release],
) -> anyhow::Result<Result<Site<'a>, Vec<Failure>>> {
    let plan::DestinationKind::Github(github) = &destination.kind else {
        anyhow::bail!("`{}` is no GitHub destination", destination.name);
    };
    let endpoint = super::endpoint(order, &destination.name)?;
    let pace = pace.unwrap_or_else(|| Pace::of(&endpoint.api));
    let api = Api::new(printer, destination, github, endpoint, pace)?;
    let (commit, store) = (order.plan.commit.as_str(), order.store);
    let mut site = Site { api, destination, github, commit, store, releases: Vec::new(), jobs: Vec::new() };
    let jobs = jobs(printer, order, destination, github)?;
    if jobs.is_empty() {
        return Ok(Ok(site));
    }
    let _progress = printer.start("Observing", format!("{} on {}", github.repository, site.api.host()));
    let mut failures: Vec<Failure> = jobs.iter().flat_map(observe::limits).collect();
    match observe::releases(&site.api).await {
        Ok(releases) => site.releases = observe::with_known(releases, known),
        Err(failure) => {
            failures.push(failure);
            return Ok(Err(failures));
        }
    }
    for job in jobs {
        let is_known = known.iter().any(|release| release.tag_name == job.release.tag);
        let moment = if is_known { Moment::Last } else { Moment::First };
        match observe::start(&site, &job, moment).await {
            Ok(start) => site.jobs.push((job, start)),
            Err(more) => failures.extend(more),
        }
    }
    Ok(if failures.is_empty() { Ok(site) } else { Err(failures) })
}

/// Does what is missing and reads it back, one release after the other.
///
/// # Errors
/// If the ledger cannot be written.
pub async fn carry_out(site: &Site<'_>, ledger: &mut Ledger) -> anyhow::Result<Vec<Failure>> {
    let mut failures = Vec::new();
    for (job, start) in &site.jobs {
        let filled = match fill_one(site, ledger, job, start).await? {
            Ok(filled) => open_one(site, ledger, filled).await?,
            Err(failure) => Err(failure),
        };
        let Err(failure) = filled else { continue };
        // The same server and the same token wait for the next release.
        let hopeless = matches!(failure, Failure::Denied(_) | Failure::Retry { .. });
        failures.push(failure);
        if hopeless {
            break;
        }
    }
    Ok(failures)
}

/// Makes the draft of a release that has none.
///
/// # Errors
/// If it cannot be made.
pub async fn draft(site: &Site<'_>, tag: &str) -> Result<Option<Release>, Failure> {
    let missing = |(job, start): &&(Job<'_>, Start)| job.release.tag == tag && matches!(start, Start::Create);
    match site.jobs.iter().find(missing) {
        Some((job, _)) => release::create(site, job).await.map(Some),
        None => Ok(None),
    }
}

/// The first half of [`carry_out`]: every file is in its release; what was a draft stays one.
///
/// # Errors
/// If the ledger cannot be written.
pub async fn fill<'a>(site: &Site<'a>, ledger: &mut Ledger) -> anyhow::Result<Result<Vec<Filled<'a>>, Vec<Failure>>> {
    let mut all = Vec::new();
    for (job, start) in &site.jobs {
        match fill_one(site, ledger, job, start).await? {
            Ok(filled) => all.push(filled),
            Err(failure) => return Ok(Err(vec![failure])),
        }
    }
    Ok(Ok(all))
}

/// The second half, perhaps an hour later: makes public what somebody else has not made public in the meantime, after one
/// more look at its files.
///
/// # Errors
/// If the ledger cannot be written.
pub async fn open<'a>(
    site: &mut Site<'a>,
    ledger: &mut Ledger,
    filled: Vec<Filled<'a>>,
) -> anyhow::Result<Vec<Failure>> {
    if filled.iter().any(|one| one.release.draft) {
        match observe::releases(&site.api).await {
            Ok(releases) => site.releases = releases,
            Err(failure) => return Ok(vec![failure]),
        }
    }
    for mut one in filled {
        if one.release.draft {
            match observe::again(&site.api, &one.release).await {
                Ok(release) => one.release = release,
                Err(failure) => return Ok(vec![failure]),
            }
            one.finished = !one.release.draft;
        }
        if one.release.draft {
            match assets::read_back(site, ledger, &one.job, &one.release, one.parcels).await? {
                Ok(parcels) => one.parcels = parcels,
                Err(failure) => return Ok(vec![failure]),
            }
        }
        if let Err(failure) = open_one(site, ledger, one).await? {
            return Ok(vec![failure]);
        }
    }
    Ok(Vec::new())
}

/// A release that holds all its files.
pub struct Filled<'a> {
    job: Job<'a>,
    release: Release,
    outcome: Outcome,
    parcels: Vec<Parcel<'a>>,
    /// Whether it is public with all of them, and not by us.
    finished: bool,
}

/// One release from where it stands until it holds its files. The outer error is ours, the inner one is the release's.
async fn fill_one<'a>(
    site: &Site<'a>,
    ledger: &mut Ledger,
    job: &Job<'a>,
    start: &Start,
) -> anyhow::Result<Result<Filled<'a>, Failure>> {
    let (release, outcome) = match start {
        Start::Finished(release) => {
            let parcels = job.files.iter().map(|wanted| Parcel::found(*wanted)).collect();
            let (job, release) = (job.clone(), release.clone());
            return Ok(Ok(Filled { job, release, outcome: Outcome::AlreadyThere, parcels, finished: true }));
        }
        Start::Fill(release) | Start::Extend(release) => (release.clone(), Outcome::AlreadyThere),
        Start::Create => match release::create(site, job).await {
            Ok(release) => (release, Outcome::Published),
            Err(failure) => return Ok(Err(failure)),
        },
    };
    ledger.record([site.release_receipt(job, &release, outcome, None)])?;
    let parcels = assets::complete(site, ledger, job, &release).await?;
    Ok(parcels.map(|parcels| Filled { job: job.clone(), release, outcome, parcels, finished: false }))
}

/// Makes a release public and confirms it.
async fn open_one(site: &Site<'_>, ledger: &mut Ledger, filled: Filled<'_>) -> anyhow::Result<Result<(), Failure>> {
    let Filled { job, release, outcome, parcels, finished } = filled;
    let tag = &job.release.tag;
    if finished {
        site.api.printer.step("Unchanged", format!("{tag} is published: {}", release.html_url));
        let state = confirm::State { release: &release, parcels, done: Done::Nothing };
        return confirm::run(site, ledger, &job, state).await;
    }
    if site.github.draft && release.draft {
        ledger.record([site.release_receipt(&job, &release, outcome, Some("digest"))])?;
        site.api.printer.step("Drafted", format!("{tag}, ready for you to publish: {}", release.html_url));
        return Ok(Ok(()));
    }
    let (release, done) = if release.draft {
        match release::publish(site, &job, &release).await {
            Ok(release) => (release, Done::Published),
            Err(failure) => return Ok(Err(failure)),
        }
    } else {
        (release, Done::Filled)
    };
    ledger.record([site.release_receipt(&job, &release, Outcome::Published, None)])?;
    confirm::run(site, ledger, &job, confirm::State { release: &release, parcels, done }).await
}

/// One file that lies there.
#[derive(Clone, Debug)]
pub struct Parcel<'a> {
    wanted: Wanted<'a>,
    outcome: Outcome,
    /// Whether its bytes were downloaded and hashed in this run.
    hashed: bool,
}

impl<'a> Parcel<'a> {
    fn found(wanted: Wanted<'a>) -> Self {
        Self { wanted, outcome: Outcome::AlreadyThere, hashed: false }
    }

    /// How its equality was established.
    fn evidence(&self) -> &'static str {
        if self.hashed { "download" } else { "digest" }
    }
}

impl Site<'_> {
    /// Whether it is this destination.
    pub fn is(&self, destination: &Destination) -> bool {
        self.destination.name == destination.name
    }

    fn receipt(&self, job: &Job<'_>, parcel: &Parcel<'_>, asset: Option<&Asset>, confirmed: bool) -> Receipt {
        Receipt {
            destination: self.destination.name.clone(),
            tag: job.release.tag.clone(),
            name: parcel.wanted.file.name.clone(),
            sha256: Some(parcel.wanted.file.sha256),
            size: Some(parcel.wanted.file.size),
            url: asset.map(|asset| asset.browser_download_url.clone()),
            outcome: parcel.outcome,
            confirmed_by: confirmed.then(|| parcel.evidence().to_owned()),
            at: clock::now(),
        }
    }

    fn release_receipt(&self, job: &Job<'_>, release: &Release, outcome: Outcome, by: Option<&str>) -> Receipt {
        Receipt {
            destination: self.destination.name.clone(),
            tag: job.release.tag.clone(),
            name: "release".into(),
            sha256: None,
            size: None,
            url: Some(release.html_url.clone()),
            outcome,
            confirmed_by: by.map(str::to_owned),
            at: clock::now(),
        }
    }
}

/// The releases this destination takes, each with its page and its files in the plan's order.
fn jobs<'a>(
    printer: &Printer,
    order: &'a Order<'a>,
    destination: &'a Destination,
    github: &'a GithubDestination,
) -> anyhow::Result<Vec<Job<'a>>> {
    let mut jobs = Vec::new();
    for release in &order.plan.releases {
        if !super::is_wanted(printer, destination, release) {
            continue;
        }
        let page = github.pages.iter().find(|page| page.tag == release.tag);
        let page = page.ok_or_else(|| anyhow::anyhow!("the plan has no page for the release `{}`", release.tag))?;
        let files = super::files(order, destination, release)?;
        jobs.push(Job { release, page, files, papers: super::meeting::papers(order.plan, release) });
    }
    Ok(jobs)
}

impl<'a> Wanted<'a> {
    /// A file of a step.
    pub fn new(step: &'a str, file: &'a File) -> Self {
        Self { step, file }
    }

    /// The step that made it.
    pub fn step(&self) -> &'a str {
        self.step
    }

    /// Its record.
    pub fn file(&self) -> &'a File {
        self.file
    }
}
