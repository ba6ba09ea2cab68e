//! The page: what it shows, whom it lets do what, and that nothing a caller sends becomes part of it.

use std::fs;

use reqwest::Response;
use serde_json::json;

use super::fake::World;

/// Every way out of text, an attribute or a terminal that a name can try.
const HOSTILE: &str =
    "</a>\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}\u{1b}]8;;https://evil.test\u{7}&amp;";

async fn text(world: &World, path: &str) -> String {
    let response = world.client.get(world.url(path)).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

/// Submits to the old face, which takes names of any kind.
async fn submit(world: &World, fields: &[(&str, &str)]) -> String {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = world.client.post(world.url("/build_with_dockerfile"));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = request.send().await.unwrap().text().await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    answer["task_id"].as_str().unwrap().to_owned()
}

/// Nothing that a browser would run or obey: our pages have one script, one style, and neither inside of them.
fn is_harmless(page: &str) {
    let scripts: Vec<&str> = page.split("<script").skip(1).collect();
    assert!(scripts.iter().all(|script| script.starts_with(" src=\"/artifact-builder/assets/service.js?")), "{page}");
    for bad in ["<style", " style=", "<img", "<iframe", "href=\"javascript:", "\u{202e}", "\u{1b}", "\u{7}"] {
        assert!(!page.contains(bad), "{bad:?}: {page}");
    }
    let names = |tag: &str| tag.split('>').next().unwrap_or_default().split('"').step_by(2).collect::<String>();
    let handlers = page.split('<').filter(|tag| names(tag).contains(" on"));
    assert_eq!(handlers.count(), 0, "{page}");
}

#[tokio::test]
async fn what_callers_send_is_text() {
    let world = World::new();
    let fields = [("app_name", HOSTILE), ("image_tag", "v1"), ("git_repo", "javascript:alert(1)"), ("branch", HOSTILE)];
    let id = submit(&world, &fields).await;
    world.until(&id, "completed").await;
    let long = "x".repeat(300);
    let refused = submit(&world, &[("app_name", &long), ("image_tag", HOSTILE), ("git_repo", HOSTILE)]).await;
    world.until(&refused, "failed").await;
    let log = world.folder.path().join(format!("logs/{id}.1.log"));
    let lines = format!("{HOSTILE}\n\u{1b}[31mred\u{1b}[0m 10%\r20%\n\u{1b}[2J{HOSTILE}");
    fs::write(log, lines).unwrap();
    for path in ["/", &format!("/builds/{id}"), &format!("/builds/{refused}"), &format!("/builds/{id}/facts")] {
        is_harmless(&text(&world, path).await);
    }
    let page = text(&world, &format!("/builds/{id}")).await;
    assert!(page.contains("&lt;/a&gt;&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(page.contains("<span id=\"L2\" class=\"line\"><a href=\"#L2\">2</a>20%\n</span>"), "{page}");
    assert!(page.contains("<dd>javascript:alert(1)</dd>"), "{page}");
    let filtered = url::form_urlencoded::Serializer::new(String::new()).append_pair("app_name", HOSTILE).finish();
    let list = text(&world, &format!("/?{filtered}")).await;
    is_harmless(&list);
    assert!(list.contains(&format!("/artifact-builder/builds/{id}")) && !list.contains(&refused));
    let events = world.client.get(world.url(&format!("/builds/{id}/lines?attempt=1&line=1"))).send().await.unwrap();
    let events = events.text().await.unwrap();
    assert!(
        !events.contains("<script") && !events.contains('\u{202e}') && events.contains("&lt;script&gt;"),
        "{events}"
    );
}

#[tokio::test]
async fn a_build_is_shown_with_what_came_of_it() {
    let world = World::new();
    let id = world.submit("app", "v1").await;
    let build = world.until(&id, "completed").await;
    let page = text(&world, &format!("/artifact-builder/builds/{id}")).await;
    let digest = build["digest"].as_str().unwrap();
    for expected in [
        "<h1>app<span class=\"tag\">:v1</span></h1>",
        &format!("docker pull localhost:5000/serve-app@{digest}"),
        "localhost:5000/serve-app:v1",
        "<a href=\"https://git.test/app.git\" rel=\"noreferrer nofollow\">",
        "3f786850e387550fdab836ed7e6dc881de23001b",
        "<span id=\"L1\" class=\"line\"><a href=\"#L1\">1</a>building app\n</span>",
        "<button name=\"rebuild\">",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    // What has ended is not asked for again.
    assert!(!page.contains("data-live") && !page.contains("data-follow") && !page.contains("name=\"cancel\""));
    let list = text(&world, "/").await;
    assert!(list.contains("0 running, 0 waiting") && list.contains(&format!("/artifact-builder/builds/{id}\"")));
    assert!(text(&world, "/?state=failed&app_name=").await.contains("No builds match."));
    for (path, status) in [("/builds/none", 404), ("/?state=none", 400), ("/?cursor=x", 400), ("/assets/none", 404)] {
        assert_eq!(world.client.get(world.url(path)).send().await.unwrap().status(), status, "{path}");
    }
    let steps = build["steps"].as_array().unwrap();
    let phases: Vec<&str> = steps.iter().map(|step| step["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["fetching", "building", "pushing"]);
    assert_eq!((&steps[0]["ended_at"], &steps[2]["ended_at"]), (&steps[1]["started_at"], &build["ended_at"]));
}

#[tokio::test]
async fn pages_may_do_nothing_but_what_is_ours() {
    let world = World::new();
    for path in ["/", "/docs", "/builds/none"] {
        let response = world.client.get(world.url(path)).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'") && !policy.contains("unsafe")
        );
        // Without a referrer browsers send `origin: null` with forms.
        assert_eq!(
            (header("referrer-policy"), header("x-content-type-options")),
            ("same-origin".into(), "nosniff".into())
        );
        is_harmless(&response.text().await.unwrap());
    }
    for (name, kind) in [("service.css", "text/css; charset=utf-8"), ("service.js", "text/javascript; charset=utf-8")] {
        let asset = world.client.get(world.url(&format!("/artifact-builder/assets/{name}"))).send().await.unwrap();
        assert_eq!((asset.status().as_u16(), &asset.headers()["content-type"]), (200, &kind.parse().unwrap()));
    }
}

#[tokio::test]
async fn builds_are_cancelled_and_built_again_by_forms() {
    let world = World::new();
    world.hold("building");
    let id = world.submit("app", "v1").await;
    world.seen("held-building 1 v1").await;
    let page = text(&world, &format!("/builds/{id}")).await;
    assert!(page.contains(&format!("data-live=\"/artifact-builder/builds/{id}/facts\"")), "{page}");
    assert!(page.contains("<li class=\"running\" aria-current=\"step\">"), "{page}");
    let post = |name: &str, origin: Option<&str>| {
        let request = world.client.post(world.url(&format!("/builds/{id}/{name}")));
        match origin {
            Some(origin) => request.header("origin", origin).send(),
            None => request.send(),
        }
    };
    let place = |response: &Response| response.headers()["location"].to_str().unwrap().to_owned();
    for origin in ["https://evil.test", "null"] {
        assert_eq!(post("cancel", Some(origin)).await.unwrap().status(), 403, "{origin}");
    }
    assert_eq!(world.client.get(world.url(&format!("/builds/{id}/cancel"))).send().await.unwrap().status(), 405);
    assert_eq!(world.build(&id).await["cancel_requested"], false);
    let done = post("cancel", Some(&world.url(""))).await.unwrap();
    assert_eq!((done.status().as_u16(), place(&done)), (303, format!("/artifact-builder/builds/{id}")));
    world.until(&id, "cancelled").await;
    assert_eq!(post("cancel", None).await.unwrap().status(), 303);
    world.release("building");
    let again = post("rebuild", None).await.unwrap();
    assert_eq!(again.status(), 303);
    let other = place(&again).rsplit('/').next().unwrap().to_owned();
    assert_ne!(other, id);
    world.until(&other, "completed").await;
    let late = world.client.post(world.url(&format!("/builds/{other}/cancel"))).send().await.unwrap();
    assert_eq!(late.status(), 409);
}

/// A link to a line of a long log leads to the page that has it; what comes later follows the last one.
#[tokio::test]
async fn long_logs_come_in_pages() {
    let world = World::new();
    let id = world.submit("app", "v1").await;
    world.until(&id, "completed").await;
    let lines: String = (1..=4100).map(|number| format!("line {number} here\n")).collect();
    fs::write(world.folder.path().join(format!("logs/{id}.1.log")), lines).unwrap();
    let last = text(&world, &format!("/builds/{id}")).await;
    assert!(
        last.contains("line 4100 here")
            && !last.contains("line 4000 here")
            && last.contains("lines 4001 to 4100 of 4100")
    );
    assert!(last.contains(&format!("/artifact-builder/builds/{id}?attempt=1&amp;line=2001#L2001\">Earlier")), "{last}");
    let page = text(&world, &format!("/builds/{id}?attempt=1&line=2001")).await;
    assert!(page.contains("line 2001 here") && page.contains("line 4000 here") && !page.contains("line 4001 here"));
    let events = world.client.get(world.url(&format!("/builds/{id}/lines?attempt=1&line=1&offset=0")));
    let events = events.header("last-event-id", "12.2").send().await.unwrap().text().await.unwrap();
    assert!(
        events.starts_with("id: 24.3\ndata: <span id=\"L2\" class=\"line\"><a href=\"#L2\">2</a>line 2 here\n"),
        "{events}"
    );
    assert!(events.ends_with("event: end\ndata:\n\n"));
}

/// Who asks before a build has started hears of it from the beginning.
#[tokio::test]
async fn a_build_that_waits_is_followed() {
    let world = World::new();
    world.hold("fetching");
    let first = world.submit("app", "v1").await;
    world.seen("held-fetching 1 v1").await;
    let id = world.submit("app", "v2").await;
    let cancelled = world.submit("app", "v3").await;
    let page = text(&world, &format!("/builds/{id}")).await;
    assert!(page.contains("The log begins when the build starts.") && page.contains("data-follow"), "{page}");
    let log = |id: &str| world.url(&format!("/api/v1/builds/{id}/log"));
    let events = world.client.get(log(&id)).header("accept", "text/event-stream").send().await.unwrap();
    let followed = world.client.get(format!("{}?follow=1", log(&id))).send().await.unwrap();
    let old = world.client.get(world.url(&format!("/static/{id}.log?follow=1"))).send().await.unwrap();
    let never = world.client.get(format!("{}?follow=1", log(&cancelled))).send().await.unwrap();
    for response in [&events, &followed, &old, &never] {
        assert_eq!(response.status(), 200);
    }
    // What is not followed is not there.
    assert_eq!(world.client.get(log(&id)).send().await.unwrap().status(), 404);
    world.post(&format!("/api/v1/builds/{cancelled}/cancel"), &json!(null)).await;
    assert_eq!(never.text().await.unwrap(), "");
    world.release("fetching");
    let text = followed.text().await.unwrap();
    assert!(text.starts_with("building app\nhalf a line\n") && text.contains("completed: "), "{text}");
    assert_eq!(old.text().await.unwrap(), text);
    let events = events.text().await.unwrap();
    assert!(
        events.starts_with("id: 13\ndata: building app\n\n") && events.ends_with("event: end\ndata:\n\n"),
        "{events}"
    );
    world.until(&first, "completed").await;
    assert_eq!(world.client.get(format!("{}?follow=1", log(&cancelled))).send().await.unwrap().status(), 404);
}

/// Builds wait for a disk that is full; nothing of them is used up.
#[tokio::test]
async fn below_the_floor_nothing_starts() {
    let world = World::with(|setup| setup.keep_free = u64::MAX);
    let id = world.submit("app", "v1").await;
    let (status, problem) = world.get("/readyz").await;
    if cfg!(not(unix)) {
        assert_eq!(status, 200);
        return;
    }
    assert_eq!((status, &problem["code"]), (503, &"disk_full".into()));
    let page = text(&world, &format!("/builds/{id}")).await;
    assert!(page.contains("No build starts: the disk of the data folder has "), "{page}");
    let build = world.build(&id).await;
    assert_eq!((&build["state"], &build["attempt"]), (&"waiting".into(), &0.into()));
    assert_eq!(world.events(), Vec::<String>::new());
}

/// What Prometheus asks of a text: names of families once, before their samples; histograms that add up.
#[tokio::test]
async fn metrics_are_those_of_prometheus() {
    let world = World::new();
    let id = world.submit("app", "v1").await;
    world.until(&id, "completed").await;
    let broken = world.submit("broken", "v2").await;
    world.until(&broken, "failed").await;
    text(&world, &format!("/builds/{id}")).await;
    let response = world.client.get(world.url("/metrics")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let metrics = response.text().await.unwrap();
    let mut families: Vec<&str> = Vec::new();
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap();
            assert!(!families.contains(&name), "{name} twice");
            assert!(metrics.contains(&format!("# HELP {name} ")), "{name}");
            families.push(name);
        } else if !line.starts_with("# ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let family = families.last().unwrap();
            assert!(name.starts_with(family) && value.parse::<f64>().is_ok(), "{line}");
        }
    }
    for line in [
        "longshore_builds{state=\"completed\"} 1",
        "longshore_builds{state=\"waiting\"} 0",
        "longshore_oldest_waiting_seconds 0",
        "longshore_attempts_total{result=\"completed\"} 1",
        "longshore_attempts_total{result=\"failed\"} 1",
        "longshore_phase_duration_seconds_count{phase=\"building\"} 2",
        "longshore_phase_duration_seconds_bucket{phase=\"pushing\",le=\"+Inf\"} 1",
        "longshore_http_requests_total{method=\"GET\",path=\"/builds/{id}\",status=\"200\"} 1",
        "longshore_http_requests_total{method=\"POST\",path=\"/api/v1/builds\",status=\"201\"} 2",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains(&id));
}
