//! The OpsML release by name: its archive names are a contract with its own command line, which downloads them.

use serde_json::Value;

use crate::cases;

/// What OpsML publishes on GitHub, as its users download it.
const NAMES: [&str; 18] = [
    "checksums.txt",
    "opsml-cli-aarch64-darwin.zip",
    "opsml-cli-aarch64-linux-gnu.tar.gz",
    "opsml-cli-x86_64-darwin.zip",
    "opsml-cli-x86_64-linux-gnu.tar.gz",
    "opsml-cli-x86_64-windows.zip",
    "opsml-mcp-aarch64-darwin.zip",
    "opsml-mcp-aarch64-linux-gnu.tar.gz",
    "opsml-mcp-x86_64-darwin.zip",
    "opsml-mcp-x86_64-linux-gnu.tar.gz",
    "opsml-mcp-x86_64-windows.zip",
    "opsml-server-aarch64-darwin.zip",
    "opsml-server-aarch64-linux-gnu.tar.gz",
    "opsml-server-x86_64-darwin.zip",
    "opsml-server-x86_64-linux-gnu-rocky.tar.gz",
    "opsml-server-x86_64-linux-gnu.tar.gz",
    "opsml-server-x86_64-windows.zip",
    "opsml-ui-node.zip",
];

fn plan() -> Value {
    let project = cases::project("opsml");
    let done = project.sh("git tag v3.0.0 && GITHUB_REPOSITORY=demml/opsml longshore plan --json");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap()).collect()
}

#[test]
fn publishes_what_its_users_download() {
    let plan = plan();
    let mut names: Vec<&str> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["publish"] == serde_json::json!(["github"]))
        .flat_map(|step| texts(&step["outputs"], "name"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, NAMES);
}

#[test]
fn checksums_cover_every_other_file() {
    let plan = plan();
    let steps = plan["steps"].as_array().unwrap();
    let sums: Vec<&Value> = steps.iter().filter(|step| step["kind"] == "checksums").collect();
    assert_eq!(sums.len(), 1);
    assert_eq!(texts(&sums[0]["covers"], "name"), NAMES[1..]);
}

#[test]
fn one_triple_is_built_twice_on_different_machines() {
    let plan = plan();
    let leg = |id: &str| {
        let step = plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == id);
        step.unwrap_or_else(|| panic!("no step `{id}`"))["leg"].clone()
    };
    let usual = leg("binary.opsml-server.x86_64-unknown-linux-gnu");
    let rocky = leg("binary.opsml-server-rocky.x86_64-unknown-linux-gnu");
    assert_ne!(usual, rocky);
    assert_eq!(usual, leg("binary.opsml-cli.x86_64-unknown-linux-gnu"), "three programs of one triple share a machine");
}
