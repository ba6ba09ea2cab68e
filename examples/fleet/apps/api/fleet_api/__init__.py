"""The ships of a fleet over HTTP, with nothing but the standard library."""

import pathlib


def version():
    """The build wrote it beside this file, out of pyproject.toml."""
    return (pathlib.Path(__file__).parent / "VERSION").read_text().strip()
