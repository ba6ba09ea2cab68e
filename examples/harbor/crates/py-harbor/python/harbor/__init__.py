"""The berths of a harbor."""

from ._harbor import Harbor, Server, has_server

__all__ = ["Harbor", "Server", "has_server"]
