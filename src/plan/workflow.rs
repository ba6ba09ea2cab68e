//! What each workflow file builds and publishes, and which one coordinates when several publish one version.

use std::collections::BTreeSet;

use super::inputs::Inputs;
use super::model::workflow::{coordination, named};
use super::{Destination, PullRequest, Step, Work, Workflow, WorkflowJobs, WorkflowOptions};
use crate::config;
use crate::problem::Problem;
use crate::step_id::StepId;

/// Divides the steps among the workflows, one for each workflow file that publishes something; the second list is the other files.
pub fn workflows(inputs: &Inputs<'_>, steps: &[&Step], destinations: &[Destination]) -> (Vec<Workflow>, Vec<String>) {
    let files = &inputs.config.workflows;
    let mut workflows: Vec<Workflow> = Vec::new();
    let mut idle = Vec::new();
    for file in files {
        callable(inputs, file);
        let shares = shares(inputs, file, destinations);
        let mut workflow = Workflow {
            file: file.file.clone(),
            environment: environment(inputs, file, &shares, destinations),
            steps: Vec::new(),
            destinations: shares,
            options: options(file),
        };
        workflow.destinations.retain(|share| {
            let of = |step: &Step| step.publish.iter().any(|to| to == share || named(share, to));
            is_file(destinations, share) || steps.iter().any(|step| of(step) && publishes_share(share, step))
        });
        if workflow.destinations.iter().all(|share| is_file(destinations, share)) {
            idle.push(workflow.file);
            continue;
        }
        workflow.steps = needed(steps, |step| step.publish.iter().any(|to| workflow.publishes(to, step)));
        workflows.push(workflow);
    }
    everything_once(inputs, steps, &workflows);
    clashing_stems(inputs, &workflows);
    // What is not published is still built and verified.
    let rest = needed(steps, |step| !workflows.iter().any(|workflow| workflow.steps.contains(&step.id)));
    if let Some(first) = workflows.first_mut() {
        let all = |step: &&&Step| first.steps.contains(&step.id) || rest.contains(&step.id);
        first.steps = steps.iter().filter(all).map(|step| step.id.clone()).collect();
    }
    uncoordinated(inputs, &workflows, destinations);
    (workflows, idle)
}

/// Whether a share is a deployment file, to which no step is published.
fn is_file(destinations: &[Destination], share: &str) -> bool {
    destinations.iter().any(|one| one.name == *share && one.kind.file().is_some())
}

fn clashing_stems(inputs: &Inputs<'_>, workflows: &[Workflow]) {
    for (at, workflow) in workflows.iter().enumerate() {
        // What each leaves in the draft has the file's name without its ending.
        if let Some(other) = workflows[..at].iter().find(|other| other.stem().eq_ignore_ascii_case(workflow.stem())) {
            let text = format!("`{}` and `{}` differ only in their extension", other.file, workflow.file);
            let problem = Problem::new("equal-entries", text).hint("rename one of them");
            inputs.refuse(problem.at_key(format!("workflows.{}", workflow.file)));
        }
    }
}

/// Several files that publish one version need a place to coordinate.
fn uncoordinated(inputs: &Inputs<'_>, workflows: &[Workflow], destinations: &[Destination]) {
    // What stays on this machine is not a version that several files would publish.
    let is_whole = inputs.request.only.is_empty() && inputs.request.host.is_none();
    if is_whole && workflows.len() > 1 && coordination(destinations).is_none() {
        let text =
            "several workflow files publish one version, but there is no `github` destination to coordinate through";
        let hint = "they coordinate through the draft of a GitHub release: publish something to a `github` destination that accepts every release, or use one workflow file";
        inputs.refuse(Problem::new("no-coordination", text).hint(hint).at_key("workflows"));
    }
}

/// What a workflow calls must be in the repository.
fn callable(inputs: &Inputs<'_>, file: &config::Workflow) {
    let is_there = |path: &str| inputs.facts.files.iter().any(|file| file.path == path);
    if let Some(setup) = &file.setup
        && !["action.yml", "action.yaml"].iter().any(|name| is_there(&format!("{setup}/{name}")))
    {
        let text = format!("`{setup}` is not a composite action: it has no action.yml");
        let hint = "create one that installs what your builds need, and commit it";
        inputs.refuse(Problem::new("no-such-file", text).hint(hint).at_value(format!("workflows.{}.setup", file.file)));
    }
    let jobs = [
        ("after-plan", &file.after_plan),
        ("after-verify", &file.after_verify),
        ("after-publish", &file.after_publish),
    ];
    for (key, paths) in jobs {
        for path in paths.iter().filter(|path| !is_there(path)) {
            let problem = Problem::new("no-such-file", format!("`{path}` does not exist"));
            inputs.refuse(problem.at_value(format!("workflows.{}.jobs.{key}", file.file)));
        }
    }
}

fn publishes_share(share: &str, step: &Step) -> bool {
    let one = Workflow {
        file: String::new(),
        environment: None,
        steps: Vec::new(),
        destinations: vec![share.to_owned()],
        options: WorkflowOptions::default(),
    };
    step.publish.iter().any(|to| one.publishes(to, step))
}

fn options(file: &config::Workflow) -> WorkflowOptions {
    WorkflowOptions {
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
fn shares(inputs: &Inputs<'_>, file: &config::Workflow, destinations: &[Destination]) -> Vec<String> {
    let config = inputs.config;
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
            let hint = format!("available: {}; `DESTINATION.ARTIFACT` selects one artifact", names.join(", "));
            inputs.refuse(problem.hint(hint).at_value(&at));
            continue;
        };
        if !whole && destination.github().is_some() {
            let text = format!("`{share}`: a GitHub release is made by one workflow file, as a whole");
            let problem = Problem::new("split-release", text).hint(format!("write `{}`", destination.name));
            inputs.refuse(problem.at_value(&at));
            continue;
        }
        shares.push(share.clone());
    }
    shares
}

fn environment(
    inputs: &Inputs<'_>,
    file: &config::Workflow,
    shares: &[String],
    destinations: &[Destination],
) -> Option<String> {
    let of =
        |destination: &&Destination| shares.iter().any(|one| *one == destination.name || named(one, &destination.name));
    let all: BTreeSet<Option<&str>> = destinations.iter().filter(of).map(|one| one.environment.as_deref()).collect();
    if all.len() > 1 {
        let names: Vec<&str> = all.iter().map(|name| name.unwrap_or("none")).collect();
        let text = format!("`{}` has one environment, but its destinations need {}", file.file, names.join(" and "));
        let hint = "give them the same `environment:`, or publish from two files under `workflows:`";
        inputs.refuse(Problem::new("two-environments", text).hint(hint).at_key("publish"));
    }
    all.into_iter().next().flatten().map(str::to_owned)
}

/// Steps that are chosen, all they need, and the checks that prove them.
pub fn needed(steps: &[&Step], chosen: impl Fn(&Step) -> bool) -> Vec<StepId> {
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
fn everything_once(inputs: &Inputs<'_>, steps: &[&Step], workflows: &[Workflow]) {
    let mut said: BTreeSet<String> = BTreeSet::new();
    for step in steps {
        for destination in &step.publish {
            let files: Vec<&str> = workflows
                .iter()
                .filter(|workflow| workflow.publishes(destination, step))
                .map(|workflow| workflow.file.as_str())
                .collect();
            let share = format!("{destination}.{}", step.artifact());
            if files.len() == 1 || !said.insert(share.clone()) {
                continue;
            }
            let problem = if files.is_empty() {
                Problem::new("in-no-workflow", format!("no workflow file publishes `{share}`"))
                    .hint(format!("add `{share}` or `{destination}` to the `publish:` of one of them"))
            } else {
                Problem::new("published-twice", format!("`{share}` is published by {}", files.join(" and ")))
                    .hint("keep it in the `publish:` of one of them")
            };
            inputs.refuse(problem.at_key("workflows"));
        }
    }
}
