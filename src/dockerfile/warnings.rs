//! Arguments that are given for nothing, or that should not be given as arguments.

use std::collections::BTreeSet;

use super::answer::Question;
use super::flaw::Flaw;
use super::instruction::{Argument, Instruction};
use super::parse::Dockerfile;
use super::variables::PLATFORM_ARGUMENTS;

/// The engine takes these without an `ARG`.
const PREDEFINED: [&str; 6] = ["ALL_PROXY", "FTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SOURCE_DATE_EPOCH"];

pub(super) fn of_arguments(file: &Dockerfile, question: &Question) -> Vec<Flaw> {
    let declared = declared(file);
    let mut warnings = Vec::new();
    for name in question.args.keys() {
        let known = PREDEFINED.contains(&name.to_uppercase().as_str()) || name.starts_with("BUILDKIT_");
        if PLATFORM_ARGUMENTS.contains(&name.as_str()) {
            let message = format!("the argument `{name}` hides the platform's own value");
            warnings.push(Flaw::new(0..0, "platform-argument", message));
        } else if !known && !declared.contains(name.as_str()) {
            let message = format!("the argument `{name}` is used nowhere: `{}` has no `ARG {name}`", question.file);
            warnings.push(Flaw::new(0..0, "unused-argument", message).nearest(name, declared.iter().copied()));
        }
        if is_secret_name(name) {
            let message = format!("the argument `{name}` looks like a secret, and arguments are public in the image");
            warnings.push(Flaw::new(0..0, "secret-argument", message).hint("give it under `secrets:`"));
        }
    }
    for name in declared {
        let is_given = question.args.contains_key(name) || PLATFORM_ARGUMENTS.contains(&name);
        let known = PREDEFINED.contains(&name.to_uppercase().as_str()) || name.starts_with("BUILDKIT_");
        if !is_given && !known && !has_default(file, name) && is_used(file, name) {
            let message =
                format!("the argument `{name}` has no value: `{}` uses it, and no default is written", question.file);
            let hint = format!("give it under `args:`, or write `ARG {name}=…` there");
            warnings.push(Flaw::new(0..0, "argument-without-value", message).hint(hint));
        }
    }
    warnings
}

/// Every argument of a file.
fn arguments(file: &Dockerfile) -> impl Iterator<Item = &Argument> {
    let before = file.globals.iter().flat_map(|step| &step.what);
    let inside = file.stages.iter().flat_map(|stage| &stage.steps).flat_map(|step| match &step.what {
        Instruction::Arg(arguments) => arguments.as_slice(),
        _ => &[],
    });
    before.chain(inside)
}

/// A default before the first `FROM` holds for an `ARG` in a stage, too; an `ENV` of the name sets it.
fn has_default(file: &Dockerfile, name: &str) -> bool {
    let set = file.stages.iter().flat_map(|stage| &stage.steps).any(|step| match &step.what {
        Instruction::Env(pairs) => pairs.iter().any(|pair| pair.name == name),
        _ => false,
    });
    set || arguments(file).any(|argument| argument.name == name && argument.value.is_some())
}

/// Whether an instruction asks for its value, with nothing written for an empty one: `$NAME`, `${NAME}`.
fn is_used(file: &Dockerfile, name: &str) -> bool {
    let (plain, braced) = (format!("${name}"), format!("${{{name}}}"));
    let has = |text: &str| {
        let ends = |at: usize| {
            let next = text[at + plain.len()..].chars().next();
            !next.is_some_and(|char| char.is_ascii_alphanumeric() || char == '_')
        };
        text.contains(&braced) || text.match_indices(&plain).any(|(at, _)| ends(at))
    };
    let stages = file.stages.iter();
    let mut places =
        stages.flat_map(|stage| std::iter::once(&stage.from.place).chain(stage.steps.iter().map(|one| &one.place)));
    places.any(|place| has(&place.text) || place.heredocs.iter().any(|heredoc| has(&heredoc.content)))
}

fn declared(file: &Dockerfile) -> BTreeSet<&str> {
    arguments(file).map(|argument| argument.name.as_str()).collect()
}

/// The engine's own rule for names.
fn is_secret_name(name: &str) -> bool {
    const SECRET: [&str; 10] =
        ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
    const HARMLESS: [&str; 3] = ["public", "file", "version"];
    let lower = name.to_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
    has(&SECRET) && !has(&HARMLESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        let check = |name: &str, expected: bool| assert_eq!(is_secret_name(name), expected, "{name}");
        check("GITHUB_TOKEN", true);
        check("NPM_AUTH", true);
        check("KEYBOARD", false);
        check("PUBLIC_KEY", false);
        check("TOKEN_FILE", false);
    }
}
