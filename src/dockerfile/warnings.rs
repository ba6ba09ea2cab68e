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
    warnings
}

fn declared(file: &Dockerfile) -> BTreeSet<&str> {
    let before = file.globals.iter().flat_map(|step| &step.what);
    let inside = file.stages.iter().flat_map(|s| &s.steps).flat_map(|step| match &step.what {
        Instruction::Arg(arguments) => arguments.as_slice(),
        _ => &[],
    });
    before.chain(inside).map(|argument: &Argument| argument.name.as_str()).collect()
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
