//! One instruction taken apart: its keyword, flags and words.

/// What the words of an instruction are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    List(Vec<String>),
    /// The JSON form.
    Json(Vec<String>),
    /// `ENV` and `LABEL`.
    Pairs(Vec<Pair>),
    /// `ONBUILD`.
    Inner(Box<Node>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// In capitals.
    pub keyword: String,
    pub flags: Vec<String>,
    pub words: Words,
}

impl Node {
    pub fn takes_heredocs(&self) -> bool {
        let node = match &self.words {
            Words::Inner(inner) => inner,
            _ => self,
        };
        ["ADD", "COPY", "RUN"].contains(&node.keyword.as_str()) && !matches!(node.words, Words::Json(_))
    }
}

const JSON_OF_TEXTS: &str = "a JSON form holds texts only";

fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

pub fn parse(text: &str, escape: char) -> Result<Node, String> {
    let text = text.trim();
    let (keyword, rest) = text.split_once(is_blank).unwrap_or((text, ""));
    let keyword = keyword.to_ascii_uppercase();
    let (flags, rest) = flags(rest.trim_start_matches(is_blank), escape);
    let rest = rest.trim();
    let words = match keyword.as_str() {
        "ADD" | "COPY" | "VOLUME" => json(rest)?.unwrap_or_else(|| list(rest)),
        "CMD" | "ENTRYPOINT" | "RUN" | "SHELL" => json(rest)?.unwrap_or_else(|| whole(rest)),
        "EXPOSE" | "FROM" => list(rest),
        "ARG" => Words::List(quoted_words(rest, escape)),
        "ENV" | "LABEL" => pairs(rest, &keyword, escape)?,
        "HEALTHCHECK" => health(rest)?,
        "ONBUILD" if !rest.is_empty() => Words::Inner(Box::new(onbuild(rest, escape)?)),
        "MAINTAINER" | "STOPSIGNAL" | "USER" | "WORKDIR" => whole(rest),
        _ => Words::List(Vec::new()),
    };
    Ok(Node { keyword, flags, words })
}

/// An inner ONBUILD is refused here, before it can nest any deeper.
fn onbuild(rest: &str, escape: char) -> Result<Node, String> {
    let first = rest.split(is_blank).next().unwrap_or(rest).to_ascii_uppercase();
    match first.as_str() {
        "ONBUILD" => Err("`ONBUILD` within `ONBUILD` is not allowed".to_owned()),
        "FROM" | "MAINTAINER" => Err(format!("`{first}` is not allowed in `ONBUILD`")),
        _ => parse(rest, escape),
    }
}

fn whole(rest: &str) -> Words {
    Words::List(if rest.is_empty() { Vec::new() } else { vec![rest.to_owned()] })
}

fn list(rest: &str) -> Words {
    Words::List(rest.split(is_blank).filter(|w| !w.is_empty()).map(str::to_owned).collect())
}

/// None where it is not JSON: the words are taken as they stand then.
fn json(rest: &str) -> Result<Option<Words>, String> {
    if !rest.starts_with('[') {
        return Ok(None);
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(rest) else { return Ok(None) };
    let texts: Option<Vec<String>> = values.iter().map(|v| v.as_str().map(str::to_owned)).collect();
    texts.map(|t| Some(Words::Json(t))).ok_or_else(|| JSON_OF_TEXTS.to_owned())
}

fn health(rest: &str) -> Result<Words, String> {
    let (kind, command) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let command = command.trim_start();
    if kind.is_empty() {
        return Ok(Words::List(Vec::new()));
    }
    let mut words = vec![kind.to_owned()];
    match json(command)? {
        Some(Words::Json(texts)) => words.extend(texts),
        _ if command.is_empty() => {}
        _ => words.push(command.to_owned()),
    }
    Ok(Words::List(words))
}

fn pairs(rest: &str, keyword: &str, escape: char) -> Result<Words, String> {
    let words = quoted_words(rest, escape);
    let Some(first) = words.first() else { return Ok(Words::Pairs(Vec::new())) };
    if !first.contains('=') {
        // The old form: one name, and all behind it is the value.
        let (name, value) = rest.split_once(is_blank).ok_or_else(|| format!("`{keyword}` needs a name and a value"))?;
        let value = value.trim_start_matches(is_blank);
        return Ok(Words::Pairs(vec![Pair { name: name.to_owned(), value: value.to_owned() }]));
    }
    let mut pairs = Vec::new();
    for word in &words {
        let (name, value) =
            word.split_once('=').ok_or_else(|| format!("`{word}` has no `=`: it must be `name=value`"))?;
        if name.is_empty() {
            return Err(format!("`{word}` has no name before its `=`"));
        }
        pairs.push(Pair { name: name.to_owned(), value: value.to_owned() });
    }
    Ok(Words::Pairs(pairs))
}

/// Words cut at spaces outside of quotes; quotes and escapes stay in them.
fn quoted_words(rest: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut any) = (None, false);
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if any || !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            any = false;
            continue;
        }
        match quote {
            None if c == '\'' || c == '"' => (quote, any) = (Some(c), true),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        if c == escape && quote != Some('\'') {
            let Some(next) = chars.next() else { continue };
            word.push(c);
            word.push(next);
            continue;
        }
        word.push(c);
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// The words at the start that begin with `--`, without their quotes and escapes, and what is left.
fn flags(line: &str, escape: char) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        if !rest.starts_with("--") {
            return (flags, rest);
        }
        let (flag, length) = flag(rest, escape);
        rest = &rest[length..];
        if flag == "--" {
            return (flags, rest);
        }
        flags.push(flag);
    }
}

/// The engine reads a flag byte by byte, so a sign outside of ASCII becomes several others, and `--exclude` with one
/// excludes nothing; what counts is what it does.
fn flag(text: &str, escape: char) -> (String, usize) {
    let mut flag = String::new();
    let mut quote = None;
    let mut bytes = text.bytes().map(char::from).enumerate();
    while let Some((at, c)) = bytes.next() {
        match quote {
            None if c.is_whitespace() => {
                let end = (at..=text.len()).find(|end| text.is_char_boundary(*end));
                return (flag, end.unwrap_or(text.len()));
            }
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ if c == escape => flag.extend(bytes.next().map(|(_, next)| next)),
            _ => flag.push(c),
        }
    }
    (flag, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_words_and_pairs() {
        let check = |text: &str, flags: &[&str], words: Words| {
            let node = parse(text, '\\').unwrap();
            assert_eq!(node.flags, flags, "{text}");
            assert_eq!(node.words, words, "{text}");
        };
        let list = |words: &[&str]| Words::List(words.iter().map(|w| (*w).to_owned()).collect());
        let pair = |name: &str, value: &str| Pair { name: name.to_owned(), value: value.to_owned() };
        check("copy --exclude=\"a b\" --link x  y", &["--exclude=a b", "--link"], list(&["x", "y"]));
        check("COPY -- --x /", &[], list(&["--x", "/"]));
        check("RUN --mount=type=bind,source='a b' cat x", &["--mount=type=bind,source=a b"], list(&["cat x"]));
        check("RUN [\"a\", \"b c\"]", &[], Words::Json(vec!["a".to_owned(), "b c".to_owned()]));
        check("COPY [\"a\", b]", &[], list(&["[\"a\",", "b]"]));
        check("ENV a=\"b c\" d=e\\ f", &[], Words::Pairs(vec![pair("a", "\"b c\""), pair("d", "e\\ f")]));
        check("ENV a b  c", &[], Words::Pairs(vec![pair("a", "b  c")]));
        check("ARG A B=\"x y\"", &[], list(&["A", "B=\"x y\""]));
        check("ENTRYPOINT []", &[], Words::Json(Vec::new()));
        check("USER a b", &[], list(&["a b"]));
    }

    #[test]
    fn mistakes_are_said() {
        let check = |text: &str, part: &str| {
            let error = parse(text, '\\').unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        };
        check("ENV A", "a name and a value");
        check("ENV A=1 b", "`b` has no `=`");
        check("CMD [1]", "texts only");
        check("ONBUILD ONBUILD RUN x", "not allowed");
        check("ONBUILD FROM x", "`FROM` is not allowed");
    }
}
