//! What a shell text is sure to start: its last command, or each of a chain of `&&`.

use super::words::{Token, Word, lex};

/// What a text starts, and what is known where it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub commands: Vec<Started>,
    pub folder: Folder,
    /// Whether `PATH`, the way libraries are found, permissions, and the arguments of the text are those of before.
    pub keeps: Keeps,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Without assignments, `exec` and redirections.
    pub words: Vec<Word>,
    /// Whether the text surely comes there, and nothing before it may make what it starts.
    pub sure: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Folder {
    #[default]
    Same,
    To(String),
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent of each other")]
pub struct Keeps {
    pub path: bool,
    pub libraries: bool,
    pub modes: bool,
    pub arguments: bool,
}

impl Default for Keeps {
    fn default() -> Self {
        Self { path: true, libraries: true, modes: true, arguments: true }
    }
}

/// Commands that start nothing and make no file that could be started. What a shell has itself is never looked for.
const BUILT_IN: &[&str] = &[
    ":",
    "[",
    "[[",
    "true",
    "false",
    "test",
    "echo",
    "printf",
    "set",
    "unset",
    "export",
    "readonly",
    "local",
    "declare",
    "typeset",
    "umask",
    "ulimit",
    "cd",
    "pushd",
    "popd",
    "pwd",
    "wait",
    "kill",
    "trap",
    "shift",
    "read",
    "let",
    "type",
    "hash",
    "getopts",
    "shopt",
    "times",
    "jobs",
    "break",
    "continue",
    "return",
    "exit",
    "eval",
    ".",
    "source",
    "alias",
    "unalias",
    "bg",
    "fg",
    "command",
    "builtin",
    "exec",
    "hint",
    "mapfile",
    "readarray",
    "disown",
    "history",
    "enable",
];
const HARMLESS: &[&str] = &[
    "mkdir",
    "id",
    "sleep",
    "date",
    "touch",
    "rm",
    "ls",
    "cat",
    "grep",
    "sort",
    "cut",
    "tr",
    "wc",
    "head",
    "tail",
    "basename",
    "dirname",
    "uname",
    "hostname",
    "whoami",
    "getent",
    "nc",
    "pg_isready",
    "which",
    "seq",
    "nproc",
    "env",
    "stat",
    "find",
    "ps",
    "df",
    "du",
    "free",
];
/// Commands that change who may start what.
const MODES: &[&str] = &["chmod", "chown", "chgrp", "setfacl"];
/// Commands after which the text may not go on.
const TURNS: &[&str] = &["exec", "exit", "return", "eval", ".", "source", "alias"];

/// Reads a text: a script, or what stands after `-c`.
pub fn read(text: &str) -> Reading {
    let Some(tokens) = lex(text) else { return Reading::default() };
    let (mut statements, functions) = statements(&tokens);
    // `… || exit 1` changes nothing of what is started.
    let given_up = |one: &Statement| one.before == "||" && matches!(one.name(), Some("exit" | "false" | "return"));
    if statements.last().is_some_and(given_up) {
        statements.pop();
    }
    let mut reading = Reading { keeps: keeps(text), ..Reading::default() };
    let Some(last) = statements.last().filter(|last| last.depth == 0 && !last.ends_block && last.after != "&") else {
        return reading;
    };
    let chain = statements.iter().skip(1).all(|one| one.before == "&&") && statements.iter().all(|one| one.depth == 0);
    let mut certain = last.before != "||";
    let piped = last.before == "|";
    for (index, one) in statements.iter().enumerate() {
        let is_last = index + 1 == statements.len();
        let words = one.command();
        let known = matches!(words.first(), Some(Word::Text(name))
            if !BUILT_IN.contains(&name.as_str()) && !functions.contains(name));
        let passed_on = matches!(words.first(), Some(Word::Arguments));
        let sure = certain && !(is_last && piped);
        if (is_last || chain) && (known || (passed_on && sure)) {
            reading.commands.push(Started { words, sure });
        }
        if !is_last {
            certain &= one.changes(&mut reading);
        }
    }
    reading
}

/// What is said anywhere in a text counts, also in a function that is never called.
fn keeps(text: &str) -> Keeps {
    let assigns = |name: &str| {
        text.match_indices(name).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    };
    let says = |word: &str| text.contains(word);
    Keeps {
        path: !assigns("PATH="),
        libraries: !says("LD_LIBRARY_PATH") && !says("ldconfig") && !says("LD_PRELOAD"),
        modes: true,
        arguments: true,
    }
}

struct Statement {
    words: Vec<Word>,
    /// Operators around it.
    before: &'static str,
    after: &'static str,
    /// Blocks (`if`, `case`, a function …) that it is in.
    depth: usize,
    /// The end of a block, without words.
    ends_block: bool,
    /// Whether its output goes to a file.
    writes: bool,
}

impl Statement {
    /// Its words without assignments before them and `exec`.
    fn command(&self) -> Vec<Word> {
        let plain = |word: &Word| match word {
            Word::Assignment(Some(text)) => Word::Text(text.clone()),
            Word::Assignment(None) => Word::Unknown,
            word => word.clone(),
        };
        let rest = self.words.iter().skip_while(|word| matches!(word, Word::Assignment(_)));
        let mut words: Vec<Word> = rest.map(plain).collect();
        while matches!(words.first(), Some(Word::Text(name)) if matches!(name.as_str(), "exec" | "command" | "time")) {
            words.remove(0);
            while let Some(Word::Text(option)) = words.first() {
                let count = match option.as_str() {
                    "-a" => 2,
                    "-c" | "-l" | "-p" | "--" => 1,
                    _ => break,
                };
                words.drain(..count.min(words.len()));
            }
        }
        words
    }

    fn name(&self) -> Option<&str> {
        match self.words.iter().find(|word| !matches!(word, Word::Assignment(_)))? {
            Word::Text(name) => Some(name),
            _ => None,
        }
    }

    /// Notes what it changes; whether what follows is still certain to be reached, and only if it was there before.
    fn changes(&self, reading: &mut Reading) -> bool {
        let only_assignments = self.words.iter().all(|word| matches!(word, Word::Assignment(_)));
        if self.ends_block || only_assignments {
            return !self.writes;
        }
        let Some(name) = self.name() else { return false };
        match name {
            "cd" | "pushd" | "popd" => {
                reading.folder = match self.words.as_slice() {
                    [Word::Text(_), Word::Text(to)] if self.depth == 0 && name == "cd" && to != "-" => {
                        joined(&reading.folder, to)
                    }
                    _ => Folder::Unknown,
                };
            }
            "shift" => reading.keeps.arguments = false,
            "set" => reading.keeps.arguments &= self.words[1..].iter().all(is_option),
            _ if MODES.contains(&name) => reading.keeps.modes = false,
            _ => {}
        }
        let redirects = name == "exec" && self.command().is_empty();
        let turns = TURNS.contains(&name) && !redirects;
        let known = BUILT_IN.contains(&name) || HARMLESS.contains(&name) || MODES.contains(&name);
        known && !turns && !self.writes
    }
}

fn joined(folder: &Folder, to: &str) -> Folder {
    match folder {
        _ if to.starts_with('/') => Folder::To(to.to_owned()),
        Folder::Same => Folder::To(to.to_owned()),
        Folder::To(from) => Folder::To(format!("{from}/{to}")),
        Folder::Unknown => Folder::Unknown,
    }
}

/// `-e`, `-o pipefail`, not `--`.
fn is_option(word: &Word) -> bool {
    matches!(word, Word::Text(text)
        if (text.starts_with(['-', '+']) && !matches!(text.as_str(), "-" | "--")) || text == "pipefail")
}

enum Block {
    Case,
    Parenthesis,
    Other,
}

/// Statements in order, and the names of functions.
fn statements(tokens: &[Token]) -> (Vec<Statement>, Vec<String>) {
    let mut parser = Parser { before: ";", ..Parser::default() };
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        if parser.pattern {
            parser.pattern(token);
            continue;
        }
        match token {
            Token::Word(word) => parser.word(word),
            Token::Redirection { writes } => {
                let Some(Token::Word(to)) = tokens.next_if(|next| matches!(next, Token::Word(_))) else { continue };
                let harmless = matches!(to, Word::Text(to)
                    if to.starts_with("/dev/") || to.starts_with("/proc/") || to == "-" || to.parse::<u32>().is_ok());
                parser.writes |= writes & !harmless;
            }
            Token::Operator("(") => match (parser.words.as_slice(), tokens.peek()) {
                ([Word::Text(name)], Some(Token::Operator(")"))) => {
                    parser.functions.push(name.clone());
                    parser.words.clear();
                    tokens.next();
                }
                _ => {
                    parser.flush("(");
                    parser.blocks.push(Block::Parenthesis);
                }
            },
            Token::Operator(operator) => parser.operator(operator),
        }
    }
    parser.flush(";");
    (parser.statements, parser.functions)
}

#[derive(Default)]
struct Parser {
    statements: Vec<Statement>,
    functions: Vec<String>,
    blocks: Vec<Block>,
    words: Vec<Word>,
    writes: bool,
    before: &'static str,
    /// Whether patterns of a `case` come.
    pattern: bool,
}

impl Parser {
    fn pattern(&mut self, token: &Token) {
        match token {
            Token::Operator(")") => self.pattern = false,
            Token::Word(Word::Text(word)) if word == "esac" => {
                self.pattern = false;
                self.close();
            }
            _ => {}
        }
    }

    fn operator(&mut self, operator: &'static str) {
        match operator {
            ")" => {
                self.flush(")");
                if matches!(self.blocks.last(), Some(Block::Parenthesis)) {
                    self.close();
                }
            }
            ";;" => {
                self.flush(";");
                self.pattern = matches!(self.blocks.last(), Some(Block::Case));
            }
            _ => self.flush(operator),
        }
    }

    fn close(&mut self) {
        self.blocks.pop();
        let depth = self.blocks.len();
        let (before, after) = (";", ";");
        self.statements.push(Statement { words: Vec::new(), before, after, depth, ends_block: true, writes: false });
    }

    /// A word; at the start of a command it may be one that begins or ends a block.
    fn word(&mut self, word: &Word) {
        let (true, Word::Text(text)) = (self.words.is_empty(), word) else {
            if let ([Word::Text(first), ..], Word::Text(text)) = (self.words.as_slice(), word) {
                match (first.as_str(), text.as_str()) {
                    ("case", "in") => {
                        self.words.clear();
                        self.pattern = true;
                        return;
                    }
                    ("function", "{") => {
                        let name = self.words.get(1).cloned();
                        self.words.clear();
                        self.functions.extend(name.into_iter().filter_map(|name| match name {
                            Word::Text(name) => Some(name),
                            _ => None,
                        }));
                        self.blocks.push(Block::Other);
                        return;
                    }
                    _ => {}
                }
            }
            self.words.push(word.clone());
            return;
        };
        match text.as_str() {
            "if" | "while" | "until" | "{" => self.blocks.push(Block::Other),
            "for" | "select" => {
                self.blocks.push(Block::Other);
                // What it goes through is not started.
                self.words.push(Word::Text(":".into()));
            }
            "case" => {
                self.blocks.push(Block::Case);
                self.words.push(word.clone());
            }
            "then" | "else" | "elif" | "do" | "!" => {}
            "fi" | "done" | "esac" | "}" => self.close(),
            _ => self.words.push(word.clone()),
        }
    }

    fn flush(&mut self, after: &'static str) {
        let words = std::mem::take(&mut self.words);
        let writes = std::mem::take(&mut self.writes);
        if words.is_empty() && !writes {
            // After the end of a block: `fi && …`.
            if let (Some(last), true) = (self.statements.last_mut(), self.before == ";" || after != ";") {
                last.after = if last.ends_block { after } else { last.after };
            }
            if after != ";" {
                self.before = after;
            }
            return;
        }
        let depth = self.blocks.len();
        let before = std::mem::replace(&mut self.before, after);
        self.statements.push(Statement { words, before, after, depth, ends_block: false, writes });
    }
}

#[cfg(test)]
#[path = "shell_tests.rs"]
mod tests;
