//! An sdist: one folder of its name, metadata and pyproject.toml of its distribution, and the sources that a build needs.
//!
//! <https://packaging.python.org/specifications/source-distribution-format/>

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use super::expected::ExpectedSdist;
use super::flaw::{Flaw, damage, flaw, too_large, unportable};
use super::members::{TEXT, pass, too_many_texts};
use super::{declared, manifests, metadata};
use crate::core_metadata::CoreMetadata;
use crate::digest::{Digest, Hashing};
use crate::format::Format;
use crate::pep440::pep440;
use crate::target::Os;
use crate::verify::content::{self, Listing, printable, some_of};
use crate::wheel::{DistributionName, sdist_name};

#[derive(Debug)]
pub struct Sdist {
    pub metadata: CoreMetadata,
    /// The same as it stands there.
    pub metadata_text: String,
    pub listing: Listing,
    /// Digest and length of the file.
    pub bytes: (Digest, u64),
}

/// Reads an sdist to its last byte and compares it with what was planned. There is none if its members or its PKG-INFO
/// cannot be read; the flaws say why.
///
/// # Errors
/// If the file itself cannot be read.
pub fn read(file: File, name: &str, expected: &ExpectedSdist<'_>) -> anyhow::Result<(Option<Sdist>, Vec<Flaw>)> {
    let mut flaws = Vec::new();
    let planned = sdist_name(expected.distribution, expected.version);
    if name != planned {
        flaws.push(flaw("dist-name", format!("is not named `{planned}`"), "PyPI refuses it: build it again"));
    }
    flaws.extend(too_large(file.metadata()?.len(), expected.max_size));
    let top = format!("{}-{}/", expected.distribution.in_files(), expected.version);
    let mut texts = BTreeMap::new();
    let content = content::read_taking(file, Format::TarGz, false, &mut |path, reader| {
        let own = path.strip_prefix(&top).is_some_and(|path| matches!(path, "PKG-INFO" | "pyproject.toml"));
        let wanted = own || path.ends_with("/Cargo.toml");
        take(path, wanted, reader, &mut texts)
    })?;
    flaws.extend(damage(content.damage.as_deref(), &content.flaws));
    if content.damage.is_some() {
        return Ok((None, flaws));
    }
    let listing = content.listing;
    // It goes to every system, and Windows is the one that takes the least.
    flaws.extend(unportable(&listing, Os::Windows));
    if let Some(outside) = some_of(listing.keys().map(String::as_str).filter(|path| !path.starts_with(&top))) {
        let text = format!("contains {outside} outside its folder `{top}`");
        flaws.push(flaw("sdist-files", text, "pip cannot find a project in it: build it again"));
    }
    let needed = manifests::needed(&top, &texts);
    if let Some(missing) = some_of(needed.iter().map(String::as_str).filter(|path| !listing.contains_key(*path))) {
        let text = format!("does not contain {missing}: it cannot be built");
        let hint = "pass the manifest to maturin (`-m`), and check `include` and `exclude`";
        flaws.push(flaw("sdist-files", text, hint));
    }
    let project = project(expected, texts.get(&format!("{top}pyproject.toml")).map(Vec::as_slice), &mut flaws);
    let of =
        metadata::Of { distribution: expected.distribution, version: expected.version, siblings: expected.siblings };
    let text = texts.remove(&format!("{top}PKG-INFO")).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let Some((metadata, metadata_text)) = of.check("PKG-INFO", text.as_deref(), &mut flaws).zip(text) else {
        return Ok((None, flaws));
    };
    if let Some(project) = project.as_ref().and_then(|table| table.get("project")?.as_table()) {
        declared::check(project, &metadata, &mut flaws);
    }
    metadata::local_paths(&BTreeMap::from([("PKG-INFO".to_owned(), metadata_text.clone())]), false, &mut flaws);
    metadata::licenses(&metadata, &top, &listing, &mut flaws);
    Ok((Some(Sdist { metadata, metadata_text, listing, bytes: content.bytes }), flaws))
}

fn take(path: &str, wanted: bool, reader: &mut dyn Read, texts: &mut BTreeMap<String, Vec<u8>>) -> io::Result<Digest> {
    let mut hashing = Hashing::new(io::sink());
    if wanted {
        let mut kept = Vec::new();
        pass(reader, &mut hashing, &mut kept, TEXT)?;
        too_many_texts(texts.values().map(Vec::len), kept.len())?;
        texts.insert(path.to_owned(), kept);
    }
    io::copy(reader, &mut hashing)?;
    Ok(hashing.finish().1)
}

/// A build takes the name from pyproject.toml, so a folder and a PKG-INFO that were renamed alone make another
/// distribution.
fn project(expected: &ExpectedSdist<'_>, text: Option<&[u8]>, flaws: &mut Vec<Flaw>) -> Option<toml::Table> {
    let hint = "pip would build another distribution from it: build it from a tree with the right pyproject.toml";
    let mut wrong = |text: String| flaws.push(flaw("dist-metadata", text, hint));
    let Some(text) = text else {
        wrong("has no `pyproject.toml`".into());
        return None;
    };
    let table = std::str::from_utf8(text).map_err(|error| error.to_string());
    let table = match table.and_then(|text| text.parse::<toml::Table>().map_err(|error| error.message().to_owned())) {
        Ok(table) => table,
        Err(why) => {
            wrong(format!("has a `pyproject.toml` that cannot be read: {}", printable(&why)));
            return None;
        }
    };
    let field = |name: &str| table.get("project").and_then(|project| project.get(name)).and_then(toml::Value::as_str);
    let name = field("name").unwrap_or_default();
    if !name.parse::<DistributionName>().is_ok_and(|name| name.normalized() == expected.distribution.normalized()) {
        wrong(format!("has the name `{}` in its `pyproject.toml`, not `{}`", printable(name), expected.distribution));
    }
    // A version that is not there comes from Cargo.toml; one that is may be written as cargo does.
    let same = |version: &str| {
        version == expected.version
            || version.parse().is_ok_and(|version| pep440(&version).as_deref() == Ok(expected.version))
    };
    if let Some(version) = field("version").filter(|version| !same(version)) {
        wrong(format!("has version `{}` in its `pyproject.toml`, not `{}`", printable(version), expected.version));
    }
    Some(table)
}
