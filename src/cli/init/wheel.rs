//! What `init` writes for projects that maturin builds.

use super::found::{Found, is_aside};
use super::scalar::scalar;
use crate::facts::python::{PythonProject, requires};
use crate::facts::{Facts, Package};
use crate::plan::{Bindings, stable_abi};
use crate::wheel::{DistributionName, NEWEST, Pythons};

/// The Pythons of a project that does not say which it is for: those that are maintained, <https://devguide.python.org/versions/>.
const MAINTAINED: std::ops::RangeInclusive<u32> = 10..=NEWEST;

/// The projects that are released, each name once.
pub fn released(facts: &Facts) -> impl Iterator<Item = &PythonProject> {
    let has_crate = |project: &&PythonProject| facts.files.iter().any(|file| file.path == project.manifest);
    let can = |project: &&PythonProject| bindings(project).is_ok();
    let here = move || facts.python.iter().filter(|project| !is_aside(&project.pyproject));
    let projects = move || here().filter(has_crate).filter(can);
    let is_first = move |(index, project): &(usize, &PythonProject)| {
        let name = name(facts, project).map(|name| name.normalized());
        name.is_some() && projects().take(*index).all(|other| self::name(facts, other).map(|n| n.normalized()) != name)
    };
    projects().enumerate().filter(is_first).map(|(_, project)| project)
}

/// What nothing is built of, and why.
pub fn refused(facts: &Facts) -> impl Iterator<Item = String> {
    let here = facts.python.iter().filter(|project| !is_aside(&project.pyproject));
    here.filter_map(|project| {
        bindings(project).err().map(|(text, _)| format!("{} is left out: {text}", project.pyproject))
    })
}

fn bindings(project: &PythonProject) -> Result<Bindings, (String, &'static str)> {
    crate::plan::bindings::of(project, &stable_abi::of_project(project))
}

/// Whether each Python gets a wheel of its own.
fn is_for_single(project: &PythonProject) -> bool {
    let provided = stable_abi::provided(&stable_abi::of_project(project));
    bindings(project) == Ok(Bindings::Pyo3) && provided.all().is_empty()
}

/// The distribution's name, if an index takes it.
fn name(facts: &Facts, project: &PythonProject) -> Option<DistributionName> {
    let written = project.name.as_deref().or_else(|| package(facts, project).map(|package| package.name.as_str()));
    written?.parse().ok().filter(|name: &DistributionName| !name.is_reserved())
}

fn package<'f>(facts: &'f Facts, project: &PythonProject) -> Option<&'f Package> {
    facts.packages.iter().find(|package| package.manifest == project.manifest)
}

/// The packages whose versions a release has: these, and the crates of the distributions.
pub fn with_crates<'f>(facts: &'f Facts, packages: &[&'f Package]) -> Vec<&'f Package> {
    let mut all = packages.to_vec();
    for package in released(facts).filter_map(|project| package(facts, project)) {
        if !all.contains(&package) {
            all.push(package);
        }
    }
    all
}

/// The section `wheels`, or nothing. `versioned` are the packages that became components if their versions differ.
pub fn section(facts: &Facts, found: &Found, versioned: &[&Package]) -> String {
    if released(facts).next().is_none() {
        return String::new();
    }
    let several = versioned.iter().any(|package| package.version != versioned[0].version);
    let mut text =
        "# Python distributions: an sdist, and a wheel for each target. A second one of the same crate is one \
                    more\n# entry, with other `features`.\nwheels:\n"
            .to_owned();
    for project in released(facts) {
        let Some(name) = name(facts, project) else { continue };
        let (mut keys, mut why) = (Vec::new(), String::new());
        let package = package(facts, project);
        if facts.python.len() > 1 || !found.manifests.is_empty() || package.is_none() {
            keys.push(format!("manifest: {}", scalar(&project.manifest)));
        }
        if let Some(package) = package.filter(|package| several && package.name != name.as_str()) {
            keys.push(format!("component: {}", scalar(&package.name)));
        }
        match bindings(project) {
            Ok(Bindings::Bin) => why = " # a program: a wheel for each target, for every Python".into(),
            Ok(Bindings::Cffi | Bindings::Uniffi) => why = " # a wheel for each target, for every Python".into(),
            _ => {}
        }
        if is_for_single(project) {
            let versions: Vec<String> = pythons(project).iter().map(|minor| format!("\"3.{minor}\"")).collect();
            keys.push(format!("python: [{}]", versions.join(", ")));
            why = " # its pyo3 has no `abi3-py3…` feature, so each Python gets a wheel of its own".into();
        }
        let entry = if keys.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", keys.join(", ")) };
        text.push_str(&format!("  {}: {entry}{why}\n", scalar(name.as_str())));
    }
    text.push('\n');
    text
}

/// What the classifiers name and `requires-python` lets in.
fn pythons(project: &PythonProject) -> Vec<u32> {
    let specifiers = project.requires_python.as_deref().unwrap_or_default();
    let inside = |minor: &u32| requires::lets_in(specifiers, *minor);
    let classified: Vec<u32> = project.classified.iter().copied().filter(inside).collect();
    let maintained: Vec<u32> = MAINTAINED.filter(inside).collect();
    match (classified.is_empty(), maintained.is_empty()) {
        (false, _) => classified,
        (true, false) => maintained,
        (true, true) => MAINTAINED.collect(),
    }
}

pub fn line(facts: &Facts, project: &PythonProject) -> String {
    let name = name(facts, project).map(|name| name.to_string()).unwrap_or_default();
    let provided = stable_abi::provided(&stable_abi::of_project(project)).all();
    let words: Vec<String> = provided
        .iter()
        .map(|one| match one {
            Pythons::Abi3t(_) => format!("abi3t, free-threaded Python 3.{} and later", one.first()),
            _ => format!("abi3, Python 3.{} and later", one.first()),
        })
        .collect();
    let pythons = match bindings(project) {
        Ok(Bindings::Bin) => "a program".into(),
        Ok(Bindings::Cffi) => "by cffi, for every Python".into(),
        Ok(Bindings::Uniffi) => "by uniffi, for every Python".into(),
        _ if !words.is_empty() => words.join("; "),
        _ => {
            let versions: Vec<String> = pythons(project).iter().map(|minor| format!("3.{minor}")).collect();
            format!("Python {}", versions.join(", "))
        }
    };
    format!("  Python distribution {name}, by maturin from {}: {pythons}\n", project.pyproject)
}
