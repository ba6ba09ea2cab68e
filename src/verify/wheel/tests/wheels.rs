//! Names, metadata, RECORD, packages and programs of a wheel, one flaw a row.

use super::made::{INFO, LIBRARY, NAME, Parts, check};

fn metadata() -> String {
    format!("{INFO}/METADATA")
}

#[test]
fn a_good_wheel() {
    let parts = Parts::good();
    let (wheel, flaws) = parts.read();
    super::same("good", &flaws, &[]);
    let wheel = wheel.unwrap();
    assert_eq!((wheel.metadata.get("Name"), wheel.listing.len()), (Some("demo-lib"), 9));
    assert_eq!(wheel.bytes.1, parts.bytes().len() as u64);
    assert!(wheel.metadata_text.ends_with("/home/me/demo.\n"));
    let [library] = wheel.libraries.as_slice() else { panic!("one library") };
    assert_eq!((library.path.as_str(), library.size), (LIBRARY, parts.members[1].1.len() as u64));
    assert_eq!(library.digest, crate::digest::Digest::of(&parts.members[1].1));
    assert_eq!(library.python, ["PyList_New", "PyModule_AddType", "_Py_Dealloc"]);
    assert_eq!(
        (library.inits.as_slice(), library.facts.glibc.as_deref()),
        (&["PyInit__demo".into()][..], Some("2.17"))
    );
    assert_eq!(library.crates.iter().collect::<Vec<_>>(), ["axum-0.8.1"]);
}

#[test]
fn names_and_tags() {
    check(
        "name of the file",
        |parts| parts.name = "demo_lib-1.2.0rc1-cp310-abi3-win_amd64.whl".into(),
        &[("dist-name", &format!("is not named `{NAME}`"))],
    );
    let renamed = "demo-1.2.0rc1";
    check(
        "renamed in one job only",
        |parts| parts.members.iter_mut().for_each(|(path, _)| *path = path.replace("demo_lib-1.2.0rc1", renamed)),
        &[("dist-name", "contains `demo-1.2.0rc1.dist-info`, not `demo_lib-1.2.0rc1.dist-info`")],
    );
    check(
        "data of another name",
        |parts| parts.put("demo-1.2.0rc1.data/scripts/x", "#!python\n"),
        &[("dist-name", "contains `demo-1.2.0rc1.data`, not")],
    );
    check(
        "two at once",
        |parts| parts.put("demo-1.2.0rc1.dist-info/METADATA", "Metadata-Version: 2.4\n"),
        &[("dist-name", "contains `demo-1.2.0rc1.dist-info`, not")],
    );
    check("data of its own", |parts| parts.put("demo_lib-1.2.0rc1.data/scripts/x", "#!python\n"), &[]);
    let tags = |from: &'static str, to: &'static str| {
        move |parts: &mut Parts| parts.edit(&format!("{INFO}/WHEEL"), |text| text.replace(from, to))
    };
    check(
        "another tag inside",
        tags("2014_x86_64", "2014_aarch64"),
        &[
            ("wheel-tag", "has `cp310-abi3-manylinux2014_aarch64` in WHEEL, but not in its name"),
            ("wheel-tag", "does not have `cp310-abi3-manylinux2014_x86_64` in WHEEL"),
        ],
    );
    check("pure", tags("false", "true"), &[("wheel-tag", "does not say `Root-Is-Purelib: false`")]);
    check("format 2", tags("1.0", "2.0"), &[("wheel-tag", "has format version `2.0`")]);
    check("no WHEEL", |parts| parts.remove(&format!("{INFO}/WHEEL")), &[("wheel-tag", "has no `demo_lib")]);
    check(
        "refused by PyPI",
        |parts| parts.tag("demo_lib-1.2.0rc1-cp310-abi3-linux_x86_64.whl"),
        &[("wheel-platform-tag", "is for `linux_x86_64`, which PyPI does not accept")],
    );
}

#[test]
fn too_large() {
    let size = Parts::good().bytes().len() as u64;
    check("fits", |parts| parts.max_size = Some(size), &[]);
    let text = format!("has {size} bytes; the limit is {}", size - 1);
    check("too large", |parts| parts.max_size = Some(size - 1), &[("dist-too-large", &text)]);
}

#[test]
fn metadata_fields() {
    let edit = |from: &'static str, to: &'static str| {
        move |parts: &mut Parts| parts.edit(&metadata(), |text| text.replacen(from, to, 1))
    };
    check(
        "no METADATA",
        |parts| parts.remove(&metadata()),
        &[("dist-metadata", "has no `demo_lib-1.2.0rc1.dist-info/METADATA`")],
    );
    check("no field", edit("Name: demo-lib", "demo"), &[("dist-metadata", "has a line that is not a field: `demo`")]);
    check("another name", edit("Name: demo-lib", "Name: demo"), &[("dist-metadata", "has the name `demo` in its")]);
    check("the same name", edit("Name: demo-lib", "Name: Demo.Lib"), &[]);
    check("another version", edit("1.2.0rc1", "1.2.0"), &[("dist-metadata", "has version `1.2.0` in its")]);
    check("future format", edit("Version: 2.4", "Version: 3.0"), &[("dist-metadata", "has metadata of version `3.0`")]);
    check(
        "no text",
        |parts| parts.put(&metadata(), b"Name: \xff".to_vec()),
        &[("dist-metadata", "which is not UTF-8"), ("dist-metadata", "has no `")],
    );
    check(
        "no licence",
        |parts| parts.remove(&format!("{INFO}/licenses/LICENSE")),
        &[("dist-license-file", "does not contain the licence `LICENSE` in `demo_lib-1.2.0rc1.dist-info/licenses/`")],
    );
    check(
        "own extras of the old name",
        edit("demo-lib[a]", "Demo[a]"),
        &[(
            "dist-self-reference",
            "requires `Demo[a]`, its own extras under another name: installing `demo-lib` would install",
        )],
    );
    check("an extra of the sibling", edit("demo-lib[a]", "demo[cli]"), &[]);
}

#[test]
fn paths_of_the_builder() {
    check(
        "a dependency by path",
        |parts| parts.field("Requires-Dist: y @ file:///w/y"),
        &[("dist-local-path", "in `demo_lib-1.2.0rc1.dist-info/METADATA`: `file:///w/y`")],
    );
    let sbom = |parts: &mut Parts| {
        let path = format!("{INFO}/sboms/demo.cyclonedx.json");
        parts.edit(&path, |_| "\"path+file:///w/demo#0.1.0\"".into());
    };
    check("an SBOM", sbom, &[("dist-local-path", "sboms/demo.cyclonedx.json`: `file:///w/demo`")]);
    let given = |prebuilt: fn(&mut Parts)| {
        move |parts: &mut Parts| {
            sbom(parts);
            prebuilt(parts);
            parts.prebuilt = true;
        }
    };
    check("an SBOM of somebody else", given(|_| {}), &[]);
    check(
        "a dependency of somebody else",
        given(|parts| parts.field("Requires-Dist: y @ file:///w/y")),
        &[("dist-local-path", "METADATA`: `file:///w/y`")],
    );
}

#[test]
fn records() {
    let check = |row: &str, record: fn(String) -> Option<String>, expected: &[(&str, &str)]| {
        check(row, |parts| parts.record = record, expected);
    };
    let code = "wheel-record";
    check("none", |_| None, &[(code, "has no `demo_lib-1.2.0rc1.dist-info/RECORD`")]);
    check("no row", |text| Some(format!("{text}a,b\n")), &[(code, "whose line 10 does not have three fields")]);
    check(
        "a member more",
        |text| Some(without(&text, "py.typed")),
        &[(code, "contains `demo/py.typed` that RECORD does not list")],
    );
    check(
        "a member less",
        |text| Some(format!("{text}demo/gone.py,,\n")),
        &[(code, "does not contain `demo/gone.py`")],
    );
    check(
        "twice",
        |text| Some(format!("{text}{}\n", text.lines().next().unwrap())),
        &[(code, "has `demo/__init__.py` twice in its RECORD")],
    );
    check(
        "another digest",
        |text| {
            let old = text.split("sha256=").nth(1).unwrap().split(',').next().unwrap().to_owned();
            Some(text.replacen(&old, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", 1))
        },
        &[(code, "but RECORD says sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")],
    );
    check(
        "an old digest",
        |text| Some(text.replacen("sha256=", "md5=", 1)),
        &[(code, "has no sha256 of `demo/__init__.py`")],
    );
    check(
        "another size",
        |text| Some(text.replacen(",21\n", ",22\n", 1)),
        &[(code, "contains `demo/__init__.py` with 21 bytes, but RECORD says `22`")],
    );
    check(
        "a digest of itself",
        |text| Some(text.replace("RECORD,,", "RECORD,sha256=x,3")),
        &[(code, "contains a digest of itself")],
    );
    check("quoted", |text| Some(text.replacen("demo/__init__.py", "\"demo/__init__.py\"", 1)), &[]);
}

/// Without the lines that have a word.
fn without(text: &str, word: &str) -> String {
    text.lines().filter(|line| !line.contains(word)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_signature_is_of_the_record() {
    let signed = |parts: &mut Parts| {
        parts.put(&format!("{INFO}/RECORD.jws"), "{}");
        parts.record = |text| Some(without(&text, "RECORD.jws"));
    };
    check("signed", signed, &[]);
}

#[test]
fn packages() {
    check(
        "an empty namespace",
        |parts| {
            parts.remove("demo/__init__.py");
            parts.members.iter_mut().for_each(|(path, _)| *path = path.replace("demo/_demo", "demo_native/_demo"));
            parts.put("demo/sub/x.txt", "");
        },
        &[("wheel-empty-module", "has nothing to import as `demo`")],
    );
    check("a module deeper", |parts| parts.modules = &["demo.sub"], &[("wheel-empty-module", "as `demo.sub`")]);
    check("a library is a module", |parts| parts.modules = &["demo._demo"], &[]);
    check(
        "a file is a module",
        |parts| {
            parts.put("one.py", "");
            parts.modules = &["one"];
        },
        &[],
    );
    check(
        "in a folder of the installer",
        |parts| {
            parts.put("demo_lib-1.2.0rc1.data/purelib/two/__init__.py", "");
            parts.modules = &["two"];
        },
        &[],
    );
}

#[test]
fn programs() {
    let check = |text: &'static str, expected: &[(&str, &str)]| {
        check(text, |parts| parts.edit(&format!("{INFO}/entry_points.txt"), |_| text.into()), expected);
    };
    let code = "wheel-entry-points";
    check("# none\n\n[console_scripts]\ndemo=demo.cli:App.main [a]\n[other.group]\nx = y.z\n", &[]);
    check("[console_scripts]\nd = demos:main\n", &[(code, "but does not contain `demos`")]);
    check("[gui_scripts]\nd = demo\n", &[(code, "is not a `module:object`")]);
    check("[console_scripts]\nd/e = demo:main\n", &[(code, "has the program `d/e`")]);
    check("[console_scripts]\n.. = demo:main\n", &[(code, "has the program `..`")]);
    check("[console_scripts]\nd = demo:1\n", &[(code, "is not a `module:object`")]);
    check("[console_scripts]\nd = demo:a\nd = demo:b\n", &[(code, "has `d` twice")]);
    check("[console_scripts]\n[console_scripts]\n", &[(code, "`[console_scripts]`")]);
    check("d = demo:main\n", &[(code, "has the line `d = demo:main`")]);
    check("[console_scripts\n", &[(code, "has the section `[console_scripts`")]);
}

/// A wheel goes to its own system, and an sdist to every one.
#[test]
fn names_that_a_system_cannot_have() {
    let check = |target: &'static str, paths: &[&str], expected: &[&str]| {
        let mut parts = Parts::good();
        parts.target = target;
        paths.iter().for_each(|path| parts.put(path, "x\n"));
        let flaws = parts.read().1.into_iter().filter(|flaw| flaw.code == "unportable-name");
        let found: Vec<String> = flaws.map(|flaw| flaw.text).collect();
        assert_eq!(found.len(), expected.len(), "{target} {paths:?}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(&format!("contains a file that cannot be unpacked: {expected}")), "{found}");
        }
    };
    let [linux, macos, windows] = ["x86_64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"];
    let device = ["demo/aux.py"];
    check(linux, &device, &[]);
    check(macos, &device, &[]);
    check(windows, &device, &["`demo/aux.py` cannot be unpacked on Windows"]);
    let twice = ["demo/Data.json", "demo/data.json"];
    check(linux, &twice, &[]);
    check(macos, &twice, &["`demo/Data.json` and `demo/data.json` are the same file on macOS"]);
    check(windows, &twice, &["`demo/Data.json` and `demo/data.json` are the same file on Windows"]);
    check(windows, &["demo/a ", "demo/b?", "demo/ok.txt"], &["`demo/a ` cannot", "`demo/b?` cannot"]);
}

#[test]
fn no_pointer_stands_in_place_of_a_file() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345678\n";
    let text = "contains `demo/model.bin`, a Git LFS pointer instead of the file";
    check("a pointer", |parts| parts.put("demo/model.bin", pointer), &[("dist-damaged", text)]);
}
