//! BuildKit's progress as it prints it with `--progress=rawjson`: steps, their output, and the images that it looked for.
//!
//! One JSON document a line, as `SolveStatus` of
//! <https://github.com/moby/buildkit/blob/v0.34.2/client/graph.go>; the error at the end is text.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde::Deserialize;

use super::failure::Failed;
use super::lines::Lines;
use super::recipe::{Built, EngineStep};

/// More steps than any Dockerfile has; what comes after them is not kept.
const MOST_STEPS: usize = 10_000;
const MOST_WARNINGS: usize = 100;
/// How much of a name or error is kept.
const LONGEST: usize = 2000;
/// How many lines of text that is not JSON are kept: the error with the lines of the Dockerfile around it.
const LAST: usize = 100;

/// Everything of an image that is looked for outside begins with one of these.
const LOOKED_FOR: [&str; 2] = ["[internal] load metadata for ", "resolve image config for "];

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    vertexes: Vec<Vertex>,
    #[serde(default)]
    statuses: Vec<Moved>,
    #[serde(default)]
    logs: Vec<Output>,
    #[serde(default)]
    warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct Vertex {
    digest: String,
    #[serde(default)]
    name: String,
    started: Option<String>,
    completed: Option<String>,
    #[serde(default)]
    cached: bool,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
struct Moved {
    #[serde(default)]
    id: String,
    #[serde(default)]
    vertex: String,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    vertex: String,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct Warning {
    #[serde(default)]
    short: String,
}

/// A step, its output that has no line end yet, and its last lines.
#[derive(Default)]
struct Step {
    said: EngineStep,
    /// When the run began that was counted last; one step can run several times.
    counted: Option<String>,
    running: bool,
    lines: Lines,
}

/// What BuildKit has said by now.
#[derive(Default)]
pub struct Progress {
    by_digest: BTreeMap<String, usize>,
    steps: Vec<Step>,
    resolved: BTreeSet<String>,
    warnings: Vec<String>,
    text: VecDeque<String>,
}

impl Progress {
    /// Takes a line, and tells what of it is for people.
    pub fn take(&mut self, line: &str, tell: &mut dyn FnMut(&str)) {
        let line = line.trim_end();
        let status = line.starts_with('{').then(|| serde_json::from_str::<Status>(line).ok()).flatten();
        let Some(status) = status else {
            if self.text.len() == LAST {
                self.text.pop_front();
            }
            self.text.push_back(cut(line));
            tell(line);
            return;
        };
        for vertex in status.vertexes {
            self.vertex(vertex, tell);
        }
        for moved in status.statuses {
            self.moved(&moved);
        }
        for output in status.logs {
            self.output(&output, tell);
        }
        for warning in status.warnings {
            let short = decoded(&warning.short);
            if self.warnings.len() < MOST_WARNINGS && !self.warnings.contains(&short) {
                tell(&format!("warning: {short}"));
                self.warnings.push(short);
            }
        }
    }

    fn vertex(&mut self, vertex: Vertex, tell: &mut dyn FnMut(&str)) {
        let index = match self.by_digest.get(&vertex.digest) {
            Some(index) => *index,
            None if self.steps.len() == MOST_STEPS => return,
            None => {
                self.looked_for(&vertex.name);
                self.by_digest.insert(vertex.digest, self.steps.len());
                let said = EngineStep { name: cut(&vertex.name), ..EngineStep::default() };
                self.steps.push(Step { said, ..Step::default() });
                self.steps.len() - 1
            }
        };
        let Step { said, counted, running, .. } = &mut self.steps[index];
        *running = vertex.started.is_some() && vertex.completed.is_none();
        if said.started.is_none() && vertex.started.is_some() {
            said.started.clone_from(&vertex.started);
            // Those without a stage in front of them are BuildKit's own.
            if vertex.cached {
                tell(&format!("CACHED {}", said.name));
            } else {
                tell(&said.name);
            }
        }
        said.cached = said.cached || vertex.cached;
        if let (Some(started), Some(completed)) = (&vertex.started, &vertex.completed)
            && counted.as_ref() != Some(started)
        {
            said.seconds += seconds(started, completed);
            *counted = Some(started.clone());
        }
        if !vertex.error.is_empty() && said.error.is_none() {
            tell(&format!("ERROR {}: {}", said.name, vertex.error));
            said.error = Some(cut(&vertex.error));
        }
    }

    fn looked_for(&mut self, name: &str) {
        let from = || name.strip_prefix('[')?.split_once("] FROM ").map(|(_, image)| image);
        let said = LOOKED_FOR.iter().find_map(|prefix| name.strip_prefix(prefix)).or_else(from);
        if let Some(image) = said {
            self.resolved.insert(cut(image.strip_prefix("docker-image://").unwrap_or(image)));
        }
    }

    /// A layer or manifest on its way. Those of named contexts come from us.
    fn moved(&mut self, moved: &Moved) {
        let Some(image) = moved.id.strip_prefix("resolve ") else { return };
        let of = self.by_digest.get(&moved.vertex).map(|index| self.steps[*index].said.name.as_str());
        if !of.is_some_and(|name| name.starts_with("[context ")) {
            self.resolved.insert(cut(image));
        }
    }

    fn output(&mut self, output: &Output, tell: &mut dyn FnMut(&str)) {
        let data = STANDARD.decode(&output.data).unwrap_or_default();
        match self.by_digest.get(&output.vertex) {
            Some(index) => self.steps[*index].lines.take(&data, tell),
            None => String::from_utf8_lossy(&data).lines().for_each(tell),
        }
    }

    /// What it did. Images that are named in different ways stand in it once.
    pub fn built(self) -> Built {
        let ran = self.steps.into_iter().filter(|step| step.said.started.is_some());
        Built {
            steps: ran.map(|step| step.said).collect(),
            resolved: self.resolved.into_iter().collect(),
            warnings: self.warnings,
        }
    }

    /// Why it ended without an image, as far as it says.
    pub fn failed(&self) -> Failed {
        // Steps that were stopped because another one failed have errors, too.
        let broke = |step: &&Step| step.said.error.as_ref().is_some_and(|error| !error.contains("context canceled"));
        // Without an error it is the one that was interrupted.
        let step = self.steps.iter().find(broke).or_else(|| self.steps.iter().rfind(|step| step.running));
        let mut failed = Failed::of_text(self.text.iter().map(String::as_str));
        if let Some(step) = step {
            failed.step = Some(step.said.name.clone());
            failed.last = step.lines.last();
            if let Some(error) = &step.said.error {
                failed.error.clone_from(error);
            }
        }
        failed
    }
}

/// A name or message, shortened: foreign text has no limit.
fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

fn decoded(text: &str) -> String {
    let bytes = STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec());
    cut(&String::from_utf8_lossy(&bytes))
}

fn seconds(started: &str, completed: &str) -> f64 {
    let time = |text| DateTime::parse_from_rfc3339(text).ok();
    let Some((from, to)) = time(started).zip(time(completed)) else { return 0.0 };
    (to - from).to_std().map_or(0.0, |span| span.as_secs_f64())
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
