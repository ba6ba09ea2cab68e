//! The planner: configuration and facts to a plan, or every problem at once. Pure.

use std::collections::BTreeMap;

use super::dockerfile::UsedImage;
use super::inputs::Inputs;
use super::planner::{Planned, Planner};
use super::release::Releases;
use super::runner;
use super::{
    Checkout, Job, Origin, Plan, Request, SCHEMA, Step, alike, archive, asset, beside, binary, chart, checksums,
    describe, destination, distribution, dockerfile, dockerfile_order, duplicates, image, job, locked, notes, output,
    release, scope, snapshots, wheel, whole, workflow,
};
use crate::config::{Binary, Config, Destination, DestinationKind};
use crate::facts::Facts;
use crate::input_list::InputList;
use crate::problem::Problem;
use crate::step_id::StepId;

/// Decides everything: the versions first, then each kind makes its steps, whole.
///
/// # Errors
/// Every problem of the request, the configuration and the facts together.
pub fn plan(config: &Config, facts: &Facts, request: &Request) -> Result<Plan, Vec<Problem>> {
    let inputs = Inputs::new(config, facts, request);
    let plan = decide(&inputs);
    let problems = inputs.into_problems();
    if problems.is_empty() { Ok(plan) } else { Err(problems) }
}

/// The plan, which is none if anything was refused on the way.
fn decide(inputs: &Inputs<'_>) -> Plan {
    whole::refuse(inputs);
    output::refuse(inputs);
    let entries = binary::entries(inputs);
    let releases = releases(inputs, &entries);
    let (all, lists) = steps(inputs, &releases, &entries);
    let (planned, left) = scope::limit(inputs, all);
    let checksums = checksums::steps(inputs, &releases, &planned);
    let planned: Vec<Planned> = planned.into_iter().chain(checksums).collect();
    duplicates::refuse(inputs, &planned);
    let steps: Vec<&Step> = planned.iter().map(|planned| &planned.step).collect();
    let content = match releases.origin {
        Origin::Snapshot => snapshots::inputs(inputs, &steps),
        Origin::Tag | Origin::Assumed => BTreeMap::new(),
    };
    let destinations = destination::destinations(inputs, &releases, &steps);
    let (workflows, idle) = workflow::workflows(inputs, &steps, &destinations);
    let (steps, jobs) = job::jobs(inputs, planned, &workflows);
    let unused = notes::unused(inputs, &releases.list, &destinations).into_iter();
    let unused = unused.chain(binary::passed_over(inputs, &entries, &steps)).collect();
    let (facts, request) = (inputs.facts, inputs.request);
    let origin = releases.origin;
    let assumed = assumptions(inputs, &releases, &steps, &jobs, unused);
    let (made, unchanged) = releases.parted();
    Plan {
        schema: SCHEMA.into(),
        name: inputs.name(),
        repository: inputs.repository(),
        commit: facts.head.commit.clone(),
        commit_time: facts.head.time,
        dirty: !facts.head.dirty.is_empty(),
        checkout: Checkout { submodules: facts.whole.submodules, lfs: facts.whole.lfs },
        origin,
        output: inputs.config.output.clone(),
        assumed,
        releases: made,
        unchanged,
        scope: scope::scope(request, left),
        steps,
        jobs,
        workflows,
        idle,
        destinations,
        inputs: lists,
        snapshots: content,
    }
}

/// Every image that Dockerfiles of the configuration name, as far as the lock file shows: `ONBUILD` of one that is not
/// locked yet may name others.
///
/// # Errors
/// Every problem of these images.
pub fn images(config: &Config, facts: &Facts) -> Result<Vec<UsedImage>, Vec<Problem>> {
    if !config.images.iter().any(dockerfile_order::is_one) {
        return Ok(Vec::new());
    }
    let request = Request { every_release: true, every_component: true, ..Request::default() };
    let inputs = Inputs::new(config, facts, &request);
    let entries = binary::entries(&inputs);
    let releases = releases(&inputs, &entries);
    let mut planner = Planner::new(&inputs, &releases);
    planner.add(asset::steps(&planner));
    planner.add(binary::steps(&planner, &entries));
    let used = dockerfile::used(&dockerfile::steps(&planner).0);
    let problems = inputs.into_problems();
    if problems.is_empty() { Ok(used) } else { Err(problems) }
}

fn releases(inputs: &Inputs<'_>, entries: &[Binary]) -> Releases {
    let mut sources = asset::sources(inputs);
    sources.extend(binary::sources(inputs, entries));
    sources.extend(distribution::sources(inputs));
    sources.extend(archive::sources(inputs, entries));
    sources.extend(image::sources(inputs, entries));
    sources.extend(dockerfile::sources(inputs));
    sources.extend(chart::sources(inputs));
    if sources.is_empty() && inputs.refusals() == 0 {
        let problem = Problem::new(
            "nothing-to-release",
            "there is nothing to release: no binary, archive, asset, image or chart",
        );
        inputs.refuse(problem.hint("add a package with a binary, or describe one under `binaries:` in longshore.yaml"));
    }
    release::releases(inputs, &sources)
}

/// The steps of what is released, and all they need.
fn steps(inputs: &Inputs<'_>, releases: &Releases, entries: &[Binary]) -> (Vec<Planned>, BTreeMap<StepId, InputList>) {
    let mut planner = Planner::new(inputs, releases);
    planner.add(asset::steps(&planner));
    planner.add(binary::steps(&planner, entries));
    planner.add(wheel::steps(&planner));
    planner.add(archive::steps(&planner, entries));
    planner.add(image::steps(&planner, entries));
    let (built, mut lists) = dockerfile::steps(&planner);
    planner.add(built);
    planner.add(chart::steps(&planner, &mut lists));
    let all = planner.into_steps();
    let steps: Vec<&Step> = all.iter().map(|planned| &planned.step).collect();
    let is_released = |step: &Step| releases.makes(&step.component);
    if steps.iter().all(|step| is_released(step)) {
        return (all, lists);
    }
    let needed: std::collections::HashSet<_> = workflow::needed(&steps, is_released).into_iter().collect();
    (all.into_iter().filter(|planned| needed.contains(&planned.step.id)).collect(), lists)
}

/// Assumptions in place of configuration, as text.
/// A destination that nothing of the file goes to.
fn gets_nothing(config: &Config, one: &Destination) -> Option<String> {
    let lacks = match &one.kind {
        DestinationKind::Pypi(_) if config.wheels.is_empty() => "no `wheels:`",
        DestinationKind::Registry(_) if config.images.is_empty() && config.charts.is_empty() => {
            "no `images:` and no `charts:`"
        }
        _ => return None,
    };
    Some(format!("`publish.{}` gets nothing: there are {lacks}", one.name))
}

/// Whether a file says the version of a release.
fn is_of(version: &Result<String, String>, releases: &Releases) -> bool {
    let version = version.as_deref().unwrap_or_default();
    releases.list.iter().any(|release| release.version.to_string() == version)
}

fn assumptions(
    inputs: &Inputs<'_>,
    releases: &Releases,
    steps: &[Step],
    jobs: &[Job],
    unused: Vec<String>,
) -> Vec<String> {
    let mut list = Vec::new();
    if !inputs.config.written {
        list.push("no longshore.yaml: one binary and one archive per package, five targets, GitHub Releases".into());
    }
    if inputs.facts.remote.is_none() && inputs.facts.remotes.is_empty() {
        list.push(format!("no git remote: the repository name is `{}`", inputs.repository()));
    }
    match releases.origin {
        Origin::Assumed => {
            let tags: Vec<String> = releases.list.iter().map(|release| format!("`{}`", release.tag)).collect();
            let facts = inputs.facts;
            let has_manifest = !facts.packages.is_empty() || !facts.python.is_empty();
            let is_written = has_manifest || facts.version_files.values().any(|version| is_of(version, releases));
            let from = match (is_written, facts.tags.is_empty()) {
                (true, _) => " from the manifests' version",
                (false, true) => ", as no manifest has a version",
                (false, false) => ", the next after the tags, as no manifest has its version",
            };
            list.push(format!("no release tag at this commit: {}{from}", tags.join(", ")));
            for taken in
                inputs.facts.tags.iter().filter(|tag| releases.list.iter().any(|release| release.tag == tag.name))
            {
                list.push(format!(
                    "tag `{}` already exists at an older commit: bump the version before tagging",
                    taken.name
                ));
            }
            list.extend(alike::notes(inputs.facts, &releases.list));
        }
        Origin::Snapshot => list.push("a snapshot: for this machine and loopback only".into()),
        Origin::Tag => {}
    }
    list.extend(unused);
    list.extend(inputs.config.destinations.iter().filter_map(|one| gets_nothing(inputs.config, one)));
    list.extend(locked::notes(inputs, steps));
    list.extend(beside::notes(inputs, steps));
    list.extend(describe::notes(steps));
    list.extend(wheel::notes(inputs.facts, steps));
    list.extend(runner::notes(jobs));
    list.extend(job::notes(jobs));
    list.extend(whole::notes(inputs, steps));
    list
}
