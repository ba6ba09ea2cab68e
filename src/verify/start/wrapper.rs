//! Programs that start another one: where its name stands among their arguments.

use super::words::{Word, is_name};

/// What a program does with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Starts the program at this argument, through PATH.
    Starts(usize),
    /// The same as another user, named by the first number.
    StartsAs(usize, usize),
    /// Runs a text of the shell, with what follows as its `$0` and arguments.
    Text(usize),
    /// A shell reads the script at this argument.
    Script(usize),
    /// Reads the file at this argument, a program in its language; endings that may be left out.
    Reads(usize, &'static [&'static str]),
    /// `env -S`, in one argument.
    Split(usize),
    /// Another `PATH` comes first.
    Unknown,
}

const SHELLS: &[&str] = &["sh", "ash", "dash", "bash", "rbash", "ksh", "mksh", "zsh"];

/// What a program of this name does; the name itself is the first word.
pub fn act(name: &str, words: &[Word]) -> Act {
    let versioned = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match name {
        _ if SHELLS.contains(&name) => shell(words),
        "env" => env(words),
        "tini" | "tini-static" | "docker-init" => {
            starts(words, &["-p", "-e"], &["-s", "-v", "-vv", "-vvv", "-w", "-g"])
        }
        "dumb-init" => starts(words, &["-r", "--rewrite"], &["-c", "-v", "--single-child", "--verbose"]),
        "catatonit" => starts(words, &[], &["-P", "-g", "-v"]),
        "nice" => starts(words, &["-n", "--adjustment"], &[]),
        "nohup" => starts(words, &[], &[]),
        "setsid" => starts(words, &[], &["-c", "-f", "-w", "--ctty", "--fork", "--wait"]),
        "stdbuf" => starts(words, &["-i", "-o", "-e"], &["-oL", "-eL", "-iL", "-o0", "-e0", "-i0"]),
        "gosu" | "su-exec" | "s6-setuidgid" | "setuidgid" => match words.get(1) {
            Some(Word::Text(user)) if !user.starts_with('-') && words.len() > 2 => Act::StartsAs(1, 2),
            _ => Act::Unknown,
        },
        "node" | "nodejs" => reads(words, &[], &[".js", ".json", ".node", "/package.json", "/index.js"]),
        _ if matches!(versioned, "python" | "pypy") => {
            reads(words, &["-u", "-O", "-OO", "-B", "-E", "-s", "-I", "-S"], &[])
        }
        "ruby" | "perl" => reads(words, &["-w"], &[]),
        "php" => reads(words, &[], &[]),
        "java" => java(words),
        _ => Act::Unknown,
    }
}

fn text(words: &[Word], at: usize) -> Option<&str> {
    match words.get(at)? {
        Word::Text(text) => Some(text),
        _ => None,
    }
}

/// The first argument after options: those with a value, and those without.
fn first(words: &[Word], with_value: &[&str], without: &[&str]) -> Option<usize> {
    let mut at = 1;
    loop {
        match words.get(at)? {
            Word::Text(option) if option == "--" => return Some(at + 1),
            Word::Text(option) if with_value.contains(&option.as_str()) => at += 2,
            Word::Text(option) if without.contains(&option.as_str()) => at += 1,
            Word::Text(option) if option.starts_with('-') => return None,
            Word::Text(_) | Word::Arguments => return Some(at),
            _ => return None,
        }
    }
}

fn starts(words: &[Word], with_value: &[&str], without: &[&str]) -> Act {
    first(words, with_value, without).filter(|at| *at < words.len()).map_or(Act::Unknown, Act::Starts)
}

fn reads(words: &[Word], without: &[&str], endings: &'static [&'static str]) -> Act {
    // After `--` comes a file, too.
    match first(words, &[], without).and_then(|at| Some((at, text(words, at)?))) {
        Some((at, path)) if !matches!(path, "-" | "inspect") => Act::Reads(at, endings),
        _ => Act::Unknown,
    }
}

fn java(words: &[Word]) -> Act {
    let mut at = 1;
    while let Some(option) = text(words, at) {
        match option {
            "-jar" => return text(words, at + 1).map_or(Act::Unknown, |_| Act::Reads(at + 1, &[])),
            _ if option.starts_with("-X") || option.starts_with("-D") => at += 1,
            _ => break,
        }
    }
    Act::Unknown
}

fn shell(words: &[Word]) -> Act {
    let mut at = 1;
    let mut command = false;
    while let Some(option) = text(words, at).filter(|text| text.starts_with(['-', '+'])) {
        at += 1;
        if matches!(option, "-" | "--") {
            break;
        }
        if option.starts_with("--") {
            // Of bash; some of them have a value.
            if matches!(option, "--login" | "--norc" | "--noprofile" | "--posix") {
                continue;
            }
            return Act::Unknown;
        }
        command |= option[1..].contains('c');
        // Reads its input.
        if option[1..].contains('s') {
            return Act::Unknown;
        }
        at += usize::from(option[1..].contains(['o', 'O']));
    }
    match words.get(at) {
        Some(Word::Text(_)) if command => Act::Text(at),
        Some(Word::Text(_)) => Act::Script(at),
        _ => Act::Unknown,
    }
}

fn env(words: &[Word]) -> Act {
    let mut at = 1;
    while let Some(word) = text(words, at) {
        match word {
            "-S" | "--split-string" => return text(words, at + 1).map_or(Act::Unknown, |_| Act::Split(at + 1)),
            "-u" | "--unset" if text(words, at + 1) != Some("PATH") => at += 2,
            "-v" | "--debug" => at += 1,
            "--" => return starts_at(words, at + 1),
            _ if word.starts_with("-S") || word.starts_with("--split-string=") => return Act::Split(at),
            _ if word.starts_with('-') => return Act::Unknown,
            _ => match word.split_once('=') {
                Some(("PATH" | "LD_LIBRARY_PATH", _)) => return Act::Unknown,
                Some((name, _)) if is_name(name) => at += 1,
                _ => return Act::Starts(at),
            },
        }
    }
    match words.get(at) {
        Some(Word::Arguments) => Act::Starts(at),
        _ => Act::Unknown,
    }
}

fn starts_at(words: &[Word], at: usize) -> Act {
    if at < words.len() { Act::Starts(at) } else { Act::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_start() {
        let check = |line: &str, expected: Act| {
            let words: Vec<Word> = shell_words::split(line).unwrap().into_iter().map(Word::Text).collect();
            let Word::Text(name) = words[0].clone() else { panic!() };
            assert_eq!(act(&name, &words), expected, "{line}");
        };
        check("tini -- harbor serve", Act::Starts(2));
        check("tini -s -e 143 harbor", Act::Starts(4));
        check("tini -x harbor", Act::Unknown);
        check("tini", Act::Unknown);
        check("dumb-init --rewrite 15:3 -- harbor", Act::Starts(4));
        check("gosu app:app harbor", Act::StartsAs(1, 2));
        check("gosu --version", Act::Unknown);
        check("sh -c harbor", Act::Text(2));
        check("bash -euo pipefail -c harbor", Act::Text(4));
        check("bash --login -c harbor", Act::Text(3));
        check("sh /entry.sh a", Act::Script(1));
        check("sh -s", Act::Unknown);
        check("sh - /entry.sh", Act::Script(2));
        check("sh", Act::Unknown);
        check("env python3", Act::Starts(1));
        check("env -u C A=b python3", Act::Starts(4));
        check("env A=b python3", Act::Starts(2));
        check("env PATH=/x python3", Act::Unknown);
        check("env -S 'node --x'", Act::Split(2));
        check("env '-S node --x'", Act::Split(1));
        check("python3.12 -u app.py", Act::Reads(2, &[]));
        check("python3 -m http.server", Act::Unknown);
        check("python3 -c 1", Act::Unknown);
        check("java -Xmx1g -Da=b -jar /app.jar", Act::Reads(4, &[]));
        check("java -cp x Main", Act::Unknown);
        check("perl -e 1", Act::Unknown);
        check("harbor x", Act::Unknown);
    }
}
