//! Each misfortune: what is tried again, what is not, and what is said in the end.

use std::time::Instant;

use futures_util::future::join_all;

use super::*;

fn unlucky(auth: Auth, fault: Fault, times: usize) -> World {
    World::with(Options { auth, faults: vec![(fault, times)], ..Options::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_a_pause_gets_it() {
    let world = World::faulty(Fault::RateLimit, 2);
    let start = Instant::now();
    let blob = some(1, 100_000);
    assert_eq!(world.push("acme/app", &blob).await.unwrap(), Pushed::Sent);
    // `Retry-After: 1`, twice; alone we would have come back sooner.
    assert!(start.elapsed().as_millis() >= 2000, "{:?}", start.elapsed());
    world.read("acme/app", &blob).await;
    assert_eq!(world.count("PUT"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_upload_begins_anew() {
    for length in [100, 2 << 20] {
        let world = World::faulty(Fault::CutUpload, 2);
        let blob = some(1, length);
        assert_eq!(world.push_file("acme/app", &blob).await.unwrap(), Pushed::Sent);
        assert_eq!(world.count("PUT"), 3);
        world.read("acme/app", &blob).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_cut_off_begins_the_upload_anew() {
    let quirks = Quirks { chunk_min: Some(5 << 20), ..Quirks::default() };
    let world = World::with(Options { quirks, faults: vec![(Fault::CutUpload, 1)], ..Options::default() });
    let blob = some(1, 12 << 20);
    assert_eq!(world.push_file("acme/app", &blob).await.unwrap(), Pushed::Sent);
    assert_eq!((world.count("POST"), world.count("PATCH"), world.count("PUT")), (2, 4, 1));
    world.read("acme/app", &blob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_off_begins_anew() {
    let world = World::faulty(Fault::CutUpload, 1);
    let upstream = Server::start(Options::default()).unwrap();
    let base = some(1, 1 << 20);
    upstream.seed_blob("upstream/base", &base.1);
    let registries =
        knowing([(HOST, reached(&world.server.url(), None)), ("upstream.test", reached(&upstream.url(), None))]);
    let from = Repository { registry: "upstream.test".into(), path: "upstream/base".into() };
    let pushed = registries.push_blob(&repository("acme/app"), &base.0, Source::Elsewhere(&from)).await;
    assert_eq!(pushed.unwrap(), Pushed::Sent);
    world.read("acme/app", &base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_without_an_answer_is_found() {
    for length in [100, 1 << 20] {
        let world = World::faulty(Fault::LostAnswer, 1);
        let blob = some(1, length);
        assert_eq!(world.push_file("acme/app", &blob).await.unwrap(), Pushed::Sent);
        assert_eq!((world.count("PUT"), world.count("HEAD")), (1, 2), "{:?}", world.server.requests());
        world.read("acme/app", &blob).await;
    }
    let world = World::faulty(Fault::LostAnswer, 1);
    let image = Image::new("1");
    let app = repository("acme/app");
    world.server.seed_blob("acme/app", &image.blobs[0].1);
    for (blob, bytes) in &image.blobs {
        world.server.seed_blob("acme/app", bytes);
        assert_eq!(blob.size, bytes.len() as u64);
    }
    let manifest = &image.manifests[0];
    world.registries.put_manifest(&app.tagged("1"), manifest).await.unwrap();
    assert_eq!(world.registries.head(&app.tagged("1")).await.unwrap().as_ref(), Some(&manifest.descriptor));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_trouble_is_asked_again_and_then_left_alone() {
    let app = repository("acme/app");
    let empty = Document::new(longshore::oci::media::INDEX, br#"{"manifests":[],"schemaVersion":2}"#.to_vec());
    let world = World::faulty(Fault::ServerError, 2);
    world.registries.put_manifest(&app.tagged("1"), &empty).await.unwrap();
    assert_eq!(world.count("PUT"), 3);
    let world = World::faulty(Fault::ServerError, 100);
    let result = world.registries.put_manifest(&app.tagged("1"), &empty).await;
    let text = fails(result, Exit::Unfinished, "registry-unreachable");
    assert!(text.contains("503") && text.ends_with("(tried 6 times)"), "{text}");
    assert_eq!(world.count("PUT"), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_not_tried_again() {
    let world = World::faulty(Fault::StorageFull, 1);
    for result in [world.push("acme/app", &some(1, 100)).await, world.push_file("acme/app", &some(2, 100_000)).await] {
        let text = fails(result, Exit::Unfinished, "registry-full");
        assert!(text.contains("no space left"), "{text}");
    }
    assert_eq!(world.count("PUT"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_service_in_trouble_is_asked_again_and_then_left_alone() {
    let world = unlucky(bearer(), Fault::TokenDown, 3);
    assert_eq!(world.push("acme/app", &some(1, 100)).await.unwrap(), Pushed::Sent);
    let world = unlucky(bearer(), Fault::TokenDown, 10_000);
    let app = repository("acme/app");
    let blobs: Vec<_> = (0..30).map(|number| some(number, 100)).collect();
    let pushes = blobs.iter().map(|(blob, bytes)| world.registries.push_blob(&app, blob, Source::Bytes(bytes)));
    for result in join_all(pushes).await {
        let text = fails(result, Exit::Unfinished, "registry-unreachable");
        assert!(text.contains("get a token") && text.contains("500"), "{text}");
        assert_eq!(text.matches("tried").count(), 1, "{text}");
    }
    // Those in the window wait for one answer; those behind it may ask once more.
    assert!(world.count("GET /token") <= 18, "{:?}", world.count("GET /token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_replaced() {
    let image = Image::new("1");
    let app = repository("acme/app");
    for times in [1, 2, 3] {
        let world = unlucky(bearer(), Fault::ExpiredToken, times);
        let pushed = image.push(&world.registries, &app, &["1"]).await;
        // Twice in a row for one request is no longer an accident.
        match times {
            1 => pushed.unwrap(),
            _ => drop(fails(pushed, Exit::Denied, "registry-denied")),
        }
        image.push(&world.registries, &app, &["1"]).await.unwrap();
        image.check(&world.registries, &app, "1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_size_is_damage() {
    let blob = some(1, 100_000);
    for auth in [Auth::None, bearer()] {
        let world = unlucky(auth, Fault::LiesAboutSize, 1);
        world.server.seed_blob("acme/app", &blob.1);
        let text = fails(world.push("acme/app", &blob).await, Exit::Verification, "registry-damaged");
        assert!(text.contains("100001") && text.contains("100000"), "{text}");
        assert_eq!(world.push("acme/app", &blob).await.unwrap(), Pushed::There);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_damage() {
    let blob = some(1, 100_000);
    let app = repository("acme/app");
    let world = World::faulty(Fault::WrongBytes, 2);
    world.server.seed_blob("acme/app", &blob.1);
    let read = world.registries.blob(&app, &blob.0).await;
    let text = fails(read, Exit::Verification, "registry-damaged");
    assert!(text.contains("acme/app") && text.contains(&blob.0.digest.to_string()), "{text}");
    let read = world.registries.download(&app, &blob.0, &mut std::io::sink()).await;
    fails(read, Exit::Verification, "registry-damaged");
    world.read("acme/app", &blob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bytes_are_not_passed_on() {
    let (world, upstream) = (World::new(), World::faulty(Fault::WrongBytes, 100));
    let base = some(1, 100_000);
    upstream.server.seed_blob("upstream/base", &base.1);
    let registries =
        knowing([(HOST, reached(&world.server.url(), None)), ("upstream.test", reached(&upstream.server.url(), None))]);
    let from = Repository { registry: "upstream.test".into(), path: "upstream/base".into() };
    let pushed = registries.push_blob(&repository("acme/app"), &base.0, Source::Elsewhere(&from)).await;
    let text = fails(pushed, Exit::Verification, "registry-damaged");
    assert!(text.contains("upstream.test/upstream/base"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_longer_or_shorter_than_promised_is_damage() {
    let world = World::new();
    let (blob, bytes) = some(1, 100_000);
    world.server.seed_blob("acme/app", &bytes);
    for size in [99_999, 100_001, 0] {
        let promised = Descriptor { size, ..blob.clone() };
        let mut kept = Vec::new();
        let read = world.registries.download(&repository("acme/app"), &promised, &mut kept).await;
        fails(read, Exit::Verification, "registry-damaged");
        assert!(kept.len() as u64 <= size, "{} bytes were kept of {size}", kept.len());
    }
}
