//! Who may: tokens, of which only the digests are known here.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::config::{ServiceToken, service_tokens};
use crate::digest::Digest;
use crate::problem::{Failure, Problem};
use crate::secret::Secret;
use crate::world::files;

/// What begins each token, so that who finds one knows what it is.
const PREFIX: &str = "longshore_";
/// Random bytes of a token.
const LENGTH: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Submit, rebuild and cancel.
    Submit,
    /// See states, lists and logs.
    Read,
}

#[derive(Clone, Debug, Default)]
pub struct Tokens(Vec<Token>);

/// One that is known: who has it, and what it is good for.
#[derive(Clone)]
pub struct Token {
    pub name: String,
    /// In hex.
    sha256: String,
    scopes: Vec<Scope>,
    /// How the names of its apps begin.
    apps: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Those of a file; `name` is shown in problems.
    ///
    /// # Errors
    /// Every problem of the file.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        Ok(Self(service_tokens(name, text)?.into_iter().map(Token::of).collect()))
    }

    /// The token that somebody shows. All are compared, and whole: how long it takes says nothing of them.
    pub fn find(&self, shown: &str) -> Option<&Token> {
        let digest = Digest::of(shown.as_bytes()).hex();
        let differs = |token: &Token| {
            let pairs = token.sha256.bytes().zip(digest.bytes());
            pairs.fold(token.sha256.len() ^ digest.len(), |found, (one, other)| found | usize::from(one ^ other))
        };
        self.0
            .iter()
            .fold(None, |found, token| if std::hint::black_box(differs(token)) == 0 { Some(token) } else { found })
    }
}

impl Token {
    fn of(token: ServiceToken) -> Self {
        let scopes = token.scopes.iter().flat_map(|scope| match scope.as_str() {
            "submit" => vec![Scope::Submit],
            "read" => vec![Scope::Read],
            _ => vec![Scope::Submit, Scope::Read],
        });
        let scopes = scopes.collect();
        Self { name: token.name, sha256: token.sha256, scopes, apps: token.apps.unwrap_or_default() }
    }

    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// How the names of its apps begin; nothing if it is for all.
    pub fn apps(&self) -> Option<&str> {
        Some(self.apps.as_str()).filter(|apps| !apps.is_empty())
    }
}

/// Makes a token, and writes its entry into a file, which is made if it is not there.
///
/// # Errors
/// If the file is wrong or has the name already, or cannot be written.
pub fn make(path: &Path, name: &str) -> anyhow::Result<Secret> {
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    };
    let shown = path.display().to_string();
    Tokens::parse(&shown, &before).map_err(|problems| Failure { exit: crate::problem::Exit::Usage, problems })?;
    let mut random = [0; LENGTH];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let token = format!("{PREFIX}{hex}");
    let line = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let digest = Digest::of(token.as_bytes()).hex();
    let text = format!("{before}{line}{name}: {{ sha256: \"{digest}\", scopes: [submit, read] }}\n");
    // What is there may be written so that nothing can follow, and the name is the user's.
    Tokens::parse(&shown, &text).map_err(|problems| Failure { exit: crate::problem::Exit::Usage, problems })?;
    files::write_lasting(path, text.as_bytes())?;
    Ok(Secret::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_and_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.yaml");
        let (one, two) = (make(&path, "ci").unwrap(), make(&path, "ops").unwrap());
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(one.expose()) && !text.contains(two.expose()), "{text}");
        let tokens = Tokens::parse("t", &text).unwrap();
        assert_eq!(tokens.find(one.expose()).map(|token| token.name.as_str()), Some("ci"));
        assert_eq!(tokens.find(two.expose()).map(|token| token.name.as_str()), Some("ops"));
        for other in ["", "longshore_", &one.expose()[1..], &one.expose().to_uppercase()] {
            assert!(tokens.find(other).is_none(), "{other}");
        }
        for name in ["ci", "a b", "", "x: {}\ny"] {
            assert!(make(&path, name).is_err(), "{name}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        fs::write(&path, "{}").unwrap();
        assert!(make(&path, "ci").is_err());
        assert!(!format!("{tokens:?}").contains(&Digest::of(one.expose().as_bytes()).hex()));
    }

    #[test]
    fn scopes_and_apps() {
        let sha256 = "0".repeat(64);
        let of = |scopes: &[&str], apps: Option<&str>| {
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            Token::of(ServiceToken { name: "x".into(), sha256: sha256.clone(), scopes, apps: apps.map(str::to_owned) })
        };
        let check = |token: &Token, expected: [bool; 2]| {
            assert_eq!([Scope::Submit, Scope::Read].map(|scope| token.has(scope)), expected);
        };
        check(&of(&["submit"], None), [true, false]);
        check(&of(&["read"], None), [false, true]);
        check(&of(&["admin"], None), [true, true]);
        assert_eq!((of(&["read"], Some("team-")).apps(), of(&["read"], None).apps()), (Some("team-"), None));
    }
}
