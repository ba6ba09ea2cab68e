//! Generated workflows before linters that we did not write.

use std::fs;

use crate::generated_from::{CONFIGURATIONS, files, generated};
use crate::workflows::language_service;
use crate::{python_tool, tool};

/// Labels and inputs that the linters cannot know.
const ACTIONLINT: &str = "self-hosted-runner:\n  labels: [my-label]\n";

#[test]
fn linters_accept_every_generated_file() {
    let mut linted = Vec::new();
    for (name, yaml) in CONFIGURATIONS {
        let project = generated(name, yaml);
        let folder = project.folder();
        fs::write(folder.join(".github/actionlint.yaml"), ACTIONLINT).unwrap();
        let own = files(&project);
        let zizmor = ["--offline", "--no-progress", "--color=never", "--persona=auditor"];
        for (linter, words) in [("actionlint", &["-no-color"][..]), ("zizmor", &zizmor)] {
            let done = tool(linter).args(words).args(&own).current_dir(&folder).output().unwrap();
            let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
            assert!(done.status.success(), "{name}: {linter}: {said}");
            assert!(linter != "zizmor" || said.contains("No findings to report"), "{name}: {said}");
        }
        for file in &own {
            let mut act = tool("act");
            act.args(["--validate", "--strict", "--workflows"]).arg(file).args(["-P", "ubuntu-24.04=-self-hosted"]);
            let done = act.current_dir(&folder).output().unwrap();
            let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
            assert!(done.status.success() && !said.contains("rror"), "{name}: act: {said}");
        }
        let mut schema = python_tool("check-jsonschema");
        let done = schema.args(["--builtin-schema", "vendor.github-workflows"]).args(&own).output().unwrap();
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stdout));
        linted.push((project, own));
    }
    let all: Vec<_> = linted.iter().flat_map(|(_, own)| own.clone()).collect();
    let done = language_service(&all).output().unwrap();
    let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert!(done.status.success(), "{said}");
}

/// A linter that says nothing to anything would be no proof.
#[test]
fn linters_find_what_is_planted() {
    let (name, yaml) = CONFIGURATIONS[1];
    let project = generated(name, yaml);
    let file = &files(&project)[0];
    let text = fs::read_to_string(file).unwrap();
    let check = |from: &str, to: &str, linter: &str, words: &[&str], expected: &str| {
        assert!(text.contains(from), "{from}");
        fs::write(file, text.replace(from, to)).unwrap();
        let mut program = if linter == "check-jsonschema" { python_tool(linter) } else { tool(linter) };
        let done = program.args(words).arg(file).current_dir(project.folder()).output().unwrap();
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert!(!done.status.success() && said.contains(expected), "{linter} did not see `{to}`: {said}");
    };
    let schema = &["--builtin-schema", "vendor.github-workflows"];
    check("runs-on: ubuntu-24.04", "runs-onn: ubuntu-24.04", "check-jsonschema", schema, "runs-onn");
    let zizmor = &["--offline", "--no-progress", "--color=never", "--persona=auditor"];
    check("needs.plan.outputs.empty", "needs.plan.outputs.emtpy", "actionlint", &["-no-color"], "emtpy");
    check("needs: plan\n", "needs: plam\n", "actionlint", &["-no-color"], "plam");
    check("permissions: {}\n", "permissions: write-all\n", "zizmor", zizmor, "excessive-permissions");
    check("persist-credentials: false", "persist-credentials: true", "zizmor", zizmor, "artipacked");
    check("@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "@v6", "zizmor", zizmor, "unpinned-uses");
    // actionlint knows no inputs of an action that is called by its commit.
    let check = |from: &str, to: &str, expected: &str| {
        assert!(text.contains(from), "{from}");
        fs::write(file, text.replace(from, to)).unwrap();
        let done = language_service(std::slice::from_ref(file)).output().unwrap();
        let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        assert!(!done.status.success() && said.contains(expected), "`{to}` is not seen: {said}");
    };
    check("workflow: release.yml", "wrokflow: release.yml", "Invalid action input 'wrokflow'");
    check("command: verify, ", "", "Missing required input `command`");
    check("github.event_name ==", "github.event.name ==", "Context access might be invalid: name");
}
