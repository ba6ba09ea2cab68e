//! Digests of the files that images from Dockerfiles may read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::thread;

use super::git::{TreeFile, TreeKind};
use crate::digest::Digest;
use crate::dockerfile::{IgnoreFile, Kind, Listing};

/// A folder whose files a build is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContextRequest {
    /// In the repository; empty: all of it.
    pub folder: String,
    /// Where its ignore file may be: the first that exists holds.
    pub ignore: Vec<String>,
}

/// The files whose paths begin with a text. They are sorted, and there are many.
pub fn below<'f>(files: &'f [TreeFile], prefix: &str) -> &'f [TreeFile] {
    let from = files.partition_point(|file| file.path.as_str() < prefix);
    let count = files[from..].partition_point(|file| file.path.starts_with(prefix));
    &files[from..from + count]
}

/// Digests by path in the repository. A file that is not there is left out: the plan says so.
pub fn read(
    root: &Path,
    files: &[TreeFile],
    texts: &BTreeMap<String, String>,
    contexts: &[ContextRequest],
) -> BTreeMap<String, Digest> {
    let mut wanted: Vec<&str> = contexts.iter().flat_map(|context| seen(files, texts, context)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = wanted.len().div_ceil(threads).max(1);
    let digest = |path: &&str| Some(((*path).to_owned(), of_file(&root.join(path))?));
    thread::scope(|scope| {
        let running: Vec<_> = wanted
            .chunks(share)
            .map(|some| scope.spawn(move || some.iter().filter_map(digest).collect::<Vec<_>>()))
            .collect();
        let joined = running.into_iter().flat_map(|one| one.join().unwrap_or_default());
        joined.collect()
    })
}

/// The files of a context that are not ignored.
fn seen<'f>(files: &'f [TreeFile], texts: &BTreeMap<String, String>, context: &ContextRequest) -> Vec<&'f str> {
    let prefix = if context.folder.is_empty() { String::new() } else { format!("{}/", context.folder) };
    let plain = |file: &&TreeFile| !matches!(file.kind, TreeKind::Symlink(_));
    let of_folder = || below(files, &prefix).iter().filter(plain);
    let text = context.ignore.iter().find_map(|name| texts.get(name));
    let Some(ignore) = text.and_then(|text| IgnoreFile::parse(text.as_bytes()).ok()) else {
        return of_folder().map(|file| file.path.as_str()).collect();
    };
    let entry = |file: &TreeFile| (file.path[prefix.len()..].to_owned(), Kind::File { executable: false });
    let left = Listing::new(of_folder().map(entry)).apply(&ignore);
    of_folder().map(|file| file.path.as_str()).filter(|path| left.get(&path[prefix.len()..]).is_some()).collect()
}

/// Of the bytes in the commit: a checkout on Windows may have other line ends.
fn of_file(path: &Path) -> Option<Digest> {
    let mut file = File::open(path).ok()?;
    if !cfg!(windows) {
        return Some(Digest::of_reader(file).ok()?.0);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    // As git tells texts from other files.
    let is_text = !bytes.iter().take(8000).any(|byte| *byte == 0);
    match String::from_utf8(bytes) {
        Ok(text) if is_text => Some(Digest::of(text.replace("\r\n", "\n").as_bytes())),
        Ok(text) => Some(Digest::of(text.as_bytes())),
        Err(error) => Some(Digest::of(error.as_bytes())),
    }
}
