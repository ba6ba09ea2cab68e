//! The old face answers every recorded request byte for byte.

use std::fs;

use reqwest::{Method, Response};
use serde_json::Value;

use super::fake::World;

const LINKS: &str = "http://links.test/artifact-builder";
const DEAD: &str = "http://127.0.0.1:9/app.git";

fn recorded() -> Value {
    serde_json::from_str(&fs::read_to_string("tests/service/bodies.json").unwrap()).unwrap()
}

/// Compares, and returns the id of a task in the answer.
fn same(name: &str, expected: &str, found: &str) -> Option<String> {
    let at = found.find("id-").filter(|_| expected.contains("{ID}"));
    let id = at.map(|at| found[at..at + 35].to_owned());
    let expected = expected.replace("{APP_LAYER_URL}", LINKS).replace("{ID}", id.as_deref().unwrap_or("{ID}"));
    assert_eq!(found, expected, "{name}");
    if let Some(id) = &id {
        assert!(id[3..].bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{name}: {id}");
    }
    id
}

async fn ask(world: &World, prefix: &str, request: &Value) -> Response {
    let text = |value: &Value| value.as_str().unwrap().replace("{DEAD}", DEAD);
    let method: Method = text(&request["method"]).parse().unwrap();
    let mut asked = world.client.request(method, world.url(&format!("{prefix}{}", text(&request["path"]))));
    for (name, value) in request["headers"].as_object().unwrap() {
        asked = asked.header(name, text(value));
    }
    asked.body(text(&request["body"])).send().await.unwrap()
}

#[tokio::test]
async fn recorded_answers_are_given_with_and_without_the_prefix() {
    for prefix in ["", "/artifact-builder"] {
        let world = World::with(|setup| {
            if prefix.is_empty() {
                setup.links.root_path = String::new();
            }
        });
        world.hold("fetching");
        let answers = recorded()["answers"].as_array().unwrap().clone();
        assert_eq!(answers.len(), 35);
        for one in answers {
            let name = one["name"].as_str().unwrap();
            let response = ask(&world, prefix, &one["request"]).await;
            assert_eq!(response.status().as_u16(), one["answer"]["status"], "{name}");
            for (header, value) in one["answer"]["headers"].as_object().unwrap() {
                let base = world.url(prefix);
                let value = value.as_str().unwrap().replace("{BASE}", &base);
                assert_eq!(response.headers()[header], value, "{name}: {header}");
            }
            same(name, one["answer"]["body"].as_str().unwrap(), &response.text().await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_task_is_shown_as_recorded() {
    let world = World::new();
    world.hold("fetching");
    let recorded = recorded();
    let rows = recorded["with a task"].as_array().unwrap();
    let form = "app_name=my-app&image_tag=v1.0&git_repo=https%3A%2F%2Fgit.test%2Fapp.git&branch=main";
    // The first one takes the worker, the second one waits.
    let first = world.submit("other", "v0").await;
    world.seen("held-fetching 1 v0").await;
    let request = world.client.post(world.url("/build_with_dockerfile"));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    let id = same("submit", rows[5]["body"].as_str().unwrap(), &request.send().await.unwrap().text().await.unwrap())
        .unwrap();
    for row in &rows[..2] {
        let (_, path) = row["request"].as_str().unwrap().split_once(' ').unwrap();
        let response = world.client.get(world.url(&path.replace("{ID}", &id))).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], row["content-type"].as_str().unwrap());
        same(path, row["body"].as_str().unwrap(), &response.text().await.unwrap());
    }
    let list = world.client.get(world.url("/task")).send().await.unwrap().text().await.unwrap();
    let row = |id: &str, app: &str, tag: &str, status: &str| {
        format!(
            r#"{{"task_id":"{id}","app_name":"{app}","image_tag":"{tag}","logs_url":"{LINKS}/static/{id}.log","status":"{status}"}}"#
        )
    };
    let rows = format!("{},{}", row(&first, "other", "v0", "running"), row(&id, "my-app", "v1.0", "waiting"));
    assert_eq!(list, format!(r#"{{"status":"SUCCESS","data":[{rows}],"message":""}}"#));

    let log = format!("/static/{id}.log");
    let missing = world.client.get(world.url(&log)).send().await.unwrap();
    assert_eq!((missing.status().as_u16(), missing.text().await.unwrap().as_str()), (404, r#"{"detail":"Not Found"}"#));
    world.release("fetching");
    world.until(&id, "completed").await;
    log_is_a_file(&world, &log).await;
}

async fn log_is_a_file(world: &World, log: &str) {
    let there = world.client.get(world.url(log)).send().await.unwrap();
    let header = |response: &Response, name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header(&there, "content-type"), "text/plain; charset=utf-8");
    assert!(there.headers().contains_key("last-modified"));
    let (etag, length) = (header(&there, "etag"), header(&there, "content-length"));
    let text = there.text().await.unwrap();
    assert!(text.starts_with("building my-app\nhalf a line\n") && text.contains("completed: "), "{text}");
    assert_eq!(text.len().to_string(), length);
    let same = world.client.get(world.url(log)).header("if-none-match", etag).send().await.unwrap();
    assert_eq!((same.status().as_u16(), same.bytes().await.unwrap().len()), (304, 0));
    let head = world.client.head(world.url(log)).send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, length));
    let post = world.client.post(world.url(log)).send().await.unwrap();
    assert_eq!((post.status().as_u16(), post.headers().contains_key("allow")), (405, false));
}

/// What is well-formed and refused is a task that has failed; old pollers never see an empty id.
#[tokio::test]
async fn what_is_refused_is_a_failed_task_with_a_log() {
    let world = World::new();
    let long = "x".repeat(256);
    let rows = [
        ("a", "file%3A%2F%2F%2Fetc", "git_scheme_forbidden"),
        (long.as_str(), "https%3A%2F%2Fgit.test%2Fx", "name_too_long"),
    ];
    for (app, repository, reason) in rows {
        let request = world.client.post(world.url("/build_with_dockerfile"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let body = format!("app_name={app}&image_tag=t&git_repo={repository}");
        let answer: Value =
            serde_json::from_str(&request.body(body).send().await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(answer["status"], "SUCCESS");
        let id = answer["task_id"].as_str().unwrap();
        assert_eq!(world.get(&format!("/task/status?task_id={id}")).await.1["build_status"], "failed");
        let log = world.get(&format!("/static/{id}.log")).await.1;
        assert!(log.as_str().unwrap().contains(reason), "{log}");
        assert_eq!(world.build(id).await["reason"], reason);
    }
}

/// Names of old callers were as loose as this.
#[tokio::test]
async fn any_text_is_stored() {
    let world = World::new();
    let form = "application/x-www-form-urlencoded";
    let mut ids = Vec::new();
    for name in ["a%00b", "%F0%9F%9A%80", "V1", "v1", "x%20", "%27%3B--", "%3F%3F%24%7Bnow%7D"] {
        let request = world.client.post(world.url("/build_with_dockerfile")).header("content-type", form);
        let body = format!("app_name={name}&image_tag=t&git_repo=https%3A%2F%2Fgit.test%2Fx.git&branch={name}");
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        ids.push(answer["task_id"].as_str().unwrap().to_owned());
    }
    for id in &ids {
        world.until(id, "completed").await;
    }
    let list = world.get("/api/v1/builds?app_name=v1").await.1;
    assert_eq!(list["builds"].as_array().unwrap().len(), 1, "{list}");
    let names: Vec<Value> =
        world.get("/task").await.1["data"].as_array().unwrap().iter().map(|row| row["app_name"].clone()).collect();
    assert_eq!(names[1..], ["🚀", "V1", "v1", "x ", "';--", "??${now}"]);
    assert!(names[0].as_str().unwrap().starts_with('a') && names[0].as_str().unwrap().ends_with('b'), "{names:?}");
}

/// A login in the address of a repository works, and is nowhere to be seen.
#[tokio::test]
async fn logins_in_addresses_are_not_kept_where_they_show() {
    let world = World::new();
    let request = world.client.post(world.url("/build_with_dockerfile"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let body = "app_name=a&image_tag=t&git_repo=https%3A%2F%2Fme%3Acanary-token%40git.test%2Fx.git";
    let answer: Value = serde_json::from_str(&request.body(body).send().await.unwrap().text().await.unwrap()).unwrap();
    let id = answer["task_id"].as_str().unwrap().to_owned();
    let build = world.until(&id, "completed").await;
    assert_eq!(build["git_repo"], "https://git.test/x.git");
    for entry in fs::read_dir(world.folder.path().join("logs")).unwrap() {
        assert!(!fs::read_to_string(entry.unwrap().path()).unwrap().contains("canary"));
    }
    let body =
        serde_json::json!({ "app_name": "a", "image_tag": "t", "git_repo": "https://me:canary-token@git.test/x.git" });
    let (_, answer) = world.post("/api/v1/builds", &body).await;
    assert!(!answer.to_string().contains("canary"), "{answer}");
}

#[tokio::test]
async fn bodies_that_are_too_large_or_broken_are_told_apart() {
    let world = World::new();
    let post = |kind: &'static str, body: Vec<u8>| {
        world.client.post(world.url("/build_with_dockerfile")).header("content-type", kind).body(body).send()
    };
    let form = "application/x-www-form-urlencoded";
    let large = post(form, vec![b'a'; 5 << 20]).await.unwrap();
    assert_eq!(large.status(), 413);
    let part = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nx\r\n");
    let whole = ["app_name", "image_tag", "git_repo"].map(part).concat();
    let cut = post("multipart/form-data; boundary=b", whole.clone().into_bytes()).await.unwrap();
    assert_eq!(cut.status(), 422, "{}", cut.text().await.unwrap());
    let wrong = post("multipart/form-data; boundary=other", whole.into_bytes()).await.unwrap();
    assert_eq!(wrong.status(), 400);
    // The last one of a field counts; percent signs alone are text.
    let twice = post(form, b"app_name=a&image_tag=1&image_tag=2&git_repo=100%".to_vec()).await.unwrap();
    assert_eq!(twice.status(), 200);
}
