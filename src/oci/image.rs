//! An image as a value: its manifest, and where the bytes of everything that it names are.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Descriptor;
use super::registry::Document;
use crate::reference::Repository;
use crate::world::few::few;

/// More layers than any engine mounts.
pub const MOST_LAYERS: usize = 1000;

/// One image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub manifest: Document,
    pub config: Blob,
    /// Bottom to top.
    pub layers: Vec<Blob>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    pub descriptor: Descriptor,
    pub place: Place,
}

/// Where the bytes of a blob are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    File(PathBuf),
    /// At a registry: a layer of the base. A push to the same repository needs no copy of it.
    Repository(Repository),
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    #[serde(deserialize_with = "few::<MOST_LAYERS, _, _>")]
    layers: Vec<Descriptor>,
}

impl Image {
    /// The image that a manifest describes; `place` says where a blob is.
    ///
    /// # Errors
    /// If it describes none, or names a blob that is nowhere.
    pub fn new(manifest: Document, place: impl Fn(&Descriptor) -> Option<Place>) -> Result<Self, String> {
        let read: Manifest =
            serde_json::from_slice(&manifest.bytes).map_err(|_| "has a manifest that cannot be read".to_owned())?;
        let blob = |descriptor: Descriptor| match place(&descriptor) {
            Some(place) => Ok(Blob { descriptor, place }),
            None => {
                Err(format!("refers to {}, which is neither one of our blobs nor of a base image", descriptor.digest))
            }
        };
        let config = blob(read.config)?;
        let layers = read.layers.into_iter().map(blob).collect::<Result<_, _>>()?;
        Ok(Self { manifest, config, layers })
    }

    /// Everything that must be at a registry before its manifest is.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().chain([&self.config])
    }
}

impl Blob {
    /// The file it is, if it is on this machine.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Repository(_) => None,
        }
    }
}
