//! `init`: writes a commented longshore.yaml from what is here.

mod chart;
mod component;
mod extras;
mod found;
mod image;
mod publish;
mod python;
mod scalar;
mod tag;
mod wheel;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use self::found::{Found, is_aside};
use self::scalar::scalar;
use super::error::Refused;
use super::report::Report;
use super::rival;
use crate::facts::{self, Facts, FactsRequest, Package};
use crate::plan::{Plan, beside};
use crate::problem::{Exit, Failure, Problem};
use crate::release::{Project, Session, Wish, config_file};
use crate::target;
use crate::template::Template;
use crate::version::Version;
use crate::workflow;
use crate::world::env::Env;
use crate::world::path::relative_from;
use crate::world::process::Runner;

/// Where editors find the schema of the file.
const SCHEMA: &str = "https://raw.githubusercontent.com/longshore-release/longshore/main/schema/longshore.schema.json";
/// The manifest at the top.
const ROOT: &str = "Cargo.toml";
/// The frame of that file.
const FRAME: &str = include_str!("../../templates/init.yaml");
/// The workflow that `generate` writes if nothing is said.
const WORKFLOW: &str = ".github/workflows/release.yml";
const OTHER_ENDING: &str = ".github/workflows/release.yaml";
/// What is said where that is taken.
const OTHER_WORKFLOW: &str = "\n# There is a release workflow already, so `longshore generate` writes another file.\n\
                              workflows: { longshore.yml: {} }\n";
/// How many files of one kind are named.
const NAMED: usize = 6;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitReport {
    pub path: PathBuf,
    pub found: String,
    /// Whether base images are still to be locked.
    pub is_open: bool,
}

/// `longshore init`
///
/// # Errors
/// Those of [`run`].
pub fn command(session: &Session) -> anyhow::Result<Report> {
    let here = session.folder()?;
    let report = run(&session.runner(), &session.env, &here)?;
    let mut text = format!("wrote {}\n{}", relative_from(&here, &report.path), report.found);
    let next = match planned(session) {
        Ok((top, plan)) => {
            for rival in rival::find(&top, &plan) {
                text.push_str(&format!("  {rival}: before Longshore does, remove it there\n"));
            }
            if report.is_open { "longshore lock".to_owned() } else { "longshore plan".to_owned() }
        }
        // The file is written and right; what is in the way lies beside it.
        Err(error) => {
            let refused = Refused::from(error);
            if refused.exit != Exit::Usage {
                return Err(refused.into());
            }
            let problems = || refused.diagnostics.iter().map(|diagnostic| &diagnostic.problem);
            problems().for_each(|problem| text.push_str(&format!("  not ready: {}\n", problem.message)));
            let hint = problems().find_map(|problem| problem.hint.clone());
            hint.unwrap_or_else(|| "longshore check".to_owned())
        }
    };
    let mut output = Report::text(text).next(next);
    output.fields.value = Some(("file", report.path.display().to_string().into()));
    Ok(output)
}

/// The plan of what was written.
fn planned(session: &Session) -> anyhow::Result<(PathBuf, Plan)> {
    let project = Project::open(session)?;
    let plan = project.plan_unsaid(session, Wish { every_component: true, ..Wish::default() })?;
    Ok((project.top, plan))
}

/// Writes longshore.yaml for the repository that contains `dir`: at its top, or in `dir` if only there is a Cargo.toml.
///
/// # Errors
/// `Failure` with exit 2 if there is one already, no repository, no commit, or a manifest that cargo cannot read.
pub fn run(runner: &Runner, env: &Env, dir: &Path) -> anyhow::Result<InitReport> {
    let top = facts::git::top(runner, dir)?;
    if let Some(file) = config_file::find(dir, &top)?.file {
        return Err(exists(&file));
    }
    let only_here = dir.join("Cargo.toml").is_file() && !top.join("Cargo.toml").is_file();
    let root = if only_here { dir.to_owned() } else { top };
    let path = root.join(config_file::CONFIG);
    if path.symlink_metadata().is_ok() {
        return Err(exists(&path));
    }
    let mut facts = facts::gather(runner, env, &root, &FactsRequest { python: true, ..FactsRequest::default() })?;
    let is_other = |text: String| !workflow::is_generated(&text);
    // Two files that differ in an `a` are one too many.
    let taken = [WORKFLOW, OTHER_ENDING].map(|path| std::fs::read_to_string(root.join(path)).is_ok_and(is_other));
    let has_workflow = taken.contains(&true);
    let mut found = Found { has_workflow, ..Found::default() };
    if facts.packages.iter().all(|package| package.bins.is_empty()) {
        elsewhere(runner, env, &root, &mut facts, &mut found)?;
    }
    (found.images, found.left_out) = image::find(&facts, &root);
    found.charts = chart::find(&facts, &root, &found.images);
    found.python = python::find(&facts, &root);
    found.extras = extras::find(&facts, &released(&facts));
    component::find(&facts, &root, &mut found);
    found.version_file = version_file(&facts, &root, &found);
    write_new(&path, &render(&facts, &found))?;
    Ok(InitReport { path, found: summary(&facts, &found), is_open: image::are_open(&found.images) })
}

/// Packages of workspaces that are not at the top: of all of them where there is none, else those that are published.
fn elsewhere(runner: &Runner, env: &Env, root: &Path, facts: &mut Facts, found: &mut Found) -> anyhow::Result<()> {
    let has_own = root.join("Cargo.toml").is_file();
    for manifest in topmost(facts) {
        let wanted = FactsRequest { manifests: vec![manifest.clone()], ..FactsRequest::default() };
        match facts::gather(runner, env, root, &wanted) {
            Ok(more) => {
                let is_taken = |package: &Package| package.manifest != ROOT && (!has_own || is_released(package));
                let mut packages: Vec<Package> = more.packages.into_iter().filter(is_taken).collect();
                packages.retain(|package| facts.packages.iter().all(|known| known.manifest != package.manifest));
                if !packages.is_empty() {
                    facts.packages.append(&mut packages);
                    found.manifests.push(manifest);
                }
            }
            Err(error) if error.is::<Failure>() => found.refused.push(manifest),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A file that says the version where nothing that is released does, and the version.
fn version_file(facts: &Facts, root: &Path, found: &Found) -> Option<(String, String)> {
    if !facts.packages.is_empty() || !facts.python.is_empty() || !found.charts.is_empty() || found.images.is_empty() {
        return None;
    }
    ["pyproject.toml", "package.json", "VERSION"].into_iter().find_map(|path| {
        let is_committed = facts.files.iter().any(|file| file.path == path);
        let version = facts::version_file::read(root, path).ok().filter(|_| is_committed)?;
        version.parse::<Version>().ok().map(|version| (path.to_owned(), version.to_string()))
    })
}

fn exists(path: &Path) -> anyhow::Error {
    let problem = Problem::new("config-exists", format!("`{}` exists already and was not changed", path.display()));
    Failure::usage(problem.hint("edit it (`longshore check` reports mistakes), or move it away first")).into()
}

/// Writes a file that is not there, also if another process tries the same.
fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(exists(path)),
        opened => opened.with_context(|| format!("cannot write `{}`", path.display()))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))
}

/// The Cargo.toml files that lie least deep and are not known yet: roots of workspaces, not members of one.
fn topmost(facts: &Facts) -> Vec<String> {
    let is_known = |path: &str| facts.packages.iter().any(|package| package.manifest == path);
    let manifests = || {
        let paths = facts.files.iter().map(|file| file.path.as_str());
        paths.filter(|path| path.ends_with("/Cargo.toml") && !is_aside(path) && !is_known(path))
    };
    let depth = |path: &str| path.matches('/').count();
    let Some(least) = manifests().map(depth).min() else { return Vec::new() };
    manifests().filter(|path| depth(path) == least).map(str::to_owned).collect()
}

pub fn render(facts: &Facts, found: &Found) -> String {
    let packages = released(facts);
    let versioned = wheel::with_crates(facts, &packages);
    let targets: String = target::DEFAULT.iter().map(|target| format!("#  - {target}\n")).collect();
    let value = |place: &str| {
        Some(match place {
            "schema" => SCHEMA.to_owned(),
            "name" => name(facts.remote.as_ref().map_or(&facts.folder, |remote| &remote.name)),
            "tag" => tag::section(facts, found, &versioned),
            "targets" => targets.clone(),
            "binaries" => binaries(facts, found, &packages),
            "wheels" => wheel::section(facts, found, &versioned),
            "images" => image::section(&found.images, &found.left_out),
            "charts" => chart::section(&found.charts),
            "publish" => publish::section(facts, found, &packages),
            "workflows" if found.has_workflow => OTHER_WORKFLOW.to_owned(),
            "workflows" => String::new(),
            "refused" => refused(facts),
            _ => return None,
        })
    };
    let frame: Template = FRAME.parse().expect("the frame is a template");
    let text = frame.fill(value).expect("every placeholder of the frame has a value");
    format!("{}\n", text.trim_end())
}

/// The packages that are released by default: those with executables, unpublished ones only without others.
/// Executables that no default feature switches on are mostly tools of the project itself.
fn released(facts: &Facts) -> Vec<&Package> {
    let with = |has: fn(&Package) -> bool| -> Vec<&Package> {
        let (published, private): (Vec<&Package>, Vec<&Package>) =
            facts.packages.iter().filter(|package| has(package)).partition(|package| is_released(package));
        if published.is_empty() { private } else { published }
    };
    let usual = with(|package| !usual_bins(package).is_empty());
    if usual.is_empty() { with(|package| !package.bins.is_empty()) } else { usual }
}

/// Nothing has 0.0.0 that anybody releases.
fn is_released(package: &Package) -> bool {
    package.is_for_others() && package.version.triple() != (0, 0, 0)
}

fn usual_bins(package: &Package) -> Vec<&str> {
    package.compiled(&[], true, false)
}

/// An entry of `binaries:`, and the executables it makes.
fn entry(package: &Package, outside: bool) -> (String, Vec<&str>) {
    let usual = usual_bins(package);
    let mut keys = Vec::new();
    if outside {
        keys.push(format!("manifest: {}", scalar(&package.manifest)));
    }
    let list = |texts: &[&str]| texts.iter().map(|text| scalar(text)).collect::<Vec<_>>().join(", ");
    if usual.is_empty() {
        let features: BTreeSet<&str> = package.required.values().flatten().map(String::as_str).collect();
        keys.push(format!("features: [{}]", list(&features.into_iter().collect::<Vec<_>>())));
        return (format!("{{ {} }}", keys.join(", ")), package.bins.iter().map(String::as_str).collect());
    }
    if usual.len() < package.bins.len() {
        keys.push(format!("bins: [{}]", list(&usual)));
    }
    (if keys.is_empty() { "{}".into() } else { format!("{{ {} }}", keys.join(", ")) }, usual)
}

/// The key `name`. File and step names are made from it, so where the repository's own has other characters than those
/// can have, a similar one is written down.
fn name(repository: &str) -> String {
    let legal = |char: char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '-' };
    let name: String = repository.chars().map(legal).collect();
    match name.trim_matches(['-', '_', '.']) {
        "" => "name: project".into(),
        similar if similar == repository => format!("#name: {}", scalar(similar)),
        similar => format!("name: {}", scalar(similar)),
    }
}

/// The sections `binaries` and `archives`, or why there are none.
fn binaries(facts: &Facts, found: &Found, packages: &[&Package]) -> String {
    if packages.is_empty() {
        return nothing(facts, found);
    }
    let outside = !found.manifests.is_empty();
    // Where not every executable is compiled as it is, the file must say which.
    let is_gated = |package: &Package| usual_bins(package).len() < package.bins.len();
    // The plan would take what has 0.0.0.
    let is_passed_over = |package: &Package| {
        package.is_for_others()
            && !package.bins.is_empty()
            && !packages.iter().any(|other| other.manifest == package.manifest)
    };
    let written = outside || facts.packages.iter().any(|package| is_gated(package) || is_passed_over(package));
    let start = if written { "" } else { "#" };
    let mut text = format!("# What is compiled: the executables of these packages.\n{start}binaries:\n");
    for package in packages {
        let (entry, bins) = entry(package, outside);
        let word = if bins.len() == 1 { "executable" } else { "executables" };
        text.push_str(&format!("{start}  {}: {entry} # {word} {}\n", scalar(&package.name), bins.join(", ")));
    }
    for package in facts.packages.iter().filter(|package| !package.bins.is_empty() && !packages.contains(package)) {
        let why = match (package.publish, package.is_default) {
            (false, _) => "says `publish = false`",
            (true, false) => "is none of the workspace's `default-members`",
            (true, true) if !is_released(package) => "has the version 0.0.0",
            (true, true) => "needs a feature that is off",
        };
        text.push_str(&format!("# Left out: {}, which {why}.\n", package.name));
    }
    text.push_str("\n# How they are packed: one archive for each and each target, with ");
    text.push_str(&included(facts, packages));
    if !found.extras.is_empty() {
        text.push_str("# Man pages and completions are not among these: `include` lists all that is put in.\n");
    }
    text.push_str("#archives:\n");
    let texts = beside::texts(&facts.files);
    for package in packages {
        let name = scalar(&package.name);
        let usual = beside::of(&texts, &[package]).into_iter().map(|file| file.source);
        let all: Vec<String> = usual.chain(found.extras.iter().cloned()).map(|path| scalar(&path)).collect();
        let include = if found.extras.is_empty() { String::new() } else { format!(", include: [{}]", all.join(", ")) };
        text.push_str(&format!(
            "#  {name}: {{ file: \"{{name}}-{{target}}\", formats: {{ windows: zip, \"*\": tar.gz }}{include} }}\n"
        ));
    }
    text
}

fn nothing(facts: &Facts, found: &Found) -> String {
    let has_images = found.images.iter().any(|image| image.problem.is_none());
    if wheel::released(facts).next().is_some() || has_images || !found.charts.is_empty() {
        let why =
            if facts.packages.is_empty() { "There is no Cargo.toml" } else { "No cargo package has an executable" };
        return format!("# {why}: nothing is compiled.\nbinaries: false\n");
    }
    let mut text = "# Nothing to release was found yet: ".to_owned();
    if facts.packages.is_empty() {
        text.push_str("there is no Cargo.toml.\n");
    } else {
        let names: Vec<&str> = facts.packages.iter().map(|package| package.name.as_str()).collect();
        text.push_str(&format!("no cargo package has an executable ({}).\n", some(&names)));
    }
    for manifest in &found.refused {
        text.push_str(&format!("# {manifest} exists, but cargo cannot read it.\n"));
    }
    text.push_str("# Files that a command of yours makes are released like this:\n");
    text.push_str("#assets:\n#  bundle: { run: make bundle, files: build/bundle, file: bundle.tar.gz }\n");
    text
}

/// What the archives of these packages get besides executables.
fn included(facts: &Facts, packages: &[&Package]) -> String {
    let texts = beside::texts(&facts.files);
    let files: Vec<Vec<String>> = packages
        .iter()
        .map(|package| beside::of(&texts, &[package]).into_iter().map(|file| file.source).collect())
        .collect();
    let words = |files: &[String]| {
        let names: Vec<&str> = files.iter().map(String::as_str).collect();
        if names.is_empty() { "nothing else (there is no README or LICENSE)".into() } else { some(&names) }
    };
    if files.iter().all(|one| *one == files[0]) {
        return format!("{}.\n", words(&files[0]));
    }
    let mut text = "what is nearest to its package:\n".to_owned();
    for (package, files) in packages.iter().zip(&files) {
        text.push_str(&format!("# {}: {}\n", package.name, words(files)));
    }
    text
}

/// The first few names.
fn some(names: &[&str]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// Projects that are no wheels of ours, with the reason.
fn refused(facts: &Facts) -> String {
    wheel::refused(facts).map(|line| format!("\n# {line}")).collect()
}

fn summary(facts: &Facts, found: &Found) -> String {
    let mut text = String::new();
    let packages = released(facts);
    for package in &packages {
        let (_, bins) = entry(package, false);
        text.push_str(&format!("  package {} {}: {}\n", package.name, package.version, bins.join(", ")));
    }
    let has_wheels = wheel::released(facts).next().is_some();
    if packages.is_empty() && found.images.is_empty() && found.charts.is_empty() && !has_wheels {
        text.push_str("  no cargo package with an executable, no Dockerfile and no chart\n");
    }
    text.push_str(&extras::line(&found.extras).unwrap_or_default());
    wheel::released(facts).for_each(|project| text.push_str(&wheel::line(facts, project)));
    text.push_str(&image::lines(&found.images, &found.left_out));
    text.push_str(&chart::lines(&found.charts));
    wheel::refused(facts).for_each(|line| text.push_str(&format!("  {line}\n")));
    found.python.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    for manifest in &found.refused {
        text.push_str(&format!("  cargo cannot read {manifest}\n"));
    }
    text.push_str(&publish::asked(facts, &packages).map(|text| format!("  {text}\n")).unwrap_or_default());
    if found.has_workflow {
        text.push_str(
            "  a workflow `release` already exists: `longshore generate` will write .github/workflows/longshore.yml\n",
        );
    }
    text
}

#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod tests;
