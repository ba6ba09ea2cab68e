//! An abi3 library may take from the interpreter only what the stable ABI of its oldest Python has.
//!
//! <https://docs.python.org/3/c-api/stable.html>

use std::collections::HashMap;
use std::sync::LazyLock;

use super::flaw::{Flaw, flaw};
use super::library::Library;
use crate::verify::content::some_of;
use crate::wheel::WheelTag;

/// The oldest Python 3 with a stable ABI.
const FIRST: u32 = 2;

/// The minor version of Python 3 that added a name.
static ADDED: LazyLock<HashMap<&'static str, u32>> = LazyLock::new(|| {
    let mut added = HashMap::new();
    let mut minor = FIRST;
    for line in include_str!("stable_abi.txt").lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("[3.").and_then(|rest| rest.strip_suffix(']')) {
            Some(number) => minor = number.parse().unwrap_or(minor),
            None => added.extend(line.split_whitespace().map(|name| (name, minor))),
        }
    }
    added
});

/// Whether a library keeps the promise of an abi3 tag; others are bound to one Python and may take everything.
pub fn check(library: &Library, tag: &WheelTag, flaws: &mut Vec<Flaw>) {
    if !tag.abi.split('.').any(|abi| abi.starts_with("abi3")) {
        return;
    }
    let mut wrong = |text: String, hint: &str| {
        flaws.push(flaw("wheel-abi3", format!("contains `{}`, which {text}", library.path), hint));
    };
    let oldest = oldest(&tag.python);
    let taken = || library.python.iter().map(String::as_str);
    if let Some(names) = some_of(taken().filter(|name| !ADDED.contains_key(name))) {
        let hint = "enable pyo3's `abi3-pyXY` feature, in this crate and in every other that uses pyo3";
        wrong(format!("uses {names} of Python, which are not in the stable ABI"), hint);
    }
    if let Some(names) = some_of(taken().filter(|name| ADDED.get(name).is_some_and(|added| *added > oldest))) {
        let hint = "raise pyo3's `abi3-pyXY` feature and `requires-python` together: the tag follows them";
        wrong(format!("uses {names} of Python, which 3.{oldest} does not have"), hint);
    }
    if let Some(names) = some_of(library.facts.needed.iter().map(String::as_str).filter(|name| is_one_python(name))) {
        let hint = "link against `python3.dll`, as pyo3 does with its `abi3-pyXY` feature";
        wrong(format!("links {names}, one version of Python"), hint);
    }
}

/// The minor version of the oldest Python that a tag is for: `cp310` is 10.
pub fn oldest(python: &str) -> u32 {
    python.split('.').filter_map(|tag| tag.strip_prefix("cp3")?.parse().ok()).min().unwrap_or(FIRST)
}

/// `python311.dll`, `libpython3.11.so.1.0`; `python3.dll` and `libpython3.so` are the stable ABI's own.
fn is_one_python(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    name.strip_prefix("python3").is_some_and(digits) || name.strip_prefix("libpython3.").is_some_and(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_when_they_came() {
        for (name, added) in [
            ("PyList_New", 2),
            ("_Py_Dealloc", 2),
            ("PyType_GetSlot", 4),
            ("PyModule_AddType", 10),
            ("PyObject_GetBuffer", 11),
            ("PyUnicode_AsUTF8AndSize", 10),
            ("PyLong_AsInt", 13),
        ] {
            assert_eq!(ADDED.get(name), Some(&added), "{name}");
        }
        assert!(ADDED.len() > 950 && !ADDED.contains_key("PyUnicode_AsUTF8"));
    }

    #[test]
    fn oldest_python() {
        for (tag, expected) in [("cp38", 8), ("cp310", 10), ("cp313.cp310", 10), ("py3", FIRST), ("", FIRST)] {
            assert_eq!(oldest(tag), expected, "{tag}");
        }
    }

    #[test]
    fn libraries_of_one_python() {
        for (name, expected) in [
            ("python311.dll", true),
            ("PYTHON3.dll", false),
            ("python3t.dll", false),
            ("libpython3.11.so.1.0", true),
            ("/usr/lib/libpython3.so", false),
        ] {
            assert_eq!(is_one_python(name), expected, "{name}");
        }
    }
}
