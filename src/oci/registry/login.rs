//! Credentials as Docker keeps them: `config.json` with `auths`, `credHelpers` and `credsStore`, or `DOCKER_AUTH_CONFIG`.
//!
//! Formats: <https://docs.docker.com/reference/cli/docker/login/>, helpers:
//! <https://github.com/docker/docker-credential-helpers#development>.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::error::{Error, ErrorKind};
use crate::problem::Problem;
use crate::reference::Repository;
use crate::secret::Secret;
use crate::world::env::Env;
use crate::world::mask;
use crate::world::process::{Cmd, Runner, described};

/// How long a credential helper may take; one that asks a person would wait forever.
const HELPER: Duration = Duration::from_secs(30);
/// The longest answer of one.
const LONGEST: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A user's name and password (or a personal token instead of it).
    Password { username: String, password: Secret },
    /// An identity token, exchanged for others where tokens are given out.
    Identity(Secret),
}

/// Docker's configuration, read when first needed.
#[derive(Clone)]
pub struct Logins {
    runner: Runner,
    source: Source,
    /// What helpers said, by helper and host: one is a process, and some of them ask a person.
    answers: Arc<Mutex<HashMap<(String, String), Found>>>,
}

type Found = Result<Option<Login>, Error>;

#[derive(Clone)]
enum Source {
    Nothing,
    Text { name: String, text: String },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// What of Docker's configuration must not be shown.
pub fn secrets(text: &str) -> Vec<Secret> {
    let config: Config = serde_json::from_str(text).unwrap_or_default();
    let mut found = vec![Secret::new(text)];
    for (key, entry) in &config.auths {
        found.extend([&entry.auth, &entry.password, &entry.identitytoken].map(Secret::new));
        if let Ok(Some(Login::Password { password, .. })) = inline(entry, "", key) {
            found.push(password);
        }
    }
    found
}

impl Logins {
    /// Finds the configuration: `DOCKER_AUTH_CONFIG`, `$DOCKER_CONFIG/config.json`, `~/.docker/config.json`.
    pub fn new(runner: &Runner, env: &Env) -> Self {
        let file = match (env.get("DOCKER_CONFIG"), env.get("HOME").or_else(|| env.get("USERPROFILE"))) {
            (Some(folder), _) => Some(PathBuf::from(folder).join("config.json")),
            (None, Some(home)) => Some(PathBuf::from(home).join(".docker").join("config.json")),
            (None, None) => None,
        };
        let source = match (env.get("DOCKER_AUTH_CONFIG"), file) {
            (Some(text), _) => Source::Text { name: "DOCKER_AUTH_CONFIG".into(), text: text.into() },
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Source::Text { name: path.display().to_string(), text },
                Err(_) => Source::Nothing,
            },
            (None, None) => Source::Nothing,
        };
        Self { runner: runner.clone(), source, answers: Arc::default() }
    }

    /// The login for a repository, if any.
    ///
    /// # Errors
    /// If the configuration or a helper is broken.
    pub fn find(&self, repository: &Repository) -> Result<Option<Login>, Error> {
        let Source::Text { name, text } = &self.source else { return Ok(None) };
        let config: Config = serde_json::from_str(text).map_err(|error| {
            let text = format!("`{name}` is not what `docker login` writes: line {}", error.line());
            Error::new(ErrorKind::Usage, Problem::new("docker-config", text).hint("log in again, or fix it"))
        })?;
        let host = &repository.registry;
        if let Some(helper) = names(host).iter().find_map(|key| config.cred_helpers.get(key)) {
            return self.ask(helper, host);
        }
        let keys = paths(repository).into_iter().chain(names(host));
        for key in keys {
            if let Some(login) = config.auths.get(&key).map(|entry| inline(entry, name, &key)).transpose()?.flatten() {
                return Ok(Some(login));
            }
        }
        if config.creds_store.is_empty() { Ok(None) } else { self.ask(&config.creds_store, host) }
    }

    fn ask(&self, helper: &str, host: &str) -> Found {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry((helper.to_owned(), host.to_owned())).or_insert_with(|| self.start(helper, host)).clone()
    }

    fn start(&self, helper: &str, host: &str) -> Found {
        let program = format!("docker-credential-{helper}");
        let broken = |what: String| {
            let problem = Problem::new("credential-helper", format!("`{program}` {what}"));
            let hint = "install or fix it, or remove it from Docker's `config.json` and log in again";
            Error::new(ErrorKind::Usage, problem.hint(hint))
        };
        if helper.contains(['/', '\\']) || self.runner.find(&program).is_none() {
            return Err(broken("is not on PATH".into()));
        }
        let server = names(host).pop().unwrap_or_default();
        let cmd = Cmd::new(&program, &std::env::temp_dir()).arg("get").input(&server).timeout(HELPER).most(LONGEST);
        let done = self.runner.output(&cmd).map_err(|error| broken(format!("does not answer: {error:#}")))?;
        if done.timed_out {
            return Err(broken(format!("did not answer within {} s", HELPER.as_secs())));
        }
        if !done.status.success() {
            let said = format!("{}{}", done.stdout, done.stderr);
            // The one answer that means "none", in these words: client/client.go and credentials/error.go of the helpers.
            if said.contains("credentials not found") {
                return Ok(None);
            }
            // Nothing of its standard output: that is where the password stands.
            let stderr = mask::hide(&done.stderr);
            let line: String = stderr.trim().lines().next().unwrap_or_default().chars().take(200).collect();
            let line = if line.is_empty() { described(done.status) } else { line };
            return Err(broken(format!("failed: {line}")));
        }
        let answer: HelperAnswer =
            serde_json::from_str(&done.stdout).map_err(|_| broken("did not answer with a credential".into()))?;
        let secret = Secret::new(answer.secret);
        Ok(Some(match answer.username.as_str() {
            "<token>" => Login::Identity(secret),
            _ => Login::Password { username: answer.username, password: secret },
        }))
    }
}

/// The keys of a host, as tools write them. Docker Hub has an old one.
fn names(host: &str) -> Vec<String> {
    let mut names = vec![host.to_owned(), format!("https://{host}"), format!("http://{host}")];
    for version in ["v1", "v2"] {
        names.extend([format!("https://{host}/{version}/"), format!("https://{host}/{version}")]);
    }
    if host == "docker.io" {
        names.extend(["index.docker.io".into(), "https://index.docker.io/v1".into(), "registry-1.docker.io".into()]);
        names.push("https://index.docker.io/v1/".into());
    } else {
        names.rotate_left(1);
    }
    names
}

/// Entries for a path below a host, longest first: `host/team/app`, `host/team`. As podman writes them.
fn paths(repository: &Repository) -> Vec<String> {
    let words: Vec<&str> = repository.path.split('/').collect();
    (1..=words.len()).rev().map(|count| format!("{}/{}", repository.registry, words[..count].join("/"))).collect()
}

fn inline(entry: &Entry, file: &str, key: &str) -> Result<Option<Login>, Error> {
    if !entry.identitytoken.is_empty() {
        return Ok(Some(Login::Identity(Secret::new(&entry.identitytoken))));
    }
    if !entry.username.is_empty() {
        let password = Secret::new(&entry.password);
        return Ok(Some(Login::Password { username: entry.username.clone(), password }));
    }
    if entry.auth.is_empty() {
        return Ok(None);
    }
    let text = entry.auth.trim().trim_end_matches('=');
    let decoded = STANDARD_NO_PAD.decode(text).or_else(|_| STANDARD.decode(entry.auth.trim()));
    let pair = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match pair.as_deref().and_then(|pair| pair.trim_end_matches('\0').split_once(':')) {
        Some((username, password)) => {
            Ok(Some(Login::Password { username: username.to_owned(), password: Secret::new(password) }))
        }
        None => {
            let text = format!("`auth` of `{key}` in `{file}` is not base64 of `user:password`");
            Err(Error::new(ErrorKind::Usage, Problem::new("docker-config", text).hint("log in again")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logins(text: &str, path: &str) -> Logins {
        let env = Env::of([("DOCKER_AUTH_CONFIG", text)]);
        Logins::new(&Runner::new(Env::of([("PATH", path)])), &env)
    }

    fn found(text: &str, repository: &str) -> String {
        match logins(text, "").find(&repository.parse().unwrap()) {
            Ok(Some(Login::Password { username, password })) => format!("{username}:{}", password.expose()),
            Ok(Some(Login::Identity(token))) => format!("token {}", token.expose()),
            Ok(None) => "nothing".into(),
            Err(error) => format!("{} {}", error.problem.code, error.problem.message),
        }
    }

    #[test]
    fn entries_of_docker_and_podman() {
        let auth = |text: &str| STANDARD.encode(text);
        let file = format!(
            r#"{{ "auths": {{
                "https://index.docker.io/v1/": {{ "auth": "{}" }},
                "ghcr.io": {{ "username": "me", "password": "pw" }},
                "ghcr.io/team/app": {{ "auth": "{}" }},
                "me.azurecr.io": {{ "auth": "{}", "identitytoken": "canary" }},
                "https://quay.io": {{ "auth": "{}" }},
                "empty.io": {{}}, "bad.io": {{ "auth": "%%" }} }} }}"#,
            auth("hub:a:b"),
            auth("team:x"),
            auth("00000000-0000-0000-0000-000000000000:"),
            auth("q:1").trim_end_matches('='),
        );
        let check = |repository: &str, expected: &str| assert_eq!(found(&file, repository), expected, "{repository}");
        check("debian", "hub:a:b");
        check("ghcr.io/team/other", "me:pw");
        check("ghcr.io/team/app", "team:x");
        check("ghcr.io/team/app/sub", "team:x");
        check("ghcr.io/team/application", "me:pw");
        check("me.azurecr.io/x", "token canary");
        check("quay.io/a/b", "q:1");
        check("empty.io/a/b", "nothing");
        check("other.io/a/b", "nothing");
        assert!(found(&file, "bad.io/a").starts_with("docker-config"));
        assert!(found("{", "debian").starts_with("docker-config"));
        assert!(!found("{\"auths\": \"canary\"}", "debian").contains("canary"));
    }

    // Helpers are shell scripts here.
    #[cfg(unix)]
    #[test]
    fn helpers_answer_or_are_named() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let helper = |name: &str, script: &str| {
            let path = folder.path().join(format!("docker-credential-{name}"));
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        helper("good", r#"read server; printf '{"ServerURL":"%s","Username":"u","Secret":"%s"}' "$server" "$server""#);
        helper("none", "echo credentials not found in native keychain; exit 1");
        helper("garbage", "echo hello");
        helper("fails", "echo locked >&2; exit 3");
        helper("leaks", r#"echo '{"Username":"bob","Secret":"helper-canary-999"}'; exit 1"#);
        helper("floods", "yes");
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let check = |config: &str, expected: &str| {
            let said = match logins(config, &path).find(&"ghcr.io/a/b".parse().unwrap()) {
                Ok(Some(Login::Password { username, password })) => format!("{username}:{}", password.expose()),
                Ok(other) => format!("{other:?}"),
                Err(error) => error.problem.message,
            };
            assert!(said.contains(expected), "{config}: {said}");
        };
        check(r#"{"credHelpers":{"ghcr.io":"good"}}"#, "u:ghcr.io");
        check(r#"{"credsStore":"good"}"#, "u:ghcr.io");
        check(r#"{"credsStore":"none"}"#, "None");
        check(r#"{"credsStore":"garbage"}"#, "did not answer with a credential");
        check(r#"{"credsStore":"fails"}"#, "failed: locked");
        check(r#"{"credsStore":"leaks"}"#, "`docker-credential-leaks` failed: exit status: 1");
        check(r#"{"credsStore":"floods"}"#, "printed more than 1024 KiB");
        check(r#"{"credsStore":"absent"}"#, "not on PATH");
        check(r#"{"credHelpers":{"quay.io":"absent"}}"#, "None");
    }
}
