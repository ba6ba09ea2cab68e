//! The planner: configuration and facts to a plan, or every problem at once. Pure.

use super::{
    Checkout, Plan, Request, SCHEMA, Step, alike, archive, asset, beside, binary, describe, image, leg, locked, notes,
    output, part, release, scope, upload, wheel, whole,
};
use crate::config::{Component, Config};
use crate::facts::Facts;
use crate::problem::Problem;
use crate::step_id;
use crate::tag::TagGrammar;

/// All problems found so far.
pub type Problems = Vec<Problem>;

/// Everything a plan is made from.
pub struct Inputs<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The world.
    pub facts: &'a Facts,
    /// What the command asks for.
    pub request: &'a Request,
}

/// Decides everything.
///
/// # Errors
/// Every problem of the request, the configuration and the facts together.
pub fn plan(config: &Config, facts: &Facts, request: &Request) -> Result<Plan, Problems> {
    let inputs = Inputs { config, facts, request };
    let mut problems = Problems::new();
    whole::refuse(&inputs, &mut problems);
    output::refuse(&inputs, &mut problems);
    let assets = asset::steps(&inputs, &mut problems);
    let entries = binary::entries(&inputs, &mut problems);
    let binaries = binary::steps(&inputs, &entries, &assets, &mut problems);
    let archives = archive::steps(&inputs, &entries, (&binaries, &assets), &mut problems);
    let images = image::steps(&inputs, &entries, (&binaries, &assets), &mut problems);
    let wheels = wheel::steps(&inputs, &assets, &mut problems);
    let mut steps: Vec<Step> = assets.into_iter().chain(binaries).chain(wheels).chain(archives).chain(images).collect();
    one_component_each(&steps, &mut problems);

    let candidates = candidates(&inputs, &steps, &mut problems);
    if steps.is_empty() && problems.is_empty() {
        let problem = Problem::new("nothing-to-release", "there is nothing to release: no binary, archive or asset");
        problems.push(problem.hint("add a package with a binary, or describe one under `binaries:` in longshore.yaml"));
    }
    let (releases, origin) = release::releases(&inputs, &candidates, &mut problems);
    steps.retain(|step| releases.iter().any(|release| release.component == step.component));
    if !releases.is_empty() {
        binary::expect_versions(&mut steps, &releases, origin, facts);
        archive::name_outputs(&inputs, &entries, (&mut steps, &releases), &mut problems);
        wheel::name_outputs(&inputs, &mut steps, &releases, &mut problems);
        describe::describe(&inputs, &mut steps, &releases, &mut problems);
    }

    let mut destinations = upload::destinations(&inputs, (&steps, &releases), origin, &mut problems);
    upload::assign(&inputs, &mut steps, &destinations, &releases, &mut problems);
    let left = scope::limit(&inputs, &mut steps, &mut problems);
    upload::checksums(&inputs, &mut steps, &releases, &destinations);
    upload::drop_unused(&mut destinations, &steps);
    upload::ask_for_places(&inputs, &destinations, &mut problems);
    let (parts, idle) = part::parts(&inputs, &steps, &destinations, &mut problems);
    let mut legs = leg::legs(&inputs, &mut steps, &parts);
    scope::host_checks(&inputs, &mut steps, &mut legs);
    unique(&steps, &mut problems);

    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Plan {
        schema: SCHEMA.into(),
        name: inputs.name(),
        repository: inputs.repository(),
        commit: facts.head.commit.clone(),
        commit_time: facts.head.time,
        dirty: !facts.head.dirty.is_empty(),
        checkout: Checkout { submodules: facts.whole.submodules, lfs: facts.whole.lfs },
        origin,
        output: config.output.clone(),
        assumed: assumptions(
            &inputs,
            (&releases, &steps, &legs),
            origin,
            [notes::unused(&inputs, &releases, &destinations), binary::passed_over(&inputs, &entries, &steps)].concat(),
        ),
        releases,
        scope: scope::scope(request, left),
        steps,
        legs,
        parts,
        idle,
        destinations,
    })
}

impl Inputs<'_> {
    /// The project's name: `name:`, else the repository's, else the folder's.
    pub fn name(&self) -> String {
        let remote = self.facts.remote.as_ref().map(|remote| remote.name.clone());
        self.config.name.clone().or(remote).unwrap_or_else(|| self.facts.folder.clone())
    }

    /// `owner/name`; without a remote that of a destination, else `local/<folder>`.
    pub fn repository(&self) -> String {
        match &self.facts.remote {
            Some(remote) => format!("{}/{}", remote.owner, remote.name),
            None => {
                let mut written = self.config.destinations.iter().filter_map(|one| one.github()?.repository.clone());
                written.next().unwrap_or_else(|| format!("local/{}", self.facts.folder))
            }
        }
    }

    /// The component an artifact belongs to: the one written, else the one of its own name, else the root.
    pub fn component(&self, written: Option<&str>, name: &str) -> String {
        if let Some(written) = written {
            return written.to_owned();
        }
        let own = self.config.components.iter().find(|component| component.name == name);
        own.map(|component| component.name.clone()).unwrap_or_default()
    }
}

/// The components that something belongs to, each with its packages; the root first.
fn candidates<'a>(inputs: &Inputs<'a>, steps: &[Step], problems: &mut Problems) -> Vec<release::Candidate<'a>> {
    let config = inputs.config;
    let all = std::iter::once(&config.root).chain(&config.components);
    all.filter(|component| steps.iter().any(|step| step.component == component.name))
        .filter_map(|component: &Component| match TagGrammar::new(&component.tag, &component.name) {
            Ok(grammar) => Some(release::Candidate {
                component,
                grammar,
                packages: binary::packages(inputs, steps, &component.name),
                projects: wheel::projects(inputs, steps, &component.name),
            }),
            Err(text) => {
                let path =
                    if component.name.is_empty() { "tag".into() } else { format!("components.{}.tag", component.name) };
                problems.push(Problem::new("bad-tag", text).at_value(path));
                None
            }
        })
        .collect()
}

/// An artifact and what it needs belong to one release.
fn one_component_each(steps: &[Step], problems: &mut Problems) {
    for step in steps {
        for need in &step.needs {
            let other = steps.iter().find(|other| other.id == *need);
            // An asset of the root may feed any component.
            if let Some(other) = other.filter(|other| other.component != step.component && other.work.kind() != "asset")
            {
                let text = format!(
                    "`{}` belongs to {} but needs `{}` of {}",
                    step.id,
                    component_name(&step.component),
                    other.id,
                    component_name(&other.component)
                );
                problems.push(Problem::new("two-components", text).hint("give both the same `component:`"));
            }
        }
    }
}

fn component_name(name: &str) -> String {
    if name.is_empty() { "the root component".into() } else { format!("component `{name}`") }
}

/// No two steps share an id, no two published files of one release share a name.
fn unique(steps: &[Step], problems: &mut Problems) {
    for (index, step) in steps.iter().enumerate() {
        if step.id.len() > step_id::LONGEST {
            problems.push(Problem::new("long-name", format!("step id `{}` is longer than 100 characters", step.id)));
        }
        for other in &steps[..index] {
            if other.id == step.id {
                let text = format!("two steps are called `{}`", step.id);
                problems.push(Problem::new("duplicate-step", text).hint("ids are in lower case, and `-` stands for a dot: give one of them a name that is another there, too"));
            }
            if other.component != step.component || step.publish.is_empty() || other.publish.is_empty() {
                continue;
            }
            let same =
                |output: &&super::Output| other.outputs.iter().any(|o| o.name.eq_ignore_ascii_case(&output.name));
            if let Some(output) = step.outputs.iter().find(same) {
                let text = format!("`{}` and `{}` both write `{}`", other.id, step.id, output.name);
                let problem = Problem::new("same-file-name", text).hint("give one of them another `file:`");
                let problem = problem.at_value(path_of(step)).step(&step.id);
                // One entry, one problem: its other targets collide for the same reason.
                if !problems.iter().any(|known| known.code == problem.code && known.at == problem.at) {
                    problems.push(problem);
                }
            }
        }
    }
}

/// Where the step's file name is configured.
fn path_of(step: &Step) -> String {
    format!("{}s.{}.file", step.id.kind().words(), step.id.entry())
}

/// What nobody wrote, for people.
fn assumptions(
    inputs: &Inputs<'_>,
    (releases, steps, legs): (&[super::Release], &[Step], &[super::Leg]),
    origin: super::Origin,
    changelogs: Vec<String>,
) -> Vec<String> {
    let mut list = Vec::new();
    if !inputs.config.written {
        list.push("no longshore.yaml: one binary and one archive per package, five targets, GitHub Releases".into());
    }
    if inputs.facts.remote.is_none() && inputs.facts.remotes.is_empty() {
        list.push(format!("no git remote: the repository is called `{}`", inputs.repository()));
    }
    match origin {
        super::Origin::Assumed => {
            let tags: Vec<String> = releases.iter().map(|release| format!("`{}`", release.tag)).collect();
            list.push(format!("no release tag at this commit: {} from the manifests' version", tags.join(", ")));
            for taken in inputs.facts.tags.iter().filter(|tag| releases.iter().any(|release| release.tag == tag.name)) {
                list.push(format!("tag `{}` is already an older commit: raise the version before you tag", taken.name));
            }
            list.extend(alike::notes(inputs.facts, releases));
        }
        super::Origin::Snapshot => list.push("a snapshot: for this machine and loopback only".into()),
        super::Origin::Tag => {}
    }
    list.extend(changelogs);
    list.extend(locked::notes(inputs, steps));
    list.extend(beside::notes(inputs, steps));
    list.extend(describe::notes(steps));
    list.extend(wheel::notes(inputs.facts, steps));
    list.extend(leg::notes(legs));
    list.extend(whole::notes(inputs, steps));
    list
}
