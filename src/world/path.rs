//! Paths in one form: resolved without Windows' `\\?\`, and joined with the separator of the system.

use std::io;
use std::path::{Path, PathBuf};

use crate::portable::not_on_windows;

/// A path that exists, absolute, without links, `..` and short names, so that two of one place are equal. Windows
/// answers `\\?\C:\…`, which neither git nor cargo prints, cmd.exe refuses and people cannot read.
///
/// # Errors
/// If it does not exist or cannot be looked at.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the one place that resolves paths")]
    let resolved = std::fs::canonicalize(path)?;
    let plain = if cfg!(windows) { resolved.to_str().and_then(plain) } else { None };
    Ok(plain.map_or(resolved, PathBuf::from))
}

/// The home folder of the user who runs this: what the environment names, else that of the account.
pub fn user_home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// A file or folder below another, named with `/` as plans and configurations do.
pub fn below(folder: &Path, path: &str) -> PathBuf {
    path.split('/').filter(|name| !name.is_empty()).fold(folder.to_owned(), |folder, name| folder.join(name))
}

/// A path below a folder as plans, configurations and people write it: with `/`, on every system.
pub fn relative(path: &Path) -> String {
    if path.is_absolute() {
        return path.display().to_string();
    }
    let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
    names.join("/")
}

/// A path as it is typed in a folder: relative, with `/`, and `..` for what is above it. Both are absolute.
pub fn relative_from(here: &Path, path: &Path) -> String {
    let common = here.ancestors().find(|folder| path.starts_with(folder));
    let Some(rest) = common.and_then(|common| path.strip_prefix(common).ok()) else { return relative(path) };
    let up = here.ancestors().take_while(|folder| Some(*folder) != common).map(|_| "..".to_owned());
    let names: Vec<String> = up.chain(rest.iter().map(|name| name.to_string_lossy().into_owned())).collect();
    if names.is_empty() { ".".into() } else { names.join("/") }
}

/// A verbatim path of Windows in its usual form; `None` if it has none.
/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file#win32-file-namespaces>
fn plain(verbatim: &str) -> Option<String> {
    let rest = verbatim.strip_prefix(r"\\?\")?;
    let (start, rest) = match rest.strip_prefix(r"UNC\") {
        Some(share) => (r"\\", share),
        None if matches!(rest.as_bytes(), [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic()) => ("", rest),
        None => return None,
    };
    // Such a name would mean something else without the prefix.
    let (_, names) = rest.split_once('\\')?;
    not_on_windows(&names.replace('\\', "/")).is_none().then(|| format!("{start}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_they_are_typed() {
        let root = std::env::temp_dir();
        for (here, path, expected) in [
            ("a", "a/b.yaml", "b.yaml"),
            ("a/b/c", "a/x", "../../x"),
            ("a", "a", "."),
            ("a/b", "a", ".."),
            ("", "a/b", "a/b"),
        ] {
            assert_eq!(relative_from(&below(&root, here), &below(&root, path)), expected, "{here} {path}");
        }
    }

    #[test]
    fn verbatim_paths_as_everybody_says_them() {
        for (verbatim, expected) in [
            (r"\\?\C:\p\harbor", r"C:\p\harbor"),
            (r"\\?\C:\", r"C:\"),
            (r"\\?\UNC\server\share\x", r"\\server\share\x"),
            (r"\\?\C:\console\null.txt", r"C:\console\null.txt"),
        ] {
            assert_eq!(plain(verbatim).as_deref(), Some(expected), "{verbatim}");
        }
        let kept = [
            r"C:\p",
            r"\\server\share",
            r"/home/x",
            r"\\?\Volume{b75e2c83}\x",
            r"\\?\C:\p\nul",
            r"\\?\C:\aux.txt\x",
            r"\\?\C:\ends.\x",
            r"\\?\C:\blank \x",
            r"\\?\C:\com1",
        ];
        for path in kept {
            assert_eq!(plain(path), None, "{path}");
        }
    }

    #[test]
    fn paths_below_a_folder() {
        let sum = below(Path::new("top"), "a//b/c");
        assert_eq!(sum, Path::new("top").join("a").join("b").join("c"));
        assert_eq!(below(Path::new("top"), ""), Path::new("top"));
        assert_eq!(relative(sum.strip_prefix("top").unwrap()), "a/b/c");
    }

    #[test]
    fn one_place_has_one_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let path = resolve(&folder.path().join("a").join("..").join("a")).unwrap();
        assert_eq!(path, resolve(folder.path()).unwrap().join("a"));
        assert!(!path.to_string_lossy().contains('?'), "{}", path.display());
        assert!(resolve(&folder.path().join("b")).is_err());
    }
}
