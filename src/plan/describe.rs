//! What images say of themselves: labels, annotations, and what was decided about them, for people.

use std::collections::BTreeMap;

use super::decide::{Inputs, Problems};
use super::image::once;
use super::{Release, Step, Work};
use crate::platform::Platform;
use crate::problem::Problem;
use crate::template::Template;

/// The values of an image's templates.
pub struct Places<'a> {
    /// The release.
    pub release: &'a Release,
    /// Name of the project.
    pub project: &'a str,
    /// `name:` or key of the image.
    pub name: &'a str,
    /// Commit.
    pub sha: &'a str,
    /// Date of the commit, `2026-11-21`.
    pub date: &'a str,
    /// Flavor.
    pub flavor: &'a str,
    /// Platform, for images of one.
    pub platform: Option<Platform>,
    /// The cargo package of its first executable.
    pub package: Option<&'a str>,
}

impl Places<'_> {
    /// Fills a template; what stands for the version can be something else.
    ///
    /// # Errors
    /// The placeholder that has no value here.
    pub fn fill(&self, template: &Template, version: &str) -> Result<String, String> {
        let (major, minor, patch) = self.release.version.triple();
        template.fill(|place| {
            Some(match place {
                "name" => self.name.to_owned(),
                "project" => self.project.to_owned(),
                "component" => self.release.component.clone(),
                "version" => version.to_owned(),
                "major" => major.to_string(),
                "minor" => minor.to_string(),
                "patch" => patch.to_string(),
                "tag" => self.release.tag.replace(&self.release.version.to_string(), version),
                "sha" => self.sha.to_owned(),
                "date" => self.date.to_owned(),
                "flavor" => self.flavor.to_owned(),
                "arch" => self.platform?.arch().name().to_owned(),
                "goarch" => self.platform?.goarch().to_owned(),
                _ => return None,
            })
        })
    }
}

/// Fills labels and annotations, now that versions are known.
/// Keys: <https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md>.
pub fn describe(inputs: &Inputs<'_>, steps: &mut [Step], releases: &[Release], problems: &mut Problems) {
    let project = inputs.name();
    let created = chrono::DateTime::from_timestamp(inputs.facts.head.time, 0).unwrap_or_default();
    let date = created.format("%Y-%m-%d").to_string();
    let created = created.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let packages = packages(steps);
    for step in steps {
        let Some(release) = releases.iter().find(|release| release.component == step.component) else { continue };
        let (name, flavor, platform) = match &step.work {
            Work::Image(work) => (work.image.clone(), work.flavor.clone(), Some(work.platform)),
            Work::Index(work) => (work.image.clone(), work.flavor.clone(), None),
            _ => continue,
        };
        let Some(image) = inputs.config.images.iter().find(|image| image.name == name) else { continue };
        let places = Places {
            release,
            project: &project,
            name: image.title.as_deref().unwrap_or(&image.name),
            sha: &inputs.facts.head.commit,
            date: &date,
            flavor: &flavor,
            platform,
            package: packages.get(&name).map(String::as_str),
        };
        let standard = standard(inputs, (&places, &created));
        let written = |map: &BTreeMap<String, Template>, key: &str, problems: &mut Problems| {
            let mut all = standard.clone();
            for (label, template) in map {
                match places.fill(template, &release.version.to_string()) {
                    Ok(text) => drop(all.insert(label.clone(), text)),
                    Err(place) => {
                        let problem = Problem::new("unknown-placeholder", format!("`{{{place}}}` has no value here"));
                        once(problems, problem.at_value(format!("images.{name}.{key}.{label}")));
                    }
                }
            }
            all
        };
        let labels = written(&image.labels, "labels", problems);
        let annotations = written(&image.annotations, "annotations", problems);
        match &mut step.work {
            Work::Image(work) => (work.config.labels, work.annotations) = (labels, annotations),
            Work::Index(work) => work.annotations = annotations,
            _ => {}
        }
    }
}

/// The cargo package of each image's first executable.
fn packages(steps: &[Step]) -> BTreeMap<String, String> {
    let of = |id: &str| {
        steps.iter().find(|step| step.id == id).and_then(|step| match &step.work {
            Work::Binary(work) => Some(work.package.clone()),
            _ => None,
        })
    };
    let image = |step: &Step| match &step.work {
        Work::Image(work) => Some((work.image.clone(), of(&work.executables.first()?.step)?)),
        _ => None,
    };
    steps.iter().filter_map(image).collect()
}

fn standard(inputs: &Inputs<'_>, (places, created): (&Places<'_>, &str)) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            all.insert(format!("org.opencontainers.image.{key}"), value);
        }
    };
    let package = places.package.and_then(|name| inputs.facts.packages.iter().find(|package| package.name == name));
    add("title", Some(places.name.to_owned()));
    add("version", Some(places.release.version.to_string()));
    add("revision", Some(places.sha.to_owned()));
    add("created", Some(created.to_owned()));
    add("description", package.and_then(|package| package.description.clone()));
    add("licenses", package.and_then(|package| package.license.clone()));
    let source = inputs.facts.remote.as_ref();
    add("source", source.map(|remote| format!("https://{}/{}/{}", remote.host, remote.owner, remote.name)));
    all
}

/// What was assumed or decided for images, for people: hidden builds with their reason, bases that are not locked.
pub fn notes(steps: &[Step]) -> Vec<String> {
    let images = || {
        steps.iter().filter_map(|step| match &step.work {
            Work::Image(work) => Some(work),
            _ => None,
        })
    };
    let mut notes = Vec::new();
    for step in steps.iter().filter(|step| step.is_hidden()) {
        let on = images().filter(|image| image.executables.iter().any(|file| file.step == step.id));
        let mut flavors: Vec<&str> = on.map(|image| image.flavor.as_str()).collect();
        flavors.dedup();
        if !flavors.is_empty() {
            notes.push(format!("`{}` is made for {}: nothing else starts there", step.id, flavors.join(", ")));
        }
    }
    let mut open: Vec<String> = images()
        .filter_map(|image| image.base.as_ref())
        .filter(|base| base.digest.is_none())
        .map(|base| format!("`{}`", base.from))
        .collect();
    open.sort();
    open.dedup();
    if !open.is_empty() {
        let list = open.join(", ");
        notes.push(format!("base images are not locked, what they offer is taken from a table: {list}"));
    }
    notes
}
