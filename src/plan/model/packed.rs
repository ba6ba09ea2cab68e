//! What an archive or a layer packs.

use super::step::{ArchiveFile, ArchiveWork, AssetTree, LayerWork, Member};

/// Everything that is packed, each with its path inside.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    /// Executables of binary steps.
    pub executables: &'a [Member],
    /// Files of the commit.
    pub files: &'a [ArchiveFile],
    /// Files and folders of assets.
    pub trees: &'a [AssetTree],
}

impl ArchiveWork {
    /// What it packs.
    pub fn packed(&self) -> Packed<'_> {
        Packed { executables: &self.executables, files: &self.files, trees: &self.trees }
    }
}

impl LayerWork {
    /// What it packs.
    pub fn packed(&self) -> Packed<'_> {
        Packed { executables: &self.executables, files: &self.files, trees: &self.trees }
    }
}
