"""A Kubernetes runs what was released: examples/fleet by Helm, its images pulled by the names that the chart has.

The pods become ready by the kubelet's probes and answer. After a change of one file only that service gets new pods.
"""

import contextlib
import json
import re
import time

import bases
import fleet
import registry
from buildkit import PATH, Buildkit
from cluster import Cluster
from project import answer, commit, environment, fresh, get, run, write
from registry import Registry
from unpacked import HOST

# Names in the example: where it pushes to, where its clusters pull from.
PUSHED, PULLED = "localhost:5000", "registry:5000"
CHART, SPACE = "charts/fleet", "fleet"
CHANGED, PAGE, HELD = "web", "apps/web/pages/index.html", "beacon"
OLD, NEW, NEWEST = "<h1>Fleet</h1>", "<h1>The whole fleet</h1>", "<h1>The fleet, in one command</h1>"
# What makes one command of it: below `publish:` of the overlay.
DEPLOYMENT = """\
      versions: { kind: file, file: .cluster/versions.env, set: { CHART: "{chart.fleet.version}" } }
      deploy:
        kind: command
        shell: bash
        run: |
          . .cluster/versions.env
          helm upgrade fleet oci://HOST/fleet/charts/fleet --version "$CHART" --plain-http --namespace fleet --wait
        accepts: [chart, image]
        pass-env: [KUBECONFIG, "HELM_*"]
"""


def prove(longshore, folder):
    fleet.bases()
    with contextlib.ExitStack() as up:
        kit, target = up.enter_context(Buildkit()), up.enter_context(Registry())
        bases.push(fleet.BASES, target.url)
        project = Project(longshore, folder / "fleet", kit, target)
        yield project.first_release()
        cluster = up.enter_context(Cluster({PULLED: target.url}, sandbox(target)))
        yield f"Kubernetes {cluster.version}: a node of kubelet and {containerd(cluster)} is ready"
        yield from steps(Release(cluster, target, folder), project)
    if left := cluster.traces():
        raise RuntimeError(f"the cluster has left {left}")
    yield "no process, mount, control group or interface of it is left"


def steps(release, project):
    release.helm("install", "--create-namespace", version=project.version(CHART))
    yield release.runs(project, OLD)
    yield release.is_pulled(project)
    yield release.is_reached()
    yield release.is_probed()
    yield release.again(project)
    yield release.upgrade(project)
    yield release.rollback(project)
    yield release.scale(project)
    yield release.one_command(project)
    yield release.uninstall()


class Project:
    """The example in a repository of its own, released with its overlay `local`; `published`: what is in use."""

    def __init__(self, longshore, source, kit, target):
        self.longshore, self.source, self.target = longshore, source, target
        self.published, self.history = {}, []
        fleet.based_on(fleet.copied(source), target.host)
        path = source / "longshore.yaml"
        path.write_text(path.read_text().replace(PUSHED, target.host))
        write(fresh(source.parent / "docker-config") / "config.json", "{}")
        self.env = environment({"PATH": PATH, "BUILDKIT_HOST": kit.host,
                                "DOCKER_CONFIG": str(source.parent / "docker-config")})
        commit(source)
        run(source, longshore, "lock", env=self.env)
        commit(source, f"v{fleet.VERSION}")

    def deployed_by(self, env):
        """From now on `release` deploys, too."""
        path = self.source / "longshore.yaml"
        registry_of_it = re.search(f"^ +registry: .*{PULLED}.*\n", path.read_text(), re.MULTILINE)[0]
        self.change(path.name, registry_of_it, registry_of_it + DEPLOYMENT.replace("HOST", self.target.host))
        with open(self.source / ".gitignore", "a") as ignored:
            ignored.write("/.cluster/\n")
        self.env |= env

    def change(self, file, old, new):
        path = self.source / file
        if old not in (text := path.read_text()):
            raise RuntimeError(f"{path} does not hold {old}")
        path.write_text(text.replace(old, new))

    def publishes(self, *repositories):
        """By a release: these are new, and nothing else."""
        if (new := self.release()) != set(repositories):
            raise RuntimeError(f"published: {new}, not {repositories}")

    def release(self):
        done = answer(self.source, self.longshore, "release", "--overlay", "local", "--yes", env=self.env)
        new = {}
        for receipt in done["receipts"]:
            if receipt["destination"] != "registry":
                continue
            if receipt["outcome"] != "published":
                raise RuntimeError(f"{receipt['name']} is {receipt['outcome']}")
            repository, version = receipt["name"].removeprefix(f"{self.target.host}/fleet/").rsplit(":", 1)
            new[repository] = version, receipt["sha256"]
        self.history.append(self.published)
        self.published = self.published | new
        return set(new)

    def first_release(self):
        self.publishes(*fleet.SERVICES, CHART)
        return f"`longshore release --overlay local`: {len(fleet.SERVICES)} images and a chart in {self.target.host}"

    def version(self, repository):
        return self.published[repository][0]

    def told(self, service):
        """What it says of itself: only one of them is built with the version of its release."""
        return self.version(service) if service == "beacon" else fleet.VERSION

    def image(self, service):
        """As the chart names it, and as a node then knows it."""
        version, digest = self.published[service]
        return f"{PULLED}/fleet/{service}:{version}", f"{PULLED}/fleet/{service}@{digest}"


class Release:
    """One installation of the chart, in the hands of Helm."""

    def __init__(self, cluster, target, folder):
        self.cluster, self.target = cluster, target
        home = fresh(folder / "helm")
        self.env = cluster.env | {f"HELM_{name}_HOME": str(home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}

    def helm(self, verb, *words, version=None):
        chart = [f"oci://{self.target.host}/fleet/{CHART}", "--plain-http", "--version", version] if version else []
        command = ["helm", verb, "fleet", *chart, "--namespace", SPACE, "--wait", "--timeout", "5m", *words]
        try:
            return run(self.cluster.folder, *command, env=self.env)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{self.state()}") from None

    def state(self):
        words = "--namespace", SPACE
        return self.cluster.kubectl("get", "pods", *words) + self.cluster.kubectl("get", "events", *words)[-5000:]

    def pods(self):
        """Of each service, when none is on its way out any more."""
        self.until(lambda: not any("deletionTimestamp" in pod["metadata"] for pod in self.listed()), "pods do not end")
        found = {}
        for pod in self.listed():
            found.setdefault(pod["metadata"]["labels"]["app.kubernetes.io/name"], []).append(pod)
        return found

    def listed(self):
        return self.cluster.get("pods", "--namespace", SPACE)["items"]

    def runs(self, project, headline, replicas=2):
        """Every pod is ready, of the image that was published, and does what it is for."""
        pods = self.pods()
        counts = {service: len(of_it) for service, of_it in pods.items()}
        if counts != dict.fromkeys(fleet.SERVICES, 1) | {CHANGED: replicas}:
            raise RuntimeError(f"there are pods of {counts}")
        for service, of_it in pods.items():
            for pod in of_it:
                is_ready(pod, *project.image(service))
                answers(pod, service, project.told(service), headline)
        return f"{sum(counts.values())} pods are ready, each of the digest that was published, and answer"

    def is_pulled(self, project):
        """By its name, in the registry that stands behind it: nothing was imported."""
        events = self.cluster.get("events", "--namespace", SPACE)["items"]
        said = [event["message"] for event in events if event["reason"] == "Pulled"]
        log = self.target.log.read_text().splitlines()
        for service in fleet.SERVICES:
            name, (version, digest) = project.image(service)[0], project.published[service]
            if not any(message.startswith(f'Successfully pulled image "{name}"') for message in said):
                raise RuntimeError(f"no event says that {name} was pulled: {said}")
            asked = [line for line in log if "containerd/" in line and f"/v2/fleet/{service}/manifests/" in line]
            if not all(any(f"/manifests/{what}" in line for line in asked) for what in (version, digest)):
                raise RuntimeError(f"containerd did not ask the registry for {service}: {asked}")
        return f"each image was pulled by its name in the chart, {PULLED}/fleet/…, from {self.target.host}"

    def is_reached(self):
        """By requests to its name, if there were a kube-proxy."""
        for service, of_it in self.pods().items():
            wanted = {(pod["status"]["podIP"], fleet.SERVICES[service][0]) for pod in of_it}
            self.until(lambda: self.endpoints(service) == wanted, f"the Service {service} does not lead to {wanted}")
        return "every Service has exactly the pods of its own as ready endpoints"

    def endpoints(self, service):
        words = "--namespace", SPACE, "--selector", f"kubernetes.io/service-name=fleet-{service}"
        return {(address, port["port"]) for one in self.cluster.get("endpointslices", *words)["items"]
                for port in one["ports"] or [] for endpoint in one["endpoints"] or [] if endpoint["conditions"]["ready"]
                for address in endpoint["addresses"]}

    def is_probed(self):
        """A process that does not answer while it is held is not ready, and ready again when it does."""
        before, (pod,) = self.lives(), self.pods()[HELD]
        task = container(pod)["containerID"].removeprefix("containerd://")
        wanted = self.endpoints(HELD)
        self.cluster.ctr("tasks", "pause", task)
        try:
            self.until(lambda: not container(self.pods()[HELD][0])["ready"], f"{HELD} is ready while it is held")
            self.until(lambda: not self.endpoints(HELD), f"{HELD} has endpoints while it is held")
        finally:
            self.cluster.ctr("tasks", "resume", task)
        self.until(lambda: self.endpoints(HELD) == wanted, f"{HELD} does not become ready again")
        self.all_live_on(before)
        return f"{HELD} held still: its probe fails and it leaves its Service; let go, it is back"

    def until(self, is_so, otherwise):
        deadline = time.monotonic() + 120
        while not is_so():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{otherwise}\n{self.state()}")
            time.sleep(0.5)

    def again(self, project):
        """Without a change there is nothing new to install, and no pod notices."""
        before = self.lives()
        project.publishes()
        self.helm("upgrade", version=project.version(CHART))
        self.all_live_on(before)
        return "released again without a change: nothing is published, and `helm upgrade` leaves every pod alone"

    def upgrade(self, project):
        before = self.lives()
        project.change(PAGE, OLD, NEW)
        project.publishes(CHANGED, CHART)
        self.helm("upgrade", version=project.version(CHART))
        self.runs(project, NEW)
        self.only_changed(before)
        return f"{PAGE} changed: `helm upgrade` replaces the pods of {CHANGED}, every other one lives on"

    def rollback(self, project):
        before = self.lives()
        project.published = project.history[-1]
        self.helm("rollback")
        self.runs(project, OLD)
        self.only_changed(before)
        return f"`helm rollback`: the pods of {CHANGED} have the image before that one again"

    def scale(self, project):
        """Of the chart alone: no image is new, and no pod is replaced."""
        before = self.lives()
        project.change(PAGE, NEW, OLD)
        project.change("charts/fleet/values.yaml", "replicas: 2", "replicas: 3")
        project.publishes(CHART)
        self.helm("upgrade", version=project.version(CHART))
        self.runs(project, OLD, replicas=3)
        after = self.lives()
        added = {pod: after[CHANGED].pop(pod) for pod in set(after[CHANGED]) - set(before[CHANGED])}
        if len(added) != 1 or after != before:
            raise RuntimeError(f"pods before: {before}, after: {after} and {added}")
        return f"values.yaml changed: only the chart is published, and `helm upgrade` adds a pod of {CHANGED}"

    def one_command(self, project):
        """Builds, pushes, writes a file and upgrades; once more without a change, it does not even call Helm."""
        before = self.lives()
        project.deployed_by({name: self.env[name] for name in self.env if re.match("KUBECONFIG$|HELM_", name)})
        project.change(PAGE, OLD, NEWEST)
        project.publishes(CHANGED, CHART)
        self.runs(project, NEWEST, replicas=3)
        self.only_changed(before)
        revision = self.revision()
        project.publishes()
        if self.revision() != revision:
            raise RuntimeError(f"Helm's revision was {revision} and is {self.revision()}")
        return "with `kind: command` in the overlay, `longshore release` alone does it all, and the second time nothing"

    def revision(self):
        command = ["helm", "status", "fleet", "--namespace", SPACE, "--output", "json"]
        return json.loads(run(self.cluster.folder, *command, env=self.env))["version"]

    def all_live_on(self, before):
        if (after := self.lives()) != before:
            raise RuntimeError(f"pods before: {before}, after: {after}")

    def only_changed(self, before):
        after = self.lives()
        kept = {service for service in fleet.SERVICES if before[service] == after[service]}
        if kept != {*fleet.SERVICES} - {CHANGED} or set(before[CHANGED]) & set(after[CHANGED]):
            raise RuntimeError(f"pods before: {before}, after: {after}")

    def lives(self):
        """When each pod and its container started, by the pod's identity."""
        return {service: {pod["metadata"]["uid"]: (pod["status"]["startTime"], container(pod)["containerID"],
                                                   container(pod)["state"]["running"]["startedAt"]) for pod in of_it}
                for service, of_it in self.pods().items()}

    def uninstall(self):
        self.helm("uninstall")
        if pods := self.pods():
            raise RuntimeError(f"still there: {pods}")
        return "`helm uninstall` ends all of them"


def container(pod):
    status, = pod["status"]["containerStatuses"]
    return status


def is_ready(pod, name, identity):
    status, name_of_pod = container(pod), pod["metadata"]["name"]
    ready = [one["status"] for one in pod["status"]["conditions"] if one["type"] == "Ready"]
    if ready != ["True"] or not status["ready"] or status["restartCount"]:
        raise RuntimeError(f"{name_of_pod} is not well: {pod['status']}")
    if (spec := pod["spec"]["containers"][0])["image"] != name or status["imageID"] != identity:
        raise RuntimeError(f"{name_of_pod} runs {spec['image']}, {status['imageID']}; published was {name}, {identity}")
    if "httpGet" not in spec["readinessProbe"]:
        raise RuntimeError(f"{name_of_pod} is ready without being asked")


def answers(pod, service, version, headline):
    port, path, part = fleet.SERVICES[service]
    address = f"http://{pod['status']['podIP']}:{port}"
    (status, health), (other_status, text) = get(f"{address}/health"), get(f"{address}{path}")
    parts = [part, headline] if service == CHANGED else [part]
    said = json.loads(health)
    if (status, other_status, said["status"], said["version"]) != (200, 200, "ok", version) or not all(
            one in text for one in parts):
        raise RuntimeError(f"{service} answers {health} and {text}")


def sandbox(target):
    """The image that pods are held by, out of one that can sleep."""
    name = f"{target.host}/kubernetes/pause:1"
    registry.crane(target.env, "mutate", "--platform", f"linux/{HOST}", "--entrypoint", "sleep,infinity", "--tag", name,
                   f"{target.host}/library/debian:bookworm-slim")
    return name.replace(target.host, PULLED)


def containerd(cluster):
    words = run(cluster.folder, "containerd", "--version").split()
    return f"containerd {words[2]}"

