//! Documents: what is inherited, what is replaced, and that the bytes stay what they are.

use super::*;

fn layer(text: &str) -> Layer {
    let blob = Descriptor { media_type: media::LAYER_GZIP.into(), digest: Digest::of(text.as_bytes()), size: 3 };
    Layer { blob, diff_id: Digest::of(b"tar"), holds: format!("{text} in /usr/local/bin") }
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

const CREATED: &str = "2026-11-21T00:00:00Z";

#[test]
fn a_config_from_nothing() {
    let settings = Settings {
        entrypoint: &["/usr/local/bin/a".into()],
        user: "65532:65532",
        workdir: "/",
        ..Settings::new(Platform::LinuxArm64, CREATED)
    };
    let made = config(None, &settings, &[layer("a")]).unwrap();
    let digest = Digest::of(b"tar");
    let expected = format!(
        r#"{{"architecture":"arm64","config":{{"Entrypoint":["/usr/local/bin/a"],"Env":["{PATH}"],"User":"65532:65532","WorkingDir":"/"}},"created":"{CREATED}","history":[{{"created":"{CREATED}","created_by":"longshore: a in /usr/local/bin"}}],"os":"linux","rootfs":{{"diff_ids":["{digest}"],"type":"layers"}},"variant":"v8"}}"#
    );
    assert_eq!(String::from_utf8(made).unwrap(), expected);
}

#[test]
fn a_base_is_kept_but_for_its_program() {
    let base = json!({
        "architecture": "amd64", "os": "linux", "variant": "v2", "x-unknown": { "b": 1, "a": [2] },
        "container_config": {}, "docker_version": "20",
        "config": { "Cmd": ["bash"], "Env": ["PATH=/bin", "LANG=C"], "Labels": { "theirs": "x" }, "StopSignal": "SIGQUIT",
            "Healthcheck": { "Test": ["NONE"] }, "ExposedPorts": { "1/tcp": {} } },
        "history": [{ "created_by": "theirs" }],
        "rootfs": { "type": "layers", "diff_ids": ["sha256:00"] },
    });
    let env = BTreeMap::from([("LANG".to_owned(), "de".to_owned()), ("A".to_owned(), "b=c".to_owned())]);
    let labels = BTreeMap::from([("ours".to_owned(), "y".to_owned())]);
    let settings = Settings {
        entrypoint: &["/a".into()],
        user: "0",
        workdir: "/srv",
        env: Some(&env),
        labels: Some(&labels),
        expose: &["8080/tcp".into()],
        healthcheck: &["/a".into(), "health".into()],
        ..Settings::new(Platform::LinuxAmd64, CREATED)
    };
    let made = read(&config(Some(&base), &settings, &[layer("a")]).unwrap());
    assert_eq!(made["x-unknown"], base["x-unknown"]);
    assert_eq!(made["variant"], "v2", "what the base says of its platform stays");
    assert!(made.get("container_config").is_none() && made.get("docker_version").is_none());
    let runs = &made["config"];
    assert!(runs.get("Cmd").is_none(), "meant for another program");
    assert_eq!(runs["StopSignal"], "SIGQUIT");
    assert_eq!(runs["Env"], json!(["PATH=/bin", "LANG=de", "A=b=c"]));
    assert_eq!(runs["Labels"], json!({ "ours": "y", "theirs": "x" }));
    assert_eq!(runs["Healthcheck"], json!({ "Test": ["CMD", "/a", "health"] }));
    assert_eq!(runs["ExposedPorts"], json!({ "1/tcp": {}, "8080/tcp": {} }));
    assert_eq!(made["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    assert_eq!(made["history"].as_array().unwrap().len(), 2);
}

#[test]
fn manifests_rename_docker_layers_and_refuse_foreign_ones() {
    let of = |kind: &str| json!({ "layers": [{ "mediaType": kind, "digest": Digest::of(b"x").to_string(), "size": 9, "annotations": { "k": "v" } }] });
    let config = Descriptor { media_type: media::CONFIG.into(), digest: Digest::of(b"c"), size: 1 };
    let made = manifest(Some(&of(media::DOCKER_LAYER)), &config, &[layer("a")], &BTreeMap::new()).unwrap();
    let made = read(&made);
    assert_eq!(made["mediaType"], media::MANIFEST);
    assert_eq!(made["layers"][0]["mediaType"], media::LAYER_GZIP);
    assert_eq!(made["layers"][0]["annotations"]["k"], "v");
    assert_eq!(made["layers"].as_array().unwrap().len(), 2);
    for kind in [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "text/plain",
    ] {
        assert!(manifest(Some(&of(kind)), &config, &[], &BTreeMap::new()).is_err(), "{kind}");
    }
    let old = json!({ "schemaVersion": 1, "fsLayers": [] });
    assert!(manifest(Some(&old), &config, &[], &BTreeMap::new()).is_err());
}

#[test]
fn golden_manifest_and_index() {
    let config = Descriptor { media_type: media::CONFIG.into(), digest: Digest::of(b"c"), size: 1 };
    let notes = BTreeMap::from([("org.opencontainers.image.version".to_owned(), "1.2.3".to_owned())]);
    let made = manifest(None, &config, &[layer("a")], &notes).unwrap();
    let (a, c) = (Digest::of(b"a"), Digest::of(b"c"));
    let expected = format!(
        r#"{{"annotations":{{"org.opencontainers.image.version":"1.2.3"}},"config":{{"digest":"{c}","mediaType":"{}","size":1}},"layers":[{{"digest":"{a}","mediaType":"{}","size":3}}],"mediaType":"{}","schemaVersion":2}}"#,
        media::CONFIG,
        media::LAYER_GZIP,
        media::MANIFEST
    );
    assert_eq!(String::from_utf8(made.clone()).unwrap(), expected);
    let entry = Descriptor { media_type: media::MANIFEST.into(), digest: Digest::of(&made), size: made.len() as u64 };
    let arm = platform(&json!({ "architecture": "arm64", "os": "linux", "variant": "v8" }));
    let made = index(&[(entry.clone(), arm)], &BTreeMap::new());
    let expected = format!(
        r#"{{"manifests":[{{"digest":"{}","mediaType":"{}","platform":{{"architecture":"arm64","os":"linux","variant":"v8"}},"size":{}}}],"mediaType":"{}","schemaVersion":2}}"#,
        entry.digest,
        media::MANIFEST,
        entry.size,
        media::INDEX
    );
    assert_eq!(String::from_utf8(made).unwrap(), expected);
}
