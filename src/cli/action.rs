//! `action`: one job's worth of work, as action.yml asks for it in the environment.
//!
//! Each job is the commands that a person would type, one after the other in this process. What goes from job to
//! job lies in `$RUNNER_TEMP/longshore`: `plan.json`, a tar of each job, and `release.tar`.

use std::path::{Path, PathBuf};

use clap::FromArgMatches;
use clap::error::ErrorKind;
use clap::parser::ValueSource;

use super::args::{self, Cli, Command, Global};
use super::ended::Ended;
use super::help;
use super::invocation::Invocation;
use super::output;
use super::summary;
use crate::digest::Digest;
use crate::facts;
use crate::plan::{Job, Plan};
use crate::problem::{Exit, Failure, Problem};
use crate::release::{Session, plan_file};
use crate::world::actions;
use crate::world::env::Env;
use crate::world::git::trust;
use crate::world::process::{Cmd, Finished};
use crate::world::store::Sharing;

struct ActionJob {
    command: String,
    args: Vec<String>,
    config: Option<String>,
    directory: Option<String>,
    workflow: Option<String>,
    job: Option<String>,
    tags: Vec<String>,
    snapshot: bool,
    /// Of the plan that other jobs carry out.
    plan_digest: Option<String>,
    /// What other jobs handed over, and what this one hands on.
    hand_over: PathBuf,
}

/// Carries out one job, each of its commands by `carry_out`; sets its outputs, also when it fails.
pub fn run(invocation: &Invocation, carry_out: fn(Cli, &Env) -> Ended) -> Ended {
    let session = &invocation.session;
    let named = input(&session.env, "LONGSHORE_ACTION_COMMAND").unwrap_or_else(|| "action".to_owned());
    let job = match ActionJob::read(&session.env) {
        Ok(job) => job,
        Err(error) => return told(invocation, None, output::finish(invocation, &named, Err(error))),
    };
    let commands = match job.commands(session) {
        Ok(commands) => commands,
        Err(error) => return told(invocation, None, job.refused(invocation, error)),
    };
    let last = commands.last().filter(|cli| leaves_manifest(&cli.command)).map(|cli| cli.global.clone());
    let mut ended = Ended::shown();
    for cli in commands {
        ended = carry_out(cli, &session.env);
        if ended.exit != Exit::Done as u8 {
            break;
        }
    }
    ended.command = named;
    if ended.exit == Exit::Done as u8 && session.env.get("GITHUB_EVENT_NAME") == Some("pull_request") {
        summary::add(session, &job.download(&session.env));
    }
    told(invocation, last.and_then(|global| place_of_manifest(&global, &session.env)), ended)
}

/// Sets the outputs that every command has.
fn told(invocation: &Invocation, manifest: Option<String>, mut ended: Ended) -> Ended {
    let only = match ended.releases.as_slice() {
        [one] => Some(one),
        _ => None,
    };
    let mut outputs = vec![("summary-json", ended.to_json())];
    outputs.extend(ended.releases.first().map(|release| ("commit", release.commit.clone())));
    if let Some(release) = only {
        outputs.push(("version", release.version.clone()));
        outputs.push(("prerelease", release.prerelease.to_string()));
    }
    outputs.extend(manifest.map(|path| ("manifest", path)));
    for (name, value) in outputs {
        if let Err(error) = actions::set_output(&invocation.session.env, name, &value) {
            ended = output::finish(invocation, &ended.command, Err(error));
        }
    }
    ended
}

fn leaves_manifest(command: &Command) -> bool {
    matches!(command, Command::Verify(_) | Command::Publish(_) | Command::Release(_) | Command::Rehearse(_))
}

/// Where the manifest lies that a command made or published.
fn place_of_manifest(global: &Global, env: &Env) -> Option<String> {
    let session = Invocation::new(global, env.clone()).session;
    let store = match &session.selection.plan {
        Some(file) => session.stored(file, None, Sharing::Readers).ok()?.1,
        None => session.store(Sharing::Readers).ok()?,
    };
    let path = Some(store.manifest()).filter(|path| path.is_file())?;
    // Only Windows has a prefix before an absolute path.
    Some(path.to_str()?.trim_start_matches(r"\\?\").to_owned())
}

fn input(env: &Env, name: &str) -> Option<String> {
    env.get(name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
}

fn wrong(code: &'static str, text: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Failure::usage(Problem::new(code, text).hint(hint)).into()
}

/// Flags that exclude each other, as clap says it.
fn conflict(text: &str) -> anyhow::Error {
    help::parser().error(ErrorKind::ArgumentConflict, text).into()
}

impl ActionJob {
    fn read(env: &Env) -> anyhow::Result<Self> {
        let missing = || {
            let hint = "`command: plan`, `build`, `verify`, `publish`, or any other command of longshore";
            wrong("missing-input", "the action's input `command` is empty", hint)
        };
        let command = input(env, "LONGSHORE_ACTION_COMMAND").ok_or_else(missing)?;
        let temp = input(env, "RUNNER_TEMP").map(PathBuf::from).filter(|path| path.is_absolute()).ok_or_else(|| {
            let hint = "GitHub's runner sets it; elsewhere run the commands themselves: `longshore --help`";
            wrong("no-runner-temp", "`RUNNER_TEMP` does not name the job's temporary folder", hint)
        })?;
        let words = input(env, "LONGSHORE_ACTION_ARGS").unwrap_or_default();
        let args = shell_words::split(&words).map_err(|_| {
            wrong("bad-args", "the action's input `args` has a quote that is not closed", "`args: --flag 'two words'`")
        })?;
        let tags = input(env, "LONGSHORE_ACTION_TAGS").unwrap_or_default();
        let snapshot = match input(env, "LONGSHORE_ACTION_SNAPSHOT").as_deref() {
            Some("true") => true,
            None | Some("false") => false,
            Some(_) => {
                return Err(wrong(
                    "bad-input",
                    "the action's input `snapshot` is neither true nor false",
                    "`snapshot: true`",
                ));
            }
        };
        Ok(Self {
            command,
            args,
            config: input(env, "LONGSHORE_ACTION_CONFIG"),
            directory: input(env, "LONGSHORE_ACTION_DIRECTORY"),
            workflow: input(env, "LONGSHORE_ACTION_WORKFLOW"),
            job: input(env, "LONGSHORE_ACTION_JOB"),
            tags: tags.split_whitespace().map(str::to_owned).collect(),
            snapshot,
            plan_digest: input(env, "LONGSHORE_ACTION_PLAN_DIGEST"),
            hand_over: temp.join("longshore"),
        })
    }

    /// The commands of this job, after looking whether what they need is there.
    fn commands(&self, session: &Session) -> anyhow::Result<Vec<Cli>> {
        match self.command.as_str() {
            "plan" => self.check_out_tags(session)?,
            // A run that was started by hand checks out the branch it was started from.
            "build" | "verify" => self.check_out(session, &self.planned()?.1.commit, "the plan's commit")?,
            _ => {}
        }
        match self.command.as_str() {
            "plan" => self.plan(),
            "build" => self.build(),
            "verify" => self.verify(),
            "publish" => self.publish(),
            "action" => Err(wrong("bad-input", "the action's input `command` is `action`", "`command: plan`")),
            _ => self.other(),
        }
    }

    /// How it ends before anything began.
    fn refused(&self, invocation: &Invocation, error: anyhow::Error) -> Ended {
        match error.downcast::<clap::Error>() {
            Ok(error) => {
                let is_json = self.args.iter().any(|word| word == "--json");
                let mut ended = output::usage(&error, is_json, &invocation.session.env);
                ended.command.clone_from(&self.command);
                ended
            }
            Err(error) => output::finish(invocation, &self.command, Err(error)),
        }
    }

    fn plan(&self) -> anyhow::Result<Vec<Cli>> {
        let file = self.hand_over.join("plan.json");
        let mut planning = self.here(self.typed("plan", &["out"])?);
        if let Command::Plan(args) = &mut planning.command {
            args.out = Some(file.clone());
        }
        planning.global.tag.splice(..0, self.tags.iter().cloned());
        planning.global.snapshot |= self.snapshot;
        if planning.global.snapshot && !planning.global.tag.is_empty() {
            return Err(conflict("the argument '--tag <TAG>...' cannot be used with '--snapshot'"));
        }
        let matrix = args::Matrix { workflow: self.workflow.clone(), assets: false, images: false };
        Ok(vec![planning, self.own(Command::Matrix(matrix), file)])
    }

    fn build(&self) -> anyhow::Result<Vec<Cli>> {
        let job = self.job.as_deref().ok_or_else(|| {
            wrong(
                "missing-input",
                "the action's input `job` is empty",
                "`job: ${{ matrix.id }}`, an id of the matrix that `plan` made",
            )
        })?;
        let (file, plan) = self.planned()?;
        let own = plan.jobs.iter().find(|own| own.id == job).map(|own| own.needs.as_slice()).unwrap_or_default();
        let needed = plan.jobs.iter().filter(|job| own.contains(&job.id));
        let there = self.tars(needed).into_iter().filter(|tar| tar.is_file());
        let mut cli = self.here(
            self.typed("build", &["host", "all", "job", "merge", "workflow", "pack", "also", "plan_digest", "plan"])?,
        );
        cli.global.plan = Some(file);
        if let Command::Build(args) = &mut cli.command {
            args.job = Some(job.to_owned());
            args.workflow.clone_from(&self.workflow);
            args.plan_digest = Some(self.digest()?);
            args.from.splice(..0, there);
            args.pack = Some(self.hand_over.join(format!("{job}.tar")));
        }
        Ok(vec![cli])
    }

    fn verify(&self) -> anyhow::Result<Vec<Cli>> {
        let (file, plan) = self.planned()?;
        let tars = self.arrived(&plan)?;
        let digest = Some(self.digest()?);
        let mut rest = self
            .here(self.typed("build", &["host", "all", "job", "merge", "workflow", "also", "plan_digest", "plan"])?);
        rest.global.plan = Some(file.clone());
        if let Command::Build(args) = &mut rest.command {
            args.merge = true;
            args.workflow.clone_from(&self.workflow);
            args.plan_digest = digest;
            args.from.splice(..0, tars);
        }
        let pack = Some(self.hand_over.join("release.tar"));
        let verify = args::Verify { workflow: self.workflow.clone(), from: Vec::new(), pack, plan_digest: digest };
        Ok(vec![rest, self.own(Command::Verify(verify), file)])
    }

    /// The tars of the workflow's jobs, all of which must have come.
    fn arrived(&self, plan: &Plan) -> anyhow::Result<Vec<PathBuf>> {
        let workflow = plan.workflow(self.workflow.as_deref()).map_err(Failure::usage)?;
        let inside =
            |job: &&Job| workflow.is_none_or(|workflow| job.steps.iter().any(|step| workflow.steps.contains(step)));
        let tars = self.tars(plan.jobs.iter().filter(inside));
        let missing: Vec<&str> =
            tars.iter().filter(|tar| !tar.is_file()).filter_map(|tar| tar.file_stem()?.to_str()).collect();
        if missing.is_empty() {
            return Ok(tars);
        }
        let text = format!("no results of {} of {} jobs: {}", missing.len(), tars.len(), missing.join(", "));
        let hint = "they failed or were skipped: see their logs, then re-run the failed jobs; GitHub also skips them if the matrix contains a secret, see the log of `plan`";
        Err(Failure::new(Exit::Verification, Problem::new("missing-job", text).hint(hint)).into())
    }

    /// Without a checkout, in a folder that only this job has.
    fn publish(&self) -> anyhow::Result<Vec<Cli>> {
        let release = self.handed("release.tar", "verify", "longshore-release")?;
        let mut cli = self.typed("publish", &["workflow", "plan_digest"])?;
        cli.global.directory.get_or_insert_with(|| self.hand_over.clone());
        cli.global.yes = true;
        if let Command::Publish(args) = &mut cli.command {
            args.workflow.clone_from(&self.workflow);
            args.plan_digest = Some(self.digest()?);
            args.from.insert(0, release);
        }
        Ok(vec![cli])
    }

    fn other(&self) -> anyhow::Result<Vec<Cli>> {
        let given = [
            ("workflow", self.workflow.is_some()),
            ("job", self.job.is_some()),
            ("tags", !self.tags.is_empty()),
            ("snapshot", self.snapshot),
            ("plan-digest", self.plan_digest.is_some()),
        ];
        if let Some((name, _)) = given.into_iter().find(|(_, given)| *given) {
            let text = format!("the action's input `{name}` is not used by `{}`", self.command);
            return Err(wrong("bad-input", text, "pass flags of the command in `args`"));
        }
        if self.command.starts_with('-') {
            let text = format!("the action's input `command` is `{}`, which is a flag", self.command);
            return Err(wrong("bad-input", text, "pass flags in `args`"));
        }
        Ok(vec![self.here(self.typed(&self.command, &[])?)])
    }

    /// For the summary: what of this job can be downloaded.
    fn download(&self, env: &Env) -> String {
        let (artifact, tar) = match (self.command.as_str(), &self.job) {
            ("build", Some(job)) => (format!("longshore-{job}"), format!("{job}.tar")),
            ("verify", _) => ("longshore-release".to_owned(), "release.tar".to_owned()),
            _ => return String::new(),
        };
        let server = env.get("GITHUB_SERVER_URL").unwrap_or("https://github.com");
        let (Some(repository), Some(run)) = (env.get("GITHUB_REPOSITORY"), env.get("GITHUB_RUN_ID")) else {
            return String::new();
        };
        format!(
            "**To try it:** `{tar}` in the artifact `{artifact}` of [this run]({server}/{repository}/actions/runs/{run}#artifacts) \
             holds these files.\n\n```sh\ngh run download {run} --repo {repository} --name {artifact} && tar -xf {tar}\n```\n\n"
        )
    }

    /// A command with the words of the input `args`. `own` are the flags that the job sets itself, and what excludes them.
    fn typed(&self, command: &str, own: &[&str]) -> anyhow::Result<Cli> {
        let words = ["longshore", command].into_iter().chain(self.args.iter().map(String::as_str));
        let matches = help::parser().try_get_matches_from(words)?;
        let given = |id: &str| matches.subcommand().and_then(|(_, words)| words.value_source(id));
        match own.iter().find(|id| given(id) == Some(ValueSource::CommandLine)) {
            Some(id) => {
                Err(conflict(&format!("the argument '--{}' is set by the action itself", id.replace('_', "-"))))
            }
            None => Ok(Cli::from_arg_matches(&matches)?),
        }
    }

    /// A command of ours on a stored plan, in the project's folder.
    fn own(&self, command: Command, plan: PathBuf) -> Cli {
        self.here(Cli { command, global: Global { plan: Some(plan), ..Global::default() } })
    }

    /// A command in the project's folder.
    fn here(&self, mut cli: Cli) -> Cli {
        let (directory, config) = (cli.global.directory.take(), cli.global.config.take());
        cli.global.directory = directory.or_else(|| self.directory.as_ref().map(PathBuf::from));
        cli.global.config = config.or_else(|| self.config.as_ref().map(PathBuf::from));
        cli
    }

    /// What the plan job said. An output that GitHub dropped must not let another plan through.
    fn digest(&self) -> anyhow::Result<Digest> {
        let hint = "`plan-digest: ${{ needs.plan.outputs.plan-digest }}`, an output of the job that runs `plan`, which this \
                    one must need; `longshore generate` writes it";
        let Some(text) = &self.plan_digest else {
            return Err(wrong("missing-input", "the action's input `plan-digest` is empty", hint));
        };
        text.parse().map_err(|error| wrong("bad-input", format!("the action's input `plan-digest`: {error}"), hint))
    }

    /// The tars of jobs, whether they are there or not.
    fn tars<'l>(&self, jobs: impl Iterator<Item = &'l Job>) -> Vec<PathBuf> {
        jobs.map(|job| self.hand_over.join(format!("{}.tar", job.id))).collect()
    }

    /// A file that an earlier job handed over.
    fn handed(&self, name: &str, job: &str, artifact: &str) -> anyhow::Result<PathBuf> {
        let path = self.hand_over.join(name);
        if path.is_file() {
            return Ok(path);
        }
        let text =
            format!("`{name}` is not in `{}`: the job that runs `{job}` did not upload it", self.hand_over.display());
        let hint = format!(
            "if that job was skipped or failed, see its log and re-run the failed jobs; otherwise download the artifact `{artifact}` into `${{{{ runner.temp }}}}/longshore` first"
        );
        Err(wrong("missing-hand-over", text, hint))
    }

    fn planned(&self) -> anyhow::Result<(PathBuf, Plan)> {
        let file = self.handed("plan.json", "plan", "longshore-plan")?;
        let plan = plan_file::read(&file, Some(self.digest()?))?;
        Ok((file, plan))
    }

    /// Sees that there is a checkout, and moves it to the commit of the tags that were asked for.
    fn check_out_tags(&self, session: &Session) -> anyhow::Result<()> {
        let top = self.top(session)?;
        let mut commits: Vec<(String, &str)> = Vec::new();
        for tag in &self.tags {
            let name = format!("refs/tags/{tag}^{{commit}}");
            let done = git(session, &top, &["rev-parse", "--verify", "--quiet", "--end-of-options", &name])?;
            if !done.status.success() {
                let text = format!("tag `{tag}` does not exist in this checkout");
                return Err(wrong("tag-missing", text, "push the tag, and use `fetch-depth: 0` for the checkout"));
            }
            commits.push((done.stdout.trim().to_owned(), tag));
        }
        let Some((commit, first)) = commits.first() else { return Ok(()) };
        if let Some((other, second)) = commits.iter().find(|(other, _)| other != commit) {
            let text = format!("tag `{first}` is commit {commit}, and tag `{second}` is {other}");
            return Err(wrong("several-commits", text, "one run releases one commit: start one run per commit"));
        }
        self.check_out(session, commit, &format!("tag `{first}`"))
    }

    /// Moves the checkout to a commit, unless it is there.
    fn check_out(&self, session: &Session, commit: &str, name: &str) -> anyhow::Result<()> {
        let top = self.top(session)?;
        if git(session, &top, &["rev-parse", "HEAD"])?.stdout.trim() == commit {
            return Ok(());
        }
        session.printer.step("Checking out", format!("{name}, {commit}"));
        let done = git(session, &top, &["-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit])?;
        if done.status.success() {
            return Ok(());
        }
        let text = format!("cannot check out {name}: {}", done.stderr.trim());
        Err(wrong(
            "wrong-commit",
            text,
            "use `fetch-depth: 0` for the checkout, and do not change files before this step",
        ))
    }

    fn top(&self, session: &Session) -> anyhow::Result<PathBuf> {
        let folder = self.directory.as_deref().unwrap_or(".");
        facts::git::top(&session.runner(), Path::new(folder)).map_err(no_checkout)
    }
}

fn git(session: &Session, top: &Path, args: &[&str]) -> anyhow::Result<Finished> {
    let runner = session.runner();
    runner.output(&Cmd::new("git", top).args(trust(&runner).iter().chain(args).copied()))
}

/// git finds no work tree: what a job can do about it.
fn no_checkout(error: anyhow::Error) -> anyhow::Error {
    let code = error.downcast_ref::<Failure>().and_then(|failure| failure.problems.first()).map(|problem| problem.code);
    if !matches!(code, Some("no-repository" | "no-folder")) {
        return error;
    }
    let hint = "run actions/checkout with `fetch-depth: 0` in an earlier step of this job; `working-directory` is relative to the workspace";
    wrong("no-checkout", format!("there is no checkout: {error}"), hint)
}
