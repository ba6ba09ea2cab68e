#!/usr/bin/env python3
"""
Four services of examples/fleet for two platforms, out of Dockerfiles: `dockerfiles.py PATH-OF-LONGSHORE [--rounds N]`.

`longshore release` beside `docker buildx bake --push` of the same targets on the same BuildKit, into the same kind of
registry on loopback, which has the base images: when BuildKit is empty, when nothing changed, and when one file did.
Further: what the input digests of a repository of 10,000 files take.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import projects

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Behind ours: there are modules of the same names.
sys.path.append(str(ROOT / "tests" / "proof"))

import bases  # noqa: E402
import images  # noqa: E402
import fleet  # noqa: E402
from buildkit import Buildkit  # noqa: E402
from emulation import emulation  # noqa: E402

WORK = ROOT / "target" / "bench"
PLATFORMS = [f"linux/{arch}" for arch in fleet.ARCHES]
SITUATIONS = ("cold", "unchanged", "one file")
CHANGED = pathlib.Path("apps/web/pages/index.html")
FILES, CONTEXTS = 10_000, 20
DOCKERFILE = 'FROM scratch\nCOPY src /src\nCOPY *.txt /\nENTRYPOINT ["/src/0/0000"]\n'
WANTED = {"reuse": 5.0, "one file": 1.25, "inputs": 0.150}


class Longshore:
    """One command: plan, build, verify, push, read back. With BuildKit's cache, which bake has, too."""

    name, more = "longshore release, `cache: true`", []

    def __init__(self, longshore, source, host, kit):
        self.longshore, self.source, self.host, self.kit = longshore, source, host, kit
        self.env = {**projects.ENV, "PATH": kit.env["PATH"], "BUILDKIT_HOST": kit.host}
        configured(source, host)
        projects.commit(source, f"v{fleet.VERSION}")
        self.run("lock")
        self.commit()

    def commit(self):
        for line in (["add", "--all"], ["commit", "--quiet", "--allow-empty", "-m", "change"],
                     ["tag", "--force", f"v{fleet.VERSION}"]):
            projects.run(self.source, "git", *line)

    def change(self):
        path = self.source / CHANGED
        path.write_text(path.read_text().replace("</body>", "<p>changed</p></body>"))
        self.commit()

    def command(self):
        return ["release", "--yes", *self.more]

    def measure(self):
        return self.run(*self.command())

    def run(self, *words):
        done = subprocess.run([self.longshore, *map(str, words)], cwd=self.source, env=self.env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise images.Skipped(f"`{words[0]}` ended with {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")


class Reusing(Longshore):
    """It asks the registry for images of the same inputs first."""

    name, more = "longshore, `reuse: inputs`", ["--overlay", "reuse"]


class Bake(Longshore):
    """The same targets in bake's own file, no attestations."""

    name = "docker buildx bake --push"

    def __init__(self, _longshore, source, host, kit):
        self.source, self.host, self.kit = source, host, kit
        folders = {"BUILDX_CONFIG": str(source.parent / "buildx"), "DOCKER_CONFIG": str(source.parent / "docker")}
        self.env = kit.env | folders
        projects.commit(source, f"v{fleet.VERSION}")
        self.bake("create", "--name", "bench", "--driver", "remote", kit.host)
        self.commit()

    def measure(self):
        sha = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.source, env=projects.ENV, text=True,
                             stdout=subprocess.PIPE, check=True).stdout.strip()
        file = self.source.parent / "bake.json"
        file.write_text(json.dumps(self.targets(sha)))
        self.bake("bake", "--builder", "bench", "--allow", "fs.read=*", "--push", "--file", file)

    def targets(self, sha):
        digests, made = fleet.bases(), {}
        for name in fleet.FOLDERS:
            recipe = fleet.recipe(self.source, name, digests)
            # The Dockerfiles name base images of the registry.
            contexts = {name: context.buildx() for name, context in recipe.contexts.items() if name == "shared"}
            made[name] = {"context": str(recipe.folder), "platforms": PLATFORMS, "args": recipe.args,
                          "contexts": contexts, "attest": ["type=provenance,disabled=true"]}
            if name != "base":
                made[name] |= {"tags": [f"{self.host}/fleet/{name}:{sha}"],
                               "contexts": {**contexts, "base": "target:base"},
                               "output": ["type=registry,rewrite-timestamp=true,oci-mediatypes=true"]}
        return {"group": {"default": {"targets": list(fleet.SERVICES)}}, "target": made}

    def bake(self, *words):
        done = subprocess.run(["docker-buildx", *map(str, words)], cwd=self.source, env=self.env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            raise images.Skipped(f"`buildx {words[0]}` ended with {done.returncode}: {done.stderr[-1500:]}")


TOOLS = [Longshore, Reusing, Bake]


def configured(source, host):
    """The example's file, with a registry on loopback, and without smoke tests: bake has none."""
    path = source / "longshore.yaml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("    smoke:")]
    # A chart's version is the release's, which stays the same here while its images change.
    start, end = lines.index("charts:"), lines.index("overlays:")
    del lines[start:end]
    more = 'component: fleet, emulate: true, cache: true, tags: "{sha}",'
    text = "\n".join(lines).replace("images: { component: fleet,", f"images: {{ {more}")
    text = text.replace("overlays:\n", "overlays:\n  reuse: { defaults: { images: { reuse: inputs } } }\n")
    path.write_text(f'{text}\npublish:\n  github: false\n  registry: {{ prefix: "{host}/fleet" }}\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("longshore", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    bench(given.longshore.resolve(), given.rounds)


def bench(longshore, rounds=3):
    WORK.mkdir(parents=True, exist_ok=True)
    print(f"\nbase images: {fleet.BASES} ({len(fleet.bases())} references)", flush=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder, emulation(), Buildkit() as kit:
        table(rounds, measured(longshore, pathlib.Path(folder), kit, rounds))
        inputs(longshore, pathlib.Path(folder))


def measured(longshore, folder, kit, rounds):
    """Name of each tool: its samples of every situation. In turns, so that a busy machine disturbs all alike."""
    samples, skipped = {}, set()
    for number in range(rounds):
        for tool in TOOLS:
            if tool in skipped:
                continue
            try:
                with images.Registry() as there:
                    bases.push(fleet.BASES, there.url)
                    source = fleet.based_on(fleet.copied(folder / f"{number}-{tool.__name__}" / "fleet"), there.host)
                    used = tool(longshore, source, there.host, kit)
                    samples.setdefault(tool.name, []).append(once(used, there))
            except images.Skipped as reason:
                print(f"{tool.name}: skipped, {reason}", flush=True)
                skipped.add(tool)
    return samples


def once(tool, there):
    """Three situations; what was pushed is looked at after each."""
    tool.kit.prune()
    cold = timed(tool, there)
    unchanged = timed(tool, there)
    tool.change()
    return [cold, unchanged, timed(tool, there)]


def timed(tool, there):
    """Wall seconds, CPU seconds of the client and of BuildKit, requests to the registry."""
    logged = there.log.stat().st_size
    daemon, children = images.cpu_of_tree(tool.kit.process), images.cpu_of_children()
    start = time.perf_counter()
    tool.measure()
    seconds = time.perf_counter() - start
    used = images.cpu_of_children() - children, images.cpu_of_tree(tool.kit.process) - daemon
    time.sleep(0.5)
    with open(there.log, "rb") as log:
        log.seek(logged)
        requests = len(images.REQUEST.findall(log.read()))
    read_back(tool, there)
    return seconds, *used, requests


def read_back(tool, there):
    """Every service has one tag more than before, an index of both platforms."""
    for name in fleet.SERVICES:
        tags = images.ask_json(f"{there.url}/v2/fleet/{name}/tags/list")["tags"]
        tag = next(tag for tag in reversed(tags) if re.fullmatch("[0-9a-f]{40}", tag))
        index = images.ask_json(f"{there.url}/v2/fleet/{name}/manifests/{tag}")
        found = sorted(one["platform"]["architecture"] for one in index["manifests"])
        if found != sorted(fleet.ARCHES):
            raise images.Skipped(f"its index of {name} has {found}")


def table(rounds, samples):
    title = f"four services x two platforms, medians of {rounds}"
    print(f"\n{title:<48}" + "".join(f"{situation:<20}" for situation in SITUATIONS) + "CPU of BuildKit      requests")
    medians = {name: [list(map(statistics.median, zip(*same))) for same in zip(*runs)]
               for name, runs in samples.items()}
    for name, situations in medians.items():
        walls = "".join(f"{one[0]:>6.1f} s {ratio(medians, at, one[0]):<11}" for at, one in enumerate(situations))
        daemon = " / ".join(f"{one[2]:.1f}" for one in situations) + " s"
        print(f"{name:<48}{walls}{daemon:<21}{' / '.join(f'{one[3]:.0f}' for one in situations)}", flush=True)
    if Bake.name in medians and Reusing.name in medians:
        verdicts(medians[Bake.name], medians[Reusing.name])


def ratio(medians, at, wall):
    return f"({wall / medians[Bake.name][at][0]:.2f}x)" if Bake.name in medians else ""


def verdicts(bake, reusing):
    faster = bake[1][0] / reusing[1][0]
    print(f"unchanged with `reuse: inputs`: {faster:.1f}x faster than bake's cached run"
          f" (wanted: {WANTED['reuse']:.0f}x)")
    slower = reusing[2][0] / bake[2][0]
    print(f"one changed file: {slower:.2f}x of bake (wanted: at most {WANTED['one file']}x)")


def inputs(longshore, folder):
    """The difference of two plans: of so many files, and of a single one in each context."""
    medians = {}
    for files in (CONTEXTS, FILES):
        source = folder / f"files-{files}"
        repository(source, files)
        try:
            medians[files] = statistics.median(plan(longshore, source) for _ in range(11))
        except images.Skipped as reason:
            return print(f"input digests: skipped, {reason}", flush=True)
    took = medians[FILES] - medians[CONTEXTS]
    print(f"input digests of {FILES} files in {CONTEXTS} contexts: {took * 1000:.0f} ms of a plan's"
          f" {medians[FILES] * 1000:.0f} ms (wanted: at most {WANTED['inputs'] * 1000:.0f} ms)")


def repository(source, files):
    lines = ["longshore: 1", "name: many", "images:"]
    for context in range(CONTEXTS):
        name = f"service-{context:02}"
        projects.write(source / name / "Dockerfile", DOCKERFILE)
        projects.write(source / name / ".dockerignore", "**/*.log\n!**/keep.log\n")
        for number in range(files // CONTEXTS):
            text = f"{context} {number}\n" * (number % 100)
            projects.write(source / name / "src" / f"{number // 50}" / f"{number:04}", text)
        lines.append(f"  {name}: {{ dockerfile: {name}/Dockerfile }}")
    lines += ["publish:", "  github: false", "  registry: { prefix: registry.example.com/many }", ""]
    projects.write(source / "longshore.yaml", "\n".join(lines))
    projects.write(source / ".gitignore", "/target\n")
    projects.commit(source, "v1.0.0")


def plan(longshore, source):
    start = time.perf_counter()
    done = subprocess.run([longshore, "plan", "--json"], cwd=source, env=projects.ENV, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise images.Skipped(f"`plan` ended with {done.returncode}: {(done.stdout + done.stderr)[-1000:]}")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
