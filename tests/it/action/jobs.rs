//! Jobs as the action starts them, each with the environment of a runner and nothing else.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{of, parsed};
use crate::project::Project;
use crate::release::server;
use crate::source;

/// The target of this machine's job.
pub const JOB: &str = "x86_64-unknown-linux-gnu";

/// A repository whose tag is at its only commit, and the folder of its jobs beside it.
pub struct Runs(Project, RefCell<String>);

/// How a job ended.
pub struct Done {
    pub code: i32,
    pub outputs: BTreeMap<String, String>,
    pub summary: String,
    pub log: String,
}

impl Runs {
    pub fn new() -> Self {
        Self::of("two-tags", "v1.2.3")
    }

    pub fn of(case: &str, tag: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(case).join("in");
        let project = Project::copy(&from, "skiff").commit();
        let runs = Self(project, RefCell::default());
        runs.sh(&format!("mkdir -p ../temp ../empty && git tag {tag}"));
        runs.sh("git remote add origin https://github.com/harbor-works/skiff.git");
        runs
    }

    pub fn sh(&self, line: &str) -> String {
        let done = self.0.sh(line);
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// One job in the repository.
    pub fn job(&self, inputs: &[(&str, &str)]) -> Done {
        self.job_in(".", inputs)
    }

    /// One job in a folder, with inputs as action.yml maps them, or any other variable.
    pub fn job_in(&self, folder: &str, inputs: &[(&str, &str)]) -> Done {
        let temp = self.0.folder().parent().unwrap().join("temp");
        let place = |name: &str| temp.join(name).to_str().unwrap().to_owned();
        for name in ["output", "summary"] {
            fs::write(place(name), "").unwrap();
        }
        let mut env: BTreeMap<String, String> = BTreeMap::from(
            [
                ("GITHUB_ACTIONS", "true"),
                ("CI", "true"),
                ("GITHUB_REPOSITORY", "harbor-works/skiff"),
                ("GITHUB_SERVER_URL", "https://github.com"),
                ("GITHUB_RUN_ID", "77"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        env.extend([
            ("RUNNER_TEMP".to_owned(), place("")),
            ("GITHUB_OUTPUT".to_owned(), place("output")),
            ("GITHUB_STEP_SUMMARY".to_owned(), place("summary")),
            ("GITHUB_WORKSPACE".to_owned(), self.0.folder().to_str().unwrap().to_owned()),
        ]);
        let variable = |name: &str| match name {
            "token" => "GITHUB_TOKEN".to_owned(),
            "api-url" => "LONGSHORE_GITHUB_API".to_owned(),
            "working-directory" => "LONGSHORE_ACTION_DIRECTORY".to_owned(),
            name if name.chars().any(|c| c.is_ascii_uppercase()) => name.to_owned(),
            name => format!("LONGSHORE_ACTION_{}", name.to_uppercase().replace('-', "_")),
        };
        // As the generated workflows do; who gives it gives another one.
        if inputs.iter().any(|input| matches!(input, ("command", "build" | "verify" | "publish"))) {
            env.insert(variable("plan-digest"), self.1.borrow().clone());
        }
        env.extend(inputs.iter().map(|(name, value)| (variable(name), (*value).to_owned())));
        let words: Vec<String> =
            env.iter().map(|(name, value)| format!("{name}={}", shell_words::quote(value))).collect();
        let done = self.0.sh(&format!("cd {folder} && env {} longshore action", words.join(" ")));
        let read = |name: &str| fs::read_to_string(place(name)).unwrap();
        let outputs = outputs(&read("output"));
        if let Some(digest) = outputs.get("plan-digest") {
            self.1.replace(digest.clone());
        }
        Done {
            code: done.status.code().unwrap(),
            outputs,
            summary: read("summary"),
            log: String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned(),
        }
    }

    pub fn planned(&self) -> Done {
        self.job(&[("command", "plan"), ("workflow", "release.yml")]).ok()
    }
}

impl Done {
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.log);
        self
    }

    /// It was refused with this code.
    pub fn refused(&self, code: i32, problem: &str) {
        assert_eq!(self.code, code, "{}", self.log);
        assert!(self.log.contains(&format!("error[{problem}]")), "{}", self.log);
        let summary: Value = serde_json::from_str(&self.outputs["summary-json"]).unwrap();
        assert_eq!((&summary["ok"], &summary["problems"]), (&false.into(), &serde_json::json!([problem])));
    }
}

/// What a file of outputs says; each value ends where its own delimiter stands.
fn outputs(text: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some((name, delimiter)) = lines.next().and_then(|line| line.split_once("<<")) {
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        outputs.insert(name.to_owned(), value.join("\n"));
    }
    outputs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_goes_from_job_to_job() {
    let (runs, spool) = (Runs::new(), tempfile::tempdir().unwrap());
    let commit = runs.sh("git rev-parse HEAD");
    let server = server(&commit, spool.path(), "ghs_canary_token").await;
    let plan = runs.planned();
    let matrix: Value = serde_json::from_str(&plan.outputs["matrix"]).unwrap();
    assert_eq!(matrix["include"][0]["id"], JOB);
    let build = runs.job(&[("command", "build"), ("job", JOB)]).ok();
    runs.sh("rm -rf target/longshore");
    let verify = runs.job(&[("command", "verify"), ("workflow", "release.yml")]).ok();
    let url = server.url();
    let denied =
        [("command", "publish"), ("workflow", "release.yml"), ("token", "ghs_wrong_canary"), ("api-url", &url)];
    let denied = runs.job_in("../empty", &denied);
    denied.refused(5, "token-refused");
    assert!(denied.summary.starts_with("### `publish`: denied (exit 5)"), "{}", denied.summary);
    assert!(
        denied.summary.contains("gh run rerun 77 --failed") && !denied.summary.contains("canary"),
        "{}",
        denied.summary
    );
    let publish = ["first", "second"].map(|_| {
        let publish =
            [("command", "publish"), ("workflow", "release.yml"), ("token", "ghs_canary_token"), ("api-url", &url)];
        runs.job_in("../empty", &publish).ok()
    });
    let ended = |done: &Done| -> Value { serde_json::from_str(&done.outputs["summary-json"]).unwrap() };
    assert_eq!(ended(&publish[1])["state"], "complete");
    assert_eq!(ended(&publish[1])["counts"]["published"], 3);
    for done in [&plan, &build, &verify, &publish[0]] {
        assert_eq!((&done.outputs["version"], &done.outputs["prerelease"]), (&"1.2.3".into(), &"false".into()));
        assert_eq!(done.outputs["commit"], commit);
        assert!(done.log.matches("ghs_canary").count() == done.log.matches("::add-mask::ghs_canary").count());
        assert!(!done.summary.contains("canary") && !format!("{:?}", done.outputs).contains("canary"));
    }
    let manifest: Value = serde_json::from_slice(&fs::read(&verify.outputs["manifest"]).unwrap()).unwrap();
    assert_eq!(manifest["commit"], commit.as_str());
    assert!(Path::new(&publish[0].outputs["manifest"]).is_file() && !plan.outputs.contains_key("manifest"));
    let set: BTreeSet<String> = [plan, verify].iter().flat_map(|done| done.outputs.keys().cloned()).collect();
    let promised: BTreeSet<String> =
        of(&parsed(&source::read("action.yml")), "outputs", "value").into_iter().map(|(name, _)| name).collect();
    assert_eq!(set, promised);
}

/// In a job's container the workspace belongs to the runner's user; what actions/checkout tells git of it is gone after it.
#[test]
fn a_workspace_of_another_user() {
    let runs = Runs::new();
    let foreign = ("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    runs.job(&[("command", "plan"), ("workflow", "release.yml"), foreign]).ok();
    runs.job(&[("command", "build"), ("job", JOB), foreign]).ok();
    runs.sh("rm -rf target/longshore");
    runs.job(&[("command", "verify"), ("workflow", "release.yml"), foreign]).ok();
    runs.job(&[("command", "plan"), ("GITHUB_ACTIONS", "false"), foreign]).refused(2, "unsafe-repository");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_plan_goes_no_further() {
    let (runs, spool) = (Runs::new(), tempfile::tempdir().unwrap());
    let server = server(&runs.sh("git rev-parse HEAD"), spool.path(), "ghs_canary_token").await;
    let digest = runs.planned().outputs["plan-digest"].clone();
    assert_eq!(format!("sha256:{}", runs.sh("sha256sum < ../temp/longshore/plan.json | cut -d ' ' -f 1")), digest);
    for (command, name) in [("build", "job"), ("verify", "workflow"), ("publish", "workflow")] {
        let value = if name == "job" { JOB } else { "release.yml" };
        let job = |digest: &str| {
            let url = server.url();
            let inputs = [
                ("command", command),
                (name, value),
                ("plan-digest", digest),
                ("token", "ghs_canary_token"),
                ("api-url", &url),
            ];
            runs.job_in(if command == "publish" { "../empty" } else { "." }, &inputs)
        };
        // Planned anew with another word: of the same shape, and as valid.
        let edited = if command == "publish" {
            "cd ../temp/longshore && cp release.tar kept && mkdir x && tar -xf release.tar -C x && cd x && \
             sed -i 's/harbor-works/mallory-works/' plan.json && \
             tar --format=gnu --owner=0 --group=0 --no-recursion -cf ../release.tar plan.json manifest.json artifacts/* steps/*/*"
        } else {
            "cd ../temp/longshore && cp plan.json kept && sed -i 's/harbor-works/mallory-works/' plan.json"
        };
        job("").refused(2, "missing-input");
        job("sha256:1").refused(2, "bad-input");
        runs.sh(edited);
        job(&digest).refused(3, "wrong-plan-digest");
        runs.sh(&format!(
            "cd ../temp/longshore && mv kept {}",
            if command == "publish" { "release.tar" } else { "plan.json" }
        ));
        // Nothing of it was taken: the right one is welcome.
        job(&digest).ok();
    }
    // By hand, too.
    let other = format!("sha256:{}", "0".repeat(64));
    let publish =
        format!("longshore publish --from ../temp/longshore/release.tar --yes --plan-digest {other} 2>&1 || true");
    assert!(
        runs.sh(&format!("mkdir ../by-hand && cd ../by-hand && {publish} && ls -R"))
            .contains("error[wrong-plan-digest]")
    );
    assert_eq!(runs.sh("cd ../by-hand && find . -type f ! -name '.*'"), "");
    assert!(
        runs.sh(&format!("longshore build --plan-digest {other} 2>&1 || true")).contains("error[wrong-plan-digest]")
    );
}

#[test]
fn tags_that_are_asked_for_are_checked_out() {
    let runs = Runs::new();
    let tagged = runs.sh("git rev-parse HEAD");
    runs.sh("git commit -q --allow-empty -m more && git tag v9.9.9");
    runs.job(&[("command", "plan"), ("GITHUB_REF", "refs/tags/v1.2.3")]).refused(2, "wrong-commit");
    runs.job(&[("command", "plan"), ("tags", "v1.2.3\nv9.9.9")]).refused(2, "several-commits");
    runs.job(&[("command", "plan"), ("tags", "v3")]).refused(2, "tag-missing");
    runs.job(&[("command", "plan"), ("tags", "--help")]).refused(2, "tag-missing");
    assert_ne!(runs.sh("git rev-parse HEAD"), tagged);
    let plan = runs.job(&[("command", "plan"), ("tags", " v1.2.3 ")]).ok();
    assert_eq!((&plan.outputs["commit"], &runs.sh("git rev-parse HEAD")), (&tagged, &tagged));
    // The jobs after it start where the run was started.
    runs.sh("git checkout -q main");
    runs.job(&[("command", "build"), ("job", JOB)]).ok();
    assert_eq!(runs.sh("git rev-parse HEAD"), tagged);
    runs.sh("git checkout -q main && echo x > more && git add more && git commit -qm x && echo y > more");
    runs.job(&[("command", "build"), ("job", JOB)]).refused(2, "wrong-commit");
}

#[test]
fn refuses_what_cannot_be() {
    let runs = Runs::new();
    let check = |inputs: &[(&str, &str)], code: i32, problem: &str| runs.job(inputs).refused(code, problem);
    check(&[], 2, "missing-input");
    check(&[("command", "plan"), ("RUNNER_TEMP", "")], 2, "no-runner-temp");
    check(&[("command", "plan"), ("RUNNER_TEMP", "temp")], 2, "no-runner-temp");
    check(&[("command", "plan"), ("args", "--only 'x")], 2, "bad-args");
    check(&[("command", "plan"), ("snapshot", "maybe")], 2, "bad-input");
    check(&[("command", "plan"), ("working-directory", "nowhere")], 2, "no-checkout");
    check(&[("command", "plan"), ("config", "nowhere.yaml")], 2, "no-such-file");
    check(&[("command", "action")], 2, "bad-input");
    check(&[("command", "-C"), ("args", ". action")], 2, "bad-input");
    check(&[("command", "check"), ("job", "x")], 2, "bad-input");
    check(&[("command", "build"), ("job", JOB)], 2, "missing-hand-over");
    check(&[("command", "verify")], 2, "missing-hand-over");
    check(&[("command", "publish")], 2, "missing-hand-over");
    runs.job_in("../empty", &[("command", "plan")]).refused(2, "no-checkout");
    runs.planned();
    for inputs in [
        &[("command", "build"), ("job", JOB), ("args", "--all")][..],
        &[("command", "build"), ("job", JOB), ("args", "--pack x")],
        &[("command", "plan"), ("args", "--out x")],
        &[("command", "plan"), ("tags", "v1.2.3"), ("args", "--snapshot")],
        &[("command", "plan"), ("snapshot", "true"), ("args", "--tag v1.2.3")],
    ] {
        let done = runs.job(inputs);
        assert!(done.code == 2 && done.log.contains("::error title=usage::the argument '--"), "{}", done.log);
    }
    check(&[("command", "build")], 2, "missing-input");
    check(&[("command", "build"), ("job", "../x")], 2, "unknown-job");
    check(&[("command", "verify"), ("workflow", "release.yml")], 3, "missing-job");
    check(&[("command", "verify"), ("workflow", "nowhere.yml")], 2, "unknown-workflow");
    runs.sh("echo '{' > ../temp/longshore/plan.json");
    check(&[("command", "verify")], 3, "wrong-plan-digest");
    let damaged = runs.sh("sha256sum < ../temp/longshore/plan.json | cut -d ' ' -f 1");
    check(&[("command", "verify"), ("plan-digest", &damaged)], 2, "bad-plan");
    let unknown = runs.job(&[("command", "frobnicate")]);
    assert!(
        unknown.code == 2 && unknown.log.contains("::error") && unknown.outputs["summary-json"].contains("\"exit\":2"),
        "{}",
        unknown.log
    );
}

#[test]
fn any_other_command_gets_its_words() {
    let runs = Runs::new();
    runs.sh("mkdir sub && printf 'longshore: 1\\nfrob: 1\\n' > sub/other.yaml");
    let schema = runs.job(&[("command", "schema"), ("args", "'config'")]).ok();
    assert!(schema.log.contains("\"$schema\""));
    let check = runs.job(&[("command", "check"), ("working-directory", "sub"), ("config", "other.yaml")]);
    check.refused(2, "unknown-key");
    assert!(check.log.contains("file=sub/other.yaml,line=2,"), "{}", check.log);
    let plan = runs.job(&[("command", "plan"), ("args", "--only archive --quiet")]).ok();
    assert!(plan.outputs["matrix"].contains(JOB), "{:?}", plan.outputs);
}
