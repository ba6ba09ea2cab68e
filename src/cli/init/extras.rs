//! Man pages and shell completions of the commit, which archives can bring.

use super::found::is_aside;
use crate::facts::git::TreeKind;
use crate::facts::{Facts, Package};

/// How many are named.
const NAMED: usize = 8;
/// Ends of files that are made into pages and completions, or are code.
const SOURCES: &[&str] = &["in", "j2", "md", "py", "rs", "tmpl", "toml", "txt"];

/// Those that belong to the executables of these packages, if there are such.
pub fn find(facts: &Facts, packages: &[&Package]) -> Vec<String> {
    let bins: Vec<&str> = packages.iter().flat_map(|package| &package.bins).map(String::as_str).collect();
    let files = facts.files.iter().filter(|file| !matches!(file.kind, TreeKind::Symlink(_)) && !is_aside(&file.path));
    let paths = files.map(|file| file.path.as_str());
    paths.filter(|path| is_page(path, &bins) || is_completion(path, &bins)).take(NAMED).map(str::to_owned).collect()
}

/// `doc/fd.1`, `man/man1/fd-print.1`
fn is_page(path: &str, bins: &[&str]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').is_some_and(|(stem, section)| {
        matches!(section, "1" | "5" | "7" | "8") && bins.iter().any(|bin| is_of(stem, bin))
    })
}

/// `contrib/completion/_fd`, `completions/fd.bash`
fn is_completion(path: &str, bins: &[&str]) -> bool {
    let Some((folders, name)) = path.rsplit_once('/') else { return false };
    let is_folder = |folder: &str| {
        let folder = folder.to_ascii_lowercase();
        folder.starts_with("complet") || folder.starts_with("autocomplet")
    };
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    folders.split('/').any(is_folder)
        && !SOURCES.contains(&end)
        && bins.iter().any(|bin| is_of(stem.trim_start_matches('_'), bin))
}

/// A name, or one that goes on after it: `git-x`, `hx.bash`.
fn is_of(stem: &str, bin: &str) -> bool {
    stem.strip_prefix(bin).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_']))
}

/// What is said of them.
pub fn line(extras: &[String]) -> Option<String> {
    let paths: Vec<String> = extras.iter().map(|path| format!("`{path}`")).collect();
    (!extras.is_empty()).then(|| {
        format!(
            "  not in the archives: {} (`include:` in the file that was written shows how to add them)\n",
            paths.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_completions() {
        let check = |path: &str, expected: bool| {
            assert_eq!(is_page(path, &["fd"]) || is_completion(path, &["fd"]), expected, "{path}");
        };
        for path in ["doc/fd.1", "fd.1", "man/fd-all.1", "contrib/completion/_fd", "completions/fd.bash"] {
            check(path, true);
        }
        for path in ["doc/other.1", "fd.2.1.0", "completions/fd.rs", "completions/README", "src/fd.bash", "doc/fd.1.in"]
        {
            check(path, false);
        }
    }
}
