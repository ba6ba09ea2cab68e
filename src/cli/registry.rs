//! How registries are reached: what the plan says of hosts, with credentials out of the environment.

use std::collections::BTreeMap;

use super::session::{Project, Session};
use super::stage_file::StageFile;
use crate::config;
use crate::oci::registry::{Access, HostAccess, Login, Registries};
use crate::plan::{Destination, DestinationKind, Plan, RegistryDestination, RegistryHost};
use crate::secret::Secret;
use crate::world::env::Env;

/// The registries of a plan, or those of a rehearsal in their stead.
///
/// # Errors
/// If nothing in the rehearsal stands for a host.
pub fn registries(session: &Session, plan: &Plan) -> anyhow::Result<Registries> {
    let mut access = match StageFile::of(&session.env)? {
        Some(stage) => stage.access(plan)?,
        None => access(&plan.destinations, &session.env),
    };
    access.printer = Some(session.printer.clone());
    Ok(Registries::new(&session.runner(), &session.env, access))
}

/// Hosts of which the plan says something, and GitHub's, whose token every job has.
fn access(destinations: &[Destination], env: &Env) -> Access {
    let mut access = Access::default();
    for destination in destinations {
        let DestinationKind::Registry(registry) = &destination.kind else { continue };
        for (name, host) in &registry.hosts {
            let known: &mut HostAccess = access.hosts.entry(name.clone()).or_default();
            known.insecure |= host.insecure;
            known.ca = known.ca.take().or_else(|| host.ca.clone());
            known.token_service = known.token_service.take().or_else(|| host.token_service.clone());
            let of = |name: &Option<String>| name.as_ref().and_then(|name| env.get(name));
            if let Some(password) = of(&host.password_env) {
                let username = of(&host.username_env).unwrap_or("token").to_owned();
                known.login = Some(Login::Password { username, password: Secret::new(password) });
            }
        }
    }
    // https://docs.github.com/packages/working-with-a-github-packages-registry/working-with-the-container-registry
    let ghcr = access.hosts.entry("ghcr.io".into()).or_default();
    if let Some(password) = env.secret("GITHUB_TOKEN").filter(|_| ghcr.login.is_none()) {
        let username = env.get("GITHUB_ACTOR").unwrap_or("x-access-token").to_owned();
        ghcr.login = Some(Login::Password { username, password });
    }
    access
}

/// The same before there is a plan: what the configuration says of hosts.
pub fn of_project(project: &Project, env: &Env) -> Access {
    let mut destinations = Vec::new();
    for destination in &project.config.destinations {
        let config::DestinationKind::Registry(registry) = &destination.kind else { continue };
        let pem = |path: &Option<String>| path.as_ref().and_then(|path| project.facts.texts.get(path).cloned());
        let mut hosts: BTreeMap<String, RegistryHost> = BTreeMap::new();
        for (name, host) in &registry.hosts {
            let (username_env, password_env) = (host.username_env.clone(), host.password_env.clone());
            let (insecure, token_service) = (host.insecure, host.token_service.clone());
            let host = RegistryHost { username_env, password_env, insecure, ca: pem(&host.ca), token_service };
            hosts.insert(name.clone(), host);
        }
        if let Some(prefix) = &registry.prefix {
            let host = hosts.entry(prefix.registry.clone()).or_default();
            host.insecure |= registry.insecure;
            host.ca = host.ca.take().or_else(|| pem(&registry.ca));
        }
        destinations.push(Destination {
            name: destination.name.clone(),
            when: destination.when,
            environment: None,
            credentials: Vec::new(),
            kind: DestinationKind::Registry(RegistryDestination {
                hosts,
                images: Vec::new(),
                read_back: registry.read_back,
            }),
        });
    }
    access(&destinations, env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_from_the_named_variables() {
        let host =
            RegistryHost { username_env: Some("U".into()), password_env: Some("P".into()), ..RegistryHost::default() };
        let kind = DestinationKind::Registry(RegistryDestination {
            hosts: [("docker.io".to_owned(), host)].into(),
            images: Vec::new(),
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
            let access = access(std::slice::from_ref(&destination), &Env::of(env.iter().copied()));
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
