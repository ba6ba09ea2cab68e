//! What of a checkout is built: its folder and its Dockerfile, neither of them outside of it.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::check::Refusal;
use super::task::{Fault, Reason};
use crate::dockerfile::{Dockerfile, Flaw, line_of};
use crate::shown;
use crate::world::path::resolve;

/// Of a Dockerfile, in bytes.
pub const LARGEST: u64 = 256 << 10;
/// How much of a line is drawn.
const LONGEST_LINE: usize = 200;
/// The one publisher whose frontends are taken; <https://docs.docker.com/build/buildkit/frontend/>.
const FRONTEND: &str = "docker/dockerfile";

/// A folder with a Dockerfile that may be built.
pub struct Source {
    /// Without links in its path.
    pub context: PathBuf,
    pub text: Vec<u8>,
    pub file: Dockerfile,
    /// The ignore file of this Dockerfile alone, if it has one.
    pub ignore: Option<PathBuf>,
}

/// Finds both in a checkout; `folder` is below its root.
///
/// # Errors
/// If one is missing, lies outside of it, or the Dockerfile may not be built.
pub fn find(root: &Path, folder: &str, uploaded: Option<&[u8]>) -> Result<Source, Fault> {
    let root = resolve(root).map_err(|error| Fault::new(Reason::Internal, error.to_string()))?;
    let shown = if folder.is_empty() { "." } else { folder };
    let context = inside(&root, &root.join(folder), Reason::ContextOutsideRepo, shown)?;
    let Some(context) = context.filter(|path| path.is_dir()) else {
        let text = format!("the repository has no folder `{}`", shown::one_line(shown));
        return Err(Fault::new(Reason::ContextMissing, text));
    };
    if context.strip_prefix(&root).is_ok_and(|below| below.starts_with(".git")) {
        return Err(Fault::new(
            Reason::ContextOutsideRepo,
            format!("`{}` is git's own folder", shown::one_line(shown)),
        ));
    }
    if let Some(bytes) = uploaded {
        let file = self::uploaded(bytes).map_err(|refusal| refusal.fault())?;
        return Ok(Source { context, text: bytes.to_owned(), file, ignore: None });
    }
    let name = if folder.is_empty() { "Dockerfile".to_owned() } else { format!("{folder}/Dockerfile") };
    let at = inside(&root, &context.join("Dockerfile"), Reason::DockerfileOutsideRepo, &name)?;
    let Some(at) = at.filter(|path| path.is_file()) else {
        let text = format!(
            "the repository has no `{}`; add it, or send one in the field `dockerfile`",
            shown::one_line(&name)
        );
        return Err(Fault::new(Reason::DockerfileMissing, text));
    };
    let unread = |error: io::Error| Fault::new(Reason::Internal, format!("cannot read `{name}`: {error}"));
    let size = fs::metadata(&at).map_err(unread)?.len();
    if size > LARGEST {
        return Err(too_large(size).fault());
    }
    let text = fs::read(&at).map_err(unread)?;
    let file = uploaded_as(&name, &text).map_err(|refusal| refusal.fault())?;
    let ignore = inside(&root, &context.join("Dockerfile.dockerignore"), Reason::DockerfileOutsideRepo, &name)?;
    Ok(Source { context, text, file, ignore: ignore.filter(|path| path.is_file()) })
}

/// A path with its links followed; nothing if there is nothing.
fn inside(root: &Path, path: &Path, reason: Reason, shown: &str) -> Result<Option<PathBuf>, Fault> {
    let Ok(found) = resolve(path) else { return Ok(None) };
    if found.starts_with(root) {
        return Ok(Some(found));
    }
    let text = format!("`{}` is a link that leads out of the repository", shown::one_line(shown));
    Err(Fault::new(reason, text))
}

/// A Dockerfile that a caller sends, or that was found.
///
/// # Errors
/// If it is not one, or asks for what builds do not get.
pub fn uploaded(bytes: &[u8]) -> Result<Dockerfile, Refusal> {
    uploaded_as("Dockerfile", bytes)
}

fn uploaded_as(name: &str, bytes: &[u8]) -> Result<Dockerfile, Refusal> {
    let name = shown::one_line(name);
    if bytes.len() as u64 > LARGEST {
        return Err(too_large(bytes.len() as u64));
    }
    let text = String::from_utf8_lossy(bytes);
    let file =
        Dockerfile::parse(bytes).map_err(|flaws| refused(Reason::DockerfileInvalid, &said(&name, &text, &flaws)))?;
    if let Some(frontend) = file.frontend().filter(|frontend| !is_known(frontend.name)) {
        let line = frontend.line;
        let text = format!(
            "`{name}`, line {line}: the frontend `{}` is not taken, only those of `{FRONTEND}`",
            shown::one_line(frontend.name)
        );
        return Err(refused(Reason::FrontendNotAllowed, &text));
    }
    if let Some(asked) = file.privileges().into_iter().next() {
        let what = format!("`{name}`, line {}: `RUN {}` is not granted", asked.line, asked.flag);
        let drawn = drawn(&text, asked.span);
        return Err(refused(Reason::EntitlementDenied, &format!("{what}{drawn}")));
    }
    Ok(file)
}

fn refused(reason: Reason, message: &str) -> Refusal {
    let hint = "correct the Dockerfile".to_owned();
    Refusal { reason, field: "dockerfile", message: message.to_owned(), hint }
}

fn too_large(size: u64) -> Refusal {
    let text = format!("the Dockerfile has {size} bytes; the limit is {} KiB", LARGEST >> 10);
    refused(Reason::DockerfileInvalid, &text)
}

/// Flaws with their lines, the first one underlined.
pub fn said(name: &str, text: &str, flaws: &[Flaw]) -> String {
    let each = flaws.iter().take(20).enumerate().map(|(number, flaw)| {
        let hint = flaw.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        if flaw.span == (0..0) {
            return format!("`{name}`: {}{hint}", flaw.message);
        }
        let drawn = if number == 0 { drawn(text, flaw.span.clone()) } else { String::new() };
        format!("`{name}`, line {}: {}{hint}{drawn}", line_of(text, flaw.span.start), flaw.message)
    });
    each.collect::<Vec<_>>().join("\n")
}

/// The line of a place, underlined.
fn drawn(text: &str, span: Range<usize>) -> String {
    let start = text.floor_char_boundary(span.start);
    let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line: String = text[begin..].lines().next().unwrap_or_default().chars().take(LONGEST_LINE).collect();
    let before = text[begin..start].chars().count();
    let width = text[start..text.floor_char_boundary(span.end)].lines().next().unwrap_or_default().chars().count();
    let width = width.min(line.chars().count().saturating_sub(before)).max(1);
    let number = line_of(text, start).to_string();
    let (margin, space, signs) = (" ".repeat(number.len()), " ".repeat(before), "^".repeat(width));
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\n  {number} | {line}\n  {margin} | {space}{signs}")
}

/// `docker/dockerfile:1`, and all of its longer names.
fn is_known(name: &str) -> bool {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let rest = name.strip_prefix(FRONTEND);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
