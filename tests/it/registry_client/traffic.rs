//! Many requests at once, the same ones at once, and long lists.

use futures_util::future::join_all;
use longshore::oci::media;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_blob_ten_times_at_once_is_sent_once() {
    for length in [100, 1 << 20] {
        let world = World::with(Options { auth: bearer(), ..Options::default() });
        let blob = some(1, length);
        let (app, file) = (repository("acme/app"), world.file(&blob.1));
        let push = |number: usize| {
            let source = if number.is_multiple_of(2) { Source::File(&file, None) } else { Source::Bytes(&blob.1) };
            world.registries.push_blob(&app, &blob.0, source)
        };
        for pushed in join_all((0..10).map(push)).await {
            assert_eq!(pushed.unwrap(), Pushed::Sent);
        }
        assert_eq!(world.count("PUT"), 1);
        world.read("acme/app", &blob).await;
        // In another repository it is another upload.
        assert_eq!(world.push("acme/other", &blob).await.unwrap(), Pushed::Sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_may_be_empty() {
    fn may_move<T: Send>(future: T) -> T {
        future
    }
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let (upstream, empty) = (Server::start(Options::default()).unwrap(), some(1, 0));
    upstream.seed_blob("base", &empty.1);
    let registries = knowing([
        (HOST, reached(&world.server.url(), Some(login(CANARY)))),
        ("upstream.test", reached(&upstream.url(), None)),
    ]);
    let from = Repository { registry: "upstream.test".into(), path: "base".into() };
    let file = world.file(&empty.1);
    for (path, source) in
        [("a/bytes", Source::Bytes(&[])), ("a/file", Source::File(&file, None)), ("a/far", Source::Elsewhere(&from))]
    {
        let to = repository(path);
        let pushed = may_move(registries.push_blob(&to, &empty.0, source)).await;
        assert_eq!(pushed.unwrap(), Pushed::Sent, "{path}");
        world.read(path, &empty).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_what_was_promised_is_not_sent() {
    let world = World::new();
    let (app, (blob, bytes)) = (repository("acme/app"), some(1, 100_000));
    let short = world.file(&bytes[1..]);
    for (path, part) in [(short.as_path(), "99999"), (&world.folder.path().join("nowhere"), "nowhere")] {
        let pushed = world.registries.push_blob(&app, &blob, Source::File(path, None)).await;
        let text = fails(pushed, Exit::Usage, "changed-artifact");
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(world.count("PUT"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_upload_is_tried_by_whoever_asks_next() {
    let world = World::with(Options { faults: vec![(Fault::Denied, 1)], ..Options::default() });
    let blob = some(1, 100);
    fails(world.push("acme/app", &blob).await, Exit::Denied, "registry-denied");
    assert_eq!(world.push("acme/app", &blob).await.unwrap(), Pushed::Sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_blobs_at_once() {
    for auth in [Auth::None, basic(), bearer()] {
        let world = World::with(Options { auth, ..Options::default() });
        let app = repository("acme/app");
        let blobs: Vec<_> = (0..200).map(|number| some(number, 1000 + number as usize)).collect();
        let pushes = blobs.iter().map(|(blob, bytes)| world.registries.push_blob(&app, blob, Source::Bytes(bytes)));
        for pushed in join_all(pushes).await {
            assert_eq!(pushed.unwrap(), Pushed::Sent);
        }
        let reads = blobs.iter().map(|(blob, _)| world.registries.blob(&app, blob));
        for (read, (_, bytes)) in join_all(reads).await.into_iter().zip(&blobs) {
            assert_eq!(&read.unwrap(), bytes);
        }
        assert_eq!(world.count("PUT"), 200);
        assert!(world.count("GET /token") <= 2, "{}", world.count("GET /token"));
        assert_eq!(world.registries.sent(), world.server.requests().len() as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_blobs_in_bad_weather() {
    let faults = vec![(Fault::CutUpload, 5), (Fault::LostAnswer, 5), (Fault::RateLimit, 1)];
    let world = World::with(Options { auth: basic(), faults, ..Options::default() });
    let app = repository("acme/app");
    let blobs: Vec<_> = (0..200).map(|number| some(number, 1000)).collect();
    let pushes = blobs.iter().map(|(blob, bytes)| world.registries.push_blob(&app, blob, Source::Bytes(bytes)));
    for pushed in join_all(pushes).await {
        assert_eq!(pushed.unwrap(), Pushed::Sent);
    }
    assert_eq!(world.count("PUT"), 205);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_tags_has_pages() {
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let index = br#"{"manifests":[],"schemaVersion":2}"#;
    let mut expected: Vec<String> = (0..2500).map(|number| format!("1.0.{number:04}")).collect();
    expected.push("with_under-score.and+".trim_end_matches('+').into());
    for tag in &expected {
        world.server.seed_manifest("acme/app", Some(tag), media::INDEX, index);
    }
    expected.sort();
    let app = repository("acme/app");
    assert_eq!(world.registries.tags(&app).await.unwrap(), expected);
    assert!(world.count("GET /v2/acme/app/tags/list") >= 3);
}
