//! Facts of real repositories, made with git and read with git and cargo.

mod top;
mod unseen;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::problem::{Exit, Failure};
use crate::world::path::resolve;
use crate::world::process::Cmd;

pub(crate) struct Repo {
    pub(crate) folder: TempDir,
    pub(crate) root: PathBuf,
    pub(crate) runner: Runner,
}

/// A runner on which no configuration of this machine has influence, with a fixed identity and date.
fn runner(more: &[(&str, &str)]) -> Runner {
    let env = Env::read().for_children(&[]);
    let env = env.only(|name, _| !name.starts_with("GIT_") && !name.starts_with("CARGO_PKG_"));
    let fixed = [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example.org"),
        ("GIT_AUTHOR_DATE", "2024-01-02T03:04:05Z"),
        ("GIT_COMMITTER_NAME", "A"),
        ("GIT_COMMITTER_EMAIL", "a@example.org"),
        ("GIT_COMMITTER_DATE", "2024-01-02T03:04:05Z"),
    ];
    Runner::new(env.and(&fixed.iter().chain(more).copied().collect()))
}

impl Repo {
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = resolve(folder.path()).unwrap().join("my project");
        fs::create_dir(&root).unwrap();
        let repo = Self { folder, root, runner: runner(&[]) };
        repo.git("init -q -b main");
        repo
    }

    /// With one commit that holds these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let repo = Self::empty();
        for (path, text) in files {
            repo.write(path, text);
        }
        repo.commit("first");
        repo
    }

    pub(crate) fn git(&self, words: &str) -> String {
        self.git_in(&self.root, words)
    }

    fn git_in(&self, dir: &Path, words: &str) -> String {
        let words = shell_words::split(words).unwrap();
        self.runner.text(&Cmd::new("git", dir).args(words)).unwrap().trim().to_owned()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn commit(&self, message: &str) -> String {
        self.git("add -A");
        self.git(&format!("commit -q --allow-empty -m '{message}'"));
        self.git("rev-parse HEAD")
    }

    pub(crate) fn facts(&self) -> Facts {
        self.gather(&FactsRequest::default()).unwrap()
    }

    fn gather(&self, wanted: &FactsRequest) -> anyhow::Result<Facts> {
        gather(&self.runner, &Env::default(), &self.root, wanted)
    }
}

pub(crate) fn failure(error: &anyhow::Error) -> (&'static str, String, String) {
    let failure = error.downcast_ref::<Failure>().unwrap_or_else(|| panic!("{error:#}"));
    assert_eq!(failure.exit, Exit::Usage);
    let problem = &failure.problems[0];
    (problem.code, problem.message.clone(), problem.hint.clone().unwrap_or_default())
}

fn tags(facts: &Facts) -> Vec<(&str, &str, Option<u64>)> {
    facts.tags.iter().map(|tag| (tag.name.as_str(), tag.commit.as_str(), tag.distance)).collect()
}

fn files(facts: &Facts) -> Vec<(&str, TreeKind)> {
    facts.files.iter().map(|file| (file.path.as_str(), file.kind.clone())).collect()
}

const APP: &str = "[package]\nname = 'app'\nversion = '1.2.3'\nedition = '2024'\n";

#[test]
fn head_of_a_clean_repository() {
    let repo = Repo::with(&[("README.md", "hello")]);
    let facts = repo.facts();
    assert_eq!(facts.head.commit, repo.git("rev-parse HEAD"));
    assert_eq!((facts.head.time, facts.head.shallow), (1_704_164_645, false));
    assert_eq!((facts.folder.as_str(), facts.head.dirty.as_slice()), ("my project", [].as_slice()));
    assert_eq!((facts.remote, facts.trigger, facts.packages), (None, None, vec![]));
    // Detached, it is the same.
    repo.git("checkout -q --detach");
    assert_eq!(repo.facts().head.commit, facts.head.commit);
}

#[test]
fn the_top_of_a_repository() {
    let repo = Repo::with(&[("a/b/file", "")]);
    assert_eq!(git::top(&repo.runner, &repo.root.join("a/b")).unwrap(), repo.root);
    assert_eq!(git::top(&repo.runner, &repo.root).unwrap(), repo.root);
    let error = git::top(&repo.runner, repo.folder.path()).unwrap_err();
    let (code, _, hint) = failure(&error);
    assert_eq!((code, hint.as_str()), ("no-repository", "git init && git add -A && git commit -m \"first commit\""));
    assert_eq!(failure(&git::top(&repo.runner, &repo.root.join("nowhere")).unwrap_err()).0, "no-folder");
    let bare = repo.folder.path().join("bare.git");
    repo.git(&format!("clone -q --bare . '{}'", bare.display()));
    assert_eq!(failure(&git::top(&repo.runner, &bare).unwrap_err()).0, "no-repository");
}

#[test]
fn refusals_say_what_to_do() {
    let repo = Repo::empty();
    repo.write("Cargo.toml", "broken");
    assert_eq!(failure(&repo.gather(&FactsRequest::default()).unwrap_err()).0, "no-commit");
    let foreign = runner(&[("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")]);
    let (code, _, hint) = failure(&git::top(&foreign, &repo.root).unwrap_err());
    assert_eq!(code, "unsafe-repository");
    assert!(hint.starts_with("git config --global --add safe.directory "), "{hint}");
    let job = runner(&[("GITHUB_ACTIONS", "true")]);
    let (code, _, hint) = failure(&git::top(&job, repo.folder.path()).unwrap_err());
    assert_eq!(code, "no-repository");
    assert!(hint.ends_with("install git in a step before it, as generated workflows do"), "{hint}");
    let bare = Runner::new(Env::of([("PATH", "/nowhere")]));
    assert_eq!(failure(&git::top(&bare, &repo.root).unwrap_err()).0, "git-missing");
}

/// A workspace in a repository that ignores it, such as a home folder's.
#[test]
fn a_repository_above_is_not_taken_for_the_folders_own() {
    let repo = Repo::with(&[(".gitignore", "/work\n"), ("README.md", "home\n")]);
    repo.git("tag v9.9.9");
    repo.write("work/app/Cargo.toml", "[package]\nname = 'app'\nversion = '1.2.3'\n");
    repo.write("work/app/src/main.rs", "fn main() {}\n");
    let root = repo.root.join("work/app");
    let (code, message, _) =
        failure(&gather(&repo.runner, &Env::default(), &root, &FactsRequest::default()).unwrap_err());
    let expected = format!(
        "`{}` has no `.git` of its own, and the repository above it contains none of its files",
        root.display()
    );
    assert_eq!((code, message), ("no-repository", expected));
    // Not ignored, it is a folder of that repository that differs from its commit: nothing of it is published.
    repo.write(".gitignore", "");
    let facts = gather(&repo.runner, &Env::default(), &root, &FactsRequest::default()).unwrap();
    assert!(!facts.head.dirty.is_empty());
}

#[test]
fn tags_are_dereferenced_and_measured() {
    let repo = Repo::with(&[("a", "1")]);
    let first = repo.git("rev-parse HEAD");
    repo.git("tag light");
    repo.git("tag -a annotated -m x");
    repo.git("tag -a nested annotated -m x");
    repo.git("tag blob HEAD:a");
    let second = repo.commit("second");
    repo.git("checkout -q -b side light");
    let side = repo.commit("side");
    repo.git("tag elsewhere");
    repo.git("checkout -q main");
    repo.git("tag v1.0.0");
    let blob = repo.git("rev-parse main:a");
    let expected = |far: Option<u64>| {
        vec![
            ("annotated", first.clone(), far),
            ("blob", blob.clone(), None),
            ("elsewhere", side.clone(), None),
            ("light", first.clone(), far),
            ("nested", first.clone(), far),
            ("v1.0.0", second.clone(), Some(0)),
        ]
    };
    let found = |facts: &Facts| -> Vec<(&'static str, String, Option<u64>)> {
        let names = expected(None).into_iter().map(|(name, ..)| name);
        let tags = names.map(|name| facts.tags.iter().find(|tag| tag.name == name).unwrap());
        tags.zip(expected(None)).map(|(tag, (name, ..))| (name, tag.commit.clone(), tag.distance)).collect()
    };
    // The highest version is at HEAD: no other distance matters.
    assert_eq!(found(&repo.facts()), expected(None));
    // A higher one elsewhere: HEAD may be the branch of an older release, and every distance is found.
    repo.git("tag -a v2.0.0 -m x side");
    assert_eq!(found(&repo.facts()), expected(Some(1)));
    // They are those that git itself counts, also across merges.
    repo.git("tag v3.0.0 side");
    repo.git("merge -q --no-edit side");
    repo.git("checkout -q -b third main~1");
    repo.commit("third");
    repo.git("tag v4.0.0");
    repo.git("checkout -q main");
    let facts = repo.facts();
    for tag in facts.tags.iter().filter(|tag| tag.name != "blob" && tag.name != "v4.0.0") {
        let counted = repo.git(&format!("rev-list --count {}..HEAD", tag.name));
        assert_eq!(tag.distance.map(|n| n.to_string()), Some(counted), "{}", tag.name);
    }
    // Without that branch only the last release is measured.
    repo.git("tag -d v4.0.0");
    let facts = repo.facts();
    let measured: Vec<_> = tags(&facts).into_iter().filter_map(|(name, _, distance)| Some((name, distance?))).collect();
    assert_eq!(measured, [("elsewhere", 2), ("v2.0.0", 2), ("v3.0.0", 2)]);
}

#[test]
fn a_folder_of_a_repository() {
    let repo = Repo::with(&[("other/a", "1"), ("tool/Cargo.toml", APP), ("tool/src/main.rs", "fn main() {}")]);
    repo.write("other/a", "2");
    repo.write("other/new", "");
    repo.write("tool/new", "");
    let facts = gather(&repo.runner, &Env::default(), &repo.root.join("tool"), &FactsRequest::default()).unwrap();
    assert_eq!((facts.folder.as_str(), facts.packages[0].manifest.as_str()), ("tool", "Cargo.toml"));
    assert_eq!(
        facts.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        ["Cargo.toml", "new", "src/main.rs"]
    );
    assert_eq!(facts.head.dirty, [":/other/a", ":/other/new", "new"]);
}

#[test]
fn shallow_clones_and_worktrees() {
    let repo = Repo::with(&[("a", "1")]);
    repo.git("tag v1.0.0");
    let second = repo.commit("second");
    let clone = repo.folder.path().join("clone");
    let url = url::Url::from_directory_path(&repo.root).unwrap();
    repo.git(&format!("clone -q --depth 1 '{url}' '{}'", clone.display()));
    let facts = gather(&repo.runner, &Env::default(), &clone, &FactsRequest::default()).unwrap();
    assert_eq!((facts.head.commit.as_str(), facts.head.shallow, facts.tags.len()), (second.as_str(), true, 0));
    let tree = resolve(repo.folder.path()).unwrap().join("tree");
    repo.git(&format!("worktree add -q '{}' v1.0.0", tree.display()));
    assert_eq!(git::top(&repo.runner, &tree).unwrap(), tree);
    let facts = gather(&repo.runner, &Env::default(), &tree, &FactsRequest::default()).unwrap();
    assert_eq!(tags(&facts).first().map(|tag| (tag.0, tag.2)), Some(("v1.0.0", Some(0))));
}

// Modes and links are made on disk.
#[cfg(unix)]
#[test]
fn files_and_their_kinds() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let executable = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    let repo = Repo::with(&[("a b/grüße.txt", "x"), ("run.sh", "x"), ("gone", "x"), ("more.sh", "x")]);
    executable(&repo.root.join("run.sh"));
    symlink("a b/grüße.txt", repo.root.join("link")).unwrap();
    repo.git("init -q sub");
    repo.git_in(&repo.root.join("sub"), "commit -q --allow-empty -m x");
    repo.write(".gitignore", "ignored\n");
    repo.write("ignored", "x");
    repo.commit("second");
    assert!(repo.git("ls-files -s sub").starts_with("160000"));
    let clean = vec![
        (".gitignore", TreeKind::File),
        ("a b/grüße.txt", TreeKind::File),
        ("gone", TreeKind::File),
        ("link", TreeKind::Symlink("a b/grüße.txt".into())),
        ("more.sh", TreeKind::File),
        ("run.sh", TreeKind::Executable),
    ];
    let facts = repo.facts();
    assert_eq!((files(&facts), facts.head.dirty.as_slice()), (clean, [].as_slice()));

    fs::remove_file(repo.root.join("gone")).unwrap();
    executable(&repo.root.join("more.sh"));
    repo.write("new/file ☃", "x");
    let dirty = vec![
        (".gitignore", TreeKind::File),
        ("a b/grüße.txt", TreeKind::File),
        ("link", TreeKind::Symlink("a b/grüße.txt".into())),
        ("more.sh", TreeKind::Executable),
        ("new/file ☃", TreeKind::File),
        ("run.sh", TreeKind::Executable),
    ];
    let facts = repo.facts();
    assert_eq!(facts.head.dirty, ["gone", "more.sh", "new/file ☃"]);
    assert_eq!(files(&facts), dirty);
}

#[test]
fn dirt_is_named_but_not_without_end() {
    let repo = Repo::with(&[("a", "1"), ("b", "1")]);
    repo.git("mv a c");
    assert_eq!(repo.facts().head.dirty, ["a", "c"]);
    assert_eq!(files(&repo.facts()), [("b", TreeKind::File), ("c", TreeKind::File)]);
    (0..50).for_each(|n| repo.write(&format!("new/{n}"), ""));
    let facts = repo.facts();
    assert_eq!((facts.head.dirty.len(), facts.files.len()), (20, 52));
}

#[test]
fn remotes_and_what_a_job_says() {
    let repo = Repo::with(&[("a", "1")]);
    repo.git("remote add origin https://user:ghp_canary@github.example.org/owner/name.git");
    let show = |env: &[(&str, &str)]| {
        let env = Env::of(env.iter().copied());
        let facts = gather(&repo.runner, &env, &repo.root, &FactsRequest::default()).unwrap();
        assert!(!format!("{facts:?}").contains("canary"));
        let remote = facts.remote.unwrap();
        (format!("{} {} {}", remote.host, remote.owner, remote.name), facts.trigger)
    };
    assert_eq!(show(&[]), ("github.example.org owner name".into(), None));
    let job = [
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "other/fork"),
        ("GITHUB_REF", "refs/tags/app/v1.0.0"),
    ];
    assert_eq!(show(&job), ("github.com other fork".into(), Some("app/v1.0.0".into())));
    assert_eq!(show(&job[1..2]).0, "github.example.org other fork");
    assert_eq!(show(&[("GITHUB_REF", "refs/heads/main")]).1, None);
    for nonsense in ["nonsense", "a/b/c", "a/", "/"] {
        let env = Env::of([("GITHUB_REPOSITORY", nonsense)]);
        let error = gather(&repo.runner, &env, &repo.root, &FactsRequest::default()).unwrap_err();
        assert_eq!(failure(&error).0, "bad-repository", "{nonsense}");
    }
}

/// A workspace with inheritance, a lock file, a package of examples only, and one that is not published.
fn workspace() -> Repo {
    let inherits = |name: &str, more: &str| {
        format!("[package]\nname = '{name}'\nversion.workspace = true\nedition = '2024'\n{more}")
    };
    let lock = "version = 4\n[[package]]\nname = 'app'\nversion = '1.2.2'\n[[package]]\nname = 'app'\nversion = '9.0.0'\n\
        source = 'registry+https://github.com/rust-lang/crates.io-index'\nchecksum = 'x'\n";
    let root = "[workspace]\nresolver = '3'\nmembers = ['crates/*']\n[workspace.package]\nversion = '1.2.3'\n";
    let app = "[features]\ntls = ['more']\nmore = []\n[dependencies]\nanyhow = '999'\n\
        [[bin]]\nname = 'zulu'\npath = 'src/zulu.rs'\nrequired-features = ['more']\n";
    Repo::with(&[
        ("Cargo.toml", root),
        ("Cargo.lock", lock),
        ("CHANGELOG.md", "# all"),
        ("crates/app/Cargo.toml", &inherits("app", app)),
        ("crates/app/CHANGELOG.md", "# app"),
        ("crates/app/src/main.rs", "fn main() {}"),
        ("crates/app/src/zulu.rs", "fn main() {}"),
        ("crates/app/src/bin/extra.rs", "fn main() {}"),
        ("crates/lib/Cargo.toml", &inherits("lib", "publish = false\n")),
        ("crates/lib/src/lib.rs", ""),
        ("crates/lib/examples/shown.rs", "fn main() {}"),
        ("docs/CHANGELOG.md", "# not of a package"),
    ])
}

#[test]
fn cargo_workspaces() {
    let repo = workspace();
    let facts = repo.facts();
    let [app, lib] = facts.packages.as_slice() else { panic!("{:?}", facts.packages) };
    let expected = Package {
        name: "app".into(),
        version: "1.2.3".parse().unwrap(),
        description: None,
        license: None,
        license_file: None,
        manifest: "crates/app/Cargo.toml".into(),
        workspace: "Cargo.toml".into(),
        bins: vec!["app".into(), "extra".into(), "zulu".into()],
        sources: BTreeMap::from([
            ("app".into(), "crates/app/src/main.rs".into()),
            ("extra".into(), "crates/app/src/bin/extra.rs".into()),
            ("zulu".into(), "crates/app/src/zulu.rs".into()),
        ]),
        features: vec!["more".into(), "tls".into()],
        enables: BTreeMap::from([("more".into(), vec![]), ("tls".into(), vec!["more".into()])]),
        required: BTreeMap::from([("zulu".into(), vec!["more".into()])]),
        publish: true,
        is_default: true,
        locked: Some("1.2.2".parse().unwrap()),
        lock: Some("Cargo.lock".into()),
    };
    assert_eq!(*app, expected);
    assert_eq!(app.compiled(&[], true, false), ["app", "extra"]);
    assert_eq!(app.compiled(&["tls".into()], true, false), ["app", "extra", "zulu"]);
    assert_eq!(app.compiled(&[], false, true), ["app", "extra", "zulu"]);
    assert_eq!((lib.bins.len(), lib.publish, &lib.locked), (0, false, &None));
    assert_eq!(facts.texts.keys().collect::<Vec<_>>(), ["CHANGELOG.md", "crates/app/CHANGELOG.md"]);
    let shown = format!("{facts:?}");
    assert!(!shown.contains(repo.root.to_str().unwrap()), "{shown}");
}

#[test]
fn the_example_is_a_workspace_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = cargo::packages(&runner(&[]), root, &["examples/harbor/Cargo.toml".into()]).unwrap();
    let shown: Vec<_> = packages
        .iter()
        .map(|package| (package.name.as_str(), package.workspace.as_str(), package.bins.len()))
        .collect();
    let workspace = "examples/harbor/Cargo.toml";
    let expected = [
        ("longshore", "Cargo.toml", 1),
        ("harbor", workspace, 1),
        ("harbor-core", workspace, 0),
        ("harbor-server", workspace, 1),
        ("py-harbor", workspace, 0),
    ];
    assert_eq!(shown, expected);
    assert!(packages.iter().all(|package| package.locked.as_ref() == Some(&package.version)), "{packages:?}");
}

#[test]
fn cargo_without_a_lock_file_writes_none() {
    let repo = Repo::with(&[("Cargo.toml", &format!("{APP}[dependencies]\nanyhow = '1'\n")), ("src/main.rs", "")]);
    let facts = repo.facts();
    assert_eq!(facts.packages.len(), 1);
    assert_eq!((&facts.packages[0].locked, &facts.packages[0].lock), (&None, &None));
    assert!(!repo.root.join("Cargo.lock").exists() && !repo.root.join("target").exists());
    assert_eq!(repo.git("status --porcelain"), "");
}

#[test]
fn manifests_outside_the_workspace() {
    let repo = Repo::with(&[
        ("py/Cargo.toml", &format!("{APP}[workspace]\n")),
        ("py/src/bin/tool.rs", "fn main() {}"),
        ("py/Cargo.lock", "version = 4\n[[package]]\nname = 'app'\nversion = '1.2.3'\n"),
    ]);
    assert_eq!(repo.facts().packages, []);
    let wanted = FactsRequest { manifests: vec!["py/Cargo.toml".into()], ..FactsRequest::default() };
    let facts = repo.gather(&wanted).unwrap();
    let package = &facts.packages[0];
    let paths = (package.manifest.as_str(), package.workspace.as_str(), package.lock.as_deref());
    assert_eq!(paths, ("py/Cargo.toml", "py/Cargo.toml", Some("py/Cargo.lock")));
    assert_eq!(
        (package.bins.as_slice(), &package.locked),
        (["tool".to_owned()].as_slice(), &Some(package.version.clone()))
    );
    let wanted = FactsRequest { manifests: vec!["no/Cargo.toml".into()], ..FactsRequest::default() };
    assert_eq!(failure(&repo.gather(&wanted).unwrap_err()).0, "no-manifest");
}

#[test]
fn what_cargo_refuses_is_told_in_its_words() {
    let repo = Repo::with(&[("Cargo.toml", "[package]\nname = 'app'\nversion = 'one'\n"), ("src/main.rs", "")]);
    let (code, message, _) = failure(&repo.gather(&FactsRequest::default()).unwrap_err());
    assert_eq!(code, "cargo-manifest");
    assert!(message.starts_with("cargo cannot read `Cargo.toml`: ") && message.contains("'one'"), "{message}");
    repo.write("Cargo.toml", APP);
    repo.write("Cargo.lock", "<<<<<<< HEAD\n");
    assert_eq!(failure(&repo.gather(&FactsRequest::default()).unwrap_err()).0, "cargo-lock");
}

// A link gives git a folder of its own; copied, git for Windows finds no parts of its own.
#[cfg(unix)]
#[test]
fn a_missing_cargo_is_named() {
    let repo = Repo::with(&[("Cargo.toml", APP), ("src/main.rs", "")]);
    let tools = repo.folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    std::os::unix::fs::symlink(repo.runner.find("git").unwrap(), tools.join("git")).unwrap();
    let runner = runner(&[("PATH", tools.to_str().unwrap())]);
    let error = gather(&runner, &Env::default(), &repo.root, &FactsRequest::default()).unwrap_err();
    assert_eq!(failure(&error).0, "cargo-missing");
    // Without a manifest nobody needs it.
    repo.git("rm -q Cargo.toml");
    assert!(gather(&runner, &Env::default(), &repo.root, &FactsRequest::default()).is_ok());
}

#[test]
fn texts_and_versions_asked_for() {
    let repo = Repo::with(&[("notes/head.md", "hi"), ("VERSION", "1.2.3\n"), ("binary", "\0")]);
    fs::write(repo.root.join("binary"), [0xff, 0xfe]).unwrap();
    fs::write(repo.root.join("long"), vec![b'x'; (1 << 20) + 1]).unwrap();
    let wanted = |texts: &[&str]| FactsRequest {
        texts: texts.iter().map(ToString::to_string).collect(),
        version_files: vec!["VERSION".into(), "none".into()],
        ..FactsRequest::default()
    };
    let facts = repo.gather(&wanted(&["notes/head.md", "none.md"])).unwrap();
    assert_eq!(facts.texts, BTreeMap::from([("notes/head.md".into(), "hi".into())]));
    assert_eq!(facts.version_files["VERSION"], Ok("1.2.3".into()));
    assert_eq!(facts.version_files["none"], Err("does not exist".into()));
    for path in ["binary", "long", "../x", "/etc/hostname", "notes"] {
        assert_eq!(failure(&repo.gather(&wanted(&[path])).unwrap_err()).0, "bad-text", "{path}");
    }
}
