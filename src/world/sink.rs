//! What a file is written through that the user named: it stays what it is.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

use super::path::resolve;
use super::{busy, files};

/// A file that is being written. A reader sees the old bytes or the new ones, never a part; only a pipe or a device gets
/// them as they come.
pub struct Sink(To);

enum To {
    /// Takes its place when it is finished, behind a link the place of what that points to.
    File { new: NamedTempFile, at: PathBuf, permissions: Option<Permissions> },
    /// What cannot be replaced.
    Stream { file: File, at: PathBuf },
}

impl Sink {
    /// Begins to write.
    ///
    /// # Errors
    /// If it is a folder or read-only, or nothing can be written there.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let failed = || format!("cannot write `{}`", path.display());
        let there = fs::metadata(path).ok();
        if let Some(there) = &there {
            let refuse = |kind: ErrorKind| Err(io::Error::from(kind)).with_context(failed);
            match there {
                _ if there.is_dir() => return refuse(ErrorKind::IsADirectory),
                _ if there.permissions().readonly() => return refuse(ErrorKind::PermissionDenied),
                _ => {}
            }
        }
        let is_link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
        // A link to nothing yet is followed by the system.
        if there.as_ref().map_or(is_link, |there| !there.is_file()) {
            let mut options = File::options();
            let file = options.write(true).create(there.is_none()).open(path).with_context(failed)?;
            return Ok(Self(To::Stream { file, at: path.to_owned() }));
        }
        let at = if is_link { resolve(path).with_context(failed)? } else { path.to_owned() };
        let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let new = NamedTempFile::new_in(folder).with_context(|| format!("cannot write in `{}`", folder.display()))?;
        Ok(Self(To::File { new, at, permissions: there.map(|there| there.permissions()) }))
    }

    /// Everything is written.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub fn finish(self) -> anyhow::Result<()> {
        match self.0 {
            To::Stream { mut file, at } => file.flush().with_context(|| format!("cannot write `{}`", at.display())),
            To::File { new, at, permissions } => {
                new.as_file().sync_all()?;
                match permissions {
                    Some(permissions) => fs::set_permissions(new.path(), permissions)?,
                    None => files::set_mode(new.path(), 0o644)?,
                }
                busy::persist(new.into_temp_path(), &at)
            }
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            To::File { new, .. } => new.write(bytes),
            To::Stream { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            To::File { new, .. } => new.flush(),
            To::Stream { file, .. } => file.flush(),
        }
    }
}

/// Writes a whole file that the user named.
///
/// # Errors
/// As [`Sink::create`] and [`Sink::finish`].
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut sink = Sink::create(path)?;
    sink.write_all(bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    sink.finish()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

    use super::*;
    use crate::world::env::Env;
    use crate::world::process::{Cmd, Runner};

    #[test]
    fn what_the_user_names_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "old").unwrap();
        files::set_mode(&at("file"), 0o600).unwrap();
        symlink("file", at("link")).unwrap();
        symlink("new", at("to-nothing")).unwrap();
        for name in ["link", "to-nothing", "plain", "below/plain"] {
            write(&at(name), b"new").unwrap();
            assert_eq!(fs::read_to_string(at(name)).unwrap(), "new");
        }
        assert!(at("link").is_symlink() && at("to-nothing").is_symlink());
        assert_eq!(fs::metadata(at("file")).unwrap().permissions().mode() & 0o777, 0o600);

        files::set_mode(&at("file"), 0o444).unwrap();
        for (name, expected) in [("file", "permission denied"), ("link", "permission denied"), (".", "is a directory")]
        {
            let error = format!("{:#}", write(&at(name), b"x").unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "new");
    }

    #[test]
    fn pipes_and_devices_get_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let runner = Runner::new(Env::of([("PATH", "/usr/bin:/bin")]));
        runner.text(&Cmd::new("mkfifo", folder.path()).arg("pipe")).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe)
        });
        write(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), "through");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        write(Path::new("/dev/null"), b"x").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
        if cfg!(target_os = "linux") {
            let error = format!("{:#}", write(Path::new("/dev/full"), b"x").unwrap_err());
            assert!(error.contains("cannot write `/dev/full`"), "{error}");
        }
    }
}
