//! What the system says of a disk that is full or a place that cannot be used: no bug is to blame for it.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::busy::InUse;
use crate::problem::Problem;

/// How many bytes are free on the disk that has a folder, for processes that are not root's; nothing if it cannot be told.
#[cfg(unix)]
pub fn free(folder: &Path) -> Option<u64> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    facts.f_bavail.checked_mul(facts.f_frsize)
}

#[cfg(not(unix))]
pub fn free(_: &Path) -> Option<u64> {
    None
}

/// The problem behind an error, if it is one of the disk.
pub fn problem(error: &anyhow::Error) -> Option<Problem> {
    let kind = error.chain().find_map(|cause| of(cause.downcast_ref::<io::Error>()?))?;
    Some(Problem::new(kind.0, format!("{error:#}")).hint(kind.1))
}

/// The same for any error: somebody holds a file, the disk is to blame, or we are.
pub fn blamed(error: &anyhow::Error) -> Problem {
    if let Some(in_use) = error.chain().find_map(|cause| cause.downcast_ref::<InUse>()) {
        let hint = "close the program that uses it (an editor, a virus scanner), and run the same command again";
        return Problem::new("file-in-use", in_use.to_string()).hint(hint);
    }
    problem(error)
        .unwrap_or_else(|| Problem::new("unexpected", format!("{error:#}")).hint("if this is a bug, please report it"))
}

/// Code and hint for an error of the system.
pub fn of(error: &io::Error) -> Option<(&'static str, &'static str)> {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some(("disk-full", "free disk space there, and run the same command again to continue"))
        }
        ErrorKind::FileTooLarge => Some(("disk-full", "raise the file size limit (`ulimit -f`), or use another disk")),
        ErrorKind::ReadOnlyFilesystem => Some(("not-writable", "use a writable location")),
        ErrorKind::PermissionDenied => Some((
            "not-writable",
            "give this user access (`ls -ld` shows the permissions), and run the same command again",
        )),
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => Some((
            "wrong-place",
            "there is a folder instead of a file, or a file instead of a folder: use another path",
        )),
        ErrorKind::NotFound => {
            Some(("wrong-place", "the path, or a folder above it, does not exist: create it, or use another"))
        }
        ErrorKind::AddrInUse => Some((
            "port-in-use",
            "end the program that listens there, or use another port (`--port 0` takes a free one)",
        )),
        ErrorKind::InvalidFilename => {
            Some(("wrong-place", "the name or path is invalid or too long for this system: shorten it"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn the_disk_is_to_blame() {
        let code = |error: io::Error| {
            let error = Err::<(), _>(error).context("cannot write `x`").unwrap_err();
            problem(&error).map(|problem| (problem.code, problem.message))
        };
        let check = |kind: ErrorKind, expected: Option<&str>| {
            let found = code(kind.into());
            assert_eq!(found.as_ref().map(|(code, _)| *code), expected, "{kind}");
            assert!(found.is_none_or(|(_, message)| message.starts_with("cannot write `x`: ")));
        };
        check(ErrorKind::StorageFull, Some("disk-full"));
        check(ErrorKind::QuotaExceeded, Some("disk-full"));
        check(ErrorKind::PermissionDenied, Some("not-writable"));
        check(ErrorKind::NotFound, Some("wrong-place"));
        check(ErrorKind::IsADirectory, Some("wrong-place"));
        check(ErrorKind::NotADirectory, Some("wrong-place"));
        check(ErrorKind::InvalidFilename, Some("wrong-place"));
        check(ErrorKind::UnexpectedEof, None);
        // As temporary files say it, with their path.
        assert_eq!(code(io::Error::new(ErrorKind::StorageFull, "x")).unwrap().0, "disk-full");
    }
}
