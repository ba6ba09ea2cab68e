//! The build service, all the way: the real program, git over HTTP, BuildKit, the Distribution project's registry, crane.

mod aws;
mod gate;
mod moto;
mod process;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::engines::daemon::Daemon;
use crate::git_server::{GitServer, PASSWORD, USER};
use crate::registry::distribution::{Distribution, Kind};
use crate::tool;
use gate::Gate;
use process::{Service, gone};

/// A base image: busybox, and what it can do.
const BASE: &str = "cp /bin/busybox . && printf 'FROM scratch\\nCOPY --chmod=755 busybox /bin/busybox\\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\\nENV PATH=/bin\\nCMD [\"sh\"]\\n' > Dockerfile && git add -A && git commit -qm base";

struct Place {
    daemon: Daemon,
    registry: Distribution,
    gate: Gate,
    git: GitServer,
    data: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let registry = runtime.block_on(Distribution::start(Kind::Plain));
        let gate = Gate::before(&registry.host);
        let (git, data) = (GitServer::start(), tempfile::tempdir().unwrap());
        Self { daemon: Daemon::start(), registry, gate, git, data }
    }

    fn service(&self) -> Service {
        Service::start(self.data.path(), &self.variables())
    }

    fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("BUILDKIT_HOST", self.daemon.host()),
            ("ENV", "local".into()),
            // The name that callers see; it is reached at another address.
            ("LOCAL_REGISTRY", "localhost:5000".into()),
            ("LONGSHORE_REGISTRY_ADDRESS", self.gate.url.clone()),
            ("LONGSHORE_FETCH_ALLOW", self.git.host.clone()),
        ]
    }

    /// A service, and the base image in its registry.
    fn with_base(&self) -> Service {
        let service = self.service();
        self.git.repository("base.git", BASE);
        let id = self.submit(&service, "base.git", "base", &[]);
        service.completed(&id);
        service
    }

    /// A repository with a Dockerfile on the base image.
    fn repository(&self, name: &str, instructions: &str) {
        let text = format!("FROM localhost:5000/serve-app:base\n{instructions}\n");
        let script = format!(
            "cat > Dockerfile <<'END'\n{text}END\necho hello > hello.txt; git add -A; git commit -qm app; git tag v1.0"
        );
        self.git.repository(name, &script);
    }

    fn submit(&self, service: &Service, repository: &str, tag: &str, more: &[(&str, &str)]) -> String {
        let url = self.git.url(repository);
        let fields = [("app_name", "app"), ("image_tag", tag), ("git_repo", url.as_str())];
        service.submit(&[&fields, more].concat())
    }

    fn crane(&self, args: &[&str]) -> String {
        let output = tool("crane").args(args).arg("--insecure").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn image(&self, tag: &str) -> String {
        format!("{}/serve-app:{tag}", self.registry.host)
    }

    fn tags(&self) -> String {
        self.crane(&["ls", &format!("{}/serve-app", self.registry.host)])
    }
}

#[test]
fn built_pushed_and_read_back() {
    let place = Place::new();
    let service = place.with_base();
    place.repository("app.git", "COPY . /src/\nRUN test -d /src/.git && cat /src/hello.txt > /said && echo built\nENTRYPOINT [\"/bin/cat\", \"/said\"]");
    let id = place.submit(&service, "app.git", "v1.0", &[("branch", "v1.0")]);
    let build = service.completed(&id);
    let image = place.image("v1.0");
    place.crane(&["validate", "--remote", &image]);
    assert_eq!(build["digest"], place.crane(&["digest", &image]).trim());
    assert_eq!(build["commit"], place.git.git("app.git", &["rev-parse", "HEAD"]));
    let config: Value = serde_json::from_str(&place.crane(&["config", &image])).unwrap();
    assert_eq!(
        (config["architecture"].as_str(), config["config"]["Entrypoint"][0].as_str()),
        (Some("amd64"), Some("/bin/cat"))
    );
    let log = service.log(&id);
    for said in [
        "fetching http://",
        "engine: `buildctl`",
        "RUN test -d",
        "built",
        "tagged localhost:5000/serve-app:v1.0",
        "read back",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    // The tag was written after the digest.
    let written = place.gate.written();
    let at = |end: &str| written.iter().position(|path| path.ends_with(end)).unwrap();
    assert!(at(build["digest"].as_str().unwrap()) < at("/manifests/v1.0"), "{written:?}");

    // A Dockerfile of the caller's, and a folder of the repository as the context.
    place.git.repository("dirs.git", "mkdir -p a/b; echo deep > a/b/c; git add -A; git commit -qm dirs");
    let own = place.data.path().join("own");
    std::fs::write(&own, "FROM localhost:5000/serve-app:base\nCOPY c /c\nRUN cat /c\n").unwrap();
    let own = format!("@{}", own.display());
    let id = place.submit(&service, "dirs.git", "own", &[("app_dir", "a/b"), ("dockerfile", &own)]);
    service.completed(&id);
    assert!(service.log(&id).contains("deep"), "{}", service.log(&id));

    // A login in the address works, and is nowhere to be seen.
    place.repository("private/app.git", "COPY . /src\nRUN ! grep -r can[a]ry /src && env");
    let user = format!("{USER}:{}@", PASSWORD.replace('@', "%40").replace('/', "%2F"));
    let url = place.git.url("private/app.git").replace("http://", &format!("http://{user}"));
    let id = service.submit(&[("app_name", "app"), ("image_tag", "private"), ("git_repo", &url)]);
    service.completed(&id);
    assert!(place.git.asked().contains(&"POST /private/app.git/git-upload-pack".to_owned()));
    for text in [service.log(&id), service.build(&id).to_string(), service.curl(&[&format!("{}/task", service.url)])] {
        assert!(!text.contains("canary"), "{text}");
    }
    assert_eq!(std::fs::read_dir(place.data.path().join("work")).unwrap().count(), 0, "nothing is left of attempts");
}

#[test]
fn what_fails_says_why_and_pushes_nothing() {
    let place = Place::new();
    let service = place.with_base();
    let before = place.tags();
    let check = |repository: &str, more: &[(&str, &str)], reason: &str, said: &str| {
        let id = place.submit(&service, repository, "broken", more);
        assert_eq!(service.ended(&id), "failed");
        let build = service.build(&id);
        assert_eq!(build["reason"], reason, "{build}\n{}", service.log(&id));
        let log = service.log(&id);
        assert!(log.contains(said), "{said}: {log}");
    };
    place.repository("exit.git", "RUN echo before it breaks\nRUN echo words of the step && exit 7");
    check(
        "exit.git",
        &[],
        "build_failed",
        "`RUN echo words of the step && exit 7` (line 3 of `Dockerfile`) failed with exit status 7",
    );
    check("exit.git", &[("branch", "none")], "git_revision_not_found", "no branch or tag `none`");
    check("exit.git", &[("app_dir", "none")], "context_missing", "no folder `none`");
    check("none.git", &[], "git_repository_not_found", "is not a repository");
    place.git.repository("bare.git", "git commit -q --allow-empty -m nothing");
    check("bare.git", &[], "dockerfile_missing", "has no `Dockerfile`");
    place.git.repository("link.git", "ln -s /etc/passwd Dockerfile; git add -A; git commit -qm link");
    check("link.git", &[], "dockerfile_outside_repo", "leads out of the repository");
    place.git.repository("typo.git", "printf 'FROM scratch\\nRNU x\\n' > Dockerfile; git add -A; git commit -qm typo");
    check("typo.git", &[], "dockerfile_invalid", "  2 | RNU x\n    | ^^^^^");
    place.git.repository("far.git", "echo FROM 10.1.2.3:5000/x > Dockerfile; git add -A; git commit -qm far");
    check("far.git", &[], "address_forbidden", "a private address");
    place.git.repository("lost.git", "echo FROM localhost:5000/lost:1 > Dockerfile; git add -A; git commit -qm lost");
    check("lost.git", &[], "base_not_found", "`localhost:5000/lost:1` does not exist");
    place.repository("copy.git", "COPY nothing /x");
    check("copy.git", &[], "build_failed", "nothing");
    assert_eq!(place.tags(), before);
}

#[test]
fn a_cancel_ends_everything_it_started() {
    let place = Place::new();
    let service = place.with_base();
    let before = place.tags();
    place.repository("long.git", "RUN echo it began && sleep 86413");
    let id = place.submit(&service, "long.git", "long", &[]);
    service.says(&id, "it began\n");
    let begun = Instant::now();
    let answer = service.json(&["-X", "POST", &format!("{}/api/v1/builds/{id}/cancel", service.url)]);
    assert!(answer["state"] == "running" || answer["state"] == "cancelled", "{answer}");
    assert_eq!(service.ended(&id), "failed");
    assert_eq!(service.build(&id)["state"], "cancelled");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    gone("sleep 86413");
    assert_eq!(place.tags(), before);

    // While its tag is being written it cannot be cancelled any more: a cancelled build with a moved tag is a lie.
    place.repository("late.git", "RUN true");
    place.gate.hold("late");
    let id = place.submit(&service, "late.git", "late", &[]);
    let end = Instant::now() + Duration::from_secs(120);
    while place.gate.waiting() == 0 {
        assert!(Instant::now() < end, "{}", service.log(&id));
        std::thread::sleep(Duration::from_millis(50));
    }
    let url = format!("{}/api/v1/builds/{id}/cancel", service.url);
    assert_eq!(service.curl(&["-X", "POST", "-o", "/dev/null", "-w", "%{http_code}", &url]), "409");
    place.gate.release();
    service.completed(&id);
}

#[test]
fn killed_between_digest_and_tag_it_is_not_built_again() {
    let place = Place::new();
    let service = place.with_base();
    // Another build would have another digest.
    place.repository("app.git", "RUN cat /proc/uptime /proc/sys/kernel/random/uuid > /unique");
    place.gate.hold("killed");
    let id = place.submit(&service, "app.git", "killed", &[]);
    let end = Instant::now() + Duration::from_secs(120);
    while place.gate.waiting() == 0 {
        assert!(Instant::now() < end, "{}", service.log(&id));
        std::thread::sleep(Duration::from_millis(50));
    }
    let digest = service.build(&id)["digest"].as_str().unwrap().to_owned();
    assert!(!place.tags().contains("killed"));
    service.kill();
    place.gate.release();

    let service = place.service();
    let build = service.completed(&id);
    assert_eq!((build["digest"].as_str(), build["attempt"].as_u64()), (Some(digest.as_str()), Some(2)));
    assert_eq!(place.crane(&["digest", &place.image("killed")]).trim(), digest);
    assert!(service.log(&id).contains("it is not built again"), "{}", service.log(&id));
}

#[test]
fn killed_while_it_builds_it_is_built_again_and_nothing_is_left() {
    let place = Place::new();
    let service = place.with_base();
    place.repository("app.git", "RUN echo it began && sleep 5");
    let id = place.submit(&service, "app.git", "again", &[]);
    service.says(&id, "it began\n");
    let data = place.data.path().display().to_string();
    service.kill();
    // Whatever was started for it worked in its folder.
    gone(&format!("{data}/work"));
    let service = place.service();
    let build = service.completed(&id);
    assert_eq!(build["attempt"], 2);
    assert_eq!(build["digest"], place.crane(&["digest", &place.image("again")]).trim());
    assert_eq!(std::fs::read_dir(place.data.path().join("work")).unwrap().count(), 0);
}
