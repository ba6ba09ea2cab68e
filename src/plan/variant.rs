//! Plans what proves that a distribution is what it says: installed and imported, told from its siblings, built back.

use super::wheel::{Maker, known_project};
use super::{
    Bindings, Check, CheckWork, Import, Rebuild, Resolve, StageWork, Step, Variant, WheelBuilder, Work, locked, runner,
};
use crate::config::{Probe, Wheel, WheelSettings};
use crate::facts::python::PythonProject;
use crate::step_id::{StepId, StepKind};
use crate::target::{Libc, Os, Target};

/// Every feature of a build: those that the pyproject.toml has, and those of the configuration.
pub fn features(project: &PythonProject, settings: &WheelSettings) -> Vec<String> {
    let mut all = project.features.clone();
    all.extend(settings.cargo.features.iter().filter(|feature| !project.features.contains(feature)).cloned());
    all
}

fn variant(project: &PythonProject, wheel: &Wheel, settings: &WheelSettings) -> Variant {
    Variant {
        distribution: wheel.name.clone(),
        features: features(project, settings),
        default_features: settings.cargo.default_features && !project.feature_flags.no_default,
        all_features: settings.cargo.all_features || project.feature_flags.all,
    }
}

impl Maker<'_> {
    /// Other distributions of the same crate.
    fn siblings(&self) -> impl Iterator<Item = &Wheel> {
        let same = |wheel: &&Wheel| {
            wheel.name != self.wheel.name
                && known_project(self.inputs, wheel).is_some_and(|project| project.manifest == self.project.manifest)
        };
        self.inputs.config.wheels.iter().filter(same)
    }

    /// Texts that must be in its library.
    pub fn present(&self) -> Vec<String> {
        texts(self.wheel).0.to_vec()
    }

    /// Texts that must not be in it: what must be in a sibling's is what tells the two apart.
    pub fn absent(&self) -> Vec<String> {
        let (present, own) = texts(self.wheel);
        let mut absent = own.to_vec();
        for sibling in self.siblings() {
            let theirs = texts(sibling).0.iter().filter(|text| !present.contains(text));
            absent.extend(theirs.cloned());
        }
        absent.sort();
        absent.dedup();
        absent
    }

    /// Installed into an environment of its own, on the machine that built it.
    pub fn import(&self, wheel: &Step) -> Step {
        let own = expression(self.wheel);
        let (stage, programs) = match &wheel.work {
            Work::Wheel(work) if work.bindings == Bindings::Bin => (Some(&work.stage), self.programs(&work.stage)),
            Work::Wheel(work) => (Some(&work.stage), Vec::new()),
            _ => (None, Vec::new()),
        };
        let untrue = self.siblings().filter_map(expression).filter(|theirs| Some(theirs) != own.as_ref()).collect();
        let import = Import {
            modules: stage.map(|stage| stage.modules.clone()).unwrap_or_default(),
            scripts: self.project.scripts.clone(),
            programs,
            expression: own,
            untrue,
        };
        let settings = wheel.target.and_then(|target| self.settings(target));
        let label = settings.and_then(|settings| settings.cargo.runner.as_deref());
        let not_run = wheel.target.and_then(|target| {
            let label = label.unwrap_or_else(|| runner::native(target));
            let native = runner::runs(label, target) && target.libc() != Libc::Musl;
            (!native).then(|| format!("`{label}` cannot import wheels of {target}"))
        });
        let work = CheckWork { not_run, ..CheckWork::of(wheel, Check::Import(import)) };
        self.check(StepKind::ImportCheck, wheel, Vec::new(), work)
    }

    /// The programs that maturin puts into it: all that cargo compiles with these features.
    fn programs(&self, stage: &StageWork) -> Vec<String> {
        let package = self.inputs.facts.packages.iter().find(|package| package.manifest == stage.manifest);
        let compiled =
            package.map(|package| package.compiled(&stage.features, stage.default_features, stage.all_features));
        compiled.into_iter().flatten().map(str::to_owned).collect()
    }

    /// Which crates tell it from its siblings. Without siblings, or with a probe of the user's, nothing has to.
    pub fn resolve(&self, wheel: &Step) -> Option<Step> {
        let target = wheel.target?;
        let settings = self.settings(target)?;
        if self.wheel.probe != Probe::Auto || is_given(wheel) {
            return None;
        }
        let own = variant(self.project, self.wheel, settings);
        let others = self.siblings().filter(|sibling| sibling.probe == Probe::Auto).filter_map(|sibling| {
            let (_, settings) = sibling.builds.iter().find(|(other, _)| *other == target)?;
            Some(variant(self.project, sibling, settings))
        });
        let others: Vec<Variant> = others.collect();
        let locked = locked::holds(settings.cargo.locked, self.package());
        if others.is_empty() {
            return None;
        }
        let resolve = Resolve { manifest: self.project.manifest.clone(), locked, own, others };
        Some(self.check(StepKind::FeaturesCheck, wheel, Vec::new(), CheckWork::of(wheel, Check::Resolve(resolve))))
    }

    /// Whether its README renders. Markdown and plain text always do; the wheels of all machines have the same.
    pub fn readme(&self, wheels: &[Step]) -> Option<Step> {
        let written = match self.wheel.project.get("readme") {
            Some(readme) => readme.as_str().or(readme["content-type"].as_str()).or(readme["file"].as_str()),
            None => self.project.readme.as_deref(),
        };
        let written = written?.to_lowercase();
        if !written.ends_with(".rst") && !written.starts_with("text/x-rst") {
            return None;
        }
        let near = wheels.iter().find(|step| step.target.is_some_and(|target| target.os() == Os::Linux));
        let wheel = near.or(wheels.first())?;
        Some(self.check(StepKind::ReadmeCheck, wheel, Vec::new(), CheckWork::of(wheel, Check::Readme)))
    }

    /// The sdist, built back into the wheel of its machine.
    pub fn rebuild(&self, sdist: &Step, wheels: &[Step]) -> Option<Step> {
        let wheel = wheels.iter().find(|wheel| wheel.target == sdist.target && !is_given(wheel))?;
        let rebuild = Check::Rebuild(Rebuild { wheel: wheel.id.clone() });
        Some(self.check(StepKind::SdistCheck, sdist, vec![wheel.id.clone()], CheckWork::of(sdist, rebuild)))
    }

    fn settings(&self, target: Target) -> Option<&WheelSettings> {
        self.wheel.builds.iter().find(|(other, _)| *other == target).map(|(_, settings)| settings)
    }

    fn check(&self, kind: StepKind, subject: &Step, more: Vec<StepId>, work: CheckWork) -> Step {
        let triple = subject.target.map(Target::triple).unwrap_or_default();
        let step = StepId::new(kind, self.wheel.name.as_str(), triple);
        let needs = std::iter::once(subject.id.clone()).chain(more).collect();
        self.step(step, needs, subject.target, Work::Check(work))
    }
}

fn is_given(step: &Step) -> bool {
    matches!(&step.work, Work::Wheel(work) if work.builder == WheelBuilder::Prebuilt)
}

fn texts(wheel: &Wheel) -> (&[String], &[String]) {
    match &wheel.probe {
        Probe::Written { present, absent, .. } => (present, absent),
        Probe::Auto | Probe::Off => (&[], &[]),
    }
}

fn expression(wheel: &Wheel) -> Option<String> {
    match &wheel.probe {
        Probe::Written { python, .. } => python.clone(),
        Probe::Auto | Probe::Off => None,
    }
}
