//! Core metadata as the form of an upload brings it, and what an index refuses in it.
//!
//! First what Python's `packaging.metadata` refuses, then what warehouse/forklift/metadata.py adds. Not checked: single
//! classifiers, license identifiers, markers, and whether a description renders.

use std::collections::BTreeMap;

use super::form::Form;
use super::name::repr;
use super::pep440::Version;
use super::requirement;

/// The fields that were sent, by their names in the form.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata(BTreeMap<&'static str, Vec<String>>);

/// A table of fields: name in the form, name in `METADATA`, the metadata version that brought it, whether it may repeat.
const FIELDS: &[(&str, &str, &str, bool)] = &[
    ("metadata_version", "metadata-version", "1.0", false),
    ("name", "name", "1.0", false),
    ("version", "version", "1.0", false),
    ("dynamic", "dynamic", "2.2", true),
    ("platform", "platform", "1.0", true),
    ("supported_platform", "supported-platform", "1.1", true),
    ("summary", "summary", "1.0", false),
    ("description", "description", "1.0", false),
    ("description_content_type", "description-content-type", "2.1", false),
    ("keywords", "keywords", "1.0", false),
    ("home_page", "home-page", "1.0", false),
    ("download_url", "download-url", "1.1", false),
    ("author", "author", "1.0", false),
    ("author_email", "author-email", "1.0", false),
    ("maintainer", "maintainer", "1.2", false),
    ("maintainer_email", "maintainer-email", "1.2", false),
    ("license", "license", "1.0", false),
    ("license_expression", "license-expression", "2.4", false),
    ("license_file", "license-file", "2.4", true),
    ("classifiers", "classifier", "1.1", true),
    ("requires_dist", "requires-dist", "1.2", true),
    ("requires_python", "requires-python", "1.2", false),
    ("requires_external", "requires-external", "1.2", true),
    ("project_urls", "project-url", "1.2", true),
    ("provides_extra", "provides-extra", "2.1", true),
    ("provides_dist", "provides-dist", "1.2", true),
    ("obsoletes_dist", "obsoletes-dist", "1.2", true),
    ("import_name", "import-name", "2.5", true),
    ("import_namespace", "import-namespace", "2.5", true),
    ("requires", "requires", "1.1", true),
    ("provides", "provides", "1.1", true),
    ("obsoletes", "obsoletes", "1.1", true),
];

/// `SUPPORTED_METADATA_VERSIONS`; 2.0 is none.
const VERSIONS: &[&str] = &["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5"];

/// What classifiers begin with (<https://pypi.org/classifiers/>).
const CLASSIFIERS: &[&str] = &[
    "Development Status",
    "Environment",
    "Framework",
    "Intended Audience",
    "License",
    "Natural Language",
    "Operating System",
    "Programming Language",
    "Topic",
    "Typing",
];

const SPECIFICATION: &str = "https://packaging.python.org/specifications/core-metadata";
const LOCAL_VERSIONS: &str =
    "https://packaging.python.org/en/latest/specifications/version-specifiers/#local-version-identifiers";

/// Errors, each with the field it is about.
type Errors = Vec<(&'static str, String)>;

impl Metadata {
    /// A field that cannot repeat.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    /// All values of a field.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Of a form, or the text of the answer (`metadata.parse` and what is made of its errors in
    /// warehouse/forklift/legacy.py).
    pub(super) fn read(form: &Form) -> Result<(Self, Version), String> {
        let mut metadata = Self::default();
        let mut errors = Errors::new();
        for (name, _, _, repeats) in FIELDS {
            let values: Vec<String> = form.all(name).map(str::to_owned).collect();
            // An empty field is none.
            if values.is_empty() || values == [""] {
                continue;
            }
            if !repeats && values.len() > 1 {
                errors.push((name, format!("{} has invalid data", repr(name))));
            }
            metadata.0.insert(name, values);
        }
        first(&errors)?;
        metadata.specified(&mut errors);
        first(&errors)?;
        let version = metadata.get("version").and_then(|text| text.parse().ok()).ok_or_else(String::new)?;
        metadata.allowed(&version, &mut errors);
        first(&errors)?;
        Ok((metadata, version))
    }

    /// What `packaging.metadata.Metadata.from_raw` checks.
    fn specified(&self, errors: &mut Errors) {
        let age = |wanted: &str| VERSIONS.iter().position(|version| *version == wanted);
        let given = self.get("metadata_version");
        let Some(newest) = given.and_then(age) else {
            let shown = given.map_or("None".to_owned(), repr);
            errors.push(("metadata-version", format!("{shown} is not a valid metadata version")));
            return;
        };
        for required in ["name", "version"] {
            if self.get(required).is_none() {
                errors.push((required, format!("{} is a required field", repr(required))));
            }
        }
        for (name, field, added, _) in FIELDS.iter().filter(|(name, ..)| self.0.contains_key(name)) {
            if age(added) > Some(newest) {
                let since = format!("{field} introduced in metadata version {added}, not {}", VERSIONS[newest]);
                errors.push((field, since));
            } else if let Some(error) = self.all(name).iter().find_map(|value| specified(name, field, value)) {
                errors.push((field, error));
            }
        }
    }

    /// What `_validate_metadata` of warehouse/forklift/metadata.py checks.
    fn allowed(&self, version: &Version, errors: &mut Errors) {
        if version.is_local() {
            errors.push(("version", format!("The use of local versions in '{version}' is not allowed.")));
        }
        if self.get("summary").is_some_and(|summary| summary.chars().count() > 512) {
            errors.push(("summary", "'summary' field must be 512 characters or less.".into()));
        }
        for classifier in self.all("classifiers") {
            if !CLASSIFIERS.contains(&classifier.split(" :: ").next().unwrap_or_default()) {
                errors.push(("classifier", format!("{} is not a valid classifier.", repr(classifier))));
            }
        }
        for (name, field) in [("home_page", "home-page"), ("download_url", "download-url")] {
            if let Some(address) = self.get(name).filter(|address| url::Url::parse(address).is_err()) {
                errors.push((field, format!("{} is not a valid url.", repr(address))));
            }
        }
        for pair in self.all("project_urls") {
            let (label, address) = pair.split_once(',').map_or((pair.trim(), ""), |(a, b)| (a.trim(), b.trim()));
            let error = match (label, address) {
                ("", _) => "Must have a label".into(),
                (label, _) if label.chars().count() > 32 => {
                    format!("{} must be 32 characters or less.", repr(label))
                }
                (_, "") => "Must have a URL".into(),
                (_, address) if url::Url::parse(address).is_err() => format!("{} is not a valid url", repr(address)),
                _ => continue,
            };
            errors.push(("project-url", error));
        }
        for (name, field) in [
            ("provides_dist", "provides-dist"),
            ("obsoletes_dist", "obsoletes-dist"),
            ("requires_dist", "requires-dist"),
        ] {
            if let Some(direct) = self.all(name).iter().find(|text| requirement::is_direct(text)) {
                errors.push((field, format!("Can't have direct dependency: {direct}")));
            }
        }
        if self.get("license").is_some() && self.get("license_expression").is_some() {
            let text = "License is deprecated when License-Expression is present. Only License-Expression should be \
                        present.";
            errors.push(("license", text.into()));
        }
    }
}

/// What is wrong with one value of a field.
fn specified(name: &str, field: &str, value: &str) -> Option<String> {
    let invalid = |good: bool| (!good).then(|| format!("{} is invalid for {}", repr(value), repr(field)));
    match name {
        "name" | "provides_extra" => invalid(super::name::is_name(value)),
        "version" => invalid(value.parse::<Version>().is_ok()),
        "requires_python" => invalid(requirement::is_specifiers(value)),
        "requires_dist" => invalid(requirement::is_requirement(value)),
        "summary" => value.contains(['\n', '\r']).then(|| format!("{} must be a single line", repr(field))),
        "description_content_type" => content_type(field, value),
        "license_file" => license_file(field, value),
        "dynamic" => {
            let lower = value.to_lowercase();
            if ["name", "version", "metadata-version"].contains(&lower.as_str()) {
                Some(format!("{} is not allowed as a dynamic field", repr(&lower)))
            } else {
                let known = FIELDS.iter().any(|(_, field, ..)| *field == lower);
                (!known).then(|| format!("{} is not a valid dynamic field", repr(&lower)))
            }
        }
        _ => None,
    }
}

fn content_type(field: &str, value: &str) -> Option<String> {
    let lower = value.to_lowercase();
    let mut parts = lower.split(';').map(str::trim);
    let known = ["text/plain", "text/x-rst", "text/markdown"];
    if !known.contains(&parts.next().unwrap_or_default()) {
        let known: Vec<_> = known.iter().map(|kind| repr(kind)).collect();
        return Some(format!("{} must be one of [{}], not {}", repr(field), known.join(", "), repr(value)));
    }
    let charset = parts.find_map(|part| part.strip_prefix("charset=")).unwrap_or("utf-8").trim_matches('"');
    (charset != "utf-8").then(|| format!("{} can only specify the UTF-8 charset, not {}", repr(field), repr(charset)))
}

fn license_file(field: &str, value: &str) -> Option<String> {
    let why = if value.contains("..") {
        "parent directory indicators are not allowed"
    } else if value.contains('*') {
        "paths must be resolved"
    } else if value.starts_with('/') || value.get(1..2) == Some(":") {
        "paths must be relative"
    } else if value.contains('\\') {
        "paths must use '/' delimiter"
    } else {
        return None;
    };
    Some(format!("{} is invalid for {}, {why}", repr(value), repr(field)))
}

/// The answer to errors: the most important one.
fn first(errors: &Errors) -> Result<(), String> {
    let rank =
        |field: &str| ["metadata-version", "name", "version"].iter().position(|first| *first == field).unwrap_or(3);
    let Some((field, text)) = errors.iter().min_by_key(|(field, _)| (rank(field), *field)) else { return Ok(()) };
    let local = *field == "version" && text.contains("use of local versions");
    let see = if local { LOCAL_VERSIONS } else { SPECIFICATION };
    let stop = if text.ends_with('.') { "" } else { "." };
    Err(format!("{text}{stop} See {see} for more information."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is refused in a form that is good otherwise.
    fn refused(changes: &[(&str, &str)]) -> String {
        let mut fields = vec![("metadata_version", "2.4"), ("name", "demo"), ("version", "1.0")];
        fields.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        fields.extend(changes);
        Metadata::read(&Form::of(&fields)).err().unwrap_or_default()
    }

    #[test]
    fn takes_good_metadata() {
        let good = [
            ("requires_dist", "demo-lib[a,b] >=1.0,<2 ; extra == 'all'"),
            ("requires_python", ">=3.10, !=3.11.*"),
            ("description_content_type", "text/markdown; charset=UTF-8; variant=GFM"),
            ("license_expression", "MIT OR Apache-2.0"),
            ("license_file", "licenses/LICENSE"),
            ("project_urls", "Source, https://example.com/demo"),
            ("classifiers", "Programming Language :: Python :: 3"),
            ("dynamic", "Summary"),
        ];
        assert_eq!(refused(&good), "");
        assert_eq!(refused(&[("summary", ""), ("license", "")]), "");
    }

    #[test]
    fn names_what_is_wrong() {
        for (changes, text) in [
            (&[("metadata_version", "2.0")][..], "'2.0' is not a valid metadata version. See"),
            (&[("metadata_version", "")], "None is not a valid metadata version. See"),
            (&[("version", "")], "'version' is a required field. See"),
            (&[("version", "x")], "'x' is invalid for 'version'. See"),
            (
                &[("version", "1.0+local")],
                "The use of local versions in '1.0+local' is not allowed. See https://packaging.python.org/en/latest/specifications/version-specifiers/#local",
            ),
            (
                &[("metadata_version", "2.1"), ("license_expression", "MIT")],
                "license-expression introduced in metadata version 2.4, not 2.1. See",
            ),
            (&[("summary", "a"), ("summary", "b")], "'summary' has invalid data. See"),
            (&[("summary", "a\nb")], "'summary' must be a single line. See"),
            (&[("requires_python", "3.10")], "'3.10' is invalid for 'requires-python'. See"),
            (&[("requires_dist", "not a requirement")], "'not a requirement' is invalid for 'requires-dist'. See"),
            (
                &[("requires_dist", "demo @ https://example.com/x")],
                "Can't have direct dependency: demo @ https://example.com/x. See",
            ),
            (
                &[("description_content_type", "text/html")],
                "'description-content-type' must be one of ['text/plain', 'text/x-rst', 'text/markdown'], not 'text/html'. See",
            ),
            (&[("license_file", "../LICENSE")], "'../LICENSE' is invalid for 'license-file', parent directory"),
            (
                &[("license", "MIT"), ("license_expression", "MIT")],
                "License is deprecated when License-Expression is present.",
            ),
            (
                &[("classifiers", "Private :: Do Not Upload")],
                "'Private :: Do Not Upload' is not a valid classifier. See",
            ),
            (&[("project_urls", "https://example.com")], "Must have a URL. See"),
            (&[("dynamic", "Version")], "'version' is not allowed as a dynamic field. See"),
        ] {
            let got = refused(changes);
            assert!(got.starts_with(text), "{got}\n{text}");
        }
    }
}
