//! Pieces of text, kind by kind.

use proptest::prelude::*;

use super::*;

#[test]
fn sizes() {
    let parse = |text: &str| size(text).ok();
    assert_eq!(parse("50MB"), Some(50_000_000));
    assert_eq!(parse("20 MiB"), Some(20 << 20));
    assert_eq!(parse("1.5GB"), Some(1_500_000_000));
    assert_eq!(parse("0.5KiB"), Some(512));
    assert_eq!(parse("1048576"), Some(1 << 20));
    assert_eq!(parse("7k"), Some(7000));
    for wrong in
        ["", "MB", "5TB", "-1", "1e3", "0", "1.2.3MB", "99999999999999999999", "99999999999GB", "1.MB", "1 M B"]
    {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}

#[test]
fn paths() {
    let parse = |text: &str| path(text).ok();
    assert_eq!(parse("a/b").as_deref(), Some("a/b"));
    assert_eq!(parse("./a//b/").as_deref(), Some("a/b"));
    assert_eq!(parse(".").as_deref(), Some("."));
    assert_eq!(parse("a..b/c...d").as_deref(), Some("a..b/c...d"));
    for wrong in ["/a", "../a", "a/../b", "a/..", "C:/a", "c:\\a", "a\\b", "~/a"] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}

fn check_text(kind: Text, right: &[&str], wrong: &[&str]) {
    right.iter().for_each(|text| assert!(check(kind, text).is_ok(), "{kind:?} {text:?}: {:?}", check(kind, text)));
    wrong.iter().for_each(|text| assert!(check(kind, text).is_err(), "{kind:?} {text:?}"));
}

#[test]
fn kinds_of_text() {
    check_text(Text::Name, &["a", "A.b-c_1", "1"], &["", "-a", ".a", "a b", "a/b", "ä", &"a".repeat(61)]);
    check_text(Text::FileName, &["SHA256SUMS", "a.txt"], &["", ".a", "a b", "a/b", "a+b"]);
    check_text(Text::Repository, &["a/b", "a.b/c-d"], &["a", "a/b/c", "/b", "a/", "https://github.com/a/b"]);
    check_text(Text::Glibc, &["2.28", "2.30", "2.5.1"], &["2", "2.", "a.b", "2.28-1", "2.28.1.1", "2.99999"]);
    check_text(
        Text::FileGlob,
        &["README*", "ui/**", "{a,b}/*.md", "a [x].md"],
        &["[a", "{a", "/a", "..", ".", &"*".repeat(300)],
    );
    check_text(
        Text::TripleGlob,
        &["*-musl", "*", "x86_64-unknown-linux-gnu"],
        &["*-bsd", "x86_64", "[", "*-gnu+static"],
    );
    check_text(Text::Notes, &["auto", "notes.md", "./changelg", "docs/notes"], &["changelg", "/notes", "../x"]);
    check_text(Text::EnvName, &["A_B"], &["A=B", "", "A B"]);
    check_text(Text::SecretName, &["A_B", "_a1"], &["A-B", "1A", "", "A B", "ä", "X}}${{github.token"]);
    check_text(Text::Label, &["ubuntu-24.04", "rockylinux:9"], &["a b", "", "a\tb", "${{ vars.X }}"]);
    let (safe, unsafe_) = (
        ["${{ vars.RUNNER }}", "${{vars._a}}", "x-${{ github.repository_owner }}-${{ vars.A }}", "$HOME", "}}"],
        [
            "${{ secrets.X }}",
            "${{ github.head_ref }}",
            "${{ github.event.pull_request.title }}",
            "${{ vars.A || secrets.X }}",
            "${{ vars.A }}${{ github.ref_name }}",
            "${{ fromJSON(vars.A) }}",
            "${{ toJSON(secrets) }}",
            "${{ vars['A'] }}",
            "${{ vars.A",
            "${{ '${{' }}",
            "",
        ],
    );
    check_text(Text::Runner, &safe, &unsafe_);
    check_text(Text::Environment, &safe, &unsafe_);
    check_text(Text::Environment, &["release", "my release"], &["a\tb"]);
    check_text(Text::Runner, &["ubuntu-24.04"], &["a b"]);
    check_text(Text::Manifest, &["Cargo.toml", "py/Cargo.toml"], &["py", "Cargo.lock", "../Cargo.toml", "xCargo.toml"]);
    check_text(Text::EnvValue, &["", "a\nb", "x=y"], &["a\u{0}b", "\u{1b}"]);
}

#[test]
fn templates() {
    check_text(
        Text::Template(Place::Tag),
        &["v{version}", "{component}/v{version}"],
        &[
            "v",
            "{version}{version}",
            "{name}-{version}",
            "a b{version}",
            "v..{version}",
            "{version}.lock",
            "/{version}",
            "v{version",
        ],
    );
    check_text(
        Text::Template(Place::ArchiveFile),
        &["{name}-{target}", "a.{os}", "{name}.tar"],
        &[".{name}", "{name}/x", "a b", "{flavor}", "{name}+x", "{{x}}"],
    );
    check_text(
        Text::Template(Place::Directory),
        &["{name}-{version}", "a/{target}"],
        &["../{name}", "/{name}", "{name}/.."],
    );
    check_text(Text::Template(Place::Title), &["{name} {version}", "Release: {tag}"], &["{target}", "}"]);
    check_text(Text::Template(Place::Prebuilt), &["bin/{target}/{binary}{exe}"], &["/bin/{binary}", "{sha}"]);
    check_text(Text::Template(Place::AssetFile), &["a-{version}.zip"], &["a-{target}.zip"]);
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,40}") {
        for kind in [Text::FormatNumber, Text::Line, Text::Label, Text::Name, Text::DestinationKind, Text::Triple, Text::TripleGlob, Text::Size, Text::Glibc, Text::Path, Text::Manifest, Text::FileGlob, Text::FileName, Text::Repository, Text::Notes, Text::EnvName, Text::SecretName, Text::EnvGlob, Text::EnvValue, Text::Argument, Text::Script, Text::Environment, Text::Runner] {
            let _ = check(kind, &text);
        }
        for place in [Place::Tag, Place::Title, Place::ArchiveFile, Place::Directory, Place::AssetFile, Place::Prebuilt] {
            let _ = check(Text::Template(place), &text);
        }
        let _ = crate::config::shell::words(&text);
    }

    #[test]
    fn globs_do_not_panic(text in "[*?{},\\[\\]!a^\\\\-]{0,60}") {
        let _ = glob(&text);
    }
}
