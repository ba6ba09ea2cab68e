//! Trees of layers: links, whiteouts, loaders, libraries.

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

impl Tree {
    fn is_file(&self, path: &str) -> bool {
        self.file(path).is_some()
    }
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
    let facts = musl.facts(Arch::X86_64).unwrap();
    assert_eq!(facts.libc, BaseLibc::Musl);
    assert_eq!(facts.loaders, ["/lib/ld-musl-x86_64.so.1"]);
    assert_eq!(facts.libraries, ["ld-musl-x86_64.so.1", "libc.musl-x86_64.so.1", "libz.so.1"]);
    assert_eq!(musl.facts(Arch::Aarch64).unwrap().libc, BaseLibc::None, "for another architecture it provides nothing");
    let mut merged = tree(&[&[
        "lib -> usr/lib",
        "lib64 -> usr/lib64",
        "usr/lib64/ld-linux-x86-64.so.2 -> /lib/x86_64-linux-gnu/ld-2.so",
        "usr/lib/x86_64-linux-gnu/ld-2.so",
    ]]);
    merged.entries.insert("usr/lib/x86_64-linux-gnu/libc.so.6".into(), Entry::Glibc(Some("2.36".into())));
    merged.entries.insert("etc/ld.so.conf.d/own.conf".into(), Entry::Text("/opt/own # ours\n".into()));
    merged.entries.insert("opt/own/libown.so.3".into(), Entry::File);
    let facts = merged.facts(Arch::X86_64).unwrap();
    assert_eq!(facts.libc, BaseLibc::Glibc("2.36".into()));
    assert_eq!(facts.libraries, ["ld-2.so", "ld-linux-x86-64.so.2", "libc.so.6", "libown.so.3"]);
    assert_eq!(
        tree(&[&["etc/passwd"]]).facts(Arch::X86_64).unwrap(),
        BaseFacts { libc: BaseLibc::None, loaders: vec![], libraries: vec![] }
    );
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

#[test]
fn paths_go_through_links_of_layers_below() {
    let tree = tree(&[
        &["usr/lib/", "usr/lib/a.so", "lib -> usr/lib", "srv/x/c.so", "out -> ../../srv", "was -> srv"],
        &["lib/.wh.a.so", "lib/b.so", "out/x/.wh..wh..opq", "was/"],
    ]);
    for (path, expected) in
        [("usr/lib/a.so", false), ("usr/lib/b.so", true), ("srv/x/c.so", false), ("was/x/c.so", false)]
    {
        assert_eq!(tree.is_file(path), expected, "{path}");
    }
    assert!(
        matches!(tree.entries.get("was"), Some(Entry::Folder)),
        "a folder takes the place of a link, as runtimes do"
    );
}

/// Every one of many files names every one of many folders, each in the other: looked through in one pass, or refused.
#[test]
fn a_base_cannot_keep_us_for_ever() {
    let mut base = Tree::default();
    let deep = |depth: usize| (0..depth).map(|depth| format!("d{depth}")).collect::<Vec<_>>().join("/");
    let text: String = (1..900).map(|depth| format!("/{}\n", deep(depth))).collect();
    for number in 0..60 {
        base.entries.insert(format!("etc/ld.so.conf.d/{number}.conf"), Entry::Text(text.clone()));
    }
    let lowest = deep(899);
    for number in 0..40_000 {
        base.entries.insert(format!("{lowest}/{number}.so"), Entry::File);
    }
    // Folder by folder this takes hours.
    assert_eq!(base.facts(Arch::X86_64).unwrap().libraries.len(), 40_000);
    let more: String = (0..1100).map(|number| format!("/m{number}\n")).collect();
    base.entries.insert("etc/ld.so.conf".into(), Entry::Text(more));
    assert_eq!(base.facts(Arch::X86_64).unwrap_err(), "more than 1000 folders of libraries");
    let names: Vec<String> = (0..1100).map(|number| format!("etc/ld.so.conf.d/{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let error = Tree::default().apply(tar(&names).as_slice()).unwrap_err();
    assert!(error.contains("more than 1000 files `/etc/ld.so.conf*`"), "{error}");
}

#[test]
fn links_that_lead_far_have_an_end() {
    // Each of them through a thousand names to nothing.
    let far = format!("l -> {}", vec!["x"; 48].join("/"));
    let entries: Vec<String> = (0..200).map(|number| format!("usr/lib/{number}.so -> /l")).collect();
    let entries: Vec<&str> = std::iter::once(far.as_str()).chain(entries.iter().map(String::as_str)).collect();
    let mut tree = tree(&[&entries]);
    assert_eq!(tree.facts(Arch::X86_64).unwrap().libraries, Vec::<String>::new());
    assert!(tree.steps.get() > 200 * 48, "{}", tree.steps.get());
    tree.steps.set(MOST_STEPS);
    let why = "its links have more than 20000000 path components";
    assert_eq!(tree.facts(Arch::X86_64).unwrap_err(), why);
    assert_eq!(tree.apply(tar(&["a"]).as_slice()).unwrap_err(), why);
}
