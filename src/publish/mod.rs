//! Publishes a manifest: observe, do what is missing, read back. Repeating it finishes it.
#![expect(clippy::result_large_err, reason = "a failure ends a request or the run; its size costs nothing")]

mod command;
mod coordination;
pub mod describe;
mod failure;
mod file;
pub mod github;
pub mod kinds;
mod ledger;
mod order;
mod promise;
mod publisher;
pub mod pypi;
mod registry;
mod run;
mod seen;
mod verified;

use self::coordination::announcement::Announcement;
use self::coordination::gates::Gate;
use self::coordination::recover::{Recovered, recover};
use self::coordination::shared::Coordination;
use self::failure::{Failure, Failures};
use self::kinds::kind;
use self::ledger::Ledger;
pub use self::order::{Destinations, Endpoint, Endpoints, Here, Indexes, Order};
use self::publisher::{Phase, Publisher};
use self::run::Run;
pub use self::seen::Seen;
use self::verified::Verified;
use crate::artifact::Manifest;
use crate::plan::{Destination, Step};
use crate::problem::{self, Problem};
use crate::receipt::Receipts;
use crate::world::patience::Pace;
use crate::world::terminal::Printer;

/// How often a run starts anew because another run of its workflow file was quicker.
const ROUNDS: usize = 5;

/// Publishes and confirms.
///
/// Everything is observed first, at every destination; only if nothing blocks, anything is written. Dropping
/// the future is safe at any time: the next run starts from what the destinations hold.
///
/// # Errors
/// `Failure` with exit 2, 4, 5 or 6 (1 for an unknown answer); the ledger in the store holds what was
/// observed until then.
pub async fn run(printer: &Printer, order: &Order<'_>) -> anyhow::Result<Receipts> {
    run_at(printer, order, None).await
}

/// The same at another pace than the destinations' own.
///
/// # Errors
/// As [`run`].
pub async fn run_at(printer: &Printer, order: &Order<'_>, pace: Option<Pace>) -> anyhow::Result<Receipts> {
    let published = publish(printer, order, pace).await;
    published.map_err(|failures| problem::Failure::from(failures).into())
}

/// Asks every destination, without the coordination of several workflow files, and returns what need not be asked again.
/// Writes nothing and needs nothing that was built: what is refused now would be refused after an hour of building, too.
///
/// # Errors
/// As [`run`].
pub async fn observe(printer: &Printer, to: &Destinations<'_>) -> anyhow::Result<Seen> {
    let nothing = Seen::default();
    let run = Run::new(printer, to, &nothing, None);
    let observed = async {
        let mut publishers = publishers(run, &destinations(run)?)?;
        observed(&mut publishers).await?;
        Ok(Seen::now(publishers.iter().flat_map(|publisher| publisher.seen())))
    };
    observed.await.map_err(|failures: Failures| problem::Failure::from(failures).into())
}

async fn publish(printer: &Printer, order: &Order<'_>, pace: Option<Pace>) -> Result<Receipts, Failures> {
    let run = Run::new(printer, &order.to, &order.seen, pace);
    refuse_broken(run, order.manifest)?;
    let destinations = destinations(run)?;
    let mut ledger = Ledger::new(order.store, run.plan.digest());
    // What an earlier run saw is not what this one sees.
    ledger.record([])?;
    let round = Round { run, destinations, own: Verified { manifest: order.manifest, store: order.store } };
    let mut coordination = Coordination::new(run, order)?;
    for _ in 0..ROUNDS {
        let promised = match &mut coordination {
            Some(coordination) => coordination.observe().await?,
            None => None,
        };
        match round.carry_out(coordination.as_mut(), promised.as_ref(), &mut ledger).await {
            Ok(Ended::Done) => return Ok(ledger.finish()),
            Ok(Ended::Stale) => {}
            Err(failures) => {
                // Another run of this file may have promised and published between two looks: what it promised stands.
                let overtaken = match &mut coordination {
                    Some(coordination) if promised.is_none() => coordination.is_overtaken(order.manifest).await,
                    _ => false,
                };
                if !overtaken {
                    return Err(failures);
                }
            }
        }
    }
    Err(anyhow::anyhow!("gave up: other runs of this workflow file keep changing the draft").into())
}

struct Round<'a> {
    run: Run<'a>,
    destinations: Vec<&'a Destination>,
    /// What this run has built.
    own: Verified<'a>,
}

enum Ended {
    Done,
    /// It is to be tried again with fresh eyes.
    Stale,
}

impl Round<'_> {
    /// Observes and publishes. Where workflow files wait for each other, this may be long after the observation.
    async fn carry_out(
        &self,
        coordination: Option<&mut Coordination<'_>>,
        promised: Option<&Announcement>,
        ledger: &mut Ledger,
    ) -> Result<Ended, Failures> {
        let known = coordination.as_ref().map(|coordination| coordination.known()).unwrap_or_default();
        let mut publishers = publishers(self.run.knowing(&known), &self.destinations)?;
        let mut found: Vec<Failure> = observed(&mut publishers).await.err().into_iter().flatten().collect();
        let promised = promised.filter(|promised| promised.manifest != *self.own.manifest);
        let recovered = match (&coordination, promised) {
            (Some(coordination), Some(promised)) => {
                Failures::of(std::mem::take(&mut found))?;
                Some(recover(coordination, self.own, promised, &publishers).await?)
            }
            _ => None,
        };
        let verified = recovered.as_ref().map_or(self.own, Recovered::verified);
        // Nothing is written yet, so everything is told at once.
        for publisher in publishers.iter_mut().filter(|publisher| publisher.takes_part(Phase::Compare)) {
            found.extend(publisher.advance(Phase::Compare, verified, ledger).await.err().into_iter().flatten());
        }
        Failures::of(found)?;
        advance(&mut publishers, coordination, verified, ledger).await
    }
}

/// Every destination, after everything was refused that a glance at it refuses.
fn publishers<'r>(run: Run<'r>, destinations: &[&'r Destination]) -> Result<Vec<Box<dyn Publisher + 'r>>, Failures> {
    let mut publishers = Vec::new();
    let mut failures = Vec::new();
    for destination in destinations {
        match kind(destination).publisher(run, destination) {
            Ok(publisher) => publishers.push(publisher),
            Err(refused) => failures.extend(refused),
        }
    }
    Failures::of(failures).map(|()| publishers)
}

/// Asks all of them, so that everything is told at once.
async fn observed(publishers: &mut [Box<dyn Publisher + '_>]) -> Result<(), Failures> {
    let mut found = Vec::new();
    for publisher in publishers {
        found.extend(publisher.observe().await.err().into_iter().flatten());
    }
    Failures::of(found)
}

/// Brings all destinations through the phases that write; the first that fails ends it.
async fn advance(
    publishers: &mut [Box<dyn Publisher + '_>],
    mut coordination: Option<&mut Coordination<'_>>,
    verified: Verified<'_>,
    ledger: &mut Ledger,
) -> Result<Ended, Failures> {
    for phase in Phase::ORDER {
        let taking: Vec<_> = publishers.iter_mut().filter(|publisher| publisher.takes_part(phase)).collect();
        if let Some(coordination) = &mut coordination {
            match coordination.before(phase, !taking.is_empty(), verified.manifest, ledger).await? {
                Gate::Open => {}
                Gate::Stale => return Ok(Ended::Stale),
                Gate::Closed => return Ok(Ended::Done),
            }
        }
        for publisher in taking {
            publisher.advance(phase, verified, ledger).await?;
            publisher.confirm(phase, ledger).await?;
        }
    }
    Ok(Ended::Done)
}

/// A manifest that is not what the plan promises is not published.
fn refuse_broken(run: Run<'_>, manifest: &Manifest) -> Result<(), Failure> {
    let takes = |step: &Step| run.destinations.iter().any(|name| run.takes(name, step));
    match promise::broken(run.plan, manifest, takes) {
        Some(problem) => Err(Failure::Refused(problem.hint("run `longshore verify` for this plan"))),
        None => Ok(()),
    }
}

/// The plan's destinations of the names that are published to.
fn destinations(run: Run<'_>) -> Result<Vec<&Destination>, Failure> {
    let plan = run.plan;
    let named = |name: &String| {
        plan.destinations.iter().find(|destination| destination.name == *name).ok_or_else(|| {
            let known: Vec<&str> = plan.destinations.iter().map(|destination| destination.name.as_str()).collect();
            let problem = Problem::new("unknown-destination", format!("the plan has no destination `{name}`"));
            Failure::Refused(problem.hint(format!("it has: {}", known.join(", "))))
        })
    };
    run.destinations.iter().map(named).collect()
}
