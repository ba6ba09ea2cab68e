//! Google's registries: with a key file, else with the token that the machine or the Kubernetes service account is given.
//!
//! Logins: <https://cloud.google.com/artifact-registry/docs/docker/authentication>, the machine's service:
//! <https://cloud.google.com/compute/docs/metadata/querying-metadata>.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use super::ask::{Headers, NEAR, Question, failed, garbled, json, refused, secret};
use crate::oci::registry::{Broker, Brokered, Error, ErrorKind, Login};
use crate::world::clock;
use crate::world::env::Env;
use crate::world::files;

/// Where the old service looked for a key file.
const USUAL_FILE: &str = "/home/admin/gcp_creds.json";
const LARGEST_FILE: u64 = 64 << 10;

const MACHINE: &str = "169.254.169.254";
const TOKEN: &str = "/computeMetadata/v1/instance/service-accounts/default/token";

/// How long before its end a token is fetched anew.
const MARGIN: TimeDelta = TimeDelta::minutes(2);

#[derive(Debug)]
pub struct Google {
    /// `GCP_CREDS_PATH`: then there must be a file.
    file: Option<PathBuf>,
    /// The host of the machine's service.
    machine: String,
    token: Mutex<Option<Made>>,
}

#[derive(Clone, Debug)]
struct Made {
    login: Login,
    until: DateTime<Utc>,
}

impl Google {
    /// That of `gcr.io`, its regions, and Artifact Registry.
    pub fn of(registry: &str, env: &Env) -> Option<Self> {
        let is_google = registry == "gcr.io" || registry.ends_with(".gcr.io") || registry.ends_with("-docker.pkg.dev");
        is_google.then(|| Self {
            file: env.get("GCP_CREDS_PATH").map(PathBuf::from),
            machine: env.get("GCE_METADATA_HOST").unwrap_or(MACHINE).to_owned(),
            token: Mutex::default(),
        })
    }

    /// Read each time: it may be replaced.
    fn of_file(&self) -> Result<Option<Login>, Error> {
        let usual = Path::new(USUAL_FILE);
        let path = match &self.file {
            Some(path) => path,
            None if usual.exists() => usual,
            None => return Ok(None),
        };
        let read = files::read_small(path, LARGEST_FILE);
        let read = read.map_err(|error| failed(ErrorKind::Usage, &format!("{error:#}")))?;
        let is_key = |text: &str| serde_json::from_str(text).is_ok_and(|json: serde_json::Value| json.is_object());
        match String::from_utf8(read).ok().filter(|text| is_key(text)) {
            Some(text) => Ok(Some(Login::Password { username: "_json_key".into(), password: secret(text.trim()) })),
            None => {
                let text = format!("`{}` is not a key file of a service account", path.display());
                Err(failed(ErrorKind::Usage, &text))
            }
        }
    }

    async fn of_machine(&self) -> Result<Made, Error> {
        let url = format!("http://{}{TOKEN}", self.machine);
        let url = url.parse().map_err(|_| {
            failed(ErrorKind::Usage, &format!("`GCE_METADATA_HOST`: `{}` is not a host", self.machine.escape_debug()))
        })?;
        let headers = Headers::from([("metadata-flavor", "Google".to_owned())]);
        let asked = Question { headers, ..Question::get(url, NEAR) }.answer().await;
        let reply = asked.map_err(|_| {
            let text = "Google has no token for us: there is no key file (`GCP_CREDS_PATH`), and no machine's service";
            failed(ErrorKind::Retry, text)
        })?;
        if !reply.is_success() {
            return Err(refused("get a token", &self.machine, &reply, None));
        }
        let json = json(&reply);
        let Some(token) = json["access_token"].as_str() else { return Err(garbled(&self.machine)) };
        let life = TimeDelta::seconds(json["expires_in"].as_i64().unwrap_or(0).clamp(0, 24 * 3600));
        let login = Login::Password { username: "oauth2accesstoken".into(), password: secret(token) };
        Ok(Made { login, until: clock::utc() + life - MARGIN })
    }
}

impl Broker for Google {
    fn login(&self) -> Brokered<'_> {
        Box::pin(async {
            if let Some(login) = self.of_file()? {
                return Ok(login);
            }
            let mut known = self.token.lock().await;
            if let Some(made) = known.as_ref().filter(|made| clock::utc() < made.until) {
                return Ok(made.login.clone());
            }
            let made = self.of_machine().await?;
            Ok(known.insert(made).login.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::runtime;

    fn login(env: &Env) -> String {
        let google = Google::of("gcr.io", env).unwrap();
        match runtime::block_on(google.login()).unwrap() {
            Ok(Login::Password { username, password }) => format!("{username}:{}", password.expose()),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.problem.message.clone(),
        }
    }

    #[test]
    fn a_key_file_is_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.json");
        let env = Env::of([("GCP_CREDS_PATH", path.to_str().unwrap())]);
        assert!(login(&env).contains("cannot read"), "{}", login(&env));
        std::fs::write(&path, "not a key").unwrap();
        assert!(login(&env).ends_with("is not a key file of a service account"), "{}", login(&env));
        std::fs::write(&path, "{\"type\": \"service_account\"}\n").unwrap();
        assert_eq!(login(&env), "_json_key:{\"type\": \"service_account\"}");
    }

    #[test]
    fn registries_are_known_by_their_names() {
        for name in ["gcr.io", "eu.gcr.io", "europe-docker.pkg.dev"] {
            assert!(Google::of(name, &Env::default()).is_some(), "{name}");
        }
        for name in ["gcr.io.example.com", "xgcr.io", "docker.pkg.dev.example"] {
            assert!(Google::of(name, &Env::default()).is_none(), "{name}");
        }
    }
}
