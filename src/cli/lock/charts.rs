//! The charts of others that charts depend on: version and digest.

use url::Url;

use crate::build::fetched_chart::{download, from_registry};
use crate::chart::artifact;
use crate::chart::metadata::Dependency;
use crate::chart::repository::{INDEX, Offer, Place, newest, offers};
use crate::cli::table::Table;
use crate::digest::Digest;
use crate::facts::lock::{Lock, LockedChart};
use crate::oci::registry::{Action, Registries};
use crate::plan::chart_dependencies::UsedChart;
use crate::problem::{Failure, Problem};
use crate::reference::{Reference, Repository};
use crate::release::{Access, Project, Session};
use crate::world::runtime;

fn of<'l>(lock: &'l Lock, used: &UsedChart) -> Option<&'l LockedChart> {
    lock.chart(&used.name, &used.repository, &used.range)
}

/// Whether it is locked, and as Chart.lock has it.
pub fn covered(lock: &Lock, used: &UsedChart) -> bool {
    match of(lock, used) {
        Some(locked) => used.chosen.as_ref().is_none_or(|chosen| *chosen == locked.version),
        None => used.vendored,
    }
}

/// What stays of the known ones.
pub fn kept(known: &Lock, used: &[UsedChart], updates: impl Fn(&UsedChart) -> bool) -> Vec<LockedChart> {
    let stays = used.iter().filter(|used| covered(known, used) && !updates(used));
    stays.filter_map(|used| of(known, used).cloned()).collect()
}

/// Locks what is missing.
///
/// # Errors
/// If a repository does not let us, does not answer or has no such version.
pub fn extend(session: &Session, project: &Project, lock: &mut Lock, used: &[UsedChart]) -> anyhow::Result<()> {
    let missing: Vec<&UsedChart> = used.iter().filter(|used| of(lock, used).is_none() && !used.vendored).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = missing.iter().map(|used| format!("{} of {}", used.name, used.repository)).collect();
    let _progress = session.printer.start("Locking", names.join(", "));
    let registries = Access::registries_of(session, project);
    for used in missing {
        lock.charts.push(runtime::block_on(one(&registries, used))??);
    }
    lock.charts.sort();
    Ok(())
}

/// What `longshore lock` would change.
pub fn drift(known: &Lock, used: &[UsedChart]) -> Vec<Problem> {
    let open = used.iter().filter(|used| !covered(known, used));
    let open =
        open.map(|used| format!("the chart `{}` ({} of `{}`) is not locked", used.name, used.range, used.repository));
    let is_used = |locked: &&LockedChart| used.iter().any(|used| of(known, used) == Some(*locked));
    let unused = known.charts.iter().filter(|locked| !is_used(locked));
    let unused = unused.map(|locked| format!("the chart `{}` is locked, but not used", locked.name));
    open.chain(unused).map(|text| Problem::new("lock-drift", text)).collect()
}

async fn one(registries: &Registries, used: &UsedChart) -> anyhow::Result<LockedChart> {
    let dependency =
        Dependency { name: used.name.clone(), repository: used.repository.clone(), ..Dependency::default() };
    let place = Place::of(&dependency).map_err(|flaw| {
        let problem = Problem::new(flaw.code, flaw.text);
        Failure::usage(problem.hint(flaw.hint.unwrap_or_default()))
    })?;
    match place {
        Place::Registry(repository) => of_registry(registries, used, &repository).await,
        Place::Http(base) => of_index(used, &base).await,
    }
}

async fn of_registry(
    registries: &Registries,
    used: &UsedChart,
    repository: &Repository,
) -> anyhow::Result<LockedChart> {
    registries.grant([(repository, Action::Pull)]);
    let tags = match &used.chosen {
        Some(chosen) => vec![artifact::tag(chosen)],
        None => registries.tags(repository).await?,
    };
    let offer = |tag: &String| Offer { version: tag.replace('_', "+"), url: None, sha256: None };
    let offers: Vec<Offer> = tags.iter().map(offer).collect();
    let version = chosen(used, &offers)?.version.clone();
    let tag = Some(artifact::tag(&version));
    let reference = Reference { repository: repository.clone(), tag, digest: None };
    let Some(found) = registries.head(&reference).await? else { return Err(none(used, &offers)) };
    // What is not a chart is told now, not in a build.
    let package = Digest::of(&from_registry(registries, repository, found.digest).await?);
    Ok(LockedChart { package: Some(package), ..locked(used, version, found.digest, None) })
}

async fn of_index(used: &UsedChart, base: &Url) -> anyhow::Result<LockedChart> {
    let address = base.join(INDEX)?;
    let bytes = download(address.as_str()).await?;
    let text = String::from_utf8_lossy(&bytes);
    let offers = offers(&text, &used.name, base).map_err(|why| {
        let problem = Problem::new("bad-index", format!("`{address}` {why}"));
        Failure::usage(problem.hint("correct `repository` in Chart.yaml"))
    })?;
    let offer = chosen(used, &offers)?;
    let Some(url) = &offer.url else { return Err(none(used, &offers)) };
    let sha256 = Digest::of(&download(url.as_str()).await?);
    let said = offer.sha256.as_deref().map(|said| said.trim_start_matches("sha256:"));
    if said.is_some_and(|said| !said.eq_ignore_ascii_case(&sha256.hex())) {
        let text = format!("`{url}` is {sha256}, and `{address}` says {}", said.unwrap_or_default());
        let problem = Problem::new("chart-changed", text);
        return Err(Failure::usage(problem.hint("the repository is damaged, or somebody replaced the package")).into());
    }
    Ok(locked(used, offer.version.clone(), sha256, Some(url.to_string())))
}

/// The version of Chart.lock, else the newest that Chart.yaml takes.
fn chosen<'o>(used: &UsedChart, offers: &'o [Offer]) -> anyhow::Result<&'o Offer> {
    let offer = match &used.chosen {
        Some(version) => offers.iter().find(|offer| offer.version == *version),
        None => newest(offers, &used.range),
    };
    offer.ok_or_else(|| none(used, offers))
}

fn none(used: &UsedChart, offers: &[Offer]) -> anyhow::Error {
    let wanted = used.chosen.as_ref().unwrap_or(&used.range);
    let text = format!("`{}` has no version {wanted} of the chart `{}`", used.repository, used.name);
    let hint = match newest(offers, "*") {
        Some(offer) => format!("the newest is {}", offer.version),
        None => "correct `name` or `repository` in Chart.yaml".to_owned(),
    };
    Failure::usage(Problem::new("no-chart", text).hint(hint)).into()
}

fn locked(used: &UsedChart, version: String, digest: Digest, url: Option<String>) -> LockedChart {
    let UsedChart { name, repository, range, .. } = used.clone();
    LockedChart { name, repository, range, version, digest, package: None, url }
}

pub fn table(lock: &Lock) -> Table {
    let mut table = Table::new(&["CHART", "REPOSITORY", "VERSION", "DIGEST"]);
    for chart in &lock.charts {
        table.row([chart.name.clone(), chart.repository.clone(), chart.version.clone(), chart.digest.to_string()]);
    }
    table
}
