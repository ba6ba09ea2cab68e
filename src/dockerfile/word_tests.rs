//! Words against what BuildKit's own tests expect.

use super::word::{Rules, expand};

fn variable(name: &str) -> Option<String> {
    let value = match name {
        "PWD" => "/home",
        "EMPTY" => "",
        "VERSION" => "v1.2.3",
        "PATH_" => "a/b/c.tar.gz",
        "SPACED" => "a b",
        "STARS" => "a*b?c",
        _ => return None,
    };
    Some(value.to_owned())
}

#[test]
fn variables_quotes_and_escapes() {
    let check = |text: &str, expected: Result<&str, ()>| {
        let found = expand(text, Rules::plain('\\'), &variable).map(|e| e.text).map_err(|_| ());
        assert_eq!(found, expected.map(str::to_owned), "{text}");
    };
    check("he'll'o", Ok("hello"));
    check("he'hello", Err(()));
    check("he\\'hello", Ok("he'hello"));
    check("'$PWD'", Ok("$PWD"));
    check("\"$PWD\"", Ok("/home"));
    check("\"a\\\"b\\$c\\d\"", Ok("a\"b$c\\d"));
    check("$PWD$UNSET.x", Ok("/home.x"));
    check("${PWD}x", Ok("/homex"));
    check("${UNSET:-x}${EMPTY:-y}${EMPTY-z}${PWD:-n}", Ok("xy/home"));
    check("${UNSET:+x}${EMPTY:+y}${EMPTY+z}${PWD:+n}", Ok("zn"));
    check("${UNSET?}", Err(()));
    check("${EMPTY?}", Ok(""));
    check("${EMPTY:?no}", Err(()));
    check("${UNSET:-${PWD}/x}", Ok("/home/x"));
    check("${UNSET:-'a b'}", Ok("a b"));
    check("${VERSION#v}", Ok("1.2.3"));
    check("${VERSION#*.}", Ok("2.3"));
    check("${VERSION##*.}", Ok("3"));
    check("${VERSION%.*}", Ok("v1.2"));
    check("${VERSION%%.*}", Ok("v1"));
    check("${PATH_/a/x}", Ok("x/b/c.tar.gz"));
    check("${PATH_//\\//-}", Ok("a-b-c.tar.gz"));
    check("${PATH_//./_}", Ok("a/b/c_tar_gz"));
    check("${STARS#a\\*}", Ok("b?c"));
    check("${VERSION:#v}", Err(()));
    check("${VERSION^}", Err(()));
    check("${}", Err(()));
    check("${PWD", Err(()));
    check("$", Ok("$"));
    check("a$$b", Ok("ab"));
    check("$1x", Ok("x"));
    check("it\\\\'s", Err(()));
    check("\\", Ok(""));
}

#[test]
fn words_are_cut_at_spaces() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(expand(text, Rules::plain('\\'), &variable).unwrap().words, expected, "{text}");
    };
    check("a  b\tc", &["a", "b", "c"]);
    check("a\\ b 'c d'", &["a b", "c d"]);
    check("$SPACED \"$SPACED\"", &["a", "b", "a b"]);
    check("", &[]);
}

#[test]
fn names_that_are_not_set_are_told() {
    let found = expand("$PWD$A${B:-c}", Rules::plain('\\'), &variable).unwrap();
    assert_eq!(found.unset.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    assert!(found.set.contains("PWD"));
}

#[test]
fn deep_nesting_is_refused() {
    let text = "${A:-".repeat(5000);
    assert!(expand(&text, Rules::plain('\\'), &variable).is_err());
}
