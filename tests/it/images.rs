//! Images from longshore.yaml to a registry: built the same twice, refused where they cannot start, published once, whatever
//! happens on the way. The registry is the rehearsal's; `tests/tools` has others.

mod documents;
mod layout;
mod not_made;
mod start;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use longshore::oci::media;
use longshore::platform::Platform;
use longshore::rehearsal::base;
use longshore::rehearsal::registry::{Auth, Moment, Options, Quirks, Server};
use longshore::secret::Secret;
use serde_json::Value;

use crate::project::{LONGSHORE, Project, program, variable};

/// What may be seen nowhere.
const CANARY: &str = "canary-pass-0123456789";
const BASE: &str = "base.example/team/base:1";

fn registry() -> Server {
    registry_at(0).unwrap()
}

fn registry_at(port: u16) -> anyhow::Result<Server> {
    let auth = Auth::Bearer { user: "me".into(), password: Secret::new(CANARY) };
    Server::start(Options { port, auth, ..Options::default() })
}

fn host(server: &Server) -> String {
    server.url().trim_start_matches("http://").to_owned()
}

/// skiff as an image on a base of ours and on nothing, published to a registry.
fn project(server: &Server, more: &str) -> Project {
    project_with(server, more, "")
}

/// The same with more of how its registry is reached.
fn project_with(server: &Server, more: &str, registry: &str) -> Project {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plain/in");
    let project = Project::copy(&from, "skiff");
    let host = host(server);
    let base = format!("{host}/{}", BASE.split_once('/').unwrap().1);
    base::stub(server, &base.parse().unwrap(), &Platform::BINARIES).unwrap();
    let yaml = format!(
        "longshore: 1\ntargets: x86_64-unknown-linux-gnu\nbinaries: {{ skiff: {{ static-target: gnu }} }}\narchives: false\n\
         images:\n  skiff:\n    platforms: linux/amd64\n    flavors: [own, scratch]\n    platform-tags: \"{{version}}-{{flavor}}-{{goarch}}\"\n{more}\
         bases: {{ own: {{ from: \"{base}\" }} }}\n\
         publish: {{ github: false, registry: {{ prefix: \"{host}/me\", {registry} hosts: {{ \"{host}\": {{ username-env: REG_USER, password-env: REG_PASSWORD }} }} }} }}\n",
    );
    std::fs::write(project.folder().join("longshore.yaml"), yaml).unwrap();
    let project = project.commit();
    must(&project, "longshore lock -q && git add -A && git commit -qm lock && git tag v1.2.3");
    project
}

const LOGIN: &str = "export REG_USER=me REG_PASSWORD=canary-pass-0123456789; ";

fn sh(project: &Project, line: &str) -> Output {
    project.sh(&format!("{LOGIN}{line}"))
}

fn must(project: &Project, line: &str) -> Output {
    let done = sh(project, line);
    assert!(done.status.success(), "{line}: {}{}", text(&done.stdout), text(&done.stderr));
    done
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every tag of the release's repository with its digest.
fn tags(server: &Server) -> Vec<(String, String)> {
    let shown = server.shown().into_iter().find(|shown| shown.repository == "me/skiff");
    let tags = shown.map(|shown| shown.tags).unwrap_or_default();
    tags.into_iter().map(|(tag, (digest, _))| (tag, digest.to_string())).collect()
}

fn problems(done: &Output) -> Vec<(String, String)> {
    let output: Value = serde_json::from_slice(&done.stdout).unwrap_or_default();
    let list = output["problems"].as_array().cloned().unwrap_or_default();
    let of = |problem: &Value, key: &str| problem[key].as_str().unwrap_or_default().to_owned();
    list.iter().map(|problem| (of(problem, "code"), of(problem, "message"))).collect()
}

const TAGS: [&str; 10] = [
    "1",
    "1-scratch",
    "1.2",
    "1.2-scratch",
    "1.2.3",
    "1.2.3-own-amd64",
    "1.2.3-scratch",
    "1.2.3-scratch-amd64",
    "latest",
    "latest-scratch",
];

#[test]
fn two_machines_make_and_publish_the_same() {
    let mut seen: Vec<Vec<(String, String)>> = Vec::new();
    let server = registry();
    for _ in 0..2 {
        let project = project(&server, "");
        must(&project, "longshore build -q && longshore verify -q && longshore publish -q --yes");
        seen.push(tags(&server));
        let layout = project.folder().join("target/longshore/images");
        let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), TAGS.len());
        let plan = std::fs::read_to_string(project.folder().join("target/longshore/plan.json")).unwrap();
        assert!(!plan.contains(CANARY));
    }
    assert_eq!(seen[0], seen[1], "the second release found its own bytes there");
    let names: Vec<&str> = seen[0].iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(names, TAGS);
}

#[test]
fn a_second_build_takes_layers_from_the_cache() {
    let server = registry();
    let project = project(&server, "");
    must(&project, "longshore build -q");
    let layer = project.folder().join("target/longshore/steps/layer.skiff.system/layer.skiff.system.tar.gz");
    let first = std::fs::read(&layer).unwrap();
    must(&project, "rm -r target/longshore/steps && longshore build -q");
    assert_eq!(std::fs::read(&layer).unwrap(), first);
    // A cache that was damaged is not a source of anything.
    must(&project, "for f in target/longshore/cache/layers/*.blob; do rm $f; echo broken > $f; done");
    must(&project, "rm -r target/longshore/steps && longshore build -q && longshore verify -q");
    assert_eq!(std::fs::read(&layer).unwrap(), first);
}

#[test]
fn what_cannot_start_is_refused() {
    let server = registry();
    let project = project(&server, "");
    must(&project, "longshore build -q");
    // The static build is replaced with the usual one: what was published of OpsML for alpine and scratch.
    let copy = "mkdir -p dist/x86_64-unknown-linux-gnu dist/x86_64-unknown-linux-gnu-static && \
        for d in dist/*; do cp target/longshore/steps/binary.skiff.x86_64-unknown-linux-gnu-static/skiff $d/; done";
    must(&project, copy);
    let usual = "printf 'fn main(){println!(\"1.2.3\")}' > /tmp/$$.rs && rustc -o dist/x86_64-unknown-linux-gnu-static/skiff /tmp/$$.rs && rm /tmp/$$.rs && \
        cp dist/x86_64-unknown-linux-gnu-static/skiff dist/x86_64-unknown-linux-gnu/skiff && echo dist >> .git/info/exclude";
    must(&project, usual);
    let done = sh(&project, "longshore build -q --prebuilt dist > /dev/null && longshore verify --json");
    assert_eq!(done.status.code(), Some(3), "{}{}", text(&done.stdout), text(&done.stderr));
    let refused: Vec<String> =
        problems(&done).into_iter().filter(|(code, _)| code == "image-cannot-start").map(|(_, text)| text).collect();
    assert_eq!(refused.len(), 2, "{:#?}", problems(&done));
    assert!(refused[0].contains("needs the loader `/lib64/ld-linux-x86-64.so.2`, but"), "{}", refused[0]);
    assert!(refused[1].contains("a scratch image has no C library"), "{}", refused[1]);
    let published = sh(&project, "longshore publish --yes --json");
    assert_eq!(published.status.code(), Some(2), "nothing unverified can be published");
    assert_eq!(tags(&server), []);
}

#[test]
fn tags_of_others_stay() {
    let server = registry();
    let project = project(&server, "");
    let other = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    // A newer release is there: floating tags stay where they are, but for those of older lines.
    for tag in ["1.9.0", "latest", "1"] {
        server.seed_manifest("me/skiff", Some(tag), media::INDEX, other);
    }
    let before = tags(&server);
    must(&project, "longshore build -q && longshore verify -q && longshore publish -q --yes");
    let after = tags(&server);
    for (tag, digest) in &before {
        assert!(after.contains(&(tag.clone(), digest.clone())), "`{tag}` was moved");
    }
    let digest = |wanted: &str| after.iter().find(|(tag, _)| tag == wanted).map(|(_, digest)| digest.clone());
    assert_eq!(digest("1.2"), digest("1.2.3"), "the line 1.2 is ours");
    // A released tag is never moved.
    server.seed_manifest("me/skiff", Some("1.2.3"), media::INDEX, other);
    let conflict = sh(&project, "longshore publish --yes --json");
    assert_eq!(conflict.status.code(), Some(4), "{}", text(&conflict.stdout));
    assert_eq!(problems(&conflict)[0].0, "image-tag-taken");
}

/// The registry says that the repository does not exist, although a tag of it was just read back.
#[test]
fn floating_tags_stay_where_nobody_knows_what_is_newer() {
    let auth = Auth::Bearer { user: "me".into(), password: Secret::new(CANARY) };
    let quirks = Quirks { no_tag_list: true, ..Quirks::default() };
    let server = Server::start(Options { auth, quirks, ..Options::default() }).unwrap();
    let project = project(&server, "");
    let other = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    for tag in ["2.0.0", "latest"] {
        server.seed_manifest("me/skiff", Some(tag), media::INDEX, other);
    }
    let before = tags(&server);
    must(&project, "longshore build -q && longshore verify -q");
    let done = sh(&project, "longshore publish --yes --json");
    assert_eq!(done.status.code(), Some(6), "{}", text(&done.stdout));
    assert_eq!(problems(&done).iter().map(|(code, _)| code.as_str()).collect::<Vec<_>>(), ["tags-unreadable"]);
    let after = tags(&server);
    assert!(before.iter().all(|tag| after.contains(tag)), "`latest` was moved: {after:?}");
    assert!(after.iter().any(|(tag, _)| tag == "1.2.3") && !after.iter().any(|(tag, _)| tag == "1"), "{after:?}");
}

#[test]
fn logins_are_asked_for_and_never_shown() {
    let server = registry();
    let project = project(&server, "");
    must(&project, "longshore build -q && longshore verify -q");
    let wrong = project.sh("REG_USER=me REG_PASSWORD=wrong-canary-999 longshore publish --yes --json");
    assert_eq!(wrong.status.code(), Some(5), "{}", text(&wrong.stdout));
    assert!(!text(&wrong.stdout).contains("wrong-canary") && !text(&wrong.stderr).contains("wrong-canary"));
    assert!(problems(&wrong)[0].1.contains("`me`"), "{:?}", problems(&wrong));
    let nobody = project.sh("longshore publish --yes --json");
    assert_eq!(nobody.status.code(), Some(5), "{}", text(&nobody.stdout));
    let done = must(&project, "longshore publish --yes --json");
    assert!(!text(&done.stdout).contains(CANARY) && !text(&done.stderr).contains(CANARY));
}

/// A package that nobody can pull without a login is not published, whatever the registry says to us.
#[test]
fn what_nobody_can_pull_is_not_published() {
    let auth = Auth::Basic { user: "me".into(), password: Secret::new(CANARY) };
    let closed = Server::start(Options { auth, ..Options::default() }).unwrap();
    let project = project_with(&closed, "", "read-back: anonymous,");
    must(&project, "longshore build -q && longshore verify -q");
    let done = sh(&project, "longshore publish --yes --json");
    assert_eq!(done.status.code(), Some(6), "{}", text(&done.stdout));
    assert_eq!(problems(&done).len(), 1, "one for each repository: {:?}", problems(&done));
    let (code, message) = problems(&done).remove(0);
    assert!(code == "image-not-public" && message.contains("without logging in"), "{code}: {message}");
    assert!(
        tags(&closed).iter().any(|(tag, _)| tag == "1.2.3") && !tags(&closed).iter().any(|(tag, _)| tag == "latest")
    );
    let open = registry();
    let project = project_with(&open, "", "read-back: anonymous,");
    must(&project, "longshore build -q && longshore verify -q && longshore publish -q --yes");
    let counted = open.requests().iter().filter(|line| line.starts_with("GET /v2/me/skiff/manifests")).count();
    assert_eq!(counted, 0, "registries count whoever asks for the bytes");
    // Nobody looks where images are not for everybody as a rule.
    let auth = Auth::Basic { user: "me".into(), password: Secret::new(CANARY) };
    let other = Server::start(Options { auth, ..Options::default() }).unwrap();
    let private = self::project(&other, "");
    must(&private, "longshore build -q && longshore verify -q && longshore publish -q --yes");
}

#[test]
fn an_open_base_stays_on_this_machine() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plain/in");
    let project = Project::copy(&from, "skiff");
    let yaml = "longshore: 1\ntargets: x86_64-unknown-linux-gnu\narchives: false\n\
        images: { skiff: { platforms: linux/amd64, flavors: debian } }\n\
        publish: { github: false, registry: registry.example.com/me }\n";
    std::fs::write(project.folder().join("longshore.yaml"), yaml).unwrap();
    let project = project.commit();
    must(&project, "git tag v1.2.3");
    let done = project.sh("longshore build --json");
    assert_eq!(done.status.code(), Some(2), "{}", text(&done.stdout));
    assert_eq!(problems(&done)[0].0, "base-not-locked", "{:?}", problems(&done));
    let check = project.sh("longshore lock --check --json");
    assert_eq!(check.status.code(), Some(8), "{}", text(&check.stdout));
}

/// A verified release, packed, with the port it is for.
struct Packed {
    folder: tempfile::TempDir,
    port: u16,
}

static PACKED: LazyLock<Packed> = LazyLock::new(|| {
    // Below the ports that systems give away by themselves, so that it is still free when it is wanted again.
    let server = (20_000 + std::process::id() as u16 % 10_000..).find_map(|port| registry_at(port).ok()).unwrap();
    let project = project(&server, "");
    let folder = tempfile::tempdir().unwrap();
    must(
        &project,
        &format!("longshore build -q && longshore verify -q --pack {}/release.tar", folder.path().display()),
    );
    Packed { folder, port: server.url().rsplit(':').next().unwrap().parse().unwrap() }
});

/// The same registry again, as it was before anything was published. Its port is in the plan, so one test at a time has it.
fn again() -> Server {
    // A program that another test is about to start holds what this process has open until it runs: the port, too.
    let mut tries = 0;
    let server = loop {
        match registry_at(PACKED.port) {
            Ok(server) => break server,
            Err(error) if tries == 500 => panic!("{error:#}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
        tries += 1;
    };
    let base = format!("{}/{}", host(&server), BASE.split_once('/').unwrap().1);
    base::stub(&server, &base.parse().unwrap(), &Platform::BINARIES).unwrap();
    server
}

fn publish(folder: &Path) -> std::process::Child {
    std::fs::create_dir_all(folder).unwrap();
    let mut command = program(LONGSHORE);
    command
        .args(["publish", "--yes", "--json", "--from"])
        .arg(PACKED.folder.path().join("release.tar"))
        .current_dir(folder)
        .env_clear()
        .env("PATH", variable("PATH").unwrap_or_default())
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap())
        .env("REG_USER", "me")
        .env("REG_PASSWORD", CANARY)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn killed_anywhere_a_second_run_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let machine = |name: &str| -> PathBuf { folder.path().join(name) };
    let calm = again();
    let first = publish(&machine("calm")).wait_with_output().unwrap();
    assert!(first.status.success(), "{}{}", text(&first.stdout), text(&first.stderr));
    let (requests, expected) = (calm.requests().len(), tags(&calm));
    assert_eq!(expected.len(), TAGS.len());
    calm.stop();
    for number in 1..=requests {
        for moment in [Moment::Before, Moment::After] {
            let place = format!("request {number} of {requests}, {moment:?}");
            let server = again();
            let hold = server.hold_at(number, moment);
            let mut child = publish(&machine("killed"));
            let reached = hold.wait(Duration::from_secs(30));
            child.kill().unwrap();
            child.wait().unwrap();
            drop(hold);
            assert!(reached, "{place}: never came");
            // Whatever is there already is what it will be.
            for (tag, digest) in tags(&server) {
                assert!(expected.contains(&(tag.clone(), digest)), "{place}: `{tag}`");
            }
            let again = publish(&machine("again")).wait_with_output().unwrap();
            assert_eq!(again.status.code(), Some(0), "{place}: {}{}", text(&again.stdout), text(&again.stderr));
            assert_eq!(tags(&server), expected, "{place}");
            server.stop();
        }
    }
}

/// Changes a finished file of a step and what its record says of it, as somebody would who wants it to go unseen.
fn forge(project: &Project, step: &str, name: &str, change: impl FnOnce(&mut Value)) {
    let root = project.folder().join("target/longshore");
    let file = root.join("steps").join(step).join(name);
    let mut document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    change(&mut document);
    let bytes = document.to_string().into_bytes();
    std::fs::write(&file, &bytes).unwrap();
    let path = root.join("artifacts").join(format!("{step}.json"));
    let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for one in record["files"].as_array_mut().unwrap() {
        if one["name"] == name {
            one["size"] = bytes.len().into();
            one["sha256"] = longshore::digest::Digest::of(&bytes).to_string().into();
        }
    }
    std::fs::write(path, record.to_string()).unwrap();
}

#[test]
fn forged_images_are_seen() {
    let server = registry();
    let project = project(&server, "");
    must(&project, "longshore build -q");
    let step = "image.skiff.own.linux-amd64";
    let check = |name: &str, change: &dyn Fn(&mut Value), parts: &[&str]| {
        let keep = "rm -rf ../kept && cp -r target/longshore ../kept";
        must(&project, keep);
        forge(&project, step, name, change);
        let done = sh(&project, "longshore verify --json");
        assert_eq!(done.status.code(), Some(3), "{}", text(&done.stdout));
        let said: Vec<String> = problems(&done).into_iter().map(|(code, text)| format!("{code}: {text}")).collect();
        for part in parts {
            assert!(said.iter().any(|line| line.contains(part)), "{part}: {said:#?}");
        }
        must(&project, "rm -rf target/longshore && cp -r ../kept target/longshore");
    };
    let config = "image.skiff.own.linux-amd64.config.json";
    let manifest = "image.skiff.own.linux-amd64.manifest.json";
    check(config, &|config| config["config"]["User"] = "0:0".into(), &["image-content", "has the user \"0:0\""]);
    check(config, &|config| config["architecture"] = "arm64".into(), &["has the architecture", "another config"]);
    check(config, &|config| config["config"]["Cmd"] = serde_json::json!(["sh"]), &["has the arguments"]);
    check(
        config,
        &|config| config["rootfs"]["diff_ids"] = serde_json::json!([]),
        &["does not end with its own layers"],
    );
    check(manifest, &|manifest| manifest["layers"] = serde_json::json!([]), &["does not end with its own layers"]);
    check(manifest, &|manifest| manifest["annotations"] = Value::Null, &["lacks the annotation", "exactly its images"]);
    must(&project, "longshore verify -q");
}

#[test]
fn every_fault_of_a_registry_ends_well_or_says_why() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plain/in");
    let project = Project::copy(&from, "skiff");
    let yaml = "longshore: 1\ntargets: x86_64-unknown-linux-gnu\nbinaries: { skiff: { static-target: gnu } }\narchives: false\n\
        images: { skiff: { platforms: linux/amd64, flavors: [debian, scratch] } }\n\
        publish: { github: false, registry: registry.example.com/me }\n";
    std::fs::write(project.folder().join("longshore.yaml"), yaml).unwrap();
    let project = project.commit();
    must(&project, "git tag v1.2.3");
    for fault in longshore::rehearsal::registry::Fault::all() {
        let name = fault.to_string();
        let done = project.sh(&format!("longshore rehearse --json --fault registry.{name}"));
        let ends = match name.as_str() {
            "storage-full" => 6,
            "lies-about-size" | "wrong-bytes" | "denied" | "token-down" => -1,
            _ => 0,
        };
        let code = done.status.code().unwrap();
        let said = format!("{name}: {code} {:?} {}", problems(&done), text(&done.stderr));
        match ends {
            -1 => assert!([0, 3, 5, 6, 7].contains(&code), "{said}"),
            ends => assert_eq!(code, ends, "{said}"),
        }
        if code != 0 {
            assert!(!problems(&done).is_empty(), "{said}");
        }
    }
}

#[test]
fn tags_that_nobody_could_keep_right_are_refused() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plain/in");
    let check = |tags: &str, part: &str| {
        let project = Project::copy(&from, "skiff");
        let yaml = format!(
            "longshore: 1\ntargets: x86_64-unknown-linux-gnu\nimages: {{ skiff: {{ flavors: scratch, platforms: linux/amd64, tags: {tags} }} }}\n"
        );
        std::fs::write(project.folder().join("longshore.yaml"), yaml).unwrap();
        let project = project.commit();
        must(&project, "git tag v1.2.3");
        let done = project.sh("longshore plan --json");
        assert_eq!(done.status.code(), Some(2), "{tags}: {}", text(&done.stdout));
        let found = problems(&done);
        assert!(found.iter().any(|(code, text)| code == "bad-image-tag" && text.contains(part)), "{tags}: {found:?}");
    };
    check("latest", "the newest release that `latest` should point to");
    check("[\"{sha}\", latest]", "the newest release");
    check("[\"{version}\", { tag: edge, when: prerelease }]", "moved by stable releases only");
}

#[test]
fn a_tag_that_nobody_can_see_is_not_released() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plain/in");
    let project = Project::copy(&from, "skiff");
    let yaml = "longshore: 1\ntargets: x86_64-unknown-linux-gnu\nbinaries: { skiff: { static-target: gnu } }\narchives: false\n\
        images: { skiff: { flavors: scratch, platforms: linux/amd64 } }\npublish: { github: false, registry: registry.example.com/me }\n";
    std::fs::write(project.folder().join("longshore.yaml"), yaml).unwrap();
    let project = project.commit();
    must(&project, "git tag v1.2.3 && git init -q --bare ../origin.git && git remote add origin ../origin.git");
    let done = project.sh("longshore release --yes --json");
    assert_eq!(done.status.code(), Some(2), "{}", text(&done.stdout));
    assert_eq!(problems(&done)[0].0, "tag-not-pushed");
    must(
        &project,
        "git commit -q --allow-empty -m more && git tag other && git push -q origin other:refs/tags/v1.2.3 && git checkout -q v1.2.3",
    );
    let moved = project.sh("longshore release --yes --json");
    assert_eq!(moved.status.code(), Some(4), "{}", text(&moved.stdout));
}
