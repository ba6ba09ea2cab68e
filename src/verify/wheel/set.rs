//! Files of one distribution say the same; files of two variants differ in what they were compiled with.

use std::collections::{BTreeMap, BTreeSet};

use super::flaw::{Flaw, flaw};
use super::library::{Library, own};
use super::read::Wheel;
use super::sdist::Sdist;
use crate::core_metadata::CoreMetadata;
use crate::verify::content::some_of;

/// Whether all files of a distribution have the same metadata: an index shows that of whichever arrives first.
pub fn agree(wheels: &[(&str, &Wheel)], sdist: Option<&Sdist>) -> Vec<Flaw> {
    let hint = "an index shows the metadata of the file that is uploaded first: build all of them from one commit";
    let sdist = sdist.map(|sdist| ("the sdist", &sdist.metadata));
    let mut files = wheels.iter().map(|(name, wheel)| (*name, &wheel.metadata)).chain(sdist);
    let Some((first, model)) = files.next() else { return Vec::new() };
    let mut flaws = Vec::new();
    for (name, metadata) in files {
        let differing = differing(model, metadata);
        if let Some(fields) = some_of(differing.iter().map(String::as_str)) {
            let text = format!("differs in {fields} of its metadata: `{name}` and `{first}` must agree");
            flaws.push(flaw("dist-disagree", text, hint));
        }
    }
    flaws
}

/// Names of fields whose values differ, in whatever order they stand.
fn differing(one: &CoreMetadata, other: &CoreMetadata) -> BTreeSet<String> {
    let values = |metadata: &CoreMetadata| {
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, value) in &metadata.fields {
            values.entry(name.to_lowercase()).or_default().insert(value.clone());
        }
        values
    };
    let (left, right) = (values(one), values(other));
    let names = left.keys().chain(right.keys());
    // An sdist may say which fields a build decides.
    let mut found: BTreeSet<String> =
        names.filter(|name| *name != "dynamic" && left.get(*name) != right.get(*name)).cloned().collect();
    // A checkout on Windows may end lines in its own way.
    let plain = |metadata: &CoreMetadata| metadata.description.trim().replace("\r\n", "\n");
    if plain(one) != plain(other) {
        found.insert("description".into());
    }
    found
}

/// Whether two variants of one code base are what their features make them: every wheel of `one` holds at least one of
/// the crates (`axum-0.8.1`) that only its features need, none of `other` holds any, and no library is in both.
pub fn variants(one: &[&Wheel], other: &[&Wheel], crates_only_in_one: &[String]) -> Vec<Flaw> {
    let hint = "check the features of both; crates that cannot panic leave no trace: then set `variant-check:` to what only one of them contains";
    let mut flaws = Vec::new();
    let mut wrong = |text: String| flaws.push(flaw("dist-variants", text, hint));
    let held = |library: &Library| -> Option<String> {
        some_of(crates_only_in_one.iter().map(String::as_str).filter(|name| library.crates.contains(*name)))
    };
    for wheel in one {
        let mut own = libraries(std::slice::from_ref(wheel)).map(|(_, library)| library).peekable();
        if let Some(first) = own.peek().map(|library| library.path.clone())
            && !crates_only_in_one.is_empty()
            && own.all(|library| held(library).is_none())
        {
            wrong(format!("contains `{first}` without a trace of its features ({})", of(wheel)));
        }
    }
    for (wheel, library) in libraries(other) {
        if let Some(held) = held(library) {
            wrong(format!(
                "contains `{}` with {held}, which only the other variant needs ({})",
                library.path,
                of(wheel)
            ));
        }
        if let Some((twin, _)) = libraries(one).find(|(_, known)| known.digest == library.digest) {
            wrong(format!(
                "contains the same `{}` as the other variant ({} and {})",
                library.path,
                of(twin),
                of(wheel)
            ));
        }
    }
    flaws
}

fn libraries<'w>(wheels: &'w [&Wheel]) -> impl Iterator<Item = (&'w Wheel, &'w Library)> {
    wheels.iter().flat_map(move |wheel| own(&wheel.libraries).map(move |library| (*wheel, library)))
}

fn of(wheel: &Wheel) -> String {
    let (digest, _) = &wheel.bytes;
    let name = wheel.metadata.get("Name").unwrap_or_default();
    format!("`{name}`, {}", &digest.to_string()[..19])
}
