//! The metadata of an upload as the form brings it, and the answer to what is refused in it.

use super::form::Form;
use crate::pypi::version::Version;
use crate::pypi::{Metadata, Refusal};

const SPECIFICATION: &str = "https://packaging.python.org/specifications/core-metadata";
const LOCAL_VERSIONS: &str =
    "https://packaging.python.org/en/latest/specifications/version-specifiers/#local-version-identifiers";

/// Of a form, or the text of the answer (`metadata.parse` and what is made of its errors in warehouse/forklift/legacy.py).
/// `newer` are classifiers that are known here, too; a lenient index asks for a version only.
pub(super) fn read(form: &Form, newer: &[String], lenient: bool) -> Result<(Metadata, Version), String> {
    let metadata = Metadata::of_form(|name| form.all(name).map(str::to_owned).collect());
    if let Some(answer) = first(&metadata.refusals(newer)).filter(|_| !lenient) {
        return Err(answer);
    }
    let version = metadata.get("version").and_then(|text| text.parse().ok()).ok_or("the version is none")?;
    Ok((metadata, version))
}

/// The answer to refusals: the most important one.
fn first(refusals: &[Refusal]) -> Option<String> {
    let rank =
        |field: &str| ["metadata-version", "name", "version"].iter().position(|first| *first == field).unwrap_or(3);
    let Refusal { field, text, .. } = refusals.iter().min_by_key(|refusal| (rank(refusal.field), refusal.field))?;
    let local = *field == "version" && text.contains("use of local versions");
    let see = if local { LOCAL_VERSIONS } else { SPECIFICATION };
    let stop = if text.ends_with('.') { "" } else { "." };
    Some(format!("{text}{stop} See {see} for more information."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_with_what_matters_most() {
        let answer = |fields: &[(&str, &str)]| read(&Form::of(fields), &[], false).err().unwrap_or_default();
        let good = [("metadata_version", "2.4"), ("name", "demo"), ("version", "1.0")];
        assert_eq!(answer(&good), "");
        assert_eq!(
            answer(&[("version", "1.0")]),
            format!("None is not a valid metadata version. See {SPECIFICATION} for more information.")
        );
        let local = answer(&[good[0], good[1], ("version", "1.0+local"), ("summary", &"x".repeat(513))]);
        assert_eq!(
            local,
            format!(
                "The use of local versions in '1.0+local' is not allowed. See {LOCAL_VERSIONS} for more information."
            )
        );
    }
}
