//! A registry for people: its tags, and the login it gets.

use std::collections::BTreeSet;

use crate::plan::{Plan, PublishedImage, RegistryDestination, Step, Work, Workflow};
use crate::publish::describe::{Describe, gets};
use crate::reference::Repository;
use crate::step_id::StepKind;
use crate::world::env::Env;

impl Describe for RegistryDestination {
    fn planned(&self, plan: &Plan, _: &[&Step]) -> Vec<String> {
        let images = plan.steps.iter().filter(|step| matches!(step.work, Work::Image(_))).count();
        let charts = self.images.iter().filter(|image| image.step.kind() == StepKind::Chart).count();
        let mut repositories: Vec<&Repository> = Vec::new();
        for repository in self.images.iter().flat_map(|image| &image.repositories) {
            if !repositories.contains(&repository) {
                repositories.push(repository);
            }
        }
        // All are listed below.
        let mut names: Vec<String> = repositories.iter().map(ToString::to_string).collect();
        if names.len() > 2 {
            names = repositories.iter().map(|one| one.registry.clone()).collect();
            names.sort();
            names.dedup();
        }
        let first = format!("{} to {}", counts(&[(images, "image"), (charts, "chart")]), names.join(", "));
        std::iter::once(first).chain(repositories.into_iter().flat_map(|one| tags(self, one))).collect()
    }

    fn places(&self, plan: &Plan, share: Option<&Workflow>, name: &str) -> Vec<String> {
        let ours = |image: &&PublishedImage| {
            plan.step(&image.step).is_some_and(|step| share.is_none_or(|share| share.publishes(name, step)))
        };
        self.images.iter().filter(ours).flat_map(references).collect()
    }

    fn presented(&self, env: &Env) -> Vec<String> {
        let images = self.images.iter().flat_map(|image| &image.repositories);
        let hosts: BTreeSet<&str> =
            images.map(|one| one.registry.as_str()).chain(self.hosts.keys().map(String::as_str)).collect();
        let named = |host: &str| {
            let said = self.hosts.get(host);
            let names = said.into_iter().flat_map(|said| said.username_env.iter().chain(&said.password_env));
            match names.map(String::as_str).collect::<Vec<_>>() {
                names if !names.is_empty() => gets(host, &names),
                _ if host == "ghcr.io" && env.get("GITHUB_TOKEN").is_some() => gets(host, &["GITHUB_TOKEN"]),
                _ => gets(host, &["Docker's credentials, if any"]),
            }
        };
        hosts.into_iter().map(named).collect()
    }
}

/// `2 images, 1 chart`: those that there are.
fn counts(all: &[(usize, &str)]) -> String {
    let some = all.iter().filter(|(count, _)| *count > 0);
    let each = some.map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" }));
    match each.collect::<Vec<_>>() {
        none if none.is_empty() => "nothing".to_owned(),
        each => each.join(", "),
    }
}

/// The tags of a repository: fixed ones, then those that follow.
fn tags(registry: &RegistryDestination, repository: &Repository) -> Vec<String> {
    let here = || registry.images.iter().filter(|image| image.repositories.contains(repository));
    let fixed: Vec<&str> = here().flat_map(|image| image.tags.iter().map(String::as_str)).collect();
    let floating: Vec<&str> =
        here().flat_map(|image| image.floating.iter().map(|floating| floating.tag.as_str())).collect();
    let mut lines = vec![format!("{repository}: {}", fixed.join(", "))];
    if !floating.is_empty() {
        lines.push(format!("then moved to it: {}", floating.join(", ")));
    }
    lines
}

fn references(image: &PublishedImage) -> Vec<String> {
    let tags = || image.tags.iter().chain(image.floating.iter().map(|floating| &floating.tag));
    image.repositories.iter().flat_map(|repository| tags().map(move |tag| format!("{repository}:{tag}"))).collect()
}
