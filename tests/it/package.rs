//! Small wheels and sdists that pip can install, made here.

use std::io::{Cursor, Write};

use base64::Engine;
use flate2::{Compression, write::GzEncoder};
use longshore::digest::Digest;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// Names and bytes of what is in an archive.
pub type Members = Vec<(String, Vec<u8>)>;

/// The tag of a wheel for everybody.
pub const ANY: &str = "py3-none-any";

/// A package with one module, in which `SAYS` is the text.
#[derive(Clone, Copy)]
pub struct Package<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub says: &'a str,
}

/// A file for an index.
#[derive(Clone)]
pub struct Made {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Builds the wheel of an sdist with nothing but Python itself.
const BACKEND: &str = r#"
import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    text = open("PKG-INFO").read()
    field = lambda name: text.split("\n" + name + ": ", 1)[1].splitlines()[0]
    stem = field("Name").replace("-", "_") + "-" + field("Version")
    name = stem + "-py3-none-any.whl"
    info = stem + ".dist-info/"
    wheel = "Wheel-Version: 1.0\nGenerator: sdist\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as file:
        for module in os.listdir("src"):
            file.write(os.path.join("src", module), module)
        file.writestr(info + "METADATA", text)
        file.writestr(info + "WHEEL", wheel)
        file.writestr(info + "RECORD", "")
    return name
"#;

impl<'a> Package<'a> {
    pub fn new(name: &'a str, version: &'a str) -> Self {
        Self { name, version, says: "hello" }
    }

    /// The same with another text, so that its bytes are others.
    pub fn saying(self, says: &'a str) -> Self {
        Self { says, ..self }
    }

    pub fn metadata(&self) -> String {
        let Self { name, version, .. } = self;
        format!(
            "Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nSummary: A package for tests\nClassifier: \
             Programming Language :: Python :: 3\nRequires-Python: >=3.8\nProject-URL: Home, https://example.com/\n\
             Description-Content-Type: text/markdown\n\n# {name}\n\nSmall.\n"
        )
    }

    /// `NAME-VERSION`, as file names write it.
    pub fn stem(&self) -> String {
        format!("{}-{}", self.name.to_lowercase().replace(['-', '.'], "_"), self.version)
    }

    /// What is in a wheel with that tag, `RECORD` at its end.
    pub fn members(&self, tag: &str) -> Members {
        let info = format!("{}.dist-info", self.stem());
        let pure = tag.ends_with("-any");
        let wheel = format!("Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\nTag: {tag}\n");
        let mut members = vec![
            (self.module(), format!("SAYS = {:?}\n", self.says).into_bytes()),
            (format!("{info}/METADATA"), self.metadata().into_bytes()),
            (format!("{info}/WHEEL"), wheel.into_bytes()),
        ];
        let line = |(name, bytes): &(String, Vec<u8>)| {
            let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let digest: Vec<u8> = Digest::of(bytes).hex().as_bytes().chunks(2).map(byte).collect();
            format!("{name},sha256={},{}\n", engine.encode(digest), bytes.len())
        };
        let record: String = members.iter().map(line).collect();
        members.push((format!("{info}/RECORD"), format!("{record}{info}/RECORD,,\n").into_bytes()));
        members
    }

    pub fn wheel(&self, tag: &str) -> Made {
        Made { name: format!("{}-{tag}.whl", self.stem()), bytes: zip(&self.members(tag), CompressionMethod::Deflated) }
    }

    pub fn sdist(&self) -> Made {
        let project = format!(
            "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n\n[project]\nname = \
             {:?}\nversion = {:?}\n",
            self.name, self.version
        );
        let files = [
            ("PKG-INFO", self.metadata()),
            ("pyproject.toml", project),
            ("backend.py", BACKEND.to_owned()),
            (&format!("src/{}", self.module()), format!("SAYS = {:?}\n", self.says)),
        ];
        let stem = self.stem();
        let members: Members =
            files.into_iter().map(|(name, text)| (format!("{stem}/{name}"), text.into_bytes())).collect();
        Made { name: format!("{stem}.tar.gz"), bytes: tar_gz(&members) }
    }

    fn module(&self) -> String {
        format!("{}.py", self.name.to_lowercase().replace(['-', '.'], "_"))
    }
}

impl Made {
    pub fn sha256(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

fn byte(hex: &[u8]) -> u8 {
    u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap()
}

pub fn zip(members: &[(String, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub fn tar_gz(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // ZIP, into which some of it goes again, begins in 1980.
        header.set_mtime(1_000_000_000);
        tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}
