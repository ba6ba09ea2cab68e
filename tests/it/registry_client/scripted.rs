//! Answers that the rehearsal's registry does not give: other registries', proxies', and those of the worst moment.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use longshore::oci::media;
use serde_json::json;

use super::script::{Asked, Said, Script, say};
use super::*;

fn over(script: &Script) -> Registries {
    knowing([(HOST, reached(&script.url, Some(login(CANARY))))])
}

fn missing() -> Said {
    say(404).json(&json!({ "errors": [{ "code": "UNKNOWN", "message": "not here" }] }))
}

/// Answers as a registry that takes every upload.
fn takes(asked: &Asked) -> Said {
    match asked.line.split(' ').next().unwrap() {
        "POST" => say(202).header("location", "/session"),
        "PATCH" => say(202).header("location", "/session"),
        "PUT" => say(201),
        _ => missing(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_page_is_looked_for_where_the_first_was() {
    // Behind a proxy that speaks TLS a registry does not know its own name.
    let script = Script::new(|asked| match asked.line.as_str() {
        "GET /v2/acme/app/tags/list?n=1000" => say(200)
            .header("link", "<http://inside.test:5000/v2/acme/app/tags/list?n=1000&last=b>; rel=\"next\"")
            .json(&json!({ "name": "acme/app", "tags": ["a", "b"] })),
        "GET /v2/acme/app/tags/list?n=1000&last=b" => say(200).json(&json!({ "tags": ["c"] })),
        _ => missing(),
    })
    .await;
    assert_eq!(over(&script).tags(&repository("acme/app")).await.unwrap(), ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_for_people_is_no_list_of_tags() {
    let script = Script::new(|_| say(200).header("content-type", "text/html").body("<html>Welcome</html>")).await;
    let text = fails(over(&script).tags(&repository("acme/app")).await, Exit::Unfinished, "registry-refused");
    assert!(text.contains("is not a list") && !text.contains("<html"), "{text}");
    // No tags at all are written so by some.
    let script = Script::new(|_| say(200).json(&json!({ "name": "acme/app", "tags": null }))).await;
    assert_eq!(over(&script).tags(&repository("acme/app")).await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_no_list_of_tags_on_any_page() {
    let error = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "log in" }] });
    let first = error.clone();
    let script = Script::new(move |_| say(200).json(&first)).await;
    let text = fails(over(&script).tags(&repository("acme/app")).await, Exit::Unfinished, "registry-refused");
    assert!(text.contains("UNAUTHORIZED") && text.contains("is not a list"), "{text}");
    // The list has begun: what is on its second page is not known.
    for (status, body) in [(200, error.clone()), (404, error), (200, json!({ "name": "acme/app" }))] {
        let script = Script::new(move |asked| match asked.line.ends_with("?page=2") {
            false => say(200).header("link", "<?page=2>; rel=next").json(&json!({ "tags": ["1"] })),
            true => say(status).json(&body),
        })
        .await;
        fails(over(&script).tags(&repository("acme/app")).await, Exit::Unfinished, "registry-refused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_to_log_in_at_is_no_manifest() {
    let script = Script::new(|_| say(200).header("content-type", "text/html").body("<html>login</html>")).await;
    let tag = repository("acme/app").tagged("1");
    let text = fails(over(&script).head(&tag).await, Exit::Unfinished, "registry-refused");
    assert!(text.contains("(status 200; text/html) is not a manifest"), "{text}");
    fails(over(&script).manifest(&tag).await, Exit::Unfinished, "registry-refused");
    let by_digest = repository("acme/app").at(some(1, 1).0.digest);
    fails(over(&script).manifest(&by_digest).await, Exit::Unfinished, "registry-refused");
    let script = Script::new(|_| say(200).json(&json!({ "message": "welcome" }))).await;
    fails(over(&script).head(&tag).await, Exit::Unfinished, "registry-refused");
    // Some say `application/json` of manifests.
    let script = Script::new(|_| say(200).json(&json!({ "schemaVersion": 2, "manifests": [] }))).await;
    assert!(over(&script).head(&tag).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn referrers_come_in_pages_too() {
    let (digest, one, two) = (some(1, 1).0.digest, json!({ "digest": "one" }), json!({ "digest": "two" }));
    let expected = vec![one.clone(), two.clone()];
    let script = Script::new(move |asked| match asked.line.ends_with("?page=2") {
        false => say(200).header("link", "<?page=2>; rel=next").json(&json!({ "manifests": [&one] })),
        true => say(200).json(&json!({ "manifests": [&two] })),
    })
    .await;
    assert_eq!(over(&script).referrers(&repository("acme/app"), digest).await.unwrap(), expected);
    // A page for people: the tag is asked instead.
    let script = Script::new(|asked| match asked.line.contains("/referrers/") {
        true => say(303).header("location", "https://people.test/"),
        false => missing(),
    })
    .await;
    assert!(over(&script).referrers(&repository("acme/app"), digest).await.unwrap().is_empty());
    assert_eq!(script.count(&format!("GET /v2/acme/app/manifests/sha256-{}", digest.hex())), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_may_be_somewhere_else() {
    let image = Image::new("1");
    let (bytes, digest) = (image.index.bytes.clone(), image.index.descriptor.digest);
    let elsewhere = Script::new(move |asked| match asked.auth.is_empty() {
        true => say(200)
            .header("content-type", media::INDEX)
            .header("docker-content-digest", digest.to_string())
            .body(bytes.clone()),
        false => say(400),
    })
    .await;
    let there = elsewhere.url.clone();
    let script = Script::new(move |asked| match (asked.auth.as_str(), asked.line.contains("/manifests/")) {
        ("", _) => say(401).header("www-authenticate", "Basic realm=x"),
        (_, true) => say(307).header("location", format!("{there}/elsewhere")),
        (_, false) => missing(),
    })
    .await;
    let (registries, app) = (over(&script), repository("acme/app"));
    let head = registries.head(&app.tagged("1")).await.unwrap();
    assert_eq!(head.as_ref(), Some(&image.index.descriptor));
    assert_eq!(registries.manifest(&app.tagged("1")).await.unwrap().as_ref(), Some(&image.index));
    assert_eq!(elsewhere.asked(), ["HEAD /elsewhere", "GET /elsewhere"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_may_say_little() {
    let image = Image::new("1");
    let bytes = image.index.bytes.clone();
    let script = Script::new(move |_| say(200).header("content-type", media::INDEX).body(bytes.clone())).await;
    let app = repository("acme/app");
    assert_eq!(over(&script).head(&app.tagged("1")).await.unwrap().as_ref(), Some(&image.index.descriptor));
    // By digest it must be what was asked for, whoever says so.
    let other = app.at(Image::new("2").index.descriptor.digest);
    fails(over(&script).manifest(&other).await, Exit::Verification, "registry-damaged");
    fails(over(&script).head(&other).await, Exit::Verification, "registry-damaged");
    let lie = some(5, 5).0.digest;
    let script = Script::new(move |_| {
        say(200).header("content-type", media::INDEX).header("docker-content-digest", lie.to_string()).body("{}")
    })
    .await;
    fails(over(&script).manifest(&app.tagged("1")).await, Exit::Verification, "registry-damaged");
    fails(over(&script).head(&other).await, Exit::Verification, "registry-damaged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_kept_in_the_middle_of_an_upload() {
    let times = AtomicUsize::new(0);
    let script = Script::new(move |asked| match asked.line.starts_with("PUT") {
        true if times.fetch_add(1, Ordering::SeqCst) < 1 => say(429).header("retry-after", "2"),
        _ => takes(asked),
    })
    .await;
    let (start, (blob, bytes)) = (Instant::now(), some(1, 100));
    let pushed = over(&script).push_blob(&repository("acme/app"), &blob, Source::Bytes(&bytes)).await;
    assert_eq!(pushed.unwrap(), Pushed::Sent);
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_an_hour() {
    let script = Script::new(|_| say(429).header("retry-after", "3600")).await;
    let (start, (blob, bytes)) = (Instant::now(), some(1, 100));
    let pushed = over(&script).push_blob(&repository("acme/app"), &blob, Source::Bytes(&bytes)).await;
    let text = fails(pushed, Exit::Unfinished, "registry-limited");
    assert!(text.contains("3600 s") && start.elapsed() < Duration::from_secs(5), "{text}");
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_requests_at_once_after_one_was_too_many() {
    let (asked, refused) = (AtomicUsize::new(0), 6);
    let script = Script::new(move |_| match asked.fetch_add(1, Ordering::SeqCst) < refused {
        true => say(429).header("retry-after", "0").after(Duration::from_millis(50)),
        false => missing().after(Duration::from_millis(20)),
    })
    .await;
    let (registries, app) = (over(&script), repository("acme/app"));
    let heads = async || {
        let tags: Vec<_> = (0..60).map(|number| app.tagged(format!("t{number}"))).collect();
        for head in join_all(tags.iter().map(|tag| registries.head(tag))).await {
            assert_eq!(head.unwrap(), None);
        }
        script.most()
    };
    assert!(heads().await > 12);
    // One complaint of several at once halves it; it does not end at one request at a time.
    let most = heads().await;
    assert!((2..=12).contains(&most), "{most} at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_asked_for_again_until_its_first_byte() {
    let (blob, bytes) = some(1, 1000);
    let (times, sent) = (AtomicUsize::new(0), bytes.clone());
    let script = Script::new(move |_| match times.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => say(503),
        2 => say(429).header("retry-after", "0"),
        _ => say(200).body(sent.clone()),
    })
    .await;
    assert_eq!(over(&script).blob(&repository("acme/app"), &blob).await.unwrap(), bytes);
    let script = Script::new(|_| say(503)).await;
    let result = over(&script).blob(&repository("acme/app"), &blob).await;
    fails(result, Exit::Unfinished, "registry-unreachable");
    assert_eq!(script.asked().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_for_an_upload_somewhere_else_gets_no_login() {
    let store = Script::new(|asked| if asked.auth.is_empty() { takes(asked) } else { say(400) }).await;
    let there = store.url.clone();
    let script = Script::new(move |asked| match (asked.auth.as_str(), asked.line.starts_with("POST")) {
        ("", _) => say(401).header("www-authenticate", "Basic realm=x"),
        (_, true) => say(202).header("location", format!("{there}/signed?signature=x%2By%3D&part")),
        (_, false) => missing(),
    })
    .await;
    let (app, (blob, bytes)) = (repository("acme/app"), some(1, 1000));
    let pushed = over(&script).push_blob(&app, &blob, Source::Bytes(&bytes)).await;
    assert_eq!(pushed.unwrap(), Pushed::Sent);
    let digest = blob.digest.hex();
    assert_eq!(store.asked(), [format!("PUT /signed?signature=x%2By%3D&part&digest=sha256%3A{digest}")]);
    let upstream = Server::start(Options::default()).unwrap();
    upstream.seed_blob("base", &bytes);
    let registries =
        knowing([(HOST, reached(&script.url, Some(login(CANARY)))), ("upstream.test", reached(&upstream.url(), None))]);
    let from = Repository { registry: "upstream.test".into(), path: "base".into() };
    assert_eq!(registries.push_blob(&app, &blob, Source::Elsewhere(&from)).await.unwrap(), Pushed::Sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_an_address_is_refused() {
    let script = Script::new(|asked| if asked.line.starts_with("POST") { say(202) } else { missing() }).await;
    let (blob, bytes) = some(1, 1000);
    let pushed = over(&script).push_blob(&repository("acme/app"), &blob, Source::Bytes(&bytes)).await;
    let text = fails(pushed, Exit::Unfinished, "registry-refused");
    assert!(text.contains("without a location"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn immutability_has_many_words() {
    for (status, code, message) in [
        (
            400,
            "TAG_INVALID",
            "The image tag '1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable.",
        ),
        (400, "ImageTagAlreadyExistsException", ""),
        (412, "PRECONDITION", "Failed to process request due to 'app:1' configured as immutable."),
        (400, "MANIFEST_INVALID", "cannot update tag 1. The repository has enabled tag immutability"),
        (409, "DENIED", "Tag 1 is IMMUTABLE"),
    ] {
        let (image, other) = (Image::new("1"), Image::new("2"));
        let (digest, length) = (image.index.descriptor.digest, image.index.bytes.len());
        let script = Script::new(move |asked| match asked.line.starts_with("HEAD") {
            true => say(200)
                .header("content-type", media::INDEX)
                .header("docker-content-digest", digest.to_string())
                .body(vec![0; length]),
            false => say(status).json(&json!({ "errors": [{ "code": code, "message": message }] })),
        })
        .await;
        let (registries, tag) = (over(&script), repository("acme/app").tagged("1"));
        registries.put_manifest(&tag, &image.index).await.unwrap();
        let text = fails(registries.put_manifest(&tag, &other.index).await, Exit::Conflict, "image-tag-taken");
        assert!(text.contains(&digest.to_string()), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_says_does_not_reach_the_terminal_as_it_is() {
    let script =
        Script::new(|_| say(400).json(&json!({ "errors": [{ "code": "X", "message": "a\u{1b}[31m\r\nb\u{7}" }] })))
            .await;
    let app = repository("acme/app");
    let text = fails(over(&script).tags(&app).await, Exit::Unfinished, "registry-refused");
    assert!(text.ends_with("status 400, X: a [31m  b"), "{text:?}");
    let script = Script::new(|_| say(502).body("<html>nginx</html>")).await;
    let text = fails(over(&script).tags(&app).await, Exit::Unfinished, "registry-unreachable");
    assert!(text.contains("status 502 (tried 6 times)"), "{text}");
}

/// A registry that does not compare would keep them, and show a broken image to everybody.
#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_the_verified_ones_never_arrive_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layer");
    for parts in [false, true] {
        let script = Script::new(move |asked| match takes(asked) {
            said if parts => said.header("oci-chunk-min-length", "1048576"),
            said => said,
        })
        .await;
        let (descriptor, right) = some(1, 9 << 20);
        let mut wrong = right.clone();
        wrong[5 << 20] ^= 1;
        for (bytes, fine) in [(&wrong, false), (&right, true)] {
            std::fs::write(&path, bytes).unwrap();
            for source in [Source::File(&path, None), Source::Bytes(bytes)] {
                let before = script.count("PUT");
                let pushed = over(&script).push_blob(&repository("acme/app"), &descriptor, source).await;
                match pushed {
                    Ok(pushed) => assert!(fine && pushed == Pushed::Sent),
                    Err(error) => {
                        assert_eq!((fine, error.exit(), error.problem.code), (false, Exit::Usage, "changed-artifact"));
                        assert!(!parts || script.count("PUT") == before, "{:?}", script.asked());
                    }
                }
            }
        }
    }
}

/// Of another registry's bytes neither.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_base_is_not_passed_on_to_a_registry_that_does_not_compare() {
    let upstream = World::faulty(Fault::WrongBytes, 100);
    let base = some(1, 9 << 20);
    upstream.server.seed_blob("upstream/base", &base.1);
    for parts in [false, true] {
        let script = Script::new(move |asked| match takes(asked) {
            said if parts => said.header("oci-chunk-min-length", "1048576"),
            said => said,
        })
        .await;
        let registries =
            knowing([(HOST, reached(&script.url, None)), ("upstream.test", reached(&upstream.server.url(), None))]);
        let from = Repository { registry: "upstream.test".into(), path: "upstream/base".into() };
        let pushed = registries.push_blob(&repository("acme/app"), &base.0, Source::Elsewhere(&from)).await;
        fails(pushed, Exit::Verification, "registry-damaged");
        assert!(!parts || script.count("PUT") == 0, "{:?}", script.asked());
    }
}
