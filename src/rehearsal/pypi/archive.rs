//! Whether a file is a distribution: `_is_valid_dist_file` of warehouse/forklift/legacy.py, and what it holds.
//!
//! Not checked: the rules that look for malware (YARA).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use zip::{CompressionMethod, ZipArchive};

use super::framing::{self, Sizes};
use crate::world::members::Members;

/// From which size on, and by which factor, a file may not grow when it is unpacked.
const BOMB: (u64, u64) = (64 << 20, 50);
/// The longest member that is read.
const LONGEST: u64 = 32 << 20;

/// What a distribution holds, as far as the checks after this one ask.
#[derive(Debug)]
pub(super) enum Archive {
    /// A wheel or a zipped sdist: the names of its members, in their order.
    Zip(Vec<String>),
    /// An sdist: the names of its members, and the folder at its top.
    Tar(BTreeSet<String>, String),
}

/// A file that is a distribution, or what is wrong with it.
pub(super) fn open(path: &Path, filename: &str) -> Result<Archive, String> {
    if filename.ends_with(".tar.gz") { tar(path) } else { zipped(path, filename) }
}

fn zipped(path: &Path, filename: &str) -> Result<Archive, String> {
    let mut archive = unzip(path)?;
    let (mut sizes, mut names, mut total) = (Sizes::new(), Vec::new(), 0_u64);
    let mut compression = true;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(|_| "None")?;
        sizes.insert(member.name_raw().to_vec(), (member.compressed_size(), member.size()));
        names.push(String::from_utf8_lossy(member.name_raw()).into_owned());
        total = total.saturating_add(member.size());
        compression &= matches!(member.compression(), CompressionMethod::Stored | CompressionMethod::Deflated);
    }
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if total > BOMB.0 && total / length.max(1) >= BOMB.1 {
        return Err(format!("File exceeds compression ratio of {}", BOMB.1));
    }
    if !compression {
        return Err("File does not use a supported compression type".into());
    }
    let (what, wanted) = if filename.ends_with(".zip") {
        let top = common(names.iter().map(String::as_str));
        if top.is_empty() {
            return Err("Incorrect number of top-level directories in sdist".into());
        }
        ("PKG-INFO", format!("{top}/PKG-INFO"))
    } else {
        let parts: Vec<&str> = filename.splitn(3, '-').collect();
        let [name, version, _] = parts[..] else {
            return Err("Unable to parse name and version from wheel filename".into());
        };
        ("WHEEL", format!("{name}-{version}.dist-info/WHEEL"))
    };
    if !names.contains(&wanted) {
        return Err(format!("{what} not found at {wanted}"));
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    framing::check(file, &sizes).map_err(|error| {
        format!("ZIP archive not accepted: {error}. See https://docs.pypi.org/archives for more information")
    })?;
    Ok(Archive::Zip(names))
}

fn tar(path: &Path) -> Result<Archive, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut members = Members::new(GzDecoder::new(BufReader::new(file)));
    let (mut names, mut sparse) = (BTreeSet::new(), false);
    while let Some(member) = members.advance().map_err(|_| "File is not a tarfile")? {
        names.insert(String::from_utf8_lossy(&member.path).trim_end_matches('/').to_owned());
        sparse |= member.sparse;
    }
    if sparse {
        let text = "tar archive not accepted: Sparse members are not allowed. See https://docs.pypi.org/archives for \
                    more information";
        return Err(text.into());
    }
    let top = common(names.iter().map(String::as_str));
    if top.is_empty() {
        return Err("Incorrect number of top-level directories in sdist".into());
    }
    let wanted = format!("{top}/PKG-INFO");
    if !names.contains(&wanted) {
        return Err(format!("PKG-INFO not found at {wanted}"));
    }
    Ok(Archive::Tar(names, top))
}

/// A member of a ZIP file; nothing if it is not there or cannot be read.
pub(super) fn member(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut archive = unzip(path).ok()?;
    let member = archive.by_name(name).ok()?;
    let mut bytes = Vec::new();
    member.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn unzip(path: &Path) -> Result<ZipArchive<BufReader<File>>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    ZipArchive::new(BufReader::new(file)).map_err(|_| "File is not a zipfile".to_owned())
}

/// `os.path.commonpath`.
fn common<'a>(mut paths: impl Iterator<Item = &'a str>) -> String {
    let parts = |path: &'a str| path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>();
    let mut common = paths.next().map(parts).unwrap_or_default();
    for path in paths {
        let same = common.iter().zip(parts(path)).take_while(|(left, right)| *left == right).count();
        common.truncate(same);
    }
    common.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_paths() {
        assert_eq!(common(["a/b/c", "a/b/d", "./a/b"].into_iter()), "a/b");
        assert_eq!(common(["a/b", "c"].into_iter()), "");
        assert_eq!(common([].into_iter()), "");
    }
}
