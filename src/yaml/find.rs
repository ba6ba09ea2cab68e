//! From a path to the value it names, or what is wrong with it.

use std::ops::Range;

use super::flaw::{Flaw, line};
use super::node::{Entry, Node, Value};
use super::path::{Step, ValuesPath};

/// A value and how it was reached.
pub struct Found<'n> {
    pub node: &'n Node,
    /// List items by index.
    pub at: ValuesPath,
    /// The key in front of it.
    pub key: Option<Range<usize>>,
}

/// The value that a path names.
///
/// # Errors
/// No such place, more than one, or one that `<<` brings from elsewhere.
pub fn find<'n>(text: &str, root: &'n Node, path: &ValuesPath) -> Result<Found<'n>, Flaw> {
    let mut found: Option<Found<'n>> = None;
    for (at, step) in path.steps().iter().enumerate() {
        let node = found.as_ref().map_or(root, |found| found.node);
        let search = Search { text, node, path, done: at };
        let (key, index, node) = match step {
            Step::Key(key) => {
                let entry = search.entry(key)?;
                (Some(entry.key_span.clone()), Step::Key(entry.key.clone()), &entry.value)
            }
            Step::Index(index) => (None, Step::Index(*index), search.item(*index)?),
            Step::Item { key, value } => {
                let index = search.named(key, value)?;
                (None, Step::Index(index), search.item(index)?)
            }
        };
        let at = ValuesPath::below(found.as_ref().map(|found| &found.at), index);
        found = Some(Found { node, at, key });
    }
    found.ok_or_else(|| Flaw::new("an empty path", 0..0))
}

/// One step of a path.
struct Search<'s, 'n> {
    text: &'s str,
    node: &'n Node,
    path: &'s ValuesPath,
    /// Steps that were found.
    done: usize,
}

impl<'n> Search<'_, 'n> {
    /// What was found so far, for messages.
    fn here(&self) -> String {
        let above = self.path.above(self.path.steps().len() - self.done);
        above.map_or_else(|| "the top".into(), |path| format!("`{path}`"))
    }

    /// The path up to the step that is missing.
    fn wanted(&self) -> String {
        self.path.above(self.path.steps().len() - self.done - 1).map_or_else(String::new, |path| path.to_string())
    }

    fn missing(&self) -> Flaw {
        let wanted = self.wanted();
        let path = self.path.to_string();
        let text = if wanted == path {
            format!("`{path}` does not exist")
        } else {
            format!("`{path}` does not exist: `{wanted}` is missing")
        };
        Flaw::new(text, self.node.place().start..self.node.place().start)
    }

    fn entry(&self, key: &str) -> Result<&'n Entry, Flaw> {
        let Value::Map(entries) = &self.node.value else {
            let hint = format!("{} is {}, not a map", self.here(), self.node.kind());
            return Err(self.missing().hint(hint));
        };
        let Some(entry) = self.node.entry(key) else {
            return Err(self.other_key(key, entries));
        };
        match &entry.merged {
            None => Ok(entry),
            Some(merge) => {
                let text = format!(
                    "`{}` comes from another map through `<<` on line {}",
                    self.path,
                    line(self.text, merge.start)
                );
                let hint = format!("write `{key}` below that line with a value of its own");
                Err(Flaw::new(text, merge.clone()).hint(hint))
            }
        }
    }

    /// The key is missing: is it there under another name?
    fn other_key(&self, key: &str, entries: &[Entry]) -> Flaw {
        let written = |entry: &&Entry| self.text.get(entry.key_span.clone()) == Some(key);
        if let Some(entry) = entries.iter().find(written) {
            let text =
                format!("`{}` does not exist for Helm, which reads the key `{key}` as `{}`", self.path, entry.key);
            return Flaw::new(text, entry.key_span.clone()).hint(format!("quote the key: `\"{key}\":`"));
        }
        let flaw = self.missing();
        let known = entries.iter().map(|entry| entry.key.as_str());
        if let Some(near) = nearest(key, known.clone()) {
            let above = self.path.above(self.path.steps().len() - self.done);
            let start = ValuesPath::below(above.as_ref(), Step::Key(near.into()));
            let rest = self.path.steps().iter().skip(self.done + 1);
            let meant = rest.fold(start, |path, step| path.join(step.clone()));
            return flaw.hint(format!("did you mean `{meant}`?"));
        }
        let keys: Vec<_> = known.take(8).map(|key| format!("`{key}`")).collect();
        let more = if entries.len() > keys.len() { ", …" } else { "" };
        match keys.is_empty() {
            true => flaw.hint(format!("{} is an empty map", self.here())),
            false => flaw.hint(format!("{} has {}{more}", self.here(), keys.join(", "))),
        }
    }

    fn items(&self) -> Result<&'n [Node], Flaw> {
        match &self.node.value {
            Value::List(items) => Ok(items),
            _ => Err(self.missing().hint(format!("{} is {}, not a list", self.here(), self.node.kind()))),
        }
    }

    fn item(&self, index: usize) -> Result<&'n Node, Flaw> {
        let items = self.items()?;
        items.get(index).ok_or_else(|| {
            let count = if items.len() == 1 { "1 item".into() } else { format!("{} items", items.len()) };
            self.missing().hint(format!("{} has {count}, counted from 0", self.here()))
        })
    }

    /// The index of the one item whose `key` holds `value`.
    fn named(&self, key: &str, value: &str) -> Result<usize, Flaw> {
        let items = self.items()?;
        let name = |item: &Node| item.get(key).and_then(Node::field);
        let mut fits = items.iter().enumerate().filter(|(_, item)| name(item).as_deref() == Some(value));
        let Some((index, first)) = fits.next() else {
            let names: Vec<_> = items.iter().filter_map(name).collect();
            let flaw = self.missing();
            return Err(match nearest(value, names.iter().map(String::as_str)) {
                Some(near) => flaw.hint(format!("did you mean `[{key}={near}]`?")),
                None => flaw.hint(format!("no item of {} has `{key}: {value}`", self.here())),
            });
        };
        let Some((_, second)) = fits.next() else { return Ok(index) };
        let lines = (line(self.text, first.place().start), line(self.text, second.place().start));
        let text = format!("`{}` names two items, on lines {} and {}", self.wanted(), lines.0, lines.1);
        Err(Flaw::new(text, second.place()).hint("remove one, or name the item by its index"))
    }
}

/// The known name that was probably meant.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).min(3);
    known
        .take(500)
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(edits, _)| *edits <= limit)
        .min()
        .map(|(_, known)| known)
}
