//! Keeps from other processes what this one was given in its environment.
//!
//! Whoever runs as the same user, as every program that we start does, may read `/proc/<pid>/environ`, memory and all. So
//! this process is made not dumpable, which takes that right from all but those who may trace everything
//! (`PR_SET_DUMPABLE`, prctl(2); the right: ptrace(2), "Ptrace access mode checking"). The kernel keeps showing the first
//! environment of a process, whatever the process does with its variables; to those too it shows none, because the
//! process starts itself once more with a bare one and takes the real one from a file without a name (memfd_create(2)),
//! which it empties.

use super::env::Env;

/// What libraries read for themselves; it stays where they look.
#[cfg(target_os = "linux")]
const KEPT: &[&str] = &[
    "ALL_PROXY",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LLVM_PROFILE_FILE",
    "NO_COLOR",
    "NO_PROXY",
    "PATH",
    "RAYON_NUM_THREADS",
    "REQUEST_METHOD",
    "RUST_BACKTRACE",
    "RUST_MIN_STACK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TOKIO_WORKER_THREADS",
    "TZ",
];

/// The environment of this process, hidden from others as far as the system can do it. The first thing to be called.
pub fn environment() -> Env {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // What cannot be refused is not an error: a kernel without it is older than any that Rust runs on.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        if let Some(env) = linux::taken() {
            return env;
        }
        linux::start_bare();
    }
    Env::read()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{OsStr, OsString};
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::os::unix::process::CommandExt;

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::{Env, KEPT};

    /// Names the file of the real environment to the second start.
    const VARIABLE: &str = "LONGSHORE_ENVIRONMENT";

    /// What the file begins with, so that no other is taken for one.
    const MAGIC: &[u8] = b"longshore/environment/1\0";

    /// The real environment, if this is the second start.
    pub fn taken() -> Option<Env> {
        #[expect(clippy::disallowed_methods, reason = "says where the environment is")]
        let path = std::env::var(VARIABLE).ok()?;
        let number = path.strip_prefix("/proc/self/fd/")?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut file = File::options().read(true).write(true).open(&path).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let vars = bytes.strip_prefix(MAGIC)?;
        // Our children inherit it, too: there is nothing in it any more.
        file.set_len(0).ok()?;
        let pair = |var: &[u8]| {
            // The first letter may be `=`, as everywhere where variables are read.
            let at = var.iter().skip(1).position(|byte| *byte == b'=')? + 1;
            let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec()).into_string().ok();
            Some((text(&var[..at])?, text(&var[at + 1..])?))
        };
        Some(vars.split(|byte| *byte == 0).filter_map(pair).collect())
    }

    /// Starts this program once more, in this very process. Returns if that cannot be done.
    pub fn start_bare() {
        let Some((file, path)) = written() else { return };
        let Ok(program) = std::env::current_exe() else { return };
        let mut words = std::env::args_os();
        #[expect(clippy::disallowed_methods, reason = "this very program, and no child")]
        let mut command = std::process::Command::new(program);
        command.env_clear().env(VARIABLE, path).arg0(words.next().unwrap_or_default()).args(words);
        #[expect(clippy::disallowed_methods, reason = "what libraries of this process read")]
        let vars = std::env::vars_os();
        command.envs(vars.filter(|(name, _)| kept(name)));
        // It comes back only if it failed; then all is as it was.
        let _ = command.exec();
        drop(file);
    }

    fn kept(name: &OsStr) -> bool {
        name.to_str().is_some_and(|name| KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name)))
    }

    /// All variables in a file that only this process has. It stays open across the start.
    fn written() -> Option<(File, String)> {
        let mut file = File::from(memfd_create(c"environment", MemfdFlags::empty()).ok()?);
        let mut bytes = MAGIC.to_vec();
        #[expect(clippy::disallowed_methods, reason = "handed on whole, also what is not UTF-8")]
        let vars = std::env::vars_os();
        for (name, value) in vars {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b'=');
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        }
        file.write_all(&bytes).ok()?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        Some((file, path))
    }
}
