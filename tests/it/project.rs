//! A copy of a project in a temporary folder, and commands run in it with nothing of this machine's environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The `longshore` under test.
pub const LONGSHORE: &str = env!("CARGO_BIN_EXE_longshore");

/// The moment of every commit a case makes: with a fixed identity it makes commit ids part of what is compared.
const DATE: &str = "2026-01-01T00:00:00Z";

/// A project in a folder of its own; gone when dropped.
pub struct Project {
    root: tempfile::TempDir,
    name: String,
}

impl Project {
    /// Copies the files of a folder into a folder `name` of a fresh place.
    pub fn copy(from: &Path, name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        let project = Self { root, name: name.to_owned() };
        copy_tree(from, &project.folder());
        project
    }

    /// These files, in a folder `name` of a fresh place.
    pub fn of(name: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let at = folder.path().join(path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, text).unwrap();
        }
        Self::copy(folder.path(), name)
    }

    /// Makes the copy a repository with one commit of everything.
    pub fn commit(self) -> Self {
        let done = self.sh("git init -q -b main && git add -A && git commit -q -m 'the project'");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        self
    }

    /// The project's folder.
    #[expect(clippy::disallowed_methods, reason = "tests run where paths have one form")]
    pub fn folder(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(&self.name)
    }

    /// Runs a line of shell in it; `longshore` is the one under test.
    pub fn sh(&self, line: &str) -> Output {
        self.shell(line).output().unwrap()
    }

    /// Such a line, ready to be started.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = program("sh");
        command.args(["-c", line]).current_dir(self.folder()).env_clear().envs(self.environment());
        command
    }

    fn environment(&self) -> BTreeMap<&'static str, String> {
        let home = |name: &str, folder: &str| match variable(name) {
            Some(path) => path,
            None => format!("{}/{folder}", variable("HOME").unwrap_or_default()),
        };
        let ours = Path::new(LONGSHORE).parent().unwrap().display();
        BTreeMap::from([
            ("PATH", format!("{ours}:{}", variable("PATH").unwrap_or_default())),
            ("HOME", self.root.path().join("home").display().to_string()),
            ("CARGO_HOME", home("CARGO_HOME", ".cargo")),
            ("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup")),
            ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_AUTHOR_NAME", "Case".into()),
            ("GIT_AUTHOR_EMAIL", "case@example.com".into()),
            ("GIT_AUTHOR_DATE", DATE.into()),
            ("GIT_COMMITTER_NAME", "Case".into()),
            ("GIT_COMMITTER_EMAIL", "case@example.com".into()),
            ("GIT_COMMITTER_DATE", DATE.into()),
            ("LC_ALL", "C".into()),
            ("TZ", "UTC".into()),
        ])
    }
}

#[expect(clippy::disallowed_methods, reason = "tests hand parts of their own environment on")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
pub fn program(name: &str) -> Command {
    Command::new(name)
}

/// Copies files, folders and symbolic links as they are.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", from.display())) {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
