//! Each way in which registries differ.

use longshore::rehearsal::registry::Mounts;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn locations_may_be_whole_urls() {
    let quirks = Quirks { absolute_locations: true, ..Quirks::default() };
    let world = World::with(Options { auth: bearer(), quirks, ..Options::default() });
    let image = Image::new("1");
    let app = repository("acme/app");
    image.push(&world.registries, &app, &["1"]).await.unwrap();
    image.check(&world.registries, &app, "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_mounted_it_is_sent() {
    let base = some(1, 200_000);
    let library = repository("library/base");
    for mounts in [Mounts::Ignored, Mounts::NotAllowed] {
        for auth in [Auth::None, bearer()] {
            let quirks = Quirks { mounts, ..Quirks::default() };
            let world = World::with(Options { auth, quirks, ..Options::default() });
            world.server.seed_blob("library/base", &base.1);
            let near = Source::Elsewhere(&library);
            let pushed = world.registries.push_blob(&repository("acme/one"), &base.0, near).await;
            assert_eq!(pushed.unwrap(), Pushed::Sent, "{mounts:?}");
            world.read("acme/one", &base).await;
            let file = world.file(&base.1);
            let file = Source::File(&file, Some(&library));
            let pushed = world.registries.push_blob(&repository("acme/two"), &base.0, file).await;
            assert_eq!(pushed.unwrap(), Pushed::Sent, "{mounts:?}");
            world.read("acme/two", &base).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_mounted_where_it_may_be_and_sent_otherwise() {
    let world = World::with(Options { auth: bearer(), ..Options::default() });
    let base = some(1, 200_000);
    world.server.seed_blob("library/base", &base.1);
    let file = world.file(&base.1);
    for (path, from, expected) in [
        ("acme/one", "library/base", Pushed::Mounted),
        ("acme/two", "library/other", Pushed::Sent),
        ("library/base", "library/base", Pushed::There),
    ] {
        let from = repository(from);
        let pushed = world.registries.push_blob(&repository(path), &base.0, Source::File(&file, Some(&from))).await;
        assert_eq!(pushed.unwrap(), expected, "{path}");
        world.read(path, &base).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_referrers_api_a_tag_has_them() {
    let world = World::quirky(Quirks { no_referrers: true, ..Quirks::default() });
    let app = repository("acme/app");
    let image = Image::new("1");
    image.push(&world.registries, &app, &["1"]).await.unwrap();
    let subject = image.index.descriptor.digest;
    assert!(world.registries.referrers(&app, subject).await.unwrap().is_empty());
    let (config, note) = referrer(&image.index.descriptor);
    world.push("acme/app", &config).await.unwrap();
    world.registries.put_manifest(&app.at(note.descriptor.digest), &note).await.unwrap();
    let entry = serde_json::json!(note.descriptor);
    let index =
        serde_json::json!({ "schemaVersion": 2, "mediaType": longshore::oci::media::INDEX, "manifests": [entry] });
    let index = Document::new(longshore::oci::media::INDEX, index.to_string().into_bytes());
    let tag = app.tagged(format!("sha256-{}", subject.hex()));
    world.registries.put_manifest(&tag, &index).await.unwrap();
    let found = world.registries.referrers(&app, subject).await.unwrap();
    assert_eq!(found, [entry]);
}

/// Proxies limit a request, not a blob.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_for_a_request_goes_in_parts() {
    let quirks = Quirks { largest_put: Some(1 << 20), ..Quirks::default() };
    let world = World::with(Options { auth: basic(), quirks, ..Options::default() });
    let upstream = Server::start(Options::default()).unwrap();
    world_of_sources(&world, &upstream, 9 << 20).await;
    assert!(world.count("PATCH") >= 9, "{:?}", world.server.requests());
    let small = some(4, 100_000);
    let before = world.count("PATCH");
    assert_eq!(world.push("acme/app", &small).await.unwrap(), Pushed::Sent);
    assert_eq!(world.count("PATCH"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_as_long_as_a_registry_wants_them() {
    let quirks = Quirks { chunk_min: Some(5 << 20), largest_put: Some(1 << 20), ..Quirks::default() };
    let world = World::quirky(quirks);
    let upstream = Server::start(Options::default()).unwrap();
    world_of_sources(&world, &upstream, 12 << 20).await;
    // Five, five and two, from each source.
    assert_eq!(world.count("PATCH"), 9, "{:?}", world.server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_least_length_does_not_make_small_parts() {
    let world = World::quirky(Quirks { chunk_min: Some(10), ..Quirks::default() });
    let blob = some(1, 1 << 20);
    assert_eq!(world.push_file("acme/app", &blob).await.unwrap(), Pushed::Sent);
    world.read("acme/app", &blob).await;
    assert!(world.count("PATCH") <= 1, "{} parts", world.count("PATCH"));
}

/// What is known of a registry by its host: long bodies are cut here, and nothing is mounted there.
#[tokio::test(flavor = "multi_thread")]
async fn some_registries_are_known_by_their_names() {
    let world = World::new();
    let [azure, google] = ["me.azurecr.io", "europe-docker.pkg.dev"];
    let registries = knowing([azure, google].map(|name| (name, reached(&world.server.url(), None))));
    let at = |name: &str, path: &str| Repository { registry: name.into(), path: path.into() };
    let long = some(1, (16 << 20) + 1);
    let pushed = registries.push_blob(&at(azure, "app"), &long.0, Source::Bytes(&long.1)).await;
    assert_eq!(pushed.unwrap(), Pushed::Sent);
    assert_eq!(world.count("PATCH"), 2);
    let there = at(google, "app");
    let pushed = registries.push_blob(&at(google, "other"), &long.0, Source::Elsewhere(&there)).await;
    assert_eq!(pushed.unwrap(), Pushed::Sent);
    assert!(!world.server.requests().iter().any(|request| request.contains("mount=")));
    world.read("other", &long).await;
}

/// A long blob from memory, from a file and from another registry.
async fn world_of_sources(world: &World, upstream: &Server, length: usize) {
    let app = repository("acme/app");
    let registries = knowing([
        (HOST, reached(&world.server.url(), Some(login(CANARY)))),
        ("upstream.test", reached(&upstream.url(), None)),
    ]);
    let (memory, disk, far) = (some(1, length), some(2, length), some(3, length));
    upstream.seed_blob("upstream/base", &far.1);
    let from = Repository { registry: "upstream.test".into(), path: "upstream/base".into() };
    let file = world.file(&disk.1);
    for (blob, source) in
        [(&memory, Source::Bytes(&memory.1)), (&disk, Source::File(&file, None)), (&far, Source::Elsewhere(&from))]
    {
        assert_eq!(registries.push_blob(&app, &blob.0, source).await.unwrap(), Pushed::Sent, "{source:?}");
        let mut bytes = Vec::new();
        registries.download(&app, &blob.0, &mut bytes).await.unwrap();
        assert!(bytes == blob.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_tag_may_be_put_again_but_not_moved() {
    let quirks = Quirks { immutable_tags: true, ..Quirks::default() };
    let mut world = World::with(Options { auth: bearer(), quirks, ..Options::default() });
    let app = repository("acme/app");
    let (first, second) = (Image::new("1"), Image::new("2"));
    first.push(&world.registries, &app, &["1"]).await.unwrap();
    world.anew();
    first.push(&world.registries, &app, &["1"]).await.unwrap();
    let text = fails(second.push(&world.registries, &app, &["1"]).await, Exit::Conflict, "image-tag-taken");
    for image in [&first, &second] {
        assert!(text.contains(&image.index.descriptor.digest.to_string()), "{text}");
    }
    first.check(&world.registries, &app, "1").await;
    second.push(&world.registries, &app, &["2"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_behind_the_registry_does_not_learn_who_we_are() {
    let quirks = Quirks { redirect_blobs: true, ..Quirks::default() };
    for auth in [Auth::None, basic(), bearer()] {
        let mut world = World::with(Options { auth, quirks, ..Options::default() });
        let app = repository("acme/app");
        let image = Image::new("1");
        image.push(&world.registries, &app, &["1"]).await.unwrap();
        image.check(&world.registries, &app, "1").await;
        assert_eq!(world.count("GET /store/"), image.blobs.len());
        world.anew();
        // The redirect of a question says enough.
        let large = some(1, 1 << 20);
        assert_eq!(world.push_file("acme/app", &large).await.unwrap(), Pushed::Sent);
        world.anew();
        assert_eq!(world.push_file("acme/app", &large).await.unwrap(), Pushed::There);
        let target = World::new();
        let registries = knowing([
            (HOST, reached(&world.server.url(), Some(login(CANARY)))),
            ("target.test", reached(&target.server.url(), None)),
        ]);
        let to = Repository { registry: "target.test".into(), path: "acme/copy".into() };
        let pushed = registries.push_blob(&to, &large.0, Source::Elsewhere(&app)).await;
        assert_eq!(pushed.unwrap(), Pushed::Sent);
        target.read("acme/copy", &large).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_ever_deleted() {
    let world = World::quirky(Quirks { no_delete: true, ..Quirks::default() });
    let app = repository("acme/app");
    let (first, second) = (Image::new("1"), Image::new("2"));
    first.push(&world.registries, &app, &["1", "latest"]).await.unwrap();
    second.push(&world.registries, &app, &["2", "latest"]).await.unwrap();
    second.check(&world.registries, &app, "latest").await;
    first.check(&world.registries, &app, "1").await;
    assert_eq!(world.count("DELETE"), 0);
}
