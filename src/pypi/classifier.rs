//! Trove classifiers: those of a list with a date, and those that a newer one may have.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::metadata::Refusal;
use super::name::repr;

/// Made by `tools/pypi_lists.py`.
const LIST: &str = include_str!("classifiers.txt");

/// Every classifier; with what stands for it if it is retired.
fn known() -> &'static BTreeMap<&'static str, Option<Vec<&'static str>>> {
    static KNOWN: OnceLock<BTreeMap<&str, Option<Vec<&str>>>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let line = |line: &'static str| match line.strip_prefix('\t') {
            Some(retired) => {
                let mut names = retired.split('\t');
                (names.next().unwrap_or_default(), Some(names.collect()))
            }
            None => (line, None),
        };
        LIST.lines().skip(1).map(line).collect()
    })
}

/// The day of the list: `2026-09-21`.
pub fn date() -> &'static str {
    LIST.split(' ').nth(1).unwrap_or_default()
}

/// What is refused of a file's classifiers; each is named once.
pub fn refused(classifiers: &[String], newer: &[String]) -> Vec<Refusal> {
    let mut sorted: Vec<&String> = classifiers.iter().collect();
    sorted.sort();
    sorted.dedup();
    let unknown = sorted.iter().filter(|name| !known().contains_key(name.as_str()) && !newer.contains(name));
    let unknown = unknown
        .map(|name| Refusal::new("classifier", format!("{} is not a valid classifier.", repr(name))).hint(hint(name)));
    let retired = sorted.iter().filter_map(|name| Some((name, known().get(name.as_str())?.as_ref()?)));
    let retired = retired.map(|(name, instead)| {
        let text = match instead.as_slice() {
            [] => format!("The classifier {} has been deprecated.", repr(name)),
            list => {
                let list: Vec<String> = list.iter().map(|name| repr(name)).collect();
                format!("The classifier {} has been deprecated, use one of [{}] instead.", repr(name), list.join(", "))
            }
        };
        Refusal::new("classifier", text)
    });
    unknown.chain(retired).collect()
}

fn hint(name: &str) -> String {
    let date = date();
    if name.starts_with("Private ::") {
        return "this classifier keeps a project off PyPI: remove it, or publish to another index".into();
    }
    let score = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
    let current = known().iter().filter(|(_, instead)| instead.is_none()).map(|(name, _)| *name);
    let near = current.max_by(|one, other| score(one).total_cmp(&score(other))).filter(|near| score(near) > 0.9);
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    format!("{near}our list is from {date}; if PyPI has added it since, list it in `new-classifiers:` of the wheel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifiers() {
        let check = |name: &str, newer: &[&str], expected: &str| {
            let newer: Vec<String> = newer.iter().map(ToString::to_string).collect();
            let found = refused(&[name.to_owned()], &newer);
            let shown = found.first().map(|one| format!("{} {}", one.text, one.hint.as_deref().unwrap_or_default()));
            let shown = shown.unwrap_or_default();
            assert!(if expected.is_empty() { shown.is_empty() } else { shown.contains(expected) }, "{name}: {shown}");
        };
        check("Programming Language :: Python :: 3.14", &[], "");
        check("Typing :: Typed", &[], "");
        check("Private :: Do Not Upload", &[], "keeps a project off PyPI");
        check("License :: OSI Approved :: Apache 2.0", &[], "is not a valid classifier. ");
        check("Programming Language :: Python :: 3.99", &[], "our list is from 20");
        check("Programming Language :: Python :: 3.99", &["Programming Language :: Python :: 3.99"], "");
        check("Natural Language :: Ukranian", &[], "use one of ['Natural Language :: Ukrainian'] instead");
        // A retired one is refused even if listed as new.
        check("Natural Language :: Ukranian", &["Natural Language :: Ukranian"], "has been deprecated");
        check("typing :: typed", &[], "did you mean `Typing :: Typed`?");
        check("", &[], "'' is not a valid classifier");
    }

    #[test]
    fn the_list_has_a_day_and_is_whole() {
        assert_eq!((date().len(), &date()[..2]), (10, "20"));
        assert!(known().len() > 850, "{}", known().len());
    }
}
