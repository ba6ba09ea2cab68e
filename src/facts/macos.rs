//! The oldest macOS that `.cargo/config.toml` asks for: cargo hands its `[env]` to compilers.
//!
//! <https://doc.rust-lang.org/cargo/reference/config.html#env>

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::git::TreeFile;
use super::text::text;
use crate::macos::DEPLOYMENT_TARGET;

/// What the configurations of the commit say, by the folder that each is for; empty: the repository itself.
///
/// # Errors
/// If a file cannot be read.
pub fn asked(root: &Path, files: &[TreeFile]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut asked = BTreeMap::new();
    // Where both names are there cargo reads the old one.
    for name in [".cargo/config.toml", ".cargo/config"] {
        for file in files {
            let Some(folder) = file.path.strip_suffix(name) else { continue };
            if !(folder.is_empty() || folder.ends_with('/')) {
                continue;
            }
            let Some(table) = text(root, &file.path)?.and_then(|text| text.parse::<Table>().ok()) else { continue };
            let value = table.get("env").and_then(|env| env.get(DEPLOYMENT_TARGET));
            let value = value.and_then(|value| value.get("value").or(Some(value))).and_then(Value::as_str);
            if let Some(value) = value {
                asked.insert(folder.trim_end_matches('/').to_owned(), value.to_owned());
            }
        }
    }
    Ok(asked)
}

/// What holds where cargo is started: the nearest folder's.
pub fn nearest<'f>(asked: &'f BTreeMap<String, String>, folder: &str) -> Option<(&'f str, String)> {
    let mut folder = folder;
    loop {
        if let Some(value) = asked.get(folder) {
            let place = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            return Some((value, format!("{place}.cargo/config.toml")));
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::TreeKind;

    #[test]
    fn configurations_of_the_commit() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(".cargo/config.toml", "[env]\nMACOSX_DEPLOYMENT_TARGET = '12.0'\n");
        write("a/b/.cargo/config.toml", "[env]\nMACOSX_DEPLOYMENT_TARGET = { value = '13.0', force = true }\n");
        write("c/.cargo/config.toml", "[env]\nOTHER = '1'\n");
        let paths = [".cargo/config.toml", "a/b/.cargo/config.toml", "c/.cargo/config.toml", "x.cargo/config.toml"];
        let files: Vec<TreeFile> = paths.map(|path| TreeFile { path: path.into(), kind: TreeKind::File }).into();
        let asked = asked(root.path(), &files).unwrap();
        let check = |folder: &str, expected: &str| assert_eq!(nearest(&asked, folder).unwrap().0, expected, "{folder}");
        check("", "12.0");
        check("a", "12.0");
        check("a/b", "13.0");
        check("a/b/c", "13.0");
        check("c", "12.0");
        assert_eq!(nearest(&BTreeMap::new(), "a/b"), None);
    }
}
