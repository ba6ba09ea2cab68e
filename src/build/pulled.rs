//! The images that a Dockerfile names, fetched by our own client: the engine sees no login and asks no registry.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;

use super::machine::Machine;
use super::stored;
use crate::digest::Digest;
use crate::oci::Descriptor;
use crate::oci::base;
use crate::oci::image::{Blob, Place};
use crate::oci::layout::{Entry, Layout};
use crate::plan::dockerfile_inputs::{KnownImage, KnownImages};
use crate::plan::{FromDockerfile, NamedContext, PlannedBase};
use crate::platform::Platform;
use crate::world::runtime;

/// An image in a layout of its own.
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

fn one(machine: Machine<'_>, image: &PlannedBase, platform: Platform) -> anyhow::Result<(PulledLayout, Value)> {
    let registries = machine.registries.context("no registry is configured to fetch base images from")?;
    let found = runtime::block_on(base::find(registries, &image.from, image.digest, platform))??;
    let digest = found.manifest.descriptor.digest;
    let folder = machine.store.root().join("cache").join("images").join(digest.hex());
    let layout = Layout::at(&folder);
    let manifest = found.manifest.json();
    let blobs = manifest["layers"].as_array().into_iter().flatten().chain([&manifest["config"]]);
    let blobs: Vec<Descriptor> = blobs
        .map(|blob| serde_json::from_value(blob.clone()))
        .collect::<Result<_, _>>()
        .context("its manifest is damaged")?;
    let is_whole = fs::metadata(folder.join("index.json")).is_ok()
        && blobs.iter().all(|blob| fs::metadata(layout.path(blob.digest)).is_ok_and(|meta| meta.len() == blob.size));
    if !is_whole {
        let layout = Layout::create(&folder)?;
        for descriptor in blobs {
            let place = Place::Repository(image.from.repository.clone());
            let path = stored::fetch(machine, &Blob { descriptor: descriptor.clone(), place })?;
            layout.add(descriptor.digest, &path)?;
        }
        layout.put(&found.manifest)?;
        layout.finish(&[Entry::new(found.manifest.descriptor.clone(), &image.from.to_string())])?;
    }
    Ok((PulledLayout { folder, digest }, found.config))
}
