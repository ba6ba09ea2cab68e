//! Plans images: per flavor and platform a base and binaries that fit it, layers that flavors share, an index per flavor.

use std::collections::BTreeMap;

use super::base::{self, Candidate, Floor};
use super::decide::{Inputs, Problems};
use super::include::{self, Included};
use super::links;
use super::{
    Check, CheckWork, ContainerCheck, Covered, ImageConfig, ImageWork, IndexWork, LayerWork, Member, Output, Step,
    Work, binary, runner,
};
use crate::config::{Binary, BinarySettings, Image, ImageSmoke};
use crate::platform::{Compression, Platform};
use crate::portable;
use crate::problem::Problem;
use crate::step_id::{StepId, StepKind};
use crate::target::{Libc, Linkage, Os, Target};

/// Where executables lie in an image: on every base's `PATH`, and never behind a symbolic link.
const FOLDER: &str = "usr/local/bin";
/// `nonroot` of distroless, in `/etc/passwd` of images from nothing.
const USER: &str = "65532:65532";

/// The steps of every image: hidden static builds, layers, images, indexes. Labels and annotations are filled in later,
/// when versions are known.
pub fn steps(
    inputs: &Inputs<'_>,
    entries: &[Binary],
    (binaries, assets): (&[Step], &[Step]),
    problems: &mut Problems,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for image in &inputs.config.images {
        let known = problems.len();
        let Some(parts) = parts(image, entries, problems) else { continue };
        let included = items(inputs, image, (&format!("images.{}", image.name), &image.include), (assets, problems));
        let mut maker = Maker { inputs, image, parts, binaries, assets, included, steps: Vec::new() };
        for flavor in &image.flavors {
            maker.flavor(flavor, problems);
        }
        let mut made = maker.steps;
        // Binaries first, then layers, images and indexes: each after its needs.
        made.sort_by_key(|step| rank(&step.work));
        if problems.len() == known {
            steps.extend(made);
        }
    }
    // Two images may share a hidden binary.
    let mut seen = std::collections::HashSet::new();
    steps.retain(|step| !matches!(step.work, Work::Binary(_) | Work::Check(_)) || seen.insert(step.id.clone()));
    steps.sort_by_key(|step| rank(&step.work));
    steps
}

fn rank(work: &Work) -> u8 {
    match work {
        Work::Binary(_) => 0,
        Work::Check(CheckWork { check: Check::Smoke(_), .. }) => 0,
        Work::Layer(_) => 1,
        Work::Image(_) => 2,
        Work::Check(_) => 3,
        _ => 4,
    }
}

/// The binary entries an image holds: those written, the one of its name, or the only one.
fn parts<'e>(image: &Image, entries: &'e [Binary], problems: &mut Problems) -> Option<Vec<&'e Binary>> {
    let names = || entries.iter().map(|entry| entry.name.as_str());
    let by_name = |name: &str| entries.iter().find(|entry| entry.name == name);
    let path = format!("images.{}", image.name);
    let Some(written) = &image.binaries else {
        let own = by_name(&image.name).or_else(|| <&[Binary; 1]>::try_from(entries).ok().map(|[only]| only));
        if own.is_none() {
            let text = format!("which binaries does image `{}` hold?", image.name);
            let known = names().collect::<Vec<_>>().join(", ");
            let hint = format!("write `binaries:`; known: {known}");
            problems.push(Problem::new("no-binary", text).hint(hint).at_key(path));
        }
        return own.map(|own| vec![own]);
    };
    let mut found = Vec::new();
    for (index, name) in written.iter().enumerate() {
        match by_name(name) {
            Some(entry) => found.push(entry),
            None => {
                let near = crate::config::schema::nearest(name, names());
                let hint = near.map_or_else(
                    || format!("known: {}", names().collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let problem = Problem::new("unknown-binary", format!("no binary is called `{name}`")).hint(hint);
                problems.push(problem.at_value(format!("{path}.binaries.{index}")));
            }
        }
    }
    (found.len() == written.len()).then_some(found)
}

/// Files of the commit and trees of assets, with their paths in the image.
fn items(
    inputs: &Inputs<'_>,
    _image: &Image,
    (path, items): (&str, &[crate::config::FileItem]),
    (assets, problems): (&[Step], &mut Problems),
) -> Included {
    let (mut files, mut trees) = include::items(inputs, items, assets, (path, problems));
    files.iter_mut().for_each(|file| file.path = file.path.trim_start_matches('/').to_owned());
    trees.iter_mut().for_each(|tree| tree.to = tree.to.trim_start_matches('/').to_owned());
    let files = links::settle(inputs, (files, &trees), Os::Linux, (path, problems));
    for text in portable::flaws(files.iter().map(|file| file.path.as_str()), Os::Linux) {
        problems.push(Problem::new("unportable-name", text).hint("give it another name with `to:`").at_key(path));
    }
    (files, trees)
}

/// The steps of one image while they are made.
struct Maker<'a> {
    inputs: &'a Inputs<'a>,
    image: &'a Image,
    parts: Vec<&'a Binary>,
    binaries: &'a [Step],
    assets: &'a [Step],
    included: Included,
    steps: Vec<Step>,
}

/// Which executables an image gets.
#[derive(Clone)]
struct Choice {
    /// The binary steps, in the order of the image's binaries.
    binaries: Vec<Step>,
    /// What distinguishes their layer: `x86_64-unknown-linux-gnu-static`.
    variant: String,
    base: Candidate,
    /// Steps made for it: hidden static builds and their checks.
    extra: Vec<Step>,
}

impl<'a> Maker<'a> {
    fn flavor(&mut self, flavor: &str, problems: &mut Problems) {
        let (image, name) = (self.image, self.image.name.as_str());
        let mut images = Vec::new();
        for platform in &image.platforms {
            let Some(choice) = self.choose(flavor, *platform, problems) else { continue };
            for step in &choice.extra {
                if !self.steps.iter().any(|known| known.id == step.id) {
                    self.steps.push(step.clone());
                }
            }
            let layers = self.layers(flavor, *platform, &choice, problems);
            let step = self.one(flavor, *platform, &choice, layers);
            images.push(step.id.clone());
            let check = image.smoke.as_ref().map(|smoke| {
                let stand_in = self.inputs.request.stand_ins && choice.base.base.is_some();
                smoke_check(&step, smoke, (*platform, stand_in))
            });
            self.steps.push(step);
            self.steps.extend(check);
        }
        if images.is_empty() {
            return;
        }
        let index = StepId::new(StepKind::Index, name, flavor);
        let work = IndexWork {
            image: name.into(),
            flavor: flavor.into(),
            images: images.clone(),
            annotations: BTreeMap::new(),
        };
        let outputs = vec![Output { name: format!("{index}.json"), format: None }];
        let step = self.step(index, images, outputs, Work::Index(work));
        self.steps.push(step);
    }

    fn component(&self) -> String {
        match &self.image.component {
            Some(written) => written.clone(),
            None => self.inputs.component(self.parts[0].component.as_deref(), &self.parts[0].name),
        }
    }

    fn step(&self, id: StepId, needs: Vec<StepId>, outputs: Vec<Output>, work: Work) -> Step {
        Step { id, component: self.component(), needs, outputs, publish: Vec::new(), leg: None, target: None, work }
    }

    /// The first target, in their order, whose executables fit a base of the flavor; else a hidden static build.
    fn choose(&self, flavor: &str, platform: Platform, problems: &mut Problems) -> Option<Choice> {
        let inputs = self.inputs;
        let path = format!("images.{}", self.image.name);
        let lock = (&inputs.facts.lock, inputs.request.stand_ins);
        let candidates = match base::candidates(inputs.config, lock, flavor, platform) {
            Ok(candidates) => candidates,
            Err(from) => {
                let text = format!("nothing is known of `{from}`, the base of flavor `{flavor}`");
                let hint = "run `longshore lock`: it pins the base by digest and notes what it offers";
                once(problems, Problem::new("unknown-base", text).hint(hint).at_value(format!("bases.{flavor}.from")));
                return None;
            }
        };
        if candidates.is_empty() {
            let text = format!("flavor `{flavor}` has no base for {platform}");
            let hint = format!("leave the platform out of `platforms:`, or give `bases.{flavor}` one");
            problems.push(Problem::new("no-base", text).hint(hint).at_value(format!("{path}.platforms")));
            return None;
        }
        let builds = &self.parts[0].builds;
        let targets: Vec<Target> =
            builds.iter().map(|(target, _)| *target).filter(|target| platform.takes(*target)).collect();
        for target in &targets {
            let Some(settings) = self.settings(*target) else { continue };
            let steps: Vec<&Step> =
                self.parts.iter().filter_map(|part| compiled(self.binaries, part, *target)).collect();
            if steps.len() != self.parts.len() {
                continue;
            }
            let floors: Vec<Floor> = settings.iter().map(|settings| floor(settings, *target)).collect();
            // Static executables want the smallest base, which comes last.
            let all_static = floors.iter().all(|floor| *floor == Floor::Static);
            let ordered: Vec<&Candidate> =
                if all_static { candidates.iter().rev().collect() } else { candidates.iter().collect() };
            if let Some(base) = ordered.into_iter().find(|base| floors.iter().all(|floor| floor.fits(*target, base))) {
                let binaries = steps.into_iter().cloned().collect();
                return Some(Choice {
                    binaries,
                    variant: target.triple().into(),
                    base: base.clone(),
                    extra: Vec::new(),
                });
            }
        }
        self.hidden(&targets, platform, candidates, problems)
    }

    /// The settings of every part for a target.
    fn settings(&self, target: Target) -> Option<Vec<&'a BinarySettings>> {
        let of = |part: &&'a Binary| {
            let part: &'a Binary = part;
            part.builds.iter().find(|(other, _)| *other == target).map(|(_, settings)| settings)
        };
        self.parts.iter().map(of).collect()
    }

    /// Static executables of a linux target, made for images alone.
    fn hidden(
        &self,
        targets: &[Target],
        platform: Platform,
        candidates: Vec<Candidate>,
        problems: &mut Problems,
    ) -> Option<Choice> {
        let path = format!("images.{}", self.image.name);
        let gnu = targets.iter().find(|target| target.libc() == Libc::Gnu).or(targets.first());
        let settings = gnu.and_then(|target| Some((*target, self.settings(*target)?)));
        let Some((target, settings)) = settings else {
            let text = format!("image `{}` has no binary for {platform}", self.image.name);
            let hint =
                format!("add a Linux target of {} to the binary, or leave the platform out", platform.arch().name());
            once(problems, Problem::new("no-target", text).hint(hint).at_key(path));
            return None;
        };
        let way = settings[0].static_target;
        let made = if way == Libc::Gnu { target } else { platform.target(Libc::Musl)? };
        let (mut binaries, mut extra) = (Vec::new(), Vec::new());
        for (part, settings) in self.parts.iter().zip(settings) {
            let (step, check) = binary::hidden(self.inputs, part, (made, settings), (self.assets, problems))?;
            extra.extend(std::iter::once(step.clone()).chain(check));
            binaries.push(step);
        }
        let base = candidates.into_iter().next_back()?;
        Some(Choice { binaries, variant: format!("{made}-static"), base, extra })
    }

    /// The layers of one image, bottom to top, made once and shared.
    fn layers(&mut self, flavor: &str, _platform: Platform, choice: &Choice, problems: &mut Problems) -> Vec<StepId> {
        let name = self.image.name.as_str();
        let mut layers = Vec::new();
        if choice.base.base.is_none() {
            let work = LayerWork { system: true, ..self.empty() };
            layers.push(self.layer(StepId::new(StepKind::Layer, name, "system"), Vec::new(), work));
        }
        if let Some(written) = base::written(self.inputs.config, flavor).filter(|written| !written.include.is_empty()) {
            let path = format!("bases.{flavor}");
            let found = items(self.inputs, self.image, (&path, &written.include), (self.assets, problems));
            layers.push(self.files(StepId::new(StepKind::Layer, name, &format!("files.{flavor}")), found));
        }
        if !self.included.0.is_empty() || !self.included.1.is_empty() {
            let found = self.included.clone();
            layers.push(self.files(StepId::new(StepKind::Layer, name, "files"), found));
        }
        let executables = choice.binaries.iter().flat_map(|step| {
            let member = |output: &Output| Member {
                step: step.id.clone(),
                output: output.name.clone(),
                path: format!("{FOLDER}/{}", output.name),
            };
            step.outputs.iter().map(member)
        });
        let work = LayerWork { executables: executables.collect(), ..self.empty() };
        let needs = choice.binaries.iter().map(|step| step.id.clone()).collect();
        layers.push(self.layer(StepId::new(StepKind::Layer, name, &choice.variant), needs, work));
        layers
    }

    fn empty(&self) -> LayerWork {
        LayerWork {
            executables: Vec::new(),
            files: Vec::new(),
            trees: Vec::new(),
            system: false,
            compression: self.image.compression,
        }
    }

    fn files(&mut self, id: StepId, (files, trees): Included) -> StepId {
        let mut needs: Vec<StepId> = trees.iter().map(|tree| tree.step.clone()).collect();
        needs.dedup();
        let work = LayerWork { files, trees, ..self.empty() };
        self.layer(id, needs, work)
    }

    fn layer(&mut self, id: StepId, needs: Vec<StepId>, work: LayerWork) -> StepId {
        if !self.steps.iter().any(|step| step.id == id) {
            let ending = if work.compression == Compression::Zstd { "tar.zst" } else { "tar.gz" };
            let outputs = vec![Output { name: format!("{id}.{ending}"), format: None }];
            let step = self.step(id.clone(), needs, outputs, Work::Layer(work));
            self.steps.push(step);
        }
        id
    }

    fn one(&self, flavor: &str, platform: Platform, choice: &Choice, layers: Vec<StepId>) -> Step {
        let (image, config) = (self.image, self.inputs.config);
        let outputs = || choice.binaries.iter().flat_map(|step| step.outputs.iter().map(move |output| (step, output)));
        let first = outputs().next().map(|(_, output)| format!("/{FOLDER}/{}", output.name)).unwrap_or_default();
        let of_base = base::written(config, flavor).and_then(|written| written.user.clone());
        let work = ImageWork {
            image: image.name.clone(),
            flavor: flavor.into(),
            platform,
            base: choice.base.base.clone(),
            facts: choice.base.facts.clone(),
            layers: layers.clone(),
            executables: outputs()
                .map(|(step, output)| Covered { step: step.id.clone(), name: output.name.clone() })
                .collect(),
            config: ImageConfig {
                entrypoint: image.entrypoint.clone().unwrap_or_else(|| vec![first]),
                cmd: image.cmd.clone(),
                user: image.user.clone().or(of_base).unwrap_or_else(|| USER.into()),
                workdir: image.workdir.clone(),
                env: image.env.clone(),
                expose: image.expose.clone(),
                healthcheck: image.healthcheck.clone().unwrap_or_default(),
                labels: BTreeMap::new(),
            },
            annotations: BTreeMap::new(),
            max_size: image.max_size,
        };
        let step = StepId::new(StepKind::Image, &image.name, &format!("{flavor}.{}", platform.id()));
        let named = |what: &str| Output { name: format!("{step}.{what}.json"), format: None };
        let outputs = vec![named("config"), named("manifest")];
        // The executables too: that they fit the base is verified with the image.
        let needs = layers.into_iter().chain(choice.binaries.iter().map(|step| step.id.clone())).collect();
        self.step(step, needs, outputs, Work::Image(work))
    }
}

/// A problem that several flavors or platforms share is said once.
pub fn once(problems: &mut Problems, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn compiled<'s>(binaries: &'s [Step], part: &Binary, target: Target) -> Option<&'s Step> {
    let wanted = StepId::new(StepKind::Binary, &part.name, target.triple());
    binaries.iter().find(|step| step.id == wanted)
}

/// What the executables of a build will need, as far as it is known before.
fn floor(settings: &BinarySettings, target: Target) -> Floor {
    if settings.linkage.unwrap_or_else(|| target.default_linkage()) == Linkage::Static {
        return Floor::Static;
    }
    if target.libc() == Libc::Musl {
        return Floor::Musl;
    }
    if let Some(promised) = &settings.glibc {
        return Floor::Glibc(promised.clone());
    }
    if settings.container.is_some() {
        return Floor::Unknown;
    }
    let label = settings.runner.as_deref().unwrap_or_else(|| runner::native(target));
    runner::glibc(label).map_or(Floor::Unknown, |version| Floor::Glibc(version.to_owned()))
}

/// A first run of an image, on a machine of its architecture.
fn smoke_check(image: &Step, smoke: &ImageSmoke, (platform, stand_in): (Platform, bool)) -> Step {
    let container = match smoke {
        ImageSmoke::Args(args) => ContainerCheck { args: args.clone(), ..ContainerCheck::default() },
        ImageSmoke::Http(path) => ContainerCheck { http: Some(path.clone()), ..ContainerCheck::default() },
    };
    let target = platform.target(Libc::Gnu);
    let label = runner::any();
    let native = target.is_some_and(|target| runner::runs(label, target));
    let not_run = match (native, stand_in) {
        (false, _) => Some(format!("`{label}` cannot run {platform}")),
        (true, true) => Some("its base is a stand-in".into()),
        (true, false) => None,
    };
    let work = CheckWork { not_run, ..CheckWork::of(image, Check::Container(container)) };
    Step {
        id: image.id.with_kind(StepKind::ImageCheck),
        component: image.component.clone(),
        needs: vec![image.id.clone()],
        outputs: Vec::new(),
        publish: Vec::new(),
        leg: None,
        target,
        work: Work::Check(work),
    }
}
