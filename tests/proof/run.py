#!/usr/bin/env python3
"""What takes long: `run.py PATH-OF-LONGSHORE [--without-docker] [NAME...]`. Ends in a table of what was proven; exit 1 if
anything was not.
"""

import functools
import pathlib
import sys
import time
import traceback

import cross
import deployment
import dockerfiles
import dufs
import engines
import figures
import images
import kubernetes
import memory
import page
import pairs
import wheels
import windows

WITHOUT_DOCKER = "--without-docker"
PROOFS = {"dufs": dufs.prove, "memory": memory.prove, "cross": cross.prove, "images": images.prove,
          "pairs": pairs.prove, "figures": figures.prove, "wheels": wheels.prove, "windows": windows.prove,
          "dockerfiles": dockerfiles.prove, "engines": engines.prove, "deployment": deployment.prove,
          "kubernetes": kubernetes.prove, "page": page.prove}
WORK = pathlib.Path(__file__).resolve().parent.parent.parent / "target" / "proof"


def main():
    longshore = pathlib.Path(sys.argv[1]).resolve()
    names = [name for name in sys.argv[2:] if name != WITHOUT_DOCKER] or list(PROOFS)
    for name, proof in (("images", images), ("dockerfiles", dockerfiles)):
        PROOFS[name] = functools.partial(proof.prove, docker=WITHOUT_DOCKER not in sys.argv)
    unknown = [name for name in names if name not in PROOFS]
    if unknown:
        sys.exit(f"no proof is called {', '.join(unknown)}; there are {', '.join(PROOFS)}")
    rows, failed = [], False
    for name in names:
        start = time.monotonic()
        print(f"== {name}", flush=True)
        folder = WORK / name
        folder.mkdir(parents=True, exist_ok=True)
        proven = []
        try:
            # A generator: what was proven before something failed stays in the table.
            for what in PROOFS[name](longshore, folder):
                print(f"   {what}", flush=True)
                proven.append(what)
        except Exception as error:
            traceback.print_exc()
            proven.append(f"FAILED: {error}".splitlines()[0])
            failed = True
        rows += [(name, what) for what in proven] + [(name, f"took {time.monotonic() - start:.0f} s")]
    print("\nproof       what")
    for name, what in rows:
        print(f"{name:<11} {what}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
