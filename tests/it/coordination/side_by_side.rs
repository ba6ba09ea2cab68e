//! The order in which three workflows do what everybody sees.

use std::time::Duration;

use longshore::receipt::Outcome;
use longshore::rehearsal::github::{Effect, Moment};

use super::world::{ALL, ASSETS, CLIENT, Run, SERVER, World, run};

#[tokio::test(flavor = "multi_thread")]
async fn three_make_one_release_and_a_repetition_only_looks() {
    let world = World::new().await;
    world.all("first").await;
    world.is_published(["first"; 3]);
    let opened = world.opened().unwrap();
    for (number, effect) in world.effects() {
        if let Effect::AssetUploaded { name, .. } = effect {
            assert!(number < opened, "`{name}` came after the release was public");
        }
    }
    let before = (world.github.events().len(), world.registry.requests().len(), world.index.requests().len());
    for workflow in ALL {
        let again = world.run(run(workflow)).await.unwrap();
        assert!(again.receipts.iter().all(|receipt| receipt.outcome == Outcome::AlreadyThere), "{workflow}: {again:?}");
    }
    let asked =
        world.github.events().split_off(before.0).into_iter().map(|event| format!("{} {}", event.method, event.path));
    let asked =
        asked.chain(world.registry.requests().split_off(before.1)).chain(world.index.requests().split_off(before.2));
    let written: Vec<String> = asked.filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD ")).collect();
    assert!(written.is_empty(), "{written:#?}");
}

/// Two are there and wait; what the third has not promised keeps everything hidden.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_public_before_the_last_manifest() {
    let world = World::new().await;
    let hold = world.github.hold_for("name=longshore-release-client.manifest.json", 1, Moment::Before);
    let third = async {
        world
            .until("two manifests", |world| {
                ["build-assets", "release-server"]
                    .iter()
                    .all(|stem| world.uploaded(&format!("longshore-{stem}.manifest.json")).is_some())
            })
            .await;
        let hold =
            tokio::task::spawn_blocking(move || hold.wait(Duration::from_secs(20)).then_some(hold)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(hold.is_some() && world.is_hidden(), "{:?} {:?}", world.tags(), world.packages());
    };
    tokio::join!(world.all("first"), third);
    world.is_published(["first"; 3]);
}

/// The release opens after the last receipts; what follows the newest release moves after that.
#[tokio::test(flavor = "multi_thread")]
async fn first_the_receipts_then_the_release_then_floating_tags() {
    let world = World::new().await;
    let receipts = world.github.hold_for("name=longshore-release-server.receipts.json", 1, Moment::Before);
    let publication = world.github.hold_for("PATCH ", 1, Moment::Before);
    let watch = async {
        let wait = |hold: longshore::rehearsal::github::Hold| {
            tokio::task::spawn_blocking(move || hold.wait(Duration::from_secs(20)).then_some(hold))
        };
        let held = wait(receipts).await.unwrap().unwrap();
        world
            .until("the others' receipts", |world| {
                ["build-assets", "release-client"]
                    .iter()
                    .all(|stem| world.uploaded(&format!("longshore-{stem}.receipts.json")).is_some())
            })
            .await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let fixed = || world.tags().into_keys().collect::<Vec<_>>() == ["me/opsml:3.0.0", "you/opsml:3.0.0"];
        assert!(world.opened().is_none() && fixed() && world.packages().len() == 2);
        drop(held);
        let held = wait(publication).await.unwrap().unwrap();
        assert!(world.uploaded("longshore-release-server.receipts.json").is_some());
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(world.opened().is_none() && fixed());
        drop(held);
    };
    tokio::join!(world.all("first"), watch);
    world.is_published(["first"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_one_is_waited_for() {
    for late in ALL {
        let world = World::new().await;
        let others = ALL.into_iter().filter(|workflow| *workflow != late).map(|workflow| world.run(run(workflow)));
        let late = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert!(world.is_hidden());
            world.run(run(late)).await
        };
        let (others, late) = tokio::join!(futures_util::future::join_all(others), late);
        assert!(late.is_ok() && others.iter().all(Result::is_ok), "{late:?} {others:?}");
        world.is_published(["first"; 3]);
    }
}

/// Whoever cannot publish says nothing; the others end, and a repetition of all finishes it.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_keeps_everything_hidden() {
    let world = World::new().await;
    let wait = Duration::from_millis(200);
    let (store, manifest) = world.built(run(SERVER));
    let wheel = manifest.artifacts.iter().find(|one| one.step.starts_with("wheel.")).unwrap();
    std::fs::write(store.file(&wheel.step, &wheel.files[0].name), "something else").unwrap();
    let (assets, server, client) = tokio::join!(
        world.run(Run { wait, ..run(ASSETS) }),
        world.publish(run(SERVER), &world.plan, (&store, &manifest)),
        world.run(Run { wait, ..run(CLIENT) }),
    );
    assert_eq!(server.unwrap_err().1, "index-metadata");
    for (workflow, ended) in [(ASSETS, assets), (CLIENT, client)] {
        let (exit, code, said) = ended.unwrap_err();
        assert_eq!((exit as u8, code), (6, "coordination-timeout"), "{workflow}: {said}");
        assert!(said.contains("the manifest of `release-server.yml`"), "{said}");
        assert!(said.contains(&format!("longshore publish --workflow {workflow}")), "{said}");
    }
    assert!(world.is_hidden());
    world.all("first").await;
    world.is_published(["first"; 3]);
}

/// Two runs of everything at once: one draft, one release.
#[tokio::test(flavor = "multi_thread")]
async fn twice_at_the_same_time() {
    for _ in 0..5 {
        let world = World::new().await;
        tokio::join!(world.all("first"), world.all("first"));
        world.is_published(["first"; 3]);
    }
}
