//! Names of files as Windows and macOS take them: what cannot be unpacked there, and what becomes one file there.

use std::collections::BTreeMap;

use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::target::Os;

/// Devices, whatever follows after a dot:
/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions>.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// What is wrong with paths (`/` between the names) on a system, in words. On Linux only what leaves a folder elsewhere:
/// archives are unpacked on other systems, too.
pub fn flaws<'a>(paths: impl Iterator<Item = &'a str> + Clone, os: Os) -> Vec<String> {
    let (system, mut flaws) = (name(os), Vec::new());
    if os != Os::Windows {
        for path in paths.clone().filter(|path| path.contains('\\') || path.as_bytes().get(1) == Some(&b':')) {
            flaws.push(format!("`{}` is a path with a drive or another folder on Windows", path.escape_debug()));
        }
    }
    if os == Os::Linux {
        return flaws;
    }
    if os == Os::Windows {
        for path in paths.clone() {
            if let Some(why) = not_on_windows(path) {
                flaws.push(format!("`{}` cannot be unpacked on {system}: {why}", path.escape_debug()));
            }
        }
    }
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for path in paths {
        // Folders count, too: `Docs/a` and `docs/b` become one folder, which nobody asked for, yet nothing is lost.
        match known.insert(folded(path), path) {
            Some(other) if other != path => {
                flaws.push(format!(
                    "`{}` and `{}` are the same file on {system}",
                    other.escape_debug(),
                    path.escape_debug()
                ));
            }
            _ => {}
        }
    }
    flaws
}

/// Why Windows cannot have a file of this path.
pub fn not_on_windows(path: &str) -> Option<String> {
    path.split('/').find_map(refused)
}

/// Whether a path lies where git keeps a repository; Windows and macOS take other spellings for the same folder.
pub fn is_of_git(path: &str) -> bool {
    path.split('/').any(|name| folded(name.trim_end_matches(['.', ' '])) == ".git")
}

fn name(os: Os) -> &'static str {
    match os {
        Os::Windows => "Windows",
        Os::Darwin => "macOS",
        Os::Linux => "Linux",
    }
}

/// Why Windows takes no file of this name.
fn refused(name: &str) -> Option<String> {
    if let Some(sign) = name.chars().find(|c| c.is_control() || "<>:\"\\|?*".contains(*c)) {
        return Some(format!("names cannot contain `{}` there", sign.escape_debug()));
    }
    if name.ends_with(['.', ' ']) && !matches!(name, "." | "..") {
        return Some("names cannot end with a dot or space there".into());
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_lowercase();
    let numbered = |device: &str| {
        let rest = stem.strip_prefix(device);
        rest.is_some_and(|rest| rest.chars().count() == 1 && rest.chars().all(|c| "123456789¹²³".contains(c)))
    };
    let device = DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt");
    device.then(|| format!("`{stem}` is a reserved device name there"))
}

/// Equal for names that such a file system takes for one: without case, and accents taken apart.
pub fn folded(path: &str) -> String {
    let apart = DecomposingNormalizerBorrowed::new_nfd();
    let lower: String = apart.normalize(path).to_uppercase().to_lowercase();
    apart.normalize(&lower).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_unpacked() {
        let of = |os: Os, paths: &[&str]| flaws(paths.iter().copied(), os);
        for bad in ["a:b", "x/nul", "aux.txt", "Con", "com1.log", "lpt²", "end.", "end ", "a\\b", "q?", "tab\t", "x./y"]
        {
            assert_eq!(of(Os::Windows, &[bad]).len(), 1, "{bad:?}");
            let elsewhere = usize::from(["a:b", "a\\b"].contains(&bad));
            assert_eq!(of(Os::Darwin, &[bad]).len(), elsewhere, "{bad:?}");
            assert_eq!(of(Os::Linux, &[bad]).len(), elsewhere, "{bad:?}");
        }
        for good in ["a", ".gitignore", "x/y.z", "console", "com10", "null", "auxiliary.txt", "a b", "..x"] {
            assert_eq!(of(Os::Windows, &[good]), [""; 0], "{good:?}");
        }
        for os in [Os::Windows, Os::Darwin] {
            for (one, other) in
                [("Read", "read"), ("stra\u{df}e", "STRASSE"), ("e\u{301}", "\u{e9}"), ("\u{c9}", "e\u{301}")]
            {
                assert_eq!(of(os, &[one, other]).len(), 1, "{one} {other}");
                assert_eq!(of(Os::Linux, &[one, other]), [""; 0]);
            }
            assert_eq!(of(os, &["a/x", "A/y", "b"]), [""; 0]);
        }
        assert_eq!(of(Os::Darwin, &["Read", "read"]), ["`Read` and `read` are the same file on macOS"]);
    }
}
