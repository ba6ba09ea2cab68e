//! The stage file: where the servers of a running rehearsal are, so that other processes play on them too.
//!
//! `LONGSHORE_STAGE` names it. Everything it leads to is on this machine, whatever it says: a variable of the environment
//! must never be able to send a release anywhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::index;
use super::stage::{self, Stage};
use crate::destination::Trusted;
use crate::oci::registry::{Access, HostAccess, Login};
use crate::plan::{DestinationKind, Plan};
use crate::problem::{Failure, Problem};
use crate::publish::pypi::Credential;
use crate::publish::{Endpoint, Endpoints, Indexes};
use crate::secret::Secret;
use crate::world::env::Env;
use crate::world::http::is_loopback;
use crate::world::store::{self, Store};

/// The variable that names the file.
pub const VARIABLE: &str = "LONGSHORE_STAGE";

/// The format of the file.
const SCHEMA: &str = "longshore/stage/1";

/// Where the servers of a rehearsal are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageFile {
    schema: String,
    /// API of the GitHub that stands for every GitHub destination.
    github: Url,
    /// The registry that stands for each host.
    registries: BTreeMap<String, Url>,
    /// The index that stands for each `pypi` destination.
    indexes: BTreeMap<String, Url>,
    /// What they take for a token or password. It opens nothing else, so it is no secret.
    token: String,
    /// Folder where `publish` leaves what it saw.
    receipts: PathBuf,
}

impl StageFile {
    /// Of a rehearsal that plays here.
    ///
    /// # Errors
    /// If an address is none.
    pub fn new(github: &str, stage: &Stage, receipts: &Path) -> anyhow::Result<Self> {
        let urls = |list: Vec<(String, String)>| -> anyhow::Result<BTreeMap<String, Url>> {
            list.into_iter().map(|(name, url)| Ok((name, Url::parse(&url)?))).collect()
        };
        Ok(Self {
            schema: SCHEMA.to_owned(),
            github: Url::parse(github)?,
            registries: urls(stage.urls())?,
            indexes: urls(stage.packages())?,
            token: stage::USER.to_owned(),
            receipts: receipts.to_owned(),
        })
    }

    /// The file that the environment names, if it names one.
    ///
    /// # Errors
    /// Exit 2 if it cannot be read or leads away from this machine.
    pub fn of(env: &Env) -> anyhow::Result<Option<Self>> {
        let Some(path) = env.get(VARIABLE) else { return Ok(None) };
        let refuse = |text: String| {
            let hint =
                format!("`longshore rehearse --act` writes it and sets `{VARIABLE}`; unset it to release for real");
            anyhow::Error::from(Failure::usage(Problem::new("bad-stage", text).hint(hint)))
        };
        let file: Self = store::read_json(Path::new(path)).map_err(|error| refuse(format!("{error:#}")))?;
        if file.schema != SCHEMA {
            return Err(refuse(format!("`{path}` is of format `{}`, expected `{SCHEMA}`", file.schema)));
        }
        let urls = std::iter::once(&file.github).chain(file.registries.values()).chain(file.indexes.values());
        match urls.into_iter().find(|url| url.scheme() != "http" || !is_loopback(url)) {
            Some(url) => Err(refuse(format!("`{path}` names `{url}`, which is not on this machine"))),
            None => Ok(Some(file)),
        }
    }

    /// How the GitHub destinations of a plan are reached. Whoever forgot the token has none here either.
    pub fn endpoints(&self, plan: &Plan, env: &Env) -> Endpoints {
        let given = ["GITHUB_TOKEN", "GH_TOKEN"].into_iter().any(|name| env.get(name).is_some());
        let endpoint = Endpoint { api: self.github.clone(), token: given.then(|| Secret::open(&self.token)) };
        let github = plan.destinations.iter().filter(|one| matches!(one.kind, DestinationKind::Github(_)));
        github.map(|destination| (destination.name.clone(), endpoint.clone())).collect()
    }

    /// How the registries of a plan are reached. Logins may come from anywhere in a job, so everybody is let in.
    ///
    /// # Errors
    /// Exit 2 if nothing stands for a host: the real one must not be asked.
    pub fn access(&self, plan: &Plan) -> anyhow::Result<Access> {
        let mut access = Access::default();
        for host in stage::hosts(plan) {
            let url = self.registries.get(&host).ok_or_else(|| lacks(&host))?;
            let login = Login::Password { username: stage::USER.into(), password: Secret::open(&self.token) };
            let reached = HostAccess { url: Some(url.clone()), login: Some(login), ..HostAccess::default() };
            access.hosts.insert(host, reached);
        }
        Ok(access)
    }

    /// How the indexes of a plan are reached. A distribution without a token gets in by its job's identity, which act
    /// does not have, unless the configuration says that it never does.
    ///
    /// # Errors
    /// Exit 2 if nothing stands for an index: the real one must not be asked.
    pub fn indexes(&self, plan: &Plan, env: &Env) -> anyhow::Result<Indexes> {
        let mut indexes = Indexes::new();
        for destination in &plan.destinations {
            let DestinationKind::Pypi(planned) = &destination.kind else { continue };
            let url = self.indexes.get(&destination.name).ok_or_else(|| lacks(&destination.name))?;
            let given = index::credentials(planned, env)?;
            let names = planned.tokens.keys().filter_map(|name| name.parse().ok());
            let welcome = names.filter(|name| given.contains_key(name) || planned.trusted != Trusted::Never);
            let credentials = welcome.map(|name| (name, Credential::Token(Secret::open(&self.token)))).collect();
            indexes.insert(destination.name.clone(), (stage::index(&destination.name, planned, url)?, credentials));
        }
        Ok(indexes)
    }

    /// Keeps what `publish` saw where the rehearsal looks for it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, store: &Store, part: Option<&str>) -> anyhow::Result<()> {
        if store.receipts().is_file() {
            std::fs::copy(store.receipts(), self.receipts.join(format!("{}.json", part.unwrap_or("all"))))?;
        }
        Ok(())
    }
}

fn lacks(name: &str) -> anyhow::Error {
    let text = format!("nothing stands for `{name}` in this rehearsal");
    let hint = "the plan is not the one that `longshore rehearse --act` made: both need the same flags";
    Failure::usage(Problem::new("bad-stage", text).hint(hint)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_to_this_machine_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stage.json");
        let check = |github: &str, registry: &str, index: &str, expected: Option<&str>| {
            let text = serde_json::json!({
                "schema": SCHEMA, "github": github, "registries": { "ghcr.io": registry },
                "indexes": { "pypi": index }, "token": "t", "receipts": "/nowhere",
            });
            std::fs::write(&path, text.to_string()).unwrap();
            let read = StageFile::of(&Env::of([(VARIABLE, path.to_str().unwrap())]));
            let said = read.err().map(|error| error.to_string());
            match expected {
                None => assert_eq!(said, None),
                Some(text) => assert!(said.clone().is_some_and(|said| said.contains(text)), "{said:?}"),
            }
        };
        let here = "http://127.0.0.1:1/";
        check(here, "http://localhost:2", "http://[::1]:3", None);
        check("http://192.0.2.1/", here, here, Some("`http://192.0.2.1/`, which is not on this machine"));
        check("https://api.github.com/", here, here, Some("not on this machine"));
        check(here, "http://127.0.0.1.example.com/", here, Some("not on this machine"));
        check(here, here, "http://127.0.0.1@pypi.example/", Some("not on this machine"));
        check(here, here, "file:///etc/passwd", Some("not on this machine"));
        std::fs::write(&path, "{}").unwrap();
        assert!(StageFile::of(&Env::of([(VARIABLE, path.to_str().unwrap())])).is_err());
        assert!(StageFile::of(&Env::of([(VARIABLE, "/nowhere/stage.json")])).is_err());
        assert!(StageFile::of(&Env::default()).unwrap().is_none());
    }
}
