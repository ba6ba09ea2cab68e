//! What the user's own cargo configuration says about flags and linkers, so that ours are added and theirs kept.

use std::path::{Path, PathBuf};

use crate::target::{Libc, Linkage, Target};
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

/// The parts of cargo's configuration that matter here, merged as cargo does it: the folder of the manifest, the
/// folders above it, then cargo's home (<https://doc.rust-lang.org/cargo/reference/config.html#hierarchical-structure>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CargoConfig {
    /// `build.rustflags`
    pub build_rustflags: Vec<String>,
    /// Whether `target.<triple>.rustflags` is set.
    pub target_rustflags: bool,
    /// Whether `target.<triple>.linker` is set.
    pub linker: bool,
}

impl CargoConfig {
    /// Reads it for builds started in `dir`. A file that is not TOML is left to cargo, which says so better.
    pub fn read(runner: &Runner, dir: &Path, target: Target) -> Self {
        let home = runner.var("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(Path::new(runner.var("HOME").or(runner.var("USERPROFILE"))?).join(".cargo")));
        let mut config = Self::default();
        // Lists are joined, the nearest folder's last.
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let above: Vec<PathBuf> = dir.ancestors().map(|folder| folder.join(".cargo")).collect();
        let folders = home.iter().filter(|home| !above.contains(home)).chain(above.iter().rev());
        for folder in folders {
            let named = ["config", "config.toml"].map(|name| folder.join(name));
            let Some(path) = named.iter().find(|path| path.is_file()) else { continue };
            if let Some(table) = std::fs::read_to_string(path).ok().and_then(|text| text.parse().ok()) {
                config.add(&table, target);
            }
        }
        if let Some(flags) = runner.var("CARGO_BUILD_RUSTFLAGS") {
            config.build_rustflags.extend(flags.split_whitespace().map(ToOwned::to_owned));
        }
        config.target_rustflags |= runner.var(&variable(target, "RUSTFLAGS")).is_some();
        config.linker |= runner.var(&variable(target, "LINKER")).is_some();
        config
    }

    fn add(&mut self, table: &toml::Table, target: Target) {
        let of = |section: &str| table.get(section).and_then(toml::Value::as_table);
        match of("build").and_then(|build| build.get("rustflags")) {
            Some(toml::Value::String(flags)) => {
                self.build_rustflags.extend(flags.split_whitespace().map(ToOwned::to_owned));
            }
            Some(toml::Value::Array(flags)) => {
                self.build_rustflags.extend(flags.iter().filter_map(toml::Value::as_str).map(ToOwned::to_owned));
            }
            _ => {}
        }
        let ours = of("target").and_then(|targets| targets.get(target.triple())).and_then(toml::Value::as_table);
        if let Some(ours) = ours {
            self.target_rustflags |= ours.contains_key("rustflags");
            self.linker |= ours.contains_key("linker");
        }
    }
}

/// `CARGO_TARGET_<TRIPLE>_<KEY>`
pub fn variable(target: Target, key: &str) -> String {
    format!("CARGO_TARGET_{}_{key}", target.triple().to_uppercase().replace('-', "_"))
}

/// Adds the flag that makes a target's C library static or dynamic, if that is not what `rustc` does by itself.
///
/// Cargo takes flags from exactly one of four places: `CARGO_ENCODED_RUSTFLAGS`, `RUSTFLAGS`, `target.*.rustflags`,
/// `build.rustflags` (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>). Setting one would drop
/// what the user has in a later one, so ours is appended to the one that is in force. The third is a list that cargo
/// joins with the user's; where the user only has the fourth, we repeat that in the third. (A `target.'cfg(…)'` table
/// is joined as well; together with `build.rustflags` both then apply, where cargo alone would drop the latter.)
pub fn link(cmd: Cmd, runner: &Runner, config: &CargoConfig, target: Target, linkage: Linkage) -> Cmd {
    let sign = if linkage == Linkage::Static { '+' } else { '-' };
    let flag = format!("target-feature={sign}crt-static");
    let set = |name: &str| runner.var_of(&cmd, name).map(ToOwned::to_owned);
    if let Some(flags) = set("CARGO_ENCODED_RUSTFLAGS") {
        let separator = if flags.is_empty() { "" } else { "\u{1f}" };
        return cmd.env("CARGO_ENCODED_RUSTFLAGS", format!("{flags}{separator}-C\u{1f}{flag}"));
    }
    if let Some(flags) = set("RUSTFLAGS") {
        return cmd.env("RUSTFLAGS", format!("{flags} -C {flag}").trim_start());
    }
    let theirs = if config.target_rustflags || cmd.env.value(&variable(target, "RUSTFLAGS")).is_some() {
        &[][..]
    } else {
        &config.build_rustflags[..]
    };
    // A list of strings is written the same way in JSON and in TOML.
    let flags: serde_json::Value = theirs.iter().cloned().chain(["-C".to_owned(), flag]).collect();
    cmd.arg("--config").arg(format!("target.{}.rustflags={flags}", target.triple()))
}

/// Whether `rustc` links the C library statically if nobody says anything.
///
/// # Errors
/// If `rustc` cannot be asked.
pub fn is_static_by_itself(runner: &Runner, dir: &Path, target: Target) -> anyhow::Result<bool> {
    if target.libc() == Libc::System {
        return Ok(false);
    }
    let rustc = runner.var("RUSTC").unwrap_or("rustc");
    let cfg = runner.text(&Cmd::new(rustc, dir).args(["--print", "cfg", "--target", target.triple()]))?;
    Ok(cfg.lines().any(|line| line == "target_feature=\"crt-static\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::env::Env;

    fn target() -> Target {
        "x86_64-pc-windows-msvc".parse().unwrap()
    }

    fn linked(env: &[(&str, &str)], config: &CargoConfig) -> (Vec<String>, Env) {
        let env = env.iter().copied().collect();
        let cmd = link(Cmd::new("cargo", Path::new("/")), &Runner::new(env), config, target(), Linkage::Static);
        (cmd.args, cmd.env)
    }

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
    fn our_flag_joins_the_one_place_in_force() {
        let theirs = CargoConfig { build_rustflags: vec!["--cfg".into(), "a=\"b\"".into()], ..CargoConfig::default() };
        let (args, env) = linked(&[], &theirs);
        assert_eq!(args[0], "--config");
        assert_eq!(
            args[1].parse::<toml::Table>().unwrap(),
            "target.x86_64-pc-windows-msvc.rustflags = ['--cfg', 'a=\"b\"', '-C', 'target-feature=+crt-static']"
                .parse()
                .unwrap()
        );
        assert!(env.is_empty());
        let (args, _) = linked(&[], &CargoConfig { target_rustflags: true, ..theirs.clone() });
        assert!(args[1].ends_with(r#"=["-C","target-feature=+crt-static"]"#), "{}", args[1]);
        let (args, env) = linked(&[("RUSTFLAGS", "-C opt")], &theirs);
        assert!(args.is_empty());
        assert_eq!(env.get("RUSTFLAGS"), Some("-C opt -C target-feature=+crt-static"));
        let (_, env) = linked(&[("RUSTFLAGS", "-x"), ("CARGO_ENCODED_RUSTFLAGS", "-y")], &theirs);
        assert_eq!(env.get("CARGO_ENCODED_RUSTFLAGS"), Some("-y\u{1f}-C\u{1f}target-feature=+crt-static"));
    }

    #[test]
    fn reads_what_cargo_reads() {
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("py");
        for (folder, text) in [
            (top.path(), "[build]\nrustflags = '-a -b'\n"),
            (&inner, "[build]\nrustflags = ['-c']\n[target.x86_64-pc-windows-msvc]\nlinker = 'l'\n"),
        ] {
            std::fs::create_dir_all(folder.join(".cargo")).unwrap();
            std::fs::write(folder.join(".cargo/config.toml"), text).unwrap();
        }
        let runner = Runner::new(Env::of([("CARGO_HOME", "/none")]));
        let config = CargoConfig::read(&runner, &inner, target());
        let flags = ["-a", "-b", "-c"].map(ToOwned::to_owned).to_vec();
        assert_eq!(config, CargoConfig { build_rustflags: flags, target_rustflags: false, linker: true });
    }
}
