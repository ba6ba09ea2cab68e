//! ELF, Mach-O and PE bytes to facts: what a binary needs to run.

mod crates;
mod elf;
mod macho;
mod pe;
mod symbols;

use std::cell::Cell;
use std::io::{Cursor, Read, Seek};
use std::ops::Range;

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use object::macho::{FatArch32, FatArch64, MachHeader32, MachHeader64};
use object::pe::{ImageNtHeaders32, ImageNtHeaders64};
use object::read::{FileKind, ReadCache, ReadRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::target::Linkage;

pub use crates::Scan;
pub use symbols::Symbols;

/// What the bytes of one executable say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BinaryFacts {
    /// `elf`, `macho`, `pe`.
    pub format: String,
    /// `x86_64`, `aarch64`, or what the header says; a universal Mach-O lists all it holds: `x86_64+aarch64`.
    pub arch: String,
    /// Whether it needs a dynamic loader or C library of the system.
    pub linkage: Linkage,
    /// ELF interpreter (`/lib64/ld-linux-x86-64.so.2`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// Needed libraries, as recorded.
    pub needed: Vec<String>,
    /// Highest `GLIBC_x.y` symbol version, as `x.y[.z]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
    /// The oldest macOS that starts it, as `x.y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macos: Option<String>,
    /// Whether symbols and debug information are gone.
    pub stripped: bool,
}

/// Most bytes of headers, tables and names read from one file. Real executables need a few KiB of them; a damaged
/// file must not make us read (and keep) more, however large it is.
const BUDGET: u64 = 8 << 20;
/// The same for the symbols of a library: the table of one that is not stripped has hundreds of thousands.
const SYMBOL_BUDGET: u64 = 64 << 20;
/// What one read costs at least, so that a table that points at itself comes to an end soon.
const READ_COST: u64 = 64;

type Res<T> = Result<T, String>;

/// Reads the facts of an executable in memory.
///
/// # Errors
/// If it is no executable of a known format, or damaged: why, for people.
pub fn inspect(bytes: &[u8]) -> Result<BinaryFacts, String> {
    inspect_reader(Cursor::new(bytes))
}

/// Reads the facts of an executable, seeking to its headers: memory does not grow with its size.
///
/// # Errors
/// If it is no executable of a known format, or damaged: why, for people.
pub fn inspect_reader(reader: impl Read + Seek) -> Result<BinaryFacts, String> {
    let cache = ReadCache::new(reader);
    let left = Cell::new(BUDGET);
    let data = Metered { inner: &cache, left: &left };
    let read = match FileKind::parse(data) {
        Ok(FileKind::Elf64) => elf::facts::<FileHeader64<Endianness>, _>(data),
        Ok(FileKind::Elf32) => elf::facts::<FileHeader32<Endianness>, _>(data),
        Ok(FileKind::MachO64) => macho::facts::<MachHeader64<Endianness>, _>(data, 0),
        Ok(FileKind::MachO32) => macho::facts::<MachHeader32<Endianness>, _>(data, 0),
        Ok(FileKind::MachOFat64) => macho::universal::<FatArch64, _>(data),
        Ok(FileKind::MachOFat32) => macho::universal::<FatArch32, _>(data),
        Ok(FileKind::Pe64) => pe::facts::<ImageNtHeaders64, _>(data),
        Ok(FileKind::Pe32) => pe::facts::<ImageNtHeaders32, _>(data),
        _ => return Err("is no ELF, Mach-O or PE executable".into()),
    };
    match read {
        Err(_) if left.get() == 0 => Err(format!("is damaged: its headers take more than {} MiB", BUDGET >> 20)),
        other => other,
    }
}

/// Whether a member is machine code by its name or its first four bytes. Other endings are looked at only if those are
/// of ELF or Mach-O: a text may begin with `MZ`.
pub fn is_native(path: &str, start: &[u8]) -> bool {
    const MAGIC: [&[u8]; 5] =
        [b"\x7fELF", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"];
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let named =
        [".so", ".pyd", ".dll", ".dylib", ".exe"].iter().any(|end| name.ends_with(end)) || name.contains(".so.");
    // An object file is for a linker.
    named || (!name.ends_with(".o") && MAGIC.contains(&start))
}

/// Names that a library takes from others and gives to others, of those that are wanted.
///
/// # Errors
/// As [`inspect_reader`].
pub fn symbols(reader: impl Read + Seek, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Symbols, String> {
    let cache = ReadCache::new(reader);
    let left = Cell::new(SYMBOL_BUDGET);
    let data = Metered { inner: &cache, left: &left };
    let mut sieve = symbols::Sieve::new(wanted);
    let read = match FileKind::parse(data) {
        Ok(FileKind::Elf64) => symbols::elf::<FileHeader64<Endianness>, _>(data, &mut sieve),
        Ok(FileKind::Elf32) => symbols::elf::<FileHeader32<Endianness>, _>(data, &mut sieve),
        Ok(FileKind::MachO64) => symbols::macho::<MachHeader64<Endianness>, _>(data, 0, &mut sieve),
        Ok(FileKind::MachO32) => symbols::macho::<MachHeader32<Endianness>, _>(data, 0, &mut sieve),
        Ok(FileKind::MachOFat64) => symbols::universal::<FatArch64, _>(data, &mut sieve),
        Ok(FileKind::MachOFat32) => symbols::universal::<FatArch32, _>(data, &mut sieve),
        Ok(FileKind::Pe64) => symbols::pe::<ImageNtHeaders64, _>(data, &mut sieve),
        Ok(FileKind::Pe32) => symbols::pe::<ImageNtHeaders32, _>(data, &mut sieve),
        _ => Err("is no ELF, Mach-O or PE executable".into()),
    };
    match read {
        Err(_) if left.get() == 0 => Err(format!("is damaged: its symbols take more than {} MiB", SYMBOL_BUDGET >> 20)),
        other => other.map(|()| sieve.finish()),
    }
}

/// The highest `GLIBC_x.y` that a C library in memory defines; nothing if it is none.
pub fn glibc_defined(bytes: &[u8]) -> Option<String> {
    let cache = ReadCache::new(Cursor::new(bytes));
    let left = Cell::new(BUDGET);
    let data = Metered { inner: &cache, left: &left };
    match FileKind::parse(data) {
        Ok(FileKind::Elf64) => elf::glibc_defined::<FileHeader64<Endianness>, _>(data),
        Ok(FileKind::Elf32) => elf::glibc_defined::<FileHeader32<Endianness>, _>(data),
        _ => None,
    }
}

/// A symbol that an executable takes from glibc in a version, for people who ask what needs it.
pub fn glibc_symbol(reader: impl Read + Seek, version: &str) -> Option<String> {
    let cache = ReadCache::new(reader);
    let left = Cell::new(SYMBOL_BUDGET);
    let data = Metered { inner: &cache, left: &left };
    match FileKind::parse(data) {
        Ok(FileKind::Elf64) => elf::glibc_symbol::<FileHeader64<Endianness>, _>(data, version),
        Ok(FileKind::Elf32) => elf::glibc_symbol::<FileHeader32<Endianness>, _>(data, version),
        _ => None,
    }
}

/// Bytes with a limit on how many of them are read.
struct Metered<'a, R> {
    inner: R,
    left: &'a Cell<u64>,
}

impl<R: Copy> Clone for Metered<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Copy> Copy for Metered<'_, R> {}

impl<R> Metered<'_, R> {
    fn spend(&self, size: u64) -> Result<(), ()> {
        let left = self.left.get().checked_sub(size.max(READ_COST));
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(())
    }
}

impl<'a, R: ReadRef<'a>> ReadRef<'a> for Metered<'a, R> {
    fn len(self) -> Result<u64, ()> {
        self.inner.len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        self.spend(size)?;
        self.inner.read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        let bytes = self.inner.read_bytes_at_until(range, delimiter)?;
        self.spend(bytes.len() as u64)?;
        Ok(bytes)
    }
}

fn damaged(what: impl std::fmt::Display) -> String {
    format!("is damaged: {what}")
}

/// A name out of a file: no control character reaches a terminal or a log.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Every part that is loaded must lie in the file; else it was cut off.
fn inside<'a>(data: impl ReadRef<'a>, offset: u64, size: u64) -> Res<()> {
    let length = data.len().map_err(|()| "cannot be read".to_owned())?;
    match offset.checked_add(size) {
        Some(end) if end <= length => Ok(()),
        _ => Err(damaged(format_args!("is cut off: {length} bytes are there, more are described"))),
    }
}

/// The numbers of `x.y[.z]`, comparable: 2.4 is below 2.34.
pub fn parse_version(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|number| number.parse().ok()).collect()
}

/// Whether a DLL belongs to the C runtime, which a program linked with `+crt-static` does not import
/// (<https://learn.microsoft.com/cpp/windows/determining-which-dlls-to-redistribute>).
pub fn is_c_runtime(name: &str) -> bool {
    const PREFIXES: [&str; 6] = ["vcruntime", "msvcp", "msvcr", "ucrtbase", "api-ms-win-crt-", "concrt"];
    let name = name.to_ascii_lowercase();
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;
