#!/usr/bin/env python3
"""Side by side with other tools: `run.py PATH-OF-LONGSHORE [--docker]`. Prints tables of medians; slow is fine."""

import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import act
import archives
import charts
import counting
import dockerfiles
import images
import projects
import service
import wheels
import workflows

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIST = ROOT / "target" / "tools" / "bin" / "dist"
ENV = projects.ENV


def main():
    longshore = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        one, many, ci = folder / "one", folder / "many", folder / "ci"
        projects.workspace(one, packages=1, apps=1)
        projects.workspace(many, packages=200, apps=20)
        workflows.prepare(longshore, DIST, ci)
        rows = [
            ("`--version`", *pair(folder, [longshore, "--version"], [DIST, "--version"], runs=100)),
            ("plan, one crate", *pair(one, *plans(longshore), runs=20)),
            ("plan, 200 packages, 20 of them programs", *pair(many, *plans(longshore), runs=10)),
            ("generate --check, one crate", *pair(ci, *workflows.checks(longshore, DIST), runs=20)),
        ]
        workflows.lines(ci)
        own = own_part(many)
        requests, seconds = republish(longshore, one)
    table(rows)
    print(f"\nown part of 200 packages (without git and cargo): {own}")
    print(f"publishing a finished release again, rehearsal server: {requests} requests, {seconds * 1000:.0f} ms")
    print(f"size of the release binary, stripped: {longshore.stat().st_size / 1e6:.1f} MB"
          f" (dist: {DIST.resolve().stat().st_size / 1e6:.1f} MB)")
    archives.bench(longshore)
    images.bench(longshore, docker="--docker" in sys.argv)
    dockerfiles.bench(longshore)
    charts.bench(longshore)
    wheels.bench(longshore)
    service.bench(longshore)
    act.bench(longshore)
    print(f"\non {platform.machine()}, {os.cpu_count()} cores; longshore {version(longshore)}, dist {version(DIST)}")


def plans(longshore):
    return [longshore, "plan", "--json"], [DIST, "plan", "--output-format=json", "--tag=v1.2.3"]


def pair(folder, ours, theirs, runs):
    """Median seconds of both, measured in turns so that a busy machine disturbs both alike."""
    times = ([], [])
    for command in (ours, theirs):
        timed(folder, command)
    for _ in range(runs):
        for command, list_ in zip((ours, theirs), times):
            list_.append(timed(folder, command))
    return median(times[0]), median(times[1])


def timed(folder, command):
    """Seconds from start to end. Spawned bare: pipes and threads of `subprocess` cost more than a `--version`."""
    os.chdir(folder)
    silence = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    words = [str(word) for word in command]
    start = time.perf_counter()
    _, status = os.waitpid(os.posix_spawn(words[0], words, ENV, file_actions=silence), 0)
    seconds = time.perf_counter() - start
    if status != 0:
        done = subprocess.run(words, env=ENV, text=True, stdin=subprocess.DEVNULL, capture_output=True)
        sys.exit(f"{' '.join(words)} ended with {done.returncode}\n{done.stderr}")
    return seconds


def own_part(folder):
    """What `benches/plan.rs` says: it reads the facts once and times everything that is not a child process."""
    done = subprocess.run(["cargo", "bench", "--quiet", "--locked", "--bench", "plan", "--", str(folder)], cwd=ROOT,
                          env=ENV, text=True, stdout=subprocess.PIPE, check=True)
    return done.stdout.strip()


def republish(longshore, folder):
    """Requests and seconds of `publish` when everything is public already."""
    server = subprocess.Popen([longshore, "rehearse", "--serve", "--json"], cwd=folder, env=ENV, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        first = json.loads(server.stdout.readline())
        if not first["ok"]:
            sys.exit(f"the rehearsal failed: {first['problems']}")
        url = first["rehearsal"]["url"]
        seconds = [publish_again(longshore, folder, url) for _ in range(10)]
        with counting.Proxy(url) as proxy:
            publish_again(longshore, folder, proxy.url)
            return proxy.requests, median(seconds)
    finally:
        server.terminate()
        server.wait()


def publish_again(longshore, folder, url):
    """Seconds of one `publish` that finds everything public."""
    env = ENV | {"LONGSHORE_GITHUB_API": url, "GITHUB_TOKEN": "rehearsal"}
    start = time.perf_counter()
    done = subprocess.run([longshore, "publish", "--json", "--yes"], cwd=folder, env=env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    seconds = time.perf_counter() - start
    result = json.loads(done.stdout)
    if not result["ok"] or any(receipt["outcome"] != "already-there" for receipt in result["receipts"]):
        sys.exit(f"publishing again changed something or failed: {done.stdout}")
    return seconds


def table(rows):
    print(f"\n{'median of each':<42}{'longshore':>12}{'dist':>12}{'ratio':>9}")
    for name, ours, theirs in rows:
        print(f"{name:<42}{ours * 1000:>9.1f} ms{theirs * 1000:>9.1f} ms{theirs / ours:>8.1f}x")


def version(program):
    return subprocess.run([program, "--version"], text=True, capture_output=True).stdout.split()[-1]


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


if __name__ == "__main__":
    main()
