//! A workflow that is built again makes other bytes: what it promised at first is what is published.

use std::time::Duration;

use longshore::rehearsal::github::{Hold, Moment};

use super::world::{ALL, ASSETS, CLIENT, Ended, RUN, Run, SERVER, World, run};

/// Runs a workflow until a server stops it, and ends it there.
async fn cut(world: &World, workflow: &str, hold: Hold) {
    let reached = tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(20)), hold));
    tokio::select! {
        ended = world.run(run(workflow)) => panic!("{workflow} came to its end: {ended:?}"),
        reached = reached => assert!(reached.unwrap().0, "{workflow} never came there"),
    }
}

/// Its second build makes other bytes.
async fn again(world: &World, workflow: &str, salt: &str) -> Ended {
    world.run(Run { salt, ..run(workflow) }).await
}

/// Cuts one of three off at a request; then it runs again with other bytes, and the others come to their end.
async fn repeated(victim: &str, hold: impl FnOnce(&World) -> Hold) -> (World, Ended) {
    let world = World::new().await;
    let hold = hold(&world);
    let others = ALL.into_iter().filter(|workflow| *workflow != victim).map(|workflow| world.run(run(workflow)));
    let twice = async {
        cut(&world, victim, hold).await;
        let ended = again(&world, victim, "second").await;
        if ended.is_err() {
            again(&world, victim, "first").await.unwrap();
        }
        ended
    };
    let (ended, others) = tokio::join!(twice, futures_util::future::join_all(others));
    others.into_iter().for_each(|ended| drop(ended.unwrap()));
    world.is_published(["first"; 3]);
    (world, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_before_anything_was_promised_are_as_good() {
    let world = World::new().await;
    let hold = world.github.hold_for("name=longshore-release-client.manifest.json", 1, Moment::Before);
    let twice = async {
        cut(&world, CLIENT, hold).await;
        again(&world, CLIENT, "second").await
    };
    let (assets, server, client) = tokio::join!(world.run(run(ASSETS)), world.run(run(SERVER)), twice);
    assert!(assets.is_ok() && server.is_ok() && client.is_ok(), "{assets:?} {server:?} {client:?}");
    world.is_published(["first", "first", "second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn published_files_are_adopted_from_release_registry_and_index() {
    for (workflow, name) in [(ASSETS, "build-assets"), (CLIENT, "release-client")] {
        let at = format!("name=longshore-{name}.receipts.json");
        let (_, ended) = repeated(workflow, |world| world.github.hold_for(&at, 1, Moment::Before)).await;
        assert!(ended.is_ok(), "{workflow}: {ended:?}");
    }
}

/// One repository has the whole image, the other one nothing: what is missing comes from the first.
#[tokio::test(flavor = "multi_thread")]
async fn images_are_adopted_from_the_repository_that_has_them() {
    let world = World::new().await;
    let hold = world.registry.hold_for("PUT /v2/you/opsml/manifests/3.0.0", 1, Moment::Before);
    let others = [SERVER, CLIENT].map(|workflow| world.run(run(workflow)));
    let twice = async {
        let reached = tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(20)), hold));
        let first = async {
            assert!(reached.await.unwrap().0);
            world.until("a tag in the other repository", |world| world.tags().contains_key("me/opsml:3.0.0")).await;
        };
        tokio::select! {
            ended = world.run(run(ASSETS)) => panic!("it came to its end: {ended:?}"),
            () = first => {}
        }
        again(&world, ASSETS, "second").await
    };
    let [server, client] = others;
    let (assets, server, client) = tokio::join!(twice, server, client);
    assert!(assets.is_ok() && server.is_ok() && client.is_ok(), "{assets:?} {server:?} {client:?}");
    world.is_published(["first"; 3]);
    let layers = |line: &String| line.starts_with("GET /v2/me/opsml/blobs/");
    assert!(world.registry.requests().iter().any(layers), "the layers came out of the first repository");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_nowhere_end_it_with_the_run_that_made_them() {
    for (workflow, name, file) in [
        (ASSETS, "build-assets", "opsml-cli-x86_64-unknown-linux-gnu.tar.gz"),
        (CLIENT, "release-client", "opsml_client-3.0.0-cp310-abi3-manylinux_2_28_x86_64.whl"),
    ] {
        let at = format!("name=longshore-{name}.manifest.json");
        let (_, ended) = repeated(workflow, |world| world.github.hold_for(&at, 1, Moment::After)).await;
        let (exit, code, said) = ended.unwrap_err();
        assert_eq!((exit as u8, code), (6, "promised-bytes"), "{said}");
        assert!(said.contains(RUN) && said.contains(file), "{said}");
    }
}

/// An archive was there, the checksums were not: nobody makes them up.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_filled_release_wants_the_rest_of_its_own() {
    let at = "name=SHA256SUMS";
    let (_, ended) = repeated(ASSETS, |world| world.github.hold_for(at, 1, Moment::Before)).await;
    let (_, code, said) = ended.unwrap_err();
    assert_eq!(code, "promised-bytes", "{said}");
    assert!(said.contains("SHA256SUMS"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_version_stays_what_it_is() {
    let world = World::new().await;
    world.all("first").await;
    let before = (world.files(), world.tags(), world.packages());
    for workflow in ALL {
        let ended = again(&world, workflow, "second").await;
        assert!(ended.is_ok(), "{workflow}: {ended:?}");
    }
    assert_eq!(before, (world.files(), world.tags(), world.packages()));
}

/// Between two looks of a run, another one of the same workflow promises other bytes and publishes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_promise_between_two_looks_stands() {
    let world = World::new().await;
    let hold = world.github.hold_for("/git/ref/tags/", 1, Moment::Before);
    let others = async {
        let (reached, hold) =
            tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(60)), hold)).await.unwrap();
        assert!(reached, "nobody looked at the tag");
        world.all("first").await;
        drop(hold);
    };
    let (late, ()) = tokio::join!(again(&world, CLIENT, "second"), others);
    assert!(late.is_ok(), "{late:?}");
    world.is_published(["first"; 3]);
}

/// Two runs of one workflow with different bytes at the same time: one promises, and only its bytes become public.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_builds_at_the_same_time_one_stands() {
    for _ in 0..4 {
        let world = World::new().await;
        let one = run(CLIENT);
        let two = Run { salt: "second", ..one };
        let (assets, server, one, two) =
            tokio::join!(world.run(run(ASSETS)), world.run(run(SERVER)), world.run(one), world.run(two));
        assert!(assets.is_ok() && server.is_ok(), "{assets:?} {server:?}");
        let salt = match (&one, &two) {
            (Ok(_), Err((_, code, _))) if *code == "promised-bytes" => "first",
            (Err((_, code, _)), Ok(_)) if *code == "promised-bytes" => "second",
            (Ok(_), Ok(_)) if world.packages() == packages(&world, "first") => "first",
            (Ok(_), Ok(_)) => "second",
            other => panic!("{other:?}"),
        };
        world.is_published(["first", "first", salt]);
    }
}

fn packages(world: &World, salt: &str) -> std::collections::BTreeMap<String, longshore::digest::Digest> {
    let both = [run(SERVER), Run { salt, ..run(CLIENT) }].map(|run| world.built(run).1);
    let files = both.into_iter().flat_map(|manifest| manifest.artifacts).flat_map(|artifact| artifact.files);
    files.filter(|file| file.name.ends_with(".whl")).map(|file| (file.name, file.sha256)).collect()
}
