//! Plans compilations: which package, which executables, by which program, and the smoke check of each.

use std::collections::BTreeMap;

use super::inputs::Inputs;
use super::names::{check_names, target_place};
use super::planner::{Machine, Planned, Planner};
use super::release::Source;
use super::{BinaryWork, Bindings, Check, CheckWork, PlannedBuilder, SmokeCheck, Step, Work, locked, macos, runner};
use crate::config::schema::nearest;
use crate::config::{Binaries, Binary, BinarySettings, Builder, Smoke};
use crate::facts::{Facts, Package};
use crate::macos::MacosVersion;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::{Libc, Linkage, Os, Target};

/// One step per entry and target, each followed by its smoke check.
pub fn steps(planner: &Planner<'_>, entries: &[Binary]) -> Vec<Planned> {
    let mut steps = Vec::new();
    for binary in entries {
        for (target, settings) in &binary.builds {
            let known = planner.inputs.refusals();
            let Some(compiling) = Compiling::of(planner, binary, settings) else { break };
            let id = StepId::new(StepKind::Binary, &binary.name, target.triple());
            let Some(made) = compiling.steps(id, *target) else { break };
            steps.extend(made);
            if planner.inputs.refusals() > known {
                break;
            }
        }
    }
    steps
}

/// The entries as written, or one per package with binaries.
pub fn entries(inputs: &Inputs<'_>) -> Vec<Binary> {
    let implied = match &inputs.config.binaries {
        Binaries::Off => return Vec::new(),
        Binaries::Listed(list) => return list.clone(),
        Binaries::Implied(implied) => implied,
    };
    let with_binaries = || inputs.facts.packages.iter().filter(|package| !package.bins.is_empty());
    let published: Vec<&Package> = with_binaries().filter(|package| package.is_for_others()).collect();
    let packages = if published.is_empty() { with_binaries().collect() } else { published };
    let components = &inputs.config.components;
    let chosen: Vec<&Package> = if components.is_empty() {
        packages
    } else {
        with_binaries().filter(|package| components.iter().any(|component| component.name == package.name)).collect()
    };
    let from_dockerfile = inputs.config.images.iter().any(|image| !image.dockerfiles.is_empty());
    let is_built = from_dockerfile || !inputs.config.charts.is_empty();
    if chosen.is_empty() && inputs.config.assets.is_empty() && inputs.config.wheels.is_empty() && !is_built {
        inputs.refuse(nothing(inputs, with_binaries().map(|package| package.name.as_str())));
    }
    chosen.into_iter().map(|package| Binary { name: package.name.clone(), ..implied.as_ref().clone() }).collect()
}

/// No package is released, and nothing else is either.
fn nothing<'n>(inputs: &Inputs<'_>, names: impl Iterator<Item = &'n str> + Clone) -> Problem {
    for component in &inputs.config.components {
        let Some(near) = nearest(&component.name, names.clone()) else { continue };
        let text = format!("no package is called like the component `{}`", component.name);
        let problem = Problem::new("unknown-component", text).hint(format!("did you mean `{near}`?"));
        return problem.at_value(format!("components.{}", component.name));
    }
    let hint = match inputs.config.written {
        true => "list what is released in longshore.yaml: `assets`, `images`, `wheels` or `charts`",
        false => "`longshore init` looks for Dockerfiles, charts and Python projects, too; or add a binary",
    };
    Problem::new("no-binary", "no cargo package here has a binary").hint(hint)
}

/// A static build that only images use, and its check: `binary.<name>.<triple>-static`. It is not archived.
pub fn implicit(
    planner: &Planner<'_>,
    binary: &Binary,
    settings: &BinarySettings,
    target: Target,
) -> Option<Vec<Planned>> {
    let own = settings.static_build.as_deref().unwrap_or(settings);
    let settings = BinarySettings { linkage: Some(Linkage::Static), glibc: None, ..own.clone() };
    let id = StepId::new(StepKind::Binary, &binary.name, &format!("{target}-static"));
    let mut made = Compiling::of(planner, binary, &settings)?.steps(id, target)?;
    for planned in &mut made {
        if let Work::Binary(work) = &mut planned.step.work {
            work.implicit = true;
        }
    }
    Some(made)
}

pub fn sources<'f>(inputs: &Inputs<'f>, entries: &[Binary]) -> Vec<Source<'f>> {
    let of = |entry: &Binary| {
        let component = inputs.component(entry.component.as_deref(), &entry.name);
        let packages = entry.builds.iter().filter_map(|(_, settings)| package(inputs, entry, settings).ok());
        let source = |package| Source { component: component.clone(), package: Some(package), ..Source::default() };
        packages.map(source).collect::<Vec<_>>()
    };
    entries.iter().flat_map(of).collect()
}

fn package<'f>(inputs: &Inputs<'f>, binary: &Binary, settings: &BinarySettings) -> Result<&'f Package, Problem> {
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
        return Ok(found);
    }
    Err(unknown_package(inputs, binary, settings))
}

fn unknown_package(inputs: &Inputs<'_>, binary: &Binary, settings: &BinarySettings) -> Problem {
    let name = settings.package.as_deref().unwrap_or(&binary.name);
    let place = if settings.package.is_some() { ".package" } else { "" };
    let path = format!("binaries.{}{place}", binary.name);
    let problem = match settings.manifest.as_deref() {
        Some(manifest) => Problem::new("unknown-package", format!("`{manifest}` has no package `{name}`")),
        None => Problem::new("unknown-package", format!("the workspace has no package `{name}`")),
    };
    let problem = if settings.package.is_some() { problem.at_value(path) } else { problem.at_key(path) };
    let known = || inputs.facts.packages.iter().map(|package| package.name.as_str());
    problem.hint(nearest(name, known()).map_or_else(
        || format!("set it with `package:`; {}", listed(known())),
        |near| format!("did you mean `{near}`? (`package: {near}`)"),
    ))
}

/// One entry, while its steps are made.
struct Compiling<'a> {
    planner: &'a Planner<'a>,
    binary: &'a Binary,
    settings: &'a BinarySettings,
    package: &'a Package,
    component: String,
    at: String,
}

impl<'a> Compiling<'a> {
    fn of(planner: &'a Planner<'a>, binary: &'a Binary, settings: &'a BinarySettings) -> Option<Self> {
        let inputs = planner.inputs;
        let package = package(inputs, binary, settings).map_err(|problem| inputs.refuse(problem)).ok()?;
        let component = inputs.component(binary.component.as_deref(), &binary.name);
        Some(Self { planner, binary, settings, package, component, at: format!("binaries.{}", binary.name) })
    }

    /// The compilation for one target, and its check.
    fn steps(&self, id: StepId, target: Target) -> Option<Vec<Planned>> {
        let bins = bins(self.planner.inputs, self.binary, self.settings, self.package)?;
        if let Some((key, problem)) = runner::unbuildable(self.settings, target) {
            self.planner.inputs.refuse(problem.at_value(format!("{}.{key}", self.at)));
        }
        let work = self.work(bins, target);
        check_names(self.planner.inputs, &id, work.outputs.iter().map(|output| output.name.as_str()));
        let step = Step {
            id,
            component: self.component.clone(),
            needs: work.assets.clone(),
            publish: Vec::new(),
            job: None,
            target: Some(target),
            work: Work::Binary(work),
        };
        let check = self.check(&step, target);
        let machine = Some(Machine::of(self.settings, target));
        let step = Planned { step, machine, at: self.at.clone() };
        Some(std::iter::once(step).chain(check).collect())
    }

    fn work(&self, bins: Vec<String>, target: Target) -> BinaryWork {
        let (settings, package) = (self.settings, self.package);
        let builder = builder(settings, target);
        BinaryWork {
            manifest: package.workspace.clone(),
            package: package.name.clone(),
            builder,
            prebuilt: self.prebuilt(&bins, target),
            outputs: bins.iter().map(|bin| format!("{bin}{}", target.exe_suffix()).into()).collect(),
            implicit: false,
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
            assets: self.planner.assets(&settings.assets, &self.at),
            glibc: settings.glibc.clone(),
            macos: self.macos(builder, target),
            linkage: settings.linkage.unwrap_or_else(|| target.default_linkage()),
            max_size: settings.max_size,
        }
    }

    fn macos(&self, builder: PlannedBuilder, target: Target) -> Option<MacosVersion> {
        let folder = self.package.workspace.strip_suffix("Cargo.toml").unwrap_or_default().trim_end_matches('/');
        let place = macos::Place { entry: &self.at, folder, project: None, in_tag: false };
        let (version, asked) = macos::of(self.planner.inputs, target, self.settings, place)?;
        // What others made is for what they say.
        (asked || builder != PlannedBuilder::Prebuilt).then_some(version)
    }

    /// Paths of prebuilt binaries; the placeholders were checked with the configuration.
    fn prebuilt(&self, bins: &[String], target: Target) -> Vec<String> {
        let Some(template) = &self.settings.prebuilt else { return Vec::new() };
        let version = self.planner.release(&self.component).version.to_string();
        let fill = |bin: &String| {
            let filled = template.fill(|place| match place {
                "name" => Some(self.binary.name.clone()),
                "binary" => Some(bin.clone()),
                "project" => Some(self.planner.inputs.name()),
                "version" => Some(version.clone()),
                other => target_place(target, other),
            });
            filled.unwrap_or_default()
        };
        bins.iter().map(fill).collect()
    }

    /// The smoke check, run where its runner is native; none if none of its executables is started.
    fn check(&self, step: &Step, target: Target) -> Option<Planned> {
        let (args, programs) = match &self.settings.smoke {
            Smoke::Off => return None,
            Smoke::Assumed => (None, BTreeMap::new()),
            Smoke::All(args) => (Some(args.clone()), BTreeMap::new()),
            Smoke::Each(each) => {
                let file = |bin: &String| format!("{bin}{}", target.exe_suffix());
                (None, each.iter().map(|(bin, args)| (file(bin), args.clone())).collect())
            }
        };
        if step.outputs().iter().all(|name| programs.get(*name) == Some(&None)) {
            return None;
        }
        let assumed = args.is_none() && step.outputs().iter().any(|name| !programs.contains_key(*name));
        let (who, is_native) = self.planner.runs(self.settings.runner.as_deref(), target);
        let args = args.unwrap_or_else(|| vec!["--version".to_owned()]);
        let contains = self.planner.said_version(&self.component, Some(self.package));
        let smoke = Check::Smoke(SmokeCheck { args, programs, assumed, contains });
        let not_run = (!is_native).then(|| format!("{who} cannot run {target}"));
        let check = CheckWork { not_run, ..CheckWork::of(&step.id, smoke) };
        Some(Planned::check(step, StepKind::SmokeCheck, check, &self.at))
    }
}

/// The binaries of an entry, after its binaries and features were found in the package.
fn bins(inputs: &Inputs<'_>, binary: &Binary, settings: &BinarySettings, package: &Package) -> Option<Vec<String>> {
    let path = |key: &str| format!("binaries.{}.{key}", binary.name);
    let compiled = package.compiled(&settings.features, settings.default_features, settings.all_features);
    let bins: Vec<String> = match settings.bins.as_slice() {
        [] => compiled.iter().map(ToString::to_string).collect(),
        named => named.to_vec(),
    };
    if bins.is_empty() {
        inputs.refuse(no_binary(package).at_key(format!("binaries.{}", binary.name)));
        return None;
    }
    named_bins(inputs, settings, package, &compiled, &path);
    if let Smoke::Each(each) = &settings.smoke {
        for bin in each.keys().filter(|bin| !bins.contains(bin)) {
            let problem = Problem::new("unknown-bin", format!("`{bin}` is not one of the executables of this entry"));
            let near = nearest(bin, bins.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            inputs.refuse(problem.at_key(path(&format!("smoke.{bin}"))).hint(near.unwrap_or_else(|| bins.join(", "))));
        }
    }
    known_features(inputs, settings, package, &path);
    Some(bins)
}

fn no_binary(package: &Package) -> Problem {
    if package.bins.is_empty() {
        let text = format!("package `{}` has no binary", package.name);
        return Problem::new("no-binary", text).hint("set a package that has one with `package:`");
    }
    let text = format!("no binary of package `{}` is compiled with these features", package.name);
    let hint = format!("they have `required-features`: {}", required(package, &package.bins));
    Problem::new("no-binary", text).hint(hint)
}

/// `known: a, b`
fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "there is none".to_owned() } else { format!("known: {}", names.join(", ")) }
}

/// What is written under `bins:` must exist, and be compiled.
fn named_bins(
    inputs: &Inputs<'_>,
    settings: &BinarySettings,
    package: &Package,
    compiled: &[&str],
    path: &dyn Fn(&str) -> String,
) {
    for (index, bin) in settings.bins.iter().enumerate() {
        if package.bins.contains(bin) && !compiled.contains(&bin.as_str()) {
            let text = format!("cargo skips binary `{bin}` without its features");
            let hint = format!("add `features: [{}]`", required(package, std::slice::from_ref(bin)));
            inputs.refuse(Problem::new("missing-feature", text).hint(hint).at_value(path(&format!("bins.{index}"))));
        }
    }
    for (index, bin) in settings.bins.iter().enumerate().filter(|(_, bin)| !package.bins.contains(bin)) {
        let problem = Problem::new("unknown-bin", format!("package `{}` has no binary `{bin}`", package.name));
        let near = nearest(bin, package.bins.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
        inputs.refuse(
            problem
                .at_value(path(&format!("bins.{index}")))
                .hint(near.unwrap_or_else(|| listed(package.bins.iter().map(String::as_str)))),
        );
    }
}

fn known_features(inputs: &Inputs<'_>, settings: &BinarySettings, package: &Package, path: &dyn Fn(&str) -> String) {
    for (index, feature) in settings.features.iter().enumerate() {
        if !feature.contains('/') && !package.features.contains(feature) {
            let problem =
                Problem::new("unknown-feature", format!("package `{}` has no feature `{feature}`", package.name));
            let near = nearest(feature, package.features.iter().map(String::as_str));
            let hint = near.map_or_else(
                || listed(package.features.iter().map(String::as_str)),
                |near| format!("did you mean `{near}`?"),
            );
            inputs.refuse(problem.at_value(path(&format!("features.{index}"))).hint(hint));
        }
    }
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
        if let Ok(package) = package(inputs, entry, settings) {
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
        Some(format!("`{bin}` is not built for {}: it requires `features: [{wants}]`", triples.join(", ")))
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

pub fn of_work<'f>(facts: &'f Facts, work: &BinaryWork) -> Option<&'f Package> {
    facts.packages.iter().find(|package| package.name == work.package && package.workspace == work.manifest)
}
