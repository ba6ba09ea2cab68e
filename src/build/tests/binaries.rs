//! Compiling, taking, packing, checking and summing executables.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::fixture::{Fixture, TIME, archive, bash, checksums, host, manifest, outputs, workspace, write};
use crate::digest::Digest;
use crate::format::Format;
use crate::plan::{ArchiveFile, EntryKind, PlannedBuilder, SmokeCheck, Work};
use crate::problem::Exit;
use crate::target::Linkage;

fn file(path: &str) -> ArchiveFile {
    ArchiveFile { source: path.into(), path: path.into(), entry: EntryKind::File }
}

#[test]
fn one_cargo_call_for_equal_settings_then_archives_checks_and_sums() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    it.binary("beta", |_| ());
    it.check("alpha", "1.2.3");
    let outputs = [("both.tar.gz", Format::TarGz), ("both.zip", Format::Zip)];
    let mut work = archive(&outputs, &[("binary.alpha", "alpha"), ("binary.beta", "beta")]);
    work.files = vec![file("README.md")];
    it.step("archive.both", &["binary.alpha", "binary.beta"], Work::Archive(work));
    let bare = archive(&[("alpha-bare", Format::Binary)], &[("binary.alpha", "alpha")]);
    it.step("archive.bare", &["binary.alpha"], Work::Archive(bare));
    let covers = [("archive.bare", "alpha-bare"), ("archive.both", "both.zip"), ("archive.both", "both.tar.gz")];
    it.step("checksums.root", &["archive.both", "archive.bare"], checksums(&covers));
    let records = it.run(&[]).unwrap();

    let ids: Vec<&str> = records.iter().map(|record| record.step.as_str()).collect();
    assert_eq!(
        ids,
        ["binary.alpha", "binary.beta", "check.smoke.alpha", "archive.both", "archive.bare", "checksums.root"]
    );
    assert_eq!(it.store.records().unwrap().into_iter().map(|record| record.step).collect::<BTreeSet<_>>().len(), 6);
    for record in &records {
        assert_eq!(record.plan, it.plan.digest());
        for made in &record.files {
            let bytes = fs::read(it.store.file(&record.step, &made.name)).unwrap();
            assert_eq!((Digest::of(&bytes), bytes.len() as u64), (made.sha256, made.size), "{}", made.name);
        }
    }
    for id in ["binary.alpha", "binary.beta"] {
        let log = it.log(id);
        let calls: Vec<&str> = log.lines().filter(|line| line.starts_with("$ ")).collect();
        assert_eq!(calls.len(), 1, "{log}");
        let names = format!("--target {} -p alpha --bin alpha -p beta --bin beta --profile dev --locked", host());
        assert!(calls[0].ends_with(&names), "{log}");
    }
    let check = records[2].check.as_ref().unwrap();
    assert!(check.passed);
    assert_eq!(check.subjects[0].sha256, records[0].files[0].sha256);
    assert_eq!(check.detail, "`alpha --version` printed `alpha 1.2.3`");

    // Programs that we did not write read it back.
    let folder = it.store.step("archive.both");
    let listed = it.sees("tar", &["-tvf", "both.tar.gz", "--utc", "--full-time", "--numeric-owner"], &folder);
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    let of = |line: &[&str]| (line[0].to_owned(), line[1].to_owned(), line[3..].join(" "));
    let expected = |mode: &str, name: &str| (mode.to_owned(), "0/0".to_owned(), format!("2024-05-06 07:08:10 {name}"));
    assert_eq!(of(&lines[0]), expected("-rw-r--r--", "README.md"));
    assert_eq!(of(&lines[1]), expected("-rwxr-xr-x", "bin/alpha"));
    assert_eq!(of(&lines[2]), expected("-rwxr-xr-x", "bin/beta"));
    let script = "import zipfile; [print(oct(i.external_attr >> 16), i.date_time, i.filename) for i in zipfile.ZipFile('both.zip').infolist()]; assert not zipfile.ZipFile('both.zip').testzip()";
    let listed = it.sees("python3", &["-c", script], &folder);
    assert!(listed.starts_with("0o100644 (2024, 5, 6, 7, 8, 10) README.md\n0o100755 "), "{listed}");
    let bare = it.sees(it.store.file("archive.bare", "alpha-bare").to_str().unwrap(), &[], it.top());
    assert_eq!(bare, "alpha 1.2.3\n");

    let sums = fs::read_to_string(it.store.file("checksums.root", "SHA256SUMS")).unwrap();
    let names: Vec<&str> = sums.lines().map(|line| line.split("  ").nth(1).unwrap()).collect();
    assert_eq!(names, ["alpha-bare", "both.tar.gz", "both.zip"]);
    let public = tempfile::tempdir().unwrap();
    for (step, name) in covers.iter().chain(&[("checksums.root", "SHA256SUMS")]) {
        fs::copy(it.store.file(step, name), public.path().join(name)).unwrap();
    }
    assert!(it.sees("sha256sum", &["-c", "SHA256SUMS"], public.path()).contains("both.zip: OK"));
}

#[test]
fn the_same_again_is_the_same_bytes() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    for name in ["one", "two", "three"] {
        let formats = [Format::TarGz, Format::TarZst, Format::Zip];
        let outputs = formats.map(|format| (format!("{name}{}", format.extension()), format));
        let outputs = outputs.each_ref().map(|(name, format)| (name.as_str(), *format));
        let mut work = archive(&outputs, &[("binary.alpha", "alpha")]);
        work.files = vec![file("README.md")];
        it.step(&format!("archive.{name}"), &["binary.alpha"], Work::Archive(work));
    }
    let first = it.run(&[]).unwrap();
    // Other times on disk, another time zone, one archive at a time: nothing of it shows.
    it.sees("touch", &["-d", "2001-02-03", "README.md"], it.top());
    it.runner = it.runner.clone().with("TZ", "Asia/Tokyo");
    let again: Vec<_> =
        ["one", "two", "three"].iter().flat_map(|name| it.run(&[&format!("archive.{name}")]).unwrap()).collect();
    assert_eq!(first[1..], again[..]);
    let of = |record: &crate::artifact::Artifact| record.files.iter().map(|file| file.sha256).collect::<Vec<_>>();
    assert_eq!(of(&first[1]), of(&first[3]), "the name of an archive is not in its bytes");
}

/// Stands for cargo, rustc and cargo-zigbuild: writes down what it is told, and makes what it is asked for.
const FAKE_CARGO: &str = r#"
echo "cargo $*" >> "$CALLS"
echo "noise on stdout"
while [ $# -gt 0 ]; do
  case "$1" in
    -p) package=$2 ;;
    --bin)
      mkdir -p "$PWD/out"
      printf '#!/bin/sh\necho %s 1.2.3\n' "$2" > "$PWD/out/$2"
      echo "{\"reason\":\"compiler-artifact\",\"package_id\":\"path+file://$PWD/$package#1.2.3\",\"target\":{\"name\":\"$2\",\"kind\":[\"bin\"]},\"executable\":\"$PWD/out/$2\"}" ;;
  esac
  shift
done
echo "{\"reason\":\"build-finished\",\"success\":true}"
"#;

fn with_fake_cargo() -> Fixture {
    let mut it = workspace();
    let calls = it.top().join(".git/calls").to_str().unwrap().to_owned();
    let sysroot = it.top().join(".git/sysroot");
    for target in crate::target::Target::all() {
        write(&sysroot.join(format!("lib/rustlib/{target}/lib/libstd.rlib")), "");
    }
    it.fake("cargo", &format!("CALLS={calls}\n{FAKE_CARGO}"));
    it.fake("cargo-zigbuild", "");
    it.fake("zig", "");
    it.fake(
        "rustc",
        &format!(
            "case \"$*\" in *sysroot) echo {} ;; *musl*|*Static*) echo 'target_feature=\"crt-static\"' ;; esac",
            sysroot.display()
        ),
    );
    it
}

fn calls(it: &Fixture) -> String {
    fs::read_to_string(it.top().join(".git/calls")).unwrap()
}

#[test]
fn says_to_cargo_what_was_planned() {
    let mut it = with_fake_cargo();
    it.binary("alpha", |work| {
        work.profile = "dist".into();
        work.features = vec!["a".into(), "b/c".into()];
        work.default_features = false;
        work.cargo_args = vec!["--timings".into()];
    });
    it.binary("beta", |work| {
        work.builder = PlannedBuilder::Zigbuild;
        work.glibc = Some("2.17".into());
        work.locked = false;
    });
    it.run(&[]).unwrap();
    let t = host();
    let expected = format!(
        "cargo build --message-format json-render-diagnostics --target {t} -p alpha --bin alpha --profile dist --locked --no-default-features --features a,b/c --timings\n\
         cargo zigbuild --message-format json-render-diagnostics --target {t}.2.17 -p beta --bin beta --profile dev\n"
    );
    assert_eq!(calls(&it), expected);
    assert!(it.log("binary.alpha").contains("noise on stdout"));
    assert!(!it.log("binary.alpha").contains("compiler-artifact"));
}

/// As crates do that compare themselves with their last version, or whose old one uses the new one.
#[test]
fn a_package_whose_older_version_is_among_its_dependencies() {
    let old = "[dev-dependencies]\nold = { package = \"alpha\", path = \"old\" }\n";
    let lock = "version = 4\n\n[[package]]\nname = \"alpha\"\nversion = \"0.9.0\"\n\n[[package]]\nname = \"alpha\"\n\
                version = \"1.2.3\"\ndependencies = [\n \"alpha 0.9.0\",\n]\n";
    let main = "fn main() { println!(\"{}\", env!(\"CARGO_PKG_VERSION\")); }\n";
    let files = [
        ("Cargo.toml", format!("{}{old}", manifest("alpha"))),
        ("Cargo.lock", lock.to_owned()),
        ("src/main.rs", main.to_owned()),
        ("old/Cargo.toml", manifest("alpha").replace("1.2.3", "0.9.0")),
        ("old/src/lib.rs", String::new()),
    ];
    let mut it = Fixture::new(&files.each_ref().map(|(path, text)| (*path, text.as_str())));
    it.binary("alpha", |_| ());
    let check = |it: &Fixture| {
        it.run(&[]).unwrap();
        assert!(it.log("binary.alpha").contains("-p alpha@1.2.3 --bin alpha"), "{}", it.log("binary.alpha"));
        assert_eq!(it.sees(it.store.file("binary.alpha", "alpha").to_str().unwrap(), &[], it.top()), "1.2.3\n");
    };
    check(&it);
    // Where cargo is to make the lock file, it may hold anything.
    fs::remove_file(it.top().join("Cargo.lock")).unwrap();
    let Work::Binary(work) = &mut it.plan.steps[0].work else { panic!("no binary") };
    work.locked = false;
    check(&it);
}

#[test]
fn adds_a_flag_only_where_rustc_would_link_otherwise() {
    let mut it = with_fake_cargo();
    it.runner = it.runner.clone().with("CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER", "l");
    for (package, triple, linkage) in
        [("alpha", "x86_64-pc-windows-msvc", Linkage::Static), ("beta", "x86_64-unknown-linux-musl", Linkage::Static)]
    {
        let target = triple.parse().unwrap();
        it.binary(package, |work| work.linkage = linkage).target = Some(target);
    }
    let records = it.run(&[]).unwrap();
    assert_eq!(records[0].rustflags, ["-C", "target-feature=+crt-static"]);
    assert!(records[1].rustflags.is_empty(), "{:?}", records[1].rustflags);
}

#[test]
fn packages_that_share_a_name_are_compiled_apart() {
    let mut it = with_fake_cargo();
    for package in ["alpha", "beta"] {
        it.binary(package, |work| {
            work.bins = vec!["app".into()];
            work.outputs = outputs(&["app"]);
        });
    }
    it.run(&[]).unwrap();
    assert_eq!(calls(&it).lines().count(), 2);
}

#[test]
fn finds_what_cross_made_in_its_container() {
    let mut it = with_fake_cargo();
    it.fake("docker", "");
    it.fake(
        "cross",
        "mkdir -p real/x; echo made > real/x/alpha; echo '{\"reason\":\"compiler-artifact\",\"package_id\":\"alpha 1.2.3 (path+file:///project)\",\"target\":{\"name\":\"alpha\",\"kind\":[\"bin\"]},\"executable\":\"/target/x/alpha\"}'",
    );
    let folder = it.top().join("real");
    it.fake("cargo", &format!("echo '{{\"target_directory\":\"{}\"}}'", folder.display()));
    it.binary("alpha", |work| work.builder = PlannedBuilder::Cross);
    it.run(&[]).unwrap();
    assert_eq!(fs::read_to_string(it.store.file("binary.alpha", "alpha")).unwrap(), "made\n");
}

#[test]
fn keeps_the_users_flags_when_it_links_statically() {
    let main = "fn main() { println!(\"{} {} {}\", cfg!(target_feature = \"crt-static\"), cfg!(theirs), option_env!(\"SOURCE_DATE_EPOCH\").unwrap_or(\"-\")); }\n";
    let mut it = Fixture::new(&[
        ("Cargo.toml", &manifest("alpha")),
        ("src/main.rs", main),
        (".cargo/config.toml", "[build]\nrustflags = [\"--cfg\", \"theirs\"]\n"),
    ]);
    it.binary("alpha", |work| {
        work.linkage = Linkage::Static;
        work.locked = false;
    });
    it.run(&[]).unwrap();
    let said = it.sees(it.store.file("binary.alpha", "alpha").to_str().unwrap(), &[], it.top());
    assert_eq!(said, format!("true true {TIME}\n"));
}

/// Cargo takes flags from one place: ours must not put another one in force.
#[test]
fn no_flag_of_the_user_is_lost() {
    let mut it = Fixture::new(&[
        ("Cargo.toml", &manifest("alpha")),
        ("src/main.rs", "fn main() { println!(\"{} {}\", cfg!(one), cfg!(two)); }\n"),
    ]);
    it.binary("alpha", |work| work.locked = false);
    let (t, plain) = (host(), it.runner.clone());
    let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", t.triple().to_uppercase().replace('-', "_"));
    let build = "build.rustflags = ['--cfg', 'one']\n";
    let own = format!("target.{t}.rustflags = ['--cfg', 'one']\n");
    let both = format!("{own}[target.'cfg(unix)']\nrustflags = ['--cfg', 'two']\n");
    let two = "--cfg two";
    let check = |it: &mut Fixture, (config, env, args): (&str, &[(&str, &str)], &[&str]), expected: &str| {
        write(&it.top().join(".cargo/config.toml"), config);
        it.runner = env.iter().fold(plain.clone(), |runner, (name, value)| runner.with(name, *value));
        let Work::Binary(work) = &mut it.plan.steps[0].work else { panic!("no binary") };
        work.cargo_args = args.iter().map(ToString::to_string).collect();
        let record = it.run(&[]).unwrap().remove(0);
        let said = it.sees(it.store.file("binary.alpha", "alpha").to_str().unwrap(), &[], it.top());
        assert_eq!(said, format!("{expected}\n"), "{config} {env:?} {args:?}");
        let recorded = ["one", "two"].map(|name| record.rustflags.iter().any(|flag| flag == name).to_string());
        assert_eq!(recorded.join(" "), expected, "{config} {env:?} {args:?}");
        assert!(it.log("binary.alpha").contains("--remap-path-prefix="), "{}", it.log("binary.alpha"));
    };
    check(&mut it, ("", &[], &[]), "false false");
    check(&mut it, (build, &[], &[]), "true false");
    check(&mut it, (&both, &[], &[]), "true true");
    check(&mut it, (build, &[("CARGO_BUILD_RUSTFLAGS", two)], &[]), "true true");
    check(&mut it, (&own, &[(&variable, two)], &[]), "true true");
    check(&mut it, (&own, &[("RUSTFLAGS", two)], &[]), "false true");
    check(&mut it, (&own, &[("RUSTFLAGS", "--x"), ("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}two")], &[]), "false true");
    check(&mut it, (build, &[], &["--config", "build.rustflags=['--cfg', 'two']"]), "true true");
}

/// Other homes and another checkout: nothing of them is in the executable, and its bytes are the same.
#[test]
fn the_same_commit_makes_the_same_bytes_anywhere() {
    let main = "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));
        fn main() {
            use base64::Engine;
            let words: Vec<String> = std::env::args().collect();
            println!(\"{} {}\", at(words.len()), base64::engine::general_purpose::STANDARD.encode(&words[0]));
        }\n";
    let made = "fn main() {
            let path = std::path::Path::new(&std::env::var(\"OUT_DIR\").unwrap()).join(\"made.rs\");
            std::fs::write(path, \"pub fn at(n: usize) -> u8 { [1, 2, 3][n] }\").unwrap();
        }\n";
    let with_base64 = format!("{}[dependencies]\nbase64 = \"0.22\"\n", manifest("alpha"));
    let build = || {
        let mut it = Fixture::new(&[("Cargo.toml", &with_base64), ("src/main.rs", main), ("build.rs", made)]);
        it.binary("alpha", |work| (work.locked, work.profile) = (false, "release".into()));
        let home = tempfile::tempdir().unwrap();
        let (old, cargo) = (it.runner.var("HOME").unwrap().to_owned(), home.path().join("cargo"));
        let known = |name: &str, folder: &str| it.runner.var(name).map_or(format!("{old}/{folder}"), ToOwned::to_owned);
        let (rustup, registry) = (known("RUSTUP_HOME", ".rustup"), known("CARGO_HOME", ".cargo"));
        fs::create_dir(&cargo).unwrap();
        std::os::unix::fs::symlink(Path::new(&registry).join("registry"), cargo.join("registry")).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        it.runner = it.runner.clone().with("HOME", text(home.path())).with("CARGO_HOME", text(&cargo));
        it.runner = it.runner.clone().with("RUSTUP_HOME", rustup);
        it.run(&[]).unwrap();
        let bytes = fs::read(it.store.file("binary.alpha", "alpha")).unwrap();
        for folder in [home.path(), it.top()] {
            let found = memchr::memmem::find(&bytes, text(folder).as_bytes());
            assert_eq!(found, None, "{} is in it", folder.display());
        }
        assert!(memchr::memmem::find(&bytes, b"/cargo/registry/src/").is_some(), "nothing of a dependency is in it");
        bytes
    };
    assert!(build() == build(), "two machines make two programs");
}

#[test]
fn prebuilt_binaries_win_over_compiling() {
    let mut it = workspace();
    it.binary("alpha", |work| work.before = vec![bash("touch compiled")]);
    it.binary("beta", |work| {
        work.builder = PlannedBuilder::Prebuilt;
        work.prebuilt = vec!["given/beta".into()];
    });
    let given = tempfile::tempdir().unwrap();
    write(&given.path().join(format!("{}/alpha", host())), "#!/bin/sh\necho prebuilt 1.2.3\n");
    it.prebuilt = Some(given.path().to_owned());
    let said = it.fails(&[], Exit::Usage);
    assert!(said.contains("missing-prebuilt: the prebuilt file does not exist"), "{said}");
    write(&it.top().join("given/beta"), "beta");
    it.check("alpha", "1.2.3");
    let records = it.run(&[]).unwrap();
    assert_eq!(records[2].check.as_ref().unwrap().detail, "`alpha --version` printed `prebuilt 1.2.3`");
    assert!(!it.top().join("compiled").exists());
    assert_eq!(fs::read_to_string(it.store.file("binary.beta", "beta")).unwrap(), "beta");
}

#[test]
fn a_failed_build_says_what_cargo_said() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    it.check("alpha", "1.2.3");
    write(&it.top().join("alpha/src/main.rs"), "fn main() { nonsense() }\n");
    it.runner = it.runner.clone().with("CARGO_TERM_COLOR", "always");
    let said = it.fails(&[], Exit::Build);
    assert!(said.starts_with("step-failed: `binary.alpha` failed: `cargo build "), "{said}");
    assert!(said.contains("failed with exit status: 101"), "{said}");
    assert!(said.contains("see the full log in `target/longshore/logs/binary.alpha.log`; it ends with:"), "{said}");
    assert!(said.contains("cannot find function `nonsense`") && !said.contains('\u{1b}'), "{said}");
    assert!(it.log("binary.alpha").contains("cannot find function `nonsense`"));
    assert!(!it.store.record("binary.alpha").exists() && !it.store.record("check.smoke.alpha").exists());
}

#[test]
fn goes_on_with_what_needs_no_failed_step() {
    let mut it = workspace();
    it.binary("alpha", |work| work.before = vec![bash("exit 4")]);
    it.binary("beta", |_| ());
    it.check("alpha", "1.2.3");
    it.check("beta", "1.2.3");
    it.keep_going = true;
    let said = it.fails(&[], Exit::Build);
    assert_eq!(said.matches("step-failed").count(), 1, "{said}");
    assert!(said.contains("`bash -euo pipefail -c 'exit 4'` failed with exit status: 4"), "{said}");
    assert!(said.contains("exit status: 4; skipped because of it: `check.smoke.alpha`\n"), "{said}");
    assert!(it.store.record("check.smoke.beta").exists() && !it.store.record("check.smoke.alpha").exists());
    it.keep_going = false;
    fs::remove_dir_all(it.store.root()).unwrap();
    it.fails(&[], Exit::Build);
    assert!(!it.store.record("binary.beta").exists());
}

#[test]
fn smoke_fails_on_a_wrong_version_a_bad_end_and_silence() {
    let check = |script: &str, expected: &str| {
        let mut it = workspace();
        it.binary("alpha", |_| ());
        it.check("alpha", "1.2.3");
        let given = tempfile::tempdir().unwrap();
        write(&given.path().join(format!("{}/alpha", host())), script);
        it.prebuilt = Some(given.path().to_owned());
        let said = it.fails(&[], Exit::Build);
        assert!(said.contains(&format!("`check.smoke.alpha` failed: `alpha --version` {expected}")), "{said}");
        let record = it.store.records().unwrap().into_iter().find(|record| record.step == "check.smoke.alpha").unwrap();
        assert!(!record.check.unwrap().passed);
    };
    check("#!/bin/sh\necho alpha 1.2.2\n", "does not print `1.2.3`; it printed `alpha 1.2.2`");
    check("#!/bin/sh\necho alpha 1.2.3; exit 3\n", "failed with exit status: 3; it printed");
    check("#!/bin/sh\ncat\n", "does not print `1.2.3`; it printed nothing");
    check("#!/nowhere\n", "cannot be started");
}

/// Programs as they are, before anybody has written `smoke:`.
#[test]
fn a_first_run_that_nobody_described_is_an_error_only_if_it_shows_one() {
    let given = tempfile::tempdir().unwrap();
    let run = |name: &str, script: &str, change: fn(&mut SmokeCheck)| {
        let mut it = workspace();
        it.binary("alpha", |work| {
            work.bins = vec![name.into()];
            work.outputs = outputs(&[name]);
        });
        it.first_run("alpha", "1.2.3", |work| {
            work.assumed = true;
            change(work);
        });
        write(&given.path().join(format!("{}/{name}", host())), script);
        it.prebuilt = Some(given.path().to_owned());
        match it.run(&[]) {
            Ok(records) => Ok(records[1].check.clone().unwrap()),
            Err(error) => Err(format!("{error:#}")),
        }
    };
    let doubts = |script: &str, expected: &str| {
        let result = run("alpha", script, |_| ()).unwrap();
        assert!(result.passed && result.warnings.len() == 1, "{script}: {result:?}");
        let warning = &result.warnings[0];
        assert!(warning.contains(expected) && warning.contains("`smoke: [ARGUMENT]`"), "{script}: {warning}");
    };
    doubts("#!/bin/sh\necho usage >&2; exit 64\n", "`alpha --version` failed with exit status: 64; it printed `usage`");
    doubts("#!/bin/sh\n", "does not print `1.2.3`; it printed nothing");
    doubts("#!/bin/sh\necho listening on 127.0.0.1:80; exec sleep 60\n", "did not finish within 10 s");
    doubts("#!/bin/sh\nkill -ABRT $$\n", "failed with signal: 6");
    let fails = |script: &str, expected: &str| {
        let said = run("alpha", script, |_| ()).unwrap_err();
        assert!(said.contains(expected) && said.contains("`smoke: [ARGUMENT]`"), "{script}: {said}");
    };
    fails("#!/bin/sh\necho alpha 1.2.2\n", "does not print `1.2.3`; it printed `alpha 1.2.2`");
    fails("#!/nowhere\n", "cannot be started");
    fails("#!/bin/sh\nkill -SEGV $$\n", "failed with signal: 11");
    fails("#!/bin/sh\necho alpha: error while loading shared libraries: x.so; exit 127\n", "exit status: 127");
    // A subcommand of cargo is called as cargo calls it, too.
    let subcommand = "#!/bin/sh\n[ \"$*\" = 'alpha --version' ] || exit 2\necho cargo-alpha 1.2.3\n";
    let result = run("cargo-alpha", subcommand, |_| ()).unwrap();
    assert_eq!(
        (result.warnings.len(), result.detail.as_str()),
        (0, "`cargo-alpha alpha --version` printed `cargo-alpha 1.2.3`")
    );
    // What is written for one executable holds for it.
    let own = "#!/bin/sh\n[ \"$1\" = version ] && echo 1.2.3\n";
    let named = |work: &mut SmokeCheck| drop(work.programs.insert("alpha".into(), Some(vec!["version".into()])));
    assert_eq!(run("alpha", own, named).unwrap().detail, "`alpha version` printed `1.2.3`");
    assert!(run("alpha", "#!/bin/sh\n", named).is_err());
    let off = |work: &mut SmokeCheck| drop(work.programs.insert("alpha".into(), None));
    assert_eq!(run("alpha", "#!/bin/sh\nexit 1\n", off).unwrap().detail, "`alpha` is not run");
}

/// `--prebuilt DIR` with something else in it would compile everything, and nobody would know.
#[test]
fn a_folder_of_prebuilt_files_without_any_is_refused() {
    let mut it = workspace();
    it.binary("alpha", |work| work.before = vec![bash("touch compiled")]);
    let given = tempfile::tempdir().unwrap();
    it.prebuilt = Some(given.path().to_owned());
    for place in ["alpha", "other/alpha"] {
        write(&given.path().join(place), "#!/bin/sh\n");
        let said = it.fails(&[], Exit::Usage);
        assert!(said.contains("no-prebuilt: no step uses a file of"), "{said}");
        assert!(said.contains(&format!("expected `{}/alpha`", host())), "{said}");
        assert!(!it.top().join("compiled").exists());
    }
    write(&given.path().join(format!("{}/alpha", host())), "#!/bin/sh\n");
    it.run(&[]).unwrap();
}

#[test]
fn smoke_ends_after_ten_seconds() {
    let mut it = workspace();
    it.binary("alpha", |_| ());
    it.check("alpha", "1.2.3");
    let given = tempfile::tempdir().unwrap();
    write(&given.path().join(format!("{}/alpha", host())), "#!/bin/sh\necho 1.2.3\nexec sleep 60\n");
    it.prebuilt = Some(given.path().to_owned());
    let said = it.fails(&[], Exit::Build);
    assert!(said.contains("did not finish within 10 s; it printed `1.2.3`"), "{said}");
}
