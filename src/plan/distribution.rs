//! One Python distribution while its steps are made: its project, its crate, its siblings.

use super::inputs::Inputs;
use super::planner::{Entry, Machine, Planned, Planner};
use super::release::Source;
use super::{Step, Work};
use crate::config::schema::nearest;
use crate::config::{Wheel, WheelSettings};
use crate::facts::Package;
use crate::facts::python::PythonProject;
use crate::problem::Problem;
use crate::step_id::StepId;
use crate::target::Target;

/// The Cargo.toml of a distribution's `manifest:` or `package:`.
fn manifest(inputs: &Inputs<'_>, wheel: &Wheel) -> Option<String> {
    let settings = wheel.builds.first().map(|(_, settings)| &settings.cargo)?;
    settings.manifest.clone().or_else(|| {
        let package = settings.package.as_ref()?;
        inputs.facts.packages.iter().find(|known| known.name == *package).map(|known| known.manifest.clone())
    })
}

/// The maturin project of a distribution: the one of its Cargo.toml, or the only one.
fn known_project<'f>(inputs: &Inputs<'f>, wheel: &Wheel) -> Option<&'f PythonProject> {
    let projects = &inputs.facts.python;
    match manifest(inputs, wheel) {
        Some(manifest) => projects.iter().find(|project| project.manifest == manifest),
        None => <&[PythonProject; 1]>::try_from(projects.as_slice()).ok().map(|[only]| only),
    }
}

/// The same; a distribution without one is refused.
fn project<'f>(inputs: &Inputs<'f>, wheel: &Wheel) -> Option<&'f PythonProject> {
    let found = known_project(inputs, wheel);
    if found.is_none() {
        let (projects, manifest) = (&inputs.facts.python, manifest(inputs, wheel));
        let known: Vec<&str> = projects.iter().map(|project| project.manifest.as_str()).collect();
        let text = match &manifest {
            Some(manifest) => format!("`{manifest}` has no pyproject.toml that names maturin as build backend"),
            None if known.is_empty() => format!("there is no maturin project for `{}`", wheel.name),
            None => format!("which project is `{}`? there are {}", wheel.name, known.join(", ")),
        };
        let near = manifest.as_deref().and_then(|manifest| nearest(manifest, known.iter().copied()));
        let hint = near
            .map_or_else(|| "write `manifest: path/Cargo.toml`".to_owned(), |near| format!("did you mean `{near}`?"));
        inputs.refuse(Problem::new("unknown-project", text).hint(hint).at_key(format!("wheels.{}", wheel.name)));
    }
    found
}

/// What makes the steps of one distribution.
pub struct Distribution<'a> {
    pub planner: &'a Planner<'a>,
    pub wheel: &'a Wheel,
    pub project: &'a PythonProject,
    /// `wheels.app`
    pub at: String,
    pub component: String,
}

impl<'a> Distribution<'a> {
    pub fn of(planner: &'a Planner<'a>, wheel: &'a Wheel) -> Option<Self> {
        let project = project(planner.inputs, wheel)?;
        let component = component(planner.inputs, wheel);
        Some(Self { planner, wheel, project, at: format!("wheels.{}", wheel.name), component })
    }

    pub fn package(&self) -> Option<&'a Package> {
        self.planner.inputs.facts.packages.iter().find(|known| known.manifest == self.project.manifest)
    }

    pub fn settings(&self, target: Target) -> Option<&'a WheelSettings> {
        self.wheel.builds.iter().find(|(other, _)| *other == target).map(|(_, settings)| settings)
    }

    /// Other distributions of the same crate.
    pub fn siblings(&self) -> impl Iterator<Item = &'a Wheel> {
        let same = |wheel: &&Wheel| {
            wheel.name != self.wheel.name
                && known_project(self.planner.inputs, wheel)
                    .is_some_and(|project| project.manifest == self.project.manifest)
        };
        self.planner.inputs.config.wheels.iter().filter(same)
    }

    /// Every feature of a build: those that the pyproject.toml has, and those of the configuration.
    pub fn features(&self, settings: &WheelSettings) -> Vec<String> {
        let project = self.project;
        let mut all = project.features.clone();
        all.extend(settings.cargo.features.iter().filter(|feature| !project.features.contains(feature)).cloned());
        all
    }

    pub fn refuse_unknown_features(&self) {
        let Some(package) = self.package() else { return };
        let written = self.wheel.builds.iter().flat_map(|(_, settings)| &settings.cargo.features);
        for feature in written.filter(|feature| !feature.contains('/') && !package.features.contains(feature)) {
            let text = format!("`{}` has no feature `{feature}`", package.name);
            let near = nearest(feature, package.features.iter().map(String::as_str));
            let hint = near.map_or_else(
                || format!("it has: {}", package.features.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let problem = Problem::new("unknown-feature", text).hint(hint).at_value(format!("{}.features", self.at));
            self.planner.inputs.refuse(problem);
        }
    }

    /// A wheel or an sdist, on the machine of its target.
    pub fn made(&self, id: StepId, target: Option<Target>, work: Work) -> Planned {
        let entry = Entry { at: &self.at, component: &self.component, publish: &self.wheel.publish };
        let publish = self.planner.destinations(&id, &work, entry);
        let machine = target.and_then(|target| Some(Machine::of(&self.settings(target)?.cargo, target)));
        let needs = work.stage().map(|stage| stage.assets.clone()).unwrap_or_default();
        let component = self.component.clone();
        let step = Step { id, component, needs, publish, job: None, target, work };
        Planned { step, machine, at: self.at.clone() }
    }
}

pub fn sources<'f>(inputs: &Inputs<'f>) -> Vec<Source<'f>> {
    let of = |wheel: &Wheel| {
        let project = known_project(inputs, wheel)?;
        let package = inputs.facts.packages.iter().find(|package| package.manifest == project.manifest);
        Some(Source { component: component(inputs, wheel), package, project: Some(project), ..Source::default() })
    };
    inputs.config.wheels.iter().filter_map(of).collect()
}

fn component(inputs: &Inputs<'_>, wheel: &Wheel) -> String {
    inputs.component(wheel.component.as_deref(), wheel.name.as_str())
}
