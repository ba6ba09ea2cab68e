//! No parameter is a tuple: two values that always travel together have a name.

use super::none;
use crate::source::{self, Keep};

/// The functions of code with a parameter that is a tuple, by line and name.
fn tuples(code: &str) -> Vec<(usize, &str)> {
    let found =
        code.match_indices("fn ").filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
    let found = found.filter_map(|(at, _)| {
        let rest = &code[at + "fn ".len()..];
        let name = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_')?];
        let after = generics(&rest[name.len()..]);
        let list = after.strip_prefix('(').filter(|_| !name.is_empty())?;
        let line = code[..at].matches('\n').count() + 1;
        parts(list).into_iter().any(is_tuple).then_some((line, name))
    });
    found.collect()
}

/// What follows `<…>`, which may hold `->` and functions.
fn generics(code: &str) -> &str {
    let mut depth = 0;
    for (at, c) in code.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if !code[..at].ends_with('-') => depth -= 1,
            '(' if depth == 0 => return &code[at..],
            _ => {}
        }
    }
    ""
}

/// What stands between the commas of a list, up to its closing parenthesis.
fn parts(list: &str) -> Vec<&str> {
    let (mut found, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' if depth == 0 => {
                found.push(&list[from..at]);
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            '>' if !list[..at].ends_with(['-', '=']) => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// Whether a parameter is taken apart as a tuple, or has the type of one.
fn is_tuple(parameter: &str) -> bool {
    let pattern = parameter.trim_start();
    let kind = pattern.split_once(':').map_or("", |(_, kind)| kind).trim_start();
    let kind = kind.strip_prefix('&').map_or(kind, |kind| {
        let lifetime = kind.starts_with('\'').then(|| kind.split_once(' ')).flatten();
        let kind = lifetime.map_or(kind, |(_, kind)| kind).trim_start();
        kind.strip_prefix("mut ").unwrap_or(kind)
    });
    pattern.starts_with('(') || kind.strip_prefix('(').is_some_and(|inner| parts(inner).len() > 1)
}

#[test]
fn no_tuple_parameters() {
    let mut findings = Vec::new();
    for file in source::below("src").iter().filter(|file| file.path.ends_with(".rs")) {
        let code = source::code(&file.text, Keep::Code);
        findings.extend(tuples(&code).into_iter().map(|(line, name)| format!("{}:{line}: `{name}`", file.path)));
    }
    none("no parameter is a tuple: name what belongs together", &findings);
}

#[test]
fn finds_tuples_however_they_are_written() {
    let check = |code: &str, expected: &[(usize, &str)]| assert_eq!(tuples(code), expected, "{code}");
    check("fn f((a, b): (&A, &B)) {}", &[(1, "f")]);
    check("\npub async fn g<'a, F: Fn(u8) -> u8>(\n    x: u8,\n    to: (&'a A, B),\n) {}", &[(2, "g")]);
    check("fn f(&mut self, narrow: &(u64, u64)) {}", &[(1, "f")]);
    check("fn f(all: &'a mut (u64, u64)) {}", &[(1, "f")]);
    check("fn f(file: &mut (impl Read + Seek), error: &(dyn Error + 'static), x: ()) -> (A, B) { |(a, b)| a }", &[]);
    check("fn f(list: &[(A, B)], map: Vec<(A, B)>, act: impl Fn((A, B)) -> C) {}", &[]);
}
