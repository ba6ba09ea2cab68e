//! Layers over each other, ways through them, and layers that are hostile.

use super::sample::{self, Item, What, fixed, folder, link, same, script, text};
use super::*;

fn paths(layers: &[&[Item]]) -> Result<String, String> {
    let files = sample::read(layers)?;
    Ok(files.iter().map(|(path, _)| path).collect::<Vec<_>>().join(" "))
}

#[test]
fn layers_lie_over_each_other() {
    let check = |layers: &[&[Item]], expected: &str| assert_eq!(paths(layers).as_deref(), Ok(expected));
    check(&[&[text("a/b/c", "")]], "a a/b a/b/c");
    check(&[&[text("a/b", ""), text("a/c", "")], &[text("a/.wh.b", "")]], "a a/c");
    // A whiteout hides what is below its layer, wherever it stands.
    check(&[&[text("a/b", "")], &[text("a/b", ""), text("a/.wh.b", "")]], "a a/b");
    check(&[&[text("a/b", ""), text("a/c/d", "")], &[text("a/e", ""), text("a/.wh..wh..opq", "")]], "a a/e");
    check(&[&[text("a/b/c", "")], &[text(".wh.a", "")]], "");
    check(&[&[text("a/b", "")], &[text("a", "")]], "a");
    check(&[&[text("a", "")], &[text("a/b", "")]], "a a/b");
    check(&[&[link("bin", "usr/bin"), folder("usr/bin")], &[text("bin/x", "")]], "bin usr usr/bin usr/bin/x");
    check(&[&[link("bin", "usr/bin"), text("usr/bin/x", "")], &[text("bin/.wh.x", "")]], "bin usr usr/bin");
    check(&[&[link("a", "/x/y")], &[text("a/b", "")]], "a x x/y x/y/b");
    check(&[&[link("a", "b"), text("b/c", "")], &[folder("a")]], "a b b/c");
    check(&[&[text("a", "")], &[text(".wh..wh.plnk", ""), text(".wh.gone", "")]], "a");
}

#[test]
fn a_hard_link_outlives_the_other_name() {
    let files = sample::read(&[&[fixed("a/program"), same("b", "a/program")], &[text("a/.wh.program", "")]]).unwrap();
    assert!(files.file("/a/program").is_none());
    assert!(matches!(files.file("/b").unwrap().form, Form::Program(_)));
    let lost = sample::read(&[&[same("b", "a")]]).err().unwrap();
    assert_eq!(lost, "layer 1 cannot be read: `b` is a hard link to `a`, which is not a file of the image");
}

#[test]
fn ways_through_links() {
    let layer = [
        link("bin", "usr/bin"),
        fixed("usr/bin/x"),
        link("usr/bin/y", "../../opt/now/y"),
        link("opt/now", "v2"),
        link("opt/v2/y", "/bin/x"),
        link("opt/gone", "/opt/v1/y"),
        link("loop", "loop"),
        link("up", "../../../usr"),
    ];
    let files = sample::read(&[&layer]).unwrap();
    let check = |from: &str, path: &str, expected: Result<&str, Lost>| {
        let found = files.walk(from, path).map(|way| way.place);
        assert_eq!(found, expected.map(str::to_owned), "{path}");
    };
    let missing = |at: &str, link: Option<(&str, &str)>| Lost::Missing {
        at: at.into(),
        link: link.map(|(at, to)| (at.to_owned(), to.to_owned())),
    };
    check("", "/bin/x", Ok("usr/bin/x"));
    check("usr", "bin/x", Ok("usr/bin/x"));
    check("usr/bin", "../../bin/./x", Ok("usr/bin/x"));
    check("", "/usr/bin/y", Ok("usr/bin/x"));
    check("", "/up/bin/x", Ok("usr/bin/x"));
    check("", "/", Ok(""));
    check("", "/opt/v2", Ok("opt/v2"));
    check("", "/opt/gone", Err(missing("/opt/v1/y", Some(("/opt/gone", "/opt/v1/y")))));
    check("", "/nothing/at/all", Err(missing("/nothing/at/all", None)));
    check("", "/loop/x", Err(Lost::Circle));
    check("", "/usr/bin/x/y", Err(Lost::NotAFolder("/usr/bin/x".into())));
    let way = files.walk("", "/bin/x").unwrap();
    assert_eq!(way.folders, ["", "usr", "usr/bin"]);
    assert_eq!(files.list("usr/bin").map(|(name, _)| name).collect::<Vec<_>>(), ["x", "y"]);
}

#[test]
fn digests_are_of_the_tar() {
    let scratch = tempfile::tempdir().unwrap();
    let tar = sample::tar(&[script("a", "#!/bin/sh\n")]);
    let packed = zstd::encode_all(tar.as_slice(), 1).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &tar).unwrap();
    let gzip = gzip.finish().unwrap();
    let blobs = [tar.as_slice(), &packed, &gzip].map(|bytes| sample::blob(scratch.path(), bytes));
    let files = FileSystem::read(&blobs).unwrap();
    assert_eq!(files.diff_ids(), [Digest::of(&tar); 3]);
}

#[test]
fn hostile_layers_are_errors() {
    let check = |items: &[Item], part: &str| {
        let found = sample::read(&[items]).err().unwrap();
        assert!(found.contains(part), "{found}");
    };
    check(&[text("../a", "")], "leads out of the image");
    check(&[text("a/../../b", "")], "leads out of the image");
    check(&[same("a", "../b")], "leads out of the image");
    check(&[text("a/.wh..", "")], "has no name");
    check(&[link("a", "a"), text("a/b", "")], "too many links");
    let device = Item { what: What::Device, ..text("dev/null", "") };
    assert_eq!(paths(&[&[device]]).as_deref(), Ok("dev dev/null"));
    let scratch = tempfile::tempdir().unwrap();
    let tar = sample::tar(&[fixed("a"), script("b", "#!/bin/sh\n")]);
    for cut in (0..tar.len()).step_by(97) {
        drop(FileSystem::read(&[sample::blob(scratch.path(), &tar[..cut])]));
    }
    let gone = FileSystem::read(&[Blob {
        place: crate::oci::image::Place::File("/nowhere".into()),
        ..sample::blob(scratch.path(), &tar)
    }]);
    assert!(gone.err().unwrap().starts_with("layer 1 cannot be read: "));
}

#[test]
fn what_was_read_before_is_the_same_and_where_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let (big, program): (&'static str, _) = (String::from_utf8(noise()).unwrap().leak(), fixed("usr/bin/x"));
    let layer = [text("a/b", big), program, link("bin", "usr/bin"), same("c", "a/b"), text(".wh.d", "")];
    let blob = sample::blob(folder.path(), &sample::tar(&layer));
    let small = sample::blob(folder.path(), &sample::tar(&[text("d", "")]));
    let (one, two) = ([blob.clone(), small.clone()], [small, blob]);
    let cache = folder.path().join("cache");
    let read = |layers: &[Blob], cache: Option<&Path>| {
        let files = FileSystem::read_once(layers, cache).unwrap();
        (
            files.diff_ids().to_vec(),
            files.iter().map(|(path, entry)| (path.to_owned(), entry.clone())).collect::<Vec<_>>(),
        )
    };
    let check = |expected: usize| {
        assert_eq!(read(&one, Some(&cache)), read(&one, None));
        assert_eq!(read(&two, Some(&cache)), read(&two, None));
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), expected);
    };
    check(1);
    let kept = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&kept).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"{}"] {
        std::fs::write(&kept, damaged).unwrap();
        check(1);
        assert_eq!(std::fs::read(&kept).unwrap(), whole);
    }
}

/// Half a megabyte that no compression makes small.
fn noise() -> Vec<u8> {
    (0..8000u32).flat_map(|number| Digest::of(&number.to_le_bytes()).hex().into_bytes()).collect()
}
