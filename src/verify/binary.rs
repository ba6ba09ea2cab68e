//! Is an executable what its step promised: format, architecture, linkage, loader, minimum glibc, size?

use std::fs::File;
use std::io::Seek;

use super::content::some_of;
use super::finished::Finished;
use super::found::Findings;
use crate::artifact::{self, InspectedBinary};
use crate::digest::Digest;
use crate::inspect::{BinaryFacts, inspect_reader, is_c_runtime, parse_version};
use crate::macos::MacosVersion;
use crate::plan::{BinaryWork, PlannedBuilder};
use crate::problem::Problem;
use crate::target::{Arch, Libc, Linkage, Os, Target};

/// Reads one executable. If its bytes are not the recorded ones, nothing more is said about them.
///
/// # Errors
/// If it cannot be read.
pub fn check(
    of: Finished<'_>,
    mut reader: File,
    work: &BinaryWork,
    found: &mut Findings,
) -> anyhow::Result<Vec<Problem>> {
    let (digest, size) = Digest::of_reader(&mut reader)?;
    if let Some(problem) = of.other_bytes(digest, size) {
        return Ok(vec![problem]);
    }
    reader.rewind()?;
    let facts = match inspect_reader(reader) {
        Err(why) => return Ok(vec![of.problem("not-executable", why)]),
        Ok(facts) => facts,
    };
    let broken = broken_promises(of.step.target, work, of.file, &facts);
    let (step, name) = (of.step.id.to_string(), of.file.name.clone());
    found.binaries.push(InspectedBinary { step, name, size: of.file.size, facts });
    Ok(broken.into_iter().map(|broken| of.problem(broken.code, broken.text).hint(broken.hint)).collect())
}

/// A promise that the bytes do not keep.
struct Broken {
    code: &'static str,
    text: String,
    hint: String,
}

fn broken(code: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Broken {
    Broken { code, text: text.into(), hint: hint.into() }
}

fn broken_promises(
    target: Option<Target>,
    work: &BinaryWork,
    file: &artifact::File,
    facts: &BinaryFacts,
) -> Vec<Broken> {
    let mut all = Vec::new();
    if let Some(target) = target {
        if let Some(broken) = wrong_machine(target, work, file, facts) {
            // An executable of another machine breaks every other promise, too, which need not be reported.
            return vec![broken];
        }
        all.extend(wrong_linkage(target, work.linkage, facts).or_else(|| wrong_loader(target, facts)));
    }
    if let (Some(minimum), Some(needed)) = (&work.glibc, &facts.glibc)
        && parse_version(needed) > parse_version(minimum)
    {
        let text = format!("needs glibc {needed}, but the minimum is {minimum}");
        let hint = "build on an older system (`runner:`, `container:`) or with `builder: zigbuild`, or raise `glibc:`";
        all.push(broken("glibc-above-minimum", text, hint));
    }
    if let (Some(promised), Some(needed)) = (work.macos, &facts.macos)
        && needed.parse().is_ok_and(|needed: MacosVersion| needed > promised)
    {
        let text = format!("needs macOS {needed}, but the minimum is {promised}");
        let hint = "set `macos:` to the required version; a library or a linker argument may require it";
        all.push(broken("macos-above-minimum", text, hint));
    }
    if let Some(most) = work.max_size.filter(|most| file.size > *most) {
        let text = format!("has {} bytes; the limit is {most}", file.size);
        all.push(broken("too-large", text, "strip it (`strip = true` in the cargo profile), or raise `max-size:`"));
    }
    all
}

fn wrong_machine(target: Target, work: &BinaryWork, file: &artifact::File, facts: &BinaryFacts) -> Option<Broken> {
    let format = match target.os() {
        Os::Linux => "elf",
        Os::Darwin => "macho",
        Os::Windows => "pe",
    };
    let hint = match work.builder {
        PlannedBuilder::Prebuilt => {
            format!("put the executable for {target} there: `--prebuilt DIR` takes `DIR/{target}/{}`", file.name)
        }
        _ => format!("build it for {target}: check `runner:`, `builder:` and `cargo-args:` of this binary"),
    };
    if facts.format != format {
        let text = format!("is {}, but {target} needs {}", spoken(&facts.format), spoken(format));
        return Some(broken("wrong-format", text, hint));
    }
    let arch = target.arch().name();
    let has = facts.arch.split('+').any(|has| has == arch);
    let text = format!("is {}, but {target} needs {arch}", facts.arch);
    (!has).then(|| broken("wrong-architecture", text, hint))
}

fn spoken(format: &str) -> &str {
    match format {
        "elf" => "an ELF file",
        "macho" => "a Mach-O file",
        _ => "a PE file",
    }
}

fn wrong_linkage(target: Target, promised: Linkage, facts: &BinaryFacts) -> Option<Broken> {
    // Apple has no static executables, so nothing about them can be promised.
    if target.os() == Os::Darwin || promised == facts.linkage {
        return None;
    }
    if promised == Linkage::Dynamic {
        let text = "is static, expected dynamic";
        return Some(broken("not-dynamic", text, "set `linkage: static` if that is intended"));
    }
    let needed = facts.interpreter.iter().chain(&facts.needed);
    let reason = some_of(needed.map(String::as_str).filter(|name| facts.format != "pe" || is_c_runtime(name)));
    let text = format!("needs {}, expected static", reason.unwrap_or_default());
    let hint = "compile it with `-C target-feature=+crt-static` (the default of musl), or set `linkage: dynamic`";
    Some(broken("not-static", text, hint))
}

/// A dynamic ELF file must ask for the loader that its system has where every distribution puts it. Another one (of a
/// Nix store, of another libc) works only on machines like the one that compiled it.
fn wrong_loader(target: Target, facts: &BinaryFacts) -> Option<Broken> {
    if facts.format != "elf" || facts.linkage == Linkage::Static {
        return None;
    }
    let known = match (target.libc(), target.arch()) {
        (Libc::Musl, Arch::X86_64) => "/lib/ld-musl-x86_64.so.1",
        (Libc::Musl, Arch::Aarch64) => "/lib/ld-musl-aarch64.so.1",
        (_, Arch::X86_64) => "/lib64/ld-linux-x86-64.so.2",
        (_, Arch::Aarch64) => "/lib/ld-linux-aarch64.so.1",
    };
    let text = match facts.interpreter.as_deref() {
        Some(interpreter) if interpreter == known => return None,
        Some(interpreter) => format!("uses the loader `{interpreter}`, but {target} has `{known}`"),
        None => "is a library, not a program: it has no loader".into(),
    };
    let hint = "build it with a standard toolchain: outside of a Nix shell, or with `builder: zigbuild`";
    Some(broken("wrong-interpreter", text, hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Mode;

    #[test]
    fn a_later_macos_than_promised() {
        let check = |promised: Option<&str>, needed: Option<&str>, expected: &[&str]| {
            let mut work = serde_json::json!({
                "outputs": [{ "name": "app" }], "manifest": "Cargo.toml", "package": "app", "bins": ["app"], "builder": "cargo", "profile": "release",
                "features": [], "default_features": true, "all_features": false, "locked": true, "cargo_args": [],
                "env": {}, "pass_env": [], "before": [], "assets": [], "linkage": "dynamic",
            });
            work["macos"] = promised.into();
            let work: BinaryWork = serde_json::from_value(work).unwrap();
            let facts = BinaryFacts {
                format: "macho".into(),
                arch: "aarch64".into(),
                linkage: Linkage::Dynamic,
                interpreter: None,
                needed: Vec::new(),
                glibc: None,
                macos: needed.map(str::to_owned),
                stripped: true,
            };
            let (name, sha256) = ("app".into(), Digest::of(b"a"));
            let file = artifact::File { name, size: 1, sha256, mode: Mode::Executable, diff_id: None };
            let broken = broken_promises("aarch64-apple-darwin".parse().ok(), &work, &file, &facts);
            let texts: Vec<&str> = broken.iter().map(|broken| broken.text.as_str()).collect();
            assert_eq!(texts, expected);
        };
        check(Some("11.0"), Some("11.0"), &[]);
        check(Some("13.0"), Some("10.12"), &[]);
        check(Some("11.0"), Some("13.3"), &["needs macOS 13.3, but the minimum is 11.0"]);
        check(None, Some("13.3"), &[]);
        check(Some("11.0"), None, &[]);
    }
}
