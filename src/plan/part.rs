//! Parts: what each workflow file builds and publishes, and who leads when several publish one version.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decide::{Inputs, Problems};
use super::{Destination, DestinationKind, Plan, Step, Work};
use crate::config;
use crate::destination::When;
use crate::problem::Problem;
use crate::step_id::StepId;

/// What one workflow file builds and publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// The workflow's file name, e.g. `release.yml`.
    pub file: String,
    /// The environment of its publish job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Ids of the steps it carries out.
    pub steps: Vec<StepId>,
    /// Where it publishes to: `pypi` is all that goes there, `pypi.app` one artifact's share.
    pub destinations: Vec<String>,
    /// How its workflow file is written.
    #[serde(default, skip_serializing_if = "Workflow::is_default")]
    pub workflow: Workflow,
}

/// How a workflow file is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workflow {
    /// Path of a composite action that every leg runs first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// Label of the runner of the jobs that are no leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// Reusable workflows of the user's own.
    #[serde(default, skip_serializing_if = "WorkflowJobs::is_default")]
    pub jobs: WorkflowJobs,
    /// What a pull request does.
    #[serde(default, skip_serializing_if = "PullRequest::is_default")]
    pub pull_request: PullRequest,
}

/// Paths of reusable workflows, by the job they run after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct WorkflowJobs {
    /// Before anything is built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_plan: Vec<String>,
    /// Before anything becomes public.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_verify: Vec<String>,
    /// When everything is public.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_publish: Vec<String>,
}

/// What a pull request does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullRequest {
    /// Nothing.
    Off,
    /// It is planned.
    Plan,
    /// It is planned, built and verified.
    #[default]
    Build,
}

impl Workflow {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl WorkflowJobs {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl PullRequest {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Part {
    /// Whether this part, and so no other, publishes a step's files to a destination.
    pub fn publishes(&self, destination: &str, step: &Step) -> bool {
        step.publish.iter().any(|name| name == destination)
            && self.destinations.iter().any(|share| {
                share == destination
                    || share
                        .strip_prefix(destination)
                        .and_then(|rest| rest.strip_prefix('.'))
                        .is_some_and(|artifact| step.id.is_of(artifact))
            })
    }

    /// Whether it publishes anything to a destination.
    pub fn goes_to(&self, destination: &str) -> bool {
        self.destinations.iter().any(|share| share == destination || named(share, destination))
    }

    /// The file's name without its ending.
    pub fn stem(&self) -> &str {
        self.file.rsplit_once('.').map_or(&self.file, |(stem, _)| stem)
    }
}

fn named(share: &str, destination: &str) -> bool {
    share.strip_prefix(destination).is_some_and(|rest| rest.starts_with('.'))
}

impl Plan {
    /// A part by its workflow's file name; without a name all of the plan.
    ///
    /// # Errors
    /// If the plan has no such part.
    pub fn part(&self, file: Option<&str>) -> Result<Option<&Part>, Problem> {
        let Some(file) = file else { return Ok(None) };
        if let Some(part) = self.parts.iter().find(|part| part.file == file) {
            return Ok(Some(part));
        }
        if self.is_idle(Some(file)) {
            let text = format!("`{file}` publishes nothing of this release: there is nothing to do");
            return Err(Problem::new("idle-part", text).hint("its jobs are skipped when `empty` is `true`"));
        }
        let known: Vec<&str> = self.parts.iter().map(|part| &part.file).chain(&self.idle).map(String::as_str).collect();
        let problem = Problem::new("unknown-part", format!("the plan has no part `{file}`"));
        Err(problem.hint(format!("known: {}; `longshore generate` writes the files", known.join(", "))))
    }

    /// Whether a workflow file has nothing to do in this plan.
    pub fn is_idle(&self, file: Option<&str>) -> bool {
        file.is_some_and(|file| self.idle.iter().any(|idle| idle == file))
    }

    /// Where several parts meet: the GitHub destination whose draft they share, and the part that leads because it
    /// publishes there. Nothing if one part does everything.
    pub fn meeting(&self) -> Option<(&Destination, &Part)> {
        if self.parts.len() < 2 {
            return None;
        }
        meeting(&self.destinations).and_then(|destination| {
            let lead = self.parts.iter().find(|part| part.goes_to(&destination.name))?;
            Some((destination, lead))
        })
    }
}

/// The first GitHub destination that takes every release which any destination takes.
fn meeting(destinations: &[Destination]) -> Option<&Destination> {
    let covers = |one: When| one == When::Always || destinations.iter().all(|other| other.when == one);
    destinations
        .iter()
        .find(|destination| matches!(destination.kind, DestinationKind::Github(_)) && covers(destination.when))
}

/// Cuts the steps into parts, one for each workflow file that publishes something; the second list is the other files.
pub fn parts(
    inputs: &Inputs<'_>,
    steps: &[Step],
    destinations: &[Destination],
    problems: &mut Problems,
) -> (Vec<Part>, Vec<String>) {
    let files = &inputs.config.workflows;
    let mut parts: Vec<Part> = Vec::new();
    let mut idle = Vec::new();
    for file in files {
        callable(inputs, file, problems);
        let shares = shares(file, inputs.config, destinations, problems);
        let mut part = Part {
            file: file.file.clone(),
            environment: environment(file, &shares, destinations, problems),
            steps: Vec::new(),
            destinations: shares,
            workflow: workflow(file),
        };
        part.destinations.retain(|share| {
            let of = |step: &Step| step.publish.iter().any(|to| to == share || named(share, to));
            steps.iter().any(|step| of(step) && publishes_share(share, step))
        });
        if part.destinations.is_empty() {
            idle.push(part.file);
            continue;
        }
        part.steps = needed(steps, |step| step.publish.iter().any(|to| part.publishes(to, step)));
        parts.push(part);
    }
    everything_once(steps, &parts, problems);
    for (at, part) in parts.iter().enumerate() {
        // What each leaves in the draft has the file's name without its ending.
        if let Some(other) = parts[..at].iter().find(|other| other.stem().eq_ignore_ascii_case(part.stem())) {
            let text = format!("`{}` and `{}` differ in their ending only", other.file, part.file);
            let problem = Problem::new("equal-entries", text).hint("give one of them another name");
            problems.push(problem.at_key(format!("workflows.{}", part.file)));
        }
    }
    // What nobody publishes is built and verified all the same.
    let rest = needed(steps, |step| !parts.iter().any(|part| part.steps.contains(&step.id)));
    if let Some(first) = parts.first_mut() {
        let all = |step: &&Step| first.steps.contains(&step.id) || rest.contains(&step.id);
        first.steps = steps.iter().filter(all).map(|step| step.id.clone()).collect();
    }
    if parts.len() > 1 && meeting(destinations).is_none() {
        let text = "several workflow files publish one version, and nothing is there for them to meet at";
        let hint = "they meet at the draft of a GitHub release: publish something to a `github` destination that takes every \
                    release, or use one workflow file";
        problems.push(Problem::new("no-meeting", text).hint(hint).at_key("workflows"));
    }
    (parts, idle)
}

/// What a workflow calls must be in the repository.
fn callable(inputs: &Inputs<'_>, file: &config::Workflow, problems: &mut Problems) {
    let is_there = |path: &str| inputs.facts.files.iter().any(|file| file.path == path);
    if let Some(setup) = &file.setup
        && !["action.yml", "action.yaml"].iter().any(|name| is_there(&format!("{setup}/{name}")))
    {
        let text = format!("`{setup}` is no composite action: it holds no action.yml");
        let hint = "write one that installs what your builds need, and commit it";
        problems.push(Problem::new("no-such-file", text).hint(hint).at_value(format!("workflows.{}.setup", file.file)));
    }
    let jobs = [
        ("after-plan", &file.after_plan),
        ("after-verify", &file.after_verify),
        ("after-publish", &file.after_publish),
    ];
    for (key, paths) in jobs {
        for path in paths.iter().filter(|path| !is_there(path)) {
            let problem = Problem::new("no-such-file", format!("`{path}` does not exist"));
            problems.push(problem.at_value(format!("workflows.{}.jobs.{key}", file.file)));
        }
    }
}

fn publishes_share(share: &str, step: &Step) -> bool {
    let one = Part {
        file: String::new(),
        environment: None,
        steps: Vec::new(),
        destinations: vec![share.to_owned()],
        workflow: Workflow::default(),
    };
    step.publish.iter().any(|to| one.publishes(to, step))
}

fn workflow(file: &config::Workflow) -> Workflow {
    Workflow {
        setup: file.setup.clone(),
        runner: file.runner.clone(),
        jobs: WorkflowJobs {
            after_plan: file.after_plan.clone(),
            after_verify: file.after_verify.clone(),
            after_publish: file.after_publish.clone(),
        },
        pull_request: match file.pull_request {
            config::PullRequest::Off => PullRequest::Off,
            config::PullRequest::Plan => PullRequest::Plan,
            config::PullRequest::Build => PullRequest::Build,
        },
    }
}

/// What a file publishes, of what there is to publish: everything without `publish:`.
fn shares(
    file: &config::Workflow,
    config: &config::Config,
    destinations: &[Destination],
    problems: &mut Problems,
) -> Vec<String> {
    let Some(written) = &file.publish else {
        return destinations.iter().map(|destination| destination.name.clone()).collect();
    };
    let at = format!("workflows.{}.publish", file.file);
    let mut shares = Vec::new();
    for share in written {
        let known = |name: &str| config.destinations.iter().find(|one| one.name == name);
        let whole = known(share).is_some();
        // The longest name that stands before a dot.
        let cuts = share.match_indices('.').map(|(at, _)| &share[..at]);
        let Some(destination) = known(share).or_else(|| cuts.rev().find_map(known)) else {
            let names: Vec<&str> = config.destinations.iter().map(|one| one.name.as_str()).collect();
            let problem = Problem::new("unknown-destination", format!("no destination is called `{share}`"));
            let hint = format!("there is {}; `DESTINATION.ARTIFACT` is one artifact's share of it", names.join(", "));
            problems.push(problem.hint(hint).at_value(&at));
            continue;
        };
        if !whole && destination.github().is_some() {
            let text = format!("`{share}`: the releases of a GitHub destination are made by one workflow file");
            let problem = Problem::new("split-release", text).hint(format!("write `{}`", destination.name));
            problems.push(problem.at_value(&at));
            continue;
        }
        shares.push(share.clone());
    }
    shares
}

fn environment(
    file: &config::Workflow,
    shares: &[String],
    destinations: &[Destination],
    problems: &mut Problems,
) -> Option<String> {
    let of =
        |destination: &&Destination| shares.iter().any(|one| *one == destination.name || named(one, &destination.name));
    let all: BTreeSet<Option<&str>> = destinations.iter().filter(of).map(|one| one.environment.as_deref()).collect();
    if all.len() > 1 {
        let names: Vec<&str> = all.iter().map(|name| name.unwrap_or("none")).collect();
        let text = format!("`{}` has one environment, but its destinations want {}", file.file, names.join(" and "));
        let hint = "give them the same `environment:`, or publish from two files under `workflows:`";
        problems.push(Problem::new("two-environments", text).hint(hint).at_key("publish"));
    }
    all.into_iter().next().flatten().map(str::to_owned)
}

/// Steps that are chosen, all they need, and the checks that prove them.
pub fn needed(steps: &[Step], chosen: impl Fn(&Step) -> bool) -> Vec<StepId> {
    let mut inside: BTreeSet<&StepId> = steps.iter().filter(|step| chosen(step)).map(|step| &step.id).collect();
    loop {
        let before = inside.len();
        // Backwards: a step stands after its needs.
        for step in steps.iter().rev() {
            let proves = matches!(&step.work, Work::Check(check) if inside.contains(&check.subject));
            if proves || inside.contains(&step.id) {
                inside.insert(&step.id);
                inside.extend(&step.needs);
            }
        }
        if inside.len() == before {
            return steps.iter().filter(|step| inside.contains(&step.id)).map(|step| step.id.clone()).collect();
        }
    }
}

/// Every destination and artifact belongs to exactly one file.
fn everything_once(steps: &[Step], parts: &[Part], problems: &mut Problems) {
    let mut said: BTreeSet<String> = BTreeSet::new();
    for step in steps {
        for destination in &step.publish {
            let files: Vec<&str> =
                parts.iter().filter(|part| part.publishes(destination, step)).map(|part| part.file.as_str()).collect();
            let share = format!("{destination}.{}", step.artifact());
            if files.len() == 1 || !said.insert(share.clone()) {
                continue;
            }
            let problem = if files.is_empty() {
                Problem::new("published-by-nobody", format!("no workflow file publishes `{share}`"))
                    .hint(format!("add `{share}` or `{destination}` to the `publish:` of one of them"))
            } else {
                Problem::new("published-twice", format!("`{share}` is published by {}", files.join(" and ")))
                    .hint("name it in the `publish:` of one of them")
            };
            problems.push(problem.at_key("workflows"));
        }
    }
}
