//! Workflows in act: the real program, with the real library behind the artifact actions.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::project::{Project, copy_tree, program};
use crate::{root, tool, tools};

/// The actions of GitHub that cannot be fetched in a test, each with its pin and its stand-in.
const STAND_INS: [(&str, &str); 2] = [
    ("actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02", "upload-artifact"),
    ("actions/download-artifact@70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3", "download-artifact"),
];

/// A commit of our action that nobody has ever seen: only what is embedded in the binary can stand for it.
const PIN: &str = "0123456789012345678901234567890123456789";

/// The words that give act the stand-ins, and them their library.
fn stand_ins() -> Vec<String> {
    let modules = tools().join("actions/node_modules");
    assert!(modules.is_dir(), "`{}` is missing: run `make tools`", modules.display());
    let folder = root().join("tests/tools/act");
    let one =
        |(pin, name): (&str, &str)| ["--local-repository".to_owned(), format!("{pin}={}", folder.join(name).display())];
    let mut words: Vec<String> = STAND_INS.into_iter().flat_map(one).collect();
    words.extend(["--env".to_owned(), format!("NODE_PATH={}", modules.display())]);
    words
}

fn run(command: &mut Command) -> String {
    let done = command.output().unwrap();
    let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert!(done.status.success(), "{said}");
    said
}

/// A tar goes from job to job through act's own artifact server, and what is in it is executable again.
#[test]
fn files_are_handed_from_job_to_job() {
    let place = tempfile::tempdir().unwrap();
    let folder = |name: &str| place.path().join(name).display().to_string();
    let script = "mkdir -p repo/.github/workflows && cd repo && cp $0 .github/workflows/ && git init -q -b main &&
        printf '#!/bin/sh\\necho I ran\\n' > tool && chmod +x tool && git add -A &&
        git -c user.name=x -c user.email=x@example.com commit -q -m x";
    let workflow = root().join("tests/tools/act/hand-over.yml");
    run(program("sh").args(["-c", script]).arg(&workflow).current_dir(place.path()));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut act = tool("act");
    act.args(["push", "-W", ".github/workflows/hand-over.yml"]).current_dir(Path::new(&folder("repo")));
    act.args(["-P", "ubuntu-24.04=-self-hosted", "-P", "macos-15=-self-hosted"]).args(stand_ins());
    act.args(["--artifact-server-addr", "127.0.0.1", "--artifact-server-port", &port]);
    act.args(["--artifact-server-path", &folder("artifacts"), "--action-cache-path", &folder("cache")]);
    act.args(["--no-cache-server"]);
    let said = run(&mut act);
    assert!(said.contains("I ran"), "{said}");
    assert_eq!(said.matches("Job succeeded").count(), 4, "{said}");
}

/// The example of these tests with its generated workflow, which calls the action by `own`; `change` edits it.
fn skiff(own: &str, change: &[(&str, &str)]) -> Project {
    let project = Project::copy(&root().join("tests/tools/act/skiff"), "skiff");
    let folder = project.folder();
    if own == "./" {
        fs::copy(root().join("action.yml"), folder.join("action.yml")).unwrap();
        copy_tree(&root().join("dist"), &folder.join("dist"));
    }
    let project = project.commit();
    let done = project.sh(&format!(
        "git remote add origin https://github.com/harbor-works/skiff.git && longshore generate --action-ref {own}"
    ));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let file = folder.join(".github/workflows/release.yml");
    let mut text = fs::read_to_string(&file).unwrap();
    for (from, to) in change {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    fs::write(file, text).unwrap();
    assert!(project.sh("git add -A && git commit -q -m workflow").status.success());
    project
}

/// The line that rehearses it; `more` are flags.
fn line(more: &str) -> String {
    let words = shell_words::join(stand_ins());
    format!("PATH={}:$PATH longshore rehearse --act --json {more} -- {words}", tools().join("bin").display())
}

/// What a rehearsal says, and what it shows on the way.
fn rehearse(project: &Project) -> (Value, String) {
    let done = project.sh(&line(""));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{said}")), said)
}

/// From the plan to a program that the public can download and run; Ctrl-C ends it and leaves nothing.
fn released(project: &Project) {
    let mut rehearsal = project.shell(&format!("exec env {}", line("--serve")));
    let mut rehearsal = rehearsal.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(rehearsal.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let output: Value = serde_json::from_str(&said).unwrap_or_default();
    if output["exit"] != 0 {
        rehearsal.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        panic!("{said}");
    }
    let receipts = output["receipts"].as_array().unwrap();
    let archive = receipts.iter().find(|one| one["name"].as_str().unwrap().ends_with(".tar.gz")).unwrap();
    let (url, digest) = (archive["url"].as_str().unwrap(), archive["sha256"].as_str().unwrap());
    let script = "set -e; curl -sSfL \"$0\" -o got.tar.gz; sha256sum got.tar.gz; tar -xzf got.tar.gz; ./skiff";
    let place = tempfile::tempdir().unwrap();
    let ran = run(program("sh").args(["-c", script, url]).current_dir(place.path()));
    assert_eq!(ran, format!("{}  got.tar.gz\nskiff 1.2.3\n", digest.trim_start_matches("sha256:")));
    run(program("kill").args(["-INT", &rehearsal.id().to_string()]));
    assert!(rehearsal.wait().unwrap().success());
    assert_eq!(project.sh("git status --porcelain && git tag").stdout, b"");
}

#[test]
fn a_release_by_the_pinned_action() {
    released(&skiff(PIN, &[]));
}

#[test]
fn a_release_by_the_action_of_the_repository_itself() {
    released(&skiff("./", &[]));
}

/// act itself is green there.
#[test]
fn a_job_that_act_leaves_out_is_found() {
    let (known, odd) = ("ubuntu-24.04\n    environment", "${{ fromJSON('[\"odd\"]') }}\n    environment");
    let project = skiff(PIN, &[(known, odd)]);
    let (output, said) = rehearse(&project);
    assert_eq!((&output["exit"], &output["problems"][0]["code"]), (&3.into(), &"job-did-nothing".into()), "{said}");
    let message = output["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("job `publish`") && message.contains("`odd`"), "{message}");
}

#[test]
fn a_job_that_fails_is_named() {
    let project = skiff(PIN, &[]);
    fs::write(project.folder().join("src/main.rs"), "fn main() { boom }").unwrap();
    let (output, said) = rehearse(&project);
    assert_eq!((&output["exit"], &output["problems"][0]["code"]), (&7.into(), &"job-failed".into()), "{said}");
    let message = output["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("job `build x86_64-unknown-linux-gnu`") && message.contains("boom"), "{message}");
    assert_eq!(output["state"], "nothing");
}
