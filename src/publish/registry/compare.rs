//! Manifests and indexes as verified, compared with what was planned and with what is there.

use std::collections::BTreeSet;

use super::image_index;
use super::images::{Placement, PlannedImage};
use crate::artifact::File;
use crate::digest::Digest;
use crate::input_list::ANNOTATION;
use crate::oci::image::{Blob, Image, Place};
use crate::oci::parts::Parts;
use crate::oci::registry::{Document, Error, Registries};
use crate::oci::{Descriptor, LARGEST_DOCUMENT, media};
use crate::plan::{ChartWork, ImageWork, Origin, Plan, Step, Work};
use crate::problem::Problem;
use crate::publish::failure::{Failure, Failures};
use crate::publish::run::PlannedFile;
use crate::publish::verified::Verified;
use crate::world::files;

/// The annotation with the commit.
const REVISION: &str = "org.opencontainers.image.revision";

/// Images with their documents.
///
/// # Errors
/// Everything that blocks them.
pub async fn compare<'a>(
    plan: &Plan,
    registries: &Registries,
    planned: Vec<PlannedImage<'a>>,
    verified: Verified<'_>,
) -> Result<Vec<Placement<'a>>, Failures> {
    let mut placements: Vec<Placement<'a>> = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    for planned in planned {
        let before = placements.iter().find(|other| other.planned.step.id == planned.step.id);
        let content = match before {
            Some(other) => Ok((other.document.clone(), other.blobs.clone())),
            None => content(plan, planned.step, verified),
        };
        let compared = match content.map(|(document, blobs)| (taken(&planned, &document), document, blobs)) {
            Err(failure) => Err(failure),
            Ok((None, document, blobs)) => Ok(Placement { planned, document, blobs }),
            // Only now is it read what is there.
            Ok((Some(failure), document, _)) => match public(registries, &planned).await {
                Err(error) => Err(error.into()),
                Ok(public) => match public.filter(|public| is_as_good(plan, &planned, &document, public)) {
                    Some(public) => Ok(Placement { planned, document: public, blobs: Vec::new() }),
                    None => Err(failure),
                },
            },
        };
        match compared {
            Ok(placement) => placements.push(placement),
            Err(failure) if failures.contains(&failure) => {}
            Err(failure) => failures.push(failure),
        }
    }
    Failures::of(failures).map(|()| placements)
}

/// A fixed tag that is something else is never moved.
fn taken(planned: &PlannedImage<'_>, document: &Document) -> Option<Failure> {
    let ours = document.descriptor.digest;
    let (tag, there) = planned.there.iter().find(|(_, there)| **there != ours)?;
    let text = format!("`{}:{tag}` already is {there}; this release has {ours}", planned.repository);
    let hint = "a released tag is never moved: release a new version, or remove it there yourself";
    Some(Failure::Conflict(Problem::new("image-tag-taken", text).hint(hint).step(&planned.step.id)))
}

/// What is public under every fixed tag, if that is one and it may be as good as ours.
async fn public(registries: &Registries, planned: &PlannedImage<'_>) -> Result<Option<Document>, Error> {
    let all: BTreeSet<Digest> = planned.there.values().copied().collect();
    let is_all = planned.image.tags.iter().all(|tag| planned.there.contains_key(tag.as_str()));
    match all.into_iter().collect::<Vec<_>>().as_slice() {
        [one] if is_all && planned.step.work.inputs().is_some() => {
            registries.manifest(&planned.repository.at(*one)).await
        }
        _ => Ok(None),
    }
}

/// Whether that is other bytes of the same inputs and commit, as an engine need not make the same bytes twice; a chart whose
/// config and package are the same, whoever pushed it.
fn is_as_good(plan: &Plan, planned: &PlannedImage<'_>, ours: &Document, public: &Document) -> bool {
    let Some(inputs) = planned.step.work.inputs() else { return false };
    let (there, ours) = (public.json(), ours.json());
    let is_snapshot = plan.origin == Origin::Snapshot && there["annotations"][ANNOTATION] == inputs;
    match planned.is_chart() {
        // A snapshot's version is that of its inputs, whatever commit or time it was made at.
        _ if is_snapshot => true,
        true => {
            let content = |manifest: &serde_json::Value| [&manifest["config"], &manifest["layers"][0]].map(content_of);
            content(&there) == content(&ours)
        }
        false => {
            let annotations = &there["annotations"];
            annotations[ANNOTATION] == inputs && annotations[REVISION] == plan.commit.as_str()
        }
    }
}

/// What a descriptor names.
fn content_of(descriptor: &serde_json::Value) -> (String, String) {
    let text = |key: &str| descriptor[key].as_str().unwrap_or_default().to_owned();
    (text("mediaType"), text("digest"))
}

/// The manifest or index of a step, and the blobs of an image or chart: they are what was planned and verified.
fn content(plan: &Plan, step: &Step, verified: Verified<'_>) -> Result<(Document, Vec<Blob>), Failure> {
    match &step.work {
        Work::Image(work) => {
            let image = image(step, work, verified)?;
            Ok((image.manifest.clone(), image.blobs().cloned().collect()))
        }
        Work::Index(work) => {
            let [output] = &work.outputs;
            let file = verified.file(PlannedFile { step, name: &output.name })?;
            let bytes = read(step, file, verified)?;
            match image_index::flaw(plan, work, &bytes, &verified.manifest.artifacts) {
                None => Ok((Document::new(media::INDEX, bytes), Vec::new())),
                Some(flaw) => Err(rejected(step, file, &flaw)),
            }
        }
        Work::Chart(work) => chart(step, work, verified),
        _ => Err(anyhow::anyhow!("`{}` is neither an image nor a chart", step.id).into()),
    }
}

fn image(step: &Step, work: &ImageWork, verified: Verified<'_>) -> Result<Image, Failure> {
    let [config, file] = work.outputs.each_ref().map(|output| verified.file(PlannedFile { step, name: &output.name }));
    let (config, file, own) = (config?, file?, verified.artifact(&step.id)?);
    let manifest = Document::new(media::MANIFEST, read(step, file, verified)?);
    let layers = work.layers().iter().map(|id| verified.artifact(id)).collect::<Result<_, _>>()?;
    let base = work.base().map(|base| &base.from.repository);
    let parts = Parts { platform: work.platform, own, layers, base };
    let image = parts.image(verified.store, manifest).map_err(|flaw| rejected(step, file, &flaw))?;
    // Of what was published before, only the manifest is at hand.
    let config = verified.path(&step.id, config).is_file().then(|| read(step, config, verified)).transpose()?;
    match parts.flaws(&image, config.as_deref()).first() {
        None => Ok(image),
        Some(flaw) => Err(rejected(step, file, flaw)),
    }
}

/// A chart names exactly its config and its package.
fn chart(step: &Step, work: &ChartWork, verified: Verified<'_>) -> Result<(Document, Vec<Blob>), Failure> {
    let [config, manifest, package] =
        work.outputs.each_ref().map(|output| verified.file(PlannedFile { step, name: &output.name }));
    let (config, manifest, package) = (config?, manifest?, package?);
    let document = Document::new(media::MANIFEST, read(step, manifest, verified)?);
    let blob = |media: &str, file: &File| Blob {
        descriptor: Descriptor::of(media, file),
        place: Place::File(verified.path(&step.id, file)),
    };
    let blobs = vec![blob(media::HELM_CONFIG, config), blob(media::HELM_CHART, package)];
    let named = document.json();
    let named = [&named["config"], &named["layers"][0]].map(content_of);
    let ours = [0, 1].map(|at| content_of(&serde_json::json!(blobs[at].descriptor)));
    if named == ours {
        Ok((document, blobs))
    } else {
        Err(rejected(step, manifest, "does not name its config and package"))
    }
}

fn rejected(step: &Step, file: &File, flaw: &str) -> Failure {
    let problem = Problem::new("image-content", format!("`{}` {flaw}", file.name));
    Failure::Rejected(problem.hint("nothing was sent: build and verify again").step(&step.id))
}

/// The bytes of a document, as they were verified.
fn read(step: &Step, file: &File, verified: Verified<'_>) -> Result<Vec<u8>, Failure> {
    let bytes = files::read_small(&verified.path(&step.id, file), LARGEST_DOCUMENT)?;
    if Digest::of(&bytes) == file.sha256 {
        return Ok(bytes);
    }
    let text = format!("`{}` changed after it was verified", file.name);
    let problem = Problem::new("changed-artifact", text).hint("run `longshore verify` again");
    Err(Failure::Refused(problem.step(&step.id)))
}
