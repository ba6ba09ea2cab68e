//! Builds an image from its Dockerfile: the context is staged, the base images are fetched by digest, an engine builds, and
//! what it made becomes an image of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

use super::engine::{Ask, Built, Cache, Engine, Feature, Named, Network, Recipe, Session, choose};
use super::log::Log;
use super::machine::Machine;
use super::pack;
use super::pulled::{self, PulledLayout};
use super::reuse::Found;
use super::staging::{self, Staged};
use crate::artifact::{self, Mode};
use crate::digest::Digest;
use crate::dockerfile::{Answer, Dockerfile, ImageUse};
use crate::input_list::InputList;
use crate::oci::image::{Blob, Image};
use crate::oci::layout::{Entry, Layout};
use crate::oci::registry::Document;
use crate::oci::secrets::SHORTEST;
use crate::oci::{Descriptor, document, media};
use crate::plan::dockerfile_inputs::{self as asked, Claimed, Contexts, Digests, Known};
use crate::plan::{FromDockerfile, ImageWork, NamedContext, OfKind, Step};
use crate::platform::Platform;
use crate::problem::{Exit, Failure, Problem};
use crate::world::command::cmd;
use crate::world::files;
use crate::world::path::resolve;
use crate::world::process::Runner;

/// Before anything is compiled for an image: is there an engine that builds it?
///
/// # Errors
/// `Failure` with exit 2 if there is none.
pub fn refuse_without_engine(runner: &Runner, steps: &[&Step]) -> anyhow::Result<()> {
    let images = steps.iter().filter_map(|step| ImageWork::of(&step.work)?.from_dockerfile());
    let built = images.filter(|recipe| recipe.stub.is_none());
    let engines: BTreeSet<Option<&str>> = built.map(|recipe| recipe.engine.as_deref()).collect();
    for engine in engines {
        let wanted = engine.map(str::parse).transpose().map_err(anyhow::Error::msg)?;
        let platform = Platform::LinuxAmd64.to_string();
        // Which image a builder is made from is known for each image; here it only matters that there is one.
        let builder_image = Some("builder");
        let ask = Ask { wanted, platform: &platform, runs: false, needs: &[], frontend: false, builder_image };
        choose(runner, &ask).map_err(Failure::usage)?;
    }
    Ok(())
}

/// Makes config, manifest and layers of an image.
///
/// # Errors
/// If the context is not what was planned, no engine can build it, or the build fails.
pub fn make(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    step: &Step,
    work: &ImageWork,
    recipe: &FromDockerfile,
) -> anyhow::Result<Vec<artifact::File>> {
    let store = machine.store;
    if let Some(reason) = &recipe.stub {
        log.tell(format_args!("a stub: {reason}"));
        return stub(machine, step, work);
    }
    for command in &recipe.before {
        log.run(machine.runner, &cmd(command, store.repository()))?;
    }
    fs::create_dir_all(store.root())?;
    let scratch = tempfile::tempdir_in(store.root())?;
    let scratch_path = resolve(scratch.path())?;
    let staged = staging::stage(machine, recipe, &scratch_path.join("staged"))?;
    log.tell(format_args!("staged {} files of {}", staged.listing.iter().count(), recipe.dockerfile));
    let bases = pulled::all(machine, recipe, work.platform)?;
    let file = Dockerfile::parse(&staged.text)
        .map_err(|flaws| anyhow::anyhow!("`{}`: {}", recipe.dockerfile, flaws[0].message))?;
    let quiet = quiet(machine, recipe);
    let known = Known { images: &bases.known, quiet: &quiet };
    let claimed = claim(&file, recipe, work.platform, &staged, &known)?;
    let list = agree(machine, recipe, work.platform, &claimed, &staged)?;
    let secrets = secrets(machine, recipe, &scratch_path.join("secrets"))?;
    let engine = engine(machine, log, work, &claimed.answer)?;
    let output = scratch_path.join("image");
    // Elsewhere the engine keeps what it has done itself.
    let is_kept = recipe.cache && machine.runner.var("CI") == Some("true");
    let cache = is_kept.then(|| store.root().join("cache").join("engine").join(step.id.as_str()));
    let order = Recipe {
        context: staged.context.clone(),
        dockerfile: staged.dockerfile.clone(),
        stage: recipe.stage.clone(),
        args: recipe.args.clone(),
        contexts: named(machine, recipe, &staged, &bases, &scratch_path)?,
        written: written(&claimed.answer),
        secrets,
        platform: work.platform.to_string(),
        epoch: machine.plan.commit_time,
        network: if recipe.network { Network::Default } else { Network::None },
        cache: Cache { folder: cache, none: !recipe.cache },
        timeout: Duration::from_secs(recipe.timeout),
        output: output.clone(),
    };
    let session = Session::start(machine.runner, &engine, &scratch_path.join("engine"))?;
    let built = session.build(&order, &mut |line| log.tell(line));
    drop(session);
    let built = built?;
    refuse_unknown(recipe, &built)?;
    steps(log, &built);
    let image = image_of(&Layout::at(&output))?;
    let mut made = take(machine, step, work, &image)?;
    if recipe.reuse {
        made.push(inputs_file(machine, step, &list)?);
    }
    Ok(made)
}

/// Config and manifest on the layers of an image that was published from the same inputs.
///
/// # Errors
/// If they cannot be written.
pub fn take_published(
    machine: Machine<'_>,
    step: &Step,
    work: &ImageWork,
    found: &Found,
) -> anyhow::Result<Vec<artifact::File>> {
    let mut made = documents(machine, step, work, found.config.clone(), &found.manifest)?;
    made.push(inputs_file(machine, step, &found.list)?);
    Ok(made)
}

/// The engine that builds the image, and why it is the one.
fn engine(machine: Machine<'_>, log: &mut Log<'_>, work: &ImageWork, answer: &Answer) -> anyhow::Result<Engine> {
    let recipe = work.from_dockerfile().context("it is assembled from layers")?;
    let (needs, platform) = (needs(answer), work.platform.to_string());
    let builder = recipe.builder.as_ref().and_then(|base| Some(base.from.repository.at(base.digest?).to_string()));
    let ask = Ask {
        wanted: recipe.engine.as_deref().map(str::parse).transpose().map_err(anyhow::Error::msg)?,
        platform: &platform,
        runs: answer.runs,
        needs: &needs,
        frontend: answer.images.iter().any(|image| image.role == crate::dockerfile::Role::Frontend),
        builder_image: builder.as_deref(),
    };
    let engine = choose(machine.runner, &ask).map_err(Failure::usage)?;
    let why = if engine.why.is_empty() { String::new() } else { format!(", {}", engine.why) };
    log.tell(format_args!("engine: {engine}{why}"));
    if engine.emulated {
        log.tell(format_args!("programs of {platform} are emulated: slower than a native machine"));
    }
    Ok(engine)
}

/// An image without files, for rehearsals: it shows what would be published, and under which names.
fn stub(machine: Machine<'_>, step: &Step, work: &ImageWork) -> anyhow::Result<Vec<artifact::File>> {
    let mut config = serde_json::json!({
        "architecture": work.platform.goarch(),
        "os": "linux",
        "config": { "Entrypoint": ["/stub"] },
        "rootfs": { "type": "layers", "diff_ids": [] },
    });
    if let Some(variant) = work.platform.variant() {
        config["variant"] = variant.into();
    }
    documents(machine, step, work, config, &serde_json::json!({ "layers": [] }))
}

/// Named contexts that are images without `ONBUILD`.
fn quiet(machine: Machine<'_>, recipe: &FromDockerfile) -> BTreeSet<String> {
    let has_none = |context: &NamedContext| match context {
        NamedContext::Image(id) => machine
            .find::<ImageWork>(id)
            .is_ok_and(|(_, below)| below.from_dockerfile().is_some_and(|below| !below.onbuild)),
        NamedContext::Folder(_) | NamedContext::Published(_) => false,
    };
    recipe.contexts.iter().filter(|(_, context)| has_none(context)).map(|(name, _)| name.clone()).collect()
}

/// What the build reads of the staged contexts.
fn claim(
    file: &Dockerfile,
    recipe: &FromDockerfile,
    platform: Platform,
    staged: &Staged,
    known: &Known<'_>,
) -> anyhow::Result<Claimed> {
    let first = |flaws: Vec<crate::dockerfile::Flaw>| {
        let texts: Vec<String> = flaws.into_iter().map(|flaw| flaw.message).collect();
        anyhow::anyhow!("`{}`: {}", recipe.dockerfile, texts.join("; "))
    };
    let answer = asked::answer(file, recipe, platform, known).map_err(first)?;
    let contexts = Contexts { main: &staged.listing, named: &staged.listings, made: &recipe.made };
    asked::claim(answer, &contexts).map_err(first)
}

/// The staged context must be what was planned: the digest of its inputs is what others rely on.
fn agree(
    machine: Machine<'_>,
    recipe: &FromDockerfile,
    platform: Platform,
    claimed: &Claimed,
    staged: &Staged,
) -> anyhow::Result<InputList> {
    let based_on: anyhow::Result<BTreeMap<String, Digest>> = recipe
        .contexts
        .iter()
        .filter_map(|(name, context)| {
            let NamedContext::Image(id) = context else { return None };
            let found = machine.find::<ImageWork>(id).and_then(|(_, work)| {
                let below = work.from_dockerfile().map(|below| below.inputs.digest);
                below.with_context(|| format!("`{id}` is not built from a Dockerfile"))
            });
            Some(found.map(|digest| (name.clone(), digest)))
        })
        .collect();
    let is_made = !recipe.executables.is_empty() || !recipe.assets.is_empty();
    let digests = Digests {
        of_file: &|context, path| staged.digest(context, path).ok_or_else(|| path.to_owned()),
        based_on: based_on?,
        commit: is_made.then(|| machine.plan.commit.clone()),
    };
    let list = asked::list(recipe, platform, claimed, digests)
        .map_err(|path| anyhow::anyhow!("`{path}` of the context has no digest"))?;
    if list.digest() != recipe.inputs.digest {
        let hint = "the work tree changed since the plan was made, or a base image is not what `longshore.lock` says: plan again";
        let problem = Problem::new("other-inputs", "the staged context is not the one that was planned").hint(hint);
        return Err(Failure::new(Exit::Usage, problem).into());
    }
    Ok(list)
}

/// Writes secrets where only the engine reads them.
fn secrets(machine: Machine<'_>, recipe: &FromDockerfile, folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut written = BTreeMap::new();
    for (number, (id, name)) in recipe.secrets.iter().enumerate() {
        let Some((_, value)) = machine.runner.secrets().find(|(known, _)| known == name) else {
            let text = format!("the secret `{id}` is not set: `{name}` is not in the environment");
            let hint = format!("set it, or let `generate` map it: `secrets: {{ {id}: {name} }}`");
            return Err(Failure::usage(Problem::new("secret-not-set", text).hint(hint)).into());
        };
        if value.len() < SHORTEST {
            let text = format!("the secret `{id}` (`{name}`) has fewer than {SHORTEST} characters");
            let hint = "use a longer one: whether it is in the image could not be told";
            return Err(Failure::usage(Problem::new("secret-too-short", text).hint(hint)).into());
        }
        fs::create_dir_all(folder)?;
        let path = folder.join(number.to_string());
        fs::write(&path, "")?;
        files::set_mode(&path, 0o600)?;
        fs::write(&path, value)?;
        written.insert(id.clone(), path);
    }
    Ok(written)
}

/// What the Dockerfile needs of an engine. Ignore files are applied already.
pub fn needs(answer: &Answer) -> Vec<Feature> {
    let feature = |name: &str| {
        Some(match name {
            "heredoc" => Feature::Heredoc,
            "heredoc-copy" => Feature::HeredocCopy,
            "link" => Feature::Link,
            "exclude" => Feature::Exclude,
            "parents" => Feature::Parents,
            "mount-cache" => Feature::CacheMount,
            "mount-secret" => Feature::SecretMount,
            "mount-ssh" => Feature::SshMount,
            "mount-bind" => Feature::BindMount,
            "mount-tmpfs" => Feature::TmpfsMount,
            "healthcheck" => Feature::Healthcheck,
            "shell" => Feature::Shell,
            "onbuild" => Feature::Onbuild,
            "chmod" => Feature::Chmod,
            "network" => Feature::RunNetwork,
            "checksum" => Feature::AddChecksum,
            "add-git" => Feature::AddGit,
            _ => return None,
        })
    };
    let mut all: BTreeSet<Feature> = answer.features.iter().filter_map(|used| feature(used.name)).collect();
    let of_other_platform = |one: &ImageUse| {
        answer.images.iter().any(|other| other.reference == one.reference && other.platform != one.platform)
    };
    if answer.images.iter().any(of_other_platform) {
        all.insert(Feature::TwoPlatforms);
    }
    all.into_iter().collect()
}

/// Names with variables in them, and what they stand for.
pub fn written(answer: &Answer) -> BTreeMap<String, String> {
    let images = answer.images.iter().filter(|image| image.written != image.reference);
    images.map(|image| (image.written.clone(), image.reference.clone())).collect()
}

/// What names stand for: folders, images of this plan, and every image that the Dockerfile names.
fn named(
    machine: Machine<'_>,
    recipe: &FromDockerfile,
    staged: &Staged,
    bases: &pulled::Pulled,
    scratch: &Path,
) -> anyhow::Result<BTreeMap<String, Named>> {
    let mut named: BTreeMap<String, Named> = BTreeMap::new();
    for base in &recipe.bases {
        let of_name = recipe.bases.iter().zip(&bases.layouts).filter(|(other, _)| other.name == base.name);
        let layouts: Vec<&PulledLayout> = of_name.map(|(_, layout)| layout).collect();
        let layout = match layouts[..] {
            [one] => one.clone(),
            _ => pulled::together(&layouts, &scratch.join(format!("together-{}", named.len())))?,
        };
        named.insert(base.name.clone(), Named::Layout { folder: layout.folder, digest: layout.digest });
    }
    for (number, (name, context)) in recipe.contexts.iter().enumerate() {
        let place = match context {
            NamedContext::Folder(_) => staged.named.get(name).cloned().map(Named::Folder),
            NamedContext::Image(id) => {
                let (step, work) = machine.find::<ImageWork>(id)?;
                let image = super::stored::image(machine.store, step, work)?;
                let folder = scratch.join(format!("below-{number}"));
                Some(layout_of(machine, &image, &folder)?)
            }
            NamedContext::Published(_) => bases
                .published
                .get(name)
                .map(|layout| Named::Layout { folder: layout.folder.clone(), digest: layout.digest }),
        };
        named.insert(name.clone(), place.with_context(|| format!("the context `{name}` was not staged"))?);
    }
    Ok(named)
}

/// An image of ours as a layout.
fn layout_of(machine: Machine<'_>, image: &Image, folder: &Path) -> anyhow::Result<Named> {
    let layout = Layout::create(folder)?;
    for blob in image.blobs() {
        layout.add(blob.descriptor.digest, &super::stored::fetch(machine, blob)?)?;
    }
    let digest = image.manifest.descriptor.digest;
    layout.put(&image.manifest)?;
    layout.finish(&[Entry::new(image.manifest.descriptor.clone(), "below")])?;
    Ok(Named::Layout { folder: folder.to_owned(), digest })
}

/// Whatever else the engine looked for was not pinned.
fn refuse_unknown(recipe: &FromDockerfile, built: &Built) -> anyhow::Result<()> {
    if built.resolved.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = built.resolved.iter().map(|name| format!("`{name}`")).collect();
    let text = format!("the build of `{}` reached images that are not locked: {}", recipe.dockerfile, names.join(", "));
    let hint = "name them in a `FROM` or `COPY --from=` that `longshore lock` can read, or pin them by digest";
    Err(Failure::new(Exit::Build, Problem::new("unlocked-image", text).hint(hint)).into())
}

/// Which steps took how long.
fn steps(log: &mut Log<'_>, built: &Built) {
    for step in &built.steps {
        let how = if step.cached { "cached".to_owned() } else { format!("{:.1} s", step.seconds) };
        log.tell(format_args!("{how:>8}  {}", step.name));
    }
    built.warnings.iter().for_each(|warning| log.tell(format_args!("warning: {warning}")));
}

/// The one image that an engine wrote.
///
/// # Errors
/// If there is another number of them, or it is not whole.
pub fn image_of(layout: &Layout) -> anyhow::Result<Image> {
    let entries = layout.entries()?;
    let [entry] = entries.as_slice() else { bail!("the engine wrote {} images instead of one", entries.len()) };
    let document = Document::new(&entry.descriptor.media_type, layout.read(entry.descriptor.digest)?);
    layout.image(document).map_err(|flaw| anyhow::anyhow!("the engine's image {flaw}"))
}

/// The list of inputs, as the next build will look for it.
fn inputs_file(machine: Machine<'_>, step: &Step, list: &InputList) -> anyhow::Result<artifact::File> {
    let bytes = serde_json::to_vec(list)?;
    let folder = machine.store.step(&step.id);
    pack::save(&folder, &step.inputs_file(), Mode::Plain, |out| Ok(out.write_all(&bytes)?))
}

/// Turns what an engine wrote into config, manifest and layers of a step. What depends on version and commit is written
/// by us, so layers do not.
fn take(machine: Machine<'_>, step: &Step, work: &ImageWork, image: &Image) -> anyhow::Result<Vec<artifact::File>> {
    let file = |blob: &Blob| blob.file().map(Path::to_owned).context("a blob of the engine's image is missing");
    let config: Value =
        serde_json::from_slice(&fs::read(file(&image.config)?)?).context("the engine wrote a damaged config")?;
    let diff_ids = config["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
    ensure!(
        diff_ids.len() == image.layers.len(),
        "the engine wrote {} layers with {} diff ids",
        image.layers.len(),
        diff_ids.len()
    );
    let mut below = image.manifest.json();
    // How the engine came to a layer is its own affair.
    for layer in below["layers"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        layer.remove("annotations");
    }
    let mut made = documents(machine, step, work, config, &below)?;
    let folder = machine.store.step(&step.id);
    for (number, (layer, diff_id)) in image.layers.iter().zip(&diff_ids).enumerate() {
        let diff_id =
            diff_id.as_str().and_then(|text| text.parse().ok()).context("the engine wrote a damaged diff id")?;
        let name = format!("{}.layer-{number:02}.{}", step.id, ending(&layer.descriptor.media_type));
        let from = file(layer)?;
        let to = folder.join(&name);
        let _ = fs::remove_file(&to);
        files::link(&from, &to)?;
        // Each blob was hashed when it was written, and verify reads it again.
        let Descriptor { digest, size, .. } = layer.descriptor;
        ensure!(fs::metadata(&to)?.len() == size, "a layer of the engine's image is damaged");
        made.push(artifact::File { name, size, sha256: digest, mode: Mode::Plain, diff_id: Some(diff_id) });
    }
    Ok(made)
}

/// Config and manifest, with our labels and annotations, on the layers of another manifest.
fn documents(
    machine: Machine<'_>,
    step: &Step,
    work: &ImageWork,
    config: Value,
    below: &Value,
) -> anyhow::Result<Vec<artifact::File>> {
    let created = DateTime::from_timestamp(machine.plan.commit_time, 0).unwrap_or_default();
    let created = created.to_rfc3339_opts(SecondsFormat::Secs, true);
    let labels = work.from_dockerfile().map(|recipe| recipe.labels.clone()).unwrap_or_default();
    let config = document::labelled(config, &created, &labels).map_err(anyhow::Error::msg)?;
    let blob = Descriptor { media_type: media::CONFIG.into(), digest: Digest::of(&config), size: config.len() as u64 };
    let manifest = document::manifest(Some(below), &blob, &[], &work.annotations)
        .map_err(|why| anyhow::anyhow!("the engine's manifest cannot be used: {why}"))?;
    let folder = machine.store.step(&step.id);
    let write = |name: &str, bytes: &[u8]| pack::save(&folder, name, Mode::Plain, |out| Ok(out.write_all(bytes)?));
    let [config_output, manifest_output] = &work.outputs;
    Ok(vec![write(&config_output.name, &config)?, write(&manifest_output.name, &manifest)?])
}

fn ending(media_type: &str) -> &'static str {
    if media_type.ends_with("zstd") {
        "tar.zst"
    } else if media_type.ends_with("gzip") {
        "tar.gz"
    } else {
        "tar"
    }
}
