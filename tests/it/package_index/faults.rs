//! What goes wrong on purpose, and where a test can stop the server to end its client.

use std::time::Duration;

use longshore::rehearsal::pypi::{Fault, Moment, Seed};
use reqwest::Method;

use super::{Form, World, existing};
use crate::package::{ANY, Package};

const DEMO: Package<'static> = Package { name: "demo-lib", version: "1.0", says: "hello" };

fn faulty(fault: Fault) -> World {
    World::with(|options| {
        options.faults = vec![(fault, 1)];
        options.projects = vec![existing("demo-lib", "ada")];
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_strikes_once_and_passes() {
    for (fault, answer, stored) in [
        (Fault::StoredThen502, Some("502 Bad Gateway"), true),
        (Fault::LostAnswer, None, true),
        (Fault::CutBody, None, false),
        (Fault::ServerError, Some("503 Service Unavailable"), false),
        (Fault::TokenExpired, Some("403 Invalid API Token: token is expired"), false),
        (Fault::ReadOnly, Some("403 Read-only mode: Uploads are temporarily disabled."), false),
    ] {
        let world = faulty(fault);
        let form = Form::wheel(&DEMO);
        match answer {
            Some(answer) => world.says(&form, answer).await,
            None => assert!(world.post(&form).send().await.is_err(), "{fault}"),
        }
        assert_eq!(!world.files("demo-lib").is_empty(), stored, "{fault}");
        world.says(&form, "200").await;
        assert_eq!(world.files("demo-lib"), ["demo_lib-1.0-py3-none-any.whl"], "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_for_new_projects_only() {
    let world = faulty(Fault::RateLimit);
    world.says(&Form::wheel(&DEMO), "200").await;
    let other = Form::wheel(&Package::new("other", "1.0"));
    world.says(&other, "429 Too many new projects created").await;
    world.says(&other, "200").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_index_lacks_what_came_since_the_start() {
    let world = World::with(|options| options.faults = vec![(Fault::StaleIndex, 2)]);
    let old = Package::new("old", "1.0").wheel(ANY);
    world.server.seed_file("old", "1.0", Seed { filename: &old.name, bytes: &old.bytes, age_days: 3 });
    world.says(&Form::wheel(&DEMO), "200").await;
    assert_eq!(world.get("/simple/demo-lib/", "*/*").await.0, 404);
    assert!(world.get("/simple/old/", "*/*").await.1.contains(&old.name));
    assert!(world.get("/simple/demo-lib/", "*/*").await.1.contains(&DEMO.wheel(ANY).name));
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_stand_before_and_after_the_effect() {
    for (moment, files) in [(Moment::Before, 0), (Moment::Midway, 0), (Moment::After, 1)] {
        let world = faulty(Fault::StaleIndex);
        let hold = world.server.hold_at(2, moment);
        assert_eq!(world.get("/_/oidc/audience", "*/*").await.0, 200);
        let client = tokio::spawn(world.post(&Form::wheel(&DEMO)).send());
        let wait = move || (hold.wait(Duration::from_secs(20)), hold);
        let (reached, hold) = tokio::task::spawn_blocking(wait).await.unwrap();
        assert!(reached && !client.is_finished());
        assert_eq!(world.files("demo-lib").len(), files, "{moment:?}");
        drop(hold);
        assert!(client.await.unwrap().is_err());
        assert_eq!(world.server.requests(), ["GET /_/oidc/audience", "POST /legacy/"]);
        world.says(&Form::wheel(&DEMO), "200").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_side_by_side_are_all_there_and_none_is_there_twice() {
    let world = World::new();
    let forms: Vec<Form> = (0..4)
        .flat_map(|number| {
            let text = ["a", "b", "c", "d"][number];
            [Form::wheel(&DEMO.saying(text)), Form::wheel(&Package::new(["k", "m", "n", "p"][number], "1.0"))]
        })
        .collect();
    let answers = futures_util::future::join_all(forms.iter().map(|form| world.send(form))).await;
    let stored = answers.iter().filter(|answer| *answer == "200").count();
    assert_eq!((stored, world.files("demo-lib").len()), (5, 1), "{answers:?}");
    assert!(answers.iter().all(|answer| answer == "200" || answer.starts_with("400 File already exists")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_index_leaves_its_port() {
    let world = World::new();
    let (url, client) = (world.server.url(), world.client.clone());
    assert_eq!(client.request(Method::GET, format!("{url}/simple/")).send().await.unwrap().status(), 200);
    world.server.stop();
    assert!(client.request(Method::GET, format!("{url}/simple/")).send().await.is_err());
}
