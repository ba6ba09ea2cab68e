//! What of this machine changes what cargo compiles, and no plan knows of: variables, and configuration files beside those
//! of the commit. It is said, because a machine without it makes other bytes of the same plan.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::binary::Compilation;
use super::cargo_config::{self, home};
use crate::world::path::resolve;
use crate::world::process::{Cmd, Runner};
use crate::world::store::Store;

/// Variables, whole: rustc's own, and those of cargo
/// (<https://doc.rust-lang.org/cargo/reference/environment-variables.html#environment-variables-cargo-reads>).
const VARIABLES: [&str; 12] = [
    "CARGO_BUILD_INCREMENTAL",
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "RUSTC",
    "RUSTC_BOOTSTRAP",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// What further ones begin with.
const BEGINNINGS: [&str; 2] = ["CARGO_PROFILE_", "CARGO_UNSTABLE_"];

/// Tables and keys of configuration files (<https://doc.rust-lang.org/cargo/reference/config.html>). The linker of a target
/// is not among them: like the C compiler it is a tool of the machine, which cross-compiling needs.
const TABLES: [&str; 5] = ["env", "patch", "paths", "profile", "unstable"];
const OF_BUILD: [&str; 5] = ["incremental", "rustc", "rustc-workspace-wrapper", "rustc-wrapper", "rustflags"];

/// Warnings for these compilations (wheels have none here: nothing stands above the copy that they are built in).
pub fn said(runner: &Runner, store: &Store, compiled: &[Compilation<'_>]) -> Vec<String> {
    let mut said = variables(runner);
    let mut asked: Vec<PathBuf> = compiled.iter().map(|compilation| compilation.dir(store.repository())).collect();
    asked.sort();
    asked.dedup();
    let mut files: Vec<(PathBuf, Table)> = Vec::new();
    for dir in &asked {
        files.extend(cargo_config::files(runner, dir));
    }
    if asked.is_empty() {
        files.extend(home(runner).map(|home| cargo_config::files_of(&home)).unwrap_or_default());
    }
    files.sort_by(|one, other| one.0.cmp(&other.0));
    files.dedup_by(|one, other| one.0 == other.0);
    for (path, table) in files {
        let keys = keys(&table);
        if !keys.is_empty() && !is_of_commit(runner, store, &path) {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            said.push(format!(
                "`{}` is not committed and sets {}: the plan does not contain it, so other machines build different bytes",
                path.display(),
                keys.join(", ")
            ));
        }
    }
    said
}

fn variables(runner: &Runner) -> Vec<String> {
    let is_one = |name: &str, value: &str| {
        let name = name.to_uppercase();
        let changes = VARIABLES.contains(&name.as_str())
            || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            || name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS");
        let is_without = name.ends_with("_INCREMENTAL") && matches!(value, "0" | "false");
        changes && !is_without && !(name.ends_with("WRAPPER") && is_cache(value))
    };
    let found = runner.vars().filter(|(name, value)| !value.is_empty() && is_one(name, value));
    found
        .map(|(name, value)| {
            let value = value.replace('\u{1f}', " ");
            format!("`{name}` is set in the environment (`{value}`): the plan does not contain it, so other machines build different bytes")
        })
        .collect()
}

/// Wrappers of rustc that hand out what it made before.
fn is_cache(program: &str) -> bool {
    Path::new(program).file_stem().is_some_and(|name| ["cachepot", "sccache"].iter().any(|cache| name == *cache))
}

/// What a configuration file says that changes what is compiled.
fn keys(table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for name in TABLES {
        match table.get(name) {
            Some(Value::Table(inner)) => found.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            Some(_) => found.push(name.to_owned()),
            None => {}
        }
    }
    let of = |name: &str| table.get(name).and_then(Value::as_table).into_iter().flatten();
    found.extend(of("build").filter_map(|(key, value)| {
        let is_without =
            value.as_bool() == Some(false) || key.ends_with("wrapper") && value.as_str().is_some_and(is_cache);
        (OF_BUILD.contains(&key.as_str()) && !is_without).then(|| format!("build.{key}"))
    }));
    for (target, value) in of("target") {
        // What is not flags or a program is a library that a build script would find.
        let keys = value.as_table().into_iter().flatten();
        let keys = keys.filter(|(key, value)| *key == "rustflags" || value.is_table());
        found.extend(keys.map(|(key, _)| format!("target.{target}.{key}")));
    }
    found
}

/// Whether git knows a file in the repository of the project, or in a submodule of it.
fn is_of_commit(runner: &Runner, store: &Store, path: &Path) -> bool {
    let git = |dir: &Path, args: &[&str]| {
        let cmd = Cmd::new("git", dir).args(["-c", "safe.directory=*"]).args(args.iter().copied());
        runner.output(&cmd.env("GIT_OPTIONAL_LOCKS", "0")).ok().filter(|done| done.status.success())
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return false;
    };
    let top = git(store.repository(), &["rev-parse", "--show-toplevel"]);
    let top = top.and_then(|done| resolve(Path::new(done.stdout.trim_end_matches(['\r', '\n']))).ok());
    let is_below = top.is_some_and(|top| resolve(folder).is_ok_and(|folder| folder.starts_with(top)));
    is_below && git(folder, &["ls-files", "--error-unmatch", "--", name]).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::env::Env;

    #[test]
    fn variables_that_change_what_is_compiled() {
        let check = |name: &str, value: &str, expected: bool| {
            let said = variables(&Runner::new(Env::of([(name, value)])));
            assert_eq!(said.len(), usize::from(expected), "{name}={value}: {said:?}");
            assert!(said.iter().all(|said| said.contains(name)), "{said:?}");
        };
        check("CARGO_PROFILE_DEV_OPT_LEVEL", "1", true);
        check("CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_DEBUG", "true", true);
        check("CARGO_UNSTABLE_BUILD_STD", "std", true);
        check("RUSTC", "/opt/rustc", true);
        check("RUSTC_BOOTSTRAP", "1", true);
        check("RUSTFLAGS", "-Copt-level=1", true);
        check("RUSTFLAGS", "", false);
        check("CARGO_BUILD_RUSTFLAGS", "-Copt-level=1", true);
        check("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Copt-level=1", true);
        check("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "mold", false);
        check("CARGO_INCREMENTAL", "1", true);
        check("CARGO_INCREMENTAL", "0", false);
        check("RUSTC_WRAPPER", "/opt/wrap", true);
        check("RUSTC_WRAPPER", "/usr/bin/sccache", false);
        check("CARGO_BUILD_RUSTC_WRAPPER", "sccache", false);
        check("CARGO_NET_OFFLINE", "true", false);
        check("CARGO_TERM_COLOR", "always", false);
    }

    #[test]
    fn keys_that_change_what_is_compiled() {
        let check = |text: &str, expected: &[&str]| assert_eq!(keys(&text.parse().unwrap()), expected, "{text}");
        check("profile.dev.opt-level = 1\nprofile.release.lto = true", &["profile.dev", "profile.release"]);
        check("build.rustflags = '-Cx'\nbuild.jobs = 4\nbuild.target-dir = 'x'", &["build.rustflags"]);
        check("build.rustc-wrapper = 'sccache'\nbuild.incremental = false", &[]);
        check("build.rustc-wrapper = 'wrap'\nbuild.incremental = true", &["build.incremental", "build.rustc-wrapper"]);
        check("target.'cfg(unix)'.rustflags = ['-Cx']", &["target.cfg(unix).rustflags"]);
        check("target.x86_64-pc-windows-msvc.linker = 'l'", &[]);
        check("target.x86_64-pc-windows-msvc.z.rustc-link-lib = ['z']", &["target.x86_64-pc-windows-msvc.z"]);
        check(
            "env.SECRET = 'x'\npaths = ['/x']\n[patch.crates-io]\na.path = '/a'",
            &["env.SECRET", "patch.crates-io", "paths"],
        );
        check("net.offline = true\nterm.color = 'never'\nsource.crates-io.replace-with = 'x'", &[]);
    }
}
