//! `longshore release` on one machine: everything or nothing.

use std::path::Path;
use std::time::Duration;

use longshore::oci::media;
use longshore::rehearsal::github::{Options, Repository, Server, Tag};
use longshore::rehearsal::registry::{self, Moment};
use longshore::secret::Secret;
use serde_json::Value;

use crate::project::Project;

fn project(case: &str) -> (Project, String) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case).join("in");
    let project = Project::copy(&from, "skiff").commit();
    let line =
        "git tag v1.2.3 && git remote add origin https://github.com/harbor-works/skiff.git && git rev-parse HEAD";
    let commit = String::from_utf8(project.sh(line).stdout).unwrap().trim().to_owned();
    (project, commit)
}

/// A GitHub with a repository whose tag v1.2.3 is at a commit, for whoever has a token.
pub async fn server(commit: &str, spool: &Path, token: &str) -> Server {
    let tag = Tag { name: "v1.2.3".into(), commit: commit.into(), annotated: true, ..Tag::default() };
    let repository = Repository {
        owner: "harbor-works".into(),
        name: "skiff".into(),
        head: commit.into(),
        tags: vec![tag],
        ..Repository::default()
    };
    let options = Options {
        port: 0,
        repositories: vec![repository],
        token: Secret::new(token),
        reader: None,
        faults: Vec::new(),
        spool: spool.to_owned(),
        clock: "2026-01-01T00:00:00Z".into(),
    };
    Server::start(options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_verifies_publishes_and_confirms() {
    let (project, commit) = project("two-tags");
    let spool = tempfile::tempdir().unwrap();
    let server = server(&commit, spool.path(), "token").await;
    let line = format!("LONGSHORE_GITHUB_API={} GITHUB_TOKEN=token longshore release --yes --json", server.url());
    for run in ["first", "second"] {
        let done = project.sh(&line);
        let said = String::from_utf8_lossy(&done.stderr);
        let output: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{said}"));
        assert_eq!((&output["exit"], &output["state"]), (&0.into(), &"complete".into()), "{run}: {output:#}{said}");
        let names: Vec<&str> =
            output["receipts"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), 3, "the release, an archive and its checksums: {names:?}");
    }
    // What a destination refuses is known before anything is built.
    assert!(project.sh("rm -rf target").status.success());
    let denied = project.sh(&line.replace("GITHUB_TOKEN=token", "GITHUB_TOKEN=wrong"));
    assert_eq!(denied.status.code(), Some(5), "{}", String::from_utf8_lossy(&denied.stdout));
    assert!(!project.sh("ls target/longshore/steps/*/skiff").status.success(), "it was built first");
}

#[test]
fn starts_nothing_that_it_cannot_finish() {
    let (project, _) = project("plain");
    let done = project.sh("longshore release --yes --json");
    let output: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&output["exit"], &output["problems"][0]["code"]), (&2.into(), &"cannot-build".into()), "{output:#}");
    let message = output["problems"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("binary.skiff.aarch64-apple-darwin") && !message.contains("x86_64-unknown-linux-gnu"),
        "{message}"
    );
    assert!(!project.folder().join("target").exists(), "nothing was started");
}

#[test]
fn asks_before_anything_becomes_public() {
    let (project, _) = project("two-tags");
    let done = project.sh("longshore release --json < /dev/null");
    let output: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&output["exit"], &output["problems"][0]["code"]), (&2.into(), &"not-confirmed".into()), "{output:#}");
}

/// A chart that names an image of an earlier release, at its tag.
fn chart(registry: &registry::Server) -> Project {
    let host = registry.url().trim_start_matches("http://").to_owned();
    let yaml = format!(
        "longshore: 1\nname: app\ncomponents: [api, chart]\npublish: {{ github: false, registry: {{ prefix: \"{host}/me\" }} }}\n\
         images: {{ api: {{ dockerfile: api/Dockerfile }} }}\n\
         charts: {{ app: {{ component: chart, version: release, render: false, images: {{ api: image }} }} }}\n"
    );
    let files = [
        ("longshore.yaml", yaml.as_str()),
        (".gitignore", "/target\n"),
        ("api/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n"),
        ("charts/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.0.0\n"),
        ("charts/app/values.yaml", "image: x:y\n"),
    ];
    registry.seed_manifest("me/api", Some("1.0.0"), media::INDEX, b"{}");
    let project = Project::of("app", &files).commit();
    assert!(project.sh("git tag api-v1.0.0 && git tag chart-v1.2.3").status.success());
    project
}

fn exit_of(project: &Project) -> (Option<i32>, String) {
    let done = project.sh("longshore release --yes --tag chart-v1.2.3");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

const CHART: &str = "HEAD /v2/me/charts/app/manifests/1.2.3";
const IMAGE: &str = "HEAD /v2/me/api/manifests/1.0.0";

#[test]
fn what_is_there_is_asked_once_in_a_run() {
    let registry = registry::Server::start(registry::Options::default()).unwrap();
    let project = chart(&registry);
    let (code, said) = exit_of(&project);
    assert_eq!(code, Some(0), "{said}");
    let count = |text: &str| registry.requests().iter().filter(|line| *line == text).count();
    // What was not there is asked after the build, too, and read back.
    assert_eq!((count(CHART), count(IMAGE)), (3, 1), "{:#?}", registry.requests());
    let before = registry.requests().len();
    let (code, said) = exit_of(&project);
    assert_eq!(code, Some(0), "{said}");
    let mut again = registry.requests().split_off(before);
    again.retain(|line| line != "GET /v2/");
    again.sort();
    assert_eq!(again, [IMAGE, CHART]);
}

#[test]
fn what_others_push_during_the_build_is_found() {
    let registry = registry::Server::start(registry::Options::default()).unwrap();
    let project = chart(&registry);
    // The look after the build.
    let hold = registry.hold_for(CHART, 2, Moment::Before);
    let (code, said) = std::thread::scope(|scope| {
        let run = scope.spawn(|| exit_of(&project));
        assert!(hold.wait(Duration::from_secs(60)), "there is no second look");
        registry.seed_manifest("me/charts/app", Some("1.2.3"), media::MANIFEST, b"{\"schemaVersion\":2}");
        drop(hold);
        run.join().unwrap()
    });
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("already is sha256:"), "{said}");
}
