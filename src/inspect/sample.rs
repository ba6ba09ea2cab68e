//! Small ELF files made by hand, for tests that need one promise kept or broken.

/// A 64-bit ELF executable in the making.
#[derive(Clone, Default)]
pub struct Elf {
    /// `e_machine`: 62 is x86_64, 183 is aarch64.
    pub machine: u16,
    /// `PT_INTERP`
    pub interpreter: Option<&'static str>,
    /// `DT_NEEDED`
    pub needed: Vec<&'static str>,
    /// Version needs: name and flags (2: weak).
    pub versions: Vec<(&'static str, u16)>,
    pub symbols: bool,
    /// Functions that it imports from its loading program.
    pub taken: Vec<&'static str>,
    pub given: Vec<&'static str>,
    /// Bytes after everything.
    pub padding: usize,
}

/// A dynamic x86_64 program for a system with glibc 2.17.
pub fn gnu() -> Elf {
    Elf {
        machine: 62,
        interpreter: Some("/lib64/ld-linux-x86-64.so.2"),
        needed: vec!["libc.so.6"],
        versions: vec![("GLIBC_2.2.5", 0), ("GLIBC_2.17", 0), ("GLIBC_2.4", 0)],
        ..Elf::default()
    }
}

pub fn musl() -> Elf {
    Elf { machine: 62, ..Elf::default() }
}

const HEADERS: u64 = 64 + 3 * 56;

impl Elf {
    /// Its bytes: headers, strings, interpreter, version needs, dynamic section, section headers.
    pub fn bytes(&self) -> Vec<u8> {
        let mut strings = vec![0];
        let mut string = |text: &str| {
            let at = strings.len() as u64;
            strings.extend(text.bytes().chain([0]));
            at
        };
        let needed: Vec<u64> = self.needed.iter().map(|name| string(name)).collect();
        let versions: Vec<(u64, u16)> = self.versions.iter().map(|(name, flags)| (string(name), *flags)).collect();
        let taken: Vec<u64> = self.taken.iter().map(|name| string(name)).collect();
        let given: Vec<u64> = self.given.iter().map(|name| string(name)).collect();
        let names = string(".shstrtab");
        string(".symtab");
        let interpreter = self.interpreter.map(|path| (HEADERS + string(path), path.len() as u64 + 1));
        strings.resize(strings.len().next_multiple_of(8), 0);
        let version_at = HEADERS + strings.len() as u64;
        let version_bytes = version_needs(&versions);
        let dynamic_at = version_at + version_bytes.len() as u64;
        let mut dynamic: Vec<[u64; 2]> = needed.iter().map(|name| [1, *name]).collect();
        dynamic.extend([[5, HEADERS], [10, strings.len() as u64]]);
        if !versions.is_empty() {
            dynamic.extend([[0x6fff_fffe, version_at], [0x6fff_ffff, 1]]);
        }
        dynamic.push([0, 0]);
        let symbols_at = dynamic_at + 16 * dynamic.len() as u64;
        let symbols = dynamic_symbols(&taken, &given);
        let sections_at = symbols_at + symbols.len() as u64;
        let sections = 2 + u64::from(self.symbols) + u64::from(!symbols.is_empty());
        let length = sections_at + 64 * sections;

        let mut bytes = self.file_header(sections_at, sections as u16);
        segment(&mut bytes, 1, 0, length);
        segment(&mut bytes, 2, dynamic_at, 16 * dynamic.len() as u64);
        let (offset, size) = interpreter.unwrap_or_default();
        segment(&mut bytes, if interpreter.is_some() { 3 } else { 0 }, offset, size);
        bytes.extend(&strings);
        bytes.extend(version_bytes);
        bytes.extend(dynamic.concat().iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend(&symbols);
        bytes.extend([0; 64]);
        section(&mut bytes, names, 3, HEADERS, strings.len() as u64);
        if self.symbols {
            section(&mut bytes, names + 10, 2, HEADERS, 0);
        }
        if !symbols.is_empty() {
            section(&mut bytes, names, 11, symbols_at, symbols.len() as u64);
        }
        bytes.resize(bytes.len() + self.padding, 0);
        bytes
    }

    fn file_header(&self, sections_at: u64, sections: u16) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        for half in [3, self.machine] {
            bytes.extend(half.to_le_bytes());
        }
        bytes.extend(1u32.to_le_bytes());
        for word in [0, 64, sections_at] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(0u32.to_le_bytes());
        for half in [64, 56, 3, 64, sections, 1] {
            bytes.extend(half.to_le_bytes());
        }
        bytes
    }
}

fn version_needs(versions: &[(u64, u16)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let count = versions.len() as u16;
    for half in [1, count] {
        bytes.extend(half.to_le_bytes());
    }
    for word in [1u32, 16, 0] {
        bytes.extend(word.to_le_bytes());
    }
    for (name, flags) in versions {
        bytes.extend(0u32.to_le_bytes());
        for half in [*flags, 2] {
            bytes.extend(half.to_le_bytes());
        }
        for word in [*name as u32, 16] {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes
}

fn segment(bytes: &mut Vec<u8>, kind: u32, offset: u64, size: u64) {
    for word in [kind, 4] {
        bytes.extend(word.to_le_bytes());
    }
    for word in [offset, offset, offset, size, size, 8] {
        bytes.extend(word.to_le_bytes());
    }
}

fn section(bytes: &mut Vec<u8>, name: u64, kind: u32, offset: u64, size: u64) {
    for word in [name as u32, kind] {
        bytes.extend(word.to_le_bytes());
    }
    for word in [0, 0, offset, size] {
        bytes.extend(word.to_le_bytes());
    }
    // The strings of symbols are in the first section.
    for word in [1u32, 1] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0; 16]);
}

/// The table of the dynamic linker; empty without a symbol.
fn dynamic_symbols(taken: &[u64], given: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let all = taken.iter().map(|name| (*name, 0u16)).chain(given.iter().map(|name| (*name, 1)));
    for (name, section) in all {
        bytes.extend((name as u32).to_le_bytes());
        // A global function.
        bytes.extend([0x12, 0]);
        bytes.extend(section.to_le_bytes());
        bytes.extend([0; 16]);
    }
    if bytes.is_empty() { bytes } else { [vec![0; 24], bytes].concat() }
}
