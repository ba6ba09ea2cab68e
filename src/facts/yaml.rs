//! YAML read into plain values: every scalar is the text that stands there.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser};
use serde_json::{Map, Value};

/// Deepest nesting, most nodes, and most of what aliases repeat.
const DEEPEST: usize = 100;
const MOST: usize = 200_000;

/// A list or map that is not at its end.
enum Open {
    List(Vec<Value>, usize),
    Map(Map<String, Value>, Option<String>, usize),
}

/// The first document of a text.
///
/// # Errors
/// A reason, lower case.
pub fn read(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: BTreeMap<usize, Value> = BTreeMap::new();
    let mut nodes = 0;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| format!("is not YAML: {error}"))?;
        let done = match event {
            Event::Scalar(text, _, anchor, _) => Some((Value::String(text.into_owned()), anchor)),
            Event::Alias(anchor) => Some((anchors.get(&anchor).cloned().unwrap_or_default(), 0)),
            Event::SequenceStart(_, anchor, _) => {
                open.push(Open::List(Vec::new(), anchor));
                None
            }
            Event::MappingStart(_, anchor, _) => {
                open.push(Open::Map(Map::new(), None, anchor));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items, anchor)) => Some((Value::Array(items), anchor)),
                Some(Open::Map(map, _, anchor)) => Some((Value::Object(map), anchor)),
                None => None,
            },
            _ => None,
        };
        if open.len() > DEEPEST {
            return Err(format!("is nested deeper than {DEEPEST} levels"));
        }
        let Some((value, anchor)) = done else { continue };
        nodes += size(&value, MOST);
        if nodes > MOST {
            return Err(format!("contains more than {MOST} values"));
        }
        if anchor > 0 {
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(items, _)) => items.push(value),
            Some(Open::Map(map, key, _)) => match (key.take(), value) {
                (Some(key), value) => drop(map.entry(key).or_insert(value)),
                (None, Value::String(text)) => *key = Some(text),
                // A key that is not text cannot be looked up.
                (None, _) => *key = Some(String::new()),
            },
        }
    }
    Err("is empty".into())
}

/// How many values there are in one, counted no further than `most`.
fn size(value: &Value, most: usize) -> usize {
    match value {
        Value::Array(items) => items.iter().fold(1, |sum, item| if sum > most { sum } else { sum + size(item, most) }),
        Value::Object(map) => map.values().fold(1, |sum, item| if sum > most { sum } else { sum + size(item, most) }),
        _ => 1,
    }
}
