//! What a wheel or an sdist says about itself, and its digests.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use blake2::Blake2b;
use blake2::digest::Digest as _;
use blake2::digest::consts::U32;
use flate2::read::GzDecoder;

use super::package::PackageUpload;
use super::rules::is_source;
use crate::core_metadata::CoreMetadata;
use crate::digest::{Digest, Hashing};
use crate::problem::Problem;
use crate::publish::failure::Failure;
use crate::wheel::DistributionName;
use crate::world::members::{Members, unzip};

/// The longest METADATA that is read.
const LONGEST: u64 = 16 << 20;

/// What an upload says of a file.
pub struct Content {
    pub metadata: CoreMetadata,
    /// Its BLAKE2b-256 in hex.
    pub blake2: String,
}

/// Reads a file to its end, and sees that it is the one that was verified.
pub async fn read(upload: &PackageUpload<'_>) -> Result<Content, Failure> {
    let (path, source) = (upload.path.clone(), is_source(upload.file.name));
    let work = move || {
        let (sha256, blake2, size) = digests(&path).map_err(|error| format!("cannot be read: {error}"))?;
        let text = if source { sdist(&path) } else { wheel(&path) }?;
        Ok::<_, String>((sha256, blake2, size, CoreMetadata::parse(&text)?))
    };
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()));
    let refuse = |why: String| {
        let problem = Problem::new("index-metadata", format!("the metadata of `{}`: {why}", upload.file.name));
        Failure::Refused(problem.hint("indexes require valid metadata: build and verify again"))
    };
    let (sha256, blake2, size, metadata) = done.map_err(refuse)?;
    if sha256 != upload.sha256 || size != upload.size {
        let text = format!("`{}` changed after it was verified", upload.file.name);
        return Err(Failure::Refused(Problem::new("changed-artifact", text).hint("run `longshore verify` again")));
    }
    let name = metadata.get("name").and_then(|name| name.parse::<DistributionName>().ok());
    if name.is_none_or(|name| name.normalized() != upload.file.distribution.normalized()) {
        return Err(refuse(format!("it is not named `{}`", upload.file.distribution)));
    }
    if metadata.get("version") != Some(upload.file.version) {
        return Err(refuse(format!("its version is not {}", upload.file.version)));
    }
    Ok(Content { metadata, blake2 })
}

/// SHA-256, BLAKE2b-256 in hex, and the length.
fn digests(path: &Path) -> std::io::Result<(Digest, String, u64)> {
    struct Both(Blake2b<U32>);
    impl Write for Both {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut sink = Hashing::new(Both(Blake2b::new()));
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => sink.write_all(&buffer[..count])?,
        }
    }
    let (Both(blake2), sha256, size) = sink.finish();
    Ok((sha256, blake2.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), size))
}

/// `NAME-VERSION.dist-info/METADATA`.
fn wheel(path: &Path) -> Result<String, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("it is not a wheel: {error}");
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let mut zip = unzip(file).map_err(|error| wrong(&error))?;
    let is_it = |name: &str| name.strip_suffix(".dist-info/METADATA").is_some_and(|stem| !stem.contains('/'));
    let name = zip.file_names().filter_map(Result::ok).find(|name| is_it(name)).map(std::borrow::Cow::into_owned);
    let name = name.ok_or("it has no `METADATA`")?;
    text(zip.by_name(&name).map_err(|error| wrong(&error))?)
}

/// `NAME-VERSION/PKG-INFO`.
fn sdist(path: &Path) -> Result<String, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("it is not an sdist: {error}");
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let mut members = Members::new(GzDecoder::new(file));
    while let Some(member) = members.advance().map_err(|error| wrong(&error))? {
        let name = Path::new(std::str::from_utf8(&member.path).map_err(|error| wrong(&error))?);
        if name.ends_with("PKG-INFO") && name.components().count() == 2 {
            return text(members.content());
        }
    }
    Err("it has no `PKG-INFO`".into())
}

fn text(reader: impl Read) -> Result<String, String> {
    let mut text = String::new();
    reader.take(LONGEST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}
