//! The file system that all layers of an image make together, with what its start depends on.

mod cache;
mod content;
mod entry;
mod read;
mod remembered;
#[cfg(test)]
pub mod sample;
mod walk;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use cache::Cache;
pub use content::{Content, Form};
pub use entry::{Entry, Kind};
pub use walk::{Lost, Way};

use super::image::Blob;
use super::layer::{self, Change};
use crate::digest::Digest;
use read::{Budget, Layer, Part};
use walk::Entries;

/// The most names that are passed on all ways to places: links may lead through a thousand each.
const MOST_STEPS: u64 = 40_000_000;

/// By path, without a leading `/`; links are kept as they are.
#[derive(Default)]
pub struct FileSystem {
    entries: Entries,
    diff_ids: Vec<Digest>,
    /// Names that were passed while layers were put on each other.
    steps: u64,
}

impl FileSystem {
    /// Reads all layers of an image, bottom to top, several at a time. Memory grows with the number of files, not their
    /// sizes.
    ///
    /// # Errors
    /// If a layer is not at hand, damaged, leads out of the image, or has more in it than any image has; with its number.
    pub fn read(layers: &[Blob]) -> Result<Self, String> {
        Self::read_once(layers, None)
    }

    /// The same; what a layer holds is kept in the folder by its digest, for the next time. The bytes of the layers have these
    /// digests: the caller sees to that.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_once(layers: &[Blob], cache: Option<&Path>) -> Result<Self, String> {
        let mut files = Self::default();
        let budget = Budget::new();
        for (number, layer) in (1u32..).zip(read_all(layers, &budget, cache)) {
            let wrong = |why: String| format!("layer {number} cannot be read: {why}");
            files.add(layer.map_err(wrong)?, number, &budget).map_err(wrong)?;
        }
        Ok(files)
    }

    /// The digest of each layer's tar, as `rootfs.diff_ids` of the config must have it.
    pub fn diff_ids(&self) -> &[Digest] {
        &self.diff_ids
    }

    /// Every path with what is there, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// What is directly in a folder, by name.
    pub fn list(&self, folder: &str) -> impl Iterator<Item = (&str, &Entry)> {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let length = below.len();
        let all = self.entries.range(below.clone()..).take_while(move |(path, _)| path.starts_with(&below));
        all.map(move |(path, entry)| (&path[length..], entry)).filter(|(name, _)| !name.contains('/'))
    }

    /// What is at a place, without following anything.
    pub fn at(&self, place: &str) -> Option<&Entry> {
        self.entries.get(place)
    }

    /// Follows a path, all links included, from a folder (a place without links) if it is relative. A link to an absolute
    /// path begins at the top of the image, and `..` ends there.
    ///
    /// # Errors
    /// Where and why the way ends.
    pub fn walk(&self, from: &str, path: &str) -> Result<Way<'_>, Lost> {
        walk::walk(&self.entries, from, path)
    }

    /// A file that a path leads to.
    pub fn file(&self, path: &str) -> Option<&Content> {
        self.walk("", path).ok()?.entry?.file()
    }

    /// The text of a file that is kept; nothing if it is not there or was too long.
    pub fn text(&self, path: &str) -> Option<&str> {
        match &self.file(path)?.form {
            Form::Text(text) | Form::Script(text) => Some(text),
            _ => None,
        }
    }

    fn add(&mut self, layer: Layer, number: u32, budget: &Budget) -> Result<(), String> {
        self.diff_ids.push(layer.diff_id);
        for change in layer.hides {
            self.hide(&change)?;
        }
        // Most entries come folder by folder.
        let mut last: Option<(String, String)> = None;
        for made in layer.makes {
            let path = match &made {
                Part::Entry(path, _) | Part::Same(path, _) => path,
            };
            let folder = layer::folder(path);
            let known = last.as_ref().filter(|(of, _)| of == folder);
            let place = match known {
                Some((_, place)) => place.clone(),
                None => {
                    let place = self.resolve(folder)?;
                    self.imply(&place, number, budget)?;
                    last = Some((folder.to_owned(), place.clone()));
                    place
                }
            };
            let place = layer::join(&place, layer::name(path));
            let entry = match made {
                Part::Entry(_, entry) => entry,
                Part::Same(path, other) => self.same(&path, &other, number)?,
            };
            // Where paths lead is another matter from here on.
            let link = |entry: Option<&Entry>| entry.is_some_and(|entry| matches!(entry.kind, Kind::Link(_)));
            if link(Some(&entry)) || link(self.entries.get(&place)) {
                last = None;
            }
            self.put(place, entry);
        }
        Ok(())
    }

    fn hide(&mut self, change: &Change) -> Result<(), String> {
        match change {
            Change::Emptied(folder) => {
                let folder = self.resolve(folder)?;
                self.remove_below(&folder);
            }
            Change::Gone(path) => {
                let place = layer::join(&self.resolve(layer::folder(path))?, layer::name(path));
                self.entries.remove(&place);
                self.remove_below(&place);
            }
            Change::Made(..) => {}
        }
        Ok(())
    }

    fn put(&mut self, place: String, entry: Entry) {
        let was_folder = self.entries.get(&place).is_some_and(|old| old.kind == Kind::Folder);
        if was_folder && entry.kind != Kind::Folder {
            self.remove_below(&place);
        }
        self.entries.insert(place, entry);
    }

    /// What a hard link is to: it stays when the other name goes.
    fn same(&mut self, path: &str, other: &str, number: u32) -> Result<Entry, String> {
        let place = layer::join(&self.resolve(layer::folder(other))?, layer::name(other));
        let entry = self.entries.get(&place).filter(|entry| entry.kind != Kind::Folder);
        let entry =
            entry.ok_or_else(|| format!("`{path}` is a hard link to `{other}`, which is not a file of the image"))?;
        Ok(Entry { layer: number, ..entry.clone() })
    }

    /// Makes a folder and those above it where there are none.
    fn imply(&mut self, folder: &str, number: u32, budget: &Budget) -> Result<(), String> {
        let mut at = folder;
        let mut missing = Vec::new();
        while !at.is_empty() && self.entries.get(at).is_none_or(|entry| entry.kind != Kind::Folder) {
            missing.push(at.to_owned());
            at = layer::folder(at);
        }
        for folder in missing.into_iter().rev() {
            budget.spend(folder.len())?;
            self.put(folder, Entry::implied(number));
        }
        Ok(())
    }

    fn remove_below(&mut self, folder: &str) {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let all = self.entries.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
        let gone: Vec<String> = all.map(|(path, _)| path.clone()).collect();
        gone.iter().for_each(|path| drop(self.entries.remove(path)));
    }

    /// Where a path of a layer leads, its folders being links or not.
    fn resolve(&mut self, path: &str) -> Result<String, String> {
        let mut steps = self.steps;
        let found = layer::resolve(path, &mut |path| {
            steps += 1;
            match self.entries.get(path).map(|entry| &entry.kind) {
                Some(Kind::Link(target)) => Some(target.clone()),
                _ => None,
            }
        });
        self.steps = steps;
        if steps > MOST_STEPS {
            return Err(format!("its links have more than {MOST_STEPS} path components"));
        }
        found.ok_or_else(|| format!("`{path}` leads through too many links"))
    }
}

/// The layers in their order, read on all processors.
fn read_all(layers: &[Blob], budget: &Budget, cache: Option<&Path>) -> Vec<Result<Layer, String>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(layers.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, blob)) = take(&next, layers) {
                    let layer = remembered::layer(blob, number, budget, cache);
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((number, layer));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, layer)| layer).collect()
}

fn take<'a>(next: &AtomicUsize, layers: &'a [Blob]) -> Option<(u32, &'a Blob)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((u32::try_from(index).ok()? + 1, layers.get(index)?))
}

#[cfg(test)]
mod tests;
