//! A command without a shell: text split into words, and what only a shell would understand.

use super::words::quote;
use crate::problem::Problem;

const LONG_FORM: &str = "`{run: \"…\", shell: bash}`";

/// The words of a command.
///
/// # Errors
/// Text that only means something to a shell, with the long form that has one.
pub fn words(text: &str) -> Result<Vec<String>, Problem> {
    match shell_only(text) {
        Some(found) if found == "\n" => {
            return Err(Problem::new("needs-shell", "a command must be one line")
                .hint("write a list of commands, or one script: `{run: …, shell: bash}`"));
        }
        Some(found) => {
            return Err(Problem::new(
                "needs-shell",
                format!("a command runs without a shell: {} has no effect", quote(&found)),
            )
            .hint(format!("quote it, or write {LONG_FORM}")));
        }
        None => {}
    }
    let words = shell_words::split(text.trim()).map_err(|_| {
        Problem::new("bad-command", "a quote is not closed").hint("close it, or write `\\\"` for a literal quote")
    })?;
    match words.first() {
        None => Err(Problem::new("bad-command", "expected a command, found nothing")),
        Some(first) if first == "cd" => Err(Problem::new("bad-command", "`cd` does not affect later commands")
            .hint("use the long form: `{run: COMMAND, dir: FOLDER}`")),
        Some(first) if matches!(first.as_str(), "export" | "source" | "set" | ".") => {
            Err(Problem::new("needs-shell", format!("`{first}` is a shell keyword"))
                .hint(format!("write {LONG_FORM}, or set variables with `env:`")))
        }
        Some(first) if first.split_once('=').is_some_and(|(name, _)| is_variable(name)) => {
            Err(Problem::new("needs-shell", format!("{} is not a program", quote(first)))
                .hint("set variables with `env:`: `{run: COMMAND, env: {NAME: VALUE}}`"))
        }
        Some(_) => Ok(words),
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// The first thing outside quotes that words cannot say.
fn shell_only(text: &str) -> Option<String> {
    let mut chars = text.trim().chars().peekable();
    let mut quote = None;
    let mut word_start = true;
    while let Some(char) = chars.next() {
        match (quote, char) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => {
                chars.next();
            }
            (_, '$' | '`') => return Some(char.into()),
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(char),
            (None, '|' | '&' | '>' | '<') if chars.peek() == Some(&char) => return Some([char, char].iter().collect()),
            (None, '|' | '&' | '>' | '<' | ';' | '*' | '?' | '(' | ')') => return Some(char.into()),
            (None, '~' | '#') if word_start => return Some(char.into()),
            (None, '\n') => return Some(char.into()),
            (None, _) => {}
        }
        word_start = quote.is_none() && char.is_whitespace();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[&str], &str>) {
        match (words(text), expected) {
            (Ok(words), Ok(expected)) => assert_eq!(words, expected, "{text}"),
            (Err(problem), Err(code)) => assert_eq!(problem.code, code, "{text}: {problem}"),
            (got, _) => panic!("{text}: {got:?}"),
        }
    }

    #[test]
    fn splits_into_words() {
        check("make build.ui", Ok(&["make", "build.ui"]));
        check("npm run 'a b' \"c d\" e\\ f\n", Ok(&["npm", "run", "a b", "c d", "e f"]));
        check("echo 'a | b' \"x > y\" \\$HOME \\*", Ok(&["echo", "a | b", "x > y", "$HOME", "*"]));
        check("env A=1 make --jobs=2", Ok(&["env", "A=1", "make", "--jobs=2"]));
        check("cargo run -- a#b", Ok(&["cargo", "run", "--", "a#b"]));
    }

    #[test]
    fn says_what_needs_a_shell() {
        let shell = [
            "a | b",
            "a > b",
            "a < b",
            "a && b",
            "a || b",
            "a; b",
            "a $B",
            "a \"$B\"",
            "a `b`",
            "rm *.o",
            "a &",
            "(a)",
            "a\nb",
            "ls ~",
            "a # b",
            "export A=1",
        ];
        for text in shell {
            check(text, Err("needs-shell"));
        }
        check("A=1 make", Err("needs-shell"));
        check("make 'x", Err("bad-command"));
        check("cd ui", Err("bad-command"));
        check("''", Ok(&[""]));
    }
}
