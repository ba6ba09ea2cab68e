//! Plans assets: files made once, by the user's commands, on one machine.

use super::inputs::Inputs;
use super::names::{Names, check_names};
use super::planner::{Entry, Machine, Planned, Planner};
use super::release::Source;
use super::{ArchiveOutput, AssetOutputs, AssetWork, FileSpec, Output, Step, Work, runner};
use crate::config::Asset;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};

pub fn steps(planner: &Planner<'_>) -> Vec<Planned> {
    planner.inputs.config.assets.iter().map(|asset| step(planner, asset)).collect()
}

pub fn sources<'f>(inputs: &Inputs<'_>) -> Vec<Source<'f>> {
    let component = |asset: &Asset| inputs.component(asset.component.as_deref(), &asset.name);
    let source = |asset| Source { component: component(asset), ..Source::default() };
    inputs.config.assets.iter().map(source).collect()
}

fn step(planner: &Planner<'_>, asset: &Asset) -> Planned {
    let (id, at) = (StepId::of(StepKind::Asset, &asset.name), format!("assets.{}", asset.name));
    let component = planner.inputs.component(asset.component.as_deref(), &asset.name);
    let outputs = outputs(planner, asset, &component);
    let files =
        asset.files.iter().map(|file| FileSpec { from: file.from.clone(), to: file.to.clone(), follow: file.follow });
    let work = Work::Asset(AssetWork { run: asset.run.clone(), files: files.collect(), outputs });
    check_names(planner.inputs, &id, work.outputs());
    let publish = planner.destinations(&id, &work, Entry { at: &at, component: &component, publish: &asset.publish });
    let runner = asset.runner.clone().unwrap_or_else(|| runner::any().to_owned());
    let machine = Some(Machine { wave: 1, runner, container: None, target: None, name: None });
    let step = Step { id, component, needs: Vec::new(), publish, job: None, target: None, work };
    Planned { step, machine, at }
}

/// The bundle, or every file under its own name.
fn outputs(planner: &Planner<'_>, asset: &Asset, component: &str) -> AssetOutputs {
    let (inputs, name) = (planner.inputs, &asset.name);
    if let Some((template, format)) = &asset.file {
        let names =
            Names { name: asset.title.as_deref().unwrap_or(name), release: planner.release(component), target: None };
        let name = names.fill(template, None);
        let name = name.unwrap_or_else(|problem| {
            inputs.refuse(problem.at_value(format!("assets.{}.file", asset.name)));
            String::new()
        });
        return AssetOutputs::Bundle([ArchiveOutput { name, format: *format }]);
    }
    if let Some(glob) = asset.files.iter().find(|file| file.from.contains(['*', '?', '[', '{'])) {
        let text = format!("`{}` is a pattern: published files must have known names before anything runs", glob.from);
        let hint = "list the files, or bundle them with `file: NAME.tar.gz`";
        inputs.refuse(Problem::new("unnamed-asset", text).hint(hint).at_value(format!("assets.{name}.files")));
        return AssetOutputs::Files(Vec::new());
    }
    for (index, file) in asset.files.iter().enumerate() {
        let from = file.from.trim_start_matches("./").trim_end_matches('/');
        let below = format!("{from}/");
        let at = format!("assets.{name}.files.{index}");
        if inputs.facts.files.iter().any(|known| known.path.starts_with(&below)) {
            let text = format!("`{from}` is a folder: what is published are files");
            let hint = "list the files, or bundle the folder with `file: NAME.tar.gz`";
            inputs.refuse(Problem::new("unnamed-asset", text).hint(hint).at_value(at));
        } else if asset.run.is_empty() && !inputs.facts.files.iter().any(|known| known.path == from) {
            let text = format!("`{from}` is not committed, and this asset has no `run:` that makes it");
            let hint = "paths are relative to longshore.yaml; name the command that makes it in `run:`";
            inputs.refuse(Problem::new("no-such-file", text).hint(hint).at_value(at));
        }
    }
    let names = asset.files.iter().map(|file| {
        let path = file.to.as_deref().unwrap_or(&file.from);
        path.trim_end_matches('/').rsplit('/').next().unwrap_or(path).to_owned()
    });
    AssetOutputs::Files(names.map(Output::from).collect())
}
