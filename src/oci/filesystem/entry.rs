//! Something in the file system of an image.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::content::Content;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    /// Number of the layer it comes from, the lowest being 1.
    #[serde(skip)]
    pub layer: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Folder,
    /// A symbolic link and what it points at.
    Link(String),
    File(Arc<Content>),
    /// A device, a pipe, or a file with holes.
    Other,
}

impl Kind {
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Link(target) => target.len(),
            Self::File(content) => content.weight(),
            Self::Folder | Self::Other => 0,
        }
    }
}

impl Entry {
    /// A folder that no layer describes; engines make it so.
    pub(super) fn implied(layer: u32) -> Self {
        Self { kind: Kind::Folder, mode: 0o755, uid: 0, gid: 0, layer }
    }

    pub fn file(&self) -> Option<&Content> {
        match &self.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }
}
