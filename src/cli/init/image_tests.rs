//! What `init` writes for Dockerfiles, and that it can be planned.

use super::tests::{init, parsed};
use super::*;
use crate::config;
use crate::facts::FactsRequest;
use crate::facts::contents::ContextRequest;
use crate::facts::tests::Repo;
use crate::plan::Request;

const MAIN: &str = "fn main() {}";
const PLAIN: &str = "FROM alpine:3\nENTRYPOINT [\"/bin/sh\"]\n";

fn written(files: &[(&str, &str)]) -> (String, InitReport) {
    let repo = Repo::with(files);
    repo.git("remote add origin https://github.com/Acme/fleet.git");
    init(&repo)
}

/// The entries of `images:`, without their comments.
fn entries(text: &str) -> Vec<&str> {
    let lines = text.lines().skip_while(|line| line.trim_start_matches('#') != "images:").skip(1);
    lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("# ")).collect()
}

#[test]
fn names_of_images() {
    let check = |paths: &[&str], expected: &[&str]| {
        let files: Vec<(&str, &str)> = paths.iter().map(|path| (*path, PLAIN)).collect();
        let (text, _) = written(&files);
        let names: Vec<&str> = entries(&text).iter().filter_map(|line| line.trim().split(':').next()).collect();
        assert_eq!(names, expected, "{text}");
    };
    check(&["Dockerfile"], &["fleet"]);
    check(&["apps/api/Dockerfile", "apps/web/Containerfile"], &["api", "web"]);
    check(&["docker/Dockerfile"], &["fleet"]);
    check(&["api/docker/Dockerfile"], &["api"]);
    check(&["docker/api.Dockerfile", "docker/Dockerfile.web"], &["web", "api"]);
    check(&["Dockerfile", "Dockerfile.worker", "Dockerfile-tools"], &["fleet", "fleet-tools", "fleet-worker"]);
    check(&["a/api/Dockerfile", "b/api/Dockerfile", "c/api/Dockerfile"], &["api", "b-api", "c-api"]);
    check(&["My App__1/Dockerfile"], &["my-app-1"]);
    // Not released: tests, examples, templates, what only looks like one, what is for development.
    let aside = ["tests/Dockerfile", "examples/a/Dockerfile", "x/fixtures/Dockerfile", "vendor/Dockerfile"];
    check(&aside, &[]);
    check(&[".devcontainer/Dockerfile", "node_modules/a/Dockerfile", "Dockerfile.j2", "Dockerfiles/README.md"], &[]);
    check(&["Dockerfile.dev", "api/Dockerfile.test", "a/Dockerfile.dockerignore"], &[]);
    let (text, report) = written(&[("Dockerfile.dev", PLAIN)]);
    assert!(text.contains("\n# Left out: Dockerfile.dev, which is for development.\n"), "{text}");
    assert!(report.found.contains("  left out: Dockerfile.dev, which is for development\n"), "{report:?}");
}

#[test]
fn the_context_holds_what_is_copied() {
    let check = |files: &[(&str, &str)], expected: &[&str]| {
        let (text, _) = written(files);
        assert_eq!(entries(&text), expected, "{text}");
    };
    let copies = "FROM alpine:3\nCOPY app.py /\n";
    let own = "  api: { dockerfile: \"api/Dockerfile\" }";
    check(&[("api/Dockerfile", copies), ("api/app.py", ""), ("app.py", "")], &[own]);
    let top = "  api: { dockerfile: \"api/Dockerfile\", context: . }";
    check(&[("api/Dockerfile", copies), ("app.py", "")], &[top]);
    let between = "  api: { dockerfile: \"a/b/api/Dockerfile\", context: a }";
    check(&[("a/b/api/Dockerfile", copies), ("a/app.py", ""), ("app.py", "")], &[between]);
    let all = "  fleet: { dockerfile: \"docker/Dockerfile\", context: . }";
    check(&[("docker/Dockerfile", "FROM alpine:3\nCOPY . /app\n"), ("app.py", "")], &[all]);
    // An ignore file hides it in the nearest folder.
    let hidden = [("api/Dockerfile", copies), ("api/app.py", ""), ("api/.dockerignore", "*.py\n"), ("app.py", "")];
    check(&hidden, &[top]);
}

#[test]
fn what_cannot_be_built_is_commented_out() {
    let check = |text: &str, says: &str| {
        let (written, report) = written(&[("api/Dockerfile", text), ("web/Dockerfile", PLAIN)]);
        assert!(written.contains(&format!("\n# api: cannot be built as it is: {says}")), "{written}");
        assert!(report.found.contains(&format!("image api, from api/Dockerfile, is commented out: {says}")));
        assert_eq!(parsed(&written).0.images.len(), 1, "{written}");
        assert_eq!(parsed(&written).1.images.len(), 2, "{written}");
    };
    check("", "line 1: the Dockerfile is empty");
    check("FROM alpine\nENTRYPIONT x\n", "line 2: `ENTRYPIONT` is not an instruction");
    check("ARG BASE\nFROM $BASE\n", "line 2: `FROM $BASE` names nothing");
    check("FROM alpine\nCOPY target/release/boat /\n", "line 2: `COPY target/release/boat`: `target/release/boat`");
    // Alone, the whole section is.
    let (text, report) = written(&[("Dockerfile", "RUN x\n")]);
    assert!(text.contains("\n#images:\n") && parsed(&text).0.images.is_empty(), "{text}");
    assert!(!report.is_open);
}

#[test]
fn images_on_images_of_the_repository() {
    let check = |from: &str, expected: &str| {
        let (text, report) = written(&[("api/Dockerfile", &format!("FROM {from}\n")), ("base/Dockerfile", PLAIN)]);
        assert_eq!(entries(&text)[0], format!("  api: {{ dockerfile: \"api/Dockerfile\"{expected} }}"), "{text}");
        assert!(report.is_open);
        text
    };
    check("ghcr.io/acme/base:1.2", ", contexts: { \"ghcr.io/acme/base:1.2\": image.base }");
    check("docker.io/acme/base:latest", ", contexts: { \"acme/base\": image.base }");
    check("base", ", contexts: { base: image.base }");
    // Most likely somebody else's, but it is said.
    let text = check("base:3", "");
    assert!(
        text.contains("\n# api: if `base:3` is the image of base/Dockerfile: contexts: { \"base:3\": image.base }\n")
    );
    check("ghcr.io/other/base", "");
    check("alpine", "");
}

#[test]
fn secrets_and_platforms() {
    let (text, _) =
        written(&[("Dockerfile", "FROM alpine\nRUN --mount=type=secret,id=npm-token,required=true true\n")]);
    assert_eq!(entries(&text), ["  fleet: { dockerfile: Dockerfile, secrets: { npm-token: NPM_TOKEN } }"]);
    let (text, _) = written(&[("Dockerfile", "FROM --platform=linux/amd64 alpine\n")]);
    assert_eq!(entries(&text), ["  fleet: { dockerfile: Dockerfile, platforms: \"linux/amd64\" }"]);
    let cross = "FROM --platform=$BUILDPLATFORM golang AS build\nFROM alpine\nCOPY --from=build /x /\n";
    assert_eq!(entries(&written(&[("Dockerfile", cross)]).0), ["  fleet: { dockerfile: Dockerfile }"]);
}

#[test]
fn what_is_still_to_be_locked() {
    let is_open = |text: &str| written(&[("Dockerfile", text)]).1.is_open;
    assert!(is_open(PLAIN));
    assert!(!is_open("FROM scratch\nCOPY Dockerfile /\n"));
    assert!(!is_open(&format!("FROM alpine@sha256:{}\n", "0".repeat(64))));
}

#[test]
fn where_images_go() {
    let check = |remote: &str, expected: &str| {
        let repo = Repo::with(&[("Dockerfile", PLAIN)]);
        repo.git(&format!("remote add origin {remote}"));
        let (text, _) = init(&repo);
        assert!(text.contains(expected), "{expected} in {text}");
    };
    check("https://github.com/Acme/fleet.git", "images to ghcr.io/acme.\n#publish:\n#  registry: \"ghcr.io/acme\"\n");
    let gitlab = "\npublish:\n  registry: \"registry.gitlab.com/acme/fleet\"\n";
    check("https://gitlab.com/acme/fleet.git", gitlab);
    check("https://git.acme.org/acme/fleet.git", "\npublish:\n  registry: \"registry.example.com/owner\"\n");
}

/// What is written is planned as it is, also without any package.
#[test]
fn it_can_be_planned() {
    let files = [
        ("apps/api/Dockerfile", "FROM ghcr.io/acme/base\nCOPY apps/api/app.py /\n"),
        ("apps/api/app.py", ""),
        ("base/Dockerfile", PLAIN),
        ("broken/Dockerfile", "FROM\n"),
    ];
    let repo = Repo::with(&files);
    repo.git("remote add origin https://github.com/acme/fleet.git");
    let (text, report) = init(&repo);
    assert!(text.contains("# There is no Cargo.toml: nothing is compiled.\nbinaries: false\n"), "{text}");
    assert!(report.found.contains("  image api, from apps/api/Dockerfile\n"), "{report:?}");
    let (config, _) = config::parse("longshore.yaml", &text, &[]).unwrap();
    let builds = || config.images.iter().flat_map(|image| &image.dockerfiles);
    let wanted = FactsRequest {
        dockerfiles: builds().map(|build| build.dockerfile.clone()).collect(),
        contexts: builds().map(|build| ContextRequest { folder: build.context.clone(), ignore: Vec::new() }).collect(),
        ..FactsRequest::default()
    };
    let facts = facts::gather(&repo.runner, &Env::default(), &repo.root, &wanted).unwrap();
    let plan = crate::plan::plan(&config, &facts, &Request::default());
    let plan = plan.unwrap_or_else(|problems| panic!("{text}\n{problems:?}"));
    let images = plan.steps.iter().map(|step| step.id.to_string()).filter(|id| id.starts_with("image."));
    let expected =
        ["image.base.linux-amd64", "image.base.linux-arm64", "image.api.linux-amd64", "image.api.linux-arm64"];
    assert_eq!(images.collect::<Vec<_>>(), expected);
}

#[test]
fn beside_a_rust_program() {
    let cargo = "[package]\nname = 'keel'\nversion = '1.2.3'\nedition = '2024'\n";
    let files = [("Cargo.toml", cargo), ("src/main.rs", MAIN), ("Dockerfile", PLAIN)];
    let (text, report) = written(&files);
    for part in
        ["its tag is v1.2.3.", "\n#binaries:\n", "\nimages:\n  fleet: { dockerfile: Dockerfile }\n", "\n#publish:\n"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    let said = "  package keel 1.2.3: keel\n  image fleet, from Dockerfile\n";
    assert!(report.found.starts_with(said), "{report:?}");
}
