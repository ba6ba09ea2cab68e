//! Overlays: parts of the file that `--overlay NAME` lays over the rest.

use super::diagnostic::Diagnostic;
use super::overrides::Layers;
use super::tree;
use super::words::{nearest, quote};
use super::yaml::{Node, Value};
use crate::problem::Problem;

/// Lays the chosen overlays over the file, which then has none.
pub fn lay(root: &mut Node, names: &[String], layers: &mut Layers) {
    let Value::Map(map) = &mut root.value else { return };
    let at = map.entries.iter().position(|entry| entry.key == "overlays");
    let written = at.map(|at| map.entries.remove(at));
    let overlays = written.as_ref().and_then(|entry| entry.value.map()).cloned().unwrap_or_default();
    for name in names {
        if let Some(overlay) = overlays.entry(name) {
            if overlay.value.map().is_some() {
                tree::merge(&tree::FILE, root, &overlay.value, &mut layers.budget);
            }
            continue;
        }
        let known = overlays.entries.iter().map(|entry| entry.key.as_str());
        let hint = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if overlays.entries.is_empty() => "the file has no `overlays:`".into(),
            None => format!("there is {}", known.map(quote).collect::<Vec<_>>().join(", ")),
        };
        let problem = Problem::new("unknown-overlay", format!("there is no overlay {}", quote(name))).hint(hint);
        match &written {
            Some(entry) => layers.found.at(problem, "overlays", true, &entry.key_span),
            None => layers.found.push(Diagnostic { problem, span: None }),
        }
    }
    if let (Some(entry), Value::Map(map)) = (written, &mut root.value) {
        // Kept, so that its places can still be found.
        map.entries.push(entry);
    }
}
