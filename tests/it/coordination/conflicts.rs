//! Coordination assets in one release that do not belong together: known at once, never waited for.

use std::time::{Duration, Instant};

use longshore::plan::Plan;
use longshore::rehearsal::github::{Asset, Effect, Moment, SeedRelease};
use longshore::world::http::{Auth, Body, Client, Method, Request};
use serde_json::{Value, json};

use super::world::{ALL, ASSETS, CLIENT, READER, Run, SERVER, TAG, TOKEN, World, run};

/// A release in which assets of another plan lie.
fn of_another_plan(draft: bool, change: impl Fn(&mut Value), files: &[&str]) -> SeedRelease {
    let mut announcement = json!({
        "schema": "longshore/coordination/1",
        "plan": format!("sha256:{}", "5".repeat(64)),
        "commit": "7".repeat(40),
        "longshore": "9.9.9",
        "workflows": ALL,
        "manifest": {},
    });
    change(&mut announcement);
    let asset = |name: &&str| Asset { name: (*name).to_owned(), bytes: Some(announcement.to_string().into_bytes()) };
    SeedRelease { tag: TAG.into(), draft, assets: files.iter().map(asset).collect(), ..SeedRelease::default() }
}

const ANNOUNCEMENTS: [&str; 3] = [
    "longshore-build-assets.manifest.json",
    "longshore-release-server.manifest.json",
    "longshore-release-client.manifest.json",
];

/// Every workflow says so at once, and nothing changes.
async fn refused(release: SeedRelease, change: impl Fn(&mut World), code: &str) -> String {
    let mut world = World::with(|repository| repository.releases.push(release)).await;
    change(&mut world);
    let mut texts = Vec::new();
    for workflow in ALL {
        let started = Instant::now();
        let (exit, found, said) = world.run(run(workflow)).await.unwrap_err();
        assert_eq!((exit as u8, found), (4, code), "{workflow}: {said}");
        assert!(started.elapsed() < Duration::from_secs(10), "{workflow} waited");
        texts.push(said);
    }
    let written: Vec<_> = world.github.events().into_iter().filter(|event| event.method != "GET").collect();
    assert!(written.is_empty() && world.tags().is_empty() && world.packages().is_empty(), "{written:?}");
    texts.swap_remove(0)
}

const DELETE: &str = "gh release delete v3.0.0 --repo harbor-works/opsml";

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_another_commit() {
    let one = refused(of_another_plan(true, |_| {}, &ANNOUNCEMENTS[1..2]), |_| {}, "coordination-other-plan").await;
    assert!(one.contains("`release-server.yml`") && one.contains(&"7".repeat(40)) && one.contains(DELETE), "{one}");
    // All of its workflows have met: something may be public.
    let all = refused(of_another_plan(true, |_| {}, &ANNOUNCEMENTS), |_| {}, "coordination-other-plan").await;
    assert!(!all.contains("gh release delete"), "{all}");
    let open = refused(of_another_plan(false, |_| {}, &ANNOUNCEMENTS[..1]), |_| {}, "coordination-other-plan").await;
    assert!(!open.contains("gh release delete"), "{open}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_another_version() {
    let commit = World::new().await.plan.commit;
    let same = |announcement: &mut Value| announcement["commit"] = commit.clone().into();
    let said = refused(of_another_plan(true, same, &ANNOUNCEMENTS[..1]), |_| {}, "coordination-other-plan").await;
    assert!(said.contains("with longshore 9.9.9; this is longshore "), "{said}");
    assert!(said.contains(DELETE), "{said}");
    let garbage = of_another_plan(true, |announcement| *announcement = json!(["?"]), &ANNOUNCEMENTS[2..]);
    refused(garbage, |_| {}, "coordination-unreadable").await;
}

/// A world with a draft in which a file lies that is made from its plan.
async fn holding(name: &str, bytes: impl Fn(&World) -> Vec<u8>) -> World {
    let draft = SeedRelease { tag: TAG.into(), draft: true, ..SeedRelease::default() };
    let world = World::with(|repository| repository.releases.push(draft)).await;
    let listed = ask(&world, Method::GET, "releases", b"").await;
    let upload = listed[0]["upload_url"].as_str().unwrap().split('{').next().unwrap().to_owned();
    let upload = upload.split_once("/repos/harbor-works/opsml/").unwrap();
    let (base, tail) = (format!("{}/repos/harbor-works/opsml/", upload.0), format!("{}?name={name}", upload.1));
    ask_at(&base, Method::POST, &tail, &bytes(&world)).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_promises_less_than_the_plan() {
    let short = |world: &World| {
        let (_, manifest) = world.built(run(SERVER));
        let mut manifest = serde_json::to_value(manifest).unwrap();
        manifest["artifacts"][0]["files"] = json!([]);
        let announcement = json!({
            "schema": "longshore/coordination/1", "plan": world.plan.digest(), "commit": world.plan.commit,
            "longshore": env!("CARGO_PKG_VERSION"), "workflows": ALL, "manifest": manifest,
        });
        announcement.to_string().into_bytes()
    };
    for workflow in ALL {
        let world = holding(ANNOUNCEMENTS[1], short).await;
        let (exit, code, said) = world.run(run(workflow)).await.unwrap_err();
        assert_eq!((exit as u8, code), (4, "coordination-unreadable"), "{said}");
        assert!(said.contains("it has nothing, but the plan says"), "{said}");
        assert!(world.tags().is_empty() && world.packages().is_empty() && world.is_hidden());
    }
}

/// It is not even fetched.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_too_long() {
    let mut release = of_another_plan(true, |_| {}, &ANNOUNCEMENTS[1..2]);
    release.assets[0].bytes = Some(vec![b' '; (64 << 20) + 1]);
    let said = refused(release, |_| {}, "coordination-unreadable").await;
    assert!(said.contains("67108865 bytes; the limit is 64 MiB"), "{said}");
}

/// Two wait for each other and a third; one comes with another plan and leaves at once.
#[tokio::test(flavor = "multi_thread")]
async fn another_plan_that_comes_while_others_wait() {
    let world = World::new().await;
    let mut other: Plan = world.plan.clone();
    other.assumed.push("another machine assumed more".into());
    let (store, mut manifest) = world.built(run(CLIENT));
    manifest.plan = other.digest();
    manifest.artifacts.iter_mut().for_each(|artifact| artifact.plan = manifest.plan);
    let third = async {
        world
            .until("two that wait", |world| ANNOUNCEMENTS[..2].iter().all(|name| world.uploaded(name).is_some()))
            .await;
        world.publish(run(CLIENT), &other, (&store, &manifest)).await
    };
    let ended = tokio::select! {
        ended = world.run(run(ASSETS)) => panic!("{ended:?}"),
        ended = world.run(run(SERVER)) => panic!("{ended:?}"),
        ended = third => ended,
    };
    let (exit, code, said) = ended.unwrap_err();
    assert_eq!((exit as u8, code), (4, "coordination-other-plan"), "{said}");
    assert!(said.contains("differently from the same commit"), "{said}");
    assert!(world.is_hidden() && world.uploaded(ANNOUNCEMENTS[2]).is_none());
}

/// A request of somebody else.
async fn ask(world: &World, method: Method, tail: &str, bytes: &[u8]) -> Value {
    ask_at(&format!("{}repos/harbor-works/opsml/", world.github.url()), method, tail, bytes).await
}

async fn ask_at(base: &str, method: Method, tail: &str, bytes: &[u8]) -> Value {
    let url = format!("{base}{tail}").parse().unwrap();
    let body = if bytes.is_empty() { Body::Empty } else { Body::Bytes { bytes, media: "application/json" } };
    let token = longshore::secret::Secret::new(TOKEN);
    let request = Request { method, auth: Some(Auth::Bearer(&token)), body, ..Request::get(url) };
    let done = Client::new(&request.url).unwrap().send(request.clone()).await.unwrap();
    assert!(done.is_success(), "{done:?}");
    serde_json::from_slice(&done.body).unwrap_or_default()
}

/// What is public without the workflows cannot be used for coordination.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_appears_in_place_of_the_draft() {
    let world = World::new().await;
    let appears = async {
        let asks = |world: &World| world.github.events().iter().any(|event| event.path.ends_with("generate-notes"));
        world.until("one that waits", asks).await;
        ask(&world, Method::POST, "releases", br#"{"tag_name":"v3.0.0"}"#).await;
    };
    let (ended, ()) = tokio::join!(world.run(run(CLIENT)), appears);
    let (exit, code, said) = ended.unwrap_err();
    assert_eq!((exit as u8, code), (4, "release-published"), "{said}");
    assert!(world.uploaded(ANNOUNCEMENTS[2]).is_none());
}

/// A file with the name of receipts does not make a release public that may lack what they would be of.
#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_say_nothing() {
    let hollow = |world: &World| {
        let receipts = json!({ "schema": "longshore/receipts/1", "plan": world.plan.digest(), "receipts": [] });
        receipts.to_string().into_bytes()
    };
    let garbage = |_: &World| b"?".to_vec();
    let name = "longshore-release-client.receipts.json";
    for (world, expected) in
        [(holding(name, garbage).await, "cannot be read"), (holding(name, hollow).await, "there is no receipt for")]
    {
        let (lead, server, client) =
            tokio::join!(world.run(run(ASSETS)), world.run(run(SERVER)), world.run(run(CLIENT)));
        assert!(server.is_ok() && client.is_ok(), "{server:?} {client:?}");
        let (exit, code, said) = lead.unwrap_err();
        assert_eq!((exit as u8, code), (4, "coordination-unreadable"), "{said}");
        assert!(said.contains(expected) && world.opened().is_none(), "{said}");
    }
}

/// A draft can be changed by hand for as long as somebody is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_somebody_takes_away_meanwhile() {
    let world = World::new().await;
    let hold = world.github.hold_for("name=longshore-release-client.receipts.json", 1, Moment::Before);
    let taken = async {
        let receipts = |world: &World| world.uploaded("longshore-build-assets.receipts.json").is_some();
        world.until("one that waits for the others", receipts).await;
        let id = world.effects().into_iter().find_map(|(_, effect)| match effect {
            Effect::AssetUploaded { id, name, .. } if name == "SHA256SUMS" => Some(id),
            _ => None,
        });
        ask(&world, Method::DELETE, &format!("releases/assets/{}", id.unwrap()), b"").await;
        drop(hold);
    };
    let (lead, server, client, ()) =
        tokio::join!(world.run(run(ASSETS)), world.run(run(SERVER)), world.run(run(CLIENT)), taken);
    assert!(server.is_ok() && client.is_ok(), "{server:?} {client:?}");
    let (exit, code, said) = lead.unwrap_err();
    assert_eq!((exit as u8, code), (6, "asset-unlisted"), "{said}");
    assert!(said.contains("SHA256SUMS") && world.opened().is_none(), "{said}");
    world.run(run(ASSETS)).await.unwrap();
    assert!(world.opened() > world.uploaded("SHA256SUMS"));
}

/// GitHub shows no draft to whoever may not write: that is said at once, not after the whole wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_sees_no_draft() {
    let world = World::new().await;
    let wait = Duration::from_millis(100);
    assert!(world.run(Run { wait, ..run(ASSETS) }).await.is_err(), "nobody else is there");
    let (exit, code, said) = world.run(Run { token: READER, ..run(CLIENT) }).await.unwrap_err();
    assert_eq!((exit as u8, code), (5, "permission-missing"), "{said}");
    assert!(said.contains("`permissions: contents: write`"), "{said}");
}

/// Somebody presses the button before all have met.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_somebody_else_published() {
    let world = World::new().await;
    let wait = Duration::from_millis(100);
    assert!(world.run(Run { wait, ..run(ASSETS) }).await.is_err(), "nobody else is there");
    let made = world.effects().into_iter().find_map(|(_, effect)| match effect {
        Effect::ReleaseCreated { id, .. } => Some(id),
        _ => None,
    });
    ask(&world, Method::PATCH, &format!("releases/{}", made.unwrap()), br#"{"draft":false}"#).await;
    assert!(world.opened().is_some());
    let (exit, code, said) = world.run(run(CLIENT)).await.unwrap_err();
    assert_eq!((exit as u8, code), (4, "release-published"), "{said}");
    assert!(said.contains("without what `release-client.yml` publishes"), "{said}");
}
