//! `plan`: what is built where, and where it goes.

use std::fmt::Write;

use anstyle::Style;

use super::affected;
use super::args;
use super::missing;
use super::report::Report;
use super::table::Table;
use super::unlocked;
use crate::macos::MacosVersion;
use crate::plan::{Assembly, Check, FromDockerfile, Origin, Plan, Recipe, Step, WheelBuilder, Work, explain};
use crate::problem::Failure;
use crate::publish::describe::published;
use crate::publish::kinds::describe;
use crate::release::{Asked, Project, Session, Wish};
use crate::shown;
use crate::world::sink;
use crate::world::terminal::Printer;

/// `longshore plan`
///
/// # Errors
/// Every problem of configuration, facts and request.
pub fn run(session: &Session, args: &args::Plan) -> anyhow::Result<Report> {
    let project = Project::open(session)?;
    // What is carried out later has the version that is published; a look at it asks nobody.
    let asked = if args.out.is_some() { Asked::Registries } else { Asked::Nobody };
    let wish = Wish { host: args.host, also: &args.also, asked, ..Wish::default() };
    let mut plan = project.plan_to_show(session, wish)?;
    if let Some(reference) = &args.affected {
        let kept = affected::steps(session, &project, &plan, reference)?;
        plan = project.plan_unsaid(session, Wish { kept: Some(&kept), ..wish })?;
    }
    dubious(session, &plan);
    unlocked::tell(session, &plan)?;
    if let Some(out) = &args.out {
        sink::write(out, &plan.to_json())?;
    }
    project.refuse_unlocked(&plan)?;
    let text = match &args.explain {
        Some(step) => explain::explain(&plan, step).map_err(Failure::usage)?,
        None if args.mermaid => explain::mermaid(&plan),
        None => text(&plan, &session.printer),
    };
    let mut report = Report::plan(text, &plan);
    if args.explain.is_none() && !args.mermaid {
        missing::add(&mut report, session, &project, &plan)?;
    }
    report.fields.steps = true;
    let next = match (project.config.written, plan.origin) {
        (false, _) => "longshore init   (or: longshore rehearse)",
        _ => "longshore rehearse",
    };
    Ok(report.next(next))
}

/// Warns of what Dockerfiles and charts do that is most likely not meant.
pub fn dubious(session: &Session, plan: &Plan) {
    let notes = |step: &'_ Step| match &step.work {
        Work::Image(work) => work.from_dockerfile().map(|recipe| recipe.notes.clone()).unwrap_or_default(),
        Work::Chart(work) => work.notes.clone(),
        _ => Vec::new(),
    };
    let mut told: Vec<String> = Vec::new();
    for note in plan.steps.iter().flat_map(notes) {
        if !told.contains(&note) {
            session.printer.warn(&note);
            told.push(note);
        }
    }
}

pub fn text(plan: &Plan, printer: &Printer) -> String {
    let mut text = heading(plan, printer);
    for assumed in &plan.assumed {
        let _ = writeln!(text, "  assumed: {}", shown::one_line(assumed));
    }
    text.push('\n');
    text.push_str(&steps(plan).render(printer));
    if !plan.scope.left_out.is_empty() {
        let _ = writeln!(text, "\n{} more steps are not in this scope", plan.scope.left_out.len());
    }
    text.push('\n');
    text.push_str(&goes(plan, printer));
    text
}

fn heading(plan: &Plan, printer: &Printer) -> String {
    let mut text = String::new();
    for release in &plan.releases {
        let kind = match (plan.origin, release.prerelease) {
            (Origin::Snapshot, _) => ", snapshot",
            (_, true) => ", prerelease",
            (_, false) => "",
        };
        let title = if release.component.is_empty() { &plan.name } else { &release.component };
        let title = printer.paint(Style::new().bold(), &format!("{title} {}", release.version));
        let commit = crate::plan::release::short(&plan.commit);
        let dirty = if plan.dirty { ", dirty" } else { "" };
        let _ = writeln!(text, "{title} (tag {}, commit {commit}{dirty}{kind})", release.tag);
    }
    text
}

fn steps(plan: &Plan) -> Table {
    let mut table = Table::new(&["STEP", "TARGET", "RUNNER", "BUILDER OR BASE", "OUTPUT"]);
    for step in &plan.steps {
        let job = step.job.as_ref().and_then(|id| plan.jobs.iter().find(|job| job.id == *id));
        let runner = job.map_or("(merge)".to_owned(), |job| match &job.container {
            Some(container) => format!("{} {container}", job.runner),
            None => job.runner.clone(),
        });
        let target = match &step.work {
            Work::Image(work) => work.platform.to_string(),
            _ => step.target.map(|target| target.to_string()).unwrap_or_default(),
        };
        table.row([step.id.to_string(), target, runner, builder(step), output(step)]);
    }
    table
}

fn builder(step: &Step) -> String {
    match &step.work {
        Work::Binary(work) => {
            let builder = format!("{:?}", work.builder).to_lowercase();
            // The default is not shown.
            let later = work.macos.filter(|version| step.target.and_then(MacosVersion::oldest) != Some(*version));
            later.map_or(builder.clone(), |version| format!("{builder}, macOS {version}"))
        }
        Work::Wheel(work) => match work.builder {
            WheelBuilder::Native => "maturin".into(),
            WheelBuilder::Zig => "maturin, zig".into(),
            WheelBuilder::Prebuilt => "prebuilt".into(),
        },
        Work::Sdist(_) => "maturin".into(),
        Work::Chart(_) => String::new(),
        Work::Image(work) => match &work.recipe {
            Recipe::Assembly(work) => work.base.as_ref().map_or_else(|| "scratch".into(), |base| base.from.to_string()),
            Recipe::Dockerfile(work) => work.dockerfile.clone(),
        },
        _ => String::new(),
    }
}

fn expected(check: &Check) -> String {
    let prints =
        |text: &Option<String>| text.as_ref().map(|text| format!("`{text}` in its output")).unwrap_or_default();
    match check {
        Check::Smoke(smoke) if smoke.assumed => format!("{} (assumed)", prints(&smoke.contains)),
        Check::Smoke(smoke) => prints(&smoke.contains),
        Check::Container(container) => match &container.http {
            Some(path) => format!("an answer to `{path}`"),
            None => prints(&container.contains),
        },
        Check::Secrets(_) => "no secret in its layers or config".to_owned(),
        Check::Import(_) => "installed and imported".to_owned(),
        Check::Resolve(_) => "crates that distinguish it from its siblings".to_owned(),
        Check::Readme => "its README renders on PyPI".to_owned(),
        Check::Rebuild(_) => "rebuilt into a wheel".to_owned(),
        Check::Render(_) => "linted and rendered by Helm".to_owned(),
    }
}

fn output(step: &Step) -> String {
    match &step.work {
        Work::Check(check) => match &check.not_run {
            Some(reason) => format!("not run: {reason}"),
            None => expected(&check.check),
        },
        Work::Image(work) => match &work.recipe {
            Recipe::Assembly(work) => assembly(work),
            Recipe::Dockerfile(work) => from_dockerfile(work),
        },
        _ => step.outputs().join(", "),
    }
}

fn assembly(work: &Assembly) -> String {
    match work.base.as_ref().map(|base| base.digest) {
        Some(Some(digest)) => format!("{}, {}", work.facts.libc, &digest.to_string()[..19]),
        Some(None) => format!("{}, not locked", work.facts.libc),
        None => "system files included in Longshore".into(),
    }
}

fn from_dockerfile(work: &FromDockerfile) -> String {
    let open = work.bases.iter().filter(|base| base.base.digest.is_none()).map(|base| base.name.as_str());
    let mut open: Vec<&str> = open.collect();
    open.dedup();
    let files = match work.inputs.files {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    match open.as_slice() {
        [] => format!("{files}, {}", &work.inputs.digest.to_string()[..19]),
        open => format!("{files}; not locked: {}", open.join(", ")),
    }
}

/// Where it goes, in the order of publishing.
fn goes(plan: &Plan, printer: &Printer) -> String {
    let mut text = String::new();
    for (number, destination) in plan.destinations.iter().enumerate() {
        let name = printer.paint(Style::new().bold(), &destination.name);
        let _ = write!(text, "{}. {name}: ", number + 1);
        let lines = describe(destination).planned(plan, &published(plan, None, &destination.name));
        let _ = writeln!(text, "{}", lines.join("\n   "));
        if !destination.credentials.is_empty() {
            let _ = writeln!(text, "   reads {}", shown::one_line(&destination.credentials.join(", ")));
        }
    }
    if plan.destinations.is_empty() {
        text.push_str("nothing is published\n");
    }
    if plan.workflows.len() > 1 {
        for workflow in &plan.workflows {
            let _ = writeln!(text, "{} publishes {}", workflow.file, workflow.destinations.join(", "));
        }
    }
    if let Some(reason) = plan.only_loopback() {
        let _ = writeln!(text, "only local servers accept it: {reason}");
    }
    text
}
