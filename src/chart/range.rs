//! Versions and version ranges of charts as Helm reads them: loosely, by the rules of Masterminds/semver 3.5.

use std::fmt;

use semver::Prerelease;

/// Longest version and longest range, in bytes, and most alternatives of a range: limits of Masterminds/semver.
const LONGEST_VERSION: usize = 256;
const LONGEST_RANGE: usize = 512;
const MOST_ALTERNATIVES: usize = 32;

/// The minor versions of Kubernetes 1 that are known.
const KUBERNETES: std::ops::RangeInclusive<u64> = 14..=35;

/// A version as Helm compares it: `v1.2` is 1.2.0, and what stands behind `+` counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loose {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pub pre: Prerelease,
}

/// What `dependencies[].version` and `kubeVersion` hold: one alternative must hold, with all its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    text: String,
    alternatives: Vec<Vec<Bound>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    operator: Operator,
    version: Loose,
    written: Written,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// How many of a bound's three numbers are written out, up to the first `x`, `X` or `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Nothing,
    Major,
    Minor,
    Patch,
}

impl Loose {
    /// None where Helm would refuse the version.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST_VERSION {
            return None;
        }
        let (parts, rest) = Parts::take(text, |character| character.is_ascii_digit())?;
        let number = |part: Option<&str>| part.map_or(Some(0), |part| part.parse().ok());
        let pre = Prerelease::new(parts.pre).ok()?;
        rest.is_empty().then_some(())?;
        Some(Self { major: number(Some(parts.major))?, minor: number(parts.minor)?, patch: number(parts.patch)?, pre })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Range {
    /// None where Helm would refuse the range. The empty text is one of them.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST_RANGE {
            return None;
        }
        let texts: Vec<&str> = text.split("||").collect();
        if texts.len() > MOST_ALTERNATIVES {
            return None;
        }
        let alternatives =
            texts.iter().enumerate().map(|(index, text)| bounds(text, index == 0)).collect::<Option<_>>()?;
        Some(Self { text: text.to_owned(), alternatives })
    }

    /// A prerelease satisfies only an alternative that names a prerelease itself, such as `>=1.0.0-0`.
    pub fn holds(&self, version: &Loose) -> bool {
        self.alternatives.iter().any(|bounds| {
            let with_prereleases = bounds.iter().any(|bound| !bound.version.pre.is_empty());
            (with_prereleases || version.pre.is_empty()) && bounds.iter().all(|bound| bound.holds(version))
        })
    }

    /// A version of Kubernetes that satisfies the range: the newest of the known ones, else the lowest of 1.0.0 or above
    /// that its bounds name or point at.
    pub fn kubernetes(&self) -> Option<Loose> {
        let known = KUBERNETES
            .rev()
            .flat_map(|minor| [0, 99].map(|patch| Loose { major: 1, minor, patch, pre: Prerelease::EMPTY }));
        let bounds = self.alternatives.iter().flatten();
        let mut named: Vec<Loose> = bounds.flat_map(|bound| bound.version.neighbours()).collect();
        named.sort_unstable();
        known.chain(named).find(|version| version.major > 0 && self.holds(version))
    }
}

impl fmt::Display for Loose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if self.pre.is_empty() { Ok(()) } else { write!(f, "-{}", self.pre) }
    }
}

impl Loose {
    /// The version itself as a stable one, and those directly beside and below it: what `>`, `!=` and `<` ask for.
    fn neighbours(&self) -> Vec<Self> {
        let at = |major, minor, patch| Self { major, minor, patch, pre: Prerelease::EMPTY };
        let Self { major, minor, patch, .. } = *self;
        let mut all = vec![at(major, minor, patch), at(major, minor, patch.saturating_add(1))];
        all.extend([at(major, minor.saturating_add(1), 0), at(major.saturating_add(1), 0, 0)]);
        all.extend([at(major, minor, patch.saturating_sub(1)), at(major, minor.saturating_sub(1), 0)]);
        all.push(at(major.saturating_sub(1), 0, 0));
        all
    }
}

impl Bound {
    fn holds(&self, version: &Loose) -> bool {
        let order = version.cmp(&self.version);
        let Loose { major, minor, patch, .. } = self.version;
        let same_major = version.major == major;
        let same_minor = same_major && version.minor == minor;
        match (self.operator, self.written) {
            (Operator::Equal, Written::Patch) => order.is_eq(),
            (Operator::Equal | Operator::Tilde, written) => {
                let anything =
                    (major, minor, patch) == (0, 0, 0) && matches!(written, Written::Nothing | Written::Patch);
                order.is_ge() && (anything || same_minor || (same_major && written == Written::Major))
            }
            (Operator::NotEqual, Written::Major) => !same_major,
            (Operator::NotEqual, Written::Minor) => !same_minor || version.pre != self.version.pre,
            (Operator::NotEqual, _) => order.is_ne(),
            (Operator::Greater, Written::Major) => version.major > major,
            (Operator::Greater, Written::Minor) => (version.major, version.minor) > (major, minor),
            (Operator::Greater, _) => order.is_gt(),
            (Operator::Less, _) => order.is_lt(),
            (Operator::GreaterEqual, _) => order.is_ge(),
            (Operator::LessEqual, Written::Patch) => order.is_le(),
            (Operator::LessEqual, Written::Major) => version.major <= major,
            (Operator::LessEqual, _) => (version.major, version.minor) <= (major, minor),
            (Operator::Caret, written) => order.is_ge() && self.caret(version, written),
        }
    }

    /// The first number that is not zero may not change. `^*` allows only 0.0.0: odd, but what Helm does.
    fn caret(&self, version: &Loose, written: Written) -> bool {
        let Loose { major, minor, patch, .. } = self.version;
        if major > 0 || written == Written::Major {
            return version.major == major;
        }
        if minor > 0 || written == Written::Minor {
            return version.major == 0 && version.minor == minor;
        }
        (version.major, version.minor, version.patch) == (0, 0, patch)
    }
}

/// The bounds of one alternative, divided by blanks or one comma.
fn bounds(text: &str, first: bool) -> Option<Vec<Bound>> {
    let mut bounds = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    // Helm rewrites `1 - 2` to `>= 1, <= 2` as text. That is legal at the beginning, and behind a comma, a blank behind
    // `||`, or another such range.
    let mut rewritable = first || rest.len() < text.len() || rest.starts_with('v');
    loop {
        let (operator, behind) = operator(rest);
        let bare = behind.len() == rest.len();
        let (parts, behind) = Parts::take(behind.trim_start_matches(is_blank), is_number_or_any)?;
        rest = behind.trim_start_matches(is_blank);
        if let Some(upper) = hyphen(behind).filter(|_| bare && rewritable) {
            let (upper, behind) = Parts::take(upper, is_number_or_any)?;
            bounds.push(parts.bound(Operator::GreaterEqual)?);
            bounds.push(upper.bound(Operator::LessEqual)?);
            rest = behind.trim_start_matches(is_blank);
            rewritable = true;
        } else {
            bounds.push(parts.bound(operator)?);
            if rest.len() == behind.len() && !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
            rewritable = rest.starts_with(',');
        }
        if rest.is_empty() {
            return Some(bounds);
        }
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start_matches(is_blank);
    }
}

fn hyphen(behind: &str) -> Option<&str> {
    let blank = behind.trim_start_matches(is_blank);
    let upper = blank.strip_prefix('-')?;
    let text = upper.trim_start_matches(is_blank);
    (blank.len() < behind.len() && text.len() < upper.len()).then_some(text)
}

fn operator(text: &str) -> (Operator, &str) {
    let table = [
        ("!=", Operator::NotEqual),
        (">=", Operator::GreaterEqual),
        ("=>", Operator::GreaterEqual),
        ("<=", Operator::LessEqual),
        ("=<", Operator::LessEqual),
        ("~>", Operator::Tilde),
        ("=", Operator::Equal),
        (">", Operator::Greater),
        ("<", Operator::Less),
        ("~", Operator::Tilde),
        ("^", Operator::Caret),
    ];
    let found = table.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)));
    found.unwrap_or((Operator::Equal, text))
}

/// A blank of Go's `\s`.
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\x0c' | '\r')
}

fn is_number_or_any(character: char) -> bool {
    character.is_ascii_digit() || matches!(character, 'x' | 'X' | '*')
}

/// A version taken apart, nothing checked yet.
struct Parts<'a> {
    major: &'a str,
    minor: Option<&'a str>,
    patch: Option<&'a str>,
    /// Without its hyphen; empty if there is none.
    pre: &'a str,
}

impl<'a> Parts<'a> {
    /// The longest version at the beginning of a text, and what follows it.
    fn take(text: &'a str, digit: fn(char) -> bool) -> Option<(Self, &'a str)> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (major, rest) = split(text, digit);
        if major.is_empty() {
            return None;
        }
        let (minor, rest) = dotted(rest, digit);
        let (patch, rest) = if minor.is_some() { dotted(rest, digit) } else { (None, rest) };
        let (pre, rest) = suffix(rest, '-');
        let (_, rest) = suffix(rest, '+');
        Some((Self { major, minor, patch, pre }, rest))
    }

    fn bound(&self, operator: Operator) -> Option<Bound> {
        let any = |part: Option<&str>| part.is_none_or(|part| matches!(part, "x" | "X" | "*"));
        let written = match (any(Some(self.major)), any(self.minor), any(self.patch)) {
            (true, _, _) => Written::Nothing,
            (_, true, _) => Written::Major,
            (_, _, true) => Written::Minor,
            _ => Written::Patch,
        };
        let number = |part: Option<&str>, from: &[Written]| {
            if from.contains(&written) { part?.parse().ok() } else { Some(0) }
        };
        let version = Loose {
            major: number(Some(self.major), &[Written::Major, Written::Minor, Written::Patch])?,
            minor: number(self.minor, &[Written::Minor, Written::Patch])?,
            patch: number(self.patch, &[Written::Patch])?,
            pre: Prerelease::new(self.pre).ok()?,
        };
        Some(Bound { operator, version, written })
    }
}

fn split(text: &str, accept: fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|character| !accept(character)).unwrap_or(text.len()))
}

/// `.12`: the number behind a dot, if one follows.
fn dotted(text: &str, digit: fn(char) -> bool) -> (Option<&str>, &str) {
    match text.strip_prefix('.').map(|rest| split(rest, digit)) {
        Some((number, rest)) if !number.is_empty() => (Some(number), rest),
        _ => (None, text),
    }
}

/// `-rc.1` or `+b5`: identifiers divided by single dots, if they follow.
fn suffix(text: &str, sign: char) -> (&str, &str) {
    let Some(rest) = text.strip_prefix(sign) else { return ("", text) };
    let word = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let mut end = split(rest, word).0.len();
    if end == 0 {
        return ("", text);
    }
    while let Some(more) = rest[end..].strip_prefix('.').map(|next| split(next, word).0.len())
        && more > 0
    {
        end += 1 + more;
    }
    rest.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::{Loose, Range};

    fn check(range: &str, version: &str, expected: Option<bool>) {
        let holds = Range::read(range).map(|range| range.holds(&Loose::read(version).unwrap()));
        assert_eq!(holds, expected, "{range:?} holds {version}");
    }

    #[test]
    fn ranges_hold_what_helm_accepts() {
        for (range, version, expected) in [
            ("1.2.3", "1.2.3", Some(true)),
            ("1.2.3", "v1.2.3+b", Some(true)),
            ("1.2", "1.2.9", Some(true)),
            ("1", "1.9.0", Some(true)),
            ("1.x", "2.0.0", Some(false)),
            ("*", "7.0.0", Some(true)),
            ("*", "7.0.0-rc.1", Some(false)),
            ("*-0", "7.0.0-rc.1", Some(true)),
            ("~1.2.0", "1.2.9", Some(true)),
            ("~1.2.0", "1.3.0", Some(false)),
            ("~1", "1.9.0", Some(true)),
            ("~0.0.0", "5.0.0", Some(true)),
            ("^1.2.3", "1.9.0", Some(true)),
            ("^0.2.3", "0.3.0", Some(false)),
            ("^0.0.3", "0.0.4", Some(false)),
            ("^0", "0.9.0", Some(true)),
            ("^*", "1.0.0", Some(false)),
            (">=1.2 <2", "1.2.0", Some(true)),
            (">=1.2, <2", "2.0.0", Some(false)),
            (">=1.2,<2 || 3.x", "3.1.0", Some(true)),
            (">1", "1.5.0", Some(false)),
            ("<=1", "1.5.0", Some(true)),
            ("!=1.2", "1.2.7", Some(false)),
            ("1.2 - 2.3.4", "2.3.4", Some(true)),
            ("1.2 - 2.3.4", "2.3.5", Some(false)),
            (">= 1.0.0-0", "1.1.0-dev.20260101000000.1", Some(true)),
            ("=> 1", "1.0.0", Some(true)),
            ("", "1.0.0", None),
            ("latest", "1.0.0", None),
            ("1.2.3.4", "1.0.0", None),
            (">=1,,<2", "1.0.0", None),
            (">1<2", "1.0.0", None),
            ("1.0.0-01", "1.0.0", None),
            ("1||", "1.0.0", None),
        ] {
            check(range, version, expected);
        }
    }

    #[test]
    fn versions_are_read_loosely() {
        for (text, expected) in [
            ("v1", Some("1.0.0")),
            ("01.2", Some("1.2.0")),
            ("1.2.3-rc.1+b", Some("1.2.3-rc.1")),
            ("1.2.3-01", None),
            ("V1", None),
            ("1.2.3.4", None),
            ("", None),
            ("1.", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(Loose::read(text).map(|version| version.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_range_points_at_a_version_of_kubernetes() {
        for (range, expected) in [
            (">=1.25.0-0 <1.32.0", Some("1.31.0")),
            (">1.25", Some("1.35.0")),
            ("<1.30.0", Some("1.29.0")),
            ("^1.20 || ^2", Some("1.35.0")),
            ("1.28.5", Some("1.28.5")),
            (">=1.40-0", Some("1.40.0")),
            ("<1.10", Some("1.9.0")),
            (">2 <1", None),
        ] {
            let found = Range::read(range).unwrap().kubernetes().map(|version| version.to_string());
            assert_eq!(found.as_deref(), expected, "{range}");
        }
    }
}
