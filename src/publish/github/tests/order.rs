//! A small verified release on disk, and publishing it to the fake.

use std::fs;

use tempfile::TempDir;

use super::fake::{Fake, State, TOKEN};

use crate::artifact::{ARTIFACT_SCHEMA, Artifact, File, MANIFEST_SCHEMA, Manifest, Mode};
use crate::destination::{Existing, When};
use crate::digest::Digest;
use crate::oci::registry::{Access, Registries};
use crate::plan::{
    AssetOutputs, AssetWork, Destination, DestinationKind, GithubDestination, Origin, Plan, Release, ReleasePage,
    Scope, ScopeKind, Step, Work,
};
use crate::problem::{Exit, Failure};
use crate::publish::{Destinations, Endpoint, Endpoints, Order, Seen, run_at};
use crate::receipt::Receipts;
use crate::secret::Secret;
use crate::world::env::Env;
use crate::world::patience::Pace;
use crate::world::process::Runner;
use crate::world::store::{Store, read_json};
use crate::world::terminal::Printer;
use std::time::Duration;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Fast, and patient enough for every fault.
pub const QUICK: Pace = Pace {
    base: Duration::from_millis(2),
    most: Duration::from_millis(1500),
    total: Duration::from_secs(5),
    attempts: 5,
    limited: Duration::from_millis(5),
    writes: usize::MAX,
    window: Duration::from_secs(60),
};

/// A plan, its files and where they go.
pub struct Made {
    pub plan: Plan,
    pub manifest: Manifest,
    pub store: Store,
    pub endpoints: Endpoints,
    _folder: TempDir,
}

/// A release `v1.2.0` of these files, made by one step each.
pub fn made(files: &[(&str, &[u8])]) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path(), "out");
    let mut plan = plan();
    let mut artifacts = Vec::new();
    for (name, bytes) in files {
        let id = format!("asset.{}", name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        plan.steps.push(step(&id, name));
        fs::create_dir_all(store.step(&id)).unwrap();
        fs::write(store.file(&id, name), bytes).unwrap();
        let file = File {
            name: (*name).into(),
            size: bytes.len() as u64,
            sha256: Digest::of(bytes),
            mode: Mode::Plain,
            diff_id: None,
        };
        artifacts.push(Artifact {
            schema: ARTIFACT_SCHEMA.into(),
            step: id,
            kind: "asset".into(),
            plan: Digest::of(b""),
            commit: COMMIT.into(),
            files: vec![file],
            check: None,
            rustflags: Vec::new(),
            published: None,
            not_needed: None,
        });
    }
    let manifest = Manifest {
        schema: MANIFEST_SCHEMA.into(),
        plan: plan.digest(),
        commit: COMMIT.into(),
        artifacts,
        binaries: vec![],
        images: vec![],
    };
    Made { plan, manifest, store, endpoints: Endpoints::new(), _folder: folder }.plan(|_| {})
}

fn plan() -> Plan {
    let release = Release {
        component: String::new(),
        version: "1.2.0".parse().unwrap(),
        tag: "v1.2.0".into(),
        prerelease: false,
        latest: true,
        tags: "v{version}".into(),
    };
    let page = ReleasePage { tag: "v1.2.0".into(), title: "One two".into(), body: "Notes\n".into(), generated: false };
    let github = GithubDestination {
        repository: "o/r".into(),
        host: "github.com".into(),
        draft: false,
        existing: Existing::Draft,
        pages: vec![page],
    };
    let destination = Destination {
        name: "github".into(),
        when: When::Always,
        environment: None,
        credentials: vec!["GITHUB_TOKEN".into()],
        kind: DestinationKind::Github(github),
    };
    Plan {
        schema: crate::plan::SCHEMA.into(),
        name: "r".into(),
        repository: "o/r".into(),
        commit: COMMIT.into(),
        commit_time: 0,
        dirty: false,
        checkout: Default::default(),
        origin: Origin::Tag,
        output: "out".into(),
        releases: vec![release],
        scope: Scope { kind: ScopeKind::All, only: vec![], left_out: vec![], not_made: vec![] },
        steps: vec![],
        jobs: vec![],
        workflows: vec![],
        idle: Vec::new(),
        destinations: vec![destination],
        assumed: vec![],
        inputs: Default::default(),
        unchanged: Vec::new(),
        snapshots: Default::default(),
    }
}

fn step(id: &str, name: &str) -> Step {
    Step {
        id: id.into(),
        component: String::new(),
        needs: vec![],
        publish: vec!["github".into()],
        job: None,
        target: None,
        work: Work::Asset(AssetWork {
            run: vec![],
            files: vec![],
            outputs: AssetOutputs::Files(vec![name.to_owned().into()]),
        }),
    }
}

impl Made {
    /// Changes the plan; the manifest follows.
    pub fn plan(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.plan);
        self.manifest.plan = self.plan.digest();
        for artifact in &mut self.manifest.artifacts {
            artifact.plan = self.manifest.plan;
        }
        self
    }

    pub fn github(self, change: impl FnOnce(&mut GithubDestination)) -> Self {
        self.plan(|plan| {
            let DestinationKind::Github(github) = &mut plan.destinations[0].kind else {
                panic!("no GitHub destination")
            };
            change(github);
        })
    }

    pub fn endpoint(&mut self, api: &str, token: Option<&str>) {
        let endpoint = Endpoint { api: api.parse().unwrap(), token: token.map(Secret::new) };
        self.endpoints.insert("github".into(), endpoint);
    }

    pub async fn publish(&mut self, fake: &Fake) -> Result<Receipts, Failure> {
        self.endpoint(fake.api().as_str(), Some(TOKEN));
        self.publish_as_is().await
    }

    /// Publishes to wherever the endpoint says.
    pub async fn publish_as_is(&self) -> Result<Receipts, Failure> {
        let nothing = Runner::new(Env::default());
        let registries = Registries::new(&nothing, &Env::default(), Access::default());
        let order = Order {
            to: Destinations {
                plan: &self.plan,
                workflow: None,
                names: vec!["github".into()],
                endpoints: &self.endpoints,
                registries: &registries,
                indexes: &crate::publish::Indexes::new(),
                here: crate::publish::Here { runner: &nothing, store: &self.store, rehearsed: false },
            },
            manifest: &self.manifest,
            store: &self.store,
            seen: Seen::default(),
            wait: Duration::ZERO,
            run: None,
        };
        let result = run_at(&Printer::silent(), &order, Some(QUICK)).await;
        result.map_err(|error| {
            let text = format!("{error:?}");
            assert!(!text.contains(TOKEN), "a secret in {text}");
            error.downcast::<Failure>().unwrap_or_else(|error| panic!("an unexpected error: {error:?}"))
        })
    }

    pub fn ledger(&self) -> Receipts {
        read_json(&self.store.receipts()).unwrap()
    }
}

/// A fake that knows the tag.
pub async fn github(change: impl FnOnce(&mut State)) -> Fake {
    let mut state = State::default();
    state.tags.insert("v1.2.0".into(), (COMMIT.into(), None));
    change(&mut state);
    Fake::start(state).await
}

/// Exit, code of the first problem, and all messages and hints.
pub fn told(result: Result<Receipts, Failure>) -> (Exit, &'static str, String) {
    let failure = result.expect_err("it should have failed");
    let texts = failure.problems.iter().map(|problem| {
        let hint = problem.hint.as_deref().unwrap_or_default();
        format!("{} {hint}", problem.message)
    });
    (failure.exit, failure.problems[0].code, texts.collect::<Vec<_>>().join("\n"))
}
