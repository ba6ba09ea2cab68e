//! Which credentials a run knows of: no program that it starts sees them, nothing that it prints holds them.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::config_file::CONFIG;
use super::session::{Session, read_plan};
use super::stage;
use crate::config::{self, Config};
use crate::plan::{DestinationKind, Plan};
use crate::world::process::Runner;

/// Variables that configuration and plan name.
#[derive(Clone, Default)]
pub struct Named {
    /// Passwords and tokens.
    secrets: BTreeSet<String>,
    /// Names of users.
    users: BTreeSet<String>,
}

impl Session {
    /// Before anything is started, git included: what the nearest configuration and a given plan name is withheld, even if
    /// in the end they do not count.
    pub(super) fn foresee(&self) {
        let Ok(dir) = self.folder() else { return };
        let named = self.global.config.iter().map(|name| dir.join(name));
        let mut files = named.chain(dir.ancestors().map(|folder| folder.join(CONFIG)));
        let text = files.find(|file| file.is_file()).and_then(|file| std::fs::read_to_string(file).ok());
        if let Some(text) = text {
            match config::parse(CONFIG, &text, &self.global.overlay) {
                Ok((config, _)) => self.mask_named(&config),
                // It will be refused; until then nothing that it may name is handed on.
                Err(_) => {
                    let named = self.env.iter().filter(|(name, _)| text.contains(*name));
                    let named: Vec<String> = named.map(|(name, _)| name.to_owned()).collect();
                    self.withhold(&[], &named);
                }
            }
        }
        if let Some(Ok(plan)) = self.global.plan.as_ref().map(|file| read_plan(&dir.join(file), None)) {
            self.mask(&plan);
        }
    }

    /// What starts programs: none of them sees a credential that is known by now.
    pub fn runner(&self) -> Runner {
        self.runner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Withholds variables from all programs that are started from now on, and hides what they hold: passwords and tokens;
    /// names of users are only withheld.
    pub(super) fn withhold(&self, secrets: &[String], users: &[String]) {
        let mut known = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        known.secrets.extend(secrets.iter().cloned());
        known.users.extend(users.iter().cloned());
        // What a user is called stands in many places that are none of ours: folders, repositories, actors.
        let children = self.env.for_children(&Vec::from_iter(known.secrets.clone()));
        let children = children.without(&Vec::from_iter(known.users.clone()));
        let hidden = self.env.lacked_by(&children);
        let runner = Runner::new(children).hiding(hidden);
        *self.runner.write().unwrap_or_else(PoisonError::into_inner) = runner;
        // By name also what is too short to be looked for elsewhere.
        let named = secrets.iter().filter_map(|name| self.env.secret(name));
        // The word that jobs of a rehearsal have for a token opens nothing, and stands in our own messages.
        let hidden = self.env.credentials(secrets).into_iter().chain(named).filter(|one| one.expose() != stage::USER);
        hidden.for_each(|secret| self.printer.mask(&secret));
    }

    /// Withholds and hides the credentials whose variables a plan names.
    pub(super) fn mask(&self, plan: &Plan) {
        for destination in &plan.destinations {
            let users: Vec<String> = match &destination.kind {
                DestinationKind::Github(_) => Vec::new(),
                DestinationKind::Registry(registry) => {
                    registry.hosts.values().filter_map(|host| host.username_env.clone()).collect()
                }
                DestinationKind::Pypi(pypi) => pypi.username.iter().cloned().collect(),
            };
            let (users, secrets): (Vec<String>, Vec<String>) =
                destination.credentials.iter().cloned().partition(|name| users.contains(name));
            self.withhold(&secrets, &users);
        }
    }

    /// The same for a configuration.
    pub(super) fn mask_named(&self, config: &Config) {
        for destination in &config.destinations {
            let (secrets, users): (Vec<&String>, Vec<&String>) = match &destination.kind {
                config::DestinationKind::Github(_) => continue,
                config::DestinationKind::Registry(registry) => (
                    registry.hosts.values().filter_map(|host| host.password_env.as_ref()).collect(),
                    registry.hosts.values().filter_map(|host| host.username_env.as_ref()).collect(),
                ),
                config::DestinationKind::Pypi(pypi) => (
                    pypi.token_env.iter().chain(pypi.token_envs.values()).collect(),
                    pypi.username_env.iter().collect(),
                ),
            };
            let owned = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>();
            self.withhold(&owned(secrets), &owned(users));
        }
    }
}
