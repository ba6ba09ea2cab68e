//! What becomes of links that an artifact holds: they are kept where what they point at is in it, too, else followed.

use std::collections::BTreeMap;

use super::inputs::Inputs;
use super::{ArchiveFile, AssetTree, EntryKind};
use crate::facts::{TreeFile, TreeKind};
use crate::link::{self, below};
use crate::problem::Problem;
use crate::target::Os;

/// How many files may come of one link to a folder.
const MOST: usize = 10_000;

pub fn all(files: &[TreeFile]) -> BTreeMap<String, String> {
    let link = |file: &TreeFile| match &file.kind {
        TreeKind::Symlink(link) => Some((file.path.clone(), link.clone())),
        _ => None,
    };
    files.iter().filter_map(link).collect()
}

/// The files of an artifact for a system, every link kept, or replaced by what it points at. Windows gets no links: who
/// unpacks there often may not make any.
pub fn settle(inputs: &Inputs<'_>, files: Vec<ArchiveFile>, trees: &[AssetTree], os: Os, at: &str) -> Vec<ArchiveFile> {
    if !files.iter().any(|file| matches!(file.entry, EntryKind::Symlink { .. })) {
        return files;
    }
    let settler = Settler { files: &inputs.facts.files, links: all(&inputs.facts.files), given: &files, trees };
    let mut settled = Vec::new();
    for file in &files {
        let EntryKind::Symlink { link } = &file.entry else {
            settled.push(file.clone());
            continue;
        };
        if os != Os::Windows && settler.is_kept(file, link) {
            settled.push(file.clone());
        } else if let Err(problem) = settler.follow(file, link, &mut settled) {
            // What leaves the repository was said where it was written.
            if !inputs.is_refused_for(|known| known.code == problem.code && known.message == problem.message) {
                inputs.refuse(problem.at_key(at));
            }
        }
    }
    settled.sort_by(|one, other| one.path.cmp(&other.path));
    settled
}

struct Settler<'a> {
    files: &'a [TreeFile],
    links: BTreeMap<String, String>,
    given: &'a [ArchiveFile],
    trees: &'a [AssetTree],
}

impl Settler<'_> {
    /// Whether a link at its place in the artifact points at the same as in the repository.
    fn is_kept(&self, file: &ArchiveFile, link: &str) -> bool {
        let folder = file.path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let inside = link::resolve(&format!("{folder}{link}"), &BTreeMap::new()).filter(|path| !path.is_empty());
        let (Some(inside), Some(real)) = (inside, link::resolve(&file.source, &self.links)) else { return false };
        let same = |other: &ArchiveFile| {
            let source = link::resolve(&other.source, &self.links);
            let rest = below(&other.path, &inside);
            rest.zip(source.as_deref().and_then(|source| below(source, &real))).is_some_and(|(one, other)| one == other)
        };
        let made = |tree: &AssetTree| {
            let tree = tree.to.trim_end_matches('/');
            tree.is_empty() || below(&inside, tree).is_some() || below(tree, &inside).is_some()
        };
        self.given.iter().any(same) || self.trees.iter().any(made)
    }

    /// Puts what a link points at in its place.
    fn follow(&self, file: &ArchiveFile, link: &str, settled: &mut Vec<ArchiveFile>) -> Result<(), Problem> {
        let name = &file.source;
        let Some(real) = link::resolve(name, &self.links) else {
            return Err(if stays_inside(name, link) { endless(name) } else { escaping(name, link) });
        };
        let start = settled.len();
        let mut todo = vec![(real, file.path.clone(), vec![name.clone()])];
        while let Some((real, path, way)) = todo.pop() {
            let mut found = false;
            for other in self.files.iter().filter(|other| below(&other.path, &real).is_some()) {
                found = true;
                let rest = below(&other.path, &real).unwrap_or_default();
                let path = if rest.is_empty() { path.clone() } else { format!("{path}/{rest}") };
                match &other.kind {
                    TreeKind::Symlink(_) => {
                        let next = link::resolve(&other.path, &self.links).ok_or_else(|| nothing(&other.path))?;
                        if way.contains(&other.path) || below(&other.path, &next).is_some() {
                            return Err(endless(name));
                        }
                        todo.push((next, path, [&way[..], std::slice::from_ref(&other.path)].concat()));
                    }
                    kind => settled.push(ArchiveFile {
                        source: other.path.clone(),
                        path,
                        entry: if *kind == TreeKind::Executable { EntryKind::Executable } else { EntryKind::File },
                    }),
                }
                if settled.len() - start > MOST || todo.len() > MOST {
                    return Err(endless(name));
                }
            }
            if !found {
                return Err(nothing(way.last().unwrap_or(name)));
            }
        }
        Ok(())
    }
}

/// Whether a link at `path` points at something inside the repository.
pub fn stays_inside(path: &str, link: &str) -> bool {
    if link.starts_with('/') || link.contains('\\') {
        return false;
    }
    let mut depth = path.matches('/').count();
    for word in link.split('/') {
        match word {
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
    }
    true
}

/// A link that leaves what a release is made from.
pub fn escaping(path: &str, link: &str) -> Problem {
    let text = format!("`{path}` is a link to `{link}`, which leaves the folder of longshore.yaml");
    let hint = "move longshore.yaml to the top of the repository, or replace the link with the file; `include:` of the archive lists what is packed";
    Problem::new("escaping-link", text).hint(hint)
}

fn nothing(path: &str) -> Problem {
    let text = format!("`{path}` is a link that does not point to a committed file");
    Problem::new("dangling-link", text).hint("commit its target, or remove the link from `include`")
}

fn endless(path: &str) -> Problem {
    let text = format!("what the link `{path}` points to contains itself, or more than {MOST} files");
    Problem::new("endless-link", text).hint("remove the link, or list the files to pack in `include:`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        assert!(stays_inside("a/b", "../c"));
        assert!(stays_inside("a/b", "x/../../c"));
        assert!(!stays_inside("a/b", "../../c"));
        assert!(!stays_inside("a", "/etc/passwd"));
    }
}
