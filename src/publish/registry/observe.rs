//! What registries show of a plan's images, before anything is written.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join_all};

use super::images::{Images, PlannedImage, names};
use crate::digest::Digest;
use crate::oci::registry::{Action, Error};
use crate::plan::{ExpectedImage, ImageWork, OfKind, Origin, PlannedBase, RegistryDestination};
use crate::problem::Problem;
use crate::publish::failure::{Failure, Failures};
use crate::publish::run::Run;
use crate::reference::Reference;

/// Looks at every fixed tag, and at the images of earlier releases that charts name.
///
/// # Errors
/// What registries or the plan are to blame for.
pub async fn observe<'a>(images: &Images<'a>) -> Result<(Vec<PlannedImage<'a>>, Vec<(Reference, Digest)>), Failures> {
    let run = images.run;
    Failures::of(refused(run, images.registry))?;
    let mut planned = planned(images)?;
    if planned.is_empty() {
        return Ok((planned, Vec::new()));
    }
    let _progress = run.printer.start("Observing", names(planned.iter().map(|one| one.repository)));
    grant(run, &planned);
    let seen = join_all(planned.iter().map(|one| tags(run, one))).await;
    let mut failures: Vec<Failure> = Vec::new();
    for (one, seen) in planned.iter_mut().zip(seen) {
        match seen.map_err(Failure::from) {
            Ok(there) => one.there = there,
            Err(failure) if failures.contains(&failure) => {}
            Err(failure) => failures.push(failure),
        }
    }
    let mut there = Vec::new();
    for looked in join_all(images.registry.expects.iter().map(|one| expected(run, one))).await {
        match looked {
            Ok(one) => there.push(one),
            Err(failure) => failures.push(failure),
        }
    }
    Failures::of(failures).map(|()| (planned, there))
}

/// An image that a chart names: somebody must be able to pull it.
async fn expected(run: Run<'_>, expected: &ExpectedImage) -> Result<(Reference, Digest), Failure> {
    let ExpectedImage { reference, by } = expected;
    if let Some(digest) = run.look(reference).await? {
        return Ok((reference.clone(), digest));
    }
    let text = format!("`{by}` names the image `{reference}`, which does not exist");
    let hint = "release that image first, or in the same run: `--tag` takes several tags of one commit";
    Err(Failure::Refused(Problem::new("image-missing", text).hint(hint).step(by)))
}

/// What goes there, in the plan's order.
fn planned<'a>(images: &Images<'a>) -> Result<Vec<PlannedImage<'a>>, Failure> {
    let mut planned = Vec::new();
    for image in &images.registry.images {
        let step = images.run.plan.step(&image.step);
        let step = step.ok_or_else(|| anyhow::anyhow!("the plan has no step `{}`", image.step))?;
        if images.run.takes(&images.destination.name, step) {
            let there = BTreeMap::new();
            let one = |repository| PlannedImage { image, repository, step, there: there.clone() };
            planned.extend(image.repositories.iter().map(one));
        }
    }
    Ok(planned)
}

async fn tags<'a>(run: Run<'_>, planned: &PlannedImage<'a>) -> Result<BTreeMap<&'a str, Digest>, Error> {
    let looks = planned.image.tags.iter().map(async |tag| {
        let there = run.look(&planned.repository.tagged(tag)).await?;
        Ok::<_, Error>(there.map(|digest| (tag.as_str(), digest)))
    });
    Ok(try_join_all(looks).await?.into_iter().flatten().collect())
}

/// What the plan alone forbids: publishing to a public registry what must stay private.
fn refused(run: Run<'_>, registry: &RegistryDestination) -> Vec<Failure> {
    let mut hosts: Vec<&str> =
        registry.images.iter().flat_map(|image| &image.repositories).map(|one| one.registry.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let Some(host) = hosts.into_iter().find(|host| !run.registries.is_near(host)) else { return Vec::new() };
    let mut failures = Vec::new();
    let taken = run.plan.origin == Origin::Snapshot && registry.snapshots;
    if let Some(reason) = run.plan.only_loopback().filter(|_| !taken) {
        let problem = Problem::new("loopback-only", format!("this plan cannot be published to `{host}`: {reason}"));
        failures.push(Failure::Refused(problem.hint("push the tag, or try `longshore rehearse`")));
    }
    let mut locked = run.plan.steps.iter().filter_map(|step| ImageWork::of(&step.work)).flat_map(ImageWork::locked);
    let open = locked.find(|base| base.digest.is_none() && base.from.digest.is_none());
    if let Some(base) = open {
        let text =
            format!("the base image `{}` is not locked, and images based on it are published to `{host}`", base.from);
        let hint = "run `longshore lock` and commit `longshore.lock`: it pins the base by digest";
        failures.push(Failure::Refused(Problem::new("base-not-locked", text).hint(hint)));
    }
    failures
}

/// One token per registry is to be good for the whole run.
fn grant(run: Run<'_>, planned: &[PlannedImage<'_>]) {
    run.registries.grant(planned.iter().map(|one| (one.repository, Action::Push)));
    // Bases are read from, or mounted from, where images go to.
    let shared =
        |base: &&PlannedBase| planned.iter().any(|one| one.repository.registry == base.from.repository.registry);
    run.registries.grant(bases(run).filter(shared).map(|base| (&base.from.repository, Action::Pull)));
}

fn bases(run: Run<'_>) -> impl Iterator<Item = &PlannedBase> {
    run.plan.steps.iter().filter_map(|step| ImageWork::of(&step.work)).flat_map(ImageWork::bases)
}
