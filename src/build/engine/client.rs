//! What Docker's client and buildctl read of the user's: builders and contexts, but no login.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Map, Value};

use crate::world::files;
use crate::world::process::{Cmd, Runner};

/// Of the user's `config.json`: which daemon is asked, and where plugins lie. Not logins, helpers, headers and proxies.
const KEPT: [&str; 2] = ["currentContext", "cliPluginsExtraDirs"];
/// Of buildx's folder: builders and which one is used. Not what it remembers of builds.
const BUILDERS: [&str; 3] = ["instances", "defaults", "current"];
/// How much is copied; these are small files.
const LARGEST: u64 = 1 << 20;
const MOST: usize = 1000;

/// A folder that stands for the user's `~/.docker`.
pub struct Client {
    folder: PathBuf,
}

impl Client {
    /// One without anything.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn empty(folder: &Path) -> anyhow::Result<Self> {
        files::fresh_folder(folder)?;
        files::write_atomic(&folder.join("config.json"), b"{}")?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// One that finds the user's builders and contexts.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn of_user(runner: &Runner, folder: &Path) -> anyhow::Result<Self> {
        let client = Self::empty(folder)?;
        let set = |name: &str| runner.var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = set("HOME").or_else(|| set("USERPROFILE"));
        let Some(user) = set("DOCKER_CONFIG").or_else(|| home.map(|home| home.join(".docker"))) else {
            return Ok(client);
        };
        let config = settings(&user);
        files::write_atomic(&folder.join("config.json"), Value::Object(config).to_string().as_bytes())?;
        let mut room = MOST;
        copy(&user.join("contexts"), &folder.join("contexts"), &mut room)?;
        let builders = set("BUILDX_CONFIG").unwrap_or_else(|| user.join("buildx"));
        for name in BUILDERS {
            copy(&builders.join(name), &client.builders().join(name), &mut room)?;
        }
        Ok(client)
    }

    /// Where it lies: no other one does.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn builders(&self) -> PathBuf {
        self.folder.join("buildx")
    }

    /// A command that reads this instead of the user's.
    #[must_use]
    pub fn seen_by(&self, cmd: Cmd) -> Cmd {
        cmd.env("DOCKER_CONFIG", self.folder.display().to_string())
            .env("BUILDX_CONFIG", self.builders().display().to_string())
            // Attestations and hints of the command line are neither wanted nor read.
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
            .env("BUILDX_METADATA_PROVENANCE", "disabled")
            .env("BUILDX_GIT_INFO", "false")
            .env("DOCKER_CLI_HINTS", "false")
    }
}

/// What is kept of the user's `config.json`, with the folder of his plugins.
fn settings(user: &Path) -> Map<String, Value> {
    let text = files::read_small(&user.join("config.json"), LARGEST).unwrap_or_default();
    let config: Map<String, Value> = serde_json::from_slice(&text).unwrap_or_default();
    let mut kept: Map<String, Value> = config.into_iter().filter(|(key, _)| KEPT.contains(&key.as_str())).collect();
    let plugins = kept.entry("cliPluginsExtraDirs").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(folders) = plugins {
        folders.insert(0, Value::from(user.join("cli-plugins").display().to_string()));
    }
    kept
}

fn copy(from: &Path, to: &Path, room: &mut usize) -> anyhow::Result<()> {
    let Ok(kind) = fs::metadata(from) else { return Ok(()) };
    if *room == 0 {
        return Ok(());
    }
    *room -= 1;
    if kind.is_file() {
        if kind.len() > LARGEST {
            return Ok(());
        }
        let bytes = fs::read(from).with_context(|| format!("cannot read `{}`", from.display()))?;
        return files::write_atomic(to, &bytes);
    }
    fs::create_dir_all(to).with_context(|| format!("cannot create `{}`", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let name = entry?.file_name();
        copy(&from.join(&name), &to.join(&name), room)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::env::Env;

    #[test]
    fn builders_are_found_and_logins_are_not() {
        let place = tempfile::tempdir().unwrap();
        let user = place.path().join("user");
        let write = |name: &str, text: &str| files::write_atomic(&user.join(name), text.as_bytes()).unwrap();
        write("config.json", r#"{"auths":{"ghcr.io":{"auth":"c2VjcmV0"}},"credsStore":"x","currentContext":"far"}"#);
        write("buildx/instances/mine", "{}");
        write("buildx/refs/mine/one", "{}");
        write("contexts/meta/ab/meta.json", "{}");
        let runner = Runner::new(Env::of([("DOCKER_CONFIG", user.display().to_string())]));
        let folder = place.path().join("ours");
        let client = Client::of_user(&runner, &folder).unwrap();
        let config = fs::read_to_string(folder.join("config.json")).unwrap();
        assert!(config.contains("far") && !config.contains("c2Vj") && !config.contains("credsStore"), "{config}");
        assert!(folder.join("buildx/instances/mine").is_file() && folder.join("contexts/meta/ab/meta.json").is_file());
        assert!(!folder.join("buildx/refs").exists());
        let cmd = client.seen_by(Cmd::new("docker", Path::new("/")));
        assert_eq!(cmd.env.get("DOCKER_CONFIG"), folder.to_str());
    }
}
