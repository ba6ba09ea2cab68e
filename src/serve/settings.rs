//! What a service is told: flags, a file, and the environment with our own names and those of Darwin's Artifact Builder.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::access::Tokens;
use super::address::Allowed;
use super::cache;
use super::face::Links;
use super::fetch;
use super::findings::Findings;
use super::log;
use super::queue::Pace;
use super::service::Setup;
use super::store::{Address, Keep, Parts};
use super::targets::{self, Targets};
use super::webhook::Webhook;
use crate::build::engine::Kind;
use crate::config::{Limits, ServiceSettings};
use crate::platform::Platform;
use crate::problem::{Exit, Failure, Problem};
use crate::secret::Secret;
use crate::world::env::Env;

/// What is typed, and the port that was found for it.
pub struct Flags {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub engine: Option<Kind>,
    pub builds: usize,
    pub open: bool,
    /// Bytes of the disk that builds leave free.
    pub keep_free: u64,
    pub database: Option<String>,
    /// Take over the old service's tasks even if it is at work.
    pub import_now: bool,
    pub per_app: Option<u32>,
    pub keep: Keep,
    pub settings: Option<PathBuf>,
    pub tokens: Option<PathBuf>,
    /// Of this machine, leads to the registry of kind.
    pub kind: Option<u16>,
    /// Where ends of builds are told.
    pub webhook: Option<String>,
}

#[derive(Debug)]
pub struct Settings {
    pub setup: Setup,
    pub data: PathBuf,
    pub database: Address,
    pub import_now: bool,
    pub engine: Option<Kind>,
    pub platform: Platform,
    pub targets: Targets,
    pub fetch: fetch::Settings,
    /// Bytes of a log's beginning that are kept.
    pub log_size: u64,
    /// Bytes of base images that are kept.
    pub base_images: u64,
    /// For github.com alone.
    pub github_token: Option<Secret>,
    /// What is worth a word at the start.
    pub notes: Vec<String>,
}

/// Variables of the old service that mean nothing here, though whoever sets them may believe otherwise. docs/service.md says
/// why; variables whose absence changes nothing (credentials of unused services) are not listed.
const IGNORED: [&str; 4] = ["BUILD_ARTIFACTS_ROOT", "ENABLE_OTEL", "LOG_FILE", "S3_BUCKET"];

/// Variables that hold a password of a database: no program that is started sees them.
pub const PASSWORDS: [&str; 2] = [DATABASE_URL, MYSQL_PASSWORD];
const HOSTS: &str = "write hosts, `HOST:PORT` or networks as `10.0.0.0/8`";
const DATABASE_URL: &str = "LONGSHORE_DATABASE_URL";
const MYSQL_PASSWORD: &str = "MYSQL_PASSWORD";

/// Reads all of it.
///
/// # Errors
/// Everything that is wrong or not in this version.
pub fn read(flags: Flags, env: &Env) -> Result<Settings, Failure> {
    let mut findings = Findings::default();
    let file = flags.settings.as_deref().map(|path| file(path, &mut findings)).unwrap_or_default();
    let folder = flags.settings.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let tokens = tokens(&flags, &file, folder, &mut findings);
    let mut reader = Reader { env, findings };
    reader.listen(&flags, tokens.is_some());
    let database = reader.database(flags.database.as_deref());
    let old_logs = reader.old_logs();
    let links = reader.links();
    let asked = targets::Asked { env, kind: flags.kind, file: &file, folder };
    let targets = asked.read(&mut reader.findings);
    let platform = reader.platform();
    let allowed = reader.allowed(&file);
    let webhook = reader.webhook(flags.webhook.as_deref());
    reader.ignored();
    let Findings { problems, notes } = reader.findings;
    match (platform, allowed, database) {
        (Some(platform), Some(allowed), Some(database)) if problems.is_empty() => {
            let setup = Setup { old_logs, webhook, ..setup(&flags, links, tokens, &file.limits) };
            Ok(Settings {
                setup,
                data: flags.data,
                database,
                import_now: flags.import_now,
                engine: flags.engine,
                platform,
                targets,
                fetch: fetching(allowed, &file.limits),
                log_size: file.limits.log_size.unwrap_or(log::LARGEST),
                base_images: file.limits.base_images.unwrap_or(cache::LARGEST),
                github_token: env.secret("GITHUB_TOKEN"),
                notes,
            })
        }
        _ => Err(Failure { exit: Exit::Usage, problems }),
    }
}

fn setup(flags: &Flags, links: Links, tokens: Option<Tokens>, limits: &Limits) -> Setup {
    let mut pace = Pace::default();
    pace.limit = limits.build_time.map_or(pace.limit, Duration::from_secs);
    let submits = limits.submits.and_then(|count| u32::try_from(count).ok());
    Setup {
        listen: flags.listen,
        open: flags.open,
        links,
        builds: flags.builds,
        per_app: flags.per_app,
        keep: flags.keep,
        old_logs: None,
        pace,
        tokens,
        submits,
        keep_free: flags.keep_free,
        webhook: None,
    }
}

fn fetching(allowed: Allowed, limits: &Limits) -> fetch::Settings {
    let usual = fetch::Settings::default();
    fetch::Settings {
        allowed,
        most_bytes: limits.fetch_size.unwrap_or(usual.most_bytes),
        most_files: limits.fetch_files.and_then(|count| usize::try_from(count).ok()).unwrap_or(usual.most_files),
        timeout: limits.fetch_time.map_or(usual.timeout, Duration::from_secs),
        ..usual
    }
}

fn file(path: &Path, findings: &mut Findings) -> ServiceSettings {
    let Some(text) = text(path, findings) else { return ServiceSettings::default() };
    let (settings, problems) = ServiceSettings::parse(&path.display().to_string(), &text);
    findings.problems.extend(problems);
    settings
}

fn tokens(flags: &Flags, file: &ServiceSettings, folder: &Path, findings: &mut Findings) -> Option<Tokens> {
    if flags.tokens.is_some() && file.tokens.is_some() {
        findings.twice("`--tokens`", "`tokens` of the settings");
    }
    let path = flags.tokens.clone().or_else(|| Some(folder.join(file.tokens.as_ref()?)))?;
    let text = text(&path, findings)?;
    match Tokens::parse(&path.display().to_string(), &text) {
        Ok(tokens) => Some(tokens),
        Err(problems) => {
            findings.problems.extend(problems);
            None
        }
    }
}

fn text(path: &Path, findings: &mut Findings) -> Option<String> {
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) => {
            let text = format!("cannot read `{}`: {error}", path.display());
            findings.problem(Problem::new("no-such-file", text).hint("name a file of UTF-8 text that we may read"));
            None
        }
    }
}

struct Reader<'a> {
    env: &'a Env,
    findings: Findings,
}

impl Reader<'_> {
    fn listen(&mut self, flags: &Flags, has_tokens: bool) {
        let wants_tokens = has_tokens || flags.tokens.is_some();
        if !flags.open && !wants_tokens && !flags.listen.ip().is_loopback() {
            let text = format!("`--listen {}` is open to other machines, and nobody has to log in", flags.listen);
            let hint = "give callers tokens with `--tokens FILE`, listen on 127.0.0.1, or say with `--open` that everybody who reaches it may build";
            self.findings.problem(Problem::new("open-service", text).hint(hint));
        }
    }

    /// The flag, our variable, those of the old service: the first one that is there.
    fn database(&mut self, flag: Option<&str>) -> Option<Address> {
        let hint = match flag.or(self.env.get(DATABASE_URL)) {
            Some(_) => "write it as `postgres://USER@HOST/DATABASE`, `mysql://USER@HOST/DATABASE` or `sqlite`",
            None => "set it to the name of the server alone, and `MYSQL_PORT` to its port",
        };
        let (name, address) = match (flag, self.env.get(DATABASE_URL), self.env.get("MYSQL_HOST")) {
            (Some(text), _, _) => ("--database", text.parse()),
            (None, Some(text), _) => (DATABASE_URL, text.parse()),
            (None, None, Some(host)) => ("MYSQL_HOST", self.mysql(host)),
            (None, None, None) => return Some(Address::default()),
        };
        match address {
            Ok(address) if flag.is_some() && address.password().is_some() => {
                let why = "it has a password, and everybody on this machine can read the arguments of programs";
                self.bad(name, why, "write the whole address into the variable `LONGSHORE_DATABASE_URL` instead");
                None
            }
            Ok(address) => Some(address),
            Err(why) => {
                self.bad(name, why, hint);
                None
            }
        }
    }

    fn mysql(&self, host: &str) -> Result<Address, String> {
        let of = |name, default| self.env.get(name).unwrap_or(default);
        Address::mysql(&Parts {
            host,
            port: of("MYSQL_PORT", "3306"),
            database: of("MYSQL_DATABASE", "mlp_serve"),
            user: of("MYSQL_USERNAME", "root"),
            password: of(MYSQL_PASSWORD, ""),
        })
    }

    fn old_logs(&self) -> Option<PathBuf> {
        let name = if self.env.get("ENV").unwrap_or("local") == "local" {
            "LOG_FILE_ROOT_LOCAL"
        } else {
            "LOG_FILE_ROOT_PROD"
        };
        self.env.get(name).map(PathBuf::from)
    }

    fn bad(&mut self, name: &str, why: impl std::fmt::Display, hint: &str) {
        self.findings.bad(name, why, hint);
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

    /// `--webhook`, or `LONGSHORE_WEBHOOK` where its address is a secret.
    fn webhook(&mut self, flag: Option<&str>) -> Option<Webhook> {
        let secret = self.env.secret("LONGSHORE_WEBHOOK_SECRET");
        let (name, url) = match (flag, self.env.get("LONGSHORE_WEBHOOK")) {
            (Some(url), _) => ("--webhook", url),
            (None, Some(url)) => ("LONGSHORE_WEBHOOK", url),
            (None, None) => return None,
        };
        let allowed = self.allowed_by("LONGSHORE_WEBHOOK_ALLOW")?;
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

    /// Hosts and networks in a variable.
    fn allowed_by(&mut self, name: &str) -> Option<Allowed> {
        match self.env.get(name).unwrap_or_default().parse() {
            Ok(allowed) => Some(allowed),
            Err(why) => {
                self.bad(name, why, &format!("{HOSTS}, with commas between"));
                None
            }
        }
    }

    /// `LONGSHORE_FETCH_ALLOW`, or `fetch.allow` of the file.
    fn allowed(&mut self, file: &ServiceSettings) -> Option<Allowed> {
        const NAME: &str = "LONGSHORE_FETCH_ALLOW";
        let Some(rules) = &file.fetch_allow else {
            return self.allowed_by(NAME);
        };
        if self.env.get(NAME).is_some() {
            self.findings.twice(&format!("`{NAME}`"), "`fetch.allow` of the settings");
        }
        for (index, rule) in rules.iter().enumerate() {
            if let Err(why) = rule.parse::<Allowed>() {
                let problem = Problem::new("bad-setting", why).hint(HOSTS).at_value(format!("fetch.allow.{index}"));
                self.findings.problem(file.locate(problem));
            }
        }
        rules.join(" ").parse().ok()
    }

    fn ignored(&mut self) {
        let ignored: Vec<&str> = IGNORED
            .into_iter()
            .filter(|name| self.env.get(name).is_some() && *name != "ENABLE_OTEL" || self.env.is_true(name))
            .collect();
        if !ignored.is_empty() {
            self.findings.notes.push(format!("ignored: {} (docs/service.md says why)", ignored.join(", ")));
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
            import_now: false,
            per_app: None,
            keep: Keep::default(),
            settings: None,
            tokens: None,
            kind: None,
        }
    }

    fn codes(failure: &Failure) -> Vec<&str> {
        failure.problems.iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let env = Env::of([
            ("MYSQL_HOST", "darwin-mysql/x"),
            ("AWS_ECR_ACCOUNT_ID", "123"),
            ("ROOT_PATH", "artifact-builder"),
            ("APP_LAYER_URL", "localhost"),
            ("DOCKER_BUILD_PLATFORM", "windows"),
            ("LONGSHORE_FETCH_ALLOW", "10.0.0.0/99"),
        ]);
        let listen = SocketAddr::from(([0, 0, 0, 0], 8000));
        let failure = read(Flags { listen, ..flags() }, &env).unwrap_err();
        let bad = "bad-setting";
        assert_eq!(codes(&failure), ["open-service", bad, bad, bad, bad, bad, bad]);
        assert!(failure.problems.iter().all(|problem| problem.hint.is_some()));
        assert_eq!(codes(&read(flags(), &Env::default()).unwrap_err()), ["registry-unset"]);
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

    #[test]
    fn the_database_is_the_first_that_is_named() {
        let check = |flag: Option<&str>, vars: &[(&str, &str)], expected: Result<&str, &str>| {
            let env = Env::of([("LOCAL_REGISTRY", "localhost:5000")].iter().chain(vars).copied());
            let flags = Flags { database: flag.map(str::to_owned), ..flags() };
            let found = read(flags, &env).map(|settings| settings.database.to_string());
            let found = found.map_err(|failure| failure.problems[0].message.clone());
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(said), Err(expected)) => assert!(said.contains(expected) && !said.contains("canary"), "{said}"),
                _ => panic!("{flag:?} {vars:?}: {found:?}"),
            }
        };
        let ours = (DATABASE_URL, "postgres://me:canary@db/queue");
        let old = [("MYSQL_HOST", "db"), (MYSQL_PASSWORD, "canary")];
        check(None, &[], Ok("sqlite"));
        check(None, &[ours, old[0]], Ok("postgres://me@db/queue"));
        check(None, &old, Ok("mysql://root@db:3306/mlp_serve"));
        check(None, &[old[0], ("MYSQL_DATABASE", "other"), ("MYSQL_USERNAME", "me")], Ok("mysql://me@db:3306/other"));
        check(Some("sqlite"), &[ours, old[0]], Ok("sqlite"));
        check(Some("mysql://me@db/x"), &[ours], Ok("mysql://me@db/x"));
        check(Some("mysql://me:canary@db/x"), &[], Err("it has a password"));
        check(Some("oracle://me:canary@db/x"), &[], Err("`oracle` is not a database"));
        check(None, &[(DATABASE_URL, "postgres://me:canary@db")], Err("names no database"));
    }

    #[test]
    fn a_file_says_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.yaml");
        let write = |text: &str| fs::write(&path, text).unwrap();
        let env = Env::of([("LOCAL_REGISTRY", "localhost:5000"), ("ENV", "local")]);
        let with_file = || Flags { settings: Some(path.clone()), listen: ([0, 0, 0, 0], 80).into(), ..flags() };
        fs::write(folder.path().join("t.yaml"), format!("ci: {{ sha256: \"{}\", scopes: read }}", "0".repeat(64)))
            .unwrap();
        write(
            "fetch: { allow: [git.corp, 10.0.0.0/8] }\nlimits: { build-time: 2h, fetch-files: 7, log-size: 1MiB, submits: 9 }\ntokens: t.yaml\n",
        );
        let settings = read(with_file(), &env).unwrap();
        assert_eq!(settings.fetch.allowed, "git.corp,10.0.0.0/8".parse().unwrap());
        assert_eq!((settings.fetch.most_files, settings.log_size, settings.base_images), (7, 1 << 20, cache::LARGEST));
        assert_eq!((settings.setup.pace.limit.as_secs(), settings.setup.submits), (7200, Some(9)));
        assert!(settings.setup.tokens.is_some());

        write("fetch: { allow: [10.0.0.0/8, 10.0.0.0/99] }\ntokens: none.yaml\n");
        let env = env.with("LONGSHORE_FETCH_ALLOW", "git.corp");
        let failure = read(Flags { tokens: Some("t.yaml".into()), ..with_file() }, &env).unwrap_err();
        let bad = "bad-setting";
        assert_eq!(codes(&failure), [bad, "no-such-file", bad, bad]);
        let within = failure.problems[3].within.clone().unwrap();
        assert_eq!(&within.text[within.span], "10.0.0.0/99");
        assert_eq!(
            codes(&read(Flags { settings: Some("none".into()), ..flags() }, &env).unwrap_err()),
            ["no-such-file"]
        );
    }
}
