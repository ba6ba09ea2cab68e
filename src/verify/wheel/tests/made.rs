//! A wheel in the making: its members, its tag, and what was planned.

use std::io::{Cursor, Seek, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::inspect::sample::Elf;
use crate::verify::wheel::{Expected, Flaw, Wheel, read};
use crate::wheel::{DistributionName, WheelName};

pub const INFO: &str = "demo_lib-1.2.0rc1.dist-info";
pub const LIBRARY: &str = "demo/_demo.abi3.so";
pub const NAME: &str = "demo_lib-1.2.0rc1-cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";

/// A module of Python 3.10's stable ABI for a system with glibc 2.17.
pub fn module() -> Elf {
    Elf {
        machine: 62,
        needed: vec!["libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"],
        versions: vec![("GLIBC_2.17", 0)],
        taken: vec!["PyList_New", "_Py_Dealloc", "PyModule_AddType", "malloc"],
        given: vec!["PyInit__demo"],
        ..Elf::default()
    }
}

/// A library, and texts in it as a compiler leaves them.
pub fn with_texts(elf: &Elf, texts: &str) -> Vec<u8> {
    [elf.bytes(), texts.as_bytes().to_vec()].concat()
}

#[derive(Clone)]
pub struct Parts {
    pub name: String,
    pub planned: &'static str,
    pub target: &'static str,
    pub modules: &'static [&'static str],
    pub max_size: Option<u64>,
    pub present: &'static [&'static str],
    pub absent: &'static [&'static str],
    pub prebuilt: bool,
    /// Path and content, in order; all but RECORD.
    pub members: Vec<(String, Vec<u8>)>,
    pub record: fn(String) -> Option<String>,
    pub file: fn(Vec<u8>) -> Vec<u8>,
    /// In one pass, as to a pipe.
    pub piped: bool,
    /// A symbolic link and what it points at.
    pub link: Option<(&'static str, &'static str)>,
}

impl Parts {
    pub fn good() -> Self {
        let metadata = "Metadata-Version: 2.4\nName: demo-lib\nVersion: 1.2.0rc1\nLicense-File: LICENSE\n\
                        Provides-Extra: a\nProvides-Extra: all\nRequires-Dist: x >= 1 ; extra == 'a'\n\
                        Requires-Dist: demo-lib[a] ; extra == 'all'\nRequires-Dist: opsml[a] ; extra == 'all'\n\n\
                        # Demo\n\nInstalled in /home/me/demo.\n";
        let wheel = "Wheel-Version: 1.0\nGenerator: maturin (1.16.0)\nRoot-Is-Purelib: false\n\
                     Tag: cp310-abi3-manylinux_2_17_x86_64\nTag: cp310-abi3-manylinux2014_x86_64\n";
        let members = [
            ("demo/__init__.py", "from ._demo import *\n"),
            ("demo/py.typed", ""),
            (&format!("{INFO}/METADATA"), metadata),
            (&format!("{INFO}/WHEEL"), wheel),
            (&format!("{INFO}/entry_points.txt"), "[console_scripts]\ndemo = demo:main\n"),
            (&format!("{INFO}/licenses/LICENSE"), "MIT\n"),
            (&format!("{INFO}/sboms/demo.cyclonedx.json"), "{\"bom-ref\": \"registry+https://github.com/x#a@1.0.0\"}"),
        ];
        let mut members: Vec<(String, Vec<u8>)> =
            members.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        members.insert(1, (LIBRARY.into(), with_texts(&module(), "/r/axum-0.8.1/src/lib.rs marker")));
        Self {
            name: NAME.into(),
            planned: NAME,
            target: "x86_64-unknown-linux-gnu",
            modules: &["demo"],
            max_size: None,
            present: &["marker"],
            absent: &["foreign"],
            prebuilt: false,
            members,
            record: Some,
            file: |bytes| bytes,
            piped: false,
            link: None,
        }
    }

    /// Another tag, everywhere.
    pub fn tag(&mut self, planned: &'static str) {
        (self.name, self.planned) = (planned.into(), planned);
        let tag = planned.parse::<WheelName>().unwrap().tag;
        let platforms = |abi: &str| -> String {
            tag.platform.split('.').map(|platform| format!("Tag: {}-{abi}-{platform}\n", tag.python)).collect()
        };
        let tags: String = tag.abi.split('.').map(platforms).collect();
        self.edit(&format!("{INFO}/WHEEL"), |text| {
            let (head, _) = text.split_once("Tag:").unwrap();
            format!("{head}{tags}")
        });
    }

    pub fn put(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.remove(path);
        self.members.push((path.into(), content.into()));
    }

    pub fn remove(&mut self, path: &str) {
        self.members.retain(|(known, _)| known != path);
    }

    pub fn edit(&mut self, path: &str, change: impl FnOnce(String) -> String) {
        let (_, content) = self.members.iter_mut().find(|(known, _)| known == path).unwrap();
        let text = String::from_utf8(std::mem::take(content)).unwrap();
        *content = change(text.clone()).into_bytes();
        assert_ne!(*content, text.into_bytes(), "{path} is as before");
    }

    /// The same of another distribution: `demo_client`.
    pub fn rename(&mut self, distribution: &str) {
        let old = self.info().replace(".dist-info", "");
        let new = old.replace("demo_lib-", &format!("{distribution}-"));
        self.name = self.name.replace(&old, &new);
        self.members.iter_mut().for_each(|(path, _)| *path = path.replace(&old, &new));
        let written = distribution.replace('_', "-");
        self.edit(&format!("{new}.dist-info/METADATA"), |text| text.replace("demo-lib", &written));
    }

    fn info(&self) -> String {
        let place = self.members.iter().find_map(|(path, _)| path.split_once(".dist-info/"));
        format!("{}.dist-info", place.unwrap().0)
    }

    pub fn field(&mut self, line: &str) {
        self.edit(&format!("{INFO}/METADATA"), |text| text.replacen("\n\n", &format!("\n{line}\n\n"), 1));
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut members = self.members.clone();
        let row = |(path, content): &(String, Vec<u8>)| {
            format!("{path},sha256={},{}\n", URL_SAFE_NO_PAD.encode(Sha256::digest(content)), content.len())
        };
        let record = format!("{}/RECORD", self.info());
        let rows: String = members.iter().map(row).chain([format!("{record},,\n")]).collect();
        members.extend((self.record)(rows).map(|text| (record, text.into_bytes())));
        let bytes = if self.piped {
            let mut zip = ZipWriter::new_stream(Vec::new());
            self.write(&mut zip, &members);
            zip.finish().unwrap().into_inner()
        } else {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            self.write(&mut zip, &members);
            zip.finish().unwrap().into_inner()
        };
        (self.file)(bytes)
    }

    fn write<W: Write + Seek>(&self, zip: &mut ZipWriter<W>, members: &[(String, Vec<u8>)]) {
        for (path, content) in members {
            zip.start_file(path.as_str(), SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        if let Some((path, target)) = self.link {
            zip.add_symlink(path, target, SimpleFileOptions::default()).unwrap();
        }
    }

    pub fn read(&self) -> (Option<Wheel>, Vec<Flaw>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&self.bytes()).unwrap();
        file.rewind().unwrap();
        let planned: WheelName = self.planned.parse().unwrap();
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let distribution: DistributionName = "demo-lib".parse().unwrap();
        let expected = Expected {
            distribution: &distribution,
            version: &planned.version,
            tag: &planned.tag,
            target: self.target.parse().unwrap(),
            modules: &owned(self.modules),
            siblings: &["demo".parse().unwrap()],
            max_size: self.max_size,
            present: &owned(self.present),
            absent: &owned(self.absent),
            prebuilt: self.prebuilt,
        };
        read(file, &self.name, &expected).unwrap()
    }
}

/// Breaks the good wheel and compares what is found.
pub fn check(row: &str, change: impl FnOnce(&mut Parts), expected: &[(&str, &str)]) {
    let mut parts = Parts::good();
    change(&mut parts);
    super::same(row, &parts.read().1, expected);
}
