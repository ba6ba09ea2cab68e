//! Packages a chart: the files of the commit with the edits of the release, and what a registry holds besides them.

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat};

use super::archive::Files;
use super::fetched_chart;
use super::gzip::Gzip;
use super::machine::Machine;
use super::pack;
use crate::artifact::{self, Artifact, Mode};
use crate::chart::flaw::Flaw;
use crate::chart::ignore::Selection;
use crate::chart::tree::Tree;
use crate::chart::{artifact as oci, copy, file, metadata, package};
use crate::digest::Digest;
use crate::oci::{Descriptor, document, media};
use crate::plan::{ChartDependency, ChartFile, ChartImage, ChartWork, DependencySource, Step};
use crate::world::runtime;
use crate::world::store::read_json;

/// Writes config, manifest and package of a chart.
///
/// # Errors
/// If a file is missing or not what was planned, or an image that is pinned is not there.
pub fn make(
    machine: Machine<'_>,
    commit: &Files,
    step: &Step,
    work: &ChartWork,
) -> anyhow::Result<Vec<artifact::File>> {
    let plan = machine.plan;
    let mut tree = opened(commit, &work.files)?;
    for dependency in &work.dependencies {
        let other = dependent(machine, commit, dependency)?;
        tree.subcharts.retain(|one| one.tree.metadata.name != dependency.name);
        tree.add(dependency.name.clone(), other).map_err(|flaw| refused(vec![flaw]))?;
    }
    let pinned = work.images.iter().filter(|image| image.digest);
    let digests: Vec<(&ChartImage, Digest)> =
        pinned.map(|image| Ok((image, digest(machine, image)?))).collect::<anyhow::Result<_>>()?;
    let changes = work.changes(|image| digests.iter().find(|(other, _)| *other == image).map(|(_, digest)| *digest));
    copy::write(&mut tree, &Selection::default(), &work.versions(), &changes).map_err(refused)?;
    let files = tree.packaged();
    let folder = machine.store.step(&step.id);
    let [config, manifest, tgz] = &work.outputs;
    let time = u64::try_from(plan.commit_time).unwrap_or_default();
    let tgz = pack::save(&folder, &tgz.name, Mode::Plain, |out| {
        let mut gzip = Gzip::new(&mut *out)?;
        package::write(&work.name, &files, time, &mut gzip)?;
        gzip.finish()?;
        Ok(())
    })?;
    let text = oci::config(&tree.metadata);
    let config = pack::save(&folder, &config.name, Mode::Plain, |out| Ok(out.write_all(&text)?))?;
    let created = DateTime::from_timestamp(plan.commit_time, 0).unwrap_or_default();
    let mut annotations = oci::annotations(&tree.metadata, &created.to_rfc3339_opts(SecondsFormat::Secs, true));
    annotations.extend(work.annotations.clone());
    let config_blob = Descriptor::of(media::HELM_CONFIG, &config);
    let bytes = document::artifact(&config_blob, &Descriptor::of(media::HELM_CHART, &tgz), &annotations);
    let manifest = pack::save(&folder, &manifest.name, Mode::Plain, |out| Ok(out.write_all(&bytes)?))?;
    Ok(vec![config, manifest, tgz])
}

/// A folder of the commit as Helm loads it.
fn opened(commit: &Files, files: &[ChartFile]) -> anyhow::Result<Tree> {
    let read = |file: &ChartFile| Ok(file::File::new(&file.path, commit.read(&file.source)?.into()));
    let files = files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    copy::open(&files).map(|(_, tree)| tree).map_err(refused)
}

/// A chart that goes into `charts/`.
fn dependent(machine: Machine<'_>, commit: &Files, dependency: &ChartDependency) -> anyhow::Result<Tree> {
    match &dependency.from {
        DependencySource::Chart(id) => {
            let (step, work) = machine.find::<ChartWork>(id)?;
            let path = machine.store.file(&step.id, &work.outputs[2].name);
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            Tree::unpack(&bytes).map_err(refused)
        }
        DependencySource::Folder(files) => opened(commit, files),
        DependencySource::Stub => Tree::load(vec![stub(dependency)]).map_err(refused),
        DependencySource::Registry { .. } | DependencySource::Url { .. } => {
            let tree = Tree::unpack(&fetched_chart::fetch(machine.registries, dependency)?).map_err(refused)?;
            let metadata = &tree.metadata;
            if (&metadata.name, &metadata.version) != (&dependency.name, &dependency.version) {
                let ChartDependency { name, version, .. } = dependency;
                bail!("what is locked as `{name}` {version} is `{}` {}", metadata.name, metadata.version);
            }
            Ok(tree)
        }
    }
}

/// What stands for a chart of others in a rehearsal.
fn stub(dependency: &ChartDependency) -> file::File {
    let ChartDependency { name, version, .. } = dependency;
    let text = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    file::File::new(metadata::FILE, text.into())
}

/// What a pinned image is: made here, or released before.
fn digest(machine: Machine<'_>, image: &ChartImage) -> anyhow::Result<Digest> {
    if let Some(step) = &image.step {
        let record: Artifact = read_json(&machine.store.record(step))?;
        return record.document().map(|file| file.sha256).with_context(|| format!("`{step}` left no index"));
    }
    let registries = machine.registries.context("no registry is configured to ask for the digest of an image")?;
    let found = runtime::block_on(registries.head(&image.pushed))??;
    found.map(|found| found.digest).with_context(|| format!("the image `{}` does not exist", image.pushed))
}

fn refused(flaws: Vec<Flaw>) -> anyhow::Error {
    let texts: Vec<String> = flaws.into_iter().map(|flaw| flaw.text).collect();
    anyhow::anyhow!(texts.join("; "))
}
