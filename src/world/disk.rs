//! What the system says of a disk that is full or a place that cannot be used: no bug is to blame for it.

use std::io::{self, ErrorKind};

use super::busy::InUse;
use crate::problem::Problem;

/// The problem behind an error, if it is one of the disk.
pub fn problem(error: &anyhow::Error) -> Option<Problem> {
    let kind = error.chain().find_map(|cause| of(cause.downcast_ref::<io::Error>()?))?;
    Some(Problem::new(kind.0, format!("{error:#}")).hint(kind.1))
}

/// The same for any error: somebody holds a file, the disk is to blame, or we are.
pub fn blamed(error: &anyhow::Error) -> Problem {
    if let Some(in_use) = error.chain().find_map(|cause| cause.downcast_ref::<InUse>()) {
        let hint = "close what has it open (an editor, a virus scanner), and run the same command again";
        return Problem::new("file-in-use", in_use.to_string()).hint(hint);
    }
    problem(error)
        .unwrap_or_else(|| Problem::new("unexpected", format!("{error:#}")).hint("if this is a bug, please report it"))
}

/// Code and hint for an error of the system.
pub fn of(error: &io::Error) -> Option<(&'static str, &'static str)> {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some(("disk-full", "make room there, and run the same command again: it continues"))
        }
        ErrorKind::FileTooLarge => {
            Some(("disk-full", "raise the limit for the size of a file (`ulimit -f`), or use another disk"))
        }
        ErrorKind::ReadOnlyFilesystem => Some(("not-writable", "use a place that may be written")),
        ErrorKind::PermissionDenied => Some((
            "not-writable",
            "give this user the right to it (`ls -ld` shows who has it), and run the same command again",
        )),
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => Some((
            "wrong-place",
            "there is a folder where a file should be, or a file where a folder should: use another path",
        )),
        ErrorKind::NotFound => {
            Some(("wrong-place", "that path, or a folder above it, is not there: make it, or use another"))
        }
        ErrorKind::InvalidFilename => {
            Some(("wrong-place", "the system takes no such name, or not so long a path: shorten it"))
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
