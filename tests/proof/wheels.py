"""PyO3 projects we did not write, from PyPI's sdists: rehearsed, installed with pip and used; and for arm64 under qemu."""

import os
import platform
import shutil
import signal
import sys
import tarfile

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
