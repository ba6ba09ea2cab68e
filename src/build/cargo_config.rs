//! What the user's own cargo configuration says about flags and linkers.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use cargo_platform::{Cfg, Platform};
use toml::{Table, Value};

use crate::target::{Libc, Target};
use crate::world::path;
use crate::world::process::{Cmd, Runner};
use crate::world::store::Store;

/// A folder for builds that would undo the user's own or be undone by them, and for what they are made with: in the one
/// that `CARGO_TARGET_DIR` names, which outlives this checkout, else beside the results.
///
/// # Errors
/// If there is no current folder.
pub fn own_folder(runner: &Runner, store: &Store, name: &str) -> std::io::Result<PathBuf> {
    let named = runner.var("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    std::path::absolute(named.map_or_else(|| store.root().to_owned(), |folder| Path::new(folder).join("longshore")))
        .map(|folder| folder.join(name))
}

/// The user's home folder, where one is named.
pub fn user_home(runner: &Runner) -> Option<PathBuf> {
    let named = ["HOME", "USERPROFILE"].into_iter().filter_map(|name| runner.var(name));
    named.map(PathBuf::from).find(|home| !home.as_os_str().is_empty())
}

/// With a home folder for every program where the environment names none, as in jobs of cron and systemd and in
/// containers: the one of the user's account, which cargo and rustup would take. Without an account zig has no place for
/// what it keeps, and gets one.
pub fn at_home(runner: Runner, store: &Store) -> Runner {
    if user_home(&runner).is_some() {
        return runner;
    }
    if let Some(home) = path::user_home().as_deref().and_then(Path::to_str) {
        return runner.with("HOME", home);
    }
    let has = |name: &str| runner.var(name).is_some_and(|value| !value.is_empty());
    match own_folder(&runner, store, "zig") {
        Ok(folder) if !has("ZIG_GLOBAL_CACHE_DIR") && !has("XDG_CACHE_HOME") => {
            runner.with("ZIG_GLOBAL_CACHE_DIR", folder.display().to_string())
        }
        _ => runner,
    }
}

pub fn home(runner: &Runner) -> Option<PathBuf> {
    let named = runner.var("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(user_home(runner)?.join(".cargo")))
}

/// Cargo's configuration, merged as cargo does it: the folder of the manifest, the folders above it, then cargo's home
/// (<https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>), and `--config` above all. Variables
/// are asked where a value is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CargoConfig {
    table: Table,
    build: Option<String>,
}

/// How deep files may include each other.
const DEEPEST: usize = 8;

impl CargoConfig {
    /// Reads it for builds started in `dir` with these values of `--config`. A file that is not TOML is left to cargo,
    /// which says so better.
    pub fn read(runner: &Runner, dir: &Path, configs: &[String]) -> Self {
        let mut table = Table::new();
        for (_, own) in files(runner, dir) {
            merge(&mut table, own);
        }
        for config in configs {
            let path = dir.join(config);
            if path.is_file() {
                let mut own = Vec::new();
                read(&path, DEEPEST, &mut own);
                own.into_iter().for_each(|(_, own)| merge(&mut table, own));
            } else {
                merge(&mut table, config.parse().unwrap_or_default());
            }
        }
        Self { table, build: runner.var("CARGO_BUILD_RUSTFLAGS").map(ToOwned::to_owned) }
    }

    fn section(&self, name: &str) -> Option<&Table> {
        self.table.get(name)?.as_table()
    }

    pub fn build_rustflags(&self) -> Vec<String> {
        let mut flags = flags(self.section("build").and_then(|build| build.get("rustflags")));
        flags.extend(self.build.iter().flat_map(|text| words(text)));
        flags
    }

    /// `target.<triple>.rustflags`, and those of every `target.'cfg(…)'` that fits.
    pub fn target_rustflags(&self, runner: &Runner, dir: &Path, target: Target) -> Vec<String> {
        let of = |table: &Value| flags(table.get("rustflags"));
        let targets = self.section("target");
        let mut found = targets.and_then(|targets| targets.get(target.triple())).map(of).unwrap_or_default();
        found.extend(runner.var(&variable(target, "RUSTFLAGS")).iter().flat_map(|text| words(text)));
        let conditions = || targets.into_iter().flatten().filter(|(key, _)| key.starts_with("cfg("));
        if conditions().any(|(_, table)| !of(table).is_empty()) {
            let facts: Vec<Cfg> = cfg(runner, dir, target)
                .unwrap_or_default()
                .lines()
                .filter_map(|line| Cfg::from_str(line).ok())
                .collect();
            let fits =
                |key: &str| Platform::from_str(key).is_ok_and(|platform| platform.matches(target.triple(), &facts));
            found.extend(conditions().filter(|(key, _)| fits(key)).flat_map(|(_, table)| of(table)));
        }
        found
    }

    /// Whether `target.<triple>.linker` is set.
    pub fn names_linker(&self, runner: &Runner, target: Target) -> bool {
        let own = self.section("target").and_then(|targets| targets.get(target.triple()));
        own.is_some_and(|own| own.get("linker").is_some()) || runner.var(&variable(target, "LINKER")).is_some()
    }
}

/// The files that cargo reads when it is started in `dir`, with what each says itself; the stronger last.
pub fn files(runner: &Runner, dir: &Path) -> Vec<(PathBuf, Table)> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let above: Vec<PathBuf> = dir.ancestors().map(|folder| folder.join(".cargo")).collect();
    let home = home(runner);
    let folders = home.iter().filter(|home| !above.contains(home)).chain(above.iter().rev());
    folders.flat_map(|folder| files_of(folder)).collect()
}

/// The file of one folder, behind what it includes.
pub fn files_of(folder: &Path) -> Vec<(PathBuf, Table)> {
    let mut found = Vec::new();
    if let Some(path) = ["config", "config.toml"].map(|name| folder.join(name)).iter().find(|path| path.is_file()) {
        read(path, DEEPEST, &mut found);
    }
    found
}

/// A file behind what it includes, which is weaker.
/// <https://doc.rust-lang.org/cargo/reference/config.html#including-extra-configuration-files>
fn read(path: &Path, deeper: usize, found: &mut Vec<(PathBuf, Table)>) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let own: Table = text.parse().unwrap_or_default();
    let listed = match own.get("include") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    for one in listed.iter().filter(|_| deeper > 0) {
        let named = one.as_str().or_else(|| one.get("path")?.as_str());
        if let (Some(named), Some(folder)) = (named, path.parent()) {
            read(&folder.join(named), deeper - 1, found);
        }
    }
    found.push((path.to_owned(), own));
}

/// Tables are merged, lists are joined with the stronger last, everything else is replaced.
fn merge(table: &mut Table, stronger: Table) {
    for (key, value) in stronger {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (Some(Value::Array(old)), Value::Array(new)) => old.extend(new),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// A list of flags, or a text of them.
fn flags(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => words(text),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Flags in a text, which knows no quotes.
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// The values of `--config` among arguments for cargo.
pub fn configs(args: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--config" {
            found.extend(args.next().cloned());
        } else if let Some(value) = arg.strip_prefix("--config=") {
            found.push(value.to_owned());
        }
    }
    found
}

/// `CARGO_TARGET_<TRIPLE>_<KEY>`
pub fn variable(target: Target, key: &str) -> String {
    format!("CARGO_TARGET_{}_{key}", target.triple().to_uppercase().replace('-', "_"))
}

fn cfg(runner: &Runner, dir: &Path, target: Target) -> anyhow::Result<String> {
    let rustc = runner.var("RUSTC").unwrap_or("rustc");
    runner.text(&Cmd::new(rustc, dir).args(["--print", "cfg", "--target", target.triple()]))
}

/// Whether `rustc` links the C library statically by default.
///
/// # Errors
/// If `rustc` cannot be asked.
pub fn is_static_by_itself(runner: &Runner, dir: &Path, target: Target) -> anyhow::Result<bool> {
    if target.libc() == Libc::System {
        return Ok(false);
    }
    Ok(cfg(runner, dir, target)?.lines().any(|line| line == "target_feature=\"crt-static\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::env::Env;

    #[test]
    fn builds_of_their_own_outlive_the_checkout_where_the_user_said() {
        let folder = |env: &[(&str, &str)]| {
            let env = env.iter().copied().collect();
            own_folder(&Runner::new(env), &Store::new(Path::new("/out"), ""), "python").unwrap()
        };
        let absolute = |path: &str| std::path::absolute(path).unwrap();
        assert_eq!(folder(&[("CARGO_TARGET_DIR", "")]), absolute("/out/python"));
        assert_eq!(folder(&[("CARGO_TARGET_DIR", "/kept")]), absolute("/kept/longshore/python"));
    }

    #[test]
    fn reads_what_cargo_reads() {
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("py");
        for (folder, text) in [
            (top.path(), "[build]\nrustflags = ['-a', '-b']\n"),
            (&inner, "[build]\nrustflags = ['-c']\n[target.x86_64-pc-windows-msvc]\nlinker = 'l'\n"),
        ] {
            std::fs::create_dir_all(folder.join(".cargo")).unwrap();
            std::fs::write(folder.join(".cargo/config.toml"), text).unwrap();
        }
        let runner = Runner::new(Env::of([("CARGO_HOME", "/none")]));
        let config = CargoConfig::read(&runner, &inner, &[]);
        assert_eq!(config.build_rustflags(), ["-a", "-b", "-c"]);
        assert!(config.names_linker(&runner, "x86_64-pc-windows-msvc".parse().unwrap()));
        assert!(!config.names_linker(&runner, "x86_64-unknown-linux-gnu".parse().unwrap()));
        let args = ["--config", "a=1", "-v", "--config=b=2", "--config"].map(str::to_owned);
        assert_eq!(configs(&args), ["a=1", "b=2"]);
    }
}
