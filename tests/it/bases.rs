//! Base images that can be had, and those that cannot be used as a base: each is named with what is wrong with it.

use longshore::oci::base::{find, measure};
use longshore::oci::media;
use longshore::oci::registry::{Access, HostAccess, Registries};
use longshore::platform::Platform;
use longshore::rehearsal::registry::{Options, Server};
use longshore::world::env::Env;
use longshore::world::process::Runner;
use serde_json::{Value, json};

const AMD: Platform = Platform::LinuxAmd64;

struct World {
    server: Server,
    registries: Registries,
}

impl World {
    fn new() -> Self {
        let server = Server::start(Options::default()).unwrap();
        let host = HostAccess { url: Some(server.url().parse().unwrap()), anonymous: true, ..HostAccess::default() };
        let access = Access { hosts: [("base.example".to_owned(), host)].into(), ..Access::default() };
        let registries = Registries::new(&Runner::new(Env::default()), &Env::default(), access);
        Self { server, registries }
    }

    fn blob(&self, bytes: &[u8], kind: &str) -> Value {
        let digest = self.server.seed_blob("b", bytes);
        json!({ "mediaType": kind, "digest": digest.to_string(), "size": bytes.len() })
    }

    /// An image with a change to its config and its manifest, under a tag.
    fn image(&self, tag: &str, change: impl FnOnce(&mut Value, &mut Value)) -> Value {
        let layer = self.blob(&tar(&["lib/ld-musl-x86_64.so.1"]), media::LAYER_TAR);
        let mut config = json!({
            "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
        });
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": media::MANIFEST, "layers": [layer] });
        change(&mut config, &mut manifest);
        if manifest["config"].is_null() {
            manifest["config"] = self.blob(config.to_string().as_bytes(), media::CONFIG);
        }
        let bytes = manifest.to_string().into_bytes();
        let digest = self.server.seed_manifest("b", Some(tag), media::MANIFEST, &bytes);
        json!({ "mediaType": media::MANIFEST, "digest": digest.to_string(), "size": bytes.len() })
    }

    async fn fails(&self, tag: &str, code: &str, part: &str) {
        let from = format!("base.example/b:{tag}").parse().unwrap();
        let error = find(&self.registries, &from, None, AMD).await.unwrap_err();
        assert_eq!(error.problem.code, code, "{tag}: {}", error.problem);
        assert!(error.problem.message.contains(part), "{tag}: {}", error.problem);
    }
}

fn tar(paths: &[&str]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for path in paths {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o755);
        builder.append_data(&mut header, path, std::io::empty()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_built_upon_is_named() {
    let world = World::new();
    world.fails("nowhere", "base-missing", "`base.example/b:nowhere` does not exist").await;
    world.image("arm", |config, _| config["architecture"] = "arm64".into());
    world.fails("arm", "base-unfit", "has a config for linux/arm64").await;
    world.image("windows", |config, _| config["os"] = "windows".into());
    world.fails("windows", "base-unfit", "has a config for windows/amd64").await;
    world.image("old", |_, manifest| *manifest = json!({ "schemaVersion": 1, "fsLayers": [], "config": {} }));
    world.fails("old", "base-unfit", "does not have schema version 2").await;
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    world.image("foreign", |_, manifest| manifest["layers"][0]["mediaType"] = foreign.into());
    world.fails("foreign", "base-unfit", "registries do not store").await;
    world.image("garbage", |_, manifest| manifest["config"] = world.blob(b"no json", media::CONFIG));
    world.fails("garbage", "base-unfit", "a config that is not JSON").await;
    world.image("large", |config, _| config["history"] = "x".repeat(1 << 20).into());
    world.fails("large", "base-unfit", "bytes; the limit is 1 MiB").await;
    let other = world.image("arm-only", |config, _| config["architecture"] = "arm64".into());
    let mut entry = other;
    entry["platform"] = json!({ "os": "linux", "architecture": "arm64" });
    let index = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": [entry] });
    world.server.seed_manifest("b", Some("index"), media::INDEX, index.to_string().as_bytes());
    world.fails("index", "base-unfit", "has no image for this platform").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_is_found_below_an_index_with_attestations_and_measured() {
    let world = World::new();
    let mut image = world.image("one", |_, _| {});
    image["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    let attestation = json!({
        "mediaType": media::MANIFEST, "digest": image["digest"], "size": 1,
        "platform": { "os": "unknown", "architecture": "unknown" },
        "annotations": { "vnd.docker.reference.type": "attestation-manifest" },
    });
    let index = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": [attestation, image] });
    let named = world.server.seed_manifest("b", Some("all"), media::INDEX, index.to_string().as_bytes());
    let from = "base.example/b:all".parse().unwrap();
    let base = find(&world.registries, &from, None, AMD).await.unwrap();
    assert_eq!(base.named, named);
    assert_eq!(base.manifest.descriptor.digest.to_string(), image["digest"].as_str().unwrap());
    let facts = measure(&world.registries, &from, &base, AMD).await.unwrap();
    assert_eq!((facts.libc.to_string().as_str(), facts.loaders.len()), ("musl", 1));
    // Locked: the tag may say what it likes.
    let again = find(&world.registries, &"base.example/b:moved".parse().unwrap(), Some(named), AMD).await.unwrap();
    assert_eq!(again.manifest, base.manifest);
}

/// An engine unpacks each layer and compares: such an image starts nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_names_other_layers_is_refused() {
    let world = World::new();
    let check = async |tag: &str, ids: &dyn Fn(&Value) -> Value, part: &str| {
        world.image(tag, |config, manifest| config["rootfs"]["diff_ids"] = ids(&manifest["layers"][0]["digest"]));
        let from = format!("base.example/b:{tag}").parse().unwrap();
        let base = find(&world.registries, &from, None, AMD).await.unwrap();
        let error = measure(&world.registries, &from, &base, AMD).await.unwrap_err();
        assert_eq!(error.problem.code, "base-unfit", "{tag}: {}", error.problem);
        assert!(error.problem.message.contains(part), "{tag}: {}", error.problem);
    };
    let other = format!("sha256:{}", "0".repeat(64));
    check("other", &|_| json!([other]), &format!("its config says {other}")).await;
    check("none", &|_| json!([]), "has 1 layers, but a config with 0 `diff_ids`").await;
    check("more", &|right| json!([right, right]), "has 1 layers, but a config with 2 `diff_ids`").await;
    check("number", &|_| json!([7]), "its config says nothing").await;
}

/// What a layer says of itself costs us nothing: it is believed as far as an honest one goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_would_eat_memory_is_refused() {
    let world = World::new();
    let check = async |tag: &str, layer: Value, part: &str| {
        world.image(tag, |_, manifest| manifest["layers"] = json!([layer]));
        let from = format!("base.example/b:{tag}").parse().unwrap();
        let base = find(&world.registries, &from, None, AMD).await.unwrap();
        let error = measure(&world.registries, &from, &base, AMD).await.unwrap_err();
        assert_eq!(error.problem.code, "base-unfit", "{tag}: {}", error.problem);
        assert!(error.problem.message.contains(part), "{tag}: {}", error.problem);
    };
    for (tag, kind, part) in [
        ("long-name", tar::EntryType::GNULongName, "a name has 8589934592 bytes; the limit is 4096"),
        ("long-link", tar::EntryType::GNULongLink, "a link has 8589934592 bytes; the limit is 4096"),
        ("pax", tar::EntryType::XHeader, "a pax header has 8589934592 bytes; the limit is 1048576"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(8 << 30);
        header.set_cksum();
        check(tag, world.blob(header.as_bytes(), media::LAYER_TAR), part).await;
    }
    let names: Vec<String> = (0..1100).map(|number| format!("etc/ld.so.conf.d/{number}.conf")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check("conf", world.blob(&tar(&names), media::LAYER_TAR), "more than 1000 files `/etc/ld.so.conf*`").await;
    check("outside", world.blob(&tar_of("../x"), media::LAYER_TAR), "leads out of the image").await;
    let mut large = world.blob(&tar(&["x"]), media::LAYER_TAR);
    large["size"] = (1_u64 << 50).into();
    check("large", large, "the limit is 32 GiB").await;
}

/// A tar of one name that no honest writer writes.
fn tar_of(name: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(3 * 512, 0);
    bytes
}
