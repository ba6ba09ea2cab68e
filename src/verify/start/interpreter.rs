//! The first line of a script: which program reads it.

/// What stands after `#!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    pub path: String,
    /// Everything after it, which the kernel hands over as one argument.
    pub argument: Option<String>,
    /// Whether the line ends with a carriage return, which is then a part of the last word.
    pub crlf: bool,
}

/// Nothing if no program is named, which the kernel answers with "exec format error".
pub fn interpreter(script: &str) -> Option<Interpreter> {
    let line = script.strip_prefix("#!")?.split('\n').next()?;
    let crlf = line.ends_with('\r');
    let line = line.trim_matches([' ', '\t', '\r']);
    let (path, argument) = match line.split_once([' ', '\t']) {
        Some((path, argument)) => (path, Some(argument.trim_start_matches([' ', '\t']).to_owned())),
        None => (line, None),
    };
    (!path.is_empty()).then(|| Interpreter { path: path.to_owned(), argument, crlf })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines() {
        let check = |text: &str, expected: Option<(&str, Option<&str>, bool)>| {
            let found = interpreter(text);
            let found = found.as_ref().map(|one| (one.path.as_str(), one.argument.as_deref(), one.crlf));
            assert_eq!(found, expected, "{text}");
        };
        check("#!/bin/sh\nx", Some(("/bin/sh", None, false)));
        check("#! /bin/sh -e \nx", Some(("/bin/sh", Some("-e"), false)));
        check("#!/usr/bin/env -S node --x\n", Some(("/usr/bin/env", Some("-S node --x"), false)));
        check("#!/bin/sh\r\nx", Some(("/bin/sh", None, true)));
        check("#!\nx", None);
        check("x", None);
    }
}
