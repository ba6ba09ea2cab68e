//! Writes archives: the same members give the same bytes on any machine, streamed, hashed on the way.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Datelike, Timelike, Utc};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::gzip::Gzip;
use crate::artifact::{self, Mode};
use crate::digest::Hashing;
use crate::format::Format;

use crate::platform::Compression;
use crate::world::busy;
use crate::world::files;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where it lies in the archive, `/` between the names.
    pub path: String,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The bytes of a file on disk.
    File {
        from: PathBuf,
        /// Whether its mode is 0755 or 0644.
        executable: bool,
    },
    /// A symbolic link, and what it points at.
    Link(String),
    /// A plain file made here. Only in layers.
    Text(Vec<u8>),
    /// An empty folder with its permission bits and its owner. Only in layers.
    Folder(u32, u64),
}

/// Of a 42 MB executable 3, the default, makes 15.0 MB; 9 13.4 MB in 20 MB of memory; 12 13.2 MB in 57 MB and three
/// times as long; 19 11.9 MB in 95 MB and thirty times as long.
const ZSTD_LEVEL: i32 = 9;

/// From here on a member of a zip needs 64-bit sizes. Deflate can make a file longer, hence the distance to 4 GiB.
const ZIP64_FROM: u64 = u32::MAX as u64 - (16 << 20);

/// Writes an archive into `folder`. `time` (seconds since 1970) becomes the time of every member.
///
/// # Errors
/// If two members land on one path, a member's path or link leaves the archive, a file cannot be read or changes its
/// length meanwhile, or the archive cannot be written.
pub fn write(
    format: Format,
    members: Vec<Member>,
    time: i64,
    folder: &Path,
    name: &str,
) -> anyhow::Result<artifact::File> {
    let members = sorted(members)?;
    save(folder, name, Mode::Plain, |out| {
        match format {
            Format::TarGz => {
                tar(Gzip::new(&mut *out)?, &members, time)?.finish()?;
            }
            Format::TarZst => {
                let encoder = zstd::Encoder::new(&mut *out, ZSTD_LEVEL)?;
                tar(encoder, &members, time)?.finish()?;
            }
            Format::Zip => zip(&mut *out, &members, time)?,
            Format::Binary => bail!("a bare executable is not an archive"),
        }
        Ok(())
    })
}

/// Writes a layer of an image into `folder`: a compressed tar without times, owners and parent folders, and with the digest
/// of the tar itself. A folder in a layer replaces what the base says of it:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md>.
///
/// # Errors
/// As [`write`].
pub fn layer(
    compression: Compression,
    members: Vec<Member>,
    folder: &Path,
    name: &str,
) -> anyhow::Result<artifact::File> {
    let members = sorted(members)?;
    let mut diff_id = None;
    let mut file = save(folder, name, Mode::Plain, |out| {
        let digest = match compression {
            Compression::Gzip => {
                let (gzip, digest, _) = tar(Hashing::new(Gzip::new(&mut *out)?), &members, 0)?.finish();
                gzip.finish()?;
                digest
            }
            Compression::Zstd => {
                let encoder = zstd::Encoder::new(&mut *out, ZSTD_LEVEL)?;
                let (encoder, digest, _) = tar(Hashing::new(encoder), &members, 0)?.finish();
                encoder.finish()?;
                digest
            }
        };
        diff_id = Some(digest);
        Ok(())
    })?;
    file.diff_id = diff_id;
    Ok(file)
}

/// Copies a file into `folder` under a name, hashing it on the way.
///
/// # Errors
/// If it cannot be read or written.
pub fn copy(from: &Path, folder: &Path, name: &str, mode: Mode) -> anyhow::Result<artifact::File> {
    let source = File::open(from).with_context(|| format!("cannot read `{}`", from.display()))?;
    ensure!(source.metadata()?.is_file(), "`{}` is not a file", from.display());
    save(folder, name, mode, |out| {
        let mut source = BufReader::with_capacity(128 << 10, source);
        io::copy(&mut source, out).with_context(|| format!("cannot copy `{}`", from.display()))?;
        Ok(())
    })
}

/// Writes a file of which readers see nothing until it is complete, and returns its record.
///
/// # Errors
/// What `fill` returns, and what the system says.
pub fn save(
    folder: &Path,
    name: &str,
    mode: Mode,
    fill: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<artifact::File> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let temporary =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write in `{}`", folder.display()))?;
    let mut out = Hashing::new(BufWriter::with_capacity(1 << 17, temporary));
    fill(&mut out)?;
    let (buffer, sha256, size) = out.finish();
    let temporary = buffer.into_inner().map_err(io::IntoInnerError::into_error)?;
    files::set_mode(temporary.path(), mode.bits())?;
    let path = folder.join(name);
    // Closed before it is renamed: Windows renames no open file.
    busy::persist(temporary.into_temp_path(), &path)?;
    Ok(artifact::File { name: name.to_owned(), size, sha256, mode, diff_id: None })
}

/// By path; two on one path, or one below another that is not a folder, are an error.
fn sorted(members: Vec<Member>) -> anyhow::Result<Vec<Member>> {
    let mut by_path = BTreeMap::new();
    for member in members {
        ensure!(files::is_inside(&member.path), "the path `{}` leaves the archive", member.path);
        if let Body::Link(link) = &member.body {
            ensure!(
                files::link_is_inside(&member.path, link),
                "the link `{}` points outside the archive, to `{link}`",
                member.path
            );
        }
        if let Some(other) = by_path.insert(member.path.clone(), member) {
            bail!("two members of the archive would become `{}`", other.path);
        }
    }
    for path in by_path.keys() {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        for folder in folders {
            ensure!(!by_path.contains_key(folder), "`{folder}` is a file of the archive, and `{path}` is below it");
        }
    }
    Ok(by_path.into_values().collect())
}

fn tar<W: Write>(out: W, members: &[Member], time: i64) -> anyhow::Result<W> {
    let mut builder = tar::Builder::new(out);
    for member in members {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(time.try_into().unwrap_or(0));
        header.set_uid(0);
        header.set_gid(0);
        match &member.body {
            Body::File { from, executable } => {
                let (mut source, size) = Source::open(from)?;
                header.set_mode(mode(*executable).bits());
                header.set_size(size);
                builder.append_data(&mut header, &member.path, &mut source).with_context(|| reading(from))?;
                source.end()?;
            }
            Body::Link(link) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                builder.append_link(&mut header, &member.path, link)?;
            }
            Body::Text(text) => {
                header.set_mode(Mode::Plain.bits());
                header.set_size(text.len() as u64);
                builder.append_data(&mut header, &member.path, text.as_slice())?;
            }
            Body::Folder(bits, owner) => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(*bits);
                header.set_uid(*owner);
                header.set_gid(*owner);
                header.set_size(0);
                builder.append_data(&mut header, format!("{}/", member.path), io::empty())?;
            }
        }
    }
    Ok(builder.into_inner()?)
}

/// Sizes and sums follow each member ("data descriptors"), so that the archive is written in one pass and can be hashed.
fn zip(out: &mut dyn Write, members: &[Member], time: i64) -> anyhow::Result<()> {
    let mut zip = ZipWriter::new_stream(out);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .system(zip::System::Unix)
        .last_modified_time(dos_time(time)?);
    for member in members {
        match &member.body {
            Body::File { from, executable } => {
                let (mut source, size) = Source::open(from)?;
                let options = options.unix_permissions(mode(*executable).bits()).large_file(size >= ZIP64_FROM);
                zip.start_file(member.path.as_str(), options)?;
                io::copy(&mut source, &mut zip).with_context(|| reading(from))?;
                source.end()?;
            }
            Body::Link(link) => {
                // Not `add_symlink`: it stores, and readers that stream cannot find the end of stored data.
                zip.start_file(member.path.as_str(), options.external_attributes(0o120_777 << 16))?;
                zip.write_all(link.as_bytes())?;
            }
            Body::Text(_) | Body::Folder(..) => bail!("`{}` is for layers only", member.path),
        }
    }
    zip.finish()?;
    Ok(())
}

/// DOS knows no time zone and nothing before 1980 or after 2107: UTC, cut to that range.
fn dos_time(time: i64) -> anyhow::Result<zip::DateTime> {
    const FIRST: i64 = 315_532_800; // 1980-01-01T00:00:00Z
    const LAST: i64 = 4_354_819_198; // 2107-12-31T23:59:58Z
    let time: DateTime<Utc> =
        DateTime::from_timestamp(time.clamp(FIRST, LAST), 0).context("the commit's time is out of range")?;
    let small = |number: u32| u8::try_from(number);
    Ok(zip::DateTime::from_date_and_time(
        time.year().try_into()?,
        small(time.month())?,
        small(time.day())?,
        small(time.hour())?,
        small(time.minute())?,
        small(time.second())?,
    )?)
}

fn mode(executable: bool) -> Mode {
    if executable { Mode::Executable } else { Mode::Plain }
}

fn reading(path: &Path) -> String {
    format!("cannot pack `{}`", path.display())
}

/// A file that must be as long at its end as it was when it was opened: its length stands before it in a tar.
struct Source {
    reader: io::Take<BufReader<File>>,
    path: PathBuf,
}

impl Source {
    fn open(path: &Path) -> anyhow::Result<(Self, u64)> {
        let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let meta = file.metadata()?;
        ensure!(meta.is_file(), "`{}` is not a file", path.display());
        let reader = BufReader::with_capacity(1 << 16, file).take(meta.len());
        Ok((Self { reader, path: path.to_owned() }, meta.len()))
    }

    fn end(self) -> anyhow::Result<()> {
        let missing = self.reader.limit();
        let longer = self.reader.into_inner().read(&mut [0])? > 0;
        ensure!(missing == 0 && !longer, "`{}` changed while it was being packed", self.path.display());
        Ok(())
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}
