//! The entries of a context: what a commit holds, and what is left of it behind an ignore file.

use std::collections::BTreeMap;

use super::ignore::IgnoreFile;
use super::path::{join, parent};
use super::pattern::Parents;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    File { executable: bool },
    Link { target: String },
    Folder,
}

/// All paths of a context, below its root, with the folders they lie in.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    entries: BTreeMap<String, Kind>,
    children: BTreeMap<String, Vec<String>>,
    hidden: BTreeMap<String, Hidden>,
}

/// Why a path of the commit is not there for the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The ignore file as messages call it.
    pub file: String,
    pub line: usize,
    pub text: String,
}

impl Listing {
    /// Folders are added; one that is named stays even if nothing lies in it.
    pub fn new(entries: impl IntoIterator<Item = (String, Kind)>) -> Self {
        let mut listing = Self::default();
        for (path, kind) in entries {
            listing.insert(path, kind);
        }
        listing.index();
        listing
    }

    fn insert(&mut self, path: String, kind: Kind) {
        let mut folder = parent(&path);
        while !folder.is_empty() && !self.entries.contains_key(folder) {
            self.entries.insert(folder.to_owned(), Kind::Folder);
            folder = parent(folder);
        }
        self.entries.insert(path, kind);
    }

    fn index(&mut self) {
        self.children.clear();
        for path in self.entries.keys() {
            let name = path.rsplit('/').next().unwrap_or(path).to_owned();
            self.children.entry(parent(path).to_owned()).or_default().push(name);
        }
    }

    pub fn get(&self, path: &str) -> Option<&Kind> {
        self.entries.get(path)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Kind)> {
        self.entries.iter().map(|(path, kind)| (path.as_str(), kind))
    }

    /// Names in a folder; the root is the empty path.
    pub fn children(&self, folder: &str) -> &[String] {
        self.children.get(folder).map_or(&[], Vec::as_slice)
    }

    /// What lies below a folder, at any depth.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &Kind)> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let range = self.entries.range(prefix.clone()..);
        range.take_while(move |(path, _)| path.starts_with(&prefix)).map(|(path, kind)| (path.as_str(), kind))
    }

    /// Why a path, or the first path below it, is hidden.
    pub fn hidden(&self, path: &str) -> Option<&Hidden> {
        let inside = format!("{path}/");
        self.hidden.get(path).or_else(|| {
            let mut below = self.hidden.range(inside.clone()..);
            below.next().filter(|(p, _)| p.starts_with(&inside)).map(|(_, hidden)| hidden)
        })
    }

    /// What the engine is sent. A folder stays if no line hides the folder itself, also if all its files are hidden:
    /// it is in the image then, empty.
    #[must_use]
    pub fn apply(&self, ignore: &IgnoreFile) -> Self {
        let mut seen = Self::default();
        self.walk("", &Parents::default(), ignore, &mut seen);
        seen.index();
        seen
    }

    fn walk(&self, folder: &str, above: &Parents, ignore: &IgnoreFile, seen: &mut Self) {
        for name in self.children(folder) {
            let path = join(folder, name);
            let Some(kind) = self.get(&path) else { continue };
            let verdict = ignore.verdict(&path, above);
            let rule = verdict.by.filter(|_| verdict.matched).and_then(|number| ignore.rule(number));
            match rule {
                Some(rule) => {
                    let hidden = Hidden { file: ignore.name.clone(), line: rule.line, text: rule.text.clone() };
                    seen.hidden.insert(path.clone(), hidden);
                }
                None => seen.insert(path.clone(), kind.clone()),
            }
            if *kind == Kind::Folder {
                self.walk(&path, &verdict.parents, ignore, seen);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(paths: &str) -> Listing {
        Listing::new(paths.split(' ').map(|p| match p.strip_suffix('/') {
            Some(folder) => (folder.to_owned(), Kind::Folder),
            None => (p.to_owned(), Kind::File { executable: false }),
        }))
    }

    #[test]
    fn folders_without_files_stay() {
        let check = |paths: &str, ignore: &str, expected: &str| {
            let seen = listing(paths).apply(&IgnoreFile::parse(ignore.as_bytes()).unwrap());
            let seen: Vec<_> = seen.iter().map(|(p, _)| p).collect();
            assert_eq!(seen.join(" "), expected, "{ignore:?}");
        };
        check("a logs/x logs/sub/y", "logs/*", "a logs");
        check("a logs/x logs/sub/y", "logs", "a");
        check("s/deep/y", "s/**", "s");
        check("c/a/b/c.bin", "c/**/*.bin", "c c/a c/a/b");
        check("c/a d/b", "*\n!c/a", "c c/a");
        check("plain/ x", "x", "plain");
    }

    #[test]
    fn a_hidden_file_names_its_line() {
        let seen = listing("dist/app.js a").apply(&IgnoreFile::parse(b"node_modules\ndist\n").unwrap());
        let hidden = seen.hidden("dist/app.js").unwrap();
        assert_eq!((hidden.line, hidden.text.as_str()), (2, "dist"));
        assert!(seen.hidden("a").is_none());
    }
}
