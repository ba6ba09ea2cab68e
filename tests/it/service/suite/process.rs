//! A service that is killed, stopped, or told to end, at every moment: no task is lost, none ends twice.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use longshore::serve::store::{Cancel, Lock, Store};
use longshore::world::interrupt;
use longshore::world::runtime;
use serde_json::{Value, json};

use super::super::database;
use super::fake::{client, events, seen, setup, start};
use crate::project::{program, variable};

/// Names the folder of a service that this test is to be, in a process of its own.
const FOLDER: &str = "LONGSHORE_TEST_SERVICE";

/// The process that the others start: not a test without that variable.
#[test]
fn serves_until_told_to_end() {
    let Some(folder) = variable(FOLDER) else { return };
    let told = interrupt::told_to_end().unwrap();
    let service = start(Path::new(&folder), &setup());
    writeln!(std::io::stdout(), "\nlistening {}", service.address()).unwrap();
    runtime::block_on(told).unwrap();
    service.stop();
}

/// A service in a process of its own; killed when dropped.
pub struct Served {
    child: Child,
    pub url: String,
}

impl Served {
    pub fn start(folder: &Path) -> Self {
        // Here, since it outlives the process.
        database(folder);
        let mut command = program(std::env::current_exe().unwrap().to_str().unwrap());
        let (_, module) = module_path!().split_once("::").unwrap();
        let name = format!("{module}::serves_until_told_to_end");
        command.args(["--exact", &name, "--nocapture", "--test-threads=1"]);
        let mut child = command.env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| line.unwrap().strip_prefix("listening ").map(str::to_owned)).unwrap();
        // Who reads no more would make its last words an error.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://{address}") }
    }

    pub fn signal(&self, name: &str) {
        assert!(program("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Ends it without a word.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to end, and waits for it.
    pub fn end(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }

    pub async fn submit(&self, app: &str, tag: &str) -> String {
        let body = json!({ "app_name": app, "image_tag": tag, "git_repo": "https://git.test/app.git" });
        let request = client().post(format!("{}/api/v1/builds", self.url)).header("content-type", "application/json");
        let text = request.body(body.to_string()).send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["id"].as_str().unwrap().to_owned()
    }

    pub async fn build(&self, id: &str) -> Value {
        let text = client().get(format!("{}/api/v1/builds/{id}", self.url)).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub async fn until(&self, id: &str, state: &str) -> Value {
        for _ in 0..6000 {
            let build = self.build(id).await;
            if build["state"] == state {
                return build;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not {state}: {}", self.build(id).await);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn hold(folder: &Path, name: &str) {
    fs::create_dir_all(folder.join("fake/hold")).unwrap();
    fs::write(folder.join("fake/hold").join(name), "").unwrap();
}

pub fn release(folder: &Path, name: &str) {
    fs::remove_file(folder.join("fake/hold").join(name)).unwrap();
}

pub fn count(folder: &Path, what: &str) -> usize {
    events(folder).iter().filter(|event| event.starts_with(what)).count()
}

/// D5: what ran when the service ended ran for ever.
#[tokio::test]
async fn killed_at_any_moment_it_goes_on() {
    for (phase, pushes) in
        [("fetching", 1), ("building", 1), ("pushing", 1), ("pushed", 2), ("stored", 1), ("tagging", 1), ("tagged", 1)]
    {
        let folder = tempfile::tempdir().unwrap();
        hold(folder.path(), phase);
        let first = Served::start(folder.path());
        let id = first.submit("app", "v1").await;
        seen(folder.path(), &format!("held-{phase} 1 v1")).await;
        let waiting = first.submit("app", "v2").await;
        first.kill();
        release(folder.path(), phase);
        let second = Served::start(folder.path());
        let build = second.until(&id, "completed").await;
        assert_eq!(build["attempt"], 2, "{phase}");
        assert_eq!(second.until(&waiting, "completed").await["attempt"], 1, "{phase}");
        // What was pushed and stored before is not built again.
        let pushed =
            events(folder.path()).iter().filter(|event| event.starts_with("pushed") && event.ends_with("v1")).count();
        assert_eq!(pushed, pushes, "{phase}: {:?}", events(folder.path()));
        let tag = fs::read_to_string(folder.path().join("fake/tags/v1")).unwrap();
        assert_eq!(build["digest"], tag, "{phase}");
        second.end();
    }
}

#[tokio::test]
async fn a_task_that_ends_the_service_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    hold(folder.path(), "building");
    let mut id = String::new();
    for attempt in 1..=3 {
        let served = Served::start(folder.path());
        if attempt == 1 {
            id = served.submit("app", "v1").await;
        }
        seen(folder.path(), &format!("held-building {attempt} v1")).await;
        served.kill();
    }
    release(folder.path(), "building");
    let served = Served::start(folder.path());
    let build = served.until(&id, "failed").await;
    assert_eq!((&build["reason"], &build["attempt"]), (&"service_crashed".into(), &3.into()));
    assert_eq!(count(folder.path(), "start"), 3);
    served.end();
}

#[tokio::test]
async fn a_cancel_outlives_the_service() {
    let folder = tempfile::tempdir().unwrap();
    hold(folder.path(), "building");
    let first = Served::start(folder.path());
    let id = first.submit("app", "v1").await;
    seen(folder.path(), "held-building 1 v1").await;
    // Nothing hears of it but the row: it is stopped before it is told.
    first.signal("STOP");
    let store = Store::open(folder.path(), &database(folder.path())).await.unwrap();
    assert_eq!(store.cancel(&id.parse().unwrap()).await.unwrap(), Cancel::Asked);
    store.close().await;
    first.kill();
    release(folder.path(), "building");
    let second = Served::start(folder.path());
    second.until(&id, "cancelled").await;
    assert_eq!(count(folder.path(), "tagged"), 0);
    second.end();
}

/// A service that is replaced uses up no attempt, and ends within its time.
#[tokio::test]
async fn told_to_end_it_gives_back_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    hold(folder.path(), "building");
    let mut id = String::new();
    for attempt in 1..=5 {
        let served = Served::start(folder.path());
        if attempt == 1 {
            id = served.submit("app", "v1").await;
        }
        seen(folder.path(), &format!("held-building {attempt} v1")).await;
        served.end();
    }
    release(folder.path(), "building");
    let served = Served::start(folder.path());
    assert_eq!(served.until(&id, "completed").await["attempt"], 6);
    served.end();
}

/// Behind the last fence an attempt ends as it would have.
#[tokio::test]
async fn told_to_end_it_lets_tags_be_written() {
    let folder = tempfile::tempdir().unwrap();
    hold(folder.path(), "tagging");
    let served = Served::start(folder.path());
    let id = served.submit("app", "v1").await;
    seen(folder.path(), "held-tagging 1 v1").await;
    served.signal("TERM");
    tokio::time::sleep(Duration::from_millis(200)).await;
    release(folder.path(), "tagging");
    served.end();
    let served = Served::start(folder.path());
    let build = served.build(&id).await;
    assert_eq!((&build["state"], &build["attempt"]), (&"completed".into(), &1.into()));
    served.end();
}

#[tokio::test]
async fn stopped_for_longer_than_the_lease_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    hold(folder.path(), "building");
    let served = Served::start(folder.path());
    let id = served.submit("app", "v1").await;
    seen(folder.path(), "held-building 1 v1").await;
    served.signal("STOP");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    served.signal("CONT");
    release(folder.path(), "building");
    assert_eq!(served.until(&id, "completed").await["attempt"], 1);
    assert_eq!((count(folder.path(), "start"), count(folder.path(), "tagged")), (1, 1));
    served.end();
}

#[tokio::test]
async fn a_folder_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let refused = Lock::take(folder.path()).err().unwrap().to_string();
    assert!(refused.contains("another `longshore serve` works in"), "{refused}");
    served.kill();
    assert!(Lock::take(folder.path()).is_ok());
}
