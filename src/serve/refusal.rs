//! What git and the disk say, as faults.

use std::io;

use super::check::Checked;
use super::executor::Ended;
use super::log::Log;
use super::task::{Fault, Reason};
use crate::shown;
use crate::world::disk;

/// How much of what git says is kept.
const LONGEST: usize = 64 << 10;

/// Writes a line of ours.
///
/// # Errors
/// If the disk does not take it.
pub fn say(log: &Log, text: &str) -> Result<(), Ended> {
    log.line(text).map_err(|error| disk(&error).into())
}

/// A file that cannot be read or written.
pub fn disk(error: &io::Error) -> Fault {
    match disk::of(error) {
        Some((_, hint)) => Fault::new(Reason::DiskFull, format!("{error}; {hint}")),
        None => Fault::new(Reason::Internal, format!("the data folder cannot be used: {error}")),
    }
}

/// The end of what git has said.
#[derive(Default)]
pub struct Said(String);

impl Said {
    pub fn take(&mut self, line: &[u8]) {
        if self.0.len() < LONGEST {
            self.0.push_str(&String::from_utf8_lossy(line));
        }
    }

    fn has(&self, words: &[&str]) -> bool {
        words.iter().any(|words| self.0.contains(words))
    }

    /// A limit on the size of files, as the system and git call it. The part of git that meets it is ended without a word.
    pub fn is_too_large(&self) -> bool {
        let mut errors = self.0.lines().filter(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
        let is_silent =
            errors.next() == Some("fatal: fetch-pack: invalid index-pack output") && errors.next().is_none();
        is_silent || self.has(&["File too large", "signal 25", "File size limit exceeded"])
    }

    /// Why git has failed (git 2.47, in English).
    pub fn fault(&self, checked: &Checked) -> Fault {
        let server = &checked.server;
        let branch = checked.branch.as_deref().unwrap_or("HEAD");
        if self.has(&["Remote branch", "Could not find remote branch"]) && self.has(&["not found"]) {
            let text = format!("the repository has no branch or tag `{}`", shown::one_line(branch));
            return Fault::new(Reason::GitRevisionNotFound, text);
        }
        if self.has(&["transport '"]) && self.has(&["not allowed"]) {
            return Fault::new(Reason::GitSchemeForbidden, "the server leads to an address of another kind");
        }
        if self.has(&["returned error: 30"]) {
            let text =
                format!("`{server}` redirects elsewhere, which is not followed: give the address that it redirects to");
            return Fault::new(Reason::RedirectForbidden, text);
        }
        if self.has(&[
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "error: 401",
            "error: 403",
        ]) {
            let text =
                format!("`{server}` asks for a login: the repository does not exist, or its token is missing or wrong");
            return Fault::new(Reason::GitAuthFailed, text);
        }
        if self.has(&[
            "' not found",
            "error: 404",
            "does not appear to be a git repository",
            "not valid: is this a git repository",
        ]) {
            return Fault::new(Reason::GitRepositoryNotFound, format!("`{}` is not a repository", checked.repository));
        }
        if self.has(&["No space left on device", "Disk quota exceeded"]) {
            return Fault::new(Reason::DiskFull, "the disk of the data folder is full");
        }
        let last = self.0.lines().rev().find(|line| line.starts_with("fatal: ") || line.starts_with("error: "));
        let last = shown::one_line(last.unwrap_or("it did not say why"));
        const UNREACHABLE: [&str; 12] = [
            "Could not resolve",
            "Failed to connect",
            "Couldn't connect",
            "Connection refused",
            "Connection reset",
            "timed out",
            "Operation too slow",
            "returned error: 5",
            "early EOF",
            "RPC failed",
            "hung up unexpectedly",
            "SSL",
        ];
        if self.has(&UNREACHABLE) {
            return Fault::new(Reason::GitUnreachable, format!("`{server}` did not answer as it should: {last}"));
        }
        Fault::new(Reason::GitFailed, format!("git failed: {last}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::address::Server;

    #[test]
    fn what_git_says_has_a_reason() {
        let checked = Checked {
            repository: "https://host/a.git".parse().unwrap(),
            server: Server { host: "host".into(), port: 443 },
            branch: Some("main".into()),
            folder: String::new(),
        };
        let check = |text: &str, reason: Reason| {
            let mut said = Said::default();
            said.take(text.as_bytes());
            assert_eq!(said.fault(&checked).reason, reason, "{text}");
        };
        check(
            "warning: Could not find remote branch main to clone.\nfatal: Remote branch main not found in upstream origin\n",
            Reason::GitRevisionNotFound,
        );
        check(
            "fatal: unable to access 'https://host/a.git/': The requested URL returned error: 302\n",
            Reason::RedirectForbidden,
        );
        check("fatal: could not read Username for 'https://host': terminal prompts disabled\n", Reason::GitAuthFailed);
        check("fatal: repository 'https://host/a.git/' not found\n", Reason::GitRepositoryNotFound);
        check(
            "fatal: unable to access 'https://host/': Failed to connect to host port 443 after 1 ms: Couldn't connect to server\n",
            Reason::GitUnreachable,
        );
        check(
            "fatal: unable to access 'https://host/': The requested URL returned error: 503\n",
            Reason::GitUnreachable,
        );
        check("fatal: write error: No space left on device\n", Reason::DiskFull);
        check("fatal: transport 'file' not allowed\n", Reason::GitSchemeForbidden);
        check("fatal: something\n", Reason::GitFailed);
    }
}
