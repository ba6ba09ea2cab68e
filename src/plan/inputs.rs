//! Everything a plan is made from, and what is wrong with it.

use std::cell::RefCell;

use crate::config::Config;
use crate::destination::When;
use crate::facts::Facts;
use crate::plan::{Release, Request};
use crate::problem::Problem;

/// Everything a plan is made from. Problems are collected on the way, so that all of them are said at once.
pub struct Inputs<'a> {
    pub config: &'a Config,
    pub facts: &'a Facts,
    pub request: &'a Request,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Inputs<'a> {
    pub fn new(config: &'a Config, facts: &'a Facts, request: &'a Request) -> Self {
        Self { config, facts, request, problems: RefCell::default() }
    }

    /// Refuses the plan. What several steps have in common is said once.
    pub fn refuse(&self, problem: Problem) {
        if !self.is_refused_for(|known| *known == problem) {
            self.problems.borrow_mut().push(problem);
        }
    }

    /// Whether a problem like this is known.
    pub fn is_refused_for(&self, same: impl Fn(&Problem) -> bool) -> bool {
        self.problems.borrow().iter().any(same)
    }

    /// How many problems there are so far.
    pub fn refusals(&self) -> usize {
        self.problems.borrow().len()
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    /// Whether a destination or tag takes a release.
    pub fn takes(&self, when: When, release: &Release) -> bool {
        self.request.every_release || when.takes(release.prerelease)
    }

    /// The project's name: `name:`, else the repository's, else the folder's.
    pub fn name(&self) -> String {
        let remote = self.facts.remote.as_ref().map(|remote| remote.name.clone());
        self.config.name.clone().or(remote).unwrap_or_else(|| self.facts.folder.clone())
    }

    /// `owner/name`; without a remote that of a destination, else `local/<folder>`.
    pub fn repository(&self) -> String {
        match &self.facts.remote {
            Some(remote) => format!("{}/{}", remote.owner, remote.name),
            None => {
                let mut written = self.config.destinations.iter().filter_map(|one| one.github()?.repository.clone());
                written.next().unwrap_or_else(|| format!("local/{}", self.facts.folder))
            }
        }
    }

    /// The component an artifact belongs to: the one written, else the one of its own name, else the root.
    pub fn component(&self, written: Option<&str>, name: &str) -> String {
        if let Some(written) = written {
            return written.to_owned();
        }
        let own = self.config.components.iter().find(|component| component.name == name);
        own.map(|component| component.name.clone()).unwrap_or_default()
    }
}
