//! Archives written by hand, whole and broken, and what verification says to them.

use std::io::{Cursor, Write};

use super::check;
use super::release::{Release, asset, contents};
use crate::inspect::sample::gnu;

/// An entry: path, type flag of tar, mode, content or link target.
#[derive(Clone)]
pub struct Entry {
    path: String,
    kind: tar::EntryType,
    mode: u32,
    content: Vec<u8>,
}

pub fn file(path: &str, content: &[u8]) -> Entry {
    Entry { path: path.into(), kind: tar::EntryType::Regular, mode: 0o644, content: content.into() }
}

pub fn program(path: &str, content: &[u8]) -> Entry {
    Entry { mode: 0o755, ..file(path, content) }
}

pub fn link(path: &str, target: &str) -> Entry {
    Entry { kind: tar::EntryType::Symlink, mode: 0o777, ..file(path, target.as_bytes()) }
}

fn special(path: &str, kind: tar::EntryType) -> Entry {
    Entry { kind, ..file(path, b"") }
}

/// Names are written as they are: `tar::Builder` would refuse those that matter here.
pub fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..entry.path.len()].copy_from_slice(entry.path.as_bytes());
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        let mut content = entry.content.as_slice();
        if entry.kind == tar::EntryType::Symlink {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content);
            content = b"";
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn tar_gz(entries: &[Entry]) -> Vec<u8> {
    gzip(&tar(entries))
}

pub fn tar_zst(entries: &[Entry]) -> Vec<u8> {
    zstd::encode_all(tar(entries).as_slice(), 1).unwrap()
}

/// In one pass: sizes and sums follow each entry.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new_stream(Vec::new());
    for entry in entries {
        let options = zip::write::SimpleFileOptions::default().system(zip::System::Unix);
        if entry.kind == tar::EntryType::Directory {
            writer.add_directory(&*entry.path, options).unwrap();
            continue;
        }
        let kind = if entry.kind == tar::EntryType::Symlink { 0o120_000 } else { 0o100_000 };
        writer.start_file(&*entry.path, options.external_attributes((kind | entry.mode) << 16)).unwrap();
        writer.write_all(&entry.content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// With sizes and sums before each entry, as most programs write it.
fn plain_zip(entries: &[Entry]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(entry.mode).large_file(true);
        // On Windows it would say DOS, which has no modes.
        let options = options.system(zip::System::Unix);
        if entry.kind == tar::EntryType::Symlink {
            writer.add_symlink(&*entry.path, str::from_utf8(&entry.content).unwrap(), options).unwrap();
        } else {
            writer.start_file(&*entry.path, options).unwrap();
            writer.write_all(&entry.content).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn however_it_was_written() {
    let release = Release::whole();
    let entries = contents(&gnu().bytes());
    release.repack(".zip", &plain_zip(&entries));
    release.verify().unwrap();
    // Names over 100 bytes stand in an entry of their own.
    let path = format!("{}/file", "long".repeat(40));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(3);
    builder.append_data(&mut header, &path, &b"abc"[..]).unwrap();
    let bytes = gzip(&[tar(&entries)[..tar(&entries).len() - 1024].to_vec(), builder.into_inner().unwrap()].concat());
    release.repack(".tar.gz", &bytes);
    check(&release, &[("archive-content", &format!("contains `{path}`, which is not planned"))]);
}

type Writer = fn(&[Entry]) -> Vec<u8>;

/// Changes what one archive holds, in every format, and expects one problem.
fn check_contents(change: impl Fn(&mut Vec<Entry>), text: &str) {
    let formats: [(&str, Writer); 3] = [(".tar.gz", tar_gz), (".tar.zst", tar_zst), (".zip", zip)];
    for (ending, write) in formats {
        let release = Release::whole();
        let mut entries = contents(&gnu().bytes());
        change(&mut entries);
        release.repack(ending, &write(&entries));
        let name = format!("`app-x86_64-unknown-linux-gnu{ending}` {text}");
        check(&release, &[("archive-content", &name)]);
    }
}

fn check_damage(ending: &str, bytes: &[u8]) {
    let release = Release::whole();
    release.repack(ending, bytes);
    let name = format!("`app-x86_64-unknown-linux-gnu{ending}` cannot be unpacked: ");
    check(&release, &[("archive-damaged", &name)]);
}

#[test]
fn exactly_the_promised_names() {
    check_contents(|entries| drop(entries.remove(1)), "lacks `app` (job `x86_64-unknown-linux-gnu`)");
    check_contents(|entries| entries.truncate(4), "lacks `www/index.html`, `www/js/app.js`");
    check_contents(|entries| entries.push(file("www/secret", b"")), "contains `www/secret`, which is not planned");
    check_contents(
        |entries| entries.push(special("empty/", tar::EntryType::Directory)),
        "contains `empty/`, which is not planned",
    );
}

#[test]
fn folders_on_the_way_are_fine() {
    let release = Release::whole();
    let mut entries = contents(&gnu().bytes());
    entries.insert(4, special("www/js/", tar::EntryType::Directory));
    release.repack(".tar.gz", &tar_gz(&entries));
    release.repack(".zip", &zip(&entries));
    release.verify().unwrap();
}

#[test]
fn executables_are_executable_and_the_very_ones() {
    check_contents(|entries| entries[1].mode = 0o644, "contains `app`, which is not executable (mode 0644)");
    check_contents(|entries| entries[3].mode = 0o644, "contains `run.sh`, which is not executable");
    check_contents(|entries| entries[0].mode = 0o755, "contains `README.md` with mode 0755, not 0644");
    check_contents(
        |entries| entries[1].content.push(0),
        "contains another `app` than `binary.app.x86_64-unknown-linux-gnu` built",
    );
    check_contents(|entries| entries[4].content.push(0), "contains another `www/index.html` than `asset.ui` built");
}

#[test]
fn links_are_what_was_planned() {
    check_contents(|entries| entries[2] = link("doc", "app"), "contains `doc`, which is not a link to `README.md`");
    check_contents(|entries| entries[2] = file("doc", b"# app"), "contains `doc`, which is not a link to `README.md`");
    check_contents(|entries| entries[0] = link("README.md", "app"), "contains `README.md`, which is not a file");
}

#[test]
fn no_pointer_stands_in_place_of_a_file() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345678\n";
    let text = "contains `README.md`, a Git LFS pointer instead of the file";
    check_contents(|entries| entries[0].content = pointer.to_vec(), text);
}

#[test]
fn nothing_leaves_the_archive() {
    check_contents(|entries| entries.push(file("../evil", b"")), "contains `../evil`, a path that leads outside");
    check_contents(
        |entries| entries.push(file("www/../../evil", b"")),
        "contains `www/../../evil`, a path that leads outside",
    );
    check_contents(|entries| entries.push(link("evil", "../../etc")), "contains `evil`, a link to `../../etc` outside");
    check_contents(
        |entries| entries.push(link("evil", "/etc/passwd")),
        "contains `evil`, a link to `/etc/passwd` outside",
    );
    check_contents(|entries| entries.push(file("doc/evil", b"")), "contains `doc/evil` below the link `doc`");
    let release = Release::whole();
    let mut entries = contents(&gnu().bytes());
    entries.extend([file("/evil", b""), special("pipe", tar::EntryType::Fifo), special("hard", tar::EntryType::Link)]);
    release.repack(".tar.gz", &tar_gz(&entries));
    check(
        &release,
        &[
            ("archive-content", "contains `/evil`, a path that leads outside"),
            ("archive-content", "contains `pipe`, which is not a file, folder or symbolic link"),
            ("archive-content", "contains `hard`, which is not a file, folder or symbolic link"),
        ],
    );
}

#[test]
fn nothing_twice() {
    let mut entries = contents(&gnu().bytes());
    entries.push(file("README.md", b"# other"));
    for (ending, bytes) in [(".tar.gz", tar_gz(&entries)), (".tar.zst", tar_zst(&entries))] {
        let release = Release::whole();
        release.repack(ending, &bytes);
        check(&release, &[("archive-content", "contains `README.md` twice (job `x86_64-unknown-linux-gnu`)")]);
    }
    // The writer refuses equal names, so another one is renamed afterwards.
    *entries.last_mut().unwrap() = file("READMEamd", b"# other");
    let release = Release::whole();
    let bytes = replaced(&zip(&entries), b"READMEamd", b"README.md");
    release.repack(".zip", &bytes);
    check(&release, &[("archive-content", "contains a name twice (job `x86_64-unknown-linux-gnu`)")]);
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

#[test]
fn cut_off_at_any_place() {
    let entries = contents(&gnu().bytes());
    let formats: [(&str, Writer); 3] = [(".tar.gz", tar_gz), (".tar.zst", tar_zst), (".zip", zip)];
    for (ending, write) in formats {
        let whole = write(&entries);
        for length in [0, 1, 10, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            check_damage(ending, &whole[..length]);
        }
    }
}

#[test]
fn a_tar_cut_off_before_it_was_compressed() {
    let whole = tar(&contents(&gnu().bytes()));
    let blocks = whole.len() / 512;
    // `tar::Builder` ends with two zero blocks; without one of them a reader cannot know that this is all.
    check_damage(".tar.gz", &gzip(&whole[..(blocks - 1) * 512]));
    check_damage(".tar.gz", &gzip(&whole[..(blocks - 2) * 512]));
    check_damage(".tar.gz", &gzip(&whole[..700]));
}

#[test]
fn more_than_the_archive() {
    let entries = contents(&gnu().bytes());
    let formats: [(&str, Writer); 3] = [(".tar.gz", tar_gz), (".tar.zst", tar_zst), (".zip", zip)];
    for (ending, write) in formats {
        check_damage(ending, &[write(&entries), b"more".to_vec()].concat());
    }
    check_damage(".zip", &[b"#!/bin/sh\n".to_vec(), zip(&entries)].concat());
    check_damage(".tar.gz", &gzip(&[tar(&entries), b"more".to_vec()].concat()));
    check_damage(".tar.gz", &gzip(&[tar(&entries), tar(&asset())].concat()));
}

#[test]
fn changed_bytes_inside() {
    let entries = contents(&gnu().bytes());
    let formats: [(&str, Writer); 3] = [(".tar.gz", tar_gz), (".tar.zst", tar_zst), (".zip", zip)];
    for (ending, write) in formats {
        let mut bytes = write(&entries);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        let release = Release::whole();
        release.repack(ending, &bytes);
        assert!(release.verify().is_err(), "{ending}");
    }
}

#[test]
fn a_truncated_archive_whose_record_is_older() {
    let release = Release::whole();
    let path = release.store.file("archive.app.x86_64-unknown-linux-gnu", "app-x86_64-unknown-linux-gnu.tar.gz");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    check(&release, &[("wrong-digest", "it was replaced or truncated (job `x86_64-unknown-linux-gnu`)")]);
}

/// Members of several threads' compression, one after another, are one archive.
#[test]
fn several_members_are_one_archive() {
    let bytes = tar(&contents(&gnu().bytes()));
    let (first, second) = bytes.split_at(700);
    let release = Release::whole();
    release.repack(".tar.gz", &[gzip(first), gzip(second)].concat());
    let frame = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    release.repack(".tar.zst", &[frame(first), frame(second)].concat());
    release.verify().unwrap();
}
