"""Projects that the measurements are made on: written to a folder, committed, configured for both tools."""

import os
import subprocess

GIT = {
    "GIT_AUTHOR_NAME": "Bench", "GIT_AUTHOR_EMAIL": "bench@example.com", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "Bench", "GIT_COMMITTER_EMAIL": "bench@example.com",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}

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


def commit(folder):
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "git", "remote", "add", "origin", "https://github.com/bench/project.git")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "bench")
    run(folder, "git", "tag", "v1.2.3")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(folder, *command):
    subprocess.run(command, cwd=folder, env={**os.environ, **GIT}, check=True)
