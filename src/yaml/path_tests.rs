//! Paths, right and wrong.

use proptest::prelude::*;

use super::*;

#[test]
fn read_and_written() {
    let key = |key: &str| Step::Key(key.into());
    let item = |key: &str, value: &str| Step::Item { key: key.into(), value: value.into() };
    let check = |text: &str, expected: &[Step]| {
        let path: ValuesPath = text.parse().unwrap();
        assert_eq!(path.steps(), expected);
        assert_eq!(path.to_string(), text);
    };
    check("a", &[key("a")]);
    check("a.b[0].c", &[key("a"), key("b"), Step::Index(0), key("c")]);
    check("list[name=X].value", &[key("list"), item("name", "X"), key("value")]);
    check("annotations.\"x.io/y\"", &[key("annotations"), key("x.io/y")]);
    check("\"a b\".x/y", &[key("a b"), key("x/y")]);
    check("\"\".é😀", &[key(""), key("é😀")]);
    check("a[0][12]", &[key("a"), Step::Index(0), Step::Index(12)]);
    check("a[name=b.c d=e]", &[key("a"), item("name", "b.c d=e")]);
    check("a[\"x=y\"=\"]\"]", &[key("a"), item("x=y", "]")]);
    check("\"q\\\"\\\\\"", &[key("q\"\\")]);
}

#[test]
fn refused() {
    let check = |text: &str, expected: &str| {
        assert_eq!(text.parse::<ValuesPath>().unwrap_err().text, expected, "{text}");
    };
    check("", "`` has an empty or unquoted key");
    check(".Values.image", "`.Values.image` starts with a point");
    check("a..b", "`a..b` has an empty or unquoted key");
    check("a.", "`a.` has an empty or unquoted key");
    check("[0]", "`[0]` has an empty or unquoted key");
    check("a b", "`a b` needs a `.` or `[` here");
    check("a[-1]", "`a[-1]` needs an index or `key=value` in brackets");
    check("a[01]", "`a[01]` has a wrong index");
    check("a[99999999999999999999]", "`a[99999999999999999999]` has a wrong index");
    check("a[name]", "`a[name]` needs an index or `key=value` in brackets");
    check("a[name=x", "`a[name=x` needs an index or `key=value` in brackets");
    check("a[", "`a[` needs an index or `key=value` in brackets");
    check("a.\"b", "`a.\"b` has a quote that does not end");
    check("\"a\"b", "`\"a\"b` needs a `.` or `[` here");
    check("\"a\\n\"", "`\"a\\n\"` has a wrong `\\`");
}

proptest! {
    #[test]
    fn written_is_read(keys in prop::collection::vec((".*", 0..3usize, ".+"), 1..5)) {
        let mut path = ValuesPath::key(&keys[0].0);
        for (value, kind, key) in keys {
            path = path.join(match kind {
                0 => Step::Key(value),
                1 => Step::Index(value.len()),
                _ => Step::Item { key, value },
            });
        }
        prop_assert_eq!(path.to_string().parse::<ValuesPath>().ok(), Some(path).filter(|path| path.to_string().len() <= LONGEST));
    }

    #[test]
    fn never_panics(text in ".*") {
        let _ = text.parse::<ValuesPath>();
    }
}
