//! A project: its folder, its configuration, and what is true there.

use std::path::PathBuf;

use super::also_wrong;
use super::config_file::CONFIG;
use super::session::Session;
use super::wanted::wanted;
use crate::config::{Config, Source};
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
