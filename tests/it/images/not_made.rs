//! Images that wait for another machine.

use super::*;

#[test]
fn an_image_that_this_machine_does_not_make_is_not_passed_over() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plain/in");
    let project = Project::copy(&from, "skiff");
    let yaml = "longshore: 1\ntargets: [x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu]\nbinaries: { skiff: {} }\narchives: false\n\
        images: { skiff: { platforms: [linux/amd64, linux/arm64], flavors: [debian, alpine] } }\n\
        publish: { github: false, registry: registry.example.com/me }\n";
    std::fs::write(project.folder().join("longshore.yaml"), yaml).unwrap();
    let project = project.commit();
    must(&project, "git tag v1.2.3");
    let warning = |command: &str| {
        format!(
            "warning: `image.skiff.alpine.linux-amd64` was not built: it needs x86_64-unknown-linux-musl; `{command}--also x86_64-unknown-linux-musl` builds"
        )
    };
    let said = |line: &str| text(&must(&project, line).stderr);
    let rehearsed = said("longshore rehearse");
    assert!(rehearsed.contains(&warning("")), "{rehearsed}");
    for target in ["aarch64-unknown-linux-gnu ", "aarch64-unknown-linux-musl", "x86_64-unknown-linux-musl "] {
        assert!(rehearsed.contains(&format!("\n{target}  1 image  ")), "{rehearsed}");
    }
    let verified = said("longshore verify");
    assert!(verified.contains(&warning("longshore build ")), "{verified}");
    let built: Value = serde_json::from_slice(&project.sh("longshore build --json").stdout).unwrap();
    assert_eq!(built["scope"]["not_made"][1]["target"], "x86_64-unknown-linux-musl", "{built}");
    // A stored plan of all of it: what the host does not make is said there, too.
    let built = said("longshore plan --out ../plan.json -q >/dev/null; longshore build --plan ../plan.json");
    assert!(
        built.contains("Not built 1 binary each for aarch64-unknown-linux-gnu, x86_64-unknown-linux-musl"),
        "{built}"
    );
    let done = project.sh("longshore rehearse --json --only image.skiff.alpine.linux-amd64");
    assert_eq!(problems(&done)[0].0, "nothing-for-host");

    let shown = text(&must(&project, "longshore plan --host --also x86_64-unknown-linux-musl").stdout);
    assert!(shown.contains("image.skiff.alpine.linux-amd64"), "{shown}");
}

#[test]
fn a_program_for_another_processor_is_not_started() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plain/in");
    let project = Project::copy(&from, "skiff");
    let yaml = "longshore: 1\ntargets: aarch64-unknown-linux-gnu\nbinaries: { skiff: {} }\narchives: false\n";
    std::fs::write(project.folder().join("longshore.yaml"), yaml).unwrap();
    let project = project.commit();
    must(&project, "git tag v1.2.3 && longshore plan --out ../plan.json -q > /dev/null");
    must(
        &project,
        "mkdir -p ../dist/aarch64-unknown-linux-gnu && echo no program > ../dist/aarch64-unknown-linux-gnu/skiff",
    );
    for which in ["--job aarch64-unknown-linux-gnu", "--all"] {
        let built = must(&project, &format!("longshore build --plan ../plan.json {which} --prebuilt ../dist"));
        let said = text(&built.stderr);
        let left =
            "`check.smoke.skiff.aarch64-unknown-linux-gnu` not run: this machine cannot run programs for another";
        assert!(said.contains(left), "{said}");
        let verified = project.sh("longshore verify --plan ../plan.json --json");
        assert!(problems(&verified).iter().any(|(code, _)| code == "check-missing"), "{:?}", problems(&verified));
    }
}
