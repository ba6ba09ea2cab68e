"""A project in a folder: written, committed, and given to longshore with nothing of this machine's jobs and tokens."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

IDENTITY = {
    "GIT_AUTHOR_NAME": "Proof", "GIT_AUTHOR_EMAIL": "proof@example.com", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "Proof", "GIT_COMMITTER_EMAIL": "proof@example.com",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}

# Third-party projects ask for fat LTO, which takes minutes and proves nothing about us.
FAST = {"CARGO_PROFILE_RELEASE_LTO": "off"}

MEASURE = """
import os, resource, sys
status = os.spawnvp(os.P_WAIT, sys.argv[2], sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""


def environment(extra=None):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("GITHUB_", "ACTIONS_")) and name not in ("CI", "CARGO_TARGET_DIR")}
    return env | IDENTITY | FAST | (extra or {})


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def commit(folder, tag=None):
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "proof")
    if tag:
        run(folder, "git", "tag", tag)


def locked(longshore, folder, tag):
    """Committed with the bases of its images locked, which only a repository can be."""
    commit(folder)
    run(folder, longshore, "lock")
    commit(folder, tag)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(folder, *command, env=None):
    """Runs it to its end; anything but success is an error with its standard output."""
    done = subprocess.run(list(map(str, command)), cwd=folder, env=env or environment(), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise RuntimeError(f"`{' '.join(map(str, command))}` ended with {done.returncode}\n{said}")
    return done.stdout


def refused(folder, status, *command, env=None):
    """Runs what must end with this very status; its standard output."""
    done = subprocess.run(list(map(str, command)), cwd=folder, env=env or environment(), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != status:
        said = (done.stdout + done.stderr)[-3000:]
        raise RuntimeError(f"`{' '.join(map(str, command))}` ended with {done.returncode} instead of {status}\n{said}")
    return done.stdout


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def get(url):
    """Status and text of a server that may still be starting."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:
                return reply.status, reply.read().decode()
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer within 10 s")


def answer(folder, longshore, *arguments, env=None):
    """The one JSON object that a command prints."""
    return json.loads(run(folder, longshore, *arguments, "--json", env=env))


def peak(folder, *command, env=None):
    """Runs it; its largest resident memory in MB, children included."""
    log, result = folder.parent / "peak.log", folder.parent / "peak"
    with open(log, "wb") as said:
        # From a small process: Linux counts what the parent had when it started the child.
        done = subprocess.run([sys.executable, "-S", "-c", MEASURE, result, *map(str, command)], cwd=folder,
                              env=env or environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(map(str, command))}` ended with {done.returncode}\n{log.read_text()[-3000:]}")
    # Linux counts in KiB.
    return int(result.read_text()) * 1024 / 1e6
