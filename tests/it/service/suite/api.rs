//! The new face: refusals, idempotency, pages, logs that are followed; and what both faces refuse from strangers.

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::fake::World;

fn asked(tag: &str) -> Value {
    json!({ "app_name": "app", "image_tag": tag, "git_repo": "https://git.test/app.git" })
}

#[tokio::test]
async fn requests_that_are_wrong_get_a_code() {
    let world = World::new();
    let post = |kind: &'static str, body: String| {
        world.client.post(world.url("/api/v1/builds")).header("content-type", kind).body(body).send()
    };
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let rows = [
        ("application/json", "{".to_owned(), 400, "json_invalid"),
        ("application/json", deep, 400, "json_invalid"),
        ("application/json", "{\"app_name\": NaN}".into(), 400, "json_invalid"),
        ("application/json", json!({ "app_name": "a", "image_tag": "t" }).to_string(), 400, "field_missing"),
        ("application/json", json!({ "app_name": "a", "tag": "t" }).to_string(), 400, "field_unknown"),
        ("application/json", "{\"app_name\":\"a\",\"app_name\":\"b\"}".into(), 400, "field_duplicated"),
        ("text/plain", asked("t").to_string(), 415, "media_type_unsupported"),
        ("application/json", "x".repeat(5 << 20), 413, "payload_too_large"),
        (
            "application/json",
            json!({ "app_name": "a", "image_tag": "t", "git_repo": "file:///etc" }).to_string(),
            422,
            "git_scheme_forbidden",
        ),
    ];
    for (kind, body, status, code) in rows {
        let response = post(kind, body).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (status, &"application/problem+json".parse().unwrap())
        );
        let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()), "{problem}");
        assert!(problem["detail"].is_string() && problem["title"].is_string());
    }
    for (path, status, code) in [
        ("/api/v1/builds/id-00000000000000000000000000000000", 404, "build_not_found"),
        ("/api/v1/builds/..%2f", 404, "build_not_found"),
        ("/api/v1/nothing", 404, "path_unknown"),
        ("/api/v1/builds?limit=0", 400, "query_invalid"),
        ("/api/v1/builds?state=done", 400, "query_invalid"),
        ("/api/v1/builds?page=1", 400, "query_invalid"),
    ] {
        let (found, problem) = world.get(path).await;
        assert_eq!((found, &problem["code"]), (status, &code.into()), "{path}");
    }
    let deleted = world.client.delete(world.url("/api/v1/builds")).send().await.unwrap();
    assert_eq!((deleted.status().as_u16(), &deleted.headers()["allow"]), (405, &"GET, POST".parse().unwrap()));
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn a_key_is_answered_once() {
    let world = World::new();
    let post = async |key: &str, body: &Value| {
        let request = world.client.post(world.url("/api/v1/builds")).header("content-type", "application/json");
        let response = request.header("idempotency-key", key).body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap())
    };
    let (status, first) = post("one", &asked("v1")).await;
    assert_eq!(status, 201);
    let (status, again) = post("one", &asked("v1")).await;
    assert_eq!((status, &again["id"]), (200, &first["id"]));
    let (status, other) = post("one", &asked("v2")).await;
    assert_eq!((status, &other["code"]), (409, &"idempotency_conflict".into()));
    let (status, second) = post("two", &asked("v1")).await;
    assert!(status == 201 && second["id"] != first["id"]);
    assert_eq!(post(&"k".repeat(256), &asked("v1")).await.0, 400);
}

#[tokio::test]
async fn lists_come_in_pages_the_newest_first() {
    let world = World::new();
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(world.submit(if number == 2 { "other" } else { "app" }, &format!("v{number}")).await);
    }
    for id in &ids {
        world.until(id, "completed").await;
    }
    ids.reverse();
    let names = |list: &Value| -> Vec<String> {
        list["builds"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = world.get("/api/v1/builds?limit=2").await.1;
    assert_eq!(names(&first), ids[..2]);
    let second = world.get(&format!("/api/v1/builds?limit=3&cursor={}", first["next"].as_str().unwrap())).await.1;
    assert_eq!((names(&second), &second["next"]), (ids[2..].to_vec(), &Value::Null));
    assert_eq!(names(&world.get("/api/v1/builds?app_name=other").await.1), [ids[2].clone()]);
    assert_eq!(names(&world.get("/api/v1/builds?state=failed").await.1), Vec::<String>::new());
}

#[tokio::test]
async fn a_build_is_built_again_as_it_was_asked_for() {
    let world = World::new();
    let mut body = asked("v1");
    body["dockerfile"] = "FROM scratch\n".into();
    let (_, first) = world.post("/api/v1/builds", &body).await;
    let (status, again) =
        world.post(&format!("/api/v1/builds/{}/rebuild", first["id"].as_str().unwrap()), &Value::Null).await;
    assert_eq!(status, 201);
    assert!(again["id"] != first["id"] && again["own_dockerfile"] == true && again["image_tag"] == "v1");
    world.until(again["id"].as_str().unwrap(), "completed").await;
}

#[tokio::test]
async fn a_log_is_followed_and_resumed() {
    let world = World::new();
    world.hold("log");
    let id = world.submit("app", "v1").await;
    world.seen("held-log 1 v1").await;
    let path = world.url(&format!("/api/v1/builds/{id}/log"));
    let events = world.client.get(&path).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut events = events.bytes_stream();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&first), "id: 13\ndata: building app\n\n");
    let text = world.client.get(format!("{path}?follow=1")).send().await.unwrap();
    world.release("log");
    let text = text.text().await.unwrap();
    assert!(
        text.starts_with("building app\nhalf a line\n")
            && text.trim_end().ends_with(&longshore::digest::Digest::of(b"v1").to_string()),
        "{text}"
    );
    let mut rest = String::new();
    while let Some(piece) = events.next().await {
        rest.push_str(&String::from_utf8_lossy(&piece.unwrap()));
    }
    assert!(rest.starts_with("id: 25\ndata: half a line\n\n") && rest.ends_with("event: end\ndata:\n\n"), "{rest}");
    world.until(&id, "completed").await;
    let request = world.client.get(&path).header("accept", "text/event-stream").header("last-event-id", "13");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), rest);
    let part = world.client.get(&path).header("range", "bytes=9-11").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.text().await.unwrap().as_str()), (206, "app"));
    assert_eq!(world.get(&format!("/api/v1/builds/{id}/log?attempt=2")).await.0, 404);
}

/// A page that a browser of this machine has open can send forms to it, and let its own name resolve to it.
#[tokio::test]
async fn pages_of_other_sites_start_nothing() {
    let world = World::new();
    let form = "app_name=a&image_tag=t&git_repo=https%3A%2F%2Fgit.test%2Fx";
    let post = |name: &'static str, value: &'static str| {
        let request = world.client.post(world.url("/build_with_dockerfile"));
        request.header("content-type", "application/x-www-form-urlencoded").header(name, value).body(form).send()
    };
    for (name, value, status) in [
        ("origin", "https://evil.test", 403),
        ("origin", "null", 403),
        ("host", "evil.test", 403),
        ("host", "127.0.0.1.evil.test:8000", 403),
        ("host", "localhost:8000", 200),
        ("host", "links.test", 200),
    ] {
        assert_eq!(post(name, value).await.unwrap().status(), status, "{name}: {value}");
    }
    let read = world.client.get(world.url("/task")).header("host", "evil.test").send().await.unwrap();
    assert_eq!(read.status(), 403);
}

#[tokio::test]
async fn readiness_is_not_health() {
    let world = World::new();
    assert_eq!(world.get("/readyz").await, (200, json!({ "status": "ready", "waiting": 0, "running": 0 })));
    let world = World::new();
    std::fs::write(world.folder.path().join("fake/unready"), "").unwrap();
    let (status, problem) = world.get("/readyz").await;
    assert_eq!((status, &problem["detail"]), (503, &"the engine does not answer".into()));
    assert_eq!(world.get("/healthcheck").await.0, 200);
}

#[tokio::test]
async fn the_service_describes_itself() {
    let world = World::new();
    let (_, document) = world.get("/openapi.json").await;
    assert_eq!(
        (&document["openapi"], &document["servers"][0]["url"]),
        (&"3.1.0".into(), &"http://links.test/artifact-builder".into())
    );
    let page = world.client.get(world.url("/docs")).send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().contains("<b>POST</b> <code>/build_with_dockerfile</code>"));
    let redoc = world.client.get(world.url("/redoc")).send().await.unwrap();
    assert_eq!(
        (redoc.status().as_u16(), &redoc.headers()["location"]),
        (307, &world.url("/artifact-builder/docs").parse().unwrap())
    );
    // What is shown is what is described.
    let schemas = json!({ "$ref": "#/components/schemas/Build", "components": document["components"] });
    let validator = jsonschema::validator_for(&schemas).unwrap();
    let id = world.submit("app", "v1").await;
    let build = world.until(&id, "completed").await;
    let errors: Vec<String> = validator.iter_errors(&build).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}
