//! What goes wrong on purpose, and where a test can stop the server to end its client.

use std::time::Duration;

use longshore::rehearsal::github::{Effect, Fault, Moment};
use octocrab::models::repos;
use reqwest::Method;
use serde_json::json;

use super::{World, read, refused};

#[tokio::test(flavor = "multi_thread")]
async fn faults_strike_and_pass() {
    let check = async |fault: Fault, first: Option<u16>, starter: bool| {
        let world = World::with(|options| options.faults = vec![fault]).await;
        let draft = world.draft("v1.0.0").await;
        let sent = world.uploading(&draft, "a").body(vec![1; 300_000]).send().await;
        assert_eq!(sent.as_ref().ok().map(|answer| answer.status().as_u16()), first, "{fault}: {sent:?}");
        let assets: Vec<repos::Asset> =
            read(world.owner(Method::GET, draft.assets_url.as_str()).send().await.unwrap()).await;
        let states: Vec<_> = assets.iter().map(|asset| (asset.state.as_str(), asset.size)).collect();
        assert_eq!(states, if starter { vec![("starter", 0)] } else { vec![] }, "{fault}");
        if starter {
            refused(world.upload(&draft, "a", b"again").await, 422).await;
            assert_eq!(world.owner(Method::DELETE, assets[0].url.as_str()).send().await.unwrap().status(), 204);
        }
        assert_eq!(world.upload(&draft, "a", b"again").await.status(), 201, "{fault}");
    };
    check(Fault::BadGateway, Some(502), true).await;
    check(Fault::CutUpload, None, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_still_had_its_effect() {
    let world = World::with(|options| options.faults = vec![Fault::LostAnswer]).await;
    let body = json!({ "tag_name": "v1.0.0", "draft": true }).to_string();
    let request = world.owner(Method::POST, "/repos/acme/harbor/releases").body(body);
    assert!(request.send().await.is_err());
    let draft = world.list(true).await.remove(0);
    assert!(world.uploading(&draft, "a").body("a").send().await.is_err());
    assert_eq!(world.list(true).await[0].assets[0].state, "uploaded");
    let event = world.server.events().remove(0);
    assert_eq!((event.status, event.effects.len()), (None, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_say_when_to_come_back() {
    let world = World::with(|options| options.faults = vec![Fault::RateLimit, Fault::SecondaryLimit]).await;
    let list = async || world.owner(Method::GET, "/repos/acme/harbor/releases").send().await.unwrap();
    let limited = list().await;
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(limited.headers()["x-ratelimit-remaining"], "0");
    let free = list().await;
    assert_eq!((free.status().as_u16(), &free.headers()["x-ratelimit-limit"]), (200, &"5000".parse().unwrap()));
    let body = json!({ "tag_name": "v1.0.0", "draft": true }).to_string();
    let create = world.owner(Method::POST, "/repos/acme/harbor/releases").body(body).send().await.unwrap();
    assert_eq!(create.headers()["retry-after"], "1");
    assert!(refused(create, 403).await["message"].as_str().unwrap().contains("secondary rate limit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smaller_faults() {
    let world = World::with(|options| {
        options.faults = vec![Fault::SlowListing, Fault::NoDigest, Fault::UnauthorizedMidway];
    })
    .await;
    let draft = world.draft("v1.0.0").await;
    assert_eq!(world.list(true).await.len(), 0);
    assert_eq!(world.list(true).await.len(), 0);
    assert_eq!(world.list(true).await.len(), 1);
    let asset: repos::Asset = read(world.upload(&draft, "a", b"a").await).await;
    assert_eq!(asset.digest, None);
    assert_eq!(world.upload(&draft, "b", b"b").await.status(), 401);
    assert_eq!(world.upload(&draft, "b", b"b").await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_stand_before_and_after_the_effect() {
    for (moment, drafts) in [(Moment::Before, 0), (Moment::After, 1)] {
        let world = World::new().await;
        let hold = world.server.hold_at(2, moment);
        assert!(world.list(true).await.is_empty());
        let body = json!({ "tag_name": "v1.0.0", "draft": true }).to_string();
        let request = world.owner(Method::POST, "/repos/acme/harbor/releases").body(body);
        let client = tokio::spawn(request.send());
        let (reached, hold) =
            tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(20)), hold)).await.unwrap();
        assert!(reached);
        assert_eq!(world.effects().len(), drafts, "{moment:?}");
        assert!(!client.is_finished());
        drop(hold);
        assert!(client.await.unwrap().is_err());
        assert_eq!(world.list(true).await.len(), drafts, "{moment:?}");
        assert_eq!(world.server.events()[1].status, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_killed_midway_leaves_a_starter() {
    let world = World::new().await;
    let draft = world.draft("v1.0.0").await;
    let hold = world.server.hold_at(2, Moment::Midway);
    let client = tokio::spawn(world.uploading(&draft, "a").body(vec![7; 2_000_000]).send());
    let (reached, hold) =
        tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(20)), hold)).await.unwrap();
    assert!(reached);
    client.abort();
    drop(hold);
    let left = world.list(true).await.remove(0).assets.remove(0);
    assert_eq!((left.state.as_str(), left.digest), ("starter", None));
    assert!(matches!(&world.effects()[1], Effect::AssetStarted { name, .. } if name == "a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_an_unfinished_asset_is_noticed() {
    let world = World::with(|options| options.faults = vec![Fault::BadGateway]).await;
    let draft = world.draft("v1.0.0").await;
    world.upload(&draft, "a", b"a").await;
    world.publish(&draft).await;
    assert!(world.effects().iter().any(Effect::breaks_a_promise));
}
