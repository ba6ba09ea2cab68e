//! Our own workflows in the eyes of actionlint and zizmor.

use std::process::Command;

use crate::{root, tool};

fn accepts(mut linter: Command) {
    let done = linter.current_dir(root()).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn actionlint_accepts_them() {
    let mut linter = tool("actionlint");
    linter.args(["-no-color", ".github/workflows/ci.yml"]);
    accepts(linter);
}

#[test]
fn zizmor_accepts_them() {
    let mut linter = tool("zizmor");
    linter.args(["--offline", "--no-progress", "--color=never", "--persona=pedantic", ".github/workflows"]);
    accepts(linter);
}
