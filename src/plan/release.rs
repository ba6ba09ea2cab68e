//! Which releases a plan makes: components, tags, versions, and whether all manifests agree.

use std::collections::BTreeMap;

use super::alike;
use super::inputs::Inputs;
use super::request::WithoutTag;
use super::{Origin, Release};
use crate::config;
use crate::facts::python::PythonProject;
use crate::facts::{Package, Tag};
use crate::pep440::semver;
use crate::problem::Problem;
use crate::shown::{self, AND};
use crate::tag::{Guess, TagGrammar};
use crate::version::Version;

/// The releases of a plan, and where their versions come from.
pub struct Releases {
    pub list: Vec<Release>,
    pub origin: Origin,
    /// Lends its version where none is known: to find all other problems, and to what a component that is not released
    /// gives to one that is.
    unknown: Release,
    /// Components of a snapshot that are published as they are.
    unchanged: Vec<String>,
}

impl Releases {
    /// Whether a component is made and published in this plan.
    pub fn makes(&self, component: &str) -> bool {
        self.of(component).is_some() && !self.unchanged.iter().any(|one| one == component)
    }

    /// The releases that are made, and those of a snapshot that are published as they are.
    pub fn parted(self) -> (Vec<Release>, Vec<Release>) {
        let Self { list, unchanged, .. } = self;
        list.into_iter().partition(|release| !unchanged.contains(&release.component))
    }

    /// That of a component, if it is released.
    pub fn of(&self, component: &str) -> Option<&Release> {
        self.list.iter().find(|release| release.component == component)
    }

    /// That of a component, else the one it is made for.
    pub fn for_component(&self, component: &str) -> &Release {
        self.of(component).or(self.list.first()).unwrap_or(&self.unknown)
    }
}

/// What an artifact is made from: it belongs to a component, which has the versions of these.
#[derive(Default)]
pub struct Source<'f> {
    pub component: String,
    pub package: Option<&'f Package>,
    pub project: Option<&'f PythonProject>,
    /// The Chart.yaml of a chart.
    pub chart: Option<Manifest>,
}

/// A Chart.yaml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub path: String,
    /// Whether its version must be the release's.
    pub counts: bool,
}

/// A component with its tag grammar and the packages its artifacts are made from.
struct Candidate<'a> {
    component: &'a config::Component,
    grammar: TagGrammar,
    /// Packages of its binaries and distributions.
    packages: Vec<&'a Package>,
    /// The maturin projects of its distributions.
    projects: Vec<&'a PythonProject>,
    /// The Chart.yaml of each of its charts.
    charts: Vec<Manifest>,
    /// Whether charts are all that it has.
    only_charts: bool,
}

/// The components that something belongs to; the root first.
fn candidates<'a>(inputs: &Inputs<'a>, sources: &[Source<'a>]) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for component in std::iter::once(&inputs.config.root).chain(&inputs.config.components) {
        let own = || sources.iter().filter(|source| source.component == component.name);
        if own().next().is_none() {
            continue;
        }
        let grammar = match TagGrammar::new(&component.tag, &component.name) {
            Ok(grammar) => grammar,
            Err(text) => {
                let name = &component.name;
                let path = if name.is_empty() { "tag".into() } else { format!("components.{name}.tag") };
                inputs.refuse(Problem::new("bad-tag", text).at_value(path));
                continue;
            }
        };
        let mut packages: Vec<&Package> = Vec::new();
        for package in own().filter_map(|source| source.package) {
            packages.extend((!packages.contains(&package)).then_some(package));
        }
        let uses = |project: &&PythonProject| own().any(|source| source.project.is_some_and(|own| own == *project));
        let projects = inputs.facts.python.iter().filter(uses).collect();
        let charts = own().filter_map(|source| source.chart.clone()).collect();
        let only_charts = own().all(|source| source.chart.is_some());
        candidates.push(Candidate { component, grammar, packages, projects, charts, only_charts });
    }
    candidates
}

/// A version written somewhere: where, and the text.
type Written = (String, String);

/// Which components are released, and their versions. Nothing but configuration and facts is needed for that.
pub fn releases<'a>(inputs: &Inputs<'a>, sources: &[Source<'a>]) -> Releases {
    let candidates = candidates(inputs, sources);
    if inputs.request.every_release {
        let wanted = wanted(inputs.request, &candidates);
        let list = wanted.map(|candidate| candidate.release(Version::default(), candidates.len() == 1)).collect();
        return Releases { list, origin: Origin::Snapshot, unknown: unknown(), unchanged: Vec::new() };
    }
    let chosen = choose(inputs, &candidates);
    let mut origin = Origin::Tag;
    let mut releases = Vec::new();
    for (candidate, tag) in chosen {
        let version = match &tag {
            Some(tag) => candidate.grammar.version(tag),
            None if inputs.request.snapshot || inputs.request.without_tag == WithoutTag::Snapshot => {
                origin = Origin::Snapshot;
                snapshot(inputs, candidate)
            }
            None => {
                origin = Origin::Assumed;
                of_manifests(inputs, candidate)
            }
        };
        let Some(version) = version else { continue };
        if version.has_build() && !candidate.only_charts {
            let text =
                format!("version `{version}` has build metadata (`+…`), which file names and tags cannot contain");
            inputs.refuse(Problem::new("build-metadata", text).hint("release a version without `+`"));
        }
        agree(inputs, candidate, tag.is_some().then_some(&version));
        releases.push(candidate.release(version, candidates.len() == 1));
    }
    if origin == Origin::Tag {
        strict(inputs);
    }
    let published = inputs.facts.published.iter().filter(|(_, published)| published.complete);
    let unchanged = published.map(|(component, _)| component.clone()).collect();
    Releases { list: releases, origin, unknown: unknown(), unchanged }
}

fn unknown() -> Release {
    Release {
        component: String::new(),
        version: Version::default(),
        tag: String::new(),
        prerelease: false,
        latest: false,
        tags: String::new(),
    }
}

impl Candidate<'_> {
    fn release(&self, version: Version, is_only: bool) -> Release {
        let alone = is_only || self.component.name.is_empty();
        Release {
            component: self.component.name.clone(),
            tag: self.grammar.tag(&version),
            prerelease: version.is_prerelease(),
            latest: self.component.latest.unwrap_or(alone),
            tags: self.grammar.to_string(),
            version,
        }
    }
}

/// The components to release, each with its tag if one says so.
fn choose<'c, 'a>(inputs: &Inputs<'c>, candidates: &'c [Candidate<'a>]) -> Vec<(&'c Candidate<'a>, Option<String>)> {
    let request = inputs.request;
    for name in &request.components {
        if !candidates.iter().any(|candidate| candidate.component.name == *name) {
            let known: Vec<&str> = candidates.iter().map(|c| c.component.name.as_str()).collect();
            let problem = Problem::new("unknown-component", format!("no component is called `{name}`"));
            inputs.refuse(problem.hint(match known.as_slice() {
                [] | [""] => "there are none: the whole is released together, without `--component`".to_owned(),
                known => format!("known: {}", known.join(", ")),
            }));
        }
    }
    if request.snapshot {
        return wanted(request, candidates).map(|candidate| (candidate, None)).collect();
    }
    if !request.tags.is_empty() {
        return request
            .tags
            .iter()
            .filter_map(|tag| Some((named(inputs, tag, candidates)?, Some(tag.clone()))))
            .collect();
    }
    if let Some(tag) = &inputs.facts.trigger
        && request.components.is_empty()
    {
        return named(inputs, tag, candidates).map(|candidate| (candidate, Some(tag.clone()))).into_iter().collect();
    }
    if request.every_component {
        return every(inputs, candidates);
    }
    at_commit(inputs, candidates)
}

/// Those whose tags point at the commit; without any, those that may be released without a tag.
fn at_commit<'c, 'a>(inputs: &Inputs<'c>, candidates: &'c [Candidate<'a>]) -> Vec<(&'c Candidate<'a>, Option<String>)> {
    let request = inputs.request;
    let mut tagged = Vec::new();
    let mut untagged = Vec::new();
    for candidate in wanted(request, candidates) {
        let tags: Vec<&Tag> = at_head(inputs, candidate).collect();
        match tags.as_slice() {
            [] => untagged.push((candidate, None)),
            [one] => tagged.push((candidate, Some(one.name.clone()))),
            several => {
                let names: Vec<String> = several.iter().map(|tag| format!("`{}`", tag.name)).collect();
                let text = format!("{} point at this commit: which one is released?", names.join(" and "));
                inputs.refuse(Problem::new("several-tags", text).hint("choose with `--tag TAG`"));
            }
        }
    }
    if tagged.len() > 1 && request.components.is_empty() {
        let names: Vec<String> =
            tagged.iter().filter_map(|(_, tag)| tag.as_ref().map(|tag| format!("`{tag}`"))).collect();
        let text = format!("tags of several components point at this commit: {}", names.join(", "));
        inputs.refuse(Problem::new("several-tags", text).hint("choose with `--tag TAG...` or `--component NAME...`"));
    }
    if tagged.is_empty() && !untagged.is_empty() && request.without_tag == WithoutTag::Refuse {
        inputs.refuse(no_tag(inputs, &untagged));
        return Vec::new();
    }
    if tagged.is_empty() || !request.components.is_empty() && request.without_tag != WithoutTag::Refuse {
        tagged.append(&mut untagged);
    }
    tagged
}

/// All components, each with the tag at HEAD that fits best if there is one. Beside one with a tag those of which nothing
/// says a version are left out.
fn every<'c, 'a>(inputs: &Inputs<'c>, candidates: &'c [Candidate<'a>]) -> Vec<(&'c Candidate<'a>, Option<String>)> {
    let mut all = Vec::new();
    for candidate in wanted(inputs.request, candidates) {
        let written = assumed(inputs, candidate);
        let tags = || at_head(inputs, candidate).map(|tag| (candidate.grammar.version(&tag.name), &tag.name));
        let tag = tags().find(|(version, _)| *version == written).or_else(|| tags().max());
        all.push((candidate, tag.map(|(_, name)| name.clone()), written.is_some()));
    }
    let any = all.iter().any(|(_, tag, _)| tag.is_some());
    all.retain(|(_, tag, has_version)| tag.is_some() || *has_version || !any);
    all.into_iter().map(|(candidate, tag, _)| (candidate, tag)).collect()
}

fn wanted<'c, 'a>(
    request: &'c super::Request,
    candidates: &'c [Candidate<'a>],
) -> impl Iterator<Item = &'c Candidate<'a>> {
    candidates.iter().filter(|c| request.components.is_empty() || request.components.contains(&c.component.name))
}

fn at_head<'f>(inputs: &Inputs<'f>, candidate: &Candidate<'_>) -> impl Iterator<Item = &'f Tag> {
    let head = &inputs.facts.head.commit;
    inputs.facts.tags.iter().filter(move |tag| tag.commit == *head && candidate.grammar.version(&tag.name).is_some())
}

/// The component a tag belongs to, after checking that the tag is at HEAD.
fn named<'c, 'a>(inputs: &Inputs<'_>, tag: &str, candidates: &'c [Candidate<'a>]) -> Option<&'c Candidate<'a>> {
    let Some(candidate) = candidates.iter().find(|candidate| candidate.grammar.version(tag).is_some()) else {
        let forms: Vec<String> = candidates.iter().map(|candidate| format!("`{}`", candidate.grammar)).collect();
        let text = format!("tag `{tag}` is not a release tag here");
        let names: Vec<&str> = candidates.iter().map(|candidate| candidate.component.name.as_str()).collect();
        let key = match Guess::of(tag).and_then(|guess| alike::key(&guess, &names)) {
            Some(key) => format!("for tags like this one write {key}"),
            None => "the key `tag:` says so".to_owned(),
        };
        let hint = format!("release tags look like {}; {key}", forms.join(", "));
        inputs.refuse(Problem::new("unknown-tag", text).hint(hint));
        return None;
    };
    let head = &inputs.facts.head;
    match inputs.facts.tags.iter().find(|known| known.name == tag) {
        Some(known) if known.commit != head.commit => {
            let text = format!(
                "tag `{tag}` points to commit {}, but {} is checked out",
                short(&known.commit),
                short(&head.commit)
            );
            inputs.refuse(Problem::new("wrong-commit", text).hint(format!("run `git checkout {tag}` first")));
        }
        None if inputs.request.without_tag == WithoutTag::Refuse => {
            let hint = if head.shallow {
                "this clone is shallow: `git fetch --tags --unshallow` (in CI: `fetch-depth: 0`)".to_owned()
            } else {
                format!("`git tag {tag}` and `git push origin {tag}`, or `git fetch --tags`")
            };
            inputs.refuse(Problem::new("tag-missing", format!("tag `{tag}` does not exist in this clone")).hint(hint));
        }
        _ => {}
    }
    Some(candidate)
}

fn no_tag(inputs: &Inputs<'_>, untagged: &[(&Candidate<'_>, Option<String>)]) -> Problem {
    let problem =
        Problem::new("no-tag", format!("no release tag points at commit {}", short(&inputs.facts.head.commit)));
    if inputs.facts.head.shallow {
        return problem
            .hint("this clone is shallow and may hide it: `git fetch --tags --unshallow` (in CI: `fetch-depth: 0`)");
    }
    let names: Vec<&str> = untagged.iter().map(|(candidate, _)| candidate.component.name.as_str()).collect();
    let other = untagged.iter().find_map(|(candidate, _)| {
        let version = &candidate.packages.first()?.version;
        alike::at_head(inputs.facts, &candidate.component.name, version, &candidate.grammar.to_string(), &names)
    });
    if let Some(other) = other {
        return problem.hint(other);
    }
    let tag = untagged.first().map(|(candidate, _)| {
        let version = assumed(inputs, candidate).or_else(|| without_manifest(inputs, candidate));
        version.map_or_else(|| candidate.grammar.to_string(), |version| candidate.grammar.tag(&version))
    });
    let tag = tag.unwrap_or_default();
    problem.hint(format!("`git tag {tag}{AND}git push origin {tag}`; to try without one: `longshore rehearse`"))
}

/// What a release that becomes public needs beyond its tag.
fn strict(inputs: &Inputs<'_>) {
    let dirty = &inputs.facts.head.dirty;
    if inputs.request.without_tag == WithoutTag::Refuse && !dirty.is_empty() {
        let text = format!("the work tree differs from the commit: {}", shown::some(dirty, 1));
        inputs.refuse(
            Problem::new("dirty-tree", text).hint("commit or `git stash -u` first; a release is made from a commit"),
        );
    }
}

/// Every place the component's version is written.
fn written(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> (Vec<Written>, Vec<Problem>) {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    if let Some(files) = &candidate.component.version_files {
        for file in files {
            match inputs.facts.version_files.get(file) {
                // Python writes prereleases otherwise.
                Some(Ok(version)) => all.push((file.clone(), semver(version).unwrap_or_else(|| version.clone()))),
                Some(Err(reason)) => problems.push(no_version(candidate, format!("`{file}` {reason}"))),
                None => problems.push(no_version(candidate, format!("`{file}` was not read"))),
            }
        }
        return (all, problems);
    }
    for chart in candidate.charts.iter().filter(|chart| chart.counts) {
        // What is wrong with the file itself is said where the chart is planned.
        if let Some(Ok(version)) = inputs.facts.version_files.get(&chart.path) {
            all.push((chart.path.clone(), version.clone()));
        }
    }
    for package in &candidate.packages {
        all.push((format!("{} ({})", package.manifest, package.name), package.version.to_string()));
        if let (Some(locked), Some(lock)) = (&package.locked, &package.lock) {
            all.push((format!("{lock} ({})", package.name), locked.to_string()));
        }
    }
    for project in &candidate.projects {
        // Without one it is the crate's.
        let version = project.version.as_ref().map(|text| semver(text).unwrap_or_else(|| text.clone()));
        all.extend(version.map(|version| (project.pyproject.clone(), version)));
    }
    (all, problems)
}

fn no_version(candidate: &Candidate<'_>, text: String) -> Problem {
    let hint =
        "list files that contain the version of this component: `PATH`, or `PATH#KEY` for a key in JSON, TOML or YAML";
    Problem::new("no-version", text).hint(hint).at_key(format!("components.{}.version-files", candidate.component.name))
}

/// One error that names every file and its value, unless all are equal (to the tag's version, if there is one).
fn agree(inputs: &Inputs<'_>, candidate: &Candidate<'_>, tagged: Option<&Version>) {
    let (all, problems) = written(inputs, candidate);
    problems.into_iter().for_each(|problem| inputs.refuse(problem));
    let expected = tagged.map(ToString::to_string).or_else(|| all.first().map(|(_, version)| version.clone()));
    if all.iter().all(|(_, version)| Some(version) == expected.as_ref()) {
        return;
    }
    let mut rows: Vec<Written> = Vec::new();
    if let Some(version) = tagged {
        rows.push((format!("tag {}", candidate.grammar.tag(version)), version.to_string()));
    }
    rows.extend(all);
    let width = rows.iter().map(|(place, _)| place.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = rows.iter().map(|(place, version)| format!("{place:width$}  {version}")).collect();
    let text = format!("the version is not the same everywhere:\n{}", lines.join("\n"));
    let is_cargo = lines.iter().any(|line| line.contains("Cargo.toml"));
    let hint = match tagged {
        Some(version) => {
            let then = if is_cargo { " (then `cargo update --workspace`)" } else { "" };
            format!("write {version} everywhere{then}, or tag the commit that does")
        }
        None if is_cargo => "write one version everywhere, then `cargo update --workspace`".to_owned(),
        None => "write one version everywhere".to_owned(),
    };
    inputs.refuse(Problem::new("version-mismatch", text).hint(hint));
}

/// The version of the manifests, for an assumed tag.
fn assumed(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> Option<Version> {
    written(inputs, candidate).0.first().and_then(|(_, version)| version.parse().ok())
}

/// The same; without one there is no release.
fn of_manifests(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> Option<Version> {
    let version = assumed(inputs, candidate).or_else(|| without_manifest(inputs, candidate));
    if version.is_none() {
        let what = match candidate.component.name.as_str() {
            "" => "the project".to_owned(),
            name => format!("component `{name}`"),
        };
        let text = format!("cannot determine the version of {what}: no tag, no manifest");
        inputs
            .refuse(Problem::new("no-version", text).hint("tag the commit, pass `--tag TAG`, or set `version-files`"));
    }
    version
}

/// Where no file holds a version, as with images from Dockerfiles: what comes after the highest release, or the first one.
fn without_manifest(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> Option<Version> {
    if candidate.component.version_files.is_some() || !written(inputs, candidate).0.is_empty() {
        return None;
    }
    let reachable = inputs.facts.tags.iter().filter(|tag| tag.distance.is_some());
    let highest = reachable.filter_map(|tag| candidate.grammar.version(&tag.name)).max();
    let Some(highest) = highest else { return "0.1.0".parse().ok() };
    let (major, minor, patch) = highest.triple();
    format!("{major}.{minor}.{}", patch + 1).parse().ok()
}

/// `{next patch}-dev.{n}` after the highest release tag that is reachable, or after the manifests' version if that is higher;
/// where snapshots are published, the version of these very inputs.
fn snapshot(inputs: &Inputs<'_>, candidate: &Candidate<'_>) -> Option<Version> {
    if let Some(published) = inputs.facts.published.get(&candidate.component.name) {
        return Some(published.version.clone());
    }
    let mut reachable: BTreeMap<Version, u64> = BTreeMap::new();
    for tag in &inputs.facts.tags {
        if let (Some(distance), Some(version)) = (tag.distance, candidate.grammar.version(&tag.name)) {
            reachable.insert(version, distance);
        }
    }
    let Some((version, distance)) = reachable.into_iter().next_back() else {
        let manifest = of_manifests(inputs, candidate)?;
        return Some(manifest.development(inputs.facts.head.count));
    };
    let next = version.snapshot(distance);
    let manifest = assumed(inputs, candidate).map(|manifest| manifest.development(distance));
    Some(manifest.filter(|manifest| *manifest > next).unwrap_or(next))
}

/// The newest stable release of a component that this commit contains.
pub fn newest_stable(inputs: &Inputs<'_>, component: &str) -> Option<Release> {
    newest_of(inputs, component, |version| !version.is_prerelease())
}

/// The newest release of a component that this commit contains.
pub fn newest(inputs: &Inputs<'_>, component: &str) -> Option<Release> {
    newest_of(inputs, component, |_| true)
}

fn newest_of(inputs: &Inputs<'_>, component: &str, counts: impl Fn(&Version) -> bool) -> Option<Release> {
    let config = inputs.config;
    let component = std::iter::once(&config.root).chain(&config.components).find(|one| one.name == component)?;
    let grammar = TagGrammar::new(&component.tag, &component.name).ok()?;
    let reachable = inputs.facts.tags.iter().filter(|tag| tag.distance.is_some());
    let version = reachable.filter_map(|tag| grammar.version(&tag.name)).filter(counts).max()?;
    Some(Release {
        component: component.name.clone(),
        tag: grammar.tag(&version),
        prerelease: version.is_prerelease(),
        latest: false,
        tags: component.tag.to_string(),
        version,
    })
}

/// The first ten digits of a commit.
pub fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
