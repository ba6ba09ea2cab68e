//! What `init` writes for repositories of many shapes.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::config::{self, Binaries, Config};
use crate::facts::tests::{Repo, failure};
use crate::facts::{Remote, Tag, TreeFile, TreeKind};

fn package(name: &str, version: &str, bins: &[&str]) -> Package {
    Package {
        name: name.into(),
        version: version.parse().unwrap(),
        description: None,
        license: None,
        license_file: None,
        manifest: format!("crates/{name}/Cargo.toml"),
        workspace: "Cargo.toml".into(),
        bins: bins.iter().map(ToString::to_string).collect(),
        sources: BTreeMap::new(),
        features: Vec::new(),
        enables: BTreeMap::new(),
        required: BTreeMap::new(),
        publish: true,
        is_default: true,
        locked: None,
        lock: None,
    }
}

fn facts(packages: &[Package], files: &[&str]) -> Facts {
    let file = |path: &&str| TreeFile { path: (*path).into(), kind: TreeKind::File };
    let remote = Remote { host: "github.com".into(), owner: "harbor-works".into(), name: "boat".into() };
    let (packages, files) = (packages.to_vec(), files.iter().map(file).collect());
    Facts { folder: "a folder".into(), remote: Some(remote), packages, files, ..Facts::default() }
}

fn rendered(packages: &[Package]) -> String {
    render(&facts(packages, &[]), &Found::default())
}

/// Our own parser's opinion, as written and with every key uncommented.
pub fn parsed(text: &str) -> (Config, Config) {
    let is_key =
        |line: &str| line.starts_with('#') && (!line.starts_with("# ") && line != "#" || line.starts_with("#  "));
    let strip = |line: &str| if is_key(line) { line[1..].to_owned() } else { line.to_owned() };
    let uncommented: Vec<String> = text.lines().map(strip).collect();
    let parse = |text: &str| match config::parse("longshore.yaml", text, &[]) {
        Ok((config, _)) => config,
        Err((source, problems)) => panic!("{}\n{text}", source.render(&problems, false)),
    };
    (parse(text), parse(&uncommented.join("\n")))
}

fn names(config: &Config) -> Vec<&str> {
    match &config.binaries {
        Binaries::Listed(list) => list.iter().map(|binary| binary.name.as_str()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn one_crate() {
    let files = ["LICENSE", "README.md", "docs/README.md", "src/main.rs"];
    let text = render(&facts(&[package("boat", "1.2.3", &["boat"])], &files), &Found::default());
    let start = "# yaml-language-server: $schema=https://";
    assert!(text.starts_with(start) && text.ends_with("draft: false }\n"), "{text}");
    for part in
        ["\nlongshore: 1\n", "its tag is v1.2.3.", "with LICENSE, README.md.", "harbor-works/boat on github.com"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let (config, full) = parsed(&text);
    // As it is, it changes nothing.
    assert!(matches!(config.binaries, Binaries::Implied(_)) && config.name.is_none() && config.components.is_empty());
    assert_eq!((names(&full), full.name.as_deref()), (vec!["boat"], Some("boat")));
    assert_eq!(full.archives.items.len(), 1);
}

#[test]
fn versions_of_their_own_become_components() {
    let same = rendered(&[package("oar", "1.0.0", &["oar"]), package("sail", "1.0.0", &["sail", "reef"])]);
    let (config, full) = parsed(&same);
    assert_eq!((config.components.len(), names(&full)), (0, vec!["oar", "sail"]));
    let text = rendered(&[package("oar", "1.0.0", &["oar"]), package("sail", "2.0.0", &["sail"])]);
    let (config, _) = parsed(&text);
    let components: Vec<&str> = config.components.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(components, ["oar", "sail"]);
    assert!(text.contains("# oar-v1.0.0\n# sail-v2.0.0\n"), "{text}");
}

#[test]
fn leaves_out_what_is_not_meant_for_others() {
    let private = Package { publish: false, ..package("xtask", "0.0.0", &["xtask"]) };
    let text = rendered(&[package("boat", "1.2.3", &["boat"]), private.clone()]);
    assert!(text.contains("# Left out: xtask, which says `publish = false`.\n"), "{text}");
    assert_eq!(names(&parsed(&text).1), ["boat"]);
    // Where nothing is published, it is all there is.
    assert_eq!(names(&parsed(&rendered(&[private])).1), ["xtask"]);
}

#[test]
fn executables_behind_features() {
    let required = BTreeMap::from([("gen".to_owned(), vec!["dev".to_owned()])]);
    let enables = BTreeMap::from([("default".to_owned(), Vec::new()), ("dev".to_owned(), Vec::new())]);
    let mixed =
        Package { required: required.clone(), enables: enables.clone(), ..package("boat", "1.2.3", &["boat", "gen"]) };
    let (config, _) = parsed(&rendered(std::slice::from_ref(&mixed)));
    let Binaries::Listed(list) = &config.binaries else { panic!("{:?}", config.binaries) };
    assert_eq!(list[0].builds[0].1.bins, ["boat"]);
    let gated = Package { required, enables: enables.clone(), ..package("gen", "1.2.3", &["gen"]) };
    let (config, _) = parsed(&rendered(std::slice::from_ref(&gated)));
    let Binaries::Listed(list) = &config.binaries else { panic!("{:?}", config.binaries) };
    assert_eq!(
        (list[0].builds[0].1.bins.len(), list[0].builds[0].1.features.as_slice()),
        (0, ["dev".to_owned()].as_slice())
    );
    let text = rendered(&[gated, package("boat", "1.2.3", &["boat"])]);
    assert!(text.contains("# Left out: gen, which needs a feature that is off.\n"), "{text}");
    assert_eq!(names(&parsed(&text).0), ["boat"]);
    // With the feature on by default it is like any other.
    let on = Package { enables: BTreeMap::from([("default".into(), vec!["dev".into()])]), ..mixed };
    assert!(matches!(parsed(&rendered(&[on])).0.binaries, Binaries::Implied(_)));
}

#[test]
fn names_that_yaml_would_misread() {
    let check = |folder: &str, expected: &str, is_written: bool| {
        let facts = Facts { folder: folder.into(), ..Facts::default() };
        let text = render(&facts, &Found::default());
        assert!(text.contains("the git remote `origin` will name") && text.contains("no Cargo.toml"), "{text}");
        let (config, full) = parsed(&text);
        assert_eq!((full.name.as_deref(), config.name.is_some()), (Some(expected), is_written), "{folder}");
    };
    check("boat", "boat", false);
    check("true", "true", false);
    check("1.2", "1.2", false);
    check("my project", "my-project", true);
    check(".dotfiles", "dotfiles", true);
    check("a: b #\"", "a--b", true);
    check("☃", "project", true);
}

const LIBRARY: &str = "[package]\nname = 'keel'\nversion = '1.2.3'\nedition = '2024'\n";

pub fn init(repo: &Repo) -> (String, InitReport) {
    let report = run(&repo.runner, &Env::default(), &repo.root).unwrap();
    assert_eq!(report.path, repo.root.join("longshore.yaml"));
    let text = fs::read_to_string(&report.path).unwrap();
    parsed(&text);
    (text, report)
}

#[test]
fn a_library_with_examples_only() {
    let repo = Repo::with(&[
        ("Cargo.toml", LIBRARY),
        ("src/lib.rs", ""),
        ("examples/shown.rs", "fn main() {}"),
        ("tests/all.rs", ""),
    ]);
    let (text, report) = init(&repo);
    assert!(text.contains("no cargo package has an executable (keel)."), "{text}");
    assert_eq!(report.found, "  no cargo package with an executable, no Dockerfile and no chart\n");
}

#[test]
fn a_workspace_without_packages() {
    let repo = Repo::with(&[("Cargo.toml", "[workspace]\nmembers = []\nresolver = '3'\n")]);
    assert!(init(&repo).0.contains("Nothing to release was found yet"));
}

#[test]
fn an_executable_in_src_bin() {
    let repo = Repo::with(&[("Cargo.toml", LIBRARY), ("src/bin/weigh-anchor.rs", "fn main() {}")]);
    let (text, report) = init(&repo);
    assert!(text.contains("#  keel: {} # executable weigh-anchor\n"), "{text}");
    assert_eq!(report.found, "  package keel 1.2.3: weigh-anchor\n");
}

#[test]
fn what_lies_in_folders() {
    let repo = Repo::with(&[
        ("rust/Cargo.toml", LIBRARY),
        ("rust/src/main.rs", "fn main() {}"),
        ("broken/Cargo.toml", "x"),
        ("tests/fixtures/Cargo.toml", "x"),
        ("charts/boat/Chart.yaml", "apiVersion: v2\nname: boat\nversion: 0.1.0\n"),
        ("charts/boat/charts/mast/Chart.yaml", "apiVersion: v2\nname: mast\nversion: 0.1.0\n"),
        ("other/pyproject.toml", "[build-system]\nbuild-backend = 'hatchling.build'\n"),
    ]);
    let (text, report) = init(&repo);
    assert!(text.contains("\n  keel: { manifest: \"rust/Cargo.toml\" } # executable keel\n"), "{text}");
    assert!(text.contains("\n  boat: { version: release }\n"), "{text}");
    assert!(report.found.contains("  chart boat of charts/boat\n"), "{}", report.found);
    assert!(report.found.contains("  cargo cannot read broken/Cargo.toml\n"), "{}", report.found);
}

#[test]
fn never_overwrites() {
    let repo = Repo::with(&[("longshore.yaml", "mine\n")]);
    let (code, _, hint) = failure(&run(&repo.runner, &Env::default(), &repo.root).unwrap_err());
    assert_eq!(code, "config-exists");
    assert!(hint.contains("longshore check"));
    assert_eq!(fs::read_to_string(repo.root.join("longshore.yaml")).unwrap(), "mine\n");
    assert_eq!(failure(&write_new(&repo.root.join("longshore.yaml"), "").unwrap_err()).0, "config-exists");
}

#[test]
fn a_folder_with_the_only_manifest() {
    let repo = Repo::with(&[("tool/Cargo.toml", LIBRARY), ("tool/src/main.rs", "fn main() {}"), ("tool/docs/a", "")]);
    let at = |folder: &str| {
        let path = run(&repo.runner, &Env::default(), &repo.root.join(folder)).unwrap().path;
        path.strip_prefix(&repo.root).unwrap().to_owned()
    };
    assert_eq!(at("tool"), Path::new("tool/longshore.yaml"));
    let refused = run(&repo.runner, &Env::default(), &repo.root.join("tool/docs")).unwrap_err();
    assert_eq!(failure(&refused).0, "config-exists", "there is one nearer than the top");
    fs::remove_file(repo.root.join("tool/longshore.yaml")).unwrap();
    assert_eq!(at("tool/docs"), Path::new("longshore.yaml"));
}

const MODULE: &str = "[package]\nname = 'keel'\nversion = '1.2.3'\nedition = '2024'\n[lib]\ncrate-type = ['cdylib']\n\
                      [features]\nabi3 = ['pyo3/abi3-py310']\n[dependencies]\npyo3 = { path = 'pyo3' }\n";
const PYTHON: &str = "[build-system]\nbuild-backend = 'maturin'\n[project]\nname = 'keel'\ndynamic = ['version']\n";

/// A repository with a stub of pyo3, which has nothing to compile.
fn python(files: &[(&str, &str)]) -> Repo {
    let pyo3 = "[package]\nname = 'pyo3'\nversion = '0.29.0'\npublish = false\n[features]\nabi3-py310 = []\n";
    let all = [("pyo3/Cargo.toml", pyo3), ("pyo3/src/lib.rs", "")];
    Repo::with(&[&all, files].concat())
}

/// The files that the written configuration plans, at once, and what it assumes of Python.
fn planned(repo: &Repo) -> (Vec<String>, Vec<String>) {
    let (text, _) = init(repo);
    let (config, _) = config::parse("longshore.yaml", &text, &[]).unwrap();
    let manifests = config.wheels.iter().flat_map(|wheel| &wheel.builds);
    let manifests = manifests.filter_map(|(_, settings)| settings.cargo.manifest.clone()).collect();
    let wanted = FactsRequest { python: true, manifests, ..FactsRequest::default() };
    let facts = facts::gather(&repo.runner, &Env::default(), &repo.root, &wanted).unwrap();
    let plan = crate::plan::plan(&config, &facts, &crate::plan::Request::default());
    let plan = plan.unwrap_or_else(|problems| panic!("{text}\n{problems:?}"));
    let outputs = plan.steps.iter().flat_map(|step| step.outputs()).map(str::to_owned);
    let outputs = outputs.filter(|name| !name.contains("aarch64") && !name.contains("macos") && !name.contains("win"));
    (outputs.collect(), plan.assumed.into_iter().filter(|note| note.contains("ython")).collect())
}

#[test]
fn a_module_for_python() {
    let pyproject = format!("{PYTHON}requires-python = '>=3.10'\n[tool.maturin]\nfeatures = ['abi3']\n");
    let files = [("Cargo.toml", MODULE), ("src/lib.rs", ""), ("pyproject.toml", &pyproject)];
    let (names, notes) = planned(&python(&files));
    assert_eq!(names, ["keel-1.2.3-cp310-abi3-manylinux_2_28_x86_64.whl", "keel-1.2.3.tar.gz"]);
    assert_eq!(notes.len(), 0, "{notes:?}");
    let (text, report) = init(&python(&files));
    for part in
        ["\nbinaries: false\n", "\nwheels:\n  keel: {}\n", "used up for ever", "\n  pypi: {}\n", "tag is v1.2.3"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(
        report.found.ends_with("keel, by maturin from pyproject.toml: abi3, Python 3.10 and later\n"),
        "{report:?}"
    );
    // No release is promised that none would be.
    assert!(!text.contains("github:") && text.contains("\n# Where it goes: PyPI."), "{text}");
    // Nothing is sent to an index for a project without one.
    let text = init(&Repo::with(&[("Cargo.toml", LIBRARY), ("src/main.rs", "fn main() {}")])).0;
    assert!(!text.contains("pypi") && !text.contains("wheels"), "{text}");
}

#[test]
fn a_module_for_each_python() {
    let check = |project: &str, expected: &str, lacking: bool| {
        let pyproject = format!("{PYTHON}{project}\n");
        let repo = python(&[("Cargo.toml", MODULE), ("src/lib.rs", ""), ("pyproject.toml", &pyproject)]);
        let (names, notes) = planned(&repo);
        let wheels = names.iter().filter_map(|name| name.strip_prefix("keel-1.2.3-cp3")?.split('-').next());
        assert_eq!(wheels.collect::<Vec<_>>().join(" "), expected, "{project}");
        assert_eq!(!notes.is_empty(), lacking, "{notes:?}");
    };
    check("", "10 11 12 13 14", false);
    check("requires-python = '>=3.12,!=3.13.*'", "12 14", false);
    let classifiers =
        "classifiers = ['Programming Language :: Python :: 3.9', 'Programming Language :: Python :: 3.12']";
    check(classifiers, "9 12", false);
    check(&format!("requires-python = '>=3.10'\n{classifiers}"), "12", true);
}

#[test]
fn what_is_no_module_for_python() {
    let check = |cargo: &str, maturin: &str, says: &str, files: &[&str]| {
        let manifest = format!("[package]\nname = 'keel'\nversion = '1.2.3'\nedition = '2024'\n{cargo}\n");
        let pyproject = format!("{PYTHON}[tool.maturin]\n{maturin}\n");
        let main = "fn main() {}";
        let own = [
            ("Cargo.toml", manifest.as_str()),
            ("src/main.rs", main),
            ("src/lib.rs", ""),
            ("pyproject.toml", &pyproject),
        ];
        let report = init(&python(&own)).1;
        assert!(report.found.contains(says), "{says} in {report:?}");
        let names = planned(&python(&own)).0;
        let python: Vec<&String> = names.iter().filter(|name| name.ends_with(".whl")).collect();
        assert_eq!(python, files, "{cargo} {maturin}");
    };
    let program = "keel-1.2.3-py3-none-manylinux_2_28_x86_64.whl";
    check("", "bindings = 'bin'", "keel, by maturin from pyproject.toml: a program\n", &[program]);
    check("", "", "a program\n", &[program]);
    check("[lib]\ncrate-type = ['cdylib']", "", "by cffi, for every Python\n", &[program]);
    check("[lib]\ncrate-type = ['cdylib']", "bindings = 'uniffi'", "by uniffi, for every Python\n", &[program]);
    let embeds = "pyproject.toml is left out: `Cargo.toml` is a program that embeds Python";
    check("[dependencies]\npyo3 = { path = 'pyo3' }", "bindings = 'bin'", embeds, &[]);
    check("", "bindings = 'other'", "`bindings = \"other\"`, which are not in this version", &[]);
}

#[test]
fn several_modules_for_python() {
    let module = |name: &str, version: &str| {
        let features = "[features]\ndefault = ['pyo3/abi3-py310']\n[dependencies]\npyo3 = { path = '../pyo3' }\n";
        format!("[package]\nname = '{name}'\nversion = '{version}'\n[lib]\ncrate-type = ['cdylib']\n{features}")
    };
    let pyproject = |name: &str| PYTHON.replace("'keel'", &format!("'{name}'")) + "requires-python = '>=3.10'\n";
    let check = |version: &str, keys: [&str; 2], files: &[&str]| {
        let repo = python(&[
            ("Cargo.toml", "[workspace]\nmembers = ['oar', 'sail', 'pyo3']\nresolver = '3'\n"),
            ("oar/Cargo.toml", &module("oar", "1.0.0")),
            ("oar/src/lib.rs", ""),
            ("oar/pyproject.toml", &pyproject("boat-oar")),
            ("sail/Cargo.toml", &module("sail", version)),
            ("sail/src/lib.rs", ""),
            ("sail/pyproject.toml", &pyproject("sail")),
            ("tests/pyproject.toml", &pyproject("tried")),
            ("no-crate/pyproject.toml", &pyproject("no-crate")),
            ("twin/Cargo.toml", "x"),
            ("twin/pyproject.toml", &pyproject("Sail")),
            ("os/Cargo.toml", "x"),
            ("os/pyproject.toml", &pyproject("os")),
        ]);
        assert_eq!(planned(&repo).0, files);
        let text = fs::read_to_string(repo.root.join("longshore.yaml")).unwrap();
        let wheels = format!("wheels:\n  boat-oar: {{ {} }}\n  sail: {{ {} }}\n\n", keys[0], keys[1]);
        assert!(text.contains(&wheels), "{text}");
    };
    let (oar, sail) = ("manifest: \"oar/Cargo.toml\"", "manifest: \"sail/Cargo.toml\"");
    let wheel = |name: &str, version: &str| format!("{name}-{version}-cp310-abi3-manylinux_2_28_x86_64.whl");
    let names = [
        wheel("boat_oar", "1.0.0"),
        "boat_oar-1.0.0.tar.gz".into(),
        wheel("sail", "1.0.0"),
        "sail-1.0.0.tar.gz".into(),
    ];
    check("1.0.0", [oar, sail], &names.each_ref().map(String::as_str));
    // Versions of their own: components, and each distribution in that of its crate.
    let names = [
        wheel("boat_oar", "1.0.0"),
        "boat_oar-1.0.0.tar.gz".into(),
        wheel("sail", "2.0.0"),
        "sail-2.0.0.tar.gz".into(),
    ];
    check("2.0.0", [&format!("{oar}, component: oar"), sail], &names.each_ref().map(String::as_str));
}

#[test]
fn tags_as_they_are_already() {
    let tagged = |packages: &[Package], tags: &[&str]| {
        let tag = |name: &&str| Tag { name: (*name).into(), commit: String::new(), distance: None };
        let facts = Facts { tags: tags.iter().map(tag).collect(), ..facts(packages, &[]) };
        let text = render(&facts, &Found::default());
        parsed(&text);
        text
    };
    let check = |tags: &[&str], expected: &str| {
        let text = tagged(&[package("oar", "1.2.3", &["oar"])], tags);
        assert!(text.contains(expected), "{expected} in\n{text}");
    };
    check(&[], "its tag is v1.2.3.\n#tag: \"v{version}\"\n");
    check(&["v1.2.2", "1.0.0"], "its tag is v1.2.3.\n#tag: \"v{version}\"\n");
    let bare = "its tag is 1.2.3, as the repository's tags are (`1.2.2`).\ntag: \"{version}\"\n";
    check(&["1.2.2", "v1.0.0", "nightly"], bare);
    check(
        &["oar-1.2.2"],
        "its tag is oar-1.2.3, as the repository's tags are (`oar-1.2.2`).\ntag: \"oar-{version}\"\n",
    );
    check(&["oar/v1.2.2"], "\ntag: \"oar/v{version}\"\n");
    check(&["boat@1.2.2"], "\ntag: \"boat@{version}\"\n");
    // Those of something else.
    check(&["sail-v9.0.0", "chart9.0.0"], "#tag: \"v{version}\"\n");
    let several = |tags: &[&str], expected: &str| {
        let packages = [package("oar", "1.2.3", &["oar"]), package("sail", "2.0.0", &["sail"])];
        let text = tagged(&packages, tags);
        assert!(text.contains(expected), "{expected} in\n{text}");
    };
    several(&["sail-v1.0.0"], "# oar-v1.2.3\n# sail-v2.0.0\ncomponents:\n  - oar\n  - sail\n");
    let at = "# oar@1.2.3\n# sail@2.0.0\ncomponents:\n  oar: { tag: \"{component}@{version}\" }\n  \
              sail: { tag: \"{component}@{version}\" }\n";
    several(&["sail@1.0.0", "1.0.0"], at);
    several(
        &["sail-v1.0.0", "v1.2.3"],
        "# v1.2.3\n# sail-v2.0.0\ncomponents:\n  oar: { tag: \"v{version}\" }\n  sail: {}\n",
    );
}

#[test]
fn remotes_that_are_not_on_github() {
    let check = |host: &str, expected: &[&str]| {
        let remote = Remote { host: host.into(), owner: "acme".into(), name: "tools".into() };
        let facts = Facts { remote: Some(remote), ..facts(&[package("oar", "1.2.3", &["oar"])], &[]) };
        let (text, said) = (render(&facts, &Found::default()), summary(&facts, &Found::default()));
        let unwrapped = text.replace("\n# ", " ");
        for part in expected {
            assert!(unwrapped.contains(part) && said.contains(part), "{part} in\n{text}\n{said}");
        }
        assert!(text.contains("\n#publish:\n#  github: { repository: owner/name }\n"), "{text}");
        assert!(text.lines().skip(1).all(|line| line.len() <= 120) && !text.contains("a release of acme"), "{text}");
        parsed(&text);
    };
    let gitlab =
        "releases go to GitHub, and the git remote is on `gitlab.com`: write `publish.github.repository: owner/name`";
    check("gitlab.com", &[gitlab, "or `publish: { github: false }`"]);
    check("git.acme.org", &["which is not a known GitHub server", "`publish.github.host: git.acme.org`"]);
}

#[test]
fn licences_of_packages() {
    let packages = [package("oar", "1.2.3", &["oar"]), package("sail", "1.2.3", &["sail"])];
    let own = render(&facts(&packages, &["crates/oar/LICENSE", "crates/oar/readme.md"]), &Found::default());
    let words = "with what is nearest to its package:\n# oar: crates/oar/LICENSE, crates/oar/readme.md\n\
                 # sail: nothing else (there is no README or LICENSE)\n#archives:\n";
    assert!(own.contains(words), "{own}");
    parsed(&own);
    let top = render(&facts(&packages, &["LICENSE"]), &Found::default());
    assert!(top.contains("one archive for each and each target, with LICENSE.\n#archives:\n"), "{top}");
}

#[test]
fn a_workflow_of_another_hand() {
    let of = |workflow: &str| {
        let files = [("Cargo.toml", LIBRARY), ("src/main.rs", "fn main() {}"), (WORKFLOW, workflow)];
        init(&Repo::with(&files))
    };
    let (text, report) = of("name: mine\n");
    assert!(text.contains("\nworkflows: { longshore.yml: {} }\n"), "{text}");
    assert!(report.found.contains("`longshore generate` will write .github/workflows/longshore.yml\n"), "{report:?}");
}
