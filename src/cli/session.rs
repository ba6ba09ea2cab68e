//! One run of the program: where it is, who reads, and how it comes to configuration, facts and plan.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError, RwLock};

use anyhow::Context;

use super::args::{Cli, Color, Global};
use super::config_file::{self, CONFIG};
use super::credentials::Named;
use super::error::Refused;
use super::stage_file::StageFile;
use crate::config::{self, Config, Notes, Source};
use crate::digest::Digest;
use crate::facts::{self, Facts, Wanted};
use crate::oci::registry;
use crate::plan::{self, Plan, Request, WithoutTag};
use crate::portable;
use crate::problem::{Failure, Problem};
use crate::target::Target;
use crate::world::actions;
use crate::world::env::Env;
use crate::world::handover;
use crate::world::path::resolve;
use crate::world::process::Runner;
use crate::world::store::{self, Sharing, Store};
use crate::world::terminal::{Colors, Level, Printer};

/// One run of the program.
pub struct Session {
    /// The environment.
    pub env: Env,
    /// Starts programs, without the credentials that are known by now.
    pub(super) runner: RwLock<Runner>,
    /// Variables that configuration and plan name for credentials.
    pub(super) credentials: Mutex<Named>,
    /// Standard error.
    pub printer: Printer,
    /// `-C`, else where it was started.
    pub dir: PathBuf,
    /// `--json`
    pub json: bool,
    /// `-q`
    pub quiet: bool,
    /// The global flags.
    pub global: Global,
    /// Whether a configuration that does not count was named.
    pub named: Once,
}

/// A project: its folder, its configuration, and what is true there.
pub struct Project {
    /// The folder of the repository.
    pub top: PathBuf,
    /// The folder of longshore.yaml, else of the repository.
    pub root: PathBuf,
    /// The configuration.
    pub config: Config,
    /// Its text.
    pub source: Source,
    /// The facts.
    pub facts: Facts,
}

/// How a command wants its plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// Without a tag.
    pub without_tag: WithoutTag,
    /// Only what this machine makes.
    pub host: bool,
    /// Other targets that this machine makes all the same.
    pub also: &'a [Target],
    /// Everything, all of it on this machine.
    pub here: bool,
    /// Bases of images are stand-ins: none need be locked.
    pub stand_ins: bool,
    /// Folder of finished executables.
    pub prebuilt: Option<&'a Path>,
    /// Every component, whatever tags are at the commit.
    pub every_component: bool,
    /// For no version in particular: what only depends on the files.
    pub any_version: bool,
}

impl Session {
    /// From the command line.
    pub fn new(cli: &Cli, env: Env) -> Self {
        let global = cli.global.clone();
        let level = match (global.quiet, global.verbose) {
            (true, _) => Level::Quiet,
            (_, true) => Level::Verbose,
            _ => Level::Normal,
        };
        let colors = match global.color {
            Color::Always => Colors::ALL,
            Color::Never => Colors::NONE,
            Color::Auto => Colors::of_terminals(&env),
        };
        let printer = Printer::new(level, colors, actions::is_job(&env));
        let runner = RwLock::new(Runner::new(Env::default()));
        let credentials = Mutex::default();
        let dir = global.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        let (json, quiet, named) = (global.json, global.quiet, Once::new());
        let session = Self { runner, credentials, printer, dir, json, quiet, global, env, named };
        session.withhold(&[], &[]);
        let docker = session.env.get("DOCKER_AUTH_CONFIG").map(registry::secrets).unwrap_or_default();
        docker.iter().for_each(|secret| session.printer.mask(secret));
        session.foresee();
        session
    }

    /// The same in another folder and environment; what is known of credentials stays known.
    pub fn elsewhere(&self, dir: PathBuf, global: Global, env: Env) -> Self {
        let known = self.credentials.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            env,
            runner: RwLock::new(self.runner()),
            credentials: Mutex::new(known),
            printer: self.printer.clone(),
            dir,
            json: self.json,
            quiet: self.quiet,
            global,
            named: Once::new(),
        }
    }

    /// The project of this folder.
    ///
    /// # Errors
    /// If there is no repository, or every problem of its configuration.
    pub fn project(&self) -> anyhow::Result<Project> {
        self.read(false)
    }

    /// The same as it is in any clone: its commits, tags and remote do not count.
    ///
    /// # Errors
    /// As [`Self::project`].
    pub fn project_of_any_clone(&self) -> anyhow::Result<Project> {
        self.read(true)
    }

    fn read(&self, any_clone: bool) -> anyhow::Result<Project> {
        let dir = self.folder()?;
        let top = facts::git::top(&self.runner(), &dir)?;
        let (file, root) = self.place(&dir, Some(&top))?;
        let (config, source) = self.config(file.as_deref())?;
        let wanted = Wanted { any_clone, ..wanted(&config) };
        let facts = facts::gather(&self.runner(), &self.env, &root, &wanted)?;
        if file.is_none() {
            self.warn_of_nested(&facts);
        }
        Ok(Project { top, root, config, source, facts })
    }

    /// Everything is assumed, and yet there is a configuration further down.
    fn warn_of_nested(&self, facts: &Facts) {
        let is_nested = |path: &&str| path.strip_suffix(CONFIG).is_some_and(|folder| folder.ends_with('/'));
        let mut paths = facts.files.iter().map(|file| file.path.as_str());
        let Some(nested) = paths.find(is_nested) else { return };
        let folder = nested.trim_end_matches(CONFIG).trim_end_matches('/');
        let text = format!("`{nested}` is not taken: run this in its folder, or with `-C {folder}`");
        self.named.call_once(|| self.printer.warn(text));
    }

    /// The configuration alone, checked; every default if there is no file.
    ///
    /// # Errors
    /// Every problem of the file.
    pub fn config(&self, file: Option<&Path>) -> anyhow::Result<(Config, Source)> {
        let Some(file) = file else {
            if let Some(overlay) = self.global.overlay.first() {
                let text = format!("there is no {CONFIG} that could have an overlay `{overlay}`");
                return Err(Failure::usage(Problem::new("unknown-overlay", text)).into());
            }
            return Ok((config::none(), Source::default()));
        };
        let bytes = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let name = self.display(file);
        let Ok(text) = String::from_utf8(bytes) else {
            let problem = Problem::new("not-utf8", format!("`{name}` is not UTF-8 text")).hint("save it as UTF-8");
            return Err(Failure::usage(problem).into());
        };
        match config::parse(&name, &text, &self.global.overlay) {
            Ok(parsed) => {
                self.mask_named(&parsed.0);
                Ok(parsed)
            }
            Err((source, diagnostics)) => Err(Refused::config(diagnostics, source).into()),
        }
    }

    /// The folder it works in, absolute.
    ///
    /// # Errors
    /// If it does not exist.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        resolve(&self.dir).map_err(|error| {
            let problem = Problem::new("no-such-folder", format!("cannot work in `{}`: {error}", self.dir.display()));
            Failure::usage(problem).into()
        })
    }

    /// A path that was typed, as this process reaches it.
    pub fn below(&self, path: &Path) -> PathBuf {
        if self.dir == Path::new(".") { path.to_owned() } else { self.dir.join(path) }
    }

    /// The configuration file, `--config` or longshore.yaml here or above, and the folder of the project: that of the
    /// file, else the repository's top, else this one.
    fn place(&self, dir: &Path, top: Option<&Path>) -> anyhow::Result<(Option<PathBuf>, PathBuf)> {
        let file = match &self.global.config {
            Some(name) => Some(config_file::named(dir, top, name)?),
            None => {
                let top = top.unwrap_or(dir);
                let found = config_file::find(dir, top)?;
                if let Some(above) = found.above {
                    let text = format!("`{}` is not taken: it lies above `{}`", above.display(), top.display());
                    self.named.call_once(|| self.printer.warn(text));
                }
                found.file
            }
        };
        let root = file.as_deref().and_then(Path::parent).or(top).unwrap_or(dir).to_owned();
        Ok((file, root))
    }

    /// A path as people want to read it: relative to where they are, if it lies below.
    fn display(&self, file: &Path) -> String {
        let here = self.folder().unwrap_or_default();
        file.strip_prefix(&here).unwrap_or(file).display().to_string()
    }

    /// Makes the plan.
    ///
    /// # Errors
    /// Every problem of configuration, facts and request.
    pub fn plan(&self, project: &Project, wish: Wish<'_>) -> anyhow::Result<Plan> {
        let plan = self.plan_to_show(project, wish)?;
        self.refuse_unlocked(project, &plan)?;
        Ok(plan)
    }

    /// The same, also where it cannot be carried out: the caller goes on with [`Self::refuse_unlocked`].
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn plan_to_show(&self, project: &Project, wish: Wish<'_>) -> anyhow::Result<Plan> {
        let plan = self.plan_unsaid(project, wish)?;
        if let Some(first) = project.facts.head.dirty.first() {
            let text = format!(
                "the work tree differs from the commit (`{first}`…); what is made from it stays on this machine"
            );
            self.printer.warn(text);
        }
        self.mask(&plan);
        Ok(plan)
    }

    /// Refuses a plan that promises a lock file which the commit has not.
    ///
    /// # Errors
    /// One problem for each entry.
    pub fn refuse_unlocked(&self, project: &Project, plan: &Plan) -> anyhow::Result<()> {
        let problems = plan::locked::broken(plan, &project.facts);
        if problems.is_empty() { Ok(()) } else { Err(located(project, problems)) }
    }

    /// The same without a word about a dirty tree.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn plan_unsaid(&self, project: &Project, wish: Wish<'_>) -> anyhow::Result<Plan> {
        let request = self.request(wish)?;
        plan::plan(&project.config, &project.facts, &request).map_err(|problems| located(project, problems))
    }

    fn request(&self, wish: Wish<'_>) -> anyhow::Result<Request> {
        let global = &self.global;
        // Under act there is one machine: a plan that holds more would skip it silently later.
        let host = wish.host || self.env.is_true("ACT");
        Ok(Request {
            tags: global.tag.clone(),
            components: global.component.clone(),
            every_component: wish.every_component,
            only: global.only.clone(),
            version: wish.any_version.then(|| "0.0.0".parse().expect("a version")),
            snapshot: global.snapshot,
            without_tag: wish.without_tag,
            also: wish.also.to_vec(),
            host: if host { Some(this_host()?) } else { None },
            machine: if wish.here { Some(this_host()?) } else { None },
            stand_ins: wish.stand_ins || StageFile::of(&self.env)?.is_some(),
            prebuilt: wish.prebuilt.map(prebuilt).transpose()?.unwrap_or_default(),
        })
    }

    /// The output folder of this folder's project; without a repository, of the folder itself.
    ///
    /// # Errors
    /// Every problem of the configuration.
    pub fn store(&self, sharing: Sharing) -> anyhow::Result<Store> {
        let dir = self.folder()?;
        let top = facts::git::top(&self.runner(), &dir).ok();
        let (file, root) = self.place(&dir, top.as_deref())?;
        Store::open(&root, &self.config(file.as_deref())?.0.output, sharing, &self.printer)
    }

    /// The plan and the store it is about, after the results of other machines came in (`--from`). Nothing comes in for
    /// another plan than `--plan`, or than one of the digest that is given.
    ///
    /// # Errors
    /// If a tar cannot be taken, or there is no plan, or another one.
    pub fn received(
        &self,
        from: &[PathBuf],
        wanted: Option<Digest>,
        sharing: Sharing,
    ) -> anyhow::Result<(Plan, Store)> {
        let tars: Vec<&Path> = from.iter().map(AsRef::as_ref).collect();
        if let Some(file) = &self.global.plan {
            let (plan, store) = self.stored(file, wanted, sharing)?;
            handover::unpack(&store, &tars, Some(plan.digest()))?;
            return Ok((plan, store));
        }
        let store = self.store(sharing)?;
        handover::unpack(&store, &tars, wanted)?;
        let plan = read_plan(&store.plan(), wanted)?;
        self.mask(&plan);
        Ok((plan, store))
    }

    /// The stored plan (`--plan`), with the store that lies beside the repository of this folder.
    ///
    /// # Errors
    /// If the file is not a plan of this version, or not the one that is wanted.
    pub fn stored(&self, file: &Path, wanted: Option<Digest>, sharing: Sharing) -> anyhow::Result<(Plan, Store)> {
        let dir = self.folder()?;
        let plan = read_plan(&dir.join(file), wanted)?;
        self.mask(&plan);
        let top = facts::git::top(&self.runner(), &dir).ok();
        let (_, root) = self.place(&dir, top.as_deref())?;
        let store = Store::open(&root, &plan.output, sharing, &self.printer)?;
        Ok((plan, store))
    }
}

/// Problems of a plan, drawn where the configuration says what they are about.
fn located(project: &Project, problems: Vec<Problem>) -> anyhow::Error {
    let source = project.source.clone();
    let diagnostics = problems.into_iter().map(|problem| source.locate(problem)).collect();
    Refused::config(diagnostics, source).into()
}

/// Reads a plan and sees that it is one of ours, and of the digest that is wanted.
///
/// # Errors
/// If it is missing, damaged, of another version, or another one.
pub fn read_plan(file: &Path, wanted: Option<Digest>) -> anyhow::Result<Plan> {
    let usage = |problem: Problem| anyhow::Error::from(Failure::usage(problem));
    if !file.is_file() {
        let problem = Problem::new("no-plan", format!("there is no plan at `{}`", file.display()));
        return Err(usage(problem.hint("`longshore plan --out plan.json`, or name it with `--plan`")));
    }
    if let Some(wanted) = wanted {
        handover::check_plan(file, wanted)?;
    }
    let plan: Plan = store::read_json(file).map_err(|error| {
        let hint = "it was edited, cut off, or written by another longshore version: make it again";
        usage(Problem::new("bad-plan", format!("{error:#}")).hint(hint))
    })?;
    if let Some(what) = astray(&plan) {
        let hint = "make it again: `longshore plan --out plan.json`";
        return Err(usage(Problem::new("bad-plan", format!("`{}`: {what}", file.display())).hint(hint)));
    }
    if plan.schema != plan::SCHEMA {
        return Err(usage(Problem::new(
            "bad-plan",
            format!("plan format `{}`, expected `{}`", plan.schema, plan::SCHEMA),
        )));
    }
    Ok(plan)
}

/// What in a plan would be written or read outside the folder that is for it.
fn astray(plan: &Plan) -> Option<String> {
    let inside = |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    if plan.output.is_empty() || !Path::new(&plan.output).components().all(inside) {
        return Some(format!("the output folder `{}` is not inside the project", plan.output.escape_default()));
    }
    if portable::is_of_git(&plan.output) {
        return Some(format!("the output folder `{}` is one of git's", plan.output.escape_default()));
    }
    if let Some(step) = plan.steps.iter().find(|step| !handover::is_step_id(&step.id)) {
        return Some(format!("`{}` is not the id of a step", step.id.escape_default()));
    }
    let mut outputs = plan.steps.iter().flat_map(|step| &step.outputs);
    let output = outputs.find(|output| !handover::is_file_name(&output.name))?;
    Some(format!("`{}` is not the name of a file", output.name.escape_default()))
}

/// The triple of this machine.
///
/// # Errors
/// If it is none we know.
pub fn this_host() -> anyhow::Result<Target> {
    Target::host().ok_or_else(|| {
        let problem = Problem::new("unknown-host", "this machine is of no target triple that longshore knows");
        Failure::usage(problem).into()
    })
}

/// What of the world the configuration asks for.
fn wanted(config: &Config) -> Wanted {
    let mut wanted = Wanted { python: !config.wheels.is_empty(), ..Wanted::default() };
    let builds = match &config.binaries {
        config::Binaries::Listed(list) => list.iter().flat_map(|binary| &binary.builds).collect(),
        config::Binaries::Implied(implied) => implied.builds.iter().collect(),
        config::Binaries::Off => Vec::new(),
    };
    let of_wheels = config.wheels.iter().flat_map(|wheel| &wheel.builds).map(|(_, settings)| &settings.cargo.manifest);
    let of_binaries = builds.into_iter().map(|(_, settings)| &settings.manifest);
    let manifests: BTreeSet<String> = of_binaries.chain(of_wheels).flatten().cloned().collect();
    wanted.manifests.extend(manifests);
    for component in std::iter::once(&config.root).chain(&config.components) {
        wanted.version_files.extend(component.version_files.iter().flatten().cloned());
        wanted.texts.extend(component.changelog.clone());
    }
    for destination in &config.destinations {
        let github = match &destination.kind {
            config::DestinationKind::Github(github) => github,
            config::DestinationKind::Pypi(_) => continue,
            config::DestinationKind::Registry(registry) => {
                let hosts = registry.hosts.values().filter_map(|host| host.ca.clone());
                wanted.texts.extend(registry.ca.iter().cloned().chain(hosts));
                continue;
            }
        };
        wanted.texts.extend(github.header.iter().chain(&github.footer).cloned());
        if let Notes::File(file) = &github.notes {
            wanted.texts.push(file.clone());
        }
    }
    wanted
}

/// The files in a folder: `DIR/<triple>/<executable>`, and wheels and sdists by their names.
fn prebuilt(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let names = Target::all().flat_map(|target| [format!("{target}/"), format!("{target}-static/")]);
    for name in names.chain([String::new()]) {
        let Ok(entries) = std::fs::read_dir(folder.join(&name)) else { continue };
        for entry in entries {
            let entry = entry?;
            if let (true, Ok(file)) = (entry.path().is_file(), entry.file_name().into_string()) {
                found.insert(format!("{name}{file}"));
            }
        }
    }
    if found.is_empty() {
        let text = format!("`{}` holds nothing that a step takes", folder.display());
        let problem =
            Problem::new("no-prebuilt", text).hint("it must hold <triple>/<executable>, or wheels and sdists");
        return Err(Failure::usage(problem).into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_stays_in_its_folder() {
        let check = |output: &str, step: &str, name: &str, expected: bool| {
            let text = serde_json::json!({
                "schema": "longshore/plan/1", "name": "a", "repository": "o/a", "commit": "1", "commit_time": 0,
                "dirty": false, "origin": "tag", "output": output, "releases": [], "scope": { "kind": "all" },
                "legs": [], "parts": [], "destinations": [], "assumed": [],
                "steps": [{ "id": step, "component": "", "needs": [], "outputs": [{ "name": name }], "publish": [],
                            "kind": "checksums", "covers": [] }]
            });
            let plan = serde_json::from_value(text).unwrap();
            assert_eq!(astray(&plan).is_none(), expected, "{output} {step} {name}");
        };
        check("target/longshore", "checksums.a", "SHA256SUMS", true);
        for output in ["", "/tmp/x", "..", "target/../../x", ".git", "a/.GIT/x"] {
            check(output, "checksums.a", "SHA256SUMS", false);
        }
        check("out", "../x", "SHA256SUMS", false);
        check("out", "checksums.a", "../SHA256SUMS", false);
    }
}
