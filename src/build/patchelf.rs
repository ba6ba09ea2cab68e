//! patchelf, which maturin starts where it copies libraries of the machine into a wheel: who may link one, and whether
//! the machine has a patchelf that maturin takes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::plan::WheelWork;
use crate::target::Target;
use crate::world::process::{Cmd, Runner};

/// maturin takes none that is older.
pub const OLDEST: (u64, u64) = (0, 14);

/// Values of `links` that stand for no library that a wheel for Linux could bring: the first is Python itself, the others
/// keep a crate from being there twice.
const NO_LIBRARY: [&str; 3] = ["python", "rayon-core", "wasm_bindgen"];

/// Whether there is one that maturin takes.
pub fn is_there(runner: &Runner, dir: &Path) -> bool {
    let asked = Cmd::new("patchelf", dir).arg("--version");
    runner.find("patchelf").is_some() && runner.text(&asked).is_ok_and(|said| is_new_enough(&said))
}

/// `patchelf 0.19.3`
fn is_new_enough(said: &str) -> bool {
    let version = said.trim().trim_start_matches("patchelf").trim();
    let numbers: Option<Vec<u64>> = version.split('.').map(|number| number.parse().ok()).collect();
    matches!(numbers.as_deref(), Some([major, minor, _]) if (*major, *minor) >= OLDEST)
}

/// The crates of a wheel that may link a library of the machine: those that name one with `links`, and those of the
/// repository that have a build script. More is not known before they are linked. Absent: cargo does not say, and
/// the build will say why; or there is no lock file, which asking would write.
pub fn linking(runner: &Runner, repository: &Path, work: &WheelWork, target: Target) -> Option<BTreeSet<String>> {
    let stage = &work.stage;
    let mut args = vec!["metadata", "--format-version=1", "--locked", "--filter-platform", target.triple()];
    args.extend(["--manifest-path", &stage.manifest]);
    let features = stage.features.join(",");
    if !features.is_empty() {
        args.extend(["--features", &features]);
    }
    args.extend((!stage.default_features).then_some("--no-default-features"));
    args.extend(stage.all_features.then_some("--all-features"));
    let said = runner.text(&Cmd::new("cargo", repository).args(args)).ok()?;
    serde_json::from_str::<Metadata>(&said).ok()?.linking()
}

/// What we read of <https://doc.rust-lang.org/cargo/commands/cargo-metadata.html#json-format>.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    links: Option<String>,
    /// Absent: it lies on this disk.
    source: Option<String>,
    targets: Vec<Kinds>,
}

#[derive(Deserialize)]
struct Kinds {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    root: Option<String>,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// Absent: of the crate itself, not of its tests or build script.
    kind: Option<String>,
}

impl Package {
    fn is(&self, kind: &str) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|one| one == kind))
    }

    fn may_link(&self) -> bool {
        match &self.links {
            Some(links) => !NO_LIBRARY.contains(&links.as_str()),
            None => self.source.is_none() && self.is("custom-build"),
        }
    }
}

impl Metadata {
    /// Those that the root's library is made of: not what its build scripts and macros are made of.
    fn linking(&self) -> Option<BTreeSet<String>> {
        let resolve = self.resolve.as_ref()?;
        let packages: BTreeMap<&str, &Package> =
            self.packages.iter().map(|package| (package.id.as_str(), package)).collect();
        let nodes: BTreeMap<&str, &Node> = resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let (mut seen, mut next) = (BTreeSet::new(), vec![resolve.root.as_deref()?]);
        let mut found = BTreeSet::new();
        while let Some(id) = next.pop() {
            let Some(package) = packages.get(id).filter(|package| !package.is("proc-macro") && seen.insert(id)) else {
                continue;
            };
            found.extend(package.may_link().then(|| package.name.clone()));
            let deps = nodes.get(id).into_iter().flat_map(|node| &node.deps);
            let own = deps.filter(|one| one.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            next.extend(own.map(|one| one.pkg.as_str()));
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_maturin_takes() {
        let check = |said: &str, expected: bool| assert_eq!(is_new_enough(said), expected, "{said}");
        check("patchelf 0.19.3\n", true);
        check("patchelf 0.14.0\n", true);
        check("patchelf 1.0.0", true);
        check("patchelf 0.13.9\n", false);
        // Debian 11: maturin cannot read it.
        check("patchelf 0.12.20200827.8d3a16e\n", false);
        check("patchelf 0.18\n", false);
        check("", false);
    }

    #[test]
    fn crates_that_may_link() {
        let package = |id: &str, more: &str| format!("{{\"id\": \"{id}\", \"name\": \"{id}\", \"targets\": [{more}");
        let lib = "{\"kind\": [\"lib\"]}], \"source\": \"registry+x\"";
        let script = "{\"kind\": [\"custom-build\"]}]";
        let linking = |name: &str| format!(", \"links\": \"{name}\"}}");
        let node = |id: &str, deps: &[(&str, &str)]| {
            let dep =
                |(pkg, kind): &(&str, &str)| format!("{{\"pkg\": \"{pkg}\", \"dep_kinds\": [{{\"kind\": {kind}}}]}}");
            let deps: Vec<String> = deps.iter().map(dep).collect();
            format!("{{\"id\": \"{id}\", \"deps\": [{}]}}", deps.join(", "))
        };
        let packages = [
            package("root", &format!("{lib}}}")),
            package("z-sys", &(lib.to_owned() + &linking("z"))),
            package("pyo3-ffi", &(lib.to_owned() + &linking("python"))),
            package("cc-sys", &(lib.to_owned() + &linking("cc"))),
            package("macros", "{\"kind\": [\"proc-macro\"]}]}"),
            package("own", &format!("{script}, \"source\": null}}")),
            package("libc", &format!("{script}, \"source\": \"registry+x\"}}")),
            package("elsewhere", &(lib.to_owned() + &linking("elsewhere"))),
        ];
        let nodes = [
            node("root", &[("pyo3-ffi", "null"), ("cc-sys", "\"build\""), ("macros", "null"), ("own", "null")]),
            node("macros", &[("cc-sys", "null")]),
            node("own", &[("z-sys", "null"), ("libc", "null"), ("root", "\"dev\"")]),
        ];
        let text = |root: &str| {
            let (packages, nodes) = (packages.join(", "), nodes.join(", "));
            format!("{{\"packages\": [{packages}], \"resolve\": {{\"root\": {root}, \"nodes\": [{nodes}]}}}}")
        };
        let found = |root: &str| serde_json::from_str::<Metadata>(&text(root)).unwrap().linking();
        assert_eq!(found("\"root\""), Some(["own", "z-sys"].map(str::to_owned).into()));
        assert_eq!(found("\"pyo3-ffi\""), Some(BTreeSet::new()));
        assert_eq!(found("null"), None);
    }
}
