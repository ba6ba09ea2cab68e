//! The queue: order, one build of a reference at a time, cancels, faults, many submissions.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::fake::World;

fn started(world: &World) -> Vec<String> {
    let events = world.events();
    events.iter().filter_map(|event| event.strip_prefix("start 1 ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_build_completes_with_what_was_pushed() {
    let world = World::new();
    let id = world.submit("app", "v1").await;
    let build = world.until(&id, "completed").await;
    let expected: [(&str, Value); 10] = [
        ("phase", "pushing".into()),
        ("reason", Value::Null),
        ("attempt", 1.into()),
        ("commit", "3f786850e387550fdab836ed7e6dc881de23001b".into()),
        ("digest", "sha256:3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe".into()),
        ("references", vec!["localhost:5000/serve-app:v1"].into()),
        ("platforms", vec!["linux/amd64"].into()),
        ("size", 1234.into()),
        ("cancel_requested", false.into()),
        ("own_dockerfile", false.into()),
    ];
    for (name, value) in expected {
        if name == "digest" {
            assert_eq!(build[name], longshore::digest::Digest::of(b"v1").to_string());
        } else {
            assert_eq!(build[name], value, "{name}");
        }
    }
    assert_eq!(world.events(), ["start 1 v1", "pushed 1 v1", "tagged 1 v1"]);
}

/// D3: the order was random.
#[tokio::test]
async fn tasks_start_in_the_order_of_submission() {
    let world = World::new();
    world.hold("fetching");
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(world.submit("app", &format!("v{number}")).await);
    }
    world.release("fetching");
    for id in &ids {
        world.until(id, "completed").await;
    }
    assert_eq!(started(&world), (0..20).map(|number| format!("v{number}")).collect::<Vec<_>>());
}

/// D12: two apps that write one reference came between each other.
#[tokio::test]
async fn one_reference_is_built_by_one_at_a_time() {
    let world = World::with(|setup| setup.builds = 3);
    world.hold("tagging");
    let one = world.submit("one", "same").await;
    let two = world.submit("two", "same").await;
    let other = world.submit("three", "other").await;
    world.seen("held-tagging 1 same").await;
    world.seen("held-tagging 1 other").await;
    assert_eq!(world.build(&two).await["state"], "waiting");
    assert_eq!(started(&world), ["same", "other"]);
    world.release("tagging");
    for id in [&one, &two, &other] {
        world.until(id, "completed").await;
    }
    let same: Vec<String> = world.events().into_iter().filter(|event| event.ends_with(" same")).collect();
    let attempt = ["start 1 same", "pushed 1 same"];
    let whole = [&attempt[..], &["held-tagging 1 same", "tagged 1 same"], &attempt[..], &["tagged 1 same"]].concat();
    assert_eq!(same, whole);
}

#[tokio::test]
async fn one_app_does_not_take_all_places() {
    let world = World::with(|setup| (setup.builds, setup.per_app) = (3, Some(1)));
    world.hold("building");
    let mut ids = Vec::new();
    for (app, tag) in [("big", "v1"), ("big", "v2"), ("big", "v3"), ("small", "v4")] {
        ids.push(world.submit(app, tag).await);
    }
    world.seen("held-building 1 v1").await;
    world.seen("held-building 1 v4").await;
    assert_eq!(world.build(&ids[1]).await["state"], "waiting");
    world.release("building");
    for id in &ids {
        world.until(id, "completed").await;
    }
    assert_eq!(started(&world), ["v1", "v4", "v2", "v3"]);
}

#[tokio::test]
async fn a_waiting_task_is_cancelled_and_never_starts() {
    let world = World::new();
    world.hold("fetching");
    let first = world.submit("app", "v1").await;
    let second = world.submit("app", "v2").await;
    world.seen("held-fetching 1 v1").await;
    let (status, build) = world.post(&format!("/api/v1/builds/{second}/cancel"), &Value::Null).await;
    assert_eq!((status, &build["state"]), (200, &"cancelled".into()));
    // Said again, it is still so; the old face knows four states.
    assert_eq!(world.post(&format!("/api/v1/builds/{second}/cancel"), &Value::Null).await.0, 200);
    assert_eq!(world.get(&format!("/task/status?task_id={second}")).await.1["build_status"], "failed");
    world.release("fetching");
    world.until(&first, "completed").await;
    assert_eq!(started(&world), ["v1"]);
    assert_eq!(world.post(&format!("/api/v1/builds/{first}/cancel"), &Value::Null).await.0, 409);
}

#[tokio::test]
async fn a_running_task_is_ended_and_then_cancelled() {
    for phase in ["fetching", "building", "pushing", "pushed", "stored"] {
        let world = World::new();
        world.hold(phase);
        let id = world.submit("app", "v1").await;
        world.seen(&format!("held-{phase} 1 v1")).await;
        let (status, build) = world.post(&format!("/api/v1/builds/{id}/cancel"), &Value::Null).await;
        assert_eq!((status, &build["cancel_requested"]), (202, &true.into()), "{phase}");
        let build = world.until(&id, "cancelled").await;
        assert_eq!(build["reason"], Value::Null, "{phase}");
        assert!(!world.events().iter().any(|event| event.starts_with("tagged")), "{phase}: {:?}", world.events());
    }
}

/// A cancelled build with a moved tag would be a lie.
#[tokio::test]
async fn after_the_last_fence_a_cancel_comes_too_late() {
    let world = World::new();
    world.hold("tagging");
    let id = world.submit("app", "v1").await;
    world.seen("held-tagging 1 v1").await;
    let (status, problem) = world.post(&format!("/api/v1/builds/{id}/cancel"), &Value::Null).await;
    assert_eq!((status, &problem["code"]), (409, &"not_cancellable".into()));
    world.release("tagging");
    let build = world.until(&id, "completed").await;
    assert_eq!(build["cancel_requested"], false);
}

/// D1: what failed was shown as completed.
#[tokio::test]
async fn faults_of_the_dockerfile_are_not_repeated_and_those_of_the_infrastructure_are() {
    let world = World::new();
    let broken = world.submit("broken", "v1").await;
    let unreachable = world.submit("unreachable", "v2").await;
    let panics = world.submit("panics", "v3").await;
    let stubborn = world.submit("stubborn", "v4").await;
    let rows = [
        (broken, "build_failed", 1),
        (unreachable, "registry_unavailable", 3),
        (panics, "internal", 1),
        (stubborn, "internal", 1),
    ];
    for (id, reason, attempts) in rows {
        let build = world.until(&id, "failed").await;
        assert_eq!((&build["reason"], &build["attempt"]), (&reason.into(), &attempts.into()), "{build}");
        let log = world.get(&format!("/api/v1/builds/{id}/log")).await.1;
        assert!(log.as_str().unwrap().contains(if reason == "internal" { "" } else { reason }), "{log}");
    }
    // Each attempt has its log.
    assert!(!world.events().iter().any(|event| event.starts_with("tagged")));
}

#[tokio::test]
async fn a_build_that_takes_too_long_is_ended() {
    let world = World::with(|setup| setup.pace.limit = Duration::from_millis(150));
    world.hold("building");
    let id = world.submit("app", "v1").await;
    let build = world.until(&id, "failed").await;
    assert_eq!((&build["reason"], &build["attempt"]), (&"timeout".into(), &1.into()));
}

/// An idle queue is not asked every few seconds: a task starts when it is submitted.
#[tokio::test]
async fn a_task_starts_at_once() {
    let world = World::new();
    let id = world.submit("warm", "up").await;
    world.until(&id, "completed").await;
    let begun = Instant::now();
    let id = world.submit("app", "v1").await;
    world.until(&id, "completed").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_thousand_submissions_at_once_are_all_built_once() {
    let world = World::with(|setup| setup.builds = 4);
    let submit = |number: usize| {
        let world = &world;
        async move {
            let request = world.client.post(world.url("/build_with_dockerfile"));
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let body = format!("app_name=app{}&image_tag=v{number}&git_repo=https%3A%2F%2Fgit.test%2Fx", number % 7);
            let response = request.body(body).send().await.unwrap();
            assert_eq!(response.status(), 200);
            serde_json::from_str::<Value>(&response.text().await.unwrap()).unwrap()["task_id"].clone()
        }
    };
    let ids = futures_util::future::join_all((0..1000).map(submit)).await;
    let end = Instant::now() + Duration::from_secs(240);
    loop {
        let list = world.get("/task").await.1;
        let rows = list["data"].as_array().unwrap();
        assert_eq!(rows.len(), 1000);
        if rows.iter().all(|row| row["status"] == "completed") {
            break;
        }
        assert!(Instant::now() < end, "not done");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut ids: Vec<String> = ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1000);
    let events = world.events();
    for what in ["start 1 ", "pushed 1 ", "tagged 1 "] {
        let mut tags: Vec<&str> = events.iter().filter_map(|event| event.strip_prefix(what)).collect();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 1000, "{what}");
    }
    assert_eq!(events.len(), 3000);
}
