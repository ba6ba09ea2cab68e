//! Repositories over HTTP, by git's own `http-backend` behind a small server on loopback.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use longshore::world::server::{Port, Server};

use crate::project::program;

/// Who may fetch from repositories below `private/`.
pub const USER: &str = "caller";
pub const PASSWORD: &str = "canary-p@ss/word";
/// `caller:canary-p@ss/word` in base64.
const BASIC: &str = "Basic Y2FsbGVyOmNhbmFyeS1wQHNzL3dvcmQ=";

/// It, running; ends when it is dropped.
pub struct GitServer {
    /// Host and port.
    pub host: String,
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    _server: Server,
}

#[derive(Clone)]
struct Site {
    root: PathBuf,
    asked: Arc<Mutex<Vec<String>>>,
}

impl GitServer {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let site = Site { root: folder.path().to_owned(), asked: Arc::clone(&asked) };
        let port = Port::take(0).unwrap();
        let host = port.address().to_string();
        let server = port.serve(Router::new().fallback(answer).with_state(site)).unwrap();
        Self { host, folder, asked, _server: server }
    }

    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.host)
    }

    /// The requests by now, method and path.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Makes a repository by a script of bash that runs in its work tree.
    pub fn repository(&self, name: &str, script: &str) {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let whole = format!(
            "set -e; git init -q -b main; git config uploadpack.allowFilter true; git config core.hooksPath /dev/null; {script}"
        );
        let mut command = program("bash");
        command.args(["-c", &whole]).current_dir(&folder).env("HOME", self.folder.path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_ALLOW_PROTOCOL", "file");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "test").env(format!("GIT_{who}_EMAIL"), "test@example.com");
            command.env(format!("GIT_{who}_DATE"), "2026-01-01T00:00:00Z");
        }
        let done = command.output().unwrap();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// What a command of git says of a repository.
    pub fn git(&self, name: &str, args: &[&str]) -> String {
        let done = program("git").args(args).current_dir(self.folder.path().join(name)).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }
}

async fn answer(State(site): State<Site>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    site.asked.lock().unwrap().push(format!("{method} {}", uri.path()));
    let path = uri.path().to_owned();
    let empty = |status: u16| Response::builder().status(status);
    if path.starts_with("/away/") {
        let to = path.replacen("/away/", "/", 1);
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return empty(302).header("location", format!("{to}{query}")).body(Body::empty()).unwrap();
    }
    if path.starts_with("/slow/") {
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    }
    if path.starts_with("/broken/") {
        return empty(503).body(Body::empty()).unwrap();
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if path.starts_with("/private/") && header("authorization") != BASIC {
        return empty(401).header("www-authenticate", "Basic realm=\"test\"").body(Body::empty()).unwrap();
    }
    let query = uri.query().unwrap_or_default().to_owned();
    let asked = [
        ("REQUEST_METHOD", method.to_string()),
        ("PATH_INFO", path),
        ("QUERY_STRING", query),
        ("CONTENT_TYPE", header("content-type")),
        ("HTTP_CONTENT_ENCODING", header("content-encoding")),
        ("GIT_PROTOCOL", header("git-protocol")),
    ];
    let said = tokio::task::spawn_blocking(move || backend(&site.root, &asked, &body)).await.unwrap();
    let end = said.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&said[..end]).lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(value[..3].parse::<u16>().unwrap()),
            _ => response.header(name, value),
        };
    }
    response.body(Body::from(said[end + 4..].to_vec())).unwrap()
}

fn backend(root: &Path, asked: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut command = program("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    // Repositories of another user's folder are none of its business otherwise.
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
    command.envs(asked.iter().map(|(name, value)| (*name, value.as_str())));
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = process.stdin.take().unwrap();
    let body = body.to_owned();
    // One that fails does not read.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&body)));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}
