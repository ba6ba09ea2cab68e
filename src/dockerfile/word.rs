//! Words of a Dockerfile: quotes, escapes and variables, put in as BuildKit's shell lexer does.
//!
//! <https://github.com/moby/buildkit/blob/v0.34.2/frontend/dockerfile/shell/lex.go>

use std::collections::BTreeSet;

use super::substitute;

/// Deeper nesting of `${a:-${b:-…}}` is refused.
const DEEPEST: usize = 64;

/// How a text is read.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub escape: char,
    pub keep_quotes: bool,
    pub keep_escapes: bool,
    pub quotes_are_text: bool,
    pub keep_unset: bool,
}

impl Rules {
    pub fn plain(escape: char) -> Self {
        Self { escape, keep_quotes: false, keep_escapes: false, quotes_are_text: false, keep_unset: false }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    pub text: String,
    /// The text cut at its spaces.
    pub words: Vec<String>,
    /// Names of variables that were asked for.
    pub set: BTreeSet<String>,
    pub unset: BTreeSet<String>,
}

/// Puts the variables into a text, or says what is wrong with it.
pub fn expand(text: &str, rules: Rules, variable: &dyn Fn(&str) -> Option<String>) -> Result<Expanded, String> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, rules, variable, depth: 0, out: Expanded::default() };
    let found = lexer.until(None, Mode { keep_escapes: rules.keep_escapes, pattern: false })?;
    let mut out = lexer.out;
    out.text = found.text;
    out.words = found.words;
    Ok(out)
}

struct Lexer<'a> {
    chars: Vec<char>,
    at: usize,
    rules: Rules,
    variable: &'a dyn Fn(&str) -> Option<String>,
    depth: usize,
    out: Expanded,
}

#[derive(Clone, Copy)]
struct Mode {
    keep_escapes: bool,
    /// Inside `${a#here}`: escapes in quotes are doubled, because the pattern is read once more.
    pattern: bool,
}

#[derive(Default)]
struct Found {
    text: String,
    words: Vec<String>,
    word: String,
    in_word: bool,
}

impl Found {
    fn push(&mut self, c: char) {
        self.text.push(c);
        self.word_char(c);
    }

    fn word_char(&mut self, c: char) {
        if !c.is_whitespace() {
            self.word.push(c);
            self.in_word = true;
        } else if self.in_word && !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
            self.in_word = false;
        }
    }

    /// Spaces in it do not end the word.
    fn push_raw(&mut self, text: &str) {
        self.text.push_str(text);
        self.word.push_str(text);
        self.in_word = true;
    }

    fn end(mut self) -> Self {
        if !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
        }
        self
    }
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn until(&mut self, stop: Option<char>, mode: Mode) -> Result<Found, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("variables are nested too deeply".to_owned());
        }
        let mut found = Found::default();
        while let Some(c) = self.peek() {
            if stop == Some(c) {
                self.at += 1;
                self.depth -= 1;
                return Ok(found.end());
            }
            match c {
                '$' => {
                    let value = self.dollar()?;
                    found.text.push_str(&value);
                    value.chars().for_each(|c| found.word_char(c));
                }
                '<' => {
                    let text = self.less();
                    found.push_raw(&text);
                }
                '\'' if !self.rules.quotes_are_text => {
                    let text = self.single_quote(mode)?;
                    found.push_raw(&text);
                }
                '"' if !self.rules.quotes_are_text => {
                    let text = self.double_quote(mode)?;
                    found.push_raw(&text);
                }
                c if c == self.rules.escape => {
                    self.at += 1;
                    if mode.keep_escapes {
                        found.push_raw(&c.to_string());
                    }
                    let Some(next) = self.next() else { break };
                    found.push_raw(&next.to_string());
                }
                c => {
                    self.at += 1;
                    found.push(c);
                }
            }
        }
        self.depth -= 1;
        match stop {
            Some(stop) => Err(format!("`{stop}` is missing")),
            None => Ok(found.end()),
        }
    }

    fn single_quote(&mut self, mode: Mode) -> Result<String, String> {
        let mut text = String::new();
        let quote = self.next();
        let kept = quote.filter(|_| self.rules.keep_quotes);
        text.extend(kept);
        loop {
            match self.next() {
                None => return Err("a single quote is not closed".to_owned()),
                Some('\'') => {
                    text.extend(kept);
                    return Ok(text);
                }
                Some(c) => {
                    if mode.pattern && c == self.rules.escape {
                        text.push(c);
                    }
                    text.push(c);
                }
            }
        }
    }

    fn double_quote(&mut self, mode: Mode) -> Result<String, String> {
        let mut text = String::new();
        let quote = self.next();
        let kept = quote.filter(|_| self.rules.keep_quotes);
        text.extend(kept);
        loop {
            match self.peek() {
                None => return Err("a double quote is not closed".to_owned()),
                Some('"') => {
                    self.at += 1;
                    text.extend(kept);
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(c) => {
                    self.at += 1;
                    if c == self.rules.escape {
                        match self.peek() {
                            None => continue,
                            Some(next) if next == '"' || next == '$' || next == self.rules.escape => {
                                if mode.keep_escapes {
                                    text.push(c);
                                }
                                self.at += 1;
                                text.push(next);
                                continue;
                            }
                            Some(_) if mode.keep_escapes && (!self.rules.keep_quotes || mode.pattern) => text.push(c),
                            Some(_) => {}
                        }
                    }
                    text.push(c);
                }
            }
        }
    }

    /// `<<` and the spaces after it stay one word, so that heredocs can be found.
    fn less(&mut self) -> String {
        self.at += 1;
        if self.peek() != Some('<') {
            return "<".to_owned();
        }
        self.at += 1;
        let mut text = "<<".to_owned();
        while let Some(c @ ('\t' | '\r' | ' ')) = self.peek() {
            text.push(c);
            self.at += 1;
        }
        text
    }

    fn dollar(&mut self) -> Result<String, String> {
        self.at += 1;
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match self.look_up(&name) {
                None if self.rules.keep_unset => format!("${name}"),
                value => value.unwrap_or_default(),
            });
        }
        self.at += 1;
        match self.peek() {
            None => return Err("`}` is missing".to_owned()),
            Some('{' | '}' | ':') => return Err("the name in `${}` is missing".to_owned()),
            Some(_) => {}
        }
        let name = self.name();
        self.modified(&name)
    }

    fn modified(&mut self, name: &str) -> Result<String, String> {
        match self.next() {
            Some('}') => Ok(match self.look_up(name) {
                None if self.rules.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            Some(':') => match self.next() {
                Some(c @ ('-' | '+' | '?')) => self.test(name, Test { modifier: c, empty_is_unset: true }),
                other => Err(unsupported(&format!(":{}", other.map(String::from).unwrap_or_default()))),
            },
            Some(c @ ('-' | '+' | '?')) => self.test(name, Test { modifier: c, empty_is_unset: false }),
            Some(c @ ('#' | '%')) => self.trim(name, c),
            Some('/') => self.replace(name),
            other => Err(unsupported(&other.map(String::from).unwrap_or_default())),
        }
    }

    fn test(&mut self, name: &str, test: Test) -> Result<String, String> {
        let word = self.until(Some('}'), Mode { keep_escapes: false, pattern: false })?.text;
        let value = self.look_up(name);
        if value.is_none() && self.rules.keep_unset {
            let colon = if test.empty_is_unset { ":" } else { "" };
            return Ok(format!("${{{name}{colon}{}{word}}}", test.modifier));
        }
        let set = value.as_deref().is_some_and(|v| !test.empty_is_unset || !v.is_empty());
        match test.modifier {
            '-' if !set => Ok(word),
            '-' => Ok(value.unwrap_or_default()),
            '+' => Ok(if set { word } else { String::new() }),
            _ if set => Ok(value.unwrap_or_default()),
            _ => {
                let state = if value.is_none() { "unset" } else { "empty" };
                let message = if word.is_empty() { format!("must not be {state}") } else { word };
                Err(format!("`{name}`: {message}"))
            }
        }
    }

    fn trim(&mut self, name: &str, modifier: char) -> Result<String, String> {
        let word = self.until(Some('}'), Mode { keep_escapes: true, pattern: true })?.text;
        let value = self.look_up(name);
        if value.is_none() && self.rules.keep_unset {
            return Ok(format!("${{{name}{modifier}{word}}}"));
        }
        let (longest, pattern) = match word.strip_prefix(modifier) {
            Some(rest) => (true, rest),
            None => (false, word.as_str()),
        };
        let value = value.unwrap_or_default();
        if modifier == '#' {
            substitute::trim_start(&value, pattern, longest)
        } else {
            substitute::trim_end(&value, pattern, longest)
        }
    }

    fn replace(&mut self, name: &str) -> Result<String, String> {
        let all = self.peek() == Some('/');
        self.at += usize::from(all);
        let pattern = self.until(Some('/'), Mode { keep_escapes: true, pattern: true })?.text;
        let with = self.until(Some('}'), Mode { keep_escapes: true, pattern: false })?.text;
        let value = self.look_up(name);
        if value.is_none() && self.rules.keep_unset {
            return Ok(format!("${{{name}/{pattern}/{with}}}"));
        }
        let value = value.unwrap_or_default();
        if all {
            substitute::replace_all(&value, &pattern, &with)
        } else {
            substitute::replace_first(&value, &pattern, &with)
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if name.is_empty() && c.is_ascii_digit() {
                while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
                    name.push(digit);
                    self.at += 1;
                }
                return name;
            }
            if name.is_empty() && "@*#?-$!".contains(c) {
                self.at += 1;
                return c.to_string();
            }
            if !c.is_alphanumeric() && c != '_' {
                break;
            }
            name.push(c);
            self.at += 1;
        }
        name
    }

    fn look_up(&mut self, name: &str) -> Option<String> {
        let value = (self.variable)(name);
        let names = if value.is_some() { &mut self.out.set } else { &mut self.out.unset };
        names.insert(name.to_owned());
        value
    }
}

struct Test {
    modifier: char,
    empty_is_unset: bool,
}

fn unsupported(modifier: &str) -> String {
    format!("the engine does not know `{modifier}` in `${{}}`")
}
