//! Reads the Dockerfile of an image, what is ignored, and what lies in its contexts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::dockerfile_flaws::{like, line_span, problem};
use super::dockerfile_maker::{Maker, Read, inside};
use super::{AssetWork, OfKind, Step};
use crate::config::{self, BuildContext};
use crate::dockerfile::{Dockerfile, IgnoreFile, Kind, Listing, ignore_file_names};
use crate::facts::{self, TreeKind};
use crate::problem::Problem;

impl Maker<'_> {
    /// Reads the Dockerfile, what is ignored, and what lies in the contexts.
    pub fn read(&self, build: &config::Dockerfile, assets: &[&Step]) -> Option<Read> {
        let inputs = self.inputs();
        let key = if build.flavor.is_empty() { String::new() } else { format!(".{}", build.flavor) };
        let at = format!("{}.dockerfile{key}", self.at);
        let path = &build.dockerfile;
        if let Some(why) = inputs.facts.unreadable.get(path) {
            let problem = Problem::new("bad-text", format!("the Dockerfile `{path}` {why}"));
            let hint = "it must be UTF-8 text of at most 1 MiB inside the repository";
            inputs.refuse(problem.hint(hint).at_value(at));
            return None;
        }
        let Some(text) = inputs.facts.texts.get(path).map(|text| Arc::<str>::from(text.as_str())) else {
            let files = inputs.facts.files.iter().map(|file| file.path.as_str());
            let named = files.filter(|path| path.rsplit('/').next().is_some_and(|name| name.contains("ockerfile")));
            let problem = Problem::new("no-such-file", format!("the Dockerfile `{path}` does not exist"));
            inputs.refuse(problem.hint(like(path, &named.collect::<Vec<_>>())).at_value(at));
            return None;
        };
        if !inputs.facts.files.iter().any(|file| file.path == *path) {
            let problem = Problem::new("not-committed", format!("`{path}` is not in the commit"));
            inputs.refuse(problem.hint(format!("`git add {path}`: images are built from the commit")).at_value(at));
            return None;
        }
        let file = match Dockerfile::parse(text.as_bytes()) {
            Ok(file) => file,
            Err(flaws) => {
                for flaw in flaws {
                    inputs.refuse(problem(flaw, path, &text));
                }
                return None;
            }
        };
        let [own, root] = ignore_file_names(path);
        let root = inside(&build.context, &root);
        let ignore = [own, root].into_iter().find(|name| inputs.facts.texts.contains_key(name));
        let main = self.listing(&build.context, ignore.as_deref(), "context")?;
        let mut named = BTreeMap::new();
        for (name, context) in &build.contexts {
            if let BuildContext::Folder(folder) = context {
                let ignore = Some(inside(folder, ".dockerignore"));
                let ignore = ignore.filter(|name| inputs.facts.texts.contains_key(name));
                named.insert(name.clone(), self.listing(folder, ignore.as_deref(), &format!("contexts.{name}"))?);
            }
        }
        let made = made(build, assets);
        let (path, stage) =
            (path.clone(), if key.is_empty() { format!("{}.stage", self.at) } else { format!("{at}.stage") });
        Some(Read { file, text, path, stage, ignore, main, named, made })
    }

    /// What an engine sees of a folder of the commit.
    fn listing(&self, folder: &str, ignore: Option<&str>, key: &str) -> Option<Listing> {
        let inputs = self.inputs();
        let prefix = inside(folder, "");
        let below = facts::below(&inputs.facts.files, &prefix).iter().filter_map(|file| {
            let path = file.path.strip_prefix(&prefix)?;
            let kind = match &file.kind {
                TreeKind::File => Kind::File { executable: false },
                TreeKind::Executable => Kind::File { executable: true },
                TreeKind::Symlink(target) => Kind::Link { target: target.clone() },
            };
            Some((path.to_owned(), kind))
        });
        let all = Listing::new(below);
        if all.iter().next().is_none() && !prefix.is_empty() {
            let problem = Problem::new("no-such-folder", format!("the commit has no folder `{folder}`"));
            let problem = problem.hint("paths are relative to longshore.yaml; an empty folder is not in a commit");
            inputs.refuse(problem.at_value(format!("{}.{key}", self.at)));
            return None;
        }
        let Some(name) = ignore else { return Some(all) };
        let text = inputs.facts.texts.get(name).map(String::as_str).unwrap_or_default();
        match IgnoreFile::parse(text.as_bytes()) {
            Ok(ignore) => Some(all.apply(&ignore.named(name))),
            Err(bad) => {
                let span = line_span(text, bad.line);
                let problem = Problem::new("bad-pattern", bad.message).hint("see the syntax of `.dockerignore`");
                inputs.refuse(problem.within(name, &Arc::from(text), span));
                None
            }
        }
    }
}

/// Paths in the context that executables and assets get.
fn made(build: &config::Dockerfile, assets: &[&Step]) -> Vec<String> {
    let executables = build.platforms.iter().filter(|_| !build.binaries.is_empty()).map(ToString::to_string);
    let of_asset = |work: &AssetWork| {
        let mut paths: Vec<String> = Vec::new();
        for spec in &work.files {
            let to = spec.to.as_deref().unwrap_or(&spec.from).trim_start_matches("./").trim_end_matches('/');
            let fixed: Vec<&str> = to.split('/').take_while(|part| !part.contains(['*', '?', '[', '{'])).collect();
            paths.push(fixed.join("/"));
        }
        paths
    };
    let prefix = inside(&build.context, "");
    let assets = assets.iter().filter_map(|step| AssetWork::of(&step.work)).flat_map(of_asset);
    let assets = assets.map(|path| path.strip_prefix(&prefix).map_or(path.clone(), ToOwned::to_owned));
    executables.chain(assets).filter(|path| !path.is_empty()).collect()
}
