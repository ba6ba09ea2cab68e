//! Reads an asset's bundle back: its members, one after another, and the tree they make.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::pack::{Body, Member};
use crate::format::Format;
use crate::world::files;

/// A member as it is read.
pub struct Item<'a> {
    /// Its path in the archive.
    pub path: String,
    /// What it is.
    pub content: Content<'a>,
}

/// What a member holds.
pub enum Content<'a> {
    /// A file.
    File {
        /// Its bytes.
        bytes: &'a mut dyn Read,
        /// Whether its mode has an executable bit.
        executable: bool,
    },
    /// A symbolic link.
    Link(String),
}

/// Longest symbolic link that is read.
const LONGEST_LINK: u64 = 4096;

/// Hands over each file and link of an archive, in its order.
///
/// # Errors
/// If the archive is damaged, a path or link leaves it, or what `visit` returns.
pub fn each(
    format: Format,
    archive: &Path,
    visit: &mut dyn FnMut(Item<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = File::open(archive).with_context(|| format!("cannot read `{}`", archive.display()))?;
    let file = BufReader::with_capacity(1 << 16, file);
    let read = match format {
        Format::TarGz => tar(flate2::read::MultiGzDecoder::new(file), visit),
        Format::TarZst => tar(zstd::Decoder::with_buffer(file)?, visit),
        Format::Zip => zip(file, visit),
        Format::Binary => bail!("bare executables are no archive"),
    };
    read.with_context(|| format!("cannot unpack `{}`", archive.display()))
}

/// Unpacks into an empty folder; the members then point at the files there.
///
/// # Errors
/// As `each`, or if the folder cannot be written.
pub fn tree(format: Format, archive: &Path, folder: &Path) -> anyhow::Result<Vec<Member>> {
    let mut members = Vec::new();
    each(format, archive, &mut |item| {
        let body = match item.content {
            // Kept by number, not by name: names may differ only in case, and links are not to be followed.
            Content::File { bytes, executable } => {
                let from = folder.join(members.len().to_string());
                io::copy(bytes, &mut File::create_new(&from)?)?;
                Body::File { from, executable }
            }
            Content::Link(link) => Body::Link(link),
        };
        members.push(Member { path: item.path, body });
        Ok(())
    })?;
    Ok(members)
}

fn tar(reader: impl Read, visit: &mut dyn FnMut(Item<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = String::from_utf8(entry.path_bytes().into_owned()).context("a path is not UTF-8")?;
        let executable = entry.header().mode()? & 0o111 != 0;
        match entry.header().entry_type() {
            tar::EntryType::Regular => {
                check(&path, None)?;
                visit(Item { path, content: Content::File { bytes: &mut entry, executable } })?;
            }
            tar::EntryType::Symlink => {
                let link = entry.link_name_bytes().context("a link without a target")?.into_owned();
                let link = String::from_utf8(link).context("a link is not UTF-8")?;
                check(&path, Some(&link))?;
                visit(Item { path, content: Content::Link(link) })?;
            }
            tar::EntryType::Directory => {}
            _ => bail!("`{path}` is neither a file nor a link"),
        }
    }
    Ok(())
}

fn zip(reader: impl Read + io::Seek, visit: &mut dyn FnMut(Item<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut archive = zip::ZipArchive::new(reader)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let path = entry.name()?.into_owned();
        if entry.is_dir() {
            continue;
        }
        let executable = entry.unix_mode().unwrap_or(0) & 0o111 != 0;
        if entry.is_symlink() {
            let mut link = String::new();
            (&mut entry).take(LONGEST_LINK).read_to_string(&mut link)?;
            check(&path, Some(&link))?;
            visit(Item { path, content: Content::Link(link) })?;
        } else {
            check(&path, None)?;
            visit(Item { path, content: Content::File { bytes: &mut entry, executable } })?;
        }
    }
    Ok(())
}

fn check(path: &str, link: Option<&str>) -> anyhow::Result<()> {
    ensure!(files::is_inside(path), "the path `{path}` leaves the archive");
    if let Some(link) = link {
        ensure!(files::link_is_inside(path, link), "the link `{path}` points out of the archive, to `{link}`");
    }
    Ok(())
}
