//! What a rehearsal plays on beside GitHub: a registry in this process for each host that a plan names, with bases, and an index of Python packages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use url::Url;

use super::session::Session;
use crate::digest::Digest;
use crate::oci::registry::{Access, HostAccess, Login, Registries};
use crate::plan::{DestinationKind, Plan, PypiDestination, SdistWork, WheelWork, Work};
use crate::platform::Platform;
use crate::publish::Indexes;
use crate::publish::pypi::{Credential, Index};
use crate::reference::Reference;
use crate::rehearsal::base;
use crate::rehearsal::pypi;
use crate::rehearsal::registry::{Auth, Fault, Options, Server};
use crate::secret::Secret;

/// Who we are at a rehearsal's registries. It opens nothing else, so it is no secret.
pub const USER: &str = "rehearsal";

/// The running registries by the host they stand for.
pub struct Stage {
    servers: BTreeMap<String, Server>,
    /// How they are reached.
    pub registries: Registries,
    packages: BTreeMap<String, pypi::Server>,
    /// How the indexes of Python packages are reached.
    pub indexes: Indexes,
}

/// What goes wrong on the stage.
#[derive(Default)]
pub struct Faults {
    /// At registries.
    pub registry: Vec<Fault>,
    /// At indexes of Python packages.
    pub index: Vec<pypi::Fault>,
}

impl Stage {
    /// Starts a registry for each host of a plan, with the bases of its images in them.
    ///
    /// # Errors
    /// If a server cannot be started, or the layout lacks a base.
    pub fn start(session: &Session, plan: &Plan, layout: Option<&Path>, faults: &Faults) -> anyhow::Result<Self> {
        let (mut servers, mut access) = (BTreeMap::new(), Access::default());
        for host in hosts(plan) {
            let auth = Auth::Bearer { user: USER.into(), password: Secret::open(USER) };
            let faults = faults.registry.iter().map(|fault| (*fault, 1)).collect();
            let server = Server::start(Options { auth, faults, ..Options::default() })?;
            let login = Login::Password { username: USER.into(), password: Secret::open(USER) };
            let reached =
                HostAccess { url: Some(Url::parse(&server.url())?), login: Some(login), ..HostAccess::default() };
            access.hosts.insert(host.clone(), reached);
            servers.insert(host, server);
        }
        for (base, platforms) in &bases(plan) {
            let Some(server) = servers.get(&base.repository.registry) else { continue };
            match layout {
                Some(layout) => base::from_layout(server, layout, base)?,
                None => base::stand_in(server, base, &platforms.iter().copied().collect::<Vec<_>>())?,
            }
        }
        access.printer = Some(session.printer.clone());
        let registries = Registries::new(&session.runner(), &session.env, access);
        let (packages, indexes) = indexes(plan, &faults.index)?;
        Ok(Self { servers, registries, packages, indexes })
    }

    /// Host and URL of each registry.
    pub fn urls(&self) -> Vec<(String, String)> {
        self.servers.iter().map(|(host, server)| (host.clone(), server.url())).collect()
    }

    /// Requests of all registries.
    pub fn requests(&self) -> usize {
        self.servers.values().map(|server| server.requests().len()).sum()
    }

    /// Destination and URL of each index of Python packages.
    pub fn packages(&self) -> Vec<(String, String)> {
        self.packages.iter().map(|(name, server)| (name.clone(), server.url())).collect()
    }

    /// What is shown of a destination: the files of an index, the tags of all registries.
    pub fn shown(&self, destination: &str) -> Vec<(String, Digest)> {
        if let Some(index) = self.packages.get(destination) {
            let files = index.shown().into_iter().flat_map(|project| project.files);
            return files.map(|(name, digest, _)| (name, digest)).collect();
        }
        let shown =
            self.servers.iter().flat_map(|(host, server)| server.shown().into_iter().map(move |one| (host, one)));
        let tags = shown.flat_map(|(host, one)| {
            let place = format!("{host}/{}", one.repository);
            one.tags.into_iter().map(move |(tag, (digest, _))| (format!("{place}:{tag}"), digest)).collect::<Vec<_>>()
        });
        tags.collect()
    }

    /// Requests of all indexes.
    pub fn package_requests(&self) -> usize {
        self.packages.values().map(|server| server.requests().len()).sum()
    }
}

/// An index for each destination that is one, where every distribution is a project to be made.
fn indexes(plan: &Plan, faults: &[pypi::Fault]) -> anyhow::Result<(BTreeMap<String, pypi::Server>, Indexes)> {
    let (mut servers, mut indexes) = (BTreeMap::new(), Indexes::new());
    for destination in &plan.destinations {
        let DestinationKind::Pypi(planned) = &destination.kind else { continue };
        let token = pypi::Token { secret: Secret::open(USER), user: USER.into(), projects: None };
        let faults = faults.iter().map(|fault| (*fault, 1)).collect();
        let stages = plan.steps.iter().filter_map(|step| match &step.work {
            Work::Wheel(WheelWork { stage, .. }) | Work::Sdist(SdistWork { stage, .. }) => Some(stage),
            _ => None,
        });
        let classifiers = stages.flat_map(|stage| stage.new_classifiers.clone()).collect();
        let lenient = planned.json.is_none();
        let tokens = vec![token];
        let options = pypi::Options { tokens, faults, classifiers, lenient, ..pypi::Options::default() };
        let server = pypi::Server::start(options)?;
        let index = index(&destination.name, planned, &Url::parse(&server.url())?)?;
        let names = planned.tokens.keys().filter_map(|name| name.parse().ok());
        let credentials = names.map(|name| (name, Credential::Token(Secret::open(USER)))).collect();
        indexes.insert(destination.name.clone(), (index, credentials));
        servers.insert(destination.name.clone(), server);
    }
    Ok((servers, indexes))
}

/// How an index of ours is reached that stands for a destination.
///
/// # Errors
/// If the address has no room for paths.
pub fn index(name: &str, planned: &PypiDestination, server: &Url) -> anyhow::Result<Index> {
    Ok(Index {
        name: name.to_owned(),
        upload: server.join("/legacy/")?,
        json: planned.json.as_ref().map(|_| server.join("/pypi/")).transpose()?,
        simple: server.join("/simple/")?,
    })
}

/// The hosts of registries that a plan reads bases from or publishes to.
pub fn hosts(plan: &Plan) -> BTreeSet<String> {
    let mut hosts: BTreeSet<String> = bases(plan).into_keys().map(|base| base.repository.registry).collect();
    let published = plan.destinations.iter().filter_map(|destination| match &destination.kind {
        DestinationKind::Registry(registry) => Some(&registry.images),
        DestinationKind::Github(_) | DestinationKind::Pypi(_) => None,
    });
    hosts.extend(published.flatten().flat_map(|image| &image.repositories).map(|one| one.registry.clone()));
    hosts
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
