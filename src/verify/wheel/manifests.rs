//! Every Cargo.toml that cargo wants to read before it builds an sdist: one that is missing is missed by every user.
//!
//! <https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html#specifying-path-dependencies>,
//! <https://doc.rust-lang.org/cargo/reference/workspaces.html>.

use std::collections::{BTreeMap, BTreeSet};

use globset::{GlobBuilder, GlobMatcher};
use toml::{Table, Value};

/// The paths of all manifests that the project of an sdist leads to: its workspace with all members, and dependencies by
/// path, optional ones too. Others that lie there (of tests, of templates) lead nowhere.
pub fn needed(top: &str, texts: &BTreeMap<String, Vec<u8>>) -> BTreeSet<String> {
    let inner = |(path, bytes): (&String, &Vec<u8>)| {
        let table = std::str::from_utf8(bytes).ok()?.parse::<Table>().ok()?;
        Some((path.strip_prefix(top)?.to_owned(), table))
    };
    let mut tree: BTreeMap<String, Table> = texts.iter().filter_map(inner).collect();
    let project = tree.remove("pyproject.toml").unwrap_or_default();
    let Some(start) = start(&project, &tree) else { return BTreeSet::new() };
    let tree = Tree { manifests: tree };
    let root = tree.root_of(&start);
    let (mut seen, mut open) = (BTreeSet::new(), vec![start.clone()]);
    if let Some(root) = &root {
        open.extend(tree.members(root));
        open.push(root.clone());
    }
    while let Some(path) = open.pop() {
        if seen.insert(path.clone()) {
            let member = path == start || root.as_deref().is_some_and(|root| tree.is_member(&path, root));
            open.extend(tree.named_by(&path, member));
        }
    }
    seen.into_iter().map(|path| format!("{top}{path}")).collect()
}

/// The manifest that maturin builds.
fn start(project: &Table, tree: &BTreeMap<String, Table>) -> Option<String> {
    let written = at(project, &["tool", "maturin", "manifest-path"]).and_then(Value::as_str);
    let backend = at(project, &["build-system", "build-backend"]).and_then(Value::as_str);
    match written {
        Some(path) => Some(joined("", path)),
        None if tree.contains_key("Cargo.toml") => Some("Cargo.toml".into()),
        None if tree.contains_key("rust/Cargo.toml") => Some("rust/Cargo.toml".into()),
        None => (backend == Some("maturin")).then(|| "Cargo.toml".into()),
    }
}

/// The manifests that are there, by their path in the sdist.
struct Tree {
    manifests: BTreeMap<String, Table>,
}

impl Tree {
    /// The manifest of the workspace that another belongs to.
    fn root_of(&self, path: &str) -> Option<String> {
        let own = self.manifests.get(path)?;
        if let Some(written) = at(own, &["package", "workspace"]).and_then(Value::as_str) {
            return Some(manifest(&folder(path), written));
        }
        let mut folder = folder(path);
        loop {
            let above = format!("{folder}Cargo.toml");
            if self.manifests.get(&above).is_some_and(|table| table.contains_key("workspace")) {
                return (above == path || !self.is_excluded(path, &above)).then_some(above);
            }
            let cut = folder.strip_suffix('/')?;
            folder = cut.rfind('/').map_or_else(String::new, |at| cut[..=at].to_owned());
        }
    }

    /// What a workspace lists; of a pattern only what is there.
    fn members(&self, root: &str) -> Vec<String> {
        let base = folder(root);
        let mut members = Vec::new();
        for written in self.listed(root, "members") {
            match pattern(&joined(&base, written)) {
                Some(pattern) => {
                    let fits = |path: &&String| pattern.is_match(folder(path).trim_end_matches('/'));
                    members.extend(self.manifests.keys().filter(fits).cloned());
                }
                None => members.push(manifest(&base, written)),
            }
        }
        members.retain(|path| !self.is_excluded(path, root));
        members
    }

    /// Whatever lies below a workspace and is not excluded from it, once something leads there.
    fn is_member(&self, path: &str, root: &str) -> bool {
        path.starts_with(&folder(root)) && !self.is_excluded(path, root)
    }

    fn is_excluded(&self, path: &str, root: &str) -> bool {
        let base = folder(root);
        self.listed(root, "exclude").any(|written| path.starts_with(&format!("{}/", joined(&base, written))))
    }

    fn listed(&self, root: &str, key: &str) -> impl Iterator<Item = &str> {
        let list = self.manifests.get(root).and_then(|table| at(table, &["workspace", key])).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str)
    }

    /// What one manifest leads to. Dependencies of tests are read of members only.
    fn named_by(&self, path: &str, member: bool) -> Vec<String> {
        let Some(table) = self.manifests.get(path) else { return Vec::new() };
        let base = folder(path);
        let root = self.root_of(path);
        let inherited = |name: &str| {
            let root = root.as_ref()?;
            let written = at(self.manifests.get(root)?, &["workspace", "dependencies", name, "path"])?.as_str()?;
            Some(manifest(&folder(root), written))
        };
        let targets = table.get("target").and_then(Value::as_table).into_iter().flatten();
        let places = std::iter::once(table).chain(targets.filter_map(|(_, value)| value.as_table()));
        let (mut named, mut orphan) = (Vec::new(), false);
        for (name, value) in places.flat_map(|place| dependencies(place, member)) {
            if let Some(written) = value.get("path").and_then(Value::as_str) {
                named.push(manifest(&base, written));
            } else if inherits(value) {
                named.extend(inherited(name));
                orphan |= root.is_none();
            }
        }
        let package = table.get("package").and_then(Value::as_table).into_iter().flatten();
        orphan |= root.is_none() && package.map(|(_, value)| value).chain(table.get("lints")).any(inherits);
        // Of all places above it the top is the likeliest.
        named.extend(orphan.then(|| "Cargo.toml".to_owned()));
        // Patches of a member are not read.
        let outermost = root.as_deref().is_none_or(|root| root == path);
        let patches = table.get("patch").filter(|_| outermost).and_then(Value::as_table).into_iter().flatten();
        let patches = patches.filter_map(|(_, value)| value.as_table()).flatten();
        named.extend(patches.filter_map(|(_, value)| Some(manifest(&base, value.get("path")?.as_str()?))));
        named
    }
}

fn dependencies(table: &Table, member: bool) -> impl Iterator<Item = (&String, &Value)> {
    let of = |kind| table.get(kind).and_then(Value::as_table).into_iter().flatten();
    let tests = member.then(|| of("dev-dependencies"));
    of("dependencies").chain(of("build-dependencies")).chain(tests.into_iter().flatten())
}

/// `name.workspace = true`
fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn at<'t>(table: &'t Table, keys: &[&str]) -> Option<&'t Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

fn pattern(text: &str) -> Option<GlobMatcher> {
    let glob = GlobBuilder::new(text).literal_separator(true).build().ok()?;
    text.contains(['*', '?', '[']).then(|| glob.compile_matcher())
}

/// `a/b/` of `a/b/Cargo.toml`; nothing for what lies at the top.
fn folder(path: &str) -> String {
    path.rfind('/').map_or_else(String::new, |at| path[..=at].to_owned())
}

fn manifest(base: &str, written: &str) -> String {
    match joined(base, written).as_str() {
        "" => "Cargo.toml".into(),
        folder => format!("{folder}/Cargo.toml"),
    }
}

/// A path as a manifest in a folder writes it; as it is written, if it leads out of the sdist.
fn joined(base: &str, written: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in written.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return written.to_owned(),
            ".." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}
