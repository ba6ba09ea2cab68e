//! Plans assets: files made once, by the user's commands, on one machine.

use super::decide::{Inputs, Problems};
use super::{AssetWork, FileSpec, Output, Step, Work};
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};

/// One step per asset. Outputs with templates are named later, when versions are known.
pub fn steps(inputs: &Inputs<'_>, problems: &mut Problems) -> Vec<Step> {
    let mut steps = Vec::new();
    for asset in &inputs.config.assets {
        let mut outputs = match &asset.file {
            Some((template, format)) => vec![Output { name: template.to_string(), format: Some(*format) }],
            None => {
                let names = asset.files.iter().map(|file| {
                    let path = file.to.as_deref().unwrap_or(&file.from);
                    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path).to_owned()
                });
                names.map(|name| Output { name, format: None }).collect()
            }
        };
        if asset.file.is_none()
            && let Some(glob) = asset.files.iter().find(|file| file.from.contains(['*', '?', '[', '{']))
        {
            let text = format!(
                "`{}` is a pattern: the names of published files must be known before anything runs",
                glob.from
            );
            let problem =
                Problem::new("unnamed-asset", text).hint("list the files, or bundle them with `file: NAME.tar.gz`");
            outputs.clear();
            problems.push(problem.at_value(format!("assets.{}.files", asset.name)));
        }
        let files = asset.files.iter().map(|file| {
            let (from, to) = (file.from.clone(), file.to.clone());
            FileSpec { from, to, follow: file.follow }
        });
        let files = files.collect();
        steps.push(Step {
            id: StepId::of(StepKind::Asset, &asset.name),
            component: inputs.component(asset.component.as_deref(), &asset.name),
            needs: Vec::new(),
            outputs,
            publish: Vec::new(),
            leg: None,
            target: None,
            work: Work::Asset(AssetWork { run: asset.run.clone(), files, bundle: asset.file.is_some() }),
        });
    }
    steps
}

/// The step of an asset that is named in `assets:`.
pub fn named<'s>(assets: &'s [Step], name: &str) -> Option<&'s Step> {
    assets.iter().find(|step| step.id.is_of(name))
}
