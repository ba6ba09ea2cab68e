//! METADATA and PKG-INFO: the right name and version, nothing of the builder's machine, nothing under another name.

use std::collections::{BTreeMap, BTreeSet};

use super::flaw::{Flaw, flaw};
use super::members::Members;
use crate::core_metadata::CoreMetadata;
use crate::pypi;
use crate::verify::content::{Listing, printable, some_of};
use crate::wheel::{DistributionName, WheelTag};

const BUILD: &str = "build it again";

#[derive(Clone, Copy)]
pub struct Of<'a> {
    pub distribution: &'a DistributionName,
    pub version: &'a str,
    pub siblings: &'a [DistributionName],
}

impl Of<'_> {
    /// Parses a METADATA or PKG-INFO at a path.
    pub fn check(self, path: &str, text: Option<&str>, flaws: &mut Vec<Flaw>) -> Option<CoreMetadata> {
        let mut wrong = |text: String| flaws.push(flaw("dist-metadata", text, BUILD));
        let Some(text) = text else {
            wrong(format!("has no `{path}`"));
            return None;
        };
        let metadata = match CoreMetadata::parse(text) {
            Ok(metadata) => metadata,
            Err(why) => {
                wrong(format!("contains `{path}`, which {}", printable(&why)));
                return None;
            }
        };
        let name = metadata.get("Name").unwrap_or_default();
        let same =
            name.parse::<DistributionName>().is_ok_and(|name| name.normalized() == self.distribution.normalized());
        if !same {
            wrong(format!("has the name `{}` in its `{path}`, not `{}`", printable(name), self.distribution));
        }
        let version = metadata.get("Version").unwrap_or_default();
        if version != self.version {
            wrong(format!("has version `{}` in its `{path}`, not `{}`", printable(version), self.version));
        }
        let format = metadata.get("Metadata-Version").unwrap_or_default();
        if !pypi::VERSIONS.contains(&format) {
            wrong(format!(
                "has metadata of version `{}` in its `{path}`, which PyPI does not accept",
                printable(format)
            ));
        }
        self.other_names(&metadata, flaws);
        Some(metadata)
    }

    /// An extra that is made of other extras names its own distribution, and keeps the old name when that changes.
    fn other_names(self, metadata: &CoreMetadata, flaws: &mut Vec<Flaw>) {
        let extras: BTreeSet<String> = metadata.all("Provides-Extra").map(normalized).collect();
        let siblings: Vec<String> = self.siblings.iter().map(DistributionName::normalized).collect();
        for requirement in metadata.all("Requires-Dist") {
            let Some((name, wanted)) = with_extras(requirement) else { continue };
            let own = wanted.split(',').all(|extra| extras.contains(&normalized(extra.trim())));
            if own && normalized(name) != self.distribution.normalized() && siblings.contains(&normalized(name)) {
                let text = format!(
                    "requires `{name}[{wanted}]`, its own extras under another name: installing `{}` would install both",
                    self.distribution
                );
                let hint = format!("use `{}[{wanted}]` in `[project.optional-dependencies]`", self.distribution);
                flaws.push(flaw("dist-self-reference", text, hint));
            }
        }
    }
}

fn normalized(name: &str) -> String {
    name.parse::<DistributionName>().map_or_else(|_| name.to_owned(), |name| name.normalized())
}

/// Name and extras of `name[a,b] ; …`.
fn with_extras(requirement: &str) -> Option<(&str, &str)> {
    let (name, rest) = requirement.split_once('[')?;
    let (extras, _) = rest.split_once(']')?;
    (!name.contains([';', '@', '(', '<', '>', '=', '!', '~'])).then_some((name.trim(), extras.trim()))
}

/// Every `License-File` must be where indexes and installers look for it.
pub fn licenses(metadata: &CoreMetadata, folder: &str, listing: &Listing, flaws: &mut Vec<Flaw>) {
    let there = |name: &&str| !listing.contains_key(&format!("{folder}{name}"));
    if let Some(missing) = some_of(metadata.all("License-File").filter(there)) {
        let text = format!("does not contain the licence {missing} in `{folder}`, although its metadata lists it");
        flaws.push(flaw("dist-license-file", text, "PyPI refuses it: check `license-files` in pyproject.toml"));
    }
}

/// WHEEL must have the tags of the file name, one by one, and say that there is machine code.
pub fn check_tags(info: &str, members: &Members<'_>, tag: &WheelTag, flaws: &mut Vec<Flaw>) {
    let mut wrong = |text: String| flaws.push(flaw("wheel-tag", text, BUILD));
    let Some(text) = members.texts.get(&format!("{info}/WHEEL")) else {
        return wrong(format!("has no `{info}/WHEEL`"));
    };
    let fields = match CoreMetadata::parse(text) {
        Ok(fields) => fields,
        Err(why) => return wrong(format!("contains a WHEEL file, which {}", printable(&why))),
    };
    let format = fields.get("Wheel-Version").unwrap_or_default();
    if !format.starts_with("1.") {
        wrong(format!("has format version `{}`, but pip supports 1.0", printable(format)));
    }
    if !members.libraries.is_empty() && fields.get("Root-Is-Purelib") != Some("false") {
        wrong("contains libraries, but WHEEL does not say `Root-Is-Purelib: false`".into());
    }
    let named: BTreeSet<String> = each(tag);
    let inside: BTreeSet<String> = fields.all("Tag").map(str::to_owned).collect();
    if let Some(more) = some_of(inside.difference(&named).map(String::as_str)) {
        wrong(format!("has {} in WHEEL, but not in its name", printable(&more)));
    }
    if let Some(less) = some_of(named.difference(&inside).map(String::as_str)) {
        wrong(format!("does not have {less} in WHEEL, but in its name"));
    }
}

/// `py2.py3-none-any` is `py2-none-any` and `py3-none-any`.
fn each(tag: &WheelTag) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for python in tag.python.split('.') {
        for abi in tag.abi.split('.') {
            all.extend(tag.platform.split('.').map(|platform| format!("{python}-{abi}-{platform}")));
        }
    }
    all
}

/// Paths of the machine that built it: they tell who and where, and make the same sources give other bytes. A README
/// in a description may show any path, and maturin's SBOM of a given wheel nearly always has some.
pub fn local_paths(texts: &BTreeMap<String, String>, prebuilt: bool, flaws: &mut Vec<Flaw>) {
    for (path, text) in texts {
        let is_metadata = path.ends_with("/METADATA") || path.ends_with("/PKG-INFO") || path == "PKG-INFO";
        if !is_metadata && (prebuilt || !path.contains("/sboms/")) {
            continue;
        }
        let fields = if is_metadata { text.split("\n\n").next().unwrap_or(text) } else { text.as_str() };
        let Some(found) = local_path(fields) else { continue };
        let text = format!("contains a path of the build machine in `{path}`: `{}`", printable(&found));
        let hint = if is_metadata {
            "depend on a version instead of a path"
        } else {
            "build the wheel with `longshore build`, which removes its own folder from SBOMs, or with `[tool.maturin.sbom] rust = false`; files of `include` there must not contain absolute paths"
        };
        flaws.push(flaw("dist-local-path", text, hint));
    }
}

/// The first absolute path, up to where it ends.
fn local_path(text: &str) -> Option<String> {
    let ends = |c: char| c.is_whitespace() || "\"'<>,;)#".contains(c);
    let shown = |at: usize| text[at..].split(ends).next().unwrap_or_default().chars().take(120).collect();
    if let Some(at) = text.find("file:///") {
        return Some(shown(at));
    }
    let starts = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~/:".contains(c));
    for home in ["/home", "/Users", "/root", "/builds", "/github"] {
        let mut places = text.match_indices(home);
        let found = places.find(|(at, _)| starts(*at) && text[at + home.len()..].starts_with('/'));
        if let Some((at, _)) = found {
            return Some(shown(at));
        }
    }
    // A drive letter: `C:\`, also as JSON writes it.
    let drive = text.match_indices(":\\").find(|(at, _)| {
        let mut before = text[..*at].chars().rev();
        before.next().is_some_and(|c| c.is_ascii_uppercase()) && !before.next().is_some_and(char::is_alphanumeric)
    });
    drive.map(|(at, _)| shown(at - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_machine() {
        let found = |text: &str| local_path(text);
        assert_eq!(found("\"bom-ref\": \"path+file:///w/a#0.3\","), Some("file:///w/a".into()));
        assert_eq!(found("x (/home/me/a)"), Some("/home/me/a".into()));
        assert_eq!(found("at D:\\\\a\\\\b"), Some("D:\\\\a\\\\b".into()));
        for fine in [
            "https://example.org/home/me",
            "https://x.y//home",
            "a:\\b",
            "homes/home/x",
            "registry+https://github.com/a",
        ] {
            assert_eq!(found(fine), None, "{fine}");
        }
    }

    #[test]
    fn requirements_with_extras() {
        assert_eq!(with_extras("opsml[onnx, a] ; extra == 'all'"), Some(("opsml", "onnx, a")));
        assert_eq!(with_extras("opsml (>=1) ; extra == 'all'"), None);
        assert_eq!(with_extras("x >= 1 ; y[0]"), None);
    }
}
