//! Plans what proves that a distribution is what it says: installed and imported, told from its siblings, built back.

use super::distribution::Distribution;
use super::planner::Planned;
use super::{
    Bindings, Check, CheckWork, Import, Rebuild, Resolve, StageWork, Step, Variant, WheelBuilder, Work, locked,
};
use crate::config::{VariantCheck, Wheel, WheelSettings};
use crate::step_id::{StepId, StepKind};
use crate::target::{Libc, Os, Target};

pub fn checks(distribution: &Distribution<'_>, wheels: &[Planned]) -> Vec<Planned> {
    let steps = || wheels.iter().map(|planned| &planned.step);
    let imports = steps().map(|step| import(distribution, step));
    let resolves = steps().filter_map(|step| resolve(distribution, step));
    imports.chain(resolves).chain(readme(distribution, wheels)).collect()
}

/// Of several wheels, one for Linux.
pub fn near(wheels: &[Planned]) -> Option<&Step> {
    let is_near = |step: &&Step| step.target.is_some_and(|target| target.os() == Os::Linux);
    let steps = || wheels.iter().map(|planned| &planned.step);
    steps().find(is_near).or(steps().next())
}

/// Texts that must be in its library.
pub fn present(wheel: &Wheel) -> Vec<String> {
    texts(wheel).0.to_vec()
}

/// Texts that must not be in it: what must be in a sibling's is what tells the two apart.
pub fn absent(distribution: &Distribution<'_>) -> Vec<String> {
    let (present, own) = texts(distribution.wheel);
    let mut absent = own.to_vec();
    for sibling in distribution.siblings() {
        let theirs = texts(sibling).0.iter().filter(|text| !present.contains(text));
        absent.extend(theirs.cloned());
    }
    absent.sort();
    absent.dedup();
    absent
}

/// Installed into an environment of its own, on the machine that built it.
fn import(distribution: &Distribution<'_>, wheel: &Step) -> Planned {
    let own = expression(distribution.wheel);
    let (stage, programs) = match &wheel.work {
        Work::Wheel(work) if work.bindings == Bindings::Bin => (Some(&work.stage), programs(distribution, &work.stage)),
        work => (work.stage(), Vec::new()),
    };
    let others = distribution.siblings().filter_map(expression);
    let import = Import {
        modules: stage.map(|stage| stage.modules.clone()).unwrap_or_default(),
        scripts: distribution.project.scripts.clone(),
        programs,
        untrue: others.filter(|theirs| Some(theirs) != own.as_ref()).collect(),
        expression: own,
    };
    let not_run = wheel.target.and_then(|target| {
        let settings = distribution.settings(target);
        let label = settings.and_then(|settings| settings.cargo.runner.as_deref());
        // Executables for musl are static, its wheels are for a Python of it.
        let (who, is_native) = distribution.planner.runs(label, target);
        (!is_native || target.libc() == Libc::Musl).then(|| format!("{who} cannot import wheels of {target}"))
    });
    let work = CheckWork { not_run, ..CheckWork::of(&wheel.id, Check::Import(import)) };
    Planned::check(wheel, StepKind::ImportCheck, work, &distribution.at)
}

/// The programs that maturin puts into it: all that cargo compiles with these features.
fn programs(distribution: &Distribution<'_>, stage: &StageWork) -> Vec<String> {
    let package = distribution.package();
    let compiled = package.map(|package| package.compiled(&stage.features, stage.default_features, stage.all_features));
    compiled.into_iter().flatten().map(str::to_owned).collect()
}

/// Which crates tell it from its siblings. Without siblings, or with a variant check of the user's, nothing has to.
fn resolve(distribution: &Distribution<'_>, wheel: &Step) -> Option<Planned> {
    let target = wheel.target?;
    let settings = distribution.settings(target)?;
    if distribution.wheel.variant_check != VariantCheck::Auto || is_given(wheel) {
        return None;
    }
    let others =
        distribution.siblings().filter(|sibling| sibling.variant_check == VariantCheck::Auto).filter_map(|sibling| {
            let (_, settings) = sibling.builds.iter().find(|(other, _)| *other == target)?;
            Some(variant(distribution, sibling, settings))
        });
    let others: Vec<Variant> = others.collect();
    if others.is_empty() {
        return None;
    }
    let resolve = Resolve {
        manifest: distribution.project.manifest.clone(),
        locked: locked::holds(settings.cargo.locked, distribution.package()),
        own: variant(distribution, distribution.wheel, settings),
        others,
    };
    let work = CheckWork::of(&wheel.id, Check::Resolve(resolve));
    Some(Planned::check(wheel, StepKind::FeaturesCheck, work, &distribution.at))
}

fn variant(distribution: &Distribution<'_>, wheel: &Wheel, settings: &WheelSettings) -> Variant {
    let flags = &distribution.project.feature_flags;
    Variant {
        distribution: wheel.name.clone(),
        features: distribution.features(settings),
        default_features: settings.cargo.default_features && !flags.no_default,
        all_features: settings.cargo.all_features || flags.all,
    }
}

/// Whether its README renders. Markdown and plain text always do; the wheels of all machines have the same.
fn readme(distribution: &Distribution<'_>, wheels: &[Planned]) -> Option<Planned> {
    let written = match distribution.wheel.project.get("readme") {
        Some(readme) => readme.as_str().or(readme["content-type"].as_str()).or(readme["file"].as_str()),
        None => distribution.project.readme.as_deref(),
    };
    let written = written?.to_lowercase();
    if !written.ends_with(".rst") && !written.starts_with("text/x-rst") {
        return None;
    }
    let wheel = near(wheels)?;
    Some(Planned::check(wheel, StepKind::ReadmeCheck, CheckWork::of(&wheel.id, Check::Readme), &distribution.at))
}

/// The sdist, built back into the wheel of its machine.
pub fn rebuild(distribution: &Distribution<'_>, sdist: &Step, wheels: &[Planned]) -> Option<Planned> {
    let mut steps = wheels.iter().map(|planned| &planned.step);
    let wheel = steps.find(|wheel| wheel.target == sdist.target && !is_given(wheel))?;
    let work = CheckWork::of(&sdist.id, Check::Rebuild(Rebuild { wheel: wheel.id.clone() }));
    let mut check = Planned::check(sdist, StepKind::SdistCheck, work, &distribution.at);
    let triple = sdist.target.map(Target::triple).unwrap_or_default();
    check.step.id = StepId::new(StepKind::SdistCheck, sdist.id.entry(), triple);
    check.step.needs.push(wheel.id.clone());
    Some(check)
}

fn is_given(step: &Step) -> bool {
    matches!(&step.work, Work::Wheel(work) if work.builder == WheelBuilder::Prebuilt)
}

fn texts(wheel: &Wheel) -> (&[String], &[String]) {
    match &wheel.variant_check {
        VariantCheck::Written { present, absent, .. } => (present, absent),
        VariantCheck::Auto | VariantCheck::Off => (&[], &[]),
    }
}

fn expression(wheel: &Wheel) -> Option<String> {
    match &wheel.variant_check {
        VariantCheck::Written { python, .. } => python.clone(),
        VariantCheck::Auto | VariantCheck::Off => None,
    }
}
