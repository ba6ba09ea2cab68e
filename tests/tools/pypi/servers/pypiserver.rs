//! pypiserver on a free port, with a folder for its files.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::pypi::clients::program;

/// `ada` and the tests' password, as Apache's `htpasswd` writes them.
const HTPASSWD: &str = "ada:$apr1$12345678$zKqZQvHtaJgvsqfyHf/YN1\n";

/// It, running; ends when it is dropped.
pub struct Pypiserver {
    port: u16,
    process: Child,
    folder: tempfile::TempDir,
}

impl Pypiserver {
    /// With these options; a password file unless they name one.
    pub async fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("files")).unwrap();
        std::fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        // It does not say which port it got, so it is given one that was free a moment ago; another taker is outlived.
        for _ in 0..5 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
            let mut process = run(&folder, port, options);
            if is_up(&mut process, port).await {
                return Self { port, process, folder };
            }
        }
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        panic!("pypiserver does not start: {log}");
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// How many files it was sent.
    pub fn sent(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        log.matches("\"POST / HTTP/1.1\" ").count()
    }
}

impl Drop for Pypiserver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
fn run(folder: &tempfile::TempDir, port: u16, options: &[&str]) -> Child {
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new(program("pypi-server"));
    command.args(["run", "-v", "--server", "wsgiref", "-i", "127.0.0.1", "-p", &port.to_string()]).args(options);
    if !options.contains(&"-P") {
        command.arg("-P").arg(folder.path().join("htpasswd"));
    }
    command.arg(folder.path().join("files")).env("PYTHONUNBUFFERED", "1").stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

async fn is_up(process: &mut Child, port: u16) -> bool {
    let start = Instant::now();
    while process.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(60) {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _ = process.kill();
    let _ = process.wait();
    false
}
