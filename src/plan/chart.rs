//! Plans charts: what the packaged copy gets, what it depends on, how Helm is asked about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chart_order::ordered;
use super::inputs::Inputs;
use super::planner::{Entry, Planned, Planner};
use super::release::{Manifest, Source};
use super::{
    ChartDependency, ChartFile, ChartWork, Check, CheckWork, DependencySource, InputDigest, RenderCheck, Step, Work,
};
use crate::chart::file::File;
use crate::chart::flaw::Flaw;
use crate::chart::ignore::Selection;
use crate::chart::range::Range;
use crate::chart::tree::Tree;
use crate::chart::{copy, judge, metadata};
use crate::config::Chart;
use crate::digest::Digest;
use crate::facts::charts::ChartFolder;
use crate::input_list::{ANNOTATION, InputList};
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::version::Version;

/// Bytes that fit into a secret of Kubernetes, whatever they are.
const LARGE: usize = 700 << 10;

/// The annotation with the commit.
const REVISION: &str = "org.opencontainers.image.revision";

/// The steps of every chart that is released, each after those it depends on.
pub fn steps(planner: &Planner<'_>, lists: &mut BTreeMap<StepId, InputList>) -> Vec<Planned> {
    let mut steps: Vec<Planned> = Vec::new();
    for chart in ordered(planner.inputs) {
        let component = component(planner.inputs, chart);
        if planner.releases.of(&component).is_none() {
            continue;
        }
        let at = format!("charts.{}", chart.name);
        let maker = Maker { planner, chart, at, component, made: &steps };
        let made = maker.steps(lists);
        steps.extend(made);
    }
    steps
}

pub fn sources<'f>(inputs: &Inputs<'f>) -> Vec<Source<'f>> {
    let source = |chart: &Chart| {
        let path = format!("{}/{}", chart.path, metadata::FILE);
        let manifest = Manifest { path, counts: !chart.is_set };
        Source { component: component(inputs, chart), chart: Some(manifest), ..Source::default() }
    };
    inputs.config.charts.iter().map(source).collect()
}

pub fn component(inputs: &Inputs<'_>, chart: &Chart) -> String {
    inputs.component(chart.component.as_deref(), &chart.name)
}

/// What is kept of a folder.
pub fn files(folder: &ChartFolder, selection: &Selection) -> Vec<ChartFile> {
    let source = |path: &String| Some(ChartFile { path: path.clone(), source: folder.sources.get(path)?.clone() });
    selection.kept.iter().filter_map(source).collect()
}

/// One chart while its steps are made.
pub struct Maker<'a> {
    pub planner: &'a Planner<'a>,
    pub chart: &'a Chart,
    /// `charts.app`
    pub at: String,
    pub component: String,
    /// Steps of the charts before it.
    pub made: &'a [Planned],
}

/// A chart's folder, as Helm loads it.
pub struct Read<'a> {
    pub folder: &'a ChartFolder,
    pub selection: Selection,
    pub tree: Tree,
    pub dependencies: Vec<ChartDependency>,
}

impl Read<'_> {
    /// A version of Kubernetes that the chart says it is for; nothing where any will do.
    fn kubernetes(&self) -> Option<String> {
        let range = &self.tree.metadata.kube_version;
        let range = Range::read(range).filter(|_| !range.is_empty())?;
        range.kubernetes().map(|version| version.to_string())
    }
}

impl<'a> Maker<'a> {
    fn steps(&self, lists: &mut BTreeMap<StepId, InputList>) -> Vec<Planned> {
        let known = self.inputs().refusals();
        let Some(read) = self.read() else { return Vec::new() };
        let mut findings = judge::judge(&read.tree);
        findings.add(self.depends(&read));
        findings.warnings.extend(read.selection.warning());
        findings.warnings.extend(judge::app_version(&read.tree).filter(|_| self.chart.app_version.is_none()));
        let notes = findings.warnings.iter().map(|flaw| self.note(flaw, read.folder)).collect();
        findings.flaws.into_iter().for_each(|flaw| self.refuse(flaw, read.folder));
        let mut work = self.work(&read, notes);
        let large = self.edited(&work, &read);
        work.notes.extend(large.map(|flaw| self.note(&flaw, read.folder)));
        if self.inputs().refusals() > known {
            return Vec::new();
        }
        let id = StepId::of(StepKind::Chart, &self.chart.name);
        let list = self.list(&work, &read);
        work.inputs = InputDigest { digest: list.digest(), files: list.files.len(), wide: None };
        if list.commit.is_none() || self.inputs().facts.head.dirty.is_empty() {
            work.annotations.insert(ANNOTATION.to_owned(), list.digest().to_string());
        }
        lists.insert(id.clone(), list);
        let of_charts = read.dependencies.iter().filter_map(|one| match &one.from {
            DependencySource::Chart(step) => Some(step.clone()),
            _ => None,
        });
        let pinned = work.images.iter().filter(|image| image.digest).filter_map(|image| image.step.clone());
        let needs: Vec<StepId> = of_charts.chain(pinned).collect();
        let render = self.render(&read);
        let work = Work::Chart(Box::new(work));
        let entry = Entry { at: &self.at, component: &self.component, publish: &self.chart.publish };
        let publish = self.planner.destinations(&id, &work, entry);
        let step = Step { id, component: self.component.clone(), needs, publish, job: None, target: None, work };
        let check = Planned::check(&step, StepKind::RenderCheck, render, &self.at);
        vec![Planned { step, machine: None, at: self.at.clone() }, check]
    }

    pub fn inputs(&self) -> &'a Inputs<'a> {
        self.planner.inputs
    }

    /// The folder of the commit, and the charts of the repository that belong into it.
    fn read(&self) -> Option<Read<'a>> {
        let folder = self.folder(&self.chart.path)?;
        let (selection, mut tree) = match copy::open(&folder.files) {
            Ok(opened) => opened,
            Err(flaws) => {
                flaws.into_iter().for_each(|flaw| self.refuse(flaw, folder));
                return None;
            }
        };
        let dependencies = self.beside(&mut tree, folder)?;
        Some(Read { folder, selection, tree, dependencies })
    }

    pub fn folder(&self, path: &str) -> Option<&'a ChartFolder> {
        let folder = self.inputs().facts.charts.get(path);
        let problem = match folder {
            Some(ChartFolder { broken: Some(why), .. }) => Problem::new("chart-folder", why.as_str()),
            Some(folder) if !folder.files.is_empty() => return Some(folder),
            _ => {
                let problem = Problem::new("no-chart", format!("the commit has no folder `{path}`"));
                problem.hint("`path:` is the folder of the chart; it must be committed")
            }
        };
        self.inputs().refuse(problem.at_key(&self.at));
        None
    }

    /// What the packaged copy gets.
    fn work(&self, read: &Read<'_>, notes: Vec<String>) -> ChartWork {
        let release = self.planner.release(&self.component);
        let version = release.version.to_string();
        let name = read.tree.metadata.name.clone();
        let id = StepId::of(StepKind::Chart, &self.chart.name);
        ChartWork {
            outputs: [
                format!("{id}.config.json").into(),
                format!("{id}.manifest.json").into(),
                format!("{name}-{version}.tgz").into(),
            ],
            chart: self.chart.name.clone(),
            name,
            path: self.chart.path.clone(),
            app_version: self.app_version(),
            files: files(read.folder, &read.selection),
            images: self.images(&release.version),
            values: self.values(),
            dependencies: read.dependencies.clone(),
            annotations: [(REVISION.to_owned(), self.inputs().facts.head.commit.clone())].into(),
            notes,
            inputs: InputDigest { digest: Digest::of(b""), files: 0, wide: None },
            version,
        }
    }

    /// Whether all of it can be written into the copy, and whether that is too large for Kubernetes.
    fn edited(&self, work: &ChartWork, read: &Read<'_>) -> Option<Flaw> {
        // The digest of an image is known when it is made; where it is written does not depend on it.
        let changes = work.changes(|_| Some(Digest::of(b"")));
        let mut tree = read.tree.clone();
        if let Err(flaws) = copy::write(&mut tree, &read.selection, &work.versions(), &changes) {
            flaws.into_iter().for_each(|flaw| self.refuse(flaw, read.folder));
        }
        // Helm stores a chart without those in `charts/`.
        let files: Vec<File> = tree.packaged().into_iter().filter(|file| !file.path.starts_with("charts/")).collect();
        let size: usize = files.iter().map(|file| file.bytes.len()).sum();
        // What is smaller as it is need not be compressed to know.
        let is_small = size < LARGE;
        if is_small { None } else { judge::too_large(copy::compressed(&work.name, &files), &files) }
    }

    fn render(&self, read: &Read<'_>) -> CheckWork {
        let subject = StepId::of(StepKind::Chart, &self.chart.name);
        let is_values = |path: &&str| path.starts_with("ci/") && path.ends_with("values.yaml");
        let values = read.folder.files.iter().map(|file| file.path.as_str()).filter(is_values);
        let check = RenderCheck {
            library: read.tree.metadata.is_library(),
            kubernetes: read.kubernetes(),
            values: values.map(|path| format!("{}/{path}", self.chart.path)).collect(),
            allow: self.chart.allow.clone(),
        };
        let is_stub = read.dependencies.iter().any(|one| matches!(one.from, DependencySource::Stub));
        let not_run = match (self.chart.render, is_stub) {
            (false, _) => Some("`render: false`".to_owned()),
            (true, true) => Some("charts that it depends on are stubs".to_owned()),
            (true, false) => None,
        };
        CheckWork { subject, not_run, check: Check::Render(check) }
    }

    /// Refuses the plan for a flaw, drawn under the chart's own text.
    pub fn refuse(&self, flaw: Flaw, folder: &ChartFolder) {
        let problem = Problem::new(flaw.code, flaw.text.clone());
        let problem = match &flaw.hint {
            Some(hint) => problem.hint(hint.as_str()),
            None => problem,
        };
        let drawn = flaw.place.as_ref().and_then(|place| {
            let file = folder.files.iter().find(|file| file.path == place.file)?;
            let text: Arc<str> = file.text().ok()?.into();
            let span = place.span.clone()?;
            Some(problem.clone().within(&format!("{}/{}", self.chart.path, place.file), &text, span))
        });
        self.inputs().refuse(drawn.unwrap_or_else(|| problem.at_key(&self.at)));
    }

    /// A line about something that works, but most likely not as it was meant.
    fn note(&self, flaw: &Flaw, folder: &ChartFolder) -> String {
        let place = match &flaw.place {
            Some(place) => {
                let file = folder.files.iter().find(|file| file.path == place.file);
                let text = file.and_then(|file| file.text().ok());
                let line = text.zip(place.span.as_ref()).map(|(text, span)| crate::yaml::line(text, span.start));
                let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                format!("{}/{}{line}", self.chart.path, place.file)
            }
            None => format!("chart `{}`", self.chart.name),
        };
        let hint = flaw.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{place}: {}{hint}", flaw.text)
    }

    /// The version of a component: this run's, else its newest stable one.
    pub fn version_of(&self, component: &str) -> Option<Version> {
        let released = self.planner.releases.of(component).map(|release| release.version.clone());
        released.or_else(|| super::release::newest_stable(self.inputs(), component).map(|release| release.version))
    }
}
