//! What is found while settings are read: all that is wrong, and what is worth a word.

use std::fmt::Display;

use crate::problem::Problem;

#[derive(Default)]
pub struct Findings {
    pub problems: Vec<Problem>,
    pub notes: Vec<String>,
}

impl Findings {
    pub fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// A setting that does not hold what it must.
    pub fn bad(&mut self, name: &str, why: impl Display, hint: &str) {
        self.problem(Problem::new("bad-setting", format!("`{name}`: {why}")).hint(hint));
    }

    /// One thing that is said in two places.
    pub fn twice(&mut self, one: &str, other: &str) {
        let text = format!("{one} and {other} both say it");
        self.problem(Problem::new("bad-setting", text).hint("keep one of them"));
    }
}
