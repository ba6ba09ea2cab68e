//! Where images go, by the rules of the old service's two scripts, and how registries are reached.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use url::Url;

use super::cloud::{self, Cloud};
use super::findings::Findings;
use crate::config::ServiceSettings;
use crate::problem::Problem;
use crate::reference::{Prefix, Repository, is_loopback};
use crate::world::env::Env;

#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Every image goes to all of them, in this order.
    pub all: Vec<Target>,
    /// By host, as references name it: those of which something is to be said, base images' too.
    pub reach: BTreeMap<String, Reach>,
}

/// A repository that images go to.
#[derive(Clone, Debug)]
pub struct Target {
    /// As callers and nodes name it.
    pub repository: Repository,
    /// Who makes our login there, if Docker's configuration has none.
    pub cloud: Option<Cloud>,
    /// Whether it is created where the first push does not.
    pub create: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// From here, if that is not its name.
    pub address: Option<Url>,
    /// Whether to accept plain HTTP or any certificate.
    pub insecure: bool,
    /// CA certificates (PEM) in addition to those of the system.
    pub ca: Option<String>,
}

/// Whether images are named as on a developer's machine (`ENV=local`), or as in production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    Local,
    Prod,
}

impl Naming {
    fn of(env: &Env) -> Self {
        if matches!(env.get("ENV"), None | Some("local")) { Self::Local } else { Self::Prod }
    }
}

/// Whether the registry of kind comes first.
pub fn looks_for_kind(env: &Env) -> bool {
    Naming::of(env) == Naming::Local
}

/// What decides.
pub struct Asked<'a> {
    pub env: &'a Env,
    /// Of this machine, leads to the registry of kind.
    pub kind: Option<u16>,
    pub file: &'a ServiceSettings,
    /// What paths in the file are relative to.
    pub folder: &'a Path,
}

impl Asked<'_> {
    pub fn read(&self, findings: &mut Findings) -> Targets {
        if let Some(other) = self.env.get("ENV").filter(|env| !matches!(*env, "local" | "prod")) {
            findings.notes.push(format!("`ENV={}` counts as `prod`", other.escape_debug()));
        }
        let problems = findings.problems.len();
        let found = [self.aws(findings), self.google(findings), self.local(findings)];
        let mut targets = Targets { all: found.into_iter().flatten().collect(), reach: BTreeMap::new() };
        if targets.all.is_empty() && findings.problems.len() == problems {
            let text = "no registry is configured: `LOCAL_REGISTRY` is not set";
            let hint = "set it to the registry that images are pushed to and pulled from, as `LOCAL_REGISTRY=localhost:5000`, or \
                        `AWS_ECR_ACCOUNT_ID` for ECR";
            findings.problem(Problem::new("registry-unset", text).hint(hint));
        }
        self.reach(&mut targets.reach, findings);
        self.local_address(&mut targets.reach, findings);
        targets
    }

    fn aws(&self, findings: &mut Findings) -> Option<Target> {
        let account = self.env.get("AWS_ECR_ACCOUNT_ID")?;
        let regions = ["AWS_ECR_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"];
        let Some(region) = regions.iter().find_map(|name| self.env.get(name)) else {
            findings.bad("AWS_ECR_REGION", "it is not set", "set it to the region of the registry, as `eu-west-1`");
            return None;
        };
        match cloud::aws_registry(account, region) {
            Ok(registry) => self.target(&registry, "CONTAINER_IMAGE_PREFIX", "darwin", findings),
            Err(why) => {
                findings.bad("AWS_ECR_ACCOUNT_ID", why, "write an account as `123456789012`, a region as `eu-west-1`");
                None
            }
        }
    }

    /// Of the script for production alone.
    fn google(&self, findings: &mut Findings) -> Option<Target> {
        let project = self.env.get("GCP_PROJECT_ID").filter(|_| Naming::of(self.env) == Naming::Prod)?;
        match format!("gcr.io/{project}").parse::<Prefix>() {
            Ok(prefix) => self.target(&prefix.to_string(), "CONTAINER_IMAGE_PREFIX_GCP", "ray-images", findings),
            Err(why) => {
                findings.bad("GCP_PROJECT_ID", why, "use the id of the project");
                None
            }
        }
    }

    fn local(&self, findings: &mut Findings) -> Option<Target> {
        let named = self.env.get("LOCAL_REGISTRY");
        let naming = Naming::of(self.env);
        let of_kind = self.kind.filter(|_| naming == Naming::Local).map(|port| format!("127.0.0.1:{port}"));
        if let (Some(kind), Some(named)) = (&of_kind, named.filter(|named| of_kind.as_deref() != Some(named))) {
            findings.notes.push(format!("images go to `{kind}`, the port of `kind-registry`, not to `{named}`"));
        }
        let registry = of_kind.as_deref().or(named)?;
        match naming {
            Naming::Local => self.target(registry, "IMAGE_REPOSITORY", "serve-app", findings),
            Naming::Prod => self.target(registry, "CONTAINER_IMAGE_PREFIX", "darwin", findings),
        }
    }

    fn target(&self, prefix: &str, variable: &str, default: &str, findings: &mut Findings) -> Option<Target> {
        let prefix: Prefix = match prefix.parse() {
            Ok(prefix) => prefix,
            Err(why) => {
                findings.bad("LOCAL_REGISTRY", why, "write it as `localhost:5000`, without a scheme");
                return None;
            }
        };
        match prefix.join(self.env.get(variable).unwrap_or(default)) {
            Ok(repository) => Some(Target {
                cloud: Cloud::of(&repository.registry, self.env),
                create: self.file.registries.get(&repository.registry).and_then(|one| one.create).unwrap_or(true),
                repository,
            }),
            Err(why) => {
                findings.bad(variable, why, "use the name of a repository, as `serve-app`");
                None
            }
        }
    }

    /// What the file says of registries.
    fn reach(&self, all: &mut BTreeMap<String, Reach>, findings: &mut Findings) {
        for (name, said) in &self.file.registries {
            let at = |key: &str| format!("registries.{name}.{key}");
            let mut bad = |key: &str, why: String, hint: &str| {
                let problem = Problem::new("bad-setting", why).hint(hint).at_value(at(key));
                findings.problem(self.file.locate(problem));
            };
            let address = said.address.as_deref().and_then(|text| {
                let url = address(text, name);
                if url.is_none() {
                    bad(
                        "address",
                        format!("`{text}` is not the address of a registry"),
                        "write it as `kind-registry:5000`",
                    );
                }
                url
            });
            let ca = said.ca.as_deref().and_then(|path| {
                let read = fs::read_to_string(self.folder.join(path));
                read.map_err(|error| bad("ca", format!("cannot read `{path}`: {error}"), "name a PEM file")).ok()
            });
            let insecure = said.insecure || address.as_ref().is_some_and(|url| url.scheme() == "http");
            all.insert(name.clone(), Reach { address, insecure, ca });
        }
    }

    /// `LONGSHORE_REGISTRY_ADDRESS`, of `LOCAL_REGISTRY`.
    fn local_address(&self, all: &mut BTreeMap<String, Reach>, findings: &mut Findings) {
        const NAME: &str = "LONGSHORE_REGISTRY_ADDRESS";
        let Some(text) = self.env.get(NAME) else { return };
        let Some(target) = self.local(&mut Findings::default()) else { return };
        let registry = target.repository.registry;
        let Some(url) = address(text, &registry) else {
            return findings.bad(NAME, "it is not the address of a registry", "write it as `kind-registry:5000`");
        };
        let reach = all.entry(registry).or_default();
        if reach.address.is_some() {
            return findings.twice(&format!("`{NAME}`"), "`address` of this registry in the settings");
        }
        reach.insecure |= url.scheme() == "http";
        reach.address = Some(url);
    }
}

/// Plain HTTP for a registry that its name says is of this machine, as Docker has it.
fn address(text: &str, registry: &str) -> Option<Url> {
    let scheme = if is_loopback(registry) { "http" } else { "https" };
    let whole = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
    let is_plain = |url: &Url| url.path() == "/" && url.username().is_empty() && url.query().is_none();
    Url::parse(&whole).ok().filter(|url| matches!(url.scheme(), "http" | "https") && is_plain(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)], kind: Option<u16>, file: &ServiceSettings) -> (Targets, Findings) {
        let env = Env::of(vars.iter().copied());
        let mut findings = Findings::default();
        let targets = Asked { env: &env, kind, file, folder: Path::new("/none") }.read(&mut findings);
        (targets, findings)
    }

    #[test]
    fn names_of_images_follow_the_old_rules() {
        let check = |vars: &[(&str, &str)], expected: &[&str]| {
            let (targets, findings) = read(vars, None, &ServiceSettings::default());
            let found: Vec<String> = targets.all.iter().map(|target| target.repository.to_string()).collect();
            assert_eq!(found, expected, "{vars:?}");
            assert!(findings.problems.is_empty(), "{:?}", findings.problems);
        };
        let registry = ("LOCAL_REGISTRY", "127.0.0.1:55000");
        let names = [("IMAGE_REPOSITORY", "models"), ("CONTAINER_IMAGE_PREFIX", "prefix")];
        check(&[registry], &["127.0.0.1:55000/serve-app"]);
        check(&[registry, names[0], names[1]], &["127.0.0.1:55000/models"]);
        check(&[registry, ("ENV", "local"), ("GCP_PROJECT_ID", "x")], &["127.0.0.1:55000/serve-app"]);
        check(&[registry, ("ENV", "prod")], &["127.0.0.1:55000/darwin"]);
        check(&[registry, ("ENV", "stag"), names[0], names[1]], &["127.0.0.1:55000/prefix"]);
        let aws = [("AWS_ECR_ACCOUNT_ID", "123456789012"), ("AWS_ECR_REGION", "eu-west-1")];
        let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        check(&aws, &[&format!("{ecr}/darwin")]);
        let all = [registry, aws[0], aws[1], ("GCP_PROJECT_ID", "acme-1"), names[0], names[1]];
        check(&all, &[&format!("{ecr}/prefix"), "127.0.0.1:55000/models"]);
        let prod = [&all[..], &[("ENV", "prod")]].concat();
        check(&prod, &[&format!("{ecr}/prefix"), "gcr.io/acme-1/ray-images", "127.0.0.1:55000/prefix"]);
    }

    #[test]
    fn clouds_make_their_logins() {
        let aws = [("AWS_ECR_ACCOUNT_ID", "1"), ("AWS_DEFAULT_REGION", "eu-west-1"), ("LOCAL_REGISTRY", "r.example")];
        let text = "registries: { 1.dkr.ecr.eu-west-1.amazonaws.com: { create: false } }\n";
        let (targets, _) = read(&aws, None, &ServiceSettings::parse("s.yaml", text).0);
        let found: Vec<(bool, bool)> =
            targets.all.iter().map(|target| (matches!(target.cloud, Some(Cloud::Aws(_))), target.create)).collect();
        assert_eq!(found, [(true, false), (false, true)]);
        let (targets, _) = read(&[("LOCAL_REGISTRY", "eu-docker.pkg.dev/acme/x")], None, &ServiceSettings::default());
        assert!(matches!(targets.all[0].cloud, Some(Cloud::Google(_))));
    }

    #[test]
    fn the_port_of_kind_comes_first_on_a_developers_machine() {
        let registry = ("LOCAL_REGISTRY", "localhost:5000");
        let check = |vars: &[(&str, &str)], expected: &str, notes: usize| {
            let (targets, findings) = read(vars, Some(55000), &ServiceSettings::default());
            assert_eq!((targets.all[0].repository.to_string().as_str(), findings.notes.len()), (expected, notes));
        };
        check(&[registry], "127.0.0.1:55000/serve-app", 1);
        check(&[], "127.0.0.1:55000/serve-app", 0);
        check(&[registry, ("ENV", "prod")], "localhost:5000/darwin", 0);
    }

    #[test]
    fn a_registry_has_a_name_and_an_address() {
        let check = |name: &str, address: &str, expected: Option<&str>| {
            let vars = [("LOCAL_REGISTRY", name), ("LONGSHORE_REGISTRY_ADDRESS", address)];
            let (targets, findings) = read(&vars, None, &ServiceSettings::default());
            let found = targets.reach.get(name).and_then(|reach| reach.address.clone()).map(String::from);
            assert_eq!(
                (found.as_deref(), findings.problems.is_empty()),
                (expected, expected.is_some()),
                "{name} {address}"
            );
        };
        check("localhost:5000", "kind-registry:5000", Some("http://kind-registry:5000/"));
        check("registry.example.com", "10.0.0.1:5000", Some("https://10.0.0.1:5000/"));
        check("registry.example.com", "http://10.0.0.1:5000", Some("http://10.0.0.1:5000/"));
        check("registry.example.com", "ftp://10.0.0.1", None);
        check("registry.example.com", "10.0.0.1/path", None);
    }

    #[test]
    fn the_file_says_how_registries_are_reached() {
        let text = "registries:\n  localhost:5000: { address: \"kind-registry:5000\" }\n  r.example: { address: ftp://x, ca: none.pem }\n";
        let file = ServiceSettings::parse("s.yaml", text).0;
        let (targets, findings) = read(&[("LOCAL_REGISTRY", "localhost:5000")], None, &file);
        let reach = &targets.reach["localhost:5000"];
        assert_eq!(reach.address.as_ref().map(Url::as_str), Some("http://kind-registry:5000/"));
        assert!(reach.insecure);
        let places: Vec<&str> =
            findings.problems.iter().map(|one| &text[one.within.as_ref().unwrap().span.clone()]).collect();
        assert_eq!(places, ["ftp://x", "none.pem"]);
        let both = [("LOCAL_REGISTRY", "localhost:5000"), ("LONGSHORE_REGISTRY_ADDRESS", "other:5000")];
        let (_, findings) = read(&both, None, &file);
        assert!(findings.problems.iter().any(|problem| problem.message.contains("both say it")));
    }
}
