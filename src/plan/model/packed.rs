//! What an archive or a layer packs.

use super::step::{ArchiveFile, ArchiveWork, AssetTree, LayerWork, Member};

/// Everything that is packed, each with its path inside.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    pub executables: &'a [Member],
    pub files: &'a [ArchiveFile],
    pub trees: &'a [AssetTree],
}

impl ArchiveWork {
    pub fn packed(&self) -> Packed<'_> {
        Packed { executables: &self.executables, files: &self.files, trees: &self.trees }
    }
}

impl LayerWork {
    pub fn packed(&self) -> Packed<'_> {
        Packed { executables: &self.executables, files: &self.files, trees: &self.trees }
    }
}
