//! devpi-server on a free port, with a user and indexes made over its JSON API.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::USER;
use crate::delivery::CANARY;
use crate::pypi::clients::program;

/// It, running; ends when it is dropped.
pub struct Devpi {
    url: String,
    login: String,
    process: Child,
    folder: tempfile::TempDir,
}

impl Devpi {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let done =
            command("devpi-init").args(["--no-root-pypi", "--root-passwd", "", "--serverdir"]).arg(&data).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut process = command("devpi-server")
            .args(["--host", "127.0.0.1", "--port", "0", "--offline-mode", "--serverdir"])
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let url = address(&folder.path().join("log"), &mut process).await;
        let mut devpi = Self { url, login: String::new(), process, folder };
        devpi.ask(Method::PUT, &format!("/{USER}"), json!({ "password": CANARY })).await;
        let answer = devpi.ask(Method::POST, "/+login", json!({ "user": USER, "password": CANARY })).await;
        let token = answer["result"]["password"].as_str().unwrap();
        devpi.login = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{token}"));
        devpi
    }

    /// The address of an index of the user, made if it is not there, whose files cannot be replaced.
    pub async fn index(&self, name: &str) -> String {
        let path = format!("/{USER}/{name}");
        let settings = json!({ "type": "stage", "bases": [], "volatile": false });
        self.send(Method::PUT, &path, settings).await;
        format!("{}{path}", self.url)
    }

    /// How many files an index was sent.
    pub fn sent(&self, index: &str) -> usize {
        let log = std::fs::read_to_string(self.log()).unwrap();
        log.lines().filter(|line| line.contains(&format!("POST /{USER}/{index}/"))).count()
    }

    /// How many projects an index shows.
    pub async fn shown(&self, index: &str) -> usize {
        let answer = self.ask(Method::GET, &format!("/{USER}/{index}"), Value::Null).await;
        answer["result"]["projects"].as_array().unwrap().len()
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, text) = self.send(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().unwrap();
        let request = client.request(method, format!("{}{path}", self.url)).header("accept", "application/json");
        let request = request.header("content-type", "application/json").header("x-devpi-auth", &self.login);
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Drop for Devpi {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
fn command(name: &str) -> Command {
    Command::new(program(name))
}

/// The port that the system gave it, out of its log.
async fn address(log: &std::path::Path, process: &mut Child) -> String {
    let start = Instant::now();
    loop {
        let text = std::fs::read_to_string(log).unwrap();
        let found = text.split_once("Serving on ").and_then(|(_, rest)| rest.split_once('\n'));
        if let Some((url, _)) = found {
            return url.trim().to_owned();
        }
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none() && start.elapsed() < Duration::from_secs(120), "devpi does not start: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
