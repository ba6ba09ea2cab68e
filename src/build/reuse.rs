//! An image that was published before from the same inputs: its layers are taken instead of a build.

use anyhow::Context;
use serde_json::Value;

use super::log::Log;
use super::machine::Machine;
use super::stored;
use crate::input_list::{ANNOTATION, InputList, MEDIA_TYPE};
use crate::oci::image::{Blob, Image, Place};
use crate::oci::registry::{Document, Registries};
use crate::oci::{Descriptor, media};
use crate::plan::{FromDockerfile, ImageWork, PublishedImage, Step};
use crate::reference::Repository;
use crate::world::runtime;

/// An image with all its blobs on this machine.
pub struct Reused {
    pub image: Image,
    pub list: InputList,
    /// Where it came from.
    pub place: String,
}

/// Asks every repository that the image goes to. Whatever is not exactly what it should be is not taken.
///
/// # Errors
/// If a registry does not answer, or a blob cannot be downloaded.
pub fn find(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    step: &Step,
    work: &ImageWork,
    recipe: &FromDockerfile,
) -> anyhow::Result<Option<Reused>> {
    let Some(registries) = machine.registries.filter(|_| recipe.reuse) else { return Ok(None) };
    let published = machine.plan.destinations.iter().filter_map(|one| one.kind.registry());
    let published = published.flat_map(|registry| &registry.images).filter(|image| image.step == step.id);
    for PublishedImage { repositories, inputs, .. } in published {
        let Some(tag) = inputs else { continue };
        for repository in repositories {
            let asked = Asked { registries, repository, work, recipe };
            match runtime::block_on(asked.look(tag))? {
                Ok(Ok(Some((manifest, list)))) => {
                    let image = asked.download(machine, manifest)?;
                    return Ok(Some(Reused { image, list, place: format!("{repository}:{tag}") }));
                }
                Ok(Ok(None)) => {}
                Ok(Err(why)) => log.tell(format_args!("`{repository}:{tag}` is not taken: {why}")),
                Err(error) => log.tell(format_args!("`{repository}` was not asked for `{tag}`: {}", error.problem)),
            }
        }
    }
    Ok(None)
}

struct Asked<'a> {
    registries: &'a Registries,
    repository: &'a Repository,
    work: &'a ImageWork,
    recipe: &'a FromDockerfile,
}

type Seen = Result<Option<(Document, InputList)>, String>;

impl Asked<'_> {
    /// The image under the tag, and the list that it was made from; or why it is not the one.
    async fn look(&self, tag: &str) -> Result<Seen, crate::oci::registry::Error> {
        let Some(manifest) = self.registries.manifest(&self.repository.tagged(tag)).await? else { return Ok(Ok(None)) };
        let json = manifest.json();
        let digest = self.recipe.inputs.digest;
        if json["mediaType"] != media::MANIFEST || json["annotations"][ANNOTATION] != digest.to_string() {
            return Ok(Err("its annotation has other inputs".into()));
        }
        let Some(list) = self.list(&manifest).await? else {
            return Ok(Err("no list of inputs refers to it".into()));
        };
        if list.digest() != digest {
            return Ok(Err("the list that refers to it has other inputs".into()));
        }
        let Ok(config) = serde_json::from_value::<Descriptor>(json["config"].clone()) else {
            return Ok(Err("its manifest is damaged".into()));
        };
        let config: Value =
            serde_json::from_slice(&self.registries.blob(self.repository, &config).await?).unwrap_or_default();
        let platform = self.work.platform;
        if config["os"] != "linux" || config["architecture"] != platform.goarch() {
            return Ok(Err(format!("it is not for {platform}")));
        }
        Ok(Ok(Some((manifest, list))))
    }

    async fn list(&self, image: &Document) -> Result<Option<InputList>, crate::oci::registry::Error> {
        let referrers = self.registries.referrers(self.repository, image.descriptor.digest).await?;
        for entry in referrers.iter().filter(|entry| entry["artifactType"] == MEDIA_TYPE) {
            let Some(digest) = entry["digest"].as_str().and_then(|text| text.parse().ok()) else { continue };
            let Some(manifest) = self.registries.manifest(&self.repository.at(digest)).await? else { continue };
            let json = manifest.json();
            let is_ours = json["subject"]["digest"] == image.descriptor.digest.to_string();
            let Ok(blob) = serde_json::from_value::<Descriptor>(json["layers"][0].clone()) else { continue };
            if is_ours && let Ok(list) = serde_json::from_slice(&self.registries.blob(self.repository, &blob).await?) {
                return Ok(Some(list));
            }
        }
        Ok(None)
    }

    /// Its blobs, each downloaded once.
    fn download(&self, machine: Machine<'_>, manifest: Document) -> anyhow::Result<Image> {
        let there = |descriptor: &Descriptor| {
            let _ = descriptor;
            Some(Place::Repository(self.repository.clone()))
        };
        let mut image = Image::new(manifest, there).map_err(|flaw| anyhow::anyhow!("the published image {flaw}"))?;
        let fetch = |blob: &mut Blob| -> anyhow::Result<()> {
            let path = stored::fetch(machine, blob).context("a layer of the published image cannot be downloaded")?;
            blob.place = Place::File(path);
            Ok(())
        };
        fetch(&mut image.config)?;
        image.layers.iter_mut().try_for_each(fetch)?;
        Ok(image)
    }
}
