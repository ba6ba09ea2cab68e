//! What the values of a chart's packaged copy say: images under the names that they are pulled by, and other texts.

use super::chart::Maker;
use super::dockerfile_maker;
use super::{ChartImage, ChartText, Origin, Release, registry};
use crate::config::schema::nearest;
use crate::config::{self, Image};
use crate::problem::Problem;
use crate::reference::{Reference, is_loopback};
use crate::step_id::StepKind;
use crate::template::Template;
use crate::version::Version;

impl Maker<'_> {
    /// The images that values name.
    pub fn images(&self, version: &Version) -> Vec<ChartImage> {
        let inputs = self.inputs();
        let mut all = Vec::new();
        for (name, paths) in &self.chart.images {
            let at = format!("{}.images.{name}", self.at);
            // One that is not there was told with the configuration.
            let Some(image) = inputs.config.images.iter().find(|image| image.name == *name) else { continue };
            let Some(named) = self.image(image, &at) else { continue };
            if !version.is_prerelease() {
                self.refuse_private(&named.reference, &at);
            }
            all.push(ChartImage { paths: paths.clone(), ..named });
        }
        all
    }

    fn image(&self, image: &Image, at: &str) -> Option<ChartImage> {
        let inputs = self.inputs();
        let component = dockerfile_maker::component(inputs, image);
        let release = match self.planner.releases.of(&component) {
            Some(release) => release.clone(),
            None => self.earlier(&component, image, at)?,
        };
        let Some(pushed) = registry::reference(inputs, image, &release) else {
            let text = format!("image `{}` is published nowhere under a tag with its version", image.name);
            let hint = "give it a registry, and a template with `{version}` in `tags:`";
            inputs.refuse(Problem::new("image-not-published", text).hint(hint).at_key(at));
            return None;
        };
        let flavor = image.flavors.first().map(String::as_str).unwrap_or_default();
        let of_flavor = |step: &&super::Step| match &step.work {
            super::Work::Index(work) => work.image == image.name && work.flavor == flavor,
            _ => false,
        };
        let is_made = self.planner.releases.makes(&component);
        let step = self.planner.made(StepKind::Index).find(of_flavor).filter(|_| is_made).map(|step| step.id.clone());
        Some(ChartImage {
            image: image.name.clone(),
            reference: registry::pulled(inputs, &image.publish, &pushed),
            pushed,
            digest: self.chart.pin_digest,
            step,
            paths: Vec::new(),
        })
    }

    /// The newest stable release of an image that is not released now.
    fn earlier(&self, component: &str, image: &Image, at: &str) -> Option<Release> {
        let inputs = self.inputs();
        let what = format!("image `{}`", image.name);
        let earlier = super::earlier::earlier(inputs, self.planner.releases, component, &what);
        earlier.map_err(|problem| inputs.refuse(problem.at_key(at))).ok()
    }

    /// A stable chart that others install may not name what only its author can pull.
    fn refuse_private(&self, reference: &Reference, at: &str) {
        let inputs = self.inputs();
        let goes_far = |one: &&config::Destination| {
            one.registry().is_some_and(|registry| !super::snapshots::takes(registry)) && self.publishes_to(&one.name)
        };
        if self.planner.releases.origin != Origin::Tag || !inputs.config.destinations.iter().any(|one| goes_far(&one)) {
            return;
        }
        let host = &reference.repository.registry;
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        let is_private = is_loopback(host)
            || [".local", ".svc", ".internal"].iter().any(|end| name.ends_with(end))
            || name.contains(".svc.");
        if is_private {
            let text = format!("`{reference}` is on a host that others cannot reach, and the chart is published");
            let hint = "leave out `pull:`, or put it into an overlay for your cluster";
            inputs.refuse(Problem::new("private-image", text).hint(hint).at_key(at));
        }
        let tag = reference.tag.as_deref().unwrap_or_default().trim_start_matches('v');
        if tag.parse::<Version>().is_ok_and(|version| version.is_prerelease()) {
            let text = format!("`{reference}` is a prerelease, and the chart is not");
            let hint = "release the image first, or make the chart a prerelease, too";
            inputs.refuse(Problem::new("prerelease-image", text).hint(hint).at_key(at));
        }
    }

    fn publishes_to(&self, name: &str) -> bool {
        match &self.chart.publish {
            config::Publish::Off => false,
            config::Publish::Default => true,
            config::Publish::To(names) => names.iter().any(|one| one == name),
        }
    }

    /// The other texts of values.
    pub fn values(&self) -> Vec<ChartText> {
        let text = |(path, template): &(crate::yaml::ValuesPath, Template)| {
            let text = self.fill(template, &format!("{}.values", self.at))?;
            Some(ChartText { path: path.clone(), text })
        };
        self.chart.values.iter().filter_map(text).collect()
    }

    /// `appVersion`: a component's version, or a filled template.
    pub fn app_version(&self) -> Option<String> {
        let template = self.chart.app_version.as_ref()?;
        let at = format!("{}.app-version", self.at);
        if template.places().next().is_some() {
            return self.fill(template, &at);
        }
        let (inputs, word) = (self.inputs(), template.to_string());
        let components = || inputs.config.components.iter().map(|component| component.name.as_str());
        if !components().any(|name| name == word) {
            let text = format!("`{word}` is neither a component nor a template");
            let hint = match nearest(&word, components()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a component, whose version it gets, or write a template such as `{version}`".into(),
            };
            inputs.refuse(Problem::new("unknown-reference", text).hint(hint).at_value(at));
            return None;
        }
        let version = self.version_of(&word);
        if version.is_none() && !inputs.request.every_release {
            let text = format!("component `{word}` has no stable release, and it is not released now");
            inputs.refuse(Problem::new("no-version", text).hint("release it first, or in the same run").at_value(at));
        }
        version.map(|version| version.to_string())
    }

    fn fill(&self, template: &Template, at: &str) -> Option<String> {
        let (inputs, release) = (self.inputs(), self.planner.release(&self.component));
        let (major, minor, patch) = release.version.triple();
        let facts = inputs.facts;
        let filled = template.fill(|place| {
            Some(match place {
                "name" => self.chart.title.clone().unwrap_or_else(|| self.chart.name.clone()),
                "project" => inputs.name(),
                "component" => self.component.clone(),
                "version" => release.version.to_string(),
                "major" => major.to_string(),
                "minor" => minor.to_string(),
                "patch" => patch.to_string(),
                "tag" => release.tag.clone(),
                "sha" => facts.head.commit.clone(),
                "date" => chrono::DateTime::from_timestamp(facts.head.time, 0)?.format("%Y-%m-%d").to_string(),
                _ => return None,
            })
        });
        match filled {
            Ok(text) => Some(text),
            Err(place) => {
                let problem = Problem::new("unknown-placeholder", format!("`{{{place}}}` has no value here"));
                inputs.refuse(problem.at_value(at));
                None
            }
        }
    }
}
