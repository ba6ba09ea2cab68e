//! The zip around a wheel: PyPI takes few of those that unzip takes.

use super::made::{LIBRARY, Parts, check};

const CODE: &str = "wheel-framing";

/// Writes another text of the same length over every place of one.
fn over(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut at = 0;
    while let Some(found) = memchr::memmem::find(&bytes[at..], from) {
        bytes[at + found..at + found + to.len()].copy_from_slice(to);
        at += found + to.len();
    }
    assert_ne!(at, 0, "it is nowhere");
    bytes
}

/// Where the local header and the entry of the central directory of a member stand.
fn headers(bytes: &[u8], name: &str) -> (usize, usize) {
    let mut places = memchr::memmem::find_iter(bytes, name.as_bytes());
    let (local, central) = (places.next().unwrap() - 30, places.last().unwrap() - 46);
    assert!(bytes[local..].starts_with(b"PK\x03\x04") && bytes[central..].starts_with(b"PK\x01\x02"));
    (local, central)
}

fn file(row: &str, change: fn(Vec<u8>) -> Vec<u8>, expected: &[(&str, &str)]) {
    check(row, |parts| parts.file = change, expected);
}

#[test]
fn sizes_after_the_data() {
    let mut parts = Parts::good();
    parts.piped = true;
    let (wheel, flaws) = parts.read();
    assert!(wheel.is_some());
    assert_eq!(flaws.len(), 9, "{flaws:?}");
    assert!(flaws.iter().all(|flaw| flaw.code == CODE && flaw.text.ends_with("with a data descriptor")), "{flaws:?}");
}

#[test]
fn other_methods() {
    for method in [1_u8, 9, 12, 14, 93] {
        let mut bytes = Parts::good().bytes();
        let (local, central) = headers(&bytes, "demo/__init__.py");
        bytes[local + 8] = method;
        bytes[central + 10] = method;
        let found = crate::verify::wheel::framing::check(&mut std::io::Cursor::new(bytes)).unwrap();
        super::same(
            "method",
            &found,
            &[(
                CODE,
                &format!("contains `demo/__init__.py`, compressed with method {method}: only stored and deflated"),
            )],
        );
    }
    file(
        "bzip2",
        |mut bytes| {
            let (local, central) = headers(&bytes, "demo/__init__.py");
            (bytes[local + 8], bytes[central + 10]) = (12, 12);
            bytes
        },
        &[(CODE, "compressed with method 12"), ("dist-damaged", "cannot be read completely: ")],
    );
}

#[test]
fn more_than_the_members() {
    let damaged = ("dist-damaged", "cannot be read completely: ");
    file(
        "before",
        |bytes| [b"#!/bin/sh\n", bytes.as_slice()].concat(),
        &[(CODE, "has data before its first member"), damaged],
    );
    file("after", |bytes| [&bytes, &b"x"[..]].concat(), &[(CODE, "does not end with the end record"), damaged]);
    let comment = |mut bytes: Vec<u8>| {
        let end = bytes.len();
        bytes[end - 2] = 1;
        bytes.push(b'x');
        bytes
    };
    file("a comment", comment, &[(CODE, "it has a comment"), damaged]);
}

#[test]
fn names_in_a_frame() {
    // Two names of one length, so that the second becomes the first.
    check(
        "a name twice",
        |parts| {
            parts.put("demo/twice.py", "");
            parts.put("demo/twicX.py", "");
            parts.file = |bytes| over(bytes, b"demo/twicX.py", b"demo/twice.py");
        },
        &[
            (CODE, "contains `demo/twice.py` twice"),
            ("dist-damaged", "contains a name twice"),
            ("wheel-record", "twicX"),
        ],
    );
    check(
        "a way out",
        |parts| {
            parts.put("xx/evil.py", "");
            parts.file = |bytes| over(bytes, b"xx/evil.py", b"../evil.py");
        },
        &[
            ("dist-damaged", "contains `../evil.py`, a path that leads outside"),
            ("wheel-record", "does not contain `xx/evil.py` that RECORD lists"),
        ],
    );
    check(
        "a control character",
        |parts| {
            parts.put("demo/a_b.txt", "");
            parts.file = |bytes| over(bytes, b"demo/a_b.txt", b"demo/a\x1bb.txt");
        },
        &[
            (CODE, "contains `demo/a\u{fffd}b.txt`, a name that is not text"),
            ("wheel-record", "that RECORD does not list"),
            ("wheel-record", "does not contain `demo/a_b.txt`"),
        ],
    );
    check(
        "a link",
        |parts| {
            parts.link = Some(("demo/link.py", "__init__.py"));
            parts.record = |text| Some(format!("{text}demo/link.py,,\n"));
        },
        &[("dist-damaged", "contains the link `demo/link.py`")],
    );
}

#[test]
fn two_truths() {
    file(
        "two names",
        |mut bytes| {
            let (local, _) = headers(&bytes, "demo/py.typed");
            bytes[local + 30] = b'D';
            bytes
        },
        &[
            (CODE, "contains `demo/py.typed`, whose local header says `Demo/py.typed`"),
            ("dist-damaged", "cannot be read"),
        ],
    );
    file(
        "two sizes",
        |mut bytes| {
            let (local, _) = headers(&bytes, "demo/__init__.py");
            bytes[local + 22] += 1;
            bytes
        },
        &[(CODE, "contradicts itself about `demo/__init__.py`"), ("dist-damaged", "cannot be read")],
    );
    file(
        "hidden between",
        |mut bytes| {
            // The first member is listed no more: 46 bytes and its name less, one entry less.
            let (_, central) = headers(&bytes, "demo/__init__.py");
            let length = 46 + "demo/__init__.py".len();
            bytes.drain(central..central + length);
            let end = bytes.len();
            bytes[end - 14] -= 1;
            bytes[end - 12] -= 1;
            let size = u32::from_le_bytes(bytes[end - 10..end - 6].try_into().unwrap()) - length as u32;
            bytes[end - 10..end - 6].copy_from_slice(&size.to_le_bytes());
            bytes
        },
        &[
            (CODE, "has data before its first member that its central directory does not list"),
            ("dist-damaged", "cannot be read"),
        ],
    );
}

#[test]
fn damaged_files() {
    let damaged = ("dist-damaged", "cannot be read completely: ");
    file("no zip", |_| b"<html>".repeat(20), &[(CODE, "does not end with the end record"), damaged]);
    file("empty", |_| Vec::new(), &[(CODE, "is not a zip"), damaged]);
    file("cut off", |mut bytes| bytes.drain(..bytes.len() - 30).collect(), &[(CODE, "does not end"), damaged]);
    check(
        "a changed byte",
        |parts| {
            parts.file = |mut bytes| {
                let (local, _) = headers(&bytes, LIBRARY);
                bytes[local + 30 + LIBRARY.len() + 40] ^= 1;
                bytes
            };
        },
        &[damaged],
    );
}

#[test]
fn a_bomb() {
    let mut zeros = std::io::Cursor::new(Vec::new());
    let mut zip = zip::ZipWriter::new(&mut zeros);
    zip.start_file("a", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 65 << 20), &mut zip).unwrap();
    zip.finish().unwrap();
    let found = crate::verify::wheel::framing::check(&mut zeros).unwrap();
    super::same("a bomb", &found, &[(CODE, "unpacked, more than 50 times as many")]);
}
