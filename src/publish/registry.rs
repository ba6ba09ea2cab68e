//! Registries: everything by digest first, then fixed tags, then, when every other destination has its release, floating ones.
//!
//! A tag is what the public sees. Until the first one is put, whatever a killed run leaves is unreferenced blobs, and the next
//! run finds them.

mod documents;
mod push;
mod readers;
mod tags;

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};

use super::Order;
use super::failure::Failure;
use super::ledger::Ledger;
use crate::artifact::Artifact;
use crate::destination::ReadBack;
use crate::oci::registry::{Action, Document, Error, Kind, Registries};
use crate::oci::{LARGEST_DOCUMENT, media};
use crate::plan::{self, Destination, DestinationKind, PublishedImage, RegistryDestination, Step, Work};
use crate::problem::{Exit, Problem};
use crate::receipt::{Outcome, Receipt};
use crate::reference::Repository;
use crate::world::terminal::Printer;
use crate::world::{clock, files};

/// One destination, observed and ready to be written to.
pub struct Site<'a> {
    order: &'a Order<'a>,
    printer: &'a Printer,
    destination: &'a Destination,
    wanted: Vec<Wanted<'a>>,
    /// The registries as somebody without a login sees them.
    everybody: Registries,
    read_back: ReadBack,
    /// Whether everybody can read the repository that all of this comes from; nothing: unknown.
    public: Option<bool>,
}

impl Site<'_> {
    /// Whether it matters who can read the repository that all of this comes from.
    pub fn depends_on_visibility(&self) -> bool {
        readers::depends_on_visibility(self)
    }

    /// With the answer.
    pub fn know(&mut self, public: Option<bool>) {
        self.public = public;
    }
}

/// One image or index in one repository.
struct Wanted<'a> {
    image: &'a PublishedImage,
    repository: &'a Repository,
    step: &'a Step,
    document: Document,
    /// Fixed tags that are not there yet.
    missing: Vec<&'a str>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind {
            Kind::Denied => Self::Denied(*error.problem),
            Kind::Conflict => Self::Conflict(*error.problem),
            Kind::Usage => Self::Refused(*error.problem),
            Kind::Retry => Self::retry(*error.problem),
            Kind::Missing | Kind::Refused | Kind::Damaged | Kind::Disk => Self::Unconfirmed(*error.problem),
        }
    }
}

/// Looks at every fixed tag, writes nothing.
///
/// # Errors
/// If a file of ours cannot be read. What registries or the plan are to blame for is in the list.
pub async fn prepare<'a>(
    printer: &'a Printer,
    order: &'a Order<'a>,
    destination: &'a Destination,
) -> anyhow::Result<Result<Site<'a>, Vec<Failure>>> {
    let DestinationKind::Registry(registry) = &destination.kind else {
        anyhow::bail!("`{}` is no registry", destination.name);
    };
    let (everybody, read_back) = (order.registries.anonymous(), registry.read_back);
    let mut site = Site { order, printer, destination, wanted: Vec::new(), everybody, read_back, public: None };
    let mut failures = refused(order, registry);
    for image in &registry.images {
        let step = order.plan.step(&image.step);
        let Some(step) = step else { anyhow::bail!("the plan has no step `{}`", image.step) };
        if !order.takes(&destination.name, step) {
            continue;
        }
        let document = document(order, step)?;
        for repository in &image.repositories {
            let document = document.clone();
            site.wanted.push(Wanted { image, repository, step, document, missing: Vec::new() });
        }
    }
    if !failures.is_empty() || site.wanted.is_empty() {
        return Ok(if failures.is_empty() { Ok(site) } else { Err(failures) });
    }
    let _progress = printer.start("Observing", names(&site));
    grant(&site);
    let seen = join_all(site.wanted.iter().map(|wanted| observe(order.registries, wanted))).await;
    for (wanted, seen) in site.wanted.iter_mut().zip(seen) {
        match seen {
            Ok(missing) => wanted.missing = missing,
            Err(failure) if failures.contains(&failure) => {}
            Err(failure) => failures.push(failure),
        }
    }
    Ok(if failures.is_empty() { Ok(site) } else { Err(failures) })
}

/// What a glance at the plan refuses: things that are not for everybody, on their way to everybody.
fn refused(order: &Order<'_>, registry: &RegistryDestination) -> Vec<Failure> {
    let mut hosts: Vec<&str> =
        registry.images.iter().flat_map(|image| &image.repositories).map(|one| one.registry.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let Some(host) = hosts.into_iter().find(|host| !order.registries.is_near(host)) else { return Vec::new() };
    let mut failures = Vec::new();
    if let Some(reason) = order.plan.only_loopback() {
        let problem = Problem::new("loopback-only", format!("this plan is not for `{host}`: {reason}"));
        failures.push(Failure::Refused(problem.hint("push the tag, or try it with `longshore rehearse`")));
    }
    let open = order.plan.steps.iter().find_map(|step| match &step.work {
        Work::Image(work) => work.base.as_ref().filter(|base| base.digest.is_none()),
        _ => None,
    });
    if let Some(base) = open {
        let text = format!("the base `{}` is not locked, and images on it go to `{host}`", base.from);
        let hint = "run `longshore lock` and commit `longshore.lock`: it pins the base by digest";
        failures.push(Failure::Refused(Problem::new("base-not-locked", text).hint(hint)));
    }
    failures
}

/// The manifest or index of a step, as verified: it holds what was planned.
fn document(order: &Order<'_>, step: &Step) -> anyhow::Result<Document> {
    let artifact = artifact(order, &step.id)?;
    let file = artifact.files.last().ok_or_else(|| anyhow::anyhow!("`{}` made nothing", step.id))?;
    let bytes = files::read_small(&order.store.file(&step.id, &file.name), LARGEST_DOCUMENT)?;
    let kind = if matches!(step.work, Work::Index(_)) { media::INDEX } else { media::MANIFEST };
    let document = Document::new(kind, bytes);
    if document.descriptor.digest != file.sha256 {
        let text = format!("`{}` changed after it was verified", file.name);
        let problem = Problem::new("changed-artifact", text).hint("run `longshore verify` again").step(&step.id);
        return Err(crate::problem::Failure::usage(problem).into());
    }
    let config = match &step.work {
        Work::Image(_) => artifact.files.first().map(|file| order.store.file(&step.id, &file.name)),
        _ => None,
    };
    // Of what was published before, only the document is at hand.
    let config = config.filter(|path| path.is_file()).map(|path| files::read_small(&path, LARGEST_DOCUMENT));
    let artifacts = &order.manifest.artifacts;
    if let Some(flaw) = documents::flaw(order.plan, step, (&document.bytes, config.transpose()?.as_deref()), artifacts)
    {
        let text = format!("`{}` {flaw}", file.name);
        let problem = Problem::new("image-content", text).hint("nothing was sent: build and verify it again");
        return Err(crate::problem::Failure::new(Exit::Verification, problem.step(&step.id)).into());
    }
    Ok(document)
}

fn artifact<'a>(order: &Order<'a>, step: &str) -> anyhow::Result<&'a Artifact> {
    order.manifest.artifacts.iter().find(|artifact| artifact.step == step).ok_or_else(|| {
        let problem = Problem::new("manifest-incomplete", format!("the manifest lacks `{step}`"));
        crate::problem::Failure::usage(problem.hint("run `longshore verify` for this plan").step(step)).into()
    })
}

/// One token per registry is to be good for the whole run.
fn grant(site: &Site<'_>) {
    let registries = site.order.registries;
    registries.grant(site.wanted.iter().map(|wanted| (wanted.repository, Action::Push)));
    // Bases are read from, or mounted from, where images go to.
    let bases = site.order.plan.steps.iter().filter_map(|step| match &step.work {
        Work::Image(work) => work.base.as_ref(),
        _ => None,
    });
    let shared = |base: &&plan::PlannedBase| {
        site.wanted.iter().any(|wanted| wanted.repository.registry == base.from.repository.registry)
    };
    registries.grant(bases.filter(shared).map(|base| (&base.from.repository, Action::Pull)));
}

/// The fixed tags that are not there. One that is something else is never moved.
async fn observe<'a>(registries: &Registries, wanted: &Wanted<'a>) -> Result<Vec<&'a str>, Failure> {
    let looks = wanted.image.tags.iter().map(async |tag| {
        let there = registries.head(&wanted.repository.tagged(tag)).await?;
        Ok::<_, Error>((tag.as_str(), there))
    });
    let mut missing = Vec::new();
    for (tag, there) in try_join_all(looks).await? {
        match there {
            None => missing.push(tag),
            Some(there) if there.digest == wanted.document.descriptor.digest => {}
            Some(there) => {
                let text = format!(
                    "`{}:{tag}` is {} already; this release has {}",
                    wanted.repository, there.digest, wanted.document.descriptor.digest
                );
                let hint = "a released tag is never moved: release under a new version, or remove it there yourself";
                return Err(Failure::Conflict(Problem::new("image-tag-taken", text).hint(hint).step(&wanted.step.id)));
            }
        }
    }
    Ok(missing)
}

/// Sees to it that every blob and manifest is there, by digest. Nobody sees any of it yet.
///
/// # Errors
/// What could not be done.
pub async fn push(site: &Site<'_>) -> anyhow::Result<Vec<Failure>> {
    let wanted: Vec<&Wanted<'_>> = site.wanted.iter().filter(|wanted| is_open(site, wanted)).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let progress = site.printer.start("Pushing", names(site));
    push::everything(site, &progress, &wanted).await
}

/// Whether something of it is still to be done: a tag is missing, or it has none and an index that holds it is open.
fn is_open(site: &Site<'_>, wanted: &Wanted<'_>) -> bool {
    if !wanted.missing.is_empty() {
        return true;
    }
    if !wanted.image.tags.is_empty() {
        return false;
    }
    let holds = |other: &&Wanted<'_>| match &other.step.work {
        Work::Index(index) => {
            other.repository == wanted.repository && index.images.contains(&wanted.step.id) && is_open(site, other)
        }
        _ => false,
    };
    // With floating tags only, nothing says that it is there.
    !wanted.image.floating.is_empty() || site.wanted.iter().any(|other| holds(&other))
}

/// Puts the fixed tags and reads each back.
///
/// # Errors
/// If the ledger cannot be written.
pub async fn fix(site: &Site<'_>, ledger: &mut Ledger) -> anyhow::Result<Vec<Failure>> {
    tags::fix(site, ledger).await
}

/// Moves the floating tags, never backwards.
///
/// # Errors
/// If the ledger cannot be written.
pub async fn float(site: &Site<'_>, ledger: &mut Ledger) -> anyhow::Result<Vec<Failure>> {
    tags::float(site, ledger).await
}

/// Whether a tag of it follows the newest release.
pub fn floats(site: &Site<'_>) -> bool {
    site.wanted.iter().any(|wanted| !wanted.image.floating.is_empty())
}

/// What was seen under a tag.
fn receipt(site: &Site<'_>, wanted: &Wanted<'_>, tag: &str, outcome: Outcome) -> Receipt {
    let release = site.order.plan.release(&wanted.step.component);
    let descriptor = &wanted.document.descriptor;
    Receipt {
        destination: site.destination.name.clone(),
        tag: release.map(|release| release.tag.clone()).unwrap_or_default(),
        name: format!("{}:{tag}", wanted.repository),
        sha256: Some(descriptor.digest),
        size: Some(descriptor.size),
        url: site.order.registries.place(&wanted.repository.at(descriptor.digest)),
        outcome,
        confirmed_by: Some("digest".into()),
        at: clock::now(),
    }
}

fn names(site: &Site<'_>) -> String {
    let mut count: BTreeMap<&Repository, usize> = BTreeMap::new();
    for wanted in &site.wanted {
        *count.entry(wanted.repository).or_default() += 1;
    }
    count.iter().map(|(repository, count)| format!("{repository} ({count})")).collect::<Vec<_>>().join(", ")
}
