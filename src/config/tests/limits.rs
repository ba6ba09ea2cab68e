//! Any text ends: mutations of a right file, random bytes, and files that are far too large.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn mutated_files_end(cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[a-z*&{}\\[\\]:,\n \"'#|<~-]{0,6}"), 1..6)) {
        let mut chars: Vec<char> = FULL.chars().collect();
        for (at, length, text) in cuts {
            let at = at.index(chars.len() + 1);
            let end = (at + length).min(chars.len());
            chars.splice(at..end, text.chars());
            if chars.is_empty() {
                break;
            }
        }
        ends(&chars.into_iter().collect::<String>());
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        ends(&String::from_utf8_lossy(&bytes));
    }
}

/// Reads and draws without panicking, with every place inside the text.
fn ends(text: &str) {
    if let Err((source, diagnostics)) = parse("longshore.yaml", text, &["quick".to_owned()]) {
        assert!(!diagnostics.is_empty());
        for span in diagnostics.iter().filter_map(|diagnostic| diagnostic.span.clone()) {
            assert!(text.get(span.clone()).is_some(), "{span:?}");
        }
        assert!(!source.render(&diagnostics, false).is_empty());
    }
}

#[test]
fn large_files_end() {
    let check = |name: &str, text: String, code: &str| {
        let start = std::time::Instant::now();
        let Err((source, diagnostics)) = parse("longshore.yaml", &text, &[]) else { panic!("{name} is right") };
        assert_eq!(diagnostics[0].problem.code, code, "{name}");
        source.render(&diagnostics, true);
        assert!(start.elapsed().as_secs() < 60, "{name} took {:?}", start.elapsed());
    };
    let entries =
        |count: usize, entry: &str| (0..count).map(|index| format!("  a{index}: {entry}\n")).collect::<String>();
    let variables = entries(4000, "x").replace("  a", "      A");
    check(
        "defaults for many",
        format!("longshore: 1\ndefaults:\n  binaries:\n    env:\n{variables}binaries:\n{}", entries(4000, "{}")),
        "file-too-large",
    );
    let globs: String =
        (0..2000).map(|index| format!("      \"*{}\": {{ locked: true }}\n", "*".repeat(index % 200))).collect();
    check("globs", format!("longshore: 1\nbinaries:\n  a:\n    override:\n{globs}"), "duplicate-key");
    check("unknown keys", format!("longshore: 1\n{}", entries(9000, "x").replace("  ", "")), "unknown-key");
    check("equal binaries", format!("longshore: 1\nbinaries:\n{}", entries(4000, "{ package: x }")), "equal-entries");
    check(
        "archives of nothing",
        format!("longshore: 1\nbinaries: {{ x: {{}}, y: {{}} }}\narchives:\n{}", entries(4000, "{ binaries: z }")),
        "unknown-reference",
    );
    check(
        "components",
        format!("longshore: 1\ncomponents:\n{}", entries(4000, "{ tag: \"v{version}\" }")),
        "ambiguous-tags",
    );
    check("a long word", format!("longshore: 1\ntargets: {}\n", "x".repeat(1 << 20)), "unknown-target");
    check(
        "a long command",
        format!("longshore: 1\nassets: {{ a: {{ files: x, run: \"{}\" }} }}\n", "x|".repeat(1 << 18)),
        "needs-shell",
    );
    check("a long template", format!("longshore: 1\ntag: \"{}\"\n", "{x}".repeat(1 << 18)), "unknown-placeholder");
}
