//! Each fault once.

use super::*;
use crate::rehearsal::registry::{Auth, Fault};
use crate::secret::Secret;

fn with(fault: Fault) -> World {
    World::with(Options { faults: vec![(fault, 1)], ..Options::default() })
}

#[tokio::test]
async fn too_many_requests_once() {
    let world = with(Fault::RateLimit);
    let refused = world.send("POST", "/v2/a/blobs/uploads/").await;
    assert_eq!(refused.error(), error(429, "TOOMANYREQUESTS"));
    assert_eq!(refused.header("retry-after"), "1");
    world.begin("a").await;
}

#[tokio::test]
async fn a_cut_upload_goes_on_where_it_was() {
    let world = with(Fault::CutUpload);
    let at = world.begin("a").await;
    let digest = Digest::of(b"hello!");
    assert!(world.ask("PUT", &closing(&at, digest)).body("hello!").send().await.is_err());
    let status = world.send("GET", &at).await;
    assert_eq!((status.status, status.header("range")), (204, "0-2"));
    assert_eq!(world.send_body("PUT", &closing(&status.location(), digest), "lo!").await.status, 201);
}

#[tokio::test]
async fn a_lost_answer_has_its_effect() {
    let world = with(Fault::LostAnswer);
    let at = world.begin("a").await;
    let digest = Digest::of(b"hello");
    assert!(world.ask("PUT", &closing(&at, digest)).body("hello").send().await.is_err());
    assert_eq!(world.send("HEAD", &format!("/v2/a/blobs/{digest}")).await.status, 200);
    let world = with(Fault::LostAnswer);
    let image = world.image("a").to_string();
    let put = world.ask("PUT", "/v2/a/manifests/1").header("content-type", media::MANIFEST).body(image);
    assert!(put.send().await.is_err());
    assert!(world.server.shown()[0].tags.contains_key("1"));
}

#[tokio::test]
async fn manifests_are_refused_once() {
    let world = with(Fault::ServerError);
    let image = world.image("a");
    for status in [503, 201] {
        assert_eq!(world.put_manifest("/v2/a/manifests/1", media::MANIFEST, &image).await.status, status);
    }
}

#[tokio::test]
async fn a_full_disk_stays_full() {
    let world = with(Fault::StorageFull);
    let at = world.begin("a").await;
    for _ in 0..2 {
        assert_eq!(world.send_body("PUT", &closing(&at, Digest::of(b"x")), "x").await.status, 507);
    }
}

#[tokio::test]
async fn tokens_fail_and_expire() {
    let faults = vec![(Fault::TokenDown, 1), (Fault::ExpiredToken, 1)];
    let auth = Auth::Bearer { user: "me".into(), password: Secret::new("pass") };
    let world = World::with(Options { auth, faults, ..Options::default() });
    let ask = || got(world.ask("GET", "/token?scope=repository:a:pull,push").basic_auth("me", Some("pass")));
    assert_eq!(ask().await.status, 500);
    let answer = ask().await.json();
    let token = answer["token"].as_str().unwrap();
    let begin = || got(world.ask("POST", "/v2/a/blobs/uploads/").bearer_auth(token));
    let expired = begin().await;
    assert_eq!(expired.status, 401);
    assert!(expired.header("www-authenticate").ends_with(",error=\"invalid_token\""));
    assert_eq!(begin().await.status, 202);
}

#[tokio::test]
async fn sizes_and_bytes_are_wrong_once() {
    let world = with(Fault::LiesAboutSize);
    let path = format!("/v2/a/blobs/{}", world.server.seed_blob("a", b"hello"));
    for size in ["6", "5"] {
        assert_eq!(world.send("HEAD", &path).await.header("content-length"), size);
    }
    let world = with(Fault::WrongBytes);
    world.server.seed_blob("a", b"hello");
    let wrong = world.send("GET", &path).await.body;
    assert!(wrong.len() == 5 && wrong != b"hello");
    assert_eq!(world.send("GET", &path).await.body, b"hello");
}

#[tokio::test]
async fn pushing_is_denied() {
    let world = with(Fault::Denied);
    assert_eq!(world.send("POST", "/v2/a/blobs/uploads/").await.error(), error(403, "DENIED"));
}
