//! Facts of programs made here and of this very test program; hostile bytes end in an error, never in a panic.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use proptest::prelude::*;

use super::sample::{Elf, gnu, musl};
use super::*;
use crate::target::Linkage;

#[test]
fn a_dynamic_program() {
    let facts = inspect(&gnu().bytes()).unwrap();
    assert_eq!(
        facts,
        BinaryFacts {
            format: "elf".into(),
            arch: "x86_64".into(),
            linkage: Linkage::Dynamic,
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".into()),
            needed: vec!["libc.so.6".into()],
            glibc: Some("2.17".into()),
            macos: None,
            stripped: true,
        }
    );
}

#[test]
fn machine_code_by_name_or_start() {
    for (path, start, expected) in [
        ("a/b.abi3.so", &b""[..], true),
        ("a.libs/libgcc_s-1.so.1", b"", true),
        ("a/b.pyd", b"MZ", true),
        ("a-1.data/scripts/tool", b"\x7fELF", true),
        ("a/note", b"MZ a", false),
        ("a/b.py", b"", false),
        ("a/some.source", b"", false),
    ] {
        assert_eq!(is_native(path, start), expected, "{path}");
    }
}

#[test]
fn a_static_program() {
    let facts = inspect(&Elf { machine: 183, symbols: true, ..musl() }.bytes()).unwrap();
    assert_eq!((facts.arch.as_str(), facts.linkage, facts.stripped), ("aarch64", Linkage::Static, false));
    assert_eq!((facts.interpreter, facts.glibc, facts.needed), (None, None, Vec::new()));
}

#[test]
fn names_taken_and_given() {
    let elf = Elf { taken: vec!["PyList_New", "malloc", "PyList_New"], given: vec!["PyInit_a", "other"], ..gnu() };
    let found = symbols(Cursor::new(elf.bytes()), &|name| name.starts_with(b"Py")).unwrap();
    assert_eq!((found.imported, found.exported), (vec!["PyList_New".to_owned()], vec!["PyInit_a".to_owned()]));
    assert_eq!(symbols(Cursor::new(gnu().bytes()), &|_| true).unwrap(), Symbols::default());
}

#[test]
fn versions_are_compared_as_numbers() {
    let check = |versions: &[(&'static str, u16)], expected: Option<&str>| {
        let elf = Elf { versions: versions.to_vec(), ..gnu() };
        assert_eq!(inspect(&elf.bytes()).unwrap().glibc.as_deref(), expected, "{versions:?}");
    };
    check(&[("GLIBC_2.4", 0), ("GLIBC_2.34", 0)], Some("2.34"));
    check(&[("GLIBC_2.34", 0), ("GLIBC_2.4", 0)], Some("2.34"));
    check(&[("GLIBC_2.2.5", 0), ("GLIBC_2.2", 0)], Some("2.2.5"));
    check(&[("GLIBC_2.17", 0), ("GLIBC_PRIVATE", 0), ("GCC_4.2.0", 0)], Some("2.17"));
    check(&[("GLIBC_2.17", 0), ("GLIBC_2.34", 2)], Some("2.17"));
    check(&[("GLIBC_2.17", 0), ("GLIBC_ABI_DT_RELR", 0)], Some("2.36"));
    check(&[], None);
}

#[test]
fn this_program() {
    let read = inspect_reader(File::open(std::env::current_exe().unwrap()).unwrap()).unwrap();
    assert_eq!(read.arch, std::env::consts::ARCH);
    assert!(!read.stripped, "a test program has its symbols");
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        assert_eq!((read.format.as_str(), read.linkage), ("elf", Linkage::Dynamic));
        assert!(read.needed.contains(&"libc.so.6".to_owned()));
        assert!(parse_version(&read.glibc.unwrap()) >= Some(vec![2, 17]));
    }
}

#[test]
fn what_is_no_executable_says_so() {
    let check = |bytes: &[u8], expected: &str| {
        let error = inspect(bytes).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(b"", "is not an ELF, Mach-O or PE executable");
    check(b"#!/bin/sh\nexec true --and --more\n", "is not an ELF, Mach-O or PE executable");
    check(b"\xca\xfe\xba\xbe\x00\x00\x00\x41 a Java class file", "is not an ELF, Mach-O or PE executable");
    let whole = gnu().bytes();
    check(&whole[..whole.len() - 1], "is truncated");
    check(&whole[..70], "is damaged");
    let mut object = whole;
    object[16] = 1;
    check(&object, "is an ELF object file");
}

/// However large a program is, only its headers are read.
#[test]
fn little_is_read() {
    let inner = File::open(std::env::current_exe().unwrap()).unwrap();
    let mut program = Changed { inner, at: 0, changes: Vec::new(), read: 0 };
    inspect_reader(&mut program).unwrap();
    assert!(program.read < 1 << 17, "{} bytes", program.read);
}

/// Headers cost memory, so there is an end to them.
#[test]
fn endless_tables_end() {
    let elf = Elf { needed: vec!["libc.so.6"; 200_000], ..gnu() };
    assert_eq!(inspect(&elf.bytes()).unwrap_err(), "is damaged: its headers have more than 8 MiB");
}

/// A file with some bytes changed, without a copy of the file.
struct Changed<R> {
    inner: R,
    at: u64,
    changes: Vec<(u64, u8)>,
    read: usize,
}

impl<R: Read> Read for Changed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for (offset, byte) in &self.changes {
            if let Some(place) = offset.checked_sub(self.at).and_then(|place| buffer[..count].get_mut(place as usize)) {
                *place = *byte;
            }
        }
        self.at += count as u64;
        self.read += count;
        Ok(count)
    }
}

impl<R: Seek> Seek for Changed<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.inner.seek(to)?;
        Ok(self.at)
    }
}

/// Where headers and tables of this test program lie: its start and, by its section headers' offset, its end.
fn places() -> impl Strategy<Value = u64> {
    let mut file = File::open(std::env::current_exe().unwrap()).unwrap();
    let mut start = [0; 64];
    file.read_exact(&mut start).unwrap();
    let length = file.metadata().unwrap().len();
    let sections = u64::from_le_bytes(start[40..48].try_into().unwrap()).min(length - 1);
    prop_oneof![4 => 0..1024u64, 2 => 1024..65536u64, 2 => sections..length]
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let _ = inspect(&bytes);
        let _ = symbols(Cursor::new(bytes), &|_| true);
    }

    #[test]
    fn random_bytes_behind_a_magic_never_panic(
        magic in prop::sample::select(vec![
            &b"\x7fELF\x02\x01\x01"[..], b"\x7fELF\x01\x02\x01", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe",
            b"\xca\xfe\xba\xbe\x00\x00\x00\x02", b"\xca\xfe\xba\xbf\x00\x00\x00\x01", b"MZ",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..2048),
    ) {
        let bytes = [magic, &bytes].concat();
        let _ = inspect(&bytes);
        let _ = symbols(Cursor::new(bytes), &|_| true);
    }

    #[test]
    fn changed_samples_never_panic(changes in prop::collection::vec((0..1024usize, any::<u8>()), 1..12), cut in 0..64usize) {
        let mut bytes = Elf { symbols: true, taken: vec!["a", "b"], given: vec!["c"], ..gnu() }.bytes();
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        let _ = inspect(&bytes[..bytes.len() - cut]);
        let _ = symbols(Cursor::new(&bytes[..bytes.len() - cut]), &|_| true);
    }

    #[test]
    fn a_changed_program_never_panics(changes in prop::collection::vec((places(), any::<u8>()), 1..8)) {
        let inner = File::open(std::env::current_exe().unwrap()).unwrap();
        let _ = symbols(Changed { inner: &inner, at: 0, changes: changes.clone(), read: 0 }, &|name| name.starts_with(b"Py"));
        let _ = inspect_reader(Changed { inner, at: 0, changes, read: 0 });
    }
}

#[test]
fn changes_are_seen() {
    let mut changed = Changed { inner: Cursor::new(b"abcdef"), at: 0, changes: vec![(3, b'X')], read: 0 };
    changed.seek(SeekFrom::Start(2)).unwrap();
    let mut text = String::new();
    changed.read_to_string(&mut text).unwrap();
    assert_eq!(text, "cXef");
}

/// A Mach-O library with one load command.
pub fn mach_o(cpu: u32, command: &[u32]) -> Vec<u8> {
    let size = 4 * u32::try_from(command.len() + 1).unwrap();
    let header = [0xfeed_facf, cpu, 0, 6, 1, size, 0, 0];
    let command = [command[0], size].into_iter().chain(command[1..].iter().copied());
    header.into_iter().chain(command).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn the_oldest_macos() {
    const ARM: u32 = 0x0100_000c;
    const INTEL: u32 = 0x0100_0007;
    let check = |bytes: &[u8], expected: Option<&str>| {
        assert_eq!(inspect(bytes).unwrap().macos.as_deref(), expected);
    };
    let build = |platform: u32, version: u32| [0x32, platform, version, version, 0];
    check(&mach_o(ARM, &build(1, 0x000d_0300)), Some("13.3"));
    check(&mach_o(INTEL, &[0x24, 0x000a_0c00, 0x000e_0000]), Some("10.12"));
    // That of an iPhone is none.
    check(&mach_o(ARM, &build(2, 0x0011_0000)), None);
    check(&mach_o(ARM, &[0x1d, 0, 0]), None);
    let both = |intel: &[u8], arm: &[u8]| {
        let parts = [(INTEL, intel, 4096_u32), (ARM, arm, 8192)];
        let mut bytes: Vec<u8> = [0xcafe_babe_u32, 2].into_iter().flat_map(u32::to_be_bytes).collect();
        for (cpu, part, at) in parts {
            let size = u32::try_from(part.len()).unwrap();
            bytes.extend([cpu, 0, at, size, 12].into_iter().flat_map(u32::to_be_bytes));
        }
        for (_, part, at) in parts {
            bytes.resize(at as usize, 0);
            bytes.extend(part);
        }
        bytes
    };
    let (intel, arm) = (mach_o(INTEL, &build(1, 0x000a_0c00)), mach_o(ARM, &build(1, 0x000b_0000)));
    check(&both(&intel, &arm), Some("10.12"));
    check(&both(&intel, &mach_o(ARM, &build(1, 0x000c_0000))), Some("12.0"));
    check(&both(&mach_o(INTEL, &build(1, 0x000e_0000)), &arm), Some("14.0"));
}

/// A library with one section of versions (`kind` 0x6ffffffd: defined, 0x6ffffffe: needed), each of which claims to have the
/// same name 65535 times; and one of symbols' versions.
fn same_version_for_ever(kind: u32, count: u32) -> Vec<u8> {
    let halves = |values: &[u16]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    let words = |values: &[u32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    let long = |values: &[u64]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    let strings = b"\0GLIBC_2.2\0".to_vec();
    let (size, mut versions) = if kind == 0x6fff_fffd { (20, Vec::new()) } else { (16, Vec::new()) };
    for index in 0..count {
        let next = if index + 1 == count { 0 } else { size };
        let to_name = (count - index) * size;
        versions.extend(if size == 20 {
            [halves(&[1, 0, 1, 65535]), words(&[0, to_name, next])].concat()
        } else {
            [halves(&[1, 65535]), words(&[1, to_name, next])].concat()
        });
    }
    // The name of each, which is followed by itself.
    versions.extend(if size == 20 { words(&[1, 0]) } else { [words(&[0]), halves(&[0, 2]), words(&[1, 0])].concat() });
    let of_symbols = halves(&[0, 2]);
    let at = |before: usize| 64 + before as u64;
    let section = |kind: u32, (offset, size): (u64, usize), link: u32, entry: u64| {
        [words(&[0, kind]), long(&[0, 0, offset, size as u64]), words(&[link, count]), long(&[8, entry])].concat()
    };
    let sections = [
        section(0, (0, 0), 0, 0),
        section(3, (at(0), strings.len()), 0, 0),
        section(kind, (at(strings.len()), versions.len()), 1, 0),
        section(0x6fff_ffff, (at(strings.len() + versions.len()), of_symbols.len()), 1, 2),
    ];
    let body = [strings, versions, of_symbols].concat();
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend([halves(&[3, 62]), words(&[1]), long(&[0, 0, at(body.len())]), words(&[0])].concat());
    bytes.extend(halves(&[64, 56, 0, 64, sections.len() as u16, 1]));
    [bytes, body, sections.concat()].concat()
}

#[test]
fn versions_without_end_have_one() {
    assert_eq!(glibc_defined(&same_version_for_ever(0x6fff_fffd, 1)).as_deref(), Some("2.2"), "one of them is read");
    let begun = std::time::Instant::now();
    assert_eq!(glibc_defined(&same_version_for_ever(0x6fff_fffd, 20_000)), None);
    assert_eq!(glibc_symbol(Cursor::new(same_version_for_ever(0x6fff_fffe, 20_000)), "2.3"), None);
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// Of a program of this machine, if it is for glibc: this test.
#[test]
fn a_symbol_says_why_a_version_is_needed() {
    let file = || File::open(std::env::current_exe().unwrap()).unwrap();
    let Some(version) = inspect_reader(file()).unwrap().glibc else { return };
    assert!(glibc_symbol(file(), &version).is_some_and(|symbol| !symbol.is_empty()), "{version}");
    assert_eq!(glibc_symbol(file(), "9.99"), None);
}
