//! Names that a library takes from others and gives to others, out of ELF, Mach-O and PE; only the wanted ones.

use object::read::coff::SectionTable;
use object::read::elf::{FileHeader, Sym};
use object::read::macho::{FatArch, MachHeader, MachOFatFile, Nlist};
use object::read::pe::{DataDirectories, ImageNtHeaders, ImageThunkData};
use object::read::{FileKind, ReadRef};
use object::{BigEndian, Endianness, LittleEndian as LE, elf, macho, pe};

use super::bytes::{Res, damaged, text};

/// Symbols of a library, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// What it imports from its loading program or from other libraries.
    pub imported: Vec<String>,
    pub exported: Vec<String>,
}

pub struct Sieve<'w> {
    wanted: &'w dyn Fn(&[u8]) -> bool,
    pub found: Symbols,
}

impl<'w> Sieve<'w> {
    pub fn new(wanted: &'w dyn Fn(&[u8]) -> bool) -> Self {
        Self { wanted, found: Symbols::default() }
    }

    fn imported(&mut self, name: &[u8]) {
        if (self.wanted)(name) {
            self.found.imported.push(text(name));
        }
    }

    fn exported(&mut self, name: &[u8]) {
        if (self.wanted)(name) {
            self.found.exported.push(text(name));
        }
    }

    pub fn finish(mut self) -> Symbols {
        for names in [&mut self.found.imported, &mut self.found.exported] {
            names.sort_unstable();
            names.dedup();
        }
        self.found
    }
}

/// The dynamic symbols of an ELF file.
pub fn elf<'a, E, R>(data: R, sieve: &mut Sieve<'_>) -> Res<()>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = E::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let sections = header.sections(endian, data).map_err(damaged)?;
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM).map_err(damaged)?;
    for symbol in symbols.iter().filter(|symbol| !symbol.is_local()) {
        let name = symbols.symbol_name(endian, symbol).map_err(damaged)?;
        if symbol.is_undefined(endian) {
            sieve.imported(name);
        } else {
            sieve.exported(name);
        }
    }
    Ok(())
}

/// Every part of a universal Mach-O.
pub fn universal<'a, F: FatArch, R: ReadRef<'a>>(data: R, sieve: &mut Sieve<'_>) -> Res<()> {
    let count = data.read_at::<macho::FatHeader>(0).map_or(0, |header| header.nfat_arch.get(BigEndian));
    if !(1..=20).contains(&count) {
        return Err("is not an ELF, Mach-O or PE executable".into());
    }
    let file = MachOFatFile::<F>::parse(data).map_err(damaged)?;
    for arch in file.arches() {
        let (offset, _) = arch.file_range();
        match FileKind::parse_at(data, offset) {
            Ok(FileKind::MachO64) => macho::<macho::MachHeader64<Endianness>, _>(data, offset, sieve)?,
            Ok(FileKind::MachO32) => macho::<macho::MachHeader32<Endianness>, _>(data, offset, sieve)?,
            _ => return Err(damaged("a part of the universal binary is not a Mach-O")),
        }
    }
    Ok(())
}

/// The external symbols of the Mach-O that starts at `start`.
pub fn macho<'a, M, R>(data: R, start: u64, sieve: &mut Sieve<'_>) -> Res<()>
where
    M: MachHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = M::parse(data, start).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let mut commands = header.load_commands(endian, data, start).map_err(damaged)?;
    while let Some(command) = commands.next().map_err(damaged)? {
        let Some(table) = command.symtab().map_err(damaged)? else { continue };
        let offset = start.saturating_add(table.symoff.get(endian).into());
        let count = usize::try_from(table.nsyms.get(endian)).map_err(damaged)?;
        let symbols =
            data.read_slice_at::<M::Nlist>(offset, count).map_err(|()| damaged("its symbols are out of bounds"))?;
        let strings_at = start.saturating_add(table.stroff.get(endian).into());
        let strings_end = strings_at.saturating_add(table.strsize.get(endian).into());
        for symbol in symbols {
            let kind = symbol.n_type();
            if kind.is_stab() || !kind.is_ext() {
                continue;
            }
            let name_at = strings_at.saturating_add(symbol.n_strx(endian).into());
            let name = data
                .read_bytes_at_until(name_at..strings_end, 0)
                .map_err(|()| damaged("the name of a symbol is out of bounds"))?;
            // Every C name begins with `_` there.
            let name = name.strip_prefix(b"_").unwrap_or(name);
            if symbol.is_undefined() {
                sieve.imported(name);
            } else {
                sieve.exported(name);
            }
        }
    }
    Ok(())
}

/// The import and export tables of a PE file. Read entry by entry: the section around them may be huge.
pub fn pe<'a, N: ImageNtHeaders, R: ReadRef<'a>>(data: R, sieve: &mut Sieve<'_>) -> Res<()> {
    let dos = pe::ImageDosHeader::parse(data).map_err(damaged)?;
    let mut offset = dos.nt_headers_offset().into();
    let (header, directories) = N::parse(data, &mut offset).map_err(damaged)?;
    let sections = header.sections(data, offset).map_err(damaged)?;
    let image = Image { data, sections };
    let start = |index| directory(&directories, index);
    if let Some(rva) = start(pe::IMAGE_DIRECTORY_ENTRY_IMPORT) {
        image.imports::<N::ImageThunkData>(rva, sieve)?;
    }
    if let Some(rva) = start(pe::IMAGE_DIRECTORY_ENTRY_EXPORT) {
        image.exports(rva, sieve)?;
    }
    Ok(())
}

fn directory(table: &DataDirectories<'_>, index: usize) -> Option<u32> {
    table.get(index).map(|directory| directory.virtual_address.get(LE)).filter(|rva| *rva != 0)
}

fn outside() -> String {
    damaged("its table of imported and exported names is out of bounds")
}

struct Image<'a, R> {
    data: R,
    sections: SectionTable<'a>,
}

impl<'a, R: ReadRef<'a>> Image<'a, R> {
    /// Where an address lies in the file, and how much of its section follows.
    fn offset(&self, rva: u32) -> Res<(u64, u64)> {
        let (offset, size) = self.sections.pe_file_range_at(rva).ok_or_else(outside)?;
        Ok((offset.into(), size.into()))
    }

    fn name(&self, rva: u32) -> Res<&'a [u8]> {
        let (offset, size) = self.offset(rva)?;
        self.data.read_bytes_at_until(offset..offset.saturating_add(size), 0).map_err(|()| outside())
    }

    fn imports<T: ImageThunkData>(&self, rva: u32, sieve: &mut Sieve<'_>) -> Res<()> {
        let mut at = self.offset(rva)?.0;
        loop {
            let entry = self.data.read::<pe::ImageImportDescriptor>(&mut at).map_err(|()| outside())?;
            if entry.is_null() {
                return Ok(());
            }
            let names = match entry.original_first_thunk.get(LE) {
                0 => entry.first_thunk.get(LE),
                names => names,
            };
            self.thunks::<T>(names, sieve)?;
        }
    }

    fn thunks<T: ImageThunkData>(&self, rva: u32, sieve: &mut Sieve<'_>) -> Res<()> {
        let mut at = self.offset(rva)?.0;
        loop {
            let thunk = *self.data.read::<T>(&mut at).map_err(|()| outside())?;
            if thunk.raw() == 0 {
                return Ok(());
            }
            if !thunk.is_ordinal() {
                // A two-byte hint precedes the name.
                sieve.imported(self.name(thunk.address().saturating_add(2))?);
            }
        }
    }

    fn exports(&self, rva: u32, sieve: &mut Sieve<'_>) -> Res<()> {
        let table = self.data.read_at::<pe::ImageExportDirectory>(self.offset(rva)?.0).map_err(|()| outside())?;
        let count = table.number_of_names.get(LE);
        if count == 0 {
            return Ok(());
        }
        let mut at = self.offset(table.address_of_names.get(LE))?.0;
        for _ in 0..count {
            let name = self.data.read::<object::U32<LE>>(&mut at).map_err(|()| outside())?.get(LE);
            sieve.exported(self.name(name)?);
        }
        Ok(())
    }
}
