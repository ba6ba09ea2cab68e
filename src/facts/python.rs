//! Python projects that maturin builds: what their pyproject.toml and Cargo.toml say.

pub mod crates;
pub mod requires;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::{Table, Value};

use self::crates::Crate;
use self::table::{at, plain, strings};
use super::git::TreeFile;
use super::text::text;
use crate::macos::MacosVersion;
use crate::target::Target;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PythonProject {
    /// Path of its pyproject.toml, relative to the repository.
    pub pyproject: String,
    /// Path of its Cargo.toml, relative to the repository.
    pub manifest: String,
    /// `[project].name`
    pub name: Option<String>,
    /// `[project].version`
    pub version: Option<String>,
    /// `[project].dynamic`
    pub dynamic: Vec<String>,
    /// `[project].requires-python`
    pub requires_python: Option<String>,
    /// Minor versions of the classifiers `Programming Language :: Python :: 3.X`, sorted.
    pub classified: Vec<u32>,
    /// `[project.optional-dependencies]`
    pub extras: BTreeMap<String, Vec<String>>,
    /// Names of `[project.scripts]`.
    pub scripts: Vec<String>,
    /// `[tool.maturin].features`, those that are plain names.
    pub features: Vec<String>,
    /// `[tool.maturin].no-default-features` and `all-features`.
    pub feature_flags: FeatureFlags,
    /// `[tool.maturin].bindings`, as written; absent: what the crates say.
    pub bindings: Option<String>,
    /// Whether `[tool.maturin]` keeps maturin from copying libraries of the machine into a wheel.
    pub repair_off: bool,
    /// `[tool.maturin.target.TRIPLE].macos-deployment-target`
    pub macos: BTreeMap<Target, MacosVersion>,
    /// The top-level import package or module.
    pub module: String,
    /// Whether the commit has Python files of that package.
    pub has_python: bool,
    /// Its crate and those of the repository that it depends on, by path of the Cargo.toml.
    pub crates: BTreeMap<String, Crate>,
    /// How its README is written: a media type, or the path of the file; absent: it has none, or cargo finds one.
    pub readme: Option<String>,
    /// Names of `[profile.…]` in its Cargo.toml.
    pub profiles: Vec<String>,
}

/// Which features are enabled without being named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeatureFlags {
    /// `no-default-features`
    pub no_default: bool,
    /// `all-features`
    pub all: bool,
}

/// Every project of the commit whose build backend is maturin, sorted by path.
///
/// # Errors
/// If a file cannot be read.
pub fn projects(root: &Path, files: &[TreeFile]) -> anyhow::Result<Vec<PythonProject>> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path == "pyproject.toml" || file.path.ends_with("/pyproject.toml")) {
        let Some(content) = text(root, &file.path)? else { continue };
        let Ok(table) = content.parse::<Table>() else { continue };
        if at(&table, &["build-system", "build-backend"]).and_then(Value::as_str) != Some("maturin") {
            continue;
        }
        found.push(project(root, &file.path, files, &table)?);
    }
    Ok(found)
}

fn project(root: &Path, path: &str, files: &[TreeFile], table: &Table) -> anyhow::Result<PythonProject> {
    let folder = path.strip_suffix("pyproject.toml").unwrap_or_default().to_owned();
    let string = |keys: &[&str]| at(table, keys).and_then(Value::as_str).map(str::to_owned);
    let manifest = string(&["tool", "maturin", "manifest-path"]).unwrap_or_else(|| "Cargo.toml".into());
    let manifest = plain(&format!("{folder}{manifest}"));
    let crate_table = text(root, &manifest)?.and_then(|content| content.parse::<Table>().ok()).unwrap_or_default();
    let workspace = text(root, "Cargo.toml")?.and_then(|content| content.parse::<Table>().ok()).unwrap_or_default();
    let name = string(&["project", "name"]);
    let library = at(&crate_table, &["lib", "name"]).or_else(|| at(&crate_table, &["package", "name"]));
    let library = library.and_then(Value::as_str).unwrap_or_default().replace('-', "_");
    let module = string(&["tool", "maturin", "module-name"]).unwrap_or(library);
    let module = module.split('.').next().unwrap_or_default().to_owned();
    let flag = |name: &str| at(table, &["tool", "maturin", name]).and_then(Value::as_bool) == Some(true);
    let source = string(&["tool", "maturin", "python-source"]);
    let source = source.map_or_else(|| folder.clone(), |source| format!("{folder}{source}/"));
    let package = format!("{}/", plain(&format!("{source}{module}")));
    let extras = at(table, &["project", "optional-dependencies"]).and_then(Value::as_table);
    let extras = extras.into_iter().flatten().map(|(extra, list)| (extra.clone(), strings(Some(list))));
    let scripts = at(table, &["project", "scripts"]).and_then(Value::as_table);
    Ok(PythonProject {
        pyproject: path.to_owned(),
        name,
        version: string(&["project", "version"]),
        dynamic: strings(at(table, &["project", "dynamic"])),
        requires_python: string(&["project", "requires-python"]),
        classified: classified(&strings(at(table, &["project", "classifiers"]))),
        extras: extras.collect(),
        scripts: scripts.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
        features: strings(at(table, &["tool", "maturin", "features"])),
        feature_flags: FeatureFlags { no_default: flag("no-default-features"), all: flag("all-features") },
        bindings: string(&["tool", "maturin", "bindings"]),
        repair_off: string(&["tool", "maturin", "auditwheel"])
            .map_or_else(|| flag("skip-auditwheel"), |mode| mode != "repair"),
        macos: macos(table),
        has_python: files.iter().any(|file| file.path.starts_with(&package) && file.path.ends_with(".py")),
        module,
        crates: crates::closure(root, &manifest)?,
        readme: readme(at(table, &["project", "readme"])).or_else(|| readme_of_crate(&crate_table, &workspace)),
        profiles: at(&crate_table, &["profile"])
            .and_then(Value::as_table)
            .into_iter()
            .flatten()
            .map(|(n, _)| n.clone())
            .collect(),
        manifest,
    })
}

fn macos(table: &Table) -> BTreeMap<Target, MacosVersion> {
    let targets = at(table, &["tool", "maturin", "target"]).and_then(Value::as_table).into_iter().flatten();
    let asked = |(triple, target): (&String, &Value)| {
        let version = target.get("macos-deployment-target")?.as_str()?;
        Some((triple.parse().ok()?, version.parse().ok()?))
    };
    targets.filter_map(asked).collect()
}

/// `readme` of `[project]`: a path, or a table.
fn readme(value: Option<&Value>) -> Option<String> {
    let (table, text) = (value?, |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned));
    text(value).or_else(|| text(table.get("content-type"))).or_else(|| text(table.get("file")))
}

/// maturin takes that of the crate where `[project]` names none.
fn readme_of_crate(table: &Table, workspace: &Table) -> Option<String> {
    let own = at(table, &["package", "readme"])?;
    let inherited = own.get("workspace").and_then(|_| at(workspace, &["workspace", "package", "readme"]));
    readme(inherited.or(Some(own)))
}

fn classified(classifiers: &[String]) -> Vec<u32> {
    let minors = classifiers.iter().filter_map(|text| text.strip_prefix("Programming Language :: Python :: 3."));
    let minors: BTreeSet<u32> = minors.filter_map(|minor| minor.parse().ok()).collect();
    minors.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::TreeKind;

    #[test]
    fn reads_what_maturin_reads() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "Cargo.toml",
            "[workspace]\nmembers=['py']\n[workspace.dependencies]\npyo3 = { version = '0.29', features = ['abi3-py310'] }\n",
        );
        write(
            "py/Cargo.toml",
            "[package]\nname='py-demo'\n[lib]\nname='_demo'\n[dependencies]\npyo3.workspace = true\n[features]\nnewer = ['pyo3/abi3-py312', 'x']\n",
        );
        write(
            "py/pyproject.toml",
            "[build-system]\nbuild-backend='maturin'\n[project]\nname='Demo'\ndynamic=['version']\nrequires-python='>=3.10'\nclassifiers=['Programming Language :: Python :: 3.12', 'Programming Language :: Python :: 3.9', 'Programming Language :: Python :: 3 :: Only', 'Typing :: Typed']\n[project.optional-dependencies]\nall=['demo[a]']\n[project.scripts]\ndemo='demo:main'\n[tool.maturin]\nmodule-name='demo._demo'\nbindings='pyo3'\nauditwheel='check'\nfeatures=['newer']\n[tool.maturin.target.aarch64-apple-darwin]\nmacos-deployment-target='12.0'\n",
        );
        write(
            "python/pyproject.toml",
            "[build-system]\nbuild-backend='maturin'\n[tool.maturin]\nmanifest-path='./../rust/Cargo.toml'\n",
        );
        write("rust/Cargo.toml", "[package]\nname='a-b'\n[profile.release]\nlto='fat'\n[profile.dev]\n");
        write("other/pyproject.toml", "[build-system]\nbuild-backend='hatchling.build'\n");
        let file = |path: &str| TreeFile { path: path.into(), kind: TreeKind::File };
        let files =
            ["other/pyproject.toml", "py/demo/__init__.py", "py/pyproject.toml", "python/pyproject.toml"].map(file);
        let found = projects(root.path(), &files).unwrap();
        assert_eq!(found.len(), 2);
        let beside = &found[1];
        assert_eq!((beside.manifest.as_str(), beside.module.as_str()), ("rust/Cargo.toml", "a_b"));
        assert_eq!(beside.profiles, ["dev", "release"]);
        let project = &found[0];
        assert_eq!((project.manifest.as_str(), project.module.as_str()), ("py/Cargo.toml", "demo"));
        assert_eq!(project.name.as_deref(), Some("Demo"));
        assert_eq!(project.extras["all"], ["demo[a]"]);
        assert_eq!(project.scripts, ["demo"]);
        assert_eq!(project.classified, [9, 12]);
        assert_eq!(project.crates["py/Cargo.toml"].dependencies[0].features, ["abi3-py310"]);
        assert_eq!(project.bindings.as_deref(), Some("pyo3"));
        assert!(project.has_python && !beside.has_python);
        assert!(project.repair_off && !beside.repair_off);
        let macos: Vec<String> = project.macos.values().map(ToString::to_string).collect();
        assert_eq!(macos, ["12.0"]);
    }
}
