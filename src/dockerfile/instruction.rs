//! What an instruction asks for.

use super::lines::{Heredoc, Statement, heredoc};
use super::node::{Node, Pair, Words};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    From(From),
    Copy(Copy),
    Run(Run),
    Env(Vec<Pair>),
    Arg(Vec<Argument>),
    /// The instruction as a base hands it on.
    Onbuild(String),
    Shell,
    Healthcheck {
        none: bool,
    },
    /// Nothing that is read; its words are expanded all the same.
    Other {
        words: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    pub base: String,
    /// In small letters.
    pub name: Option<String>,
    pub platform: Option<String>,
}

/// `COPY` or `ADD`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copy {
    pub add: bool,
    pub from: Option<String>,
    pub chmod: Option<String>,
    pub chown: Option<String>,
    pub checksum: Option<String>,
    pub link: bool,
    pub parents: bool,
    pub excludes: Vec<String>,
    pub sources: Vec<String>,
    pub inline: Vec<Heredoc>,
    pub destination: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub mounts: Vec<String>,
    pub network: Option<String>,
    pub security: Option<String>,
    pub device: bool,
    pub heredocs: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    pub name: String,
    pub value: Option<String>,
}

/// What is wrong with an instruction, and the nearest name that would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub code: &'static str,
    pub message: String,
    pub given: String,
    pub known: &'static [&'static str],
}

impl Mistake {
    fn new(message: impl Into<String>) -> Self {
        Self { code: "dockerfile-syntax", message: message.into(), given: String::new(), known: &[] }
    }
}

pub const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

pub fn read(statement: &Statement) -> Result<Instruction, Mistake> {
    let node = &statement.node;
    match node.keyword.as_str() {
        "FROM" => from(node),
        "ADD" | "COPY" => copy(node, &statement.heredocs),
        "RUN" => run(node, !statement.heredocs.is_empty()),
        "ENV" => pairs(node).map(Instruction::Env),
        "LABEL" => {
            pairs(node).map(|p| Instruction::Other { words: p.into_iter().flat_map(|p| [p.name, p.value]).collect() })
        }
        "ARG" => arguments(node),
        "ONBUILD" => onbuild(statement),
        "HEALTHCHECK" => healthcheck(node),
        "SHELL" => match &node.words {
            Words::Json(words) if !words.is_empty() => Flags::of(node).map(|_| Instruction::Shell),
            _ => Err(Mistake::new("`SHELL` needs the JSON form with at least one word")),
        },
        "CMD" | "ENTRYPOINT" => Flags::of(node).map(|_| Instruction::Other { words: Vec::new() }),
        "MAINTAINER" | "STOPSIGNAL" | "USER" | "WORKDIR" | "EXPOSE" | "VOLUME" => other(node),
        unknown => Err(Mistake {
            code: "unknown-instruction",
            message: format!("`{unknown}` is not an instruction"),
            given: unknown.to_owned(),
            known: &KEYWORDS,
        }),
    }
}

fn words(node: &Node) -> &[String] {
    match &node.words {
        Words::List(words) | Words::Json(words) => words,
        Words::Pairs(_) | Words::Inner(_) => &[],
    }
}

fn other(node: &Node) -> Result<Instruction, Mistake> {
    Flags::of(node)?;
    let words = words(node);
    if words.is_empty() {
        return Err(Mistake::new(format!("`{}` needs a word behind it", node.keyword)));
    }
    if words.iter().any(|w| w.trim().is_empty()) && node.keyword == "VOLUME" {
        return Err(Mistake::new("`VOLUME` needs a path that is not empty"));
    }
    let expanded = node.keyword != "MAINTAINER";
    Ok(Instruction::Other { words: if expanded { words.to_vec() } else { Vec::new() } })
}

fn from(node: &Node) -> Result<Instruction, Mistake> {
    let flags = Flags::of(node)?;
    let (base, name) = match words(node) {
        [base] => (base, None),
        [base, word, name] if word.eq_ignore_ascii_case("as") => (base, Some(name.to_lowercase())),
        _ => return Err(Mistake::new("`FROM` needs an image, or an image, `AS` and a name")),
    };
    if let Some(name) = name.as_ref().filter(|n| !is_stage_name(n)) {
        return Err(Mistake::new(format!(
            "`{name}` is not a name for a stage: letters, digits, `-`, `_`, `.`, a letter first"
        )));
    }
    let platform = flags.text("platform");
    Ok(Instruction::From(From { base: base.clone(), name, platform }))
}

fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
}

fn copy(node: &Node, heredocs: &[Heredoc]) -> Result<Instruction, Mistake> {
    let add = node.keyword == "ADD";
    let [sources @ .., destination] = words(node) else {
        return Err(Mistake::new(format!("`{}` needs a source and a destination", node.keyword)));
    };
    if sources.is_empty() {
        return Err(Mistake::new(format!("`{}` needs a source and a destination", node.keyword)));
    }
    let flags = Flags::of(node)?;
    if heredoc(destination).is_some() {
        return Err(Mistake::new(format!("`{}` cannot have a heredoc as its destination", node.keyword)));
    }
    let mut copy = Copy {
        add,
        from: flags.text("from").filter(|f| !f.is_empty()),
        chmod: flags.text("chmod").filter(|f| !f.is_empty()),
        chown: flags.text("chown").filter(|f| !f.is_empty()),
        checksum: flags.text("checksum").filter(|f| !f.is_empty()),
        link: flags.switch("link")?.unwrap_or(false),
        parents: flags.switch("parents")?.unwrap_or(false),
        excludes: flags.all("exclude"),
        destination: destination.clone(),
        ..Copy::default()
    };
    flags.switch("unpack")?;
    flags.switch("keep-git-dir")?;
    for source in sources {
        match heredoc(source) {
            Some(opened) => {
                let content = heredocs.iter().rev().find(|h| h.name == opened.name).map(|h| h.content.clone());
                copy.inline.push(Heredoc { content: content.unwrap_or_default(), ..opened });
            }
            None => copy.sources.push(source.clone()),
        }
    }
    Ok(Instruction::Copy(copy))
}

fn run(node: &Node, heredocs: bool) -> Result<Instruction, Mistake> {
    let flags = Flags::of(node)?;
    let run = Run {
        mounts: flags.all("mount"),
        network: flags.text("network"),
        security: flags.text("security"),
        device: !flags.all("device").is_empty(),
        heredocs,
    };
    if let Some(network) = run.network.as_deref().filter(|n| !["default", "none", "host"].contains(n)) {
        return Err(Mistake::new(format!("`{network}` is not a network: default, none, host")));
    }
    if let Some(security) = run.security.as_deref().filter(|n| !["sandbox", "insecure"].contains(n)) {
        return Err(Mistake::new(format!("`{security}` is not a security mode: sandbox, insecure")));
    }
    Ok(Instruction::Run(run))
}

fn pairs(node: &Node) -> Result<Vec<Pair>, Mistake> {
    Flags::of(node)?;
    match &node.words {
        Words::Pairs(pairs) if !pairs.is_empty() => Ok(pairs.clone()),
        _ => Err(Mistake::new(format!("`{}` needs a name and a value", node.keyword))),
    }
}

fn arguments(node: &Node) -> Result<Instruction, Mistake> {
    let mut arguments = Vec::new();
    for word in words(node) {
        let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(n, v)| (n, Some(v.to_owned())));
        if name.is_empty() {
            return Err(Mistake::new(format!("`{word}` has no name before its `=`")));
        }
        arguments.push(Argument { name: name.to_owned(), value });
    }
    if arguments.is_empty() {
        return Err(Mistake::new("`ARG` needs a name behind it"));
    }
    Ok(Instruction::Arg(arguments))
}

fn onbuild(statement: &Statement) -> Result<Instruction, Mistake> {
    let Words::Inner(inner) = &statement.node.words else {
        return Err(Mistake::new("`ONBUILD` needs an instruction behind it"));
    };
    Flags::of(&statement.node)?;
    let mut text = statement.text.trim()["ONBUILD".len()..].trim_start().to_owned();
    for heredoc in &statement.heredocs {
        text.push('\n');
        text.push_str(&heredoc.content);
        text.push_str(&heredoc.name);
    }
    let inner = Statement {
        node: (**inner).clone(),
        text: text.clone(),
        span: statement.span.clone(),
        line: statement.line,
        heredocs: statement.heredocs.clone(),
    };
    // Refused where it stands, not only in the image that is built on this one.
    read(&inner)?;
    Ok(Instruction::Onbuild(text))
}

fn healthcheck(node: &Node) -> Result<Instruction, Mistake> {
    let words = words(node);
    let Some(kind) = words.first().map(|w| w.to_uppercase()) else {
        return Err(Mistake::new("`HEALTHCHECK` needs `CMD` and a command, or `NONE`"));
    };
    match (kind.as_str(), words.len()) {
        ("NONE", 1) => Ok(Instruction::Healthcheck { none: true }),
        ("NONE", _) => Err(Mistake::new("`HEALTHCHECK NONE` takes no words")),
        ("CMD", 1) => Err(Mistake::new("a command is missing behind `HEALTHCHECK CMD`")),
        ("CMD", _) => {
            Flags::of(node)?;
            Ok(Instruction::Healthcheck { none: false })
        }
        _ => Err(Mistake::new(format!("`{kind}` is not a kind of health check: `CMD` or `NONE`"))),
    }
}

struct Flags {
    given: Vec<Argument>,
}

impl Flags {
    fn of(node: &Node) -> Result<Self, Mistake> {
        let known = flags_of(&node.keyword);
        let mut given: Vec<Argument> = Vec::new();
        for flag in &node.flags {
            let flag = flag.strip_prefix("--").unwrap_or(flag);
            let (name, value) = flag.split_once('=').map_or((flag, None), |(n, v)| (n, Some(v.to_owned())));
            if !known.contains(&name) {
                return Err(Mistake {
                    code: "unknown-flag",
                    message: format!("`{}` has no flag `--{name}`", node.keyword),
                    given: name.to_owned(),
                    known,
                });
            }
            let switch = SWITCHES.contains(&name);
            if value.is_none() && !switch {
                return Err(Mistake::new(format!("the flag `--{name}` needs a value")));
            }
            if given.iter().any(|g| g.name == name) && !["exclude", "mount", "device"].contains(&name) {
                return Err(Mistake::new(format!("the flag `--{name}` stands here twice")));
            }
            given.push(Argument { name: name.to_owned(), value });
        }
        Ok(Self { given })
    }

    fn text(&self, name: &str) -> Option<String> {
        self.all(name).pop()
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.given.iter().filter(|g| g.name == name).filter_map(|g| g.value.clone()).collect()
    }

    fn switch(&self, name: &str) -> Result<Option<bool>, Mistake> {
        let Some(flag) = self.given.iter().find(|g| g.name == name) else { return Ok(None) };
        match flag.value.as_deref().map(str::to_lowercase).as_deref() {
            None | Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Mistake::new(format!("`--{name}` is true or false, not `{other}`"))),
        }
    }
}

const SWITCHES: [&str; 4] = ["keep-git-dir", "link", "parents", "unpack"];

fn flags_of(keyword: &str) -> &'static [&'static str] {
    match keyword {
        "ADD" => &["chmod", "chown", "checksum", "exclude", "keep-git-dir", "link", "unpack"],
        "COPY" => &["chmod", "chown", "exclude", "from", "link", "parents"],
        "RUN" => &["device", "mount", "network", "security"],
        "FROM" => &["platform"],
        "HEALTHCHECK" => &["interval", "retries", "start-interval", "start-period", "timeout"],
        _ => &[],
    }
}
