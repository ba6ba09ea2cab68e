//! Files that hardly belong into an image, or that everybody may change.

use super::finding::Finding;
use crate::oci::filesystem::{Entry, FileSystem, Kind};
use crate::oci::layer;

/// How many paths are named of each kind.
const SHOWN: usize = 6;

struct Kinds {
    code: &'static str,
    what: &'static str,
    hint: &'static str,
    is: fn(&str, &Entry) -> bool,
}

const KINDS: &[Kinds] = &[
    Kinds {
        code: "image-setuid",
        what: "setuid or setgid",
        hint: "whoever starts such a program gets the rights of its owner: `chmod a-s` what is not needed",
        is: |_, entry| entry.file().is_some() && entry.mode & 0o6000 != 0,
    },
    Kinds {
        code: "image-world-writable",
        what: "world-writable without a sticky bit",
        hint: "give it to the user of the image instead",
        is: |path, entry| {
            let writable = entry.mode & 0o002 != 0 && entry.mode & 0o1000 == 0;
            let kind = matches!(entry.kind, Kind::Folder | Kind::File(_));
            writable
                && kind
                && !["dev", "proc", "sys"].iter().any(|top| path == *top || path.starts_with(&format!("{top}/")))
        },
    },
    Kinds {
        code: "image-private-key",
        what: "private keys",
        hint: "mount what the running program needs; give a build what it needs by `RUN --mount=type=secret`",
        is: |_, entry| entry.file().is_some_and(|file| file.private_key),
    },
    Kinds {
        code: "image-repository",
        what: "the history of a repository",
        hint: "name it in `.dockerignore`",
        is: |path, _| layer::name(path) == ".git",
    },
    Kinds {
        code: "image-dotenv",
        what: "files of settings that are often secret",
        hint: "name them in `.dockerignore`; give settings to the container",
        is: |path, entry| layer::name(path) == ".env" && entry.file().is_some_and(|file| file.size > 0),
    },
    Kinds {
        code: "image-cache",
        what: "caches of a build",
        hint: "remove it in the same RUN, or copy only what is needed",
        is: |path, entry| entry.kind == Kind::Folder && path.ends_with("node_modules/.cache"),
    },
];

/// One finding for each kind of file that there is.
pub fn files(files: &FileSystem) -> Vec<Finding> {
    let mut found: Vec<Vec<&str>> = vec![Vec::new(); KINDS.len()];
    let mut counts = vec![0; KINDS.len()];
    for (path, entry) in files.iter() {
        for (index, _) in KINDS.iter().enumerate().filter(|(_, kind)| (kind.is)(path, entry)) {
            counts[index] += 1;
            if found[index].len() < SHOWN {
                found[index].push(path);
            }
        }
    }
    let one = |(index, kind): (usize, &Kinds)| {
        let paths = &found[index];
        let shown: Vec<String> = paths.iter().map(|path| format!("`/{path}`")).collect();
        let more = counts[index] - paths.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let text = format!("{}: {}{more}", kind.what, shown.join(", "));
        (!paths.is_empty()).then(|| Finding::new(kind.code, &text, kind.hint))
    };
    KINDS.iter().enumerate().filter_map(one).collect()
}
