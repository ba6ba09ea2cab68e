//! Plans Python distributions: their files by name, the machines that build them, what each is told from the others by.

use std::collections::{BTreeMap, BTreeSet};

use super::binary::target_place;
use super::decide::{Inputs, Problems};
use super::{
    Bindings, Output, PypiDestination, Release, SdistWork, StageWork, Step, WheelBuilder, WheelWork, Work, asset,
    bindings, locked, macos, runner, stable_abi, variant,
};
use crate::config::schema::nearest;
use crate::config::{Builder, Pypi, Wheel, WheelSettings};
use crate::facts::python::PythonProject;
use crate::facts::{Facts, Package};
use crate::pep440::pep440;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::{Libc, Os, Target};
use crate::wheel::{DistributionName, Pythons, WheelName, WheelTag, platform_tag, sdist_name};

/// What PyPI takes of one file: <https://docs.pypi.org/project-management/storage-limits/>.
const LARGEST: u64 = 100 << 20;

/// The steps of every distribution. File names hold the version, so they come later.
pub fn steps(inputs: &Inputs<'_>, assets: &[Step], problems: &mut Problems) -> Vec<Step> {
    let mut steps = Vec::new();
    for wheel in &inputs.config.wheels {
        let Some(project) = project(inputs, wheel, problems) else { continue };
        let maker = Maker { inputs, wheel, project };
        maker.features(problems);
        let own: Vec<Step> = wheel.builds.iter().filter_map(|build| maker.wheel(build, (assets, problems))).collect();
        let imports: Vec<Step> = own.iter().map(|step| maker.import(step)).collect();
        let resolves: Vec<Step> = own.iter().filter_map(|step| maker.resolve(step)).collect();
        let readme = maker.readme(&own);
        let sdist = wheel.sdist.then(|| maker.sdist(&own, (assets, problems))).flatten();
        let rebuild = sdist.as_ref().and_then(|sdist| maker.rebuild(sdist, &own));
        steps.extend(own.into_iter().chain(imports).chain(resolves).chain(readme).chain(sdist).chain(rebuild));
    }
    steps
}

/// The Cargo.toml of a distribution's `manifest:` or `package:`.
fn manifest(inputs: &Inputs<'_>, wheel: &Wheel) -> Option<String> {
    let settings = wheel.builds.first().map(|(_, settings)| &settings.cargo)?;
    settings.manifest.clone().or_else(|| {
        let package = settings.package.as_ref()?;
        inputs.facts.packages.iter().find(|known| known.name == *package).map(|known| known.manifest.clone())
    })
}

/// The maturin project of a distribution: the one of its Cargo.toml, or the only one.
pub fn known_project<'f>(inputs: &Inputs<'f>, wheel: &Wheel) -> Option<&'f PythonProject> {
    let projects = &inputs.facts.python;
    match manifest(inputs, wheel) {
        Some(manifest) => projects.iter().find(|project| project.manifest == manifest),
        None => <&[PythonProject; 1]>::try_from(projects.as_slice()).ok().map(|[only]| only),
    }
}

fn project<'f>(inputs: &Inputs<'f>, wheel: &Wheel, problems: &mut Problems) -> Option<&'f PythonProject> {
    let found = known_project(inputs, wheel);
    if found.is_none() {
        let (projects, manifest) = (&inputs.facts.python, manifest(inputs, wheel));
        let known: Vec<&str> = projects.iter().map(|project| project.manifest.as_str()).collect();
        let text = match &manifest {
            Some(manifest) => format!("`{manifest}` has no pyproject.toml that names maturin as build backend"),
            None if known.is_empty() => format!("nothing that maturin builds is here for `{}`", wheel.name),
            None => format!("which project is `{}`? there are {}", wheel.name, known.join(", ")),
        };
        let near = manifest.as_deref().and_then(|manifest| nearest(manifest, known.iter().copied()));
        let hint = near
            .map_or_else(|| "write `manifest: path/Cargo.toml`".to_owned(), |near| format!("did you mean `{near}`?"));
        problems.push(Problem::new("unknown-project", text).hint(hint).at_key(format!("wheels.{}", wheel.name)));
    }
    found
}

/// The maturin projects of one component, each once.
pub fn projects<'f>(inputs: &Inputs<'f>, steps: &[Step], component: &str) -> Vec<&'f PythonProject> {
    let uses = |step: &Step, project: &PythonProject| match &step.work {
        Work::Wheel(WheelWork { stage, .. }) | Work::Sdist(SdistWork { stage, .. }) => {
            step.component == component && stage.pyproject == project.pyproject
        }
        _ => false,
    };
    inputs.facts.python.iter().filter(|project| steps.iter().any(|step| uses(step, project))).collect()
}

/// Makes the steps of one distribution.
pub struct Maker<'a> {
    /// What the plan is made from.
    pub inputs: &'a Inputs<'a>,
    /// The distribution.
    pub wheel: &'a Wheel,
    /// Its project.
    pub project: &'a PythonProject,
}

impl Maker<'_> {
    fn path(&self, key: &str) -> String {
        format!("wheels.{}.{key}", self.wheel.name)
    }

    /// The crate.
    pub fn package(&self) -> Option<&Package> {
        self.inputs.facts.packages.iter().find(|known| known.manifest == self.project.manifest)
    }

    fn component(&self) -> String {
        self.inputs.component(self.wheel.component.as_deref(), self.wheel.name.as_str())
    }

    /// Features that exist nowhere.
    fn features(&self, problems: &mut Problems) {
        let Some(package) = self.inputs.facts.packages.iter().find(|known| known.manifest == self.project.manifest)
        else {
            return;
        };
        let written = self.wheel.builds.iter().flat_map(|(_, settings)| &settings.cargo.features);
        for feature in written.filter(|feature| !feature.contains('/') && !package.features.contains(feature)) {
            let text = format!("`{}` has no feature `{feature}`", package.name);
            let near = nearest(feature, package.features.iter().map(String::as_str));
            let hint = near.map_or_else(
                || format!("it has: {}", package.features.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let problem = Problem::new("unknown-feature", text).hint(hint).at_value(self.path("features"));
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }

    fn stage(&self, settings: &WheelSettings, (assets, problems): (&[Step], &mut Problems)) -> StageWork {
        let features = variant::features(self.project, settings);
        let mut needs = Vec::new();
        for name in &settings.cargo.assets {
            match asset::named(assets, name) {
                Some(step) => needs.push(step.id.clone()),
                None => {
                    let problem = Problem::new("unknown-asset", format!("no asset is called `{name}`"));
                    problems.push(problem.at_value(self.path("assets")));
                }
            }
        }
        let mut stage = StageWork {
            distribution: self.wheel.name.clone(),
            written: self.project.name.clone().filter(|written| *written != self.wheel.name.to_string()),
            version: String::new(),
            set_version: false,
            pyproject: self.project.pyproject.clone(),
            manifest: self.project.manifest.clone(),
            features,
            default_features: settings.cargo.default_features && !self.project.feature_flags.no_default,
            all_features: settings.cargo.all_features || self.project.feature_flags.all,
            project: self.wheel.project.clone(),
            new_classifiers: self.wheel.new_classifiers.clone(),
            assets: needs,
            modules: Vec::new(),
        };
        let is_program = bindings::of(self.project, &stable_abi::of_stage(self.project, &stage)) == Ok(Bindings::Bin);
        if !is_program || self.project.has_python {
            stage.modules.push(self.project.module.clone());
        }
        stage
    }

    fn wheel(
        &self,
        (target, settings): &(Target, WheelSettings),
        (assets, problems): (&[Step], &mut Problems),
    ) -> Option<Step> {
        let stage = self.stage(settings, (assets, problems));
        if let Some((key, problem)) = runner::unbuildable(&settings.cargo, *target) {
            problems.push(problem.at_value(self.path(key)));
            return None;
        }
        let (bindings, python) = self.versions(&stage, problems)?;
        let place = macos::Place {
            entry: &format!("wheels.{}", self.wheel.name),
            folder: "",
            project: self.project.macos.get(target).copied(),
            in_tag: true,
        };
        let macos = macos::of(self.inputs, *target, (&settings.cargo, place), problems).map(|(version, _)| version);
        let linux = target.os() == Os::Linux;
        let builder = match (settings.cargo.builder, linux) {
            _ if settings.cargo.prebuilt.is_some() => WheelBuilder::Prebuilt,
            (Builder::Zigbuild, _) => WheelBuilder::Zig,
            (Builder::Auto, true) if settings.cargo.container.is_none() => WheelBuilder::Zig,
            _ => WheelBuilder::Native,
        };
        let compatibility = match target.libc() {
            _ if !linux => None,
            Libc::Musl => Some("musllinux_1_2".to_owned()),
            _ => Some(format!("manylinux_{}", settings.compatibility)),
        };
        let work = WheelWork {
            builder,
            compatibility,
            macos,
            repair: linux && builder != WheelBuilder::Prebuilt && repairs(self.project, &settings.cargo.cargo_args),
            bindings,
            python,
            prebuilt: Vec::new(),
            profile: settings.cargo.profile.clone(),
            locked: locked::holds(settings.cargo.locked, self.package()),
            cargo_args: settings.cargo.cargo_args.clone(),
            env: settings.cargo.env.clone(),
            pass_env: settings.cargo.pass_env.clone(),
            before: settings.cargo.before.clone(),
            max_size: Some(settings.cargo.max_size.unwrap_or(LARGEST)),
            present: self.present(),
            absent: self.absent(),
            stage,
        };
        let step = StepId::new(StepKind::Wheel, self.wheel.name.as_str(), target.triple());
        Some(self.step(step, work.stage.assets.clone(), Some(*target), Work::Wheel(work)))
    }

    /// What Python has to do with it, and the Pythons that wheels are made for.
    fn versions(&self, stage: &StageWork, problems: &mut Problems) -> Option<(Bindings, Vec<Pythons>)> {
        let resolved = stable_abi::of_stage(self.project, stage);
        let found = bindings::of(self.project, &resolved);
        let found = found.map_err(|(text, hint)| {
            Problem::new("unknown-bindings", text).hint(hint).at_key(format!("wheels.{}", self.wheel.name))
        });
        let found = found.and_then(|bindings| {
            let versions = stable_abi::versions(self.wheel, &stage.manifest, bindings, stable_abi::provided(&resolved));
            let problem = |(text, hint): (String, String)| {
                Problem::new("unknown-python", text).hint(hint).at_value(self.path("python"))
            };
            versions.map(|versions| (bindings, versions)).map_err(problem)
        });
        match found {
            Ok(found) => Some(found),
            Err(problem) => {
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
                None
            }
        }
    }

    fn sdist(&self, wheels: &[Step], (assets, problems): (&[Step], &mut Problems)) -> Option<Step> {
        // What every machine would make the same: the settings of the first target.
        let (_, settings) = self.wheel.builds.first()?;
        let (cargo, stage) = (&settings.cargo, self.stage(settings, (assets, problems)));
        let (env, pass_env, before) = (cargo.env.clone(), cargo.pass_env.clone(), cargo.before.clone());
        let work = SdistWork { stage, env, pass_env, before };
        let near = wheels.iter().find(|step| step.target.is_some_and(|target| target.os() == Os::Linux));
        let target = near.or(wheels.first()).and_then(|step| step.target);
        let step = StepId::of(StepKind::Sdist, self.wheel.name.as_str());
        Some(self.step(step, work.stage.assets.clone(), target, Work::Sdist(work)))
    }

    /// A step of its component.
    pub fn step(&self, id: StepId, needs: Vec<StepId>, target: Option<Target>, work: Work) -> Step {
        Step {
            id,
            component: self.component(),
            needs,
            outputs: Vec::new(),
            publish: Vec::new(),
            leg: None,
            target,
            work,
        }
    }
}

/// Whether maturin may have to copy libraries of the machine into a wheel: unless it is told not to.
/// <https://www.maturin.rs/config>
fn repairs(project: &PythonProject, args: &[String]) -> bool {
    let mode = |at: usize| match args[at].as_str() {
        "--auditwheel" => args.get(at + 1).map(String::as_str),
        "--skip-auditwheel" => Some("skip"),
        other => other.strip_prefix("--auditwheel="),
    };
    (0..args.len()).find_map(mode).map_or(!project.repair_off, |mode| mode == "repair")
}

/// Names every file, now that versions are known.
pub fn name_outputs(inputs: &Inputs<'_>, steps: &mut [Step], releases: &[Release], problems: &mut Problems) {
    for step in steps {
        let Some(release) = releases.iter().find(|release| release.component == step.component) else { continue };
        let (target, stage) = match &mut step.work {
            Work::Wheel(work) => (step.target, &mut work.stage),
            Work::Sdist(work) => (None, &mut work.stage),
            _ => continue,
        };
        match pep440(&release.version) {
            Ok(version) => stage.version = version,
            Err(why) => {
                let problem = Problem::new("bad-python-version", format!("tag `{}`: {why}", release.tag));
                let problem = problem.at_key(format!("wheels.{}", stage.distribution));
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
                continue;
            }
        }
        let project = inputs.facts.python.iter().find(|project| project.pyproject == stage.pyproject);
        let Some(project) = project else { continue };
        stage.set_version = wants_version(inputs, project, stage, release);
        let names = match (&step.work, target) {
            (Work::Wheel(work), Some(target)) => wheel_names(work, target),
            (Work::Sdist(work), _) => vec![sdist_name(&work.stage.distribution, &work.stage.version)],
            _ => continue,
        };
        step.outputs = names.into_iter().map(|name| Output { name, format: None }).collect();
        let given = prebuilt(inputs, step, release);
        let Work::Wheel(work) = &mut step.work else { continue };
        if given.iter().collect::<BTreeSet<_>>().len() < given.len() {
            let text = format!("`prebuilt:` names one path for {} wheels", given.len());
            let problem = Problem::new("missing-placeholder", text).hint("write `{file}` into it, their file name");
            problems.push(problem.at_value(format!("wheels.{}.prebuilt", work.stage.distribution)));
        }
        work.prebuilt = given;
    }
}

/// Paths of finished wheels; the placeholders were checked with the configuration.
fn prebuilt(inputs: &Inputs<'_>, step: &Step, release: &Release) -> Vec<String> {
    let (Work::Wheel(WheelWork { stage, .. }), Some(target)) = (&step.work, step.target) else { return Vec::new() };
    let wheel = inputs.config.wheels.iter().find(|wheel| wheel.name == stage.distribution);
    let settings = wheel.and_then(|wheel| wheel.builds.iter().find(|(other, _)| *other == target));
    let Some(template) = settings.and_then(|(_, settings)| settings.cargo.prebuilt.as_ref()) else { return Vec::new() };
    let fill = |output: &Output| {
        let place = |place: &str| match place {
            "file" => Some(output.name.clone()),
            "name" => Some(stage.distribution.to_string()),
            "version" => Some(release.version.to_string()),
            other => target_place(target, other),
        };
        template.fill(place).unwrap_or_default()
    };
    step.outputs.iter().map(fill).collect()
}

/// Whether the manifests have another version than the release, as those of a snapshot have.
fn wants_version(inputs: &Inputs<'_>, project: &PythonProject, stage: &StageWork, release: &Release) -> bool {
    match &project.version {
        Some(written) => *written != stage.version,
        None => {
            let package = inputs.facts.packages.iter().find(|package| package.manifest == project.manifest);
            package.is_none_or(|package| package.version != release.version)
        }
    }
}

fn wheel_names(work: &WheelWork, target: Target) -> Vec<String> {
    let compatibility = work.compatibility.as_deref().and_then(|text| text.strip_prefix("manylinux_"));
    let platform = platform_tag(target, compatibility.unwrap_or("2_28"), work.macos);
    let name = |(python, abi): (String, String)| {
        let tag = WheelTag { python, abi, platform: platform.clone() };
        let (distribution, version) = (work.stage.distribution.in_files(), work.stage.version.clone());
        WheelName { distribution, version, tag }.to_string()
    };
    match work.bindings {
        Bindings::Pyo3 => work.python.iter().map(|pythons| name(pythons.tags())).collect(),
        Bindings::Bin | Bindings::Cffi | Bindings::Uniffi => vec![name(("py3".into(), "none".into()))],
    }
}

/// What happens to distributions that nobody may have thought of: two that bring one import package overwrite each other's
/// files when both are installed; extras made of other extras follow a new name; what is said of Python contradicts itself.
pub fn notes(facts: &Facts, steps: &[Step]) -> Vec<String> {
    let (mut owners, mut notes): (BTreeMap<&str, Vec<&DistributionName>>, Vec<String>) = Default::default();
    for step in steps {
        let (Work::Wheel(WheelWork { stage, .. }) | Work::Sdist(SdistWork { stage, .. })) = &step.work else {
            continue;
        };
        for module in &stage.modules {
            let known = owners.entry(module).or_default();
            if !known.contains(&&stage.distribution) {
                known.push(&stage.distribution);
            }
        }
        let project = facts.python.iter().find(|project| project.pyproject == stage.pyproject);
        let about = |project| {
            let notes = renamed(project, stage).into_iter().chain(profiles(facts, project));
            notes.chain(stable_abi::notes(project, step, stage))
        };
        for note in project.into_iter().flat_map(about) {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    let shared = owners.into_iter().filter(|(_, owners)| owners.len() > 1);
    let shared = shared.map(|(module, owners)| {
        let names: Vec<String> = owners.iter().map(|name| format!("`{name}`")).collect();
        format!("{} bring the same `import {module}`: who installs two of them breaks one", names.join(" and "))
    });
    shared.chain(notes).collect()
}

/// Profiles where cargo does not read them: <https://doc.rust-lang.org/cargo/reference/profiles.html>.
fn profiles(facts: &Facts, project: &PythonProject) -> Option<String> {
    let package = facts.packages.iter().find(|package| package.manifest == project.manifest)?;
    let first = project.profiles.first().filter(|_| package.workspace != package.manifest)?;
    let (own, root) = (&package.manifest, &package.workspace);
    Some(format!("`[profile.{first}]` in {own} has no effect: cargo reads profiles in {root}, that of the workspace"))
}

/// `opsml[onnx]`, which becomes `opsml-client[onnx]`.
fn renamed(project: &PythonProject, stage: &StageWork) -> Vec<String> {
    let Some(written) = &stage.written else { return Vec::new() };
    let own = |requirement: &&String| {
        let name: String =
            requirement.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        name.parse::<DistributionName>().ok().map(|name| name.normalized())
            == written.parse::<DistributionName>().ok().map(|name| name.normalized())
    };
    let (name, extras) = (&stage.distribution, &project.extras);
    let requirements = extras.iter().flat_map(|(extra, list)| list.iter().filter(own).map(move |one| (extra, one)));
    requirements
        .map(|(extra, one)| format!("`{one}` in the extra `{extra}` becomes `{name}{}`", &one[written.len()..]))
        .collect()
}

/// An index, and the variables its tokens come from.
pub fn destination(pypi: &Pypi, steps: &[Step]) -> (PypiDestination, Vec<String>) {
    let mut tokens: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for step in steps.iter().filter(|step| matches!(step.work, Work::Wheel(_) | Work::Sdist(_))) {
        let (Work::Wheel(WheelWork { stage, .. }) | Work::Sdist(SdistWork { stage, .. })) = &step.work else {
            continue;
        };
        let name = &stage.distribution;
        let written = pypi.token_envs.get(name.as_str()).or(pypi.token_env.as_ref());
        let names = match written {
            Some(written) => vec![written.clone()],
            None => {
                let own = format!("PYPI_TOKEN_{}", name.in_files().to_uppercase());
                vec![own, "PYPI_TOKEN".to_owned()]
            }
        };
        tokens.insert(name.to_string(), names);
    }
    let host = pypi.upload.host_str().unwrap_or_default();
    let known = match host {
        "upload.pypi.org" => Some(("https://pypi.org/simple/", "https://pypi.org/pypi/")),
        "test.pypi.org" => Some(("https://test.pypi.org/simple/", "https://test.pypi.org/pypi/")),
        _ => None,
    };
    let beside = || {
        let top = pypi.upload.as_str().trim_end_matches('/').trim_end_matches("legacy").to_owned();
        format!("{}/simple/", top.trim_end_matches('/'))
    };
    let simple = pypi.simple.as_ref().map(ToString::to_string);
    let simple = simple.or_else(|| known.map(|(simple, _)| simple.to_owned())).unwrap_or_else(beside);
    let mut credentials: Vec<String> = tokens.values().flatten().chain(&pypi.username_env).cloned().collect();
    credentials.sort();
    credentials.dedup();
    let kind = PypiDestination {
        upload: pypi.upload.to_string(),
        simple,
        json: known.map(|(_, json)| json.to_owned()),
        trusted: pypi.trusted,
        tokens,
        username: pypi.username_env.clone(),
    };
    (kind, credentials)
}
