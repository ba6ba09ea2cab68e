//! Resolves `include:` to files of the commit and trees of assets.

mod made;

use super::inputs::Inputs;
use super::planner::Planner;
use super::{ArchiveFile, ArchiveWork, AssetTree, EntryKind, links};
use crate::config::{Archive, FileItem};
use crate::facts::{TreeFile, TreeKind};
use crate::portable;
use crate::problem::Problem;
use crate::step_id::StepId;
use crate::target::Os;

/// The files and trees of an archive, sorted by their path inside it. `texts` are the default without
/// `include:`.
pub fn resolve(planner: &Planner<'_>, archive: &Archive, texts: Vec<ArchiveFile>) -> Included {
    let Some(items) = &archive.include else { return Included { files: texts, trees: Vec::new() } };
    self::items(planner, items, &format!("archives.{}", archive.name))
}

/// Files of the commit, and trees of assets.
#[derive(Clone, Default)]
pub struct Included {
    pub files: Vec<ArchiveFile>,
    pub trees: Vec<AssetTree>,
}

impl Included {
    /// As they are for a system: every link kept, or followed.
    pub fn settled(self, inputs: &Inputs<'_>, os: Os, at: &str) -> Self {
        let files = links::settle(inputs, self.files, &self.trees, os, at);
        Self { files, trees: self.trees }
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.trees.is_empty()
    }

    /// The asset steps that are needed, each once.
    pub fn needs(&self) -> Vec<StepId> {
        let mut needs: Vec<StepId> = Vec::new();
        for tree in &self.trees {
            if !needs.contains(&tree.step) {
                needs.push(tree.step.clone());
            }
        }
        needs
    }
}

/// The files and trees that items of `<path>.include` mean, sorted by their path.
pub fn items(planner: &Planner<'_>, items: &[FileItem], path: &str) -> Included {
    let inputs = planner.inputs;
    let (mut files, mut trees) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}.include.{index}");
        let found = matches(inputs, &item.from, item.to.as_deref());
        let made = made::trees(planner, item);
        if !made.is_empty() && made::is_glob(&item.from) {
            // What a command makes is not known yet, so a pattern cannot be resolved.
            let text = format!("`{}` is a pattern for files of an asset", item.from);
            let hint = "use one file or folder; `assets.*.files` accepts patterns";
            inputs.refuse(Problem::new("no-such-file", text).hint(hint).at_value(&path));
        } else if made.is_empty() && found.is_empty() {
            inputs.refuse(nothing(inputs, &item.from).at_value(&path));
        }
        trees.extend(made);
        for file in &found {
            if let EntryKind::Symlink { link } = &file.entry
                && !links::stays_inside(&file.source, link)
            {
                inputs.refuse(links::escaping(&file.source, link).at_value(&path));
            }
        }
        files.extend(found);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Included { files, trees }
}

fn nothing(inputs: &Inputs<'_>, from: &str) -> Problem {
    let problem =
        Problem::new("no-such-file", format!("`{from}` matches no committed file and nothing an asset produces"));
    if let Some((asset, place)) = made::moved(inputs, from) {
        return problem.hint(format!("the asset `{asset}` puts it at `{place}`: use that path"));
    }
    let paths = inputs.facts.files.iter().map(|file| file.path.as_str());
    match crate::config::schema::nearest(from, paths) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("only committed files and files of `assets:` can be included"),
    }
}

/// Files of the commit that a path, folder or glob means.
fn matches(inputs: &Inputs<'_>, from: &str, to: Option<&str>) -> Vec<ArchiveFile> {
    let from = from.trim_start_matches("./").trim_end_matches('/');
    let files = &inputs.facts.files;
    let entry =
        |file: &TreeFile, path: String| ArchiveFile { source: file.path.clone(), path, entry: kind(&file.kind) };
    if let Ok(index) = files.binary_search_by(|file| file.path.as_str().cmp(from)) {
        let file = &files[index];
        let path = match to {
            Some(folder) if folder.ends_with('/') => format!("{folder}{}", name(&file.path)),
            Some(to) => to.to_owned(),
            None => file.path.clone(),
        };
        return vec![entry(file, path)];
    }
    let prefix = format!("{from}/");
    let glob = made::matcher(from);
    let chosen = files
        .iter()
        .filter(|file| file.path.starts_with(&prefix) || glob.as_ref().is_some_and(|glob| glob.is_match(&file.path)));
    let place = |file: &TreeFile| match to {
        None => file.path.clone(),
        Some(to) => {
            let rest = file.path.strip_prefix(&prefix).unwrap_or_else(|| name(&file.path));
            format!("{}/{rest}", to.trim_end_matches('/'))
        }
    };
    chosen.map(|file| entry(file, place(file))).collect()
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What a file of the work tree becomes in an archive.
pub fn kind(kind: &TreeKind) -> EntryKind {
    match kind {
        TreeKind::File => EntryKind::File,
        TreeKind::Executable => EntryKind::Executable,
        TreeKind::Symlink(link) => EntryKind::Symlink { link: link.clone() },
    }
}

/// No two members of an archive share a path.
pub fn unique(inputs: &Inputs<'_>, work: &ArchiveWork, at: &str) {
    let executables = work.executables.iter().map(|member| (member.path.as_str(), member.output.as_str()));
    let files = work.files.iter().map(|file| (file.path.as_str(), file.source.as_str()));
    let mut all: Vec<(&str, &str)> = executables.chain(files).collect();
    all.sort_unstable();
    for pair in all.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let text = format!("`{}` and `{}` both become `{}` in the archive", pair[0].1, pair[1].1, pair[0].0);
        inputs.refuse(Problem::new("same-file-name", text).hint("move one of them with `{from, to}`").at_value(at));
    }
}

/// Every member can be unpacked where the archive is for.
pub fn portable(inputs: &Inputs<'_>, work: &ArchiveWork, os: Os, at: &str) {
    let executables = work.executables.iter().map(|member| member.path.as_str());
    let paths = executables.chain(work.files.iter().map(|file| file.path.as_str()));
    for text in portable::flaws(paths, os) {
        let problem = Problem::new("unportable-name", text).at_key(at);
        let problem = problem.hint("rename the file, or exclude it with `include:`");
        inputs.refuse(problem);
    }
}
