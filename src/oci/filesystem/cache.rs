//! `/etc/ld.so.cache`: where glibc's loader finds libraries outside its built-in folders.
//!
//! The format is in glibc's `sysdeps/generic/dl-cache.h`; everything since 2.2 writes the new one, alone or behind the old.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

const OLD: &[u8] = b"ld.so-1.7.0";
const NEW: &[u8] = b"glibc-ld.so.cache1.1";
/// Bytes of the new format's header and of one entry.
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// The most libraries of one; a desktop has 5000.
const MOST: usize = 100_000;

/// Paths by the name of a library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache(HashMap<String, Vec<String>>);

impl Cache {
    pub fn paths(&self, library: &str) -> &[String] {
        self.0.get(library).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn weight(&self) -> usize {
        self.0
            .iter()
            .map(|(name, paths)| 64 + name.len() + paths.iter().map(|path| 24 + path.len()).sum::<usize>())
            .sum()
    }
}

/// Nothing if it is damaged or only of the old format.
pub(super) fn parse(bytes: &[u8]) -> Option<Cache> {
    let little = number(bytes, at_new(bytes)? + 20, false)?;
    let start = at_new(bytes)?;
    // No flag says the byte order before 2.33; a cache of the other order would have billions of libraries.
    let big = little as usize > MOST;
    let count = number(bytes, start + 20, big)? as usize;
    if count > MOST {
        return None;
    }
    let mut cache = HashMap::<String, Vec<String>>::new();
    let mut spent = 0;
    for index in 0..count {
        let entry = start + HEADER + index * ENTRY;
        let text = |at: usize| {
            let at = start.checked_add(number(bytes, entry + at, big)? as usize)?;
            let rest = bytes.get(at..)?;
            let end = memchr::memchr(0, &rest[..rest.len().min(4096)])?;
            Some(String::from_utf8_lossy(&rest[..end]).into_owned())
        };
        let (name, path) = (text(4)?, text(8)?);
        // The texts may all be one and the same.
        spent += name.len() + path.len();
        if spent > 16 << 20 {
            return None;
        }
        cache.entry(name).or_default().push(path);
    }
    Some(Cache(cache))
}

/// Where the new format begins.
fn at_new(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(NEW) {
        return Some(0);
    }
    if !bytes.starts_with(OLD) {
        return None;
    }
    let count = number(bytes, 12, false)? as usize;
    let after = (16 + count.checked_mul(12)?).next_multiple_of(8);
    bytes.get(after..)?.starts_with(NEW).then_some(after)
}

fn number(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = NEW.to_vec();
        bytes.extend((entries.len() as u32).to_le_bytes());
        bytes.resize(HEADER, 0);
        let mut texts = Vec::new();
        let strings = HEADER + entries.len() * ENTRY;
        for (name, path) in entries {
            let mut text = |text: &str| {
                let at = (strings + texts.len()) as u32;
                texts.extend(text.bytes().chain([0]));
                at.to_le_bytes()
            };
            let (name, path) = (text(name), text(path));
            bytes.extend([[0; 4], name, path, [0; 4], [0; 4], [0; 4]].concat());
        }
        bytes.extend(texts);
        bytes
    }

    #[test]
    fn libraries_and_their_paths() {
        let bytes = cache(&[("libz.so.1", "/lib/libz.so.1"), ("libz.so.1", "/lib32/libz.so.1"), ("b", "/b")]);
        let read = parse(&bytes).unwrap();
        assert_eq!(read.paths("libz.so.1"), ["/lib/libz.so.1", "/lib32/libz.so.1"]);
        assert!(read.paths("c").is_empty());
        for cut in 0..bytes.len() {
            drop(parse(&bytes[..cut]));
        }
        let old = [OLD, &[0, 2, 0, 0, 0], &[0; 24], &bytes].concat();
        assert_eq!(parse(&old), Some(read));
        for damaged in [b"".as_slice(), OLD, NEW, b"ld.so-1.7.0\0\xff\xff\xff\xff"] {
            assert_eq!(parse(damaged), None);
        }
        let many = [NEW, &[0xff, 0xff, 0xff, 0xff], &[0; 24]].concat();
        assert_eq!(parse(&many), None);
    }
}
