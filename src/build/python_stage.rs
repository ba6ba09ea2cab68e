//! The copy of the commit that one Python distribution is built from, outside the repository: tracked files stay as they
//! are, and two distributions do not see each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use globset::{Glob, GlobSet, GlobSetBuilder};
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

use super::commit::{self, Wanted};
use super::log::Log;
use super::machine::Machine;
use super::{asset, outside};
use crate::plan::{AssetWork, StageWork};
use crate::portable;
use crate::world::files;

/// The copy: where it lies, and what it was before anything was made in it.
pub struct Stage {
    /// The project's folder in it.
    pub folder: PathBuf,
    /// The repository's folder in it.
    pub top: PathBuf,
    committed: BTreeSet<String>,
    root: PathBuf,
}

/// Lays out the copy and edits its pyproject.toml. `git`: whether build scripts find the commit's git there, as in the
/// repository; what is made into an sdist has none.
///
/// # Errors
/// If a file cannot be copied, or the pyproject.toml is none.
pub fn lay_out(machine: Machine<'_>, stage: &StageWork, git: bool) -> anyhow::Result<Stage> {
    let Machine { runner, store, .. } = machine;
    let root = outside::fresh(runner, store, &stage.distribution.in_files())?;
    let tree = commit::check_out(machine, &root, Wanted::All)?;
    let folder = tree.folder.clone();
    let committed = names(&folder)?;
    for id in &stage.assets {
        let (step, asset) = machine.find::<AssetWork>(id)?;
        let scratch = tempfile::tempdir_in(store.root())?;
        for member in asset::members(store, step, asset, scratch.path())? {
            let at = files::make_room(&folder, &member.path)?;
            asset::put(&member.body, &at)?;
        }
    }
    tree.follow()?;
    let pyproject = folder.join(&stage.pyproject);
    let text = fs::read_to_string(&pyproject).with_context(|| format!("cannot read `{}`", stage.pyproject))?;
    fs::write(&pyproject, edited(&text, stage)?)?;
    if git {
        let mut ours = vec![stage.pyproject.clone()];
        ours.extend(take_all(&folder, &stage.pyproject)?);
        tree.assume_unchanged(runner, &ours)?;
    } else {
        tree.forget_git()?;
    }
    Ok(Stage { folder, top: tree.top, committed, root })
}

/// Where a `.git` stands above, maturin passes over what a `.gitignore` names. Whatever lies in the copy was put there, so
/// the folder of the pyproject.toml says that nothing is ignored; rules of an `.ignore` of the user's stand behind that.
/// The name of that file, if it is the commit's.
fn take_all(folder: &Path, pyproject: &str) -> anyhow::Result<Option<String>> {
    let name = format!("{}.ignore", pyproject.strip_suffix("pyproject.toml").unwrap_or_default());
    let path = folder.join(&name);
    let own = fs::read_to_string(&path).ok();
    fs::write(&path, format!("!*\n{}", own.as_deref().unwrap_or_default()))?;
    Ok(own.map(|_| name))
}

impl Stage {
    pub fn copies(&self) -> &Path {
        self.root.parent().unwrap_or(&self.root)
    }

    /// Files of the import package that are not of the commit: `assets:` and `before:` made them, so the wheel must hold
    /// them. By their path in the stage and in the wheel.
    ///
    /// # Errors
    /// If the pyproject.toml or a folder cannot be read.
    pub fn made(&self, stage: &StageWork) -> anyhow::Result<Vec<(String, String)>> {
        let text = fs::read_to_string(self.folder.join(&stage.pyproject))?;
        let document: toml::Table = text.parse().with_context(|| format!("`{}` is not TOML", stage.pyproject))?;
        let maturin = document.get("tool").and_then(|tool| tool.get("maturin"));
        let key = |name: &str| maturin.and_then(|maturin| maturin.get(name));
        let project = stage.pyproject.strip_suffix("pyproject.toml").unwrap_or_default();
        let source = key("python-source").and_then(toml::Value::as_str).unwrap_or_default();
        let source = match source.trim_start_matches("./").trim_end_matches('/') {
            "" | "." => project.to_owned(),
            source => format!("{project}{source}/"),
        };
        let excluded = excluded(key("exclude"))?;
        let mut made = Vec::new();
        for path in names(&self.folder)?.difference(&self.committed) {
            let Some(inside) = path.strip_prefix(&source) else { continue };
            let mut tops = stage.modules.iter().filter_map(|module| module.split('.').next());
            let of_package = tops.any(|top| inside.strip_prefix(top).is_some_and(|rest| rest.starts_with('/')));
            let in_project = path.strip_prefix(project).unwrap_or(path);
            let compiled = [".so", ".pyd", ".dylib", ".pyc"].iter().any(|ending| path.ends_with(ending));
            if of_package && !compiled && !excluded.is_match(in_project) {
                made.push((path.clone(), inside.to_owned()));
            }
        }
        Ok(made)
    }

    /// Takes out files that Windows cannot have: an sdist goes there, too, and cargo lists none with them. Whether it can
    /// do without is seen when it is built back.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn leave_out(&self, log: &mut Log<'_>) -> anyhow::Result<()> {
        for path in names(&self.folder)? {
            if let Some(why) = portable::not_on_windows(&path) {
                log.tell(format_args!(
                    "not in the sdist: `{}`, whose name is invalid on Windows: {why}",
                    path.escape_debug()
                ));
                fs::remove_file(self.folder.join(&path))?;
            }
        }
        Ok(())
    }

    /// Takes it away.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.root).with_context(|| format!("cannot remove `{}`", self.root.display()))
    }
}

/// The globs of `[tool.maturin] exclude`, texts or tables with a `path`.
fn excluded(globs: Option<&toml::Value>) -> anyhow::Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for glob in globs.and_then(toml::Value::as_array).into_iter().flatten() {
        let glob = glob.as_str().or_else(|| glob.get("path").and_then(toml::Value::as_str));
        if let Some(glob) = glob.and_then(|glob| Glob::new(glob).ok()) {
            set.add(glob);
        }
    }
    Ok(set.build()?)
}

/// Every file below a folder. A name that is not UTF-8 cannot be one of ours.
fn names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let (mut found, mut todo) = (BTreeSet::new(), vec![String::new()]);
    while let Some(above) = todo.pop() {
        for entry in fs::read_dir(folder.join(&above))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if above.is_empty() { name } else { format!("{above}/{name}") };
            if entry.file_type()?.is_dir() {
                todo.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

/// A pyproject.toml as a distribution has it. Comments and order stay.
fn edited(text: &str, stage: &StageWork) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse().with_context(|| format!("`{}` is not TOML", stage.pyproject))?;
    let name = stage.distribution.as_str();
    let project = table(&mut document, "project")?;
    project["name"] = value(name);
    if stage.set_version {
        project["version"] = value(stage.version.as_str());
        if let Some(dynamic) = project.get_mut("dynamic").and_then(Item::as_array_mut) {
            dynamic.retain(|item| item.as_str() != Some("version"));
        }
    }
    for (key, replaced) in &stage.project {
        match toml(replaced) {
            Some(replaced) => project[key.as_str()] = Item::Value(replaced),
            None => drop(project.remove(key)),
        }
    }
    if let Some(written) = &stage.written {
        for list in lists(project) {
            rename(list, written, name);
        }
    }
    let tool = table(&mut document, "tool")?;
    tool.set_implicit(true);
    let maturin = tool.entry("maturin").or_insert_with(|| Item::Table(Table::new()));
    let Some(maturin) = maturin.as_table_like_mut() else { bail!("`tool.maturin` is not a table") };
    // In one place only: features on maturin's command line would replace these, and sdists know none.
    let features: Array = stage.features.iter().map(String::as_str).collect();
    maturin.insert("features", value(features));
    if !stage.default_features {
        maturin.insert("no-default-features", value(true));
    }
    if stage.all_features {
        maturin.insert("all-features", value(true));
    }
    // Its bill of materials is for those who ask for it.
    let sbom = maturin.entry("sbom").or_insert_with(|| Item::Table(Table::new()));
    if let Some(sbom) = sbom.as_table_like_mut()
        && sbom.get("rust").is_none()
    {
        sbom.insert("rust", value(false));
    }
    Ok(document.to_string())
}

/// The same pyproject.toml with the features that it names, and not all.
///
/// # Errors
/// If it is none.
pub fn without_all_features(text: &str) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse().context("the pyproject.toml is not TOML")?;
    let maturin = document.get_mut("tool").and_then(|tool| tool.get_mut("maturin"));
    if let Some(maturin) = maturin.and_then(Item::as_table_like_mut) {
        maturin.remove("all-features");
    }
    Ok(document.to_string())
}

fn table<'d>(document: &'d mut DocumentMut, name: &str) -> anyhow::Result<&'d mut Table> {
    let item = document.entry(name).or_insert_with(|| Item::Table(Table::new()));
    item.as_table_mut().with_context(|| format!("`{name}` of the pyproject.toml is not a table"))
}

/// Every list of requirements.
fn lists(project: &mut Table) -> Vec<&mut Array> {
    let mut all = Vec::new();
    for (key, item) in project.iter_mut() {
        match key.get() {
            "dependencies" => all.extend(item.as_array_mut()),
            "optional-dependencies" => {
                let extras = item.as_table_like_mut().into_iter().flat_map(|extras| extras.iter_mut());
                all.extend(extras.filter_map(|(_, list)| list.as_array_mut()));
            }
            _ => {}
        }
    }
    all
}

/// `opsml[onnx]` in `opsml-client` would install opsml.
fn rename(list: &mut Array, from: &str, to: &str) {
    let normal = |name: &str| name.replace(['_', '.'], "-").to_lowercase();
    for item in list.iter_mut() {
        let Some(text) = item.as_str() else { continue };
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
        if normal(&text[..end]) == normal(from) {
            let decor = item.decor().clone();
            let mut renamed = Value::from(format!("{to}{}", &text[end..]));
            *renamed.decor_mut() = decor;
            *item = renamed;
        }
    }
}

/// JSON as TOML; nothing for `null`, which removes a key.
fn toml(json: &serde_json::Value) -> Option<Value> {
    Some(match json {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(flag) => (*flag).into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Array(items) => Value::Array(items.iter().filter_map(toml).collect()),
        serde_json::Value::Object(map) => {
            let mut table = toml_edit::InlineTable::new();
            for (key, item) in map {
                if let Some(item) = toml(item) {
                    table.insert(key, item);
                }
            }
            Value::InlineTable(table)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_and_the_variant_is_written_in() {
        let text = "# ours\n[project]\nname = \"opsml\" # the name\ndynamic = [\"version\", \"readme\"]\n\n[project.optional-dependencies]\n\
            onnx = [\"skl2onnx\"]\nall = [\n  \"opsml[onnx]\", # itself\n  \"Opsml [x] ; python_version > '3'\",\n  \"opsml-other\",\n]\n\n\
            [tool.maturin]\nmodule-name = \"opsml._opsml\"\n";
        let stage = StageWork {
            distribution: "opsml-client".parse().unwrap(),
            written: Some("opsml".into()),
            version: "3.0.0.dev4".into(),
            set_version: true,
            pyproject: "pyproject.toml".into(),
            manifest: "Cargo.toml".into(),
            features: vec!["server".into(), "x/y".into()],
            default_features: false,
            all_features: false,
            project: [("description".to_owned(), "a client".into()), ("readme".to_owned(), serde_json::Value::Null)]
                .into(),
            new_classifiers: Vec::new(),
            assets: Vec::new(),
            modules: Vec::new(),
        };
        let made = edited(text, &stage).unwrap();
        let expected = "# ours\n[project]\nname = \"opsml-client\"\ndynamic = [ \"readme\"]\nversion = \"3.0.0.dev4\"\ndescription = \"a client\"\n\n\
            [project.optional-dependencies]\nonnx = [\"skl2onnx\"]\nall = [\n  \"opsml-client[onnx]\", # itself\n  \"opsml-client [x] ; python_version > '3'\",\n  \"opsml-other\",\n]\n\n\
            [tool.maturin]\nmodule-name = \"opsml._opsml\"\nfeatures = [\"server\", \"x/y\"]\nno-default-features = true\n\n[tool.maturin.sbom]\nrust = false\n";
        assert_eq!(made, expected);
        assert!(edited("[project", &stage).is_err());
    }
}
