//! Asks cargo, before anything is compiled, which Pythons pyo3 is switched to: what maturin goes by, dependencies included.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{bail, ensure};

use super::log::Log;
use crate::plan::{Bindings, WheelWork};
use crate::target::Target;
use crate::wheel::{FIRST_ABI3T, Pythons};
use crate::world::process::{Cmd, Runner};

/// Whether maturin will make of a stage what was planned.
///
/// # Errors
/// If cargo fails, or pyo3 is switched to other Pythons; who does it, and what to write.
pub fn check(
    runner: &Runner,
    log: &mut Log<'_>,
    folder: &Path,
    work: &WheelWork,
    target: Target,
) -> anyhow::Result<()> {
    let tree = Tree { runner, folder, work, target };
    // Bindings that are written are taken as they are; a module without a planned Python is checked by its name alone.
    if is_written(folder, work) && !work.bindings.is_pyo3() || work.bindings.is_pyo3() && work.python.is_empty() {
        return Ok(());
    }
    let said = tree.ask(log, &["--edges", "normal,build", "--prefix", "none", "--format", "{p}|{f}"])?;
    let found = Switched::of(&said);
    if !work.bindings.is_pyo3() {
        ensure!(
            !found.pyo3 || work.bindings == Bindings::Uniffi,
            "`{}` depends on pyo3, so maturin would generate bindings for it: set `bindings = \"…\"` in `[tool.maturin]` of {}",
            work.stage.manifest,
            work.stage.pyproject
        );
        return Ok(());
    }
    let Some((word, is)) = found.differing(&work.python) else { return Ok(()) };
    let who = tree.ask(log, &["--edges", "features", "--prefix", "depth", "--invert", "pyo3"]);
    let who = who.ok().and_then(|said| is.as_ref().map(|feature| askers(&said, feature))).unwrap_or_default();
    let who = if who.is_empty() { String::new() } else { format!(" by {}", who.join(", ")) };
    let planned: Vec<String> = work.python.iter().map(ToString::to_string).collect();
    let (planned, manifest) = (planned.join(", "), &work.stage.manifest);
    match is {
        Some(feature) => bail!(
            "the pyo3 feature `{feature}` is enabled{who}, so maturin builds other wheels than planned ({planned}): enable `{feature}` of pyo3 in {manifest}, too, or depend on a version that does not enable it"
        ),
        None => bail!("the pyo3 feature `{word}` is not enabled, as planned ({planned}): enable it in {manifest}"),
    }
}

fn is_written(folder: &Path, work: &WheelWork) -> bool {
    let text = std::fs::read_to_string(folder.join(&work.stage.pyproject)).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    table.get("tool").and_then(|tool| tool.get("maturin")?.get("bindings")).is_some()
}

struct Tree<'a> {
    runner: &'a Runner,
    folder: &'a Path,
    work: &'a WheelWork,
    target: Target,
}

impl Tree<'_> {
    fn ask(&self, log: &mut Log<'_>, how: &[&str]) -> anyhow::Result<String> {
        let stage = &self.work.stage;
        let mut args = vec!["tree", "--manifest-path", &stage.manifest, "--target", self.target.triple()];
        args.extend(how);
        let features = stage.features.join(",");
        if !features.is_empty() {
            args.extend(["--features", &features]);
        }
        args.extend((!stage.default_features).then_some("--no-default-features"));
        args.extend(stage.all_features.then_some("--all-features"));
        args.extend(self.work.locked.then_some("--locked"));
        let cmd = Cmd::new("cargo", self.folder).args(args);
        log.tell(format_args!("$ {cmd}"));
        let done = self.runner.output(&cmd)?;
        if !done.status.success() {
            done.stderr.lines().for_each(|line| log.tell(line));
        }
        ensure!(done.status.success(), "`{cmd}` failed: {}", done.stderr.lines().last().unwrap_or_default());
        Ok(done.stdout)
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Switched {
    pyo3: bool,
    abi3: Option<u32>,
    abi3t: Option<u32>,
}

impl Switched {
    /// From lines like `pyo3 v0.29.3|abi3,abi3-py310,default`, some with ` (*)` behind.
    fn of(said: &str) -> Self {
        let lines = || said.lines().filter_map(|line| line.split_once('|'));
        let name = |package: &str| package.split(' ').next().unwrap_or_default().to_owned();
        let of = |wanted: &str| -> Option<BTreeSet<String>> {
            let mut found = None;
            for (_, features) in lines().filter(|(package, _)| name(package) == wanted) {
                let words = features.split([',', ' ']).map(str::to_owned);
                found.get_or_insert_with(BTreeSet::new).extend(words);
            }
            found
        };
        let Some(features) = of("pyo3").or_else(|| of("pyo3-ffi")) else { return Self::default() };
        let smallest =
            |prefix: &str| features.iter().filter_map(|word| word.strip_prefix(prefix)?.parse::<u32>().ok()).min();
        let abi3t = smallest("abi3t-py3").map(|minor| minor.max(FIRST_ABI3T));
        Self { pyo3: true, abi3: smallest("abi3-py3"), abi3t }
    }

    /// The first thing that is not as planned: what was planned, and what is instead.
    fn differing(&self, planned: &[Pythons]) -> Option<(String, Option<String>)> {
        let abi3 = self.abi3.map(Pythons::Abi3);
        let abi3t = self.abi3t.map(Pythons::Abi3t);
        let of = |planned: Pythons, is: Option<Pythons>| {
            (Some(planned) != is).then(|| (planned.to_string(), is.map(|is| is.to_string())))
        };
        planned.iter().find_map(|one| match one {
            Pythons::Abi3(_) => of(*one, abi3),
            Pythons::Abi3t(_) => of(*one, abi3t),
            Pythons::Only { threaded, minor } => {
                let stable = abi3.filter(|_| !threaded).or(abi3t.filter(|first| *minor >= first.first()));
                stable.map(|is| (one.to_string(), Some(is.to_string())))
            }
        })
    }
}

/// Who switches a feature on, in the output of `cargo tree --edges features --prefix depth --invert pyo3`: the lines right
/// below `1pyo3 feature "abi3-py39"`.
fn askers(said: &str, feature: &str) -> Vec<String> {
    let depth = |line: &str| {
        let end = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
        Some((line[..end].parse::<usize>().ok()?, line[end..].to_owned()))
    };
    let wanted = format!("pyo3 feature \"{feature}\"");
    let (mut above, mut found) = (None, Vec::new());
    for (depth, text) in said.lines().filter_map(depth) {
        if text.starts_with(&wanted) {
            above = Some(depth);
        } else if above.is_some_and(|above| depth <= above) {
            above = None;
        } else if above.is_some_and(|above| depth == above + 1) {
            let text = text.trim_end_matches(" (*)").split(" (").next().unwrap_or_default();
            let text = format!("`{}`", text.replace('"', ""));
            if !found.contains(&text) {
                found.push(text);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_of_pyo3() {
        let check = |said: &str, expected: (bool, Option<u32>, Option<u32>)| {
            let (pyo3, abi3, abi3t) = expected;
            assert_eq!(Switched::of(said), Switched { pyo3, abi3, abi3t }, "{said}");
        };
        check("a v1.0.0 (/a)|\nlog v0.4.0|std\n", (false, None, None));
        check("a v1.0.0 (/a)|\npyo3 v0.29.3|default,macros\n", (true, None, None));
        check("pyo3 v0.29.3|abi3,abi3-py310,abi3-py311,default\npyo3 v0.29.3|abi3-py39 (*)\n", (true, Some(9), None));
        check("pyo3 v0.29.3|abi3-py310,abi3t,abi3t-py315 (*)\n", (true, Some(10), Some(15)));
        check("pyo3-ffi v0.29.3|abi3-py310,abi3t-py39\n", (true, Some(10), Some(15)));
    }

    #[test]
    fn plans_that_are_kept() {
        let check =
            |planned: &[&str], (abi3, abi3t): (Option<u32>, Option<u32>), expected: Option<(&str, Option<&str>)>| {
                let planned: Vec<Pythons> = planned.iter().map(|text| text.parse().unwrap()).collect();
                let found = Switched { pyo3: true, abi3, abi3t }.differing(&planned);
                let expected = expected.map(|(word, is)| (word.to_owned(), is.map(str::to_owned)));
                assert_eq!(found, expected, "{planned:?}");
            };
        check(&["abi3-py310", "3.14t", "abi3t-py315"], (Some(10), Some(15)), None);
        check(&["abi3-py310"], (Some(9), None), Some(("abi3-py310", Some("abi3-py39"))));
        check(&["abi3-py310"], (None, None), Some(("abi3-py310", None)));
        check(&["3.12", "3.13"], (None, None), None);
        check(&["3.12"], (Some(9), None), Some(("3.12", Some("abi3-py39"))));
        check(&["3.12", "3.14t"], (None, Some(15)), None);
        check(&["3.15t"], (None, Some(15)), Some(("3.15t", Some("abi3t-py315"))));
    }

    #[test]
    fn who_asks() {
        let said = "0pyo3 v0.29.3\n1pyo3 feature \"abi3-py310\"\n2quay v1.2.3 (/quay)\n2pyo3 feature \"abi3-py39\"\n\
                    3state v1.0.0 (/quay/state)\n4state feature \"default\"\n5quay v1.2.3 (/quay)\n\
                    3other feature \"python\" (*)\n1pyo3 feature \"default\"\n2quay v1.2.3 (/quay) (*)\n";
        assert_eq!(askers(said, "abi3-py39"), ["`state v1.0.0`", "`other feature python`"]);
        assert_eq!(askers(said, "abi3-py38"), Vec::<String>::new());
    }
}
