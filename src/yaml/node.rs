//! The tree of a text: values as Helm has them, and where they are written.

use std::ops::Range;

use serde_json::{Map, Number, Value as Json};

use super::number;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Bytes of the value without its anchor and tag; for a block scalar its lines without the header. A value reached
    /// through an alias stands at its anchor. Empty where nothing is written.
    pub span: Range<usize>,
    /// The `*name` through which it was reached.
    pub alias: Option<Range<usize>>,
    pub style: Style,
    /// Written with a tag such as `!!str`.
    pub tagged: bool,
    pub value: Value,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A scalar without quotes, or nothing at all.
    Plain,
    Single,
    Double,
    /// `|`, `>`, or a list or map by indentation.
    Block,
    /// `[…]` or `{…}`.
    Flow,
}

/// The types of YAML 1.1, as `go.yaml.in/yaml/v2` resolves them; timestamps are texts for Helm.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// Within the limits of `i64` and `u64`.
    Int(i128),
    /// Finite.
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// Keys are unique.
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// As Helm has it: the key `on` is `true`, `010` is `8`.
    pub key: String,
    /// Bytes, quotes included.
    pub key_span: Range<usize>,
    /// The `<<` that brought it here from another map.
    pub merged: Option<Range<usize>>,
    pub value: Node,
}

impl Node {
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its entries; none unless it is a map.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Its items; none unless it is a list.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Where it stands: its alias, or itself.
    pub fn place(&self) -> Range<usize> {
        self.alias.clone().unwrap_or_else(|| self.span.clone())
    }

    /// What Helm has where a field of Chart.yaml is a text (`appVersion: 1.10` is `1.1`), `None` for lists, maps and
    /// nothing. Source: `convertToJSONableObject` of sigs.k8s.io/yaml, which formats with the precision of `float32`.
    pub fn field(&self) -> Option<String> {
        match &self.value {
            Value::Float(float) => Some(number::short(*float)),
            _ => self.printed(),
        }
    }

    /// What `{{ . }}` of a template prints for a value of values.yaml: all numbers are `float64` there, so `20240101` is
    /// `2.0240101e+07`. `None` for lists, maps and nothing.
    pub fn shown(&self) -> Option<String> {
        match &self.value {
            Value::Int(int) => Some(number::long(number::float(*int))),
            Value::Float(float) => Some(number::long(*float)),
            _ => self.printed(),
        }
    }

    fn printed(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Int(int) => Some(int.to_string()),
            _ => None,
        }
    }

    /// For messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// `.Values` of Helm: every number is a `float64`, so integers lose what does not fit into 53 bits.
pub fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(int) => json_number(number::float(*int)),
        Value::Float(float) => json_number(*float),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Map(entries) => {
            let pairs = entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.value)));
            Json::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

/// Whole numbers without a fraction, as Go's encoder writes them.
fn json_number(float: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if float.fract() == 0.0 && float.abs() <= EXACT {
        // In the range where every whole number is exact.
        #[allow(clippy::cast_possible_truncation)]
        return Json::Number(Number::from(float as i64));
    }
    Number::from_f64(float).map_or(Json::Null, Json::Number)
}
