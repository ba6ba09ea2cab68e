//! One tar that carries a store's finished steps from machine to machine, modes intact.
//!
//! ```text
//! plan.json                     first, so that nothing is unpacked for another plan
//! manifest.json                 only from `verify`
//! artifacts/<step>.json
//! steps/<step>/<file>           0644 or 0755
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use tempfile::NamedTempFile;

use super::sink::Sink;
use super::store::{self, Store};
use super::{busy, disk, files};
use crate::artifact::{Artifact, Mode};
use crate::digest::{Digest, Hashing};
use crate::problem::{Exit, Failure, Problem};
use crate::step_id::StepId;

/// Largest plan, manifest or record that is unpacked.
const LARGEST_TEXT: u64 = 8 << 20;

/// Largest finished file that is unpacked. GitHub takes 2 GiB per file; what is packed may be larger before.
const LARGEST_FILE: u64 = 32 << 30;

/// Longest path inside a tar: `steps/`, a step id, `/` and a file name.
const LONGEST_PATH: u64 = 6 + 100 + 1 + 255 + 1;

/// Packs `plan.json`, the records and files of `steps`, and with `manifest` also `manifest.json`. Deterministic.
///
/// # Errors
/// `Failure` with exit 2 if a step was not built, 3 if a file is not what its record says; else what the system says.
pub fn pack<S: AsRef<str>>(store: &Store, steps: &[S], manifest: bool, tar: &Path) -> anyhow::Result<()> {
    let plan: Planned = store::read_json(&store.plan())?;
    let mut builder = tar::Builder::new(BufWriter::with_capacity(1 << 17, Sink::create(tar)?));
    append(&mut builder, "plan.json", &store.plan(), Mode::Plain)?;
    if manifest {
        append(&mut builder, "manifest.json", &store.manifest(), Mode::Plain)?;
    }
    let steps: BTreeSet<&str> = steps.iter().map(AsRef::as_ref).collect();
    let mut records = Vec::new();
    for step in steps {
        if !is_idle(&plan, step) {
            let path = store.record(step);
            if !path.is_file() {
                let problem = Problem::new("not-built", format!("`{step}` was not built here")).step(step);
                return Err(Failure::usage(problem.hint("build it, then pack again")).into());
            }
            append(&mut builder, &format!("artifacts/{step}.json"), &path, Mode::Plain)?;
            records.push(store::read_json::<Artifact>(&path)?);
        }
    }
    for record in &records {
        let files: BTreeMap<&String, _> = record.files.iter().map(|file| (&file.name, file)).collect();
        for (name, file) in files {
            let path = store.file(&record.step, name);
            let found = append(&mut builder, &format!("steps/{}/{name}", record.step), &path, file.mode)?;
            if found != (file.sha256, file.size) {
                let message = format!("`{}` does not match its record ({})", path.display(), file.sha256);
                let problem = Problem::new("wrong-digest", message).hint("build it again").step(&record.step);
                return Err(Failure::new(Exit::Verification, problem).into());
            }
        }
    }
    let sink = builder.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    sink.finish()
}

/// The little of `plan.json` that matters here.
#[derive(Deserialize)]
struct Planned {
    steps: Vec<PlannedStep>,
}

#[derive(Deserialize)]
struct PlannedStep {
    id: String,
    not_run: Option<String>,
}

/// Whether a step leaves nothing: a check that is not run.
fn is_idle(plan: &Planned, step: &str) -> bool {
    plan.steps.iter().any(|planned| planned.id == step && planned.not_run.is_some())
}

/// Appends a file without owner and time; returns what was read.
fn append<W: Write>(
    builder: &mut tar::Builder<W>,
    name: &str,
    path: &Path,
    mode: Mode,
) -> anyhow::Result<(Digest, u64)> {
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut header = tar::Header::new_gnu();
    header.set_size(file.metadata()?.len());
    header.set_mode(mode.bits());
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    let mut seen = Seen { reader: BufReader::with_capacity(1 << 16, file), hashing: Hashing::new(io::sink()) };
    builder.append_data(&mut header, name, &mut seen).with_context(|| format!("cannot pack `{}`", path.display()))?;
    let (_, digest, size) = seen.hashing.finish();
    Ok((digest, size))
}

/// A reader that hashes what passes through it.
struct Seen<R> {
    reader: R,
    hashing: Hashing<io::Sink>,
}

impl<R: Read> Read for Seen<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hashing.write_all(&buffer[..read])?;
        Ok(read)
    }
}

/// Unpacks tars into a store. A path that leaves the store is refused; a file that is there with other bytes is an error.
/// If the plan does not have the expected digest, nothing else of the tar is read.
///
/// # Errors
/// `Failure` with exit 2 if a tar cannot be read; with exit 3 if one is damaged, holds anything else than `pack` writes,
/// is of another plan, or a file is there with other bytes.
pub fn unpack(store: &Store, tars: &[&Path], wanted: Option<Digest>) -> anyhow::Result<()> {
    let mut origins = BTreeMap::new();
    for tar in tars {
        let file = File::open(tar).map_err(|error| {
            let message = format!("cannot read `{}`: {error}", tar.display());
            Failure::usage(Problem::new("missing-tar", message).hint("pass a tar that `--pack` wrote"))
        })?;
        let unpacking = Unpacking { store, tar, wanted, origins: &mut origins, seen: BTreeSet::new() };
        if let Err(error) = unpacking.all(BufReader::with_capacity(1 << 16, file)) {
            if error.is::<Failure>() {
                return Err(error);
            }
            let cannot = format!("cannot unpack `{}`", tar.display());
            if disk::problem(&error).is_some() {
                return Err(error.context(cannot));
            }
            let problem = Problem::new("bad-tar", format!("{cannot}: {error:#}"))
                .hint("pack it again with `--pack`, and transfer it unchanged");
            return Err(Failure::new(Exit::Verification, problem).into());
        }
    }
    Ok(())
}

/// Sees that a plan is the one that was made: whoever may change what lies between two machines could have edited it.
///
/// # Errors
/// `Failure` with exit 3 if it is another one.
pub fn check_plan(file: &Path, wanted: Digest) -> anyhow::Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    is_wanted(Digest::of(&bytes), wanted, &file.display().to_string())
}

fn is_wanted(found: Digest, wanted: Digest, place: &str) -> anyhow::Result<()> {
    if found == wanted {
        return Ok(());
    }
    let problem = Problem::new("wrong-plan-digest", format!("the plan in `{place}` is {found}, expected {wanted}"))
        .hint("pass what was built for that plan; if no other run writes there, find out what edited it");
    Err(Failure::new(Exit::Verification, problem).into())
}

/// One tar on its way into the store.
struct Unpacking<'a> {
    store: &'a Store,
    tar: &'a Path,
    wanted: Option<Digest>,
    origins: &'a mut BTreeMap<PathBuf, PathBuf>,
    seen: BTreeSet<String>,
}

impl Unpacking<'_> {
    fn all(mut self, reader: impl Read) -> anyhow::Result<()> {
        let mut archive = tar::Archive::new(reader);
        let mut long_name = None;
        // Raw: the `tar` crate would read names of any length into memory, and interpret kinds of members we never write.
        for entry in archive.entries()?.raw(true) {
            let mut entry = entry?;
            let size = entry.header().entry_size()?;
            match entry.header().entry_type() {
                tar::EntryType::GNULongName if long_name.is_none() => {
                    ensure!(size <= LONGEST_PATH, "a name is too long");
                    let mut name = String::new();
                    entry.read_to_string(&mut name).context("a name is not UTF-8")?;
                    long_name = Some(name.trim_end_matches('\0').to_owned());
                }
                tar::EntryType::Regular => {
                    let short = || String::from_utf8(entry.header().path_bytes().into_owned());
                    let name = long_name.take().map_or_else(short, Ok).context("a name is not UTF-8")?;
                    let mode = entry.header().mode()? & 0o7777;
                    self.member(&name, mode, size, &mut entry).with_context(|| format!("the member `{name}`"))?;
                }
                kind => bail!("a member is neither a file nor a name: {kind:?}"),
            }
        }
        ensure!(long_name.is_none() && self.seen.contains("plan.json"), "it is truncated");
        Ok(())
    }

    fn member(&mut self, name: &str, mode: u32, size: u64, bytes: &mut dyn Read) -> anyhow::Result<()> {
        let place = place(self.store, name).context("does not belong in a hand-over tar")?;
        ensure!(self.seen.insert(name.to_owned()), "occurs twice");
        ensure!(self.seen.contains("plan.json"), "comes before `plan.json`");
        let (largest, executable) =
            if name.starts_with("steps/") { (LARGEST_FILE, mode == 0o755) } else { (LARGEST_TEXT, false) };
        ensure!(size <= largest, "is too large ({size} bytes)");
        ensure!(mode == 0o644 || executable, "has the mode {mode:o}");
        let folder = place.parent().context("has no folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let mut temporary =
            NamedTempFile::new_in(folder).with_context(|| format!("cannot write in `{}`", folder.display()))?;
        let copied = io::copy(bytes, &mut temporary)?;
        ensure!(copied == size, "is truncated after {copied} of {size} bytes");
        files::set_mode(temporary.path(), mode)?;
        let temporary = temporary.into_temp_path();
        if let Some(wanted) = self.wanted.filter(|_| name == "plan.json") {
            is_wanted(Digest::of(&fs::read(&temporary)?), wanted, &self.tar.display().to_string())?;
        }
        if fs::symlink_metadata(&place).is_ok() {
            if !files::same_bytes(&temporary, &place)? {
                return Err(self.conflict(name, &place).into());
            }
        } else {
            busy::persist(temporary, &place)?;
        }
        files::set_mode(&place, mode)?;
        self.origins.entry(place).or_insert_with(|| self.tar.to_owned());
        Ok(())
    }

    fn conflict(&self, name: &str, place: &Path) -> Failure {
        let other = self.origins.get(place).map_or(place, PathBuf::as_path);
        let (tar, other) = (self.tar.display(), other.display());
        let problem = if name == "plan.json" {
            Problem::new("other-plan", format!("`{tar}` was built for another plan than `{other}`"))
                .hint("build every job from one stored plan (`build --plan plan.json --job JOB --pack JOB.tar`)")
        } else {
            Problem::new("conflicting-file", format!("`{name}` has other bytes in `{tar}` than in `{other}`"))
                .hint("pass one result per job; remove the output folder if it contains an older one")
        };
        Failure::new(Exit::Verification, problem)
    }
}

/// Where a member belongs, if it is one of those that `pack` writes.
fn place(store: &Store, name: &str) -> Option<PathBuf> {
    match *name.split('/').collect::<Vec<_>>() {
        ["plan.json"] => Some(store.plan()),
        ["manifest.json"] => Some(store.manifest()),
        ["artifacts", record] => {
            record.strip_suffix(".json").filter(|step| StepId::is_one(step)).map(|step| store.record(step))
        }
        ["steps", step, file] if StepId::is_one(step) && is_file_name(file) => Some(store.file(step, file)),
        _ => None,
    }
}

/// Whether a text is the name of a finished file: `[A-Za-z0-9._-]+`, and no way out of its folder.
pub fn is_file_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    !matches!(text, "" | "." | "..") && text.len() <= 255 && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{self, ARTIFACT_SCHEMA};
    use crate::world::process::{Cmd, Runner};

    const PLAN: &str = r#"{"steps":[{"id":"binary.a"},{"id":"check.smoke.b","not_run":"another machine"}]}"#;

    fn store(folder: &Path, plan: &str) -> Store {
        let store = Store::new(folder, "out");
        files::write_atomic(&store.plan(), plan.as_bytes()).unwrap();
        store
    }

    /// A store with one finished step of two files, one executable.
    fn built(folder: &Path, text: &str) -> Store {
        let store = store(folder, PLAN);
        let long = format!("{}.txt", "n".repeat(120));
        let file = |name: &str, mode: Mode| {
            files::write_atomic(&store.file("binary.a", name), text.as_bytes()).unwrap();
            files::set_mode(&store.file("binary.a", name), mode.bits()).unwrap();
            let sha256 = Digest::of(text.as_bytes());
            artifact::File { name: name.into(), size: text.len() as u64, sha256, mode, diff_id: None }
        };
        let record = Artifact {
            schema: ARTIFACT_SCHEMA.into(),
            step: "binary.a".into(),
            kind: "binary".into(),
            plan: Digest::of(PLAN.as_bytes()),
            commit: "c".into(),
            files: vec![file("prog", Mode::Executable), file(&long, Mode::Plain)],
            check: None,
            rustflags: Vec::new(),
            published: None,
            not_needed: None,
        };
        store.write_record(&record).unwrap();
        store
    }

    fn steps() -> [&'static str; 2] {
        ["check.smoke.b", "binary.a"]
    }

    fn refusal(error: &anyhow::Error) -> String {
        let failure = error.downcast_ref::<Failure>().expect("a failure");
        assert_eq!(failure.exit, Exit::Verification);
        format!("{}: {failure}", failure.problems[0].code)
    }

    #[test]
    fn carries_records_files_and_modes() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let here = built(one.path(), "text");
        let tar = one.path().join("job.tar");
        pack(&here, &steps(), false, &tar).unwrap();
        let again = one.path().join("again.tar");
        pack(&built(two.path(), "text"), &steps(), false, &again).unwrap();
        assert!(files::same_bytes(&tar, &again).unwrap(), "equal results, equal tars");
        let there = Store::new(&two.path().join("fresh"), "out");
        unpack(&there, &[&tar, &again], None).unwrap();
        assert_eq!(there.records().unwrap(), here.records().unwrap());
        for file in &here.records().unwrap()[0].files {
            let path = there.file("binary.a", &file.name);
            assert!(files::same_bytes(&path, &here.file("binary.a", &file.name)).unwrap());
            let executable = files::is_executable(&File::open(path).unwrap()).unwrap();
            assert_eq!(executable, cfg!(unix) && file.mode == Mode::Executable, "{}", file.name);
        }
        if cfg!(windows) {
            return;
        }
        let runner = Runner::new(crate::world::env::Env::read().for_children(&[]));
        let listed = runner.text(&Cmd::new("tar", one.path()).args(["-tf", "job.tar"])).unwrap();
        let long = "n".repeat(120);
        let expected = format!("plan.json\nartifacts/binary.a.json\nsteps/binary.a/{long}.txt\nsteps/binary.a/prog\n");
        assert_eq!(listed, expected);
    }

    #[test]
    fn packs_only_what_was_built_and_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = built(folder.path(), "text");
        let tar = folder.path().join("job.tar");
        let error = pack(&store, &["archive.x"], false, &tar).unwrap_err();
        assert_eq!(error.downcast::<Failure>().unwrap().exit, Exit::Usage);
        fs::write(store.file("binary.a", "prog"), "changed").unwrap();
        let said = refusal(&pack(&store, &steps(), false, &tar).unwrap_err());
        assert!(said.starts_with("wrong-digest: "), "{said}");
        assert!(!tar.exists());
    }

    #[test]
    fn names_both_tars_where_they_differ() {
        let folder = tempfile::tempdir().unwrap();
        let tar = |name: &str, store: &Store| {
            let tar = folder.path().join(name);
            pack(store, &steps(), false, &tar).unwrap();
            tar
        };
        let one = tar("one.tar", &built(&folder.path().join("1"), "text"));
        let two = tar("two.tar", &built(&folder.path().join("2"), "other"));
        let other_plan = store(&folder.path().join("3"), r#"{"steps":[]}"#);
        let three = folder.path().join("three.tar");
        pack(&other_plan, &[""; 0], false, &three).unwrap();
        let into = |name: &str, tars: &[&Path]| unpack(&Store::new(&folder.path().join(name), "out"), tars, None);
        let said = refusal(&into("a", &[&one, &two]).unwrap_err());
        let (one_name, two_name, three_name) = (one.display(), two.display(), three.display());
        assert_eq!(
            said,
            format!("conflicting-file: `artifacts/binary.a.json` has other bytes in `{two_name}` than in `{one_name}`")
        );
        let said = refusal(&into("b", &[&one, &three]).unwrap_err());
        assert_eq!(said, format!("other-plan: `{three_name}` was built for another plan than `{one_name}`"));
        let error = into("c", &[&folder.path().join("none.tar")]).unwrap_err();
        assert_eq!(error.downcast::<Failure>().unwrap().exit, Exit::Usage);
    }

    // Python writes a tar that our libraries would not.
    #[cfg(unix)]
    #[test]
    fn refuses_everything_that_pack_does_not_write() {
        let folder = tempfile::tempdir().unwrap();
        let attack = |name: &str, script: &str, expected: &str| {
            let tar = folder.path().join(name);
            let script = format!(
                "import io, tarfile\nt = tarfile.open({:?}, 'w', format=tarfile.GNU_FORMAT)\n\
                 def add(path, data=b'{{}}', mode=0o644, kind=tarfile.REGTYPE, link=''):\n    \
                 i = tarfile.TarInfo(path); i.size = len(data); i.mode = mode; i.type = kind; i.linkname = link\n    \
                 t.addfile(i, io.BytesIO(data))\n{script}\nt.close()\n",
                tar.display().to_string()
            );
            let runner = Runner::new(crate::world::env::Env::read().for_children(&[]));
            runner.text(&Cmd::new("python3", folder.path()).args(["-c", &script])).unwrap();
            let inner = folder.path().join(format!("into-{name}"));
            let said = refusal(&unpack(&Store::new(&inner, "out"), &[&tar], None).unwrap_err());
            assert!(said.starts_with("bad-tar: ") && said.ends_with(expected), "{name}: {said}");
            assert!(!folder.path().join("x").exists() && !inner.join("x").exists());
        };
        let plan = "add('plan.json')\n";
        for (name, path) in [
            ("up", "../x"),
            ("up2", "steps/asset.a/../../x"),
            ("up3", "steps/../x"),
            ("absolute", "/tmp/x"),
            ("dot", "./steps/asset.a/x"),
            ("deep", "steps/asset.a/b/c"),
            ("id", "steps/asset.A/x"),
            ("record", "artifacts/..json"),
            ("other", "longshore.yaml"),
            ("name", "steps/asset.a/x y"),
        ] {
            let member = format!("the member `{path}`: does not belong in a hand-over tar");
            attack(name, &format!("{plan}add('{path}')"), &member);
        }
        attack("twice", &format!("{plan}add('plan.json')"), "the member `plan.json`: occurs twice");
        attack("first", "add('steps/asset.a/x')", "the member `steps/asset.a/x`: comes before `plan.json`");
        attack("empty", "", "it is truncated");
        attack("mode", &format!("{plan}add('steps/asset.a/x', mode=0o4755)"), "has the mode 4755");
        attack("mode2", &format!("{plan}add('artifacts/asset.a.json', mode=0o755)"), "has the mode 755");
        attack("link", &format!("{plan}add('steps/asset.a/x', b'', kind=tarfile.SYMTYPE, link='/etc')"), "Symlink");
        attack("hard", &format!("{plan}add('steps/asset.a/x', b'', kind=tarfile.LNKTYPE, link='plan.json')"), "Link");
        attack("folder", &format!("{plan}add('steps/asset.a', b'', kind=tarfile.DIRTYPE)"), "Directory");
        attack("long", &format!("{plan}add('steps/asset.a/' + 'x' * 5000)"), "a name is too long");
        attack(
            "large",
            "i = tarfile.TarInfo('plan.json'); i.size = 1 << 40\nt.fileobj.write(i.tobuf(tarfile.GNU_FORMAT))",
            "is too large (1099511627776 bytes)",
        );
        attack(
            "cut",
            &format!(
                "{plan}i = tarfile.TarInfo('steps/asset.a/x'); i.size = 99\nt.fileobj.write(i.tobuf() + b'short')\nt.fileobj.flush(); import os; os._exit(0)"
            ),
            "is truncated after 5 of 99 bytes",
        );
    }

    #[test]
    fn names_of_files() {
        assert!(is_file_name("App_1.0-x.tar.gz") && is_file_name(".hidden"));
        for text in ["", ".", "..", "a/b", "a b", "ä", &"a".repeat(256)] {
            assert!(!is_file_name(text), "{text}");
        }
    }
}
