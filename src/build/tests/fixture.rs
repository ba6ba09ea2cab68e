//! A temporary repository with a plan for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::artifact::Artifact;
use crate::build::{self, Order};
use crate::command::{Command, Shell};
use crate::format::Format;
use crate::plan::{
    ArchiveOutput, ArchiveWork, AssetOutputs, AssetWork, BinaryWork, Check, CheckWork, ChecksumsWork, Covered,
    FileSpec, Job, Member, Origin, Output, Plan, PlannedBuilder, Scope, ScopeKind, SmokeCheck, Step, Work,
};
use crate::problem::{Exit, Failure};
use crate::target::{Linkage, Target};
use crate::world::env::Env;
use crate::world::process::{Cmd, Runner};
use crate::world::store::{Sharing, Store};
use crate::world::terminal::Printer;

/// A repository, its plan, and what children see.
pub struct Fixture {
    pub folder: tempfile::TempDir,
    pub store: Store,
    pub plan: Plan,
    pub runner: Runner,
    pub prebuilt: Option<std::path::PathBuf>,
    pub keep_going: bool,
    pub install: bool,
}

/// 2024-05-06T07:08:10Z
pub const TIME: i64 = 1_714_979_290;

impl Fixture {
    /// A repository with one commit of these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(&folder.path().join(path), text);
        }
        let kept = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR"];
        let env = Env::read().for_children(&[]);
        let runner = Runner::new(env.only(|name, _| kept.contains(&name)))
            .with("CARGO_NET_OFFLINE", "true")
            .with("GIT_CONFIG_NOSYSTEM", "1");
        let git = |args: &[&str]| {
            let author = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
            runner.text(&Cmd::new("git", folder.path()).args(author).args(args.iter().copied())).unwrap()
        };
        git(&["init", "-q"]);
        git(&["add", "-A", "-f"]);
        git(&["commit", "-q", "--allow-empty", "-m", "first"]);
        let commit = git(&["rev-parse", "HEAD"]).trim().to_owned();
        let store = Store::open(folder.path(), "target/longshore", Sharing::Nobody, &Printer::silent()).unwrap();
        Self { store, plan: plan(commit), runner, prebuilt: None, keep_going: false, install: false, folder }
    }

    pub fn top(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a program in front of all others on the children's PATH.
    pub fn fake(&mut self, name: &str, script: &str) {
        let bin = self.top().join(".git/fake-bin");
        write(&bin.join(name), &format!("#!/bin/sh\n{script}\n"));
        crate::world::files::set_mode(&bin.join(name), 0o755).unwrap();
        if !self.runner.var("PATH").unwrap_or("").starts_with(bin.to_str().unwrap()) {
            self.runner = self.runner.clone().with_path(&bin);
        }
    }

    /// Leaves children only the fakes, and these real programs.
    pub fn only(&mut self, programs: &[&str]) {
        let bin = self.top().join(".git/fake-bin");
        fs::create_dir_all(&bin).unwrap();
        for program in programs {
            let real = self.runner.find(program).unwrap();
            write(&bin.join(program), &format!("#!/bin/sh\nexec {} \"$@\"\n", real.display()));
            crate::world::files::set_mode(&bin.join(program), 0o755).unwrap();
        }
        self.runner = self.runner.clone().with("PATH", bin.to_str().unwrap());
    }

    pub fn step(&mut self, id: &str, needs: &[&str], work: Work) -> &mut Step {
        let target = matches!(work, Work::Binary(_)).then(host);
        self.plan.steps.push(Step {
            id: id.into(),
            component: String::new(),
            needs: needs.iter().map(|need| (*need).into()).collect(),
            publish: Vec::new(),
            job: Some("job".into()),
            target,
            work,
        });
        self.plan.steps.last_mut().unwrap()
    }

    /// Adds a binary step `binary.<package>` with one executable of the package's name.
    pub fn binary(&mut self, package: &str, change: impl FnOnce(&mut BinaryWork)) -> &mut Step {
        let mut work = binary(package);
        change(&mut work);
        let assets = work.assets.clone();
        let needs: Vec<&str> = assets.iter().map(|id| id.as_str()).collect();
        self.step(&format!("binary.{package}"), &needs, Work::Binary(work))
    }

    /// Adds a check of `binary.<package>`.
    pub fn check(&mut self, package: &str, contains: &str) {
        self.first_run(package, contains, |_| ());
    }

    /// Likewise, changed.
    pub fn first_run(&mut self, package: &str, contains: &str, change: impl FnOnce(&mut SmokeCheck)) {
        let mut smoke =
            SmokeCheck { args: vec!["--version".into()], contains: Some(contains.into()), ..SmokeCheck::default() };
        change(&mut smoke);
        self.proof(&format!("check.smoke.{package}"), &format!("binary.{package}"), Check::Smoke(smoke));
    }

    pub fn proof(&mut self, id: &str, subject: &str, check: Check) {
        let work = CheckWork { subject: subject.into(), not_run: None, check };
        self.step(id, &[subject], Work::Check(work));
    }

    /// Adds an asset of these files, bundled or not.
    pub fn asset(&mut self, run: &str, files: &[&str], bundle: Option<(&str, Format)>) -> &mut Step {
        let run = if run.is_empty() { vec![] } else { vec![bash(run)] };
        let files = files.iter().map(|from| FileSpec { from: (*from).into(), to: None, follow: false }).collect();
        let bundle = bundle.map(|(name, format)| AssetOutputs::Bundle([ArchiveOutput { name: name.into(), format }]));
        let outputs = bundle.unwrap_or(AssetOutputs::Files(Vec::new()));
        self.step("asset.ui", &[], Work::Asset(AssetWork { run, files, outputs }))
    }

    /// Builds steps by id; no id: all of the plan.
    pub fn run(&self, ids: &[&str]) -> anyhow::Result<Vec<Artifact>> {
        let steps = self.plan.steps.iter().filter(|step| ids.is_empty() || ids.contains(&step.id.as_str())).collect();
        let order = Order {
            plan: &self.plan,
            steps,
            prebuilt: self.prebuilt.clone(),
            keep_going: self.keep_going,
            install: self.install,
            every_python: self.install,
            bases: None,
            registries: None,
            base_layers: false,
            docker_archive: None,
        };
        build::run(&self.runner, &Printer::silent(), &self.store, &order)
    }

    /// Builds, and returns how that failed, as text.
    pub fn fails(&self, ids: &[&str], exit: Exit) -> String {
        let failure = self.run(ids).unwrap_err().downcast::<Failure>().unwrap();
        assert_eq!(failure.exit, exit, "{failure}");
        let said = |problem: &crate::problem::Problem| {
            format!("{}: {}\n{}\n", problem.code, problem.message, problem.hint.clone().unwrap_or_default())
        };
        failure.problems.iter().map(said).collect()
    }

    pub fn log(&self, id: &str) -> String {
        fs::read_to_string(self.store.log(id)).unwrap()
    }

    /// What a program prints about files of the store.
    pub fn sees(&self, program: &str, args: &[&str], dir: &Path) -> String {
        self.runner.text(&Cmd::new(program, dir).args(args.iter().copied())).unwrap()
    }
}

/// A workspace with two programs that say their version.
pub fn workspace() -> Fixture {
    let lock = "version = 4\n\n[[package]]\nname = \"alpha\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"beta\"\nversion = \"1.2.3\"\n";
    let main = "fn main() { println!(\"{} {}\", env!(\"CARGO_PKG_NAME\"), env!(\"CARGO_PKG_VERSION\")); }\n";
    Fixture::new(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"alpha\", \"beta\"]\nresolver = \"2\"\n"),
        ("Cargo.lock", lock),
        ("alpha/Cargo.toml", &manifest("alpha")),
        ("alpha/src/main.rs", main),
        ("beta/Cargo.toml", &manifest("beta")),
        ("beta/src/main.rs", main),
        ("README.md", "read me\n"),
        (".gitignore", "/target\n/ui\n"),
    ])
}

pub fn manifest(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2021\"\n\n[features]\nextra = []\n")
}

/// The work of compiling a package in the debug profile.
pub fn binary(package: &str) -> BinaryWork {
    BinaryWork {
        manifest: "Cargo.toml".into(),
        package: package.into(),
        bins: vec![package.into()],
        outputs: outputs(&[package]),
        builder: PlannedBuilder::Cargo,
        prebuilt: Vec::new(),
        implicit: false,
        profile: "dev".into(),
        features: Vec::new(),
        default_features: true,
        all_features: false,
        locked: true,
        cargo_args: Vec::new(),
        env: BTreeMap::new(),
        pass_env: Vec::new(),
        before: Vec::new(),
        assets: Vec::new(),
        glibc: None,
        macos: None,
        linkage: Linkage::Dynamic,
        max_size: None,
    }
}

/// Outputs of these names.
pub fn outputs(names: &[&str]) -> Vec<Output> {
    names.iter().map(|name| Output { name: (*name).into() }).collect()
}

/// The work of packing executables by step into files of these names.
pub fn archive(files: &[(&str, Format)], steps: &[(&str, &str)]) -> ArchiveWork {
    let output = |(name, format): &(&str, Format)| ArchiveOutput { name: (*name).into(), format: *format };
    let member = |(step, name): &(&str, &str)| Member {
        step: (*step).into(),
        output: (*name).into(),
        path: format!("bin/{name}"),
    };
    ArchiveWork {
        outputs: files.iter().map(output).collect(),
        executables: steps.iter().map(member).collect(),
        files: Vec::new(),
        trees: Vec::new(),
    }
}

/// The work of summing files by step into `SHA256SUMS`.
pub fn checksums(covers: &[(&str, &str)]) -> Work {
    let covers = covers.iter().map(|(step, name)| Covered { step: (*step).into(), name: (*name).into() }).collect();
    Work::Checksums(ChecksumsWork { outputs: ["SHA256SUMS".to_owned().into()], covers })
}

pub fn bash(script: &str) -> Command {
    Command { run: vec![script.into()], shell: Some(Shell::Bash), ..Command::default() }
}

pub fn host() -> Target {
    Target::host().unwrap()
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn plan(commit: String) -> Plan {
    let job = Job {
        id: "job".into(),
        wave: 2,
        runner: "ubuntu-24.04".into(),
        container: None,
        target: Some(host()),
        steps: Vec::new(),
        install: Vec::new(),
        needs: Vec::new(),
    };
    Plan {
        schema: crate::plan::SCHEMA.into(),
        name: "demo".into(),
        repository: "local/demo".into(),
        commit,
        commit_time: TIME,
        dirty: false,
        checkout: crate::plan::Checkout::default(),
        origin: Origin::Assumed,
        output: "target/longshore".into(),
        releases: Vec::new(),
        scope: Scope { kind: ScopeKind::All, only: Vec::new(), left_out: Vec::new(), not_made: Vec::new() },
        steps: Vec::new(),
        jobs: vec![job],
        workflows: Vec::new(),
        idle: Vec::new(),
        destinations: Vec::new(),
        assumed: Vec::new(),
        inputs: BTreeMap::new(),
        unchanged: Vec::new(),
        snapshots: BTreeMap::new(),
    }
}

/// Wheels `keel` that somebody else has built.
pub fn given_wheel(names: &[&str]) -> Work {
    let work = serde_json::json!({
        "outputs": outputs(names),
        "builder": "prebuilt", "profile": "release", "locked": true, "cargo_args": [], "env": {}, "pass_env": [],
        "before": [], "stage": {
            "distribution": "keel", "version": "1.2.3", "set_version": false, "pyproject": "pyproject.toml",
            "manifest": "Cargo.toml", "features": [], "default_features": true, "all_features": false, "assets": [],
            "modules": ["keel"]
        }
    });
    Work::Wheel(serde_json::from_value(work).unwrap())
}
