//! Reads an asset's bundle back: its members, one after another, and the tree they make.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::pack::{Body, Member};
use crate::format::Format;
use crate::world::files;
use crate::world::members::{Members, unzip};

pub struct Item<'a> {
    pub path: String,
    pub content: Content<'a>,
}

pub enum Content<'a> {
    File {
        bytes: &'a mut dyn Read,
        /// Whether its mode has an executable bit.
        executable: bool,
    },
    Link(String),
}

/// How deep folders lie in each other.
const DEEPEST: usize = 256;
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
    let buffered = |file| BufReader::with_capacity(1 << 16, file);
    let read = match format {
        Format::TarGz => tar(flate2::read::MultiGzDecoder::new(buffered(file)), visit),
        Format::TarZst => tar(zstd::Decoder::with_buffer(buffered(file))?, visit),
        Format::Zip => zip(file, visit),
        Format::Binary => bail!("a bare executable is not an archive"),
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
    let mut members = Members::new(reader);
    let mut places = Places::default();
    while let Some(member) = members.advance()? {
        let path = String::from_utf8(member.path).context("a path is not UTF-8")?;
        let executable = member.header.mode()? & 0o111 != 0;
        match member.kind {
            tar::EntryType::Regular if !member.sparse => {
                places.add(&path, None)?;
                visit(Item { path, content: Content::File { bytes: &mut members.content(), executable } })?;
            }
            tar::EntryType::Symlink => {
                let link = String::from_utf8(member.link).context("a link is not UTF-8")?;
                places.add(&path, Some(&link))?;
                visit(Item { path, content: Content::Link(link) })?;
            }
            tar::EntryType::Directory => {}
            _ => bail!("`{path}` is neither a file nor a link"),
        }
    }
    Ok(())
}

fn zip(file: File, visit: &mut dyn FnMut(Item<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut archive = unzip(file).map_err(anyhow::Error::msg)?;
    let mut places = Places::default();
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
            places.add(&path, Some(&link))?;
            visit(Item { path, content: Content::Link(link) })?;
        } else {
            places.add(&path, None)?;
            visit(Item { path, content: Content::File { bytes: &mut entry, executable } })?;
        }
    }
    Ok(())
}

/// Where members of an archive lie. A member below a link would land where the link points, and a second one of a name
/// would be written through the first: no archive of ours has such.
#[derive(Default)]
struct Places(BTreeSet<String>);

impl Places {
    fn add(&mut self, path: &str, link: Option<&str>) -> anyhow::Result<()> {
        ensure!(files::is_inside(path), "the path `{path}` leaves the archive");
        if let Some(link) = link {
            ensure!(files::link_is_inside(path, link), "the link `{path}` points outside the archive, to `{link}`");
        }
        ensure!(path.matches('/').count() < DEEPEST, "a path has more than {DEEPEST} folders");
        let below = path.match_indices('/').map(|(end, _)| &path[..end]).find(|above| self.0.contains(*above));
        if let Some(above) = below {
            bail!("`{path}` is below `{above}`, which is not a folder");
        }
        let inner = format!("{path}/");
        if let Some(other) = self.0.range(inner.clone()..).next().filter(|other| other.starts_with(&inner)) {
            bail!("`{other}` is below `{path}`, which is not a folder");
        }
        ensure!(self.0.insert(path.to_owned()), "`{path}` occurs twice");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_where_they_seem_to_be() {
        let check = |members: &[&str], expected: &str| {
            let mut builder = tar::Builder::new(Vec::new());
            for member in members {
                let mut header = tar::Header::new_gnu();
                header.set_mode(0o644);
                header.set_size(0);
                match member.split_once(" -> ") {
                    Some((path, link)) => {
                        header.set_entry_type(tar::EntryType::Symlink);
                        builder.append_link(&mut header, path, link).unwrap();
                    }
                    None => builder.append_data(&mut header, member, io::empty()).unwrap(),
                }
            }
            let bytes = builder.into_inner().unwrap();
            let said =
                tar(bytes.as_slice(), &mut |_| Ok(())).map_or_else(|error| error.to_string(), |()| "fine".into());
            assert!(said.contains(expected), "{members:?}: {said}");
        };
        check(&["a/b", "a/l -> b", "c"], "fine");
        check(&["a -> b", "a"], "`a` occurs twice");
        // Taken by its name, the second link stays inside; it would lie in another folder and lead out of the tree.
        check(&["a/b/l -> ../..", "a/b/l/x -> ../../.."], "`a/b/l/x` is below `a/b/l`");
        check(&["a/b/x", "a/b -> c"], "`a/b/x` is below `a/b`");
        check(&["l -> ../x"], "points outside the archive");
        check(&[&format!("{}x", "a/".repeat(300))], "more than 256 folders");
    }
}
