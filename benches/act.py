#!/usr/bin/env python3
"""The workflow of a small project in act, from the plan to what is public: `act.py PATH-OF-LONGSHORE`."""

import json
import os
import pathlib
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import projects

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target" / "tools"
STAND_INS = ROOT / "tests" / "tools" / "act"
PINS = {"upload-artifact": "ea165f8d65b6e75b540449e92b4886f43607fa02",
        "download-artifact": "70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3"}
ROUNDS = 5
GOAL = 10


def bench(longshore):
    with tempfile.TemporaryDirectory() as place:
        project = pathlib.Path(place) / "skiff"
        shutil.copytree(STAND_INS / "skiff", project)
        projects.commit(project)
        # The action that is embedded in the binary stands for every commit.
        subprocess.run([longshore, "generate", "--quiet", "--action-ref", "0" * 40], cwd=project, env=projects.ENV,
                       check=True, stdout=subprocess.DEVNULL)
        # Kept from run to run, so that nothing but the first compiles.
        words = ["--env", f"CARGO_TARGET_DIR={place}/target", "--env", f"NODE_PATH={TOOLS}/actions/node_modules"]
        for name, pin in PINS.items():
            words += ["--local-repository", f"actions/{name}@{pin}={STAND_INS / name}"]
        cold, _ = rehearsed(longshore, project, words)
        runs = [rehearsed(longshore, project, words) for _ in range(ROUNDS)]
    seconds = statistics.median(run[0] for run in runs)
    jobs = {name: statistics.median(run[1][name] for run in runs) for name in runs[0][1]}
    print(f"\n{'the workflow of a release in act':<42}{'seconds':>12}")
    for name, took in jobs.items():
        print(f"{'  job ' + name:<42}{took:>12.1f}")
    print(f"{'all of it, nothing to compile':<42}{seconds:>12.1f}   goal: less than {GOAL}")
    print(f"{'all of it, the first time':<42}{cold:>12.1f}")


def rehearsed(longshore, project, words):
    """Seconds of all, and of each job."""
    command = [longshore, "rehearse", "--act", "--json", "--", *words]
    env = projects.ENV | {"PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}"}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=project, env=env, text=True, stdin=subprocess.DEVNULL, capture_output=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{shlex.join(map(str, command))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds, {job["job"]: job["seconds"] for job in json.loads(done.stdout)["rehearsal"]["jobs"]}


if __name__ == "__main__":
    bench(pathlib.Path(sys.argv[1]).resolve())
