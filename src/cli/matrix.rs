//! `matrix`: the plan's jobs as the rows of a matrix.

use super::args;
use super::report::Report;
use super::unlocked;
use crate::plan::matrix::{Matrix, matrix};
use crate::problem::Failure;
use crate::release::{Project, Session, Wish};
use crate::world::actions;
use crate::world::store::Sharing;

/// `longshore matrix`
///
/// # Errors
/// If the plan or the workflow is not there, the matrix would be too large, or, for a tag in CI, bases are not locked.
pub fn run(session: &Session, args: &args::Matrix) -> anyhow::Result<Report> {
    let plan = match &session.selection.plan {
        Some(file) => session.stored(file, None, Sharing::Readers)?.0,
        None => {
            let plan = Project::open(session)?.plan(session, Wish::default())?;
            unlocked::tell(session, &plan)?;
            plan
        }
    };
    let wave = |wave| matrix(&plan, wave, args.workflow.as_deref()).map_err(Failure::usage);
    let (assets, rows, images) = (wave(1)?, wave(2)?, wave(3)?);
    let workflow = args.workflow.as_deref();
    let empty = plan.is_idle(workflow) || plan.steps.is_empty();
    // A job without rows is skipped: `if: needs.plan.outputs.matrix`.
    let output = |rows: &Matrix| if rows.include.is_empty() { String::new() } else { rows.to_string() };
    let outputs = [
        ("assets", output(&assets)),
        ("matrix", output(&rows)),
        ("images", output(&images)),
        ("empty", empty.to_string()),
    ];
    for (name, value) in outputs {
        actions::set_output(&session.env, name, &value)?;
    }
    actions::set_output(&session.env, "plan-digest", &plan.digest().to_string())?;
    let shown = match (args.assets, args.images) {
        (true, _) => &assets,
        (_, true) => &images,
        _ => &rows,
    };
    if let Some(workflow) = workflow.filter(|_| empty) {
        session.printer.step("Skipping", format!("{workflow}: it publishes nothing of this release"));
    }
    let mut report = Report::plan(format!("{shown}\n"), &plan);
    let value = serde_json::json!({ "assets": assets, "matrix": rows, "images": images, "empty": empty });
    report.fields.value = Some(("matrix", value));
    Ok(report)
}
