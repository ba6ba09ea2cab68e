//! Plans Python distributions: their files by name, and the machines that build them.

use std::collections::{BTreeMap, BTreeSet};

use super::Output;
use super::distribution::Distribution;
use super::names::target_place;
use super::planner::{Planned, Planner};
use super::{
    Bindings, SdistWork, StageWork, Step, WheelBuilder, WheelWork, Work, bindings, locked, macos, runner, stable_abi,
    variant,
};
use crate::config::{Builder, WheelSettings};
use crate::facts::Facts;
use crate::facts::python::PythonProject;
use crate::pep440::pep440;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::{Libc, Os, Target};
use crate::wheel::{DistributionName, Pythons, WheelName, WheelTag, platform_tag, sdist_name};

/// What PyPI takes of one file: <https://docs.pypi.org/project-management/storage-limits/>.
const LARGEST: u64 = 100 << 20;

pub fn steps(planner: &Planner<'_>) -> Vec<Planned> {
    let mut steps = Vec::new();
    for wheel in &planner.inputs.config.wheels {
        let Some(distribution) = Distribution::of(planner, wheel) else { continue };
        distribution.refuse_unknown_features();
        let builds = wheel.builds.iter();
        let wheels: Vec<Planned> =
            builds.filter_map(|(target, settings)| distribution.wheel(*target, settings)).collect();
        let sdist = wheel.sdist.then(|| distribution.sdist(&wheels)).flatten();
        let checks = variant::checks(&distribution, &wheels);
        let rebuild = sdist.as_ref().and_then(|sdist| variant::rebuild(&distribution, &sdist.step, &wheels));
        steps.extend(wheels.into_iter().chain(checks).chain(sdist).chain(rebuild));
    }
    steps
}

impl Distribution<'_> {
    fn stage(&self, settings: &WheelSettings) -> StageWork {
        let version = self.version();
        let mut stage = StageWork {
            distribution: self.wheel.name.clone(),
            written: self.project.name.clone().filter(|written| *written != self.wheel.name.to_string()),
            set_version: wants_version(self, &version),
            version,
            pyproject: self.project.pyproject.clone(),
            manifest: self.project.manifest.clone(),
            features: self.features(settings),
            default_features: settings.cargo.default_features && !self.project.feature_flags.no_default,
            all_features: settings.cargo.all_features || self.project.feature_flags.all,
            project: self.wheel.project.clone(),
            new_classifiers: self.wheel.new_classifiers.clone(),
            assets: self.planner.assets(&settings.cargo.assets, &self.at),
            modules: Vec::new(),
        };
        let is_program = bindings::of(self.project, &stable_abi::of_stage(self.project, &stage)) == Ok(Bindings::Bin);
        if !is_program || self.project.has_python {
            stage.modules.push(self.project.module.clone());
        }
        stage
    }

    /// The release's, as Python writes it.
    fn version(&self) -> String {
        let release = self.planner.release(&self.component);
        pep440(&release.version).unwrap_or_else(|why| {
            // One that is not released has no version of its own here.
            if release.component == self.component {
                let problem = Problem::new("bad-python-version", format!("tag `{}`: {why}", release.tag));
                self.planner.inputs.refuse(problem.at_key(&self.at));
            }
            release.version.to_string()
        })
    }

    fn wheel(&self, target: Target, settings: &WheelSettings) -> Option<Planned> {
        if let Some((key, problem)) = runner::unbuildable(&settings.cargo, target) {
            self.planner.inputs.refuse(problem.at_value(format!("{}.{key}", self.at)));
            return None;
        }
        let mut work = self.wheel_work(target, settings)?;
        let id = StepId::new(StepKind::Wheel, self.wheel.name.as_str(), target.triple());
        let names = wheel_names(&work, target);
        work.prebuilt = self.prebuilt(settings, target, &names);
        work.outputs = names.into_iter().map(Output::from).collect();
        Some(self.made(id, Some(target), Work::Wheel(work)))
    }

    fn wheel_work(&self, target: Target, settings: &WheelSettings) -> Option<WheelWork> {
        let stage = self.stage(settings);
        let (bindings, python) = self.versions(&stage)?;
        let place = macos::Place {
            entry: &self.at,
            folder: "",
            project: self.project.macos.get(&target).copied(),
            in_tag: true,
        };
        let macos = macos::of(self.planner.inputs, target, &settings.cargo, place).map(|(version, _)| version);
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
        Some(WheelWork {
            outputs: Vec::new(),
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
            present: variant::present(self.wheel),
            absent: variant::absent(self),
            stage,
        })
    }

    /// Paths of prebuilt wheels; the placeholders were checked with the configuration.
    fn prebuilt(&self, settings: &WheelSettings, target: Target, names: &[String]) -> Vec<String> {
        let Some(template) = &settings.cargo.prebuilt else { return Vec::new() };
        let release = self.planner.release(&self.component);
        let fill = |name: &String| {
            let place = |place: &str| match place {
                "file" => Some(name.clone()),
                "name" => Some(self.wheel.name.to_string()),
                "version" => Some(release.version.to_string()),
                other => target_place(target, other),
            };
            template.fill(place).unwrap_or_default()
        };
        let given: Vec<String> = names.iter().map(fill).collect();
        if given.iter().collect::<BTreeSet<_>>().len() < given.len() {
            let text = format!("`prebuilt:` is one path for {} wheels", given.len());
            let problem = Problem::new("missing-placeholder", text).hint("add `{file}` to it, the file name");
            self.planner.inputs.refuse(problem.at_value(format!("{}.prebuilt", self.at)));
        }
        given
    }

    /// What Python has to do with it, and the Pythons that wheels are made for.
    fn versions(&self, stage: &StageWork) -> Option<(Bindings, Vec<Pythons>)> {
        let resolved = stable_abi::of_stage(self.project, stage);
        let found = bindings::of(self.project, &resolved);
        let found = found.map_err(|(text, hint)| Problem::new("unknown-bindings", text).hint(hint).at_key(&self.at));
        let found = found.and_then(|bindings| {
            let versions = stable_abi::versions(self.wheel, &stage.manifest, bindings, stable_abi::provided(&resolved));
            let problem = |(text, hint): (String, String)| {
                Problem::new("unknown-python", text).hint(hint).at_value(format!("{}.python", self.at))
            };
            versions.map(|versions| (bindings, versions)).map_err(problem)
        });
        match found {
            Ok(found) => Some(found),
            Err(problem) => {
                self.planner.inputs.refuse(problem);
                None
            }
        }
    }

    fn sdist(&self, wheels: &[Planned]) -> Option<Planned> {
        // What every machine would make the same: the settings of the first target.
        let (_, settings) = self.wheel.builds.first()?;
        let (cargo, stage) = (&settings.cargo, self.stage(settings));
        let (env, pass_env, before) = (cargo.env.clone(), cargo.pass_env.clone(), cargo.before.clone());
        let outputs = [sdist_name(&stage.distribution, &stage.version).into()];
        let work = Work::Sdist(SdistWork { outputs, stage, env, pass_env, before });
        let id = StepId::of(StepKind::Sdist, self.wheel.name.as_str());
        Some(self.made(id, variant::near(wheels).and_then(|wheel| wheel.target), work))
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

/// Whether the manifests have another version than the release, as those of a snapshot have.
fn wants_version(distribution: &Distribution<'_>, version: &str) -> bool {
    match &distribution.project.version {
        Some(written) => written != version,
        None => {
            let release = distribution.planner.release(&distribution.component);
            distribution.package().is_none_or(|package| package.version != release.version)
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
        format!("{} contain the same package `{module}`: they cannot be installed together", names.join(" and "))
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
