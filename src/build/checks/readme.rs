//! Renders the README of a wheel with PyPI's own renderer, to see that its page will have one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;

use crate::artifact::{Artifact, CheckResult, Subject};
use crate::build::install;
use crate::build::log::Log;
use crate::build::python;
use crate::core_metadata::CoreMetadata;
use crate::plan::Step;
use crate::problem::{Exit, Failure, Problem};
use crate::pypi::content_type;
use crate::world::process::{Cmd, Finished, Runner};
use crate::world::store::{Store, read_json};

/// Reads a folder of packages and a file from its arguments.
const SCRIPT: &str = include_str!("readme.py");
/// Most bytes of a METADATA.
const LARGEST: u64 = 16 << 20;

/// Renders the description of each wheel of a step. One that does not render is a result, no error.
///
/// # Errors
/// If a wheel cannot be read, or there is no Python.
pub fn run(runner: &Runner, log: &mut Log<'_>, store: &Store, wheel: &Step) -> anyhow::Result<CheckResult> {
    let record: Artifact = read_json(&store.record(&wheel.id))?;
    let mut result = CheckResult { passed: true, ..CheckResult::default() };
    let mut details = Vec::new();
    for file in &record.files {
        let (step, name) = (wheel.id.to_string(), file.name.clone());
        result.subjects.push(Subject { step, name, sha256: file.sha256 });
        let metadata = metadata(&store.file(&wheel.id, &file.name))?;
        let content_type = metadata.get("description-content-type");
        let seen = match content_type::may_fail(content_type) {
            false => format!("is {}, which always renders", content_type::kind(content_type)),
            true => match rendered(runner, log, store, &metadata.description)? {
                None => "renders".to_owned(),
                Some(why) => {
                    result.passed = false;
                    format!("does not render on PyPI: {why}")
                }
            },
        };
        details.push(format!("the README of `{}` {seen}", file.name));
    }
    result.detail = details.join("; ");
    Ok(result)
}

/// A README that does not render is refused like everything else that PyPI would not take.
///
/// # Errors
/// `Failure` with exit 3 if it did not pass.
pub fn refuse(step: &Step, result: &CheckResult) -> anyhow::Result<()> {
    if result.passed {
        return Ok(());
    }
    let hint = "fix the README, or write it in Markdown, which always renders";
    let problem = Problem::new("dist-refused", &result.detail).hint(hint).step(&step.id);
    Err(Failure { exit: Exit::Verification, problems: vec![problem] }.into())
}

fn metadata(path: &Path) -> anyhow::Result<CoreMetadata> {
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut archive = zip::ZipArchive::new(file)?;
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let is_metadata = |name: &&String| name.ends_with(".dist-info/METADATA") && name.matches('/').count() == 1;
    let name = names.iter().find(is_metadata).context("the wheel contains no METADATA")?;
    let mut text = String::new();
    archive.by_name(name)?.take(LARGEST).read_to_string(&mut text).context("METADATA is not UTF-8")?;
    CoreMetadata::parse(&text).map_err(|why| anyhow::anyhow!("METADATA {why}"))
}

/// What the renderer says of a text that it does not take.
fn rendered(runner: &Runner, log: &mut Log<'_>, store: &Store, text: &str) -> anyhow::Result<Option<String>> {
    let python =
        python::find(runner, store.repository(), None).map_err(|why| anyhow::anyhow!("{why}: install Python"))?;
    let scratch = tempfile::tempdir_in(store.root())?;
    let (script, readme) = (scratch.path().join("render.py"), scratch.path().join("README.rst"));
    fs::write(&script, SCRIPT)?;
    fs::write(&readme, text)?;
    // The program starts in a folder of its own.
    let places = [&script, &install::python(runner, store), &readme].map(std::path::absolute);
    let args = places.into_iter().map(|place| Ok(place?.display().to_string())).collect::<io::Result<Vec<_>>>()?;
    let cmd = Cmd::new(&python.program, scratch.path()).arg("-I").args(args).timeout(super::import::LIMIT);
    log.tell(format_args!("$ {cmd}"));
    let done = python.runner.output(&cmd)?;
    done.stdout.lines().chain(done.stderr.lines()).for_each(|line| log.tell(line));
    Ok((!done.status.success()).then(|| why(&done)))
}

fn why(done: &Finished) -> String {
    let said = done.stdout.lines().next().filter(|line| !line.trim().is_empty());
    match said {
        // `<string>:4: (ERROR/3) …`
        Some(said) => said.strip_prefix("<string>:").map_or(said.to_owned(), |said| format!("line {said}")),
        None if done.timed_out => "the renderer did not finish".into(),
        None => done.stderr.lines().next_back().map_or("nothing is left of it", str::trim).to_owned(),
    }
}
