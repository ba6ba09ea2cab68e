//! What a command leaves: text or one JSON object on standard output, problems on standard error, and the exit code.

use std::io;

use anstyle::{AnsiColor, Style};
use clap::error::ErrorKind;
use schemars::JsonSchema;
use serde::Serialize;

use super::ended::Ended;
use super::error::Refused;
use super::invocation::Invocation;
use super::report::{Fields, OutputRelease, ReleaseState, Report};
use super::summary;
use crate::artifact::Artifact;
use crate::config::{Diagnostic, Source};
use crate::facts::git;
use crate::plan::{Destination, Job, Plan, Scope, Step, Workflow};
use crate::problem::{Exit, Failure, Problem};
use crate::receipt::Receipt;
use crate::release::Session;
use crate::world::env::Env;
use crate::world::mask;
use crate::world::path::resolve;
use crate::world::terminal::{ANNOTATIONS, Colors, Kind, Level, Printer};
use crate::world::{actions, interrupt};

/// The format of what `--json` prints.
pub const SCHEMA: &str = "longshore/output/1";

/// Characters of an annotation; the log has the rest.
const LONGEST_ANNOTATION: usize = 3000;

/// The one object that `--json` prints.
#[derive(Serialize, JsonSchema)]
pub struct Output {
    /// `longshore/output/1`
    schema: &'static str,
    /// The command.
    command: String,
    /// Whether it succeeded.
    ok: bool,
    /// The exit code.
    exit: u8,
    /// How much of the release is public.
    state: ReleaseState,
    /// The releases it is about.
    releases: Vec<OutputRelease>,
    /// Digest of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    /// What of the whole release is not in the plan, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    /// What the plan holds (`plan`).
    #[serde(flatten)]
    planned: Option<OutputPlan>,
    /// Finished artifacts (`build`, `verify`).
    #[serde(skip_serializing_if = "Option::is_none")]
    artifacts: Option<Vec<Artifact>>,
    /// What is public (`publish`, `release`, `rehearse`).
    #[serde(skip_serializing_if = "Option::is_none")]
    receipts: Option<Vec<Receipt>>,
    /// What is wrong.
    problems: Vec<OutputProblem>,
    /// Fields of single commands.
    #[serde(flatten)]
    further: serde_json::Map<String, serde_json::Value>,
}

/// A plan in the output: all that its text shows.
#[derive(Serialize, JsonSchema)]
struct OutputPlan {
    /// In an order in which each follows those it needs.
    steps: Vec<Step>,
    /// The machines that build.
    jobs: Vec<Job>,
    /// Which workflow file builds and publishes what.
    workflows: Vec<Workflow>,
    /// Where artifacts are published, in this order, with the names of the credentials that are read.
    destinations: Vec<Destination>,
    /// What was not configured and is assumed.
    assumed: Vec<String>,
    /// Why only servers of this machine take the release; absent if public ones do.
    #[serde(skip_serializing_if = "Option::is_none")]
    only_loopback: Option<&'static str>,
}

impl OutputPlan {
    fn of(plan: &Plan) -> Self {
        Self {
            steps: plan.steps.clone(),
            jobs: plan.jobs.clone(),
            workflows: plan.workflows.clone(),
            destinations: plan.destinations.clone(),
            assumed: plan.assumed.clone(),
            only_loopback: plan.only_loopback(),
        }
    }
}

/// A problem in the output.
#[derive(Serialize, JsonSchema)]
struct OutputProblem {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
}

/// Prints the end of a command, and says how it ended.
pub fn finish(invocation: &Invocation, command: &str, result: anyhow::Result<Report>) -> Ended {
    let session = &invocation.session;
    let interrupted =
        interrupt::told().filter(|_| result.is_err()).map(|signal| anyhow::Error::from(Refused::interrupted(signal)));
    match interrupted.map_or(result, Err) {
        Ok(report) => {
            let ended = Ended::new(command, &report.fields, None);
            summary::write(session, command, &report.fields, None);
            let printed = if invocation.json {
                print_json(session, &output(command, Exit::Done, report.fields, Vec::new()))
            } else {
                session.printer.write_result(&report.text)
            };
            if let Err(error) = printed {
                return lost(session, ended, &error);
            }
            if !invocation.json {
                // In a job the workflow decides what comes next.
                if let Some(next) = report.next.filter(|_| !invocation.quiet && session.printer.kind() != Kind::Actions)
                {
                    let arrow =
                        session.printer.paint(Style::new().bold().fg_color(Some(AnsiColor::Cyan.into())), "next");
                    session.printer.block(&format!("{arrow}: {next}"));
                }
            }
            session.printer.resume();
            if let Some(stay) = report.stay {
                stay();
            }
            ended
        }
        Err(error) => {
            let refused = Refused::from(error);
            let ended = Ended::new(command, &refused.fields, Some(&refused));
            summary::write(session, command, &refused.fields, Some(&refused));
            if invocation.json {
                let problems = refused.diagnostics.iter().map(|it| located(it, &refused.source)).collect();
                if let Err(error) = print_json(session, &output(command, refused.exit, refused.fields, problems)) {
                    lost_words(session, &error);
                }
            } else {
                draw(session, &refused);
            }
            ended
        }
    }
}

/// Help and version go to standard output; a wrong command line is exit 2, also as JSON.
pub fn usage(error: &clap::Error, json: bool, env: &Env) -> Ended {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let shown = Ended::shown();
        return match plain().write_value(&error.render().to_string()) {
            Ok(()) => shown,
            Err(_) => shown.lost(),
        };
    }
    let text = error.render().to_string();
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    if json {
        let problem = Problem::new("usage", message).hint("`longshore --help`");
        refused(&Failure::usage(problem));
    } else if actions::is_job(env) {
        let printer = Printer::new(Level::Normal, Colors::NONE, true);
        printer.command("error title=usage", &message);
        printer.foreign(text.trim_end());
        printer.resume();
    } else {
        let _ = error.print();
    }
    Ended::usage()
}

/// Writes where there is no session yet.
fn plain() -> Printer {
    Printer::new(Level::Normal, Colors::NONE, false)
}

/// The JSON of a command line that could not be read.
fn refused(failure: &Failure) {
    let diagnostics = failure.problems.iter().map(|problem| Diagnostic { problem: problem.clone(), span: None });
    let problems = diagnostics.map(|diagnostic| located(&diagnostic, &Source::default())).collect();
    let _ = plain().write_value(&json(&output("", failure.exit, Fields::default(), problems)));
}

fn output(command: &str, exit: Exit, fields: Fields, problems: Vec<OutputProblem>) -> Output {
    let plan = fields.plan.as_ref();
    let releases = plan.map(OutputRelease::all).unwrap_or_default();
    Output {
        schema: SCHEMA,
        command: command.to_owned(),
        ok: exit == Exit::Done,
        exit: exit as u8,
        state: fields.state,
        releases,
        plan: plan.map(|plan| plan.digest().to_string()),
        scope: plan.filter(|plan| !plan.scope.left_out.is_empty()).map(|plan| plan.scope.clone()),
        planned: plan.filter(|_| fields.steps).map(OutputPlan::of),
        artifacts: fields.artifacts,
        receipts: fields.receipts,
        problems,
        further: fields.value.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

fn located(diagnostic: &Diagnostic, source: &Source) -> OutputProblem {
    if let Some((source, diagnostic)) = Source::elsewhere(diagnostic) {
        return located(&diagnostic, &source);
    }
    let Diagnostic { problem, span } = diagnostic;
    let position = span.as_ref().map(|span| source.position(span.start));
    OutputProblem {
        code: problem.code.to_owned(),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
        file: position.map(|_| source.name.clone()),
        line: position.map(|(line, _)| line),
        column: position.map(|(_, column)| column),
        step: problem.step.as_deref().map(str::to_owned),
    }
}

/// Draws problems: those with a place under the user's text, in a job also as annotations.
fn draw(session: &Session, refused: &Refused) {
    let source = &refused.source;
    if session.printer.kind() == Kind::Actions {
        let file = repository_path(session, &source.name);
        let (count, diagnostics) = (refused.diagnostics.len(), &refused.diagnostics);
        let shown = if count > ANNOTATIONS { ANNOTATIONS - 1 } else { count };
        for diagnostic in diagnostics.iter().take(shown) {
            let place = diagnostic.span.as_ref().map(|span| (file.as_str(), source.position(span.start)));
            annotate(session, place, diagnostic);
        }
        if count > shown {
            session
                .printer
                .command("error title=longshore", &format!("{} more problems are in the log", count - shown));
        }
    }
    session.printer.foreign(source.render(&refused.diagnostics, session.printer.color()).trim_end());
    session.printer.resume();
}

/// One annotation: GitHub shows it at the line of the file.
fn annotate(session: &Session, place: Option<(&str, (usize, usize))>, diagnostic: &Diagnostic) {
    if let Some((source, diagnostic)) = Source::elsewhere(diagnostic) {
        let place = diagnostic.span.as_ref().map(|span| (source.name.as_str(), source.position(span.start)));
        return annotate(session, place, &diagnostic);
    }
    let problem = &diagnostic.problem;
    let place = place
        .map(|(file, (line, column))| format!("file={},line={line},col={column},", actions::escape_property(file)));
    let step = problem.step.as_ref().map(|step| format!(" in {step}")).unwrap_or_default();
    let title = actions::escape_property(&format!("{}{step}", problem.code));
    let hint = problem.hint.as_ref().map(|hint| format!("\n{hint}")).unwrap_or_default();
    // Hidden whole, then cut.
    let text = format!("{}{hint}", problem.message);
    let text: String = mask::hide(&text).chars().take(LONGEST_ANNOTATION).collect();
    session.printer.command(&format!("error {}title={title}", place.unwrap_or_default()), &text);
}

/// The configuration as the repository knows it; problems name it as it is seen from where the command works.
fn repository_path(session: &Session, name: &str) -> String {
    let path = || {
        let folder = session.folder().ok()?;
        let top = git::top(&session.runner(), &folder).ok()?;
        let file = resolve(&folder.join(name)).ok()?;
        Some(file.strip_prefix(top).ok()?.to_str()?.replace('\\', "/"))
    };
    path().unwrap_or_else(|| name.to_owned())
}

fn json(output: &Output) -> String {
    serde_json::to_string(output).unwrap_or_default() + "\n"
}

fn print_json(session: &Session, output: &Output) -> io::Result<()> {
    session.printer.write_value(&json(output))
}

/// A result that could not be printed is not a success, whatever was done.
fn lost(session: &Session, ended: Ended, error: &io::Error) -> Ended {
    lost_words(session, error);
    session.printer.resume();
    ended.lost()
}

fn lost_words(session: &Session, error: &io::Error) {
    let problem = Problem::new("output-lost", format!("cannot write the result to standard output: {error}"))
        .hint("the command has done its work; free disk space and run it again to see the result");
    let refused = Refused { diagnostics: vec![Diagnostic { problem, span: None }], ..Refused::default() };
    draw(session, &refused);
}
