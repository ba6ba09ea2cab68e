//! `rehearse --act` with a program of our own in the place of act: what is believed of it, and the stage file between two
//! processes. Real act is in `tests/tools/act.rs`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::project::Project;

const WORKFLOW: &str = "name: release
on: push
jobs:
  plan: { runs-on: ubuntu-24.04, steps: [] }
  build: { needs: plan, runs-on: '${{ matrix.runs-on }}', steps: [] }
  verify: { needs: build, runs-on: odd-label, steps: [{ uses: longshore-release/longshore@abc }] }
  publish: { needs: verify, runs-on: ubuntu-24.04, steps: [] }
";

fn project(name: &str) -> Project {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plain/in");
    let project = Project::copy(&from, name);
    let workflows = project.folder().join(".github/workflows");
    fs::create_dir_all(&workflows).unwrap();
    fs::write(workflows.join("release.yml"), WORKFLOW).unwrap();
    let project = project.commit();
    assert!(project.sh("git remote add origin https://github.com/harbor-works/skiff.git").status.success());
    project
}

/// Folders of people may be named as ours.
#[test]
fn a_repository_may_have_any_name() {
    for name in ["action", "receipts"] {
        let project = project(name);
        let (output, said) = rehearse(&project, "everything", "");
        assert_eq!(output["exit"], 0, "{name}: {output:#}{said}");
    }
}

/// A terminal that is closed, or a machine that goes down. When it says that all is over, it is.
#[test]
#[cfg(target_os = "linux")]
fn ends_act_when_it_is_ended_itself() {
    let ended = "interrupted; act and its jobs have stopped";
    let killed = "interrupted; act did not exit within 10 s and was killed with all its jobs";
    for (signal, play, heard, says) in [
        ("TERM", "endless", " interrupted", ended),
        ("HUP", "endless", " interrupted", ended),
        ("INT", "endless", " interrupted", ended),
        ("TERM", "deaf", "", killed),
    ] {
        let project = project("skiff");
        let fakes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/act");
        let line = format!(
            "mkdir ../tmp; export TMPDIR=$PWD/../tmp PLAY={play} PLACE=$PWD/.. PATH={}:$PATH
            longshore rehearse -q --act & for try in $(seq 600); do [ -f ../started ] && break; sleep 0.1; done
            kill -{signal} $!; wait $!; echo $? $(cat ../ended 2>/dev/null) $(ls ../tmp)",
            fakes.display()
        );
        let done = project.sh(&line);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(String::from_utf8_lossy(&done.stdout), format!("130{heard}\n"), "{signal}, {play}: {said}");
        assert!(said.contains(says), "{signal}, {play}: {said}");
        assert_eq!(left_of(&project), [0; 0], "{signal}, {play}: {said}");
    }
}

/// A job that leaves a program behind, which GitHub's runner ends with the job.
#[test]
#[cfg(target_os = "linux")]
fn nothing_runs_on_when_it_is_over() {
    let project = project("skiff");
    let (output, said) = rehearse(&project, "everything", "");
    assert_eq!(output["exit"], 0, "{output:#}{said}");
    assert!(!log(&project, "background").is_empty());
    assert_eq!(left_of(&project), [0; 0], "{said}");
}

/// The processes in whose environment the project's place is.
#[cfg(target_os = "linux")]
fn left_of(project: &Project) -> Vec<u32> {
    let mark = format!("PLACE={}/..", project.folder().display()).into_bytes();
    let all = fs::read_dir("/proc").unwrap().filter_map(|one| one.ok()?.file_name().to_str()?.parse().ok());
    all.filter(|pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|pair| pair == mark)
    })
    .collect()
}

/// What `rehearse --act` makes of it.
fn rehearse(project: &Project, play: &str, more: &str) -> (Value, String) {
    let fakes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/act");
    let line = format!(
        "PLAY={play} PLACE=$PWD/.. PATH={}:$PATH GITHUB_TOKEN=ghp_canary_of_the_user longshore rehearse --json --act {more}",
        fakes.display()
    );
    let done = project.sh(&line);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{said}")), said)
}

fn log(project: &Project, name: &str) -> String {
    fs::read_to_string(project.folder().parent().unwrap().join(name)).unwrap_or_default()
}

#[test]
fn other_processes_play_on_the_stage() {
    let project = project("skiff");
    let (output, said) = rehearse(&project, "everything", "-- --matrix a:b");
    let logs = ["plan.log", "build.log", "verify.log", "publish.log"].map(|name| log(&project, name));
    assert_eq!((&output["exit"], &output["state"]), (&0.into(), &"complete".into()), "{output:#}{said}{logs:?}");
    let names: Vec<&str> = output["receipts"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["release", "skiff-x86_64-unknown-linux-gnu.tar.gz", "SHA256SUMS"]);
    let jobs: Vec<_> = output["rehearsal"]["jobs"].as_array().unwrap().iter().map(|job| &job["result"]).collect();
    assert_eq!(jobs, ["success"; 4]);
    assert!(
        logs[3].contains("`LONGSHORE_STAGE` is set: everything is published to the servers of a rehearsal"),
        "{}",
        logs[3]
    );
    // The tag existed for the jobs alone.
    assert_eq!(project.sh("git tag && git status --porcelain").stdout, b"");

    let argv = log(&project, "argv");
    for words in
        ["odd-label=-self-hosted", "ubuntu-22.04=-self-hosted", "--matrix\na:b\n", "longshore-release/longshore@abc="]
    {
        assert!(argv.contains(words), "{words}: {argv}");
    }
    assert!(!argv.contains("GITHUB_TOKEN") && !argv.contains("canary"), "{argv}");
}

#[test]
fn nothing_is_believed_of_a_green_end() {
    let project = project("skiff");
    let check = |play: &str, exit: u8, code: &str, text: &str| {
        let (output, said) = rehearse(&project, play, "");
        let problems = output["problems"].as_array().unwrap();
        let fits = |problem: &Value| problem["code"] == code && problem["message"].as_str().unwrap().contains(text);
        assert!(output["exit"] == exit && problems.iter().any(fits), "{play}: {output:#}{said}");
    };
    check("silent", 3, "job-did-nothing", "job `plan` of `release.yml` did not run");
    check("green", 3, "not-published", "`skiff-x86_64-unknown-linux-gnu.tar.gz` was not published to `github`");
    check("other", 3, "rehearsed-other-plan", "the workflow published plan");
    check("forgotten", 7, "job-failed", "job `publish` of `release.yml` ended with failure");
    assert!(log(&project, "publish.log").contains("GITHUB_TOKEN"), "the token is not in the environment by chance");
}

/// Files that meet each other wait for each other: one that fails is the end of all, long before their patience is.
#[test]
fn one_that_fails_ends_those_that_wait_for_it() {
    let project = project("skiff");
    let folder = project.folder();
    let config = "longshore: 1\nimages: { skiff: {} }\nworkflows:\n  release.yml: { publish: github }\n  images.yml: { publish: registry }\n";
    fs::write(folder.join("longshore.yaml"), config).unwrap();
    fs::write(folder.join(".github/workflows/images.yml"), WORKFLOW).unwrap();
    let started = Instant::now();
    // Naming one brings the other along.
    let (output, said) = rehearse(&project, "apart", "images.yml");
    assert!(started.elapsed() < Duration::from_secs(60));
    let problems = output["problems"].as_array().unwrap();
    let message = problems[0]["message"].as_str().unwrap_or_default();
    assert!(problems.len() == 1 && message.contains("job `plan` of `release.yml`"), "{output:#}{said}");
    assert!(said.contains("Playing images.yml in act"), "{said}");
}

#[test]
fn is_refused_before_anything_starts() {
    let project = project("skiff");
    let check = |line: &str, code: &str| {
        let done = project.sh(line);
        let output: Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((&output["exit"], &output["problems"][0]["code"]), (&2.into(), &code.into()), "{line}: {output:#}");
    };
    let fakes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/act");
    let with_act = format!("PATH={}:$PATH longshore rehearse --json --act", fakes.display());
    check("PATH=$(dirname $(command -v longshore)):/usr/bin:/bin longshore rehearse --json --act", "no-act");
    check(&format!("{with_act} other.yml"), "no-workflow");
    check(&format!("{with_act} --snapshot"), "usage");
    check(&format!("{with_act} --fault hang"), "usage");
    check("longshore rehearse --json -- -P x=y", "usage");
}

/// A variable of the environment cannot send a release to another machine, and cannot make a release of nothing.
#[test]
fn a_stage_is_on_this_machine() {
    let project = project("skiff");
    let stage = r#"{"schema":"longshore/stage/1","github":"http://192.0.2.1/","registries":{},"indexes":{},"token":"t","receipts":"/"}"#;
    fs::write(project.folder().join("../stage.json"), stage).unwrap();
    for command in ["plan", "build", "publish", "release --yes"] {
        let setup = if command == "publish" { "longshore build -q && longshore verify -q && " } else { "" };
        let done =
            project.sh(&format!("{setup} LONGSHORE_STAGE=../stage.json GITHUB_TOKEN=t longshore {command} --json"));
        let lines = String::from_utf8(done.stdout).unwrap();
        let output: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        assert_eq!((&output["exit"], &output["problems"][0]["code"]), (&2.into(), &"bad-stage".into()), "{output:#}");
    }
}
