//! Base images that are kept from one build to the next, up to a limit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::build::pulled::PulledLayout;
use crate::world::{clock, files};

/// Of all images that are kept.
pub const LARGEST: u64 = 20 << 30;

/// Links an image into a folder of one build, where nobody removes it, and remembers that it was used.
///
/// # Errors
/// If it cannot be read or written.
pub fn take(layout: &PulledLayout, to: &Path) -> io::Result<PulledLayout> {
    let blobs = Path::new("blobs").join("sha256");
    fs::create_dir_all(to.join(&blobs))?;
    for entry in fs::read_dir(layout.folder.join(&blobs))? {
        let name = entry?.file_name();
        files::link(&layout.folder.join(&blobs).join(&name), &to.join(&blobs).join(&name))?;
    }
    for name in ["oci-layout", "index.json"] {
        files::link(&layout.folder.join(name), &to.join(name))?;
    }
    fs::File::open(layout.folder.join("index.json"))?.set_modified(clock::utc().into())?;
    Ok(PulledLayout { folder: to.to_owned(), digest: layout.digest })
}

/// Removes the images that were not used for the longest time, until the others are within the limit.
///
/// # Errors
/// If one cannot be removed.
pub fn trim(cache: &Path, most: u64) -> io::Result<()> {
    let mut images: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
    for folder in entries(&cache.join("images")) {
        let used = fs::metadata(folder.join("index.json")).and_then(|meta| meta.modified());
        let size = entries(&folder.join("blobs").join("sha256")).iter().map(|blob| size(blob)).sum();
        // One that is not whole was never used.
        images.push((used.unwrap_or(SystemTime::UNIX_EPOCH), folder, size));
    }
    images.sort();
    let mut total: u64 = images.iter().map(|(_, _, size)| size).sum();
    for (_, folder, size) in images {
        if total <= most {
            break;
        }
        fs::remove_dir_all(&folder)?;
        total -= size;
    }
    // What no image that is kept consists of.
    let kept = |name: &Path| {
        let at = Path::new("blobs").join("sha256").join(name);
        entries(&cache.join("images")).iter().any(|image| image.join(&at).exists())
    };
    for blob in entries(&cache.join("blobs")) {
        if !blob.file_name().is_some_and(|name| kept(Path::new(name))) {
            fs::remove_file(&blob)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten();
    all.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::digest::Digest;

    /// An image of one blob, used so many seconds after the beginning of time.
    fn image(cache: &Path, name: &str, used: u64) -> PulledLayout {
        let digest = Digest::of(name.as_bytes());
        let folder = cache.join("images").join(digest.hex());
        fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        fs::create_dir_all(cache.join("blobs")).unwrap();
        for file in ["oci-layout", "index.json"] {
            fs::write(folder.join(file), "{}").unwrap();
        }
        fs::write(cache.join("blobs").join(digest.hex()), [0; 100]).unwrap();
        fs::write(folder.join("blobs/sha256").join(digest.hex()), [0; 100]).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(used);
        fs::File::open(folder.join("index.json")).unwrap().set_modified(time).unwrap();
        PulledLayout { folder, digest }
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let place = tempfile::tempdir().unwrap();
        let cache = place.path().join("cache");
        let [one, two, three] = [("one", 1), ("two", 2), ("three", 3)].map(|(name, used)| image(&cache, name, used));
        let taken = take(&one, &place.path().join("taken")).unwrap();
        trim(&cache, 300).unwrap();
        assert!(two.folder.exists());
        trim(&cache, 250).unwrap();
        let there = [&one, &two, &three].map(|image| image.folder.exists());
        assert_eq!(there, [true, false, true]);
        assert!(
            !cache.join("blobs").join(two.digest.hex()).exists() && cache.join("blobs").join(one.digest.hex()).exists()
        );
        // A build that has it keeps it.
        trim(&cache, 0).unwrap();
        assert!(!one.folder.exists() && taken.folder.join("blobs/sha256").join(one.digest.hex()).exists());
        trim(&place.path().join("none"), 0).unwrap();
    }
}
