//! The flags that rustc gets: those of the one place that cargo takes them from, and ours behind them.

use std::path::{Path, PathBuf};

use super::cargo_config::{self, CargoConfig};
use crate::target::{Linkage, Target};
use crate::world::path::resolve;
use crate::world::process::{Cmd, Runner};
use crate::world::store::Store;

/// Where cargo takes flags from: the first of these that is there, and no other
/// (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>).
const PLACES: [&str; 4] = ["`CARGO_ENCODED_RUSTFLAGS`", "`RUSTFLAGS`", "`target.*.rustflags`", "`build.rustflags`"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rustflags {
    /// Absent: there are none.
    pub place: Option<&'static str>,
    /// The user's.
    pub theirs: Vec<String>,
    pub ours: Vec<String>,
}

impl Rustflags {
    /// Those in force for cargo started in `dir` with these values of `--config`, and `env` on top of the runner's.
    pub fn in_force(runner: &Runner, dir: &Path, target: Target, configs: &[String]) -> Self {
        let found =
            |place: usize, flags: Vec<String>| Self { place: Some(PLACES[place]), theirs: flags, ours: Vec::new() };
        if let Some(flags) = runner.var("CARGO_ENCODED_RUSTFLAGS") {
            let all = flags.split('\u{1f}').filter(|_| !flags.is_empty());
            return found(0, all.map(ToOwned::to_owned).collect());
        }
        if let Some(flags) = runner.var("RUSTFLAGS") {
            return found(1, cargo_config::words(flags));
        }
        let config = CargoConfig::read(runner, dir, configs);
        let of_target = config.target_rustflags(runner, dir, target);
        if !of_target.is_empty() {
            return found(2, of_target);
        }
        match config.build_rustflags() {
            flags if flags.is_empty() => Self::default(),
            flags => found(3, flags),
        }
    }

    /// With what makes a target's C library static or dynamic, if that is not what `rustc` does by itself.
    ///
    /// # Errors
    /// If `rustc` cannot be asked.
    pub fn linking(mut self, runner: &Runner, dir: &Path, target: Target, linkage: Linkage) -> anyhow::Result<Self> {
        if cargo_config::is_static_by_itself(runner, dir, target)? != (linkage == Linkage::Static) {
            let sign = if linkage == Linkage::Static { '+' } else { '-' };
            self.ours.extend(["-C".to_owned(), format!("target-feature={sign}crt-static")]);
        }
        Ok(self)
    }

    /// With what keeps the folders of this machine out of what is compiled: two machines make the same bytes, and nobody
    /// reads there who built it. `more` are folders of this build beside the repository, and what stands for them.
    pub fn remapping(mut self, runner: &Runner, dir: &Path, store: &Store, more: &[(PathBuf, &str)]) -> Self {
        let mut pairs = folders(runner, dir, store);
        pairs.extend(more.iter().map(|(from, to)| (from.clone(), (*to).to_owned())));
        // A folder may be named through a link.
        let real = |(from, to): &(PathBuf, String)| Some((resolve(from).ok()?, to.clone()));
        pairs.extend(pairs.iter().filter_map(real).collect::<Vec<_>>());
        // Of several that fit, rustc takes the last: the innermost.
        pairs.sort_by_key(|(from, _)| (from.components().count(), from.clone()));
        pairs.dedup_by(|one, other| one.0 == other.0);
        for (from, to) in pairs {
            let plain = from.components().any(|part| matches!(part, std::path::Component::Normal(_)));
            if let Some(from) = from.to_str().filter(|from| plain && !from.contains(['=', '\u{1f}'])) {
                self.ours.push(format!("--remap-path-prefix={from}={to}"));
            }
        }
        self
    }

    /// A command that hands all of them to rustc. In the first place, so that no other can be in force.
    pub fn apply(&self, cmd: Cmd) -> Cmd {
        let all: Vec<&str> = self.theirs.iter().chain(&self.ours).map(String::as_str).collect();
        cmd.env("CARGO_ENCODED_RUSTFLAGS", all.join("\u{1f}"))
    }

    /// For the log: all that rustc is told, and from where.
    pub fn said(&self) -> String {
        let place = self.place.map(|place| format!(" ({place})")).unwrap_or_default();
        format!("rustflags: {}{place}; ours: {}", shell_words::join(&self.theirs), shell_words::join(&self.ours))
    }

    /// For the record, which says nothing of this machine: the user's, and what decides how it is linked.
    pub fn recorded(&self) -> Vec<String> {
        let ours = self.ours.iter().filter(|flag| !flag.starts_with("--remap-path-prefix="));
        self.theirs.iter().chain(ours).cloned().collect()
    }
}

/// The folders of this machine that compilers write into what they make.
fn folders(runner: &Runner, dir: &Path, store: &Store) -> Vec<(PathBuf, String)> {
    let mut pairs = Vec::new();
    pairs.extend(cargo_config::user_home(runner).map(|home| (home, "/home".to_owned())));
    pairs.extend(cargo_config::home(runner).map(|home| (home, "/cargo".to_owned())));
    pairs.extend(library(runner, dir));
    let target = runner.var("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    pairs.extend(target.map(|folder| (dir.join(folder), "/target".to_owned())));
    pairs.push((store.repository().to_owned(), ".".to_owned()));
    for (from, _) in &mut pairs {
        if let Ok(absolute) = std::path::absolute(&from) {
            *from = absolute;
        }
    }
    pairs
}

/// The sources of the standard library, which `rustc` names by where they lie if the component `rust-src` is installed.
/// The name is the one that it gives them elsewhere.
fn library(runner: &Runner, dir: &Path) -> Option<(PathBuf, String)> {
    let ask = |args: &[&str]| {
        let rustc = runner.var("RUSTC").unwrap_or("rustc");
        runner.text(&Cmd::new(rustc, dir).args(args.iter().copied())).ok()
    };
    let sources = Path::new(ask(&["--print", "sysroot"])?.trim()).join("lib/rustlib/src/rust");
    let version = ask(&["-vV"])?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "))?;
    sources.is_dir().then(|| (sources, format!("/rustc/{commit}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::world::env::Env;

    const TRIPLE: &str = "x86_64-unknown-linux-gnu";

    fn target() -> Target {
        TRIPLE.parse().unwrap()
    }

    /// What is in force with a `.cargo/config.toml` and an environment.
    fn in_force(config: &str, env: &[(&str, &str)], configs: &[&str]) -> (Option<&'static str>, String) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".cargo")).unwrap();
        fs::write(folder.path().join(".cargo/config.toml"), config).unwrap();
        fs::write(folder.path().join(".cargo/more.toml"), "build.rustflags = ['-included']").unwrap();
        fs::write(folder.path().join("given.toml"), "build.rustflags = ['-given']").unwrap();
        // rustc is asked what the target is, and needs what programs need to start.
        let mut all =
            Env::read().only(|name, _| !["CARGO", "RUSTC", "RUSTFLAGS"].iter().any(|own| name.starts_with(own)));
        env.iter().for_each(|(name, value)| all.set(*name, *value));
        all.set("CARGO_HOME", "/none");
        let configs: Vec<String> = configs.iter().map(ToString::to_string).collect();
        let found = Rustflags::in_force(&Runner::new(all), folder.path(), target(), &configs);
        (found.place, found.theirs.join(" "))
    }

    /// The order of <https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>: the first that is there.
    #[test]
    fn the_one_place_in_force_is_cargos() {
        let check = |config: &str, env: &[(&str, &str)], configs: &[&str], place: Option<usize>, flags: &str| {
            let place = place.map(|place| PLACES[place]);
            assert_eq!(in_force(config, env, configs), (place, flags.to_owned()), "{config} {env:?} {configs:?}");
        };
        let build = "build.rustflags = ['-build', 'a b']";
        let own = &format!("{build}\ntarget.{TRIPLE}.rustflags = '-own -two'");
        let cfg = &format!("{own}\n[target.'cfg(all(unix, target_arch = \"x86_64\"))']\nrustflags = ['-cfg']");
        check("", &[], &[], None, "");
        check(build, &[], &[], Some(3), "-build a b");
        check(own, &[], &[], Some(2), "-own -two");
        check(cfg, &[], &[], Some(2), "-own -two -cfg");
        check(&format!("{build}\n[target.'cfg(windows)']\nrustflags = ['-no']"), &[], &[], Some(3), "-build a b");
        check(cfg, &[("RUSTFLAGS", " -env  -x ")], &[], Some(1), "-env -x");
        check(cfg, &[("RUSTFLAGS", "")], &[], Some(1), "");
        check(cfg, &[("RUSTFLAGS", "-env"), ("CARGO_ENCODED_RUSTFLAGS", "-C\u{1f}a b")], &[], Some(0), "-C a b");
        let of_target = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS";
        check(build, &[("CARGO_BUILD_RUSTFLAGS", "-more")], &[], Some(3), "-build a b -more");
        check(own, &[(of_target, "-more")], &[], Some(2), "-own -two -more");
        check("", &[(of_target, "-more")], &[], Some(2), "-more");
        // `--config`, of `cargo-args:` and of `[tool.maturin] config`.
        check(build, &[], &["build.rustflags=['-line']"], Some(3), "-build a b -line");
        check(build, &[], &[&format!("target.{TRIPLE}.rustflags=['-line']")], Some(2), "-line");
        check(build, &[], &["given.toml"], Some(3), "-build a b -given");
        check(&format!("include = 'more.toml'\n{build}"), &[], &[], Some(3), "-included -build a b");
        check(&format!("include = [{{ path = 'more.toml' }}]\n{build}"), &[], &[], Some(3), "-included -build a b");
    }

    #[test]
    fn ours_stand_behind_theirs_and_the_innermost_folder_last() {
        let folder = tempfile::tempdir().unwrap();
        let home = resolve(folder.path()).unwrap();
        let repository = home.join("work").join("app");
        fs::create_dir_all(&repository).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let env = Env::of([
            ("HOME", text(&home)),
            ("CARGO_HOME", text(&repository.join("cargo"))),
            ("RUSTC", "/none".into()),
        ]);
        let store = Store::new(&repository, "target/longshore");
        let theirs = Rustflags { place: Some(PLACES[1]), theirs: vec!["-C".into(), "x".into()], ours: Vec::new() };
        let flags = theirs.remapping(&Runner::new(env), &repository, &store, &[(home.join("stage"), "/stage")]);
        let expected = [
            (home.clone(), "/home"),
            (home.join("stage"), "/stage"),
            (repository.clone(), "."),
            (repository.join("cargo"), "/cargo"),
        ];
        let expected = expected.map(|(from, to)| format!("--remap-path-prefix={}={to}", text(&from)));
        assert_eq!(flags.ours, expected);
        assert_eq!(flags.recorded(), ["-C", "x"]);
        let cmd = flags.apply(Cmd::new("cargo", &repository));
        let encoded = cmd.env.get("CARGO_ENCODED_RUSTFLAGS").unwrap();
        assert!(encoded.starts_with("-C\u{1f}x\u{1f}--remap-path-prefix="), "{encoded}");
    }
}
