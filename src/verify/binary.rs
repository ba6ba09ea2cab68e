//! Is an executable what its step promised: format, architecture, linkage, loader, glibc floor, size?

use std::fs::File;
use std::io::{BufReader, Seek};

use super::{Found, other_bytes, problem};
use crate::artifact::{self, InspectedBinary};
use crate::digest::Digest;
use crate::inspect::{BinaryFacts, inspect_reader, parse_version};
use crate::plan::{BinaryWork, Step};
use crate::problem::Problem;
use crate::target::{Arch, Libc, Linkage, Os, Target};

/// Reads one executable. If its bytes are not the recorded ones, nothing more is said about them.
///
/// # Errors
/// If it cannot be read.
pub fn check(
    step: &Step,
    work: &BinaryWork,
    (file, mut reader): (&artifact::File, File),
    found: &mut Found,
) -> anyhow::Result<()> {
    let bytes = Digest::of_reader(&mut reader)?;
    if let Some(problem) = other_bytes(step, file, bytes) {
        found.problems.push(problem);
        return Ok(());
    }
    reader.rewind()?;
    match inspect_reader(BufReader::new(reader)) {
        Err(why) => found.problems.push(problem(step, "not-executable", format!("`{}` {why}", file.name))),
        Ok(facts) => {
            found.problems.extend(broken_promises(step, work, file, &facts));
            found.binaries.push(InspectedBinary {
                step: step.id.clone(),
                name: file.name.clone(),
                size: file.size,
                facts,
            });
        }
    }
    Ok(())
}

fn broken_promises(step: &Step, work: &BinaryWork, file: &artifact::File, facts: &BinaryFacts) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |code, text: String| problems.push(problem(step, code, format!("`{}` {text}", file.name)));
    if let Some(target) = step.target {
        if let Some((code, text)) = wrong_machine(target, facts) {
            // A binary of another machine breaks every other promise, too; saying so helps nobody.
            add(code, text);
            return problems;
        }
        if let Some((code, text)) = wrong_linkage(target, work.linkage, facts) {
            add(code, text);
        } else if let Some(text) = wrong_loader(target, facts) {
            add("wrong-interpreter", text);
        }
    }
    if let (Some(floor), Some(needed)) = (&work.glibc, &facts.glibc)
        && parse_version(needed) > parse_version(floor)
    {
        add("glibc-above-floor", format!("needs glibc {needed}, promised is {floor}"));
    }
    if let Some(most) = work.max_size.filter(|most| file.size > *most) {
        add("too-large", format!("has {} bytes, at most {most} are allowed", file.size));
    }
    problems
}

fn wrong_machine(target: Target, facts: &BinaryFacts) -> Option<(&'static str, String)> {
    let format = match target.os() {
        Os::Linux => "elf",
        Os::Darwin => "macho",
        Os::Windows => "pe",
    };
    if facts.format != format {
        return Some(("wrong-format", format!("is {}, {target} needs {}", spoken(&facts.format), spoken(format))));
    }
    let arch = target.arch().name();
    if facts.arch.split('+').all(|has| has != arch) {
        return Some(("wrong-architecture", format!("is {}, {target} needs {arch}", facts.arch)));
    }
    None
}

fn spoken(format: &str) -> &str {
    match format {
        "elf" => "an ELF file",
        "macho" => "a Mach-O file",
        _ => "a PE file",
    }
}

fn wrong_linkage(target: Target, promised: Linkage, facts: &BinaryFacts) -> Option<(&'static str, String)> {
    if target.os() == Os::Darwin || promised == facts.linkage {
        return None;
    }
    if promised == Linkage::Dynamic {
        return Some(("not-dynamic", "is static, promised is dynamic".into()));
    }
    let reason = match &facts.interpreter {
        Some(interpreter) => format!("needs `{interpreter}`"),
        None => format!("needs `{}`", facts.needed.join("`, `")),
    };
    Some(("not-static", format!("{reason}, promised is static")))
}

/// A dynamic ELF file must ask for the loader that its system has where every distribution puts it. Another one (of a
/// Nix store, of another libc) works only on the machine that compiled it.
fn wrong_loader(target: Target, facts: &BinaryFacts) -> Option<String> {
    if facts.format != "elf" || facts.linkage == Linkage::Static {
        return None;
    }
    let known = match (target.libc(), target.arch()) {
        (Libc::Musl, Arch::X86_64) => "/lib/ld-musl-x86_64.so.1",
        (Libc::Musl, Arch::Aarch64) => "/lib/ld-musl-aarch64.so.1",
        (_, Arch::X86_64) => "/lib64/ld-linux-x86-64.so.2",
        (_, Arch::Aarch64) => "/lib/ld-linux-aarch64.so.1",
    };
    match facts.interpreter.as_deref() {
        Some(interpreter) if interpreter == known => None,
        Some(interpreter) => Some(format!("is started by `{interpreter}`, {target} has `{known}`")),
        None => Some("is a library, no program: it names no loader".into()),
    }
}
