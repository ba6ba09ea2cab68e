//! Configurations that workflows are generated from, on the files of the case `opsml`; also for the linters of `tests/tools`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::project::Project;

/// The commit that stands for the action's in tests.
pub const ACTION: &str = "1b2c3d4e5f60718293a4b5c6d7e8f90112233445";

const DOCKERFILES: [(&str, &str); 3] = [
    ("base", "FROM registry.example.com/alpine:3\n"),
    (
        "api",
        "FROM base\nCOPY linux/amd64/opsml-server /\nRUN --mount=type=secret,id=npm --mount=type=secret,id=token x\n",
    ),
    ("tool", "FROM ghcr.io/acme/tool:1\n"),
];

/// A name for each, and what stands below `longshore: 1`.
pub const CONFIGURATIONS: [(&str, &str); 17] = [
    ("nothing", ""),
    ("one-binary", "binaries: { opsml-mcp: {} }\ntargets: x86_64-unknown-linux-gnu"),
    ("static", "binaries: { opsml-mcp: {} }\ntargets: [x86_64-unknown-linux-musl, aarch64-unknown-linux-musl]"),
    (
        "assets",
        "binaries: { opsml-mcp: { assets: ui } }\nassets: { ui: { run: make build.ui, files: ui/build, file: ui.zip } }",
    ),
    ("container", "binaries: { opsml-mcp: { container: 'rockylinux:9', targets: x86_64-unknown-linux-gnu } }"),
    ("runners", "binaries: { opsml-mcp: { runner: my-label } }\nworkflows: { release.yml: { runner: ubuntu-24.04 } }"),
    (
        "images",
        "binaries: { opsml-server: {} }\narchives: false\nimages: { opsml: { binaries: opsml-server, flavors: all } }\n\
         publish: { github: false }",
    ),
    (
        "docker-hub",
        "binaries: { opsml-server: {} }\nimages: { opsml: { repositories: docker.io/demml/opsml } }\n\
         publish: { registry: { hosts: { docker.io: { username-env: HUB_USER, password-env: HUB_TOKEN } } } }",
    ),
    (
        "wheels",
        "binaries: false\nwheels: { opsml: { manifest: py-opsml/Cargo.toml } }\npublish: { github: false, pypi: {} }",
    ),
    (
        "private-index",
        "binaries: false\nwheels: { opsml: { manifest: py-opsml/Cargo.toml } }\n\
         publish: { pypi: { index: 'https://python.example.com/upload/', token-env: INDEX_TOKEN, username-env: INDEX_USER } }",
    ),
    (
        "two-indexes",
        "binaries: false\nwheels: { opsml: { manifest: py-opsml/Cargo.toml } }\n\
         publish: { pypi: { when: stable }, testpypi: { kind: pypi, index: testpypi } }",
    ),
    (
        "dockerfiles",
        "binaries: { opsml-server: {} }\narchives: false\nimages:\n  base: { dockerfile: docker/base.Dockerfile }\n  \
         api:\n    dockerfile: docker/api.Dockerfile\n    contexts: { base: image.base }\n    \
         secrets: { npm: NPM_TOKEN, token: GITHUB_TOKEN }\n    binaries: opsml-server\n    platforms: linux/amd64\n  \
         tool: { dockerfile: docker/tool.Dockerfile, emulate: true }\n\
         publish: { github: false, registry: { prefix: docker.io/demml, hosts: { registry.example.com: { username-env: \
         MIRROR_USER, password-env: MIRROR_TOKEN }, docker.io: { username-env: HUB_USER, password-env: HUB_TOKEN } } } }",
    ),
    ("components", "components: [opsml-mcp, opsml-server]\nbinaries: { opsml-mcp: {}, opsml-server: {} }"),
    (
        "two-files",
        "binaries: { opsml-mcp: {} }\nwheels: { opsml: { manifest: py-opsml/Cargo.toml } }\npublish: { pypi: {} }\n\
         workflows: { programs.yml: { publish: github }, python.yaml: { publish: pypi.opsml } }",
    ),
    (
        "jobs",
        "binaries: { opsml-mcp: {} }\n\
         workflows:\n  release.yml:\n    setup: .github/actions/release-setup\n    jobs:\n      after-plan: .github/workflows/audit.yml\n      \
         after-verify: [.github/workflows/audit.yml, .github/workflows/notify.yml]\n      after-publish: .github/workflows/notify.yml",
    ),
    ("plan-only", "binaries: { opsml-mcp: {} }\nworkflows: { release.yml: { pull-request: plan, split: step } }"),
    (
        "plain-tags",
        "tag: 'release/{version}'\nbinaries: { opsml-mcp: {} }\npublish: { github: { environment: public } }\n\
         workflows: { on.yml: { pull-request: false } }",
    ),
];

/// A repository with one of them, its workflows generated.
pub fn generated(name: &str, yaml: &str) -> Project {
    let project = repository(name, yaml);
    let done = project.sh(&format!("longshore generate --action-ref {ACTION}"));
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    project
}

/// A repository with one of them.
pub fn repository(name: &str, yaml: &str) -> Project {
    let project = Project::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/opsml/in"), name);
    let folder = project.folder();
    fs::write(folder.join("longshore.yaml"), format!("longshore: 1\n{yaml}\n")).unwrap();
    fs::create_dir_all(folder.join(".github/workflows")).unwrap();
    for called in ["audit", "notify"] {
        let text = format!(
            "name: {called}\non:\n  workflow_call:\npermissions: {{}}\njobs:\n  {called}:\n    name: {called}\n    runs-on: ubuntu-24.04\n    \
             steps:\n      - run: echo {called}\n"
        );
        fs::write(folder.join(format!(".github/workflows/{called}.yml")), text).unwrap();
    }
    fs::create_dir_all(folder.join("docker")).unwrap();
    for (name, text) in DOCKERFILES {
        fs::write(folder.join(format!("docker/{name}.Dockerfile")), text).unwrap();
    }
    project.commit()
}

/// The generated files, sorted.
pub fn files(project: &Project) -> Vec<PathBuf> {
    let entries = fs::read_dir(project.folder().join(".github/workflows")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| fs::read_to_string(path).unwrap().starts_with("# Generated by"));
    files.sort();
    files
}
