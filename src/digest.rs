//! A SHA-256 digest, and the writer that computes one on the way.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// How much is read at once.
const PIECE: usize = 64 << 10;
/// What stands before the digits.
const PREFIX: &str = "sha256:";

/// A SHA-256 digest; prints as `sha256:<64 hex>` like OCI and the GitHub API.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of everything a reader yields, with its length; 64 KiB at a time.
    ///
    /// # Errors
    /// What reading returns.
    pub fn of_reader(mut reader: impl Read) -> io::Result<(Self, u64)> {
        let mut sink = Hashing::new(io::sink());
        // `io::copy` would ask for 8 KiB at a time, and to fill a buffer with zeros takes longer than to hash a small file.
        let mut buffer = Vec::with_capacity(PIECE);
        while reader.by_ref().take(PIECE as u64).read_to_end(&mut buffer)? > 0 {
            sink.write_all(&buffer)?;
            buffer.clear();
        }
        let (_, digest, size) = sink.finish();
        Ok((digest, size))
    }

    /// The 64 hex digits alone, as `sha256sum` prints them.
    pub fn hex(&self) -> String {
        let mut hex = self.to_string();
        hex.replace_range(..PREFIX.len(), "");
        hex
    }

    /// Calls with the text, which is nowhere on the heap: there are plans with tens of thousands of them.
    fn spelt<T>(&self, call: impl FnOnce(&str) -> T) -> T {
        let mut text = [0; PREFIX.len() + 64];
        text[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
        for (two, byte) in text[PREFIX.len()..].chunks_exact_mut(2).zip(self.0) {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
            two.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        call(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spelt(|text| f.write_str(text))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.spelt(|text| serializer.serialize_str(text))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    /// Takes `sha256:<hex>` or the bare 64 hex digits, lower case.
    fn from_str(text: &str) -> Result<Self, String> {
        let hex = text.strip_prefix(PREFIX).unwrap_or(text);
        let bad = || format!("`{text}` is not a sha256 digest");
        if hex.len() != 64 || !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl schemars::JsonSchema for Digest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" })
    }
}

/// A reader whose bytes are hashed on their way.
pub struct Watched<R> {
    inner: R,
    hashing: Hashing<io::Sink>,
}

impl<R: Read> Watched<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, hashing: Hashing::new(io::sink()) }
    }

    /// The digest of everything to the end, of which at most so many bytes are not read yet.
    ///
    /// # Errors
    /// What reading returns, or if there is more.
    pub fn digest(mut self, most: u64) -> io::Result<Digest> {
        let left = io::copy(&mut (&mut self).take(most + 1), &mut io::sink())?;
        if left > most {
            return Err(io::Error::other(format!("more than {most} bytes follow its end")));
        }
        Ok(self.hashing.finish().1)
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hashing.write_all(&buffer[..count])?;
        Ok(count)
    }
}

/// A writer that hashes and counts what passes through it.
pub struct Hashing<W> {
    inner: W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Hashing<W> {
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), size: 0 }
    }

    /// The writer, the digest of all that was written, and its length in bytes.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.inner, Digest(self.hasher.finalize().into()), self.size)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        let digest = Digest::of(b"longshore");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.hex().parse(), Ok(digest));
        assert!("sha256:xyz".parse::<Digest>().is_err());
        assert!(digest.hex().to_uppercase().parse::<Digest>().is_err());
    }

    #[test]
    fn hashes_on_the_way() {
        let mut writer = Hashing::new(Vec::new());
        writer.write_all(b"abc").unwrap();
        let (bytes, digest, size) = writer.finish();
        assert_eq!((bytes.as_slice(), size), (b"abc".as_slice(), 3));
        assert_eq!(digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::of_reader(&b"abc"[..]).unwrap(), (digest, 3));
    }
}
