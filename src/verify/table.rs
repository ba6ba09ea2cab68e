//! The table of executables: what was read from each, one row per file, ready to print.

use crate::artifact::Manifest;
use crate::target::Linkage;

/// The heads of the columns, in the order of [`Row::cells`].
pub const COLUMNS: [&str; 8] = ["step", "file", "arch", "linkage", "interpreter", "glibc", "stripped", "size"];

/// One executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Step that made it.
    pub step: String,
    /// File name.
    pub file: String,
    /// Format and architecture: `elf x86_64`.
    pub arch: String,
    /// `dynamic` or `static`.
    pub linkage: String,
    /// The ELF interpreter, or `-`.
    pub interpreter: String,
    /// The highest glibc version it needs, or `-`.
    pub glibc: String,
    /// `yes` or `no`.
    pub stripped: String,
    /// For people: `12.3 MB`, in units of 1000.
    pub size: String,
}

impl Row {
    /// Its cells in the order of [`COLUMNS`].
    pub fn cells(&self) -> [&str; 8] {
        [&self.step, &self.file, &self.arch, &self.linkage, &self.interpreter, &self.glibc, &self.stripped, &self.size]
    }
}

/// The rows of the executables in a manifest, in its order.
pub fn table(manifest: &Manifest) -> Vec<Row> {
    let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    let row = |binary: &crate::artifact::InspectedBinary| Row {
        step: binary.step.clone(),
        file: binary.name.clone(),
        arch: format!("{} {}", binary.facts.format, binary.facts.arch),
        linkage: if binary.facts.linkage == Linkage::Static { "static" } else { "dynamic" }.into(),
        interpreter: or_dash(&binary.facts.interpreter),
        glibc: or_dash(&binary.facts.glibc),
        stripped: if binary.facts.stripped { "yes" } else { "no" }.into(),
        size: size(binary.size),
    };
    manifest.binaries.iter().map(row).collect()
}

fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        let cases = [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (12_345_678, "12.3 MB"), (2_000_000_000, "2.0 GB")];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
    }
}
