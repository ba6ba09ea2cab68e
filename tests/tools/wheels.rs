//! Real abi3 wheels of every platform (`nh3` of PyPI): what is read from each, and that none passes for another.

mod checkers;
mod rewritten;
mod sdists;

use std::fs::{self, File};
use std::io::{Cursor, Seek, Write};
use std::path::PathBuf;
use std::sync::LazyLock;

use longshore::artifact::{ARTIFACT_SCHEMA, Artifact, Mode};
use longshore::digest::Digest;
use longshore::inspect::symbols;
use longshore::plan::Plan;
use longshore::problem::Failure;
use longshore::verify;
use longshore::verify::wheel::{Expected, Flaw, Wheel, agree, read};
use longshore::wheel::{DistributionName, WheelName};
use longshore::world::store::Store;
use longshore::world::terminal::Printer;
use proptest::prelude::*;
use serde_json::{Value, json};

use rewritten::Rewritten;

/// Triple and platform tag; Apple's is for both architectures.
const WHEELS: [(&str, &str); 7] = [
    ("x86_64-unknown-linux-gnu", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
    ("aarch64-unknown-linux-gnu", "manylinux_2_17_aarch64.manylinux2014_aarch64"),
    ("x86_64-unknown-linux-musl", "musllinux_1_2_x86_64"),
    ("aarch64-unknown-linux-musl", "musllinux_1_2_aarch64"),
    ("aarch64-apple-darwin", "macosx_10_12_x86_64.macosx_11_0_arm64.macosx_10_12_universal2"),
    ("x86_64-pc-windows-msvc", "win_amd64"),
    ("aarch64-pc-windows-msvc", "win_arm64"),
];

fn name(triple: &str) -> String {
    let (_, tag) = WHEELS.iter().find(|(known, _)| *known == triple).unwrap();
    format!("nh3-0.3.7-cp38-abi3-{tag}.whl")
}

fn path(triple: &str) -> PathBuf {
    let path = crate::tools().join("nh3").join(name(triple));
    assert!(path.is_file(), "`{}` is missing: run `make tools`", path.display());
    path
}

/// What is found in a file that should be the wheel of a name for a target.
fn found(file: File, file_name: &str, planned: &str, triple: &str) -> (Option<Wheel>, Vec<Flaw>) {
    let planned: WheelName = planned.parse().unwrap();
    let distribution: DistributionName = planned.distribution.parse().unwrap();
    let expected = Expected {
        distribution: &distribution,
        version: &planned.version,
        tag: &planned.tag,
        target: triple.parse().unwrap(),
        modules: &["nh3".into()],
        siblings: &[],
        max_size: None,
        present: &["noopener noreferrer".into()],
        absent: &["axum".into()],
        prebuilt: true,
    };
    read(file, file_name, &expected).unwrap()
}

fn found_in(bytes: &[u8], triple: &str) -> Vec<Flaw> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    found(file, &name(triple), &name(triple), triple).1
}

fn codes(flaws: &[Flaw]) -> Vec<&'static str> {
    flaws.iter().map(|flaw| flaw.code).collect()
}

#[test]
fn python_wheels_of_every_platform_pass() {
    let mut wheels = Vec::new();
    for (triple, _) in WHEELS {
        let name = name(triple);
        let (wheel, flaws) = found(File::open(path(triple)).unwrap(), &name, &name, triple);
        assert_eq!(flaws, [], "{name}");
        wheels.push((name, wheel.unwrap()));
    }
    for (name, wheel) in &wheels {
        let module = wheel.libraries.iter().find(|library| library.is_module()).unwrap();
        assert_eq!(module.inits, ["PyInit_nh3"], "{name}");
        assert!(module.python.iter().any(|symbol| symbol == "PyModuleDef_Init"), "{name}: {:?}", module.python);
        let crates: Vec<&str> = module.crates.iter().map(String::as_str).collect();
        for wanted in ["ammonia-", "html5ever-", "pyo3-"] {
            assert!(crates.iter().any(|name| name.starts_with(wanted)), "{name}: {crates:?}");
        }
    }
    let apple = name("aarch64-apple-darwin");
    let flaws = found(File::open(path("aarch64-apple-darwin")).unwrap(), &apple, &apple, "x86_64-apple-darwin").1;
    assert_eq!(flaws, []);
    let wheels: Vec<(&str, &Wheel)> = wheels.iter().map(|(name, wheel)| (name.as_str(), wheel)).collect();
    assert_eq!(agree(&wheels, None), []);
}

#[test]
fn python_wheels_do_not_pass_for_another() {
    for (one, _) in WHEELS {
        for (other, _) in WHEELS.iter().filter(|(other, _)| *other != one) {
            let flaws = found(File::open(path(other)).unwrap(), &name(one), &name(one), one).1;
            let codes = codes(&flaws);
            assert!(codes.contains(&"wheel-tag"), "{other} as {one}: {flaws:?}");
            let library = ["wheel-library", "wheel-policy"].iter().any(|code| codes.contains(code));
            assert!(library, "{other} as {one}: {flaws:?}");
        }
    }
}

#[test]
fn python_wheels_cannot_be_renamed() {
    let triple = "x86_64-unknown-linux-gnu";
    for other in ["nh4-0.3.7", "nh3-0.3.8"] {
        let planned = name(triple).replace("nh3-0.3.7", other);
        let flaws = found(File::open(path(triple)).unwrap(), &planned, &planned, triple).1;
        assert!(flaws[0].text.starts_with("contains `nh3-0.3.7.dist-info`, not"), "{flaws:?}");
        assert_eq!(codes(&flaws)[0], "dist-name", "{flaws:?}");
    }
    let flaws = found(File::open(path(triple)).unwrap(), "nh3.whl", &name(triple), triple).1;
    assert_eq!(codes(&flaws), ["dist-name"]);
}

#[test]
fn python_wheels_cannot_lose_a_byte_of_their_library() {
    for (triple, _) in WHEELS {
        // In the file, and in the library before it was packed.
        let mut bytes = fs::read(path(triple)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert_eq!(codes(&found_in(&bytes, triple)), ["dist-damaged"], "{triple}");
        let mut wheel = Rewritten::of(&path(triple));
        let library = wheel.library();
        let content = wheel.content(&library);
        let middle = content.len() / 2;
        content[middle] ^= 1;
        let flaws = found_in(&wheel.bytes(), triple);
        assert_eq!(codes(&flaws), ["wheel-record"], "{triple}: {flaws:?}");
        assert!(flaws[0].text.starts_with(&format!("contains `{library}` as sha256:")), "{flaws:?}");
    }
}

static LIBRARIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let library = |(triple, _): &(&str, &str)| {
        let mut wheel = Rewritten::of(&path(triple));
        let name = wheel.library();
        std::mem::take(wheel.content(&name))
    };
    WHEELS.iter().map(library).collect()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn python_symbols_of_changed_libraries_never_panic(
        library in 0..WHEELS.len(),
        changes in prop::collection::vec((prop_oneof![0..2048usize, 0..500_000usize], any::<u8>()), 1..40),
    ) {
        let mut bytes = LIBRARIES[library].clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let _ = symbols(Cursor::new(bytes), &|_| true);
    }
}

#[test]
fn python_prebuilt_wheels_are_verified_with_a_release() {
    let shelf = Shelf::new();
    for (triple, _) in WHEELS {
        shelf.put(triple, triple);
    }
    let manifest = verify::run(&Printer::silent(), &shelf.store, &shelf.plan, None).unwrap();
    let arches: Vec<&str> = manifest
        .binaries
        .iter()
        .filter(|binary| binary.name.starts_with("nh3/"))
        .map(|binary| binary.facts.arch.as_str())
        .collect();
    assert_eq!(arches, ["x86_64", "aarch64", "x86_64", "aarch64", "x86_64+aarch64", "x86_64", "aarch64"]);

    // Two of them under each other's name, recorded as they are: nobody else would know.
    let (one, other) = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-musl");
    shelf.put(one, other);
    shelf.put(other, one);
    let error = verify::run(&Printer::silent(), &shelf.store, &shelf.plan, None).unwrap_err();
    let failure = error.downcast::<Failure>().unwrap();
    for triple in [one, other] {
        let step = format!("wheel.nh3.{triple}");
        let own: Vec<_> = failure.problems.iter().filter(|problem| problem.step.as_deref() == Some(&step)).collect();
        assert!(own.iter().any(|problem| problem.code == "wheel-tag"), "{own:#?}");
        assert!(own.iter().any(|problem| problem.code == "wheel-library"), "{own:#?}");
        let start = format!("`{}` ", name(triple));
        let end = format!("(job `{triple}`)");
        assert!(own.iter().all(|problem| problem.message.starts_with(&start) && problem.message.ends_with(&end)));
    }
    let count = |step: &str| failure.problems.iter().filter(|problem| problem.step.as_deref() == Some(step)).count();
    assert_eq!(count("wheel.nh3.win_amd64"), 0);

    // Cut off on its way: it is told what it was made as.
    shelf.put(one, one);
    shelf.put(other, other);
    let file = shelf.store.file(&format!("wheel.nh3.{one}"), &name(one));
    let bytes = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 100]).unwrap();
    let error = verify::run(&Printer::silent(), &shelf.store, &shelf.plan, None).unwrap_err();
    let failure = error.downcast::<Failure>().unwrap();
    let codes: Vec<&str> = failure.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["wheel-framing", "dist-damaged", "wrong-digest"], "{failure}");
}

/// A plan of given wheels alone, and finished files that were recorded as they are.
struct Shelf {
    plan: Plan,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        // On the disk of the wheels, so that they can be linked.
        let folder = tempfile::tempdir_in(crate::root().join("target")).unwrap();
        let steps: Vec<Value> = WHEELS.iter().map(|(triple, _)| step(triple)).collect();
        let plan = json!({
            "schema": "longshore/plan/1", "name": "nh3", "repository": "local/nh3", "commit": "1".repeat(40),
            "commit_time": 1_700_000_000, "dirty": false, "origin": "tag", "output": "out", "releases": [],
            "scope": { "kind": "all", "left_out": [] }, "steps": steps, "jobs": [], "workflows": [], "destinations": [],
            "assumed": []
        });
        let store = Store::new(folder.path(), "out");
        Self { plan: serde_json::from_value(plan).unwrap(), store, _folder: folder }
    }

    /// Lays the wheel of one target under the name of another.
    fn put(&self, triple: &str, of: &str) {
        let id = format!("wheel.nh3.{triple}");
        let (source, target) = (path(of), self.store.file(&id, &name(triple)));
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&target);
        fs::hard_link(&source, &target).unwrap();
        let (sha256, size) = Digest::of_reader(File::open(&source).unwrap()).unwrap();
        let file = longshore::artifact::File { name: name(triple), size, sha256, mode: Mode::Plain, diff_id: None };
        let record = Artifact {
            schema: ARTIFACT_SCHEMA.into(),
            step: id,
            kind: "wheel".into(),
            plan: self.plan.digest(),
            commit: self.plan.commit.clone(),
            files: vec![file],
            check: None,
            rustflags: Vec::new(),
            published: None,
            not_needed: None,
        };
        self.store.write_record(&record).unwrap();
    }
}

fn step(triple: &str) -> Value {
    json!({
        "id": format!("wheel.nh3.{triple}"), "component": "", "needs": [], "outputs": [{ "name": name(triple) }],
        "publish": [], "job": triple, "target": triple, "kind": "wheel", "builder": "prebuilt", "profile": "release",
        "locked": true, "cargo_args": [], "env": {}, "pass_env": [], "before": [],
        "stage": {
            "distribution": "nh3", "version": "0.3.7", "set_version": false, "pyproject": "pyproject.toml",
            "manifest": "Cargo.toml", "features": [], "default_features": true, "all_features": false, "assets": [],
            "modules": ["nh3"]
        }
    })
}
