#!/usr/bin/env python3
"""A tar.gz of a large executable, beside `gzip -6` of its tar in one thread: `archives.py PATH-OF-LONGSHORE`.

Longshore's side is a whole `build --all`: it takes the executable, checks it, packs it and makes the checksums.
"""

import gzip
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import projects

WORK = pathlib.Path(__file__).resolve().parent.parent / "target" / "bench"
TARGET = "x86_64-unknown-linux-gnu"


def main():
    bench(pathlib.Path(sys.argv[1]).resolve())


def bench(longshore, runs=5):
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as temporary:
        program, folder = pathlib.Path(temporary) / "server", pathlib.Path(temporary) / "project"
        projects.executable(program, "amd64")
        projects.prebuilt(folder, "1.0.0", {TARGET: program}, {})
        projects.commit(folder, "v1.0.0")
        plain, theirs = folder / "target" / "plain.tar", folder / "target" / "plain.tar.gz"
        commands = {"longshore": [longshore, "build", "--all"], "gzip -6": ["gzip", "-6", "-n", "-k", "-f", plain]}
        measure(folder, commands["longshore"])
        ours = next((folder / "target").rglob("*.tar.gz"))
        with gzip.open(ours) as packed, open(plain, "wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
        # In turns, so that a busy machine disturbs both alike.
        times = [[measure(folder, command) for command in commands.values()] for _ in range(runs)]
        table(dict(zip(commands, zip(*times))), plain, {"longshore": ours, "gzip -6": theirs})


def measure(folder, command):
    """Wall and CPU seconds."""
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, env=projects.ENV, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {child.returncode}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime


def table(times, plain, packed):
    title = f"tar.gz of {plain.stat().st_size / 1e6:.1f} MB, medians"
    print(f"\n{title:<40}{'wall':>10}{'CPU':>10}{'size':>12}{'wall ratio':>12}")
    medians = {name: list(map(statistics.median, zip(*both))) for name, both in times.items()}
    for name, (wall, cpu) in medians.items():
        size = packed[name].stat().st_size / 1e6
        print(f"{name:<40}{wall:>8.2f} s{cpu:>8.2f} s{size:>9.2f} MB{wall / medians['longshore'][0]:>11.1f}x")


if __name__ == "__main__":
    main()
