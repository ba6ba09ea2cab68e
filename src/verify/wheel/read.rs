//! Reading a wheel: its members in one pass, and then what they say of each other.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;

use super::expected::Expected;
use super::flaw::{Flaw, damage, flaw, too_large, unportable};
use super::library::Library;
use super::members::Members;
use super::{entry_points, framing, metadata, module, native, platform, record};
use crate::core_metadata::CoreMetadata;
use crate::digest::Digest;
use crate::format::Format;
use crate::verify::content::{self, Entry, Listing, printable, some_of};
use crate::wheel::WheelName;

#[derive(Debug)]
pub struct Wheel {
    pub metadata: CoreMetadata,
    /// The same as it stands there.
    pub metadata_text: String,
    /// Everything that is machine code, by path.
    pub libraries: Vec<Library>,
    pub listing: Listing,
    /// Digest and length of the file.
    pub bytes: (Digest, u64),
}

/// Reads a wheel to its last byte and compares it with what was planned. There is no wheel if its members or its
/// METADATA cannot be read; the flaws say why.
///
/// # Errors
/// If the file itself cannot be read.
pub fn read(file: File, name: &str, expected: &Expected<'_>) -> anyhow::Result<(Option<Wheel>, Vec<Flaw>)> {
    let mut flaws = Vec::new();
    let planned = WheelName {
        distribution: expected.distribution.in_files(),
        version: expected.version.to_owned(),
        tag: expected.tag.clone(),
    };
    if name != planned.to_string() {
        let hint = "pip and PyPI refuse a name that does not match the content: build it again";
        flaws.push(flaw("dist-name", format!("is not named `{planned}`"), hint));
    }
    platform::check(expected.tag, &mut flaws);
    flaws.extend(too_large(file.metadata()?.len(), expected.max_size));
    flaws.extend(framing::check(&mut io::BufReader::new(file.try_clone()?))?);

    let info = format!("{}-{}.dist-info", planned.distribution, planned.version);
    let asked: Vec<&String> = expected.present.iter().chain(expected.absent).collect();
    let mut members = Members::new(&info, &asked);
    let content = content::read_taking(file, Format::Zip, false, &mut |path, reader| members.take(path, reader))?;
    if let Some(error) = members.full {
        return Err(anyhow::Error::new(error).context("cannot keep a library of a wheel on disk while it is read"));
    }
    flaws.append(&mut members.flaws);
    flaws.extend(damage(content.damage.as_deref(), &content.flaws));
    // What was not read is not missing.
    if content.damage.is_some() {
        return Ok((None, flaws));
    }
    let listing = content.listing;
    flaws.extend(unportable(&listing, expected.target.os()));
    if !folders(&info, &listing, &mut flaws) {
        return Ok((None, flaws));
    }
    record::check(&info, &members, &listing, &mut flaws);
    members.libraries.sort_by(|one, other| one.path.cmp(&other.path));
    native::check(expected, &members.libraries, &listing, &mut flaws);
    module::check(expected, &members.libraries, &listing, &mut flaws);
    metadata::check_tags(&info, &members, expected.tag, &mut flaws);
    native::variant_check(expected, &members.libraries, &mut flaws);
    entry_points::check(members.texts.get(&format!("{info}/entry_points.txt")), &listing, &mut flaws);
    metadata::local_paths(&members.texts, expected.prebuilt, &mut flaws);
    let of =
        metadata::Of { distribution: expected.distribution, version: expected.version, siblings: expected.siblings };
    let text = members.texts.remove(&format!("{info}/METADATA"));
    let metadata = of.check(&format!("{info}/METADATA"), text.as_deref(), &mut flaws);
    let Some((metadata, metadata_text)) = metadata.zip(text) else { return Ok((None, flaws)) };
    metadata::licenses(&metadata, &format!("{info}/licenses/"), &listing, &mut flaws);
    let wheel = Wheel { metadata, metadata_text, libraries: members.libraries, listing, bytes: content.bytes };
    Ok((Some(wheel), flaws))
}

/// Installers look for the two folders that are named like the file, and for nothing that is not a file. Whether it is not
/// altogether the wheel of another name.
fn folders(info: &str, listing: &Listing, flaws: &mut Vec<Flaw>) -> bool {
    let data = info.replace(".dist-info", ".data");
    let named = |top: &&str| top.ends_with(".dist-info") || top.ends_with(".data");
    let tops: BTreeSet<&str> = listing.keys().filter_map(|path| path.split('/').next()).filter(named).collect();
    let has_own = tops.contains(info);
    let other = some_of(tops.into_iter().filter(|top| *top != info && *top != data));
    if let Some(other) = &other {
        let hint = "pip reads its metadata from there; it was renamed after it was built: build it again";
        flaws.push(flaw("dist-name", format!("contains {}, not `{info}`", printable(other)), hint));
    }
    let links = listing.iter().filter(|(_, entry)| matches!(entry, Entry::Link(_))).map(|(path, _)| path.as_str());
    if let Some(links) = some_of(links) {
        let hint = "wheels cannot contain links, they are unpacked as short text files: copy the files";
        flaws.push(flaw("dist-damaged", format!("contains the link {}", printable(&links)), hint));
    }
    has_own || other.is_none()
}
