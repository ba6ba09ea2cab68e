//! Images that were published before from the same inputs: their layers stay where they are, nothing is built. What such an
//! image holds was verified before it was published.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join, try_join_all};
use serde_json::Value;

use super::machine::Machine;
use crate::input_list::{ANNOTATION, InputList, MEDIA_TYPE};
use crate::oci::image::{Image, Place};
use crate::oci::registry::{Document, Error, Registries};
use crate::oci::{Descriptor, media};
use crate::plan::{FromDockerfile, ImageWork, OfKind, Plan, PublishedImage, Step, Work};
use crate::reference::{Reference, Repository};
use crate::step_id::StepId;
use crate::world::runtime;

/// An image as it was published.
pub struct Found {
    pub manifest: Value,
    pub config: Value,
    pub list: InputList,
    /// Where it is.
    pub place: Reference,
}

/// What registries have of the images of a build.
#[derive(Default)]
pub struct Reuse {
    found: BTreeMap<StepId, Found>,
    /// Why others are not taken.
    refused: BTreeMap<StepId, Vec<String>>,
    /// Images that are not published, and on which nothing is built.
    not_needed: BTreeSet<StepId>,
}

impl Reuse {
    /// Asks every repository that the images go to, all at the same time. Whatever is not exactly what it should be is not
    /// taken.
    ///
    /// # Errors
    /// If no request can be made at all.
    pub fn ask(machine: Machine<'_>, steps: &[&Step]) -> anyhow::Result<Self> {
        let mut reuse = Self::default();
        let Some(registries) = machine.registries else { return Ok(reuse) };
        let wanted = steps.iter().filter_map(|step| {
            let work = ImageWork::of(&step.work)?;
            let recipe = work.from_dockerfile()?;
            let asked = Asked { registries, work, recipe };
            (recipe.reuse && recipe.stub.is_none()).then_some((*step, asked))
        });
        let wanted: Vec<_> = wanted.collect();
        if wanted.is_empty() {
            return Ok(reuse);
        }
        let looks = wanted.iter().map(async |(step, asked)| asked.everywhere(machine.plan, step).await);
        for ((step, _), (found, refused)) in wanted.iter().zip(runtime::block_on(join_all(looks))?) {
            reuse.found.extend(found.map(|found| (step.id.clone(), found)));
            reuse.refused.insert(step.id.clone(), refused);
        }
        reuse.not_needed = reuse.not_needed(machine.plan);
        Ok(reuse)
    }

    /// The image that a step need not build.
    pub fn found(&self, step: &StepId) -> Option<&Found> {
        self.found.get(step)
    }

    /// Why images were not taken, for the log of the step.
    pub fn refused(&self, step: &StepId) -> &[String] {
        self.refused.get(step).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether nobody needs an image, or what is made from it.
    pub fn leaves_out(&self, step: &Step) -> bool {
        match &step.work {
            Work::Image(_) => self.not_needed.contains(&step.id),
            Work::Check(check) => self.not_needed.contains(&check.subject),
            _ => false,
        }
    }

    /// Every image that is not published, and all images on which are found or not needed themselves.
    fn not_needed(&self, plan: &Plan) -> BTreeSet<StepId> {
        let mut all = BTreeSet::new();
        if self.found.is_empty() {
            return all;
        }
        // Images on others come after them.
        for step in plan.steps.iter().rev() {
            let is_done = |above: &&Step| self.found.contains_key(&above.id) || all.contains(&above.id);
            let above: Vec<&Step> = plan.images_on(&step.id).collect();
            if !above.is_empty() && above.iter().all(is_done) && plan.may_be_left_out(step) {
                all.insert(step.id.clone());
            }
        }
        all
    }
}

struct Asked<'a> {
    registries: &'a Registries,
    work: &'a ImageWork,
    recipe: &'a FromDockerfile,
}

impl Asked<'_> {
    /// The first of its repositories that has it, and why others have not.
    async fn everywhere(&self, plan: &Plan, step: &Step) -> (Option<Found>, Vec<String>) {
        let mut refused = Vec::new();
        for PublishedImage { repositories, inputs, .. } in plan.published(&step.id) {
            let Some(tag) = inputs else { continue };
            for repository in repositories {
                let place = repository.tagged(tag);
                match self.look(repository, &place).await {
                    Ok(Ok(Some(found))) => return (Some(found), refused),
                    Ok(Ok(None)) => {}
                    Ok(Err(why)) => refused.push(format!("`{place}` is not taken: {why}")),
                    Err(error) => refused.push(format!("`{repository}` was not asked for `{tag}`: {}", error.problem)),
                }
            }
        }
        (None, refused)
    }

    /// The image under the tag, and the list that it was made from; or why it is not the one.
    async fn look(&self, repository: &Repository, place: &Reference) -> Result<Result<Option<Found>, String>, Error> {
        let Some(manifest) = self.registries.manifest(place).await? else { return Ok(Ok(None)) };
        let json = manifest.json();
        let digest = self.recipe.inputs.digest;
        if json["mediaType"] != media::MANIFEST || json["annotations"][ANNOTATION] != digest.to_string() {
            return Ok(Err("its annotation has other inputs".into()));
        }
        let place_of_all = |_: &Descriptor| Some(Place::Repository(repository.clone()));
        let image = match Image::new(manifest.clone(), place_of_all) {
            Ok(image) => image,
            Err(flaw) => return Ok(Err(format!("it {flaw}"))),
        };
        let config = self.registries.blob(repository, &image.config.descriptor);
        let (list, config) = try_join(self.list(repository, &manifest), config).await?;
        let Some(list) = list else { return Ok(Err("no list of inputs refers to it".into())) };
        if list.digest() != digest {
            return Ok(Err("the list that refers to it has other inputs".into()));
        }
        // A registry that lost one shows the manifest all the same.
        let layers = || image.layers.iter().map(|layer| &layer.descriptor);
        let there = try_join_all(layers().map(|layer| self.registries.has_blob(repository, layer))).await?;
        if let Some((gone, _)) = layers().zip(there).find(|(_, there)| !there) {
            return Ok(Err(format!("its layer {} is not there", gone.digest)));
        }
        let config: Value = serde_json::from_slice(&config).unwrap_or_default();
        let platform = self.work.platform;
        if config["os"] != "linux" || config["architecture"] != platform.goarch() {
            return Ok(Err(format!("it is not for {platform}")));
        }
        Ok(Ok(Some(Found { manifest: json, config, list, place: place.clone() })))
    }

    async fn list(&self, repository: &Repository, image: &Document) -> Result<Option<InputList>, Error> {
        let referrers = self.registries.referrers(repository, image.descriptor.digest).await?;
        for entry in referrers.iter().filter(|entry| entry["artifactType"] == MEDIA_TYPE) {
            let Some(digest) = entry["digest"].as_str().and_then(|text| text.parse().ok()) else { continue };
            let Some(manifest) = self.registries.manifest(&repository.at(digest)).await? else { continue };
            let json = manifest.json();
            let is_ours = json["subject"]["digest"] == image.descriptor.digest.to_string();
            let Ok(blob) = serde_json::from_value::<Descriptor>(json["layers"][0].clone()) else { continue };
            if is_ours && let Ok(list) = serde_json::from_slice(&self.registries.blob(repository, &blob).await?) {
                return Ok(Some(list));
            }
        }
        Ok(None)
    }
}
