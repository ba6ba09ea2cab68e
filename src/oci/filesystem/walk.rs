//! Finds a path of an image as the kernel would, and says where the way ends if it does.

use std::collections::BTreeMap;

use super::entry::{Entry, Kind};
use crate::oci::layer;

/// How many symbolic links are followed, as Linux has it; and how many names are passed on the way.
const LINKS: usize = 40;
const STEPS: usize = 1024;

/// Where a path leads.
#[derive(Clone, Debug)]
pub struct Way<'f> {
    /// Its place, without links in it and without a leading `/`; empty: the root.
    pub place: String,
    /// Nothing for the root.
    pub entry: Option<&'f Entry>,
    /// Folders that were passed, in order.
    pub folders: Vec<String>,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nothing is there.
    Missing {
        /// The path that does not exist, with a leading `/`.
        at: String,
        /// The link that led there: where it lies and what it points at.
        link: Option<(String, String)>,
    },
    /// A name on the way is not a folder.
    NotAFolder(String),
    /// Links lead to each other.
    Circle,
}

/// All that there is, by path.
pub(super) type Entries = BTreeMap<String, Entry>;

/// See `FileSystem::walk`.
pub(super) fn walk<'f>(entries: &'f Entries, from: &str, path: &str) -> Result<Way<'f>, Lost> {
    let mut at = if path.starts_with('/') { String::new() } else { from.to_owned() };
    let mut todo = words(path);
    let mut folders = vec![at.clone()];
    let mut last_link = None;
    let (mut links, mut steps) = (0, 0);
    while let Some(name) = todo.pop() {
        steps += 1;
        if steps > STEPS {
            return Err(Lost::Circle);
        }
        if name == ".." {
            at.truncate(layer::folder(&at).len());
            folders.push(at.clone());
            continue;
        }
        let place = layer::join(&at, &name);
        let Some(entry) = entries.get(&place) else {
            let rest = todo.iter().rev().fold(place, |path, name| layer::join(&path, name));
            return Err(Lost::Missing { at: format!("/{rest}"), link: last_link });
        };
        match &entry.kind {
            Kind::Link(target) => {
                links += 1;
                if links > LINKS {
                    return Err(Lost::Circle);
                }
                last_link = Some((format!("/{place}"), target.clone()));
                if target.starts_with('/') {
                    at.clear();
                    folders.push(String::new());
                }
                todo.extend(words(target));
            }
            Kind::Folder => {
                at = place;
                folders.push(at.clone());
            }
            _ if todo.is_empty() => return Ok(Way { place, entry: Some(entry), folders }),
            _ => return Err(Lost::NotAFolder(format!("/{place}"))),
        }
    }
    // The folder itself was not searched.
    folders.pop();
    Ok(Way { entry: entries.get(&at), place: at, folders })
}

fn words(path: &str) -> Vec<String> {
    path.split('/').rev().filter(|name| !matches!(*name, "" | ".")).map(str::to_owned).collect()
}
