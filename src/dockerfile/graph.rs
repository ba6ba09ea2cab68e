//! Stages and what they refer to: which of them count for a target.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{NamedContext, Question, Role};
use super::flaw::Flaw;
use super::instruction::{From, Instruction};
use super::mount;
use super::parse::{Dockerfile, Place, Stage, Step, trigger};
use super::platform::Platform;
use super::reference::{familiar, is_reference};
use super::variables::Variables;

/// Where a file system comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The node of the stage it is based on.
    Node(usize),
    Scratch,
    Image(String),
    /// A named context that is an image.
    GivenImage(String),
    Folder(String),
}

/// A stage of the file, or an image that one of its instructions names.
#[derive(Debug)]
pub(super) struct Node {
    /// Its number in the file.
    pub stage: Option<usize>,
    pub name: String,
    pub origin: Origin,
    /// A named context stands in its place: its instructions are not carried out.
    pub replaced: bool,
    pub platform: Option<Platform>,
    pub place: Place,
    pub role: Role,
    pub commands: Vec<Command>,
    needs: BTreeSet<usize>,
    triggered: bool,
}

#[derive(Debug)]
pub(super) struct Command {
    pub step: Step<Instruction>,
    /// The node that COPY takes from, or each mount in turn.
    pub sources: Vec<Option<usize>>,
    /// The base whose trigger it is.
    pub trigger_of: Option<String>,
}

pub(super) struct Graph<'a> {
    pub file: &'a Dockerfile,
    pub question: &'a Question,
    pub nodes: Vec<Node>,
    by_name: BTreeMap<String, usize>,
    pub target: usize,
    /// Bases whose triggers are unknown.
    pub wide: Option<String>,
}

impl<'a> Graph<'a> {
    pub fn new(file: &'a Dockerfile, question: &'a Question, globals: &Variables) -> Result<Self, Vec<Flaw>> {
        let (nodes, by_name) = (Vec::new(), BTreeMap::new());
        let mut graph = Self { file, question, nodes, by_name, target: 0, wide: None };
        let mut flaws = Vec::new();
        for (number, stage) in file.stages.iter().enumerate() {
            if let Err(flaw) = graph.add_stage(number, &stage.from, globals) {
                flaws.push(flaw);
            }
        }
        if flaws.is_empty() {
            graph.target = graph.choose().map_err(|flaw| vec![flaw])?;
            for (number, stage) in file.stages.iter().enumerate() {
                graph.link(number, stage, &mut flaws);
            }
        }
        if flaws.is_empty() {
            graph.refuse_circles(&mut flaws);
        }
        if flaws.is_empty() { Ok(graph) } else { Err(flaws) }
    }

    fn add_stage(&mut self, number: usize, from: &Step<From>, globals: &Variables) -> Result<(), Flaw> {
        let Step { what, place } = from;
        let escape = self.file.escape;
        let base = globals.expand(&what.base, escape).map_err(|m| place.flaw("bad-variable", m))?.text;
        if base.is_empty() {
            let message = format!("`FROM {}` names nothing: the variable is empty", what.base);
            return Err(place.flaw("empty-from", message).hint("give the argument, or a default at its `ARG`"));
        }
        let platform = match &what.platform {
            Some(text) => Some(self.platform(text, globals, place)?),
            None => None,
        };
        let given = what.name.as_ref().and_then(|name| Some((name, self.given(name, platform.as_ref())?)));
        let replaced = given.is_some();
        let origin = match given {
            Some((name, NamedContext::Folder)) => Origin::Folder(name.clone()),
            Some((name, NamedContext::Image)) => Origin::GivenImage(name.clone()),
            None => match self.by_name.get(&base) {
                Some(node) => Origin::Node(*node),
                None => self.outside(&base, platform.as_ref(), place)?,
            },
        };
        let name = what.name.clone().unwrap_or_else(|| number.to_string());
        let role = Role::From;
        let place = place.clone();
        let node = Node {
            stage: Some(number),
            name,
            origin,
            replaced,
            platform,
            place,
            role,
            commands: Vec::new(),
            needs: BTreeSet::new(),
            triggered: false,
        };
        self.nodes.push(node);
        if let Some(name) = &what.name {
            self.by_name.insert(name.clone(), self.nodes.len() - 1);
        }
        Ok(())
    }

    fn platform(&self, text: &str, globals: &Variables, place: &Place) -> Result<Platform, Flaw> {
        let value = globals.expand(text, self.file.escape).map_err(|m| place.flaw("bad-variable", m))?.text;
        if value.is_empty() {
            return Err(place.flaw("bad-platform", format!("the platform `{text}` is empty")));
        }
        Platform::parse(&value, &self.question.build_platform).ok_or_else(|| {
            place.flaw("bad-platform", format!("`{value}` is not a platform")).hint("write it as `linux/arm64`")
        })
    }

    /// The named context that stands for a name; one may be given for a single platform.
    fn given(&self, name: &str, platform: Option<&Platform>) -> Option<NamedContext> {
        if name.eq_ignore_ascii_case("scratch") || name.eq_ignore_ascii_case("context") {
            return None;
        }
        let own = format!("{name}::{}", platform.unwrap_or(&self.question.platform));
        self.question.contexts.get(&own).or_else(|| self.question.contexts.get(name)).copied()
    }

    fn outside(&self, base: &str, platform: Option<&Platform>, place: &Place) -> Result<Origin, Flaw> {
        if base == "scratch" {
            return Ok(Origin::Scratch);
        }
        if !is_reference(base) {
            let stages = self.by_name.keys().map(String::as_str);
            return Err(place
                .flaw("bad-reference", format!("`{base}` is not the name of a stage or an image"))
                .nearest(base, stages));
        }
        let name = familiar(base);
        Ok(match self.given(&name, platform) {
            Some(NamedContext::Folder) => Origin::Folder(name),
            Some(NamedContext::Image) => Origin::GivenImage(name),
            None => Origin::Image(base.to_owned()),
        })
    }

    fn choose(&self) -> Result<usize, Flaw> {
        let Some(wanted) = &self.question.stage else { return Ok(self.nodes.len().saturating_sub(1)) };
        self.by_name.get(&wanted.to_lowercase()).copied().ok_or_else(|| {
            let message = format!("`{}` has no stage `{wanted}`", self.question.file);
            let names: Vec<String> = self.file.stage_names().map(|name| format!("`{name}`")).collect();
            let flaw = match names.is_empty() {
                true => Flaw::new(0..0, "unknown-stage", message).hint("name a stage: `FROM IMAGE AS NAME`"),
                false => Flaw::new(0..0, "unknown-stage", message).hint(format!("it has {}", names.join(", "))),
            };
            flaw.nearest(wanted, self.by_name.keys().map(String::as_str))
        })
    }

    fn link(&mut self, number: usize, stage: &Stage, flaws: &mut Vec<Flaw>) {
        for step in &stage.steps {
            match self.command(number, step, None) {
                Ok(command) => self.nodes[number].commands.push(command),
                Err(flaw) => flaws.push(flaw),
            }
        }
    }

    fn command(&mut self, node: usize, step: &Step<Instruction>, base: Option<&str>) -> Result<Command, Flaw> {
        let mut sources = Vec::new();
        match &step.what {
            Instruction::Copy(copy) => {
                if let Some(from) = &copy.from {
                    sources.push(Some(self.source_of_copy(from, &step.place)?));
                }
            }
            Instruction::Run(run) => {
                for text in &run.mounts {
                    let from = mount::from_of(text).map_err(|m| step.place.flaw("bad-mount", m))?;
                    let source = from.map(|name| self.named(&name, &step.place, Role::Mount));
                    sources.push(source.transpose()?);
                }
            }
            _ => {}
        }
        self.nodes[node].needs.extend(sources.iter().flatten());
        Ok(Command { step: step.clone(), sources, trigger_of: base.map(str::to_owned) })
    }

    fn source_of_copy(&mut self, from: &str, place: &Place) -> Result<usize, Flaw> {
        let literal = Variables::default().expand(from, self.file.escape).map_err(|m| place.flaw("bad-variable", m))?;
        if literal.text != from {
            let message = format!("`--from={from}` takes no variables");
            return Err(place
                .flaw("from-variable", message)
                .hint("name a stage, and put the variable into its `FROM`"));
        }
        let Ok(number) = from.parse::<i64>() else { return self.named(from, place, Role::CopyFrom) };
        usize::try_from(number).ok().filter(|n| *n < self.nodes.len()).ok_or_else(|| {
            place.flaw("unknown-stage", format!("`--from={from}` names a stage by number, and it does not exist"))
        })
    }

    /// A stage, or else an image that becomes a node of its own.
    fn named(&mut self, name: &str, place: &Place, role: Role) -> Result<usize, Flaw> {
        if let Some(node) = self.by_name.get(&name.to_lowercase()) {
            return Ok(*node);
        }
        let origin = self.outside(name, None, place)?;
        self.nodes.push(Node {
            stage: None,
            name: name.to_owned(),
            origin,
            replaced: false,
            platform: None,
            place: place.clone(),
            role,
            commands: Vec::new(),
            needs: BTreeSet::new(),
            triggered: false,
        });
        Ok(self.nodes.len() - 1)
    }

    fn refuse_circles(&self, flaws: &mut Vec<Flaw>) {
        let mut left: BTreeSet<usize> = (0..self.nodes.len()).collect();
        loop {
            let before = left.len();
            left = left.iter().copied().filter(|n| self.nodes[*n].needs.iter().any(|s| left.contains(s))).collect();
            if left.len() == before {
                break;
            }
        }
        let in_circle = left.iter().copied().find(|n| self.reaches_itself(*n));
        if let Some(node) = in_circle.map(|n| &self.nodes[n]) {
            flaws.push(node.place.flaw("stage-circle", format!("stage `{}` needs itself", node.name)));
        }
    }

    fn reaches_itself(&self, node: usize) -> bool {
        self.reached(self.nodes[node].needs.iter().copied().collect(), |n| {
            self.nodes[n].needs.iter().copied().collect()
        })
        .contains(&node)
    }

    fn reached(&self, mut open: Vec<usize>, next: impl Fn(usize) -> Vec<usize>) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(next(node));
            }
        }
        seen
    }

    /// The nodes that the target needs, once the triggers of bases are written out.
    pub fn counted(&mut self) -> Result<BTreeSet<usize>, Vec<Flaw>> {
        loop {
            let counted = self.reached(vec![self.target], |n| {
                let node = &self.nodes[n];
                let base = if let Origin::Node(base) = node.origin { Some(base) } else { None };
                node.needs.iter().copied().chain(base).collect()
            });
            let fresh: Vec<usize> = counted.iter().copied().filter(|n| !self.nodes[*n].triggered).collect();
            if fresh.is_empty() {
                return Ok(counted);
            }
            let mut flaws = Vec::new();
            for node in fresh {
                self.nodes[node].triggered = true;
                if let Err(flaw) = self.add_triggers(node) {
                    flaws.push(flaw);
                }
            }
            if !flaws.is_empty() {
                return Err(flaws);
            }
        }
    }

    fn add_triggers(&mut self, number: usize) -> Result<(), Flaw> {
        let node = &self.nodes[number];
        if node.stage.is_none() || node.replaced {
            return Ok(());
        }
        let (base, texts) = match &node.origin {
            Origin::Node(base) => {
                let base = &self.nodes[*base];
                let texts = base.commands.iter().filter_map(|c| match &c.step.what {
                    Instruction::Onbuild(text) if c.trigger_of.is_none() => Some(text.clone()),
                    _ => None,
                });
                (base.name.clone(), texts.collect::<Vec<_>>())
            }
            Origin::Image(name) | Origin::GivenImage(name) => {
                if self.question.unknown_bases.contains(name) {
                    self.wide = Some(format!(
                        "the base image `{name}` may carry `ONBUILD`, and its configuration is not known"
                    ));
                }
                (name.clone(), self.question.onbuild.get(name).cloned().unwrap_or_default())
            }
            Origin::Scratch | Origin::Folder(_) => return Ok(()),
        };
        let place = node.place.clone();
        let mut commands = Vec::new();
        for text in texts {
            let step = trigger(&text, &place)?;
            commands.push(self.command(number, &step, Some(&base))?);
        }
        self.nodes[number].commands.splice(0..0, commands);
        Ok(())
    }
}
