//! Plans images: per flavor and platform a base and binaries that fit it, layers that flavors share, an index per flavor.

use std::collections::BTreeMap;

use super::base::{self, Candidate, Requirement};
use super::describe::{Described, Places};
use super::include::{self, Included};
use super::inputs::Inputs;
use super::planner::{Entry, Planned, Planner};
use super::release::Source;
use super::{
    Assembly, Check, CheckWork, ContainerCheck, Covered, ImageConfig, ImageWork, IndexWork, LayerWork, Member, Recipe,
    Step, Work, binary, dockerfile_order, runner,
};
use crate::config::schema::nearest;
use crate::config::{Binary, BinarySettings, FileItem, Image, ImageSmoke};
use crate::platform::{Compression, Platform};
use crate::portable;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::{Libc, Linkage, Os, Target};

/// Where executables lie in an image: on every base's `PATH`, and never behind a symbolic link.
const FOLDER: &str = "usr/local/bin";
/// `nonroot` of distroless, in `/etc/passwd` of scratch images.
const USER: &str = "65532:65532";

/// The steps of every image: implicit static builds, layers, images, indexes.
pub fn steps(planner: &Planner<'_>, entries: &[Binary]) -> Vec<Planned> {
    let mut steps = Vec::new();
    for image in planner.inputs.config.images.iter().filter(|image| !dockerfile_order::is_one(image)) {
        let known = planner.inputs.refusals();
        let parts = match parts(image, entries) {
            Ok(parts) => parts,
            Err(problems) => {
                problems.into_iter().for_each(|problem| planner.inputs.refuse(problem));
                continue;
            }
        };
        let mut maker = Maker::of(planner, image, parts);
        for flavor in &image.flavors {
            maker.flavor(flavor);
        }
        if planner.inputs.refusals() == known {
            steps.extend(maker.steps);
        }
    }
    // Two images may share an implicit binary.
    let mut seen = std::collections::HashSet::new();
    let shared = |planned: &Planned| matches!(planned.step.id.kind(), StepKind::Binary | StepKind::SmokeCheck);
    steps.retain(|planned| !shared(planned) || seen.insert(planned.step.id.clone()));
    // Each after its needs.
    steps.sort_by_key(|planned| rank(planned.step.id.kind()));
    steps
}

fn rank(kind: StepKind) -> u8 {
    match kind {
        StepKind::Binary | StepKind::SmokeCheck => 0,
        StepKind::Layer => 1,
        StepKind::Image => 2,
        StepKind::ImageCheck => 3,
        _ => 4,
    }
}

pub fn sources<'f>(inputs: &Inputs<'f>, entries: &[Binary]) -> Vec<Source<'f>> {
    let of = |image: &Image| {
        let parts = parts(image, entries).ok()?;
        Some(Source { component: component(inputs, image, parts.first()?), ..Source::default() })
    };
    inputs.config.images.iter().filter(|image| !dockerfile_order::is_one(image)).filter_map(of).collect()
}

/// The one written, else that of its first binary.
fn component(inputs: &Inputs<'_>, image: &Image, first: &Binary) -> String {
    let own = || inputs.component(first.component.as_deref(), &first.name);
    image.component.clone().unwrap_or_else(own)
}

/// The binary entries an image holds: those written, the one of its name, or the only one.
fn parts<'e>(image: &Image, entries: &'e [Binary]) -> Result<Vec<&'e Binary>, Vec<Problem>> {
    let known = || entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ");
    let by_name = |name: &str| entries.iter().find(|entry| entry.name == name);
    let path = format!("images.{}", image.name);
    let Some(written) = &image.binaries else {
        let own = by_name(&image.name).or_else(|| <&[Binary; 1]>::try_from(entries).ok().map(|[only]| only));
        return own.map(|own| vec![own]).ok_or_else(|| {
            let text = format!("which binaries does image `{}` contain?", image.name);
            let problem = Problem::new("no-binary", text).hint(format!("write `binaries:`; known: {}", known()));
            vec![problem.at_key(path)]
        });
    };
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for (index, name) in written.iter().enumerate() {
        let Some(entry) = by_name(name) else {
            let near = nearest(name, entries.iter().map(|entry| entry.name.as_str()));
            let hint = near.map_or_else(|| format!("known: {}", known()), |near| format!("did you mean `{near}`?"));
            let problem = Problem::new("unknown-binary", format!("no binary is called `{name}`")).hint(hint);
            problems.push(problem.at_value(format!("{path}.binaries.{index}")));
            continue;
        };
        found.push(entry);
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// Files of the commit and trees of assets, with their paths in the image.
fn items(planner: &Planner<'_>, items: &[FileItem], path: &str) -> Included {
    let inputs = planner.inputs;
    let mut included = include::items(planner, items, path);
    included.files.iter_mut().for_each(|file| file.path = file.path.trim_start_matches('/').to_owned());
    included.trees.iter_mut().for_each(|tree| tree.to = tree.to.trim_start_matches('/').to_owned());
    let included = included.settled(inputs, Os::Linux, path);
    for text in portable::flaws(included.files.iter().map(|file| file.path.as_str()), Os::Linux) {
        inputs.refuse(Problem::new("unportable-name", text).hint("give it another name with `to:`").at_key(path));
    }
    included
}

/// The steps of one image while they are made.
struct Maker<'a> {
    planner: &'a Planner<'a>,
    image: &'a Image,
    /// `images.app`
    at: String,
    component: String,
    parts: Vec<&'a Binary>,
    included: Included,
    steps: Vec<Planned>,
}

struct Choice {
    /// The binary steps, in the order of the image's binaries.
    binaries: Vec<Step>,
    /// What distinguishes their layer: `x86_64-unknown-linux-gnu-static`.
    variant: String,
    base: Candidate,
    /// Steps made for it: implicit static builds and their checks.
    extra: Vec<Planned>,
}

impl<'a> Maker<'a> {
    fn of(planner: &'a Planner<'a>, image: &'a Image, parts: Vec<&'a Binary>) -> Self {
        let at = format!("images.{}", image.name);
        let included = items(planner, &image.include, &at);
        let component = component(planner.inputs, image, parts[0]);
        Self { planner, image, at, component, parts, included, steps: Vec::new() }
    }

    fn flavor(&mut self, flavor: &'a str) {
        let mut images = Vec::new();
        let mut package: Option<String> = None;
        for platform in &self.image.platforms {
            let Some(choice) = self.choose(flavor, *platform) else { continue };
            package = package.or_else(|| choice.package().map(str::to_owned));
            let layers = self.layers(flavor, &choice);
            let step = self.one(flavor, *platform, &choice, layers);
            images.push(step.id.clone());
            let check = self.image.smoke.as_ref().map(|smoke| self.smoke_check(&step, smoke, *platform, &choice.base));
            for planned in choice.extra {
                if !self.steps.iter().any(|known| known.step.id == planned.step.id) {
                    self.steps.push(planned);
                }
            }
            let step = Planned { step, machine: None, at: self.at.clone() };
            self.steps.extend(std::iter::once(step).chain(check));
        }
        if images.is_empty() {
            return;
        }
        let id = StepId::new(StepKind::Index, &self.image.name, flavor);
        let work = Work::Index(IndexWork {
            outputs: [format!("{id}.json").into()],
            image: self.image.name.clone(),
            flavor: flavor.into(),
            images: images.clone(),
            annotations: self.described(flavor, None, package.as_deref()).annotations(),
        });
        let step = self.step(id, images, work);
        self.push(step);
    }

    fn step(&self, id: StepId, needs: Vec<StepId>, work: Work) -> Step {
        let component = self.component.clone();
        let publish = match &work {
            Work::Image(_) | Work::Index(_) => {
                let entry = Entry { at: &self.at, component: &component, publish: &self.image.publish };
                self.planner.destinations(&id, &work, entry)
            }
            _ => Vec::new(),
        };
        Step { id, component, needs, publish, job: None, target: None, work }
    }

    fn push(&mut self, step: Step) {
        self.steps.push(Planned { step, machine: None, at: self.at.clone() });
    }

    /// Labels and annotations of an image, or of the index of a flavor.
    fn described<'d>(&self, flavor: &'d str, platform: Option<Platform>, package: Option<&'d str>) -> Described<'d>
    where
        'a: 'd,
    {
        let places =
            Places::of(self.planner.inputs, self.image, self.planner.release(&self.component), flavor, platform);
        Described { inputs: self.planner.inputs, image: self.image, places, package }
    }

    /// The first target, in their order, whose executables fit a base of the flavor; else an implicit static build.
    fn choose(&self, flavor: &str, platform: Platform) -> Option<Choice> {
        let inputs = self.planner.inputs;
        let path = &self.at;
        let candidates = match base::candidates(inputs, flavor, platform) {
            Ok(candidates) => candidates,
            Err(from) => {
                let text = format!("`{from}`, the base image of flavor `{flavor}`, is not locked");
                let hint = "run `longshore lock`: it pins the base image by digest and records what it provides";
                inputs.refuse(Problem::new("unknown-base", text).hint(hint).at_value(format!("bases.{flavor}.from")));
                return None;
            }
        };
        if candidates.is_empty() {
            let text = format!("flavor `{flavor}` has no base image for {platform}");
            let hint = format!("remove the platform from `platforms:`, or add a base image to `bases.{flavor}`");
            inputs.refuse(Problem::new("no-base", text).hint(hint).at_value(format!("{path}.platforms")));
            return None;
        }
        let builds = &self.parts[0].builds;
        let targets: Vec<Target> =
            builds.iter().map(|(target, _)| *target).filter(|target| platform.takes(*target)).collect();
        for target in &targets {
            let Some(settings) = self.settings(*target) else { continue };
            let steps: Vec<&Step> = self.parts.iter().filter_map(|part| self.compiled(part, *target)).collect();
            if steps.len() != self.parts.len() {
                continue;
            }
            let requirements: Vec<Requirement> =
                settings.iter().map(|settings| requirement(settings, *target)).collect();
            // Static executables want the smallest base, which comes last.
            let all_static = requirements.iter().all(|requirement| *requirement == Requirement::Static);
            let ordered: Vec<&Candidate> =
                if all_static { candidates.iter().rev().collect() } else { candidates.iter().collect() };
            if let Some(base) =
                ordered.into_iter().find(|base| requirements.iter().all(|requirement| requirement.fits(*target, base)))
            {
                let binaries = steps.into_iter().cloned().collect();
                return Some(Choice {
                    binaries,
                    variant: target.triple().into(),
                    base: base.clone(),
                    extra: Vec::new(),
                });
            }
        }
        self.implicit(&targets, platform, candidates)
    }

    /// The settings of every part for a target.
    fn settings(&self, target: Target) -> Option<Vec<&'a BinarySettings>> {
        let of = |part: &&'a Binary| {
            let part: &'a Binary = part;
            part.builds.iter().find(|(other, _)| *other == target).map(|(_, settings)| settings)
        };
        self.parts.iter().map(of).collect()
    }

    fn compiled(&self, part: &Binary, target: Target) -> Option<&'a Step> {
        self.planner.step(&StepId::new(StepKind::Binary, &part.name, target.triple()))
    }

    /// Static executables of a linux target, made for images alone.
    fn implicit(&self, targets: &[Target], platform: Platform, candidates: Vec<Candidate>) -> Option<Choice> {
        let gnu = targets.iter().find(|target| target.libc() == Libc::Gnu).or(targets.first());
        let settings = gnu.and_then(|target| Some((*target, self.settings(*target)?)));
        let Some((target, settings)) = settings else {
            let text = format!("image `{}` has no binary for {platform}", self.image.name);
            let hint = format!("add a Linux target of {} to the binary, or remove the platform", platform.machine());
            self.planner.inputs.refuse(Problem::new("no-target", text).hint(hint).at_key(&self.at));
            return None;
        };
        let way = settings[0].static_target;
        let made = if way == Libc::Gnu { target } else { platform.target(Libc::Musl)? };
        let (mut binaries, mut extra) = (Vec::new(), Vec::new());
        for (part, settings) in self.parts.iter().zip(settings) {
            let steps = binary::implicit(self.planner, part, settings, made)?;
            binaries.extend(steps.first().map(|planned| planned.step.clone()));
            extra.extend(steps);
        }
        let base = candidates.into_iter().next_back()?;
        Some(Choice { binaries, variant: format!("{made}-static"), base, extra })
    }

    /// The layers of one image, bottom to top, made once and shared.
    fn layers(&mut self, flavor: &str, choice: &Choice) -> Vec<StepId> {
        let of = |variant: &str| StepId::new(StepKind::Layer, &self.image.name, variant);
        let (system, files, own) = (of("system"), of("files"), of(&choice.variant));
        let of_flavor = of(&format!("files.{flavor}"));
        let mut layers = Vec::new();
        if choice.base.base.is_none() {
            let work = LayerWork { system: true, ..self.empty(&system) };
            layers.push(self.layer(system, Vec::new(), work));
        }
        let written = base::written(self.planner.inputs.config, flavor);
        if let Some(written) = written.filter(|written| !written.include.is_empty()) {
            let found = items(self.planner, &written.include, &format!("bases.{flavor}"));
            layers.push(self.files(of_flavor, found));
        }
        if !self.included.is_empty() {
            let found = self.included.clone();
            layers.push(self.files(files, found));
        }
        let member = |(step, name): (&Step, &str)| Member {
            step: step.id.clone(),
            output: name.to_owned(),
            path: format!("{FOLDER}/{name}"),
        };
        let work = LayerWork { executables: choice.executables().map(member).collect(), ..self.empty(&own) };
        layers.push(self.layer(own, choice.needs(), work));
        layers
    }

    fn empty(&self, id: &StepId) -> LayerWork {
        let ending = if self.image.compression == Compression::Zstd { "tar.zst" } else { "tar.gz" };
        LayerWork {
            outputs: [format!("{id}.{ending}").into()],
            executables: Vec::new(),
            files: Vec::new(),
            trees: Vec::new(),
            system: false,
            compression: self.image.compression,
        }
    }

    fn files(&mut self, id: StepId, included: Included) -> StepId {
        let needs = included.needs();
        let work = LayerWork { files: included.files, trees: included.trees, ..self.empty(&id) };
        self.layer(id, needs, work)
    }

    fn layer(&mut self, id: StepId, needs: Vec<StepId>, work: LayerWork) -> StepId {
        if !self.steps.iter().any(|planned| planned.step.id == id) {
            let step = self.step(id.clone(), needs, Work::Layer(work));
            self.push(step);
        }
        id
    }

    fn one(&self, flavor: &'a str, platform: Platform, choice: &Choice, layers: Vec<StepId>) -> Step {
        let described = self.described(flavor, Some(platform), choice.package());
        let covered = |(step, name): (&Step, &str)| Covered { step: step.id.clone(), name: name.to_owned() };
        let id = StepId::new(StepKind::Image, &self.image.name, &format!("{flavor}.{}", platform.id()));
        let work = ImageWork {
            outputs: ["config", "manifest"].map(|what| format!("{id}.{what}.json").into()),
            image: self.image.name.clone(),
            flavor: flavor.into(),
            platform,
            annotations: described.annotations(),
            max_size: self.image.max_size,
            recipe: Recipe::Assembly(Box::new(Assembly {
                base: choice.base.base.clone(),
                facts: choice.base.facts.clone(),
                layers: layers.clone(),
                executables: choice.executables().map(covered).collect(),
                config: self.config(flavor, choice, described.labels()),
            })),
        };
        // The executables too: that they fit the base is verified with the image.
        let needs = layers.into_iter().chain(choice.needs()).collect();
        self.step(id, needs, Work::Image(work))
    }

    fn config(&self, flavor: &str, choice: &Choice, labels: BTreeMap<String, String>) -> ImageConfig {
        let image = self.image;
        let first = || choice.executables().map(|(_, name)| format!("/{FOLDER}/{name}")).take(1).collect();
        let written = base::written(self.planner.inputs.config, flavor);
        let of_base = written.and_then(|written| written.user.clone());
        ImageConfig {
            entrypoint: image.entrypoint.clone().unwrap_or_else(first),
            cmd: image.cmd.clone(),
            user: image.user.clone().or(of_base).unwrap_or_else(|| USER.into()),
            workdir: image.workdir.clone(),
            env: image.env.clone(),
            expose: image.expose.clone(),
            healthcheck: image.healthcheck.clone().unwrap_or_default(),
            labels,
        }
    }

    /// A first run of an image, on a machine of its architecture.
    fn smoke_check(&self, image: &Step, smoke: &ImageSmoke, platform: Platform, base: &Candidate) -> Planned {
        let container = match smoke {
            // What answers over HTTP prints nothing.
            ImageSmoke::Http(path) => ContainerCheck { http: Some(path.clone()), ..ContainerCheck::default() },
            ImageSmoke::Args(args) => {
                let contains = self.planner.said_version(&self.component, None);
                ContainerCheck { args: args.clone(), contains, ..ContainerCheck::default() }
            }
        };
        let label = runner::any();
        let is_native = platform.target(Libc::Gnu).is_some_and(|target| runner::runs(label, target));
        let is_stub = self.planner.inputs.request.stub_bases && base.base.is_some();
        let not_run = match (is_native, is_stub) {
            (false, _) => Some(format!("`{label}` cannot run {platform}")),
            (true, true) => Some("its base image is a stub".into()),
            (true, false) => None,
        };
        let check = CheckWork { not_run, ..CheckWork::of(&image.id, Check::Container(container)) };
        Planned::check(image, StepKind::ImageCheck, check, &self.at)
    }
}

impl Choice {
    /// Each with the step that makes it.
    fn executables(&self) -> impl Iterator<Item = (&Step, &str)> {
        self.binaries.iter().flat_map(|step| step.outputs().into_iter().map(move |name| (step, name)))
    }

    fn needs(&self) -> Vec<StepId> {
        self.binaries.iter().map(|step| step.id.clone()).collect()
    }

    /// The cargo package of the first executable.
    fn package(&self) -> Option<&str> {
        match &self.binaries.first()?.work {
            Work::Binary(work) => Some(&work.package),
            _ => None,
        }
    }
}

/// What the executables of a build will need, as far as it is known before.
fn requirement(settings: &BinarySettings, target: Target) -> Requirement {
    if settings.linkage.unwrap_or_else(|| target.default_linkage()) == Linkage::Static {
        return Requirement::Static;
    }
    if target.libc() == Libc::Musl {
        return Requirement::Musl;
    }
    if let Some(promised) = &settings.glibc {
        return Requirement::Glibc(promised.clone());
    }
    if settings.container.is_some() {
        return Requirement::Unknown;
    }
    let label = settings.runner.as_deref().unwrap_or_else(|| runner::native(target));
    runner::glibc(label).map_or(Requirement::Unknown, |version| Requirement::Glibc(version.to_owned()))
}
