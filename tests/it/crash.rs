//! Every way a publishing run can be killed: at each request, before and after it took effect, and then run again.
//!
//! One project is built and verified once; each kill starts from its packed release on a fresh machine's folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use longshore::rehearsal::github::{Effect, Event, Moment, Options, Repository, Server, Tag};
use longshore::secret::Secret;

use crate::project::{LONGSHORE, Project, program, variable};

/// What may be seen nowhere but in the `Authorization` header.
const CANARY: &str = "ghs_canary0123456789abcdefCANARY";

/// A verified release, packed, and where it belongs.
struct Packed {
    folder: tempfile::TempDir,
    commit: String,
}

static PACKED: LazyLock<Packed> = LazyLock::new(pack);

/// Builds and verifies the plain case's project.
fn pack() -> Packed {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plain/in");
    let project = Project::copy(&from, "skiff").commit();
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("release.tar");
    let lines = [
        "git remote add origin https://github.com/harbor-works/skiff.git && git tag v1.2.3".to_owned(),
        "longshore build -q --tag v1.2.3".to_owned(),
        format!("longshore verify -q --pack {}", tar.display()),
    ];
    for line in lines {
        let done = project.sh(&line);
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    }
    let commit = String::from_utf8(project.sh("git rev-parse HEAD").stdout).unwrap().trim().to_owned();
    Packed { folder, commit }
}

/// A server with the repository and its tag, and a folder of its own to publish from.
struct Stage {
    server: Server,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn new(immutable: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        std::fs::create_dir(&spool).unwrap();
        let tag = Tag { name: "v1.2.3".into(), commit: PACKED.commit.clone(), ..Tag::default() };
        let repository = Repository {
            owner: "harbor-works".into(),
            name: "skiff".into(),
            head: PACKED.commit.clone(),
            tags: vec![tag],
            immutable_releases: immutable,
            ..Repository::default()
        };
        let server = Server::start(Options {
            port: 0,
            repositories: vec![repository],
            token: Secret::new(CANARY),
            reader: None,
            faults: Vec::new(),
            spool,
            clock: "2026-01-01T00:00:00Z".into(),
        });
        Self { server: server.unwrap(), folder }
    }

    /// Starts `longshore publish` in a folder that holds nothing yet: a fresh machine.
    fn publish(&self, machine: &str) -> Child {
        let folder = self.machine(machine);
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = program(LONGSHORE);
        command
            .args(["publish", "--yes", "--json", "--from"])
            .arg(PACKED.folder.path().join("release.tar"))
            .current_dir(folder)
            .env_clear()
            .env("PATH", variable("PATH").unwrap_or_default())
            .env("GIT_CEILING_DIRECTORIES", self.folder.path())
            .env("LONGSHORE_GITHUB_API", self.server.url())
            .env("GITHUB_TOKEN", CANARY)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn machine(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs it to its end.
    async fn finish(&self, machine: &str) -> Output {
        let child = self.publish(machine);
        tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
    }

    /// What a visitor finds, free of ids and times.
    fn published(&self) -> Vec<(String, u64, String)> {
        let mut found = Vec::new();
        for event in self.server.events() {
            for effect in event.effects {
                match effect {
                    Effect::AssetUploaded { name, size, sha256, .. } => found.push((name, size, sha256.to_string())),
                    Effect::AssetDeleted { name, .. } => found.retain(|(other, ..)| *other != name),
                    _ => {}
                }
            }
        }
        found.sort();
        found
    }
}

fn published_once(events: &[Event]) -> bool {
    let publications = events.iter().flat_map(|event| &event.effects);
    publications.filter(|effect| matches!(effect, Effect::ReleasePublished { .. })).count() == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_and_started_again_it_finishes() {
    let calm = Stage::new(false).await;
    let first = calm.finish("machine").await;
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let (requests, expected) = (calm.server.events().len(), calm.published());
    assert_eq!(expected.len(), 2, "an archive and its checksums: {expected:?}");
    assert!(requests >= 8, "{requests} requests cannot be all");

    for number in 1..=requests {
        for moment in [Moment::Before, Moment::Midway, Moment::After] {
            let place = format!("request {number} of {requests}, {moment:?}");
            let stage = Stage::new(false).await;
            let hold = stage.server.hold_at(number, moment);
            let mut child = stage.publish("machine");
            let (hold, reached) = tokio::task::spawn_blocking(move || {
                let reached = hold.wait(Duration::from_secs(30));
                (hold, reached)
            })
            .await
            .unwrap();
            assert!(reached, "{place}: never came");
            child.kill().unwrap();
            child.wait().unwrap();
            drop(hold);

            let again = stage.finish("another").await;
            let said = String::from_utf8_lossy(&again.stderr);
            assert_eq!(again.status.code(), Some(0), "{place}: {said}{}", String::from_utf8_lossy(&again.stdout));
            assert_eq!(stage.published(), expected, "{place}");
            let events = stage.server.events();
            assert!(published_once(&events), "{place}: {events:#?}");
            let broken: Vec<_> =
                events.iter().flat_map(|event| &event.effects).filter(|e| e.breaks_a_promise()).collect();
            assert!(broken.is_empty(), "{place}: {broken:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_release_stays_as_it_is() {
    for immutable in [false, true] {
        let stage = Stage::new(immutable).await;
        assert!(stage.finish("machine").await.status.success());
        let before = stage.server.events().len();
        let again = stage.finish("machine").await;
        assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
        let events = &stage.server.events()[before..];
        let writes: Vec<_> = events.iter().filter(|event| event.method != "GET").collect();
        assert!(writes.is_empty(), "immutable {immutable}: {writes:#?}");
        assert!(events.len() <= 4, "{} requests to see that nothing is to do", events.len());
        let output: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
        let states: Vec<_> = output["receipts"].as_array().unwrap().iter().map(|receipt| &receipt["outcome"]).collect();
        assert!(states.iter().all(|state| *state == "already-there"), "{states:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_seen_nowhere() {
    let stage = Stage::new(false).await;
    let mut outputs = vec![stage.finish("machine").await];
    // Also when it goes wrong: the tag moves, and the release is not what was planned.
    let moved = Tag { name: "v1.2.3".into(), commit: "0".repeat(40), ..Tag::default() };
    stage.server.set_tag("harbor-works/skiff", &moved);
    outputs.push(stage.finish("other").await);
    assert_eq!(outputs[1].status.code(), Some(4), "{}", String::from_utf8_lossy(&outputs[1].stdout));
    for output in &outputs {
        for stream in [&output.stdout, &output.stderr] {
            assert!(!String::from_utf8_lossy(stream).contains(CANARY), "{}", String::from_utf8_lossy(stream));
        }
    }
    let mut folders = vec![stage.machine("machine"), stage.machine("other")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                let bytes = std::fs::read(&path).unwrap();
                assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "{}", path.display());
            }
        }
    }
    assert!(files > 4, "plan, manifest, ledger and records were looked at: {files}");
}
