//! Groups steps into legs: all steps of one runner, container and target are one machine.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::Inputs;
use super::{Check, CheckWork, Leg, Part, Step, WheelBuilder, Work, runner};
use crate::config::Binaries;
use crate::step_id::{self, StepId, StepKind};
use crate::target::Target;

/// What a leg is made of.
#[derive(Clone, PartialEq, Eq)]
struct Machine {
    wave: u8,
    runner: String,
    container: Option<String>,
    target: Option<Target>,
    /// With `legs: step`, what is compiled there.
    alone: Option<String>,
}

/// Puts every step that needs a machine of its own kind into a leg; the rest is `build --rest`.
pub fn legs(inputs: &Inputs<'_>, steps: &mut [Step], parts: &[Part]) -> Vec<Leg> {
    let mut legs: Vec<(Machine, Leg)> = Vec::new();
    let alone = alone(inputs, parts);
    for index in 0..steps.len() {
        let Some(machine) = machine(inputs, steps, &alone, index) else { continue };
        let known = legs.iter().position(|(other, _)| *other == machine);
        let at = known.unwrap_or_else(|| {
            let leg = Leg {
                id: name(&machine, &legs),
                wave: machine.wave,
                runner: machine.runner.clone(),
                container: machine.container.clone(),
                target: machine.target,
                steps: Vec::new(),
                install: Vec::new(),
                needs_assets: false,
            };
            legs.push((machine.clone(), leg));
            legs.len() - 1
        });
        let leg = &mut legs[at].1;
        leg.steps.push(steps[index].id.clone());
        leg.needs_assets |= leg.wave > 1 && steps[index].needs.iter().any(|need| need.kind() == StepKind::Asset);
        if let (Work::Binary(work), Some(target)) = (&steps[index].work, machine.target) {
            for line in runner::install(&machine.runner, machine.container.is_some(), target, work.builder) {
                if !leg.install.contains(&line) {
                    leg.install.push(line);
                }
            }
        }
        if let Work::Wheel(work) = &steps[index].work
            && work.builder != WheelBuilder::Prebuilt
        {
            let patchelf = if work.repair { runner::install_patchelf() } else { Vec::new() };
            for line in runner::install_python(work.builder == WheelBuilder::Zig).into_iter().chain(patchelf) {
                if !leg.install.contains(&line) {
                    leg.install.push(line);
                }
            }
        }
        if matches!(steps[index].work, Work::Check(CheckWork { check: Check::Readme, .. })) {
            leg.install.extend(runner::install_readme());
        }
        steps[index].leg = Some(leg.id.clone());
    }
    legs.into_iter().map(|(_, leg)| leg).collect()
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

/// The machine a step needs; steps with needs stand after them, so those already have a leg.
fn machine(inputs: &Inputs<'_>, steps: &[Step], alone: &BTreeSet<&StepId>, index: usize) -> Option<Machine> {
    let step = &steps[index];
    let own = alone.contains(&step.id).then(|| step.id.entry().to_owned());
    match &step.work {
        Work::Asset(_) => {
            let asset = inputs.config.assets.iter().find(|asset| step.id.is_of(&asset.name));
            let runner = asset.and_then(|asset| asset.runner.clone()).unwrap_or_else(|| runner::any().to_owned());
            Some(Machine { wave: 1, runner, container: None, target: None, alone: None })
        }
        Work::Binary(_) => {
            let target = step.target?;
            let (runner, container) = chosen(inputs, &step.id, target);
            let runner = runner.unwrap_or_else(|| runner::native(target).to_owned());
            Some(Machine { wave: 2, runner, container, target: Some(target), alone: own })
        }
        Work::Wheel(_) | Work::Sdist(_) => {
            let target = step.target?;
            let stage = match &step.work {
                Work::Wheel(work) => &work.stage,
                Work::Sdist(work) => &work.stage,
                _ => return None,
            };
            let wheel = inputs.config.wheels.iter().find(|wheel| wheel.name == stage.distribution)?;
            let settings =
                wheel.builds.iter().find(|(other, _)| *other == target).map(|(_, settings)| &settings.cargo)?;
            let runner = settings.runner.clone().unwrap_or_else(|| runner::native(target).to_owned());
            let container = settings.container.clone();
            Some(Machine { wave: 2, runner, container, target: Some(target), alone: own })
        }
        Work::Archive(_) | Work::Check(_) => {
            // Together with what it needs, if that is all on one machine.
            let mut machines: Vec<Machine> = Vec::new();
            for need in step.needs.iter().filter(|need| need.kind() != StepKind::Asset) {
                let at = steps.iter().position(|other| other.id == *need)?;
                let machine = machine(inputs, steps, alone, at)?;
                if !machines.contains(&machine) {
                    machines.push(machine);
                }
            }
            <[Machine; 1]>::try_from(machines).ok().map(|[machine]| machine)
        }
        Work::Checksums(_) | Work::Layer(_) | Work::Image(_) | Work::Index(_) => None,
    }
}

/// `runner:` and `container:` as configured for a binary step.
fn chosen(inputs: &Inputs<'_>, step: &StepId, target: Target) -> (Option<String>, Option<String>) {
    let of = |builds: &[(Target, crate::config::BinarySettings)]| {
        let found = builds.iter().find(|(other, _)| *other == target);
        found.map(|(_, settings)| (settings.runner.clone(), settings.container.clone())).unwrap_or_default()
    };
    match &inputs.config.binaries {
        Binaries::Off => (None, None),
        Binaries::Implied(implied) => of(&implied.builds),
        Binaries::Listed(list) => {
            let Some(binary) = list.iter().find(|binary| step.is_of(&binary.name)) else { return (None, None) };
            if step.variant() == target.triple() {
                return of(&binary.builds);
            }
            // A hidden static build: on the machine of the build that it stands in for.
            let same =
                binary.builds.iter().find(|(other, _)| other.os() == target.os() && other.arch() == target.arch());
            let settings = same.map(|(_, settings)| settings.static_build.as_deref().unwrap_or(settings));
            settings.map(|settings| (settings.runner.clone(), settings.container.clone())).unwrap_or_default()
        }
    }
}

/// The triple; with a container or an unusual runner also that; `assets-<runner>` for wave 1.
fn name(machine: &Machine, legs: &[(Machine, Leg)]) -> String {
    let Some(target) = machine.target else { return step_id::plain(&format!("assets-{}", machine.runner)).collect() };
    let mut name = target.triple().to_owned();
    if let Some(container) = &machine.container {
        name = format!("{name}-{container}");
    }
    if machine.runner != runner::native(target) {
        name = format!("{name}-{}", machine.runner);
    }
    if let Some(alone) = &machine.alone {
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
