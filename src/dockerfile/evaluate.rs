//! Carries out the instructions of the stages that count, as far as their words go.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, CountedStage, Feature, ImageUse, Question, Read, ReadKind, Role, Secret, Url};
use super::flaw::Flaw;
use super::graph::{Command, Graph, Node, Origin};
use super::instruction::{Argument, Copy, Instruction, Run};
use super::mount::{self, Mount, MountKind};
use super::parse::{Dockerfile, Place};
use super::path::below_root;
use super::recipe;
use super::url;
use super::variables::{self, Text, Variables};
use super::warnings;

impl Dockerfile {
    /// What one build of this file needs.
    ///
    /// # Errors
    /// What the engine would refuse, all at once as far as it can be told.
    pub fn answer(&self, question: &Question) -> Result<Answer, Vec<Flaw>> {
        let last = self.stages.last().and_then(|s| s.from.what.name.clone());
        let stage = question.stage.clone().or(last).unwrap_or_else(|| "default".to_owned());
        let globals = variables::globals(question, &stage, &self.globals, self.escape)?;
        let mut graph = Graph::new(self, question, &globals.variables)?;
        let counted = graph.counted()?;
        let mut evaluation = Evaluation {
            graph: &graph,
            globals: &globals.variables,
            done: BTreeMap::new(),
            answer: Answer { file: question.file.clone(), wide: graph.wide.clone(), ..Answer::default() },
            flaws: Vec::new(),
        };
        evaluation.frontend();
        for number in &counted {
            evaluation.node(*number);
        }
        if let Origin::Folder(name) = &graph.nodes[graph.target].origin {
            evaluation.folder_base(name, &graph.nodes[graph.target]);
        }
        let (mut answer, flaws) = (evaluation.answer, evaluation.flaws);
        if !flaws.is_empty() {
            return Err(flaws);
        }
        answer.warnings.splice(0..0, globals.warnings);
        answer.warnings.extend(warnings::of_arguments(self, question));
        answer.recipe = recipe::text(&graph, &counted);
        Ok(answer)
    }
}

struct Evaluation<'a> {
    graph: &'a Graph<'a>,
    globals: &'a Variables,
    done: BTreeMap<usize, Variables>,
    answer: Answer,
    flaws: Vec<Flaw>,
}

impl Evaluation<'_> {
    fn frontend(&mut self) {
        let Some(frontend) = &self.graph.file.frontend else { return };
        self.answer.images.push(ImageUse {
            reference: frontend.value.clone(),
            written: frontend.value.clone(),
            role: Role::Frontend,
            line: frontend.line,
            platform: self.graph.question.build_platform.clone(),
            given: false,
        });
    }

    fn node(&mut self, number: usize) {
        let graph = self.graph;
        let node = &graph.nodes[number];
        if let Origin::Image(name) | Origin::GivenImage(name) = &node.origin {
            self.answer.images.push(ImageUse {
                reference: name.clone(),
                written: node.stage.map_or(name, |stage| &graph.file.stages[stage].from.what.base).clone(),
                role: node.role,
                line: node.place.line,
                platform: node.platform.clone().unwrap_or_else(|| graph.question.platform.clone()),
                given: matches!(node.origin, Origin::GivenImage(_)),
            });
        }
        let Some(stage) = node.stage else { return };
        let line = graph.file.stages[stage].from.place.line;
        self.answer.stages.push(CountedStage { name: node.name.clone(), line });
        if graph.file.stages[stage].from.what.platform.is_some() {
            self.feature("platform", line);
        }
        let mut variables = self.start(node);
        if !node.replaced {
            for command in &node.commands {
                if let Err(flaw) = self.command(number, command, &mut variables) {
                    self.flaws.push(flaw);
                }
            }
        }
        self.done.insert(number, variables);
    }

    fn start(&mut self, node: &Node) -> Variables {
        let question = self.graph.question;
        match &node.origin {
            Origin::Node(base) => {
                if let Origin::Folder(name) = &self.graph.nodes[*base].origin
                    && self.graph.nodes[*base].replaced
                {
                    self.folder_base(name, node);
                }
                self.done.get(base).cloned().unwrap_or_default().start()
            }
            Origin::Image(name) | Origin::GivenImage(name) => {
                Variables::of_base(name, question.base_env.get(name).map(Vec::as_slice))
            }
            Origin::Folder(name) => {
                if !node.replaced {
                    self.folder_base(name, node);
                }
                Variables::of_base(name, Some(&[]))
            }
            Origin::Scratch => Variables::of_base("scratch", Some(&[])),
        }
    }

    fn folder_base(&mut self, name: &str, node: &Node) {
        self.answer.reads.push(Read {
            context: Some(name.to_owned()),
            kind: ReadKind::Base,
            source: String::new(),
            include: None,
            excludes: Vec::new(),
            modes: true,
            line: node.place.line,
            text: node.place.text.trim().to_owned(),
            wide: None,
            span: node.place.span.clone(),
        });
    }

    fn feature(&mut self, name: &'static str, line: usize) {
        let feature = Feature { name, line };
        if !self.answer.features.contains(&feature) {
            self.answer.features.push(feature);
        }
    }

    fn command(&mut self, node: usize, command: &Command, variables: &mut Variables) -> Result<(), Flaw> {
        let place = &command.step.place;
        let escape = self.graph.file.escape;
        let expand = |variables: &Variables, text: &str| {
            variables.expand(text, escape).map_err(|message| place.flaw("bad-variable", message))
        };
        match &command.step.what {
            Instruction::Copy(copy) => self.copy(node, command, copy, variables)?,
            Instruction::Run(run) => self.run(node, command, run, variables)?,
            Instruction::Env(pairs) => {
                // All values of one line see what held before the line.
                let before = variables.clone();
                for pair in pairs {
                    let name = expand(&before, &pair.name)?.text;
                    variables.set_env(&name, &expand(&before, &pair.value)?);
                }
            }
            Instruction::Arg(arguments) => {
                for argument in arguments {
                    self.argument(argument, place, variables)?;
                }
            }
            Instruction::Onbuild(_) => self.feature("onbuild", place.line),
            Instruction::Shell => self.feature("shell", place.line),
            Instruction::Healthcheck { none } => {
                self.feature(if *none { "healthcheck-none" } else { "healthcheck" }, place.line);
            }
            Instruction::Other { words } => {
                for word in words {
                    expand(variables, word)?;
                }
            }
            Instruction::From(_) => {}
        }
        Ok(())
    }

    fn argument(&mut self, argument: &Argument, place: &Place, variables: &mut Variables) -> Result<(), Flaw> {
        let name = argument.name.as_str();
        let given = self.graph.question.args.get(name);
        match (given, &argument.value) {
            (Some(given), _) => variables.set_arg(name, given, None),
            (None, Some(default)) => {
                let value =
                    variables.expand(default, self.graph.file.escape).map_err(|m| place.flaw("bad-variable", m))?;
                self.answer.warnings.extend(variables::hides_platform(argument, &value, place));
                variables.set_arg(name, &value.text, value.doubt);
            }
            (None, None) => {
                if let Some(global) = self.globals.get(name) {
                    variables.set_arg(name, global, None);
                }
            }
        }
        Ok(())
    }

    /// The named folder that a node's files come from, if it is one.
    fn folder_of(&self, node: usize) -> Option<String> {
        let node = &self.graph.nodes[node];
        match &node.origin {
            Origin::Folder(name) if node.replaced || node.stage.is_none() => Some(name.clone()),
            _ => None,
        }
    }

    /// A stage can be taken from only below it.
    fn refuse_later(&self, node: usize, source: usize, place: &Place) -> Result<(), Flaw> {
        let taken = &self.graph.nodes[source];
        if taken.stage.is_none() || taken.replaced || source < node {
            return Ok(());
        }
        let message = format!("stage `{}` is defined on line {}, below its use", taken.name, taken.place.line);
        Err(place.flaw("stage-order", message).hint("move the stage up"))
    }

    fn copy(&mut self, node: usize, command: &Command, copy: &Copy, variables: &Variables) -> Result<(), Flaw> {
        let place = &command.step.place;
        let source_node = command.sources.first().copied().flatten();
        if let Some(source) = source_node {
            self.refuse_later(node, source, place)?;
        }
        let expand =
            |text: &str| variables.expand(text, self.graph.file.escape).map_err(|m| place.flaw("bad-variable", m));
        let chmod = copy.chmod.as_deref().map(expand).transpose()?;
        for other in [&copy.chown, &copy.checksum].into_iter().flatten().chain([&copy.destination]) {
            expand(other)?;
        }
        let checksum = copy.checksum.as_deref().map(expand).transpose()?.map(|c| c.text).filter(|c| !c.is_empty());
        for body in copy.inline.iter().filter(|h| h.expand) {
            variables.expand_body(&body.content).map_err(|m| place.flaw("bad-variable", m))?;
        }
        let sources = copy.sources.iter().map(|s| expand(s)).collect::<Result<Vec<Text>, Flaw>>()?;
        self.copy_features(copy, place.line);
        let context = source_node.and_then(|source| self.folder_of(source));
        let from_context = source_node.is_none() || context.is_some();
        let keyword = &place.keyword;
        for (written, source) in copy.sources.iter().zip(sources) {
            let (git, http) = (url::is_git(&source.text), url::is_http(&source.text));
            if (git || http) && !copy.add {
                let message = format!("`COPY` cannot take `{}`", source.text);
                return Err(place.flaw("url-source", message).hint("`ADD` can"));
            }
            if git || http {
                self.feature(if git { "add-git" } else { "add-url" }, place.line);
                let (url, checksum) = (source.text, checksum.clone());
                self.answer.urls.push(Url { url, git, checksum, line: place.line });
            } else if from_context {
                let mut read = self.read(command, format!("{keyword} {written}"), source);
                read.context.clone_from(&context);
                read.modes = !chmod.as_ref().is_some_and(sets_all_bits);
                read.excludes.clone_from(&copy.excludes);
                if copy.parents && read.wide.is_none() {
                    pivot(&mut read);
                }
                read.source = below_root(&read.source);
                self.answer.reads.push(read);
            }
        }
        Ok(())
    }

    fn read(&self, command: &Command, text: String, source: Text) -> Read {
        let text = match &command.trigger_of {
            Some(base) => format!("{text} (of the base `{base}`)"),
            None => text,
        };
        Read {
            context: None,
            kind: ReadKind::Copy,
            source: source.text,
            include: None,
            excludes: Vec::new(),
            modes: true,
            line: command.step.place.line,
            text,
            wide: source.doubt,
            span: command.step.place.span.clone(),
        }
    }

    fn copy_features(&mut self, copy: &Copy, line: usize) {
        let features = [
            ("heredoc", !copy.inline.is_empty()),
            ("link", copy.link),
            ("exclude", !copy.excludes.is_empty()),
            ("parents", copy.parents),
            ("chmod", copy.chmod.is_some()),
            ("chown", copy.chown.is_some()),
            ("checksum", copy.checksum.is_some()),
        ];
        for (name, _) in features.into_iter().filter(|(_, used)| *used) {
            self.feature(name, line);
        }
    }

    fn run(&mut self, node: usize, command: &Command, run: &Run, variables: &Variables) -> Result<(), Flaw> {
        let place = &command.step.place;
        self.answer.runs = true;
        for (name, used) in [
            ("heredoc", run.heredocs),
            ("network", run.network.is_some()),
            ("security", run.security.is_some()),
            ("device", run.device),
        ] {
            if used {
                self.feature(name, place.line);
            }
        }
        for (text, source) in run.mounts.iter().zip(&command.sources) {
            let mut doubt = None;
            let mut expand = |value: &str| {
                let value = variables.expand(value, self.graph.file.escape)?;
                doubt = doubt.take().or(value.doubt);
                Ok(value.text)
            };
            let mount = mount::parse(text, &mut expand).map_err(|m| place.flaw("bad-mount", m))?;
            self.mount(node, command, Taken { mount, source: *source, doubt })?;
        }
        Ok(())
    }

    fn mount(&mut self, node: usize, command: &Command, taken: Taken) -> Result<(), Flaw> {
        let Taken { mount, source, doubt } = taken;
        let place = &command.step.place;
        let (feature, reads) = match mount.kind {
            MountKind::Bind => ("mount-bind", true),
            MountKind::Cache => ("mount-cache", source.is_some()),
            MountKind::Tmpfs => ("mount-tmpfs", false),
            MountKind::Secret => ("mount-secret", false),
            MountKind::Ssh => ("mount-ssh", false),
        };
        self.feature(feature, place.line);
        if mount.kind == MountKind::Secret {
            let (id, required) = (mount.secret_id().to_owned(), mount.required);
            if id.is_empty() {
                return Err(place.flaw("bad-mount", "a secret mount needs an `id`"));
            }
            self.answer.secrets.push(Secret { id, required, line: place.line });
        }
        if let Some(source) = source {
            self.refuse_later(node, source, place)?;
        }
        let context = source.and_then(|source| self.folder_of(source));
        if !reads || (source.is_some() && context.is_none()) {
            return Ok(());
        }
        let source = Text { text: below_root(&mount.source), doubt, uses: BTreeSet::new() };
        let shown = if source.text.is_empty() { "." } else { &source.text };
        let text = format!("{} --mount source={shown}", place.keyword);
        let read = self.read(command, text, source);
        self.answer.reads.push(Read { context, kind: ReadKind::Mount, ..read });
        Ok(())
    }
}

struct Taken {
    mount: Mount,
    source: Option<usize>,
    doubt: Option<String>,
}

/// A number and `a=rx` set the bits whatever they were; `u+x` and the like add to what the file has.
fn sets_all_bits(chmod: &Text) -> bool {
    let symbolic = chmod.text.strip_prefix("a=").is_some_and(|bits| bits.chars().all(|c| "rwx".contains(c)));
    chmod.doubt.is_none() && (symbolic || u32::from_str_radix(&chmod.text, 8).is_ok())
}

/// `--parents` copies from the folder before `/./`, or from the context.
fn pivot(read: &mut Read) {
    let (folder, pattern) = read.source.split_once("/./").unwrap_or(("", &read.source));
    let pattern = below_root(pattern);
    let folder = if folder.is_empty() { "/" } else { folder };
    (read.source, read.include) = (folder.to_owned(), Some(pattern));
}
