//! An OCI image layout, a folder of blobs with an index of what is in it:
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::image::{Image, Place};
use super::registry::Document;
use super::{Descriptor, media};
use crate::digest::Digest;
use crate::world::files;

/// The annotation that tools which take a name look for.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

pub struct Layout {
    folder: PathBuf,
}

/// An image or index that a layout has under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    #[serde(flatten)]
    pub descriptor: Descriptor,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Entry {
    pub fn new(descriptor: Descriptor, name: &str) -> Self {
        Self { descriptor, annotations: BTreeMap::from([(REF_NAME.to_owned(), name.to_owned())]) }
    }

    pub fn name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).map(String::as_str)
    }
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Entry>,
}

impl Layout {
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// One without blobs, in place of an older one.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        files::fresh_folder(&folder.join("blobs").join("sha256"))?;
        Ok(Self::at(folder))
    }

    /// Where a blob is, if it is there.
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join("blobs").join("sha256").join(digest.hex())
    }

    /// Takes in a blob, as a hard link where that is possible.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&self, digest: Digest, from: &Path) -> anyhow::Result<()> {
        let to = self.path(digest);
        if to.exists() {
            return Ok(());
        }
        files::link(from, &to).with_context(|| format!("cannot write `{}`", to.display()))
    }

    /// Takes in a manifest or index.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, document: &Document) -> anyhow::Result<()> {
        files::write_atomic(&self.path(document.descriptor.digest), &document.bytes)
    }

    /// Writes the index: only what has an entry can be found.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(&self, entries: &[Entry]) -> anyhow::Result<()> {
        let write =
            |name: &str, value: Value| files::write_atomic(&self.folder.join(name), value.to_string().as_bytes());
        write("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }))?;
        write("index.json", json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": entries }))
    }

    /// What the index names.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn entries(&self) -> anyhow::Result<Vec<Entry>> {
        let text = fs::read(self.folder.join("index.json"))?;
        let index: Index = serde_json::from_slice(&text).context("its `index.json` is damaged")?;
        Ok(index.manifests)
    }

    /// The bytes of a blob.
    ///
    /// # Errors
    /// If it is not there, or is not what its name says.
    pub fn read(&self, digest: Digest) -> anyhow::Result<Vec<u8>> {
        let path = self.path(digest);
        let bytes = fs::read(&path).with_context(|| format!("the layout lacks {digest}"))?;
        ensure!(Digest::of(&bytes) == digest, "`{}` does not match its digest", path.display());
        Ok(bytes)
    }

    /// An image of it, all of whose blobs are here.
    ///
    /// # Errors
    /// If it is not an image, or the layout does not have all of it.
    pub fn image(&self, manifest: Document) -> Result<Image, String> {
        Image::new(manifest, |blob| Some(self.path(blob.digest)).filter(|path| path.is_file()).map(Place::File))
    }
}
