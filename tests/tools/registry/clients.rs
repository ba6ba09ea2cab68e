//! crane and regctl, let in by Docker's configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longshore::oci::registry::{Access, HostAccess, Login, Registries};
use longshore::reference::Repository;
use longshore::secret::Secret;
use longshore::world::env::Env;
use longshore::world::process::{Cmd, Finished, Runner};

use super::distribution::{Distribution, PASSWORD, USER};
use crate::tools;

/// A registry as clients see it.
pub struct Place {
    /// Host and port.
    pub host: String,
    /// The authority of its certificate; without one it speaks plain HTTP.
    ca: Option<PathBuf>,
    folder: tempfile::TempDir,
}

impl Place {
    pub fn of(registry: &Distribution) -> Self {
        Self::new(&registry.host, registry.ca.clone())
    }

    pub fn new(host: &str, ca: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_login(&folder.path().join("docker"), host, PASSWORD);
        write_login(&folder.path().join("wrong"), host, "not-it");
        Self { host: host.into(), ca, folder }
    }

    pub fn repository(&self, path: &str) -> Repository {
        Repository { registry: self.host.clone(), path: path.into() }
    }

    /// A run of ours.
    pub fn registries(&self, password: Option<&str>) -> Registries {
        Registries::new(&Runner::new(Env::default()), &Env::default(), self.access(password))
    }

    pub fn access(&self, password: Option<&str>) -> Access {
        let ca = self.ca.as_ref().map(|path| std::fs::read_to_string(path).unwrap());
        let login = password.map(|text| Login::Password { username: USER.into(), password: Secret::new(text) });
        let host = HostAccess { ca, login, anonymous: true, ..HostAccess::default() };
        Access { hosts: [(self.host.clone(), host)].into(), ..Access::default() }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What crane prints.
    pub async fn crane(&self, args: &[&str]) -> String {
        succeeded(self.run(Cmd::new(program("crane"), self.folder.path()).args(args.iter().copied())).await)
    }

    /// What regctl prints.
    pub async fn regctl(&self, args: &[&str]) -> String {
        let tls = if self.ca.is_some() { "enabled" } else { "disabled" };
        let host = format!("reg={},tls={tls}", self.host);
        let cmd = Cmd::new(program("regctl"), self.folder.path()).args(args.iter().copied());
        succeeded(self.run(cmd.args(["--host", &host])).await)
    }

    /// What crane says with a wrong password.
    pub async fn refused(&self, args: &[&str]) -> String {
        let cmd = Cmd::new(program("crane"), self.folder.path()).args(args.iter().copied());
        let done = self.run(cmd.env("DOCKER_CONFIG", self.folder.path().join("wrong").display().to_string())).await.1;
        assert!(!done.status.success(), "{}", done.stdout);
        done.stderr
    }

    async fn run(&self, cmd: Cmd) -> (String, Finished) {
        let folder = self.folder.path();
        let mut env = BTreeMap::from([
            ("HOME".to_owned(), folder.display().to_string()),
            ("NO_PROXY".to_owned(), "127.0.0.1,localhost".to_owned()),
            ("DOCKER_CONFIG".to_owned(), folder.join("docker").display().to_string()),
            ("REGCTL_CONFIG".to_owned(), folder.join("regctl.json").display().to_string()),
        ]);
        if let Some(ca) = &self.ca {
            env.insert("SSL_CERT_FILE".into(), ca.display().to_string());
        }
        let shown = cmd.to_string();
        let cmd = cmd.timeout(Duration::from_secs(60));
        let done = tokio::task::spawn_blocking(move || Runner::new(env.into_iter().collect()).output(&cmd))
            .await
            .unwrap()
            .unwrap();
        (shown, done)
    }
}

fn succeeded((shown, done): (String, Finished)) -> String {
    assert!(done.status.success(), "`{shown}`: {}{}", done.stdout, done.stderr);
    done.stdout
}

fn program(name: &str) -> String {
    let path = tools().join("bin").join(name);
    assert!(path.exists(), "`{name}` is missing: run `make tools`");
    path.display().to_string()
}

fn write_login(folder: &Path, host: &str, password: &str) {
    use base64::Engine;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{password}"));
    std::fs::create_dir_all(folder).unwrap();
    let config = serde_json::json!({ "auths": { host: { "auth": auth } } });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
}
