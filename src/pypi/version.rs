//! Versions of Python packages, as PEP 440 writes, normalizes and orders them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version; equal to another if both order alike (`1.0` and `1.0.0`), as Python's `packaging` has it.
#[derive(Clone, Debug)]
pub struct Version {
    epoch: u64,
    release: Vec<u64>,
    pre: Option<(&'static str, u64)>,
    post: Option<u64>,
    dev: Option<u64>,
    local: Option<String>,
}

/// How prereleases may be written, longest first where one begins with another, and their normal form.
const PRE: &[(&str, &str)] = &[
    ("alpha", "a"),
    ("a", "a"),
    ("beta", "b"),
    ("b", "b"),
    ("preview", "rc"),
    ("pre", "rc"),
    ("c", "rc"),
    ("rc", "rc"),
];
const POST: &[(&str, &str)] = &[("post", "post"), ("rev", "post"), ("r", "post")];
const DEV: &[(&str, &str)] = &[("dev", "dev")];
const SEPARATORS: [char; 3] = ['-', '_', '.'];

impl Version {
    /// Whether it comes after a release (`1.0.post1`).
    pub fn is_post(&self) -> bool {
        self.post.is_some()
    }

    /// Whether it comes before a release (`1.0rc1`, `1.0.dev1`).
    pub fn is_prerelease(&self) -> bool {
        self.pre.is_some() || self.dev.is_some()
    }

    /// Whether it has a local part (`1.0+local`).
    pub fn is_local(&self) -> bool {
        self.local.is_some()
    }

    /// Whether it is only numbers (`1.0`).
    pub fn is_final(&self) -> bool {
        !self.is_prerelease() && !self.is_post() && !self.is_local()
    }

    /// How many numbers its release has: two of `1.0`.
    pub fn parts(&self) -> usize {
        self.release.len()
    }

    /// The release without zeros at its end.
    fn trimmed(&self) -> &[u64] {
        let end = self.release.iter().rposition(|part| *part != 0).map_or(1, |last| last + 1);
        &self.release[..end.min(self.release.len())]
    }

    /// What it is ordered by: a release comes after its prereleases, a development version before everything.
    fn key(&self) -> impl Ord + '_ {
        let pre = match (self.pre, self.post, self.dev) {
            (None, None, Some(_)) => (0, "", 0),
            (None, ..) => (2, "", 0),
            (Some((label, number)), ..) => (1, label, number),
        };
        let dev = self.dev.map_or((1, 0), |number| (0, number));
        (self.epoch, self.trimmed(), pre, self.post, dev, self.local.as_deref())
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}!", self.epoch)?;
        }
        let parts: Vec<_> = self.release.iter().map(u64::to_string).collect();
        f.write_str(&parts.join("."))?;
        if let Some((label, number)) = self.pre {
            write!(f, "{label}{number}")?;
        }
        if let Some(number) = self.post {
            write!(f, ".post{number}")?;
        }
        if let Some(number) = self.dev {
            write!(f, ".dev{number}")?;
        }
        self.local.as_ref().map_or(Ok(()), |local| write!(f, "+{local}"))
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let lower = text.trim().to_ascii_lowercase();
        let rest = lower.strip_prefix('v').unwrap_or(&lower);
        let (public, local) = rest.split_once('+').map_or((rest, None), |(public, local)| (public, Some(local)));
        let (epoch, rest) = public.split_once('!').unwrap_or(("0", public));
        let (release, rest) = release(rest)?;
        let (pre, rest) = labelled(rest, PRE);
        let dashed = rest.strip_prefix('-').map(digits).filter(|(number, _)| !number.is_empty());
        let (post, rest) = match dashed {
            Some((number, rest)) => (Some(number.parse().map_err(drop)?), rest),
            None => {
                let (post, rest) = labelled(rest, POST);
                (post.map(|(_, number)| number), rest)
            }
        };
        let (dev, rest) = labelled(rest, DEV);
        let local = local.map(|local| local.replace(['-', '_'], "."));
        let whole = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !rest.is_empty() || !digits(epoch).1.is_empty() || !local.iter().all(|local| local.split('.').all(whole)) {
            return Err(());
        }
        let epoch = epoch.parse().map_err(drop)?;
        Ok(Self { epoch, release, pre, post, dev: dev.map(|(_, number)| number), local })
    }
}

fn release(text: &str) -> Result<(Vec<u64>, &str), ()> {
    let (first, mut rest) = digits(text);
    let mut parts = vec![first.parse().map_err(drop)?];
    while let Some((number, after)) = rest.strip_prefix('.').map(digits).filter(|(number, _)| !number.is_empty()) {
        parts.push(number.parse().map_err(drop)?);
        rest = after;
    }
    Ok((parts, rest))
}

/// The digits a text begins with, and what follows.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A label with a number, which is 0 if it is left out.
fn labelled<'a>(text: &'a str, labels: &[(&str, &'static str)]) -> (Option<(&'static str, u64)>, &'a str) {
    let start = text.strip_prefix(SEPARATORS).unwrap_or(text);
    let found = labels.iter().find_map(|(label, normal)| Some((*normal, start.strip_prefix(label)?)));
    let Some((normal, rest)) = found else { return (None, text) };
    let (number, rest) = digits(rest.strip_prefix(SEPARATORS).unwrap_or(rest));
    match number.parse() {
        Ok(number) => (Some((normal, number)), rest),
        Err(_) if number.is_empty() => (Some((normal, 0)), rest),
        // Too large for a number here: what is left over makes the version invalid.
        Err(_) => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes() {
        for (text, expected) in [
            ("1.0", "1.0"),
            ("v1.0.0-RC.2", "1.0.0rc2"),
            ("1.0-1", "1.0.post1"),
            ("1.0rev3", "1.0.post3"),
            ("1.0alpha", "1.0a0"),
            ("2!1.0.DEV3", "2!1.0.dev3"),
            ("1.0a1.post2.dev3+Ubuntu-1", "1.0a1.post2.dev3+ubuntu.1"),
            (" 01.2 ", "1.2"),
        ] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), expected);
        }
        for text in ["", "one", "1.0-nightly.3", "1..0", "1.0+", "1.0x", "!1", "1.0 beta x"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn orders() {
        let versions = [
            "1.0.dev1",
            "1.0a1.dev1",
            "1.0a1",
            "1.0b1",
            "1.0rc1",
            "1.0",
            "1.0.post1.dev1",
            "1.0.post1",
            "1.1",
            "1!0.1",
        ];
        let parsed: Vec<Version> = versions.iter().map(|text| text.parse().unwrap()).collect();
        assert!(parsed.is_sorted_by(|left, right| left < right));
        let (short, long): (Version, Version) = ("1".parse().unwrap(), "1.0.0".parse().unwrap());
        assert_eq!(short, long);
        assert_eq!(long.to_string(), "1.0.0");
    }
}
