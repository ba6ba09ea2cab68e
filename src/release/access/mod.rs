//! Where the destinations of a plan are reached, and with what credentials.

pub mod github;
pub mod pypi;
pub mod registry;
mod rehearsal;

use std::collections::BTreeMap;

use url::Url;

use super::project::Project;
use super::session::Session;
use super::stage_file::{Stage, StageFile};
use crate::oci::registry::{Access as Hosts, HostAccess, Registries};
use crate::plan::Plan;
use crate::publish::{Endpoints, Indexes};

/// Where the destinations of a plan are reached: a URL each, and what may be presented there.
pub struct Access {
    /// GitHubs, by destination.
    pub github: Endpoints,
    /// Registries: those of destinations, and those of bases.
    pub registries: Registries,
    /// Indexes of Python packages, by destination.
    pub indexes: Indexes,
    /// Whether servers of a rehearsal stand for the destinations: then nothing of this machine is changed, either.
    pub rehearsed: bool,
}

impl Access {
    /// As the environment says: the addresses of the destinations themselves, or a rehearsal that plays in their stead.
    ///
    /// # Errors
    /// If an address is invalid, or the rehearsal has no server for a destination.
    pub fn of(session: &Session, plan: &Plan) -> anyhow::Result<Self> {
        let env = &session.env;
        if let Some(file) = StageFile::of(env)? {
            let mut access = Self::of_stage(session, plan, &file.stage)?;
            rehearsal::withhold(&mut access.github, env);
            rehearsal::withhold_tokens(&mut access.indexes, plan, env)?;
            return Ok(access);
        }
        let registries = registries(session, registry::hosts(&plan.destinations, env));
        Ok(Self {
            github: github::endpoints(plan, env)?,
            registries,
            indexes: pypi::indexes(plan, env)?,
            rehearsed: false,
        })
    }

    /// The servers of a rehearsal, which let us in everywhere.
    ///
    /// # Errors
    /// If none of them stands for a destination.
    pub fn of_stage(session: &Session, plan: &Plan, stage: &Stage) -> anyhow::Result<Self> {
        Ok(Self {
            github: rehearsal::endpoints(stage, plan),
            registries: registries(session, rehearsal::hosts(stage, plan)?),
            indexes: rehearsal::indexes(stage, plan)?,
            rehearsed: true,
        })
    }

    /// How registries alone are reached, which is what building asks.
    ///
    /// # Errors
    /// If nothing in the rehearsal stands for a host.
    pub fn registries(session: &Session, plan: &Plan) -> anyhow::Result<Registries> {
        let hosts = match StageFile::of(&session.env)? {
            Some(file) => rehearsal::hosts(&file.stage, plan)?,
            None => registry::hosts(&plan.destinations, &session.env),
        };
        Ok(registries(session, hosts))
    }

    /// Those at other addresses than their names say, and none else of that name.
    pub fn registries_at(session: &Session, urls: BTreeMap<String, Url>) -> Registries {
        let reached = |url| HostAccess { url: Some(url), ..HostAccess::default() };
        let hosts = urls.into_iter().map(|(host, url)| (host, reached(url))).collect();
        registries(session, Hosts { hosts, ..Hosts::default() })
    }

    /// The same before there is a plan, with what the configuration says of hosts.
    pub fn registries_of(session: &Session, project: &Project) -> Registries {
        registries(session, registry::hosts_of(project, &session.env))
    }
}

fn registries(session: &Session, hosts: Hosts) -> Registries {
    let hosts = Hosts { printer: Some(session.printer.clone()), ..hosts };
    Registries::new(&session.runner(), &session.env, hosts)
}
