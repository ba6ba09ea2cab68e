//! Checkers that others wrote: what we pass they pass, and what is bad is bad to both, as far as they look at it.

use std::collections::BTreeSet;
use std::fs;

use super::rewritten::Rewritten;
use super::{WHEELS, codes, found, found_in, name, path};

const GNU: &str = "x86_64-unknown-linux-gnu";

/// What one of them says of a file: whether it passes, and its words.
fn passes(checker_name: &str, file: &std::path::Path) -> (bool, String) {
    let mut command = crate::python_tool(checker_name);
    match checker_name {
        "abi3audit" => command.args(["--strict", "--verbose"]),
        "auditwheel" => command.args(["show", "--disable-isa-ext-check"]),
        // Neither is a fault: auditwheel and maturin lay grafted libraries into a folder of their own.
        "check-wheel-contents" => command.args(["--no-config", "--ignore", "W009,W010"]),
        "twine" => command.args(["--no-color", "check", "--strict"]),
        other => panic!("{other}"),
    };
    let done = command.arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    let promised = !checker_name.starts_with("audit") || {
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        words.contains("following platform tag: \"manylinux_2_17_")
    };
    (done.status.success() && promised, said)
}

/// auditwheel follows what a library needs on the machine it runs on, where no musl is.
fn looks_at(checker: &str, triple: &str) -> bool {
    checker != "auditwheel" || triple.ends_with("linux-gnu")
}

#[test]
fn python_checkers_pass_what_we_pass() {
    for (triple, _) in WHEELS {
        let name = name(triple);
        assert_eq!(found(fs::File::open(path(triple)).unwrap(), &name, &name, triple).1, []);
        for checker in ["abi3audit", "auditwheel", "check-wheel-contents", "twine"] {
            if looks_at(checker, triple) {
                let (passed, said) = passes(checker, &path(triple));
                assert!(passed, "{checker} {name}: {said}");
            }
        }
    }
}

/// Breaks a wheel; we must find these codes and no others, and each of these checkers must complain.
fn both(row: &str, triple: &str, change: impl FnOnce(&mut Rewritten), (wanted, theirs): (&[&str], &[&str])) {
    let mut wheel = Rewritten::of(&path(triple));
    change(&mut wheel);
    let bytes = wheel.bytes();
    let flaws = found_in(&bytes, triple);
    let ours: BTreeSet<&str> = codes(&flaws).into_iter().collect();
    assert_eq!(ours, wanted.iter().copied().collect(), "{row}: {flaws:#?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name(triple));
    fs::write(&file, &bytes).unwrap();
    for checker in theirs {
        let (passed, said) = passes(checker, &file);
        assert!(!passed, "{row}: {checker} passes it: {said}");
    }
    if theirs.is_empty() {
        for checker in ["check-wheel-contents", "twine"] {
            let (passed, said) = passes(checker, &file);
            assert!(passed, "{row}: {checker} does look at it: {said}");
        }
    }
}

#[test]
fn python_symbols_outside_the_stable_abi() {
    for triple in [GNU, "aarch64-unknown-linux-musl", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"] {
        let taking = |from: &'static str, to: &'static str| {
            move |wheel: &mut Rewritten| {
                let library = wheel.library();
                wheel.rename_symbol(&library, from, to);
                wheel.record();
            }
        };
        let both_say = (&["wheel-abi3"][..], &["abi3audit"][..]);
        both("not in it", triple, taking("PyUnicode_AsUTF8String", "PyUnicode_AsUTF8"), both_say);
        both("private", triple, taking("PyErr_NewExceptionWithDoc", "_PyErr_ChainExceptions1"), both_say);
        both("later in it", triple, taking("PyErr_NewExceptionWithDoc", "PyLong_AsInt"), both_say);
        both("in it", triple, taking("PyErr_NewExceptionWithDoc", "PyErr_NewException"), (&[], &[]));
    }
}

#[test]
fn python_policies_of_linux() {
    let change = |from: &'static str, to: &'static str| {
        move |wheel: &mut Rewritten| {
            wheel.rename_symbol("nh3/nh3.abi3.so", from, to);
            wheel.record();
        }
    };
    let both_say = (&["wheel-policy"][..], &["auditwheel"][..]);
    both("a newer glibc", GNU, change("GLIBC_2.14", "GLIBC_2.28"), both_say);
    both("a library of the builder", GNU, change("librt.so.1", "libqt.so.1"), both_say);
    let other = |wheel: &mut Rewritten| {
        let mut arm = Rewritten::of(&path("aarch64-unknown-linux-gnu"));
        wheel.content("nh3/nh3.abi3.so").clone_from(arm.content("nh3/nh3.abi3.so"));
        wheel.record();
    };
    both("another machine", GNU, other, (&["wheel-library"], &["auditwheel"]));
}

#[test]
fn python_files_of_a_wheel() {
    let info = |name: &str| format!("nh3-0.3.7.dist-info/{name}");
    let (record, metadata) = (info("RECORD"), info("METADATA"));
    let without = |path: String| {
        move |wheel: &mut Rewritten| {
            wheel.remove(&path);
            if !path.ends_with("RECORD") {
                wheel.record();
            }
        }
    };
    let contents = &["check-wheel-contents"][..];
    both("no RECORD", GNU, without(record.clone()), (&["wheel-record"], contents));
    both("no WHEEL", GNU, without(info("WHEEL")), (&["wheel-tag"], contents));
    both("no METADATA", GNU, without(metadata.clone()), (&["dist-metadata"], &["twine"]));
    let field = |from: &'static str, to: &'static str| {
        let metadata = metadata.clone();
        move |wheel: &mut Rewritten| {
            wheel.edit(&metadata, |text| text.replacen(from, to, 1));
            wheel.record();
        }
    };
    both("of the future", GNU, field("Version: 2", "Version: 9"), (&["dist-metadata"], &["twine"]));
    let empty = |wheel: &mut Rewritten| {
        wheel.remove_package();
        wheel.record();
    };
    both("no package", GNU, empty, (&["wheel-empty-module", "dist-variants"], contents));

    // Nobody of theirs looks at these; PyPI, pip or users do.
    both("another name", GNU, field("Name: nh3", "Name: nh4"), (&["dist-metadata"], &[]));
    both("no licence", GNU, without(info("licenses/LICENSE")), (&["dist-license-file"], &[]));
    both("sizes after the data", GNU, |wheel| wheel.piped = true, (&["wheel-framing"], &[]));
    both("another digest", GNU, |wheel| wheel.content("nh3/__init__.py").push(b'\n'), (&["wheel-record"], &[]));
    let line = |wheel: &mut Rewritten| wheel.edit(&record, |text| text.split_once('\n').unwrap().1.to_owned());
    both("a line of RECORD", GNU, line, (&["wheel-record"], &[]));
    let bare = |wheel: &mut Rewritten| {
        wheel.remove("nh3/__init__.py");
        wheel.remove("nh3/nh3.abi3.so");
        wheel.record();
    };
    both("stubs alone", GNU, bare, (&["wheel-empty-module", "dist-variants"], &[]));
}
