//! Tokens: what each is good for, how it is shown, and what those hear who have none.

use longshore::digest::Digest;
use longshore::serve::access::Tokens;
use serde_json::{Value, json};

use super::fake::World;

const TEAM: &str = "longshore_team";
const READER: &str = "longshore_reader";
const ADMIN: &str = "longshore_admin";

fn tokens() -> Tokens {
    let sha = |token: &str| Digest::of(token.as_bytes()).hex();
    let text = format!(
        "team: {{ sha256: {}, scopes: [submit, read], apps: team- }}\nreader: {{ sha256: {}, scopes: read }}\nadmin: {{ sha256: {}, scopes: admin }}\n",
        sha(TEAM),
        sha(READER),
        sha(ADMIN)
    );
    Tokens::parse("tokens.yaml", &text).unwrap()
}

fn world() -> World {
    World::with(|setup| setup.tokens = Some(tokens()))
}

struct Answer {
    status: u16,
    challenge: Option<String>,
    body: Value,
}

/// A request with a token, to the new face with JSON, to the old one with a form.
async fn ask(world: &World, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let mut request = world.client.request(method.parse().unwrap(), world.url(path));
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = match path.starts_with("/api") {
            true => request.header("content-type", "application/json").body(body.to_string()),
            false => {
                let pairs = body.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
                let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                request.header("content-type", "application/x-www-form-urlencoded").body(form)
            }
        };
    }
    let response = request.send().await.unwrap();
    let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    Answer { status, challenge, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

fn order(app: &str, tag: &str) -> Option<Value> {
    Some(json!({ "app_name": app, "image_tag": tag, "git_repo": "https://git.test/app.git" }))
}

#[tokio::test]
async fn without_a_token_there_is_only_the_health() {
    let world = world();
    for path in ["/healthcheck", "/health", "/docs", "/openapi.json", "/readyz"] {
        assert_eq!(ask(&world, "", "GET", path, None).await.status, 200, "{path}");
    }
    for token in ["", "longshore_other"] {
        for (method, path) in [
            ("GET", "/task"),
            ("GET", "/task/status?task_id=x"),
            ("GET", "/static/id-00000000000000000000000000000000.log"),
            ("POST", "/build_with_dockerfile"),
            ("GET", "/artifact-builder/task"),
        ] {
            let answer = ask(&world, token, method, path, None).await;
            assert_eq!(
                (answer.status, answer.challenge.as_deref()),
                (401, Some("Bearer, Basic realm=\"longshore\"")),
                "{path}"
            );
            assert!(
                answer.body["detail"].is_string() && answer.body.as_object().unwrap().len() == 1,
                "{}",
                answer.body
            );
        }
        let code = if token.is_empty() { "token_missing" } else { "token_unknown" };
        for (method, path) in [("GET", "/api/v1/builds"), ("POST", "/api/v1/builds"), ("GET", "/api/v1/builds/x/log")] {
            let answer = ask(&world, token, method, path, None).await;
            assert_eq!((answer.status, &answer.body["code"]), (401, &code.into()), "{path}");
        }
    }
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn scopes_are_kept() {
    let world = world();
    let submitted = ask(&world, ADMIN, "POST", "/api/v1/builds", order("other", "other_1")).await;
    assert_eq!(submitted.status, 201);
    let id = submitted.body["id"].as_str().unwrap().to_owned();
    let build = format!("/api/v1/builds/{id}");
    for (path, body) in
        [("/api/v1/builds", order("a", "b")), (&format!("{build}/cancel"), None), (&format!("{build}/rebuild"), None)]
    {
        let answer = ask(&world, READER, "POST", path, body).await;
        assert_eq!((answer.status, &answer.body["code"]), (403, &"scope_missing".into()), "{path}");
    }
    let old = ask(&world, READER, "POST", "/build_with_dockerfile", order("a", "b")).await;
    assert_eq!((old.status, old.body), (403, json!({ "detail": "this token may not submit" })));
    assert_eq!(ask(&world, READER, "GET", &build, None).await.status, 200);
    world.seen("tagged 1 other_1").await;
    let log = ask(&world, READER, "GET", &format!("/static/{id}.log"), None).await;
    assert!(log.status == 200 && log.body.as_str().unwrap().contains("building other"));
}

#[tokio::test]
async fn a_token_for_some_apps_sees_and_replaces_no_others() {
    let world = world();
    let submit = |token: &'static str, app: &'static str, tag: &'static str| {
        let world = &world;
        async move { ask(world, token, "POST", "/api/v1/builds", order(app, tag)).await }
    };
    let other = submit(ADMIN, "other", "other_1").await.body["id"].as_str().unwrap().to_owned();
    for (app, tag, field) in [("other", "team-a_1", "app_name"), ("team-a", "other_1", "image_tag")] {
        let answer = submit(TEAM, app, tag).await;
        assert_eq!((answer.status, &answer.body["code"]), (403, &"app_forbidden".into()));
        assert!(answer.body["detail"].as_str().unwrap().contains(field), "{}", answer.body);
        let answer = ask(&world, TEAM, "POST", "/build_with_dockerfile", order(app, tag)).await;
        assert!(answer.status == 403 && answer.body["detail"].as_str().unwrap().contains(field), "{}", answer.body);
    }
    let own = submit(TEAM, "team-a", "team-a_1").await;
    assert_eq!(own.status, 201);
    let own = own.body["id"].as_str().unwrap().to_owned();

    let ids = |answer: &Answer, list: &str, id: &str| {
        let all = answer.body[list].as_array().unwrap().iter().map(|one| one[id].as_str().unwrap().to_owned());
        all.collect::<Vec<_>>()
    };
    assert_eq!(ids(&ask(&world, TEAM, "GET", "/api/v1/builds?limit=1", None).await, "builds", "id").join(","), own);
    assert_eq!(ids(&ask(&world, TEAM, "GET", "/task", None).await, "data", "task_id").join(","), own);
    assert_eq!(ask(&world, READER, "GET", "/task", None).await.body["data"].as_array().unwrap().len(), 2);
    for path in ["", "/log"] {
        assert_eq!(ask(&world, TEAM, "GET", &format!("/api/v1/builds/{other}{path}"), None).await.status, 404);
    }
    for path in ["cancel", "rebuild"] {
        assert_eq!(ask(&world, TEAM, "POST", &format!("/api/v1/builds/{other}/{path}"), None).await.status, 404);
    }
    let status = ask(&world, TEAM, "GET", &format!("/task/status?task_id={other}"), None).await;
    assert_eq!(status.body["message"], "Task does not exist");
    assert_eq!(ask(&world, TEAM, "GET", &format!("/static/{other}.log"), None).await.status, 404);
    let status = ask(&world, TEAM, "GET", &format!("/task/status?task_id={own}"), None).await;
    assert_eq!(status.body["status"], "SUCCESS");
}

/// Who can only be given an address: `http://x:TOKEN@HOST`.
#[tokio::test]
async fn a_token_may_be_the_password() {
    let world = world();
    let get = |user: &'static str, password: &'static str| {
        world.client.get(world.url("/task")).basic_auth(user, Some(password)).send()
    };
    assert_eq!(get("anybody", READER).await.unwrap().status(), 200);
    assert_eq!(get(READER, "").await.unwrap().status(), 401);
    // No name of the service is needed: who has no token gets nothing anyway.
    let named =
        world.client.get(world.url("/task")).header("host", "builds.corp").bearer_auth(READER).send().await.unwrap();
    assert_eq!(named.status(), 200);
}

#[tokio::test]
async fn a_key_is_one_callers() {
    let world = world();
    let post = async |token: &str, tag: &str| {
        let request =
            world.client.post(world.url("/api/v1/builds")).bearer_auth(token).header("idempotency-key", "one");
        let body = order("team-a", tag).unwrap().to_string();
        request.header("content-type", "application/json").body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(TEAM, "team-a_1").await, 201);
    assert_eq!(post(ADMIN, "team-a_2").await, 201);
    assert_eq!(post(TEAM, "team-a_1").await, 200);
}

#[tokio::test]
async fn who_submits_too_often_is_told_when_to_come_back() {
    let world = World::with(|setup| (setup.tokens, setup.submits) = (Some(tokens()), Some(2)));
    for tag in ["a", "b"] {
        assert_eq!(ask(&world, ADMIN, "POST", "/api/v1/builds", order("app", tag)).await.status, 201);
    }
    let request =
        world.client.post(world.url("/api/v1/builds")).bearer_auth(ADMIN).header("content-type", "application/json");
    let response = request.body(order("app", "c").unwrap().to_string()).send().await.unwrap();
    let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(response.status() == 429 && (1..=30).contains(&after), "{after}");
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!(problem["code"], "rate_limited");
    let old = ask(&world, ADMIN, "POST", "/build_with_dockerfile", order("app", "d")).await;
    assert_eq!((old.status, old.body), (429, json!({ "detail": "too many submissions; submit it again later" })));
    assert_eq!(ask(&world, TEAM, "POST", "/api/v1/builds", order("team-a", "team-a_1")).await.status, 201);
    // Reading is not counted.
    assert_eq!(ask(&world, ADMIN, "GET", "/task", None).await.status, 200);
}

#[tokio::test]
async fn the_page_shows_what_a_token_may_see() {
    let world = world();
    let submit = async |app: &str, tag: &str| {
        let answer = ask(&world, ADMIN, "POST", "/api/v1/builds", order(app, tag)).await;
        answer.body["id"].as_str().unwrap().to_owned()
    };
    let (own, other) = (submit("team-a", "team-a_1").await, submit("other", "other_1").await);
    world.seen("tagged 1 other_1").await;
    for (method, path) in [
        ("GET", "/".to_owned()),
        ("GET", "/metrics".to_owned()),
        ("GET", format!("/builds/{own}")),
        ("GET", format!("/builds/{own}/facts")),
        ("GET", format!("/builds/{own}/lines")),
        ("POST", format!("/builds/{own}/cancel")),
        ("POST", format!("/builds/{own}/rebuild")),
    ] {
        // A browser asks for a token then.
        let answer = ask(&world, "", method, &path, None).await;
        assert!(answer.status == 401 && answer.challenge.unwrap().contains("Basic"), "{path}");
        let may = method == "GET";
        assert_eq!(ask(&world, READER, method, &path, None).await.status, if may { 200 } else { 403 }, "{path}");
    }
    let list = ask(&world, TEAM, "GET", "/", None).await.body.to_string();
    assert!(list.contains(&own) && !list.contains(&other), "{list}");
    assert!(ask(&world, ADMIN, "GET", "/", None).await.body.to_string().contains(&other));
    for (method, end) in [("GET", ""), ("GET", "/facts"), ("GET", "/lines"), ("POST", "/cancel"), ("POST", "/rebuild")]
    {
        let answer = ask(&world, TEAM, method, &format!("/builds/{other}{end}"), None).await;
        assert_eq!(answer.status, 404, "{end}");
    }
}
