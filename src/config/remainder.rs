//! What remains of a file without its mistakes: a plan of it shows those that only the repository tells.

use super::check::judge;
use super::diagnostic::Diagnostic;
use super::diagnostics::Diagnostics;
use super::model::Config;
use super::source::Source;
use super::yaml::{self, Entry, Map, Node, Value};

/// How often something is taken away: what remains may name what was.
const ROUNDS: usize = 8;

/// The configuration without every entry in which there is a mistake; nothing if that leaves none.
pub fn remainder(source: &Source, overlays: &[String]) -> Option<(Config, Source)> {
    let mut root = yaml::read(&source.text).0?;
    for _ in 0..ROUNDS {
        let fresh = Source { name: source.name.clone(), text: source.text.clone(), ..Source::default() };
        match judge(root.clone(), overlays, fresh, Diagnostics::default()) {
            Ok(parsed) => return Some(parsed),
            Err((_, mistakes)) => {
                let Value::Map(map) = &mut root.value else { return None };
                if !mistakes.iter().all(|mistake| take_away(map, mistake)) {
                    return None;
                }
            }
        }
    }
    None
}

/// Whether the entry with a mistake is gone now.
fn take_away(map: &mut Map, mistake: &Diagnostic) -> bool {
    let Some(at) = &mistake.problem.at else { return false };
    let is_in = |path: &str, entry: &Entry| {
        path.strip_prefix(entry.key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let Some(section) = map.entries.iter_mut().find(|entry| is_in(&at.path, entry)) else {
        // Another mistake took it away.
        return !at.path.is_empty();
    };
    let inner = at.path.get(section.key.len() + 1..).unwrap_or_default();
    if let Node { value: Value::Map(entries), .. } = &mut section.value
        && !inner.is_empty()
    {
        entries.entries.retain(|entry| !is_in(inner, entry));
    } else {
        let key = section.key.clone();
        map.entries.retain(|entry| entry.key != key);
    }
    true
}
