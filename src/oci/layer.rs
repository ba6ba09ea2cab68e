//! A layer of an image, entry by entry: what it makes, what it hides of those below it.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md>. A path in a layer may go through links of the layers
//! below; where it leads is for [`resolve`] to say, and never out of the image.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use serde::{Deserialize, Serialize};
use tar::{EntryType, Header};

use crate::world::members::Members;

/// How many symbolic links are followed, as Linux has it; and how many names are passed on the way.
const LINKS: usize = 40;
const STEPS: usize = 1024;
/// How deep folders may be nested; scanning deeper ones would take hours.
const DEEPEST: usize = 256;

/// What an entry of a layer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// What layers below have at this path is gone.
    Gone(String),
    /// What layers below have in this folder is gone; empty: the root.
    Emptied(String),
    /// Something is at this path.
    Made(String, Made),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Made {
    Folder,
    /// A file; its bytes come with it.
    File,
    /// A symbolic link and what it points at.
    Link(String),
    /// The same file as at another path of the image.
    Same(String),
    /// A device, a pipe, or a file with holes.
    Other,
}

/// Takes a change with its header and the bytes of a file.
pub type Visit<'v> = dyn FnMut(Change, &Header, &mut dyn Read) -> Result<(), String> + 'v;

/// A layer's tar, however it is compressed.
///
/// # Errors
/// What the system says.
pub fn open(mut file: File) -> io::Result<Box<dyn Read>> {
    let mut magic = Vec::new();
    (&file).take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    let file = BufReader::with_capacity(1 << 17, file);
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::with_buffer(file)?),
        _ => Box::new(file),
    })
}

/// Hands over each change of a layer, in its order. Paths have no leading `/` and no `.` or `..` in them.
///
/// # Errors
/// If it is not a tar, a path leaves the image, or what `visit` returns.
pub fn each(reader: impl Read, visit: &mut Visit<'_>) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let mut members = Members::new(reader);
    while let Some(member) = members.advance().map_err(said)? {
        let written = String::from_utf8_lossy(&member.path).into_owned();
        let Some(path) = clean(&written)? else { continue };
        let change = match hidden(&path)? {
            Some(change) => change,
            // Of another file system for containers: nothing that belongs to the image.
            None if name(&path).starts_with(".wh..wh.") => continue,
            None => {
                let link = String::from_utf8_lossy(&member.link).into_owned();
                Change::Made(
                    path,
                    match member.kind {
                        EntryType::Directory => Made::Folder,
                        // So did tars before there was a kind for folders.
                        EntryType::Regular if written.ends_with('/') => Made::Folder,
                        EntryType::Regular | EntryType::Continuous if !member.sparse => Made::File,
                        EntryType::Symlink => Made::Link(link),
                        EntryType::Link => match clean(&link)? {
                            Some(other) => Made::Same(other),
                            None => return Err(format!("`{written}` is the same as nothing")),
                        },
                        _ => Made::Other,
                    },
                )
            }
        };
        visit(change, &member.header, &mut members.content())?;
    }
    Ok(())
}

pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The path of the folder that something lies in; empty: the root.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path with its parts, the folder `""` being the root.
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn hidden(path: &str) -> Result<Option<Change>, String> {
    let Some(gone) = name(path).strip_prefix(".wh.") else { return Ok(None) };
    if gone == ".wh..opq" {
        return Ok(Some(Change::Emptied(folder(path).to_owned())));
    }
    if gone.starts_with(".wh.") {
        return Ok(None);
    }
    if matches!(gone, "" | "." | "..") {
        return Err(format!("the whiteout `{path}` has no name"));
    }
    Ok(Some(Change::Gone(join(folder(path), gone))))
}

/// A path of a tar without `./` and slashes at its ends; nothing for the root.
fn clean(path: &str) -> Result<Option<String>, String> {
    let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    if names.contains(&"..") || path.contains('\0') {
        return Err(format!("`{path}` leads out of the image"));
    }
    if names.len() > DEEPEST {
        return Err(format!("it has a path of more than {DEEPEST} folders"));
    }
    Ok((!names.is_empty()).then(|| names.join("/")))
}

/// Where a path of an image leads when every link in it is followed, as a program in the image would see it: `..` ends at
/// the top, and an absolute link begins there. `link` says what a path without links in it points at, if it is a link.
/// Nothing if there are too many of them.
pub fn resolve(path: &str, link: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    let words = |path: &str| -> Vec<String> {
        path.split('/').rev().filter(|name| !matches!(*name, "" | ".")).map(str::to_owned).collect()
    };
    let (mut todo, mut at) = (words(path), String::new());
    let (mut links, mut steps) = (0, 0);
    while let Some(name) = todo.pop() {
        steps += 1;
        if steps > STEPS {
            return None;
        }
        if name == ".." {
            at.truncate(folder(&at).len());
            continue;
        }
        let before = at.len();
        if before > 0 {
            at.push('/');
        }
        at.push_str(&name);
        let Some(target) = link(&at) else { continue };
        at.truncate(before);
        links += 1;
        if links > LINKS {
            return None;
        }
        if target.starts_with('/') {
            at.clear();
        }
        todo.extend(words(&target));
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_leads_out() {
        let links = [("out", "../../../etc"), ("abs", "/etc"), ("a/up", ".."), ("loop", "loop"), ("a/b", "c/../../d")];
        let check = |path: &str, expected: Option<&str>| {
            let mut link = |path: &str| links.iter().find(|(at, _)| *at == path).map(|(_, to)| (*to).to_owned());
            assert_eq!(resolve(path, &mut link).as_deref(), expected, "{path}");
        };
        check("out/passwd", Some("etc/passwd"));
        check("abs/passwd", Some("etc/passwd"));
        check("a/up/x", Some("x"));
        check("../../x", Some("x"));
        check("a/b/e", Some("d/e"));
        check("loop/x", None);
        check("/", Some(""));
    }

    #[test]
    fn whiteouts_are_told_from_files() {
        let check = |path: &str, expected: Result<Option<Change>, &str>| {
            let found = hidden(path);
            match expected {
                Ok(expected) => assert_eq!(found, Ok(expected), "{path}"),
                Err(part) => assert!(found.unwrap_err().contains(part), "{path}"),
            }
        };
        check("a/.wh.b", Ok(Some(Change::Gone("a/b".into()))));
        check(".wh.b", Ok(Some(Change::Gone("b".into()))));
        check("a/.wh..wh..opq", Ok(Some(Change::Emptied("a".into()))));
        check(".wh..wh..opq", Ok(Some(Change::Emptied(String::new()))));
        check(".wh..wh.plnk", Ok(None));
        check("a/b", Ok(None));
        check("a/.wh.", Err("has no name"));
        check("a/.wh...", Err("has no name"));
        check("a/.wh..", Err("has no name"));
        for path in ["../a", "a/../../b", "a/.."] {
            assert!(clean(path).unwrap_err().contains("leads out"), "{path}");
        }
        assert_eq!(clean("./a//b/"), Ok(Some("a/b".into())));
        assert_eq!(clean("./"), Ok(None));
        assert!(clean(&"a/".repeat(256)).is_ok());
        assert!(clean(&"a/".repeat(257)).unwrap_err().contains("more than 256 folders"));
    }
}
