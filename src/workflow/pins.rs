//! Which commit of an action is called: the data file `pins.toml`, newer ones that stand in a file, and the action of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

use super::scalar::quoted;

/// The repository of our own action.
pub const ACTION: &str = "longshore-release/longshore";

#[derive(Deserialize)]
struct Known {
    actions: BTreeMap<String, PinRow>,
}

#[derive(Deserialize)]
struct PinRow {
    commit: String,
    version: String,
}

static KNOWN: LazyLock<Known> =
    LazyLock::new(|| toml::from_str(include_str!("pins.toml")).expect("the data file is tested"));

/// Whether any program of a release is known: the action downloads only what its table names, and compiles itself with
/// `fallback: cargo`, where a table names it not.
pub fn has_releases() -> bool {
    has_rows(include_str!("../../dist/checksums.txt"))
}

fn has_rows(table: &str) -> bool {
    table.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// What stands behind `uses:`: a reference, and the version in the comment behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// A commit, branch or tag.
    pub reference: String,
    /// `v6.0.2`
    pub version: Option<String>,
}

/// The pins that a file is written with.
#[derive(Clone, Debug)]
pub struct Pins {
    actions: BTreeMap<String, Pin>,
    pub own: Own,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// By a commit, branch or tag of its repository.
    At(Pin),
    /// From this repository: `./`.
    Here,
}

/// Whether a reference is a commit's whole name.
pub fn is_commit(reference: &str) -> bool {
    reference.len() == 40 && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Pin {
    /// Whether it is a commit, which cannot be moved.
    pub fn is_fixed(&self) -> bool {
        is_commit(&self.reference)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} # {version}", self.reference),
            None => f.write_str(&self.reference),
        }
    }
}

impl Own {
    /// What a text of `--action-ref` or behind `uses:` means.
    pub fn of(text: &str) -> Self {
        if matches!(text, "./" | ".") {
            return Self::Here;
        }
        Self::At(Pin { reference: text.to_owned(), version: None })
    }

    /// Whether it names a commit, or what the checkout holds.
    pub fn is_fixed(&self) -> bool {
        match self {
            Self::At(pin) => pin.is_fixed(),
            Self::Here => true,
        }
    }
}

impl Pins {
    /// Those of the data file, and ours.
    pub fn new(own: Own) -> Self {
        let actions = KNOWN.actions.iter().map(|(name, row)| {
            (name.clone(), Pin { reference: row.commit.clone(), version: Some(row.version.clone()) })
        });
        Self { actions: actions.collect(), own }
    }

    /// The same with the commits that an existing file has, unless they are older, and with what a lock file pins for it.
    #[must_use]
    pub fn keeping(mut self, text: &str, is_locked: impl Fn(&str) -> bool) -> Self {
        let mut seen = BTreeSet::new();
        for (name, pin) in read(text) {
            let locked = format!("{name}@{}", pin.reference);
            if let Some(known) = self.actions.get_mut(&name)
                && seen.insert(name)
                && (pin.is_fixed() || is_locked(&locked))
                && !is_older(&pin, known)
            {
                *known = pin;
            }
        }
        self
    }

    /// What stands behind `uses:` for an action of the data file.
    pub fn uses(&self, name: &str) -> String {
        self.actions.get(name).map_or_else(|| name.to_owned(), |pin| format!("{name}@{pin}"))
    }

    /// What stands behind `uses:` for our own action.
    pub fn uses_own(&self) -> String {
        match &self.own {
            Own::At(pin) => format!("{ACTION}@{pin}"),
            Own::Here => local("./"),
        }
    }
}

/// What stands behind `uses:` for something of the same repository. GitHub has `$/` for it since July 2026; act 0.2.89 and
/// actionlint 1.7.12 refuse that.
pub fn local(path: &str) -> String {
    format!("{} # zizmor: ignore[self-repository] act knows no other way", quoted(path))
}

/// What stands behind every `uses:` of a file, and in the comment behind that.
fn uses(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.lines().filter_map(|line| {
        let uses = line.trim_start().trim_start_matches("- ").strip_prefix("uses:")?;
        let (uses, comment) = uses.split_once(" #").map_or((uses, None), |(uses, comment)| (uses, Some(comment)));
        Some((uses.trim().trim_matches(['"', '\'']), comment))
    })
}

/// Every `uses: owner/name@reference # version` of a file.
fn read(text: &str) -> impl Iterator<Item = (String, Pin)> {
    uses(text).filter_map(|(uses, comment)| {
        let (name, reference) = uses.split_once('@')?;
        let version = comment.and_then(|text| text.split_whitespace().next()).map(str::to_owned);
        Some((name.to_owned(), Pin { reference: reference.to_owned(), version }))
    })
}

/// What a file calls of other repositories, each `owner/name@reference`.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    uses(text).map(|(uses, _)| uses).filter(|uses| uses.contains('@') && !uses.contains("://"))
}

/// How a file calls our own action, each time it does.
pub fn own(text: &str) -> Vec<Own> {
    let here = uses(text).filter(|(uses, _)| *uses == "./").map(|_| Own::Here);
    read(text).filter(|(name, _)| name == ACTION).map(|(_, pin)| Own::At(pin)).chain(here).collect()
}

/// Whether a pin is known to be older than another.
fn is_older(one: &Pin, other: &Pin) -> bool {
    let numbers = |pin: &Pin| {
        let text = pin.version.as_deref()?.trim_start_matches('v');
        text.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()
    };
    match (numbers(one), numbers(other)) {
        (Some(one), Some(other)) => one.iter().zip(&other).find(|(a, b)| a != b).is_some_and(|(a, b)| a < b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_pin_is_a_commit() {
        for row in KNOWN.actions.values() {
            assert!(Pin { reference: row.commit.clone(), version: None }.is_fixed());
            assert!(row.version.starts_with('v'));
        }
    }

    #[test]
    fn a_table_of_checksums_without_rows_has_no_program() {
        assert!(!has_rows("# version target sha256\n\n"));
        assert!(has_rows(&format!("# version\n0.1.0 x86_64-unknown-linux-musl {}\n", "0".repeat(64))));
    }

    #[test]
    fn newer_pins_are_kept() {
        let check = |line: &str, expected: &str| {
            let pins = Pins::new(Own::of("./")).keeping(line, |_| false);
            assert_eq!(pins.uses("actions/checkout"), format!("actions/checkout@{expected}"), "{line}");
        };
        let ours = "de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2";
        check("", ours);
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let at = |text: &str| text.replace('@', &format!("@{commit}"));
        check(&at("      - uses: actions/checkout@ # v5.0.0"), ours);
        check(&at("        uses: actions/checkout@ # v7"), &format!("{commit} # v7"));
        check(&at("        uses: actions/checkout@ # v6.0.10"), &format!("{commit} # v6.0.10"));
        check(&at("        uses: \"actions/checkout@\""), commit);
        check(&at("        # uses: actions/checkout@"), ours);
        check("        uses: actions/checkout@v7", ours);
        let locked = |uses: &str| uses == "actions/checkout@v7";
        let pins = Pins::new(Own::of("./")).keeping("        uses: actions/checkout@v7", locked);
        assert_eq!(pins.uses("actions/checkout"), "actions/checkout@v7");
    }

    #[test]
    fn our_own_action_is_found() {
        let check = |line: &str, expected: Option<&str>| {
            let own = own(line).pop();
            assert_eq!(own.map(|own| Pins::new(own).uses_own()), expected.map(str::to_owned), "{line}");
        };
        check("        uses: longshore-release/longshore@abc # v1", Some("longshore-release/longshore@abc # v1"));
        check("        uses: ./", Some("./ # zizmor: ignore[self-repository] act knows no other way"));
        check("      - uses: ./ # as it is", Some("./ # zizmor: ignore[self-repository] act knows no other way"));
        check("        uses: ./.github/actions/setup", None);
        check("        uses: actions/checkout@abc", None);
    }
}
