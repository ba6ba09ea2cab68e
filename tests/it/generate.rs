//! `longshore generate`: what the files depend on, what is kept, what is refused.

use std::fs;

use crate::project::Project;
use crate::workflows::{ACTION, CONFIGURATIONS, files, generated, repository};

const FILE: &str = ".github/workflows/release.yml";

/// Runs a line; standard output and error together.
fn sh(project: &Project, line: &str, exit: i32) -> String {
    let done = project.sh(line);
    let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert_eq!(done.status.code(), Some(exit), "{line}: {said}");
    said
}

fn read(project: &Project, file: &str) -> String {
    fs::read_to_string(project.folder().join(file)).unwrap()
}

fn write(project: &Project, file: &str, text: &str) {
    fs::write(project.folder().join(file), text).unwrap();
}

fn plain() -> Project {
    generated("plain", "binaries: { opsml-mcp: {} }")
}

#[test]
fn every_configuration_has_short_files_that_are_fresh() {
    for (name, yaml) in CONFIGURATIONS {
        let project = generated(name, yaml);
        let files = files(&project);
        assert_eq!(files.len(), if name == "two-files" { 2 } else { 1 }, "{name}");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with('#')).count();
            assert!(lines <= 105, "{name}: {lines} lines");
            assert!(!text.contains("0.0.0"), "{name}");
        }
        sh(&project, "longshore generate --check", 0);
    }
}

#[test]
fn one_file_for_everything_is_short() {
    let yaml = read(&Project::copy(&root().join("tests/cases/opsml/in"), "all"), "longshore.yaml");
    let (all, _) = yaml.split_once("\nworkflows:").unwrap();
    let project = generated("all", all.trim_start_matches("longshore: 1\n"));
    let text = read(&project, FILE);
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#')).count();
    assert!(lines <= 150, "{lines} lines");
    assert!(text.contains("  assets:\n") && text.contains("PYPI_TOKEN") && text.contains("DOCKER_PASSWORD"), "{text}");
}

fn root() -> std::path::PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

#[test]
fn nothing_of_this_clone_or_version_changes_a_file() {
    let project = plain();
    let before = read(&project, FILE);
    let line = "git remote add origin https://github.com/somebody/elses.git && git tag v9.9.9 && git commit -q --allow-empty -m x &&
        sed -i 's/^version = .*/version = \"7.7.7\"/' Cargo.toml && mv ../plain ../moved && cd ../moved && longshore generate && mv ../moved ../plain";
    assert!(sh(&project, line, 0).contains("unchanged"));
    assert_eq!(read(&project, FILE), before);
}

/// Images from Dockerfiles: a job on a machine of each platform, after those whose results it needs.
#[test]
fn images_from_dockerfiles() {
    let (name, yaml) = CONFIGURATIONS.into_iter().find(|(name, _)| *name == "dockerfiles").unwrap();
    let project = generated(name, yaml);
    let text = read(&project, FILE);
    let jobs: Vec<&str> = text.split("\n\n").filter(|job| job.contains("\n    runs-on:")).collect();
    let of = |id: &str| *jobs.iter().find(|job| job.contains(&format!("  {id}:\n    name:"))).unwrap();
    let images = of("images");
    for part in [
        "    needs: [plan, build]\n    if: ${{ !failure() && !cancelled() && needs.plan.outputs.images }}\n",
        "matrix: \"${{ fromJSON(needs.plan.outputs.images || '{}') }}\"",
        "    runs-on: ${{ matrix.runs-on }}\n    permissions:\n      contents: read # to check out\n      packages: read",
        "        if: matrix.cache\n        with:\n          path: target/longshore/cache/engine\n          \
         key: 'longshore-engine-${{ matrix.id }}-${{ github.sha }}'\n          restore-keys: 'longshore-engine-${{ matrix.id }}-'\n",
        "needs: '${{ matrix.needs }}'",
        "        env:\n          MIRROR_TOKEN: ${{ secrets.MIRROR_TOKEN }} #",
        "\n          MIRROR_USER: ${{ secrets.MIRROR_USER }} #",
        "\n          NPM_TOKEN: ${{ secrets.NPM_TOKEN }} #",
    ] {
        assert!(images.contains(part), "{part} in {images}");
    }
    assert!(of("plan").contains("      images: ${{ steps.plan.outputs.images }}\n"), "{text}");
    assert!(of("verify").contains("    needs: [plan, build, images]\n"), "{text}");
    // Nobody else gets what builds read, and no build what publishes.
    assert_eq!((text.matches("secrets.NPM_TOKEN").count(), images.contains("HUB_")), (1, false), "{text}");
    assert!(of("publish").contains("HUB_TOKEN"), "{text}");
    let rows = |line: &str| {
        let said = project.sh(line).stdout;
        let json: serde_json::Value = serde_json::from_slice(&said).unwrap();
        let row = |row: &serde_json::Value| {
            let of = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {} {}", of("id"), of("runs-on"), of("needs"), row["cache"])
        };
        json["include"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    let expected = |cache: &str| {
        [
            "image.base.linux-amd64 ubuntu-24.04 x86_64-unknown-linux-gnu",
            "image.base.linux-arm64 ubuntu-24.04-arm ",
            "image.tool ubuntu-24.04 ",
        ]
        .map(|row| format!("{row} {cache}"))
    };
    assert_eq!(rows("longshore matrix --images --snapshot"), expected("true"));
    // No release reads a cache unless it is asked to.
    assert_eq!(rows("git tag v3.0.0 && longshore matrix --images"), expected("null"));
}

/// The same files before the first commit, where nothing is known of the clone and nothing is added yet.
#[test]
fn no_commit_is_needed() {
    let (name, yaml) = CONFIGURATIONS.into_iter().find(|(name, _)| *name == "wheels").unwrap();
    let project = generated(name, yaml);
    assert!(sh(&project, "rm -rf .git && git init -q && longshore generate", 0).contains("unchanged"));
}

#[test]
fn newer_pins_are_kept_and_no_drift() {
    let project = plain();
    let bumped = read(&project, FILE)
        .replace(
            "de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2",
            "abcdefabcdefabcdefabcdefabcdefabcdefabcd # v7.1.0",
        )
        .replace(ACTION, "9999999999999999999999999999999999999999 # v3");
    write(&project, FILE, &bumped);
    sh(&project, "longshore generate --check", 0);
    sh(&project, "longshore generate", 0);
    assert_eq!(read(&project, FILE), bumped);
    // An older one is brought up.
    write(&project, FILE, &bumped.replace("# v7.1.0", "# v5.0.0"));
    sh(&project, "longshore generate --check", 0);
    sh(&project, "longshore generate", 0);
    assert!(read(&project, FILE).contains("# v6.0.2"));
    assert!(read(&project, FILE).contains("9999999999999999999999999999999999999999 # v3"));
}

#[test]
fn a_pin_that_can_move_is_drift() {
    let project = plain();
    let file = read(&project, FILE);
    write(
        &project,
        FILE,
        &file.replacen("checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "checkout@main", 1),
    );
    assert!(sh(&project, "longshore generate --check", 8).contains("-      - uses: actions/checkout@main"));
    sh(&project, "longshore generate", 0);
    assert_eq!(read(&project, FILE), file);
}

#[test]
fn a_tag_of_the_action_that_was_asked_for_is_kept() {
    let project = repository("branch", "binaries: { opsml-mcp: {} }");
    sh(&project, "longshore generate --action-ref v0.3.1 && longshore generate --check", 0);
    sh(&project, "LONGSHORE_GITHUB_API=http://127.0.0.1:9 longshore generate", 0);
    assert!(read(&project, FILE).contains("uses: longshore-release/longshore@v0.3.1\n"));
}

#[test]
fn any_other_change_is_drift_with_a_diff() {
    let project = plain();
    let file = read(&project, FILE);
    write(&project, FILE, &file.replace("contents: read # to check out", "contents: write # why not"));
    let said = sh(&project, "longshore generate --check", 8);
    assert!(said.contains("workflow-drift") || said.contains("is out of date"), "{said}");
    assert!(said.contains("-      contents: write # why not"), "{said}");
    assert!(said.contains("+      contents: read # to check out"), "{said}");
    sh(&project, "longshore generate", 0);
    assert_eq!(read(&project, FILE), file);
    fs::remove_file(project.folder().join(FILE)).unwrap();
    assert!(sh(&project, "longshore generate --check", 8).contains("does not exist"));
}

#[test]
fn a_file_of_somebody_else_is_never_written_over() {
    let project = repository("foreign", "binaries: { opsml-mcp: {} }");
    write(&project, FILE, "name: mine\n");
    let said = sh(&project, &format!("longshore generate --action-ref {ACTION}"), 2);
    assert!(said.contains("exists and was not generated"), "{said}");
    assert!(said.contains("add `workflows: { longshore.yml: {} }` to longshore.yaml"), "{said}");
    assert_eq!(read(&project, FILE), "name: mine\n");
}

#[test]
fn a_link_out_of_the_repository_is_never_followed() {
    let check = |links: &str, link: &str| {
        let project = repository("link", "binaries: { opsml-mcp: {} }");
        sh(&project, &format!("rm -r .github && mkdir -p ../host && {links}"), 0);
        for more in ["", " --check"] {
            let said = sh(&project, &format!("longshore generate --action-ref {ACTION}{more}"), 2);
            assert!(said.contains("error[link-outside]") && said.contains(&format!("`{link}` is a link")), "{said}");
        }
        assert_eq!(sh(&project, "ls ../host", 0), "");
    };
    check("mkdir -p .github/workflows && ln -s ../../../host/new .github/workflows/release.yml", FILE);
    check("mkdir .github && ln -s ../../host .github/workflows", ".github/workflows");
    check("ln -s ../host .github", ".github");
    check("mkdir .github && ln -s ../.git/hooks .github/workflows", ".github/workflows");

    let project = repository("inside", "binaries: { opsml-mcp: {} }");
    sh(&project, "rm -r .github && mkdir -p .github kept && ln -s ../kept .github/workflows", 0);
    sh(&project, &format!("longshore generate --action-ref {ACTION}"), 0);
    assert!(read(&project, "kept/release.yml").contains("longshore"));
}

#[test]
fn a_file_that_is_named_no_more_is_said_and_kept() {
    let project = plain();
    write(&project, "longshore.yaml", "longshore: 1\nbinaries: { opsml-mcp: {} }\nworkflows: { other.yml: {} }\n");
    let said = sh(&project, &format!("longshore generate --action-ref {ACTION}"), 0);
    assert!(
        said.contains("`.github/workflows/release.yml` was generated, but is no longer in longshore.yaml"),
        "{said}"
    );
    assert!(project.folder().join(FILE).is_file());
}

#[test]
fn all_files_call_one_action() {
    let (_, yaml) = CONFIGURATIONS.into_iter().find(|(name, _)| *name == "two-files").unwrap();
    let project = generated("pins", yaml);
    let file = ".github/workflows/programs.yml";
    write(&project, file, &read(&project, file).replace(ACTION, "2222222222222222222222222222222222222222"));
    assert!(sh(&project, "longshore generate --check", 8).contains("pin the action differently"));
    assert!(sh(&project, "longshore generate", 2).contains("pin the action differently"));
    sh(&project, &format!("longshore generate --action-ref {ACTION}"), 0);
    sh(&project, "longshore generate --check", 0);
    // Also in one file.
    write(&project, file, &read(&project, file).replacen(ACTION, "2222222222222222222222222222222222222222", 1));
    assert!(sh(&project, "longshore generate --check", 8).contains("pin the action differently"));
}

#[test]
fn what_publishes_nothing_is_said() {
    let yaml = "binaries: { opsml-mcp: {} }\npublish: { pypi: {} }\n\
                workflows: { programs.yml: { publish: github }, python.yml: { publish: pypi } }";
    let said = sh(&repository("idle", yaml), &format!("longshore generate --action-ref {ACTION}"), 0);
    assert!(said.contains("`.github/workflows/python.yml` is not written: nothing is published"), "{said}");
}

#[test]
fn called_jobs_hold_the_next_one_and_have_their_own_names() {
    let yaml = "binaries: { opsml-mcp: {} }\nworkflows:\n  release.yml:\n    jobs: { after-plan: [.github/workflows/audit.yml, \
                .github/workflows/Audit.yaml], after-verify: .github/workflows/notify.yml }";
    let project = repository("called", yaml);
    sh(
        &project,
        "cp .github/workflows/audit.yml .github/workflows/Audit.yaml && git add . && git commit -qm called",
        0,
    );
    sh(&project, &format!("longshore generate --action-ref {ACTION}"), 0);
    let file = read(&project, FILE);
    let has = |text: &str| assert!(file.contains(text), "{text}: {file}");
    has("\n  after-plan-audit:\n");
    has("\n  after-plan-Audit-2:\n");
    has(
        "needs.plan.outputs.matrix && needs.after-plan-audit.result == 'success' && needs.after-plan-Audit-2.result == 'success' }}",
    );
    has(
        "if: ${{ needs.after-plan-audit.result != 'success' || needs.after-plan-Audit-2.result != 'success' }}\n        run: echo",
    );
    has(
        "if: ${{ !failure() && !cancelled() && needs.verify.result == 'success' && github.event_name != 'pull_request' }}",
    );
    has("if: ${{ needs.after-verify-notify.result != 'success' }}\n        run: echo");
}

#[test]
fn without_an_answer_the_tag_is_called_and_that_is_said() {
    let project = repository("offline", "binaries: { opsml-mcp: {} }");
    let said = sh(&project, "LONGSHORE_GITHUB_API=http://127.0.0.1:9 longshore generate", 0);
    assert!(said.contains("is not pinned"), "{said}");
    assert!(read(&project, FILE).contains("uses: longshore-release/longshore@v0\n"));
}

#[test]
fn a_file_is_for_every_release() {
    let yaml = "binaries: false\nwheels: { opsml: { manifest: py-opsml/Cargo.toml } }\n\
                publish: { github: false, pypi: { when: stable }, testpypi: { kind: pypi, index: testpypi, when: prerelease, token-env: TEST_TOKEN } }";
    let file = read(&generated("when", yaml), FILE);
    assert!(file.contains("secrets.TEST_TOKEN") && file.contains("secrets.PYPI_TOKEN"), "{file}");
}

#[test]
fn a_reference_cannot_bring_yaml_along() {
    let project = repository("reference", "binaries: { opsml-mcp: {} }");
    let said = sh(&project, "longshore generate --action-ref 'v1\n      - run: id'", 2);
    assert!(said.contains("is not a commit, branch or tag"), "{said}");
    let done = sh(&project, "longshore generate --action-ref ./ && longshore generate --check", 0);
    assert!(!done.contains("not pinned"), "{done}");
    let file = read(&project, FILE);
    assert_eq!((file.matches("uses: ./ #").count(), file.matches("fallback: cargo").count()), (4, 4), "{file}");
}

#[test]
fn bad_entries_of_workflows() {
    let check = |workflows: &str, expected: &str| {
        let yaml = format!(
            "binaries: {{ opsml-mcp: {{}} }}\nwheels: {{ opsml: {{ manifest: py-opsml/Cargo.toml }} }}\npublish: {{ pypi: {{}} }}\nworkflows: {workflows}"
        );
        let said = sh(&repository("bad", &yaml), "longshore generate", 2);
        assert!(said.contains(expected), "{workflows}: {said}");
    };
    check("{ a.yml: { publish: github } }", "no workflow file publishes `pypi.opsml`");
    check("{ a.yml: { publish: github }, b.yml: {} }", "`github.opsml-mcp` is published by a.yml and b.yml");
    check("{ a.yml: { publish: [github, pipy] } }", "no destination is called `pipy`");
    check("{ a.yml: { publish: github.opsml-mcp } }", "is made by one workflow file");
    check("{ sub/a.yml: {} }", "is not a valid name of a workflow file");
    check("{ a.txt: {} }", "is not a valid name of a workflow file");
    check("{ a.yml: { setup: .github/actions/nothing } }", "is not a composite action");
    check("{ a.yml: { jobs: { after-plan: .github/workflows/nothing.yml } } }", "does not exist");
    check("{ a.yml: { jobs: { after-plan: ../up.yml } } }", "is not a reusable workflow");
    check("{ a.yml: { jobs: { later: .github/workflows/notify.yml } } }", "unknown key");
    check("{ a.yml: { pull-request: maybe } }", "maybe");
}

#[test]
fn files_that_publish_one_version_need_a_place_to_meet() {
    let yaml = "binaries: false\nwheels: { opsml: { manifest: py-opsml/Cargo.toml }, opsml-client: { manifest: py-opsml/Cargo.toml } }\n\
                publish: { github: false, pypi: {} }\nworkflows: { a.yml: { publish: pypi.opsml }, b.yml: { publish: pypi.opsml-client } }";
    assert!(
        sh(&repository("alone", yaml), "longshore generate", 2)
            .contains("there is no `github` destination to coordinate through")
    );
    let yaml = "binaries: { opsml-mcp: {} }\nwheels: { opsml: { manifest: py-opsml/Cargo.toml } }\n\
                publish: { github: { when: stable }, pypi: {} }\nworkflows: { a.yml: { publish: github }, b.yml: { publish: pypi } }";
    assert!(
        sh(&repository("seldom", yaml), "longshore generate", 2)
            .contains("there is no `github` destination to coordinate through")
    );
}

#[test]
fn our_own_workflows_are_fresh() {
    let done = crate::project::program(crate::project::LONGSHORE)
        .arg("-C")
        .arg(root())
        .args(["generate", "--check"])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn our_own_first_tag_needs_nothing_that_cannot_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!(
        "git clone -q {0} own && cd own && cp {0}/longshore.yaml . && git -c user.name=x -c user.email=x@example.com \
         commit -q --allow-empty -am x && git remote set-url origin https://github.com/longshore-release/longshore.git && \
         git tag v{1} && CI=true GITHUB_REF=refs/tags/v{1} {2} plan",
        shell_words::quote(root().to_str().unwrap()),
        env!("CARGO_PKG_VERSION"),
        shell_words::quote(crate::project::LONGSHORE)
    );
    let done = crate::project::program("sh").args(["-c", &line]).current_dir(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success() && said.contains("2 images to ghcr.io/longshore-release/longshore"), "{said}");
    // Without a released program the jobs compile their own.
    let table = fs::read_to_string(root().join("dist/checksums.txt")).unwrap();
    let released = table.lines().any(|line| !line.starts_with('#'));
    let file = read(&plain(), FILE);
    assert_eq!(file.matches("fallback: cargo").count(), if released { 0 } else { 4 }, "{file}");
}

/// What is said last can be pasted.
#[test]
fn the_next_commands_have_the_next_tag() {
    let project = repository("next", "binaries: { opsml-mcp: {} }");
    let generate = format!("longshore generate --action-ref {ACTION}");
    let said = sh(&project, &generate, 0);
    let add = "next: git add longshore.yaml .github/workflows && git commit -m \"release workflow\"\n      ";
    let tag = "git tag v3.0.0 && git push origin v3.0.0\n";
    assert!(said.ends_with(&format!("{add}{tag}")), "{said}");
    // From another folder, too, and as they stand.
    let deep = sh(&project, &format!("mkdir deep && cd deep && {generate}"), 0);
    assert!(deep.contains("git add ../longshore.yaml ../.github/workflows && git commit"), "{deep}");
    let commands = said.lines().rev().take(2).collect::<Vec<_>>();
    sh(&project, commands[1].trim_start_matches("next: "), 0);
    assert!(sh(&project, &generate, 0).ends_with(&format!("next: {tag}")));
    // What is tagged once is not tagged again.
    let said = sh(&project, &format!("git tag v3.0.0 && {generate}"), 0);
    assert!(said.ends_with("next: git push origin v3.0.0\n"), "{said}");
    let said = sh(&project, &format!("git commit -q --allow-empty -m more && {generate}"), 0);
    let raise = "next: bump the version and commit that (the tag `v3.0.0` already exists)\n      ";
    assert!(
        said.ends_with(&format!("{raise}git tag vVERSION && git push origin vVERSION (VERSION is the new one)\n")),
        "{said}"
    );
}

/// Nobody is told to trust a repository of the same name on GitHub, which may be anybody's.
#[test]
fn trusted_publishers_are_on_github() {
    let (_, yaml) = CONFIGURATIONS.into_iter().find(|(name, _)| *name == "wheels").unwrap();
    let project = repository("elsewhere", yaml);
    let generate = |remote: &str| {
        let line =
            format!("git remote add origin {remote} && longshore generate --action-ref ./; git remote remove origin");
        sh(&project, &line, 0)
    };
    let said = generate("https://codeberg.org/jpt/boat");
    assert!(said.contains("no trusted publishers are shown: the git remote is on `codeberg.org`"), "{said}");
    assert!(!said.contains("OWNER") && !said.contains("jpt"), "{said}");
    let said = generate("https://github.com/jpt/boat");
    assert!(said.contains("register these trusted publishers") && said.contains("jpt"), "{said}");
}

/// The workflow that made releases before.
#[test]
fn another_workflow_for_the_same_tags_is_said() {
    let project = plain();
    let other = "on: { push: { tags: ['v*'] } }\njobs: { a: { steps: [{ uses: softprops/action-gh-release@v2 }] } }\n";
    write(&project, ".github/workflows/old.yaml", other);
    let said = sh(&project, "longshore generate", 0);
    let expected = "`.github/workflows/old.yaml` runs for tags like `v1.2.3` and publishes with \
                    `softprops/action-gh-release`";
    assert!(said.contains(expected), "{said}");
    write(&project, ".github/workflows/old.yaml", &other.replace("v*", "nightly"));
    assert!(!sh(&project, "longshore generate", 0).contains("old.yaml` runs"));
}

/// GitHub's lock file for actions pins what a workflow calls by a tag.
#[test]
fn what_actions_lock_pins_is_no_drift() {
    let project = plain();
    sh(&project, &format!("longshore generate --action-ref {ACTION}"), 0);
    let text = read(&project, FILE);
    let call = text.lines().find(|line| line.contains("uses: actions/checkout@")).unwrap().trim().to_owned();
    let tagged = text.replace(call.trim_start_matches("- "), "uses: actions/checkout@v6.0.2");
    write(&project, FILE, &tagged);
    sh(&project, "longshore generate --check", 8);
    let mut names: Vec<&str> = tagged.lines().filter_map(|line| line.split("uses: ").nth(1)).collect();
    names = names.into_iter().map(|uses| uses.split(' ').next().unwrap()).filter(|uses| uses.contains('@')).collect();
    names.sort_unstable();
    names.dedup();
    let lock = |names: &[&str]| {
        let list: String = names.iter().map(|name| format!("        - '{name}'\n")).collect();
        let each = |name: &&str| format!("    '{name}':\n        commit: 'sha1-{}'\n", "0".repeat(40));
        let commits: String = names.iter().map(each).collect();
        let text = format!("version: 'v0.0.2'\nworkflows:\n    '{FILE}':\n{list}dependencies:\n{commits}");
        write(&project, ".github/workflows/actions.lock", &text);
    };
    lock(&names);
    let said = sh(&project, "longshore generate --check", 0);
    assert!(!said.contains("warning"), "{said}");
    // It stays as it is, and nothing has to be locked anew.
    let said = sh(&project, "longshore generate", 0);
    assert!(!said.contains("gh actions-lock") && read(&project, FILE) == tagged, "{said}");
    // What is not locked is said, and what changed must be locked before it starts.
    let others: Vec<&str> = names.iter().copied().filter(|name| !name.starts_with("actions/checkout")).collect();
    lock(&others);
    write(&project, FILE, &text);
    let said = sh(&project, "longshore generate --check", 0);
    assert!(
        said.contains("which actions.lock does not lock for it: GitHub does not start it; run `gh actions-lock`"),
        "{said}"
    );
    assert!(sh(&project, "longshore generate", 0).contains("next: gh actions-lock\n"), "{said}");
    // Another format is neither an error nor drift.
    write(&project, ".github/workflows/actions.lock", "version: 'v9'\nlocked: [\n");
    let said = sh(&project, "longshore generate --check", 0);
    assert!(said.contains("Note `.github/workflows/actions.lock` is not taken into account"), "{said}");
}
