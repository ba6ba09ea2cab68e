//! `serve`: the build service, until it is told to end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::args;
use super::report::Report;
use crate::build::engine::Kind;
use crate::problem::{Exit, Failure, Problem};
use crate::release::Session;
use crate::serve::build::{self, Local};
use crate::serve::executor::Executor;
use crate::serve::fetch;
use crate::serve::log::{LARGEST, Logs};
use crate::serve::push::Target;
use crate::serve::service::{Data, Service};
use crate::serve::settings::{self, Flags, Settings};
use crate::world::interrupt::{self, Holding};
use crate::world::path::resolve;
use crate::world::{files, runtime};

/// The host that `GITHUB_TOKEN` is for.
const GITHUB: &str = "github.com";

pub fn run(session: &Session, args: &args::Serve) -> anyhow::Result<Report> {
    refuse_missing(args)?;
    let flags = Flags {
        listen: args.listen,
        data: args.data.clone(),
        engine: engine(&args.engine)?,
        builds: args.builds.into(),
        open: args.open,
        keep_free: u64::from(args.keep_free) << 30,
        database: args.database.clone(),
        webhook: args.webhook.clone(),
    };
    let mut settings = settings::read(flags, &session.env)?;
    settings.notes.iter().for_each(|note| session.printer.warn(note));
    // Before anything is started: who stops us waits for attempts that write their tags.
    let ours = Holding::elsewhere();
    let told = interrupt::told_to_end()?;
    if args.check {
        return check(session, &settings);
    }
    settings.data = folder(&settings.data)?;
    let executor: Arc<dyn Executor> = Arc::new(executor(session, &settings));
    let data = Data::open(&settings.data)?;
    let logs = Logs::limited(data.logs(), LARGEST, session.env.credentials(&[]));
    let service = Service::start(data, logs, Arc::clone(&executor), &settings.setup, &session.printer)?;
    tell(session, &service, &settings);
    warn_if_not_ready(session, executor)?;
    let mut report = Report::text(format!("http://{}\n", service.address()));
    report.stay = Some(Box::new(move || {
        let _ = runtime::block_on(told);
        end(service);
        std::mem::forget(ours);
    }));
    Ok(report)
}

/// `--check`: leaves nothing behind.
fn check(session: &Session, settings: &Settings) -> anyhow::Result<Report> {
    executor(session, settings).ready().map_err(|error| {
        let problem = Problem::new("not-ready", format!("builds are not possible: {error:#}"));
        let hint = "the service starts all the same, and tells callers of `/readyz`; tasks are tried three times";
        Failure::new(Exit::Unexpected, problem.hint(hint))
    })?;
    Ok(Report::text(format!("ready: images go to {}\n", settings.target.repository)))
}

fn refuse_missing(args: &args::Serve) -> Result<(), Failure> {
    let flags = [("--settings", args.settings.is_some()), ("--tokens", args.tokens.is_some())];
    match flags.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => {
            let problem = Problem::new("not-in-this-version", format!("`{flag}` is not in this version"));
            Err(Failure::usage(problem.hint("remove it; docs/service.md lists what is there")))
        }
    }
}

fn engine(name: &str) -> Result<Option<Kind>, Failure> {
    if name == "auto" {
        return Ok(None);
    }
    let parsed = name.parse().map(Some);
    parsed
        .map_err(|why: String| Failure::usage(Problem::new("bad-args", why).hint("or `auto`: the first that answers")))
}

/// Logs and clones of private repositories are in it.
fn folder(path: &Path) -> anyhow::Result<PathBuf> {
    let context = || format!("cannot create `{}`", path.display());
    if !path.exists() {
        std::fs::create_dir_all(path).with_context(context)?;
        files::set_mode(path, 0o700).with_context(context)?;
    }
    resolve(path).with_context(context)
}

fn executor(session: &Session, settings: &Settings) -> Local {
    let target = &settings.target;
    let insecure = target.address.as_ref().is_some_and(|url| url.scheme() == "http");
    let target = Target { repository: target.repository.clone(), address: target.address.clone(), insecure };
    let build = build::Settings {
        engine: settings.engine,
        platform: settings.platform,
        targets: vec![target],
        timeout: settings.setup.pace.limit,
        data: settings.data.clone(),
    };
    let tokens: BTreeMap<_, _> = settings.github_token.iter().map(|token| (GITHUB.to_owned(), token.clone())).collect();
    let fetch = fetch::Settings { allowed: settings.allowed.clone(), tokens, ..fetch::Settings::default() };
    Local::new(build, fetch, session.runner(), &session.env)
}

fn tell(session: &Session, service: &Service, settings: &Settings) {
    let printer = &session.printer;
    printer.step("Listening", format!("on http://{}", service.address()));
    printer.step("Pushing", format!("to {}", settings.target.repository));
    let found = service.recovered();
    if found.waiting + found.failed + found.cancelled > 0 {
        let text = format!(
            "tasks of a process that ended: {} wait again, {} failed, {} cancelled",
            found.waiting, found.failed, found.cancelled
        );
        printer.step("Recovered", text);
    }
}

/// A registry or an engine that comes later is no reason not to take requests.
fn warn_if_not_ready(session: &Session, executor: Arc<dyn Executor>) -> anyhow::Result<()> {
    let printer = session.printer.clone();
    runtime::handle()?.spawn_blocking(move || {
        if let Err(error) = executor.ready() {
            printer.warn(format!("builds are not possible yet: {error:#}"));
        }
    });
    Ok(())
}

/// Stops the service; who is told a second time does not wait for it.
fn end(service: Service) {
    let again = interrupt::told_to_end();
    let _ = runtime::block_on(async {
        let stopping = tokio::task::spawn_blocking(|| service.stop());
        match again {
            Ok(again) => tokio::select! {
                _ = stopping => {}
                () = again => {}
            },
            Err(_) => drop(stopping.await),
        }
    });
}
