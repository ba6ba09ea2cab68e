//! A session with an engine: what it needs is made in one folder, and nothing of it is left when the session ends.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};

use super::buildah::Store;
use super::buildx::OwnBuilder;
use super::client::Client;
use super::contain::Contain;
use super::lines::Bounded;
use super::model::{Engine, How, Kind};
use super::place::{Ended, Place};
use super::recipe::{Built, Recipe};
use super::{buildah, buildkit, buildx, outcome};
use crate::problem::{Exit, Failure};
use crate::world::files;
use crate::world::interrupt::{self, Holding};
use crate::world::process::Runner;

/// Builds any number of images, one after the other; BuildKit serves several sessions at once. What was made for the engine is removed on drop.
pub struct Session<'a> {
    place: Place<'a>,
    with: With,
    _tidying: Holding,
    _alone: Option<MutexGuard<'static, ()>>,
}

/// Held while an engine is used that serves one build at a time, or stops when a build ends.
static ALONE: Mutex<()> = Mutex::new(());

/// What is made for a session.
enum With {
    Client(Client),
    Builder(OwnBuilder),
    Store(Store),
}

impl<'a> Session<'a> {
    /// Begins one; the folder is its own, below the output folder.
    ///
    /// # Errors
    /// If the folder cannot be written, or the engine does not do what it did when it was chosen.
    pub fn start(runner: &'a Runner, engine: &'a Engine, folder: &Path) -> anyhow::Result<Self> {
        let alone = (engine.kind != Kind::Buildkit).then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner));
        let tidying = Holding::to_tidy();
        files::fresh_folder(folder)?;
        let folder = crate::world::path::resolve(folder)?;
        let contain = Contain::tried(runner);
        let with = match (&engine.how, engine.kind) {
            (How::OwnBuilder { image }, _) => {
                let client = Client::of_user(runner, &folder.join("docker"))?;
                With::Builder(OwnBuilder::create(runner, client, image)?)
            }
            (_, Kind::Docker) => With::Client(Client::of_user(runner, &folder.join("docker"))?),
            (_, Kind::Buildkit) => With::Client(Client::empty(&folder.join("docker"))?),
            (_, Kind::Buildah | Kind::Podman) => {
                With::Store(Store::create(runner, engine.kind, &folder.join("store"), contain)?)
            }
        };
        Ok(Self { place: Place { engine, runner, folder, contain }, with, _tidying: tidying, _alone: alone })
    }

    /// Builds an image. Each line for the log is told; there is an end to them.
    ///
    /// # Errors
    /// `Failure` with exit 7 and the instruction that failed; anything else if the engine cannot be started.
    pub fn build(&self, recipe: &Recipe, tell: &mut dyn FnMut(&str)) -> anyhow::Result<Built> {
        let mut bounded = Bounded::new(tell);
        let mut tell = |line: &str| bounded.tell(&self.place.runner.redact(line));
        if let Some(folder) = recipe.output.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        }
        remove(&recipe.output)?;
        let ended = self.ended(recipe, &mut tell);
        let made = ended.and_then(|ended| self.made(ended, recipe));
        if made.is_err() {
            // Half an image is none.
            remove(&recipe.output)?;
        }
        made
    }

    fn ended(&self, recipe: &Recipe, tell: &mut dyn FnMut(&str)) -> anyhow::Result<Ended> {
        match &self.with {
            With::Client(client) if self.place.engine.kind == Kind::Buildkit => {
                buildkit::build(&self.place, client, recipe, tell)
            }
            With::Client(client) => buildx::build(&self.place, client, None, recipe, tell),
            With::Builder(own) => buildx::build(&self.place, own.client(), Some(own.name()), recipe, tell),
            With::Store(store) => buildah::build(&self.place, store, recipe, tell),
        }
    }

    fn made(&self, ended: Ended, recipe: &Recipe) -> anyhow::Result<Built> {
        if self.place.runner.is_stopped() || interrupt::told().is_some() {
            bail!("interrupted: the image was not built");
        }
        match ended {
            Ended::Built(built) => {
                outcome::check(&recipe.output, &recipe.platform)?;
                Ok(built)
            }
            Ended::Failed(failed) => {
                let problem = failed.problem(&recipe.dockerfile, recipe.timeout);
                Err(Failure::new(Exit::Build, problem).into())
            }
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let With::Client(client) = &self.with
            && self.place.engine.how == (How::Builder { stop: true })
        {
            buildx::stop(self.place.runner, client);
        }
        if let With::Store(store) = &self.with {
            store.remove(self.place.runner);
        }
        if let With::Builder(own) = &self.with {
            own.remove(self.place.runner);
        }
        // What is left cannot be told to anybody here; it lies below the output folder.
        let _ = fs::remove_dir_all(&self.place.folder);
    }
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", folder.display()))
        }
        _ => Ok(()),
    }
}
