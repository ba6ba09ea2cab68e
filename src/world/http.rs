//! Our own HTTP client: streams bodies, follows redirects without handing a token to another host.
//!
//! It never retries and never follows a redirect of a write: whether a request may be repeated is known only to whoever
//! sends it. HTTP/1.1 only. Roots of trust are the operating system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` replace them on
//! Unix); proxies come from the usual variables, except that loopback is always reached directly.

use std::error::Error;
use std::fmt;
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
use tokio::time::{sleep, timeout};
use url::{Host, Url};

use crate::problem::{Exit, Failure, Problem};
use crate::secret::Secret;

mod body;
mod incoming;

pub use body::Body;
pub use incoming::Incoming;

/// What we call ourselves.
const USER_AGENT: &str = concat!("longshore/", env!("CARGO_PKG_VERSION"));
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing at all may move, in either direction; also how long an answer may take.
pub const STALL: Duration = Duration::from_secs(90);
/// The largest answer that is kept in memory.
const LARGEST_REPLY: usize = 64 << 20;
/// How many redirects are followed.
const REDIRECTS: usize = 5;

/// A connection pool for one destination.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    stall: Duration,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// What is presented there.
    pub auth: Option<Auth<'a>>,
    /// The kind of answer wanted.
    pub accept: &'a str,
    /// What is sent.
    pub body: Body<'a>,
    /// `Content-Range` of a part of a longer upload: its first and last byte.
    pub range: Option<(u64, u64)>,
}

/// An `Authorization` header.
#[derive(Clone, Copy, Debug)]
pub enum Auth<'a> {
    /// A token.
    Bearer(&'a Secret),
    /// A user's name and password.
    Basic(&'a str, &'a Secret),
}

/// Whose certificates are believed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    /// Authorities (PEM) beside the system's.
    pub ca: Option<&'a str>,
    /// Believe anybody.
    pub unchecked: bool,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body; empty after a successful download.
    pub body: Vec<u8>,
}

/// No answer: nobody knows whether the request was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer {
    /// What happened.
    pub text: String,
    /// Whether the server's certificate was not accepted; then nothing was carried out, and nothing ever will be.
    pub untrusted: bool,
}

impl NoAnswer {
    /// One that may be an accident.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), untrusted: false }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for NoAnswer {}

impl<'a> Request<'a> {
    /// A `GET` for JSON, without a token.
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, auth: None, accept: "application/json", body: Body::Empty, range: None }
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
    /// If the machine has no root certificates, or the given ones are none.
    pub fn trusting(base: &Url, trust: Trust<'_>) -> anyhow::Result<Self> {
        // An error means that one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        if is_loopback(base) {
            builder = builder.no_proxy();
        }
        if base.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        if let Some(pem) = trust.ca {
            let bad = || {
                let text = format!("the authority given for `{}` is no PEM file of certificates", host(base));
                Failure::usage(Problem::new("bad-ca", text).hint("it begins with `-----BEGIN CERTIFICATE-----`"))
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
            let why = root(&error);
            Failure::new(
                Exit::Unexpected,
                Problem::new("https-unavailable", format!("cannot set up HTTPS: {why}")).hint(
                    "install the root certificates (`ca-certificates`), or name a file of them in `SSL_CERT_FILE`",
                ),
            )
        })?;
        Ok(Self { inner, stall: STALL })
    }

    /// The same pool for a library that brings its own requests; it neither retries nor follows redirects.
    pub fn pool(&self) -> reqwest::Client {
        self.inner.clone()
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
        let host = host(&request.url);
        let response = self.begin(request).await?;
        self.collect(response, &host).await
    }

    /// Sends a request, follows redirects (the token stays with its own host) and writes a 2xx body into `sink`.
    ///
    /// # Errors
    /// If there is no whole answer, or too many redirects, or one from `https` to `http`.
    pub async fn download(&self, mut request: Request<'_>, sink: &mut impl Write) -> Result<Reply, NoAnswer> {
        let response = self.follow(&mut request).await?;
        let host = host(&request.url);
        if !response.status().is_success() {
            return self.collect(response, &host).await;
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = self.patiently(chunks.next(), &host).await? {
            let chunk = chunk.map_err(|error| explain(error, &host))?;
            sink.write_all(&chunk)
                .map_err(|error| NoAnswer::new(format!("cannot keep what `{host}` sends: {error}")))?;
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
        self.collect(response, &host).await.map(Err)
    }

    /// Sends a body that comes from elsewhere on, as it comes; `request` has none of its own.
    ///
    /// # Errors
    /// If there is no whole answer, or the body ends early.
    pub async fn forward(&self, request: Request<'_>, (incoming, size): (Incoming, u64)) -> Result<Reply, NoAnswer> {
        let host = host(&request.url);
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        let chunks = incoming.stream().inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                counter.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }
        });
        let builder = self
            .build(&request)?
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, size)
            .body(reqwest::Body::wrap_stream(chunks));
        let response = self.wait(builder, &moved, &host).await?;
        self.collect(response, &host).await
    }

    /// Follows redirects to their end. `request` is then the last one.
    async fn follow(&self, request: &mut Request<'_>) -> Result<reqwest::Response, NoAnswer> {
        for _ in 0..=REDIRECTS {
            let from = host(&request.url);
            let response = self.begin(request.clone()).await?;
            let Some(next) = redirect(&response, &request.url) else { return Ok(response) };
            if request.url.scheme() == "https" && next.scheme() != "https" {
                return Err(NoAnswer::new(format!("`{from}` redirects from https to {}", next.scheme())));
            }
            if !same_origin(&request.url, &next) {
                if is_private(&next) && !is_private(&request.url) {
                    return Err(NoAnswer::new(format!("`{from}` redirects to the private address `{}`", host(&next))));
                }
                request.auth = None;
            }
            request.url = next;
        }
        Err(NoAnswer::new(format!("`{}` redirects too often", host(&request.url))))
    }

    fn build(&self, request: &Request<'_>) -> Result<reqwest::RequestBuilder, NoAnswer> {
        let mut builder =
            self.inner.request(request.method.clone(), request.url.clone()).header(ACCEPT, request.accept);
        let value = match request.auth {
            None => None,
            Some(Auth::Bearer(token)) => Some(format!("Bearer {}", token.expose())),
            Some(Auth::Basic(user, password)) => {
                let pair = format!("{user}:{}", password.expose());
                Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
        };
        if let Some(value) = value {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| NoAnswer::new("the token holds characters that no header can carry"))?;
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
        match request.body {
            // Some registries want a length even of nothing.
            Body::Empty if matches!(request.method, Method::POST | Method::PUT) => {
                builder = builder.header(CONTENT_LENGTH, 0);
            }
            Body::Empty => {}
            Body::Bytes { bytes, media } => builder = builder.header(CONTENT_TYPE, media).body(bytes.to_vec()),
            Body::File { path, size, media, sent } => {
                counter = sent;
                let body = body::stream(path, size, &counter).await?;
                builder = builder.header(CONTENT_TYPE, media).header(CONTENT_LENGTH, size).body(body);
            }
            Body::Framed { head, path, size, tail, media, sent } => {
                counter = sent;
                let body = body::framed((head, tail), (path, size), &counter).await?;
                let length = head.len() as u64 + size + tail.len() as u64;
                builder = builder.header(CONTENT_TYPE, media).header(CONTENT_LENGTH, length).body(body);
            }
        }
        self.wait(builder, &counter, &host).await
    }

    /// Waits for the head of the answer, as long as bytes move.
    async fn wait(
        &self,
        builder: reqwest::RequestBuilder,
        counter: &AtomicU64,
        host: &str,
    ) -> Result<reqwest::Response, NoAnswer> {
        let mut response = pin!(builder.send());
        let mut before = 0;
        loop {
            tokio::select! {
                done = &mut response => return done.map_err(|error| explain(error, host)),
                () = sleep(self.stall) => {
                    let now = counter.load(Ordering::Relaxed);
                    if now == before {
                        return Err(NoAnswer::new(format!("`{host}` gave no answer in {} s", self.stall.as_secs())));
                    }
                    before = now;
                }
            }
        }
    }

    async fn collect(&self, response: reqwest::Response, host: &str) -> Result<Reply, NoAnswer> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut chunks = response.bytes_stream();
        let mut body = Vec::new();
        while let Some(chunk) = self.patiently(chunks.next(), host).await? {
            let chunk = chunk.map_err(|error| explain(error, host))?;
            if body.len() + chunk.len() > LARGEST_REPLY {
                return Err(NoAnswer::new(format!("`{host}` answers with more than {} MiB", LARGEST_REPLY >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }

    async fn patiently<T>(&self, work: impl Future<Output = T>, host: &str) -> Result<T, NoAnswer> {
        timeout(self.stall, work).await.map_err(|_| incoming::stopped(host))
    }
}

/// Whether a URL is on this machine: 127.0.0.0/8, ::1, `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// Whether a URL names an address that only machines near it can reach: loopback, private networks, link-local ones (where
/// clouds hand out credentials).
pub fn is_private(url: &Url) -> bool {
    is_loopback(url)
        || match url.host() {
            Some(Host::Ipv4(address)) => {
                address.is_private() || address.is_link_local() || address.is_unspecified() || address.is_broadcast()
            }
            Some(Host::Ipv6(address)) => {
                address.is_unique_local() || address.is_unicast_link_local() || address.is_unspecified()
            }
            _ => false,
        }
}

/// Whether two URLs have one scheme, host and port.
pub fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

/// Text as one segment of a path or one value of a query: all but RFC 3986's unreserved characters encoded.
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Says in one line why there was no answer. The URL is left out: that of a redirect may carry a signature.
pub fn explain(error: reqwest::Error, host: &str) -> NoAnswer {
    let error = error.without_url();
    let cause = root(&error);
    let untrusted = matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)));
    let text = if error.is_timeout() {
        format!("`{host}` gave no answer in time")
    } else if error.is_connect() {
        format!("cannot connect to `{host}`: {cause}")
    } else {
        format!("the connection to `{host}` broke: {cause}")
    };
    NoAnswer { text, untrusted }
}

/// What an error comes from.
fn root<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    std::iter::successors(Some(error), |error| inner(*error)).last().unwrap_or(error)
}

/// What an error wraps; an I/O error does not name what it was made of as its source.
fn inner<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    let io = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
    io.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
}

/// Host and port of a URL, for people.
pub fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn redirect(response: &reqwest::Response, from: &Url) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    from.join(response.headers().get(LOCATION)?.to_str().ok()?).ok()
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
