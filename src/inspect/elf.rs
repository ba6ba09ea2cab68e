//! ELF: what the loader reads (segments, dynamic section, version needs), and the sections that `strip` removes.

use std::collections::BTreeSet;

use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::read::{ReadRef, StringTable};
use object::{Endianness, elf};

use super::bytes::{Res, damaged, inside, text};
use super::facts::{BinaryFacts, Want, parse_version};
use crate::target::Linkage;

pub fn facts<'a, E, R>(data: R) -> Res<BinaryFacts>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = E::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    if !matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN) {
        return Err("is an ELF object file, not an executable".into());
    }
    let mut interpreter = None;
    let mut dynamic: &[E::Dyn] = &[];
    let segments = header.program_headers(endian, data).map_err(damaged)?;
    for segment in segments {
        let (offset, size) = segment.file_range(endian);
        match segment.p_type(endian) {
            elf::PT_LOAD => inside(data, offset, size)?,
            elf::PT_INTERP => interpreter = segment.interpreter(endian, data).map_err(damaged)?,
            elf::PT_DYNAMIC => dynamic = segment.dynamic(endian, data).map_err(damaged)?.unwrap_or_default(),
            _ => {}
        }
    }
    let dynamic = Dynamic::<E, R>::new(data, endian, segments, dynamic)?;
    let needed = dynamic.needed()?;
    let linkage = if interpreter.is_none() && needed.is_empty() { Linkage::Static } else { Linkage::Dynamic };
    Ok(BinaryFacts {
        format: "elf".into(),
        arch: arch(header, endian),
        linkage,
        interpreter: interpreter.map(text),
        needed,
        glibc: dynamic.glibc()?,
        macos: None,
        stripped: is_stripped(header, endian, data)?,
    })
}

pub(super) fn arch<E: FileHeader<Endian = Endianness>>(header: &E, endian: Endianness) -> String {
    let name = match header.e_machine(endian) {
        elf::EM_X86_64 => "x86_64",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_386 => return "i686".into(),
        elf::EM_ARM => return "arm".into(),
        elf::EM_RISCV => "riscv",
        elf::EM_S390 if header.is_class_64() => return "s390x".into(),
        elf::EM_PPC64 => "powerpc64",
        elf::EM_LOONGARCH => "loongarch64",
        other => return format!("machine {}", other.0),
    };
    // x32 and ILP32 share the machine number with their 64-bit sisters, but need other libraries.
    let bits = if header.is_class_64() { "" } else { "-32" };
    let order = match header.e_machine(endian) {
        elf::EM_PPC64 => {
            if header.is_big_endian() {
                ""
            } else {
                "le"
            }
        }
        _ => {
            if header.is_big_endian() {
                "-be"
            } else {
                ""
            }
        }
    };
    format!("{name}{bits}{order}")
}

/// Neither a symbol table nor debug sections. A *loaded* section like Rust's `.debug_gdb_scripts` is not a debug
/// information: it is a few bytes that `strip` leaves in place.
fn is_stripped<'a, E: FileHeader>(header: &E, endian: E::Endian, data: impl ReadRef<'a>) -> Res<bool> {
    let sections = header.section_headers(endian, data).map_err(damaged)?;
    let names = header.section_strings(endian, data, sections).map_err(damaged)?;
    for section in sections {
        if section.sh_type(endian) == elf::SHT_SYMTAB {
            return Ok(false);
        }
        let loaded = section.sh_flags(endian).contains(elf::SHF_ALLOC);
        let name = section.name(endian, names).map_err(damaged)?;
        if !loaded && (name.starts_with(b".debug_") || name.starts_with(b".zdebug_")) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The dynamic section, read as the loader reads it: by segments, without section headers.
pub(super) struct Dynamic<'a, E: FileHeader<Endian = Endianness>, R: ReadRef<'a>> {
    data: R,
    endian: Endianness,
    segments: &'a [E::ProgramHeader],
    entries: &'a [E::Dyn],
    strings: StringTable<'a, R>,
}

impl<'a, E: FileHeader<Endian = Endianness>, R: ReadRef<'a>> Dynamic<'a, E, R> {
    pub(super) fn new(
        data: R,
        endian: Endianness,
        segments: &'a [E::ProgramHeader],
        entries: &'a [E::Dyn],
    ) -> Res<Self> {
        let end = entries.iter().position(|entry| entry.tag(endian) == elf::DT_NULL).unwrap_or(entries.len());
        let mut dynamic = Self { data, endian, segments, entries: &entries[..end], strings: StringTable::default() };
        if let (Some(address), Some(size)) = (dynamic.value(elf::DT_STRTAB), dynamic.value(elf::DT_STRSZ)) {
            let offset = dynamic.offset(address)?;
            inside(data, offset, size)?;
            dynamic.strings = StringTable::new(data, offset, offset + size);
        }
        Ok(dynamic)
    }

    fn value(&self, tag: elf::DynamicTag) -> Option<u64> {
        self.entries.iter().find(|entry| entry.tag(self.endian) == tag).map(|entry| entry.val(self.endian))
    }

    /// Where an address lies in the file.
    fn offset(&self, address: u64) -> Res<u64> {
        let loaded = self.segments.iter().filter(|segment| segment.p_type(self.endian) == elf::PT_LOAD);
        for segment in loaded {
            let (offset, size) = segment.file_range(self.endian);
            match address.checked_sub(segment.p_vaddr(self.endian).into()) {
                Some(distance) if distance < size => {
                    return offset.checked_add(distance).ok_or_else(|| damaged("an address is too large"));
                }
                _ => {}
            }
        }
        Err(damaged("its dynamic section is out of bounds"))
    }

    pub(super) fn needed(&self) -> Res<Vec<String>> {
        let needed = self.entries.iter().filter(|entry| entry.tag(self.endian) == elf::DT_NEEDED);
        needed.map(|entry| Ok(text(entry.string(self.endian, self.strings).map_err(damaged)?))).collect()
    }

    /// The highest version of glibc that it must have.
    fn glibc(&self) -> Res<Option<String>> {
        // The loader forgives a missing weak version (`match_symbol` in glibc's elf/dl-version.c).
        let must = self.wants()?.into_iter().filter(|want| !want.weak);
        let highest = must.filter_map(|want| glibc_version(want.version.as_bytes())).max();
        Ok(highest.map(|numbers| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".")))
    }

    /// Walks the version needs (<https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html>).
    pub(super) fn wants(&self) -> Res<Vec<Want>> {
        let bad = |()| damaged("its version needs are out of bounds");
        let mut wants = Vec::new();
        let (Some(address), Some(count)) = (self.value(elf::DT_VERNEED), self.value(elf::DT_VERNEEDNUM)) else {
            return Ok(wants);
        };
        let mut file = self.offset(address)?;
        for _ in 0..count {
            let need = self.data.read_at::<elf::Verneed<Endianness>>(file).map_err(bad)?;
            let library = text(self.strings.get(need.vn_file.get(self.endian)).map_err(bad)?);
            let mut at = file.checked_add(need.vn_aux.get(self.endian).into()).ok_or(()).map_err(bad)?;
            for _ in 0..need.vn_cnt.get(self.endian) {
                let version = self.data.read_at::<elf::Vernaux<Endianness>>(at).map_err(bad)?;
                let name = self.strings.get(version.vna_name.get(self.endian)).map_err(bad)?;
                let weak = version.vna_flags.get(self.endian).contains(elf::VER_FLG_WEAK);
                wants.push(Want { library: library.clone(), version: text(name), weak });
                let next = version.vna_next.get(self.endian);
                if next == 0 {
                    break;
                }
                at = at.checked_add(next.into()).ok_or(()).map_err(bad)?;
            }
            let next = need.vn_next.get(self.endian);
            if next == 0 {
                break;
            }
            file = file.checked_add(next.into()).ok_or(()).map_err(bad)?;
        }
        Ok(wants)
    }

    /// The versions that it defines, without the one that is its own name.
    pub(super) fn defines(&self) -> Res<Vec<String>> {
        let bad = |()| damaged("its version definitions are out of bounds");
        let mut names = Vec::new();
        let (Some(address), Some(count)) = (self.value(elf::DT_VERDEF), self.value(elf::DT_VERDEFNUM)) else {
            return Ok(names);
        };
        let mut at = self.offset(address)?;
        for _ in 0..count {
            let definition = self.data.read_at::<elf::Verdef<Endianness>>(at).map_err(bad)?;
            if !definition.vd_flags.get(self.endian).contains(elf::VER_FLG_BASE) {
                let name = at.checked_add(definition.vd_aux.get(self.endian).into()).ok_or(()).map_err(bad)?;
                let name = self.data.read_at::<elf::Verdaux<Endianness>>(name).map_err(bad)?;
                names.push(text(self.strings.get(name.vda_name.get(self.endian)).map_err(bad)?));
            }
            let next = definition.vd_next.get(self.endian);
            if next == 0 {
                break;
            }
            at = at.checked_add(next.into()).ok_or(()).map_err(bad)?;
        }
        Ok(names)
    }

    /// The text that an entry of the dynamic section stands for.
    pub(super) fn string(&self, tag: elf::DynamicTag) -> Res<Option<String>> {
        let entry = self.entries.iter().find(|entry| entry.tag(self.endian) == tag);
        entry.map(|entry| Ok(text(entry.string(self.endian, self.strings).map_err(damaged)?))).transpose()
    }
}

/// The numbers of a `GLIBC_x.y[.z]`; nothing for `GLIBC_PRIVATE` and other libraries' versions.
fn glibc_version(name: &[u8]) -> Option<Vec<u32>> {
    let version = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    if version == "ABI_DT_RELR" {
        // A marker that every glibc since 2.36 defines: https://sourceware.org/glibc/wiki/Release/2.36
        return Some(vec![2, 36]);
    }
    parse_version(version)
}

/// The highest `GLIBC_x.y` that a library defines.
pub fn glibc_defined<'a, E, R>(data: R) -> Option<String>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = E::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let (mut definitions, link) = sections.gnu_verdef(endian, data).ok()??;
    let strings = sections.strings(endian, data, link).ok()?;
    let mut highest: Option<(Vec<u32>, String)> = None;
    while let Ok(Some((_, mut names))) = definitions.next() {
        while let Ok(Some(name)) = names.next() {
            let name = text(name.name(endian, strings).ok()?);
            // `GLIBC_PRIVATE` is not a version.
            let Some(version) = name.strip_prefix("GLIBC_") else { continue };
            let Some(numbers) = parse_version(version) else { continue };
            if highest.as_ref().is_none_or(|(known, _)| *known < numbers) {
                highest = Some((numbers, version.to_owned()));
            }
        }
    }
    highest.map(|(_, version)| version)
}

/// A dynamic symbol that is wanted in a version of glibc.
pub fn glibc_symbol<'a, E, R>(data: R, version: &str) -> Option<String>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = E::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    // By ourselves: the table that the crate would make walks all versions before we see one, and they may be one and the
    // same for ever. Each name that is read here is counted by `data`.
    let (mut needs, link) = sections.gnu_verneed(endian, data).ok()??;
    let strings = sections.strings(endian, data, link).ok()?;
    let wanted = format!("GLIBC_{version}");
    let mut numbers = BTreeSet::new();
    while let Ok(Some((_, mut versions))) = needs.next() {
        while let Ok(Some(version)) = versions.next() {
            if version.name(endian, strings).ok()? == wanted.as_bytes() {
                numbers.insert(version.vna_other(endian).index().0);
            }
        }
    }
    let (of, _) = sections.gnu_versym(endian, data).ok()??;
    let symbols = sections.symbols(endian, data, elf::SHT_DYNSYM).ok()?;
    let takes = |of: &elf::Versym<Endianness>| numbers.contains(&of.0.get(endian).index().0);
    let (symbol, _) = symbols.iter().zip(of).find(|(_, of)| takes(of))?;
    Some(text(symbols.symbol_name(endian, symbol).ok()?))
}
