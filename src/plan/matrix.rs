//! Jobs as the rows of a GitHub Actions matrix.

use serde::Serialize;

use super::{ImageWork, Job, OfKind, Plan};
use crate::problem::Problem;
use crate::target::Target;

/// The longest text an environment variable or job output takes; Linux limits one string to 128 KiB.
const LIMIT: usize = 100 * 1024;

/// `{"include": […]}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matrix {
    pub include: Vec<Row>,
}

/// One row: one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row {
    /// Id of the job, for `build --job`.
    pub id: String,
    pub runs_on: String,
    /// The job's container; empty for none, as `container: ${{ matrix.container }}` wants it.
    pub container: String,
    /// Its target; empty for assets.
    pub target: String,
    /// What `build --job` installs first.
    pub install: Vec<String>,
    /// Ids of the jobs whose results it needs, separated by commas: `longshore-{a,b}` names their artifacts.
    pub needs: String,
    /// Whether the engine's results are kept for the next run; absent: no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cache: bool,
}

/// The rows of one wave (1: assets, 2: what is compiled, 3: images from Dockerfiles), of one workflow if it is named. A file with nothing to do has none.
///
/// # Errors
/// If the workflow is not in the plan, or the rows would not fit into a job's output.
pub fn matrix(plan: &Plan, wave: u8, workflow: Option<&str>) -> Result<Matrix, Problem> {
    if plan.is_idle(workflow) {
        return Ok(Matrix { include: Vec::new() });
    }
    let steps = plan.workflow(workflow)?.map(|workflow| &workflow.steps);
    let inside = |job: &&Job| steps.is_none_or(|steps| job.steps.iter().any(|step| steps.contains(step)));
    let rows = plan.jobs.iter().filter(|job| job.wave == wave).filter(inside).map(|job| row(plan, job));
    let matrix = Matrix { include: rows.collect() };
    let size = matrix.to_string().len();
    if size > LIMIT || matrix.include.len() > 256 {
        let text = format!(
            "the matrix has {} rows in {size} bytes; GitHub's limit is 256 rows and 128 KiB",
            matrix.include.len()
        );
        return Err(Problem::new("matrix-too-large", text).hint("release fewer components at once with `--component`"));
    }
    Ok(matrix)
}

fn row(plan: &Plan, job: &Job) -> Row {
    let steps = plan.steps.iter().filter(|step| job.steps.contains(&step.id));
    let mut recipes = steps.filter_map(|step| ImageWork::of(&step.work)?.from_dockerfile());
    Row {
        id: job.id.clone(),
        runs_on: job.runner.clone(),
        container: job.container.clone().unwrap_or_default(),
        target: job.target.map(Target::triple).unwrap_or_default().to_owned(),
        install: job.install.clone(),
        needs: job.needs.join(","),
        cache: recipes.any(|recipe| recipe.cache),
    }
}

impl std::fmt::Display for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}
