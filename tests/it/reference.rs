//! The pages of the documentation that are made from the program: commands from its help, keys from the table of the schema.
//! `UPDATE=1 cargo test --test it reference` writes them anew.

use std::fmt::Write;
use std::fs;

use longshore::config;
use longshore::config::schema::{Key, SECTIONS, Section, Text, Type};

use crate::project::{LONGSHORE, program, variable};
use crate::source;

fn is_as_on_disk(path: &str, text: &str) {
    if variable("UPDATE").is_some() {
        fs::write(source::root().join(path), text).unwrap();
    }
    assert!(source::read(path) == text, "{path} is out of date: `UPDATE=1 cargo test --test it reference`");
}

fn help(words: &[&str]) -> String {
    let done = program(LONGSHORE).args(words).env("COLUMNS", "100").env("NO_COLOR", "1").output().unwrap();
    assert!(done.status.success(), "{words:?}");
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn commands() {
    let whole = help(&["--help"]);
    let mut text =
        "# Commands\n\nWhat `longshore --help` and `longshore COMMAND --help` say. This page is made from them.\n"
            .to_owned();
    let _ = write!(text, "\n```text\n{}\n```\n", whole.trim_end());
    // Commands are what is listed before the first section of flags, in lower case.
    let listed = whole.lines().take_while(|line| !line.starts_with("Selection:"));
    let of_command =
        |line: &str| line.strip_prefix("  ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    let names: Vec<&str> =
        listed.filter(|line| of_command(line)).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", help(&[name, "--help"]).trim_end());
    }
    is_as_on_disk("docs/commands.md", &text);
}

#[test]
fn keys() {
    let mut text = "# Keys\n\nEvery key of `longshore.yaml`. `longshore schema config` prints the same as a JSON Schema, for editors. A key \
                    with `T` may differ by target, under `override`. This page is made from the table that the program reads the \
                    file with.\n"
        .to_owned();
    for (section, place) in SECTIONS {
        let _ = write!(text, "\n## {}\n\n| key | default | meaning | example |\n|---|---|---|---|\n", title(place));
        for key in section.keys {
            let mark = if key.per_target { " T" } else { "" };
            let is_value = !key.default.is_empty() && !key.default.contains([' ', '`', ':']);
            let default = if is_value { format!("`{}`", key.default) } else { key.default.replace('<', "&lt;") };
            let example = format!("`{}: {}`", key.name, example(section, key));
            let row = [format!("`{}`{mark}", key.name), default, key.doc.replace('<', "&lt;"), example]
                .map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }
    is_as_on_disk("docs/keys.md", &text);
}

fn title(place: &str) -> String {
    let mut chars = place.trim_start_matches("an ").trim_start_matches("a ").chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Values that say more than one of the same form would.
const EXAMPLES: &[(&str, &str)] = &[
    ("bins", "[server, ctl]"),
    ("ca", "certs/registry.pem"),
    ("cargo-args", "[--verbose]"),
    ("changelog", "server/CHANGELOG.md"),
    ("cmd", "[serve, --port, \"8080\"]"),
    ("component", "server"),
    ("components", "[server, client]"),
    ("container", "\"quay.io/pypa/manylinux_2_28_x86_64\""),
    ("context", "services/api"),
    ("contexts", "{ base: image.base }"),
    ("dir", "web"),
    ("dockerfile", "services/api/Dockerfile"),
    ("entrypoint", "[/usr/local/bin/app]"),
    ("env", "{ RUST_LOG: info }"),
    ("environment", "release"),
    ("features", "[tls, metrics]"),
    ("flavors", "[alpine, distroless]"),
    ("footer", "docs/footer.md"),
    ("header", "docs/header.md"),
    ("healthcheck", "[/usr/local/bin/app, check]"),
    ("kind", "github"),
    ("new-classifiers", "[\"Framework :: Acme\"]"),
    ("output", "build/release"),
    ("prebuilt", "\"bin/{target}/{binary}{exe}\""),
    ("profile", "dist"),
    ("run", "make site"),
    ("runner", "ubuntu-24.04"),
    ("setup", ".github/actions/setup"),
    ("smoke", "[version, --short]"),
    ("stage", "runtime"),
    ("title", "\"{name} {version}\""),
    ("user", "\"65532\""),
    ("version-files", "[package.json]"),
    ("workdir", "/srv"),
];

/// A value that a key takes.
fn example(section: &Section, key: &Key) -> String {
    match (section.name, key.name) {
        ("chart", "path") => "deploy/chart".into(),
        ("deployment-file", "file") => "deploy/versions.auto.tfvars.json".into(),
        ("wheel", "prebuilt") => "\"dist/{file}\"".into(),
        ("image", "smoke") => "{ http: /health }".into(),
        (_, name) => match EXAMPLES.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => (*value).to_owned(),
            None => of_type(&key.ty, 0),
        },
    }
}

fn of_type(ty: &Type, depth: usize) -> String {
    match ty {
        Type::Text(text) => of_text(*text).into(),
        Type::Flag => "true".into(),
        Type::Off(inner) | Type::Either(inner, _) => of_type(inner, depth),
        Type::Many(inner) | Type::Some(inner) => format!("[{}]", of_type(inner, depth + 1)),
        Type::Keys(section) => keys_of(section, depth),
        Type::Each { key, value, fixed } => match fixed.first() {
            Some(first) if matches!(value, Type::Destination) => {
                format!("{{ {}: {} }}", first.name, of_type(&first.ty, depth + 1))
            }
            _ => format!("{{ {}: {} }}", of_text(*key), of_type(value, depth + 1)),
        },
        Type::Override(inner) => format!("{{ \"*-apple-darwin\": {} }}", of_type(inner, depth + 1)),
        Type::Destination => "{ kind: github }".into(),
        Type::Command(_) => "make site".into(),
        Type::Any => "1".into(),
        Type::Overlays => "{ local: { snapshot: true } }".into(),
    }
}

/// Its required keys; at the top of an example nothing more.
fn keys_of(section: &Section, depth: usize) -> String {
    let required = section.required().iter().filter_map(|name| section.key(name));
    let keys: Vec<String> = required.map(|key| format!("{}: {}", key.name, of_type(&key.ty, depth + 1))).collect();
    if keys.is_empty() { "{}".into() } else { format!("{{ {} }}", keys.join(", ")) }
}

fn of_text(text: Text) -> &'static str {
    match text {
        Text::FormatNumber => "1",
        Text::Triple => "x86_64-unknown-linux-gnu",
        Text::TripleGlob => "\"*-apple-darwin\"",
        Text::Count => "60",
        Text::Size => "50MB",
        Text::Time => "60m",
        Text::Glibc => "\"2.28\"",
        Text::Macos => "\"11.0\"",
        Text::Path => "docs/file.txt",
        Text::Manifest => "server/Cargo.toml",
        Text::Notes => "changelog",
        Text::FileGlob => "docs/*",
        Text::FileName => "page.zip",
        Text::Script => "make site",
        Text::ImageRepository => "ghcr.io/owner/name",
        Text::ImagePrefix => "ghcr.io/owner",
        Text::Image => "docker.io/library/debian:stable-slim",
        Text::Platform => "linux/amd64",
        Text::ImagePath => "/etc/app.toml",
        Text::ValuesPath => "api.image",
        Text::ReferenceGlob => "\"docker.io/*\"",
        Text::Port => "8080",
        Text::Compatibility => "\"2_28\"",
        Text::Python => "abi3",
        Text::Index => "testpypi",
        Text::Host => "ghcr.io",
        Text::Share => "github",
        Text::WorkflowFile => "release.yml",
        Text::WorkflowPath => ".github/workflows/notify.yml",
        Text::Word(words) => words.first().copied().unwrap_or_default(),
        Text::DestinationKind => "github",
        Text::Repository => "owner/name",
        Text::EnvName => "REGION",
        Text::SecretName => "NPM_TOKEN",
        Text::EnvGlob => "\"CI_*\"",
        Text::Template(_) => "\"{version}\"",
        Text::Runner => "ubuntu-24.04",
        Text::Name
        | Text::Distribution
        | Text::Line
        | Text::Label
        | Text::Environment
        | Text::EnvValue
        | Text::Argument => "app",
    }
}

/// What the page shows is what the program takes: no example has a wrong form.
#[test]
fn examples_are_taken() {
    let places = [
        ("the top of the file", ""),
        ("an entry of `binaries`", "binaries: { app: { KEY } }"),
        ("an entry of `archives`", "archives: { app: { KEY } }"),
        ("an entry of `assets`", "assets: { app: { run: make, KEY } }"),
        ("an entry of `images`", "images: { app: { KEY } }"),
        ("an entry of `bases`", "bases: { app: { KEY } }"),
        ("an entry of `wheels`", "wheels: { app: { KEY } }"),
        ("an entry of `charts`", "charts: { app: { KEY } }"),
        ("an entry of `workflows`", "workflows: { app.yml: { KEY } }"),
        ("an entry of `components`", "components: { app: { KEY } }"),
        ("`publish.registry`", "publish: { registry: { KEY } }"),
        ("`publish.github`", "publish: { github: { KEY } }"),
        ("`publish.pypi`", "publish: { pypi: { KEY } }"),
    ];
    let mut wrong = Vec::new();
    for (section, place) in SECTIONS {
        let Some((_, frame)) = places.iter().find(|(name, _)| name == place) else { continue };
        for key in section.keys.iter().filter(|key| !["snapshot", "host"].contains(&key.name)) {
            let line = format!("{}: {}", key.name, example(section, key));
            let text = if frame.is_empty() { line.clone() } else { frame.replace("KEY", &line) };
            let head = if key.name == "longshore" { "" } else { "longshore: 1\n" };
            let text = format!("{head}{text}\n");
            let Err((_, found)) = config::parse("longshore.yaml", &text, &[]) else { continue };
            let forms = ["wrong-type", "unknown-word", "unknown-key", "unknown-placeholder", "yaml", "bad-path"];
            for diagnostic in found.iter().filter(|one| forms.contains(&one.problem.code)) {
                wrong.push(format!("{}: {}", text.trim(), diagnostic.problem));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
