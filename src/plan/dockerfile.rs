//! Plans images from Dockerfiles: what each build reads and is based on, on which machine it runs, an index per flavor.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::describe::{Described, Places};
use super::dockerfile_flaws::{is_empty, like, line_span, made_elsewhere, problem};
use super::dockerfile_inputs::{self as asked, Claimed, Contexts, Digests, Known, KnownImage, KnownImages};
use super::dockerfile_order::{below, chain, is_one, ordered};
use super::inputs::Inputs;
use super::planner::{Entry, Machine, Planned, Planner};
use super::release::Source;
use super::{
    AssetWork, Check, CheckWork, ContainerCheck, FromDockerfile, ImageWork, IndexWork, InputDigest, Member,
    NamedContext, OfKind, PlannedBase, PulledImage, Recipe, SecretsCheck, Step, Work, runner,
};
use crate::config::schema::nearest;
use crate::config::{self, BuildContext, Image, ImageSmoke};
use crate::digest::Digest;
use crate::dockerfile::{Answer, Dockerfile, Flaw, IgnoreFile, Kind, Listing, ignore_file_names};
use crate::facts::TreeKind;
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

fn component(inputs: &Inputs<'_>, image: &Image) -> String {
    inputs.component(image.component.as_deref(), &image.name)
}

/// One image while its steps are made.
struct Maker<'a> {
    planner: &'a Planner<'a>,
    image: &'a Image,
    /// `images.app`
    at: String,
    /// Steps of the images before it.
    made: &'a [Planned],
    lists: &'a RefCell<BTreeMap<StepId, InputList>>,
}

/// The Dockerfile of a flavor, read.
struct Read {
    file: Dockerfile,
    text: Arc<str>,
    path: String,
    /// The key that chooses the stage.
    stage: String,
    /// Path of the ignore file in force.
    ignore: Option<String>,
    main: Listing,
    named: BTreeMap<String, Listing>,
    /// Paths in the context that other steps make.
    made: Vec<String>,
}

impl<'a> Maker<'a> {
    fn inputs(&self) -> &'a Inputs<'a> {
        self.planner.inputs
    }

    fn flavor(&self, build: &'a config::Dockerfile) -> Vec<Planned> {
        let (mut steps, mut images) = (Vec::new(), Vec::new());
        let Some(assets) = self.assets(build) else { return steps };
        let Some(read) = self.read(build, &assets) else { return steps };
        for platform in &build.platforms {
            let Some(planned) = self.one(build, &read, &assets, *platform) else { continue };
            let step = &planned.step;
            images.push(step.id.clone());
            let smoke = self.image.smoke.as_ref().map(|smoke| self.smoke_check(step, smoke, build, *platform));
            let secrets = CheckWork::of(step, Check::Secrets(SecretsCheck { secrets: build.secrets.clone() }));
            let secrets = Planned::check(step, StepKind::SecretsCheck, secrets, &self.at);
            steps.extend(std::iter::once(planned.clone()).chain([secrets]).chain(smoke));
        }
        if images.is_empty() {
            return steps;
        }
        let id = StepId::new(StepKind::Index, &self.image.name, &build.flavor);
        let mut annotations = self.described(&build.flavor, None).annotations();
        annotations.extend(self.index_inputs(&images));
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

    /// The index's own digest of inputs: that of its platforms'.
    fn index_inputs(&self, images: &[StepId]) -> Option<(String, String)> {
        let lists = self.lists.borrow();
        let digests: Option<Vec<String>> =
            images.iter().map(|id| lists.get(id).map(|list| list.digest().to_string())).collect();
        let digest = Digest::of(digests?.join("\n").as_bytes());
        Some((crate::input_list::ANNOTATION.to_owned(), digest.to_string()))
    }

    fn component(&self) -> String {
        component(self.inputs(), self.image)
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

    /// Reads the Dockerfile, what is ignored, and what lies in the contexts.
    fn read(&self, build: &config::Dockerfile, assets: &[&Step]) -> Option<Read> {
        let inputs = self.inputs();
        let key = if build.flavor.is_empty() { String::new() } else { format!(".{}", build.flavor) };
        let at = format!("{}.dockerfile{key}", self.at);
        let path = &build.dockerfile;
        if let Some(why) = inputs.facts.unreadable.get(path) {
            let problem = Problem::new("bad-text", format!("the Dockerfile `{path}` {why}"));
            let hint = "it must be UTF-8 text of at most 1 MiB inside the repository";
            inputs.refuse(problem.hint(hint).at_value(at));
            return None;
        }
        let Some(text) = inputs.facts.texts.get(path).map(|text| Arc::<str>::from(text.as_str())) else {
            let files = inputs.facts.files.iter().map(|file| file.path.as_str());
            let named = files.filter(|path| path.rsplit('/').next().is_some_and(|name| name.contains("ockerfile")));
            let problem = Problem::new("no-such-file", format!("the Dockerfile `{path}` does not exist"));
            inputs.refuse(problem.hint(like(path, &named.collect::<Vec<_>>())).at_value(at));
            return None;
        };
        if !inputs.facts.files.iter().any(|file| file.path == *path) {
            let problem = Problem::new("not-committed", format!("`{path}` is not in the commit"));
            inputs.refuse(problem.hint(format!("`git add {path}`: images are built from the commit")).at_value(at));
            return None;
        }
        let file = match Dockerfile::parse(text.as_bytes()) {
            Ok(file) => file,
            Err(flaws) => {
                for flaw in flaws {
                    inputs.refuse(problem(flaw, path, &text));
                }
                return None;
            }
        };
        let [own, root] = ignore_file_names(path);
        let root = inside(&build.context, &root);
        let ignore = [own, root].into_iter().find(|name| inputs.facts.texts.contains_key(name));
        let main = self.listing(&build.context, ignore.as_deref(), "context")?;
        let mut named = BTreeMap::new();
        for (name, context) in &build.contexts {
            if let BuildContext::Folder(folder) = context {
                let ignore = Some(inside(folder, ".dockerignore"));
                let ignore = ignore.filter(|name| inputs.facts.texts.contains_key(name));
                named.insert(name.clone(), self.listing(folder, ignore.as_deref(), &format!("contexts.{name}"))?);
            }
        }
        let made = made(build, assets);
        let (path, stage) = (path.clone(), if key.is_empty() { format!("{}.stage", self.at) } else { format!("{at}.stage") });
        Some(Read { file, text, path, stage, ignore, main, named, made })
    }

    fn refuse(&self, flaws: Vec<Flaw>, read: &Read) {
        for flaw in flaws {
            let is_of_key = flaw.code == "unknown-stage" && flaw.span.is_empty();
            let problem = problem(flaw, &read.path, &read.text);
            self.inputs().refuse(if is_of_key {
                Problem { within: None, ..problem }.at_value(&read.stage)
            } else {
                problem
            });
        }
    }

    /// What an engine sees of a folder of the commit.
    fn listing(&self, folder: &str, ignore: Option<&str>, key: &str) -> Option<Listing> {
        let inputs = self.inputs();
        let prefix = inside(folder, "");
        let below = inputs.facts.files.iter().filter_map(|file| {
            let path = file.path.strip_prefix(&prefix)?;
            let kind = match &file.kind {
                TreeKind::File => Kind::File { executable: false },
                TreeKind::Executable => Kind::File { executable: true },
                TreeKind::Symlink(target) => Kind::Link { target: target.clone() },
            };
            Some((path.to_owned(), kind))
        });
        let all = Listing::new(below);
        if all.iter().next().is_none() && !prefix.is_empty() {
            let problem = Problem::new("no-such-folder", format!("the commit has no folder `{folder}`"));
            let problem = problem.hint("paths are relative to longshore.yaml; an empty folder is not in a commit");
            inputs.refuse(problem.at_value(format!("{}.{key}", self.at)));
            return None;
        }
        let Some(name) = ignore else { return Some(all) };
        let text = inputs.facts.texts.get(name).map(String::as_str).unwrap_or_default();
        match IgnoreFile::parse(text.as_bytes()) {
            Ok(ignore) => Some(all.apply(&ignore.named(name))),
            Err(bad) => {
                let span = line_span(text, bad.line);
                let problem = Problem::new("bad-pattern", bad.message).hint("see the syntax of `.dockerignore`");
                inputs.refuse(problem.within(name, &Arc::from(text), span));
                None
            }
        }
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
        annotations.insert(crate::input_list::ANNOTATION.to_owned(), list.digest().to_string());
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
            recipe: Recipe::Dockerfile(work),
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
        let is_near =
            |registry: &config::Registry| registry.prefix.as_ref().is_some_and(|prefix| is_loopback(&prefix.registry));
        let reuse = build.reuse.unwrap_or_else(|| registries.any(is_near));
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

    /// Whether other images are built on it: then it may have nothing to start.
    fn is_base(&self) -> bool {
        let images = &self.inputs().config.images;
        images.iter().any(|other| below(other).any(|(_, name)| name == self.image.name))
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

    /// What is built, with the images that it names, and all that it reads.
    fn list(&self, work: &mut FromDockerfile, read: &Read, platform: Platform) -> Option<InputList> {
        let (answer, bases) = match self.settle(work, read, platform) {
            Ok(settled) => settled,
            Err(found) => {
                self.refuse(found, read);
                return None;
            }
        };
        let notes = answer.warnings.iter().map(|flaw| self.warning(flaw, read)).collect();
        if is_empty(&answer) && !self.is_base() {
            let text = format!("`{}` builds an image without a single file", work.dockerfile);
            let problem = Problem::new("empty-image", text).hint("`COPY` what it starts into it");
            let line = answer.stages.last().map_or(1, |stage| stage.line);
            self.inputs().refuse(problem.within(&read.path, &read.text, line_span(&read.text, line)));
            return None;
        }
        let contexts = Contexts { main: &read.main, named: &read.named, made: &read.made };
        let claimed = match asked::claim(answer, &contexts) {
            Ok(claimed) => claimed,
            Err(found) => {
                let flaws = found.into_iter().map(made_elsewhere).collect();
                self.refuse(flaws, read);
                return None;
            }
        };
        self.unsaid(work, &claimed.answer);
        let is_based = !bases.is_empty() || work.contexts.values().any(|one| !matches!(one, NamedContext::Folder(_)));
        work.onbuild = claimed.answer.features.iter().any(|feature| feature.name == "onbuild");
        (work.bases, work.notes, work.stub) = (bases, notes, self.inputs().request.stub_builds.reason(is_based));
        self.digested(work, &claimed, platform)
    }

    /// A line about something that builds, but most likely not as it was meant.
    fn warning(&self, flaw: &Flaw, read: &Read) -> String {
        let place = match flaw.span.is_empty() {
            true => format!("image `{}`", self.image.name),
            false => format!("{}:{}", read.path, crate::dockerfile::line_of(&read.text, flaw.span.start)),
        };
        let hint = flaw.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{place}: {}{hint}", flaw.message)
    }

    /// Asks until nothing new is found: `ONBUILD` of an image may name further ones.
    fn settle(
        &self,
        work: &FromDockerfile,
        read: &Read,
        platform: Platform,
    ) -> Result<(Answer, Vec<PulledImage>), Vec<Flaw>> {
        let mut known = KnownImages::new();
        loop {
            let answer =
                asked::answer(&read.file, work, platform, &Known { images: &known, quiet: &self.quiet(work) })?;
            let (bases, found) = self.images(&answer, &read.text)?;
            if found == known {
                return Ok((answer, bases));
            }
            known = found;
        }
    }

    /// Named contexts that are images without `ONBUILD`.
    fn quiet(&self, work: &FromDockerfile) -> BTreeSet<String> {
        let has_none = |context: &NamedContext| match context {
            NamedContext::Image(id) => self.made.iter().any(|planned| {
                let recipe = ImageWork::of(&planned.step.work).and_then(ImageWork::from_dockerfile);
                planned.step.id == *id && recipe.is_some_and(|recipe| !recipe.onbuild)
            }),
            NamedContext::Folder(_) | NamedContext::Published(_) => false,
        };
        work.contexts.iter().filter(|(_, context)| has_none(context)).map(|(name, _)| name.clone()).collect()
    }

    /// The images that are pulled, and what the lock knows of them.
    fn images(&self, answer: &Answer, text: &str) -> Result<(Vec<PulledImage>, KnownImages), Vec<Flaw>> {
        let inputs = self.inputs();
        let (mut bases, mut known): (Vec<PulledImage>, KnownImages) = (Vec::new(), KnownImages::new());
        for used in answer.images.iter().filter(|used| !used.given) {
            let flaw = |message: String| Flaw::new(line_span(text, used.line), "bad-reference", message);
            let from = reference(&used.reference).map_err(|why| vec![flaw(why)])?;
            let platform: Platform = used.platform.to_string().parse().map_err(|why| vec![flaw(why)])?;
            if bases.iter().any(|base| base.name == used.reference && base.platform == platform) {
                continue;
            }
            let locked = inputs.facts.lock.image(&from, platform);
            if let Some(locked) = locked {
                let image = KnownImage { env: locked.env.clone(), onbuild: locked.onbuild.clone() };
                known.insert(used.reference.clone(), image);
            }
            let digest = locked.map(|locked| locked.digest).filter(|_| !inputs.request.stub_bases);
            bases.push(PulledImage { name: used.reference.clone(), platform, base: PlannedBase { from, digest } });
        }
        bases.sort_by(|one, other| (&one.name, one.platform).cmp(&(&other.name, other.platform)));
        Ok((bases, known))
    }

    /// Secrets that the Dockerfile requires and nobody gives, and those that are given and not used.
    fn unsaid(&self, work: &FromDockerfile, answer: &Answer) {
        let inputs = self.inputs();
        for secret in answer.secrets.iter().filter(|secret| secret.required && !work.secrets.contains_key(&secret.id)) {
            let text = format!("{}:{} requires the secret `{}`", work.dockerfile, secret.line, secret.id);
            let hint = format!("`secrets: {{ {}: NAME }}` reads it from an environment variable", secret.id);
            inputs.refuse(Problem::new("missing-secret", text).hint(hint).at_key(&self.at));
        }
        for id in work.secrets.keys().filter(|id| !answer.secrets.iter().any(|secret| secret.id == **id)) {
            let text = format!("no `RUN` of `{}` uses the secret `{id}`", work.dockerfile);
            let hint = format!("remove it, or mount it: `RUN --mount=type=secret,id={id}`");
            let problem = Problem::new("unused-secret", text).hint(hint);
            inputs.refuse(problem.at_key(format!("{}.secrets.{id}", self.at)));
        }
    }

    fn digested(&self, work: &FromDockerfile, claimed: &Claimed, platform: Platform) -> Option<InputList> {
        let inputs = self.inputs();
        let folder = |context: &str| match work.contexts.get(context) {
            Some(NamedContext::Folder(folder)) => folder.clone(),
            _ => work.context.clone(),
        };
        let of_file = |context: &str, path: &str| inputs.facts.contents.get(&inside(&folder(context), path)).copied();
        let lists = self.lists.borrow();
        let based_on = work.contexts.iter().filter_map(|(name, context)| match context {
            NamedContext::Image(step) => Some((name.clone(), lists.get(step)?.digest())),
            NamedContext::Folder(_) | NamedContext::Published(_) => None,
        });
        let is_made = !work.executables.is_empty() || !work.assets.is_empty();
        let commit = is_made.then(|| inputs.facts.head.commit.clone());
        let digests = Digests { of_file: &of_file, based_on: based_on.collect(), commit };
        match asked::list(work, platform, claimed, digests) {
            Ok(list) => Some(list),
            Err(path) => {
                let problem =
                    Problem::new("no-such-file", format!("`{path}` is in the commit, but not in this checkout"));
                inputs.refuse(problem.hint("`git checkout` it").at_key(&self.at));
                None
            }
        }
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
        let check = CheckWork { not_run, ..CheckWork::of(image, Check::Container(container)) };
        Planned::check(image, StepKind::ImageCheck, check, &self.at)
    }
}

/// Paths in the context that executables and assets get.
fn made(build: &config::Dockerfile, assets: &[&Step]) -> Vec<String> {
    let executables = build.platforms.iter().filter(|_| !build.binaries.is_empty()).map(ToString::to_string);
    let of_asset = |work: &AssetWork| {
        let mut paths: Vec<String> = Vec::new();
        for spec in &work.files {
            let to = spec.to.as_deref().unwrap_or(&spec.from).trim_start_matches("./").trim_end_matches('/');
            let fixed: Vec<&str> = to.split('/').take_while(|part| !part.contains(['*', '?', '[', '{'])).collect();
            paths.push(fixed.join("/"));
        }
        paths
    };
    let prefix = inside(&build.context, "");
    let assets = assets.iter().filter_map(|step| AssetWork::of(&step.work)).flat_map(of_asset);
    let assets = assets.map(|path| path.strip_prefix(&prefix).map_or(path.clone(), ToOwned::to_owned));
    executables.chain(assets).filter(|path| !path.is_empty()).collect()
}

/// A path in a folder of the repository; empty: the repository.
fn inside(folder: &str, name: &str) -> String {
    if folder.is_empty() || folder == "." { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A registry on this machine: images of one state after the other are tried there.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.starts_with("127.") || name == "[::1]"
}

/// A reference as engines read it: `alpine` has the tag `latest`.
pub fn reference(text: &str) -> Result<Reference, String> {
    let mut reference: Reference = text.parse()?;
    if reference.tag.is_none() && reference.digest.is_none() {
        reference.tag = Some("latest".into());
    }
    Ok(reference)
}

/// An image that Dockerfiles name, and the platforms it is used for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsedImage {
    pub from: Reference,
    pub platforms: BTreeSet<Platform>,
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
