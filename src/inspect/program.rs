//! What the loader reads of an ELF file: no section headers, which a program need not have.

use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, elf};

use super::bytes::{Res, damaged, text};
use super::elf::{Dynamic, arch};
use super::facts::Program;

pub fn program<'a, E, R>(data: R) -> Res<Program>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = E::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    if !matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN) {
        return Err("is an ELF object file, not an executable".into());
    }
    let mut found = Program { arch: arch(header, endian), ..Program::default() };
    let segments = header.program_headers(endian, data).map_err(damaged)?;
    let mut entries: &[E::Dyn] = &[];
    for segment in segments {
        match segment.p_type(endian) {
            elf::PT_INTERP => {
                found.interpreter = segment.interpreter(endian, data).map_err(damaged)?.map(text);
            }
            elf::PT_DYNAMIC => entries = segment.dynamic(endian, data).map_err(damaged)?.unwrap_or_default(),
            _ => {}
        }
    }
    let dynamic = Dynamic::<E, R>::new(data, endian, segments, entries)?;
    found.needed = dynamic.needed()?;
    found.soname = dynamic.string(elf::DT_SONAME)?;
    found.rpath = dynamic.string(elf::DT_RPATH)?;
    found.runpath = dynamic.string(elf::DT_RUNPATH)?;
    found.wants = dynamic.wants()?;
    found.defines = dynamic.defines()?;
    Ok(found)
}
