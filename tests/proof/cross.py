"""An arm64 program built on x86_64 without rustup: Debian's Rust and std unpacked into a folder, zig from PyPI, qemu."""

import os
import platform
import sys

from project import answer, commit, environment, fresh, run, write

# bookworm's security archive carries a current Rust under these names, for arm64 too; the source of its standard library
# is compiled for Windows (`windows`), which has none ready.
COMPILER = ["rustc-web", "cargo-web", "libstd-rust-web-dev", "rust-web-src"]
FOREIGN = ["libstd-rust-web-dev:arm64"]
RUNTIME = ["libc6:arm64", "libgcc-s1:arm64"]
ZIG = ["cargo-zigbuild==0.24.0", "ziglang==0.17.0"]


def prove(longshore, folder):
    if platform.machine() != "x86_64":
        raise RuntimeError("written for an x86_64 machine")
    rust, arm = debian(folder)
    env = environment({**variables(rust), "PATH": f"{zig(folder)}:{rust}/usr/bin:{os.environ['PATH']}"})
    yield f"without rustup: {run(folder, 'rustc', '--version', env=env).strip()}"
    project = write_project(fresh(folder / "project"))
    only = ["--only", "archive.tiny.aarch64-unknown-linux-gnu"]
    plan = answer(project, longshore, "plan", *only, "--out", "target/plan.json", env=env)
    run(project, longshore, "build", "--plan", "target/plan.json", "--all", env=env)
    run(project, longshore, "verify", "--plan", "target/plan.json", env=env)
    yield f"zigbuild makes {', '.join(names(plan))}; verify finds aarch64 and no symbol above glibc 2.17"
    program = project / "target/longshore/steps/binary.tiny.aarch64-unknown-linux-gnu/tiny"
    said = run(project, "qemu-aarch64-static", "-L", arm, program, "--version").strip()
    if said != "tiny 1.0.0":
        raise RuntimeError(f"the arm64 program says `{said}`")
    yield f"under qemu it says `{said}`"


def names(plan):
    return [output["name"] for step in plan["steps"] if step["publish"] for output in step["outputs"]]


def write_project(project):
    write(project / "Cargo.toml", '[package]\nname = "tiny"\nversion = "1.0.0"\nedition = "2021"\n\n[workspace]\n')
    write(project / "Cargo.lock", 'version = 3\n\n[[package]]\nname = "tiny"\nversion = "1.0.0"\n')
    write(project / "src" / "main.rs",
          'fn main() { println!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")); }\n')
    write(project / ".gitignore", "/target\n")
    write(project / "longshore.yaml", "longshore: 1\ntargets: [x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu]\n"
          "binaries:\n  tiny: { builder: zigbuild, glibc: 2.17, runner: ubuntu-22.04 }\n")
    commit(project, tag="v1.0.0")
    return project


def zig(folder):
    """A folder of programs with cargo-zigbuild; zig itself is found by it through this Python."""
    venv = folder / "venv"
    if not (venv / "bin" / "cargo-zigbuild").exists():
        run(folder, sys.executable, "-m", "venv", venv)
        run(folder, venv / "bin" / "pip", "install", "--quiet", *ZIG)
    return venv / "bin"


def variables(rust):
    """What makes an unpacked Rust the one that is used."""
    return {
        "PATH": f"{rust}/usr/bin:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{rust}/usr/lib/x86_64-linux-gnu:{rust}/usr/lib",
        "RUSTC": f"{rust}/usr/bin/rustc",
    }


def debian(folder):
    """Debian packages unpacked into two folders: nothing is installed, no root is needed."""
    rust, arm = folder / "rust", folder / "arm"
    stamp, wanted = folder / "unpacked", " ".join(COMPILER + FOREIGN + RUNTIME)
    if stamp.exists() and stamp.read_text() == wanted:
        return rust, arm
    state, options = lists(folder / "apt")
    depends = run(state, "apt-get", *options, "--quiet", "--simulate", "--no-install-recommends", "install",
                  *COMPILER, *FOREIGN)
    packages = [line.split()[1] for line in depends.splitlines() if line.startswith("Inst ")]
    if not packages:
        raise RuntimeError(f"apt finds nothing to unpack; is a Rust installed from Debian?\n{depends}")
    native = [name for name in packages if ":" not in name]
    for target, names_ in ((rust, native + FOREIGN), (arm, RUNTIME)):
        extract(state, options, names_, fresh(target))
    stamp.write_text(wanted)
    return rust, arm


def unpacked(folder, packages):
    """Exactly these packages in a folder."""
    stamp, wanted = folder / "unpacked", " ".join(packages)
    if not stamp.exists() or stamp.read_text() != wanted:
        state, options = lists(fresh(folder) / "apt")
        extract(state, options, packages, folder)
        stamp.write_text(wanted)
    return folder


def lists(folder):
    """What Debian has, for both architectures; apt's folder and the options that keep it there."""
    state = fresh(folder)
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True)
    options = ["-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}", "-o", "Debug::NoLocking=1",
               "-o", "APT::Architectures::=amd64", "-o", "APT::Architectures::=arm64", "-o", "APT::Sandbox::User="]
    run(state, "apt-get", *options, "--quiet", "update")
    return state, options


def extract(state, options, packages, target):
    fresh(state / "debs")
    run(state / "debs", "apt-get", *options, "--quiet", "download", *packages)
    for deb in sorted((state / "debs").glob("*.deb")):
        run(state, "dpkg-deb", "--extract", deb, target)
