//! Plans images from Dockerfiles: what each build reads and is based on, on which machine it runs, an index per flavor.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::describe::{Described, Places};
use super::dockerfile_inputs as asked;
pub use super::dockerfile_maker::reference;
use super::dockerfile_maker::{Maker, Read, component};
use super::dockerfile_order::{chain, is_one, ordered};
use super::inputs::Inputs;
use super::planner::{Entry, Machine, Planned, Planner};
use super::release::Source;
use super::{
    Check, CheckWork, ContainerCheck, FromDockerfile, ImageWork, IndexWork, InputDigest, Member, NamedContext, OfKind,
    PlannedBase, Recipe, SecretsCheck, Step, Work, runner, snapshots,
};
use crate::config::schema::nearest;
use crate::config::{self, BuildContext, Image, ImageSmoke};
use crate::digest::Digest;
use crate::input_list::InputList;
use crate::platform::Platform;
use crate::problem::Problem;
use crate::reference::Reference;
use crate::step_id::{StepId, StepKind};
use crate::target::Libc;

/// The engine that may need a builder of our own, and the image of that builder.
const DOCKER: &str = "docker";
const BUILDER: &str = "docker.io/moby/buildkit:buildx-stable-1";

/// The steps of every image from a Dockerfile, each after those it is based on.
pub fn steps(planner: &Planner<'_>) -> (Vec<Planned>, BTreeMap<StepId, InputList>) {
    let lists = RefCell::new(BTreeMap::new());
    let mut steps: Vec<Planned> = Vec::new();
    for image in ordered(planner.inputs) {
        let known = planner.inputs.refusals();
        let maker = Maker { planner, image, at: format!("images.{}", image.name), made: &steps, lists: &lists };
        let made: Vec<Planned> = image.dockerfiles.iter().flat_map(|build| maker.flavor(build)).collect();
        if planner.inputs.refusals() == known {
            steps.extend(made);
        }
    }
    (steps, lists.into_inner())
}

pub fn sources<'f>(inputs: &Inputs<'f>) -> Vec<Source<'f>> {
    let images = inputs.config.images.iter().filter(|image| is_one(image));
    images.map(|image| Source { component: component(inputs, image), ..Source::default() }).collect()
}

impl<'a> Maker<'a> {
    fn flavor(&self, build: &'a config::Dockerfile) -> Vec<Planned> {
        let (mut steps, mut images) = (Vec::new(), Vec::new());
        let Some(assets) = self.assets(build) else { return steps };
        let Some(read) = self.read(build, &assets) else { return steps };
        for platform in &build.platforms {
            let Some(planned) = self.one(build, &read, &assets, *platform) else { continue };
            let step = &planned.step;
            images.push(step.id.clone());
            let smoke = self.image.smoke.as_ref().map(|smoke| self.smoke_check(step, smoke, build, *platform));
            let secrets = CheckWork::of(&step.id, Check::Secrets(SecretsCheck { secrets: build.secrets.clone() }));
            let secrets = Planned::check(step, StepKind::SecretsCheck, secrets, &self.at);
            steps.extend(std::iter::once(planned.clone()).chain([secrets]).chain(smoke));
        }
        if images.is_empty() {
            return steps;
        }
        let id = StepId::new(StepKind::Index, &self.image.name, &build.flavor);
        let mut annotations = self.described(&build.flavor, None).annotations();
        annotations.extend(index_inputs(&steps));
        let work = Work::Index(IndexWork {
            outputs: [format!("{id}.json").into()],
            image: self.image.name.clone(),
            flavor: build.flavor.clone(),
            images: images.clone(),
            annotations,
        });
        let step = self.step(id, images, work);
        steps.push(Planned { step, machine: None, at: self.at.clone() });
        steps
    }

    fn step(&self, id: StepId, needs: Vec<StepId>, work: Work) -> Step {
        let component = self.component();
        let entry = Entry { at: &self.at, component: &component, publish: &self.image.publish };
        let publish = self.planner.destinations(&id, &work, entry);
        Step { id, component, needs, publish, job: None, target: None, work }
    }

    fn described<'d>(&self, flavor: &'d str, platform: Option<Platform>) -> Described<'d>
    where
        'a: 'd,
    {
        let release = self.planner.release(&self.component());
        let places = Places::of(self.inputs(), self.image, release, flavor, platform);
        Described { inputs: self.inputs(), image: self.image, places, package: None }
    }

    /// The asset steps of the context.
    fn assets(&self, build: &config::Dockerfile) -> Option<Vec<&'a Step>> {
        let ids = self.planner.assets(&build.assets, &self.at);
        let steps: Vec<&Step> = ids.iter().filter_map(|id| self.planner.step(id)).collect();
        (steps.len() == build.assets.len()).then_some(steps)
    }

    /// One platform.
    fn one(&self, build: &'a config::Dockerfile, read: &Read, assets: &[&Step], platform: Platform) -> Option<Planned> {
        let variant = match build.flavor.as_str() {
            "" => platform.id(),
            flavor => format!("{flavor}.{}", platform.id()),
        };
        let id = StepId::new(StepKind::Image, &self.image.name, &variant);
        let machine = self.machine(build, platform)?;
        let executables = self.executables(build, platform)?;
        let mut work = self.work(build, read, platform)?;
        work.assets = assets.iter().map(|step| step.id.clone()).collect();
        let path = |name: &str| format!("{platform}/{name}");
        let member = |step: &Step| {
            let of = |name: &str| Member { step: step.id.clone(), output: name.to_owned(), path: path(name) };
            step.outputs().into_iter().map(of).collect::<Vec<_>>()
        };
        work.executables = executables.iter().flat_map(|step| member(step)).collect();
        let list = self.list(&mut work, read, platform)?;
        work.inputs = asked::summary(&list);
        let mut annotations = self.described(&build.flavor, Some(platform)).annotations();
        if list.commit.is_some() && !self.inputs().facts.head.dirty.is_empty() {
            // Nothing says what a changed tree compiles.
            work.reuse = false;
        } else {
            annotations.insert(crate::input_list::ANNOTATION.to_owned(), work.inputs.digest.to_string());
        }
        self.lists.borrow_mut().insert(id.clone(), list);
        let below = work.contexts.values().filter_map(|context| match context {
            NamedContext::Image(step) => Some(step.clone()),
            NamedContext::Folder(_) | NamedContext::Published(_) => None,
        });
        let made = executables.iter().copied().chain(assets.iter().copied()).map(|step| step.id.clone());
        let needs = made.chain(below).collect();
        let work = Work::Image(ImageWork {
            outputs: ["config", "manifest"].map(|what| format!("{id}.{what}.json").into()),
            image: self.image.name.clone(),
            flavor: build.flavor.clone(),
            platform,
            annotations,
            max_size: self.image.max_size,
            recipe: Recipe::Dockerfile(Box::new(work)),
        });
        let mut step = self.step(id, needs, work);
        step.target = machine.target;
        Some(Planned { step, machine: Some(machine), at: self.at.clone() })
    }

    /// What the engine is given, but for what other steps make and the digest of the inputs.
    fn work(&self, build: &'a config::Dockerfile, read: &Read, platform: Platform) -> Option<FromDockerfile> {
        let inputs = self.inputs();
        let described = self.described(&build.flavor, Some(platform));
        let version = described.places.release.version.to_string();
        let mut args = BTreeMap::new();
        for (name, template) in &build.args {
            match described.places.fill(template, &version) {
                Ok(text) => drop(args.insert(name.clone(), text)),
                Err(place) => {
                    let problem = Problem::new("unknown-placeholder", format!("`{{{place}}}` has no value here"));
                    inputs.refuse(problem.at_value(format!("{}.args.{name}", self.at)));
                }
            }
        }
        let contexts = self.contexts(build, platform)?;
        let mut registries = inputs.config.destinations.iter().filter_map(config::Destination::registry);
        let reuse = build.reuse.unwrap_or_else(|| registries.any(snapshots::takes));
        let is_release = self.planner.releases.origin == super::Origin::Tag;
        Some(FromDockerfile {
            dockerfile: build.dockerfile.clone(),
            ignore: read.ignore.clone(),
            context: build.context.clone(),
            stage: build.stage.clone(),
            args,
            secrets: build.secrets.clone(),
            contexts,
            bases: Vec::new(),
            executables: Vec::new(),
            assets: Vec::new(),
            made: read.made.clone(),
            before: build.before.clone(),
            engine: build.engine.clone(),
            builder: self.builder(build, platform),
            build_platform: self.build_platform(build, platform),
            onbuild: false,
            network: build.network,
            cache: build.cache.unwrap_or(!is_release),
            reuse,
            timeout: build.timeout,
            labels: described.labels(),
            contains: build.contains.clone(),
            is_base: self.is_base(),
            notes: Vec::new(),
            stub: None,
            inputs: InputDigest { digest: Digest::of(b""), files: 0, wide: None },
        })
    }

    /// The image of a builder for `docker buildx`, where it is locked.
    fn builder(&self, build: &config::Dockerfile, platform: Platform) -> Option<PlannedBase> {
        let may = build.engine.as_deref().is_none_or(|engine| engine == DOCKER);
        let from = reference(BUILDER).ok().filter(|_| may)?;
        let digest = self.inputs().facts.lock.image(&from, platform)?.digest;
        Some(PlannedBase { from, digest: Some(digest) })
    }

    /// The platform of the machine that builds.
    fn build_platform(&self, build: &config::Dockerfile, platform: Platform) -> Platform {
        let machine = self.inputs().request.machine;
        let own = machine.and_then(|host| Platform::BINARIES.into_iter().find(|one| one.arch() == Some(host.arch())));
        own.unwrap_or(if build.emulate { Platform::LinuxAmd64 } else { platform })
    }

    /// The image of another component that is not released now: its newest release, if there is one.
    fn published(&self, below: &Image) -> Option<PlannedBase> {
        let inputs = self.inputs();
        let component = component(inputs, below);
        let is_other = component != self.component() && self.planner.releases.of(&component).is_none();
        if !is_other || !is_one(below) {
            return None;
        }
        let release = super::release::newest_stable(inputs, &component)?;
        let from = super::registry::reference(inputs, below, &release)?;
        Some(PlannedBase { from, digest: None })
    }

    fn contexts(&self, build: &config::Dockerfile, platform: Platform) -> Option<BTreeMap<String, NamedContext>> {
        let inputs = self.inputs();
        let mut contexts = BTreeMap::new();
        for (name, context) in &build.contexts {
            let at = format!("{}.contexts.{name}", self.at);
            let image = match context {
                BuildContext::Folder(path) => {
                    contexts.insert(name.clone(), NamedContext::Folder(path.clone()));
                    continue;
                }
                BuildContext::Image(image) => image,
            };
            let Some(below) = inputs.config.images.iter().find(|one| one.name == *image) else {
                let problem = Problem::new("unknown-reference", format!("there is no image `{image}`"));
                let known = inputs.config.images.iter().map(|image| image.name.as_str());
                let problem = match nearest(image, known) {
                    Some(near) => problem.hint(format!("did you mean `image.{near}`?")),
                    None => problem.hint("name an entry of `images:`, or a folder"),
                };
                inputs.refuse(problem.at_value(at));
                return None;
            };
            if let Some(published) = self.published(below) {
                contexts.insert(name.clone(), NamedContext::Published(published));
                continue;
            }
            let is_it = |step: &&Step| {
                ImageWork::of(&step.work).is_some_and(|work| {
                    work.image == *image && work.platform == platform && Some(&work.flavor) == below.flavors.first()
                })
            };
            let planned = self.made.iter().map(|planned| &planned.step);
            let Some(step) = planned.chain(self.planner.made(StepKind::Image)).find(is_it) else {
                // One that is refused itself has no step either, and was told already.
                let is_meant = below.dockerfiles.first().is_some_and(|build| build.platforms.contains(&platform));
                if is_meant && inputs.refusals() > 0 {
                    return None;
                }
                let problem = Problem::new("no-platform", format!("image `{image}` is not built for {platform}"));
                inputs.refuse(problem.hint(format!("add it to `images.{image}.platforms`")).at_value(at));
                return None;
            };
            contexts.insert(name.clone(), NamedContext::Image(step.id.clone()));
        }
        Some(contexts)
    }

    /// Where a platform is built.
    fn machine(&self, build: &config::Dockerfile, platform: Platform) -> Option<Machine> {
        let chain = chain(self.inputs(), self.image);
        let native = platform.target(Libc::Gnu);
        let (target, label, name) = match (build.emulate, native) {
            (true, _) => (None, Some(runner::any()), format!("image.{chain}")),
            (false, target) => (target, runner::of_images(platform), format!("image.{chain}.{}", platform.id())),
        };
        let Some(runner) = build.runners.of(platform).or(label) else {
            let problem = Problem::new("no-runner", format!("there is no native runner for {platform}"));
            let hint = "set `emulate: true`, or name a machine of yours with `runner:`";
            self.inputs().refuse(problem.hint(hint).at_value(format!("{}.platforms", self.at)));
            return None;
        };
        let name = crate::step_id::plain(&name).take(90).collect();
        Some(Machine { wave: 3, runner: runner.to_owned(), container: None, target, name: Some(name) })
    }

    /// For each binary in the context, the step of its first target that the platform takes.
    fn executables(&self, build: &config::Dockerfile, platform: Platform) -> Option<Vec<&'a Step>> {
        let mut found = Vec::new();
        for (index, name) in build.binaries.iter().enumerate() {
            let takes = |step: &&Step| step.target.is_some_and(|target| platform.takes(target)) && !step.is_implicit();
            let of = || self.planner.made(StepKind::Binary).filter(|step| step.id.is_of(name));
            let step = of().find(takes);
            if step.is_none() {
                let known = of().next().is_some();
                let problem = match known {
                    true => Problem::new("no-target", format!("`{name}` is not built for {platform}"))
                        .hint("add a Linux target to the binary, or remove the platform"),
                    false => Problem::new("unknown-binary", format!("no binary is called `{name}`"))
                        .hint("list it under `binaries:`"),
                };
                self.inputs().refuse(problem.at_value(format!("{}.binaries.{index}", self.at)));
            }
            found.push(step?);
        }
        Some(found)
    }

    fn smoke_check(&self, image: &Step, smoke: &ImageSmoke, build: &config::Dockerfile, platform: Platform) -> Planned {
        let container = match smoke {
            ImageSmoke::Http(path) => ContainerCheck { http: Some(path.clone()), ..ContainerCheck::default() },
            ImageSmoke::Args(args) => ContainerCheck { args: args.clone(), ..ContainerCheck::default() },
        };
        let stub = ImageWork::of(&image.work).and_then(ImageWork::from_dockerfile).and_then(|work| work.stub.as_ref());
        let is_native = !build.emulate || platform == Platform::LinuxAmd64;
        let not_run = match (is_native, stub) {
            (false, _) => Some(format!("`{}` cannot run {platform}", runner::any())),
            (true, Some(_)) => Some("it is a stub".into()),
            (true, None) => None,
        };
        let check = CheckWork { not_run, ..CheckWork::of(&image.id, Check::Container(container)) };
        Planned::check(image, StepKind::ImageCheck, check, &self.at)
    }
}

/// An image that Dockerfiles name, and the platforms it is used for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsedImage {
    pub from: Reference,
    pub platforms: BTreeSet<Platform>,
}

/// An index's own digest of inputs: that of its images', if each of them has one.
fn index_inputs(steps: &[Planned]) -> Option<(String, String)> {
    let images = steps.iter().filter(|planned| planned.step.work.kind() == "image");
    let digests: Option<Vec<&str>> = images.map(|planned| planned.step.work.inputs()).collect();
    Some((crate::input_list::ANNOTATION.to_owned(), Digest::of(digests?.join("\n").as_bytes()).to_string()))
}

/// The images that planned builds name. What is pinned by digest in the Dockerfile is its own pin.
pub fn used(planned: &[Planned]) -> Vec<UsedImage> {
    let mut all: BTreeMap<Reference, BTreeSet<Platform>> = BTreeMap::new();
    let images = planned.iter().filter_map(|one| ImageWork::of(&one.step.work)?.from_dockerfile());
    for base in images.flat_map(|recipe| &recipe.bases).filter(|base| base.base.from.digest.is_none()) {
        all.entry(base.base.from.clone()).or_default().insert(base.platform);
    }
    let images = planned.iter().filter_map(|one| ImageWork::of(&one.step.work));
    for image in images.filter(|image| image.from_dockerfile().is_some_and(|one| one.engine.as_deref() == Some(DOCKER)))
    {
        if let Ok(builder) = reference(BUILDER) {
            all.entry(builder).or_default().insert(image.platform);
        }
    }
    all.into_iter().map(|(from, platforms)| UsedImage { from, platforms }).collect()
}
