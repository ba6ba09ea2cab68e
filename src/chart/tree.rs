//! A chart with its subcharts: what Helm loads from a folder, and what it packages.

use std::collections::BTreeMap;

use crate::chart::file::{Budget, File, unreadable};
use crate::chart::flaw::Flaw;
use crate::chart::metadata::{self, Metadata};
use crate::chart::package;

/// Deepest nesting of charts in charts: a limit of ours.
const DEEPEST: usize = 16;

/// A chart as Helm loads it.
#[derive(Clone, Debug)]
pub struct Tree {
    pub metadata: Metadata,
    /// Its own files in Helm's order: `Chart.yaml`, `Chart.lock`, `values.yaml`, `values.schema.json`, `templates/`, others.
    pub files: Vec<File>,
    /// By name.
    pub subcharts: Vec<Subchart>,
}

#[derive(Clone, Debug)]
pub struct Subchart {
    /// What it was before: `charts/db`, `charts/db-1.2.3.tgz`.
    pub place: String,
    pub tree: Tree,
}

/// An entry of `charts/` while files are sorted into it.
#[derive(Default)]
struct Entry {
    /// The file itself, if it is one.
    file: Option<File>,
    /// Those below it, if it is a folder.
    below: Vec<File>,
}

impl Tree {
    /// `files` are those that `.helmignore` keeps, in the order of [`crate::chart::ignore::Selection`].
    ///
    /// # Errors
    /// Everything for which Helm refuses the chart, or packages something that it reads differently.
    pub fn load(files: Vec<File>) -> Result<Self, Vec<Flaw>> {
        let mut budget = Budget::default();
        for file in &files {
            budget.take(file.bytes.len() as u64).map_err(|flaw| vec![flaw])?;
        }
        Self::sorted(files, &mut budget, 0)
    }

    /// From the bytes of a chart package.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn unpack(tgz: &[u8]) -> Result<Self, Vec<Flaw>> {
        let mut budget = Budget::default();
        let files = package::read(tgz, &mut budget).map_err(|flaw| vec![flaw])?;
        Self::sorted(files, &mut budget, 0)
    }

    /// All files as they are packaged, subcharts behind the chart's own files, in `charts/NAME/`.
    pub fn packaged(&self) -> Vec<File> {
        let mut files = self.files.clone();
        for subchart in &self.subcharts {
            let name = &subchart.tree.metadata.name;
            let below = subchart.tree.packaged().into_iter();
            files.extend(below.map(|file| File { path: format!("charts/{name}/{}", file.path), bytes: file.bytes }));
        }
        files
    }

    /// One of its own files.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Puts another chart into `charts/`; `place` is where it comes from.
    ///
    /// # Errors
    /// There is one of this name.
    pub fn add(&mut self, place: String, tree: Self) -> Result<(), Flaw> {
        let name = &tree.metadata.name;
        if let Some(other) = self.subcharts.iter().find(|other| other.tree.metadata.name == *name) {
            let text = format!("`{}` and `{place}` both hold the chart `{name}`", other.place);
            return Err(Flaw::new("chart-twice", text).about(place).hint(format!(
                "Helm would package both into `charts/{name}` and read one of them by chance: remove one"
            )));
        }
        let at = self.subcharts.partition_point(|other| other.tree.metadata.name < *name);
        self.subcharts.insert(at, Subchart { place, tree });
        Ok(())
    }

    fn sorted(files: Vec<File>, budget: &mut Budget, depth: usize) -> Result<Self, Vec<Flaw>> {
        if depth > DEEPEST {
            let text = format!("charts are nested deeper than {DEEPEST} levels");
            return Err(vec![Flaw::new("chart-depth", text)]);
        }
        let (own, charts) = divide(files);
        let mut tree = Self::own(own)?;
        // The version of the chart itself may be one that the release replaces.
        let mut flaws: Vec<Flaw> = tree.metadata.bad_version().filter(|_| depth > 0).into_iter().collect();
        for (name, entry) in charts {
            let place = format!("charts/{name}");
            match entry.load(&place, budget, depth + 1) {
                Ok(subchart) => flaws.extend(tree.add(place, subchart).err()),
                Err(below) => flaws.extend(below),
            }
        }
        if flaws.is_empty() { Ok(tree) } else { Err(flaws) }
    }

    /// The chart without its subcharts.
    fn own(mut files: Vec<File>) -> Result<Self, Vec<Flaw>> {
        let mut flaws: Vec<Flaw> = files.iter().filter_map(|file| unreadable(&file.path)).collect();
        let Some(file) = files.iter().find(|file| file.path == metadata::FILE) else {
            flaws.push(
                Flaw::new("chart-missing", "`Chart.yaml` is missing")
                    .about(metadata::FILE)
                    .hint("correct `path:`, or commit the file"),
            );
            return Err(flaws);
        };
        let read = file.text().map_err(|flaw| vec![flaw]).and_then(Metadata::read);
        flaws.extend(files.iter().filter_map(bad_schema));
        match read {
            Ok(metadata) if flaws.is_empty() => {
                // Helm packages no Chart.lock of a chart of version 1.
                files.retain(|file| !metadata.is_v1() || file.path != "Chart.lock");
                files.sort_by_key(|file| rank(&file.path));
                Ok(Self { metadata, files, subcharts: Vec::new() })
            }
            Ok(_) => Err(flaws),
            Err(others) => Err(others.into_iter().chain(flaws).collect()),
        }
    }
}

impl Entry {
    fn load(self, place: &str, budget: &mut Budget, depth: usize) -> Result<Tree, Vec<Flaw>> {
        let is_tgz = has_extension(place, ".tgz");
        let hint = "what is not a chart belongs elsewhere: Helm skips only names that begin with `_` or `.`";
        let files = match self.file {
            Some(file) if is_tgz => {
                return package::read(&file.bytes[..], budget)
                    .map_err(|flaw| vec![flaw])
                    .and_then(|files| Tree::sorted(files, budget, depth))
                    .map_err(|flaws| flaws.into_iter().map(|flaw| in_package(flaw, place)).collect());
            }
            Some(_) => {
                return Err(vec![
                    Flaw::new("chart-stray", format!("`{place}` is not a chart")).about(place).hint(hint),
                ]);
            }
            None if is_tgz => {
                let text = format!("`{place}` is a folder, and Helm expects a chart package of this name");
                return Err(vec![Flaw::new("chart-stray", text).about(place)]);
            }
            None => self.below,
        };
        if !files.iter().any(|file| file.path == metadata::FILE) {
            let text = format!("`{place}` is not a chart: it has no `Chart.yaml`");
            return Err(vec![Flaw::new("chart-stray", text).about(place).hint(hint)]);
        }
        Tree::sorted(files, budget, depth).map_err(|flaws| flaws.into_iter().map(|flaw| flaw.below(place)).collect())
    }
}

/// The chart's own files, and those of `charts/` by entry.
fn divide(files: Vec<File>) -> (Vec<File>, BTreeMap<String, Entry>) {
    let (mut own, mut charts) = (Vec::new(), BTreeMap::<String, Entry>::new());
    for file in files {
        let inside = file.path.strip_prefix("charts/").map(str::to_owned);
        // Signatures of chart packages stay where they are, as Helm has it.
        let Some(inside) = inside.filter(|path| !has_extension(path, ".prov")) else {
            own.push(file);
            continue;
        };
        if inside.starts_with(['_', '.']) {
            continue;
        }
        match inside.split_once('/') {
            Some((name, path)) => {
                charts
                    .entry(name.to_owned())
                    .or_default()
                    .below
                    .push(File { path: path.to_owned(), bytes: file.bytes });
            }
            None => charts.entry(inside).or_default().file = Some(file),
        }
    }
    (own, charts)
}

/// Helm's order of files.
fn rank(path: &str) -> usize {
    let first = ["Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json"];
    first.iter().position(|name| path == *name).unwrap_or(if path.starts_with("templates/") { 4 } else { 5 })
}

/// Of the file's own name, as Go's `filepath.Ext` sees it.
fn has_extension(path: &str, extension: &str) -> bool {
    path.rsplit('/').next().unwrap_or(path).ends_with(extension)
}

fn bad_schema(file: &File) -> Option<Flaw> {
    if file.path != "values.schema.json" {
        return None;
    }
    let error = serde_json::from_slice::<serde::de::IgnoredAny>(&file.bytes).err()?;
    let line_start = file
        .bytes
        .split_inclusive(|byte| *byte == b'\n')
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum::<usize>();
    let at = (line_start + error.column().saturating_sub(1)).min(file.bytes.len());
    let text = format!("`values.schema.json` is not JSON: {error}");
    Some(Flaw::new("chart-schema", text).at(&file.path, at..(at + 1).min(file.bytes.len())))
}

/// Files of a package cannot be drawn: the package is the place.
fn in_package(flaw: Flaw, place: &str) -> Flaw {
    let file = flaw.place.as_ref().map(|inner| format!("`{}` of ", inner.file)).unwrap_or_default();
    Flaw { text: format!("{file}`{place}`: {}", flaw.text), ..flaw }.about(place)
}
