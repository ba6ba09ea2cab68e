"""Generated workflows beside dist's: how long comparing them takes, and how many lines people maintain."""

import pathlib
import subprocess

import projects

# What was counted in public repositories: the workflow files that release, without their development ones.
OPSML = 1293
UV = (1984, 412)

CASE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "cases" / "opsml"


def prepare(longshore, dist, folder):
    """A crate whose workflow both tools have written."""
    projects.workspace(folder, packages=1, apps=1)
    config = folder / "dist-workspace.toml"
    config.write_text(config.read_text().replace("ci = []", 'ci = "github"'))
    run(folder, dist, "generate")
    # Both want `release.yml`; neither looks at other files.
    (folder / "longshore.yaml").write_text("longshore: 1\nworkflows: { longshore.yml: {} }\n")
    run(folder, longshore, "generate", "--action-ref", "1" * 40)
    projects.run(folder, "git", "add", "--all")
    projects.run(folder, "git", "commit", "--quiet", "--message", "workflows")
    projects.run(folder, "git", "tag", "--force", "v1.2.3")


def checks(longshore, dist):
    return [longshore, "generate", "--check"], [dist, "generate", "--check"]


def lines(folder):
    """Lines of YAML, for people: written by hand, and generated (without comments)."""
    case = sum(1 for _ in (CASE / "in" / "longshore.yaml").open())
    setup = sum(1 for _ in (CASE / "in" / ".github" / "actions" / "release-setup" / "action.yml").open())
    generated = {path.name: plain(path) for path in sorted((CASE / "out" / ".github" / "workflows").iterdir())}
    print(f"\nlines of YAML that OpsML would maintain: {case} of longshore.yaml and {setup} of its setup action;"
          f" by hand {OPSML} ({OPSML / (case + setup):.0f}x)")
    print(f"generated for it: {', '.join(f'{name} {count}' for name, count in generated.items())}")
    dist = plain(folder / ".github" / "workflows" / "release.yml")
    ours = plain(folder / ".github" / "workflows" / "longshore.yml")
    print(f"generated for one crate: {ours}, dist {dist}; uv has {UV[0]} by hand beside {UV[1]} that dist generated")


def plain(path):
    return sum(1 for line in path.open() if not line.lstrip().startswith("#"))


def run(folder, *command):
    done = subprocess.run([str(word) for word in command], cwd=folder, env=projects.ENV, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}")
