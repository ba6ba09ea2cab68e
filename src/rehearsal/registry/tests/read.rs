//! Reading: manifests, parts of blobs, tags in pages, referrers.

use super::*;

#[tokio::test]
async fn a_manifest_is_read_by_tag_and_digest() {
    let world = World::new();
    let image = world.image("a").to_string();
    let digest = world.server.seed_manifest("a", Some("1"), media::MANIFEST, image.as_bytes());
    for name in ["1".to_owned(), digest.to_string()] {
        let path = format!("/v2/a/manifests/{name}");
        for method in ["GET", "HEAD"] {
            let got = world.send(method, &path).await;
            assert_eq!((got.status, got.header("content-type")), (200, media::MANIFEST));
            assert_eq!(got.header("docker-content-digest"), digest.to_string());
            assert_eq!(got.header("content-length"), image.len().to_string());
            assert_eq!(got.body.len(), if method == "GET" { image.len() } else { 0 });
        }
        let narrow = got(world.ask("GET", &path).header("accept", media::INDEX)).await;
        assert_eq!(narrow.error(), error(404, "MANIFEST_UNKNOWN"));
    }
    assert_eq!(world.send("GET", "/v2/a/manifests/2").await.error(), error(404, "MANIFEST_UNKNOWN"));
    assert_eq!(world.send("GET", "/v2/b/manifests/1").await.error(), error(404, "NAME_UNKNOWN"));
    assert_eq!(world.send("DELETE", "/v2/a/manifests/1").await.status, 202);
    assert_eq!(world.send("GET", "/v2/a/manifests/1").await.status, 404);
    assert_eq!(world.send("DELETE", &format!("/v2/a/manifests/{digest}")).await.status, 202);
}

#[tokio::test]
async fn a_blob_is_read_in_parts() {
    let world = World::new();
    let path = format!("/v2/a/blobs/{}", world.server.seed_blob("a", b"0123456789"));
    let part = got(world.ask("GET", &path).header("range", "bytes=4-6")).await;
    assert_eq!(
        (part.status, part.header("content-range"), part.body.as_slice()),
        (206, "bytes 4-6/10", b"456".as_slice())
    );
    let beyond = got(world.ask("GET", &path).header("range", "bytes=10-")).await;
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */10"));
    assert_eq!(world.send("DELETE", &path).await.status, 405);
    assert_eq!(world.send("GET", &path.replace("/a/", "/b/")).await.error(), error(404, "BLOB_UNKNOWN"));
}

#[tokio::test]
async fn tags_come_in_pages() {
    let world = World::new();
    let image = world.image("a/b").to_string();
    for tag in ["c", "a", "B", "d", "b"] {
        world.server.seed_manifest("a/b", Some(tag), media::MANIFEST, image.as_bytes());
    }
    let all = world.send("GET", "/v2/a/b/tags/list").await;
    assert_eq!(all.json(), json!({ "name": "a/b", "tags": ["B", "a", "b", "c", "d"] }));
    assert_eq!(all.header("link"), "");
    let first = world.send("GET", "/v2/a/b/tags/list?n=3").await;
    assert_eq!(first.json()["tags"], json!(["B", "a", "b"]));
    assert_eq!(first.header("link"), "</v2/a/b/tags/list?last=b&n=3>; rel=\"next\"");
    let second = world.send("GET", "/v2/a/b/tags/list?last=b&n=3").await;
    assert_eq!((second.json()["tags"].clone(), second.header("link")), (json!(["c", "d"]), ""));
    assert_eq!(world.send("GET", "/v2/a/b/tags/list?n=0").await.json()["tags"], json!([]));
    assert_eq!(world.send("GET", "/v2/c/tags/list").await.error(), error(404, "NAME_UNKNOWN"));
}

#[tokio::test]
async fn referrers_are_listed_by_type() {
    let world = World::new();
    let subject = Digest::of(b"not even there");
    let mut artifact = world.image("a");
    artifact["artifactType"] = "application/spdx+json".into();
    artifact["annotations"] = json!({ "k": "v" });
    artifact["subject"] = json!({ "mediaType": media::MANIFEST, "digest": subject, "size": 14 });
    let digest = Digest::of(artifact.to_string().as_bytes());
    let put = world.put_manifest(&format!("/v2/a/manifests/{digest}"), media::MANIFEST, &artifact).await;
    assert_eq!((put.status, put.header("oci-subject")), (201, subject.to_string().as_str()));
    let path = format!("/v2/a/referrers/{subject}");
    let list = world.send("GET", &path).await;
    assert_eq!((list.status, list.header("content-type")), (200, media::INDEX));
    let expected = json!([{
        "mediaType": media::MANIFEST, "digest": digest, "size": artifact.to_string().len(),
        "artifactType": "application/spdx+json", "annotations": { "k": "v" },
    }]);
    assert_eq!(list.json()["manifests"], expected);
    let same = world.send("GET", &format!("{path}?artifactType=application%2Fspdx%2Bjson")).await;
    assert_eq!((same.json()["manifests"].clone(), same.header("oci-filters-applied")), (expected, "artifactType"));
    let none = world.send("GET", &format!("{path}?artifactType=other")).await;
    assert_eq!(none.json()["manifests"], json!([]));
}

#[tokio::test]
async fn the_page_escapes_everything() {
    let world = World::new();
    let hostile = json!({ "manifests": [{ "digest": "<b>", "platform": { "os": "<script>\"'" } }] }).to_string();
    world.server.seed_manifest("a", Some("1"), "<i>", hostile.as_bytes());
    let page = world.send("GET", "/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("&lt;b&gt;") && text.contains("&lt;i&gt;") && text.contains("&lt;script&gt;&quot;&#39;"));
    assert!(!text.contains("<b>&") && !text.contains("<i><") && !text.contains("<script>\""));
}
