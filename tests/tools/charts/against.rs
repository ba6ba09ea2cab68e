//! Every case of `tests/charts` with Helm: it does what the case says, and our package is the one it makes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use longshore::chart::metadata::Metadata;
use serde_json::{Map, Value};

use super::helm::{Helm, parsed, text};
use crate::chart_case::{CHART, Case, Member, all, build, members, package, said};
use crate::project::Project;

#[test]
fn helm_does_what_the_cases_say() {
    of_every_case(expectations);
}

#[test]
fn packages_are_those_of_helm() {
    of_every_case(comparison);
}

/// All that is wrong with all cases.
fn of_every_case(problems: fn(&Case, &Helm) -> Vec<String>) {
    let helm = Helm::new();
    let mut found = Vec::new();
    for name in all() {
        let problems = problems(&Case::new(&name), &helm);
        found.extend(problems.into_iter().map(|problem| format!("{name}: {problem}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn expectations(case: &Case, helm: &Helm) -> Vec<String> {
    let project = staged(case, helm);
    let chart = project.folder().join(CHART);
    let packaged = helm.package(&chart);
    let path = match (packaged, case.expected("helm-says")) {
        (Ok(path), None) => path,
        (Err(words), Some(says)) if words.contains(&says) => return Vec::new(),
        (Ok(_), Some(says)) => return vec![format!("`helm package` does not say: {says}")],
        (Err(words), _) => return vec![format!("`helm package`: {words}")],
    };
    let mut problems = package_differs(case, &path);
    let files: [(&str, &[&str]); 3] = [
        ("helm-lint-says", &["lint"]),
        ("helm-lint-strict-says", &["lint", "--strict"]),
        ("helm-template-says", &["template", "r"]),
    ];
    for (file, command) in files {
        let Some(says) = case.expected(file) else { continue };
        let done = helm.run(&[command, &[text(&chart)]].concat());
        if done.status.success() || !said(&done).contains(&says) {
            problems.push(format!("`helm {}` does not say `{says}`: {}", command.join(" "), said(&done)));
        }
    }
    for (file, succeeds) in [("helm-template-ok-with", true), ("helm-template-fails-with", false)] {
        let Some(options) = case.expected(file) else { continue };
        let command: Vec<&str> = ["template", "r", text(&chart)].into_iter().chain(options.split(' ')).collect();
        let done = helm.run(&command);
        if done.status.success() != succeeds {
            problems.push(format!("`helm {}`: {}", command.join(" "), said(&done)));
        }
    }
    problems
}

/// What is written down about Helm's package.
fn package_differs(case: &Case, path: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let names: Vec<String> = members(path).into_iter().map(|member| member.path).collect();
    if let Some(twice) = case.expected("helm-package-duplicates")
        && names.iter().filter(|name| **name == twice).count() != 2
    {
        problems.push(format!("`{twice}` is not in Helm's package twice"));
    }
    let mut sorted = names.clone();
    sorted.sort();
    if case.expects("files") && case.lines("files") != sorted {
        problems.push(format!("Helm packages {sorted:?}"));
    }
    if case.expects("order") && !names.starts_with(&case.lines("order")) {
        problems.push(format!("Helm's order is {names:?}"));
    }
    problems
}

/// Our package beside Helm's of the chart with the texts of the release. The files that the case has in `expect/app` are
/// compared with it in `tests/it`; here they are compared by what Helm reads from them.
fn comparison(case: &Case, helm: &Helm) -> Vec<String> {
    if case.expects("exit") {
        return Vec::new();
    }
    let project = case.project();
    let done = build(case, &project);
    let Some(ours) = package(&project) else { return vec![format!("no package was made: {}", said(&done))] };
    let staged = staged(case, helm);
    let edited = case.files("app");
    for (path, bytes) in &edited {
        let at = staged.folder().join(CHART).join(path);
        // Not through a link.
        let _ = fs::remove_file(&at);
        fs::write(at, bytes).unwrap();
    }
    let theirs = match helm.package(&staged.folder().join(CHART)) {
        Ok(path) => path,
        Err(words) => return vec![format!("`helm package`: {words}")],
    };
    let edited: Vec<&str> = edited.iter().map(|(path, _)| path.as_str()).collect();
    let mut problems = files_differ(&edited, &ours, &theirs);
    problems.extend(metadata_differs(case, helm, [&ours, &theirs]));
    problems.extend(values_differ(case, helm, [&ours, &theirs]));
    problems
}

fn files_differ(edited: &[&str], ours: &Path, theirs: &Path) -> Vec<String> {
    let read = |path: &Path| members(path).into_iter().map(|one| (one.path.clone(), one)).collect::<BTreeMap<_, _>>();
    let (ours, theirs) = (read(ours), read(theirs));
    let only = |left: &BTreeMap<String, Member>, right: &BTreeMap<String, Member>, whose: &str| {
        let names = left.keys().filter(|name| !right.contains_key(*name));
        names.map(|name| format!("`{name}` is only in {whose} package")).collect::<Vec<_>>()
    };
    let mut problems = only(&ours, &theirs, "our");
    problems.extend(only(&theirs, &ours, "Helm's"));
    for (name, Member { bytes, mode, .. }) in &theirs {
        let Some(Member { bytes: other, mode: own, .. }) = ours.get(name) else { continue };
        if mode != own {
            problems.push(format!("`{name}` has the mode {own:o}, not {mode:o}"));
        }
        let is_same = match name.rsplit('/').next().unwrap() {
            // That of the chart itself: `metadata_differs`.
            "Chart.yaml" if name == "Chart.yaml" => true,
            "Chart.yaml" => metadata(bytes) == metadata(other),
            "Chart.lock" => lock(bytes) == lock(other),
            _ => bytes == other || edited.contains(&name.as_str()),
        };
        if !is_same {
            problems.push(format!("`{name}` has other bytes"));
        }
    }
    problems
}

fn metadata(bytes: &[u8]) -> Value {
    let read = Metadata::read(std::str::from_utf8(bytes).unwrap()).unwrap();
    serde_json::to_value(&read).unwrap()
}

fn lock(bytes: &[u8]) -> Value {
    parsed(std::str::from_utf8(bytes).unwrap())
}

/// Chart.yaml as Helm reads it; the fields of `data.json` are those that the release sets.
fn metadata_differs(case: &Case, helm: &Helm, [ours, theirs]: [&Path; 2]) -> Option<String> {
    let set: Map<String, Value> =
        case.expected("data.json").map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default();
    let read = |path: &Path| match helm.metadata(path) {
        Value::Object(fields) => fields,
        other => panic!("{other} is not Chart.yaml"),
    };
    let (ours, mut theirs) = (read(ours), read(theirs));
    theirs.extend(set);
    (ours != theirs).then(|| format!("Chart.yaml: Helm reads {}, not {}", Value::from(ours), Value::from(theirs)))
}

fn values_differ(case: &Case, helm: &Helm, [ours, theirs]: [&Path; 2]) -> Option<String> {
    if let Some(says) = case.expected("helm-template-says-packaged") {
        let done = helm.run(&["template", "r", text(ours)]);
        let is_said = !done.status.success() && said(&done).contains(&says);
        return (!is_said).then(|| format!("`helm template` does not say `{says}`: {}", said(&done)));
    }
    let expected = case.expected("values.json").map(|text| serde_json::from_str::<Value>(&text).unwrap());
    let (ours, theirs) = (helm.values(ours), helm.values(theirs));
    let is_expected = expected.is_none() || ours == expected;
    (!is_expected || ours != theirs)
        .then(|| format!("values: Helm reads {ours:?}, not {theirs:?}, expected {expected:?}"))
}

/// The files of a case after what Helm needs first.
fn staged(case: &Case, helm: &Helm) -> Project {
    let project = case.staged();
    if let Some(first) = case.expected("helm-first") {
        let chart = project.folder().join(CHART);
        let words: Vec<&str> = first.split(' ').chain([text(&chart)]).collect();
        helm.must(&words);
    }
    project
}
