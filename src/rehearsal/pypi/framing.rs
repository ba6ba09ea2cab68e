//! Whether a ZIP file reads the same from its front as from its back: `validate_zipfile` of warehouse/utils/zipfiles.py.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek};

const MALFORMED: &str = "Malformed zip file";

/// Sizes by name as the central directory has them: compressed, then not.
pub(super) type Sizes = BTreeMap<Vec<u8>, (u64, u64)>;

#[derive(Default)]
struct Seen {
    local: BTreeSet<Vec<u8>>,
    central: BTreeSet<Vec<u8>>,
    records: u64,
    directory_at: Option<u64>,
    directory_size: u64,
    /// Records, size and offset of the directory, as the ZIP64 end says them.
    wide_end: Option<(u64, u64, u64)>,
    located: bool,
}

struct Reader {
    file: BufReader<File>,
    at: u64,
}

/// Nothing if it does, else what is wrong.
pub(super) fn check(file: File, sizes: &Sizes) -> Result<(), String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut reader = Reader { file: BufReader::new(file), at: 0 };
    reader.file.rewind().map_err(|error| error.to_string())?;
    let mut seen = Seen::default();
    loop {
        let signature: [u8; 4] = reader.take(4)?.try_into().map_err(|_| MALFORMED)?;
        match &signature {
            b"PK\x05\x06" if seen.wide_end.is_some() && !seen.located => return Err(MALFORMED.into()),
            b"PK\x01\x02" => central(&mut reader, &mut seen)?,
            b"PK\x03\x04" => local(&mut reader, &mut seen, sizes)?,
            b"PK\x06\x06" => seen.wide_end = Some(wide_end(&mut reader)?),
            b"PK\x06\x07" => {
                reader.take(16)?;
                seen.located = true;
            }
            b"PK\x05\x06" => {
                end(&mut reader, &seen)?;
                break;
            }
            _ => return Err("Unknown record signature".into()),
        }
    }
    if seen.central != seen.local {
        return Err("Mis-matched local headers and central directory".into());
    }
    if reader.at == length { Ok(()) } else { Err("Trailing data".into()) }
}

fn central(reader: &mut Reader, seen: &mut Seen) -> Result<(), String> {
    seen.directory_at.get_or_insert(reader.at - 4);
    seen.records += 1;
    let header = reader.take(42)?;
    if short(&header, 28) != 0 {
        return Err("Comment in central directory".into());
    }
    let name = reader.take(short(&header, 24).into())?;
    let extra = reader.take(short(&header, 26).into())?;
    printable(&name)?;
    seen.directory_size += 46 + (name.len() + extra.len()) as u64;
    if !seen.local.contains(&name) {
        return Err("Missing filename in local headers".into());
    }
    if !seen.central.insert(name) {
        return Err("Duplicate filename in central directory".into());
    }
    Ok(())
}

fn local(reader: &mut Reader, seen: &mut Seen, sizes: &Sizes) -> Result<(), String> {
    let header = reader.take(26)?;
    let (flags, method) = (short(&header, 2), short(&header, 4));
    let (compressed, whole) = (u64::from(long(&header, 14)), u64::from(long(&header, 18)));
    let name = reader.take(short(&header, 22).into())?;
    let extra = reader.take(short(&header, 24).into())?;
    printable(&name)?;
    let (compressed, whole) = widened(&extra, method, compressed, whole)?;
    if flags & 0x08 != 0 {
        return Err("ZIP contains a data descriptor".into());
    }
    if std::str::from_utf8(&name).is_err() {
        return Err("Filename not unicode".into());
    }
    let Some((expected, expected_whole)) = sizes.get(&name) else {
        return Err("Filename not in central directory".into());
    };
    if *expected != compressed {
        return Err("Mis-matched data size".into());
    }
    if *expected_whole != whole {
        return Err("Mis-matched file size".into());
    }
    reader.skip(compressed)?;
    if !seen.local.insert(name) {
        return Err("Duplicate filename in local headers".into());
    }
    Ok(())
}

/// The sizes of a local header, with what its ZIP64 extra says instead.
fn widened(mut extra: &[u8], method: u16, mut compressed: u64, mut whole: u64) -> Result<(u64, u64), String> {
    let mut seen = BTreeSet::new();
    while !extra.is_empty() {
        let (head, rest) = extra.split_at_checked(4).ok_or(MALFORMED)?;
        let (id, length) = (short(head, 0), usize::from(short(head, 2)));
        let (data, rest) = rest.split_at_checked(length).ok_or(MALFORMED)?;
        if !seen.insert(id) && matches!(id, 0x0001 | 0x7075) {
            return Err("Invalid duplicate extra in local file".into());
        }
        match (id, length) {
            (0x0001, 0) if compressed == 0xffff_ffff || whole == 0xffff_ffff => return Err(MALFORMED.into()),
            (0x0001, 0) => {}
            // Only one size: right only if both are the same.
            (0x0001, 8) if method != 0 => return Err(MALFORMED.into()),
            (0x0001, 8 | 16 | 24 | 28) => {
                let first = wide(data, 0);
                compressed = if length == 8 { first } else { wide(data, 8) };
                whole = if whole == 0xffff_ffff { first } else { whole };
            }
            (0x0001, _) => return Err(MALFORMED.into()),
            (0x7075, _) => {
                let name = data.get(5..).unwrap_or_default();
                printable(name)?;
                std::str::from_utf8(name).map_err(|_| "Filename not valid UTF-8")?;
            }
            _ => {}
        }
        extra = rest;
    }
    Ok((compressed, whole))
}

fn wide_end(reader: &mut Reader) -> Result<(u64, u64, u64), String> {
    let header = reader.take(52)?;
    if wide(&header, 20) != wide(&header, 28) {
        return Err(MALFORMED.into());
    }
    if wide(&header, 0) != 44 {
        return Err("ZIP64 extensible data not allowed".into());
    }
    Ok((wide(&header, 28), wide(&header, 36), wide(&header, 44)))
}

fn end(reader: &mut Reader, seen: &Seen) -> Result<(), String> {
    let directory_at = seen.directory_at.unwrap_or(reader.at - 4);
    let header = reader.take(18)?;
    if short(&header, 4) != short(&header, 6) {
        return Err(MALFORMED.into());
    }
    reader.skip(short(&header, 16).into())?;
    let narrow = (short(&header, 6).into(), long(&header, 8).into(), long(&header, 12).into());
    let (records, size, offset) = seen.wide_end.unwrap_or(narrow);
    if records != seen.records {
        return Err("Mismatched central directory records".into());
    }
    if offset != directory_at {
        return Err("Mismatched central directory offset".into());
    }
    if size != seen.directory_size {
        return Err("Mismatched central directory size".into());
    }
    Ok(())
}

impl Reader {
    fn take(&mut self, count: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(count).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        self.at += read as u64;
        if read as u64 == count { Ok(bytes) } else { Err(MALFORMED.into()) }
    }

    fn skip(&mut self, count: u64) -> Result<(), String> {
        let by = i64::try_from(count).map_err(|_| "Negative offset")?;
        self.file.seek_relative(by).map_err(|error| error.to_string())?;
        self.at = self.file.stream_position().map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn printable(name: &[u8]) -> Result<(), String> {
    if name.iter().any(u8::is_ascii_control) { Err("Invalid character in filename".into()) } else { Ok(()) }
}

/// Little-endian numbers; what is not there is 0, which the lengths asked for rule out.
fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    let bytes = bytes.get(at..at + width).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::try_from(number(bytes, at, 2)).unwrap_or_default()
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::try_from(number(bytes, at, 4)).unwrap_or_default()
}

fn wide(bytes: &[u8], at: usize) -> u64 {
    number(bytes, at, 8)
}
