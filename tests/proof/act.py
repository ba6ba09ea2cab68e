"""examples/harbor by its generated workflow in real act: by the pinned action, then by `uses: ./` with everything compiled."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request

from project import commit, environment, fresh, run

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ROOT / "target" / "tools"
STAND_INS = ROOT / "tests" / "tools" / "act"
PINS = {"upload-artifact": "ea165f8d65b6e75b540449e92b4886f43607fa02",
        "download-artifact": "70fc10c6e5e1ce46ad2ea6f2b72d43f7d47b13c3"}


def prove(longshore, folder):
    fresh(folder)
    for name, reference in (("pinned", "1" * 40), ("here", "./")):
        project = folder / name
        shutil.copytree(ROOT / "examples" / "harbor", project, ignore=shutil.ignore_patterns("target"))
        if reference == "./":
            shutil.copy2(ROOT / "action.yml", project)
            shutil.copytree(ROOT / "dist", project / "dist")
        commit(project)
        run(project, longshore, "generate", "--quiet", "--action-ref", reference)
        run(project, "git", "add", "--all")
        run(project, "git", "commit", "--quiet", "--message", "workflows")
        version = next(line.split('"')[1] for line in (project / "Cargo.toml").open() if line.startswith("version"))
        run(project, "git", "tag", f"v{version}")
        yield from rehearsed(longshore, folder, project, version)


def rehearsed(longshore, folder, project, version):
    words = ["--env", f"CARGO_TARGET_DIR={folder}/target", "--env", f"NODE_PATH={TOOLS}/actions/node_modules"]
    for name, pin in PINS.items():
        words += ["--local-repository", f"actions/{name}@{pin}={STAND_INS / name}"]
    env = environment({"PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}", "GITHUB_REPOSITORY": "harbor-works/harbor"})
    start = time.monotonic()
    with (folder / f"{project.name}.log").open("w") as log:
        act = subprocess.Popen([longshore, "rehearse", "--act", "--serve", "--json", "--", *words], cwd=project, env=env,
                               text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        try:
            said = json.loads(act.stdout.readline() or '{"ok": false}')
            seconds = time.monotonic() - start
            if not said["ok"]:
                raise RuntimeError(f"act failed, see {log.name}: {said.get('problems')}")
            jobs = {job["job"]: f"{job['seconds']:.1f}" for job in said["rehearsal"]["jobs"]}
            yield (f"{project.name}: {len(said['receipts'])} things public after {seconds:.1f} s; seconds by job: "
                   + ", ".join(f"{name} {took}" for name, took in jobs.items()))
            yield downloaded(folder, said["receipts"])
            yield installed(folder, said["rehearsal"]["indexes"]["pypi"], version, project.name)
        finally:
            act.send_signal(signal.SIGINT)
            act.wait()


def downloaded(folder, receipts):
    """An archive as the public gets it, unpacked and run."""
    receipt = next(one for one in receipts if one["name"].startswith("harbor-x86_64"))
    with urllib.request.urlopen(receipt["url"]) as answer:
        bytes_ = answer.read()
    digest = hashlib.sha256(bytes_).hexdigest()
    if not receipt["sha256"].endswith(digest):
        raise RuntimeError(f"{receipt['url']} is {digest}, not {receipt['sha256']}")
    archive = fresh(folder / "downloaded") / receipt["name"]
    archive.write_bytes(bytes_)
    with tarfile.open(archive) as tar:
        tar.extractall(archive.parent, filter="data")
    return f"downloaded {receipt['name']}: {run(archive.parent, archive.parent / 'harbor', '--version').strip()}"


def installed(folder, index, version, name):
    """Both distributions, by pip."""
    said = []
    for distribution in ("harbor-berths", "harbor-berths-client"):
        place = fresh(folder / "venv")
        run(folder, sys.executable, "-m", "venv", place)
        run(folder, place / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--index-url",
            f"{index}/simple/", f"{distribution}=={version}")
        server = run(folder, place / "bin" / "python", "-c", "import harbor; print(harbor.has_server())").strip()
        said.append(f"{distribution} has a server: {server}")
    if said != ["harbor-berths has a server: True", "harbor-berths-client has a server: False"]:
        raise RuntimeError(f"{name}: {said}")
    return f"pip installed both: {'; '.join(said)}"
