//! `serve`: the build service, until it is told to end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::args;
use super::report::Report;
use crate::build::engine::Kind;
use crate::problem::{Exit, Failure, Problem};
use crate::release::Session;
use crate::serve::access;
use crate::serve::build::{self, Local, Runners};
use crate::serve::cloud;
use crate::serve::executor::Executor;
use crate::serve::fetch;
use crate::serve::kind;
use crate::serve::log::Logs;
use crate::serve::service::{Data, Service};
use crate::serve::settings::{self, Flags, PASSWORDS, Settings};
use crate::serve::store::{Address, Imported, Keep};
use crate::world::interrupt::{self, Holding};
use crate::world::path::resolve;
use crate::world::process::Runner;
use crate::world::{files, runtime};

/// The host that `GITHUB_TOKEN` is for.
const GITHUB: &str = "github.com";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub fn run(session: &Session, args: &args::Serve) -> anyhow::Result<Report> {
    if let (Some(path), Some(name)) = (&args.tokens, &args.new_token) {
        return new_token(session, path, name);
    }
    let engine = engine(&args.engine)?;
    let helpers = session.runner();
    session.withhold(&cloud::CREDENTIALS.map(str::to_owned));
    let flags = Flags {
        listen: args.listen,
        data: args.data.clone(),
        engine,
        builds: args.builds.into(),
        open: args.open,
        keep_free: u64::from(args.keep_free) << 30,
        database: args.database.clone(),
        import_now: args.import.is_some(),
        per_app: args.builds_per_app,
        keep: keep(args),
        settings: args.settings.clone(),
        tokens: args.tokens.clone(),
        kind: kind::port(&session.runner(), &session.env, engine),
        webhook: args.webhook.clone(),
    };
    let passwords = PASSWORDS.map(str::to_owned);
    session.withhold(&passwords);
    let mut settings = settings::read(flags, &session.env)?;
    settings.notes.iter().for_each(|note| session.printer.warn(note));
    // Before anything is started: who stops us waits for attempts that write their tags.
    let ours = Holding::elsewhere();
    let told = interrupt::told_to_end()?;
    if args.check {
        return check(&executor(session, &settings, helpers), &settings);
    }
    settings.data = folder(&settings.data)?;
    let executor: Arc<dyn Executor> = Arc::new(executor(session, &settings, helpers));
    let data = Data::open(&settings.data, &settings.database)?;
    if let Some(imported) = data.import(settings.import_now)? {
        tell_imported(session, &imported);
    } else if settings.import_now {
        let text = "`--import now` took over nothing: the old service's table is not in the database, or was taken over before";
        session.printer.warn(text);
    }
    let withheld: Vec<String> = passwords.into_iter().chain(cloud::CREDENTIALS.map(str::to_owned)).collect();
    let logs = Logs::limited(data.logs(), settings.log_size, session.env.credentials(&withheld));
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
fn check(executor: &Local, settings: &Settings) -> anyhow::Result<Report> {
    executor.ready().map_err(|error| {
        let problem = Problem::new("not-ready", format!("builds are not possible: {error:#}"));
        let hint = "the service starts all the same, and tells callers of `/readyz`; tasks are tried three times";
        Failure::new(Exit::Unexpected, problem.hint(hint))
    })?;
    Ok(Report::text(format!("ready: images go to {}\n", places(settings))))
}

/// `--new-token`: the token alone goes to standard output.
fn new_token(session: &Session, path: &Path, name: &str) -> anyhow::Result<Report> {
    let token = access::make(path, name)?;
    let text = format!("`{name}` in `{}`; it may submit and read, and it is shown this once", path.display());
    session.printer.step("Token", text);
    Ok(Report::text(format!("{}\n", token.expose())))
}

/// Where images go, for people.
fn places(settings: &Settings) -> String {
    let names = settings.targets.all.iter().map(|target| target.repository.to_string());
    names.collect::<Vec<_>>().join(", ")
}

fn engine(name: &str) -> Result<Option<Kind>, Failure> {
    if name == "auto" {
        return Ok(None);
    }
    let parsed = name.parse().map(Some);
    parsed
        .map_err(|why: String| Failure::usage(Problem::new("bad-args", why).hint("or `auto`: the first that answers")))
}

fn keep(args: &args::Serve) -> Keep {
    Keep {
        age: args.keep_days.map(|days| DAY * days),
        builds: args.keep_builds,
        log_bytes: Some(u64::from(args.keep_log_mib) << 20),
    }
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

/// `helpers` starts credential helpers, which may need what others do not get.
fn executor(session: &Session, settings: &Settings, helpers: Runner) -> Local {
    let build = build::Settings {
        engine: settings.engine,
        platform: settings.platform,
        targets: settings.targets.clone(),
        timeout: settings.setup.pace.limit,
        data: settings.data.clone(),
        base_images: settings.base_images,
    };
    let tokens: BTreeMap<_, _> = settings.github_token.iter().map(|token| (GITHUB.to_owned(), token.clone())).collect();
    let fetch = fetch::Settings { tokens, ..settings.fetch.clone() };
    let runners = Runners { engines: session.runner(), helpers };
    Local::new(build, fetch, runners, &session.env)
}

fn tell_imported(session: &Session, imported: &Imported) {
    let printer = &session.printer;
    let (waiting, failed) = (imported.waiting.len(), imported.failed.len());
    let text = format!("tasks of the old service: {waiting} wait, {failed} failed, {} had ended", imported.ended);
    printer.step("Imported", text);
    imported.waiting.iter().for_each(|id| printer.step("Imported", format!("{id}: it is built here")));
    imported.failed.iter().for_each(|id| printer.step("Imported", format!("{id}: failed; its log says why")));
    for id in &imported.left_out {
        printer.warn(format!("left out: `{}` is not the id of a task", id.escape_debug()));
    }
}

fn tell(session: &Session, service: &Service, settings: &Settings) {
    let printer = &session.printer;
    printer.step("Listening", format!("on http://{}", service.address()));
    if settings.database != Address::default() {
        printer.step("Queueing", format!("in {}", settings.database));
    }
    printer.step("Pushing", format!("to {}", places(settings)));
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
