//! What `packaging.metadata` refuses, in its words: <https://packaging.pypa.io/en/stable/metadata.html>.

use std::collections::BTreeSet;

use super::metadata::{FIELDS, Field, Metadata, Refusal, VERSIONS};
use super::name::{is_name, repr};
use super::version::Version;
use super::{content_type, license, requirement};

/// Words of Python that can be no name.
const KEYWORDS: &str = " False None True and as assert async await break class continue def del elif else except finally \
                        for from global if import in is lambda nonlocal not or pass raise return try while with yield ";

pub fn unreadable(metadata: &Metadata) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for Field { form, shown, repeats, .. } in FIELDS {
        let values = metadata.all(form);
        let mut labels = BTreeSet::new();
        let twice = *form == "project_urls" && !values.iter().all(|pair| labels.insert(pair_of(pair).0));
        if twice || !repeats && values.len() > 1 {
            refusals.push(Refusal::new(shown, format!("{} has invalid data", repr(form))).hint(match twice {
                true => "two URLs have the same label: give each its own label",
                false => "it may occur once",
            }));
        }
    }
    refusals
}

/// Label and URL of `Source, https://…`.
pub fn pair_of(text: &str) -> (&str, &str) {
    text.split_once(',').map_or((text.trim(), ""), |(label, url)| (label.trim(), url.trim()))
}

/// `Metadata.from_raw`.
pub fn refused(metadata: &Metadata) -> Vec<Refusal> {
    let age = |wanted: &str| VERSIONS.iter().position(|version| *version == wanted);
    let given = metadata.get("metadata_version");
    let Some(newest) = given.and_then(age) else {
        let shown = given.map_or("None".to_owned(), repr);
        return vec![Refusal::new("metadata-version", format!("{shown} is not a valid metadata version"))];
    };
    let mut refusals = Vec::new();
    for required in ["name", "version"] {
        if metadata.get(required).is_none() {
            refusals.push(Refusal::new(required, format!("{} is a required field", repr(required))));
        }
    }
    for field in FIELDS.iter().filter(|field| metadata.get(field.form).is_some()) {
        if age(field.since) > Some(newest) {
            let since =
                format!("{} introduced in metadata version {}, not {}", field.shown, field.since, VERSIONS[newest]);
            refusals.push(Refusal::new(field.shown, since));
        } else if let Some(refusal) = metadata.all(field.form).iter().find_map(|value| wrong(field, value)) {
            refusals.push(refusal);
        }
    }
    refusals
}

fn wrong(field: &Field, value: &str) -> Option<Refusal> {
    let shown = field.shown;
    let refusal = |text: String| Some(Refusal::new(shown, text));
    let invalid =
        |good: bool| if good { None } else { refusal(format!("{} is invalid for {}", repr(value), repr(shown))) };
    match field.form {
        "name" | "provides_extra" => invalid(is_name(value)),
        "version" => invalid(value.parse::<Version>().is_ok()),
        "requires_python" => invalid(requirement::is_specifiers(value)),
        "requires_dist" => invalid(requirement::is_requirement(value)),
        "license_expression" => {
            let why = license::wrong(value)?;
            Some(invalid(false)?.hint(why))
        }
        "summary" if value.contains(LINE_ENDS) => refusal(format!("{} must be a single line", repr(shown))),
        "description_content_type" => content_type::wrong(shown, value).and_then(refusal),
        "license_file" => license_file(value)
            .and_then(|why| refusal(format!("{} is invalid for {}, {why}", repr(value), repr(shown)))),
        "import_name" | "import_namespace" => import(value)
            .and_then(|(name, why)| refusal(format!("{} is invalid for {}; {why}", repr(name), repr(shown)))),
        "dynamic" => {
            let lower = value.to_lowercase();
            if ["name", "version", "metadata-version"].contains(&lower.as_str()) {
                refusal(format!("{} is not allowed as a dynamic field", repr(&lower)))
            } else if FIELDS.iter().any(|field| field.shown == lower) {
                None
            } else {
                refusal(format!("{} is not a valid dynamic field", repr(&lower)))
            }
        }
        _ => None,
    }
}

/// Where Python ends a line.
const LINE_ENDS: [char; 10] =
    ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];

fn license_file(value: &str) -> Option<&'static str> {
    let drive = value.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && value[1..].starts_with(":/");
    if value.contains("..") {
        Some("parent directory indicators are not allowed")
    } else if value.contains('*') {
        Some("paths must be resolved")
    } else if value.starts_with('/') || drive || value.get(1..3) == Some(":\\") || value.starts_with("\\\\") {
        Some("paths must be relative")
    } else if value.contains('\\') || value.split('/').any(|part| part.is_empty() || part == ".") {
        Some("paths must use '/' delimiter")
    } else {
        None
    }
}

/// What is wrong with an `Import-Name`: the name, and why.
fn import(value: &str) -> Option<(&str, String)> {
    let (name, rest) = value.split_once(';').map_or((value, None), |(name, rest)| (name, Some(rest)));
    let name = name.trim_end();
    for part in name.split('.') {
        let mut chars = part.chars();
        let starts = chars.next().is_some_and(|first| first.is_alphabetic() || first == '_');
        if !starts || !chars.all(|char| char.is_alphanumeric() || char == '_') {
            return Some((name, format!("{} is not a valid identifier", repr(part))));
        }
        if KEYWORDS.contains(&format!(" {part} ")) {
            return Some((name, format!("{} is a keyword", repr(part))));
        }
    }
    rest.filter(|rest| rest.trim_start() != "private").map(|_| (value, "the only valid option is 'private'".to_owned()))
}
