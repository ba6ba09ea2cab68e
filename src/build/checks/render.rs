//! Has Helm lint and render a packaged chart: with its own values and each file of `ci/`, and looks at every image that comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use globset::{GlobBuilder, GlobMatcher};

use crate::artifact::{Artifact, CheckResult, Subject};
use crate::build::commit::{self, Wanted};
use crate::build::log::Log;
use crate::build::machine::Machine;
use crate::chart::copy::VALUES;
use crate::chart::references::References;
use crate::chart::tree::Tree;
use crate::plan::{ChartWork, RenderCheck};
use crate::reference::Reference;
use crate::step_id::StepId;
use crate::world::process::{Cmd, Runner};
use crate::world::runtime;
use crate::world::store::read_json;
use crate::yaml::{self, Change, Image, Step, ValuesPath};

/// The program.
const HELM: &str = "helm";
/// How long one rendering may take.
const LIMIT: Duration = Duration::from_secs(60);
/// The most of a rendering that is read.
const LARGEST: usize = 64 << 20;
/// A version and a repository that no chart has: rare, but legal, so that a template or schema which reads them accepts them.
const VERSION: &str = "0.0.0-longshore.7919";
const REPOSITORY: &str = "longshore-sentinel/image";

/// Lints and renders the chart of a step. What Helm refuses is a result, no error; that Helm is missing is a warning.
///
/// # Errors
/// If the package is not there.
pub fn run(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    check: &RenderCheck,
    chart: &StepId,
) -> anyhow::Result<CheckResult> {
    let (step, work) = machine.find::<ChartWork>(chart)?;
    let record: Artifact = read_json(&machine.store.record(&step.id))?;
    let subject = |file: &crate::artifact::File| Subject {
        step: step.id.to_string(),
        name: file.name.clone(),
        sha256: file.sha256,
    };
    let subjects: Vec<Subject> = record.files.iter().map(subject).collect();
    if machine.runner.find(HELM).is_none() {
        let warning = "charts are neither linted nor rendered here: Helm is not installed \
                       (https://helm.sh/docs/intro/install; GitHub's runners have it)"
            .to_owned();
        return Ok(CheckResult {
            passed: true,
            untried: subjects,
            detail: "not run: Helm is not installed".into(),
            warnings: vec![warning],
            ..CheckResult::default()
        });
    }
    let scratch = tempfile::tempdir_in(machine.store.root())?;
    let package = std::path::absolute(machine.store.file(&step.id, &work.outputs[2].name))?;
    let tree = Tree::unpack(&fs::read(&package)?)
        .map_err(|flaws| anyhow::anyhow!(flaws.into_iter().map(|flaw| flaw.text).collect::<Vec<_>>().join("; ")))?;
    let values = values(machine, check, scratch.path())?;
    let helm =
        Helm { runner: machine.runner, package, folder: scratch.path(), kubernetes: check.kubernetes.as_deref() };
    let rendering = Rendering { machine, work, check, helm, tree, values };
    let mut result = CheckResult { passed: true, subjects, ..CheckResult::default() };
    match rendering.all(log, &mut result.warnings) {
        Ok(detail) => result.detail = detail,
        Err(error) => (result.passed, result.detail) = (false, format!("{error:#}")),
    }
    Ok(result)
}

/// The files of `ci/` as the commit has them: they need not be in the package.
fn values(machine: Machine<'_>, check: &RenderCheck, scratch: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if check.values.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: BTreeSet<String> = check.values.iter().cloned().collect();
    let tree = commit::check_out(machine, &scratch.join("commit"), Wanted::Some(&wanted))?;
    let absolute = |path: &String| std::path::absolute(tree.folder.join(path)).context("no current folder");
    check.values.iter().map(absolute).collect()
}

struct Helm<'a> {
    runner: &'a Runner,
    package: PathBuf,
    folder: &'a Path,
    kubernetes: Option<&'a str>,
}

impl Helm<'_> {
    /// What it prints. Its own folders are ours, so that nothing of the user's counts.
    fn ask(&self, log: &mut Log<'_>, words: &[&str], values: &[&Path]) -> anyhow::Result<String> {
        let package = self.package.to_str().context("a path is not UTF-8")?;
        let mut cmd = Cmd::new(HELM, self.folder).args(words.iter().copied()).arg(package).timeout(LIMIT);
        if let Some(version) = self.kubernetes {
            cmd = cmd.args(["--kube-version", version]);
        }
        for path in values {
            cmd = cmd.args(["--values", path.to_str().context("a path is not UTF-8")?]);
        }
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            cmd = cmd.env(name, self.folder.join("helm").display().to_string());
        }
        log.tell(format_args!("$ {cmd}"));
        let done = self.runner.output_within(&cmd, LARGEST)?;
        anyhow::ensure!(done.status.success(), "{}", said(&done.stdout, &done.stderr));
        Ok(done.stdout)
    }
}

/// What Helm says is wrong, without what it says anyway.
fn said(stdout: &str, stderr: &str) -> String {
    let is_of_use = |line: &&str| {
        let line = line.trim();
        !line.is_empty()
            && !line.starts_with("==>")
            && !line.starts_with("[INFO]")
            && !line.starts_with("Error: 1 chart")
    };
    let lines: Vec<&str> = stdout.lines().chain(stderr.lines()).filter(is_of_use).map(str::trim).take(6).collect();
    if lines.is_empty() { "Helm does not say why".into() } else { lines.join("; ") }
}

struct Rendering<'a> {
    machine: Machine<'a>,
    work: &'a ChartWork,
    check: &'a RenderCheck,
    helm: Helm<'a>,
    tree: Tree,
    values: Vec<PathBuf>,
}

impl Rendering<'_> {
    fn all(&self, log: &mut Log<'_>, warnings: &mut Vec<String>) -> anyhow::Result<String> {
        self.helm.ask(log, &["lint", "--strict"], &[]).map_err(|error| anyhow::anyhow!("`helm lint`: {error:#}"))?;
        if self.check.library {
            return Ok("linted: a library chart is not rendered".into());
        }
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for files in self.renderings() {
            let with = files.first().map(|path| format!(" with {}", shown(path))).unwrap_or_default();
            let text = match self.template(log, &files) {
                Ok(text) => text,
                // Values that a user has to give are in `ci/`.
                Err(error) if files.is_empty() && !self.values.is_empty() => {
                    warnings
                        .push(format!("chart `{}` does not render with its own values: {error:#}", self.work.chart));
                    continue;
                }
                Err(error) if files.is_empty() => {
                    anyhow::bail!(
                        "`helm template`: {error:#}; values that a user has to give go into `ci/NAME-values.yaml`"
                    )
                }
                Err(error) => anyhow::bail!("`helm template`{with}: {error:#}"),
            };
            let references = References::of(&text);
            warnings.extend(references.unread.iter().map(|one| {
                format!("chart `{}`: `{}` renders what is not YAML: {}", self.work.chart, one.template, one.reason)
            }));
            found.extend(references.found.into_iter().map(|one| (one.reference, one.template)));
        }
        warnings.dedup();
        self.looked_up(log, &found, warnings)?;
        self.read_at_all(log, warnings)?;
        let times = match self.values.len() + 1 {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let images = if found.len() == 1 { "1 image".to_owned() } else { format!("{} images", found.len()) };
        Ok(format!("linted, rendered {times}, {images}"))
    }

    /// The files of values of each rendering: none, then each of `ci/`.
    fn renderings(&self) -> Vec<Vec<&Path>> {
        let each = self.values.iter().map(|path| vec![path.as_path()]);
        std::iter::once(Vec::new()).chain(each).collect()
    }

    fn template(&self, log: &mut Log<'_>, files: &[&Path]) -> anyhow::Result<String> {
        self.helm.ask(log, &["template", "release"], files)
    }

    /// Whether each image is of this release, or there, or allowed.
    fn looked_up(
        &self,
        log: &mut Log<'_>,
        found: &BTreeMap<String, String>,
        warnings: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let ours: BTreeSet<String> = self.ours();
        let allowed: Vec<GlobMatcher> = self
            .check
            .allow
            .iter()
            .filter_map(|glob| Some(GlobBuilder::new(glob).build().ok()?.compile_matcher()))
            .collect();
        let mut wrong = Vec::new();
        for (text, template) in found {
            if ours.contains(text) || allowed.iter().any(|glob| glob.is_match(text)) {
                continue;
            }
            let Ok(reference) = text.parse::<Reference>() else {
                wrong.push(format!("`{text}` of `{template}` is not a reference of an image"));
                continue;
            };
            if ours.contains(&reference.to_string()) {
                continue;
            }
            log.tell(format_args!("image of others: {text} ({template})"));
            let Some(registries) = self.machine.registries.filter(|_| self.is_public()) else { continue };
            match runtime::block_on(registries.head(&reference))? {
                Ok(Some(_)) => {}
                Ok(None) => wrong.push(format!("`{text}` of `{template}` does not exist")),
                Err(error) => warnings.push(format!("`{text}` could not be looked up: {}", error.problem.message)),
            }
        }
        anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("; "));
        Ok(())
    }

    /// Whether the chart goes where others install it: a rehearsal asks nobody's registries.
    fn is_public(&self) -> bool {
        let Some(registries) = self.machine.registries else { return false };
        let hosts = self.machine.plan.destinations.iter().filter_map(|one| one.kind.registry());
        let mut hosts = hosts.flat_map(|one| &one.images).flat_map(|one| &one.repositories);
        self.machine.plan.only_loopback().is_none() && hosts.any(|one| !registries.is_near(&one.registry))
    }

    /// The references of this release, under the names that they are pulled and pushed by.
    fn ours(&self) -> BTreeSet<String> {
        let published = self.machine.plan.destinations.iter().filter_map(|one| one.kind.registry());
        let pushed = published.flat_map(|one| &one.images).flat_map(|image| {
            let tags = || image.tags.iter().chain(image.floating.iter().map(|floating| &floating.tag));
            image.repositories.iter().flat_map(move |one| tags().map(move |tag| format!("{one}:{tag}")))
        });
        let text = self.tree.file(VALUES).and_then(|file| file.text().ok()).unwrap_or_default();
        let root = yaml::read(text).ok();
        let named = self.work.images.iter().flat_map(|image| &image.paths);
        let named = named.filter_map(|path| yaml::image_at(text, root.as_ref()?, path).ok());
        pushed.chain(named).chain(self.work.images.iter().map(|image| image.reference.to_string())).collect()
    }

    /// Whether a template reads what we set: with another text there, it comes out somewhere.
    fn read_at_all(&self, log: &mut Log<'_>, warnings: &mut Vec<String>) -> anyhow::Result<()> {
        let Some(text) = self.tree.file(VALUES).and_then(|file| file.text().ok()) else { return Ok(()) };
        let paths: Vec<&ValuesPath> = self.work.images.iter().flat_map(|image| &image.paths).collect();
        let sentinel = |at: usize| format!("{VERSION}.{at}");
        let change = |(at, path): (usize, &&ValuesPath)| Change::Image {
            path: (*path).clone(),
            image: Image {
                registry: "registry.example".into(),
                repository: format!("{REPOSITORY}-{at}"),
                tag: sentinel(at),
                digest: None,
            },
        };
        let changes: Vec<Change> = paths.iter().enumerate().map(change).collect();
        // Places that an anchor shares cannot differ.
        let Ok(changed) = yaml::edit(text, &changes) else { return Ok(()) };
        let file = self.helm.folder.join("sentinel.yaml");
        fs::write(&file, changed)?;
        let mut seen = String::new();
        for mut files in self.renderings() {
            files.push(&file);
            match self.template(log, &files) {
                Ok(text) => seen.push_str(&text),
                Err(_) if files.len() == 1 && !self.values.is_empty() => {}
                // A chart may well refuse such a version.
                Err(_) => return Ok(()),
            }
        }
        for (at, path) in paths.iter().enumerate() {
            if seen.contains(&sentinel(at)) || seen.contains(&format!("{REPOSITORY}-{at}")) {
                continue;
            }
            anyhow::ensure!(self.is_mentioned(path), "no template reads `{path}`");
            warnings.push(format!(
                "chart `{}`: `{path}` shows in no rendering with its own values or `ci/`",
                self.work.chart
            ));
        }
        Ok(())
    }

    /// Whether the templates have each key of a path as a word.
    fn is_mentioned(&self, path: &ValuesPath) -> bool {
        let files = self.tree.packaged();
        let templates: Vec<&str> =
            files.iter().filter(|file| file.path.contains("templates/")).filter_map(|file| file.text().ok()).collect();
        let keys = path.steps().iter().filter_map(|step| match step {
            Step::Key(key) => Some(key),
            Step::Index(_) | Step::Item { .. } => None,
        });
        let mut keys = keys.filter(|key| !self.tree.subcharts.iter().any(|one| one.tree.metadata.name == **key));
        keys.all(|key| templates.iter().any(|text| text.contains(key.as_str())))
    }
}

fn shown(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
