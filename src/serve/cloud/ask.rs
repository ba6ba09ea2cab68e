//! Questions to the services that hand out credentials: short ones, and what is wrong if they are not answered.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::oci::registry::{Error, ErrorKind};
use crate::problem::Problem;
use crate::secret::Secret;
use crate::shown;
use crate::world::http::{Body, Client, HeaderMap, Method, Reply, Request, host};
use crate::world::mask;

/// How long the service of a machine may take: where there is none, nobody answers.
pub const NEAR: Duration = Duration::from_secs(2);
/// How long one in the network may take.
pub const FAR: Duration = Duration::from_secs(30);

/// More than any answer with a credential.
const LARGEST: usize = 256 << 10;
/// How much of an answer is shown.
const LONGEST: usize = 300;

/// Headers by their names, in small letters and in order.
pub type Headers = BTreeMap<&'static str, String>;

pub struct Question<'a> {
    pub method: Method,
    pub url: Url,
    pub headers: Headers,
    pub body: &'a str,
    /// How long until it counts as not answered.
    pub within: Duration,
}

impl Question<'_> {
    pub fn get(url: Url, within: Duration) -> Self {
        Self { method: Method::GET, url, headers: Headers::new(), body: "", within }
    }

    /// Whatever the answer says.
    ///
    /// # Errors
    /// If there is none.
    pub async fn answer(mut self) -> Result<Reply, Error> {
        let place = host(&self.url);
        let media = self.headers.remove("content-type").unwrap_or_default();
        let body = match self.body {
            "" => Body::Empty,
            text => Body::Bytes { bytes: text.as_bytes(), media: &media },
        };
        let client = Client::new(&self.url).map_err(|error| failed(ErrorKind::Usage, &format!("{error:#}")))?;
        let request = Request {
            method: self.method,
            headers: header_map(&self.headers),
            body,
            largest: LARGEST,
            accept: "*/*",
            ..Request::get(self.url)
        };
        match tokio::time::timeout(self.within, client.send(request)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(failed(ErrorKind::Retry, &error.text)),
            Err(_) => {
                let text = format!("`{place}` did not answer within {} s", self.within.as_secs());
                Err(failed(ErrorKind::Retry, &text))
            }
        }
    }
}

fn header_map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        // What is none is missed by whoever is asked.
        if let Ok(mut value) = value.parse::<axum::http::HeaderValue>() {
            value.set_sensitive(true);
            map.insert(*name, value);
        }
    }
    map
}

/// Why there is no credential.
pub fn failed(kind: ErrorKind, text: &str) -> Error {
    let hint =
        "docs/service.md says where credentials are looked for; what the service may do there is decided by its role";
    Error::new(kind, Problem::new("cloud-credentials", format!("no credential for the registry: {text}")).hint(hint))
}

/// An answer that is not a success. `code` is what it calls that, if it does.
pub fn refused(doing: &str, place: &str, reply: &Reply, code: Option<&str>) -> Error {
    let kind = match (reply.status, code) {
        (429 | 500.., _) => ErrorKind::Retry,
        (_, Some(code)) if code.contains("Throttling") => ErrorKind::Retry,
        _ => ErrorKind::Denied,
    };
    let said: String =
        shown::one_line(&mask::hide(&String::from_utf8_lossy(&reply.body))).trim().chars().take(LONGEST).collect();
    failed(kind, &format!("cannot {doing} at `{place}`: status {}: {said}", reply.status))
}

/// An answer without what was asked for.
pub fn garbled(place: &str) -> Error {
    failed(ErrorKind::Retry, &format!("`{place}` answered with something else"))
}

pub fn json(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

/// A text that nobody sees from now on.
pub fn secret(text: &str) -> Secret {
    let secret = Secret::new(text);
    mask::learn(&secret);
    secret
}
