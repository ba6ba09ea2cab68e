//! Real executables of seven targets (the `typos` wheels of PyPI): what is read from each, and that none passes for another.

use std::fs::{self, File};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use longshore::artifact::{ARTIFACT_SCHEMA, Artifact, Mode};
use longshore::digest::Digest;
use longshore::inspect::{BinaryFacts, inspect, inspect_reader};
use longshore::plan::Plan;
use longshore::problem::Failure;
use longshore::target::{Linkage, Target};
use longshore::verify;
use longshore::world::store::Store;
use longshore::world::terminal::Printer;
use proptest::prelude::*;
use serde_json::{Value, json};

const TRIPLES: [&str; 7] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
];

fn name(triple: &str) -> &'static str {
    if triple.ends_with("windows-msvc") { "typos.exe" } else { "typos" }
}

fn executable(triple: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/typos").join(triple).join(name(triple));
    assert!(path.is_file(), "`{}` is missing: run `make tools`", path.display());
    path
}

fn facts(triple: &str) -> BinaryFacts {
    inspect_reader(File::open(executable(triple)).unwrap()).unwrap()
}

#[test]
fn executables_of_every_target() {
    let check = |triple: &str, expected: (&str, &str, Linkage, Option<&str>, Option<&str>, bool)| {
        let facts = facts(triple);
        let (interpreter, glibc) = (facts.interpreter.as_deref(), facts.glibc.as_deref());
        let found = (facts.format.as_str(), facts.arch.as_str(), facts.linkage, interpreter, glibc, facts.stripped);
        assert_eq!(found, expected, "{triple}");
    };
    let (fixed, dynamic) = (Linkage::Static, Linkage::Dynamic);
    let loader = Some("/lib64/ld-linux-x86-64.so.2");
    check("x86_64-unknown-linux-gnu", ("elf", "x86_64", dynamic, loader, Some("2.16"), false));
    let loader = Some("/lib/ld-linux-aarch64.so.1");
    check("aarch64-unknown-linux-gnu", ("elf", "aarch64", dynamic, loader, Some("2.17"), false));
    check("aarch64-apple-darwin", ("macho", "aarch64", dynamic, None, None, false));
    check("x86_64-apple-darwin", ("macho", "x86_64", dynamic, None, None, false));
    check("x86_64-pc-windows-msvc", ("pe", "x86_64", fixed, None, None, true));
    check("x86_64-unknown-linux-musl", ("elf", "x86_64", fixed, None, None, false));
    check("aarch64-unknown-linux-musl", ("elf", "aarch64", fixed, None, None, false));
}

#[test]
fn libraries_of_every_target() {
    let check = |triple: &str, expected: &[&str]| assert_eq!(facts(triple).needed, expected, "{triple}");
    let glibc = ["libgcc_s.so.1", "librt.so.1", "libpthread.so.0", "libdl.so.2", "libc.so.6"];
    check("x86_64-unknown-linux-gnu", &glibc);
    check("aarch64-unknown-linux-gnu", &["libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "libc.so.6"]);
    let frameworks = [
        "/System/Library/Frameworks/IOKit.framework/Versions/A/IOKit",
        "/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation",
        "/usr/lib/libiconv.2.dylib",
        "/usr/lib/libSystem.B.dylib",
    ];
    check("aarch64-apple-darwin", &frameworks);
    check("x86_64-apple-darwin", &frameworks);
    let dlls = [
        "kernel32.dll",
        "api-ms-win-core-synch-l1-2-0.dll",
        "ntdll.dll",
        "userenv.dll",
        "advapi32.dll",
        "oleaut32.dll",
        "bcryptprimitives.dll",
        "KERNEL32.dll",
    ];
    check("x86_64-pc-windows-msvc", &dlls);
    check("x86_64-unknown-linux-musl", &[]);
    check("aarch64-unknown-linux-musl", &[]);
}

/// A universal binary as `lipo` makes it: both Apple executables, each at a page's start.
#[test]
fn a_universal_binary() {
    let parts = ["x86_64-apple-darwin", "aarch64-apple-darwin"].map(|triple| fs::read(executable(triple)).unwrap());
    let mut bytes = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2];
    let starts = [1 << 14, (1 << 14) + parts[0].len().next_multiple_of(1 << 14)];
    for (index, cpu) in [0x0100_0007_u32, 0x0100_000c].into_iter().enumerate() {
        for word in [cpu, 0, starts[index] as u32, parts[index].len() as u32, 14] {
            bytes.extend(word.to_be_bytes());
        }
    }
    for (start, part) in starts.iter().zip(&parts) {
        bytes.resize(*start, 0);
        bytes.extend(part);
    }
    let facts = inspect(&bytes).unwrap();
    assert_eq!((facts.format.as_str(), facts.arch.as_str(), facts.needed.len()), ("macho", "x86_64+aarch64", 4));
    assert!(inspect(&bytes[..bytes.len() - 100]).unwrap_err().contains("is truncated"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn changed_headers_never_panic(
        triple in prop::sample::select(TRIPLES.to_vec()),
        changes in prop::collection::vec((0..4096usize, any::<u8>()), 1..12),
    ) {
        let mut start = vec![0; 1 << 16];
        std::io::Read::read_exact(&mut File::open(executable(triple)).unwrap(), &mut start).unwrap();
        for (at, byte) in changes {
            start[at] = byte;
        }
        let _ = inspect_reader(Spliced { start: Cursor::new(start), rest: File::open(executable(triple)).unwrap(), at: 0 });
    }
}

/// Another start in front of a file, without a copy of the file.
struct Spliced {
    start: Cursor<Vec<u8>>,
    rest: File,
    at: u64,
}

impl std::io::Read for Spliced {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        use std::io::Seek;
        let source: &mut dyn std::io::Read = if self.at < self.start.get_ref().len() as u64 {
            self.start.set_position(self.at);
            &mut self.start
        } else {
            self.rest.seek(std::io::SeekFrom::Start(self.at))?;
            &mut self.rest
        };
        let count = source.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl std::io::Seek for Spliced {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            std::io::SeekFrom::Start(at) => at,
            other => self.rest.seek(other)?,
        };
        Ok(self.at)
    }
}

#[test]
fn every_target_keeps_its_promise() {
    let shelf = Shelf::new(&TRIPLES);
    for triple in TRIPLES {
        shelf.put(triple, triple);
    }
    let manifest = verify::run(&Printer::silent(), &shelf.store, &shelf.plan, None).unwrap();
    let measured: Vec<String> = manifest
        .binaries
        .iter()
        .map(|binary| {
            let facts = &binary.facts;
            let linkage = format!("{:?}", facts.linkage).to_lowercase();
            format!("{} {} {linkage} {}", facts.format, facts.arch, facts.glibc.as_deref().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        measured,
        [
            "elf x86_64 dynamic 2.16",
            "elf aarch64 dynamic 2.17",
            "macho aarch64 dynamic -",
            "macho x86_64 dynamic -",
            "pe x86_64 static -",
            "elf x86_64 static -",
            "elf aarch64 static -",
        ]
    );
}

#[test]
fn no_target_passes_for_another() {
    for (index, one) in TRIPLES.into_iter().enumerate() {
        for other in &TRIPLES[index + 1..] {
            let shelf = Shelf::new(&[one, other]);
            shelf.put(one, other);
            shelf.put(other, one);
            let error = verify::run(&Printer::silent(), &shelf.store, &shelf.plan, None).unwrap_err();
            let failure = error.downcast::<Failure>().unwrap();
            let told: Vec<&str> = failure.problems.iter().filter_map(|problem| problem.step.as_deref()).collect();
            assert_eq!(told, [format!("binary.typos.{one}"), format!("binary.typos.{other}")], "{one} {other}");
            assert!(failure.problems[0].message.ends_with(&format!("(job `{one}`)")), "{failure}");
        }
    }
}

/// A plan of binary steps alone, and finished files that were recorded as they are.
struct Shelf {
    plan: Plan,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Shelf {
    fn new(triples: &[&str]) -> Self {
        // On the disk of the executables, so that they can be linked.
        let folder = tempfile::tempdir_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("target")).unwrap();
        let steps: Vec<Value> = triples.iter().map(|triple| step(triple)).collect();
        let plan = json!({
            "schema": "longshore/plan/1", "name": "typos", "repository": "local/typos", "commit": "1".repeat(40),
            "commit_time": 1_700_000_000, "dirty": false, "origin": "tag", "output": "out", "releases": [],
            "scope": { "kind": "all", "left_out": [] }, "steps": steps, "jobs": [], "workflows": [], "destinations": [],
            "assumed": []
        });
        let store = Store::new(folder.path(), "out");
        Self { plan: serde_json::from_value(plan).unwrap(), store, _folder: folder }
    }

    /// Lays the executable of one target under the name of another.
    fn put(&self, triple: &str, of: &str) {
        let id = format!("binary.typos.{triple}");
        let (source, path) = (executable(of), self.store.file(&id, name(triple)));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::hard_link(&source, &path).unwrap();
        let (sha256, size) = Digest::of_reader(File::open(&source).unwrap()).unwrap();
        let file = longshore::artifact::File {
            name: name(triple).into(),
            size,
            sha256,
            mode: Mode::Executable,
            diff_id: None,
        };
        let (plan, commit) = (self.plan.digest(), self.plan.commit.clone());
        let record = Artifact {
            schema: ARTIFACT_SCHEMA.into(),
            step: id,
            kind: "binary".into(),
            plan,
            commit,
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
    let target: Target = triple.parse().unwrap();
    json!({
        "id": format!("binary.typos.{triple}"), "component": "", "needs": [], "outputs": [{ "name": name(triple) }],
        "publish": [], "job": triple, "target": triple, "kind": "binary", "manifest": "Cargo.toml", "package": "typos",
        "bins": ["typos"], "builder": "prebuilt", "profile": "release", "features": [], "default_features": true,
        "all_features": false, "locked": true, "cargo_args": [], "env": {}, "pass_env": [], "before": [], "assets": [],
        "linkage": target.default_linkage()
    })
}
