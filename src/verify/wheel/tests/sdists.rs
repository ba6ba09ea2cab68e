//! Sdists: what a user needs to build one.

use std::io::{Seek, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::verify::wheel::{ExpectedSdist, Flaw, Sdist, read_sdist};
use crate::wheel::DistributionName;

const NAME: &str = "demo_lib-1.2.0rc1.tar.gz";

pub struct Parts {
    name: &'static str,
    max_size: Option<u64>,
    pub members: Vec<(String, String)>,
    file: fn(Vec<u8>) -> Vec<u8>,
}

impl Parts {
    /// A workspace as `maturin sdist` packs it.
    pub fn good() -> Self {
        let pyproject = "[build-system]\nbuild-backend = \"maturin\"\n[project]\nname = \"demo.lib\"\nversion = \"1.2.0-rc.1\"\n\
                         [tool.maturin]\nmanifest-path = \"py/Cargo.toml\"\n";
        let root = "[workspace]\nmembers = [\"py\", \"crates/*\"]\nexclude = [\"crates/alone\"]\n\
                    [workspace.dependencies]\ninherited = { path = \"crates/inherited\" }\nunused = { path = \"unused\" }\n";
        let py = "[package]\nname = \"py\"\n[dependencies]\nown = { path = \"../crates/own\" }\nserde = \"1\"\n\
                  optional = { path = \"../crates/optional\", optional = true }\ninherited = { workspace = true }\n\
                  [target.'cfg(windows)'.dependencies]\nwin = { path = \"../crates/win\" }\n\
                  [dev-dependencies]\ntests = { path = \"../crates/tests\" }\n\
                  [build-dependencies]\nalone = { path = \"../crates/alone\" }\n";
        let crates = ["own", "optional", "inherited", "win", "tests"];
        let mut members = vec![
            ("PKG-INFO", "Metadata-Version: 2.4\nName: demo-lib\nVersion: 1.2.0rc1\nLicense-File: LICENSE\n\n# Demo\n"),
            ("pyproject.toml", pyproject),
            ("LICENSE", "MIT"),
            ("Cargo.toml", root),
            ("py/Cargo.toml", py),
            // Its tests are nobody's business, for it is not a member.
            (
                "crates/alone/Cargo.toml",
                "[package]\nname = \"alone\"\n[dev-dependencies]\nx = { path = \"../gone\" }\n",
            ),
            (
                "py/tests/fixture/Cargo.toml",
                "[package]\nname = \"fixture\"\n[dependencies]\nx = { path = \"../gone\" }\n",
            ),
        ];
        let paths = crates.map(|name| format!("crates/{name}/Cargo.toml"));
        members.extend(paths.iter().map(|path| (path.as_str(), "[package]\nname = \"x\"\n")));
        let owned = members.into_iter().map(|(path, text)| (format!("demo_lib-1.2.0rc1/{path}"), text.to_owned()));
        Self { name: NAME, max_size: None, members: owned.collect(), file: |bytes| bytes }
    }

    fn remove(&mut self, path: &str) {
        let before = self.members.len();
        self.members.retain(|(known, _)| known.strip_prefix("demo_lib-1.2.0rc1/") != Some(path));
        assert_eq!(self.members.len(), before - 1, "{path}");
    }

    pub fn edit(&mut self, path: &str, from: &str, to: &str) {
        let path = format!("demo_lib-1.2.0rc1/{path}");
        let (_, text) = self.members.iter_mut().find(|(known, _)| *known == path).unwrap();
        assert!(text.contains(from), "{text}");
        *text = text.replace(from, to);
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, text) in &self.members {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        (self.file)(tar.into_inner().unwrap().finish().unwrap())
    }

    fn read(&self) -> (Option<Sdist>, Vec<Flaw>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&self.bytes()).unwrap();
        file.rewind().unwrap();
        let distribution: DistributionName = "demo-lib".parse().unwrap();
        let siblings = ["demo".parse().unwrap()];
        let expected = ExpectedSdist {
            distribution: &distribution,
            version: "1.2.0rc1",
            siblings: &siblings,
            max_size: self.max_size,
        };
        read_sdist(file, self.name, &expected).unwrap()
    }
}

fn check(row: &str, change: impl FnOnce(&mut Parts), expected: &[(&str, &str)]) {
    let mut parts = Parts::good();
    change(&mut parts);
    super::same(row, &parts.read().1, expected);
}

#[test]
fn a_good_sdist() {
    let parts = Parts::good();
    let (sdist, flaws) = parts.read();
    super::same("good", &flaws, &[]);
    let sdist = sdist.unwrap();
    assert_eq!((sdist.metadata.get("Name"), sdist.listing.len()), (Some("demo-lib"), 12));
    assert_eq!(sdist.bytes, (crate::digest::Digest::of(&parts.bytes()), parts.bytes().len() as u64));
}

#[test]
fn files_and_folders() {
    let code = "sdist-files";
    check(
        "the name",
        |parts| parts.name = "demo-lib-1.2.0rc1.tar.gz",
        &[("dist-name", &format!("is not named `{NAME}`"))],
    );
    check(
        "outside",
        |parts| parts.members.push(("setup.py".into(), String::new())),
        &[(code, "contains `setup.py` outside its folder `demo_lib-1.2.0rc1/`")],
    );
    check("no pyproject", |parts| parts.remove("pyproject.toml"), &[("dist-metadata", "has no `pyproject.toml`")]);
    check("no PKG-INFO", |parts| parts.remove("PKG-INFO"), &[("dist-metadata", "has no `PKG-INFO`")]);
    check(
        "no licence",
        |parts| parts.remove("LICENSE"),
        &[("dist-license-file", "does not contain the licence `LICENSE` in `demo_lib-1.2.0rc1/`")],
    );
    let size = Parts::good().bytes().len() as u64;
    check("fits", |parts| parts.max_size = Some(size), &[]);
    check("too large", |parts| parts.max_size = Some(size - 1), &[("dist-too-large", "the limit is")]);
    let damaged = ("dist-damaged", "cannot be read completely: ");
    check("cut off", |parts| parts.file = |mut bytes| bytes.drain(..bytes.len() - 20).collect(), &[damaged]);
    check("no archive", |parts| parts.file = |_| b"<html>".to_vec(), &[damaged]);
    check("more after it", |parts| parts.file = |bytes| [&bytes, &b"<html>"[..]].concat(), &[damaged]);
}

#[test]
fn names_and_versions() {
    let code = "dist-metadata";
    let edit =
        |path: &'static str, from: &'static str, to: &'static str| move |parts: &mut Parts| parts.edit(path, from, to);
    check(
        "renamed outside only",
        edit("pyproject.toml", "demo.lib", "demo"),
        &[(code, "has the name `demo` in its `pyproject.toml`, not `demo-lib`")],
    );
    check(
        "no name",
        edit("pyproject.toml", "name = \"demo.lib\"", ""),
        &[(code, "has the name `` in its `pyproject.toml`")],
    );
    check("no toml", edit("pyproject.toml", "[project]", "[project"), &[(code, "that cannot be read")]);
    check(
        "another version",
        edit("pyproject.toml", "-rc.1", ""),
        &[(code, "has version `1.2.0` in its `pyproject.toml`, not `1.2.0rc1`")],
    );
    check("Python's version", edit("pyproject.toml", "1.2.0-rc.1", "1.2.0rc1"), &[]);
    check("cargo's version", edit("pyproject.toml", "version = \"1.2.0-rc.1\"", "dynamic = [\"version\"]"), &[]);
    check("another PKG-INFO", edit("PKG-INFO", "demo-lib", "demo"), &[(code, "has the name `demo`")]);
    check("an old PKG-INFO", edit("PKG-INFO", "1.2.0rc1", "1.1.0"), &[(code, "has version `1.1.0` in its `PKG-INFO`")]);
    check(
        "own extras of the old name",
        edit("PKG-INFO", "\n\n", "\nProvides-Extra: a\nRequires-Dist: demo[a]\n\n"),
        &[("dist-self-reference", "requires `demo[a]`")],
    );
    check(
        "a path of the builder",
        edit("PKG-INFO", "\n\n", "\nRequires-Dist: x @ file:///w/x\n\n"),
        &[("dist-local-path", "in `PKG-INFO`: `file:///w/x`")],
    );
}

#[test]
fn manifests_that_cargo_wants() {
    let missing = |path: &str, expected: bool| {
        let text = format!("does not contain `demo_lib-1.2.0rc1/{path}`: it cannot be built");
        let flaw = [("sdist-files", text.as_str())];
        check(path, |parts| parts.remove(path), if expected { &flaw } else { &[] });
    };
    for name in ["own", "optional", "inherited", "win", "tests", "alone"] {
        missing(&format!("crates/{name}/Cargo.toml"), true);
    }
    missing("py/Cargo.toml", true);
    missing("py/tests/fixture/Cargo.toml", false);
    // Its members inherit from it, but nothing else says where it was.
    missing("Cargo.toml", true);
    let edit = |row: &str, (path, from, to): (&str, &str, &str), wanted: &[&str]| {
        let expected: Vec<(&str, &str)> = wanted.iter().map(|text| ("sdist-files", *text)).collect();
        check(row, |parts| parts.edit(path, from, to), &expected);
    };
    let (root, py, own) = ("Cargo.toml", "py/Cargo.toml", "crates/own/Cargo.toml");
    edit(
        "a member",
        (root, "\"py\", ", "\"py\", \"gone\", "),
        &["does not contain `demo_lib-1.2.0rc1/gone/Cargo.toml`"],
    );
    edit("a pattern of nothing", (root, "crates/*", "more/*"), &[]);
    edit(
        "used elsewhere",
        (py, "serde = \"1\"", "unused.workspace = true"),
        &["`demo_lib-1.2.0rc1/unused/Cargo.toml`"],
    );
    edit(
        "out of it",
        (py, "../crates/own", "../../own"),
        &["does not contain `demo_lib-1.2.0rc1/../../own/Cargo.toml`"],
    );
    edit("of another", (own, "\"x\"\n", "\"x\"\n[dependencies]\ny.path = \"y\"\n"), &["/crates/own/y/Cargo.toml`"]);
    edit(
        "patched",
        (root, "[workspace]", "[patch.crates-io]\nz = { path = \"z\" }\n[workspace]"),
        &["rc1/z/Cargo.toml`"],
    );
    edit("patched where nobody reads", (py, "[package]", "[patch.crates-io]\nz = { path = \"z\" }\n[package]"), &[]);
    edit("inherited by nobody", (py, "inherited = { workspace = true }", ""), &[]);
    let other = ("pyproject.toml", "py/Cargo.toml", "rs/Cargo.toml");
    edit("maturin's manifest", other, &["does not contain `demo_lib-1.2.0rc1/rs/Cargo.toml`"]);
}

#[test]
fn a_project_at_the_top() {
    let simple = |parts: &mut Parts| {
        parts.edit("pyproject.toml", "manifest-path = \"py/Cargo.toml\"", "");
        parts.members.retain(|(path, _)| !path.contains("/crates/") && !path.contains("/py/"));
        let path = "demo_lib-1.2.0rc1/Cargo.toml";
        parts.members.retain(|(known, _)| known != path);
        parts.members.push((path.into(), "[package]\nname = \"x\"\n[dependencies]\ny.path = \"y\"\n".into()));
    };
    check("one crate", simple, &[("sdist-files", "does not contain `demo_lib-1.2.0rc1/y/Cargo.toml`")]);
    let none = |parts: &mut Parts| {
        simple(parts);
        parts.remove("Cargo.toml");
    };
    check("no crate", none, &[("sdist-files", "does not contain `demo_lib-1.2.0rc1/Cargo.toml`")]);
    let other = |parts: &mut Parts| {
        none(parts);
        parts.edit("pyproject.toml", "\"maturin\"", "\"hatchling.build\"");
    };
    check("no crate, and none wanted", other, &[]);
}

#[test]
fn what_is_declared_is_in_the_metadata() {
    let declare = |project: &'static str, made: &'static str| {
        move |parts: &mut Parts| {
            parts.edit("pyproject.toml", "[project]\n", &format!("[project]\n{project}\n"));
            parts.edit("PKG-INFO", "\n\n", &format!("\n{made}\n\n"));
        }
    };
    let code = "dist-metadata";
    let all = "requires-python = '>=3.10, <4'\ndependencies = ['Rich>=13', 'x ; os_name == \"nt\"']\noptional-dependencies = { A_b = ['y'] }";
    let right = "Requires-Python: <4,>=3.10\nRequires-Dist: rich>=13\nRequires-Dist: x; os_name == 'nt'\n\
                 Requires-Dist: y; extra == 'a-b'\nProvides-Extra: a-b";
    check("the same", declare(all, right), &[]);
    check(
        "another Python",
        declare("requires-python = '>=3.10'", "Requires-Python: >=3.9"),
        &[(code, "`>=3.10` only in its `pyproject.toml`"), (code, "`>=3.9` only in `PKG-INFO`")],
    );
    check(
        "a dependency less",
        declare("dependencies = ['rich', 'x']", "Requires-Dist: x"),
        &[(code, "has the dependency `rich` only in its `pyproject.toml`")],
    );
    check(
        "an extra more",
        declare("optional-dependencies = {}", "Provides-Extra: onnx"),
        &[(code, "has the extra `onnx` only in `PKG-INFO`")],
    );
}

#[test]
fn names_and_pointers() {
    let put = |path: &'static str, text: &'static str| {
        move |parts: &mut Parts| parts.members.push((format!("demo_lib-1.2.0rc1/{path}"), text.to_owned()))
    };
    let code = "unportable-name";
    let why = "contains a file that cannot be unpacked: `";
    check("a device of Windows", put("py/nul.rs", ""), &[(code, why)]);
    check("a stream of Windows", put("tests/at:10.json", ""), &[(code, why)]);
    check("one file on macOS and Windows", put("license", ""), &[(code, "`demo_lib-1.2.0rc1/LICENSE` and `demo_lib")]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345678\n";
    let text = "contains `demo_lib-1.2.0rc1/py/model.bin`, a Git LFS pointer instead of the file";
    check("a pointer", put("py/model.bin", pointer), &[("dist-damaged", text)]);
}
