//! Publishes a manifest: observe, do what is missing, read back. Repeating it finishes it.

mod failure;
#[expect(clippy::result_large_err, reason = "a failure ends a request or the run; its size costs nothing")]
mod github;
mod ledger;
#[expect(clippy::result_large_err, reason = "a failure ends a request or the run; its size costs nothing")]
mod meeting;
mod promise;
pub mod pypi;
mod registry;
mod upload;

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use self::failure::together;
use self::github::Wanted;
use self::ledger::Ledger;
use self::meeting::{Meeting, adopt, said};
use crate::artifact::Manifest;
use crate::destination::When;
use crate::oci::registry::Registries;
use crate::plan::{Destination, DestinationKind, Part, Plan, Release, Step};
use crate::problem::{Failure, Problem};
use crate::receipt::Receipts;
use crate::secret::Secret;
use crate::wheel::DistributionName;
use crate::world::http::{self, is_loopback};
use crate::world::patience::Pace;
use crate::world::store::Store;
use crate::world::terminal::Printer;

/// How often a run starts anew because another run of its part was quicker.
const ROUNDS: usize = 5;

/// Where destinations are reached, by destination name. A destination is a URL.
pub type Endpoints = BTreeMap<String, Endpoint>;

/// Indexes of Python packages by destination name, with what may be presented for each distribution.
pub type Indexes = BTreeMap<String, (pypi::Index, BTreeMap<DistributionName, pypi::Credential>)>;

/// How one destination is reached.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Base of its API, e.g. `https://api.github.com/` or `https://ghes.example/api/v3/`.
    pub api: Url,
    /// What may be presented to it.
    pub token: Option<Secret>,
}

/// What is to be published.
#[derive(Clone)]
pub struct Order<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The part whose share of it is published; nothing for all of it.
    pub part: Option<&'a Part>,
    /// Its verified artifacts.
    pub manifest: &'a Manifest,
    /// Where the bytes lie; the ledger is written there too.
    pub store: &'a Store,
    /// Where to.
    pub endpoints: &'a Endpoints,
    /// How registries of images are reached.
    pub registries: &'a Registries,
    /// How indexes of Python packages are reached, by destination name.
    pub indexes: &'a Indexes,
    /// Names of the destinations to publish to, in order.
    pub destinations: Vec<String>,
    /// How long each wait for another part may take.
    pub wait: Duration,
    /// The page of the run that carries this out, for whoever has to look for its bytes.
    pub run: Option<String>,
}

impl Order<'_> {
    /// Whether a step's files are published to a destination.
    fn takes(&self, destination: &str, step: &Step) -> bool {
        match self.part {
            Some(part) => part.publishes(destination, step),
            None => step.publish.iter().any(|name| name == destination),
        }
    }
}

/// Publishes and confirms.
///
/// Everything is observed first, at every destination; only if nothing stands in the way, anything is written. Dropping
/// the future is safe at any time: the next run starts from what the destinations hold.
///
/// # Errors
/// `Failure` with exit 2, 4, 5 or 6 (1 for an answer that nobody understands); the ledger in the store holds what was
/// observed until then.
pub async fn run(printer: &Printer, order: &Order<'_>) -> anyhow::Result<Receipts> {
    run_at(printer, order, None).await
}

/// The same at another pace than the destinations' own.
///
/// # Errors
/// As [`run`].
pub async fn run_at(printer: &Printer, order: &Order<'_>, pace: Option<Pace>) -> anyhow::Result<Receipts> {
    destinations(order)?;
    let mut ledger = Ledger::new(order.store, order.plan.digest());
    // What an earlier run saw is not what this one sees.
    ledger.record([])?;
    let Some(mut meeting) = Meeting::new(printer, order, pace)? else {
        carry_out(printer, order, pace, (None, &mut ledger)).await?;
        return Ok(ledger.finish());
    };
    for _ in 0..ROUNDS {
        let promised = meeting.observe().await.map_err(said)?;
        let is_first = promised.is_none();
        let adopted = adopt::adopt(&meeting, order, promised, pace).await?;
        let promised = adopted.as_ref().map_or_else(|| order.clone(), |adopted| adopted.order(order));
        match carry_out(printer, &promised, pace, (Some(&mut meeting), &mut ledger)).await {
            Ok(true) => return Ok(ledger.finish()),
            Ok(false) => {}
            Err(error) => {
                // Another run of this file may have promised and published between two looks: what it promised stands.
                let promised = if is_first { meeting.observe().await.ok().flatten() } else { None };
                if promised.is_none_or(|paper| paper.manifest == *order.manifest) {
                    return Err(error);
                }
            }
        }
    }
    anyhow::bail!("other runs of this workflow file come between again and again")
}

/// Everything of one order, observed and ready to be written to.
struct Sites<'a> {
    pages: Vec<github::Site<'a>>,
    registries: Vec<registry::Site<'a>>,
    indexes: Vec<pypi::Site<'a>>,
}

/// Observes and publishes. Where parts meet, this may be long after the observation; then it says no, to be called again
/// with fresh eyes.
async fn carry_out(
    printer: &Printer,
    order: &Order<'_>,
    pace: Option<Pace>,
    (mut meeting, ledger): (Option<&mut Meeting<'_>>, &mut Ledger),
) -> anyhow::Result<bool> {
    let parcels = upload::parcels(printer, order, &destinations(order)?)?;
    let uploads: Vec<_> = parcels.iter().map(upload::Parcels::uploads).collect();
    let known = meeting.as_ref().map(|meeting| meeting.known()).unwrap_or_default();
    let mut sites = prepare(printer, order, pace, (&parcels, &uploads), &known).await?;
    if sites.registries.iter().any(registry::Site::depends_on_visibility) {
        let public = match (sites.pages.first(), &meeting) {
            (Some(page), _) => page.is_public().await,
            (None, Some(meeting)) => meeting.is_public().await,
            (None, None) => None,
        };
        sites.registries.iter_mut().for_each(|site| site.know(public));
    }
    if let Some(meeting) = &mut meeting
        && !meeting.gather(&sites.pages, order.manifest).await.map_err(said)?
    {
        return Ok(false);
    }
    let all = match meeting {
        Some(meeting) => {
            let filled = meeting.fill(&sites.pages, ledger).await?;
            first(&sites, ledger).await?;
            meeting.finish(&mut sites, filled, ledger).await?
        }
        None => {
            first(&sites, ledger).await?;
            let mut failures = Vec::new();
            for site in &sites.pages {
                failures.extend(github::carry_out(site, ledger).await?);
            }
            stop(failures)?;
            true
        }
    };
    let mut failures = Vec::new();
    for site in sites.registries.iter().filter(|_| all) {
        failures.extend(registry::float(site, ledger).await?);
    }
    stop(failures)?;
    Ok(true)
}

/// Looks at every destination.
async fn prepare<'a>(
    printer: &'a Printer,
    order: &'a Order<'a>,
    pace: Option<Pace>,
    (parcels, uploads): (&'a [upload::Parcels<'a>], &'a [Vec<pypi::Upload<'a>>]),
    known: &[github::model::Release],
) -> anyhow::Result<Sites<'a>> {
    let mut sites = Sites { pages: Vec::new(), registries: Vec::new(), indexes: Vec::new() };
    let mut failures = Vec::new();
    for destination in destinations(order)? {
        match &destination.kind {
            DestinationKind::Github(_) => {
                let known = if meets_at(order.plan, destination) { known } else { &[] };
                match github::prepare(printer, order, destination, pace, known).await? {
                    Ok(site) => sites.pages.push(site),
                    Err(more) => failures.extend(more),
                }
            }
            DestinationKind::Pypi(_) => {}
            DestinationKind::Registry(_) => match registry::prepare(printer, order, destination).await? {
                Ok(site) => sites.registries.push(site),
                Err(more) => failures.extend(more),
            },
        }
    }
    for (parcels, uploads) in parcels.iter().zip(uploads) {
        match pypi::prepare(printer, parcels.index, parcels.credentials, uploads, pace).await {
            Ok(site) => sites.indexes.push(site),
            Err(more) => failures.extend(more),
        }
    }
    stop(failures)?;
    Ok(sites)
}

/// What comes before the releases: what nobody sees yet, fixed tags, packages.
async fn first(sites: &Sites<'_>, ledger: &mut Ledger) -> anyhow::Result<()> {
    let mut failures = Vec::new();
    for site in &sites.registries {
        failures.extend(registry::push(site).await?);
    }
    stop(std::mem::take(&mut failures))?;
    for site in &sites.registries {
        failures.extend(registry::fix(site, ledger).await?);
    }
    stop(failures)?;
    // A file on an index is there for ever, so it comes after what can be taken back.
    for site in &sites.indexes {
        let failed = pypi::upload(site).await;
        if !failed.is_empty() {
            ledger.record(pypi::remains(site).await)?;
            stop(failed)?;
        }
        match pypi::confirm(site).await {
            Ok(receipts) => ledger.record(receipts)?,
            Err(failed) => stop(failed)?,
        }
    }
    Ok(())
}

fn meets_at(plan: &Plan, destination: &Destination) -> bool {
    plan.meeting().is_some_and(|(place, _)| place.name == destination.name)
}

fn stop(failures: Vec<failure::Failure>) -> anyhow::Result<()> {
    together(failures).map_or(Ok(()), |failure| Err(failure.into()))
}

/// The plan's destinations to publish to, after everything was refused that a glance at the plan refuses.
fn destinations<'a>(order: &'a Order<'_>) -> anyhow::Result<Vec<&'a Destination>> {
    let refuse = |code, message: String, hint: &str| Failure::usage(Problem::new(code, message).hint(hint));
    let plan = order.plan;
    let takes = |step: &Step| order.destinations.iter().any(|name| order.takes(name, step));
    if let Some(problem) = promise::broken(plan, order.manifest, takes) {
        return Err(Failure::usage(problem.hint("run `longshore verify` for this plan")).into());
    }
    let mut chosen = Vec::new();
    for name in &order.destinations {
        let Some(destination) = plan.destinations.iter().find(|destination| destination.name == *name) else {
            let known: Vec<&str> = plan.destinations.iter().map(|destination| destination.name.as_str()).collect();
            let message = format!("the plan has no destination `{name}`");
            return Err(refuse("unknown-destination", message, &format!("it has: {}", known.join(", "))).into());
        };
        let api = match &destination.kind {
            DestinationKind::Github(_) => &endpoint(order, name)?.api,
            DestinationKind::Pypi(_) => &index(order, name)?.0.upload,
            // Each of its images says where it goes.
            DestinationKind::Registry(_) => {
                chosen.push(destination);
                continue;
            }
        };
        reachable(plan, api)?;
        chosen.push(destination);
    }
    Ok(chosen)
}

/// What is not for everybody stays on this machine, and a token is sent nowhere in clear text.
fn reachable(plan: &Plan, api: &Url) -> anyhow::Result<()> {
    let problem = if let Some(reason) = plan.only_loopback().filter(|_| !is_loopback(api)) {
        Problem::new("loopback-only", format!("this plan is not for `{}`: {reason}", http::host(api)))
            .hint("push the tag, or try it with `longshore rehearse`")
    } else if api.scheme() != "https" && !is_loopback(api) {
        Problem::new("endpoint-insecure", format!("`{}` is reached without encryption", http::host(api)))
            .hint("use its `https` address")
    } else {
        return Ok(());
    };
    Err(Failure::usage(problem).into())
}

fn endpoint<'a>(order: &'a Order<'_>, name: &str) -> anyhow::Result<&'a Endpoint> {
    order.endpoints.get(name).ok_or_else(|| anyhow::anyhow!("nobody said where the destination `{name}` is reached"))
}

fn index<'a>(
    order: &'a Order<'_>,
    name: &str,
) -> anyhow::Result<&'a (pypi::Index, BTreeMap<DistributionName, pypi::Credential>)> {
    order.indexes.get(name).ok_or_else(|| anyhow::anyhow!("nobody said where the index `{name}` is reached"))
}

/// Whether a destination takes a release.
fn takes(destination: &Destination, release: &Release) -> bool {
    match destination.when {
        When::Always => true,
        When::Stable => !release.prerelease,
        When::Prerelease => release.prerelease,
    }
}

/// Whether a destination takes a release; said if not.
fn is_wanted(printer: &Printer, destination: &Destination, release: &Release) -> bool {
    let wanted = takes(destination, release);
    if !wanted {
        let kind = if release.prerelease { "a prerelease" } else { "stable" };
        printer.step("Skipping", format!("{} for `{}`: it is {kind}", release.tag, destination.name));
    }
    wanted
}

/// The files of one release for one destination, in the plan's order of steps.
fn files<'a>(order: &Order<'a>, destination: &Destination, release: &Release) -> anyhow::Result<Vec<Wanted<'a>>> {
    let mut files = Vec::new();
    for step in &order.plan.steps {
        if step.component != release.component || !order.takes(&destination.name, step) {
            continue;
        }
        let artifact = order.manifest.artifacts.iter().find(|artifact| artifact.step == step.id);
        let Some(artifact) = artifact else {
            let problem = Problem::new("manifest-incomplete", format!("the manifest lacks `{}`", step.id));
            return Err(Failure::usage(problem.hint("run `longshore verify` for this plan").step(&step.id)).into());
        };
        files.extend(artifact.files.iter().map(|file| Wanted::new(&artifact.step, file)));
    }
    Ok(files)
}
