//! A package index for people: its distributions, and the tokens it gets.

use std::collections::BTreeSet;

use crate::plan::{Plan, PypiDestination, Step, Workflow};
use crate::publish::describe::{Describe, files, gets, published};
use crate::world::env::Env;

impl Describe for PypiDestination {
    fn planned(&self, _: &Plan, published: &[&Step]) -> Vec<String> {
        let first = format!("{} files to {}", files(published), self.upload);
        let distribution = |name: &String| {
            let is_of = |step: &&&Step| step.work.stage().is_some_and(|stage| stage.distribution.as_str() == name);
            format!("{name}: {} files", files(&published.iter().filter(is_of).copied().collect::<Vec<_>>()))
        };
        std::iter::once(first).chain(self.tokens.keys().map(distribution)).collect()
    }

    fn places(&self, plan: &Plan, share: Option<&Workflow>, name: &str) -> Vec<String> {
        let names: BTreeSet<&str> = published(plan, share, name).into_iter().map(Step::artifact).collect();
        names.into_iter().map(|name| format!("{name} to {}", self.upload)).collect()
    }

    fn presented(&self, _: &Env) -> Vec<String> {
        let names: BTreeSet<&str> = self.tokens.values().flatten().chain(&self.username).map(String::as_str).collect();
        vec![gets(&self.upload, &Vec::from_iter(names))]
    }
}
