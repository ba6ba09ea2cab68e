//! Mistakes that only the repository shows, in a file that has others: all of them are said at once.

use std::path::Path;

use super::rejected::Rejected;
use super::session::Session;
use super::wanted::wanted;
use crate::config::{self, Diagnostic};
use crate::facts;
use crate::plan::{self, Request};

/// Those that follow from no other: something that is named and is not there.
const OWN: &[&str] = &["no-chart", "unknown-bin", "unknown-feature", "unknown-package", "unknown-project"];
/// Those that may follow from an asset with a mistake: it would make the file.
const OF_FILES: &[&str] = &["no-such-file", "no-such-folder", "not-committed"];

/// Adds them to what was found in the configuration.
pub fn add(session: &Session, root: &Path, error: anyhow::Error) -> anyhow::Error {
    let mut rejected = match error.downcast::<Rejected>() {
        Ok(rejected) => rejected,
        Err(error) => return error,
    };
    rejected.diagnostics.extend(found(session, root, &rejected).unwrap_or_default());
    let place = |diagnostic: &Diagnostic| diagnostic.span.as_ref().map(|span| (span.start, span.end));
    rejected.diagnostics.sort_by_key(place);
    rejected.into()
}

fn found(session: &Session, root: &Path, rejected: &Rejected) -> Option<Vec<Diagnostic>> {
    let (config, source) = config::remainder(&rejected.source, &session.selection.overlays)?;
    let facts = facts::gather(&session.runner(), &session.env, root, &wanted(&config)).ok()?;
    let request = Request { every_component: true, every_release: true, ..Request::default() };
    let problems = plan::plan(&config, &facts, &request).err()?;
    let of_asset = |diagnostic: &Diagnostic| {
        diagnostic.problem.at.as_ref().is_some_and(|at| at.path == "assets" || at.path.starts_with("assets."))
    };
    let has_assets = !rejected.diagnostics.iter().any(of_asset);
    let is_own = |code: &str| OWN.contains(&code) || has_assets && OF_FILES.contains(&code);
    let located = problems.into_iter().filter(|problem| is_own(problem.code)).map(|problem| source.locate(problem));
    Some(located.filter(|diagnostic| diagnostic.span.is_some()).collect())
}
