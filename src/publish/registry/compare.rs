//! Manifests and indexes as verified, compared with what was planned and with what is there.

use super::documents;
use super::images::{Placement, PlannedImage};
use crate::oci::registry::Document;
use crate::oci::{LARGEST_DOCUMENT, media};
use crate::plan::{Plan, Step, Work};
use crate::problem::Problem;
use crate::publish::failure::{Failure, Failures};
use crate::publish::verified::Verified;
use crate::world::files;

/// Images with their documents.
///
/// # Errors
/// Everything that stands in their way.
pub fn compare<'a>(
    plan: &Plan,
    planned: Vec<PlannedImage<'a>>,
    verified: Verified<'_>,
) -> Result<Vec<Placement<'a>>, Failures> {
    let mut placements: Vec<Placement<'a>> = Vec::new();
    let mut failures: Vec<Failure> = Vec::new();
    for planned in planned {
        let before = placements.iter().find(|other| other.planned.step.id == planned.step.id);
        let document = match before {
            Some(other) => Ok(other.document.clone()),
            None => document(plan, planned.step, verified),
        };
        let compared = document.and_then(|document| match taken(&planned, &document) {
            Some(failure) => Err(failure),
            None => Ok(Placement { planned, document }),
        });
        match compared {
            Ok(placement) => placements.push(placement),
            Err(failure) if failures.contains(&failure) => {}
            Err(failure) => failures.push(failure),
        }
    }
    Failures::of(failures).map(|()| placements)
}

/// A fixed tag that is something else is never moved.
fn taken(planned: &PlannedImage<'_>, document: &Document) -> Option<Failure> {
    let ours = document.descriptor.digest;
    let (tag, there) = planned.there.iter().find(|(_, there)| **there != ours)?;
    let text = format!("`{}:{tag}` is {there} already; this release has {ours}", planned.repository);
    let hint = "a released tag is never moved: release under a new version, or remove it there yourself";
    Some(Failure::Conflict(Problem::new("image-tag-taken", text).hint(hint).step(&planned.step.id)))
}

/// The manifest or index of a step, as verified: it holds what was planned.
fn document(plan: &Plan, step: &Step, verified: Verified<'_>) -> Result<Document, Failure> {
    let artifact = verified.artifact(&step.id)?;
    let file = artifact.files.last().ok_or_else(|| anyhow::anyhow!("`{}` made nothing", step.id))?;
    let bytes = files::read_small(&verified.path(&step.id, file), LARGEST_DOCUMENT)?;
    let kind = if matches!(step.work, Work::Index(_)) { media::INDEX } else { media::MANIFEST };
    let document = Document::new(kind, bytes);
    if document.descriptor.digest != file.sha256 {
        let text = format!("`{}` changed after it was verified", file.name);
        let problem = Problem::new("changed-artifact", text).hint("run `longshore verify` again");
        return Err(Failure::Refused(problem.step(&step.id)));
    }
    let config = match &step.work {
        Work::Image(_) => artifact.files.first().map(|file| verified.path(&step.id, file)),
        _ => None,
    };
    // Of what was published before, only the document is at hand.
    let config = config.filter(|path| path.is_file()).map(|path| files::read_small(&path, LARGEST_DOCUMENT));
    let content = documents::Content { document: &document.bytes, config: config.transpose()? };
    if let Some(flaw) = documents::flaw(plan, step, &content, &verified.manifest.artifacts) {
        let text = format!("`{}` {flaw}", file.name);
        let problem = Problem::new("image-content", text).hint("nothing was sent: build and verify it again");
        return Err(Failure::Rejected(problem.step(&step.id)));
    }
    Ok(document)
}
