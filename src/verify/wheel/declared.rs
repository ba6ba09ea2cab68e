//! What `[project]` of a pyproject.toml declares against the metadata that was made of it.
//!
//! <https://packaging.python.org/specifications/pyproject-toml/#declaring-project-metadata-the-project-table>

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::flaw::{Flaw, flaw};
use crate::core_metadata::CoreMetadata;
use crate::verify::content::{printable, some_of};
use crate::wheel::DistributionName;

/// Dependencies, extras and Pythons that are declared there must be those of the metadata. What is not declared may come
/// from elsewhere.
pub fn check(project: &Table, metadata: &CoreMetadata, flaws: &mut Vec<Flaw>) {
    let hint = "an old copy was packed, or one of the two was edited: build it again";
    let mut compare = |what: &str, declared: &BTreeSet<String>, made: &BTreeSet<String>| {
        for (from, to, where_) in
            [(declared, made, "only in its `pyproject.toml`"), (made, declared, "only in `PKG-INFO`")]
        {
            if let Some(more) = some_of(from.difference(to).map(String::as_str)) {
                flaws.push(flaw("dist-metadata", format!("has {what} {} {where_}", printable(&more)), hint));
            }
        }
    };
    if let Some(python) = project.get("requires-python").and_then(Value::as_str) {
        let parts = |text: &str| text.split(',').map(|part| part.replace(' ', "")).collect();
        compare("`requires-python`", &parts(python), &parts(metadata.get("Requires-Python").unwrap_or_default()));
    }
    if let Some(list) = project.get("dependencies").and_then(Value::as_array) {
        let made = metadata.all("Requires-Dist").filter(|text| !of_extra(text)).map(name).collect();
        compare("the dependency", &list.iter().filter_map(Value::as_str).map(name).collect(), &made);
    }
    if let Some(extras) = project.get("optional-dependencies").and_then(Value::as_table) {
        let made = metadata.all("Provides-Extra").map(name).collect();
        compare("the extra", &extras.keys().map(String::as_str).map(name).collect(), &made);
    }
}

/// Whether a requirement is one of an extra: `x ; extra == 'a'`.
fn of_extra(requirement: &str) -> bool {
    requirement.split_once(';').is_some_and(|(_, marker)| marker.contains("extra"))
}

/// The normalized name at the beginning of a requirement.
fn name(requirement: &str) -> String {
    let end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let name = requirement[..end.unwrap_or(requirement.len())].trim();
    name.parse::<DistributionName>().map_or_else(|_| name.to_owned(), |name| name.normalized())
}
