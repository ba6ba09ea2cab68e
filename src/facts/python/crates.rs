//! The crates of the repository that a project is compiled from: what each depends on, and with which features.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::table::{at, plain, strings};
use crate::facts::text::text;

/// Most crates that are followed from one project.
const MOST: usize = 1000;

/// Crates that write bindings: what counts is who asks for what of them, also where a copy lies in the repository.
const BINDINGS: [&str; 3] = ["pyo3", "pyo3-ffi", "uniffi"];

/// A crate, as far as it decides what others are compiled with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crate {
    pub features: BTreeMap<String, Vec<String>>,
    /// What it depends on, tests aside.
    pub dependencies: Vec<Dependency>,
    /// Whether it makes a library that others load at run time.
    pub cdylib: bool,
    pub program: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependency {
    /// What it is called in its Cargo.toml.
    pub key: String,
    pub package: String,
    /// Its Cargo.toml, if it is a crate of the repository.
    pub manifest: Option<String>,
    /// Whether a feature switches it on.
    pub optional: bool,
    /// Whether its `default` feature is on.
    pub default: bool,
    pub features: Vec<String>,
}

/// A crate and all of the repository that it depends on, by path of the Cargo.toml.
///
/// # Errors
/// If a file cannot be read.
pub fn closure(root: &Path, manifest: &str) -> anyhow::Result<BTreeMap<String, Crate>> {
    let (mut found, mut next) = (BTreeMap::new(), vec![manifest.to_owned()]);
    while let Some(manifest) = next.pop() {
        if found.contains_key(&manifest) || found.len() >= MOST {
            continue;
        }
        let Some(table) = table(root, &manifest)? else { continue };
        let one = read(root, &manifest, &table)?;
        next.extend(one.dependencies.iter().filter_map(|dependency| dependency.manifest.clone()));
        found.insert(manifest, one);
    }
    Ok(found)
}

/// A Cargo.toml of the repository, if it is one.
fn table(root: &Path, manifest: &str) -> anyhow::Result<Option<Table>> {
    if manifest.split('/').any(|part| part == "..") {
        return Ok(None);
    }
    Ok(text(root, manifest)?.and_then(|content| content.parse().ok()))
}

fn read(root: &Path, manifest: &str, table: &Table) -> anyhow::Result<Crate> {
    let folder = folder(manifest);
    let (workspace_folder, workspace) = workspace(root, folder, table)?;
    let shared = at(&workspace, &["workspace", "dependencies"]).and_then(Value::as_table);
    let patched = |package: &str| {
        let patch = at(&workspace, &["patch", "crates-io", package, "path"])?.as_str()?;
        Some(plain(&format!("{workspace_folder}{patch}/Cargo.toml")))
    };
    let mut dependencies = Vec::new();
    for (key, own) in tables(table).into_iter().flatten() {
        let inherited = own.get("workspace").and_then(Value::as_bool) == Some(true);
        let base = if inherited { shared.and_then(|shared| shared.get(key)) } else { None };
        let value = |name: &str| own.get(name).or_else(|| base.and_then(|base| base.get(name)));
        let package = value("package").and_then(Value::as_str).unwrap_or(key).to_owned();
        let path = |value: &Value, folder: &str| {
            let path = value.get("path").and_then(Value::as_str)?;
            Some(plain(&format!("{folder}{path}/Cargo.toml")))
        };
        let of_base = || base.and_then(|base| path(base, &workspace_folder));
        let lies_at = path(own, folder).or_else(of_base).or_else(|| patched(&package));
        let mut features = strings(own.get("features"));
        features.extend(strings(base.and_then(|base| base.get("features"))));
        dependencies.push(Dependency {
            key: key.clone(),
            manifest: lies_at.filter(|path| path != manifest && !BINDINGS.contains(&package.as_str())),
            optional: own.get("optional").and_then(Value::as_bool) == Some(true),
            default: value("default-features").and_then(Value::as_bool) != Some(false),
            features,
            package,
        });
    }
    let kinds = at(table, &["lib", "crate-type"]).or_else(|| at(table, &["lib", "crate_type"]));
    let file = |path: &str| root.join(format!("{folder}{path}")).exists();
    let features = at(table, &["features"]).and_then(Value::as_table);
    Ok(Crate {
        features: features.into_iter().flatten().map(|(name, list)| (name.clone(), strings(Some(list)))).collect(),
        dependencies,
        cdylib: strings(kinds).iter().any(|kind| kind == "cdylib"),
        program: table.get("bin").is_some() || file("src/main.rs") || file("src/bin"),
    })
}

/// What a crate is compiled with, on any system: cargo itself is asked before anything is compiled.
fn tables(table: &Table) -> Vec<&Table> {
    let own = [at(table, &["dependencies"]), at(table, &["build-dependencies"])];
    let targets = at(table, &["target"]).and_then(Value::as_table).into_iter().flatten();
    let targets = targets.map(|(_, target)| target.get("dependencies"));
    own.into_iter().chain(targets).flatten().filter_map(Value::as_table).collect()
}

/// The workspace's Cargo.toml and its folder: the one that is named, or the nearest above.
fn workspace(root: &Path, folder: &str, own: &Table) -> anyhow::Result<(String, Table)> {
    if own.contains_key("workspace") {
        return Ok((folder.to_owned(), own.clone()));
    }
    let mut folders: Vec<String> =
        folder.match_indices('/').rev().skip(1).map(|(end, _)| folder[..=end].to_owned()).collect();
    if !folder.is_empty() {
        folders.push(String::new());
    }
    if let Some(named) = at(own, &["package", "workspace"]).and_then(Value::as_str) {
        folders = vec![self::folder(&plain(&format!("{folder}{named}/Cargo.toml"))).to_owned()];
    }
    for above in folders {
        if let Some(table) = table(root, &format!("{above}Cargo.toml"))?.filter(|table| table.contains_key("workspace"))
        {
            return Ok((above, table));
        }
    }
    // A crate that is not a member of a workspace has its own patches.
    Ok((folder.to_owned(), own.clone()))
}

/// With the `/` behind it; empty: the repository itself.
fn folder(manifest: &str) -> &str {
    manifest.strip_suffix("Cargo.toml").unwrap_or_default()
}

/// A module written with pyo3, which has these features.
#[cfg(test)]
pub fn with_pyo3(manifest: &str, features: &[&str]) -> BTreeMap<String, Crate> {
    let pyo3 = Dependency {
        key: "pyo3".into(),
        package: "pyo3".into(),
        default: true,
        features: features.iter().map(ToString::to_string).collect(),
        ..Dependency::default()
    };
    [(manifest.to_owned(), Crate { dependencies: vec![pyo3], cdylib: true, ..Crate::default() })].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_the_repository_are_followed() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "Cargo.toml",
            "[workspace]\nmembers=['crates/*']\n[workspace.dependencies]\n\
             pyo3 = { version = '0.29', features = ['abi3-py310'] }\n\
             core = { path = 'crates/core', default-features = false }\n[patch.crates-io]\nstate = { path = 'crates/state' }\n",
        );
        write(
            "crates/py/Cargo.toml",
            "[package]\nname='py'\n[lib]\ncrate-type=['cdylib','rlib']\n[dependencies]\n\
             pyo3 = { workspace = true, features = ['extension-module'] }\ncore = { workspace = true, features = ['fast'] }\n\
             state = '1'\nlog = '0.4'\n[target.'cfg(unix)'.dependencies]\nnix = { version = '1', optional = true }\n\
             [dev-dependencies]\nonly-tests = '1'\n[features]\nserver = ['dep:nix', 'core/server']\n",
        );
        write("crates/py/src/main.rs", "");
        write(
            "crates/core/Cargo.toml",
            "[package]\nname='core'\n[dependencies]\npython = { package = 'pyo3', version = '0.29', features = ['abi3-py39'] }\n",
        );
        write(
            "crates/state/Cargo.toml",
            "[package]\nname='state'\n[dependencies]\npy = { path = '../py' }\nfar = { path = '../../../far' }\n",
        );
        let found = closure(root.path(), "crates/py/Cargo.toml").unwrap();
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            ["crates/core/Cargo.toml", "crates/py/Cargo.toml", "crates/state/Cargo.toml"]
        );
        let py = &found["crates/py/Cargo.toml"];
        assert!(py.cdylib && py.program && !found["crates/core/Cargo.toml"].program);
        assert_eq!(py.features["server"], ["dep:nix", "core/server"]);
        let dependency = |key: &str| py.dependencies.iter().find(|one| one.key == key).unwrap();
        assert_eq!(dependency("pyo3").features, ["extension-module", "abi3-py310"]);
        assert!(!dependency("core").default && dependency("core").features == ["fast"]);
        assert_eq!(dependency("state").manifest.as_deref(), Some("crates/state/Cargo.toml"));
        assert!(dependency("nix").optional && dependency("log").manifest.is_none());
        assert!(!py.dependencies.iter().any(|one| one.key == "only-tests"));
        assert_eq!(found["crates/core/Cargo.toml"].dependencies[0].package, "pyo3");
    }
}
