//! The images as one OCI image layout, for skopeo, crane, podman and others.
//!
//! Blobs are hard links to the steps' own files. Layers of bases are not in it unless they are ordered.

use std::collections::BTreeSet;

use super::machine::Machine;
use super::stored;
use crate::digest::Digest;
use crate::oci::image::Image;
use crate::oci::layout::{Entry, Layout};
use crate::oci::media;
use crate::plan::{Plan, Work};

/// Writes the layout of every image that was made, in place of an older one; returns how many blobs of bases it lacks.
///
/// # Errors
/// If an image is not there, or the folder cannot be written, or a base cannot be downloaded.
pub fn write(machine: Machine<'_>, base_layers: bool) -> anyhow::Result<usize> {
    let Machine { store, plan, .. } = machine;
    let layout = Layout::create(&store.root().join("images"))?;
    let (mut entries, mut lacking) = (Vec::new(), BTreeSet::new());
    for step in plan.steps.iter().filter(|step| stored::is_made(store, &step.id)) {
        let mut names = names(plan, &step.id);
        let document = match &step.work {
            Work::Image(work) => {
                let image = stored::image(store, step, work)?;
                lacking.extend(add(machine, &layout, &image, base_layers)?);
                image.manifest
            }
            Work::Index(work) => {
                if names.is_empty() {
                    names.push(format!("{}:{}", work.image, work.flavor));
                }
                let [index] = &work.outputs;
                stored::document(store, step, index, media::INDEX)?
            }
            _ => continue,
        };
        layout.put(&document)?;
        entries.extend(names.iter().map(|name| Entry::new(document.descriptor.clone(), name)));
    }
    lacking.retain(|digest| !layout.path(*digest).exists());
    layout.finish(&entries)?;
    Ok(lacking.len())
}

/// Adds what is on this machine, or is to be; returns the rest.
fn add(machine: Machine<'_>, layout: &Layout, image: &Image, base_layers: bool) -> anyhow::Result<Vec<Digest>> {
    let mut lacking = Vec::new();
    for blob in image.blobs() {
        let digest = blob.descriptor.digest;
        if base_layers || blob.file().is_some() {
            layout.add(digest, &stored::fetch(machine, blob)?)?;
        } else {
            lacking.push(digest);
        }
    }
    Ok(lacking)
}

/// The whole names under which a step is published.
pub fn names(plan: &Plan, step: &str) -> Vec<String> {
    let mut names = Vec::new();
    for image in plan.published(step) {
        for repository in &image.repositories {
            let tags = image.tags.iter().chain(image.floating.iter().map(|floating| &floating.tag));
            names.extend(tags.map(|tag| format!("{repository}:{tag}")));
        }
    }
    names.sort();
    names.dedup();
    names
}
