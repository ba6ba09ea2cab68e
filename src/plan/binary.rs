//! Plans compilations: which package, which executables, by which program, and the smoke check of each.

use std::collections::BTreeMap;

use super::decide::{Inputs, Problems};
use super::{
    BinaryWork, Bindings, Check, CheckWork, Origin, Output, PlannedBuilder, Release, SdistWork, SmokeCheck, Step,
    WheelWork, Work, asset, locked, macos, runner,
};
use crate::config::schema::nearest;
use crate::config::{Binaries, Binary, BinarySettings, Builder, Smoke};
use crate::facts::{Facts, Package};
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::{Libc, Linkage, Os, Target};

/// One step per entry and target, each followed by its smoke check.
pub fn steps(inputs: &Inputs<'_>, entries: &[Binary], assets: &[Step], problems: &mut Problems) -> Vec<Step> {
    let mut steps = Vec::new();
    for binary in entries {
        for (target, settings) in &binary.builds {
            let Some(package) = package(inputs, binary, settings, problems) else { break };
            let known = problems.len();
            let Some(step) = compile(inputs, binary, *target, (settings, package), (assets, problems)) else { break };
            let check = check(&step, &settings.smoke, settings.runner.as_deref());
            steps.extend(std::iter::once(step).chain(check));
            if problems.len() > known {
                break;
            }
        }
    }
    steps
}

/// The entries as written, or one per package with binaries.
pub fn entries(inputs: &Inputs<'_>, problems: &mut Problems) -> Vec<Binary> {
    let implied = match &inputs.config.binaries {
        Binaries::Off => return Vec::new(),
        Binaries::Listed(list) => return list.clone(),
        Binaries::Implied(implied) => implied,
    };
    let with_binaries = || inputs.facts.packages.iter().filter(|package| !package.bins.is_empty());
    let published: Vec<&Package> = with_binaries().filter(|package| package.publish).collect();
    let packages = if published.is_empty() { with_binaries().collect() } else { published };
    let components = &inputs.config.components;
    let chosen: Vec<&Package> = if components.is_empty() {
        packages
    } else {
        with_binaries().filter(|package| components.iter().any(|component| component.name == package.name)).collect()
    };
    if chosen.is_empty() && inputs.config.assets.is_empty() && inputs.config.wheels.is_empty() {
        let problem = Problem::new("no-binary", "no cargo package here has a binary");
        problems.push(problem.hint("add one, or describe what is released in longshore.yaml"));
    }
    chosen.into_iter().map(|package| Binary { name: package.name.clone(), ..implied.as_ref().clone() }).collect()
}

/// A static build that only images use, and its check: `binary.<name>.<triple>-static`. It is not archived.
pub fn hidden(
    inputs: &Inputs<'_>,
    binary: &Binary,
    (target, settings): (Target, &BinarySettings),
    (assets, problems): (&[Step], &mut Problems),
) -> Option<(Step, Option<Step>)> {
    let own = settings.static_build.as_deref().unwrap_or(settings);
    let settings = BinarySettings { linkage: Some(Linkage::Static), glibc: None, ..own.clone() };
    let package = package(inputs, binary, &settings, problems)?;
    let mut step = compile(inputs, binary, target, (&settings, package), (assets, problems))?;
    step.id = StepId::new(StepKind::Binary, &binary.name, &format!("{target}-static"));
    let check = check(&step, &settings.smoke, settings.runner.as_deref());
    Some((step, check))
}

/// The cargo package of an entry.
fn package<'f>(
    inputs: &Inputs<'f>,
    binary: &Binary,
    settings: &BinarySettings,
    problems: &mut Problems,
) -> Option<&'f Package> {
    let name = settings.package.as_deref().unwrap_or(&binary.name);
    let packages = &inputs.facts.packages;
    let outside = settings.manifest.as_deref();
    let fits = |package: &&Package| match outside {
        Some(manifest) if package.manifest == manifest => settings.package.is_none() || package.name == name,
        // That of a workspace stands for its members.
        Some(manifest) => package.workspace == manifest && package.name == name,
        None => package.name == name,
    };
    if let Some(found) = packages.iter().find(fits) {
        return Some(found);
    }
    let place = if settings.package.is_some() { ".package" } else { "" };
    let path = format!("binaries.{}{place}", binary.name);
    let problem = match outside {
        Some(manifest) => Problem::new("unknown-package", format!("`{manifest}` has no package `{name}`")),
        None => Problem::new("unknown-package", format!("the workspace has no package `{name}`")),
    };
    let problem = if settings.package.is_some() { problem.at_value(path) } else { problem.at_key(path) };
    let hint = nearest(name, packages.iter().map(|package| package.name.as_str())).map_or_else(
        || "name it with `package:`".to_owned(),
        |near| format!("did you mean `{near}`? (`package: {near}`)"),
    );
    problems.push(problem.hint(hint));
    None
}

/// The compile step of one entry for one target.
fn compile(
    inputs: &Inputs<'_>,
    binary: &Binary,
    target: Target,
    (settings, package): (&BinarySettings, &Package),
    (assets, problems): (&[Step], &mut Problems),
) -> Option<Step> {
    let path = |key: &str| format!("binaries.{}.{key}", binary.name);
    let bins = bins(binary, settings, package, problems)?;
    problems.extend(runner::unbuildable(settings, target).map(|(key, problem)| problem.at_value(path(key))));
    let mut needs = Vec::new();
    for name in &settings.assets {
        match asset::named(assets, name) {
            Some(step) => needs.push(step.id.clone()),
            None => problems
                .push(Problem::new("unknown-asset", format!("no asset is called `{name}`")).at_value(path("assets"))),
        }
    }
    let outputs =
        bins.iter().map(|bin| Output { name: format!("{bin}{}", target.exe_suffix()), format: None }).collect();
    let builder = builder(settings, target);
    let folder = package.workspace.strip_suffix("Cargo.toml").unwrap_or_default().trim_end_matches('/');
    let place = macos::Place { entry: &format!("binaries.{}", binary.name), folder, project: None, in_tag: false };
    let macos = macos::of(inputs, target, (settings, place), problems);
    // What others made is for what they say.
    let macos = macos.filter(|(_, asked)| *asked || builder != PlannedBuilder::Prebuilt).map(|(version, _)| version);
    let work = BinaryWork {
        manifest: package.workspace.clone(),
        package: package.name.clone(),
        builder,
        prebuilt: prebuilt(inputs, &binary.name, settings, (target, &bins)),
        bins,
        profile: settings.profile.clone(),
        features: settings.features.clone(),
        default_features: settings.default_features,
        all_features: settings.all_features,
        locked: locked::holds(settings.locked, Some(package)),
        cargo_args: settings.cargo_args.clone(),
        env: settings.env.clone(),
        pass_env: settings.pass_env.clone(),
        before: settings.before.clone(),
        assets: needs.clone(),
        glibc: settings.glibc.clone(),
        macos,
        linkage: settings.linkage.unwrap_or_else(|| target.default_linkage()),
        max_size: settings.max_size,
    };
    Some(Step {
        id: StepId::new(StepKind::Binary, &binary.name, target.triple()),
        component: inputs.component(binary.component.as_deref(), &binary.name),
        needs,
        outputs,
        publish: Vec::new(),
        leg: None,
        target: Some(target),
        work: Work::Binary(work),
    })
}

/// The binaries of an entry, after its binaries and features were found in the package.
fn bins(binary: &Binary, settings: &BinarySettings, package: &Package, problems: &mut Problems) -> Option<Vec<String>> {
    let path = |key: &str| format!("binaries.{}.{key}", binary.name);
    let compiled = package.compiled(&settings.features, settings.default_features, settings.all_features);
    let bins: Vec<String> = match settings.bins.as_slice() {
        [] => compiled.iter().map(ToString::to_string).collect(),
        named => named.to_vec(),
    };
    if bins.is_empty() {
        let (text, hint) = if package.bins.is_empty() {
            (
                format!("package `{}` has no binary", package.name),
                "name the package that has with `package:`".to_owned(),
            )
        } else {
            let text = format!("no binary of package `{}` is compiled with these features", package.name);
            (text, format!("they want `required-features`: {}", required(package, &package.bins)))
        };
        problems.push(Problem::new("no-binary", text).hint(hint).at_key(format!("binaries.{}", binary.name)));
        return None;
    }
    for (index, bin) in settings.bins.iter().enumerate() {
        if package.bins.contains(bin) && !compiled.contains(&bin.as_str()) {
            let text = format!("cargo passes over binary `{bin}` without its features");
            let hint = format!("add `features: [{}]`", required(package, std::slice::from_ref(bin)));
            problems.push(Problem::new("missing-feature", text).hint(hint).at_value(path(&format!("bins.{index}"))));
        }
    }
    for (index, bin) in settings.bins.iter().enumerate().filter(|(_, bin)| !package.bins.contains(bin)) {
        let problem = Problem::new("unknown-bin", format!("package `{}` has no binary `{bin}`", package.name));
        let near = nearest(bin, package.bins.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
        problems.push(
            problem.at_value(path(&format!("bins.{index}"))).hint(near.unwrap_or_else(|| package.bins.join(", "))),
        );
    }
    if let Smoke::Each(each) = &settings.smoke {
        for bin in each.keys().filter(|bin| !bins.contains(bin)) {
            let problem = Problem::new("unknown-bin", format!("`{bin}` is none of the executables of this entry"));
            let near = nearest(bin, bins.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            problems.push(problem.at_key(path(&format!("smoke.{bin}"))).hint(near.unwrap_or_else(|| bins.join(", "))));
        }
    }
    for (index, feature) in settings.features.iter().enumerate() {
        if !feature.contains('/') && !package.features.contains(feature) {
            let problem =
                Problem::new("unknown-feature", format!("package `{}` has no feature `{feature}`", package.name));
            let near = nearest(feature, package.features.iter().map(String::as_str));
            let hint = near.map_or_else(
                || format!("known: {}", package.features.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            problems.push(problem.at_value(path(&format!("features.{index}"))).hint(hint));
        }
    }
    Some(bins)
}

/// Executables that no step makes, because cargo passes over them without their features; of entries that do not name
/// theirs.
pub fn passed_over(inputs: &Inputs<'_>, entries: &[Binary], steps: &[Step]) -> Vec<String> {
    let mut found: BTreeMap<(&str, &str), Vec<Target>> = BTreeMap::new();
    let mut of = |package: &'_ Package, compiled: &[&str], target: Target| {
        let Some(package) = inputs.facts.packages.iter().find(|one| one.manifest == package.manifest) else { return };
        for bin in package.bins.iter().filter(|bin| !compiled.contains(&bin.as_str())) {
            found.entry((&package.manifest, bin)).or_default().push(target);
        }
    };
    let builds = entries.iter().flat_map(|entry| entry.builds.iter().map(move |build| (entry, build)));
    for (entry, (target, settings)) in builds.filter(|(_, (_, settings))| settings.bins.is_empty()) {
        if let Some(package) = package(inputs, entry, settings, &mut Problems::new()) {
            let compiled = package.compiled(&settings.features, settings.default_features, settings.all_features);
            of(package, &compiled, *target);
        }
    }
    for step in steps {
        let (Work::Wheel(work), Some(target)) = (&step.work, step.target) else { continue };
        let package = inputs.facts.packages.iter().find(|package| package.manifest == work.stage.manifest);
        if let Some(package) = package.filter(|_| work.bindings == Bindings::Bin) {
            let stage = &work.stage;
            of(package, &package.compiled(&stage.features, stage.default_features, stage.all_features), target);
        }
    }
    let line = |((manifest, bin), targets): (&(&str, &str), &Vec<Target>)| {
        let package = inputs.facts.packages.iter().find(|package| package.manifest == *manifest)?;
        let wants = required(package, std::slice::from_ref(&(*bin).to_owned()));
        let mut triples: Vec<&str> = targets.iter().map(|target| target.triple()).collect();
        triples.sort_unstable();
        triples.dedup();
        Some(format!("`{bin}` is not built for {}: it wants `features: [{wants}]`", triples.join(", ")))
    };
    found.iter().filter_map(line).collect()
}

/// The features that binaries require, each once.
fn required(package: &Package, bins: &[String]) -> String {
    let mut names: Vec<&str> =
        bins.iter().filter_map(|bin| package.required.get(bin)).flatten().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn builder(settings: &BinarySettings, target: Target) -> PlannedBuilder {
    match settings.builder {
        _ if settings.prebuilt.is_some() => PlannedBuilder::Prebuilt,
        Builder::Auto if target.os() == Os::Linux && target.libc() == Libc::Musl => PlannedBuilder::Zigbuild,
        Builder::Auto | Builder::Cargo => PlannedBuilder::Cargo,
        Builder::Zigbuild => PlannedBuilder::Zigbuild,
        Builder::Cross => PlannedBuilder::Cross,
    }
}

/// Paths of finished executables; the placeholders were checked with the configuration, versions come later.
fn prebuilt(
    inputs: &Inputs<'_>,
    name: &str,
    settings: &BinarySettings,
    (target, bins): (Target, &[String]),
) -> Vec<String> {
    let Some(template) = &settings.prebuilt else { return Vec::new() };
    let fill = |bin: &String| {
        template
            .fill(|place| match place {
                "name" => Some(name.to_owned()),
                "binary" => Some(bin.clone()),
                "project" => Some(inputs.name()),
                other => target_place(target, other).or_else(|| Some(format!("{{{other}}}"))),
            })
            .unwrap_or_default()
    };
    bins.iter().map(fill).collect()
}

/// The placeholders that a target fills.
pub fn target_place(target: Target, place: &str) -> Option<String> {
    let text = match place {
        "target" => target.triple(),
        "arch" => target.arch().name(),
        "os" => target.os().name(),
        "os-abi" => target.os_abi(),
        "goarch" => target.arch().goarch(),
        "exe" => target.exe_suffix(),
        _ => return None,
    };
    Some(text.to_owned())
}

/// The smoke check of a binary step, run where its runner is native; none if none of its executables is started.
fn check(step: &Step, smoke: &Smoke, label: Option<&str>) -> Option<Step> {
    let target = step.target.unwrap_or(crate::target::DEFAULT[0]);
    let (args, programs) = match smoke {
        Smoke::Off => return None,
        Smoke::Assumed => (None, BTreeMap::new()),
        Smoke::All(args) => (Some(args.clone()), BTreeMap::new()),
        Smoke::Each(each) => {
            let file = |bin: &String| format!("{bin}{}", target.exe_suffix());
            (None, each.iter().map(|(bin, args)| (file(bin), args.clone())).collect())
        }
    };
    if step.outputs.iter().all(|output| programs.get(&output.name) == Some(&None)) {
        return None;
    }
    let assumed = args.is_none() && step.outputs.iter().any(|output| !programs.contains_key(&output.name));
    let label = label.unwrap_or_else(|| runner::native(target));
    let not_run = (!runner::runs(label, target)).then(|| format!("`{label}` cannot run {target}"));
    let args = args.unwrap_or_else(|| vec!["--version".to_owned()]);
    let smoke = SmokeCheck { args, programs, assumed, contains: None };
    Some(Step {
        id: step.id.with_kind(StepKind::SmokeCheck),
        component: step.component.clone(),
        needs: vec![step.id.clone()],
        outputs: Vec::new(),
        publish: Vec::new(),
        leg: None,
        target: step.target,
        work: Work::Check(CheckWork { not_run, ..CheckWork::of(step, Check::Smoke(smoke)) }),
    })
}

/// The packages of the binaries, wheels and sdists of one component, each once.
pub fn packages<'f>(inputs: &Inputs<'f>, steps: &[Step], component: &str) -> Vec<&'f Package> {
    let mut found: Vec<&Package> = Vec::new();
    for step in steps.iter().filter(|step| step.component == component) {
        let package = match &step.work {
            Work::Binary(work) => of_work(inputs.facts, work),
            Work::Wheel(WheelWork { stage, .. }) | Work::Sdist(SdistWork { stage, .. }) => {
                inputs.facts.packages.iter().find(|package| package.manifest == stage.manifest)
            }
            _ => None,
        };
        found.extend(package.filter(|package| !found.contains(package)));
    }
    found
}

/// The package that a step compiles.
pub fn of_work<'f>(facts: &'f Facts, work: &BinaryWork) -> Option<&'f Package> {
    facts.packages.iter().find(|package| package.name == work.package && package.workspace == work.manifest)
}

/// Fills in what smoke output must contain: the release's version; in a snapshot the manifests' own.
pub fn expect_versions(steps: &mut [Step], releases: &[Release], origin: Origin, facts: &Facts) {
    let own: Vec<(StepId, Option<String>)> = steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Binary(work) => {
                Some((step.id.clone(), of_work(facts, work).map(|package| package.version.to_string())))
            }
            _ => None,
        })
        .collect();
    for step in steps {
        let release = releases
            .iter()
            .find(|release| release.component == step.component)
            .map(|release| release.version.to_string());
        match &mut step.work {
            Work::Check(check) => {
                let manifest = own.iter().find(|(id, _)| *id == check.subject).and_then(|(_, version)| version.clone());
                let version = if origin == Origin::Snapshot { manifest } else { release };
                match &mut check.check {
                    Check::Smoke(smoke) => smoke.contains = version,
                    // What answers over HTTP prints nothing.
                    Check::Container(container) if container.http.is_none() => container.contains = version,
                    _ => {}
                }
            }
            Work::Binary(work) => {
                for path in &mut work.prebuilt {
                    *path = path.replace("{version}", release.as_deref().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
}
