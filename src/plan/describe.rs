//! What images say of themselves: labels, annotations, and what was decided about them, for people.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};

use super::inputs::Inputs;
use super::{ImageWork, OfKind, Release, Step};
use crate::config::Image;
use crate::platform::Platform;
use crate::problem::Problem;
use crate::template::Template;

pub struct Places<'a> {
    pub release: &'a Release,
    /// Name of the project.
    pub project: String,
    /// `name:` or key of the image.
    pub name: &'a str,
    pub sha: &'a str,
    /// Date of the commit, `2026-11-21`.
    pub date: String,
    pub flavor: &'a str,
    /// Platform, for images of one.
    pub platform: Option<Platform>,
}

impl<'a> Places<'a> {
    /// Those of an image of a platform, or of the index of a flavor.
    pub fn of(
        inputs: &Inputs<'a>,
        image: &'a Image,
        release: &'a Release,
        flavor: &'a str,
        platform: Option<Platform>,
    ) -> Self {
        Self {
            release,
            project: inputs.name(),
            name: image.title.as_deref().unwrap_or(&image.name),
            sha: &inputs.facts.head.commit,
            date: time(inputs).format("%Y-%m-%d").to_string(),
            flavor,
            platform,
        }
    }

    /// Fills a template; what stands for the version can be something else.
    ///
    /// # Errors
    /// The placeholder that has no value here.
    pub fn fill(&self, template: &Template, version: &str) -> Result<String, String> {
        let (major, minor, patch) = self.release.version.triple();
        template.fill(|place| {
            Some(match place {
                "name" => self.name.to_owned(),
                "project" => self.project.clone(),
                "component" => self.release.component.clone(),
                "version" => version.to_owned(),
                "major" => major.to_string(),
                "minor" => minor.to_string(),
                "patch" => patch.to_string(),
                "tag" => self.release.tag.replace(&self.release.version.to_string(), version),
                "sha" => self.sha.to_owned(),
                "date" => self.date.clone(),
                "flavor" => self.flavor.to_owned(),
                "arch" => self.platform?.machine().to_owned(),
                "goarch" => self.platform?.goarch().to_owned(),
                _ => return None,
            })
        })
    }
}

fn time(inputs: &Inputs<'_>) -> DateTime<Utc> {
    DateTime::from_timestamp(inputs.facts.head.time, 0).unwrap_or_default()
}

pub struct Described<'a> {
    pub inputs: &'a Inputs<'a>,
    pub image: &'a Image,
    pub places: Places<'a>,
    /// The cargo package of its first executable.
    pub package: Option<&'a str>,
}

impl Described<'_> {
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.filled(&self.image.labels, "labels")
    }

    pub fn annotations(&self) -> BTreeMap<String, String> {
        self.filled(&self.image.annotations, "annotations")
    }

    /// The standard ones, and those that are written.
    fn filled(&self, written: &BTreeMap<String, Template>, key: &str) -> BTreeMap<String, String> {
        let mut all = self.standard();
        for (label, template) in written {
            match self.places.fill(template, &self.places.release.version.to_string()) {
                Ok(text) => drop(all.insert(label.clone(), text)),
                Err(place) => {
                    let problem = Problem::new("unknown-placeholder", format!("`{{{place}}}` has no value here"));
                    self.inputs.refuse(problem.at_value(format!("images.{}.{key}.{label}", self.image.name)));
                }
            }
        }
        all
    }

    /// Keys: <https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md>.
    fn standard(&self) -> BTreeMap<String, String> {
        let facts = self.inputs.facts;
        let package = self.package.and_then(|name| facts.packages.iter().find(|package| package.name == name));
        let source = facts.remote.as_ref();
        let all = [
            ("title", Some(self.places.name.to_owned())),
            ("version", Some(self.places.release.version.to_string())),
            ("revision", Some(self.places.sha.to_owned())),
            ("created", Some(time(self.inputs).to_rfc3339_opts(SecondsFormat::Secs, true))),
            ("description", package.and_then(|package| package.description.clone())),
            ("licenses", package.and_then(|package| package.license.clone())),
            ("source", source.map(|remote| format!("https://{}/{}/{}", remote.host, remote.owner, remote.name))),
        ];
        let known = all.into_iter().filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)));
        known.map(|(key, value)| (format!("org.opencontainers.image.{key}"), value)).collect()
    }
}

/// What was assumed or decided for images, for people: implicit builds with their reason, bases that are not locked.
pub fn notes(steps: &[Step]) -> Vec<String> {
    let images = || steps.iter().filter_map(|step| ImageWork::of(&step.work));
    let mut notes = Vec::new();
    for step in steps.iter().filter(|step| step.is_implicit()) {
        let on = images().filter(|image| {
            image.assembly().is_some_and(|made| made.executables.iter().any(|file| file.step == step.id))
        });
        let mut flavors: Vec<&str> = on.map(|image| image.flavor.as_str()).collect();
        flavors.dedup();
        if !flavors.is_empty() {
            notes.push(format!("`{}` is for {}: nothing else runs there", step.id, flavors.join(", ")));
        }
    }
    let mut open: Vec<String> = images()
        .filter_map(ImageWork::base)
        .filter(|base| base.digest.is_none())
        .map(|base| format!("`{}`", base.from))
        .collect();
    open.sort();
    open.dedup();
    if !open.is_empty() {
        let list = open.join(", ");
        notes.push(format!("base images are not locked, what they provide is taken from a table: {list}"));
    }
    notes
}
