//! The tree that the layers of an image make below a folder. Whatever they say, nothing outside of it is touched or read.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tar::Header;

use super::asset::link_to;
use crate::oci::layer::{self, Change, Made};
use crate::world::{files, interrupt};

/// The most bytes of all files together.
const LARGEST: u64 = 64 << 30;
/// The longest text that is read out of it.
const LONGEST_TEXT: u64 = 1 << 20;

/// A folder with the files of an image.
pub struct Rootfs {
    root: PathBuf,
    /// Bytes of the files written so far.
    written: u64,
}

impl Rootfs {
    /// In an empty folder of our own, in which no other process writes.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(root: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&root).with_context(|| format!("cannot create `{}`", root.display()))?;
        Ok(Self { root, written: 0 })
    }

    /// Lays a layer over what is there: first what it hides, for that is of the layers below, then what it brings. Devices
    /// are left out.
    ///
    /// # Errors
    /// If it is damaged, leads out of the image, or cannot be written.
    pub fn add(&mut self, file: &Path) -> anyhow::Result<()> {
        let read = || layer::open(File::open(file)?).map_err(anyhow::Error::from);
        let said = |error: anyhow::Error| format!("{error:#}");
        let hide = &mut |change: Change, _: &Header, _: &mut dyn Read| self.hide(&change).map_err(said);
        layer::each(read()?, hide).map_err(anyhow::Error::msg)?;
        let bring = &mut |change: Change, header: &Header, bytes: &mut dyn Read| match change {
            Change::Made(path, made) => {
                if interrupt::told().is_some() {
                    return Err("interrupted".into());
                }
                self.bring(&path, made, header, bytes).with_context(|| format!("`{path}`")).map_err(said)
            }
            Change::Gone(_) | Change::Emptied(_) => Ok(()),
        };
        layer::each(read()?, bring).map_err(anyhow::Error::msg)
    }

    /// A text of the image, found as a program in it would find it; nothing if it is not there.
    pub fn text(&self, path: &str) -> Option<String> {
        let mut text = String::new();
        File::open(self.inside(path).ok()?).ok()?.take(LONGEST_TEXT).read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn hide(&self, change: &Change) -> anyhow::Result<()> {
        match change {
            Change::Gone(path) => remove(&self.place(path)?)?,
            Change::Emptied(folder) => {
                let folder = self.inside(folder)?;
                if fs::symlink_metadata(&folder).is_ok_and(|meta| meta.is_dir()) {
                    for entry in fs::read_dir(folder)? {
                        remove(&entry?.path())?;
                    }
                }
            }
            Change::Made(..) => {}
        }
        Ok(())
    }

    fn bring(&mut self, path: &str, made: Made, header: &Header, bytes: &mut dyn Read) -> anyhow::Result<()> {
        let place = self.place(path)?;
        let folder = place.parent().context("has no parent folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let is_folder = fs::symlink_metadata(&place).is_ok_and(|meta| meta.is_dir());
        if !(is_folder && made == Made::Folder) {
            remove(&place)?;
        }
        let mode = header.mode()? & 0o7777;
        match made {
            Made::Folder => {
                if !is_folder {
                    fs::create_dir(&place)?;
                }
                own(&place, header)?;
                files::set_mode(&place, mode)?;
            }
            Made::File => {
                let mut file = File::create_new(&place)?;
                let left = LARGEST - self.written;
                let count = io::copy(&mut bytes.take(left + 1), &mut file)?;
                anyhow::ensure!(count <= left, "the image has more than {} GiB unpacked", LARGEST >> 30);
                self.written += count;
                own(&place, header)?;
                files::set_mode(&place, mode)?;
            }
            Made::Link(link) => {
                link_to(&link, &place)?;
                own(&place, header)?;
            }
            Made::Same(other) => {
                let other = self.place(&other)?;
                // Of a link this makes another link, of a folder nothing.
                fs::hard_link(other, &place)?;
            }
            Made::Other => {}
        }
        Ok(())
    }

    /// Where something of the image lies; links in its folders are followed, one at its end is not.
    fn place(&self, path: &str) -> anyhow::Result<PathBuf> {
        Ok(self.inside(layer::folder(path))?.join(layer::name(path)))
    }

    /// Where a path leads, every link followed inside the tree.
    fn inside(&self, path: &str) -> anyhow::Result<PathBuf> {
        let mut link = |path: &str| Some(fs::read_link(self.root.join(path)).ok()?.to_string_lossy().into_owned());
        let found =
            layer::resolve(path, &mut link).with_context(|| format!("`{path}` leads through too many links"))?;
        Ok(self.root.join(found))
    }
}

/// Removes what is there, if anything is: a link, not what it points at.
fn remove(place: &Path) -> io::Result<()> {
    match fs::symlink_metadata(place) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Only root can give files away; the image of another user is his.
#[cfg(unix)]
fn own(place: &Path, header: &Header) -> io::Result<()> {
    let number = |id: io::Result<u64>| id.ok().and_then(|id| u32::try_from(id).ok());
    match std::os::unix::fs::lchown(place, number(header.uid()), number(header.gid())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

#[cfg(not(unix))]
fn own(_: &Path, _: &Header) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A tar of `path`, `path = text`, `path -> link`, `path => hard link`, `path/`.
    fn layer(folder: &Path, entries: &[&str]) -> PathBuf {
        let mut builder = tar::Builder::new(Vec::new());
        for entry in entries {
            let mut header = Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o755);
            let path = |header: &mut Header, path: &str| {
                // By hand: the crate refuses to write what an attacker writes.
                header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
                header.set_cksum();
            };
            if let Some((at, link)) = entry.split_once(" -> ").or_else(|| entry.split_once(" => ")) {
                let hard = entry.contains(" => ");
                header.set_entry_type(if hard { tar::EntryType::Link } else { tar::EntryType::Symlink });
                header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
                path(&mut header, at);
                builder.append(&header, io::empty()).unwrap();
            } else if let Some((at, text)) = entry.split_once(" = ") {
                header.set_size(text.len() as u64);
                path(&mut header, at);
                builder.append(&header, text.as_bytes()).unwrap();
            } else {
                header.set_entry_type(if entry.ends_with('/') {
                    tar::EntryType::Directory
                } else {
                    tar::EntryType::Regular
                });
                path(&mut header, entry);
                builder.append(&header, io::empty()).unwrap();
            }
        }
        let file = tempfile::NamedTempFile::new_in(folder).unwrap().into_temp_path().keep().unwrap();
        fs::write(&file, builder.into_inner().unwrap()).unwrap();
        file
    }

    fn listing(folder: &Path) -> Vec<String> {
        let found = files::walk(folder, "", &[]).unwrap();
        found.into_iter().map(|(path, _)| path).collect()
    }

    /// Unpacks layers next to a foreign folder; tells what happened. `HOST` in a layer is the path of that folder.
    fn try_on(layers: &[&[&str]]) -> (Result<(), String>, Vec<String>) {
        let scratch = tempfile::tempdir().unwrap();
        let host = scratch.path().join("host");
        fs::create_dir_all(host.join("dir")).unwrap();
        fs::write(host.join("file"), "theirs").unwrap();
        fs::write(host.join("dir/inner"), "theirs").unwrap();
        fs::set_permissions(host.join("dir"), Permissions::from_mode(0o700)).unwrap();
        let mut rootfs = Rootfs::new(scratch.path().join("image/rootfs")).unwrap();
        let text = host.to_str().unwrap().to_owned();
        let mut done = Ok(());
        for entries in layers {
            let entries: Vec<String> = entries.iter().map(|entry| entry.replace("HOST", &text)).collect();
            let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
            let file = layer(scratch.path(), &entries);
            done = done.and_then(|()| rootfs.add(&file).map_err(|error| format!("{error:#}")));
        }
        assert_eq!(listing(&host), ["dir/inner", "file"], "{layers:?}");
        for file in ["file", "dir/inner"] {
            assert_eq!(fs::read_to_string(host.join(file)).unwrap(), "theirs", "{layers:?}");
        }
        let mode = fs::metadata(host.join("dir")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{layers:?}");
        assert_eq!(rootfs.text("etc/passwd").filter(|text| text == "theirs"), None, "{layers:?}");
        (done, listing(&scratch.path().join("image/rootfs")))
    }

    #[test]
    fn layers_lie_over_each_other() {
        let (done, left) = try_on(&[
            &[
                "usr/lib/",
                "lib -> usr/lib",
                "usr/lib/a = x",
                "opt/keep",
                "opt/gone/x",
                "etc/a => usr/lib/a",
                "run -> /var/run",
            ],
            &["lib/.wh.a", "lib/b = y", "opt/gone/.wh..wh..opq", "opt/gone/new", "run/pid", ".wh..wh.plnk"],
            &["usr/lib/b/", "usr/lib/b/c", "run/"],
        ]);
        assert_eq!(done, Ok(()));
        assert_eq!(left, ["etc/a", "lib", "opt/gone/new", "opt/keep", "usr/lib/b/c", "var/run/pid"]);
    }

    #[test]
    fn nothing_outside_is_removed_written_or_read() {
        // Whiteouts through links, of every kind.
        for out in ["HOST", "../../../../../../../../HOST", "up/../HOST"] {
            let link = format!("opt/x -> {out}");
            let link = link.as_str();
            for entry in ["opt/x/.wh.file", "opt/x/.wh.dir", "opt/x/.wh..wh..opq", "opt/x/dir/.wh..wh..opq"] {
                assert_eq!(try_on(&[&[link], &[entry]]).0, Ok(()), "{link} {entry}");
                try_on(&[&[link, entry]]).0.unwrap();
            }
            // Files, folders with other modes, links and hard links.
            for entry in ["opt/x/file = ours", "opt/x/dir/", "opt/x/new -> file", "opt/x/dir/inner = ours", "opt/x/dir"]
            {
                assert_eq!(try_on(&[&[link], &[entry]]).0, Ok(()), "{link} {entry}");
            }
            try_on(&[&[link], &["etc/passwd => opt/x/file"], &["etc/passwd = ours"]]).0.unwrap_err();
            assert_eq!(try_on(&[&[link, "etc/"], &["etc/passwd -> /opt/x/file"]]).0, Ok(()));
        }
        for entry in [
            "../host/.wh.file",
            "opt/../../host/.wh.dir",
            "a/../../../host/file = x",
            "a/.wh..",
            "a/.wh...",
            "x => ../host/file",
        ] {
            assert!(try_on(&[&["a/"], &[entry]]).0.is_err(), "{entry}");
        }
        assert!(try_on(&[&["a -> b", "b -> a"], &["a/x"]]).0.unwrap_err().contains("too many links"));
    }
}
