//! Is a chart what was planned: its package as Helm reads it, the images that its values name, its config and manifest?

use serde_json::{Value, json};

use super::found::Findings;
use super::problem::problem;
use super::set::Arrived;
use crate::artifact::Artifact;
use crate::chart::artifact as oci;
use crate::chart::copy::VALUES;
use crate::chart::tree::Tree;
use crate::digest::Digest;
use crate::oci::{Descriptor, LARGEST_DOCUMENT, media};
use crate::plan::{ChartImage, ChartWork, Step};
use crate::world::files;
use crate::world::store::Store;
use crate::yaml::{self, Change};

/// Reads the package back and compares it with the step.
///
/// # Errors
/// If a file cannot be read.
pub fn check(store: &Store, set: &Arrived, step: &Step, work: &ChartWork, found: &mut Findings) -> anyhow::Result<()> {
    let Some(record) = set.record(&step.id) else { return Ok(()) };
    let [config, manifest, package] = record.files.as_slice() else { return Ok(()) };
    let read =
        |file: &crate::artifact::File, most: u64| files::read_small(&store.file(&step.id, &file.name), most).ok();
    // One that is missing was reported with its file.
    let (Some(config_text), Some(manifest_text)) = (read(config, LARGEST_DOCUMENT), read(manifest, LARGEST_DOCUMENT))
    else {
        return Ok(());
    };
    let Some(bytes) = read(package, crate::chart::file::LARGEST) else { return Ok(()) };
    let mut wrong = Vec::new();
    match Tree::unpack(&bytes) {
        Ok(tree) => {
            wrong.extend(metadata_flaws(&tree, work));
            wrong.extend(values_flaws(&tree, work, set));
            if config_text != oci::config(&tree.metadata) {
                wrong.push("has a config that is not its Chart.yaml".to_owned());
            }
        }
        Err(flaws) => wrong.extend(flaws.into_iter().map(|flaw| format!("is not a chart: {}", flaw.text))),
    }
    let manifest: Value = serde_json::from_slice(&manifest_text).unwrap_or_default();
    let named = [json!(Descriptor::of(media::HELM_CONFIG, config)), json!(Descriptor::of(media::HELM_CHART, package))];
    if manifest["config"] != named[0] || manifest["layers"] != json!([named[1]]) {
        wrong.push("has a manifest that does not name its config and package".to_owned());
    }
    let other = work.annotations.iter().filter(|(key, text)| manifest["annotations"][key.as_str()] != json!(text));
    wrong.extend(other.map(|(key, _)| format!("lacks the annotation `{key}`")));
    for text in wrong {
        found.problems.push(problem(step, "chart-content", format!("`{}` {text}", package.name)));
    }
    Ok(())
}

/// How its Chart.yaml says another thing than planned.
fn metadata_flaws(tree: &Tree, work: &ChartWork) -> Vec<String> {
    let metadata = &tree.metadata;
    let mut wrong = Vec::new();
    let mut must = |what: &str, is: &str, planned: &str| {
        if is != planned {
            wrong.push(format!("has the {what} `{is}`, but the plan says `{planned}`"));
        }
    };
    must("name", &metadata.name, &work.name);
    must("version", &metadata.version, &work.version);
    if let Some(planned) = &work.app_version {
        must("appVersion", &metadata.app_version, planned);
    }
    for planned in &work.dependencies {
        let is = tree.subcharts.iter().find(|one| one.tree.metadata.name == planned.name);
        let version = is.map(|one| one.tree.metadata.version.as_str()).unwrap_or_default();
        must(&format!("chart `{}` in version", planned.name), version, &planned.version);
    }
    wrong
}

/// How its values name other images and texts than planned.
fn values_flaws(tree: &Tree, work: &ChartWork, set: &Arrived) -> Vec<String> {
    if work.images.is_empty() && work.values.is_empty() {
        return Vec::new();
    }
    let text = tree.file(VALUES).and_then(|file| file.text().ok()).unwrap_or_default();
    let digest = |image: &ChartImage| match &image.step {
        Some(step) => set.record(step).and_then(Artifact::document).map(|document| document.sha256),
        // Only the registry that was asked knows it.
        None => named_digest(text, image),
    };
    let changes = work.changes(digest);
    // Where everything is as planned, there is nothing to change.
    if yaml::edit(text, &changes).is_ok_and(|same| same == text) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for change in changes {
        match yaml::edit(text, std::slice::from_ref(&change)) {
            Ok(same) if same == text => {}
            Ok(_) => wrong.push(said(text, &change)),
            Err(flaws) => wrong.extend(flaws.into_iter().map(|flaw| format!("has other values: {}", flaw.text))),
        }
    }
    wrong
}

/// The digest in the reference of an image.
fn named_digest(text: &str, image: &ChartImage) -> Option<Digest> {
    let named = yaml::image_at(text, &yaml::read(text).ok()?, image.paths.first()?).ok()?;
    named.split_once('@')?.1.parse().ok()
}

fn said(text: &str, change: &Change) -> String {
    match change {
        Change::Image { path, image } => {
            let named =
                yaml::read(text).ok().and_then(|root| yaml::image_at(text, &root, path).ok()).unwrap_or_default();
            let planned = format!("{}/{}:{}", image.registry, image.repository, image.tag);
            format!("names `{named}` at `{path}`, but the plan says `{planned}`")
        }
        Change::Text { path, text, .. } => format!("does not have `{text}` at `{path}`"),
        Change::Insert { key, .. } | Change::Remove { key } => format!("has another `{key}`"),
    }
}
