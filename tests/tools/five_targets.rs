//! Five targets for real: executables that others built for each of them, packed, verified, published and read back.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::project::Project;

const TRIPLES: [&str; 5] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
];

/// A package `typos` of the version that the executables are, never compiled here.
fn project(smoke: bool) -> Project {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let version = version();
    let manifest = format!("[package]\nname = \"typos\"\nversion = \"{version}\"\nedition = \"2024\"\n");
    write("Cargo.toml", &manifest);
    write("src/main.rs", "fn main() {}\n");
    write("README.md", "# typos\n");
    write(".gitignore", "/target\n");
    let smoke = if smoke { "" } else { "binaries: { typos: { smoke: false } }\n" };
    write("longshore.yaml", &format!("longshore: 1\n{smoke}"));
    let project = Project::copy(folder.path(), "typos").commit();
    let done = project.sh(&format!("git tag v{version} && git remote add origin https://github.com/crate-ci/typos"));
    assert!(done.status.success());
    project
}

/// The version that the host's executable says it is.
fn version() -> String {
    let executable = prebuilt().join(TRIPLES[0]).join("typos");
    let said = crate::project::program(executable.to_str().unwrap()).arg("--version").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    said.trim().rsplit(' ').next().unwrap().to_owned()
}

fn prebuilt() -> PathBuf {
    let folder = crate::tools().join("typos");
    assert!(folder.is_dir(), "`{}` is missing: run `make tools`", folder.display());
    folder
}

fn name(triple: &str) -> &'static str {
    if triple.contains("windows") { "typos.exe" } else { "typos" }
}

/// A folder as `--prebuilt` wants it, with the executables of two triples exchanged.
fn swapped(one: &str, other: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for triple in TRIPLES {
        let from = match triple {
            _ if triple == one => other,
            _ if triple == other => one,
            same => same,
        };
        fs::create_dir(folder.path().join(triple)).unwrap();
        fs::copy(prebuilt().join(from).join(name(from)), folder.path().join(triple).join(name(triple))).unwrap();
    }
    folder
}

fn json(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn are_planned_packed_verified_published_and_read_back() {
    let project = project(true);
    let done = json(&project.sh(&format!("longshore rehearse --json --prebuilt {}", prebuilt().display())));
    assert_eq!(done["exit"], 0, "{done:#}");
    assert_eq!(done["state"], "complete");
    let receipts = done["receipts"].as_array().unwrap();
    for triple in TRIPLES {
        let ending = if triple.contains("windows") { "zip" } else { "tar.gz" };
        let file = format!("typos-{triple}.{ending}");
        let receipt = receipts.iter().find(|receipt| receipt["name"] == file.as_str());
        let receipt = receipt.unwrap_or_else(|| panic!("{file} was not published: {receipts:#?}"));
        assert_eq!(receipt["confirmed_by"], "digest", "{receipt:#}");
        holds_the_executable(&project.folder(), triple, &file);
    }
    let table = fs::read_to_string(project.folder().join("target/longshore/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&table).unwrap();
    assert_eq!(manifest["binaries"].as_array().unwrap().len(), 5);
}

/// Unpacked by programs we did not write, the archive holds the very executable.
fn holds_the_executable(project: &Path, triple: &str, file: &str) {
    let archive = project.join("target/longshore/steps").join(format!("archive.typos.{triple}")).join(file);
    let folder = tempfile::tempdir().unwrap();
    let mut unpack = if file.ends_with(".zip") {
        let mut unzip = crate::project::program("unzip");
        unzip.arg("-q").arg(&archive).arg("-d").arg(folder.path());
        unzip
    } else {
        let mut tar = crate::project::program("tar");
        tar.arg("-xf").arg(&archive).arg("-C").arg(folder.path());
        tar
    };
    assert!(unpack.status().unwrap().success());
    let (packed, own) =
        (fs::read(folder.path().join(name(triple))), fs::read(prebuilt().join(triple).join(name(triple))));
    assert!(packed.unwrap() == own.unwrap(), "{file} holds another executable");
    assert!(folder.path().join("README.md").is_file(), "{file} has no README");
}

#[test]
fn any_two_exchanged_are_refused_and_nothing_is_published() {
    let project = project(false);
    for (index, one) in TRIPLES.iter().enumerate() {
        for other in &TRIPLES[index + 1..] {
            let folder = swapped(one, other);
            let done = json(&project.sh(&format!("longshore rehearse --json --prebuilt {}", folder.path().display())));
            assert_eq!(done["exit"], 3, "{one} and {other}: {done:#}");
            assert_eq!(done["state"], "nothing");
            let steps: Vec<_> =
                done["problems"].as_array().unwrap().iter().map(|problem| problem["step"].clone()).collect();
            for triple in [one, other] {
                let step = Value::from(format!("binary.typos.{triple}"));
                assert!(steps.contains(&step), "{one} and {other}: {step} is not named in {steps:?}");
            }
        }
    }
}
