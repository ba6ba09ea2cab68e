//! Contexts that were measured with BuildKit: which of their files an image depends on.

mod measured;
mod panics;
mod shapes;

use std::path::Path;

fn check(folder: &str) {
    let failures = measured::check_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dockerfiles").join(folder));
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn all_reads_are_found_and_no_others() {
    check("reads");
}

#[test]
fn siblings_of_the_cases_too() {
    check("siblings");
}
