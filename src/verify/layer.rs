//! Is a layer what it must be: the very executables and files, no folders of the base, and the digest images know it by?

use std::fs::File;

use super::archive::{Made, compare, is_sound, planned};
use super::content::{self, Entry, some_of};
use super::finished::Finished;
use crate::format::Format;
use crate::plan::LayerWork;
use crate::platform::Compression;
use crate::problem::Problem;
use crate::target::Os;

/// What a scratch image needs; there are more time zones than anybody can list.
const SYSTEM: [&str; 4] =
    ["etc/passwd", "etc/group", "etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo/Etc/UTC"];

/// Reads one layer and compares it with its step.
///
/// # Errors
/// If the file cannot be read.
pub fn check(of: Finished<'_>, reader: File, work: &LayerWork, made: &Made<'_>) -> anyhow::Result<Vec<Problem>> {
    let format = match work.compression {
        Compression::Gzip => Format::TarGz,
        Compression::Zstd => Format::TarZst,
    };
    let content = content::read_with(reader, format, true)?;
    let mut problems = Vec::new();
    if !is_sound(of, &content, &mut problems) {
        return Ok(problems);
    }
    let mut wrong = |text: String| problems.push(of.problem("layer-content", text));
    if content.inner != of.file.diff_id {
        wrong("contains another tar than its record says".into());
    }
    if work.system {
        let lacking = SYSTEM.iter().filter(|path| !matches!(content.listing.get(**path), Some(Entry::File { .. })));
        if let Some(names) = some_of(lacking.copied()) {
            wrong(format!("lacks {names}"));
        }
        return Ok(problems);
    }
    // A folder in a layer replaces what the base says of it: its owner and its mode.
    let folders = content.listing.iter().filter(|(_, entry)| **entry == Entry::Folder).map(|(path, _)| path.as_str());
    if let Some(names) = some_of(folders) {
        wrong(format!("contains the folders {names}, which belong to the base image"));
    }
    if let Some(planned) = planned(work.packed(), Os::Linux, made, &mut wrong) {
        compare(&planned, &content.listing, &mut wrong);
    }
    Ok(problems)
}
