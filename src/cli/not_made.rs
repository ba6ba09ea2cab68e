//! Says what of the release a command left to other machines: without it, a result of one machine looks like the whole.

use std::collections::BTreeSet;

use super::table::Table;
use crate::plan::{NotMade, Plan};
use crate::problem::Problem;
use crate::release::Session;
use crate::release::stage_file;
use crate::shown;
use crate::step_id::{StepId, StepKind};
use crate::target::{Os, Target};

/// A warning for images of this machine's platform, which may lack no more than a tool; a line for all others. `command`
/// takes the flags that make them here; empty if it is the one that runs.
pub fn tell(session: &Session, not_made: &[NotMade], command: &str) {
    if session.env.get(stage_file::VARIABLE).is_some() {
        // A job of `rehearse --act`, which says it once for all of them.
        return;
    }
    let said = lines(not_made, Target::host(), command);
    for warning in said.warnings {
        session.printer.warn(warning);
    }
    if let Some(note) = said.note {
        session.printer.step("Not built", note);
    }
}

/// What a rehearsal leaves out, why, and what would make it here. `lacking` tells the missing tools for a target.
pub fn table(session: &Session, plan: &Plan, lacking: impl Fn(Target) -> Vec<Problem>) {
    let (not_made, printer) = (&plan.scope.not_made, &session.printer);
    if not_made.is_empty() {
        return;
    }
    lines(not_made, Target::host(), "").warnings.iter().for_each(|warning| printer.warn(warning));
    let mut table = Table::new(&["LEFT OUT", "WHAT", "WHY"]);
    let (mut targets, mut missing): (Vec<String>, Vec<Problem>) = (Vec::new(), Vec::new());
    for one in not_made {
        let why = elsewhere(one, Target::host()).unwrap_or_else(|| {
            let problems = lacking(one.target);
            if problems.is_empty() {
                return format!("only what is for this machine is made; `--also {}` makes it, too", one.target);
            }
            targets.push(one.target.to_string());
            missing.extend(problems);
            "tools for it are missing here".to_owned()
        });
        table.row([one.target.to_string(), one.counts(), why]);
    }
    table.show(printer);
    let mut said = BTreeSet::new();
    for problem in missing.iter().filter(|problem| said.insert(problem.message.as_str())) {
        let hint = problem.hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default();
        printer.step("Because", format!("{}{hint}", problem.message));
    }
    if !targets.is_empty() {
        printer.step("Then", format!("`--also {}` makes that here, too", targets.join(" ")));
    }
    let (made, all) = (plan.steps.len(), plan.steps.len() + plan.scope.left_out.len());
    let is_given = |one: &NotMade| one.of(StepKind::Binary).chain(one.of(StepKind::Wheel)).next().is_some();
    let prebuilt = if not_made.iter().any(is_given) { "; `--prebuilt DIR` takes binaries from there" } else { "" };
    let chosen = if session.selection.only.is_empty() { "" } else { " (`--only` chose them)" };
    printer.step(
        "Made",
        format!("{made} of {all} steps{chosen}: the release makes the others on machines of their own{prebuilt}"),
    );
}

/// Why a target is for another machine, whatever is installed here.
fn elsewhere(one: &NotMade, host: Option<Target>) -> Option<String> {
    if let Some(container) = &one.container {
        return Some(format!("it is compiled in the container `{container}`"));
    }
    let os = one.target.os();
    let name = match os {
        Os::Linux => "Linux",
        Os::Darwin => "macOS",
        Os::Windows => "Windows",
    };
    host.is_none_or(|host| host.os() != os).then(|| format!("it is built on {name}"))
}

/// Images that a warning names.
const MOST: usize = 6;

struct Said {
    warnings: Vec<String>,
    note: Option<String>,
}

fn lines(not_made: &[NotMade], host: Option<Target>, command: &str) -> Said {
    let command = if command.is_empty() { String::new() } else { format!("longshore {command} ") };
    let is_near =
        |one: &&NotMade| host.is_some_and(|host| one.is_for(host)) && one.of(StepKind::Image).next().is_some();
    let warnings = not_made.iter().filter(is_near).map(|one| {
        let images: Vec<&StepId> = one.of(StepKind::Image).collect();
        let (were, they) = if images.len() == 1 { ("was", "it needs") } else { ("were", "they need") };
        format!(
            "{} {were} not built: {they} {}; `{command}--also {}` builds for it here if its tools are installed, `{command}--prebuilt DIR` uses prebuilt binaries",
            shown::some(&images, MOST),
            one.needed(),
            one.target,
        )
    });
    let mut counts: Vec<(String, Vec<String>)> = Vec::new();
    for one in not_made.iter().filter(|one| !is_near(one)) {
        match counts.iter_mut().find(|(count, _)| *count == one.counts()) {
            Some((_, needed)) => needed.push(one.needed()),
            None => counts.push((one.counts(), vec![one.needed()])),
        }
    }
    let texts: Vec<String> = counts
        .iter()
        .map(|(count, needed)| {
            let each = if needed.len() == 1 { "" } else { " each" };
            format!("{count}{each} for {}", needed.join(", "))
        })
        .collect();
    // Images from Dockerfiles alone are built of nothing that could be given.
    let is_compiled =
        |one: &NotMade| [StepKind::Binary, StepKind::Wheel].iter().any(|kind| one.of(*kind).next().is_some());
    let how = match not_made.iter().any(is_compiled) {
        true => format!("`{command}--prebuilt DIR`, or other machines"),
        false => "other machines".to_owned(),
    };
    let note = (!texts.is_empty()).then(|| format!("{}: {how}", texts.join("; ")));
    Said { warnings: warnings.collect(), note }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(target: &str, steps: &[&str]) -> NotMade {
        let steps = steps.iter().map(|id| (*id).into()).collect();
        NotMade { target: target.parse().unwrap(), container: None, steps }
    }

    #[test]
    fn only_images_of_this_platform_are_a_warning() {
        let host = "x86_64-unknown-linux-gnu".parse().ok();
        let musl = |steps: &[&str]| waits("x86_64-unknown-linux-musl", steps);
        let arm = waits(
            "aarch64-unknown-linux-musl",
            &["binary.a.aarch64-unknown-linux-musl", "image.a.alpine.linux-arm64", "image.a.scratch.linux-arm64"],
        );
        let said = lines(&[musl(&["image.a.alpine.linux-amd64", "index.a.alpine"]), arm], host, "");
        let warning = "`image.a.alpine.linux-amd64` was not built: it needs x86_64-unknown-linux-musl; `--also x86_64-unknown-linux-musl` builds for it here if its tools are installed, `--prebuilt DIR` uses prebuilt binaries";
        assert_eq!(said.warnings, [warning]);
        assert_eq!(said.note.unwrap(), "2 images for aarch64-unknown-linux-musl: `--prebuilt DIR`, or other machines");
        let said = lines(&[musl(&["binary.a.x", "archive.a.x"])], host, "build");
        assert!(said.warnings.is_empty());
        assert_eq!(
            said.note.unwrap(),
            "1 archive for x86_64-unknown-linux-musl: `longshore build --prebuilt DIR`, or other machines"
        );
        let contained = NotMade { container: Some("c".into()), ..musl(&["image.a.alpine.linux-amd64"]) };
        let said = lines(&[contained], host, "");
        assert!(said.warnings.is_empty(), "no tool of this machine makes it");
        assert!(lines(&[], host, "").note.is_none());
    }
}
