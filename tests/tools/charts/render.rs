//! The check that has Helm lint and render a chart: red where Helm or the chart's own images say so, and only there.

use std::process::Output;

use crate::chart_case::{Case, must, said};
use crate::project::Project;
use crate::tools;

/// What verify says after a build with Helm on PATH, and with the files of `more` in the chart.
fn verified(name: &str, more: &[(&str, &str)]) -> (i32, String) {
    let case = Case::new(name);
    let project = case.project();
    if !more.is_empty() {
        for (path, text) in more {
            let at = project.folder().join(path);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, text).unwrap();
        }
        let tag = case.tag();
        must(&project, &format!("git add -A && git commit -qm more && git tag -f {tag}"));
    }
    assert!(tools().join("bin/helm").exists(), "`helm` is missing: run `make tools`");
    // A check that fails ends the build, too.
    let build = with_helm(&project, &format!("longshore plan -q --tag {0} && longshore build -q --all", case.tag()));
    let verify = with_helm(&project, "longshore verify");
    assert_eq!(build.status.success(), verify.status.success(), "{}", said(&build));
    (verify.status.code().unwrap(), format!("{}{}", said(&build), said(&verify)))
}

fn with_helm(project: &Project, line: &str) -> Output {
    project.sh(&format!("export PATH={}/bin:$PATH; {line}", tools().display()))
}

#[track_caller]
fn check(name: &str, more: &[(&str, &str)], exit: i32, says: &str) {
    let (code, text) = verified(name, more);
    assert_eq!(code, exit, "{name}: {text}");
    assert!(text.contains(says), "{name}: `{says}` is not in\n{text}");
}

#[test]
fn cases_that_helm_refuses() {
    check("schema-against-our-tag", &[], 3, "tag");
    check("chart-appversion-number-unchanged", &[], 3, "appVersion");
}

#[test]
fn images_that_are_not_of_the_release() {
    let template = |image: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{ name: one }}\nspec: {{ containers: [{{ image: {image} }}] }}\n"
        )
    };
    let with = |image: &str, exit: i32, says: &str| {
        check("yaml-flow", &[("charts/app/templates/pod.yaml", &template(image))], exit, says);
    };
    with("registry.example.com/pier/api:1.4.0", 0, "");
    with("'Not A Reference'", 3, "is not a reference of an image");
}

/// Helm and Kubernetes take the last of two equal keys: such a document is installed, so its images count.
#[test]
fn images_beside_keys_that_are_written_twice() {
    let template = "apiVersion: v1\nkind: Pod\nmetadata: { name: one, labels: { a: b, a: b } }\nspec:\n  \
                    containers: [{ image: 'Not A Reference' }]\n";
    check("yaml-flow", &[("charts/app/templates/pod.yaml", template)], 3, "is not a reference of an image");
}

#[test]
fn cases_that_only_look_wrong() {
    for name in
        ["render-sentinel", "chart-library", "chart-kubeversion-range", "chart-unknown-fields", "yaml-anchor-shared"]
    {
        check(name, &[], 0, "");
    }
}
