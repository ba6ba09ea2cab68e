//! Asks cargo which crates a distribution is compiled with, and which of them its siblings are not.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};

use crate::artifact::{Artifact, CheckResult, Subject};
use crate::build::log::Log;
use crate::build::machine::Machine;
use crate::plan::{Resolve, Step, Variant};
use crate::target::Target;
use crate::world::process::Cmd;
use crate::world::store::read_json;

/// Compares what `cargo tree` says of a wheel's features and of each sibling's.
///
/// # Errors
/// If the wheel is not there, or cargo fails.
pub fn run(machine: Machine<'_>, log: &mut Log<'_>, resolve: &Resolve, wheel: &Step) -> anyhow::Result<CheckResult> {
    let record: Artifact = read_json(&machine.store.record(&wheel.id))?;
    let target = wheel.target.with_context(|| format!("`{}` has no target", wheel.id))?;
    let subject = |file: &crate::artifact::File| Subject {
        step: wheel.id.to_string(),
        name: file.name.clone(),
        sha256: file.sha256,
    };
    let mut result =
        CheckResult { passed: true, subjects: record.files.iter().map(subject).collect(), ..CheckResult::default() };
    let own = crates(machine, log, resolve, &resolve.own, target)?;
    let mut details = Vec::new();
    for other in &resolve.others {
        let theirs = crates(machine, log, resolve, other, target)?;
        let more: Vec<String> = own.difference(&theirs).cloned().collect();
        details.push(format!("{} crates that `{}` does not have", more.len(), other.distribution));
        result.crates.insert(other.distribution.to_string(), more);
        result.lacks.insert(other.distribution.to_string(), theirs.difference(&own).cloned().collect());
    }
    result.detail = details.join("; ");
    Ok(result)
}

/// `axum-0.8.1` for every crate of a registry or of git that is compiled into a library of these features.
fn crates(
    machine: Machine<'_>,
    log: &mut Log<'_>,
    resolve: &Resolve,
    variant: &Variant,
    target: Target,
) -> anyhow::Result<BTreeSet<String>> {
    let mut args = vec!["tree", "--manifest-path", &resolve.manifest, "--target", target.triple()];
    args.extend(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    let features = variant.features.join(",");
    if !features.is_empty() {
        args.extend(["--features", &features]);
    }
    if !variant.default_features {
        args.push("--no-default-features");
    }
    if variant.all_features {
        args.push("--all-features");
    }
    if resolve.locked {
        args.push("--locked");
    }
    let cmd = Cmd::new("cargo", machine.store.repository()).args(args);
    log.tell(format_args!("$ {cmd}"));
    let done = machine.runner.output(&cmd)?;
    if !done.status.success() {
        done.stderr.lines().for_each(|line| log.tell(line));
    }
    ensure!(done.status.success(), "`{cmd}` failed: {}", done.stderr.lines().last().unwrap_or_default());
    Ok(done.stdout.lines().filter_map(of_registry).collect())
}

/// `axum v0.8.1`, `axum v0.8.1 (*)`, `x v1.0.0 (https://github.com/…#0123abc)`; what lies in the repository leaves no
/// path with a version.
fn of_registry(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let place = words.next().and_then(|word| word.strip_prefix('('));
    let local = place.is_some_and(|place| !place.starts_with("*)") && !place.contains("://"));
    (!local).then(|| format!("{name}-{version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_cargo_tree() {
        let check = |line: &str, expected: Option<&str>| assert_eq!(of_registry(line).as_deref(), expected, "{line}");
        check("axum v0.8.1", Some("axum-0.8.1"));
        check("axum v0.8.1 (*)", Some("axum-0.8.1"));
        check("tool v1.0.0 (https://github.com/a/b?rev=1#0123)", Some("tool-1.0.0"));
        check("zstd-sys v2.0.16+zstd.1.5.7", Some("zstd-sys-2.0.16+zstd.1.5.7"));
        check("app v0.1.0 (/home/me/app)", None);
        check("app v0.1.0 (C:\\me\\app) (*)", None);
        check("", None);
    }
}
