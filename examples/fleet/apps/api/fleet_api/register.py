"""The register of ships, a JSON file."""

import json
import pathlib


def read(path):
    """Name: ship. Two ships of one name are an error: the second could not be asked for."""
    ships = json.loads(pathlib.Path(path).read_text())
    named = {ship["name"]: ship for ship in ships}
    if len(named) != len(ships):
        raise ValueError(f"{path} has two ships of one name")
    return named
