//! Flags for rustc in wheels: those of the user and of maturin stay in force beside ours.

use std::fs;

use crate::quay::{must, project, sh, text};

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn yaml(target: &str, wheel: &str) -> String {
    format!(
        "longshore: 1\ntargets: {target}\nbinaries: false\npublish: {{ pypi: {{}} }}\nwheels: {{ quay: {{ sdist: false{wheel} }} }}\n"
    )
}

fn pyproject(bindings: &str, more: &str) -> String {
    format!(
        "[build-system]\nrequires = ['maturin>=1.9,<2']\nbuild-backend = 'maturin'\n[project]\nname = 'quay'\n\
         dynamic = ['version']\n[tool.maturin]\n{bindings}{more}"
    )
}

const MANIFEST: &str = "[package]\nname = 'quay'\nversion = '1.2.3'\nedition = '2021'\n";

/// Cargo takes flags from one place, and maturin hands its own over in the first: no other may be lost by that.
#[test]
fn no_flag_of_the_user_is_lost_in_a_wheel() {
    let project = project(&[
        ("Cargo.toml", MANIFEST),
        ("src/main.rs", "fn main() { println!(\"{} {}\", cfg!(one), cfg!(two)) }\n"),
        (".gitignore", "/target\n"),
        ("longshore.yaml", &yaml(TARGET, "")),
        ("pyproject.toml", &pyproject("bindings = 'bin'\n", "")),
    ]);
    let write = |path: &str, content: &str| {
        let path = project.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let check = |config: &str, (maturin, wheel, env): (&str, &str, &str), expected: &str, recorded: &str| {
        write(".cargo/config.toml", config);
        write("pyproject.toml", &pyproject("bindings = 'bin'\n", maturin));
        write("longshore.yaml", &yaml(TARGET, wheel));
        must(&project, "git add -A && git commit -q --allow-empty -m more && git tag -f v1.2.3");
        must(&project, &format!("{env} longshore build --only wheel -q"));
        let step = format!("target/longshore/steps/wheel.quay.{TARGET}");
        let program = "target/open/quay-1.2.3.data/scripts/quay";
        let open = format!("python3 -m zipfile -e {step}/*.whl target/open && chmod +x {program} && {program}");
        let case = format!("{config} {maturin} {wheel} {env}");
        assert_eq!(must(&project, &open), format!("{expected}\n"), "{case}");
        let artifacts = project.folder().join("target/longshore/artifacts");
        let record = fs::read_to_string(artifacts.join(format!("wheel.quay.{TARGET}.json"))).unwrap();
        let found = ["one", "two"].map(|name| record.contains(&format!("\"{name}\"")).to_string()).join(" ");
        assert_eq!(found, recorded, "{case}: {record}");
        let log = project.folder().join(format!("target/longshore/logs/wheel.quay.{TARGET}.log"));
        let log = fs::read_to_string(log).unwrap();
        assert!(log.starts_with("rustflags: ") && log.contains("--remap-path-prefix="), "{case}: {log}");
    };
    let both = |case: &str, how: (&str, &str, &str), expected: &str| check(case, how, expected, expected);
    let build = "build.rustflags = ['--cfg', 'one']\n";
    let own =
        format!("target.{TARGET}.rustflags = ['--cfg', 'one']\n[target.'cfg(unix)']\nrustflags = ['--cfg', 'two']\n");
    let two = "config = [\"build.rustflags=['--cfg', 'two']\"]\n";
    both("", ("", "", ""), "false false");
    both(&own, ("", "", ""), "true true");
    both(build, ("", "", "CARGO_BUILD_RUSTFLAGS='--cfg two'"), "true true");
    both(build, ("", "", "RUSTFLAGS='--cfg two'"), "false true");
    both(build, ("", ", env: { RUSTFLAGS: '--cfg two' }", ""), "false true");
    both(build, ("", "", "RUSTFLAGS=--x CARGO_ENCODED_RUSTFLAGS=$(printf '%s\\037%s' --cfg two)"), "false true");
    both(build, (two, "", ""), "true true");
    // What stands on maturin's command line is in the place of what its pyproject.toml says.
    both(build, (two, ", cargo-args: [\"--config=build.rustflags=['--cfg', 'other']\"]", ""), "true false");
    // maturin hands these to rustc beside all flags.
    check(build, ("rustc-args = ['--cfg', 'two']\n", "", ""), "true true", "true false");
}

/// What rustc is told for another system, where maturin has flags of its own. There is no such standard library here: it
/// is enough that rustc is started.
#[test]
fn no_flag_of_maturin_is_lost() {
    let module = "[lib]\ncrate-type = ['cdylib']\n";
    let check = |target: &str, (bindings, manifest, wheel): (&str, &str, &str), expected: &[&str]| {
        let project = project(&[
            ("py/Cargo.toml", &format!("{MANIFEST}{module}{manifest}")),
            ("py/src/lib.rs", "\n"),
            // Only maturin reads it: cargo is started above.
            ("py/.cargo/config.toml", "build.rustflags = ['--cfg', 'one']\n"),
            (".gitignore", "target\n"),
            ("longshore.yaml", &yaml(target, &format!(", manifest: py/Cargo.toml{wheel}"))),
            ("py/pyproject.toml", &pyproject(bindings, "")),
        ]);
        let fake = project.folder().join("target");
        fs::create_dir_all(fake.join(format!("sysroot/lib/rustlib/{target}/lib/std"))).unwrap();
        let script = format!(
            "#!/bin/sh\n[ \"$*\" = '--print sysroot' ] && exec echo {0}/sysroot\necho \"$*\" >> {0}/started\nexec rustc \"$@\"\n",
            fake.display()
        );
        fs::write(fake.join("rustc"), script).unwrap();
        let line = "chmod +x target/rustc && RUSTC=$PWD/target/rustc longshore build --all";
        let done = sh(&project, line);
        let started = fs::read_to_string(fake.join("started")).unwrap_or_default();
        let compiled = |line: &&str| line.contains("--emit") && line.contains(&format!("--target {target}"));
        let Some(line) = started.lines().find(compiled) else {
            panic!("{target}: {started}\n{}{}", text(&done.stdout), text(&done.stderr))
        };
        for flag in [&["--cfg one", "--remap-path-prefix="], expected].concat() {
            assert!(line.contains(flag), "{target}: `{flag}` is not in {line}");
        }
    };
    let musl = ("bindings = 'cffi'\n", "", "");
    check("x86_64-unknown-linux-musl", musl, &["-C target-feature=-crt-static"]);
    let apple = ("", "[dependencies]\npyo3-ffi = { version = '=0.29.3', features = ['abi3-py310'] }\n", "");
    check("aarch64-apple-darwin", apple, &["-C link-arg=-undefined", "-C link-arg=dynamic_lookup"]);
}
