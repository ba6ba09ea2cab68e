//! What is presented with an upload; a trusted publisher's token is minted when it is needed, and again before it ends.
//!
//! <https://docs.pypi.org/trusted-publishers/internals/>. A minted token lives 15 minutes, and the identity it is minted
//! with can be used once, so each minting asks GitHub for a new one.

use std::time::Duration;

use base64::Engine;
use chrono::DateTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::answer::unreachable;
use super::connection::Connection;
use super::index::Credential;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::secret::Secret;
use crate::wheel::DistributionName;
use crate::world::clock;
use crate::world::http::{self, Auth, Body, Client, Method, Reply, Request, is_loopback};
use crate::world::mask;
use crate::world::patience::{Wait, told};

/// How long a minted token is used.
const LIFE: Duration = Duration::from_mins(10);
/// The user's name that goes with a token.
const TOKEN_USER: &str = "__token__";

/// The largest answer with an identity or a token.
const LARGEST: usize = 1 << 20;

#[derive(Deserialize)]
struct Audience {
    audience: String,
}

#[derive(Deserialize)]
struct Identity {
    value: String,
}

#[derive(Deserialize)]
struct Minted {
    token: String,
    #[serde(default)]
    expires: Option<i64>,
}

/// Keeps what is presented for one project.
pub struct Keeper<'a> {
    credential: Option<&'a Credential>,
    minted: Mutex<Option<(Secret, Instant)>>,
}

impl<'a> Keeper<'a> {
    /// Sends nothing yet.
    pub fn new(credential: Option<&'a Credential>) -> Self {
        Self { credential, minted: Mutex::new(None) }
    }

    /// Whether there is something to present, as far as that can be known before anything is minted.
    pub async fn check(&self, connection: &Connection<'_>, name: &DistributionName) -> Result<(), Failure> {
        let (secret, what) = match self.credential {
            None if is_loopback(&connection.index.upload) => return Ok(()),
            None => {
                let text = format!("cannot publish `{name}`: there is no token for {}", connection.host());
                let hint = "set an API token of the index, or let a job with `id-token: write` use trusted publishing";
                return Err(Failure::Denied(Problem::new("token-missing", text).hint(hint)));
            }
            Some(Credential::Token(token)) => (token, "token"),
            Some(Credential::Login { password, .. }) => (password, "password"),
            Some(Credential::Trusted { request_token, .. }) => (request_token, "`ACTIONS_ID_TOKEN_REQUEST_TOKEN`"),
        };
        let spaced = |c: char| c.is_control() || c.is_whitespace();
        if secret.expose().is_empty() || secret.expose().contains(spaced) {
            let text = format!("the {what} for `{name}` is empty or contains a space or line break");
            return Err(Failure::Denied(Problem::new("token-malformed", text).hint("set it again, without them")));
        }
        if matches!(self.credential, Some(Credential::Trusted { .. })) {
            connection.patience.retry(async |_| audience(connection).await).await?;
        }
        Ok(())
    }

    /// The user's name and the password or token. Nothing on a server of this machine that wants none.
    pub async fn present(&self, connection: &Connection<'_>) -> Result<Option<(String, Secret)>, Failure> {
        Ok(match self.credential {
            None => None,
            Some(Credential::Token(token)) => Some((TOKEN_USER.into(), token.clone())),
            Some(Credential::Login { username, password }) => Some((username.clone(), password.clone())),
            Some(Credential::Trusted { request_url, request_token }) => {
                let mut minted = self.minted.lock().await;
                if let Some((token, end)) = &*minted
                    && Instant::now() < *end
                {
                    return Ok(Some((TOKEN_USER.into(), token.clone())));
                }
                let (token, life) = mint(connection, request_url, request_token).await?;
                *minted = Some((token.clone(), Instant::now() + life));
                Some((TOKEN_USER.into(), token))
            }
        })
    }

    /// Forgets a minted token. Whether another can be minted.
    pub async fn renew(&self) -> bool {
        *self.minted.lock().await = None;
        matches!(self.credential, Some(Credential::Trusted { .. }))
    }
}

/// Whom the identity is to be made out to.
async fn audience(connection: &Connection<'_>) -> Result<String, Failure> {
    let reply = connection
        .writer
        .send(Request { largest: LARGEST, ..Request::get(beside(connection, "/_/oidc/audience")) })
        .await;
    let reply = reply.map_err(|error| unreachable(&error))?;
    if !reply.is_success() {
        let host = http::host(&connection.index.upload);
        return Err(match reply.status {
            404 | 405 | 415 => {
                let problem =
                    Problem::new("publisher-unsupported", format!("`{host}` does not support trusted publishing"));
                Failure::Denied(problem.hint("use an API token"))
            }
            403 => {
                let problem =
                    Problem::new("publisher-unsupported", format!("trusted publishing is disabled on `{host}`"));
                Failure::Denied(problem.hint("try again later, or use an API token"))
            }
            _ => trouble("get the audience for trusted publishing", &host, &reply),
        });
    }
    Ok(parsed::<Audience>(&reply, &connection.index.upload)?.audience)
}

/// A token of the index, and how long it is used.
async fn mint(
    connection: &Connection<'_>,
    request_url: &Url,
    request_token: &Secret,
) -> Result<(Secret, Duration), Failure> {
    let audience = audience(connection).await?;
    let mut url = request_url.clone();
    url.query_pairs_mut().append_pair("audience", &audience);
    let client = Client::new(&url)?;
    let request = Request { auth: Some(Auth::Bearer(request_token)), largest: LARGEST, ..Request::get(url) };
    let reply = client.send(request).await.map_err(|error| unreachable(&error))?;
    if matches!(reply.status, 401 | 403) {
        let text = format!("`{}` refused an identity token for this job ({})", http::host(request_url), reply.status);
        return Err(Failure::Denied(
            Problem::new("publisher-identity", text).hint("give the job the permission `id-token: write`"),
        ));
    }
    if !reply.is_success() {
        return Err(trouble("get an identity for trusted publishing", &http::host(request_url), &reply));
    }
    let identity = Secret::new(parsed::<Identity>(&reply, request_url)?.value);
    connection.printer.mask(&identity);
    let body = serde_json::json!({ "token": identity.expose() }).to_string();
    let body = Body::Bytes { bytes: body.as_bytes(), media: "application/json" };
    let url = beside(connection, "/_/oidc/mint-token");
    let request = Request { method: Method::POST, body, largest: LARGEST, ..Request::get(url) };
    let reply = connection.writer.send(request).await.map_err(|error| unreachable(&error))?;
    if !reply.is_success() {
        return Err(refused(connection, &reply, &identity));
    }
    let minted: Minted = parsed(&reply, &connection.index.upload)?;
    let token = Secret::new(minted.token);
    connection.printer.mask(&token);
    connection.printer.step("Minted", format!("a token for {}", http::host(&connection.index.upload)));
    Ok((token, life(minted.expires)))
}

fn parsed<T: DeserializeOwned>(reply: &Reply, from: &Url) -> Result<T, Failure> {
    serde_json::from_slice(&reply.body).map_err(|_| garbled(from))
}

/// Two thirds of what the index gives it, at most ten minutes.
fn life(expires: Option<i64>) -> Duration {
    let now = DateTime::parse_from_rfc3339(&clock::now()).map_or(0, |now| now.timestamp());
    let left = expires.map(|end| u64::try_from(end - now).unwrap_or(0));
    left.map_or(LIFE, |left| Duration::from_secs(left * 2 / 3).min(LIFE))
}

fn refused(connection: &Connection<'_>, reply: &Reply, identity: &Secret) -> Failure {
    let json: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let errors = json["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has = |wanted: &str| errors.iter().any(|error| error["code"] == wanted);
    let mut said: Vec<&str> = errors.iter().filter_map(|error| error["description"].as_str()).collect();
    said.extend(json["message"].as_str().filter(|_| errors.is_empty()));
    let said = mask::hide(&said.join(", ")).into_owned();
    let host = http::host(&connection.index.upload);
    let text = format!("`{host}` refused to mint a token ({}): {said}{}", reply.status, claims(identity));
    if has("invalid-reuse-token") {
        return Failure::retry(Problem::new("server-trouble", text));
    }
    if has("not-enabled") {
        let hint = "try again later, or use an API token";
        return Failure::Denied(Problem::new("publisher-unsupported", text).hint(hint));
    }
    if reply.status == 422 || has("invalid-publisher") || has("invalid-pending-publisher") {
        let hint = "register this repository, workflow file and environment as a trusted publisher of the project; it must be the file that contains the job, and the same environment";
        return Failure::Denied(Problem::new("publisher-unknown", text).hint(hint));
    }
    trouble("mint a token", &host, reply)
}

/// Whom the identity names: what has to be registered. None of it is secret.
fn claims(identity: &Secret) -> String {
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let middle = identity.expose().split('.').nth(1).and_then(|text| engine.decode(text).ok());
    let claims: Value = middle.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let names = ["repository", "job_workflow_ref", "environment"];
    let found: Vec<String> =
        names.iter().filter_map(|name| Some(format!("{name} `{}`", claims[name].as_str()?))).collect();
    if found.is_empty() { String::new() } else { format!("; this job is {}", found.join(", ")) }
}

fn trouble(doing: &str, host: &str, reply: &Reply) -> Failure {
    let text = format!("cannot {doing}: `{host}` answered {}", reply.status);
    match reply.status {
        408 | 425 | 429 | 500.. => Failure::Retry {
            problem: Problem::new("server-trouble", text),
            after: told(&reply.headers).map_or(Wait::Soon, Wait::Told),
        },
        _ => Failure::Fatal(Problem::new("unexpected-answer", text)),
    }
}

fn garbled(url: &Url) -> Failure {
    let text = format!("the answer of `{}` for trusted publishing cannot be read", http::host(url));
    Failure::retry(Problem::new("answer-unreadable", text))
}

/// An address on the host that takes the uploads.
fn beside(connection: &Connection<'_>, path: &str) -> Url {
    let mut url = connection.index.upload.clone();
    url.set_path(path);
    url.set_query(None);
    url
}
