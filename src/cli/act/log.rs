//! What act says in its JSON lines: which jobs ran, how each ended, and what it printed last.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::workflow::WorkflowFile;
use crate::problem::{Exit, Problem};

/// Lines of a job that are kept to be shown if it fails.
const KEPT: usize = 30;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    job: String,
    #[serde(default, rename = "jobID")]
    id: String,
    #[serde(default, rename = "jobResult")]
    result: Option<String>,
    #[serde(default)]
    level: String,
    msg: String,
    #[serde(default)]
    raw_output: bool,
}

#[derive(Debug)]
pub struct Ran {
    /// Its key in the workflow.
    pub id: String,
    /// What people see, with the row of its matrix.
    pub name: String,
    /// `success`, `failure`, `cancelled`; absent while it runs.
    pub result: Option<String>,
    pub took: Duration,
    started: Instant,
    said: VecDeque<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum News {
    Began(String),
    /// A job ended: its name, how, and after how long.
    Ended(String, String, Duration),
    /// A job or act itself said something.
    Said(String, String),
}

#[derive(Debug, Default)]
pub struct Log {
    jobs: BTreeMap<String, Ran>,
    order: Vec<String>,
    /// Jobs that act left out because it has no runner for them, with the label.
    skipped: Vec<(String, String)>,
    /// Its output that belongs to no job.
    said: VecDeque<String>,
}

impl Log {
    pub fn take(&mut self, text: &str) -> Vec<News> {
        let text = text.trim_end();
        let Ok(line) = serde_json::from_str::<Line>(text) else {
            keep(&mut self.said, text);
            return vec![News::Said(String::new(), text.to_owned())];
        };
        if line.job.is_empty() {
            keep(&mut self.said, &line.msg);
            return vec![News::Said(String::new(), line.msg)];
        }
        let mut news = Vec::new();
        let name = shown(&line.job);
        if let Some((_, label)) = line.msg.split_once("Skipping unsupported platform -- Try running with `-P ") {
            self.skipped.push((name, label.trim_end_matches("=...`").to_owned()));
            return news;
        }
        if !self.jobs.contains_key(&line.job) {
            news.push(News::Began(name.clone()));
            self.order.push(line.job.clone());
        }
        let job = self.jobs.entry(line.job).or_insert_with(|| Ran {
            id: line.id,
            name: name.clone(),
            result: None,
            took: Duration::ZERO,
            started: Instant::now(),
            said: VecDeque::new(),
        });
        if line.raw_output || line.level == "error" {
            keep(&mut job.said, line.msg.trim_end());
            news.push(News::Said(name.clone(), line.msg.trim_end().to_owned()));
        }
        if let Some(result) = line.result {
            job.took = job.started.elapsed();
            job.result = Some(result.clone());
            news.push(News::Ended(name, result, job.took));
        }
        news
    }

    /// The jobs that ran, in the order in which they began.
    pub fn jobs(&self) -> impl Iterator<Item = &Ran> {
        self.order.iter().filter_map(|job| self.jobs.get(job))
    }

    /// What is wrong: jobs that failed, were left out or did nothing, and an end of act that none of them explains.
    pub fn problems(&self, workflow: &WorkflowFile, status: &str, success: bool) -> Vec<(Exit, Problem)> {
        let file = workflow.file();
        let mut problems = Vec::new();
        let mut unfetched = BTreeMap::new();
        for job in self.jobs().filter(|job| job.result.as_deref() != Some("success")) {
            if let Some((action, why)) = job.said.iter().find_map(|line| not_fetched(line)) {
                unfetched.entry(action).or_insert(why);
                continue;
            }
            let how = job.result.as_deref().unwrap_or("no result");
            let text = format!("job `{}` of `{file}` ended with {how}{}", job.name, quoted(&job.said));
            problems.push((Exit::Build, Problem::new("job-failed", text).hint("`-v` shows the output of the jobs")));
        }
        for (action, why) in unfetched {
            let problem =
                Problem::new("action-not-fetched", format!("act cannot fetch `{action}` for `{file}`: {why}"));
            let hint = format!(
                "act needs github.com; without it, clone the action and pass its folder: `longshore rehearse --act -- --local-repository {action}=DIR`"
            );
            problems.push((Exit::Build, problem.hint(hint)));
        }
        for (name, label) in &self.skipped {
            let why = match label.as_str() {
                "" => "it has no runner: its matrix is empty, which is an error on GitHub".to_owned(),
                label => format!("its runner `{label}` is known only at run time"),
            };
            let problem = Problem::new("job-did-nothing", format!("job `{name}` of `{file}` did not run: {why}"));
            let hint = match label.as_str() {
                "" => "skip the job with an `if:`".to_owned(),
                label => format!("longshore rehearse --act -- -P {label}=-self-hosted"),
            };
            problems.push((Exit::Verification, problem.hint(hint)));
        }
        let explained = !problems.is_empty();
        if !success && !explained && self.jobs.is_empty() {
            let text = format!("act started no job of `{file}` and failed with {status}{}", quoted(&self.said));
            let hint = "docs/act.md lists the versions of act that are known to work; `act --version` prints yours";
            return vec![(Exit::Build, Problem::new("act-failed", text).hint(hint))];
        }
        for job in workflow.jobs.iter().filter(|job| !job.optional && !explained && !self.began(&job.id, &job.name)) {
            let text = format!("job `{}` of `{file}` did not run: act never started it", job.id);
            let hint = "a job that may be skipped needs an `if:`";
            problems.push((Exit::Verification, Problem::new("job-did-nothing", text).hint(hint)));
        }
        if !success && !explained {
            let text = format!("act failed with {status} for `{file}`{}", quoted(&self.said));
            problems.insert(0, (Exit::Build, Problem::new("act-failed", text)));
        }
        problems
    }

    /// Whether anything of a job ran; those of a reusable workflow stand behind the name of their caller.
    fn began(&self, id: &str, name: &str) -> bool {
        let caller = |job: &str| job.split('/').any(|part| part.trim() == id || part.trim() == name);
        self.jobs.iter().any(|(job, ran)| ran.id == id || caller(job))
    }
}

/// `Release/Build x86_64-1   ` as people want to read it: act puts the workflow before it and fills it up.
fn shown(job: &str) -> String {
    job.split_once('/').map_or(job, |(_, name)| name).trim().to_owned()
}

/// The action, with its commit, that act could not fetch, and why not.
/// <https://github.com/nektos/act/blob/v0.2.89/pkg/runner/step_action_remote.go>
fn not_fetched(line: &str) -> Option<(String, String)> {
    let (_, rest) = line.split_once("failed to fetch \"https://github.com/")?;
    let (name, rest) = rest.split_once("\" version \"")?;
    let (commit, why) = rest.split_once('"')?;
    let why = why.rsplit_once("\": ").map_or(why, |(_, why)| why);
    Some((format!("{}@{commit}", name.trim_end_matches(".git")), why.trim_start_matches([':', ' ']).to_owned()))
}

fn keep(lines: &mut VecDeque<String>, text: &str) {
    for line in text.lines() {
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
}

fn quoted(lines: &VecDeque<String>) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
    format!(":\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKFLOW: &str = "jobs:
  plan: { runs-on: a }
  maybe: { runs-on: a, if: x }
  build: { name: 'Build ${{ matrix.id }}', runs-on: a }
  call: { uses: ./x.yml }
";

    /// Lines as act 0.2.89 writes them, without the fields we do not read.
    fn ended(job: &str, id: &str, result: &str) -> String {
        format!(r#"{{"job":"{job}","jobID":"{id}","jobResult":"{result}","level":"info","msg":"🏁  Job"}}"#)
    }

    fn problems(lines: &[String], success: bool) -> Vec<(Exit, String)> {
        let mut log = Log::default();
        for line in lines {
            log.take(line);
        }
        let workflow = WorkflowFile::read(".github/workflows/r.yml", WORKFLOW).unwrap();
        let problems = log.problems(&workflow, "1", success).into_iter();
        problems.map(|(exit, problem)| (exit, problem.message)).collect()
    }

    #[test]
    fn an_action_that_cannot_be_fetched_is_named_once() {
        let said = r#"failed to fetch \"https://github.com/actions/upload-artifact\" version \"ea16\": GoGitActionCache failed to fetch https://github.com/actions/upload-artifact with ref ea16 at /tmp/x.git: Get \"https://github.com/actions/upload-artifact/info/refs\": dial tcp: lookup github.com: no such host"#;
        let line = |job: &str| format!(r#"{{"job":"R/{job}","jobID":"{job}","level":"error","msg":"{said}"}}"#);
        let mut lines = fine();
        for job in ["plan", "build"] {
            lines.extend([line(job), ended(&format!("R/{job}"), job, "failure")]);
        }
        let found = problems(&lines, false);
        let text =
            "act cannot fetch `actions/upload-artifact@ea16` for `r.yml`: dial tcp: lookup github.com: no such host";
        assert_eq!(found, [(Exit::Build, text.to_owned())]);
    }

    fn fine() -> Vec<String> {
        vec![
            ended("R/plan   ", "plan", "success"),
            ended("R/Build one-1", "build", "success"),
            ended("call/x.yml/inner", "inner", "success"),
        ]
    }

    #[test]
    fn a_green_run_is_green() {
        assert_eq!(problems(&fine(), true), []);
    }

    #[test]
    fn a_job_that_did_nothing_is_found() {
        for (left_out, name) in [(0, "plan"), (1, "build"), (2, "call")] {
            let mut lines = fine();
            lines.remove(left_out);
            let text = format!("job `{name}` of `r.yml` did not run: act never started it");
            assert_eq!(problems(&lines, true), [(Exit::Verification, text)]);
        }
        let skip = |label: &str| {
            let mut lines = fine();
            let text = format!("🚧  Skipping unsupported platform -- Try running with `-P {label}=...`");
            lines[1] = serde_json::json!({ "job": "R/Build  ", "jobID": "build", "msg": text }).to_string();
            problems(&lines, true)
        };
        let said = skip("odd");
        assert_eq!(said.len(), 1);
        assert!(said[0].1.starts_with("job `Build` of `r.yml` did not run: its runner `odd`"), "{said:?}");
        assert!(skip("")[0].1.contains("its matrix is empty"));
    }

    #[test]
    fn a_failed_job_is_named_with_what_it_said() {
        let mut lines = fine();
        let line = serde_json::json!({ "job": "R/Build one-1", "jobID": "build", "raw_output": true, "msg": "boom\n" });
        lines[1] = line.to_string();
        lines.push(ended("R/Build one-1", "build", "failure"));
        let text = "job `Build one-1` of `r.yml` ended with failure:\n  boom".to_owned();
        assert_eq!(problems(&lines, false), [(Exit::Build, text)]);
    }

    #[test]
    fn an_end_without_a_job_is_told() {
        let lines = [fine(), vec!["Error: nothing works".into()]].concat();
        let text = "act failed with 1 for `r.yml`:\n  Error: nothing works".to_owned();
        assert_eq!(problems(&lines, false), [(Exit::Build, text)]);
        let text = "act started no job of `r.yml` and failed with 1:\n  Error: unknown flag".to_owned();
        assert_eq!(problems(&["Error: unknown flag".into()], false), [(Exit::Build, text)]);
    }

    #[test]
    fn news_for_people() {
        let mut log = Log::default();
        let line = serde_json::json!({ "job": "R/plan  ", "jobID": "plan", "raw_output": true, "msg": "hello\n" });
        let news = log.take(&line.to_string());
        assert_eq!(news, [News::Began("plan".into()), News::Said("plan".into(), "hello".into())]);
        assert!(matches!(&log.take(&ended("R/plan  ", "plan", "success"))[..], [News::Ended(..)]));
    }
}
