"""Writes src/pypi/classifiers.txt and licenses.txt: what PyPI knows today, from the packages that it takes it from itself.

    python3 tools/pypi_lists.py [trove-classifiers==VERSION packaging==VERSION]

Without versions the newest are taken. The lists are data of the program: every change of them is a commit.
"""

import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent.parent / "src" / "pypi"


def main():
    wanted = sys.argv[1:] or ["trove-classifiers", "packaging"]
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--target", folder, *wanted], check=True)
        sys.path.insert(0, folder)
        from importlib.metadata import distributions

        versions = {one.name.lower(): one.version for one in distributions(path=[folder])}
        classifiers(versions["trove-classifiers"])
        licenses(versions["packaging"])


def classifiers(version):
    """`2026.9.21.13` was made on 2026-09-21. A line is a classifier, or a retired one and what stands for it, by tabs."""
    from trove_classifiers import deprecated_classifiers, sorted_classifiers

    year, month, day = version.split(".")[:3]
    lines = [f"# {year}-{month:>02}-{day:>02} trove-classifiers {version}"]
    lines += sorted(sorted_classifiers)
    lines += ["\t".join(["", old, *new]) for old, new in sorted(deprecated_classifiers.items())]
    write("classifiers.txt", lines)


def licenses(version):
    """A line is an SPDX identifier, or `WITH` and an exception."""
    from packaging.licenses import _spdx

    lines = [f"# SPDX {_spdx.VERSION} packaging {version}"]
    lines += sorted((one["id"] for one in _spdx.LICENSES.values()), key=str.lower)
    lines += sorted((f"WITH {one['id']}" for one in _spdx.EXCEPTIONS.values()), key=str.lower)
    write("licenses.txt", lines)


def write(name, lines):
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"{name}: {lines[0][2:]}, {len(lines) - 1} lines")


main()
