//! Our client of registries against the registry of the rehearsal, and against answers that it never gives.

mod access;
mod faults;
mod guards;
mod quirks;
mod script;
mod scripted;
mod tokens;
mod traffic;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use longshore::oci::Descriptor;
use longshore::oci::registry::{Access, Document, Error, HostAccess, Login, Pushed, Registries, Source};
use longshore::problem::{Exit, Failure};
use longshore::reference::Repository;
use longshore::rehearsal::registry::{Auth, Fault, Options, Quirks, Server};
use longshore::secret::Secret;
use longshore::world::env::Env;
use longshore::world::process::Runner;

use crate::image::{Image, blob};

const USER: &str = "harbor-bot";
const CANARY: &str = "canary:password/1";
/// How references name the registry; where it listens is said apart.
const HOST: &str = "registry.test";

/// A registry, and what a run needs to reach it.
struct World {
    server: Server,
    folder: tempfile::TempDir,
    registries: Registries,
}

impl World {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn quirky(quirks: Quirks) -> Self {
        Self::with(Options { quirks, ..Options::default() })
    }

    fn faulty(fault: Fault, times: usize) -> Self {
        Self::with(Options { faults: vec![(fault, times)], ..Options::default() })
    }

    fn with(options: Options) -> Self {
        let server = Server::start(options).unwrap();
        let registries = to(&server, Some(login(CANARY)));
        Self { server, folder: tempfile::tempdir().unwrap(), registries }
    }

    /// Another run against the same registry.
    fn anew(&mut self) {
        self.registries = to(&self.server, Some(login(CANARY)));
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("blob");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn push(&self, path: &str, (blob, bytes): &(Descriptor, Vec<u8>)) -> Result<Pushed, Error> {
        self.registries.push_blob(&repository(path), blob, Source::Bytes(bytes)).await
    }

    async fn push_file(&self, path: &str, (blob, bytes): &(Descriptor, Vec<u8>)) -> Result<Pushed, Error> {
        let file = self.file(bytes);
        self.registries.push_blob(&repository(path), blob, Source::File(&file, None)).await
    }

    async fn read(&self, path: &str, (blob, bytes): &(Descriptor, Vec<u8>)) {
        let mut read = Vec::new();
        self.registries.download(&repository(path), blob, &mut read).await.unwrap();
        assert!(&read == bytes, "{} is something else in {path}", blob.digest);
    }

    /// How many requests begin so.
    fn count(&self, start: &str) -> usize {
        self.server.requests().iter().filter(|request| request.starts_with(start)).count()
    }
}

fn repository(path: &str) -> Repository {
    Repository { registry: HOST.into(), path: path.into() }
}

fn login(password: &str) -> Login {
    Login::Password { username: USER.into(), password: Secret::new(password) }
}

fn basic() -> Auth {
    Auth::Basic { user: USER.into(), password: Secret::new(CANARY) }
}

fn bearer() -> Auth {
    Auth::Bearer { user: USER.into(), password: Secret::new(CANARY) }
}

fn reached(url: &str, login: Option<Login>) -> HostAccess {
    HostAccess { url: Some(url.parse().unwrap()), login, anonymous: true, ..HostAccess::default() }
}

/// A run that knows the registry as `registry.test`.
fn to(server: &Server, login: Option<Login>) -> Registries {
    knowing([(HOST, reached(&server.url(), login))])
}

fn knowing<const N: usize>(hosts: [(&str, HostAccess); N]) -> Registries {
    Registries::new(&Runner::new(Env::default()), &Env::default(), knowing_access(hosts))
}

fn knowing_access<const N: usize>(hosts: [(&str, HostAccess); N]) -> Access {
    Access { hosts: hosts.map(|(name, access)| (name.to_owned(), access)).into(), ..Access::default() }
}

/// Bytes that no other number has.
fn some(number: u64, length: usize) -> (Descriptor, Vec<u8>) {
    let word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    let bytes = (0..length).map(|at| word[at % 8].wrapping_add((at / 8) as u8)).collect();
    blob("application/octet-stream", bytes)
}

/// A config and a manifest of its own that refers to another, for lists of referrers.
fn referrer(subject: &Descriptor) -> ((Descriptor, Vec<u8>), Document) {
    let (config, bytes) = blob("application/vnd.oci.empty.v1+json", b"{}".to_vec());
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": longshore::oci::media::MANIFEST, "artifactType": "application/vnd.example.note",
        "config": config, "layers": [config], "subject": subject, "annotations": { "note": "signed" },
    });
    ((config, bytes), Document::new(longshore::oci::media::MANIFEST, manifest.to_string().into_bytes()))
}

/// An error with this end and code, which does not tell what is secret.
fn fails<T: std::fmt::Debug>(result: Result<T, Error>, exit: Exit, code: &str) -> String {
    let error = result.unwrap_err();
    quiet(&error);
    let problem = &error.problem;
    assert_eq!((error.exit(), problem.code), (exit, code), "{}", problem.message);
    assert!(problem.hint.is_some(), "{} says nothing of what to do", problem.message);
    problem.message.clone()
}

fn quiet(error: &Error) {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{CANARY}"));
    let failure = Failure::from(error.clone());
    let shown = format!("{error:?}\n{failure}\n{failure:?}\n{}", serde_json::to_string(&error.problem).unwrap());
    assert!(!shown.contains(CANARY) && !shown.contains(&encoded), "a password: {shown}");
}

/// What a release does: blobs from everywhere, manifests, an index with tags; then everything is read back.
async fn whole_trip(auth: Auth) {
    let other = Server::start(Options { auth: basic(), ..Options::default() }).unwrap();
    let base = some(1, 300_000);
    other.seed_blob("upstream/base", &base.1);
    let mut world = World::with(Options { auth, ..Options::default() });
    world.server.seed_blob("library/base", &base.1);
    world.registries = knowing([
        (HOST, reached(&world.server.url(), Some(login(CANARY)))),
        ("upstream.test", reached(&other.url(), Some(login(CANARY)))),
    ]);
    let app = repository("acme/app");
    let image = Image::new("1.2.3");
    image.push(&world.registries, &app, &["1.2.3", "latest"]).await.unwrap();
    image.check(&world.registries, &app, "1.2.3").await;
    image.check(&world.registries, &app, "latest").await;
    assert_eq!(world.registries.tags(&app).await.unwrap(), ["1.2.3", "latest"]);

    let large = some(2, 3 << 20);
    assert_eq!(world.push_file("acme/app", &large).await.unwrap(), Pushed::Sent);
    let mut bytes = Vec::new();
    world.registries.download(&app, &large.0, &mut bytes).await.unwrap();
    assert!(bytes == large.1);
    let near = Source::Elsewhere(&repository("library/base"));
    assert_eq!(world.registries.push_blob(&app, &base.0, near).await.unwrap(), Pushed::Mounted);
    let upstream = Repository { registry: "upstream.test".into(), path: "upstream/base".into() };
    let tools = repository("acme/tools");
    let far = world.registries.push_blob(&tools, &base.0, Source::Elsewhere(&upstream)).await;
    assert_eq!(far.unwrap(), Pushed::Sent);
    world.read("acme/app", &base).await;
    world.read("acme/tools", &base).await;

    let (config, note) = referrer(&image.index.descriptor);
    world.push("acme/app", &config).await.unwrap();
    world.registries.put_manifest(&app.at(note.descriptor.digest), &note).await.unwrap();
    let referrers = world.registries.referrers(&app, image.index.descriptor.digest).await.unwrap();
    assert_eq!(referrers.len(), 1);
    assert_eq!(referrers[0]["digest"], note.descriptor.digest.to_string());
    assert_eq!(referrers[0]["annotations"]["note"], "signed");

    world.anew();
    assert_eq!(world.push_file("acme/app", &large).await.unwrap(), Pushed::There);
    image.push(&world.registries, &app, &["1.2.3"]).await.unwrap();
    image.check(&world.registries, &app, "1.2.3").await;
    nothing_there(&world.registries).await;
}

/// What is not there is not an error, but for blobs.
async fn nothing_there(registries: &Registries) {
    let (app, nowhere) = (repository("acme/app"), repository("acme/nowhere"));
    let (blob, _) = some(99, 10);
    assert_eq!(registries.head(&app.tagged("0.0.1")).await.unwrap(), None);
    assert_eq!(registries.head(&nowhere.tagged("0.0.1")).await.unwrap(), None);
    assert_eq!(registries.manifest(&app.at(blob.digest)).await.unwrap(), None);
    assert_eq!(registries.tags(&nowhere).await.unwrap(), Vec::<String>::new());
    assert_eq!(registries.referrers(&nowhere, blob.digest).await.unwrap(), Vec::<serde_json::Value>::new());
    assert!(registries.blob(&app, &blob).await.is_err());
    let missing = Source::Elsewhere(&nowhere);
    assert!(registries.push_blob(&app, &blob, missing).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_and_back_where_anybody_may() {
    whole_trip(Auth::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_and_back_with_a_password() {
    whole_trip(basic()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_and_back_with_tokens() {
    whole_trip(bearer()).await;
}
