//! PE: imported libraries and what is left of debug information.

use object::read::coff::SectionTable;
use object::read::pe::{DataDirectories, ImageNtHeaders};
use object::read::{ReadRef, StringTable};
use object::{LittleEndian as LE, pe};

use super::bytes::{Res, damaged, inside, text};
use super::facts::BinaryFacts;
use crate::target::Linkage;

pub fn facts<'a, N: ImageNtHeaders, R: ReadRef<'a>>(data: R) -> Res<BinaryFacts> {
    let dos = pe::ImageDosHeader::parse(data).map_err(damaged)?;
    let mut offset = dos.nt_headers_offset().into();
    let (header, directories) = N::parse(data, &mut offset).map_err(damaged)?;
    let sections = header.sections(data, offset).map_err(damaged)?;
    for section in sections.iter() {
        let (start, size) = section.pe_file_range();
        inside(data, start.into(), size.into())?;
    }
    let arch = match header.file_header().machine.get(LE) {
        pe::IMAGE_FILE_MACHINE_AMD64 => "x86_64".to_owned(),
        pe::IMAGE_FILE_MACHINE_ARM64 => "aarch64".to_owned(),
        pe::IMAGE_FILE_MACHINE_I386 => "i686".to_owned(),
        other => format!("machine {:#06x}", other.0),
    };
    let needed = needed_libraries(data, &directories, &sections)?;
    Ok(BinaryFacts {
        format: "pe".into(),
        arch,
        linkage: if needed.iter().any(|name| is_c_runtime(name)) { Linkage::Dynamic } else { Linkage::Static },
        interpreter: None,
        needed,
        glibc: None,
        macos: None,
        stripped: is_stripped(data, header.file_header(), &sections)?,
    })
}

/// The names of the import and the delay-load table. Read entry by entry: the section around them may be huge.
fn needed_libraries<'a, R: ReadRef<'a>>(
    data: R,
    table: &DataDirectories<'a>,
    sections: &SectionTable<'a>,
) -> Res<Vec<String>> {
    let bad = || damaged("its import table is out of bounds");
    let name_at = |rva: u32| -> Res<String> {
        let (offset, size) = sections.pe_file_range_at(rva).ok_or_else(bad)?;
        let range = u64::from(offset)..u64::from(offset) + u64::from(size);
        data.read_bytes_at_until(range, 0).map(text).map_err(|()| bad())
    };
    let mut needed = Vec::new();
    let start = |index| table.get(index).map(|directory| directory.virtual_address.get(LE)).filter(|rva| *rva != 0);
    if let Some(rva) = start(pe::IMAGE_DIRECTORY_ENTRY_IMPORT) {
        let mut at = u64::from(sections.pe_file_range_at(rva).ok_or_else(bad)?.0);
        loop {
            let entry = data.read::<pe::ImageImportDescriptor>(&mut at).map_err(|()| bad())?;
            if entry.is_null() {
                break;
            }
            needed.push(name_at(entry.name.get(LE))?);
        }
    }
    if let Some(rva) = start(pe::IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT) {
        let mut at = u64::from(sections.pe_file_range_at(rva).ok_or_else(bad)?.0);
        loop {
            let entry = data.read::<pe::ImageDelayloadDescriptor>(&mut at).map_err(|()| bad())?;
            if entry.is_null() {
                break;
            }
            needed.push(name_at(entry.dll_name_rva.get(LE))?);
        }
    }
    Ok(needed)
}

/// Microsoft's linker writes debug information to a file of its own; GNU's into `.debug_*` sections and COFF symbols.
fn is_stripped<'a>(data: impl ReadRef<'a>, header: &pe::ImageFileHeader, sections: &SectionTable<'a>) -> Res<bool> {
    let symbols = u64::from(header.number_of_symbols.get(LE));
    let table = u64::from(header.pointer_to_symbol_table.get(LE));
    if table == 0 {
        return Ok(true);
    }
    if symbols > 0 {
        return Ok(false);
    }
    let length = data.len().map_err(|()| "cannot be read".to_owned())?;
    let names = StringTable::new(data, table, length);
    let debug = sections.iter().any(|section| section.name(names).is_ok_and(|name| name.starts_with(b".debug_")));
    Ok(!debug)
}

/// Whether a DLL belongs to the C runtime, which a program linked with `+crt-static` does not import
/// (<https://learn.microsoft.com/cpp/windows/determining-which-dlls-to-redistribute>).
pub fn is_c_runtime(name: &str) -> bool {
    const PREFIXES: [&str; 6] = ["vcruntime", "msvcp", "msvcr", "ucrtbase", "api-ms-win-crt-", "concrt"];
    let name = name.to_ascii_lowercase();
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
