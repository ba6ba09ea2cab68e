//! Programs that `make tools` and `make proof` install.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of `make tools`, ready to be given arguments.
///
/// # Panics
/// If it is not installed: a test that needs it has failed, not passed.
pub fn tool(name: &str) -> Command {
    program(&tools().join("bin").join(name))
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
pub fn program(path: &Path) -> Command {
    assert!(path.exists(), "`{}` is missing: run `make tools`", path.display());
    Command::new(path)
}

/// The folder of `make tools`.
pub fn tools() -> PathBuf {
    root().join("target/tools")
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
