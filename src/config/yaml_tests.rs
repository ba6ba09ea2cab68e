//! YAML: places, limits, and what is said about broken text.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn codes(text: &str) -> Vec<&'static str> {
    read(text).1.iter().map(|diagnostic| diagnostic.problem.code).collect()
}

#[test]
fn keeps_text_and_places() {
    let text = "a: 2.30\nb:\n  - x\n  - {c: 'y z'}\nd: |\n  one\n  two\n";
    let (root, problems) = read(text);
    assert!(problems.is_empty());
    let root = root.unwrap();
    let map = root.map().unwrap();
    assert_eq!(map.get("a").unwrap().text(), Some("2.30"));
    let list = map.get("b").unwrap();
    assert_eq!(&text[list.span.clone()], "- x\n  - {c: 'y z'}");
    let inner = list.many()[1].map().unwrap().entry("c").unwrap();
    assert_eq!((&text[inner.key_span.clone()], &text[inner.value.span.clone()]), ("c", "'y z'"));
    assert_eq!(map.get("d").unwrap().text(), Some("one\ntwo\n"));
}

#[test]
fn core_words_only() {
    let (root, _) = read("[true, yes, 'true', ~, null, '', no, False, !!str true]");
    let items = root.unwrap().many().to_vec();
    let bools: Vec<Option<bool>> = items.iter().map(Node::bool).collect();
    assert_eq!(bools, [Some(true), None, None, None, None, None, None, Some(false), None]);
    let nulls: Vec<bool> = items.iter().map(Node::is_null).collect();
    assert_eq!(nulls, [false, false, false, true, true, false, false, false, false]);
}

#[test]
fn says_what_is_not_yaml() {
    let check = |text: &str, expected: &[&str]| assert_eq!(codes(text), expected, "{text:?}");
    check("a: 1\na: 2\nb: 3\nb: 4\n", &["duplicate-key", "duplicate-key"]);
    check("a: [", &["yaml-syntax"]);
    check("a: \"x", &["yaml-syntax"]);
    check("a: b\n\tc: d", &["yaml-syntax"]);
    check("a: *x", &["yaml-alias"]);
    check("a: *.md\nb: *x", &["yaml-alias", "yaml-alias"]);
    check("a: &a [*a]", &["yaml-alias"]);
    check("a: 1\n---\nb: 2\n", &["yaml-documents"]);
    check("a: !secret x", &["yaml-tag"]);
    check("[a]: 1\n{b}: 2\n", &["yaml-key", "yaml-key"]);
    check("<<: x\n", &["yaml-merge"]);
    check("\"\": x\n", &["yaml-key"]);
    check("a: @x", &["yaml-syntax"]);
}

#[test]
fn hints_at_missing_quotes() {
    let check = |text: &str, expected: &str| {
        let (_, problems) = read(text);
        let hint = problems[0].problem.hint.clone().unwrap_or_default();
        assert!(hint.contains(expected), "{text:?}: {hint:?} {}", problems[0].problem);
    };
    check("a:\n  file: {name}-{target}\n  b: c\n", "\"{name}-{target}\"");
    check("a: @x", "\"@x\"");
    check("a: b: c", "\"b: c\"");
    check("a: b\n\tc: d", "tabs");
    check("files: *.md", "quote text that starts with");
    assert_eq!(read("a: b\n\tc: d").1[0].span, Some(5..6));
    assert_eq!(read("a:\n\t- d").1[0].span, Some(3..4));
}

#[test]
fn merges_maps() {
    let (root, problems) = read("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 3\n");
    assert!(problems.is_empty());
    let root = root.unwrap();
    let z = root.map().unwrap().get("z").unwrap().map().unwrap();
    let entries: Vec<(&str, &str)> =
        z.entries.iter().map(|entry| (entry.key.as_str(), entry.value.text().unwrap())).collect();
    assert_eq!(entries, [("a", "3"), ("b", "1"), ("c", "2")]);
}

/// Runs on a thread with little stack and within a minute on any machine, or the limits do not hold.
fn within_limits(name: &str, text: String) -> Vec<&'static str> {
    let start = Instant::now();
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    let said = thread.spawn(move || codes(&text)).unwrap().join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(60), "{name} took {:?}", start.elapsed());
    said
}

#[test]
fn bombs_end_in_an_error() {
    let check = |name: &str, text: String, expected: &[&str]| assert_eq!(within_limits(name, text), expected, "{name}");
    check("brackets", "[".repeat(100_000), &["yaml-depth"]);
    check("braces", "{a: ".repeat(100_000), &["yaml-depth"]);
    check("dashes", "- ".repeat(100_000), &["yaml-depth"]);
    let indented: String = (0..2000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    check("indents", indented, &["yaml-depth"]);
    let laughs: String = (0..9)
        .map(|level| format!("l{}: &l{} [{}]\n", level + 1, level + 1, vec![format!("*l{level}"); 9].join(", ")))
        .collect();
    check("laughs", format!("l0: &l0 [lol]\n{laughs}"), &["file-too-large"]);
    let long = "x".repeat(1 << 19);
    check("long laughs", format!("a: &a {long}\nb: [{}]\n", vec!["*a"; 10_000].join(", ")), &["file-too-large"]);
    let chain: String = (1..1000).map(|level| format!("a{level}: &a{level} [*a{}]\n", level - 1)).collect();
    check("chain", format!("a0: &a0 []\n{chain}"), &["yaml-depth"]);
    let merges: String = (1..200)
        .map(|level| {
            format!("a{level}: &a{level} {{<<: [{}], b{level}: x}}\n", vec![format!("*a{}", level - 1); 50].join(", "))
        })
        .collect();
    check("merges", format!("a0: &a0 {{b: x}}\n{merges}"), &["file-too-large"]);
    check("many", "- x\n".repeat(1 << 20), &["file-too-large"]);
    check("keys", (0..100_000).map(|key| format!("k{key}: x\n")).collect(), &["file-too-large"]);
    check("scalar", format!("a: {}", "x".repeat(1 << 20)), &[]);
    check("quoted", format!("a: \"{}\"", "x\\n".repeat(1 << 19)), &[]);
    check("comment", format!("a: b # {}", "x".repeat(1 << 20)), &[]);
    check("large", " ".repeat((4 << 20) + 1), &["file-too-large"]);
    let twice = within_limits("twice", "a: x\n".repeat(9_000) + &"#".repeat(3 << 20));
    assert_eq!((twice.len(), twice[0]), (501, "duplicate-key"));
    check("anchors", (0..5000).map(|level| format!("- &a{level} x\n")).collect(), &[]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_text_ends(text in "[\\PC\n\t\r\u{0}]{0,200}") {
        let (_, problems) = read(&text);
        for span in problems.iter().filter_map(|problem| problem.span.clone()) {
            prop_assert!(text.get(span).is_some());
        }
    }

    #[test]
    fn yaml_like_text_ends(text in "([a-c]|: |- |\\{|\\}|\\[|\\]|, |\n|  |&a |\\*a|<<|\"|'|\\| |!|#|~){0,60}") {
        let (_, problems) = read(&text);
        for span in problems.iter().filter_map(|problem| problem.span.clone()) {
            prop_assert!(text.get(span).is_some());
        }
    }
}
