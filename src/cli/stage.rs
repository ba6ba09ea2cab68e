//! The registries of a rehearsal: one server in this process for each host that a plan names, and bases in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use url::Url;

use super::session::Session;
use crate::oci::registry::{Access, HostAccess, Login, Registries};
use crate::plan::{DestinationKind, Plan, Work};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::rehearsal::base;
use crate::rehearsal::registry::{Auth, Fault, Options, Server};
use crate::secret::Secret;

/// Who we are at a rehearsal's registries. It opens nothing else, so it is no secret.
const USER: &str = "rehearsal";

/// The running registries by the host they stand for.
pub struct Stage {
    servers: BTreeMap<String, Server>,
    /// How they are reached.
    pub registries: Registries,
}

impl Stage {
    /// Starts a registry for each host of a plan, with the bases of its images in them.
    ///
    /// # Errors
    /// If a server cannot be started, or the layout lacks a base.
    pub fn start(session: &Session, plan: &Plan, layout: Option<&Path>, faults: &[Fault]) -> anyhow::Result<Self> {
        let bases = bases(plan);
        let mut hosts: BTreeSet<&str> = bases.keys().map(|base| base.repository.registry.as_str()).collect();
        let published = plan.destinations.iter().filter_map(|destination| match &destination.kind {
            DestinationKind::Registry(registry) => Some(&registry.images),
            DestinationKind::Github(_) | DestinationKind::Pypi(_) => None,
        });
        hosts.extend(published.flatten().flat_map(|image| &image.repositories).map(|one| one.registry.as_str()));
        let (mut servers, mut access) = (BTreeMap::new(), Access::default());
        for host in hosts {
            let auth = Auth::Bearer { user: USER.into(), password: Secret::new(USER) };
            let faults = faults.iter().map(|fault| (*fault, 1)).collect();
            let server = Server::start(Options { auth, faults, ..Options::default() })?;
            let login = Login::Password { username: USER.into(), password: Secret::new(USER) };
            let reached =
                HostAccess { url: Some(Url::parse(&server.url())?), login: Some(login), ..HostAccess::default() };
            access.hosts.insert(host.to_owned(), reached);
            servers.insert(host.to_owned(), server);
        }
        for (base, platforms) in &bases {
            let Some(server) = servers.get(&base.repository.registry) else { continue };
            match layout {
                Some(layout) => base::from_layout(server, layout, base)?,
                None => base::stand_in(server, base, &platforms.iter().copied().collect::<Vec<_>>())?,
            }
        }
        let registries = Registries::new(&session.runner, &session.env, access);
        Ok(Self { servers, registries })
    }

    /// Host and URL of each.
    pub fn urls(&self) -> Vec<(String, String)> {
        self.servers.iter().map(|(host, server)| (host.clone(), server.url())).collect()
    }

    /// Requests of all.
    pub fn requests(&self) -> usize {
        self.servers.values().map(|server| server.requests().len()).sum()
    }
}

/// The bases of a plan's images and the platforms they are wanted for.
fn bases(plan: &Plan) -> BTreeMap<Reference, BTreeSet<Platform>> {
    let mut bases: BTreeMap<Reference, BTreeSet<Platform>> = BTreeMap::new();
    for step in &plan.steps {
        if let Work::Image(work) = &step.work
            && let Some(base) = &work.base
        {
            bases.entry(base.from.clone()).or_default().insert(work.platform);
        }
    }
    bases
}
