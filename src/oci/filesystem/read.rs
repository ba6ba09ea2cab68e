//! Reads one layer of an image as a stream: what it hides, what it makes, and the digest of its tar.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use tar::Header;

use super::content;
use super::entry::{Entry, Kind};
use crate::digest::{Digest, Watched};
use crate::oci::image::Blob;
use crate::oci::layer::{self, Change, Made};
use crate::world::interrupt;

/// The most entries of all layers together; images with everything have 400,000.
const MOST_ENTRIES: usize = 2_000_000;
/// The most bytes of their names and of what is kept of them.
const MOST_BYTES: usize = 512 << 20;
/// What may follow the end of a layer's tar: programs fill up their last record.
const MOST_AFTER_END: u64 = 64 << 20;

/// What is left for all layers.
pub(super) struct Budget {
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { entries: MOST_ENTRIES.into(), bytes: MOST_BYTES.into() }
    }

    pub(super) fn spend(&self, bytes: usize) -> Result<(), String> {
        let take = |left: &AtomicUsize, count: usize| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(count)).is_ok()
        };
        if !take(&self.entries, 1) {
            return Err(format!("the image has more than {MOST_ENTRIES} entries"));
        }
        if !take(&self.bytes, bytes) {
            return Err(format!("the names and texts of the image have more than {} MiB", MOST_BYTES >> 20));
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Layer {
    pub diff_id: Digest,
    /// Whiteouts: they are about layers below, wherever they stand.
    pub hides: Vec<Change>,
    pub makes: Vec<Part>,
}

/// Something that a layer has at a path.
#[derive(Serialize, Deserialize)]
pub(super) enum Part {
    Entry(String, Entry),
    /// The same file as at another path.
    Same(String, String),
}

impl Layer {
    /// Gives it its number in an image, one layer of which it is.
    ///
    /// # Errors
    /// If the image has more in it than any image has.
    pub(super) fn put_at(&mut self, number: u32, budget: &Budget) -> Result<(), String> {
        for change in &self.hides {
            if let Change::Gone(path) | Change::Emptied(path) = change {
                budget.spend(path.len())?;
            }
        }
        for part in &mut self.makes {
            match part {
                Part::Same(path, other) => budget.spend(path.len() + other.len())?,
                Part::Entry(path, entry) => {
                    budget.spend(path.len() + entry.kind.weight())?;
                    entry.layer = number;
                }
            }
        }
        Ok(())
    }
}

/// # Errors
/// If it is not at hand or cannot be read, is not a tar, or beyond a limit.
pub(super) fn layer(blob: &Blob, number: u32, budget: &Budget) -> Result<Layer, String> {
    let said = |error: io::Error| error.to_string();
    let path = blob.file().ok_or("it is not on this machine")?;
    let mut unpacked = Watched::new(layer::open(File::open(path).map_err(said)?).map_err(said)?);
    let (mut hides, mut makes, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
    layer::each(&mut unpacked, &mut |change, header, bytes| {
        if interrupt::told().is_some() {
            return Err("interrupted".into());
        }
        match change {
            Change::Made(path, Made::Same(other)) => {
                budget.spend(path.len() + other.len())?;
                makes.push(Part::Same(path, other));
            }
            Change::Made(path, made) => {
                let kind = kind(&path, made, bytes, &mut buffer).map_err(said)?;
                budget.spend(path.len() + kind.weight())?;
                makes.push(Part::Entry(path, entry(kind, header, number)));
            }
            Change::Gone(ref path) | Change::Emptied(ref path) => {
                budget.spend(path.len())?;
                hides.push(change);
            }
        }
        Ok(())
    })?;
    let diff_id = unpacked.digest(MOST_AFTER_END).map_err(said)?;
    Ok(Layer { diff_id, hides, makes })
}

fn kind(path: &str, made: Made, bytes: &mut dyn Read, buffer: &mut Vec<u8>) -> io::Result<Kind> {
    Ok(match made {
        Made::Folder => Kind::Folder,
        Made::Link(target) => Kind::Link(target),
        Made::File => Kind::File(Arc::new(content::read(path, bytes, buffer)?)),
        Made::Same(_) | Made::Other => Kind::Other,
    })
}

fn entry(kind: Kind, header: &Header, layer: u32) -> Entry {
    let id = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
    Entry {
        kind,
        mode: u16::try_from(header.mode().unwrap_or(0o755) & 0o7777).unwrap_or(0o755),
        uid: id(header.uid()),
        gid: id(header.gid()),
        layer,
    }
}
