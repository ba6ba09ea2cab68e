//! Does a zip read the same from its start as from its end? PyPI takes no other (<https://docs.pypi.org/archives/>).
//!
//! The local headers are walked one after the other and compared with the central directory
//! (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3). Only what needs no ZIP64 is known here: a file
//! that PyPI takes is far too small for it.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

use super::flaw::{Flaw, flaw};
use crate::verify::content::printable;

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// Larger than this, and unpacked more than `RATIO` times as large as packed, is a bomb to PyPI.
const BOMB: u64 = 64 << 20;
const RATIO: u64 = 50;
/// Most bytes of a central directory that is read.
const DIRECTORY: u64 = 32 << 20;

/// Everything that PyPI refuses about the frame. The content is not looked at.
///
/// # Errors
/// If the file cannot be read.
pub fn check(file: &mut (impl Read + Seek)) -> io::Result<Vec<Flaw>> {
    let hint = "PyPI refuses it: rewrite the wheel with a tool that seeks (as maturin does), stored or deflated";
    let found = match walk(file) {
        Ok(found) => found,
        Err(Stop::Bad(text)) => vec![text],
        Err(Stop::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => vec!["is truncated".into()],
        Err(Stop::Io(error)) => return Err(error),
    };
    file.rewind()?;
    Ok(found.into_iter().map(|text| flaw("wheel-framing", text, hint)).collect())
}

enum Stop {
    Io(io::Error),
    Bad(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn bad<T>(text: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Bad(text.into()))
}

/// The fields that both headers of a member have.
#[derive(PartialEq, Eq)]
struct Shared {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
}

impl Shared {
    /// From where `flags` stand.
    fn of(bytes: &[u8]) -> Self {
        let (flags, method) = (short(bytes, 0), short(bytes, 2));
        Self { flags, method, crc: long(bytes, 8), packed: long(bytes, 12), size: long(bytes, 16) }
    }
}

struct Listed {
    name: Vec<u8>,
    shared: Shared,
    /// Where its local header stands.
    at: u32,
}

fn walk(file: &mut (impl Read + Seek)) -> Result<Vec<String>, Stop> {
    let length = file.seek(SeekFrom::End(0))?;
    let Some(end_at) = length.checked_sub(22) else { return bad("is not a zip") };
    let mut end = [0; 22];
    file.seek(SeekFrom::Start(end_at))?;
    file.read_exact(&mut end)?;
    if !end.starts_with(END) || short(&end, 20) != 0 {
        return bad("does not end with the end record of a zip: it has a comment, or was truncated or appended to");
    }
    let (count, size, start) = (short(&end, 10), long(&end, 12), u64::from(long(&end, 16)));
    if short(&end, 8) != count || long(&end, 4) != 0 {
        return bad("is part of a multi-disk archive");
    }
    if count == u16::MAX || size == u32::MAX || start == u64::from(u32::MAX) {
        return bad("is ZIP64, which wheels do not need");
    }
    if start.checked_add(size.into()) != Some(end_at) {
        return bad("has data before its first member, or between its central directory and its end");
    }
    if u64::from(size) > DIRECTORY {
        return bad("has a central directory of more than 32 MiB");
    }
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; size as usize];
    file.read_exact(&mut bytes)?;
    let listed = central(&bytes, count)?;
    let mut found = members(&listed, length);
    found.extend(locals(file, &listed, start)?);
    Ok(found)
}

/// Reads the central directory; it must hold its entries and nothing else.
fn central(mut bytes: &[u8], count: u16) -> Result<Vec<Listed>, Stop> {
    let mut listed = Vec::new();
    for _ in 0..count {
        if bytes.len() < 46 || !bytes.starts_with(CENTRAL) {
            return bad("has a damaged central directory");
        }
        let (name, extra, comment) = (short(bytes, 28), short(bytes, 30), short(bytes, 32));
        let (shared, at) = (Shared::of(&bytes[8..]), long(bytes, 42));
        let end = 46 + usize::from(name) + usize::from(extra) + usize::from(comment);
        let Some(rest) = bytes.get(end..) else { return bad("has a damaged central directory") };
        let name = bytes[46..46 + usize::from(name)].to_vec();
        if comment != 0 {
            return bad(format!("has a comment at `{}`", shown(&name)));
        }
        listed.push(Listed { name, shared, at });
        bytes = rest;
    }
    if bytes.is_empty() { Ok(listed) } else { bad("lists more members than it counts") }
}

/// What the central directory says about each member.
fn members(listed: &[Listed], length: u64) -> Vec<String> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for Listed { name, shared, .. } in listed {
        let shown = shown(name);
        if !names.insert(name) {
            found.push(format!("contains `{shown}` twice"));
        }
        if std::str::from_utf8(name).is_err() || name.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
            found.push(format!("contains `{shown}`, a name that is not text"));
        }
        if !matches!(shared.method, 0 | 8) {
            found.push(format!(
                "contains `{shown}`, compressed with method {}: only stored and deflated are accepted",
                shared.method
            ));
        }
        if shared.flags & 1 != 0 {
            found.push(format!("contains `{shown}` encrypted"));
        }
        if shared.flags & 8 != 0 {
            found.push(format!("contains `{shown}` with a data descriptor"));
        }
    }
    let unpacked: u64 = listed.iter().map(|member| u64::from(member.shared.size)).sum();
    if unpacked > BOMB && unpacked / length.max(1) >= RATIO {
        found.push(format!("has {length} bytes, but {unpacked} unpacked, more than {RATIO} times as many"));
    }
    found
}

/// Walks the local headers from the first byte: in any order, but each once, with nothing between and before them.
fn locals(file: &mut (impl Read + Seek), listed: &[Listed], end: u64) -> Result<Vec<String>, Stop> {
    let mut order: Vec<&Listed> = listed.iter().collect();
    order.sort_by_key(|member| member.at);
    let mut at = 0;
    for member in order {
        let shown = shown(&member.name);
        if u64::from(member.at) != at {
            let before = if at == 0 { "its first member".to_owned() } else { format!("`{shown}`") };
            return bad(format!("has data before {before} that its central directory does not list"));
        }
        let mut header = [0; 30];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut header)?;
        if !header.starts_with(LOCAL) {
            return bad(format!("has no local header for `{shown}`"));
        }
        let mut name = vec![0; short(&header, 26).into()];
        file.read_exact(&mut name)?;
        let mut extra = vec![0; short(&header, 28).into()];
        file.read_exact(&mut extra)?;
        if member.shared.flags & 8 != 0 {
            // From here the end of its data is unknown; that was already reported.
            return Ok(Vec::new());
        }
        if name != member.name {
            return bad(format!("contains `{shown}`, whose local header says `{}`", self::shown(&name)));
        }
        if Shared::of(&header[6..]) != member.shared {
            return bad(format!(
                "contradicts itself about `{shown}`: its local header differs from the central directory"
            ));
        }
        extras(&extra, &shown)?;
        at += 30 + name.len() as u64 + extra.len() as u64 + u64::from(member.shared.packed);
    }
    if at == end {
        Ok(Vec::new())
    } else {
        bad("has data after its last member that its central directory does not list")
    }
}

/// Extra fields: another name for readers that know Unicode paths, or ZIP64 sizes, would be a second truth.
fn extras(mut extra: &[u8], shown: &str) -> Result<(), Stop> {
    while !extra.is_empty() {
        let (true, Some(rest)) = (extra.len() >= 4, extra.get(4 + usize::from(short_or_zero(extra, 2))..)) else {
            return bad(format!("has damaged extra fields at `{shown}`"));
        };
        if matches!(short(extra, 0), 0x0001 | 0x7075) {
            return bad(format!("gives `{shown}` a second name or size in its extra fields"));
        }
        extra = rest;
    }
    Ok(())
}

fn short_or_zero(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]))
}

/// Callers have checked the length.
fn short(bytes: &[u8], at: usize) -> u16 {
    short_or_zero(bytes, at)
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from(short(bytes, at)) | u32::from(short(bytes, at + 2)) << 16
}

fn shown(name: &[u8]) -> String {
    printable(&String::from_utf8_lossy(name))
}
