//! Which credentials a run knows of: no program that it starts sees them, nothing that it prints holds them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;

use super::stage_file::TOKEN;
use crate::config::Config;
use crate::oci::registry;
use crate::plan::{ImageWork, OfKind, Plan};
use crate::world::env::Env;
use crate::world::process::Runner;
use crate::world::terminal::Printer;

/// The environment's credentials as far as they are known by now, and what starts programs without them.
pub(super) struct Credentials {
    env: Env,
    printer: Printer,
    stop: CancellationToken,
    named: Mutex<Named>,
    runner: RwLock<Runner>,
}

#[derive(Clone, Default)]
struct Named {
    secrets: BTreeSet<String>,
    users: BTreeSet<String>,
}

impl Credentials {
    /// Those that are known without any configuration.
    pub(super) fn new(env: &Env, printer: &Printer, stop: &CancellationToken) -> Self {
        let runner = RwLock::new(Runner::new(Env::default()));
        let (env, printer, stop) = (env.clone(), printer.clone(), stop.clone());
        let credentials = Self { env, printer, stop, named: Mutex::default(), runner };
        credentials.withhold(&[], &[]);
        let docker = credentials.env.get("DOCKER_AUTH_CONFIG").map(registry::secrets).unwrap_or_default();
        docker.iter().for_each(|secret| credentials.printer.mask(secret));
        credentials
    }

    /// The same in another environment; what is known stays known.
    pub(super) fn elsewhere(&self, env: Env) -> Self {
        let named = Mutex::new(self.named.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let (printer, stop) = (self.printer.clone(), self.stop.clone());
        Self { env, printer, stop, named, runner: RwLock::new(self.runner()) }
    }

    /// What starts programs: none of them sees a credential that is known by now.
    pub(super) fn runner(&self) -> Runner {
        self.runner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Withholds variables from all programs that are started from now on, and hides what they hold: passwords and tokens;
    /// names of users are only withheld.
    pub(super) fn withhold(&self, secrets: &[String], users: &[String]) {
        let mut known = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        known.secrets.extend(secrets.iter().cloned());
        known.users.extend(users.iter().cloned());
        // User names occur in many unrelated places: folders, repositories, actors.
        let children = self.env.for_children(&Vec::from_iter(known.secrets.clone()));
        let children = children.without(&Vec::from_iter(known.users.clone()));
        let hidden = self.env.lacked_by(&children);
        let runner = Runner::new(children).hiding(hidden).until(self.stop.clone());
        *self.runner.write().unwrap_or_else(PoisonError::into_inner) = runner;
        // By name also what is too short to be looked for elsewhere.
        let named = secrets.iter().filter_map(|name| self.env.secret(name));
        // The token of a rehearsal opens nothing and occurs in our own messages.
        let hidden = self.env.credentials(secrets).into_iter().chain(named).filter(|one| one.expose() != TOKEN);
        hidden.for_each(|secret| self.printer.mask(&secret));
    }

    /// Withholds and hides the credentials whose variables a plan names.
    pub(super) fn of_plan(&self, plan: &Plan) {
        let images = plan.steps.iter().filter_map(|step| ImageWork::of(&step.work)?.from_dockerfile());
        let secrets: Vec<String> = images.flat_map(|image| image.secrets.values().cloned()).collect();
        self.withhold(&secrets, &[]);
        for destination in &plan.destinations {
            let users = destination.kind.usernames();
            let (users, secrets): (Vec<String>, Vec<String>) =
                destination.credentials.iter().cloned().partition(|name| users.contains(&name));
            self.withhold(&secrets, &users);
        }
    }

    pub(super) fn of_config(&self, config: &Config) {
        let builds = config.images.iter().flat_map(|image| &image.dockerfiles);
        let secrets: Vec<String> = builds.flat_map(|build| build.secrets.values().cloned()).collect();
        self.withhold(&secrets, &[]);
        for destination in &config.destinations {
            let owned = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>();
            self.withhold(&owned(destination.secret_names()), &owned(destination.usernames()));
        }
    }

    /// Withholds whatever a text names, until it is known what the text says.
    pub(super) fn named_in(&self, text: &str) {
        let named = self.env.iter().filter(|(name, _)| text.contains(*name));
        let named: Vec<String> = named.map(|(name, _)| name.to_owned()).collect();
        self.withhold(&[], &named);
    }
}
