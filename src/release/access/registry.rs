//! How registries are reached: what plan or configuration says of hosts, with credentials out of the environment.

use std::collections::{BTreeMap, BTreeSet};

use crate::oci::registry::{Access as Hosts, HostAccess, Login};
use crate::plan::{Destination, FileDestination, ImageWork, Plan, PlannedBase, RegistryHost, Work};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::release::project::Project;
use crate::secret::Secret;
use crate::world::env::Env;

/// Hosts of which a plan says something, and GitHub's, whose token every job has.
pub fn hosts(destinations: &[Destination], env: &Env) -> Hosts {
    let mut known = Hosts::default();
    for destination in destinations {
        let Some(registry) = destination.kind.registry() else { continue };
        registry.hosts.iter().for_each(|(name, host)| add(&mut known, name, host, env));
    }
    with_github(known, env)
}

/// The same before there is a plan: hosts of which the configuration says something.
pub fn hosts_of(project: &Project, env: &Env) -> Hosts {
    let pem = |path: &Option<String>| path.as_ref().and_then(|path| project.facts.texts.get(path).cloned());
    let mut known = Hosts::default();
    for destination in &project.config.destinations {
        let Some(registry) = destination.registry() else { continue };
        for (name, host) in &registry.hosts {
            let (username_env, password_env) = (host.username_env.clone(), host.password_env.clone());
            let (insecure, token_service) = (host.insecure, host.token_service.clone());
            let host = RegistryHost { username_env, password_env, insecure, ca: pem(&host.ca), token_service };
            add(&mut known, name, &host, env);
        }
        if let Some(prefix) = &registry.prefix {
            let host = RegistryHost { insecure: registry.insecure, ca: pem(&registry.ca), ..RegistryHost::default() };
            add(&mut known, &prefix.registry, &host, env);
        }
    }
    with_github(known, env)
}

/// Adds what is said of a host to what is known of it.
fn add(known: &mut Hosts, name: &str, host: &RegistryHost, env: &Env) {
    let known: &mut HostAccess = known.hosts.entry(name.to_owned()).or_default();
    known.insecure |= host.insecure;
    known.ca = known.ca.take().or_else(|| host.ca.clone());
    known.token_service = known.token_service.take().or_else(|| host.token_service.clone());
    let of = |name: &Option<String>| name.as_ref().and_then(|name| env.get(name));
    if let Some(password) = of(&host.password_env) {
        let username = of(&host.username_env).unwrap_or("token").to_owned();
        known.login = Some(Login::Password { username, password: Secret::new(password) });
    }
}

/// <https://docs.github.com/packages/working-with-a-github-packages-registry/working-with-the-container-registry>
fn with_github(mut known: Hosts, env: &Env) -> Hosts {
    let ghcr = known.hosts.entry("ghcr.io".into()).or_default();
    if let Some(password) = env.secret("GITHUB_TOKEN").filter(|_| ghcr.login.is_none()) {
        let username = env.get("GITHUB_ACTOR").unwrap_or("x-access-token").to_owned();
        ghcr.login = Some(Login::Password { username, password });
    }
    known
}

/// The hosts of registries that a plan reads bases from or publishes to.
pub fn named(plan: &Plan) -> BTreeSet<String> {
    let mut hosts: BTreeSet<String> = bases(plan).into_keys().map(|base| base.repository.registry).collect();
    for registry in plan.destinations.iter().filter_map(|destination| destination.kind.registry()) {
        let published = registry.images.iter().flat_map(|image| &image.repositories);
        let expected = registry.expects.iter().map(|one| &one.reference.repository);
        hosts.extend(published.chain(expected).map(|one| one.registry.clone()));
    }
    for destination in &plan.destinations {
        let of_file = destination.kind.file().into_iter().flat_map(FileDestination::asked);
        let of_command = destination.kind.command().into_iter().flat_map(|command| &command.references);
        hosts.extend(of_file.chain(of_command).map(|one| one.repository.registry.clone()));
    }
    hosts
}

/// What an image is built on, each with the platform that is taken of it.
fn bases_of(work: &ImageWork) -> impl Iterator<Item = (&PlannedBase, Platform)> {
    let pulled = work.from_dockerfile().into_iter().flat_map(|recipe| &recipe.bases);
    let pulled = pulled.map(|pulled| (&pulled.base, pulled.platform));
    work.base().map(|base| (base, work.platform)).into_iter().chain(pulled)
}

/// The bases of a plan's images and the platforms they are wanted for.
pub fn bases(plan: &Plan) -> BTreeMap<Reference, BTreeSet<Platform>> {
    let mut bases: BTreeMap<Reference, BTreeSet<Platform>> = BTreeMap::new();
    for step in &plan.steps {
        if let Work::Image(work) = &step.work
            && work.from_dockerfile().is_none_or(|recipe| recipe.stub.is_none())
        {
            bases_of(work).for_each(|(base, platform)| {
                bases.entry(base.from.clone()).or_default().insert(platform);
            });
        }
    }
    bases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{DestinationKind, RegistryDestination};

    #[test]
    fn credentials_come_from_the_named_variables() {
        let host =
            RegistryHost { username_env: Some("U".into()), password_env: Some("P".into()), ..RegistryHost::default() };
        let kind = DestinationKind::Registry(RegistryDestination {
            hosts: [("docker.io".to_owned(), host)].into(),
            images: Vec::new(),
            expects: Vec::new(),
            snapshots: false,
            read_back: crate::destination::ReadBack::Own,
        });
        let destination = Destination {
            name: "registry".into(),
            when: crate::destination::When::Always,
            environment: None,
            credentials: Vec::new(),
            kind,
        };
        let check = |env: &[(&str, &str)], host: &str, expected: Option<(&str, &str)>| {
            let access = hosts(std::slice::from_ref(&destination), &Env::of(env.iter().copied()));
            let login = access.hosts.get(host).and_then(|host| host.login.clone());
            let expected =
                expected.map(|(user, word)| Login::Password { username: user.into(), password: Secret::new(word) });
            assert_eq!(login, expected, "{host} {env:?}");
        };
        check(&[("U", "me"), ("P", "canary")], "docker.io", Some(("me", "canary")));
        check(&[("U", "me")], "docker.io", None);
        check(&[("GITHUB_TOKEN", "t"), ("GITHUB_ACTOR", "octo")], "ghcr.io", Some(("octo", "t")));
        check(&[], "ghcr.io", None);
    }
}
