//! The part of a disk that builds leave free: below it none starts, and all wait.

use std::path::{Path, PathBuf};

use crate::world::disk;

#[derive(Clone, Debug)]
pub struct Floor {
    folder: PathBuf,
    bytes: u64,
}

impl Floor {
    /// So many bytes of the disk that has this folder; 0 is no floor.
    pub fn new(folder: &Path, bytes: u64) -> Self {
        Self { folder: folder.to_owned(), bytes }
    }

    /// Why no build may start, for people. A disk that cannot be asked is no reason.
    pub fn obstacle(&self) -> Option<String> {
        let free = self.free().filter(|free| *free < self.bytes)?;
        Some(format!(
            "the disk of the data folder has {} free, and builds start at {} (`--keep-free`): free some space",
            gib(free),
            gib(self.bytes)
        ))
    }

    /// What is free now, in bytes.
    pub fn free(&self) -> Option<u64> {
        disk::free(&self.folder)
    }
}

fn gib(bytes: u64) -> String {
    let tenths = bytes / ((1 << 30) / 10);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Floor::new(folder.path(), 0).obstacle(), None);
        assert_eq!(Floor::new(&folder.path().join("none"), 1).obstacle(), None);
        if cfg!(unix) {
            let why = Floor::new(folder.path(), u64::MAX).obstacle().unwrap();
            assert!(why.ends_with(" GiB (`--keep-free`): free some space"), "{why}");
        }
        assert_eq!(gib(1_610_612_736), "1.5 GiB");
    }
}
