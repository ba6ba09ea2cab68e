//! Plans deployment files and commands: what they say and are told of what is released, and of what was before.

use super::inputs::Inputs;
use super::planner::accepts;
use super::release::Releases;
use super::{
    CommandDestination, DeploymentValue, FileDestination, Release, Step, StepFile, ValuePart, chart, dockerfile_maker,
    earlier, registry,
};
use crate::config::schema::{named, nearest};
use crate::config::{self, DeploymentFile, DestinationCommand, Publish};
use crate::problem::Problem;
use crate::reference::Reference;
use crate::step_id::StepKind;
use crate::template::Piece;

/// What the destinations of this machine are planned from.
pub struct Deployment<'a> {
    pub inputs: &'a Inputs<'a>,
    pub releases: &'a Releases,
    /// Every step that is carried out.
    pub steps: &'a [&'a Step],
}

/// A release of an image or chart, and where it is pushed.
struct Placed<'c> {
    what: String,
    release: Release,
    pushed: Option<Reference>,
    publish: &'c Publish,
}

impl Deployment<'_> {
    /// Whether a destination has anything to do: a file names what is released, a command is told of what goes there.
    pub fn is_used(&self, one: &config::Destination) -> bool {
        let request = self.inputs.request;
        let is_whole = request.only.is_empty() && request.kept.is_none();
        let is_taken = || self.releases.list.iter().any(|release| self.inputs.takes(one.when, release));
        match &one.kind {
            // A selection of steps is not what is deployed.
            config::DestinationKind::File(_) => is_whole && is_taken(),
            config::DestinationKind::Command(command) => {
                is_whole && (self.is_published_to(&one.name) || !self.references(one, command).is_empty())
            }
            _ => self.is_published_to(&one.name),
        }
    }

    fn is_published_to(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.publish.iter().any(|to| to == name))
    }

    /// A deployment file.
    pub fn file(&self, name: &str, file: &DeploymentFile) -> FileDestination {
        if self.inputs.facts.not_ignored.contains(&file.file) {
            self.refuse_not_ignored(name, &file.file);
        }
        let value = |(key, template): &(String, crate::template::Template)| {
            let at = format!("publish.{name}.set.{key}");
            let part = |piece: &Piece| match piece {
                Piece::Text(text) => Some(ValuePart::Text(text.clone())),
                Piece::Place(place) => self.part(place, &at),
            };
            DeploymentValue { key: key.clone(), value: template.pieces().iter().filter_map(part).collect() }
        };
        FileDestination { file: file.file.clone(), format: file.format, set: file.set.iter().map(value).collect() }
    }

    fn refuse_not_ignored(&self, name: &str, file: &str) {
        let is_tracked = self.inputs.facts.files.iter().any(|known| known.path == file);
        let untrack = if is_tracked { format!("`git rm --cached {file}`, then ") } else { String::new() };
        let text = format!("git does not ignore `{file}`: written, it would make the work tree dirty");
        let hint = format!("{untrack}add the line `/{file}` to the .gitignore beside longshore.yaml");
        let problem = Problem::new("not-ignored", text).hint(hint);
        self.inputs.refuse(problem.at_value(format!("publish.{name}.file")));
    }

    /// What a placeholder stands for.
    fn part(&self, place: &str, at: &str) -> Option<ValuePart> {
        let (inputs, head) = (self.inputs, &self.inputs.facts.head);
        let text = match place {
            "project" => inputs.name(),
            "sha" => head.commit.clone(),
            "date" => chrono::DateTime::from_timestamp(head.time, 0)?.format("%Y-%m-%d").to_string(),
            _ => {
                let (kind, name, field) = named(place)?;
                return match kind {
                    "image" => self.image(name, field, at),
                    "chart" => self.chart(name, field, at),
                    _ => self.archive(name, field, at),
                };
            }
        };
        Some(ValuePart::Text(text))
    }

    fn image(&self, name: &str, field: &str, at: &str) -> Option<ValuePart> {
        let inputs = self.inputs;
        let images = || inputs.config.images.iter();
        let Some(image) = images().find(|image| image.name == name) else {
            self.refuse_unknown("image", name, images().map(|image| image.name.as_str()), at);
            return None;
        };
        let what = format!("image `{name}`");
        let release = self.release(&dockerfile_maker::component(inputs, image), &what, at)?;
        let pushed = registry::reference(inputs, image, &release);
        self.field(Placed { what, release, pushed, publish: &image.publish }, field, at)
    }

    fn chart(&self, name: &str, field: &str, at: &str) -> Option<ValuePart> {
        let inputs = self.inputs;
        let charts = || inputs.config.charts.iter();
        let Some(chart) = charts().find(|chart| chart.name == name) else {
            self.refuse_unknown("chart", name, charts().map(|chart| chart.name.as_str()), at);
            return None;
        };
        let what = format!("chart `{name}`");
        let release = self.release(&chart::component(inputs, chart), &what, at)?;
        let pushed = registry::chart_reference(inputs, chart, &release);
        self.field(Placed { what, release, pushed, publish: &chart.publish }, field, at)
    }

    /// This run's release, that of a snapshot which is published already, or the newest stable one.
    fn release(&self, component: &str, what: &str, at: &str) -> Option<Release> {
        if let Some(release) = self.releases.of(component) {
            return Some(release.clone());
        }
        let earlier = earlier::earlier(self.inputs, self.releases, component, what);
        earlier.map_err(|problem| self.inputs.refuse(problem.at_value(at))).ok()
    }

    fn field(&self, placed: Placed<'_>, field: &str, at: &str) -> Option<ValuePart> {
        let Placed { what, release, pushed, publish } = placed;
        if field == "version" {
            return Some(ValuePart::Text(release.version.to_string()));
        }
        let Some(pushed) = pushed else {
            let text = format!("{what} is published nowhere under a tag with its version");
            let hint = "give it a registry, and a template with `{version}` in `tags:`";
            self.inputs.refuse(Problem::new("image-not-published", text).hint(hint).at_value(at));
            return None;
        };
        let pulled = registry::pulled(self.inputs, publish, &pushed);
        Some(match field {
            "digest" => ValuePart::DigestOf(pushed),
            "tag" => ValuePart::Text(pulled.tag.unwrap_or_default()),
            "repository" => ValuePart::Text(pulled.repository.to_string()),
            _ => ValuePart::Text(pulled.to_string()),
        })
    }

    fn archive(&self, name: &str, field: &str, at: &str) -> Option<ValuePart> {
        let of_archive = |step: &&&Step| step.id.kind() == StepKind::Archive && step.id.is_of(name);
        let steps: Vec<&Step> = self.steps.iter().filter(of_archive).copied().collect();
        let written = self.inputs.config.archives.items.iter().find(|archive| archive.name == name);
        let component = match (steps.first(), written) {
            (Some(step), _) => step.component.clone(),
            (None, Some(archive)) => self.inputs.component(archive.component.as_deref(), name),
            (None, None) => {
                let planned = self.steps.iter().filter(|step| step.id.kind() == StepKind::Archive);
                self.refuse_unknown("archive", name, planned.map(|step| step.id.entry()), at);
                return None;
            }
        };
        let release = self.release(&component, &format!("archive `{name}`"), at)?;
        match field {
            "version" => return Some(ValuePart::Text(release.version.to_string())),
            "tag" => return Some(ValuePart::Text(release.tag)),
            // How many there are depends on the machine.
            _ if self.inputs.request.every_release => return None,
            _ => {}
        }
        let mut files = steps.iter().flat_map(|step| step.outputs().into_iter().map(move |file| (step, file)));
        let (Some((step, file)), None) = (files.next(), files.next()) else {
            let text = format!(
                "cannot determine which file of archive `{name}` is meant: this run makes {}",
                match steps.as_slice() {
                    [] => "none",
                    _ => "several",
                }
            );
            let hint = "`file` and `sha256` are known where one file is made, as with `host: true` in an overlay";
            self.inputs.refuse(Problem::new("which-file", text).hint(hint).at_value(at));
            return None;
        };
        Some(match field {
            "file" => ValuePart::Text(file.to_owned()),
            _ => ValuePart::Sha256Of(StepFile { step: step.id.clone(), name: file.to_owned() }),
        })
    }

    fn refuse_unknown<'n>(&self, noun: &str, name: &str, known: impl Iterator<Item = &'n str> + Clone, at: &str) {
        let hint = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.clone().next().is_none() => format!("there is no {noun} at all"),
            None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
        };
        let problem = Problem::new("unknown-reference", format!("there is no {noun} `{name}`"));
        self.inputs.refuse(problem.hint(hint).at_value(at));
    }

    /// A command.
    pub fn command(&self, one: &config::Destination, command: &DestinationCommand) -> CommandDestination {
        CommandDestination {
            command: command.command.clone(),
            pass_env: command.pass_env.clone(),
            timeout: command.timeout,
            references: self.references(one, command),
        }
    }

    /// The images and charts that a command is told of: of this run, and those of a snapshot that are published already.
    fn references(&self, one: &config::Destination, command: &DestinationCommand) -> Vec<Reference> {
        let inputs = self.inputs;
        let release = |component: &str, publish: &Publish| {
            let is_meant = match publish {
                Publish::Default => true,
                Publish::Off => false,
                Publish::To(names) => names.contains(&one.name),
            };
            let release = self.releases.of(component).filter(|release| is_meant && inputs.takes(one.when, release))?;
            let is_here = |step: &&Step| step.component == component && step.publish.contains(&one.name);
            (!self.releases.makes(component) || self.steps.iter().any(is_here)).then_some(release)
        };
        let image = |image: &config::Image| {
            let release = release(&dockerfile_maker::component(inputs, image), &image.publish)?;
            registry::reference(inputs, image, release)
        };
        let chart = |chart: &config::Chart| {
            registry::chart_reference(inputs, chart, release(&chart::component(inputs, chart), &chart.publish)?)
        };
        let images = inputs.config.images.iter().filter(|_| accepts(command, StepKind::Index)).filter_map(image);
        images
            .chain(inputs.config.charts.iter().filter(|_| accepts(command, StepKind::Chart)).filter_map(chart))
            .collect()
    }
}
