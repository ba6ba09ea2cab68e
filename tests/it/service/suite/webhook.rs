//! Every end of a build is told to a webhook: signed, again after a failure, and without anybody waiting for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore::secret::Secret;
use longshore::serve::webhook::Webhook;
use longshore::world::server::{Port, Server};
use serde_json::{Value, json};

use super::fake::{World, setup, start};
use crate::project::program;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

struct Got {
    headers: HeaderMap,
    body: String,
}

#[derive(Default)]
struct Inbox {
    got: Mutex<Vec<Got>>,
    /// How it answers, until it takes what comes.
    answers: Mutex<Vec<u16>>,
}

impl Inbox {
    fn start() -> (Arc<Self>, Server, String) {
        let inbox = Arc::new(Self::default());
        let port = Port::take(0).unwrap();
        let url = format!("http://{}/hook", port.address());
        let server = port.serve(Router::new().fallback(take).with_state(Arc::clone(&inbox))).unwrap();
        (inbox, server, url)
    }

    /// The messages, as soon as there are so many.
    async fn until(&self, count: usize) -> Vec<Value> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let all: Vec<String> = self.got.lock().unwrap().iter().map(|one| one.body.clone()).collect();
            if all.len() >= count {
                return all.iter().map(|one| serde_json::from_str(one).unwrap()).collect();
            }
            assert!(Instant::now() < end, "{all:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn take(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> Response {
    inbox.got.lock().unwrap().push(Got { headers, body: String::from_utf8(body.to_vec()).unwrap() });
    let status = inbox.answers.lock().unwrap().pop().unwrap_or(204);
    let location = if status == 307 { "/elsewhere" } else { "" };
    (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, location)]).into_response()
}

fn webhook(url: &str) -> Option<Webhook> {
    let unsigned = Webhook::at(url, "127.0.0.1".parse().unwrap()).unwrap();
    Some(unsigned.signed(Secret::new(SECRET)).unwrap())
}

/// As a receiver checks it: Python's own HMAC.
fn is_signed(got: &Got) {
    let header = |name: &str| got.headers[name].to_str().unwrap().to_owned();
    let script = "import base64, hashlib, hmac, sys\n\
        key = base64.b64decode(sys.argv[1].removeprefix('whsec_'))\n\
        print('v1,' + base64.b64encode(hmac.new(key, sys.argv[2].encode(), hashlib.sha256).digest()).decode(), end='')";
    let signed = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), got.body);
    let done = program("python3").args(["-c", script, SECRET, &signed]).output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap(), header("webhook-signature"));
    assert_eq!(header("content-type"), "application/json");
}

#[tokio::test]
async fn every_end_is_told() {
    let (inbox, _server, url) = Inbox::start();
    let world = World::with(|setup| setup.webhook = webhook(&url));
    let mut ends = BTreeMap::new();
    world.hold("building");
    let completed = world.submit("app", "v1").await;
    world.seen("held-building 1 v1").await;
    ends.insert(completed.clone(), "build.completed");
    ends.insert(world.submit("broken", "v2").await, "build.failed");
    let cancelled = world.submit("app", "v3").await;
    world.post(&format!("/api/v1/builds/{cancelled}/cancel"), &json!(null)).await;
    ends.insert(cancelled, "build.cancelled");
    let form = "app_name=a&image_tag=t&git_repo=file%3A%2F%2F%2Fetc";
    let request = world.client.post(world.url("/build_with_dockerfile"));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    let refused: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    ends.insert(refused["task_id"].as_str().unwrap().to_owned(), "build.failed");
    world.release("building");
    let messages = inbox.until(4).await;
    let told =
        messages.iter().map(|one| (one["data"]["id"].as_str().unwrap().to_owned(), one["type"].as_str().unwrap()));
    assert_eq!(told.collect::<BTreeMap<_, _>>(), ends);
    let build = world.build(&completed).await;
    let message = messages.iter().find(|one| one["data"]["id"] == completed.as_str()).unwrap();
    assert_eq!((&message["timestamp"], &message["data"]["digest"]), (&build["ended_at"], &build["digest"]));
    assert_eq!(message["data"]["url"], format!("http://links.test/artifact-builder/api/v1/builds/{completed}"));
    for got in inbox.got.lock().unwrap().iter() {
        is_signed(got);
        assert!(got.body.contains(got.headers["webhook-id"].to_str().unwrap()));
    }
}

/// What is not taken is sent again, with the same id, and a redirect is not followed.
#[tokio::test]
async fn what_is_not_taken_is_sent_again() {
    let (inbox, _server, url) = Inbox::start();
    *inbox.answers.lock().unwrap() = vec![307, 500];
    let world = World::with(|setup| setup.webhook = webhook(&url));
    let id = world.submit("app", "v1").await;
    world.until(&id, "completed").await;
    inbox.until(3).await;
    {
        let got = inbox.got.lock().unwrap();
        assert!(got.iter().all(|one| one.headers["webhook-id"] == id.as_str()));
        got.iter().for_each(is_signed);
    }
    // Taken is taken, and nothing was asked of the place that the redirect named.
    let other = world.submit("app", "v2").await;
    world.until(&other, "completed").await;
    let all = inbox.until(4).await;
    assert_eq!((all.len(), &all[3]["data"]["id"]), (4, &other.as_str().into()));
    let metrics = world.get("/metrics").await.1;
    assert!(
        metrics.as_str().unwrap().contains("longshore_webhook_deliveries_total{result=\"failed\"} 2\n"),
        "{metrics}"
    );
}

/// A receiver that does not answer keeps no build waiting, and hears of it from the next process.
#[tokio::test]
async fn what_was_not_told_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Port::take(0).unwrap();
    let dead = format!("http://{}/", nobody.address());
    drop(nobody);
    let run = |url: String| {
        let path = folder.path().to_owned();
        let setup = longshore::serve::service::Setup { webhook: webhook(&url), ..setup() };
        std::thread::spawn(move || start(&path, &setup)).join().unwrap()
    };
    let service = run(dead);
    let client = super::fake::client();
    let url = format!("http://{}/api/v1/builds", service.address());
    let body = json!({ "app_name": "app", "image_tag": "v1", "git_repo": "https://git.test/app.git" }).to_string();
    let request = client.post(&url).header("content-type", "application/json").body(body);
    let build: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    let metrics = format!("http://{}/metrics", service.address());
    let end = Instant::now() + Duration::from_secs(60);
    while !client.get(&metrics).send().await.unwrap().text().await.unwrap().contains("{result=\"failed\"} ") {
        assert!(Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::thread::spawn(move || service.stop()).join().unwrap();
    let (inbox, _server, url) = Inbox::start();
    let service = run(url);
    let told = inbox.until(1).await;
    assert_eq!((&told[0]["type"], &told[0]["data"]["id"]), (&"build.completed".into(), &build["id"]));
    std::thread::spawn(move || service.stop()).join().unwrap();
}
