"""Executables we did not build on ten images: each gets the right one, which runs there; wrong ones are refused by name."""

import json
import shutil

import bases
import images
import registry
import unpacked
from images import FLAVORS
from project import fresh, locked, refused, run, write
from registry import Registry
from unpacked import HOST, MACHINES

NAME, VERSION = "typos", "1.52.0"
PREBUILT = registry.ROOT / "target" / "tools" / "typos"
LIBC = {"distroless": "gnu", "debian": "gnu", "ubuntu": "gnu", "alpine": "musl", "scratch": "musl"}
LOADER = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}


def prove(longshore, folder):
    bases.make(registry.WORK / "bases")
    with Registry() as target:
        bases.push(registry.WORK / "bases", target.url)
        project = write_project(fresh(folder / "project"), target)
        locked(longshore, project, f"v{VERSION}")
        for wrong in wrong_pairs(fresh(folder / "wrong")):
            yield refuse(longshore, project, target, *wrong)
        yield pairs(longshore, project)
        run(project, longshore, "release", "--yes", "--prebuilt", PREBUILT)
        for arch in MACHINES:
            said = {starts(target, folder, flavor, arch) for flavor in FLAVORS}
            yield f"all five for linux/{arch} say {', '.join(said)}{'' if arch == HOST else ' under qemu'}"


def triple(arch, libc):
    return f"{MACHINES[arch]}-unknown-linux-{libc}"


def write_project(project, target, libcs=("gnu", "musl"), arches=MACHINES, flavors="all"):
    """A package of the executables' name and version that is never compiled."""
    triples = ", ".join(triple(arch, libc) for libc in libcs for arch in arches)
    platforms = ", ".join(f"linux/{arch}" for arch in arches)
    write(project / "Cargo.toml", f'[package]\nname = "{NAME}"\nversion = "{VERSION}"\nedition = "2021"\n')
    write(project / "Cargo.lock", f'version = 3\n\n[[package]]\nname = "{NAME}"\nversion = "{VERSION}"\n')
    write(project / "src" / "main.rs", "fn main() {}\n")
    write(project / ".gitignore", "/target\n")
    write(project / "longshore.yaml", f"""\
longshore: 1
targets: [{triples}]
binaries:
  {NAME}: {{ smoke: false }}
archives: false
images:
  {NAME}: {{ flavors: {flavors}, platforms: [{platforms}], repositories: {target.host}/proof/{NAME} }}
{images.bases_of(target.host)}
publish:
  github: false
""")
    return project


def pairs(longshore, project):
    """Which executable the plan puts into which image."""
    run(project, longshore, "plan", "--out", "target/plan.json")
    steps = json.loads((project / "target/plan.json").read_bytes())["steps"]
    chosen = {step["id"]: [one["step"] for one in step["executables"]] for step in steps if step["kind"] == "image"}
    right = {f"image.{NAME}.{flavor}.linux-{arch}": [f"binary.{NAME}.{triple(arch, LIBC[flavor])}"]
             for flavor in FLAVORS for arch in MACHINES}
    if chosen != right:
        raise RuntimeError(f"the plan pairs {chosen}, right is {right}")
    return f"{len(right)} images of {NAME}: gnu on distroless, debian and ubuntu, musl on alpine and scratch"


def starts(target, folder, flavor, arch):
    reference = f"{target.host}/proof/{NAME}:{VERSION}{'' if flavor == FLAVORS[0] else '-' + flavor}"
    layout = folder / "layout"
    unpacked.copy(target, reference, layout, arch)
    registry.crane(target.env, "validate", "--platform", f"linux/{arch}", "--remote", reference)
    said = unpacked.Root(layout, reference.rsplit(":", 1)[1], folder / "root", arch).run("--version").strip()
    if VERSION not in said:
        raise RuntimeError(f"{flavor} of {arch} says `{said}`")
    return said


def wrong_pairs(folder):
    """What is wrong, a folder for `--prebuilt`, and what must be said of it."""
    machine = MACHINES[HOST]
    other = next(arch for arch in MACHINES if arch != HOST)
    gnu, musl = triple(HOST, "gnu"), triple(HOST, "musl")
    yield ("gnu's executable in place of musl's", prebuilt(folder / "gnu", musl, PREBUILT / gnu / NAME),
           [LOADER[machine], "alpine", "scratch"], [])
    yield ("the other architecture's", prebuilt(folder / "arch", gnu, PREBUILT / triple(other, "gnu") / NAME),
           [MACHINES[other], HOST, "distroless", "debian", "ubuntu"], [])
    yield ("one that needs a newer glibc", prebuilt(folder / "glibc", gnu, newer_glibc(folder)),
           ["GLIBC_2.99", "`from_tomorrow`", "has 2.", "distroless", "debian", "ubuntu"], ["alpine"])
    yield ("one that needs a library", prebuilt(folder / "library", gnu, with_library(folder)),
           ["`libssl.so.3`", "debian", "ubuntu"], ["distroless"])


def prebuilt(folder, place, program):
    shutil.copytree(PREBUILT, folder)
    shutil.copy(program, folder / place / NAME)
    return folder


def newer_glibc(folder):
    """It names a symbol that a libc.so.6 of ours has in a version that is not there yet."""
    write(folder / "map", "GLIBC_2.99 { global: from_tomorrow; };\n")
    return link(folder / "newer-glibc", "from_tomorrow", "libc.so.6", f"-Wl,--version-script={folder / 'map'}")


def with_library(folder):
    """Distroless has this one, the slim images of distributions do not."""
    return link(folder / "with-library", "SSL_new", "libssl.so.3")


def link(folder, symbol, library, *options):
    """An executable of nothing but a call into a library of that name."""
    write(folder / "library.c", f"void {symbol}(void) {{}}\n")
    write(folder / "main.c", f"void {symbol}(void);\nvoid _start(void) {{ {symbol}(); }}\n")
    run(folder, "cc", "-shared", "-nostdlib", f"-Wl,-soname,{library}", *options, "library.c", "-o", library)
    run(folder, "cc", "-nostdlib", "main.c", library, "-o", NAME)
    return folder / NAME


def refuse(longshore, project, target, what, folder, present, absent):
    said = refused(project, 3, longshore, "release", "--yes", "--json", "--prebuilt", folder)
    if f"proof/{NAME}" in registry.crane(target.env, "catalog", target.host):
        raise RuntimeError(f"{what}: something of it was published")
    problems = json.loads(said)["problems"]
    text = "\n".join(problem["message"] for problem in problems)
    lacks = [part for part in present if part not in text]
    too_much = [part for part in absent if part in text]
    if lacks or too_much:
        raise RuntimeError(f"{what}: lacks {lacks}, and speaks of {too_much}:\n{text}")
    return f"{what}: exit 3, nothing published: {problems[-1]['message']}"
