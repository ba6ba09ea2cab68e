//! Does a finished image start, and what in it is dubious? Its files and its config are read, nothing is run.

mod config;
mod dubious;
mod finding;
mod interpreter;
mod launch;
mod libraries;
mod lookup;
mod machine;
mod misfit;
mod scene;
mod settings;
mod shell;
mod user;
mod words;
mod wrapper;

use serde_json::Value;

pub use finding::{Finding, Verdict};

use crate::oci::filesystem::{FileSystem, Kind};
use crate::platform::Platform;
use launch::Launch;
use machine::Machine;
use scene::Scene;
use settings::{Health, Settings};
use user::{User, identify};
use words::Word;

/// Judges an image by its config and all of its files. One that is only a base of others (`is_base`) need not start.
pub fn examine(config: &Value, files: &FileSystem, platform: Platform, is_base: bool) -> Verdict {
    let settings = Settings::read(config);
    let machine = Machine::new(platform);
    let mut verdict = Verdict::default();
    config::check(config, &settings, platform, &mut verdict);
    let mut launch =
        Launch { files, settings: &settings, machine: &machine, refusals: Vec::new(), warnings: Vec::new() };
    let user = match identify(&settings.user, files) {
        Ok(user) => user,
        Err(why) => {
            let hint = "create the user in the last stage, or use numbers (`USER 65532:65532`)";
            launch.refusals.push(Finding::new("image-cannot-start", &format!("it {why}"), hint));
            None
        }
    };
    let workdir = workdir(&settings, files, &mut launch.refusals);
    let scene = scene(user, workdir);
    start(&mut launch, &scene, is_base);
    health(&mut launch, &scene);
    if is_base {
        // What it starts may be put into the images based on it.
        launch.warnings.append(&mut launch.refusals);
    }
    if let Some(text) = misfit::other_base(files, &machine)
        && !launch.refusals.iter().any(|one| text.split('`').nth(1).is_some_and(|path| one.text.contains(path)))
    {
        verdict.refusals.push(Finding::new("image-platform", &text, "lock the base image for this platform"));
    }
    verdict.refusals.append(&mut launch.refusals);
    verdict.warnings.append(&mut launch.warnings);
    verdict.warnings.extend(dubious::files(files));
    verdict
}

/// The folder that it starts in. Engines create one that is not there.
fn workdir(settings: &Settings, files: &FileSystem, refusals: &mut Vec<Finding>) -> Option<String> {
    let path = settings.workdir.as_str();
    match files.walk("", path) {
        Ok(way) if way.entry.is_none_or(|entry| entry.kind == Kind::Folder) => Some(way.place),
        Ok(_) => {
            let text = format!("WORKDIR `{path}` is not a folder");
            refusals.push(Finding::new("image-cannot-start", &text, "name a folder"));
            None
        }
        Err(_) => Some(path.split('/').filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/")),
    }
}

fn words(all: &[String]) -> Vec<Word> {
    all.iter().cloned().map(Word::Text).collect()
}

fn scene(user: Option<User>, folder: Option<String>) -> Scene {
    Scene {
        label: "ENTRYPOINT",
        trail: Vec::new(),
        folder,
        path: true,
        libraries: true,
        modes: true,
        user,
        sure: true,
        by_shell: false,
    }
}

fn start(launch: &mut Launch<'_>, scene: &Scene, is_base: bool) {
    let settings = launch.settings;
    let command = settings.command();
    if command.is_empty() {
        if !is_base {
            let text = "it has neither ENTRYPOINT nor CMD: there is nothing to start";
            let hint = "add `ENTRYPOINT [\"/program\"]` to the last stage";
            launch.refusals.push(Finding::new("image-cannot-start", text, hint));
        }
        return;
    }
    let label = if settings.entrypoint.is_empty() { "CMD" } else { "ENTRYPOINT" };
    launch.run(&Scene { label, ..scene.clone() }, &words(&command));
}

fn health(launch: &mut Launch<'_>, scene: &Scene) {
    match &launch.settings.health {
        Health::None => {}
        Health::Command(command) => launch.run(&Scene { label: "HEALTHCHECK", ..scene.clone() }, &words(command)),
        Health::Unknown(kind) => {
            let text = format!("HEALTHCHECK has the kind `{kind}`, which engines do not know");
            launch.refusals.push(Finding::new("image-config", &text, "write `HEALTHCHECK CMD …`"));
        }
    }
}

#[cfg(test)]
mod tests;
