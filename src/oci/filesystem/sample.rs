//! Images made by hand, for tests: layers of a few words an entry.

use std::io::Write;
use std::path::Path;

use tar::{EntryType, Header};

use super::FileSystem;
use crate::digest::Digest;
use crate::inspect::sample::Elf;
use crate::oci::image::{Blob, Place};
use crate::oci::{Descriptor, media};

/// What is at a path: `Text("…")`, a link, a program.
#[derive(Clone)]
pub enum What {
    Folder,
    Text(&'static str),
    Program(Elf),
    Link(&'static str),
    Same(&'static str),
    Device,
}

/// An entry of a layer: mode, owner (`uid:gid`), path.
#[derive(Clone)]
pub struct Item {
    pub path: &'static str,
    pub mode: u32,
    pub owner: u64,
    pub what: What,
}

pub fn folder(path: &'static str) -> Item {
    Item { path, mode: 0o755, owner: 0, what: What::Folder }
}

pub fn text(path: &'static str, text: &'static str) -> Item {
    Item { path, mode: 0o644, owner: 0, what: What::Text(text) }
}

/// A script: executable.
pub fn script(path: &'static str, text: &'static str) -> Item {
    Item { path, mode: 0o755, owner: 0, what: What::Text(text) }
}

pub fn program(path: &'static str, elf: Elf) -> Item {
    Item { path, mode: 0o755, owner: 0, what: What::Program(elf) }
}

/// A static program for x86_64.
pub fn fixed(path: &'static str) -> Item {
    program(path, Elf { machine: 62, ..Elf::default() })
}

pub fn link(path: &'static str, to: &'static str) -> Item {
    Item { path, mode: 0o777, owner: 0, what: What::Link(to) }
}

pub fn same(path: &'static str, as_: &'static str) -> Item {
    Item { path, mode: 0o755, owner: 0, what: What::Same(as_) }
}

impl Item {
    pub fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    pub fn owner(self, owner: u64) -> Self {
        Self { owner, ..self }
    }
}

/// The tar of a layer.
pub fn tar(items: &[Item]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for item in items {
        let mut header = Header::new_gnu();
        header.set_mode(item.mode);
        header.set_uid(item.owner);
        header.set_gid(item.owner);
        let bytes = match &item.what {
            What::Text(text) => text.as_bytes().to_vec(),
            What::Program(elf) => elf.bytes(),
            _ => Vec::new(),
        };
        let kind = match &item.what {
            What::Folder => EntryType::Directory,
            What::Text(_) | What::Program(_) => EntryType::Regular,
            What::Link(_) => EntryType::Symlink,
            What::Same(_) => EntryType::Link,
            What::Device => EntryType::Char,
        };
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        // By hand: the crate refuses to write what an attacker writes.
        let gnu = header.as_gnu_mut().unwrap();
        gnu.name[..item.path.len()].copy_from_slice(item.path.as_bytes());
        if let What::Link(to) | What::Same(to) = &item.what {
            gnu.linkname[..to.len()].copy_from_slice(to.as_bytes());
        }
        header.set_cksum();
        builder.append(&header, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A blob with these bytes, in a folder.
pub fn blob(folder: &Path, bytes: &[u8]) -> Blob {
    let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
    file.write_all(bytes).unwrap();
    let path = file.into_temp_path().keep().unwrap();
    let descriptor =
        Descriptor { media_type: media::LAYER_TAR.into(), digest: Digest::of(bytes), size: bytes.len() as u64 };
    Blob { descriptor, place: Place::File(path) }
}

/// What layers make together.
///
/// # Errors
/// As [`FileSystem::read`].
pub fn read(layers: &[&[Item]]) -> Result<FileSystem, String> {
    let scratch = tempfile::tempdir().unwrap();
    let blobs: Vec<Blob> = layers.iter().map(|items| blob(scratch.path(), &tar(items))).collect();
    FileSystem::read(&blobs)
}
