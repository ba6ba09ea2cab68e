//! Dockerfiles in the shape of public ones, against what BuildKit's own conversion reads (llb/ wrote llb.txt).

use super::measured;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn no_path_of_the_engine_is_missing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dockerfiles/shapes");
    let mut shapes: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    shapes.sort();
    let mut failures = Vec::new();
    for shape in &shapes {
        let scratch = measured::setup(shape);
        let home = scratch.as_deref().unwrap_or(shape);
        let (own, engine) = (measured::files(home), engine(home));
        scratch.iter().for_each(|scratch| fs::remove_dir_all(scratch).unwrap());
        let missing: Vec<_> = engine.difference(&own).collect();
        let more: Vec<_> = own.difference(&engine).collect();
        if !missing.is_empty() || !more.is_empty() {
            failures.push(format!("{}: missing {missing:?}, more {more:?}", shape.display()));
        }
    }
    assert!(shapes.len() >= 10 && failures.is_empty(), "\n{}", failures.join("\n"));
}

/// What was measured, or with `LLB=program` what the program says now.
#[expect(clippy::disallowed_methods, reason = "tests read their own variables")]
fn engine(shape: &Path) -> BTreeSet<String> {
    let text = match std::env::var("LLB") {
        Ok(program) => ask(&program, shape),
        Err(_) => fs::read_to_string(shape.join("llb.txt")).unwrap(),
    };
    text.lines().map(str::to_owned).collect()
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
fn ask(program: &str, shape: &Path) -> String {
    let mut command = Command::new(program);
    let context = shape.join("context");
    command.arg("-file").arg(context.join("Dockerfile")).arg("-context").arg(context);
    for line in fs::read_to_string(shape.join("build.txt")).unwrap().lines() {
        let (key, value) = line.split_once(':').unwrap();
        let flag = if key == "stage" { "target" } else { key };
        command.arg(format!("-{flag}")).arg(value.trim());
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", shape.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
