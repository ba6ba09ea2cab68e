//! Clones a repository for a caller: with git itself, without a shell, from the address that was looked at, within limits.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::address::{Allowed, Server};
use super::check::{self, Checked};
use super::executor::Ended;
use super::log::Log;
use super::refusal::{self, Said};
use super::task::{Face, Fault, Login, Reason};
use crate::build::engine::Contain;
use crate::lfs;
use crate::secret::Secret;
use crate::world::env::Env;
use crate::world::files;
use crate::world::process::{Cmd, Runner};

/// What the operator says of fetching.
#[derive(Clone, Debug)]
pub struct Settings {
    pub allowed: Allowed,
    /// Tokens by host; each is sent to that host alone.
    pub tokens: BTreeMap<String, Secret>,
    /// Of the clone with its work tree.
    pub most_bytes: u64,
    pub most_files: usize,
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed: Allowed::default(),
            tokens: BTreeMap::new(),
            most_bytes: 4 << 30,
            most_files: 200_000,
            timeout: Duration::from_secs(600),
        }
    }
}

/// Asks for the addresses of a name.
pub type Resolve = fn(&str, u16) -> io::Result<Vec<IpAddr>>;

/// Fetches for all tasks.
pub struct Fetcher {
    pub settings: Settings,
    runner: Runner,
    contain: Contain,
    has_limits: bool,
    resolve: Resolve,
}

/// What is fetched for one attempt.
pub struct Order<'a> {
    pub checked: &'a Checked,
    pub face: Face,
    /// Out of the address.
    pub login: Option<&'a Login>,
    /// Where it is put; the folder exists and is empty.
    pub folder: &'a Path,
    pub log: &'a Log,
    pub stop: &'a CancellationToken,
}

/// A commit on this disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    pub folder: PathBuf,
    /// In hex.
    pub commit: String,
    /// Of the commit, in seconds since 1970.
    pub time: i64,
}

/// Answers to git's questions. It gives the login to no other host than the one it is for.
const ASKPASS: &str = r#"#!/bin/sh
case "$1" in
  "Username for 'SERVER': ") exec cat "$0.user" ;;
  "Password for 'SERVER': " | "Password for 'SCHEME://"*"@HOST': ") exec cat "$0.password" ;;
esac
exit 1
"#;
/// What of old histories is harmless and common.
const FORGIVEN: [&str; 4] = ["zeroPaddedFilemode", "missingSpaceBeforeDate", "badTimezone", "missingEmail"];
/// How much of a list of files is read.
const LARGEST_LIST: usize = 64 << 20;
/// How many lines of warnings about single files.
const MOST_WARNINGS: usize = 20;
/// How often the size of a clone is looked at.
const GLANCE: Duration = Duration::from_millis(500);
/// How long local commands of git may take.
const LOCAL: Duration = Duration::from_secs(300);

/// The addresses that the system's resolver answers with.
fn resolve(host: &str, port: u16) -> io::Result<Vec<IpAddr>> {
    Ok((host, port).to_socket_addrs()?.map(|address| address.ip()).collect())
}

impl Fetcher {
    /// `env` says where programs are; git gets nothing else of it.
    pub fn new(settings: Settings, env: &Env) -> Self {
        let kept = env.only(|name, _| name == "PATH");
        let runner = Runner::new(kept);
        let (contain, has_limits) = (Contain::tried(&runner), runner.find("prlimit").is_some());
        Self { settings, runner, contain, has_limits, resolve }
    }

    /// The same with another resolver.
    #[must_use]
    pub fn asking(mut self, resolve: Resolve) -> Self {
        self.resolve = resolve;
        self
    }

    /// Whether git is there.
    ///
    /// # Errors
    /// If it is not, for people.
    pub fn ready(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.runner.find("git").is_some(), "`git` is not on the service's PATH: install it");
        Ok(())
    }

    /// Clones and checks out.
    ///
    /// # Errors
    /// Why it could not be had.
    pub fn fetch(&self, order: &Order<'_>) -> Result<Checkout, Ended> {
        let addresses = self.addresses(&order.checked.server)?;
        let scratch = tempfile::tempdir_in(order.folder).map_err(|error| refusal::disk(&error))?;
        let git = Git { fetcher: self, order, addresses, scratch: scratch.path() };
        git.write_login()?;
        git.clone()?;
        let commit = git.ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?.trim().to_owned();
        if commit.is_empty() {
            return Err(Fault::new(Reason::GitRevisionNotFound, "the repository has no commit").into());
        }
        let time = git.ask(&["log", "-1", "--format=%ct", "HEAD"])?;
        let time = time.trim().parse().unwrap_or_default();
        git.look_at_the_tree()?;
        git.run(&["checkout", "--quiet", "--force", "HEAD", "--"])?;
        let folder = git.tree();
        warn_of_pointers(&folder, order.log)?;
        if order.face == Face::New {
            fs::remove_dir_all(folder.join(".git")).map_err(|error| refusal::disk(&error))?;
        }
        Ok(Checkout { folder, commit, time })
    }

    /// Where the server is: every answer must be allowed, or the next one to ask would get the other.
    fn addresses(&self, server: &Server) -> Result<Vec<IpAddr>, Ended> {
        let found = match server.host.parse() {
            Ok(address) => vec![address],
            Err(_) => (self.resolve)(&server.host, server.port).unwrap_or_default(),
        };
        if found.is_empty() {
            let text = format!("`{}` has no address: check the name of the host", server.host);
            return Err(Fault::new(Reason::GitUnreachable, text).into());
        }
        for address in &found {
            check::resolved(server, *address, &self.settings.allowed)?;
        }
        Ok(found)
    }
}

/// Git for one attempt.
struct Git<'a> {
    fetcher: &'a Fetcher,
    order: &'a Order<'a>,
    addresses: Vec<IpAddr>,
    /// Its home, and what the login is in.
    scratch: &'a Path,
}

impl Git<'_> {
    fn tree(&self) -> PathBuf {
        self.order.folder.join("tree")
    }

    fn askpass(&self) -> PathBuf {
        self.scratch.join("askpass")
    }

    /// The login for the server: the caller's, else the service's token.
    fn login(&self) -> Option<Login> {
        if let Some(login) = self.order.login {
            return Some(login.clone());
        }
        let token = self.fetcher.settings.tokens.get(&self.order.checked.server.host)?;
        Some(Login { user: Secret::new("x-access-token"), password: token.clone() })
    }

    fn write_login(&self) -> Result<(), Ended> {
        let Some(login) = self.login() else { return Ok(()) };
        self.order.log.hide(&login.password);
        if login.password.expose().is_empty() {
            // The token alone stood before the `@`.
            self.order.log.hide(&login.user);
        }
        let url = &self.order.checked.repository;
        let host = url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
        let script = ASKPASS.replace("SERVER", &format!("{}://{host}", url.scheme()));
        let script = script.replace("SCHEME", url.scheme()).replace("HOST", &host);
        let write = |name: &str, mode: u32, text: &str| {
            let path = self.scratch.join(name);
            fs::write(&path, "").and_then(|()| files::set_mode(&path, mode)).and_then(|()| fs::write(&path, text))
        };
        write("askpass.user", 0o600, login.user.expose())
            .and_then(|()| write("askpass.password", 0o600, login.password.expose()))
            .and_then(|()| write("askpass", 0o700, &script))
            .map_err(|error| refusal::disk(&error).into())
    }

    fn clone(&self) -> Result<(), Ended> {
        let Order { checked, face, log, .. } = self.order;
        let mut words = vec!["clone", "--quiet", "--no-checkout", "--no-recurse-submodules", "--template="];
        match face {
            // `git describe` in the Dockerfiles of old callers needs history and tags.
            Face::Old => words.push("--filter=blob:none"),
            Face::New => words.extend(["--depth=1", "--single-branch", "--no-tags"]),
        }
        let branch = checked.branch.as_ref().map(|name| format!("--branch={name}"));
        words.extend(branch.as_deref());
        let (url, tree) = (checked.repository.as_str(), self.tree());
        let tree = tree.to_str().ok_or_else(|| Fault::new(Reason::Internal, "the data folder's path is not UTF-8"))?;
        words.extend(["--", url, tree]);
        refusal::say(
            log,
            &format!(
                "fetching {url}{}",
                checked.branch.as_ref().map_or_else(String::new, |name| format!(", `{name}`"))
            ),
        )?;
        self.run_in(self.order.folder, &words)
    }

    /// A command of git on the clone.
    fn run(&self, words: &[&str]) -> Result<(), Ended> {
        self.run_in(&self.tree(), words)
    }

    fn run_in(&self, dir: &Path, words: &[&str]) -> Result<(), Ended> {
        let Settings { most_bytes, timeout, .. } = self.fetcher.settings;
        let stop = self.order.stop.child_token();
        let runner = self.fetcher.runner.clone().until(stop.clone());
        let cmd = self.command(dir, words).timeout(timeout);
        let is_large = AtomicBool::new(false);
        let (mut said, mut full) = (Said::default(), None);
        let done = std::thread::scope(|scope| {
            let (running, ended) = mpsc::channel::<()>();
            let (is_large, folder) = (&is_large, self.order.folder);
            scope.spawn(move || {
                while ended.recv_timeout(GLANCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                    if size(folder) > most_bytes {
                        is_large.store(true, Ordering::SeqCst);
                        stop.cancel();
                        return;
                    }
                }
            });
            let done = runner.stream(&cmd, &mut |_, line| {
                said.take(line);
                full = full.take().or_else(|| self.order.log.write(line).err());
            });
            drop(running);
            done
        });
        if self.order.stop.is_cancelled() {
            return Err(Ended::Stopped);
        }
        if let Some(error) = full {
            return Err(refusal::disk(&error).into());
        }
        let limit = most_bytes >> 20;
        if is_large.into_inner() || said.is_too_large() {
            let text = format!("the repository is larger than {limit} MiB, which the service takes");
            return Err(Fault::new(Reason::CloneTooLarge, text).into());
        }
        match done {
            Ok((_, true)) => {
                let text = format!(
                    "git did not end within {} s: the server is too slow, or the repository too large",
                    timeout.as_secs()
                );
                Err(Fault::new(Reason::GitUnreachable, text).into())
            }
            Ok((status, _)) if status.success() => Ok(()),
            Ok(_) => Err(said.fault(self.order.checked).into()),
            Err(error) => Err(Fault::new(Reason::Internal, format!("{error:#}")).into()),
        }
    }

    /// What a command of git on the clone prints.
    fn ask(&self, words: &[&str]) -> Result<String, Ended> {
        let cmd = self.command(&self.tree(), words).timeout(LOCAL).most(LARGEST_LIST);
        let runner = self.fetcher.runner.clone().until(self.order.stop.clone());
        let done = runner.output(&cmd);
        if self.order.stop.is_cancelled() {
            return Err(Ended::Stopped);
        }
        let done = done.map_err(|error| Fault::new(Reason::GitFailed, format!("{error:#}")))?;
        Ok(if done.status.success() { done.stdout } else { String::new() })
    }

    /// Git as it is started for everything.
    fn command(&self, dir: &Path, words: &[&str]) -> Cmd {
        let checked = self.order.checked;
        let mut settings: Vec<String> = [
            "core.hooksPath=/dev/null",
            "core.askPass=",
            "core.fsmonitor=false",
            "core.logAllRefUpdates=false",
            "core.protectHFS=true",
            "core.protectNTFS=true",
            "credential.helper=",
            "protocol.allow=never",
            "http.followRedirects=false",
            "http.lowSpeedLimit=1000",
            "http.lowSpeedTime=60",
            "transfer.fsckObjects=true",
            "submodule.recurse=false",
            "fetch.recurseSubmodules=false",
            "gc.auto=0",
            "maintenance.auto=false",
            "advice.detachedHead=false",
        ]
        .map(str::to_owned)
        .into();
        settings.push(format!("protocol.{}.allow=always", checked.repository.scheme()));
        settings.extend(FORGIVEN.map(|name| format!("fetch.fsck.{name}=ignore")));
        if checked.server.host.parse::<IpAddr>().is_err() {
            settings.push(format!("http.curloptResolve={}", pin(&checked.server, &self.addresses)));
        }
        let mut cmd = Cmd::new("git", dir);
        for setting in settings {
            cmd = cmd.args(["-c".to_owned(), setting]);
        }
        let home = self.scratch.display().to_string();
        let cmd = cmd
            .args(words.iter().copied())
            .env("HOME", home.clone())
            .env("XDG_CONFIG_HOME", home)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_ASKPASS", self.askpass().display().to_string());
        self.fetcher.contain.tie(self.limited(cmd))
    }

    /// No file of it grows beyond what a whole clone may have.
    fn limited(&self, mut cmd: Cmd) -> Cmd {
        if !self.fetcher.has_limits {
            return cmd;
        }
        let limit = format!("--fsize={}", self.fetcher.settings.most_bytes);
        let program = std::mem::replace(&mut cmd.program, "prlimit".to_owned());
        cmd.args.splice(0..0, [limit, "--core=0".to_owned(), "--".to_owned(), program]);
        cmd
    }

    /// How many files there are, and what of them is not fetched.
    fn look_at_the_tree(&self) -> Result<(), Ended> {
        let list = self.ask(&["ls-tree", "-r", "-z", "HEAD"])?;
        let most = self.fetcher.settings.most_files;
        if list.split('\0').count() > most + 1 || list.len() >= LARGEST_LIST {
            let text = format!("the commit has more than {most} files, which the service takes");
            return Err(Fault::new(Reason::CloneTooLarge, text).into());
        }
        let submodules = list.split('\0').filter(|entry| entry.starts_with("160000 "));
        let names = submodules.filter_map(|entry| entry.split_once('\t').map(|(_, path)| path));
        for name in names.take(MOST_WARNINGS) {
            refusal::say(
                self.order.log,
                &format!("warning: the submodule `{name}` is not fetched: its folder is empty"),
            )?;
        }
        Ok(())
    }
}

/// `HOST:PORT:ADDRESS,ADDRESS`, as curl takes it: the host is not asked for again.
fn pin(server: &Server, addresses: &[IpAddr]) -> String {
    let each = addresses.iter().map(|address| match address {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => format!("[{six}]"),
    });
    format!("{}:{}:{}", server.host, server.port, each.collect::<Vec<_>>().join(","))
}

/// Bytes below a folder; links are not followed. What vanishes meanwhile counts for nothing.
fn size(folder: &Path) -> u64 {
    let mut total = 0;
    let mut todo = vec![folder.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => todo.push(entry.path()),
                Ok(meta) => total += meta.len(),
                Err(_) => {}
            }
        }
    }
    total
}

/// Says which files are pointers of Git LFS: what they stand for is not fetched.
fn warn_of_pointers(tree: &Path, log: &Log) -> Result<(), Ended> {
    let mut count = 0;
    let mut todo = vec![tree.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| refusal::disk(&error))?.flatten() {
            let path = entry.path();
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() && entry.file_name() != ".git" {
                todo.push(path);
            } else if meta.is_file()
                && meta.len() <= lfs::LONGEST
                && fs::read(&path).is_ok_and(|bytes| lfs::is_pointer_text(&bytes))
            {
                count += 1;
                if count <= MOST_WARNINGS {
                    let name = path.strip_prefix(tree).unwrap_or(&path).display();
                    refusal::say(log, &format!("warning: `{name}` is a Git LFS pointer: its content is not fetched"))?;
                }
            }
        }
    }
    if count > MOST_WARNINGS {
        refusal::say(log, &format!("warning: {count} files are Git LFS pointers"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_pinned() {
        let server = Server { host: "git.example.com".into(), port: 8443 };
        let addresses = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        assert_eq!(pin(&server, &addresses), "git.example.com:8443:192.0.2.1,[2001:db8::1]");
    }

    #[test]
    fn folders_are_measured_without_their_links() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), [0; 1000]).unwrap();
        fs::write(folder.path().join("c"), [0; 24]).unwrap();
        assert_eq!(size(folder.path()), 1024);
        assert_eq!(size(&folder.path().join("none")), 0);
    }
}
