"""Projects that the measurements are made on: written to a folder, committed, configured for both tools."""

import json
import os
import shutil
import subprocess

GIT = {
    "GIT_AUTHOR_NAME": "Bench", "GIT_AUTHOR_EMAIL": "bench@example.com", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "Bench", "GIT_COMMITTER_EMAIL": "bench@example.com",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}

# Nothing of this machine's jobs and tokens.
ENV = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "ACTIONS_", "CI"))} | GIT

TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin", "x86_64-apple-darwin",
           "x86_64-pc-windows-msvc"]

MAIN = 'fn main() { println!("{} {}", env!("CARGO_BIN_NAME"), env!("CARGO_PKG_VERSION")); }\n'


def workspace(folder, packages, apps):
    """A workspace of so many packages, the first `apps` of them with a binary, at v1.2.3."""
    names = [f"{'app' if number < apps else 'lib'}-{number:03}" for number in range(packages)]
    write(folder / "Cargo.toml", '[workspace]\nresolver = "3"\nmembers = ["crates/*"]\n\n'
          '[profile.dist]\ninherits = "release"\n')
    for number, name in enumerate(names):
        # Each library uses the one after it: a lock file with edges, as real ones have.
        uses = f'\n[dependencies]\n{names[number + 1]} = {{ path = "../{names[number + 1]}" }}\n' \
            if apps <= number < packages - 1 else ""
        write(folder / "crates" / name / "Cargo.toml",
              f'[package]\nname = "{name}"\nversion = "1.2.3"\nedition = "2021"\nlicense = "MIT"\n'
              f'repository = "https://github.com/bench/project"\n{uses}')
        source, text = ("main.rs", MAIN) if number < apps else ("lib.rs", "//! Nothing.\n")
        write(folder / "crates" / name / "src" / source, text)
    write(folder / "README.md", "# Bench\n")
    write(folder / ".gitignore", "/target\n")
    # dist without its workflow: its plan would render and compare that file too.
    targets = ", ".join(f'"{target}"' for target in TARGETS)
    write(folder / "dist-workspace.toml", '[workspace]\nmembers = ["cargo:."]\n\n[dist]\n'
          f'cargo-dist-version = "0.34.0"\nci = []\ninstallers = []\ntargets = [{targets}]\n')
    run(folder, "cargo", "generate-lockfile", "--quiet", "--offline")
    commit(folder)


def executable(path, arch):
    """The Go compiler as somebody's program: big, static, of either architecture, its source wherever Go is."""
    # Compressed debug sections would be half of it, and are not what executables look like.
    run(path.parent, "go", "build", "-trimpath", "-ldflags=-compressdwarf=false", "-o", path, "cmd/compile",
        env={"GOOS": "linux", "GOARCH": arch, "CGO_ENABLED": "0"})


def prebuilt(folder, version, executables, settings):
    """A package whose executable is there already, by target; `settings` are the rest of longshore.yaml."""
    write(folder / "Cargo.toml", f'[package]\nname = "server"\nversion = "{version}"\nedition = "2021"\n'
          'license = "MIT"\nrepository = "https://github.com/bench/project"\n')
    write(folder / "src" / "main.rs", MAIN)
    write(folder / ".gitignore", "/target\n/bin\n")
    binary = {"linkage": "static", "smoke": False, "prebuilt": "bin/{target}/{binary}"}
    write(folder / "longshore.yaml", json.dumps({
        "longshore": 1, "targets": list(executables), "binaries": {"server": binary}, **settings}))
    for target, path in executables.items():
        (folder / "bin" / target).mkdir(parents=True)
        shutil.copy2(path, folder / "bin" / target / "server")
    run(folder, "cargo", "generate-lockfile", "--quiet", "--offline")


def commit(folder, tag="v1.2.3"):
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "git", "remote", "add", "origin", "https://github.com/bench/project.git")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "bench")
    run(folder, "git", "tag", tag)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(folder, *command, env=None):
    subprocess.run(command, cwd=folder, env={**ENV, **(env or {})}, check=True)
