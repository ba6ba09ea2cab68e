//! The images that a Dockerfile names, fetched by our own client: the engine sees no login and asks no registry.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use serde_json::Value;

use super::machine::Machine;
use super::stored;
use crate::digest::Digest;
use crate::oci::base;
use crate::oci::layout::{Entry, Layout};
use crate::oci::registry::{Document, Registries};
use crate::oci::{Descriptor, document, media};
use crate::plan::dockerfile_inputs::{KnownImage, KnownImages};
use crate::plan::{FromDockerfile, NamedContext, PlannedBase};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::world::runtime;

/// An image in a layout of its own.
#[derive(Clone, Debug)]
pub struct PulledLayout {
    pub folder: PathBuf,
    pub digest: Digest,
}

/// Everything that was fetched for one build.
pub struct Pulled {
    /// In the order of the recipe's images.
    pub layouts: Vec<PulledLayout>,
    /// Those of named contexts, by name.
    pub published: BTreeMap<String, PulledLayout>,
    pub known: KnownImages,
}

/// Fetches every image that is not here yet.
///
/// # Errors
/// If one is not at its registry, is not for its platform, or cannot be downloaded.
pub fn all(machine: Machine<'_>, recipe: &FromDockerfile, platform: Platform) -> anyhow::Result<Pulled> {
    let machine = Machine { registries: machine.bases.or(machine.registries), ..machine };
    let mut pulled = Pulled { layouts: Vec::new(), published: BTreeMap::new(), known: KnownImages::new() };
    for image in &recipe.bases {
        let (layout, config) = one(machine, &image.base, image.platform)?;
        pulled.layouts.push(layout);
        // What is not locked is not known when the plan is made; both must ask the same.
        if image.base.digest.is_some() {
            pulled.known.insert(image.name.clone(), known(&config));
        }
    }
    for (name, context) in &recipe.contexts {
        if let NamedContext::Published(base) = context {
            pulled.published.insert(name.clone(), one(machine, base, platform)?.0);
        }
    }
    Ok(pulled)
}

/// What of a config decides what a build on it reads.
pub fn known(config: &Value) -> KnownImage {
    let texts = |key: &str| {
        let items = config["config"][key].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    KnownImage { env: texts("Env"), onbuild: texts("OnBuild") }
}

/// The images that one name stands for on several platforms, as one image: engines take the one they need.
///
/// # Errors
/// If a layout is damaged, or the new one cannot be written.
pub fn together(layouts: &[&PulledLayout], folder: &Path) -> anyhow::Result<PulledLayout> {
    let (layout, mut images) = (Layout::create(folder)?, Vec::new());
    for one in layouts {
        let from = Layout::at(&one.folder);
        let entry = from.entries()?.into_iter().find(|entry| entry.descriptor.digest == one.digest);
        let entry = entry.with_context(|| format!("the layout of {} does not name it", one.digest))?;
        let manifest = serde_json::from_slice(&from.read(one.digest)?).context("its manifest is damaged")?;
        let blobs = blobs(&manifest)?;
        for digest in blobs.iter().map(|blob| blob.digest).chain([one.digest]) {
            layout.add(digest, &from.path(digest))?;
        }
        let config = blobs.last().context("its manifest names no config")?;
        let config: Value = serde_json::from_slice(&from.read(config.digest)?).context("its config is damaged")?;
        images.push((entry.descriptor, document::platform(&config)));
    }
    let index = Document::new(media::INDEX, document::index(&images, &BTreeMap::new()));
    layout.put(&index)?;
    layout.finish(&[Entry::new(index.descriptor.clone(), "together")])?;
    Ok(PulledLayout { folder: folder.to_owned(), digest: index.descriptor.digest })
}

/// What a manifest consists of; its config comes last.
fn blobs(manifest: &Value) -> anyhow::Result<Vec<Descriptor>> {
    let blobs = manifest["layers"].as_array().into_iter().flatten().chain([&manifest["config"]]);
    let blobs: Result<_, _> = blobs.map(|blob| serde_json::from_value(blob.clone())).collect();
    blobs.context("its manifest is damaged")
}

fn one(machine: Machine<'_>, image: &PlannedBase, platform: Platform) -> anyhow::Result<(PulledLayout, Value)> {
    let registries = machine.registries.context("no registry is configured to fetch base images from")?;
    Pull { registries, cache: &machine.store.root().join("cache") }.image(&image.from, image.digest, platform)
}

/// Where images are fetched from, and the folder in which they are kept.
#[derive(Clone, Copy)]
pub struct Pull<'a> {
    pub registries: &'a Registries,
    pub cache: &'a Path,
}

impl Pull<'_> {
    /// An image for one platform, and its config; by `digest` if it is known.
    ///
    /// # Errors
    /// If it is not at its registry, is not for the platform, or cannot be downloaded.
    pub fn image(
        self,
        from: &Reference,
        digest: Option<Digest>,
        platform: Platform,
    ) -> anyhow::Result<(PulledLayout, Value)> {
        static FETCHING: Mutex<()> = Mutex::new(());
        // Images that are built at the same time have bases in common.
        let _fetching = FETCHING.lock().unwrap_or_else(PoisonError::into_inner);
        let found = runtime::block_on(base::find(self.registries, from, digest, platform))??;
        let digest = found.manifest.descriptor.digest;
        let folder = self.cache.join("images").join(digest.hex());
        let layout = Layout::at(&folder);
        let manifest = found.manifest.json();
        let blobs = blobs(&manifest)?;
        // These very files become part of images: one that was damaged is fetched again.
        let is_there = |blob: &Descriptor| stored::is_whole(&layout.path(blob.digest), blob);
        if fs::metadata(folder.join("index.json")).is_err() || !blobs.iter().all(is_there) {
            let layout = Layout::create(&folder)?;
            for descriptor in blobs {
                let path = stored::download(self.registries, self.cache, &from.repository, &descriptor)?;
                layout.add(descriptor.digest, &path)?;
            }
            layout.put(&found.manifest)?;
            layout.finish(&[Entry::new(found.manifest.descriptor.clone(), &from.to_string())])?;
        }
        Ok((PulledLayout { folder, digest }, found.config))
    }
}
