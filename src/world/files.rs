//! Files: written whole or not at all, made in folders that exist.

use std::fs::{self, File};
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::{busy, path};
use crate::portable::{is_of_git, not_on_windows};

/// Writes a file so that a reader sees the old bytes or the new ones, never a part. What lies in the output folder can be made
/// again: after a power failure it may be damaged.
///
/// # Errors
/// If the folder or the file cannot be written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(path, bytes, false)
}

/// The same for what cannot be made again: it is on the disk when this returns.
///
/// # Errors
/// If the folder or the file cannot be written.
pub fn write_lasting(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(path, bytes, true)
}

fn write(path: &Path, bytes: &[u8], lasting: bool) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let mut file =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write in `{}`", folder.display()))?;
    file.write_all(bytes)?;
    if lasting {
        file.as_file().sync_all()?;
    }
    set_mode(file.path(), 0o644)?;
    busy::persist(file.into_temp_path(), path)
}

/// Sets permission bits; nothing on systems without them.
///
/// # Errors
/// What the system says.
pub fn set_mode(path: &Path, bits: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(bits))
    }
    #[cfg(not(unix))]
    {
        let _ = (path, bits);
        Ok(())
    }
}

/// Whether an owner may execute the file; always false on systems without permission bits.
///
/// # Errors
/// What the system says.
pub fn is_executable(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        Ok(file.metadata()?.permissions().mode() & 0o100 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(false)
    }
}

/// Gives a file a second name, or copies it where the file system has none.
///
/// # Errors
/// What the system says, also if there is something already: a copy would go into it, whatever other names that has.
pub fn link(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::copy(from, to).map(drop),
        done => done,
    }
}

/// Empties a folder, making it if needed.
///
/// # Errors
/// What the system says, with the path.
pub fn fresh_folder(path: &Path) -> anyhow::Result<()> {
    busy::remove(path)?;
    fs::create_dir_all(path).with_context(|| format!("cannot create `{}`", path.display()))
}

/// Whether a relative path with `/` stays where it starts: no `..`, no `.`, nothing absolute, no drive, no backslash.
pub fn is_inside(path: &str) -> bool {
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains(['\\', '\0']);
    path.split('/').all(plain) && !names_a_drive(path) && !(cfg!(windows) && not_on_windows(path).is_some())
}

/// Windows has drives and streams behind a colon; elsewhere it is a letter like others.
fn names_a_drive(path: &str) -> bool {
    path.as_bytes().get(1) == Some(&b':') || cfg!(windows) && path.contains(':')
}

/// Whether a symbolic link that lies at `path` points at something below the folder `path` is relative to.
pub fn link_is_inside(path: &str, link: &str) -> bool {
    if link.is_empty() || link.starts_with('/') || link.contains(['\\', '\0']) || names_a_drive(link) {
        return false;
    }
    let mut depth = path.matches('/').count();
    for name in link.split('/') {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    true
}

/// Makes the folders above `root/path` and returns the whole path, refusing to go through a link that leaves `root`.
///
/// # Errors
/// If the path leaves the root, or the folders cannot be made.
pub fn make_room(root: &Path, path: &str) -> anyhow::Result<PathBuf> {
    ensure!(is_inside(path), "the path `{path}` leaves its folder");
    let root = path::resolve(root).with_context(|| format!("cannot find `{}`", root.display()))?;
    let mut folder = root.clone();
    let names: Vec<&str> = path.split('/').collect();
    for name in &names[..names.len() - 1] {
        folder.push(name);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("cannot create `{}`", folder.display()));
            }
            _ => {}
        }
        folder = path::resolve(&folder).with_context(|| format!("cannot enter `{}`", folder.display()))?;
        ensure!(folder.starts_with(&root), "`{path}` is reached through a link out of its folder");
    }
    Ok(folder.join(names[names.len() - 1]))
}

/// Reads a file that is small if it is what it should be.
///
/// # Errors
/// If it cannot be read, or is longer than `most`.
pub fn read_small(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read `{}`", path.display()))?;
    ensure!(bytes.len() as u64 <= most, "`{}` has more than {most} bytes", path.display());
    Ok(bytes)
}

/// Whether two files hold the same bytes.
///
/// # Errors
/// If one cannot be read.
pub fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (io::BufReader::new(one), io::BufReader::new(other));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        if left[..length] != right[..length] {
            return Ok(false);
        }
        one.consume(length);
        other.consume(length);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file, and whether its owner may execute it.
    File {
        /// Always false on systems without permission bits.
        executable: bool,
    },
    /// A symbolic link and what it points at.
    Link(String),
}

/// Everything below `root/start` (a file is just itself): paths relative to `root` with `/`, sorted; links are not
/// followed, `.git` and the folders in `skip` are left out.
///
/// # Errors
/// If something cannot be read, has a name that is not UTF-8, or is neither file, folder nor link.
pub fn walk(root: &Path, start: &str, skip: &[PathBuf]) -> anyhow::Result<Vec<(String, Entry)>> {
    let mut found = Vec::new();
    let mut todo = vec![start.trim_end_matches('/').to_owned()];
    while let Some(path) = todo.pop() {
        let full = if path.is_empty() { root.to_owned() } else { root.join(&path) };
        let meta = fs::symlink_metadata(&full).with_context(|| format!("cannot read `{}`", full.display()))?;
        if meta.is_symlink() {
            let link = fs::read_link(&full)?;
            let link = link.to_str().with_context(|| format!("the link `{path}` is not UTF-8"))?;
            let link = if cfg!(windows) { link.replace('\\', "/") } else { link.to_owned() };
            found.push((path, Entry::Link(link)));
        } else if meta.is_file() {
            let executable = is_executable(&File::open(&full)?)?;
            found.push((path, Entry::File { executable }));
        } else if meta.is_dir() {
            for entry in fs::read_dir(&full).with_context(|| format!("cannot read `{}`", full.display()))? {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_str().with_context(|| format!("a name in `{path}` is not UTF-8: {name:?}"))?;
                if !is_of_git(name) && !skip.contains(&entry.path()) {
                    todo.push(if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") });
                }
            }
        } else {
            bail!("`{path}` is neither a file, a folder nor a link");
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_stay_inside() {
        for path in ["a", "a/b.c", ".github/x", "a..b"] {
            assert!(is_inside(path), "{path}");
        }
        for path in ["", "/a", "a//b", "a/../b", "..", "./a", "a/", "a\\b", "C:/x"] {
            assert!(!is_inside(path), "{path}");
        }
        for (path, link) in [("a", "b"), ("x/a", "../b"), ("x/y/a", "../../b"), ("a", "x/../b")] {
            assert!(link_is_inside(path, link), "{path} -> {link}");
        }
        for (path, link) in [("a", "../b"), ("a", "/etc"), ("x/a", "../../b"), ("a", "x/../../b"), ("a", "")] {
            assert!(!link_is_inside(path, link), "{path} -> {link}");
        }
    }

    // Elsewhere links need a right that users lack.
    #[cfg(unix)]
    #[test]
    fn makes_no_room_behind_links_that_leave() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), root.path().join("out")).unwrap();
        std::os::unix::fs::symlink("in", root.path().join("also-in")).unwrap();
        fs::create_dir(root.path().join("in")).unwrap();
        assert!(make_room(root.path(), "in/a/b").is_ok());
        assert!(make_room(root.path(), "also-in/a/b").is_ok());
        assert!(format!("{:#}", make_room(root.path(), "out/a").unwrap_err()).contains("through a link"));
        assert!(make_room(root.path(), "../a").is_err());
    }

    #[test]
    fn walks_without_following() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["b/c", ".git", "skip"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for file in ["b/c/x", "b/a", ".git/HEAD", "skip/me", "z"] {
            fs::write(root.path().join(file), file).unwrap();
        }
        let names = |start: &str| -> Vec<String> {
            let found = walk(root.path(), start, &[root.path().join("skip")]).unwrap();
            found.into_iter().map(|(path, _)| path).collect()
        };
        assert_eq!(names(""), ["b/a", "b/c/x", "z"]);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("b", root.path().join("l")).unwrap();
            assert_eq!(names(""), ["b/a", "b/c/x", "l", "z"]);
        }
        assert_eq!(names("b/"), ["b/a", "b/c/x"]);
        assert_eq!(names("z"), ["z"]);
        assert!(same_bytes(&root.path().join("z"), &root.path().join("z")).unwrap());
        assert!(!same_bytes(&root.path().join("z"), &root.path().join("b/a")).unwrap());
    }
}
