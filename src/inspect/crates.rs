//! Which crates were compiled into a library, by the paths of their sources that rustc leaves in panic messages.

use std::collections::BTreeSet;
use std::io::{self, Write};

use memchr::memmem::{self, Finder};

/// Most names that are kept of one library; real ones hold some hundreds.
const CRATES: usize = 20_000;
/// Longest `<crate>-<version>`: crates.io allows 64 bytes for a name.
const LONGEST: usize = 128;

/// How many bytes on both sides of a `/src` say which crate it is.
const AROUND: usize = LONGEST + "/src/".len();
/// How many bytes are looked through at once.
const PIECE: usize = 1 << 20;

/// Every `<crate>-<version>` before a `/src/`, and which of some texts are there, in bytes that are written to it one after
/// another: a library need not be in memory for it.
pub struct Scan<'a> {
    asked: &'a [&'a String],
    piece: usize,
    /// How much of what was seen is seen again with what follows.
    overlap: usize,
    window: Vec<u8>,
    /// Whether the window begins where the bytes begin.
    is_first: bool,
    crates: BTreeSet<String>,
    texts: BTreeSet<String>,
}

impl<'a> Scan<'a> {
    pub fn new(asked: &'a [&'a String]) -> Self {
        let longest = asked.iter().map(|text| text.len()).max().unwrap_or(0);
        let (crates, texts, window) = Default::default();
        Self { asked, piece: PIECE, overlap: longest.max(AROUND), window, is_first: true, crates, texts }
    }

    /// The crates and the texts that were found.
    pub fn finish(mut self) -> (BTreeSet<String>, BTreeSet<String>) {
        self.look();
        (self.crates, self.texts)
    }

    fn look(&mut self) {
        for text in self.asked {
            if !self.texts.contains(*text) && memmem::find(&self.window, text.as_bytes()).is_some() {
                self.texts.insert((*text).clone());
            }
        }
        // What stands nearer to the start was seen whole the last time.
        let from = if self.is_first { 0 } else { LONGEST };
        crates_from(&self.window, from, &mut self.crates);
        let gone = self.window.len().saturating_sub(self.overlap);
        self.is_first = self.is_first && gone == 0;
        self.window.drain(..gone);
    }
}

impl Write for Scan<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.chunks(self.piece) {
            self.window.extend_from_slice(part);
            if self.window.len() >= self.overlap + self.piece {
                self.look();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn crates_from(bytes: &[u8], from: usize, found: &mut BTreeSet<String>) {
    // Windows writes the other slash; a path remapped on the way may have one of each.
    for middle in [&b"/src"[..], b"\\src"] {
        for at in Finder::new(middle).find_iter(bytes) {
            if at < from || !bytes.get(at + middle.len()).is_some_and(is_slash) || found.len() >= CRATES {
                continue;
            }
            let name = name_before(&bytes[at.saturating_sub(LONGEST)..at]);
            // The same path occurs hundreds of times.
            if is_crate(name) && !found.contains(name) {
                found.insert(name.to_owned());
            }
        }
    }
}

fn is_slash(byte: &u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

/// The last name of a path. Texts lie next to each other without an end: a path may begin in the middle of what was
/// read, and never with what no name has.
fn name_before(before: &[u8]) -> &str {
    let start = before.iter().rposition(|byte| !is_of_name(*byte)).map_or(0, |at| at + 1);
    let name = std::str::from_utf8(&before[start..]).unwrap_or_default();
    // `lib.rsregex-1.2.3`: the path of before ended there. Names of crates have no dot.
    let version = name.match_indices('-').find(|(at, _)| is_version(&name[at + 1..])).map_or(name.len(), |(at, _)| at);
    match name[..version].rfind('.') {
        Some(dot) => name[dot + 1..].strip_prefix("rs").unwrap_or(&name[dot + 1..]),
        None => name,
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte)
}

/// A name, a hyphen and the three numbers of a version.
fn is_crate(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.match_indices('-').any(|(at, _)| is_version(&text[at + 1..]))
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<crate::version::Version>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crates(bytes: &[u8]) -> BTreeSet<String> {
        let mut scan = Scan::new(&[]);
        scan.write_all(bytes).unwrap();
        scan.finish().0
    }

    #[test]
    fn crates_by_their_paths() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(crates(text.as_bytes()).into_iter().collect::<Vec<_>>(), expected, "{text}");
        };
        check("/registry/src/index.crates.io-19/serde-1.0.228/src/de/mod.rs", &["serde-1.0.228"]);
        check("\\src\\index\\tokio-1.0.0-rc.1\\src\\lib.rs", &["tokio-1.0.0-rc.1"]);
        check("C:\\x\\ring-0.17.8\\src/aead.rs", &["ring-0.17.8"]);
        check("panic at \u{1}axum-core-0.8.1/src/lib.rsregex-1.2.3/src/x", &["axum-core-0.8.1", "regex-1.2.3"]);
        check("/a/base64ct-1.6.0/src/x\0/a/base64ct-1.6.0/src/y", &["base64ct-1.6.0"]);
        check("/src/ src/ /a/src/ a-1.2/src/ library/std/src/ -1.2.3/src/ 9-1.2.3/src/ a-1.2.3/srcs", &[]);
        check("zstd-sys-2.0.16+zstd.1.5.7/src/x", &["zstd-sys-2.0.16+zstd.1.5.7"]);
        check(&format!("{}-1.2.3/src/", "a".repeat(300)), &[&format!("{}-1.2.3", "a".repeat(LONGEST - 6))]);
    }

    #[test]
    fn pieces_are_as_good_as_the_whole() {
        let text = format!(
            "{}/registry/serde-1.0.228/src/de.rs {} C:\\x\\ring-0.17.8\\src/aead.rs NEEDLE-in-it {}/axum-core-0.8.1/src/x",
            "x/".repeat(200),
            "y".repeat(150),
            "z ".repeat(90)
        );
        let asked = ["NEEDLE-in-it".to_owned(), "nothing".to_owned()];
        let asked: Vec<&String> = asked.iter().collect();
        for size in [1, 2, 3, 7, 64, 127, 128, 133, 134, 1000] {
            let mut scan = Scan { piece: size, ..Scan::new(&asked) };
            scan.write_all(text.as_bytes()).unwrap();
            let (found, texts) = scan.finish();
            assert_eq!(found, crates(text.as_bytes()), "{size}");
            assert_eq!((found.len(), texts.iter().map(String::as_str).collect()), (3, vec!["NEEDLE-in-it"]), "{size}");
        }
    }
}
