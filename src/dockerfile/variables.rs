//! Variables of a stage: arguments and environment, and which of them nobody can know.

use std::collections::BTreeMap;

use super::answer::Question;
use super::flaw::Flaw;
use super::instruction::Argument;
use super::parse::{Place, Step};
use super::platform::Platform;
use super::word::{self, Rules};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Clone, Debug)]
struct Value {
    text: String,
    /// Why the text may be another one.
    doubt: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    values: BTreeMap<String, Value>,
    /// What the image's configuration holds: a stage that is based on it starts with these.
    image: BTreeMap<String, Value>,
    /// The base whose configuration is not known.
    unknown_base: Option<String>,
}

/// A text with its variables put in.
pub(super) struct Text {
    pub text: String,
    pub doubt: Option<String>,
    /// It asked for this name, and found it.
    pub uses: std::collections::BTreeSet<String>,
}

impl Variables {
    /// Of a base image. `pairs` is None where its configuration is not known.
    pub fn of_base(reference: &str, pairs: Option<&[String]>) -> Self {
        let mut variables = Self::default();
        for pair in pairs.unwrap_or_default() {
            let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
            variables.image.insert(name.to_owned(), Value { text: text.to_owned(), doubt: None });
        }
        if pairs.is_none() {
            variables.unknown_base = Some(reference.to_owned());
        }
        variables.start()
    }

    /// Of a stage that is based on this one: its arguments stay known, its environment comes over them.
    pub fn start(&self) -> Self {
        let mut variables = self.clone();
        if variables.unknown_base.is_none() && !variables.image.contains_key("PATH") {
            variables.image.insert("PATH".to_owned(), Value { text: DEFAULT_PATH.to_owned(), doubt: None });
        }
        let image = variables.image.clone();
        variables.values.extend(image);
        variables
    }

    pub fn set_env(&mut self, name: &str, value: &Text) {
        let value = Value { text: value.text.clone(), doubt: value.doubt.clone() };
        self.image.insert(name.to_owned(), value.clone());
        self.values.insert(name.to_owned(), value);
    }

    pub fn set_arg(&mut self, name: &str, text: &str, doubt: Option<String>) {
        self.values.insert(name.to_owned(), Value { text: text.to_owned(), doubt });
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|v| v.text.as_str())
    }

    pub fn expand(&self, text: &str, escape: char) -> Result<Text, String> {
        self.expand_by(text, Rules::plain(escape))
    }

    /// Of a heredoc: its quotes are text.
    pub fn expand_body(&self, text: &str) -> Result<Text, String> {
        self.expand_by(text, Rules { quotes_are_text: true, ..Rules::plain('\\') })
    }

    fn expand_by(&self, text: &str, rules: Rules) -> Result<Text, String> {
        let found = word::expand(text, rules, &|name| self.get(name).map(str::to_owned))?;
        let inherited = found.set.iter().find_map(|name| self.values.get(name)?.doubt.clone());
        let missing = self.unknown_base.as_ref().and_then(|base| {
            let name = found.unset.iter().next()?;
            Some(format!("`${name}` may come from the base image `{base}`, whose configuration is not known"))
        });
        Ok(Text { text: found.text, doubt: inherited.or(missing), uses: found.set })
    }
}

/// Names that the engine sets itself.
pub(super) const PLATFORM_ARGUMENTS: [&str; 11] = [
    "BUILDARCH",
    "BUILDOS",
    "BUILDOSVERSION",
    "BUILDPLATFORM",
    "BUILDVARIANT",
    "TARGETARCH",
    "TARGETOS",
    "TARGETOSVERSION",
    "TARGETPLATFORM",
    "TARGETSTAGE",
    "TARGETVARIANT",
];

/// What holds before the first `FROM`, and warnings about it.
pub(super) struct Globals {
    pub variables: Variables,
    pub warnings: Vec<Flaw>,
}

pub(super) fn globals(
    question: &Question,
    stage: &str,
    arguments: &[Step<Vec<Argument>>],
    escape: char,
) -> Result<Globals, Vec<Flaw>> {
    let mut globals = Globals { variables: automatic(question, stage), warnings: Vec::new() };
    let mut flaws = Vec::new();
    for step in arguments {
        for argument in &step.what {
            let given = question.args.get(&argument.name);
            let value = match (given, &argument.value) {
                (Some(given), _) => given.clone(),
                (None, None) => continue,
                (None, Some(default)) => match globals.variables.expand(default, escape) {
                    Ok(text) => {
                        globals.warnings.extend(hides_platform(argument, &text, &step.place));
                        text.text
                    }
                    Err(message) => {
                        flaws.push(step.place.flaw("bad-variable", message));
                        continue;
                    }
                },
            };
            globals.variables.set_arg(&argument.name, &value, None);
        }
    }
    if flaws.is_empty() { Ok(globals) } else { Err(flaws) }
}

fn automatic(question: &Question, stage: &str) -> Variables {
    let mut variables = Variables::default();
    let platform = |prefix: &str, platform: &Platform| {
        [
            (format!("{prefix}PLATFORM"), platform.to_string()),
            (format!("{prefix}OS"), platform.os.clone()),
            (format!("{prefix}OSVERSION"), String::new()),
            (format!("{prefix}ARCH"), platform.arch.clone()),
            (format!("{prefix}VARIANT"), platform.variant.clone()),
        ]
    };
    let both = platform("BUILD", &question.build_platform).into_iter().chain(platform("TARGET", &question.platform));
    for (name, value) in both.chain([("TARGETSTAGE".to_owned(), stage.to_owned())]) {
        let value = question.args.get(&name).unwrap_or(&value);
        variables.set_arg(&name, value, None);
    }
    variables
}

/// A default at `ARG TARGETARCH` wins over the platform's own value: every platform gets the same files then.
pub(super) fn hides_platform(argument: &Argument, value: &Text, place: &Place) -> Option<Flaw> {
    let name = argument.name.as_str();
    if !PLATFORM_ARGUMENTS.contains(&name) || value.uses.contains(name) {
        return None;
    }
    let message = format!("`ARG {name}` has a default, `{}`, which hides the platform's own value", value.text);
    Some(place.flaw("platform-default", message).hint(format!("write `ARG {name}`")))
}
