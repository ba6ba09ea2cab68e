//! The files of a build service, its settings and its tokens: read as `longshore.yaml` is, every problem under its text.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::diagnostics::Diagnostics;
use super::fields::Fields;
use super::schema::{Section, Text, Type, key};
use super::source::Source;
use super::yaml::{self, Entry, Map};
use super::{shape, text};
use crate::problem::Problem;
use crate::reference;

/// What `longshore serve --settings` reads.
#[derive(Clone, Debug, Default)]
pub struct ServiceSettings {
    /// By host, as references name it.
    pub registries: BTreeMap<String, ServiceRegistry>,
    pub fetch_allow: Option<Vec<String>>,
    pub limits: Limits,
    /// A file.
    pub tokens: Option<String>,
    source: Source,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceRegistry {
    pub address: Option<String>,
    pub insecure: bool,
    /// A file.
    pub ca: Option<String>,
    pub create: Option<bool>,
}

/// Bytes, seconds and counts; what is absent keeps its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub build_time: Option<u64>,
    pub fetch_time: Option<u64>,
    pub fetch_size: Option<u64>,
    pub fetch_files: Option<u64>,
    pub log_size: Option<u64>,
    pub base_images: Option<u64>,
    pub submits: Option<u64>,
}

/// An entry of the file of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceToken {
    pub name: String,
    /// In hex.
    pub sha256: String,
    pub scopes: Vec<String>,
    pub apps: Option<String>,
}

const COUNT: Type = Type::Text(Text::Count);
const TIME: Type = Type::Text(Text::Time);
const SIZE: Type = Type::Text(Text::Size);
const LINE: Type = Type::Text(Text::Line);

pub static SERVICE: Section = Section {
    name: "service",
    keys: &[
        key(
            "registries",
            Type::Each { key: Text::Host, value: &Type::Keys(&SERVICE_REGISTRY), fixed: &[] },
            "none",
            "how registries are reached, by their names",
        ),
        key("fetch", Type::Keys(&SERVICE_FETCH), "none", "where repositories and base images may come from"),
        key("limits", Type::Keys(&SERVICE_LIMITS), "none", "limits"),
        key("tokens", LINE, "none", "the file of `--tokens`"),
    ],
};

pub static SERVICE_REGISTRY: Section = Section {
    name: "service-registry",
    keys: &[
        key("address", Type::Text(Text::Label), "its name", "where it is reached from here"),
        key("insecure", Type::Flag, "false", "use plain HTTP or skip certificate checks"),
        key("ca", LINE, "", "PEM file with its CA certificate"),
        key("create", Type::Flag, "true", "create a repository that ECR does not have yet"),
    ],
};

pub static SERVICE_FETCH: Section = Section {
    name: "service-fetch",
    keys: &[key("allow", Type::Many(&LINE), "none", "hosts and networks that may be private")],
};

pub static SERVICE_LIMITS: Section = Section {
    name: "service-limits",
    keys: &[
        key("build-time", TIME, "60m", "how long an attempt may take"),
        key("fetch-time", TIME, "10m", "how long a clone may take"),
        key("fetch-size", SIZE, "4GiB", "size of a clone with its files"),
        key("fetch-files", COUNT, "200000", "files of a clone"),
        key("log-size", SIZE, "64MiB", "how much of the beginning of a log is kept"),
        key("base-images", SIZE, "20GiB", "base images that are kept from one build to the next"),
        key("submits", COUNT, "none", "submissions in a minute of one token, or of one address where there are none"),
    ],
};

/// What a token may be good for.
pub const SCOPES: &[&str] = &["submit", "read", "admin"];

pub static SERVICE_TOKEN: Section = Section {
    name: "service-token",
    keys: &[
        key("sha256", Type::Text(Text::Label), "", "of the token, in hex"),
        key("scopes", Type::Some(&Type::Text(Text::Word(SCOPES))), "", "what it may be used for"),
        key("apps", Type::Text(Text::Name), "all", "how the names of its apps begin"),
    ],
};

static SETTINGS_FILE: Type = Type::Keys(&SERVICE);
static TOKENS_FILE: Type = Type::Each { key: Text::Name, value: &Type::Keys(&SERVICE_TOKEN), fixed: &[] };

impl ServiceSettings {
    /// What a file says, as far as it can be read, and every problem of it. `name` is shown in problems.
    pub fn parse(name: &str, text: &str) -> (Self, Vec<Problem>) {
        let (source, problems) = read(name, text, &SETTINGS_FILE);
        let root = source.tree.as_deref().and_then(|root| root.map()).cloned().unwrap_or_default();
        let fields = Fields(&root);
        let registries = entries(&root, "registries").iter().map(|entry| {
            let empty = Map::default();
            let fields = Fields(entry.value.map().unwrap_or(&empty));
            let registry = ServiceRegistry {
                address: fields.text("address"),
                insecure: fields.flag("insecure").unwrap_or(false),
                ca: fields.text("ca"),
                create: fields.flag("create"),
            };
            (reference::host(&entry.key).unwrap_or_else(|_| entry.key.clone()), registry)
        });
        let settings = Self {
            registries: registries.collect(),
            fetch_allow: fields.map("fetch").and_then(|fetch| fetch.texts("allow")),
            limits: fields.map("limits").map(limits).unwrap_or_default(),
            tokens: fields.text("tokens"),
            source,
        };
        (settings, problems)
    }

    /// A problem at the place of the file that it names.
    pub fn locate(&self, problem: Problem) -> Problem {
        within(&self.source, self.source.locate(problem))
    }
}

fn limits(fields: Fields<'_>) -> Limits {
    let time = |name: &str| text::seconds(&fields.text(name)?).ok();
    let size = |name: &str| text::size(&fields.text(name)?).ok();
    let count = |name: &str| fields.text(name)?.parse().ok().filter(|count| *count > 0);
    Limits {
        build_time: time("build-time"),
        fetch_time: time("fetch-time"),
        fetch_size: size("fetch-size"),
        fetch_files: count("fetch-files"),
        log_size: size("log-size"),
        base_images: size("base-images"),
        submits: count("submits"),
    }
}

/// The entries of a file of tokens.
///
/// # Errors
/// Every problem of the file.
pub fn service_tokens(name: &str, text: &str) -> Result<Vec<ServiceToken>, Vec<Problem>> {
    let (source, mut found) = read(name, text, &TOKENS_FILE);
    let root = source.tree.as_deref().and_then(|root| root.map()).cloned().unwrap_or_default();
    let mut problems = Vec::new();
    let mut tokens: Vec<ServiceToken> = Vec::new();
    for entry in &root.entries {
        let empty = Map::default();
        let fields = Fields(entry.value.map().unwrap_or(&empty));
        let token = ServiceToken {
            name: entry.key.clone(),
            sha256: fields.text("sha256").unwrap_or_default(),
            scopes: fields.texts("scopes").unwrap_or_default(),
            apps: fields.text("apps"),
        };
        let at = |key: &str| format!("{}.{key}", entry.key);
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_written = !token.sha256.is_empty();
        if is_written && (token.sha256.len() != 64 || !token.sha256.bytes().all(is_hex)) {
            let problem = Problem::new("bad-setting", "`sha256` is not 64 hex digits in small letters");
            let hint = "`longshore serve --tokens FILE --new-token NAME` makes a token and its entry";
            problems.push(problem.hint(hint).at_value(at("sha256")));
        }
        if let Some(same) = tokens.iter().find(|other| is_written && other.sha256 == token.sha256) {
            let problem = Problem::new("bad-setting", format!("this is the token of `{}`, too", same.name));
            problems.push(problem.hint("make one for each caller").at_value(at("sha256")));
        }
        if token.apps.is_some() && token.scopes.iter().any(|scope| scope == "admin") {
            let problem = Problem::new("bad-setting", "a token with `admin` is for all apps");
            problems.push(problem.hint("remove `apps`, or write `[submit, read]`").at_key(at("apps")));
        }
        tokens.push(token);
    }
    found.extend(problems.into_iter().map(|problem| within(&source, source.locate(problem))));
    if found.is_empty() { Ok(tokens) } else { Err(found) }
}

fn read(name: &str, text: &str, ty: &Type) -> (Source, Vec<Problem>) {
    let mut source = Source { name: name.to_owned(), text: text.to_owned(), ..Source::default() };
    let (root, problems) = yaml::read(text);
    let mut found = Diagnostics::default();
    problems.into_iter().for_each(|problem| found.push(problem));
    if let Some(root) = &root {
        shape::check_as(ty, root, &mut found);
    }
    let problems = found.sorted().into_iter().map(|diagnostic| within(&source, diagnostic)).collect();
    source.tree = root.map(Box::new);
    (source, problems)
}

fn within(source: &Source, diagnostic: Diagnostic) -> Problem {
    let Diagnostic { problem, span } = diagnostic;
    let text: Arc<str> = source.text.as_str().into();
    match span {
        Some(span) => problem.within(&source.name, &text, span),
        None => Problem { message: format!("`{}`: {}", source.name, problem.message), ..problem },
    }
}

fn entries<'m>(root: &'m Map, key: &str) -> &'m [Entry] {
    root.get(key).and_then(|node| node.map()).map(|map| map.entries.as_slice()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(problems: &[Problem]) -> Vec<String> {
        let line = |problem: &Problem| {
            let within = problem.within.as_ref().unwrap();
            let hint = problem.hint.clone().unwrap_or_default();
            format!("{}: {}: {} ({hint})", &within.text[within.span.clone()], problem.code, problem.message)
        };
        problems.iter().map(line).collect()
    }

    #[test]
    fn settings_are_read() {
        let text = "registries:\n  localhost:5000: { address: \"kind-registry:5000\" }\n  r.example: { insecure: true, ca: r.pem, create: false }\n\
                    fetch: { allow: [git.corp.example, 10.0.0.0/8] }\n\
                    limits: { build-time: 2h, fetch-size: 1GiB, submits: 60 }\ntokens: tokens.yaml\n";
        let (settings, problems) = ServiceSettings::parse("s.yaml", text);
        assert!(problems.is_empty());
        assert_eq!(settings.registries["localhost:5000"].address.as_deref(), Some("kind-registry:5000"));
        let other = ServiceRegistry { address: None, insecure: true, ca: Some("r.pem".into()), create: Some(false) };
        assert_eq!(settings.registries["r.example"], other);
        assert_eq!(settings.fetch_allow.as_deref(), Some(&["git.corp.example".to_owned(), "10.0.0.0/8".into()][..]));
        let limits =
            Limits { build_time: Some(7200), fetch_size: Some(1 << 30), submits: Some(60), ..Limits::default() };
        assert_eq!((settings.limits, settings.tokens.as_deref()), (limits, Some("tokens.yaml")));
        assert!(ServiceSettings::parse("s.yaml", "# nothing\n").1.is_empty());
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let text = "registrys: {}\nengine: docker\nretention: 7\nlimits: { build-time: 1d, fetch-files: 0, memory: 2 }\nfetch: { allow: }\n";
        let (settings, problems) = ServiceSettings::parse("s.yaml", text);
        assert_eq!((settings.fetch_allow, settings.limits), (None, Limits::default()));
        assert_eq!(
            said(&problems),
            [
                "registrys: unknown-key: unknown key `registrys` (did you mean `registries`?)",
                "engine: unknown-key: unknown key `engine` (it is a flag: `longshore serve --engine`)",
                "retention: unknown-key: unknown key `retention` (it is a flag: `longshore serve --keep-days`)",
                "1d: bad-time: `1d` is not a time between `1s` and `24h` (write `90s`, `60m` or `2h`)",
                "0: bad-number: `0` is not a number of 1 or more (write it with digits alone, as `60`)",
                "memory: unknown-key: unknown key `memory` (keys here: build-time, fetch-time, fetch-size, fetch-files, log-size, base-images, submits)",
                "allow: no-value: `allow` has no value (set it to text, or a list of them, or remove the key)",
            ]
        );
    }

    #[test]
    fn tokens_are_read() {
        let (one, two) = ("0".repeat(64), "1".repeat(64));
        let text = format!(
            "ci: {{ sha256: \"{one}\", scopes: [submit, read], apps: team- }}\nops: {{ sha256: \"{two}\", scopes: admin }}\n"
        );
        let tokens = service_tokens("t.yaml", &text).unwrap();
        let ci = ServiceToken {
            name: "ci".into(),
            sha256: one.clone(),
            scopes: vec!["submit".into(), "read".into()],
            apps: Some("team-".into()),
        };
        assert_eq!((tokens.len(), &tokens[0]), (2, &ci));
        let text = format!("a: {{ sha256: \"{one}\", scopes: [write] }}\nb: {{ scopes: read }}\n");
        let found = said(&service_tokens("t.yaml", &text).unwrap_err());
        assert_eq!(found[0], "write: unknown-word: expected `submit`, `read` or `admin`, found `write` ()");
        assert!(found[1].contains("missing-key: `sha256:` is missing"), "{found:?}");
        let text = format!(
            "a: {{ sha256: \"{one}\", scopes: admin, apps: x }}\nb: {{ sha256: \"{one}\", scopes: read }}\nc: {{ sha256: abc, scopes: read }}\n"
        );
        let found = service_tokens("t.yaml", &text).unwrap_err();
        let found: Vec<&str> = found.iter().map(|problem| problem.message.as_str()).collect();
        let expected = [
            "a token with `admin` is for all apps",
            "this is the token of `a`, too",
            "`sha256` is not 64 hex digits in small letters",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn every_key_is_explained() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/service.md")).unwrap();
        let example = page.split("```yaml\n").find(|block| block.starts_with("registries:")).unwrap();
        let (_, problems) = ServiceSettings::parse("docs/service.md", example.split("```").next().unwrap());
        assert!(problems.is_empty(), "{problems:?}");
        let all = [&SERVICE, &SERVICE_REGISTRY, &SERVICE_FETCH, &SERVICE_LIMITS, &SERVICE_TOKEN];
        for key in all.iter().flat_map(|section| section.keys) {
            assert!(
                page.contains(&format!("`{}`", key.name)) || page.contains(&format!("{}:", key.name)),
                "{}",
                key.name
            );
        }
    }
}
