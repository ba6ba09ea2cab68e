//! What Python has to do with a project: a module, a program, or functions of C. maturin's rules.

use super::Bindings;
use super::crates::Resolved;
use crate::facts::python::PythonProject;

/// The bindings of a project, as it is compiled.
///
/// # Errors
/// Why nothing is built of it: text and hint.
pub fn of(project: &PythonProject, resolved: &Resolved) -> Result<Bindings, (String, &'static str)> {
    let manifest = &project.manifest;
    let own = project.crates.get(manifest);
    let (library, program) = own.map_or((true, false), |own| (own.cdylib, own.program));
    let has = |name: &str| resolved.packages.contains(name);
    let pyo3 = has("pyo3") || has("pyo3-ffi");
    let embeds = || {
        let text = format!("`{manifest}` is a program that embeds Python: it uses pyo3 and has no `cdylib`");
        Err((text, "not in this version: a module needs `crate-type = [\"cdylib\"]`, a program must not use pyo3"))
    };
    match project.bindings.as_deref() {
        Some("pyo3" | "pyo3-ffi") => Ok(Bindings::Pyo3),
        Some("bin") if pyo3 => embeds(),
        Some("bin") => Ok(Bindings::Bin),
        Some("cffi") => Ok(Bindings::Cffi),
        Some("uniffi") => Ok(Bindings::Uniffi),
        Some(other) => Err((
            format!("`{}` has `bindings = {other:?}`, which are not in this version", project.pyproject),
            "use `pyo3`, `pyo3-ffi`, `bin`, `cffi` or `uniffi`",
        )),
        None if pyo3 && !library && program => embeds(),
        None if pyo3 => Ok(Bindings::Pyo3),
        None if has("uniffi") => Ok(Bindings::Uniffi),
        // What depends on pyo3 through a crate of a registry alone cannot be told from this; `bindings` says it.
        None if own.is_some() && library => Ok(Bindings::Cffi),
        None if program => Ok(Bindings::Bin),
        None => Ok(Bindings::Pyo3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::python::crates::Crate;

    #[test]
    fn as_maturin_finds_them() {
        let check = |written: Option<&str>, packages: &[&str], (cdylib, program): (bool, bool), expected: &str| {
            let project = PythonProject {
                manifest: "Cargo.toml".into(),
                bindings: written.map(str::to_owned),
                crates: [("Cargo.toml".to_owned(), Crate { cdylib, program, ..Crate::default() })].into(),
                ..PythonProject::default()
            };
            let resolved =
                Resolved { packages: packages.iter().map(ToString::to_string).collect(), ..Resolved::default() };
            let found = of(&project, &resolved).map_or_else(|(text, _)| text, |found| format!("{found:?}"));
            assert!(found.contains(expected), "{written:?} {packages:?}: {found}");
        };
        check(None, &["pyo3"], (true, false), "Pyo3");
        check(None, &["pyo3"], (true, true), "Pyo3");
        check(None, &["pyo3-ffi"], (true, false), "Pyo3");
        check(None, &["pyo3"], (false, true), "a program that embeds Python");
        check(Some("bin"), &["pyo3"], (true, true), "a program that embeds Python");
        check(Some("bin"), &["log"], (true, true), "Bin");
        check(None, &["log"], (false, true), "Bin");
        check(None, &["uniffi", "log"], (true, true), "Uniffi");
        check(None, &[], (true, true), "Cffi");
        check(Some("uniffi"), &[], (true, false), "Uniffi");
        check(Some("cffi"), &["pyo3"], (true, false), "Cffi");
        check(Some("rust-cpython"), &[], (true, false), "which are not in this version");
    }
}
