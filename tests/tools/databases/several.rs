//! Several processes share a queue: every task is built once, and what one leaves is taken up by the others.

use std::fs;
use std::path::Path;
use std::time::Duration;

use longshore::serve::store::Store;

use super::super::server;
use super::database;
use super::suite::fake::{events, seen};
use super::suite::process::{Served, count, hold, release};

/// Folders whose services share a queue and an executor.
fn folders(many: usize) -> Vec<tempfile::TempDir> {
    let folders: Vec<_> = (0..many).map(|_| tempfile::tempdir().unwrap()).collect();
    database(folders[0].path());
    fs::create_dir_all(folders[0].path().join("fake")).unwrap();
    for other in &folders[1..] {
        server::share(folders[0].path(), other.path());
        std::os::unix::fs::symlink(folders[0].path().join("fake"), other.path().join("fake")).unwrap();
    }
    folders
}

fn tags(folder: &Path, what: &str) -> Vec<String> {
    events(folder).iter().filter_map(|event| event.strip_prefix(what)).map(str::to_owned).collect()
}

/// Tables are made by one of those that start at the same moment.
#[tokio::test]
async fn all_may_start_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let address = database(folder.path());
    let open = || Store::open(folder.path(), &address);
    let stores = futures_util::future::join_all([open(), open(), open(), open()]).await;
    for store in stores {
        let store = store.unwrap();
        assert_eq!(store.all().await.unwrap(), []);
        store.close().await;
    }
}

#[tokio::test]
async fn every_task_is_built_once() {
    for many in [2, 3] {
        let folders = folders(many);
        let first = folders[0].path();
        let all: Vec<Served> = folders.iter().map(|folder| Served::start(folder.path())).collect();
        let served = &all;
        let submit = |number: usize| async move { served[number % many].submit("app", &format!("v{number}")).await };
        let ids = futures_util::future::join_all((0..120).map(submit)).await;
        for (number, id) in ids.iter().enumerate() {
            // Whichever process is asked.
            let build = served[(number + 1) % many].until(id, "completed").await;
            assert_eq!(build["attempt"], 1, "{build}");
        }
        for what in ["start 1 ", "pushed 1 ", "tagged 1 "] {
            let mut found = tags(first, what);
            assert_eq!(found.len(), 120, "{what}");
            found.sort();
            found.dedup();
            assert_eq!(found.len(), 120, "{what}");
        }
        all.into_iter().for_each(Served::end);
    }
}

#[tokio::test]
async fn a_reference_is_built_by_one_process_at_a_time_in_order() {
    let folders = folders(3);
    let first = folders[0].path();
    let served: Vec<Served> = folders.iter().map(|folder| Served::start(folder.path())).collect();
    hold(first, "tagging");
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(served[number % 3].submit("app", "same").await);
    }
    seen(first, "held-tagging 1 same").await;
    // The others look for work once a second.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(count(first, "start"), 1);
    release(first, "tagging");
    for id in &ids {
        served[0].until(id, "completed").await;
    }
    let order: Vec<String> = events(first).into_iter().filter(|event| !event.starts_with("held")).collect();
    let one = ["start 1 same", "pushed 1 same", "tagged 1 same"];
    assert_eq!(order, one.repeat(6));
    let mut starts = Vec::new();
    for id in &ids {
        starts.push(served[1].build(id).await["started_at"].as_str().unwrap().to_owned());
    }
    assert!(starts.is_sorted(), "{starts:?}");
    served.into_iter().for_each(Served::end);
}

#[tokio::test]
async fn what_a_killed_process_had_is_taken_up_by_the_other() {
    let folders = folders(2);
    let first = folders[0].path();
    hold(first, "building");
    let one = Served::start(first);
    let id = one.submit("app", "v1").await;
    seen(first, "held-building 1 v1").await;
    let two = Served::start(folders[1].path());
    // A start takes nothing from a process that lives.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(two.build(&id).await["attempt"], 1);
    one.kill();
    release(first, "building");
    let build = two.until(&id, "completed").await;
    assert_eq!(build["attempt"], 2);
    assert_eq!(tags(first, "tagged"), [" 2 v1"]);
    two.end();
}

#[tokio::test]
async fn a_process_that_was_stopped_past_its_lease_writes_nothing_more() {
    let folders = folders(2);
    let first = folders[0].path();
    hold(first, "pushing");
    let one = Served::start(first);
    let id = one.submit("app", "v1").await;
    seen(first, "held-pushing 1 v1").await;
    one.signal("STOP");
    let two = Served::start(folders[1].path());
    seen(first, "held-pushing 2 v1").await;
    one.signal("CONT");
    release(first, "pushing");
    let build = two.until(&id, "completed").await;
    assert_eq!(build["attempt"], 2, "{build}");
    // What it was doing before may go on, the fence does not let it through.
    let next = one.submit("app", "v2").await;
    one.until(&next, "completed").await;
    assert!(!events(first).contains(&"tagged 1 v1".to_owned()), "{:?}", events(first));
    one.end();
    two.end();
}

#[tokio::test]
async fn a_cancel_reaches_a_build_of_another_process() {
    let folders = folders(2);
    let first = folders[0].path();
    hold(first, "building");
    let one = Served::start(first);
    let id = one.submit("app", "v1").await;
    seen(first, "held-building 1 v1").await;
    let two = Served::start(folders[1].path());
    let url = format!("{}/api/v1/builds/{id}/cancel", two.url);
    let status = super::suite::fake::client().post(url).send().await.unwrap().status();
    assert_eq!(status, 202);
    two.until(&id, "cancelled").await;
    assert_eq!(count(first, "tagged"), 0);
    one.end();
    two.end();
}
