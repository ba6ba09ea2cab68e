//! What an index shows of a version of a project, and what blocks it, before anything is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;

use super::connection::Connection;
use super::package::PackageFile;
use super::reader::Seen;
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::wheel::DistributionName;
use crate::world::clock;

/// How long PyPI takes new files for a release: <https://github.com/pypi/warehouse/pull/19727>.
const OPEN: Duration = Duration::from_hours(14 * 24);

/// A version of a project as the index shows it, and the files that are to be in it.
pub struct Shown<'a> {
    pub files: Vec<PackageFile<'a>>,
    pub seen: Seen,
}

impl Shown<'_> {
    pub fn is_of(&self, file: &PackageFile<'_>) -> bool {
        self.files.first().is_some_and(|first| (first.distribution, first.version) == (file.distribution, file.version))
    }

    /// The files that are not there, whatever is in those that are.
    pub fn missing(&self) -> Vec<PackageFile<'_>> {
        self.files.iter().filter(|file| self.seen.file(file.name).is_none()).copied().collect()
    }
}

/// Files by project and version.
pub fn versions<'a>(files: &[PackageFile<'a>]) -> Vec<Vec<PackageFile<'a>>> {
    let mut versions: BTreeMap<(&DistributionName, &str), Vec<PackageFile<'a>>> = BTreeMap::new();
    for file in files {
        versions.entry((file.distribution, file.version)).or_default().push(*file);
    }
    versions.into_values().collect()
}

pub async fn version<'a>(connection: &Connection<'_>, files: Vec<PackageFile<'a>>) -> Result<Shown<'a>, Failure> {
    let Some(first) = files.first() else { return Ok(Shown { files, seen: Seen::default() }) };
    let seen = connection.patience.retry(async |_| connection.reader.look(first).await).await?;
    Ok(Shown { files, seen })
}

/// Why an index would not take what is missing.
pub fn obstacles(connection: &Connection<'_>, shown: &Shown<'_>) -> Vec<Failure> {
    let missing = shown.missing();
    let Some(first) = missing.first() else { return Vec::new() };
    if shown.seen.page.is_none() {
        let name = first.distribution;
        let text = format!("`{name}` is not on {} yet; the first upload creates the project", connection.host());
        connection.printer.step("New", text);
    }
    closed(connection, first, &shown.seen).into_iter().chain(late(connection, shown, &missing)).collect()
}

/// A project that takes nothing.
fn closed(connection: &Connection<'_>, file: &PackageFile<'_>, seen: &Seen) -> Option<Failure> {
    let status = seen.page.as_ref()?.status.as_deref()?;
    if !["archived", "quarantined"].contains(&status) {
        return None;
    }
    let text = format!("the project `{}` is {status} on {}", file.distribution, connection.host());
    let hint = "its owner can unarchive it in the settings; only the administrators can end a quarantine";
    Some(Failure::Denied(Problem::new("index-project-closed", text).hint(hint)))
}

/// A release that is too old to be completed.
fn late(connection: &Connection<'_>, shown: &Shown<'_>, missing: &[PackageFile<'_>]) -> Option<Failure> {
    connection.index.json.as_ref()?;
    let first = shown.seen.json.values().filter_map(|file| file.uploaded).min();
    let first = first.or_else(|| {
        let page = shown.seen.page.as_ref()?;
        shown.files.iter().filter_map(|file| page.files.get(file.name)?.uploaded).min()
    })?;
    let age = (DateTime::parse_from_rfc3339(&clock::now()).ok()? - first).to_std().ok()?;
    if age <= OPEN {
        return None;
    }
    let first = missing.first()?;
    let names = missing.iter().map(|file| format!("`{}`", file.name)).collect::<Vec<_>>().join(", ");
    let days = age.as_secs() / 86_400;
    let text = format!(
        "`{}` {} is {days} days old, and PyPI accepts no new files for releases older than 14 days; missing: {names}",
        first.distribution, first.version
    );
    let hint = "it can never be completed: release a new version, and yank this one if it is unusable without them";
    Some(Failure::Refused(Problem::new("index-release-old", text).hint(hint)))
}
