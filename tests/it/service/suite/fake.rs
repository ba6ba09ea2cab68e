//! An executor without git, engine or registry, and a service that hands it its tasks. The name of an app says what it does.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use longshore::digest::Digest;
use longshore::serve::check::Refusal;
use longshore::serve::executor::{Attempt, Ended, Executor};
use longshore::serve::face::Links;
use longshore::serve::log::Logs;
use longshore::serve::queue::Pace;
use longshore::serve::service::{Data, Service, Setup};
use longshore::serve::store::Keep;
use longshore::serve::task::{Fault, Outcome, Phase, Pushed, Reason, Submission};
use longshore::world::terminal::Printer;
use serde_json::Value;

use super::database;

/// Executes nothing; writes what it would have done into a file, one line each, and takes a folder for a registry.
pub struct Fake {
    folder: PathBuf,
    events: Mutex<()>,
}

impl Fake {
    pub fn new(folder: &Path) -> Self {
        for name in ["digests", "tags", "hold"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        Self { folder: folder.to_owned(), events: Mutex::new(()) }
    }

    /// Lines as `start 1 TAG`: what, which attempt, of which tag.
    fn event(&self, what: &str, attempt: &Attempt<'_>) {
        use std::io::Write;
        let _one = self.events.lock().unwrap();
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("events")).unwrap();
        // One write: a process that is killed leaves whole lines.
        file.write_all(format!("{what} {} {}\n", attempt.number, attempt.submission.image_tag).as_bytes()).unwrap();
    }

    /// Waits as long as a file of this name is there.
    fn hold(&self, name: &str, attempt: &Attempt<'_>) -> Result<(), Ended> {
        let held = self.folder.join("hold").join(name);
        if held.exists() {
            self.event(&format!("held-{name}"), attempt);
        }
        while held.exists() {
            if attempt.stop.is_cancelled() {
                return Err(Ended::Stopped);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn build(&self, attempt: &Attempt<'_>) -> Result<Pushed, Ended> {
        let submission = attempt.submission;
        self.hold("fetching", attempt)?;
        attempt.fence.commit("3f786850e387550fdab836ed7e6dc881de23001b")?;
        attempt.fence.enter(Phase::Building)?;
        self.hold("building", attempt)?;
        match submission.app_name.as_str() {
            "broken" => return Err(Fault::new(Reason::BuildFailed, "RUN false ended with 1").into()),
            "unreachable" => return Err(Fault::new(Reason::RegistryUnavailable, "no answer").into()),
            "panics" => panic!("on purpose"),
            "stubborn" => return Err(Ended::Stopped),
            _ => {}
        }
        let _ = attempt.log.write(format!("building {}\nhalf", submission.app_name).as_bytes());
        self.hold("log", attempt)?;
        let _ = attempt.log.write(b" a line\n");
        attempt.fence.enter(Phase::Pushing)?;
        self.hold("pushing", attempt)?;
        let digest = Digest::of(submission.image_tag.as_bytes());
        fs::write(self.folder.join("digests").join(digest.hex()), "").unwrap();
        self.event("pushed", attempt);
        self.hold("pushed", attempt)?;
        let reference = format!("localhost:5000/serve-app:{}", submission.image_tag).parse();
        let reference = reference.map_err(|why: String| Fault::new(Reason::TagInvalid, why))?;
        let commit = "3f786850e387550fdab836ed7e6dc881de23001b".into();
        Ok(Pushed { commit, digest, references: vec![reference] })
    }
}

impl Executor for Fake {
    fn check(&self, submission: &Submission) -> Result<(), Vec<Refusal>> {
        if submission.git_repo.starts_with("file:") {
            let (message, hint) = ("it is a local path".into(), "use https".into());
            return Err(vec![Refusal { reason: Reason::GitSchemeForbidden, field: "git_repo", message, hint }]);
        }
        Ok(())
    }

    fn run(&self, attempt: &Attempt<'_>) -> Result<Outcome, Ended> {
        self.event("start", attempt);
        let found = attempt.pushed.filter(|one| self.folder.join("digests").join(one.digest.hex()).exists());
        let pushed = match found {
            Some(pushed) => pushed.clone(),
            None => self.build(attempt)?,
        };
        attempt.fence.pushed(&pushed)?;
        self.hold("stored", attempt)?;
        attempt.fence.last()?;
        self.hold("tagging", attempt)?;
        fs::write(self.folder.join("tags").join(&attempt.submission.image_tag), pushed.digest.to_string()).unwrap();
        self.event("tagged", attempt);
        self.hold("tagged", attempt)?;
        Ok(Outcome { pushed, platforms: vec!["linux/amd64".into()], size: Some(1234) })
    }

    fn recover(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn ready(&self) -> anyhow::Result<()> {
        anyhow::ensure!(!self.folder.join("unready").exists(), "the engine does not answer");
        Ok(())
    }
}

/// As fast as tests want it.
pub fn pace() -> Pace {
    Pace {
        lease: Duration::from_millis(600),
        delay: Duration::from_millis(50),
        limit: Duration::from_secs(30),
        tidy: Duration::from_millis(200),
        farewell: Duration::from_secs(5),
    }
}

pub fn setup() -> Setup {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let links = Links {
        root_path: "/artifact-builder".into(),
        app_layer_url: Some("http://links.test/artifact-builder".into()),
    };
    let keep = Keep::default();
    let (per_app, old_logs, tokens, submits) = (None, None, None, None);
    let (builds, pace, keep_free, webhook) = (1, pace(), 0, None);
    Setup { listen, open: false, links, builds, per_app, keep, old_logs, pace, tokens, submits, keep_free, webhook }
}

/// Starts a service whose data and registry are in a folder.
pub fn start(folder: &Path, setup: &Setup) -> Service {
    let data = Data::open(folder, &database(folder)).unwrap();
    let logs = Logs::new(data.logs());
    let executor = Arc::new(Fake::new(&folder.join("fake")));
    Service::start(data, logs, executor, setup, &Printer::silent()).unwrap()
}

/// A service in this process, and a client that follows no redirects.
pub struct World {
    pub folder: tempfile::TempDir,
    pub client: reqwest::Client,
    service: Option<Service>,
    address: SocketAddr,
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = setup();
        change(&mut setup);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        // It waits, and a test's thread may not.
        let service = std::thread::spawn(move || start(&path, &setup)).join().unwrap();
        Self { folder, client: client(), address: service.address(), service: Some(service) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Attempts stop at this point from now on.
    pub fn hold(&self, name: &str) {
        fs::create_dir_all(self.folder.path().join("fake/hold")).unwrap();
        fs::write(self.folder.path().join("fake/hold").join(name), "").unwrap();
    }

    pub fn release(&self, name: &str) {
        fs::remove_file(self.folder.path().join("fake/hold").join(name)).unwrap();
    }

    pub fn events(&self) -> Vec<String> {
        events(self.folder.path())
    }

    /// A build of the new face; its id.
    pub async fn submit(&self, app: &str, tag: &str) -> String {
        let body = serde_json::json!({ "app_name": app, "image_tag": tag, "git_repo": "https://git.test/app.git" });
        let answer = self.post("/api/v1/builds", &body).await;
        assert_eq!(answer.0, 201, "{}", answer.1);
        answer.1["id"].as_str().unwrap().to_owned()
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(self.url(path)).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.unwrap();
        (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.client.get(self.url(path)).send().await.unwrap();
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub async fn build(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/builds/{id}")).await.1
    }

    /// The build as soon as it is in this state.
    pub async fn until(&self, id: &str, state: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let build = self.build(id).await;
            if build["state"] == state {
                return build;
            }
            assert!(Instant::now() < end, "not {state}: {build}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for an event.
    pub async fn seen(&self, event: &str) {
        seen(self.folder.path(), event).await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let service = self.service.take().unwrap();
        std::thread::spawn(move || service.stop()).join().unwrap();
    }
}

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

pub fn events(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("fake/events")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

pub async fn seen(folder: &Path, event: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while !events(folder).iter().any(|line| line == event) {
        assert!(Instant::now() < end, "no `{event}`: {:?}", events(folder));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
