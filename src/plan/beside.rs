//! READMEs, licences and notices: what an archive contains without `include:`.

use super::inputs::Inputs;
use super::{ArchiveFile, ArchiveWork, Step, Work, binary, include};
use crate::facts::{Package, TreeFile};
use crate::format::Format;
use crate::step_id::StepId;

/// How their names begin, by kind; nothing of it must exist.
const KINDS: [&[&str]; 3] = [&["README"], &["LICENSE", "LICENCE", "COPYING", "UNLICENSE"], &["NOTICE"]];
/// Which of them are licences.
const LICENCES: usize = 1;
/// Endings of those that are not written in capitals, so that `license_check.py` is not one.
const ENDINGS: [&str; 7] = ["", "md", "markdown", "txt", "rst", "adoc", "html"];

/// A file of the commit that is one.
#[derive(Clone, Copy)]
pub struct Text<'f> {
    kind: usize,
    folder: &'f str,
    name: &'f str,
    file: &'f TreeFile,
}

/// All in the commit, sorted by path.
pub struct Texts<'f> {
    known: Vec<Text<'f>>,
    files: &'f [TreeFile],
}

/// Those among the files of a commit.
pub fn texts(files: &[TreeFile]) -> Texts<'_> {
    Texts { known: files.iter().filter_map(Text::of).collect(), files }
}

impl<'f> Texts<'f> {
    fn licence(&self, package: &Package) -> Option<&'f TreeFile> {
        let path = package.license_file.as_ref()?;
        self.files.binary_search_by(|file| file.path.cmp(path)).ok().map(|at| &self.files[at])
    }
}

impl<'f> Text<'f> {
    fn of(file: &'f TreeFile) -> Option<Self> {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        Some(Self { kind: kind(name)?, folder, name, file })
    }
}

fn kind(name: &str) -> Option<usize> {
    let is_one = |word: &&str| {
        let Some((start, rest)) = name.split_at_checked(word.len()) else { return false };
        let ending = rest.rsplit_once('.').map_or("", |(_, ending)| ending);
        start == *word
            || start.eq_ignore_ascii_case(word)
                && (rest.is_empty() || rest.starts_with(['.', '-', '_']))
                && ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
    };
    KINDS.iter().position(|words| words.iter().any(is_one))
}

/// What an archive of these packages gets, sorted by path: each kind from the nearest folder at or above the package's
/// that has it, and the `license-file` of Cargo.toml. Where several packages have different ones, those below the top carry
/// the package's name.
pub fn of(texts: &Texts<'_>, packages: &[&Package]) -> Vec<ArchiveFile> {
    let mut all: Vec<ArchiveFile> = Vec::new();
    for kind in 0..KINDS.len() {
        let mut folders: Vec<(&str, &str)> = Vec::new();
        for package in packages {
            let Some(folder) = nearest(&texts.known, kind, &package.manifest) else { continue };
            if !folders.iter().any(|(known, _)| *known == folder) {
                folders.push((folder, &package.name));
            }
        }
        let several = folders.len() > 1;
        for (folder, package) in folders {
            let here = texts.known.iter().filter(|text| text.kind == kind && text.folder == folder);
            all.extend(here.map(|text| ArchiveFile {
                source: text.file.path.clone(),
                path: if several && !folder.is_empty() { named(text.name, package) } else { text.name.to_owned() },
                entry: include::kind(&text.file.kind),
            }));
        }
    }
    let several = packages.iter().filter_map(|package| texts.licence(package)).collect::<Vec<_>>();
    let several = several.iter().any(|file| file.path != several[0].path);
    for package in packages {
        let Some(file) = texts.licence(package).filter(|file| all.iter().all(|known| known.source != file.path)) else {
            continue;
        };
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let path = if several { named(name, &package.name) } else { name.to_owned() };
        all.push(ArchiveFile { source: file.path.clone(), path, entry: include::kind(&file.kind) });
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    // `README.md` beside `readme.md` cannot be unpacked everywhere.
    let mut kept: Vec<ArchiveFile> = Vec::new();
    for file in all {
        if !kept.iter().any(|known| known.path.eq_ignore_ascii_case(&file.path)) {
            kept.push(file);
        }
    }
    kept
}

/// The nearest folder at or above that of a manifest with a text of a kind.
fn nearest<'f>(texts: &[Text<'f>], kind: usize, manifest: &str) -> Option<&'f str> {
    let mut path = manifest;
    loop {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let found = texts.iter().find(|text| text.kind == kind && text.folder == folder);
        if found.is_some() || folder.is_empty() {
            return found.map(|text| text.folder);
        }
        path = folder;
    }
}

/// `LICENSE-oar.txt` of `LICENSE.txt`.
fn named(name: &str, package: &str) -> String {
    let (start, rest) = name.split_at(name.find('.').unwrap_or(name.len()));
    format!("{start}-{package}{rest}")
}

/// Archives without a licence, of packages whose Cargo.toml names one.
pub fn notes(inputs: &Inputs<'_>, steps: &[Step]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for step in steps {
        let Work::Archive(work) = &step.work else { continue };
        if lacks(inputs, steps, step, work) && !names.contains(&step.id.entry()) {
            names.push(step.id.entry());
        }
    }
    if names.is_empty() {
        return Vec::new();
    }
    let names = names.join("`, `");
    vec![format!(
        "the archives of `{names}` contain no licence file, although Cargo.toml declares a licence: commit a LICENSE next to it or at the top"
    )]
}

fn lacks(inputs: &Inputs<'_>, steps: &[Step], step: &Step, work: &ArchiveWork) -> bool {
    let config = &inputs.config.archives;
    let own = config.items.iter().find(|archive| step.id.is_of(&archive.name));
    let is_written = own.map_or(&config.implied.include, |own| &own.include).is_some();
    let has_files = work.outputs.iter().any(|output| output.format != Format::Binary);
    let named: Vec<&str> = inputs.facts.packages.iter().filter_map(|package| package.license_file.as_deref()).collect();
    let is_licence = |file: &ArchiveFile| {
        file.source.rsplit('/').next().and_then(kind) == Some(LICENCES) || named.contains(&file.source.as_str())
    };
    let package = |id: &StepId| match &steps.iter().find(|step| step.id == *id)?.work {
        Work::Binary(work) => binary::of_work(inputs.facts, work),
        _ => None,
    };
    let mut packages = work.executables.iter().filter_map(|member| package(&member.step));
    has_files
        && !is_written
        && !work.files.iter().any(is_licence)
        && packages.any(|package| package.license.is_some() || package.license_file.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::TreeKind;

    #[test]
    fn names() {
        let check = |name: &str, expected: Option<usize>| assert_eq!(kind(name), expected, "{name}");
        check("README", Some(0));
        check("readme.md", Some(0));
        check("README.zh-CN.md", Some(0));
        check("README_FIRST.xyz", Some(0));
        check("License-MIT", Some(1));
        check("UNLICENSE", Some(1));
        check("COPYING.LESSER", Some(1));
        check("notice.txt", Some(2));
        for name in ["license_check.py", "readmes", "licenses.toml", "LICENS", "unlicensed.md", "Re\u{301}adme"] {
            check(name, None);
        }
    }

    #[test]
    fn nearest_folders() {
        let package = |name: &str, folder: &str| Package {
            name: name.into(),
            manifest: format!("{folder}Cargo.toml"),
            ..crate::plan::tests::package("boat", &[])
        };
        let (top, oar, sail) = (package("top", ""), package("oar", "crates/oar/"), package("sail", "crates/sail/"));
        let check = |files: &[&str], packages: &[&Package], expected: &[&str]| {
            let mut files: Vec<TreeFile> =
                files.iter().map(|path| TreeFile { path: (*path).into(), kind: TreeKind::File }).collect();
            files.sort_by(|one, other| one.path.cmp(&other.path));
            let seen = of(&texts(&files), packages);
            let seen: Vec<String> = seen
                .iter()
                .map(|file| {
                    if file.path == file.source {
                        file.path.clone()
                    } else {
                        format!("{} = {}", file.path, file.source)
                    }
                })
                .collect();
            assert_eq!(seen, expected, "{files:?}");
        };
        let mixed = ["LICENSE", "README.md", "crates/oar/readme.md", "crates/oar/src/LICENSE", "docs/README.md"];
        check(&mixed, &[&top], &["LICENSE", "README.md"]);
        check(&mixed, &[&oar], &["LICENSE", "readme.md = crates/oar/readme.md"]);
        check(&mixed, &[&sail], &["LICENSE", "README.md"]);
        check(&mixed, &[&oar, &sail], &["LICENSE", "README.md", "readme-oar.md = crates/oar/readme.md"]);
        let own = ["crates/oar/LICENSE-MIT", "crates/oar/LICENSE.txt", "crates/COPYING", "LICENSE"];
        check(&own, &[&oar], &["LICENSE-MIT = crates/oar/LICENSE-MIT", "LICENSE.txt = crates/oar/LICENSE.txt"]);
        check(&own, &[&sail], &["COPYING = crates/COPYING"]);
        check(&["README.md", "readme.md"], &[&top], &["README.md"]);
        let terms = |package: &Package| Package { license_file: Some("legal/terms.txt".into()), ..package.clone() };
        check(&["README.md", "legal/terms.txt"], &[&terms(&top)], &["README.md", "terms.txt = legal/terms.txt"]);
        check(&["LICENSE", "legal/terms.txt"], &[&terms(&top)], &["LICENSE", "terms.txt = legal/terms.txt"]);
        check(&["legal/terms.txt"], &[&terms(&oar), &terms(&sail)], &["terms.txt = legal/terms.txt"]);
        check(&["README.md"], &[&terms(&top)], &["README.md"]);
    }
}
