//! Reading whole files: what they mean, what is said about wrong ones, and that every text ends.

mod limits;
mod meaning;
mod problems;

use super::check::{none, parse};
use super::{Archive, Binaries, Binary, BinarySettings, Builder, Config, Diagnostic, FileItem, Notes, Publish};
use crate::command::{Command, Shell};
use crate::format::Format;
use crate::problem::Problem;
use crate::target::{self, Linkage, Os, Target};

fn config(text: &str) -> Config {
    match parse("longshore.yaml", text, &[]) {
        Ok((config, _)) => config,
        Err((source, diagnostics)) => panic!("{}", source.render(&diagnostics, false)),
    }
}

fn target(triple: &str) -> Target {
    triple.parse().unwrap()
}

fn binaries(config: &Config) -> &[Binary] {
    match &config.binaries {
        Binaries::Listed(binaries) => binaries,
        _ => panic!("no binaries are listed"),
    }
}

fn archive<'c>(config: &'c Config, name: &str) -> &'c Archive {
    config.archives.items.iter().find(|archive| archive.name == name).unwrap()
}

/// `code@line:column` of every problem, in order.
fn problems(text: &str, overlays: &[&str]) -> Vec<String> {
    let overlays: Vec<String> = overlays.iter().map(|name| (*name).to_owned()).collect();
    let Err((source, diagnostics)) = parse("longshore.yaml", text, &overlays) else { return Vec::new() };
    let place = |diagnostic: &Diagnostic| match &diagnostic.span {
        Some(span) => {
            let (line, column) = source.position(span.start);
            format!("{}@{line}:{column}", diagnostic.problem.code)
        }
        None => diagnostic.problem.code.to_owned(),
    };
    diagnostics.iter().map(place).collect()
}

fn hints(text: &str) -> String {
    let Err((_, diagnostics)) = parse("longshore.yaml", text, &[]) else { return String::new() };
    diagnostics
        .iter()
        .map(|one| format!("{}; {}\n", one.problem, one.problem.hint.clone().unwrap_or_default()))
        .collect()
}

/// The OpsML file, cut to what this version makes.
pub const OPSML: &str = r#"longshore: 1
name: opsml
defaults:
  archives:  { file: "{name}-{arch}-{os-abi}", formats: { "*": zip, linux: tar.gz }, include: [] }
assets:
  opsml-ui: { run: make build.ui, files: ui/build, file: opsml-ui-node.zip }
binaries:
  opsml-server: { assets: opsml-ui, override: { "*-musl": { features: vendored-tls } } }
  opsml-mcp: {}
  opsml-cli: { bins: opsml }
  opsml-server-rocky: { package: opsml-server, targets: x86_64-unknown-linux-gnu, container: "rockylinux:9", assets: opsml-ui }
archives:
  opsml-server: { include: ui/build }
  opsml-server-rocky: { file: "opsml-server-{arch}-{os-abi}-rocky", include: ui/build }
publish:
  github: { checksums: checksums.txt }
"#;

/// A file with most of what can be written.
pub const FULL: &str = include_str!("full.yaml");
