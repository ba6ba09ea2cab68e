//! `lock`: base images, images that Dockerfiles name and charts that charts depend on, by digest, into longshore.lock.

mod charts;
mod images;

use std::path::Path;

use futures_util::future::join_all;

use super::args;
use super::bases::GivenBases;
use super::inside;
use super::report::Report;
use super::table::Table;
use crate::facts::lock::{self, Lock, LockedBase, LockedPlatform};
use crate::oci::base;
use crate::oci::registry::{Action, Error, Registries};
use crate::plan::base::{UsedBase, used};
use crate::plan::chart_dependencies::UsedChart;
use crate::plan::dockerfile::{UsedImage, reference};
use crate::platform::Platform;
use crate::problem::{Exit, Failure, Problem};
use crate::reference::Reference;
use crate::release::{Access, Project, Session};
use crate::world::path::relative;
use crate::world::runtime;
use crate::world::sink;

/// `longshore lock`
///
/// # Errors
/// Exit 2 if a base cannot be used, 5 or 6 if its registry does not let us or does not answer, 8 for `--check`.
pub fn run(session: &Session, args: &args::Lock) -> anyhow::Result<Report> {
    let project = Project::open(session)?;
    let wanted = used(&project.config);
    let known = &project.facts.lock;
    let images = project.images(known)?;
    let charts = project.charts();
    refuse_unknown(&wanted, &images, &charts, args)?;
    let (kept, asked): (Vec<&UsedBase>, Vec<&UsedBase>) =
        wanted.iter().partition(|base| covered(known, base) && !args.updates(&base.name));
    if args.check {
        return check(known, &asked, &wanted, &images, &charts);
    }
    let mut given = args.bases.as_deref().map(GivenBases::new);
    let registries = match &mut given {
        Some(given) => {
            let flavors: Vec<Reference> = asked.iter().map(|base| base.from.clone()).collect();
            given.registries(session, &flavors)?
        }
        None => Access::registries_of(session, &project),
    };
    let bases = kept.iter().filter_map(|base| of(known, base).cloned()).collect();
    let mut lock = Lock {
        bases,
        images: images::kept(known, &images, |image| updates(args, image)),
        charts: charts::kept(known, &charts, |chart| args.updates(&chart.name)),
    };
    for base in &mut lock.bases {
        let used = wanted.iter().find(|used| used.name == base.name);
        base.platforms.retain(|locked| used.is_some_and(|used| used.platforms.contains(&locked.platform)));
    }
    if !asked.is_empty() {
        let names: Vec<String> = asked.iter().map(|base| base.from.to_string()).collect();
        let _progress = session.printer.start("Locking", names.join(", "));
        lock.bases.extend(runtime::block_on(all(&registries, &asked))??);
    }
    images::extend(session, &project, &mut lock, |missing| match &mut given {
        Some(given) => given.registries(session, missing),
        None => Ok(registries.clone()),
    })?;
    charts::extend(session, &project, &mut lock, &charts)?;
    lock.bases.sort_by(|one, other| one.name.cmp(&other.name));
    let file = project.root.join(lock::FILE);
    let changed = lock != *known;
    if changed {
        let folder = project.root.strip_prefix(&project.top).unwrap_or(Path::new(""));
        inside::refuse_links_out(&project.top, &relative(&folder.join(lock::FILE)))?;
        sink::write(&file, lock.to_text()?.as_bytes())?;
    }
    if !changed && !file.exists() {
        session.printer.step("Nothing", "to lock: there is no base image and no chart of others");
        return Ok(Report::text(String::new()));
    }
    let state = if changed { "Wrote" } else { "Kept" };
    session.printer.step(state, format!("{} ({})", lock::FILE, counted(&lock)));
    let mut text = String::new();
    if !lock.bases.is_empty() || (lock.images.is_empty() && lock.charts.is_empty()) {
        text.push_str(&table(&lock).render(&session.printer));
    }
    if !lock.images.is_empty() {
        text.push_str(&images::table(&lock).render(&session.printer));
    }
    if !lock.charts.is_empty() {
        text.push_str(&charts::table(&lock).render(&session.printer));
    }
    let mut report = Report::text(text);
    report.fields.value = Some(("lock", serde_json::to_value(&lock)?));
    Ok(if changed { report.next(format!("git add {}", lock::FILE)) } else { report })
}

/// `2 images, 1 chart`
fn counted(lock: &Lock) -> String {
    let each = [(lock.bases.len() + lock.images.len(), "image"), (lock.charts.len(), "chart")];
    let some = each.iter().filter(|(count, what)| *count > 0 || *what == "image");
    let texts = some.map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" }));
    texts.collect::<Vec<_>>().join(", ")
}

/// `--update`, or `--update NAME` as the Dockerfile or the lock file has the name.
fn updates(args: &args::Lock, image: &UsedImage) -> bool {
    let is_it = |name: &str| reference(name).is_ok_and(|name| name == image.from);
    match &args.update {
        Some(Some(name)) => is_it(name),
        Some(None) => true,
        None => false,
    }
}

/// Whether a base of the configuration is not locked.
pub fn is_open(project: &Project) -> bool {
    let lock = &project.facts.lock;
    let is_open = |image: &UsedImage| !images::covered(lock, image);
    used(&project.config).iter().any(|base| !covered(lock, base))
        || project.images(lock).is_ok_and(|images| images.iter().any(is_open))
        || project.charts().iter().any(|chart| !charts::covered(lock, chart))
}

/// `--update NAME` of something that is not there.
fn refuse_unknown(
    wanted: &[UsedBase],
    images: &[UsedImage],
    charts: &[UsedChart],
    args: &args::Lock,
) -> anyhow::Result<()> {
    let Some(Some(name)) = &args.update else { return Ok(()) };
    let is_chart = charts.iter().any(|chart| chart.name == *name);
    if is_chart || wanted.iter().any(|base| base.name == *name) || images.iter().any(|image| updates(args, image)) {
        return Ok(());
    }
    let named = wanted.iter().map(|base| base.name.clone());
    let named = named.chain(images.iter().map(|image| image.from.to_string()));
    let known: Vec<String> = named.chain(charts.iter().map(|chart| chart.name.clone())).collect();
    let problem = Problem::new("unknown-base", format!("nothing is based on `{name}`"));
    let hint =
        if known.is_empty() { "there is nothing to lock".to_owned() } else { format!("known: {}", known.join(", ")) };
    Err(Failure::usage(problem.hint(hint)).into())
}

fn of<'l>(lock: &'l Lock, base: &UsedBase) -> Option<&'l LockedBase> {
    lock.bases.iter().find(|locked| locked.name == base.name && locked.from == base.from)
}

fn covered(lock: &Lock, base: &UsedBase) -> bool {
    base.platforms.iter().all(|platform| lock.find(&base.name, &base.from, *platform).is_some())
}

/// Whether the file is what `longshore lock` would leave, as far as that is known without network.
fn check(
    known: &Lock,
    missing: &[&UsedBase],
    wanted: &[UsedBase],
    images: &[UsedImage],
    charts: &[UsedChart],
) -> anyhow::Result<Report> {
    let mut problems: Vec<Problem> = missing
        .iter()
        .map(|base| Problem::new("lock-drift", format!("`{}` (`{}`) is not locked", base.name, base.from)))
        .collect();
    let unused = known.bases.iter().filter(|locked| !wanted.iter().any(|base| base.name == locked.name));
    problems
        .extend(unused.map(|locked| Problem::new("lock-drift", format!("`{}` is locked, but not used", locked.name))));
    problems.extend(images::drift(known, images));
    problems.extend(charts::drift(known, charts));
    if problems.is_empty() {
        return Ok(Report::text(format!("{} is complete: {}\n", lock::FILE, counted(known))));
    }
    let problems =
        problems.into_iter().map(|problem| problem.hint("run `longshore lock` and commit longshore.lock")).collect();
    Err(Failure { exit: Exit::Drift, problems }.into())
}

/// Asks for all bases at once; every problem of all of them.
async fn all(registries: &Registries, bases: &[&UsedBase]) -> Result<Vec<LockedBase>, Failure> {
    registries.grant(bases.iter().map(|base| (&base.from.repository, Action::Pull)));
    let done = join_all(bases.iter().map(|base| one(registries, base))).await;
    let (mut locked, mut problems, mut exit) = (Vec::new(), Vec::new(), Exit::Unfinished);
    for one in done {
        match one {
            Ok(base) => locked.push(base),
            Err(error) => {
                exit = error.exit();
                if !problems.contains(&*error.problem) {
                    problems.push(*error.problem);
                }
            }
        }
    }
    if problems.is_empty() { Ok(locked) } else { Err(Failure { exit, problems }) }
}

async fn one(registries: &Registries, used: &UsedBase) -> Result<LockedBase, Error> {
    let mut platforms: Vec<LockedPlatform> = Vec::new();
    let mut named = None;
    for platform in &used.platforms {
        // The second platform is of the index that the first one was found in.
        let found = base::find(registries, &used.from, named, *platform).await?;
        let facts = base::measure(registries, &used.from, &found, *platform).await?;
        named.get_or_insert(found.named);
        platforms.push(LockedPlatform { platform: *platform, digest: found.manifest.descriptor.digest, facts });
    }
    let digest = named.ok_or_else(|| {
        Error::new(
            crate::oci::registry::ErrorKind::Usage,
            Problem::new("no-base", format!("`{}` is not used for any platform", used.name)),
        )
    })?;
    Ok(LockedBase { name: used.name.clone(), from: used.from.clone(), digest, platforms })
}

fn table(lock: &Lock) -> Table {
    let mut table = Table::new(&["BASE", "FROM", "PLATFORM", "LIBC", "LIBRARIES", "DIGEST"]);
    for base in &lock.bases {
        for locked in &base.platforms {
            let LockedPlatform { platform, digest, facts } = locked;
            let platform: &Platform = platform;
            table.row([
                base.name.clone(),
                base.from.to_string(),
                platform.to_string(),
                facts.libc.to_string(),
                facts.libraries.len().to_string(),
                digest.to_string(),
            ]);
        }
    }
    table
}
