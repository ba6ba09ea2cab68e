//! A project: its folder, its configuration, and what is true there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::also_wrong;
use super::config_file::CONFIG;
use super::session::Session;
use crate::config::{self, Config, Notes, Source};
use crate::dockerfile::ignore_file_names;
use crate::facts::contents::ContextRequest;
use crate::facts::{self, Facts, FactsRequest};

pub struct Project {
    /// The folder of the repository.
    pub top: PathBuf,
    /// The folder of longshore.yaml, else of the repository.
    pub root: PathBuf,
    pub config: Config,
    pub source: Source,
    pub facts: Facts,
}

impl Project {
    /// The project of a session's folder.
    ///
    /// # Errors
    /// If there is no repository, or every problem of its configuration.
    pub fn open(session: &Session) -> anyhow::Result<Self> {
        Self::read(session, false)
    }

    /// The same as it is in any clone: its commits, tags and remote do not count.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_as_cloned(session: &Session) -> anyhow::Result<Self> {
        Self::read(session, true)
    }

    fn read(session: &Session, any_clone: bool) -> anyhow::Result<Self> {
        let dir = session.folder()?;
        let top = facts::git::top(&session.runner(), &dir)?;
        let (file, root) = session.place(&dir, Some(&top))?;
        let (config, source) =
            session.config(file.as_deref()).map_err(|error| also_wrong::add(session, &root, error))?;
        let wanted = FactsRequest { any_clone, ..wanted(&config) };
        let facts = facts::gather(&session.runner(), &session.env, &root, &wanted)?;
        if file.is_none() {
            warn_of_nested(session, &facts);
        }
        Ok(Self { top, root, config, source, facts })
    }
}

/// Everything is assumed, and yet there is a configuration further down.
fn warn_of_nested(session: &Session, facts: &Facts) {
    let is_nested = |path: &&str| path.strip_suffix(CONFIG).is_some_and(|folder| folder.ends_with('/'));
    let mut paths = facts.files.iter().map(|file| file.path.as_str());
    let Some(nested) = paths.find(is_nested) else { return };
    let folder = nested.trim_end_matches(CONFIG).trim_end_matches('/');
    session.warn_of_config(format!("`{nested}` is not used: run longshore in its folder, or with `-C {folder}`"));
}

/// The texts of a Dockerfile and its ignore files, and the files of its contexts.
fn of_build(build: &config::Dockerfile, wanted: &mut FactsRequest) {
    let inside =
        |folder: &str, name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let [own, root] = ignore_file_names(&build.dockerfile);
    let ignore = vec![own, inside(&build.context, &root)];
    wanted.dockerfiles.push(build.dockerfile.clone());
    wanted.texts.extend(ignore.iter().cloned());
    wanted.contexts.push(ContextRequest { folder: build.context.clone(), ignore });
    for context in build.contexts.values() {
        if let config::BuildContext::Folder(folder) = context {
            let folder = if folder == "." { String::new() } else { folder.clone() };
            let ignore = vec![inside(&folder, &root)];
            wanted.texts.extend(ignore.iter().cloned());
            wanted.contexts.push(ContextRequest { folder, ignore });
        }
    }
}

/// What of the world the configuration asks for.
pub(super) fn wanted(config: &Config) -> FactsRequest {
    let mut wanted = FactsRequest { python: !config.wheels.is_empty(), ..FactsRequest::default() };
    let builds = match &config.binaries {
        config::Binaries::Listed(list) => list.iter().flat_map(|binary| &binary.builds).collect(),
        config::Binaries::Implied(implied) => implied.builds.iter().collect(),
        config::Binaries::Off => Vec::new(),
    };
    let of_wheels = config.wheels.iter().flat_map(|wheel| &wheel.builds).map(|(_, settings)| &settings.cargo.manifest);
    let of_binaries = builds.into_iter().map(|(_, settings)| &settings.manifest);
    let manifests: BTreeSet<String> = of_binaries.chain(of_wheels).flatten().cloned().collect();
    wanted.manifests.extend(manifests);
    for component in std::iter::once(&config.root).chain(&config.components) {
        wanted.version_files.extend(component.version_files.iter().flatten().cloned());
        wanted.texts.extend(component.changelog.clone());
    }
    for build in config.images.iter().flat_map(|image| &image.dockerfiles) {
        of_build(build, &mut wanted);
    }
    for chart in &config.charts {
        wanted.version_files.push(format!("{}/Chart.yaml", chart.path));
        wanted.charts.push(chart.path.clone());
    }
    for destination in &config.destinations {
        wanted.ignored.extend(destination.file().map(|file| file.file.clone()));
        if let Some(registry) = destination.registry() {
            let hosts = registry.hosts.values().filter_map(|host| host.ca.clone());
            wanted.texts.extend(registry.ca.iter().cloned().chain(hosts));
        }
        let Some(github) = destination.github() else { continue };
        wanted.texts.extend(github.header.iter().chain(&github.footer).cloned());
        if let Notes::File(file) = &github.notes {
            wanted.texts.push(file.clone());
        }
    }
    wanted
}
