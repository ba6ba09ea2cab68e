"""A project we did not write, from crates.io, released without an edit; its server answers from the published archive."""

import json
import os
import pathlib
import shutil
import signal
import subprocess

from project import commit, environment, free_port, fresh, get, run, write

NAME, VERSION = "dufs", "0.47.0"


def prove(longshore, folder):
    source = fetch(folder)
    print(run(source, longshore, "init"))
    yield f"`init` understands {NAME} {VERSION} as it lies on crates.io"

    server, first = rehearse(longshore, source)
    try:
        if not first["ok"]:
            raise RuntimeError(f"rehearse: {first['problems']}")
        yield "`rehearse` builds, verifies and publishes it to a GitHub in this process"
        download = fresh(folder / "download")
        names = fetch_all(first, download)
        run(download, "sha256sum", "--check", "--strict", "SHA256SUMS")
        yield f"curl downloads {', '.join(names)}; `sha256sum -c` agrees"
        archive = next(name for name in names if name.endswith(".tar.gz"))
        run(download, "tar", "-xzf", archive)
        program = next(path for path in download.rglob(NAME) if path.is_file())
        said = run(download, program, "--version").strip()
        if VERSION not in said:
            raise RuntimeError(f"`{NAME} --version` says `{said}`")
        yield f"the unpacked program says `{said}`"
        yield f"and serves: {answer(program, download)}"
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=20)


def fetch(folder):
    """The published source, through cargo: a package that asks for it makes cargo download and unpack it."""
    asks = fresh(folder / "asks")
    write(asks / "Cargo.toml", f'[package]\nname = "asks"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n'
          f'[dependencies]\n{NAME} = "={VERSION}"\n')
    write(asks / "src" / "lib.rs", "")
    run(asks, "cargo", "fetch")
    # A package without a library is not a dependency for cargo, but it is unpacked all the same.
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    unpacked = next((home / "registry" / "src").glob(f"*/{NAME}-{VERSION}"), None)
    if unpacked is None:
        raise RuntimeError(f"cargo did not unpack {NAME} {VERSION}")
    source = folder / NAME
    shutil.rmtree(source, ignore_errors=True)
    # Cargo's own marks are not part of the package.
    ours = shutil.ignore_patterns(".cargo-ok", ".cargo_vcs_info.json", "Cargo.toml.orig", "target")
    shutil.copytree(unpacked, source, ignore=ours)
    if not (source / ".gitignore").exists():
        write(source / ".gitignore", "/target\n")
    commit(source)
    return source


def rehearse(longshore, source):
    """Starts it and waits for its answer; the servers stay up until it is interrupted."""
    server = subprocess.Popen([longshore, "rehearse", "--serve", "--json"], cwd=source, env=environment(), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return server, json.loads(server.stdout.readline() or '{"ok": false, "problems": "no answer"}')


def fetch_all(first, folder):
    urls = {receipt["name"]: receipt["url"] for receipt in first["receipts"] if receipt["name"] != "release"}
    for name, url in urls.items():
        run(folder, "curl", "--silent", "--show-error", "--fail", "--location", "--output", name, url)
    return sorted(urls)


def answer(program, folder):
    port = free_port()
    write(folder / "public" / "hello.txt", "hello from the archive\n")
    server = subprocess.Popen([program, "--bind", "127.0.0.1", "--port", str(port), "public"], cwd=folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        status, text = get(f"http://127.0.0.1:{port}/hello.txt")
        return f"HTTP {status}, {text.strip()!r}"
    finally:
        server.terminate()
        server.wait(timeout=10)
