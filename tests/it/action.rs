//! The action as one job after the other starts it, and what action.yml promises of it.

mod inputs;
#[cfg(unix)]
mod jobs;
#[cfg(unix)]
mod log;

use longshore::config::yaml::{self, Node, Value};

use crate::source;

/// A value of a map.
pub fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.map().and_then(|map| map.get(key))
}

/// What a text of action.yml says.
pub fn parsed(text: &str) -> Node {
    let (node, problems) = yaml::read(text);
    assert!(problems.is_empty(), "{problems:?}");
    node.unwrap()
}

/// The script of one of its steps.
pub fn run_of(step: &str) -> String {
    let action = parsed(&source::read("action.yml"));
    let step = steps(&action).find(|(id, _)| id == step).unwrap().1;
    get(step, "run").and_then(Node::text).unwrap().to_owned()
}

/// The steps that become the program, by id.
pub fn steps(action: &Node) -> impl Iterator<Item = (String, &Node)> {
    let steps = get(action, "runs").and_then(|runs| get(runs, "steps")).unwrap();
    let Value::List(steps) = &steps.value else { panic!("no list of steps") };
    // One script only says where the hand-over folder is; its id is not one of a system.
    let scripts = steps.iter().filter(|step| get(step, "run").is_some());
    let scripts = scripts.filter(|step| get(step, "id").and_then(Node::text) != Some("folder"));
    scripts.map(|step| (get(step, "id").and_then(Node::text).unwrap_or_default().to_owned(), step))
}

/// The entries of a map, with a text inside each: `of(action, "inputs", "default")`.
pub fn of(action: &Node, map: &str, key: &str) -> Vec<(String, String)> {
    let entries = &get(action, map).and_then(Node::map).unwrap().entries;
    let text = |node: &Node| get(node, key).and_then(Node::text).unwrap_or_default().to_owned();
    entries.iter().map(|entry| (entry.key.clone(), text(&entry.value))).collect()
}
