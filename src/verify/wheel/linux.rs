//! manylinux and musllinux: what a library may take from the system, by what it asks the loader for.
//!
//! The lists are those of <https://peps.python.org/pep-0599/> and its successors as auditwheel knows them
//! (`policy/manylinux-policy.json`, `policy/musllinux-policy.json`); <https://peps.python.org/pep-0656/>.

use std::collections::HashSet;

use super::flaw::{Flaw, flaw};
use super::library::Library;
use super::platform::{Glibc, Platform};
use crate::inspect::parse_version;
use crate::verify::content::some_of;

/// Libraries that every manylinux system has.
const MANYLINUX: [&str; 22] = [
    "libatomic.so.1",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libm.so.6",
    "libanl.so.1",
    "libdl.so.2",
    "librt.so.1",
    "libc.so.6",
    "libnsl.so.1",
    "libutil.so.1",
    "libpthread.so.0",
    "libX11.so.6",
    "libXext.so.6",
    "libXrender.so.1",
    "libICE.so.6",
    "libSM.so.6",
    "libGL.so.1",
    "libgobject-2.0.so.0",
    "libgthread-2.0.so.0",
    "libglib-2.0.so.0",
    "libresolv.so.2",
    "libz.so.1",
];

/// The files of a wheel without their folders.
pub type Inside<'l> = HashSet<&'l str>;

/// Whether a wheel holds a file of a library's name, in whatever folder.
pub fn is_in(inside: &Inside<'_>, name: &str) -> bool {
    inside.contains(name.rsplit('/').next().unwrap_or(name))
}

/// Whether a library keeps the promise of every Linux tag of its wheel.
pub fn check(library: &Library, platforms: &[Platform<'_>], inside: &Inside<'_>, flaws: &mut Vec<Flaw>) {
    let mut wrong = |text: String, hint: &str| {
        flaws.push(flaw("wheel-policy", format!("contains `{}`, which {text}", library.path), hint));
    };
    let glibc = platforms.iter().filter_map(|platform| match platform {
        Platform::Manylinux { glibc, arch } => Some((*glibc, *arch)),
        _ => None,
    });
    let musl = platforms.iter().any(|platform| matches!(platform, Platform::Musllinux { .. }));
    let lowest = glibc.min();
    if lowest.is_none() && !musl {
        return;
    }
    // musl looks at no version: gcc's own library has some of glibc everywhere.
    if musl
        && let Some(version) = &library.facts.glibc
        && library.facts.needed.iter().any(|name| name == "libc.so.6")
    {
        wrong(format!("needs GLIBC_{version}, but is for musl"), "build it for a musl target");
    }
    if let (Some((glibc, arch)), Some(needed)) = (lowest, &library.facts.glibc)
        && parse_version(needed) > Some(provided(glibc, arch))
    {
        let text = format!("needs GLIBC_{needed}, but the tag promises {}.{}", glibc.major, glibc.minor);
        wrong(text, "build on an older system (`container:`) or with `builder: zigbuild`, or raise `compatibility:`");
    }
    let allowed = |name: &str| match lowest {
        _ if is_in(inside, name) => true,
        Some((glibc, _)) => manylinux(name, glibc) && (!musl || musllinux(name)),
        None => musllinux(name),
    };
    if let Some(foreign) = some_of(library.facts.needed.iter().map(String::as_str).filter(|name| !allowed(name))) {
        let hint = "link it statically (a `vendored` feature), or let `auditwheel repair` copy it into the wheel";
        wrong(format!("needs {foreign}, which not every system of its platform tag has"), hint);
    }
}

/// The numbers that symbols may have. The arm64 systems of manylinux 2.17 have one version more.
fn provided(glibc: Glibc, arch: &str) -> Vec<u32> {
    match (glibc.major, glibc.minor, arch) {
        (2, 17, "aarch64") => vec![2, 18],
        (major, minor, _) => vec![major, minor],
    }
}

fn manylinux(name: &str, glibc: Glibc) -> bool {
    // The loader is there whenever the C library is.
    let loader = name.starts_with("ld-linux") || matches!(name, "ld64.so.1" | "ld64.so.2");
    let later = (name == "libexpat.so.1" && glibc >= Glibc { major: 2, minor: 12 })
        || (name == "libmvec.so.1" && glibc >= Glibc { major: 2, minor: 24 });
    loader || later || MANYLINUX.contains(&name)
}

/// musl is one file with several names; zlib is on every such system as well.
fn musllinux(name: &str) -> bool {
    matches!(name, "libc.so" | "libz.so.1") || name.starts_with("libc.musl-") || name.starts_with("ld-musl-")
}
