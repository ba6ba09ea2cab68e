//! Carries out attempts on this machine: fetch, build with an engine, check, push by digest, tag, read back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bases::{Based, Bases};
use super::cache;
use super::check::{self, Checked, Refusal};
use super::cloud;
use super::executor::{Attempt, Ended, Executor};
use super::fetch::{self, Checkout, Fetcher};
use super::push;
use super::refusal::{disk, say};
use super::source::{self, Source};
use super::targets::Targets;
use super::task::{Face, Fault, Login, Outcome, Phase, Pushed, Reason, Submission};
use crate::build::engine::{Ask, Built, Cache, Engine, Kind, Network, Recipe, Session, choose};
use crate::build::{image_of, needs_of, settle, written};
use crate::dockerfile::Role;
use crate::oci::filesystem::FileSystem;
use crate::oci::image::Image;
use crate::oci::layout::Layout;
use crate::oci::registry::Registries;
use crate::oci::secrets::{self, SHORTEST, Sought};
use crate::platform::Platform;
use crate::problem::{Failure, Problem};
use crate::reference::Reference;
use crate::secret::Secret;
use crate::verify::start;
use crate::world::env::Env;
use crate::world::process::Runner;

/// What a builder is made from where Docker's own cannot write OCI layouts: the image that buildx takes by itself.
const BUILDER: &str = "moby/buildkit:buildx-stable-1";

/// What the operator says of builds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The first that answers if absent.
    pub engine: Option<Kind>,
    pub platform: Platform,
    pub targets: Targets,
    /// Of one build.
    pub timeout: Duration,
    /// The folder of checkouts, images and base images.
    pub data: PathBuf,
    /// Bytes of base images that are kept from one build to the next.
    pub base_images: u64,
}

/// What starts programs.
pub struct Runners {
    pub engines: Runner,
    /// Credential helpers, which may need the credentials of clouds.
    pub helpers: Runner,
}

/// Builds with the engines of this machine.
pub struct Local {
    settings: Settings,
    fetcher: Fetcher,
    runners: Runners,
    env: Env,
    /// Base images are fetched by one build at a time.
    pulling: Mutex<()>,
}

/// One attempt's folder; removed when it is over.
struct Work(PathBuf);

impl Drop for Work {
    fn drop(&mut self) {
        // What is left is removed at the next start.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Work {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Ended> {
        let path = self.path(name);
        fs::create_dir_all(&path).map_err(|error| disk(&error))?;
        Ok(path)
    }
}

/// An image that an engine has made.
struct Made {
    image: Image,
    config: Value,
}

impl Local {
    /// `env` says where programs and the credentials of registries are.
    pub fn new(settings: Settings, fetch: fetch::Settings, runners: Runners, env: &Env) -> Self {
        let fetcher = Fetcher::new(fetch, env);
        Self { settings, fetcher, runners, env: env.clone(), pulling: Mutex::default() }
    }

    /// With logins as they are now.
    fn registries(&self, helpers: &Runner) -> Registries {
        push::registries(&self.settings.targets, helpers, &self.env)
    }

    /// Registries for an attempt: what asks them ends with it.
    fn registries_of(&self, attempt: &Attempt<'_>) -> Registries {
        self.registries(&self.runners.helpers.clone().until(attempt.stop.clone()))
    }

    fn references(&self, attempt: &Attempt<'_>) -> Result<Vec<Reference>, Ended> {
        let tag = &attempt.submission.image_tag;
        let all: Vec<Reference> = self.settings.targets.all.iter().map(|one| one.repository.tagged(tag)).collect();
        if all.is_empty() {
            return Err(Fault::new(Reason::RegistryMissing, "no registry is configured: set `LOCAL_REGISTRY`").into());
        }
        Ok(all)
    }

    /// What is left to do of an attempt that was lost after its push, if the registries still have its image.
    fn resumed(&self, attempt: &Attempt<'_>, references: &[Reference]) -> Result<Option<Outcome>, Ended> {
        let Some(pushed) = attempt.pushed.filter(|pushed| pushed.references == references) else { return Ok(None) };
        let registries = self.registries_of(attempt);
        let Some(manifest) = push::there(&registries, pushed)? else { return Ok(None) };
        say(attempt.log, &format!("an earlier attempt has pushed {}: it is not built again", pushed.digest))?;
        attempt.fence.enter(Phase::Pushing)?;
        attempt.fence.commit(&pushed.commit)?;
        attempt.fence.pushed(pushed)?;
        attempt.fence.last()?;
        push::tag(&registries, &manifest, pushed, attempt.log)?;
        let platforms = vec![self.settings.platform.to_string()];
        Ok(Some(Outcome { pushed: pushed.clone(), platforms, size: None }))
    }

    fn fetched(&self, attempt: &Attempt<'_>, checked: &Checked, work: &Work) -> Result<Checkout, Ended> {
        let order = fetch::Order {
            checked,
            face: attempt.submission.face,
            login: attempt.submission.login.as_ref(),
            folder: &work.folder("checkout")?,
            log: attempt.log,
            stop: attempt.stop,
        };
        let begun = Instant::now();
        let checkout = self.fetcher.fetch(&order)?;
        say(attempt.log, &format!("commit {} ({:.1} s)", checkout.commit, begun.elapsed().as_secs_f64()))?;
        attempt.fence.commit(&checkout.commit)?;
        Ok(checkout)
    }

    fn built(&self, attempt: &Attempt<'_>, checked: &Checked, work: &Work, checkout: &Checkout) -> Result<Made, Ended> {
        let source = source::find(&checkout.folder, &checked.folder, attempt.submission.dockerfile.as_deref())?;
        let name = if checked.folder.is_empty() { "" } else { "/" };
        let from = match attempt.submission.dockerfile {
            Some(_) => "the Dockerfile that was sent".to_owned(),
            None => format!("`{}{name}Dockerfile`", checked.folder),
        };
        say(attempt.log, &format!("building {from} for {}", self.settings.platform))?;
        attempt.fence.enter(Phase::Building)?;
        let runner = self.runners.engines.clone().until(attempt.stop.clone());
        let based = self.based(attempt, &source, work)?;
        let recipe = self.recipe(&source, &based, checkout, work)?;
        let engine = self.engine(&runner, &based)?;
        say(attempt.log, &format!("engine: {engine}"))?;
        let mut full = None;
        let mut tell = |line: &str| full = full.take().or_else(|| attempt.log.line(line).err());
        let session = Session::start(&runner, &engine, &work.path("engine"));
        let built = session.and_then(|session| session.build(&recipe, &mut tell));
        if attempt.stop.is_cancelled() {
            return Err(Ended::Stopped);
        }
        let built = built.map_err(|error| build_fault(&error))?;
        if let Some(error) = full {
            return Err(disk(&error).into());
        }
        account(attempt, &built)?;
        made(&work.path("image"))
    }

    fn based(&self, attempt: &Attempt<'_>, source: &Source, work: &Work) -> Result<Based, Ended> {
        let _one = self.pulling.lock().unwrap_or_else(PoisonError::into_inner);
        let bases = Bases {
            registries: &self.registries_of(attempt),
            targets: &self.settings.targets,
            allowed: &self.fetcher.settings.allowed,
            cache: &self.settings.data.join("cache"),
            scratch: &work.folder("bases")?,
            log: attempt.log,
        };
        let based = bases.all(source, self.settings.platform)?;
        // What this build needs is its own by now.
        cache::trim(bases.cache, self.settings.base_images).map_err(|error| disk(&error))?;
        Ok(based)
    }

    fn engine(&self, runner: &Runner, based: &Based) -> Result<Engine, Ended> {
        let needs = needs_of(&based.answer);
        let ask = Ask {
            wanted: self.settings.engine,
            platform: &self.settings.platform.to_string(),
            runs: based.answer.runs,
            needs: &needs,
            frontend: based.answer.images.iter().any(|image| image.role == Role::Frontend),
            builder_image: Some(BUILDER),
        };
        choose(runner, &ask).map_err(|problem| {
            let reason = match problem.code {
                "engine-platform" => Reason::PlatformUnsupported,
                "engine-feature" => Reason::BuildFailed,
                _ => Reason::EngineUnavailable,
            };
            Fault::new(reason, worded(&problem)).into()
        })
    }

    fn recipe(&self, source: &Source, based: &Based, checkout: &Checkout, work: &Work) -> Result<Recipe, Ended> {
        let folder = work.folder("recipe")?;
        let dockerfile = folder.join("Dockerfile");
        fs::write(&dockerfile, &source.text).map_err(|error| disk(&error))?;
        if let Some(ignore) = &source.ignore {
            fs::copy(ignore, folder.join("Dockerfile.dockerignore")).map_err(|error| disk(&error))?;
        }
        for place in [&source.context, &folder] {
            settle(place, checkout.time, &mut BTreeMap::new()).map_err(|error| internal(&error))?;
        }
        Ok(Recipe {
            context: source.context.clone(),
            dockerfile,
            stage: None,
            args: BTreeMap::new(),
            contexts: based.named.clone(),
            written: written(&based.answer),
            secrets: BTreeMap::new(),
            platform: self.settings.platform.to_string(),
            epoch: checkout.time,
            network: Network::Default,
            cache: Cache::default(),
            timeout: self.settings.timeout,
            output: work.path("image"),
        })
    }

    /// Whether the image is what it says, and holds nothing that it must not.
    fn examined(&self, attempt: &Attempt<'_>, made: &Made) -> Result<(), Ended> {
        attempt.fence.enter(Phase::Checking)?;
        let wrong = |text: String| Ended::from(Fault::new(Reason::ImageCheckFailed, text));
        let files =
            FileSystem::read(&made.image.layers).map_err(|why| wrong(format!("the image cannot be read: {why}")))?;
        let ids: Vec<String> = files.diff_ids().iter().map(ToString::to_string).collect();
        if made.config["rootfs"]["diff_ids"] != serde_json::json!(ids) {
            return Err(wrong("the image has layers that are not those of its config".into()));
        }
        // Old callers start images with commands of their own.
        let is_old = attempt.submission.face == Face::Old;
        let verdict = start::examine(&made.config, &files, self.settings.platform, is_old);
        // What a base image was built with is public already.
        let (of_base, refusals): (Vec<_>, Vec<_>) = verdict.refusals.iter().partition(|one| one.code == "image-secret");
        for finding in of_base.into_iter().chain(&verdict.warnings) {
            say(attempt.log, &format!("warning: {}", finding.text))?;
        }
        if let Some(finding) = refusals.first() {
            return Err(wrong(format!("{}; {}", finding.text, finding.hint)));
        }
        let sought = self.secrets(attempt.submission.login.as_ref());
        if !sought.is_empty() {
            let found = secrets::find(&sought, &made.image).map_err(wrong)?;
            if let Some(leak) = found.leaks.first() {
                return Err(wrong(format!("{leak}: do not copy credentials into images")));
            }
        }
        say(attempt.log, "the image was checked: platform, layers, start, secrets")
    }

    /// What must not be in any image.
    fn secrets(&self, login: Option<&Login>) -> Vec<Sought> {
        let of_login = login.into_iter().flat_map(|login| [&login.password, &login.user]);
        let of_login = of_login.map(|secret| ("login of the repository", secret));
        let tokens = self.fetcher.settings.tokens.values().map(|token| ("token of the service", token));
        let clouds = cloud::CREDENTIALS.iter().filter_map(|name| self.env.secret(name));
        let clouds: Vec<Secret> = clouds.collect();
        let clouds = clouds.iter().map(|secret| ("credential of a cloud", secret));
        let all = of_login.chain(tokens).chain(clouds).filter(|(_, secret)| secret.expose().len() >= SHORTEST);
        all.map(|(id, value)| Sought { id: id.to_owned(), value: Secret::new(value.expose()) }).collect()
    }

    fn published(&self, attempt: &Attempt<'_>, made: &Made, pushed: &Pushed) -> Result<(), Ended> {
        attempt.fence.enter(Phase::Pushing)?;
        let registries = self.registries_of(attempt);
        push::by_digest(&registries, &made.image, &self.settings.targets.all, attempt.log)?;
        if attempt.stop.is_cancelled() {
            return Err(Ended::Stopped);
        }
        attempt.fence.pushed(pushed)?;
        attempt.fence.last()?;
        push::tag(&registries, &made.image.manifest, pushed, attempt.log)
    }

    fn attempt(&self, attempt: &Attempt<'_>) -> Result<Outcome, Ended> {
        let checked = check::submission(attempt.submission, &self.fetcher.settings.allowed);
        let checked = checked.map_err(|refusals| {
            let fault = refusals.first().map(Refusal::fault);
            fault.unwrap_or_else(|| Fault::new(Reason::Internal, "it cannot be started"))
        })?;
        let references = self.references(attempt)?;
        if let Some(outcome) = self.resumed(attempt, &references)? {
            return Ok(outcome);
        }
        let work = Work(self.settings.data.join("work").join(format!("{}.{}", attempt.id, attempt.number)));
        let checkout = self.fetched(attempt, &checked, &work)?;
        let made = self.built(attempt, &checked, &work, &checkout)?;
        self.examined(attempt, &made)?;
        let digest = made.image.manifest.descriptor.digest;
        let pushed = Pushed { commit: checkout.commit, digest, references };
        self.published(attempt, &made, &pushed)?;
        let size = made.image.blobs().map(|blob| blob.descriptor.size).sum();
        Ok(Outcome { pushed, platforms: vec![self.settings.platform.to_string()], size: Some(size) })
    }
}

impl Executor for Local {
    fn check(&self, submission: &Submission) -> Result<(), Vec<Refusal>> {
        let mut refusals = check::submission(submission, &self.fetcher.settings.allowed).err().unwrap_or_default();
        let sent = submission.dockerfile.as_deref();
        refusals.extend(sent.and_then(|bytes| source::uploaded(bytes).err()));
        if refusals.is_empty() { Ok(()) } else { Err(refusals) }
    }

    fn run(&self, attempt: &Attempt<'_>) -> Result<Outcome, Ended> {
        let ended = self.attempt(attempt);
        match ended {
            // What breaks when it is told to stop is no fault of its own.
            Err(Ended::Failed(_)) if attempt.stop.is_cancelled() => Err(Ended::Stopped),
            other => other,
        }
    }

    fn recover(&self) -> anyhow::Result<()> {
        let work = self.settings.data.join("work");
        match fs::remove_dir_all(&work) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                anyhow::bail!("cannot remove `{}`: {error}", work.display())
            }
            _ => Ok(()),
        }
    }

    fn ready(&self) -> anyhow::Result<()> {
        self.fetcher.ready()?;
        let platform = self.settings.platform.to_string();
        let wanted = self.settings.engine;
        let builder_image = Some(BUILDER);
        let ask = Ask { wanted, platform: &platform, runs: false, needs: &[], frontend: false, builder_image };
        choose(&self.runners.engines, &ask).map_err(|problem| anyhow::anyhow!("{}", worded(&problem)))?;
        push::answer(&self.registries(&self.runners.helpers), &self.settings.targets.all)
    }
}

/// Which steps took how long.
fn account(attempt: &Attempt<'_>, built: &Built) -> Result<(), Ended> {
    for step in &built.steps {
        let how = if step.cached { "cached".to_owned() } else { format!("{:.1} s", step.seconds) };
        say(attempt.log, &format!("{how:>8}  {}", step.name))?;
    }
    for warning in &built.warnings {
        say(attempt.log, &format!("warning: {warning}"))?;
    }
    match built.resolved.first() {
        None => Ok(()),
        Some(name) => {
            let text = format!("the build reached `{name}` by itself, which was not given to it");
            Err(Fault::new(Reason::BuildFailed, text).into())
        }
    }
}

fn made(folder: &Path) -> Result<Made, Ended> {
    let image = image_of(&Layout::at(folder)).map_err(|error| internal(&error))?;
    let config = image.config.file().and_then(|path| fs::read(path).ok()).unwrap_or_default();
    let config = serde_json::from_slice(&config)
        .map_err(|_| Fault::new(Reason::ImageCheckFailed, "the engine wrote a damaged config"))?;
    Ok(Made { image, config })
}

fn internal(error: &anyhow::Error) -> Fault {
    let text = format!("{error:#}");
    match crate::world::disk::problem(error) {
        Some(_) => Fault::new(Reason::DiskFull, text),
        None => Fault::new(Reason::Internal, text),
    }
}

fn worded(problem: &Problem) -> String {
    let hint = problem.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{problem}{hint}")
}

/// What engines say when they, and not the Dockerfile, have failed.
const ENGINE_LOST: [&str; 7] = [
    "error reading from server",
    "transport is closing",
    "code = Unavailable",
    "connection error",
    "connection refused",
    "failed to dial",
    "the engine wrote no OCI layout",
];

fn build_fault(error: &anyhow::Error) -> Fault {
    let Some(problem) = error.downcast_ref::<Failure>().and_then(|failure| failure.problems.first()) else {
        return internal(error);
    };
    let text = worded(problem);
    let (message, hint) = (problem.message.as_str(), problem.hint.as_deref().unwrap_or_default());
    let reason = match problem.code {
        "image-build-timeout" => Reason::Timeout,
        _ if hint.contains("lack of memory") => Reason::OutOfMemory,
        _ if hint.contains("the disk of the engine is full") => Reason::DiskFull,
        _ if ENGINE_LOST.iter().any(|words| message.contains(words)) => Reason::EngineUnavailable,
        _ => Reason::BuildFailed,
    };
    Fault::new(reason, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_blame_for_a_build() {
        #[track_caller]
        fn check(code: &'static str, message: &str, hint: &str, reason: Reason) {
            let failure = Failure::usage(Problem::new(code, message).hint(hint));
            assert_eq!(build_fault(&failure.into()).reason, reason, "{message}");
        }
        check("image-build-failed", "`RUN x` failed with exit status 1", "see the log", Reason::BuildFailed);
        check(
            "image-build-failed",
            "`RUN x` failed with exit status 137",
            "nearly always for lack of memory: …",
            Reason::OutOfMemory,
        );
        check(
            "image-build-failed",
            "`RUN x` failed with exit status 1",
            "the disk of the engine is full: …",
            Reason::DiskFull,
        );
        check(
            "image-build-failed",
            "the build of `Dockerfile` failed: rpc error: code = Unavailable",
            "",
            Reason::EngineUnavailable,
        );
        check("image-build-timeout", "the build of `Dockerfile` did not finish", "", Reason::Timeout);
        assert_eq!(build_fault(&anyhow::anyhow!("x")).reason, Reason::Internal);
    }
}
