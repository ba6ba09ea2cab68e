"""Images out of Dockerfiles: examples/fleet by every engine, on two platforms, read and run by others; OpsML's shape."""

import contextlib
import json
import re
import shutil
import subprocess

import bases
import buildkit
import engine
import fleet
import registry
import unpacked
from buildkit import PATH, Buildkit
from emulation import emulation
from project import answer, commit, environment, free_port, fresh, get, refused, run, write
from registry import Registry
from unpacked import HOST, MACHINES

OPSML = registry.ROOT / "tests" / "dockerfiles" / "opsml"
# As `engine:` names them.
ENGINES = ("buildkit", "docker", "buildah", "podman")
# Of a distribution: too old for heredocs.
OLD = ("buildah", "podman")
HEREDOC = re.compile(r"^RUN <<EOF\n.*?^EOF\n", re.DOTALL | re.MULTILINE)
PLAIN = "RUN printf 'User-agent: *\\nDisallow: /\\n' > dist/public/robots.txt && test -s dist/public/index.html\n"


def prove(longshore, folder, docker=True):
    fleet.bases()
    with contextlib.ExitStack() as up:
        up.enter_context(emulation())
        kit, target = up.enter_context(Buildkit()), up.enter_context(Registry())
        bases.push(fleet.BASES, target.url)
        yield from direct(kit, folder)
        env = variables(kit, folder)
        mounts, made = mounted(), {}
        for name in ENGINES:
            project = Project(longshore, folder / name / "fleet", target, name, env)
            if name in OLD:
                yield project.is_refused()
            made[name] = project.release()
            yield f"{name}: {len(fleet.SERVICES)} services for {' and '.join(fleet.ARCHES)}, released to {target.host}"
            yield project.again()
        yield equal(made["buildkit"], made["docker"])
        yield twice(longshore, folder, target, env, made["buildkit"], kit)
        if mounted() != mounts:
            raise RuntimeError(f"mounts are left: {mounted() - mounts}")
        for name in ENGINES:
            yield from read_back(target, name, folder, made[name])
        if docker:
            running = up.enter_context(engine.Engine())
            for service in fleet.SERVICES:
                yield in_docker(running, target, service)
            with container_builder(running, target, folder) as inside:
                project = Project(longshore, folder / "container" / "fleet", target, "docker", inside, "container")
                yield equal(made["buildkit"], project.release(), "buildx with a builder in a container")
        yield from opsml(longshore, folder, target, env)


def direct(kit, folder):
    """The example's Dockerfiles alone: what longshore is compared with may not be broken itself."""
    source, out = fleet.copied(folder / "direct" / "fleet"), folder / "direct" / "out"
    for arch in fleet.ARCHES:
        made = fleet.build_all(source, kit.build, out, arch)
        yield f"buildctl alone builds all {len(made)} Dockerfiles for linux/{arch}"


def variables(kit, folder):
    """For longshore: where the engines are, and a builder of buildx that is our BuildKit."""
    config = docker_config(folder / "docker-config")
    env = environment({"PATH": PATH, "BUILDKIT_HOST": kit.host, "DOCKER_CONFIG": str(config)})
    run(folder, "docker", "buildx", "create", "--use", "--name", "proof", "--driver", "remote", kit.host, env=env)
    return env


def docker_config(config):
    """A folder without logins and builders, and with buildx."""
    write(fresh(config) / "config.json", "{}")
    (config / "cli-plugins").mkdir()
    (config / "cli-plugins" / "docker-buildx").symlink_to(shutil.which("docker-buildx", path=PATH))
    return config


@contextlib.contextmanager
def container_builder(running, target, folder):
    """The variables of an engine whose builder is a container of Docker; it is removed again."""
    base = f"{target.host}/bases/debian:1"
    run(folder, "skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false",
        f"oci:{fleet.BASES}:docker.io/library/debian:bookworm-slim", f"docker://{base}")
    reference = buildkit.image(target, base, fresh(folder / "image"))
    env = environment({"PATH": PATH, **running.env, "DOCKER_CONFIG": str(docker_config(folder / "container-config"))})
    env.pop("BUILDKIT_HOST", None)
    run(folder, "docker", "pull", "--quiet", reference, env=env)
    run(folder, "docker", "buildx", "create", "--bootstrap", "--use", "--name", "inside", "--driver",
        "docker-container", "--driver-opt", f"image={reference},network=host", env=env)
    try:
        yield env
    finally:
        run(folder, "docker", "buildx", "rm", "inside", env=env)


def overlays(host):
    """An engine and a prefix of its own for each name."""
    for name, engine_name in {**{name: name for name in ENGINES}, "container": "docker"}.items():
        yield (f'  {name}: {{ defaults: {{ images: {{ engine: {engine_name} }} }},'
               f' publish: {{ registry: {{ prefix: "{host}/{name}" }} }} }}\n')


class Project:
    """The example in a repository of its own, released by one engine, below a prefix of its name or another."""

    def __init__(self, longshore, source, target, engine_name, env, prefix=None):
        name = prefix or engine_name
        self.longshore, self.source, self.target, self.name, self.env = longshore, source, target, name, env
        fleet.based_on(fleet.copied(source), target.host)
        path = source / "longshore.yaml"
        text = path.read_text().replace("images: { component: fleet,", "images: { component: fleet, emulate: true,")
        # One commit for all engines: its id is in every image.
        text = text.replace("overlays:\n", "overlays:\n" + "".join(overlays(target.host)))
        text += f'\npublish:\n  github: false\n  registry: {{ prefix: "{target.host}/fleet" }}\n'
        path.write_text(text)
        commit(source)
        # Without an overlay: with `engine: docker`, the image of a builder would be locked, too, and that one is not here.
        run(source, longshore, "lock", env=env)
        commit(source, f"v{fleet.VERSION}")

    def is_refused(self):
        """For its heredoc, which would be carried out line by line; then that is written in another way."""
        said = refused(self.source, 2, self.longshore, "release", "--yes", "--json", "--overlay", self.name, env=self.env)
        problems = [problem for problem in json.loads(said)["problems"] if "`RUN <<EOF`" in problem["message"]]
        if not problems or not problems[0]["step"].startswith("image.web."):
            raise RuntimeError(f"{self.name}: refused, but not for its heredoc: {said}")
        path = self.source / "apps" / "web" / "Dockerfile"
        text, count = HEREDOC.subn(lambda _: PLAIN, path.read_text())
        if count != 1:
            raise RuntimeError(f"{path} has {count} heredocs")
        path.write_text(text)
        run(self.source, "git", "commit", "--quiet", "--all", "--message", "no heredoc")
        run(self.source, "git", "tag", "--force", f"v{fleet.VERSION}")
        return f"{self.name}: refused before it starts: {problems[0]['message']}"

    def release(self):
        """Digest of every service and platform, out of the registry."""
        done = answer(self.source, self.longshore, "release", "--yes", "--overlay", self.name, env=self.env)
        outcomes = {receipt["outcome"] for receipt in done["receipts"]}
        if outcomes != {"published"}:
            raise RuntimeError(f"{self.name}: published with {outcomes}")
        return {service: platforms(self.target, f"{self.name}/{service}") for service in fleet.SERVICES}

    def again(self):
        done = answer(self.source, self.longshore, "release", "--yes", "--overlay", self.name, env=self.env)
        outcomes = {receipt["outcome"] for receipt in done["receipts"]}
        if outcomes != {"already-there"}:
            raise RuntimeError(f"{self.name}: a second release has {outcomes}")
        return f"{self.name}: `release` after that says of every tag that it is already there"


def platforms(target, repository, tag=fleet.VERSION):
    """Architecture: digest. An index that holds anything else, an attestation say, is an error."""
    index = json.loads(registry.crane(target.env, "manifest", f"{target.host}/{repository}:{tag}"))
    found = {one["platform"]["architecture"]: one["digest"] for one in index["manifests"]}
    if len(found) != len(index["manifests"]) or "unknown" in found:
        raise RuntimeError(f"the index of {repository} holds {index['manifests']}")
    return found


def equal(one, other, what="docker buildx"):
    different = [service for service in fleet.SERVICES if one[service] != other[service]]
    if different:
        raise RuntimeError(f"buildctl and {what} give other digests of {', '.join(different)}: {one} {other}")
    return f"buildctl and {what}: equal digests of {sum(map(len, one.values()))} images"


def twice(longshore, folder, target, env, first, kit):
    """In another folder, with nothing in the cache, then with it."""
    for what in ("an empty cache", "a warm cache"):
        if what == "an empty cache":
            kit.prune()
        project = Project(longshore, folder / "twice" / what.replace(" ", "-") / "fleet", target, "buildkit", env)
        run(project.source, longshore, "build", "--all", "--overlay", "buildkit", env=env)
        built = built_manifests(project.source)
        missing = [digest for service in first.values() for digest in service.values() if digest not in built]
        if missing:
            raise RuntimeError(f"with {what} other images are built: {len(missing)} of the first are not among {built}")
    return "two more builds in other folders, with an empty and with a warm cache: every image has the same digest"


def built_manifests(source):
    records = (json.loads(path.read_bytes()) for path in (source / "target/longshore/artifacts").glob("image.*.json"))
    return {file["sha256"] if file["sha256"].startswith("sha256:") else f"sha256:{file['sha256']}"
            for record in records for file in record["files"] if "manifest" in file["name"]}


def mounted():
    return {line.split()[1] for line in open("/proc/self/mounts")}


def read_back(target, name, folder, made):
    """By crane and skopeo, which compare each digest; then started, on both platforms."""
    for arch in fleet.ARCHES:
        for service, (_, path, part) in fleet.SERVICES.items():
            reference = f"{target.host}/{name}/{service}:{fleet.VERSION}"
            registry.crane(target.env, "validate", "--platform", f"linux/{arch}", "--remote", reference)
            layout = folder / "layout"
            digest = unpacked.copy(target, reference, layout, arch)
            if digest != made[service][arch]:
                raise RuntimeError(f"skopeo reads {digest} at {reference}, published was {made[service][arch]}")
            answers(unpacked.Root(layout, fleet.VERSION, folder / "root", arch), service, path, part)
        yield f"{name}: crane and skopeo read the services of linux/{arch}; each starts and answers"


def answers(root, service, path, part):
    """`--version`, `/health`, and what the service is for."""
    # The kernel starts foreign programs here, scripts included.
    root.emulator = []
    if (said := root.run("--version").strip()) != f"fleet-{service} {fleet.VERSION}":
        raise RuntimeError(f"{service} says `{said}`")
    port = free_port()
    env = root.environment() | {"FLEET_LISTEN": f"127.0.0.1:{port}"}
    server = subprocess.Popen(root.command(), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        asked = [get(f"http://127.0.0.1:{port}{one}") for one in ("/health", path)]
    finally:
        server.terminate()
        server.wait(timeout=10)
    check(service, asked, part)


def check(service, asked, part):
    (status, health), (other_status, text) = asked
    if (status, other_status, json.loads(health)["version"]) != (200, 200, fleet.VERSION) or part not in text:
        raise RuntimeError(f"{service} answers {asked}")


def in_docker(running, target, service):
    port, path, part = fleet.SERVICES[service]
    reference = f"{target.host}/buildkit/{service}:{fleet.VERSION}"
    running.docker("pull", "--quiet", reference, env=target.env)
    name = running.docker("run", "--detach", "--publish", f"127.0.0.1::{port}", reference).strip()
    try:
        address = running.docker("port", name, f"{port}/tcp").split()[0]
        check(service, [get(f"http://{address}{one}") for one in ("/health", path)], part)
        running.docker("exec", name, *health_check(running, name))
    finally:
        running.docker("rm", "--force", name)
    return f"{service}: pulled and run by Docker {running.version}, and its health check succeeds"


def health_check(running, name):
    test = json.loads(running.docker("inspect", "--format", "{{json .Config.Healthcheck.Test}}", name))
    if test[0] != "CMD":
        raise RuntimeError(f"its health check is {test}")
    return test[1:]


def opsml(longshore, folder, target, env):
    """Three flavors of one image, one of them for a single platform and with an executable of its own."""
    source = folder / "opsml" / "project"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(OPSML, source)
    fleet.based_on(source, target.host)
    for arch in fleet.ARCHES:
        executable(source, arch, "glibc", f"{MACHINES[arch]}-unknown-linux-gnu")
    executable(source, "amd64", "rocky", "rocky/x86_64-unknown-linux-gnu")
    path = source / "longshore.yaml"
    path.write_text(path.read_text().replace("publish: { github: false }", "publish:\n  github: false\n"
                                             f'  registry: {{ prefix: "{target.host}/demml" }}'))
    commit(source)
    run(source, longshore, "lock", env=env)
    commit(source, "v3.0.0")
    answer(source, longshore, "release", "--yes", env=env)
    both = "glibc", fleet.ARCHES
    wanted = {"ubuntu": both, "debian": both, "rocky-minimal": ("rocky", ("amd64",))}
    tags = {f"{flavor}-{arch}-3.0.0" for flavor, (_, arches) in wanted.items() for arch in arches}
    tags |= {f"{flavor}-3.0.0" for flavor in wanted}
    found = set(registry.crane(target.env, "ls", f"{target.host}/demml/opsml").split())
    # Tags of inputs may stand beside them, and the lists of referrers of a registry that keeps none.
    if {tag for tag in found if not tag.startswith(("in-", "sha256-"))} != tags:
        raise RuntimeError(f"opsml has the tags {found}")
    yield f"OpsML's shape: {len(tags)} tags, {', '.join(sorted(tag for tag in tags if HOST in tag))} among them"
    for flavor, (program, arches) in wanted.items():
        for arch in arches:
            opsml_answers(target, folder, flavor, program, arch)
    yield "all five start; the rocky one holds the executable made for it"


def executable(source, arch, flavor, place):
    words = f"-s -X main.version=3.0.0 -X main.flavor={flavor}"
    program = source / "bin" / place / "opsml-server"
    run(source / "server", "go", "build", "-trimpath", f"-ldflags={words}", "-o", program, ".",
        env=environment({"GOOS": "linux", "GOARCH": arch, "CGO_ENABLED": "0"}))


def opsml_answers(target, folder, flavor, program, arch):
    tag = f"{flavor}-{arch}-3.0.0"
    layout = folder / "layout"
    unpacked.copy(target, f"{target.host}/demml/opsml:{tag}", layout, arch)
    root = unpacked.Root(layout, tag, folder / "root", arch)
    root.emulator = []
    if (said := root.run("--version").splitlines()[-1]) != f"opsml-server 3.0.0 ({program})":
        raise RuntimeError(f"{tag} says `{said}`")
    app = root.folder / "app"
    if (app / "made-by").read_text() != "opsml\n" or not (app / "ui/node_modules/render").is_symlink():
        raise RuntimeError(f"{tag} lacks what its user made, or a link of its modules")
    port = free_port()
    server = subprocess.Popen(root.command(), env=root.environment() | {"OPSML_SERVER_PORT": str(port)},
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        asked = [get(f"http://127.0.0.1:{port}{path}") for path in ("/health", "/index.html")]
    finally:
        server.terminate()
        server.wait(timeout=10)
    if asked[0] != (200, "alive in production\n") or "<h1>OpsML</h1>" not in asked[1][1]:
        raise RuntimeError(f"{tag} answers {asked}")
