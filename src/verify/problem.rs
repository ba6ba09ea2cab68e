//! Problems of a step: where it was carried out, and how it is made again.

use crate::plan::Step;
use crate::problem::Problem;

/// A problem of a step: names where it was made and how to make it again.
pub fn problem(step: &Step, code: &'static str, message: impl std::fmt::Display) -> Problem {
    let text = format!("{message} ({})", origin(step));
    Problem::new(code, text).step(&step.id).hint(again(step))
}

/// Where a step is carried out, for people.
pub fn origin(step: &Step) -> String {
    step.job.as_ref().map_or_else(|| "`build --merge`".into(), |job| format!("job `{job}`"))
}

/// How its files are made again.
pub fn again(step: &Step) -> String {
    match &step.job {
        Some(job) => format!("run `longshore build --job {job}` again and verify with its tar"),
        None => "run `longshore build --merge` again".into(),
    }
}
