//! Where the servers of a running rehearsal are: plain addresses, handed on in the stage file so that other processes play on
//! them too.
//!
//! `LONGSHORE_STAGE` names the file. Everything it leads to is on this machine, whatever it says: a variable of the environment
//! must never be able to send a release anywhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::plan::StubBuilds;
use crate::problem::{Failure, Problem};
use crate::world::env::Env;
use crate::world::http::is_loopback;
use crate::world::store::{self, Store};

/// The variable that names the file.
pub const VARIABLE: &str = "LONGSHORE_STAGE";

/// Who we are at a rehearsal's servers, and the token. It opens nothing else, so it is not a secret.
pub const TOKEN: &str = "rehearsal";

/// The format of the file.
const SCHEMA: &str = "longshore/stage/1";

/// Where the servers of a rehearsal are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stage {
    /// API of the GitHub that stands for every GitHub destination.
    pub github: Url,
    /// The registry that stands for each host.
    pub registries: BTreeMap<String, Url>,
    /// The index that stands for each `pypi` destination.
    pub indexes: BTreeMap<String, Url>,
    /// What they take for a token or password.
    pub token: String,
}

impl Stage {
    fn urls(&self) -> impl Iterator<Item = &Url> {
        std::iter::once(&self.github).chain(self.registries.values()).chain(self.indexes.values())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageFile {
    schema: String,
    #[serde(flatten)]
    pub stage: Stage,
    /// Folder where `publish` leaves what it saw.
    receipts: PathBuf,
    /// Which images from Dockerfiles are stubs.
    #[serde(default)]
    pub stub_builds: StubBuilds,
}

impl StageFile {
    pub fn new(stage: Stage, receipts: &Path, stub_builds: StubBuilds) -> Self {
        Self { schema: SCHEMA.to_owned(), stage, receipts: receipts.to_owned(), stub_builds }
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
            return Err(refuse(format!("`{path}` has format `{}`, expected `{SCHEMA}`", file.schema)));
        }
        let away = file.stage.urls().find(|url| url.scheme() != "http" || !is_loopback(url));
        match away.cloned() {
            Some(url) => Err(refuse(format!("`{path}` contains `{url}`, which is not on this machine"))),
            None => Ok(Some(file)),
        }
    }

    /// Keeps what `publish` saw where the rehearsal looks for it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, store: &Store, workflow: Option<&str>) -> anyhow::Result<()> {
        if store.receipts().is_file() {
            std::fs::copy(store.receipts(), self.receipts.join(format!("{}.json", workflow.unwrap_or("all"))))?;
        }
        Ok(())
    }
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
