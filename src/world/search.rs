//! Where a program lies: in the folders of `PATH`, on Windows with the endings that its shells add to a name.

use std::path::{Path, PathBuf};

use super::env::Env;

/// What `PATHEXT` may hold that can be started; the rest are scripts and panels that only a shell opens.
const STARTED: &[&str] = &[".com", ".exe", ".bat", ".cmd"];

pub struct Search<'a> {
    path: &'a str,
    /// Absent: names are complete, as everywhere but on Windows.
    endings: Option<Vec<String>>,
}

impl<'a> Search<'a> {
    /// As this platform does, with the variables that a child gets.
    pub fn of(env: &'a Env) -> Self {
        Self::on(cfg!(windows), env)
    }

    fn on(windows: bool, env: &'a Env) -> Self {
        let listed = env.get("PATHEXT").unwrap_or_default().to_ascii_lowercase();
        let mut endings: Vec<String> =
            listed.split(';').filter(|ending| STARTED.contains(ending)).map(ToOwned::to_owned).collect();
        if endings.is_empty() {
            endings = STARTED.iter().map(ToString::to_string).collect();
        }
        Self { path: env.get("PATH").unwrap_or_default(), endings: windows.then_some(endings) }
    }

    pub fn find(&self, program: &str) -> Option<PathBuf> {
        if self.endings.is_some() && program.eq_ignore_ascii_case("bash") {
            return self.bash();
        }
        self.all(program).next()
    }

    /// What is started under a name; nothing where that depends on the folder it is started in.
    #[cfg(unix)]
    pub fn started(&self, program: &str) -> Option<PathBuf> {
        use rustix::fs::{Access, access};
        let anywhere = std::env::split_paths(self.path).all(|folder| folder.is_absolute());
        self.all(program).find(|path| anywhere && access(path.as_path(), Access::EXEC_OK).is_ok())
    }

    #[cfg(not(unix))]
    pub fn started(&self, program: &str) -> Option<PathBuf> {
        self.find(program)
    }

    /// A program that is named by a path, seen from the folder that it is started in.
    pub fn beside(&self, folder: &Path, program: &str) -> Option<PathBuf> {
        self.names(program).into_iter().map(|name| folder.join(name)).find(|candidate| candidate.is_file())
    }

    fn all(&self, program: &str) -> impl Iterator<Item = PathBuf> {
        let names = self.names(program);
        let folders = std::env::split_paths(self.path).filter(|folder| !folder.as_os_str().is_empty());
        folders
            .flat_map(move |folder| names.clone().into_iter().map(move |name| folder.join(name)))
            .filter(|candidate| candidate.is_file())
    }

    /// What a name may stand for, best first. npm is a shell script there, npm.cmd what Windows starts.
    fn names(&self, program: &str) -> Vec<String> {
        let Some(endings) = &self.endings else { return vec![program.to_owned()] };
        let lower = program.to_ascii_lowercase();
        let whole = endings.iter().any(|ending| lower.ends_with(ending.as_str())).then(|| program.to_owned());
        whole.into_iter().chain(endings.iter().map(|ending| format!("{program}{ending}"))).collect()
    }

    /// Git's, as on GitHub's runners: the bash of System32 and of the store runs Linux programs in a machine of its own.
    fn bash(&self) -> Option<PathBuf> {
        let of_git = self.all("git").find_map(|git| {
            let above = git.ancestors().skip(2).take(2).map(|folder| folder.join("bin").join("bash.exe"));
            above.into_iter().find(|bash| bash.is_file())
        });
        let is_launcher = |bash: &PathBuf| {
            let folders = bash.iter().map(|name| name.to_string_lossy().to_ascii_lowercase());
            folders.into_iter().any(|name| matches!(name.as_str(), "system32" | "windowsapps"))
        };
        of_git.or_else(|| self.all("bash").find(|bash| !is_launcher(bash)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::env::Names;

    /// A folder with programs of these names, and a search in its folders `a` and `b`.
    fn found(windows: bool, files: &[&str], pathext: &str, program: &str) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        let path = std::env::join_paths(["a", "b", "System32"].map(|name| root.path().join(name))).unwrap();
        for file in files {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let env = Env::comparing(Names::AnyCase, [("Path", path.to_str().unwrap()), ("PathExt", pathext)]);
        let found = Search::on(windows, &env).find(program)?;
        Some(found.strip_prefix(root.path()).unwrap().to_str().unwrap().replace('\\', "/"))
    }

    #[test]
    fn windows_adds_endings() {
        let node = ["a/npm", "a/npm.cmd", "b/npm.exe", "b/tool.exe", "a/tool.js"];
        let pathext = ".COM;.EXE;.BAT;.CMD;.JS";
        let on_windows = |program: &str| found(true, &node, pathext, program);
        assert_eq!(on_windows("npm").as_deref(), Some("a/npm.cmd"));
        assert_eq!(on_windows("npm.cmd").as_deref(), Some("a/npm.cmd"));
        assert_eq!(on_windows("NPM.EXE"), if cfg!(windows) { Some("b/NPM.EXE".into()) } else { None });
        // What only a shell opens is not started.
        assert_eq!(on_windows("tool").as_deref(), Some("b/tool.exe"));
        assert_eq!(on_windows("none"), None);
        // The order is the user's; a list without an executable entry does not count.
        assert_eq!(found(true, &["a/x.exe", "a/x.bat"], ".BAT;.EXE", "x").as_deref(), Some("a/x.bat"));
        assert_eq!(found(true, &["a/x.exe", "a/x.bat"], ".PY", "x").as_deref(), Some("a/x.exe"));
    }

    #[test]
    fn others_take_names_as_they_are() {
        let found = |program: &str| found(false, &["a/x.exe", "b/x"], "", program);
        assert_eq!((found("x").as_deref(), found("x.exe").as_deref()), (Some("b/x"), Some("a/x.exe")));
    }

    #[test]
    fn bash_is_that_of_git() {
        let bash = |files: &[&str]| found(true, files, "", "bash");
        let launcher = "System32/bash.exe";
        assert_eq!(bash(&[launcher]), None);
        assert_eq!(bash(&[launcher, "b/bash.exe"]).as_deref(), Some("b/bash.exe"));
        // `PATH` has the folder `cmd` of git; its bash lies in `bin`, beside it.
        assert_eq!(bash(&[launcher, "a/git.exe", "bin/bash.exe"]).as_deref(), Some("bin/bash.exe"));
    }

    #[test]
    fn programs_named_by_a_path() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("gradlew.bat"), "").unwrap();
        let env = Env::default();
        let found = Search::on(true, &env).beside(root.path(), "./gradlew").unwrap();
        assert_eq!(found.file_name().unwrap(), "gradlew.bat");
        assert_eq!(Search::on(true, &env).beside(root.path(), "./none"), None);
    }
}
