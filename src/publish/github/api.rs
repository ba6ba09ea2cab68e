//! The connection to one repository's API: every request through our own client, every answer with a limit.
//!
//! The client neither retries nor follows redirects of writes; proxies, TLS and time limits are decided there.

use std::collections::HashSet;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::answer::{Answer, judge};
use super::model::{Notes, Numbered};
use crate::plan::{Destination, GithubDestination};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::publish::order::Endpoint;
use crate::secret::Secret;
use crate::world::few::{self, List};
use crate::world::http::{
    self, Auth, Body, Client, Method, NoAnswer, Reply, Request, encode, is_loopback, same_origin,
};
use crate::world::mask;
use crate::world::patience::{Pace, Patience};
use crate::world::terminal::Printer;

pub const JSON: &str = "application/vnd.github+json";
const PER_PAGE: usize = 100;
/// How many are read of one that holds more.
const MOST_ON_PAGE: usize = 1000;
/// How much of a list is read at most, all its pages together: GitHub's largest page has a few megabytes, and few
/// repositories have hundreds of pages.
const LARGEST_LIST: usize = if cfg!(test) { 1 << 20 } else { 256 << 20 };
/// How many pages are read at most, also of nothing, and for how long. GitHub shows the first 10,000 releases.
const MOST_PAGES: usize = if cfg!(test) { 40 } else { 200 };
const LONGEST_READING: Duration = Duration::from_secs(600);

pub struct Api<'a> {
    /// `owner/name`, for people.
    pub repository: &'a str,
    /// The variable its token comes from.
    pub credential: &'a str,
    /// What is left of our patience with it.
    pub patience: Patience,
    pub printer: &'a Printer,
    client: Client,
    base: Url,
    token: Option<Secret>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Anonymous,
    Token,
}

impl<'a> Api<'a> {
    /// Connects nothing yet.
    ///
    /// # Errors
    /// A missing or malformed token, or a machine that cannot speak HTTPS.
    pub fn new(
        printer: &'a Printer,
        destination: &'a Destination,
        github: &'a GithubDestination,
        endpoint: &Endpoint,
        pace: Pace,
    ) -> Result<Self, Failure> {
        let credential = destination.credentials.first().map_or("GITHUB_TOKEN", String::as_str);
        check_token(endpoint, credential, &github.repository)?;
        let mut base = endpoint.api.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let client = Client::new(&base)?;
        Ok(Self {
            repository: &github.repository,
            credential,
            patience: Patience::new(pace, printer),
            printer,
            client,
            base,
            token: endpoint.token.clone(),
        })
    }

    pub fn host(&self) -> String {
        http::host(&self.base)
    }

    /// `GET` of everything behind a paged list, as the owner of the token. What moves to the next page while they are read
    /// is on both.
    pub async fn all<T: DeserializeOwned + Numbered>(&self, doing: &str, tail: &str) -> Result<Vec<T>, Failure> {
        let (mut all, mut seen, mut size, begun) = (Vec::<T>::new(), HashSet::new(), 0, Instant::now());
        let mut limit = format!("{MOST_PAGES} pages");
        for number in 1..=MOST_PAGES {
            let url = self.url(&format!("{tail}?per_page={PER_PAGE}&page={number}"));
            let request = Request { accept: JSON, auth: self.auth(Reader::Token), ..Request::get(url) };
            let reply = self.ask(doing, request).await?;
            size += reply.body.len();
            if size > LARGEST_LIST {
                limit = format!("{} MiB", LARGEST_LIST >> 20);
                break;
            }
            if begun.elapsed() > LONGEST_READING {
                limit = format!("{} minutes of it", LONGEST_READING.as_secs() / 60);
                break;
            }
            let page = match serde_json::from_slice::<List<MOST_ON_PAGE, T>>(&reply.body) {
                Ok(List(page)) => page,
                Err(error) => {
                    limit = few::is_over(&error).ok_or_else(|| self.garbled(doing, &error))?;
                    break;
                }
            };
            let more = page.len() >= PER_PAGE || reply.header("link").is_some_and(|link| link.contains("rel=\"next\""));
            all.extend(page.into_iter().filter(|one| seen.insert(one.id())));
            if !more {
                return Ok(all);
            }
        }
        let message = format!("cannot {doing}: the list of `{}` has more than {limit}", self.host());
        let hint = "no repository has such a list: is this the address of a GitHub API?";
        Err(Failure::Fatal(Problem::new("endless-list", message).hint(hint)))
    }

    /// `POST` of JSON, counted as a write.
    pub async fn post<T: DeserializeOwned>(
        &self,
        doing: &str,
        tail: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.patience.write().await;
        self.write(doing, Method::POST, tail, body).await
    }

    /// `PATCH` of JSON, counted as a write.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        doing: &str,
        tail: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.patience.write().await;
        self.write(doing, Method::PATCH, tail, body).await
    }

    /// GitHub's own notes for a tag since another one; saves nothing there. Left to itself GitHub takes the last release
    /// of any component.
    pub async fn generate_notes(&self, tag: &str, previous: Option<&str>) -> Result<String, Failure> {
        let mut body = serde_json::json!({ "tag_name": tag });
        if let Some(previous) = previous {
            body["previous_tag_name"] = previous.into();
        }
        let notes: Notes = self.write("generate notes", Method::POST, "releases/generate-notes", &body).await?;
        Ok(notes.body)
    }

    /// `GET` of JSON, anonymous if wanted.
    pub async fn look<T: DeserializeOwned>(&self, doing: &str, tail: &str, reader: Reader) -> Result<T, Failure> {
        let request = Request { accept: JSON, auth: self.auth(reader), ..Request::get(self.url(tail)) };
        self.read(doing, request).await
    }

    async fn write<T: DeserializeOwned>(
        &self,
        doing: &str,
        method: Method,
        tail: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let bytes = serde_json::to_vec(body).map_err(|error| self.garbled(doing, &error))?;
        let body = Body::Bytes { bytes: &bytes, media: "application/json" };
        let auth = self.auth(Reader::Token);
        self.read(doing, Request { method, accept: JSON, auth, body, ..Request::get(self.url(tail)) }).await
    }

    async fn read<T: DeserializeOwned>(&self, doing: &str, request: Request<'_>) -> Result<T, Failure> {
        let reply = self.ask(doing, request).await?;
        serde_json::from_slice(&reply.body).map_err(|error| self.garbled(doing, &error))
    }

    async fn ask(&self, doing: &str, request: Request<'_>) -> Result<Reply, Failure> {
        let reply = self.client.send(request).await.map_err(|error| unreachable(&error))?;
        if reply.is_success() { Ok(reply) } else { Err(self.refusal(doing, &reply)) }
    }

    /// `DELETE`; a thing that is gone already is fine.
    pub async fn delete(&self, doing: &str, tail: &str) -> Result<(), Failure> {
        self.patience.write().await;
        let request = Request {
            method: Method::DELETE,
            accept: JSON,
            auth: self.auth(Reader::Token),
            ..Request::get(self.url(tail))
        };
        let reply = self.client.send(request).await.map_err(|error| unreachable(&error))?;
        if reply.is_success() || reply.status == 404 { Ok(()) } else { Err(self.refusal(doing, &reply)) }
    }

    /// `POST` of a file to a release's `upload_url`.
    pub async fn upload<T: DeserializeOwned>(
        &self,
        upload_url: &str,
        name: &str,
        body: Body<'_>,
    ) -> Result<T, Failure> {
        let url = upload_target(&self.base, upload_url, name)?;
        self.patience.write().await;
        let request =
            Request { method: Method::POST, auth: self.auth(Reader::Token), accept: JSON, body, ..Request::get(url) };
        self.read(&format!("upload `{name}`"), request).await
    }

    /// Downloads an asset by id into `sink`, as the owner of the token; redirects do not get the token.
    pub async fn download(&self, id: u64, sink: &mut impl std::io::Write) -> Result<(), Failure> {
        let request = Request {
            auth: self.auth(Reader::Token),
            accept: "application/octet-stream",
            ..Request::get(self.url(&format!("releases/assets/{id}")))
        };
        self.stream("download an asset", request, sink).await.map(drop)
    }

    /// Asks for a public URL without a token; `GET` writes its body into `sink`.
    pub async fn public(&self, method: Method, url: &str, sink: &mut impl std::io::Write) -> Result<Reply, Failure> {
        let url = Url::parse(url).map_err(|error| self.garbled("read a download URL", &error))?;
        self.client.may_lead(&self.base, &url).map_err(|why| self.garbled("read a download URL", &why))?;
        self.stream("download anonymously", Request { method, accept: "*/*", ..Request::get(url) }, sink).await
    }

    async fn stream(
        &self,
        doing: &str,
        request: Request<'_>,
        sink: &mut impl std::io::Write,
    ) -> Result<Reply, Failure> {
        let reply = self.client.download(request, sink).await.map_err(|error| unreachable(&error))?;
        if reply.is_success() { Ok(reply) } else { Err(self.refusal(doing, &reply)) }
    }

    fn auth(&self, reader: Reader) -> Option<Auth<'_>> {
        self.token.as_ref().filter(|_| reader == Reader::Token).map(Auth::Bearer)
    }

    fn route(&self, tail: &str) -> String {
        let mut route = String::from("/repos");
        for word in self.repository.split('/') {
            route.push('/');
            route.push_str(&encode(word));
        }
        if !tail.is_empty() {
            route.push('/');
            route.push_str(tail);
        }
        route
    }

    fn url(&self, tail: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), self.route("")));
        // Not `join`: `tail` is already encoded, and a query may follow.
        let text = format!("{url}/{tail}");
        Url::parse(text.trim_end_matches('/')).unwrap_or(url)
    }

    fn refusal(&self, doing: &str, reply: &Reply) -> Failure {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let errors = body["errors"].as_array().map_or(&[][..], Vec::as_slice);
        let message = body["message"].as_str().unwrap_or_default();
        let (host, repository, credential) = (&self.host(), self.repository, self.credential);
        let (status, headers) = (reply.status, &reply.headers);
        judge(doing, &Answer { host, repository, credential, status, headers, message, errors })
    }

    /// An answer that is not the expected JSON, perhaps from a proxy.
    fn garbled(&self, doing: &str, error: &dyn std::fmt::Display) -> Failure {
        let mut text = mask::hide(&error.to_string()).into_owned();
        if let Some((at, _)) = text.char_indices().nth(200) {
            text.truncate(at);
        }
        let message = format!("cannot {doing}: the answer of `{}` cannot be read: {text}", self.host());
        Failure::retry(Problem::new("answer-unreadable", message))
    }
}

/// Where to upload a file of this name: a release's `upload_url` without its template part.
///
/// The token goes only to the API's own origin (GHES: `https://HOST/api/uploads/…`) or to `uploads.` in place of the
/// API's `api.` (github.com, ghe.com). Anything else is refused.
pub fn upload_target(base: &Url, upload_url: &str, name: &str) -> Result<Url, Failure> {
    let plain = upload_url.split('{').next().unwrap_or_default();
    let wrong = |what: &str| {
        Failure::Fatal(
            Problem::new("upload-host", format!("`{}` expects uploads at {what}", http::host(base)))
                .hint("the token goes only to the API's own host; is this the right server?"),
        )
    };
    let mut url = Url::parse(plain).map_err(|_| wrong("an invalid URL"))?;
    let sibling = || {
        let host = base.host_str()?.strip_prefix("api.")?;
        Some(url.host_str()? == format!("uploads.{host}"))
    };
    let ports = (base.port_or_known_default(), url.port_or_known_default());
    let beside = url.scheme() == base.scheme() && ports.0 == ports.1 && sibling().unwrap_or(false);
    if !(same_origin(&url, base) || beside) || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(&format!("`{}`", http::host(&url))));
    }
    url.set_query(Some(&format!("name={}", encode(name))));
    Ok(url)
}

/// A missing token is known before anything is asked; a malformed one cannot be sent.
fn check_token(endpoint: &Endpoint, credential: &str, repository: &str) -> Result<(), Failure> {
    let denied = |code, message: String, hint: String| Err(Failure::Denied(Problem::new(code, message).hint(hint)));
    match &endpoint.token {
        None if is_loopback(&endpoint.api) => Ok(()),
        None => denied(
            "token-missing",
            format!("`{credential}` is not set: cannot publish to `{repository}`"),
            format!("set `{credential}` to a token with the permission `contents: write`"),
        ),
        Some(token) if token.expose().bytes().all(|byte| byte.is_ascii_graphic()) => Ok(()),
        Some(_) => denied(
            "token-malformed",
            format!("`{credential}` contains characters that cannot be in a token, such as a space or a line break"),
            format!("set `{credential}` again, without them"),
        ),
    }
}

pub fn unreachable(error: &NoAnswer) -> Failure {
    if error.changed {
        let hint = "the files changed after they were verified: run `longshore verify` or build again";
        return Failure::Refused(Problem::new("file-changed", error.to_string()).hint(hint));
    }
    if error.untrusted {
        let hint =
            "if the server is yours, install its CA certificate, or set `SSL_CERT_FILE` to a file that contains it";
        return Failure::Fatal(Problem::new("certificate-untrusted", error.to_string()).hint(hint));
    }
    Failure::retry(Problem::new("unreachable", error.to_string()))
}
