//! Assembles images: nothing runs, so any machine makes any platform. Bases are asked for their manifest and config only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::machine::Machine;
use super::pack;
use super::scratch;
use super::stored;
use crate::artifact::{self, Artifact, Mode};
use crate::digest::Digest;
use crate::oci::base::{self, Base};
use crate::oci::document::{self, Layer, Settings};
use crate::oci::registry::{Action, Error, Registries};
use crate::oci::{Descriptor, media};
use crate::plan::{ImageWork, IndexWork, LayerWork, OfKind, Plan, PlannedBase, Step, Work};
use crate::platform::{Compression, Platform};
use crate::problem::Problem;
use crate::reference::Reference;
use crate::world::runtime;
use crate::world::store::read_json;

/// Names the base image: <https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md>.
const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

type Key = (Reference, Option<Digest>, Platform);
type Found = BTreeMap<Key, Result<Base, Error>>;

/// The bases of a plan's images, asked for while everything else is built.
pub struct Bases {
    found: OnceLock<Found>,
    asked: Mutex<Option<JoinHandle<Found>>>,
}

impl Bases {
    /// Begins to ask for the bases of some steps.
    pub fn ask(registries: Option<&Registries>, steps: &[&Step]) -> Self {
        let wanted: BTreeSet<Key> = images(steps).filter_map(|(_, work)| key(work)).collect();
        let none = || Self { found: OnceLock::new(), asked: Mutex::new(None) };
        let Some(registries) = registries.filter(|_| !wanted.is_empty()) else { return none() };
        let registries = registries.clone();
        let asked = runtime::handle().ok().map(|runtime| runtime.spawn(async move { all(&registries, wanted).await }));
        Self { found: OnceLock::new(), asked: Mutex::new(asked) }
    }

    /// The base of an image; nothing for a scratch image.
    fn of<'a>(&'a self, work: &'a ImageWork) -> anyhow::Result<Option<(&'a PlannedBase, &'a Base)>> {
        let (Some(base), Some(key)) = (work.base(), key(work)) else { return Ok(None) };
        let found = self.found.get_or_init(|| {
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
            asked.and_then(|asked| runtime::block_on(asked).ok()?.ok()).unwrap_or_default()
        });
        match found.get(&key) {
            Some(Ok(found)) => Ok(Some((base, found))),
            Some(Err(error)) => Err(error.clone().into()),
            None => bail!("no registry is configured to fetch the base image `{}` from", base.from),
        }
    }
}

fn images<'p>(steps: &[&'p Step]) -> impl Iterator<Item = (&'p Step, &'p ImageWork)> {
    steps.iter().filter_map(|step| Some((*step, ImageWork::of(&step.work)?)))
}

fn key(work: &ImageWork) -> Option<Key> {
    work.base().map(|base| (base.from.clone(), base.digest, work.platform))
}

async fn all(registries: &Registries, wanted: BTreeSet<Key>) -> Found {
    registries.grant(wanted.iter().map(|(from, ..)| (&from.repository, Action::Pull)));
    let each = wanted.into_iter().map(async |key| {
        let found = base::find(registries, &key.0, key.1, key.2).await;
        (key, found)
    });
    futures_util::future::join_all(each).await.into_iter().collect()
}

/// Images whose base is not locked, though they go somewhere that is not this machine: what they are based on could be another
/// thing tomorrow.
pub fn unlocked(plan: &Plan, steps: &[&Step], registries: &Registries) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for (step, work) in images(steps) {
        let open = work.locked().filter(|base| base.digest.is_none() && base.from.digest.is_none());
        let Some(host) = far(plan, step, registries) else { continue };
        for base in open {
            let text = format!(
                "the base image `{}` is not locked, and images based on it are published to `{host}`",
                base.from
            );
            let hint = "run `longshore lock` and commit `longshore.lock`: it pins the base by digest";
            let problem = Problem::new("base-not-locked", text).hint(hint);
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    problems
}

/// A registry that is not on this machine and gets an image.
fn far<'p>(plan: &'p Plan, step: &Step, registries: &Registries) -> Option<&'p str> {
    let holds = |id: &str| match plan.step(id).map(|step| &step.work) {
        Some(Work::Index(index)) => index.images.contains(&step.id),
        _ => id == step.id,
    };
    let registry = plan.destinations.iter().filter_map(|destination| destination.kind.registry());
    let images = registry.flat_map(|registry| &registry.images).filter(|image| holds(&image.step));
    let mut hosts = images.flat_map(|image| &image.repositories).map(|repository| repository.registry.as_str());
    hosts.find(|host| !registries.is_near(host))
}

/// Makes config and manifest of an image.
///
/// # Errors
/// If its base cannot be had, or a layer is missing.
pub fn make(machine: Machine<'_>, step: &Step, work: &ImageWork, bases: &Bases) -> anyhow::Result<Vec<artifact::File>> {
    let Machine { store, plan, .. } = machine;
    let [config_output, manifest_output] = &work.outputs;
    let base = bases.of(work)?;
    let assembly = work.assembly().context("it is not assembled from layers")?;
    let layers: Vec<Layer> = assembly.layers.iter().map(|id| layer(machine, id)).collect::<anyhow::Result<_>>()?;
    let (mut labels, mut annotations) = (assembly.config.labels.clone(), work.annotations.clone());
    if let Some((planned, found)) = base {
        for map in [&mut labels, &mut annotations] {
            map.insert(BASE_NAME.into(), planned.from.to_string());
            map.insert(BASE_DIGEST.into(), found.manifest.descriptor.digest.to_string());
        }
    }
    let created = DateTime::from_timestamp(plan.commit_time, 0).unwrap_or_default();
    let created = created.to_rfc3339_opts(SecondsFormat::Secs, true);
    let settings = Settings {
        platform: work.platform,
        created: &created,
        entrypoint: &assembly.config.entrypoint,
        cmd: &assembly.config.cmd,
        user: &assembly.config.user,
        workdir: &assembly.config.workdir,
        env: Some(&assembly.config.env),
        expose: &assembly.config.expose,
        healthcheck: &assembly.config.healthcheck,
        labels: Some(&labels),
    };
    let of_base = |why: String| anyhow::anyhow!("the base image cannot be used: {why}");
    let config = document::config(base.map(|(_, base)| &base.config), &settings, &layers).map_err(of_base)?;
    let config_blob =
        Descriptor { media_type: media::CONFIG.into(), digest: Digest::of(&config), size: config.len() as u64 };
    let below = base.map(|(_, base)| base.manifest.json());
    let manifest = document::manifest(below.as_ref(), &config_blob, &layers, &annotations).map_err(of_base)?;
    let write = |name: &str, bytes: &[u8]| {
        pack::save(&store.step(&step.id), name, Mode::Plain, |out| Ok(out.write_all(bytes)?))
    };
    Ok(vec![write(&config_output.name, &config)?, write(&manifest_output.name, &manifest)?])
}

/// A finished layer as documents name it.
fn layer(machine: Machine<'_>, id: &str) -> anyhow::Result<Layer> {
    let (_, work) = machine.find::<LayerWork>(id)?;
    let record: Artifact = read_json(&machine.store.record(id))?;
    let file = record.files.first().with_context(|| format!("`{id}` produced no layer"))?;
    let diff_id = file.diff_id.with_context(|| format!("the record of `{id}` does not describe a layer"))?;
    Ok(Layer { blob: Descriptor::of(layer_type(work.compression), file), diff_id, holds: holds(work) })
}

fn layer_type(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => media::LAYER_GZIP,
        Compression::Zstd => media::LAYER_ZSTD,
    }
}

/// What a layer holds, for `docker history`.
fn holds(work: &LayerWork) -> String {
    if work.system {
        return scratch::HOLDS.into();
    }
    let paths = work.executables.iter().map(|member| member.path.as_str());
    let paths = paths.chain(work.files.iter().map(|file| file.path.as_str()));
    let paths: Vec<String> =
        paths.chain(work.trees.iter().map(|tree| tree.to.as_str())).map(|path| format!("/{path}")).collect();
    match paths.len() {
        0..=3 => paths.join(" "),
        count => format!("{} and {} more", paths[..2].join(" "), count - 2),
    }
}

/// Makes the index over the images of a flavor.
///
/// # Errors
/// If an image is missing.
pub fn make_index(machine: Machine<'_>, step: &Step, work: &IndexWork) -> anyhow::Result<Vec<artifact::File>> {
    let IndexWork { outputs: [output], images, annotations, .. } = work;
    let store = machine.store;
    let mut entries = Vec::new();
    for id in images {
        let (step, work) = machine.find(id)?;
        let image = stored::image(store, step, work)?;
        let config: Value = read_json(&stored::fetch(machine, &image.config)?)?;
        entries.push((image.manifest.descriptor, document::platform(&config)));
    }
    let bytes = document::index(&entries, annotations);
    Ok(vec![pack::save(&store.step(&step.id), &output.name, Mode::Plain, |out| Ok(out.write_all(&bytes)?))?])
}
