//! The step summary of a job: what was planned, made, proved or published, and how to go on after a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::error::Refused;
use super::report::Fields;
use super::table::size;
use super::verify::{self, system};
use url::Url;

use crate::artifact::{Artifact, Manifest};
use crate::plan::{Plan, Step, Work, explain};
use crate::problem::Exit;
use crate::receipt::{Outcome, Receipt};
use crate::release::Session;
use crate::shown;
use crate::target::Linkage;
use crate::world::actions;
use crate::world::env::Env;
use crate::world::mask;

/// Nodes of a graph that one can still read.
const NODES: usize = 60;

/// Rows of a table; the log and manifest.json have all.
const ROWS: usize = 300;

/// Problems that are told in full.
const PROBLEMS: usize = 20;

/// Characters of a message or hint.
const TEXT: usize = 4000;

/// Adds how a command ended to the step summary.
pub fn write(session: &Session, command: &str, fields: &Fields, refused: Option<&Refused>) {
    if session.env.get("GITHUB_STEP_SUMMARY").is_some() {
        add(session, &markdown(&session.env, command, fields, refused));
    }
}

/// Adds Markdown to the step summary; prints it under act, which throws summaries away.
pub fn add(session: &Session, markdown: &str) {
    if markdown.is_empty() {
        return;
    }
    if session.env.is_true("ACT") {
        session.printer.foreign(markdown.trim_end());
    }
    if let Err(error) = actions::add_summary(&session.env, markdown) {
        session.printer.warn(format!("no step summary: {error:#}"));
    }
}

fn markdown(env: &Env, command: &str, fields: &Fields, refused: Option<&Refused>) -> String {
    let mut text = String::new();
    if let Some(plan) = &fields.plan {
        let tags: Vec<String> = plan.releases.iter().map(|release| code(&release.tag)).collect();
        let title = |verb: &str| format!("### {verb} {} {}\n\n", plain(&plan.name), tags.join(", "));
        match (command, refused) {
            ("plan", None) => text.push_str(&(title("Plan of") + &planned(plan))),
            ("build", None) => {
                text.push_str(&(title("Built") + &built(fields.artifacts.as_deref().unwrap_or_default())))
            }
            ("verify", None) => text.push_str(&(title("Verified") + &verified(plan, fields))),
            ("publish" | "release" | "rehearse", _) => {
                let verb = if refused.is_some() { "Public so far of" } else { "Published" };
                let receipts = fields.receipts.as_deref().unwrap_or_default();
                if !receipts.is_empty() {
                    text.push_str(&(title(verb) + &published(plan, fields.manifest.as_ref(), receipts)));
                }
            }
            _ => {}
        }
    }
    text.extend(refused.map(|refused| failed(env, command, refused)));
    text
}

fn planned(plan: &Plan) -> String {
    let nodes = plan.steps.len() + plan.destinations.len();
    let graph = match (nodes, plan.jobs.len() + plan.destinations.len() + 1) {
        (..=NODES, _) => explain::mermaid(plan),
        (_, ..=NODES) => by_job(plan),
        _ => String::new(),
    };
    let mut text = String::new();
    if !graph.is_empty() {
        let _ = write!(text, "```mermaid\n{}\n```\n\n", graph.trim_end());
    }
    let rows = plan.steps.iter().map(|step| {
        let target = step.target.map(|target| code(target.triple())).unwrap_or_default();
        let job = step.job.as_deref().map(code).unwrap_or_default();
        let outputs: Vec<String> = step.outputs().into_iter().map(code).collect();
        vec![code(&step.id), target, job, outputs.join(", "), step.publish.join(", ")]
    });
    let table = table(&["Step", "Target", "Job", "Files", "Goes to"], rows);
    let _ = write!(
        text,
        "<details><summary>{} steps (machines: {})</summary>\n\n{table}\n</details>\n\n",
        plan.steps.len(),
        plan.jobs.len()
    );
    if let Some(reason) = plan.only_loopback() {
        let _ = write!(text, "No public destination accepts it: {}.\n\n", reason);
    }
    text
}

/// Machines instead of steps, and what each hands on.
fn by_job(plan: &Plan) -> String {
    let mut text = String::from("flowchart LR\n");
    let place = |step: &Step| {
        let job = step.job.as_ref().and_then(|id| plan.jobs.iter().position(|job| job.id == *id));
        job.map_or_else(|| "merge".to_owned(), |number| format!("j{number}"))
    };
    for (number, job) in plan.jobs.iter().enumerate() {
        let _ = writeln!(text, "  j{number}[\"{}: {} steps\"]", job.id, job.steps.len());
    }
    let merged = plan.steps.iter().filter(|step| step.job.is_none()).count();
    if merged > 0 {
        let _ = writeln!(text, "  merge[\"merge: {merged} steps\"]");
    }
    let places: BTreeMap<&str, String> = plan.steps.iter().map(|step| (step.id.as_str(), place(step))).collect();
    let mut arrows = BTreeSet::new();
    for step in &plan.steps {
        let here = &places[step.id.as_str()];
        let needs = step.needs.iter().filter_map(|need| places.get(need.as_str())).filter(|need| *need != here);
        arrows.extend(needs.map(|need| format!("  {need} --> {here}")));
        for destination in &step.publish {
            let number = plan.destinations.iter().position(|one| one.name == *destination).unwrap_or_default();
            arrows.insert(format!("  {here} --> d{number}([\"{destination}\"])"));
        }
    }
    arrows.iter().for_each(|arrow| text.push_str(&format!("{arrow}\n")));
    text
}

fn built(artifacts: &[Artifact]) -> String {
    let files = artifacts.iter().flat_map(|artifact| artifact.files.iter().map(move |file| (artifact, file)));
    let rows = files.map(|(artifact, file)| {
        vec![code(&file.name), size(file.size), code(&file.sha256.hex()), code(&artifact.step)]
    });
    table(&["File", "Size", "SHA-256", "Step"], rows) + &checks(artifacts)
}

fn checks(artifacts: &[Artifact]) -> String {
    let held: Vec<&Artifact> = artifacts.iter().filter(|artifact| artifact.check.is_some()).collect();
    if held.is_empty() {
        return "\n".into();
    }
    let rows = held.iter().map(|artifact| {
        let detail = artifact.check.as_ref().and_then(|check| check.detail.lines().next()).unwrap_or_default();
        vec![code(&artifact.step), plain(detail)]
    });
    format!("\n{}\n", table(&["Check", "Observed"], rows))
}

fn verified(plan: &Plan, fields: &Fields) -> String {
    let Some(manifest) = &fields.manifest else { return String::new() };
    let files = manifest.artifacts.iter().flat_map(|artifact| artifact.files.iter().map(move |file| (artifact, file)));
    let rows = files.map(|(artifact, file)| {
        let step = plan.step(&artifact.step);
        let goes = step.map(|step| step.publish.join(", ")).unwrap_or_default();
        let linkage = step.map(|step| linkage(plan, manifest, step)).unwrap_or_default();
        vec![code(&file.name), size(file.size), code(&file.sha256.hex()), linkage, goes]
    });
    let mut text = table(&["File", "Size", "SHA-256", "Linkage", "Goes to"], rows) + &checks(&manifest.artifacts);
    if let Some(images) = verify::images(plan, manifest) {
        let _ = writeln!(text, "{}", images.markdown());
    }
    text
}

fn published(plan: &Plan, manifest: Option<&Manifest>, receipts: &[Receipt]) -> String {
    let linkage = |receipt: &Receipt| {
        let manifest = manifest?;
        let file = |artifact: &&Artifact| {
            artifact.files.iter().any(|file| Some(file.sha256) == receipt.sha256 && file.name == receipt.name)
        };
        let artifact = manifest.artifacts.iter().find(file)?;
        Some(linkage(plan, manifest, plan.step(&artifact.step)?))
    };
    let rows = receipts.iter().map(|receipt| {
        let state = match receipt.outcome {
            Outcome::Published => "published",
            Outcome::AlreadyThere => "already there",
            Outcome::Unconfirmed => "unconfirmed",
            Outcome::Conflict => "conflict",
        };
        let name = if receipt.name == "release" { format!("release {}", receipt.tag) } else { receipt.name.clone() };
        let place = match &receipt.url {
            Some(url) => format!("{}: {}", receipt.destination, address(url)),
            None => receipt.destination.clone(),
        };
        let digest = receipt.sha256.map(|digest| code(&digest.hex())).unwrap_or_default();
        vec![
            code(&name),
            state.into(),
            receipt.size.map(size).unwrap_or_default(),
            digest,
            linkage(receipt).unwrap_or_default(),
            place,
        ]
    });
    table(&["What", "State", "Size", "SHA-256", "Linkage", "Where"], rows) + "\n"
}

/// A link to an address of the web, anything else as text. As it is parsed it has neither blanks nor line breaks.
fn address(url: &str) -> String {
    match Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https")) {
        Some(url) => format!("<{}>", url.as_str().replace(['<', '>', '|'], "")),
        None => code(url),
    }
}

/// What the executables say that a step made or packed.
fn linkage(plan: &Plan, manifest: &Manifest, step: &Step) -> String {
    let mut open = vec![step];
    let mut said = BTreeSet::new();
    while let Some(step) = open.pop() {
        for binary in manifest.binaries.iter().filter(|binary| binary.step == step.id) {
            said.insert(match (binary.facts.linkage, system(&binary.facts)) {
                (Linkage::Static, _) => "static".to_owned(),
                (Linkage::Dynamic, Some(system)) => format!("dynamic, {system}"),
                (Linkage::Dynamic, None) => "dynamic".to_owned(),
            });
        }
        if matches!(step.work, Work::Archive(_) | Work::Layer(_) | Work::Image(_) | Work::Index(_)) {
            open.extend(step.needs.iter().filter_map(|need| plan.step(need)));
        }
    }
    said.into_iter().collect::<Vec<_>>().join("; ")
}

fn failed(env: &Env, command: &str, refused: &Refused) -> String {
    let (name, meaning, next) = meaning(refused.exit);
    let mut text = format!("### `{command}`: {name} (exit {})\n\n{meaning}\n\n", refused.exit as u8);
    for diagnostic in refused.diagnostics.iter().take(PROBLEMS) {
        let problem = &diagnostic.problem;
        let place = diagnostic
            .span
            .as_ref()
            .map(|span| format!(" ({}:{})", plain(&refused.source.name), refused.source.position(span.start).0));
        let step = problem.step.as_deref().map(|step| format!(" {}", code(step))).unwrap_or_default();
        let _ = write!(text, "**{}**{step}{}\n\n{}", problem.code, place.unwrap_or_default(), block(&problem.message));
        text.extend(problem.hint.as_deref().map(|hint| format!("What to do:\n\n{}", block(hint))));
    }
    if refused.diagnostics.len() > PROBLEMS {
        let _ = write!(text, "and {} more in the log\n\n", refused.diagnostics.len() - PROBLEMS);
    }
    let _ = write!(text, "**How to continue:** {next}\n\n");
    if let (true, Some(run)) = (refused.exit != Exit::Conflict, env.get("GITHUB_RUN_ID")) {
        let repository = env.get("GITHUB_REPOSITORY").map(|name| format!(" --repo {name}")).unwrap_or_default();
        text.push_str(&block(&format!("gh run rerun {run} --failed{repository}")));
    }
    text
}

/// What an exit code is called, what it says of the world, and what to do.
fn meaning(exit: Exit) -> (&'static str, &'static str, &'static str) {
    match exit {
        Exit::Done => ("done", "", ""),
        Exit::Unexpected => {
            ("unexpected", "This is an internal error, or a problem of the machine.", "re-run the failed jobs.")
        }
        Exit::Usage => (
            "not started",
            "Nothing was started.",
            "fix the problems above and push again. If the cause was another job or a setting, re-run the failed jobs.",
        ),
        Exit::Verification => (
            "verification failed",
            "Nothing was published by this command.",
            "fix the problems above and push again. If the cause was the machine of another job, re-run the failed jobs.",
        ),
        Exit::Conflict => (
            "conflict",
            "Something different is already public; nothing was overwritten.",
            "see above. Running it again does not help: what is public stays, so release a new version in most cases.",
        ),
        Exit::Denied => (
            "denied",
            "A credential or permission is missing.",
            "add it to the repository or to the job as described above, then re-run the failed jobs.",
        ),
        Exit::Unfinished => (
            "unfinished",
            "Part of the release may be public; the rest is missing or not confirmed.",
            "re-run the failed jobs: the command checks what is published and does the rest.",
        ),
        Exit::Build => (
            "a build step failed",
            "Nothing was published by this command.",
            "fix the step and push again. If the cause was the machine, re-run the failed jobs.",
        ),
        Exit::Interrupted | Exit::Terminated => {
            ("interrupted", "It was interrupted.", "re-run the failed jobs: what already exists is checked and kept.")
        }
        Exit::Drift => {
            ("drift", "A generated file is out of date.", "run the command without `--check`, and commit the result.")
        }
    }
}

/// A table; what a cell holds is ready.
fn table(headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let mut text = format!("| {} |\n|{}\n", headings.join(" | "), " --- |".repeat(headings.len()));
    for row in rows.iter().take(ROWS) {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    if rows.len() > ROWS {
        let _ = write!(text, "\nand {} more\n", rows.len() - ROWS);
    }
    text
}

/// Text that is nothing but text.
fn plain(text: &str) -> String {
    let mut clean = String::new();
    for c in mask::hide(text).chars().take(TEXT) {
        match c {
            '\n' | '\r' => clean.push(' '),
            '<' => clean.push_str("&lt;"),
            '&' => clean.push_str("&amp;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '#' | '@' => clean.extend(['\\', c]),
            _ => clean.push(c),
        }
    }
    clean
}

/// A word in a code span, also inside a table.
fn code(text: &str) -> String {
    format!("`{}`", mask::hide(text).replace(['`', '\n', '\r'], " ").replace('|', "\\|"))
}

/// Lines that nothing in them can end.
fn block(text: &str) -> String {
    let text: String = shown::lines(&mask::hide(text)).chars().take(TEXT).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(plain("a|b\n<img> *x* `y` &"), "a\\|b &lt;img> \\*x\\* \\`y\\` &amp;");
        assert_eq!(code("a`b|c"), "`a b\\|c`");
        assert_eq!(address("https://e.org/a|b"), "<https://e.org/ab>");
        assert_eq!(address("https://e.org/\n\n# H ![x](y) <i>"), "<https://e.org/#%20H%20![x](y)%20%3Ci%3E>");
        assert_eq!(address("ghcr.io/a/b@sha256:1"), "`ghcr.io/a/b@sha256:1`");
        assert_eq!(block("a\n```\n</details>\n"), "````text\na\n```\n</details>\n````\n\n");
        let many = table(&["A"], (0..ROWS + 2).map(|number| vec![number.to_string()]));
        assert!(many.ends_with("| 299 |\n\nand 2 more\n") && many.starts_with("| A |\n| --- |\n| 0 |\n"));
    }
}
