//! What is known of a file of an image: only what its start needs, so that memory does not grow with its size.

use std::io::{self, Cursor, Read, Seek, Write};

use serde::{Deserialize, Serialize};

use super::cache::{self, Cache};
use crate::inspect::{self, Program};

/// What is looked at of every file, and the longest text that is kept.
const HEAD: u64 = 64 << 10;
/// The longest text of those that have a meaning by their name.
const LONGEST_TEXT: u64 = 1 << 20;
/// The largest ELF file that is read into memory; larger ones go through a temporary file.
const IN_MEMORY: u64 = 8 << 20;
/// What is kept of a script that no shell reads.
const FIRST_LINE: usize = 512;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Bytes.
    pub size: u64,
    pub form: Form,
    /// Whether it holds a private key in PEM.
    pub private_key: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// ELF for Linux.
    Program(Box<Program>),
    /// ELF that cannot be read: why.
    Damaged(String),
    /// Begins with `#!`; the whole text if a shell might read it, else its beginning.
    Script(String),
    /// A text that has a meaning by its name, or that a shell might read.
    Text(String),
    /// `/etc/ld.so.cache`
    Cache(Cache),
    /// A program for another system.
    Foreign(String),
    Other,
}

impl Content {
    /// Bytes that it takes in memory, roughly.
    pub(super) fn weight(&self) -> usize {
        let all = |texts: &[String]| texts.iter().map(|text| text.len() + 24).sum::<usize>();
        match &self.form {
            Form::Program(program) => {
                let wants: usize = program.wants.iter().map(|want| want.version.len() + want.library.len() + 56).sum();
                256 + all(&program.needed) + all(&program.defines) + wants
            }
            Form::Script(text) | Form::Text(text) | Form::Damaged(text) => text.len(),
            Form::Cache(cache) => cache.weight(),
            Form::Foreign(_) | Form::Other => 0,
        }
    }
}

/// Reads a file to its end; `buffer` is for reuse.
///
/// # Errors
/// What reading returns, or a temporary file.
pub(super) fn read(path: &str, bytes: &mut dyn Read, buffer: &mut Vec<u8>) -> io::Result<Content> {
    buffer.clear();
    bytes.take(HEAD).read_to_end(buffer)?;
    if buffer.starts_with(b"\x7fELF") {
        let (size, found) = elf(bytes, buffer)?;
        let form = found.map_or_else(Form::Damaged, |program| Form::Program(Box::new(program)));
        return Ok(Content { size, form, private_key: false });
    }
    let known = kind(path);
    if known.is_some() && buffer.len() as u64 == HEAD {
        bytes.take(LONGEST_TEXT - HEAD).read_to_end(buffer)?;
    }
    let read = buffer.len() as u64;
    let size = read + io::copy(bytes, &mut io::sink())?;
    let whole = size == read;
    let form = match known {
        Some(Kind::Cache) if whole => cache::parse(buffer).map_or(Form::Other, Form::Cache),
        Some(Kind::Text) if whole => Form::Text(String::from_utf8_lossy(buffer).into_owned()),
        Some(_) => Form::Other,
        None => plain(path, buffer, whole),
    };
    Ok(Content { size, form, private_key: has_private_key(buffer) })
}

enum Kind {
    Text,
    Cache,
}

/// Files that are read by their name. Some images keep them elsewhere, with a link in `/etc`.
fn kind(path: &str) -> Option<Kind> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let musl = name.starts_with("ld-musl-") && name.ends_with(".path");
    let conf = name.ends_with(".conf") && folder.ends_with("ld.so.conf.d");
    match name {
        "passwd" | "group" if folder.ends_with("etc") => Some(Kind::Text),
        "ld.so.conf" => Some(Kind::Text),
        "ld.so.cache" => Some(Kind::Cache),
        _ if musl || conf => Some(Kind::Text),
        _ => None,
    }
}

/// An ELF file whose beginning is in `buffer`: its size and what the loader reads.
fn elf(mut bytes: &mut dyn Read, buffer: &mut Vec<u8>) -> io::Result<(u64, Result<Program, String>)> {
    (&mut bytes).take(IN_MEMORY - HEAD).read_to_end(buffer)?;
    let mut size = buffer.len() as u64;
    if size < IN_MEMORY {
        return Ok((size, inspect::program(Cursor::new(buffer.as_slice()))));
    }
    let mut file = tempfile::tempfile()?;
    file.write_all(buffer)?;
    size += io::copy(bytes, &mut file)?;
    file.rewind()?;
    Ok((size, inspect::program(file)))
}

fn plain(path: &str, bytes: &[u8], whole: bool) -> Form {
    if bytes.starts_with(b"MZ") && bytes.get(0x3c..0x40).is_some_and(|at| points_at_pe(bytes, at)) {
        return Form::Foreign("Windows".into());
    }
    if [&[0xcf, 0xfa, 0xed, 0xfe], &[0xce, 0xfa, 0xed, 0xfe]].iter().any(|magic| bytes.starts_with(*magic)) {
        return Form::Foreign("macOS".into());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if bytes.starts_with(b"#!") {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = &line[..line.len().min(FIRST_LINE)];
        let shell =
            memchr::memmem::find(line, b"sh").is_some() || memchr::memmem::find(line, b"with-contenv").is_some();
        return Form::Script(if shell && whole { text(bytes) } else { text(line) });
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let shell = name.ends_with(".sh") || name.contains("entrypoint") || bytes.starts_with(b"\xef\xbb\xbf#!");
    if shell && whole && !bytes.contains(&0) { Form::Text(text(bytes)) } else { Form::Other }
}

fn points_at_pe(bytes: &[u8], at: &[u8]) -> bool {
    let at = at.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
    bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PE\0\0"))
}

/// Whether a text has a line `-----BEGIN … PRIVATE KEY-----` with a key below it. Programs and sources that only name the
/// line have something else there.
fn has_private_key(bytes: &[u8]) -> bool {
    let begin = b"-----BEGIN ";
    let mut starts = memchr::memmem::find_iter(bytes, begin).take(64);
    starts.any(|at| {
        let line_start = at == 0 || bytes[at - 1] == b'\n';
        let mut lines = bytes[at..].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let head = lines.next().unwrap_or_default();
        let below = lines.next().unwrap_or_default();
        let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        let key = below.starts_with(b"Proc-Type:") || (below.len() >= 8 && below.iter().all(base64));
        line_start && head.ends_with(b"PRIVATE KEY-----") && head.len() < 64 && key
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, bytes: &[u8]) -> Content {
        read(path, &mut &*bytes, &mut Vec::new()).unwrap()
    }

    #[test]
    fn what_is_kept() {
        let check = |path: &str, bytes: &[u8], expected: Form| assert_eq!(of(path, bytes).form, expected, "{path}");
        check("a", b"x", Form::Other);
        check("etc/passwd", b"root:x", Form::Text("root:x".into()));
        check("nix/store/x/etc/group", b"root:x", Form::Text("root:x".into()));
        check("opt/passwd", b"root:x", Form::Other);
        check("usr/bin/a", b"#!/bin/sh\nexec b\n", Form::Script("#!/bin/sh\nexec b\n".into()));
        check("usr/bin/a", b"#!/usr/bin/perl\nx\n", Form::Script("#!/usr/bin/perl".into()));
        check("start.sh", b"exec b\n", Form::Text("exec b\n".into()));
        check("start.sh", b"exec\0", Form::Other);
        check("a", b"\xcf\xfa\xed\xfe....", Form::Foreign("macOS".into()));
        check("a", b"\x7fELF", Form::Damaged("is not an ELF executable".into()));
        let long = [b"#!/bin/sh\n".as_slice(), &vec![b'x'; 100_000]].concat();
        check("a", &long, Form::Script("#!/bin/sh".into()));
        assert_eq!(of("a", &long).size, 100_010);
        let gnu = inspect::sample::gnu();
        for padding in [0, 9 << 20] {
            let bytes = inspect::sample::Elf { padding, ..gnu.clone() }.bytes();
            let found = of("a", &bytes);
            assert_eq!(found.size, bytes.len() as u64);
            let Form::Program(program) = found.form else { panic!("{:?}", found.form) };
            assert_eq!(program.needed, ["libc.so.6"]);
            assert_eq!(program.wants.len(), 3);
        }
    }

    #[test]
    fn private_keys_are_told_from_their_names() {
        let check = |text: &str, expected: bool| assert_eq!(has_private_key(text.as_bytes()), expected, "{text}");
        check("-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n", true);
        check("x\n-----BEGIN OPENSSH PRIVATE KEY-----\r\nbm90IGEga2V5\r\n", true);
        check("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", true);
        check("-----BEGIN CERTIFICATE-----\nbm90IGEga2V5\n", false);
        check("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", false);
        check("if line == \"-----BEGIN PRIVATE KEY-----\"\nbm90IGEga2V5\n", false);
        check("-----BEGIN PRIVATE KEY-----\0-----BEGIN", false);
    }
}
