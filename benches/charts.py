#!/usr/bin/env python3
"""
Five charts with ten references of images: `charts.py PATH-OF-LONGSHORE`.

Planning, packaging and verifying them, beside a script of `yq`, `helm lint` and `helm package` that writes the same. Pushing
them to a registry, and again, by requests. The loop of a local cluster after one changed file of a chart, beside `yq`, `helm
package` and `helm push`. Helm's own render check is off: it costs what Helm costs.
"""

import pathlib
import shutil
import statistics
import sys
import tempfile
import time

import archives
import projects

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Behind ours: there are modules of the same names.
sys.path.append(str(ROOT / "tests" / "proof"))

from registry import Registry  # noqa: E402

BIN = ROOT / "target" / "tools" / "bin"
WORK = ROOT / "target" / "bench"
CHARTS = [f"service-{number}" for number in range(1, 6)]
IMAGES, VERSION = ("api", "web"), "1.4.0"
TEMPLATES = 12

CONFIG = """longshore: 1
name: bench
components: [api, web, charts]
publish:
  github: false
  registry: {{ prefix: "{host}/bench", insecure: true, snapshots: true }}
images:
  api: {{ dockerfile: api/Dockerfile }}
  web: {{ dockerfile: web/Dockerfile }}
defaults:
  charts: {{ component: charts, version: release, render: false, images: {{ api: api.image, web: web.image }} }}
charts: {{ {charts} }}
overlays:
  local: {{ snapshot: true, host: true }}
"""

TEMPLATE = """apiVersion: apps/v1
kind: Deployment
metadata: { name: "{{ .Release.Name }}-NUMBER" }
spec:
  selector: { matchLabels: { app: aNUMBER } }
  template:
    metadata: { labels: { app: aNUMBER } }
    spec:
      containers:
        - name: api
          image: "{{ .Values.api.image.repository }}:{{ .Values.api.image.tag }}"
        - name: web
          image: "{{ .Values.web.image.repository }}:{{ .Values.web.image.tag }}"
"""


def main():
    bench(pathlib.Path(sys.argv[1]).resolve())


def bench(longshore, runs=10):
    WORK.mkdir(parents=True, exist_ok=True)
    with Registry() as registry, tempfile.TemporaryDirectory(dir=WORK) as temporary:
        ours, theirs = pathlib.Path(temporary) / "ours", pathlib.Path(temporary) / "theirs"
        for folder in (ours, theirs):
            project(folder, registry.host)
        packaging(longshore, ours, theirs, runs)
        pushing(longshore, ours, registry)
        loop(longshore, ours, theirs, registry, runs)


def project(folder, host):
    entries = ", ".join(f"{name}: {{}}" for name in CHARTS)
    projects.write(folder / "longshore.yaml", CONFIG.format(host=host, charts=entries))
    projects.write(folder / ".gitignore", "/target\n")
    for image in IMAGES:
        projects.write(folder / image / "Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    values = "".join(f"# Settings of group {number}.\ngroup{number}: {{ enabled: true, level: {number} }}\n" for number in range(100))
    values += "".join(f"{image}:\n  image: # of the release\n    repository: x\n    tag: dev\n" for image in IMAGES)
    for name in CHARTS:
        chart = folder / "charts" / name
        projects.write(chart / "Chart.yaml", f"apiVersion: v2\nname: {name}\nversion: 0.0.0\n")
        projects.write(chart / "values.yaml", values)
        for number in range(TEMPLATES):
            projects.write(chart / "templates" / f"{number}.yaml", TEMPLATE.replace("NUMBER", str(number)))
    projects.commit(folder, f"charts-v{VERSION}")
    for image in IMAGES:
        projects.run(folder, "git", "tag", f"{image}-v{VERSION}")


def script(host, version, push=False, charts=CHARTS):
    """What a script does: values, lint, package, and push."""
    commands = []
    for name in charts:
        edits = " | ".join(f'.{image}.image.repository = "{host}/bench/{image}" | .{image}.image.tag = "{VERSION}"'
                           for image in IMAGES)
        commands.append([BIN / "yq", "-i", edits, f"charts/{name}/values.yaml"])
        commands.append([BIN / "helm", "lint", "--strict", f"charts/{name}"])
        commands.append([BIN / "helm", "package", f"charts/{name}", "--version", version, "-d", "target"])
        if push:
            commands.append([BIN / "helm", "push", "--plain-http", f"target/{name}-{version}.tgz", f"oci://{host}/scripted"])
    return commands


def packaging(longshore, ours, theirs, runs):
    tag = ["--tag", f"charts-v{VERSION}"]
    commands = {
        "longshore plan, build, verify": (ours, [[longshore, "plan", *tag, "--out", "target/plan.json"],
                                                 [longshore, "build", "--merge", "--plan", "target/plan.json"],
                                                 [longshore, "verify", "--plan", "target/plan.json"]]),
        "yq, helm lint, helm package": (theirs, script("registry.example", VERSION)),
    }
    times = [[all_of(*what) for what in commands.values()] for _ in range(runs)]
    table(f"{len(CHARTS)} charts with {len(CHARTS) * len(IMAGES)} references", dict(zip(commands, zip(*times))))


def all_of(folder, commands):
    both = [archives.measure(folder, command) for command in commands]
    return sum(wall for wall, _ in both), sum(cpu for _, cpu in both)


def table(title, times):
    print(f"\n{title + ', medians':<44}{'wall':>12}{'CPU':>12}{'wall ratio':>12}{'CPU ratio':>12}")
    medians = {name: [statistics.median(column) for column in zip(*both)] for name, both in times.items()}
    first = next(iter(medians.values()))
    for name, (wall, cpu) in medians.items():
        print(f"{name:<44}{wall * 1000:>9.0f} ms{cpu * 1000:>9.0f} ms{wall / first[0]:>11.1f}x{cpu / first[1]:>11.1f}x")


def pushing(longshore, folder, registry):
    """Everything there already: what is asked."""
    command = [longshore, "release", "--yes", "--tag", f"charts-v{VERSION}", *(f"{image}-v{VERSION}" for image in IMAGES)]
    # The images of the release are not built here: something stands for them.
    for image in IMAGES:
        stub(folder, registry, image)
    command = command[:5]
    archives.measure(folder, command)
    before = requests(registry)
    start = time.perf_counter()
    archives.measure(folder, command)
    seconds = time.perf_counter() - start
    asked = requests(registry)[len(before):]
    methods = sorted({line.split('"')[1].split()[0] if line.count('"') > 1 else line for line in asked})
    print(f"\n{len(CHARTS)} charts released again: {len(asked)} requests ({', '.join(methods)}), {seconds * 1000:.0f} ms")


def stub(folder, registry, image):
    empty = folder / "target" / "empty.tar"
    empty.parent.mkdir(exist_ok=True)
    empty.write_bytes(bytes(10240))
    projects.run(folder, str(BIN / "crane"), "append", "--insecure", "-f", str(empty), "-t",
                 f"{registry.host}/bench/{image}:{VERSION}")


def requests(registry):
    return [line for line in registry.log.read_text(errors="replace").splitlines() if '"HEAD ' in line or '"GET ' in line
            or '"PUT ' in line or '"POST ' in line or '"PATCH ' in line]


def loop(longshore, ours, theirs, registry, runs):
    """One file of one chart is changed, and everything is in the registry again."""
    command = [longshore, "release", "--overlay", "local", "--yes", "--component", "charts"]
    archives.measure(ours, command)
    rows = {"longshore release --overlay local": [], "yq, helm lint, package, push": []}
    for number in range(runs):
        for folder in (ours, theirs):
            projects.write(folder / "charts" / CHARTS[0] / "templates" / "new.yaml", f"# {number}\n")
        commands = ([command], script(registry.host, f"1.4.1-dev.{number + 1}", push=True, charts=CHARTS[:1]))
        for name, folder, what in zip(rows, (ours, theirs), commands):
            rows[name].append(all_of(folder, what))
    table("one changed file of one chart", rows)
    rows = {"longshore release --overlay local": [all_of(ours, [command]) for _ in range(runs)]}
    table("nothing changed", rows)
    shutil.rmtree(theirs / "target", ignore_errors=True)


if __name__ == "__main__":
    main()
