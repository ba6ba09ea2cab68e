//! Symbolic links of a repository, as text: what they stand for, without a file system.

use std::collections::BTreeMap;

/// How many links may be gone through on one way, as on Linux.
const MOST: usize = 40;

/// What a path of the repository stands for once every link on it is followed: a path without links. Nothing if it
/// leaves the repository, is absolute, or goes round in circles.
pub fn resolve(path: &str, links: &BTreeMap<String, String>) -> Option<String> {
    let mut todo: Vec<String> = path.split('/').rev().map(ToOwned::to_owned).collect();
    let mut done: Vec<String> = Vec::new();
    let mut followed = 0;
    while let Some(name) = todo.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                done.pop()?;
                continue;
            }
            _ => done.push(name),
        }
        let Some(link) = links.get(&done.join("/")) else { continue };
        followed += 1;
        if followed > MOST || link.is_empty() || link.starts_with('/') || link.contains('\\') {
            return None;
        }
        done.pop();
        todo.extend(link.split('/').rev().map(ToOwned::to_owned));
    }
    Some(done.join("/"))
}

/// Files of a tree by path, and for links what they point at.
pub type Paths = BTreeMap<String, Option<String>>;

/// How many files may come of links.
const MANY: usize = 100_000;

/// What an artifact holds of a tree: each path below `top`, and the path whose content it has. A link has its own (it is
/// kept) if links are, and what it points at is below `top`, too; else it becomes what it points at.
///
/// # Errors
/// In words, if a link points at nothing in the tree, or at a folder that it lies in.
pub fn settle(tree: &Paths, top: &str, keep: bool) -> Result<BTreeMap<String, String>, String> {
    let links: BTreeMap<String, String> =
        tree.iter().filter_map(|(path, link)| Some((path.clone(), link.clone()?))).collect();
    let mut settled = BTreeMap::new();
    for path in tree.keys().filter(|path| below(path, top).is_some()) {
        let mut todo = vec![(path.clone(), path.clone(), 0)];
        while let Some((place, path, hops)) = todo.pop() {
            let Some(link) = links.get(&path) else {
                settled.insert(place, path);
                continue;
            };
            let real = resolve(&path, &links).filter(|real| tree.keys().any(|path| below(path, real).is_some()));
            let Some(real) = real else {
                return Err(format!("the link `{path}` points to `{link}`, which is not among the files"));
            };
            if keep && hops == 0 && below(&real, top).is_some() {
                settled.insert(place, path);
                continue;
            }
            if hops > MOST || below(&path, &real).is_some() || settled.len() + todo.len() > MANY {
                return Err(format!("what the link `{path}` points to contains itself, or too many files"));
            }
            for inner in tree.keys() {
                match below(inner, &real) {
                    Some("") => todo.push((place.clone(), inner.clone(), hops + 1)),
                    Some(rest) => todo.push((format!("{place}/{rest}"), inner.clone(), hops + 1)),
                    None => {}
                }
            }
        }
    }
    Ok(settled)
}

/// The rest of a path at or below a folder; empty for the path itself.
pub fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let folder = folder.trim_end_matches('/');
    if matches!(folder, "" | ".") {
        return Some(path);
    }
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stand_for_what_lies_in_the_repository() {
        let links = [
            ("README.md", "docs/README.md"),
            ("docs/README.md", "../text/./readme"),
            ("ui", "web/build/"),
            ("top", "."),
            ("web/up", ".."),
            ("out", "../x"),
            ("abs", "/etc/passwd"),
            ("a", "b"),
            ("b", "a"),
            ("dos", "C:\\x"),
            ("gone", "not/there"),
            ("deep/er", "../web/up/ui/x"),
        ];
        let links = links.into_iter().map(|(path, link)| (path.to_owned(), link.to_owned())).collect();
        let check =
            |path: &str, expected: Option<&str>| assert_eq!(resolve(path, &links).as_deref(), expected, "{path}");
        check("plain", Some("plain"));
        check("README.md", Some("text/readme"));
        check("ui", Some("web/build"));
        check("ui/x", Some("web/build/x"));
        check("top", Some(""));
        check("top/top/ui/y", Some("web/build/y"));
        check("web/up", Some(""));
        check("deep/er", Some("web/build/x"));
        check("gone", Some("not/there"));
        for path in ["out", "abs", "a", "b", "dos"] {
            check(path, None);
        }
    }

    #[test]
    fn links_are_kept_where_what_they_point_at_is_there_too() {
        let tree: Paths = [
            ("ui/index.html", None),
            ("ui/main", Some("index.html")),
            ("ui/legal", Some("../legal")),
            ("legal/MIT", None),
            ("legal/latest", Some("MIT")),
        ]
        .into_iter()
        .map(|(path, link)| (path.to_owned(), link.map(str::to_owned)))
        .collect();
        let of = |top: &str, keep: bool| -> Vec<String> {
            let settled = settle(&tree, top, keep).unwrap();
            settled.into_iter().map(|(path, real)| format!("{path}={real}")).collect()
        };
        let followed = [
            "ui/index.html=ui/index.html",
            "ui/legal/MIT=legal/MIT",
            "ui/legal/latest=legal/MIT",
            "ui/main=ui/index.html",
        ];
        assert_eq!(of("ui", false), followed);
        assert_eq!(of("ui", true)[3], "ui/main=ui/main");
        assert_eq!(of("ui", true)[1..3], followed[1..3]);
        assert_eq!(of("", true).len(), 5);
        assert_eq!(of("ui/main", true), ["ui/main=ui/index.html"]);
        for (path, link) in [("a", "gone"), ("a", "../x"), ("x/up", ".."), ("a", "a")] {
            let mut tree = tree.clone();
            tree.insert(path.into(), Some(link.into()));
            assert!(settle(&tree, "", false).is_err(), "{path} -> {link}");
        }
    }
}
