//! Our reading of Dockerfiles beside that of a parser we did not write.

use std::fs;
use std::path::{Path, PathBuf};

use super::Dockerfile;

#[test]
fn another_parser_sees_the_same_instructions() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut files);
    let mut compared = 0;
    for path in files {
        // One of the bad ones is not UTF-8.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        // It refuses some files that the engine takes: heredocs behind other words, stages of one name.
        let (Ok(own), Ok(other)) = (Dockerfile::parse(text.as_bytes()), parse_dockerfile::parse(&text)) else {
            continue;
        };
        let mine: Vec<_> = own.stages.iter().map(|s| (s.from.place.span.start, s.steps.len())).collect();
        // Its places do not count the byte order mark.
        let skipped = text.len() - text.trim_start_matches('\u{feff}').len();
        let its: Vec<_> = other.stages().map(|s| (s.from.from.span.start + skipped, s.instructions.len())).collect();
        assert_eq!(mine, its, "{}", path.display());
        compared += 1;
    }
    assert!(compared > 50, "only {compared} files were compared");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files);
        } else if name.ends_with("ockerfile") {
            files.push(path);
        }
    }
}
