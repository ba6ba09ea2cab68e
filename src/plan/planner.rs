//! What the kinds make their steps with: the releases, the steps that are there already, destinations, machines.

use std::collections::HashMap;

use super::inputs::Inputs;
use super::release::Releases;
use super::{CheckWork, Origin, Release, Step, Work, runner};
use crate::config::schema::nearest;
use crate::config::{self, BinarySettings, DestinationCommand, Publish};
use crate::facts::Package;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::Target;

/// A finished step, and what only the planner knows of it.
#[derive(Clone)]
pub struct Planned {
    pub step: Step,
    /// What it is made on. Nothing: with what it needs, or where all results came together.
    pub machine: Option<Machine>,
    /// Where its entry is in the configuration.
    pub at: String,
}

impl Planned {
    /// A check of a step, of the same entry.
    pub fn check(subject: &Step, kind: StepKind, work: CheckWork, at: &str) -> Self {
        let step = Step {
            id: subject.id.with_kind(kind),
            component: subject.component.clone(),
            needs: vec![subject.id.clone()],
            publish: Vec::new(),
            job: None,
            target: subject.target,
            work: Work::Check(work),
        };
        Self { step, machine: None, at: at.to_owned() }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Machine {
    /// 1: assets, needed by others. 2: what is compiled. 3: images from Dockerfiles.
    pub wave: u8,
    pub runner: String,
    pub container: Option<String>,
    pub target: Option<Target>,
    /// What its job is called, where not its target says so: the same name is the same job.
    pub name: Option<String>,
}

impl Machine {
    pub fn of(settings: &BinarySettings, target: Target) -> Self {
        let runner = settings.runner.clone().unwrap_or_else(|| runner::native(target).to_owned());
        Self { wave: 2, runner, container: settings.container.clone(), target: Some(target), name: None }
    }
}

/// An entry of the configuration while its steps are made.
#[derive(Clone, Copy)]
pub struct Entry<'e> {
    /// `archives.app`
    pub at: &'e str,
    pub component: &'e str,
    pub publish: &'e Publish,
}

/// What makes a plan, with the steps made so far.
pub struct Planner<'a> {
    pub inputs: &'a Inputs<'a>,
    pub releases: &'a Releases,
    steps: Vec<Planned>,
    places: HashMap<StepId, usize>,
}

impl<'a> Planner<'a> {
    pub fn new(inputs: &'a Inputs<'a>, releases: &'a Releases) -> Self {
        Self { inputs, releases, steps: Vec::new(), places: HashMap::new() }
    }

    pub fn add(&mut self, steps: Vec<Planned>) {
        for planned in steps {
            self.places.insert(planned.step.id.clone(), self.steps.len());
            self.steps.push(planned);
        }
    }

    pub fn into_steps(self) -> Vec<Planned> {
        self.steps
    }

    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.places.get(id).map(|at| &self.steps[*at].step)
    }

    pub fn made(&self, kind: StepKind) -> impl Iterator<Item = &Step> {
        self.steps.iter().map(|planned| &planned.step).filter(move |step| step.id.kind() == kind)
    }

    /// The assets that an entry names under `assets:`.
    pub fn assets(&self, names: &[String], at: &str) -> Vec<StepId> {
        let found = names.iter().filter_map(|name| {
            let step = self.step(&StepId::of(StepKind::Asset, name));
            if step.is_none() {
                let problem = Problem::new("unknown-asset", format!("no asset is called `{name}`"));
                self.inputs.refuse(problem.at_value(format!("{at}.assets")));
            }
            step.map(|step| step.id.clone())
        });
        found.collect()
    }

    /// The release whose version a component's files carry.
    pub fn release(&self, component: &str) -> &'a Release {
        self.releases.for_component(component)
    }

    /// The version that a program says: the release's; in a snapshot, and of a component that is not released, its package's
    /// own.
    pub fn said_version(&self, component: &str, package: Option<&Package>) -> Option<String> {
        match self.releases.of(component).filter(|_| self.releases.origin != Origin::Snapshot) {
            Some(release) => Some(release.version.to_string()),
            None => package.map(|package| package.version.to_string()),
        }
    }

    /// The destinations that a step goes to: those written, else all of its kind.
    pub fn destinations(&self, id: &StepId, work: &Work, entry: Entry<'_>) -> Vec<String> {
        let known = &self.inputs.config.destinations;
        let names: Vec<&str> = match entry.publish {
            Publish::Off => return Vec::new(),
            Publish::Default => known.iter().filter(|one| fits(work, one)).map(|one| one.name.as_str()).collect(),
            Publish::To(names) => names.iter().map(String::as_str).collect(),
        };
        if names.is_empty() && !self.inputs.is_refused_for(|known| known.code == "no-destination") {
            let text = format!("`{id}` is not published: no destination accepts it");
            let hint = "add a destination to `publish:`, or set `publish: false` there";
            self.inputs.refuse(Problem::new("no-destination", text).hint(hint).at_key(entry.at));
        }
        let release = self.releases.of(entry.component);
        let chosen = names.into_iter().filter_map(|name| self.destination(name, work, entry.at));
        chosen
            .filter(|one| release.is_some_and(|release| self.inputs.takes(one.when, release)))
            .map(|one| one.name.clone())
            .collect()
    }

    /// A destination that is named, if it takes such a thing.
    fn destination(&self, name: &str, work: &Work, at: &str) -> Option<&'a config::Destination> {
        let known = &self.inputs.config.destinations;
        let at = format!("{at}.publish");
        let Some(found) = known.iter().find(|one| one.name == name) else {
            let near = nearest(name, known.iter().map(|one| one.name.as_str()));
            let hint = near.map_or_else(
                || "destinations are listed under `publish:`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let problem = Problem::new("unknown-destination", format!("no destination is called `{name}`"));
            self.inputs.refuse(problem.hint(hint).at_value(at));
            return None;
        };
        if fits(work, found) || is_of_python(work) && found.github().is_some() {
            return Some(found);
        }
        let (what, kind) = match work {
            Work::Image(_) | Work::Index(_) => ("an image", "registry"),
            Work::Chart(_) => ("a chart", "registry"),
            Work::Wheel(_) | Work::Sdist(_) => ("a distribution", "pypi"),
            _ => ("a file", "github"),
        };
        let text =
            format!("`{name}` does not accept {}: {what} is published to destinations of kind `{kind}`", work.kind());
        self.inputs.refuse(Problem::new("wrong-destination", text).at_value(at));
        None
    }

    /// Who runs what was made for a target, and whether it can: a machine with this label, or the one machine there is.
    pub fn runs(&self, label: Option<&str>, target: Target) -> (String, bool) {
        if let Some(host) = self.inputs.request.host.or(self.inputs.request.machine) {
            return (format!("this machine ({host})"), runner::runs(runner::native(host), target));
        }
        let label = label.unwrap_or_else(|| runner::native(target));
        (format!("`{label}`"), runner::runs(label, target))
    }
}

/// Whether things like this go to a destination when nothing is written.
fn fits(work: &Work, destination: &config::Destination) -> bool {
    if let Some(command) = destination.command() {
        return accepts(command, kind_of(work));
    }
    match work {
        Work::Image(_) | Work::Index(_) | Work::Chart(_) => {
            matches!(destination.kind, config::DestinationKind::Registry(_))
        }
        Work::Wheel(_) | Work::Sdist(_) => matches!(destination.kind, config::DestinationKind::Pypi(_)),
        _ => destination.github().is_some(),
    }
}

fn kind_of(work: &Work) -> StepKind {
    match work {
        Work::Archive(_) => StepKind::Archive,
        Work::Asset(_) => StepKind::Asset,
        Work::Wheel(_) => StepKind::Wheel,
        Work::Sdist(_) => StepKind::Sdist,
        Work::Chart(_) => StepKind::Chart,
        Work::Image(_) | Work::Index(_) => StepKind::Index,
        _ => StepKind::Binary,
    }
}

/// Whether a command is told of steps of a kind.
pub fn accepts(command: &DestinationCommand, kind: StepKind) -> bool {
    let word = match kind {
        StepKind::Archive => "archive",
        StepKind::Asset => "asset",
        StepKind::Wheel => "wheel",
        StepKind::Sdist => "sdist",
        StepKind::Chart => "chart",
        StepKind::Image | StepKind::Index => "image",
        _ => return false,
    };
    command.accepts.contains(&word)
}

/// A release on GitHub may hold these, too, if that is written.
fn is_of_python(work: &Work) -> bool {
    matches!(work, Work::Wheel(_) | Work::Sdist(_))
}
