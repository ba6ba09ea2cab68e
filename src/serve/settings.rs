//! What a service is told: flags, and the environment with our own names and those of Darwin's Artifact Builder.

use std::net::SocketAddr;
use std::path::PathBuf;

use url::Url;

use super::address::Allowed;
use super::face::Links;
use super::queue::Pace;
use super::service::Setup;
use super::webhook::Webhook;
use crate::build::engine::Kind;
use crate::platform::Platform;
use crate::problem::{Exit, Failure, Problem};
use crate::reference::{Prefix, Repository, is_loopback};
use crate::secret::Secret;
use crate::world::env::Env;

/// What is typed.
pub struct Flags {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub engine: Option<Kind>,
    pub builds: usize,
    pub open: bool,
    /// Bytes of the disk that builds leave free.
    pub keep_free: u64,
    pub database: Option<String>,
    /// Where ends of builds are told.
    pub webhook: Option<String>,
}

#[derive(Debug)]
pub struct Settings {
    pub setup: Setup,
    pub data: PathBuf,
    pub engine: Option<Kind>,
    pub platform: Platform,
    pub target: Target,
    pub allowed: Allowed,
    /// For github.com alone.
    pub github_token: Option<Secret>,
    /// What is worth a word at the start.
    pub notes: Vec<String>,
}

/// Where images go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As callers and nodes name it.
    pub repository: Repository,
    /// Where its registry is reached from here, if that is not its name.
    pub address: Option<Url>,
}

/// Variables of the old service that mean nothing here, though whoever sets them may believe otherwise. docs/service.md says
/// why; variables whose absence changes nothing (credentials of unused services) are not listed.
const IGNORED: [&str; 6] =
    ["BUILD_ARTIFACTS_ROOT", "ENABLE_OTEL", "LOG_FILE", "LOG_FILE_ROOT_LOCAL", "LOG_FILE_ROOT_PROD", "S3_BUCKET"];

/// Reads all of it.
///
/// # Errors
/// Everything that is wrong or not in this version.
pub fn read(flags: Flags, env: &Env) -> Result<Settings, Failure> {
    let mut reader = Reader { env, problems: Vec::new(), notes: Vec::new() };
    reader.listen(&flags);
    reader.database(flags.database.as_deref());
    let links = reader.links();
    let target = reader.target();
    let platform = reader.platform();
    let allowed = reader.allowed("LONGSHORE_FETCH_ALLOW");
    let webhook = reader.webhook(flags.webhook.as_deref());
    let ignored: Vec<&str> = IGNORED
        .into_iter()
        .filter(|name| env.get(name).is_some() && *name != "ENABLE_OTEL" || env.is_true(name))
        .collect();
    if !ignored.is_empty() {
        reader.notes.push(format!("ignored: {} (docs/service.md says why)", ignored.join(", ")));
    }
    let Reader { problems, notes, .. } = reader;
    match (target, platform, allowed) {
        (Some(target), Some(platform), Some(allowed)) if problems.is_empty() => Ok(Settings {
            setup: Setup {
                listen: flags.listen,
                open: flags.open,
                links,
                builds: flags.builds,
                pace: Pace::default(),
                keep_free: flags.keep_free,
                webhook,
            },
            data: flags.data,
            engine: flags.engine,
            platform,
            target,
            allowed,
            github_token: env.secret("GITHUB_TOKEN"),
            notes,
        }),
        _ => Err(Failure { exit: Exit::Usage, problems }),
    }
}

/// Whether images are named as on a developer's machine (`ENV=local`), or as in production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    Local,
    Prod,
}

struct Reader<'a> {
    env: &'a Env,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl Reader<'_> {
    fn listen(&mut self, flags: &Flags) {
        if !flags.open && !flags.listen.ip().is_loopback() {
            let text = format!("`--listen {}` is open to other machines, and nobody has to log in", flags.listen);
            let hint = "listen on 127.0.0.1, or say with `--open` that everybody who reaches it may build";
            self.problems.push(Problem::new("open-service", text).hint(hint));
        }
    }

    fn database(&mut self, database: Option<&str>) {
        match database {
            Some("sqlite") => {}
            Some(_) => self.missing(
                "`--database` with anything but `sqlite`",
                "use `--database sqlite`: the queue is kept in `--data`",
            ),
            None if self.env.get("MYSQL_HOST").is_some() => {
                let hint = "`--database sqlite` keeps the queue in `--data`, without the tasks of the old service; or unset `MYSQL_HOST`";
                self.missing("a queue in MySQL (`MYSQL_HOST`)", hint);
            }
            None => {}
        }
    }

    fn missing(&mut self, what: &str, hint: &str) {
        self.problems.push(Problem::new("not-in-this-version", format!("{what} is not in this version")).hint(hint));
    }

    fn bad(&mut self, name: &str, why: impl std::fmt::Display, hint: &str) {
        self.problems.push(Problem::new("bad-setting", format!("`{name}`: {why}")).hint(hint));
    }

    fn links(&mut self) -> Links {
        let root = self.env.get("ROOT_PATH").unwrap_or_default().trim_end_matches('/');
        let legal = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
        if !root.is_empty() && (!root.starts_with('/') || root.contains("//") || !root.chars().all(legal)) {
            self.bad(
                "ROOT_PATH",
                format!("`{}` is not the path of a prefix", root.escape_debug()),
                "write it as `/artifact-builder`",
            );
        }
        let url = self.env.get("APP_LAYER_URL").map(|url| url.trim_end_matches('/').to_owned());
        let is_url = |url: &String| {
            Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
        };
        if url.as_ref().is_some_and(|url| !is_url(url)) {
            self.bad(
                "APP_LAYER_URL",
                "it is not an address of the web",
                "write it as `http://localhost/artifact-builder`",
            );
        }
        Links { root_path: root.to_owned(), app_layer_url: url }
    }

    fn naming(&mut self) -> Naming {
        match self.env.get("ENV") {
            None | Some("local") => Naming::Local,
            Some("prod") => Naming::Prod,
            Some(other) => {
                self.notes.push(format!("`ENV={}` counts as `prod`", other.escape_debug()));
                Naming::Prod
            }
        }
    }

    /// The rule of the old service's two scripts: the local one reads `IMAGE_REPOSITORY` and no `GCP_PROJECT_ID`, the other one
    /// `CONTAINER_IMAGE_PREFIX`.
    fn target(&mut self) -> Option<Target> {
        let naming = self.naming();
        if self.env.get("AWS_ECR_ACCOUNT_ID").is_some() {
            self.missing(
                "a push to ECR (`AWS_ECR_ACCOUNT_ID`)",
                "unset it, and name another registry in `LOCAL_REGISTRY`",
            );
        }
        if naming == Naming::Prod && self.env.get("GCP_PROJECT_ID").is_some() {
            self.missing("a push to GCR (`GCP_PROJECT_ID`)", "unset it, and name another registry in `LOCAL_REGISTRY`");
        }
        let (variable, default) = match naming {
            Naming::Local => ("IMAGE_REPOSITORY", "serve-app"),
            Naming::Prod => ("CONTAINER_IMAGE_PREFIX", "darwin"),
        };
        let Some(registry) = self.env.get("LOCAL_REGISTRY") else {
            let text = "no registry is configured: `LOCAL_REGISTRY` is not set";
            let hint =
                "set it to the registry that images are pushed to and pulled from, as `LOCAL_REGISTRY=localhost:5000`";
            self.problems.push(Problem::new("registry-unset", text).hint(hint));
            return None;
        };
        let prefix: Prefix = match registry.parse() {
            Ok(prefix) => prefix,
            Err(why) => {
                self.bad("LOCAL_REGISTRY", why, "write it as `localhost:5000`, without a scheme");
                return None;
            }
        };
        let name = self.env.get(variable).unwrap_or(default);
        let address = self.address(&prefix.registry);
        match prefix.join(name) {
            Ok(repository) => Some(Target { repository, address }),
            Err(why) => {
                self.bad(variable, why, "use the name of a repository, as `serve-app`");
                None
            }
        }
    }

    /// `LONGSHORE_REGISTRY_ADDRESS`: plain HTTP for a registry that its name says is of this machine, as Docker has it.
    fn address(&mut self, registry: &str) -> Option<Url> {
        let text = self.env.get("LONGSHORE_REGISTRY_ADDRESS")?;
        let scheme = if is_loopback(registry) { "http" } else { "https" };
        let whole = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
        let url = Url::parse(&whole).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.path() == "/"
                && url.username().is_empty()
                && url.query().is_none()
        });
        if url.is_none() {
            self.bad(
                "LONGSHORE_REGISTRY_ADDRESS",
                "it is not the address of a registry",
                "write it as `kind-registry:5000`",
            );
        }
        url
    }

    /// `--webhook`, or `LONGSHORE_WEBHOOK` where its address is a secret.
    fn webhook(&mut self, flag: Option<&str>) -> Option<Webhook> {
        let secret = self.env.secret("LONGSHORE_WEBHOOK_SECRET");
        let (name, url) = match (flag, self.env.get("LONGSHORE_WEBHOOK")) {
            (Some(url), _) => ("--webhook", url),
            (None, Some(url)) => ("LONGSHORE_WEBHOOK", url),
            (None, None) => return None,
        };
        let allowed = self.allowed("LONGSHORE_WEBHOOK_ALLOW")?;
        let hint = "make one with `echo whsec_$(openssl rand -base64 32)`, and give it to the receiver";
        match (Webhook::at(url, allowed), secret) {
            (Err(why), _) => self.bad(name, why, "it gets a POST at the end of every build"),
            (Ok(_), None) => self.bad("LONGSHORE_WEBHOOK_SECRET", "it is not set, and webhooks are signed", hint),
            (Ok(webhook), Some(secret)) => match webhook.signed(secret) {
                Ok(webhook) => return Some(webhook),
                Err(why) => self.bad("LONGSHORE_WEBHOOK_SECRET", why, hint),
            },
        }
        None
    }

    fn platform(&mut self) -> Option<Platform> {
        let text = self.env.get("DOCKER_BUILD_PLATFORM").unwrap_or("linux/amd64");
        match text.parse() {
            Ok(platform) => Some(platform),
            Err(why) => {
                self.bad("DOCKER_BUILD_PLATFORM", why, "use one platform, as `linux/amd64`");
                None
            }
        }
    }

    fn allowed(&mut self, name: &str) -> Option<Allowed> {
        match self.env.get(name).unwrap_or_default().parse() {
            Ok(allowed) => Some(allowed),
            Err(why) => {
                self.bad(name, why, "write hosts, `HOST:PORT` or networks as `10.0.0.0/8`, with commas between");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> Flags {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8000));
        Flags {
            listen,
            data: "data".into(),
            engine: None,
            builds: 1,
            open: false,
            keep_free: 0,
            database: None,
            webhook: None,
        }
    }

    fn codes(failure: &Failure) -> Vec<&str> {
        failure.problems.iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn names_of_images_follow_the_old_rules() {
        let check = |vars: &[(&str, &str)], expected: &str| {
            let env = Env::of(vars.iter().copied());
            assert_eq!(read(flags(), &env).unwrap().target.repository.to_string(), expected, "{vars:?}");
        };
        let registry = ("LOCAL_REGISTRY", "127.0.0.1:55000");
        let names = [("IMAGE_REPOSITORY", "models"), ("CONTAINER_IMAGE_PREFIX", "prefix")];
        check(&[registry], "127.0.0.1:55000/serve-app");
        check(&[registry, names[0], names[1]], "127.0.0.1:55000/models");
        check(&[registry, ("ENV", "local"), ("GCP_PROJECT_ID", "x")], "127.0.0.1:55000/serve-app");
        check(&[registry, ("ENV", "prod")], "127.0.0.1:55000/darwin");
        check(&[registry, ("ENV", "stag"), names[0], names[1]], "127.0.0.1:55000/prefix");
    }

    #[test]
    fn a_registry_has_a_name_and_an_address() {
        let check = |name: &str, address: &str, expected: Option<&str>| {
            let env = Env::of([("LOCAL_REGISTRY", name), ("LONGSHORE_REGISTRY_ADDRESS", address)]);
            let found = read(flags(), &env).ok().and_then(|settings| settings.target.address).map(String::from);
            assert_eq!(found.as_deref(), expected, "{name} {address}");
        };
        check("localhost:5000", "kind-registry:5000", Some("http://kind-registry:5000/"));
        check("registry.example.com", "10.0.0.1:5000", Some("https://10.0.0.1:5000/"));
        check("registry.example.com", "http://10.0.0.1:5000", Some("http://10.0.0.1:5000/"));
        check("registry.example.com", "ftp://10.0.0.1", None);
        check("registry.example.com", "10.0.0.1/path", None);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let env = Env::of([
            ("MYSQL_HOST", "darwin-mysql"),
            ("AWS_ECR_ACCOUNT_ID", "123"),
            ("ROOT_PATH", "artifact-builder"),
            ("APP_LAYER_URL", "localhost"),
            ("DOCKER_BUILD_PLATFORM", "windows"),
            ("LONGSHORE_FETCH_ALLOW", "10.0.0.0/99"),
        ]);
        let listen = SocketAddr::from(([0, 0, 0, 0], 8000));
        let failure = read(Flags { listen, ..flags() }, &env).unwrap_err();
        let bad = "bad-setting";
        let missing = "not-in-this-version";
        assert_eq!(codes(&failure), ["open-service", missing, bad, bad, missing, "registry-unset", bad, bad]);
        assert!(failure.problems.iter().all(|problem| problem.hint.is_some()));
        let ready = [
            ("LOCAL_REGISTRY", "localhost:5000"),
            ("MYSQL_HOST", "x"),
            ("ENV", "dev"),
            ("LOG_FILE", "x"),
            ("ENABLE_OTEL", "false"),
        ];
        let settings = read(Flags { database: Some("sqlite".into()), ..flags() }, &Env::of(ready)).unwrap();
        assert_eq!(settings.notes, ["`ENV=dev` counts as `prod`", "ignored: LOG_FILE (docs/service.md says why)"]);
    }
}
