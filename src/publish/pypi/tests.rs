//! The uploader against a small index that answers what a test says.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as Segments, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};

use url::Url;

use super::*;
use crate::digest::Digest;
use crate::problem::Exit;
use crate::publish::failure::Failure;
use crate::receipt::Outcome;
use crate::secret::Secret;

const CANARY: &str = "pypi-canary-1";
const QUICK: Pace = Pace {
    base: Duration::from_millis(5),
    most: Duration::from_millis(300),
    total: Duration::from_millis(900),
    attempts: 4,
    limited: Duration::from_millis(20),
    writes: 1000,
    window: Duration::from_millis(60),
};

#[derive(Clone, Copy)]
enum Fault {
    /// This answer instead of storing.
    Answer(u16, &'static str),
    /// This answer after storing.
    Stored(u16),
}

#[derive(Default)]
struct Inner {
    /// Name, project, bytes, when.
    files: Vec<(String, String, Vec<u8>, String)>,
    faults: VecDeque<Fault>,
    /// File names of uploads, in order, and the credential of each.
    uploads: Vec<(String, String)>,
    forms: Vec<String>,
    minted: usize,
    /// How often the simple index still says nothing.
    stale: usize,
    /// Whether the simple index shows no digests.
    undigested: bool,
    /// Where the simple index sends readers of projects it does not have.
    forward: Option<String>,
    page: Option<&'static str>,
    status: Option<&'static str>,
}

type Shared = Arc<Mutex<Inner>>;

struct World {
    shared: Shared,
    index: Index,
    base: Url,
    folder: tempfile::TempDir,
    names: Vec<DistributionName>,
}

struct Made {
    distribution: usize,
    name: String,
    path: std::path::PathBuf,
    size: u64,
    sha256: Digest,
}

impl World {
    async fn new() -> Self {
        let shared = Shared::default();
        let router = Router::new()
            .route("/legacy/", post(receive))
            .route("/pypi/{name}/{version}/json", get(release))
            .route("/simple/{name}/", get(simple))
            .route(
                "/moved/simple/{name}/",
                get(async |Segments(name): Segments<String>| {
                    (StatusCode::MOVED_PERMANENTLY, [("location", format!("/simple/{name}/"))])
                }),
            )
            .route("/files/{name}", get(download))
            .route("/_/oidc/audience", get(async || axum::Json(json!({ "audience": "pypi" }))))
            .route("/_/oidc/mint-token", post(mint))
            .route("/identity", get(async || axum::Json(json!({ "value": "a.eyJyZXBvc2l0b3J5IjoiYS9iIn0.c" }))))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let at = |tail: &str| base.join(tail).unwrap();
        let index =
            Index { name: "pypi".into(), upload: at("legacy/"), json: Some(at("pypi/")), simple: at("simple/") };
        let names = ["opsml", "opsml-client"].map(|name| name.parse().unwrap()).to_vec();
        Self { shared, index, base, folder: tempfile::tempdir().unwrap(), names }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.shared.lock().unwrap()
    }

    /// An sdist of each distribution, then two wheels of each.
    fn files(&self) -> Vec<Made> {
        let mut made = Vec::new();
        for (distribution, name) in self.names.iter().enumerate() {
            let stem = format!("{}-1.0", name.in_files());
            let metadata = format!("Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nClassifier: X\n\n# Hello\n");
            let path = self.folder.path().join(format!("{stem}.tar.gz"));
            sdist(&path, &stem, &metadata);
            let mut paths = vec![path];
            for platform in ["manylinux_2_28_x86_64", "macosx_11_0_arm64"] {
                let path = self.folder.path().join(format!("{stem}-cp310-abi3-{platform}.whl"));
                wheel(&path, &stem, &metadata, platform);
                paths.push(path);
            }
            made.extend(paths.into_iter().map(|path| {
                let bytes = std::fs::read(&path).unwrap();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                Made { distribution, name, path, size: bytes.len() as u64, sha256: Digest::of(&bytes) }
            }));
        }
        made
    }

    fn uploads<'a>(&'a self, made: &'a [Made]) -> Vec<PackageUpload<'a>> {
        let upload = |made: &'a Made| {
            let distribution = &self.names[made.distribution];
            let file = PackageFile { distribution, version: "1.0", tag: "v1.0", name: &made.name };
            PackageUpload { file, path: made.path.clone(), size: made.size, sha256: made.sha256 }
        };
        made.iter().map(upload).collect()
    }

    fn credentials(&self, credential: &Credential) -> BTreeMap<DistributionName, Credential> {
        self.names.iter().map(|name| (name.clone(), credential.clone())).collect()
    }

    fn trusted(&self) -> Credential {
        let request_url = self.base.join("identity?api-version=2.0").unwrap();
        Credential::Trusted { request_url, request_token: Secret::new("runner") }
    }

    async fn run(&self) -> Result<Vec<Receipt>, Vec<Failure>> {
        self.run_with(&Credential::Token(Secret::new(CANARY))).await
    }

    async fn run_with(&self, credential: &Credential) -> Result<Vec<Receipt>, Vec<Failure>> {
        let made = self.files();
        let uploads = self.uploads(&made);
        self.publish(uploads, &self.credentials(credential)).await
    }

    async fn publish(
        &self,
        uploads: Vec<PackageUpload<'_>>,
        credentials: &BTreeMap<DistributionName, Credential>,
    ) -> Result<Vec<Receipt>, Vec<Failure>> {
        let (printer, files) = (Printer::silent(), uploads.iter().map(|upload| upload.file).collect());
        let run = async {
            let mut packages = Packages::new(&printer, &self.index, credentials, files, QUICK)?;
            packages.observe().await?;
            packages.compare(uploads).await?;
            packages.upload().await?;
            packages.confirm().await
        };
        run.await.map_err(|failures: Failures| failures.into_iter().collect())
    }

    /// A run that fails with this code and exit, and shows no secret.
    async fn fails(&self, code: &str, exit: Exit) -> String {
        let failures = self.run().await.unwrap_err();
        let text = format!("{failures:?}");
        assert!(!text.contains(CANARY), "{text}");
        assert!(failures.iter().any(|failure| (failure.problem().code, failure.exit()) == (code, exit)), "{text}");
        text
    }
}

fn wheel(path: &Path, stem: &str, metadata: &str, platform: &str) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    zip.start_file(format!("{stem}.dist-info/METADATA"), zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(metadata.as_bytes()).unwrap();
    zip.start_file(format!("{stem}.dist-info/WHEEL"), zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(platform.as_bytes()).unwrap();
    zip.finish().unwrap();
}

fn sdist(path: &Path, stem: &str, metadata: &str) {
    let gzip = flate2::write::GzEncoder::new(std::fs::File::create(path).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_ustar();
    header.set_size(metadata.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, format!("{stem}/PKG-INFO"), metadata.as_bytes()).unwrap();
    tar.into_inner().unwrap().finish().unwrap();
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let text = String::from_utf8_lossy(&body).into_owned();
    let boundary = headers["content-type"].to_str().unwrap().split_once("boundary=").unwrap().1;
    let mark = b"application/octet-stream\r\n\r\n";
    let start = body.windows(mark.len()).position(|window| window == mark).unwrap() + mark.len();
    let bytes = body[start..body.len() - boundary.len() - 8].to_vec();
    let field = |name: &str| {
        text.split_once(&format!("name=\"{name}\"\r\n\r\n")).unwrap().1.split("\r\n").next().unwrap().to_owned()
    };
    let name = text.split_once("filename=\"").unwrap().1.split('"').next().unwrap().to_owned();
    assert_eq!(field("sha256_digest"), Digest::of(&bytes).hex());
    assert_eq!(field("blake2_256_digest").len(), 64);
    assert!(!headers.contains_key("expect"));
    let mut inner = shared.lock().unwrap();
    let auth = headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
    inner.uploads.push((name.clone(), auth));
    inner.forms.push(text[..text.find("filename=").unwrap()].to_owned());
    let answer = |status: u16, text: &str| {
        (StatusCode::from_u16(status).unwrap(), json!({ "code": format!("{status} {text}") }).to_string())
    };
    let fault = inner.faults.pop_front();
    if let Some(Fault::Answer(status, text)) = fault {
        return answer(status, text);
    }
    let there = inner.files.iter().find(|file| file.0 == name).map(|file| file.2 == bytes);
    if there == Some(false) {
        return answer(400, &format!("File already exists ('{name}', with blake2_256 hash 'x')."));
    }
    if there.is_none() {
        inner.files.push((name, field("name"), bytes, crate::world::clock::now()));
    }
    if let Some(Fault::Stored(status)) = fault {
        answer(status, "Bad Gateway")
    } else {
        (StatusCode::OK, String::new())
    }
}

async fn release(
    State(shared): State<Shared>,
    Segments((name, _)): Segments<(String, String)>,
) -> (StatusCode, String) {
    let inner = shared.lock().unwrap();
    let files = inner.files.iter().filter(|file| file.1 == name).map(|(name, _, bytes, at)| {
        json!({ "filename": name, "digests": { "sha256": Digest::of(bytes).hex() }, "size": bytes.len(),
            "url": format!("http://files.example/{name}"), "upload_time_iso_8601": at })
    });
    let urls: Vec<Value> = files.collect();
    let status = if urls.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    (status, json!({ "urls": urls }).to_string())
}

async fn simple(State(shared): State<Shared>, Segments(name): Segments<String>) -> (StatusCode, HeaderMap, String) {
    let mut inner = shared.lock().unwrap();
    let mut headers = HeaderMap::new();
    if inner.stale > 0 && !inner.files.is_empty() {
        inner.stale -= 1;
        return (StatusCode::NOT_FOUND, headers, String::new());
    }
    let files: Vec<_> = inner.files.iter().filter(|file| file.1 == name).collect();
    if let (true, Some(forward)) = (files.is_empty(), &inner.forward) {
        headers.insert("location", format!("{forward}/simple/{name}/").parse().unwrap());
        return (StatusCode::FOUND, headers, String::new());
    }
    if let Some(page) = inner.page {
        headers.insert("content-type", "text/html".parse().unwrap());
        return (StatusCode::OK, headers, page.to_owned());
    }
    if files.is_empty() && inner.status.is_none() {
        return (StatusCode::NOT_FOUND, headers, String::new());
    }
    if inner.undigested {
        headers.insert("content-type", "text/html".parse().unwrap());
        let anchors = files.iter().map(|file| format!("<a href=\"/files/{0}\">{0}</a><br>", file.0));
        return (StatusCode::OK, headers, format!("<html>{}</html>", anchors.collect::<String>()));
    }
    headers.insert("content-type", "application/vnd.pypi.simple.v1+json".parse().unwrap());
    let files = files.iter().map(|(name, _, bytes, at)| {
        json!({ "filename": name, "hashes": { "sha256": Digest::of(bytes).hex() }, "url": format!("/files/{name}"),
            "size": bytes.len(), "upload-time": at })
    });
    let files: Vec<Value> = files.collect();
    let status = json!({ "status": inner.status.unwrap_or("active") });
    (StatusCode::OK, headers, json!({ "files": files, "project-status": status }).to_string())
}

async fn download(State(shared): State<Shared>, Segments(name): Segments<String>) -> Vec<u8> {
    shared.lock().unwrap().files.iter().find(|file| file.0 == name).unwrap().2.clone()
}

async fn mint(State(shared): State<Shared>, body: String) -> (StatusCode, String) {
    assert!(body.contains("eyJ"));
    let mut inner = shared.lock().unwrap();
    inner.minted += 1;
    let at = chrono::DateTime::parse_from_rfc3339(&crate::world::clock::now()).unwrap().timestamp() + 900;
    (StatusCode::OK, json!({ "success": true, "token": format!("pypi-{}", inner.minted), "expires": at }).to_string())
}

#[tokio::test]
async fn wheels_of_all_projects_come_before_sdists() {
    let world = World::new().await;
    let receipts = world.run().await.unwrap();
    assert_eq!(receipts.len(), 6);
    assert!(
        receipts.iter().all(|one| one.outcome == Outcome::Published && one.confirmed_by.as_deref() == Some("digest"))
    );
    let names: Vec<bool> = world.inner().uploads.iter().map(|(name, _)| name.ends_with(".whl")).collect();
    assert_eq!(names, [true, true, true, true, false, false]);
    let form = world.inner().forms[0].clone();
    for part in [
        "name=\":action\"\r\n\r\nfile_upload",
        "name=\"classifiers\"\r\n\r\nX\r\n",
        "name=\"pyversion\"\r\n\r\ncp310\r\n",
    ] {
        assert!(form.contains(part), "{form}");
    }
    // A second run has nothing to do, and needs nothing to do it with.
    let made = world.files();
    let receipts = world.publish(world.uploads(&made), &BTreeMap::new()).await.unwrap();
    assert!(receipts.iter().all(|one| one.outcome == Outcome::AlreadyThere));
    assert_eq!(world.inner().uploads.len(), 6);
}

#[tokio::test]
async fn what_arrived_is_not_sent_again() {
    let world = World::new().await;
    world.inner().faults = [Fault::Stored(502), Fault::Answer(503, "later"), Fault::Stored(500)].into();
    assert_eq!(world.run().await.unwrap().len(), 6);
    assert_eq!(world.inner().uploads.len(), 7);
}

#[tokio::test]
async fn an_index_that_is_down_is_left_after_some_attempts() {
    let world = World::new().await;
    world.inner().faults = [Fault::Answer(503, "later"); 40].into();
    world.fails("server-trouble", Exit::Unfinished).await;
    world.inner().faults.clear();
    assert_eq!(world.run().await.unwrap().len(), 6);
}

#[tokio::test]
async fn refusals_end_it_with_their_reason() {
    for (status, text, code, exit) in [
        (403, "Invalid or non-existent authentication information.", "token-refused", Exit::Denied),
        (403, "The given token isn't allowed to upload to project 'opsml'.", "index-project-denied", Exit::Denied),
        (400, "Non-user identities cannot create new projects.", "index-project-new", Exit::Denied),
        (429, "Too many new projects created", "index-too-many-projects", Exit::Unfinished),
        (400, "Invalid distribution file. x", "index-refused", Exit::Verification),
    ] {
        let world = World::new().await;
        world.inner().faults = [Fault::Answer(status, text); 2].into();
        let said = world.fails(code, exit).await;
        assert!(world.inner().uploads.len() <= 2, "{text} is not repeated");
        assert!(said.contains(text), "{said}");
        assert!(!world.inner().files.iter().any(|file| file.0.ends_with(".gz")), "no sdist after a refusal");
    }
}

#[tokio::test]
async fn other_bytes_are_a_conflict_before_anything_is_sent() {
    let world = World::new().await;
    let name = "opsml_client-1.0.tar.gz".to_owned();
    world.inner().files.push((name, "opsml-client".into(), b"other".to_vec(), crate::world::clock::now()));
    let said = world.fails("index-file-differs", Exit::Conflict).await;
    assert!(said.contains(&Digest::of(b"other").hex()) && said.contains("this release has sha256:"), "{said}");
    assert_eq!(world.inner().uploads.len(), 0);
}

#[tokio::test]
async fn old_releases_and_closed_projects_take_nothing() {
    let world = World::new().await;
    let made = world.files();
    let bytes = std::fs::read(&made[0].path).unwrap();
    world.inner().files.push((made[0].name.clone(), "opsml".into(), bytes, "2026-01-01T00:00:00Z".into()));
    let said = world.fails("index-release-old", Exit::Usage).await;
    assert!(said.contains(&made[1].name) && said.contains(&made[2].name), "{said}");
    assert_eq!(world.inner().uploads.len(), 0);
    let world = World::new().await;
    world.inner().status = Some("archived");
    world.fails("index-project-closed", Exit::Denied).await;
}

#[tokio::test]
async fn trusted_tokens_are_minted_late_and_renewed_once() {
    let world = World::new().await;
    world.inner().faults = [Fault::Answer(403, "Invalid API Token: token is expired"); 2].into();
    assert_eq!(world.run_with(&world.trusted()).await.unwrap().len(), 6);
    // Each project has a token of its own, and each was expired once.
    {
        let inner = world.inner();
        assert_eq!((inner.minted, inner.uploads.len()), (4, 8));
    }
    let world = World::new().await;
    world.inner().faults = [Fault::Answer(403, "Invalid API Token: token is expired"); 12].into();
    let failures = world.run_with(&world.trusted()).await.unwrap_err();
    assert!(failures.iter().all(|failure| failure.problem().code == "token-refused"), "{failures:?}");
    assert!(world.inner().minted <= 4);
}

#[tokio::test]
async fn a_stale_simple_index_is_waited_for() {
    let world = World::new().await;
    world.inner().stale = 6;
    assert_eq!(world.run().await.unwrap().len(), 6);
    assert_eq!(world.inner().stale, 0);
    // Without an end it is a warning: the JSON says that all is right.
    let world = World::new().await;
    world.inner().stale = 100_000;
    assert_eq!(world.run().await.unwrap().len(), 6);
}

#[tokio::test]
async fn an_index_without_digests_is_read_back_byte_by_byte() {
    let mut world = World::new().await;
    world.index.json = None;
    world.inner().undigested = true;
    let receipts = world.run().await.unwrap();
    assert!(receipts.iter().all(|one| one.confirmed_by.as_deref() == Some("download")));
    assert!(world.run().await.unwrap().iter().all(|one| one.outcome == Outcome::AlreadyThere));
}

#[tokio::test]
async fn what_another_index_has_is_not_here() {
    let mut world = World::new().await;
    world.index.json = None;
    // What GitLab and pypiserver say of projects that they do not have; nobody goes there.
    world.inner().forward = Some("https://pypi.org".to_owned());
    assert!(world.run().await.unwrap().iter().all(|one| one.outcome == Outcome::Published));
    assert_eq!(world.inner().uploads.len(), 6);
    // A redirect within the index is followed.
    world.index.simple = world.base.join("moved/simple/").unwrap();
    assert!(world.run().await.unwrap().iter().all(|one| one.outcome == Outcome::AlreadyThere));
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_not_an_empty_index() {
    let login = "<html><body><h1>Sign in</h1><form><input type=\"password\"></form></body></html>";
    for (forward, page) in
        [(Some("http://127.0.0.1:9"), None), (Some("https://sso.example/login"), None), (None, Some(login))]
    {
        let mut world = World::new().await;
        world.index.json = None;
        world.inner().forward = forward.map(str::to_owned);
        world.inner().page = page;
        world.fails("answer-unreadable", Exit::Unfinished).await;
        assert_eq!(world.inner().uploads.len(), 0);
    }
}

#[tokio::test]
async fn nothing_is_sent_in_clear_text_to_others() {
    let mut world = World::new().await;
    world.index.upload = "http://pypi.example/legacy/".parse().unwrap();
    world.fails("endpoint-insecure", Exit::Usage).await;
}
