//! Foreign tars and zips: names, links and headers have limits, and nothing unneeded is kept.
//!
//! The `zip` crate reads the whole directory of a file when it is opened, and the `tar` crate reads names and pax
//! records of any length into memory before its caller sees the member. Format:
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>, GNU's names and sparse files:
//! <https://www.gnu.org/software/tar/manual/html_node/Standard.html>.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use tar::{EntryType, Header};
use zip::ZipArchive;

/// The longest name or link: what Linux takes as a path.
const LONGEST_NAME: u64 = 4096;
/// The longest pax header; Go, which writes nearly all layers, reads no longer one either.
const LONGEST_PAX: u64 = 1 << 20;
/// The most headers of one tar, two for many a member; images with everything have 200,000 members.
const MOST_HEADERS: u64 = 4_000_000;
/// The most bytes of all names and links of one tar.
const MOST_NAMES: u64 = 256 << 20;
/// The most bytes of its headers that are longer than one block, names and pax records.
const MOST_TEXTS: u64 = 1 << 30;
/// The most bytes of one tar, unpacked.
const LARGEST: u64 = 256 << 30;
/// The longest directory of a zip: about 500,000 members.
const LONGEST_DIRECTORY: u64 = 64 << 20;
const BLOCK: usize = 512;

/// Opens a zip whose directory may be kept in memory.
///
/// # Errors
/// If it is not a zip, or its directory is beyond the limit.
pub fn unzip(mut file: File) -> Result<ZipArchive<BufReader<File>>, String> {
    let said = |error: io::Error| error.to_string();
    let directory = directory(&mut file).map_err(said)?;
    if directory > LONGEST_DIRECTORY {
        let most = LONGEST_DIRECTORY >> 20;
        return Err(format!("its directory has {directory} bytes; the limit is {most} MiB"));
    }
    file.rewind().map_err(said)?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| error.to_string())
}

/// The length of the directory of a zip: what its end record says, or from where it starts to the end of the file, if that
/// is more (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3.14 to 4.3.16).
fn directory(file: &mut File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    // The end record with the longest comment, and what stands before it in ZIP64.
    let tail = length.min(22 + 65535 + 20);
    let bytes = piece(file, length - tail, tail)?;
    let none = || io::Error::new(io::ErrorKind::InvalidData, "it has no zip end record");
    let end = bytes.windows(4).rposition(|four| four == b"PK\x05\x06").ok_or_else(none)?;
    let number = |bytes: &[u8], at: usize, width: usize| {
        let bytes = bytes.get(at..at + width)?;
        Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    };
    let (size, start) = number(&bytes, end + 12, 4).zip(number(&bytes, end + 16, 4)).ok_or_else(none)?;
    if size.max(start) != u64::from(u32::MAX) {
        return Ok(size.max(length.saturating_sub(start)));
    }
    let locator = end.checked_sub(20).filter(|at| bytes[*at..].starts_with(b"PK\x06\x07")).ok_or_else(none)?;
    let record = number(&bytes, locator + 8, 8).ok_or_else(none)?;
    let bytes = piece(file, record, 56)?;
    let both = number(&bytes, 40, 8).zip(number(&bytes, 48, 8)).filter(|_| bytes.starts_with(b"PK\x06\x06"));
    let (size, start) = both.ok_or_else(none)?;
    Ok(size.max(length.saturating_sub(start)))
}

fn piece(file: &mut File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub struct Members<R> {
    inner: R,
    /// Bytes taken from it.
    at: u64,
    /// What is left of the member's content, and how much fills its last block.
    left: u64,
    padding: u64,
    count: u64,
    names: u64,
    texts: u64,
}

/// A member: the content of its headers.
#[derive(Clone, Debug)]
pub struct Member {
    pub path: Vec<u8>,
    /// For links: what it points at.
    pub link: Vec<u8>,
    /// Bytes of its content.
    pub size: u64,
    pub kind: EntryType,
    /// Whether its content is kept without the holes in it.
    pub sparse: bool,
    /// Its own header: mode, owner, time.
    pub header: Header,
}

/// What headers before a member say of it.
#[derive(Default)]
struct Said {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    owner: (Option<u64>, Option<u64>),
    sparse: bool,
}

impl<R: Read> Members<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, at: 0, left: 0, padding: 0, count: 0, names: 0, texts: 0 }
    }

    /// The next member; what was not read of the one before is passed over. Nothing at the end.
    ///
    /// # Errors
    /// If it is not a tar, ends in the middle, or is beyond a limit.
    pub fn advance(&mut self) -> io::Result<Option<Member>> {
        let mut said = Said::default();
        loop {
            self.pass_over()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size()?;
            match header.entry_type() {
                EntryType::GNULongName => said.path = Some(self.text(size, LONGEST_NAME, "a name")?),
                EntryType::GNULongLink => said.link = Some(self.text(size, LONGEST_NAME, "a link")?),
                EntryType::XHeader => pax(&self.text(size, LONGEST_PAX, "a pax header")?, &mut said)?,
                EntryType::XGlobalHeader => drop(self.text(size, LONGEST_PAX, "a pax header")?),
                kind => return self.member(header, kind, said).map(Some),
            }
        }
    }

    fn member(&mut self, mut header: Header, kind: EntryType, said: Said) -> io::Result<Member> {
        let size = said.size.map_or_else(|| header.entry_size(), Ok)?;
        let path = said.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = said.link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned)).unwrap_or_default();
        if path.len().max(link.len()) as u64 > LONGEST_NAME {
            return bad(format!("a name has more than {LONGEST_NAME} bytes"));
        }
        self.names += (path.len() + link.len()) as u64;
        if self.names > MOST_NAMES {
            return bad(format!("its names have more than {} MiB", MOST_NAMES >> 20));
        }
        if size > LARGEST - self.at.min(LARGEST) {
            return bad(format!("it has more than {} GiB unpacked", LARGEST >> 30));
        }
        let sparse = said.sparse || kind.is_gnu_sparse();
        // More of GNU's map of holes: in blocks of its own, each of which says whether there is another.
        let mut more = kind.is_gnu_sparse() && header.as_bytes()[482] != 0;
        while more {
            let mut block = [0; BLOCK];
            self.fill(&mut block)?;
            more = block[504] != 0;
            self.count_header()?;
        }
        let size = if has_content(kind) { size } else { 0 };
        self.expect(size);
        said.owner.0.into_iter().for_each(|uid| header.set_uid(uid));
        said.owner.1.into_iter().for_each(|gid| header.set_gid(gid));
        Ok(Member { path, link, size, kind, sparse, header })
    }

    /// The content of the member that came last.
    pub fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    /// Bytes taken so far, and how many there must be when the content of the last member has been read.
    pub fn end(&self) -> u64 {
        self.at + self.left + self.padding
    }

    /// What comes after what was taken.
    pub fn into_inner(self) -> (R, u64) {
        (self.inner, self.at)
    }

    fn expect(&mut self, size: u64) {
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
    }

    fn pass_over(&mut self) -> io::Result<()> {
        let wanted = self.left + self.padding;
        let passed = io::copy(&mut self.inner.by_ref().take(wanted), &mut io::sink())?;
        self.at += passed;
        (self.left, self.padding) = (0, 0);
        if passed < wanted { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// The next header; nothing at a block of zeros or the end of the bytes.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut header = Header::new_old();
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut header.as_mut_bytes()[filled..])? {
                0 if filled == 0 => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        self.at += BLOCK as u64;
        self.count_header()?;
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        // The sum of all bytes, those of the sum itself taken as blanks.
        let sum = |range: &[u8]| range.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let found = sum(&bytes[..148]) + sum(&bytes[156..]) + 8 * u32::from(b' ');
        if header.cksum().ok() == Some(found) {
            Ok(Some(header))
        } else {
            bad("a header is damaged, or it is not a tar")
        }
    }

    /// A block that is about a member.
    fn count_header(&mut self) -> io::Result<()> {
        self.count += 1;
        if self.count > MOST_HEADERS {
            return bad(format!("it has more than {MOST_HEADERS} headers"));
        }
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// The content of a header that is about the next member.
    fn text(&mut self, size: u64, most: u64, what: &str) -> io::Result<Vec<u8>> {
        // One more for the zero that ends GNU's names.
        if size > most + 1 {
            return bad(format!("{what} has {size} bytes; the limit is {most}"));
        }
        self.texts += size;
        if self.texts > MOST_TEXTS {
            return bad(format!("its pax headers have more than {} MiB", MOST_TEXTS >> 20));
        }
        self.expect(size);
        let mut text = Vec::new();
        self.content().read_to_end(&mut text)?;
        while text.last() == Some(&0) {
            text.pop();
        }
        Ok(text)
    }
}

/// The content of a member; an end before its end is an error.
pub struct Content<'m, R>(&'m mut Members<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.0.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let count = self.0.inner.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.left -= count as u64;
        self.0.at += count as u64;
        Ok(count)
    }
}

/// Links, folders and devices have none, whatever their size says: Go's and Python's readers, for whom layers and sdists
/// are made, take it so.
fn has_content(kind: EntryType) -> bool {
    !matches!(
        kind,
        EntryType::Link
            | EntryType::Symlink
            | EntryType::Directory
            | EntryType::Char
            | EntryType::Block
            | EntryType::Fifo
    )
}

/// `LENGTH KEY=VALUE\n`, one after another.
fn pax(mut text: &[u8], said: &mut Said) -> io::Result<()> {
    while !text.is_empty() {
        let blank = text.iter().position(|byte| *byte == b' ').unwrap_or(0);
        let length = std::str::from_utf8(&text[..blank]).ok().and_then(|length| length.parse::<usize>().ok());
        let record =
            length.and_then(|length| text.get(blank + 1..length)).and_then(|record| record.strip_suffix(b"\n"));
        let equals = record.and_then(|record| record.iter().position(|byte| *byte == b'='));
        let (Some(length), Some(record), Some(equals)) = (length, record, equals) else {
            return bad("a pax header is damaged");
        };
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let number = || std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
        match key {
            b"path" => said.path = Some(value.to_owned()),
            b"linkpath" => said.link = Some(value.to_owned()),
            b"size" => {
                said.size = Some(number().map_or_else(|| bad("a pax header has a size that is not a number"), Ok)?)
            }
            b"uid" => said.owner.0 = number(),
            b"gid" => said.owner.1 = number(),
            key => said.sparse |= key.starts_with(b"GNU.sparse."),
        }
        text = &text[length..];
    }
    Ok(())
}

fn bad<T>(text: impl Into<String>) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidData, text.into()))
}

#[cfg(test)]
#[path = "members_tests.rs"]
mod tests;
