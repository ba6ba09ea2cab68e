#!/usr/bin/env python3
"""
Ten images and five indexes out of one static executable per architecture: `images.py PATH-OF-LONGSHORE [--docker]`.

They go into a real registry on loopback that has the bases already; then once more with a link in between that makes it
far away. Three situations of each tool: the first version; the next one on a fresh machine; the same again with what
the tool keeps. Everything a tool pushed is read back, so nobody is fast by being wrong.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import netsim
import projects

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Behind ours: there are modules of the same names.
sys.path.append(str(ROOT / "tests" / "proof"))

import bases  # noqa: E402
import registry  # noqa: E402

BIN = ROOT / "target" / "tools" / "bin"
WORK = ROOT / "target" / "bench"

# The flavor, and its base's name in the registry.
FLAVORS = {"scratch": None} | {flavor: bases.BASES[name][0].split("/", 1)[1] for flavor, name in {
    "alpine": "alpine", "debian": "debian", "ubuntu": "ubuntu", "distroless": "distroless-static"}.items()}
TARGETS = {"amd64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}
ARCHES = tuple(TARGETS)
IMAGES = [(flavor, arch) for flavor in FLAVORS for arch in ARCHES]

MEMORY = pathlib.Path("/dev/shm")
FIRST, NEXT = "1.0.0", "1.0.1"
SITUATIONS = ("first", "next", "again")
REPOSITORY = "app/server"
ENTRYPOINT = "/usr/local/bin/server"
REQUEST = re.compile(rb'"(?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+ HTTP/1\.\d"')
ACCEPTED = ", ".join(f"application/vnd.{kind}" for kind in (
    "oci.image.manifest.v1+json", "oci.image.index.v1+json", "docker.distribution.manifest.v2+json",
    "docker.distribution.manifest.list.v2+json"))


class Skipped(Exception):
    """A tool that cannot be measured here; the text says why."""


class Registry(registry.Registry):
    """It flushes all it stores, which tells more of a shared disk than of a tool: so it stores in memory if it can."""

    def __init__(self):
        super().__init__()
        self.storage = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else WORK, prefix="registry-")

    def __exit__(self, *details):
        super().__exit__(*details)
        self.storage.cleanup()

    def config(self):
        config = super().config()
        config["storage"]["filesystem"]["rootdirectory"] = self.storage.name
        return config


class Script:
    """A tool that people drive with a shell script; `lines` says it. Made once for each registry."""

    prefix, daemon = (), None

    def __init__(self, folder, host, inputs, longshore):
        self.folder, self.host, self.inputs, self.longshore = folder, host, inputs, longshore
        self.env = {**projects.ENV, "DOCKER_CONFIG": str(folder / "docker-config"), "TMPDIR": str(folder)}
        self.forget()

    def forget(self):
        """A fresh machine."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "docker-config").mkdir(parents=True)
        (self.folder / "docker-config" / "config.json").write_text("{}")

    def close(self):
        """Ends what was started."""

    def prepare(self, version):
        """What is there before the clock starts: executables, Dockerfiles, the script."""
        for arch in ARCHES:
            (self.folder / arch).mkdir(exist_ok=True)
            shutil.copy2(self.inputs / version / arch / "server", self.folder / arch / "server")
        for flavor in FLAVORS:
            text = f'FROM {self.base(flavor) or "scratch"}\nCOPY server {ENTRYPOINT}\nENTRYPOINT ["{ENTRYPOINT}"]\n'
            (self.folder / f"Dockerfile.{flavor}").write_text(text)
        (self.folder / "script").write_text("\n".join(["set -eu", *self.lines(version), ""]))
        return [*self.prefix, "sh", "script"]

    def base(self, flavor):
        return FLAVORS[flavor] and f"{self.host}/{FLAVORS[flavor]}"

    def index(self, flavor, version):
        return f"{self.host}/{REPOSITORY}:{flavor}-{version}"

    def image(self, flavor, arch, version):
        return f"{self.host}/{REPOSITORY}:{flavor}-{arch}-{version}"

    def indexes(self, version):
        """Each with its images."""
        return [(self.index(flavor, version), [self.image(flavor, arch, version) for arch in ARCHES])
                for flavor in FLAVORS]


class Longshore(Script):
    """One command. The lock file is in the repository, as it should be; without it bases are looked up first."""

    name = "longshore"

    def prepare(self, version):
        project = self.folder / "project"
        if not project.exists():
            executables = {target: self.inputs / version / arch / "server" for arch, target in TARGETS.items()}
            projects.prebuilt(project, version, executables, self.settings())
            for line in (["init", "--quiet", "--initial-branch=main"], ["commit", "--quiet", "--allow-empty", "-m", "empty"]):
                subprocess.run(["git", *line], cwd=project, env=self.env, check=True)
            subprocess.run([self.longshore, "lock"], cwd=project, env=self.env, check=True, capture_output=True)
            projects.commit(project, f"v{version}")
        return [self.longshore, "-C", "project", "release", "--yes"]

    def settings(self):
        image = {"repositories": f"{self.host}/{REPOSITORY}", "flavors": list(FLAVORS), "tags": "{flavor}-{version}",
                 "platform-tags": "{flavor}-{goarch}-{version}", "smoke": False}
        return {"archives": False, "images": {"server": image}, "publish": {"github": False},
                "bases": {flavor: {"from": self.base(flavor)} for flavor in FLAVORS if FLAVORS[flavor]}}


class Crane(Script):
    name = "crane"

    def lines(self, version):
        yield from (layer(arch) for arch in ARCHES)
        for flavor, arch in IMAGES:
            yield self.append(flavor, arch, self.image(flavor, arch, version))
        yield from self.append_indexes(version)

    def append(self, flavor, arch, image, packed=""):
        base = self.base(flavor)
        onto = f"--base {base}" if base else "--oci-empty-base"
        return (f"{BIN}/crane append --platform linux/{arch} {onto} -f layer-{arch}.tar{packed} -t {image}"
                f" && {BIN}/crane mutate --set-platform linux/{arch} --entrypoint {ENTRYPOINT} -t {image} {image}")

    def append_indexes(self, version):
        for index, images in self.indexes(version):
            yield f"{BIN}/crane index append {' '.join(f'-m {image}' for image in images)} -t {index}"


class CraneTuned(Crane):
    """As few commands as there can be, layers compressed once, and all at the same time."""

    name = "crane, tuned"

    def lines(self, version):
        yield from together(f"{layer(arch)} && gzip -6 -n layer-{arch}.tar" for arch in ARCHES)
        yield from together(self.short(flavor, arch, self.image(flavor, arch, version)) for flavor, arch in IMAGES)
        yield from together(self.append_indexes(version))

    def short(self, flavor, arch, image):
        if not FLAVORS[flavor]:
            return self.append(flavor, arch, image, ".gz")
        return (f"{BIN}/crane mutate --platform linux/{arch} --append layer-{arch}.tar.gz --entrypoint {ENTRYPOINT}"
                f" -t {image} {self.base(flavor)}")


class Buildah(Script):
    name = "buildah bud"
    # It keeps images and what it knows of registries in /var/lib: here that is a folder of ours, and nobody else's.
    prefix = ("unshare", "--mount", "--propagation", "private", "sh", "-euc",
              'mkdir -p store run /var/lib/containers; mount --bind store /var/lib/containers; exec "$@"', "sh")

    def __init__(self, *arguments):
        if not shutil.which("buildah") or os.geteuid() != 0:
            raise Skipped("it is not installed" if os.geteuid() == 0 else "it needs root here")
        super().__init__(*arguments)

    def lines(self, version):
        yield f'buildah() {{ command buildah --runroot {self.folder}/run --storage-driver overlay "$@"; }}'
        for flavor, arch in IMAGES:
            image = self.image(flavor, arch, version)
            yield (f"buildah bud --quiet --isolation chroot --tls-verify=false --platform linux/{arch} --timestamp 0"
                   f" -t {image} -f Dockerfile.{flavor} {arch} && buildah push --quiet --tls-verify=false {image}")
        for index, images in self.indexes(version):
            yield f"buildah rmi {index} 2>/dev/null || true"
            yield f"buildah manifest create {index}"
            yield from (f"buildah manifest add --tls-verify=false {index} docker://{image}" for image in images)
            yield f"buildah manifest push --quiet --all --tls-verify=false {index} docker://{index}"


class Docker(Script):
    name = "docker build"

    def __init__(self, *arguments):
        if not shutil.which("dockerd") or not shutil.which("docker"):
            raise Skipped("there is no dockerd")
        super().__init__(*arguments)

    def forget(self):
        self.close()
        super().forget()
        self.env |= {"DOCKER_BUILDKIT": "1", "DOCKER_HOST": f"unix://{self.folder}/socket"}
        with open(self.folder / "log", "wb") as log:
            self.daemon = subprocess.Popen(
                ["dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec", "--pidfile",
                 self.folder / "pid", "--host", f"unix://{self.folder}/socket", "--iptables=false", "--ip6tables=false",
                 "--bridge=none"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not self.answers():
            self.close()
            raise Skipped("a dockerd of our own does not start")

    def answers(self):
        for _ in range(300):
            if subprocess.run(["docker", "version"], env=self.env, capture_output=True).returncode == 0:
                return True
            time.sleep(0.1)
        return False

    def close(self):
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait()
            self.daemon = None

    def lines(self, version):
        for flavor, arch in IMAGES:
            image = self.image(flavor, arch, version)
            yield (f"docker build --quiet --platform linux/{arch} -t {image} -f Dockerfile.{flavor} {arch}"
                   f" && docker push --quiet {image}")
        for index, images in self.indexes(version):
            yield f"docker manifest create --insecure {index} {' '.join(images)}"
            yield f"docker manifest push --insecure --purge {index}"


def layer(arch):
    """One order, no times, no owners, as everybody should."""
    return (f"mkdir -p root-{arch}/usr/local/bin && cp -p {arch}/server root-{arch}/usr/local/bin/server && rm -f"
            f" layer-{arch}.* && tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C root-{arch}"
            f" -cf layer-{arch}.tar usr")


def together(commands):
    yield 'running=""'
    yield from (f'{{ {command}; }} & running="$running $!"' for command in commands)
    yield 'for one in $running; do wait "$one"; done'


def main():
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("longshore", type=pathlib.Path)
    parser.add_argument("--docker", action="store_true", help="also docker build and push, with a dockerd of our own")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    bench(given.longshore.resolve(), given.docker, given.rounds)


def bench(longshore, docker=False, rounds=3):
    tools = [Longshore, Crane, CraneTuned, Buildah]
    if docker:
        tools.append(Docker)
    else:
        print("docker build: not measured without --docker")
    WORK.mkdir(parents=True, exist_ok=True)
    bases.make(registry.WORK / "bases")
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        folder = pathlib.Path(folder)
        inputs(folder / "inputs")
        table(f"loopback, medians of {rounds}", measured(tools, longshore, folder, rounds))
        far = f"{netsim.ROUND_TRIP_MS} ms, {netsim.MBIT} Mbit/s, one run"
        table(far, measured(tools, longshore, folder, 1, far=True))
    # Wall times of a busy machine say little; CPU times and requests stay.
    print(f"\nload of the last 15 minutes: {os.getloadavg()[2]:.1f} on {os.cpu_count()} cores")


def inputs(folder):
    """An executable of each architecture, and the same with other bytes at its end."""
    for arch in ARCHES:
        program = folder / FIRST / arch / "server"
        program.parent.mkdir(parents=True)
        projects.executable(program, arch)
        following = folder / NEXT / arch / "server"
        following.parent.mkdir(parents=True)
        following.write_bytes(program.read_bytes() + f"version {NEXT}".encode())
        following.chmod(0o755)


def measured(tools, longshore, folder, rounds, far=False):
    """Name of each tool: its samples of every situation. In turns, so that a busy machine disturbs all alike."""
    samples, skipped = {}, set()
    for _ in range(rounds):
        for tool in tools:
            try:
                if tool not in skipped:
                    sample = once(tool, longshore, folder, far)
                    samples.setdefault(tool.name, []).append(sample)
            except Skipped as reason:
                print(f"{tool.name}: skipped, {reason}", flush=True)
                skipped.add(tool)
    return samples


def once(tool, longshore, folder, far):
    """One registry, three situations."""
    with Registry() as there, contextlib.ExitStack() as stack:
        bases.push(registry.WORK / "bases", there.url)
        host = there.host
        if far:
            host = f"127.0.0.1:{stack.enter_context(netsim.Link(host.rsplit(':', 1)[1])).port}"
        used = tool(folder / "tool", host, folder / "inputs", longshore)
        stack.callback(used.close)
        samples = [measure(used, there, FIRST)]
        used.forget()
        return [*samples, measure(used, there, NEXT), measure(used, there, NEXT)]


def measure(tool, there, version):
    """Wall seconds, CPU seconds and requests of one run; what it pushed is looked at afterwards."""
    command = tool.prepare(version)
    os.sync()
    logged, daemon, children = there.log.stat().st_size, cpu_of_tree(tool.daemon), cpu_of_children()
    start = time.perf_counter()
    done = subprocess.run(command, cwd=tool.folder, env=tool.env, text=True, stdin=subprocess.DEVNULL,
                          capture_output=True)
    seconds = time.perf_counter() - start
    cpu = cpu_of_children() - children + cpu_of_tree(tool.daemon) - daemon
    if done.returncode != 0:
        raise Skipped(f"it ended with {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
    # The registry writes the line of a request after its answer.
    time.sleep(0.5)
    with open(there.log, "rb") as log:
        log.seek(logged)
        requests = len(REQUEST.findall(log.read()))
    read_back(tool.name, there.url, version)
    return seconds, cpu, requests


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_of_tree(daemon):
    """Of a process that goes on, its descendants, and those of them that have ended."""
    if not daemon:
        return 0
    ticks = 0
    for pid in descendants(daemon.pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def descendants(pid):
    yield pid
    for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from descendants(int(child))


def read_back(name, url, version):
    """Every image is of its architecture and starts the server; every index points to both."""
    for flavor in FLAVORS:
        listed = get(url, "manifests", f"{flavor}-{version}")["manifests"]
        found = sorted(manifest["platform"]["architecture"] for manifest in listed)
        if found != sorted(ARCHES):
            raise Skipped(f"its index of {flavor} has {found}")
        for arch in ARCHES:
            manifest = get(url, "manifests", f"{flavor}-{arch}-{version}")
            config = get(url, "blobs", manifest["config"]["digest"])
            if (config["architecture"], config["config"]["Entrypoint"]) != (arch, [ENTRYPOINT]):
                raise Skipped(f"its {flavor} of {arch} is of {config['architecture']}, starts {config['config']}")


def get(url, kind, name):
    return ask_json(f"{url}/v2/{REPOSITORY}/{kind}/{name}")


def ask_json(address):
    asked = urllib.request.Request(address, headers={"Accept": ACCEPTED})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def table(title, samples):
    """Ratios are to Longshore's own, if it was measured."""
    medians = {name: [list(map(statistics.median, zip(*same))) for same in zip(*rounds)]
               for name, rounds in samples.items()}
    print(f"\nimages, {title:<36}" + "".join(f"{situation:<18}" for situation in SITUATIONS) + "CPU of first  requests")
    for name, situations in medians.items():
        walls = "".join(f"{wall:>6.2f} s {ratio(wall, medians, at):<8} " for at, (wall, _, _) in enumerate(situations))
        requests = " / ".join(f"{requests:.0f}" for _, _, requests in situations)
        print(f"{name:<44}{walls}{situations[0][1]:>10.2f} s  {requests}", flush=True)


def ratio(wall, medians, at):
    return f"({wall / medians[Longshore.name][at][0]:.1f}x)" if Longshore.name in medians else ""


if __name__ == "__main__":
    main()
