//! A Dockerfile cut into instructions: directives, comments, continued lines and heredocs, as BuildKit reads them.
//!
//! Not with a parser crate: `parse-dockerfile` 0.1.9 finds a heredoc only as the first word of RUN, cuts quoted flags
//! at their spaces, refuses `ENTRYPOINT []` and equal stage names, loses a heredoc's name and stops at the first error.

use std::ops::Range;

use super::flaw::Flaw;
use super::node::{self, Node};
use super::word::{self, Rules};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub name: String,
    pub value: String,
    pub span: Range<usize>,
    pub line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    pub name: String,
    /// Variables are put in: its name stood without quotes.
    pub expand: bool,
    /// `<<-`: tabs at the start of lines go.
    pub chomp: bool,
    pub content: String,
}

/// An instruction with all its lines joined, comments left out.
#[derive(Clone, Debug)]
pub struct Statement {
    pub node: Node,
    pub text: String,
    pub span: Range<usize>,
    pub line: usize,
    pub heredocs: Vec<Heredoc>,
}

pub struct Lines {
    pub escape: char,
    pub directives: Vec<Directive>,
    pub statements: Vec<Statement>,
    pub flaws: Vec<Flaw>,
}

pub fn read(text: &str) -> Lines {
    let mut reader = Reader { lines: physical(text), at: 0, directives_over: false, out: Lines::new() };
    while reader.at < reader.lines.len() {
        reader.statement();
    }
    reader.out
}

impl Lines {
    fn new() -> Self {
        Self { escape: '\\', directives: Vec::new(), statements: Vec::new(), flaws: Vec::new() }
    }
}

struct Physical<'a> {
    /// With its end.
    raw: &'a str,
    start: usize,
}

impl Physical<'_> {
    fn text(&self) -> &str {
        self.raw.trim_end_matches(['\r', '\n'])
    }

    fn end(&self) -> usize {
        self.start + self.text().len()
    }
}

fn physical(text: &str) -> Vec<Physical<'_>> {
    let mut start = 0;
    let mut lines = Vec::new();
    for raw in text.split_inclusive('\n') {
        lines.push(Physical { raw, start });
        start += raw.len();
    }
    if let Some(first) = lines.first_mut()
        && let Some(rest) = first.raw.strip_prefix('\u{feff}')
    {
        first.start += first.raw.len() - rest.len();
        first.raw = rest;
    }
    lines
}

struct Reader<'a> {
    lines: Vec<Physical<'a>>,
    at: usize,
    directives_over: bool,
    out: Lines,
}

impl Reader<'_> {
    fn statement(&mut self) {
        let first = self.at;
        let start = self.lines[first].start;
        let line = self.lines[first].text().trim_start().to_owned();
        self.at += 1;
        self.directive(&line, first);
        if line.starts_with('#') || line.is_empty() {
            return;
        }
        let (mut text, mut goes_on) = continued(&line, self.out.escape);
        while goes_on && self.at < self.lines.len() {
            let line = self.lines[self.at].text();
            self.at += 1;
            let visible = line.trim_start();
            if visible.is_empty() || visible.starts_with('#') {
                continue;
            }
            let (more, again) = continued(line, self.out.escape);
            text.push_str(&more);
            goes_on = again;
        }
        let start = start + self.lines[first].text().len() - self.lines[first].text().trim_start().len();
        let span = start..self.lines[self.at - 1].end();
        if text.trim().is_empty() {
            return self.flaw(
                span,
                "dockerfile-syntax",
                "an instruction is missing before the continued line".to_owned(),
            );
        }
        let parsed = node::parse(&text, self.out.escape);
        let is_heredoc = parsed.as_ref().map_or(text.contains("<<"), |n| n.takes_heredocs() && text.contains("<<"));
        let heredocs = if is_heredoc { self.heredocs(&text, &span) } else { Vec::new() };
        match parsed {
            Ok(node) => self.out.statements.push(Statement { node, text, span, line: first + 1, heredocs }),
            Err(message) => self.flaw(span, "dockerfile-syntax", message),
        }
    }

    fn directive(&mut self, line: &str, number: usize) {
        if self.directives_over {
            return;
        }
        let Some(found) = directive(line) else {
            self.directives_over = true;
            return;
        };
        let physical = &self.lines[number];
        let span = physical.end() - line.len()..physical.end();
        if self.out.directives.iter().any(|d| d.name == found.name) {
            return self.flaw(span, "bad-directive", format!("the directive `{}` stands here twice", found.name));
        }
        if found.name == "escape" {
            match found.value.as_str() {
                "`" => self.out.escape = '`',
                "\\" => {}
                other => {
                    let message = format!("`{other}` is not an escape sign: it is a backslash or a backtick");
                    self.flaw(span.clone(), "bad-directive", message);
                }
            }
        }
        self.out.directives.push(Directive { span, line: number + 1, ..found });
    }

    fn heredocs(&mut self, text: &str, span: &Range<usize>) -> Vec<Heredoc> {
        let mut found = heredocs_of(text);
        for heredoc in &mut found {
            let mut closed = false;
            while let Some(line) = self.lines.get(self.at) {
                self.at += 1;
                let candidate = if heredoc.chomp { line.text().trim_start_matches('\t') } else { line.text() };
                if candidate == heredoc.name {
                    closed = true;
                    break;
                }
                heredoc.content.push_str(line.raw);
            }
            if !closed {
                self.flaw(span.clone(), "open-heredoc", format!("the heredoc `{}` is not closed", heredoc.name));
            }
        }
        found
    }

    fn flaw(&mut self, span: Range<usize>, code: &'static str, message: String) {
        self.out.flaws.push(Flaw::new(span, code, message));
    }
}

/// The line without the escape sign at its end, and whether one stood there.
fn continued(line: &str, escape: char) -> (String, bool) {
    let Some(rest) = line.trim_end_matches([' ', '\t']).strip_suffix(escape) else {
        return (line.to_owned(), false);
    };
    if rest.ends_with(escape) { (line.to_owned(), false) } else { (rest.to_owned(), true) }
}

fn directive(line: &str) -> Option<Directive> {
    let (name, value) = line.strip_prefix('#')?.trim_start().split_once('=')?;
    let name = name.trim_end();
    let value = value.trim();
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    if !first || !name.chars().all(|c| c.is_ascii_alphanumeric()) || value.is_empty() {
        return None;
    }
    let name = name.to_lowercase();
    let known = ["syntax", "check", "escape"].contains(&name.as_str());
    known.then(|| Directive { name, value: value.to_owned(), span: 0..0, line: 0 })
}

/// The frontend that `# syntax=` asks for. The engine looks for it by other rules than the parser: a first line `#!…`
/// is skipped, `//` does as well as `#`, and a space before the sign is too much.
pub fn syntax(text: &str) -> Option<Directive> {
    let lines = physical(text);
    let skipped = usize::from(lines.first().is_some_and(|l| l.raw.starts_with("#!")));
    ["#", "//"].into_iter().find_map(|sign| {
        for (number, line) in lines.iter().enumerate().skip(skipped) {
            let rest = line.text().strip_prefix(sign)?;
            let found = directive(&format!("#{rest}"))?;
            if found.name == "syntax" {
                let value = found.value.split(' ').next().unwrap_or_default().to_owned();
                return Some(Directive { value, span: line.start..line.end(), line: number + 1, name: found.name });
            }
        }
        None
    })
}

fn heredocs_of(text: &str) -> Vec<Heredoc> {
    let rules = Rules { keep_quotes: true, keep_escapes: true, keep_unset: true, ..Rules::plain('\\') };
    let words = word::expand(text, rules, &|_| None).map(|e| e.words).unwrap_or_default();
    words.iter().filter_map(|w| heredoc(w)).collect()
}

/// A word that opens a heredoc, as `<<EOF`, `3<<-"EOF"`.
pub fn heredoc(word: &str) -> Option<Heredoc> {
    let (number, rest) = word.split_once("<<")?;
    if !number.chars().all(|c| c.is_ascii_digit()) || rest.contains('<') {
        return None;
    }
    let (chomp, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start();
    let rules = Rules { keep_unset: true, ..Rules::plain('\\') };
    let [name] = one(rest, rules)?;
    let [raw] = one(rest, Rules { keep_quotes: true, ..rules })?;
    let quotes = |text: &str| text.chars().filter(|c| matches!(c, '\'' | '"')).count();
    let expand = quotes(&name) == quotes(&raw);
    Some(Heredoc { name, expand, chomp, content: String::new() })
}

fn one(text: &str, rules: Rules) -> Option<[String; 1]> {
    word::expand(text, rules, &|_| None).ok()?.words.try_into().ok()
}
