//! Our own HTTP client: streams bodies, follows redirects without handing a token to another host.
//!
//! It never retries and never follows a redirect of a write: whether a request may be repeated is known only to whoever
//! sends it. HTTP/1.1 only. Roots of trust are the operating system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them on
//! Unix); proxies come from the usual variables, except that loopback and link-local addresses are reached directly.

use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use futures_util::StreamExt;
pub use reqwest::Method;
pub use reqwest::header::HeaderMap;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION};
use tokio::time::{Instant, sleep};
use url::Url;

use super::{disk, mask};
use crate::digest::Digest;
use crate::problem::{Exit, Failure, Problem};
use crate::secret::Secret;

mod address;
mod body;
mod incoming;
mod names;
mod no_answer;
mod notify;
mod pace;
mod percent;
mod plain;
mod status;

use address::is_link_local;
pub use address::{host, is_loopback, may_lead, same_machine, same_origin};
pub use body::Body;
pub use incoming::{Incoming, Limited};
use names::Names;
pub use no_answer::{NoAnswer, explain};
pub use notify::notify;
use pace::{LONGEST, LONGEST_REPLY, Pace, least, too_long, too_slow};
pub use percent::{decode, encode, encode_path};
use plain::plain;

/// How long nothing at all may move, in either direction; also how long an answer may take.
pub const STALL: Duration = Duration::from_secs(90);
/// The largest answer that is kept in memory, unless a smaller limit is set.
const LARGEST_REPLY: usize = 64 << 20;
/// The longest answer that is not a success and says something; a longer one is its status alone. It is parsed whole, into
/// values that take a hundred times its length.
const LONGEST_REFUSAL: usize = 64 << 10;
const REDIRECTS: usize = 5;

#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    stall: Duration,
    /// Hosts that the user wrote: redirects within private networks lead to these.
    known: Arc<[String]>,
    /// The host it is for.
    base: String,
    /// Hosts that answers led us to.
    names: Names,
}

#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub method: Method,
    pub url: Url,
    pub auth: Option<Auth<'a>>,
    pub accept: &'a str,
    /// Others than those that are made of the rest; none of them goes to another host.
    pub headers: HeaderMap,
    pub body: Body<'a>,
    /// `Content-Range` of a part of a longer upload: its first and last byte.
    pub range: Option<(u64, u64)>,
    /// The largest answer that is kept in memory, in bytes. A download may be longer: its sink says how long
    /// ([`Limited`]).
    pub largest: usize,
}

#[derive(Clone, Copy, Debug)]
pub enum Auth<'a> {
    Bearer(&'a Secret),
    Basic(&'a str, &'a Secret),
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    /// CA certificates (PEM) in addition to those of the system.
    pub ca: Option<&'a str>,
    /// Accept any certificate.
    pub unchecked: bool,
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// Body; empty after a successful download.
    pub body: Vec<u8>,
}

impl<'a> Request<'a> {
    /// A `GET` for JSON, without a token.
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            auth: None,
            accept: "application/json",
            headers: HeaderMap::new(),
            body: Body::Empty,
            range: None,
            largest: LARGEST_REPLY,
        }
    }
}

impl Reply {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header, if it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// A client for a destination. For a plain `http` one no certificates are loaded.
    ///
    /// # Errors
    /// If the machine has no root certificates.
    pub fn new(base: &Url) -> anyhow::Result<Self> {
        Self::trusting(base, Trust::default())
    }

    /// The same with other ideas of whom to believe.
    ///
    /// # Errors
    /// If the machine has no root certificates, or the given ones are not certificates.
    pub fn trusting(base: &Url, trust: Trust<'_>) -> anyhow::Result<Self> {
        let names = Names::default();
        let mut builder = plain().dns_resolver(names.clone());
        if is_loopback(base) || is_link_local(base) {
            builder = builder.no_proxy();
        }
        if base.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        if let Some(pem) = trust.ca {
            let bad = || {
                let text = format!("the CA certificate given for `{}` is not a PEM file of certificates", host(base));
                Failure::usage(Problem::new("bad-ca", text).hint("it starts with `-----BEGIN CERTIFICATE-----`"))
            };
            let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| bad())?;
            if certificates.is_empty() {
                return Err(bad().into());
            }
            builder = builder.tls_certs_merge(certificates);
        }
        if trust.unchecked {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        let inner = builder.build().map_err(|error| {
            let why = no_answer::root(&error);
            Failure::new(
                Exit::Unexpected,
                Problem::new("https-unavailable", format!("cannot set up HTTPS: {why}")).hint(
                    "install the root certificates (`ca-certificates`), or set `SSL_CERT_FILE` to a file that contains them",
                ),
            )
        })?;
        let base = base.host_str().unwrap_or_default().to_owned();
        Ok(Self { inner, stall: STALL, base, known: Arc::default(), names })
    }

    /// The same, with hosts that the user wrote.
    #[must_use]
    pub fn knowing(mut self, hosts: &[String]) -> Self {
        self.known = hosts.into();
        self
    }

    /// Whether an answer from one place may send us to another.
    ///
    /// # Errors
    /// Why not, to follow the name of the host that said so.
    pub fn may_lead(&self, from: &Url, to: &Url) -> Result<(), String> {
        may_lead(from, to, &self.known)?;
        self.led(from, to);
        Ok(())
    }

    /// An answer from one place leads us to another: what looks like a host for everybody has to be one. Not if the user
    /// wrote it.
    pub fn led(&self, from: &Url, to: &Url) {
        let is_ours = [from.host_str(), Some(self.base.as_str())].contains(&to.host_str());
        if !is_ours && address::looks_public(to) && !address::is_written(to, &self.known) {
            self.names.led_to(to);
        }
    }

    /// The same with another limit of standstill, for tests.
    #[must_use]
    pub fn stall(mut self, stall: Duration) -> Self {
        self.stall = stall;
        self
    }

    /// Sends a request and takes the whole answer.
    ///
    /// # Errors
    /// If there is no whole answer.
    pub async fn send(&self, request: Request<'_>) -> Result<Reply, NoAnswer> {
        let (host, largest) = (host(&request.url), request.largest);
        let response = self.begin(request).await?;
        self.collect(response, &host, largest).await
    }

    /// Sends a request, follows redirects (the token stays with its own host) and writes a 2xx body into `sink`.
    ///
    /// # Errors
    /// If there is no whole answer, or too many redirects, or one from `https` to `http`.
    pub async fn download(&self, mut request: Request<'_>, sink: &mut impl Write) -> Result<Reply, NoAnswer> {
        let response = self.follow(&mut request).await?;
        let host = host(&request.url);
        if !response.status().is_success() {
            return self.collect(response, &host, request.largest).await;
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut chunks = response.bytes_stream();
        let mut pace = Pace::new(self.stall, LONGEST);
        while let Some(chunk) = pace.wait(&host, chunks.next()).await? {
            let chunk = chunk.map_err(|error| explain(error, &host))?;
            pace.count(&host, chunk.len())?;
            sink.write_all(&chunk).map_err(|error| {
                let text = format!("cannot store what `{host}` sends: {error}");
                NoAnswer { disk: disk::of(&error), ..NoAnswer::new(text) }
            })?;
        }
        Ok(Reply { status, headers, body: Vec::new() })
    }

    /// Like [`Client::download`], but the body of a 2xx answer stays where it is until it is forwarded.
    ///
    /// # Errors
    /// As `download`.
    pub async fn open(&self, mut request: Request<'_>) -> Result<Result<Incoming, Reply>, NoAnswer> {
        let response = self.follow(&mut request).await?;
        let host = host(&request.url);
        if response.status().is_success() {
            return Ok(Ok(Incoming::new(response, host, self.stall)));
        }
        self.collect(response, &host, request.largest).await.map(Err)
    }

    /// Sends a body that comes from elsewhere on, as it comes; `request` has none of its own.
    ///
    /// # Errors
    /// If there is no whole answer, or the body ends early.
    pub async fn forward(
        &self,
        request: Request<'_>,
        incoming: Incoming,
        size: u64,
        sha256: Digest,
    ) -> Result<Reply, NoAnswer> {
        let (host, largest) = (host(&request.url), request.largest);
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        let chunks = body::passed_on(incoming, size, sha256).inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                counter.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }
        });
        let builder = self
            .build(&request)?
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .body(reqwest::Body::wrap_stream(chunks));
        let response = self.wait(builder, &moved, size, &host).await?;
        self.collect(response, &host, largest).await
    }

    /// Follows redirects to their end. `request` is then the last one.
    async fn follow(&self, request: &mut Request<'_>) -> Result<reqwest::Response, NoAnswer> {
        for _ in 0..=REDIRECTS {
            let from = host(&request.url);
            let response = self.begin(request.clone()).await?;
            let Some(next) = redirect(&response, &request.url) else { return Ok(response) };
            self.may_lead(&request.url, &next)
                .map_err(|why| NoAnswer { forbidden: true, ..NoAnswer::new(format!("`{from}` redirects {why}")) })?;
            if !same_origin(&request.url, &next) {
                request.auth = None;
                request.headers.clear();
            }
            request.url = next;
        }
        Err(NoAnswer::new(format!("`{}` redirects too often", host(&request.url))))
    }

    fn build(&self, request: &Request<'_>) -> Result<reqwest::RequestBuilder, NoAnswer> {
        let mut builder =
            self.inner.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        builder = builder.header(ACCEPT, request.accept);
        if let Some(auth) = &request.auth {
            let mut value = HeaderValue::from_str(&authorization(auth))
                .map_err(|_| NoAnswer::new("the token contains characters that are invalid in a header"))?;
            value.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, value);
        }
        if let Some((first, last)) = request.range {
            builder = builder.header(CONTENT_RANGE, format!("{first}-{last}"));
        }
        Ok(builder)
    }

    /// Sends everything and waits for the head of the answer, as long as bytes move.
    async fn begin(&self, request: Request<'_>) -> Result<reqwest::Response, NoAnswer> {
        let host = host(&request.url);
        let mut builder = self.build(&request)?;
        let mut counter = Arc::new(AtomicU64::new(0));
        let mut whole = 0;
        match request.body {
            // Some registries want a length even of nothing.
            Body::Empty if matches!(request.method, Method::POST | Method::PUT) => {
                builder = builder.header(CONTENT_LENGTH, 0);
            }
            Body::Empty => {}
            Body::Bytes { bytes, media } if bytes.len() <= body::PIECE => {
                builder = builder.header(CONTENT_TYPE, media).body(bytes.to_vec());
            }
            Body::Bytes { bytes, media } => {
                whole = bytes.len() as u64;
                let pieces = body::pieces(bytes, &counter);
                builder = builder.header(CONTENT_TYPE, media).header(CONTENT_LENGTH, whole).body(pieces);
            }
            Body::File { path, size, sha256, media, sent } => {
                (counter, whole) = (sent, size);
                let file = body::file(path, size, sha256, &counter).await?;
                let body = reqwest::Body::wrap_stream(file);
                builder = builder.header(CONTENT_TYPE, media).header(CONTENT_LENGTH, size).body(body);
            }
            Body::Framed { head, path, size, sha256, tail, media, sent } => {
                (counter, whole) = (sent, size);
                let body = body::framed(head, body::file(path, size, sha256, &counter).await?, tail);
                let length = head.len() as u64 + size + tail.len() as u64;
                builder = builder.header(CONTENT_TYPE, media).header(CONTENT_LENGTH, length).body(body);
            }
        }
        self.wait(builder, &counter, whole, &host).await
    }

    /// Waits for the head of the answer, as long as enough bytes move of so many.
    async fn wait(
        &self,
        builder: reqwest::RequestBuilder,
        counter: &AtomicU64,
        whole: u64,
        host: &str,
    ) -> Result<reqwest::Response, NoAnswer> {
        let mut response = pin!(builder.send());
        let (begun, mut before) = (Instant::now(), counter.load(Ordering::Relaxed));
        let start = before;
        loop {
            tokio::select! {
                done = &mut response => return done.map_err(|error| explain(error, host)),
                () = sleep(self.stall) => {
                    let now = counter.load(Ordering::Relaxed);
                    if now == before {
                        return Err(NoAnswer::new(format!("`{host}` did not answer within {} s", self.stall.as_secs())));
                    }
                    if now - start < whole && now - before < least(self.stall) {
                        return Err(too_slow(host));
                    }
                    if begun.elapsed() > LONGEST {
                        return Err(too_long(host, LONGEST));
                    }
                    before = now;
                }
            }
        }
    }

    async fn collect(&self, response: reqwest::Response, host: &str, largest: usize) -> Result<Reply, NoAnswer> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut chunks = response.bytes_stream();
        let mut body = Vec::new();
        let mut pace = Pace::new(self.stall, LONGEST_REPLY);
        let is_refusal = !(200..300).contains(&status);
        while let Some(chunk) = pace.wait(host, chunks.next()).await? {
            let chunk = chunk.map_err(|error| explain(error, host))?;
            pace.count(host, chunk.len())?;
            if is_refusal && body.len() + chunk.len() > LONGEST_REFUSAL {
                // Not its beginning: a secret that is cut is not known for one.
                return Ok(Reply { status, headers, body: Vec::new() });
            }
            if body.len() + chunk.len() > largest {
                return Err(NoAnswer::new(format!("`{host}` answered with more than {} KiB", largest >> 10)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }
}

fn redirect(response: &reqwest::Response, from: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    from.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()
}

/// The header's value; what is secret in it is masked from now on.
fn authorization(auth: &Auth<'_>) -> String {
    match auth {
        Auth::Bearer(token) => {
            mask::learn(token);
            format!("Bearer {}", token.expose())
        }
        Auth::Basic(user, password) => {
            mask::learn(password);
            let pair = format!("{user}:{}", password.expose());
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        }
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
