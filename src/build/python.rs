//! Finds a Python that takes a wheel: on `PATH`, then in the tool cache of GitHub's runners, which have several there and
//! one on `PATH`. <https://github.com/actions/python-versions> says how the cache is laid out.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use semver::Version;

use crate::wheel::{Pythons, WheelName};
use crate::world::process::{Cmd, Runner};

/// Where runners say that their tools are, the one that counts first.
const CACHES: [&str; 2] = ["AGENT_TOOLSDIRECTORY", "RUNNER_TOOL_CACHE"];
/// How many later versions are looked for by name, where any of them takes the wheel.
const LATER: u32 = 9;
/// How long one may take to say its version.
const LIMIT: Duration = Duration::from_secs(60);
const SAY: &str = "import sys, sysconfig; \
    print(sys.version_info[0], sys.version_info[1], sysconfig.get_config_var('Py_GIL_DISABLED') or 0)";

pub struct Python {
    /// Its name on `PATH`, or its path.
    pub program: String,
    /// What starts it: it finds its libraries.
    pub runner: Runner,
}

/// The Pythons that a wheel is for; nothing: any.
pub fn wanted(name: &str) -> Option<Pythons> {
    let tag = name.parse::<WheelName>().ok()?.tag;
    Pythons::of_tags(&tag.python, &tag.abi)
}

pub fn named(wanted: Option<Pythons>) -> String {
    match wanted {
        None => "`python3`".into(),
        Some(Pythons::Abi3(minor) | Pythons::Abi3t(minor)) => format!("Python 3.{minor} or later"),
        Some(pythons @ Pythons::Only { .. }) => format!("`python{pythons}`"),
    }
}

/// Whether most machines have no such Python.
pub fn is_rare(wanted: Option<Pythons>) -> bool {
    matches!(wanted, Some(Pythons::Abi3t(_) | Pythons::Only { threaded: true, .. }))
}

/// Whether a Python, by its minor version and whether it is free-threaded, takes such a wheel.
fn takes(wanted: Option<Pythons>, minor: u32, threaded: bool) -> bool {
    match wanted {
        None => true,
        Some(Pythons::Abi3(first)) => minor >= first && !threaded,
        Some(Pythons::Abi3t(first)) => minor >= first,
        Some(Pythons::Only { minor: only, threaded: free }) => minor == only && threaded == free,
    }
}

/// A Python that takes such a wheel, or any.
///
/// # Errors
/// Where it was looked, and what is there instead.
pub fn find(runner: &Runner, dir: &Path, wanted: Option<Pythons>) -> Result<Python, String> {
    let mut others = Vec::new();
    for name in names(wanted).into_iter().filter(|name| runner.find(name).is_some()) {
        match ask(runner, dir, &name) {
            Ok((minor, threaded)) if takes(wanted, minor, threaded) => {
                return Ok(Python { program: name, runner: runner.clone() });
            }
            Ok((minor, threaded)) => others.push(format!("`{name}` is 3.{minor}{}", if threaded { "t" } else { "" })),
            Err(said) => others.push(format!("`{name}` prints \"{said}\"")),
        }
    }
    let on_path = if others.is_empty() { "no Python".to_owned() } else { others.join(", ") };
    let mut looked = vec![format!("on PATH {on_path}")];
    for cache in caches(runner) {
        let (mut others, mut there) = (Vec::new(), Cached::all(&cache));
        there.sort_by_key(|cached| cached.rank(wanted));
        for cached in &there {
            if !takes(wanted, cached.minor(), cached.threaded) {
                others.push(cached.version.to_string());
                continue;
            }
            let python = cached.python(runner);
            match ask(&python.runner, dir, &python.program) {
                Ok((minor, threaded)) if takes(wanted, minor, threaded) => return Ok(python),
                Ok((minor, _)) => others.push(format!("{} is 3.{minor}", cached.version)),
                Err(said) => others.push(format!("{} prints \"{said}\"", cached.version)),
            }
        }
        let there = if others.is_empty() { "none for this processor".to_owned() } else { others.join(", ") };
        looked.push(format!("in `{}` {there}", cache.display()));
    }
    Err(format!("there is no {} ({})", named(wanted), looked.join("; ")))
}

/// What it may be called on `PATH`, best first.
fn names(wanted: Option<Pythons>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    if let Some(wanted) = wanted {
        names.extend([wanted.version(), format!("3.{}", wanted.first())].map(|version| format!("python{version}")));
    }
    names.extend(["python3".to_owned(), "python".to_owned()]);
    if let Some(Pythons::Abi3(first) | Pythons::Abi3t(first)) = wanted {
        names.extend((1..=LATER).map(|more| format!("python3.{}", first + more)));
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// Its minor version, and whether it is free-threaded; or what it says instead.
fn ask(runner: &Runner, dir: &Path, program: &str) -> Result<(u32, bool), String> {
    let done = runner.output(&Cmd::new(program, dir).args(["-c", SAY]).timeout(LIMIT));
    let done = done.map_err(|error| format!("{error:#}"))?;
    let numbers: Result<Vec<u32>, _> = done.stdout.split_whitespace().map(str::parse).collect();
    match numbers.as_deref() {
        Ok([3, minor, free]) if done.status.success() => Ok((*minor, *free == 1)),
        _ => {
            let said = format!("{}{}", done.stdout, done.stderr);
            Err(said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing").trim().to_owned())
        }
    }
}

/// The folders of Pythons that a runner brings.
fn caches(runner: &Runner) -> Vec<PathBuf> {
    let folders = CACHES.iter().filter_map(|name| runner.var(name)).filter(|folder| !folder.is_empty());
    let mut caches: Vec<PathBuf> = folders.map(|folder| Path::new(folder).join("Python")).collect();
    caches.dedup();
    caches
}

/// A Python of the tool cache: `Python/3.12.7/x64`.
struct Cached {
    version: Version,
    threaded: bool,
    folder: PathBuf,
}

impl Cached {
    fn all(cache: &Path) -> Vec<Self> {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "x64",
            "aarch64" => "arm64",
            other => other,
        };
        let versions = fs::read_dir(cache).into_iter().flatten().flatten();
        let versions = versions.filter_map(|entry| {
            let version: Version = entry.file_name().to_str()?.parse().ok()?;
            (version.major == 3).then(|| (version, entry.path()))
        });
        let builds = versions.flat_map(|(version, path)| {
            [(false, arch.to_owned()), (true, format!("{arch}-freethreaded"))].map(|(threaded, name)| Self {
                version: version.clone(),
                threaded,
                folder: path.join(name),
            })
        });
        builds.filter(|cached| cached.folder.is_dir()).collect()
    }

    fn minor(&self) -> u32 {
        self.version.minor.try_into().unwrap_or(u32::MAX)
    }

    /// Best first: finished versions, of them the first that the wheel promises, its newest patch. Any is the newest.
    fn rank(&self, wanted: Option<Pythons>) -> impl Ord + use<> {
        let minor = i64::from(self.minor());
        let other_build = self.threaded != is_rare(wanted);
        (
            !self.version.pre.is_empty(),
            if wanted.is_some() { minor } else { -minor },
            other_build,
            Reverse(self.version.clone()),
        )
    }

    fn python(&self, runner: &Runner) -> Python {
        if cfg!(windows) {
            return Python { program: self.folder.join("python.exe").display().to_string(), runner: runner.clone() };
        }
        let bin = self.folder.join("bin");
        let names = [format!("python3.{}{}", self.minor(), if self.threaded { "t" } else { "" }), "python3".into()];
        let program = names.iter().map(|name| bin.join(name)).find(|path| path.is_file());
        let program = program.unwrap_or_else(|| bin.join("python")).display().to_string();
        if !cfg!(target_os = "linux") {
            return Python { program, runner: runner.clone() };
        }
        // They are linked to where they lie on a runner, and in a container they lie elsewhere.
        let old = runner.var("LD_LIBRARY_PATH").filter(|old| !old.is_empty());
        let old = old.map(|old| format!(":{old}")).unwrap_or_default();
        let libraries = format!("{}{old}", self.folder.join("lib").display());
        Python { program, runner: runner.clone().with("LD_LIBRARY_PATH", libraries) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_python_of_a_wheel() {
        let check = |tag: &str, expected: Option<&str>, taking: &[(u32, bool)]| {
            let wanted = wanted(&format!("demo-1.0.0-{tag}-win_amd64.whl"));
            assert_eq!(wanted.map(Pythons::version).as_deref(), expected, "{tag}");
            let all = [(9, false), (12, false), (14, true), (15, false), (15, true)];
            let takes = |(minor, free): &&(u32, bool)| takes(wanted, *minor, *free);
            assert_eq!(all.iter().filter(takes).copied().collect::<Vec<_>>(), taking, "{tag}");
        };
        check("cp312-cp312", Some("3.12"), &[(12, false)]);
        check("cp39-cp39", Some("3.9"), &[(9, false)]);
        check("cp314-cp314t", Some("3.14t"), &[(14, true)]);
        check("cp310-abi3", Some("3.10"), &[(12, false), (15, false)]);
        check("cp315-abi3.abi3t", Some("3.15t"), &[(15, false), (15, true)]);
        check("py3-none", None, &[(9, false), (12, false), (14, true), (15, false), (15, true)]);
    }
}

// With programs that are scripts.
#[cfg(test)]
#[cfg(unix)]
mod found {
    use super::*;
    use crate::world::env::Env;
    use crate::world::files::set_mode;

    const ARCH: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };

    /// A folder `bin` and a tool cache, with scripts that say this.
    fn machine(programs: &[(&str, &str)]) -> (tempfile::TempDir, Runner) {
        let root = tempfile::tempdir().unwrap();
        for (path, says) in programs {
            let path = root.path().join(path.replace("ARCH", ARCH));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("#!/bin/sh\n{says}\n")).unwrap();
            set_mode(&path, 0o755).unwrap();
        }
        let at = |folder: &str| root.path().join(folder).display().to_string();
        let vars = [("PATH", at("bin")), ("RUNNER_TOOL_CACHE", at("cache")), ("AGENT_TOOLSDIRECTORY", at("cache"))];
        let runner = Runner::new(Env::of(vars));
        (root, runner)
    }

    fn found(tag: &str, programs: &[(&str, &str)]) -> String {
        let (root, runner) = machine(programs);
        let wanted = wanted(&format!("demo-1.0.0-{tag}-any.whl"));
        let said = find(&runner, root.path(), wanted).map(|python| python.program).unwrap_or_else(|said| said);
        said.replace(&format!("{}/", root.path().display()), "").replace(ARCH, "ARCH")
    }

    const RUNNER: &[(&str, &str)] = &[
        ("bin/python3", "echo 3 10 0"),
        ("cache/Python/3.9.25/ARCH/bin/python3.9", "echo 3 9 0"),
        ("cache/Python/3.12.9/ARCH/bin/python3.12", "echo 3 12 0"),
        ("cache/Python/3.12.10/ARCH/bin/python3.12", "echo 3 12 0"),
        ("cache/Python/3.13.1/ARCH/bin/python3", "echo 3 13 0"),
        ("cache/Python/3.14.0-rc.1/ARCH/bin/python3.14", "echo 3 14 0"),
        ("cache/Python/3.14.0/ARCH/bin/python3.14", "echo 3 14 0"),
        ("cache/Python/3.14.0/ARCH-freethreaded/bin/python3.14t", "echo 3 14 1"),
        ("cache/Python/3.8.0/other/bin/python3.8", "echo 3 8 0"),
        ("cache/Python/notes", ""),
    ];

    #[test]
    fn runners_have_several_in_their_tool_cache() {
        let check = |tag: &str, expected: &str| assert_eq!(found(tag, RUNNER), expected, "{tag}");
        check("cp39-cp39", "cache/Python/3.9.25/ARCH/bin/python3.9");
        check("cp310-cp310", "python3");
        check("cp312-cp312", "cache/Python/3.12.10/ARCH/bin/python3.12");
        check("cp313-cp313", "cache/Python/3.13.1/ARCH/bin/python3");
        check("cp314-cp314", "cache/Python/3.14.0/ARCH/bin/python3.14");
        check("cp314-cp314t", "cache/Python/3.14.0/ARCH-freethreaded/bin/python3.14t");
        check("cp39-abi3", "python3");
        check("cp311-abi3", "cache/Python/3.12.10/ARCH/bin/python3.12");
        check("py3-none", "python3");
        assert!(
            found("cp38-cp38", RUNNER).starts_with("there is no `python3.8` (on PATH `python3` is 3.10; in `cache/")
        );
        let nothing = found("py3-none", &[("cache/Python/3.9.1/other/python", "")]);
        assert_eq!(nothing, "there is no `python3` (on PATH no Python; in `cache/Python` none for this processor)");
        assert_eq!(found("py3-none", &RUNNER[1..]), "cache/Python/3.14.0/ARCH/bin/python3.14");
    }

    #[test]
    fn one_on_path_comes_first_if_it_answers() {
        let shim = ("bin/python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127");
        let own = ("bin/python3.13", "echo 3 13 0");
        assert_eq!(found("cp313-cp313", &[&[shim, own], RUNNER].concat()), "python3.13");
        assert_eq!(found("cp311-abi3", &[&[shim, own], &RUNNER[..1]].concat()), "python3.13");
        assert_eq!(
            found("cp312-cp312", &[shim, RUNNER[0], RUNNER[1]]),
            "there is no `python3.12` (on PATH `python3.12` prints \"pyenv: python3.12: command not found\", \
             `python3` is 3.10; in `cache/Python` 3.9.25)"
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn it_finds_its_libraries() {
        let (root, runner) = machine(RUNNER);
        let runner = runner.with("LD_LIBRARY_PATH", "/opt/lib");
        let python = find(&runner, root.path(), wanted("demo-1.0.0-cp313-cp313-any.whl")).ok().unwrap();
        let lib = root.path().join(format!("cache/Python/3.13.1/{ARCH}/lib"));
        assert_eq!(python.runner.var("LD_LIBRARY_PATH"), Some(format!("{}:/opt/lib", lib.display()).as_str()));
    }
}
