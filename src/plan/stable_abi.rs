//! Which Pythons the wheels of a project are for: the stable ABI, and what else its files say of versions.

use super::crates::{On, Resolved, resolve};
use super::{Bindings, StageWork, Step, WheelWork, Work};
use crate::config::Wheel;
use crate::facts::python::{PythonProject, requires};
use crate::wheel::{DistributionName, FIRST_ABI3T, NEWEST, Pythons};

/// The stable ABIs that a crate is compiled for if asked: the smallest minor version of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Provided {
    /// Of `abi3-py3X`.
    pub abi3: Option<u32>,
    /// Of `abi3t-py3X`.
    pub abi3t: Option<u32>,
    /// Whether one is on that says no version: then it is that of the machine's Python.
    pub unnumbered: bool,
}

impl Provided {
    pub fn all(self) -> Vec<Pythons> {
        self.abi3.map(Pythons::Abi3).into_iter().chain(self.abi3t.map(Pythons::Abi3t)).collect()
    }
}

pub fn of_stage(project: &PythonProject, stage: &StageWork) -> Resolved {
    let place = |feature: &String| {
        let file = if project.features.contains(feature) { project.pyproject.as_str() } else { "longshore.yaml" };
        (feature.clone(), format!("`{feature}` in {file}"))
    };
    on(project, stage.features.iter().map(place).collect(), stage.default_features, stage.all_features)
}

/// The same for a project without changes.
pub fn of_project(project: &PythonProject) -> Resolved {
    let place = |feature: &String| (feature.clone(), format!("`{feature}` in {}", project.pyproject));
    on(project, project.features.iter().map(place).collect(), true, false)
}

fn on(project: &PythonProject, features: Vec<(String, String)>, default: bool, all: bool) -> Resolved {
    let flags = project.feature_flags;
    let on = On { features, default: default && !flags.no_default, all: all || flags.all };
    resolve(&project.crates, &project.manifest, &on)
}

/// What is compiled for which stable ABI, by the features of pyo3: maturin takes the smallest of each.
pub fn provided(resolved: &Resolved) -> Provided {
    let smallest = |prefix: &str| asked(resolved, prefix).into_iter().map(|(_, minor)| minor).min();
    let bare = |name: &str| resolved.asked.iter().any(|one| is_pyo3(&one.package) && one.feature == name);
    let (abi3, abi3t) = (smallest("abi3-py3"), smallest("abi3t-py3").map(|minor| minor.max(FIRST_ABI3T)));
    let unnumbered = abi3.is_none() && bare("abi3") || abi3t.is_none() && bare("abi3t");
    Provided { abi3, abi3t, unnumbered }
}

/// The Pythons that wheels are made for: those of `python:`, else each stable ABI that the crate has.
///
/// # Errors
/// What cannot be made: text and hint.
pub fn versions(
    wheel: &Wheel,
    manifest: &str,
    bindings: Bindings,
    provided: Provided,
) -> Result<Vec<Pythons>, (String, String)> {
    let name = &wheel.name;
    let wrong = |text: String, hint: &str| Err((text, hint.to_owned()));
    match (bindings.is_pyo3(), wheel.python.is_empty()) {
        (false, true) => return Ok(Vec::new()),
        (false, false) => return wrong(format!("a wheel of `{name}` is for every Python 3"), "remove `python:`"),
        (true, _) => {}
    }
    if provided.unnumbered {
        let text = format!(
            "`{manifest}` enables the stable ABI without a minimum Python: it would be that of the build machine"
        );
        return wrong(text, "enable a feature of pyo3 like `abi3-py310` or `abi3t-py315`");
    }
    let all = provided.all();
    if wheel.python.is_empty() {
        let text = || format!("cannot determine Python versions for `{name}`: pyo3 has no `abi3-py3…` feature enabled");
        let hint = "enable such a feature of pyo3, or set `python: [\"3.12\", \"3.13\"]`";
        return if all.is_empty() { wrong(text(), hint) } else { Ok(all) };
    }
    let mut found = Vec::new();
    for word in &wheel.python {
        let one = match (word.as_str(), provided) {
            ("abi3", Provided { abi3: Some(minor), .. }) => Pythons::Abi3(minor),
            ("abi3t", Provided { abi3t: Some(minor), .. }) => Pythons::Abi3t(minor),
            ("abi3", _) => {
                let text = format!("`{manifest}` does not enable `abi3` of pyo3");
                return wrong(text, "enable a feature of pyo3 like `abi3-py310`");
            }
            ("abi3t", _) => {
                let text = format!("`{manifest}` does not enable `abi3t` of pyo3");
                return wrong(text, "enable a feature of pyo3 like `abi3t-py315`");
            }
            (version, _) => match version.parse() {
                Ok(one) => single(name, one, provided)?,
                Err(why) => return wrong(why, "use versions like `3.12` and `3.14t`"),
            },
        };
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}

/// A wheel for one Python, which maturin makes only where no stable ABI does.
fn single(name: &DistributionName, one: Pythons, provided: Provided) -> Result<Pythons, (String, String)> {
    let Pythons::Only { minor, threaded } = one else { return Ok(one) };
    if threaded && minor < FIRST_ABI3T - 1 {
        let text = format!("maturin does not support free-threaded Python {one}");
        return Err((text, format!("the first is 3.{}t", FIRST_ABI3T - 1)));
    }
    let stable = match provided {
        Provided { abi3: Some(_), .. } if !threaded => Some("abi3"),
        Provided { abi3t: Some(first), .. } if minor >= first => Some("abi3t"),
        _ => None,
    };
    let Some(word) = stable else { return Ok(one) };
    let text = format!("`{name}` is built for the stable ABI: it has no version-specific wheels such as {one}");
    Err((text, format!("write `{word}` instead, or remove the feature `{word}` of pyo3")))
}

fn is_pyo3(package: &str) -> bool {
    matches!(package, "pyo3" | "pyo3-ffi")
}

/// Every place that switches on such a feature of pyo3, and its number.
fn asked(resolved: &Resolved, prefix: &str) -> Vec<(String, u32)> {
    let of_pyo3 = resolved.asked.iter().filter(|one| is_pyo3(&one.package));
    of_pyo3.filter_map(|one| Some((one.place.clone(), one.feature.strip_prefix(prefix)?.parse().ok()?))).collect()
}

/// Versions of Python that contradict each other: the stable ABI's in several places, those of `requires-python`; and
/// what a crate could be built for, and is not.
pub fn notes(project: &PythonProject, step: &Step, stage: &StageWork) -> Vec<String> {
    let Work::Wheel(work) = &step.work else { return Vec::new() };
    let (mut notes, name) = (Vec::new(), &stage.distribution);
    let resolved = of_stage(project, stage);
    let first = work.python.iter().find_map(|one| match one {
        Pythons::Abi3(minor) => Some(*minor),
        _ => None,
    });
    if let Some(first) = first {
        let asked = asked(&resolved, "abi3-py3");
        if asked.iter().any(|(_, minor)| *minor != asked[0].1) {
            let places: Vec<String> = asked.iter().map(|(place, minor)| format!("{place}: 3.{minor}")).collect();
            let places = places.join(", ");
            notes.push(format!("`{name}` is for Python 3.{first} and later, the lowest of several: {places}"));
        }
    }
    let replaced = stage.project.get("requires-python");
    let requires = replaced.map_or(project.requires_python.as_deref(), serde_json::Value::as_str);
    notes.extend(match first {
        Some(first) => older(stage, requires, first),
        None => requires.and_then(|requires| lacking(work, requires)),
    });
    notes.extend(excluded(work, requires));
    notes.extend(left_out(work, provided(&resolved), requires));
    notes
}

/// Which of the features for the stable ABI of the crate is not built, and the free-threaded Python that takes neither stable ABI.
fn left_out(work: &WheelWork, provided: Provided, requires: Option<&str>) -> Vec<String> {
    let name = &work.stage.distribution;
    let mut notes = Vec::new();
    for pythons in provided.all().into_iter().filter(|one| !work.python.contains(one)) {
        let word = if matches!(pythons, Pythons::Abi3(_)) { "abi3" } else { "abi3t" };
        notes.push(format!(
            "`{name}` has no wheel for {pythons}, which its crate supports: `{word}` in `python:` adds it"
        ));
    }
    let older = Pythons::Only { minor: FIRST_ABI3T - 1, threaded: true };
    let lets_in = requires::lets_in(requires.unwrap_or_default(), older.first());
    let free_threaded = work.python.iter().any(|one| matches!(one, Pythons::Abi3t(_)));
    if free_threaded && lets_in && !work.python.contains(&older) {
        notes.push(format!("`{name}` has no wheel for free-threaded Python {older}, which supports neither abi3 nor abi3t: `\"{older}\"` in `python:` adds it"));
    }
    notes
}

/// Pythons that the project supports, but that no wheel is for.
fn older(stage: &StageWork, requires: Option<&str>, first: u32) -> Option<String> {
    (0..first).find(|minor| requires::lets_in(requires.unwrap_or_default(), *minor))?;
    let says =
        requires.map_or_else(|| "has no `requires-python`".into(), |text| format!("says `requires-python = {text:?}`"));
    let name = &stage.distribution;
    Some(format!("`{name}` {says}, but its wheels require Python 3.{first}: older ones get none"))
}

/// Pythons that are let in, and for which a list of version-specific wheels has none.
fn lacking(work: &WheelWork, requires: &str) -> Option<String> {
    let plain = work.python.iter().filter(|one| matches!(one, Pythons::Only { threaded: false, .. }));
    let built: Vec<u32> = plain.map(|one| one.first()).collect();
    let first = built.iter().copied().min()?;
    let lets_in = |minor: &u32| requires::lets_in(requires, *minor);
    let mut missing: Vec<String> = Vec::new();
    if (0..first).any(|minor| lets_in(&minor)) {
        missing.push(format!("before 3.{first}"));
    }
    let later = (first..=NEWEST).filter(|minor| lets_in(minor) && !built.contains(minor));
    missing.extend(later.map(|minor| format!("3.{minor}")));
    let (name, missing) = (&work.stage.distribution, (!missing.is_empty()).then(|| missing.join(", "))?);
    Some(format!("`{name}` says `requires-python = {requires:?}`, but has no wheel for Python {missing}"))
}

/// Wheels that pip never takes.
fn excluded(work: &WheelWork, requires: Option<&str>) -> Option<String> {
    let requires = requires?;
    let out = |one: &&Pythons| matches!(one, Pythons::Only { minor, .. } if !requires::lets_in(requires, *minor));
    let versions: Vec<String> = work.python.iter().filter(out).map(ToString::to_string).collect();
    let (name, list) = (&work.stage.distribution, versions.join(", "));
    let text = || format!("`{name}` has wheels for Python {list}, which its `requires-python = {requires:?}` excludes");
    (!versions.is_empty()).then(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::facts::python::crates::with_pyo3;
    use crate::facts::{Facts, Head, Tag};
    use crate::plan::{Request, plan};

    /// What is assumed of `demo`, whose crate has these `abi3` features.
    fn check(yaml: &str, requires: Option<&str>, stable: &[(&str, &str)], features: &[&str], expected: &[&str]) {
        let of = |wanted: bool| stable.iter().filter(move |(feature, _)| feature.is_empty() == wanted);
        let always: Vec<&str> = of(true).map(|(_, word)| *word).collect();
        let mut crates = with_pyo3("py/Cargo.toml", &always);
        if let Some(own) = crates.get_mut("py/Cargo.toml") {
            own.features = of(false).map(|(feature, word)| ((*feature).into(), vec![format!("pyo3/{word}")])).collect();
        }
        let project = PythonProject {
            pyproject: "py/pyproject.toml".into(),
            manifest: "py/Cargo.toml".into(),
            name: Some("demo".into()),
            version: Some("1.2.3".into()),
            requires_python: requires.map(str::to_owned),
            crates,
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
        let pyo3 = ("", "abi3-py312");
        check("{}", since, &[pyo3], &[], &[]);
        check("{}", since, &[pyo3], &["pyo3/abi3-py312"], &[]);
        check("{}", since, &[pyo3, ("old", "abi3-py39")], &[], &[]);
        let both = "`demo` is for Python 3.12 and later, the lowest of several: pyo3 in py/Cargo.toml: 3.12, \
                    `pyo3/abi3-py313` in py/pyproject.toml: 3.13";
        check("{}", since, &[pyo3], &["pyo3/abi3-py313"], &[both]);
        let both = "`demo` is for Python 3.12 and later, the lowest of several: pyo3 in py/Cargo.toml: 3.12, \
                    feature `new` in py/Cargo.toml: 3.13, `pyo3/abi3-py314` in longshore.yaml: 3.14";
        check("{ features: [new, pyo3/abi3-py314] }", since, &[pyo3, ("new", "abi3-py313")], &[], &[both]);
    }

    #[test]
    fn every_python_that_is_let_in_has_a_wheel() {
        let abi3 = [("", "abi3-py310")];
        check("{}", Some(">=3.10"), &abi3, &[], &[]);
        check("{}", Some(">=3.11"), &abi3, &[], &[]);
        let text = |says: &str| format!("`demo` {says}, but its wheels require Python 3.10: older ones get none");
        check("{}", Some(">=3.9"), &abi3, &[], &[&text("says `requires-python = \">=3.9\"`")]);
        check("{}", None, &abi3, &[], &[&text("has no `requires-python`")]);
        // What the distribution replaces counts.
        check("{ project: { requires-python: \">=3.10\" } }", Some(">=3.9"), &abi3, &[], &[]);
    }

    #[test]
    fn every_wheel_is_let_in() {
        check("{ python: [\"3.10\", \"3.11\"] }", Some(">=3.10,<3.12"), &[], &[], &[]);
        let text = "`demo` says `requires-python = \">=3.8\"`, but has no wheel for Python before 3.11, 3.12, 3.14";
        check("{ python: [\"3.11\", \"3.13\"] }", Some(">=3.8"), &[], &[], &[text]);
        check("{ python: [\"3.10\"] }", None, &[], &[], &[]);
        let text = "`demo` has wheels for Python 3.9, 3.13, which its `requires-python = \">=3.10,<3.13\"` excludes";
        check("{ python: [\"3.9\", \"3.10\", \"3.11\", \"3.12\", \"3.13\"] }", Some(">=3.10,<3.13"), &[], &[], &[text]);
    }

    #[test]
    fn what_a_crate_provides_is_built_or_named() {
        let both = [("", "abi3-py310"), ("", "abi3t-py315")];
        let threaded = "`demo` has no wheel for free-threaded Python 3.14t, which supports neither abi3 nor abi3t: \
                        `\"3.14t\"` in `python:` adds it";
        check("{}", Some(">=3.10"), &both, &[], &[threaded]);
        check("{ python: [abi3, 3.14t, abi3t] }", Some(">=3.10"), &both, &[], &[]);
        check("{}", Some(">=3.15"), &[("", "abi3t-py315")], &[], &[]);
        let less = "`demo` has no wheel for abi3t-py315, which its crate supports: `abi3t` in `python:` adds it";
        check("{ python: abi3 }", Some(">=3.10"), &both, &[], &[less]);
    }
}
