//! Changes of single values in a text; all other bytes stay, and a second reading proves that all other values do.

use std::collections::HashMap;
use std::ops::Range;

use super::change::{Change, Goal, Wanted};
use super::find::find;
use super::flaw::{Flaw, line};
use super::image::{Target, targets};
use super::node::{Node, Value};
use super::path::{Step, ValuesPath};
use super::place::{self, Splice};
use super::prove::prove;
use super::read::read;

/// The text with its changes, without a byte order mark.
///
/// # Errors
/// What is wrong with the text or with a path; two changes that meet in one scalar with different texts; a scalar that
/// an anchor or `<<` carries to a place which is not among the changes.
pub fn edit(text: &str, changes: &[Change]) -> Result<String, Vec<Flaw>> {
    let root = read(text)?;
    let mut flaws = Vec::new();
    let mut goal = Goal::new();
    let mut splices = Vec::new();
    for change in changes {
        let planned = match change {
            Change::Insert { key, text: new, after } => {
                place::insert(text, &root, key, new, after).map(|splice| splices.push(splice))
            }
            Change::Remove { key } => place::remove(text, &root, key).map(|splice| splices.push(splice)),
            _ => plan(text, &root, change).and_then(|found| {
                let step = change.path().steps().len();
                found
                    .into_iter()
                    .try_for_each(|target| add(text, Planned { target, change, step }, &mut goal, &mut splices))
            }),
        };
        flaws.extend(planned.err());
    }
    if flaws.is_empty() {
        flaws = elsewhere(text, &root, &goal);
    }
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let is_same = splices.is_empty();
    let edited = place::apply(text, splices);
    if is_same {
        return Ok(edited);
    }
    prove(&root, &edited, &goal, changes)?;
    Ok(edited)
}

/// The scalars that a change is about.
fn plan<'n>(text: &str, root: &'n Node, change: &Change) -> Result<Vec<Target<'n>>, Flaw> {
    match change {
        Change::Image { path, image } => targets(text, root, path, image),
        Change::Text { path, text: new, quotes } => {
            let found = find(text, root, path)?;
            if matches!(found.node.value, Value::Map(_) | Value::List(_)) {
                let flaw = Flaw::new(format!("`{path}` is {}, not a text", found.node.kind()), found.node.place());
                return Err(flaw.hint("name a value in it"));
            }
            Ok(vec![Target { found, text: new.clone(), quotes: *quotes }])
        }
        Change::Insert { .. } | Change::Remove { .. } => Ok(Vec::new()),
    }
}

struct Planned<'n, 'c> {
    target: Target<'n>,
    change: &'c Change,
    /// Steps of the path of the change.
    step: usize,
}

/// Takes a scalar up, unless it already holds its text.
fn add<'c>(text: &str, planned: Planned<'_, 'c>, goal: &mut Goal<'c>, splices: &mut Vec<Splice>) -> Result<(), Flaw> {
    let Planned { target: Target { found, text: new, quotes }, change, step } = planned;
    let node = found.node;
    if matches!(node.value, Value::Map(_) | Value::List(_)) {
        return Err(Flaw::new(format!("`{}` is {}, not a text", found.at, node.kind()), node.place()));
    }
    if let Some(other) = goal.values().find(|other| other.span == node.span) {
        if other.text != new {
            let text = format!(
                "`{}` and `{}` are written once, on line {}, but are to hold `{}` and `{new}`",
                other.change.path(),
                change.path(),
                line(text, node.span.start),
                other.text
            );
            return Err(Flaw::new(text, node.place()).hint("undo the alias"));
        }
    } else if node.text() != Some(&new) {
        splices.push(place::replace(text, &found, &new, quotes));
    }
    let below = found.at.steps().len().saturating_sub(step);
    goal.insert(found.at, Wanted { text: new, span: node.span.clone(), below, change });
    Ok(())
}

/// Places that would change, too, though no change names them.
fn elsewhere(text: &str, root: &Node, goal: &Goal<'_>) -> Vec<Flaw> {
    let spans = goal.values().map(|wanted| (wanted.span.start, wanted)).collect();
    let mut walk = Walk { text, goal, spans, flaws: Vec::new(), said: Vec::new() };
    walk.entries(root, None, &None);
    walk.flaws
}

/// Goes through everything that Helm sees, aliases and `<<` included.
struct Walk<'w, 'c> {
    text: &'w str,
    goal: &'w Goal<'c>,
    spans: HashMap<usize, &'w Wanted<'c>>,
    flaws: Vec<Flaw>,
    said: Vec<ValuesPath>,
}

impl Walk<'_, '_> {
    fn entries(&mut self, node: &Node, path: Option<&ValuesPath>, merge: &Option<Range<usize>>) {
        for entry in node.entries() {
            let at = ValuesPath::below(path, Step::Key(entry.key.clone()));
            self.node(&entry.value, at, if entry.merged.is_some() { &entry.merged } else { merge });
        }
        for (index, item) in node.items().iter().enumerate() {
            self.node(item, ValuesPath::below(path, Step::Index(index)), merge);
        }
    }

    fn node(&mut self, node: &Node, at: ValuesPath, merge: &Option<Range<usize>>) {
        if matches!(node.value, Value::Map(_) | Value::List(_)) {
            return self.entries(node, Some(&at), merge);
        }
        let Some(wanted) = self.spans.get(&node.span.start).filter(|wanted| wanted.span == node.span) else { return };
        if self.goal.contains_key(&at) || node.text() == Some(&wanted.text) {
            return;
        }
        let there = at.above(wanted.below).unwrap_or(at);
        if self.said.contains(&there) {
            return;
        }
        let path = wanted.change.path();
        let anchor = line(self.text, wanted.span.start);
        let (how, hint) = match merge {
            Some(merge) => (format!("`<<` on line {}", line(self.text, merge.start)), "give it keys of its own".into()),
            None => ("an alias".into(), format!("list `{there}`, too, or undo the alias")),
        };
        let text = format!("`{there}` would change with `{path}`: both are written on line {anchor}, through {how}");
        self.flaws.push(Flaw::new(text, merge.clone().unwrap_or_else(|| node.place())).hint(hint));
        self.said.push(there);
    }
}
