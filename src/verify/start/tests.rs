//! Images and what is said of them: what needs no builder to be shown. The cases that BuildKit builds: `tests/dockerfiles`.

use serde_json::{Value, json};

use super::*;
use crate::inspect::sample::{Elf, gnu};
use crate::oci::filesystem::sample::{self, Item, fixed, folder, link, program, script, text};

fn judge(items: &[Item], runs: &Value) -> Verdict {
    let config = json!({ "os": "linux", "architecture": "amd64", "config": runs });
    examine(&config, &sample::read(&[items]).unwrap(), Platform::LinuxAmd64, false)
}

/// The only refusal holds a text; an empty one: there is none.
fn check(items: &[Item], runs: Value, expected: &str) {
    let verdict = judge(items, &runs);
    let said: Vec<&str> = verdict.refusals.iter().map(|one| one.text.as_str()).collect();
    match expected {
        "" => assert!(said.is_empty(), "{runs}: {said:?}"),
        part => assert!(said.len() == 1 && said[0].contains(part), "{runs}: {said:?}"),
    }
}

#[test]
fn programs_that_start_or_read_others() {
    let image =
        [fixed("bin/sh"), fixed("bin/node"), fixed("usr/bin/env"), fixed("usr/bin/python3.12"), fixed("sbin/tini")];
    let image = [&image[..], &[fixed("bin/gosu"), text("app/main.py", ""), text("app/server.js", "")]].concat();
    let start =
        |words: &[&str], expected: &str| check(&image, json!({ "Entrypoint": words, "WorkingDir": "/app" }), expected);
    start(&["python3.12", "-u", "main.py"], "");
    start(&["python3.12", "/main.py"], "starts `python3.12`, which starts `/main.py`, which is not in the image");
    start(&["python3.12", "-m", "anything"], "");
    start(&["node", "server"], "");
    start(&["node", "--inspect", "gone.js"], "");
    start(&["node", "gone.js"], "there is no `/app/gone.js`");
    start(&["tini", "-g", "--", "node", "server.js"], "");
    start(&["tini", "--", "gosu", "1000:1000", "harbor"], "`gosu`, which starts `harbor`, which is not in the image");
    start(&["sh", "-c", "node $SCRIPT"], "");
    start(&["sh", "-ec", "gone | node x"], "");
    start(&["env", "A=b", "gone"], "`gone`");
    start(&["/proc/self/exe"], "");
    start(&[""], "names no program");
}

#[test]
fn what_a_volume_or_a_parent_may_bring_is_no_refusal() {
    let runs = json!({ "Entrypoint": ["/data/harbor"], "Volumes": { "/data": {} } });
    let verdict = judge(&[folder("data")], &runs);
    assert!(verdict.refusals.is_empty() && verdict.warnings.len() == 1, "{verdict:?}");
    let config = json!({ "os": "linux", "architecture": "amd64", "config": { "Cmd": ["node"] } });
    let files = sample::read(&[&[]]).unwrap();
    let verdict = examine(&config, &files, Platform::LinuxAmd64, true);
    assert!(verdict.refusals.is_empty() && verdict.warnings.len() == 1, "{verdict:?}");
}

#[test]
fn only_what_is_certain_is_refused() {
    let entry = |script_text: &'static str, expected: &str| {
        let runs = json!({ "Entrypoint": ["/entry.sh"], "Cmd": ["serve"] });
        check(&[fixed("bin/sh"), script("entry.sh", script_text)], runs, expected);
    };
    entry("#!/bin/sh\nexec /gone\n", "`/gone`");
    entry("#!/bin/sh\ncurl -o /gone x\nexec /gone\n", "");
    entry("#!/bin/sh\nPATH=/x:$PATH\nexec gone\n", "");
    entry("#!/bin/sh\ncase $1 in serve) exec a;; esac\nexec \"$@\"\n", "");
    entry("#!/bin/sh\nexec \"$@\"\n", "`serve`");
    entry("#!/gone\n", "`/gone`");
    entry("#!/usr/bin/perl -w\r\n", "`/usr/bin/perl`");
}

#[test]
fn programs_of_other_libraries() {
    let start = json!({ "Entrypoint": ["/a"] });
    let loader = Elf { machine: 62, ..Elf::default() };
    check(&[program("a", gnu())], start.clone(), "a program for glibc, and the image has no C library");
    // Nothing is known of a loader that says nothing of itself: gcompat on musl.
    let unknown = [program("a", gnu()), program("lib64/ld-linux-x86-64.so.2", loader.clone())];
    check(&unknown, start.clone(), "");
    let foreign = [program("a", gnu()), program("lib64/ld-linux-x86-64.so.2", Elf { machine: 183, ..loader.clone() })];
    check(&foreign, start.clone(), "the loader `/lib64/ld-linux-x86-64.so.2`, which is for aarch64");
    let musl = Elf { interpreter: Some("/lib/ld-musl-x86_64.so.1"), versions: Vec::new(), ..gnu() };
    let musl = |needed: &[&'static str]| Elf { needed: needed.to_vec(), ..musl.clone() };
    let with =
        |needed: &[&'static str]| [program("a", musl(needed)), program("lib/ld-musl-x86_64.so.1", loader.clone())];
    check(&with(&["libc.musl-x86_64.so.1", "libm.so.6", "libpthread.so.0"]), start.clone(), "");
    check(&with(&["libz.so.1"]), start.clone(), "`libz.so.1`");
    let there = [
        &with(&["libz.so.1"])[..],
        &[link("usr/lib/libz.so.1", "libz.so.1.3"), program("usr/lib/libz.so.1.3", loader)],
    ]
    .concat();
    check(&there, start, "");
}

#[test]
fn a_base_of_another_platform_is_seen_behind_a_program_of_ours() {
    let sh = program("bin/sh", Elf { machine: 183, ..Elf::default() });
    check(
        &[fixed("a"), sh],
        json!({ "Entrypoint": ["/a"] }),
        "`/bin/sh` is for aarch64, but the image is for linux/amd64",
    );
    let libc = program("lib/ld-linux-aarch64.so.1", Elf { machine: 183, ..Elf::default() });
    check(&[fixed("a"), libc.clone()], json!({ "Entrypoint": ["/a"] }), "is for aarch64");
    let both = [fixed("a"), libc, fixed("lib64/ld-linux-x86-64.so.2")];
    check(&both, json!({ "Entrypoint": ["/a"] }), "");
}

#[test]
fn configs_that_no_engine_takes() {
    let with = |runs: Value, expected: &str| check(&[fixed("a"), text("file", "")], runs, expected);
    with(json!({ "Entrypoint": ["/a"], "ExposedPorts": { "70000/tcp": {} } }), "`70000/tcp`");
    with(json!({ "Entrypoint": ["/a"], "WorkingDir": "/file" }), "WORKDIR `/file` is not a folder");
    with(json!({ "Entrypoint": ["/a"], "WorkingDir": "/made/by/the/engine" }), "");
    with(
        json!({ "Entrypoint": ["/a"], "Healthcheck": { "Test": ["CMD-SHELL", "x"] } }),
        "HEALTHCHECK starts `/bin/sh`",
    );
    with(json!({ "Entrypoint": ["/a"], "Healthcheck": { "Test": ["x"] } }), "the kind `x`");
    with(json!({}), "neither ENTRYPOINT nor CMD");
    with(json!({ "Entrypoint": 7, "Cmd": { "a": 1 } }), "neither ENTRYPOINT nor CMD");
    for (os, arch) in [("windows", "amd64"), ("linux", "arm64"), ("", "")] {
        let config = json!({ "os": os, "architecture": arch, "config": { "Entrypoint": ["/a"] } });
        let verdict = examine(&config, &sample::read(&[&[fixed("a")]]).unwrap(), Platform::LinuxAmd64, false);
        assert_eq!(verdict.refusals[0].code, "image-platform");
    }
}
