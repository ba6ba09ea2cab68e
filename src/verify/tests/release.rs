//! A release made by hand: an asset, binaries for two targets, a check, archives in every format, checksums.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::archives::{Entry, file, link, program, tar_gz, tar_zst, zip};
use crate::artifact::{ARTIFACT_SCHEMA, Artifact, CheckResult, File, Manifest, Mode, Subject};
use crate::digest::Digest;
use crate::inspect::sample::{Elf, gnu};
use crate::plan::{Plan, Work};
use crate::world::files::set_mode;
use crate::world::store::{Store, read_json};
use crate::world::terminal::Printer;

pub const X86: &str = "x86_64-unknown-linux-gnu";
pub const ARM: &str = "aarch64-unknown-linux-gnu";

pub struct Parts {
    pub plan: Value,
    pub x86: Elf,
    pub arm: Elf,
    /// Instead of the x86_64 program.
    pub script: Option<Vec<u8>>,
}

pub struct Release {
    pub plan: Plan,
    pub store: Store,
    _folder: tempfile::TempDir,
}

pub fn packed(triple: &str, ending: &str) -> String {
    format!("app-{triple}{ending}")
}

impl Release {
    pub fn whole() -> Self {
        Self::make(|_| {})
    }

    /// One with other parts, everything made from them consistently.
    pub fn make(change: impl FnOnce(&mut Parts)) -> Self {
        let arm = Elf { machine: 183, interpreter: Some("/lib/ld-linux-aarch64.so.1"), ..gnu() };
        let mut parts = Parts { plan: plan(), x86: gnu(), arm, script: None };
        change(&mut parts);
        let folder = tempfile::tempdir().unwrap();
        let plan: Plan = serde_json::from_value(parts.plan).unwrap();
        let release = Self { store: Store::new(folder.path(), &plan.output), plan, _folder: folder };
        release.fill(&parts.script.unwrap_or_else(|| parts.x86.bytes()), &parts.arm.bytes());
        release
    }

    fn fill(&self, x86: &[u8], arm: &[u8]) {
        self.put("asset.ui", "ui.tar.gz", &tar_gz(&asset()));
        self.put(&format!("binary.app.{X86}"), "app", x86);
        self.put(&format!("binary.app.{ARM}"), "app", arm);
        let check = format!("check.smoke.app.{X86}");
        self.record(&check);
        self.put_archive(X86, ".tar.gz", &tar_gz(&contents(x86)));
        self.put_archive(X86, ".tar.zst", &tar_zst(&contents(x86)));
        self.put_archive(X86, ".zip", &zip(&contents(x86)));
        self.put_archive(X86, "", x86);
        self.put_archive(ARM, ".tar.gz", &tar_gz(&[program("app", arm)]));
        self.refresh_checksums();
    }

    fn put_archive(&self, triple: &str, ending: &str, bytes: &[u8]) {
        self.put(&format!("archive.app.{triple}"), &packed(triple, ending), bytes);
    }

    /// Replaces an archive of the x86_64 target and everything that depends on its bytes.
    pub fn repack(&self, ending: &str, bytes: &[u8]) {
        self.put_archive(X86, ending, bytes);
        self.refresh_checksums();
    }

    /// Makes the checksums file fit the records.
    pub fn refresh_checksums(&self) {
        let Work::Checksums(work) = &self.plan.step("checksums.app").unwrap().work else { unreachable!() };
        let line = |covered: &crate::plan::Covered| {
            let record: Artifact = read_json(&self.store.record(&covered.step)).unwrap();
            let file = record.files.into_iter().find(|file| file.name == covered.name).unwrap();
            format!("{}  {}\n", file.sha256.hex(), file.name)
        };
        let list: String = work.covers.iter().map(line).collect();
        self.put("checksums.app", "SHA256SUMS", list.as_bytes());
    }

    /// Writes a file and the record of its step.
    pub fn put(&self, step: &str, name: &str, bytes: &[u8]) {
        let path = self.store.file(step, name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        set_mode(&path, self.mode(step, name).bits()).unwrap();
        self.record(step);
    }

    fn mode(&self, step: &str, name: &str) -> Mode {
        let bare = Path::new(name).extension().is_none_or(|ending| ending == "exe") && !name.contains("SUMS");
        if step.starts_with("binary") || step.starts_with("archive") && bare { Mode::Executable } else { Mode::Plain }
    }

    fn record(&self, id: &str) {
        let step = self.plan.step(id).unwrap();
        let read = |name: &str| fs::read(self.store.file(id, name)).ok();
        let files = step.outputs().into_iter().filter_map(|name| {
            let bytes = read(name)?;
            let (size, sha256) = (bytes.len() as u64, Digest::of(&bytes));
            Some(File { name: name.to_owned(), size, sha256, mode: self.mode(id, name), diff_id: None })
        });
        let check = match &step.work {
            Work::Check(work) => {
                let made: Artifact = read_json(&self.store.record(&work.subject)).unwrap();
                let subject = |file: &File| Subject {
                    step: work.subject.to_string(),
                    name: file.name.clone(),
                    sha256: file.sha256,
                };
                let subjects = made.files.iter().map(subject).collect();
                Some(CheckResult { passed: true, subjects, detail: "app 1.2.3".into(), ..CheckResult::default() })
            }
            _ => None,
        };
        let artifact = Artifact {
            schema: ARTIFACT_SCHEMA.into(),
            step: id.into(),
            kind: step.work.kind().into(),
            plan: self.plan.digest(),
            commit: self.plan.commit.clone(),
            files: files.collect(),
            check,
            rustflags: Vec::new(),
            published: None,
            not_needed: None,
        };
        self.write(&artifact);
    }

    /// Changes a record as it lies there.
    pub fn edit(&self, step: &str, change: impl FnOnce(&mut Artifact)) {
        let path = self.store.record(step);
        let mut record: Artifact = read_json(&path).unwrap();
        change(&mut record);
        fs::write(path, serde_json::to_vec(&record).unwrap()).unwrap();
    }

    /// Without waiting for the disk, as a store would: there are hundreds of releases.
    fn write(&self, record: &Artifact) {
        let path = self.store.record(&record.step);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, serde_json::to_vec(record).unwrap()).unwrap();
    }

    pub fn verify(&self) -> anyhow::Result<Manifest> {
        crate::verify::run(&Printer::silent(), &self.store, &self.plan, None)
    }
}

pub fn asset() -> Vec<Entry> {
    vec![file("ui/build/index.html", b"<html>"), file("ui/build/js/app.js", b"let x;"), file("ui/other", b"no")]
}

/// What the archives of the x86_64 target hold.
pub fn contents(app: &[u8]) -> Vec<Entry> {
    vec![
        file("README.md", b"# app"),
        program("app", app),
        link("doc", "README.md"),
        program("run.sh", b"#!/bin/sh"),
        file("www/index.html", b"<html>"),
        file("www/js/app.js", b"let x;"),
    ]
}

fn plan() -> Value {
    let mut covers = vec![json!({ "step": format!("archive.app.{ARM}"), "name": packed(ARM, ".tar.gz") })];
    for ending in ["", ".tar.gz", ".tar.zst", ".zip"] {
        covers.push(json!({ "step": format!("archive.app.{X86}"), "name": packed(X86, ending) }));
    }
    let steps = [
        asset_step(),
        binary_step(X86),
        check_step(X86),
        archive_step(X86, &["tar.gz", "tar.zst", "zip", "binary"], true),
        binary_step(ARM),
        check_step(ARM),
        archive_step(ARM, &["tar.gz"], false),
        json!({ "id": "checksums.app", "component": "", "needs": [], "publish": [], "kind": "checksums",
            "outputs": [{ "name": "SHA256SUMS" }], "covers": covers }),
    ];
    json!({
        "schema": "longshore/plan/1", "name": "app", "repository": "local/app", "commit": "1".repeat(40),
        "commit_time": 1_700_000_000, "dirty": false, "origin": "tag", "output": "target/longshore", "releases": [],
        "scope": { "kind": "all", "left_out": [] }, "steps": steps, "jobs": [], "workflows": [], "destinations": [], "assumed": []
    })
}

fn asset_step() -> Value {
    json!({
        "id": "asset.ui", "component": "", "needs": [], "publish": [], "job": "assets", "kind": "asset",
        "outputs": [{ "name": "ui.tar.gz", "format": "tar.gz" }], "run": [], "files": [{ "from": "ui" }]
    })
}

fn binary_step(triple: &str) -> Value {
    json!({
        "id": format!("binary.app.{triple}"), "component": "", "needs": [], "outputs": [{ "name": "app" }], "publish": [],
        "job": triple, "target": triple, "kind": "binary", "manifest": "Cargo.toml", "package": "app", "bins": ["app"],
        "builder": "cargo", "profile": "release", "features": [], "default_features": true, "all_features": false,
        "locked": true, "cargo_args": [], "env": {}, "pass_env": [], "before": [], "assets": [], "linkage": "dynamic"
    })
}

/// Run for x86_64 only.
fn check_step(triple: &str) -> Value {
    let not_run = if triple == ARM { json!("the runner is not an aarch64 machine") } else { Value::Null };
    json!({
        "id": format!("check.smoke.app.{triple}"), "component": "", "needs": [format!("binary.app.{triple}")], "outputs": [],
        "publish": [], "job": triple, "target": triple, "kind": "check", "subject": format!("binary.app.{triple}"),
        "check": "smoke", "args": ["--version"], "not_run": not_run
    })
}

fn archive_step(triple: &str, formats: &[&str], full: bool) -> Value {
    let ending = |format: &str| if format == "binary" { String::new() } else { format!(".{format}") };
    let outputs: Vec<Value> =
        formats.iter().map(|format| json!({ "name": packed(triple, &ending(format)), "format": format })).collect();
    let binary = format!("binary.app.{triple}");
    let files = json!([
        { "source": "README.md", "path": "README.md", "type": "file" },
        { "source": "doc", "path": "doc", "type": "symlink", "link": "README.md" },
        { "source": "run.sh", "path": "run.sh", "type": "executable" },
    ]);
    let trees = json!([{ "step": "asset.ui", "path": "ui/build", "to": "www" }]);
    let none = json!([]);
    json!({
        "id": format!("archive.app.{triple}"), "component": "", "needs": [binary], "outputs": outputs, "publish": [],
        "job": triple, "target": triple, "kind": "archive",
        "executables": [{ "step": binary, "output": "app", "path": "app" }],
        "files": if full { &files } else { &none }, "trees": if full { &trees } else { &none }
    })
}
