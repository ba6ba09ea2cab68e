//! Deployment files and commands: after everything is published, once for each change, and with what they were told.

use std::fs;
use std::process::Output;

use longshore::rehearsal::registry::{Options, Server};
use serde_json::Value;

use crate::project::Project;

/// What may be seen nowhere.
const CANARY: &str = "canary-pass-0123456789";
const FILE: &str = ".kind/app.auto.tfvars.json";

/// A chart, released to a registry by an overlay.
fn project(server: &Server, deploy: &str) -> Project {
    let host = server.url().trim_start_matches("http://").to_owned();
    let yaml = format!(
        "longshore: 1\nname: app\nbinaries: false\narchives: false\ncharts: {{ app: {{ render: false }} }}\npublish: {{ github: false }}\noverlays:\n  local:\n    snapshot: true\n    \
         host: true\n    publish:\n      registry: {{ prefix: \"{host}/me\", pull: \"registry.svc:5000/me\" }}\n      vars:\n        \
         kind: file\n        file: {FILE}\n        set: {{ tag: \"{{chart.app.tag}}\", chart: \"oci://{{chart.app.repository}}\", digest: \"{{chart.app.digest}}\" }}\n      \
         deploy: {{ kind: command, accepts: chart, pass-env: DEPLOY_TOKEN, {deploy} }}\n"
    );
    let files = [
        ("longshore.yaml", yaml.as_str()),
        (".gitignore", "/.kind\n/target\n/ran\n/fail\n"),
        ("charts/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.2.3\n"),
        ("charts/app/values.yaml", "replicas: 1\n"),
    ];
    Project::of("app", &files).commit()
}

fn release(project: &Project) -> (Output, Value) {
    let line = format!("export DEPLOY_TOKEN={CANARY}; longshore release --overlay local --yes --json");
    let done = project.sh(&line);
    for bytes in [&done.stdout, &done.stderr] {
        assert!(!String::from_utf8_lossy(bytes).contains(CANARY), "a secret was shown");
    }
    let output = serde_json::from_slice(&done.stdout).unwrap();
    (done, output)
}

fn text(project: &Project, path: &str) -> String {
    fs::read_to_string(project.folder().join(path)).unwrap()
}

/// What a receipt of a destination says happened.
fn outcome<'o>(output: &'o Value, destination: &str) -> Option<&'o str> {
    let receipts = output["receipts"].as_array()?;
    receipts.iter().rfind(|receipt| receipt["destination"] == destination)?["outcome"].as_str()
}

#[test]
fn a_file_is_written_and_a_command_runs_once_for_each_change() {
    let server = Server::start(Options::default()).unwrap();
    let script = "'test -s \"$LONGSHORE_MANIFEST\" && grep -q me/charts/app \"$LONGSHORE_RECEIPTS\"; \
                  echo \"token: ${DEPLOY_TOKEN:?}\"; echo ran >> ran; ! test -e fail'";
    let project = project(&server, &format!("shell: bash, run: {script}"));
    fs::write(project.folder().join("fail"), "").unwrap();

    let (done, output) = release(&project);
    assert_eq!(done.status.code(), Some(6), "{output:#}\n{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(output["problems"][0]["code"], "command-failed", "{output:#}");
    assert_eq!(outcome(&output, "vars"), Some("published"), "{output:#}");
    let written = text(&project, FILE);
    let values: Value = serde_json::from_str(&written).unwrap();
    let chart = server.shown().into_iter().find(|shown| shown.repository == "me/charts/app").unwrap();
    let tag = values["tag"].as_str().unwrap();
    assert_eq!(chart.tags[tag].0.to_string(), values["digest"], "{written}");
    assert_eq!(values["chart"], "oci://registry.svc:5000/me/charts/app");

    fs::remove_file(project.folder().join("fail")).unwrap();
    let (done, output) = release(&project);
    assert!(done.status.success(), "{output:#}");
    assert_eq!((outcome(&output, "vars"), outcome(&output, "deploy")), (Some("already-there"), Some("published")));

    let (done, output) = release(&project);
    assert!(done.status.success(), "{output:#}");
    assert_eq!((outcome(&output, "vars"), outcome(&output, "deploy")), (Some("already-there"), Some("already-there")));
    assert_eq!((text(&project, "ran").lines().count(), text(&project, FILE)), (2, written));

    fs::write(project.folder().join("charts/app/values.yaml"), "replicas: 2\n").unwrap();
    let (done, output) = release(&project);
    assert!(done.status.success(), "{output:#}");
    assert_eq!((outcome(&output, "vars"), outcome(&output, "deploy")), (Some("published"), Some("published")));
    assert_eq!(text(&project, "ran").lines().count(), 3);
}

#[test]
fn a_command_that_hangs_is_killed() {
    let server = Server::start(Options::default()).unwrap();
    let project = project(&server, "run: sleep 600, timeout: 1s");
    let (done, output) = release(&project);
    assert_eq!(
        (done.status.code(), &output["problems"][0]["code"]),
        (Some(6), &"command-timeout".into()),
        "{output:#}"
    );
}

#[test]
fn a_rehearsal_writes_below_the_output_and_runs_nothing() {
    let server = Server::start(Options::default()).unwrap();
    let project = project(&server, "run: touch ran");
    let done = project.sh("longshore rehearse --overlay local");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    assert!(said.contains("Not run") && said.contains("touch ran"), "{said}");
    assert!(text(&project, &format!("target/longshore/rehearsal/{FILE}")).contains("\"tag\": \"1.2."), "{said}");
    assert!(!project.folder().join(".kind").exists() && !project.folder().join("ran").exists(), "{said}");
}
