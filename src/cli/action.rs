//! `action`: one job's worth of work, as action.yml asks for it in the environment.
//!
//! Each job is the command lines that a person would type, one after the other in this process. What goes from job to
//! job lies in `$RUNNER_TEMP/longshore`: `plan.json`, a tar of each leg, and `release.tar`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::args::Cli;
use super::ended::Ended;
use super::invocation::Invocation;
use super::output;
use super::summary;
use crate::digest::Digest;
use crate::facts;
use crate::plan::{Leg, Plan};
use crate::problem::{Exit, Failure, Problem};
use crate::release::{Session, plan_file};
use crate::world::actions;
use crate::world::env::Env;
use crate::world::git::trust;
use crate::world::process::{Cmd, Finished};
use crate::world::store::Sharing;

/// One command line.
type Words = Vec<String>;

/// What the action's inputs say.
struct Job {
    command: String,
    args: Words,
    config: Option<String>,
    directory: Option<String>,
    part: Option<String>,
    leg: Option<String>,
    tags: Vec<String>,
    snapshot: bool,
    /// Of the plan that other jobs carry out.
    plan_digest: Option<String>,
    /// What other jobs handed over, and what this one hands on.
    hand_over: PathBuf,
}

/// Carries out one job; sets its outputs, also when it fails.
pub fn run(invocation: &Invocation) -> Ended {
    let session = &invocation.session;
    let named = input(&session.env, "LONGSHORE_ACTION_COMMAND").unwrap_or_else(|| "action".to_owned());
    let read = Job::read(&session.env).and_then(|job| Ok((job.lines(session)?, job)));
    let (lines, job) = match read {
        Ok(read) => read,
        Err(error) => return told(invocation, &[], output::finish(invocation, &named, Err(error))),
    };
    let mut ended = Ended::shown();
    for line in &lines {
        ended = super::carry_out(line.iter().map(OsString::from), &session.env);
        if ended.exit != Exit::Done as u8 {
            break;
        }
    }
    ended.command = named;
    if ended.exit == Exit::Done as u8 && session.env.get("GITHUB_EVENT_NAME") == Some("pull_request") {
        summary::add(session, &job.download(&session.env));
    }
    told(invocation, lines.last().map_or(&[], Vec::as_slice), ended)
}

/// Sets the outputs that every command has.
fn told(invocation: &Invocation, last: &[String], mut ended: Ended) -> Ended {
    let env = &invocation.session.env;
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
    outputs.extend(manifest(last, env).map(|path| ("manifest", path)));
    for (name, value) in outputs {
        if let Err(error) = actions::set_output(env, name, &value) {
            ended = output::finish(invocation, &ended.command, Err(error));
        }
    }
    ended
}

/// Where the manifest lies that a command line made or published.
fn manifest(words: &[String], env: &Env) -> Option<String> {
    let cli = Cli::try_parse_from(words).ok()?;
    if !matches!(cli.command.name(), "verify" | "publish" | "release" | "rehearse") {
        return None;
    }
    let session = Invocation::new(&cli.global, env.clone()).session;
    let store = match &session.selection.plan {
        Some(file) => session.stored(file, None, Sharing::Readers).ok()?.1,
        None => session.store(Sharing::Readers).ok()?,
    };
    let path = Some(store.manifest()).filter(|path| path.is_file())?;
    // What Windows puts before an absolute path is no part of it for anybody else.
    Some(path.to_str()?.trim_start_matches(r"\\?\").to_owned())
}

fn input(env: &Env, name: &str) -> Option<String> {
    env.get(name).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
}

fn wrong(code: &'static str, text: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Failure::usage(Problem::new(code, text).hint(hint)).into()
}

impl Job {
    fn read(env: &Env) -> anyhow::Result<Self> {
        let missing = || {
            let hint = "`command: plan`, `build`, `verify`, `publish`, or any other command of longshore";
            wrong("missing-input", "the action's input `command` is empty", hint)
        };
        let command = input(env, "LONGSHORE_ACTION_COMMAND").ok_or_else(missing)?;
        let temp = input(env, "RUNNER_TEMP").map(PathBuf::from).filter(|path| path.is_absolute()).ok_or_else(|| {
            let hint = "a runner sets it; elsewhere type the commands themselves: `longshore --help`";
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
            part: input(env, "LONGSHORE_ACTION_PART"),
            leg: input(env, "LONGSHORE_ACTION_LEG"),
            tags: tags.split_whitespace().map(str::to_owned).collect(),
            snapshot,
            plan_digest: input(env, "LONGSHORE_ACTION_PLAN_DIGEST"),
            hand_over: temp.join("longshore"),
        })
    }

    /// The command lines of this job, after looking whether what they need is there.
    fn lines(&self, session: &Session) -> anyhow::Result<Vec<Words>> {
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

    fn plan(&self) -> anyhow::Result<Vec<Words>> {
        let plan = self.file("plan.json")?;
        let mut planning = self.words(&["plan", "--out", &plan]);
        planning.extend(self.tags.iter().map(|tag| format!("--tag={tag}")));
        planning.extend(self.snapshot.then(|| "--snapshot".to_owned()));
        planning.extend_from_slice(&self.args);
        Ok(vec![planning, self.of_part(self.words(&["matrix", "--plan", &plan]))])
    }

    fn build(&self) -> anyhow::Result<Vec<Words>> {
        let leg = self.leg.as_deref().ok_or_else(|| {
            wrong(
                "missing-input",
                "the action's input `leg` is empty",
                "`leg: ${{ matrix.id }}`, an id of the matrix that `plan` made",
            )
        })?;
        let (file, plan) = self.planned()?;
        let mut words = self.of_plan(self.words(&["build", "--plan", &file, "--leg", leg]))?;
        let assets = plan.legs.iter().filter(|leg| leg.wave == 1);
        let there: Vec<String> = self.tars(assets)?.into_iter().filter(|tar| Path::new(tar).is_file()).collect();
        if !there.is_empty() {
            words.push("--from".into());
            words.extend(there);
        }
        words.extend(["--pack".into(), self.file(&format!("{leg}.tar"))?]);
        words.extend_from_slice(&self.args);
        Ok(vec![words])
    }

    fn verify(&self) -> anyhow::Result<Vec<Words>> {
        let (file, plan) = self.planned()?;
        let part = plan.part(self.part.as_deref()).map_err(Failure::usage)?;
        let inside = |leg: &&Leg| part.is_none_or(|part| leg.steps.iter().any(|step| part.steps.contains(step)));
        let tars = self.tars(plan.legs.iter().filter(inside))?;
        let missing: Vec<&str> = tars
            .iter()
            .filter(|tar| !Path::new(tar).is_file())
            .filter_map(|tar| Path::new(tar).file_stem()?.to_str())
            .collect();
        if !missing.is_empty() {
            let text = format!("nothing came from {} of {} legs: {}", missing.len(), tars.len(), missing.join(", "));
            let hint = "their jobs failed or were skipped: look there, then re-run the failed jobs; GitHub also skips them if \
                        the matrix holds the text of a secret, which the log of `plan` says";
            return Err(Failure::new(Exit::Verification, Problem::new("missing-leg", text).hint(hint)).into());
        }
        let mut rest = self.of_plan(self.words(&["build", "--plan", &file, "--rest"]))?;
        if !tars.is_empty() {
            rest.push("--from".into());
            rest.extend(tars);
        }
        rest.extend_from_slice(&self.args);
        let verify = self.words(&["verify", "--plan", &file, "--pack", &self.file("release.tar")?]);
        Ok(vec![rest, self.of_plan(verify)?])
    }

    /// Without a checkout, in a folder that only this job has.
    fn publish(&self) -> anyhow::Result<Vec<Words>> {
        let release = self.handed("release.tar", "verify", "longshore-release")?;
        let folder = self.file("")?;
        let words = ["longshore", "-C", &folder, "publish", "--from", &release, "--yes"].map(str::to_owned).to_vec();
        let mut words = self.of_plan(words)?;
        words.extend_from_slice(&self.args);
        Ok(vec![words])
    }

    fn other(&self) -> anyhow::Result<Vec<Words>> {
        let given = [
            ("part", self.part.is_some()),
            ("leg", self.leg.is_some()),
            ("tags", !self.tags.is_empty()),
            ("snapshot", self.snapshot),
            ("plan-digest", self.plan_digest.is_some()),
        ];
        if let Some((name, _)) = given.into_iter().find(|(_, given)| *given) {
            let text = format!("the action's input `{name}` means nothing to `{}`", self.command);
            return Err(wrong("bad-input", text, "write the command's own flags into `args`"));
        }
        if self.command.starts_with('-') {
            let text = format!("the action's input `command` is `{}`, which is a flag", self.command);
            return Err(wrong("bad-input", text, "flags belong into `args`"));
        }
        let mut words = self.words(&[&self.command]);
        words.extend_from_slice(&self.args);
        Ok(vec![words])
    }

    /// For the summary: what of this job can be downloaded.
    fn download(&self, env: &Env) -> String {
        let (artifact, tar) = match (self.command.as_str(), &self.leg) {
            ("build", Some(leg)) => (format!("longshore-{leg}"), format!("{leg}.tar")),
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

    /// The words of a command, in the project's folder.
    fn words(&self, command: &[&str]) -> Words {
        let mut words = vec!["longshore".to_owned()];
        words.extend(self.directory.iter().flat_map(|folder| ["-C".to_owned(), folder.clone()]));
        words.extend(self.config.iter().flat_map(|file| ["--config".to_owned(), file.clone()]));
        words.extend(command.iter().map(ToString::to_string));
        words
    }

    fn of_part(&self, mut words: Words) -> Words {
        words.extend(self.part.iter().map(|part| format!("--part={part}")));
        words
    }

    /// The words of a job that carries out the plan job's plan, and no other.
    fn of_plan(&self, words: Words) -> anyhow::Result<Words> {
        let digest = self.digest()?;
        let mut words = self.of_part(words);
        words.push(format!("--plan-digest={digest}"));
        Ok(words)
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

    /// A path in the hand-over folder.
    fn file(&self, name: &str) -> anyhow::Result<String> {
        let path = if name.is_empty() { self.hand_over.clone() } else { self.hand_over.join(name) };
        path.into_os_string().into_string().map_err(|path| {
            let text = format!("`{}` is not UTF-8", path.display());
            wrong("no-runner-temp", text, "let `RUNNER_TEMP` be a plain path")
        })
    }

    /// The tars of legs, whether they are there or not.
    fn tars<'l>(&self, legs: impl Iterator<Item = &'l Leg>) -> anyhow::Result<Words> {
        legs.map(|leg| self.file(&format!("{}.tar", leg.id))).collect()
    }

    /// A file that an earlier job handed over.
    fn handed(&self, name: &str, job: &str, artifact: &str) -> anyhow::Result<String> {
        let path = self.file(name)?;
        if Path::new(&path).is_file() {
            return Ok(path);
        }
        let text = format!(
            "`{name}` is not in `{}`: the job that runs `{job}` did not hand it over",
            self.hand_over.display()
        );
        let hint = format!(
            "if it was skipped or failed, look there and re-run the failed jobs; if not, download the artifact `{artifact}` into `${{{{ runner.temp }}}}/longshore` first"
        );
        Err(wrong("missing-hand-over", text, hint))
    }

    fn planned(&self) -> anyhow::Result<(String, Plan)> {
        let file = self.handed("plan.json", "plan", "longshore-plan")?;
        let plan = plan_file::read(Path::new(&file), Some(self.digest()?))?;
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
                return Err(wrong("tag-missing", text, "push the tag, and check out with `fetch-depth: 0`"));
            }
            commits.push((done.stdout.trim().to_owned(), tag));
        }
        let Some((commit, first)) = commits.first() else { return Ok(()) };
        if let Some((other, second)) = commits.iter().find(|(other, _)| other != commit) {
            let text = format!("tag `{first}` is commit {commit}, and tag `{second}` is {other}");
            return Err(wrong("several-commits", text, "one run releases one commit: start one for each"));
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
        Err(wrong("wrong-commit", text, "check out with `fetch-depth: 0`, and change no files before"))
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
    let hint = "run actions/checkout with `fetch-depth: 0` in an earlier step of this job; `working-directory` is seen from the workspace";
    wrong("no-checkout", format!("there is no checkout to work in: {error}"), hint)
}
