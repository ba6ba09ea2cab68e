//! `${name#pattern}` and `${name/pattern/text}`: shell patterns with `*` and `?`, as BuildKit reads them.

/// Cells of the table that a pattern and a value may need; more is refused.
const LARGEST: usize = 4_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Many,
}

pub fn trim_start(value: &str, pattern: &str, longest: bool) -> Result<String, String> {
    let value: Vec<char> = value.chars().collect();
    let matcher = Matcher::new(&tokens(&pattern.chars().collect::<Vec<_>>())?, &value, longest)?;
    let end = matcher.end(0).unwrap_or(0);
    Ok(value[end..].iter().collect())
}

pub fn trim_end(value: &str, pattern: &str, longest: bool) -> Result<String, String> {
    let value: Vec<char> = value.chars().rev().collect();
    let matcher = Matcher::new(&tokens(&reversed(pattern))?, &value, longest)?;
    let end = matcher.end(0).unwrap_or(0);
    Ok(value[end..].iter().rev().collect())
}

pub fn replace_first(value: &str, pattern: &str, with: &str) -> Result<String, String> {
    let value: Vec<char> = value.chars().collect();
    let matcher = Matcher::new(&tokens(&pattern.chars().collect::<Vec<_>>())?, &value, true)?;
    let found = (0..=value.len()).find_map(|start| matcher.end(start).map(|end| start..end));
    Ok(match found {
        Some(range) => {
            let before: String = value[..range.start].iter().collect();
            let after: String = value[range.end..].iter().collect();
            format!("{before}{with}{after}")
        }
        None => value.iter().collect(),
    })
}

/// Here, and only here, `$0` in the text stands for what was found: the original uses Go's templates.
pub fn replace_all(value: &str, pattern: &str, with: &str) -> Result<String, String> {
    let value: Vec<char> = value.chars().collect();
    let matcher = Matcher::new(&tokens(&pattern.chars().collect::<Vec<_>>())?, &value, true)?;
    let mut out = String::new();
    let (mut at, mut search, mut last) = (0, 0, None);
    while search <= value.len() {
        let Some(range) = (search..=value.len()).find_map(|s| matcher.end(s).map(|end| s..end)) else { break };
        out.extend(&value[at..range.start]);
        // An empty match right behind the one before does not count.
        if last.is_none_or(|last| range.end > last) || range.start == 0 {
            out.push_str(&template(with, &value[range.clone()]));
        }
        at = range.end;
        last = Some(range.end);
        if search < range.end {
            search = range.end;
        } else {
            search += 1;
        }
    }
    out.extend(&value[at.min(value.len())..]);
    Ok(out)
}

fn template(with: &str, found: &[char]) -> String {
    let chars: Vec<char> = with.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at + 1..];
        match (chars[at], rest.first()) {
            ('$', Some('$')) => {
                out.push('$');
                at += 2;
            }
            ('$', Some(_)) => match template_name(rest) {
                Some(name) => {
                    if name.text == "0" {
                        out.extend(found);
                    }
                    at += 1 + name.length;
                }
                None => {
                    out.push('$');
                    at += 1;
                }
            },
            (c, _) => {
                out.push(c);
                at += 1;
            }
        }
    }
    out
}

struct Name {
    text: String,
    length: usize,
}

fn template_name(rest: &[char]) -> Option<Name> {
    let braces = rest.first() == Some(&'{');
    let from = usize::from(braces);
    let text: String = rest[from..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
    let end = from + text.chars().count();
    if text.is_empty() || (braces && rest.get(end) != Some(&'}')) {
        return None;
    }
    Some(Name { text, length: end + from })
}

fn tokens(pattern: &[char]) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut chars = pattern.iter().copied().peekable();
    while let Some(c) = chars.next() {
        out.push(match c {
            '*' => Token::Many,
            '?' => Token::One,
            '\\' => match chars.peek() {
                Some('}' | '/') => continue,
                Some(&c @ ('*' | '?' | '\\')) => {
                    chars.next();
                    Token::Char(c)
                }
                other => {
                    let text = other.map(char::to_string).unwrap_or_default();
                    return Err(format!("the pattern holds the escape `\\{text}`, which the engine refuses"));
                }
            },
            c => Token::Char(c),
        });
    }
    Ok(out)
}

/// Backwards, with each escape still before its sign.
fn reversed(pattern: &str) -> Vec<char> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = Vec::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        let pair = chars[at] == '\\' && at + 1 < chars.len();
        if pair {
            out.push(chars[at + 1]);
        }
        out.push(chars[at]);
        at += 1 + usize::from(pair);
    }
    out.reverse();
    out
}

struct Matcher<'a> {
    tokens: Vec<Token>,
    value: &'a [char],
    longest: bool,
    /// Whether the tokens from a number on can match from a place on.
    can: Vec<Vec<bool>>,
}

impl<'a> Matcher<'a> {
    fn new(tokens: &[Token], value: &'a [char], longest: bool) -> Result<Self, String> {
        let width = value.len() + 1;
        if (tokens.len() + 1).saturating_mul(width) > LARGEST {
            return Err("a pattern and its value are too long".to_owned());
        }
        let mut can = vec![vec![true; width]];
        for token in tokens.iter().rev() {
            let later = &can[can.len() - 1];
            let mut row = vec![false; width];
            for at in (0..width).rev() {
                row[at] = match token {
                    Token::Many => later[at] || (at < value.len() && value[at] != '\n' && row[at + 1]),
                    Token::One => at < value.len() && value[at] != '\n' && later[at + 1],
                    Token::Char(c) => at < value.len() && value[at] == *c && later[at + 1],
                };
            }
            can.push(row);
        }
        can.reverse();
        Ok(Self { tokens: tokens.to_vec(), value, longest, can })
    }

    /// Where the match that starts here ends: each star in turn takes as much, or as little, as it can.
    fn end(&self, start: usize) -> Option<usize> {
        if !self.can[0][start] {
            return None;
        }
        let mut at = start;
        for (number, token) in self.tokens.iter().enumerate() {
            if *token != Token::Many {
                at += 1;
                continue;
            }
            let reach = self.value[at..].iter().take_while(|c| **c != '\n').count();
            let fits = |taken: &usize| self.can[number + 1][at + taken];
            let taken = if self.longest { (0..=reach).rev().find(fits) } else { (0..=reach).find(fits) };
            at += taken?;
        }
        Some(at)
    }
}
