"""Deployment files, read by programs that we did not write: Terraform and a shell. They are those of a rehearsal."""

import json
import os
import shutil
import subprocess

from project import environment, fresh

# What each format could take for something else.
VALUE = 'a "b" \'c\' \\ ${x} $${y} %{ if } `d` # é 1.0'
YAML = """\
longshore: 1
name: app
binaries: false
archives: false
charts: { app: { render: false } }
publish:
  github: false
  registry: localhost:5000/me
"""


def files():
    # In a template a brace is doubled.
    text = json.dumps(VALUE.replace("{", "{{").replace("}", "}}"), ensure_ascii=False)
    for name in ("vars.tfvars", "vars.tfvars.json", "vars.env"):
        yield f'  {name.replace(".", "-")}: {{ kind: file, file: out/{name}, set: {{ text: {text}, tag: "{{chart.app.tag}}" }} }}\n'


def terraform(folder, name):
    """The values of a file of variables."""
    fresh(folder)
    (folder / "main.tf").write_text('variable "text" {}\nvariable "tag" {}\noutput "all" { value = [var.text, var.tag] }\n')
    env = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null"}
    for words in (["apply", "-auto-approve", "-input=false", f"-var-file={name}"], ["output", "-json", "all"]):
        done = subprocess.run(["terraform", *words], cwd=folder, env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"terraform {words[0]}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def prove(longshore, folder):
    project = fresh(folder / "app")
    (project / "longshore.yaml").write_text(YAML + "".join(files()))
    (project / ".gitignore").write_text("/out\n/target\n")
    (project / "charts" / "app").mkdir(parents=True)
    (project / "charts" / "app" / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 1.2.3\n")
    (project / "charts" / "app" / "values.yaml").write_text("replicas: 1\n")
    for words in (["git", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-qm", "app"],
                  [longshore, "rehearse", "-q"]):
        subprocess.run(words, cwd=project, env=environment(), check=True, stdout=subprocess.DEVNULL)
    out = project / "target" / "longshore" / "rehearsal" / "out"
    expected = [VALUE, "1.2.3"]
    if shutil.which("terraform") is None:
        raise RuntimeError("`terraform` is missing")
    for name in ("vars.tfvars", "vars.tfvars.json"):
        found = terraform(folder / "terraform", out / name)
        if found != expected:
            raise RuntimeError(f"{name}: terraform reads {found}")
        yield f"terraform reads {name} as written"
    done = subprocess.run(["sh", "-c", '. "$0"; printf "%s\\n%s\\n" "$text" "$tag"', out / "vars.env"],
                          capture_output=True, text=True, check=True)
    if done.stdout.splitlines() != expected:
        raise RuntimeError(f"vars.env: a shell reads {done.stdout}")
    yield "a shell reads vars.env as written"
