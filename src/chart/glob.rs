//! Shell patterns as Go's `filepath.Match` reads them (on Linux, on every system), which `.helmignore` is made of.

/// A pattern, checked and split into single-character matchers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Any number of characters, none of them a slash.
    Many,
    /// One character, not a slash.
    One,
    /// This character.
    Is(char),
    /// One character of these ranges, or one of none of them. It may be a slash: Go does not ask.
    Class { negated: bool, ranges: Vec<Span> },
}

/// First and last character.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    first: char,
    last: char,
}

impl Glob {
    /// None for a pattern that Go refuses: an open or empty class, a range without end, a lone backslash at the end.
    pub fn read(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            pieces.push(match character {
                '*' => Piece::Many,
                '?' => Piece::One,
                '\\' => Piece::Is(rest.next()?),
                '[' => class(&mut rest)?,
                other => Piece::Is(other),
            });
        }
        Some(Self(pieces))
    }

    /// Whether all of `name` matches.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut piece, mut at) = (0, 0);
        // The last `*` and the first character behind what it holds: where to go on after a mismatch. A slash ends that.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match self.0.get(piece) {
                Some(Piece::Many) => {
                    retry = Some((piece, at));
                    piece += 1;
                    continue;
                }
                Some(one) if name.get(at).is_some_and(|character| one.accepts(*character)) => {
                    piece += 1;
                    at += 1;
                    continue;
                }
                None if at == name.len() => return true,
                _ => {}
            }
            match retry {
                Some((star, held)) if name.get(held).is_some_and(|character| *character != '/') => {
                    retry = Some((star, held + 1));
                    piece = star + 1;
                    at = held + 1;
                }
                _ => return false,
            }
        }
    }
}

impl Piece {
    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Many => false,
            Self::One => character != '/',
            Self::Is(this) => character == *this,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|range| (range.first..=range.last).contains(&character)) != *negated
            }
        }
    }
}

/// What stands behind `[`, up to and with `]`.
fn class(rest: &mut std::str::Chars<'_>) -> Option<Piece> {
    let negated = rest.as_str().starts_with('^');
    if negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.as_str().starts_with(']') {
            rest.next();
            return Some(Piece::Class { negated, ranges });
        }
        let first = member(rest)?;
        let last = if rest.as_str().starts_with('-') {
            rest.next();
            member(rest)?
        } else {
            first
        };
        ranges.push(Span { first, last });
    }
}

/// A character of a class; it is never the last of a pattern.
fn member(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let character = match rest.next()? {
        '-' | ']' => return None,
        '\\' => rest.next()?,
        other => other,
    };
    (!rest.as_str().is_empty()).then_some(character)
}

#[cfg(test)]
mod tests {
    use super::Glob;

    fn check(pattern: &str, name: &str, expected: Option<bool>) {
        assert_eq!(Glob::read(pattern).map(|glob| glob.matches(name)), expected, "{pattern} on {name}");
    }

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*", "a/c", Some(false)),
            ("*c", "abc", Some(true)),
            ("a*", "ab/c", Some(false)),
            ("a*/b", "abc/b", Some(true)),
            ("a*/b", "a/c/b", Some(false)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Some(true)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", Some(false)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Some(true)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[^b-d]", "abc", Some(false)),
            ("a\\*b", "a*b", Some(true)),
            ("a\\*b", "ab", Some(false)),
            ("a???b", "aßßßb", Some(true)),
            ("a[^a]b", "a☺b", Some(true)),
            ("a?b", "a/b", Some(false)),
            ("a[^x]b", "a/b", Some(true)),
            ("[\\]a]", "]", Some(true)),
            ("[x\\-]", "-", Some(true)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[x-]", "x", None),
            ("[a-b-c]", "a", None),
            ("[", "a", None),
            ("[^bc", "a", None),
            ("a[", "ab", None),
            ("\\", "a", None),
            ("*x", "xxx", Some(true)),
            ("", "", Some(true)),
            (".?*", ".", Some(false)),
            (".?*", ".a", Some(true)),
        ] {
            check(pattern, name, expected);
        }
    }
}
