//! Workflows in act: the real program, with the real library behind the artifact actions.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::engines::daemon::Daemon;
use crate::project::{Project, copy_tree, program};
use crate::{kept, python_tool, root, tool, tools};

/// The actions of GitHub that cannot be fetched in a test, each with its pin and its replacement.
const STAND_INS: [(&str, &str); 2] = [
    ("actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02", "upload-artifact"),
    ("actions/download-artifact@70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3", "download-artifact"),
];

/// A commit of our action that nobody has ever seen: only what is embedded in the binary can stand for it.
const PIN: &str = "0123456789012345678901234567890123456789";

/// The words that give act the replacements, and them their library.
fn replacements() -> Vec<String> {
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
    act.args(["-P", "ubuntu-24.04=-self-hosted", "-P", "macos-15=-self-hosted"]).args(replacements());
    act.args(["--artifact-server-addr", "127.0.0.1", "--artifact-server-port", &port]);
    act.args(["--artifact-server-path", &folder("artifacts"), "--action-cache-path", &folder("cache")]);
    act.args(["--no-cache-server"]);
    let said = run(&mut act);
    assert!(said.contains("I ran"), "{said}");
    assert_eq!(said.matches("Job succeeded").count(), 4, "{said}");
}

/// A project with its generated workflow, which calls the action by `own`.
fn generated(from: &Path, name: &str, own: &str) -> Project {
    let project = Project::copy(from, name);
    let folder = project.folder();
    if own == "./" {
        fs::copy(root().join("action.yml"), folder.join("action.yml")).unwrap();
        copy_tree(&root().join("dist"), &folder.join("dist"));
    }
    let project = project.commit();
    let done = project.sh(&format!(
        "git remote add origin https://github.com/harbor-works/{name}.git && longshore generate --action-ref {own} &&
        git add -A && git commit -q -m workflow"
    ));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    project
}

/// The example of these tests; `change` edits its workflow.
fn skiff(own: &str, change: &[(&str, &str)]) -> Project {
    let project = generated(&root().join("tests/tools/act/skiff"), "skiff", own);
    let file = project.folder().join(".github/workflows/release.yml");
    let mut text = fs::read_to_string(&file).unwrap();
    for (from, to) in change {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    fs::write(file, text).unwrap();
    assert!(change.is_empty() || project.sh("git commit -q -a -m change").status.success());
    project
}

/// The line that rehearses it; `more` are flags.
fn line(more: &str) -> String {
    let words = shell_words::join(replacements());
    format!("PATH={}:$PATH longshore rehearse --act --json {more} -- {words}", tools().join("bin").display())
}

/// What a rehearsal says, and what it shows on the way.
fn rehearse(project: &Project) -> (Value, String) {
    let done = project.sh(&line(""));
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{said}")), said)
}

/// A rehearsal whose servers are there until it is dropped.
struct Served {
    child: Child,
    output: Value,
}

impl Served {
    fn start(project: &Project, variables: &[(&str, String)]) -> Self {
        let mut shell = project.shell(&format!("exec env {}", line("--serve")));
        let mut child =
            shell.envs(variables.iter().cloned()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut said = String::new();
            errors.read_to_string(&mut said).map(|_| said).unwrap()
        });
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let output: Value = serde_json::from_str(&said).unwrap_or_default();
        if output["exit"] != 0 {
            panic!("{said}{}", errors.join().unwrap());
        }
        Self { child, output }
    }

    /// Downloads the archive of this computer's target, in which there is the program `name`.
    fn program(&self, name: &str) -> String {
        let receipts = self.output["receipts"].as_array().unwrap();
        let starts = format!("{name}-x86_64");
        let archive = receipts.iter().find(|one| one["name"].as_str().unwrap().starts_with(&starts)).unwrap();
        let (url, digest) = (archive["url"].as_str().unwrap(), archive["sha256"].as_str().unwrap());
        let script = "set -e; curl -sSfL \"$0\" -o got.tar.gz; sha256sum got.tar.gz >&2
            tar -xzf got.tar.gz; \"./$1\" --version";
        let place = tempfile::tempdir().unwrap();
        let ran = run(program("sh").args(["-c", script, url, name]).current_dir(place.path()));
        ran.strip_suffix(&format!("{}  got.tar.gz\n", digest.trim_start_matches("sha256:"))).unwrap().to_owned()
    }

    /// What a script says where pip has installed a distribution from the index.
    fn installed(&self, distribution: &str, script: &str) -> String {
        let index = format!("{}/simple/", self.output["rehearsal"]["indexes"]["pypi"].as_str().unwrap());
        let place = tempfile::tempdir().unwrap();
        let mut pip = python_tool("pip");
        pip.args(["--isolated", "--disable-pip-version-check", "install", "--quiet", "--no-cache-dir"]);
        run(pip.args(["--index-url", &index, "--target"]).arg(place.path()).arg(distribution));
        run(python_tool("python").args(["-c", script]).env("PYTHONPATH", place.path()))
    }

    /// Ctrl-C ends it.
    fn end(mut self) {
        run(program("kill").args(["-INT", &self.child.id().to_string()]));
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Also when something was not as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// From the plan to a program that the public can download and run; Ctrl-C ends it and leaves nothing.
fn released(project: &Project) {
    let rehearsal = Served::start(project, &[]);
    assert_eq!(rehearsal.program("skiff"), "skiff 1.2.3\n");
    rehearsal.end();
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

/// The example with everything in it: what is compiled for one is there for the other.
#[test]
fn harbor_by_the_pinned_action_and_by_its_own() {
    let harbor = root().join("examples/harbor");
    let version = fs::read_to_string(harbor.join("Cargo.toml")).unwrap();
    let version =
        version.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"').to_owned();
    for own in [PIN, "./"] {
        let project = generated(&harbor, "harbor", own);
        assert!(project.sh(&format!("git tag v{version}")).status.success());
        let rehearsal = Served::start(&project, &kept("harbor"));
        assert_eq!(rehearsal.program("harbor"), format!("harbor {version}\n"));
        for (distribution, server) in [("harbor-berths", "True"), ("harbor-berths-client", "False")] {
            let said = rehearsal.installed(distribution, "import harbor; print(harbor.has_server())");
            assert_eq!(said, format!("{server}\n"), "{distribution}");
        }
        rehearsal.end();
    }
}

/// Several tags at once start nothing on GitHub: a manual run with their list releases them.
#[test]
fn two_tags_are_a_manual_run() {
    let project = skiff(PIN, &[]);
    let config = "longshore: 1
components: [skiff, raft]
binaries: { skiff: {}, raft: { package: skiff, env: { RAFT: yes } } }
publish: { github: { notes: false } }
";
    fs::write(project.folder().join("longshore.yaml"), config).unwrap();
    assert!(project.sh(&format!("longshore generate -q --action-ref {PIN}")).status.success());
    let (output, said) = rehearse(&project);
    let releases = output["receipts"].as_array().into_iter().flatten().filter(|one| one["name"] == "release");
    let tags: Vec<&str> = releases.map(|one| one["tag"].as_str().unwrap()).collect();
    assert_eq!(tags, ["skiff-v1.2.3", "raft-v1.2.3"], "{output:#}{said}");
}

/// Three files, one version: three acts at the same time, whose publish jobs wait for each other at the draft.
#[test]
fn three_workflows_meet() {
    let config = "longshore: 1
publish: { github: { notes: false } }
images: { skiff: {}, raft: { binaries: skiff } }
workflows:
  assets.yml: { publish: github }
  skiff.yml: { publish: registry.skiff }
  raft.yml: { publish: registry.raft }
";
    let project = skiff(PIN, &[]);
    fs::write(project.folder().join("longshore.yaml"), config).unwrap();
    let line = format!("git rm -q .github/workflows/release.yml && longshore generate -q --action-ref {PIN}");
    assert!(project.sh(&line).status.success());
    let (output, said) = rehearse(&project);
    assert_eq!((&output["exit"], &output["state"]), (&0.into(), &"complete".into()), "{output:#}{said}");
    let jobs = output["rehearsal"]["jobs"].as_array().unwrap();
    for file in ["assets.yml", "skiff.yml", "raft.yml"] {
        let of: Vec<&str> =
            jobs.iter().filter(|job| job["workflow"] == file).map(|job| job["job"].as_str().unwrap()).collect();
        assert_eq!(of, ["plan", "build", "verify", "publish"], "{file}");
    }
    let names: Vec<&str> = output["receipts"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    let archive = "skiff-x86_64-unknown-linux-gnu.tar.gz";
    for name in ["release", archive, "ghcr.io/harbor-works/skiff:latest", "ghcr.io/harbor-works/raft:1.2.3"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}

/// A chart is made and rendered where the release is put together, and pushed by the job that publishes.
#[test]
fn a_chart_is_released_with_its_image() {
    let config = "longshore: 1
publish: { github: { notes: false } }
images: { skiff: {} }
charts: { sail: { version: release, images: { skiff: image } } }
";
    let project = skiff(PIN, &[]);
    let pod = "apiVersion: v1
kind: Pod
metadata: { name: skiff }
spec: { containers: [{ name: skiff, image: \"{{ .Values.image }}\" }] }
";
    let files = [
        ("longshore.yaml", config),
        ("charts/sail/Chart.yaml", "apiVersion: v2\nname: sail\nversion: 0.0.0\n"),
        ("charts/sail/values.yaml", "image: skiff:dev\n"),
        ("charts/sail/templates/pod.yaml", pod),
    ];
    for (path, text) in files {
        let path = project.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let line = format!("longshore generate -q --action-ref {PIN} && git add -A && git commit -q -m chart");
    assert!(project.sh(&line).status.success());
    let (output, said) = rehearse(&project);
    assert_eq!((&output["exit"], &output["state"]), (&0.into(), &"complete".into()), "{output:#}{said}");
    let names: Vec<&str> = output["receipts"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap()).collect();
    for name in ["ghcr.io/harbor-works/skiff:1.2.3", "ghcr.io/harbor-works/charts/sail:1.2.3"] {
        assert!(names.contains(&name), "{name}: {names:?}\n{said}");
    }
}

/// An image out of a Dockerfile is built in its job by an engine, and pushed by the job that publishes.
#[test]
fn an_image_is_built_from_its_dockerfile() {
    let kit = Daemon::start();
    let project = skiff(PIN, &[]);
    let page = project.folder().join("page");
    fs::create_dir(&page).unwrap();
    fs::copy("/bin/busybox", page.join("busybox")).unwrap();
    fs::write(page.join("Dockerfile"), "FROM scratch\nCOPY busybox /busybox\nENTRYPOINT [\"/busybox\", \"true\"]\n")
        .unwrap();
    let config = "longshore: 1
publish: { github: { notes: false } }
images: { page: { dockerfile: page/Dockerfile, platforms: linux/amd64, engine: buildkit, cache: false } }
";
    fs::write(project.folder().join("longshore.yaml"), config).unwrap();
    let line = format!("longshore generate -q --action-ref {PIN} && git add -A && git commit -q -m page");
    assert!(project.sh(&line).status.success());
    let served = Served::start(&project, &[("BUILDKIT_HOST", kit.host())]);
    let receipts = served.output["receipts"].as_array().unwrap();
    let pushed = receipts.iter().find(|one| one["name"] == "ghcr.io/harbor-works/page:1.2.3").unwrap();
    let url: url::Url = pushed["url"].as_str().unwrap().parse().unwrap();
    let repository = format!("127.0.0.1:{}/harbor-works/page", url.port().unwrap());
    let manifest = |digest: &Value| -> Value {
        let reference = format!("{repository}@{}", digest.as_str().unwrap());
        serde_json::from_str(&run(tool("crane").args(["manifest", "--insecure", &reference]))).unwrap()
    };
    let index = manifest(&pushed["sha256"]);
    let manifest = manifest(&index["manifests"][0]["digest"]);
    // A stub has none.
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1, "{manifest:#}");
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
