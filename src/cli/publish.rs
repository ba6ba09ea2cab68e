//! `publish`: a verified manifest; the same command again finishes it.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use super::args;
use super::error::Refused;
use super::invocation::Invocation;
use super::report::{Fields, ReleaseState, Report};
use super::table::{Table, size};
use crate::artifact::Manifest;
use crate::config::Diagnostic;
use crate::plan::{DestinationKind, ImageWork, OfKind, Plan, PublishedImage, Workflow};
use crate::problem::{Exit, Failure, Problem};
use crate::publish::Seen;
use crate::publish::kinds::describe;
use crate::receipt::{Outcome, Receipt, Receipts};
use crate::release::share::share;
use crate::release::stage_file::{self, StageFile};
use crate::release::{Access, Release, Session, pushed_tag};
use crate::shown;
use crate::step_id::StepId;
use crate::world::env::Env;
use crate::world::store::{self, Sharing, Store};

/// How many steps are named.
const SHOWN: usize = 3;

/// `longshore publish`
///
/// # Errors
/// Exit 2, 4, 5 or 6 as INTERFACE says.
pub fn run(invocation: &Invocation, args: &args::Publish) -> anyhow::Result<Report> {
    let session = &invocation.session;
    let (plan, store) = session.received(&args.from, args.plan_digest, Sharing::Readers)?;
    let manifest = manifest(&plan, &store)?;
    let stage = StageFile::of(&session.env)?;
    if stage.is_none() {
        name_the_rest(session, &plan)?;
    } else {
        session
            .printer
            .warn(format!("`{}` is set: everything is published to the servers of a rehearsal", stage_file::VARIABLE));
    }
    let access = Access::of(session, &plan)?;
    let share = share(&plan, args.workflow.as_deref(), &args.to)?;
    pushed_tag::check(session, &plan, &access.registries, store.repository())?;
    ask(invocation, &plan, share.as_ref())?;
    // Another workflow may publish beside us, and wait for us at the draft.
    let release = Release { session, plan: &plan, store: &store, access: &access };
    let wait = Duration::from_secs(args.wait.saturating_mul(60));
    let published =
        release.publish(Seen::default(), &manifest, share.as_ref(), wait).map_err(|error| failed(&release, error));
    if let Some(stage) = &stage {
        stage.keep(&store, args.workflow.as_deref())?;
    }
    let mut report = report(session, &plan, published?, true);
    report.fields.manifest = Some(manifest);
    Ok(report)
}

/// The manifest in the store, made for this very plan.
fn manifest(plan: &Plan, store: &Store) -> anyhow::Result<Manifest> {
    let refuse =
        |text: String| Err(Failure::usage(Problem::new("no-manifest", text).hint("`longshore verify` first")).into());
    if !store.manifest().is_file() {
        return refuse(format!("nothing is verified: `{}` does not exist", store.manifest().display()));
    }
    let manifest: Manifest = match store::read_json(&store.manifest()) {
        Ok(manifest) => manifest,
        Err(error) => return refuse(format!("{error:#}")),
    };
    if manifest.plan != plan.digest() {
        return refuse("the manifest was verified for another plan".into());
    }
    Ok(manifest)
}

/// An incomplete release goes to servers of this machine only (`Plan::only_loopback`); it is said what it lacks.
///
/// # Errors
/// If nothing of it goes anywhere.
fn name_the_rest(session: &Session, plan: &Plan) -> anyhow::Result<()> {
    let left_out = &plan.scope.left_out;
    let lacking = shown::some(left_out, SHOWN);
    if plan.destinations.is_empty() {
        let (text, hint) = if left_out.is_empty() {
            ("the plan publishes nothing".to_owned(), "name destinations under `publish:`")
        } else {
            let text = format!("the plan publishes nothing: it lacks {lacking}");
            (
                text,
                "build all jobs of one stored plan (`longshore plan --out plan.json`), or provide the rest with `--prebuilt DIR`",
            )
        };
        return Err(Failure::usage(Problem::new("nothing-to-publish", text).hint(hint)).into());
    }
    if !left_out.is_empty() {
        let text = format!("this is only part of the release: it lacks {lacking}; only local servers accept it");
        session.printer.warn(text);
    }
    Ok(())
}

/// A pull request of a fork runs with its author's files: nothing of it may become public.
/// The payload: <https://docs.github.com/webhooks/webhook-events-and-payloads#pull_request>.
fn refuse_fork(env: &Env) -> anyhow::Result<()> {
    let Some(path) = env.get("GITHUB_EVENT_PATH").filter(|path| Path::new(path).is_file()) else { return Ok(()) };
    let event: serde_json::Value = store::read_json(Path::new(path))?;
    let name = |side: &str| event.pointer(&format!("/pull_request/{side}/repo/full_name"));
    if event.get("pull_request").is_none() || name("head").is_some() && name("head") == name("base") {
        return Ok(());
    }
    let problem = Problem::new("fork", "a pull request from another repository cannot publish");
    Err(Failure::usage(problem.hint("publish from a tag; in a pull request, use `longshore build` and `verify`"))
        .into())
}

/// Shows the destinations and asks once; not in CI and with `--yes`.
///
/// # Errors
/// If the answer is no, there is no terminal, or the run is a fork's.
pub fn ask(invocation: &Invocation, plan: &Plan, share: Option<&Workflow>) -> anyhow::Result<()> {
    let session = &invocation.session;
    refuse_fork(&session.env)?;
    if invocation.yes || session.env.is_true("CI") {
        return Ok(());
    }
    let refuse = |text: &str| {
        Err(Failure::usage(Problem::new("not-confirmed", text).hint("pass `--yes` to publish without confirmation"))
            .into())
    };
    if !std::io::stdin().is_terminal() {
        return refuse("cannot ask for confirmation: this is not a terminal");
    }
    for destination in plan.destinations.iter().filter(|one| share.is_none_or(|share| share.goes_to(&one.name))) {
        let described = describe(destination);
        let places = described.places(plan, share, &destination.name);
        for line in places.into_iter().chain(described.presented(&session.env)) {
            session.printer.foreign(&shown::one_line(&format!("  {}: {line}", destination.name)));
        }
    }
    let _ = write!(std::io::stderr(), "Publish this? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        refuse("not published: the answer was no")
    }
}

/// A failure with what the ledger holds.
pub fn failed(release: &Release<'_>, error: anyhow::Error) -> anyhow::Error {
    let receipts =
        store::read_json::<Receipts>(&release.store.receipts()).map(|receipts| receipts.receipts).unwrap_or_default();
    let state = if receipts.is_empty() { ReleaseState::Nothing } else { ReleaseState::Partial };
    let mut refused = Refused::during(
        error,
        Fields { plan: Some(release.plan.clone()), receipts: Some(receipts), state, ..Fields::default() },
    );
    if refused.exit == Exit::Unfinished {
        for Diagnostic { problem, .. } in &mut refused.diagnostics {
            problem.hint.get_or_insert_with(|| "run the same command again to finish it".into());
        }
    }
    refused.into()
}

/// `urls`: whether what is published stays at its URLs.
pub fn report(session: &Session, plan: &Plan, receipts: Receipts, urls: bool) -> Report {
    let text = match receipts.receipts.as_slice() {
        [] if plan.destinations.is_empty() && plan.unchanged.is_empty() => {
            "nothing was published: nothing of it goes to a destination\n".to_owned()
        }
        [] => "nothing to publish: everything is there\n".to_owned(),
        all => table(all, urls, &stubs(plan)).render(&session.printer),
    };
    let mut report = Report::plan(text, plan);
    report.fields.receipts = Some(receipts.receipts);
    report.fields.state = ReleaseState::Complete;
    report
}

/// References, without their tags, of images that are stubs in a rehearsal: nobody is to take them for published ones.
fn stubs(plan: &Plan) -> BTreeSet<String> {
    let is_stub = |id: &StepId| {
        let step = plan.steps.iter().find(|step| step.id == *id);
        let work = step.and_then(|step| ImageWork::of(&step.work)).and_then(ImageWork::from_dockerfile);
        work.is_some_and(|work| work.stub.is_some())
    };
    let needs_stub = |image: &&PublishedImage| {
        let needs = plan.steps.iter().filter(|step| step.id == image.step).flat_map(|step| &step.needs);
        is_stub(&image.step) || needs.into_iter().any(is_stub)
    };
    let registries = plan.destinations.iter().filter_map(|destination| match &destination.kind {
        DestinationKind::Registry(registry) => Some(registry),
        _ => None,
    });
    let images = registries.flat_map(|registry| &registry.images).filter(needs_stub);
    images.flat_map(|image| image.repositories.iter().map(ToString::to_string)).collect()
}

fn table(receipts: &[Receipt], urls: bool, stubs: &BTreeSet<String>) -> Table {
    let mut table = Table::new(&["WHAT", "STATE", "SIZE", "SHA256", "URL"]);
    for receipt in receipts {
        let state = match receipt.outcome {
            Outcome::Published if is_of(stubs, &receipt.name) => "stub",
            Outcome::Published => "published",
            Outcome::AlreadyThere => "already there",
            Outcome::Unconfirmed => "unconfirmed",
            Outcome::Conflict => "conflict",
        };
        table.row([
            if receipt.name == "release" { format!("release {}", receipt.tag) } else { receipt.name.clone() },
            state.to_owned(),
            receipt.size.map(size).unwrap_or_default(),
            receipt.sha256.map(|digest| digest.hex()).unwrap_or_default(),
            receipt.url.clone().filter(|_| urls).unwrap_or_default(),
        ]);
    }
    table
}

/// Whether a receipt is for one of the repositories, by tag or digest.
fn is_of(repositories: &BTreeSet<String>, name: &str) -> bool {
    let name = name.split('@').next().unwrap_or(name);
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[last..].find(':').map_or(name.len(), |at| last + at);
    repositories.contains(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_are_told_from_others() {
        let stubs = BTreeSet::from(["localhost:5000/a/b".to_owned()]);
        for name in ["localhost:5000/a/b:1.2", "localhost:5000/a/b@sha256:0", "localhost:5000/a/b"] {
            assert!(is_of(&stubs, name), "{name}");
        }
        assert!(!is_of(&stubs, "localhost:5000/a/bc:1.2"));
    }

    #[test]
    fn forks_do_not_publish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        let check = |event: &str, refused: bool| {
            std::fs::write(&path, event).unwrap();
            let env = Env::of([("GITHUB_EVENT_PATH", path.to_str().unwrap())]);
            assert_eq!(refuse_fork(&env).is_err(), refused, "{event}");
        };
        let pull = |head: &str| {
            format!(r#"{{"pull_request":{{"head":{{"repo":{head}}},"base":{{"repo":{{"full_name":"o/r"}}}}}}}}"#)
        };
        check(r#"{"ref":"refs/tags/v1.2.3"}"#, false);
        check(&pull(r#"{"full_name":"o/r"}"#), false);
        check(&pull(r#"{"full_name":"mallory/r"}"#), true);
        check(&pull("null"), true);
    }
}
