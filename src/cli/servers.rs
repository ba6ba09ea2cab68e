//! The servers of a rehearsal, in this process: a GitHub, a registry for each host that a plan names, with bases, and an index
//! of Python packages for each destination that is one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use url::Url;

use crate::digest::Digest;
use crate::plan::{Plan, PypiDestination};
use crate::platform::Platform;
use crate::rehearsal::github::{self, Event, Repository, Tag};
use crate::rehearsal::{base, pypi, registry};
use crate::release::Session;
use crate::release::access::registry::{bases, named};
use crate::release::stage_file::{Stage, TOKEN};
use crate::secret::Secret;
use crate::world::interrupt::{self, Holding};
use crate::world::runtime;

pub struct Servers {
    github: github::Server,
    /// By the host each stands for.
    registries: BTreeMap<String, registry::Server>,
    /// By destination.
    indexes: BTreeMap<String, pypi::Server>,
}

#[derive(Default)]
pub struct Setup<'a> {
    /// Port of GitHub; 0 for any free one.
    pub port: u16,
    /// Image layout with the bases; absent: bases without files.
    pub bases: Option<&'a Path>,
    pub faults: Faults,
}

#[derive(Default)]
pub struct Faults {
    pub github: Vec<github::Fault>,
    pub registry: Vec<registry::Fault>,
    pub index: Vec<pypi::Fault>,
}

impl Faults {
    pub fn any(&self) -> bool {
        !self.github.is_empty() || !self.registry.is_empty() || !self.index.is_empty()
    }
}

impl Servers {
    /// Starts what stands for the destinations of a plan and holds its bases. `spool` is a folder for what is uploaded to GitHub.
    ///
    /// # Errors
    /// If a server cannot be started, or the layout lacks a base.
    pub fn start(plan: &Plan, setup: &Setup<'_>, spool: &Path) -> anyhow::Result<Self> {
        let registries = registries(plan, &setup.faults.registry)?;
        for (base, platforms) in &bases(plan) {
            let Some(server) = registries.get(&base.repository.registry) else { continue };
            match setup.bases {
                Some(layout) => base::from_layout(server, layout, base)?,
                None => base::stub(server, base, &platforms.iter().copied().collect::<Vec<_>>())?,
            }
        }
        for expected in plan.destinations.iter().filter_map(|one| one.kind.registry()).flat_map(|one| &one.expects) {
            let Some(server) = registries.get(&expected.reference.repository.registry) else { continue };
            base::stub(server, &expected.reference, &Platform::BINARIES)?;
        }
        let indexes = indexes(plan, &setup.faults.index)?;
        let github = github::Server::start(github(plan, setup, spool))?;
        Ok(Self { github, registries, indexes })
    }

    /// Where they are.
    ///
    /// # Errors
    /// Never in practice: each has an address.
    pub fn stage(&self) -> anyhow::Result<Stage> {
        let urls = |list: Vec<(String, String)>| -> anyhow::Result<BTreeMap<String, Url>> {
            list.into_iter().map(|(name, url)| Ok((name, Url::parse(&url)?))).collect()
        };
        Ok(Stage {
            github: Url::parse(&self.github.url())?,
            registries: urls(self.hosts())?,
            indexes: urls(self.packages())?,
            token: TOKEN.to_owned(),
        })
    }

    /// Host and URL of each registry.
    fn hosts(&self) -> Vec<(String, String)> {
        self.registries.iter().map(|(host, server)| (host.clone(), server.url())).collect()
    }

    /// Destination and URL of each index of Python packages.
    fn packages(&self) -> Vec<(String, String)> {
        self.indexes.iter().map(|(name, server)| (name.clone(), server.url())).collect()
    }

    fn requests(&self) -> usize {
        self.registries.values().map(|server| server.requests().len()).sum()
    }

    pub fn events(&self) -> Vec<Event> {
        self.github.events()
    }

    /// What is shown of a destination: the files of an index, the tags of all registries.
    pub fn shown(&self, destination: &str) -> Vec<(String, Digest)> {
        if let Some(index) = self.indexes.get(destination) {
            let files = index.shown().into_iter().flat_map(|project| project.files);
            return files.map(|(name, digest, _)| (name, digest)).collect();
        }
        let shown =
            self.registries.iter().flat_map(|(host, server)| server.shown().into_iter().map(move |one| (host, one)));
        let tags = shown.flat_map(|(host, one)| {
            let place = format!("{host}/{}", one.repository);
            one.tags.into_iter().map(move |(tag, (digest, _))| (format!("{place}:{tag}"), digest)).collect::<Vec<_>>()
        });
        tags.collect()
    }

    /// Says what was asked, and how often.
    pub fn tell(&self, session: &Session) {
        let said = |name: &str, requests: usize| match requests {
            0 => {}
            1 => session.printer.step("Rehearsed", format!("{name} with 1 request")),
            count => session.printer.step("Rehearsed", format!("{name} with {count} requests")),
        };
        said("GitHub", self.github.events().len());
        let names: Vec<&str> = self.registries.keys().map(String::as_str).collect();
        said(&names.join(", "), self.requests());
        for (name, index) in &self.indexes {
            said(name, index.requests().len());
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "url": self.github.url(),
            "requests": self.github.events().len(),
            "registries": self.hosts().into_iter().collect::<BTreeMap<_, _>>(),
            "registry-requests": self.requests(),
            "indexes": self.packages().into_iter().collect::<BTreeMap<_, _>>(),
            "index-requests": self.indexes.values().map(|server| server.requests().len()).sum::<usize>(),
        })
    }

    /// Says where everything is, and keeps it there until the user ends it.
    pub fn stay(self, session: &Session) -> Box<dyn FnOnce()> {
        session.printer.step("Serving", format!("{} until Ctrl-C", self.github.url()));
        for (host, url) in self.hosts() {
            session.printer.step("Serving", format!("{host} at {url}"));
        }
        for (name, url) in self.packages() {
            session.printer.step("Serving", format!("{name}: pip install --index-url {url}/simple/"));
        }
        // Listens from here on: readers of the result may connect at once.
        let ours = Holding::elsewhere();
        let told = interrupt::told_to_end();
        Box::new(move || {
            if let Ok(told) = told {
                let _ = runtime::block_on(told);
            }
            // Nothing comes after it: others who hear of the signal a moment later leave it to us, too.
            std::mem::forget(ours);
            drop(self);
        })
    }
}

/// A GitHub with the repositories and tags of the plan as if they had been pushed.
fn github(plan: &Plan, setup: &Setup<'_>, spool: &Path) -> github::Options {
    let mut names = BTreeSet::new();
    for destination in &plan.destinations {
        if let Some(github) = destination.kind.github() {
            names.insert(github.repository.clone());
        }
    }
    let date = chrono::DateTime::from_timestamp(plan.commit_time, 0).unwrap_or_default().to_rfc3339();
    let tag =
        |name: &String| Tag { name: name.clone(), commit: plan.commit.clone(), date: date.clone(), ..Tag::default() };
    let tags: Vec<Tag> = plan.releases.iter().map(|release| tag(&release.tag)).collect();
    let repositories = names.iter().filter_map(|name| name.split_once('/')).map(|(owner, name)| Repository {
        owner: owner.to_owned(),
        name: name.to_owned(),
        head: plan.commit.clone(),
        tags: tags.clone(),
        ..Repository::default()
    });
    github::Options {
        port: setup.port,
        repositories: repositories.collect(),
        token: Secret::open(TOKEN),
        reader: None,
        faults: setup.faults.github.clone(),
        spool: spool.to_owned(),
        clock: date,
    }
}

/// A registry for each host of a plan.
fn registries(plan: &Plan, faults: &[registry::Fault]) -> anyhow::Result<BTreeMap<String, registry::Server>> {
    let start = |host: String| {
        let auth = registry::Auth::Bearer { user: TOKEN.into(), password: Secret::open(TOKEN) };
        let faults = faults.iter().map(|fault| (*fault, 1)).collect();
        let options = registry::Options { auth, faults, ..registry::Options::default() };
        Ok((host, registry::Server::start(options)?))
    };
    named(plan).into_iter().map(start).collect()
}

/// An index for each destination that is one, where every distribution is a project to be made.
fn indexes(plan: &Plan, faults: &[pypi::Fault]) -> anyhow::Result<BTreeMap<String, pypi::Server>> {
    let mut servers = BTreeMap::new();
    for destination in &plan.destinations {
        let Some(planned) = destination.kind.pypi() else { continue };
        servers.insert(destination.name.clone(), index(plan, planned, faults)?);
    }
    Ok(servers)
}

fn index(plan: &Plan, planned: &PypiDestination, faults: &[pypi::Fault]) -> anyhow::Result<pypi::Server> {
    let stages = plan.steps.iter().filter_map(|step| step.work.stage());
    pypi::Server::start(pypi::Options {
        tokens: vec![pypi::Token { secret: Secret::open(TOKEN), user: TOKEN.into(), projects: None }],
        faults: faults.iter().map(|fault| (*fault, 1)).collect(),
        classifiers: stages.flat_map(|stage| stage.new_classifiers.clone()).collect(),
        lenient: planned.json.is_none(),
        ..pypi::Options::default()
    })
}
