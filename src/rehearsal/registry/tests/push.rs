//! Pushing: blobs in every way, mounts, manifests.

use std::time::Duration;

use super::*;
use crate::rehearsal::registry::Moment;

#[tokio::test]
async fn a_blob_goes_up_in_one_put() {
    let world = World::new();
    let digest = Digest::of(b"hello");
    let at = world.begin("a/b").await;
    assert!(at.starts_with("/v2/a/b/blobs/uploads/") && at.contains('?'), "{at}");
    let done = world.send_body("PUT", &closing(&at, digest), "hello").await;
    assert_eq!((done.status, done.header("docker-content-digest")), (201, digest.to_string().as_str()));
    assert_eq!(done.location(), format!("/v2/a/b/blobs/{digest}"));
    let head = world.send("HEAD", &done.location()).await;
    assert_eq!((head.status, head.header("content-length")), (200, "5"));
    assert_eq!(world.send("GET", &done.location()).await.body, b"hello");
    let log = world.server.requests();
    assert_eq!(
        log[..2],
        ["POST /v2/a/b/blobs/uploads/".to_owned(), format!("PUT /v2/a/b/blobs/uploads/upload-1?digest={digest}")]
    );
    // The upload is over.
    assert_eq!(world.send("GET", &at).await.error(), error(404, "BLOB_UPLOAD_UNKNOWN"));
}

#[tokio::test]
async fn a_blob_goes_up_in_one_post() {
    let world = World::new();
    let digest = Digest::of(b"hello");
    let done = world.send_body("POST", &format!("/v2/a/blobs/uploads/?digest={digest}"), "hello").await;
    assert_eq!(done.status, 201);
    let wrong = Digest::of(b"other");
    let refused = world.send_body("POST", &format!("/v2/a/blobs/uploads/?digest={wrong}"), "hello").await;
    assert_eq!(refused.error(), error(400, "DIGEST_INVALID"));
    assert_eq!(world.send("HEAD", &format!("/v2/a/blobs/{wrong}")).await.status, 404);
}

#[tokio::test]
async fn a_blob_goes_up_in_chunks() {
    let world = World::new();
    let at = world.begin("a").await;
    let first = world.chunk(&at, "0-4", b"hello").await;
    assert_eq!((first.status, first.header("range")), (202, "0-4"));
    // A gap is refused with where to go on.
    let gap = world.chunk(&first.location(), "6-9", b"wide").await;
    assert_eq!((gap.status, gap.header("range")), (416, "0-4"));
    let status = world.send("GET", &at).await;
    assert_eq!((status.status, status.header("range")), (204, "0-4"));
    // An address of before the first chunk.
    let old = world.send_body("PATCH", &at, "more").await;
    assert_eq!(old.error(), error(400, "BLOB_UPLOAD_INVALID"));
    let second = world.chunk(&status.location(), "5-9", b" wide").await;
    assert_eq!((second.status, second.header("range")), (202, "0-9"));
    let digest = Digest::of(b"hello wide world");
    let done = world.send_body("PUT", &closing(&second.location(), digest), " world").await;
    assert_eq!(done.status, 201);
    assert_eq!(world.send("GET", &done.location()).await.body, b"hello wide world");
}

#[tokio::test]
async fn chunks_must_be_what_they_say() {
    let world = World::new();
    let at = world.begin("a").await;
    assert_eq!(world.chunk(&at, "0-9", b"hello").await.error(), error(400, "SIZE_INVALID"));
    assert_eq!(world.chunk(&at, "bytes 0-4", b"hello").await.error(), error(400, "BLOB_UPLOAD_INVALID"));
    assert_eq!(world.send_body("PUT", &at, "hello").await.error(), error(400, "DIGEST_INVALID"));
    assert_eq!(world.send("DELETE", &at).await.status, 204);
    assert_eq!(world.send("GET", &at).await.status, 404);
}

#[tokio::test]
async fn a_wrong_digest_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(Options { folder: Some(folder.path().into()), ..Options::default() });
    let at = world.begin("a").await;
    let refused = world.send_body("PUT", &closing(&at, Digest::of(b"other")), "hello").await;
    assert_eq!(refused.error(), error(400, "DIGEST_INVALID"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_blob_is_mounted_from_where_it_is() {
    let world = World::new();
    let digest = world.server.seed_blob("library/base", b"base");
    let mount = |from: &str| format!("/v2/a/blobs/uploads/?mount={digest}&from={from}");
    let begun = world.send("POST", &mount("library/other")).await;
    assert_eq!(begun.status, 202);
    assert!(begun.location().contains("/uploads/"));
    assert_eq!(world.send("HEAD", &format!("/v2/a/blobs/{digest}")).await.status, 404);
    let mounted = world.send("POST", &mount("library/base")).await;
    assert_eq!((mounted.status, mounted.location()), (201, format!("/v2/a/blobs/{digest}")));
    assert_eq!(world.send("GET", &mounted.location()).await.body, b"base");
}

#[tokio::test]
async fn a_manifest_needs_what_it_names() {
    let world = World::new();
    let image = world.image("a");
    let missing = world.put_manifest("/v2/b/manifests/1", media::MANIFEST, &image).await;
    assert_eq!(missing.error(), error(400, "MANIFEST_BLOB_UNKNOWN"));
    let mut foreign = image.clone();
    let lost = json!({ "mediaType": "x/y", "digest": Digest::of(b"lost"), "size": 4 });
    foreign["layers"].as_array_mut().unwrap().push(lost);
    let refused = world.put_manifest("/v2/a/manifests/1", media::MANIFEST, &foreign).await;
    assert_eq!(refused.error(), error(400, "MANIFEST_BLOB_UNKNOWN"));
    foreign["layers"][1]["urls"] = json!(["https://example.com/layer"]);
    assert_eq!(world.put_manifest("/v2/a/manifests/1", media::MANIFEST, &foreign).await.status, 201);
    let mut wrong = image.clone();
    wrong["layers"][0]["size"] = 6.into();
    let refused = world.put_manifest("/v2/a/manifests/1", media::MANIFEST, &wrong).await;
    assert_eq!(refused.error(), error(400, "MANIFEST_INVALID"));
    let refused = world.put_manifest("/v2/a/manifests/1", media::DOCKER_MANIFEST, &image).await;
    assert_eq!(refused.error(), error(400, "MANIFEST_INVALID"));
    let refused = world.put_manifest("/v2/a/manifests/.1", media::MANIFEST, &image).await;
    assert_eq!(refused.error(), error(400, "TAG_INVALID"));
    let other = format!("/v2/a/manifests/{}", Digest::of(b"other"));
    let refused = world.put_manifest(&other, media::MANIFEST, &image).await;
    assert_eq!(refused.error(), error(400, "DIGEST_INVALID"));
}

#[tokio::test]
async fn an_index_needs_its_images() {
    let world = World::new();
    let image = world.image("a");
    let digest = Digest::of(image.to_string().as_bytes());
    let index = json!({
        "schemaVersion": 2, "mediaType": media::INDEX,
        "manifests": [{
            "mediaType": media::MANIFEST, "digest": digest, "size": image.to_string().len(),
            "platform": { "os": "linux", "architecture": "arm64" },
        }],
    });
    let refused = world.put_manifest("/v2/a/manifests/1", media::INDEX, &index).await;
    assert_eq!(refused.error(), error(400, "MANIFEST_UNKNOWN"));
    let path = format!("/v2/a/manifests/{digest}");
    let put = world.put_manifest(&path, media::MANIFEST, &image).await;
    assert_eq!((put.status, put.location()), (201, path));
    assert_eq!(world.put_manifest("/v2/a/manifests/1", media::INDEX, &index).await.status, 201);
    let shown = world.server.shown();
    assert_eq!(shown[0].repository, "a");
    let expected = (Digest::of(index.to_string().as_bytes()), media::INDEX.to_owned());
    assert_eq!(shown[0].tags.iter().collect::<Vec<_>>(), [(&"1".to_owned(), &expected)]);
    let page = String::from_utf8(world.send("GET", "/").await.body).unwrap();
    for part in ["linux/arm64", "5 B", &digest.hex(), media::INDEX] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn stops_where_it_is_told() {
    let world = World::new();
    let digest = Digest::of(b"hello");
    let at = world.begin("a").await;
    let hold = world.server.hold_at(2, Moment::Midway);
    let put = tokio::spawn(world.ask("PUT", &closing(&at, digest)).body("hello").send());
    let hold = tokio::task::spawn_blocking(move || (hold.wait(Duration::from_secs(10)), hold)).await.unwrap();
    assert!(hold.0);
    drop(hold);
    assert!(put.await.unwrap().is_err());
    let status = world.send("GET", &at).await;
    assert_eq!((status.status, status.header("range")), (204, "0-1"));
}
