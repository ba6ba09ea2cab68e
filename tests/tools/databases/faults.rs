//! Servers that are gone, locked or slow: requests are told so, and nothing is lost.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::super::server;
use super::suite::fake::{client, seen};
use super::suite::process::{Served, count, hold, release};
use super::{alone, database};

async fn statuses(served: &Served, id: &str) -> Vec<u16> {
    let body = json!({ "app_name": "app", "image_tag": "lost", "git_repo": "https://git.test/app.git" }).to_string();
    let form = "app_name=app&image_tag=lost&git_repo=https%3A%2F%2Fgit.test%2Fx";
    let url = |path: &str| format!("{}{path}", served.url);
    let json = |path: &str| client().post(url(path)).header("content-type", "application/json");
    let requests = [
        client().get(url(&format!("/task/status?task_id={id}"))),
        client().get(url(&format!("/api/v1/builds/{id}"))),
        client().get(url("/readyz")),
        json("/api/v1/builds").body(body),
        client()
            .post(url("/build_with_dockerfile"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form),
    ];
    let answers = requests.map(|request| async move { request.send().await.unwrap().status().as_u16() });
    futures_util::future::join_all(answers).await
}

async fn health(served: &Served) -> u16 {
    client().get(format!("{}/healthcheck", served.url)).send().await.unwrap().status().as_u16()
}

/// It says nothing for a while, then it goes on; what ran, runs on.
#[tokio::test]
async fn a_server_that_says_nothing_is_503_and_loses_nothing() {
    let (server, folder) = (alone(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("database"), server.database()).unwrap();
    hold(folder.path(), "building");
    let served = Served::start(folder.path());
    let running = served.submit("app", "v1").await;
    let waiting = served.submit("app", "v2").await;
    seen(folder.path(), "held-building 1 v1").await;
    server.signal("STOP");
    assert_eq!(statuses(&served, &running).await, [503; 5]);
    assert_eq!(health(&served).await, 200);
    server.signal("CONT");
    release(folder.path(), "building");
    for id in [&running, &waiting] {
        served.until(id, "completed").await;
    }
    assert_eq!(count(folder.path(), "tagged"), tags_without_lost(&served).await);
    served.end();
}

/// It is stopped and started again, as for an upgrade.
#[tokio::test]
async fn a_server_that_is_gone_is_503_and_loses_nothing() {
    let (mut server, folder) = (alone(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("database"), server.database()).unwrap();
    hold(folder.path(), "building");
    let served = Served::start(folder.path());
    let running = served.submit("app", "v1").await;
    let waiting = served.submit("app", "v2").await;
    seen(folder.path(), "held-building 1 v1").await;
    let mut server = tokio::task::spawn_blocking(move || {
        server.down();
        server
    })
    .await
    .unwrap();
    assert_eq!(statuses(&served, &running).await, [503; 5]);
    assert_eq!(health(&served).await, 200);
    let server = tokio::task::spawn_blocking(move || {
        server.up();
        server
    });
    let server = server.await.unwrap();
    release(folder.path(), "building");
    for id in [&running, &waiting] {
        assert_eq!(served.until(id, "completed").await["attempt"], 1);
    }
    assert_eq!(count(folder.path(), "tagged"), 2);
    served.end();
    drop(server);
}

/// Requests that were answered with 503 may have been stored by a server that slept: those are built as all others.
async fn tags_without_lost(served: &Served) -> usize {
    let text = client().get(format!("{}/task", served.url)).send().await.unwrap().text().await.unwrap();
    let rows: Value = serde_json::from_str(&text).unwrap();
    let mut completed = 0;
    for row in rows["data"].as_array().unwrap() {
        served.until(row["task_id"].as_str().unwrap(), "completed").await;
        completed += 1;
    }
    completed
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_at_the_start_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = database(folder.path()).to_string();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let (_, name) = place.split_once('/').unwrap();
    let address = format!("{scheme}://me:canary-word@127.0.0.1:9/{name}").parse().unwrap();
    let error = longshore::serve::store::Store::open(Path::new("unused"), &address).await.err().unwrap();
    let said = format!("{error:?}");
    assert!(said.contains("127.0.0.1:9") && !said.contains("canary"), "{said}");
}

/// Whoever has the turn and does not go on loses it.
#[tokio::test]
async fn a_turn_that_is_not_given_back_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path());
    let first = served.submit("app", "v1").await;
    served.until(&first, "completed").await;
    let url = fs::read_to_string(folder.path().join("database")).unwrap();
    let held = server::holds_the_turn(&url);
    let second = served.submit("app", "v2").await;
    assert_eq!(served.build(&second).await["state"], "waiting");
    // A connection that is left open in the middle of a transaction, as by a process that was stopped.
    served.until(&second, "completed").await;
    drop(held);
    served.end();
}
