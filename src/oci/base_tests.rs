//! Bases: entries of an index.

use serde_json::json;

use super::*;

#[test]
fn an_index_is_read_without_its_attestations() {
    let image = |arch: &str, variant: Option<&str>, digest: &str| {
        let mut entry = json!({ "mediaType": media::MANIFEST, "digest": digest, "platform": { "os": "linux", "architecture": arch } });
        if let Some(variant) = variant {
            entry["platform"]["variant"] = variant.into();
        }
        entry
    };
    let mut attestation = image("amd64", None, "att");
    attestation["annotations"] = json!({ "vnd.docker.reference.type": "attestation-manifest" });
    let index = json!({ "manifests": [attestation, image("unknown", None, "u"), image("amd64", Some("v3"), "v3"), image("amd64", None, "good"), image("arm64", Some("v8"), "arm")] });
    let found = |platform| entry(&index, platform).map(|entry| entry["digest"].as_str().unwrap().to_owned());
    assert_eq!(found(Platform::LinuxAmd64).as_deref(), Some("good"));
    assert_eq!(found(Platform::LinuxArm64).as_deref(), Some("arm"));
    assert_eq!(entry(&json!({ "manifests": [] }), Platform::LinuxAmd64), None);
}
