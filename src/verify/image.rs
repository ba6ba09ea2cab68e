//! Is an image what was planned: its config, its manifest, its layers, and do its executables start on its base?

use std::fs::File;

use serde_json::{Value, json};

use super::fit::{knows_user, misfits};
use super::found::Found;
use super::problem::problem;
use super::set::Arrived;
use crate::artifact;
use crate::inspect;
use crate::oci::{Descriptor, LARGEST_DOCUMENT, document, media};
use crate::plan::{ImageWork, IndexWork, Step};
use crate::problem::Problem;
use crate::world::files;
use crate::world::store::Store;

/// Compares config and manifest with the step and with the layers' records, and each executable with the base.
///
/// # Errors
/// If a file cannot be read.
pub fn check(store: &Store, set: &Arrived, step: &Step, work: &ImageWork, found: &mut Found) -> anyhow::Result<()> {
    let Some(record) = set.record(&step.id) else { return Ok(()) };
    let [config_file, manifest_file] = record.files.as_slice() else { return Ok(()) };
    let mut wrong = Vec::new();
    let mut read = |file: &artifact::File| text(store, step, file, &mut found.problems);
    let (Some(config), Some(manifest)) = (read(config_file), read(manifest_file)) else { return Ok(()) };
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let (config, manifest) = (parsed(&config), parsed(&manifest));
    let layers: Option<Vec<&artifact::File>> =
        work.layers.iter().map(|id| set.record(id).and_then(|record| record.files.first())).collect();
    if let Some(layers) = layers {
        config_flaws(&config, work, &layers, &mut wrong);
        manifest_flaws(&manifest, work, config_file, &layers, &mut wrong);
        let size: u64 = layers.iter().map(|layer| layer.size).sum();
        if let Some(most) = work.max_size.filter(|most| size > *most) {
            let text = format!("`{}` has layers of {size} bytes, at most {most} are allowed", step.id);
            found.problems.push(problem(step, "too-large", text).hint("strip its executables, or raise `max-size:`"));
        }
        let count = |value: &Value| value.as_array().map_or(0, Vec::len);
        if count(&config["rootfs"]["diff_ids"]) != count(&manifest["layers"]) {
            wrong.push("names another number of layers in its config than in its manifest".to_owned());
        }
    }
    for text in wrong {
        found.problems.push(problem(step, "image-content", format!("`{}` {text}", step.id)));
    }
    if !knows_user(work) {
        let text = format!("`{}` runs as `{}`, but an image from nothing has no such user", step.id, work.config.user);
        let problem = problem(step, "image-cannot-start", text);
        found.problems.push(problem.hint("write numbers (`65532:65532`), or `nonroot`"));
    }
    fits(store, step, work, found);
    Ok(())
}

/// The bytes of a config, manifest or index. One that is missing or other than recorded was reported with its file.
fn text(store: &Store, step: &Step, file: &artifact::File, problems: &mut Vec<Problem>) -> Option<Vec<u8>> {
    if file.size > LARGEST_DOCUMENT {
        let text = format!("`{}` has {} bytes, at most {} MiB are read", file.name, file.size, LARGEST_DOCUMENT >> 20);
        problems.push(problem(step, "image-content", text));
        return None;
    }
    files::read_small(&store.file(&step.id, &file.name), LARGEST_DOCUMENT).ok()
}

/// Whether each executable starts on the base.
fn fits(store: &Store, step: &Step, work: &ImageWork, found: &mut Found) {
    let mut problems = Vec::new();
    for covered in &work.executables {
        let seen = found.binaries.iter().find(|seen| seen.step == covered.step && seen.name == covered.name);
        // One that could not be read was reported with its step.
        let Some(seen) = seen else { continue };
        let symbol = |version: &str| {
            let file = File::open(store.file(&covered.step, &covered.name)).ok()?;
            inspect::glibc_symbol(file, version)
        };
        for misfit in misfits(work, &seen.facts, symbol) {
            let text = format!("`{}` cannot start in `{}`: it {}", covered.name, step.id, misfit.text);
            problems.push(problem(step, "image-cannot-start", text).hint(misfit.hint));
        }
    }
    found.problems.extend(problems);
}

fn config_flaws(config: &Value, work: &ImageWork, layers: &[&artifact::File], wrong: &mut Vec<String>) {
    let mut must = |what: &str, is: &Value, planned: Value| {
        if *is != planned {
            wrong.push(format!("has {what} {is}, planned is {planned}"));
        }
    };
    let runs = &config["config"];
    must("the architecture", &config["architecture"], json!(work.platform.goarch()));
    must("the system", &config["os"], json!("linux"));
    must("the entrypoint", &runs["Entrypoint"], json!(work.config.entrypoint));
    must("the user", &runs["User"], json!(work.config.user));
    must("the folder", &runs["WorkingDir"], json!(work.config.workdir));
    let cmd = if work.config.cmd.is_empty() { Value::Null } else { json!(work.config.cmd) };
    must("the arguments", &runs["Cmd"], cmd);
    for port in &work.config.expose {
        must(&format!("for port {port}"), &runs["ExposedPorts"][port], json!({}));
    }
    for (label, text) in &work.config.labels {
        must(&format!("the label `{label}`"), &runs["Labels"][label], json!(text));
    }
    let env = runs["Env"].as_array().cloned().unwrap_or_default();
    for (name, value) in &work.config.env {
        if !env.contains(&json!(format!("{name}={value}"))) {
            wrong.push(format!("lacks the variable `{name}`"));
        }
    }
    let diff_ids: Vec<Value> =
        layers.iter().map(|layer| json!(layer.diff_id.map(|digest| digest.to_string()))).collect();
    let all = config["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
    if !all.ends_with(&diff_ids) || work.base.is_none() && all.len() != diff_ids.len() {
        wrong.push("does not end with its own layers".into());
    }
}

fn manifest_flaws(
    manifest: &Value,
    work: &ImageWork,
    config: &artifact::File,
    layers: &[&artifact::File],
    wrong: &mut Vec<String>,
) {
    let descriptor = |file: &artifact::File, media_type: &str| {
        json!(Descriptor { media_type: media_type.into(), digest: file.sha256, size: file.size })
    };
    if manifest["mediaType"] != media::MANIFEST {
        wrong.push(format!("has a manifest of type {}", manifest["mediaType"]));
    }
    if manifest["config"] != descriptor(config, media::CONFIG) {
        wrong.push("has a manifest that names another config".into());
    }
    let kind = match work.layers.is_empty() {
        true => media::LAYER_GZIP,
        false => manifest["layers"].as_array().and_then(|all| all.last()?["mediaType"].as_str()).unwrap_or_default(),
    };
    let own: Vec<Value> = layers.iter().map(|layer| descriptor(layer, kind)).collect();
    let all = manifest["layers"].as_array().cloned().unwrap_or_default();
    if !all.ends_with(&own) || work.base.is_none() && all.len() != own.len() {
        wrong.push("has a manifest that does not end with its own layers".into());
    }
    for (key, text) in &work.annotations {
        if manifest["annotations"][key] != json!(text) {
            wrong.push(format!("lacks the annotation `{key}`"));
        }
    }
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
        let [config, manifest] = record.files.as_slice() else { return Ok(()) };
        let Ok(config) = files::read_small(&store.file(id, &config.name), LARGEST_DOCUMENT) else { return Ok(()) };
        let mut entry =
            json!(Descriptor { media_type: media::MANIFEST.into(), digest: manifest.sha256, size: manifest.size });
        entry["platform"] = document::platform(&serde_json::from_slice(&config).unwrap_or_default());
        expected.push(entry);
    }
    let mut wrong = |text: &str| {
        problems.push(problem(step, "image-content", format!("`{}` {text}", step.id)));
    };
    if index["manifests"] != json!(expected) {
        wrong("does not name exactly its images");
    }
    if index["mediaType"] != media::INDEX {
        wrong("is of another media type than an index");
    }
    if work.annotations.iter().any(|(key, text)| index["annotations"][key] != json!(text)) {
        wrong("lacks an annotation");
    }
    Ok(())
}
