"""Figures of images: sizes, equal digests from two folders, what one changed line uploads, memory for 1 GB."""

import hashlib
import json
import os
import re
import shutil

import bases
import dufs
import images
import pairs
import registry
from images import FLAVORS
from project import environment, fresh, locked, peak, run, write
from registry import Registry
from unpacked import HOST

BIG = 1_000_000_000
MOST = 100
# What is changed of dufs: a text that it prints.
CHANGED = ("src/main.rs", 'format!("Listening on {}"', 'format!("Serving on {}"')
UPLOAD = re.compile(r'"PUT \S+/blobs/uploads/\S+[?&]digest=sha256%3A([0-9a-f]{64})\S* HTTP/1.1" 201 ')


def prove(longshore, folder):
    bases.make(registry.WORK / "bases")
    with Registry() as below, Registry() as target:
        bases.push(registry.WORK / "bases", below.url)
        yield two_folders(longshore, folder, below, "prebuilt", prebuilt_project)
        yield two_folders(longshore, folder, below, "compiled", compiled_project)
        yield from memory(longshore, fresh(folder / "big"), below)
        yield from one_line(longshore, folder, below, target)


def two_folders(longshore, folder, below, what, project):
    made = [digests(longshore, *project(fresh(folder / f"{what}-{name}" / (name * 3)), below)) for name in ("a", "bb")]
    if made[0] != made[1]:
        unequal = sorted(name for name in made[0].keys() | made[1].keys() if made[0].get(name) != made[1].get(name))
        raise RuntimeError(f"{what}: two folders give other {', '.join(unequal)}")
    return f"{what}: two folders give the same digests of {len(made[0])} files"


def prebuilt_project(project, below):
    return pairs.write_project(project, below), f"v{pairs.VERSION}", ["--prebuilt", pairs.PREBUILT]


def compiled_project(project, below):
    write(project / "Cargo.toml", '[package]\nname = "tiny"\nversion = "1.0.0"\nedition = "2021"\n\n[workspace]\n')
    write(project / "Cargo.lock", 'version = 3\n\n[[package]]\nname = "tiny"\nversion = "1.0.0"\n')
    write(project / "src" / "main.rs", 'fn main() { println!("tiny {}", env!("CARGO_PKG_VERSION")); }\n')
    write(project / ".gitignore", "/target\n")
    write(project / "longshore.yaml", f"""\
longshore: 1
targets: [{images.TRIPLE}]
binaries: {{ tiny: {{ static-target: gnu }} }}
archives: false
images: {{ tiny: {{ flavors: all, platforms: linux/{HOST}, repositories: {below.host}/proof/tiny }} }}
{images.bases_of(below.host)}
publish: {{ github: false }}
""")
    return project, "v1.0.0", []


def digests(longshore, project, tag, options):
    """Of every file that building makes."""
    locked(longshore, project, tag)
    run(project, longshore, "build", "--all", *options)
    records = (json.loads(path.read_bytes()) for path in (project / "target/longshore/artifacts").iterdir())
    return {file["name"]: file["sha256"] for record in records for file in record["files"]}


def memory(longshore, folder, below):
    """Random bytes behind a static executable: they do not shrink, and it still starts."""
    triple = pairs.triple(HOST, "musl")
    project = pairs.write_project(folder / "project", below, ["musl"], [HOST], "[alpine, scratch]")
    program = folder / "prebuilt" / triple / pairs.NAME
    program.parent.mkdir(parents=True)
    shutil.copy(pairs.PREBUILT / triple / pairs.NAME, program)
    with open(program, "ab") as file:
        for _ in range(BIG // 1_000_000):
            file.write(os.urandom(1_000_000))
    locked(longshore, project, f"v{pairs.VERSION}")
    for command in (["build", "--all", "--prebuilt", folder / "prebuilt"], ["verify"], ["publish", "--yes"]):
        used = peak(project, longshore, *command)
        if used > MOST:
            raise RuntimeError(f"`{command[0]}` of {BIG / 1e9:.0f} GB takes {used:.0f} MB")
        yield f"`{command[0]}` of {BIG / 1e9:.0f} GB takes {used:.0f} MB"
    shutil.rmtree(folder)


def one_line(longshore, folder, below, target):
    source = images.project(folder, below.host, [target.host], 'tags: "{sha}"')
    env = environment(target.env)
    run(source, longshore, "lock", env=env)
    images.commit_images(source)
    first = published(longshore, source, target, env)
    yield from sizes(source)
    path, before, after = CHANGED
    text = (source / path).read_text()
    if text.count(before) != 1:
        raise RuntimeError(f"{dufs.NAME} has no `{before}` any more")
    write(source / path, text.replace(before, after))
    run(source, "git", "tag", "--delete", f"v{dufs.VERSION}")
    images.commit_images(source)
    yield f"first: {first}"
    yield f"after one changed line: {published(longshore, source, target, env)}"


def published(longshore, source, target, env):
    """What a release uploads, from the registry's log."""
    start = len(target.log.read_text())
    run(source, longshore, "release", "--yes", env=env)
    uploads = UPLOAD.findall(target.log.read_text()[start:])
    configs = {hashlib.sha256(path.read_bytes()).hexdigest()
               for path in (source / "target/longshore/steps").glob("image.*/*.config.json")}
    storage = target.folder / "storage/docker/registry/v2/blobs/sha256"
    layers = [(storage / name[:2] / name / "data").stat().st_size for name in uploads if name not in configs]
    return f"{len(layers)} layers of {sum(layers) / 1e6:.1f} MB and {len(uploads) - len(layers)} configs are uploaded"


def sizes(source):
    """As pulled; and what of it is not the base's."""
    steps = {step["id"]: step for step in json.loads((source / "target/longshore/plan.json").read_bytes())["steps"]}
    for flavor in FLAVORS:
        step = f"image.dufs.{flavor}.linux-{HOST}"
        manifest = json.loads((source / f"target/longshore/steps/{step}/{step}.manifest.json").read_bytes())
        layers = [layer["size"] for layer in manifest["layers"]]
        own = len(steps[step]["layers"])
        yield f"{flavor}: {sum(layers) / 1e6:.1f} MB in {len(layers)} layers, {sum(layers[-own:]) / 1e6:.1f} MB of it ours"
