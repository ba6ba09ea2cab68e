//! From the files of a folder to those of the package: what `.helmignore` keeps, as Helm loads it, with the edits of a release.

use bytes::Bytes;

use crate::chart::edit::{self, Versions};
use crate::chart::file::File;
use crate::chart::flaw::Flaw;
use crate::chart::ignore::{self, Ignore, Selection};
use crate::chart::package;
use crate::chart::tree::Tree;
use crate::yaml::{self, Change};

/// The values of a chart.
pub const VALUES: &str = "values.yaml";

/// A folder as Helm loads it, and what it leaves of it.
///
/// # Errors
/// Everything for which Helm refuses it.
pub fn open(files: &[File]) -> Result<(Selection, Tree), Vec<Flaw>> {
    let rules = files.iter().find(|file| file.path == ignore::FILE);
    let ignore = rules.map_or_else(|| Ok(Ignore::built_in()), |file| Ignore::read(&file.bytes))?;
    let selection = ignore.select(files.iter().map(|file| file.path.clone()));
    if let Some(flaw) = selection.flaw() {
        return Err(vec![flaw]);
    }
    let kept = selection.kept.iter().filter_map(|path| files.iter().find(|file| file.path == *path).cloned());
    let tree = Tree::load(kept.collect())?;
    Ok((selection, tree))
}

/// Writes versions and values of a release into a chart.
///
/// # Errors
/// Every place that cannot be written.
pub fn write(tree: &mut Tree, kept: &Selection, versions: &Versions, changes: &[Change]) -> Result<(), Vec<Flaw>> {
    let versions = edit::apply(tree, versions);
    let values = if changes.is_empty() { Ok(()) } else { write_values(tree, kept, changes) };
    match (versions, values) {
        (Ok(()), Ok(())) => Ok(()),
        (one, other) => Err(one.err().into_iter().chain(other.err()).flatten().collect()),
    }
}

fn write_values(tree: &mut Tree, kept: &Selection, changes: &[Change]) -> Result<(), Vec<Flaw>> {
    let Some(file) = tree.files.iter_mut().find(|file| file.path == VALUES) else {
        return Err(vec![missing(kept, changes)]);
    };
    let text = file.text().map_err(|flaw| vec![flaw])?;
    let edited = yaml::edit(text, changes)
        .map_err(|flaws| flaws.into_iter().map(|flaw| Flaw::of_yaml(VALUES, flaw)).collect::<Vec<_>>())?;
    file.bytes = Bytes::from(edited);
    Ok(())
}

/// Nothing is there to be set, or nothing is left of it.
fn missing(kept: &Selection, changes: &[Change]) -> Flaw {
    let paths: Vec<String> = changes.iter().map(|change| format!("`{}`", change.path())).collect();
    let paths = paths.join(", ");
    match kept.dropper(VALUES) {
        Some(dropped) => dropped
            .flaw("values-ignored", format!("{} drops `values.yaml`, which {paths} is to be set in", dropped.rule)),
        None => {
            let text = format!("`values.yaml` is missing, and {paths} is to be set in it");
            Flaw::new("values-missing", text).hint("only what is written there is set; nothing is added")
        }
    }
}

/// About how many bytes a package has, compressed.
pub fn compressed(chart: &str, files: &[File]) -> u64 {
    let mut out = flate2::write::GzEncoder::new(Counted(0), flate2::Compression::default());
    // Writing to a counter does not fail.
    let written = package::write(chart, files, 0, &mut out);
    written.and_then(|()| Ok(out.finish()?.0)).unwrap_or_default()
}

struct Counted(u64);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
