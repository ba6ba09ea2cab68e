//! The files of charts, and of those that they take out of the repository.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;

use super::git::{TreeFile, TreeKind};
use crate::chart::dependencies;
use crate::chart::file::{File as ChartFile, LARGEST};
use crate::chart::metadata::{self, Metadata};
use crate::link::{self, Paths};

/// The files of a chart's folder, links followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChartFolder {
    /// Sorted by path below the folder.
    pub files: Vec<ChartFile>,
    /// Where each of them lies in the repository, by path below the folder.
    pub sources: BTreeMap<String, String>,
    /// Why a link cannot be followed.
    pub broken: Option<String>,
}

impl ChartFolder {
    /// The name in its Chart.yaml.
    pub fn name(&self) -> Option<String> {
        let file = self.files.iter().find(|file| file.path == metadata::FILE)?;
        Some(Metadata::read(file.text().ok()?).ok()?.name)
    }
}

/// Reads folders of charts, and those that they name with `file://`.
///
/// # Errors
/// If a file cannot be read.
pub fn read(root: &Path, files: &[TreeFile], folders: &[String]) -> anyhow::Result<BTreeMap<String, ChartFolder>> {
    let mut charts = BTreeMap::new();
    if folders.is_empty() {
        return Ok(charts);
    }
    let link = |file: &TreeFile| match &file.kind {
        TreeKind::Symlink(target) => Some(target.clone()),
        TreeKind::File | TreeKind::Executable => None,
    };
    let tree: Paths = files.iter().map(|file| (file.path.clone(), link(file))).collect();
    let mut todo: Vec<String> = folders.to_vec();
    while let Some(folder) = todo.pop() {
        if charts.contains_key(&folder) {
            continue;
        }
        let read = one(root, &tree, &folder)?;
        todo.extend(named(&folder, &read));
        charts.insert(folder, read);
    }
    Ok(charts)
}

/// The folders that a chart takes charts from.
fn named(folder: &str, chart: &ChartFolder) -> Vec<String> {
    let file = chart.files.iter().find(|file| file.path == metadata::FILE);
    let metadata = file.and_then(|file| Metadata::read(file.text().ok()?).ok());
    let dependencies = metadata.map(|metadata| metadata.dependencies).unwrap_or_default();
    dependencies.iter().filter_map(|one| dependencies::folder(folder, one)?.ok()).collect()
}

fn one(root: &Path, tree: &Paths, folder: &str) -> anyhow::Result<ChartFolder> {
    let settled = match link::settle(tree, folder, false) {
        Ok(settled) => settled,
        Err(broken) => return Ok(ChartFolder { broken: Some(broken), ..ChartFolder::default() }),
    };
    let mut folder_of = ChartFolder::default();
    let mut left = LARGEST;
    for (place, real) in settled {
        let Some(path) = link::below(&place, folder).filter(|path| !path.is_empty()) else { continue };
        // One that is gone from this checkout is told with the others.
        let Ok(file) = File::open(root.join(&real)) else { continue };
        let mut bytes = Vec::new();
        file.take(left + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read `{real}`"))?;
        let size = bytes.len() as u64;
        if size > left {
            let broken = format!("the folder `{folder}` is larger than a chart may be ({} MiB)", LARGEST >> 20);
            return Ok(ChartFolder { broken: Some(broken), ..ChartFolder::default() });
        }
        left -= size;
        folder_of.files.push(ChartFile::new(path, bytes.into()));
        folder_of.sources.insert(path.to_owned(), real);
    }
    Ok(folder_of)
}
