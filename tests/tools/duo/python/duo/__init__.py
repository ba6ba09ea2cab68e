"""Counts words, or does not."""

from ._duo import SERVER


def main() -> None:
    print("server" if SERVER else "client")
