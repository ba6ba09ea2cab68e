//! What an archive holds: names, types, modes and digests, read in one pass without unpacking; and what is unsafe in it.

use std::collections::btree_map::{BTreeMap, Entry as Place};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;

use crate::digest::{Digest, Hashing};
use crate::format::Format;
use crate::lfs;
use crate::world::members::{Members, unzip};

/// The entries of an archive by path; folders end in `/`.
pub type Listing = BTreeMap<String, Entry>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Folder,
    /// A file: permission bits and digest of its content.
    File {
        /// Permission bits, 0o7777.
        mode: u32,
        digest: Digest,
    },
    /// A symbolic link and what it points at.
    Link(String),
}

/// What is done with the bytes of a file, given its path: it reads them to their end and answers with their digest.
pub type Take<'t> = dyn FnMut(&str, &mut dyn Read) -> io::Result<Digest> + 't;

fn hash(_: &str, reader: &mut dyn Read) -> io::Result<Digest> {
    Ok(Digest::of_reader(reader)?.0)
}

/// Everything one reading of an archive yields.
pub struct Content {
    /// Digest and length of the archive itself.
    pub bytes: (Digest, u64),
    /// Digest of the tar inside, if it is one and was asked for.
    pub inner: Option<Digest>,
    /// What it holds, as far as it could be read.
    pub listing: Listing,
    /// What our archives may not contain: paths that lead outside, entries twice, devices.
    pub flaws: Vec<String>,
    /// Why it could not be read to its end.
    pub damage: Option<String>,
}

/// Reads an archive to its last byte; memory holds its listing, never its content.
///
/// # Errors
/// If the file itself cannot be read.
pub fn read(file: File, format: Format) -> io::Result<Content> {
    read_with(file, format, false)
}

/// The same with the digest of the tar inside, as images know their layers.
///
/// # Errors
/// As [`read`].
pub fn read_with(file: File, format: Format, inner: bool) -> io::Result<Content> {
    read_taking(file, format, inner, &mut hash)
}

/// The same for a caller that reads the bytes of files as they pass.
///
/// # Errors
/// As [`read`].
pub fn read_taking(mut file: File, format: Format, inner: bool, take: &mut Take<'_>) -> io::Result<Content> {
    let mut holds = Holds::default();
    let mut tar = inner.then(|| Hashing::new(io::sink()));
    let (damage, bytes) = match format {
        Format::Zip => {
            let bytes = Digest::of_reader(&mut file)?;
            (zip_entries(file, &mut holds, take).err(), bytes)
        }
        Format::TarGz | Format::TarZst | Format::Binary => {
            let mut source = Tee { inner: file, seen: Hashing::new(io::sink()) };
            let buffered = BufReader::with_capacity(1 << 16, &mut source);
            let damage = if format == Format::TarGz {
                let inner = MultiGzDecoder::new(buffered);
                tar_entries(Watched { inner, seen: tar.as_mut() }, &mut holds, take).err()
            } else {
                zstd::Decoder::with_buffer(buffered)
                    .map_err(|error| error.to_string())
                    .and_then(|inner| tar_entries(Watched { inner, seen: tar.as_mut() }, &mut holds, take))
                    .err()
            };
            // What the decoder did not want belongs to the digest, too.
            io::copy(&mut source, &mut io::sink())?;
            let (_, digest, size) = source.seen.finish();
            (damage, (digest, size))
        }
    };
    holds.below_links();
    let inner = tar.map(|tar| tar.finish().1);
    Ok(Content { bytes, inner, listing: holds.listing, flaws: holds.flaws, damage })
}

/// Up to five names in backticks and how many more; nothing for no name.
pub fn some_of<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(5).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => None,
        1..=5 => Some(shown),
        count => Some(format!("{shown} and {} more", count - 5)),
    }
}

/// A reader whose bytes are hashed on the way.
struct Tee {
    inner: File,
    seen: Hashing<io::Sink>,
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        io::Write::write_all(&mut self.seen, &buffer[..count])?;
        Ok(count)
    }
}

/// A reader that can give the digest of what it read.
struct Watched<'h, R> {
    inner: R,
    seen: Option<&'h mut Hashing<io::Sink>>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(seen) = &mut self.seen {
            io::Write::write_all(seen, &buffer[..count])?;
        }
        Ok(count)
    }
}

const BLOCK: u64 = 512;

/// Writers fill up the last of their records, of 10 KiB as a rule.
const LONGEST_TAIL: usize = 64 << 20;

fn tar_entries(reader: impl Read, holds: &mut Holds, take: &mut Take<'_>) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let mut members = Members::new(reader);
    let mut end = 0;
    while let Some(member) = members.advance().map_err(said)? {
        end = members.end();
        let name = String::from_utf8(member.path).map_err(|_| "a name is not UTF-8".to_owned())?;
        let found = match member.kind {
            tar::EntryType::Regular | tar::EntryType::Continuous if !member.sparse => {
                let mode = member.header.mode().map_err(said)? & 0o7777;
                let digest = holds.take(take, &name, &mut members.content()).map_err(said)?;
                Some(Entry::File { mode, digest })
            }
            tar::EntryType::Directory => Some(Entry::Folder),
            tar::EntryType::Symlink => {
                Some(Entry::Link(String::from_utf8(member.link).map_err(|_| "a link is not UTF-8".to_owned())?))
            }
            _ => None,
        };
        holds.add(&name, found);
    }
    let (mut rest, mut count) = members.into_inner();
    let (mut buffer, mut tail) = ([0; 8192], 0);
    loop {
        match rest.read(&mut buffer).map_err(said)? {
            0 => break,
            read if buffer[..read].iter().all(|byte| *byte == 0) => tail += read,
            _ => return Err("there is data after its end".into()),
        }
        if tail > LONGEST_TAIL {
            return Err(format!("there are more than {} MiB of zeros after its end", LONGEST_TAIL >> 20));
        }
    }
    count += tail as u64;
    // Two zero blocks end a tar (POSIX pax, "ustar Interchange Format"); without them entries may be missing.
    if count < end + 2 * BLOCK { Err("its end mark is missing".into()) } else { Ok(()) }
}

fn zip_entries(mut file: File, holds: &mut Holds, take: &mut Take<'_>) -> Result<(), String> {
    let said = |error: zip::result::ZipError| error.to_string();
    ends_at_its_end(&mut file)?;
    let mut archive = unzip(file)?;
    if archive.offset() != 0 {
        return Err("there is data before its start".into());
    }
    if archive.has_duplicate_names() {
        holds.flaws.push("contains a name twice".into());
    } else {
        archive.validate_header_consistency().map_err(said)?;
    }
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(said)?;
        let name = entry.name().map_err(said)?.into_owned();
        let mode = entry.unix_mode().unwrap_or(0);
        let found = if entry.is_dir() {
            Some(Entry::Folder)
        } else if entry.is_symlink() {
            let mut target = String::new();
            entry.by_ref().take(4096).read_to_string(&mut target).map_err(|error| error.to_string())?;
            Some(Entry::Link(target))
        } else if matches!(mode & 0o170_000, 0 | 0o100_000) {
            let digest = holds.take(take, &name, &mut entry).map_err(|error| error.to_string())?;
            Some(Entry::File { mode: mode & 0o7777, digest })
        } else {
            None
        };
        holds.add(&name, found);
    }
    Ok(())
}

/// The end record of a ZIP without a comment is its last 22 bytes; readers search backwards and would forgive a tail.
fn ends_at_its_end(file: &mut File) -> Result<(), String> {
    let mut tail = [0; 22];
    let read = file.seek(SeekFrom::End(-22)).and_then(|_| file.read_exact(&mut tail));
    let whole = read.is_ok() && tail.starts_with(b"PK\x05\x06") && tail.ends_with(&[0, 0]);
    file.rewind().map_err(|error| error.to_string())?;
    if whole { Ok(()) } else { Err("its end record is not at its end: it was truncated or appended to".into()) }
}

/// Collects entries and refuses what would leave the folder an archive is unpacked into.
#[derive(Default)]
struct Holds {
    listing: Listing,
    flaws: Vec<String>,
}

impl Holds {
    /// Hands the bytes of a file over, and looks whether they are a pointer in place of a file.
    fn take(&mut self, take: &mut Take<'_>, name: &str, bytes: &mut dyn Read) -> io::Result<Digest> {
        let mut start = Vec::new();
        bytes.take(lfs::LONGEST + 1).read_to_end(&mut start)?;
        if lfs::is_pointer_text(&start) {
            self.flaws.push(format!("contains `{}`, a Git LFS pointer instead of the file", printable(name)));
        }
        take(name, &mut start.as_slice().chain(bytes))
    }

    fn add(&mut self, name: &str, found: Option<Entry>) {
        let Some(entry) = found else {
            self.flaws.push(format!("contains `{}`, which is not a file, folder or symbolic link", printable(name)));
            return;
        };
        if leaves(name) {
            self.flaws.push(format!("contains `{}`, a path that leads outside", printable(name)));
            return;
        }
        if let Entry::Link(target) = &entry
            && link_leaves(name, target)
        {
            self.flaws.push(format!("contains `{}`, a link to `{}` outside", printable(name), printable(target)));
        }
        let name = match entry {
            Entry::Folder => format!("{}/", name.trim_end_matches('/')),
            _ => name.to_owned(),
        };
        match self.listing.entry(name) {
            Place::Occupied(place) => self.flaws.push(format!("contains `{}` twice", printable(place.key()))),
            Place::Vacant(place) => {
                place.insert(entry);
            }
        }
    }

    /// An entry below a link would be written through it, to somewhere else.
    fn below_links(&mut self) {
        for link in self.listing.iter().filter(|(_, entry)| matches!(entry, Entry::Link(_))).map(|(name, _)| name) {
            let below = format!("{link}/");
            if let Some((name, _)) =
                self.listing.range(below.clone()..).next().filter(|(name, _)| name.starts_with(&below))
            {
                self.flaws.push(format!("contains `{}` below the link `{}`", printable(name), printable(link)));
            }
        }
    }
}

/// Absolute (also as Windows sees it), or with `..`, or no path at all.
fn leaves(name: &str) -> bool {
    let drive = name.as_bytes().get(1) == Some(&b':');
    let mut words = name.trim_end_matches('/').split(['/', '\\']);
    drive
        || name.is_empty()
        || name.starts_with(['/', '\\'])
        || name.contains('\0')
        || words.any(|word| matches!(word, ".." | "." | ""))
}

/// Whether a link at `name` points above the archive's top.
fn link_leaves(name: &str, target: &str) -> bool {
    let drive = target.as_bytes().get(1) == Some(&b':');
    if drive || target.is_empty() || target.starts_with(['/', '\\']) || target.contains('\0') {
        return true;
    }
    let mut depth = name.matches('/').count();
    for word in target.split(['/', '\\']) {
        match word {
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
    }
    false
}

pub fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        let inside = ["a", "a/b", "a/", "a.b/..c", "..."];
        let outside = ["", "/a", "..", "../a", "a/../../b", "a//b", "./a", "\\a", "a\\..\\b", "C:\\a", "c:a", "a\0b"];
        assert!(inside.iter().all(|name| !leaves(name)));
        for name in outside {
            assert!(leaves(name), "{name:?}");
        }
    }

    #[test]
    fn links_stay_inside() {
        let inside = [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/./e"), ("a", "b/../c")];
        let outside = [
            ("a", ".."),
            ("a", "../b"),
            ("a/b", "../../c"),
            ("a", "/etc/passwd"),
            ("a", "C:/x"),
            ("a", ""),
            ("a", "b/../../c"),
        ];
        for (name, target) in inside {
            assert!(!link_leaves(name, target), "{name} -> {target}");
        }
        for (name, target) in outside {
            assert!(link_leaves(name, target), "{name} -> {target}");
        }
    }

    #[test]
    fn names_are_few() {
        assert_eq!(some_of([].into_iter()), None);
        assert_eq!(some_of(["a", "b"].into_iter()).unwrap(), "`a`, `b`");
        assert_eq!(some_of(["a"; 7].into_iter()).unwrap(), "`a`, `a`, `a`, `a`, `a` and 2 more");
    }
}
