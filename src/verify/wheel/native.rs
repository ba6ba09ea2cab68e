//! Libraries in a wheel: are they machine code of the tag's format and architecture, and who compiled what into them?

use std::io::{Read, Seek};

use super::expected::Expected;
use super::flaw::{Flaw, flaw};
use super::library::{Library, own};
use super::linux::{self, Inside, is_in};
use super::platform::Platform;
use super::stable_abi;
use crate::digest::Digest;
use crate::inspect::{Scan, inspect_reader, parse_version, symbols};
use crate::target::Os;
use crate::verify::content::{Listing, printable, some_of};

/// Reads one library, of which the digest, the size and what stands in it are known.
///
/// # Errors
/// Why it is not a library.
pub fn look(
    path: &str,
    mut bytes: impl Read + Seek,
    digest: Digest,
    size: u64,
    seen: Scan<'_>,
) -> Result<Library, String> {
    let facts = inspect_reader(&mut bytes)?;
    let wanted = |name: &[u8]| name.starts_with(b"Py") || name.starts_with(b"_Py");
    let found = symbols(bytes, &wanted)?;
    let (crates, texts) = seen.finish();
    Ok(Library {
        path: path.to_owned(),
        digest,
        size,
        facts,
        python: found.imported,
        inits: found.exported.into_iter().filter(|name| starts_module(name)).collect(),
        crates,
        texts,
    })
}

/// `PyInit_…`, and since Python 3.15 `PyModExport_…` (<https://peps.python.org/pep-0793/>).
fn starts_module(name: &str) -> bool {
    name.starts_with("PyInit") || name.starts_with("PyModExport_")
}

/// Every library against the tag and the target.
pub fn check(expected: &Expected<'_>, libraries: &[Library], listing: &Listing, flaws: &mut Vec<Flaw>) {
    let platforms: Vec<Platform<'_>> = expected.tag.platform.split('.').map(Platform::of).collect();
    if platforms.contains(&Platform::Any)
        && let Some(held) = some_of(libraries.iter().map(|library| library.path.as_str()))
    {
        let hint = "a wheel with machine code is for one platform: check `targets:`";
        flaws.push(flaw("wheel-library", format!("is for any platform, but contains {held}"), hint));
    }
    let inside: Inside<'_> = listing.keys().filter_map(|path| path.rsplit('/').next()).collect();
    for library in libraries {
        if let Some(text) = wrong_machine(expected, &platforms, library) {
            let hint = format!("build it for {}: files of steps were swapped, or `targets:` is wrong", expected.target);
            flaws.push(flaw("wheel-library", format!("contains `{}`, which {text}", library.path), hint));
            // A library of another machine breaks every other promise, too.
            continue;
        }
        linux::check(library, &platforms, &inside, flaws);
        elsewhere(library, &inside, flaws);
        later(library, &platforms, flaws);
        stable_abi::check(library, expected.tag, flaws);
    }
}

/// What `variant-check:` says of the modules of a wheel.
pub fn variant_check(expected: &Expected<'_>, libraries: &[Library], flaws: &mut Vec<Flaw>) {
    let hint =
        "it was built with the features of another distribution, or stripping removed the text of `variant-check:`";
    let held = |text: &String| own(libraries).find(|library| library.texts.contains(text));
    for text in expected.present.iter().filter(|text| held(text).is_none()) {
        flaws.push(flaw("dist-variants", format!("does not contain `{}` in its libraries", printable(text)), hint));
    }
    for text in expected.absent {
        if let Some(library) = held(text) {
            let text = format!("contains `{}` in `{}`, which it must not", printable(text), library.path);
            flaws.push(flaw("dist-variants", text, hint));
        }
    }
}

fn wrong_machine(expected: &Expected<'_>, platforms: &[Platform<'_>], library: &Library) -> Option<String> {
    let target = match expected.target.os() {
        Os::Linux => "elf",
        Os::Darwin => "macho",
        Os::Windows => "pe",
    };
    let arch = expected.target.arch().name();
    let promised = platforms.iter().filter_map(|platform| platform.machine());
    for (format, arches) in promised.chain([(target, vec![arch])]) {
        if library.facts.format != format {
            return Some(format!("is {}, but the wheel is for {format}", library.facts.format));
        }
        let has = |arch: &str| library.facts.arch.split('+').any(|has| has == arch);
        if let Some(missing) = arches.iter().find(|arch| !has(arch)) {
            return Some(format!("is for {}, but the wheel is for {missing}", library.facts.arch));
        }
    }
    None
}

/// Apple's libraries are the system's or lie in the wheel; others are on the machine that compiled it.
fn elsewhere(library: &Library, inside: &Inside<'_>, flaws: &mut Vec<Flaw>) {
    if library.facts.format != "macho" {
        return;
    }
    let system = |name: &str| name.starts_with("/usr/lib/") || name.starts_with("/System/Library/");
    let ours = |name: &str| name.starts_with('@') && is_in(inside, name);
    let needed = library.facts.needed.iter().map(String::as_str);
    if let Some(foreign) = some_of(needed.filter(|name| !(system(name) || ours(name)))) {
        let hint = "link it statically (a `vendored` feature), or let `delocate-wheel` copy it into the wheel";
        flaws.push(flaw(
            "wheel-policy",
            format!("contains `{}`, which needs {foreign} of the build machine", library.path),
            hint,
        ));
    }
}

/// A library may be for an older macOS than the tag says, not for a later one.
fn later(library: &Library, platforms: &[Platform<'_>], flaws: &mut Vec<Flaw>) {
    let promised = platforms.iter().filter_map(|platform| match platform {
        Platform::Macos { version, .. } => Some(*version),
        _ => None,
    });
    let (Some((major, minor)), Some(needed)) = (promised.min(), &library.facts.macos) else { return };
    if parse_version(needed) > Some(vec![major, minor]) {
        let text =
            format!("contains `{}`, which needs macOS {needed}, but the tag promises {major}.{minor}", library.path);
        flaws.push(flaw("wheel-policy", text, "set `macos:` to the required version: the tag follows it"));
    }
}
