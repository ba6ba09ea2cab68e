//! The schema that is checked in, held against files.

use serde_json::{Value, json};

use super::*;
use crate::config::yaml::{self, Node};

/// As an editor reads YAML: plain words of the core schema become numbers and booleans.
fn json_of(node: &Node) -> Value {
    match &node.value {
        _ if node.is_null() => Value::Null,
        yaml::Value::Scalar { text, plain } => match (node.bool(), plain) {
            (Some(bool), _) => json!(bool),
            (None, true) => {
                text.parse::<i64>().map(|n| json!(n)).or(text.parse::<f64>().map(|n| json!(n))).unwrap_or(json!(text))
            }
            (None, false) => json!(text),
        },
        yaml::Value::List(items) => items.iter().map(json_of).collect(),
        yaml::Value::Map(map) => {
            Value::Object(map.entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.value))).collect())
        }
    }
}

fn says(text: &str) -> Vec<String> {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    let value = json_of(&yaml::read(text).0.unwrap());
    validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_file_checked_in_is_fresh() {
    let fresh = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/longshore.schema.json");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == fresh, "refresh it: longshore schema config > schema/longshore.schema.json");
}

#[test]
fn is_a_schema_of_its_draft() {
    assert!(jsonschema::meta::is_valid(&json_schema()));
}

/// The files of the interface, cut to what this version makes.
#[test]
fn right_files_validate() {
    let opsml = crate::config::tests::OPSML;
    let full = crate::config::tests::FULL;
    let three = "longshore: 1\ncomponents: [alpha, beta, gamma]\n";
    let five = "longshore: 1\nname: ollyscale\ncomponents: [api, web-ui, opamp-server, demo, chart-ollyscale, chart-ollyscale-demos]\noverlays:\n  local: { publish: { github: false } }\n";
    for text in ["longshore: 1\n", opsml, three, "longshore: 1\nbinaries: false\narchives: false\n", five, full] {
        assert_eq!(says(text), [] as [String; 0], "{text}");
        assert!(crate::config::parse("longshore.yaml", text, &[]).is_ok(), "{text}");
    }
}

/// What the schema refuses, we refuse too.
#[test]
fn wrong_files_do_not() {
    let check = |section: &str| {
        let text = format!("longshore: 1\n{section}\n");
        assert!(!says(&text).is_empty(), "{text}");
        assert!(crate::config::parse("longshore.yaml", &text, &[]).is_err(), "{text}");
    };
    assert!(!says("name: x").is_empty());
    assert!(!says("longshore: 2").is_empty());
    check("binarys: {}");
    check("images: { a: { flavors: [] } }");
    check("images: { a: { platforms: linux/mips } }");
    check("images: { a: { include: { from: x } } }");
    check("binaries: true");
    check("binaries: { a: { locked: 3 } }");
    check("binaries: { a: { profil: x } }");
    check("binaries: { a: { static-target: glibc } }");
    check("binaries: { a: { override: { \"*\": { targets: x86_64-unknown-linux-gnu } } } }");
    check("targets: x86_64-linux-gnu");
    check("targets: []");
    check("archives: { a: { formats: tgz } }");
    check("archives: { a: { formats: { macos: zip } } }");
    check("assets: { a: { files: { to: x } } }");
    check("publish: { pypi: { trusted: maybe } }");
    check("wheels: { a: { sdist: maybe } }");
    check("publish: { mine: { kind: command } }");
    check("publish: { github: { repository: x } }");
    check("overlays: { a: { binarys: {} } }");
    check("charts: { a: { pin: sha } }");
    check("charts: { a: { images: { b: { c: d } } } }");
}

#[test]
fn the_settings_of_a_service_have_one() {
    let schema = service_schema();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let check = |text: &str, expected: bool| {
        assert_eq!(validator.is_valid(&json_of(&yaml::read(text).0.unwrap())), expected, "{text}");
        assert_eq!(crate::config::ServiceSettings::parse("s.yaml", text).1.is_empty(), expected, "{text}");
    };
    check(
        "registries: { \"localhost:5000\": { address: \"kind:5000\" } }\nlimits: { submits: 60, fetch-size: 1GiB }\n",
        true,
    );
    check("limits: { submits: 0 }\n", false);
    check("limits: { speed: 1 }\n", false);
    check("registry: {}\n", false);
}
