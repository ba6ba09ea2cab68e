//! Which Pythons the wheels of a project are for: the stable ABI, and what else its files say of versions.

use super::{StageWork, Step, WheelWork, Work};
use crate::facts::python::{PythonProject, requires};

/// The cargo features of a build.
struct On<'a> {
    features: &'a [String],
    default: bool,
    all: bool,
}

impl<'a> On<'a> {
    fn of(stage: &'a StageWork) -> Self {
        Self { features: &stage.features, default: stage.default_features, all: stage.all_features }
    }

    fn has(&self, feature: &str) -> bool {
        let named = self.features.iter().any(|known| known == feature);
        feature.is_empty() || self.all || named || feature == "default" && self.default
    }
}

/// The smallest Python of the stable ABI that a stage's features ask for, as `3.10`.
pub fn smallest(project: &PythonProject, stage: &StageWork) -> Option<String> {
    lowest(&asked(project, &On::of(stage)))
}

/// The same for a project as it lies there.
pub fn of_project(project: &PythonProject) -> Option<String> {
    lowest(&asked(project, &On { features: &project.features, default: true, all: false }))
}

fn lowest(asked: &[(String, u32)]) -> Option<String> {
    asked.iter().map(|(_, minor)| minor).min().map(|minor| format!("3.{minor}"))
}

/// Every place that switches on `abi3-py3X` of pyo3, and its X.
fn asked(project: &PythonProject, on: &On<'_>) -> Vec<(String, u32)> {
    let of_crate = project.abi3.iter().filter(|(feature, _)| on.has(feature)).filter_map(|(feature, version)| {
        let place = match feature.as_str() {
            "" => format!("pyo3 in {}", project.manifest),
            feature => format!("feature `{feature}` in {}", project.manifest),
        };
        Some((place, minor(version)?))
    });
    let written = on.features.iter().filter_map(|feature| {
        let minor = feature.strip_prefix("pyo3/abi3-py3")?.parse().ok()?;
        let place = if project.features.contains(feature) { project.pyproject.as_str() } else { "longshore.yaml" };
        Some((format!("`{feature}` in {place}"), minor))
    });
    of_crate.chain(written).collect()
}

fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("3.")?.parse().ok()
}

/// Versions of Python that contradict each other: the stable ABI's in several places, those of `requires-python`.
pub fn notes(project: &PythonProject, step: &Step, stage: &StageWork) -> Vec<String> {
    let Work::Wheel(work) = &step.work else { return Vec::new() };
    let mut notes = Vec::new();
    let smallest = smallest(project, stage).filter(|_| work.python.is_empty());
    if let Some(smallest) = &smallest {
        let asked = asked(project, &On::of(stage));
        if asked.iter().any(|(_, minor)| *minor != asked[0].1) {
            let places: Vec<String> = asked.iter().map(|(place, minor)| format!("{place} says 3.{minor}")).collect();
            let (name, places) = (&stage.distribution, places.join(", "));
            notes.push(format!("`{name}` is for Python {smallest} and later, the lowest that is asked for: {places}"));
        }
    }
    let replaced = stage.project.get("requires-python");
    let requires = replaced.map_or(project.requires_python.as_deref(), serde_json::Value::as_str);
    notes.extend(smallest.as_deref().and_then(minor).and_then(|first| older(stage, requires, first)));
    notes.extend(excluded(work, requires));
    notes
}

/// Pythons that pip would come with, and for which there is no wheel.
fn older(stage: &StageWork, requires: Option<&str>, first: u32) -> Option<String> {
    (0..first).find(|minor| requires::lets_in(requires.unwrap_or_default(), *minor))?;
    let says =
        requires.map_or_else(|| "has no `requires-python`".into(), |text| format!("says `requires-python = {text:?}`"));
    let name = &stage.distribution;
    Some(format!("`{name}` {says}, but its wheels begin at Python 3.{first}: there is none for older ones"))
}

/// Wheels that pip never takes.
fn excluded(work: &WheelWork, requires: Option<&str>) -> Option<String> {
    let requires = requires?;
    let out = |version: &&String| minor(version).is_some_and(|minor| !requires::lets_in(requires, minor));
    let versions: Vec<&str> = work.python.iter().filter(out).map(String::as_str).collect();
    let (name, list) = (&work.stage.distribution, versions.join(", "));
    let text = || format!("`{name}` has wheels for Python {list}, which its `requires-python = {requires:?}` excludes");
    (!versions.is_empty()).then(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::facts::{Facts, Head, Tag};
    use crate::plan::{Request, plan};

    /// What is assumed of `demo`, whose crate has these `abi3` features.
    fn check(yaml: &str, requires: Option<&str>, abi3: &[(&str, &str)], features: &[&str], expected: &[&str]) {
        let project = PythonProject {
            pyproject: "py/pyproject.toml".into(),
            manifest: "py/Cargo.toml".into(),
            name: Some("demo".into()),
            version: Some("1.2.3".into()),
            requires_python: requires.map(str::to_owned),
            abi3: abi3.iter().map(|(feature, version)| ((*feature).into(), (*version).into())).collect(),
            features: features.iter().map(ToString::to_string).collect(),
            module: "demo".into(),
            ..PythonProject::default()
        };
        let commit = "1".repeat(40);
        let facts = Facts {
            folder: "demo".into(),
            head: Head { commit: commit.clone(), ..Head::default() },
            tags: vec![Tag { name: "v1.2.3".into(), commit, distance: Some(0) }],
            python: vec![project],
            ..Facts::default()
        };
        let text = format!("longshore: 1\nbinaries: false\nwheels: {{ demo: {yaml} }}\npublish: {{ pypi: {{}} }}");
        let (config, _) = config::parse("longshore.yaml", &text, &[]).unwrap();
        let plan = plan(&config, &facts, &Request::default()).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        let notes: Vec<&String> = plan.assumed.iter().filter(|note| note.starts_with("`demo`")).collect();
        assert_eq!(notes, expected, "{yaml} {requires:?}");
    }

    #[test]
    fn the_stable_abi_is_asked_for_once() {
        let since = Some(">=3.12");
        let pyo3 = ("", "3.12");
        check("{}", since, &[pyo3], &[], &[]);
        check("{}", since, &[pyo3], &["pyo3/abi3-py312"], &[]);
        check("{}", since, &[pyo3, ("old", "3.9")], &[], &[]);
        let both = "`demo` is for Python 3.12 and later, the lowest that is asked for: pyo3 in py/Cargo.toml says 3.12, \
                    `pyo3/abi3-py313` in py/pyproject.toml says 3.13";
        check("{}", since, &[pyo3], &["pyo3/abi3-py313"], &[both]);
        let both = "`demo` is for Python 3.12 and later, the lowest that is asked for: pyo3 in py/Cargo.toml says 3.12, \
                    feature `new` in py/Cargo.toml says 3.13, `pyo3/abi3-py314` in longshore.yaml says 3.14";
        check("{ features: [new, pyo3/abi3-py314] }", since, &[pyo3, ("new", "3.13")], &[], &[both]);
    }

    #[test]
    fn every_python_that_is_let_in_has_a_wheel() {
        let abi3 = [("", "3.10")];
        check("{}", Some(">=3.10"), &abi3, &[], &[]);
        check("{}", Some(">=3.11"), &abi3, &[], &[]);
        let text =
            |says: &str| format!("`demo` {says}, but its wheels begin at Python 3.10: there is none for older ones");
        check("{}", Some(">=3.9"), &abi3, &[], &[&text("says `requires-python = \">=3.9\"`")]);
        check("{}", None, &abi3, &[], &[&text("has no `requires-python`")]);
        // What the distribution replaces counts.
        check("{ project: { requires-python: \">=3.10\" } }", Some(">=3.9"), &abi3, &[], &[]);
    }

    #[test]
    fn every_wheel_is_let_in() {
        check("{ python: [\"3.10\", \"3.11\"] }", Some(">=3.10"), &[], &[], &[]);
        check("{ python: [\"3.10\"] }", None, &[], &[], &[]);
        let text = "`demo` has wheels for Python 3.9, 3.13, which its `requires-python = \">=3.10,<3.13\"` excludes";
        check("{ python: [\"3.9\", \"3.10\", \"3.13\"] }", Some(">=3.10,<3.13"), &[], &[], &[text]);
    }
}
