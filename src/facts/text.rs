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
    read(root, path)?.map_err(|why| {
        let problem = Problem::new("bad-text", format!("`{path}` {why}"));
        Failure::usage(problem.hint(HINT)).into()
    })
}

/// What texts must be.
pub const HINT: &str = "it must be UTF-8 text of at most 1 MiB inside the repository";

/// The same; what is not a text is not an error of ours, but the reason.
pub fn read(root: &Path, path: &str) -> anyhow::Result<Result<Option<String>, String>> {
    let refuse = |why: &str| Ok(Err(why.to_owned()));
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
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ok(None)),
        opened => opened.with_context(|| format!("cannot read `{path}`"))?,
    };
    let mut bytes = Vec::new();
    file.take(TEXT_LIMIT + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read `{path}`"))?;
    if bytes.len() as u64 > TEXT_LIMIT {
        return refuse("is too long");
    }
    match String::from_utf8(bytes) {
        // A checkout of another system may have other line ends; the plan is the commit's.
        Ok(text) => Ok(Ok(Some(text.replace("\r\n", "\n")))),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
            refuse(&format!("is not text: line {line} is not UTF-8"))
        }
    }
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
