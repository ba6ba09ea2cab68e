//! Words: the nearest valid one, what other tools call our keys, and how user text is quoted in messages.

/// A user's text in backticks, harmless and short enough for a message.
pub fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(60).map(visible).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// A character that cannot move the cursor, hide text, or turn its direction around.
pub fn visible(char: char) -> char {
    match char {
        '\t' => ' ',
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(char)).unwrap_or('?'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        other => other,
    }
}

/// The candidate that was probably meant, if one is near enough to be worth saying.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Nothing we know is longer, and the distance costs the product of both lengths.
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', ' ', '.'], "-");
    let word = plain(word);
    let score = |candidate: &str| {
        let candidate = plain(candidate);
        let edits = strsim::damerau_levenshtein(&word, &candidate);
        let near = edits <= 1.max(word.len().min(candidate.len()) / 3);
        let alike = strsim::jaro_winkler(&word, &candidate);
        // A triple with a part left out: every part that is there is a part of the candidate.
        let parts = word.contains('-') && word.split('-').all(|part| candidate.split('-').any(|other| other == part));
        (near && edits < candidate.len() || alike >= 0.9 || parts).then_some(alike)
    };
    let scored = candidates.into_iter().filter_map(|candidate| Some((score(candidate)?, candidate)));
    // The first of equals: tables are in the order of importance.
    scored
        .fold(
            None,
            |best: Option<(f64, &str)>, next| if best.is_some_and(|best| best.0 >= next.0) { best } else { Some(next) },
        )
        .map(|(_, candidate)| candidate)
}

/// What is said of keys that README announces.
const LATER: &str = "signatures and attestations come in a later version: remove it";

/// Where other release tools publish, and how that is done here: by a command of the user's own.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (
        &["crates", "crates-io", "crates.io", "cargo"],
        "write `crates: { kind: command, run: cargo publish --locked, accepts: archive, pass-env: CARGO_REGISTRY_TOKEN }` under `publish`",
    ),
    (
        &[
            "npm",
            "aur",
            "aurs",
            "chocolatey",
            "deb",
            "homebrew",
            "brew",
            "brews",
            "homebrew_casks",
            "homebrew-tap",
            "msi",
            "nfpm",
            "nfpms",
            "nix",
            "rpm",
            "scoop",
            "scoops",
            "snap",
            "snapcrafts",
            "winget",
        ],
        "write a destination with `kind: command` under `publish`, whose script reads the files and digests from `LONGSHORE_MANIFEST`",
    ),
];

/// What is written instead of a place that nothing is published to in this version.
pub fn elsewhere(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    ELSEWHERE.iter().find(|(names, _)| names.contains(&word.as_str())).map(|(_, hint)| *hint)
}

/// What other release tools call things, and what to write here.
pub const FOREIGN: &[(&str, &str)] = &[
    ("attestations", LATER),
    ("provenance", LATER),
    ("sign", LATER),
    ("signing", LATER),
    ("signs", LATER),
    ("cosign", LATER),
    ("builds", "use `binaries`"),
    ("name_template", "use `file`"),
    ("wrap_in_directory", "use `directory`"),
    ("files", "use `include`"),
    ("extra_files", "use `assets`"),
    ("release", "use `publish` with `github`; what it adds to a release are `assets`"),
    ("dockers", "use `images` with `dockerfile`"),
    ("dockers_v2", "use `images` with `dockerfile`"),
    ("monorepo", "use `components`"),
    ("tag_prefix", "use `components`, each with its `tag`"),
    ("publishers", "use a destination with `kind: command` under `publish`"),
    ("unix-archive", "use `formats`"),
    ("windows-archive", "use `formats`"),
    ("min-glibc-version", "use `glibc`, or `override` with `glibc` for some targets"),
    ("github-custom-runners", "use `override` with `runner`"),
    ("github-build-setup", "use `setup` of a file under `workflows`"),
    ("extra-artifacts", "use `assets`"),
    ("pr-run-mode", "use `pull-request` of a file under `workflows`"),
    ("skip", "set `false` in its place to switch something off"),
    ("disable", "set `false` in its place to switch something off"),
    ("disabled", "set `false` in its place to switch something off"),
    ("enabled", "set `false` in its place to switch something off"),
];

/// What to write instead of another tool's word.
pub fn foreign(word: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours).or_else(|| elsewhere(word))
}

/// `a`, `b` or `c`.
pub fn any_of<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "nothing".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_word_that_was_meant() {
        let check = |word: &str, expected: Option<&str>| {
            let words = ["binaries", "archives", "assets", "targets", "glibc", "max-size", "x86_64-unknown-linux-gnu"];
            assert_eq!(nearest(word, words), expected, "{word}");
        };
        check("binarys", Some("binaries"));
        check("archive", Some("archives"));
        check("max_size", Some("max-size"));
        check("maxSize", Some("max-size"));
        check("glib", Some("glibc"));
        check("x86_64-linux-gnu", Some("x86_64-unknown-linux-gnu"));
        check("zebra", None);
        check("", None);
        check(&"a".repeat(100_000), None);
    }

    #[test]
    fn quotes_harmlessly() {
        assert_eq!(quote("a\u{1b}[31m\nb"), "`a␛[31m␊b`");
        assert_eq!(quote("\u{202e}x"), "`\u{fffd}x`");
        assert_eq!(quote(&"a".repeat(90)).chars().count(), 63);
    }
}
