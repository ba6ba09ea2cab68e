//! A chart as a tar of the same bytes on every machine, and back from a tgz within limits.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use anyhow::{Context, Result};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use tar::{EntryType, Header};

use crate::chart::file::{Budget, File, unpacked_name};
use crate::chart::flaw::Flaw;

/// Headers and padding of a tar whose files are within the budget.
const HEADERS: u64 = 64 * 1024 * 1024;

/// Writes `files` below a folder of the chart's name, in the order given, all with `time` (Unix seconds) and mode 0644,
/// as Helm does: a chart has no executables, links or folders. The caller compresses.
///
/// # Errors
/// `out` cannot be written.
pub fn write(chart: &str, files: &[File], time: u64, mut out: impl Write) -> Result<()> {
    for file in files {
        let path = format!("{chart}/{}", file.path);
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(time);
        header.set_size(file.bytes.len() as u64);
        // As in Go's tar: what is not short ASCII stands in a PAX record.
        if !path.is_ascii() || header.set_path(&path).is_err() {
            write_pax(&path, time, &mut out)?;
            header.set_path("long")?;
        }
        header.set_cksum();
        out.write_all(header.as_bytes())?;
        write_padded(&file.bytes, &mut out)?;
    }
    out.write_all(&[0; 1024])?;
    out.flush().context("cannot write the package")
}

fn write_pax(path: &str, time: u64, out: &mut impl Write) -> Result<()> {
    let record = pax_record(path);
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XHeader);
    header.set_path("pax")?;
    header.set_mode(0o644);
    header.set_mtime(time);
    header.set_size(record.len() as u64);
    header.set_cksum();
    out.write_all(header.as_bytes())?;
    write_padded(record.as_bytes(), out)
}

/// `LENGTH path=…\n`, where the length counts its own digits.
fn pax_record(path: &str) -> String {
    let rest = format!(" path={path}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}")
}

fn write_padded(bytes: &[u8], out: &mut impl Write) -> Result<()> {
    out.write_all(bytes)?;
    out.write_all(&[0; 512][..(512 - bytes.len() % 512) % 512])?;
    Ok(())
}

/// The files of a tgz in its order.
///
/// # Errors
/// What Helm refuses, what it reads by chance (a file that is there twice), and what it reads as an empty file (links).
pub fn read(tgz: impl Read, budget: &mut Budget) -> Result<Vec<File>, Flaw> {
    let limited = MultiGzDecoder::new(tgz).take(budget.left() + HEADERS);
    let mut archive = tar::Archive::new(limited);
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in archive.entries().map_err(|error| damaged(&error))? {
        let mut entry = entry.map_err(|error| damaged(&error))?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| refused("a name is not UTF-8"))?;
        match entry.header().entry_type() {
            EntryType::XGlobalHeader | EntryType::Directory => continue,
            EntryType::Regular if name.ends_with('/') => continue,
            EntryType::Regular | EntryType::Continuous => {}
            kind => return Err(refused(&format!("`{name}` is not a regular file but {}", kind_name(kind)))),
        }
        let path = unpacked_name(&name).map_err(|why| refused(&format!("{why}: `{name}`")))?;
        budget.take(entry.size())?;
        let mut bytes = Vec::new();
        let size = entry.size();
        entry.read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
        if bytes.len() as u64 != size {
            return Err(refused("it ends early"));
        }
        if !seen.insert(path.clone()) {
            return Err(refused(&format!("`{path}` is in it twice, and Helm takes one of the two by chance")));
        }
        files.push(File::new(path, Bytes::from(bytes)));
    }
    if files.is_empty() { Err(refused("it contains no files")) } else { Ok(files) }
}

fn kind_name(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink | EntryType::Link => "a link",
        _ => "something special",
    }
}

fn damaged(error: &std::io::Error) -> Flaw {
    refused(&format!("it is not a gzipped tar ({error})"))
}

fn refused(why: &str) -> Flaw {
    Flaw::new("chart-archive", format!("the chart package cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{Budget, File, read, write};

    fn gzip(tar: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(tar).unwrap();
        encoder.finish().unwrap()
    }

    fn file(path: &str, bytes: &'static [u8]) -> File {
        File::new(path, Bytes::from_static(bytes))
    }

    fn packed(files: &[File]) -> Vec<u8> {
        let mut tar = Vec::new();
        write("app", files, 1_700_000_000, &mut tar).unwrap();
        gzip(&tar)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let long = format!("files/{}/{}.txt", "x".repeat(130), "y".repeat(120));
        for length in [80, 90, 95, 100, 101, 980, 990, 1000] {
            let files = [
                file("Chart.yaml", b"a"),
                file("files/gr\u{f6}\u{df}e", b""),
                file(&long, &[7; 513]),
                file(&"z".repeat(length), b"z"),
            ];
            assert_eq!(read(&packed(&files)[..], &mut Budget::default()).unwrap(), files);
        }
    }

    #[test]
    fn bad_packages_are_refused() {
        let check = |bytes: &[u8], expected: &str| {
            let flaw = read(bytes, &mut Budget::default()).unwrap_err();
            assert!(flaw.text.contains(expected), "{}", flaw.text);
        };
        check(b"", "not a gzipped tar");
        check(b"name: app", "not a gzipped tar");
        check(&gzip(b""), "contains no files");
        let mut tar = Vec::new();
        write("app", &[file("a", &[1; 2000])], 0, &mut tar).unwrap();
        check(&gzip(&tar[..1000]), "it ends early");
        check(&packed(&[file("a", b""), file("a", b"")]), "twice");
        check(&packed(&[file("../../a", b"")]), "leads out");
        let mut builder = tar::Builder::new(Vec::new());
        let mut link = tar::Header::new_ustar();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        builder.append_link(&mut link, "app/x", "/etc/passwd").unwrap();
        check(&gzip(&builder.into_inner().unwrap()), "`app/x` is not a regular file but a link");
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let mut header = tar::Header::new_ustar();
        header.set_path("app/zeros").unwrap();
        header.set_size(1 << 40);
        header.set_cksum();
        encoder.write_all(header.as_bytes()).unwrap();
        let flaw = read(&encoder.finish().unwrap()[..], &mut Budget::default()).unwrap_err();
        assert_eq!(flaw.code, "chart-size");
    }
}
