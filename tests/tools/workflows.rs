//! Our own workflows, action and scripts in the eyes of linters that we did not write.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::program;
use crate::{python_tool, root, tool};

/// What zizmor says when it has nothing to say; it ends with success also when it skipped a file.
const NOTHING: &str = "No findings to report";

/// Prints every place where PowerShell is not PowerShell.
const PARSE: &str = "
import sys, tree_sitter, tree_sitter_powershell
language = tree_sitter.Language(tree_sitter_powershell.language())
tree = tree_sitter.Parser(language).parse(open(sys.argv[1], 'rb').read())
open_nodes = [tree.root_node]
while open_nodes:
    node = open_nodes.pop()
    if node.is_error or node.is_missing:
        sys.exit(f'line {node.start_point[0] + 1}: {node.text.decode()[:80]}')
    open_nodes.extend(node.children)
";

/// Whether a linter is content, and what it says.
fn verdict(mut linter: Command) -> (bool, String) {
    let done = linter.current_dir(root()).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn accepts(linter: Command) -> String {
    let (content, said) = verdict(linter);
    assert!(content, "{said}");
    said
}

fn actionlint() -> Command {
    let mut linter = tool("actionlint");
    linter.arg("-no-color");
    linter
}

fn zizmor(persona: &str, path: &Path) -> Command {
    let mut linter = tool("zizmor");
    linter.args(["--offline", "--no-progress", "--color=never", &format!("--persona={persona}")]).arg(path);
    linter
}

fn schema(path: &Path) -> Command {
    let mut linter = python_tool("check-jsonschema");
    linter.args(["--color=never", "--builtin-schema", "vendor.github-actions"]).arg(path);
    linter
}

/// What GitHub's editor says; no other linter reads the expressions in an action, and act only those that it comes to.
pub fn language_service(paths: &[PathBuf]) -> Command {
    let mut linter = program("node");
    linter.arg(root().join("tests/tools/languageservice/look.mjs")).args(paths);
    linter
}

fn shellcheck(paths: &[PathBuf]) -> Command {
    let mut linter = python_tool("shellcheck");
    linter.args([
        "--norc",
        "--color=never",
        "--enable=check-unassigned-uppercase,deprecate-which,quote-safe-variables",
    ]);
    linter.args(paths);
    linter
}

fn powershell(path: &Path) -> Command {
    let mut parser = python_tool("python");
    parser.args(["-c", PARSE]).arg(path);
    parser
}

/// Every script that we have written.
fn scripts() -> Vec<PathBuf> {
    let mut list = tool_of_git();
    list.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.sh", ".ci/run"]);
    let listed = accepts(list);
    // What images and charts are made of is as their authors would write it.
    let data = ["tests/charts/", "tests/dockerfiles/"];
    let ours = listed.lines().filter(|path| !data.iter().any(|folder| path.starts_with(folder)));
    let files: Vec<PathBuf> = ours.map(PathBuf::from).collect();
    assert!(files.contains(&"dist/install.sh".into()) && files.len() >= 3, "{files:?}");
    files
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
fn tool_of_git() -> Command {
    Command::new("git")
}

/// A changed copy of action.yml, in a folder of its own.
fn changed(from: &str, to: &str) -> (tempfile::TempDir, PathBuf) {
    let text = fs::read_to_string(root().join("action.yml")).unwrap();
    assert!(text.contains(from), "{from}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("action.yml");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    (folder, path)
}

#[test]
fn actionlint_accepts_the_workflows() {
    // It compares every `uses: ./` with the inputs and outputs of action.yml.
    accepts(actionlint());
}

#[test]
fn zizmor_accepts_workflows_and_action() {
    accepts(zizmor("pedantic", Path::new(".github/workflows")));
    assert!(accepts(zizmor("auditor", Path::new("action.yml"))).contains(NOTHING));
}

#[test]
fn the_action_follows_its_schema() {
    accepts(schema(Path::new("action.yml")));
}

#[test]
fn the_language_service_accepts_workflows_and_action() {
    let workflows = fs::read_dir(root().join(".github/workflows")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = workflows.chain(["action.yml".into()]).collect();
    accepts(language_service(&files));
}

#[test]
fn shellcheck_accepts_every_script() {
    accepts(shellcheck(&scripts()));
}

/// No Windows is here: that it is PowerShell at all is what can be said.
#[test]
fn the_windows_half_is_powershell() {
    accepts(powershell(Path::new("dist/install.ps1")));
}

/// A linter that says nothing to anything would be no proof.
#[test]
fn linters_find_what_is_planted() {
    let check = |linter: &dyn Fn(&Path) -> Command, from: &str, to: &str, expected: &str| {
        let (_folder, path) = changed(from, to);
        let (content, said) = verdict(linter(&path));
        assert!(!content && said.contains(expected), "`{to}` is not found: {said}");
    };
    check(&schema, "      shell: sh\n", "", "$.runs");
    check(&schema, "      shell: pwsh\n", "", "$.runs");
    check(&schema, "    default: \"\"\n", "    defualt: \"\"\n", "defualt");
    let auditor = |path: &Path| zizmor("auditor", path);
    check(&auditor, "exec env", "exec env ${{ inputs.args }}", "template-injection");
    check(&auditor, "@70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3 # v8.0.0", "@v8", "unpinned-uses");
    let service = |path: &Path| language_service(&[path.to_owned()]);
    check(&service, "inputs.command == 'build'", "needs.plan.result == 'build'", "Unrecognized named-value: 'needs'");
    check(&service, "${{ inputs.args }}", "${{ trim(inputs.args) }}", "Unrecognized function: 'trim'");
    check(&service, "format('{0}/", "format('{1}/", "references argument {1}");
    check(&service, "if-no-files-found", "if-no-file-found", "Invalid action input 'if-no-file-found'");
    let script = fs::read_to_string(root().join("dist/install.sh")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.sh");
    fs::write(&bad, script.replacen("\"$1/$name\" -C \"$1\"", "$1/$name -C $1", 1)).unwrap();
    let (content, said) = verdict(shellcheck(std::slice::from_ref(&bad)));
    assert!(!content && said.contains("SC2086"), "{said}");
    let script = fs::read_to_string(root().join("dist/install.ps1")).unwrap();
    fs::write(&bad, script.replacen("} else {", "} else", 1)).unwrap();
    let (content, said) = verdict(powershell(&bad));
    assert!(!content && said.contains("line "), "{said}");
}
