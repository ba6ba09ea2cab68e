//! Files of the commit without a checkout: one start of git gives the bytes of all, where nothing changes them on their way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::commit::git;
use super::machine::Machine;
use crate::world::git::STATUS;

/// What in a file of attributes may say that a checkout holds other bytes than the commit
/// (<https://git-scm.com/docs/gitattributes>). Else all line ends are the commit's.
const CHANGING: [&str; 5] = ["filter", "ident", "working-tree-encoding", "crlf", "[attr]"];

/// The bytes of files of the plan's commit by path; of a dirty plan as they lie in the work tree where they differ. Of a link
/// they are what it points at. `None`: only a checkout tells.
pub fn read(machine: Machine<'_>, wanted: &BTreeSet<String>) -> Option<BTreeMap<String, Vec<u8>>> {
    let Machine { runner, plan, .. } = machine;
    let mut found = if plan.dirty { changed(machine, wanted)? } else { BTreeMap::new() };
    let open: Vec<&String> = wanted.iter().filter(|path| !found.contains_key(*path)).collect();
    let whole: Vec<String> = wanted.iter().map(|path| format!("{}{path}", machine.checkout.prefix)).collect();
    let attributes = attributes(&whole);
    let whole_open = open.iter().map(|path| format!("{}{path}", machine.checkout.prefix));
    let names: Vec<String> = whole_open.chain(attributes).collect();
    if names.iter().any(|name| name.contains('\n')) {
        return None;
    }
    let input: String = names.iter().map(|name| format!("{}:{name}\n", plan.commit)).collect();
    let asked = git(machine.store.repository(), &["cat-file", "--batch", "--buffer"]).input(input);
    let said = runner.bytes(&asked).ok()?;
    let mut rest = said.as_slice();
    let mut blobs = Vec::new();
    for _ in &names {
        blobs.push(answer(&mut rest)?);
    }
    let texts = blobs.split_off(open.len());
    let changes =
        |text: &[u8]| CHANGING.iter().any(|word| text.windows(word.len()).any(|part| part == word.as_bytes()));
    if texts.into_iter().flatten().any(changes) {
        return None;
    }
    for (path, blob) in open.into_iter().zip(blobs) {
        found.insert(path.clone(), blob?.to_vec());
    }
    Some(found)
}

/// The files of attributes that may concern some paths: one in each folder above them.
fn attributes(paths: &[String]) -> BTreeSet<String> {
    let ends = paths.iter().flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..=at]));
    ends.chain([""]).map(|folder| format!("{folder}.gitattributes")).collect()
}

/// The next answer of `git cat-file --batch`: the bytes of a file, or nothing if there is none of this name.
/// <https://git-scm.com/docs/git-cat-file#_batch_output>.
fn answer<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end + 1..];
    if line.ends_with(" missing") {
        return Some(None);
    }
    let [_, kind, size] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let size: usize = size.parse().ok()?;
    let bytes = rest.get(..size)?;
    *rest = rest.get(size + 1..)?;
    // A folder, or the commit of a submodule.
    Some((kind == "blob").then_some(bytes))
}

/// Which of the files differ from the commit, and how they lie in the work tree. `None`: one of them is more than other bytes.
fn changed(machine: Machine<'_>, wanted: &BTreeSet<String>) -> Option<BTreeMap<String, Vec<u8>>> {
    let repository = machine.store.repository();
    let status = machine.runner.bytes(&git(repository, &STATUS)).ok()?;
    let status = String::from_utf8(status).ok()?;
    let mut found = BTreeMap::new();
    for entry in status.split('\0') {
        let (Some(state), Some(path)) = (entry.get(..2), entry.get(3..)) else { continue };
        let Some(path) = path.strip_prefix(&machine.checkout.prefix).filter(|path| wanted.contains(*path)) else {
            continue;
        };
        let at = repository.join(path);
        let is_file = fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_file());
        if !is_file || !state.chars().all(|letter| " MA?".contains(letter)) {
            return None;
        }
        found.insert(path.to_owned(), fs::read(&at).ok()?);
    }
    Some(found)
}
