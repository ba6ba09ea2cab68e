//! Nothing that stands in a Dockerfile or an ignore file makes the parser panic.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use longshore::dockerfile::{Dockerfile, IgnoreFile, Kind, Listing, Platform, Question, inputs};

const PIECES: [&str; 24] = [
    "\\", "\n", "\r", "$", "${", "}", "<<", "<<-X", "\"", "'", "[", "]", "--", "=", "ONBUILD ", "FROM ", "`",
    "\u{feff}", "é", "\u{a0}", "/./", "**", "!", "#",
];

/// A row of numbers that is the same on each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

#[test]
fn no_text_panics() {
    let mut texts = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dockerfiles"), &mut texts);
    let listing = Listing::new(["a", "b/c.txt", "d/é"].map(|p| (p.to_owned(), Kind::File { executable: false })));
    let mut numbers = Numbers(7);
    for _ in 0..3_000 {
        let mut text = texts[numbers.below(texts.len())].clone();
        for _ in 0..=numbers.below(4) {
            change(&mut text, &mut numbers);
        }
        if let Ok(ignore) = IgnoreFile::parse(&text) {
            let _ = listing.apply(&ignore);
        }
        if let Ok(file) = Dockerfile::parse(&text)
            && let Ok(answer) = file.answer(&Question::new("Dockerfile", Platform::new("linux", "arm", "v7")))
        {
            let _ = inputs(&answer, &listing, &BTreeMap::new());
        }
    }
}

fn change(text: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(text.len() + 1);
    match numbers.below(4) {
        0 => text.truncate(at),
        1 if at < text.len() => {
            text.remove(at);
        }
        2 if at < text.len() => text[at] = u8::try_from(numbers.below(128)).unwrap(),
        _ => {
            let piece = PIECES[numbers.below(PIECES.len())];
            text.splice(at..at, piece.bytes());
        }
    }
}

fn collect(folder: &Path, texts: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, texts);
        } else if name.contains("ockerfile") || name == ".dockerignore" {
            texts.push(fs::read(path).unwrap());
        }
    }
}
