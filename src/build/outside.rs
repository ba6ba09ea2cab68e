//! A place outside the repository, where nothing stands above what is built: no git, no cargo configuration, no workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::cargo_config;
use crate::digest::Digest;
use crate::world::files;
use crate::world::path::resolve;
use crate::world::process::Runner;
use crate::world::store::Store;

/// What git, cargo, rustup, maturin and pip look for in the folders above the one that they work in.
const SEEN_FROM_BELOW: [&str; 9] = [
    ".git",
    ".jj",
    ".ignore",
    "Cargo.toml",
    ".cargo/config",
    ".cargo/config.toml",
    "rust-toolchain",
    "rust-toolchain.toml",
    "pyproject.toml",
];

/// An empty folder of this name, the same each time for the same output folder: cargo knows what it compiled by its path.
///
/// # Errors
/// If none can be made, or something stands above each place.
pub fn fresh(runner: &Runner, store: &Store, name: &str) -> anyhow::Result<PathBuf> {
    let output = std::path::absolute(store.root())?;
    let key = &Digest::of(output.to_string_lossy().as_bytes()).hex()[..16];
    let mut why = Vec::new();
    for place in places(runner) {
        let folder = place.join("longshore").join(key).join(name);
        if let Some(above) = above(runner, &folder) {
            why.push(format!("`{}` is above `{}`", above.display(), place.display()));
            continue;
        }
        match files::fresh_folder(&folder) {
            // The real one, for what is compared with it.
            Ok(()) => return resolve(&folder).context("a folder that was just made"),
            Err(error) => why.push(format!("{error:#}")),
        }
    }
    bail!("cannot build outside the repository: {}; set `TMPDIR` to a writable folder", why.join(", "))
}

/// The user's folder for what can be made again, else the one for temporary files.
fn places(runner: &Runner) -> Vec<PathBuf> {
    let var = |name: &str| runner.var(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = if cfg!(windows) {
        var("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        var("HOME").map(|home| home.join("Library/Caches"))
    } else {
        var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache")))
    };
    cache.into_iter().chain(var("TMPDIR")).chain([std::env::temp_dir()]).collect()
}

/// What stands above a folder; cargo's own home is not a matter of the folder.
fn above(runner: &Runner, folder: &Path) -> Option<PathBuf> {
    let home = cargo_config::home(runner);
    let seen = |folder: &Path| {
        let mut names = SEEN_FROM_BELOW.iter().map(|name| folder.join(name));
        names.find(|path| path.exists() && path.parent() != home.as_deref())
    };
    let real = folder.ancestors().find_map(|folder| resolve(folder).ok());
    folder.ancestors().chain(real.iter().flat_map(|real| real.ancestors())).skip(1).find_map(seen)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::world::env::Env;

    fn fresh_in(env: &[(&str, &Path)]) -> anyhow::Result<PathBuf> {
        let env = Env::of(env.iter().map(|(name, path)| (*name, path.to_str().unwrap())));
        fresh(&Runner::new(env), &Store::new(Path::new("/repository"), "out"), "app")
    }

    #[test]
    fn nothing_stands_above() {
        if cfg!(not(target_os = "linux")) {
            return;
        }
        let (home, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let env = [("HOME", home.path()), ("TMPDIR", temporary.path())];
        let first = fresh_in(&env).unwrap();
        assert!(first.starts_with(resolve(home.path()).unwrap().join(".cache/longshore")), "{first:?}");
        fs::write(first.join("old"), "").unwrap();
        assert_eq!(fresh_in(&env).unwrap(), first);
        assert!(!first.join("old").exists());
        // Cargo reads its home anyway.
        fs::create_dir(home.path().join(".cargo")).unwrap();
        fs::write(home.path().join(".cargo/config.toml"), "").unwrap();
        assert_eq!(fresh_in(&env).unwrap(), first);
        fs::create_dir(home.path().join(".git")).unwrap();
        assert!(fresh_in(&env).unwrap().starts_with(resolve(temporary.path()).unwrap()));
    }
}
