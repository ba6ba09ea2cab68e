//! The version that a file says it has: manifests of cargo, npm, Python and Helm, a key of another file, or plain text.

use std::path::Path;

use serde_json::Value;

use super::text::{leads_out, stays_inside};
use super::yaml;

/// The path and the key of `PATH#KEY`.
pub fn path(text: &str) -> (&str, Option<&str>) {
    text.split_once('#').map_or((text, None), |(path, key)| (path, Some(key)))
}

/// Reads the version in the file `path` of the repository `root`, or in a key of it (`PATH#KEY`); `Err` says why there is
/// none.
///
/// # Errors
/// A reason, lower case, without the path.
pub fn read(root: &Path, path: &str) -> Result<String, String> {
    let (path, key) = self::path(path);
    if !stays_inside(path) {
        return Err("is outside the repository".into());
    }
    if leads_out(root, path) {
        return Err("is a link that leads out of the repository".into());
    }
    let text = text(&root.join(path))?;
    if let Some(key) = key {
        return keyed(path, &text, key);
    }
    match path.rsplit('/').next().unwrap_or(path) {
        "Cargo.toml" => cargo(root, path, &text),
        "pyproject.toml" => pyproject(&text),
        "Chart.yaml" => chart(&text),
        name if name.ends_with(".json") => json(&text),
        _ => plain(&text),
    }
}

/// A key of a file: one of the top level if there is one of this name, else a dotted path; from `/` on a JSON pointer.
fn keyed(path: &str, text: &str, key: &str) -> Result<String, String> {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let text = text.trim_start_matches('\u{feff}');
    let value = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?,
        Some("toml" | "lock") => serde_json::to_value(table(text)?).map_err(|error| format!("is not TOML: {error}"))?,
        Some("yaml" | "yml") => yaml::read(text)?,
        _ => return Err("can only have keys if it is JSON, TOML or YAML".into()),
    };
    let found = match key.strip_prefix('/') {
        Some(_) => value.pointer(key),
        None => value.get(key).or_else(|| dotted(&value, key)),
    };
    match found {
        None => Err(format!("has no key `{key}`")),
        Some(Value::String(text)) if text.trim().is_empty() => Err(format!("has an empty `{key}`")),
        Some(Value::String(text)) => Ok(text.trim().to_owned()),
        Some(_) => Err(format!("has a `{key}` that is not text")),
    }
}

/// `a.b.0`: keys of maps, places in lists.
fn dotted<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    key.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => value.get(part),
    })
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".into(),
        std::io::ErrorKind::InvalidData => "is not text".into(),
        _ => format!("cannot be read: {error}"),
    })
}

fn table(text: &str) -> Result<toml::Table, String> {
    text.parse::<toml::Table>().map_err(|error| format!("is not TOML: {}", error.message()))
}

/// `[package]`, else `[workspace.package]`; an inherited version is looked up in the folders above.
fn cargo(root: &Path, path: &str, text: &str) -> Result<String, String> {
    let manifest = table(text)?;
    let of_workspace = |manifest: &toml::Table| {
        let version = manifest.get("workspace")?.get("package")?.get("version")?.as_str()?;
        Some(version.to_owned())
    };
    let Some(version) = manifest.get("package").and_then(|package| package.get("version")) else {
        return of_workspace(&manifest)
            .ok_or_else(|| "has no `version` in `[package]` or `[workspace.package]`".into());
    };
    if let Some(version) = version.as_str() {
        return Ok(version.to_owned());
    }
    let above = Path::new(path).ancestors().skip(1).map(|folder| folder.join("Cargo.toml"));
    let manifests = above.filter_map(|path| table(&self::text(&root.join(path)).ok()?).ok());
    let inherited = manifests.into_iter().find_map(|manifest| of_workspace(&manifest));
    inherited.ok_or_else(|| "inherits its version from a workspace that cannot be found above it".into())
}

fn pyproject(text: &str) -> Result<String, String> {
    let manifest = table(text)?;
    let project = manifest.get("project").ok_or("has no `[project]`")?;
    if let Some(version) = project.get("version") {
        return version.as_str().map(str::to_owned).ok_or_else(|| "has a `version` that is not text".into());
    }
    let dynamic = project.get("dynamic").and_then(toml::Value::as_array);
    if dynamic.is_some_and(|keys| keys.iter().any(|key| key.as_str() == Some("version"))) {
        return Err("has a dynamic version; use the file it comes from instead".into());
    }
    Err("has no `version` in `[project]`".into())
}

fn json(text: &str) -> Result<String, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    value
        .get("version")
        .and_then(|version| version.as_str())
        .map(str::to_owned)
        .ok_or_else(|| "has no `version`".into())
}

/// The key at the start of a line: all that Helm's own `version:` ever is.
fn chart(text: &str) -> Result<String, String> {
    let value = text.lines().find_map(|line| line.strip_prefix("version:")).ok_or("has no `version:`")?.trim();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or_default(),
        _ => value.split(" #").next().unwrap_or_default().trim_end(),
    };
    if value.is_empty() { Err("has an empty `version:`".into()) } else { Ok(value.to_owned()) }
}

fn plain(text: &str) -> Result<String, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    match text.lines().count() {
        0 => Err("is empty".into()),
        1 => Ok(text.to_owned()),
        _ => Err("contains more than a version".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: Result<&str, &str>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(super::path(path).0);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let found = read(folder.path(), path);
        match expected {
            Ok(version) => assert_eq!(found.as_deref(), Ok(version), "{path}: {text}"),
            Err(part) => assert!(found.as_ref().is_err_and(|reason| reason.contains(part)), "{path}: {found:?}"),
        }
    }

    #[test]
    fn manifests() {
        check("Cargo.toml", "[package]\nname='a'\nversion='1.2.3'\n", Ok("1.2.3"));
        check("Cargo.toml", "[workspace.package]\nversion='1.2.3'\n", Ok("1.2.3"));
        check("Cargo.toml", "[workspace.package]\nversion='1.2.3'\n[package]\nversion.workspace=true\n", Ok("1.2.3"));
        check("Cargo.toml", "[workspace]\n", Err("no `version`"));
        check("Cargo.toml", "[package]\nversion.workspace=true\n", Err("cannot be found above"));
        check("Cargo.toml", "[package\n", Err("is not TOML"));
        check("web/package.json", "{\"name\":\"a\",\"version\":\"1.2.3\"}", Ok("1.2.3"));
        check("web/package.json", "{\"name\":\"a\"}", Err("no `version`"));
        check("web/package.json", "{", Err("is not JSON"));
        check("py/pyproject.toml", "[project]\nname='a'\nversion='1.2.3'\n", Ok("1.2.3"));
        check("py/pyproject.toml", "[project]\ndynamic=['version']\n", Err("dynamic"));
        check("py/pyproject.toml", "[build-system]\n", Err("no `[project]`"));
    }

    #[test]
    fn keys() {
        let json =
            "{\"a.b\":\"1.2.3\",\"a\":{\"b\":\"9\",\"c\":[\"0\",\"1.2.3\"],\"/\":{\"\":\"1.2.3\"}},\"n\":1,\"e\":\"\"}";
        check("v.json#a.b", json, Ok("1.2.3"));
        check("v.json#a.c.1", json, Ok("1.2.3"));
        check("v.json#/a/c/1", json, Ok("1.2.3"));
        check("v.json#/a/~1/", json, Ok("1.2.3"));
        check("v.json#/a.b", json, Ok("1.2.3"));
        check("v.json#a.d", json, Err("has no key `a.d`"));
        check("v.json#n", json, Err("not text"));
        check("v.json#e", json, Err("empty"));
        check("v.json#a", "{", Err("is not JSON"));
        check("v.toml#tool.own.version", "[tool.own]\nversion = '1.2.3'\n", Ok("1.2.3"));
        check("Cargo.lock#package.0.version", "[[package]]\nversion = '1.2.3'\n", Ok("1.2.3"));
        check("v.toml#a", "[", Err("is not TOML"));
        check("v.yaml#image.tag", "image:\n  tag: 1.10 # text\n", Ok("1.10"));
        check("v.yml#list.1.a/b", "list:\n- x\n- {a/b: 'v1.2.3'}\n", Ok("v1.2.3"));
        check("v.yml#/list/1/a~1b", "list:\n- x\n- a/b: >-\n    1.2.3\n", Ok("1.2.3"));
        check("v.yaml#a", "a: [", Err("is not YAML"));
        check("v.yaml#a", "x: &x 1.2.3\na: *x\n", Ok("1.2.3"));
        check("v.txt#a", "1.2.3", Err("JSON, TOML or YAML"));
    }

    #[test]
    fn charts() {
        check("Chart.yaml", "apiVersion: v2\nappVersion: '9'\nversion: 1.2.3 # of the chart\n", Ok("1.2.3"));
        check("Chart.yaml", "dependencies:\n- name: a\n  version: 9.9.9\nversion: \"1.2.3\"\n", Ok("1.2.3"));
        check("Chart.yaml", "version: '1.2.3' # x\r\n", Ok("1.2.3"));
        check("Chart.yaml", "name: a\n", Err("no `version:`"));
        check("Chart.yaml", "version:\n", Err("empty"));
    }

    #[test]
    fn plain_texts() {
        check("VERSION", "1.2.3\n", Ok("1.2.3"));
        check("VERSION", "\u{feff}1.2.3\r\n\r\n", Ok("1.2.3"));
        check("VERSION", "\n", Err("empty"));
        check("version.py", "import os\nVERSION = 1\n", Err("more than a version"));
    }

    #[test]
    fn inheritance_and_ways_out() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[workspace]\nmembers=['crates/*']\n[workspace.package]\nversion='1.2.3'\n");
        write("crates/a/Cargo.toml", "[package]\nname='a'\nversion={workspace=true}\n");
        assert_eq!(read(folder.path(), "crates/a/Cargo.toml").as_deref(), Ok("1.2.3"));
        for path in ["../VERSION", "/etc/hostname", "a/../../b"] {
            assert_eq!(read(folder.path(), path), Err("is outside the repository".into()));
        }
        assert_eq!(read(folder.path(), "VERSION"), Err("does not exist".into()));
        assert!(read(folder.path(), "crates").is_err());
    }
}
