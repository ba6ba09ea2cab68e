//! Mach-O: load commands, one by one; universal binaries, part by part.

use object::read::macho::{FatArch, MachHeader, MachOFatFile};
use object::read::{FileKind, ReadRef};
use object::{BigEndian, Endianness, macho};

use super::bytes::{Res, damaged, inside, text};
use super::facts::{BinaryFacts, parse_version};
use crate::target::Linkage;

/// The facts of a universal binary: every architecture, and what any part needs.
pub fn universal<'a, F: FatArch, R: ReadRef<'a>>(data: R) -> Res<BinaryFacts> {
    let count = data.read_at::<macho::FatHeader>(0).map_or(0, |header| header.nfat_arch.get(BigEndian));
    // A Java class file starts with the same four bytes; its version (45 and up) then stands where the count is.
    if !(1..=20).contains(&count) {
        return Err("is not an ELF, Mach-O or PE executable".into());
    }
    let file = MachOFatFile::<F>::parse(data).map_err(damaged)?;
    let mut all: Option<BinaryFacts> = None;
    for arch in file.arches() {
        let (offset, size) = arch.file_range();
        inside(data, offset, size)?;
        let one = match FileKind::parse_at(data, offset) {
            Ok(FileKind::MachO64) => facts::<macho::MachHeader64<Endianness>, _>(data, offset)?,
            Ok(FileKind::MachO32) => facts::<macho::MachHeader32<Endianness>, _>(data, offset)?,
            _ => return Err(damaged("a part of the universal binary is not a Mach-O")),
        };
        match &mut all {
            None => all = Some(one),
            Some(all) => {
                all.arch = format!("{}+{}", all.arch, one.arch);
                all.stripped &= one.stripped;
                all.macos = later(all, &one);
                let new = one.needed.into_iter().filter(|name| !all.needed.contains(name)).collect::<Vec<_>>();
                all.needed.extend(new);
            }
        }
    }
    all.ok_or_else(|| damaged("the universal binary is empty"))
}

/// The later minimum of two parts. No Mac with Apple's processor has less than 11.0, so that of its part says nothing.
fn later(all: &BinaryFacts, one: &BinaryFacts) -> Option<String> {
    let first_arm = |facts: &&BinaryFacts| !(facts.arch == "aarch64" && facts.macos.as_deref() == Some("11.0"));
    let parts = [all, one].into_iter().filter(first_arm).filter_map(|facts| facts.macos.clone());
    parts.max_by_key(|version| parse_version(version))
}

fn version(version: macho::Version) -> String {
    format!("{}.{}", version.major(), version.minor())
}

pub fn facts<'a, M: MachHeader<Endian = Endianness>, R: ReadRef<'a>>(data: R, start: u64) -> Res<BinaryFacts> {
    let header = M::parse(data, start).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    if !matches!(header.filetype(endian), macho::MH_EXECUTE | macho::MH_DYLIB | macho::MH_BUNDLE) {
        return Err("is a Mach-O object file, not an executable".into());
    }
    let arch = match header.cputype(endian) {
        macho::CPU_TYPE_X86_64 => "x86_64".to_owned(),
        macho::CPU_TYPE_ARM64 => "aarch64".to_owned(),
        other => format!("cpu {}", other.0),
    };
    let (mut needed, mut locals, mut symbols, mut dwarf, mut macos) = (Vec::new(), None, 0, false, None);
    let mut commands = header.load_commands(endian, data, start).map_err(damaged)?;
    while let Some(command) = commands.next().map_err(damaged)? {
        if let Some(dylib) = command.dylib().map_err(damaged)? {
            needed.push(text(command.string(endian, dylib.dylib.name).map_err(damaged)?));
        } else if let Some(table) = command.symtab().map_err(damaged)? {
            symbols = table.nsyms.get(endian);
        } else if let Some(table) = command.dysymtab().map_err(damaged)? {
            locals = Some(table.nlocalsym.get(endian));
        } else if let Some((build, _)) = command.build_version(endian).map_err(damaged)? {
            if build.platform.get(endian) == macho::PLATFORM_MACOS {
                macos = Some(version(build.minos.get(endian)));
            }
        } else if command.cmd() == macho::LC_VERSION_MIN_MACOSX {
            let minimum: &macho::VersionMinCommand<Endianness> = command.data().map_err(damaged)?;
            macos = Some(version(minimum.version.get(endian)));
        } else if let Some((segment, _)) = command.segment_64().map_err(damaged)? {
            let offset = start.saturating_add(segment.fileoff.get(endian));
            inside(data, offset, segment.filesize.get(endian))?;
            dwarf |= segment.segname.starts_with(b"__DWARF");
        }
    }
    Ok(BinaryFacts {
        format: "macho".into(),
        arch,
        // Apple supports no static executables: libSystem is always the system's.
        linkage: Linkage::Dynamic,
        interpreter: None,
        needed,
        glibc: None,
        macos,
        // `strip` may leave one local entry, `radr://5614542`, a place holder.
        stripped: !dwarf && locals.unwrap_or(symbols) <= 1,
    })
}
