//! Bases: links, whiteouts, loaders, libraries, entries of an index.

use serde_json::json;

use super::*;

/// A tar of `path`, `path -> link`, `path/`.
fn tar(entries: &[&str]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.set_mode(0o644);
        if let Some((path, link)) = entry.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, path, link).unwrap();
        } else {
            if entry.ends_with('/') {
                header.set_entry_type(tar::EntryType::Directory);
            }
            builder.append_data(&mut header, entry, std::io::empty()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

fn tree(layers: &[&[&str]]) -> Tree {
    let mut all = Tree::default();
    for layer in layers {
        all.apply(tar(layer).as_slice()).unwrap();
    }
    all
}

#[test]
fn links_are_followed_as_a_kernel_does() {
    let tree = tree(&[&[
        "lib -> usr/lib",
        "usr/lib/",
        "usr/lib/x.so.1.2",
        "usr/lib/x.so.1 -> x.so.1.2",
        "a -> b",
        "b -> a",
        "abs -> /lib/x.so.1",
        "up -> usr/../lib/x.so.1",
    ]]);
    for path in ["lib/x.so.1", "/lib/x.so.1.2", "abs", "up"] {
        assert!(tree.is_file(path), "{path}");
    }
    for path in ["a", "lib/y", "lib", "nowhere/x"] {
        assert!(!tree.is_file(path), "{path}");
    }
}

#[test]
fn whiteouts_hide_what_is_below() {
    let tree = tree(&[
        &["lib/", "lib/a.so", "lib/b.so", "opt/", "opt/x/", "opt/x/c.so", "keep/d.so"],
        &["lib/.wh.a.so", "lib/e.so", "opt/.wh..wh..opq", "opt/f.so", "./keep/"],
    ]);
    for (path, expected) in [
        ("lib/a.so", false),
        ("lib/b.so", true),
        ("lib/e.so", true),
        ("opt/x/c.so", false),
        ("opt/f.so", true),
        ("keep/d.so", true),
    ] {
        assert_eq!(tree.is_file(path), expected, "{path}");
    }
}

#[test]
fn offers_are_read_from_files() {
    let musl = tree(&[&[
        "lib/ld-musl-x86_64.so.1",
        "lib/libc.musl-x86_64.so.1 -> ld-musl-x86_64.so.1",
        "usr/lib/libz.so.1",
        "usr/lib/deep/libq.so",
    ]]);
    let facts = musl.facts(Arch::X86_64);
    assert_eq!(facts.libc, BaseLibc::Musl);
    assert_eq!(facts.loaders, ["/lib/ld-musl-x86_64.so.1"]);
    assert_eq!(facts.libraries, ["ld-musl-x86_64.so.1", "libc.musl-x86_64.so.1", "libz.so.1"]);
    assert_eq!(musl.facts(Arch::Aarch64).libc, BaseLibc::None, "for another architecture it offers nothing");
    let mut merged = tree(&[&[
        "lib -> usr/lib",
        "lib64 -> usr/lib64",
        "usr/lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-2.so",
        "usr/lib/x86_64-linux-gnu/ld-2.so",
    ]]);
    merged.entries.insert("usr/lib/x86_64-linux-gnu/libc.so.6".into(), Entry::Glibc(Some("2.36".into())));
    merged.entries.insert("etc/ld.so.conf.d/own.conf".into(), Entry::Text("/opt/own # ours\n".into()));
    merged.entries.insert("opt/own/libown.so.3".into(), Entry::File);
    let facts = merged.facts(Arch::X86_64);
    assert_eq!(facts.libc, BaseLibc::Glibc("2.36".into()));
    assert_eq!(facts.libraries, ["ld-2.so", "ld-linux-x86-64.so.2", "libc.so.6", "libown.so.3"]);
    assert_eq!(
        tree(&[&["etc/passwd"]]).facts(Arch::X86_64),
        BaseFacts { libc: BaseLibc::None, loaders: vec![], libraries: vec![] }
    );
}

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

/// The C library of this machine, if it is glibc, says what it is.
#[test]
fn versions_are_read_from_a_real_library() {
    let places = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"];
    if let Some(bytes) = places.iter().find_map(|path| std::fs::read(path).ok()) {
        let version = inspect::glibc_defined(&bytes).unwrap();
        assert!(version.starts_with("2."), "{version}");
    }
    assert_eq!(inspect::glibc_defined(b"no library"), None);
}
