//! The proof of an edit: the changed text is read again, and its values are compared with the old ones.

use super::change::{Change, Goal};
use super::flaw::Flaw;
use super::node::{Entry, Node, Value};
use super::path::{Step, ValuesPath};
use super::read::read;

/// Whether the wanted values are there and all others are what they were.
pub fn prove(old: &Node, edited: &str, goal: &Goal<'_>, changes: &[Change]) -> Result<(), Vec<Flaw>> {
    let proof = Proof { goal, changes };
    let different = match read(edited) {
        Ok(new) => proof.nodes(old, &new, None).or_else(|| proof.not_inserted(old, &new)),
        Err(_) => Some(Difference { at: goal.keys().next().cloned(), node: old }),
    };
    let Some(Difference { at, node }) = different else { return Ok(()) };
    let place = at.map_or_else(|| "this".into(), |path| format!("`{path}`"));
    Err(vec![
        Flaw::new(format!("{place} cannot be changed where it stands"), node.place())
            .hint("write it as one text in quotes, on the line of its key"),
    ])
}

struct Proof<'p, 'c> {
    goal: &'p Goal<'c>,
    changes: &'p [Change],
}

/// The first value that is not as it should be.
struct Difference<'n> {
    at: Option<ValuesPath>,
    node: &'n Node,
}

impl Proof<'_, '_> {
    fn nodes<'n>(&self, old: &'n Node, new: &Node, at: Option<ValuesPath>) -> Option<Difference<'n>> {
        match (&old.value, &new.value) {
            (Value::Map(before), Value::Map(after)) => self.entries(old, before, after, at),
            // Nothing is left of a text whose keys are all removed.
            (Value::Map(before), Value::Null) if at.is_none() => self.entries(old, before, &[], at),
            (Value::List(before), Value::List(after)) if before.len() == after.len() => {
                let mut pairs = before.iter().zip(after).enumerate();
                pairs.find_map(|(index, (before, after))| {
                    self.nodes(before, after, Some(ValuesPath::below(at.as_ref(), Step::Index(index))))
                })
            }
            _ => {
                let wanted = at.as_ref().and_then(|at| self.goal.get(at));
                let fine = wanted.map_or_else(|| same(old, new), |wanted| new.text() == Some(&wanted.text));
                (!fine).then_some(Difference { at, node: old })
            }
        }
    }

    fn entries<'n>(
        &self,
        map: &'n Node,
        old: &'n [Entry],
        new: &[Entry],
        at: Option<ValuesPath>,
    ) -> Option<Difference<'n>> {
        let top = at.is_none();
        let below = |key: &str| Some(ValuesPath::below(at.as_ref(), Step::Key(key.into())));
        let mut new = new.iter().filter(|entry| !(top && self.inserted(entry)));
        for entry in old.iter().filter(|entry| !(top && self.removed(&entry.key))) {
            let at = below(&entry.key);
            let difference = match new.next().filter(|now| now.key == entry.key) {
                Some(now) => self.nodes(&entry.value, &now.value, at),
                None => Some(Difference { at, node: &entry.value }),
            };
            if difference.is_some() {
                return difference;
            }
        }
        new.next().map(|entry| Difference { at: below(&entry.key), node: map })
    }

    fn not_inserted<'n>(&self, old: &'n Node, new: &Node) -> Option<Difference<'n>> {
        self.changes.iter().find_map(|change| match change {
            Change::Insert { key, .. } if new.get(key).is_none() => {
                Some(Difference { at: Some(ValuesPath::key(key)), node: old })
            }
            _ => None,
        })
    }

    fn removed(&self, key: &str) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Remove { key: gone } if gone == key))
    }

    /// As it should be: otherwise it counts as a key that nobody asked for.
    fn inserted(&self, entry: &Entry) -> bool {
        let asked = |change: &Change| matches!(change, Change::Insert { key, text, .. } if *key == entry.key && entry.value.text() == Some(text));
        self.changes.iter().any(asked)
    }
}

/// Equal scalars; `-0.0` and `0.0` are two.
fn same(old: &Node, new: &Node) -> bool {
    match (&old.value, &new.value) {
        (Value::Float(old), Value::Float(new)) => old.to_bits() == new.to_bits(),
        (old, new) => old == new,
    }
}
