//! A library in a wheel, and where Python sees it.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::inspect::BinaryFacts;

/// One library (or program) in a wheel.
#[derive(Debug)]
pub struct Library {
    pub path: String,
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    pub facts: BinaryFacts,
    /// Symbols of Python that it takes from the interpreter.
    pub python: Vec<String>,
    /// Functions that it gives by which Python starts a module: `PyInit_…`, `PyModExport_…`.
    pub inits: Vec<String>,
    /// `serde-1.0.228` for each `serde-1.0.228/src/` in it: crates whose paths the compiler left there.
    pub crates: BTreeSet<String>,
    /// Which of the texts that were asked for are in it.
    pub texts: BTreeSet<String>,
}

impl Library {
    /// Whether Python imports it, by its name; others are needed by those or are started.
    pub fn is_module(&self) -> bool {
        imported_as(&self.path).is_some()
    }
}

/// The machine code that a wheel is about: its modules; without one, its programs and whatever else is loaded.
pub fn own(libraries: &[Library]) -> impl Iterator<Item = &Library> {
    let has_module = libraries.iter().any(Library::is_module);
    libraries.iter().filter(move |library| !has_module || library.is_module())
}

/// The path of a member as Python sees it when installed; nothing for what goes elsewhere.
pub fn installed(path: &str) -> Option<&str> {
    let (top, rest) = path.split_once('/').unwrap_or((path, ""));
    if top.ends_with(".data") {
        return rest.strip_prefix("platlib/").or_else(|| rest.strip_prefix("purelib/"));
    }
    let hidden = [".dist-info", ".libs", ".dylibs"].iter().any(|end| top.ends_with(end));
    let bundled = path.split('/').any(|folder| folder == ".dylibs" || folder == ".libs");
    (!hidden && !bundled).then_some(path)
}

/// The path of the module that a library is, if its name says so: `nh3/nh3` of `nh3/nh3.abi3.so`.
pub fn imported_as(path: &str) -> Option<&str> {
    let path = installed(path)?;
    let name = path.rsplit('/').next()?;
    let (stem, tag) = name.split_once('.')?;
    let python = tag == "pyd"
        || tag.ends_with(".pyd")
        || (tag.ends_with(".so")
            && (tag.starts_with("abi3") || tag.starts_with("cpython-") || tag.starts_with("pypy")));
    python.then(|| &path[..path.len() - name.len() + stem.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_are_modules() {
        for (path, expected) in [
            ("nh3/nh3.abi3.so", Some("nh3/nh3")),
            ("nh3/nh3.pyd", Some("nh3/nh3")),
            ("a/_b.cp311-win_amd64.pyd", Some("a/_b")),
            ("_b.cpython-311-x86_64-linux-gnu.so", Some("_b")),
            ("a-1.data/platlib/a/b.abi3.so", Some("a/b")),
            ("a.libs/libgcc_s-1.so.1", None),
            ("a/.dylibs/libz.abi3.so", None),
            ("a-1.data/scripts/tool.pyd", None),
            ("a/plain.so", None),
        ] {
            assert_eq!(imported_as(path), expected, "{path}");
        }
    }
}
