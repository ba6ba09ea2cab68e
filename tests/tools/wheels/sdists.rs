//! A real `maturin sdist` of a workspace: we miss a manifest exactly when cargo does.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use longshore::verify::wheel::{ExpectedSdist, Flaw, read_sdist};
use longshore::wheel::DistributionName;

const NAME: &str = "demo_lib-1.2.0rc1.tar.gz";

/// Own, optional, inherited, of one target, of tests and of the build; one that nobody uses; a project of a test.
const FILES: [(&str, &str); 11] = [
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"2\"\nmembers = [\"py\", \"own\", \"unused\"]\n[workspace.dependencies]\n\
         inherited = { path = \"inherited\" }\nunused = { path = \"unused\" }\n",
    ),
    (
        "py/Cargo.toml",
        "[package]\nname = \"py\"\nversion = \"0.1.0\"\n[lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\n\
         own = { path = \"../own\" }\noptional = { path = \"../optional\", optional = true }\n\
         inherited = { workspace = true }\n[target.'cfg(windows)'.dependencies]\nwin = { path = \"../win\" }\n\
         [dev-dependencies]\ntests = { path = \"../tests\" }\n[build-dependencies]\nbuild = { path = \"../build\" }\n",
    ),
    (
        "py/pyproject.toml",
        "[build-system]\nrequires = [\"maturin>=1.9\"]\nbuild-backend = \"maturin\"\n[project]\nname = \"demo-lib\"\n\
         version = \"1.2.0-rc.1\"\n[tool.maturin]\nbindings = \"cffi\"\nmodule-name = \"demo_lib\"\ninclude = [\"fixture/Cargo.toml\"]\n",
    ),
    ("py/fixture/Cargo.toml", "[package]\nname = \"fixture\"\n[dependencies]\ngone = { path = \"../gone\" }\n"),
    ("own/Cargo.toml", ""),
    ("optional/Cargo.toml", ""),
    ("inherited/Cargo.toml", ""),
    ("win/Cargo.toml", ""),
    ("tests/Cargo.toml", ""),
    ("build/Cargo.toml", ""),
    ("unused/Cargo.toml", ""),
];

/// Lays out the project, and packs it with maturin.
fn packed(folder: &Path) -> Vec<u8> {
    for (path, text) in FILES {
        let path = folder.join(path);
        let crate_folder = path.parent().unwrap();
        let name = crate_folder.file_name().unwrap().to_string_lossy();
        let plain = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n");
        fs::create_dir_all(crate_folder.join("src")).unwrap();
        fs::write(&path, if text.is_empty() { &plain } else { text }).unwrap();
        fs::write(crate_folder.join("src/lib.rs"), "").unwrap();
    }
    let mut maturin = crate::python_tool("maturin");
    let done = maturin.args(["sdist", "-m", "py/Cargo.toml", "-o", "dist"]).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::read(folder.join("dist").join(NAME)).unwrap()
}

fn found(bytes: &[u8]) -> Vec<Flaw> {
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let distribution: DistributionName = "demo-lib".parse().unwrap();
    let expected = ExpectedSdist { distribution: &distribution, version: "1.2.0rc1", siblings: &[], max_size: None };
    read_sdist(file, NAME, &expected).unwrap().1
}

/// Path and content of everything in it.
fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().to_string_lossy().into_owned(), content)
    });
    entries.collect()
}

fn pack(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
fn cargo_reads(members: &[(String, Vec<u8>)]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in members {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let manifest = folder.path().join("demo_lib-1.2.0rc1/py/Cargo.toml");
    let mut cargo = std::process::Command::new("cargo");
    cargo.args(["metadata", "--offline", "--format-version", "1", "--manifest-path"]).arg(manifest);
    cargo.output().unwrap().status.success()
}

#[test]
fn python_sdists_miss_what_cargo_misses() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = packed(folder.path());
    assert_eq!(found(&bytes), []);
    let all = members(&bytes);
    assert!(cargo_reads(&all));
    let mut missed = Vec::new();
    for (path, _) in all.iter().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        let rest: Vec<(String, Vec<u8>)> = all.iter().filter(|(known, _)| known != path).cloned().collect();
        let flaws = found(&pack(&rest));
        assert_eq!(flaws.is_empty(), cargo_reads(&rest), "without {path}: {flaws:?}");
        if let [flaw] = flaws.as_slice() {
            let wanted = format!("does not contain `{path}`: it cannot be built");
            assert_eq!(flaw.text, wanted);
            missed.push(path.split('/').nth(1).unwrap().to_owned());
        }
    }
    missed.sort();
    assert_eq!(missed, ["Cargo.toml", "build", "inherited", "optional", "own", "py", "tests", "win"]);
}
