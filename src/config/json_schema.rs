//! The JSON Schema of `longshore.yaml`, for editors: made from the table of `schema`.

use serde_json::{Map, Value, json};

use super::schema::{
    COMMAND_DESTINATION, DEPLOYMENT_FILE, GITHUB, KINDS, Key, PYPI, Place, REGISTRY, Section, TOP, Text, Type,
};
use super::service::SERVICE;
use crate::platform::Platform;
use crate::target::Target;

/// No section: nothing is required.
static ANY: Section = Section { name: "", keys: &[] };

/// The schema (draft 2020-12): descriptions, one-or-many forms and words, as far as a schema can say them.
pub fn json_schema() -> Value {
    let mut schema = Writer { defs: Map::new(), overlay: false };
    let file = schema.object(&TOP);
    schema.overlay = true;
    schema.define(&TOP);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "longshore.yaml",
        "description": "What Longshore builds, verifies and publishes.",
        "required": ["longshore"],
    });
    let mut top = Map::new();
    for part in [&head, &file] {
        top.extend(part.as_object().cloned().unwrap_or_default());
    }
    top.insert("$defs".into(), Value::Object(schema.defs));
    Value::Object(top)
}

/// The schema of a build service's settings.
pub fn service_schema() -> Value {
    let mut schema = Writer { defs: Map::new(), overlay: false };
    let mut file = schema.object(&SERVICE);
    file["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    file["title"] = json!("settings of longshore serve");
    file["$defs"] = Value::Object(schema.defs);
    file
}

struct Writer {
    defs: Map<String, Value>,
    /// In an overlay `null` may stand anywhere, and nothing is required.
    overlay: bool,
}

impl Writer {
    fn object(&mut self, section: &Section) -> Value {
        let overlay = self.overlay;
        self.keys(section.keys.iter().filter(|key| !overlay || !matches!(key.name, "longshore" | "overlays")), section)
    }

    fn keys<'k>(&mut self, keys: impl Iterator<Item = &'k Key>, section: &Section) -> Value {
        let properties: Map<String, Value> = keys.map(|key| (key.name.into(), self.key(key))).collect();
        let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if section.name == TOP.name {
            object["patternProperties"] = json!({ "^x-": true });
        }
        if !section.required().is_empty() && !self.overlay {
            object["required"] = json!(section.required());
        }
        object
    }

    fn key(&mut self, key: &Key) -> Value {
        let mut schema = self.value(&key.ty);
        if self.overlay {
            schema = json!({ "anyOf": [schema, { "type": "null" }] });
        }
        let default = if key.default.is_empty() { String::new() } else { format!(" Default: {}", key.default) };
        schema["description"] = json!(format!("{}.{default}", key.doc));
        schema
    }

    fn value(&mut self, ty: &Type) -> Value {
        match ty {
            Type::Text(kind) => self.text(*kind),
            Type::Flag => json!({ "type": "boolean" }),
            Type::Off(inner) => json!({ "anyOf": [{ "const": false }, self.value(inner)] }),
            Type::Many(inner) => {
                let one = self.value(inner);
                json!({ "anyOf": [one, { "type": "array", "items": one }] })
            }
            Type::Some(inner) => {
                let one = self.value(inner);
                json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
            }
            Type::Either(first, second) => json!({ "anyOf": [self.value(first), self.value(second)] }),
            Type::Keys(section) => self.define(section),
            Type::Destination => {
                let sections = [&GITHUB, &REGISTRY, &PYPI, &DEPLOYMENT_FILE, &COMMAND_DESTINATION];
                // Of each kind its own keys; without `kind:` the name says which they are.
                let of_kind = |(kind, section): (&&str, &Section)| json!({ "allOf": [self.define(section), { "properties": { "kind": { "const": kind } } }] });
                json!({ "anyOf": KINDS.iter().zip(sections).map(of_kind).collect::<Vec<_>>() })
            }
            Type::Command(section) => json!({ "anyOf": [{ "type": "string" }, self.define(section)] }),
            Type::Override(inner) => {
                let Type::Keys(section) = inner else { return json!({ "type": "object" }) };
                let keys = self.keys(section.keys.iter().filter(|key| key.per_target), &ANY);
                let keys = self.insert(&format!("{}-override", section.name), keys);
                json!({ "type": "object", "additionalProperties": keys })
            }
            Type::Each { key, value, fixed } => {
                let mut each = self.value(value);
                if self.overlay || matches!(value, Type::Keys(_) | Type::Off(Type::Keys(_) | Type::Destination)) {
                    each = json!({ "anyOf": [each, { "type": "null" }] });
                }
                let fixed: Map<String, Value> = fixed.iter().map(|key| (key.name.into(), self.key(key))).collect();
                let mut object = json!({ "type": "object", "additionalProperties": each });
                if let Some(names) = text(*key).as_object().filter(|_| *key != Text::EnvName) {
                    object["propertyNames"] = json!(names);
                }
                if !fixed.is_empty() {
                    object["properties"] = json!(fixed);
                }
                object
            }
            Type::Overlays => json!({
                "type": "object",
                "propertyNames": text(Text::Name),
                "additionalProperties": { "$ref": format!("#/$defs/{}", overlay_name(TOP.name)) },
            }),
            Type::Any => json!({}),
        }
    }

    /// Writes a section once; a reference to it.
    fn define(&mut self, section: &Section) -> Value {
        if !self.defs.contains_key(&self.name(section.name)) {
            // The name is taken before the section is written, because sections may hold themselves.
            self.defs.insert(self.name(section.name), Value::Null);
            let object = self.object(section);
            return self.insert(section.name, object);
        }
        json!({ "$ref": format!("#/$defs/{}", self.name(section.name)) })
    }

    /// Text that is written often is defined once.
    fn text(&mut self, kind: Text) -> Value {
        let name = match kind {
            Text::Name => "name",
            Text::Triple => "target",
            Text::Path => "path",
            Text::FileGlob => "path-or-glob",
            Text::Line | Text::Environment => "line",
            Text::Argument => "argument",
            Text::Word(words) if words.len() > 3 => match words.first() {
                Some(&"tar.gz") => "format",
                _ => return text(kind),
            },
            _ => return text(kind),
        };
        self.defs.entry(name).or_insert_with(|| text(kind));
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    fn insert(&mut self, name: &str, schema: Value) -> Value {
        let name = self.name(name);
        let reference = json!({ "$ref": format!("#/$defs/{name}") });
        self.defs.insert(name, schema);
        reference
    }

    fn name(&self, name: &str) -> String {
        if self.overlay { overlay_name(name) } else { name.into() }
    }
}

fn overlay_name(name: &str) -> String {
    format!("overlay-{name}")
}

fn text(kind: Text) -> Value {
    match kind {
        Text::FormatNumber => json!({ "const": 1 }),
        Text::Name => json!({ "type": ["string", "number"], "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" }),
        Text::Share => json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$" }),
        Text::WorkflowFile => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]*\\.ya?ml$" }),
        Text::WorkflowPath => json!({ "type": "string", "pattern": "^\\.github/workflows/[^/]+\\.ya?ml$" }),
        Text::SecretName => json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }),
        Text::FileName => json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]+$" }),
        Text::Word(words) => json!({ "enum": words }),
        Text::DestinationKind => json!({ "enum": KINDS }),
        Text::Triple => json!({ "enum": Target::all().map(Target::triple).collect::<Vec<_>>() }),
        Text::Count => json!({ "type": "integer", "minimum": 1 }),
        Text::Size => json!({ "type": ["string", "integer"], "pattern": "^[0-9]+(\\.[0-9]+)? *([kKMG]i?)?B?$" }),
        Text::Time => json!({ "type": "string", "pattern": "^[0-9]+[smh]$" }),
        // An editor reads `2.30` as a number.
        Text::Glibc => json!({ "type": ["string", "number"], "pattern": "^[0-9]+\\.[0-9]+(\\.[0-9]+)?$" }),
        Text::Macos => json!({ "type": ["string", "number"], "pattern": "^[0-9]+(\\.[0-9]+){0,2}$" }),
        Text::Path | Text::Manifest | Text::FileGlob | Text::Notes => {
            json!({ "type": "string", "pattern": "^[^/\\\\]" })
        }
        Text::Repository => json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$" }),
        Text::Platform => json!({ "enum": Platform::ALL.map(|platform| platform.to_string()) }),
        Text::Port => json!({ "type": ["string", "integer"], "pattern": "^[0-9]+(/(tcp|udp|sctp))?$" }),
        Text::ImageRepository | Text::ImagePrefix | Text::Image => json!({ "type": "string", "pattern": "^[^A-Z]+" }),
        Text::Compatibility => json!({ "type": "string", "pattern": "^(pypi|[0-9]+_[0-9]+)$" }),
        Text::Python => json!({ "type": ["string", "number"], "pattern": "^(abi3t?|3\\.[0-9]+t?)$" }),
        Text::Distribution => json!({ "type": ["string", "number"] }),
        Text::EnvValue => json!({ "type": ["string", "number", "boolean"] }),
        Text::Argument | Text::Line | Text::Environment => json!({ "type": ["string", "number"] }),
        Text::Template(place) => template(place),
        Text::Label
        | Text::Runner
        | Text::ValuesPath
        | Text::ReferenceGlob
        | Text::ImagePath
        | Text::Host
        | Text::Index
        | Text::TripleGlob
        | Text::EnvName
        | Text::EnvGlob
        | Text::Script => json!({ "type": "string" }),
    }
}

fn template(place: Place) -> Value {
    let places: Vec<String> = place.allowed().iter().map(|name| format!("{{{name}}}")).collect();
    json!({ "type": "string", "$comment": format!("placeholders: {}", places.join(" ")) })
}

#[cfg(test)]
#[path = "json_schema_tests.rs"]
mod tests;
