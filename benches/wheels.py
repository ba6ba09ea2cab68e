#!/usr/bin/env python3
"""
Python distributions: `wheels.py PATH-OF-LONGSHORE [--rounds N] [verify|upload|stage|build...]`.

verify: 28 wheels against the four programs that people check wheels with. upload: the same 28 to an index on loopback,
against twine and uv. stage: a tree of 10,000 files. build: two distributions of one crate against two `maturin build`.
The wheels are those of `deltalake`, big ones of the stable ABI for seven platforms, each under four names.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

import counting
import projects

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "bench"
TOOLS = ROOT / "target" / "tools" / "python" / "bin"
MEMORY = pathlib.Path("/dev/shm")

VERSION = "1.6.0"
NAMES = ["lake", "lake-client", "lake-server", "lake-worker"]
# Platform that pip is asked for: the file's tag; its sha256; the triple; the tag that Longshore gives it.
WHEELS = {
    "manylinux2014_x86_64": (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cd22cf2301c8a3d06819813726ba3ecf68ac16ba12a7c4ac4b1c9b7177461da7",
        "x86_64-unknown-linux-gnu", "manylinux_2_28_x86_64"),
    "manylinux_2_28_aarch64": (
        "manylinux_2_28_aarch64", "6780a3702f501c902fa7deecd7501a4f0e52d69321835bf6f87d72b13679bfd4",
        "aarch64-unknown-linux-gnu", "manylinux_2_28_aarch64"),
    "musllinux_1_2_x86_64": (
        "musllinux_1_2_x86_64", "5fc975a93a043619175b86fbdf0951bf15ec4ac6e499d981dfc8c9024748d831",
        "x86_64-unknown-linux-musl", "musllinux_1_2_x86_64"),
    "musllinux_1_2_aarch64": (
        "musllinux_1_2_aarch64", "a2da86d4964cfd1db988158248cdf46acaea2d5ac7cc0eccee04bff565265153",
        "aarch64-unknown-linux-musl", "musllinux_1_2_aarch64"),
    "macosx_10_12_x86_64": (
        "macosx_10_12_x86_64", "e980c834c3657d0476a0e98763a7f6c6934717175d3ef86208dd974eceb35b15",
        "x86_64-apple-darwin", "macosx_10_12_x86_64"),
    "macosx_11_0_arm64": (
        "macosx_11_0_arm64", "d15cdc95a816dc1744fb208da54bb8dd57548ac4635c1b955727d57123a2e599",
        "aarch64-apple-darwin", "macosx_11_0_arm64"),
    "win_amd64": (
        "win_amd64", "cdc15e2ad80376363ad4d13f475b00c23e4192b5e65e8e421b8aa7cf9df533fa",
        "x86_64-pc-windows-msvc", "win_amd64"),
}

# From a small process: Linux counts in the largest memory of a child what its parent had when it started it.
MEASURE = """
import json, os, resource, sys, time
start = time.perf_counter()
status = os.spawnvp(os.P_WAIT, sys.argv[2], sys.argv[2:])
seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6], open(sys.argv[1], "w"))
sys.exit(status)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("longshore", type=pathlib.Path)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    bench(given.longshore.resolve(), given.parts or list(PARTS), given.rounds)


def bench(longshore, parts=("verify", "upload", "stage", "build"), rounds=3):
    WORK.mkdir(parents=True, exist_ok=True)
    for part in parts:
        with tempfile.TemporaryDirectory(dir=WORK) as folder:
            PARTS[part](longshore, pathlib.Path(folder), rounds)
        print(f"load of the last 5 minutes: {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores", flush=True)


def verify(longshore, folder, rounds):
    """The four are run once: what they take is minutes."""
    ours = release(longshore, folder / "all", NAMES)
    one = release(longshore, folder / "one", NAMES[:1])
    wheels = sorted((ours / "dist").glob("*.whl"))
    linux = [wheel for wheel in wheels if "manylinux" in wheel.name and os.uname().machine in wheel.name]
    rows = {"longshore verify": median(measured(ours, longshore, "verify") for _ in range(rounds))}
    few = median(measured(one, longshore, "verify") for _ in range(rounds))
    rows["twine check --strict"] = measured(folder, TOOLS / "twine", "check", "--strict", *wheels, may_fail=True)
    rows["check-wheel-contents"] = measured(folder, TOOLS / "check-wheel-contents", *wheels, may_fail=True)
    # Windows' libraries of this size keep it busy for minutes each.
    unix = [wheel for wheel in wheels if "win" not in wheel.name]
    rows[f"abi3audit --strict ({len(unix)} of them)"] = measured(folder, TOOLS / "abi3audit", "--strict", *unix, may_fail=True)
    # It takes one wheel, and only those of its own machine.
    each = f'for wheel; do {TOOLS / "auditwheel"} show "$wheel" || exit; done'
    rows[f"auditwheel show ({len(linux)} of them)"] = measured(folder, "sh", "-c", each, "sh", *linux, may_fail=True)
    theirs = list(rows.values())[1:]
    rows["the four"] = [sum(row[0] for row in theirs), sum(row[1] for row in theirs), max(row[2] for row in theirs)]
    size = sum(wheel.stat().st_size for wheel in wheels) / 1e6
    table(f"check {len(wheels)} wheels of {size / len(wheels):.0f} MB", rows)
    print(f"longshore verify of {len(wheels) // len(NAMES)} of them: {few[0]:.2f} s, {few[2]:.0f} MB")


def upload(longshore, folder, rounds):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    pypi = {"index": f"{url}/", "simple": f"{url}/simple/", "username-env": "BENCH_USER", "token-env": "BENCH_PASSWORD"}
    ours = release(longshore, folder / "all", NAMES, pypi)
    run(ours, longshore, "verify")
    wheels = sorted((ours / "dist").glob("*.whl"))
    os.environ |= {"BENCH_USER": "bench", "BENCH_PASSWORD": "bench"}
    there = ["--username", "bench", "--password", "bench"]
    publish = [longshore, "publish", "--yes", "--json"]
    uv = [TOOLS / "uv", "publish", "--no-progress", "--trusted-publishing", "never", "--publish-url", f"{url}/", *there]
    commands = {
        "longshore publish": publish,
        "twine upload": [TOOLS / "twine", "upload", "--non-interactive", "--disable-progress-bar", "--repository-url",
                         f"{url}/", *there, *wheels],
        "uv publish": [*uv, *wheels],
    }
    samples = {}
    for _ in range(rounds):
        for name, command in commands.items():
            with index(port) as files:
                samples.setdefault(name, []).append(measured(ours, *command))
                uploaded(files, wheels)
                if name == "uv publish":
                    again = [*uv, "--check-url", f"{url}/simple/", *wheels]
                    samples.setdefault("uv publish --check-url, again", []).append(measured(ours, *again))
                elif name == "longshore publish":
                    samples.setdefault("longshore publish, again", []).append(measured(ours, *command))
    table(f"upload {len(wheels)} wheels", {name: median(rounds) for name, rounds in samples.items()})
    # The same once more with somebody in between who counts.
    behind = free_port()
    with index(behind), counting.Proxy(f"http://127.0.0.1:{behind}", port) as proxy:
        run(ours, *publish)
        first, requests = proxy.bytes, proxy.requests
        said = json.loads(run(ours, *publish))
    outcomes = {receipt["outcome"] for receipt in said["receipts"]}
    print(f"first: {first / 1e6:.1f} MB are sent for {sum(wheel.stat().st_size for wheel in wheels) / 1e6:.1f} MB of files;"
          f" again: {(proxy.bytes - first) / 1e3:.1f} kB in {proxy.requests - requests} requests,"
          f" every file is {', '.join(outcomes)}")


def stage(longshore, folder, rounds):
    """A step that makes nothing but the copy: its maturin only packs one small file."""
    programs = folder / "bin"
    seen = folder / "staged"
    script = (f"find data -type f | wc -l > {seen}; "
              'for last; do :; done; tar -czf "$last/lake-1.6.0.tar.gz" --transform "s,^,lake-1.6.0/," pyproject.toml')
    projects.write(programs / "maturin", f"#!/bin/sh\n{script}\n")
    (programs / "maturin").chmod(0o755)
    os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
    samples = {}
    for files in (10_000, 10):
        project = folder / str(files)
        for number in range(files):
            text = f"{number}\n" * 500
            projects.write(project / "data" / f"{number % 100:02}" / f"{number}.txt", text)
        settings(project, {"lake": {"targets": "x86_64-unknown-linux-gnu", "prebuilt": "dist/{file}"}})
        run(project, longshore, "plan", "--only", "sdist.lake", "--out", "target/plan.json")
        command = [longshore, "build", "--plan", "target/plan.json", "--all"]
        samples[f"{files} files"] = [measured(project, *command) for _ in range(rounds)]
        # The copy lies outside the project and is gone by now: what ran in it has counted.
        staged = int(seen.read_text())
        if staged != files:
            sys.exit(f"{staged} files were staged, not {files}")
    table("build an sdist step whose maturin does nothing", {name: median(all_) for name, all_ in samples.items()})
    print(f"`cp -r` of the 10,000 files: {plain_copy(folder / '10000'):.2f} s")


def plain_copy(project):
    start = time.perf_counter()
    run(project, "cp", "-r", "data", project.parent / "copied")
    return time.perf_counter() - start


def build(longshore, folder, rounds):
    """Harbor's two distributions, from nothing each time; one round takes five minutes of a processor."""
    host = f"{os.uname().machine}-unknown-linux-gnu"
    os.environ["PATH"] = f"{TOOLS}:{os.environ['PATH']}"
    wanted = [f"wheel.{name}.{host}" for name in ("harbor-berths", "harbor-berths-client")]
    ours, theirs = [], []
    for number in range(rounds):
        project = folder / str(number)
        shutil.copytree(ROOT / "examples" / "harbor", project, ignore=shutil.ignore_patterns("target"))
        version = json.loads(run(project, "cargo", "metadata", "--no-deps", "--format-version=1"))["packages"][0]["version"]
        projects.commit(project, f"v{version}")
        only = [word for step in wanted for word in ("--only", step)]
        run(project, longshore, "plan", *only, "--out", "target/plan.json")
        ours.append(measured(project, longshore, "build", "--plan", "target/plan.json", "--all"))
        theirs.append([measured(project, *maturin(folder / f"{number}-{len(features)}", host), *features)
                       for features in (["--features", "server"], [])])
        shutil.rmtree(project)
    rows = {"longshore build, both": median(ours)}
    for at, name in enumerate(("with the server", "without")):
        rows[f"maturin build, {name}"] = median(pair[at] for pair in theirs)
    rows["maturin build, both"] = median([sum(one) for one in zip(*pair)] for pair in theirs)
    table("two distributions on one host", rows)


def maturin(folder, host):
    return [TOOLS / "maturin", "build", "--profile", "release", "--locked", "--zig", "--compatibility", "manylinux_2_28",
            "--target", host, "--manifest-path", "crates/py-harbor/Cargo.toml", "--target-dir", folder / "target",
            "--out", folder / "out"]


PARTS = {"verify": verify, "upload": upload, "stage": stage, "build": build}


def release(longshore, project, names, pypi=None):
    """A project whose wheels are there already and taken into its store, ready to be verified."""
    targets = [target for _, _, target, _ in WHEELS.values()]
    wheel = {"targets": targets, "prebuilt": "dist/{file}", "sdist": False, "variant-check": False}
    made = wheels_of(names, project / "dist")
    settings(project, {name: wheel for name in names}, pypi or {})
    run(project, longshore, "build", "--prebuilt", "dist")
    for path in made:
        path.read_bytes()
    return project


def settings(project, wheels, pypi=None):
    projects.write(project / "Cargo.toml", f'[package]\nname = "lake"\nversion = "{VERSION}"\nedition = "2021"\n\n'
                   '[lib]\ncrate-type = ["cdylib"]\n\n[dependencies]\n'
                   'pyo3 = { version = "0.29", features = ["abi3-py310"] }\n')
    projects.write(project / "Cargo.lock", f'version = 4\n\n[[package]]\nname = "lake"\nversion = "{VERSION}"\n')
    projects.write(project / "src" / "lib.rs", "//! Nothing.\n")
    projects.write(project / "python" / "deltalake" / "__init__.py", "")
    projects.write(project / "pyproject.toml", '[build-system]\nrequires = ["maturin"]\nbuild-backend = "maturin"\n\n'
                   '[project]\nname = "lake"\ndynamic = ["version"]\n\n[tool.maturin]\n'
                   'module-name = "deltalake._internal"\npython-source = "python"\n')
    projects.write(project / ".gitignore", "/target\n/dist\n")
    projects.write(project / "longshore.yaml", json.dumps({
        "longshore": 1, "wheels": wheels, "publish": {"github": False, "pypi": pypi or {}}}))
    projects.commit(project, f"v{VERSION}")


def wheels_of(names, folder):
    """Every real wheel under each of the names; what is packed in them is not packed again."""
    folder.mkdir(parents=True)
    real = {platform: provide(platform) for platform in WHEELS}
    with zipfile.ZipFile(real["manylinux_2_28_aarch64"]) as packed:
        # Windows' has other line ends.
        metadata = packed.read(f"deltalake-{VERSION}.dist-info/METADATA").decode()
    made = []
    for platform, (_, _, _, tag) in WHEELS.items():
        for name in names:
            made.append(folder / f"{name.replace('-', '_')}-{VERSION}-cp310-abi3-{tag}.whl")
            rename(real[platform], made[-1], name, metadata, tag)
    return made


def provide(platform):
    """The real wheel, from PyPI if it is not there."""
    tag, digest, _, _ = WHEELS[platform]
    target = WORK / "deltalake" / f"deltalake-{VERSION}-cp310-abi3-{tag}.whl"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=WORK) as work:
            wanted = pathlib.Path(work) / "wanted.txt"
            wanted.write_text(f"deltalake=={VERSION} --hash=sha256:{digest}\n")
            run(work, TOOLS / "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                "--require-hashes", "--only-binary=:all:", "--platform", platform, "--python-version", "3.11",
                "--abi", "abi3", "--requirement", wanted)
            target.parent.mkdir(exist_ok=True)
            (pathlib.Path(work) / target.name).rename(target)
    return target


def rename(source, target, name, metadata, tag):
    old, new = f"deltalake-{VERSION}.dist-info/", f"{name.replace('-', '_')}-{VERSION}.dist-info/"
    with zipfile.ZipFile(source) as packed, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        wheel = [line for line in packed.read(f"{old}WHEEL").decode().splitlines() if not line.startswith("Tag:")]
        written = {
            f"{old}METADATA": metadata.replace("\nName: deltalake\n", f"\nName: {name}\n"),
            f"{old}WHEEL": "".join(f"{line}\n" for line in [*filter(None, wheel), f"Tag: cp310-abi3-{tag}"]),
        }
        lines = []
        for line in packed.read(f"{old}RECORD").decode().splitlines():
            path, rest = line.split(",", 1)
            if path in written:
                content = written[path].encode()
                hashed = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                rest = f"sha256={hashed},{len(content)}"
            lines.append(f"{path.replace(old, new)},{rest}\n")
        written[f"{old}RECORD"] = "".join(lines)
        for info in packed.infolist():
            if info.filename not in written:
                copy(packed, made, info, info.filename.replace(old, new))
        for path, text in written.items():
            made.writestr(zipfile.ZipInfo(path.replace(old, new), (2026, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)


def copy(packed, made, info, name):
    """A member with its bytes as they lie there."""
    packed.fp.seek(info.header_offset + 26)
    lengths = struct.unpack("<HH", packed.fp.read(4))
    packed.fp.seek(sum(lengths), os.SEEK_CUR)
    member = zipfile.ZipInfo(name, info.date_time)
    for field in ("compress_type", "external_attr", "create_system", "CRC", "compress_size", "file_size"):
        setattr(member, field, getattr(info, field))
    made.fp.seek(made.start_dir)
    member.header_offset = made.fp.tell()
    made.fp.write(member.FileHeader(zip64=False))
    made.fp.write(packed.fp.read(info.compress_size))
    made.start_dir = made.fp.tell()
    made.filelist.append(member)
    made.NameToInfo[name] = member


@contextlib.contextmanager
def index(port):
    """A pypiserver without files; its folder is in memory if that can be: disks are nobody's merit."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else WORK) as folder:
        command = [TOOLS / "pypi-server", "run", "--port", str(port), "--interface", "127.0.0.1", "--passwords", ".",
                   "--authenticate", ".", "--hash-algo", "sha256", "--disable-fallback", folder]
        server = subprocess.Popen(list(map(str, command)), env=projects.ENV, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                    break
                time.sleep(0.1)
            yield pathlib.Path(folder)
        finally:
            server.terminate()
            server.wait()


def uploaded(folder, wheels):
    lacks = [wheel.name for wheel in wheels if (folder / wheel.name).stat().st_size != wheel.stat().st_size]
    if lacks:
        sys.exit(f"the index has no {', '.join(lacks)}")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def measured(folder, *command, may_fail=False):
    """Wall seconds, CPU seconds and MB of the largest process."""
    with tempfile.TemporaryDirectory(dir=WORK) as work:
        result, log = pathlib.Path(work) / "result", pathlib.Path(work) / "log"
        with open(log, "wb") as said:
            done = subprocess.run([sys.executable, "-S", "-c", MEASURE, str(result), *map(str, command)], cwd=folder,
                                  env={**os.environ, **projects.ENV, "PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
                                  stdout=said, stderr=said)
        words = " ".join(map(str, command))[:100]
        if done.returncode != 0 and not may_fail:
            sys.exit(f"`{words}` ended with {done.returncode}\n{log.read_text()[-3000:]}")
        if done.returncode != 0:
            print(f"`{words}` ended with {done.returncode}: {log.read_text()[-300:].strip()}", flush=True)
        return json.loads(result.read_text())


def run(folder, *command):
    done = subprocess.run(list(map(str, command)), cwd=folder, text=True, stdin=subprocess.DEVNULL, capture_output=True,
                          env={**projects.ENV, **os.environ})
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        sys.exit(f"`{' '.join(map(str, command))[:200]}` ended with {done.returncode}\n{said}")
    return done.stdout


def median(samples):
    return list(map(statistics.median, zip(*samples)))


def table(title, rows):
    """Ratios are to the first row."""
    first = next(iter(rows.values()))
    print(f"\n{title:<50}{'wall':>10}{'CPU':>11}{'memory':>11}{'wall ratio':>12}{'CPU ratio':>11}")
    for name, (wall, cpu, memory) in rows.items():
        print(f"{name:<50}{wall:>8.2f} s{cpu:>9.2f} s{memory:>8.0f} MB{wall / first[0]:>11.2f}x{cpu / first[1]:>10.2f}x",
              flush=True)


if __name__ == "__main__":
    main()
