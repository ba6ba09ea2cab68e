//! The rehearsal's package index, asked with forms written here field by field.

mod attestations;
mod faults;
mod files;
mod reading;
mod refusals;
mod trusted;

use longshore::rehearsal::pypi::{Existing, Options, Server, Token};
use longshore::secret::Secret;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::package::{ANY, Made, Package};

const TOKEN: &str = "pypi-of-ada";
const BOUNDARY: &str = "between-the-parts";

/// An index on which `ada` has a token for everything that is hers.
struct World {
    server: Server,
    client: Client,
}

/// An upload as a client fills it in.
#[derive(Clone)]
struct Form {
    fields: Vec<(String, String)>,
    file: Option<Made>,
    media: &'static str,
    token: Option<String>,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options { tokens: vec![token(TOKEN, "ada")], ..Options::default() };
        change(&mut options);
        // The tests talk plain http; without a provider reqwest does not even start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { server: Server::start(options).unwrap(), client }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.server.url()) };
        self.client.request(method, url)
    }

    fn post(&self, form: &Form) -> RequestBuilder {
        let request = self.request(Method::POST, "/legacy/").header("accept", "application/json");
        let request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
        let request = form.token.iter().fold(request, |request, token| request.basic_auth("__token__", Some(token)));
        request.body(form.body())
    }

    /// The answer to an upload: its status, and its words if it has some.
    async fn send(&self, form: &Form) -> String {
        let answer = self.post(form).send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        if text.is_empty() {
            return status.to_string();
        }
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        json["code"].as_str().unwrap().to_owned()
    }

    /// Sends an upload whose answer begins so.
    async fn says(&self, form: &Form, expected: &str) {
        let said = self.send(form).await;
        assert!(said.starts_with(expected), "{said}\n{expected}");
    }

    /// Status and text of what is read.
    async fn get(&self, path: &str, accept: &str) -> (u16, String) {
        let answer = self.request(Method::GET, path).header("accept", accept).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        let (status, text) = self.get(path, "application/vnd.pypi.simple.v1+json, application/json").await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The names of all files of a project.
    fn files(&self, project: &str) -> Vec<String> {
        let shown = self.server.shown().into_iter().filter(|held| held.name == project);
        shown.flat_map(|held| held.files).map(|(name, ..)| name).collect()
    }
}

impl Form {
    /// A good one.
    fn of(package: &Package<'_>, file: Made) -> Self {
        let wheel = file.name.ends_with(".whl");
        let python = if wheel { file.name.rsplit('-').nth(2).unwrap() } else { "source" };
        let (sha256, blake2) = (file.sha256().hex(), blake2(&file.bytes));
        let fields = [
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("filetype", if wheel { "bdist_wheel" } else { "sdist" }),
            ("pyversion", python),
            ("sha256_digest", &sha256),
            ("blake2_256_digest", &blake2),
            ("metadata_version", "2.4"),
            ("name", package.name),
            ("version", package.version),
            ("summary", "A package for tests"),
            ("requires_python", ">=3.8"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { fields, file: Some(file), media: "application/octet-stream", token: Some(TOKEN.into()) }
    }

    fn wheel(package: &Package<'_>) -> Self {
        Self::of(package, package.wheel(ANY))
    }

    fn sdist(package: &Package<'_>) -> Self {
        Self::of(package, package.sdist())
    }

    /// With another value, or one more.
    fn set(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.into(), value.into()));
        self
    }

    /// With other bytes, and the digests of those.
    fn bytes(mut self, bytes: Vec<u8>) -> Self {
        if let Some(file) = &mut self.file {
            file.bytes.clone_from(&bytes);
        }
        let digest = longshore::digest::Digest::of(&bytes).hex();
        self.set("sha256_digest", &digest).set("blake2_256_digest", &blake2(&bytes))
    }

    fn named(mut self, name: &str) -> Self {
        if let Some(file) = &mut self.file {
            name.clone_into(&mut file.name);
        }
        self
    }

    fn by(mut self, token: Option<&str>) -> Self {
        self.token = token.map(str::to_owned);
        self
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let part = |name: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
        for (name, value) in &self.fields {
            body.extend(format!("{}\r\n\r\n{value}\r\n", part(name)).into_bytes());
        }
        if let Some(Made { name, bytes }) = &self.file {
            let head = format!("{}; filename=\"{name}\"\r\nContent-Type: {}\r\n\r\n", part("content"), self.media);
            body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
        }
        body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        body
    }
}

fn token(secret: &str, user: &str) -> Token {
    Token { secret: Secret::new(secret), user: user.into(), projects: None }
}

fn existing(name: &str, owner: &str) -> Existing {
    Existing { name: name.into(), owner: owner.into(), ..Existing::default() }
}

fn blake2(bytes: &[u8]) -> String {
    use blake2::Digest as _;
    blake2::Blake2b256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
