//! How many commits lie between tags and HEAD: for which tags it matters, and for all from one walk through history.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::version::Version;

/// With more kinds of tags than this, asking for each is slower than one walk.
const KINDS: usize = 4;

/// The commits that can hold the last release: of each kind of tag (the text around its version) those of the highest
/// version and the highest stable one. `None` if there are too many kinds. `tags` are names and commits.
pub fn highest<'a>(tags: &BTreeMap<&'a str, &'a str>) -> Option<BTreeSet<&'a str>> {
    type Highest<'a> = Option<(Version, &'a str)>;
    let mut kinds: BTreeMap<(&str, &str), [Highest<'_>; 2]> = BTreeMap::new();
    for (name, commit) in tags {
        let Some((kind, version)) = version_in(name) else { continue };
        let [any, stable] = kinds.entry(kind).or_default();
        let places = if version.is_prerelease() { [Some(any), None] } else { [Some(any), Some(stable)] };
        for place in places.into_iter().flatten() {
            if place.as_ref().is_none_or(|(known, _)| *known < version) {
                *place = Some((version.clone(), *commit));
            }
        }
    }
    let commits = kinds.values().flatten().flatten().map(|(_, commit)| *commit).collect();
    (kinds.len() <= KINDS).then_some(commits)
}

/// The first version in a tag, and the texts before and after it.
fn version_in(tag: &str) -> Option<((&str, &str), Version)> {
    let starts = |at: usize| {
        let digit = |at: usize| tag.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
        digit(at) && (at == 0 || !digit(at - 1))
    };
    (0..tag.len()).filter(|at| starts(*at)).find_map(|at| {
        let rest = &tag[at..];
        let end = rest.find(|char: char| !(char.is_ascii_alphanumeric() || ".+-".contains(char))).unwrap_or(rest.len());
        Some(((&tag[..at], &rest[end..]), rest[..end].parse().ok()?))
    })
}

/// For each of `tips` that is an ancestor of HEAD (or HEAD itself): the number of commits that are reachable from HEAD
/// but not from it. `graph` is the output of `git rev-list --topo-order --parents HEAD`: children before parents.
///
/// One walk for all, because a `git rev-list --count` for each of 2000 tags would take seconds.
pub fn from_head<'a>(graph: &'a str, tips: &BTreeSet<&'a str>) -> HashMap<&'a str, u64> {
    let index: HashMap<&str, usize> = tips.iter().enumerate().map(|(index, tip)| (*tip, index)).collect();
    // For a commit that was not seen yet: which tips it is reachable from. Only the frontier of the walk is kept.
    let mut waiting: HashMap<&str, Bits> = HashMap::new();
    let mut counts = Counts { distance: vec![0; tips.len()], run: (Bits::new(tips.len()), 0) };
    let mut found = Bits::new(tips.len());
    for line in graph.lines() {
        let mut commits = line.split(' ');
        let Some(commit) = commits.next() else { continue };
        let mut bits = waiting.remove(commit).unwrap_or_else(|| Bits::new(tips.len()));
        if let Some(tip) = index.get(commit) {
            bits.set(*tip);
            found.set(*tip);
        }
        for parent in commits {
            waiting.entry(parent).or_insert_with(|| Bits::new(tips.len())).add(&bits);
        }
        counts.add(bits);
    }
    counts.flush();
    index.into_iter().filter(|(_, at)| found.has(*at)).map(|(tip, at)| (tip, counts.distance[at])).collect()
}

/// The distances so far. Neighbours mostly share their bits, so equal ones are counted together.
struct Counts {
    distance: Vec<u64>,
    run: (Bits, u64),
}

impl Counts {
    fn add(&mut self, bits: Bits) {
        if self.run.0 != bits {
            self.flush();
            self.run.0 = bits;
        }
        self.run.1 += 1;
    }

    fn flush(&mut self) {
        let (bits, length) = &mut self.run;
        for (at, distance) in self.distance.iter_mut().enumerate() {
            if !bits.has(at) {
                *distance += *length;
            }
        }
        *length = 0;
    }
}

/// A set of small numbers.
#[derive(PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(size: usize) -> Self {
        Self(vec![0; size.div_ceil(64)])
    }

    fn set(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    fn add(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(graph: &str, expected: &[(&str, Option<u64>)]) {
        let tips = expected.iter().map(|(tip, _)| *tip).collect();
        let found = from_head(graph, &tips);
        for (tip, distance) in expected {
            assert_eq!(found.get(tip), distance.as_ref(), "{tip} in\n{graph}");
        }
    }

    #[test]
    fn counts_what_is_not_reachable() {
        check("c b\nb a\na\n", &[("c", Some(0)), ("b", Some(1)), ("a", Some(2)), ("x", None)]);
        // h merges two branches from a: b, and d after c.
        let merged = "h b d\nd c\nc a\nb a\na\n";
        check(merged, &[("h", Some(0)), ("b", Some(3)), ("d", Some(2)), ("c", Some(3)), ("a", Some(4))]);
        check("", &[("a", None)]);
        check("a\n", &[]);
    }

    #[test]
    fn finds_the_highest_of_each_kind() {
        let check = |tags: &[&str], expected: Option<&[&str]>| {
            let found = highest(&tags.iter().map(|tag| (*tag, *tag)).collect());
            assert_eq!(found, expected.map(|tags| tags.iter().copied().collect()), "{tags:?}");
        };
        check(&["v1.9.0", "v1.10.0", "v1.10.1-rc.1", "v1.2.0-rc.1"], Some(&["v1.10.0", "v1.10.1-rc.1"]));
        check(&["a-v1.0.0", "a-v2.0.0", "b2-v1.0.0", "3.0.0_x"], Some(&["a-v2.0.0", "b2-v1.0.0", "3.0.0_x"]));
        check(&["nightly", "v1", "2024-01-02", "grüße-1"], Some(&[]));
        check(&["a1.0.0", "b1.0.0", "c1.0.0", "d1.0.0", "e1.0.0"], None);
    }

    #[test]
    fn holds_more_tips_than_a_word() {
        let names: Vec<String> = (0..200).map(|n| format!("c{n}")).collect();
        let graph: String =
            (0..200).rev().map(|n| if n == 0 { "c0\n".into() } else { format!("c{n} c{}\n", n - 1) }).collect();
        let expected: Vec<_> = (0..200).map(|n| (names[n].as_str(), Some(199 - n as u64))).collect();
        check(&graph, &expected);
    }
}
