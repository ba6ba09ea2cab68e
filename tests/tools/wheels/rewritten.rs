//! A real wheel taken apart, changed, and put together again.

use std::fs::File;
use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Its members in order; RECORD as it stands.
pub struct Rewritten {
    members: Vec<(String, Vec<u8>)>,
    /// Sizes after the data, as written to a pipe.
    pub piped: bool,
}

impl Rewritten {
    pub fn of(path: &Path) -> Self {
        let mut archive = ZipArchive::new(File::open(path).unwrap()).unwrap();
        let mut members = Vec::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            members.push((entry.name().unwrap().into_owned(), content));
        }
        Self { members, piped: false }
    }

    /// The library that Python imports.
    pub fn library(&self) -> String {
        let ends = |path: &str| path.ends_with(".abi3.so") || path.ends_with(".pyd");
        self.members.iter().find(|(path, _)| ends(path)).unwrap().0.clone()
    }

    pub fn content(&mut self, path: &str) -> &mut Vec<u8> {
        &mut self.members.iter_mut().find(|(known, _)| known == path).unwrap().1
    }

    pub fn remove(&mut self, path: &str) {
        let before = self.members.len();
        self.members.retain(|(known, _)| known != path);
        assert_ne!(self.members.len(), before, "{path}");
    }

    /// Everything below the metadata keeps its place.
    pub fn remove_package(&mut self) {
        self.members.retain(|(path, _)| path.contains(".dist-info/"));
    }

    pub fn edit(&mut self, path: &str, change: impl FnOnce(String) -> String) {
        let content = self.content(path);
        let text = String::from_utf8(content.clone()).unwrap();
        *content = change(text.clone()).into_bytes();
        assert_ne!(*content, text.into_bytes(), "{path} is as before");
    }

    /// Writes a name over another everywhere in a file, with zeros up to its length.
    pub fn rename_symbol(&mut self, path: &str, from: &str, to: &str) {
        assert!(to.len() <= from.len());
        let mut padded = to.as_bytes().to_vec();
        padded.resize(from.len(), 0);
        let content = self.content(path);
        let places: Vec<usize> = content
            .windows(from.len())
            .enumerate()
            .filter(|(_, window)| *window == from.as_bytes())
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty(), "{path} has no {from}");
        for at in places {
            content[at..at + from.len()].copy_from_slice(&padded);
        }
    }

    /// Writes RECORD anew.
    pub fn record(&mut self) {
        let rows: String = self.members.iter().map(row).collect();
        let record = self.members.iter_mut().find(|(path, _)| path.ends_with(".dist-info/RECORD")).unwrap();
        record.1 = rows.into_bytes();
    }

    pub fn bytes(&self) -> Vec<u8> {
        if self.piped {
            let mut zip = ZipWriter::new_stream(Vec::new());
            self.write(&mut zip);
            zip.finish().unwrap().into_inner()
        } else {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            self.write(&mut zip);
            zip.finish().unwrap().into_inner()
        }
    }

    fn write<W: Write + Seek>(&self, zip: &mut ZipWriter<W>) {
        // Fast: there are many of them.
        let options = SimpleFileOptions::default().compression_level(Some(1)).unix_permissions(0o644);
        for (path, content) in &self.members {
            zip.start_file(path.as_str(), options).unwrap();
            zip.write_all(content).unwrap();
        }
    }
}

fn row((path, content): &(String, Vec<u8>)) -> String {
    if path.ends_with(".dist-info/RECORD") {
        return format!("{path},,\n");
    }
    format!("{path},sha256={},{}\n", URL_SAFE_NO_PAD.encode(Sha256::digest(content)), content.len())
}
