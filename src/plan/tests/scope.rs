//! Which steps are in a plan, and what it says of the others.

use super::*;
use crate::step_id::StepKind;

#[test]
fn a_host_says_what_it_leaves_to_others() {
    let yaml = "targets: [x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu]\nbinaries: { app: {} }\narchives: false\n\
        images: { app: { flavors: [debian, alpine] } }\n";
    let musl: Target = "x86_64-unknown-linux-musl".parse().unwrap();
    let host = Request { host: Some(linux()), ..Request::default() };
    let plan = planned(yaml, &facts(), &host).unwrap();
    let left = |plan: &Plan| -> Vec<String> {
        let one = |one: &NotMade| {
            format!("{} for {}: {}", one.counts(), one.needed(), one.of(StepKind::Image).last().unwrap())
        };
        plan.scope.not_made.iter().map(one).collect()
    };
    let arm = [
        "1 image for aarch64-unknown-linux-gnu: image.app.debian.linux-arm64",
        "1 image for aarch64-unknown-linux-musl: image.app.alpine.linux-arm64",
    ];
    let expected = [arm[0], "1 image for x86_64-unknown-linux-musl: image.app.alpine.linux-amd64", arm[1]];
    assert_eq!(left(&plan), expected);
    let mut ids: Vec<_> = plan.scope.not_made.iter().flat_map(|one| &one.steps).collect();
    ids.sort();
    let mut out: Vec<_> = plan.scope.left_out.iter().collect();
    out.sort();
    assert_eq!(ids, out, "each in one group");
    // The same on every machine of this triple: nobody looks for tools.
    assert_eq!(planned(yaml, &facts(), &host).unwrap().digest(), plan.digest());

    let also = Request { also: vec![musl], ..host.clone() };
    let plan = planned(yaml, &facts(), &also).unwrap();
    assert_eq!(left(&plan), arm);
    assert!(plan.step("image.app.alpine.linux-amd64").is_some());
    let unknown = Request { also: vec!["x86_64-pc-windows-msvc".parse().unwrap()], ..host.clone() };
    assert_eq!(codes(yaml, &facts(), &unknown), ["unknown-also"]);

    // Nobody asked for the others.
    let only = Request { only: vec!["image.app.debian.linux-amd64".into()], ..host.clone() };
    assert_eq!(left(&planned(yaml, &facts(), &only).unwrap()), [""; 0]);
    let only = Request { only: vec!["image.app.alpine.linux-amd64".into()], ..host };
    let problems = planned(yaml, &facts(), &only).unwrap_err();
    assert_eq!(problems[0].code, "nothing-for-host");
    assert!(problems[0].message.contains("need x86_64-unknown-linux-musl"), "{}", problems[0].message);
    assert!(problems[0].hint.as_ref().unwrap().contains("--also x86_64-unknown-linux-musl"));
    assert!(planned(yaml, &facts(), &Request::default()).unwrap().scope.not_made.is_empty());
}

#[test]
fn scopes() {
    let ids = |request: &Request| -> Vec<String> {
        let plan = planned("", &facts(), request).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert!(plan.only_loopback().is_some(), "only a whole release becomes public");
        plan.steps.iter().map(|step| step.id.to_string()).collect()
    };
    let host = ids(&Request { host: Some(linux()), ..Request::default() });
    assert!(host.iter().all(|id| id.ends_with("x86_64-unknown-linux-gnu") || id == "checksums.project"), "{host:?}");
    assert_eq!(host.len(), 7);
    let supplied = BTreeSet::from(["app.exe", "tool.exe"].map(|name| format!("{}/{name}", DEFAULT[4])));
    let more = ids(&Request { host: Some(linux()), prebuilt: supplied, ..Request::default() });
    assert!(more.contains(&"archive.app.x86_64-pc-windows-msvc".to_owned()), "{more:?}");
    assert!(!more.contains(&"archive.tool.x86_64-pc-windows-msvc".to_owned()), "`tool-helper.exe` was not brought");
    let only = ids(&Request { only: vec!["archive.app.aarch64-apple-darwin".into()], ..Request::default() });
    let expected = [
        "binary.app.aarch64-apple-darwin",
        "check.smoke.app.aarch64-apple-darwin",
        "archive.app.aarch64-apple-darwin",
        "checksums.project",
    ];
    assert_eq!(only, expected);
    let glob = ids(&Request { only: vec!["*.tool.*-darwin".into()], ..Request::default() });
    assert!(glob.iter().all(|id| id.contains("tool") || id.starts_with("checksums")), "{glob:?}");
    assert_eq!(
        codes("", &facts(), &Request { only: vec!["archives".into()], ..Request::default() })[0],
        "unknown-step"
    );
}
