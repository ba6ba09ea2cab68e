//! Tars that are fine, and tars that were made to eat memory.

use super::*;

/// Path, link, kind and content.
type Seen = (String, String, EntryType, Vec<u8>);

fn all(bytes: &[u8]) -> io::Result<Vec<Seen>> {
    let mut members = Members::new(bytes);
    let mut found = Vec::new();
    while let Some(member) = members.advance()? {
        let mut content = Vec::new();
        members.content().read_to_end(&mut content)?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        found.push((text(member.path), text(member.link), member.kind, content));
    }
    Ok(found)
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_path("x").unwrap();
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    header
}

/// Members of a kind with their content, and the end.
fn made(members: &[(EntryType, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, content) in members {
        bytes.extend(header(*kind, content.len() as u64).as_bytes());
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}

#[test]
fn reads_what_the_tar_crate_writes() {
    let long = format!("{}/name", "folder/".repeat(60).trim_end_matches('/'));
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header(EntryType::Regular, 3), "a", &b"abc"[..]).unwrap();
    builder.append_data(&mut header(EntryType::Regular, 600), &long, &[7; 600][..]).unwrap();
    builder.append_link(&mut header(EntryType::Symlink, 0), "l", &long).unwrap();
    builder.append_pax_extensions([("path", "ä".as_bytes()), ("linkpath", b"to"), ("mtime", b"1.5")]).unwrap();
    builder.append(&header(EntryType::Symlink, 0), io::empty()).unwrap();
    let bytes = builder.into_inner().unwrap();
    let found = all(&bytes).unwrap();
    let short: Vec<_> =
        found.iter().map(|(path, link, _, content)| (path.as_str(), link.as_str(), content.len())).collect();
    assert_eq!(short, [("a", "", 3), (long.as_str(), "", 600), ("l", long.as_str(), 0), ("ä", "to", 0)]);
    // Passing over is as good as reading.
    let mut members = Members::new(bytes.as_slice());
    let mut count = 0;
    while members.advance().unwrap().is_some() {
        count += 1;
    }
    assert_eq!((count, members.end() % BLOCK as u64), (4, 0));
}

#[test]
fn sizes_of_pax_headers_count() {
    let pax = made(&[(EntryType::XHeader, b"9 size=3\n")]);
    let mut bytes = pax[..pax.len() - 2 * BLOCK].to_vec();
    bytes.extend(header(EntryType::Regular, 0).as_bytes());
    let mut content = b"abc".to_vec();
    content.resize(BLOCK, 0);
    bytes.extend(content);
    bytes.extend(made(&[(EntryType::Regular, b"next")]));
    let found = all(&bytes).unwrap();
    assert_eq!((found[0].3.as_slice(), found[1].3.as_slice()), (&b"abc"[..], &b"next"[..]));
}

#[test]
fn holes_are_known() {
    let mut sparse = header(EntryType::GNUSparse, 3);
    sparse.as_mut_bytes()[482] = 1;
    sparse.set_cksum();
    let mut bytes = sparse.as_bytes().to_vec();
    bytes.extend([0; BLOCK]);
    bytes.extend(b"abc");
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes.extend(made(&[(EntryType::Regular, b"next")]));
    let mut members = Members::new(bytes.as_slice());
    assert!(members.advance().unwrap().unwrap().sparse);
    assert!(!members.advance().unwrap().unwrap().sparse);
    assert!(members.advance().unwrap().is_none());
}

#[test]
fn nothing_is_read_beyond_a_limit() {
    let refused = |bytes: &[u8], part: &str| {
        let text = all(bytes).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    };
    // Each claims gigabytes: whoever believes it waits for them, or keeps them.
    let claim = |kind: EntryType| header(kind, 8 << 30).as_bytes().to_vec();
    refused(&claim(EntryType::GNULongName), "a name has 8589934592 bytes; the limit is 4096");
    refused(&claim(EntryType::GNULongLink), "a link has 8589934592 bytes");
    refused(&claim(EntryType::XHeader), "a pax header has 8589934592 bytes; the limit is 1048576");
    refused(&claim(EntryType::XGlobalHeader), "a pax header has");
    let mut large = header(EntryType::Regular, 0);
    large.set_size(1 << 50);
    large.set_cksum();
    refused(large.as_bytes(), "more than 256 GiB");
    let long = format!("5013 path={}\n", "x".repeat(5002));
    refused(&made(&[(EntryType::XHeader, long.as_bytes()), (EntryType::Regular, b"")]), "more than 4096 bytes");
    for damaged in ["x path=a\n", "99 path=a\n", "9 path=a", "3 a", "0 ", "18446744073709551615 a=b\n"] {
        refused(
            &made(&[(EntryType::XHeader, damaged.as_bytes()), (EntryType::Regular, b"")]),
            "a pax header is damaged",
        );
    }
    refused(&[1; BLOCK], "not a tar");
    refused(&[1; 100], "unexpected end of file");
    refused(&made(&[(EntryType::Regular, &[1; 600])])[..700], "unexpected end of file");
    // Names are counted together, too: an endless tar of long ones comes to an end.
    let mut member = header(EntryType::GNULongName, 4096).as_bytes().to_vec();
    member.extend([b'n'; 4096]);
    member.extend(header(EntryType::Directory, 0).as_bytes());
    let mut endless = Members::new(Endless { piece: member, at: 0 });
    let error = loop {
        match endless.advance() {
            Ok(member) => assert!(member.is_some()),
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(error, "its names have more than 256 MiB");
}

struct Endless {
    piece: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.piece[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at = (self.at + count) % self.piece.len();
        Ok(count)
    }
}

proptest::proptest! {
    #[test]
    fn bytes_of_any_kind_end(bytes in proptest::collection::vec(0u8.., 0..3000)) {
        let _ = all(&bytes);
    }
}

/// So many times the same bytes after a start, and no end.
fn endless(start: Vec<u8>, again: Vec<u8>) -> impl Read {
    let mut pieces = std::iter::once(start).chain(std::iter::repeat(again));
    let mut piece = io::Cursor::new(Vec::new());
    struct From<F>(F);
    impl<F: FnMut(&mut [u8]) -> io::Result<usize>> Read for From<F> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0(buffer)
        }
    }
    From(move |buffer: &mut [u8]| {
        if piece.position() == piece.get_ref().len() as u64 {
            piece = io::Cursor::new(pieces.next().unwrap_or_default());
        }
        piece.read(buffer)
    })
}

#[test]
fn what_is_about_members_has_an_end() {
    // GNU's map of holes, each block of which says that there is another.
    let mut sparse = Header::new_gnu();
    sparse.set_path("x").unwrap();
    sparse.set_entry_type(EntryType::GNUSparse);
    sparse.set_size(0);
    sparse.as_mut_bytes()[482] = 1;
    sparse.set_cksum();
    let mut more = vec![0; BLOCK];
    more[504] = 1;
    let why = Members::new(endless(sparse.as_bytes().to_vec(), more)).advance().unwrap_err().to_string();
    assert_eq!(why, "it has more than 4000000 headers");
    // Pax headers, and no member ever.
    let mut pax = header(EntryType::XGlobalHeader, LONGEST_PAX).as_bytes().to_vec();
    pax.resize(BLOCK + LONGEST_PAX as usize, b'x');
    let why = Members::new(endless(pax.clone(), pax)).advance().unwrap_err().to_string();
    assert_eq!(why, "its pax headers have more than 1024 MiB");
}
