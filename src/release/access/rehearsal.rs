//! The servers of a rehearsal in the stead of the destinations.

use crate::destination::Trusted;
use crate::oci::registry::{Access as Hosts, HostAccess, Login};
use crate::plan::{Plan, PypiDestination};
use crate::problem::{Failure, Problem};
use crate::publish::pypi::{Credential, Index};
use crate::publish::{Endpoint, Endpoints, Indexes};
use crate::release::stage_file::{Stage, TOKEN};
use crate::secret::Secret;
use crate::world::env::Env;

use super::{pypi, registry};
use url::Url;

/// How the GitHub destinations of a plan are reached.
pub fn endpoints(stage: &Stage, plan: &Plan) -> Endpoints {
    let endpoint = Endpoint { api: stage.github.clone(), token: Some(Secret::open(&stage.token)) };
    let github = plan.destinations.iter().filter(|one| one.kind.github().is_some());
    github.map(|destination| (destination.name.clone(), endpoint.clone())).collect()
}

/// A token that is missing in a job is missing here, too.
pub fn withhold(endpoints: &mut Endpoints, env: &Env) {
    if !["GITHUB_TOKEN", "GH_TOKEN"].into_iter().any(|name| env.get(name).is_some()) {
        endpoints.values_mut().for_each(|endpoint| endpoint.token = None);
    }
}

/// How the registries of a plan are reached. Logins may come from anywhere in a job, so all are accepted.
///
/// # Errors
/// Exit 2 if nothing stands for a host: the real one must not be asked.
pub fn hosts(stage: &Stage, plan: &Plan) -> anyhow::Result<Hosts> {
    let mut hosts = Hosts::default();
    for host in registry::named(plan) {
        let url = stage.registries.get(&host).ok_or_else(|| lacks(&host))?;
        let login = Login::Password { username: TOKEN.into(), password: Secret::open(&stage.token) };
        let reached = HostAccess { url: Some(url.clone()), login: Some(login), ..HostAccess::default() };
        hosts.hosts.insert(host, reached);
    }
    Ok(hosts)
}

/// How the indexes of a plan are reached.
///
/// # Errors
/// Exit 2 if nothing stands for an index: the real one must not be asked.
pub fn indexes(stage: &Stage, plan: &Plan) -> anyhow::Result<Indexes> {
    let mut indexes = Indexes::new();
    for destination in &plan.destinations {
        let Some(planned) = destination.kind.pypi() else { continue };
        let url = stage.indexes.get(&destination.name).ok_or_else(|| lacks(&destination.name))?;
        let names = planned.tokens.keys().filter_map(|name| name.parse().ok());
        let credentials = names.map(|name| (name, Credential::Token(Secret::open(&stage.token)))).collect();
        indexes.insert(destination.name.clone(), (index(&destination.name, planned, url)?, credentials));
    }
    Ok(indexes)
}

/// A distribution without a token in a job gets in by the job's identity, which act does not have, unless the configuration
/// says that it never does.
pub fn withhold_tokens(indexes: &mut Indexes, plan: &Plan, env: &Env) -> anyhow::Result<()> {
    for destination in &plan.destinations {
        let Some(planned) = destination.kind.pypi() else { continue };
        let given = pypi::credentials(planned, env)?;
        if let Some((_, credentials)) = indexes.get_mut(&destination.name) {
            credentials.retain(|name, _| given.contains_key(name) || planned.trusted != Trusted::Never);
        }
    }
    Ok(())
}

/// An index of a rehearsal that stands for a destination.
fn index(name: &str, planned: &PypiDestination, server: &Url) -> anyhow::Result<Index> {
    Ok(Index {
        name: name.to_owned(),
        upload: server.join("/legacy/")?,
        json: planned.json.as_ref().map(|_| server.join("/pypi/")).transpose()?,
        simple: server.join("/simple/")?,
    })
}

fn lacks(name: &str) -> anyhow::Error {
    let text = format!("this rehearsal has no server for `{name}`");
    let hint = "the plan is not the one `longshore rehearse --act` made: pass the same flags to both";
    Failure::usage(Problem::new("bad-stage", text).hint(hint)).into()
}
