//! The registry as a client sees it.

mod access;
mod faults;
mod push;
mod quirks;
mod read;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::oci::media;

use super::{Options, Server};

/// A registry and a client that follows and repeats nothing.
struct World {
    server: Server,
    client: Client,
}

struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl World {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        // The test talks plain http; without a provider reqwest does not even start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .unwrap();
        Self { server: Server::start(options).unwrap(), client }
    }

    fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.server.url()) };
        self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url)
    }

    async fn send(&self, method: &str, path: &str) -> Got {
        got(self.ask(method, path)).await
    }

    async fn send_body(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Got {
        got(self.ask(method, path).body(body)).await
    }

    /// Begins an upload; the address to go on at.
    async fn begin(&self, repository: &str) -> String {
        let begun = self.send("POST", &format!("/v2/{repository}/blobs/uploads/")).await;
        assert_eq!(begun.status, 202);
        begun.location()
    }

    async fn chunk(&self, at: &str, range: &str, bytes: &'static [u8]) -> Got {
        got(self.ask("PATCH", at).header("content-range", range).body(bytes)).await
    }

    async fn put_manifest(&self, path: &str, media_type: &str, manifest: &Value) -> Got {
        got(self.ask("PUT", path).header("content-type", media_type).body(manifest.to_string())).await
    }

    /// An image of one layer whose blobs are there, not yet its manifest.
    fn image(&self, repository: &str) -> Value {
        let (config, layer) = (self.server.seed_blob(repository, b"{}"), self.server.seed_blob(repository, b"layer"));
        json!({
            "schemaVersion": 2, "mediaType": media::MANIFEST,
            "config": { "mediaType": media::CONFIG, "digest": config, "size": 2 },
            "layers": [{ "mediaType": media::LAYER_GZIP, "digest": layer, "size": 5 }],
        })
    }
}

async fn got(request: RequestBuilder) -> Got {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Got { status, headers, body: answer.bytes().await.unwrap().into() }
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn location(&self) -> String {
        self.header("location").to_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and error code.
    fn error(&self) -> (u16, String) {
        (self.status, self.json()["errors"][0]["code"].as_str().unwrap().to_owned())
    }
}

fn closing(at: &str, digest: Digest) -> String {
    format!("{at}&digest={digest}")
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
