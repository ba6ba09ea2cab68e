//! Makes a layer, or takes it from the local cache: compressing is nearly all the work there is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::pack::{self, Body, Member};
use super::{archive, scratch};
use crate::artifact::{self, Artifact, Mode};
use crate::digest::Digest;
use crate::plan::{LayerWork, Step};
use crate::target::Os;
use crate::world::files;
use crate::world::store::{Store, read_json, write_json};

/// The number of the way layers are written; it changes whenever the same files would give other bytes.
const LAYER_FORMAT: u32 = 1;
/// How many layers the cache keeps.
const KEPT: usize = 64;

/// What the cache knows of a layer.
#[derive(Serialize, Deserialize)]
struct Cached {
    size: u64,
    sha256: Digest,
    diff_id: Digest,
}

/// Makes the one output of a layer step.
///
/// # Errors
/// If a member is missing or not what was planned, or the layer cannot be written.
pub fn make(
    machine: Machine<'_>,
    commit: &archive::Files,
    step: &Step,
    work: &LayerWork,
) -> anyhow::Result<Vec<artifact::File>> {
    let store = machine.store;
    let [output] = &work.outputs;
    fs::create_dir_all(store.root())?;
    let scratch = tempfile::tempdir_in(store.root())?;
    let mut members = archive::members(machine, commit, work.packed(), scratch.path(), Os::Linux)?;
    if work.system {
        members.extend(scratch::members());
    }
    let key = key(store, work, &members)?;
    let folder = store.step(&step.id);
    let cache = store.root().join("cache").join("layers");
    if let Some(file) = cached(&cache, key, &folder, &output.name) {
        return Ok(vec![file]);
    }
    let file = pack::layer(work.compression, members, &folder, &output.name)?;
    // A cache that cannot be written costs time, not the release.
    let _ = keep(&cache, key, &folder.join(&output.name), &file);
    Ok(vec![file])
}

/// Digest of everything that the bytes of a layer depend on.
fn key(store: &Store, work: &LayerWork, members: &[Member]) -> anyhow::Result<Digest> {
    let mut text = format!("longshore layer {LAYER_FORMAT} {:?} {}\n", work.compression, env!("CARGO_PKG_VERSION"));
    let mut lines = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let known = work.executables.get(index).map(|executable| digest_of(store, executable)).transpose()?;
        let body = match (&member.body, known) {
            (Body::File { executable, .. }, Some(digest)) => format!("file {executable} {digest}"),
            (Body::File { from, executable }, None) => {
                let file = fs::File::open(from).with_context(|| format!("cannot read `{}`", from.display()))?;
                format!("file {executable} {}", Digest::of_reader(file)?.0)
            }
            (Body::Text(bytes), _) => format!("text {}", Digest::of(bytes)),
            (Body::Link(link), _) => format!("link {link:?}"),
            (Body::Folder(bits, owner), _) => format!("folder {bits:o} {owner}"),
        };
        lines.push(format!("{:?} {body}\n", member.path));
    }
    lines.sort();
    text.extend(lines);
    Ok(Digest::of(text.as_bytes()))
}

/// The digest of an executable stands in the record of the step that made it.
fn digest_of(store: &Store, executable: &crate::plan::Member) -> anyhow::Result<Digest> {
    let record: Artifact = read_json(&store.record(&executable.step))?;
    let file = record.files.iter().find(|file| file.name == executable.output);
    file.map(|file| file.sha256).with_context(|| format!("`{}` produced no `{}`", executable.step, executable.output))
}

fn places(cache: &Path, key: Digest) -> (PathBuf, PathBuf) {
    (cache.join(format!("{}.json", key.hex())), cache.join(format!("{}.blob", key.hex())))
}

/// A layer out of the cache, if it is there and still has the digest it had.
fn cached(cache: &Path, key: Digest, folder: &Path, name: &str) -> Option<artifact::File> {
    let (facts, blob) = places(cache, key);
    let known: Cached = read_json(&facts).ok()?;
    let seen = Digest::of_reader(fs::File::open(&blob).ok()?).ok()?;
    if seen != (known.sha256, known.size) {
        let _ = fs::remove_file(&blob);
        return None;
    }
    fs::create_dir_all(folder).ok()?;
    let path = folder.join(name);
    let _ = fs::remove_file(&path);
    files::link(&blob, &path).ok()?;
    let (size, sha256) = (known.size, known.sha256);
    Some(artifact::File { name: name.into(), size, sha256, mode: Mode::Plain, diff_id: Some(known.diff_id) })
}

fn keep(cache: &Path, key: Digest, made: &Path, file: &artifact::File) -> anyhow::Result<()> {
    let (facts, blob) = places(cache, key);
    let Some(diff_id) = file.diff_id else { return Ok(()) };
    fs::create_dir_all(cache)?;
    let _ = fs::remove_file(&blob);
    files::link(made, &blob)?;
    write_json(&facts, &Cached { size: file.size, sha256: file.sha256, diff_id })?;
    let mut all = Vec::new();
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|ending| ending == "blob") {
            all.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    all.sort();
    for (_, old) in all.iter().rev().skip(KEPT) {
        fs::remove_file(old)?;
        fs::remove_file(old.with_extension("json"))?;
    }
    Ok(())
}
