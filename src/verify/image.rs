//! Is an image what was planned: its config, its manifest, its layers, and do its executables start on its base?

use std::collections::BTreeMap;
use std::fs::File;

use serde_json::{Value, json};

use super::dockerfile;
use super::fit::{knows_user, misfits};
use super::found::Findings;
use super::problem::problem;
use super::set::Arrived;
use crate::artifact::{self, Artifact};
use crate::inspect;
use crate::oci::image::Image;
use crate::oci::parts::Parts;
use crate::oci::registry::Document;
use crate::oci::{Descriptor, LARGEST_DOCUMENT, document, media};
use crate::plan::{Assembly, ImageWork, IndexWork, Recipe, Step};
use crate::platform::Platform;
use crate::problem::Problem;
use crate::world::files;
use crate::world::store::Store;

/// Compares config and manifest with the step and with the layers' records, and each executable with the base.
///
/// # Errors
/// If a file cannot be read.
pub fn check(store: &Store, set: &Arrived, step: &Step, work: &ImageWork, found: &mut Findings) -> anyhow::Result<()> {
    let Some(record) = set.record(&step.id) else { return Ok(()) };
    let [config_file, manifest_file, ..] = record.files.as_slice() else { return Ok(()) };
    let mut read = |file: &artifact::File| text(store, step, file, &mut found.problems);
    let (Some(config), Some(manifest)) = (read(config_file), read(manifest_file)) else { return Ok(()) };
    let mut wrong = Vec::new();
    let layers: Option<Vec<&Artifact>> = work.layers().iter().map(|id| set.record(id)).collect();
    if let Some(layers) = layers {
        let base = work.base().map(|base| &base.from.repository);
        let parts = Parts { platform: work.platform, own: record, layers, base };
        let of_ours = parts.files().map(|layer| layer.size);
        let document = Document::new(media::MANIFEST, manifest);
        let image = parts.image(store, document);
        let size: u64 = match &image {
            Ok(image) if record.published.is_some() => image.layers.iter().map(|layer| layer.descriptor.size).sum(),
            _ => of_ours.sum(),
        };
        if let Some(most) = work.max_size.filter(|most| size > *most) {
            let text = format!("`{}` has layers of {size} bytes; the limit is {most}", step.id);
            found.problems.push(problem(step, "too-large", text).hint("strip its executables, or raise `max-size:`"));
        }
        match image {
            Ok(image) => {
                wrong.extend(parts.flaws(&image, Some(&config)));
                annotation_flaws(&image, work, &mut wrong);
                if let Recipe::Dockerfile(recipe) = &work.recipe
                    && recipe.stub.is_none()
                {
                    let cache = store.root().join("cache").join("files");
                    let judged =
                        dockerfile::Judged { step, platform: work.platform, recipe, image: &image, cache: &cache };
                    wrong.extend(match &record.published {
                        None => judged.check(&config, found),
                        Some(place) => {
                            let path = store.file(&step.id, &step.inputs_file());
                            let list = files::read_small(&path, LARGEST_DOCUMENT).unwrap_or_default();
                            judged.check_published(&config, &list, place, found)
                        }
                    });
                }
            }
            Err(flaw) => wrong.push(flaw),
        }
        let config = serde_json::from_slice(&config).unwrap_or_default();
        match &work.recipe {
            Recipe::Assembly(assembly) => config_flaws(&config, assembly, &mut wrong),
            Recipe::Dockerfile(recipe) => label_flaws(&config, &recipe.labels, &mut wrong),
        }
    }
    for text in wrong {
        found.problems.push(problem(step, "image-content", format!("`{}` {text}", step.id)));
    }
    if let Some(assembly) = work.assembly() {
        if !knows_user(assembly) {
            let text =
                format!("`{}` runs as `{}`, but a scratch image has no such user", step.id, assembly.config.user);
            let problem = problem(step, "image-cannot-start", text);
            found.problems.push(problem.hint("use numeric ids (`65532:65532`), or `nonroot`"));
        }
        fits(store, step, work.platform, assembly, found);
    }
    Ok(())
}

/// The bytes of a config, manifest or index. One that is missing or other than recorded was reported with its file.
fn text(store: &Store, step: &Step, file: &artifact::File, problems: &mut Vec<Problem>) -> Option<Vec<u8>> {
    if file.size > LARGEST_DOCUMENT {
        let text = format!("`{}` has {} bytes; the limit is {} MiB", file.name, file.size, LARGEST_DOCUMENT >> 20);
        problems.push(problem(step, "image-content", text));
        return None;
    }
    files::read_small(&store.file(&step.id, &file.name), LARGEST_DOCUMENT).ok()
}

/// Whether each executable starts on the base.
fn fits(store: &Store, step: &Step, platform: Platform, work: &Assembly, found: &mut Findings) {
    let mut problems = Vec::new();
    for covered in &work.executables {
        let seen = found.binaries.iter().find(|seen| seen.step == covered.step && seen.name == covered.name);
        // One that could not be read was reported with its step.
        let Some(seen) = seen else { continue };
        let symbol = |version: &str| {
            let file = File::open(store.file(&covered.step, &covered.name)).ok()?;
            inspect::glibc_symbol(file, version)
        };
        for misfit in misfits(work, platform, &seen.facts, symbol) {
            let text = format!("`{}` cannot start in `{}`: it {}", covered.name, step.id, misfit.text);
            problems.push(problem(step, "image-cannot-start", text).hint(misfit.hint));
        }
    }
    found.problems.extend(problems);
}

/// How its config says another thing than planned.
fn config_flaws(config: &Value, work: &Assembly, wrong: &mut Vec<String>) {
    let mut must = |what: &str, is: &Value, planned: Value| {
        if *is != planned {
            wrong.push(format!("has {what} {is}, but the plan says {planned}"));
        }
    };
    let runs = &config["config"];
    must("the entrypoint", &runs["Entrypoint"], json!(work.config.entrypoint));
    must("the user", &runs["User"], json!(work.config.user));
    must("the folder", &runs["WorkingDir"], json!(work.config.workdir));
    let cmd = if work.config.cmd.is_empty() { Value::Null } else { json!(work.config.cmd) };
    must("the arguments", &runs["Cmd"], cmd);
    for port in &work.config.expose {
        must(&format!("for port {port}"), &runs["ExposedPorts"][port], json!({}));
    }
    let env = runs["Env"].as_array().cloned().unwrap_or_default();
    for (name, value) in &work.config.env {
        if !env.contains(&json!(format!("{name}={value}"))) {
            wrong.push(format!("lacks the environment variable `{name}`"));
        }
    }
    label_flaws(config, &work.config.labels, wrong);
}

fn label_flaws(config: &Value, labels: &BTreeMap<String, String>, wrong: &mut Vec<String>) {
    let has = &config["config"]["Labels"];
    let other = labels.iter().filter(|(label, text)| has[label] != json!(text));
    wrong.extend(
        other.map(|(label, text)| format!("has the label `{label}` {}, but the plan says {text:?}", has[label])),
    );
}

fn annotation_flaws(image: &Image, work: &ImageWork, wrong: &mut Vec<String>) {
    let manifest = image.manifest.json();
    let other = work.annotations.iter().filter(|(key, text)| manifest["annotations"][key] != json!(text));
    wrong.extend(other.map(|(key, _)| format!("lacks the annotation `{key}`")));
}

/// Compares an index with the images it must name.
///
/// # Errors
/// If a file cannot be read.
pub fn check_index(
    store: &Store,
    set: &Arrived,
    step: &Step,
    work: &IndexWork,
    problems: &mut Vec<Problem>,
) -> anyhow::Result<()> {
    let Some(file) = set.record(&step.id).and_then(|record| record.files.first()) else { return Ok(()) };
    let Some(bytes) = text(store, step, file, problems) else { return Ok(()) };
    let index: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let mut expected = Vec::new();
    for id in &work.images {
        let Some(record) = set.record(id) else { return Ok(()) };
        let [config, manifest, ..] = record.files.as_slice() else { return Ok(()) };
        let Ok(config) = files::read_small(&store.file(id, &config.name), LARGEST_DOCUMENT) else { return Ok(()) };
        let mut entry = json!(Descriptor::of(media::MANIFEST, manifest));
        entry["platform"] = document::platform(&serde_json::from_slice(&config).unwrap_or_default());
        expected.push(entry);
    }
    let mut wrong = |text: &str| {
        problems.push(problem(step, "image-content", format!("`{}` {text}", step.id)));
    };
    if index["manifests"] != json!(expected) {
        wrong("does not list exactly its images");
    }
    if index["mediaType"] != media::INDEX {
        wrong("does not have the media type of an index");
    }
    if work.annotations.iter().any(|(key, text)| index["annotations"][key] != json!(text)) {
        wrong("lacks an annotation");
    }
    Ok(())
}
