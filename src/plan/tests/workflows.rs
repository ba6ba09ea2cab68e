//! Workflows: which workflow file carries out and publishes which steps.

use super::*;

const TWO: &str = "publish: { pypi: {} }\nwheels: { py: {} }\n\
                   workflows: { programs.yml: { publish: github }, python.yml: { publish: pypi.py } }";

fn with_wheel() -> Facts {
    let module = package("py", &[]);
    let python = PythonProject {
        pyproject: "py/pyproject.toml".into(),
        manifest: module.manifest.clone(),
        name: Some("py".into()),
        crates: with_pyo3(&module.manifest, &["abi3-py310"]),
        ..Default::default()
    };
    let mut facts = facts();
    facts.packages.push(module);
    facts.python.push(python);
    facts
}

fn two(request: &Request) -> Plan {
    planned(TWO, &with_wheel(), request).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn workflow<'p>(plan: &'p Plan, file: &str) -> &'p Workflow {
    plan.workflow(Some(file)).unwrap().unwrap()
}

#[test]
fn one_file_carries_out_everything() {
    let plan = plain("");
    let [workflow] = plan.workflows.as_slice() else { panic!("{:?}", plan.workflows) };
    assert_eq!((workflow.file.as_str(), workflow.stem()), ("release.yml", "release"));
    assert_eq!(workflow.steps.len(), plan.steps.len());
    assert_eq!(workflow.destinations, ["github"]);
    assert!(plan.coordination().is_none());
}

#[test]
fn each_file_has_its_share_and_what_that_needs() {
    let plan = two(&Request::default());
    let kinds = |file: &str| -> BTreeSet<&str> {
        workflow(&plan, file).steps.iter().map(|id| id.kind().words().split('.').next().unwrap()).collect()
    };
    assert_eq!(kinds("programs.yml"), ["archive", "binary", "check", "checksums"].into());
    assert_eq!(kinds("python.yml"), ["check", "sdist", "wheel"].into());
    let all: BTreeSet<_> = plan.workflows.iter().flat_map(|workflow| &workflow.steps).collect();
    assert_eq!(all.len(), plan.steps.len(), "a step that no file carries out");
    let (destination, coordinating) = plan.coordination().unwrap();
    assert_eq!((destination.name.as_str(), coordinating.file.as_str()), ("github", "programs.yml"));
    for step in plan.steps.iter().filter(|step| !step.publish.is_empty()) {
        let files: Vec<&Workflow> = plan
            .workflows
            .iter()
            .filter(|workflow| step.publish.iter().any(|to| workflow.publishes(to, step)))
            .collect();
        assert_eq!(files.len(), 1, "{}", step.id);
    }
}

#[test]
fn a_file_with_nothing_to_do_is_idle() {
    let plan = two(&Request { only: vec!["archive".into()], ..Request::default() });
    assert_eq!(plan.workflows.len(), 1);
    assert_eq!(plan.idle, ["python.yml"]);
    assert!(plan.is_idle(Some("python.yml")) && !plan.is_idle(Some("programs.yml")) && !plan.is_idle(None));
    assert_eq!(plan.workflow(Some("python.yml")).unwrap_err().code, "idle-workflow");
    assert_eq!(plan.workflow(Some("pyhton.yml")).unwrap_err().code, "unknown-workflow");
    assert!(matrix::matrix(&plan, 2, Some("python.yml")).unwrap().include.is_empty());
    assert!(matrix::matrix(&plan, 2, Some("pyhton.yml")).is_err());
}

#[test]
fn what_nobody_publishes_is_built_and_verified_all_the_same() {
    let yaml = format!(
        "binaries: {{ app: {{}} }}\narchives: {{ app: {{ publish: false }}, tool: {{ binaries: app }} }}\n{TWO}"
    );
    let plan = planned(&yaml, &with_wheel(), &Request::default()).unwrap();
    let first = workflow(&plan, "programs.yml");
    assert!(first.steps.iter().any(|id| id.starts_with("archive.app.")), "{:?}", first.steps);
    assert!(workflow(&plan, "python.yml").steps.iter().all(|id| !id.starts_with("archive.")));
}

#[test]
fn a_machine_for_each_thing_compiled() {
    let jobs = |split: &str| -> Vec<String> {
        let yaml = format!("targets: x86_64-unknown-linux-gnu\nworkflows: {{ release.yml: {{ split: {split} }} }}");
        plain(&yaml).jobs.into_iter().map(|job| format!("{} {}", job.id, job.steps.len())).collect()
    };
    assert_eq!(jobs("target"), ["x86_64-unknown-linux-gnu 6"]);
    assert_eq!(jobs("step"), ["app-x86_64-unknown-linux-gnu 3", "tool-x86_64-unknown-linux-gnu 3"]);
}

#[test]
fn shares_that_cannot_be() {
    let check = |publish: &str, workflows: &str, expected: &[&str]| {
        let yaml = format!("wheels: {{ py: {{}} }}\npublish: {publish}\nworkflows: {workflows}");
        assert_eq!(codes(&yaml, &with_wheel(), &Request::default()), expected, "{yaml}");
    };
    check("{ pypi: {} }", "{ a.yml: { publish: github } }", &["in-no-workflow"]);
    check("{ pypi: {} }", "{ a.yml: {}, b.yml: { publish: pypi } }", &["published-twice"]);
    check(
        "{ pypi: {} }",
        "{ a.yml: { publish: [github.app, pypi] } }",
        &["split-release", "in-no-workflow", "in-no-workflow", "in-no-workflow"],
    );
    check("{ pypi: {} }", "{ a.yml: { publish: github }, a.yaml: { publish: pypi } }", &["equal-entries"]);
    check("{ pypi: { environment: other } }", "{ a.yml: {} }", &["two-environments"]);
    check(
        "{ github: { when: stable }, pypi: {} }",
        "{ a.yml: { publish: github }, b.yml: { publish: pypi } }",
        &["no-coordination"],
    );
}

#[test]
fn a_distribution_that_is_not_released_needs_no_version() {
    let mut facts = with_wheel();
    facts.packages[0].version = "1.2.3-nightly.1".parse().unwrap();
    facts.packages[0].locked = None;
    facts.tags = vec![Tag { name: "app-v1.2.3-nightly.1".into(), commit: HEAD.into(), distance: Some(0) }];
    let yaml = "components: { app: {}, py: {} }\nwheels: { py: {} }\npublish: { github: {}, pypi: {} }";
    let plan = planned(yaml, &facts, &Request::default()).unwrap();
    assert!(plan.steps.iter().all(|step| step.component == "app"), "{:?}", plan.steps);
    facts.tags[0].name = "py-v1.2.3-nightly.1".into();
    assert!(codes(yaml, &facts, &Request::default()).contains(&"bad-python-version"));
}

#[test]
fn no_release_in_particular() {
    let request = Request { every_release: true, ..Request::default() };
    let mut facts = with_wheel();
    facts.packages[0].version = "9.9.9".parse().unwrap();
    let plan = planned(TWO, &facts, &request).unwrap();
    assert_eq!(plan.origin, Origin::Snapshot, "nothing of it becomes public");
    // Each destination takes part, whenever it is written for; it stays written so.
    let yaml = "publish: { github: {}, pypi: { when: prerelease } }\nwheels: { py: {} }";
    let plan = planned(yaml, &facts, &request).unwrap();
    assert!(
        plan.destinations.iter().any(|one| one.name == "pypi" && one.when == crate::destination::When::Prerelease),
        "{plan:?}"
    );
    assert!(plan.workflows[0].goes_to("pypi"));
}
