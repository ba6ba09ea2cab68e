#!/usr/bin/env python3
"""Real abi3 wheels of every platform we build for: downloads those of `nh3` from PyPI into DIR.

usage: fetch-nh3.py DIR

Name and digest of every wheel are pinned below; another digest is an error and leaves nothing behind.
What is already there is left alone, so a second run takes no network.
"""

import concurrent.futures
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "0.3.7"

# platform that pip is asked for: tag of the wheel, its sha256
WHEELS = {
    "manylinux2014_x86_64": (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "70f5ac8626e899a4bab0ef74ca2f5bd602f49c7b739e6e5026b4afc6d63dac42",
    ),
    "manylinux2014_aarch64": (
        "manylinux_2_17_aarch64.manylinux2014_aarch64",
        "f266d3f1b3647449923a8e406524632220dd5d8b647078dfe45b885d33d10479",
    ),
    "musllinux_1_2_x86_64": (
        "musllinux_1_2_x86_64",
        "6698a822132beedab80f131c08d8d0ac5a178ddeb488d02ca4b67716ecfac7af",
    ),
    "musllinux_1_2_aarch64": (
        "musllinux_1_2_aarch64",
        "d56e76bd3cadb09b6b0cef364850811663734b348a25f5f587a2819c495367bd",
    ),
    "macosx_11_0_arm64": (
        "macosx_10_12_x86_64.macosx_11_0_arm64.macosx_10_12_universal2",
        "6c3aa50eb26e9228238271db9f983cbc3b006dfbfeca2d4dc34c33ddc6ac5ea5",
    ),
    "win_amd64": (
        "win_amd64",
        "618e3059caf41ccdf5dcccb3fa9df4cf6e4efe23d1382a8bbfca272a8a4f8bfc",
    ),
    "win_arm64": (
        "win_arm64",
        "f04b7d333b27f13ca439da3cf1c75c2fba34f104969f6ce4ac8e7079699c2f4a",
    ),
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        wheels = [pool.submit(provide, folder, platform, *wheel) for platform, wheel in WHEELS.items()]
        failures = [wheel.exception() for wheel in wheels]
    if any(failures):
        sys.exit("\n".join(str(failure) for failure in failures if failure))


def provide(folder, platform, tag, pinned):
    target = folder / f"nh3-{VERSION}-cp38-abi3-{tag}.whl"
    if target.is_file() and digest(target) == pinned:
        return
    with tempfile.TemporaryDirectory(dir=folder) as work:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--only-binary=:all:", "--platform", platform, "--python-version", "3.11", "--abi", "abi3"]
        subprocess.run([*pip, "--dest", work, f"nh3=={VERSION}"], check=True, stdout=sys.stderr)
        wheel = Path(work) / target.name
        found = digest(wheel)
        if found != pinned:
            raise ValueError(f"{wheel.name} has sha256 {found}, pinned is {pinned}: it was not kept")
        os.replace(wheel, target)
    print(target.name)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
