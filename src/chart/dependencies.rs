//! The charts in `charts/` against the `dependencies` of `Chart.yaml`.

use crate::chart::flaw::{Findings, Flaw};
use crate::chart::ignore::Selection;
use crate::chart::lock::{self, Lock, accepts};
use crate::chart::metadata::{Dependency, FILE};
use crate::chart::range::Range;
use crate::chart::tree::Tree;

/// Every dependency must lie in `charts/` in a version that it accepts, and `Chart.lock` must fit.
/// `selection` tells when `.helmignore` took a chart away.
pub fn check(tree: &Tree, selection: &Selection) -> Findings {
    let mut findings = Findings::default();
    for (index, dependency) in tree.metadata.dependencies.iter().enumerate() {
        let place = |field: &str| tree.metadata.places.of(&format!("dependencies[{index}].{field}"));
        if let Some(flaw) = unreadable(dependency) {
            let list = if dependency.version.is_empty() { &mut findings.warnings } else { &mut findings.flaws };
            list.push(flaw.at(FILE, place("version")));
            continue;
        }
        let vendored = tree.subcharts.iter().find(|subchart| subchart.tree.metadata.name == dependency.name);
        match vendored {
            None => findings.flaws.push(missing(dependency, selection).unwrap_or_else(|| {
                let text = format!("the dependency `{}` is not in `charts/`", dependency.name);
                Flaw::new("dependency-missing", text).at(FILE, place("name")).hint(
                    "commit the chart that `helm dependency build` puts there, or set `dependencies: build` \
                     and run `longshore lock`",
                )
            })),
            Some(subchart) if !accepts(&dependency.version, &subchart.tree.metadata.version) => {
                let text = format!(
                    "`{}` is {} {}, and `Chart.yaml` asks for {}",
                    subchart.place, dependency.name, subchart.tree.metadata.version, dependency.version
                );
                findings.flaws.push(Flaw::new("dependency-version", text).at(FILE, place("version")));
            }
            Some(_) => {}
        }
    }
    findings.add(check_lock(tree));
    findings
}

/// The folder, relative to the repository, that a `file://` repository names; none for other repositories.
/// `chart` is the chart's own folder there.
pub fn folder(chart: &str, dependency: &Dependency) -> Option<Result<String, Flaw>> {
    let path = dependency.repository.strip_prefix("file://")?;
    let outside = || {
        let text = format!(
            "the repository `{}` of `{}` is outside of this repository",
            dependency.repository, dependency.name
        );
        Flaw::new("dependency-outside", text).hint("use a relative path that stays inside")
    };
    if path.starts_with('/') || path.contains('\\') {
        return Some(Err(outside()));
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in chart.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Some(Err(outside())),
            ".." => {}
            part => parts.push(part),
        }
    }
    Some(Ok(parts.join("/")))
}

/// Whether `Chart.lock` fits, if there is one.
pub fn check_lock(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    let Some(file) = tree.file(lock::FILE) else { return findings };
    let read = file.text().map_err(|flaw| vec![flaw]).and_then(Lock::read);
    let lock = match read {
        Ok(lock) => lock,
        Err(flaws) => return Findings { flaws, ..findings },
    };
    let vendored = |name: &str| {
        let found = tree.subcharts.iter().find(|subchart| subchart.tree.metadata.name == name);
        found.map(|subchart| subchart.tree.metadata.version.as_str())
    };
    findings.flaws = lock.flaws(&tree.metadata, vendored);
    if findings.flaws.is_empty() {
        for (index, locked) in lock.dependencies.iter().enumerate() {
            if let Some(version) = vendored(&locked.name).filter(|version| !accepts(&locked.version, version)) {
                let text =
                    format!("`Chart.lock` has `{}` {}, and `charts/` holds {version}", locked.name, locked.version);
                let place = lock.places.of(&format!("dependencies[{index}].version"));
                findings.warnings.push(Flaw::new("chart-lock", text).at(lock::FILE, place));
            }
        }
    }
    findings
}

fn unreadable(dependency: &Dependency) -> Option<Flaw> {
    let Dependency { name, version, .. } = dependency;
    if Range::read(version).is_some() {
        return None;
    }
    if version.is_empty() {
        let text = format!("the dependency `{name}` has no `version`, so Helm ignores its alias, condition and tags");
        return Some(Flaw::new("dependency-version", text).hint("write `version: \"*\"` if any version will do"));
    }
    Some(Flaw::new("dependency-version", format!("`{version}` is not a range of versions that Helm reads")))
}

/// A chart that is on disk and that `.helmignore` drops.
fn missing(dependency: &Dependency, selection: &Selection) -> Option<Flaw> {
    let name = &dependency.name;
    let dropped = selection.dropped.iter().find(|dropped| {
        let entry = dropped.path.strip_prefix("charts/");
        dropped.path == "charts" || entry.is_some_and(|entry| entry.starts_with(name.as_str()) && !entry.contains('/'))
    })?;
    let text = format!("{} drops `{}`, so the dependency `{name}` is missing", dropped.rule, dropped.path);
    Some(dropped.flaw("dependency-missing", text))
}

#[cfg(test)]
mod tests {
    use super::{Dependency, folder};

    #[test]
    fn local_folders_stay_inside() {
        let check = |repository: &str, expected: Option<Option<&str>>| {
            let dependency = Dependency { repository: repository.into(), ..Dependency::default() };
            let found = folder("charts/app", &dependency).map(Result::ok);
            assert_eq!(found.as_ref().map(Option::as_deref), expected, "{repository}");
        };
        check("https://example.com", None);
        check("file://../common", Some(Some("charts/common")));
        check("file://charts/db/", Some(Some("charts/app/charts/db")));
        check("file://../../", Some(Some("")));
        check("file://../../../elsewhere", Some(None));
        check("file:///etc", Some(None));
    }
}
