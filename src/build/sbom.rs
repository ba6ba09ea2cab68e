//! What a wheel is made of, as files of its `.dist-info/sboms`: without the folder that it was built in.
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/#the-dist-info-sboms-directory>

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memmem;
use sha2::{Digest, Sha256};
use url::Url;
use zip::{ZipArchive, ZipWriter};

use crate::world::busy;

/// Where the SBOMs of a wheel name the copy that it was built in, they name it `.`: `path+file://./crates/a#1.0.0`. Their
/// rows in RECORD follow; every other member keeps its place and its bytes. A wheel without such a name stays untouched.
///
/// # Errors
/// If it is not a wheel, or cannot be written.
pub fn make_relative(wheel: &Path, top: &Path) -> anyhow::Result<()> {
    let mut archive = ZipArchive::new(File::open(wheel)?)?;
    let folder = names_of(top);
    let (mut changed, mut record) = (BTreeMap::new(), None);
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let is_record = name.ends_with(".dist-info/RECORD");
        if !is_record && !name.contains(".dist-info/sboms/") {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).with_context(|| format!("cannot read its `{name}`"))?;
        if is_record {
            record = Some((index, String::from_utf8(content)?));
        } else if let Some(relative) = relative(&content, &folder) {
            changed.insert(index, (row(&name, &content), row(&name, &relative), relative));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let (at, mut rows) = record.context("it has no RECORD")?;
    for (old, new, _) in changed.values() {
        if !rows.contains(old.as_str()) {
            bail!("its RECORD has no row `{}`", old.trim_end());
        }
        rows = rows.replacen(old.as_str(), new, 1);
    }
    let mut new: BTreeMap<usize, Vec<u8>> = changed.into_iter().map(|(index, (_, _, new))| (index, new)).collect();
    new.insert(at, rows.into_bytes());
    let folder = wheel.parent().context("a wheel is in a folder")?;
    let mut zip = ZipWriter::new(tempfile::NamedTempFile::new_in(folder)?);
    for index in 0..archive.len() {
        match new.get(&index) {
            Some(content) => {
                let entry = archive.by_index_raw(index)?;
                zip.start_file(entry.name()?.into_owned(), entry.options())?;
                zip.write_all(content)?;
            }
            None => zip.raw_copy_file(archive.by_index_raw(index)?)?,
        }
    }
    let made = zip.finish()?.into_temp_path();
    drop(archive);
    busy::persist(made, wheel)?;
    Ok(())
}

/// A row of RECORD, as maturin writes it.
fn row(name: &str, content: &[u8]) -> String {
    format!("{name},sha256={},{}\n", URL_SAFE_NO_PAD.encode(Sha256::digest(content)), content.len())
}

/// How a folder is written: in a URL, as it is, and as it is in JSON.
fn names_of(folder: &Path) -> Vec<Vec<u8>> {
    let plain = folder.display().to_string();
    let url = Url::from_file_path(folder).map(|url| url.path().to_owned());
    let json = plain.replace('\\', "\\\\");
    let slashed = plain.replace('\\', "/");
    let mut names: Vec<Vec<u8>> = url.into_iter().chain([plain, json, slashed]).map(String::into_bytes).collect();
    names.dedup();
    names
}

/// With `.` for a folder; nothing, if it is not named.
fn relative(content: &[u8], names: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut made = None;
    for name in names {
        let from: &[u8] = made.as_deref().unwrap_or(content);
        let (mut to, mut done) = (Vec::new(), 0);
        for at in memmem::find_iter(from, name) {
            let end = at + name.len();
            // `/a/tree-2` is not in `/a/tree`, and `b/a/tree` is another one.
            let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-~%".contains(byte);
            let within = from[..at].last().is_some_and(|byte| byte.is_ascii_alphanumeric());
            if !within && !from.get(end).is_some_and(goes_on) {
                to.extend_from_slice(&from[done..at]);
                to.push(b'.');
                done = end;
            }
        }
        if done > 0 {
            to.extend_from_slice(&from[done..]);
            made = Some(to);
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use zip::CompressionMethod;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Members of a zip: the name, how they are packed, the packed bytes, and what else is said of them.
    fn members(wheel: &Path) -> Vec<(String, CompressionMethod, Vec<u8>, String)> {
        let mut archive = ZipArchive::new(File::open(wheel).unwrap()).unwrap();
        let count = archive.len();
        let one = |index| {
            let mut entry = archive.by_index_raw(index).unwrap();
            let said = format!("{:?} {:?} {:?}", entry.unix_mode(), entry.last_modified(), entry.flags());
            let (name, method) = (entry.name().unwrap().into_owned(), entry.compression());
            let mut packed = Vec::new();
            entry.read_to_end(&mut packed).unwrap();
            (name, method, packed, said)
        };
        (0..count).map(one).collect()
    }

    fn content(wheel: &Path, name: &str) -> String {
        let mut archive = ZipArchive::new(File::open(wheel).unwrap()).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// A wheel of a module, two SBOMs and what else maturin writes, with RECORD at its end.
    fn wheel(path: &Path, sbom: &str, given: &str) {
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        let plain = SimpleFileOptions::default().unix_permissions(0o644).last_modified_time(Default::default());
        // Packed in another way than we pack.
        let library = plain.compression_level(Some(1)).unix_permissions(0o755);
        let stored = plain.compression_method(CompressionMethod::Stored);
        let mut rows = String::new();
        let module = "module ".repeat(999);
        for (name, content, options) in [
            ("a/_a.abi3.so", module.as_str(), library),
            ("a-1.dist-info/METADATA", "Name: a\n", stored),
            ("a-1.dist-info/sboms/a.cyclonedx.json", sbom, plain),
            ("a-1.dist-info/sboms/given.json", given, stored),
        ] {
            zip.start_file(name, options).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
            rows.push_str(&row(name, content.as_bytes()));
        }
        zip.start_file("a-1.dist-info/RECORD", plain).unwrap();
        zip.write_all(format!("{rows}a-1.dist-info/RECORD,,\n").as_bytes()).unwrap();
        zip.finish().unwrap();
    }

    #[test]
    fn only_what_names_the_copy_and_its_row_of_record_change() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("st age").join("tree");
        let url = Url::from_file_path(&top).unwrap();
        let sbom = |root: &str| {
            format!(
                "{{\"ref\": \"path+{root}#a@1.0.0\", \"dependsOn\": [\"path+{root}/crates/b#1.0.0\", \"registry+https://x.y/i#c@1.0.0\"]}}\n"
            )
        };
        let plain = top.display().to_string().replace('\\', "\\\\");
        let given = |root: &str| {
            format!("{{\"file\": \"{root}/LICENSE\", \"at\": \"{root}\", \"other\": \"{plain}-2 x{plain}\"}}\n")
        };
        let (made, expected) = (folder.path().join("made.whl"), folder.path().join("expected.whl"));
        wheel(&made, &sbom(url.as_str()), &given(&plain));
        wheel(&expected, &sbom("file://."), &given("."));
        let before = members(&made);
        make_relative(&made, &top).unwrap();
        assert_eq!(content(&made, "a-1.dist-info/sboms/a.cyclonedx.json"), sbom("file://."));
        assert_eq!(content(&made, "a-1.dist-info/sboms/given.json"), given("."));
        assert_eq!(content(&made, "a-1.dist-info/RECORD"), content(&expected, "a-1.dist-info/RECORD"));
        let after = members(&made);
        assert_eq!(after[..2], before[..2]);
        let rest = |(name, method, _, said): &(String, CompressionMethod, Vec<u8>, String)| {
            (name.clone(), *method, said.clone())
        };
        assert_eq!(after.iter().map(rest).collect::<Vec<_>>(), before.iter().map(rest).collect::<Vec<_>>());
        // As if it had been written so at once.
        assert!(std::fs::read(&made).unwrap() == std::fs::read(&expected).unwrap());
        make_relative(&made, &top).unwrap();
        assert!(std::fs::read(&made).unwrap() == std::fs::read(&expected).unwrap());
    }

    #[test]
    fn a_record_that_says_otherwise_is_no_wheel_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let (path, top) = (folder.path().join("a.whl"), folder.path().join("tree"));
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in
            [("a-1.dist-info/sboms/a.json", top.display().to_string()), ("a-1.dist-info/RECORD", "x".into())]
        {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let error = make_relative(&path, &top).unwrap_err().to_string();
        assert!(error.starts_with("its RECORD has no row `a-1.dist-info/sboms/a.json,sha256="), "{error}");
    }
}
