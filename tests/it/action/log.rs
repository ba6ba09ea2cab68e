//! What a runner makes of our log: commands of ours alone are obeyed, secrets are hidden, errors stand at their lines;
//! and the step summary.

use std::collections::BTreeSet;

use super::jobs::{JOB, Runs};

/// What a runner would do with a log: the commands it obeys, and whether it still takes some at the end.
/// As `ActionCommandManager` of actions/runner reads lines.
fn obeyed(log: &str) -> (Vec<String>, bool) {
    let mut commands = Vec::new();
    let mut stopped: Option<String> = None;
    for line in log.lines().map(str::trim_start).filter(|line| line.starts_with("::")) {
        match &stopped {
            Some(word) if line == format!("::{word}::") => stopped = None,
            Some(_) => {}
            None => match line.strip_prefix("::stop-commands::") {
                Some(word) => {
                    assert!(word.len() >= 32 && log.matches(word).count() == 2, "a word is used once: {word}");
                    stopped = Some(word.to_owned());
                }
                None => commands.push(line.to_owned()),
            },
        }
    }
    (commands, stopped.is_none())
}

fn names(commands: &[String]) -> BTreeSet<&str> {
    commands.iter().map(|line| line[2..].split([':', ' ']).next().unwrap()).collect()
}

#[test]
fn tools_give_no_commands() {
    let runs = Runs::new();
    let evil =
        r"printf '  ::set-output name=a::b\n::error::x\n##[add-mask]y\n::stop-commands::z\n::z::\n::endgroup::\n'";
    runs.sh(&format!("cat > evil.sh <<'END'\n{evil}\nEND"));
    runs.sh("printf 'binaries: { skiff: { before: bash evil.sh } }\\n' >> longshore.yaml && git add -A && git commit -q -m evil && git tag -f v1.2.3");
    runs.planned();
    let build = runs.job(&[("command", "build"), ("job", JOB)]).ok();
    assert!(build.log.contains("::set-output name=a::b"), "{}", build.log);
    let (commands, takes) = obeyed(&build.log);
    assert_eq!(names(&commands), BTreeSet::from(["group", "endgroup"]), "{commands:?}");
    assert!(takes && commands.iter().all(|line| line.starts_with("::group::") || line == "::endgroup::"));
    // Also where the end of its output stands under an error.
    runs.sh("echo 'exit 3' >> evil.sh && git commit -q -am evil && git tag -f v1.2.3");
    runs.planned();
    let failed = runs.job(&[("command", "build"), ("job", JOB)]);
    failed.refused(7, "step-failed");
    let (commands, takes) = obeyed(&failed.log);
    assert_eq!(names(&commands), BTreeSet::from(["group", "endgroup", "error"]), "{commands:?}");
    let errors: Vec<&String> = commands.iter().filter(|line| line.starts_with("::error")).collect();
    assert!(takes && errors.len() == 1 && errors[0].contains("title=step-failed in binary.skiff"), "{errors:?}");
    assert!(failed.summary.contains("### `build`: a build step failed (exit 7)"), "{}", failed.summary);
    assert!(failed.summary.contains("gh run rerun 77 --failed --repo harbor-works/skiff"), "{}", failed.summary);
    let before = failed.summary.split("set-output").next().unwrap();
    assert_eq!(before.lines().filter(|line| line.starts_with("```")).count() % 2, 1, "the log is in a block: {before}");
}

#[test]
fn secrets_are_hidden_before_anything_else() {
    let runs = Runs::new();
    let plan = runs.job(&[
        ("command", "plan"),
        ("GITHUB_TOKEN", "ghs_canary_1"),
        ("PYPI_TOKEN_APP", "first canary line\nx\nsecond canary line"),
        ("ACTIONS_RUNTIME_TOKEN", "canary%25"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://canary.example"),
    ]);
    let log = plan.ok().log;
    let masked: BTreeSet<&str> = log.lines().filter_map(|line| line.strip_prefix("::add-mask::")).collect();
    assert_eq!(masked, BTreeSet::from(["canary%2525", "first canary line", "ghs_canary_1", "second canary line"]));
    assert!(log.lines().all(|line| line.starts_with("::add-mask::") || !line.contains("canary")), "{log}");
    assert_eq!(plan_log_without_job(&runs), 0);
}

fn plan_log_without_job(runs: &Runs) -> usize {
    runs.sh("GITHUB_TOKEN=ghs_canary_1 longshore plan 2>&1").matches("canary").count()
}

#[test]
fn the_credentials_that_a_plan_names_are_hidden_too() {
    let runs = Runs::new();
    runs.sh("printf 'images: { skiff: { repositories: registry.example/o/skiff, flavors: scratch, platforms: linux/amd64 } }\npublish: { registry: { hosts: { registry.example: { username-env: REGISTRY_USER, password-env: REGISTRY_WORD } } } }\n' >> longshore.yaml");
    let plan = runs.job(&[("command", "plan"), ("REGISTRY_USER", "harbor"), ("REGISTRY_WORD", "canary-word")]).ok();
    assert!(plan.log.contains("::add-mask::canary-word\n") && !plan.log.contains("::add-mask::harbor"), "{}", plan.log);
}

#[test]
fn errors_stand_at_their_lines_in_the_repository() {
    let runs = Runs::new();
    runs.sh("mkdir -p sub/app && cp -r longshore.yaml Cargo.* src sub/app && printf 'frob: 1\nnime: x\n' >> sub/app/longshore.yaml");
    let line: usize = runs.sh("wc -l < sub/app/longshore.yaml").trim().parse().unwrap();
    for (folder, directory) in [(".", "sub/app"), (".", "./sub/app/src"), ("sub", "app")] {
        let plan = runs.job_in(folder, &[("command", "plan"), ("working-directory", directory)]);
        assert_eq!(plan.code, 2, "{}", plan.log);
        let (commands, _) = obeyed(&plan.log);
        let place = format!("::error file=sub/app/longshore.yaml,line={line},col=1,title=unknown-key::");
        let found = commands.iter().find(|command| command.starts_with(&place));
        assert!(found.is_some_and(|command| command.contains("%0A")), "{directory}: {commands:?}");
        assert!(plan.summary.contains("**unknown-key** ("), "{}", plan.summary);
    }
    // More than GitHub shows are counted, not lost.
    runs.sh("for i in a b c d e f g h i j k l m; do echo \"bad$i: 1\" >> longshore.yaml; done");
    let plan = runs.job(&[("command", "plan")]);
    let (commands, _) = obeyed(&plan.log);
    let errors: Vec<&String> = commands.iter().filter(|line| line.starts_with("::error")).collect();
    assert_eq!((errors.len(), errors[9].as_str()), (10, "::error title=longshore::4 more problems are in the log"));
    assert_eq!(plan.log.matches("error[unknown-key]").count(), 13);
}

#[test]
fn the_summary_says_what_there_is_and_where() {
    let runs = Runs::new();
    let plan = runs.planned();
    assert!(plan.summary.starts_with("### Plan of skiff `v1.2.3`\n\n```mermaid\nflowchart LR\n"), "{}", plan.summary);
    assert!(plan.summary.contains("| `archive.skiff.x86_64-unknown-linux-gnu` |"), "{}", plan.summary);
    let pull = ("GITHUB_EVENT_NAME", "pull_request");
    let build = runs.job(&[("command", "build"), ("job", JOB), pull]).ok();
    assert!(
        build.summary.contains("### Built `") || build.summary.contains("### Built skiff `v1.2.3`"),
        "{}",
        build.summary
    );
    assert!(build.summary.contains(&format!("`{JOB}.tar` in the artifact `longshore-{JOB}`")), "{}", build.summary);
    let verify = runs.job(&[("command", "verify"), ("workflow", "release.yml"), pull]).ok();
    let row = verify
        .summary
        .lines()
        .find(|line| line.contains("`skiff-x86_64-unknown-linux-gnu.tar.gz`") && line.contains("dynamic"));
    let row = row.unwrap_or_else(|| panic!("{}", verify.summary));
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    assert!(
        cells[1].ends_with("kB")
            && cells[2].len() == 66
            && cells[3].starts_with("dynamic, glibc 2.")
            && cells[4] == "github",
        "{row}"
    );
    assert!(verify.summary.contains("--name longshore-release && tar -xf release.tar"), "{}", verify.summary);
    assert!(!plan.summary.contains("artifact `") && !plan.log.contains("### Plan"));
    let act = runs.job(&[("command", "plan"), ("ACT", "true")]).ok();
    assert!(act.log.contains("### Plan of skiff") && obeyed(&act.log).1, "{}", act.log);
}

#[test]
fn a_large_plan_is_drawn_by_machines() {
    let runs = Runs::of("opsml", "v3.0.0");
    // Of a snapshot: its bases are not locked, so no tag is planned in CI.
    let plan = runs.job(&[("command", "plan"), ("snapshot", "true"), ("GITHUB_REPOSITORY", "demml/opsml")]).ok();
    let graph = plan.summary.split("```").nth(1).unwrap();
    let nodes: BTreeSet<&str> = graph.split_whitespace().filter(|word| word.contains("[\"")).collect();
    assert!(nodes.len() > 5 && nodes.len() <= 60, "{graph}");
    assert!(graph.contains("-->") && graph.contains("x86_64-apple-darwin: "), "{graph}");
    assert!(plan.summary.len() < 200_000, "{}", plan.summary.len());
}
