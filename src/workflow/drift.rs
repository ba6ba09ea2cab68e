//! Whether a generated file still says what would be generated: its structure counts, pins and looks do not.

use granit_parser::{Event, Parser};

use super::pins::is_commit;

/// One event of a document, without what does not change its meaning.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Scalar(String),
    Open(char),
    Close,
    Alias,
}

/// The differing lines, as `diff -u` shows them; nothing if both say the same.
///
/// `is_locked` tells which `owner/name@reference` of what is there a lock file pins.
pub fn drift(there: &str, wanted: &str, is_locked: impl Fn(&str) -> bool) -> Option<String> {
    let same = match (words(there, &is_locked), words(wanted, &is_locked)) {
        (Some(there), Some(wanted)) => there == wanted,
        _ => false,
    };
    (!same).then(|| lines(there, wanted))
}

/// What a document holds; nothing if it cannot be read.
fn words(text: &str, is_locked: impl Fn(&str) -> bool) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    for event in Parser::new_from_str(text) {
        let word = match event.ok()?.0 {
            Event::Scalar(text, ..) => Word::Scalar(unpinned(&text, &is_locked)),
            Event::SequenceStart(..) => Word::Open('['),
            Event::MappingStart(..) => Word::Open('{'),
            Event::SequenceEnd | Event::MappingEnd => Word::Close,
            Event::Alias(..) => Word::Alias,
            _ => continue,
        };
        words.push(word);
    }
    Some(words)
}

/// `owner/name@commit` without its commit, or what is locked to one. No other scalar of a generated file looks like that.
fn unpinned(text: &str, is_locked: &impl Fn(&str) -> bool) -> String {
    match text.split_once('@') {
        Some((name, reference))
            if name.matches('/').count() == 1
                && (is_commit(reference) || is_locked(text))
                && !name.contains(char::is_whitespace) =>
        {
            name.to_owned()
        }
        _ => text.to_owned(),
    }
}

fn lines(there: &str, wanted: &str) -> String {
    let diff = similar::TextDiff::from_lines(there, wanted);
    diff.unified_diff().context_radius(2).header("there", "generated").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    const FILE: &str = "# a\non:\n  push: {tags: [v1]}\njobs:\n  a:\n    uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v1\n";

    fn check(change: impl Fn(&str) -> String, expected: bool) {
        let text = change(FILE);
        assert_eq!(drift(&text, FILE, |_| false).is_some(), expected, "{text}");
    }

    #[test]
    fn pins_comments_and_looks_are_no_drift() {
        check(str::to_owned, false);
        check(|file| file.replace(COMMIT, &COMMIT.replace('0', "f")).replace("# v1", "# v2"), false);
        check(|file| file.replace("# a\n", ""), false);
        check(|file| file.replace("{tags: [v1]}", "\n    tags:\n      - 'v1'"), false);
        check(|file| file.replace('\n', "\r\n"), false);
    }

    #[test]
    fn what_a_lock_file_pins_is_no_drift() {
        let tagged = FILE.replace(COMMIT, "v1");
        assert!(drift(&tagged, FILE, |uses| uses == "actions/checkout@v1").is_none());
        assert!(drift(&tagged, FILE, |uses| uses == "actions/checkout@v2").is_some());
    }

    #[test]
    fn anything_else_is() {
        check(|file| file.replace("actions/checkout", "mallory/checkout"), true);
        check(|file| file.replace("[v1]", "[v1, v2]"), true);
        check(|file| file.replace("push", "pull_request"), true);
        check(|file| file.replace(COMMIT, "v2"), true);
        check(|file| format!("{file}    if: always()\n"), true);
        check(|_| "{".into(), true);
        let shown = drift(&FILE.replace("v1]", "v2]"), FILE, |_| false).unwrap();
        assert!(shown.contains("-  push: {tags: [v2]}") && shown.contains("+  push: {tags: [v1]}"), "{shown}");
    }
}
