//! The file system that layers make, by path, and what it provides to a program: loaders, libraries, the version of its libc.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;

use super::layer::{self, Change, Made};
use crate::inspect;
use crate::platform::{BaseFacts, BaseLibc};
use crate::target::Arch;

/// The largest C library that is read; real ones have 2 MiB.
const LARGEST_LIBC: u64 = 32 << 20;
/// The most entries a base may have; ubuntu has about 3000, images with everything 200,000. And of all their names, bytes.
/// All of them are in memory, 200 bytes each.
const MOST_ENTRIES: usize = 800_000;
const MOST_NAMES: usize = 128 << 20;
/// The most names that are passed on all ways to them: links may lead through a thousand each.
const MOST_STEPS: u64 = 20_000_000;
/// The most files below `/etc/ld.so.conf.d`, bytes of one, folders that they name, and libraries that lie there.
const MOST_TEXTS: usize = 1000;
const LONGEST_TEXT: u64 = 64 << 10;
const MOST_FOLDERS: usize = 1000;
const MOST_LIBRARIES: usize = 50_000;

/// A file system by path, without a leading `/`.
#[derive(Default)]
pub(super) struct Tree {
    entries: BTreeMap<String, Entry>,
    /// Bytes of names and links that were ever added, and texts.
    names: usize,
    texts: usize,
    /// Names that were passed on the way to others.
    steps: Cell<u64>,
}

#[derive(Clone, Debug)]
enum Entry {
    Folder,
    Link(String),
    File,
    /// A C library with the highest version it defines.
    Glibc(Option<String>),
    /// A short text that says where libraries are.
    Text(String),
}

impl Tree {
    /// Lays one layer over those below. A whiteout hides what is below its layer, wherever it stands in it.
    pub(super) fn apply(&mut self, reader: impl Read) -> Result<(), String> {
        let mut added = Vec::new();
        layer::each(reader, &mut |change, _, content| {
            self.bounded()?;
            let (path, made) = match change {
                Change::Emptied(folder) => {
                    self.resolve(&folder).into_iter().for_each(|folder| self.remove_below(&folder));
                    return Ok(());
                }
                Change::Gone(path) => {
                    if let Some(path) = self.place(&path) {
                        self.entries.remove(&path);
                        self.remove_below(&path);
                    }
                    return Ok(());
                }
                Change::Made(path, made) => (path, made),
            };
            let found = self.read(&path, made, content)?;
            self.names += path.len() + if let Entry::Link(link) = &found { link.len() } else { 0 };
            added.push((path, found));
            if self.entries.len() + added.len() > MOST_ENTRIES {
                return Err(format!("it has more than {MOST_ENTRIES} entries"));
            }
            if self.names > MOST_NAMES {
                return Err(format!("its names have more than {} MiB", MOST_NAMES >> 20));
            }
            Ok(())
        })?;
        let mut known: HashMap<String, Option<String>> = HashMap::new();
        for (path, found) in added {
            self.bounded()?;
            let folder = layer::folder(&path);
            if !known.contains_key(folder) {
                known.insert(folder.to_owned(), self.resolve(folder));
            }
            let Some(Some(folder)) = known.get(folder) else { continue };
            let place = layer::join(folder, layer::name(&path));
            match (&found, self.entries.get(&place)) {
                (Entry::Folder, _) => {}
                (_, Some(Entry::Folder)) => self.remove_below(&place),
                _ => {}
            }
            // Where paths lead is another matter from here on.
            if matches!(found, Entry::Link(_)) || matches!(self.entries.get(&place), Some(Entry::Link(_))) {
                known.clear();
            }
            self.entries.insert(place, found);
        }
        Ok(())
    }

    fn read(&mut self, path: &str, made: Made, content: &mut dyn Read) -> Result<Entry, String> {
        let said = |error: std::io::Error| error.to_string();
        Ok(match made {
            Made::Folder => Entry::Folder,
            Made::Link(link) => Entry::Link(link),
            // For our purpose an absolute symbolic link.
            Made::Same(other) => Entry::Link(format!("/{other}")),
            Made::File if is_libc(layer::name(path)) => {
                let mut bytes = Vec::new();
                content.take(LARGEST_LIBC).read_to_end(&mut bytes).map_err(said)?;
                Entry::Glibc(inspect::glibc_defined(&bytes))
            }
            Made::File if path.starts_with("etc/ld.so.conf") => {
                self.texts += 1;
                if self.texts > MOST_TEXTS {
                    return Err(format!("it has more than {MOST_TEXTS} files `/etc/ld.so.conf*`"));
                }
                let mut bytes = Vec::new();
                content.take(LONGEST_TEXT).read_to_end(&mut bytes).map_err(said)?;
                // A file that is not text lists no folders.
                Entry::Text(String::from_utf8(bytes).unwrap_or_default())
            }
            Made::File | Made::Other => Entry::File,
        })
    }

    fn remove_below(&mut self, folder: &str) {
        let below = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let gone: Vec<String> = self
            .entries
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below))
            .map(|(path, _)| path.clone())
            .collect();
        gone.iter().for_each(|path| drop(self.entries.remove(path)));
    }

    fn bounded(&self) -> Result<(), String> {
        if self.steps.get() > MOST_STEPS {
            return Err(format!("its links have more than {MOST_STEPS} path components"));
        }
        Ok(())
    }

    /// Where a path leads when every link in it is followed; nothing if it leads nowhere.
    fn resolve(&self, path: &str) -> Option<String> {
        layer::resolve(path, &mut |path| {
            self.steps.set(self.steps.get() + 1);
            match self.entries.get(path) {
                Some(Entry::Link(target)) => Some(target.clone()),
                _ => None,
            }
        })
    }

    /// The same for all but its last name.
    fn place(&self, path: &str) -> Option<String> {
        Some(layer::join(&self.resolve(layer::folder(path))?, layer::name(path)))
    }

    fn file(&self, path: &str) -> Option<&Entry> {
        self.entries.get(&self.resolve(path)?).filter(|entry| !matches!(entry, Entry::Folder | Entry::Link(_)))
    }

    pub(super) fn facts(&self, arch: Arch) -> Result<BaseFacts, String> {
        let loaders: Vec<String> = LOADERS
            .iter()
            .filter(|(of, path)| *of == arch && self.file(path).is_some())
            .map(|(_, path)| (*path).into())
            .collect();
        let folders = self.folders(arch)?;
        let mut libraries: Vec<String> = Vec::new();
        let mut glibc: Option<(usize, &String)> = None;
        // Once over everything, not once per folder: a base may name any number of them, each in the other.
        for (path, entry) in &self.entries {
            let (name, Some(rank)) = (layer::name(path), folders.get(layer::folder(path))) else { continue };
            if !name.contains(".so") {
                continue;
            }
            self.bounded()?;
            let entry = match entry {
                Entry::Folder => None,
                Entry::Link(_) => self.file(path),
                entry => Some(entry),
            };
            let Some(entry) = entry else { continue };
            if let (true, Entry::Glibc(Some(version))) = (is_libc(name), entry)
                && glibc.is_none_or(|(other, _)| *rank < other)
            {
                glibc = Some((*rank, version));
            }
            libraries.push(name.to_owned());
            if libraries.len() > MOST_LIBRARIES {
                return Err(format!("more than {MOST_LIBRARIES} libraries"));
            }
        }
        libraries.sort();
        libraries.dedup();
        let has = |part: &str| loaders.iter().any(|loader| loader.contains(part));
        let libc = match glibc {
            Some((_, version)) if has("ld-linux") => BaseLibc::Glibc(version.clone()),
            _ if has("ld-musl") => BaseLibc::Musl,
            _ => BaseLibc::None,
        };
        Ok(BaseFacts { libc, loaders, libraries })
    }

    /// The folders a loader looks in, links followed, each with its rank: the built-in ones and those of `/etc/ld.so.conf`
    /// (ld.so(8)).
    fn folders(&self, arch: Arch) -> Result<HashMap<String, usize>, String> {
        let triple = match arch {
            Arch::X86_64 => "x86_64-linux-gnu",
            Arch::Aarch64 => "aarch64-linux-gnu",
        };
        let built_in = ["lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib"].map(str::to_owned);
        let of_arch = [format!("lib/{triple}"), format!("usr/lib/{triple}")];
        let mut named: Vec<&str> = built_in.iter().chain(&of_arch).map(String::as_str).collect();
        let mut seen: HashSet<&str> = HashSet::new();
        let texts = self.entries.range("etc/ld.so.conf".to_owned()..);
        for (_, entry) in texts.take_while(|(path, _)| path.starts_with("etc/ld.so.conf")) {
            let Entry::Text(text) = entry else { continue };
            let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
            named.extend(lines.filter(|line| line.starts_with('/') && seen.insert(line)));
            if seen.len() > MOST_FOLDERS {
                return Err(format!("more than {MOST_FOLDERS} folders of libraries"));
            }
        }
        let mut folders = HashMap::new();
        for folder in named.into_iter().filter_map(|folder| self.resolve(folder)).filter(|folder| !folder.is_empty()) {
            let rank = folders.len();
            folders.entry(folder).or_insert(rank);
        }
        Ok(folders)
    }
}

/// Where loaders lie.
const LOADERS: [(Arch, &str); 4] = [
    (Arch::X86_64, "/lib/ld-musl-x86_64.so.1"),
    (Arch::X86_64, "/lib64/ld-linux-x86-64.so.2"),
    (Arch::Aarch64, "/lib/ld-linux-aarch64.so.1"),
    (Arch::Aarch64, "/lib/ld-musl-aarch64.so.1"),
];

/// `libc.so.6`, or `libc-2.31.so` where that is a link to it.
fn is_libc(name: &str) -> bool {
    name == "libc.so.6" || name.starts_with("libc-2.") && name.ends_with(".so")
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
