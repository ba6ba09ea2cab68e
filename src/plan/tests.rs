//! What is decided: a configuration and facts in, a few words of the plan out.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::config;
use crate::facts::python::PythonProject;
use crate::facts::python::crates::with_pyo3;
use crate::facts::{Facts, Head, Package, Remote, Tag, TreeFile, TreeKind};
use crate::problem::Problem;
use crate::target::{DEFAULT, Target};

mod builds;
mod links;
mod said;
mod scope;
mod workflows;

const HEAD: &str = "1111111111111111111111111111111111111111";
const OLDER: &str = "2222222222222222222222222222222222222222";

pub fn package(name: &str, bins: &[&str]) -> Package {
    Package {
        name: name.into(),
        version: "1.2.3".parse().unwrap(),
        description: None,
        license: None,
        license_file: None,
        manifest: format!("crates/{name}/Cargo.toml"),
        workspace: "Cargo.toml".into(),
        bins: bins.iter().map(ToString::to_string).collect(),
        sources: BTreeMap::new(),
        features: vec!["tls".into()],
        enables: BTreeMap::new(),
        required: BTreeMap::new(),
        publish: true,
        is_default: true,
        locked: Some("1.2.3".parse().unwrap()),
        lock: Some("Cargo.lock".into()),
    }
}

fn file(path: &str) -> TreeFile {
    TreeFile { path: path.into(), kind: TreeKind::File }
}

/// A workspace of `app` and `tool` on GitHub, tagged v1.2.3.
fn facts() -> Facts {
    let mut files = ["LICENSE", "README.md", "docs/a.md", "docs/deep/b.md"].map(file).to_vec();
    files.push(TreeFile { path: "docs/link".into(), kind: TreeKind::Symlink("a.md".into()) });
    files.push(TreeFile { path: "escape".into(), kind: TreeKind::Symlink("../outside".into()) });
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Facts {
        folder: "folder".into(),
        remote: Some(Remote { host: "github.com".into(), owner: "o".into(), name: "project".into() }),
        head: Head { commit: HEAD.into(), time: 1_700_000_000, ..Head::default() },
        tags: vec![Tag { name: "v1.2.3".into(), commit: HEAD.into(), distance: Some(0) }],
        files,
        packages: vec![package("app", &["app"]), package("tool", &["tool", "tool-helper"])],
        ..Facts::default()
    }
}

fn planned(yaml: &str, facts: &Facts, request: &Request) -> Result<Plan, Vec<Problem>> {
    match config::parse("longshore.yaml", &format!("longshore: 1\n{yaml}"), &[]) {
        Ok((config, _)) => plan(&config, facts, request),
        Err((source, all)) => panic!("{}", source.render(&all, false)),
    }
}

fn plain(yaml: &str) -> Plan {
    planned(yaml, &facts(), &Request::default()).unwrap_or_else(|problems| panic!("{yaml}: {problems:?}"))
}

fn codes(yaml: &str, facts: &Facts, request: &Request) -> Vec<&'static str> {
    match planned(yaml, facts, request) {
        Ok(plan) => panic!("{yaml}: {} steps, no problem", plan.steps.len()),
        Err(problems) => problems.iter().map(|problem| problem.code).collect(),
    }
}

fn published(plan: &Plan) -> Vec<&str> {
    let steps = plan.steps.iter().filter(|step| !step.publish.is_empty());
    steps.flat_map(|step| step.outputs()).collect()
}

fn linux() -> Target {
    DEFAULT[0]
}

const ONE: &str = "targets: x86_64-unknown-linux-gnu\n";

#[test]
fn names_of_files() {
    let check =
        |yaml: &str, expected: &[&str]| assert_eq!(published(&plain(&format!("{ONE}{yaml}"))), expected, "{yaml}");
    let sums = "SHA256SUMS";
    check("", &["app-x86_64-unknown-linux-gnu.tar.gz", "tool-x86_64-unknown-linux-gnu.tar.gz", sums]);
    check("archives: { tool: false }", &["app-x86_64-unknown-linux-gnu.tar.gz", sums]);
    check(
        "archives: { all: { binaries: [app, tool], file: \"{name}-{version}-{goarch}\" } }",
        &["all-1.2.3-amd64.tar.gz", sums],
    );
    check(
        "archives: { app: { formats: [zip, tar.zst] }, tool: false }",
        &["app-x86_64-unknown-linux-gnu.zip", "app-x86_64-unknown-linux-gnu.tar.zst", sums],
    );
    check(
        "archives: { app: false, tool: { formats: binary, file: \"{binary}-{os}\" } }",
        &["tool-linux", "tool-helper-linux", sums],
    );
    check("binaries: { App: { package: app } }", &["App-x86_64-unknown-linux-gnu.tar.gz", sums]);
    check("archives: false\nassets: { ui: { files: docs, file: \"ui-{version}.zip\" } }", &["ui-1.2.3.zip", sums]);
    check(
        "archives: { tool: false }\npublish: { github: { checksums: sums.txt } }",
        &["app-x86_64-unknown-linux-gnu.tar.gz", "sums.txt"],
    );
}

#[test]
fn steps_stand_after_what_they_need() {
    let plan = plain("assets: { ui: { files: docs, file: ui.zip } }\narchives: { app: { include: docs } }");
    for (index, step) in plan.steps.iter().enumerate() {
        for need in &step.needs {
            assert!(plan.steps[..index].iter().any(|other| other.id == *need), "{} before {need}", step.id);
        }
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        assert!(step.id.len() <= 100 && step.id.chars().all(legal), "{}", step.id);
    }
    assert_eq!(plan.jobs.iter().filter(|job| job.wave == 1).count(), 1, "assets are a wave of their own");
    assert!(plan.jobs.iter().filter(|job| job.wave == 2).all(|job| !job.needs.is_empty()));
}

#[test]
fn what_goes_into_an_archive() {
    let check = |include: &str, expected: &[&str]| {
        let plan = plain(&format!("{ONE}archives: {{ tool: false, app: {{ {include} }} }}"));
        let Some(Work::Archive(work)) = plan.step("archive.app.x86_64-unknown-linux-gnu").map(|step| step.work.clone())
        else {
            panic!("no archive")
        };
        let executables = work.executables.iter().map(|member| member.path.clone());
        let all: Vec<String> = executables.chain(work.files.iter().map(|file| file.path.clone())).collect();
        assert_eq!(all, expected, "{include}");
    };
    check("", &["app", "LICENSE", "README.md"]);
    check("include: []", &["app"]);
    check("include: docs", &["app", "docs/a.md", "docs/deep/b.md", "docs/link"]);
    check("include: \"docs/*.md\"", &["app", "docs/a.md"]);
    check(
        "include: { from: docs, to: share/doc }",
        &["app", "share/doc/a.md", "share/doc/deep/b.md", "share/doc/link"],
    );
    check(
        "include: { from: README.md, to: READ.ME }, directory: \"{name}-{version}\"",
        &["app-1.2.3/app", "app-1.2.3/READ.ME"],
    );
}

#[test]
fn archives_differ_by_target() {
    let yaml = "targets: [x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu]\narchives:\n  tool: false\n  app: { override: { \"aarch64-*\": { formats: zip, include: docs/a.md, file: \"arm-{name}\" } } }";
    let plan = plain(yaml);
    assert_eq!(published(&plan), ["app-x86_64-unknown-linux-gnu.tar.gz", "arm-app.zip", "SHA256SUMS"]);
    let Some(Work::Archive(work)) = plan.step("archive.app.aarch64-unknown-linux-gnu").map(|step| &step.work) else {
        panic!("no archive")
    };
    assert_eq!(work.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["docs/a.md"]);
}

#[test]
fn problems_have_their_codes() {
    let check = |yaml: &str, expected: &[&str]| {
        assert_eq!(codes(&format!("{ONE}{yaml}"), &facts(), &Request::default()), expected, "{yaml}")
    };
    check("binaries: { ap: {} }", &["unknown-package"]);
    check("binaries: { app: { bins: nope, features: tsl } }", &["unknown-bin", "unknown-feature"]);
    check("archives: { x: {} }", &["no-binary"]);
    check("archives: { x: { binaries: nope } }", &["unknown-binary"]);
    check("archives: { app: { include: nope } }", &["no-such-file"]);
    check("archives: { app: { include: escape } }", &["escaping-link"]);
    check("archives: { app: { include: [README.md, { from: LICENSE, to: README.md }] } }", &["same-file-name"]);
    check("archives: { app: { targets: aarch64-apple-darwin } }", &["no-target"]);
    check("archives: { app: { file: same }, tool: { file: same } }", &["same-file-name"]);
    check("archives: { tool: { formats: binary } }", &["same-file-name"]);
    check("assets: { ui: { files: \"docs/*\" } }", &["unnamed-asset"]);
    check("publish: { github: false }", &["no-destination"]);
    check("publish: { github: { notes: changelog } }", &["no-notes"]);
    check("publish: { github: { header: nope.md } }", &["no-such-file"]);
    let mut long = facts();
    long.texts.insert("docs/a.md".into(), "é".repeat(125_000));
    let notes = |more: &str| format!("{ONE}publish: {{ github: {{ header: docs/a.md, notes: false{more} }} }}");
    assert!(planned(&notes(""), &long, &Request::default()).is_ok());
    assert_eq!(codes(&notes(", footer: docs/a.md"), &long, &Request::default()), ["notes-too-long"]);
    check(
        "publish: { github: {}, mirror: { kind: github, repository: o/r, environment: other } }",
        &["two-environments"],
    );
}

/// The crate `tool` is a module for Python instead of a program.
fn module() -> Facts {
    let project = PythonProject {
        pyproject: "crates/tool/pyproject.toml".into(),
        manifest: "crates/tool/Cargo.toml".into(),
        module: "tool".into(),
        ..PythonProject::default()
    };
    Facts { packages: vec![package("tool", &[])], python: vec![project], ..facts() }
}

#[test]
fn a_module_for_python_needs_no_binary() {
    let yaml = format!("{ONE}wheels: {{ tool: {{ python: \"3.12\", sdist: false }} }}\npublish: {{ pypi: {{}} }}");
    let plan = planned(&yaml, &module(), &Request::default()).unwrap();
    assert_eq!(published(&plan), ["tool-1.2.3-cp312-cp312-manylinux_2_28_x86_64.whl"]);
    assert_eq!(codes(ONE, &module(), &Request::default()), ["no-binary"]);
}

#[test]
fn a_check_is_in_with_all_that_it_needs() {
    let yaml = format!("{ONE}wheels: {{ tool: {{ python: \"3.12\" }} }}\npublish: {{ pypi: {{}} }}");
    let check = |only: &[&str], expected: &[&str]| {
        let request = Request { only: only.iter().map(ToString::to_string).collect(), ..Request::default() };
        let plan = planned(&yaml, &module(), &request).unwrap();
        let ids: BTreeSet<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(ids, expected.iter().copied().collect(), "{only:?}");
    };
    let [wheel, sdist] = ["wheel.tool.x86_64-unknown-linux-gnu", "sdist.tool"];
    let [import, rebuild] = ["import", "sdist"].map(|kind| format!("check.{kind}.tool.x86_64-unknown-linux-gnu"));
    // Who wants the sdist gets no wheel with it.
    check(&["sdist"], &[sdist]);
    check(&["wheel"], &[wheel, &import]);
    check(&["sdist", "wheel"], &[wheel, &import, sdist, &rebuild]);
    check(&["check.sdist"], &[wheel, &import, sdist, &rebuild]);
}

#[test]
fn wheels_for_musl_are_not_imported_by_another_python() {
    let yaml = "targets: [x86_64-unknown-linux-gnu, x86_64-unknown-linux-musl]\n\
        wheels: { tool: { python: \"3.12\", sdist: false } }\npublish: { pypi: {} }";
    for machine in [None, Some(linux())] {
        let plan = planned(yaml, &module(), &Request { machine, ..Request::default() }).unwrap();
        let runs = |libc: &str| {
            let step = plan.step(&format!("check.import.tool.x86_64-unknown-linux-{libc}")).unwrap();
            matches!(&step.work, Work::Check(check) if check.not_run.is_none())
        };
        assert_eq!((runs("gnu"), runs("musl")), (true, false), "{machine:?}");
    }
}

#[test]
fn binaries_that_need_features() {
    let mut facts = facts();
    facts.packages[1].required = BTreeMap::from([("tool-helper".to_owned(), vec!["tls".to_owned()])]);
    let bins = |yaml: &str| {
        let plan = planned(&format!("{ONE}{yaml}"), &facts, &Request::default()).unwrap();
        plan.step("binary.tool.x86_64-unknown-linux-gnu").unwrap().outputs().len()
    };
    assert_eq!((bins(""), bins("binaries: { tool: { features: tls } }")), (1, 2));
    let named = format!("{ONE}binaries: {{ tool: {{ bins: tool-helper }} }}");
    assert_eq!(codes(&named, &facts, &Request::default()), ["missing-feature"]);
}

#[test]
fn versions_agree_or_every_file_is_named() {
    let mut facts = facts();
    facts.packages[1].version = "1.2.4".parse().unwrap();
    facts.packages[0].locked = Some("1.2.2".parse().unwrap());
    let problems = planned("", &facts, &Request::default()).unwrap_err();
    assert_eq!(problems[0].code, "version-mismatch");
    let rows = [
        "tag v1.2.3",
        "crates/app/Cargo.toml (app)    1.2.3",
        "Cargo.lock (app)               1.2.2",
        "crates/tool/Cargo.toml (tool)  1.2.4",
    ];
    for row in rows {
        assert!(problems[0].message.contains(row), "{row}: {}", problems[0].message);
    }
}

#[test]
fn versions_of_distributions_agree_too() {
    let check = |crate_version: &str, project: Option<&str>, tag: Option<&str>, expected: &str| {
        let module = Package { version: crate_version.parse().unwrap(), locked: None, ..package("py", &[]) };
        let python = PythonProject {
            pyproject: "py/pyproject.toml".into(),
            manifest: module.manifest.clone(),
            name: Some("py".into()),
            version: project.map(str::to_owned),
            crates: with_pyo3(&module.manifest, &["abi3-py310"]),
            ..Default::default()
        };
        let mut facts = Facts { packages: vec![module], python: vec![python], tags: Vec::new(), ..facts() };
        let tagged = tag.map(|tag| Tag { name: tag.into(), commit: HEAD.into(), distance: Some(0) });
        facts.tags.extend(tagged);
        let yaml = "binaries: false\nwheels: { py: {} }\npublish: { pypi: {} }";
        let found = match planned(yaml, &facts, &Request::default()) {
            Ok(plan) => plan.releases[0].version.to_string(),
            Err(problems) => problems[0].code.to_owned(),
        };
        assert_eq!(found, expected, "{crate_version} {project:?} {tag:?}");
    };
    // A release of nothing but a distribution has the version of its crate.
    check("1.2.0", None, None, "1.2.0");
    check("1.2.0-rc.3", Some("1.2.0rc3"), Some("v1.2.0-rc.3"), "1.2.0-rc.3");
    check("1.2.0", None, Some("v1.2.1"), "version-mismatch");
    check("1.2.0", Some("1.2.1"), Some("v1.2.0"), "version-mismatch");
    check("1.2.0-rc.3", Some("1.2.0rc2"), None, "version-mismatch");
}

#[test]
fn profiles_that_cargo_does_not_read() {
    let check = |manifest: &str, profiles: &[&str], expected: &[&str]| {
        let python = PythonProject {
            pyproject: "py/pyproject.toml".into(),
            manifest: manifest.into(),
            requires_python: Some(">=3.10".into()),
            profiles: profiles.iter().map(ToString::to_string).collect(),
            crates: with_pyo3(manifest, &["abi3-py310"]),
            ..Default::default()
        };
        let module = Package { manifest: manifest.into(), ..package("py", &[]) };
        let facts = Facts { packages: vec![module], python: vec![python], ..facts() };
        let plan = planned("wheels: { py: {} }\npublish: { pypi: {} }", &facts, &Request::default()).unwrap();
        assert_eq!(plan.assumed, expected, "{manifest} {profiles:?}");
    };
    check("Cargo.toml", &["release"], &[]);
    check("py/Cargo.toml", &[], &[]);
    let note =
        "`[profile.release]` in py/Cargo.toml has no effect: cargo reads profiles in Cargo.toml, that of the workspace";
    check("py/Cargo.toml", &["release"], &[note]);
}

#[test]
fn which_release() {
    let tag = |name: &str, commit: &str, distance| Tag { name: name.into(), commit: commit.into(), distance };
    let check = |tags: &[Tag], request: &Request, expected: Result<&str, &str>| {
        let facts = Facts { tags: tags.to_vec(), ..facts() };
        let found = planned("", &facts, request).map(|plan| format!("{} {:?}", plan.releases[0].tag, plan.origin));
        let found = found.map_err(|problems| problems[0].code);
        assert_eq!(found.as_deref().map_err(|code| *code), expected, "{tags:?}");
    };
    let ask = Request::default();
    let snapshot = Request { snapshot: true, ..Request::default() };
    let strict = Request { without_tag: WithoutTag::Refuse, ..Request::default() };
    let named = |name: &str| Request { tags: vec![name.into()], ..Request::default() };
    check(&[tag("v1.2.3", HEAD, Some(0))], &ask, Ok("v1.2.3 Tag"));
    check(&[tag("other-1.2.3", HEAD, Some(0))], &ask, Ok("v1.2.3 Assumed"));
    check(&[], &ask, Ok("v1.2.3 Assumed"));
    check(&[], &strict, Err("no-tag"));
    check(&[tag("v1.2.3", OLDER, Some(2))], &named("v1.2.3"), Err("wrong-commit"));
    check(&[], &named("1.2.3"), Err("unknown-tag"));
    check(&[tag("v1.2.3", HEAD, Some(0)), tag("v1.2.3-rc.1", HEAD, Some(0))], &ask, Err("several-tags"));
    check(&[tag("v1.2.3", OLDER, Some(4)), tag("v1.9.0-x", OLDER, None)], &snapshot, Ok("v1.2.4-dev.4 Snapshot"));
    check(&[tag("v1.1.0", OLDER, Some(4))], &snapshot, Ok("v1.2.3-dev.4 Snapshot"));
    check(&[], &snapshot, Ok("v1.2.3-dev.0 Snapshot"));
}

#[test]
fn a_dirty_tree_is_never_released() {
    let mut facts = facts();
    facts.head.dirty = vec!["README.md".into()];
    let strict = Request { without_tag: WithoutTag::Refuse, ..Request::default() };
    assert_eq!(codes("", &facts, &strict), ["dirty-tree"]);
    let plan = planned("", &facts, &Request::default()).unwrap();
    assert!(plan.dirty && plan.only_loopback().is_some());
    assert_eq!(plain("").only_loopback(), None);
}

#[test]
fn one_machine_runs_the_checks_it_can() {
    let request = Request { machine: Some(linux()), ..Request::default() };
    let plan = planned("", &facts(), &request).unwrap();
    assert_eq!(plan.only_loopback(), None, "it is the whole release all the same");
    for step in &plan.steps {
        if let Work::Check(check) = &step.work {
            assert_eq!(check.not_run.is_none(), step.target == Some(linux()), "{}", step.id);
        }
    }
}

#[test]
fn components_have_releases_of_their_own() {
    let yaml = "components: [app, tool]";
    let mut facts = facts();
    facts.tags = vec![Tag { name: "tool-v1.2.3".into(), commit: HEAD.into(), distance: Some(0) }];
    let plan = planned(yaml, &facts, &Request::default()).unwrap();
    assert_eq!(plan.releases.iter().map(|release| release.tag.as_str()).collect::<Vec<_>>(), ["tool-v1.2.3"]);
    assert!(!plan.releases[0].latest && plan.steps.iter().all(|step| step.component == "tool"));
    facts.tags.push(Tag { name: "app-v1.2.3".into(), commit: HEAD.into(), distance: Some(0) });
    assert_eq!(codes(yaml, &facts, &Request::default()), ["several-tags"]);
    let both = Request { tags: vec!["app-v1.2.3".into(), "tool-v1.2.3".into()], ..Request::default() };
    assert_eq!(planned(yaml, &facts, &both).unwrap().releases.len(), 2);
    // `check` looks at all of them, whatever tags are there.
    let every = Request { every_component: true, ..Request::default() };
    let tags = |facts: &Facts| {
        let plan = planned(yaml, facts, &every).unwrap();
        plan.releases.into_iter().map(|release| release.tag).collect::<Vec<_>>()
    };
    assert_eq!(tags(&facts), ["app-v1.2.3", "tool-v1.2.3"]);
    facts.tags[0].name = "tool-v1.2.2".into();
    facts.tags.push(Tag { name: "tool-v1.2.3".into(), ..facts.tags[0].clone() });
    facts.tags.retain(|tag| !tag.name.starts_with("app"));
    assert_eq!(tags(&facts), ["app-v1.2.3", "tool-v1.2.3"]);
    facts.tags.retain(|tag| tag.name == "tool-v1.2.2");
    assert_eq!(codes(yaml, &facts, &every), ["version-mismatch"]);
}

#[test]
fn a_component_may_be_made_of_another() {
    let yaml = "components: [app, tool]\nassets: { ui: { files: docs, file: \"ui-{version}.zip\" } }\n\
        archives: { app: { binaries: [app, tool], include: [docs] } }";
    let mut facts = facts();
    facts.tags = vec![Tag { name: "app-v1.2.3".into(), commit: HEAD.into(), distance: Some(0) }];
    let plan = planned(yaml, &facts, &Request::default()).unwrap();
    assert_eq!(plan.releases.iter().map(|release| release.tag.as_str()).collect::<Vec<_>>(), ["app-v1.2.3"]);
    let step = |id: &str| plan.step(id).unwrap_or_else(|| panic!("no {id}"));
    let archive = step("archive.app.x86_64-unknown-linux-gnu");
    assert_eq!(
        archive.needs.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
        ["binary.app.x86_64-unknown-linux-gnu", "binary.tool.x86_64-unknown-linux-gnu", "asset.ui"]
    );
    let (tool, ui) = (step("binary.tool.x86_64-unknown-linux-gnu"), step("asset.ui"));
    assert_eq!((tool.component.as_str(), ui.component.as_str()), ("tool", ""));
    // What is needed is made and not published; the version in its name is that of what it is made for.
    assert!(ui.publish.is_empty() && ui.outputs() == ["ui-1.2.3.zip"], "{ui:?}");
    assert!(plan.step("archive.tool.x86_64-unknown-linux-gnu").is_none());
    assert!(plan.step("check.smoke.tool.x86_64-unknown-linux-gnu").is_some(), "what is made is proved");
}

#[test]
fn one_machine_per_runner_container_and_target() {
    let yaml = "binaries: { app: {}, tool: {}, rocky: { package: app, targets: x86_64-unknown-linux-gnu, container: \"rockylinux:9\" } }";
    let plan = plain(yaml);
    let jobs: Vec<&str> = plan.jobs.iter().map(|job| job.id.as_str()).collect();
    let mut expected: Vec<&str> = DEFAULT.iter().map(|target| target.triple()).collect();
    expected.push("x86_64-unknown-linux-gnu-rockylinux-9");
    assert_eq!(jobs, expected);
    let rows = matrix::matrix(&plan, 2, None).unwrap();
    assert_eq!(rows.include[5].container, "rockylinux:9");
    assert!(rows.to_string().len() < 128 * 1024 / 10);
    assert_eq!(matrix::matrix(&plan, 2, Some("other.yml")).unwrap_err().code, "unknown-workflow");
}

#[test]
fn notes_of_a_release() {
    let check = |texts: &[(&str, &str)], yaml: &str, expected: (&str, bool)| {
        let texts = texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let plan = planned(yaml, &Facts { texts, ..facts() }, &Request::default()).unwrap();
        let DestinationKind::Github(github) = &plan.destinations[0].kind else { panic!("no GitHub destination") };
        assert_eq!((github.pages[0].body.as_str(), github.pages[0].generated), expected, "{yaml}");
    };
    let changelog = ("CHANGELOG.md", "# Changelog\n\n## [1.2.3] - 2026-01-01\n\n- better\n\n## [1.2.2]\n\n- good\n");
    check(&[changelog], "", ("- better", false));
    check(&[], "", ("{generated}", true));
    check(&[changelog], "publish: { github: { notes: github } }", ("{generated}", true));
    check(&[changelog, ("h.md", "# H\n")], "publish: { github: { header: h.md } }", ("# H\n\n- better", false));
    check(&[changelog], "publish: { github: { notes: false } }", ("", false));
}

#[test]
fn same_inputs_same_bytes_and_it_reads_back() {
    let (one, two) = (plain(""), plain(""));
    assert_eq!(one.digest(), two.digest());
    let text = String::from_utf8(one.to_json()).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), one);
    assert!(
        !text.contains(env!("CARGO_PKG_VERSION")) || env!("CARGO_PKG_VERSION") == "1.2.3",
        "no version of the tool"
    );
}

#[test]
fn every_step_explains_itself() {
    let plan = plain("assets: { ui: { files: docs, file: ui.zip } }");
    for step in &plan.steps {
        let text = explain::explain(&plan, &step.id).unwrap();
        assert!(text.starts_with(step.id.as_str()) && text.lines().count() > 2, "{text}");
    }
    assert_eq!(explain::explain(&plan, "archive.ap").unwrap_err().code, "unknown-step");
    let graph = explain::mermaid(&plan);
    assert!(graph.starts_with("flowchart") && graph.contains("archive.app.x86_64-unknown-linux-gnu"));
}
