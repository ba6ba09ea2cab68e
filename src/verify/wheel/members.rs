//! The members of a wheel, looked at while they pass.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};

use tempfile::SpooledTempFile;

use super::flaw::{Flaw, flaw};
use super::library::Library;
use super::native;
use crate::digest::{Digest, Hashing};
use crate::inspect::{Scan, is_native};
use crate::verify::content::printable;

/// Most bytes of a text that is read (METADATA, RECORD, an SBOM); real ones have up to a few MiB.
pub const TEXT: u64 = 16 << 20;
/// Most bytes of all of them, and how many there may be.
const TEXTS: usize = 128 << 20;
const MOST_TEXTS: usize = 5000;
/// Most bytes of a library that is looked into, and how many of them are in memory; the rest is on disk, one at a time.
const LIBRARY: u64 = 512 << 20;
const IN_MEMORY: usize = 16 << 20;

/// What is kept of the members while they pass: sizes and digests, a few texts, the facts of libraries.
pub struct Members<'a> {
    /// The `.dist-info` folder.
    info: String,
    /// Texts that are looked for in libraries.
    asked: &'a [&'a String],
    /// Digest and length by path.
    pub sums: BTreeMap<String, (Digest, u64)>,
    pub texts: BTreeMap<String, String>,
    pub libraries: Vec<Library>,
    pub flaws: Vec<Flaw>,
    /// Why a library could not be kept for a while.
    pub full: Option<io::Error>,
}

/// Whether a file of `.dist-info` is read as text.
fn is_read(path: &str) -> bool {
    matches!(path, "METADATA" | "WHEEL" | "RECORD" | "entry_points.txt") || path.starts_with("sboms/")
}

impl<'a> Members<'a> {
    pub fn new(info: &str, asked: &'a [&'a String]) -> Self {
        let (sums, texts, libraries, flaws, full) = Default::default();
        Self { info: info.to_owned(), asked, sums, texts, libraries, flaws, full }
    }

    pub fn take(&mut self, path: &str, reader: &mut dyn Read) -> io::Result<Digest> {
        let mut hashing = Hashing::new(io::sink());
        let mut kept = Vec::new();
        pass(reader, &mut hashing, &mut kept, 4)?;
        let inner = path.strip_prefix(&self.info).and_then(|rest| rest.strip_prefix('/'));
        let is_text = inner.is_some_and(is_read);
        let is_native = !is_text && is_native(path, &kept);
        if is_text {
            pass(reader, &mut hashing, &mut kept, TEXT)?;
        }
        let mut library = is_native.then(|| Passing::new(self.asked));
        if let Some(library) = &mut library {
            library.take(&mut kept.as_slice(), &mut io::sink())?;
            library.take(&mut reader.take(LIBRARY), &mut hashing)?;
        }
        // What is beyond a limit belongs to the digest, too.
        let beyond = io::copy(reader, &mut hashing)?;
        let (_, digest, size) = hashing.finish();
        self.sums.insert(path.to_owned(), (digest, size));
        if is_text {
            too_many_texts(self.texts.values().map(String::len), kept.len())?;
            self.keep_text(path, kept);
        } else if let Some(Passing { mut file, seen, full }) = library {
            self.full = self.full.take().or(full);
            file.rewind()?;
            let found = if beyond > 0 {
                Err(format!("has {size} bytes; the limit is {} MiB", LIBRARY >> 20))
            } else {
                native::look(path, file, digest, size, seen)
            };
            self.keep_library(path, found);
        }
        Ok(digest)
    }

    fn keep_text(&mut self, path: &str, bytes: Vec<u8>) {
        match String::from_utf8(bytes) {
            Ok(text) => {
                self.texts.insert(path.to_owned(), text);
            }
            Err(_) => {
                let text = format!("contains `{}`, which is not UTF-8", printable(path));
                self.flaws.push(flaw("dist-metadata", text, "tools cannot read it: build the file again"));
            }
        }
    }

    fn keep_library(&mut self, path: &str, found: Result<Library, String>) {
        match found {
            Ok(library) => self.libraries.push(library),
            Err(why) => {
                let text = format!("contains `{}`, which {why}", printable(path));
                self.flaws.push(flaw("wheel-library", text, "Python cannot load it: build the wheel again"));
            }
        }
    }
}

/// All texts of one file are in memory together.
pub fn too_many_texts(held: impl ExactSizeIterator<Item = usize>, more: usize) -> io::Result<()> {
    if held.len() >= MOST_TEXTS {
        return Err(io::Error::other(format!("it has more than {MOST_TEXTS} metadata files")));
    }
    if held.sum::<usize>() + more > TEXTS {
        return Err(io::Error::other(format!("its metadata files have more than {} MiB in total", TEXTS >> 20)));
    }
    Ok(())
}

/// Moves bytes until `kept` has as many as wanted, hashing them.
pub fn pass(reader: &mut dyn Read, hashing: &mut Hashing<io::Sink>, kept: &mut Vec<u8>, most: u64) -> io::Result<()> {
    let before = kept.len();
    reader.take(most.saturating_sub(before as u64)).read_to_end(kept)?;
    hashing.write_all(&kept[before..])
}

/// A library while it passes: looked through, and kept in a file for a while.
struct Passing<'a> {
    file: SpooledTempFile,
    seen: Scan<'a>,
    /// Why it could not be kept, which is not a fault of its own.
    full: Option<io::Error>,
}

impl<'a> Passing<'a> {
    fn new(asked: &'a [&'a String]) -> Self {
        Self { file: tempfile::spooled_tempfile(IN_MEMORY), seen: Scan::new(asked), full: None }
    }

    fn take(&mut self, reader: &mut dyn Read, hashing: &mut dyn Write) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            hashing.write_all(&buffer[..count])?;
            if self.full.is_none() {
                self.full = self.file.write_all(&buffer[..count]).err();
            }
            self.seen.write_all(&buffer[..count])?;
        }
    }
}
