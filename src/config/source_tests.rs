//! How problems are drawn.

use super::*;
use crate::config::parse;

fn draw(text: &str) -> String {
    match parse("longshore.yaml", text, &[]) {
        Err((source, diagnostics)) => source.render(&diagnostics, false),
        Ok(_) => String::new(),
    }
}

#[test]
fn draws_under_the_users_text() {
    let drawn = draw("longshore: 1\n\nbinarys: {}\ntargets:\n  - x86_64-linux-gnu\n");
    let expected = "\
error[unknown-key]: unknown key `binarys`
 --> longshore.yaml:3:1
  |
3 | binarys: {}
  | ^^^^^^^
  |
  = help: did you mean `binaries`?

error[unknown-target]: unknown target `x86_64-linux-gnu`
 --> longshore.yaml:5:5
  |
5 |   - x86_64-linux-gnu
  |     ^^^^^^^^^^^^^^^^
  |
  = help: did you mean `x86_64-unknown-linux-gnu`?
";
    assert_eq!(drawn, expected, "{drawn}");
}

#[test]
fn draws_a_problem_without_a_place() {
    let drawn = draw("");
    assert!(drawn.starts_with("error[empty-file]: the file is empty"), "{drawn}");
    assert!(drawn.contains("help: start it with `longshore: 1`"), "{drawn}");
}

#[test]
fn counts_characters() {
    let drawn = draw("longshore: 1\nbinaries: { \"äöü\": {}, b: { profil: x } }\n");
    assert!(drawn.contains("longshore.yaml:2:13") && drawn.contains("longshore.yaml:2:29"), "{drawn}");
    let source = Source { text: "aä\r\nöb".into(), ..Source::default() };
    assert_eq!((source.position(3), source.position(5), source.position(7)), ((1, 3), (2, 1), (2, 2)));
    assert_eq!((source.position(6), source.position(999)), ((2, 1), (2, 3)));
}

#[test]
fn control_characters_do_nothing() {
    let drawn = draw("longshore: 1\nna\u{202e}me: \"\u{7}\"\n\"x\\e[31m\": 1\n");
    assert!(drawn.chars().all(|char| char == '\n' || !char.is_control()), "{drawn:?}");
    assert!(!drawn.contains('\u{202e}'), "{drawn:?}");
}

#[test]
fn long_lines_are_cut() {
    let drawn = draw(&format!("longshore: 1\nname: {}\n", "x ".repeat(1 << 19)));
    assert!(drawn.len() < 1500, "{}", drawn.len());
    let drawn = draw(&format!("longshore: 1\nbinaries: {{ a: {{ features: [{}], profil: x }} }}\n", "x".repeat(5000)));
    assert!(drawn.contains("profil: x") && drawn.len() < 1500, "{drawn}");
}

#[test]
fn colours_only_when_asked() {
    let Err((source, diagnostics)) = parse("longshore.yaml", "x: 1", &[]) else { panic!("it is wrong") };
    assert!(source.render(&diagnostics, true).contains('\u{1b}'));
    assert!(!source.render(&diagnostics, false).contains('\u{1b}'));
}

#[test]
fn places_outside_the_text_are_harmless() {
    let source = Source { name: "x".into(), text: "aä\n".into(), ..Source::default() };
    for span in [0..0, 2..3, 4..4, 4..900, 900..901, 0..900] {
        source.render(&[Diagnostic { problem: Problem::new("a", "b").hint("c"), span: Some(span) }], false);
    }
}
