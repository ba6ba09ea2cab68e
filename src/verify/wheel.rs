//! Is a wheel or an sdist what an index takes and a user can install? Reads bytes, runs nothing, knows no plan.

mod declared;
mod entry_points;
mod framing;
mod linux;
mod manifests;
mod metadata;
mod module;
mod native;
mod platform;
mod record;
mod sdist;
mod set;
mod stable_abi;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, Write};

use tempfile::SpooledTempFile;

use super::content::{self, Entry, Listing, printable, some_of};
use crate::core_metadata::CoreMetadata;
use crate::digest::{Digest, Hashing};
use crate::format::Format;
use crate::inspect::{BinaryFacts, Scan, is_native};
use crate::portable;
use crate::target::{Os, Target};
use crate::wheel::{DistributionName, WheelName, WheelTag};

pub use sdist::{ExpectedSdist, Sdist, read as read_sdist};
pub use set::{agree, variants};

/// What PyPI takes unless a project was granted more: <https://docs.pypi.org/project-management/storage-limits/>.
pub const INDEX_LIMIT: u64 = 100 << 20;
/// Most bytes of a text that is read (METADATA, RECORD, an SBOM); real ones have up to a few MiB.
const TEXT: u64 = 16 << 20;
/// Most bytes of all of them, and how many there may be.
const TEXTS: usize = 128 << 20;
const MOST_TEXTS: usize = 5000;
/// Most bytes of a library that is looked into, and how many of them are in memory; the rest is on disk, one at a time.
const LIBRARY: u64 = 512 << 20;
const IN_MEMORY: usize = 16 << 20;

/// What a wheel was planned to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its distribution.
    pub distribution: &'a DistributionName,
    /// Its version, PEP 440.
    pub version: &'a str,
    /// Its tag.
    pub tag: &'a WheelTag,
    /// What its libraries were compiled for.
    pub target: Target,
    /// Import packages that must not be empty: `opsml`, `a.b`.
    pub modules: &'a [String],
    /// Other distributions made of the same code: a dependency on one of them may be this one under its old name.
    pub siblings: &'a [DistributionName],
    /// Most bytes; without it PyPI's limit.
    pub max_size: Option<u64>,
    /// Texts of which each must be in one of its modules.
    pub present: &'a [String],
    /// Texts that must be in none.
    pub absent: &'a [String],
    /// Whether somebody else built it: its SBOM may tell where.
    pub prebuilt: bool,
}

/// The machine code that a wheel is about: its modules; without one, its programs and whatever else is loaded.
fn own(libraries: &[Library]) -> impl Iterator<Item = &Library> {
    let has_module = libraries.iter().any(Library::is_module);
    libraries.iter().filter(move |library| !has_module || library.is_module())
}

/// Something wrong with a file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// A stable word, the heading under which the documentation explains it.
    pub code: &'static str,
    /// What is wrong, to follow the name of the file.
    pub text: String,
    /// What to change.
    pub hint: String,
}

/// Names that a system cannot have.
fn unportable(listing: &Listing, os: Os) -> impl Iterator<Item = Flaw> {
    let texts = portable::flaws(listing.keys().map(String::as_str), os).into_iter().take(10);
    texts.map(|text| flaw("unportable-name", format!("holds what cannot be unpacked: {text}"), "rename the file"))
}

fn flaw(code: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Flaw {
    Flaw { code, text: text.into(), hint: hint.into() }
}

/// What a wheel holds.
#[derive(Debug)]
pub struct Wheel {
    /// Its `METADATA`.
    pub metadata: CoreMetadata,
    /// The same as it stands there.
    pub metadata_text: String,
    /// Everything that is machine code, by path.
    pub libraries: Vec<Library>,
    /// All members.
    pub listing: Listing,
    /// Digest and length of the file.
    pub bytes: (Digest, u64),
}

/// One library (or program) in a wheel.
#[derive(Debug)]
pub struct Library {
    /// Where it lies.
    pub path: String,
    /// Of its bytes.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// What it needs to run.
    pub facts: BinaryFacts,
    /// Symbols of Python that it takes from the interpreter.
    pub python: Vec<String>,
    /// Functions that it gives by which Python starts a module: `PyInit_…`, `PyModExport_…`.
    pub inits: Vec<String>,
    /// `serde-1.0.228` for each `serde-1.0.228/src/` in it: crates whose paths the compiler left there.
    pub crates: BTreeSet<String>,
    /// Which of the texts that were asked for are in it.
    pub texts: BTreeSet<String>,
}

impl Library {
    /// Whether Python imports it, by its name; others are needed by those or are started.
    pub fn is_module(&self) -> bool {
        module::imported_as(&self.path).is_some()
    }
}

/// Reads a wheel to its last byte and compares it with what was planned. There is no wheel if its members or its
/// METADATA cannot be read; the flaws say why.
///
/// # Errors
/// If the file itself cannot be read.
pub fn read(file: File, name: &str, expected: &Expected<'_>) -> anyhow::Result<(Option<Wheel>, Vec<Flaw>)> {
    let mut flaws = Vec::new();
    let planned = WheelName {
        distribution: expected.distribution.in_files(),
        version: expected.version.to_owned(),
        tag: expected.tag.clone(),
    };
    if name != planned.to_string() {
        let hint = "a name that does not say what is inside is refused by pip and by PyPI: build it again";
        flaws.push(flaw("dist-name", format!("is not named `{planned}`"), hint));
    }
    platform::check(expected.tag, &mut flaws);
    flaws.extend(too_large(file.metadata()?.len(), expected.max_size));
    flaws.extend(framing::check(&mut io::BufReader::new(file.try_clone()?))?);

    let info = format!("{}-{}.dist-info", planned.distribution, planned.version);
    let asked: Vec<&String> = expected.present.iter().chain(expected.absent).collect();
    let mut members = Members::new(&info, &asked);
    let content = content::read_taking(file, (Format::Zip, false), &mut |path, reader| members.take(path, reader))?;
    if let Some(error) = members.full {
        return Err(anyhow::Error::new(error).context("cannot keep a library of a wheel on disk while it is read"));
    }
    flaws.append(&mut members.flaws);
    flaws.extend(damage(content.damage.as_deref(), &content.flaws));
    // What was not read is not missing.
    if content.damage.is_some() {
        return Ok((None, flaws));
    }
    let listing = content.listing;
    flaws.extend(unportable(&listing, expected.target.os()));
    if !folders(&info, &listing, &mut flaws) {
        return Ok((None, flaws));
    }
    record::check(&info, &members, &listing, &mut flaws);
    members.libraries.sort_by(|one, other| one.path.cmp(&other.path));
    native::check(expected, &members.libraries, &listing, &mut flaws);
    module::check(expected, &members.libraries, &listing, &mut flaws);
    metadata::check_tags(&info, &members, expected.tag, &mut flaws);
    native::probe(expected, &members.libraries, &mut flaws);
    entry_points::check(members.texts.get(&format!("{info}/entry_points.txt")), &listing, &mut flaws);
    metadata::local_paths(&members.texts, expected.prebuilt, &mut flaws);
    let of =
        metadata::Of { distribution: expected.distribution, version: expected.version, siblings: expected.siblings };
    let text = members.texts.remove(&format!("{info}/METADATA"));
    let metadata = of.check(&format!("{info}/METADATA"), text.as_deref(), &mut flaws);
    let Some((metadata, metadata_text)) = metadata.zip(text) else { return Ok((None, flaws)) };
    metadata::licenses(&metadata, &format!("{info}/licenses/"), &listing, &mut flaws);
    let wheel = Wheel { metadata, metadata_text, libraries: members.libraries, listing, bytes: content.bytes };
    Ok((Some(wheel), flaws))
}

/// What keeps an archive from being read, and what no archive of ours may hold.
fn damage(damage: Option<&str>, listed: &[String]) -> Vec<Flaw> {
    let hint = "it was cut off or changed on its way, or is no such file: build it again";
    let cut = damage.map(|why| flaw("dist-damaged", format!("cannot be read to its end: {why}"), hint));
    let unsafe_names = listed.iter().map(|text| {
        flaw("dist-damaged", text.clone(), "whoever unpacks it would write elsewhere or lose a file: build it again")
    });
    cut.into_iter().chain(unsafe_names).collect()
}

/// Installers look for the two folders that are named like the file, and for nothing that is no file. Whether it is not
/// altogether the wheel of another name.
fn folders(info: &str, listing: &Listing, flaws: &mut Vec<Flaw>) -> bool {
    let data = info.replace(".dist-info", ".data");
    let named = |top: &&str| top.ends_with(".dist-info") || top.ends_with(".data");
    let tops: BTreeSet<&str> = listing.keys().filter_map(|path| path.split('/').next()).filter(named).collect();
    let has_own = tops.contains(info);
    let other = some_of(tops.into_iter().filter(|top| *top != info && *top != data));
    if let Some(other) = &other {
        let hint = "pip takes what it says of itself from there: it was renamed after it was built; build it again";
        flaws.push(flaw("dist-name", format!("holds {}, not `{info}`", printable(other)), hint));
    }
    let links = listing.iter().filter(|(_, entry)| matches!(entry, Entry::Link(_))).map(|(path, _)| path.as_str());
    if let Some(links) = some_of(links) {
        let hint = "a wheel has no links, whoever unpacks it writes a short text in their place: copy the files";
        flaws.push(flaw("dist-damaged", format!("holds the link {}", printable(&links)), hint));
    }
    has_own || other.is_none()
}

fn too_large(size: u64, most: Option<u64>) -> Option<Flaw> {
    let limit = most.unwrap_or(INDEX_LIMIT);
    let hint = match most {
        Some(_) => "strip its libraries (`strip = true` in the cargo profile), or raise `max-size:`",
        None => {
            "strip its libraries (`strip = true` in the cargo profile), or ask PyPI for a higher limit and write `max-size:`"
        }
    };
    let text = format!("has {size} bytes, at most {limit} are allowed");
    (size > limit).then(|| flaw("dist-too-large", text, hint))
}

/// What is kept of the members while they pass: sizes and digests, a few texts, the facts of libraries.
struct Members<'a> {
    /// The `.dist-info` folder.
    info: String,
    /// Texts that are looked for in libraries.
    asked: &'a [&'a String],
    /// Digest and length by path.
    sums: BTreeMap<String, (Digest, u64)>,
    texts: BTreeMap<String, String>,
    libraries: Vec<Library>,
    flaws: Vec<Flaw>,
    /// Why a library could not be kept for a while.
    full: Option<io::Error>,
}

impl<'a> Members<'a> {
    fn new(info: &str, asked: &'a [&'a String]) -> Self {
        let (sums, texts, libraries, flaws, full) = Default::default();
        Self { info: info.to_owned(), asked, sums, texts, libraries, flaws, full }
    }

    fn take(&mut self, path: &str, reader: &mut dyn Read) -> io::Result<Digest> {
        let mut hashing = Hashing::new(io::sink());
        let mut kept = Vec::new();
        pass(reader, &mut hashing, &mut kept, 4)?;
        let inner = path.strip_prefix(&self.info).and_then(|rest| rest.strip_prefix('/'));
        let is_text = inner.is_some_and(metadata::is_read);
        let is_native = !is_text && is_native(path, &kept);
        if is_text {
            pass(reader, &mut hashing, &mut kept, TEXT)?;
        }
        let mut library = is_native.then(|| (tempfile::spooled_tempfile(IN_MEMORY), Scan::new(self.asked)));
        if let Some((file, seen)) = &mut library {
            let mut start = io::Cursor::new(&kept);
            spool(&mut start, &mut io::sink(), (file, seen, &mut self.full))?;
            spool(&mut reader.take(LIBRARY), &mut hashing, (file, seen, &mut self.full))?;
        }
        // What is beyond a limit belongs to the digest, too.
        let beyond = io::copy(reader, &mut hashing)?;
        let (_, digest, size) = hashing.finish();
        self.sums.insert(path.to_owned(), (digest, size));
        if is_text {
            too_many_texts(self.texts.values().map(String::len), kept.len())?;
            self.keep_text(path, kept);
        } else if let Some((mut file, seen)) = library {
            file.rewind()?;
            let found = if beyond > 0 {
                Err(format!("has {size} bytes, at most {} MiB are looked into", LIBRARY >> 20))
            } else {
                native::look(path, (file, digest, size), seen)
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
                let text = format!("holds `{}`, which is no UTF-8", printable(path));
                self.flaws.push(flaw("dist-metadata", text, "no tool can read it: build the file again"));
            }
        }
    }

    fn keep_library(&mut self, path: &str, found: Result<Library, String>) {
        match found {
            Ok(library) => self.libraries.push(library),
            Err(why) => {
                let text = format!("holds `{}`, which {why}", printable(path));
                self.flaws.push(flaw("wheel-library", text, "no interpreter can load it: build the wheel again"));
            }
        }
    }
}

/// All texts of one file are in memory together.
fn too_many_texts(held: impl ExactSizeIterator<Item = usize>, more: usize) -> io::Result<()> {
    if held.len() >= MOST_TEXTS {
        return Err(io::Error::other(format!("it has more than {MOST_TEXTS} texts about itself")));
    }
    if held.sum::<usize>() + more > TEXTS {
        return Err(io::Error::other(format!("its texts have more than {} MiB together", TEXTS >> 20)));
    }
    Ok(())
}

/// Moves bytes until `kept` has as many as wanted, hashing them.
fn pass(reader: &mut dyn Read, hashing: &mut Hashing<io::Sink>, kept: &mut Vec<u8>, most: u64) -> io::Result<()> {
    let before = kept.len();
    reader.take(most.saturating_sub(before as u64)).read_to_end(kept)?;
    hashing.write_all(&kept[before..])
}

/// Moves all bytes into a file, hashing them and looking for what stands in them. That they cannot be kept is no fault of theirs.
fn spool(
    reader: &mut dyn Read,
    hashing: &mut dyn Write,
    (file, seen, full): (&mut SpooledTempFile, &mut Scan<'_>, &mut Option<io::Error>),
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        hashing.write_all(&buffer[..count])?;
        if full.is_none() {
            *full = file.write_all(&buffer[..count]).err();
        }
        seen.write_all(&buffer[..count])?;
    }
}

#[cfg(test)]
mod tests;
