//! `longshore serve` as a process, and a caller of it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::{LONGSHORE, program, variable};

/// How long a build of the tests may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// It, running; killed when it is dropped.
pub struct Service {
    process: Child,
    pub url: String,
}

impl Service {
    /// Starts one on a folder, with these variables.
    pub fn start(data: &Path, variables: &[(&str, String)]) -> Self {
        Self::start_with(data, &[], variables)
    }

    /// The same with more arguments.
    pub fn start_with(data: &Path, args: &[&str], variables: &[(&str, String)]) -> Self {
        let mut command = program(LONGSHORE);
        let path = format!("{}:{}", crate::tools().join("bin").display(), variable("PATH").unwrap());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(args);
        command.env_clear().env("PATH", path).env("HOME", data).env("NO_COLOR", "1");
        command.envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut said = String::new();
            process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("the service does not start: {said}");
        }
        let mut said = process.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::stderr()));
        Self { process, url: line.trim().to_owned() }
    }

    /// Ends it as a crash does.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn curl(&self, args: &[&str]) -> String {
        let done = program("curl").args(["-s", "--max-time", "20"]).args(args).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let text = self.curl(args);
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{args:?}: {text}"))
    }

    /// Submits to the old face; the id of the task.
    pub fn submit(&self, fields: &[(&str, &str)]) -> String {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = format!("{}/build_with_dockerfile", self.url);
        let mut args = vec!["-X", "POST", &url];
        fields.iter().for_each(|field| args.extend(["-F", field.as_str()]));
        let answer = self.json(&args);
        assert_eq!(answer["status"], "SUCCESS", "{answer}");
        answer["task_id"].as_str().unwrap().to_owned()
    }

    /// Waits for the end of a task; its state for old callers.
    pub fn ended(&self, id: &str) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            let answer = self.json(&[&format!("{}/task/status?task_id={id}", self.url)]);
            let status = answer["build_status"].as_str().unwrap().to_owned();
            if !["waiting", "running"].contains(&status.as_str()) {
                return status;
            }
            assert!(Instant::now() < end, "{answer}: {}", self.log(id));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    #[track_caller]
    pub fn completed(&self, id: &str) -> Value {
        let state = self.ended(id);
        assert_eq!(state, "completed", "{}", self.log(id));
        self.build(id)
    }

    /// The new face's view of a task.
    pub fn build(&self, id: &str) -> Value {
        self.json(&[&format!("{}/api/v1/builds/{id}", self.url)])
    }

    pub fn log(&self, id: &str) -> String {
        self.curl(&[&format!("{}/static/{id}.log", self.url)])
    }

    /// Waits until the log of a task says something.
    pub fn says(&self, id: &str, text: &str) {
        let end = Instant::now() + LIMIT;
        while !self.log(id).contains(text) {
            assert!(Instant::now() < end, "{text}: {}", self.log(id));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What of a build's programs is still running: processes with a word in their command line.
pub fn running(word: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let has = |path: &PathBuf| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(word)
    };
    all.filter(has).collect()
}

/// Waits until nothing of it is running.
pub fn gone(word: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while !running(word).is_empty() {
        assert!(Instant::now() < end, "{word} still runs: {:?}", running(word));
        std::thread::sleep(Duration::from_millis(100));
    }
}
