//! Which crates were compiled into a library, by the paths of their sources that rustc leaves in panic messages.

use std::collections::BTreeSet;

/// Most names that are kept of one library; real ones hold some hundreds.
const CRATES: usize = 20_000;
/// Longest `<crate>-<version>`: crates.io allows 64 bytes for a name.
const LONGEST: usize = 128;

/// Every `<crate>-<version>` before a `/src/`.
pub fn crates(bytes: &[u8]) -> BTreeSet<String> {
    let is_slash = |byte: u8| matches!(byte, b'/' | b'\\');
    let mut found = BTreeSet::new();
    for (at, window) in bytes.windows(5).enumerate() {
        if window[1] != b's' || &window[2..4] != b"rc" || !is_slash(window[0]) || !is_slash(window[4]) {
            continue;
        }
        let before = &bytes[at.saturating_sub(LONGEST)..at];
        let name = before.rsplit(|byte| is_slash(*byte)).next().unwrap_or_default();
        // Texts lie next to each other without an end: a path may begin in the middle, never with what no name has.
        let start = name.iter().rposition(|byte| !is_of_name(*byte)).map_or(0, |at| at + 1);
        if let Ok(name) = std::str::from_utf8(&name[start..])
            && is_crate(name)
            && found.len() < CRATES
        {
            found.insert(name.to_owned());
        }
    }
    found
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte)
}

/// A name, a hyphen and the three numbers of a version.
fn is_crate(text: &str) -> bool {
    let version = |text: &str| text.parse::<crate::version::Version>().is_ok();
    text.match_indices('-').any(|(at, _)| at > 0 && version(&text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_by_their_paths() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(crates(text.as_bytes()).into_iter().collect::<Vec<_>>(), expected, "{text}");
        };
        check("/registry/src/index.crates.io-19/serde-1.0.228/src/de/mod.rs", &["serde-1.0.228"]);
        check("\\src\\index\\tokio-1.0.0-rc.1\\src\\lib.rs", &["tokio-1.0.0-rc.1"]);
        check("panic at \u{1}axum-core-0.8.1/src/lib.rsregex-1.2.3/src/x", &["axum-core-0.8.1"]);
        check("/src/ src/ /a/src/ a-1.2/src/ library/std/src/", &[]);
        check("zstd-sys-2.0.16+zstd.1.5.7/src/x", &["zstd-sys-2.0.16+zstd.1.5.7"]);
    }
}
