"""PyO3 projects we did not write, from PyPI's sdists: rehearsed, installed with pip and used; and for arm64 under qemu."""

import os
import platform
import shutil
import signal
import sys
import tarfile
import zipfile

import cross
import dufs
from project import answer, commit, environment, fresh, run, write
from registry import ROOT

TOOLS = ROOT / "target" / "tools" / "python" / "bin"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
HOST = f"{platform.machine()}-unknown-linux-gnu"
ARM = "aarch64-unknown-linux-gnu"

# Name; version; the sdist's sha256; its entry in longshore.yaml; what must be true of it once it is installed.
# One for each Python; one of several crates and with features; one of the stable ABI.
PROJECTS = [
    ("rpds-py", "2026.9.1", "4793ef7f78268b124b73fa933440f01d258bbae01de9fa53e9080c9ab0425a12",
     f'python: ["{PYTHON}"]',
     'from rpds import HashTrieMap; assert HashTrieMap({"a": 1}).insert("b", 2)["b"] == 2'),
    ("jiter", "0.19.0", "ba3064f8be276d7cfb83c2fb85c858be533da2c2f80f9b048c3781b45a57a195",
     f'features: [extension-module, jiter/serde], python: ["{PYTHON}"]',
     'import jiter; assert jiter.from_json(b\'{"big": 123456789012345678901}\') == {"big": 123456789012345678901}'),
    ("nh3", "0.3.7", "71860d01c16f4d8c72e334e0674beb2b0899dbd0bf760de18932ef4390303848", "sdist: true",
     'import nh3; assert nh3.clean("<b onclick=x>bold</b><script>no</script>") == "<b>bold</b>"'),
]

# Debian's newest Python, with the C library that it needs.
SID = "http://deb.debian.org/debian"
NEWEST = ["python3.15-minimal", "libpython3.15-minimal", "libpython3.15-stdlib", "libc6", "libgcc-s1", "libexpat1",
          "zlib1g"]

# What Debian's arm64 Python of this version needs to start.
ARM_PYTHON = [f"{package}:arm64" for package in (
    f"python{PYTHON}-minimal", f"libpython{PYTHON}-minimal", f"libpython{PYTHON}-stdlib", "libc6", "libgcc-s1",
    "libexpat1", "zlib1g")]


def prove(longshore, folder):
    for name, version, digest, entry, use in PROJECTS:
        source = fetch(folder, name, version, digest)
        configure(source, name, entry, [HOST], version)
        server, first = dufs.rehearse(longshore, source)
        try:
            if not first["ok"]:
                raise RuntimeError(f"rehearse of {name}: {first['problems']}")
            yield f"{name} {version}: `rehearse` builds, verifies and publishes {', '.join(sorted(urls(first)))}"
            yield from install(folder, first, (name, version, use))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=20)
    yield from arm64(longshore, folder)
    yield from free_threaded(longshore, folder)


def fetch(folder, name, version, digest):
    """The sdist through pip, which compares the digest; unpacked without what PyPI's tools added."""
    download = fresh(folder / "download")
    write(download / "wanted.txt", f"{name}=={version} --hash=sha256:{digest}\n")
    # pip asks the project for its metadata: maturin is in this environment.
    run(download, TOOLS / "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", "--no-build-isolation",
        "--require-hashes", "--requirement", "wanted.txt", env=environment({"PATH": f"{TOOLS}:{os.environ['PATH']}"}))
    with tarfile.open(next(download.glob("*.tar.gz"))) as packed:
        packed.extractall(download, filter="data")
    source = folder / name
    shutil.rmtree(source, ignore_errors=True)
    next(path.parent for path in download.glob("*/PKG-INFO")).rename(source)
    (source / "PKG-INFO").unlink()
    return source


def configure(source, name, entry, targets, version):
    write(source / ".gitignore", "/target\n")
    write(source / "longshore.yaml", f"longshore: 1\ntargets: [{', '.join(targets)}]\n"
          f"wheels:\n  {name}: {{ {entry} }}\npublish:\n  pypi: {{}}\n")
    commit(source, tag=f"v{version}")


def urls(first):
    return {receipt["name"]: receipt["url"] for receipt in first["receipts"]}


def install(folder, first, project):
    """The wheel by its name from the index; the sdist as pip builds it, with tools from PyPI."""
    name, version, use = project
    index = f"{first['rehearsal']['indexes']['pypi']}/simple/"
    sdist = next(url for file, url in urls(first).items() if file.endswith(".tar.gz"))
    for what, wanted in (("the wheel", ["--index-url", index, "--only-binary=:all:", f"{name}=={version}"]),
                         ("the sdist", ["--no-binary", name, sdist])):
        venv = fresh(folder / "venv")
        run(folder, sys.executable, "-m", "venv", venv)
        # What it depends on is not on our index, and not what is proven.
        run(folder, venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", *wanted)
        said = run(folder, venv / "bin" / "python", "-c", f"{use}\n{version_of(name)}").strip()
        if said != version:
            raise RuntimeError(f"{what} of {name} says `{said}`")
        yield f"{name} {version}: pip installs {what}, it is imported and used"


def version_of(name):
    return f"import importlib.metadata; print(importlib.metadata.version({name!r}))"


def arm64(longshore, folder):
    """On x86_64, with Debian's Rust and zig: for one Python, and for the stable ABI."""
    if platform.machine() != "x86_64":
        raise RuntimeError("written for an x86_64 machine")
    apart = folder.parent / "cross"
    apart.mkdir(exist_ok=True)
    rust, _ = cross.debian(apart)
    env = environment(cross.variables(rust))
    python = cross.unpacked(folder / "arm-python", ARM_PYTHON)
    for name, version, digest, entry, use in (PROJECTS[0], PROJECTS[2]):
        source = fetch(folder, name, version, digest)
        # The machine it is built on is said, so that nobody tries to import it there.
        configure(source, name, f"{entry}, runner: ubuntu-22.04", [HOST, ARM], version)
        step = f"wheel.{name}.{ARM}"
        plan = answer(source, longshore, "plan", "--only", step, "--out", "target/plan.json", env=env)
        run(source, longshore, "build", "--plan", "target/plan.json", "--all", env=env)
        run(source, longshore, "verify", "--plan", "target/plan.json", env=env)
        [file] = cross.names(plan)
        yield f"{name} {version}: zig makes {file} on {platform.machine()}; verify finds it right"
        site = fresh(folder / "site")
        run(folder, TOOLS / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", site,
            "--platform", "manylinux_2_28_aarch64", "--only-binary=:all:",
            source / "target" / "longshore" / "steps" / step / file)
        said = run(folder, "qemu-aarch64-static", "-L", python, python / "usr" / "bin" / f"python{PYTHON}", "-c",
                   f"{use}\nimport platform; print(platform.machine())\n{version_of(name)}",
                   env=environment({"PYTHONPATH": str(site)})).split()
        if said != ["aarch64", version]:
            raise RuntimeError(f"{name} for arm64 says {said}")
        yield f"{name} {version}: imported and used by Debian's arm64 Python under qemu"


def free_threaded(longshore, folder):
    """Both stable ABIs and the free-threaded Python between them; imported by every Python that can be had."""
    source = fresh(folder / "quay")
    write(source / "Cargo.toml", '[package]\nname = "quay"\nversion = "1.2.3"\nedition = "2021"\n\n'
          '[lib]\nname = "_quay"\ncrate-type = ["cdylib"]\n\n[dependencies]\n'
          'pyo3 = { version = "=0.29.3", features = ["abi3-py310", "abi3t-py315"] }\n\n[workspace]\n')
    write(source / "src" / "lib.rs", "use pyo3::prelude::*;\n#[pyfunction]\nfn sum(all: Vec<i64>) -> i64 { all.iter().sum() }\n"
          "#[pymodule(gil_used = false)]\nfn _quay(m: &Bound<'_, PyModule>) -> PyResult<()> {\n"
          "    m.add_function(wrap_pyfunction!(sum, m)?)\n}\n")
    write(source / "python" / "quay" / "__init__.py", "from ._quay import sum\n")
    write(source / "pyproject.toml", '[build-system]\nrequires = ["maturin>=1.16,<2"]\nbuild-backend = "maturin"\n\n'
          '[project]\nname = "quay"\ndynamic = ["version"]\nrequires-python = ">=3.10"\n\n'
          '[tool.maturin]\npython-source = "python"\nmodule-name = "quay._quay"\n')
    run(source, "cargo", "generate-lockfile", "--quiet")
    configure(source, "quay", 'python: [abi3, "3.14t", abi3t], sdist: false', [HOST], "1.2.3")
    server, first = dufs.rehearse(longshore, source)
    server.send_signal(signal.SIGINT)
    server.wait(timeout=20)
    if not first["ok"]:
        raise RuntimeError(f"rehearse of quay: {first['problems']}")
    files = sorted(urls(first))
    yield f"`rehearse` builds, verifies and publishes {', '.join(files)}; none of these Pythons is there"
    step = source / "target" / "longshore" / "steps" / f"wheel.quay.{HOST}"
    use = "import sys, quay; assert quay.sum([1, 2]) == 3; print(sys.version.split()[0], sys._is_gil_enabled() if hasattr(sys, '_is_gil_enabled') else True)"
    root = newest(folder / "newest")
    library = root / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
    env = environment({"PYTHONHOME": str(root / "usr"), "PYTHONPATH": str(site(folder, step, "abi3t"))})
    said = run(folder, library / "ld-linux-x86-64.so.2", "--library-path", library, root / "usr" / "bin" / "python3.15",
               "-c", use, env=env).split()
    yield f"the abi3t wheel is imported and used by Debian's Python {said[0]}"
    for minor, tag in ((15, "abi3t"), (14, "cp314t")):
        try:
            python = without_gil(folder, minor)
        except RuntimeError as why:
            yield f"not tried with free-threaded Python 3.{minor}: {str(why).strip().splitlines()[-1]}"
            continue
        said = run(folder, python, "-c", use, env=environment({"PYTHONPATH": str(site(folder, step, tag))})).split()
        if said[1] != "False":
            raise RuntimeError(f"Python {said[0]} holds its lock")
        yield f"the {tag} wheel is imported and used by free-threaded Python {said[0]}, built from Debian's source"


def site(folder, step, tag):
    """The wheel of this tag, unpacked."""
    [file] = [file for file in step.iterdir() if f"{tag}-" in file.name]
    target = fresh(folder / f"site-{tag}")
    with zipfile.ZipFile(file) as wheel:
        wheel.extractall(target)
    return target


def sid(folder):
    """apt's folder for what Debian has not released yet, and the options that keep it there."""
    state = fresh(folder)
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True)
    write(state / "sources.list", f"deb {SID} sid main\ndeb-src {SID} sid main\n")
    options = ["-o", f"Dir::Etc::SourceList={state}/sources.list", "-o", "Dir::Etc::SourceParts=/dev/null",
               "-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}", "-o", "Debug::NoLocking=1",
               "-o", "APT::Sandbox::User="]
    run(state, "apt-get", *options, "--quiet", "update")
    return state, options


def newest(folder):
    if not (folder / "usr" / "bin" / "python3.15").exists():
        state, options = sid(fresh(folder) / "apt")
        cross.extract(state, options, NEWEST, folder)
    return folder


def without_gil(folder, minor):
    """CPython as Debian packs its source, built free-threaded: takes minutes once."""
    python = folder / f"free-3.{minor}" / "bin" / f"python3.{minor}t"
    if not python.exists():
        state, options = sid(folder / "sid")
        source = fresh(folder / f"source-3.{minor}")
        run(source, "apt-get", *options, "--quiet", "--download-only", "source", f"python3.{minor}")
        run(source, "tar", "--extract", "--strip-components=1", "--file", next(source.glob("*.orig.tar.xz")))
        run(source, "./configure", "-q", "--disable-gil", "--disable-test-modules", f"--prefix={python.parent.parent}")
        run(source, "make", "--silent", f"-j{os.cpu_count()}")
        run(source, "make", "--silent", "install")
    return python
