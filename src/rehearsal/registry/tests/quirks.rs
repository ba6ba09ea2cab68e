//! Each quirk once.

use super::*;
use crate::rehearsal::registry::{Mounts, Quirks};

fn with(quirks: Quirks) -> World {
    World::with(Options { quirks, ..Options::default() })
}

#[tokio::test]
async fn locations_are_whole_urls() {
    let world = with(Quirks { absolute_locations: true, ..Quirks::default() });
    let at = world.begin("a").await;
    assert!(at.starts_with(&format!("{}/v2/a/blobs/uploads/", world.server.url())));
    assert_eq!(world.send_body("PUT", &closing(&at, Digest::of(b"x")), "x").await.status, 201);
}

#[tokio::test]
async fn mounts_are_refused() {
    for (mounts, status) in [(Mounts::Ignored, 202), (Mounts::NotAllowed, 405)] {
        let world = with(Quirks { mounts, ..Quirks::default() });
        let digest = world.server.seed_blob("b", b"x");
        let answer = world.send("POST", &format!("/v2/a/blobs/uploads/?mount={digest}&from=b")).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.location().is_empty(), status == 405);
    }
}

#[tokio::test]
async fn referrers_are_not_there() {
    let world = with(Quirks { no_referrers: true, ..Quirks::default() });
    let mut artifact = world.image("a");
    artifact["subject"] = json!({ "mediaType": media::MANIFEST, "digest": Digest::of(b"x"), "size": 1 });
    let put = world.put_manifest("/v2/a/manifests/1", media::MANIFEST, &artifact).await;
    assert_eq!((put.status, put.header("oci-subject")), (201, ""));
    assert_eq!(world.send("GET", &format!("/v2/a/referrers/{}", Digest::of(b"x"))).await.status, 404);
}

#[tokio::test]
async fn large_bodies_go_up_in_chunks_only() {
    let world = with(Quirks { largest_put: Some(4), ..Quirks::default() });
    let (at, digest) = (world.begin("a").await, Digest::of(b"hello"));
    assert_eq!(world.send_body("PUT", &closing(&at, digest), "hello").await.error(), error(413, "SIZE_INVALID"));
    let whole = world.send_body("POST", &format!("/v2/a/blobs/uploads/?digest={digest}"), "hello").await;
    assert_eq!(whole.status, 413);
    let chunk = world.chunk(&at, "0-4", b"hello").await;
    assert_eq!(world.send("PUT", &closing(&chunk.location(), digest)).await.status, 201);
}

#[tokio::test]
async fn a_small_chunk_is_the_last() {
    let world = with(Quirks { chunk_min: Some(4), ..Quirks::default() });
    let begun = world.send("POST", "/v2/a/blobs/uploads/").await;
    assert_eq!(begun.header("oci-chunk-min-length"), "4");
    let first = world.chunk(&begun.location(), "0-3", b"long").await;
    let second = world.chunk(&first.location(), "4-4", b"x").await;
    assert_eq!(second.status, 202);
    assert_eq!(world.chunk(&second.location(), "5-8", b"long").await.error(), error(400, "SIZE_INVALID"));
    assert_eq!(world.send("PUT", &closing(&second.location(), Digest::of(b"longx"))).await.status, 201);
}

#[tokio::test]
async fn tags_stay_where_they_are() {
    let world = with(Quirks { immutable_tags: true, ..Quirks::default() });
    let mut image = world.image("a");
    for _ in 0..2 {
        assert_eq!(world.put_manifest("/v2/a/manifests/1", media::MANIFEST, &image).await.status, 201);
    }
    image["annotations"] = json!({ "k": "v" });
    let moved = world.put_manifest("/v2/a/manifests/1", media::MANIFEST, &image).await;
    assert_eq!(moved.error(), error(400, "TAG_INVALID"));
    assert!(moved.json()["errors"][0]["message"].as_str().unwrap().contains("immutable"));
    assert_eq!(world.put_manifest("/v2/a/manifests/2", media::MANIFEST, &image).await.status, 201);
}

#[tokio::test]
async fn blobs_lie_in_another_place() {
    let world = with(Quirks { redirect_blobs: true, ..Quirks::default() });
    let digest = world.server.seed_blob("a", b"0123");
    let redirect = world.send("GET", &format!("/v2/a/blobs/{digest}")).await;
    assert_eq!(redirect.status, 307);
    let to = redirect.location();
    assert!(to.starts_with("http://127.0.0.1:") && !to.starts_with(&world.server.url()));
    assert_eq!(world.send("GET", &to).await.body, b"0123");
    assert_eq!(got(world.ask("GET", &to).header("range", "bytes=1-2")).await.body, b"12");
    assert_eq!(got(world.ask("GET", &to).bearer_auth("x")).await.status, 400);
    assert_eq!(world.send("GET", to.split('?').next().unwrap()).await.status, 403);
    assert_eq!(world.server.requests()[1], format!("GET /store/{}", digest.hex()));
}

#[tokio::test]
async fn nothing_is_deleted() {
    let world = with(Quirks { no_delete: true, ..Quirks::default() });
    let image = world.image("a").to_string();
    world.server.seed_manifest("a", Some("1"), media::MANIFEST, image.as_bytes());
    assert_eq!(world.send("DELETE", "/v2/a/manifests/1").await.error(), error(405, "UNSUPPORTED"));
    assert_eq!(world.send("DELETE", &world.begin("a").await).await.status, 405);
}
