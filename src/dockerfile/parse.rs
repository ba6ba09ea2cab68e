//! A Dockerfile as stages of instructions.

use std::ops::Range;

use super::flaw::Flaw;
use super::instruction::{self, Argument, From, Instruction};
use super::lines::{self, Directive, Heredoc, Statement};

#[derive(Clone, Debug)]
pub struct Dockerfile {
    pub(super) escape: char,
    pub(super) frontend: Option<Directive>,
    /// `ARG` before the first `FROM`.
    pub(super) globals: Vec<Step<Vec<Argument>>>,
    pub(super) stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub from: Step<From>,
    pub steps: Vec<Step<Instruction>>,
}

/// An instruction and its place.
#[derive(Clone, Debug)]
pub(super) struct Step<T> {
    pub what: T,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(super) struct Place {
    pub span: Range<usize>,
    pub line: usize,
    pub keyword: String,
    /// All lines joined, without comments.
    pub text: String,
    pub heredocs: Vec<Heredoc>,
}

impl Place {
    pub fn flaw(&self, code: &'static str, message: impl Into<String>) -> Flaw {
        Flaw::new(self.span.clone(), code, message)
    }
}

impl Dockerfile {
    /// Takes a Dockerfile apart.
    ///
    /// # Errors
    /// All mistakes of its syntax at once, in their order.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<Flaw>> {
        let text = std::str::from_utf8(text).map_err(|error| {
            let at = error.valid_up_to();
            vec![Flaw::new(at..at + 1, "not-utf-8", "the Dockerfile is not UTF-8")]
        })?;
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            return Err(vec![
                Flaw::new(0..0, "empty-dockerfile", "the Dockerfile is empty").hint("begin with `FROM IMAGE`"),
            ]);
        }
        let lines = lines::read(text);
        let mut flaws = lines.flaws;
        let mut file =
            Self { escape: lines.escape, frontend: lines::syntax(text), globals: Vec::new(), stages: Vec::new() };
        for statement in lines.statements {
            if let Err(flaw) = file.add(statement) {
                flaws.push(flaw);
            }
        }
        if file.stages.is_empty() && flaws.is_empty() {
            flaws.push(Flaw::new(0..0, "no-from", "the Dockerfile has no `FROM`").hint("begin with `FROM IMAGE`"));
        }
        flaws.sort_by_key(|f| f.span.start);
        if flaws.is_empty() { Ok(file) } else { Err(flaws) }
    }

    fn add(&mut self, statement: Statement) -> Result<(), Flaw> {
        let read = instruction::read(&statement);
        let Statement { node, text, span, line, heredocs } = statement;
        let place = Place { span, line, keyword: node.keyword, text, heredocs };
        let what = read.map_err(|m| place.flaw(m.code, m.message).nearest(&m.given, m.known.iter().copied()))?;
        match (what, self.stages.last_mut()) {
            (Instruction::From(what), _) => {
                self.stages.push(Stage { from: Step { what, place }, steps: Vec::new() });
            }
            (what, Some(stage)) => stage.steps.push(Step { what, place }),
            (Instruction::Arg(what), None) => self.globals.push(Step { what, place }),
            (_, None) => {
                let message = format!("`{}` stands before the first `FROM`", place.keyword);
                return Err(place.flaw("before-from", message).hint("begin with `FROM IMAGE`"));
            }
        }
        Ok(())
    }

    /// Names of stages, for choosing one.
    pub fn stage_names(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().filter_map(|s| s.from.what.name.as_deref())
    }
}

/// One instruction of a base's `ONBUILD`, which stands in no file.
pub(super) fn trigger(text: &str, from: &Place) -> Result<Step<Instruction>, Flaw> {
    let bad =
        |message: String| from.flaw("bad-onbuild", format!("the base's `ONBUILD {text}` cannot be read: {message}"));
    let lines = lines::read(text);
    if let Some(flaw) = lines.flaws.into_iter().next() {
        return Err(bad(flaw.message));
    }
    let [statement] =
        <[Statement; 1]>::try_from(lines.statements).map_err(|_| bad("it must be one instruction".to_owned()))?;
    let what = instruction::read(&statement).map_err(|m| bad(m.message))?;
    if matches!(what, Instruction::From(_) | Instruction::Onbuild(_)) {
        return Err(bad("it is not allowed there".to_owned()));
    }
    let place = Place {
        span: from.span.clone(),
        line: from.line,
        keyword: format!("ONBUILD {}", statement.node.keyword),
        text: statement.text,
        heredocs: statement.heredocs,
    };
    Ok(Step { what, place })
}
