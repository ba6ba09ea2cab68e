#!/usr/bin/env python3
"""A far registry on loopback: `netsim.py TARGET-PORT [ROUND-TRIP-MS] [MBIT]` relays TCP and prints its own port.

Both directions have the bandwidth each, shared by all connections, and half the round trip as delay. What a client says
on a new connection waits two round trips more: that is how long the handshakes of TCP and TLS 1.3 take far away.
`with Link(port) as link:` runs it as a process of its own, so that its CPU time counts for nobody.
"""

import asyncio
import contextlib
import subprocess
import sys
import time

ROUND_TRIP_MS, MBIT = 40, 200
HANDSHAKES = 2
CHUNK = 16 * 1024
# What may be on the way in one direction of one connection: 200 Mbit/s for 40 ms is 1 MB.
ON_THE_WAY = 64


class Link:
    """`port` is where to knock instead."""

    def __init__(self, target, round_trip_ms=ROUND_TRIP_MS, mbit=MBIT):
        self.command = [sys.executable, __file__, *map(str, (target, round_trip_ms, mbit))]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Wire:
    """One direction: one byte after the other, each there half a round trip after it was sent."""

    def __init__(self, round_trip, bytes_per_second):
        self.delay, self.bytes_per_second = round_trip / 2, bytes_per_second
        self.busy_until = 0.0

    def arrival(self, size, earliest):
        start = max(self.busy_until, earliest, time.monotonic())
        self.busy_until = start + size / self.bytes_per_second
        return self.busy_until + self.delay


async def main(target, round_trip_ms=ROUND_TRIP_MS, mbit=MBIT):
    round_trip, bytes_per_second = float(round_trip_ms) / 1000, float(mbit) * 1e6 / 8
    there, back = (Wire(round_trip, bytes_per_second) for _ in range(2))

    async def connected(client, to_client):
        ready = time.monotonic() + HANDSHAKES * round_trip
        with contextlib.suppress(OSError):
            server, to_server = await asyncio.open_connection("127.0.0.1", int(target))
            await asyncio.gather(carry(client, to_server, there, ready), carry(server, to_client, back, ready))
            to_server.close()
        to_client.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


async def carry(source, sink, wire, ready):
    sent = asyncio.Queue(ON_THE_WAY)
    delivery = asyncio.create_task(deliver(sent, sink))
    chunk = b"-"
    while chunk:
        try:
            chunk = await source.read(CHUNK)
        except OSError:
            chunk = b""
        # An empty one is the end, which travels as the bytes do.
        await sent.put((wire.arrival(len(chunk), ready), chunk))
    await delivery


async def deliver(sent, sink):
    """To its end even when nobody listens any more: who sends must not wait for a queue that nobody empties."""
    chunk = b"-"
    while chunk:
        arrival, chunk = await sent.get()
        await asyncio.sleep(max(0.0, arrival - time.monotonic()))
        with contextlib.suppress(OSError):
            if chunk:
                sink.write(chunk)
                await sink.drain()
            else:
                sink.write_eof()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
