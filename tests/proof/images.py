"""A server we did not write as an image on five bases: published to three registries, read back and started by others."""

import contextlib
import json

import bases
import dufs
import engine
import registry
import unpacked
from project import answer, environment, get, run, write
from registry import Registry
from unpacked import HOST, MACHINES

TRIPLE = f"{MACHINES[HOST]}-unknown-linux-gnu"
FLAVORS = ["distroless", "debian", "ubuntu", "alpine", "scratch"]
TARGETS = ("token", "debian", "crane")
HELLO = "hello from the image\n"
MORE = 'platform-tags: "{version}-{flavor}-{goarch}"\n    smoke: { http: /hello.txt }'


def prove(longshore, folder, docker=True):
    bases.make(registry.WORK / "bases")
    with contextlib.ExitStack() as up:
        below, *targets = [up.enter_context(Registry(kind)) for kind in ("plain", *TARGETS)]
        bases.push(registry.WORK / "bases", below.url)
        env = environment(targets[0].env)
        source = project(folder, below.host, [target.host for target in targets], MORE)
        run(source, longshore, "lock", env=env)
        commit_images(source)
        yield release(longshore, source, env)
        yield again(longshore, source, env)
        for target in targets:
            yield read_back(target, source, folder)
        for flavor in FLAVORS:
            yield started(targets[0], flavor, folder)
        if docker:
            running = up.enter_context(engine.Engine())
            for flavor in FLAVORS:
                yield in_docker(running, targets[0], flavor)
            yield smoke(longshore, source, {**env, **running.env}, "docker")


def project(folder, bases_host, hosts, more):
    source = dufs.fetch(folder)
    write(source / "public" / "hello.txt", HELLO)
    write(source / "longshore.yaml", f"""\
longshore: 1
targets: [{TRIPLE}]
binaries:
  dufs: {{ static-target: gnu }}
archives: false
images:
  dufs:
    repositories: [{', '.join(f'{host}/proof/dufs' for host in hosts)}]
    platforms: linux/{HOST}
    flavors: all
    include: [{{ from: public/hello.txt, to: /srv/hello.txt }}]
    cmd: /srv
    expose: 5000
    {more}
{bases_of(bases_host)}
publish:
  github: false
""")
    return source


def bases_of(host):
    """`bases:` of a registry that bases.py pushed to."""
    names = {name: reference.split("/", 1)[1] for name, (reference, _) in bases.BASES.items()}
    lines = [f"  {flavor}: {{ from: '{host}/{names[flavor]}' }}" for flavor in FLAVORS if flavor in names]
    return "\n".join(["bases:", *lines])


def commit_images(source):
    run(source, "git", "add", "--all")
    run(source, "git", "commit", "--quiet", "--message", "images")
    run(source, "git", "tag", f"v{dufs.VERSION}")


def release(longshore, source, env):
    """The stages one by one, from a stored plan."""
    plan = ["--plan", "target/plan.json"]
    run(source, longshore, "plan", "--out", "target/plan.json", env=env)
    run(source, longshore, "build", "--all", *plan, env=env)
    run(source, longshore, "verify", *plan, env=env)
    done = answer(source, longshore, "publish", "--yes", *plan, env=env)
    outcomes = {receipt["outcome"] for receipt in done["receipts"]}
    if outcomes != {"published"}:
        raise RuntimeError(f"published with {outcomes}")
    return f"{dufs.NAME} {dufs.VERSION} in five flavors: {len(done['receipts'])} tags in {len(TARGETS)} registries"


def again(longshore, source, env):
    done = answer(source, longshore, "release", "--yes", env=env)
    outcomes = {receipt["outcome"] for receipt in done["receipts"]}
    if outcomes != {"already-there"}:
        raise RuntimeError(f"a second release has {outcomes}")
    return "`release` after that says of every tag that it is already there"


def tag(flavor):
    return dufs.VERSION if flavor == FLAVORS[0] else f"{dufs.VERSION}-{flavor}"


def read_back(target, source, folder):
    """Through the index: by skopeo, which compares each digest, and by crane, which does so and reads the layers."""
    for flavor in FLAVORS:
        reference = f"{target.host}/proof/dufs:{tag(flavor)}"
        digest = unpacked.copy(target, reference, layout(folder, flavor), HOST)
        if digest != built(source, flavor):
            raise RuntimeError(f"{reference} is {digest}, built was {built(source, flavor)}")
        registry.crane(target.env, "validate", "--remote", reference)
    return f"{target.kind}: skopeo and crane read all five flavors back, each with the digest that was built"


def layout(folder, flavor):
    return folder / "layouts" / flavor


def built(source, flavor):
    step = f"image.dufs.{flavor}.linux-{HOST}"
    record = json.loads((source / "target/longshore/artifacts" / f"{step}.json").read_bytes())
    return next(file["sha256"] for file in record["files"] if "manifest" in file["name"])


def started(target, flavor, folder):
    """What lies in the layout of read_back(), in a root of its own, as the user of its config."""
    unpacked.copy(target, f"{target.host}/proof/dufs:{tag(flavor)}", layout(folder, flavor), HOST)
    root = unpacked.Root(layout(folder, flavor), tag(flavor), folder / "root", HOST)
    status, text = root.serve("/hello.txt", ["--bind", "127.0.0.1", "--port", "{port}"])
    return said(f"{flavor}: unpacked by umoci and started as {root.process['user']['uid']}", status, text)


def said(what, status, text):
    if (status, text) != (200, HELLO):
        raise RuntimeError(f"{what} says {status} {text!r}")
    return f"{what}: HTTP {status}, {text.strip()!r}"


def in_docker(running, target, flavor):
    reference = f"{target.host}/proof/dufs:{tag(flavor)}"
    running.docker("pull", "--quiet", reference, env=target.env)
    name = running.docker("run", "--detach", "--publish", "127.0.0.1::5000", reference).strip()
    try:
        address = running.docker("port", name, "5000/tcp").split()[0]
        status, text = get(f"http://{address}/hello.txt")
    finally:
        running.docker("rm", "--force", name)
    return said(f"{flavor}: pulled and run by Docker {running.version}", status, text)


def smoke(longshore, source, env, engine_name):
    """What `smoke:` of the image saw: the build starts each once, with the engine it finds."""
    run(source, longshore, "build", "--plan", "target/plan.json", "--all", env=env)
    records = [json.loads(path.read_bytes()) for path in (source / "target/longshore/artifacts").glob("check.image.*")]
    details = {record["check"]["detail"] for record in records}
    if len(records) != len(FLAVORS) or not all(detail.startswith(engine_name) for detail in details):
        raise RuntimeError(f"`smoke:` with {engine_name} left {details}")
    return f"`smoke: {{http: …}}` starts all five with {engine_name}: {', '.join(sorted(details))}"
