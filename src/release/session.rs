//! Where a release is worked on: a folder, an environment, who hears of it, and what was chosen of the project there.

use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::config_file::{self, CONFIG};
use super::credentials::Credentials;
use super::plan_file;
use super::rejected::Rejected;
use crate::config::{self, Config, Source};
use crate::plan::Plan;
use crate::problem::{Failure, Problem};
use crate::world::env::Env;
use crate::world::path::resolve;
use crate::world::process::Runner;
use crate::world::terminal::Printer;

pub struct Session {
    pub env: Env,
    pub printer: Printer,
    /// Every path that is not absolute is below it.
    pub dir: PathBuf,
    pub selection: Selection,
    /// Ends it from outside: what was started is told to end, nothing more is started, and what goes on is refused.
    pub stop: CancellationToken,
    credentials: Credentials,
    /// Whether a configuration that does not count was named.
    named: Once,
}

#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Tags to release; none for the one of the environment or the commit.
    pub tags: Vec<String>,
    pub snapshot: bool,
    /// What the versions of published snapshots have in them.
    pub label: Option<String>,
    pub components: Vec<String>,
    /// Only these steps, and what they need.
    pub only: Vec<String>,
    /// The configuration; absent: longshore.yaml in the folder or above.
    pub config: Option<PathBuf>,
    pub overlays: Vec<String>,
    /// A stored plan, instead of one that is made.
    pub plan: Option<PathBuf>,
}

impl Session {
    /// Begins to work in a folder: from here on no program that is started sees a credential.
    pub fn new(env: Env, printer: Printer, dir: PathBuf, selection: Selection) -> Self {
        let stop = CancellationToken::new();
        let credentials = Credentials::new(&env, &printer, &stop);
        let session = Self { env, printer, dir, selection, stop, credentials, named: Once::new() };
        session.foresee();
        session
    }

    /// The same in another folder and environment; what is known of credentials stays known.
    pub fn elsewhere(&self, env: Env, dir: PathBuf, selection: Selection) -> Self {
        let credentials = self.credentials.elsewhere(env.clone());
        let (printer, stop) = (self.printer.clone(), self.stop.clone());
        Self { env, printer, dir, selection, stop, credentials, named: Once::new() }
    }

    /// Before anything is started, git included: what the nearest configuration and a given plan name is withheld, even if
    /// in the end they do not count.
    fn foresee(&self) {
        let Ok(dir) = self.folder() else { return };
        let named = self.selection.config.iter().map(|name| dir.join(name));
        let mut files = named.chain(dir.ancestors().map(|folder| folder.join(CONFIG)));
        let text = files.find(|file| file.is_file()).and_then(|file| std::fs::read_to_string(file).ok());
        if let Some(text) = text {
            match config::parse(CONFIG, &text, &self.selection.overlays) {
                Ok((config, _)) => self.credentials.of_config(&config),
                // It will be refused; until then nothing that it may name is handed on.
                Err(_) => self.credentials.named_in(&text),
            }
        }
        if let Some(Ok(plan)) = self.selection.plan.as_ref().map(|file| plan_file::read(&dir.join(file), None)) {
            self.hide(&plan);
        }
    }

    /// Withholds and hides the credentials whose variables a plan names.
    pub fn hide(&self, plan: &Plan) {
        self.credentials.of_plan(plan);
    }

    /// What starts programs: none of them sees a credential that is known by now.
    pub fn runner(&self) -> Runner {
        self.credentials.runner()
    }

    /// Withholds further variables from all programs, and hides what they hold.
    pub fn withhold(&self, secrets: &[String]) {
        self.credentials.withhold(secrets, &[]);
    }

    /// The folder it works in, absolute.
    ///
    /// # Errors
    /// If it does not exist.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        resolve(&self.dir).map_err(|error| {
            let problem = Problem::new("no-such-folder", format!("cannot work in `{}`: {error}", self.dir.display()));
            Failure::usage(problem).into()
        })
    }

    /// The configuration alone, checked; every default if there is no file.
    ///
    /// # Errors
    /// Every problem of the file.
    pub(super) fn config(&self, file: Option<&Path>) -> anyhow::Result<(Config, Source)> {
        let Some(file) = file else {
            if let Some(overlay) = self.selection.overlays.first() {
                let text = format!("there is no {CONFIG} that could have an overlay `{overlay}`");
                return Err(Failure::usage(Problem::new("unknown-overlay", text)).into());
            }
            return Ok((config::none(), Source::default()));
        };
        let bytes = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let name = self.display(file);
        let Ok(text) = String::from_utf8(bytes) else {
            let problem = Problem::new("not-utf8", format!("`{name}` is not UTF-8 text")).hint("save it as UTF-8");
            return Err(Failure::usage(problem).into());
        };
        match config::parse(&name, &text, &self.selection.overlays) {
            Ok(parsed) => {
                self.credentials.of_config(&parsed.0);
                Ok(parsed)
            }
            Err((source, diagnostics)) => Err(Rejected { source, diagnostics }.into()),
        }
    }

    /// The configuration file, the one that was chosen or longshore.yaml here or above, and the folder of the project: that
    /// of the file, else the repository's top, else this one.
    pub(super) fn place(&self, dir: &Path, top: Option<&Path>) -> anyhow::Result<(Option<PathBuf>, PathBuf)> {
        let file = match &self.selection.config {
            Some(name) => Some(config_file::named(dir, top, name)?),
            None => {
                let top = top.unwrap_or(dir);
                let found = config_file::find(dir, top)?;
                if let Some(above) = found.above {
                    let text = format!("`{}` is not used: it is above `{}`", above.display(), top.display());
                    self.warn_of_config(text);
                }
                if let Some(beside) = found.beside {
                    let text = format!("`{}` is not used: `{CONFIG}` beside it is; remove one", self.display(&beside));
                    self.warn_of_config(text);
                }
                found.file
            }
        };
        let root = file.as_deref().and_then(Path::parent).or(top).unwrap_or(dir).to_owned();
        Ok((file, root))
    }

    /// A word about a configuration that does not count, once.
    pub(super) fn warn_of_config(&self, text: String) {
        self.named.call_once(|| self.printer.warn(text));
    }

    /// A path as people want to read it: relative to where they are, if it lies below.
    fn display(&self, file: &Path) -> String {
        let here = self.folder().unwrap_or_default();
        file.strip_prefix(&here).unwrap_or(file).display().to_string()
    }
}
