//! ELF, Mach-O and PE bytes to facts: what a binary needs to run.

mod bytes;
mod crates;
mod elf;
mod facts;
mod macho;
mod pe;
mod program;
mod symbols;

use std::cell::Cell;
use std::io::{Cursor, Read, Seek};

use bytes::Metered;
use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use object::macho::{FatArch32, FatArch64, MachHeader32, MachHeader64};
use object::pe::{ImageNtHeaders32, ImageNtHeaders64};
use object::read::{FileKind, ReadCache};

pub use crates::Scan;
pub use facts::{BinaryFacts, Program, Want, parse_version};
pub use pe::is_c_runtime;
pub use symbols::Symbols;

/// Most bytes of headers, tables and names read from one file. Real executables need a few KiB of them; a damaged
/// file must not make us read (and keep) more, however large it is.
const BUDGET: u64 = 8 << 20;
/// The same for the symbols of a library: the table of one that is not stripped has hundreds of thousands.
const SYMBOL_BUDGET: u64 = 64 << 20;

/// Reads the facts of an executable in memory.
///
/// # Errors
/// If it is not an executable of a known format, or damaged: why, for people.
pub fn inspect(bytes: &[u8]) -> Result<BinaryFacts, String> {
    inspect_reader(Cursor::new(bytes))
}

/// Reads the facts of an executable, seeking to its headers: memory does not grow with its size.
///
/// # Errors
/// If it is not an executable of a known format, or damaged: why, for people.
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
        _ => return Err("is not an ELF, Mach-O or PE executable".into()),
    };
    match read {
        Err(_) if left.get() == 0 => Err(format!("is damaged: its headers have more than {} MiB", BUDGET >> 20)),
        other => other,
    }
}

/// Reads what the loader of Linux reads of an ELF program or library.
///
/// # Errors
/// As [`inspect_reader`].
pub fn program(reader: impl Read + Seek) -> Result<Program, String> {
    let cache = ReadCache::new(reader);
    let left = Cell::new(BUDGET);
    let data = Metered { inner: &cache, left: &left };
    match FileKind::parse(data) {
        Ok(FileKind::Elf64) => program::program::<FileHeader64<Endianness>, _>(data),
        Ok(FileKind::Elf32) => program::program::<FileHeader32<Endianness>, _>(data),
        _ => Err("is not an ELF executable".into()),
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
        _ => Err("is not an ELF, Mach-O or PE executable".into()),
    };
    match read {
        Err(_) if left.get() == 0 => Err(format!("is damaged: its symbols have more than {} MiB", SYMBOL_BUDGET >> 20)),
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

#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;
