//! A BuildKit daemon of the tests' own: root, socket and state are in a folder that goes with it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::installed::{program, tool};

/// It, running; ends when it is dropped.
pub struct Daemon {
    process: Child,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts one. It needs root, and runc.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let quoted = |name: &str| serde_json::to_string(&path.join(name)).unwrap();
        let config = format!(
            "root = {}\n[grpc]\naddress = [\"unix://{}\"]\n[worker.oci]\nenabled = true\nbinary = \"runc\"\nsnapshotter = \"native\"\n[worker.containerd]\nenabled = false\n",
            quoted("root"),
            path.join("socket").display()
        );
        std::fs::write(path.join("buildkitd.toml"), config).unwrap();
        let log = std::fs::File::create(path.join("log")).unwrap();
        let mut command = tool("buildkitd");
        // A group of its own: Ctrl-C at the terminal of the tests is not for it.
        command.arg("--config").arg(path.join("buildkitd.toml")).process_group(0);
        command.stdout(Stdio::null()).stderr(log).stdin(Stdio::null());
        let daemon = Self { process: command.spawn().unwrap(), folder };
        let end = Instant::now() + Duration::from_secs(30);
        while !daemon.answers() {
            assert!(Instant::now() < end, "buildkitd does not start: {}", daemon.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        daemon
    }

    fn answers(&self) -> bool {
        let mut command = tool("buildctl");
        command.args(["--addr", &self.host(), "debug", "workers"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }

    /// What `BUILDKIT_HOST` is set to.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("socket").display())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = self.process.id().to_string();
        let mut kill = program(Path::new("/bin/kill"));
        let _ = kill.args(["-TERM", &pid]).status();
        let end = Instant::now() + Duration::from_secs(10);
        while self.process.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
