//! A version of three workflow files, and the servers that it is published to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use longshore::artifact::{ARTIFACT_SCHEMA, Artifact, CheckResult, File, MANIFEST_SCHEMA, Manifest, Mode, Subject};
use longshore::digest::Digest;
use longshore::oci::media;
use longshore::oci::registry::{Access, Registries};
use longshore::plan::{DestinationKind, Plan, Step, Work, Workflow};
use longshore::problem::{Exit, Failure};
use longshore::publish::pypi::{Credential, Index};
use longshore::publish::{self, Destinations, Endpoint, Endpoints, Indexes, Order, Seen};
use longshore::receipt::Receipts;
use longshore::rehearsal::github::{self, Effect, Event, Repository, Tag};
use longshore::rehearsal::{pypi, registry};
use longshore::secret::Secret;
use longshore::step_id::StepId;
use longshore::world::env::Env;
use longshore::world::patience::Pace;
use longshore::world::process::Runner;
use longshore::world::store::{Store, write_json};
use longshore::world::terminal::Printer;
use serde_json::{Value, json};

use crate::cases;
use crate::package::Package;

/// Opens everything here.
pub const TOKEN: &str = "canary-token-of-tests";
/// Reads, and sees no drafts.
pub const READER: &str = "canary-of-a-reader";
pub const TAG: &str = "v3.0.0";
pub const ASSETS: &str = "build-assets.yml";
pub const SERVER: &str = "release-server.yml";
pub const CLIENT: &str = "release-client.yml";
pub const ALL: [&str; 3] = [ASSETS, SERVER, CLIENT];
/// The one that publishes everything where there is no other.
pub const ONLY: &str = "release.yml";
/// Where a run was, as its announcement says.
pub const RUN: &str = "https://github.com/harbor-works/opsml/actions/runs/42";

const YAML: &str = r#"
longshore: 1
name: opsml
targets: x86_64-unknown-linux-gnu
binaries: { opsml-cli: { bins: opsml, static-target: gnu } }
images:
  opsml: { binaries: opsml-cli, repositories: [registry.example/me/opsml, registry.example/you/opsml], platforms: linux/amd64, flavors: scratch, tags: ["{version}", latest] }
wheels:
  opsml:        { manifest: py-opsml/Cargo.toml, features: server, sdist: false }
  opsml-client: { manifest: py-opsml/Cargo.toml, sdist: false }
publish: { github: { notes: false }, registry: {}, pypi: {} }
"#;

const WORKFLOWS: &str = r#"
workflows:
  build-assets.yml:   { publish: [github, registry] }
  release-server.yml: { publish: pypi.opsml }
  release-client.yml: { publish: pypi.opsml-client }
"#;

const QUICK: Pace = Pace {
    base: Duration::from_millis(10),
    most: Duration::from_millis(300),
    total: Duration::from_secs(5),
    attempts: 6,
    limited: Duration::from_millis(25),
    writes: 1000,
    window: Duration::from_millis(60),
};

/// The plan, as every workflow file makes it; hosts stand for those of the servers.
static PLAN: LazyLock<String> = LazyLock::new(|| planned(&format!("{YAML}{WORKFLOWS}")));

/// The same for one workflow file.
pub static PLAN_OF_ONE: LazyLock<String> = LazyLock::new(|| planned(YAML));

fn planned(yaml: &str) -> String {
    let project = cases::project("opsml");
    std::fs::write(project.folder().join("longshore.yaml"), yaml).unwrap();
    let line = "git commit -qam three && git tag v3.0.0 && git remote add origin https://github.com/harbor-works/opsml.git \
                && longshore plan -q --out ../plan.json > /dev/null && cat ../plan.json";
    let done = project.sh(line);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

pub struct World {
    pub github: github::Server,
    pub registry: registry::Server,
    pub index: pypi::Server,
    pub plan: Plan,
    pub folder: tempfile::TempDir,
    machines: AtomicUsize,
}

/// One run of one workflow file's publish job.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub workflow: &'a str,
    /// What its build put into every file.
    pub salt: &'a str,
    pub wait: Duration,
    /// Whether GitHub's address is written so that its requests can be told from those of others (` /api/`).
    pub marked: bool,
    /// What it presents to GitHub.
    pub token: &'a str,
}

/// What a run ends with: exit, code of the first problem, everything it says.
pub type Ended = Result<Receipts, (Exit, &'static str, String)>;

pub fn run(workflow: &str) -> Run<'_> {
    Run { workflow, salt: "first", wait: Duration::from_secs(30), marked: false, token: TOKEN }
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// One whose repository holds more at the beginning.
    pub async fn with(change: impl FnOnce(&mut Repository)) -> Self {
        Self::of(&PLAN, change).await
    }

    /// One for another plan.
    pub async fn of(plan: &str, change: impl FnOnce(&mut Repository)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        std::fs::create_dir(&spool).unwrap();
        let registry = registry::Server::start(registry::Options::default()).unwrap();
        let token = pypi::Token { secret: Secret::new(TOKEN), user: "us".into(), projects: None };
        let index = pypi::Server::start(pypi::Options { tokens: vec![token], ..pypi::Options::default() }).unwrap();
        let text = plan.replace("registry.example", registry.url().trim_start_matches("http://"));
        let text = text.replace("https://upload.pypi.org", &index.url()).replace("https://pypi.org", &index.url());
        let plan: Plan = serde_json::from_str(&text).unwrap();
        let tag = Tag { name: TAG.into(), commit: plan.commit.clone(), ..Tag::default() };
        let (owner, name, head) = ("harbor-works".into(), "opsml".into(), plan.commit.clone());
        let mut repository = Repository { owner, name, head, tags: vec![tag], ..Repository::default() };
        change(&mut repository);
        let github = github::Server::start(github::Options {
            port: 0,
            repositories: vec![repository],
            token: Secret::new(TOKEN),
            reader: Some(Secret::new(READER)),
            faults: Vec::new(),
            spool,
            clock: "2026-01-01T00:00:00Z".into(),
        });
        Self { github: github.unwrap(), registry, index, plan, folder, machines: AtomicUsize::new(0) }
    }

    pub fn workflow(&self, file: &str) -> &Workflow {
        self.plan.workflow(Some(file)).unwrap().unwrap()
    }

    /// A folder that no run had before.
    pub fn machine(&self) -> PathBuf {
        let number = self.machines.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("machine-{number}"))
    }

    /// What a run's `build` and `verify` leave.
    pub fn built(&self, run: Run<'_>) -> (Store, Manifest) {
        let store = Store::new(&self.machine(), "out");
        store.keep_plan(&self.plan.to_json()).unwrap();
        let manifest = fabricate(&self.plan, self.workflow(run.workflow), &store, run.salt);
        write_json(&store.manifest(), &manifest).unwrap();
        (store, manifest)
    }

    /// Builds and publishes.
    pub async fn run(&self, run: Run<'_>) -> Ended {
        let (store, manifest) = self.built(run);
        self.publish(run, &self.plan, (&store, &manifest)).await
    }

    pub async fn publish(&self, run: Run<'_>, plan: &Plan, (store, manifest): (&Store, &Manifest)) -> Ended {
        let workflow = plan.workflow(Some(run.workflow)).unwrap().unwrap();
        let api = format!("{}{}", self.github.url(), if run.marked { "api/v3/" } else { "" });
        let endpoint = Endpoint { api: api.parse().unwrap(), token: Some(Secret::new(run.token)) };
        let order = Order {
            to: Destinations {
                plan,
                workflow: Some(workflow),
                names: ["github", "registry", "pypi"]
                    .map(str::to_owned)
                    .into_iter()
                    .filter(|to| workflow.goes_to(to))
                    .collect(),
                endpoints: &Endpoints::from([("github".to_owned(), endpoint)]),
                registries: &Registries::new(&Runner::new(Env::default()), &Env::default(), Access::default()),
                indexes: &indexes(plan),
                here: publish::Here { runner: &Runner::new(Env::default()), store, rehearsed: false },
            },
            manifest,
            store,
            seen: Seen::default(),
            wait: run.wait,
            run: Some(RUN.into()),
        };
        publish::run_at(&Printer::silent(), &order, Some(QUICK)).await.map_err(|error| {
            let failure = error.downcast::<Failure>().unwrap_or_else(|error| panic!("an unexpected error: {error:?}"));
            let said =
                failure.problems.iter().map(|one| format!("{} {}", one.message, one.hint.clone().unwrap_or_default()));
            let said = said.collect::<Vec<_>>().join("\n");
            assert!(!said.contains(TOKEN), "{said}");
            (failure.exit, failure.problems[0].code, said)
        })
    }

    /// Runs all three at the same time; each must succeed.
    pub async fn all(&self, salt: &str) {
        let runs = ALL.map(|workflow| self.run(Run { salt, ..run(workflow) }));
        for (workflow, ended) in ALL.iter().zip(futures_util::future::join_all(runs).await) {
            assert!(ended.is_ok(), "{workflow}: {ended:?}");
        }
    }

    /// Each effect on GitHub with the number of its request.
    pub fn effects(&self) -> Vec<(usize, Effect)> {
        let of = |event: Event| event.effects.into_iter().map(move |effect| (event.number, effect));
        self.github.events().into_iter().flat_map(of).collect()
    }

    /// When a file was whole on GitHub.
    pub fn uploaded(&self, name: &str) -> Option<usize> {
        let is = |effect: &Effect| matches!(effect, Effect::AssetUploaded { name: other, .. } if other == name);
        self.effects().into_iter().find(|(_, effect)| is(effect)).map(|(number, _)| number)
    }

    /// When the release became public.
    pub fn opened(&self) -> Option<usize> {
        let is = |effect: &Effect| matches!(effect, Effect::ReleasePublished { .. });
        self.effects().into_iter().find(|(_, effect)| is(effect)).map(|(number, _)| number)
    }

    /// Waits until something is so.
    pub async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        for _ in 0..2000 {
            if is(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never: {what}");
    }

    /// Files in the release, in the end.
    pub fn files(&self) -> BTreeMap<String, Digest> {
        let mut files = BTreeMap::new();
        for (_, effect) in self.effects() {
            match effect {
                Effect::AssetUploaded { name, sha256, .. } => drop(files.insert(name, sha256)),
                Effect::AssetDeleted { name, uploaded: true, .. } => panic!("`{name}` was deleted"),
                _ => {}
            }
        }
        files
    }

    /// Tags of both repositories.
    pub fn tags(&self) -> BTreeMap<String, Digest> {
        let all = self.registry.shown().into_iter().flat_map(|shown| {
            shown.tags.into_iter().map(move |(tag, (digest, _))| (format!("{}:{tag}", shown.repository), digest))
        });
        all.collect()
    }

    pub fn packages(&self) -> BTreeMap<String, Digest> {
        let files = self.index.shown().into_iter().flat_map(|project| project.files);
        files.map(|(name, digest, _)| (name, digest)).collect()
    }

    /// Whether anybody could see anything.
    pub fn is_hidden(&self) -> bool {
        self.opened().is_none() && self.tags().is_empty() && self.packages().is_empty()
    }

    /// All of it is public, once, with the bytes of these builds.
    pub fn is_published(&self, salts: [&str; 3]) {
        let effects = self.effects();
        let count = |is: fn(&Effect) -> bool| effects.iter().filter(|(_, effect)| is(effect)).count();
        assert_eq!(count(|effect| matches!(effect, Effect::ReleasePublished { .. })), 1);
        assert_eq!(count(Effect::breaks_a_promise), 0);
        let mut expected = BTreeMap::new();
        for (workflow, salt) in ALL.into_iter().zip(salts) {
            let (_, manifest) = self.built(Run { salt, ..run(workflow) });
            for artifact in manifest.artifacts {
                expected.extend(artifact.files.into_iter().map(|file| (file.name, file.sha256)));
            }
        }
        let files = self.files();
        let stems = ["build-assets", "release-server", "release-client"];
        let assets =
            stems.iter().flat_map(|stem| ["manifest", "receipts"].map(|kind| format!("longshore-{stem}.{kind}.json")));
        let own = ["SHA256SUMS".to_owned(), "opsml-cli-x86_64-unknown-linux-gnu.tar.gz".to_owned()];
        let mut names: Vec<String> = own.iter().cloned().chain(assets).collect();
        names.sort();
        assert_eq!(files.keys().cloned().collect::<Vec<_>>(), names);
        for name in own {
            assert_eq!(files[&name], expected[&name], "{name}");
        }
        let index = expected["index.opsml.scratch.json"];
        let tags = ["me", "you"]
            .iter()
            .flat_map(|owner| ["3.0.0", "latest"].map(|tag| (format!("{owner}/opsml:{tag}"), index)));
        assert_eq!(self.tags(), tags.collect());
        let wheels = expected.into_iter().filter(|(name, _)| name.ends_with(".whl"));
        assert_eq!(self.packages(), wheels.collect());
    }
}

pub fn indexes(plan: &Plan) -> Indexes {
    let mut indexes = Indexes::new();
    for destination in &plan.destinations {
        let DestinationKind::Pypi(pypi) = &destination.kind else { continue };
        let index = Index {
            name: destination.name.clone(),
            upload: pypi.upload.parse().unwrap(),
            json: pypi.json.as_ref().map(|url| url.parse().unwrap()),
            simple: pypi.simple.parse().unwrap(),
        };
        let token = |name: &String| (name.parse().unwrap(), Credential::Token(Secret::new(TOKEN)));
        indexes.insert(destination.name.clone(), (index, pypi.tokens.keys().map(token).collect()));
    }
    indexes
}

/// What a check says that held for all files of its subject.
fn result(step: &Step, made: &[Artifact]) -> Option<CheckResult> {
    let Work::Check(check) = &step.work else { return None };
    let subject = made.iter().find(|artifact| artifact.step == check.subject).unwrap();
    let seen = |file: &File| Subject { step: subject.step.clone(), name: file.name.clone(), sha256: file.sha256 };
    let subjects = subject.files.iter().map(seen).collect();
    Some(CheckResult { passed: true, subjects, ..CheckResult::default() })
}

/// Files of every step of a workflow, as a build with this salt makes them.
fn fabricate(plan: &Plan, workflow: &Workflow, store: &Store, salt: &str) -> Manifest {
    let mut made: BTreeMap<&str, Vec<(Digest, usize)>> = BTreeMap::new();
    let mut artifacts = Vec::new();
    for step in plan.steps.iter().filter(|step| workflow.steps.contains(&step.id)) {
        if matches!(&step.work, Work::Check(check) if check.not_run.is_some()) {
            continue;
        }
        let all = contents(step, &made, salt);
        made.insert(&step.id, all.iter().map(|bytes| (Digest::of(bytes), bytes.len())).collect());
        let files = step.outputs().into_iter().zip(&all).map(|(name, bytes)| {
            let path = store.file(&step.id, name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
            let (name, size, sha256) = (name.to_owned(), bytes.len() as u64, Digest::of(bytes));
            let diff_id = matches!(step.work, Work::Layer(_)).then_some(sha256);
            File { name, size, sha256, mode: Mode::Plain, diff_id }
        });
        let artifact = Artifact {
            schema: ARTIFACT_SCHEMA.into(),
            step: step.id.to_string(),
            kind: step.work.kind().into(),
            plan: plan.digest(),
            commit: plan.commit.clone(),
            files: files.collect(),
            check: result(step, &artifacts),
            rustflags: Vec::new(),
            published: None,
            not_needed: None,
        };
        store.write_record(&artifact).unwrap();
        artifacts.push(artifact);
    }
    let (plan, commit) = (plan.digest(), plan.commit.clone());
    Manifest { schema: MANIFEST_SCHEMA.into(), plan, commit, artifacts, binaries: Vec::new(), images: Vec::new() }
}

fn contents(step: &Step, made: &BTreeMap<&str, Vec<(Digest, usize)>>, salt: &str) -> Vec<Vec<u8>> {
    let descriptor =
        |media: &str, (digest, size): (Digest, usize)| json!({ "mediaType": media, "digest": digest, "size": size });
    let bytes = |value: Value| value.to_string().into_bytes();
    match &step.work {
        Work::Wheel(work) => {
            let name = &work.outputs[0].name;
            let tag = name.split_once("-3.0.0-").unwrap().1.trim_end_matches(".whl");
            vec![Package::new(work.stage.distribution.as_str(), "3.0.0").saying(salt).wheel(tag).bytes]
        }
        Work::Image(work) => {
            let ids: Vec<Digest> = work.layers().iter().map(|layer| made[layer.as_str()][0].0).collect();
            let config = bytes(json!({
                "architecture": work.platform.goarch(),
                "os": "linux",
                "config": { "Labels": { "salt": salt } },
                "rootfs": { "type": "layers", "diff_ids": ids },
            }));
            let layers: Vec<Value> =
                work.layers().iter().map(|layer| descriptor(media::LAYER_GZIP, made[layer.as_str()][0])).collect();
            let manifest = bytes(json!({
                "schemaVersion": 2,
                "mediaType": media::MANIFEST,
                "config": descriptor(media::CONFIG, (Digest::of(&config), config.len())),
                "layers": layers,
            }));
            vec![config, manifest]
        }
        Work::Index(work) => {
            let image = |id: &StepId| {
                let mut entry = descriptor(media::MANIFEST, made[id.as_str()][1]);
                let (_, architecture) = id.rsplit_once('-').unwrap();
                entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
                entry
            };
            let manifests: Vec<Value> = work.images.iter().map(image).collect();
            vec![bytes(json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": manifests }))]
        }
        _ => step.outputs().iter().map(|name| format!("{name} of {} by {salt}", step.id).into_bytes()).collect(),
    }
}
