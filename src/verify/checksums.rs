//! Does the checksums file list exactly the planned files, with the digests they have?

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use super::content::some_of;
use super::finished::Finished;
use super::set::Arrived;
use crate::digest::Digest;
use crate::plan::ChecksumsWork;
use crate::problem::Problem;

/// No honest list is longer: 64 KiB of names at 4 KiB each.
const LIMIT: u64 = 16 << 20;

/// Reads the list as `sha256sum -c` does and compares it with the records of what it covers.
///
/// # Errors
/// If it cannot be read.
pub fn check(of: Finished<'_>, reader: File, work: &ChecksumsWork, set: &Arrived) -> anyhow::Result<Vec<Problem>> {
    let mut bytes = Vec::new();
    reader.take(LIMIT).read_to_end(&mut bytes)?;
    if let Some(problem) = of.other_bytes(Digest::of(&bytes), bytes.len() as u64) {
        return Ok(vec![problem]);
    }
    let wrong = |text: String| of.problem("checksums-wrong", text);
    let listed = match parse(&bytes) {
        Ok(listed) => listed,
        Err(why) => return Ok(vec![wrong(why)]),
    };
    let mut problems = Vec::new();
    let missing = work.covers.iter().filter(|covered| !listed.contains_key(covered.name.as_str()));
    if let Some(names) = some_of(missing.map(|covered| covered.name.as_str())) {
        problems.push(wrong(format!("does not list {names}")));
    }
    let planned = |name: &str| work.covers.iter().find(|covered| covered.name == name);
    if let Some(names) = some_of(listed.keys().copied().filter(|name| planned(name).is_none())) {
        problems.push(wrong(format!("lists {names}, which it should not")));
    }
    let differs = |(name, digest): &(&&str, &Digest)| {
        let made = planned(name).and_then(|covered| set.file(&covered.step, &covered.name));
        made.is_some_and(|made| made.sha256 != **digest)
    };
    if let Some(names) = some_of(listed.iter().filter(differs).map(|(name, _)| *name)) {
        problems.push(wrong(format!("lists a wrong digest for {names}")));
    }
    Ok(problems)
}

/// `<64 hex digits>  <name>` per line, `*` instead of the second space for binary mode.
fn parse(bytes: &[u8]) -> Result<BTreeMap<&str, Digest>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("is truncated: its last line is incomplete".into());
    }
    let mut listed = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let parts = line.split_once("  ").or_else(|| line.split_once(" *"));
        let entry = parts.filter(|(hex, _)| hex.len() == 64).and_then(|(hex, name)| Some((name, hex.parse().ok()?)));
        let Some((name, digest)) = entry else {
            return Err(format!("is not a list for `sha256sum -c`: line {} is not `DIGEST  NAME`", index + 1));
        };
        if listed.insert(name, digest).is_some() {
            return Err(format!("lists `{name}` twice"));
        }
    }
    Ok(listed)
}
