//! The versions of a release in the packaged copy of a chart: `Chart.yaml` and `Chart.lock`, all else as written.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::chart::fields::field;
use crate::chart::flaw::Flaw;
use crate::chart::lock::{self, Lock, digest};
use crate::chart::metadata::{self, Metadata};
use crate::chart::tree::Tree;
use crate::yaml::{self, Change, Node, Step, ValuesPath};

/// What is to be written; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    pub version: Option<String>,
    /// Added where `Chart.yaml` has none.
    pub app_version: Option<String>,
    /// Exact versions of dependencies, by their charts' names.
    pub dependencies: BTreeMap<String, String>,
}

/// Writes the versions into a chart, not into its subcharts, and drops the fields that Helm drops.
///
/// # Errors
/// A place that cannot be edited: one that an anchor shares, a dependency without `version`.
pub fn apply(tree: &mut Tree, versions: &Versions) -> Result<(), Vec<Flaw>> {
    let text = text(tree, metadata::FILE)?.unwrap_or_default();
    let edited = chart_yaml(&text, versions)?;
    tree.metadata = Metadata::read(&edited)?;
    put(tree, metadata::FILE, edited);
    if let Some(text) = text_of_lock(tree, versions)? {
        let edited = chart_lock(&text, &tree.metadata, versions)?;
        put(tree, lock::FILE, edited);
    }
    Ok(())
}

/// `Chart.yaml` with the versions and without the fields that Helm drops, unless others need them for an anchor.
///
/// # Errors
/// As [`apply`].
pub fn chart_yaml(text: &str, versions: &Versions) -> Result<String, Vec<Flaw>> {
    let read =
        |flaws: Vec<yaml::Flaw>| flaws.into_iter().map(|flaw| Flaw::of_yaml(metadata::FILE, flaw)).collect::<Vec<_>>();
    let root = yaml::read(text).map_err(read)?;
    let mut changes = Vec::new();
    if let Some(version) = &versions.version {
        let path = ValuesPath::key(key(&root, "version"));
        changes.push(Change::Text { path, text: version.clone(), quotes: false });
    }
    match &versions.app_version {
        Some(text) if field(&root, "appVersion").is_some() => {
            let path = ValuesPath::key(key(&root, "appVersion"));
            changes.push(Change::Text { path, text: text.clone(), quotes: true });
        }
        Some(text) => {
            let after = key(&root, "version");
            changes.push(Change::Insert { key: "appVersion".into(), text: text.clone(), after });
        }
        None => {}
    }
    changes.extend(of_dependencies(&root, metadata::FILE, versions)?);
    let edited = yaml::edit(text, &changes).map_err(read)?;
    let unknown = Metadata::read(&edited)?.unknown.into_iter().filter(|field| field.at.is_empty());
    Ok(unknown.fold(edited, |text, field| yaml::edit(&text, &[Change::Remove { key: field.key }]).unwrap_or(text)))
}

/// `Chart.lock` with the versions of dependencies and the digest that Helm expects; `metadata` is the edited chart's.
///
/// # Errors
/// As [`apply`].
pub fn chart_lock(text: &str, metadata: &Metadata, versions: &Versions) -> Result<String, Vec<Flaw>> {
    let read =
        |flaws: Vec<yaml::Flaw>| flaws.into_iter().map(|flaw| Flaw::of_yaml(lock::FILE, flaw)).collect::<Vec<_>>();
    let root = yaml::read(text).map_err(read)?;
    let edited = yaml::edit(text, &of_dependencies(&root, lock::FILE, versions)?).map_err(read)?;
    let locked = Lock::read(&edited)?;
    let digest = digest(&metadata.dependencies, &locked.dependencies);
    let path = ValuesPath::key(key(&root, "digest"));
    yaml::edit(&edited, &[Change::Text { path, text: digest, quotes: false }]).map_err(read)
}

/// The changes of a list `dependencies`.
fn of_dependencies(root: &Node, file: &str, versions: &Versions) -> Result<Vec<Change>, Vec<Flaw>> {
    let Some(list) = field(root, "dependencies") else { return Ok(Vec::new()) };
    let (mut changes, mut flaws) = (Vec::new(), Vec::new());
    for (index, dependency) in list.value.items().iter().enumerate() {
        let name = field(dependency, "name").and_then(|entry| entry.value.field()).unwrap_or_default();
        let Some(version) = versions.dependencies.get(&name) else { continue };
        match field(dependency, "version") {
            None => {
                let text = format!("the dependency `{name}` has no `version` to write {version} to");
                flaws.push(Flaw::new("dependency-version", text).at(file, dependency.place()));
            }
            Some(written) => {
                let path =
                    ValuesPath::key(list.key.clone()).join(Step::Index(index)).join(Step::Key(written.key.clone()));
                changes.push(Change::Text { path, text: version.clone(), quotes: false });
            }
        }
    }
    if flaws.is_empty() { Ok(changes) } else { Err(flaws) }
}

/// A field's key as it is written.
fn key(root: &Node, name: &str) -> String {
    field(root, name).map_or_else(|| name.to_owned(), |entry| entry.key.clone())
}

fn text(tree: &Tree, path: &str) -> Result<Option<String>, Vec<Flaw>> {
    let text = tree.file(path).map(|file| file.text().map(str::to_owned));
    text.transpose().map_err(|flaw| vec![flaw])
}

/// None where the lock has nothing to change.
fn text_of_lock(tree: &Tree, versions: &Versions) -> Result<Option<String>, Vec<Flaw>> {
    if versions.dependencies.is_empty() { Ok(None) } else { text(tree, lock::FILE) }
}

fn put(tree: &mut Tree, path: &str, text: String) {
    let file = tree.files.iter_mut().find(|file| file.path == path);
    if let Some(file) = file {
        file.bytes = Bytes::from(text);
    }
}

#[cfg(test)]
mod tests {
    use super::{Metadata, Versions, chart_lock, chart_yaml};
    use crate::chart::lock::{Lock, digest};

    fn versions() -> Versions {
        Versions {
            version: Some("1.2.3-dev.20260101000000.1".into()),
            app_version: Some("0.30".into()),
            dependencies: [("db".to_owned(), "0.4.0-rc.1".to_owned())].into(),
        }
    }

    #[test]
    fn chart_yaml_gets_versions() {
        let check = |text: &str, expected: &str| assert_eq!(chart_yaml(text, &versions()).unwrap(), expected);
        check(
            "apiVersion: v2 # two\nname: app\nversion: 0.1.0\nengine: gotpl\ndependencies:\n- name: db\n  version: ~0.4.0 # x\n\
             - {name: mq, version: 1.0.0}\n",
            "apiVersion: v2 # two\nname: app\nversion: 1.2.3-dev.20260101000000.1\nappVersion: \"0.30\"\ndependencies:\n\
             - name: db\n  version: 0.4.0-rc.1 # x\n- {name: mq, version: 1.0.0}\n",
        );
        check(
            "name: app\nVersion: '0.1.0'\nappversion: 1.10\n",
            "name: app\nVersion: '1.2.3-dev.20260101000000.1'\nappversion: \"0.30\"\n",
        );
    }

    #[test]
    fn an_unknown_field_that_others_need_stays() {
        let text = "x-name: &name app\nname: *name\nversion: 0.1.0\n";
        assert_eq!(chart_yaml(text, &Versions::default()).unwrap(), text);
    }

    #[test]
    fn a_lock_fits_again() {
        let chart =
            "name: app\nversion: 0.1.0\ndependencies: [{name: db, version: ~0.4.0, repository: 'file://../db'}]\n";
        let lock = "dependencies:\n- name: db\n  repository: file://../db\n  version: 0.4.0\ndigest: sha256:00\n\
                    generated: \"2026-01-01T00:00:00Z\"\n";
        let metadata = Metadata::read(&chart_yaml(chart, &versions()).unwrap()).unwrap();
        let edited = chart_lock(lock, &metadata, &versions()).unwrap();
        let read = Lock::read(&edited).unwrap();
        assert!(read.fits(&metadata));
        assert_eq!(read.dependencies[0].version, "0.4.0-rc.1");
        assert_eq!(digest(&metadata.dependencies, &read.dependencies), read.digest);
        assert!(edited.ends_with("generated: \"2026-01-01T00:00:00Z\"\n"));
    }
}
