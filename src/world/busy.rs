//! Files that another program holds open: Windows neither replaces nor removes them, mostly for a moment.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempPath;

/// How often it is tried again, `PAUSE` apart: about a second, longer than scanners and indexers take.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// `ERROR_ACCESS_DENIED`, `ERROR_SHARING_VIOLATION`, `ERROR_LOCK_VIOLATION`:
/// <https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499->. Elsewhere these numbers are other errors.
const CODES: &[i32] = &[5, 32, 33];

/// A file that stayed in use for a second.
#[derive(Debug)]
pub struct InUse {
    path: PathBuf,
    error: io::Error,
}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is in use by another program, or is not writable", self.path.display())
    }
}

impl std::error::Error for InUse {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Moves a finished temporary file to its place.
///
/// # Errors
/// [`InUse`], or what the system says, with the path.
pub fn persist(temporary: TempPath, to: &Path) -> anyhow::Result<()> {
    let mut temporary = Some(temporary);
    patiently("write", to, || match temporary.take().map(|path| path.persist(to)) {
        Some(Err(failed)) => {
            temporary = Some(failed.path);
            Err(failed.error)
        }
        _ => Ok(()),
    })
}

/// Removes a file or a whole folder; nothing if it is not there.
///
/// # Errors
/// [`InUse`], or what the system says, with the path.
pub fn remove(path: &Path) -> anyhow::Result<()> {
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    let remove = || if is_folder(path) { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    patiently("remove", path, || match remove() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        ended => ended,
    })
}

/// Whether an error means that a file is in use.
pub fn is_busy(error: &io::Error) -> bool {
    is_busy_on(cfg!(windows), error)
}

fn is_busy_on(windows: bool, error: &io::Error) -> bool {
    windows && error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

fn patiently<T>(verb: &str, path: &Path, act: impl FnMut() -> io::Result<T>) -> anyhow::Result<T> {
    again(act, is_busy, PAUSE).map_err(|error| match is_busy(&error) {
        true => InUse { path: path.to_owned(), error }.into(),
        false => anyhow::Error::new(error).context(format!("cannot {verb} `{}`", path.display())),
    })
}

fn again<T>(
    mut act: impl FnMut() -> io::Result<T>,
    is_busy: impl Fn(&io::Error) -> bool,
    pause: Duration,
) -> io::Result<T> {
    for _ in 0..TRIES {
        match act() {
            Err(error) if is_busy(&error) => thread::sleep(pause),
            ended => return ended,
        }
    }
    act()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    #[test]
    fn tries_again_what_is_in_use_and_nothing_else() {
        let tries = |windows: bool, code: i32, works_at: u32| {
            let mut count = 0;
            let act = || {
                count += 1;
                if count == works_at { Ok(()) } else { Err(error(code)) }
            };
            let ended = again(act, |error| is_busy_on(windows, error), Duration::ZERO);
            (ended.is_ok(), count)
        };
        assert_eq!(tries(true, 32, 3), (true, 3));
        assert_eq!(tries(true, 5, TRIES + 1), (true, TRIES + 1));
        assert_eq!(tries(true, 33, 1000), (false, TRIES + 1));
        // A path that is not there; and on Linux 5 and 32 are a broken disk and a broken pipe.
        assert_eq!(tries(true, 3, 3), (false, 1));
        assert_eq!(tries(false, 32, 3), (false, 1));
        assert!((TRIES * PAUSE) >= Duration::from_secs(1));
    }

    #[test]
    fn names_the_file() {
        let in_use = InUse { path: PathBuf::from("SHA256SUMS"), error: error(32) };
        assert_eq!(in_use.to_string(), "`SHA256SUMS` is in use by another program, or is not writable");
        let error = anyhow::Error::new(in_use).context("checksums.tide failed");
        assert!(error.chain().any(|cause| cause.is::<InUse>()));
    }

    #[test]
    fn moves_and_removes() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a");
        let temporary = tempfile::NamedTempFile::new_in(folder.path()).unwrap().into_temp_path();
        persist(temporary, &to).unwrap();
        assert!(to.is_file());
        fs::create_dir_all(folder.path().join("b").join("c")).unwrap();
        for path in [to, folder.path().join("b"), folder.path().join("none")] {
            remove(&path).unwrap();
            assert!(!path.exists());
        }
        let temporary = tempfile::NamedTempFile::new_in(folder.path()).unwrap().into_temp_path();
        let error = persist(temporary, &folder.path().join("no/folder")).unwrap_err();
        assert!(format!("{error:#}").starts_with("cannot write `"), "{error:#}");
    }
}
