//! Does a wheel hold what Python will import: its packages, and libraries with the function that starts them?

use super::expected::Expected;
use super::flaw::{Flaw, flaw};
use super::library::{Library, imported_as, installed};
use super::stable_abi;
use crate::digest::Digest;
use crate::verify::content::{Entry, Listing};
use crate::wheel::FIRST_ABI3T;

/// Import packages that are there only in name, and libraries that cannot be imported.
pub fn check(expected: &Expected<'_>, libraries: &[Library], listing: &Listing, flaws: &mut Vec<Flaw>) {
    for library in libraries {
        let Some(stem) = imported_as(&library.path).and_then(|path| path.rsplit('/').next()) else { continue };
        let init = format!("PyInit_{stem}");
        let newer = format!("PyModExport_{stem}");
        let is_newer = stable_abi::oldest(&expected.tag.python) >= FIRST_ABI3T && library.inits.contains(&newer);
        if !library.inits.contains(&init) && !is_newer {
            let has = match library.inits.first() {
                Some(other) => format!(" (it has `{other}`)"),
                None => String::new(),
            };
            let text =
                format!("contains `{}`, which has no function `{init}`{has}: it cannot be imported", library.path);
            let hint = "the `#[pymodule]` must have the name of the last part of maturin's `module-name`";
            flaws.push(flaw("wheel-init", text, hint));
        }
    }
    for module in expected.modules.iter().filter(|module| !is_there(module, libraries, listing)) {
        let text = format!("has nothing to import as `{module}`: no non-empty `__init__.py`, no library of that name");
        let hint = "check maturin's `python-source`, `python-packages` and `module-name`; a folder without Python files is imported as an empty package";
        flaws.push(flaw("wheel-empty-module", text, hint));
    }
}

/// A file of the module, a file right below it, or a library that is the module itself.
fn is_there(module: &str, libraries: &[Library], listing: &Listing) -> bool {
    let folder = module.replace('.', "/");
    let below = format!("{folder}/");
    let source = |path: &str| {
        let child = path.strip_prefix(&below).is_some_and(|rest| !rest.contains('/'));
        path.strip_suffix(".py").is_some_and(|path| path == folder || child)
    };
    let file =
        |(path, entry): (&String, &Entry)| matches!(entry, Entry::File { .. }) && installed(path).is_some_and(source);
    if libraries.iter().any(|library| imported_as(&library.path) == Some(&folder)) {
        return true;
    }
    // Where a generator wrote nothing there is an empty `__init__.py`, and a library that is not a module.
    let inside = |path: &str| installed(path).is_some_and(|path| path.starts_with(&below));
    let own = || libraries.iter().filter(|library| inside(&library.path));
    let says = |(path, entry): (&String, &Entry)| {
        inside(path)
            && path.ends_with(".py")
            && !matches!(entry, Entry::File { digest, .. } if *digest == Digest::of(b""))
    };
    let is_empty = own().next().is_some() && !own().any(Library::is_module) && !listing.iter().any(says);
    listing.iter().any(file) && !is_empty
}

/// Whether anything of a wheel can be imported under a top-level name.
pub fn has_top(name: &str, listing: &Listing) -> bool {
    let of = |path: &str| {
        let top = path.split('/').next().unwrap_or(path);
        top == name || top.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
    };
    listing.keys().filter_map(|path| installed(path)).any(of)
}
