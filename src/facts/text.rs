//! Texts of the repository, of which none lies outside it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path};

use anyhow::Context;

use crate::portable::is_of_git;
use crate::problem::{Failure, Problem};
use crate::world::path::{relative, resolve};

/// The longest text a plan quotes, bytes.
const TEXT_LIMIT: u64 = 1 << 20;

pub fn text(root: &Path, path: &str) -> anyhow::Result<Option<String>> {
    let refuse = |why: &str| {
        let problem = Problem::new("bad-text", format!("`{path}` {why}"));
        Err(Failure::usage(problem.hint("it must be UTF-8 text of at most 1 MiB inside the repository")).into())
    };
    if !stays_inside(path) {
        return refuse("is outside the repository");
    }
    if leads_out(root, path) {
        return refuse("is a link that leads out of the repository");
    }
    // Asked first: Windows does not open folders.
    if root.join(path).is_dir() {
        return refuse("is a folder");
    }
    let file = match File::open(root.join(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(|| format!("cannot read `{path}`"))?,
    };
    let mut bytes = Vec::new();
    file.take(TEXT_LIMIT + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read `{path}`"))?;
    if bytes.len() as u64 > TEXT_LIMIT {
        return refuse("is too long");
    }
    // A checkout of another system may have other line ends; the plan is the commit's.
    let unix = |text: String| Ok(Some(text.replace("\r\n", "\n")));
    String::from_utf8(bytes).map_or_else(|_| refuse("is not text"), unix)
}

/// Whether a path of the user's cannot lead out of the folder it starts in.
pub fn stays_inside(path: &str) -> bool {
    !path.contains('\\')
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Whether a path leads out of the repository through links, or to where git keeps it.
pub fn leads_out(root: &Path, path: &str) -> bool {
    let home = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root);
    let (Ok(home), Ok(place)) = (resolve(home), resolve(&root.join(path))) else { return false };
    place.strip_prefix(home).map_or(true, |inside| is_of_git(&relative(inside)))
}
