//! Images from Dockerfiles, all the way: built by BuildKit, published to a registry that we did not write, read by crane.

use std::process::Output;

use serde_json::Value;

use crate::engines::daemon::Daemon;
use crate::project::Project;
use crate::registry::distribution::{Distribution, Kind};
use crate::tool;

/// A base image: busybox, and instructions for whatever is built on it.
const BASE: &str = r#"FROM scratch
COPY --chmod=755 busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin FLAVOR=plain
ONBUILD COPY settings/ /settings/
CMD ["sh"]
"#;

/// A service on it. A variable of the base decides what is copied.
const SERVICE: &str = r#"FROM HOST/team/base:1.0.0 AS build
COPY src/ /src/
RUN cat /src/* > /built
FROM HOST/team/base:1.0.0
COPY --from=build /built /built
COPY $FLAVOR.txt /flavor.txt
COPY --chmod=755 start.sh /start.sh
USER 1000
EXPOSE 8080
ENTRYPOINT ["/start.sh"]
"#;

struct Place {
    daemon: Daemon,
    registry: Distribution,
}

impl Place {
    /// BuildKit, and a registry that has the base image.
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let place = Self { daemon: Daemon::start(), registry: runtime.block_on(Distribution::start(Kind::Plain)) };
        let base =
            place.project("base", "base: { dockerfile: Dockerfile, platforms: linux/amd64 }", &[("Dockerfile", BASE)]);
        let busybox = std::fs::read("/bin/busybox").unwrap();
        std::fs::write(base.folder().join("busybox"), busybox).unwrap();
        place.must(
            &base,
            "git init -q -b main && git add -A && git commit -qm base && git tag v1.0.0 && longshore release --yes",
        );
        place
    }

    fn project(&self, name: &str, images: &str, files: &[(&str, &str)]) -> Project {
        let host = &self.registry.host;
        let config = format!(
            "longshore: 1\nname: {name}\nimages:\n  {images}\npublish:\n  github: false\n  registry: {{ prefix: {host}/team, insecure: true }}\n"
        );
        let files: Vec<(&str, String)> = files.iter().map(|(path, text)| (*path, text.replace("HOST", host))).collect();
        let mut all: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        all.push(("longshore.yaml", &config));
        Project::of(name, &all)
    }

    /// A service, committed with its lock file and tagged.
    fn service(&self, images: &str, dockerfile: &str) -> Project {
        let files = [
            ("Dockerfile", dockerfile),
            ("src/a.txt", "hello\n"),
            ("settings/a.conf", "a\n"),
            ("plain.txt", "plain\n"),
            ("other.txt", "not read\n"),
            ("start.sh", "#!/bin/sh\necho up\n"),
        ];
        let project = self.project("api", images, &files).commit();
        self.must(&project, "longshore lock && git add -A && git commit -qm locked && git tag v1.2.3");
        project
    }

    #[expect(clippy::disallowed_methods, reason = "tests read the environment themselves")]
    fn run(&self, project: &Project, line: &str) -> Output {
        let mut shell = project.shell(line);
        let path = std::env::var("PATH").unwrap_or_default();
        let ours = std::path::Path::new(crate::project::LONGSHORE).parent().unwrap().display().to_string();
        let tools = crate::tools().join("bin").display().to_string();
        shell.env("BUILDKIT_HOST", self.daemon.host()).env("PATH", format!("{ours}:{tools}:{path}"));
        shell.output().unwrap()
    }

    /// What it printed on both streams.
    fn must(&self, project: &Project, line: &str) -> String {
        let output = self.run(project, line);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}: {text}");
        text
    }

    /// What it printed when it ended with this status.
    fn fails(&self, project: &Project, line: &str, status: i32) -> String {
        let output = self.run(project, line);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{line}: {text}");
        text
    }

    fn crane(&self, args: &[&str]) -> String {
        let output = tool("crane").args(args).arg("--insecure").output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn log(project: &Project) -> String {
        std::fs::read_to_string(project.folder().join("target/longshore/logs/image.api.linux-amd64.log")).unwrap()
    }
}

const IMAGE: &str = "api: { dockerfile: Dockerfile, platforms: linux/amd64 }";

#[test]
fn released_read_back_and_taken_again() {
    let place = Place::new();
    let project = place.service(IMAGE, SERVICE);
    place.must(&project, "longshore release --yes");
    let name = format!("{}/team/api:1.2.3", place.registry.host);
    place.crane(&["validate", "--remote", &name]);
    let config: Value = serde_json::from_str(&place.crane(&["config", &name])).unwrap();
    assert_eq!(config["config"]["Entrypoint"][0], "/start.sh");
    assert_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1.2.3");
    let files = tool("crane").args(["export", "--insecure", &name, "-"]).output().unwrap().stdout;
    let files = String::from_utf8_lossy(&files);
    // What the base's `ONBUILD` copies, and what its `ENV` chooses.
    assert!(files.contains("settings/a.conf") && files.contains("flavor.txt"));

    // The same again changes nothing.
    assert!(place.must(&project, "longshore release --yes").contains("already there"));

    // Another commit with the same inputs: no engine is asked.
    place.must(&project, "echo more > other.txt && git commit -qam other && git tag v1.2.4");
    let text = place.must(&project, "BUILDKIT_HOST=unix:///nowhere longshore release --yes");
    assert!(Place::log(&project).contains("published from the same inputs"), "{text}");
    let layers = |tag: &str| {
        let name = format!("{}/team/api:{tag}", place.registry.host);
        let manifest: Value =
            serde_json::from_str(&place.crane(&["manifest", "--platform", "linux/amd64", &name])).unwrap();
        manifest["layers"].clone()
    };
    assert_eq!(layers("1.2.3"), layers("1.2.4"));

    // One changed file: built anew.
    place.must(&project, "echo new >> settings/a.conf && git commit -qam new && git tag v1.2.5");
    let explained = place.must(&project, "longshore plan --explain image.api.linux-amd64");
    assert!(explained.contains("settings/a.conf") && explained.contains("ONBUILD COPY"), "{explained}");
    assert!(!explained.contains("other.txt"), "{explained}");
    place.must(&project, "longshore release --yes");
    assert!(Place::log(&project).contains("engine: "));
    assert_ne!(layers("1.2.4"), layers("1.2.5"));

    // A tag that lies about its inputs is not taken.
    let list = place.crane(&["ls", &format!("{}/team/api", place.registry.host)]);
    place.must(&project, "echo newer >> settings/a.conf && git commit -qam newer && git tag v1.2.6");
    let plan = place.must(&project, "longshore plan --json");
    let digest = plan.split("\"inputs\":{\"digest\":\"sha256:").nth(1).map(|rest| rest[..40].to_owned()).unwrap();
    let old = list.lines().find(|tag| tag.starts_with("in-")).unwrap();
    let from = format!("{}/team/api:{old}", place.registry.host);
    place.crane(&["tag", &from, &format!("in-{digest}")]);
    place.must(&project, "longshore release --yes");
    let log = Place::log(&project);
    assert!(log.contains("is not taken: its annotation has other inputs") && log.contains("engine: "), "{log}");
}

/// An image that is not published, and two on it.
const CHAIN: &str = r#"base: { dockerfile: below/Dockerfile, context: below, publish: false, platforms: linux/amd64 }
  api: { dockerfile: Dockerfile, platforms: linux/amd64, contexts: { below: image.base }, contains: /below.txt }
  web: { dockerfile: web/Dockerfile, context: web, platforms: linux/amd64, contexts: { below: image.base } }"#;

#[test]
fn what_is_published_stays_where_it_is() {
    let place = Place::new();
    let below = "FROM HOST/team/base:1.0.0\nCOPY below.txt /below.txt\nRUN cat /below.txt > /made\n";
    let files = [
        ("below/Dockerfile", below),
        ("below/below.txt", "below\n"),
        ("below/settings/a.conf", "a\n"),
        ("Dockerfile", "FROM below\nCOPY api.txt /api.txt\nENTRYPOINT [\"cat\", \"/api.txt\"]\n"),
        ("api.txt", "api\n"),
        ("web/Dockerfile", "FROM below\nCOPY web.txt /web.txt\nENTRYPOINT [\"cat\", \"/web.txt\"]\n"),
        ("web/web.txt", "web\n"),
        (".gitignore", "/target\n"),
    ];
    let project = place.project("chain", CHAIN, &files).commit();
    place.must(&project, "longshore lock && git add -A && git commit -qm locked && git tag v1.0.0");
    place.must(&project, "longshore release --yes");
    let logged = |step: &str| {
        std::fs::read_to_string(project.folder().join(format!("target/longshore/logs/{step}.log"))).unwrap()
    };
    let layers = |image: &str, tag: &str| {
        let name = format!("{}/team/{image}:{tag}", place.registry.host);
        let manifest = place.crane(&["manifest", "--platform", "linux/amd64", &name]);
        let layers = serde_json::from_str::<Value>(&manifest).unwrap()["layers"].clone();
        assert!(layers.is_array(), "{manifest}");
        layers
    };

    // On a machine that has nothing: no engine, and no layer is downloaded.
    let clean = "rm -rf target/longshore && BUILDKIT_HOST=unix:///nowhere longshore release --yes";
    place.must(
        &project,
        &format!("echo more > more.txt && git add -A && git commit -qm more && git tag v1.0.1 && {clean}"),
    );
    assert!(logged("image.base.linux-amd64").contains("not needed: all images on it were published before"));
    assert!(logged("check.secrets.base.linux-amd64").contains("not needed"));
    assert!(logged("image.web.linux-amd64").contains("published from the same inputs"));
    assert!(!project.folder().join("target/longshore/cache").exists());
    for image in ["api", "web"] {
        let name = format!("{}/team/{image}:1.0.1", place.registry.host);
        place.crane(&["validate", "--remote", &name]);
        assert_eq!(layers(image, "1.0.0"), layers(image, "1.0.1"));
    }
    let verified = place.must(&project, "longshore verify");
    assert!(verified.contains("not read again: published from the same inputs as `"), "{verified}");

    // One of the two is built again, so what it is based on is, too.
    let change = "echo new > web/web.txt && git commit -qam new && git tag v1.0.2";
    place.must(&project, &format!("{change} && rm -rf target/longshore && longshore release --yes"));
    assert!(logged("image.base.linux-amd64").contains("engine: "));
    let log = logged("image.api.linux-amd64");
    assert!(log.contains("published from the same inputs"), "{log}");
    assert_ne!(layers("web", "1.0.1"), layers("web", "1.0.2"));

    // A layer that the registry lost is noticed, and built again.
    let lost = layers("api", "1.0.2").as_array().unwrap().last().unwrap()["digest"].as_str().unwrap().to_owned();
    let lose = format!("curl -sf -X DELETE http://{}/v2/team/api/blobs/{lost}", place.registry.host);
    let change = "echo again > again.txt && git add -A && git commit -qm again && git tag v1.0.2-again.1";
    place.must(&project, &format!("{lose} && {change} && longshore release --yes"));
    let log = logged("image.api.linux-amd64");
    assert!(log.contains(&format!("its layer {lost} is not there")) && log.contains("engine: "), "{log}");
    place.crane(&["validate", "--remote", &format!("{}/team/api:1.0.2-again.1", place.registry.host)]);

    // What an image must contain was looked at before it was published; another demand is looked at again.
    place.must(
        &project,
        "sed -i 's,contains: /below.txt,contains: /gone.txt,' longshore.yaml && git commit -qam gone && git tag v1.0.3",
    );
    let text = place.fails(&project, "longshore release --yes", 3);
    assert!(text.contains("`/gone.txt` is not in the image"), "{text}");
}

/// The engine is given them where the image will be, and what they hold is known by their digest; one that is damaged meanwhile
/// is found all the same, and fetched again by the next build.
#[cfg(unix)]
#[test]
fn layers_of_a_base_are_neither_sent_nor_read_again() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::new();
    let project = place.service(IMAGE, SERVICE);
    let built = "longshore build --all && longshore verify";
    place.must(&project, built);
    let below = |folder: &str| {
        let script = format!("find target/longshore/{folder} -type f -size +200k");
        place.must(&project, &script).lines().map(|line| project.folder().join(line)).collect::<Vec<_>>()
    };
    let inodes = |paths: &[std::path::PathBuf]| {
        paths.iter().map(|path| std::fs::metadata(path).unwrap().ino()).collect::<std::collections::BTreeSet<_>>()
    };
    let (pulled, made) = (below("cache/images"), below("steps/image.api.linux-amd64"));
    assert!(!made.is_empty() && inodes(&made).is_subset(&inodes(&pulled)), "{made:?} {pulled:?}");
    let known = project.folder().join("target/longshore/cache/files");
    assert_eq!(std::fs::read_dir(&known).unwrap().count(), 1);
    place.must(&project, built);

    let mut bytes = std::fs::read(&made[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&made[0], bytes).unwrap();
    let said = place.fails(&project, "longshore verify", 3);
    assert!(said.contains("error[wrong-digest]: `image.api.linux-amd64.layer-00.tar.gz`"), "{said}");
    assert!(said.contains("help: run `longshore build --job image.api.linux-amd64` again"), "{said}");
    place.must(&project, built);
}

#[test]
fn what_is_wrong_is_not_published() {
    let place = Place::new();
    let with = |change: &str, to: &str| SERVICE.replace(change, to);

    let project = place.service(IMAGE, &with("COPY --chmod=755 start.sh /start.sh\n", ""));
    let text = place.fails(&project, "longshore release --yes", 3);
    assert!(text.contains("/start.sh") && text.contains("not in the image"), "{text}");

    let project =
        place.service("api: { dockerfile: Dockerfile, platforms: linux/amd64, contains: /app/gone }", SERVICE);
    let text = place.fails(&project, "longshore release --yes", 3);
    assert!(text.contains("`/app/gone` is not in the image"), "{text}");

    let images = "api: { dockerfile: Dockerfile, platforms: linux/amd64, secrets: { token: API_TOKEN } }";
    let leak = with("USER 1000", "RUN --mount=type=secret,id=token cp /run/secrets/token /leaked\nUSER 1000");
    let project = place.service(images, &leak);
    let text = place.fails(&project, "API_TOKEN=not-a-real-token-4711 longshore release --yes", 7);
    assert!(text.contains("the secret `token` is in `/leaked`") && !text.contains("4711"), "{text}");
    assert!(place.fails(&project, "longshore release --yes", 2).contains("`API_TOKEN` is not in the environment"));
    assert!(place.fails(&project, "API_TOKEN=short longshore release --yes", 2).contains("fewer than 8 characters"));

    let project = place.service(IMAGE, &with("RUN cat /src/* > /built", "RUN false # fails"));
    let text = place.fails(&project, "longshore release --yes", 7);
    assert!(text.contains("RUN false"), "{text}");

    let images = "api: { dockerfile: Dockerfile, platforms: linux/amd64, engine: buildkit, reuse: never }";
    let project = place.service(images, SERVICE);
    let text = place.fails(&project, "BUILDKIT_HOST=unix:///nowhere longshore release --yes", 2);
    assert!(text.contains("buildkitd"), "{text}");

    let list = place.crane(&["catalog", &place.registry.host]);
    assert_eq!(list, "team/base\n", "nothing of it is public");
}
