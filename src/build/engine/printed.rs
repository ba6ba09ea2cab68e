//! What buildah and podman print: `[1/2] STEP 2/3: RUN make`, output in between, the error at the end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::failure::Failed;
use super::lines::Lines;
use super::recipe::{Built, EngineStep};
use crate::world::clock;

/// More steps than any Dockerfile has; what comes after them is not kept.
const MOST_STEPS: usize = 10_000;
const MOST_WARNINGS: usize = 100;
const LONGEST: usize = 2000;
/// What a RUN ended with, told by the process in between.
const ENDED: &str = "subprocess exited with status ";

#[derive(Default)]
pub struct Printed {
    /// Names of the images that were given, by the ids that are printed instead.
    names: BTreeMap<String, String>,
    steps: Vec<EngineStep>,
    begun: Option<Instant>,
    lines: Lines,
    status: Option<i32>,
    error: String,
    warnings: Vec<String>,
}

impl Printed {
    pub fn of(names: BTreeMap<String, String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// Takes a line, and tells it.
    pub fn take(&mut self, line: &str, tell: &mut dyn FnMut(&str)) {
        let line = line.trim_end();
        if let Some(name) = step(line) {
            let name = self.named(name);
            self.end();
            tell(&name);
            if self.steps.len() < MOST_STEPS {
                self.steps.push(EngineStep { name, started: Some(clock::now()), ..EngineStep::default() });
            }
            self.begun = Some(Instant::now());
            self.lines = Lines::default();
            return;
        }
        tell(line);
        if let Some(status) = line.strip_prefix(ENDED).and_then(|status| status.trim().parse().ok()) {
            // The outer process repeats it with a status of its own.
            self.status.get_or_insert(status);
        } else if let Some(error) = line.strip_prefix("Error: ") {
            self.error = error.chars().take(LONGEST).collect();
        } else if let Some(warning) = line.strip_prefix("[Warning] ") {
            if self.warnings.len() < MOST_WARNINGS {
                self.warnings.push(warning.chars().take(LONGEST).collect());
            }
        } else {
            self.lines.keep(line);
        }
    }

    /// A step with the name of its image.
    fn named(&self, step: String) -> String {
        let Some((before, from)) = step.split_once("] FROM ") else { return step };
        let (id, rest) = from.split_once(' ').map_or((from, String::new()), |(id, rest)| (id, format!(" {rest}")));
        let named = self.names.get(id).map(|name| format!("{before}] FROM {name}{rest}"));
        named.unwrap_or(step)
    }

    /// The step that runs is over.
    fn end(&mut self) {
        if let (Some(step), Some(begun)) = (self.steps.last_mut(), self.begun.take()) {
            step.seconds = begun.elapsed().as_secs_f64();
        }
    }

    pub fn built(mut self) -> Built {
        self.end();
        // Arguments that it makes up itself, and that no Dockerfile has to use.
        self.warnings.retain(|warning| !warning.contains("were not consumed: [TARGET"));
        Built { steps: self.steps, resolved: Vec::new(), warnings: self.warnings }
    }

    /// Why it ended without an image. It tells no line, so the instruction is looked for in the file.
    pub fn failed(mut self, dockerfile: &Path) -> Failed {
        self.end();
        let step = self.steps.pop().map(|step| step.name);
        let instruction = step.as_deref().map(|name| name.split_once("] ").map_or(name, |(_, rest)| rest).to_owned());
        let line = instruction.as_deref().and_then(|instruction| {
            let text = std::fs::read_to_string(dockerfile).ok()?;
            line_of(&text, instruction)
        });
        let error = match self.status {
            Some(status) => format!("exit status {status}"),
            None => self.error,
        };
        Failed { step, error, line, instruction, last: self.lines.last(), timed_out: false }
    }
}

/// `[1/2] STEP 2/3: RUN make` and `STEP 2/3: RUN make` in BuildKit's form.
fn step(line: &str) -> Option<String> {
    let (stage, rest) = match line.strip_prefix('[').and_then(|rest| rest.split_once("] STEP ")) {
        Some((stage, rest)) => (format!("{stage} "), rest),
        None => (String::new(), line.strip_prefix("STEP ")?),
    };
    let (number, text) = rest.split_once(": ")?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (one, of) = number.split_once('/')?;
    let text: String = text.chars().take(LONGEST).collect();
    (is_number(one) && is_number(of)).then(|| format!("[{stage}{number}] {text}"))
}

/// The line on which an instruction begins, if it is the only one that begins so.
fn line_of(text: &str, instruction: &str) -> Option<u32> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = words(instruction);
    let begins = |line: &str| {
        let line = words(line.trim_end_matches('\\'));
        let (word, rest) = line.split_once(' ')?;
        let line = format!("{} {rest}", word.to_uppercase());
        wanted.starts_with(&line).then_some(())
    };
    let mut found = (1..).zip(text.lines()).filter(|(_, line)| begins(line).is_some());
    let (number, _) = found.next()?;
    found.next().is_none().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lines: &[&str]) -> Printed {
        let mut printed = Printed::default();
        lines.iter().for_each(|line| printed.take(line, &mut |_| {}));
        printed
    }

    #[test]
    fn steps_are_told_apart_from_output() {
        #[track_caller]
        fn check(line: &str, expected: Option<&str>) {
            assert_eq!(step(line).as_deref(), expected);
        }
        check("[1/2] STEP 2/3: RUN make", Some("[1/2 2/3] RUN make"));
        check("STEP 1/2: FROM acme/base:1", Some("[1/2] FROM acme/base:1"));
        check("STEP one: two", None);
        check("STEPS", None);
    }

    #[test]
    fn images_are_told_by_their_names() {
        let mut printed = Printed::of([("5f".repeat(32), "acme/base:1".to_owned())].into());
        let mut told = Vec::new();
        for line in [format!("[1/2] STEP 1/3: FROM {} AS build", "5f".repeat(32)), "STEP 1/3: FROM scratch".into()] {
            printed.take(&line, &mut |line| told.push(line.to_owned()));
        }
        assert_eq!(told, ["[1/2 1/3] FROM acme/base:1 AS build", "[1/3] FROM scratch"]);
    }

    #[test]
    fn the_first_status_is_that_of_the_program() {
        let printed = taken(&[
            "STEP 1/2: FROM x",
            "STEP 2/2: RUN echo a && sh -c 'exit 7'",
            "a",
            "subprocess exited with status 7",
            "subprocess exited with status 1",
            "Error: building at STEP \"RUN\": exit status 1",
        ]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        std::fs::write(&path, "FROM x\n\nrun echo a \\\n && sh -c 'exit 7'\n").unwrap();
        let failed = printed.failed(&path);
        assert_eq!((failed.status(), failed.line, failed.last), (Some(7), Some(3), vec!["a".to_owned()]));
    }

    #[test]
    fn an_instruction_that_stands_there_twice_has_no_line() {
        let text = "FROM x\nRUN a\nFROM y\nRUN a\nRUN b\n";
        assert_eq!((line_of(text, "RUN a"), line_of(text, "RUN b"), line_of(text, "RUN c")), (None, Some(5), None));
    }
}
