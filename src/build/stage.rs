//! The copy of the commit that one Python distribution is built from: tracked files stay as they are, and two distributions
//! do not see each other.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

use super::asset;
use crate::plan::{Plan, StageWork};
use crate::world::files;
use crate::world::process::{Cmd, Runner};
use crate::world::store::Store;

/// Lays out the copy and edits its pyproject.toml.
///
/// # Errors
/// If a file cannot be copied, or the pyproject.toml is none.
pub fn lay_out(runner: &Runner, store: &Store, plan: &Plan, stage: &StageWork) -> anyhow::Result<PathBuf> {
    let folder = fresh(store, stage.distribution.in_files())?;
    let repository = store.repository();
    // Tracked files, and in a dirty tree what is not ignored: what the plan saw.
    let list = Cmd::new("git", repository);
    let list = list.args(["-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"]);
    for path in runner.text(&list)?.split('\0').filter(|path| !path.is_empty()) {
        ensure!(files::is_inside(path), "the path `{path}` leaves the repository");
        copy(&repository.join(path), &folder, path)?;
    }
    for id in &stage.assets {
        let step = plan.step(id).with_context(|| format!("the plan has no step `{id}`"))?;
        let scratch = tempfile::tempdir_in(store.root())?;
        for member in asset::members(store, step, scratch.path())? {
            let at = files::make_room(&folder, &member.path)?;
            asset::put(&member.body, &at)?;
        }
    }
    let pyproject = folder.join(&stage.pyproject);
    let text = fs::read_to_string(&pyproject).with_context(|| format!("cannot read `{}`", stage.pyproject))?;
    fs::write(&pyproject, edited(&text, stage)?)?;
    Ok(folder)
}

/// An empty folder below the output folder, which git ignores. maturin leaves out what a `.gitignore` of any folder above
/// names, up to one with a `.git`; to git itself an empty one is none.
///
/// # Errors
/// If it cannot be made.
pub fn fresh(store: &Store, name: String) -> anyhow::Result<PathBuf> {
    let folder = store.root().join("stages").join(name);
    files::fresh_folder(&folder)?;
    fs::create_dir(folder.join(".git"))?;
    Ok(folder)
}

fn copy(from: &Path, folder: &Path, path: &str) -> anyhow::Result<()> {
    // One that was removed from the work tree is not there any more.
    let Ok(meta) = fs::symlink_metadata(from) else { return Ok(()) };
    let at = files::make_room(folder, path)?;
    if meta.is_symlink() {
        let link = fs::read_link(from)?;
        #[cfg(unix)]
        std::os::unix::fs::symlink(link, at)?;
        #[cfg(not(unix))]
        fs::copy(from.parent().unwrap_or(Path::new(".")).join(link), at).map(drop)?;
        return Ok(());
    }
    if meta.is_file() {
        fs::copy(from, &at).with_context(|| format!("cannot copy `{path}`"))?;
    }
    Ok(())
}

/// A pyproject.toml as a distribution has it. Comments and order stay.
fn edited(text: &str, stage: &StageWork) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse().with_context(|| format!("`{}` is no TOML", stage.pyproject))?;
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
    let Some(maturin) = maturin.as_table_like_mut() else { bail!("`tool.maturin` is no table") };
    // In one place only: features on maturin's command line would replace these, and sdists know none.
    let features: Array = stage.features.iter().map(String::as_str).collect();
    maturin.insert("features", value(features));
    if !stage.default_features {
        maturin.insert("no-default-features", value(true));
    }
    if stage.all_features {
        maturin.insert("all-features", value(true));
    }
    // Its bill of materials names folders of this machine.
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
    let mut document: DocumentMut = text.parse().context("the pyproject.toml is no TOML")?;
    let maturin = document.get_mut("tool").and_then(|tool| tool.get_mut("maturin"));
    if let Some(maturin) = maturin.and_then(Item::as_table_like_mut) {
        maturin.remove("all-features");
    }
    Ok(document.to_string())
}

fn table<'d>(document: &'d mut DocumentMut, name: &str) -> anyhow::Result<&'d mut Table> {
    let item = document.entry(name).or_insert_with(|| Item::Table(Table::new()));
    item.as_table_mut().with_context(|| format!("`{name}` of the pyproject.toml is no table"))
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
