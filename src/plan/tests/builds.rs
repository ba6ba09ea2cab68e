//! What of a binary is decided before anything is compiled: whether it can be, its first run, its lock file.

use super::*;

/// What no machine can make is said before one has tried.
#[test]
fn targets_that_cannot_be_built_are_refused() {
    let check = |entry: &str, code: &str, place: &str| {
        let problems = planned(&format!("binaries: {{ app: {{ {entry} }} }}"), &facts(), &Request::default());
        let problems = problems.err().unwrap_or_default();
        let found: Vec<_> = problems.iter().map(|one| (one.code, one.at.as_ref().map(|at| at.path.as_str()))).collect();
        assert_eq!(found, [(code, Some(place))], "{entry}");
    };
    let code = "unbuildable-target";
    check("builder: zigbuild, targets: x86_64-pc-windows-msvc", code, "binaries.app.builder");
    check("builder: cross, targets: x86_64-pc-windows-msvc", code, "binaries.app.builder");
    check("builder: cross, targets: aarch64-apple-darwin", code, "binaries.app.builder");
    check("container: \"rockylinux:9\", targets: aarch64-apple-darwin", code, "binaries.app.container");
    check(
        "container: \"rockylinux:9\", runner: windows-2025, targets: x86_64-unknown-linux-gnu",
        code,
        "binaries.app.container",
    );
    for entry in [
        "builder: zigbuild, targets: [aarch64-apple-darwin, x86_64-unknown-linux-musl]",
        "builder: cross, targets: x86_64-unknown-linux-musl",
        "container: x, runner: own-label, targets: aarch64-apple-darwin",
        "override: { \"*-linux-*\": { container: x, builder: zigbuild } }",
    ] {
        plain(&format!("binaries: {{ app: {{ {entry} }} }}"));
    }
}

#[test]
fn first_runs_by_executable() {
    let check = |smoke: &str| {
        let plan = plain(&format!("{ONE}binaries: {{ tool: {{ {smoke} }} }}"));
        plan.steps.into_iter().find_map(|step| match step.work {
            Work::Check(work) => Some((work.smoke.join(" "), work.programs.len(), work.assumed)),
            _ => None,
        })
    };
    assert_eq!(check(""), Some(("--version".into(), 0, true)));
    assert_eq!(check("smoke: [version, -s]"), Some(("version -s".into(), 0, false)));
    assert_eq!(check("smoke: { tool: version }"), Some(("--version".into(), 1, true)));
    assert_eq!(check("smoke: { tool: version, tool-helper: false }"), Some(("--version".into(), 2, false)));
    assert_eq!(check("smoke: { tool: false, tool-helper: false }"), None);
    assert_eq!(check("smoke: false"), None);
    let typo = format!("{ONE}binaries: {{ tool: {{ smoke: {{ tol: version }} }} }}");
    assert_eq!(codes(&typo, &facts(), &Request::default()), ["unknown-bin"]);
}

#[test]
fn without_a_lock_file_in_the_commit_nothing_is_locked_and_that_is_said() {
    let mut facts = facts();
    for package in &mut facts.packages {
        (package.lock, package.locked) = (None, None);
    }
    let check = |yaml: &str, locked: bool, notes: usize, problems: usize| {
        let plan = planned(&format!("{ONE}{yaml}"), &facts, &Request::default()).unwrap();
        let all = plan.steps.iter().filter_map(|step| match &step.work {
            Work::Binary(work) => Some(work.locked),
            _ => None,
        });
        assert!(all.clone().all(|one| one == locked), "{yaml}: {:?}", all.collect::<Vec<_>>());
        let said = plan.assumed.iter().filter(|note| note.starts_with("`Cargo.lock` is not in the commit"));
        assert_eq!(
            (said.count(), locked::broken(&plan, &facts).len()),
            (notes, problems),
            "{yaml}: {:?}",
            plan.assumed
        );
    };
    check("", false, 1, 0);
    check("binaries: { app: { locked: true } }", true, 0, 1);
    check("binaries: { app: { locked: false } }", false, 0, 0);
    check("defaults: { binaries: { locked: false } }", false, 0, 0);
}
