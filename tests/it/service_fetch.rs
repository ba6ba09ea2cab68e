//! The service's fetching, with real git over HTTP: what is fetched, what is refused, and what a hostile repository gets.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use longshore::secret::Secret;
use longshore::serve::check::{self, Checked};
use longshore::serve::executor::Ended;
use longshore::serve::fetch::{Checkout, Fetcher, Order, Resolve, Settings};
use longshore::serve::log::Logs;
use longshore::serve::task::{Face, Login, Reason, Submission, TaskId};
use longshore::world::env::Env;
use tokio_util::sync::CancellationToken;

use crate::git_server::{GitServer, PASSWORD, USER};
use crate::project::variable;

const APP: &str = "echo FROM scratch > Dockerfile; git add -A; git commit -qm one; git tag v1.0; echo two > two; git add -A; git commit -qm two; git branch other HEAD~";

/// One fetch.
struct Fetched {
    folder: tempfile::TempDir,
    log: String,
    result: Result<Checkout, Ended>,
}

impl Fetched {
    #[track_caller]
    fn tree(&self) -> PathBuf {
        self.result.as_ref().unwrap().folder.clone()
    }

    #[track_caller]
    fn failed(&self, reason: Reason) -> String {
        match &self.result {
            Err(Ended::Failed(fault)) if fault.reason == reason => fault.message.clone(),
            other => panic!("{other:?}\n{}", self.log),
        }
    }
}

struct Ask<'a> {
    url: String,
    face: Face,
    branch: Option<&'a str>,
    login: Option<Login>,
    settings: Settings,
    resolve: Option<Resolve>,
    stop: CancellationToken,
}

impl<'a> Ask<'a> {
    fn of(server: &GitServer, name: &str) -> Self {
        let settings =
            Settings { allowed: format!("{} git.test", server.host).parse().unwrap(), ..Settings::default() };
        let url = server.url(name);
        Self {
            url,
            face: Face::New,
            branch: None,
            login: None,
            settings,
            resolve: None,
            stop: CancellationToken::new(),
        }
    }

    fn branch(self, branch: &'a str) -> Self {
        Self { branch: Some(branch), ..self }
    }

    fn old(self) -> Self {
        Self { face: Face::Old, ..self }
    }

    fn checked(&self) -> Checked {
        let submission = Submission {
            face: Face::Old,
            app_name: "app".into(),
            image_tag: "tag".into(),
            git_repo: self.url.clone(),
            login: None,
            branch: self.branch.map(str::to_owned),
            app_dir: None,
            dockerfile: None,
        };
        check::submission(&submission, &self.settings.allowed).unwrap()
    }

    fn fetch(self) -> Fetched {
        let folder = tempfile::tempdir().unwrap();
        let (logs, place) = (folder.path().join("logs"), folder.path().join("checkout"));
        std::fs::create_dir(&logs).unwrap();
        std::fs::create_dir(&place).unwrap();
        let (logs, id) = (Logs::new(&logs), TaskId::of([1; 16]));
        let log = logs.open(&id, 1).unwrap();
        let checked = self.checked();
        let env = Env::of([("PATH", variable("PATH").unwrap()), ("GIT_SSL_NO_VERIFY", "1".into())]);
        let mut fetcher = Fetcher::new(self.settings, &env);
        if let Some(resolve) = self.resolve {
            fetcher = fetcher.asking(resolve);
        }
        let login = self.login.as_ref();
        let order = Order { checked: &checked, face: self.face, login, folder: &place, log: &log, stop: &self.stop };
        let result = fetcher.fetch(&order);
        drop(log);
        let log = std::fs::read_to_string(logs.path(&id, 1)).unwrap();
        Fetched { folder, log, result }
    }
}

/// Whether any file below a folder holds some bytes.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            return holds(&entry.path(), text);
        }
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_branch_a_tag_and_what_head_says() {
    let server = GitServer::start();
    server.repository("app.git", APP);
    let head = server.git("app.git", &["rev-parse", "HEAD"]);
    let first = server.git("app.git", &["rev-parse", "v1.0"]);
    for (branch, commit, has_two) in [(None, &head, true), (Some("main"), &head, true), (Some("other"), &first, false)]
    {
        let fetched = Ask { branch, ..Ask::of(&server, "app.git") }.fetch();
        let checkout = fetched.result.as_ref().unwrap();
        assert_eq!((&checkout.commit, checkout.time), (commit, 1_767_225_600), "{branch:?}");
        assert!(checkout.folder.join("Dockerfile").is_file() && checkout.folder.join("two").exists() == has_two);
        // Nothing of git is left for the build, and no history was sent.
        assert!(!checkout.folder.join(".git").exists());
    }
    assert_eq!(Ask::of(&server, "app.git").branch("v1.0").fetch().result.unwrap().commit, first);
}

#[test]
fn old_callers_get_history_and_tags() {
    let server = GitServer::start();
    server.repository("app.git", APP);
    let fetched = Ask::of(&server, "app.git").branch("main").old().fetch();
    let mut describe = crate::project::program("git");
    let said = describe.args(["describe", "--tags", "--long"]).current_dir(fetched.tree()).output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&said).starts_with("v1.0-1-g"), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn a_login_goes_to_its_server_and_nowhere_else() {
    let server = GitServer::start();
    server.repository("private/app.git", APP);
    let login = Login { user: Secret::new(USER), password: Secret::new(PASSWORD) };
    for face in [Face::Old, Face::New] {
        let fetched = Ask { login: Some(login.clone()), face, ..Ask::of(&server, "private/app.git") }.fetch();
        assert!(fetched.tree().join("two").is_file());
        assert!(!holds(fetched.folder.path(), "canary"), "{}", fetched.log);
    }
    let wrong = Login { user: Secret::new(USER), password: Secret::new("canary-wrong") };
    for login in [None, Some(wrong)] {
        let fetched = Ask { login, ..Ask::of(&server, "private/app.git") }.fetch();
        let message = fetched.failed(Reason::GitAuthFailed);
        assert!(message.contains("asks for a login") && !holds(fetched.folder.path(), "canary"), "{message}");
    }
}

#[test]
fn what_cannot_be_had_has_a_reason() {
    let server = GitServer::start();
    server.repository("app.git", APP);
    server.repository("empty.git", "true");
    #[track_caller]
    fn check(ask: Ask<'_>, reason: Reason, message: &str) {
        let said = ask.fetch().failed(reason);
        assert!(said.contains(message), "{said}");
    }
    check(Ask::of(&server, "app.git").branch("none"), Reason::GitRevisionNotFound, "no branch or tag `none`");
    check(Ask::of(&server, "app.git").branch("none").old(), Reason::GitRevisionNotFound, "no branch or tag `none`");
    check(Ask::of(&server, "empty.git"), Reason::GitRevisionNotFound, "has no commit");
    check(Ask::of(&server, "none.git"), Reason::GitRepositoryNotFound, "is not a repository");
    check(Ask::of(&server, "away/app.git"), Reason::RedirectForbidden, "redirects elsewhere");
    check(Ask::of(&server, "broken/app.git"), Reason::GitUnreachable, "503");
    let gone = GitServer::start();
    let ask = Ask::of(&gone, "app.git");
    drop(gone);
    check(ask, Reason::GitUnreachable, "did not answer");
}

#[test]
fn names_are_looked_up_once_and_pinned() {
    let server = GitServer::start();
    server.repository("app.git", APP);
    let port = server.host.rsplit_once(':').unwrap().1;
    let named = |host: &str| Ask { url: format!("http://{host}:{port}/app.git"), ..Ask::of(&server, "app.git") };
    // No resolver of the system knows the name: git connects to the address that was looked at.
    let ask = Ask { resolve: Some(|_, _| Ok(vec![[127, 0, 0, 1].into()])), ..named("git.test") };
    assert!(ask.fetch().result.is_ok());

    let https = |host: &str| Ask { url: format!("https://{host}:{port}/app.git"), ..Ask::of(&server, "app.git") };
    let asked = server.asked().len();
    let private: Resolve = |_, _| Ok(vec![[10, 0, 0, 5].into()]);
    let mixed: Resolve = |_, _| Ok(vec![[140, 82, 121, 3].into(), [127, 0, 0, 1].into()]);
    for resolve in [private, mixed] {
        let ask = Ask { resolve: Some(resolve), ..https("public.example.com") };
        let message = ask.fetch().failed(Reason::AddressForbidden);
        assert!(message.contains("`public.example.com` resolves to"), "{message}");
    }
    let ask = Ask { resolve: Some(|_, _| Ok(Vec::new())), ..https("public.example.com") };
    ask.fetch().failed(Reason::GitUnreachable);
    assert_eq!(server.asked().len(), asked, "nobody is asked");
}

#[test]
fn a_hostile_repository_runs_and_reaches_nothing() {
    let server = GitServer::start();
    let secret = tempfile::tempdir().unwrap();
    let canary = secret.path().join("ran");
    let script = format!(
        "git init -q -b main ../inner; (cd ../inner; git commit -q --allow-empty -m inner);
         git -c protocol.file.allow=always submodule --quiet add file://$(cd ../inner; pwd) sub;
         ln -s /etc/passwd passwd; ln -s ../../../../../.. up; mkdir d; ln -s ../.git/config d/config;
         echo '* filter=evil' > .gitattributes; mkdir -p .githooks;
         printf '#!/bin/sh\\ntouch {canary}\\n' > .githooks/post-checkout; chmod +x .githooks/post-checkout;
         printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:4d7a\\nsize 12345678\\n' > model.bin;
         git add -A; git commit -qm hostile",
        canary = canary.display()
    );
    server.repository("hostile.git", &script);
    for face in [Face::Old, Face::New] {
        let fetched = Ask { face, ..Ask::of(&server, "hostile.git") }.fetch();
        let tree = fetched.tree();
        assert!(!canary.exists());
        assert!(std::fs::read_dir(tree.join("sub")).unwrap().next().is_none(), "the submodule stays empty");
        for (name, target) in [("passwd", "/etc/passwd"), ("up", "../../../../../.."), ("d/config", "../.git/config")] {
            assert_eq!(std::fs::read_link(tree.join(name)).unwrap(), Path::new(target));
        }
        assert!(fetched.log.contains("warning: the submodule `sub` is not fetched"), "{}", fetched.log);
        assert!(fetched.log.contains("warning: `model.bin` is a Git LFS pointer"), "{}", fetched.log);
    }
}

#[test]
fn trees_that_write_into_git_itself_are_refused() {
    let server = GitServer::start();
    let script = "echo '[core] hooksPath = /tmp' > x; blob=$(git hash-object -w x);
        inner=$(printf '100644 blob %s\\tconfig\\n' $blob | git mktree);
        for name in .git .GIT git~1; do
            tree=$(printf '040000 tree %s\\t%s\\n' $inner $name | git mktree);
            git branch b$(echo $name | tr -d .~) $(git commit-tree -m x $tree);
        done";
    server.repository("evil.git", script);
    for branch in ["bgit", "bGIT", "bgit1"] {
        let fetched = Ask::of(&server, "evil.git").branch(branch).fetch();
        assert!(
            matches!(&fetched.result, Err(Ended::Failed(fault)) if fault.reason == Reason::GitFailed),
            "{:?}",
            fetched.result
        );
    }
}

#[test]
fn limits_are_kept() {
    let server = GitServer::start();
    server.repository("large.git", "head -c 6000000 /dev/urandom > large; git add -A; git commit -qm large");
    server.repository("many.git", "for n in $(seq 60); do echo $n > f$n; done; git add -A; git commit -qm many");
    let ask = Ask::of(&server, "large.git");
    let settings = Settings { most_bytes: 1 << 20, ..ask.settings.clone() };
    let message = Ask { settings, ..ask }.fetch().failed(Reason::CloneTooLarge);
    assert!(message.contains("larger than 1 MiB"), "{message}");
    let ask = Ask::of(&server, "many.git");
    let settings = Settings { most_files: 59, ..ask.settings.clone() };
    let message = Ask { settings, ..ask }.fetch().failed(Reason::CloneTooLarge);
    assert!(message.contains("more than 59 files"), "{message}");
    let ask = Ask::of(&server, "many.git");
    let settings = Settings { most_files: 60, ..ask.settings.clone() };
    assert!(Ask { settings, ..ask }.fetch().result.is_ok());
}

#[test]
fn a_server_that_never_answers_is_left() {
    let server = GitServer::start();
    let ask = Ask::of(&server, "slow/app.git");
    let settings = Settings { timeout: Duration::from_secs(2), ..ask.settings.clone() };
    let message = Ask { settings, ..ask }.fetch().failed(Reason::GitUnreachable);
    assert!(message.contains("did not end within 2 s"), "{message}");

    let ask = Ask::of(&server, "slow/app.git");
    let stop = ask.stop.clone();
    let begun = Instant::now();
    let fetched = std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            stop.cancel();
        });
        ask.fetch()
    });
    assert_eq!(fetched.result, Err(Ended::Stopped));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}
