//! The machine code of a wheel: its machine, its policy, its Python, and what was compiled into it.

use super::made::{LIBRARY, Parts, check, module, with_texts};
use crate::inspect::sample::Elf;

fn library(row: &str, elf: Elf, expected: &[(&str, &str)]) {
    let put = |parts: &mut Parts| parts.put(LIBRARY, with_texts(&elf, "marker"));
    check(row, put, expected);
}

#[test]
fn machines() {
    library(
        "arm",
        Elf { machine: 183, ..module() },
        &[("wheel-library", "which is for aarch64, but the wheel is for x86_64")],
    );
    check(
        "another target",
        |parts| parts.target = "aarch64-unknown-linux-gnu",
        &[("wheel-library", "which is for x86_64, but the wheel is for aarch64")],
    );
    check(
        "another format",
        |parts| {
            parts.target = "x86_64-pc-windows-msvc";
            parts.tag("demo_lib-1.2.0rc1-cp310-abi3-win_amd64.whl");
        },
        &[("wheel-library", "which is elf, but the wheel is for pe")],
    );
    check(
        "half of a universal one",
        |parts| {
            parts.target = "aarch64-apple-darwin";
            parts.tag("demo_lib-1.2.0rc1-cp310-abi3-macosx_10_12_universal2.whl");
        },
        &[("wheel-library", "which is elf, but the wheel is for macho")],
    );
    check(
        "for any platform",
        |parts| parts.tag("demo_lib-1.2.0rc1-py3-none-any.whl"),
        &[("wheel-library", "is for any platform, but contains `demo/_demo.abi3.so`")],
    );
    check(
        "a text instead",
        |parts| parts.put(LIBRARY, "version https://git-lfs.github.com/spec/v1\n"),
        &[
            ("wheel-library", "contains `demo/_demo.abi3.so`, which is not an ELF, Mach-O or PE executable"),
            ("dist-variants", "does not contain `marker`"),
        ],
    );
    check(
        "cut off",
        |parts| parts.put(LIBRARY, &module().bytes()[..500]),
        &[("wheel-library", "which is damaged"), ("dist-variants", "does not contain `marker`")],
    );
}

#[test]
fn policies() {
    let code = "wheel-policy";
    let versions = |versions: &[(&'static str, u16)]| Elf { versions: versions.to_vec(), ..module() };
    library("a newer glibc", versions(&[("GLIBC_2.28", 0)]), &[(code, "needs GLIBC_2.28, but the tag promises 2.17")]);
    library("one more than 2.17", versions(&[("GLIBC_2.18", 0)]), &[(code, "needs GLIBC_2.18")]);
    library("weakly", versions(&[("GLIBC_2.17", 0), ("GLIBC_2.28", 2)]), &[]);
    let newer = |parts: &mut Parts| {
        parts.tag("demo_lib-1.2.0rc1-cp310-abi3-manylinux_2_28_x86_64.whl");
        parts.put(LIBRARY, with_texts(&versions(&[("GLIBC_2.28", 0)]), "marker"));
    };
    check("a newer tag", newer, &[]);
    let arm = |parts: &mut Parts| {
        parts.target = "aarch64-unknown-linux-gnu";
        parts.tag("demo_lib-1.2.0rc1-cp310-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64.whl");
        parts.put(LIBRARY, with_texts(&Elf { machine: 183, ..versions(&[("GLIBC_2.18", 0)]) }, "marker"));
    };
    check("2.18 on arm", arm, &[]);

    let needed = |needed: &[&'static str]| Elf { needed: needed.to_vec(), ..module() };
    library("of the builder", needed(&["libc.so.6", "libssl.so.3"]), &[(code, "needs `libssl.so.3`, which not every")]);
    library("allowed", needed(&["libstdc++.so.6", "libz.so.1", "libexpat.so.1"]), &[]);
    library("allowed later", needed(&["libmvec.so.1"]), &[(code, "needs `libmvec.so.1`")]);
    let grafted = |parts: &mut Parts| {
        parts.put(LIBRARY, with_texts(&needed(&["libssl-0a1b.so.3"]), "marker"));
        parts.put("demo_lib.libs/libssl-0a1b.so.3", needed(&["libc.so.6"]).bytes());
    };
    check("in the wheel", grafted, &[]);

    let musl = |elf: Elf| {
        move |parts: &mut Parts| {
            parts.target = "x86_64-unknown-linux-musl";
            parts.tag("demo_lib-1.2.0rc1-cp310-abi3-musllinux_1_2_x86_64.whl");
            parts.put(LIBRARY, with_texts(&elf, "marker"));
        }
    };
    let of_musl = |needed: &[&'static str]| Elf { needed: needed.to_vec(), versions: Vec::new(), ..module() };
    check("musl", musl(of_musl(&["libc.so", "libz.so.1"])), &[]);
    let of_gcc = Elf { versions: vec![("GLIBC_2.0", 0)], ..of_musl(&["libc.so"]) };
    check("musl with a version of gcc's library", musl(of_gcc), &[]);
    check("musl with gcc's", musl(of_musl(&["libc.so", "libgcc_s.so.1"])), &[(code, "needs `libgcc_s.so.1`")]);
    check(
        "glibc under the name of musl",
        musl(module()),
        &[
            (code, "needs GLIBC_2.17, but is for musl"),
            (code, "needs `libc.so.6`, `libgcc_s.so.1`, `ld-linux-x86-64.so.2`"),
        ],
    );
}

#[test]
fn the_stable_abi() {
    let code = "wheel-abi3";
    let taken = |taken: &[&'static str]| Elf { taken: taken.to_vec(), ..module() };
    library(
        "not in it",
        taken(&["PyList_New", "PyUnicode_AsUTF8"]),
        &[(code, "uses `PyUnicode_AsUTF8` of Python, which are not in the stable ABI")],
    );
    library(
        "later in it",
        taken(&["PyObject_GetBuffer", "PyLong_AsInt"]),
        &[(code, "uses `PyLong_AsInt`, `PyObject_GetBuffer` of Python, which 3.10 does not have")],
    );
    let later = |parts: &mut Parts| {
        parts.tag("demo_lib-1.2.0rc1-cp313-abi3-manylinux_2_17_x86_64.whl");
        parts.put(LIBRARY, with_texts(&taken(&["PyObject_GetBuffer", "PyLong_AsInt"]), "marker"));
    };
    check("a later Python", later, &[]);
    let one = |parts: &mut Parts| {
        parts.tag("demo_lib-1.2.0rc1-cp311-cp311-manylinux_2_17_x86_64.whl");
        parts.put(LIBRARY, with_texts(&taken(&["PyUnicode_AsUTF8"]), "marker"));
    };
    check("one Python", one, &[]);
    library(
        "bound to one Python",
        Elf { needed: vec!["libc.so.6", "libpython3.11.so.1.0"], ..module() },
        &[("wheel-policy", "needs `libpython3.11.so.1.0`"), (code, "links `libpython3.11.so.1.0`")],
    );
}

#[test]
fn functions_that_start_a_module() {
    let code = "wheel-init";
    library(
        "of another name",
        Elf { given: vec!["PyInit_demo"], ..module() },
        &[(code, "has no function `PyInit__demo` (it has `PyInit_demo`): it cannot be imported")],
    );
    library("none", Elf { given: Vec::new(), ..module() }, &[(code, "has no function `PyInit__demo`: it cannot")]);
    // Taken from elsewhere is not given.
    let only_taken = Elf { given: Vec::new(), taken: vec!["PyInit__demo"], ..module() };
    library("taken", only_taken, &[("wheel-abi3", "uses `PyInit__demo`"), (code, "has no function `PyInit__demo`")]);
}

#[test]
fn texts_that_tell_variants_apart() {
    let code = "dist-variants";
    check("not there", |parts| parts.present = &["marker", "axum"], &[]);
    check(
        "a stranger",
        |parts| parts.absent = &["foreign", "axum-0"],
        &[(code, "contains `axum-0` in `demo/_demo.abi3.so`")],
    );
    check("lost", |parts| parts.present = &["marker", "lost\u{1b}"], &[(code, "does not contain `lost\u{fffd}`")]);
    let elsewhere = |parts: &mut Parts| {
        parts.present = &["only here"];
        parts.put("demo/text.py", "only here");
        parts.put("demo_lib.libs/libx.so.1", with_texts(&module(), "only here"));
    };
    check("not in a module", elsewhere, &[(code, "does not contain `only here`")]);
}

#[test]
fn a_later_macos_than_the_tag_says() {
    let library = |version: u32| {
        let command = [0x32_u32, 24, 1, version, version, 0];
        let header = [0xfeed_facf_u32, 0x0100_000c, 0, 6, 1, 24, 0, 0];
        header.into_iter().chain(command).flat_map(u32::to_le_bytes).collect::<Vec<u8>>()
    };
    let with = |version: u32, tag: &'static str| {
        move |parts: &mut Parts| {
            parts.target = "aarch64-apple-darwin";
            parts.tag(tag);
            parts.put(LIBRARY, [library(version), b"marker PyInit__demo".to_vec()].concat());
        }
    };
    let init = ("wheel-init", "has no function `PyInit__demo`");
    let later = ("wheel-policy", "contains `demo/_demo.abi3.so`, which needs macOS 13.0, but the tag promises 11.0");
    check("as promised", with(0x000b_0000, "demo_lib-1.2.0rc1-cp310-abi3-macosx_11_0_arm64.whl"), &[init]);
    check("an older one", with(0x000b_0000, "demo_lib-1.2.0rc1-cp310-abi3-macosx_13_0_arm64.whl"), &[init]);
    check("a later one", with(0x000d_0000, "demo_lib-1.2.0rc1-cp310-abi3-macosx_11_0_arm64.whl"), &[later, init]);
}

#[test]
fn code_that_a_generator_left_out() {
    let empty = ("wheel-empty-module", "has nothing to import as `demo`");
    let left = |parts: &mut Parts| {
        parts.members.retain(|(path, _)| path != LIBRARY);
        parts.put("demo/__init__.py", "");
        parts.put("demo/libdemo.so", with_texts(&module(), "marker"));
        parts.tag("demo_lib-1.2.0rc1-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl");
    };
    check("an empty package beside a library", left, &[empty]);
    let filled = |parts: &mut Parts| {
        left(parts);
        parts.put("demo/demo.py", "def main(): pass\n");
    };
    check("one with its code", filled, &[]);
}

#[test]
fn modules_that_start_in_the_newer_way() {
    let with = |tag: &'static str| {
        move |parts: &mut Parts| {
            parts.remove(LIBRARY);
            let elf = Elf { given: vec!["PyModExport__demo"], ..module() };
            parts.put("demo/_demo.abi3t-x86_64-linux-gnu.so", with_texts(&elf, "marker"));
            parts.tag(tag);
        }
    };
    let newer = "demo_lib-1.2.0rc1-cp315-abi3.abi3t-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
    check("from 3.15 on", with(newer), &[]);
    let init = ("wheel-init", "has no function `PyInit__demo` (it has `PyModExport__demo`)");
    let older = "demo_lib-1.2.0rc1-cp314-cp314t-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
    check("an older Python does not know it", with(older), &[init]);
}
