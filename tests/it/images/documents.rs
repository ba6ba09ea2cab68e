//! Manifests and indexes that somebody changed on their way.

use longshore::digest::Digest;
use serde_json::json;

use super::*;

/// Digests that fit do not make an index of an image that nobody planned.
#[test]
fn documents_hold_what_was_planned_or_nothing_is_pushed() {
    let server = registry();
    let project = project(&server, "");
    must(&project, "longshore build -q && longshore verify -q");
    let out = project.folder().join("target/longshore");
    let set = std::fs::read_to_string(out.join("manifest.json")).unwrap();
    let set: Value = serde_json::from_str(&set).unwrap();
    let artifacts = set["artifacts"].as_array().unwrap();
    for (kind, key) in [("index", "manifests"), ("image", "layers")] {
        let at = artifacts.iter().position(|artifact| artifact["kind"] == kind).unwrap();
        let files = artifacts[at]["files"].as_array().unwrap();
        let (last, step) = (files.len() - 1, artifacts[at]["step"].as_str().unwrap());
        let path = out.join("steps").join(step).join(files[last]["name"].as_str().unwrap());
        let before = std::fs::read(&path).unwrap();
        let mut document: Value = serde_json::from_slice(&before).unwrap();
        document[key] = json!([]);
        let bytes = document.to_string().into_bytes();
        let mut edited = set.clone();
        let record = &mut edited["artifacts"][at]["files"][last];
        record["sha256"] = Digest::of(&bytes).to_string().into();
        record["size"] = bytes.len().into();
        std::fs::write(out.join("manifest.json"), edited.to_string()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let done = sh(&project, "longshore publish --yes --json");
        assert_eq!(done.status.code(), Some(3), "{}", text(&done.stdout));
        assert_eq!(problems(&done)[0].0, "image-content", "{:?}", problems(&done));
        std::fs::write(&path, before).unwrap();
    }
    assert_eq!(tags(&server), []);
    assert!(server.requests().iter().all(|line| !line.starts_with("PUT") && !line.starts_with("POST")));
}
