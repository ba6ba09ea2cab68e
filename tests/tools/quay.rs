//! Small Python projects that are written in a test, and Longshore in them with maturin and zig.

use std::process::Output;

use crate::project::Project;
use crate::{kept, python_tool, tools};

/// A project of these files with its lock files, tagged.
pub fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::of("quay", files);
    must(&project, "find . -name Cargo.toml -execdir cargo generate-lockfile -q ';'");
    let project = project.commit();
    must(&project, "git tag v1.2.3");
    project
}

/// With maturin and zig on PATH; what they compile is there the next time.
pub fn sh(project: &Project, line: &str) -> Output {
    assert!(python_tool("maturin").arg("--version").output().unwrap().status.success());
    let kept = kept("duo").map(|(name, folder)| format!("{name}={folder}")).join(" ");
    project.sh(&format!("export PATH={}/python/bin:$PATH {kept}; {line}", tools().display()))
}

/// The same; its output, and it must succeed.
pub fn must(project: &Project, line: &str) -> String {
    let done = sh(project, line);
    assert!(done.status.success(), "{line}\n{}{}", text(&done.stdout), text(&done.stderr));
    text(&done.stdout)
}

/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
