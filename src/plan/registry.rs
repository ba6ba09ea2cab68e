//! Plans registries: which image goes to which repositories, under which fixed and floating tags.

use std::collections::{BTreeMap, BTreeSet};

use super::describe::Places;
use super::inputs::Inputs;
use super::release::Releases;
use super::{
    ChartWork, ExpectedImage, FloatingTag, ImageWork, OfKind, Origin, PublishedImage, RegistryDestination,
    RegistryHost, Release, Step, Work, snapshots,
};
use crate::config::{self, Chart, Image, ImageTag, Publish, Registry};
use crate::destination::When;
use crate::problem::Problem;
use crate::reference::{Prefix, Reference, Repository, check_tag};
use crate::step_id::{StepId, StepKind};

/// Stands for the version while a tag is taken apart; no tag holds it.
const VERSION: &str = "\u{1}";

/// What a destination of kind `registry` gets, and the variables its credentials come from.
pub fn destination(
    inputs: &Inputs<'_>,
    registry: &Registry,
    name: &str,
    steps: &[&Step],
    releases: &Releases,
) -> (RegistryDestination, Vec<String>) {
    let prefix = prefix(inputs, registry);
    let mut images: Vec<PublishedImage> = Vec::new();
    for step in steps.iter().filter(|step| step.publish.iter().any(|to| to == name)) {
        let Some(release) = releases.of(&step.component) else { continue };
        images.extend(published(inputs, step, release, &prefix));
    }
    // Stable: charts stay in their order, each after those it depends on.
    let takes_snapshots = snapshots::takes(registry);
    if releases.origin == Origin::Snapshot && takes_snapshots {
        tag_inputs(inputs, steps, &mut images);
    }
    images.sort_by_key(|image| match image.step.kind() {
        StepKind::Index => 1,
        StepKind::Chart => 2,
        _ => 0,
    });
    distinct(inputs, &images);
    let hosts = hosts(inputs, registry, prefix.as_ref().ok(), name);
    let credentials = credentials(&hosts, &images);
    let is_pushed = |step: &&&Step| images.iter().any(|image| image.step == step.id);
    let expects = expected(steps.iter().filter(is_pushed), |id| steps.iter().any(|step| step.id == *id));
    let (snapshots, read_back) = (takes_snapshots, registry.read_back);
    (RegistryDestination { hosts, images, expects, snapshots, read_back }, credentials)
}

/// The next run finds each index and chart of a snapshot under the inputs of its component.
fn tag_inputs(inputs: &Inputs<'_>, steps: &[&Step], images: &mut [PublishedImage]) {
    let computed = snapshots::inputs(inputs, steps);
    for image in images.iter_mut().filter(|image| matches!(image.step.kind(), StepKind::Index | StepKind::Chart)) {
        let Some(step) = steps.iter().find(|step| step.id == image.step) else { continue };
        // What is published already is not among the steps any more.
        let known = inputs.facts.published.get(&step.component).map(|published| published.inputs);
        let digest = known.or_else(|| computed.get(&step.component).copied()).flatten();
        image.inputs = digest.map(snapshots::tag);
    }
}

/// The images of earlier releases that charts name.
fn expected<'s>(steps: impl Iterator<Item = &'s &'s Step>, is_made: impl Fn(&StepId) -> bool) -> Vec<ExpectedImage> {
    let charts = steps.filter_map(|step| Some((step, ChartWork::of(&step.work)?)));
    let mut expected: Vec<ExpectedImage> = Vec::new();
    for (step, image) in charts.flat_map(|(step, work)| work.images.iter().map(move |image| (step, image))) {
        let is_known = expected.iter().any(|known| known.reference == image.pushed);
        // One that is only left out of this run has to be there as well.
        if !image.step.as_ref().is_some_and(&is_made) && !is_known {
            expected.push(ExpectedImage { reference: image.pushed.clone(), by: step.id.clone() });
        }
    }
    expected
}

/// Where one image, index or chart goes, and under which tags.
fn published(
    inputs: &Inputs<'_>,
    step: &Step,
    release: &Release,
    prefix: &Result<Prefix, String>,
) -> Option<PublishedImage> {
    let (name, flavor, platform) = match &step.work {
        Work::Image(work) => (&work.image, &work.flavor, Some(work.platform)),
        Work::Index(work) => (&work.image, &work.flavor, None),
        Work::Chart(work) => return published_chart(inputs, step, work, prefix),
        _ => return None,
    };
    let image = inputs.config.images.iter().find(|image| image.name == *name)?;
    let own = own_repository(prefix, image.title.as_deref().unwrap_or(name));
    let repositories = repositories(inputs, image.repositories.as_ref(), own, &format!("images.{name}"))?;
    let (tags, floating) = tags(inputs, image, Places::of(inputs, image, release, flavor, platform));
    let recipe = ImageWork::of(&step.work).and_then(ImageWork::from_dockerfile).filter(|recipe| recipe.reuse);
    let inputs = recipe.map(|recipe| format!("in-{}", &recipe.inputs.digest.hex()[..40]));
    Some(PublishedImage { step: step.id.clone(), repositories, tags, floating, inputs })
}

/// Where a chart goes.
fn published_chart(
    inputs: &Inputs<'_>,
    step: &Step,
    work: &ChartWork,
    prefix: &Result<Prefix, String>,
) -> Option<PublishedImage> {
    let chart = inputs.config.charts.iter().find(|chart| chart.name == work.chart)?;
    let own = own_repository(prefix, &format!("charts/{}", work.name));
    let at = format!("charts.{}", chart.name);
    let repositories = repositories(inputs, chart.repositories.as_ref(), own, &at)?;
    let is_named = |repository: &&Repository| repository.path.rsplit('/').next() == Some(&work.name);
    if let Some(other) = repositories.iter().find(|repository| !is_named(repository)) {
        let text = format!("`{other}` does not end in the chart's name, `{}`", work.name);
        let hint = "Helm takes the last part of a repository for the name of the chart";
        inputs.refuse(Problem::new("bad-repository", text).hint(hint).at_value(format!("{at}.repositories")));
    }
    let tag = chart_tag(&work.version);
    if let Err(why) = check_tag(&tag) {
        inputs.refuse(Problem::new("bad-image-tag", why).at_key(at));
    }
    Some(PublishedImage { step: step.id.clone(), repositories, tags: vec![tag], floating: Vec::new(), inputs: None })
}

/// Those written, else the one below the prefix.
fn repositories(
    inputs: &Inputs<'_>,
    written: Option<&Vec<Repository>>,
    own: Result<Repository, String>,
    at: &str,
) -> Option<Vec<Repository>> {
    match (written, own) {
        (Some(written), _) => Some(written.clone()),
        (None, Ok(repository)) => Some(vec![repository]),
        (None, Err(text)) => {
            let hint = "set `repositories:` there, or `prefix:` of `publish.registry`";
            inputs.refuse(Problem::new("bad-repository", text).hint(hint).at_key(at));
            None
        }
    }
}

/// The name that others pull by: with `pull:` instead of the prefix, or of the host.
pub fn pulled(inputs: &Inputs<'_>, publish: &Publish, reference: &Reference) -> Reference {
    let repository = &reference.repository;
    let name = |registry: &Registry| {
        let below = prefix(inputs, registry).ok().and_then(|prefix| repository.below(&prefix));
        let instead = below.and_then(|name| registry.pull.as_ref()?.join(name).ok());
        instead.or_else(|| registry.hosts.get(&repository.registry)?.pull.as_ref()?.join(&repository.path).ok())
    };
    let repository = registry_of(inputs, publish).and_then(name).unwrap_or_else(|| repository.clone());
    Reference { repository, ..reference.clone() }
}

/// The first registry that an image or chart goes to.
fn registry_of<'c>(inputs: &Inputs<'c>, publish: &Publish) -> Option<&'c Registry> {
    let is_meant = |one: &&config::Destination| match publish {
        Publish::To(names) => names.contains(&one.name),
        Publish::Default | Publish::Off => true,
    };
    inputs.config.destinations.iter().filter(is_meant).find_map(config::Destination::registry)
}

/// Where a release of an image is, under the first of its fixed tags. Fixed tags never move.
pub fn reference(inputs: &Inputs<'_>, image: &Image, release: &Release) -> Option<Reference> {
    let registry = registry_of(inputs, &image.publish)?;
    let title = image.title.as_deref().unwrap_or(&image.name);
    let repository = match &image.repositories {
        Some(written) => written.first()?.clone(),
        None => own_repository(&prefix(inputs, registry), title).ok()?,
    };
    let flavor = image.flavors.first()?;
    let (fixed, _) = tags(inputs, image, Places::of(inputs, image, release, flavor, None));
    Some(repository.tagged(fixed.first()?))
}

/// Where a release of a chart is.
pub fn chart_reference(inputs: &Inputs<'_>, chart: &Chart, release: &Release) -> Option<Reference> {
    let registry = registry_of(inputs, &chart.publish)?;
    let repository = match &chart.repositories {
        Some(written) => written.first()?.clone(),
        None => {
            let name = chart.title.clone().or_else(|| inputs.facts.charts.get(&chart.path)?.name())?;
            own_repository(&prefix(inputs, registry), &format!("charts/{name}")).ok()?
        }
    };
    Some(repository.tagged(chart_tag(&release.version.to_string())))
}

/// A tag has no `+`: Helm writes and reads `_` for it (<https://helm.sh/docs/topics/registries/>).
fn chart_tag(version: &str) -> String {
    version.replace('+', "_")
}

/// `prefix:`, else `ghcr.io/<owner>` of a repository on GitHub.
fn prefix(inputs: &Inputs<'_>, registry: &Registry) -> Result<Prefix, String> {
    if let Some(written) = &registry.prefix {
        return Ok(written.clone());
    }
    let is_github = |host: &str| {
        let named = inputs.config.destinations.iter().filter_map(|one| one.github()?.host.as_deref());
        // An alias of ssh that is said to be one.
        host == "github.com" || inputs.facts.remote.is_some() && named.into_iter().any(|named| named == "github.com")
    };
    let owner = match &inputs.facts.remote {
        Some(remote) if !is_github(&remote.host) => {
            return Err(format!("no registry is configured for images, and `{}` is not GitHub", remote.host));
        }
        None if !inputs.facts.remotes.is_empty() => {
            let names = inputs.facts.remotes.join("`, `");
            return Err(format!("no registry is configured for images, and the remotes `{names}` are ambiguous"));
        }
        Some(remote) => remote.owner.to_lowercase(),
        None => "local".into(),
    };
    format!("ghcr.io/{owner}").parse()
}

fn own_repository(prefix: &Result<Prefix, String>, name: &str) -> Result<Repository, String> {
    prefix.clone()?.join(&name.to_lowercase())
}

/// The fixed and the floating tags of an index (or of one platform's image).
fn tags(inputs: &Inputs<'_>, image: &Image, places: Places<'_>) -> (Vec<String>, Vec<FloatingTag>) {
    let (release, flavor) = (places.release, places.flavor);
    let (key, templates) = match places.platform {
        Some(_) => ("platform-tags", &image.platform_tags),
        None => ("tags", &image.tags),
    };
    // A template that does not name the flavor means the first one; the others get their name behind it.
    let is_first = image.flavors.first().is_some_and(|first| first == flavor);
    let fill = |tag: &ImageTag, version: &str| {
        let text = places.fill(&tag.tag, version)?;
        let names_flavor = tag.tag.places().any(|place| place == "flavor");
        Ok::<_, String>(if names_flavor || is_first { text } else { format!("{text}-{flavor}") })
    };
    let version = release.version.to_string();
    let pattern = templates.iter().filter_map(|tag| fill(tag, VERSION).ok()).find_map(|text| {
        let (prefix, suffix) = text.split_once(VERSION)?;
        (!suffix.contains(VERSION)).then(|| (prefix.to_owned(), suffix.to_owned()))
    });
    let (mut fixed, mut floating) = (Vec::new(), Vec::new());
    for (index, template) in templates.iter().enumerate() {
        let at = format!("images.{}.{key}.{index}", image.name);
        let has = |name: &str| template.tag.places().any(|place| place == name);
        let floats = !(has("version") || has("tag") || has("sha"));
        if floats && template.when == When::Prerelease {
            let why =
                format!("`{}` contains no version, and such tags are moved by stable releases only", template.tag);
            inputs.refuse(Problem::new("bad-image-tag", why).hint("add `{version}` to it").at_value(at));
            continue;
        }
        if !template.when.takes(release.prerelease) {
            continue;
        }
        let text = fill(template, &version).map_err(|place| format!("`{{{place}}}` has no value here"));
        let text = match text.and_then(|text| check_tag(&text).map(|()| text)) {
            Ok(text) => text,
            Err(why) => {
                let problem = Problem::new("bad-image-tag", why).at_value(at);
                inputs.refuse(problem);
                continue;
            }
        };
        if !floats {
            if !fixed.contains(&text) {
                fixed.push(text);
            }
        } else if pattern.is_none() {
            let why = format!("cannot determine the newest release that `{}` should point to", template.tag);
            let hint = format!("add a template with `{{version}}` to `{key}:`: its tags are compared");
            inputs.refuse(Problem::new("bad-image-tag", why).hint(hint).at_value(at));
        } else if let (false, Some((prefix, suffix))) = (release.prerelease, &pattern) {
            let (major, minor, _) = release.version.triple();
            floating.push(FloatingTag {
                tag: text,
                major: has("major").then_some(major),
                minor: has("minor").then_some(minor),
                prefix: prefix.clone(),
                suffix: suffix.clone(),
            });
        }
    }
    (fixed, floating)
}

/// No two images share a tag of one repository, and no two charts a repository.
fn distinct(inputs: &Inputs<'_>, images: &[PublishedImage]) {
    let mut seen: BTreeMap<(&Repository, &str), &str> = BTreeMap::new();
    let mut of_charts: BTreeMap<&Repository, &str> = BTreeMap::new();
    for image in images {
        if image.step.kind() == StepKind::Chart {
            for repository in &image.repositories {
                if let Some(other) = of_charts.insert(repository, &image.step) {
                    let text = format!("`{other}` and `{}` both go to `{repository}`", image.step);
                    let hint =
                        "a repository holds one chart: give one another name in its Chart.yaml, or set `repositories`";
                    inputs.refuse(Problem::new("same-repository", text).hint(hint).step(&image.step));
                    return;
                }
            }
        }
        let all = || image.tags.iter().chain(image.floating.iter().map(|floating| &floating.tag));
        for (repository, tag) in image.repositories.iter().flat_map(|one| all().map(move |tag| (one, tag.as_str()))) {
            if let Some(other) = seen.insert((repository, tag), &image.step) {
                let text = format!("`{other}` and `{}` would both get the tag `{repository}:{tag}`", image.step);
                let hint = "add `{flavor}` or `{goarch}` to one of the templates, or use another repository";
                inputs.refuse(Problem::new("same-image-tag", text).hint(hint).step(&image.step));
            }
        }
    }
}

/// How hosts are reached, as far as anything was said about them.
fn hosts(
    inputs: &Inputs<'_>,
    registry: &Registry,
    prefix: Option<&Prefix>,
    name: &str,
) -> BTreeMap<String, RegistryHost> {
    let pem = |path: &Option<String>, at: String| {
        let path = path.as_ref()?;
        let text = inputs.facts.texts.get(path).cloned();
        if text.is_none() {
            let problem = Problem::new("no-such-file", format!("`{path}` does not exist"));
            inputs.refuse(problem.hint("paths are relative to longshore.yaml").at_value(at));
        }
        text
    };
    let mut hosts: BTreeMap<String, RegistryHost> = BTreeMap::new();
    for (host, written) in &registry.hosts {
        hosts.insert(
            host.clone(),
            RegistryHost {
                username_env: written.username_env.clone(),
                password_env: written.password_env.clone(),
                insecure: written.insecure,
                ca: pem(&written.ca, format!("publish.{name}.hosts.{host}.ca")),
                token_service: written.token_service.clone(),
            },
        );
    }
    let ca = pem(&registry.ca, format!("publish.{name}.ca"));
    if let Some(prefix) = prefix.filter(|_| registry.insecure || ca.is_some()) {
        let host = hosts.entry(prefix.registry.clone()).or_default();
        host.insecure |= registry.insecure;
        host.ca = host.ca.take().or(ca);
    }
    hosts
}

/// The variables that are named, and the job's own token for GitHub's registry.
fn credentials(hosts: &BTreeMap<String, RegistryHost>, images: &[PublishedImage]) -> Vec<String> {
    let used: BTreeSet<&str> =
        images.iter().flat_map(|image| image.repositories.iter().map(|one| one.registry.as_str())).collect();
    let mut names: Vec<String> = Vec::new();
    for host in &used {
        let written = hosts.get(*host);
        let own = written.into_iter().flat_map(|host| host.username_env.iter().chain(&host.password_env));
        names.extend(own.cloned());
        if *host == "ghcr.io" && written.is_none_or(|host| host.password_env.is_none()) {
            names.push("GITHUB_TOKEN".into());
        }
    }
    names.dedup();
    names
}
